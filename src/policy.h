/* SPDX-License-Identifier: MIT */
/* Which zone a block goes to; see mhp/policy.h. */
#ifndef MHP_SRC_POLICY_H
#define MHP_SRC_POLICY_H

#include "engine.h"

/** policy_init() - the settings an instance starts with */
void policy_init(struct mhp_policy *policy);

/** policy_zone() - the zone for an offline block. [mutex] */
enum mhp_zone_type policy_zone(struct mhp *m, const struct mhp_block *blk,
			       enum mhp_online_type type);

/** policy_percent() - @pages x @times / @by, rounded down; UINT64_MAX if that
 * is more than there can be. @times and @by are below 2^32. */
uint64_t policy_percent(uint64_t pages, uint64_t times, uint64_t by);

#endif
