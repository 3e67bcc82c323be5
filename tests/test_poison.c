/* SPDX-License-Identifier: MIT */
/*
 * Pages that break: what becomes of a page of each kind, and that nobody ever
 * gets it again, until it is said to be good. Moving content away in time is
 * test_poison_soft.c.
 */
#include "support.h"

#include <stdlib.h>

static const enum mhp_placement placements[] = {MHP_PLACEMENT_BLOCK,
						MHP_PLACEMENT_EXISTING};

static mhp_pfn_t first_usable(struct machine *mc, uint64_t id)
{
	return block_start(mc, id) + block_info(mc, id).nr_memmap;
}

static mhp_pfn_t block_end(struct machine *mc, uint64_t id)
{
	return block_start(mc, id + 1);
}

static void assert_poisoned(struct machine *mc, mhp_pfn_t pfn)
{
	assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_POISONED);
	assert_true(page_info(mc, pfn).poisoned);
	assert_true(mhp_is_poisoned(mc->m, pfn));
}

/* Take all there is, one order after the other: no bad page is among it. */
static void assert_never_given(struct machine *mc)
{
	uint64_t most = NR_BLOCKS * mhp_block_pages(mc->g), nr = 0;
	struct taken {
		mhp_pfn_t pfn;
		unsigned int order;
	} *taken = calloc(most, sizeof(*taken));
	int order = (int)mhp_pageblock_order(mc->g);

	assert_non_null(taken);
	for (; order >= 0; order--) {
		struct mhp_request request = {.order = (uint8_t)order};
		mhp_pfn_t pfn;

		while (!mhp_frame_alloc(mc->m, &request, &pfn)) {
			assert_int_equal(
				mhp_poison_count(
					mc->m,
					mhp_range_make(pfn, UINT64_C(1)
								    << order)),
				0);
			taken[nr].pfn = pfn;
			taken[nr++].order = (unsigned int)order;
		}
	}
	check_ok(mc);
	while (nr--)
		assert_int_equal(
			mhp_frame_free(mc->m, taken[nr].pfn, taken[nr].order),
			0);
	free(taken);
	check_ok(mc);
}

/* Every so many pages, or the test would be long where blocks are large. */
static uint64_t stride(struct machine *mc)
{
	return 1 + mhp_block_pages(mc->g) / 48;
}

/* A free page is taken out, and comes back when it is cleared; nothing else
 * changes. In a block that was used before, and in one that never was. */
static void free_page_of(struct machine *mc, mhp_pfn_t pfn)
{
	uint64_t id = mhp_block_id(mc->g, pfn);
	struct mhp_block_info before = block_info(mc, id), after;
	uint64_t nr_managed = stat_now(mc).nr_managed;
	char *snap = snapshot(mc, 0);

	assert_false(mhp_is_poisoned(mc->m, pfn));
	assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
	assert_poisoned(mc, pfn);
	check_ok(mc);
	after = block_info(mc, id);
	assert_int_equal(after.nr_free, before.nr_free - 1);
	assert_int_equal(after.nr_allocated, before.nr_allocated);
	assert_int_equal(after.nr_isolated, 0);
	assert_int_equal(after.nr_poisoned, 1);
	assert_int_equal(stat_now(mc).nr_poisoned, 1);
	assert_int_equal(stat_now(mc).nr_managed, nr_managed);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0) != 0, 1);
	assert_poisoned(mc, pfn);
	assert_int_equal(mhp_poison_clear(mc->m, pfn, NULL), 0);
	unchanged(mc, snap, 0);
}

