/* SPDX-License-Identifier: MIT */
/*
 * Allocations larger than a pageblock: every order, runs of any length, across
 * memory blocks and not beyond what belongs together, wrong frees, and memory
 * that the port cannot prepare.
 *
 * What may be allocated is counted by asking for each page what it is.
 *
 * What it does not test: memory that leaves (test_gigantic_move.c), and several
 * threads (test_gigantic_threads.c).
 */
#include <stdlib.h>

#include "support.h"

#define NR_PLUGGED 6

static uint64_t nr_all_pages(const struct machine *mc)
{
	return block_start(mc, NR_BLOCKS);
}

/* Blocks that are next to each other, their memmap elsewhere. */
static void plug_existing(struct machine *mc)
{
	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_EXISTING,
	     MHP_ONLINE_KERNEL);
}

/* ---- what should be there ---- */

static bool could_be(struct machine *mc, mhp_pfn_t pfn, uint64_t nr_pages,
		     const struct mhp_request *request)
{
	struct mhp_page_info first = page_info(mc, pfn);
	unsigned int limit = request->zone_limit ? request->zone_limit
						 : MHP_ZONE_NORMAL;
	uint64_t i;

	if (first.zone > limit ||
	    (request->limit_pfn && pfn + nr_pages > request->limit_pfn))
		return false;
	for (i = 0; i < nr_pages; i++) {
		struct mhp_page_info p = page_info(mc, pfn + i);

		if (p.use != MHP_PAGE_FREE || p.zone != first.zone ||
		    p.node != first.node || (i && border_at(mc, pfn + i)))
			return false;
	}
	return true;
}

/* As many as there are, the lowest first. */
static uint64_t count_runs(struct machine *mc, uint64_t nr_pages,
			   const struct mhp_request *request)
{
	uint64_t step = UINT64_C(1) << request->align_order, nr = 0;
	mhp_pfn_t pfn = 0;

	while (pfn + nr_pages <= nr_all_pages(mc)) {
		if (!could_be(mc, pfn, nr_pages, request)) {
			pfn += step;
			continue;
		}
		nr++;
		pfn = (pfn + nr_pages + step - 1) & ~(step - 1);
	}
	return nr;
}

/* ---- what is there ---- */

/* All runs of a length that can be had. */
struct loot {
	struct machine *mc;
	uint64_t nr_pages;
	mhp_pfn_t *pfns;
	uint64_t nr;
};

static void assert_run(struct machine *mc, mhp_pfn_t pfn, uint64_t nr_pages)
{
	uint64_t i;

	for (i = 0; i < nr_pages; i++) {
		struct mhp_page_info p = page_info(mc, pfn + i);

		assert_int_equal(p.use, MHP_PAGE_ALLOCATED);
		assert_int_equal(p.head_pfn, pfn);
		assert_int_equal(p.nr_pages, nr_pages);
		assert_true(UINT64_C(1) << p.order >= nr_pages);
		assert_true(UINT64_C(1) << p.order < 2 * nr_pages);
	}
}

static struct loot loot_take(struct machine *mc, uint64_t nr_pages,
			     const struct mhp_request *request)
{
	struct loot loot = {.mc = mc, .nr_pages = nr_pages};
	mhp_pfn_t pfn, mask = (UINT64_C(1) << request->align_order) - 1;

	loot.pfns = calloc(nr_all_pages(mc) / nr_pages, sizeof(*loot.pfns));
	assert_non_null(loot.pfns);
	while (!mhp_run_alloc(mc->m, request, nr_pages, &pfn)) {
		assert_int_equal(pfn & mask, 0);
		loot.pfns[loot.nr++] = pfn;
		assert_run(mc, pfn, nr_pages);
	}
	check_ok(mc);
	return loot;
}

static void loot_return(struct loot *loot)
{
	while (loot->nr)
		assert_int_equal(mhp_run_free(loot->mc->m,
					      loot->pfns[--loot->nr],
					      loot->nr_pages),
				 0);
	check_ok(loot->mc);
	free(loot->pfns);
}

