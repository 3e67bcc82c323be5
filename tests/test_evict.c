/* SPDX-License-Identifier: MIT */
/*
 * All memmaps leave a block, or none: afterwards it can leave although the
 * others stay, with all that is in use on them. And the first block of a range,
 * when it is alone, becomes a block like others.
 */
#include <stdlib.h>
#include <string.h>

#include "mhp/move.h"
#include "range_support.h"

#define MANY_CALLS 400
#define NR_FEW 4 /* blocks whose memmaps are all on the first */

static const enum mhp_placement placements[] = {MHP_PLACEMENT_EXISTING,
						MHP_PLACEMENT_BLOCK};

static int evict(struct machine *mc, uint64_t id, enum mhp_placement to,
		 struct mhp_report *report)
{
	return mhp_memmap_evict(mc->m, id, to, MHP_NO_DEADLINE, report);
}

static void must(int err, const struct mhp_report *report)
{
	char text[256];

	if (!err)
		return;
	mhp_report_text(report, text, sizeof(text));
	fail_msg("%s", text);
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

/* A block can hold its own. */
static bool hosts(struct machine *mc)
{
	uint64_t nr = 0;

	assert_int_equal(mhp_hosted_pages(mc->m,
					  block_range(mc, FIRST_BLOCK, 1),
					  MHP_PLACEMENT_BLOCK, &nr),
			 0);
	return nr != 0;
}

/* A few blocks of a range, all of which depend on the first and on nothing
 * else. */
static bool few(struct range *r, struct machine *mc, bool online)
{
	uint64_t i;

	if (!hosts(mc))
		return false;
	range_add(r, mc, NR_FEW, 0);
	for (i = 0; online && i < NR_FEW; i++)
		range_online(r, i, i ? MHP_ONLINE_MOVABLE : MHP_ONLINE_KERNEL);
	return range_last_host(r, NR_FEW - 1) == 0;
}

/* ---- all of a range, from its last host to its first ---- */

static void evict_host(struct range *r, uint64_t host, enum mhp_placement to)
{
	struct machine *mc = r->mc;
	struct mhp_report report;
	uint64_t i;

	must(evict(mc, range_id(r, host), to, &report), &report);
	check_ok(mc);
	for (i = 0; i < r->nr_blocks; i++) {
		if (!range_depends(r, i, host))
			continue;
		assert_int_equal(block_info(mc, range_id(r, i)).placement, to);
		r->known[i] = false; /* for its pieces */
	}
	for (i = 0; i < r->nr_blocks; i++)
		if (block_info(mc, range_id(r, i)).placement ==
		    MHP_PLACEMENT_RANGE)
			assert_int_equal(
				block_info(mc, range_id(r, i)).nr_memmap,
				range_nr_memmap(r, i));
}

static void evict_all(struct range *r, enum mhp_placement to)
{
	uint64_t host = range_last_host(r, r->nr_blocks - 1) + 1;
	struct mhp_report report;

	while (host--)
		evict_host(r, host, to);
	/* Nobody else is left in it. */
	assert_int_equal(block_info(r->mc, FIRST_BLOCK).placement,
			 MHP_PLACEMENT_RANGE);
	must(mhp_memmap_move(r->mc->m, FIRST_BLOCK, to, MHP_NO_DEADLINE,
			     &report),
	     &report);
	assert_int_equal(block_info(r->mc, FIRST_BLOCK).placement, to);
	check_ok(r->mc);
}

/* As if they had been added so. */
static void like_added(struct machine *mc, bool online)
{
	struct range r;
	uint64_t i;
	char *moved, *added;

	range_add(&r, mc, NR_RANGE, 0);
	for (i = 0; online && i < NR_RANGE; i++)
		range_online(&r, i, MHP_ONLINE_MOVABLE);
	evict_all(&r, MHP_PLACEMENT_BLOCK);
	moved = snapshot(mc, SNAP_NO_COSTS);
	machine_again(mc, 0);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK, NR_RANGE, MHP_PLACEMENT_BLOCK), 0);
	if (online)
		assert_int_equal(online_blocks(mc, FIRST_BLOCK, NR_RANGE,
					       MHP_ONLINE_MOVABLE),
				 0);
	added = snapshot(mc, SNAP_NO_COSTS);
	assert_same(added, moved);
	free(added);
	free(moved);
	machine_again(mc, 0);
}

