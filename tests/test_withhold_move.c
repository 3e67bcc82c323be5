/* SPDX-License-Identifier: MIT */
/*
 * Withheld pages: moving away what is in use, what is in the way of that, and
 * who keeps off meanwhile.
 */
#include "mhp/move.h"
#include "withhold_support.h"

/* One movable block, the last pageblock of which holds a run that begins before
 * the pages that are to be withheld. */
static void test_straddles(struct machine *mc)
{
	unsigned int order = mhp_pageblock_order(mc->g) - 1;
	uint64_t nr = pageblock_pages(mc);
	struct mhp_request request = {.order = (uint8_t)order};
	struct shelf *shelf;
	struct item *item;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	shelf = shelf_open(mc);
	item = shelf_alloc(shelf, &request);
	assert_non_null(item);
	/* It ends in the middle or at the end of its pageblock. */
	if ((item->pfn & (nr - 1)) == 0) {
		item = shelf_alloc(shelf, &request);
		assert_non_null(item);
	}
	assert_int_equal(item->pfn & (nr - 1), nr / 2);
	withhold_ok(mc, item->pfn + nr / 2 - 1, 1);
	assert_true(shelf->nr_moved > 0);
	shelf_verify(shelf);
	shelf_close(shelf);
	check_ok(mc);
}

static struct item *one_item(struct machine *mc, struct shelf **shelf)
{
	struct item *item;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	*shelf = shelf_open(mc);
	item = shelf_alloc(*shelf, NULL);
	assert_non_null(item);
	assert_int_equal(mhp_block_id(mc->g, item->pfn), FIRST_BLOCK);
	return item;
}

/* The rest of the pageblock of a page, from that page on. */
static struct mhp_range rest_of(const struct machine *mc, mhp_pfn_t pfn)
{
	uint64_t nr = pageblock_pages(mc);

	return mhp_range_make(pfn, nr - (pfn & (nr - 1)));
}

static void test_refusals(struct machine *mc)
{
	struct shelf *shelf;
	struct item *item = one_item(mc, &shelf);
	struct mhp_range range = rest_of(mc, item->pfn);

	item->pins = 1;
	refused(mc, false, range, MHP_ERR_BUSY, MHP_WHY_PINNED);
	item->pins = 0;
	item->answer = ANSWER_REFUSED;
	refused(mc, false, range, MHP_ERR_BUSY, MHP_WHY_REFUSED);
	assert_true(item->nr_asked > 1);
	item->answer = ANSWER_REFUSED_ONCE;
	item->nr_asked = 0;
	withhold_ok(mc, range.start_pfn, range.nr_pages);
	shelf_close(shelf);
}

static void test_unmovable(struct machine *mc)
{
	struct mhp_range range;
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	pfn = alloc_in_block(mc, &(struct mhp_request){0}, FIRST_BLOCK);
	range = rest_of(mc, pfn);
	refused(mc, false, range, MHP_ERR_BUSY, MHP_WHY_UNMOVABLE);
	/* Behind it is nothing. */
	withhold_ok(mc, pfn + 1, range.nr_pages - 1);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	check_ok(mc);
	withhold_ok(mc, pfn, 1);
}

/* Nowhere to go: what is free is in the pageblock that is to be emptied. */
static void test_no_target(struct machine *mc)
{
	struct shelf *shelf;
	struct item *item = one_item(mc, &shelf);
	struct mhp_range range = rest_of(mc, item->pfn);
	struct mhp_request request = {.mobility = MHP_MOVABLE,
				      .owner = shelf->owner,
				      .cookie = MHP_COOKIE_MAX};
	mhp_pfn_t *pfns = calloc(NR_BLOCKS * mhp_block_pages(mc->g),
				 sizeof(*pfns));
	uint64_t nr = 0, kept = 0, i;

	assert_non_null(pfns);
	while (!mhp_frame_alloc(mc->m, &request, &pfns[nr]))
		nr++;
	for (i = 0; i < nr; i++)
		if ((pfns[i] ^ item->pfn) < pageblock_pages(mc))
			assert_int_equal(mhp_frame_free(mc->m, pfns[i], 0), 0);
		else
			pfns[kept++] = pfns[i];
	assert_true(kept < nr);
	refused(mc, false, range, MHP_ERR_NOMEM, MHP_WHY_NO_TARGET);
	give_all(mc, pfns, kept);
	free(pfns);
	withhold_ok(mc, range.start_pfn, range.nr_pages);
	shelf_close(shelf);
}

static void test_deadline(struct machine *mc)
{
	struct shelf *shelf;
	struct item *item = one_item(mc, &shelf);
	struct mhp_range range = rest_of(mc, item->pfn);
	char *before = snapshot(mc, 0);
	struct mhp_report report;

	assert_int_equal(mhp_withhold(mc->m, range, 0, &report),
			 MHP_ERR_TIMEDOUT);
	assert_int_equal(report.why, MHP_WHY_DEADLINE);
	assert_int_equal(report.stage, MHP_STAGE_WITHHOLD);
	unchanged(mc, before, 0);
	/* Nothing in use: it need not wait for anything. */
	shelf_free(shelf, item);
	assert_int_equal(mhp_withhold(mc->m, range, 0, NULL), 0);
	shelf_close(shelf);
}

/* ---- who keeps off while pages move ---- */

