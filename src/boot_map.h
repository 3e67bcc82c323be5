/* SPDX-License-Identifier: MIT */
/*
 * The map of boot memory: which pfns are memory, of which node and zone, and
 * which of them the allocator does not get. Facts about ranges, nothing else.
 */
#ifndef MHP_SRC_BOOT_MAP_H
#define MHP_SRC_BOOT_MAP_H

#include "engine.h"

/** range_cut() - what two ranges have in common; empty if nothing */
struct mhp_range range_cut(struct mhp_range a, struct mhp_range b);

/* What a block has in a zone. */
struct zone_share {
	struct mhp_range extent; /* first to last page */
	uint64_t nr_present;
	uint64_t nr_managed;
};

/** boot_is_present() - whether a pfn is boot memory, and of which node */
bool boot_is_present(const struct mhp *m, mhp_pfn_t pfn, unsigned int *node);

/** boot_is_meta() - whether it holds memmap or state of boot memory */
bool boot_is_meta(const struct mhp *m, mhp_pfn_t pfn);

/** boot_kept() - of the 64 pages from @pfn on, those that are not the
 * allocator's: holes, the embedder's, memmap and state */
uint64_t boot_kept(const struct mhp *m, mhp_pfn_t pfn);

/** boot_share() - what a range of boot memory has in a zone of a node, by the
 * limits; zone NONE: in all of them */
void boot_share(const struct mhp *m, struct mhp_range range, unsigned int node,
		enum mhp_zone_type zone, struct zone_share *share);

/** boot_zone() - zone of a pfn of boot memory, by the limits */
enum mhp_zone_type boot_zone(const struct mhp *m, mhp_pfn_t pfn);

/** boot_pageblock_zone() - zone and node of a pageblock of boot memory; NONE if
 * none of it is memory */
enum mhp_zone_type boot_pageblock_zone(const struct mhp *m, mhp_pfn_t start_pfn,
				       unsigned int *node);

#endif
