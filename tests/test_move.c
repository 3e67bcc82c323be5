/* SPDX-License-Identifier: MIT */
/*
 * A memmap moves: onto its block and off it, on- and offline, with pages in
 * use, withheld and bad ones. Nothing of what the pages are changes, but for
 * those that hold the memmap; there and back is as if nothing had been.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define MANY_CALLS 200

static int move_to(struct machine *mc, uint64_t id, enum mhp_placement to,
		   struct mhp_report *report)
{
	return mhp_memmap_move(mc->m, id, to, MHP_NO_DEADLINE, report);
}

static void must_move(struct machine *mc, uint64_t id, enum mhp_placement to)
{
	struct mhp_report r;
	char text[256];
	int err = move_to(mc, id, to, &r);

	if (err) {
		mhp_report_text(&r, text, sizeof(text));
		fail_msg("%s", text);
	}
	assert_int_equal(block_info(mc, id).placement, to);
	check_ok(mc);
}

static uint64_t hosted_pages(struct machine *mc)
{
	uint64_t nr = 0;

	assert_int_equal(mhp_hosted_pages(mc->m,
					  block_range(mc, FIRST_BLOCK, 1),
					  MHP_PLACEMENT_BLOCK, &nr),
			 0);
	return nr;
}

/* Some machines are too small for a block to hold its own. */
static bool hosts(struct machine *mc)
{
	return hosted_pages(mc) != 0;
}

/* Without a window, descriptors that are in use stay where they are, unless the
 * engine alone has them. */
static bool moves_in_use(struct machine *mc)
{
	return !(mc->c->flags & MHP_MODEL_NO_WINDOW ||
		 mhp_block_pages(mc->g) * mc->g->descriptor_bytes %
			 mhp_page_bytes(mc->g)) ||
	       mc->g->descriptor_bytes <= MHP_DESC_ENGINE_BYTES;
}

static void there_and_back(struct machine *mc, uint64_t id,
			   enum mhp_placement from)
{
	enum mhp_placement to = from == MHP_PLACEMENT_BLOCK
					? MHP_PLACEMENT_EXISTING
					: MHP_PLACEMENT_BLOCK;
	char *before = snapshot(mc, 0);

	must_move(mc, id, to);
	must_move(mc, id, from);
	unchanged(mc, before, 0);
}

static void test_offline(struct machine *mc)
{
	if (!hosts(mc))
		return;
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK),
			 0);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 2, 2, MHP_PLACEMENT_EXISTING), 0);
	there_and_back(mc, FIRST_BLOCK + 1, MHP_PLACEMENT_BLOCK);
	there_and_back(mc, FIRST_BLOCK + 2, MHP_PLACEMENT_EXISTING);
	must_move(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING);
	must_move(mc, FIRST_BLOCK + 3, MHP_PLACEMENT_BLOCK);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 4, MHP_ONLINE_MOVABLE),
			 0);
	check_ok(mc);
}

/* As if it had been added so. */
static void test_like_added(struct machine *mc)
{
	enum mhp_placement to[] = {MHP_PLACEMENT_BLOCK, MHP_PLACEMENT_EXISTING};
	unsigned int i;

	for (i = 0; hosts(mc) && i < 2; i++) {
		char *added, *moved;

		plug(mc, FIRST_BLOCK, 1, to[i], MHP_ONLINE_MOVABLE);
		added = snapshot(mc, SNAP_NO_COSTS | SNAP_NO_PAGES);
		machine_again(mc, 0);
		plug(mc, FIRST_BLOCK, 1, to[!i], MHP_ONLINE_MOVABLE);
		must_move(mc, FIRST_BLOCK, to[i]);
		moved = snapshot(mc, SNAP_NO_COSTS | SNAP_NO_PAGES);
		assert_same(added, moved);
		free(added);
		free(moved);
		machine_again(mc, 0);
	}
}

static void test_empty(struct machine *mc)
{
	if (!hosts(mc))
		return;
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_MOVABLE);
	plug(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	there_and_back(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING);
	there_and_back(mc, FIRST_BLOCK + 1, MHP_PLACEMENT_BLOCK);
	must_move(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 2),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
}

