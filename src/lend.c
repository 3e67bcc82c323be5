/* SPDX-License-Identifier: MIT */
/*
 * Lending pages of memmaps, and taking them back; see mhp/lend.h and lent.h.
 *
 *   lend:      hold the pageblocks that they are in, say in the word of what
 *              they describe that they are lent, make them managed pages
 *   take back: recall.h
 */
#include "bad.h"
#include "block.h"
#include "desc.h"
#include "frame.h"
#include "host.h"
#include "lent.h"
#include "recall.h"
#include "section.h"

/* ---- lend ---- */

/* Whether the memmap of a block is where it can be lent. What its words say
 * must last while it is offline. */
static bool lend_block(const struct mhp *m, const struct mhp_block *blk)
{
	uint64_t status = block_status(blk);

	return m->layout.lend_pages &&
	       block_has(status, BLOCK_HOSTED | BLOCK_RANGE) &&
	       !block_has(status, BLOCK_INACCESSIBLE | BLOCK_EJECTING) &&
	       !block_moves(status);
}

/* The pages that a pageblock can lend, if it does not do so yet. */
static struct mhp_range lend_pages(struct mhp *m, const struct pageblock *pb)
{
	struct mhp_range run = mhp_range_make(0, 0);

	if (!lend_block(m, pb->blk) ||
	    mhp_port_load_seq(pb->word) & (PB_LENT | PB_ISOLATED))
		return run;
	run = lent_could(m, host_piece(m, pb->blk).start_pfn, pb->index);
	if (bad_count(m, run))
		run.nr_pages = 0;
	return run;
}

/* Its holder may free it while we look, against the rules. */
static bool lend_say(const struct pageblock *pb)
{
	uint64_t word = mhp_port_load_seq(pb->word);

	do {
		if ((word & (PB_HUGE | PB_ISOLATED)) != PB_HUGE)
			return false;
	} while (!mhp_port_cas(pb->word, &word, word | PB_LENT));
	return true;
}

/* Return: how many pages are lent. */
static uint64_t lend_one(struct mhp *m, const struct pageblock *pb)
{
	struct mhp_range run = lend_pages(m, pb);

	if (!run.nr_pages || !host_lend_begin(m, run))
		return 0;
	block_set_flag(pb->blk, BLOCK_WITHHELD);
	if (!lend_say(pb)) {
		host_lend_cancel(m, run);
		return 0;
	}
	host_lend(m, run);
	m->nr_lent += run.nr_pages;
	return run.nr_pages;
}

static int lend_locked(struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages,
		       uint64_t *nr_lent, struct mhp_report *report)
{
	struct frame_head head;
	struct pageblock pb;
	uint64_t nr = 0, i;

	if (nr_pages < m->layout.pageblock_pages ||
	    !frame_is_at(m, pfn, nr_pages, &head))
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_LEND,
				  MHP_WHY_WRONG_ORDER, pfn);
	pb = pageblock_of(m, section_block(m, pfn), pfn);
	for (i = 0; i < nr_pages >> m->layout.pageblock_order; i++) {
		struct pageblock part;

		if (frame_chain_at(m, &pb, i, &part))
			nr += lend_one(m, &part);
	}
	if (nr_lent)
		*nr_lent = nr;
	return 0;
}

int mhp_memmap_lend(struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages,
		    uint64_t *nr_lent, struct mhp_report *report)
{
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_LEND,
				  MHP_WHY_REENTERED, pfn);
	err = lend_locked(m, pfn, nr_pages, nr_lent, report);
	mhp_unlock(m);
	return err;
}

/* ---- take back ---- */

/* Those of all blocks with their memmap in the same range as that of the first
 * one from @pfn on; behind them the next begin. */
static struct mhp_range take_back_next(struct mhp *m, mhp_pfn_t pfn,
				       mhp_pfn_t end)
{
	const struct mhp_range all = mhp_range_make(pfn, end - pfn);
	struct mhp_block *blk = section_range_block(m, all, pfn);
	struct host_range range, other;
	mhp_pfn_t start;

	while (blk && !host_range_of(m, blk, &range))
		blk = section_range_block(
			m, all, blk->start_pfn + m->layout.block_pages);
	if (!blk)
		return mhp_range_make(end, 0);
	start = blk->start_pfn > pfn ? blk->start_pfn : pfn;
	do
		pfn = blk->start_pfn + m->layout.block_pages;
	while ((blk = section_range_block(m, all, pfn)) &&
	       host_range_of(m, blk, &other) &&
	       other.start_pfn == range.start_pfn);
	if (pfn > end)
		pfn = end;
	return mhp_range_make(start, pfn - start);
}

static int take_back_locked(struct mhp *m, struct mhp_range range,
			    uint32_t flags, uint64_t deadline_ns,
			    struct mhp_report *report)
{
	mhp_pfn_t end = mhp_range_end_pfn(range);
	struct recall r = {.flags = flags};

	if (end > m->max_pfn)
		end = m->max_pfn;
	r.range = take_back_next(m, range.start_pfn, end);
	while (r.range.nr_pages) {
		int err = recall_prepare(m, &r, deadline_ns, report);

		if (err)
			return err;
		recall_commit(m, &r);
		r.range = take_back_next(m, mhp_range_end_pfn(r.range), end);
	}
	return 0;
}

int mhp_memmap_take_back(struct mhp *m, struct mhp_range range, uint32_t flags,
			 uint64_t deadline_ns, struct mhp_report *report)
{
	int err;

	if (flags & ~MHP_TAKE_BACK_FREE ||
	    range.start_pfn + range.nr_pages < range.start_pfn)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_TAKE_BACK,
				  MHP_WHY_BAD_REQUEST, range.start_pfn);
	err = mhp_lock(m);
	if (err)
		return report_set(report, err, MHP_STAGE_TAKE_BACK,
				  MHP_WHY_REENTERED, range.start_pfn);
	err = take_back_locked(m, range, flags, deadline_ns, report);
	mhp_unlock(m);
	return err;
}
