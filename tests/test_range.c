/* SPDX-License-Identifier: MIT */
/*
 * Placement range: where memmap and state are, in which order its blocks go on-
 * and offline and leave, and that they leave nothing behind.
 *
 * The rules are said once more in range_support.c; after each step every page
 * is compared with them.
 */
#include "range_support.h"

#include <stdlib.h>
#include <string.h>

/* Ways the memory of a machine behaves. */
static const uint32_t memories[] = {0, MHP_MODEL_DIRTY, MHP_MODEL_STALE,
				    MHP_MODEL_STRICT, MHP_MODEL_NO_WINDOW};

/* At everything now and then, at what the checker knows each time. */
static void look(struct range *r, uint64_t i)
{
	if (i % 4)
		check_ok(r->mc);
	else
		range_verify(r);
}

/* Up in ascending order and down in descending one, which is always allowed. */
static void up_and_down(struct machine *mc, enum mhp_online_type type)
{
	char *before = snapshot(mc, 0);
	struct range r;
	uint64_t i;

	range_add(&r, mc, NR_RANGE, 0);
	range_verify(&r);
	for (i = 0; i < NR_RANGE; i++) {
		range_online(&r, i, type);
		assert_true(r.online[i]);
		look(&r, i);
	}
	for (i = NR_RANGE; i--;) {
		range_offline(&r, i);
		assert_false(r.online[i]);
		look(&r, i + 1);
		range_remove(&r, i);
		assert_false(r.known[i]);
		look(&r, i + 2);
	}
	unchanged(mc, before, 0);
}

static void test_up_and_down(struct machine *mc)
{
	size_t i;

	for (i = 0; i < sizeof(memories) / sizeof(memories[0]); i++) {
		if (!range_can(mc, memories[i]))
			continue;
		machine_again(mc, memories[i]);
		up_and_down(mc, i ? MHP_ONLINE_KERNEL : MHP_ONLINE_MOVABLE);
	}
}

/* Add and remove at once, never online. */
static void test_never_online(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct range r;

	range_add(&r, mc, NR_RANGE, MHP_ADD_SCRUB);
	range_verify(&r);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK, NR_RANGE), NULL),
		0);
	unchanged(mc, before, 0);
}

/* Any call in any order: refused exactly if the rules say so. */
static void any_order(struct machine *mc, uint64_t seed)
{
	char *before = snapshot(mc, 0);
	struct dice dice;
	struct range r;
	uint64_t i;

	dice_start(&dice, seed);
	range_add(&r, mc, NR_RANGE, 0);
	for (i = 0; i < 200; i++) {
		uint64_t at = dice_below(&dice, NR_RANGE);

		if (!r.known[at])
			continue;
		if (!dice_below(&dice, 8))
			range_remove(&r, at);
		else if (r.online[at])
			range_offline(&r, at);
		else
			range_online(&r, at, MHP_ONLINE_KERNEL);
		if (i % 32)
			check_ok(mc);
		else
			range_verify(&r);
	}
	range_remove_all(&r);
	unchanged(mc, before, 0);
}

static void test_any_order(struct machine *mc)
{
	any_order(mc, 1);
	machine_again(mc, range_can(mc, MHP_MODEL_DIRTY) ? MHP_MODEL_DIRTY : 0);
	any_order(mc, 2);
}

/* What serves the first block is there as long as anything is. */
static void test_host_alone(struct machine *mc)
{
	struct mhp_report report;
	struct range r;

	range_add(&r, mc, NR_RANGE, 0);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK, 1), &report),
		MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_DEPENDENT);
	/* All but one: still. */
	assert_int_equal(mhp_remove(mc->m,
				    block_range(mc, FIRST_BLOCK, NR_RANGE - 1),
				    &report),
			 MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_DEPENDENT);
	assert_int_equal(report.pfn,
			 block_start(mc, FIRST_BLOCK + NR_RANGE - 1));
	range_verify(&r);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK, NR_RANGE), NULL),
		0);
}

/* Several ranges in one call, hosts before and behind their dependents. */
static void ranges_at_once(struct machine *mc, const uint8_t *order, bool eject)
{
	char *before = snapshot(mc, 0);
	struct mhp_range ranges[4];
	struct range r;
	uint32_t i;

	range_add(&r, mc, NR_RANGE, 0);
	for (i = 0; eject && i < NR_RANGE; i++)
		range_online(&r, i, MHP_ONLINE_KERNEL);
	for (i = 0; i < 4; i++)
		ranges[i] = block_range(
			mc, FIRST_BLOCK + order[i] * UINT64_C(3), 3);
	if (eject)
		assert_int_equal(mhp_offline_and_remove_ranges(mc->m, ranges, 4,
							       MHP_NO_DEADLINE,
							       0, NULL),
				 0);
	else
		assert_int_equal(mhp_remove_ranges(mc->m, ranges, 4, NULL), 0);
	unchanged(mc, before, 0);
}

static void test_ranges_at_once(struct machine *mc)
{
	static const uint8_t orders[][4] = {
		{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}};
	size_t i;

	for (i = 0; i < 4; i++) {
		ranges_at_once(mc, orders[i], false);
		ranges_at_once(mc, orders[i], true);
	}
}

