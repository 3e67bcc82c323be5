/* SPDX-License-Identifier: MIT */
/*
 * What is free: the counts of a zone and its runs, and the tallies of ranges,
 * against a look at every single page.
 */
#include <stdlib.h>
#include <string.h>

#include "mhp/offline.h"
#include "mhp/poison.h"
#include "mhp/withhold.h"
#include "support.h"

#define NR_OURS 400

static bool is_free_in(struct machine *mc, mhp_pfn_t pfn, unsigned int node,
		       enum mhp_zone_type zone)
{
	struct mhp_page_info info = page_info(mc, pfn);

	return info.use == MHP_PAGE_FREE && info.zone == zone &&
	       info.node == node;
}

/* Take the runs out of a map of free pages, the largest first. */
static void map_runs(uint8_t *map, uint64_t nr_pages, int nr_orders,
		     uint64_t *nr_runs)
{
	int order;

	memset(nr_runs, 0, MHP_MAX_RUN_ORDERS * sizeof(nr_runs[0]));
	for (order = nr_orders - 1; order >= 0; order--) {
		uint64_t nr = UINT64_C(1) << order, pfn;

		for (pfn = 0; pfn + nr <= nr_pages; pfn += nr) {
			if (memchr(map + pfn, 0, nr))
				continue;
			memset(map + pfn, 0, nr);
			nr_runs[order]++;
		}
	}
}

static void verify_zone(struct machine *mc, unsigned int node,
			enum mhp_zone_type zone)
{
	uint64_t nr_pages = NR_BLOCKS * mhp_block_pages(mc->g), pfn;
	struct mhp_zone_info info = zone_info(mc, node, zone), sizes;
	uint64_t nr_runs[MHP_MAX_RUN_ORDERS], want[MHP_MAX_RUN_ORDERS];
	uint8_t *map = malloc(nr_pages);
	uint64_t nr_free = 0;
	int nr, order;

	assert_non_null(map);
	for (pfn = 0; pfn < nr_pages; pfn++) {
		map[pfn] = is_free_in(mc, pfn, node, zone);
		nr_free += map[pfn];
	}
	assert_int_equal(info.nr_free, nr_free);
	assert_int_equal(mhp_zone_sizes(mc->m, node, zone, &sizes), 0);
	assert_int_equal(sizes.nr_free, 0);
	assert_int_equal(sizes.nr_present, info.nr_present);
	assert_int_equal(sizes.nr_managed, info.nr_managed);
	assert_int_equal(sizes.span.start_pfn, info.span.start_pfn);
	assert_int_equal(sizes.span.nr_pages, info.span.nr_pages);
	nr = mhp_zone_runs(mc->m, node, zone, nr_runs);
	assert_in_range(nr, mhp_pageblock_order(mc->g) + 1, MHP_MAX_RUN_ORDERS);
	map_runs(map, nr_pages, nr, want);
	for (order = 0; order < MHP_MAX_RUN_ORDERS; order++)
		assert_int_equal(nr_runs[order], want[order]);
	free(map);
}

/* Ranges of any kind, and one beyond the end. */
static void verify_tallies(struct machine *mc)
{
	uint64_t nr_pages = NR_BLOCKS * mhp_block_pages(mc->g);
	struct dice dice;
	unsigned int i;

	dice_start(&dice, 5);
	verify_tally(mc, mhp_range_make(0, nr_pages + 3));
	for (i = 0; i < 30; i++) {
		mhp_pfn_t start = dice_below(&dice, nr_pages);
		uint64_t most = nr_pages - start;

		if (i % 2 && most > 3 * mhp_pageblock_pages(mc->g))
			most = 3 * mhp_pageblock_pages(mc->g);
		verify_tally(
			mc, mhp_range_make(start, dice_below(&dice, most + 1)));
	}
}

static void verify(struct machine *mc)
{
	unsigned int node, zone;

	for (node = 0; node < mc->g->nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone < MHP_NR_ZONES; zone++)
			verify_zone(mc, node, (enum mhp_zone_type)zone);
	verify_tallies(mc);
}

