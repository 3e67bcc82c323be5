/* SPDX-License-Identifier: MIT */
/*
 * Isolation of pageblocks: nothing in them is handed out any more, and what
 * is freed stays. Sticky flags in the pageblocks' words; no list is sorted and
 * no processor is visited (rule R3 in pageblock.h).
 */
#ifndef MHP_SRC_ISOLATE_H
#define MHP_SRC_ISOLATE_H

#include "pageblock.h"

/** isolate_range() - isolate the pageblocks that a range of a block touches.
 * [mutex] Return: 0; MHP_ERR_BUSY if one is isolated already (@pfn says which),
 * and then nothing is changed. */
int isolate_range(struct mhp *m, struct mhp_block *blk, struct mhp_range range,
		  mhp_pfn_t *pfn);

/** isolate_undo() - un-isolate them. [mutex] */
void isolate_undo(struct mhp *m, struct mhp_block *blk, struct mhp_range range);

/** isolate_used() - pages of an isolated range that are allocated, or in a
 * pageblock that is being prepared; 0 is final (R3) */
uint64_t isolate_used(struct mhp *m, struct mhp_block *blk,
		      struct mhp_range range);

#endif