/* What comes back is a range of its own, or carries its own memmap. */
static void test_add_again(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct range r;
	uint64_t i;

	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
	for (i = NR_RANGE - 4; i < NR_RANGE; i++) {
		range_offline(&r, i);
		range_remove(&r, i);
	}
	range_verify(&r);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK + NR_RANGE - 4, 1,
				    MHP_PLACEMENT_AUTO),
			 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK + NR_RANGE - 4).placement,
			 MHP_PLACEMENT_BLOCK);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK + NR_RANGE - 3, 3,
				    MHP_PLACEMENT_RANGE),
			 0);
	check_ok(mc);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK + NR_RANGE - 4, 4,
				       MHP_ONLINE_KERNEL),
			 0);
	for (i = NR_RANGE - 3; i < NR_RANGE; i++)
		assert_int_equal(block_info(mc, FIRST_BLOCK + i).placement,
				 MHP_PLACEMENT_RANGE);
	check_ok(mc);
	assert_int_equal(mhp_offline_and_remove(
				 mc->m, block_range(mc, FIRST_BLOCK, NR_RANGE),
				 MHP_NO_DEADLINE, 0, NULL),
			 0);
	unchanged(mc, before, 0);
}

/* One block is no range; what cannot be touched offline hosts nobody. */
static void test_falls_back(struct machine *mc)
{
	struct mhp_add_request add = {
		.range = block_range(mc, FIRST_BLOCK, 1),
		.placement = MHP_PLACEMENT_RANGE,
	};
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	int round;

	for (round = 0; round < 2; round++) {
		add.flags &= ~MHP_ADD_STRICT;
		assert_int_equal(mhp_add(mc->m, &add, &report), 0);
		assert_int_equal(report.why, MHP_WHY_FELL_BACK);
		assert_int_equal(report.pfn, block_start(mc, FIRST_BLOCK));
		assert_non_null(report.detail);
		assert_int_equal(block_info(mc, FIRST_BLOCK).placement,
				 MHP_PLACEMENT_BLOCK);
		check_ok(mc);
		assert_int_equal(mhp_remove(mc->m, add.range, NULL), 0);
		add.flags |= MHP_ADD_STRICT;
		assert_int_equal(mhp_add(mc->m, &add, &report),
				 MHP_ERR_OPNOTSUPP);
		assert_int_equal(report.why, MHP_WHY_PLACEMENT_REFUSED);
		assert_non_null(report.detail);
		unchanged(mc, before, 0);
		before = snapshot(mc, 0);
		add.range = block_range(mc, FIRST_BLOCK, 3);
		add.flags = MHP_ADD_INACCESSIBLE;
	}
	free(before);
}

/* Pages withheld from the start, in hosts and dependents. */
static void test_withheld(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct range r;
	uint64_t i;

	range_add(&r, mc, NR_RANGE, MHP_ADD_WITHHELD);
	check_ok(mc);
	for (i = 0; i < NR_RANGE; i++) {
		struct mhp_block_info b = block_info(mc, range_id(&r, i));

		assert_int_equal(b.nr_memmap, range_nr_memmap(&r, i));
		assert_int_equal(b.nr_withheld, r.block_pages - b.nr_memmap);
		range_online(&r, i, MHP_ONLINE_KERNEL);
		check_ok(mc);
	}
	/* Dependents leave: what held their memmaps is not withheld. */
	for (i = NR_RANGE; i-- > 1;) {
		range_offline(&r, i);
		check_ok(mc);
		range_remove(&r, i);
		check_ok(mc);
	}
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_memmap, r.nr_piece);
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_free,
			 r.nr_piece * (NR_RANGE - 1) <
					 r.block_pages - r.nr_piece
				 ? r.nr_piece * (NR_RANGE - 1)
				 : r.block_pages - r.nr_piece);
	range_remove_all(&r);
	unchanged(mc, before, 0);
}

/* The instance ends with blocks in every state, and gives all back. */
static void test_fini(struct machine *mc)
{
	uint64_t i, round;

	for (round = 0; round < 4; round++) {
		struct mhp_offline op;
		struct range r;

		machine_again(mc, round & 1 && range_can(mc, MHP_MODEL_STRICT)
					  ? MHP_MODEL_STRICT
					  : 0);
		range_add(&r, mc, NR_RANGE, round & 2 ? MHP_ADD_SCRUB : 0);
		for (i = 0; i < NR_RANGE - 2; i++)
			range_online(&r, i, MHP_ONLINE_MOVABLE);
		range_remove(&r, NR_RANGE - 2);
		range_verify(&r);
		assert_int_equal(mhp_offline_begin(mc->m, &op,
						   range_id(&r, NR_RANGE - 3),
						   MHP_NO_DEADLINE, 0, NULL),
				 0);
		check_ok(mc);
	}
}

/* Two ranges side by side leave in one call. */
static void test_neighbours(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct range r;

	range_add(&r, mc, NR_RANGE / 2, MHP_ADD_MERGE);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK + NR_RANGE / 2, 2,
				    MHP_PLACEMENT_RANGE),
			 0);
	check_ok(mc);
	assert_int_equal(
		mhp_remove(mc->m,
			   block_range(mc, FIRST_BLOCK, NR_RANGE / 2 + 2),
			   NULL),
		0);
	unchanged(mc, before, 0);
}

static const struct machine_test tests[] = {
	{"up_and_down", test_up_and_down},
	{"never_online", test_never_online},
	{"any_order", test_any_order},
	{"host_alone", test_host_alone},
	{"ranges_at_once", test_ranges_at_once},
	{"add_again", test_add_again},
	{"falls_back", test_falls_back},
	{"withheld", test_withheld},
	{"fini", test_fini},
	{"neighbours", test_neighbours},
};

int main(void)
{
	return range_run("range", tests, sizeof(tests) / sizeof(tests[0]));
}
