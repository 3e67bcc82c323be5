/* SPDX-License-Identifier: MIT */
/*
 * Withholding pages from the allocator, and releasing them.
 *
 *   withhold: isolate the pageblocks of the range and empty it (vacate.h)
 *             commit: count the pages, set or clear bits, un-isolate
 *   release:  change counts and bits under the mutex; nothing moves
 */
#include "block.h"
#include "gate.h"
#include "grace.h"
#include "host.h"
#include "isolate.h"
#include "section.h"
#include "vacate.h"
#include "withheld.h"
#include "zone.h"

/* A part of a range: what it has in one pageblock. */
struct piece {
	struct pageblock pb;
	uint64_t word;
	uint32_t from; /* pages of the pageblock */
	uint32_t end;
};

/* What is withheld. */
struct withhold {
	struct mhp_block *blk;
	struct mhp_range range;
};

static struct piece piece_at(const struct mhp *m, struct mhp_block *blk,
			     struct mhp_range range, mhp_pfn_t pfn)
{
	struct piece piece = {.pb = pageblock_of(m, blk, pfn)};
	mhp_pfn_t start = pageblock_pfn(m, &piece.pb);
	uint64_t end = mhp_range_end_pfn(range) - start;

	piece.word = mhp_port_load_seq(piece.pb.word);
	piece.from = (uint32_t)(pfn - start);
	piece.end = end < m->layout.pageblock_pages ? (uint32_t)end
						    : m->layout.pageblock_pages;
	return piece;
}

static mhp_pfn_t piece_end_pfn(const struct mhp *m, const struct piece *piece)
{
	return pageblock_pfn(m, &piece->pb) + piece->end;
}

/* First page of the pageblock that is withheld. */
static uint32_t piece_border(const struct mhp *m, const struct piece *piece)
{
	return m->layout.pageblock_pages - pageblock_withheld(piece->word);
}

/* Whether a page of the piece is the allocator's at no time. */
static bool piece_is_fixed(const struct mhp *m, const struct piece *piece)
{
	uint32_t row;

	for (row = 0; row < pageblock_nr_rows(m); row++)
		if (pageblock_fixed(m, &piece->pb, row) &
		    pageblock_bits_below(piece->end, row) &
		    ~pageblock_bits_below(piece->from, row))
			return true;
	return false;
}

/* The block of a range that is in one, and in no transition. */
static int hold_find(struct mhp *m, struct mhp_range range,
		     struct mhp_block **blk, enum mhp_stage stage,
		     struct mhp_report *report)
{
	enum mhp_block_state life;
	uint64_t status;

	if (!range.nr_pages)
		return report_set(report, MHP_ERR_INVAL, stage,
				  MHP_WHY_EMPTY_RANGE, range.start_pfn);
	*blk = block_find(m, range.start_pfn >> m->layout.block_order);
	if (!*blk)
		return report_set(report, MHP_ERR_NOENT, stage,
				  MHP_WHY_NO_BLOCK, range.start_pfn);
	if (range.nr_pages >
	    (*blk)->start_pfn + m->layout.block_pages - range.start_pfn)
		return report_set(report, MHP_ERR_INVAL, stage,
				  MHP_WHY_BAD_REQUEST, range.start_pfn);
	status = block_status(*blk);
	life = block_life(status);
	if (block_has(status, BLOCK_EJECTING) ||
	    (life != MHP_BLOCK_ONLINE && life != MHP_BLOCK_OFFLINE))
		return report_set(report, MHP_ERR_BUSY, stage,
				  MHP_WHY_TRANSITION, range.start_pfn);
	if (block_has(status, BLOCK_MANY))
		return report_set(report, MHP_ERR_INVAL, stage,
				  MHP_WHY_MANY_ZONES, range.start_pfn);
	return 0;
}

/* ---- release ---- */

static int release_check(struct mhp *m, struct mhp_block *blk,
			 struct mhp_range range, struct mhp_report *report)
{
	bool serves = block_serves(block_status(blk));
	mhp_pfn_t pfn = range.start_pfn;

	if (withheld_in(m, blk, range) != range.nr_pages)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_RELEASE,
				  MHP_WHY_NOT_NEXT, pfn);
	while (pfn < mhp_range_end_pfn(range)) {
		struct piece piece = piece_at(m, blk, range, pfn);

		if (piece.from != piece_border(m, &piece))
			return report_set(report, MHP_ERR_INVAL,
					  MHP_STAGE_RELEASE, MHP_WHY_NOT_NEXT,
					  pfn);
		if (serves && piece.word & PB_ISOLATED)
			return report_set(report, MHP_ERR_BUSY,
					  MHP_STAGE_RELEASE, MHP_WHY_ISOLATED,
					  pfn);
		pfn = piece_end_pfn(m, &piece);
	}
	return 0;
}

static void release_commit(struct mhp *m, struct mhp_block *blk,
			   struct mhp_range range)
{
	mhp_pfn_t pfn = range.start_pfn;

	if (!block_serves(block_status(blk)))
		withheld_clear_rest(m, blk);
	zone_released(m, blk, range.nr_pages);
	while (pfn < mhp_range_end_pfn(range)) {
		struct piece piece = piece_at(m, blk, range, pfn);

		withheld_lower(m, &piece.pb, piece.end - piece.from);
		pfn = piece_end_pfn(m, &piece);
	}
}

