/* SPDX-License-Identifier: MIT */
/*
 * Boot memory: what is there from the start, holes and all.
 *
 * Its memmap and allocator state are carved from the end of a boot range, in
 * pieces that do not cross a block. Boot blocks are online from init on and are
 * never removed; one with holes, or in several zones, never goes offline
 * either.
 */
#ifndef MHP_SRC_BOOT_H
#define MHP_SRC_BOOT_H

#include "engine.h"
#include "zone.h"

/** boot_init() - bring boot memory up. Context: init. Return: 0 or a negative
 * errno value, and then nothing is left. */
int boot_init(struct mhp *m, struct mhp_report *report);

/** boot_fini() - undo it */
void boot_fini(struct mhp *m);

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
