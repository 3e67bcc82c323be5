/* SPDX-License-Identifier: MIT */
/*
 * Taking a block out of use while its pages are in use: owners that move,
 * refuse or take their time, pages that nobody can move, deadlines, patience.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* Most steps that any offlining here may take. */
#define MANY_STEPS 100000

/* Two movable blocks, 8 and 9, of which 8 is the one to leave. */
static struct shelf *two_blocks(struct machine *mc)
{
	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	return shelf_open(mc);
}

static void offline_ok(struct machine *mc, uint64_t id)
{
	struct mhp_report report;
	char text[256];

	if (mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, &report)) {
		mhp_report_text(&report, text, sizeof(text));
		fail_msg("%s", text);
	}
	assert_int_equal(block_info(mc, id).state, MHP_BLOCK_OFFLINE);
	check_ok(mc);
}

static int step_through(struct machine *mc, struct mhp_offline *op,
			struct mhp_report *report)
{
	unsigned int nr = 0;
	int err;

	do {
		err = mhp_offline_step(mc->m, op, report);
		check_ok(mc);
		assert_true(nr++ < MANY_STEPS);
	} while (err == MHP_ERR_AGAIN);
	return err;
}

static void begin_ok(struct machine *mc, struct mhp_offline *op, uint64_t id,
		     uint64_t deadline_ns, uint32_t flags)
{
	memset(op, 0x5a, sizeof(*op));
	assert_int_equal(
		mhp_offline_begin(mc->m, op, id, deadline_ns, flags, NULL), 0);
	assert_int_equal(block_info(mc, id).state, MHP_BLOCK_GOING_OFFLINE);
	check_ok(mc);
}

/* All orders move, with what is in them. */
static void test_moves(struct machine *mc)
{
	unsigned int order, largest = mhp_pageblock_order(mc->g);
	struct shelf *shelf = two_blocks(mc);
	struct mhp_stat before, after;
	uint64_t used;

	shelf_fill(shelf, FIRST_BLOCK, largest, 1);
	for (order = largest; order--;)
		shelf_fill(shelf, FIRST_BLOCK, order, 2);
	used = block_info(mc, FIRST_BLOCK).nr_allocated;
	assert_int_equal(used, 3 * mhp_pageblock_pages(mc->g) - 2);
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK), 2 * largest + 1);
	before = stat_now(mc);
	offline_ok(mc, FIRST_BLOCK);
	after = stat_now(mc);
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK), 0);
	assert_int_equal(shelf->nr_moved, 2 * largest + 1);
	assert_int_equal(after.nr_pages_moved - before.nr_pages_moved, used);
	assert_int_equal(after.nr_moves_refused, before.nr_moves_refused);
	shelf_verify(shelf);
	shelf_close(shelf);
}

/* An owner that refuses once is asked again. */
static void test_refused_once(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	struct item *item;

	shelf_fill(shelf, FIRST_BLOCK, 0, 5);
	for (item = shelf->items; item < shelf->items + 5; item++)
		item->answer = ANSWER_REFUSED_ONCE;
	offline_ok(mc, FIRST_BLOCK);
	assert_int_equal(shelf->nr_moved, 5);
	assert_int_equal(stat_now(mc).nr_moves_refused, 5);
	shelf_close(shelf);
}

static struct item *item_in_block(struct shelf *shelf, uint64_t id)
{
	struct item *item = shelf->items;

	for (; item < shelf->items + NR_ITEMS; item++)
		if (item->live && mhp_block_id(shelf->mc->g, item->pfn) == id)
			return item;
	fail_msg("no item in block %d", (int)id);
	return NULL;
}

/* Whatever an owner says that is not "moved": in the end it counts as refused,
 * and everything is as before. */
