/* SPDX-License-Identifier: MIT */
/* Where the memmap of a range goes; see placement.h. */
#include "placement.h"

const char *placement_choose(const struct profile_rules *rules,
			     enum mhp_placement wanted, uint64_t nr_pages,
			     enum mhp_placement *becomes)
{
	const char *rule;

	*becomes = MHP_PLACEMENT_EXISTING;
	if (wanted == MHP_PLACEMENT_EXISTING ||
	    (wanted == MHP_PLACEMENT_AUTO && rules->mode == MHP_MEMMAP_OFF))
		return NULL;
	rule = profile_hosts(rules, nr_pages);
	if (!rule)
		*becomes = MHP_PLACEMENT_BLOCK;
	return rule;
}