static void free_page_is_taken_out(struct machine *mc)
{
	unsigned int i;
	mhp_pfn_t pfn;

	for (i = 0; i < 2; i++) {
		plug(mc, FIRST_BLOCK, 1, placements[i], MHP_ONLINE_KERNEL);
		for (pfn = first_usable(mc, FIRST_BLOCK);
		     pfn < block_end(mc, FIRST_BLOCK); pfn += stride(mc))
			free_page_of(mc, pfn);
		/* All pageblocks are used now. */
		assert_never_given(mc);
		for (pfn = first_usable(mc, FIRST_BLOCK);
		     pfn < block_end(mc, FIRST_BLOCK); pfn += stride(mc))
			free_page_of(mc, pfn);
		assert_int_equal(mhp_offline_and_remove(
					 mc->m, block_range(mc, FIRST_BLOCK, 1),
					 MHP_NO_DEADLINE, 0, NULL),
				 0);
	}
}

/* Many bad pages at once, whole pageblocks among them, in all blocks. */
static void bad_pages_are_never_given(struct machine *mc)
{
	mhp_pfn_t pfn, end = block_start(mc, FIRST_BLOCK + 2);
	uint64_t nr = 0, pageblock = mhp_pageblock_pages(mc->g);
	struct dice dice;

	dice_start(&dice, 1);
	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	for (pfn = end - (pageblock < 64 ? pageblock : 64); pfn < end; pfn++)
		nr += !mhp_poison_hard(mc->m, pfn, NULL);
	assert_never_given(mc);
	while (nr < 200) {
		pfn = dice_below(&dice, end);
		if (page_info(mc, pfn).use == MHP_PAGE_FREE) {
			assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
			nr++;
		}
		if (mhp_block_pages(mc->g) * 6 < nr * 2)
			break;
	}
	assert_int_equal(mhp_poison_count(mc->m, mhp_range_make(0, end)), nr);
	assert_int_equal(mhp_poison_count(mc->m, mhp_range_make(0, UINT64_MAX)),
			 nr);
	/* A range does not go round. */
	assert_int_equal(mhp_poison_count(mc->m, mhp_range_make(UINT64_MAX - 1,
								UINT64_MAX)),
			 0);
	assert_int_equal(stat_now(mc).nr_poisoned, nr);
	assert_never_given(mc);
	for (pfn = 0; pfn < end; pfn++)
		if (mhp_is_poisoned(mc->m, pfn))
			assert_int_equal(mhp_poison_clear(mc->m, pfn, NULL), 0);
	assert_int_equal(stat_now(mc).nr_poisoned, 0);
	assert_never_given(mc);
}

/* The owner is told once and keeps the allocation; the free leaves the page
 * behind and can be done once. */
static void allocated_of(struct machine *mc, struct shelf *shelf,
			 unsigned int order, uint64_t offset)
{
	struct item *item = &shelf->items[0];
	mhp_pfn_t pfn, bad, at;
	char *snap = snapshot(mc, 0);

	shelf_fill(shelf, FIRST_BLOCK, order, 1);
	assert_true(item->live);
	pfn = item->pfn;
	bad = pfn + offset;
	shelf->nr_lost = 0;
	assert_int_equal(mhp_poison_hard(mc->m, bad, NULL), 0);
	assert_int_equal(shelf->nr_lost, 1);
	assert_int_equal(shelf->bad_pfn, bad);
	assert_int_equal(page_info(mc, bad).use, MHP_PAGE_ALLOCATED);
	assert_true(page_info(mc, bad).poisoned);
	assert_int_equal(mhp_poison_hard(mc->m, bad, NULL), MHP_ERR_HWPOISON);
	assert_int_equal(shelf->nr_lost, 1);
	check_ok(mc);
	shelf_free(shelf, item);
	check_ok(mc);
	assert_true(mhp_frame_free(mc->m, pfn, order) < 0);
	for (at = pfn; at < pfn + (UINT64_C(1) << order); at++)
		assert_int_equal(page_info(mc, at).use,
				 at == bad ? MHP_PAGE_POISONED : MHP_PAGE_FREE);
	assert_int_equal(mhp_poison_clear(mc->m, bad, NULL), 0);
	unchanged(mc, snap, 0);
}

