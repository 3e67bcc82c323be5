/* SPDX-License-Identifier: MIT */
/*
 * Threads fill and free pages, lent ones among them, while others allocate huge
 * pages, lend what describes them, split them and free them, take pages back,
 * and take the block offline and online. Every page is stamped by the item that
 * has it: none is given to two, none is lost when it moves, and no stamp is
 * overwritten by a descriptor of what its page once described.
 *
 * MHP_TEST_ROUNDS: how many turns.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "lend_support.h"

#define NR_WORKERS 2
#define NR_PAGES 64 /* of a worker */
#define ROUNDS 80

struct page {
	pthread_mutex_t mutex;
	mhp_pfn_t pfn; /* MHP_PFN_NONE: it has none */
};

struct worker {
	pthread_t thread;
	struct crowd *crowd;
	struct dice dice;
	struct page pages[NR_PAGES];
	uint64_t nr_allocs;
};

struct crowd {
	struct machine *mc;
	uint16_t owner;
	uint64_t stop; /* [atomic] */
	struct worker workers[NR_WORKERS];
	struct dice dice; /* of the main thread */
	struct dice life;
	uint64_t nr_lent, nr_split, nr_busy, nr_taken, nr_offline;
};

static uint64_t *content(struct machine *mc, mhp_pfn_t pfn)
{
	return mhp_frame_address(mc->m, pfn);
}

/* A stamp at both ends of a page. */
static void stamp(struct machine *mc, mhp_pfn_t pfn, uint64_t value)
{
	uint64_t last = mhp_page_bytes(mc->g) / 8 - 1;

	__atomic_store_n(content(mc, pfn), value, __ATOMIC_RELAXED);
	__atomic_store_n(content(mc, pfn) + last, value, __ATOMIC_RELAXED);
}

static void verify(struct machine *mc, mhp_pfn_t pfn, uint64_t value)
{
	uint64_t last = mhp_page_bytes(mc->g) / 8 - 1;

	if (__atomic_load_n(content(mc, pfn), __ATOMIC_RELAXED) != value ||
	    __atomic_load_n(content(mc, pfn) + last, __ATOMIC_RELAXED) != value)
		abort();
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
		verify(c->mc, move->from_pfn, move->cookie);
		stamp(c->mc, move->to_pfn, move->cookie);
		page->pfn = move->to_pfn;
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

static void page_turn(struct worker *w, uint64_t i)
{
	struct machine *mc = w->crowd->mc;
	struct page *page = &w->pages[i];
	uint64_t cookie = (uint64_t)(w - w->crowd->workers) * NR_PAGES + i;
	const struct mhp_request request = {.mobility = MHP_MOVABLE,
					    .owner = w->crowd->owner,
					    .cookie = cookie};
	mhp_pfn_t pfn;

	pthread_mutex_lock(&page->mutex);
	if (page->pfn != MHP_PFN_NONE) {
		verify(mc, page->pfn, cookie);
		if (mhp_frame_free(mc->m, page->pfn, 0))
			abort();
		page->pfn = MHP_PFN_NONE;
	} else if (!mhp_frame_alloc(mc->m, &request, &pfn)) {
		stamp(mc, pfn, cookie);
		page->pfn = pfn;
		w->nr_allocs++;
	}
	pthread_mutex_unlock(&page->mutex);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&w->crowd->stop, __ATOMIC_ACQUIRE))
		page_turn(w, dice_below(&w->dice, NR_PAGES));
	return NULL;
}

/* The block that all is about comes and goes, when it can. */
static void *life(void *arg)
{
	struct crowd *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		uint64_t id = FIRST_BLOCK + dice_below(&c->life, 2);
		int err = mhp_block_offline(c->mc->m, id, MHP_NO_DEADLINE,
					    NULL);

		if (err && err != MHP_ERR_BUSY && err != MHP_ERR_NOMEM)
			abort();
		c->nr_offline += !err;
		if (!err &&
		    mhp_block_online(c->mc->m, id, MHP_ONLINE_KERNEL, NULL))
			abort();
		sched_yield();
	}
	return NULL;
}

/* ---- who lends ---- */

static void free_parts(struct crowd *c, mhp_pfn_t pfn, uint64_t nr_pages,
		       unsigned int order)
{
	uint64_t i;

	for (i = 0; i < nr_pages; i += UINT64_C(1) << order)
		assert_int_equal(mhp_frame_free(c->mc->m, pfn + i, order), 0);
}

