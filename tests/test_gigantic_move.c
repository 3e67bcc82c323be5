/* SPDX-License-Identifier: MIT */
/*
 * Allocations of several pageblocks when memory leaves that they have a part
 * of: they are one thing, whichever of their blocks goes, and move as one.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define NR_PLUGGED 8

/* A run from the first plugged block into the second. */
struct stage {
	struct machine *mc;
	struct shelf *shelf;
	struct item *item;
	uint64_t block; /* pages */
	uint64_t nr;	/* of the run */
};

static struct stage stage_start(struct machine *mc)
{
	struct mhp_request request = {
		.align_order = (uint8_t)mhp_pageblock_order(mc->g)};
	struct stage s = {.mc = mc, .block = mhp_block_pages(mc->g)};

	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_EXISTING,
	     MHP_ONLINE_MOVABLE);
	s.shelf = shelf_open(mc);
	s.nr = s.block + mhp_pageblock_pages(mc->g);
	s.item = shelf_alloc_run(s.shelf, &request, s.nr);
	assert_non_null(s.item);
	assert_int_equal(s.item->pfn, block_start(mc, FIRST_BLOCK));
	return s;
}

static void stage_end(struct stage *s)
{
	shelf_verify(s->shelf);
	shelf_close(s->shelf);
	check_ok(s->mc);
}

static struct mhp_forecast forecast(struct stage *s, uint64_t id,
				    struct mhp_blocker *blocker, int nr)
{
	struct mhp_forecast f;

	assert_int_equal(mhp_forecast(s->mc->m, id, &f, blocker, 1, NULL), nr);
	return f;
}

/* Two blocks are asked, one thing is counted, all of it leaves. */
static void moves_from(struct machine *mc, uint64_t id)
{
	struct stage s = stage_start(mc);
	struct mhp_stat before = stat_now(mc);
	struct mhp_forecast f = forecast(&s, id, NULL, 0);

	assert_int_equal(f.nr_allocations_to_move, 1);
	assert_int_equal(f.nr_pages_to_move, s.nr);
	assert_int_equal(mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, NULL),
			 0);
	check_ok(mc);
	assert_int_equal(s.shelf->nr_moved, 1);
	assert_int_equal(stat_now(mc).nr_pages_moved - before.nr_pages_moved,
			 s.nr);
	if (id == FIRST_BLOCK)
		assert_true(s.item->pfn >= block_start(mc, FIRST_BLOCK + 1));
	else
		assert_true(s.item->pfn >= block_start(mc, FIRST_BLOCK + 2));
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_allocated, 0);
	stage_end(&s);
}

static void test_head_leaves(struct machine *mc)
{
	moves_from(mc, FIRST_BLOCK);
}

static void test_tail_leaves(struct machine *mc)
{
	moves_from(mc, FIRST_BLOCK + 1);
}

static void test_eject(struct machine *mc)
{
	struct stage s = stage_start(mc);

	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 2),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(s.shelf->nr_moved, 1);
	stage_end(&s);
}

static void refused_from(struct stage *s, uint64_t id, int err,
			 enum mhp_why why)
{
	char *before = snapshot(s->mc, 0);
	struct mhp_report report;

	assert_int_equal(
		mhp_block_offline(s->mc->m, id, MHP_NO_DEADLINE, &report), err);
	assert_int_equal(report.why, why);
	assert_int_equal(report.pfn, block_start(s->mc, FIRST_BLOCK));
	assert_int_equal(report.nr_pages, s->nr);
	assert_int_equal(report.order, s->item->order);
	assert_int_equal(report.owner, s->shelf->owner);
	unchanged(s->mc, before, 0);
}

