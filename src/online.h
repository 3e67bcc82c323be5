/* SPDX-License-Identifier: MIT */
/* Putting a block online, for callers that hold the mutex. */
#ifndef MHP_SRC_ONLINE_H
#define MHP_SRC_ONLINE_H

#include "engine.h"

/** online_locked() - put an offline block into a zone. [mutex]
 * Return: as mhp_block_online(). */
int online_locked(struct mhp *m, struct mhp_block *blk, enum mhp_zone_type zone,
		  struct mhp_report *report);

#endif