static void test_like_added(struct machine *mc)
{
	if (!hosts(mc))
		return;
	like_added(mc, true);
	like_added(mc, false);
}

/* The blocks leave in any order then, the first of them first. */
static void test_any_order(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct range r;
	uint64_t i;

	if (!hosts(mc)) {
		free(before);
		return;
	}
	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
	evict_all(&r, MHP_PLACEMENT_BLOCK);
	for (i = 0; i < NR_RANGE; i++) {
		assert_int_equal(mhp_offline_and_remove(
					 mc->m,
					 block_range(mc, range_id(&r, i), 1),
					 MHP_NO_DEADLINE, 0, NULL),
				 0);
		check_ok(mc);
	}
	unchanged(mc, before, 0);
}

/* ---- the first block, alone ---- */

static void alone(struct machine *mc, bool online)
{
	struct range r;
	char *before;

	if (!few(&r, mc, online))
		return;
	evict_host(&r, 0, MHP_PLACEMENT_BLOCK);
	must(mhp_memmap_move(mc->m, FIRST_BLOCK, MHP_PLACEMENT_BLOCK,
			     MHP_NO_DEADLINE, NULL),
	     &(struct mhp_report){0});
	check_ok(mc);
	before = snapshot(mc, 0);
	must(mhp_memmap_move(mc->m, FIRST_BLOCK, MHP_PLACEMENT_EXISTING,
			     MHP_NO_DEADLINE, NULL),
	     &(struct mhp_report){0});
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_memmap, 0);
	check_ok(mc);
	must(mhp_memmap_move(mc->m, FIRST_BLOCK, MHP_PLACEMENT_BLOCK,
			     MHP_NO_DEADLINE, NULL),
	     &(struct mhp_report){0});
	unchanged(mc, before, 0);
	machine_again(mc, 0);
}

static void test_alone(struct machine *mc)
{
	alone(mc, true);
	alone(mc, false);
}

/* ---- with pages in use ---- */

static void fill(struct shelf *shelf, struct range *r)
{
	uint64_t i;

	for (i = 1; i < r->nr_blocks; i++)
		shelf_fill(shelf, range_id(r, i), 0, 2);
}

static void test_host_leaves(struct machine *mc)
{
	unsigned int k;

	for (k = 0; k < 2 && moves_in_use(mc); k++) {
		struct shelf *shelf = shelf_open(mc);
		struct range r;

		if (few(&r, mc, true)) {
			fill(shelf, &r);
			evict_host(&r, 0, placements[k]);
			shelf_verify(shelf);
			assert_int_equal(
				mhp_offline_and_remove(
					mc->m, block_range(mc, FIRST_BLOCK, 1),
					MHP_NO_DEADLINE, 0, NULL),
				0);
			check_ok(mc);
			shelf_verify(shelf);
		}
		shelf_close(shelf);
		machine_again(mc, 0);
	}
}

/* The last of them cannot: none does. */
static void test_refused(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct mhp_report report;
	struct range r;
	char *before;

	if (moves_in_use(mc) && few(&r, mc, true)) {
		fill(shelf, &r);
		shelf->items[2 * (NR_FEW - 2)].pins = 1;
		before = snapshot(mc, SNAP_NO_PAGES);
		assert_int_equal(
			evict(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK, &report),
			MHP_ERR_BUSY);
		assert_int_equal(report.stage, MHP_STAGE_MOVE);
		assert_int_equal(report.why, MHP_WHY_PINNED);
		assert_int_equal(report.pfn,
				 shelf->items[2 * (NR_FEW - 2)].pfn);
		unchanged(mc, before, SNAP_NO_PAGES);
		shelf_verify(shelf);
		shelf->items[2 * (NR_FEW - 2)].pins = 0;
		evict_host(&r, 0, MHP_PLACEMENT_BLOCK);
		shelf_verify(shelf);
	}
	shelf_close(shelf);
}