static void refused(struct machine *mc, enum answer answer)
{
	struct shelf *shelf = two_blocks(mc);
	struct mhp_report report;
	struct item *item;
	char *before;
	int err;

	shelf_fill(shelf, FIRST_BLOCK, 1, 1);
	item = item_in_block(shelf, FIRST_BLOCK);
	item->answer = answer;
	before = snapshot(mc, 0);
	err = mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, &report);
	assert_int_equal(err, MHP_ERR_BUSY);
	assert_int_equal(report.code, MHP_ERR_BUSY);
	assert_int_equal(report.stage, MHP_STAGE_OFFLINE);
	assert_int_equal(report.why, MHP_WHY_REFUSED);
	assert_int_equal(report.pfn, item->pfn);
	assert_int_equal(report.order, 1);
	assert_int_equal(report.owner, shelf->owner);
	assert_string_equal(report.owner_name, SHELF_NAME);
	assert_true(item->nr_asked >= 2);
	unchanged(mc, before, 0);
	item->answer = ANSWER_MOVED;
	offline_ok(mc, FIRST_BLOCK);
	shelf_close(shelf);
}

static void test_refused(struct machine *mc)
{
	refused(mc, ANSWER_REFUSED);
}

static void test_broken(struct machine *mc)
{
	refused(mc, ANSWER_BROKEN);
}

static void test_pinned(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	struct mhp_report report;
	struct item *item;
	char *before;

	shelf_fill(shelf, FIRST_BLOCK, 0, 4);
	item = item_in_block(shelf, FIRST_BLOCK);
	item->pins = 17;
	before = snapshot(mc, 0);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, &report),
		MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_PINNED);
	assert_int_equal(report.pfn, item->pfn);
	assert_int_equal(report.pins, 17);
	assert_int_equal(report.owner, shelf->owner);
	assert_string_equal(report.owner_name, SHELF_NAME);
	/* Before anything has moved. */
	assert_int_equal(shelf->nr_moved, 0);
	unchanged(mc, before, 0);
	item->pins = 0;
	offline_ok(mc, FIRST_BLOCK);
	shelf_close(shelf);
}

static void test_unmovable(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct mhp_request request = {0};
	struct mhp_report report;
	mhp_pfn_t pfn;
	char *before;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	shelf_fill(shelf, FIRST_BLOCK, 0, 4);
	pfn = alloc_in_block(mc, &request, FIRST_BLOCK);
	before = snapshot(mc, 0);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, &report),
		MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_UNMOVABLE);
	assert_int_equal(report.pfn, pfn);
	assert_int_equal(report.owner, 0);
	assert_int_equal(report.pins, 0);
	assert_int_equal(shelf->nr_moved, 0);
	unchanged(mc, before, 0);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	offline_ok(mc, FIRST_BLOCK);
	shelf_close(shelf);
}

/* Nowhere to go: everything else is full. */
static void test_no_target(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	struct mhp_request request = {0};
	struct mhp_report report;
	mhp_pfn_t pfn, *pfns;
	uint64_t nr = 0, i;
	char *before;

	pfns = calloc(NR_BLOCKS * mhp_block_pages(mc->g), sizeof(*pfns));
	assert_non_null(pfns);
	shelf_fill(shelf, FIRST_BLOCK, 0, 1);
	while (!mhp_frame_alloc(mc->m, &request, &pfn))
		pfns[nr++] = pfn;
	request.mobility = MHP_MOVABLE;
	request.owner = shelf->owner;
	request.cookie = NR_ITEMS - 1;
	while (!mhp_frame_alloc(mc->m, &request, &pfn))
		pfns[nr++] = pfn;
	/* Free what is in the block that shall leave, but the one item. */
	for (i = 0; i < nr; i++) {
		if (mhp_block_id(mc->g, pfns[i]) != FIRST_BLOCK)
			continue;
		assert_int_equal(mhp_frame_free(mc->m, pfns[i], 0), 0);
		pfns[i] = MHP_PFN_NONE;
	}
	before = snapshot(mc, 0);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, &report),
		MHP_ERR_NOMEM);
	assert_int_equal(report.why, MHP_WHY_NO_TARGET);
	assert_int_equal(report.pfn, item_in_block(shelf, FIRST_BLOCK)->pfn);
	unchanged(mc, before, 0);
	for (i = 0; i < nr; i++)
		if (pfns[i] != MHP_PFN_NONE)
			assert_int_equal(mhp_frame_free(mc->m, pfns[i], 0), 0);
	free(pfns);
	offline_ok(mc, FIRST_BLOCK);
	shelf_close(shelf);
}