static void allocated_page_stays_behind(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	unsigned int order;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	for (order = 0; order <= mhp_pageblock_order(mc->g); order++) {
		uint64_t nr = UINT64_C(1) << order;

		allocated_of(mc, shelf, order, 0);
		allocated_of(mc, shelf, order, nr - 1);
		allocated_of(mc, shelf, order, nr / 2);
	}
	shelf_close(shelf);
}

/* Several bad pages in one allocation; one of them is cleared while it is still
 * allocated, and is freed with the rest. */
static void several_in_one_allocation(struct machine *mc)
{
	unsigned int order = mhp_pageblock_order(mc->g);

	for (;; order--) {
		uint64_t nr = UINT64_C(1) << order, i;
		mhp_pfn_t pfn = alloc_unmovable(mc, order);

		for (i = 0; i < nr && i < 100; i++)
			assert_int_equal(mhp_poison_hard(mc->m, pfn + i, NULL),
					 0);
		assert_int_equal(mhp_poison_clear(mc->m, pfn, NULL), 0);
		assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_ALLOCATED);
		check_ok(mc);
		assert_int_equal(mhp_frame_free(mc->m, pfn, order), 0);
		assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_FREE);
		assert_true(mhp_frame_free(mc->m, pfn, order) < 0);
		assert_never_given(mc);
		for (i = 1; i < nr && i < 100; i++)
			assert_int_equal(mhp_poison_clear(mc->m, pfn + i, NULL),
					 0);
		assert_never_given(mc);
		if (!order)
			break;
	}
}

/* Memory of the engine and of the embedder: remembered, and in use all the
 * same. */
static void memmap_is_remembered(struct machine *mc)
{
	mhp_pfn_t pfn = block_start(mc, FIRST_BLOCK);
	struct mhp_report report;
	char *snap;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	snap = snapshot(mc, 0);
	assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_MEMMAP);
	assert_int_equal(mhp_poison_soft(mc->m, pfn, &report), MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_KEPT);
	assert_int_equal(report.pfn, pfn);
	assert_false(mhp_is_poisoned(mc->m, pfn));
	assert_int_equal(mhp_poison_hard(mc->m, pfn, &report), MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_KEPT);
	assert_true(mhp_is_poisoned(mc->m, pfn));
	assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_MEMMAP);
	check_ok(mc);
	assert_int_equal(mhp_poison_clear(mc->m, pfn, NULL), 0);
	unchanged(mc, snap, 0);
	/* As memory of another kind it is kept from the start. */
	assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), MHP_ERR_BUSY);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING),
			 0);
	assert_int_equal(
		mhp_block_online(mc->m, FIRST_BLOCK, MHP_ONLINE_KERNEL, NULL),
		MHP_ERR_HWPOISON);
	assert_int_equal(mhp_poison_clear(mc->m, pfn, NULL), 0);
	assert_int_equal(
		mhp_block_online(mc->m, FIRST_BLOCK, MHP_ONLINE_KERNEL, NULL),
		0);
}

/* A memmap in existing memory: its page is the engine's until the block that it
 * describes has left. */
static void engine_page_is_remembered(struct machine *mc)
{
	mhp_pfn_t pfn, end = block_start(mc, NR_BOOT_BLOCKS);
	struct mhp_report report;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	for (pfn = 0; pfn < end; pfn++)
		if (page_info(mc, pfn).use == MHP_PAGE_ALLOCATED &&
		    page_info(mc, pfn).owner == 1)
			break;
	assert_true(pfn < end);
	assert_int_equal(mhp_poison_soft(mc->m, pfn, &report), MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_UNMOVABLE);
	assert_false(mhp_is_poisoned(mc->m, pfn));
	check_ok(mc);
	assert_int_equal(mhp_poison_hard(mc->m, pfn, &report), MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_KEPT);
	assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_ALLOCATED);
	check_ok(mc);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_poisoned(mc, pfn);
	assert_never_given(mc);
}

/* Known over offline, online that is refused, remove and add, in both
 * placements. */
