/* SPDX-License-Identifier: MIT */
/*
 * Withheld pages: what is counted, what can be had, what stays over offline and
 * online, what is in the way, and what is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

static uint64_t pageblock_pages(const struct machine *mc)
{
	return mhp_pageblock_pages(mc->g);
}

/* The last pageblock of a block: no memmap in it. */
static mhp_pfn_t last_pageblock(const struct machine *mc, uint64_t id)
{
	return block_start(mc, id + 1) - pageblock_pages(mc);
}

static int add_withheld(struct machine *mc, uint64_t id,
			enum mhp_placement placement)
{
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.range = block_range(mc, id, 1),
		.placement = placement,
		.flags = MHP_ADD_WITHHELD,
	};

	return mhp_add(mc->m, &request, NULL);
}

static uint64_t usable(struct machine *mc, uint64_t id)
{
	return mhp_block_pages(mc->g) - block_info(mc, id).nr_memmap;
}

static void withhold_ok(struct machine *mc, mhp_pfn_t pfn, uint64_t nr)
{
	struct mhp_report report;
	char text[256];

	if (mhp_withhold(mc->m, mhp_range_make(pfn, nr), MHP_NO_DEADLINE,
			 &report)) {
		mhp_report_text(&report, text, sizeof(text));
		fail_msg("%s", text);
	}
	check_ok(mc);
	assert_int_equal(mhp_withheld(mc->m, mhp_range_make(pfn, nr)), nr);
}

static void release_ok(struct machine *mc, mhp_pfn_t pfn, uint64_t nr)
{
	assert_int_equal(mhp_release(mc->m, mhp_range_make(pfn, nr), NULL), 0);
	check_ok(mc);
	assert_int_equal(mhp_withheld(mc->m, mhp_range_make(pfn, nr)), 0);
}

/* A call fails so, for that reason, and nothing changes. */
static void refused(struct machine *mc, bool release, struct mhp_range range,
		    int err, enum mhp_why why)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report = {0};

	assert_int_equal(
		release ? mhp_release(mc->m, range, &report)
			: mhp_withhold(mc->m, range, MHP_NO_DEADLINE, &report),
		err);
	assert_int_equal(report.code, err);
	assert_int_equal(report.why, why);
	assert_int_equal(report.stage,
			 release ? MHP_STAGE_RELEASE : MHP_STAGE_WITHHOLD);
	unchanged(mc, before, 0);
}

/* Take all that a request can have from a block; returns how many. */
static uint64_t take_all(struct machine *mc, struct mhp_request request,
			 uint64_t id, mhp_pfn_t *pfns)
{
	uint64_t nr = 0;

	while (!mhp_frame_alloc(mc->m, &request, &pfns[nr]))
		if (mhp_block_id(mc->g, pfns[nr]) == id)
			nr++;
		else
			break; /* nothing better is left there */
	return nr;
}

static void give_all(struct machine *mc, const mhp_pfn_t *pfns, uint64_t nr)
{
	while (nr--)
		assert_int_equal(mhp_frame_free(mc->m, pfns[nr], 0), 0);
}

/* ---- a block that comes withheld ---- */

