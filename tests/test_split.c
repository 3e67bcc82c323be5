/* SPDX-License-Identifier: MIT */
/*
 * Splitting allocations, and taking lent pages back: what is on them moves, or
 * nothing has changed.
 *
 * What it does not test: a port that fails (test_split_faults.c).
 */
#include "lend_support.h"
#include "mhp/poison.h"

#define NR_PLUGGED 3
#define LAST (FIRST_BLOCK + NR_PLUGGED - 1)
#define COOKIE UINT64_C(1000)

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

static int split(struct machine *mc, mhp_pfn_t pfn, uint64_t nr_pages,
		 unsigned int order, struct mhp_report *r)
{
	return mhp_frame_split(mc->m, pfn, nr_pages, order, 0, MHP_NO_DEADLINE,
			       r);
}

/* Every part is an allocation, and is freed. */
static void free_parts(struct machine *mc, mhp_pfn_t pfn, uint64_t nr_pages,
		       unsigned int order)
{
	uint64_t at, part = UINT64_C(1) << order;

	for (at = 0; at < nr_pages; at += part) {
		struct mhp_page_info info = page_info(mc, pfn + at + part - 1);

		assert_int_equal(info.use, MHP_PAGE_ALLOCATED);
		assert_int_equal(info.head_pfn, pfn + at);
		assert_int_equal(info.nr_pages, part);
	}
	check_ok(mc);
	for (at = 0; at < nr_pages; at += part) {
		assert_int_equal(mhp_frame_free(mc->m, pfn + at, order), 0);
		assert_int_equal(mhp_frame_free(mc->m, pfn + at, order),
				 MHP_ERR_ALREADY);
	}
	check_ok(mc);
}

static void free_whole(struct machine *mc, mhp_pfn_t pfn)
{
	assert_int_equal(mhp_frame_free(mc->m, pfn, whole_order(mc)), 0);
	check_ok(mc);
}

/* ---- splitting what lends ---- */

/* What is on the lent pages moves; they describe the parts. */
static void split_lent(struct machine *mc, enum mhp_placement placement,
		       unsigned int order)
{
	struct shelf *shelf = shelf_open(mc);
	struct item *item;
	mhp_pfn_t pfn, lent;
	char *before;
	uint64_t i;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, placement, MHP_ONLINE_KERNEL);
	before = snapshot(mc, 0);
	pfn = alloc_whole(mc, LAST);
	assert_true(lend(mc, pfn, pageblock_pages(mc)));
	lent = lent_page(mc, pfn, 0);
	item = item_on(shelf, lent);
	assert_int_equal(split(mc, pfn, pageblock_pages(mc), order, NULL), 0);
	check_ok(mc);
	assert_int_equal(item->nr_asked, 1);
	assert_int_not_equal(item->pfn, lent);
	shelf_verify(shelf);
	assert_int_equal(page_info(mc, lent).use, MHP_PAGE_MEMMAP);
	assert_int_equal(stat_now(mc).nr_memmap_lent, 0);
	for (i = 0; i < pageblock_pages(mc); i++)
		if (mc->g->descriptor_bytes > 8)
			assert_non_null(mhp_frame_extra(mc->m, pfn + i));
	free_parts(mc, pfn, pageblock_pages(mc), order);
	shelf_close(shelf);
	unchanged(mc, before, 0);
	assert_int_equal(
		mhp_offline_and_remove(mc->m,
				       block_range(mc, FIRST_BLOCK, NR_PLUGGED),
				       MHP_NO_DEADLINE, 0, NULL),
		0);
}

static void test_split_lent(struct machine *mc)
{
	unsigned int i, order;

	for (i = 0; i < 2; i++)
		for (order = 0; order < whole_order(mc); order += 2)
			split_lent(mc, placements[i], order);
}

