/* SPDX-License-Identifier: MIT */
/*
 * Pageblocks: the allocator's only truth.
 *
 * Each pageblock has a status word and two bits a page, in plain 64-bit words
 * that any processor may compare-and-swap: "row" bits (1: not free) and "tail"
 * bits (1: continues a larger allocation). No lists, no counts, nothing in
 * descriptors. The rules, which docs/LOCKING.md argues in full:
 *
 * R1 a row bit goes 0 to 1 by one successful CAS, and 1 to 0 by one free or
 * undo.
 * R2 an allocation below a pageblock is granted if, after its row CAS, a load
 *    of the word shows SMALL, the wanted mobility, and none of HUGE, ISOLATED,
 *    CLOSING, OPENING; else the bits are undone. A row is claimed only after
 *    the word was seen grantable in the same read-side section: then the
 *    pageblock was opened in this life of its block, and the bits of pages that
 *    are not the allocator's are set (a cursor that remembers where it granted
 *    knows that, too). A whole pageblock is granted if CAS takes
 *    the word from a free value to HUGE.
 * R3 isolation sets ISOLATED. Whoever did not see it comes before it, with the
 *    row bit set; so rows read afterwards show every grant, nothing is granted
 *    later, and "rows empty, not HUGE, not OPENING" is final.
 * R4 SMALL goes away only by CLOSING: set it, look at the rows again, and
 *    finish or take it back and look once more.
 * R5 an undo bit of a latecomer may stand in any pageblock for a moment; it
 *    withholds a page and does no harm.
 * R6 hints are set and then verified by looking again; who changes the truth
 *    looks at the hint afterwards. They never decide anything. One of them is
 *    in the word: cramped.h.
 * R7 tail bits are set after the grant and cleared before the row bits: a free
 *    page has none.
 * R8 ownership by a cursor is a preference: anyone may use any row. A free that
 *    empties a pageblock leaves it to its owner, who looks when letting go.
 * R9 an allocation of several pageblocks is a chain: all are HUGE, the first
 *    RUNS, the others CONT, also across memory blocks. They are taken one by
 *    one from the first on, as R2 says of one, and given back from the last on:
 *    a CONT one always follows its chain. While that is going on the first has
 *    CLOSING, too, and whoever set that is the only one to go on. A chain that
 *    is given has no CLOSING, its length does not change, and its first
 *    pageblock has the descriptor.
 * R10 bits above blocks say where there may be room: as R6, see room.h.
 *
 * All reads that take part in an argument are sequentially consistent.
 */
#ifndef MHP_SRC_PAGEBLOCK_H
#define MHP_SRC_PAGEBLOCK_H

#include "engine.h"

#define PB_SMALL (UINT64_C(1) << 0)	/* rows in use, orders below whole */
#define PB_HUGE (UINT64_C(1) << 1)	/* one allocation has all of it */
#define PB_ISOLATED (UINT64_C(1) << 2)	/* sticky: nothing is granted */
#define PB_CLOSING (UINT64_C(1) << 3)	/* somebody ends SMALL, or a chain */
#define PB_OPENING (UINT64_C(1) << 4)	/* somebody prepares its first use */
#define PB_UNMOVABLE (UINT64_C(1) << 5) /* mobility of what is inside */
#define PB_USED (UINT64_C(1) << 6)	/* first use is behind it */
#define PB_MIXED (UINT64_C(1) << 7)	/* some pages are kept, or bad */
/* has held orders above 0: see tails; with HUGE: a chain begins here */
#define PB_RUNS (UINT64_C(1) << 8)
#define PB_DEAD (UINT64_C(1) << 9)    /* no page of it is the allocator's */
#define PB_ENGINE (UINT64_C(1) << 10) /* holds memmap of other blocks */
#define PB_CONT (UINT64_C(1) << 11)   /* continues the pageblock before it */
/* all but the first page that hold its descriptors are lent: lent.h */
#define PB_LENT (UINT64_C(1) << 12)
#define PB_GUESTS (UINT64_C(1) << 13)	/* has lent pages: movable data only */
#define PB_FOR_RUNS (UINT64_C(1) << 14) /* opened for orders above 0 */
#define PB_OWNER_SHIFT 16
#define PB_OWNER (UINT64_C(0xffff) << PB_OWNER_SHIFT)