/* As many as there should be, and all is as before when they are back. */
static void take_all(struct machine *mc, uint64_t nr_pages,
		     const struct mhp_request *request)
{
	char *before = snapshot(mc, 0);
	uint64_t nr = count_runs(mc, nr_pages, request);
	struct loot loot = loot_take(mc, nr_pages, request);

	assert_int_equal(loot.nr, nr);
	assert_int_equal(count_runs(mc, nr_pages, request), 0);
	loot_return(&loot);
	unchanged(mc, before, 0);
}

/* ---- tests ---- */

/* Naturally aligned, and across blocks where it is larger than one. */
static void test_orders(struct machine *mc)
{
	unsigned int order = mhp_pageblock_order(mc->g) + 1;
	mhp_pfn_t pfn;

	plug_existing(mc);
	for (; order <= mhp_gigantic_order(mc->g); order++) {
		struct mhp_request request = {.order = (uint8_t)order};
		uint64_t nr = UINT64_C(1) << order;

		assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfn), 0);
		assert_int_equal(pfn & (nr - 1), 0);
		assert_run(mc, pfn, nr);
		check_ok(mc);
		assert_int_equal(mhp_frame_free(mc->m, pfn, order), 0);
		check_ok(mc);
		request = (struct mhp_request){.align_order = (uint8_t)order};
		take_all(mc, nr, &request);
	}
}

static void test_runs(struct machine *mc)
{
	uint64_t pageblock = mhp_pageblock_pages(mc->g);
	uint64_t block = mhp_block_pages(mc->g), nr;
	unsigned int align;

	plug_existing(mc);
	/* An odd number of pageblocks each time. */
	for (nr = pageblock; nr <= 3 * block; nr += nr + pageblock)
		for (align = mhp_pageblock_order(mc->g);
		     align <= mhp_gigantic_order(mc->g); align += 3) {
			struct mhp_request request = {
				.align_order = (uint8_t)align};

			take_all(mc, nr, &request);
		}
}

/* Only what is aligned beyond its own size, also below a pageblock. */
static void test_aligned(struct machine *mc)
{
	unsigned int largest = mhp_gigantic_order(mc->g), order;
	uint64_t i, nr = UINT64_C(1) << largest;
	mhp_pfn_t pfns[NR_BLOCKS];

	plug_existing(mc);
	for (order = 0; order < largest; order++) {
		struct mhp_request request = {.order = (uint8_t)order,
					      .align_order = (uint8_t)largest};
		uint64_t found = 0;

		while (!mhp_frame_alloc(mc->m, &request, &pfns[found])) {
			assert_int_equal(pfns[found] & (nr - 1), 0);
			found++;
		}
		assert_true(found >= NR_PLUGGED / 2);
		for (i = 0; i < found; i++)
			assert_int_equal(mhp_frame_free(mc->m, pfns[i], order),
					 0);
		check_ok(mc);
	}
}

static void test_limits(struct machine *mc)
{
	uint64_t block = mhp_block_pages(mc->g);
	struct mhp_request request = {
		.align_order = (uint8_t)mhp_pageblock_order(mc->g)};
	mhp_pfn_t pfn = 4711;

	plug_existing(mc);
	request.limit_pfn = block_start(mc, FIRST_BLOCK + 2) + block / 2;
	take_all(mc, 2 * block, &request);
	request.limit_pfn = 0;
	request.zone_limit = MHP_ZONE_DMA32;
	take_all(mc, block, &request);
	request.zone_limit = 0;
	assert_int_equal(mhp_run_alloc(mc->m, &request, 7 * block, &pfn),
			 MHP_ERR_NOMEM);
	assert_int_equal(
		mhp_run_alloc(mc->m, &request, UINT64_C(1) << 63, &pfn),
		MHP_ERR_NOMEM);
	assert_int_equal(pfn, 4711);
}