/* One page is pinned: the split fails with BUSY, and nothing has changed. */
static void split_pinned(struct machine *mc, enum mhp_placement placement)
{
	struct shelf *shelf = shelf_open(mc);
	struct item *item;
	struct mhp_report r;
	mhp_pfn_t pfn;
	char *before;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, placement, MHP_ONLINE_KERNEL);
	pfn = alloc_whole(mc, LAST);
	assert_true(lend(mc, pfn, pageblock_pages(mc)));
	item = item_on(shelf, lent_page(mc, pfn, 0));
	item->pins = 3;
	before = snapshot(mc, 0);
	assert_int_equal(split(mc, pfn, pageblock_pages(mc), 0, &r),
			 MHP_ERR_BUSY);
	assert_int_equal(r.code, MHP_ERR_BUSY);
	assert_int_equal(r.stage, MHP_STAGE_SPLIT);
	assert_int_equal(r.why, MHP_WHY_PINNED);
	assert_int_equal(r.pfn, item->pfn);
	assert_int_equal(r.pins, 3);
	assert_string_equal(r.owner_name, SHELF_NAME);
	unchanged(mc, before, 0);
	item->pins = 0;
	assert_int_equal(split(mc, pfn, pageblock_pages(mc), 0, NULL), 0);
	shelf_verify(shelf);
	free_parts(mc, pfn, pageblock_pages(mc), 0);
	shelf_close(shelf);
	assert_int_equal(
		mhp_offline_and_remove(mc->m,
				       block_range(mc, FIRST_BLOCK, NR_PLUGGED),
				       MHP_NO_DEADLINE, 0, NULL),
		0);
}

static void test_split_pinned(struct machine *mc)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		split_pinned(mc, placements[i]);
}

/* An owner that refuses, or takes too long, is no better. */
static void test_split_refused(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct mhp_report r;
	struct item *item;
	mhp_pfn_t pfn;
	char *before;
	int err;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_KERNEL);
	pfn = alloc_whole(mc, LAST);
	assert_true(lend(mc, pfn, pageblock_pages(mc)));
	item = item_on(shelf, lent_page(mc, pfn, 0));
	before = snapshot(mc, 0);
	item->answer = ANSWER_REFUSED;
	err = split(mc, pfn, pageblock_pages(mc), 0, &r);
	assert_int_equal(err, MHP_ERR_BUSY);
	assert_int_equal(r.why, MHP_WHY_REFUSED);
	check_ok(mc);
	item->answer = ANSWER_AGAIN;
	err = mhp_frame_split(mc->m, pfn, pageblock_pages(mc), 0, 0, 0, &r);
	assert_int_equal(err, MHP_ERR_TIMEDOUT);
	assert_int_equal(r.stage, MHP_STAGE_SPLIT);
	unchanged(mc, before, 0);
	shelf_close(shelf);
	free_whole(mc, pfn);
}

/* ---- runs ---- */

/* All that is free is filled with items, and then there is room again. */
static void fill_lent(struct shelf *shelf)
{
	const struct mhp_request whole = {
		.order = (uint8_t)mhp_pageblock_order(shelf->mc->g)};
	unsigned int i;

	while (shelf_alloc(shelf, &whole))
		;
	while (shelf_alloc(shelf, NULL))
		;
	check_ok(shelf->mc);
	for (i = 0; i < NR_ITEMS; i++)
		if (shelf->items[i].live && shelf->items[i].order)
			shelf_free(shelf, &shelf->items[i]);
}

static mhp_pfn_t alloc_run(struct machine *mc, uint64_t nr_pages)
{
	const struct mhp_request request = {
		.mobility = MHP_UNMOVABLE,
		.align_order = (uint8_t)(whole_order(mc) + 1),
		.cookie = COOKIE};
	mhp_pfn_t pfns[64], pfn = MHP_PFN_NONE;
	unsigned int nr = 0;

	/* In memory that was added, across its blocks. */
	while (nr < 64 &&
	       !mhp_run_alloc(mc->m, &request, nr_pages, &pfns[nr])) {
		if (pfns[nr] >= block_start(mc, FIRST_BLOCK)) {
			pfn = pfns[nr];
			break;
		}
		nr++;
	}
	while (nr--)
		assert_int_equal(mhp_run_free(mc->m, pfns[nr], nr_pages), 0);
	assert_int_not_equal(pfn, MHP_PFN_NONE);
	return pfn;
}

