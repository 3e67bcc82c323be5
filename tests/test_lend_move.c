/* SPDX-License-Identifier: MIT */
/*
 * What others do with lent pages, and with what lends, in the middle of a call:
 * while the memmap of another block leaves the host, and while they are taken
 * back.
 */
#include <stdlib.h>

#include "lend_support.h"
#include "mhp/move.h"

#define NR_PLUGGED 3
#define LAST (FIRST_BLOCK + NR_PLUGGED - 1)

/* Movable pages of one pageblock. */
struct pages {
	struct machine *mc;
	uint16_t owner;
	mhp_pfn_t *pfns;
	uint64_t nr;
	uint64_t nr_freed;
};

/* A pageblock of the first block, all of it, which lends. */
static mhp_pfn_t lend_of_host(struct machine *mc, uint16_t owner)
{
	const struct mhp_request whole = {
		.mobility = MHP_MOVABLE,
		.order = (uint8_t)mhp_pageblock_order(mc->g),
		.owner = owner,
	};
	uint64_t nr = mhp_pageblock_pages(mc->g);
	mhp_pfn_t pfn;

	do
		assert_int_equal(mhp_frame_alloc(mc->m, &whole, &pfn), 0);
	while (mhp_block_id(mc->g, pfn) != FIRST_BLOCK ||
	       !lend_could(mc, pfn, nr));
	assert_true(lend(mc, pfn, nr));
	return pfn;
}

/* All memory there is; known are those beside a lent page. */
static void take_all(struct pages *p, mhp_pfn_t lent)
{
	const struct mhp_request one = {.mobility = MHP_MOVABLE,
					.owner = p->owner};
	uint64_t nr = mhp_pageblock_pages(p->mc->g);
	mhp_pfn_t pfn;

	p->pfns = calloc(nr, sizeof(*p->pfns));
	assert_non_null(p->pfns);
	while (!mhp_frame_alloc(p->mc->m, &one, &pfn))
		if (pfn / nr == lent / nr)
			p->pfns[p->nr++] = pfn;
	assert_true(p->nr);
}

static void free_all(struct machine *mc)
{
	mhp_pfn_t pfn;

	for (pfn = 0; pfn < block_start(mc, NR_BLOCKS); pfn++) {
		struct mhp_page_info info = page_info(mc, pfn);

		if (info.use == MHP_PAGE_ALLOCATED && info.owner > 1 &&
		    info.head_pfn == pfn)
			assert_int_equal(mhp_frame_free(mc->m, pfn, info.order),
					 0);
	}
}

/* All but the last page. */
static void free_most(void *arg)
{
	struct pages *p = arg;

	while (p->nr_freed + 1 < p->nr)
		assert_int_equal(
			mhp_frame_free(p->mc->m, p->pfns[p->nr_freed++], 0), 0);
}

static void assert_in_use(struct machine *mc, mhp_pfn_t pfn)
{
	struct mhp_page_info info = page_info(mc, pfn);

	assert_int_equal(info.use, MHP_PAGE_ALLOCATED);
	assert_int_equal(info.head_pfn, pfn);
}

/* There is nowhere to move to, which is found out when the host is passed by
 * already. */
static void test_free_beside_move(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct pages p = {.mc = mc, .owner = shelf->owner};

	set_reserves(mc, 0);
	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_RANGE,
	     MHP_ONLINE_MOVABLE);
	take_all(&p, lent_page(mc, lend_of_host(mc, p.owner), 0));
	mhp_model_at_call(mc->model, free_most, &p);
	assert_int_equal(mhp_memmap_move(mc->m, LAST, MHP_PLACEMENT_EXISTING,
					 MHP_NO_DEADLINE, NULL),
			 MHP_ERR_NOMEM);
	mhp_model_at_call(mc->model, NULL, NULL);
	assert_int_equal(p.nr_freed, p.nr - 1);
	check_ok(mc);
	assert_in_use(mc, p.pfns[p.nr - 1]);
	free_all(mc);
	check_ok(mc);
	free(p.pfns);
	shelf_close(shelf);
}

static int take_back_free(struct machine *mc)
{
	return mhp_memmap_take_back(
		mc->m, mhp_range_make(0, block_start(mc, NR_BLOCKS)),
		MHP_TAKE_BACK_FREE, MHP_NO_DEADLINE, NULL);
}

/* An allocation that is freed while pages move. */
static void free_another(struct shelf *shelf, const struct mhp_move *move)
{
	mhp_pfn_t *pfn = shelf->at_move_arg;

	(void)move;
	if (*pfn != MHP_PFN_NONE)
		assert_int_equal(
			mhp_frame_free(shelf->mc->m, *pfn,
				       mhp_pageblock_order(shelf->mc->g)),
			0);
	*pfn = MHP_PFN_NONE;
}

/* What is free only when the pages of others have been emptied is left for the
 * next time. */
static void test_freed_meanwhile(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	mhp_pfn_t free, busy;
	uint64_t nr;

	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_RANGE,
	     MHP_ONLINE_KERNEL);
	free = alloc_whole(mc, FIRST_BLOCK + 1);
	busy = alloc_whole(mc, LAST);
	assert_true(lend(mc, free, mhp_pageblock_pages(mc->g)));
	nr = lend(mc, busy, mhp_pageblock_pages(mc->g));
	assert_true(nr);
	(void)item_on(shelf, lent_page(mc, free, 0));
	assert_int_equal(
		mhp_frame_free(mc->m, free, mhp_pageblock_order(mc->g)), 0);
	shelf->at_move = free_another;
	shelf->at_move_arg = &busy;
	assert_int_equal(take_back_free(mc), 0);
	check_ok(mc);
	assert_int_equal(busy, MHP_PFN_NONE);
	assert_int_equal(stat_now(mc).nr_memmap_lent, nr);
	assert_int_equal(take_back_free(mc), 0);
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_memmap_lent, 0);
	shelf_close(shelf);
}

static const struct machine_test tests[] = {
	{"free_beside_move", test_free_beside_move},
	{"freed_meanwhile", test_freed_meanwhile},
};

int main(void)
{
	return lend_run("lend_move", tests, sizeof(tests) / sizeof(tests[0]));
}
