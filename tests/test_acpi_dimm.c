/* SPDX-License-Identifier: MIT */
/*
 * The front end for DIMMs: insert and eject, all or nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "mhp/acpi_dimm.h"
#include "mhp/policy.h"
#include "support.h"

/* A DIMM of @nr blocks where nothing is yet. */
static struct mhp_dimm dimm_make(struct machine *mc, uint64_t nr)
{
	struct mhp_dimm dimm = {
		.start = mhp_pa_from_pfn(mc->g, block_start(mc, FIRST_BLOCK)),
		.size_bytes = nr * mhp_block_bytes(mc->g),
		.placement = MHP_PLACEMENT_AUTO,
	};

	return dimm;
}

static void auto_online(struct machine *mc, enum mhp_online_type type)
{
	struct mhp_policy policy;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	policy.auto_online = type;
	assert_int_equal(mhp_policy_set(mc->m, &policy), 0);
}

static int eject(struct machine *mc, struct mhp_dimm *dimm,
		 struct mhp_report *report)
{
	return mhp_dimm_eject(mc->m, dimm, MHP_NO_DEADLINE, 0, report);
}

static void test_life(struct machine *mc)
{
	struct mhp_dimm dimm = dimm_make(mc, 3);
	char *before = snapshot(mc, 0);
	uint64_t id;

	assert_int_equal(mhp_dimm_insert(mc->m, &dimm, NULL), 0);
	assert_true(dimm.enabled);
	for (id = FIRST_BLOCK; id < FIRST_BLOCK + 3; id++)
		assert_int_equal(block_info(mc, id).state, MHP_BLOCK_OFFLINE);
	assert_int_equal(eject(mc, &dimm, NULL), 0);
	assert_false(dimm.enabled);
	unchanged(mc, before, 0);
}

static void test_auto_online(struct machine *mc)
{
	struct mhp_dimm dimm = dimm_make(mc, 2);
	char *before = snapshot(mc, 0);

	auto_online(mc, MHP_ONLINE_MOVABLE);
	assert_int_equal(mhp_dimm_insert(mc->m, &dimm, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK).zone, MHP_ZONE_MOVABLE);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).state,
			 MHP_BLOCK_ONLINE);
	assert_int_equal(eject(mc, &dimm, NULL), 0);
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
	struct mhp_dimm dimm = dimm_make(mc, 2);

	auto_online(mc, MHP_ONLINE_DEFAULT);
	assert_int_equal(mhp_notifier_register(mc->m, &notifier), 0);
	assert_int_equal(mhp_dimm_insert(mc->m, &dimm, NULL), 0);
	assert_true(dimm.enabled);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_OFFLINE);
	assert_int_equal(mhp_notifier_unregister(mc->m, &notifier), 0);
	assert_int_equal(eject(mc, &dimm, NULL), 0);
}

static void assert_refused(struct machine *mc, struct mhp_dimm dimm, int code,
			   enum mhp_why why)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;

	assert_int_equal(mhp_dimm_insert(mc->m, &dimm, &report), code);
	assert_int_equal(report.code, code);
	assert_int_equal(report.why, why);
	assert_false(dimm.enabled);
	/* It has nothing to give up. */
	assert_int_equal(eject(mc, &dimm, &report), 0);
	unchanged(mc, before, 0);
}

static void test_refused(struct machine *mc)
{
	struct mhp_dimm dimm = dimm_make(mc, 1);
	uint64_t page_bytes = mhp_page_bytes(mc->g);

	dimm.size_bytes = 0;
	assert_refused(mc, dimm, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	dimm.size_bytes = mhp_block_bytes(mc->g) - page_bytes;
	assert_refused(mc, dimm, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	dimm.size_bytes = mhp_block_bytes(mc->g) + 1;
	assert_refused(mc, dimm, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	dimm = dimm_make(mc, 1);
	dimm.start.bytes += page_bytes;
	assert_refused(mc, dimm, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	dimm = dimm_make(mc, 1);
	dimm.start.bytes += 1;
	assert_refused(mc, dimm, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	dimm = dimm_make(mc, 1);
	dimm.start.bytes = 0;
	assert_refused(mc, dimm, MHP_ERR_EXIST, MHP_WHY_OVERLAP);
	dimm = dimm_make(mc, NR_BLOCKS);
	assert_refused(mc, dimm, MHP_ERR_2BIG, MHP_WHY_BEYOND_END);
	dimm = dimm_make(mc, 1);
	dimm.node = mc->g->nr_nodes;
	assert_refused(mc, dimm, MHP_ERR_INVAL, MHP_WHY_BAD_NODE);
}

static void test_twice(struct machine *mc)
{
	struct mhp_dimm dimm = dimm_make(mc, 1);
	struct mhp_report report;

	assert_int_equal(mhp_dimm_insert(mc->m, &dimm, NULL), 0);
	assert_int_equal(mhp_dimm_insert(mc->m, &dimm, &report),
			 MHP_ERR_ALREADY);
	assert_int_equal(report.why, MHP_WHY_WRONG_STATE);
	assert_true(dimm.enabled);
	assert_int_equal(eject(mc, &dimm, NULL), 0);
	assert_int_equal(eject(mc, &dimm, NULL), 0);
}

/* One page in the last block keeps the whole DIMM where it is. */
static void test_stays(struct machine *mc)
{
	struct mhp_dimm dimm = dimm_make(mc, 3);
	struct mhp_report report;
	struct shelf *shelf;
	char *before;

	auto_online(mc, MHP_ONLINE_MOVABLE);
	assert_int_equal(mhp_dimm_insert(mc->m, &dimm, NULL), 0);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK + 2, 0, 1);
	shelf->items[0].pins = 1;
	before = snapshot(mc, SNAP_NO_PAGES);
	assert_int_equal(eject(mc, &dimm, &report), MHP_ERR_BUSY);
	assert_int_equal(report.pfn, shelf->items[0].pfn);
	assert_true(dimm.enabled);
	unchanged(mc, before, SNAP_NO_PAGES);
	shelf_close(shelf);
	assert_int_equal(eject(mc, &dimm, NULL), 0);
}

static const struct machine_test tests[] = {
	{"life", test_life},
	{"auto_online", test_auto_online},
	{"online_vetoed", test_online_vetoed},
	{"refused", test_refused},
	{"twice", test_twice},
	{"stays", test_stays},
};

int main(void)
{
	return machine_run("acpi_dimm", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