static void comes_withheld(struct machine *mc, enum mhp_placement placement)
{
	uint64_t id = FIRST_BLOCK, managed = stat_now(mc).nr_managed, all;
	mhp_pfn_t start, end = block_start(mc, id + 1), pfn;

	assert_int_equal(add_withheld(mc, id, placement), 0);
	check_ok(mc);
	all = usable(mc, id);
	start = end - all;
	assert_int_equal(block_info(mc, id).nr_withheld, all);
	assert_int_equal(mhp_withheld(mc->m, block_range(mc, id, 1)), all);
	assert_int_equal(mhp_withheld(mc->m, mhp_range_make(0, UINT64_MAX)),
			 all);
	assert_int_equal(mhp_withheld(mc->m, mhp_range_make(end - 1, 9)), 1);
	managed = stat_now(mc).nr_managed;
	assert_int_equal(online_blocks(mc, id, 1, MHP_ONLINE_MOVABLE), 0);
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_managed, managed);
	assert_int_equal(block_info(mc, id).nr_free, 0);
	assert_int_equal(page_info(mc, start).use, MHP_PAGE_WITHHELD);
	assert_int_equal(zone_info(mc, 0, MHP_ZONE_MOVABLE).nr_present,
			 mhp_block_pages(mc->g));
	/* Each pageblock's pages, one after the other. */
	for (pfn = start; pfn < end; pfn++)
		assert_int_equal(
			mhp_release(mc->m, mhp_range_make(pfn, 1), NULL), 0);
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_managed, managed + all);
	assert_int_equal(block_info(mc, id).nr_free, all);
	assert_int_equal(block_info(mc, id).nr_withheld, 0);
	assert_int_equal(mhp_offline_and_remove(mc->m, block_range(mc, id, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
}

static void test_comes_withheld(struct machine *mc)
{
	comes_withheld(mc, MHP_PLACEMENT_BLOCK);
	comes_withheld(mc, MHP_PLACEMENT_EXISTING);
	machine_again(mc, MHP_MODEL_STALE);
	comes_withheld(mc, MHP_PLACEMENT_BLOCK);
	comes_withheld(mc, MHP_PLACEMENT_BLOCK);
}

static void test_combinations(struct machine *mc)
{
	struct mhp_add_request add = {
		.range = block_range(mc, FIRST_BLOCK, 1),
		.placement = MHP_PLACEMENT_BLOCK,
		.flags = MHP_ADD_WITHHELD | MHP_ADD_INACCESSIBLE,
	};
	char *before = snapshot(mc, 0);

	assert_int_equal(mhp_add(mc->m, &add, NULL), MHP_ERR_INVAL);
	unchanged(mc, before, 0);
	add.flags = MHP_ADD_INACCESSIBLE | MHP_ADD_STRICT;
	assert_int_equal(mhp_add(mc->m, &add, NULL), 0);
	refused(mc, false,
		mhp_range_make(last_pageblock(mc, FIRST_BLOCK),
			       pageblock_pages(mc)),
		MHP_ERR_OPNOTSUPP, MHP_WHY_PLACEMENT_REFUSED);
}

/* ---- what can be had ---- */

/* Of a pageblock of which only @nr pages are released, exactly these. */
static void only_released(struct machine *mc, mhp_pfn_t pfn, uint64_t nr)
{
	struct mhp_request request = {.zone_limit = MHP_ZONE_MOVABLE,
				      .flags = MHP_ALLOC_THIS_ZONE,
				      .mobility = MHP_MOVABLE};
	mhp_pfn_t *pfns = calloc(nr + 1, sizeof(*pfns));
	struct shelf *shelf = shelf_open(mc);
	uint64_t i;

	assert_non_null(pfns);
	request.owner = shelf->owner;
	request.cookie = MHP_COOKIE_MAX;
	release_ok(mc, pfn, nr);
	assert_int_equal(take_all(mc, request, FIRST_BLOCK, pfns), nr);
	check_ok(mc);
	for (i = 0; i < nr; i++)
		assert_in_range(pfns[i], pfn, pfn + nr - 1);
	give_all(mc, pfns, nr);
	check_ok(mc);
	request.order = (uint8_t)mhp_pageblock_order(mc->g);
	assert_int_equal(mhp_frame_alloc(mc->m, &request, pfns),
			 nr < pageblock_pages(mc) ? MHP_ERR_NOMEM : 0);
	if (nr == pageblock_pages(mc))
		assert_int_equal(mhp_frame_free(mc->m, pfns[0], request.order),
				 0);
	withhold_ok(mc, pfn, nr);
	assert_int_equal(mhp_frame_alloc(mc->m, &request, pfns), MHP_ERR_NOMEM);
	shelf_close(shelf);
	free(pfns);
}

static void test_only_released(struct machine *mc)
{
	uint64_t nr = pageblock_pages(mc);
	mhp_pfn_t pfn = last_pageblock(mc, FIRST_BLOCK);

	assert_int_equal(add_withheld(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK), 0);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 0);
	only_released(mc, pfn, 1);
	only_released(mc, pfn, nr - 1);
	only_released(mc, pfn, nr);
	only_released(mc, pfn, nr / 2);
}

/* A pageblock that is full and in use gets more, and gives it again. */
static void test_in_use(struct machine *mc)
{
	uint64_t nr = pageblock_pages(mc), managed;
	mhp_pfn_t pfn = last_pageblock(mc, FIRST_BLOCK);
	struct mhp_request request = {0};
	struct shelf *shelf = shelf_open(mc);
	unsigned int i;

	assert_int_equal(add_withheld(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK), 0);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 0);
	managed = stat_now(mc).nr_managed;
	release_ok(mc, pfn, nr / 2);
	for (i = 0; i < nr / 2; i++)
		assert_non_null(shelf_alloc(shelf, &request));
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK), nr / 2);
	release_ok(mc, pfn + nr / 2, nr / 4);
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_free, nr / 4);
	assert_int_equal(stat_now(mc).nr_managed, managed + nr / 2 + nr / 4);
	assert_non_null(shelf_alloc(shelf, &request));
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK), nr / 2 + 1);
	check_ok(mc);
	/* All of it again: the items go elsewhere. */
	withhold_ok(mc, pfn, nr / 2 + nr / 4);
	assert_int_equal(shelf_in_block(shelf, FIRST_BLOCK), 0);
	assert_int_equal(shelf->nr_moved, nr / 2 + 1);
	assert_int_equal(stat_now(mc).nr_managed, managed);
	shelf_verify(shelf);
	shelf_close(shelf);
}

