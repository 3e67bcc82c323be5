/* SPDX-License-Identifier: MIT */
/*
 * Allocation by two threads at once, each on its own processor and with a
 * quarter of the memory, and frees by another thread than the one that
 * allocated. A figure is what one thread sees.
 */
#include <sched.h>
#include <stdatomic.h>

#include "alloc.h"
#include "floors.h"

#define NR_THREADS 2
/* Pages on their way from one thread to the other, at most. */
#define RING 1024
#define NR_RING (UINT64_C(1) << 18)
/* Looks at the ring before the processor is left to others. */
#define PATIENCE 10000

/* What two threads do, and what it cost each. */
struct two {
	struct alloc_bed *bed;
	unsigned int order;
	struct alloc_cost alloc[NR_THREADS], freeing[NR_THREADS];
};

static void tell(struct bench_worker *worker, const struct alloc_cost *cost)
{
	worker->floor = bench_median(&cost->floor);
	worker->value = bench_median(&cost->ns);
}

/* One repetition: the mean of both. */
static void two_sample(struct bench_case *c, const struct alloc_cost *costs)
{
	double ns = 0, floor = 0;
	unsigned int i;

	for (i = 0; i < NR_THREADS; i++) {
		ns += bench_median(&costs[i].ns) / NR_THREADS;
		floor += bench_median(&costs[i].floor) / NR_THREADS;
	}
	bench_sample(c, ns, floor);
}

static int two_run(struct alloc_run *run, struct two *two,
		   void (*work)(struct bench_worker *worker))
{
	struct bench_worker average;

	two->bed = &run->bed;
	bench_threads(run->b, 0, NR_THREADS, work, two, &average);
	return average.err;
}

/* Pages that one thread allocated are freed by another, elsewhere. */
static void remote_free(struct bench_worker *worker)
{
	struct alloc_bed *bed = worker->ctx;
	struct alloc_cost cost = {0};

	worker->err = alloc_timed(bed, free_many, bed->pfns, bed->nr_pages / 2,
				  0, &cost);
	tell(worker, &cost);
}

int alloc_remote(struct alloc_run *run)
{
	struct alloc_bed *bed = &run->bed;
	struct bench_worker worker;
	int err = alloc_many(bed, bed->pfns, bed->nr_pages / 2, 0);

	if (err)
		return err;
	bench_threads(run->b, 1, 1, remote_free, bed, &worker);
	bench_sample(&run->rows[ROW_4K_FREE_REMOTE], worker.value,
		     worker.floor);
	return worker.err;
}

static void two_work(struct bench_worker *worker)
{
	struct two *two = worker->ctx;
	const struct alloc_bed *bed = two->bed;
	uint64_t nr = (bed->nr_pages >> two->order) / 4;
	mhp_pfn_t *pfns = bed->pfns + worker->index * nr;
	int err;

	bench_meet(worker);
	err = alloc_timed(bed, alloc_many, pfns, nr, two->order,
			  &two->alloc[worker->index]);
	bench_meet(worker);
	if (!err)
		err = alloc_timed(bed, free_many, pfns, nr, two->order,
				  &two->freeing[worker->index]);
	worker->err = err;
}

static int two_order(struct alloc_run *run, unsigned int order, int alloc_row,
		     int free_row)
{
	struct two two = {.order = order};
	int err = two_run(run, &two, two_work);

	two_sample(&run->rows[alloc_row], two.alloc);
	two_sample(&run->rows[free_row], two.freeing);
	return err;
}

int alloc_two_orders(struct alloc_run *run)
{
	int err = two_order(run, 0, ROW_TWO_ALLOC, ROW_TWO_FREE);

	return err ? err
		   : two_order(run, 3, ROW_TWO_ORDER3_ALLOC,
			       ROW_TWO_ORDER3_FREE);
}

static void pair_work(struct bench_worker *worker)
{
	struct two *two = worker->ctx;
	const struct alloc_bed *bed = two->bed;
	mhp_pfn_t *stay = bed->pfns + (uint64_t)worker->index * ALLOC_STAY;
	mhp_pfn_t pfn;
	uint64_t i;
	int err = alloc_many(bed, stay, ALLOC_STAY, 0);

	bench_meet(worker);
	for (i = 0; !err && i < ALLOC_MIN_OPS / ALLOC_PIECE; i++)
		err = alloc_timed(bed, pair_many, &pfn, ALLOC_PIECE, two->order,
				  &two->alloc[worker->index]);
	bench_meet(worker);
	worker->err = err ? err : free_many(bed, stay, ALLOC_STAY, 0);
}

