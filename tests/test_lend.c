/* SPDX-License-Identifier: MIT */
/*
 * Lending the memmap of tails, and what needs no un-sharing: freeing, taking
 * offline, removing. Each for memmaps on the block and at the start of a range.
 *
 * What it does not test: taking back and splitting (test_split.c).
 */
#include <stdlib.h>

#include "lend_support.h"
#include "mhp/poison.h"
#include "mhp/withhold.h"

#define NR_PLUGGED 3
#define LAST (FIRST_BLOCK + NR_PLUGGED - 1)

static const enum mhp_placement placements[] = {MHP_PLACEMENT_BLOCK,
						MHP_PLACEMENT_RANGE};

static uint64_t pageblock_pages(const struct machine *mc)
{
	return mhp_pageblock_pages(mc->g);
}

static unsigned int whole_order(const struct machine *mc)
{
	return mhp_pageblock_order(mc->g);
}

static void unplug(struct machine *mc)
{
	assert_int_equal(
		mhp_offline_and_remove(mc->m,
				       block_range(mc, FIRST_BLOCK, NR_PLUGGED),
				       MHP_NO_DEADLINE, 0, NULL),
		0);
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_memmap_lent, 0);
}

/* ---- what is lent ---- */

/* One allocation after the other: pages are lent as the rules say, and counted
 * everywhere. */
static void lend_all(struct machine *mc, enum mhp_placement placement)
{
	const struct mhp_request whole = {.order = (uint8_t)whole_order(mc)};
	struct mhp_stat before;
	uint64_t nr_all = 0;
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, placement, MHP_ONLINE_KERNEL);
	before = stat_now(mc);
	while (!mhp_frame_alloc(mc->m, &whole, &pfn)) {
		uint64_t nr = lend(mc, pfn, pageblock_pages(mc));

		if (pfn < block_start(mc, FIRST_BLOCK)) {
			assert_int_equal(nr, 0);
			continue;
		}
		assert_int_equal(nr, lend_could(mc, pfn, pageblock_pages(mc)));
		/* Once. */
		assert_int_equal(lend(mc, pfn, pageblock_pages(mc)), 0);
		nr_all += nr;
	}
	assert_true(nr_all);
	assert_int_equal(stat_now(mc).nr_memmap_lent, nr_all);
	assert_int_equal(stat_now(mc).nr_managed - before.nr_managed, nr_all);
	assert_int_equal(before.hosted_memmap_bytes -
				 stat_now(mc).hosted_memmap_bytes,
			 nr_all * mhp_page_bytes(mc->g));
	verify_tally(mc, block_range(mc, FIRST_BLOCK, NR_PLUGGED));
	for (pfn = 0; pfn < block_start(mc, NR_BLOCKS);
	     pfn += pageblock_pages(mc)) {
		struct mhp_page_info info = page_info(mc, pfn);

		if (info.use == MHP_PAGE_ALLOCATED &&
		    info.order == whole_order(mc))
			assert_int_equal(
				mhp_frame_free(mc->m, pfn, whole_order(mc)), 0);
	}
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_memmap_lent, nr_all);
	unplug(mc);
}

static void test_lend(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	unsigned int i;

	for (i = 0; i < 2; i++)
		lend_all(mc, placements[i]);
	unchanged(mc, before, 0);
}

/* The pages are memory like any other: movable data stands on every one. */
static void test_is_memory(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct item *whole;
	uint64_t i, nr;
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_MOVABLE);
	whole = whole_on(shelf, LAST);
	pfn = whole->pfn;
	nr = lend(mc, pfn, pageblock_pages(mc));
	assert_int_equal(nr, lend_could(mc, pfn, pageblock_pages(mc)));
	assert_int_equal(block_info(mc, LAST).nr_memmap_lent, nr);
	for (i = 0; i < nr; i++) {
		struct item *item = item_on(shelf, lent_page(mc, pfn, i));

		assert_int_equal(page_info(mc, item->pfn).owner, shelf->owner);
	}
	shelf_verify(shelf);
	check_ok(mc);
	assert_non_null(mhp_frame_extra(mc->m, pfn));
	assert_null(mhp_frame_extra(mc->m, pfn + pageblock_pages(mc) - 1));
	shelf_close(shelf);
	unplug(mc);
}