/* ---- over the block's life ---- */

static void test_stays(struct machine *mc)
{
	uint64_t id = FIRST_BLOCK, nr = pageblock_pages(mc);
	mhp_pfn_t pfn = last_pageblock(mc, id);
	uint64_t nr_offline = nr + 1;

	plug(mc, id, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	withhold_ok(mc, pfn, nr);
	withhold_ok(mc, pfn - 1, 1);
	assert_int_equal(mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, NULL),
			 0);
	check_ok(mc);
	assert_int_equal(block_info(mc, id).nr_withheld, nr_offline);
	/* Some more, and some less, while it is offline. */
	withhold_ok(mc, pfn - 2, 1);
	release_ok(mc, pfn, 1);
	assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_OFFLINE);
	assert_int_equal(page_info(mc, pfn - 2).use, MHP_PAGE_WITHHELD);
	assert_int_equal(online_blocks(mc, id, 1, MHP_ONLINE_KERNEL), 0);
	check_ok(mc);
	assert_int_equal(block_info(mc, id).nr_withheld, nr_offline);
	assert_int_equal(block_info(mc, id).nr_free,
			 usable(mc, id) - nr_offline);
	/* And none is left when it comes back. */
	assert_int_equal(mhp_offline_and_remove(mc->m, block_range(mc, id, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	plug(mc, id, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	assert_int_equal(block_info(mc, id).nr_withheld, 0);
	assert_int_equal(block_info(mc, id).nr_free, usable(mc, id));
}

/* Before a block was ever online its state may hold anything. */
static void test_never_online(struct machine *mc)
{
	uint64_t id = FIRST_BLOCK;
	mhp_pfn_t pfn = last_pageblock(mc, id);

	machine_again(mc, MHP_MODEL_STALE);
	plug(mc, id, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	mhp_frame_free(mc->m, alloc_unmovable(mc, 0), 0);
	assert_int_equal(mhp_offline_and_remove(mc->m, block_range(mc, id, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(add_blocks(mc, id, 1, MHP_PLACEMENT_BLOCK), 0);
	refused(mc, true, mhp_range_make(pfn, 1), MHP_ERR_INVAL,
		MHP_WHY_NOT_NEXT);
	withhold_ok(mc, pfn + 1, pageblock_pages(mc) - 1);
	assert_int_equal(online_blocks(mc, id, 1, MHP_ONLINE_MOVABLE), 0);
	check_ok(mc);
	assert_int_equal(block_info(mc, id).nr_withheld,
			 pageblock_pages(mc) - 1);
}

/* A balloon takes boot memory. */
static void test_boot_memory(struct machine *mc)
{
	uint64_t id = NR_BOOT_BLOCKS - 2, nr = pageblock_pages(mc);
	uint64_t managed = stat_now(mc).nr_managed;
	mhp_pfn_t pfn = last_pageblock(mc, id) - nr;

	withhold_ok(mc, pfn, 2 * nr);
	assert_int_equal(stat_now(mc).nr_managed, managed - 2 * nr);
	assert_int_equal(mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, NULL),
			 0);
	assert_int_equal(online_blocks(mc, id, 1, MHP_ONLINE_KERNEL), 0);
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_managed, managed - 2 * nr);
	release_ok(mc, pfn, 2 * nr);
	assert_int_equal(stat_now(mc).nr_managed, managed);
	/* Memmap and state of boot memory are at its end. */
	refused(mc, false, block_range(mc, id + 1, 1), MHP_ERR_INVAL,
		MHP_WHY_NOT_NEXT);
}

/* ---- what is in the way ---- */

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

/* ---- wrong arguments ---- */

static void test_arguments(struct machine *mc)
{
	uint64_t id = FIRST_BLOCK, nr = pageblock_pages(mc);
	mhp_pfn_t end = block_start(mc, id + 1);
	unsigned int i;

	plug(mc, id, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	withhold_ok(mc, end - 2, 2);
	for (i = 0; i < 2; i++) {
		refused(mc, i, mhp_range_make(end - 1, 0), MHP_ERR_INVAL,
			MHP_WHY_EMPTY_RANGE);
		refused(mc, i, mhp_range_make(end - 1, 2), MHP_ERR_INVAL,
			MHP_WHY_BAD_REQUEST);
		refused(mc, i, mhp_range_make(end - 1, UINT64_MAX),
			MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST);
		refused(mc, i, mhp_range_make(block_start(mc, id + 3), 1),
			MHP_ERR_NOENT, MHP_WHY_NO_BLOCK);
		refused(mc, i, mhp_range_make(UINT64_MAX / 2, 1), MHP_ERR_NOENT,
			MHP_WHY_NO_BLOCK);
	}
	/* Not the first withheld one; not withheld; a gap before, or none. */
	refused(mc, true, mhp_range_make(end - 1, 1), MHP_ERR_INVAL,
		MHP_WHY_NOT_NEXT);
	refused(mc, true, mhp_range_make(end - 3, 2), MHP_ERR_INVAL,
		MHP_WHY_NOT_NEXT);
	refused(mc, false, mhp_range_make(end - 4, 1), MHP_ERR_INVAL,
		MHP_WHY_NOT_NEXT);
	refused(mc, false, mhp_range_make(end - 3, 2), MHP_ERR_INVAL,
		MHP_WHY_NOT_NEXT);
	refused(mc, false, mhp_range_make(end - nr - 1, nr), MHP_ERR_INVAL,
		MHP_WHY_NOT_NEXT);
	if (block_info(mc, id).nr_memmap)
		refused(mc, false, block_range(mc, id, 1), MHP_ERR_INVAL,
			MHP_WHY_NOT_NEXT);
}

/* No order, no way to free what is withheld. */
static void test_wrong_frees(struct machine *mc)
{
	uint64_t nr = pageblock_pages(mc);
	mhp_pfn_t pfn = last_pageblock(mc, FIRST_BLOCK), kept;
	unsigned int order, i;
	char *before;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	/* Partly, closed and open; then all of it, never used and used. */
	for (i = 0; i < 4; i++) {
		kept = i < 2 ? pfn + nr / 2 : pfn;
		withhold_ok(mc, kept, i < 2 ? nr / 2 : nr);
		before = snapshot(mc, 0);
		for (order = 0; UINT64_C(1) << order <= pfn + nr - kept;
		     order++)
			assert_int_equal(mhp_frame_free(mc->m, kept, order),
					 MHP_ERR_INVAL);
		unchanged(mc, before, 0);
		release_ok(mc, kept, i < 2 ? nr / 2 : nr);
		if (i % 2 == 0) {
			kept = alloc_in_block(mc, &(struct mhp_request){0},
					      FIRST_BLOCK);
			assert_int_equal(mhp_frame_free(mc->m, kept, 0), 0);
		}
	}
}

/* The port cannot prepare a pageblock that is partly withheld. */
static void test_first_use_fails(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	mhp_pfn_t pfn = last_pageblock(mc, FIRST_BLOCK);
	uint64_t nr = pageblock_pages(mc);
	char *before;

	assert_int_equal(add_withheld(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK), 0);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 0);
	release_ok(mc, pfn, nr / 2);
	before = snapshot(mc, 0);
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_FROM_THEN, 1);
	assert_null(shelf_alloc(shelf, NULL));
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	unchanged(mc, before, 0);
	assert_int_equal(shelf_alloc(shelf, NULL)->pfn, pfn);
	shelf_close(shelf);
}

/* Bad and withheld: counted as withheld, and never handed out afterwards. */
static void test_bad_pages(struct machine *mc)
{
	uint64_t id = FIRST_BLOCK, nr = pageblock_pages(mc), all;
	mhp_pfn_t pfn = last_pageblock(mc, id);

	plug(mc, id, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	all = usable(mc, id);
	assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
	withhold_ok(mc, pfn, nr);
	assert_int_equal(mhp_poison_hard(mc->m, pfn + 1, NULL), 0);
	check_ok(mc);
	assert_int_equal(block_info(mc, id).nr_withheld, nr);
	assert_int_equal(block_info(mc, id).nr_free, all - nr);
	release_ok(mc, pfn, nr);
	assert_int_equal(block_info(mc, id).nr_free, all - 2);
	assert_int_equal(page_info(mc, pfn + 1).use, MHP_PAGE_POISONED);
	withhold_ok(mc, pfn, nr);
	assert_int_equal(mhp_poison_clear(mc->m, pfn, NULL), 0);
	assert_int_equal(mhp_poison_clear(mc->m, pfn + 1, NULL), 0);
	check_ok(mc);
	release_ok(mc, pfn, nr);
	assert_int_equal(block_info(mc, id).nr_free, all);
}

static const struct machine_test tests[] = {
	{"comes_withheld", test_comes_withheld},
	{"combinations", test_combinations},
	{"only_released", test_only_released},
	{"in_use", test_in_use},
	{"stays", test_stays},
	{"never_online", test_never_online},
	{"boot_memory", test_boot_memory},
	{"straddles", test_straddles},
	{"refusals", test_refusals},
	{"unmovable", test_unmovable},
	{"no_target", test_no_target},
	{"deadline", test_deadline},
	{"others_keep_off", test_others_keep_off},
	{"transitions", test_transitions},
	{"arguments", test_arguments},
	{"wrong_frees", test_wrong_frees},
	{"first_use_fails", test_first_use_fails},
	{"bad_pages", test_bad_pages},
};

int main(void)
{
	return machine_run("withhold", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
