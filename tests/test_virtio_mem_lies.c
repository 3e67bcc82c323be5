/* SPDX-License-Identifier: MIT */
/*
 * The front end for virtio-mem with devices that are not to be trusted, and
 * with a port that fails: at every request and at every operation, one after
 * the other. Whatever happens the engine is sound and uses only what is
 * plugged; when the device is honest again it follows, and one that broke its
 * protocol is left alone and can be removed.
 */
#include <stdlib.h>
#include <string.h>

#include "vmem_support.h"

/* More rounds than any trial needs to reach a size again. */
#define MANY_ROUNDS 8
/* More requests or operations than any round makes. */
#define MANY_CALLS 3000
#define NR_STEPS 150

static uint64_t pageblock_bytes(const struct machine *mc)
{
	return UINT64_C(1) << mc->g->pageblock_shift;
}

static int run(struct vmem_rig *rig, struct mhp_report *report)
{
	int err = mhp_virtio_mem_run(rig->mc->m, &rig->vm, MHP_NO_DEADLINE,
				     report);

	vmem_check(rig);
	return err;
}

/* What happens to a device: from where, to where. */
struct subject {
	const char *name;
	uint64_t from_halves; /* of memory blocks */
	uint64_t to_halves;
};

static const struct subject subjects[] = {
	{"new units", 0, 5}, {"fill and new", 3, 10}, {"less of one", 3, 2},
	{"shrink", 11, 1},   {"to nothing", 12, 0},
};

static uint64_t halves(const struct vmem_rig *rig, uint64_t nr)
{
	uint64_t size = nr * (mhp_block_bytes(rig->mc->g) / 2);

	return size / rig->block_size * rig->block_size;
}

/* ---- requests that are answered dishonestly ---- */

struct lie {
	enum mhp_model_vmem_lie lie;
	int err; /* of the round that meets it */
};

static const struct lie lies[] = {
	{MHP_MODEL_VMEM_BUSY, MHP_ERR_AGAIN},
	{MHP_MODEL_VMEM_NACK, MHP_ERR_AGAIN},
	{MHP_MODEL_VMEM_UNSENT, MHP_ERR_AGAIN},
	{MHP_MODEL_VMEM_SILENT, MHP_ERR_AGAIN},
	{MHP_MODEL_VMEM_SILENT_DONE, MHP_ERR_AGAIN},
	{MHP_MODEL_VMEM_HALF_DONE, MHP_ERR_AGAIN},
	{MHP_MODEL_VMEM_ERROR, MHP_ERR_IO},
	{MHP_MODEL_VMEM_NONSENSE, MHP_ERR_IO},
	{MHP_MODEL_VMEM_DEAD, MHP_ERR_IO},
};

/* It follows again, or what it has stays and it can be removed. */
static void recover(struct vmem_rig *rig, uint64_t size_bytes)
{
	struct mhp_report report;
	int i, err = MHP_ERR_AGAIN;
	char *before;

	for (i = 0; i < MANY_ROUNDS && err == MHP_ERR_AGAIN; i++)
		err = run(rig, &report);
	if (!rig->vm.broken) {
		assert_int_equal(err, 0);
		assert_true(rig->vm.plugged_bytes <= size_bytes);
		assert_int_equal(mhp_bytes_from_pages(rig->mc->g,
						      vmem_usable_pages(rig)),
				 rig->vm.plugged_bytes);
		return;
	}
	before = snapshot(rig->mc, 0);
	assert_int_equal(run(rig, &report), MHP_ERR_IO);
	assert_int_equal(report.code, MHP_ERR_IO);
	unchanged(rig->mc, before, 0);
}

/* Returns whether the lie was told. */
static bool lie_once(struct machine *mc, uint64_t block_size,
		     const struct subject *s, const struct lie *lie,
		     unsigned int after)
{
	struct mhp_report report = {.code = 0};
	struct vmem_rig rig;
	bool told;
	int err;

	vmem_open(&rig, mc, block_size);
	assert_int_equal(vmem_follow(&rig, halves(&rig, s->from_halves), NULL),
			 0);
	mhp_model_vmem_lie(rig.device, lie->lie, after, 1);
	err = vmem_follow(&rig, halves(&rig, s->to_halves), &report);
	told = mhp_model_vmem_nr_lies(rig.device);
	assert_int_equal(err, told ? lie->err : 0);
	assert_int_equal(report.code, err);
	assert_int_equal(rig.vm.broken, err == MHP_ERR_IO);
	if (told)
		assert_int_equal(report.stage, MHP_STAGE_DEVICE);
	mhp_model_vmem_lie(rig.device, MHP_MODEL_VMEM_HONEST, 0, 0);
	recover(&rig, halves(&rig, s->to_halves));
	vmem_close(&rig);
	return told;
}

