/* SPDX-License-Identifier: MIT */
/*
 * Memory groups, inside: their accounts.
 *
 * INV-21 a block's group is registered; a group's blocks and its present pages
 * of either kind are the sums over the blocks that name it.
 */
#ifndef MHP_SRC_GROUP_H
#define MHP_SRC_GROUP_H

#include "engine.h"
#include "mhp/group.h"

/** group_find() - the group of a number, or NULL. [mutex] */
struct mhp_group *group_find(const struct mhp *m, uint32_t id);

/** group_is_registered() - whether a request may name it. [mutex] */
bool group_is_registered(const struct mhp *m, const struct mhp_group *group);

/** group_account() - @nr_pages present pages of a block came to a zone, or went
 * from it if negative. [mutex] */
void group_account(struct mhp *m, const struct mhp_block *blk,
		   enum mhp_zone_type zone, int64_t nr_pages);

/** group_join() - a block was added with a group's number. [mutex] */
void group_join(struct mhp *m, const struct mhp_block *blk);

/** group_leave() - it is removed. [mutex] */
void group_leave(struct mhp *m, const struct mhp_block *blk);

#endif