#define PB_WITHHELD_SHIFT 32 /* how many of its last pages are withheld */
#define PB_WITHHELD (UINT64_C(0xfffff) << PB_WITHHELD_SHIFT)

#define PB_CRAMPED_SHIFT 52 /* no room for this order: cramped.h; 0: unknown */
#define PB_CRAMPED (UINT64_C(0xfff) << PB_CRAMPED_SHIFT)

/* What a word keeps when what is in its pageblock is freed. */
#define PB_LASTING (PB_USED | PB_MIXED | PB_LENT | PB_GUESTS | PB_WITHHELD)

#define PB_GRANT_MASK                                                 \
	(PB_SMALL | PB_HUGE | PB_ISOLATED | PB_CLOSING | PB_OPENING | \
	 PB_UNMOVABLE)

/* Hints of a block, of which the first is for each 64 pageblocks. */
#define HINT_NONE_FREE (UINT64_C(1) << 0)
#define HINT_NONE_WHOLE (UINT64_C(1) << 1) /* can be had whole */
#define HINT_NOT_ALL (UINT64_C(1) << 2)	   /* can be had whole */

/* A pageblock of a block, with the words that belong to it. */
struct pageblock {
	struct mhp_block *blk;
	uint32_t index; /* in its block */
	mhp_word_t *word;
	mhp_word_t *rows;  /* 1 << rows_shift of them */
	mhp_word_t *tails; /* likewise */
};

static inline mhp_word_t *
pageblock_word(const struct mhp *m, const struct mhp_block *blk, uint32_t index)
{
	return (mhp_word_t *)(void *)(blk->state + m->layout.word_offset +
				      index * UINT64_C(8));
}

static inline struct pageblock
pageblock_at(const struct mhp *m, struct mhp_block *blk, uint32_t index)
{
	const struct layout *l = &m->layout;
	uint64_t row_bytes = ((uint64_t)index << l->rows_shift) * 8;
	uint8_t *state = blk->state;

	return (struct pageblock){
		.blk = blk,
		.index = index,
		.word = pageblock_word(m, blk, index),
		.rows = (mhp_word_t *)(void *)(state + l->row_offset +
					       row_bytes),
		.tails = (mhp_word_t *)(void *)(state + l->tail_offset +
						row_bytes),
	};
}

static inline uint32_t
pageblock_index(const struct mhp *m, const struct mhp_block *blk, mhp_pfn_t pfn)
{
	return (uint32_t)((pfn - blk->start_pfn) >> m->layout.pageblock_order);
}

static inline struct pageblock
pageblock_of(const struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn)
{
	return pageblock_at(m, blk, pageblock_index(m, blk, pfn));
}

static inline mhp_pfn_t pageblock_pfn(const struct mhp *m,
				      const struct pageblock *pb)
{
	return pb->blk->start_pfn +
	       ((uint64_t)pb->index << m->layout.pageblock_order);
}

static inline uint32_t pageblock_nr_rows(const struct mhp *m)
{
	return UINT32_C(1) << m->layout.rows_shift;
}

/** pageblock_is_free() - whether a word says "nothing in use": it may be opened
 * by those whom frame_may_open() lets */
static inline bool pageblock_is_free(uint64_t word)
{
	return !(word & ~PB_LASTING);
}

/** pageblock_withheld() - how many of its last pages are withheld */
static inline uint32_t pageblock_withheld(uint64_t word)
{
	return (uint32_t)((word & PB_WITHHELD) >> PB_WITHHELD_SHIFT);
}

