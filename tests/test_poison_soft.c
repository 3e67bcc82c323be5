/* SPDX-License-Identifier: MIT */
/*
 * Pages that are taken out while they still can be read: content is moved away
 * first, and if that cannot be, the page is what it was. Owners answer in every
 * way they can, and others meddle while the mutex is free.
 */
#include "support.h"

#include <stdlib.h>

/* A block with one item of an order, and which page of it is to go. */
struct scene {
	struct machine *mc;
	struct shelf *shelf;
	struct item *item;
	mhp_pfn_t pfn;	/* where the item was */
	mhp_pfn_t worn; /* a page of it */
};

static struct scene scene_start(struct machine *mc, unsigned int order)
{
	struct scene s = {.mc = mc, .shelf = shelf_open(mc)};

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	shelf_fill(s.shelf, FIRST_BLOCK, order, 1);
	s.item = &s.shelf->items[0];
	s.pfn = s.item->pfn;
	s.worn = s.pfn + (UINT64_C(1) << order) / 2;
	return s;
}

static void scene_end(struct scene *s)
{
	shelf_verify(s->shelf);
	check_ok(s->mc);
	shelf_close(s->shelf);
	check_ok(s->mc);
	if (mhp_is_poisoned(s->mc->m, s->worn))
		assert_int_equal(mhp_poison_clear(s->mc->m, s->worn, NULL), 0);
	assert_int_equal(mhp_offline_and_remove(
				 s->mc->m, block_range(s->mc, FIRST_BLOCK, 1),
				 MHP_NO_DEADLINE, 0, NULL),
			 0);
}

static void assert_taken_out(const struct scene *s)
{
	uint64_t i;

	assert_int_equal(page_info(s->mc, s->worn).use, MHP_PAGE_POISONED);
	for (i = 0; i < UINT64_C(1) << s->item->order; i++)
		if (s->pfn + i != s->worn)
			assert_int_equal(page_info(s->mc, s->pfn + i).use,
					 MHP_PAGE_FREE);
	assert_int_equal(block_info(s->mc, FIRST_BLOCK).nr_isolated, 0);
	check_ok(s->mc);
}

static void content_moves_away(struct machine *mc)
{
	unsigned int order;

	for (order = 0; order <= mhp_pageblock_order(mc->g); order++) {
		struct scene s = scene_start(mc, order);
		uint64_t nr_moved = stat_now(mc).nr_pages_moved;

		assert_int_equal(mhp_poison_soft(mc->m, s.worn, NULL), 0);
		assert_int_equal(s.shelf->nr_moved, 1);
		assert_int_equal(s.shelf->nr_lost, 0);
		assert_int_equal(stat_now(mc).nr_pages_moved - nr_moved,
				 UINT64_C(1) << order);
		assert_true(s.item->pfn != s.pfn);
		assert_taken_out(&s);
		assert_int_equal(mhp_poison_soft(mc->m, s.worn, NULL), 0);
		assert_int_equal(mhp_poison_hard(mc->m, s.worn, NULL),
				 MHP_ERR_HWPOISON);
		scene_end(&s);
	}
}

static void free_page_is_taken_out(struct machine *mc)
{
	mhp_pfn_t pfn = block_start(mc, FIRST_BLOCK + 1) - 1;
	char *snap;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	snap = snapshot(mc, 0);
	assert_int_equal(mhp_poison_soft(mc->m, pfn, NULL), 0);
	assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_POISONED);
	check_ok(mc);
	assert_int_equal(mhp_poison_clear(mc->m, pfn, NULL), 0);
	unchanged(mc, snap, 0);
}

/* Whatever stands in the way: BUSY, with the reason, and nothing changed. */
static void refused_as(struct machine *mc, enum answer answer, uint32_t pins,
		       enum mhp_why why)
{
	struct scene s = scene_start(mc, 1);
	struct mhp_report report;
	char *snap = snapshot(mc, 0);

	s.item->answer = answer;
	s.item->pins = pins;
	assert_int_equal(mhp_poison_soft(mc->m, s.worn, &report), MHP_ERR_BUSY);
	assert_int_equal(report.stage, MHP_STAGE_POISON);
	assert_int_equal(report.why, why);
	assert_int_equal(report.code, MHP_ERR_BUSY);
	assert_false(mhp_is_poisoned(mc->m, s.worn));
	unchanged(mc, snap, 0);
	s.item->answer = ANSWER_MOVED;
	s.item->pins = 0;
	scene_end(&s);
}

static void what_cannot_move_stays(struct machine *mc)
{
	refused_as(mc, ANSWER_MOVED, 2, MHP_WHY_PINNED);
	refused_as(mc, ANSWER_REFUSED, 0, MHP_WHY_REFUSED);
	refused_as(mc, ANSWER_BROKEN, 0, MHP_WHY_REFUSED);
	refused_as(mc, ANSWER_AGAIN, 0, MHP_WHY_IN_FLIGHT);
}

static void refused_once_is_asked_again(struct machine *mc)
{
	struct scene s = scene_start(mc, 0);

	s.item->answer = ANSWER_REFUSED_ONCE;
	assert_int_equal(mhp_poison_soft(mc->m, s.worn, NULL), 0);
	assert_taken_out(&s);
	scene_end(&s);
}

