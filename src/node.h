/* SPDX-License-Identifier: MIT */
/*
 * Nodes: which are alive, by the number of blocks that have memory of them.
 *
 * INV-23 the number is the sum over all blocks.
 */
#ifndef MHP_SRC_NODE_H
#define MHP_SRC_NODE_H

#include "engine.h"

/** node_join() - a block became known. [mutex]
 * Return: whether its node came alive with it. */
bool node_join(struct mhp *m, struct mhp_block *blk);

/** node_leave() - a block is forgotten. [mutex]
 * Return: whether its node goes with it. */
bool node_leave(struct mhp *m, struct mhp_block *blk);

/** node_join_boot() - a block of boot memory became known. [mutex] */
void node_join_boot(struct mhp *m, struct mhp_block *blk);

/** node_count() - the number as it follows from the blocks: for the checker */
uint64_t node_count(struct mhp *m, unsigned int node);

#endif
