/* SPDX-License-Identifier: MIT */
/*
 * Isolation of a memory block: nothing in it is handed out any more, and what
 * is freed stays. Sticky flags in the pageblocks' words; no list is sorted and
 * no processor is visited (rule R3 in pageblock.h).
 */
#ifndef MHP_SRC_ISOLATE_H
#define MHP_SRC_ISOLATE_H

#include "pageblock.h"

/** isolate_block() - isolate all pageblocks of a block. [mutex]
 * Return: 0; MHP_ERR_BUSY if one is isolated already (@pfn says which), and
 * then nothing is changed. */
int isolate_block(struct mhp *m, struct mhp_block *blk, mhp_pfn_t *pfn);

/** isolate_undo() - un-isolate all pageblocks of a block. [mutex] */
void isolate_undo(struct mhp *m, struct mhp_block *blk);

/** isolate_used() - pages of an isolated block that are allocated or about to
 * be prepared; 0 is final (R3) */
uint64_t isolate_used(struct mhp *m, struct mhp_block *blk);

#endif
