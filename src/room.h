/* SPDX-License-Identifier: MIT */
/*
 * Which blocks may have room, above the hints inside of blocks: so that a
 * search in memory that is almost full finds the few blocks that are not.
 *
 *   zone of a node    one bit for each leaf of the index of sections  ─┐
 *   leaf              one bit for each section: of a block's first   ◄─┘
 *   block             hints: one bit for each pageblock              ◄─
 *
 * and five of each: free pageblocks, those that can be had whole, blocks of
 * which all can, and partly used pageblocks by mobility. In a leaf these are
 * twice, for zone Movable and for all others, so that a search in one does not
 * have to ask the blocks of the other one that they often share a leaf with.
 *
 * R10 as R6, on each level: who makes room changes the level below first, and
 * looks at this one afterwards. A search that finds nothing clears the bit,
 * looks below again, and sets it if that was wrong. So a bit that is set may be
 * wrong; one that is not hides nothing, at rest (INV-31).
 *
 * What it does not do: blocks in several zones. There are few; they are walked.
 */
#ifndef MHP_SRC_ROOM_H
#define MHP_SRC_ROOM_H

#include "pageblock.h"

enum room_kind {
	ROOM_FREE,	/* a free pageblock */
	ROOM_WHOLE,	/* one without pages that are not the allocator's */
	ROOM_ALL,	/* all of them are like that */
	ROOM_MOVABLE,	/* a partly used one for movable data */
	ROOM_UNMOVABLE, /* likewise */
};

_Static_assert(ROOM_UNMOVABLE + 1 == NR_ROOM, "all are counted");

/** room_leaf_bytes() - what is behind the entries of a leaf */
static inline uint64_t room_leaf_bytes(uint32_t leaf_order)
{
	return 2 * NR_ROOM * (sizeof(mhp_word_t) << (leaf_order - 6));
}

/** room_zone_words() - of one kind, for so many leaves */
static inline uint64_t room_zone_words(uint64_t nr_leaves)
{
	return (nr_leaves + 63) / 64;
}

/** room_of() - in what kind of room a pageblock with that word is, if it is
 * partly used */
static inline enum room_kind room_of(uint64_t word)
{
	return word & PB_UNMOVABLE ? ROOM_UNMOVABLE : ROOM_MOVABLE;
}

/** room_is_whole() - whether a pageblock is free and all the allocator's */
bool room_is_whole(const struct mhp *m, const struct pageblock *pb,
		   uint64_t word);

/** room_set() - a block has got room: after its hints say so. Inside a section,
 * or [mutex] */
void room_set(struct mhp *m, const struct mhp_block *blk, enum room_kind kind);

/** room_open() - a block is online. [mutex] */
void room_open(struct mhp *m, const struct mhp_block *blk);

/** room_gain() - a block that serves has fewer pages of memmap than before.
 * [mutex] */
void room_gain(struct mhp *m, const struct mhp_block *blk);

/** room_close() - it is not any more. [mutex] */
void room_close(struct mhp *m, const struct mhp_block *blk);

/** room_has() - what the hints of a block say */
bool room_has(struct mhp *m, struct mhp_block *blk, enum room_kind kind);

/** room_doubt() - nothing was found in a block: is there? */
void room_doubt(struct mhp *m, struct mhp_block *blk, enum room_kind kind);

/** room_next() - the first block of a zone of a node, from @pfn to before
 * @end_pfn, that may have room; NULL: none. Inside a section, or [mutex] */
struct mhp_block *room_next(struct mhp *m, unsigned int node,
			    enum mhp_zone_type type, enum room_kind kind,
			    mhp_pfn_t pfn, mhp_pfn_t end_pfn);

/** room_next_group() - the same for @kind ALL: the first block of an aligned
 * group of 2^@order that may all be free, at most room_group_max(). The others
 * may be in another zone. */
struct mhp_block *room_next_group(struct mhp *m, unsigned int node,
				  enum mhp_zone_type type, unsigned int order,
				  mhp_pfn_t pfn, mhp_pfn_t end_pfn);

/** room_group_max() - order of the largest group that is looked for: a gigantic
 * page, if the bits of its blocks are in one word. Of a leaf the zone says only
 * whether it may have such a group. */
static inline unsigned int room_group_max(const struct mhp *m)
{
	unsigned int block = (unsigned int)m->layout.block_order;
	unsigned int word = m->section_order + 6;
	unsigned int end = m->layout.max_order < word ? m->layout.max_order
						      : word;

	return end > block ? end - block : 0;
}

/** room_some() - the first @most of them, in @blks.
 * Return: how many. */
uint32_t room_some(struct mhp *m, unsigned int node, enum mhp_zone_type type,
		   enum room_kind kind, mhp_pfn_t pfn, mhp_pfn_t end_pfn,
		   uint32_t most, struct mhp_block **blks);

/** room_is_set() - whether all levels say that a block may have room; of one
 * that is in several zones nothing is said */
bool room_is_set(struct mhp *m, const struct mhp_block *blk,
		 enum room_kind kind);

#endif
