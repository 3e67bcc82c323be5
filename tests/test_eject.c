/* SPDX-License-Identifier: MIT */
/*
 * An eject that is under way, and what others may do to its blocks meanwhile:
 * nothing. The others act from the owner's move callback, when the eject is
 * between two of its steps and the mutex is free.
 */
#include "mhp/poison.h"
#include "support.h"

#include <stdlib.h>

/* What a callback tries once, and what came of it. */
struct meddler {
	int (*meddle)(struct machine *mc);
	int code;
	bool done;
};

static struct mhp_range both(struct machine *mc)
{
	return block_range(mc, FIRST_BLOCK, 2);
}

static int meddle_online(struct machine *mc)
{
	return mhp_block_online(mc->m, FIRST_BLOCK + 1, MHP_ONLINE_MOVABLE,
				NULL);
}

static int meddle_offline(struct machine *mc)
{
	return mhp_block_offline(mc->m, FIRST_BLOCK + 1, MHP_NO_DEADLINE, NULL);
}

static int meddle_remove(struct machine *mc)
{
	return mhp_remove(mc->m, block_range(mc, FIRST_BLOCK + 1, 1), NULL);
}

static int meddle_eject(struct machine *mc)
{
	return mhp_offline_and_remove(mc->m,
				      block_range(mc, FIRST_BLOCK + 1, 1),
				      MHP_NO_DEADLINE, 0, NULL);
}

static int meddle_eject_all(struct machine *mc)
{
	return mhp_offline_and_remove(mc->m, both(mc), MHP_NO_DEADLINE, 0,
				      NULL);
}

/* Every page that can be had comes from elsewhere; all are given back. */
static int meddle_alloc(struct machine *mc)
{
	const struct mhp_request request = {.mobility = MHP_UNMOVABLE};
	mhp_pfn_t first = block_start(mc, FIRST_BLOCK);
	mhp_pfn_t end = block_start(mc, FIRST_BLOCK + 2);
	mhp_pfn_t *taken = calloc(65536, sizeof(*taken));
	uint32_t nr = 0;
	int code = MHP_ERR_BUSY;

	assert_non_null(taken);
	while (nr < 65536 && !mhp_frame_alloc(mc->m, &request, &taken[nr])) {
		if (taken[nr] >= first && taken[nr] < end)
			code = 0;
		nr++;
	}
	assert_int_equal(mhp_frame_free_bulk(mc->m, 0, nr, taken), 0);
	free(taken);
	return code;
}

static void at_move(struct shelf *shelf, const struct mhp_move *move)
{
	struct meddler *meddler = shelf->at_move_arg;

	(void)move;
	if (meddler->done)
		return;
	meddler->done = true;
	meddler->code = meddler->meddle(shelf->mc);
}

static struct shelf *start(struct machine *mc, struct meddler *meddler)
{
	struct shelf *shelf = shelf_open(mc);

	shelf_fill(shelf, FIRST_BLOCK, 0, 2);
	shelf->at_move = at_move;
	shelf->at_move_arg = meddler;
	return shelf;
}