static void split_run(struct machine *mc, unsigned int order)
{
	uint64_t nr_pages = mhp_block_pages(mc->g) + 2 * pageblock_pages(mc);
	struct shelf *shelf = shelf_open(mc);
	mhp_pfn_t pfn;
	uint64_t nr, i;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_RANGE,
	     MHP_ONLINE_KERNEL);
	pfn = alloc_run(mc, nr_pages);
	nr = lend(mc, pfn, nr_pages);
	assert_int_equal(nr, lend_could(mc, pfn, nr_pages));
	fill_lent(shelf);
	assert_int_equal(mhp_frame_split(mc->m, pfn, nr_pages, order, 2,
					 MHP_NO_DEADLINE, NULL),
			 0);
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_memmap_lent,
			 order < whole_order(mc) ? 0 : nr);
	if (order >= whole_order(mc))
		assert_int_equal(shelf->nr_moved, 0);
	else
		assert_true(shelf->nr_moved > 0);
	shelf_verify(shelf);
	for (i = 0; i < nr_pages >> order; i++)
		assert_int_equal(page_info(mc, pfn + (i << order)).cookie,
				 COOKIE + 2 * i);
	free_parts(mc, pfn, nr_pages, order);
	shelf_close(shelf);
	assert_int_equal(
		mhp_offline_and_remove(mc->m,
				       block_range(mc, FIRST_BLOCK, NR_PLUGGED),
				       MHP_NO_DEADLINE, 0, NULL),
		0);
}

/* A gigantic allocation over two blocks lends; split into whole pageblocks it
 * goes on lending; into less, it does not. */
static void test_split_run(struct machine *mc)
{
	unsigned int orders[] = {0, 1, whole_order(mc) - 1, whole_order(mc),
				 whole_order(mc) + 1};
	char *before = snapshot(mc, 0);
	size_t i;

	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		split_run(mc, orders[i]);
	unchanged(mc, before, 0);
}

/* ---- below a pageblock ---- */

static void test_split_small(struct machine *mc)
{
	unsigned int order, parts;
	char *before = snapshot(mc, 0);

	for (order = 1; order < whole_order(mc); order++)
		for (parts = 0; parts < order; parts++) {
			mhp_pfn_t pfn = alloc_unmovable(mc, order);

			assert_int_equal(split(mc, pfn, UINT64_C(1) << order,
					       parts, NULL),
					 0);
			free_parts(mc, pfn, UINT64_C(1) << order, parts);
		}
	unchanged(mc, before, 0);
}

/* Movable parts move one by one; the cookies tell the owner which. */
static void test_split_movable(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct item *item;
	uint64_t i, nr = pageblock_pages(mc);
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_MOVABLE);
	item = whole_on(shelf, LAST);
	pfn = item->pfn;
	assert_true(lend(mc, pfn, nr));
	i = (uint64_t)(item - shelf->items);
	assert_int_equal(
		mhp_frame_split(mc->m, pfn, nr, 0, 1, MHP_NO_DEADLINE, NULL),
		0);
	check_ok(mc);
	for (nr = 0; nr < pageblock_pages(mc); nr++) {
		struct item *part = &shelf->items[i + nr];

		*part = (struct item){.live = true,
				      .nr_pages = 1,
				      .pfn = pfn + nr,
				      .to_pfn = MHP_PFN_NONE};
		*(uint64_t *)mhp_frame_address(mc->m, pfn + nr) = i + nr;
	}
	shelf_verify(shelf);
	assert_int_equal(mhp_block_offline(mc->m, LAST, MHP_NO_DEADLINE, NULL),
			 0);
	check_ok(mc);
	shelf_verify(shelf);
	shelf_close(shelf);
}

/* ---- refusals ---- */

