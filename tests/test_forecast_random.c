/* SPDX-License-Identifier: MIT */
/*
 * What the forecast says is what an offlining then meets if nothing changes in
 * between: in random states, with every placement of the memmap, for every
 * geometry. Blocks hold runs of single pages, mixed orders, unmovable pages and
 * pinned ones, and pages that were freed in between.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define NR_BLOCKS_HERE 3
#define NR_ROUNDS 12
#define NR_UNMOVABLE 64
#define NR_BLOCKERS 64

static const enum mhp_placement placements[] = {
	MHP_PLACEMENT_EXISTING, MHP_PLACEMENT_BLOCK, MHP_PLACEMENT_RANGE};

/* What was allocated for one forecast. */
struct scene {
	struct machine *mc;
	struct dice dice;
	struct shelf *shelf;
	mhp_pfn_t unmovable[NR_UNMOVABLE];
	unsigned int nr_unmovable;
	unsigned int nr_forecasts, nr_moved, nr_blocked;
};

static void scene_take(struct scene *s)
{
	struct mhp_request request = {.order = 0};
	unsigned int most = mhp_pageblock_order(s->mc->g);
	struct item *item;

	if (!dice_below(&s->dice, 40) && s->nr_unmovable < NR_UNMOVABLE) {
		if (!mhp_frame_alloc(s->mc->m, &request,
				     &s->unmovable[s->nr_unmovable]))
			s->nr_unmovable++;
		return;
	}
	if (!dice_below(&s->dice, 4))
		request.order = (uint8_t)dice_below(&s->dice,
						    most < 3 ? most + 1 : 4);
	item = shelf_alloc(s->shelf, &request);
	if (item && !dice_below(&s->dice, 60))
		item->pins = 1 + (uint32_t)dice_below(&s->dice, 3);
}

static void scene_free_some(struct scene *s, unsigned int of)
{
	size_t i;

	for (i = 0; i < NR_ITEMS; i++) {
		struct item *item = &s->shelf->items[i];

		if (!item->live || dice_below(&s->dice, of))
			continue;
		item->pins = 0;
		shelf_free(s->shelf, item);
	}
}

/* Up to a third of what is free. */
static void scene_fill(struct scene *s)
{
	uint64_t id = 0, nr_free = 0;

	for (; !mhp_block_next(s->mc->m, &id); id++)
		nr_free += block_info(s->mc, id).nr_free;
	nr_free = nr_free / 3 < NR_ITEMS - 100 ? nr_free / 3 : NR_ITEMS - 100;
	for (nr_free = dice_below(&s->dice, nr_free + 1); nr_free; nr_free--)
		scene_take(s);
	scene_free_some(s, 3);
}

static void scene_clear(struct scene *s)
{
	while (s->nr_unmovable)
		assert_int_equal(mhp_frame_free(s->mc->m,
						s->unmovable[--s->nr_unmovable],
						0),
				 0);
	scene_free_some(s, 1);
}

/* Take a block offline. It must meet what was said. */
static void meet(struct scene *s, uint64_t id, const struct mhp_forecast *f,
		 const struct mhp_blocker *first)
{
	uint64_t moved = s->shelf->nr_moved;
	uint64_t pages = stat_now(s->mc).nr_pages_moved;
	struct mhp_report report;
	int err = mhp_block_offline(s->mc->m, id, MHP_NO_DEADLINE, &report);

	moved = s->shelf->nr_moved - moved;
	pages = stat_now(s->mc).nr_pages_moved - pages;
	if (f->nr_blockers) {
		assert_int_equal(err, MHP_ERR_BUSY);
		assert_int_equal(report.pfn, first->pfn);
		assert_int_equal(report.owner, first->owner);
		assert_int_equal(report.pins, first->pins);
		assert_int_equal(moved, 0);
		s->nr_blocked++;
		return;
	}
	assert_int_equal(f->nr_free_elsewhere, f->nr_pages_to_move);
	assert_int_equal(err, 0);
	assert_int_equal(moved, f->nr_allocations_to_move);
	assert_int_equal(pages, f->nr_pages_to_move);
	s->nr_moved += moved != 0;
	assert_int_equal(online_blocks(s->mc, id, 1, MHP_ONLINE_MOVABLE), 0);
}

static void look(struct scene *s, uint64_t id)
{
	struct mhp_blocker blockers[NR_BLOCKERS];
	struct mhp_block_info info = block_info(s->mc, id);
	struct mhp_forecast f;
	int nr = mhp_forecast(s->mc->m, id, &f, blockers, NR_BLOCKERS, NULL);

	assert_in_range(nr, 0, NR_BLOCKERS);
	assert_int_equal(nr, f.nr_blockers < NR_BLOCKERS ? f.nr_blockers
							 : NR_BLOCKERS);
	assert_int_equal(f.nr_pages_to_move + f.nr_blocked_pages,
			 info.nr_allocated);
	assert_int_equal(f.bytes_to_move,
			 f.nr_pages_to_move * mhp_page_bytes(s->mc->g));
	s->nr_forecasts++;
	meet(s, id, &f, &blockers[0]);
}

static void one_placement(struct scene *s, enum mhp_placement placement)
{
	struct mhp_range range = block_range(s->mc, FIRST_BLOCK,
					     NR_BLOCKS_HERE);
	bool hosts;
	uint64_t id;
	int round;

	plug(s->mc, FIRST_BLOCK, NR_BLOCKS_HERE, placement, MHP_ONLINE_MOVABLE);
	/* A host goes offline after those whose memmap it has. */
	hosts = block_info(s->mc, FIRST_BLOCK).placement == MHP_PLACEMENT_RANGE;
	for (round = 0; round < NR_ROUNDS; round++) {
		id = FIRST_BLOCK +
		     (hosts ? NR_BLOCKS_HERE - 1
			    : dice_below(&s->dice, NR_BLOCKS_HERE));
		shelf_fill(s->shelf, id, 0,
			   (unsigned int)dice_below(&s->dice, 9));
		scene_fill(s);
		look(s, id);
		scene_clear(s);
	}
	assert_int_equal(mhp_offline_and_remove(s->mc->m, range,
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	check_ok(s->mc);
}

static void test_meets(struct machine *mc)
{
	struct scene s = {.mc = mc, .shelf = shelf_open(mc)};
	size_t i;

	dice_start(&s.dice, 20);
	for (i = 0; i < sizeof(placements) / sizeof(placements[0]); i++)
		one_placement(&s, placements[i]);
	assert_int_equal(s.nr_forecasts, 3 * NR_ROUNDS);
	/* Both happen: or the test would be about nothing. */
	assert_true(s.nr_moved > 0);
	assert_true(s.nr_blocked > 0);
	shelf_close(s.shelf);
}

static const struct machine_test tests[] = {
	{"meets", test_meets},
};

int main(void)
{
	return machine_run("forecast_random", tests,
			   sizeof(tests) / sizeof(tests[0]), true);
}
