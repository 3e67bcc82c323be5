/* SPDX-License-Identifier: MIT */
/*
 * The front end for DIMMs: insert and eject, all or nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "mhp/acpi_dimm.h"
#include "mhp/policy.h"
#include "support.h"

#define MAX_EXTENTS 3

/* A device and the room that it needs. */
struct device {
	struct mhp_dimm dimm;
	struct mhp_extent extents[MAX_EXTENTS];
	struct mhp_range ranges[MAX_EXTENTS];
};

static struct mhp_extent extent_make(struct machine *mc, uint64_t block_id,
				     uint64_t nr)
{
	return (struct mhp_extent){
		.start = mhp_pa_from_pfn(mc->g, block_start(mc, block_id)),
		.size_bytes = nr * mhp_block_bytes(mc->g),
	};
}

/* A device of @nr blocks where nothing is yet. */
static void device_make(struct machine *mc, struct device *d, uint64_t nr)
{
	*d = (struct device){
		.dimm = {.extents = d->extents,
			 .ranges = d->ranges,
			 .nr_extents = 1},
		.extents = {extent_make(mc, FIRST_BLOCK, nr)},
	};
}

/* Three extents: two where nothing is, and boot memory if @boot. */
static void device_make_many(struct machine *mc, struct device *d, bool boot)
{
	device_make(mc, d, 2);
	d->dimm.nr_extents = 3;
	d->extents[1] = boot ? extent_make(mc, 1, 2)
			     : extent_make(mc, FIRST_BLOCK + 7, 1);
	d->extents[2] = extent_make(mc, FIRST_BLOCK + 4, 2);
}

static void auto_online(struct machine *mc, enum mhp_online_type type)
{
	struct mhp_policy policy;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	policy.auto_online = type;
	assert_int_equal(mhp_policy_set(mc->m, &policy), 0);
}

static int insert(struct machine *mc, struct device *d,
		  struct mhp_report *report)
{
	return mhp_dimm_insert(mc->m, &d->dimm, report);
}

static int eject(struct machine *mc, struct device *d,
		 struct mhp_report *report)
{
	return mhp_dimm_eject(mc->m, &d->dimm, MHP_NO_DEADLINE, 0, report);
}

static void test_life(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct device d;
	uint64_t id;

	device_make(mc, &d, 3);
	assert_int_equal(insert(mc, &d, NULL), 0);
	assert_true(d.dimm.enabled);
	for (id = FIRST_BLOCK; id < FIRST_BLOCK + 3; id++)
		assert_int_equal(block_info(mc, id).state, MHP_BLOCK_OFFLINE);
	assert_int_equal(eject(mc, &d, NULL), 0);
	assert_false(d.dimm.enabled);
	unchanged(mc, before, 0);
}

static void test_auto_online(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct device d;

	device_make(mc, &d, 2);
	auto_online(mc, MHP_ONLINE_MOVABLE);
	assert_int_equal(insert(mc, &d, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK).zone, MHP_ZONE_MOVABLE);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).state,
			 MHP_BLOCK_ONLINE);
	assert_int_equal(eject(mc, &d, NULL), 0);
	unchanged(mc, before, 0);
}

static int veto(struct mhp_notifier *self, struct mhp *m,
		const struct mhp_notice *notice)
{
	(void)self;
	(void)m;
	return notice->event == MHP_EVENT_GOING_ONLINE ? MHP_ERR_PERM : 0;
}

/* Memory that cannot go online is there all the same. */
static void test_online_vetoed(struct machine *mc)
{
	struct mhp_notifier notifier = {.notify = veto};
	struct mhp_report report;
	struct device d;

	device_make(mc, &d, 2);
	auto_online(mc, MHP_ONLINE_DEFAULT);
	assert_int_equal(mhp_notifier_register(mc->m, &notifier), 0);
	assert_int_equal(insert(mc, &d, &report), 0);
	assert_int_equal(report.why, MHP_WHY_LEFT_OFFLINE);
	assert_true(d.dimm.enabled);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_OFFLINE);
	assert_int_equal(mhp_notifier_unregister(mc->m, &notifier), 0);
	assert_int_equal(eject(mc, &d, NULL), 0);
}

static void assert_refused(struct machine *mc, struct mhp_extent extent,
			   int code, enum mhp_why why)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	struct device d;

	device_make(mc, &d, 1);
	d.extents[0] = extent;
	assert_int_equal(insert(mc, &d, &report), code);
	assert_int_equal(report.code, code);
	assert_int_equal(report.why, why);
	assert_false(d.dimm.enabled);
	/* It has nothing to give up. */
	assert_int_equal(eject(mc, &d, &report), 0);
	unchanged(mc, before, 0);
}

