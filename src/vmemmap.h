/* SPDX-License-Identifier: MIT */
/*
 * The memmap of a block: mapped, reached, given back.
 *
 * With a window (ops->map_memmap), the descriptor of pfn n stands at
 * window + n * descriptor_bytes, and populating maps the block's piece of it.
 * Without, the memmap is contiguous in the linear map. Either way the block's
 * record points to the descriptor of its first page, and vmemmap_word() is the
 * one accessor.
 *
 * The engine's word of a descriptor; it is valid only for the first page of a
 * live allocation, and nobody reads another (INV-03):
 *
 *   63    57   56    55     40 39                         0
 *   [ spare ][moving][ owner  ][ cookie                   ]
 *
 * A memmap in existing memory is a chain of allocations of the engine itself:
 * the cookie of each is the pfn of the next.
 */
#ifndef MHP_SRC_VMEMMAP_H
#define MHP_SRC_VMEMMAP_H

#include "engine.h"

#define DESC_OWNER_SHIFT 40
#define DESC_MOVING (UINT64_C(1) << 56)

static inline uint64_t desc_make(uint16_t owner, uint64_t cookie)
{
	return (uint64_t)owner << DESC_OWNER_SHIFT | cookie;
}

static inline uint16_t desc_owner(uint64_t word)
{
	return (uint16_t)(word >> DESC_OWNER_SHIFT);
}

static inline uint64_t desc_cookie(uint64_t word)
{
	return word & MHP_COOKIE_MAX;
}

/** vmemmap_word() - the engine's word of a page's descriptor */
static inline mhp_word_t *
vmemmap_word(const struct mhp *m, const struct mhp_block *blk, mhp_pfn_t pfn)
{
	uint64_t index = pfn - blk->start_pfn;

	return (mhp_word_t *)(void *)(blk->memmap +
				      index * m->geometry.descriptor_bytes);
}

/** vmemmap_maps() - whether descriptors are reached through the window */
static inline bool vmemmap_maps(const struct mhp *m)
{
	return m->window != NULL;
}

/** vmemmap_map() - map a block's memmap from contiguous pages. [mutex] */
int vmemmap_map(struct mhp *m, struct mhp_block *blk, mhp_pfn_t backing_pfn);

/** vmemmap_unmap() - undo it, or all of vmemmap_populate_existing() [mutex] */
void vmemmap_unmap(struct mhp *m, struct mhp_block *blk);

/**
 * vmemmap_populate_existing() - a memmap in existing memory, for a block of
 * @node
 *
 * Takes the largest pieces it can get up to a PMD from the node itself, then
 * from others.
 *
 * Context: [mutex]; may sleep. Return: 0 or a negative errno value, and then
 * nothing is taken.
 */
int vmemmap_populate_existing(struct mhp *m, struct mhp_block *blk,
			      unsigned int node, struct mhp_report *report);

/** vmemmap_depopulate_existing() - undo it. [mutex] */
void vmemmap_depopulate_existing(struct mhp *m, struct mhp_block *blk);

#endif
