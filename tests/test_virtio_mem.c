/* SPDX-License-Identifier: MIT */
/*
 * The front end for virtio-mem with an honest device: it follows the requested
 * size up and down, in sub-blocks and in big blocks, around memory that is in
 * use, and leaves nothing behind.
 */
#include <stdlib.h>
#include <string.h>

#include "mhp/policy.h"
#include "vmem_support.h"

static uint64_t pageblock_bytes(const struct machine *mc)
{
	return UINT64_C(1) << mc->g->pageblock_shift;
}

/* Device blocks of every relation to pageblocks and memory blocks. */
static unsigned int block_sizes(const struct machine *mc, uint64_t sizes[5])
{
	uint64_t pageblock = pageblock_bytes(mc);
	uint64_t block = mhp_block_bytes(mc->g);

	sizes[0] = mhp_page_bytes(mc->g);
	sizes[1] = pageblock;
	sizes[2] = block / 2;
	sizes[3] = block;
	sizes[4] = 2 * block;
	return 5;
}

/* The size that a request ends in: whole sub-blocks, and for the last unit at
 * least those that come first. */
static void follow_to(struct vmem_rig *rig, uint64_t size_bytes)
{
	struct mhp_report report = {.code = 0};
	int err = vmem_follow(rig, size_bytes, &report);
	uint64_t plugged = rig->vm.plugged_bytes;

	if (err) {
		char text[256];

		mhp_report_text(&report, text, sizeof(text));
		fail_msg("%d: %s", err, text);
	}
	assert_true(plugged <= size_bytes);
	assert_true(size_bytes - plugged < rig->vm.unit_bytes);
	assert_int_equal(plugged % rig->vm.sub_bytes, 0);
	/* All that is plugged is used. */
	assert_int_equal(
		mhp_bytes_from_pages(rig->mc->g, vmem_usable_pages(rig)),
		plugged);
}

static void life(struct machine *mc, uint64_t block_size,
		 enum mhp_placement placement)
{
	uint64_t region = vmem_config(mc, block_size).region_size, size, step;
	struct vmem_rig rig;
	char *before = snapshot(mc, 0);

	vmem_open_mode(&rig, mc, block_size, MHP_VIRTIO_MEM_AUTO, placement);
	follow_to(&rig, 0);
	step = rig.vm.sub_bytes * 3;
	for (size = 0; size + step <= region; size += step)
		follow_to(&rig, size);
	follow_to(&rig, region);
	assert_int_equal(rig.vm.plugged_bytes, region);
	for (size = region; size >= step; size -= step)
		follow_to(&rig, size);
	follow_to(&rig, region / 2 / block_size * block_size);
	follow_to(&rig, 0);
	unchanged(mc, before, 0);
	before = snapshot(mc, 0);
	follow_to(&rig, region);
	vmem_close(&rig);
	unchanged(mc, before, 0);
}

static void test_life(struct machine *mc)
{
	uint64_t sizes[5];
	unsigned int i, nr = block_sizes(mc, sizes);

	for (i = 0; i < nr; i++) {
		life(mc, sizes[i], MHP_PLACEMENT_AUTO);
		life(mc, sizes[i], MHP_PLACEMENT_EXISTING);
	}
}

static void test_modes(struct machine *mc)
{
	struct vmem_rig rig;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	assert_int_equal(rig.vm.sub_bytes, pageblock_bytes(mc));
	assert_int_equal(rig.vm.unit_bytes, mhp_block_bytes(mc->g));
	vmem_close(&rig);
	vmem_open(&rig, mc, 2 * mhp_block_bytes(mc->g));
	assert_int_equal(rig.vm.sub_bytes, rig.vm.unit_bytes);
	assert_int_equal(rig.vm.unit_bytes, 2 * mhp_block_bytes(mc->g));
	vmem_close(&rig);
	vmem_open_mode(&rig, mc, pageblock_bytes(mc), MHP_VIRTIO_MEM_BIG_BLOCK,
		       MHP_PLACEMENT_AUTO);
	assert_int_equal(rig.vm.sub_bytes, mhp_block_bytes(mc->g));
	follow_to(&rig, mhp_block_bytes(mc->g) * 5 / 2);
	assert_int_equal(rig.vm.plugged_bytes, mhp_block_bytes(mc->g) * 2);
	follow_to(&rig, mhp_block_bytes(mc->g) * 3 / 2);
	assert_int_equal(rig.vm.plugged_bytes, mhp_block_bytes(mc->g));
	vmem_close(&rig);
}

