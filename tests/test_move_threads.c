/* SPDX-License-Identifier: MIT */
/*
 * Threads use pages while the memmaps of their blocks move to and fro: they
 * allocate, free and query, and write to descriptors through pointers that they
 * keep. Who writes to a piece that is just copied faults, waits and tries
 * again.
 *
 * Each page is stamped, in its descriptor, by the item that has it. Nothing is
 * lost, nothing given out twice, and every stamp is where it was written last.
 *
 * MHP_TEST_ROUNDS: how many moves.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define NR_WORKERS 3
#define NR_PAGES 64 /* of a worker */
#define NR_MOVED 2  /* blocks */
#define ROUNDS 400

struct page {
	pthread_mutex_t mutex;
	mhp_pfn_t pfn; /* MHP_PFN_NONE: it has none */
	uint64_t *extra;
	uint64_t stamp;
};

struct worker {
	pthread_t thread;
	struct crowd *crowd;
	struct dice dice;
	struct page pages[NR_PAGES];
	uint64_t nr_allocs;
	uint64_t nr_failed;
};

struct crowd {
	struct machine *mc;
	uint16_t owner;
	uint64_t stop; /* [atomic] */
	struct worker workers[NR_WORKERS];
};

static uint64_t nr_waits; /* [atomic] */

/* A write to what is just being copied: try again, until it has moved. */
static void wait_a_moment(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if (info->si_code != SEGV_ACCERR)
		abort();
	__atomic_fetch_add(&nr_waits, 1, __ATOMIC_RELAXED);
	sched_yield();
}

static uint64_t load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static uint64_t *extra_of(struct machine *mc, mhp_pfn_t pfn)
{
	return mhp_frame_extra(mc->m, pfn);
}

/* ---- the owner of all pages ---- */

static struct page *page_of(struct crowd *c, uint64_t cookie)
{
	return &c->workers[cookie / NR_PAGES].pages[cookie % NR_PAGES];
}

static int crowd_move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	struct crowd *c = ctx;
	struct page *page = page_of(c, move->cookie);
	int err = MHP_ERR_AGAIN;

	(void)m;
	if (pthread_mutex_trylock(&page->mutex))
		return err;
	if (page->pfn == move->from_pfn) {
		page->pfn = move->to_pfn;
		page->extra = extra_of(c->mc, move->to_pfn);
		if (page->extra)
			store(page->extra, page->stamp);
		err = 0;
	}
	pthread_mutex_unlock(&page->mutex);
	return err;
}

static const struct mhp_owner_ops crowd_ops = {
	.size_bytes = sizeof(crowd_ops),
	.name = "crowd",
	.move = crowd_move,
};

/* ---- workers ---- */

static void page_alloc(struct worker *w, struct page *page, uint64_t cookie)
{
	struct mhp_request request = {.mobility = MHP_MOVABLE,
				      .owner = w->crowd->owner,
				      .cookie = cookie};
	struct machine *mc = w->crowd->mc;

	if (mhp_frame_alloc(mc->m, &request, &page->pfn)) {
		page->pfn = MHP_PFN_NONE;
		w->nr_failed++;
		return;
	}
	w->nr_allocs++;
	page->extra = extra_of(mc, page->pfn);
}

static void page_check(struct worker *w, const struct page *page,
		       uint64_t cookie)
{
	struct mhp_page_info info;

	if (page->extra)
		assert_true(load(page->extra) == page->stamp);
	mhp_frame_query(w->crowd->mc->m, page->pfn, &info);
	assert_true(info.use == MHP_PAGE_ALLOCATED && info.cookie == cookie &&
		    info.head_pfn == page->pfn);
}

static void page_free(struct worker *w, struct page *page)
{
	assert_int_equal(mhp_frame_free(w->crowd->mc->m, page->pfn, 0), 0);
	page->pfn = MHP_PFN_NONE;
}