static void test_refused(struct machine *mc)
{
	struct stage s = stage_start(mc);
	struct mhp_blocker blocker;
	struct mhp_forecast f;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		uint64_t id = FIRST_BLOCK + i;

		s.item->answer = ANSWER_REFUSED;
		refused_from(&s, id, MHP_ERR_BUSY, MHP_WHY_REFUSED);
		s.item->answer = ANSWER_MOVED;
		s.item->pins = 3;
		refused_from(&s, id, MHP_ERR_BUSY, MHP_WHY_PINNED);
		f = forecast(&s, id, &blocker, 1);
		assert_int_equal(f.nr_blockers, 1);
		assert_int_equal(f.nr_blocked_pages, s.nr);
		assert_int_equal(blocker.pfn, s.item->pfn);
		assert_int_equal(blocker.nr_pages, s.nr);
		assert_int_equal(blocker.order, s.item->order);
		assert_int_equal(blocker.pins, 3);
		s.item->pins = 0;
	}
	s.item->answer = ANSWER_REFUSED_ONCE;
	assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK + 1,
					   MHP_NO_DEADLINE, NULL),
			 0);
	stage_end(&s);
}

/* Single pages in the way everywhere else: room enough, but not in a run. */
static void test_no_target(struct machine *mc)
{
	struct stage s = stage_start(mc);
	struct mhp_request one = {
		.align_order = (uint8_t)mhp_pageblock_order(mc->g)};
	struct item *item;

	while ((item = shelf_alloc(s.shelf, &one)))
		;
	refused_from(&s, FIRST_BLOCK, MHP_ERR_NOMEM, MHP_WHY_NO_TARGET);
	refused_from(&s, FIRST_BLOCK + 1, MHP_ERR_NOMEM, MHP_WHY_NO_TARGET);
	stage_end(&s);
}

static void test_later(struct machine *mc)
{
	struct stage s = stage_start(mc);
	struct mhp_offline op;
	bool moved = false;
	unsigned int i;

	for (i = 0; i < 2; i++, moved = true) {
		s.item->answer = ANSWER_LATER;
		assert_int_equal(mhp_offline_begin(mc->m, &op, FIRST_BLOCK + 1,
						   MHP_NO_DEADLINE, 0, NULL),
				 0);
		while (s.item->to_pfn == MHP_PFN_NONE)
			assert_int_equal(mhp_offline_step(mc->m, &op, NULL),
					 MHP_ERR_AGAIN);
		/* Another length, or another target, is not this move. */
		assert_int_equal(mhp_move_complete(mc->m, s.item->pfn,
						   s.item->to_pfn, 0, moved),
				 MHP_ERR_INVAL);
		assert_int_equal(mhp_move_complete(mc->m, s.item->pfn,
						   s.item->to_pfn + 1,
						   s.item->order, false),
				 MHP_ERR_INVAL);
		assert_int_equal(shelf_complete(s.shelf, s.item, moved), 0);
		check_ok(mc);
		shelf_verify(s.shelf);
		if (!moved)
			mhp_offline_cancel(mc->m, &op);
	}
	while (mhp_offline_step(mc->m, &op, NULL) == MHP_ERR_AGAIN)
		;
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).state,
			 MHP_BLOCK_OFFLINE);
	stage_end(&s);
}

/* A bad page of it stays behind where it is, the rest is free. */
static void test_hard(struct machine *mc)
{
	struct stage s = stage_start(mc);
	mhp_pfn_t bad = block_start(mc, FIRST_BLOCK + 1) + 1;
	mhp_pfn_t head = s.item->pfn;

	assert_int_equal(mhp_poison_hard(mc->m, bad, NULL), 0);
	assert_int_equal(s.shelf->nr_lost, 1);
	assert_int_equal(s.shelf->bad_pfn, bad);
	check_ok(mc);
	assert_int_equal(page_info(mc, bad).head_pfn, head);
	shelf_free(s.shelf, s.item);
	check_ok(mc);
	assert_int_equal(page_info(mc, bad).use, MHP_PAGE_POISONED);
	assert_int_equal(page_info(mc, bad + 1).use, MHP_PAGE_FREE);
	assert_int_equal(mhp_run_free(mc->m, head, s.nr), MHP_ERR_ALREADY);
	s.item = shelf_alloc_run(
		s.shelf,
		&(struct mhp_request){
			.align_order = (uint8_t)mhp_pageblock_order(mc->g)},
		s.nr);
	assert_true(s.item && s.item->pfn > bad);
	assert_int_equal(mhp_poison_clear(mc->m, bad, NULL), 0);
	stage_end(&s);
}

