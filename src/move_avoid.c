/* SPDX-License-Identifier: MIT */
/*
 * Where memmaps that move must not go; see move.h: to the blocks themselves, to
 * those that they leave, and to those that could only leave after them. Two
 * blocks that hold each other's memmaps could never leave.
 *
 * Such blocks count as moving for the while, so that the allocator passes them
 * by.
 *
 * INV-30 no memmap is on a block that depends on the one that it describes,
 * directly or by others.
 */
#include "block.h"
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

static void avoid_hosts(struct mhp *m, struct mhp_range piece)
{
	mhp_pfn_t pfn = piece.start_pfn, end = mhp_range_end_pfn(piece);

	for (; piece.nr_pages && pfn < end;
	     pfn = (pfn | (m->layout.block_pages - 1)) + 1)
		block_set_moving(section_block(m, pfn), true);
}

void moves_avoid(struct mhp *m, const struct moves *all)
{
	uint32_t i;

	/* Nothing is allocated for them. */
	if (!all->nr || all->moves[0].onto)
		return;
	while (avoid_dependents(m))
		;
	for (i = 0; i < all->nr; i++)
		avoid_hosts(m, all->moves[i].piece);
}

static bool avoid_is_mover(const struct moves *all, const struct mhp_block *blk)
{
	uint32_t i;

	for (i = 0; i < all->nr; i++)
		if (all->moves[i].blk == blk)
			return true;
	return false;
}

void moves_avoid_end(struct mhp *m, const struct moves *all)
{
	struct mhp_block *blk = section_next_block(m, 0);

	for (; blk; blk = avoid_next(m, blk))
		if (block_moves(block_status(blk)) && !avoid_is_mover(all, blk))
			block_set_moving(blk, false);
}
