/* SPDX-License-Identifier: MIT */
/*
 * Kept pages: those of a pageblock that are not the allocator's. Their row bits
 * are set at first use, or when a page is withheld or turns out to be bad, and
 * stay as long as it is kept. What keeps a page is asked here and nowhere else;
 * each reason is a function of its own.
 */
#include "bad.h"
#include "boot_map.h"
#include "host.h"
#include "pageblock.h"

/* Holes of boot memory, the embedder's pages, memmap and state there. */
static uint64_t kept_boot(const struct mhp *m, const struct pageblock *pb,
			  uint32_t row)
{
	if (!block_has(block_status(pb->blk), BLOCK_BOOT))
		return 0;
	return boot_kept(m, pageblock_pfn(m, pb) + (uint64_t)row * 64);
}

/* Memmap and state, the block's own or others'. */
static uint64_t kept_memmap(const struct mhp *m, const struct pageblock *pb,
			    uint32_t row)
{
	uint64_t first = (uint64_t)pb->index << m->layout.pageblock_order;
	uint64_t status = block_status(pb->blk);
	uint64_t nr = block_memmap_pages(status);

	if (block_has(status, BLOCK_GAPS))
		return host_kept(m, pb->blk,
				 pageblock_pfn(m, pb) + (uint64_t)row * 64);
	return nr > first ? pageblock_bits_below(nr - first, row) : 0;
}

/* Bad pages, once they are part of no allocation. */
static uint64_t kept_bad(const struct mhp *m, const struct pageblock *pb,
			 uint32_t row)
{
	return bad_kept(m, pageblock_pfn(m, pb) + (uint64_t)row * 64);
}

/* The last pages, as many as the word counts. */
static uint64_t kept_withheld(const struct mhp *m, const struct pageblock *pb,
			      uint32_t row)
{
	uint32_t nr = pageblock_withheld(mhp_port_load_seq(pb->word));

	return nr ? ~pageblock_bits_below(m->layout.pageblock_pages - nr, row)
		  : 0;
}

uint64_t pageblock_fixed(const struct mhp *m, const struct pageblock *pb,
			 uint32_t row)
{
	return (kept_boot(m, pb, row) | kept_memmap(m, pb, row)) &
	       m->layout.row_mask;
}

bool pageblock_has_fixed(const struct mhp *m, const struct pageblock *pb)
{
	uint32_t row;

	for (row = 0; row < pageblock_nr_rows(m); row++)
		if (pageblock_fixed(m, pb, row))
			return true;
	return false;
}

uint64_t pageblock_kept(const struct mhp *m, const struct pageblock *pb,
			uint32_t row)
{
	return pageblock_fixed(m, pb, row) |
	       ((kept_bad(m, pb, row) | kept_withheld(m, pb, row)) &
		m->layout.row_mask);
}

/* Bad pages are asked for in one look, held or not: one that is let go of just
 * now would be neither in a look for the kept ones and a later one for the held
 * ones. */
bool pageblock_is_mixed(const struct mhp *m, const struct pageblock *pb)
{
	struct mhp_range range = mhp_range_make(pageblock_pfn(m, pb),
						m->layout.pageblock_pages);
	uint32_t row;

	if (bad_count(m, range))
		return true;
	for (row = 0; row < pageblock_nr_rows(m); row++)
		if (pageblock_fixed(m, pb, row) ||
		    kept_withheld(m, pb, row) & m->layout.row_mask)
			return true;
	return false;
}

/* Most have none; then one look at each reason will do. */
static bool kept_none(const struct mhp *m, const struct pageblock *pb)
{
	uint64_t status = block_status(pb->blk);
	uint64_t first = (uint64_t)pb->index << m->layout.pageblock_order;

	return !block_has(status, BLOCK_BOOT | BLOCK_GAPS) &&
	       first >= block_memmap_pages(status) &&
	       !mhp_port_load_seq(&m->bad_top) &&
	       !pageblock_withheld(mhp_port_load_seq(pb->word));
}

uint32_t pageblock_nr_kept(const struct mhp *m, const struct pageblock *pb)
{
	uint32_t row, nr = 0;

	if (kept_none(m, pb))
		return 0;
	for (row = 0; row < pageblock_nr_rows(m); row++)
		nr += word_popcount(pageblock_kept(m, pb, row));
	return nr;
}

uint32_t pageblock_nr_taken_out(const struct mhp *m, const struct pageblock *pb)
{
	uint32_t row, nr = 0;

	for (row = 0; row < pageblock_nr_rows(m); row++)
		nr += word_popcount(
			kept_bad(m, pb, row) & ~pageblock_fixed(m, pb, row) &
			~kept_withheld(m, pb, row) & m->layout.row_mask);
	return nr;
}

uint64_t pageblock_set_kept(const struct mhp *m, const struct pageblock *pb)
{
	uint64_t any = 0;
	uint32_t row;

	for (row = 0; row < pageblock_nr_rows(m); row++) {
		uint64_t kept = pageblock_kept(m, pb, row);

		if (kept)
			mhp_port_or(&pb->rows[row], kept);
		any |= kept;
	}
	return any ? PB_MIXED : 0;
}
