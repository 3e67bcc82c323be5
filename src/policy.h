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

#endif