static void worker_step(struct worker *w, uint64_t i)
{
	uint64_t cookie = (uint64_t)(w - w->crowd->workers) * NR_PAGES + i;
	struct page *page = &w->pages[i];

	pthread_mutex_lock(&page->mutex);
	if (page->pfn == MHP_PFN_NONE) {
		page_alloc(w, page, cookie);
	} else {
		page_check(w, page, cookie);
		if (!dice_below(&w->dice, 3))
			page_free(w, page);
	}
	if (page->pfn != MHP_PFN_NONE) {
		page->stamp += NR_WORKERS * NR_PAGES;
		if (page->extra)
			store(page->extra, page->stamp);
	}
	pthread_mutex_unlock(&page->mutex);
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	struct mhp_block_info info;
	struct mhp_tally tally;

	while (!__atomic_load_n(&w->crowd->stop, __ATOMIC_RELAXED)) {
		unsigned int k;

		for (k = 0; k < 64; k++)
			worker_step(w, dice_below(&w->dice, NR_PAGES));
		(void)!mhp_block_query(w->crowd->mc->m, FIRST_BLOCK, &info);
		(void)!mhp_frame_tally(
			w->crowd->mc->m,
			block_range(w->crowd->mc, FIRST_BLOCK, 2), &tally);
		(void)mhp_withheld(w->crowd->mc->m,
				   block_range(w->crowd->mc, FIRST_BLOCK, 2));
	}
	return NULL;
}

static void workers_start(struct crowd *c)
{
	uint64_t i, k;

	for (i = 0; i < NR_WORKERS; i++) {
		struct worker *w = &c->workers[i];

		w->crowd = c;
		w->dice.state = i + 1;
		for (k = 0; k < NR_PAGES; k++) {
			w->pages[k].pfn = MHP_PFN_NONE;
			w->pages[k].stamp = i * NR_PAGES + k + 1;
			pthread_mutex_init(&w->pages[k].mutex, NULL);
		}
	}
	for (i = 0; i < NR_WORKERS; i++)
		assert_int_equal(pthread_create(&c->workers[i].thread, NULL,
						worker_run, &c->workers[i]),
				 0);
}

static void workers_end(struct crowd *c)
{
	uint64_t i, k;

	__atomic_store_n(&c->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < NR_WORKERS; i++)
		pthread_join(c->workers[i].thread, NULL);
	for (i = 0; i < NR_WORKERS; i++)
		for (k = 0; k < NR_PAGES; k++) {
			struct worker *w = &c->workers[i];

			if (w->pages[k].pfn == MHP_PFN_NONE)
				continue;
			page_check(w, &w->pages[k], i * NR_PAGES + k);
			page_free(w, &w->pages[k]);
		}
}

/* ---- the mover ---- */

static uint64_t move_blocks(struct machine *mc, uint64_t rounds)
{
	uint64_t round, nr_moved = 0;

	for (round = 0; round < rounds; round++) {
		uint64_t id = FIRST_BLOCK + round % NR_MOVED;
		enum mhp_placement to = block_info(mc, id).placement ==
							MHP_PLACEMENT_BLOCK
						? MHP_PLACEMENT_EXISTING
						: MHP_PLACEMENT_BLOCK;
		struct mhp_report r;
		int err = mhp_memmap_move(mc->m, id, to, MHP_NO_DEADLINE, &r);

		/* A page may be between two owners for long. */
		if (err && r.why != MHP_WHY_IN_FLIGHT &&
		    r.why != MHP_WHY_NO_TARGET)
			fail_msg("%s: why %d", mhp_errname(err), (int)r.why);
		nr_moved += !err;
	}
	return nr_moved;
}

static void catch_writers(struct sigaction *before)
{
	struct sigaction action = {.sa_sigaction = wait_a_moment,
				   .sa_flags = SA_SIGINFO};

	assert_int_equal(sigaction(SIGSEGV, &action, before), 0);
}

static void test_to_and_fro(struct machine *mc)
{
	struct crowd *c = calloc(1, sizeof(*c));
	uint64_t rounds = env_number("MHP_TEST_ROUNDS", ROUNDS), nr_moved;
	struct sigaction before;

	assert_non_null(c);
	c->mc = mc;
	plug(mc, FIRST_BLOCK, NR_MOVED, MHP_PLACEMENT_EXISTING,
	     MHP_ONLINE_MOVABLE);
	assert_int_equal(mhp_owner_register(mc->m, &crowd_ops, c, &c->owner),
			 0);
	catch_writers(&before);
	workers_start(c);
	nr_moved = move_blocks(mc, rounds);
	workers_end(c);
	sigaction(SIGSEGV, &before, NULL);
	print_message("# %" PRIu64 " moves, %" PRIu64 " writers waited\n",
		      nr_moved, nr_waits);
	assert_true(nr_moved > 0);
	assert_int_equal(mhp_owner_unregister(mc->m, c->owner), 0);
	check_ok(mc);
	free(c);
}

static const struct machine_test tests[] = {
	{"to_and_fro", test_to_and_fro},
};

int main(void)
{
	return machine_run("move-threads", tests, 1, false);
}