/* Neither over the end of what was added at once, nor into another zone. */
static void test_borders(struct machine *mc)
{
	uint64_t block = mhp_block_pages(mc->g);
	struct mhp_request request = {
		.align_order = (uint8_t)mhp_pageblock_order(mc->g)};
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	plug(mc, FIRST_BLOCK + 1, 2, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	plug(mc, FIRST_BLOCK + 3, 1, MHP_PLACEMENT_EXISTING,
	     MHP_ONLINE_MOVABLE);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 4, 3, MHP_PLACEMENT_EXISTING), 0);
	assert_int_equal(
		online_blocks(mc, FIRST_BLOCK + 4, 1, MHP_ONLINE_KERNEL), 0);
	assert_int_equal(
		online_blocks(mc, FIRST_BLOCK + 6, 1, MHP_ONLINE_KERNEL), 0);
	take_all(mc, block, &request);
	take_all(mc, 2 * block, &request);
	request.limit_pfn = block_start(mc, FIRST_BLOCK + 7);
	while (!mhp_run_alloc(mc->m, &request, 2 * block, &pfn))
		if (pfn >= block_start(mc, FIRST_BLOCK))
			break;
	assert_int_equal(pfn, block_start(mc, FIRST_BLOCK + 1));
}

/* What leaves no room for it: one page in the middle; and then it does. */
static void test_in_the_way(struct machine *mc)
{
	unsigned int order = mhp_gigantic_order(mc->g);
	struct mhp_request giant = {.order = (uint8_t)order};
	mhp_pfn_t pfn, *pfns = calloc(nr_all_pages(mc), sizeof(*pfns));
	uint64_t nr = 0, i;

	assert_non_null(pfns);
	plug_existing(mc);
	while (!mhp_frame_alloc(mc->m, &(struct mhp_request){0}, &pfn))
		pfns[nr++] = pfn;
	assert_int_equal(mhp_frame_alloc(mc->m, &giant, &pfn), MHP_ERR_NOMEM);
	/* The last page goes last: pages of its cursor stay open. */
	for (i = 0; i < nr; i++)
		if (pfns[i] != block_start(mc, FIRST_BLOCK + 1))
			assert_int_equal(mhp_frame_free(mc->m, pfns[i], 0), 0);
	giant.limit_pfn = block_start(mc, FIRST_BLOCK + 2);
	giant.zone_limit = MHP_ZONE_NORMAL;
	while (!mhp_frame_alloc(mc->m, &giant, &pfn))
		assert_true(pfn < block_start(mc, FIRST_BLOCK));
	assert_int_equal(
		mhp_frame_free(mc->m, block_start(mc, FIRST_BLOCK + 1), 0), 0);
	assert_int_equal(mhp_frame_alloc(mc->m, &giant, &pfn), 0);
	assert_int_equal(pfn, block_start(mc, FIRST_BLOCK));
	check_ok(mc);
	free(pfns);
}

static void refuse_free(struct machine *mc, mhp_pfn_t pfn, unsigned int order,
			int err)
{
	char *before = snapshot(mc, 0);

	assert_int_equal(mhp_frame_free(mc->m, pfn, order), err);
	unchanged(mc, before, 0);
}

static void refuse_run(struct machine *mc, mhp_pfn_t pfn, uint64_t nr_pages,
		       int err)
{
	char *before = snapshot(mc, 0);

	assert_int_equal(mhp_run_free(mc->m, pfn, nr_pages), err);
	unchanged(mc, before, 0);
}

/* Every other order and length, every other page, and a second time. */
static void test_wrong_free(struct machine *mc)
{
	unsigned int largest = mhp_gigantic_order(mc->g), order, other;
	unsigned int whole = mhp_pageblock_order(mc->g);
	uint64_t pageblock = mhp_pageblock_pages(mc->g);
	mhp_pfn_t pfn;

	plug_existing(mc);
	for (order = whole; order <= largest; order++) {
		uint64_t nr = UINT64_C(1) << order;

		pfn = alloc_unmovable(mc, order);
		for (other = 0; other <= largest + 1; other++)
			if (other != order)
				refuse_free(mc, pfn, other, MHP_ERR_INVAL);
		refuse_run(mc, pfn, 0, MHP_ERR_INVAL);
		refuse_run(mc, pfn, nr - 1, MHP_ERR_INVAL);
		refuse_run(mc, pfn, nr + pageblock, MHP_ERR_INVAL);
		refuse_run(mc, pfn + 1, nr, MHP_ERR_INVAL);
		if (order > whole) {
			refuse_run(mc, pfn, nr - pageblock, MHP_ERR_INVAL);
			refuse_run(mc, pfn + pageblock, pageblock,
				   MHP_ERR_INVAL);
			refuse_run(mc, pfn + pageblock, nr - pageblock,
				   MHP_ERR_INVAL);
			refuse_free(mc, pfn + nr - pageblock, whole,
				    MHP_ERR_INVAL);
		}
		assert_int_equal(mhp_run_free(mc->m, pfn, nr), 0);
		refuse_free(mc, pfn, order, MHP_ERR_ALREADY);
		refuse_run(mc, pfn, nr, MHP_ERR_ALREADY);
	}
}

