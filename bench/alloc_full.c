/* SPDX-License-Identifier: MIT */
/*
 * Allocation where hardly anything is free: a random hundredth, a hundredth in
 * one piece, or 64 pages anywhere.
 *
 *   -full    half of the hundredth is allocated
 *   -steady  256 random pages are freed and 256 allocated, again and again
 *   -piece   the hundredth is next to each other; half of it is allocated
 *   all-but-64  a random page is freed and another one allocated at once, of
 *            64 free ones that are scattered; both count as one operation.
 *            The same in 64 times as much memory, with descriptors of 8 bytes.
 */
#include <stdlib.h>

#include "alloc.h"
#include "commands.h"

#define BATCH 256
#define NR_BATCHES 128
#define NR_LEFT 64
/* Exchanges in a repetition: fewer where they take longer than this. */
#define NR_EXCHANGES 64
#define EXCHANGE_NS 1e8
/* The large one. */
#define TIMES_1T 64
#define MAX_1T (1024 * BENCH_GIB)
#define SIZE_DEFAULT (16 * BENCH_GIB)
#define BOOT_BYTES (256 * BENCH_MIB)

/* Batches of pages from @pfns on. */
static int measure_steady(struct alloc_run *run, mhp_pfn_t *pfns, uint64_t nr)
{
	struct alloc_cost alloc = {0}, freeing = {0};
	uint64_t i;
	int err = 0;

	for (i = 0; !err && i < NR_BATCHES && (i + 1) * BATCH <= nr; i++) {
		mhp_pfn_t *batch = pfns + i * BATCH;

		err = alloc_timed_piece(&run->bed, free_many, batch, BATCH, 0,
					&freeing);
		if (!err)
			err = alloc_timed_piece(&run->bed, alloc_many, batch,
						BATCH, 0, &alloc);
	}
	alloc_sample(&run->rows[ROW_FULL_STEADY_ALLOC], &alloc);
	alloc_sample(&run->rows[ROW_FULL_STEADY_FREE], &freeing);
	return err;
}

int alloc_exchange(const struct alloc_bed *bed, unsigned int repetition,
		   mhp_pfn_t *pfns, uint64_t nr, struct alloc_cost *cost)
{
	uint64_t batch = nr < BATCH ? nr : BATCH;
	uint64_t i, at = repetition * batch * NR_EXCHANGES;
	double start = bench_now_ns();
	int err = 0;

	for (i = 0; !err && i < NR_EXCHANGES; i++, at += batch) {
		if (bench_now_ns() - start > EXCHANGE_NS)
			break;
		err = alloc_timed_piece(bed, exchange_many,
					pfns + at % (nr / batch * batch), batch,
					0, cost);
	}
	return err;
}

/* One repetition of a row. */
static int measure_exchange(struct alloc_run *run, const struct alloc_bed *bed,
			    int row, mhp_pfn_t *pfns, uint64_t nr)
{
	struct alloc_cost cost = {0};
	int err = alloc_exchange(bed, run->repetition, pfns, nr, &cost);

	alloc_sample(&run->rows[row], &cost);
	return err;
}

/* The first @hundredth of them are free, the others in use. */
static int measure_scattered(struct alloc_run *run, uint64_t hundredth)
{
	const struct alloc_bed *bed = &run->bed;
	struct alloc_cost cost = {0};
	uint64_t nr = hundredth / 2;
	int err = alloc_timed(bed, alloc_many, bed->pfns, nr, 0, &cost);

	alloc_sample(&run->rows[ROW_FULL], &cost);
	if (!err)
		err = free_many(bed, bed->pfns, nr, 0);
	if (!err)
		err = measure_steady(run, bed->pfns + hundredth,
				     bed->nr_pages - hundredth);
	return err ? err : alloc_many(bed, bed->pfns, hundredth, 0);
}

/* All are in use, the array is in no order. */
static int measure_few(struct alloc_run *run)
{
	const struct alloc_bed *bed = &run->bed;
	uint64_t nr = bed->nr_pages;
	int err;

	bench_shuffle(bed->pfns, nr, run->repetition + 100);
	err = free_many(bed, bed->pfns, NR_LEFT, 0);
	if (!err)
		err = measure_exchange(run, bed, ROW_ALL_BUT_64,
				       bed->pfns + NR_LEFT, nr - NR_LEFT);
	return err ? err : free_many(bed, bed->pfns + NR_LEFT, nr - NR_LEFT, 0);
}

