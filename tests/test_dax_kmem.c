/* SPDX-License-Identifier: MIT */
/*
 * The front end for DAX devices, on the model of one that may say anything of
 * its memory.
 */
#include <stdlib.h>

#include "device_dax.h"
#include "mhp/policy.h"
#include "support.h"

/* A device and its front end. */
struct bench {
	struct mhp_model_dax dax;
	struct mhp_kmem kmem;
};

static struct mhp_extent extent_make(struct machine *mc, uint64_t block_id,
				     uint64_t nr)
{
	return (struct mhp_extent){
		.start = mhp_pa_from_pfn(mc->g, block_start(mc, block_id)),
		.size_bytes = nr * mhp_block_bytes(mc->g),
	};
}

static void bench_open(struct machine *mc, struct bench *b, uint32_t nr)
{
	*b = (struct bench){
		.dax = {.model = mc->model, .nr_extents = nr},
		.kmem = {.extents = b->dax.extents,
			 .ranges = b->dax.ranges,
			 .nr_extents = nr,
			 .ops = &mhp_model_dax_ops,
			 .ctx = &b->dax},
	};
	b->dax.extents[0] = extent_make(mc, FIRST_BLOCK, 2);
	b->dax.extents[1] = extent_make(mc, FIRST_BLOCK + 4, 1);
	b->dax.extents[2] = extent_make(mc, FIRST_BLOCK + 6, 2);
}

static int bind(struct machine *mc, struct bench *b, struct mhp_report *report)
{
	return mhp_kmem_bind(mc->m, &b->kmem, report);
}

static int unbind(struct machine *mc, struct bench *b, uint32_t flags,
		  struct mhp_report *report)
{
	return mhp_kmem_unbind(mc->m, &b->kmem, MHP_NO_DEADLINE, flags, report);
}

static void auto_online(struct machine *mc, enum mhp_online_type type)
{
	struct mhp_policy policy;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	policy.auto_online = type;
	assert_int_equal(mhp_policy_set(mc->m, &policy), 0);
}

static void test_life(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct mhp_resource resource;
	struct bench b;

	bench_open(mc, &b, 3);
	assert_int_equal(bind(mc, &b, NULL), 0);
	assert_true(b.kmem.bound);
	assert_int_equal(b.dax.nr_reserved, 3);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 7).state,
			 MHP_BLOCK_OFFLINE);
	assert_int_equal(mhp_resource_next(mc->m, block_start(mc, FIRST_BLOCK),
					   &resource),
			 0);
	assert_int_equal(resource.kind, MHP_RESOURCE_KMEM);
	assert_int_equal(resource.range.nr_pages, 2 * mhp_block_pages(mc->g));
	assert_int_equal(b.kmem.group.nr_blocks, 5);
	assert_int_equal(bind(mc, &b, NULL), MHP_ERR_ALREADY);
	assert_int_equal(unbind(mc, &b, 0, NULL), 0);
	assert_int_equal(unbind(mc, &b, 0, NULL), 0);
	assert_int_equal(b.dax.nr_reserved, 0);
	unchanged(mc, before, 0);
}

/* Ends that are not whole blocks are left to the device. */
static void test_shrunk(struct machine *mc)
{
	uint64_t page_bytes = mhp_page_bytes(mc->g);
	char *before = snapshot(mc, 0);
	struct mhp_block_info info;
	struct mhp_report report;
	struct bench b;

	bench_open(mc, &b, 3);
	b.dax.extents[0].start.bytes += page_bytes;
	b.dax.extents[0].size_bytes += page_bytes;
	b.dax.extents[1].size_bytes -= 1;
	assert_int_equal(bind(mc, &b, &report), 0);
	assert_int_equal(report.code, 0);
	assert_int_equal(report.why, MHP_WHY_UNALIGNED);
	assert_int_equal(b.kmem.nr_ranges, 2);
	assert_int_equal(mhp_block_query(mc->m, FIRST_BLOCK, &info),
			 MHP_ERR_NOENT);
	assert_int_equal(mhp_block_query(mc->m, FIRST_BLOCK + 1, &info), 0);
	assert_int_equal(mhp_block_query(mc->m, FIRST_BLOCK + 2, &info),
			 MHP_ERR_NOENT);
	assert_int_equal(unbind(mc, &b, 0, NULL), 0);
	unchanged(mc, before, 0);
}

