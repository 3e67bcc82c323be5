/* SPDX-License-Identifier: MIT */
/*
 * What becomes of the first pageblocks of a block when its memmap comes to
 * stand on it, or leaves it: words, rows and hints, by the status as it is now.
 */
#ifndef MHP_SRC_RECAST_H
#define MHP_SRC_RECAST_H

#include "pageblock.h"

/**
 * recast_block() - the first pages of a block have become memmap, or have
 * ceased to be
 *
 * @nr_pages: how many
 *
 * Of pages that became memmap none is in use or withheld. [mutex], and nobody
 * looks at the state: the gate is frozen.
 */
void recast_block(struct mhp *m, struct mhp_block *blk, uint64_t nr_pages);

#endif