/* A block that holds memmaps of others is asked for those first. */
static void test_last_first(struct machine *mc)
{
	struct mhp_report report;
	struct range r;
	char *before;
	uint64_t i;

	if (!hosts(mc))
		return;
	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
	before = snapshot(mc, 0);
	for (i = 2; i < NR_RANGE && !range_depends(&r, i, 1); i++)
		;
	if (i < NR_RANGE) {
		assert_int_equal(
			evict(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK, &report),
			MHP_ERR_BUSY);
		assert_int_equal(report.why, MHP_WHY_DEPENDENT);
		assert_int_equal(report.pfn, block_start(mc, range_id(&r, i)));
	}
	unchanged(mc, before, 0);
}

/* Nothing depends on the last block. */
static void test_nothing_to_do(struct machine *mc)
{
	struct mhp_report report;
	char *before;

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_AUTO, MHP_ONLINE_MOVABLE);
	before = snapshot(mc, 0);
	assert_int_equal(
		evict(mc, FIRST_BLOCK + 1, MHP_PLACEMENT_EXISTING, NULL), 0);
	assert_int_equal(evict(mc, 0, MHP_PLACEMENT_EXISTING, NULL), 0);
	assert_int_equal(
		evict(mc, FIRST_BLOCK + 2, MHP_PLACEMENT_BLOCK, &report),
		MHP_ERR_NOENT);
	assert_int_equal(evict(mc, FIRST_BLOCK, MHP_PLACEMENT_RANGE, &report),
			 MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_BAD_PLACEMENT);
	unchanged(mc, before, 0);
}

/* The block that shall leave does not lend to those that leave it. */
static void test_not_from_there(struct machine *mc)
{
	struct mhp_request request = {.mobility = MHP_UNMOVABLE};
	struct mhp_report report;
	struct range r;
	mhp_pfn_t pfn;
	char *before;

	if (!few(&r, mc, true))
		return;
	/* Boot memory and the first block are all that is for the kernel. */
	while (!mhp_frame_alloc(mc->m, &request, &pfn))
		;
	while (pfn-- > block_start(mc, FIRST_BLOCK))
		if (page_info(mc, pfn).use == MHP_PAGE_ALLOCATED)
			assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	for (pfn = 0; pfn < block_start(mc, FIRST_BLOCK + 1); pfn++)
		if (pfn >= block_start(mc, FIRST_BLOCK) &&
		    page_info(mc, pfn).use == MHP_PAGE_ALLOCATED)
			assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	before = snapshot(mc, 0);
	assert_int_equal(
		evict(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING, &report),
		MHP_ERR_NOMEM);
	assert_int_equal(mhp_memmap_move(mc->m, FIRST_BLOCK + 1,
					 MHP_PLACEMENT_EXISTING,
					 MHP_NO_DEADLINE, &report),
			 MHP_ERR_NOMEM);
	unchanged(mc, before, 0);
	for (pfn = 0; pfn < block_start(mc, NR_BOOT_BLOCKS); pfn++)
		if (page_info(mc, pfn).use == MHP_PAGE_ALLOCATED)
			assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
}

/* ---- blocks change while pages are emptied ---- */

