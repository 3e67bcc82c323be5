/* SPDX-License-Identifier: MIT */
/*
 * Owners that move many allocations at once: each is moved or not by itself,
 * whatever became of the others. And those that have freed the target again
 * before they say that a move was made.
 */
#include "support.h"

#include <stdlib.h>

static struct shelf *two_blocks(struct machine *mc)
{
	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	return shelf_open_many(mc);
}

static void begin_ok(struct machine *mc, struct mhp_offline *op,
		     uint64_t deadline_ns, uint32_t flags)
{
	assert_int_equal(mhp_offline_begin(mc->m, op, FIRST_BLOCK, deadline_ns,
					   flags, NULL),
			 0);
}

static int step_through(struct machine *mc, struct mhp_offline *op)
{
	int err;

	do
		err = mhp_offline_step(mc->m, op, NULL);
	while (err == MHP_ERR_AGAIN);
	return err;
}

/* Each is asked in the first pass. */
static void offline_ok(struct shelf *shelf)
{
	struct mhp_progress p;
	struct mhp_offline op;

	begin_ok(shelf->mc, &op, MHP_NO_DEADLINE, 0);
	assert_int_equal(step_through(shelf->mc, &op), 0);
	mhp_offline_progress(shelf->mc->m, &op, &p);
	assert_int_equal(p.nr_passes, 1);
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK), 0);
	shelf_verify(shelf);
}

/* They are counted as if they had moved one by one. */
static void test_together(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	uint64_t usable = block_info(mc, FIRST_BLOCK).nr_free;
	unsigned int nr = usable < 180 ? (unsigned int)usable / 2 : 90;
	uint64_t before = stat_now(mc).nr_pages_moved, moved = 0;
	struct mhp_progress p;
	struct mhp_offline op;
	int err;

	shelf_fill(shelf, FIRST_BLOCK, 0, nr);
	begin_ok(mc, &op, MHP_NO_DEADLINE, 0);
	do {
		err = mhp_offline_step(mc->m, &op, NULL);
		check_ok(mc);
		mhp_offline_progress(mc->m, &op, &p);
		assert_in_range(p.nr_pages_moved, moved,
				moved + MHP_OFFLINE_BATCH);
		assert_int_equal(p.nr_pages_moved, shelf->nr_moved);
		moved = p.nr_pages_moved;
	} while (err == MHP_ERR_AGAIN);
	assert_int_equal(err, 0);
	assert_int_equal(moved, nr);
	assert_int_equal(p.nr_moves_refused, 0);
	assert_int_equal(stat_now(mc).nr_pages_moved - before, nr);
	assert_true(nr < 2 || shelf->most_together > 1);
	shelf_verify(shelf);
	shelf_close(shelf);
}

/* An item of that order, at such an address, in the only block there is. */
static void put(struct shelf *shelf, unsigned int order, unsigned int align)
{
	struct mhp_request request = {.order = (uint8_t)order,
				      .align_order = (uint8_t)align};
	struct item *item = shelf_alloc(shelf, &request);

	assert_non_null(item);
	assert_int_equal(mhp_block_id(shelf->mc->g, item->pfn), FIRST_BLOCK);
}

/* Of all orders below @most, and every second one aligned beyond that. */
static void put_all(struct shelf *shelf, unsigned int most)
{
	unsigned int order, i;

	for (i = 0; i < 4; i++) {
		put(shelf, 0, 0);
		put(shelf, 0, 1);
	}
	for (order = 0; order < most; order++) {
		put(shelf, order, 0);
		put(shelf, order, order + 1);
	}
}

/* Also those that move alone keep what they were aligned to. */
static void test_orders(struct machine *mc)
{
	unsigned int most = mhp_pageblock_order(mc->g), i;
	struct shelf *shelf;
	uint64_t nr_free;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_MOVABLE);
	nr_free = block_info(mc, FIRST_BLOCK).nr_free;
	while (most && UINT64_C(8) << most > nr_free)
		most--;
	shelf = shelf_open_many(mc);
	put_all(shelf, most);
	plug(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_EXISTING,
	     MHP_ONLINE_MOVABLE);
	offline_ok(shelf);
	for (i = 1; i < 8 + 2 * most; i += 2)
		assert_int_equal(
			shelf->items[i].pfn &
				((UINT64_C(2) << shelf->items[i].order) - 1),
			0);
	assert_true(shelf->nr_many > 0);
	check_ok(mc);
	shelf_close(shelf);
}