/* Nothing that cannot move comes onto lent pages, nor beside them. */
static void test_movable_only(struct machine *mc)
{
	const struct mhp_request one = {.mobility = MHP_UNMOVABLE};
	uint64_t *taken = calloc(block_start(mc, NR_BLOCKS), sizeof(*taken));
	mhp_pfn_t pfn, lent, page;

	assert_non_null(taken);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	pfn = alloc_whole(mc, FIRST_BLOCK);
	lent = lent_page(mc, pfn, 0);
	assert_true(lend(mc, pfn, pageblock_pages(mc)));
	while (!mhp_frame_alloc(mc->m, &one, &page)) {
		assert_true(page / pageblock_pages(mc) !=
			    lent / pageblock_pages(mc));
		taken[page] = 1;
	}
	check_ok(mc);
	assert_int_equal(page_info(mc, lent).use, MHP_PAGE_FREE);
	for (page = 0; page < block_start(mc, NR_BLOCKS); page++)
		if (taken[page])
			assert_int_equal(mhp_frame_free(mc->m, page, 0), 0);
	free(taken);
	assert_int_equal(mhp_frame_free(mc->m, pfn, whole_order(mc)), 0);
	check_ok(mc);
}

/* Where something that cannot move is beside them nothing is lent. */
static void test_beside_unmovable(struct machine *mc)
{
	const struct mhp_request one = {.mobility = MHP_UNMOVABLE};
	mhp_pfn_t pfn, page, beside;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	page = alloc_in_block(mc, &one, FIRST_BLOCK);
	pfn = alloc_whole(mc, FIRST_BLOCK);
	beside = lent_page(mc, pfn, 0);
	if (page / pageblock_pages(mc) == beside / pageblock_pages(mc))
		assert_int_equal(lend(mc, pfn, pageblock_pages(mc)), 0);
	else
		assert_true(lend(mc, pfn, pageblock_pages(mc)) > 0);
	assert_int_equal(mhp_frame_free(mc->m, page, 0), 0);
	assert_int_equal(mhp_frame_free(mc->m, pfn, whole_order(mc)), 0);
	check_ok(mc);
}

/* ---- who may have it afterwards ---- */

/* All that a request can have, given back again: does one of them have @pfn? */
static bool can_have(struct machine *mc, const struct mhp_request *request,
		     mhp_pfn_t pfn)
{
	mhp_pfn_t *pfns = calloc(block_start(mc, NR_BLOCKS), sizeof(*pfns));
	uint64_t nr = 0;
	bool has = false;

	assert_non_null(pfns);
	for (; !mhp_frame_alloc(mc->m, request, &pfns[nr]); nr++)
		has |= pfn - pfns[nr] < UINT64_C(1) << request->order;
	while (nr--)
		assert_int_equal(
			mhp_frame_free(mc->m, pfns[nr], request->order), 0);
	free(pfns);
	return has;
}

/* Freeing needs nothing, whatever is on the lent pages. What was freed serves
 * those who make the promise; not whole pageblocks of others, nor pages. */
static void freed(struct machine *mc, enum mhp_placement placement)
{
	struct mhp_request request = {.order = (uint8_t)whole_order(mc)};
	struct shelf *shelf = shelf_open(mc);
	struct item *item;
	uint64_t nr;
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, placement, MHP_ONLINE_KERNEL);
	pfn = alloc_whole(mc, LAST);
	nr = lend(mc, pfn, pageblock_pages(mc));
	assert_true(nr);
	item = item_on(shelf, lent_page(mc, pfn, 0));
	item->pins = 1;
	assert_int_equal(mhp_frame_free(mc->m, pfn, whole_order(mc)), 0);
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_memmap_lent, nr);
	assert_int_equal(item->nr_asked, 0);
	shelf_verify(shelf);
	assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_FREE);

	assert_false(can_have(mc, &request, pfn));
	request.order = 0;
	assert_false(can_have(mc, &request, pfn));
	request.order = (uint8_t)whole_order(mc);
	request.flags = MHP_ALLOC_NO_TAILS;
	assert_true(can_have(mc, &request, pfn));
	check_ok(mc);
	shelf_close(shelf);
	unplug(mc);
}

