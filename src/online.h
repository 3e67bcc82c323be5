/* SPDX-License-Identifier: MIT */
/* Putting a block online, for callers that hold the mutex. */
#ifndef MHP_SRC_ONLINE_H
#define MHP_SRC_ONLINE_H

#include "engine.h"

/** online_locked() - put an offline block into a zone. [mutex]
 * Return: as mhp_block_online(). */
int online_locked(struct mhp *m, struct mhp_block *blk, enum mhp_zone_type zone,
		  struct mhp_report *report);

/** online_check_bad() - memory with bad pages is not put to use: 0 or
 * MHP_ERR_HWPOISON. If a page goes bad while its block is in use that stays,
 * and an eject that fails puts it back as it was. [mutex] */
int online_check_bad(struct mhp *m, const struct mhp_block *blk,
		     struct mhp_report *report);

#endif