static void test_requests(struct machine *mc)
{
	const uint64_t sizes[] = {mhp_page_bytes(mc->g),
				  2 * mhp_block_bytes(mc->g)};
	unsigned int i, k, n, after;
	char *before = snapshot(mc, 0);

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		for (k = 0; k < sizeof(subjects) / sizeof(subjects[0]); k++)
			for (n = 0; n < 2; n++)
				for (after = 0;
				     lie_once(mc, sizes[n], &subjects[k],
					      &lies[i], after);
				     after++)
					assert_true(after < MANY_CALLS);
	unchanged(mc, before, 0);
}

/* It goes on: every request of a round fails, for several rounds. */
static void test_for_long(struct machine *mc)
{
	unsigned int i;

	for (i = 0; lies[i].err == MHP_ERR_AGAIN; i++) {
		char *before = snapshot(mc, 0);
		struct vmem_rig rig;
		int rounds;

		vmem_open(&rig, mc, pageblock_bytes(mc));
		assert_int_equal(vmem_follow(&rig, halves(&rig, 5), NULL), 0);
		mhp_model_vmem_lie(rig.device, lies[i].lie, 0, 6);
		(void)vmem_follow(&rig, halves(&rig, 2), NULL);
		for (rounds = 0; rounds < 5 && !rig.vm.broken; rounds++)
			(void)vmem_follow(&rig, halves(&rig, 7), NULL);
		mhp_model_vmem_lie(rig.device, MHP_MODEL_VMEM_HONEST, 0, 0);
		recover(&rig, halves(&rig, 7));
		vmem_close(&rig);
		unchanged(mc, before, 0);
	}
}

/* ---- configurations that are not so ---- */

static const struct lie config_lies[] = {
	{MHP_MODEL_VMEM_USABLE_SHRINKS, MHP_ERR_IO},
	{MHP_MODEL_VMEM_PLUGGED_WRONG, MHP_ERR_IO},
	{MHP_MODEL_VMEM_REQUESTED_HUGE, MHP_ERR_IO},
	{MHP_MODEL_VMEM_ADDR_MOVES, MHP_ERR_IO},
	{MHP_MODEL_VMEM_BLOCK_GROWS, MHP_ERR_IO},
	{MHP_MODEL_VMEM_UNREADABLE, MHP_ERR_IO},
	{MHP_MODEL_VMEM_CHANGES, MHP_ERR_AGAIN},
	{MHP_MODEL_VMEM_TORN, 0},
};

static void test_config(struct machine *mc)
{
	unsigned int i;

	for (i = 0; i < sizeof(config_lies) / sizeof(config_lies[0]); i++) {
		const struct lie *lie = &config_lies[i];
		struct mhp_report report = {.code = 0};
		struct vmem_rig rig;
		char *before;

		vmem_open(&rig, mc, pageblock_bytes(mc));
		assert_int_equal(vmem_follow(&rig, halves(&rig, 5), NULL), 0);
		before = snapshot(mc, 0);
		mhp_model_vmem_lie(rig.device, lie->lie, 0, 0);
		assert_int_equal(run(&rig, &report), lie->err);
		assert_int_equal(report.code, lie->err);
		assert_int_equal(rig.vm.broken, lie->err == MHP_ERR_IO);
		if (lie->err == MHP_ERR_IO)
			assert_int_equal(report.why, MHP_WHY_DEVICE_CONFIG);
		unchanged(mc, before, 0);
		mhp_model_vmem_lie(rig.device, MHP_MODEL_VMEM_HONEST, 0, 0);
		assert_int_equal(run(&rig, NULL),
				 lie->err == MHP_ERR_IO ? MHP_ERR_IO : 0);
		vmem_close(&rig);
	}
}

typedef void bend(const struct machine *mc, struct mhp_virtio_mem_config *c);

