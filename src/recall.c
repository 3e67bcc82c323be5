/* SPDX-License-Identifier: MIT */
/* Taking lent pages back; see recall.h. */
#include "recall.h"

#include "bad.h"
#include "block.h"
#include "boot_map.h"
#include "grace.h"
#include "host.h"
#include "isolate.h"
#include "lent.h"
#include "section.h"
#include "vacate.h"

/* ---- what is lent ---- */

/* A pageblock of the range that lends. */
struct lender {
	struct pageblock pb;
	mhp_pfn_t range_pfn;   /* of the range whose memmap describes it */
	struct mhp_range lent; /* pages */
};

static bool lender_at(struct mhp *m, const struct recall *r,
		      struct mhp_block *blk, mhp_pfn_t pfn, struct lender *l)
{
	struct host_range range;
	uint64_t word;

	l->pb = pageblock_of(m, blk, pfn);
	word = mhp_port_load_seq(l->pb.word);
	if (!(word & PB_LENT) || !host_range_of(m, blk, &range) ||
	    (r->flags & MHP_TAKE_BACK_FREE && word & PB_HUGE))
		return false;
	l->range_pfn = range.start_pfn;
	l->lent = lent_of(m, blk, host_piece(m, blk).start_pfn, l->pb.index);
	return true;
}

/* The first one from @pfn on; @pfn is behind it then. */
static bool lender_next(struct mhp *m, const struct recall *r, mhp_pfn_t *pfn,
			struct lender *l)
{
	mhp_pfn_t end = mhp_range_end_pfn(r->range);

	while (*pfn < end) {
		struct mhp_block *blk = section_range_block(m, r->range, *pfn);
		mhp_pfn_t at = *pfn;

		if (!blk)
			return false;
		if (at < blk->start_pfn)
			at = blk->start_pfn;
		if (!lent_any(m, blk)) {
			*pfn = blk->start_pfn + m->layout.block_pages;
			continue;
		}
		*pfn = (at | (m->layout.pageblock_pages - 1)) + 1;
		if (lender_at(m, r, blk, at, l))
			return true;
	}
	return false;
}

/* ---- where it is ---- */

static struct recall_place *place_find(struct recall *r, mhp_pfn_t range_pfn)
{
	uint32_t i;

	for (i = 0; i < r->nr; i++)
		if (r->places[i].range_pfn == range_pfn)
			return &r->places[i];
	return NULL;
}

static void place_add(struct recall *r, const struct lender *l)
{
	struct recall_place *place = place_find(r, l->range_pfn);
	mhp_pfn_t start = l->lent.start_pfn;
	mhp_pfn_t end = mhp_range_end_pfn(l->lent);

	if (!place && r->nr == RECALL_PLACES) {
		r->full = true;
		return;
	}
	if (!place) {
		place = &r->places[r->nr++];
		place->range_pfn = l->range_pfn;
		place->span = l->lent;
		return;
	}
	if (place->span.start_pfn < start)
		start = place->span.start_pfn;
	if (mhp_range_end_pfn(place->span) > end)
		end = mhp_range_end_pfn(place->span);
	place->span = mhp_range_make(start, end - start);
}

static void recall_collect(struct mhp *m, struct recall *r)
{
	mhp_pfn_t pfn = r->range.start_pfn;
	struct lender l;

	r->nr = 0;
	r->full = false;
	while (!r->full && lender_next(m, r, &pfn, &l))
		place_add(r, &l);
}

/* ---- emptying ---- */

static int recall_fail(int err, enum mhp_why why, mhp_pfn_t pfn,
		       struct mhp_report *report)
{
	return report_set(report, err, MHP_STAGE_TAKE_BACK, why, pfn);
}

static int part_vacate(struct mhp *m, struct mhp_range part,
		       uint64_t deadline_ns, struct mhp_report *report)
{
	struct mhp_block *host = section_block(m, part.start_pfn);
	uint64_t status = host ? block_status(host) : 0;
	int err;

	if (block_life(status) != MHP_BLOCK_ONLINE || block_moves(status) ||
	    block_has(status, BLOCK_EJECTING))
		return recall_fail(MHP_ERR_BUSY, MHP_WHY_TRANSITION,
				   part.start_pfn, report);
	err = vacate_range(m, host, part, deadline_ns, report);
	if (err && report)
		report->stage = MHP_STAGE_TAKE_BACK;
	return err;
}

