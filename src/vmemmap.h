/* SPDX-License-Identifier: MIT */
/*
 * The memmap of a block: mapped, reached, given back.
 *
 * With a window (ops->map_memmap), the descriptor of pfn n stands at
 * window + n * descriptor_bytes, and populating maps the block's piece of it.
 * Without, the memmap is contiguous in the linear map. Either way the block's
 * record points to the descriptor of its first page, and desc_word() is the
 * one accessor.
 *
 * A memmap in existing memory is a chain of allocations of the engine itself:
 * the cookie of each is the pfn of the next.
 */
#ifndef MHP_SRC_VMEMMAP_H
#define MHP_SRC_VMEMMAP_H

#include "engine.h"

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