static void test_refused(struct machine *mc)
{
	const struct mhp_extent fits = extent_make(mc, FIRST_BLOCK, 1);
	uint64_t page_bytes = mhp_page_bytes(mc->g);
	struct mhp_extent e = fits;

	e.size_bytes = 0;
	assert_refused(mc, e, MHP_ERR_INVAL, MHP_WHY_EMPTY_RANGE);
	e.size_bytes = mhp_block_bytes(mc->g) - page_bytes;
	assert_refused(mc, e, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	e.size_bytes = mhp_block_bytes(mc->g) + 1;
	assert_refused(mc, e, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	e.size_bytes = -mhp_block_bytes(mc->g);
	assert_refused(mc, e, MHP_ERR_INVAL, MHP_WHY_BEYOND_END);
	e = fits;
	e.start.bytes += page_bytes;
	assert_refused(mc, e, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	e = fits;
	e.start.bytes += 1;
	assert_refused(mc, e, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	/* Half of it is boot memory. */
	assert_refused(mc, extent_make(mc, NR_BOOT_BLOCKS - 1, 2),
		       MHP_ERR_EXIST, MHP_WHY_OVERLAP);
	assert_refused(mc, extent_make(mc, FIRST_BLOCK, NR_BLOCKS),
		       MHP_ERR_2BIG, MHP_WHY_BEYOND_END);
}

static void test_refused_node(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	struct device d;

	device_make(mc, &d, 1);
	d.dimm.node = mc->g->nr_nodes;
	assert_int_equal(insert(mc, &d, &report), MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_BAD_NODE);
	d.dimm.nr_extents = 0;
	assert_int_equal(insert(mc, &d, &report), MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_EMPTY_RANGE);
	assert_false(d.dimm.enabled);
	unchanged(mc, before, 0);
}

static void test_twice(struct machine *mc)
{
	struct mhp_report report;
	struct device d;

	device_make(mc, &d, 1);
	assert_int_equal(insert(mc, &d, NULL), 0);
	assert_int_equal(insert(mc, &d, &report), MHP_ERR_ALREADY);
	assert_int_equal(report.why, MHP_WHY_DEVICE_STATE);
	assert_true(d.dimm.enabled);
	assert_int_equal(eject(mc, &d, NULL), 0);
	assert_int_equal(eject(mc, &d, NULL), 0);
}

/* One page in the last block keeps the whole device where it is: pinned,
 * nothing moves; else the rest moves, and goes back to its zone. */
static void test_stays(struct machine *mc)
{
	struct mhp_report report;
	struct shelf *shelf;
	struct device d;
	char *before;

	device_make_many(mc, &d, false);
	assert_int_equal(insert(mc, &d, NULL), 0);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 2, MHP_ONLINE_KERNEL),
			 0);
	assert_int_equal(
		online_blocks(mc, FIRST_BLOCK + 4, 2, MHP_ONLINE_MOVABLE), 0);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK + 5, 0, 1);
	shelf_fill(shelf, FIRST_BLOCK + 1, 0, 3);
	shelf->items[0].pins = 1;
	before = snapshot(mc, 0);
	assert_int_equal(eject(mc, &d, &report), MHP_ERR_BUSY);
	assert_int_equal(report.pfn, shelf->items[0].pfn);
	assert_true(d.dimm.enabled);
	unchanged(mc, before, 0);
	assert_int_equal(shelf->nr_moved, 0);
	shelf->items[0].pins = 0;
	shelf->items[0].answer = ANSWER_REFUSED;
	before = snapshot(mc, SNAP_NO_PAGES);
	assert_int_equal(eject(mc, &d, &report), MHP_ERR_BUSY);
	assert_int_equal(report.pfn, shelf->items[0].pfn);
	unchanged(mc, before, SNAP_NO_PAGES);
	shelf_verify(shelf);
	shelf_close(shelf);
	assert_int_equal(eject(mc, &d, NULL), 0);
}

/* Somebody whose page in one extent goes when another one does. */
struct tenant {
	struct mhp_notifier notifier;
	mhp_pfn_t pfn;
	uint64_t block_id;
};

static int tenant_told(struct mhp_notifier *self, struct mhp *m,
		       const struct mhp_notice *notice)
{
	struct tenant *tenant = (struct tenant *)(void *)self;

	if (notice->event == MHP_EVENT_GOING_OFFLINE &&
	    notice->block_id == tenant->block_id)
		assert_int_equal(mhp_frame_free(m, tenant->pfn, 0), 0);
	return 0;
}

static void test_two_passes(struct machine *mc)
{
	const struct mhp_request request = {.size_bytes = sizeof(request)};
	struct tenant tenant = {.notifier = {.notify = tenant_told},
				.block_id = FIRST_BLOCK + 7};
	char *before = snapshot(mc, 0);
	struct device d;

	device_make_many(mc, &d, false);
	auto_online(mc, MHP_ONLINE_KERNEL);
	assert_int_equal(insert(mc, &d, NULL), 0);
	tenant.pfn = alloc_in_block(mc, &request, FIRST_BLOCK);
	assert_int_equal(mhp_notifier_register(mc->m, &tenant.notifier), 0);
	assert_int_equal(eject(mc, &d, NULL), 0);
	assert_int_equal(mhp_notifier_unregister(mc->m, &tenant.notifier), 0);
	unchanged(mc, before, 0);
}

static void test_many(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	struct device d;

	device_make_many(mc, &d, false);
	auto_online(mc, MHP_ONLINE_MOVABLE);
	/* Something is in the way of the second one. */
	assert_int_equal(add_blocks(mc, FIRST_BLOCK + 7, 1, MHP_PLACEMENT_AUTO),
			 0);
	assert_int_equal(insert(mc, &d, &report), 0);
	assert_int_equal(report.code, 0);
	assert_int_equal(report.why, MHP_WHY_OVERLAP);
	assert_int_equal(d.dimm.nr_ranges, 2);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 7).state,
			 MHP_BLOCK_OFFLINE);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 5).state,
			 MHP_BLOCK_ONLINE);
	assert_int_equal(eject(mc, &d, NULL), 0);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK + 7, 1), NULL),
		0);
	unchanged(mc, before, 0);
}

