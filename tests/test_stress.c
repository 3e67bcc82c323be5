/* SPDX-License-Identifier: MIT */
/*
 * Threads allocate, free and let their pages be moved while memory blocks are
 * added, put online, taken offline and removed under them, pages go bad, and
 * are withheld and released.
 *
 * Every page carries the stamp of who holds it, set and cleared by
 * compare-and-swap: a page that is handed out twice is seen at once. The
 * hotplug thread publishes which blocks are isolated or gone, and which pages
 * are bad; a page of those that is handed out is seen at once too. Now and then
 * everybody stops, and stamps, the allocator's own view and the invariant
 * checker are compared.
 *
 * MHP_TEST_SECONDS: how long, for each machine. MHP_TEST_SEED: where to start.
 */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NR_WORKERS 3
#define NR_SLOTS 512 /* allocations a worker may hold */
#define MAX_PAGES 65536
/* The stamp of a withheld page. */
#define WITHHELD UINT32_MAX

/* What a worker holds: movable ones are known to the owner by their number. */
struct slot {
	pthread_mutex_t mutex;
	mhp_pfn_t pfn; /* MHP_PFN_NONE: nothing */
	unsigned int order;
	bool movable;
};

struct world {
	struct machine mc;
	uint16_t owner;
	uint32_t stamps[MAX_PAGES];
	uint64_t isolated_since[NR_BLOCKS]; /* 0: not known to be isolated */
	uint64_t bad_since[MAX_PAGES]; /* 0: good, or not yet for certain */
	uint32_t gone[NR_BLOCKS];
	uint64_t clock;
	struct slot slots[NR_WORKERS * NR_SLOTS];
	pthread_barrier_t stop, go;
	uint32_t stopping, ending;
	uint64_t nr_allocs, nr_moves, nr_offlines, nr_removes, nr_refused,
		nr_bad, nr_withheld, nr_released;
};

struct worker {
	struct world *w;
	pthread_t thread;
	uint32_t number;
	uint64_t random;
};

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)
#define COUNT(x) __atomic_fetch_add(&(x), 1, __ATOMIC_RELAXED)

static void fail_page(const char *what, mhp_pfn_t pfn)
{
	fprintf(stderr, "stress: %s, pfn 0x%" PRIx64 "\n", what, pfn);
	abort();
}