/* An owner that answers "later" and completes between the steps. */
static void later(struct machine *mc, bool moved)
{
	struct shelf *shelf = two_blocks(mc);
	uint64_t moves;
	struct mhp_offline op;
	struct item *item;
	int i;

	shelf_fill(shelf, FIRST_BLOCK, 2, 1);
	item = item_in_block(shelf, FIRST_BLOCK);
	item->answer = ANSWER_LATER;
	begin_ok(mc, &op, FIRST_BLOCK, MHP_NO_DEADLINE, MHP_OFFLINE_PATIENT);
	for (i = 0; i < 20; i++)
		assert_int_equal(mhp_offline_step(mc->m, &op, NULL),
				 MHP_ERR_AGAIN);
	assert_int_equal(item->nr_asked, 1);
	check_ok(mc);
	item->answer = ANSWER_MOVED;
	moves = stat_now(mc).nr_pages_moved;
	assert_int_equal(shelf_complete(shelf, item, moved), 0);
	assert_int_equal(stat_now(mc).nr_pages_moved - moves, moved ? 4 : 0);
	assert_int_equal(step_through(mc, &op, NULL), 0);
	assert_int_equal(stat_now(mc).nr_pages_moved - moves, 4);
	assert_int_equal(item->nr_asked, moved ? 1 : 2);
	shelf_verify(shelf);
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK), 0);
	shelf_close(shelf);
}

static void test_later(struct machine *mc)
{
	later(mc, true);
}

static void test_later_not(struct machine *mc)
{
	later(mc, false);
}

static void test_complete_wrong(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	mhp_pfn_t from, to, other = alloc_unmovable(mc, 0);
	struct mhp_offline op;
	struct item *item;
	char *before;

	shelf_fill(shelf, FIRST_BLOCK, 0, 2);
	item = item_in_block(shelf, FIRST_BLOCK);
	item->answer = ANSWER_LATER;
	begin_ok(mc, &op, FIRST_BLOCK, MHP_NO_DEADLINE, MHP_OFFLINE_PATIENT);
	while (item->to_pfn == MHP_PFN_NONE)
		assert_int_equal(mhp_offline_step(mc->m, &op, NULL),
				 MHP_ERR_AGAIN);
	from = item->pfn;
	to = item->to_pfn;
	before = snapshot(mc, 0);
	assert_int_equal(mhp_move_complete(mc->m, from, to, 1, true),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_move_complete(mc->m, from, other, 0, false),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_move_complete(mc->m, other, to, 0, true),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_move_complete(mc->m, MHP_PFN_NONE, to, 0, false),
			 MHP_ERR_INVAL);
	unchanged(mc, before, 0);
	assert_int_equal(shelf_complete(shelf, item, true), 0);
	assert_int_equal(mhp_move_complete(mc->m, from, to, 0, true),
			 MHP_ERR_INVAL);
	assert_int_equal(step_through(mc, &op, NULL), 0);
	assert_int_equal(mhp_frame_free(mc->m, other, 0), 0);
	shelf_close(shelf);
}

/* Without patience somebody who never completes ends it; both pages stay whole,
 * and completing afterwards is right still. */
static void late(struct machine *mc, uint32_t flags, bool moved)
{
	struct shelf *shelf = two_blocks(mc);
	struct mhp_report report;
	struct mhp_offline op;
	struct item *item;
	int err;

	shelf_fill(shelf, FIRST_BLOCK, 0, 1);
	item = item_in_block(shelf, FIRST_BLOCK);
	item->answer = ANSWER_LATER;
	begin_ok(mc, &op, FIRST_BLOCK, 1000, flags);
	while ((err = mhp_offline_step(mc->m, &op, &report)) == MHP_ERR_AGAIN)
		mhp_model_advance(mc->model, 10);
	assert_int_equal(err, flags ? MHP_ERR_TIMEDOUT : report.code);
	assert_true(err == MHP_ERR_TIMEDOUT || err == MHP_ERR_BUSY);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_ONLINE);
	check_ok(mc);
	assert_int_equal(shelf_complete(shelf, item, moved), 0);
	check_ok(mc);
	shelf_verify(shelf);
	item->answer = ANSWER_MOVED;
	offline_ok(mc, FIRST_BLOCK);
	shelf_close(shelf);
}

