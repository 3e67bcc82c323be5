/* SPDX-License-Identifier: MIT */
/*
 * Bits above blocks, and chains that are found by them: at any time the lowest
 * chain of any length and alignment is found where there is one, in memory that
 * is in use here and there, with blocks of other zones and borders in between.
 * What was looked at in vain is not looked at again, and is there again once a
 * pageblock of it is free.
 *
 * MHP_TEST_SEED: where to start. MHP_TEST_ROUNDS: of each geometry.
 */
#include "src/room.h"
#include "src/section.h"

#include "mhp/move.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

#define NR_PLUGGED 12
#define NR_MOST (NR_PLUGGED * 64) /* pageblocks */
#define ROUNDS 4000

/* Movable blocks, and which of their pageblocks are in use. */
struct bed {
	struct machine *mc;
	struct dice dice;
	struct mhp_request request;
	bool there[NR_PLUGGED];
	bool used[NR_MOST];
	uint64_t per_block; /* pageblocks */
};

static mhp_pfn_t pfn_of(const struct bed *b, uint64_t i)
{
	return block_start(b->mc, FIRST_BLOCK) +
	       i * mhp_pageblock_pages(b->mc->g);
}

static uint64_t index_of(const struct bed *b, mhp_pfn_t pfn)
{
	return (pfn - pfn_of(b, 0)) / mhp_pageblock_pages(b->mc->g);
}

static uint64_t nr_all(const struct bed *b)
{
	return NR_PLUGGED * b->per_block;
}

static struct mhp_block *block_at(const struct bed *b, unsigned int i)
{
	return section_block(b->mc->m, block_start(b->mc, FIRST_BLOCK + i));
}

static bool all_set(const struct bed *b, unsigned int i)
{
	return room_is_set(b->mc->m, block_at(b, i), ROOM_ALL);
}

/* Added in two pieces, or in one if @border is 0. */
static void bed_open(struct bed *b, struct machine *mc, uint64_t border,
		     enum mhp_placement placement)
{
	memset(b, 0, sizeof(*b));
	b->mc = mc;
	b->per_block = mhp_block_pageblocks(mc->g);
	b->request.mobility = MHP_MOVABLE;
	b->request.flags = MHP_ALLOC_THIS_ZONE;
	assert_true(nr_all(b) <= NR_MOST);
	assert_int_equal(mhp_owner_register(mc->m, &busy_owner_ops, NULL,
					    &b->request.owner),
			 0);
	if (border)
		assert_int_equal(add_blocks(mc, FIRST_BLOCK, border, placement),
				 0);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK + border,
				    NR_PLUGGED - border, placement),
			 0);
}

static void bed_online(struct bed *b, unsigned int i)
{
	assert_int_equal(
		online_blocks(b->mc, FIRST_BLOCK + i, 1, MHP_ONLINE_MOVABLE),
		0);
	b->there[i] = true;
}

static void bed_online_all(struct bed *b)
{
	unsigned int i;

	for (i = 0; i < NR_PLUGGED; i++)
		bed_online(b, i);
}

/* ---- what is in use ---- */

static bool take_one(struct bed *b)
{
	struct mhp_request whole = b->request;
	mhp_pfn_t pfn;

	whole.order = (uint8_t)mhp_pageblock_order(b->mc->g);
	if (mhp_frame_alloc(b->mc->m, &whole, &pfn))
		return false;
	assert_false(b->used[index_of(b, pfn)]);
	b->used[index_of(b, pfn)] = true;
	return true;
}

static void give_one(struct bed *b, uint64_t i)
{
	if (!b->used[i])
		return;
	assert_int_equal(mhp_frame_free(b->mc->m, pfn_of(b, i),
					mhp_pageblock_order(b->mc->g)),
			 0);
	b->used[i] = false;
}

static void give_all(struct bed *b)
{
	uint64_t i;

	for (i = 0; i < nr_all(b); i++)
		give_one(b, i);
}

static void bed_close(struct bed *b)
{
	give_all(b);
	assert_int_equal(mhp_owner_unregister(b->mc->m, b->request.owner), 0);
}

/* ---- what should be found ---- */

static bool is_chain(const struct bed *b, uint64_t first, uint64_t nr)
{
	uint64_t i;

	for (i = first; i < first + nr; i++)
		if (b->used[i] || !b->there[i / b->per_block] ||
		    (i > first && border_at(b->mc, pfn_of(b, i))))
			return false;
	return true;
}

