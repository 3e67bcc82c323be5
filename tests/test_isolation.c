/* SPDX-License-Identifier: MIT */
/*
 * A million isolations of single pageblocks, while threads allocate and free
 * stamped pages of orders 0, 3 and that of a pageblock: an allocation that
 * began after an isolation was done, and ended before it was taken back, has no
 * page of that pageblock, and nobody has a page that another one has.
 *
 * A clock is odd while a pageblock is isolated: it goes up after isolation is
 * done and before it is taken back. What an allocation reads of it before and
 * after says which isolations it ran under.
 *
 * MHP_TEST_SEED: where to start. MHP_TEST_ROUNDS: how many isolations, else a
 * million, a tenth of that under the thread sanitizer. Under valgrind 2000
 * take some seconds.
 */
#include "src/isolate.h"
#include "src/section.h"

#include "support.h"

#include <pthread.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ROUNDS 100000
#endif
#endif
#ifndef ROUNDS
#define ROUNDS 1000000
#endif

#define NR_WORKERS 2
#define NR_SLOTS 160
#define NR_BULK 8
#define NR_PLUGGED 4
#define MAX_PAGES 65536
#define MAX_PAGEBLOCKS 1024
#define MAX_SPINS 2000

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)

/* The last isolation of a pageblock, by the clock. */
struct watch {
	uint64_t since; /* 0: none, or it is just being written */
	uint64_t until; /* UINT64_MAX: it lasts */
};

struct load {
	struct machine *mc;
	uint16_t owner;
	uint32_t stop;
	uint64_t clock;
	uint32_t stamps[MAX_PAGES]; /* who has a page; 0: nobody */
	struct watch watches[MAX_PAGEBLOCKS];
};

struct worker {
	struct load *load;
	pthread_t thread;
	uint32_t number;
	struct dice dice;
	mhp_pfn_t pfns[NR_SLOTS];
	uint8_t orders[NR_SLOTS];
	/* How many allocations there were; of these, how many ran under an
	 * isolation, and how many found nothing then; and what is wrong. */
	uint64_t nr_allocs, nr_looked, nr_refused, nr_isolated, nr_twice,
		nr_not_freed;
};

/* ---- who allocates ---- */

/* Whether a page that was handed out between two times of the clock was
 * isolated all the while. */
static bool was_isolated(struct load *load, mhp_pfn_t pfn, uint64_t began,
			 uint64_t ended)
{
	struct watch *w =
		&load->watches[pfn >> mhp_pageblock_order(load->mc->g)];
	uint64_t since = LOAD(w->since), until = LOAD(w->until);

	return since && LOAD(w->since) == since && since <= began &&
	       ended < until;
}

static void stamp(struct worker *w, mhp_pfn_t pfn, unsigned int order,
		  uint32_t from, uint32_t to)
{
	uint64_t i;

	for (i = 0; i < UINT64_C(1) << order; i++)
		w->nr_twice += __atomic_exchange_n(&w->load->stamps[pfn + i],
						   to,
						   __ATOMIC_RELAXED) != from;
}

static void worker_got(struct worker *w, mhp_pfn_t pfn, unsigned int i,
		       uint8_t order)
{
	stamp(w, pfn, order, 0, w->number);
	w->pfns[i] = pfn;
	w->orders[i] = order;
	w->nr_allocs++;
}

static struct mhp_request worker_request(struct worker *w)
{
	static const uint8_t orders[] = {0, 0, 0, 0, 3, 3, 9};
	struct mhp_request request = {
		.order = orders[dice_below(&w->dice, sizeof(orders))],
		.mobility = dice_below(&w->dice, 3) ? MHP_MOVABLE
						    : MHP_UNMOVABLE,
	};

	if (request.mobility == MHP_MOVABLE)
		request.owner = w->load->owner;
	return request;
}

/* Up to @nr, into the slots from @i on, which are empty. */
static void worker_alloc(struct worker *w, unsigned int i, uint32_t nr)
{
	struct load *load = w->load;
	struct mhp_request request = worker_request(w);
	uint64_t began = LOAD(load->clock), ended;
	mhp_pfn_t pfns[NR_BULK];
	int got, k;

	if (nr > 1)
		got = mhp_frame_alloc_bulk(load->mc->m, &request, nr, pfns);
	else
		got = !mhp_frame_alloc(load->mc->m, &request, pfns);
	ended = LOAD(load->clock);
	w->nr_looked += began & 1 && ended == began;
	w->nr_refused += began & 1 && ended == began && !got;
	for (k = 0; k < got; k++) {
		w->nr_isolated += was_isolated(load, pfns[k], began, ended);
		worker_got(w, pfns[k], i + (unsigned int)k, request.order);
	}
}

static void worker_free(struct worker *w, unsigned int i)
{
	stamp(w, w->pfns[i], w->orders[i], w->number, 0);
	w->nr_not_freed += !!mhp_frame_free(w->load->mc->m, w->pfns[i],
					    w->orders[i]);
	w->pfns[i] = MHP_PFN_NONE;
}