/* Each gets what was said of it, and is asked again accordingly. */
static void test_answers(struct machine *mc)
{
	static const enum answer answers[] = {
		ANSWER_MOVED, ANSWER_REFUSED, ANSWER_AGAIN,
		ANSWER_LATER, ANSWER_BROKEN,  ANSWER_LATER,
	};
	const unsigned int nr = sizeof(answers) / sizeof(answers[0]);
	struct shelf *shelf = two_blocks(mc);
	struct mhp_progress p;
	struct mhp_offline op;
	unsigned int i;

	shelf_fill(shelf, FIRST_BLOCK, 0, nr);
	for (i = 0; i < nr; i++)
		shelf->items[i].answer = answers[i];
	begin_ok(mc, &op, MHP_NO_DEADLINE, MHP_OFFLINE_PATIENT);
	do {
		assert_int_equal(mhp_offline_step(mc->m, &op, NULL),
				 MHP_ERR_AGAIN);
		mhp_offline_progress(mc->m, &op, &p);
	} while (p.nr_passes < 2);
	assert_int_equal(p.nr_pages_moved, 1);
	assert_int_equal(p.nr_moves_refused, 2);
	assert_int_equal(shelf->nr_moved, 1);
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK), nr - 1);
	check_ok(mc);
	assert_int_equal(shelf_complete(shelf, &shelf->items[3], true), 0);
	assert_int_equal(shelf_complete(shelf, &shelf->items[5], false), 0);
	for (i = 0; i < nr; i++)
		shelf->items[i].answer = ANSWER_MOVED;
	assert_int_equal(step_through(mc, &op), 0);
	assert_int_equal(shelf->nr_moved, nr);
	shelf_verify(shelf);
	check_ok(mc);
	shelf_close(shelf);
}

/* Take all memory; what of it is in the block that shall leave, and @nr_spare
 * pages in the other one, are given back. */
static uint64_t take_all(struct shelf *shelf, unsigned int nr_spare,
			 mhp_pfn_t *pfns)
{
	struct machine *mc = shelf->mc;
	struct mhp_request requests[] = {
		{.order = 0},
		{.mobility = MHP_MOVABLE,
		 .owner = shelf->owner,
		 .cookie = NR_ITEMS - 1},
	};
	uint64_t nr = 0, kept = 0, i;
	mhp_pfn_t pfn;

	for (i = 0; i < 2; i++)
		while (!mhp_frame_alloc(mc->m, &requests[i], &pfn))
			pfns[nr++] = pfn;
	for (i = 0; i < nr; i++) {
		uint64_t id = mhp_block_id(mc->g, pfns[i]);

		if (id == FIRST_BLOCK || (id == FIRST_BLOCK + 1 && nr_spare)) {
			nr_spare -= id != FIRST_BLOCK;
			assert_int_equal(mhp_frame_free(mc->m, pfns[i], 0), 0);
		} else {
			pfns[kept++] = pfns[i];
		}
	}
	return kept;
}

/* Targets for some of them: those move, the others are as they were. */
static void test_no_target(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	struct mhp_report report;
	mhp_pfn_t *pfns;
	uint64_t nr;

	pfns = calloc(NR_BLOCKS * mhp_block_pages(mc->g), sizeof(*pfns));
	assert_non_null(pfns);
	shelf_fill(shelf, FIRST_BLOCK, 0, 5);
	nr = take_all(shelf, 2, pfns);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, &report),
		MHP_ERR_NOMEM);
	assert_int_equal(report.why, MHP_WHY_NO_TARGET);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_ONLINE);
	assert_int_equal(shelf->nr_moved, 2);
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK), 3);
	shelf_verify(shelf);
	check_ok(mc);
	while (nr--)
		assert_int_equal(mhp_frame_free(mc->m, pfns[nr], 0), 0);
	free(pfns);
	offline_ok(shelf);
	shelf_close(shelf);
}

static void cancel_now(struct shelf *shelf, const struct mhp_move *move)
{
	(void)move;
	mhp_offline_cancel(shelf->mc->m, shelf->at_move_arg);
}

static void late_now(struct shelf *shelf, const struct mhp_move *move)
{
	(void)move;
	mhp_model_advance(shelf->mc->model, 1000);
}

/* Who is late, or cancelled, ends what is being moved together, and no more. */
static void ends_with_the_bundle(struct machine *mc, unsigned int order,
				 void (*at_move)(struct shelf *shelf,
						 const struct mhp_move *move),
				 int expected)
{
	struct shelf *shelf = two_blocks(mc);
	unsigned int together = 64U >> order, nr = together + 4;
	struct mhp_offline op;

	if (block_info(mc, FIRST_BLOCK).nr_free < 2 * ((uint64_t)nr << order)) {
		shelf_close(shelf);
		return;
	}
	shelf_fill(shelf, FIRST_BLOCK, order, nr);
	shelf->at_move = at_move;
	shelf->at_move_arg = &op;
	begin_ok(mc, &op, 500, 0);
	assert_int_equal(mhp_offline_step(mc->m, &op, NULL), expected);
	assert_int_equal(shelf->nr_many, 1);
	assert_in_range(shelf->most_together, 1, together);
	assert_int_equal(shelf->nr_moved, shelf->most_together);
	shelf->at_move = NULL;
	check_ok(mc);
	offline_ok(shelf);
	shelf_close(shelf);
}