/* One huge page: lend, then split it, or free it as it is. */
static void huge_turn(struct crowd *c)
{
	const struct mhp_request request = {
		.order = (uint8_t)mhp_pageblock_order(c->mc->g),
		.flags = dice_below(&c->dice, 2) ? MHP_ALLOC_NO_TAILS : 0};
	uint64_t nr_pages = mhp_pageblock_pages(c->mc->g), nr = 0;
	unsigned int order = (unsigned int)dice_below(&c->dice, request.order);
	mhp_pfn_t pfn;
	int err;

	if (mhp_frame_alloc(c->mc->m, &request, &pfn))
		return;
	assert_int_equal(mhp_memmap_lend(c->mc->m, pfn, nr_pages, &nr, NULL),
			 0);
	c->nr_lent += nr;
	if (dice_below(&c->dice, 2)) {
		assert_int_equal(mhp_frame_free(c->mc->m, pfn, request.order),
				 0);
		return;
	}
	sched_yield();
	err = mhp_frame_split(c->mc->m, pfn, nr_pages, order, 0,
			      MHP_NO_DEADLINE, NULL);
	if (err) {
		assert_true(err == MHP_ERR_BUSY || err == MHP_ERR_NOMEM);
		c->nr_busy++;
		free_parts(c, pfn, nr_pages, request.order);
		return;
	}
	c->nr_split++;
	free_parts(c, pfn, nr_pages, order);
}

static void take_back_turn(struct crowd *c)
{
	uint32_t flags = dice_below(&c->dice, 2) ? MHP_TAKE_BACK_FREE : 0;
	int err = mhp_memmap_take_back(c->mc->m,
				       block_range(c->mc, FIRST_BLOCK, 2),
				       flags, MHP_NO_DEADLINE, NULL);

	assert_true(err == 0 || err == MHP_ERR_BUSY || err == MHP_ERR_NOMEM);
	c->nr_taken += !err;
}

/* ---- all of it ---- */

static void crowd_start(struct crowd *c, struct machine *mc)
{
	uint64_t i, k;

	memset(c, 0, sizeof(*c));
	c->mc = mc;
	dice_start(&c->dice, 1);
	c->life.state = c->dice.state * 3;
	assert_int_equal(mhp_owner_register(mc->m, &crowd_ops, c, &c->owner),
			 0);
	for (i = 0; i < NR_WORKERS; i++) {
		struct worker *w = &c->workers[i];

		w->crowd = c;
		w->dice.state = c->dice.state + i * 8 + 5;
		for (k = 0; k < NR_PAGES; k++) {
			pthread_mutex_init(&w->pages[k].mutex, NULL);
			w->pages[k].pfn = MHP_PFN_NONE;
		}
	}
}

static void crowd_end(struct crowd *c)
{
	uint64_t i, k;

	for (i = 0; i < NR_WORKERS; i++)
		for (k = 0; k < NR_PAGES; k++)
			if (c->workers[i].pages[k].pfn != MHP_PFN_NONE)
				page_turn(&c->workers[i], k);
	check_ok(c->mc);
	assert_int_equal(mhp_owner_unregister(c->mc->m, c->owner), 0);
}

/* So that all goes on in what was added; it is not given back. */
static void take_boot_memory(struct machine *mc)
{
	struct mhp_request request = {
		.order = (uint8_t)mhp_pageblock_order(mc->g)};
	mhp_pfn_t pfn;

	while (!mhp_frame_alloc(mc->m, &request, &pfn))
		;
	request.order = 0;
	while (!mhp_frame_alloc(mc->m, &request, &pfn))
		;
}

static void lend_among(struct machine *mc, enum mhp_placement placement)
{
	uint64_t i, nr = env_number("MHP_TEST_ROUNDS", ROUNDS);
	static struct crowd c;
	pthread_t leaver;

	crowd_start(&c, mc);
	take_boot_memory(mc);
	plug(mc, FIRST_BLOCK, 2, placement, MHP_ONLINE_KERNEL);
	for (i = 0; i < NR_WORKERS; i++)
		assert_int_equal(pthread_create(&c.workers[i].thread, NULL,
						work, &c.workers[i]),
				 0);
	assert_int_equal(pthread_create(&leaver, NULL, life, &c), 0);
	for (i = 0; i < nr; i++) {
		huge_turn(&c);
		if (i % 8 == 0)
			take_back_turn(&c);
		sched_yield(); /* mutexes are not fair */
	}
	__atomic_store_n(&c.stop, 1, __ATOMIC_RELEASE);
	for (i = 0; i < NR_WORKERS; i++)
		assert_int_equal(pthread_join(c.workers[i].thread, NULL), 0);
	assert_int_equal(pthread_join(leaver, NULL), 0);
	check_ok(mc);
	print_message("# lent %" PRIu64 " pages, split %" PRIu64 " (%" PRIu64
		      " busy), taken back %" PRIu64 " times, offline %" PRIu64
		      " times, %" PRIu64 " pages\n",
		      c.nr_lent, c.nr_split, c.nr_busy, c.nr_taken,
		      c.nr_offline,
		      c.workers[0].nr_allocs + c.workers[1].nr_allocs);
	crowd_end(&c);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 2),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(stat_now(mc).nr_memmap_lent, 0);
}

static void test_block(struct machine *mc)
{
	lend_among(mc, MHP_PLACEMENT_BLOCK);
}

static void test_range(struct machine *mc)
{
	lend_among(mc, MHP_PLACEMENT_RANGE);
}

static const struct machine_test tests[] = {
	{"block", test_block},
	{"range", test_range},
};

int main(void)
{
	return lend_run("lend_threads", tests,
			sizeof(tests) / sizeof(tests[0]));
}