/* A memmap on the memory itself, of which only a part is plugged. */
static void test_hosted_partly(struct machine *mc)
{
	struct vmem_rig rig;
	struct mhp_block_info info;
	uint64_t size;

	vmem_open_mode(&rig, mc, pageblock_bytes(mc), MHP_VIRTIO_MEM_AUTO,
		       MHP_PLACEMENT_BLOCK);
	size = mhp_block_bytes(mc->g) - rig.vm.sub_bytes;
	follow_to(&rig, size);
	info = block_info(mc, FIRST_BLOCK);
	assert_int_equal(info.state, MHP_BLOCK_ONLINE);
	assert_int_equal(info.placement, MHP_PLACEMENT_BLOCK);
	assert_true(info.nr_memmap > 0);
	assert_int_equal(info.nr_memmap + info.nr_free + info.nr_allocated,
			 mhp_pages_from_bytes(mc->g, size));
	assert_int_equal(stat_now(mc).existing_memmap_bytes, 0);
	vmem_close(&rig);
}

/* Nothing can be plugged where other memory is; the rest is used. */
static void test_overlap(struct machine *mc)
{
	uint64_t block = mhp_block_bytes(mc->g);
	struct mhp_report report;
	struct vmem_rig rig;
	uint64_t asked;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_EXISTING), 0);
	assert_int_equal(vmem_follow(&rig, VMEM_NR_BLOCKS * block, &report),
			 MHP_ERR_EXIST);
	assert_int_equal(report.why, MHP_WHY_OVERLAP);
	assert_int_equal(report.pfn, block_start(mc, FIRST_BLOCK + 1));
	assert_int_equal(rig.vm.plugged_bytes, (VMEM_NR_BLOCKS - 1) * block);
	asked = mhp_model_vmem_nr_requests(rig.device);
	assert_int_equal(vmem_follow(&rig, VMEM_NR_BLOCKS * block, NULL),
			 MHP_ERR_EXIST);
	assert_int_equal(mhp_model_vmem_nr_requests(rig.device), asked);
	/* It is not the device's to remove. */
	assert_int_equal(vmem_follow(&rig, 0, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).state,
			 MHP_BLOCK_OFFLINE);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK + 1, 1), NULL),
		0);
	follow_to(&rig, VMEM_NR_BLOCKS * block);
	vmem_close(&rig);
}

/* A region that begins and ends inside memory blocks loses its ends. */
static void test_unaligned_region(struct machine *mc)
{
	uint64_t pageblock = pageblock_bytes(mc);
	struct mhp_virtio_mem_config *config;
	struct mhp_virtio_mem_setup setup;
	struct vmem_rig rig;

	vmem_open(&rig, mc, pageblock);
	setup = rig.vm.setup;
	assert_int_equal(mhp_virtio_mem_remove(mc->m, &rig.vm, 0, NULL), 0);
	config = mhp_model_vmem_config(rig.device);
	config->addr += pageblock;
	config->region_size -= pageblock;
	assert_int_equal(mhp_virtio_mem_probe(mc->m, &rig.vm, &setup, NULL), 0);
	assert_int_equal(rig.vm.nr_units, VMEM_NR_BLOCKS - 1);
	assert_int_equal(rig.vm.start_pfn, block_start(mc, FIRST_BLOCK + 1));
	assert_int_equal(vmem_follow(&rig, config->region_size, NULL),
			 MHP_ERR_NOSPC);
	assert_int_equal(rig.vm.plugged_bytes,
			 (VMEM_NR_BLOCKS - 1) * mhp_block_bytes(mc->g));
	vmem_close(&rig);
}

