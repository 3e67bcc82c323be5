/* SPDX-License-Identifier: MIT */
/*
 * Offlining as an operation: progress, cancelling, several at once, what else
 * may happen meanwhile, and that isolation is sticky.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* Most steps that any offlining here may take. */
#define MANY_STEPS 100000

static struct shelf *two_blocks(struct machine *mc)
{
	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	return shelf_open(mc);
}

static void begin_ok(struct machine *mc, struct mhp_offline *op, uint64_t id)
{
	memset(op, 0x5a, sizeof(*op));
	assert_int_equal(mhp_offline_begin(mc->m, op, id, MHP_NO_DEADLINE,
					   MHP_OFFLINE_PATIENT, NULL),
			 0);
	check_ok(mc);
}

static int step_through(struct machine *mc, struct mhp_offline *op)
{
	unsigned int nr = 0;
	int err;

	do {
		err = mhp_offline_step(mc->m, op, NULL);
		check_ok(mc);
		assert_true(nr++ < MANY_STEPS);
	} while (err == MHP_ERR_AGAIN);
	return err;
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

/* No step moves more than a batch, and the numbers add up at every moment. */
static void test_progress(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	uint64_t usable = block_info(mc, FIRST_BLOCK).nr_free, moved = 0;
	unsigned int nr = usable < 90 ? (unsigned int)usable / 2 : 90;
	struct mhp_progress p;
	struct mhp_offline op;
	int err;

	shelf_fill(shelf, FIRST_BLOCK, 0, nr);
	item_in_block(shelf, FIRST_BLOCK)->answer = ANSWER_REFUSED_ONCE;
	begin_ok(mc, &op, FIRST_BLOCK);
	mhp_offline_progress(mc->m, &op, &p);
	assert_int_equal(p.nr_pages, usable);
	assert_int_equal(p.nr_pages_used, nr);
	assert_int_equal(p.nr_pages_moved, 0);
	do {
		err = mhp_offline_step(mc->m, &op, NULL);
		mhp_offline_progress(mc->m, &op, &p);
		assert_in_range(p.nr_pages_moved, moved,
				moved + MHP_OFFLINE_BATCH);
		assert_int_equal(p.nr_pages_moved, shelf->nr_moved);
		moved = p.nr_pages_moved;
		assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK),
				 nr - moved);
	} while (err == MHP_ERR_AGAIN);
	assert_int_equal(err, 0);
	assert_int_equal(p.nr_pages_moved, nr);
	assert_int_equal(p.nr_pages_used, 0);
	assert_int_equal(p.nr_moves_refused, 1);
	assert_true(p.nr_passes >= 2);
	shelf_close(shelf);
}

/* Counts notices of one kind. */
struct counter {
	struct mhp_notifier notifier;
	enum mhp_event event;
	unsigned int nr;
};

static int counter_notify(struct mhp_notifier *self, struct mhp *m,
			  const struct mhp_notice *notice)
{
	struct counter *c = (struct counter *)(void *)self;

	(void)m;
	c->nr += notice->event == c->event;
	return 0;
}

static void test_cancel(struct machine *mc)
{
	struct counter c = {.notifier = {.notify = counter_notify},
			    .event = MHP_EVENT_CANCEL_OFFLINE};
	struct shelf *shelf = two_blocks(mc);
	struct mhp_offline op;
	char *before;

	shelf_fill(shelf, FIRST_BLOCK, 0, MHP_OFFLINE_BATCH + 1);
	assert_int_equal(mhp_notifier_register(mc->m, &c.notifier), 0);
	before = snapshot(mc, 0);
	begin_ok(mc, &op, FIRST_BLOCK);
	mhp_offline_cancel(mc->m, &op);
	unchanged(mc, before, 0);
	assert_int_equal(c.nr, 1);
	assert_int_equal(mhp_offline_step(mc->m, &op, NULL), MHP_ERR_INVAL);
	mhp_offline_cancel(mc->m, &op);
	assert_int_equal(c.nr, 1);

	/* What has moved stays moved, and all else is as it was. */
	before = snapshot(mc, SNAP_NO_PAGES);
	begin_ok(mc, &op, FIRST_BLOCK);
	assert_int_equal(mhp_offline_step(mc->m, &op, NULL), MHP_ERR_AGAIN);
	assert_true(shelf->nr_moved > 0);
	mhp_offline_cancel(mc->m, &op);
	assert_int_equal(c.nr, 2);
	unchanged(mc, before, SNAP_NO_PAGES);
	shelf_verify(shelf);
	assert_int_equal(mhp_notifier_unregister(mc->m, &c.notifier), 0);
	shelf_close(shelf);
}

