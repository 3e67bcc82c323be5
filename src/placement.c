/* SPDX-License-Identifier: MIT */
/* Where the memmap of a range goes; see placement.h. */
#include "placement.h"

#include "altmap.h"

/* Why one memmap for the whole range cannot be, or NULL. */
static const char *placement_ranges(const struct profile_rules *rules,
				    struct mhp_range range)
{
	const struct layout *l = rules->layout;
	uint64_t nr_blocks = range.nr_pages >> l->block_order;
	const char *rule;

	if (rules->profile != MHP_PROFILE_NATIVE)
		return "Linux has no memmap for a whole range";
	rule = profile_hosts(rules, range.nr_pages);
	if (rule)
		return rule;
	if (nr_blocks < 2)
		return "the range is one block, which carries its own memmap";
	return altmap_range_fits(l, nr_blocks)
		       ? NULL
		       : "the range has too many blocks for one memmap";
}

/* Whether the whole of a range holds more gigantic pages than its blocks. */
static bool placement_prefers_range(const struct profile_rules *rules,
				    struct mhp_range range)
{
	return rules->mode == MHP_MEMMAP_RANGE ||
	       placement_gigantic(rules, MHP_PLACEMENT_RANGE, range) >
		       placement_gigantic(rules, MHP_PLACEMENT_BLOCK, range);
}

static bool placement_is_automatic(const struct profile_rules *rules,
				   enum mhp_placement wanted)
{
	return wanted == MHP_PLACEMENT_AUTO &&
	       (rules->mode == MHP_MEMMAP_AUTO ||
		rules->mode == MHP_MEMMAP_RANGE);
}

const char *placement_choose(const struct profile_rules *rules,
			     enum mhp_placement wanted, struct mhp_range range,
			     const char *no_range, enum mhp_placement *becomes)
{
	const char *rule = NULL, *no_block;

	*becomes = MHP_PLACEMENT_EXISTING;
	if (wanted == MHP_PLACEMENT_EXISTING ||
	    (wanted == MHP_PLACEMENT_AUTO && rules->mode == MHP_MEMMAP_OFF))
		return NULL;
	if (wanted == MHP_PLACEMENT_RANGE ||
	    placement_is_automatic(rules, wanted)) {
		rule = no_range ? no_range : placement_ranges(rules, range);
		if (!rule && (wanted == MHP_PLACEMENT_RANGE ||
			      placement_prefers_range(rules, range))) {
			*becomes = MHP_PLACEMENT_RANGE;
			return NULL;
		}
	}
	no_block = profile_hosts(rules, range.nr_pages);
	if (no_block)
		return no_block;
	*becomes = MHP_PLACEMENT_BLOCK;
	return wanted == MHP_PLACEMENT_RANGE ? rule : NULL;
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
	if (placement == MHP_PLACEMENT_EXISTING)
		return 0;
	if (placement == MHP_PLACEMENT_BLOCK)
		return nr_blocks;
	return (altmap_range_pages(layout, nr_blocks) + layout->block_pages -
		1) >>
	       layout->block_order;
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
