/* SPDX-License-Identifier: MIT */
/*
 * Threads take all the memory there is, a page or a pageblock at a time, and
 * give it back, while blocks of a range leave whose memmap is in other blocks:
 * the pages that held it come back under their hands. Every page carries the
 * stamp of who holds it; none is handed out twice, and none that serves a block
 * which is known. At the end of each round all stop, and nothing is lost.
 *
 * MHP_TEST_SEED: where to start. MHP_TEST_ROUNDS: how often each (default 12).
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "range_support.h"

#define NR_WORKERS 2
#define ROUNDS_DEFAULT 12
#define MAX_HELD 65536

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)

struct held {
	mhp_pfn_t pfn;
	uint8_t order;
};

struct party {
	struct machine *mc;
	uint32_t *stamps; /* of pages: who has it, or 0 */
	uint8_t *serves;  /* of pages: it holds memmap of a known block */
	uint32_t stopping, over;
	pthread_barrier_t stop, go;
};

struct worker {
	struct party *p;
	pthread_t thread;
	uint32_t number; /* from 1 on */
	struct dice dice;
	uint64_t nr_allocs;
	uint32_t nr_held;
	struct held held[MAX_HELD];
};

static void fail_page(const char *what, mhp_pfn_t pfn)
{
	fprintf(stderr, "range_threads: %s, pfn 0x%" PRIx64 "\n", what, pfn);
	abort();
}

