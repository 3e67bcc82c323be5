/* SPDX-License-Identifier: MIT */
/*
 * The state of a machine at one moment, as data for whoever prints it: the
 * hot-plugged memory blocks, the zones they went to, and what it all costs.
 */
#ifndef MHP_TOOLS_SNAPSHOT_H
#define MHP_TOOLS_SNAPSHOT_H

#include "machine.h"

/** Longest text of valid_zones, and of a state. */
#define SNAPSHOT_WORD_MAX 32

struct snapshot_block {
	struct mhp_block_info info;
	char state[SNAPSHOT_WORD_MAX]; /* as its view reads */
	char zones[SNAPSHOT_WORD_MAX]; /* as valid_zones reads */
};

struct snapshot_zone {
	unsigned int node;
	enum mhp_zone_type zone;
	struct mhp_zone_info info;
};

struct snapshot {
	struct snapshot_block *blocks; /* by id */
	size_t nr_blocks;
	struct snapshot_zone *zones; /* by node, then in zone order */
	size_t nr_zones;
	int64_t memtotal_delta_kb;
	struct mhp_stat stat;
	uint64_t handle_bytes;
};

/** snapshot_take() - 0; or an error, why, and nothing that is to be freed */
int snapshot_take(struct machine *machine, struct snapshot *snap,
		  struct outcome *o);

/** snapshot_free() - free what it holds */
void snapshot_free(struct snapshot *snap);

/** snapshot_memmap_word() - where a block's memmap lives */
const char *snapshot_memmap_word(const struct snapshot_block *block);

#endif