/** pageblock_order_mask() - the first 2^@order bits of a row; all from 6 on */
static inline uint64_t pageblock_order_mask(unsigned int order)
{
	return order >= 6 ? UINT64_MAX
			  : (UINT64_C(1) << (UINT64_C(1) << order)) - 1;
}

/** word_popcount() - bits that are set */
static inline uint32_t word_popcount(uint64_t w)
{
	/* Without the processor's instruction a compiler would call a
	 * library. */
	w -= w >> 1 & UINT64_C(0x5555555555555555);
	w = (w & UINT64_C(0x3333333333333333)) +
	    (w >> 2 & UINT64_C(0x3333333333333333));
	w = (w + (w >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t)(w * UINT64_C(0x0101010101010101) >> 56);
}

/** pageblock_bits_below() - bits of row @row for pages below @nr of its
 * pageblock */
static inline uint64_t pageblock_bits_below(uint64_t nr, uint32_t row)
{
	uint64_t first = (uint64_t)row * 64;

	if (nr <= first)
		return 0;
	if (nr >= first + 64)
		return UINT64_MAX;
	return (UINT64_C(1) << (nr - first)) - 1;
}

/** pageblock_hints_nowhole() - whether a hint says that none is free, or whole,
 * where a pageblock is */
static inline bool pageblock_hints_nowhole(const struct mhp *m,
					   const struct pageblock *pb)
{
	uint64_t offset = m->layout.nowhole_offset + pb->index / 64 * 8;

	return mhp_port_load_seq(
		(mhp_word_t *)(void *)(pb->blk->state + offset));
}

/** pageblock_first() - first pageblock of a block that is not all memmap */
static inline uint32_t pageblock_first(const struct mhp *m,
				       const struct mhp_block *blk)
{
	uint64_t status = block_status(blk);

	/* Where there are gaps, those that are all memmap are DEAD. */
	return block_has(status, BLOCK_GAPS)
		       ? 0
		       : block_memmap_pages(status) >>
				 m->layout.pageblock_order;
}

/** pageblock_fixed() - bits of row @row that are not the allocator's as long
 * as the block is known: memmap, state, holes, the embedder's */
uint64_t pageblock_fixed(const struct mhp *m, const struct pageblock *pb,
			 uint32_t row);

/** pageblock_has_fixed() - whether a pageblock has such pages */
bool pageblock_has_fixed(const struct mhp *m, const struct pageblock *pb);

/** pageblock_kept() - all that are not the allocator's now: those, withheld
 * pages, and bad pages that are part of no allocation */
uint64_t pageblock_kept(const struct mhp *m, const struct pageblock *pb,
			uint32_t row);

/** pageblock_nr_kept() - how many such pages a pageblock has */
uint32_t pageblock_nr_kept(const struct mhp *m, const struct pageblock *pb);

/** pageblock_nr_taken_out() - how many are kept because they are bad, and for
 * no other reason */
uint32_t pageblock_nr_taken_out(const struct mhp *m,
				const struct pageblock *pb);

/** pageblock_is_mixed() - whether a page of it is kept, or bad and still
 * allocated: what PB_MIXED says of one that was used */
bool pageblock_is_mixed(const struct mhp *m, const struct pageblock *pb);

/** pageblock_set_kept() - set the row bits of kept pages.
 * Return: PB_MIXED if there are any, else 0. */
uint64_t pageblock_set_kept(const struct mhp *m, const struct pageblock *pb);

/** pageblock_empty() - whether no page of it is allocated */
bool pageblock_empty(const struct mhp *m, const struct pageblock *pb,
		     uint64_t word);

/** pageblock_full() - whether every page of it is taken */
bool pageblock_full(const struct mhp *m, const struct pageblock *pb);

/** pageblock_nr_used() - allocated pages */
uint32_t pageblock_nr_used(const struct mhp *m, const struct pageblock *pb,
			   uint64_t word);

/** pageblock_nr_used_in() - allocated pages from page @from of it to @end */
uint32_t pageblock_nr_used_in(const struct mhp *m, const struct pageblock *pb,
			      uint64_t word, uint32_t from, uint32_t end);

/** pageblock_nr_free() - pages of it that nobody has, isolated or not */
uint32_t pageblock_nr_free(const struct mhp *m, const struct pageblock *pb,
			   uint64_t word);

/** pageblock_close() - end SMALL if it is empty (R4). @owned_too: also if a
 * cursor prefers it. */
void pageblock_close(struct mhp *m, const struct pageblock *pb, bool owned_too);

/** pageblock_after_free() - hints and closing after a row went @old to @now */
void pageblock_after_free(struct mhp *m, const struct pageblock *pb,
			  uint64_t old, uint64_t now);

/** pageblock_undo() - take row bits back that were not granted (R5) */
void pageblock_undo(struct mhp *m, const struct pageblock *pb, uint32_t row,
		    uint64_t mask);

/** pageblock_let_go() - a cursor does not prefer it any more (R8) */
void pageblock_let_go(struct mhp *m, const struct pageblock *pb,
		      uint64_t owner);

/** pageblock_hint_small() - open pageblocks of hint word @i */
uint64_t pageblock_hint_small(const struct mhp *m, const struct mhp_block *blk,
			      uint32_t i);
/** pageblock_hint_full() - full pageblocks of hint word @i */
uint64_t pageblock_hint_full(const struct mhp *m, const struct mhp_block *blk,
			     uint32_t i);
/** pageblock_hint_room() - open pageblocks of hint word @i that are not full */
static inline uint64_t pageblock_hint_room(const struct mhp *m,
					   const struct mhp_block *blk,
					   uint32_t i)
{
	uint64_t at = i * UINT64_C(8);
	const uint8_t *small = blk->state + m->layout.small_offset + at;
	const uint8_t *full = blk->state + m->layout.full_offset + at;

	return mhp_port_load_seq((const mhp_word_t *)(const void *)small) &
	       ~mhp_port_load((const mhp_word_t *)(const void *)full);
}
/** pageblock_hint_nowhole() - whether hint word @i has no free pageblock */
bool pageblock_hint_nowhole(const struct mhp *m, const struct mhp_block *blk,
			    uint32_t i);
/** pageblock_set_nowhole() - set that hint; the caller looks again */
void pageblock_set_nowhole(struct mhp *m, struct mhp_block *blk, uint32_t i);
/** pageblock_set_hint() - set one of the hints that go when a pageblock becomes
 * free, in all words; the caller looks again, also at the hint */
void pageblock_set_hint(struct mhp *m, struct mhp_block *blk, uint64_t hint);
/** pageblock_has_hint() - whether it is set in all words */
bool pageblock_has_hint(const struct mhp *m, const struct mhp_block *blk,
			uint64_t hint);
/** pageblock_set_small() - set the hint of an opened pageblock, and verify */
void pageblock_set_small(struct mhp *m, const struct pageblock *pb);
/** pageblock_raise_used() - a pageblock of the block is opened for the first
 * time: before it is */
void pageblock_raise_used(struct mhp *m, const struct mhp_block *blk);
/** pageblock_never_used() - whether no pageblock of the block was ever opened;
 * false if unknown */
bool pageblock_never_used(struct mhp *m, const struct mhp_block *blk);
/** pageblock_clear_nowhole() - a pageblock became free */
void pageblock_clear_nowhole(struct mhp *m, const struct pageblock *pb);
/** pageblock_forget() - it is not open any more: no hint speaks of it */
void pageblock_forget(struct mhp *m, const struct pageblock *pb);
/** pageblock_clear_full() - a page of it became free */
void pageblock_clear_full(struct mhp *m, const struct pageblock *pb);
/** pageblock_mark_full() - set the hint, then verify it (R6) */
void pageblock_mark_full(struct mhp *m, const struct pageblock *pb);

#endif
