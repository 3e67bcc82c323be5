/* SPDX-License-Identifier: MIT */
/*
 * Runs over several blocks while their blocks leave and come back, and their
 * memmaps move, each by a thread of its own: the first block of a run may be
 * gone, or described elsewhere, while a step is about another block of it.
 *
 * Whoever has a run finds his stamp in it, wherever it is by then.
 *
 * MHP_TEST_SEED: where to start. MHP_TEST_ROUNDS: of each thread.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "support.h"

#define NR_PLUGGED 8
#define NR_RUNS 12
#define NR_LIVES 2 /* threads that take blocks away */
#define ROUNDS 150

struct run {
	mhp_pfn_t pfn;
	uint64_t nr_pages; /* 0: there is none */
};

struct crowd {
	struct machine *mc;
	uint16_t owner;
	pthread_mutex_t mutex; /* of the runs */
	struct run runs[NR_RUNS];
	uint64_t rounds;
	uint32_t over; /* [atomic] */
	uint64_t nr_moved, nr_gone, nr_memmaps;
};

struct worker {
	pthread_t thread;
	struct crowd *c;
	struct dice dice;
};

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define COUNT(x) __atomic_fetch_add(&(x), 1, __ATOMIC_RELAXED)

static void need(bool holds)
{
	if (!holds)
		abort(); /* cmocka knows one thread */
}

static uint64_t *stamp_of(struct crowd *c, mhp_pfn_t pfn, uint64_t nr_pages)
{
	return mhp_frame_address(c->mc->m, pfn + nr_pages - 1);
}

/* ---- the owner ---- */

static int crowd_move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	struct crowd *c = ctx;
	struct run *run = &c->runs[move->cookie];
	int err = MHP_ERR_AGAIN;

	(void)m;
	pthread_mutex_lock(&c->mutex);
	if (run->nr_pages == move->nr_pages && run->pfn == move->from_pfn) {
		*stamp_of(c, move->to_pfn, run->nr_pages) = *stamp_of(
			c, run->pfn, run->nr_pages);
		run->pfn = move->to_pfn;
		c->nr_moved++;
		err = 0;
	}
	pthread_mutex_unlock(&c->mutex);
	return err;
}

static const struct mhp_owner_ops crowd_ops = {
	.size_bytes = sizeof(crowd_ops),
	.name = "crowd",
	.move = crowd_move,
};

/* From two pageblocks to two blocks and a pageblock. */
static void run_take(struct worker *w, uint64_t i)
{
	const struct mhp_geometry *g = w->c->mc->g;
	struct mhp_request request = {
		.mobility = MHP_MOVABLE, .owner = w->c->owner, .cookie = i};
	uint64_t most = 2 * mhp_block_pageblocks(g), nr;
	mhp_pfn_t pfn;

	nr = (2 + dice_below(&w->dice, most)) * mhp_pageblock_pages(g);
	if (mhp_run_alloc(w->c->mc->m, &request, nr, &pfn))
		return;
	*stamp_of(w->c, pfn, nr) = i + 1;
	pthread_mutex_lock(&w->c->mutex);
	w->c->runs[i] = (struct run){.pfn = pfn, .nr_pages = nr};
	pthread_mutex_unlock(&w->c->mutex);
}

static void run_give(struct worker *w, uint64_t i)
{
	struct run run;

	pthread_mutex_lock(&w->c->mutex);
	run = w->c->runs[i];
	w->c->runs[i].nr_pages = 0;
	pthread_mutex_unlock(&w->c->mutex);
	need(*stamp_of(w->c, run.pfn, run.nr_pages) == i + 1);
	need(!mhp_run_free(w->c->mc->m, run.pfn, run.nr_pages));
}

/* Only this thread makes runs and takes them away. */
static void *runs(void *arg)
{
	struct worker *w = arg;

	while (!LOAD(w->c->over)) {
		uint64_t i = dice_below(&w->dice, NR_RUNS);

		if (w->c->runs[i].nr_pages)
			run_give(w, i);
		else
			run_take(w, i);
	}
	return NULL;
}

/* ---- blocks ---- */

