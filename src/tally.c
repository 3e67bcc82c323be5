/* SPDX-License-Identifier: MIT */
/*
 * How many pages of a range are what: what mhp_frame_query() says of each of
 * them, added up without asking it.
 *
 * A row of up to 64 pages is sorted by masks, each reason taking its pages from
 * those that are left, in the order in which a query looks at them. Most
 * pageblocks are told from their word alone.
 *
 * What it does not do: stop the world. Pages that change hands meanwhile are
 * counted as one or the other.
 */
#include "bad.h"
#include "block.h"
#include "boot_map.h"
#include "desc.h"
#include "device.h"
#include "frame.h"
#include "gate.h"
#include "libc.h"
#include "section.h"

/* A part of a pageblock that is being counted. */
struct slice {
	struct mhp *m;
	struct pageblock pb;
	uint64_t word;
	uint32_t from; /* pages, in the pageblock */
	uint32_t end;
	bool serves; /* its block */
	bool boot;   /* is boot memory */
	bool any_bad;
	struct mhp_tally *tally;
};

static uint64_t take(uint64_t *left, uint64_t mask, uint64_t *nr)
{
	uint64_t taken = *left & mask;

	*left &= ~taken;
	*nr += word_popcount(taken);
	return taken;
}

/* In a hole there may be a device range. */
static enum mhp_page_use hole_use(const struct mhp *m, mhp_pfn_t pfn)
{
	const struct mhp_device *dev = device_lookup(m, pfn);

	return dev ? device_use(dev, pfn) : MHP_PAGE_HOLE;
}

/* Pages of boot memory that the allocator never gets: there are few. */
static void tally_boot(const struct slice *s, uint32_t row, uint64_t fixed)
{
	mhp_pfn_t pfn = pageblock_pfn(s->m, &s->pb) + (uint64_t)row * 64;
	unsigned int node;

	for (; fixed; fixed &= fixed - 1) {
		mhp_pfn_t at = pfn + (unsigned int)__builtin_ctzll(fixed);

		if (!boot_is_present(s->m, at, &node))
			s->tally->nr[hole_use(s->m, at)]++;
		else if (boot_is_meta(s->m, at))
			s->tally->nr[MHP_PAGE_MEMMAP]++;
		else
			s->tally->nr[MHP_PAGE_RESERVED]++;
	}
}

/* Take the pages that are not the allocator's. Return: those that are left. */
static uint64_t tally_kept(const struct slice *s, uint32_t row, uint64_t left)
{
	uint64_t *nr = s->tally->nr, nobody = 0;
	uint32_t withheld = pageblock_withheld(s->word);
	uint64_t fixed = pageblock_fixed(s->m, &s->pb, row);

	if (withheld)
		take(&left,
		     ~pageblock_bits_below(
			     s->m->layout.pageblock_pages - withheld, row),
		     &nr[MHP_PAGE_WITHHELD]);
	if (s->boot)
		tally_boot(s, row, take(&left, fixed, &nobody));
	else
		take(&left, fixed, &nr[MHP_PAGE_MEMMAP]);
	return left;
}

static uint64_t row_used(const struct slice *s, uint32_t row)
{
	if (s->word & PB_HUGE)
		return UINT64_MAX;
	return s->word & PB_USED ? mhp_port_load_seq(&s->pb.rows[row]) : 0;
}

static void tally_row(const struct slice *s, uint32_t row, uint64_t left,
		      bool any_kept)
{
	uint64_t *nr = s->tally->nr;

	if (any_kept)
		left = tally_kept(s, row, left);
	if (!s->serves) {
		take(&left, left, &nr[MHP_PAGE_OFFLINE]);
		return;
	}
	if (left && s->any_bad)
		take(&left,
		     bad_kept(s->m,
			      pageblock_pfn(s->m, &s->pb) + (uint64_t)row * 64),
		     &nr[MHP_PAGE_POISONED]);
	take(&left, row_used(s, row), &nr[MHP_PAGE_ALLOCATED]);
	take(&left, left,
	     &nr[s->word & PB_ISOLATED ? MHP_PAGE_ISOLATED : MHP_PAGE_FREE]);
}

static void tally_rows(const struct slice *s, bool any_kept)
{
	uint32_t row;

	for (row = s->from / 64; (uint64_t)row * 64 < s->end; row++)
		tally_row(s, row,
			  pageblock_bits_below(s->end, row) &
				  ~pageblock_bits_below(s->from, row),
			  any_kept);
}

/* Whether pages of it can be memmap, holes or the embedder's, or withheld. */
static bool slice_may_be_kept(const struct slice *s)
{
	struct mhp_range range = mhp_range_make(pageblock_pfn(s->m, &s->pb),
						s->m->layout.pageblock_pages);
	struct zone_share share = {{0, 0}, 0, 0};
	uint64_t status = block_status(s->pb.blk);
	uint64_t first = (uint64_t)s->pb.index << s->m->layout.pageblock_order;

	if (pageblock_withheld(s->word))
		return true;
	if (!s->boot)
		return block_has(status, BLOCK_GAPS) ||
		       block_memmap_pages(status) > first;
	boot_share(s->m, range, block_node(status), MHP_ZONE_NONE, &share);
	return share.nr_managed != range.nr_pages;
}

