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
 * shared, and in huge pages if the system can
 */
struct floor_copy {
	size_t size_bytes; /* of each; whole huge pages */
	uint8_t *from;
	uint8_t *to;
	uint8_t *raw;
	size_t raw_bytes;
};

/** floor_copy_open() - both resident; 0 or a negative errno value */
int floor_copy_open(struct floor_copy *f, uint64_t size_bytes);
void floor_copy_close(struct floor_copy *f);

/** floor_copy_resident() - GB/s of a non-temporal copy */
double floor_copy_resident(const struct floor_copy *f);

/**
 * floor_copy_fresh() - GB/s of making memory resident and copying to it, huge
 * page by huge page; 0 if the system has none
 */
double floor_copy_fresh(struct floor_copy *f);

#endif
