/* SPDX-License-Identifier: MIT */
/*
 * Memmap and state of a memory block that is being added: where its placement
 * says, and back. Nobody knows the block yet, or any more.
 *
 * Placements block and range take them from the memory that is added: the first
 * pages of the block, or its piece at the start of the range (altmap.h).
 */
#ifndef MHP_SRC_DESCRIBE_H
#define MHP_SRC_DESCRIBE_H

#include "engine.h"

/* What the blocks of one request have in common. */
struct describe {
	enum mhp_placement placement;
	struct mhp_range range;
	unsigned int node;
	uint8_t *linear;      /* of the first block, once that is described */
	const char *no_range; /* set if the port's linear map stands against
				 placement range */
};

/** describe_block() - give a block memmap and state. [mutex]
 * Return: 0 or a negative errno value, and then nothing is taken. */
int describe_block(struct mhp *m, struct mhp_block *blk, struct describe *how,
		   struct mhp_report *report);

/** describe_flags() - the flags that go with it */
unsigned int describe_flags(const struct mhp_block *blk,
			    const struct describe *how);

/** describe_pages() - pages of the block that hold memmap or state, its own or
 * others' */
uint32_t describe_pages(const struct mhp *m, const struct mhp_block *blk,
			const struct describe *how);

/** undescribe_block() - undo it, but for pages of other blocks, which
 * host_release() gives back. [mutex] */
void undescribe_block(struct mhp *m, struct mhp_block *blk);

#endif