static void test_cancelled(struct machine *mc)
{
	ends_with_the_bundle(mc, 2, cancel_now, MHP_ERR_CANCELED);
}

static void test_late(struct machine *mc)
{
	ends_with_the_bundle(mc, 2, late_now, MHP_ERR_TIMEDOUT);
}

static void free_another(struct shelf *shelf, const struct mhp_move *move)
{
	struct item *item = &shelf->items[move->cookie ^ 1];

	if (item->live && item->nr_asked == 0)
		shelf_free(shelf, item);
}

/* Of each pair the first that is asked frees the other one, which has a target
 * by then. */
static void test_freed_meanwhile(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);

	shelf_fill(shelf, FIRST_BLOCK, 0, 8);
	shelf->at_move = free_another;
	offline_ok(shelf);
	assert_int_equal(shelf->nr_moved, 4);
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK + 1), 4);
	check_ok(mc);
	shelf_close(shelf);
}

/* An owner may have freed the target before it says that the move was made. */
static void test_freed_target(struct machine *mc)
{
	struct shelf *shelf = two_blocks(mc);
	struct item *item = shelf->items;
	struct mhp_offline op;

	shelf_fill(shelf, FIRST_BLOCK, 0, 2);
	item->answer = ANSWER_LATER;
	begin_ok(mc, &op, MHP_NO_DEADLINE, 0);
	while (item->to_pfn == MHP_PFN_NONE)
		assert_int_equal(mhp_offline_step(mc->m, &op, NULL),
				 MHP_ERR_AGAIN);
	assert_int_equal(mhp_frame_free(mc->m, item->to_pfn, 0), 0);
	assert_int_equal(
		mhp_move_complete(mc->m, item->pfn, item->to_pfn, 0, true), 0);
	item->live = false;
	assert_int_equal(step_through(mc, &op), 0);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	shelf_verify(shelf);
	shelf_close(shelf);
}

/* The start of the row of the last item in the block. */
static mhp_pfn_t last_row(struct shelf *shelf)
{
	uint64_t pages = mhp_pageblock_pages(shelf->mc->g);
	mhp_pfn_t last = 0;
	unsigned int i;

	for (i = 0; i < NR_ITEMS; i++)
		if (shelf->items[i].live && shelf->items[i].pfn > last)
			last = shelf->items[i].pfn;
	return last & ~(mhp_pfn_t)((pages < 64 ? pages : 64) - 1);
}

/* Items from @pfn on. */
static unsigned int nr_from(struct shelf *shelf, mhp_pfn_t pfn)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_ITEMS; i++)
		nr += shelf->items[i].live && shelf->items[i].pfn >= pfn;
	return nr;
}

/* Where the end of a pageblock shall leave, what is before it stays. */
static void test_part_of_pageblock(struct machine *mc)
{
	uint64_t unit = mhp_pageblock_pages(mc->g), nr_free;
	struct mhp_range range;
	struct shelf *shelf;
	unsigned int nr;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_MOVABLE);
	shelf = shelf_open_many(mc);
	nr_free = block_info(mc, FIRST_BLOCK).nr_free;
	for (nr = 0; nr < 100 && nr < nr_free / 2; nr++)
		put(shelf, 0, 0);
	range.start_pfn = last_row(shelf);
	range.nr_pages = unit - (range.start_pfn & (unit - 1));
	nr = nr_from(shelf, range.start_pfn);
	assert_int_equal(mhp_withhold(mc->m, range, MHP_NO_DEADLINE, NULL), 0);
	assert_int_equal(shelf->nr_moved, nr);
	assert_int_equal(shelf->nr_many > 0, nr > 1);
	shelf_verify(shelf);
	check_ok(mc);
	assert_int_equal(mhp_release(mc->m, range, NULL), 0);
	shelf_close(shelf);
}

static const struct machine_test tests[] = {
	{.name = "together", .run = test_together},
	{.name = "orders", .run = test_orders},
	{.name = "answers", .run = test_answers},
	{.name = "no_target", .run = test_no_target},
	{.name = "cancelled", .run = test_cancelled},
	{.name = "late", .run = test_late},
	{.name = "freed_meanwhile", .run = test_freed_meanwhile},
	{.name = "freed_target", .run = test_freed_target},
	{.name = "part_of_pageblock", .run = test_part_of_pageblock},
};

int main(void)
{
	return machine_run("move_many", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
