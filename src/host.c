/* SPDX-License-Identifier: MIT */
/* Hosts and dependents of a range with one memmap; see host.h. */
#include "host.h"

#include "block.h"
#include "boot_map.h"
#include "lent.h"
#include "section.h"

static uint64_t host_links_pfn(const struct mhp_block *blk)
{
	return mhp_port_load(&blk->links) & BLOCK_LINKS_PFN;
}

/* Whether a block is the first of a range that has its memmap at its start; one
 * with a memmap of its own is a range by itself. */
static bool host_is_head(uint64_t status)
{
	return block_has(status, BLOCK_HOSTED);
}

bool host_range_of(const struct mhp *m, const struct mhp_block *blk,
		   struct host_range *range)
{
	uint64_t status = block_status(blk);

	if (!host_is_head(status)) {
		if (!block_has(status, BLOCK_RANGE))
			return false;
		blk = section_block(m, host_links_pfn(blk));
		if (!blk)
			return false;
		status = block_status(blk);
		if (!host_is_head(status) || !block_has(status, BLOCK_RANGE))
			return false;
	}
	range->start_pfn = blk->start_pfn;
	range->nr_blocks = block_has(status, BLOCK_RANGE) ? host_links_pfn(blk)
							  : 1;
	return true;
}

/* Block @i of a range, if its memmap is there. */
static struct mhp_block *host_block(const struct mhp *m,
				    const struct host_range *range, uint64_t i)
{
	mhp_pfn_t pfn = range->start_pfn + (i << m->layout.block_order);
	struct mhp_block *blk = section_block(m, pfn);
	uint64_t status;

	if (!blk)
		return NULL;
	status = block_status(blk);
	if (host_is_head(status))
		return i ? NULL : blk;
	if (!block_has(status, BLOCK_RANGE))
		return NULL;
	return host_links_pfn(blk) == range->start_pfn ? blk : NULL;
}

static struct mhp_range host_block_range(const struct mhp *m,
					 const struct mhp_block *blk)
{
	return mhp_range_make(blk->start_pfn, m->layout.block_pages);
}

/* The pages of a block that hold pieces, or held some. */
static struct mhp_range host_pages(const struct mhp *m,
				   const struct host_range *range,
				   const struct mhp_block *blk)
{
	uint64_t nr = altmap_range_pages(&m->layout, range->nr_blocks);

	return range_cut(mhp_range_make(range->start_pfn, nr),
			 host_block_range(m, blk));
}

/* Number of the block that a page is for. */
static uint64_t host_index(const struct mhp *m, const struct host_range *range,
			   mhp_pfn_t pfn)
{
	/* altmap_range_fits() has seen to it that 32 bits are enough. */
	return (uint32_t)(pfn - range->start_pfn) /
	       (uint32_t)m->layout.hosted_pages;
}

struct mhp_range host_piece(const struct mhp *m, const struct mhp_block *blk)
{
	struct host_range range;
	uint64_t i;

	if (!host_range_of(m, blk, &range))
		return mhp_range_make(MHP_PFN_NONE, 0);
	i = (blk->start_pfn - range.start_pfn) >> m->layout.block_order;
	return mhp_range_make(range.start_pfn +
				      altmap_range_pages(&m->layout, i),
			      m->layout.hosted_pages);
}

struct mhp_block *
host_next_dependent(struct mhp *m, const struct mhp_block *blk, mhp_pfn_t pfn)
{
	struct host_range range;
	struct mhp_range pages;
	uint64_t i, last, from;

	if (!host_range_of(m, blk, &range))
		return NULL;
	pages = host_pages(m, &range, blk);
	if (!pages.nr_pages)
		return NULL;
	i = host_index(m, &range, pages.start_pfn);
	last = host_index(m, &range, mhp_range_end_pfn(pages) - 1);
	from = pfn > range.start_pfn
		       ? (pfn - range.start_pfn + m->layout.block_pages - 1) >>
				 m->layout.block_order
		       : 0;
	for (i = i > from ? i : from; i <= last; i++) {
		struct mhp_block *dependent = host_block(m, &range, i);

		if (dependent && dependent != blk)
			return dependent;
	}
	return NULL;
}

bool host_is(struct mhp *m, const struct mhp_block *blk)
{
	return host_next_dependent(m, blk, 0) != NULL;
}

/* Of 64 pages: those of pieces of known blocks, and of these the lent ones. */
struct host_row {
	uint64_t pieces;
	uint64_t lent;
};

/* What of piece @i lies in @part, which has pages of no other. */
static void row_add(const struct mhp *m, const struct host_range *range,
		    uint64_t i, struct mhp_range part, mhp_pfn_t pfn,
		    struct host_row *row)
{
	struct mhp_block *blk = host_block(m, range, i);
	mhp_pfn_t piece = range->start_pfn + altmap_range_pages(&m->layout, i);
	unsigned int shift = (unsigned int)(part.start_pfn - pfn);

