/* SPDX-License-Identifier: MIT */
/*
 * The altmap: which pages of a memory block hold its own memmap and allocator
 * state, and how the state is laid out.
 *
 *   first pages of a block, placement block
 *   | descriptors of all its pages ........ | state | usable pages ...
 *   |<------------ memmap_pages ----------->|
 *
 *   if the descriptors of the memmap's own pages are as large as the state, it
 *   stands in those, which nobody else uses:
 *   |[state] descriptors of the usable pages | usable pages ...
 *
 *   first pages of a range of blocks, placement range: a piece for each block,
 *   as it would stand in the block
 *   | piece of block 0 | of block 1 | of block 2 | ... | usable pages ...
 *   a state that hides is in the descriptors of the pages of its own piece;
 *   those are in an earlier piece, or in piece 0
 *
 *   the state of a block (every word 64 bits, groups on lines of their own)
 *   | small | full | nowhole | words | rows | tails |
 *     hints, one bit a pageblock    |      |       \ bit: continues a larger
 *     one
 *                                   |       \ bit: page is not free
 *                                    \ one status word a pageblock
 *
 * All-zero state means: everything free, nothing ever used.
 */
#ifndef MHP_SRC_ALTMAP_H
#define MHP_SRC_ALTMAP_H

#include "engine.h"

/** altmap_layout() - compute the layout for a checked geometry */
void altmap_layout(const struct mhp_geometry *g, struct layout *layout);

/* What is set aside at the start of a range: a head that a driver keeps, then
 * the memmap. A memory block has no head. */
struct altmap {
	uint64_t nr_reserved; /* pages */
	uint64_t nr_memmap;   /* pages */
};

/** altmap_offset() - the first page behind it, counted from the start */
static inline uint64_t altmap_offset(const struct altmap *altmap)
{
	return altmap->nr_reserved + altmap->nr_memmap;
}

/** altmap_leaves() - whether it leaves a page of a range of @nr_pages */
static inline bool altmap_leaves(const struct altmap *altmap, uint64_t nr_pages)
{
	return altmap->nr_reserved < nr_pages &&
	       altmap->nr_memmap < nr_pages - altmap->nr_reserved;
}

/** altmap_memmap_pages() - pages that the descriptors of @nr_pages pages take,
 * rounded up */
uint64_t altmap_memmap_pages(const struct mhp_geometry *g, uint64_t nr_pages);

/**
 * altmap_fits() - whether a block can hold its own memmap and state, with a
 * page to spare; natively whole pages are all it takes
 */
bool altmap_fits(const struct layout *layout);

/** altmap_range_pages() - pages that memmap and state of @nr_blocks blocks take
 * at the start of a range */
uint64_t altmap_range_pages(const struct layout *layout, uint64_t nr_blocks);

/** altmap_range_fits() - whether one range can have so many blocks, each of
 * which could hold its own */
bool altmap_range_fits(const struct layout *layout, uint64_t nr_blocks);

/** altmap_range_memmap() - where block @i of a range has its memmap, in bytes
 * from the start of the range */
uint64_t altmap_range_memmap(const struct layout *layout, uint64_t i);

/** altmap_range_state() - likewise its state */
uint64_t altmap_range_state(const struct layout *layout, uint64_t i);

#endif
