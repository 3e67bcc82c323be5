/* SPDX-License-Identifier: MIT */
/*
 * What the threads of test_stress.c share: who holds which page, and what the
 * hotplug thread says of blocks and pages.
 */
#ifndef MHP_TESTS_STRESS_H
#define MHP_TESTS_STRESS_H

#include "support.h"

#include <pthread.h>

#define NR_WORKERS 3
#define NR_SLOTS 512 /* allocations a worker may hold */
#define MAX_PAGES 65536
/* The stamps of a withheld page, and of one that holds memmap of a range. */
#define WITHHELD UINT32_MAX
#define MEMMAP (UINT32_MAX - 1)

/* What a worker holds: movable ones are known to the owner by their number. */
struct slot {
	pthread_mutex_t mutex;
	mhp_pfn_t pfn; /* MHP_PFN_NONE: nothing */
	unsigned int order;
	bool movable;
};

struct stress {
	struct machine mc;
	uint16_t owner;
	uint64_t nr_piece; /* pages of memmap and state of a block */
	uint32_t stamps[MAX_PAGES];
	uint64_t isolated_since[NR_BLOCKS]; /* 0: not known to be isolated */
	uint64_t bad_since[MAX_PAGES]; /* 0: good, or not yet for certain */
	uint32_t gone[NR_BLOCKS];
	uint64_t clock;
	struct slot slots[NR_WORKERS * NR_SLOTS];
	pthread_barrier_t stop, go;
	uint32_t stopping, ending;
	uint64_t nr_allocs, nr_moves, nr_offlines, nr_removes, nr_refused,
		nr_bad, nr_withheld, nr_released, nr_blocks, nr_ejects;
};

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)
#define COUNT(x) __atomic_fetch_add(&(x), 1, __ATOMIC_RELAXED)

/** stress_random() - the next number of a generator */
uint64_t stress_random(uint64_t *state);

/** stress_fail() - end the test: something is wrong with a page */
void stress_fail(const char *what, mhp_pfn_t pfn);

/** stress_stamp() - a page or run goes from one holder to another, 0: nobody */
void stress_stamp(struct stress *w, mhp_pfn_t pfn, unsigned int order,
		  uint32_t from, uint32_t to);

/** stress_clear() - all bad pages of a range are good again */
void stress_clear(struct stress *w, struct mhp_range range);

/** stress_plug() - a block, a range or some pages come, go or change */
void stress_plug(struct stress *w, uint64_t *random);

#endif
