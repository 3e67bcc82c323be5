/* SPDX-License-Identifier: MIT */
/* The rules of pageblocks, checked; see docs/SPEC.md for the numbers. */
#ifndef MHP_SRC_CHECK_PAGEBLOCK_H
#define MHP_SRC_CHECK_PAGEBLOCK_H

#include "frame.h"

/** check_pageblocks() - check all pageblocks of a block that serves. [mutex]
 *
 * @pfn: receives where
 * Return: 0, or the number of the first broken rule. */
uint32_t check_pageblocks(struct mhp *m, struct mhp_block *blk, mhp_pfn_t *pfn);

#endif