int mhp_release(struct mhp *m, struct mhp_range range,
		struct mhp_report *report)
{
	struct mhp_block *blk;
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_RELEASE,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	err = hold_find(m, range, &blk, MHP_STAGE_RELEASE, report);
	if (!err)
		err = release_check(m, blk, range, report);
	if (!err)
		release_commit(m, blk, range);
	mhp_unlock(m);
	return err;
}

/* ---- withhold ---- */

/* Pages that are lent come back some day. */
static bool withhold_lent(const struct mhp *m, const struct withhold *w)
{
	mhp_pfn_t pfn = w->range.start_pfn;

	for (; pfn < mhp_range_end_pfn(w->range); pfn++)
		if (host_lends(m, w->blk, pfn))
			return true;
	return false;
}

static int withhold_check(struct mhp *m, const struct withhold *w,
			  struct mhp_report *report)
{
	mhp_pfn_t pfn = w->range.start_pfn;

	if (withhold_lent(m, w))
		return report_set(report, MHP_ERR_BUSY, MHP_STAGE_WITHHOLD,
				  MHP_WHY_LENT, pfn);
	while (pfn < mhp_range_end_pfn(w->range)) {
		struct piece piece = piece_at(m, w->blk, w->range, pfn);

		if (piece.pb.index < pageblock_first(m, w->blk) ||
		    piece.end != piece_border(m, &piece) ||
		    piece_is_fixed(m, &piece))
			return report_set(report, MHP_ERR_INVAL,
					  MHP_STAGE_WITHHOLD, MHP_WHY_NOT_NEXT,
					  pfn);
		pfn = piece_end_pfn(m, &piece);
	}
	return 0;
}

static void withhold_mark(struct mhp *m, const struct withhold *w)
{
	mhp_pfn_t pfn = w->range.start_pfn;

	block_set_flag(w->blk, BLOCK_WITHHELD);
	zone_withheld(m, w->blk, w->range.nr_pages);
	while (pfn < mhp_range_end_pfn(w->range)) {
		struct piece piece = piece_at(m, w->blk, w->range, pfn);

		withheld_raise(m, &piece.pb, piece.end - piece.from);
		pfn = piece_end_pfn(m, &piece);
	}
}

/* Nothing of the range is in use. A free that began before MIXED was set does
 * not close what it empties: it is waited for, and then un-isolating looks. */
static void withhold_commit(struct mhp *m, const struct withhold *w)
{
	withhold_mark(m, w);
	grace_wait(m);
	isolate_undo(m, w->blk, w->range);
}

static int withhold_locked(struct mhp *m, struct withhold *w,
			   uint64_t deadline_ns, struct mhp_report *report)
{
	int err = hold_find(m, w->range, &w->blk, MHP_STAGE_WITHHOLD, report);
	bool serves;

	if (err)
		return err;
	/* What is counted there would be lost while it is offline. */
	if (block_has(block_status(w->blk), BLOCK_HOSTED) &&
	    block_has(block_status(w->blk), BLOCK_INACCESSIBLE))
		return report_set(report, MHP_ERR_OPNOTSUPP, MHP_STAGE_WITHHOLD,
				  MHP_WHY_PLACEMENT_REFUSED,
				  w->range.start_pfn);
	serves = block_serves(block_status(w->blk));
	/* Until then words of an offline block may hold anything. */
	if (!serves)
		withheld_clear_rest(m, w->blk);
	err = withhold_check(m, w, report);
	if (err)
		return err;
	if (!serves) {
		withhold_mark(m, w);
		return 0;
	}
	err = vacate_range(m, w->blk, w->range, deadline_ns, report);
	if (!err)
		withhold_commit(m, w);
	return err;
}

int mhp_withhold(struct mhp *m, struct mhp_range range, uint64_t deadline_ns,
		 struct mhp_report *report)
{
	struct withhold w = {.range = range};
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_WITHHOLD,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	err = withhold_locked(m, &w, deadline_ns, report);
	mhp_unlock(m);
	if (err && report)
		report->stage = MHP_STAGE_WITHHOLD;
	return err;
}

uint64_t mhp_withheld(struct mhp *m, struct mhp_range range)
{
	mhp_pfn_t end = mhp_range_end_pfn(range);
	struct mhp_block *blk;
	uint64_t nr = 0;

	if (end > m->max_pfn || end < range.start_pfn)
		end = m->max_pfn;
	if (range.start_pfn >= end)
		return 0;
	range.nr_pages = end - range.start_pfn;
	mhp_port_read_lock();
	for (blk = section_next_block(m, range.start_pfn);
	     blk && blk->start_pfn < end;
	     blk = section_next_block(m,
				      blk->start_pfn + m->layout.block_pages)) {
		bool gated = gate_enter(m);

		nr += withheld_in(
			m, blk,
			range_cut(range,
				  mhp_range_make(blk->start_pfn,
						 m->layout.block_pages)));
		gate_leave(m, gated);
	}
	mhp_port_read_unlock();
	return nr;
}