/* What an embedder has written behind the engine's word. */
static uint64_t stamp_of(mhp_pfn_t pfn)
{
	return pfn * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static void stamp(struct machine *mc, mhp_pfn_t pfn)
{
	uint64_t *extra = mhp_frame_extra(mc->m, pfn);

	if (extra)
		extra[mc->g->descriptor_bytes / 8 - 2] = stamp_of(pfn);
}

static void stamped(struct machine *mc, mhp_pfn_t pfn)
{
	const uint64_t *extra = mhp_frame_extra(mc->m, pfn);

	if (extra)
		assert_int_equal(extra[mc->g->descriptor_bytes / 8 - 2],
				 stamp_of(pfn));
}

/* Fill a block with pages, and free some. */
static uint64_t fill(struct machine *mc, mhp_pfn_t *pfns, uint64_t id)
{
	struct mhp_range range = block_range(mc, id, 1);
	struct mhp_request request = {0};
	uint64_t nr = 0, i;
	mhp_pfn_t pfn;

	while (!mhp_frame_alloc(mc->m, &request, &pfn))
		if (pfn - range.start_pfn < range.nr_pages)
			pfns[nr++] = pfn;
	for (i = 0; i < nr; i += 3) {
		assert_int_equal(mhp_frame_free(mc->m, pfns[i], 0), 0);
		pfns[i] = pfns[--nr];
	}
	for (i = 0; i < nr; i++)
		stamp(mc, pfns[i]);
	return nr;
}

/* Unmovable pages all over the block stay where they are, with all that is
 * known of them; afterwards the block is as useful as before. */
static void test_in_use(struct machine *mc)
{
	mhp_pfn_t *pfns = calloc(mhp_block_pages(mc->g), sizeof(*pfns));
	struct mhp_report r;
	uint64_t nr, i;
	char *before;

	assert_non_null(pfns);
	if (!hosts(mc)) {
		free(pfns);
		return;
	}
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	nr = fill(mc, pfns, FIRST_BLOCK);
	before = snapshot(mc, 0);
	/* Nothing is left outside, and the block does not lend to itself. */
	assert_int_equal(move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING, &r),
			 MHP_ERR_NOMEM);
	assert_int_equal(r.stage, MHP_STAGE_MOVE);
	unchanged(mc, before, 0);
	plug(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	before = snapshot(mc, 0);
	if (!moves_in_use(mc)) {
		assert_int_equal(
			move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING, &r),
			MHP_ERR_OPNOTSUPP);
		unchanged(mc, before, 0);
	} else {
		must_move(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING);
		must_move(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK);
		unchanged(mc, before, 0);
	}
	for (i = 0; i < nr; i++) {
		stamped(mc, pfns[i]);
		assert_int_equal(mhp_frame_free(mc->m, pfns[i], 0), 0);
	}
	check_ok(mc);
	free(pfns);
}

/* Movable pages make room for the memmap. */
static void test_makes_room(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct mhp_report r;

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_EXISTING, MHP_ONLINE_MOVABLE);
	shelf_fill(shelf, FIRST_BLOCK, 0, 20);
	if (hosts(mc) && moves_in_use(mc)) {
		char *before;

		shelf->items[0].pins = 1;
		before = snapshot(mc, SNAP_NO_PAGES);
		assert_int_equal(
			move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK, &r),
			MHP_ERR_BUSY);
		assert_int_equal(r.why, MHP_WHY_PINNED);
		assert_int_equal(r.stage, MHP_STAGE_MOVE);
		unchanged(mc, before, SNAP_NO_PAGES);
		shelf->items[0].pins = 0;
		must_move(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK);
		shelf_verify(shelf);
		there_and_back(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK);
		shelf_verify(shelf);
	}
	shelf_close(shelf);
}

/* A move of data that an owner has put off ends by writing to a descriptor. */
static void test_in_flight(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct mhp_offline op;
	struct mhp_report r;
	struct item *item;

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	if (hosts(mc) && moves_in_use(mc)) {
		shelf_fill(shelf, FIRST_BLOCK, 0, 1);
		item = &shelf->items[0];
		item->answer = ANSWER_LATER;
		assert_int_equal(mhp_offline_begin(mc->m, &op, FIRST_BLOCK,
						   MHP_NO_DEADLINE, 0, NULL),
				 0);
		assert_int_equal(mhp_offline_step(mc->m, &op, NULL),
				 MHP_ERR_AGAIN);
		assert_int_equal(
			move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING, &r),
			MHP_ERR_BUSY);
		assert_int_equal(r.why, MHP_WHY_TRANSITION);
		mhp_offline_cancel(mc->m, &op);
		assert_int_equal(
			move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING, &r),
			MHP_ERR_BUSY);
		assert_int_equal(r.why, MHP_WHY_IN_FLIGHT);
		assert_int_equal(r.pfn, item->pfn);
		assert_int_equal(shelf_complete(shelf, item, false), 0);
		must_move(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING);
	}
	shelf_close(shelf);
}