static void test_freed(struct machine *mc)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		freed(mc, placements[i]);
}

/* An instance where nobody uses the embedder's bytes needs no promise. */
static void test_no_extra(struct machine *mc)
{
	const struct mhp_request request = {.order = (uint8_t)whole_order(mc)};
	mhp_pfn_t pfn;

	machine_again(mc, MHP_MODEL_NO_EXTRA);
	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_KERNEL);
	pfn = alloc_whole(mc, LAST);
	assert_true(lend(mc, pfn, pageblock_pages(mc)));
	assert_int_equal(mhp_frame_free(mc->m, pfn, whole_order(mc)), 0);
	assert_true(can_have(mc, &request, pfn));
	unplug(mc);
}

/* ---- offline and away ---- */

/* The block of the huge page goes offline, and online, and away, while what was
 * lent is in use elsewhere, and pinned: nobody is asked. */
static void test_block_leaves(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct item *item, *whole;
	uint64_t nr;
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_RANGE,
	     MHP_ONLINE_MOVABLE);
	whole = whole_on(shelf, LAST);
	pfn = whole->pfn;
	nr = lend(mc, pfn, pageblock_pages(mc));
	assert_true(nr);
	item = item_on(shelf, lent_page(mc, pfn, 0));
	item->pins = 1;
	assert_int_not_equal(mhp_block_id(mc->g, item->pfn), LAST);
	/* The huge page moves, and its holder's promise with it. */
	assert_int_equal(mhp_block_offline(mc->m, LAST, MHP_NO_DEADLINE, NULL),
			 0);
	check_ok(mc);
	assert_int_not_equal(whole->pfn, pfn);
	assert_int_equal(item->nr_asked, 0);
	assert_int_equal(block_info(mc, LAST).nr_memmap_lent, nr);
	assert_int_equal(online_blocks(mc, LAST, 1, MHP_ONLINE_MOVABLE), 0);
	check_ok(mc);
	assert_int_equal(block_info(mc, LAST).nr_memmap_lent, nr);
	assert_int_equal(mhp_block_offline(mc->m, LAST, MHP_NO_DEADLINE, NULL),
			 0);
	assert_int_equal(mhp_remove(mc->m, block_range(mc, LAST, 1), NULL), 0);
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_memmap_lent, 0);
	assert_int_equal(item->nr_asked, 0);
	shelf_verify(shelf);
	shelf_close(shelf);
	unplug(mc);
}

/* A block that holds its own memmap: what is on the lent pages moves like
 * anything else in it. */