static void unmovable_stays(struct machine *mc)
{
	mhp_pfn_t pfn = alloc_unmovable(mc, 2);
	struct mhp_report report;
	char *snap = snapshot(mc, 0);

	assert_int_equal(mhp_poison_soft(mc->m, pfn + 3, &report),
			 MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_UNMOVABLE);
	assert_int_equal(report.pfn, pfn);
	assert_int_equal(report.order, 2);
	unchanged(mc, snap, 0);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 2), 0);
}

/* A move that the owner has not finished: the page is not waited for for ever,
 * and the move can still end in either way. */
static void unfinished(struct machine *mc)
{
	bool moved = false;

	do {
		struct scene s = scene_start(mc, 1);
		struct mhp_report report;

		s.item->answer = ANSWER_LATER;
		assert_int_equal(mhp_poison_soft(mc->m, s.worn, &report),
				 MHP_ERR_BUSY);
		assert_int_equal(report.why, MHP_WHY_IN_FLIGHT);
		assert_false(mhp_is_poisoned(mc->m, s.worn));
		assert_int_equal(shelf_complete(s.shelf, s.item, moved), 0);
		assert_int_equal(page_info(mc, s.worn).use,
				 moved ? MHP_PAGE_FREE : MHP_PAGE_ALLOCATED);
		s.item->answer = ANSWER_MOVED;
		assert_int_equal(mhp_poison_soft(mc->m, s.worn, NULL), 0);
		assert_taken_out(&s);
		scene_end(&s);
		moved = !moved;
	} while (moved);
}

/* Nowhere to go: everything else is allocated. */
static void no_target(struct machine *mc)
{
	struct scene s = scene_start(mc, 0);
	uint64_t most = NR_BLOCKS * mhp_block_pages(mc->g), nr = 0;
	mhp_pfn_t *taken = calloc(most, sizeof(*taken));
	struct mhp_request request = {.mobility = MHP_MOVABLE,
				      .owner = s.shelf->owner,
				      .cookie = NR_ITEMS - 1};
	struct mhp_report report;
	char *snap;

	assert_non_null(taken);
	while (!mhp_frame_alloc(mc->m, &request, &taken[nr]))
		nr++;
	snap = snapshot(mc, 0);
	assert_int_equal(mhp_poison_soft(mc->m, s.worn, &report),
			 MHP_ERR_NOMEM);
	assert_int_equal(report.why, MHP_WHY_NO_TARGET);
	unchanged(mc, snap, 0);
	assert_int_equal(mhp_frame_free_bulk(mc->m, 0, (uint32_t)nr, taken), 0);
	free(taken);
	assert_int_equal(mhp_poison_soft(mc->m, s.worn, NULL), 0);
	assert_taken_out(&s);
	scene_end(&s);
}

/* ---- others, while the mutex is free ---- */

/* What the move callback tries, and what came of it. */
struct meddler {
	struct scene *s;
	int code;
};

static void meddle_hard(struct shelf *shelf, const struct mhp_move *move)
{
	struct meddler *meddler = shelf->at_move_arg;

	(void)move;
	shelf->at_move = NULL;
	meddler->code = mhp_poison_hard(shelf->mc->m, meddler->s->worn, NULL);
}

/* What was reported as broken stays so, although the page could not be
 * emptied. */
static void breaks_meanwhile(struct machine *mc)
{
	const enum answer answers[] = {ANSWER_MOVED, ANSWER_REFUSED};
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct scene s = scene_start(mc, 1);
		struct meddler meddler = {.s = &s, .code = 1};

		s.item->answer = answers[i];
		s.shelf->at_move = meddle_hard;
		s.shelf->at_move_arg = &meddler;
		assert_int_equal(mhp_poison_soft(mc->m, s.worn, NULL), 0);
		assert_int_equal(meddler.code, 0);
		assert_int_equal(s.shelf->nr_lost, 1);
		assert_true(mhp_is_poisoned(mc->m, s.worn));
		check_ok(mc);
		if (answers[i] == ANSWER_REFUSED) {
			assert_int_equal(page_info(mc, s.worn).use,
					 MHP_PAGE_ALLOCATED);
			shelf_free(s.shelf, s.item);
		}
		assert_taken_out(&s);
		scene_end(&s);
	}
}