int alloc_two_pairs(struct alloc_run *run)
{
	struct two small = {.order = 0}, whole = {.order = 0};
	int err = two_run(run, &small, pair_work);

	two_sample(&run->rows[ROW_TWO_PAIR], small.alloc);
	if (err)
		return err;
	whole.order = mhp_pageblock_order(mhp_geometry(run->bed.m));
	err = two_run(run, &whole, pair_work);
	two_sample(&run->rows[ROW_TWO_2M_PAIR], whole.alloc);
	return err;
}

/* Each frees half of what both have allocated, in no order. */
static void shuffled_work(struct bench_worker *worker)
{
	struct two *two = worker->ctx;
	const struct alloc_bed *bed = two->bed;
	uint64_t nr = bed->nr_pages / 4;
	mhp_pfn_t *pfns = bed->pfns + worker->index * nr;
	int err = alloc_many(bed, pfns, nr, 0);

	bench_meet(worker);
	if (worker->index == 0)
		bench_shuffle(bed->pfns, NR_THREADS * nr, 1);
	bench_meet(worker);
	if (!err)
		err = alloc_timed(bed, free_many, pfns, nr, 0,
				  &two->freeing[worker->index]);
	worker->err = err;
}

int alloc_two_shuffled(struct alloc_run *run)
{
	struct two two = {.order = 0};
	int err = two_run(run, &two, shuffled_work);

	two_sample(&run->rows[ROW_TWO_FREE_SHUFFLED], two.freeing);
	return err;
}

/* Pages on their way: each counter has a writer, and a cache line. */
struct ring {
	struct alloc_bed *bed;
	_Alignas(128) _Atomic uint64_t made;
	_Alignas(128) _Atomic uint64_t taken;
	_Alignas(128) mhp_pfn_t pfns[RING];
};

/* Until the other one's counter is above @least; it is passed through. */
static uint64_t ring_wait(const _Atomic uint64_t *counter, uint64_t least)
{
	unsigned int looks = 0;
	uint64_t now;

	for (;;) {
		now = atomic_load_explicit(counter, memory_order_acquire);
		if (now >= least)
			return now;
		if (++looks % PATIENCE == 0)
			sched_yield();
	}
}

static int ring_produce(struct ring *ring)
{
	struct mhp_request request = {.size_bytes = sizeof(request)};
	uint64_t i, room = RING;
	int err = 0;

	for (i = 0; i < NR_RING; i++) {
		mhp_pfn_t *pfn = &ring->pfns[i % RING];

		if (i >= room)
			room = RING + ring_wait(&ring->taken, i + 1 - RING);
		*pfn = MHP_PFN_NONE;
		if (!err)
			err = mhp_frame_alloc(ring->bed->m, &request, pfn);
		atomic_store_explicit(&ring->made, i + 1, memory_order_release);
	}
	return err;
}

static int ring_consume(struct ring *ring)
{
	uint64_t i, made = 0;
	int err = 0;

	for (i = 0; i < NR_RING; i++) {
		if (i >= made)
			made = ring_wait(&ring->made, i + 1);
		err |= mhp_frame_free(ring->bed->m, ring->pfns[i % RING], 0);
		atomic_store_explicit(&ring->taken, i + 1,
				      memory_order_release);
	}
	return err;
}

static void ring_work(struct bench_worker *worker)
{
	struct ring *ring = worker->ctx;
	double start;

	worker->floor = floor_locked_ns();
	bench_meet(worker);
	start = bench_now_ns();
	worker->err = worker->index ? ring_consume(ring) : ring_produce(ring);
	worker->value = (bench_now_ns() - start) / NR_RING;
}

int alloc_two_ring(struct alloc_run *run)
{
	struct ring ring = {.bed = &run->bed};
	struct bench_worker average;

	bench_threads(run->b, 0, NR_THREADS, ring_work, &ring, &average);
	bench_sample(&run->rows[ROW_TWO_RING], average.value, average.floor);
	return average.err;
}