/* All blocks from @id on that are not there, in one piece. */
static void come(struct worker *w, uint64_t id)
{
	struct mhp_add_request add = {.placement = MHP_PLACEMENT_EXISTING};
	struct mhp_block_info info;
	uint64_t nr = 0;

	while (id + nr < FIRST_BLOCK + NR_PLUGGED &&
	       mhp_block_query(w->c->mc->m, id + nr, &info) == MHP_ERR_NOENT)
		nr++;
	add.range = block_range(w->c->mc, id, nr);
	if (nr && !mhp_add(w->c->mc->m, &add, NULL))
		while (nr--)
			(void)!mhp_block_online(w->c->mc->m, id + nr,
						MHP_ONLINE_MOVABLE, NULL);
}

static void *life(void *arg)
{
	struct worker *w = arg;
	struct mhp *m = w->c->mc->m;
	uint64_t i;

	for (i = 0; i < w->c->rounds; i++) {
		uint64_t id = FIRST_BLOCK + dice_below(&w->dice, NR_PLUGGED);
		int err = mhp_block_offline(m, id, MHP_NO_DEADLINE, NULL);

		if (!err && dice_below(&w->dice, 2))
			err = mhp_remove(m, block_range(w->c->mc, id, 1), NULL);
		if (!err)
			COUNT(w->c->nr_gone);
		(void)!mhp_block_online(m, id, MHP_ONLINE_MOVABLE, NULL);
		/* Mostly later, with others. */
		if (!dice_below(&w->dice, 3))
			come(w, FIRST_BLOCK + dice_below(&w->dice, 2));
		sched_yield();
	}
	return NULL;
}

static void *memmaps(void *arg)
{
	struct worker *w = arg;

	while (!LOAD(w->c->over)) {
		uint64_t id = FIRST_BLOCK + dice_below(&w->dice, NR_PLUGGED);

		if (!mhp_memmap_move(w->c->mc->m, id,
				     dice_below(&w->dice, 3)
					     ? MHP_PLACEMENT_EXISTING
					     : MHP_PLACEMENT_BLOCK,
				     MHP_NO_DEADLINE, NULL))
			COUNT(w->c->nr_memmaps);
		sched_yield();
	}
	return NULL;
}

/* ---- together ---- */

static void crowd_run(struct crowd *c)
{
	static void *(*const roles[])(void *) = {life, life, runs, memmaps};
	struct worker workers[sizeof(roles) / sizeof(roles[0])];
	unsigned int i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		workers[i].c = c;
		dice_start(&workers[i].dice, i + 1);
		assert_int_equal(pthread_create(&workers[i].thread, NULL,
						roles[i], &workers[i]),
				 0);
	}
	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (i == NR_LIVES)
			__atomic_store_n(&c->over, 1, __ATOMIC_SEQ_CST);
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	}
	for (i = 0; i < NR_RUNS; i++)
		if (c->runs[i].nr_pages)
			run_give(&workers[0], i);
	print_message("# moved %" PRIu64 " runs, %" PRIu64 " memmaps; %" PRIu64
		      " blocks left\n",
		      c->nr_moved, c->nr_memmaps, c->nr_gone);
}

static void crowd_test(struct machine *mc, uint32_t flags)
{
	struct crowd c = {.mc = mc, .mutex = PTHREAD_MUTEX_INITIALIZER};

	machine_again(mc, flags | MHP_MODEL_NO_EXTRA);
	c.rounds = env_number("MHP_TEST_ROUNDS", ROUNDS);
	assert_int_equal(mhp_owner_register(mc->m, &crowd_ops, &c, &c.owner),
			 0);
	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_EXISTING,
	     MHP_ONLINE_MOVABLE);
	crowd_run(&c);
	check_ok(mc);
	assert_int_equal(mhp_owner_unregister(mc->m, c.owner), 0);
	assert_true(c.nr_gone > 0);
}

static void test_window(struct machine *mc)
{
	crowd_test(mc, mhp_page_bytes(mc->g) < 4096 ? 0 : MHP_MODEL_STRICT);
}

static void test_no_window(struct machine *mc)
{
	crowd_test(mc, MHP_MODEL_NO_WINDOW);
}

int main(void)
{
	static const struct machine_test tests[] = {
		{"with a window", test_window},
		{"without", test_no_window},
	};

	return machine_run("gigantic crowd", tests,
			   sizeof(tests) / sizeof(tests[0]), false);
}
