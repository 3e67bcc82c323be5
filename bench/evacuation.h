/* SPDX-License-Identifier: MIT */
/*
 * What benchmarks of evacuation share: two DIMMs on port/posix, one of them
 * half full of handles, every second of them at random.
 */
#ifndef MHP_BENCH_EVACUATION_H
#define MHP_BENCH_EVACUATION_H

#include "bench.h"
#include "mhp/posix.h"

/**
 * struct evacuation - two DIMMs and the handles that fill them
 *
 * Whoever begins sets size_bytes and, before each evacuation_open(),
 * handle_bytes.
 */
struct evacuation {
	struct mhp_posix *p;
	struct mhp *m;
	uint64_t size_bytes; /* of a DIMM */
	uint64_t handle_bytes;
	struct mhp_range leaving;
	struct mhp_range target;
	uint32_t leaving_id;
	mhp_handle_t *handles;
	uint64_t max_handles; /* room in it */
	uint64_t nr_handles;
	struct mhp_offline *ops; /* one a block */
};

/** evacuation_alloc() - room for handles of at least @handle_bytes, and for
 * operations; 0 or EXIT_FAILED. evacuation_free() in either case. */
int evacuation_alloc(struct evacuation *e, uint64_t handle_bytes);
void evacuation_free(struct evacuation *e);

/** evacuation_open() - a port; 0 or EXIT_FAILED. mhp_posix_close() ends it. */
int evacuation_open(struct evacuation *e);

/**
 * evacuation_prepare() - a DIMM that is half full, and another one with room
 *
 * @resident: what has room has memory already, else it gets it when it is used
 *
 * Return: 0 or EXIT_FAILED.
 */
int evacuation_prepare(struct evacuation *e, bool resident);

/** evacuation_touch() - an access to each 2 MiB of what will be read and, if it
 * is @resident, written */
void evacuation_touch(struct evacuation *e, bool resident);

/** evacuation_nr_blocks() - of the DIMM that leaves */
uint64_t evacuation_nr_blocks(const struct evacuation *e);

/** evacuation_begin() - begin to take its @i-th block offline: as
 * mhp_offline_begin() */
int evacuation_begin(struct evacuation *e, uint64_t i, uint64_t deadline_ns,
		     uint32_t flags, struct mhp_report *report);

#endif
