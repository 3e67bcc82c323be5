/* SPDX-License-Identifier: MIT */
/*
 * Threads allocate and free while pages go bad under them: a page that was
 * taken out is never handed out, one that was held is not either once it has
 * been freed, and in the end nothing is lost.
 *
 * MHP_TEST_SEED: where to start.
 */
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define NR_WORKERS 3
#define NR_SLOTS 64
#define NR_ROUNDS 400
#define MAX_PAGES 65536

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)

struct load {
	struct machine *mc;
	uint32_t held[MAX_PAGES]; /* 1: somebody has it */
	uint32_t gone[MAX_PAGES]; /* 1: taken out for certain */
	uint32_t stop;
	uint64_t nr_wrong;
	uint64_t nr_allocs;
};

struct worker {
	struct load *load;
	pthread_t thread;
	struct dice dice;
	mhp_pfn_t pfns[NR_SLOTS];
	unsigned int orders[NR_SLOTS];
};

static void wrong_unless(struct load *load, bool right)
{
	if (!right)
		__atomic_fetch_add(&load->nr_wrong, 1, __ATOMIC_RELAXED);
}

/* Taken: by nobody else, and nothing that is gone. */
static void worker_alloc(struct worker *w, unsigned int i)
{
	struct load *load = w->load;
	struct mhp_request request = {
		.order = (uint8_t)(dice_below(&w->dice, 2)
					   ? 0
					   : dice_below(&w->dice,
							mhp_pageblock_order(
								load->mc->g) +
								1)),
	};
	uint64_t k;

	if (mhp_frame_alloc(load->mc->m, &request, &w->pfns[i])) {
		w->pfns[i] = MHP_PFN_NONE;
		return;
	}
	w->orders[i] = request.order;
	__atomic_fetch_add(&load->nr_allocs, 1, __ATOMIC_RELAXED);
	for (k = 0; k < UINT64_C(1) << request.order; k++) {
		wrong_unless(load,
			     !__atomic_exchange_n(&load->held[w->pfns[i] + k],
						  1, __ATOMIC_SEQ_CST));
		wrong_unless(load, !LOAD(load->gone[w->pfns[i] + k]));
	}
}

static void worker_free(struct worker *w, unsigned int i)
{
	struct load *load = w->load;
	uint64_t k;

	for (k = 0; k < UINT64_C(1) << w->orders[i]; k++)
		STORE(load->held[w->pfns[i] + k], 0);
	wrong_unless(load,
		     !mhp_frame_free(load->mc->m, w->pfns[i], w->orders[i]));
	w->pfns[i] = MHP_PFN_NONE;
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	unsigned int i;

	while (!LOAD(w->load->stop)) {
		i = (unsigned int)dice_below(&w->dice, NR_SLOTS);
		if (w->pfns[i] == MHP_PFN_NONE)
			worker_alloc(w, i);
		else
			worker_free(w, i);
	}
	for (i = 0; i < NR_SLOTS; i++)
		if (w->pfns[i] != MHP_PFN_NONE)
			worker_free(w, i);
	return NULL;
}

static void worker_start(struct worker *w, struct load *load, uint64_t seed)
{
	unsigned int i;

	w->load = load;
	w->dice.state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	for (i = 0; i < NR_SLOTS; i++)
		w->pfns[i] = MHP_PFN_NONE;
	assert_int_equal(pthread_create(&w->thread, NULL, worker_run, w), 0);
}

/* One page goes bad, and perhaps good again. What is not gone after a hard
 * report is allocated, and stays out when it is freed: the end looks. */
static void poison_one(struct load *load, struct dice *dice, mhp_pfn_t pfn)
{
	struct mhp *m = load->mc->m;
	int err = dice_below(dice, 4) ? mhp_poison_hard(m, pfn, NULL)
				      : mhp_poison_soft(m, pfn, NULL);

	if (err)
		return;
	if (page_info(load->mc, pfn).use == MHP_PAGE_POISONED)
		STORE(load->gone[pfn], 1);
	if (dice_below(dice, 3))
		return;
	STORE(load->gone[pfn], 0);
	assert_int_equal(mhp_poison_clear(m, pfn, NULL), 0);
}

static void poison_many(struct load *load, struct dice *dice, mhp_pfn_t end)
{
	unsigned int i;

	for (i = 0; i < NR_ROUNDS; i++) {
		mhp_pfn_t pfn = dice_below(dice, end);

		/* Not faster than the load. */
		while (__atomic_load_n(&load->nr_allocs, __ATOMIC_RELAXED) <
		       i * UINT64_C(16))
			sched_yield();
		poison_one(load, dice, pfn);
		/* Room for more, so that pages of all kinds have their turn. */
		pfn = dice_below(dice, end);
		if (mhp_is_poisoned(load->mc->m, pfn)) {
			STORE(load->gone[pfn], 0);
			assert_int_equal(
				mhp_poison_clear(load->mc->m, pfn, NULL), 0);
		}
	}
}

/* Everybody is gone: what is bad has been taken out, all else is free. */
static void verify(struct load *load, mhp_pfn_t end)
{
	mhp_pfn_t pfn;

	check_ok(load->mc);
	for (pfn = 0; pfn < end; pfn++) {
		struct mhp_page_info info = page_info(load->mc, pfn);

		assert_true(info.use != MHP_PAGE_ALLOCATED);
		if (info.poisoned && info.use != MHP_PAGE_MEMMAP)
			assert_int_equal(info.use, MHP_PAGE_POISONED);
		if (mhp_is_poisoned(load->mc->m, pfn))
			assert_int_equal(
				mhp_poison_clear(load->mc->m, pfn, NULL), 0);
	}
	check_ok(load->mc);
}

static void under_load(struct machine *mc)
{
	struct load *load = calloc(1, sizeof(*load));
	struct worker *workers = calloc(NR_WORKERS, sizeof(*workers));
	mhp_pfn_t end = block_start(mc, FIRST_BLOCK + 1);
	struct dice dice;
	char *snap;
	unsigned int i;

	dice_start(&dice, 7);
	assert_non_null(load);
	assert_non_null(workers);
	assert_true(end <= MAX_PAGES);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	snap = snapshot(mc, 0);
	load->mc = mc;
	for (i = 0; i < NR_WORKERS; i++)
		worker_start(&workers[i], load, dice_below(&dice, 1 << 20));
	poison_many(load, &dice, end);
	STORE(load->stop, 1);
	for (i = 0; i < NR_WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	assert_int_equal(load->nr_wrong, 0);
	assert_true(load->nr_allocs > 0);
	verify(load, end);
	unchanged(mc, snap, 0);
	free(workers);
	free(load);
}

int main(void)
{
	const struct machine_test tests[] = {{"under_load", under_load}};

	return machine_run("poison_threads", tests, 1, true);
}
