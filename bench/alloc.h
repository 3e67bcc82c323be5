/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks of the allocator share: memory to allocate from, loops
 * over an array of pfns, and the rows of mhp bench alloc with the groups in
 * which they are measured.
 */
#ifndef MHP_BENCH_ALLOC_H
#define MHP_BENCH_ALLOC_H

#include "testbed.h"

/** Pages that a thread holds while it allocates and frees others. */
#define ALLOC_STAY 1000
/** Least number of operations in a measurement. */
#define ALLOC_MIN_OPS (UINT64_C(1) << 18)
/** Operations between two looks at the floor. */
#define ALLOC_PIECE (UINT64_C(1) << 15)

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

/** Something done to an array of pfns. */
typedef int (*alloc_many_fn)(const struct alloc_bed *bed, mhp_pfn_t *pfns,
			     uint64_t nr, unsigned int order);

int alloc_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
	       unsigned int order);
int free_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
	      unsigned int order);
/** pair_many() - allocate and free one, @nr times */
int pair_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
	      unsigned int order);
/** exchange_many() - free each, and allocate another one for it at once */
int exchange_many(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		  unsigned int order);
/* The same by the bulk calls, so many a call. */
int alloc_bulk64(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		 unsigned int order);
int free_bulk64(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		unsigned int order);
int alloc_bulk8(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
		unsigned int order);
int free_bulk8(const struct alloc_bed *bed, mhp_pfn_t *pfns, uint64_t nr,
	       unsigned int order);

/** struct alloc_cost - of each operation in ns, and of the floor beside it */
struct alloc_cost {
	struct bench_series floor, ns;
};

/** alloc_timed() - do it in pieces, and before each measure the floor: they
 * meet the same machine */
int alloc_timed(const struct alloc_bed *bed, alloc_many_fn many,
		mhp_pfn_t *pfns, uint64_t nr, unsigned int order,
		struct alloc_cost *cost);

/** alloc_timed_piece() - the same as one piece */
int alloc_timed_piece(const struct alloc_bed *bed, alloc_many_fn many,
		      mhp_pfn_t *pfns, uint64_t nr, unsigned int order,
		      struct alloc_cost *cost);

/** alloc_sample() - the cost is one repetition of a row */
void alloc_sample(struct bench_case *c, const struct alloc_cost *cost);

/** Of so many pages alloc_fill_but_64() remembers one. */
#define ALLOC_SAMPLED 256

/** alloc_fill_but_64() - allocate all pages and free 64 at random
 *
 * bed->pfns needs room for 1 of ALLOC_SAMPLED pages, and receives random ones
 * that are in use; @nr_in_use is how many. The others are never freed. */
int alloc_fill_but_64(const struct alloc_bed *bed, uint64_t *nr_in_use);

/** alloc_exchange() - free pages and allocate others, one by one; other pages
 * of the array in each @repetition */
int alloc_exchange(const struct alloc_bed *bed, unsigned int repetition,
		   mhp_pfn_t *pfns, uint64_t nr, struct alloc_cost *cost);

/* Rows that are measured together are next to each other. */
enum alloc_row {
	ROW_4K_ALLOC,
	ROW_4K_FREE,
	ROW_4K_FREE_RANDOM,

	ROW_4K_ALLOC_BULK,
	ROW_4K_FREE_BULK,
	ROW_4K_ALLOC_BULK8,
	ROW_4K_FREE_BULK8,

	ROW_4K_PAIR,
	ROW_4K_PAIR_EMPTY_ROW,
	ROW_ORDER3_PAIR,
	ROW_2M_PAIR,

	ROW_ORDER1_ALLOC,
	ROW_ORDER1_FREE, /* and so on, to order 8 */
	ROW_2M_ALLOC = ROW_ORDER1_ALLOC + 16,
	ROW_2M_FREE,

	ROW_ISOLATE_FREE,
	ROW_ISOLATE_HALF_USED,

	ROW_FULL,
	ROW_FULL_STEADY_ALLOC,
	ROW_FULL_STEADY_FREE,
	ROW_ALL_BUT_64,

	ROW_FULL_PIECE,

	ROW_4K_FREE_REMOTE,

	ROW_TWO_ALLOC,
	ROW_TWO_FREE,
	ROW_TWO_ORDER3_ALLOC,
	ROW_TWO_ORDER3_FREE,
	ROW_TWO_PAIR,
	ROW_TWO_2M_PAIR,
	ROW_TWO_FREE_SHUFFLED,
	ROW_TWO_RING,

	ROW_ALL_BUT_64_1T,
	NR_ALLOC_ROWS,
};

/** struct alloc_run - a run of mhp bench alloc */
struct alloc_run {
	const struct bench *b;
	struct alloc_bed bed;
	struct bench_case *rows; /* NR_ALLOC_ROWS */
	unsigned int repetition;
};

/* The groups, but for those in alloc.c: 0 or a negative errno value. */

/** alloc_isolate() - a pageblock is isolated and un-isolated */
int alloc_isolate(struct alloc_run *run);
/** alloc_full() - all is in use but a random hundredth, then but 64 pages */
int alloc_full(struct alloc_run *run);
/** alloc_full_piece() - all is in use but a hundredth in one piece */
int alloc_full_piece(struct alloc_run *run);
/** alloc_full_1t() - all repetitions of 64 free pages in 64 times as much
 * memory, which is its own */
int alloc_full_1t(struct alloc_run *run);
/** alloc_remote() - pages are freed by another thread */
int alloc_remote(struct alloc_run *run);
/** alloc_two_orders() - two threads allocate, and free again */
int alloc_two_orders(struct alloc_run *run);
/** alloc_two_pairs() - two threads allocate and free one at a time */
int alloc_two_pairs(struct alloc_run *run);
/** alloc_two_shuffled() - two threads free what either of them allocated */
int alloc_two_shuffled(struct alloc_run *run);
/** alloc_two_ring() - one thread allocates and another one frees */
int alloc_two_ring(struct alloc_run *run);

#endif