static void test_soft(struct machine *mc)
{
	struct stage s = stage_start(mc);
	mhp_pfn_t bad = block_start(mc, FIRST_BLOCK + 1) + 1;

	s.item->answer = ANSWER_REFUSED;
	assert_int_equal(mhp_poison_soft(mc->m, bad, NULL), MHP_ERR_BUSY);
	assert_false(mhp_is_poisoned(mc->m, bad));
	s.item->answer = ANSWER_MOVED;
	assert_int_equal(mhp_poison_soft(mc->m, bad, NULL), 0);
	assert_int_equal(s.shelf->nr_moved, 1);
	assert_int_equal(page_info(mc, bad).use, MHP_PAGE_POISONED);
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_allocated, 0);
	stage_end(&s);
}

/* The last page of the second block, of which the run has all. */
static void test_withhold(struct machine *mc)
{
	struct mhp_request giant = {
		.order = (uint8_t)mhp_gigantic_order(mc->g)};
	struct stage s = stage_start(mc);
	mhp_pfn_t last = block_start(mc, FIRST_BLOCK + 2) - 1;

	shelf_free(s.shelf, s.item);
	s.item = shelf_alloc(s.shelf, &giant);
	assert_int_equal(s.item->pfn, block_start(mc, FIRST_BLOCK));
	assert_int_equal(mhp_withhold(mc->m, mhp_range_make(last, 1),
				      MHP_NO_DEADLINE, NULL),
			 0);
	assert_int_equal(s.shelf->nr_moved, 1);
	assert_int_equal(page_info(mc, last).use, MHP_PAGE_WITHHELD);
	assert_int_equal(s.item->pfn & (2 * s.block - 1), 0);
	check_ok(mc);
	assert_int_equal(mhp_release(mc->m, mhp_range_make(last, 1), NULL), 0);
	stage_end(&s);
}

/* What was asked for beyond the natural alignment is so after a move, too. */
static void test_alignment_stays(struct machine *mc)
{
	unsigned int align = mhp_gigantic_order(mc->g), order;
	struct stage s = stage_start(mc);
	struct item *items[64];

	shelf_free(s.shelf, s.item);
	for (order = 0; order <= align; order++) {
		struct mhp_request request = {.order = (uint8_t)order,
					      .align_order = (uint8_t)align};
		mhp_pfn_t mask = (UINT64_C(1) << align) - 1, pfn;

		items[order] = shelf_alloc(s.shelf, &request);
		assert_non_null(items[order]);
		pfn = items[order]->pfn;
		assert_int_equal(pfn & mask, 0);
		assert_int_equal(mhp_block_offline(mc->m,
						   mhp_block_id(mc->g, pfn),
						   MHP_NO_DEADLINE, NULL),
				 0);
		assert_int_not_equal(items[order]->pfn, pfn);
		assert_int_equal(items[order]->pfn & mask, 0);
		shelf_free(s.shelf, items[order]);
		assert_int_equal(mhp_block_online(mc->m,
						  mhp_block_id(mc->g, pfn),
						  MHP_ONLINE_MOVABLE, NULL),
				 0);
	}
	stage_end(&s);
}

/* A part of it is enough to keep its owner. */
static void test_owner_stays(struct machine *mc)
{
	struct stage s = stage_start(mc);

	assert_int_equal(mhp_owner_unregister(mc->m, s.shelf->owner),
			 MHP_ERR_BUSY);
	stage_end(&s);
}

/* The owner is only asked for what is there. */
static void asked_in_place(struct shelf *shelf, const struct mhp_move *move)
{
	assert_int_equal(shelf->items[move->cookie].pfn, move->from_pfn);
}

/* Just when the step for the second block is about to ask. */
static void first_block_goes(struct shelf *shelf, mhp_pfn_t pfn)
{
	struct machine *mc = shelf->mc;

	(void)pfn;
	shelf->at_pins = NULL;
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK, 1), NULL), 0);
}

