/* SPDX-License-Identifier: MIT */
/*
 * Zones: which online blocks they have, and spanned, present and managed pages.
 *
 * INV-04 span contains every present page of the zone, and begins and ends with
 * one; it is empty if the zone has none. A span may contain pages of others.
 * INV-05 present >= managed; managed = present less memmap, state, what the
 * embedder keeps and what is withheld.
 */
#ifndef MHP_SRC_ZONE_H
#define MHP_SRC_ZONE_H

#include "boot_map.h"

/** zone_share() - what an online block has in a zone of a node; all zero if
 * nothing. [mutex] */
struct zone_share zone_share(struct mhp *m, struct mhp_block *blk,
			     unsigned int node, enum mhp_zone_type zone);

/** zone_account() - count a block in, for a zone that its status names, or all
 * of its zones if they are many. [mutex] */
void zone_account(struct mhp *m, struct mhp_block *blk);

/** zone_unaccount() - count it out, and shrink the span. [mutex] */
void zone_unaccount(struct mhp *m, struct mhp_block *blk);

/** zone_going() - a block of one zone is going offline, or is not any more.
 * [mutex] */
void zone_going(struct mhp *m, struct mhp_block *blk, bool going);

/** zone_withheld() - @nr managed pages of a block of one zone are not any more.
 * [mutex] */
void zone_withheld(struct mhp *m, const struct mhp_block *blk, uint64_t nr);

/** zone_released() - and again are. [mutex] */
void zone_released(struct mhp *m, const struct mhp_block *blk, uint64_t nr);

/** zone_link() - offer an online block to the allocator. [mutex] */
void zone_link(struct mhp *m, struct mhp_block *blk);

/** zone_unlink() - take it from the allocator; readers may still walk over it.
 * [mutex] */
void zone_unlink(struct mhp *m, struct mhp_block *blk);

/** zone_extent() - the span as it follows from the blocks: for the checker */
struct mhp_range zone_extent(struct mhp *m, unsigned int node,
			     enum mhp_zone_type zone);

#endif
