/* SPDX-License-Identifier: MIT */
/*
 * What it costs to isolate a pageblock and to take it back, while nothing else
 * runs: one that is free, and one of which every second page is in use.
 *
 * No public call does only this, so this file, alone among the benchmarks,
 * looks inside the engine; scripts/check-deps.py lets it.
 */
#include "src/isolate.h"
#include "alloc.h"
#include "src/block.h"

/* @pfns: the first is of the pageblock. The mutex is held. */
static int isolate_many(const struct alloc_bed *bed, mhp_pfn_t *pfns,
			uint64_t nr, unsigned int order)
{
	uint64_t id = mhp_block_id(mhp_geometry(bed->m), pfns[0]);
	struct mhp_block *blk = block_find(bed->m, id);
	mhp_pfn_t start = pfns[0] >> order << order;
	struct mhp_range range = mhp_range_make(start, UINT64_C(1) << order);
	mhp_pfn_t busy;
	uint64_t i;

	for (i = 0; i < nr; i++) {
		int err = isolate_range(bed->m, blk, range, &busy);

		if (err)
			return err;
		isolate_undo(bed->m, blk, range);
	}
	return 0;
}

static int measure_isolate(struct alloc_run *run, int row, mhp_pfn_t pfn)
{
	const struct alloc_bed *bed = &run->bed;
	unsigned int order = mhp_pageblock_order(mhp_geometry(bed->m));
	struct alloc_cost cost = {0};
	uint64_t i;
	int err = mhp_lock(bed->m);

	if (err)
		return err;
	for (i = 0; !err && i < ALLOC_MIN_OPS / ALLOC_PIECE; i++)
		err = alloc_timed(bed, isolate_many, &pfn, ALLOC_PIECE, order,
				  &cost);
	mhp_unlock(bed->m);
	alloc_sample(&run->rows[row], &cost);
	return err;
}

/* Every second page of the pageblock of @pfn is freed, and gone from the
 * array. Return: how many pages are left in it. */
static uint64_t free_every_second(const struct alloc_bed *bed, uint64_t nr,
				  mhp_pfn_t pfn, int *err)
{
	unsigned int order = mhp_pageblock_order(mhp_geometry(bed->m));
	uint64_t i, left = 0;

	for (i = 0; i < nr; i++) {
		mhp_pfn_t at = bed->pfns[i];

		if (at >> order == pfn >> order && at & 1)
			*err |= mhp_frame_free(bed->m, at, 0);
		else
			bed->pfns[left++] = at;
	}
	return left;
}

static int measure_half_used(struct alloc_run *run)
{
	const struct alloc_bed *bed = &run->bed;
	uint64_t pages = UINT64_C(1)
			 << mhp_pageblock_order(mhp_geometry(bed->m));
	uint64_t nr = 4 * pages;
	int wrong, err = alloc_many(bed, bed->pfns, nr, 0);
	mhp_pfn_t pfn = bed->pfns[2 * pages];

	if (err)
		return err;
	nr = free_every_second(bed, nr, pfn, &err);
	if (!err)
		err = measure_isolate(run, ROW_ISOLATE_HALF_USED, pfn);
	wrong = free_many(bed, bed->pfns, nr, 0);
	return err ? err : wrong;
}

int alloc_isolate(struct alloc_run *run)
{
	/* The last page: its pageblock holds no memmap. */
	mhp_pfn_t last = mhp_range_end_pfn(run->bed.testbed.dimm) - 1;
	int err = measure_isolate(run, ROW_ISOLATE_FREE, last);

	return err ? err : measure_half_used(run);
}
