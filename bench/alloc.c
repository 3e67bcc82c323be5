/* SPDX-License-Identifier: MIT */
/*
 * What allocating and freeing pages costs, in locked instructions.
 *
 * Memory is a DIMM on port/model, all descriptors of which have been touched.
 * One thread allocates half of it, page after page, and frees it again: in the
 * same order, in a random one, or by another thread. A figure is the time of
 * all of them divided by their number, the loop and the array of pfns included.
 * "99-percent-full" is: all of it is in use, but a random hundredth; half of
 * the hundredth is allocated.
 *
 * What it does not do: touch the pages, or use a node, zone or alignment.
 */
#include <stdlib.h>

#include "alloc.h"
#include "commands.h"
#include "floors.h"

#define SIZE_DEFAULT (16 * BENCH_GIB)
#define BOOT_BYTES (256 * BENCH_MIB)
/* Least number of operations in a measurement. */
#define MIN_OPS (UINT64_C(1) << 18)
#define BULK 64

enum {
	CASE_ALLOC,
	CASE_FREE,
	CASE_FREE_RANDOM,
	CASE_FREE_REMOTE,
	CASE_PAIR,
	CASE_ORDER3_ALLOC,
	CASE_2M_ALLOC,
	CASE_2M_FREE,
	CASE_2M_PAIR,
	CASE_FULL,
	CASE_ORDER3_FREE,
	CASE_ALLOC_BULK,
	CASE_FREE_BULK,
	CASE_ALLOC_2,
	CASE_FREE_2,
	NR_CASES,
};

static const struct bench_case case_names[NR_CASES] = {
	{.name = "4k-alloc", .unit = "ns", .threads = 1},
	{.name = "4k-free", .unit = "ns", .threads = 1},
	{.name = "4k-free-random", .unit = "ns", .threads = 1},
	{.name = "4k-free-remote", .unit = "ns", .threads = 1},
	{.name = "4k-pair", .unit = "ns", .threads = 1},
	{.name = "order3-alloc", .unit = "ns", .threads = 1},
	{.name = "2m-alloc", .unit = "ns", .threads = 1},
	{.name = "2m-free", .unit = "ns", .threads = 1},
	{.name = "2m-pair", .unit = "ns", .threads = 1},
	{.name = "4k-alloc-99-percent-full", .unit = "ns", .threads = 1},
	{.name = "order3-free", .unit = "ns", .threads = 1},
	{.name = "4k-alloc-bulk", .unit = "ns", .threads = 1},
	{.name = "4k-free-bulk", .unit = "ns", .threads = 1},
	{.name = "4k-alloc", .unit = "ns", .threads = 2},
	{.name = "4k-free", .unit = "ns", .threads = 2},
};

int alloc_open(struct alloc_bed *bed, const struct bench *b)
{
	uint64_t size_bytes = b->size_bytes ? b->size_bytes : SIZE_DEFAULT;
	int err = testbed_open(&bed->testbed, b, TESTBED_MODEL, BOOT_BYTES,
			       size_bytes);

	bed->pfns = NULL;
	if (err)
		return err;
	err = testbed_plug(&bed->testbed, size_bytes, MHP_PLACEMENT_BLOCK);
	bed->m = bed->testbed.m;
	bed->nr_pages = err ? 0 : testbed_nr_free(&bed->testbed);
	if (!err)
		bed->pfns = bench_array(bed->nr_pages, sizeof(*bed->pfns));
	if (bed->pfns)
		return 0;
	testbed_close(&bed->testbed);
	return EXIT_FAILED;
}

void alloc_close(struct alloc_bed *bed)
{
	free(bed->pfns);
	testbed_close(&bed->testbed);
}

int alloc_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
	       unsigned int order)
{
	struct mhp_request request = {
		.size_bytes = sizeof(request),
		.order = (uint8_t)order,
	};
	struct mhp *m = bed->m;
	uint64_t i;

	for (i = 0; i < nr; i++) {
		int err = mhp_frame_alloc(m, &request, &pfns[i]);

		if (err)
			return err;
	}
	return 0;
}

int free_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
	      unsigned int order)
{
	struct mhp *m = bed->m;
	uint64_t i;
	int wrong = 0;

	for (i = 0; i < nr; i++)
		wrong |= mhp_frame_free(m, pfns[i], order);
	return wrong;
}

static int pair_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		     unsigned int order)
{
	struct mhp_request request = {
		.size_bytes = sizeof(request),
		.order = (uint8_t)order,
	};
	uint64_t i;
	int err = 0;

	for (i = 0; !err && i < nr; i++) {
		err = mhp_frame_alloc(bed->m, &request, &pfns[0]);
		if (!err)
			err = mhp_frame_free(bed->m, pfns[0], order);
	}
	return err;
}

