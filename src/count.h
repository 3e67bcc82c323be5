/* SPDX-License-Identifier: MIT */
/*
 * Counting what is free in a zone, fast: most pageblocks are told from their
 * word alone, and rows are looked at where some pages of one are in use.
 */
#ifndef MHP_SRC_COUNT_H
#define MHP_SRC_COUNT_H

#include "engine.h"

/** count_zone_free() - free pages of a zone that are not isolated. [mutex] */
uint64_t count_zone_free(struct mhp *m, unsigned int node,
			 enum mhp_zone_type zone);

#endif