/* Where the lowest chain is; MHP_PFN_NONE. */
static mhp_pfn_t lowest_chain(const struct bed *b, uint64_t nr,
			      unsigned int align_order)
{
	uint64_t mask = (UINT64_C(1) << align_order) - 1, i;

	for (i = 0; i + nr <= nr_all(b); i++)
		if (!(pfn_of(b, i) & mask) && is_chain(b, i, nr))
			return pfn_of(b, i);
	return MHP_PFN_NONE;
}

static void find_chain(struct bed *b, uint64_t nr, unsigned int align_order)
{
	struct mhp_request request = b->request;
	uint64_t nr_pages = nr * mhp_pageblock_pages(b->mc->g);
	mhp_pfn_t pfn, expected = lowest_chain(b, nr, align_order);
	int err;

	request.align_order = (uint8_t)align_order;
	err = mhp_run_alloc(b->mc->m, &request, nr_pages, &pfn);
	if (expected == MHP_PFN_NONE) {
		assert_int_equal(err, MHP_ERR_NOMEM);
		return;
	}
	assert_int_equal(err, 0);
	assert_int_equal(pfn, expected);
	assert_int_equal(mhp_run_free(b->mc->m, pfn, nr_pages), 0);
}

/* ---- tests ---- */

static void one_round(struct bed *b)
{
	unsigned int least = mhp_pageblock_order(b->mc->g);
	unsigned int most = mhp_gigantic_order(b->mc->g);
	uint64_t longest = dice_below(&b->dice, 4) ? 2 * b->per_block
						   : nr_all(b) - 1;

	switch (dice_below(&b->dice, 8)) {
	case 0:
	case 1:
	case 2:
		take_one(b);
		break;
	case 3:
	case 4:
		give_one(b, dice_below(&b->dice, nr_all(b)));
		break;
	default:
		find_chain(b, 2 + dice_below(&b->dice, longest - 1),
			   least + (unsigned int)dice_below(&b->dice,
							    most - least + 1));
	}
}

/* All in use but one here and there; from there on anything. */
static void play(struct bed *b, uint64_t rounds)
{
	uint64_t i, odds = 1 + dice_below(&b->dice, 8);

	while (take_one(b))
		;
	for (i = 0; i < nr_all(b); i++)
		if (dice_below(&b->dice, odds))
			give_one(b, i);
	for (i = 0; i < rounds; i++) {
		one_round(b);
		if (i % 64 == 0)
			check_ok(b->mc);
	}
	give_all(b);
	check_ok(b->mc);
}

static void test_lowest(struct machine *mc)
{
	uint64_t rounds = env_number("MHP_TEST_ROUNDS", ROUNDS);
	unsigned int i;
	struct bed b;

	bed_open(&b, mc, 0, MHP_PLACEMENT_EXISTING);
	bed_online_all(&b);
	dice_start(&b.dice, 1);
	for (i = 0; i < 10; i++)
		play(&b, rounds / 10);
	bed_close(&b);
}

/* Some blocks are not there, and in the middle is a border. */
static void test_pieces(struct machine *mc)
{
	uint64_t rounds = env_number("MHP_TEST_ROUNDS", ROUNDS);
	unsigned int i;
	struct bed b;

	bed_open(&b, mc, 5, MHP_PLACEMENT_EXISTING);
	dice_start(&b.dice, 2);
	for (i = 0; i < NR_PLUGGED; i++)
		if (dice_below(&b.dice, 8))
			bed_online(&b, i);
	for (i = 0; i < 5; i++)
		play(&b, rounds / 10);
	for (i = 0; i < NR_PLUGGED; i++)
		if (!b.there[i])
			bed_online(&b, i);
	for (i = 0; i < 5; i++)
		play(&b, rounds / 10);
	bed_close(&b);
}