/* An extent that lies over another one of the same device is left out. */
static void test_overlap(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct device d;

	device_make_many(mc, &d, false);
	d.extents[1] = extent_make(mc, FIRST_BLOCK + 1, 2);
	assert_int_equal(insert(mc, &d, NULL), 0);
	assert_int_equal(d.dimm.nr_ranges, 2);
	check_ok(mc);
	assert_int_equal(eject(mc, &d, NULL), 0);
	unchanged(mc, before, 0);
}

/* Boot memory counts as there, and then the device cannot leave. */
static void test_boot(struct machine *mc)
{
	struct mhp_report report;
	struct device d;
	char *before;

	device_make_many(mc, &d, true);
	assert_int_equal(insert(mc, &d, &report), 0);
	assert_int_equal(report.why, MHP_WHY_NONE);
	assert_int_equal(d.dimm.nr_existing, 1);
	assert_int_equal(d.dimm.nr_ranges, 2);
	before = snapshot(mc, 0);
	assert_int_equal(eject(mc, &d, &report), MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_BOOT_MEMORY);
	assert_true(d.dimm.enabled);
	unchanged(mc, before, 0);
	assert_int_equal(mhp_remove_ranges(mc->m, d.ranges, 2, NULL), 0);
	assert_int_equal(mhp_group_unregister(mc->m, &d.dimm.group), 0);
}

/* Whatever the port cannot do: a device has memory, or nothing is known. */
static void test_faults(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	bool failed = true;
	uint64_t k;

	auto_online(mc, MHP_ONLINE_MOVABLE);
	for (k = 1; failed; k++) {
		struct device d;
		int err;

		device_make_many(mc, &d, false);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_FROM_THEN, k);
		err = insert(mc, &d, NULL);
		failed = mhp_model_faults(mc->model) > 0;
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		assert_true(failed || d.dimm.nr_ranges == 3);
		assert_int_equal(err, d.dimm.nr_ranges ? 0 : MHP_ERR_NOMEM);
		assert_int_equal(d.dimm.enabled, !err);
		check_ok(mc);
		assert_int_equal(eject(mc, &d, NULL), 0);
		check_ok(mc);
	}
	assert_true(k > 6);
	unchanged(mc, before, 0);
}

static void test_ost(struct machine *mc)
{
	(void)mc;
	assert_int_equal(mhp_dimm_ost(0, MHP_OST_INSERTION), 0);
	assert_int_equal(mhp_dimm_ost(MHP_ERR_INVAL, MHP_OST_INSERTION), 1);
	assert_int_equal(mhp_dimm_ost(MHP_ERR_ALREADY, MHP_OST_INSERTION), 0);
	assert_int_equal(mhp_dimm_ost(0, MHP_OST_EJECTION), 0);
	assert_int_equal(mhp_dimm_ost(MHP_ERR_PERM, MHP_OST_EJECTION), 0x80);
	assert_int_equal(mhp_dimm_ost(MHP_ERR_NOMEM, MHP_OST_EJECTION), 0x81);
	assert_int_equal(mhp_dimm_ost(MHP_ERR_BUSY, MHP_OST_EJECTION), 0x82);
	assert_int_equal(mhp_dimm_ost(MHP_ERR_INPROGRESS, MHP_OST_EJECTION),
			 0x84);
	assert_int_equal(mhp_dimm_ost(MHP_ERR_IO, MHP_OST_EJECTION), 1);
}

static const struct machine_test tests[] = {
	{"life", test_life},
	{"auto_online", test_auto_online},
	{"online_vetoed", test_online_vetoed},
	{"refused", test_refused},
	{"twice", test_twice},
	{"stays", test_stays},
	{"refused_node", test_refused_node},
	{"two_passes", test_two_passes},
	{"many", test_many},
	{"overlap", test_overlap},
	{"boot", test_boot},
	{"faults", test_faults},
	{"ost", test_ost},
};

int main(void)
{
	return machine_run("acpi_dimm", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