static void bend_no_block(const struct machine *mc,
			  struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->block_size = 0;
}

static void bend_odd_block(const struct machine *mc,
			   struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->block_size *= 3;
}

static void bend_small_block(const struct machine *mc,
			     struct mhp_virtio_mem_config *c)
{
	c->block_size = mhp_page_bytes(mc->g) / 2;
}

static void bend_addr(const struct machine *mc, struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->addr += c->block_size / 2;
}

static void bend_wrap(const struct machine *mc, struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->addr = 0 - c->block_size;
}

static void bend_wrap_region(const struct machine *mc,
			     struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->region_size = 0 - c->addr;
}

static void bend_beyond(const struct machine *mc,
			struct mhp_virtio_mem_config *c)
{
	c->addr = (NR_BLOCKS - 1) * mhp_block_bytes(mc->g);
}

static void bend_odd_region(const struct machine *mc,
			    struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->region_size += c->block_size / 2;
}

static void bend_node(const struct machine *mc, struct mhp_virtio_mem_config *c)
{
	c->node = mc->g->nr_nodes;
}

static void bend_usable(const struct machine *mc,
			struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->usable_region_size = c->region_size + c->block_size;
}

static void bend_plugged(const struct machine *mc,
			 struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->plugged_size = c->region_size + c->block_size;
}

static void bend_odd_plugged(const struct machine *mc,
			     struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->plugged_size = c->block_size / 2;
}

static void bend_requested(const struct machine *mc,
			   struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->requested_size = UINT64_MAX - c->block_size + 1;
}

static void bend_odd_requested(const struct machine *mc,
			       struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->requested_size = c->block_size + 1;
}

static void bend_tiny_region(const struct machine *mc,
			     struct mhp_virtio_mem_config *c)
{
	(void)mc;
	c->region_size = c->block_size;
}

static bend *const bends[] = {
	bend_no_block,	bend_odd_block,	    bend_small_block, bend_addr,
	bend_wrap,	bend_wrap_region,   bend_beyond,      bend_odd_region,
	bend_node,	bend_usable,	    bend_plugged,     bend_odd_plugged,
	bend_requested, bend_odd_requested, bend_tiny_region,
};

/* Nothing is known of a device that is wrong from the start. */
static void test_probe(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct mhp_virtio_mem_setup setup;
	struct mhp_virtio_mem_config *config, right;
	struct mhp_report report;
	struct vmem_rig rig;
	unsigned int i;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	setup = rig.vm.setup;
	assert_int_equal(mhp_virtio_mem_remove(mc->m, &rig.vm, 0, NULL), 0);
	config = mhp_model_vmem_config(rig.device);
	right = *config;
	for (i = 0; i < sizeof(bends) / sizeof(bends[0]); i++) {
		*config = right;
		bends[i](mc, config);
		report.code = 0;
		assert_int_equal(
			mhp_virtio_mem_probe(mc->m, &rig.vm, &setup, &report),
			MHP_ERR_IO);
		assert_int_equal(report.code, MHP_ERR_IO);
		assert_int_equal(report.why, MHP_WHY_DEVICE_CONFIG);
		assert_non_null(report.detail);
	}
	*config = right;
	setup.records_bytes--;
	assert_int_equal(mhp_virtio_mem_probe(mc->m, &rig.vm, &setup, NULL),
			 MHP_ERR_INVAL);
	setup.records_bytes++;
	setup.mode = MHP_VIRTIO_MEM_BIG_BLOCK + 1;
	assert_int_equal(mhp_virtio_mem_probe(mc->m, &rig.vm, &setup, NULL),
			 MHP_ERR_INVAL);
	setup.mode = MHP_VIRTIO_MEM_BIG_BLOCK;
	setup.unit_bytes = 3 * mhp_block_bytes(mc->g);
	assert_int_equal(mhp_virtio_mem_probe(mc->m, &rig.vm, &setup, NULL),
			 MHP_ERR_INVAL);
	setup.ops = NULL;
	assert_int_equal(mhp_virtio_mem_probe(mc->m, &rig.vm, &setup, NULL),
			 MHP_ERR_INVAL);
	mhp_model_vmem_lie(rig.device, MHP_MODEL_VMEM_CHANGES, 0, 0);
	setup = (struct mhp_virtio_mem_setup){.ops = &mhp_model_vmem_ops,
					      .ops_ctx = rig.device};
	assert_int_equal(mhp_virtio_mem_probe(mc->m, &rig.vm, &setup, NULL),
			 MHP_ERR_AGAIN);
	unchanged(mc, before, 0);
	vmem_forget(&rig);
}