static void test_withheld(struct machine *mc)
{
	struct mhp_range block = block_range(mc, FIRST_BLOCK, 1), rest;
	uint64_t hosted = hosted_pages(mc);
	struct mhp_report r;
	unsigned int online;

	rest = mhp_range_make(block.start_pfn + hosted,
			      block.nr_pages - hosted);
	for (online = 0; hosted && online < 2; online++) {
		struct mhp_add_request add = {
			.range = block,
			.placement = MHP_PLACEMENT_EXISTING,
			.flags = MHP_ADD_WITHHELD};

		assert_int_equal(mhp_add(mc->m, &add, NULL), 0);
		if (online)
			assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1,
						       MHP_ONLINE_MOVABLE),
					 0);
		assert_int_equal(
			move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK, &r),
			MHP_ERR_BUSY);
		assert_int_equal(r.why, MHP_WHY_WITHHELD);
		assert_int_equal(mhp_release(mc->m, block, NULL), 0);
		assert_int_equal(
			mhp_withhold(mc->m, rest, MHP_NO_DEADLINE, NULL), 0);
		/* Nothing but memmap and withheld pages is left of it. */
		there_and_back(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING);
		must_move(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK);
		assert_int_equal(mhp_withheld(mc->m, block), rest.nr_pages);
		assert_int_equal(mhp_release(mc->m, rest, NULL), 0);
		there_and_back(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK);
		assert_int_equal(mhp_offline_and_remove(mc->m, block,
							MHP_NO_DEADLINE, 0,
							NULL),
				 0);
	}
}

static void test_bad(struct machine *mc)
{
	struct mhp_range block = block_range(mc, FIRST_BLOCK, 1);
	uint64_t hosted = hosted_pages(mc);
	mhp_pfn_t last = block.start_pfn + hosted;
	struct mhp_report r;

	if (!hosted)
		return;
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_MOVABLE);
	assert_int_equal(mhp_poison_hard(mc->m, block.start_pfn, NULL), 0);
	assert_int_equal(move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK, &r),
			 MHP_ERR_HWPOISON);
	assert_int_equal(r.pfn, block.start_pfn);
	check_ok(mc);
	assert_int_equal(mhp_poison_clear(mc->m, block.start_pfn, NULL), 0);
	/* Behind it they do not matter. */
	assert_int_equal(mhp_poison_hard(mc->m, last, NULL), 0);
	there_and_back(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING);
	must_move(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK);
	assert_int_equal(mhp_poison_hard(mc->m, block.start_pfn, NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING, &r),
			 MHP_ERR_HWPOISON);
	assert_int_equal(mhp_poison_clear(mc->m, block.start_pfn, NULL), 0);
	assert_int_equal(mhp_poison_clear(mc->m, last, NULL), 0);
	check_ok(mc);
}

static void test_refused(struct machine *mc)
{
	struct mhp_report r;
	char *before;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_MOVABLE);
	before = snapshot(mc, 0);
	assert_int_equal(move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_AUTO, &r),
			 MHP_ERR_INVAL);
	assert_int_equal(r.why, MHP_WHY_BAD_PLACEMENT);
	assert_int_equal(move_to(mc, FIRST_BLOCK + 1, MHP_PLACEMENT_BLOCK, &r),
			 MHP_ERR_NOENT);
	assert_int_equal(move_to(mc, 0, MHP_PLACEMENT_BLOCK, &r),
			 MHP_ERR_OPNOTSUPP);
	assert_int_equal(move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING, &r),
			 0);
	if (!hosts(mc)) {
		assert_int_equal(
			move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK, &r),
			MHP_ERR_OPNOTSUPP);
		assert_non_null(r.detail);
	}
	unchanged(mc, before, 0);
}

/* A whole pageblock may be memmap: it becomes useful, and useless again. */
static void test_useful(struct machine *mc)
{
	struct mhp_request request = {0};
	uint64_t hosted = hosted_pages(mc), nr = 0, i;
	struct mhp_range own = mhp_range_make(block_start(mc, FIRST_BLOCK),
					      hosted);
	mhp_pfn_t *pfns = calloc(block_start(mc, NR_BLOCKS), sizeof(*pfns));

	assert_non_null(pfns);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	if (hosted) {
		uint64_t nr_own = 0;

		must_move(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING);
		while (!mhp_frame_alloc(mc->m, &request, &pfns[nr])) {
			nr_own += pfns[nr] - own.start_pfn < own.nr_pages;
			nr++;
		}
		assert_int_equal(nr_own, hosted);
		check_ok(mc);
		assert_int_equal(
			move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK, NULL),
			MHP_ERR_BUSY);
		for (i = 0; i < nr; i++)
			assert_int_equal(mhp_frame_free(mc->m, pfns[i], 0), 0);
		must_move(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK);
		for (i = 0; i < hosted; i++)
			assert_int_equal(page_info(mc, own.start_pfn + i).use,
					 MHP_PAGE_MEMMAP);
	}
	free(pfns);
}

