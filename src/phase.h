/* SPDX-License-Identifier: MIT */
/*
 * Which events surround a block's way on- and offline, in which order. The
 * order is Linux's; the pairing is strict: who was asked is told how it ended.
 *
 *   online:   [PREPARE_ONLINE] [NODE_ADDING_FIRST] GOING_ONLINE
 *             commit           [NODE_ADDED_FIRST]  ONLINE
 *   offline:  [NODE_REMOVING_LAST] GOING_OFFLINE
 *             commit [NODE_REMOVED_LAST] OFFLINE [FINISH_OFFLINE]
 *
 * PREPARE and FINISH are for memory that was added as not accessible; the
 * node's events for its first and its last memory.
 *
 * INV-22 a node has been asked about its last memory only while all of that is
 * going offline.
 */
#ifndef MHP_SRC_PHASE_H
#define MHP_SRC_PHASE_H

#include "engine.h"

/** phase_going_online() - ask: 0 or the veto, and then who agreed was told that
 * it does not happen. [mutex] */
int phase_going_online(struct mhp *m, struct mhp_block *blk,
		       enum mhp_zone_type zone);

/** phase_online() - tell, after the block was counted in. [mutex] */
void phase_online(struct mhp *m, struct mhp_block *blk,
		  enum mhp_zone_type zone);

/** phase_going_offline() - ask; the block says that it is going. [mutex]
 * Return: 0 or the veto, and then who agreed was told. */
int phase_going_offline(struct mhp *m, struct mhp_block *blk);

/** phase_cancel_offline() - tell that it stays. [mutex] */
void phase_cancel_offline(struct mhp *m, struct mhp_block *blk);

/** phase_offline() - tell, after the block was counted out. [mutex] */
void phase_offline(struct mhp *m, struct mhp_block *blk,
		   enum mhp_zone_type zone);

/** phase_node_is_leaving() - whether all blocks that a node has online are
 * going offline, and there is one. [mutex] */
bool phase_node_is_leaving(struct mhp *m, unsigned int node);

#endif