/* ---- a device that does not want to leave ---- */

static void test_remove(struct machine *mc)
{
	struct mhp_report report;
	struct vmem_rig rig;
	char *before = snapshot(mc, 0);

	vmem_open(&rig, mc, pageblock_bytes(mc));
	assert_int_equal(vmem_follow(&rig, halves(&rig, 5), NULL), 0);
	mhp_model_vmem_lie(rig.device, MHP_MODEL_VMEM_BUSY, 0, 1);
	assert_int_equal(mhp_virtio_mem_remove(mc->m, &rig.vm, 0, &report),
			 MHP_ERR_AGAIN);
	assert_int_equal(report.why, MHP_WHY_DEVICE_BUSY);
	vmem_check(&rig);
	/* It may go on as well. */
	assert_int_equal(vmem_follow(&rig, halves(&rig, 5), NULL), 0);
	mhp_model_vmem_lie(rig.device, MHP_MODEL_VMEM_SILENT_DONE, 0, 1);
	assert_int_equal(mhp_virtio_mem_remove(mc->m, &rig.vm, 0, NULL),
			 MHP_ERR_AGAIN);
	assert_int_equal(mhp_virtio_mem_remove(mc->m, &rig.vm, 0, NULL), 0);
	vmem_forget(&rig);
	unchanged(mc, before, 0);
	vmem_open(&rig, mc, pageblock_bytes(mc));
	assert_int_equal(vmem_follow(&rig, halves(&rig, 5), NULL), 0);
	mhp_model_vmem_lie(rig.device, MHP_MODEL_VMEM_ERROR, 0, 1);
	assert_int_equal(mhp_virtio_mem_remove(mc->m, &rig.vm, 0, &report),
			 MHP_ERR_IO);
	vmem_close(&rig);
	check_ok(mc);
}

/* ---- a port that fails ---- */

/* Memory in use, so that unplugging has something to move. */
static struct shelf *fault_shelf(struct vmem_rig *rig, const struct subject *s)
{
	struct shelf *shelf = shelf_open(rig->mc);

	/* In the region, so that its move opens a pageblock elsewhere. */
	if (s->from_halves > s->to_halves)
		assert_non_null(shelf_alloc(shelf, NULL));
	return shelf;
}

/* Returns whether the call met the failure. */
static bool fault_once(struct machine *mc, const struct subject *s,
		       enum mhp_model_fault how, uint64_t k)
{
	struct mhp_report report = {.code = 0};
	struct vmem_rig rig;
	struct shelf *shelf;
	uint64_t plugged;
	char *before;
	bool met;
	int err;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	assert_int_equal(vmem_follow(&rig, halves(&rig, s->from_halves), NULL),
			 0);
	shelf = fault_shelf(&rig, s);
	before = snapshot(mc, SNAP_NO_PAGES);
	plugged = rig.vm.plugged_bytes;
	mhp_model_fail(mc->model, how, k);
	err = vmem_follow(&rig, halves(&rig, s->to_halves), &report);
	met = mhp_model_faults(mc->model) > 0;
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	if (err) {
		assert_true(met);
		assert_int_equal(report.code, err);
	}
	/* One unit is added or not; of several the first may be. */
	if (err && s->to_halves == 1 && !s->from_halves)
		assert_int_equal(rig.vm.plugged_bytes, plugged);
	if (err && rig.vm.plugged_bytes == plugged)
		unchanged(mc, before, SNAP_NO_PAGES);
	else
		free(before);
	shelf_verify(shelf);
	recover(&rig, halves(&rig, s->to_halves));
	shelf_close(shelf);
	vmem_close(&rig);
	return met;
}

