/* SPDX-License-Identifier: MIT */
/*
 * Owners that put moves off: those that settle them at the end of a step, and
 * those that have freed the target again before they say that a move was made.
 */
#include "support.h"

#include <string.h>

#define NR_PAGES 8

/* An owner of single pages; its cookies are indices. */
struct desk {
	struct machine *mc;
	uint16_t owner;
	mhp_pfn_t pages[NR_PAGES];
	struct mhp_move pending[NR_PAGES];
	unsigned int nr_pending;
	unsigned int nr_settles;
	unsigned int nr_refused; /* moves to refuse when settling */
};

static int desk_move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	struct desk *desk = ctx;

	(void)m;
	assert_true(move->cookie < NR_PAGES);
	assert_int_equal(desk->pages[move->cookie], move->from_pfn);
	assert_true(desk->nr_pending < NR_PAGES);
	desk->pending[desk->nr_pending++] = *move;
	return MHP_ERR_INPROGRESS;
}

static uint64_t desk_settle(void *ctx, struct mhp *m)
{
	struct desk *desk = ctx;
	uint64_t nr_moved = 0;

	desk->nr_settles++;
	while (desk->nr_pending) {
		const struct mhp_move *move =
			&desk->pending[--desk->nr_pending];
		bool moved = !desk->nr_refused;

		if (moved)
			desk->pages[move->cookie] = move->to_pfn;
		else
			desk->nr_refused--;
		assert_int_equal(mhp_move_complete(m, move->from_pfn,
						   move->to_pfn, 0, moved),
				 0);
		nr_moved += moved;
	}
	return nr_moved;
}

static const struct mhp_owner_ops desk_ops = {.size_bytes = sizeof(desk_ops),
					      .name = "desk",
					      .move = desk_move,
					      .settle = desk_settle};
static const struct mhp_owner_ops slow_ops = {
	.size_bytes = sizeof(slow_ops), .name = "slow desk", .move = desk_move};

/* A block to leave, full of the desk's pages, and one to go to. */
static void desk_open(struct desk *desk, struct machine *mc,
		      const struct mhp_owner_ops *ops)
{
	struct mhp_request request = {.mobility = MHP_MOVABLE};
	unsigned int i;

	memset(desk, 0, sizeof(*desk));
	desk->mc = mc;
	assert_int_equal(mhp_owner_register(mc->m, ops, desk, &desk->owner), 0);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	request.owner = desk->owner;
	for (i = 0; i < NR_PAGES; i++) {
		request.cookie = i;
		desk->pages[i] = alloc_in_block(mc, &request, FIRST_BLOCK);
	}
	plug(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
}

static void desk_close(struct desk *desk)
{
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		if (desk->pages[i] != MHP_PFN_NONE)
			assert_int_equal(
				mhp_frame_free(desk->mc->m, desk->pages[i], 0),
				0);
	assert_int_equal(mhp_owner_unregister(desk->mc->m, desk->owner), 0);
	check_ok(desk->mc);
}

/* All moves of a step are settled in it, and counted as its own. */
static void test_settled(struct machine *mc)
{
	struct mhp_progress progress;
	struct mhp_offline op;
	struct mhp_stat before;
	struct desk desk;
	int err;

	desk_open(&desk, mc, &desk_ops);
	before = stat_now(mc);
	assert_int_equal(mhp_offline_begin(mc->m, &op, FIRST_BLOCK,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
	while ((err = mhp_offline_step(mc->m, &op, NULL)) == MHP_ERR_AGAIN)
		assert_int_equal(desk.nr_pending, 0);
	assert_int_equal(err, 0);
	mhp_offline_progress(mc->m, &op, &progress);
	assert_int_equal(progress.nr_pages_moved, NR_PAGES);
	assert_true(desk.nr_settles > 0);
	assert_int_equal(stat_now(mc).nr_pages_moved - before.nr_pages_moved,
			 NR_PAGES);
	desk_close(&desk);
}

/* What was refused when settling is asked for again. */
static void test_refused_late(struct machine *mc)
{
	struct desk desk;

	desk_open(&desk, mc, &desk_ops);
	desk.nr_refused = NR_PAGES / 2;
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_int_equal(desk.nr_refused, 0);
	assert_true(desk.nr_settles > 1);
	desk_close(&desk);
}

/* An owner may have freed the target before it says that the move was made. */
static void test_freed_target(struct machine *mc)
{
	struct mhp_offline op;
	struct mhp_move move;
	struct desk desk;
	int err;

	desk_open(&desk, mc, &slow_ops);
	assert_int_equal(mhp_offline_begin(mc->m, &op, FIRST_BLOCK,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
	do {
		err = mhp_offline_step(mc->m, &op, NULL);
		while (desk.nr_pending) {
			move = desk.pending[--desk.nr_pending];
			desk.pages[move.cookie] = MHP_PFN_NONE;
			assert_int_equal(mhp_frame_free(mc->m, move.to_pfn, 0),
					 0);
			assert_int_equal(mhp_move_complete(mc->m, move.from_pfn,
							   move.to_pfn, 0,
							   true),
					 0);
		}
	} while (err == MHP_ERR_AGAIN);
	assert_int_equal(err, 0);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	desk_close(&desk);
}

static const struct machine_test tests[] = {
	{.name = "settled", .run = test_settled},
	{.name = "refused_late", .run = test_refused_late},
	{.name = "freed_target", .run = test_freed_target},
};

int main(void)
{
	return machine_run("settle", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
