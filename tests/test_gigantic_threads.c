/* SPDX-License-Identifier: MIT */
/*
 * Threads that want the same pageblocks: of two frees of one allocation one is
 * refused, of runs that overlap one is given, and single pages in between do no
 * harm to either.
 */
#include <pthread.h>
#include <stdlib.h>

#include "support.h"

#define NR_THREADS 4
#define NR_ROUNDS 400
#define NR_BUSY_ROUNDS 3000

struct contest {
	struct machine mc;
	pthread_barrier_t barrier;
	mhp_pfn_t pfn;	   /* what all of them free */
	uint64_t nr_pages; /* its length */
	uint32_t *stamps;  /* of pages: who has it, or 0 */
	int errs[NR_THREADS];
};

struct racer {
	struct contest *c;
	pthread_t thread;
	uint32_t number;
};

static void contest_run(struct contest *c, void *(*run)(void *))
{
	struct racer racers[NR_THREADS];
	uint32_t i;

	assert_int_equal(pthread_barrier_init(&c->barrier, NULL, NR_THREADS),
			 0);
	for (i = 0; i < NR_THREADS; i++) {
		racers[i] = (struct racer){.c = c, .number = i};
		assert_int_equal(pthread_create(&racers[i].thread, NULL, run,
						&racers[i]),
				 0);
	}
	for (i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
	pthread_barrier_destroy(&c->barrier);
}

static void contest_start(struct contest *c, struct machine *mc)
{
	c->mc = *mc;
	plug(mc, FIRST_BLOCK, 6, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	c->stamps = calloc(block_start(mc, NR_BLOCKS), sizeof(*c->stamps));
	assert_non_null(c->stamps);
}

/* ---- one allocation, freed by all ---- */

static void *free_all(void *arg)
{
	struct racer *me = arg;
	struct contest *c = me->c;
	int i;

	for (i = 0; i < NR_ROUNDS; i++) {
		if (pthread_barrier_wait(&c->barrier) ==
		    PTHREAD_BARRIER_SERIAL_THREAD) {
			struct mhp_request request = {0};

			if (mhp_run_alloc(c->mc.m, &request, c->nr_pages,
					  &c->pfn))
				abort();
		}
		pthread_barrier_wait(&c->barrier);
		c->errs[me->number] = mhp_run_free(c->mc.m, c->pfn,
						   c->nr_pages);
		if (pthread_barrier_wait(&c->barrier) ==
		    PTHREAD_BARRIER_SERIAL_THREAD) {
			unsigned int nr = 0, k;

			for (k = 0; k < NR_THREADS; k++)
				nr += !c->errs[k];
			if (nr != 1)
				abort();
		}
	}
	return NULL;
}

static void test_double_free(struct machine *mc)
{
	struct contest c = {.nr_pages = 2 * mhp_block_pages(mc->g) +
					3 * mhp_pageblock_pages(mc->g)};
	char *before;

	contest_start(&c, mc);
	before = snapshot(mc, 0);
	contest_run(&c, free_all);
	unchanged(mc, before, 0);
	free(c.stamps);
}

/* ---- runs that overlap ---- */

static void stamp(struct contest *c, mhp_pfn_t pfn, uint64_t nr_pages,
		  uint32_t from, uint32_t to)
{
	uint64_t i;

	for (i = 0; i < nr_pages; i++) {
		uint32_t expect = from;

		if (!__atomic_compare_exchange_n(&c->stamps[pfn + i], &expect,
						 to, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			abort();
	}
}

/* Lengths from a page to more than a block, aligned or not. */
static void *overlap(void *arg)
{
	struct racer *me = arg;
	struct contest *c = me->c;
	const struct mhp_geometry *g = c->mc.g;
	struct dice dice = {.state = me->number + 1};
	int i;

	for (i = 0; i < NR_BUSY_ROUNDS; i++) {
		struct mhp_request request = {0};
		uint64_t nr = 1;
		mhp_pfn_t pfn;
		int err;

		if (dice_below(&dice, 4)) {
			nr = mhp_pageblock_pages(g) *
			     (1 +
			      dice_below(&dice, mhp_block_pageblocks(g) + 4));
			request.align_order = (uint8_t)dice_below(
				&dice, mhp_gigantic_order(g) + 1);
			err = mhp_run_alloc(c->mc.m, &request, nr, &pfn);
		} else {
			err = mhp_frame_alloc(c->mc.m, &request, &pfn);
		}
		if (err)
			continue;
		stamp(c, pfn, nr, 0, me->number + 1);
		stamp(c, pfn, nr, me->number + 1, 0);
		err = nr == 1 ? mhp_frame_free(c->mc.m, pfn, 0)
			      : mhp_run_free(c->mc.m, pfn, nr);
		if (err)
			abort();
	}
	return NULL;
}

static void test_overlap(struct machine *mc)
{
	struct contest c = {.nr_pages = 0};
	uint64_t id = 0, nr = 0;

	contest_start(&c, mc);
	for (; !mhp_block_next(mc->m, &id); id++)
		nr += block_info(mc, id).nr_allocated;
	contest_run(&c, overlap);
	for (id = 0; !mhp_block_next(mc->m, &id); id++)
		nr -= block_info(mc, id).nr_allocated;
	assert_int_equal(nr, 0);
	check_ok(mc);
	free(c.stamps);
}

int main(void)
{
	static const struct machine_test tests[] = {
		{"one allocation, freed by all", test_double_free},
		{"runs that overlap", test_overlap},
	};

	return machine_run("gigantic threads", tests,
			   sizeof(tests) / sizeof(tests[0]), false);
}