/* Blocks of every kind, some of another node. */
static void plug_all(struct machine *mc)
{
	unsigned int i;

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	plug(mc, FIRST_BLOCK + 2, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	plug(mc, FIRST_BLOCK + 4, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	for (i = 0; i < 4 && mc->g->nr_nodes > 1; i++) {
		struct mhp_add_request request = {
			.range = block_range(mc, FIRST_BLOCK + 7 + i, 1),
			.node = i % 3};

		assert_int_equal(mhp_add(mc->m, &request, NULL), 0);
		assert_int_equal(online_blocks(mc, FIRST_BLOCK + 7 + i, 1,
					       MHP_ONLINE_MOVABLE),
				 0);
	}
}

static void test_fresh(struct machine *mc)
{
	verify(mc);
	plug_all(mc);
	verify(mc);
}

struct ours {
	mhp_pfn_t pfn[NR_OURS];
	uint8_t order[NR_OURS];
	unsigned int nr;
};

static void take_some(struct machine *mc, struct dice *dice, struct ours *ours)
{
	while (ours->nr < NR_OURS) {
		struct mhp_request request = {
			.order = (uint8_t)dice_below(
				dice, mhp_pageblock_order(mc->g) + 1),
			.zone_limit = (uint8_t)(MHP_ZONE_DMA +
						dice_below(dice, 3)),
		};
		mhp_pfn_t *pfn = &ours->pfn[ours->nr];

		if (mhp_frame_alloc(mc->m, &request, pfn))
			return;
		ours->order[ours->nr++] = request.order;
	}
}

static void give_some(struct machine *mc, struct dice *dice, struct ours *ours)
{
	unsigned int nr = (unsigned int)dice_below(dice, ours->nr + 1);

	for (; nr; nr--) {
		unsigned int i = (unsigned int)dice_below(dice, ours->nr);

		assert_int_equal(
			mhp_frame_free(mc->m, ours->pfn[i], ours->order[i]), 0);
		ours->nr--;
		ours->pfn[i] = ours->pfn[ours->nr];
		ours->order[i] = ours->order[ours->nr];
	}
}

static void test_used(struct machine *mc)
{
	struct ours *ours = calloc(1, sizeof(*ours));
	struct dice dice;
	unsigned int i;

	dice_start(&dice, 23);
	plug_all(mc);
	for (i = 0; i < 6; i++) {
		take_some(mc, &dice, ours);
		verify(mc);
		give_some(mc, &dice, ours);
		verify(mc);
	}
	while (ours->nr) {
		ours->nr--;
		mhp_frame_free(mc->m, ours->pfn[ours->nr],
			       ours->order[ours->nr]);
	}
	verify(mc);
	free(ours);
}

/* A block that was used comes back fresh; on its way out nothing is free. */
static void test_again(struct machine *mc)
{
	struct mhp_request request = {.mobility = MHP_MOVABLE};
	struct mhp_offline op;
	struct shelf *shelf;

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	assert_int_equal(mhp_offline_begin(mc->m, &op, FIRST_BLOCK + 1,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
	verify(mc);
	mhp_offline_cancel(mc->m, &op);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK + 1, request.order, 3);
	verify(mc);
	assert_int_equal(mhp_offline_begin(mc->m, &op, FIRST_BLOCK,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
	verify(mc);
	mhp_offline_cancel(mc->m, &op);
	verify(mc);
	assert_int_equal(mhp_offline_begin(mc->m, &op, FIRST_BLOCK + 1,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
	verify(mc);
	mhp_offline_cancel(mc->m, &op);
	shelf_close(shelf);
	assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK + 1,
					   MHP_NO_DEADLINE, NULL),
			 0);
	verify(mc);
	assert_int_equal(
		online_blocks(mc, FIRST_BLOCK + 1, 1, MHP_ONLINE_MOVABLE), 0);
	verify(mc);
}

/* While the pages of one block of an eject move, the other one waits, and was
 * never used. */
static void verify_now(struct shelf *shelf, const struct mhp_move *move)
{
	(void)move;
	verify(shelf->mc);
}

static void test_eject(struct machine *mc)
{
	struct shelf *shelf;

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	shelf = shelf_open(mc);
	assert_int_equal(mhp_block_id(mc->g, shelf_alloc(shelf, NULL)->pfn),
			 FIRST_BLOCK);
	shelf->at_move = verify_now;
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 2),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(shelf->nr_moved, 1);
	shelf->at_move = NULL;
	verify(mc);
	shelf_close(shelf);
}

/* Withheld pages are no free ones, before and after the first use. */
static void test_withheld(struct machine *mc)
{
	struct mhp_add_request request = {
		.range = block_range(mc, FIRST_BLOCK, 1),
		.placement = MHP_PLACEMENT_EXISTING,
		.flags = MHP_ADD_WITHHELD};
	uint64_t pageblock = mhp_pageblock_pages(mc->g);
	mhp_pfn_t start = block_start(mc, FIRST_BLOCK);
	struct mhp_request alloc = {.mobility = MHP_UNMOVABLE};

	assert_int_equal(mhp_add(mc->m, &request, NULL), 0);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_KERNEL),
			 0);
	verify(mc);
	assert_int_equal(
		mhp_release(mc->m, mhp_range_make(start, pageblock), NULL), 0);
	assert_int_equal(
		mhp_release(mc->m, mhp_range_make(start + pageblock, 3), NULL),
		0);
	verify(mc);
	mhp_frame_free(mc->m, alloc_in_block(mc, &alloc, FIRST_BLOCK), 0);
	verify(mc);
	assert_int_equal(mhp_withhold(mc->m, mhp_range_make(start, pageblock),
				      MHP_NO_DEADLINE, NULL),
			 0);
	verify(mc);
}

/* Bad pages are not free, wherever they are. */
static void test_poison(struct machine *mc)
{
	mhp_pfn_t pfn = alloc_unmovable(mc, 0), behind;
	struct mhp_zone_info before;
	enum mhp_zone_type zone;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	zone = (enum mhp_zone_type)block_info(mc, FIRST_BLOCK).zone;
	before = zone_info(mc, 0, zone);
	behind = block_start(mc, FIRST_BLOCK + 1) - 2;
	assert_int_equal(mhp_poison_hard(mc->m, behind, NULL), 0);
	assert_int_equal(zone_info(mc, 0, zone).nr_free, before.nr_free - 1);
	verify(mc);
	assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
	verify(mc);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	verify(mc);
	assert_int_equal(mhp_poison_clear(mc->m, pfn, NULL), 0);
	assert_int_equal(mhp_poison_clear(mc->m, behind, NULL), 0);
	assert_int_equal(zone_info(mc, 0, zone).nr_free, before.nr_free);
	verify(mc);
}

static void test_bad_zone(struct machine *mc)
{
	uint64_t nr_runs[MHP_MAX_RUN_ORDERS];
	struct mhp_zone_info info;
	unsigned int node, nr_nodes = mc->g->nr_nodes;
	int zone;

	for (node = 0; node < nr_nodes + 2; node++)
		for (zone = MHP_ZONE_NONE; zone <= MHP_NR_ZONES; zone++) {
			enum mhp_zone_type z = (enum mhp_zone_type)zone;

			if (node < nr_nodes && zone != MHP_ZONE_NONE &&
			    zone != MHP_NR_ZONES)
				continue;
			assert_int_equal(mhp_zone_runs(mc->m, node, z, nr_runs),
					 MHP_ERR_INVAL);
			assert_int_equal(mhp_zone_sizes(mc->m, node, z, &info),
					 MHP_ERR_INVAL);
		}
}

/* Ranges without memory, and none that wraps around. */
static void test_bad_tally(struct machine *mc)
{
	struct mhp_tally tally = {{0}, 7, 0};
	mhp_pfn_t last = MHP_PFN_NONE - 1;

	assert_int_equal(
		mhp_frame_tally(mc->m, mhp_range_make(last, 2), &tally),
		MHP_ERR_INVAL);
	assert_int_equal(tally.nr_unmovable, 7);
	assert_int_equal(
		mhp_frame_tally(mc->m, mhp_range_make(last, 1), &tally), 0);
	assert_int_equal(tally.nr[MHP_PAGE_ABSENT], 1);
	assert_int_equal(tally.nr_unmovable, 0);
	assert_int_equal(mhp_frame_tally(mc->m, mhp_range_make(5, 0), &tally),
			 0);
	assert_int_equal(tally.nr[MHP_PAGE_ABSENT], 0);
}

/* Boot memory with holes, kept parts, and zones and nodes inside a block. */
static void test_boot(struct machine *mc)
{
	static struct machine_case c; /* lives as long as the machine */
	struct mhp_boot_range boot[3];
	struct mhp_range reserved[1];
	struct mhp_model_config config;
	struct ours *ours = calloc(1, sizeof(*ours));
	struct dice dice;
	uint64_t block, pageblock;

	c = *mc->c;
	c.geometry.nr_nodes = 2;
	c.geometry.distances = NULL;
	machine_end(mc);
	block = mhp_block_pages(&c.geometry);
	pageblock = mhp_pageblock_pages(&c.geometry);
	config = machine_config(&c, boot);
	boot[0] = (struct mhp_boot_range){mhp_range_make(3, block - 9), 0};
	boot[1] = (struct mhp_boot_range){
		mhp_range_make(block + pageblock, block), 0};
	boot[2] = (struct mhp_boot_range){
		mhp_range_make(2 * block + 2 * pageblock, 2 * block), 1};
	reserved[0] = mhp_range_make(pageblock + 1, 5);
	config.nr_boot = 3;
	config.reserved = reserved;
	config.nr_reserved = 1;
	config.dma_end_pfn = 2 * pageblock;
	config.dma32_end_pfn = 2 * block;
	machine_start_config(mc, &c, &config);
	verify(mc);
	dice_start(&dice, 24);
	take_some(mc, &dice, ours);
	verify(mc);
	give_some(mc, &dice, ours);
	verify(mc);
	free(ours);
}

static const struct machine_test tests[] = {
	{"fresh", test_fresh},	       {"used", test_used},
	{"again", test_again},	       {"poison", test_poison},
	{"eject", test_eject},	       {"withheld", test_withheld},
	{"bad_zone", test_bad_zone},   {"boot", test_boot},
	{"bad_tally", test_bad_tally},
};

int main(void)
{
	return machine_run("count", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
