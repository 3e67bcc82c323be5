/* SPDX-License-Identifier: MIT */
/*
 * Memmaps that move to existing memory which was added itself: never so that
 * two blocks, or more of them in a circle, hold each other's, as none of them
 * could ever leave.
 */
#include <stdlib.h>

#include "mhp/move.h"
#include "support.h"

#define MOST_HELD 4096
#define NR_CIRCLE 4

static mhp_pfn_t held[MOST_HELD];
static uint32_t held_order[MOST_HELD];
static unsigned int nr_held;

/* Boot memory has no room for memmaps. */
static void hold_boot(struct machine *mc)
{
	struct mhp_request request = {.mobility = MHP_UNMOVABLE};
	unsigned int order = mhp_pageblock_order(mc->g) + 1;

	nr_held = 0;
	while (order--) {
		request.order = (uint8_t)order;
		while (!mhp_frame_alloc(mc->m, &request, &held[nr_held])) {
			held_order[nr_held] = order;
			assert_true(++nr_held < MOST_HELD);
		}
	}
}

static void give_boot(struct machine *mc)
{
	while (nr_held--)
		assert_int_equal(mhp_frame_free(mc->m, held[nr_held],
						held_order[nr_held]),
				 0);
}

static int move(struct machine *mc, uint64_t id)
{
	return mhp_memmap_move(mc->m, id, MHP_PLACEMENT_EXISTING,
			       MHP_NO_DEADLINE, NULL);
}

static uint64_t memmap_block(struct machine *mc, uint64_t id)
{
	return mhp_block_id(mc->g, block_info(mc, id).memmap_pfn);
}

/* All but one can move; the last has nowhere to go, and stays as it is. All of
 * them leave. */
static void test_circle(struct machine *mc)
{
	char *empty = snapshot(mc, 0), *before, *after;
	unsigned int nr_moved = 0;
	uint64_t i, left;

	hold_boot(mc);
	plug(mc, FIRST_BLOCK, NR_CIRCLE, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_KERNEL);
	for (i = 0; i < NR_CIRCLE; i++) {
		uint64_t id = FIRST_BLOCK + i;
		int err;

		before = snapshot(mc, 0);
		err = move(mc, id);
		after = snapshot(mc, 0);
		check_ok(mc);
		if (err) {
			/* Without a window what is in use cannot move. */
			assert_true(err == MHP_ERR_NOMEM ||
				    err == MHP_ERR_OPNOTSUPP);
			assert_same(before, after);
		} else {
			assert_int_not_equal(memmap_block(mc, id), id);
			nr_moved++;
		}
		free(before);
		free(after);
	}
	assert_in_range(nr_moved, 1, NR_CIRCLE - 1);
	for (left = NR_CIRCLE; left;) {
		uint64_t nr = left;

		for (i = 0; i < NR_CIRCLE; i++) {
			struct mhp_block_info info;

			if (!mhp_block_query(mc->m, FIRST_BLOCK + i, &info) &&
			    !mhp_offline_and_remove(
				    mc->m, block_range(mc, FIRST_BLOCK + i, 1),
				    MHP_NO_DEADLINE, 0, NULL))
				left--;
		}
		check_ok(mc);
		assert_true(left < nr);
	}
	give_boot(mc);
	unchanged(mc, empty, 0);
}

/* The blocks of a range depend on its first block, and so does whatever has its
 * memmap on one of them: once alone, that block goes elsewhere. */
static void test_range(struct machine *mc)
{
	char *empty = snapshot(mc, 0);
	uint64_t last = FIRST_BLOCK + 2;

	hold_boot(mc);
	plug(mc, FIRST_BLOCK, 3, MHP_PLACEMENT_RANGE, MHP_ONLINE_KERNEL);
	/* Onto the second block, as it leaves the first one. */
	if (block_info(mc, FIRST_BLOCK + 1).nr_memmap || move(mc, last)) {
		check_ok(mc);
		give_boot(mc);
		assert_int_equal(mhp_offline_and_remove(
					 mc->m, block_range(mc, FIRST_BLOCK, 3),
					 MHP_NO_DEADLINE, 0, NULL),
				 0);
		free(empty);
		return;
	}
	assert_int_equal(memmap_block(mc, last), FIRST_BLOCK + 1);
	/* It holds the memmap of the last one; that is the only way out. */
	assert_int_equal(move(mc, FIRST_BLOCK + 1), MHP_ERR_NOMEM);
	check_ok(mc);
	assert_int_equal(mhp_offline_and_remove(mc->m, block_range(mc, last, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 2),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	give_boot(mc);
	unchanged(mc, empty, 0);
}

static const struct machine_test tests[] = {
	{"circle", test_circle},
	{"range", test_range},
};

int main(void)
{
	return machine_run("move_circle", tests,
			   sizeof(tests) / sizeof(tests[0]), true);
}
