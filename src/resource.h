/* SPDX-License-Identifier: MIT */
/*
 * Resources: which blocks were added as one. There is no list of them: a flag
 * in a block says that a resource begins there, and it goes on over adjacent
 * blocks without the flag.
 *
 * INV-20 adjacent added blocks without a boundary between them are of one kind.
 */
#ifndef MHP_SRC_RESOURCE_H
#define MHP_SRC_RESOURCE_H

#include "engine.h"

/** resource_flags() - flags of a block at @pfn of a request's range */
unsigned int resource_flags(const struct mhp_add_request *request,
			    mhp_pfn_t pfn);

/** resource_added() - the blocks of @range are published: merge if they may.
 * [mutex] */
void resource_added(struct mhp *m, struct mhp_range range);

/** resource_removed() - the blocks of @range are gone: what is behind begins
 * anew. [mutex] */
void resource_removed(struct mhp *m, struct mhp_range range);

/** resource_continues() - whether @blk belongs to the resource of the block
 * just before it. [mutex] */
bool resource_continues(struct mhp *m, const struct mhp_block *blk);

#endif