static void begin_second(struct machine *mc, struct mhp_offline *op)
{
	assert_int_equal(mhp_offline_begin(mc->m, op, FIRST_BLOCK + 1,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
}

/* The descriptor of a run is in its first block, which nobody keeps while the
 * second one leaves. */
static void test_descriptor_goes(struct machine *mc)
{
	struct mhp_offline op;
	struct stage s;
	int err;

	if (mhp_page_bytes(mc->g) >= 4096)
		machine_again(mc, MHP_MODEL_STRICT);
	s = stage_start(mc);
	s.shelf->at_move = asked_in_place;
	begin_second(mc, &op);
	s.shelf->at_pins = first_block_goes;
	do
		err = mhp_offline_step(mc->m, &op, NULL);
	while (err == MHP_ERR_AGAIN);
	assert_int_equal(err, 0);
	assert_null(s.shelf->at_pins);
	assert_int_equal(s.shelf->nr_moved, 1);
	stage_end(&s);
}

static void first_memmap_moves(struct shelf *shelf, mhp_pfn_t pfn)
{
	(void)pfn;
	shelf->at_pins = NULL;
	assert_int_equal(mhp_memmap_move(shelf->mc->m, FIRST_BLOCK,
					 MHP_PLACEMENT_EXISTING,
					 MHP_NO_DEADLINE, NULL),
			 0);
}

/* A run from behind the memmap on the first block into the second block. */
static void run_behind_memmap(struct stage *s, struct machine *mc)
{
	uint64_t unit = mhp_pageblock_pages(mc->g);
	mhp_pfn_t end = block_start(mc, FIRST_BLOCK + 1) + unit, pfn;

	shelf_free(s->shelf, s->item);
	assert_int_equal(mhp_memmap_move(mc->m, FIRST_BLOCK,
					 MHP_PLACEMENT_BLOCK, MHP_NO_DEADLINE,
					 NULL),
			 0);
	pfn = block_start(mc, FIRST_BLOCK) +
	      block_info(mc, FIRST_BLOCK).nr_memmap;
	pfn = (pfn + unit - 1) & ~(unit - 1);
	s->nr = end - pfn;
	s->item = shelf_alloc_run(
		s->shelf,
		&(struct mhp_request){
			.align_order = (uint8_t)mhp_pageblock_order(mc->g)},
		s->nr);
	assert_int_equal(s->item->pfn, pfn);
}

/* And where it is in memory may change. The mark of a move that is put off is
 * where its end looks for it, and keeps the memmap from moving on. */
static void test_descriptor_moves(struct machine *mc)
{
	uint64_t nr_hosted = 0;
	struct mhp_offline op;
	struct stage s;

	machine_again(mc, MHP_MODEL_NO_EXTRA);
	assert_int_equal(mhp_hosted_pages(mc->m,
					  block_range(mc, FIRST_BLOCK, 1),
					  MHP_PLACEMENT_BLOCK, &nr_hosted),
			 0);
	if (!nr_hosted)
		return; /* too small to have its memmap on it */
	s = stage_start(mc);
	run_behind_memmap(&s, mc);
	s.item->answer = ANSWER_LATER;
	begin_second(mc, &op);
	s.shelf->at_pins = first_memmap_moves;
	while (s.item->to_pfn == MHP_PFN_NONE)
		assert_int_equal(mhp_offline_step(mc->m, &op, NULL),
				 MHP_ERR_AGAIN);
	assert_null(s.shelf->at_pins);
	assert_int_equal(block_info(mc, FIRST_BLOCK).placement,
			 MHP_PLACEMENT_EXISTING);
	assert_int_equal(mhp_memmap_move(mc->m, FIRST_BLOCK,
					 MHP_PLACEMENT_BLOCK, MHP_NO_DEADLINE,
					 NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(shelf_complete(s.shelf, s.item, true), 0);
	while (mhp_offline_step(mc->m, &op, NULL) == MHP_ERR_AGAIN)
		;
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).state,
			 MHP_BLOCK_OFFLINE);
	stage_end(&s);
}

/* Several pageblocks of a block are its memmap's, if that is on it. */
static const struct machine_case wide = {
	.name = "wide",
	.geometry = {.page_shift = 10,
		     .pmd_shift = 12,
		     .pageblock_shift = 12,
		     .section_shift = 17,
		     .block_shift = 17,
		     .pud_shift = 18,
		     .phys_bits = 40,
		     .descriptor_bytes = 96,
		     .nr_nodes = 1,
		     .nr_cpus = 1},
};

/* Allocate whatever there is of a block in pieces of @nr_pages, and free it
 * again. None is where the memmap is. */
static void take_all(struct machine *mc, uint64_t id, uint64_t nr_pages)
{
	struct mhp_request request = {0};
	mhp_pfn_t start = block_start(mc, id), pfns[256];
	mhp_pfn_t end = start + block_info(mc, id).nr_memmap;
	unsigned int nr = 0;

	while (nr < 256 &&
	       !mhp_run_alloc(mc->m, &request, nr_pages, &pfns[nr])) {
		assert_true(pfns[nr] + nr_pages <= start || pfns[nr] >= end);
		nr++;
	}
	assert_in_range(nr, 1, 255);
	check_ok(mc);
	while (nr--)
		assert_int_equal(mhp_run_free(mc->m, pfns[nr], nr_pages), 0);
}

/* The same by pageblocks. Without a memmap there the cursor is left at the
 * start of the block, so that the next one would be taken first. */
static void take_all_by_order(struct machine *mc, uint64_t id)
{
	struct mhp_request request = {
		.order = (uint8_t)mhp_pageblock_order(mc->g)};
	mhp_pfn_t start = block_start(mc, id), pfns[512];
	mhp_pfn_t end = start + block_info(mc, id).nr_memmap;
	unsigned int nr = 0;

	while (nr < 512 && !mhp_frame_alloc(mc->m, &request, &pfns[nr])) {
		assert_true(pfns[nr] < start || pfns[nr] >= end);
		nr++;
	}
	assert_in_range(nr, 1, 511);
	if (end == start) {
		mhp_pfn_t pfn;

		assert_int_equal(mhp_frame_free(mc->m, start, request.order),
				 0);
		assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfn), 0);
		assert_int_equal(pfn, start);
	}
	while (nr--)
		assert_int_equal(mhp_frame_free(mc->m, pfns[nr], request.order),
				 0);
}