/* Un-isolate the first @nr_pages of a span. */
static void span_undo(struct mhp *m, struct mhp_range span, uint64_t nr_pages)
{
	span.nr_pages = nr_pages;
	while (span.nr_pages) {
		struct mhp_range part = host_part(m, span);

		isolate_undo(m, section_block(m, part.start_pfn), part);
		span = host_rest(span, part);
	}
}

static int span_vacate(struct mhp *m, struct mhp_range span,
		       uint64_t deadline_ns, struct mhp_report *report)
{
	struct mhp_range rest = span;

	while (rest.nr_pages) {
		struct mhp_range part = host_part(m, rest);
		int err = part_vacate(m, part, deadline_ns, report);

		if (err) {
			span_undo(m, span, span.nr_pages - rest.nr_pages);
			return err;
		}
		rest = host_rest(rest, part);
	}
	return 0;
}

static bool recall_has(const struct recall *r, struct mhp_range lent)
{
	uint32_t i;

	for (i = 0; i < r->nr; i++)
		if (range_cut(r->places[i].span, lent).nr_pages ==
		    lent.nr_pages)
			return true;
	return false;
}

/* More may have been lent meanwhile, and pages may have gone bad. What is free
 * only by now stays as it is: whoever frees needs no mutex. */
static int recall_check(struct mhp *m, const struct recall *r,
			struct mhp_report *report)
{
	mhp_pfn_t pfn = r->range.start_pfn;
	struct lender l;

	while (lender_next(m, r, &pfn, &l)) {
		mhp_pfn_t bad = bad_next(m, l.lent);
		bool has = recall_has(r, l.lent);

		if (!has && r->flags & MHP_TAKE_BACK_FREE)
			continue;
		if (bad != MHP_PFN_NONE)
			return recall_fail(MHP_ERR_HWPOISON, MHP_WHY_POISON,
					   bad, report);
		if (!has)
			return recall_fail(MHP_ERR_BUSY, MHP_WHY_IN_FLIGHT,
					   l.lent.start_pfn, report);
	}
	return 0;
}

int recall_prepare(struct mhp *m, struct recall *r, uint64_t deadline_ns,
		   struct mhp_report *report)
{
	uint32_t i, nr;
	int err;

	recall_collect(m, r);
	if (r->full)
		return recall_fail(MHP_ERR_OPNOTSUPP, MHP_WHY_BAD_REQUEST,
				   r->range.start_pfn, report);
	err = recall_check(m, r, report);
	nr = r->nr;
	for (i = 0; !err && i < nr; i++) {
		err = span_vacate(m, r->places[i].span, deadline_ns, report);
		if (err)
			break;
	}
	r->nr = i;
	if (!err)
		err = recall_check(m, r, report);
	if (err)
		recall_cancel(m, r);
	return err;
}

void recall_cancel(struct mhp *m, const struct recall *r)
{
	uint32_t i = r->nr;

	while (i--)
		span_undo(m, r->places[i].span, r->places[i].span.nr_pages);
}

/* ---- commit ---- */

static void lender_end(struct mhp *m, const struct lender *l)
{
	mhp_port_and(l->pb.word, ~PB_LENT);
	host_recall(m, l->lent);
	m->nr_lent -= l->lent.nr_pages;
	/* R6: it is free for all since now. */
	if (block_serves(block_status(l->pb.blk)))
		pageblock_clear_nowhole(m, &l->pb);
}

void recall_commit(struct mhp *m, const struct recall *r)
{
	mhp_pfn_t pfn = r->range.start_pfn;
	struct lender l;

	/* What was freed since recall_check() was not looked at there. */
	while (lender_next(m, r, &pfn, &l))
		if (recall_has(r, l.lent) &&
		    bad_next(m, l.lent) == MHP_PFN_NONE)
			lender_end(m, &l);
	/* As when pages are withheld: a free that began before they were kept
	 * is waited for, and then un-isolating looks. */
	grace_wait(m);
	recall_cancel(m, r);
}
