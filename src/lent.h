/* SPDX-License-Identifier: MIT */
/*
 * Lent pages as they stand in the words of pageblocks: pages of a memmap that
 * hold only descriptors that nobody needs. The calls that lend them and take
 * them back are in lend.c.
 *
 *   the descriptors of a pageblock, on four pages
 *   | first, tails | tails | tails | tails |
 *                  |<------- LENT -------->|
 *
 * A lent page is a page like any other of the block that it is in: managed,
 * counted, handed out, for movable data only. The word of the pageblock that is
 * described is all that says so. It keeps that when it is freed, and over
 * offline and online. The first page stays: it has the only descriptor that an
 * allocation of the whole pageblock needs, also when a longer one is split.
 *
 * INV-29 a pageblock that says LENT is free, or all of it one allocation or a
 * part of one; its block says BLOCK_WITHHELD and holds its memmap on added
 * memory; a pageblock says GUESTS exactly if it has lent pages, and then what
 * is in it is movable; nr_lent is the sum.
 */
#ifndef MHP_SRC_LENT_H
#define MHP_SRC_LENT_H

#include "pageblock.h"

/** lent_any() - whether words of a block may say that it lends; inside a
 * section or with the block kept by the mutex, as all of these */
bool lent_any(const struct mhp *m, const struct mhp_block *blk);

/** lent_could() - pages that pageblock @index of a block lends if it says LENT;
 * its piece begins at @piece_pfn */
struct mhp_range lent_could(const struct mhp *m, mhp_pfn_t piece_pfn,
			    uint32_t index);

/** lent_of() - pages that pageblock @index of a block lends */
struct mhp_range lent_of(const struct mhp *m, const struct mhp_block *blk,
			 mhp_pfn_t piece_pfn, uint32_t index);

/** lent_bits() - those that a block lends of up to 64 pages of its piece: a bit
 * each */
uint64_t lent_bits(const struct mhp *m, const struct mhp_block *blk,
		   mhp_pfn_t piece_pfn, struct mhp_range part);

/** lent_in_block() - how many pages of its memmap a block lends */
uint64_t lent_in_block(const struct mhp *m, struct mhp_block *blk);

/** lent_hides() - whether the descriptor of a page is lent, or a part of it */
bool lent_hides(const struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn);

#endif