static void test_own_block_leaves(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct item *item, *whole;
	char *before;
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	before = snapshot(mc, 0);
	plug(mc, LAST, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	whole = whole_on(shelf, LAST);
	pfn = whole->pfn;
	assert_true(lend(mc, pfn, pageblock_pages(mc)));
	item = item_on(shelf, lent_page(mc, pfn, 0));
	item->pins = 1;
	assert_int_equal(mhp_block_offline(mc->m, LAST, MHP_NO_DEADLINE, NULL),
			 MHP_ERR_BUSY);
	check_ok(mc);
	item->pins = 0;
	assert_int_equal(mhp_block_offline(mc->m, LAST, MHP_NO_DEADLINE, NULL),
			 0);
	check_ok(mc);
	shelf_verify(shelf);
	assert_int_equal(online_blocks(mc, LAST, 1, MHP_ONLINE_KERNEL), 0);
	check_ok(mc);
	assert_int_equal(block_info(mc, LAST).nr_memmap_lent,
			 lend_could(mc, pfn, pageblock_pages(mc)));
	assert_int_equal(mhp_offline_and_remove(mc->m, block_range(mc, LAST, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	shelf_close(shelf);
	unchanged(mc, before, 0);
	unplug(mc);
}

/* The host goes offline and online, its dependents first: what is lent stays
 * lent, and is usable when it is back. */
static void test_host_leaves(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct item *whole;
	uint64_t id, nr;
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_RANGE,
	     MHP_ONLINE_MOVABLE);
	whole = whole_on(shelf, LAST);
	pfn = whole->pfn;
	nr = lend(mc, pfn, pageblock_pages(mc));
	assert_true(nr);
	(void)item_on(shelf, lent_page(mc, pfn, 0));
	for (id = LAST; id >= FIRST_BLOCK; id--) {
		assert_int_equal(
			mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, NULL), 0);
		check_ok(mc);
	}
	shelf_verify(shelf);
	assert_int_equal(
		online_blocks(mc, FIRST_BLOCK, NR_PLUGGED, MHP_ONLINE_MOVABLE),
		0);
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_memmap_lent, nr);
	(void)item_on(shelf, lent_page(mc, pfn, 0));
	check_ok(mc);
	shelf_close(shelf);
	unplug(mc);
}

/* ---- refusals ---- */

static void test_refused(struct machine *mc)
{
	struct mhp_report r;
	uint64_t nr = 7;
	mhp_pfn_t pfn, one = alloc_unmovable(mc, 0);
	char *before;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	plug(mc, LAST, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	before = snapshot(mc, 0);
	assert_int_equal(mhp_memmap_lend(mc->m, one, 1, &nr, &r),
			 MHP_ERR_INVAL);
	assert_int_equal(r.stage, MHP_STAGE_LEND);
	assert_int_equal(mhp_memmap_lend(mc->m, block_start(mc, NR_BLOCKS - 1),
					 pageblock_pages(mc), &nr, NULL),
			 MHP_ERR_INVAL);
	pfn = alloc_whole(mc, FIRST_BLOCK);
	assert_int_equal(
		mhp_memmap_lend(mc->m, pfn, 2 * pageblock_pages(mc), &nr, NULL),
		MHP_ERR_INVAL);
	assert_int_equal(nr, 7);
	assert_int_equal(mhp_frame_free(mc->m, pfn, whole_order(mc)), 0);
	assert_int_equal(
		mhp_memmap_lend(mc->m, pfn, pageblock_pages(mc), &nr, NULL),
		MHP_ERR_INVAL);
	/* A memmap in existing memory cannot. */
	pfn = alloc_whole(mc, LAST);
	assert_int_equal(lend(mc, pfn, pageblock_pages(mc)), 0);
	assert_int_equal(mhp_frame_free(mc->m, pfn, whole_order(mc)), 0);
	unchanged(mc, before, 0);
	assert_int_equal(mhp_frame_free(mc->m, one, 0), 0);
}

/* Lent pages are not withheld, and a memmap that lends does not move. */
static void test_others_refuse(struct machine *mc)
{
	struct mhp_report r;
	mhp_pfn_t pfn, lent;
	int err;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	pfn = alloc_whole(mc, FIRST_BLOCK);
	lent = lent_page(mc, pfn, 0);
	assert_true(lend(mc, pfn, pageblock_pages(mc)));
	err = mhp_withhold(
		mc->m,
		mhp_range_make(lent, pageblock_pages(mc) -
					     lent % pageblock_pages(mc)),
		MHP_NO_DEADLINE, &r);
	assert_int_equal(err, MHP_ERR_BUSY);
	assert_int_equal(r.why, MHP_WHY_LENT);
	err = mhp_memmap_move(mc->m, FIRST_BLOCK, MHP_PLACEMENT_EXISTING,
			      MHP_NO_DEADLINE, &r);
	assert_int_equal(err, MHP_ERR_BUSY);
	assert_int_equal(r.why, MHP_WHY_LENT);
	check_ok(mc);
	assert_int_equal(mhp_frame_free(mc->m, pfn, whole_order(mc)), 0);
}

static const struct machine_test tests[] = {
	{"lend", test_lend},
	{"is_memory", test_is_memory},
	{"movable_only", test_movable_only},
	{"beside_unmovable", test_beside_unmovable},
	{"freed", test_freed},
	{"no_extra", test_no_extra},
	{"block_leaves", test_block_leaves},
	{"own_block_leaves", test_own_block_leaves},
	{"host_leaves", test_host_leaves},
	{"refused", test_refused},
	{"others_refuse", test_others_refuse},
};

int main(void)
{
	return lend_run("lend", tests, sizeof(tests) / sizeof(tests[0]));
}
