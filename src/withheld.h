/* SPDX-License-Identifier: MIT */
/*
 * Withheld pages as they stand in the words of pageblocks: how many of the last
 * pages of each. The calls that withhold and release are in withhold.c.
 *
 *   some are   word: count, MIXED after first use; their row bits set then
 *   all are    word: count, DEAD; row and tail bits all zero. "All" leaves out
 *              pages that are kept anyhow, as memmap.
 *   none is    nothing says so
 *
 * INV-24 counted pages are kept by nothing else; DEAD means that every page is
 * kept, and then rows are zero; a block that has a count says BLOCK_WITHHELD.
 *
 * Counts are changed under the mutex only. They outlive offline and online.
 */
#ifndef MHP_SRC_WITHHELD_H
#define MHP_SRC_WITHHELD_H

#include "pageblock.h"

/** withheld_in() - withheld pages of a range that lies in the block. Inside a
 * read-side section or with the block kept by the mutex. */
uint64_t withheld_in(const struct mhp *m, struct mhp_block *blk,
		     struct mhp_range range);

/** withheld_in_block() - withheld pages of a block */
uint64_t withheld_in_block(const struct mhp *m, struct mhp_block *blk);

/** withheld_has() - whether a page of the block is withheld */
bool withheld_has(const struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn);

/** withheld_covers() - whether with the count in a word no page of the
 * pageblock is the allocator's: then it is DEAD */
bool withheld_covers(const struct mhp *m, const struct pageblock *pb,
		     uint64_t word);

/** withheld_all() - withhold all of a block that nobody knows yet */
void withheld_all(struct mhp *m, struct mhp_block *blk);

/** withheld_clear_rest() - make the state of an offline block zero, but for the
 * counts and what is lent. Waits for readers if it held anything. [mutex] */
void withheld_clear_rest(struct mhp *m, struct mhp_block *blk);

/** withheld_raise() - withhold @nr pages more: those before the withheld ones;
 * or 0, where pages have just come to be kept for another reason. [mutex] The
 * pageblock is isolated, these pages are free, and readers were waited for
 * after both; or its block is offline and clean. */
void withheld_raise(struct mhp *m, const struct pageblock *pb, uint32_t nr);

/** withheld_lower() - release the first @nr of the withheld pages. [mutex] The
 * pageblock is not isolated; or its block is offline and clean. */
void withheld_lower(struct mhp *m, const struct pageblock *pb, uint32_t nr);

/*
 * Pages that are kept for another reason, which is about to end: first hold,
 * then the reason ends, then regain, of each piece, then reopen. What is held
 * is not opened for the first time, so that it is known by which of the two
 * answers a pageblock has set its row bits: used before hold, by the old one.
 */

/** withheld_hold() - a pageblock that was never used is DEAD for now.
 * [mutex] */
void withheld_hold(struct mhp *m, const struct pageblock *pb);

/** withheld_regain() - pages from @from of the pageblock to @end are kept for
 * that reason no more: if it was used before, they are free. [mutex] */
void withheld_regain(struct mhp *m, const struct pageblock *pb, uint32_t from,
		     uint32_t end);

/** withheld_reopen() - a pageblock that is DEAD without need is so no more.
 * [mutex] */
void withheld_reopen(struct mhp *m, const struct pageblock *pb);

#endif