static void cancel_from_move(struct shelf *shelf, const struct mhp_move *move)
{
	(void)move;
	mhp_offline_cancel(shelf->mc->m, shelf->at_move_arg);
}

/* Cancelled while a step runs: it ends before the next allocation moves. */
static void test_cancel_running(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	struct mhp_report report;
	struct mhp_offline op;

	shelf_fill(shelf, FIRST_BLOCK, 0, 10);
	begin_ok(mc, &op, FIRST_BLOCK);
	shelf->at_move = cancel_from_move;
	shelf->at_move_arg = &op;
	assert_int_equal(mhp_offline_step(mc->m, &op, &report),
			 MHP_ERR_CANCELED);
	assert_int_equal(report.why, MHP_WHY_CANCELLED);
	assert_int_equal(shelf->nr_moved, 1);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_ONLINE);
	assert_int_equal(mhp_offline_step(mc->m, &op, NULL), MHP_ERR_INVAL);
	check_ok(mc);
	shelf_verify(shelf);
	shelf->at_move = NULL;
	shelf_close(shelf);
}

static void assert_busy(struct machine *mc, uint64_t id)
{
	struct mhp_range range = block_range(mc, id, 1);
	struct mhp_forecast forecast;
	struct mhp_report report;
	struct mhp_offline op;

	assert_int_equal(
		mhp_block_online(mc->m, id, MHP_ONLINE_MOVABLE, &report),
		MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_TRANSITION);
	assert_int_equal(mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, &report),
			 MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_TRANSITION);
	assert_int_equal(
		mhp_offline_begin(mc->m, &op, id, MHP_NO_DEADLINE, 0, NULL),
		MHP_ERR_BUSY);
	assert_int_equal(mhp_offline_step(mc->m, &op, NULL), MHP_ERR_INVAL);
	assert_int_equal(mhp_remove(mc->m, range, NULL), MHP_ERR_BUSY);
	assert_int_equal(
		mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE, 0, NULL),
		MHP_ERR_BUSY);
	assert_int_equal(mhp_forecast(mc->m, id, &forecast, NULL, 0, NULL),
			 MHP_ERR_BUSY);
}

/* A block that is going answers EBUSY to all but step and cancel. */
static void test_busy(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	struct mhp_offline op;
	char *before;

	shelf_fill(shelf, FIRST_BLOCK, 0, 3);
	begin_ok(mc, &op, FIRST_BLOCK);
	before = snapshot(mc, 0);
	assert_busy(mc, FIRST_BLOCK);
	unchanged(mc, before, 0);
	assert_int_equal(step_through(mc, &op), 0);
	shelf_close(shelf);
}