static void test_late(struct machine *mc)
{
	late(mc, MHP_OFFLINE_PATIENT, true);
}

static void test_late_not(struct machine *mc)
{
	late(mc, MHP_OFFLINE_PATIENT, false);
}

static void test_late_impatient(struct machine *mc)
{
	late(mc, 0, true);
}

/* Patience lasts until the deadline and not longer. */
static void test_deadline(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	struct mhp_report report;
	struct mhp_offline op;
	struct item *item;
	char *before;
	int i;

	shelf_fill(shelf, FIRST_BLOCK, 0, 1);
	item = item_in_block(shelf, FIRST_BLOCK);
	item->answer = ANSWER_REFUSED;
	before = snapshot(mc, 0);
	begin_ok(mc, &op, FIRST_BLOCK, 1000, MHP_OFFLINE_PATIENT);
	for (i = 0; i < 99; i++) {
		assert_int_equal(mhp_offline_step(mc->m, &op, NULL),
				 MHP_ERR_AGAIN);
		mhp_model_advance(mc->model, 10);
	}
	mhp_model_advance(mc->model, 11);
	assert_int_equal(step_through(mc, &op, &report), MHP_ERR_TIMEDOUT);
	assert_int_equal(report.code, MHP_ERR_TIMEDOUT);
	/* The page that was in the way is named. */
	assert_int_equal(report.pfn, item->pfn);
	assert_string_equal(report.owner_name, SHELF_NAME);
	unchanged(mc, before, 0);
	assert_int_equal(mhp_offline_step(mc->m, &op, NULL), MHP_ERR_INVAL);

	/* A deadline that has passed before it begins. */
	before = snapshot(mc, 0);
	assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK, 1, NULL),
			 MHP_ERR_TIMEDOUT);
	unchanged(mc, before, 0);
	shelf_close(shelf);
}

/* ---- how soon it ends ---- */

/* A move in parts, each of which takes time; who gives it up says AGAIN. */
struct parts {
	struct mhp_offline op;
	uint64_t nr_done;
	uint64_t cancel_after; /* parts; 0: never */
};

#define PART_NS 300
#define NR_PARTS 10

static void move_in_parts(struct shelf *shelf, const struct mhp_move *move)
{
	struct parts *parts = shelf->at_move_arg;

	shelf->items[move->cookie].answer = ANSWER_AGAIN;
	for (int i = 0; i < NR_PARTS; i++) {
		mhp_model_advance(shelf->mc->model, PART_NS);
		if (++parts->nr_done == parts->cancel_after)
			mhp_offline_cancel(shelf->mc->m, &parts->op);
		if (mhp_move_expired(shelf->mc->m, move))
			return;
	}
	shelf->items[move->cookie].answer = ANSWER_MOVED;
}

/* An owner that asks ends its move in the part in which it is late, or in which
 * the operation is cancelled, and nothing has changed. */
static void test_expired(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	struct parts parts = {.nr_done = 0};
	struct mhp_report report;
	char *before;

	shelf_fill(shelf, FIRST_BLOCK, 1, 3);
	shelf->at_move = move_in_parts;
	shelf->at_move_arg = &parts;
	before = snapshot(mc, 0);
	begin_ok(mc, &parts.op, FIRST_BLOCK, 4 * PART_NS, 0);
	assert_int_equal(mhp_offline_step(mc->m, &parts.op, &report),
			 MHP_ERR_TIMEDOUT);
	assert_int_equal(report.why, MHP_WHY_DEADLINE);
	assert_int_equal(parts.nr_done, 4);
	unchanged(mc, before, 0);

	before = snapshot(mc, 0);
	begin_ok(mc, &parts.op, FIRST_BLOCK, MHP_NO_DEADLINE, 0);
	parts.nr_done = 0;
	parts.cancel_after = 3;
	assert_int_equal(mhp_offline_step(mc->m, &parts.op, NULL),
			 MHP_ERR_CANCELED);
	assert_int_equal(parts.nr_done, 3);
	unchanged(mc, before, 0);
	assert_int_equal(shelf->nr_moved, 0);

	/* With time it ends. */
	parts = (struct parts){.nr_done = 0};
	offline_ok(mc, FIRST_BLOCK);
	assert_int_equal(parts.nr_done, 3 * NR_PARTS);
	shelf_verify(shelf);
	shelf_close(shelf);
}