/* Groups that the bits show are those whose blocks all say so. */
static void test_groups(struct machine *mc)
{
	unsigned int order, i;
	struct bed b;

	bed_open(&b, mc, 0, MHP_PLACEMENT_EXISTING);
	bed_online_all(&b);
	/* One of each two in the first half, then the last of all. */
	for (i = 1; i < NR_PLUGGED / 2; i += 2)
		room_close(mc->m, block_at(&b, i));
	room_close(mc->m, block_at(&b, NR_PLUGGED - 1));
	for (order = 0; order < 4 && order <= room_group_max(mc->m); order++) {
		uint64_t nr = UINT64_C(1) << order;
		mhp_pfn_t pfn = block_start(mc, FIRST_BLOCK);

		for (i = 0; i < NR_PLUGGED; i += (unsigned int)nr) {
			const struct mhp_block *found;
			bool all = true;
			uint64_t k;

			for (k = i; k < i + nr && all; k++)
				all = k < NR_PLUGGED &&
				      all_set(&b, (unsigned int)k);
			if (!all)
				continue;
			found = room_next_group(mc->m, 0, MHP_ZONE_MOVABLE,
						order, pfn, mc->m->max_pfn);
			assert_ptr_equal(found, block_at(&b, i));
			pfn = found->start_pfn + nr * mhp_block_pages(mc->g);
		}
		assert_null(room_next_group(mc->m, 0, MHP_ZONE_MOVABLE, order,
					    pfn, mc->m->max_pfn));
	}
	/* That hid what is free, and the checker says so. */
	assert_int_equal(mhp_check(mc->m, NULL), MHP_ERR_UCLEAN);
	for (i = 0; i < NR_PLUGGED; i++)
		room_open(mc->m, block_at(&b, i));
	bed_close(&b);
}

/* What has a pageblock in use is met once; and again after a free. */
static void test_doubt(struct machine *mc)
{
	struct mhp_report report;
	unsigned int i;
	struct bed b;

	bed_open(&b, mc, 0, MHP_PLACEMENT_EXISTING);
	bed_online_all(&b);
	while (take_one(&b))
		;
	for (i = 1; i < nr_all(&b); i++)
		if (i % b.per_block)
			give_one(&b, i);
	find_chain(&b, b.per_block, (unsigned int)mc->m->layout.block_order);
	for (i = 0; i < NR_PLUGGED; i++) {
		assert_false(all_set(&b, i));
		assert_true(room_is_set(mc->m, block_at(&b, i), ROOM_WHOLE));
	}
	give_one(&b, 3 * b.per_block);
	assert_true(all_set(&b, 3));
	assert_false(all_set(&b, 2));
	find_chain(&b, b.per_block, (unsigned int)mc->m->layout.block_order);
	assert_true(all_set(&b, 3));
	check_ok(mc);
	room_close(mc->m, block_at(&b, 3));
	assert_int_equal(mhp_check(mc->m, &report), MHP_ERR_UCLEAN);
	assert_int_equal(report.rule, 31);
	room_open(mc->m, block_at(&b, 3));
	bed_close(&b);
}

/* A block with its own memmap is never all free; without it, it is. */
static void test_memmap(struct machine *mc)
{
	uint64_t nr_pages = mhp_block_pages(mc->g);
	struct mhp_request run;
	struct bed b;
	mhp_pfn_t pfn;

	bed_open(&b, mc, 0, MHP_PLACEMENT_BLOCK);
	bed_online_all(&b);
	run = b.request;
	run.align_order = (uint8_t)mc->m->layout.block_order;
	assert_false(all_set(&b, 2));
	assert_int_equal(mhp_run_alloc(mc->m, &run, nr_pages, &pfn),
			 MHP_ERR_NOMEM);
	assert_int_equal(mhp_memmap_move(mc->m, FIRST_BLOCK + 2,
					 MHP_PLACEMENT_EXISTING,
					 MHP_NO_DEADLINE, NULL),
			 0);
	assert_true(all_set(&b, 2));
	check_ok(mc);
	assert_int_equal(mhp_run_alloc(mc->m, &run, nr_pages, &pfn), 0);
	assert_int_equal(pfn, block_start(mc, FIRST_BLOCK + 2));
	assert_int_equal(mhp_run_free(mc->m, pfn, nr_pages), 0);
	assert_int_equal(mhp_memmap_move(mc->m, FIRST_BLOCK + 2,
					 MHP_PLACEMENT_BLOCK, MHP_NO_DEADLINE,
					 NULL),
			 0);
	room_doubt(mc->m, block_at(&b, 2), ROOM_ALL);
	assert_false(all_set(&b, 2));
	check_ok(mc);
	bed_close(&b);
}

int main(void)
{
	static const struct machine_test tests[] = {
		{"lowest", test_lowest}, {"pieces", test_pieces},
		{"groups", test_groups}, {"doubt", test_doubt},
		{"memmap", test_memmap},
	};

	return machine_run("room", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
