/* SPDX-License-Identifier: MIT */
/* Putting a block online, for callers that hold the mutex. */
#ifndef MHP_SRC_ONLINE_H
#define MHP_SRC_ONLINE_H

#include "engine.h"

/** online_locked() - put an offline block into a zone. [mutex]
 * Return: as mhp_block_online(). */
int online_locked(struct mhp *m, struct mhp_block *blk, enum mhp_zone_type zone,
		  struct mhp_report *report);

/** online_late_type() - what the block was asked to be when it was online
 * already. Linux refuses that, but its device core makes use of it when it
 * brings the block back; so do the profiles, natively this is always the
 * default. [mutex] */
enum mhp_online_type online_late_type(const struct mhp_block *blk);

/** online_note_type() - a block is asked to go online: what was noted before is
 * used up, and this is noted if it comes too late. [mutex] */
void online_note_type(struct mhp *m, struct mhp_block *blk,
		      enum mhp_online_type type);

/** online_as_device() - online as Linux's device core does it, which does not
 * say how.
 * Return: as mhp_block_online(). */
int online_as_device(struct mhp *m, uint64_t block_id,
		     struct mhp_report *report);

/** online_check_bad() - memory with bad pages is not put to use: 0 or
 * MHP_ERR_HWPOISON. If a page goes bad while its block is in use that stays,
 * and an eject that fails puts it back as it was. [mutex] */
int online_check_bad(struct mhp *m, const struct mhp_block *blk,
		     struct mhp_report *report);

#endif