/* Only what is usable is asked for. */
static void test_usable(struct machine *mc)
{
	uint64_t block = mhp_block_bytes(mc->g);
	struct vmem_rig rig;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	mhp_model_vmem_set_margin(rig.device, 0);
	follow_to(&rig, 2 * block);
	follow_to(&rig, 3 * block);
	mhp_model_vmem_config(rig.device)->requested_size = 5 * block;
	assert_int_equal(mhp_virtio_mem_run(mc->m, &rig.vm, 0, NULL),
			 MHP_ERR_NOSPC);
	vmem_check(&rig);
	assert_int_equal(rig.vm.plugged_bytes, 3 * block);
	follow_to(&rig, block);
	vmem_close(&rig);
}

/* Memory in use: what can go goes, the rest when it can. */
static void test_in_use(struct machine *mc)
{
	uint64_t block = mhp_block_bytes(mc->g), plugged;
	struct mhp_report report;
	struct vmem_rig rig;
	struct shelf *shelf;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	follow_to(&rig, 2 * block);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK, 0, 3);
	shelf_fill(shelf, FIRST_BLOCK + 1, 0, 3);
	shelf->items[4].pins = 1;
	assert_int_equal(vmem_follow(&rig, 0, &report), MHP_ERR_AGAIN);
	assert_int_equal(report.code, MHP_ERR_AGAIN);
	assert_int_equal(report.pfn, shelf->items[4].pfn);
	assert_string_equal(report.owner_name, SHELF_NAME);
	assert_int_equal(mhp_block_query(mc->m, FIRST_BLOCK,
					 &(struct mhp_block_info){0}),
			 MHP_ERR_NOENT);
	plugged = rig.vm.plugged_bytes;
	assert_true(plugged > 0 && plugged < block);
	shelf_verify(shelf);
	/* It is all used again if it is requested again. */
	follow_to(&rig, 2 * block);
	assert_int_equal(
		mhp_virtio_mem_remove(mc->m, &rig.vm, MHP_NO_DEADLINE, &report),
		MHP_ERR_BUSY);
	vmem_check(&rig);
	assert_int_equal(report.pfn, shelf->items[4].pfn);
	shelf->items[4].pins = 0;
	follow_to(&rig, 0);
	shelf_verify(shelf);
	shelf_close(shelf);
	vmem_close(&rig);
}

/* People put blocks offline and remove them under the driver. */
static void test_by_hand(struct machine *mc)
{
	uint64_t block = mhp_block_bytes(mc->g);
	struct vmem_rig rig;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	follow_to(&rig, 2 * block - rig.vm.sub_bytes);
	assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK + 1,
					   MHP_NO_DEADLINE, NULL),
			 0);
	/* What is offline counts as plugged, and can grow and shrink. */
	assert_int_equal(vmem_follow(&rig, 2 * block, NULL), 0);
	assert_int_equal(rig.vm.plugged_bytes, 2 * block);
	assert_int_equal(vmem_follow(&rig, 2 * block - rig.vm.sub_bytes, NULL),
			 0);
	assert_int_equal(mhp_block_online(mc->m, FIRST_BLOCK + 1,
					  MHP_ONLINE_MOVABLE, NULL),
			 0);
	follow_to(&rig, 2 * block - rig.vm.sub_bytes);
	/* What was removed by hand is unplugged, and plugged anew. */
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	follow_to(&rig, 2 * block);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_ONLINE);
	vmem_close(&rig);
}

/* Memory that shall stay offline is plugged all the same. */
static void test_stays_offline(struct machine *mc)
{
	uint64_t block = mhp_block_bytes(mc->g);
	struct mhp_policy policy;
	struct vmem_rig rig;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	policy.auto_online = MHP_ONLINE_OFFLINE;
	assert_int_equal(mhp_policy_set(mc->m, &policy), 0);
	assert_int_equal(vmem_follow(&rig, 2 * block, NULL), 0);
	assert_int_equal(rig.vm.plugged_bytes, 2 * block);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_OFFLINE);
	assert_int_equal(vmem_follow(&rig, 0, NULL), 0);
	vmem_close(&rig);
}

static int veto(struct mhp_notifier *self, struct mhp *m,
		const struct mhp_notice *notice)
{
	(void)self;
	(void)m;
	return notice->event == MHP_EVENT_GOING_ONLINE ||
			       notice->event == MHP_EVENT_GOING_OFFLINE
		       ? MHP_ERR_PERM
		       : 0;
}