static void test_refusals(struct machine *mc)
{
	const struct mhp_request request = {
		.order = (uint8_t)whole_order(mc),
		.cookie = MHP_COOKIE_MAX - 1,
	};
	uint64_t nr = pageblock_pages(mc);
	struct mhp_report r;
	mhp_pfn_t pfn;
	char *before;

	assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfn), 0);
	before = snapshot(mc, 0);
	assert_int_equal(split(mc, pfn, nr, whole_order(mc), &r),
			 MHP_ERR_INVAL);
	assert_int_equal(r.stage, MHP_STAGE_SPLIT);
	assert_int_equal(split(mc, pfn, nr, 64, NULL), MHP_ERR_INVAL);
	assert_int_equal(split(mc, pfn, nr / 2, 0, NULL), MHP_ERR_INVAL);
	assert_int_equal(split(mc, pfn, 2 * nr, 0, NULL), MHP_ERR_INVAL);
	assert_int_equal(split(mc, pfn, 0, 0, NULL), MHP_ERR_INVAL);
	assert_int_equal(split(mc, pfn + 1, nr, 0, NULL), MHP_ERR_INVAL);
	assert_int_equal(split(mc, block_start(mc, NR_BLOCKS - 1), nr, 0, NULL),
			 MHP_ERR_INVAL);
	/* Two parts have cookies, the third has none. */
	assert_int_equal(
		mhp_frame_split(mc->m, pfn, nr, 0, 1, MHP_NO_DEADLINE, NULL),
		MHP_ERR_INVAL);
	assert_int_equal(mhp_frame_split(mc->m, pfn, nr, 0, UINT64_MAX,
					 MHP_NO_DEADLINE, NULL),
			 MHP_ERR_INVAL);
	unchanged(mc, before, 0);
	assert_int_equal(mhp_frame_split(mc->m, pfn, nr, whole_order(mc) - 1, 1,
					 MHP_NO_DEADLINE, NULL),
			 0);
	free_parts(mc, pfn, nr, whole_order(mc) - 1);
	/* The engine's own memmap. */
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	pfn = block_info(mc, FIRST_BLOCK).memmap_pfn;
	assert_int_equal(split(mc, pfn, page_info(mc, pfn).nr_pages, 0, NULL),
			 MHP_ERR_INVAL);
	check_ok(mc);
}

/* While its block goes offline, and while a move of it is put off. */
static void test_in_transition(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	uint64_t nr = pageblock_pages(mc);
	struct mhp_offline op;
	struct mhp_report r;
	struct item *item;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_MOVABLE);
	item = whole_on(shelf, LAST);
	assert_true(lend(mc, item->pfn, nr));
	item->answer = ANSWER_LATER;
	assert_int_equal(
		mhp_offline_begin(mc->m, &op, LAST, MHP_NO_DEADLINE, 0, NULL),
		0);
	assert_int_equal(split(mc, item->pfn, nr, 0, &r), MHP_ERR_BUSY);
	assert_int_equal(r.why, MHP_WHY_ISOLATED);
	assert_int_equal(mhp_memmap_take_back(mc->m,
					      mhp_range_make(item->pfn, nr), 0,
					      MHP_NO_DEADLINE, &r),
			 MHP_ERR_BUSY);
	assert_int_equal(r.stage, MHP_STAGE_TAKE_BACK);
	assert_int_equal(mhp_offline_step(mc->m, &op, NULL), MHP_ERR_AGAIN);
	mhp_offline_cancel(mc->m, &op);
	check_ok(mc);
	assert_int_equal(split(mc, item->pfn, nr, 0, &r), MHP_ERR_BUSY);
	assert_int_equal(r.why, MHP_WHY_IN_FLIGHT);
	assert_int_equal(shelf_complete(shelf, item, false), 0);
	check_ok(mc);
	shelf_close(shelf);
}

/* ---- taking back ---- */

static int take_back(struct machine *mc, uint32_t flags, struct mhp_report *r)
{
	return mhp_memmap_take_back(
		mc->m, mhp_range_make(0, block_start(mc, NR_BLOCKS)), flags,
		MHP_NO_DEADLINE, r);
}