	if (!blk)
		return;
	row->pieces |= pageblock_bits_below(part.nr_pages, 0) << shift;
	row->lent |= lent_bits(m, blk, piece, part) << shift;
}

static struct host_row host_row_at(const struct mhp *m,
				   const struct mhp_block *blk, mhp_pfn_t pfn)
{
	struct mhp_range rest = mhp_range_make(pfn, 64);
	struct host_range range;
	struct host_row row = {0, 0};

	if (!host_range_of(m, blk, &range))
		return row;
	rest = range_cut(rest, host_pages(m, &range, blk));
	while (rest.nr_pages) {
		uint64_t i = host_index(m, &range, rest.start_pfn);
		uint64_t nr = range.start_pfn +
			      altmap_range_pages(&m->layout, i + 1) -
			      rest.start_pfn;

		nr = nr < rest.nr_pages ? nr : rest.nr_pages;
		row_add(m, &range, i, mhp_range_make(rest.start_pfn, nr), pfn,
			&row);
		rest.start_pfn += nr;
		rest.nr_pages -= nr;
	}
	return row;
}

uint64_t host_kept(const struct mhp *m, const struct mhp_block *blk,
		   mhp_pfn_t pfn)
{
	struct host_row row = host_row_at(m, blk, pfn);

	return row.pieces & ~row.lent;
}

bool host_has_guests(const struct mhp *m, const struct pageblock *pb)
{
	uint32_t row;

	if (!block_has(block_status(pb->blk), BLOCK_GAPS))
		return false;
	for (row = 0; row < pageblock_nr_rows(m); row++)
		if (host_row_at(m, pb->blk,
				pageblock_pfn(m, pb) + (uint64_t)row * 64)
			    .lent &
		    m->layout.row_mask)
			return true;
	return false;
}

bool host_lends(const struct mhp *m, const struct mhp_block *blk, mhp_pfn_t pfn)
{
	return block_has(block_status(blk), BLOCK_GAPS) &&
	       host_row_at(m, blk, pfn).lent & 1;
}

bool host_has(const struct mhp *m, const struct mhp_block *blk, mhp_pfn_t pfn)
{
	uint64_t status = block_status(blk);

	if (block_has(status, BLOCK_GAPS))
		return host_kept(m, blk, pfn) & 1;
	return pfn - blk->start_pfn < block_memmap_pages(status);
}

/* ---- the order ---- */

static int host_busy(struct mhp_report *report, enum mhp_stage stage,
		     enum mhp_why why, const struct mhp_block *blk)
{
	return report_set(report, MHP_ERR_BUSY, stage, why, blk->start_pfn);
}

int host_check_online(struct mhp *m, const struct mhp_block *blk,
		      struct mhp_report *report)
{
	struct mhp_range piece = host_piece(m, blk);
	mhp_pfn_t pfn = piece.start_pfn, end = mhp_range_end_pfn(piece);

	if (!piece.nr_pages)
		return 0;
	for (; pfn < end; pfn += m->layout.block_pages) {
		const struct mhp_block *host;
		uint64_t status;

		pfn &= ~(mhp_pfn_t)(m->layout.block_pages - 1);
		host = section_block(m, pfn);
		if (host == blk)
			continue;
		status = block_status(host);
		if (block_life(status) != MHP_BLOCK_ONLINE ||
		    block_has(status, BLOCK_EJECTING))
			return host_busy(report, MHP_STAGE_ONLINE,
					 MHP_WHY_HOST_OFFLINE, host);
	}
	return 0;
}

int host_check_offline(struct mhp *m, const struct mhp_block *blk,
		       struct mhp_report *report)
{
	const struct mhp_block *dependent = host_next_dependent(m, blk, 0);

	for (; dependent;
	     dependent = host_next_dependent(
		     m, blk, dependent->start_pfn + m->layout.block_pages))
		if (block_life(block_status(dependent)) != MHP_BLOCK_OFFLINE)
			return host_busy(report, MHP_STAGE_OFFLINE,
					 MHP_WHY_DEPENDENT, dependent);
	return 0;
}

static bool host_is_in(const struct mhp_block *blk,
		       const struct mhp_range *ranges, uint32_t nr)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (blk->start_pfn >= ranges[i].start_pfn &&
		    blk->start_pfn < mhp_range_end_pfn(ranges[i]))
			return true;
	return false;
}

int host_check_leave(struct mhp *m, const struct mhp_block *blk,
		     const struct mhp_range *ranges, uint32_t nr,
		     struct mhp_report *report)
{
	const struct mhp_block *dependent = host_next_dependent(m, blk, 0);

	for (; dependent;
	     dependent = host_next_dependent(
		     m, blk, dependent->start_pfn + m->layout.block_pages))
		if (!host_is_in(dependent, ranges, nr))
			return host_busy(report, MHP_STAGE_REMOVE,
					 MHP_WHY_DEPENDENT, dependent);
	return 0;
}