/* The meddler gets EBUSY, and the eject goes on as if nothing had been. */
static void meddle_in_vain(struct machine *mc, bool online,
			   int (*meddle)(struct machine *))
{
	struct meddler meddler = {.meddle = meddle};
	struct mhp_block_info info;
	struct shelf *shelf;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_BLOCK), 0);
	if (online)
		assert_int_equal(online_blocks(mc, FIRST_BLOCK + 1, 1,
					       MHP_ONLINE_KERNEL),
				 0);
	shelf = start(mc, &meddler);
	assert_int_equal(mhp_offline_and_remove(mc->m, both(mc),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_true(meddler.done);
	assert_int_equal(meddler.code, MHP_ERR_BUSY);
	assert_int_equal(mhp_block_query(mc->m, FIRST_BLOCK, &info),
			 MHP_ERR_NOENT);
	assert_int_equal(mhp_block_query(mc->m, FIRST_BLOCK + 1, &info),
			 MHP_ERR_NOENT);
	shelf_verify(shelf);
	check_ok(mc);
	shelf_close(shelf);
}

static void test_online(struct machine *mc)
{
	meddle_in_vain(mc, false, meddle_online);
}

static void test_remove(struct machine *mc)
{
	meddle_in_vain(mc, false, meddle_remove);
}

static void test_offline(struct machine *mc)
{
	meddle_in_vain(mc, true, meddle_offline);
}

static void test_eject(struct machine *mc)
{
	meddle_in_vain(mc, true, meddle_eject);
}

static void test_eject_all(struct machine *mc)
{
	meddle_in_vain(mc, true, meddle_eject_all);
}

static void test_alloc(struct machine *mc)
{
	meddle_in_vain(mc, true, meddle_alloc);
}

/* Memory that is added into a hole of the range is nobody's to remove. */
static int meddle_add(struct machine *mc)
{
	return add_blocks(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_BLOCK);
}

static int meddle_add_online(struct machine *mc)
{
	int err = meddle_add(mc);

	return err ? err
		   : online_blocks(mc, FIRST_BLOCK + 1, 1, MHP_ONLINE_MOVABLE);
}

/* What came is not another eject's to take either while the first one runs. */
static int meddle_add_eject(struct machine *mc)
{
	struct mhp_report report;
	int err = meddle_add_online(mc);

	if (err)
		return err;
	err = mhp_offline_and_remove(mc->m, block_range(mc, FIRST_BLOCK + 1, 1),
				     MHP_NO_DEADLINE, 0, &report);
	return err == MHP_ERR_BUSY && report.why == MHP_WHY_TRANSITION
		       ? 0
		       : MHP_ERR_INVAL;
}

/* The eject ends in BUSY; what was there is back, what came is as it came. */
static void meddle_with_hole(struct machine *mc,
			     int (*meddle)(struct machine *),
			     enum mhp_block_state state)
{
	struct meddler meddler = {.meddle = meddle};
	struct shelf *shelf;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	shelf = start(mc, &meddler);
	assert_int_equal(mhp_offline_and_remove(mc->m, both(mc),
						MHP_NO_DEADLINE, 0, NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(meddler.code, 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_ONLINE);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).state, state);
	check_ok(mc);
	shelf_verify(shelf);
	shelf->at_move = NULL;
	shelf_close(shelf);
	assert_int_equal(mhp_offline_and_remove(mc->m, both(mc),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
}

static void test_add(struct machine *mc)
{
	meddle_with_hole(mc, meddle_add, MHP_BLOCK_OFFLINE);
}

static void test_add_eject(struct machine *mc)
{
	meddle_with_hole(mc, meddle_add_eject, MHP_BLOCK_ONLINE);
}

static void test_add_online(struct machine *mc)
{
	meddle_with_hole(mc, meddle_add_online, MHP_BLOCK_ONLINE);
}

/* An owner cannot go while it may be asked. */
static int meddle_unregister(struct machine *mc)
{
	static const struct mhp_owner_ops ops = {.size_bytes = sizeof(ops),
						 .name = "guest"};
	uint16_t owner;
	int err;

	assert_int_equal(mhp_owner_register(mc->m, &ops, NULL, &owner), 0);
	err = mhp_owner_unregister(mc->m, owner);
	return err;
}

static void test_unregister(struct machine *mc)
{
	meddle_in_vain(mc, true, meddle_unregister);
}

/* Two ranges with a block of somebody else between them. */
struct pair {
	struct mhp_range ranges[2];
};

static struct pair plug_pair(struct machine *mc)
{
	struct pair pair = {{block_range(mc, FIRST_BLOCK + 3, 2),
			     block_range(mc, FIRST_BLOCK, 2)}};

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	plug(mc, FIRST_BLOCK + 2, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	plug(mc, FIRST_BLOCK + 3, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	return pair;
}

static int eject_pair(struct machine *mc, const struct pair *pair,
		      uint32_t flags, struct mhp_report *report)
{
	return mhp_offline_and_remove_ranges(mc->m, pair->ranges, 2,
					     MHP_NO_DEADLINE, flags, report);
}

/* A page in one range keeps both where they are, each block in its zone. */
static void test_ranges(struct machine *mc)
{
	struct pair pair = plug_pair(mc);
	struct shelf *shelf = shelf_open(mc);
	struct mhp_report report;
	struct mhp_block_info info;
	char *before;

	shelf_fill(shelf, FIRST_BLOCK + 1, 0, 3);
	shelf_fill(shelf, FIRST_BLOCK + 4, 0, 3);
	shelf->items[1].answer = ANSWER_REFUSED;
	before = snapshot(mc, SNAP_NO_PAGES);
	assert_int_equal(eject_pair(mc, &pair, 0, &report), MHP_ERR_BUSY);
	assert_int_equal(report.pfn, shelf->items[1].pfn);
	unchanged(mc, before, SNAP_NO_PAGES);
	before = snapshot(mc, SNAP_NO_PAGES);
	assert_int_equal(eject_pair(mc, &pair, MHP_OFFLINE_TWICE, &report),
			 MHP_ERR_BUSY);
	assert_int_equal(report.pfn, shelf->items[1].pfn);
	unchanged(mc, before, SNAP_NO_PAGES);
	shelf->items[1].answer = ANSWER_MOVED;
	assert_int_equal(eject_pair(mc, &pair, 0, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 2).state,
			 MHP_BLOCK_ONLINE);
	assert_int_equal(mhp_block_query(mc->m, FIRST_BLOCK + 4, &info),
			 MHP_ERR_NOENT);
	shelf_verify(shelf);
	shelf_close(shelf);
}

static void test_ranges_wrong(struct machine *mc)
{
	struct pair pair = plug_pair(mc), wrong = pair;
	char *before = snapshot(mc, 0);
	struct mhp_report report;

	wrong.ranges[1] = block_range(mc, FIRST_BLOCK + 4, 1);
	assert_int_equal(eject_pair(mc, &wrong, 0, &report), MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_BAD_REQUEST);
	assert_int_equal(mhp_remove_ranges(mc->m, wrong.ranges, 2, NULL),
			 MHP_ERR_INVAL);
	wrong.ranges[1] = block_range(mc, FIRST_BLOCK, 0);
	assert_int_equal(eject_pair(mc, &wrong, 0, &report), MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_EMPTY_RANGE);
	wrong.ranges[1] = block_range(mc, 0, 1);
	assert_int_equal(eject_pair(mc, &wrong, 0, &report), MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_BOOT_MEMORY);
	assert_int_equal(eject_pair(mc, &pair, 1u << 5, NULL), MHP_ERR_INVAL);
	assert_int_equal(mhp_remove_ranges(mc->m, pair.ranges, 0, &report),
			 MHP_ERR_NOENT);
	/* One block that is online keeps all from being removed. */
	assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK + 3,
					   MHP_NO_DEADLINE, NULL),
			 0);
	assert_int_equal(mhp_remove_ranges(mc->m, pair.ranges, 2, NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(
		online_blocks(mc, FIRST_BLOCK + 3, 1, MHP_ONLINE_MOVABLE), 0);
	unchanged(mc, before, 0);
	/* What is not there is skipped. */
	wrong.ranges[1] = block_range(mc, FIRST_BLOCK + 6, 1);
	assert_int_equal(eject_pair(mc, &wrong, 0, NULL), 0);
}

/* Somebody whose page in one block goes when another block does. */
struct tenant {
	struct mhp_notifier notifier;
	uint64_t block_id;
	mhp_pfn_t pfn;
};

static int tenant_told(struct mhp_notifier *self, struct mhp *m,
		       const struct mhp_notice *notice)
{
	struct tenant *tenant = (struct tenant *)(void *)self;

	if (notice->event == MHP_EVENT_GOING_OFFLINE &&
	    notice->block_id == tenant->block_id) {
		assert_int_equal(mhp_frame_free(m, tenant->pfn, 0), 0);
		tenant->pfn = MHP_PFN_NONE;
	}
	return 0;
}

/* With one pass an unmovable page ends it before anything was asked. */
static void test_twice(struct machine *mc)
{
	const struct mhp_request request = {.size_bytes = sizeof(request)};
	struct tenant tenant = {.notifier = {.notify = tenant_told},
				.block_id = FIRST_BLOCK + 1};
	struct mhp_range range = both(mc);

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	tenant.pfn = alloc_in_block(mc, &request, FIRST_BLOCK);
	assert_int_equal(mhp_notifier_register(mc->m, &tenant.notifier), 0);
	assert_int_equal(
		mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE, 0, NULL),
		MHP_ERR_BUSY);
	assert_int_not_equal(tenant.pfn, MHP_PFN_NONE);
	assert_int_equal(mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE,
						MHP_OFFLINE_TWICE, NULL),
			 0);
	assert_int_equal(mhp_notifier_unregister(mc->m, &tenant.notifier), 0);
}

/* Linux's way back: what went offline goes where the policy puts it then; what
 * could not go has not moved; a block with a bad page stays offline. */
static void test_back_by_policy(struct machine *mc)
{
	const struct mhp_request request = {.size_bytes = sizeof(request)};
	const uint32_t flags = MHP_OFFLINE_TWICE | MHP_OFFLINE_BACK_BY_POLICY;
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 3);
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	pfn = alloc_in_block(mc, &request, FIRST_BLOCK);
	plug(mc, FIRST_BLOCK + 1, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	assert_int_equal(mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE,
						flags, NULL),
			 MHP_ERR_BUSY);
	check_ok(mc);
	assert_int_equal(block_info(mc, FIRST_BLOCK).zone, MHP_ZONE_NORMAL);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).zone, MHP_ZONE_NORMAL);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 2).zone, MHP_ZONE_NORMAL);
	assert_int_equal(mhp_poison_hard(mc->m,
					 block_start(mc, FIRST_BLOCK + 3) - 1,
					 NULL),
			 0);
	assert_int_equal(mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE,
						flags, NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 2).state,
			 MHP_BLOCK_OFFLINE);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
}

static const struct machine_test tests[] = {
	{.name = "online", .run = test_online},
	{.name = "remove", .run = test_remove},
	{.name = "offline", .run = test_offline},
	{.name = "eject", .run = test_eject},
	{.name = "eject_all", .run = test_eject_all},
	{.name = "alloc", .run = test_alloc},
	{.name = "add", .run = test_add},
	{.name = "add_online", .run = test_add_online},
	{.name = "add_eject", .run = test_add_eject},
	{.name = "unregister", .run = test_unregister},
	{.name = "ranges", .run = test_ranges},
	{.name = "ranges_wrong", .run = test_ranges_wrong},
	{.name = "twice", .run = test_twice},
	{.name = "back_by_policy", .run = test_back_by_policy},
};

int main(void)
{
	return machine_run("eject", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