static void assert_refused(struct machine *mc, struct bench *b, int code,
			   enum mhp_why why)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;

	assert_int_equal(bind(mc, b, &report), code);
	assert_int_equal(report.code, code);
	assert_int_equal(report.why, why);
	assert_false(b->kmem.bound);
	assert_int_equal(b->dax.nr_reserved, 0);
	assert_int_equal(unbind(mc, b, 0, NULL), 0);
	unchanged(mc, before, 0);
}

static void test_refused(struct machine *mc)
{
	struct bench b;

	bench_open(mc, &b, 1);
	b.kmem.node = -1;
	assert_refused(mc, &b, MHP_ERR_INVAL, MHP_WHY_BAD_NODE);
	b.kmem.node = mc->g->nr_nodes;
	assert_refused(mc, &b, MHP_ERR_INVAL, MHP_WHY_BAD_NODE);
	bench_open(mc, &b, 0);
	assert_refused(mc, &b, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	bench_open(mc, &b, 1);
	b.dax.extents[0].size_bytes = mhp_block_bytes(mc->g) - 1;
	assert_refused(mc, &b, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	/* Around the end of all addresses. */
	b.dax.extents[0] = (struct mhp_extent){{UINT64_MAX - 1}, 4096};
	assert_refused(mc, &b, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	b.dax.extents[0] = (struct mhp_extent){{UINT64_MAX - 1}, 1};
	assert_refused(mc, &b, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	b.dax.extents[0] = (struct mhp_extent){{1}, UINT64_MAX};
	assert_refused(mc, &b, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	b.dax.extents[0] = (struct mhp_extent){{1}, UINT64_MAX - 1};
	assert_refused(mc, &b, MHP_ERR_2BIG, MHP_WHY_BEYOND_END);
	b.dax.extents[0] = extent_make(mc, 1, 1);
	assert_refused(mc, &b, MHP_ERR_EXIST, MHP_WHY_OVERLAP);
	bench_open(mc, &b, 3);
	b.dax.refuse = 1;
	assert_refused(mc, &b, MHP_ERR_BUSY, MHP_WHY_HOST_FAILED);
}

/* What fails later is left out: a reservation, and what overlaps. */
static void test_left_out(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	struct bench b;

	bench_open(mc, &b, 3);
	b.dax.refuse = 2;
	b.dax.extents[2] = extent_make(mc, FIRST_BLOCK + 1, 2);
	assert_int_equal(bind(mc, &b, &report), 0);
	assert_int_equal(report.code, 0);
	assert_int_equal(report.why, MHP_WHY_HOST_FAILED);
	assert_int_equal(b.kmem.nr_ranges, 1);
	assert_int_equal(b.dax.nr_reserved, 1);
	check_ok(mc);
	assert_int_equal(unbind(mc, &b, 0, NULL), 0);
	unchanged(mc, before, 0);
}

static void test_unbind(struct machine *mc)
{
	struct mhp_report report;
	struct shelf *shelf;
	struct bench b;
	char *before, *bound;

	before = snapshot(mc, SNAP_NO_PAGES);
	auto_online(mc, MHP_ONLINE_MOVABLE);
	bench_open(mc, &b, 3);
	assert_int_equal(bind(mc, &b, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 6).zone,
			 MHP_ZONE_MOVABLE);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK + 7, 0, 1);
	bound = snapshot(mc, SNAP_NO_PAGES);
	assert_int_equal(unbind(mc, &b, 0, &report), MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_WRONG_STATE);
	shelf->items[0].pins = 1;
	assert_int_equal(unbind(mc, &b, MHP_KMEM_OFFLINE, &report),
			 MHP_ERR_BUSY);
	assert_int_equal(report.pfn, shelf->items[0].pfn);
	assert_true(b.kmem.bound);
	assert_int_equal(b.dax.nr_reserved, 3);
	unchanged(mc, bound, SNAP_NO_PAGES);
	assert_int_equal(unbind(mc, &b, MHP_KMEM_OFFLINE | 1u << 9, NULL),
			 MHP_ERR_INVAL);
	shelf->items[0].pins = 0;
	assert_int_equal(unbind(mc, &b, MHP_KMEM_OFFLINE, NULL), 0);
	assert_int_equal(b.dax.nr_reserved, 0);
	shelf_verify(shelf);
	shelf_close(shelf);
	unchanged(mc, before, SNAP_NO_PAGES);
}

/* Somebody else removed all of it: it can be unbound all the same. */
static void test_gone(struct machine *mc)
{
	struct bench b;

	bench_open(mc, &b, 1);
	assert_int_equal(bind(mc, &b, NULL), 0);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK, 2), NULL), 0);
	assert_int_equal(unbind(mc, &b, 0, NULL), 0);
	assert_false(b.kmem.bound);
}

static void test_memmap(struct machine *mc)
{
	struct mhp_report report;
	struct bench b;

	bench_open(mc, &b, 1);
	assert_int_equal(mhp_kmem_memmap_on_memory(mc->m, &b.kmem), 1);
	assert_int_equal(
		mhp_kmem_set_memmap_on_memory(mc->m, &b.kmem, false, NULL), 0);
	assert_int_equal(mhp_kmem_memmap_on_memory(mc->m, &b.kmem), 0);
	assert_int_equal(bind(mc, &b, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK).placement,
			 MHP_PLACEMENT_EXISTING);
	assert_int_equal(
		mhp_kmem_set_memmap_on_memory(mc->m, &b.kmem, false, NULL), 0);
	assert_int_equal(
		mhp_kmem_set_memmap_on_memory(mc->m, &b.kmem, true, &report),
		MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_DEVICE_STATE);
	assert_int_equal(unbind(mc, &b, 0, NULL), 0);
	assert_int_equal(
		mhp_kmem_set_memmap_on_memory(mc->m, &b.kmem, true, NULL), 0);
	assert_int_equal(bind(mc, &b, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).placement,
			 MHP_PLACEMENT_BLOCK);
	assert_int_equal(unbind(mc, &b, 0, NULL), 0);
}

/* Linux with the parameter off: no device can have it. */
static void test_memmap_off(struct machine *mc)
{
	struct mhp_boot_range boot[2];
	struct mhp_model_config config = machine_config(mc->c, boot);
	struct bench b;

	machine_end(mc);
	config.profile = MHP_PROFILE_LINUX_6_12;
	config.memmap_on_memory = MHP_MEMMAP_OFF;
	machine_start_config(mc, mc->c, &config);
	bench_open(mc, &b, 1);
	assert_int_equal(
		mhp_kmem_set_memmap_on_memory(mc->m, &b.kmem, true, NULL),
		MHP_ERR_OPNOTSUPP);
	assert_int_equal(b.kmem.placement, MHP_PLACEMENT_AUTO);
	assert_int_equal(
		mhp_kmem_set_memmap_on_memory(mc->m, &b.kmem, false, NULL), 0);
}

/* Whatever fails: the device is bound to some of it, or not at all. */
static void test_faults(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	bool failed = true;
	uint64_t k;

	for (k = 1; failed; k++) {
		struct bench b;
		int err;

		bench_open(mc, &b, 3);
		mhp_model_fail(mc->model,
			       k % 2 ? MHP_MODEL_FAIL_ONCE
				     : MHP_MODEL_FAIL_FROM_THEN,
			       (k + 1) / 2);
		err = bind(mc, &b, NULL);
		failed = mhp_model_faults(mc->model) > 0;
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		assert_int_equal(b.kmem.bound, !err);
		assert_int_equal(b.dax.nr_reserved, b.kmem.nr_ranges);
		assert_int_equal(err, b.kmem.nr_ranges ? 0 : MHP_ERR_NOMEM);
		assert_true(failed || b.kmem.nr_ranges == 3);
		check_ok(mc);
		if (err) {
			char *after = snapshot(mc, 0);

			assert_same(before, after);
			free(after);
		}
		assert_int_equal(unbind(mc, &b, 0, NULL), 0);
	}
	assert_true(k > 12);
	unchanged(mc, before, 0);
}

static const struct machine_test tests[] = {
	{"life", test_life},	   {"shrunk", test_shrunk},
	{"refused", test_refused}, {"left_out", test_left_out},
	{"unbind", test_unbind},   {"gone", test_gone},
	{"memmap", test_memmap},   {"memmap_off", test_memmap_off},
	{"faults", test_faults},
};

int main(void)
{
	return machine_run("dax_kmem", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
