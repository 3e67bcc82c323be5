/* SPDX-License-Identifier: MIT */
/* Which pages of memmaps are lent; see lent.h. */
#include "lent.h"

#include "boot_map.h"

bool lent_any(const struct mhp *m, const struct mhp_block *blk)
{
	uint64_t status = block_status(blk);

	return block_has(status, BLOCK_WITHHELD) &&
	       block_has(status, BLOCK_HOSTED | BLOCK_RANGE) &&
	       m->layout.lend_pages;
}

struct mhp_range lent_could(const struct mhp *m, mhp_pfn_t piece_pfn,
			    uint32_t index)
{
	const struct layout *l = &m->layout;
	uint64_t from = (uint64_t)index * l->lend_pages + 1;
	uint64_t end = (index + UINT64_C(1)) * l->lend_pages;

	if (from < l->lend_from)
		from = l->lend_from;
	return mhp_range_make(piece_pfn + from, end > from ? end - from : 0);
}

/* Who looks from another block may be outside the gate while this one moves: he
 * finds the state where it was, or all of it where it goes. Neither says that
 * anything is lent, as the memmap of a block that lends does not move. */
static bool lent_says(const struct mhp *m, const struct mhp_block *blk,
		      uint32_t index)
{
	const uint8_t *state = (const uint8_t *)mhp_port_load_ptr(
		(void *const *)(const void *)&blk->state);
	const mhp_word_t *word =
		(const mhp_word_t *)(const void *)(state +
						   m->layout.word_offset +
						   index * UINT64_C(8));

	return mhp_port_load_seq(word) & PB_LENT;
}

struct mhp_range lent_of(const struct mhp *m, const struct mhp_block *blk,
			 mhp_pfn_t piece_pfn, uint32_t index)
{
	if (!lent_any(m, blk) || !lent_says(m, blk, index))
		return mhp_range_make(piece_pfn, 0);
	return lent_could(m, piece_pfn, index);
}

uint64_t lent_bits(const struct mhp *m, const struct mhp_block *blk,
		   mhp_pfn_t piece_pfn, struct mhp_range part)
{
	uint32_t off = (uint32_t)(part.start_pfn - piece_pfn);
	uint32_t last = off + (uint32_t)part.nr_pages - 1, i;
	uint64_t bits = 0;

	if (!lent_any(m, blk))
		return 0;
	for (i = off / m->layout.lend_pages;
	     i <= last / m->layout.lend_pages && i < m->layout.nr_pageblocks;
	     i++) {
		struct mhp_range lent = range_cut(lent_of(m, blk, piece_pfn, i),
						  part);

		if (lent.nr_pages)
			bits |= pageblock_bits_below(lent.nr_pages, 0)
				<< (lent.start_pfn - part.start_pfn);
	}
	return bits;
}

uint64_t lent_in_block(const struct mhp *m, struct mhp_block *blk)
{
	uint64_t nr = 0;
	uint32_t i;

	if (!lent_any(m, blk))
		return 0;
	for (i = 0; i < m->layout.nr_pageblocks; i++)
		nr += lent_of(m, blk, 0, i).nr_pages;
	return nr;
}

bool lent_hides(const struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn)
{
	uint64_t bytes = (pfn - blk->start_pfn) * m->geometry.descriptor_bytes;
	uint64_t end = bytes + m->geometry.descriptor_bytes - 1;
	mhp_pfn_t first = bytes >> m->layout.page_shift;
	mhp_pfn_t last = end >> m->layout.page_shift;

	return range_cut(lent_of(m, blk, 0, pageblock_index(m, blk, pfn)),
			 mhp_range_make(first, last - first + 1))
		.nr_pages;
}
