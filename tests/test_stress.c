/* SPDX-License-Identifier: MIT */
/*
 * Threads allocate, free and let their pages be moved while memory blocks are
 * added, put online, taken offline and removed under them, one by one and in
 * ranges with one memmap, pages go bad, and are withheld and released.
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
#include "range_support.h"
#include "stress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct worker {
	struct stress *w;
	pthread_t thread;
	uint32_t number;
	uint64_t random;
};

/* Slots are numbered from 1 on, so that 0 stamps nobody. */
static uint32_t slot_number(const struct stress *w, const struct slot *slot)
{
	return (uint32_t)(slot - w->slots) + 1;
}

static int owner_move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	struct stress *w = (struct stress *)ctx;
	struct slot *slot = &w->slots[move->cookie];
	int err = MHP_ERR_AGAIN;

	(void)m;
	if (move->cookie >= NR_WORKERS * NR_SLOTS)
		return MHP_ERR_AGAIN;
	if (pthread_mutex_trylock(&slot->mutex))
		return MHP_ERR_BUSY;
	if (slot->pfn == move->from_pfn && slot->order == move->order) {
		uint32_t number = slot_number(w, slot);

		stress_stamp(w, move->to_pfn, move->order, 0, number);
		stress_stamp(w, move->from_pfn, move->order, number, 0);
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

static uint64_t block_of(const struct stress *w, mhp_pfn_t pfn)
{
	return mhp_block_id(w->mc.g, pfn);
}

static void check_source(struct stress *w, mhp_pfn_t pfn, unsigned int order,
			 uint64_t began)
{
	uint64_t since, id = block_of(w, pfn), i;

	for (; id <= block_of(w, pfn + (UINT64_C(1) << order) - 1); id++) {
		since = LOAD(w->isolated_since[id]);
		if (since && since <= began)
			stress_fail("handed out of an isolated block", pfn);
		if (LOAD(w->gone[id]))
			stress_fail("handed out of a block that is gone", pfn);
	}
	for (i = 0; i < UINT64_C(1) << order; i++) {
		since = LOAD(w->bad_since[pfn + i]);
		if (since && since <= began)
			stress_fail("a bad page was handed out", pfn + i);
	}
}

/* The slot's mutex is held over the allocation: a move that comes at once waits
 * for its turn like any other. */
static void work_alloc(struct worker *me, struct slot *slot)
{
	struct stress *w = me->w;
	uint64_t r = stress_random(&me->random);
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
	stress_stamp(w, pfn, request.order, 0, slot_number(w, slot));
	slot->pfn = pfn;
	slot->order = request.order;
	slot->movable = request.mobility == MHP_MOVABLE;
	COUNT(w->nr_allocs);
}

static void work_free(struct worker *me, struct slot *slot)
{
	struct stress *w = me->w;
	unsigned int top = mhp_gigantic_order(w->mc.g);
	unsigned int wrong = (unsigned int)(stress_random(&me->random) %
					    (top + 1));
	int err;

	if (wrong != slot->order && !mhp_frame_free(w->mc.m, slot->pfn, wrong))
		stress_fail("a free of the wrong order was accepted",
			    slot->pfn);
	stress_stamp(w, slot->pfn, slot->order, slot_number(w, slot), 0);
	err = mhp_frame_free(w->mc.m, slot->pfn, slot->order);
	if (err)
		stress_fail(mhp_errname(err), slot->pfn);
	slot->pfn = MHP_PFN_NONE;
}

static void work_wait(struct stress *w)
{
	pthread_barrier_wait(&w->stop);
	pthread_barrier_wait(&w->go);
}

/* A free slot fills and a full one empties; phases lean one way. */
static void work_step(struct worker *me)
{
	struct stress *w = me->w;
	uint64_t r = stress_random(&me->random);
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

/* ---- audits, with everybody stopped ---- */

static uint64_t audit_pages(struct stress *w)
{
	uint64_t held = 0;
	mhp_pfn_t pfn;

	for (pfn = 0; pfn < block_start(&w->mc, NR_BLOCKS); pfn++) {
		struct mhp_page_info info = page_info(&w->mc, pfn);
		bool ours = info.use == MHP_PAGE_ALLOCATED && info.owner != 1;
		uint32_t stamp = w->stamps[pfn];

		if (ours != (stamp && stamp < MEMMAP) ||
		    (info.use == MHP_PAGE_WITHHELD) != (stamp == WITHHELD) ||
		    (stamp == MEMMAP && info.use != MHP_PAGE_MEMMAP))
			stress_fail("the allocator and the stamps differ", pfn);
		held += ours;
	}
	return held;
}

static void audit(struct stress *w, bool drain)
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
		stress_fail("an invariant is broken", report.pfn);
	}
	if (audit_pages(w) && drain)
		stress_fail("pages are left", 0);
}

static void audit_stopped(struct stress *w, bool drain)
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

static void plug_for(struct stress *w, uint64_t ns, uint64_t seed)
{
	uint64_t end = now_ns() + ns, audit_at = now_ns() + ns / 16;
	unsigned int nr = 0;

	while (now_ns() < end) {
		stress_plug(w, &seed);
		if (now_ns() < audit_at)
			continue;
		audit_stopped(w, ++nr % 4 == 0);
		audit_at = now_ns() + ns / 16;
	}
}

static struct stress *stress_start(struct machine *mc)
{
	struct stress *w = (struct stress *)calloc(1, sizeof(*w));
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
	assert_int_equal(mhp_hosted_pages(mc->m,
					  block_range(mc, FIRST_BLOCK, 1),
					  MHP_PLACEMENT_BLOCK, &w->nr_piece),
			 0);
	for (i = FIRST_BLOCK; i < NR_BLOCKS; i++)
		w->gone[i] = 1;
	pthread_barrier_init(&w->stop, NULL, NR_WORKERS + 1);
	pthread_barrier_init(&w->go, NULL, NR_WORKERS + 1);
	return w;
}

static void stress_end(struct stress *w)
{
	size_t i;

	audit(w, true);
	stress_clear(w, mhp_range_make(0, block_start(&w->mc, NR_BLOCKS)));
	for (i = NR_BLOCKS; i-- > FIRST_BLOCK;)
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
	struct stress *w = stress_start(mc);
	uint32_t i;

	print_message("MHP_TEST_SEED=%" PRIu64 "\n", seed);
	for (i = 0; i < NR_WORKERS; i++) {
		workers[i] = (struct worker){
			.w = w, .number = i, .random = seed + i + 1};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
						&workers[i]),
				 0);
	}
	plug_for(w, seconds * 1000000000 / (nr_machine_cases + nr_range_cases),
		 seed);
	/* Ending and stopping at once: nobody waits at a barrier for nobody. */
	STORE(w->ending, 1);
	for (i = 0; i < NR_WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	print_message("%" PRIu64 " allocations, %" PRIu64 " moves, %" PRIu64
		      " offlined, %" PRIu64 " refused, %" PRIu64
		      " removed, %" PRIu64 " ejects, %" PRIu64
		      " blocks added, %" PRIu64 " bad, %" PRIu64
		      " withheld, %" PRIu64 " released\n",
		      w->nr_allocs, w->nr_moves, w->nr_offlines, w->nr_refused,
		      w->nr_removes, w->nr_ejects, w->nr_blocks, w->nr_bad,
		      w->nr_withheld, w->nr_released);
	assert_true(w->nr_allocs > 0);
	stress_end(w);
}

int main(void)
{
	static const struct machine_test tests[] = {
		{.name = "stress", .run = test_stress},
	};

	return range_run("stress", tests, 1);
}
