/* SPDX-License-Identifier: MIT */
/*
 * Placement: where the memmap of a range goes that is added, and what that
 * leaves. Pure arithmetic on rules and sizes: what decides an add, and what
 * mhp_plan() answers without one.
 *
 * What it does not do: look at memory. A range with room for its memmap may
 * still fail to be mapped.
 */
#ifndef MHP_SRC_PLACEMENT_H
#define MHP_SRC_PLACEMENT_H

#include "profile.h"

/** The placement with the highest number. */
#define PLACEMENT_LAST MHP_PLACEMENT_RANGE

/**
 * placement_choose() - what a placement that is asked for becomes
 *
 * @wanted: what is asked for; it exists
 * @range: whole blocks
 * @no_range: why blocks must not depend on each other, or NULL
 * @becomes: receives the placement
 *
 * Return: NULL; or the rule for which it is not what was asked for.
 */
const char *placement_choose(const struct profile_rules *rules,
			     enum mhp_placement wanted, struct mhp_range range,
			     const char *no_range, enum mhp_placement *becomes);

/** placement_hosted_pages() - pages of a range of @nr_blocks that memmap, state
 * and padding take */
uint64_t placement_hosted_pages(const struct layout *layout,
				enum mhp_placement placement,
				uint64_t nr_blocks);

/** placement_hosts() - blocks of the range that have any of these */
uint64_t placement_hosts(const struct layout *layout,
			 enum mhp_placement placement, uint64_t nr_blocks);

/** placement_gigantic() - gigantic pages that can form in what is left */
uint64_t placement_gigantic(const struct profile_rules *rules,
			    enum mhp_placement placement,
			    struct mhp_range range);

#endif