/* Tries everything that the owner of a page may call from its callback. */
static void call_from_move(struct shelf *shelf, const struct mhp_move *move)
{
	struct machine *mc = shelf->mc;
	mhp_pfn_t pfn = alloc_unmovable(mc, 0);
	struct mhp_progress p;

	(void)move;
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	assert_busy(mc, FIRST_BLOCK);
	mhp_offline_progress(mc->m, shelf->at_move_arg, &p);
	/* A second step of the same operation while the first runs. */
	assert_int_equal(mhp_offline_step(mc->m, shelf->at_move_arg, NULL),
			 MHP_ERR_BUSY);
	check_ok(mc);
	plug(mc, 12, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	assert_int_equal(mhp_offline_and_remove(mc->m, block_range(mc, 12, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(mhp_owner_unregister(mc->m, shelf->owner),
			 MHP_ERR_BUSY);
}

static void test_callback(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	struct mhp_offline op;

	shelf_fill(shelf, FIRST_BLOCK, 1, 3);
	begin_ok(mc, &op, FIRST_BLOCK);
	shelf->at_move = call_from_move;
	shelf->at_move_arg = &op;
	assert_int_equal(step_through(mc, &op), 0);
	assert_int_equal(shelf->nr_moved, 3);
	shelf->at_move = NULL;
	shelf_close(shelf);
}

/* An owner that tries the lifecycle where it may not. */
static uint32_t pins_reenter(void *ctx, struct mhp *m, mhp_pfn_t pfn,
			     unsigned int order, uint64_t cookie)
{
	struct mhp_forecast forecast;
	unsigned int *nr = ctx;
	struct mhp_page_info p;

	(void)cookie;
	assert_int_equal(mhp_forecast(m, 0, &forecast, NULL, 0, NULL),
			 MHP_ERR_DEADLK);
	assert_int_equal(mhp_block_offline(m, 0, MHP_NO_DEADLINE, NULL),
			 MHP_ERR_DEADLK);
	assert_int_equal(mhp_check(m, NULL), MHP_ERR_DEADLK);
	assert_int_equal(mhp_frame_query(m, pfn, &p), 0);
	assert_int_equal(p.order, order);
	++*nr;
	return 3;
}

static int move_never(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	(void)ctx;
	(void)m;
	(void)move;
	fail_msg("a pinned page is not to be moved");
	return MHP_ERR_BUSY;
}

/* Pins are asked for under the mutex: lifecycle calls are refused there. */
static void test_pins_callback(struct machine *mc)
{
	static const struct mhp_owner_ops ops = {.size_bytes = sizeof(ops),
						 .name = "pinner",
						 .move = move_never,
						 .pins = pins_reenter};
	struct mhp_request request = {.mobility = MHP_MOVABLE};
	struct mhp_forecast f;
	unsigned int nr = 0;
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	assert_int_equal(mhp_owner_register(mc->m, &ops, &nr, &request.owner),
			 0);
	pfn = alloc_in_block(mc, &request, FIRST_BLOCK);
	assert_int_equal(mhp_forecast(mc->m, FIRST_BLOCK, &f, NULL, 0, NULL),
			 0);
	assert_int_equal(f.nr_blockers, 1);
	assert_true(nr > 0);
	nr = 0;
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		MHP_ERR_BUSY);
	assert_true(nr > 0);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	assert_int_equal(mhp_owner_unregister(mc->m, request.owner), 0);
}

static void free_from_move(struct shelf *shelf, const struct mhp_move *move)
{
	struct item *item = &shelf->items[move->cookie];

	if (item->live)
		shelf_free(shelf, item);
}

/* The owner frees the page just as it shall move it. */
static void test_freed_meanwhile(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);

	shelf_fill(shelf, FIRST_BLOCK, 0, 3);
	shelf_fill(shelf, FIRST_BLOCK, 2, 2);
	shelf->at_move = free_from_move;
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_int_equal(shelf->nr_moved, 0);
	check_ok(mc);
	shelf->at_move = NULL;
	shelf_close(shelf);
}

/* A page freed in an isolated pageblock is not handed out until it is over. */
static void test_sticky(struct machine *mc)
{
	struct mhp_request movable = {.zone_limit = MHP_ZONE_MOVABLE,
				      .flags = MHP_ALLOC_THIS_ZONE};
	struct shelf *shelf;
	struct mhp_block_info b;
	struct mhp_offline op;
	struct item *item;
	mhp_pfn_t freed;
	uint64_t nr_free;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK, 0, 4);
	nr_free = block_info(mc, FIRST_BLOCK).nr_free;
	begin_ok(mc, &op, FIRST_BLOCK);
	b = block_info(mc, FIRST_BLOCK);
	assert_int_equal(b.nr_isolated, nr_free);
	assert_int_equal(b.nr_free, 0);
	assert_int_equal(b.nr_allocated, 4);
	item = item_in_block(shelf, FIRST_BLOCK);
	freed = item->pfn;
	shelf_free(shelf, item);
	assert_int_equal(page_info(mc, freed).use, MHP_PAGE_ISOLATED);
	assert_int_equal(mhp_frame_free(mc->m, freed, 0), MHP_ERR_ALREADY);
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_isolated, nr_free + 1);
	assert_null(shelf_alloc(shelf, &movable));
	check_ok(mc);
	mhp_offline_cancel(mc->m, &op);
	assert_int_equal(page_info(mc, freed).use, MHP_PAGE_FREE);
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_free, nr_free + 1);
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_isolated, 0);
	assert_non_null(shelf_alloc(shelf, &movable));
	shelf_close(shelf);
}