/* Slots from @i on that are empty. */
static uint32_t worker_room(const struct worker *w, unsigned int i)
{
	uint32_t nr = 0;

	while (nr < NR_BULK && i + nr < NR_SLOTS &&
	       w->pfns[i + nr] == MHP_PFN_NONE)
		nr++;
	return nr;
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	unsigned int i;

	while (!LOAD(w->load->stop)) {
		uint32_t room;

		i = (unsigned int)dice_below(&w->dice, NR_SLOTS);
		room = worker_room(w, i);
		if (!room)
			worker_free(w, i);
		else
			worker_alloc(w, i, dice_below(&w->dice, 8) ? 1 : room);
	}
	for (i = 0; i < NR_SLOTS; i++)
		if (w->pfns[i] != MHP_PFN_NONE)
			worker_free(w, i);
	return NULL;
}

static void worker_start(struct worker *w, struct load *load, uint32_t number,
			 uint64_t seed)
{
	unsigned int i;

	*w = (struct worker){.load = load, .number = number};
	w->dice.state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	for (i = 0; i < NR_SLOTS; i++)
		w->pfns[i] = MHP_PFN_NONE;
	assert_int_equal(pthread_create(&w->thread, NULL, worker_run, w), 0);
}

/* ---- who isolates ---- */

static void hold(struct load *load, struct dice *dice)
{
	uint64_t spins = dice_below(dice, MAX_SPINS);

	while (spins--)
		(void)LOAD(load->clock);
}

static void isolate_one(struct load *load, struct dice *dice,
			struct mhp_range range)
{
	struct mhp *m = load->mc->m;
	struct watch *w = &load->watches[range.start_pfn >>
					 mhp_pageblock_order(load->mc->g)];
	struct mhp_block *blk;
	mhp_pfn_t busy;

	assert_int_equal(mhp_lock(m), 0);
	blk = section_block(m, range.start_pfn);
	STORE(w->since, 0);
	STORE(w->until, UINT64_MAX);
	assert_int_equal(isolate_range(m, blk, range, &busy), 0);
	STORE(w->since, __atomic_add_fetch(&load->clock, 1, __ATOMIC_SEQ_CST));
	hold(load, dice);
	STORE(w->until, __atomic_add_fetch(&load->clock, 1, __ATOMIC_SEQ_CST));
	isolate_undo(m, blk, range);
	mhp_unlock(m);
	hold(load, dice);
}

/* Any pageblock of boot memory or of what was plugged. */
static void isolate_many(struct load *load, struct dice *dice, uint64_t nr)
{
	uint64_t pages = mhp_pageblock_pages(load->mc->g);
	uint64_t nr_boot = block_start(load->mc, NR_BOOT_BLOCKS) / pages;
	uint64_t all = nr_boot + block_start(load->mc, NR_PLUGGED) / pages;

	while (nr--) {
		uint64_t i = dice_below(dice, all);
		mhp_pfn_t pfn = i < nr_boot
					? i * pages
					: block_start(load->mc, FIRST_BLOCK) +
						  (i - nr_boot) * pages;

		isolate_one(load, dice, mhp_range_make(pfn, pages));
	}
}

static void verify(const struct worker *workers)
{
	uint64_t nr_allocs = 0, nr_looked = 0, nr_refused = 0;
	unsigned int i;

	for (i = 0; i < NR_WORKERS; i++) {
		const struct worker *w = &workers[i];

		assert_int_equal(w->nr_isolated, 0);
		assert_int_equal(w->nr_twice, 0);
		assert_int_equal(w->nr_not_freed, 0);
		nr_allocs += w->nr_allocs;
		nr_looked += w->nr_looked;
		nr_refused += w->nr_refused;
	}
	print_message("%" PRIu64 " allocations; %" PRIu64
		      " calls began and ended under an isolation, %" PRIu64
		      " of them found nothing\n",
		      nr_allocs, nr_looked, nr_refused);
	assert_true(nr_looked > 0);
}

static void test_isolation(struct machine *mc)
{
	uint64_t rounds = env_number("MHP_TEST_ROUNDS", ROUNDS);
	struct load *load = calloc(1, sizeof(*load));
	struct worker *workers = calloc(NR_WORKERS, sizeof(*workers));
	struct dice dice;
	uint32_t i;
	char *snap;

	assert_non_null(load);
	assert_non_null(workers);
	assert_int_equal(mhp_pageblock_order(mc->g), 9);
	assert_true(block_start(mc, NR_BLOCKS) <= MAX_PAGES);
	dice_start(&dice, 5);
	load->mc = mc;
	plug(mc, FIRST_BLOCK, NR_PLUGGED, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_MOVABLE);
	snap = snapshot(mc, 0);
	assert_int_equal(
		mhp_owner_register(mc->m, &busy_owner_ops, load, &load->owner),
		0);
	for (i = 0; i < NR_WORKERS; i++)
		worker_start(&workers[i], load, i + 1,
			     dice_below(&dice, 1 << 20));
	isolate_many(load, &dice, rounds);
	STORE(load->stop, 1);
	for (i = 0; i < NR_WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	assert_int_equal(load->clock, 2 * rounds);
	print_message("%" PRIu64 " isolations\n", rounds);
	verify(workers);
	assert_int_equal(mhp_owner_unregister(mc->m, load->owner), 0);
	unchanged(mc, snap, 0);
	free(workers);
	free(load);
}

int main(void)
{
	static const struct machine_test tests[] = {
		{.name = "isolation", .run = test_isolation},
	};

	/* Pageblocks of 512 pages. */
	return machine_run_on("isolation", tests, 1, "rows");
}