/* Pageblocks that were in use, and then get a memmap, are nobody's. */
static void test_memmap_comes(struct machine *mc)
{
	uint64_t unit = mhp_pageblock_pages(mc->g), nr;

	machine_again(mc, MHP_MODEL_NO_EXTRA);
	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	take_all_by_order(mc, FIRST_BLOCK);
	assert_int_equal(mhp_memmap_move(mc->m, FIRST_BLOCK,
					 MHP_PLACEMENT_BLOCK, MHP_NO_DEADLINE,
					 NULL),
			 0);
	assert_true(block_info(mc, FIRST_BLOCK).nr_memmap >= 2 * unit);
	take_all_by_order(mc, FIRST_BLOCK);
	for (nr = 2; nr < 5; nr++)
		take_all(mc, FIRST_BLOCK, nr * unit);
	assert_int_equal(mhp_memmap_move(mc->m, FIRST_BLOCK,
					 MHP_PLACEMENT_EXISTING,
					 MHP_NO_DEADLINE, NULL),
			 0);
	take_all_by_order(mc, FIRST_BLOCK);
	take_all(mc, FIRST_BLOCK, 2 * unit);
	check_ok(mc);
}

int main(void)
{
	static const struct machine_test memmap[] = {
		{"a memmap comes", test_memmap_comes},
	};
	static const struct machine_test tests[] = {
		{"its first block leaves", test_head_leaves},
		{"its last block leaves", test_tail_leaves},
		{"both are ejected", test_eject},
		{"refused", test_refused},
		{"no target", test_no_target},
		{"moved later", test_later},
		{"a page of it is bad", test_hard},
		{"a page of it goes bad", test_soft},
		{"a page of it is withheld", test_withhold},
		{"alignment stays", test_alignment_stays},
		{"owner stays", test_owner_stays},
		{"its descriptor goes", test_descriptor_goes},
		{"its descriptor moves", test_descriptor_moves},
	};

	return machine_run("gigantic move", tests,
			   sizeof(tests) / sizeof(tests[0]), true) +
	       machine_run_cases("gigantic move", memmap, 1, &wide, 1);
}