static void stamp(struct world *w, mhp_pfn_t pfn, unsigned int order,
		  uint32_t from, uint32_t to)
{
	uint64_t i;

	for (i = 0; i < UINT64_C(1) << order; i++) {
		uint32_t expect = from;

		if (!__atomic_compare_exchange_n(&w->stamps[pfn + i], &expect,
						 to, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			fail_page(from ? "a stamp was overwritten"
				       : "a page was handed out twice",
				  pfn + i);
	}
}

/* Slots are numbered from 1 on, so that 0 stamps nobody. */
static uint32_t slot_number(const struct world *w, const struct slot *slot)
{
	return (uint32_t)(slot - w->slots) + 1;
}

static int owner_move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	struct world *w = (struct world *)ctx;
	struct slot *slot = &w->slots[move->cookie];
	int err = MHP_ERR_AGAIN;

	(void)m;
	if (move->cookie >= NR_WORKERS * NR_SLOTS)
		return MHP_ERR_AGAIN;
	if (pthread_mutex_trylock(&slot->mutex))
		return MHP_ERR_BUSY;
	if (slot->pfn == move->from_pfn && slot->order == move->order) {
		uint32_t number = slot_number(w, slot);

		stamp(w, move->to_pfn, move->order, 0, number);
		stamp(w, move->from_pfn, move->order, number, 0);
		slot->pfn = move->to_pfn;
		COUNT(w->nr_moves);
		err = 0;
	}
	pthread_mutex_unlock(&slot->mutex);
	return err;
}

static const struct mhp_owner_ops owner_ops = {
	.size_bytes = sizeof(owner_ops),
	.name = "stress",
	.move = owner_move,
};

static uint64_t block_of(const struct world *w, mhp_pfn_t pfn)
{
	return mhp_block_id(w->mc.g, pfn);
}

static void check_source(struct world *w, mhp_pfn_t pfn, unsigned int order,
			 uint64_t began)
{
	uint64_t since, id = block_of(w, pfn), i;

	for (; id <= block_of(w, pfn + (UINT64_C(1) << order) - 1); id++) {
		since = LOAD(w->isolated_since[id]);
		if (since && since <= began)
			fail_page("handed out of an isolated block", pfn);
		if (LOAD(w->gone[id]))
			fail_page("handed out of a block that is gone", pfn);
	}
	for (i = 0; i < UINT64_C(1) << order; i++) {
		since = LOAD(w->bad_since[pfn + i]);
		if (since && since <= began)
			fail_page("a bad page was handed out", pfn + i);
	}
}

/* The slot's mutex is held over the allocation: a move that comes at once waits
 * for its turn like any other. */
static void work_alloc(struct worker *me, struct slot *slot)
{
	struct world *w = me->w;
	uint64_t r = random_next(&me->random);
	unsigned int top = mhp_pageblock_order(w->mc.g);
	struct mhp_request request = {
		.order = (uint8_t)(r & 7 ? (r >> 3) % 4 % (top + 1)
					 : (r >> 3) % (top + 1)),
		.mobility = r >> 20 & 3 ? MHP_MOVABLE : MHP_UNMOVABLE,
		.cookie = slot_number(w, slot) - 1,
	};
	uint64_t began = LOAD(w->clock);
	mhp_pfn_t pfn;

	if (!(r >> 40 & 63))
		request.order = (uint8_t)mhp_gigantic_order(w->mc.g);
	if (!(r >> 46 & 63))
		request.order = (uint8_t)(top + 1);

	if (request.mobility == MHP_MOVABLE)
		request.owner = w->owner;
	if (mhp_frame_alloc(w->mc.m, &request, &pfn))
		return;
	check_source(w, pfn, request.order, began);
	stamp(w, pfn, request.order, 0, slot_number(w, slot));
	slot->pfn = pfn;
	slot->order = request.order;
	slot->movable = request.mobility == MHP_MOVABLE;
	COUNT(w->nr_allocs);
}

static void work_free(struct worker *me, struct slot *slot)
{
	struct world *w = me->w;
	unsigned int top = mhp_gigantic_order(w->mc.g);
	unsigned int wrong = (unsigned int)(random_next(&me->random) %
					    (top + 1));
	int err;

	if (wrong != slot->order && !mhp_frame_free(w->mc.m, slot->pfn, wrong))
		fail_page("a free of the wrong order was accepted", slot->pfn);
	stamp(w, slot->pfn, slot->order, slot_number(w, slot), 0);
	err = mhp_frame_free(w->mc.m, slot->pfn, slot->order);
	if (err)
		fail_page(mhp_errname(err), slot->pfn);
	slot->pfn = MHP_PFN_NONE;
}

static void work_wait(struct world *w)
{
	pthread_barrier_wait(&w->stop);
	pthread_barrier_wait(&w->go);
}

/* A free slot fills and a full one empties; phases lean one way. */
static void work_step(struct worker *me)
{
	struct world *w = me->w;
	uint64_t r = random_next(&me->random);
	struct slot *slot = &w->slots[me->number * NR_SLOTS + r % NR_SLOTS];

	pthread_mutex_lock(&slot->mutex);
	if (slot->pfn == MHP_PFN_NONE)
		work_alloc(me, slot);
	else
		work_free(me, slot);
	pthread_mutex_unlock(&slot->mutex);
}

static void *work(void *arg)
{
	struct worker *me = (struct worker *)arg;

	while (!LOAD(me->w->ending)) {
		if (LOAD(me->w->stopping))
			work_wait(me->w);
		else
			work_step(me);
	}
	return NULL;
}

/* ---- the hotplug thread ---- */

static void pause_a_moment(uint64_t *random)
{
	struct timespec t = {.tv_nsec = (long)(random_next(random) % 100000)};

	nanosleep(&t, NULL);
}

static void plug_offline(struct world *w, uint64_t id, uint64_t *random)
{
	struct mhp_offline op;
	int err, steps = 0;

	if (mhp_offline_begin(w->mc.m, &op, id, MHP_NO_DEADLINE, 0, NULL)) {
		COUNT(w->nr_refused);
		return;
	}
	STORE(w->isolated_since[id],
	      __atomic_add_fetch(&w->clock, 1, __ATOMIC_SEQ_CST));
	pause_a_moment(random);
	/* A step may end in the block being online again. */
	STORE(w->isolated_since[id], 0);
	do {
		if (steps++ > 200)
			mhp_offline_cancel(w->mc.m, &op);
		err = mhp_offline_step(w->mc.m, &op, NULL);
	} while (err == MHP_ERR_AGAIN);
	if (err)
		COUNT(w->nr_refused);
	else
		COUNT(w->nr_offlines);
}

static void stamp_range(struct world *w, struct mhp_range range, uint32_t from,
			uint32_t to)
{
	mhp_pfn_t pfn = range.start_pfn;

	for (; pfn < mhp_range_end_pfn(range); pfn++)
		stamp(w, pfn, 0, from, to);
}

static void plug_remove(struct world *w, uint64_t id)
{
	struct mhp_range range = block_range(&w->mc, id, 1);

	mhp_pfn_t pfn;

	assert_int_equal(mhp_remove(w->mc.m, range, NULL), 0);
	STORE(w->gone[id], 1);
	COUNT(w->nr_removes);
	for (pfn = range.start_pfn; pfn < mhp_range_end_pfn(range); pfn++)
		STORE(w->stamps[pfn], 0);
}

static void plug_add(struct world *w, uint64_t id, uint64_t r)
{
	struct mhp_add_request request = {
		.range = block_range(&w->mc, id, 1),
		.placement = r & 1 ? MHP_PLACEMENT_BLOCK
				   : MHP_PLACEMENT_EXISTING,
		.flags = MHP_ADD_MERGE | (r & 6 ? 0 : MHP_ADD_WITHHELD),
	};
	int err;

	STORE(w->gone[id], 0);
	err = mhp_add(w->mc.m, &request, NULL);
	if (err) {
		assert_int_equal(err, MHP_ERR_NOMEM);
		STORE(w->gone[id], 1);
	}
	if (!err && request.flags & MHP_ADD_WITHHELD)
		stamp_range(w,
			    mhp_range_make(
				    block_start(&w->mc, id + 1) -
					    block_info(&w->mc, id).nr_withheld,
				    block_info(&w->mc, id).nr_withheld),
			    0, WITHHELD);
}

static void plug_clear(struct world *w, struct mhp_range range)
{
	mhp_pfn_t pfn = range.start_pfn;

	if (!mhp_poison_count(w->mc.m, range))
		return;
	for (; pfn < mhp_range_end_pfn(range); pfn++) {
		STORE(w->bad_since[pfn], 0);
		if (mhp_is_poisoned(w->mc.m, pfn))
			assert_int_equal(mhp_poison_clear(w->mc.m, pfn, NULL),
					 0);
	}
}

static void plug_poison(struct world *w, uint64_t r)
{
	uint64_t end = block_start(&w->mc, NR_BLOCKS);
	mhp_pfn_t pfn = (r >> 8) % end;
	int err;

	/* Many at a time, and not the same ones for ever. */
	if (stat_now(&w->mc).nr_poisoned > 100)
		plug_clear(w, mhp_range_make(0, end));
	err = r & 1 ? mhp_poison_hard(w->mc.m, pfn, NULL)
		    : mhp_poison_soft(w->mc.m, pfn, NULL);
	if (err || LOAD(w->bad_since[pfn]))
		return;
	STORE(w->bad_since[pfn],
	      __atomic_add_fetch(&w->clock, 1, __ATOMIC_SEQ_CST));
	COUNT(w->nr_bad);
}

/* Some of the last pages of a pageblock, or all that can be. */
static void plug_withhold(struct world *w, mhp_pfn_t pfn, mhp_pfn_t border,
			  uint64_t r)
{
	struct mhp_range range = mhp_range_make(pfn, border - pfn);

	if (r & 3) {
		range.nr_pages = 1 + (r >> 2) % range.nr_pages;
		range.start_pfn = border - range.nr_pages;
	}
	if (mhp_withhold(w->mc.m, range, MHP_NO_DEADLINE, NULL))
		return;
	stamp_range(w, range, 0, WITHHELD);
	COUNT(w->nr_withheld);
}

/* From here on anybody may get them, so the stamps go first. */
static void plug_release(struct world *w, mhp_pfn_t border, mhp_pfn_t end,
			 uint64_t r)
{
	struct mhp_range range = mhp_range_make(border, end - border);

	if (r & 3)
		range.nr_pages = 1 + (r >> 2) % range.nr_pages;
	stamp_range(w, range, WITHHELD, 0);
	assert_int_equal(mhp_release(w->mc.m, range, NULL), 0);
	COUNT(w->nr_released);
}

static void plug_hold(struct world *w, uint64_t r)
{
	uint64_t nr = mhp_pageblock_pages(w->mc.g);
	mhp_pfn_t pfn = (r >> 32) % block_start(&w->mc, NR_BLOCKS) & ~(nr - 1);
	mhp_pfn_t end = pfn + nr, border;
	struct mhp_block_info info;

	if (mhp_block_query(w->mc.m, block_of(w, pfn), &info))
		return;
	border = end - mhp_withheld(w->mc.m, mhp_range_make(pfn, nr));
	/* What memmap there is in the pageblock stays. */
	if (!info.boot && pfn < block_start(&w->mc, info.id) + info.nr_memmap)
		pfn = block_start(&w->mc, info.id) + info.nr_memmap;
	if (border < end && (r & 1 || border == pfn))
		plug_release(w, border, end, r >> 1);
	else if (border > pfn)
		plug_withhold(w, pfn, border, r >> 1);
}

static void plug_step(struct world *w, uint64_t *random)
{
	uint64_t r = random_next(random);
	uint64_t id = FIRST_BLOCK + r % (NR_BLOCKS - FIRST_BLOCK);
	struct mhp_block_info info;

	if (!(r >> 50 & 3)) {
		plug_poison(w, random_next(random));
		return;
	}
	if (r >> 52 & 1) {
		plug_hold(w, random_next(random));
		return;
	}
	if (mhp_block_query(w->mc.m, id, &info)) {
		plug_add(w, id, r >> 32);
		return;
	}
	if (info.state == MHP_BLOCK_ONLINE) {
		plug_offline(w, id, random);
		return;
	}
	assert_int_equal(info.state, MHP_BLOCK_OFFLINE);
	if (r >> 40 & 1) {
		plug_remove(w, id);
		return;
	}
	plug_clear(w, block_range(&w->mc, id, 1));
	assert_int_equal(mhp_block_online(w->mc.m, id,
					  r >> 41 & 1 ? MHP_ONLINE_MOVABLE
						      : MHP_ONLINE_KERNEL,
					  NULL),
			 0);
}

/* ---- audits, with everybody stopped ---- */

static uint64_t audit_pages(struct world *w)
{
	uint64_t held = 0;
	mhp_pfn_t pfn;

	for (pfn = 0; pfn < block_start(&w->mc, NR_BLOCKS); pfn++) {
		struct mhp_page_info info = page_info(&w->mc, pfn);
		bool ours = info.use == MHP_PAGE_ALLOCATED && info.owner != 1;

		if (ours != (w->stamps[pfn] && w->stamps[pfn] != WITHHELD) ||
		    (info.use == MHP_PAGE_WITHHELD) !=
			    (w->stamps[pfn] == WITHHELD))
			fail_page("the allocator and the stamps differ", pfn);
		held += ours;
	}
	return held;
}

static void audit(struct world *w, bool drain)
{
	struct mhp_report report;
	size_t i;

	for (i = 0; drain && i < NR_WORKERS * NR_SLOTS; i++) {
		struct worker nobody = {.w = w, .random = i + 1};

		if (w->slots[i].pfn != MHP_PFN_NONE)
			work_free(&nobody, &w->slots[i]);
	}
	if (mhp_check(w->mc.m, &report)) {
		fprintf(stderr, "stress: rule %u\n", report.rule);
		fail_page("an invariant is broken", report.pfn);
	}
	if (audit_pages(w) && drain)
		fail_page("pages are left", 0);
}

static void audit_stopped(struct world *w, bool drain)
{
	STORE(w->stopping, 1);
	pthread_barrier_wait(&w->stop);
	audit(w, drain);
	STORE(w->stopping, 0);
	pthread_barrier_wait(&w->go);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void plug_for(struct world *w, uint64_t ns, uint64_t seed)
{
	uint64_t end = now_ns() + ns, audit_at = now_ns() + ns / 16;
	unsigned int nr = 0;

	while (now_ns() < end) {
		plug_step(w, &seed);
		if (now_ns() < audit_at)
			continue;
		audit_stopped(w, ++nr % 4 == 0);
		audit_at = now_ns() + ns / 16;
	}
}

static struct world *world_start(struct machine *mc)
{
	struct world *w = (struct world *)calloc(1, sizeof(*w));
	size_t i;

	assert_non_null(w);
	w->mc = *mc;
	assert_true(block_start(mc, NR_BLOCKS) <= MAX_PAGES);
	assert_int_equal(mhp_owner_register(mc->m, &owner_ops, w, &w->owner),
			 0);
	for (i = 0; i < NR_WORKERS * NR_SLOTS; i++) {
		pthread_mutex_init(&w->slots[i].mutex, NULL);
		w->slots[i].pfn = MHP_PFN_NONE;
	}
	for (i = FIRST_BLOCK; i < NR_BLOCKS; i++)
		w->gone[i] = 1;
	pthread_barrier_init(&w->stop, NULL, NR_WORKERS + 1);
	pthread_barrier_init(&w->go, NULL, NR_WORKERS + 1);
	return w;
}

static void world_end(struct world *w)
{
	size_t i;

	audit(w, true);
	plug_clear(w, mhp_range_make(0, block_start(&w->mc, NR_BLOCKS)));
	for (i = FIRST_BLOCK; i < NR_BLOCKS; i++)
		(void)!mhp_offline_and_remove(w->mc.m,
					      block_range(&w->mc, i, 1),
					      MHP_NO_DEADLINE, 0, NULL);
	assert_int_equal(mhp_owner_unregister(w->mc.m, w->owner), 0);
	for (i = 0; i < NR_WORKERS * NR_SLOTS; i++)
		pthread_mutex_destroy(&w->slots[i].mutex);
	pthread_barrier_destroy(&w->stop);
	pthread_barrier_destroy(&w->go);
	free(w);
}

static void test_stress(struct machine *mc)
{
	uint64_t seconds = env_number("MHP_TEST_SECONDS", 8);
	uint64_t seed = env_number("MHP_TEST_SEED", 20260101);
	struct worker workers[NR_WORKERS];
	struct world *w = world_start(mc);
	uint32_t i;

	print_message("MHP_TEST_SEED=%" PRIu64 "\n", seed);
	for (i = 0; i < NR_WORKERS; i++) {
		workers[i] = (struct worker){
			.w = w, .number = i, .random = seed + i + 1};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
						&workers[i]),
				 0);
	}
	plug_for(w, seconds * 1000000000 / nr_machine_cases, seed);
	/* Ending and stopping at once: nobody waits at a barrier for nobody. */
	STORE(w->ending, 1);
	for (i = 0; i < NR_WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	print_message("%" PRIu64 " allocations, %" PRIu64 " moves, %" PRIu64
		      " offlined, %" PRIu64 " refused, %" PRIu64
		      " removed, %" PRIu64 " bad, %" PRIu64
		      " withheld, %" PRIu64 " released\n",
		      w->nr_allocs, w->nr_moves, w->nr_offlines, w->nr_refused,
		      w->nr_removes, w->nr_bad, w->nr_withheld, w->nr_released);
	assert_true(w->nr_allocs > 0);
	world_end(w);
}

int main(void)
{
	static const struct machine_test tests[] = {
		{.name = "stress", .run = test_stress},
	};

	return machine_run("stress", tests, 1, true);
}