static void leave_meanwhile(struct shelf *shelf, const struct mhp_move *move)
{
	struct machine *mc = shelf->mc;
	bool *remove = shelf->at_move_arg;

	(void)move;
	shelf->at_move = NULL;
	assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK + NR_FEW - 1,
					   MHP_NO_DEADLINE, NULL),
			 0);
	if (*remove)
		assert_int_equal(
			mhp_remove(mc->m,
				   block_range(mc, FIRST_BLOCK + NR_FEW - 1, 1),
				   NULL),
			0);
	/* What is being evicted does not. */
	assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK + 1,
					   MHP_NO_DEADLINE, NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(evict(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING, NULL),
			 MHP_ERR_BUSY);
}

static void meanwhile(struct machine *mc, bool remove)
{
	struct shelf *shelf = shelf_open(mc);
	struct range r;
	uint64_t i;

	if (moves_in_use(mc) && few(&r, mc, true)) {
		shelf_fill(shelf, FIRST_BLOCK + 1, 0, 2);
		shelf->at_move = leave_meanwhile;
		shelf->at_move_arg = &remove;
		must(evict(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK, NULL),
		     &(struct mhp_report){0});
		assert_null(shelf->at_move);
		check_ok(mc);
		shelf_verify(shelf);
		for (i = 1; i + remove < NR_FEW; i++)
			assert_int_equal(
				block_info(mc, FIRST_BLOCK + i).placement,
				MHP_PLACEMENT_BLOCK);
	}
	shelf_close(shelf);
	machine_again(mc, 0);
}

static void test_meanwhile(struct machine *mc)
{
	meanwhile(mc, true);
	meanwhile(mc, false);
}

/* ---- every call of the port that may fail, fails ---- */

struct trial {
	enum mhp_placement to;
	bool online;
	bool used;
};

/* Return: false when call @k is not met any more. */
static bool trial_run(struct machine *mc, const struct trial *t,
		      enum mhp_model_fault how, uint64_t k)
{
	unsigned int leave_out = t->used ? SNAP_NO_PAGES : 0;
	struct shelf *shelf;
	struct range r;
	char *before;
	int err;

	machine_again(mc, 0);
	shelf = shelf_open(mc);
	few(&r, mc, t->online);
	if (t->used)
		fill(shelf, &r);
	before = snapshot(mc, leave_out);
	mhp_model_fail(mc->model, how, k);
	err = evict(mc, FIRST_BLOCK, t->to, NULL);
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	if (err) {
		unchanged(mc, before, leave_out);
		shelf_verify(shelf);
		evict_host(&r, 0, t->to);
	} else {
		free(before);
	}
	shelf_verify(shelf);
	shelf_close(shelf);
	return err;
}

static void test_faults(struct machine *mc)
{
	const struct trial trials[] = {
		{MHP_PLACEMENT_EXISTING, false, false},
		{MHP_PLACEMENT_EXISTING, true, true},
		{MHP_PLACEMENT_BLOCK, false, false},
		{MHP_PLACEMENT_BLOCK, true, true},
	};
	struct range r;
	unsigned int i;
	int how;

	if (!few(&r, mc, false))
		return;
	for (i = 0; i < 4; i++)
		for (how = MHP_MODEL_FAIL_ONCE; how <= MHP_MODEL_FAIL_FROM_THEN;
		     how++) {
			struct trial t = trials[i];
			uint64_t k = 1;

			t.used &= moves_in_use(mc);
			while (trial_run(mc, &t, (enum mhp_model_fault)how, k))
				assert_true(++k < MANY_CALLS);
			/* The list, and more if something is taken. */
			assert_true(k > 1);
		}
}

static const struct machine_test tests[] = {
	{"like_added", test_like_added},
	{"any_order", test_any_order},
	{"alone", test_alone},
	{"host_leaves", test_host_leaves},
	{"refused", test_refused},
	{"last_first", test_last_first},
	{"nothing_to_do", test_nothing_to_do},
	{"not_from_there", test_not_from_there},
	{"meanwhile", test_meanwhile},
	{"faults", test_faults},
};

int main(void)
{
	return range_run("evict", tests, sizeof(tests) / sizeof(tests[0]));
}
