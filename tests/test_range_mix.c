/* SPDX-License-Identifier: MIT */
/*
 * Ranges with one memmap, and memmaps that move out of them: blocks go on- and
 * offline, leave alone or together, come again in any placement; memmaps move
 * to existing memory, to their blocks, all off a host at once; they lend what
 * describes tails; pages are taken before, between and after, movable and not,
 * and whole pageblocks, which are taken apart. What a call may answer is left
 * open; what holds after each is not: the checker is content, nobody has a page
 * twice, none that is taken holds a memmap, what is taken keeps its content,
 * and in the end nothing is left.
 *
 * MHP_TEST_ROUNDS: how many such stories for each machine (default 3).
 */
#include <stdlib.h>
#include <string.h>

#include "lend_support.h"
#include "mhp/move.h"
#include "range_support.h"

#define NR_STEPS 160
#define MOST_TAKEN 4096
#define MOST_LARGE 16
#define MOST_BOOT 256

struct mix {
	struct machine *mc;
	struct dice dice;
	struct shelf *shelf;
	mhp_pfn_t taken[MOST_TAKEN];
	uint32_t nr_taken;
	struct mhp_range large[MOST_LARGE]; /* whole pageblocks */
	uint32_t nr_large;
	mhp_pfn_t boot[MOST_BOOT]; /* pageblocks of boot memory that are held */
	uint32_t nr_boot;
	uint64_t nr_done, nr_refused;
	uint64_t nr_moved, nr_evicted, nr_lent;
};

static uint64_t draw(struct mix *x, uint64_t n)
{
	return dice_below(&x->dice, n);
}

static uint64_t draw_block(struct mix *x)
{
	return FIRST_BLOCK + draw(x, NR_RANGE);
}

static enum mhp_placement draw_target(struct mix *x)
{
	return draw(x, 2) ? MHP_PLACEMENT_BLOCK : MHP_PLACEMENT_EXISTING;
}

static uint64_t *word_of(struct mix *x, mhp_pfn_t pfn)
{
	return mhp_frame_address(x->mc->m, pfn);
}

/* ---- pages ---- */

static void take(struct mix *x, uint64_t most)
{
	const struct mhp_request request = {.mobility = MHP_UNMOVABLE};
	mhp_pfn_t pfn;

	while (most-- && x->nr_taken < MOST_TAKEN &&
	       !mhp_frame_alloc(x->mc->m, &request, &pfn)) {
		*word_of(x, pfn) = ~pfn;
		x->taken[x->nr_taken++] = pfn;
	}
}

static void give(struct mix *x, uint32_t nr_left)
{
	while (x->nr_taken > nr_left) {
		uint32_t i = (uint32_t)draw(x, x->nr_taken);
		mhp_pfn_t pfn = x->taken[i];

		assert_int_equal(*word_of(x, pfn), ~pfn);
		assert_int_equal(mhp_frame_free(x->mc->m, pfn, 0), 0);
		x->taken[i] = x->taken[--x->nr_taken];
	}
}

static void take_large(struct mix *x)
{
	unsigned int order = mhp_pageblock_order(x->mc->g);
	struct mhp_request request = {.mobility = MHP_UNMOVABLE};
	mhp_pfn_t pfn;

	request.order = (uint8_t)(order + draw(x, 2));
	if (request.order > mhp_gigantic_order(x->mc->g))
		request.order = (uint8_t)order;
	request.flags = draw(x, 2) ? MHP_ALLOC_NO_TAILS : 0;
	if (x->nr_large == MOST_LARGE ||
	    mhp_frame_alloc(x->mc->m, &request, &pfn))
		return;
	*word_of(x, pfn) = ~pfn;
	x->large[x->nr_large++] = mhp_range_make(pfn, UINT64_C(1)
							      << request.order);
}

static void give_large(struct mix *x, uint32_t i)
{
	struct mhp_range large = x->large[i];

	assert_int_equal(*word_of(x, large.start_pfn), ~large.start_pfn);
	assert_int_equal(
		mhp_run_free(x->mc->m, large.start_pfn, large.nr_pages), 0);
	x->large[i] = x->large[--x->nr_large];
}

/* What is large shall be in the range: little is left elsewhere. */
static void take_boot(struct mix *x)
{
	struct mhp_request request = {
		.mobility = MHP_UNMOVABLE,
		.order = (uint8_t)mhp_pageblock_order(x->mc->g),
	};
	mhp_pfn_t spare[MOST_BOOT];
	uint32_t nr = 0;

	while (x->nr_boot < MOST_BOOT && nr < MOST_BOOT &&
	       !mhp_frame_alloc(x->mc->m, &request, &x->boot[x->nr_boot]))
		if (draw(x, 4))
			x->nr_boot++;
		else
			spare[nr++] = x->boot[x->nr_boot];
	while (nr)
		assert_int_equal(
			mhp_frame_free(x->mc->m, spare[--nr], request.order),
			0);
}