/* Blocks that may not go online are plugged, those that may not go offline
 * stay; but their sub-blocks need not ask. */
static void test_vetoed(struct machine *mc)
{
	struct mhp_notifier notifier = {.notify = veto};
	uint64_t block = mhp_block_bytes(mc->g);
	struct mhp_report report;
	struct vmem_rig rig;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	follow_to(&rig, block);
	assert_int_equal(mhp_notifier_register(mc->m, &notifier), 0);
	assert_int_equal(vmem_follow(&rig, 2 * block, NULL), 0);
	assert_int_equal(rig.vm.plugged_bytes, 2 * block);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).state,
			 MHP_BLOCK_OFFLINE);
	assert_int_equal(vmem_follow(&rig, 0, &report), MHP_ERR_AGAIN);
	assert_int_equal(report.why, MHP_WHY_VETO);
	assert_true(rig.vm.plugged_bytes < block);
	assert_int_equal(mhp_notifier_unregister(mc->m, &notifier), 0);
	follow_to(&rig, 0);
	vmem_close(&rig);
}

/* The deadline has passed before anything could move. */
static void test_late(struct machine *mc)
{
	uint64_t block = mhp_block_bytes(mc->g);
	struct mhp_report report;
	struct vmem_rig rig;
	struct shelf *shelf;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	follow_to(&rig, block);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK, 0, 2);
	mhp_model_advance(mc->model, 100);
	mhp_model_vmem_set_requested(rig.device, 0);
	assert_int_equal(mhp_virtio_mem_run(mc->m, &rig.vm, 50, &report),
			 MHP_ERR_AGAIN);
	assert_int_equal(report.code, MHP_ERR_AGAIN);
	assert_int_equal(report.why, MHP_WHY_DEADLINE);
	vmem_check(&rig);
	assert_int_equal(rig.vm.plugged_bytes, block);
	follow_to(&rig, 0);
	shelf_verify(shelf);
	shelf_close(shelf);
	vmem_close(&rig);
}

/* A device at whose request somebody begins to take a block offline. */
struct meanwhile {
	struct vmem_rig *rig;
	bool begun;
	struct mhp_offline op;
};

static int meanwhile_read(void *ctx, struct mhp_virtio_mem_config *config)
{
	struct meanwhile *w = ctx;

	return mhp_model_vmem_ops.read_config(w->rig->device, config);
}

static int meanwhile_request(void *ctx, enum mhp_virtio_mem_request type,
			     mhp_pa_t start, uint16_t nr_blocks,
			     struct mhp_virtio_mem_answer *answer)
{
	struct meanwhile *w = ctx;

	if (type == MHP_VIRTIO_MEM_PLUG && !w->begun)
		assert_int_equal(mhp_offline_begin(w->rig->mc->m, &w->op,
						   FIRST_BLOCK, MHP_NO_DEADLINE,
						   0, NULL),
				 0);
	w->begun = true;
	return mhp_model_vmem_ops.request(w->rig->device, type, start,
					  nr_blocks, answer);
}

static const struct mhp_virtio_mem_ops meanwhile_ops = {
	.size_bytes = sizeof(meanwhile_ops),
	.read_config = meanwhile_read,
	.request = meanwhile_request,
};

/* What was plugged for a block that cannot take it is unplugged again, and
 * another block gets it. */
static void test_in_transition(struct machine *mc)
{
	uint64_t block = mhp_block_bytes(mc->g), last;
	struct mhp_virtio_mem_setup honest;
	struct vmem_rig rig;
	struct meanwhile w = {.rig = &rig};

	vmem_open(&rig, mc, pageblock_bytes(mc));
	follow_to(&rig, block - rig.vm.sub_bytes);
	last = (FIRST_BLOCK + 1) * block - rig.vm.sub_bytes;
	honest = rig.vm.setup;
	rig.vm.setup.ops = &meanwhile_ops;
	rig.vm.setup.ops_ctx = &w;
	assert_int_equal(vmem_follow(&rig, block, NULL), 0);
	assert_int_equal(rig.vm.plugged_bytes, block);
	assert_false(mhp_model_vmem_is_plugged(rig.device, last));
	mhp_offline_cancel(mc->m, &w.op);
	rig.vm.setup = honest;
	follow_to(&rig, block);
	vmem_close(&rig);
}

