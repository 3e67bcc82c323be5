/* SPDX-License-Identifier: MIT */
/*
 * Where memmaps that move must not go; see move.h: to the blocks themselves, to
 * those that they leave, and to those that could only leave after them. Two
 * blocks that hold each other's memmaps could never leave.
 *
 * Such blocks count as moving for the while, so that the allocator passes them
 * by. They are found from the blocks that they depend on; if they branch too
 * much for that, all blocks are asked.
 *
 * INV-30 no memmap is on a block that depends on the one that it describes,
 * directly or by others.
 */
#include "block.h"
#include "desc.h"
#include "frame.h"
#include "host.h"
#include "move.h"
#include "section.h"

/* Whether one of the blocks that a range touches is to be avoided. */
static bool avoid_meets(const struct mhp *m, struct mhp_range piece)
{
	mhp_pfn_t pfn = piece.start_pfn, end = mhp_range_end_pfn(piece);

	for (; piece.nr_pages && pfn < end;
	     pfn = (pfn | (m->layout.block_pages - 1)) + 1)
		if (block_moves(block_status(section_block(m, pfn))))
			return true;
	return false;
}

/* Whether a part of a block's memmap is on blocks to be avoided. */
static bool avoid_depends(struct mhp *m, const struct mhp_block *blk)
{
	mhp_pfn_t pfn = block_memmap_pfn(blk);

	if (block_has(block_status(blk), BLOCK_RANGE))
		return avoid_meets(m, host_piece(m, blk));
	for (; pfn != MHP_PFN_NONE; pfn = vmemmap_next(m, pfn))
		if (avoid_meets(m, mhp_range_make(pfn, 1)))
			return true;
	return false;
}

static struct mhp_block *avoid_next(struct mhp *m, const struct mhp_block *blk)
{
	return section_next_block(m, blk->start_pfn + m->layout.block_pages);
}

static bool avoid_is_mover(const struct moves *all, const struct mhp_block *blk)
{
	uint32_t i;

	for (i = 0; i < all->nr; i++)
		if (all->moves[i].blk == blk)
			return true;
	return false;
}

/* ---- by asking all blocks ---- */

/* Return: whether more blocks are avoided than before. */
static bool avoid_dependents(struct mhp *m)
{
	struct mhp_block *blk = section_next_block(m, 0);
	bool more = false;

	for (; blk; blk = avoid_next(m, blk)) {
		uint64_t status = block_status(blk);

		if (block_has(status, BLOCK_BOOT) || block_moves(status) ||
		    !avoid_depends(m, blk))
			continue;
		block_set_moving(blk, true);
		more = true;
	}
	return more;
}

static void avoid_none(struct mhp *m, const struct moves *all)
{
	struct mhp_block *blk = section_next_block(m, 0);

	for (; blk; blk = avoid_next(m, blk))
		if (block_moves(block_status(blk)) && !avoid_is_mover(all, blk))
			block_set_moving(blk, false);
}

/* ---- from the blocks that they depend on ---- */

/* Blocks whose dependents are still to be looked at. */
#define AVOID_ROOM 256

/* A walk over all that depends on the movers. */
struct avoid {
	const struct moves *all;
	bool avoids;   /* they are to be avoided; else not any more */
	bool overflow; /* more at once than there is room for */
	uint32_t nr;
	struct mhp_block *todo[AVOID_ROOM];
};

/* A dependent. Every one has been seen that is as it shall be. */
static void avoid_meet(struct avoid *a, struct mhp_block *blk)
{
	uint64_t status = block_status(blk);

	if (block_has(status, BLOCK_BOOT) || block_moves(status) == a->avoids ||
	    avoid_is_mover(a->all, blk))
		return;
	block_set_moving(blk, a->avoids);
	if (a->nr < AVOID_ROOM)
		a->todo[a->nr++] = blk;
	else
		a->overflow = true;
}

/* Blocks with pieces of their memmaps in a pageblock. Those of device ranges
 * depend on it too, but nothing is on them. */
static void avoid_in_pageblock(struct mhp *m, struct avoid *a,
			       const struct pageblock *pb)
{
	mhp_pfn_t pfn = pageblock_pfn(m, pb);
	mhp_pfn_t end = pfn + m->layout.pageblock_pages;
	struct frame_head head;

	for (; pfn < end && frame_next_head(m, pb->blk, pfn, &head) &&
	       head.pfn < end;
	     pfn = head.pfn + head.nr_pages) {
		struct mhp_block *blk;
		mhp_pfn_t start;

		if (desc_owner(mhp_port_load(head.desc)) != OWNER_MEMMAP)
			continue;
		start = vmemmap_described(m, head.pfn);
		blk = section_block(m, start);
		if (blk && blk->start_pfn == start)
			avoid_meet(a, blk);
	}
}

static void avoid_dependents_of(struct mhp *m, struct avoid *a,
				struct mhp_block *blk)
{
	struct mhp_block *dependent = host_next_dependent(m, blk, 0);
	uint32_t i;

	for (; dependent;
	     dependent = host_next_dependent(
		     m, blk, dependent->start_pfn + m->layout.block_pages))
		avoid_meet(a, dependent);
	if (!block_serves(block_status(blk)))
		return;
	for (i = pageblock_first(m, blk); i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		if (mhp_port_load(pb.word) & PB_ENGINE)
			avoid_in_pageblock(m, a, &pb);
	}
}

/* Return: false: there were too many. */
static bool avoid_walk(struct mhp *m, const struct moves *all, bool avoids)
{
	struct avoid a;
	uint32_t i;

	a.all = all;
	a.avoids = avoids;
	a.overflow = false;
	a.nr = 0;
	for (i = 0; i < all->nr; i++) {
		avoid_dependents_of(m, &a, all->moves[i].blk);
		while (a.nr)
			avoid_dependents_of(m, &a, a.todo[--a.nr]);
	}
	return !a.overflow;
}

/* ---- hosts that are left ---- */

static void avoid_hosts(struct mhp *m, const struct moves *all, bool avoids)
{
	uint32_t i;

	for (i = 0; i < all->nr; i++) {
		struct mhp_range piece = all->moves[i].piece;
		mhp_pfn_t pfn = piece.start_pfn;
		mhp_pfn_t end = mhp_range_end_pfn(piece);

		for (; piece.nr_pages && pfn < end;
		     pfn = (pfn | (m->layout.block_pages - 1)) + 1) {
			struct mhp_block *host = section_block(m, pfn);

			if (!avoid_is_mover(all, host))
				block_set_moving(host, avoids);
		}
	}
}

void moves_avoid(struct mhp *m, const struct moves *all)
{
	/* Nothing is allocated for them. */
	if (!all->nr || all->moves[0].onto)
		return;
	if (!avoid_walk(m, all, true))
		while (avoid_dependents(m))
			;
	avoid_hosts(m, all, true);
}

void moves_avoid_end(struct mhp *m, const struct moves *all)
{
	if (!all->nr || all->moves[0].onto)
		return;
	if (!avoid_walk(m, all, false))
		avoid_none(m, all);
	avoid_hosts(m, all, false);
}