/* One pageblock is free, one in use; both lend, and take back. */
static void taken_back(struct machine *mc, enum mhp_placement placement)
{
	struct mhp_report r;
	mhp_pfn_t used, freed;
	uint64_t nr;
	char *before;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, placement, MHP_ONLINE_KERNEL);
	used = alloc_whole(mc, LAST);
	before = snapshot(mc, 0);
	freed = alloc_whole(mc, FIRST_BLOCK + 1);
	nr = lend(mc, used, pageblock_pages(mc));
	assert_true(lend(mc, freed, pageblock_pages(mc)));
	free_whole(mc, freed);
	assert_int_equal(take_back(mc, MHP_TAKE_BACK_FREE, &r), 0);
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_memmap_lent, nr);
	assert_int_equal(alloc_whole(mc, FIRST_BLOCK + 1), freed);
	free_whole(mc, freed);
	assert_int_equal(take_back(mc, 0, &r), 0);
	assert_int_equal(stat_now(mc).nr_memmap_lent, 0);
	assert_int_equal(take_back(mc, 0, &r), 0);
	unchanged(mc, before, 0);
	assert_int_equal(take_back(mc, 2, &r), MHP_ERR_INVAL);
	assert_int_equal(r.stage, MHP_STAGE_TAKE_BACK);
	assert_int_equal(mhp_memmap_take_back(mc->m,
					      mhp_range_make(2, UINT64_MAX), 0,
					      MHP_NO_DEADLINE, &r),
			 MHP_ERR_INVAL);
	free_whole(mc, used);
	assert_int_equal(
		mhp_offline_and_remove(mc->m,
				       block_range(mc, FIRST_BLOCK, NR_PLUGGED),
				       MHP_NO_DEADLINE, 0, NULL),
		0);
}

static void test_take_back(struct machine *mc)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		taken_back(mc, placements[i]);
}

/* Bad pages are memmap no more, nor are they lent. */
static void test_bad_page(struct machine *mc)
{
	struct mhp_report r;
	mhp_pfn_t pfn, lent;
	char *before;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	pfn = alloc_whole(mc, FIRST_BLOCK);
	lent = lent_page(mc, pfn, 0);
	assert_true(lend(mc, pfn, pageblock_pages(mc)));
	assert_int_equal(mhp_poison_hard(mc->m, lent, NULL), 0);
	check_ok(mc);
	before = snapshot(mc, 0);
	assert_int_equal(split(mc, pfn, pageblock_pages(mc), 0, &r),
			 MHP_ERR_HWPOISON);
	assert_int_equal(r.pfn, lent);
	unchanged(mc, before, 0);
	assert_int_equal(mhp_poison_clear(mc->m, lent, NULL), 0);
	assert_int_equal(take_back(mc, 0, NULL), 0);
	check_ok(mc);
	assert_int_equal(mhp_poison_hard(mc->m, lent, NULL), MHP_ERR_BUSY);
	assert_int_equal(lend(mc, pfn, pageblock_pages(mc)), 0);
	assert_int_equal(mhp_poison_clear(mc->m, lent, NULL), 0);
	free_whole(mc, pfn);
}

/* Lent pages of a block that is offline: not now. */
static void test_offline(struct machine *mc)
{
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	pfn = alloc_whole(mc, FIRST_BLOCK);
	assert_true(lend(mc, pfn, pageblock_pages(mc)));
	free_whole(mc, pfn);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	check_ok(mc);
	assert_int_equal(take_back(mc, 0, NULL), MHP_ERR_BUSY);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_KERNEL),
			 0);
	assert_int_equal(take_back(mc, 0, NULL), 0);
	check_ok(mc);
	assert_int_equal(alloc_whole(mc, FIRST_BLOCK), pfn);
	free_whole(mc, pfn);
}

static const struct machine_test tests[] = {
	{"split_lent", test_split_lent},
	{"split_pinned", test_split_pinned},
	{"split_refused", test_split_refused},
	{"split_run", test_split_run},
	{"split_small", test_split_small},
	{"split_movable", test_split_movable},
	{"refusals", test_refusals},
	{"in_transition", test_in_transition},
	{"take_back", test_take_back},
	{"bad_page", test_bad_page},
	{"offline", test_offline},
};

int main(void)
{
	return lend_run("split", tests, sizeof(tests) / sizeof(tests[0]));
}