static void count_pins(struct shelf *shelf, mhp_pfn_t pfn)
{
	unsigned int *nr_asked = shelf->at_move_arg;

	(void)pfn;
	++*nr_asked;
}

/* Who is late before it has begun looks at one pageblock, not at all. */
static void test_late_forecast(struct machine *mc)
{
	unsigned int order = mhp_pageblock_order(mc->g) - 1, nr_asked = 0;
	struct shelf *shelf = two_blocks(mc);
	struct mhp_offline op;
	char *before;

	shelf_fill(shelf, FIRST_BLOCK, order, 5);
	shelf->at_pins = count_pins;
	shelf->at_move_arg = &nr_asked;
	mhp_model_advance(mc->model, 2);
	before = snapshot(mc, 0);
	begin_ok(mc, &op, FIRST_BLOCK, 1, 0);
	assert_true(nr_asked > 0 && nr_asked <= 2);
	assert_int_equal(mhp_offline_step(mc->m, &op, NULL), MHP_ERR_TIMEDOUT);
	unchanged(mc, before, 0);
	nr_asked = 0;
	begin_ok(mc, &op, FIRST_BLOCK, MHP_NO_DEADLINE, 0);
	assert_int_equal(nr_asked, 5);
	mhp_offline_cancel(mc->m, &op);
	shelf_close(shelf);
}

/* A patient operation succeeds as soon as the owner is willing. */
static void test_patient(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	struct mhp_offline op;
	struct item *item;
	int i;

	shelf_fill(shelf, FIRST_BLOCK, 0, 1);
	item = item_in_block(shelf, FIRST_BLOCK);
	item->answer = ANSWER_REFUSED;
	begin_ok(mc, &op, FIRST_BLOCK, MHP_NO_DEADLINE, MHP_OFFLINE_PATIENT);
	for (i = 0; i < 500; i++)
		assert_int_equal(mhp_offline_step(mc->m, &op, NULL),
				 MHP_ERR_AGAIN);
	assert_true(item->nr_asked > 100);
	item->answer = ANSWER_MOVED;
	assert_int_equal(step_through(mc, &op, NULL), 0);
	shelf_close(shelf);
}

static void plug_node(struct machine *mc, uint64_t id, uint16_t node)
{
	struct mhp_add_request add = {.range = block_range(mc, id, 1),
				      .node = node};

	assert_int_equal(mhp_add(mc->m, &add, NULL), 0);
	assert_int_equal(online_blocks(mc, id, 1, MHP_ONLINE_MOVABLE), 0);
}

/* What moves stays on its node as long as that has room. */
static void test_node(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	uint16_t node;

	for (node = 0; node < 3; node++) {
		plug_node(mc, FIRST_BLOCK + node, node);
		plug_node(mc, FIRST_BLOCK + 4 + node, node);
		shelf_fill(shelf, FIRST_BLOCK + node, 1, 3);
	}
	for (node = 0; node < 3; node++) {
		offline_ok(mc, FIRST_BLOCK + node);
		assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK + 4 + node),
				 3);
	}
	shelf_verify(shelf);
	shelf_close(shelf);
}

static const struct machine_test node_tests[] = {
	{"node", test_node},
};

static const struct machine_test tests[] = {
	{"moves", test_moves},
	{"refused_once", test_refused_once},
	{"refused", test_refused},
	{"broken", test_broken},
	{"pinned", test_pinned},
	{"unmovable", test_unmovable},
	{"no_target", test_no_target},
	{"later", test_later},
	{"later_not", test_later_not},
	{"complete_wrong", test_complete_wrong},
	{"late", test_late},
	{"late_not", test_late_not},
	{"late_impatient", test_late_impatient},
	{"deadline", test_deadline},
	{"expired", test_expired},
	{"late_forecast", test_late_forecast},
	{"patient", test_patient},
};

int main(void)
{
	return machine_run("offline", tests, sizeof(tests) / sizeof(tests[0]),
			   true) +
	       machine_run_on("offline-nodes", node_tests, 1, "nodes");
}