static void give_boot(struct mix *x)
{
	unsigned int order = mhp_pageblock_order(x->mc->g);

	while (x->nr_boot)
		assert_int_equal(
			mhp_frame_free(x->mc->m, x->boot[--x->nr_boot], order),
			0);
}

static int compare_pfns(const void *a, const void *b)
{
	mhp_pfn_t left = *(const mhp_pfn_t *)a, right = *(const mhp_pfn_t *)b;

	return (left > right) - (left < right);
}

static void verify(struct mix *x)
{
	uint32_t i;

	check_ok(x->mc);
	shelf_verify(x->shelf);
	qsort(x->taken, x->nr_taken, sizeof(x->taken[0]), compare_pfns);
	for (i = 0; i < x->nr_taken; i++) {
		assert_true(!i || x->taken[i] != x->taken[i - 1]);
		assert_int_equal(*word_of(x, x->taken[i]), ~x->taken[i]);
		assert_int_equal(page_info(x->mc, x->taken[i]).use,
				 MHP_PAGE_ALLOCATED);
	}
	for (i = 0; i < x->nr_large; i++)
		assert_int_equal(*word_of(x, x->large[i].start_pfn),
				 ~x->large[i].start_pfn);
}

/* ---- steps ---- */

static void did(struct mix *x, int err)
{
	x->nr_done += !err;
	x->nr_refused += err != 0;
	/* A way of this engine to say no, and not one of something broken. */
	assert_true(!err || err == MHP_ERR_BUSY || err == MHP_ERR_NOMEM ||
		    err == MHP_ERR_OPNOTSUPP || err == MHP_ERR_INVAL ||
		    err == MHP_ERR_NOENT || err == MHP_ERR_EXIST);
}

static void step_online(struct mix *x)
{
	did(x, mhp_block_online(x->mc->m, draw_block(x),
				draw(x, 2) ? MHP_ONLINE_KERNEL
					   : MHP_ONLINE_MOVABLE,
				NULL));
}

static void step_online_all(struct mix *x)
{
	uint64_t id;

	for (id = FIRST_BLOCK; id < FIRST_BLOCK + NR_RANGE; id++)
		did(x, mhp_block_online(x->mc->m, id, MHP_ONLINE_KERNEL, NULL));
}

static void step_offline(struct mix *x)
{
	did(x,
	    mhp_block_offline(x->mc->m, draw_block(x), MHP_NO_DEADLINE, NULL));
}

static void step_remove(struct mix *x)
{
	uint64_t id = draw_block(x);
	uint64_t nr = 1 + draw(x, FIRST_BLOCK + NR_RANGE - id);

	did(x, mhp_remove(x->mc->m, block_range(x->mc, id, nr), NULL));
}

static void step_eject(struct mix *x)
{
	uint64_t id = draw_block(x);
	uint64_t nr = 1 + draw(x, FIRST_BLOCK + NR_RANGE - id);

	did(x, mhp_offline_and_remove(
		       x->mc->m, block_range(x->mc, id, nr), MHP_NO_DEADLINE,
		       draw(x, 2) ? MHP_OFFLINE_TWICE : 0, NULL));
}

/* As many as are missing from some block on. */
static void step_add(struct mix *x)
{
	uint64_t id = draw_block(x), nr = 0;
	struct mhp_block_info info;

	while (id + nr < FIRST_BLOCK + NR_RANGE &&
	       mhp_block_query(x->mc->m, id + nr, &info))
		nr++;
	if (nr)
		did(x, add_blocks(x->mc, id, nr,
				  (enum mhp_placement)draw(
					  x, MHP_PLACEMENT_RANGE + 1)));
}

static void step_move(struct mix *x)
{
	int err = mhp_memmap_move(x->mc->m, draw_block(x), draw_target(x),
				  MHP_NO_DEADLINE, NULL);

	x->nr_moved += !err;
	did(x, err);
}

static void step_evict(struct mix *x)
{
	uint64_t host = draw(x, 3) ? FIRST_BLOCK + draw(x, 3) : draw_block(x);
	int err = mhp_memmap_evict(x->mc->m, host, draw_target(x),
				   MHP_NO_DEADLINE, NULL);

	x->nr_evicted += !err;
	did(x, err);
}

static void step_pages(struct mix *x)
{
	if (!draw(x, 8))
		while (x->nr_large)
			give_large(x, 0);
	if (draw(x, 2))
		take(x, draw(x, 3) ? draw(x, 20) : UINT64_MAX);
	else
		give(x, draw(x, 2) ? 0 : (uint32_t)draw(x, x->nr_taken + 1));
}

static void step_items(struct mix *x)
{
	uint64_t i;

	for (i = draw(x, 4); i; i--)
		(void)shelf_alloc(x->shelf, NULL);
	for (i = draw(x, 4); i; i--) {
		struct item *item = &x->shelf->items[draw(x, 64)];

		if (item->live)
			shelf_free(x->shelf, item);
	}
}

static void step_large(struct mix *x)
{
	if (x->nr_large && !draw(x, 3))
		give_large(x, (uint32_t)draw(x, x->nr_large));
	else
		take_large(x);
}

