/* SPDX-License-Identifier: MIT */
/*
 * Hosts and dependents: blocks of a range that was added with one memmap at its
 * start (placement range), which still go on- and offline, and leave, one by
 * one.
 *
 *   |0 0 0 1 1 1 2 2|2 3 3 3 . . . .|. . . . . . . .|. . . . . . . .|
 *    block 0         block 1         block 2         block 3
 *    digits: memmap and state of that block; points: usable pages
 *
 * A block whose pages hold memmap or state of others is a host; those are its
 * dependents. A host is never behind its dependents. A page serves one block.
 *
 * INV-28 every dependent that is known has its hosts; one that is online has
 * them online; a page serves if and only if the block that it is for is known
 * and has its memmap there; the record of a host counts the pages that serve.
 *
 * What it does not do: find other memory for a memmap whose host must leave;
 * that is for evict.c.
 */
#ifndef MHP_SRC_HOST_H
#define MHP_SRC_HOST_H

#include "altmap.h"
#include "pageblock.h"

/* The range that a block has its memmap in, as it was added. */
struct host_range {
	mhp_pfn_t start_pfn;
	uint64_t nr_blocks;
};

/** host_range_of() - the range that a block's memmap is in, also if it is the
 * block alone; or false. [mutex] or inside a section */
bool host_range_of(const struct mhp *m, const struct mhp_block *blk,
		   struct host_range *range);

/** host_is() - whether pages of a block serve others. [mutex] */
bool host_is(struct mhp *m, const struct mhp_block *blk);

/** host_next_dependent() - the first dependent of a host, other than itself, at
 * or behind @pfn, or NULL. [mutex] */
struct mhp_block *
host_next_dependent(struct mhp *m, const struct mhp_block *blk, mhp_pfn_t pfn);

/** host_piece() - pages of a range, or of the block itself, that memmap and
 * state of a block stand in; none if they are elsewhere */
struct mhp_range host_piece(const struct mhp *m, const struct mhp_block *blk);

/** host_has() - whether a page of an added block holds memmap or state; inside
 * a section or with the block kept by the mutex */
bool host_has(const struct mhp *m, const struct mhp_block *blk, mhp_pfn_t pfn);

/** host_kept() - of 64 pages from @pfn on, those of a block that hold memmap or
 * state of blocks that are known, lent ones left out: a bit each */
uint64_t host_kept(const struct mhp *m, const struct mhp_block *blk,
		   mhp_pfn_t pfn);

/** host_part() - the first pages of a run: those in one block */
struct mhp_range host_part(const struct mhp *m, struct mhp_range run);

/** host_rest() - the others */
static inline struct mhp_range host_rest(struct mhp_range run,
					 struct mhp_range part)
{
	return mhp_range_make(mhp_range_end_pfn(part),
			      run.nr_pages - part.nr_pages);
}

/** host_has_guests() - whether a pageblock has pages that are lent */
bool host_has_guests(const struct mhp *m, const struct pageblock *pb);

/** host_lends() - whether a page of a block is a lent one */
bool host_lends(const struct mhp *m, const struct mhp_block *blk,
		mhp_pfn_t pfn);

/** host_check_online() - whether the hosts of a block are online. [mutex]
 * Return: 0 or MHP_ERR_BUSY. */
int host_check_online(struct mhp *m, const struct mhp_block *blk,
		      struct mhp_report *report);

/** host_check_offline() - whether all dependents of a block are offline.
 * [mutex] Return: 0 or MHP_ERR_BUSY. */
int host_check_offline(struct mhp *m, const struct mhp_block *blk,
		       struct mhp_report *report);

/** host_check_leave() - whether all dependents of a block are in @ranges, or
 * gone. [mutex] Return: 0 or MHP_ERR_BUSY. */
int host_check_leave(struct mhp *m, const struct mhp_block *blk,
		     const struct mhp_range *ranges, uint32_t nr,
		     struct mhp_report *report);

/** host_refresh() - the words of a block that is offline say anew which of its
 * pageblocks have no page of the allocator's, and which have lent ones.
 * [mutex] */
void host_refresh(struct mhp *m, struct mhp_block *blk);

/** host_online() - the words of a block that goes online say which pageblocks
 * are all memmap, if there are gaps; its state is clear. [mutex] */
void host_online(struct mhp *m, struct mhp_block *blk);

/** host_hold() - a block is about to be no more one of its range: what will
 * come back of its piece is not opened for the first time until it has.
 * [mutex] */
void host_hold(struct mhp *m, struct mhp_range piece);

/**
 * host_release() - the pages of a range that held memmap and state of blocks do
 * so no more: make them managed pages of their blocks
 *
 * @pieces: from host_piece(), before that; held since; all of those that end
 *   together, as pieces of several blocks can be in one pageblock
 * @nr: how many
 *
 * Nobody finds the blocks there any more, readers who did are gone, and nothing
 * is mapped to the pieces. Hosts that are leaving as well are left out. [mutex]
 */
void host_release(struct mhp *m, const struct mhp_range *pieces, uint32_t nr);

/** host_release_all() - the same for blocks that leave.
 * @gone: the first; others hang on its prev pointer */
void host_release_all(struct mhp *m, struct mhp_block *gone);

/** host_lend_begin() - pages of a memmap are about to be lent: hold their
 * pageblocks, which get ready for it. [mutex] Their blocks are online.
 * Return: false: what is in there does not move, or is isolated; and nothing
 * is held. */
bool host_lend_begin(struct mhp *m, struct mhp_range run);

/** host_lend_cancel() - undo it. [mutex] */
void host_lend_cancel(struct mhp *m, struct mhp_range run);

/** host_lend() - they are lent: make them managed pages. [mutex] */
void host_lend(struct mhp *m, struct mhp_range run);

/** host_recall() - lent pages serve again. They are isolated and empty, if
 * their blocks are online, and nobody says that they are lent. [mutex] */
void host_recall(struct mhp *m, struct mhp_range run);

#endif
