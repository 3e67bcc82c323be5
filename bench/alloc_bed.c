/* SPDX-License-Identifier: MIT */
/*
 * Memory to allocate from, and loops over an array of pfns: see alloc.h. The
 * loop and the array are part of what is measured.
 *
 * What it does not do: touch the pages, or use a node, zone or alignment.
 */
#include <stdlib.h>

#include "alloc.h"
#include "commands.h"
#include "floors.h"

#define SIZE_DEFAULT (16 * BENCH_GIB)
#define BOOT_BYTES (256 * BENCH_MIB)

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

int alloc_touch(struct alloc_bed *bed)
{
	int err = alloc_many(bed, bed->pfns, bed->nr_pages, 0);

	return err ? err : free_many(bed, bed->pfns, bed->nr_pages, 0);
}

static struct mhp_request request_of(unsigned int order)
{
	return (struct mhp_request){
		.size_bytes = sizeof(struct mhp_request),
		.order = (uint8_t)order,
	};
}

int alloc_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
	       unsigned int order)
{
	struct mhp_request request = request_of(order);
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
	struct mhp_request request = request_of(order);
	uint64_t i;
	int err = 0;

	for (i = 0; !err && i < nr; i++) {
		err = mhp_frame_alloc(bed->m, &request, &pfns[0]);
		if (!err)
			err = mhp_frame_free(bed->m, pfns[0], order);
	}
	return err;
}

int exchange_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		  unsigned int order)
{
	struct mhp_request request = request_of(order);
	uint64_t i;
	int err = 0;

	for (i = 0; !err && i < nr; i++) {
		err = mhp_frame_free(bed->m, pfns[i], order);
		if (!err)
			err = mhp_frame_alloc(bed->m, &request, &pfns[i]);
	}
	return err;
}

static int alloc_bulk(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		      unsigned int order, unsigned int batch)
{
	struct mhp_request request = request_of(order);
	uint64_t i;

	for (i = 0; i + batch <= nr; i += batch) {
		int got = mhp_frame_alloc_bulk(bed->m, &request, batch,
					       pfns + i);

		if (got != (int)batch)
			return got < 0 ? got : MHP_ERR_NOMEM;
	}
	return alloc_many(bed, pfns + i, nr - i, order);
}

static int free_bulk(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		     unsigned int order, unsigned int batch)
{
	uint64_t i;
	int err = 0;

	for (i = 0; !err && i + batch <= nr; i += batch)
		err = mhp_frame_free_bulk(bed->m, order, batch, pfns + i);
	return err ? err : free_many(bed, pfns + i, nr - i, order);
}

int alloc_bulk64(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		 unsigned int order)
{
	return alloc_bulk(bed, pfns, nr, order, 64);
}

int free_bulk64(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		unsigned int order)
{
	return free_bulk(bed, pfns, nr, order, 64);
}

int alloc_bulk8(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		unsigned int order)
{
	return alloc_bulk(bed, pfns, nr, order, 8);
}

int free_bulk8(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
	       unsigned int order)
{
	return free_bulk(bed, pfns, nr, order, 8);
}

int alloc_timed_piece(const struct alloc_bed *bed, alloc_many_fn many,
		      mhp_pfn_t *pfns, uint64_t nr, unsigned int order,
		      struct alloc_cost *cost)
{
	double start;
	int err;

	bench_series_add(&cost->floor, floor_locked_ns());
	start = bench_now_ns();
	err = many(bed, pfns, nr, order);
	bench_series_add(&cost->ns, (bench_now_ns() - start) / (double)nr);
	return err;
}

int alloc_timed(const struct alloc_bed *bed, alloc_many_fn many,
		mhp_pfn_t *pfns, uint64_t nr, unsigned int order,
		struct alloc_cost *cost)
{
	uint64_t i, piece = ALLOC_PIECE;
	int err = 0;

	for (i = 0; !err && i < nr; i += piece) {
		/* What is left at the end goes with the last. */
		if (nr - i < 2 * ALLOC_PIECE)
			piece = nr - i;
		err = alloc_timed_piece(bed, many, pfns + i, piece, order,
					cost);
	}
	return err;
}

void alloc_sample(struct bench_case *c, const struct alloc_cost *cost)
{
	bench_sample(c, bench_median(&cost->ns), bench_median(&cost->floor));
}
