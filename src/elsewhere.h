/* SPDX-License-Identifier: MIT */
/* Room for what has to leave a block. */
#ifndef MHP_SRC_ELSEWHERE_H
#define MHP_SRC_ELSEWHERE_H

#include "engine.h"

/**
 * elsewhere_free() - free pages in other blocks than @blk, counted as far as
 * they are needed
 *
 * It looks at a bounded number of blocks, those that may have room (room.h): so
 * there are at least so many.
 *
 * Return: at most @nr_needed. [mutex]
 */
uint64_t elsewhere_free(struct mhp *m, const struct mhp_block *blk,
			uint64_t nr_needed);

#endif