/* Whether blocks could be added with one memmap, all of it on the first. */
static bool plug_range(struct machine *mc, uint64_t nr)
{
	struct mhp_add_request add = {.range = block_range(mc, FIRST_BLOCK, nr),
				      .placement = MHP_PLACEMENT_RANGE,
				      .flags = MHP_ADD_STRICT};
	uint64_t i;

	if (mhp_add(mc->m, &add, NULL))
		return false;
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, nr, MHP_ONLINE_KERNEL),
			 0);
	for (i = 1; i < nr; i++)
		if (block_info(mc, FIRST_BLOCK + i).nr_memmap)
			return false;
	return true;
}

/* A host leaves, although the blocks whose memmaps it held stay, in use. */
static void test_host_leaves(struct machine *mc)
{
	enum mhp_placement to[] = {MHP_PLACEMENT_EXISTING, MHP_PLACEMENT_BLOCK};
	struct shelf *shelf = shelf_open(mc);
	struct mhp_report r;
	unsigned int i;

	if (plug_range(mc, 3) && moves_in_use(mc)) {
		shelf_fill(shelf, FIRST_BLOCK + 1, 0, 10);
		shelf_fill(shelf, FIRST_BLOCK + 2, 0, 10);
		assert_int_equal(
			move_to(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK, &r),
			MHP_ERR_BUSY);
		assert_int_equal(r.why, MHP_WHY_DEPENDENT);
		for (i = 0; i < 2; i++) {
			assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK,
							   MHP_NO_DEADLINE,
							   NULL),
					 MHP_ERR_BUSY);
			must_move(mc, FIRST_BLOCK + 1 + i, to[i]);
			assert_int_equal(block_info(mc, FIRST_BLOCK).nr_memmap,
					 hosted_pages(mc) * (2 - i));
		}
		assert_int_equal(mhp_offline_and_remove(
					 mc->m, block_range(mc, FIRST_BLOCK, 1),
					 MHP_NO_DEADLINE, 0, &r),
				 0);
		check_ok(mc);
		shelf_verify(shelf);
		must_move(mc, FIRST_BLOCK + 1, to[1]);
		must_move(mc, FIRST_BLOCK + 1, to[0]);
		shelf_verify(shelf);
	}
	shelf_close(shelf);
}

/* ---- every call of the port that may fail, fails ---- */

struct trial {
	enum mhp_placement from, to;
	bool online;
};

static void trial_ready(struct machine *mc, const struct trial *t)
{
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 2, t->from), 0);
	if (t->online)
		assert_int_equal(
			online_blocks(mc, FIRST_BLOCK, 2, MHP_ONLINE_KERNEL),
			0);
}

/* Return: false when call @k is not met any more. */
static bool trial_run(struct machine *mc, const struct trial *t,
		      enum mhp_model_fault how, uint64_t k)
{
	char *before;
	int err;

	machine_again(mc, 0);
	trial_ready(mc, t);
	before = snapshot(mc, 0);
	mhp_model_fail(mc->model, how, k);
	err = move_to(mc, FIRST_BLOCK + 1, t->to, NULL);
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	if (!err) {
		free(before);
		return false;
	}
	unchanged(mc, before, 0);
	must_move(mc, FIRST_BLOCK + 1, t->to);
	return true;
}

static void test_faults(struct machine *mc)
{
	const struct trial trials[] = {
		{MHP_PLACEMENT_EXISTING, MHP_PLACEMENT_BLOCK, false},
		{MHP_PLACEMENT_EXISTING, MHP_PLACEMENT_BLOCK, true},
		{MHP_PLACEMENT_BLOCK, MHP_PLACEMENT_EXISTING, false},
		{MHP_PLACEMENT_BLOCK, MHP_PLACEMENT_EXISTING, true},
		{MHP_PLACEMENT_RANGE, MHP_PLACEMENT_EXISTING, true},
		{MHP_PLACEMENT_RANGE, MHP_PLACEMENT_BLOCK, false},
	};
	unsigned int i;
	int how;

	for (i = 0; hosts(mc) && i < 6; i++)
		for (how = MHP_MODEL_FAIL_ONCE; how <= MHP_MODEL_FAIL_FROM_THEN;
		     how++) {
			uint64_t k = 1;

			while (trial_run(mc, &trials[i],
					 (enum mhp_model_fault)how, k))
				assert_true(++k < MANY_CALLS);
		}
}

static const struct machine_test tests[] = {
	{"offline", test_offline},
	{"like_added", test_like_added},
	{"empty", test_empty},
	{"in_use", test_in_use},
	{"makes_room", test_makes_room},
	{"in_flight", test_in_flight},
	{"withheld", test_withheld},
	{"bad", test_bad},
	{"refused", test_refused},
	{"useful", test_useful},
	{"host_leaves", test_host_leaves},
	{"faults", test_faults},
};

int main(void)
{
	return machine_run("move", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