static void test_wrong_request(struct machine *mc)
{
	uint64_t pageblock = mhp_pageblock_pages(mc->g);
	struct mhp_request request = {0};
	mhp_pfn_t pfn = 4711;
	char *before = snapshot(mc, 0);

	assert_int_equal(mhp_run_alloc(mc->m, &request, 0, &pfn),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_run_alloc(mc->m, &request, pageblock + 1, &pfn),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_run_alloc(mc->m, &request, pageblock / 2, &pfn),
			 MHP_ERR_INVAL);
	request.order = (uint8_t)mhp_pageblock_order(mc->g);
	assert_int_equal(mhp_run_alloc(mc->m, &request, pageblock, &pfn),
			 MHP_ERR_INVAL);
	request = (struct mhp_request){.mobility = MHP_MOVABLE};
	assert_int_equal(mhp_run_alloc(mc->m, &request, pageblock, &pfn),
			 MHP_ERR_INVAL);
	assert_int_equal(pfn, 4711);
	unchanged(mc, before, 0);
}

/* The port cannot prepare one of the pageblocks, or none from one on. */
static void test_first_use_fails(struct machine *mc)
{
	struct mhp_request giant = {
		.order = (uint8_t)mhp_gigantic_order(mc->g)};
	uint64_t k, nr_faults;
	char *before;
	mhp_pfn_t pfn;
	int err;

	for (k = 1, nr_faults = 1; nr_faults; k++) {
		machine_again(mc, 0);
		plug_existing(mc);
		before = snapshot(mc, 0);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_FROM_THEN, k);
		err = mhp_frame_alloc(mc->m, &giant, &pfn);
		nr_faults = mhp_model_faults(mc->model);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		assert_int_equal(err, nr_faults ? MHP_ERR_NOMEM : 0);
		if (!nr_faults) {
			free(before);
			break;
		}
		unchanged(mc, before, 0);
		assert_int_equal(mhp_frame_alloc(mc->m, &giant, &pfn), 0);
		check_ok(mc);
	}
	assert_true(k > 2 * mhp_block_pageblocks(mc->g));
}

/* Then another place has to serve. */
static void test_first_use_fails_once(struct machine *mc)
{
	struct mhp_request giant = {
		.order = (uint8_t)mhp_gigantic_order(mc->g)};
	uint64_t k;
	mhp_pfn_t pfn;

	for (k = 1; k <= 2 * mhp_block_pageblocks(mc->g); k++) {
		machine_again(mc, 0);
		plug_existing(mc);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_ONCE, k);
		assert_int_equal(mhp_frame_alloc(mc->m, &giant, &pfn), 0);
		assert_int_equal(mhp_model_faults(mc->model), 1);
		check_ok(mc);
	}
}

int main(void)
{
	static const struct machine_test tests[] = {
		{"orders", test_orders},
		{"runs", test_runs},
		{"aligned beyond its size", test_aligned},
		{"limits", test_limits},
		{"borders", test_borders},
		{"a page in the way", test_in_the_way},
		{"wrong frees", test_wrong_free},
		{"wrong requests", test_wrong_request},
		{"first use fails", test_first_use_fails},
		{"first use fails once", test_first_use_fails_once},
	};

	return machine_run("gigantic", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
