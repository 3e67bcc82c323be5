/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks of the allocator share: memory to allocate from, and
 * loops over an array of pfns.
 */
#ifndef MHP_BENCH_ALLOC_H
#define MHP_BENCH_ALLOC_H

#include "testbed.h"

/** Pages that a thread holds while it allocates and frees others. */
#define ALLOC_STAY 1000

struct alloc_bed {
	struct testbed testbed;
	struct mhp *m;
	uint64_t nr_pages; /* that can be allocated */
	mhp_pfn_t *pfns;   /* room for all of them */
};

/** alloc_open() - 0, or EXIT_FAILED and has said why */
int alloc_open(struct alloc_bed *bed, const struct bench *b);
void alloc_close(struct alloc_bed *bed);

/* 0 or a negative errno value. */

/** alloc_touch() - allocate and free every page once */
int alloc_touch(struct alloc_bed *bed);
int alloc_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
	       unsigned int order);
int free_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
	      unsigned int order);
/** pair_many() - allocate and free one, @nr times */
int pair_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
	      unsigned int order);

#endif