static void while_moving(struct shelf *shelf, const struct mhp_move *move)
{
	struct machine *mc = shelf->mc;
	uint64_t id = mhp_block_id(mc->g, move->from_pfn);
	struct mhp_range withheld = mhp_range_make(
		mhp_range_end_pfn(rest_of(mc, move->from_pfn)) - 1, 1);
	struct mhp_report report;

	assert_int_equal(mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, &report),
			 MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_ISOLATED);
	assert_int_equal(mhp_offline_and_remove(mc->m, block_range(mc, id, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(mhp_remove(mc->m, block_range(mc, id, 1), NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(mhp_release(mc->m, withheld, &report), MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_ISOLATED);
	withheld.start_pfn--;
	assert_int_equal(
		mhp_withhold(mc->m, withheld, MHP_NO_DEADLINE, &report),
		MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_ISOLATED);
	assert_int_equal(mhp_owner_unregister(mc->m, shelf->owner),
			 MHP_ERR_BUSY);
	assert_int_not_equal(move->to_pfn & ~(pageblock_pages(mc) - 1),
			     move->from_pfn & ~(pageblock_pages(mc) - 1));
}

static void test_others_keep_off(struct machine *mc)
{
	struct shelf *shelf;
	struct item *item = one_item(mc, &shelf);
	struct mhp_range range = rest_of(mc, item->pfn);

	withhold_ok(mc, mhp_range_end_pfn(range) - 1, 1);
	range.nr_pages--;
	shelf->at_move = while_moving;
	withhold_ok(mc, range.start_pfn, range.nr_pages);
	assert_int_equal(shelf->nr_moved, 1);
	shelf->at_move = NULL;
	shelf_close(shelf);
}

static unsigned int nr_reentered;

static int reenter(struct mhp_notifier *self, struct mhp *m,
		   const struct mhp_notice *notice)
{
	struct mhp_range range = mhp_range_make(0, 1);

	(void)self;
	(void)notice;
	assert_int_equal(mhp_release(m, range, NULL), MHP_ERR_DEADLK);
	assert_int_equal(mhp_withhold(m, range, 0, NULL), MHP_ERR_DEADLK);
	nr_reentered++;
	return 0;
}

static void test_transitions(struct machine *mc)
{
	struct mhp_range range = mhp_range_make(
		block_start(mc, FIRST_BLOCK + 1) - 1, 1);
	struct mhp_notifier notifier = {.notify = reenter};
	struct mhp_offline op;

	assert_int_equal(mhp_notifier_register(mc->m, &notifier), 0);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	assert_true(nr_reentered > 0);
	assert_int_equal(mhp_notifier_unregister(mc->m, &notifier), 0);
	withhold_ok(mc, range.start_pfn, 1);
	assert_int_equal(mhp_offline_begin(mc->m, &op, FIRST_BLOCK,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
	refused(mc, true, range, MHP_ERR_BUSY, MHP_WHY_TRANSITION);
	range.start_pfn--;
	refused(mc, false, range, MHP_ERR_BUSY, MHP_WHY_TRANSITION);
	mhp_offline_cancel(mc->m, &op);
	check_ok(mc);
}

/* ---- memory that is touched only while it is online ---- */

static void withhold_last(struct shelf *shelf, const struct mhp_move *move)
{
	uint64_t id = mhp_block_id(shelf->mc->g, move->from_pfn);
	mhp_pfn_t last = block_start(shelf->mc, id + 1) - 1;

	shelf->at_move = NULL;
	assert_int_equal(mhp_withhold(shelf->mc->m, mhp_range_make(last, 1),
				      MHP_NO_DEADLINE, NULL),
			 0);
}

/* Its memmap moves onto it, and meanwhile a page is withheld, which would be
 * forgotten while it is offline. */
static void test_inaccessible(struct machine *mc)
{
	const struct mhp_add_request add = {
		.range = block_range(mc, FIRST_BLOCK, 1),
		.placement = MHP_PLACEMENT_EXISTING,
		.flags = MHP_ADD_INACCESSIBLE,
	};
	struct shelf *shelf;
	struct item *item;
	int err;

	assert_int_equal(mhp_add(mc->m, &add, NULL), 0);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 0);
	shelf = shelf_open(mc);
	item = shelf_alloc(shelf, NULL);
	assert_non_null(item);
	assert_int_equal(item->pfn, block_start(mc, FIRST_BLOCK));
	shelf->at_move = withhold_last;
	err = mhp_memmap_move(mc->m, FIRST_BLOCK, MHP_PLACEMENT_BLOCK,
			      MHP_NO_DEADLINE, NULL);
	check_ok(mc);
	/* Some ports cannot at all. */
	assert_int_equal(err, MHP_ERR_OPNOTSUPP);
	assert_int_equal(block_info(mc, FIRST_BLOCK).placement,
			 MHP_PLACEMENT_EXISTING);
	shelf_close(shelf);
}

static const struct machine_test tests[] = {
	{"straddles", test_straddles},
	{"refusals", test_refusals},
	{"unmovable", test_unmovable},
	{"no_target", test_no_target},
	{"deadline", test_deadline},
	{"others_keep_off", test_others_keep_off},
	{"transitions", test_transitions},
	{"inaccessible", test_inaccessible},
};

int main(void)
{
	return machine_run("withhold_move", tests,
			   sizeof(tests) / sizeof(tests[0]), true);
}
