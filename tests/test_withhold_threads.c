/* SPDX-License-Identifier: MIT */
/*
 * One thread withholds and releases pages of a block, another takes the block
 * offline and puts it online, a third allocates from it. Each finds the others
 * in its way, and nothing else; and in the end the block has withheld exactly
 * what the first thread was told that it has.
 *
 * MHP_TEST_SEED: where to start.
 */
#include <pthread.h>
#include <sched.h>

#include "withhold_support.h"

#define NR_TURNS 800
#define NR_PAGES 64 /* that the third thread holds at once */

struct party {
	struct machine *mc;
	struct dice dice;
	uint64_t *nr_withheld; /* of each pageblock */
	uint32_t over;
	uint64_t nr_done, nr_busy;
};

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)

static void note(struct party *p, int err)
{
	if (err)
		p->nr_busy++;
	else
		p->nr_done++;
}

/* Change the border of a pageblock: a call that is right meets BUSY at most. */
static void hold_turn(struct party *p)
{
	uint64_t nr = pageblock_pages(p->mc);
	uint64_t all = mhp_block_pages(p->mc->g) / nr;
	uint64_t first = (block_info(p->mc, FIRST_BLOCK).nr_memmap + nr - 1) /
			 nr;
	uint64_t i = first + dice_below(&p->dice, all - first), n;
	mhp_pfn_t end = block_start(p->mc, FIRST_BLOCK) + (i + 1) * nr;
	mhp_pfn_t border = end - p->nr_withheld[i];
	bool release = dice_below(&p->dice, 2);
	int err;

	n = release ? p->nr_withheld[i] : nr - p->nr_withheld[i];
	if (!n)
		return;
	n = 1 + dice_below(&p->dice, n);
	err = release ? mhp_release(p->mc->m, mhp_range_make(border, n), NULL)
		      : mhp_withhold(p->mc->m, mhp_range_make(border - n, n),
				     MHP_NO_DEADLINE, NULL);
	assert_true(err == 0 || err == MHP_ERR_BUSY);
	note(p, err);
	if (!err)
		p->nr_withheld[i] += release ? -n : n;
}

static void *life(void *arg)
{
	struct party *p = arg;

	while (!LOAD(p->over)) {
		int err = mhp_block_offline(p->mc->m, FIRST_BLOCK,
					    MHP_NO_DEADLINE, NULL);

		if (err && err != MHP_ERR_BUSY)
			abort();
		note(p, err);
		if (!err && mhp_block_online(p->mc->m, FIRST_BLOCK,
					     MHP_ONLINE_KERNEL, NULL))
			abort();
	}
	return NULL;
}

/* Each page is written while it is held; nobody else may have it. */
static void *work(void *arg)
{
	const struct mhp_request request = {.align_order = 0};
	struct party *p = arg;
	mhp_pfn_t pfns[NR_PAGES];
	unsigned int i, nr;

	while (!LOAD(p->over)) {
		for (nr = 0; nr < NR_PAGES; nr++) {
			if (mhp_frame_alloc(p->mc->m, &request, &pfns[nr]))
				break;
			if (mhp_withheld(p->mc->m, mhp_range_make(pfns[nr], 1)))
				abort();
		}
		for (i = 0; i < nr; i++)
			if (mhp_frame_free(p->mc->m, pfns[i], 0))
				abort();
		p->nr_done += nr;
	}
	return NULL;
}

/* So that pages come from the block that all is about. */
static void take_boot_memory(struct machine *mc)
{
	struct mhp_request request = {
		.order = (uint8_t)mhp_pageblock_order(mc->g)};
	mhp_pfn_t pfn;

	while (!mhp_frame_alloc(mc->m, &request, &pfn))
		;
}

static void test_three(struct machine *mc)
{
	struct party hold = {.mc = mc}, offline = {.mc = mc},
		     alloc = {.mc = mc};
	uint64_t all = mhp_block_pages(mc->g) / pageblock_pages(mc), i, sum = 0;
	pthread_t threads[2];

	take_boot_memory(mc);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	hold.nr_withheld = calloc(all, sizeof(*hold.nr_withheld));
	assert_non_null(hold.nr_withheld);
	dice_start(&hold.dice, 1);
	assert_int_equal(pthread_create(&threads[0], NULL, life, &offline), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, work, &alloc), 0);
	for (i = 0; i < NR_TURNS; i++) {
		hold_turn(&hold);
		sched_yield(); /* mutexes are not fair */
	}
	__atomic_store_n(&offline.over, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&alloc.over, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	print_message("# borders %" PRIu64 " (%" PRIu64
		      " busy), offline %" PRIu64 " (%" PRIu64
		      " busy), pages %" PRIu64 "\n",
		      hold.nr_done, hold.nr_busy, offline.nr_done,
		      offline.nr_busy, alloc.nr_done);
	check_ok(mc);
	/* Who never got the mutex in time gets it now. */
	for (i = 0; i < NR_TURNS && !hold.nr_done; i++)
		hold_turn(&hold);
	assert_true(hold.nr_done > 0);
	for (i = 0; i < all; i++)
		sum += hold.nr_withheld[i];
	check_ok(mc);
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_withheld, sum);
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_allocated, 0);
	free(hold.nr_withheld);
}

static const struct machine_test tests[] = {
	{"three", test_three},
};

int main(void)
{
	return machine_run("withhold_threads", tests, 1, true);
}