/* Likewise, of a device that shall leave. */
static bool fault_remove_once(struct machine *mc, enum mhp_model_fault how,
			      uint64_t k)
{
	static const struct subject all = {"all", 6, 0};
	struct vmem_rig rig;
	struct shelf *shelf;
	char *before;
	bool met;
	int err;

	vmem_open(&rig, mc, pageblock_bytes(mc));
	assert_int_equal(vmem_follow(&rig, halves(&rig, all.from_halves), NULL),
			 0);
	shelf = fault_shelf(&rig, &all);
	before = snapshot(mc, SNAP_NO_PAGES);
	mhp_model_fail(mc->model, how, k);
	err = mhp_virtio_mem_remove(mc->m, &rig.vm, MHP_NO_DEADLINE, NULL);
	met = mhp_model_faults(mc->model) > 0;
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	shelf_verify(shelf);
	if (err) {
		unchanged(mc, before, SNAP_NO_PAGES);
		vmem_check(&rig);
		vmem_close(&rig);
	} else {
		free(before);
		vmem_forget(&rig);
	}
	shelf_close(shelf);
	return met;
}

static uint64_t fault_walk(struct machine *mc, const struct subject *s,
			   enum mhp_model_fault how)
{
	bool met = true;
	uint64_t k;

	for (k = 0; met; k++) {
		met = s ? fault_once(mc, s, how, k + 1)
			: fault_remove_once(mc, how, k + 1);
		/* Pageblocks that were never used. */
		machine_again(mc, 0);
	}
	return k - 1;
}

static void test_faults(struct machine *mc)
{
	static const struct subject one = {"one unit", 0, 1};
	unsigned int i;
	uint64_t nr = 0, nr_moves = 0;

	for (i = MHP_MODEL_FAIL_ONCE; i <= MHP_MODEL_FAIL_FROM_THEN; i++) {
		enum mhp_model_fault how = (enum mhp_model_fault)i;

		nr += fault_walk(mc, &one, how);
		nr += fault_walk(mc, &subjects[1], how);
		nr += fault_walk(mc, &subjects[3], how);
		nr_moves += fault_walk(mc, &subjects[4], how);
		nr_moves += fault_walk(mc, NULL, how);
	}
	/* A mapping and a record for each of four new blocks at least. */
	assert_true(nr >= 2 * 2 * 4);
	assert_true(nr_moves >= 2 * 2);
}

/* ---- everything at once ---- */

static void random_step(struct vmem_rig *rig, struct shelf *shelf,
			struct dice *dice)
{
	uint64_t nr = mhp_model_vmem_config(rig->device)->region_size /
		      rig->block_size;
	struct item *item = &shelf->items[dice_below(dice, NR_ITEMS)];

	if (item->live)
		item->pins = (uint32_t)dice_below(dice, 3) / 2;
	else
		(void)shelf_alloc(shelf, NULL);
	if (item->live && !item->pins && !dice_below(dice, 4))
		shelf_free(shelf, item);
	if (dice_below(dice, 3))
		return;
	/* Of the first five a device may recover. */
	mhp_model_vmem_lie(rig->device, lies[dice_below(dice, 5)].lie,
			   (unsigned int)dice_below(dice, 6),
			   (unsigned int)dice_below(dice, 4));
	(void)vmem_follow(rig, dice_below(dice, nr + 1) * rig->block_size,
			  NULL);
	assert_false(rig->vm.broken);
}

static void test_random(struct machine *mc)
{
	struct vmem_rig rig;
	struct shelf *shelf;
	struct dice dice;
	unsigned int i;

	dice_start(&dice, 7);
	vmem_open(&rig, mc, pageblock_bytes(mc));
	shelf = shelf_open(mc);
	for (i = 0; i < 3 * NR_STEPS; i++)
		random_step(&rig, shelf, &dice);
	shelf_verify(shelf);
	for (i = 0; i < NR_ITEMS; i++)
		shelf->items[i].pins = 0;
	mhp_model_vmem_lie(rig.device, MHP_MODEL_VMEM_HONEST, 0, 0);
	mhp_model_vmem_set_requested(rig.device, halves(&rig, 7));
	recover(&rig, halves(&rig, 7));
	shelf_verify(shelf);
	shelf_close(shelf);
	vmem_close(&rig);
}

static const struct machine_test tests[] = {
	{"requests", test_requests}, {"for_long", test_for_long},
	{"config", test_config},     {"probe", test_probe},
	{"remove", test_remove},     {"faults", test_faults},
	{"random", test_random},
};

int main(void)
{
	return machine_run("virtio_mem_lies", tests,
			   sizeof(tests) / sizeof(tests[0]), true);
}
