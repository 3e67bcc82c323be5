/* SPDX-License-Identifier: MIT */
/*
 * What allocating and freeing pages costs, in locked instructions.
 *
 * Memory is a DIMM on port/model, all descriptors of which have been touched.
 * One thread allocates half of it, page after page, and frees it again: in the
 * same order, in a random one, or by another thread. It is done in pieces, with
 * a look at the floor before each; the median of the pieces is what counts, the
 * loop and the array of pfns included.
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
/* Operations between two looks at the floor. */
#define PIECE (UINT64_C(1) << 15)
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

int pair_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
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

/* How to measure an allocation and the free after it. */
struct plan {
	unsigned int order;
	many_fn alloc, free;
	bool shuffled; /* free in a random order */
};

/* What both cost, in ns for each. */
struct costs {
	struct bench_series alloc_floor, alloc;
	struct bench_series free_floor, free;
};

/* In pieces, and before each the floor: they meet the same machine. */
static int timed(const struct alloc_bed *bed, many_fn many, mhp_pfn_t *pfns,
		 uint64_t nr, unsigned int order, struct bench_series *floor,
		 struct bench_series *ns)
{
	uint64_t i, piece = PIECE;
	int err = 0;

	for (i = 0; !err && i < nr; i += piece) {
		double start;

		/* What is left at the end goes with the last. */
		if (nr - i < 2 * PIECE)
			piece = nr - i;
		bench_series_add(floor, floor_locked_ns());
		start = bench_now_ns();
		err = many(bed, pfns + i, piece, order);
		bench_series_add(ns, (bench_now_ns() - start) / (double)piece);
	}
	return err;
}

/* Half of the memory, allocated and freed as often as it takes. */
static int measure(const struct alloc_bed *bed, const struct plan *plan,
		   struct costs *costs)
{
	uint64_t nr = (bed->nr_pages >> plan->order) / 2;
	uint64_t i, rounds = MIN_OPS / nr + 1;
	int err = 0;

	for (i = 0; !err && i < rounds; i++) {
		err = timed(bed, plan->alloc, bed->pfns, nr, plan->order,
			    &costs->alloc_floor, &costs->alloc);
		if (plan->shuffled)
			bench_shuffle(bed->pfns, nr, i);
		if (!err)
			err = timed(bed, plan->free, bed->pfns, nr, plan->order,
				    &costs->free_floor, &costs->free);
	}
	return err;
}

/* One sample of a repetition. */
static void sample(struct bench_case *c, const struct bench_series *floor,
		   const struct bench_series *ns)
{
	if (c)
		bench_sample(c, bench_median(ns), bench_median(floor));
}

static int measure_both(const struct alloc_bed *bed, struct bench_case *alloc,
			struct bench_case *freeing, const struct plan *plan)
{
	struct costs costs = {0};
	int err = measure(bed, plan, &costs);

	sample(alloc, &costs.alloc_floor, &costs.alloc);
	sample(freeing, &costs.free_floor, &costs.free);
	return err;
}

/* Beside pages that stay, as in a system that has been running. */
static int measure_pair(const struct alloc_bed *bed, struct bench_case *c,
			unsigned int order)
{
	struct bench_series floor = {0}, ns = {0};
	mhp_pfn_t *pfns = bed->pfns + ALLOC_STAY;
	uint64_t i;
	int err = alloc_many(bed, bed->pfns, ALLOC_STAY, 0);

	if (err)
		return err;
	for (i = 0; !err && i < MIN_OPS / PIECE; i++)
		err = timed(bed, pair_many, pfns, PIECE, order, &floor, &ns);
	sample(c, &floor, &ns);
	return err ? err : free_many(bed, bed->pfns, ALLOC_STAY, 0);
}

/* What one of several threads has measured. */
static void tell(struct bench_worker *worker, const struct bench_series *floor,
		 const struct bench_series *ns)
{
	worker->floor = bench_median(floor);
	worker->value = bench_median(ns);
}

/* Pages that one thread allocated are freed by another, elsewhere. */
static void remote_free(struct bench_worker *worker)
{
	struct bench_series floor = {0}, ns = {0};
	struct alloc_bed *bed = worker->ctx;

	worker->err = timed(bed, free_many, bed->pfns, bed->nr_pages / 2, 0,
			    &floor, &ns);
	tell(worker, &floor, &ns);
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

/* All is in use but a random hundredth; half of that is allocated. */
static int measure_full(const struct alloc_bed *bed, struct bench_case *c,
			unsigned int seed)
{
	uint64_t hundredth = bed->nr_pages / 100, nr = hundredth / 2;
	struct bench_series floor = {0}, ns = {0};
	int err = alloc_many(bed, bed->pfns, bed->nr_pages, 0);

	if (err)
		return err;
	bench_shuffle(bed->pfns, bed->nr_pages, seed + 1);
	err = free_many(bed, bed->pfns, hundredth, 0);
	if (!err)
		err = timed(bed, alloc_many, bed->pfns, nr, 0, &floor, &ns);
	sample(c, &floor, &ns);
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
	struct costs costs = {0};

	bench_meet(worker);
	worker->err = timed(bed, alloc_many, pfns, nr, 0, &costs.alloc_floor,
			    &costs.alloc);
	bench_meet(worker);
	if (!worker->err)
		worker->err = timed(bed, free_many, pfns, nr, 0,
				    &costs.free_floor, &costs.free);
	if (shared->frees)
		tell(worker, &costs.free_floor, &costs.free);
	else
		tell(worker, &costs.alloc_floor, &costs.alloc);
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