/* All its pages are the same, by its word alone: what? ABSENT if they are
 * not. */
static enum mhp_page_use slice_use(const struct slice *s)
{
	if (!s->serves)
		return MHP_PAGE_OFFLINE;
	if (s->any_bad)
		return MHP_PAGE_ABSENT;
	if (s->word & PB_HUGE)
		return MHP_PAGE_ALLOCATED;
	if (s->word & PB_SMALL)
		return MHP_PAGE_ABSENT;
	if (s->word & PB_ISOLATED)
		return MHP_PAGE_ISOLATED;
	return pageblock_is_free(s->word) ? MHP_PAGE_FREE : MHP_PAGE_ABSENT;
}

/* Pages that hold the memmap of blocks elsewhere. Such an allocation is at most
 * a pageblock. */
static uint64_t slice_nr_engine(const struct slice *s)
{
	struct mhp *m = s->m;
	mhp_pfn_t start = pageblock_pfn(m, &s->pb), pfn = start;
	mhp_pfn_t end = start + s->end;
	struct mhp_range slice = mhp_range_make(start + s->from,
						s->end - s->from);
	struct frame_head head;
	uint64_t nr = 0;

	while (pfn < end && frame_next_head(m, s->pb.blk, pfn, &head) &&
	       head.pfn < end) {
		struct mhp_range run = mhp_range_make(head.pfn, head.nr_pages);

		if (desc_owner(mhp_port_load(head.desc)) == OWNER_MEMMAP)
			nr += range_cut(run, slice).nr_pages;
		pfn = mhp_range_end_pfn(run);
	}
	return nr;
}

static void tally_slice(const struct slice *s)
{
	struct mhp_tally *tally = s->tally;
	uint64_t before = tally->nr[MHP_PAGE_ALLOCATED], nr;
	bool any_kept = slice_may_be_kept(s);
	enum mhp_page_use use = any_kept ? MHP_PAGE_ABSENT : slice_use(s);

	if (use != MHP_PAGE_ABSENT)
		tally->nr[use] += s->end - s->from;
	else
		tally_rows(s, any_kept);
	nr = tally->nr[MHP_PAGE_ALLOCATED] - before;
	if (s->word & PB_UNMOVABLE)
		tally->nr_unmovable += nr;
	if (s->word & PB_ENGINE && nr)
		tally->nr_memmap_elsewhere += slice_nr_engine(s);
}

/* The word of a pageblock. The state of a block that does not serve may be out
 * of reach, or anything, but for counts of withheld pages. */
static uint64_t slice_word(const struct slice *s, uint64_t status)
{
	if (!s->serves && !block_has(status, BLOCK_WITHHELD))
		return 0;
	return mhp_port_load_seq(s->pb.word);
}

/* The part of a range that lies in one block. */
static void tally_block(struct mhp *m, struct mhp_block *blk,
			struct mhp_range part, struct mhp_tally *tally)
{
	uint64_t status = block_status(blk);
	struct slice s = {.m = m,
			  .serves = block_serves(status),
			  .boot = block_has(status, BLOCK_BOOT),
			  .any_bad = bad_count(m, part) != 0,
			  .tally = tally};
	mhp_pfn_t pfn = part.start_pfn, end = mhp_range_end_pfn(part);

	while (pfn < end) {
		mhp_pfn_t start;

		s.pb = pageblock_of(m, blk, pfn);
		s.word = slice_word(&s, status);
		start = pageblock_pfn(m, &s.pb);
		s.from = (uint32_t)(pfn - start);
		s.end = m->layout.pageblock_pages;
		if (s.end > end - start)
			s.end = (uint32_t)(end - start);
		tally_slice(&s);
		pfn = start + s.end;
	}
}

/* What is first in a range: a gap, or the part of a block. Return: its pages.
 */
static uint64_t tally_next(struct mhp *m, struct mhp_range range,
			   struct mhp_tally *tally)
{
	struct mhp_block *blk = NULL;
	struct mhp_range part;
	bool gated;

	if (range.start_pfn < m->max_pfn)
		blk = section_next_block(m, range.start_pfn);
	if (!blk || blk->start_pfn >= mhp_range_end_pfn(range)) {
		device_tally(m, range, tally->nr);
		return range.nr_pages;
	}
	part = range_cut(range,
			 mhp_range_make(blk->start_pfn, m->layout.block_pages));
	device_tally(m,
		     mhp_range_make(range.start_pfn,
				    part.start_pfn - range.start_pfn),
		     tally->nr);
	gated = gate_enter(m);
	tally_block(m, blk, part, tally);
	gate_leave(m, gated);
	return mhp_range_end_pfn(part) - range.start_pfn;
}

int mhp_frame_tally(struct mhp *m, struct mhp_range range,
		    struct mhp_tally *tally)
{
	if (range.nr_pages > MHP_PFN_NONE - range.start_pfn)
		return MHP_ERR_INVAL;
	memset(tally, 0, sizeof(*tally));
	while (range.nr_pages) {
		uint64_t done;

		mhp_port_read_lock();
		done = tally_next(m, range, tally);
		mhp_port_read_unlock();
		range.start_pfn += done;
		range.nr_pages -= done;
	}
	return 0;
}