/* A memmap of several sub-blocks comes and goes with the block. */
static void test_wide_memmap(struct machine *mc)
{
	const struct machine_case wide = {
		.name = "wide",
		.geometry = {.page_shift = 12,
			     .pmd_shift = 14,
			     .pageblock_shift = 14,
			     .section_shift = 18,
			     .block_shift = 20,
			     .phys_bits = 40,
			     .descriptor_bytes = 96,
			     .nr_nodes = 1,
			     .nr_cpus = 1},
	};
	uint64_t block = mhp_block_bytes(&wide.geometry);
	struct vmem_rig rig;
	struct machine own;

	machine_end(mc);
	machine_start(&own, &wide, 0);
	vmem_open(&rig, &own, pageblock_bytes(&own));
	/* 24 KiB of descriptors are two pageblocks. */
	follow_to(&rig, rig.vm.sub_bytes);
	assert_int_equal(rig.vm.plugged_bytes, 0);
	follow_to(&rig, 2 * rig.vm.sub_bytes);
	assert_int_equal(rig.vm.plugged_bytes, 2 * rig.vm.sub_bytes);
	follow_to(&rig, 3 * rig.vm.sub_bytes);
	assert_int_equal(rig.vm.plugged_bytes, 3 * rig.vm.sub_bytes);
	follow_to(&rig, 2 * rig.vm.sub_bytes);
	assert_int_equal(rig.vm.plugged_bytes, 2 * rig.vm.sub_bytes);
	follow_to(&rig, rig.vm.sub_bytes);
	assert_int_equal(rig.vm.plugged_bytes, 0);
	follow_to(&rig, block + 2 * rig.vm.sub_bytes);
	follow_to(&rig, block + rig.vm.sub_bytes);
	vmem_close(&rig);
	life(&own, pageblock_bytes(&own), MHP_PLACEMENT_BLOCK);
	machine_end(&own);
}

/* What the device had plugged before is unplugged first. */
static void test_plugged_before(struct machine *mc)
{
	struct mhp_virtio_mem_setup setup;
	struct vmem_rig rig, other;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	follow_to(&rig, mhp_block_bytes(mc->g));
	/* Somebody who forgot to unplug: the memory goes, the device stays. */
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(mhp_group_unregister(mc->m, &rig.vm.group), 0);
	other = rig;
	setup = rig.vm.setup;
	assert_int_equal(mhp_virtio_mem_probe(mc->m, &other.vm, &setup, NULL),
			 0);
	assert_true(other.vm.unplug_all);
	mhp_model_vmem_lie(other.device, MHP_MODEL_VMEM_BUSY, 0, 1);
	assert_int_equal(vmem_follow(&other, 0, NULL), MHP_ERR_AGAIN);
	assert_int_equal(vmem_follow(&other, 0, NULL), 0);
	assert_int_equal(mhp_model_vmem_config(other.device)->plugged_size, 0);
	follow_to(&other, 2 * mhp_block_bytes(mc->g));
	vmem_close(&other);
}

static const struct machine_test tests[] = {
	{"life", test_life},
	{"modes", test_modes},
	{"hosted_partly", test_hosted_partly},
	{"overlap", test_overlap},
	{"unaligned_region", test_unaligned_region},
	{"usable", test_usable},
	{"in_use", test_in_use},
	{"by_hand", test_by_hand},
	{"stays_offline", test_stays_offline},
	{"vetoed", test_vetoed},
	{"late", test_late},
	{"in_transition", test_in_transition},
	{"plugged_before", test_plugged_before},
};

/* Of a geometry of its own. */
static const struct machine_test single_tests[] = {
	{"wide_memmap", test_wide_memmap},
};

int main(void)
{
	int failed = machine_run("virtio_mem", tests,
				 sizeof(tests) / sizeof(tests[0]), true);

	return failed +
	       machine_run("virtio_mem_single", single_tests, 1, false);
}
