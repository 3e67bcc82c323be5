/* SPDX-License-Identifier: MIT */
/*
 * Floors: the least that the machine itself needs for what a benchmark does.
 * Each is measured anew whenever it is asked for.
 */
#ifndef MHP_BENCH_FLOORS_H
#define MHP_BENCH_FLOORS_H

#include "bench.h"

/** floor_locked_ns() - one uncontended locked instruction on this processor */
double floor_locked_ns(void);

/**
 * struct floor_copy - two pieces of memory of the kind that port/posix has:
 * shared, and in huge pages if the system can; and the copying between them
 */
struct floor_copy {
	size_t size_bytes; /* of each; whole huge pages */
	uint8_t *from;
	uint8_t *to;
	uint8_t *raw;
	size_t raw_bytes;
	bool fresh;   /* the target gets its memory while it is copied to */
	size_t at;    /* where the next piece begins */
	double bytes; /* copied since begin */
	double ns;    /* that took */
};

/** floor_copy_open() - both resident; 0 or a negative errno value */
int floor_copy_open(struct floor_copy *f, uint64_t size_bytes);
void floor_copy_close(struct floor_copy *f);

/**
 * floor_copy_begin() - start to measure
 *
 * @fresh: make the target resident huge page by huge page; else it is
 */
void floor_copy_begin(struct floor_copy *f, bool fresh);

/** floor_copy_sweep() - fill the caches with other memory */
void floor_copy_sweep(const struct floor_copy *f);

/** floor_copy_piece() - copy a piece past the caches; whole huge pages */
void floor_copy_piece(struct floor_copy *f, uint64_t size_bytes);

/** floor_copy_gbs() - GB/s of all pieces since begin */
double floor_copy_gbs(const struct floor_copy *f);

#endif
