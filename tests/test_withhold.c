/* SPDX-License-Identifier: MIT */
/*
 * Withheld pages: what is counted, what can be had, what stays over offline
 * and online, and what is refused.
 */
#include "withhold_support.h"

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

/* A block that is in two zones. */
static void test_many_zones(struct machine *mc)
{
	struct mhp_boot_range boot[2];
	struct mhp_model_config config = machine_config(mc->c, boot);
	mhp_pfn_t end = block_start(mc, 1);

	config.dma_end_pfn = end - pageblock_pages(mc);
	config.dma32_end_pfn = 0;
	machine_end(mc);
	machine_start_config(mc, mc->c, &config);
	refused(mc, false, mhp_range_make(end - 1, 1), MHP_ERR_INVAL,
		MHP_WHY_MANY_ZONES);
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
	{"many_zones", test_many_zones},
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