static void stamp(struct party *p, const struct held *held, uint32_t from,
		  uint32_t to)
{
	mhp_pfn_t pfn = held->pfn, end = pfn + (UINT64_C(1) << held->order);

	for (; pfn < end; pfn++) {
		uint32_t expect = from;

		if (!__atomic_compare_exchange_n(&p->stamps[pfn], &expect, to,
						 false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			fail_page("it was handed out twice", pfn);
		if (LOAD(p->serves[pfn]))
			fail_page("it holds a memmap", pfn);
	}
}

static bool work_alloc(struct worker *me)
{
	struct mhp_request request = {.mobility = MHP_UNMOVABLE};
	struct held *held = &me->held[me->nr_held];

	if (!dice_below(&me->dice, 8))
		request.order = (uint8_t)dice_below(
			&me->dice, mhp_pageblock_order(me->p->mc->g) + 2u);
	if (me->nr_held == MAX_HELD ||
	    mhp_frame_alloc(me->p->mc->m, &request, &held->pfn))
		return request.order;
	held->order = request.order;
	stamp(me->p, held, 0, me->number);
	me->nr_held++;
	STORE(me->nr_allocs, me->nr_allocs + 1);
	return true;
}

static void work_free(struct worker *me, uint32_t i)
{
	struct held *held = &me->held[i];

	stamp(me->p, held, me->number, 0);
	if (mhp_frame_free(me->p->mc->m, held->pfn, held->order))
		fail_page("it could not be freed", held->pfn);
	*held = me->held[--me->nr_held];
}

/* All that can be had, and then most of it back. */
static void work_burst(struct worker *me)
{
	uint32_t least = (uint32_t)dice_below(&me->dice, 3);
	uint64_t most = dice_below(&me->dice, 3) ? UINT64_MAX : 50;

	while (most-- && !LOAD(me->p->stopping) && work_alloc(me))
		;
	while (me->nr_held > least)
		work_free(me, (uint32_t)dice_below(&me->dice, me->nr_held));
}

static void *work(void *arg)
{
	struct worker *me = arg;

	while (!LOAD(me->p->over)) {
		if (!LOAD(me->p->stopping)) {
			work_burst(me);
			continue;
		}
		while (me->nr_held)
			work_free(me, 0);
		pthread_barrier_wait(&me->p->stop);
		pthread_barrier_wait(&me->p->go);
	}
	return NULL;
}

/* ---- the range ---- */

static void note_piece(struct party *p, const struct range *r, uint64_t i,
		       bool serves)
{
	struct mhp_range piece = range_piece(r, i);
	uint64_t k;

	for (k = 0; k < piece.nr_pages; k++)
		STORE(p->serves[piece.start_pfn + k], serves);
}

static bool is_host(const struct range *r, uint64_t host)
{
	uint64_t i;

	for (i = 0; i < r->nr_blocks; i++)
		if (range_depends(r, i, host))
			return true;
	return false;
}

/* Only hosts are for the workers: the others can leave at any time. */
static uint64_t party_plug(struct party *p, struct range *r)
{
	uint64_t i, nr_hosts = 0;

	range_add(r, p->mc, NR_RANGE, 0);
	for (i = 0; i < NR_RANGE; i++)
		note_piece(p, r, i, true);
	for (i = 0; i < NR_RANGE; i++) {
		bool host = is_host(r, i);

		nr_hosts += host;
		range_online(r, i,
			     host ? MHP_ONLINE_KERNEL : MHP_ONLINE_MOVABLE);
	}
	return nr_hosts;
}

/* Blocks from @i on leave, in one call. */
static void party_remove(struct party *p, struct range *r, uint64_t i,
			 uint64_t nr)
{
	uint64_t k;

	for (k = i; k < i + nr; k++)
		note_piece(p, r, k, false);
	assert_int_equal(mhp_remove(p->mc->m,
				    block_range(p->mc, range_id(r, i), nr),
				    NULL),
			 0);
	for (k = i; k < i + nr; k++)
		r->known[k] = false;
}

/* Dependents leave, some at a time, or stay until the end. */
static void party_shed(struct party *p, struct range *r, uint64_t nr_hosts,
		       struct dice *dice)
{
	uint64_t i = nr_hosts, nr;

	for (nr = NR_RANGE; nr-- > nr_hosts;)
		range_offline(r, nr);
	for (; i < NR_RANGE; i += nr) {
		nr = 1 + dice_below(dice, 4);
		if (nr > NR_RANGE - i)
			nr = NR_RANGE - i;
		if (dice_below(dice, 4))
			party_remove(p, r, i, nr);
	}
}

static void party_round(struct party *p, struct dice *dice)
{
	struct range r;
	uint64_t i;

	party_shed(p, &r, party_plug(p, &r), dice);
	STORE(p->stopping, 1);
	pthread_barrier_wait(&p->stop);
	range_verify(&r);
	range_remove_all(&r);
	for (i = 0; i < NR_RANGE; i++)
		note_piece(p, &r, i, false);
	STORE(p->stopping, 0);
	pthread_barrier_wait(&p->go);
}

static void party_start(struct party *p, struct machine *mc)
{
	uint64_t nr = block_start(mc, NR_BLOCKS);

	*p = (struct party){.mc = mc};
	p->stamps = calloc(nr, sizeof(*p->stamps));
	p->serves = calloc(nr, sizeof(*p->serves));
	assert_non_null(p->stamps);
	assert_non_null(p->serves);
	pthread_barrier_init(&p->stop, NULL, NR_WORKERS + 1);
	pthread_barrier_init(&p->go, NULL, NR_WORKERS + 1);
}

static void party_end(struct party *p)
{
	pthread_barrier_destroy(&p->stop);
	pthread_barrier_destroy(&p->go);
	free(p->stamps);
	free(p->serves);
}

static struct worker *worker_start(struct party *p, uint32_t number)
{
	struct worker *me = calloc(1, sizeof(*me));

	assert_non_null(me);
	me->p = p;
	me->number = number;
	dice_start(&me->dice, 100 + number);
	assert_int_equal(pthread_create(&me->thread, NULL, work, me), 0);
	/* On a busy machine all could be over before it begins. */
	while (!LOAD(me->nr_allocs))
		sched_yield();
	return me;
}

static void worker_end(struct worker *me)
{
	assert_int_equal(pthread_join(me->thread, NULL), 0);
	while (me->nr_held)
		work_free(me, 0);
	free(me);
}

static void test_shed(struct machine *mc)
{
	uint64_t rounds = env_number("MHP_TEST_ROUNDS", ROUNDS_DEFAULT);
	char *before = snapshot(mc, SNAP_NO_PAGES);
	struct worker *workers[NR_WORKERS];
	struct party p;
	struct dice dice;
	uint32_t i;

	party_start(&p, mc);
	dice_start(&dice, 1);
	for (i = 0; i < NR_WORKERS; i++)
		workers[i] = worker_start(&p, i + 1);
	while (rounds--)
		party_round(&p, &dice);
	STORE(p.over, 1);
	for (i = 0; i < NR_WORKERS; i++)
		worker_end(workers[i]);
	party_end(&p);
	unchanged(mc, before, SNAP_NO_PAGES);
}

static const struct machine_test tests[] = {
	{"shed", test_shed},
};

int main(void)
{
	return range_run("range_threads", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