static void outlives_the_block(struct machine *mc)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		enum mhp_placement other = placements[1 - i];
		struct mhp_report report;
		mhp_pfn_t pfn;

		plug(mc, FIRST_BLOCK, 1, placements[i], MHP_ONLINE_KERNEL);
		pfn = block_end(mc, FIRST_BLOCK) - 2;
		assert_int_equal(mhp_poison_hard(mc->m, pfn + 1, NULL), 0);
		assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK,
						   MHP_NO_DEADLINE, NULL),
				 0);
		assert_int_equal(page_info(mc, pfn + 1).use, MHP_PAGE_OFFLINE);
		assert_true(page_info(mc, pfn + 1).poisoned);
		assert_int_equal(mhp_poison_soft(mc->m, pfn, NULL), MHP_ERR_IO);
		assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
		assert_int_equal(block_info(mc, FIRST_BLOCK).nr_poisoned, 2);
		assert_int_equal(mhp_block_online(mc->m, FIRST_BLOCK,
						  MHP_ONLINE_KERNEL, &report),
				 MHP_ERR_HWPOISON);
		assert_int_equal(report.why, MHP_WHY_POISON);
		assert_int_equal(report.pfn, pfn);
		assert_int_equal(block_info(mc, FIRST_BLOCK).state,
				 MHP_BLOCK_OFFLINE);
		assert_int_equal(mhp_remove(mc->m,
					    block_range(mc, FIRST_BLOCK, 1),
					    NULL),
				 0);
		assert_true(mhp_is_poisoned(mc->m, pfn));
		assert_int_equal(stat_now(mc).nr_poisoned, 2);
		assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, other), 0);
		assert_int_equal(mhp_block_online(mc->m, FIRST_BLOCK,
						  MHP_ONLINE_KERNEL, NULL),
				 MHP_ERR_HWPOISON);
		assert_int_equal(mhp_poison_clear(mc->m, pfn, NULL), 0);
		assert_int_equal(mhp_block_online(mc->m, FIRST_BLOCK,
						  MHP_ONLINE_KERNEL, NULL),
				 MHP_ERR_HWPOISON);
		assert_int_equal(mhp_poison_clear(mc->m, pfn + 1, NULL), 0);
		assert_int_equal(mhp_block_online(mc->m, FIRST_BLOCK,
						  MHP_ONLINE_KERNEL, NULL),
				 0);
		assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_FREE);
		assert_int_equal(mhp_offline_and_remove(
					 mc->m, block_range(mc, FIRST_BLOCK, 1),
					 MHP_NO_DEADLINE, 0, NULL),
				 0);
	}
}

/* Bad pages of a boot block do not keep it from going offline either. */
static void boot_block_goes_offline(struct machine *mc)
{
	uint64_t id;

	for (id = NR_BOOT_BLOCKS; id--;) {
		mhp_pfn_t pfn = block_end(mc, id) - 1;

		if (block_info(mc, id).nr_memmap)
			continue;
		assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
		assert_int_equal(
			mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, NULL), 0);
		assert_int_equal(
			mhp_block_online(mc->m, id, MHP_ONLINE_DEFAULT, NULL),
			MHP_ERR_HWPOISON);
		assert_int_equal(mhp_poison_clear(mc->m, pfn, NULL), 0);
		assert_int_equal(
			mhp_block_online(mc->m, id, MHP_ONLINE_DEFAULT, NULL),
			0);
		return;
	}
}

/* An eject that fails puts its blocks back although they have bad pages. */
static void eject_that_fails(struct machine *mc)
{
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 2);
	mhp_pfn_t pfn = block_end(mc, FIRST_BLOCK) - 1;
	const struct mhp_request request = {.order = 0};
	mhp_pfn_t held;
	char *snap;

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
	held = alloc_in_block(mc, &request, FIRST_BLOCK + 1);
	snap = snapshot(mc, 0);
	assert_int_equal(
		mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE, 0, NULL),
		MHP_ERR_BUSY);
	unchanged(mc, snap, 0);
	assert_poisoned(mc, pfn);
	assert_never_given(mc);
	assert_int_equal(mhp_frame_free(mc->m, held, 0), 0);
	assert_int_equal(
		mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE, 0, NULL),
		0);
	assert_true(mhp_is_poisoned(mc->m, pfn));
}