static int alloc_bulk(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		      unsigned int order)
{
	struct mhp_request request = {
		.size_bytes = sizeof(request),
		.order = (uint8_t)order,
	};
	uint64_t i;

	for (i = 0; i + BULK <= nr; i += BULK) {
		int got = mhp_frame_alloc_bulk(bed->m, &request, BULK,
					       pfns + i);

		if (got != BULK)
			return got < 0 ? got : MHP_ERR_NOMEM;
	}
	return alloc_many(bed, pfns + i, nr - i, order);
}

static int free_bulk(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		     unsigned int order)
{
	uint64_t i;
	int err = 0;

	for (i = 0; !err && i + BULK <= nr; i += BULK)
		err = mhp_frame_free_bulk(bed->m, order, BULK, pfns + i);
	return err ? err : free_many(bed, pfns + i, nr - i, order);
}

/* Something done to an array of pfns. */
typedef int (*many_fn)(const struct alloc_bed *bed, mhp_pfn_t *pfns,
		       uint64_t nr, unsigned int order);

/* What an allocation and the free after it cost, in ns. */
struct costs {
	double alloc_floor, alloc;
	double free_floor, free;
};

/* How to measure the two. */
struct plan {
	unsigned int order;
	many_fn alloc, free;
	bool shuffled; /* free in a random order */
};

static int timed(const struct alloc_bed *bed, many_fn many, mhp_pfn_t *pfns,
		 uint64_t nr, unsigned int order, double *ns)
{
	double start = bench_now_ns();
	int err = many(bed, pfns, nr, order);

	*ns += bench_now_ns() - start;
	return err;
}

/* Half of the memory, allocated and freed as often as it takes. */
static int measure(const struct alloc_bed *bed, const struct plan *plan,
		   struct costs *costs)
{
	uint64_t nr = (bed->nr_pages >> plan->order) / 2;
	uint64_t i, rounds = MIN_OPS / nr + 1;
	double alloc_ns = 0, free_ns = 0;
	int err = 0;

	costs->alloc_floor = floor_locked_ns();
	for (i = 0; !err && i < rounds; i++) {
		err = timed(bed, plan->alloc, bed->pfns, nr, plan->order,
			    &alloc_ns);
		if (plan->shuffled)
			bench_shuffle(bed->pfns, nr, i);
		if (!err)
			err = timed(bed, plan->free, bed->pfns, nr, plan->order,
				    &free_ns);
	}
	costs->free_floor = floor_locked_ns();
	costs->alloc = alloc_ns / (double)(nr * rounds);
	costs->free = free_ns / (double)(nr * rounds);
	return err;
}

static int measure_both(const struct alloc_bed *bed, struct bench_case *alloc,
			struct bench_case *freeing, const struct plan *plan)
{
	struct costs costs;
	int err = measure(bed, plan, &costs);

	if (err)
		return err;
	if (alloc)
		bench_sample(alloc, costs.alloc, costs.alloc_floor);
	if (freeing)
		bench_sample(freeing, costs.free, costs.free_floor);
	return 0;
}

static int measure_pair(const struct alloc_bed *bed, struct bench_case *c,
			unsigned int order)
{
	double floor = floor_locked_ns(), ns = 0;
	int err = timed(bed, pair_many, bed->pfns, MIN_OPS, order, &ns);

	bench_sample(c, ns / MIN_OPS, floor);
	return err;
}

/* Pages that one thread allocated are freed by another, elsewhere. */
static void remote_free(struct bench_worker *worker)
{
	struct alloc_bed *bed = worker->ctx;
	uint64_t nr = bed->nr_pages / 2;

	worker->floor = floor_locked_ns();
	worker->err = timed(bed, free_many, bed->pfns, nr, 0, &worker->value);
	worker->value /= (double)nr;
}

static int measure_remote(const struct bench *b, struct alloc_bed *bed,
			  struct bench_case *c)
{
	struct bench_worker worker;
	int err = alloc_many(bed, bed->pfns, bed->nr_pages / 2, 0);

	if (err)
		return err;
	bench_threads(b, 1, 1, remote_free, bed, &worker);
	bench_sample(c, worker.value, worker.floor);
	return worker.err;
}

static int measure_full(const struct alloc_bed *bed, struct bench_case *c,
			unsigned int seed)
{
	uint64_t hundredth = bed->nr_pages / 100, nr = hundredth / 2;
	double floor, ns = 0;
	int err = alloc_many(bed, bed->pfns, bed->nr_pages, 0);

	if (err)
		return err;
	bench_shuffle(bed->pfns, bed->nr_pages, seed + 1);
	err = free_many(bed, bed->pfns, hundredth, 0);
	floor = floor_locked_ns();
	if (!err)
		err = timed(bed, alloc_many, bed->pfns, nr, 0, &ns);
	bench_sample(c, ns / (double)nr, floor);
	if (!err)
		err = free_many(bed, bed->pfns, nr, 0);
	return err ? err
		   : free_many(bed, bed->pfns + hundredth,
			       bed->nr_pages - hundredth, 0);
}

