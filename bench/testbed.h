/* SPDX-License-Identifier: MIT */
/*
 * What is measured: an instance of the engine on one of the ports, with boot
 * memory in DMA32 and one DIMM at a time above it, all of which goes online in
 * one zone. So what is allocated without a constraint comes from the DIMM as
 * long as it has a free page.
 */
#ifndef MHP_BENCH_TESTBED_H
#define MHP_BENCH_TESTBED_H

#include "bench.h"
#include "mhp/posix.h"
#include "model.h"

enum testbed_port {
	TESTBED_MODEL,
	TESTBED_POSIX,
};

struct testbed {
	enum testbed_port port;
	struct mhp *m;
	struct mhp_model *model; /* or NULL */
	struct mhp_posix *posix; /* or NULL */
	struct mhp_range dimm;	 /* plugged */
	uint32_t region_id;	 /* of it, on posix */
	bool descends;		 /* its first block leaves last */
	uint32_t model_flags;	 /* MHP_MODEL_*, beside those of all */
};

/** testbed_open() - start; 0, or EXIT_FAILED and has said why */
int testbed_open(struct testbed *t, const struct bench *b,
		 enum testbed_port port, uint64_t boot_bytes,
		 uint64_t max_dimm_bytes);
/** testbed_open_model() - the same on port model, with descriptors of so many
 * bytes */
int testbed_open_model(struct testbed *t, const struct bench *b,
		       uint16_t descriptor_bytes, uint64_t boot_bytes,
		       uint64_t max_dimm_bytes);
/** testbed_open_stale() - the same on port model, where memory stays resident
 * and as it was when it is removed: what is measured is the engine's */
int testbed_open_stale(struct testbed *t, const struct bench *b,
		       uint64_t boot_bytes, uint64_t max_dimm_bytes);
void testbed_close(struct testbed *t);

/* 0, or EXIT_FAILED and have said why. */

/** testbed_plug() - memory arrives and goes online in zone Normal */
int testbed_plug(struct testbed *t, uint64_t size_bytes,
		 enum mhp_placement placement);
/** testbed_plug_at() - the same where the DIMM begins that is noted */
int testbed_plug_at(struct testbed *t, uint64_t size_bytes,
		    enum mhp_placement placement);
/** testbed_offline() - its blocks go offline */
int testbed_offline(struct testbed *t);
/** testbed_remove() - it is gone and its memory the system's again */
int testbed_remove(struct testbed *t);

/** testbed_nr_blocks() - of the DIMM */
uint64_t testbed_nr_blocks(const struct testbed *t);

/** testbed_leaves() - number of the block that goes offline as number @i: the
 * one that holds the memmaps of others goes last */
uint64_t testbed_leaves(const struct testbed *t, uint64_t i);

/** testbed_nr_free() - free pages of the DIMM */
uint64_t testbed_nr_free(struct testbed *t);

/** testbed_existing() - bytes of existing memory that describe the DIMM */
double testbed_existing(struct testbed *t);

/** testbed_port_name() - as in the output */
const char *testbed_port_name(enum testbed_port port);

#endif
