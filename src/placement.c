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

uint64_t placement_hosted_pages(const struct layout *layout,
				enum mhp_placement placement,
				uint64_t nr_blocks)
{
	if (placement == MHP_PLACEMENT_EXISTING)
		return 0;
	return nr_blocks * layout->hosted_pages;
}

uint64_t placement_hosts(const struct layout *layout,
			 enum mhp_placement placement, uint64_t nr_blocks)
{
	(void)layout;
	return placement == MHP_PLACEMENT_EXISTING ? 0 : nr_blocks;
}

/* Naturally aligned runs of an order between two pfns. */
static uint64_t placement_runs(mhp_pfn_t start_pfn, mhp_pfn_t end_pfn,
			       unsigned int order)
{
	uint64_t mask = (UINT64_C(1) << order) - 1;
	uint64_t first = (start_pfn + mask) >> order;
	uint64_t end = end_pfn >> order;

	return end > first ? end - first : 0;
}

uint64_t placement_gigantic(const struct profile_rules *rules,
			    enum mhp_placement placement,
			    struct mhp_range range)
{
	const struct layout *l = rules->layout;
	unsigned int order = mhp_gigantic_order(rules->geometry);
	uint64_t nr_blocks = range.nr_pages >> l->block_order;

	/* Blocks are aligned to their size: what one can hold, each can. */
	if (placement == MHP_PLACEMENT_BLOCK)
		return nr_blocks *
		       placement_runs(l->hosted_pages, l->block_pages, order);
	return placement_runs(
		range.start_pfn +
			placement_hosted_pages(l, placement, nr_blocks),
		mhp_range_end_pfn(range), order);
}