static void meddle_many(struct shelf *shelf, const struct mhp_move *move)
{
	struct meddler *meddler = shelf->at_move_arg;
	struct mhp *m = shelf->mc->m;

	(void)move;
	shelf->at_move = NULL;
	assert_int_equal(mhp_poison_clear(m, meddler->s->worn, NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(mhp_poison_soft(m, meddler->s->worn, NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(
		mhp_block_offline(m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		MHP_ERR_BUSY);
	assert_int_equal(mhp_offline_and_remove(
				 m, block_range(shelf->mc, FIRST_BLOCK, 1),
				 MHP_NO_DEADLINE, 0, NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(mhp_owner_unregister(m, shelf->owner), MHP_ERR_BUSY);
	meddler->code = 0;
}

static void block_cannot_leave_meanwhile(struct machine *mc)
{
	struct scene s = scene_start(mc, 1);
	struct meddler meddler = {.s = &s, .code = 1};

	s.shelf->at_move = meddle_many;
	s.shelf->at_move_arg = &meddler;
	assert_int_equal(mhp_poison_soft(mc->m, s.worn, NULL), 0);
	assert_int_equal(meddler.code, 0);
	assert_taken_out(&s);
	scene_end(&s);
}

/* Reported as broken, and then as good after all. */
static void meddle_hard_and_clear(struct shelf *shelf,
				  const struct mhp_move *move)
{
	struct meddler *meddler = shelf->at_move_arg;
	struct mhp *m = shelf->mc->m;

	meddle_hard(shelf, move);
	assert_int_equal(mhp_poison_clear(m, meddler->s->worn, NULL), 0);
}

static void cleared_meanwhile(struct machine *mc)
{
	struct scene s = scene_start(mc, 1);
	struct meddler meddler = {.s = &s, .code = 1};
	char *snap = snapshot(mc, 0);

	s.item->answer = ANSWER_REFUSED;
	s.shelf->at_move = meddle_hard_and_clear;
	s.shelf->at_move_arg = &meddler;
	assert_int_equal(mhp_poison_soft(mc->m, s.worn, NULL), 0);
	assert_int_equal(meddler.code, 0);
	assert_false(mhp_is_poisoned(mc->m, s.worn));
	unchanged(mc, snap, 0);
	s.item->answer = ANSWER_MOVED;
	scene_end(&s);
}

/* The owner frees it himself: as good as a move. */
static void meddle_free(struct shelf *shelf, const struct mhp_move *move)
{
	struct meddler *meddler = shelf->at_move_arg;

	(void)move;
	shelf->at_move = NULL;
	shelf_free(shelf, meddler->s->item);
	meddler->code = 0;
}

static void freed_meanwhile(struct machine *mc)
{
	struct scene s = scene_start(mc, 1);
	struct meddler meddler = {.s = &s, .code = 1};

	s.shelf->at_move = meddle_free;
	s.shelf->at_move_arg = &meddler;
	assert_int_equal(mhp_poison_soft(mc->m, s.worn, NULL), 0);
	assert_int_equal(meddler.code, 0);
	assert_taken_out(&s);
	scene_end(&s);
}

/* Another page of the same pageblock: a free one can go, an allocated one has
 * to wait. */
static void meddle_neighbour(struct shelf *shelf, const struct mhp_move *move)
{
	struct meddler *meddler = shelf->at_move_arg;
	struct mhp *m = shelf->mc->m;
	mhp_pfn_t other = shelf->items[1].pfn, pfn = move->from_pfn;

	shelf->at_move = NULL;
	while (pfn < block_start(shelf->mc, FIRST_BLOCK + 1) &&
	       page_info(shelf->mc, pfn).use != MHP_PAGE_ISOLATED)
		pfn++;
	if (pfn < block_start(shelf->mc, FIRST_BLOCK + 1)) {
		assert_int_equal(mhp_poison_soft(m, pfn, NULL), 0);
		assert_int_equal(mhp_poison_clear(m, pfn, NULL), 0);
	}
	meddler->code = mhp_poison_soft(m, other, NULL);
}

static void neighbours(struct machine *mc)
{
	struct scene s = scene_start(mc, 0);
	struct meddler meddler = {.s = &s, .code = 1};
	struct item *item;

	item = shelf_alloc(s.shelf, NULL);
	assert_ptr_equal(item, &s.shelf->items[1]);
	s.shelf->at_move = meddle_neighbour;
	s.shelf->at_move_arg = &meddler;
	assert_int_equal(mhp_poison_soft(mc->m, s.worn, NULL), 0);
	if (item->pfn >> mhp_pageblock_order(mc->g) ==
	    s.worn >> mhp_pageblock_order(mc->g))
		assert_int_equal(meddler.code, MHP_ERR_BUSY);
	assert_int_equal(page_info(mc, s.worn).use, MHP_PAGE_POISONED);
	shelf_free(s.shelf, item);
	if (meddler.code == 0)
		assert_int_equal(mhp_poison_clear(mc->m, item->pfn, NULL), 0);
	scene_end(&s);
}

int main(void)
{
	const struct machine_test tests[] = {
		{"content_moves_away", content_moves_away},
		{"free_page_is_taken_out", free_page_is_taken_out},
		{"what_cannot_move_stays", what_cannot_move_stays},
		{"refused_once_is_asked_again", refused_once_is_asked_again},
		{"unmovable_stays", unmovable_stays},
		{"unfinished", unfinished},
		{"no_target", no_target},
		{"breaks_meanwhile", breaks_meanwhile},
		{"block_cannot_leave_meanwhile", block_cannot_leave_meanwhile},
		{"cleared_meanwhile", cleared_meanwhile},
		{"freed_meanwhile", freed_meanwhile},
		{"neighbours", neighbours},
	};

	return machine_run("poison_soft", tests,
			   sizeof(tests) / sizeof(tests[0]), true);
}
