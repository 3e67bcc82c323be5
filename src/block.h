/* SPDX-License-Identifier: MIT */
/* Records of memory blocks: made, found by number, their status changed. */
#ifndef MHP_SRC_BLOCK_H
#define MHP_SRC_BLOCK_H

#include "vmemmap.h"

/** block_new() - a record for the block at @start_pfn, its memory mapped.
 * [mutex] Return: 0 or a negative errno value, and then nothing is left. */
int block_new(struct mhp *m, mhp_pfn_t start_pfn, struct mhp_block **blk,
	      struct mhp_report *report);

/** block_delete() - undo it; no reader knows the block any more. [mutex] */
void block_delete(struct mhp *m, struct mhp_block *blk);

/** block_find() - the block of a number, or NULL; [mutex] or inside a
 * section */
struct mhp_block *block_find(struct mhp *m, uint64_t block_id);

/** block_set() - write the status of a block. [mutex] */
void block_set(struct mhp_block *blk, enum mhp_block_state life,
	       enum mhp_zone_type zone, unsigned int node, unsigned int flags,
	       uint32_t memmap_pages);

/** block_set_life() - change its state only. [mutex] */
void block_set_life(struct mhp_block *blk, enum mhp_block_state life);

/** block_set_zone() - change its zone only. [mutex] */
void block_set_zone(struct mhp_block *blk, enum mhp_zone_type zone);

/** block_set_former_zone() - where to go back to. [mutex] */
void block_set_former_zone(struct mhp_block *blk, enum mhp_zone_type zone);

/** block_set_memmap_pages() - how many pages hold memmap or state. [mutex] */
void block_set_memmap_pages(struct mhp_block *blk, uint32_t nr);

/** block_set_flag() - add one flag. [mutex] */
void block_set_flag(struct mhp_block *blk, unsigned int flag);

/** block_clear_flag() - take one flag away. [mutex] */
void block_clear_flag(struct mhp_block *blk, unsigned int flag);

/** block_set_moving() - whether its memmap moves. [mutex] */
void block_set_moving(struct mhp_block *blk, bool moving);

/** block_set_resource() - what its resource is. [mutex] */
void block_set_resource(struct mhp_block *blk, enum mhp_resource_kind kind);

/** block_set_memmap_pfn() - the lower part of links. [mutex] */
void block_set_memmap_pfn(struct mhp_block *blk, mhp_pfn_t pfn);

/** block_set_group() - number of its memory group, 0: none. [mutex] */
void block_set_group(struct mhp_block *blk, uint32_t group);

/** block_span() - the span that its memmap describes. [mutex] */
struct span block_span(const struct mhp *m, const struct mhp_block *blk,
		       unsigned int node);

/** block_set_span() - its memmap is where the span says. [mutex] */
void block_set_span(struct mhp_block *blk, const struct span *span);

/** block_usable() - its pages from the first one on that holds no memmap */
struct mhp_range block_usable(const struct mhp *m, const struct mhp_block *blk);

#endif