static void step_lend(struct mix *x)
{
	const struct mhp_range *large;
	uint64_t nr;

	if (!x->nr_large)
		return;
	large = &x->large[draw(x, x->nr_large)];
	assert_int_equal(mhp_memmap_lend(x->mc->m, large->start_pfn,
					 large->nr_pages, &nr, NULL),
			 0);
	x->nr_lent += nr;
}

static void step_take_back(struct mix *x)
{
	uint64_t id = draw_block(x);
	uint64_t nr = 1 + draw(x, FIRST_BLOCK + NR_RANGE - id);

	did(x, mhp_memmap_take_back(x->mc->m, block_range(x->mc, id, nr),
				    draw(x, 2) ? MHP_TAKE_BACK_FREE : 0,
				    MHP_NO_DEADLINE, NULL));
}

/* Into pages, if there is room to know them. */
static void step_split(struct mix *x)
{
	uint32_t i = (uint32_t)draw(x, MOST_LARGE);
	struct mhp_range large = x->large[i];
	mhp_pfn_t pfn = large.start_pfn;
	int err;

	if (i >= x->nr_large || x->nr_taken + large.nr_pages > MOST_TAKEN)
		return;
	err = mhp_frame_split(x->mc->m, pfn, large.nr_pages, 0, 0,
			      MHP_NO_DEADLINE, NULL);
	did(x, err);
	if (err)
		return;
	x->large[i] = x->large[--x->nr_large];
	for (; pfn < mhp_range_end_pfn(large); pfn++) {
		*word_of(x, pfn) = ~pfn;
		x->taken[x->nr_taken++] = pfn;
	}
}

static void (*const steps[])(struct mix *x) = {
	step_online, step_online_all, step_offline,   step_offline, step_remove,
	step_eject,  step_add,	      step_add,	      step_move,    step_evict,
	step_pages,  step_items,      step_large,     step_large,   step_lend,
	step_lend,   step_lend,	      step_take_back, step_split,
};

#define NR_KINDS (sizeof(steps) / sizeof(steps[0]))

/* ---- a story ---- */

static bool is_known(struct mix *x, uint64_t id)
{
	struct mhp_block_info info;

	return !mhp_block_query(x->mc->m, id, &info);
}

/* Return: how many blocks are left. */
static uint64_t shed(struct mix *x)
{
	uint64_t id, nr = 0;

	for (id = FIRST_BLOCK; id < FIRST_BLOCK + NR_RANGE; id++)
		if (is_known(x, id) &&
		    mhp_offline_and_remove(x->mc->m, block_range(x->mc, id, 1),
					   MHP_NO_DEADLINE, 0, NULL))
			nr++;
	return nr;
}

/* Memmaps in existing memory may be on blocks that shall leave, even on each
 * other: then they move home first. */
static void mix_end(struct mix *x)
{
	uint64_t id, rounds = 0;

	while (x->nr_large)
		give_large(x, 0);
	give_boot(x);
	give(x, 0);
	shelf_close(x->shelf);
	while (shed(x)) {
		for (id = FIRST_BLOCK; id < FIRST_BLOCK + NR_RANGE; id++)
			did(x,
			    mhp_memmap_move(x->mc->m, id, MHP_PLACEMENT_BLOCK,
					    MHP_NO_DEADLINE, NULL));
		assert_true(++rounds < 3 * NR_RANGE);
		check_ok(x->mc);
	}
}

static void mix_run(struct machine *mc, uint64_t seed)
{
	char *before = snapshot(mc, SNAP_NO_PAGES);
	struct mix *x = calloc(1, sizeof(*x));
	unsigned int i;

	assert_non_null(x);
	x->mc = mc;
	dice_start(&x->dice, seed);
	x->shelf = shelf_open(mc);
	take_boot(x);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK, NR_RANGE, MHP_PLACEMENT_RANGE), 0);
	for (i = 0; i < NR_STEPS; i++) {
		steps[draw(x, NR_KINDS)](x);
		verify(x);
	}
	mix_end(x);
	unchanged(mc, before, SNAP_NO_PAGES);
	assert_true(x->nr_done > 10);
	assert_true(x->nr_refused > 0);
	print_message("# moved %u, evicted %u, lent %u\n",
		      (unsigned int)x->nr_moved, (unsigned int)x->nr_evicted,
		      (unsigned int)x->nr_lent);
	free(x);
}

static void test_mix(struct machine *mc)
{
	uint64_t rounds = env_number("MHP_TEST_ROUNDS", 3), i;

	for (i = 1; i <= rounds; i++) {
		mix_run(mc, i);
		if (i & 1 && range_can(mc, MHP_MODEL_DIRTY))
			machine_again(mc, MHP_MODEL_DIRTY);
		else
			machine_again(mc, 0);
	}
}

static const struct machine_test tests[] = {
	{"mix", test_mix},
};

int main(void)
{
	unsigned int nr = sizeof(tests) / sizeof(tests[0]);

	return range_run("range_mix", tests, nr) +
	       lend_run("range_mix_lent", tests, nr);
}
