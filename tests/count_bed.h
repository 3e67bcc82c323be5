/* SPDX-License-Identifier: MIT */
/* What the parts of count_plug share: a machine with blocks, and steps. */
#ifndef MHP_TESTS_COUNT_BED_H
#define MHP_TESTS_COUNT_BED_H

#include "mhp/device.h"
#include "mhp/group.h"
#include "support.h"

#define NR_BOOT 32
#define FIRST_ID 64 /* of the blocks that are just there */

/* A machine with blocks, and what the steps hand on to each other. */
struct bed {
	struct machine mc;
	uint64_t nr;		   /* blocks that are just there */
	uint64_t id;		   /* the block that all is done with */
	enum mhp_placement places; /* where its memmap is */
	struct shelf *shelf;
	struct item *item;
	mhp_pfn_t pfn;
	struct mhp_group group;
	struct mhp_device *device;
	struct mhp_offline op;
	mhp_pfn_t *pfns; /* pageblocks of the range that are in use */
	uint64_t nr_pfns;
};

/** A step; one without a name is not counted. */
struct step {
	const char *name;
	void (*run)(void *arg);
};

extern const struct step gigantic_steps[];
extern const unsigned int nr_gigantic_steps;

#endif