/* A whole pageblock freed while isolated, and allocatable again afterwards. */
static void test_sticky_whole(struct machine *mc)
{
	struct mhp_request whole = {
		.order = (uint8_t)mhp_pageblock_order(mc->g),
		.zone_limit = MHP_ZONE_MOVABLE,
		.flags = MHP_ALLOC_THIS_ZONE};
	unsigned int nr = 0, again = 0;
	struct shelf *shelf;
	struct mhp_offline op;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	shelf = shelf_open(mc);
	while (shelf_alloc(shelf, &whole))
		nr++;
	assert_true(nr > 0);
	begin_ok(mc, &op, FIRST_BLOCK);
	while (shelf_in_block(shelf, FIRST_BLOCK))
		shelf_free(shelf, item_in_block(shelf, FIRST_BLOCK));
	assert_null(shelf_alloc(shelf, &whole));
	mhp_offline_cancel(mc->m, &op);
	while (shelf_alloc(shelf, &whole))
		again++;
	assert_int_equal(again, nr);
	shelf_close(shelf);
}

/* Several operations are open at once, and memory is plugged meanwhile. */
static void test_several(struct machine *mc)
{
	struct mhp_offline ops[3];
	struct shelf *shelf;
	unsigned int i;

	plug(mc, FIRST_BLOCK, 5, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	shelf = shelf_open(mc);
	for (i = 0; i < 3; i++)
		shelf_fill(shelf, FIRST_BLOCK + i, 0, 8);
	for (i = 0; i < 3; i++)
		begin_ok(mc, &ops[i], FIRST_BLOCK + i);
	plug(mc, 16, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	plug(mc, 17, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	assert_int_equal(mhp_block_offline(mc->m, 12, MHP_NO_DEADLINE, NULL),
			 0);
	assert_int_equal(mhp_remove(mc->m, block_range(mc, 12, 1), NULL), 0);
	assert_int_equal(step_through(mc, &ops[2]), 0);
	mhp_offline_cancel(mc->m, &ops[1]);
	assert_int_equal(step_through(mc, &ops[0]), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_OFFLINE);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).state,
			 MHP_BLOCK_ONLINE);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 2).state,
			 MHP_BLOCK_OFFLINE);
	/* Nothing moved into a block that was leaving. */
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK), 0);
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK + 2), 0);
	shelf_verify(shelf);
	check_ok(mc);
	shelf_close(shelf);
}

/* A range with somebody in the last block: all that had left comes back. */
static void test_range_refused(struct machine *mc)
{
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 4);
	struct mhp_report report;
	struct shelf *shelf;
	struct item *item;
	char *before;

	/* The memmap in existing memory first: it may not be in the range. */
	plug(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_EXISTING,
	     MHP_ONLINE_MOVABLE);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	plug(mc, FIRST_BLOCK + 3, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK + 3, 0, 2);
	item = item_in_block(shelf, FIRST_BLOCK + 3);
	item->answer = ANSWER_REFUSED;
	before = snapshot(mc, SNAP_NO_PAGES);
	assert_int_equal(mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE,
						0, &report),
			 MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_REFUSED);
	assert_int_equal(report.pfn, item->pfn);
	unchanged(mc, before, SNAP_NO_PAGES);
	shelf_verify(shelf);
	item->answer = ANSWER_MOVED;
	assert_int_equal(
		mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE, 0, NULL),
		0);
	shelf_close(shelf);
}

static const struct machine_test tests[] = {
	{"progress", test_progress},
	{"cancel", test_cancel},
	{"cancel_running", test_cancel_running},
	{"busy", test_busy},
	{"callback", test_callback},
	{"pins_callback", test_pins_callback},
	{"freed_meanwhile", test_freed_meanwhile},
	{"sticky", test_sticky},
	{"sticky_whole", test_sticky_whole},
	{"several", test_several},
	{"range_refused", test_range_refused},
};

int main(void)
{
	return machine_run("steps", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