/* While a block is going offline its pages may break like any other. */
static void while_going_offline(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct mhp_offline op;
	mhp_pfn_t pfn, bad;
	int err;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	shelf_fill(shelf, FIRST_BLOCK, 1, 2);
	bad = shelf->items[0].pfn + 1;
	for (pfn = first_usable(mc, FIRST_BLOCK);
	     page_info(mc, pfn).use != MHP_PAGE_FREE; pfn++)
		;
	assert_int_equal(mhp_offline_begin(mc->m, &op, FIRST_BLOCK,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
	assert_int_equal(mhp_poison_hard(mc->m, bad, NULL), 0);
	assert_int_equal(shelf->nr_lost, 1);
	assert_int_equal(mhp_poison_soft(mc->m, shelf->items[1].pfn, NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state,
			 MHP_BLOCK_GOING_OFFLINE);
	check_ok(mc);
	do
		err = mhp_offline_step(mc->m, &op, NULL);
	while (err == MHP_ERR_AGAIN);
	assert_int_equal(err, 0);
	shelf_verify(shelf);
	assert_true(mhp_is_poisoned(mc->m, pfn));
	assert_true(mhp_is_poisoned(mc->m, bad));
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_poisoned, 2);
	shelf_close(shelf);
}

/* Withheld pages are nobody's: remembered, and not released with the rest. */
static void withheld_page_is_remembered(struct machine *mc)
{
	mhp_pfn_t end, pfn;
	struct mhp_range range;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	assert_never_given(mc); /* so that it has been used */
	end = block_end(mc, FIRST_BLOCK);
	pfn = end - mhp_pageblock_pages(mc->g) / 2;
	for (; pfn <= end - mhp_pageblock_pages(mc->g) / 2 + 1; pfn++) {
		range = mhp_range_make(end - mhp_pageblock_pages(mc->g),
				       mhp_pageblock_pages(mc->g));
		assert_int_equal(
			mhp_withhold(mc->m, range, MHP_NO_DEADLINE, NULL), 0);
		assert_int_equal(mhp_poison_soft(mc->m, pfn, NULL), MHP_ERR_IO);
		assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
		assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_WITHHELD);
		assert_true(page_info(mc, pfn).poisoned);
		check_ok(mc);
		assert_int_equal(mhp_release(mc->m, range, NULL), 0);
		assert_poisoned(mc, pfn);
		assert_never_given(mc);
		/* Bad before it is withheld, and good before it is released. */
		assert_int_equal(
			mhp_withhold(mc->m, range, MHP_NO_DEADLINE, NULL), 0);
		assert_int_equal(mhp_poison_clear(mc->m, pfn, NULL), 0);
		check_ok(mc);
		assert_int_equal(mhp_release(mc->m, range, NULL), 0);
		assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_FREE);
		assert_never_given(mc);
	}
}

int main(void)
{
	const struct machine_test tests[] = {
		{"free_page_is_taken_out", free_page_is_taken_out},
		{"bad_pages_are_never_given", bad_pages_are_never_given},
		{"allocated_page_stays_behind", allocated_page_stays_behind},
		{"several_in_one_allocation", several_in_one_allocation},
		{"memmap_is_remembered", memmap_is_remembered},
		{"engine_page_is_remembered", engine_page_is_remembered},
		{"outlives_the_block", outlives_the_block},
		{"boot_block_goes_offline", boot_block_goes_offline},
		{"eject_that_fails", eject_that_fails},
		{"while_going_offline", while_going_offline},
		{"withheld_page_is_remembered", withheld_page_is_remembered},
	};

	return machine_run("poison", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