int alloc_full(struct alloc_run *run)
{
	const struct alloc_bed *bed = &run->bed;
	uint64_t hundredth = bed->nr_pages / 100;
	int err = alloc_many(bed, bed->pfns, bed->nr_pages, 0);

	if (err)
		return err;
	bench_shuffle(bed->pfns, bed->nr_pages, run->repetition + 1);
	err = free_many(bed, bed->pfns, hundredth, 0);
	if (!err)
		err = measure_scattered(run, hundredth);
	return err ? err : measure_few(run);
}

static int compare_pfns(const void *a, const void *b)
{
	mhp_pfn_t x = *(const mhp_pfn_t *)a, y = *(const mhp_pfn_t *)b;

	return (x > y) - (x < y);
}

int alloc_full_piece(struct alloc_run *run)
{
	const struct alloc_bed *bed = &run->bed;
	uint64_t hundredth = bed->nr_pages / 100;
	mhp_pfn_t *piece = bed->pfns + bed->nr_pages / 2;
	struct alloc_cost cost = {0};
	int err = alloc_many(bed, bed->pfns, bed->nr_pages, 0);

	if (err)
		return err;
	qsort(bed->pfns, bed->nr_pages, sizeof(*bed->pfns), compare_pfns);
	err = free_many(bed, piece, hundredth, 0);
	if (!err)
		err = alloc_timed(bed, alloc_many, piece, hundredth / 2, 0,
				  &cost);
	alloc_sample(&run->rows[ROW_FULL_PIECE], &cost);
	if (!err)
		err = alloc_many(bed, piece + hundredth / 2,
				 hundredth - hundredth / 2, 0);
	return err ? err : free_many(bed, bed->pfns, bed->nr_pages, 0);
}

int alloc_fill_but_64(const struct alloc_bed *bed, uint64_t *nr_in_use)
{
	uint64_t i, x = 1, nr_groups = bed->nr_pages / ALLOC_SAMPLED;
	mhp_pfn_t pfns[ALLOC_SAMPLED];
	int err = 0;

	for (i = 0; !err && i < nr_groups; i++) {
		err = alloc_bulk64(bed, pfns, ALLOC_SAMPLED, 0);
		x = x * UINT64_C(6364136223846793005) + 1;
		bed->pfns[i] = pfns[x >> 32 & (ALLOC_SAMPLED - 1)];
	}
	if (!err)
		err = alloc_many(bed, pfns, bed->nr_pages % ALLOC_SAMPLED, 0);
	bench_shuffle(bed->pfns, nr_groups, 1);
	*nr_in_use = nr_groups - NR_LEFT;
	return err ? err : free_many(bed, bed->pfns + *nr_in_use, NR_LEFT, 0);
}

static int measure_1t(struct alloc_run *run, struct alloc_bed *bed)
{
	unsigned int *i = &run->repetition;
	uint64_t nr;
	int err;

	bed->pfns = bench_array(bed->nr_pages / ALLOC_SAMPLED,
				sizeof(*bed->pfns));
	if (!bed->pfns)
		return MHP_ERR_NOMEM;
	err = alloc_fill_but_64(bed, &nr);
	for (*i = 0; !err && *i < run->b->repeat; (*i)++)
		err = measure_exchange(run, bed, ROW_ALL_BUT_64_1T, bed->pfns,
				       nr);
	free(bed->pfns);
	return err;
}

int alloc_full_1t(struct alloc_run *run)
{
	uint64_t size_bytes = run->b->size_bytes ? run->b->size_bytes
						 : SIZE_DEFAULT;
	struct alloc_bed bed = {0};
	int err;

	size_bytes = size_bytes > MAX_1T / TIMES_1T ? MAX_1T
						    : size_bytes * TIMES_1T;
	if (testbed_open_model(&bed.testbed, run->b, MHP_DESC_ENGINE_BYTES,
			       BOOT_BYTES, size_bytes))
		return MHP_ERR_NOMEM;
	err = testbed_plug(&bed.testbed, size_bytes, MHP_PLACEMENT_BLOCK)
		      ? MHP_ERR_NOMEM
		      : 0;
	bed.m = bed.testbed.m;
	bed.nr_pages = testbed_nr_free(&bed.testbed);
	if (!err)
		err = measure_1t(run, &bed);
	testbed_close(&bed.testbed);
	return err;
}