/* Two threads, each with a quarter of the memory. */
struct shared {
	struct alloc_bed *bed;
	bool frees; /* what is reported: the free, or the allocation */
};

static void two_threads(struct bench_worker *worker)
{
	const struct shared *shared = worker->ctx;
	const struct alloc_bed *bed = shared->bed;
	uint64_t nr = bed->nr_pages / 4;
	mhp_pfn_t *pfns = bed->pfns + worker->index * nr;
	double alloc_ns = 0, free_ns = 0;

	bench_meet(worker);
	worker->floor = floor_locked_ns();
	bench_meet(worker);
	worker->err = timed(bed, alloc_many, pfns, nr, 0, &alloc_ns);
	bench_meet(worker);
	if (!worker->err)
		worker->err = timed(bed, free_many, pfns, nr, 0, &free_ns);
	worker->value = (shared->frees ? free_ns : alloc_ns) / (double)nr;
}

static int measure_two(const struct bench *b, struct alloc_bed *bed,
		       struct bench_case *c, bool frees)
{
	struct shared shared = {.bed = bed, .frees = frees};
	struct bench_worker worker;

	bench_threads(b, 0, 2, two_threads, &shared, &worker);
	bench_sample(c, worker.value, worker.floor);
	return worker.err;
}

static int measure_4k(const struct alloc_bed *bed, struct bench_case *cases)
{
	static const struct plan in_order = {0, alloc_many, free_many, false};
	static const struct plan random = {0, alloc_many, free_many, true};
	static const struct plan bulk = {0, alloc_bulk, free_bulk, false};
	int err = measure_both(bed, &cases[CASE_ALLOC], &cases[CASE_FREE],
			       &in_order);

	if (!err)
		err = measure_both(bed, NULL, &cases[CASE_FREE_RANDOM],
				   &random);
	if (!err)
		err = measure_both(bed, &cases[CASE_ALLOC_BULK],
				   &cases[CASE_FREE_BULK], &bulk);
	return err ? err : measure_pair(bed, &cases[CASE_PAIR], 0);
}

static int measure_large(const struct alloc_bed *bed, struct bench_case *cases)
{
	static const struct plan order3 = {3, alloc_many, free_many, false};
	unsigned int order = mhp_pageblock_order(mhp_geometry(bed->m));
	struct plan whole = {order, alloc_many, free_many, false};
	int err = measure_both(bed, &cases[CASE_ORDER3_ALLOC],
			       &cases[CASE_ORDER3_FREE], &order3);

	if (!err)
		err = measure_both(bed, &cases[CASE_2M_ALLOC],
				   &cases[CASE_2M_FREE], &whole);
	return err ? err : measure_pair(bed, &cases[CASE_2M_PAIR], order);
}

static int measure_all(const struct bench *b, struct alloc_bed *bed,
		       struct bench_case *cases, unsigned int i)
{
	int err = measure_4k(bed, cases);

	if (!err)
		err = measure_large(bed, cases);
	if (!err)
		err = measure_full(bed, &cases[CASE_FULL], i);
	if (!err)
		err = measure_remote(b, bed, &cases[CASE_FREE_REMOTE]);
	if (!err && b->nr_cpus >= 2)
		err = measure_two(b, bed, &cases[CASE_ALLOC_2], false);
	if (!err && b->nr_cpus >= 2)
		err = measure_two(b, bed, &cases[CASE_FREE_2], true);
	return err;
}

int alloc_touch(struct alloc_bed *bed)
{
	int err = alloc_many(bed, bed->pfns, bed->nr_pages, 0);

	return err ? err : free_many(bed, bed->pfns, bed->nr_pages, 0);
}

int bench_alloc(const struct bench *b)
{
	struct bench_case *cases = bench_cases_new(case_names, NR_CASES);
	struct alloc_bed bed;
	unsigned int i;
	int err;

	bench_pin(b, 0);
	if (!cases || alloc_open(&bed, b)) {
		free(cases);
		return EXIT_FAILED;
	}
	err = alloc_touch(&bed);
	for (i = 0; !err && i < b->repeat; i++)
		err = measure_all(b, &bed, cases, i);
	if (!err)
		bench_print(b, "alloc", cases, NR_CASES);
	alloc_close(&bed);
	free(cases);
	return err ? bench_fail("alloc", err, NULL) : EXIT_DONE;
}
