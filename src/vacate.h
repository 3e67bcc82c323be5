/* SPDX-License-Identifier: MIT */
/*
 * Emptying a range of one block that stays online: its pageblocks are isolated,
 * what is in use there is moved out of them, and then the caller has the range
 * until he un-isolates it.
 *
 *   isolate, wait for readers, forecast
 *   loop: move a batch without the mutex, until nothing is in use
 *
 * A block in which pageblocks are isolated goes neither offline nor away: both
 * begin with isolating it, and find that somebody else has.
 */
#ifndef MHP_SRC_VACATE_H
#define MHP_SRC_VACATE_H

#include "engine.h"

/**
 * vacate_range() - empty a range of a block that is online
 *
 * Context: [mutex], which is let go of while owners move.
 * Return: 0: the range is isolated and nothing in it is in use, for good (R3);
 * or a negative errno value, and nothing is isolated. The report speaks of
 * MHP_STAGE_OFFLINE.
 */
int vacate_range(struct mhp *m, struct mhp_block *blk, struct mhp_range range,
		 uint64_t deadline_ns, struct mhp_report *report);

#endif
