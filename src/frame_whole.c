/* SPDX-License-Identifier: MIT */
/*
 * Whole pageblocks that are in use, one or a chain of them (R9): whose they
 * are, and giving them back. A chain is walked pageblock by pageblock, from a
 * memory block into the next: all of them serve as long as it is allocated.
 */
#include "bad.h"
#include "desc.h"
#include "frame.h"
#include "section.h"

/* ---- chains ---- */

/* The pageblock behind; false: no memory that serves. */
static bool chain_next(struct mhp *m, struct pageblock *pb)
{
	struct mhp_block *blk = pb->blk;

	if (pb->index + 1 < m->layout.nr_pageblocks) {
		*pb = pageblock_at(m, blk, pb->index + 1);
		return true;
	}
	blk = section_block(m, blk->start_pfn + m->layout.block_pages);
	if (!blk || !block_serves(block_status(blk)))
		return false;
	*pb = pageblock_at(m, blk, 0);
	return true;
}

/* The pageblock before, likewise. */
static bool chain_before(struct mhp *m, struct pageblock *pb)
{
	struct mhp_block *blk = pb->blk;

	if (pb->index) {
		*pb = pageblock_at(m, blk, pb->index - 1);
		return true;
	}
	blk = blk->start_pfn ? section_block(m, blk->start_pfn - 1) : NULL;
	if (!blk || !block_serves(block_status(blk)))
		return false;
	*pb = pageblock_at(m, blk, m->layout.nr_pageblocks - 1);
	return true;
}

/* Go on to the next one of a chain; false: there is none. */
static bool chain_goes_on(struct mhp *m, struct pageblock *pb)
{
	return chain_next(m, pb) && mhp_port_load_seq(pb->word) & PB_CONT;
}

static uint64_t chain_length(struct mhp *m, const struct pageblock *head)
{
	struct pageblock pb = *head;
	uint64_t nr = 1;

	while (chain_goes_on(m, &pb))
		nr++;
	return nr;
}

/* Go to the first one of a chain. Return: its word; without HUGE: somebody is
 * giving the chain back. */
static uint64_t chain_first(struct mhp *m, struct pageblock *pb)
{
	uint64_t word = mhp_port_load_seq(pb->word);

	while (word & PB_CONT) {
		if (!chain_before(m, pb))
			return 0;
		word = mhp_port_load_seq(pb->word);
	}
	return word;
}

bool frame_whole_head(struct mhp *m, const struct pageblock *pb,
		      struct frame_head *head)
{
	struct pageblock first = *pb;
	uint64_t word = chain_first(m, &first), nr = 1;

	if (!(word & PB_HUGE))
		return false;
	if (word & PB_RUNS)
		nr = chain_length(m, &first);
	head->lends = word & PB_LENT;
	head->pfn = pageblock_pfn(m, &first);
	head->desc = desc_word(m, first.blk, head->pfn);
	head->nr_pages = nr << m->layout.pageblock_order;
	head->order = m->layout.pageblock_order;
	while (UINT64_C(1) << head->order < head->nr_pages)
		head->order++;
	return head->pfn + head->nr_pages > pageblock_pfn(m, pb);
}

bool frame_chain_at(struct mhp *m, const struct pageblock *head, uint64_t i,
		    struct pageblock *pb)
{
	mhp_pfn_t pfn = pageblock_pfn(m, head) +
			(i << m->layout.pageblock_order);
	struct mhp_block *blk = section_block(m, pfn);

	if (blk)
		*pb = pageblock_of(m, blk, pfn);
	return blk;
}

/* ---- giving back ---- */

/* Bad pages of a whole pageblock stay behind: their row bits are set before it
 * is free. */
static bool whole_let_go(struct mhp *m, const struct pageblock *pb)
{
	mhp_pfn_t pfn = pageblock_pfn(m, pb);
	uint32_t row;

	if (!bad_let_go(m, mhp_range_make(pfn, m->layout.pageblock_pages)))
		return false;
	for (row = 0; row < pageblock_nr_rows(m); row++) {
		uint64_t kept = pageblock_kept(m, pb, row);

		if (kept)
			mhp_port_or(&pb->rows[row], kept);
	}
	return true;
}

/* Why a word is not that of an allocation that begins here, a chain (RUNS) or
 * not (0); NONE: it is. With CLOSING it is being freed, or nobody's yet. */
static enum mhp_why whole_check(const struct pageblock *pb, uint64_t word,
				uint64_t chain)
{
	uint64_t mask = PB_HUGE | PB_CONT | PB_RUNS | PB_CLOSING;

	if (LIKELY((word & mask) == (PB_HUGE | chain)))
		return MHP_WHY_NONE;
	if (word & PB_CLOSING && word & PB_HUGE)
		return MHP_WHY_DOUBLE_FREE;
	if (word & PB_HUGE ||
	    (word & PB_SMALL && mhp_port_load(&pb->rows[0]) & 1))
		return MHP_WHY_WRONG_ORDER;
	return MHP_WHY_DOUBLE_FREE;
}

int frame_free_whole(struct mhp *m, const struct pageblock *pb,
		     enum mhp_why *why)
{
	uint64_t word = mhp_port_load_seq(pb->word);
	uint64_t keep = PB_ISOLATED | PB_LASTING;

	do {
		*why = whole_check(pb, word, 0);
		if (UNLIKELY(*why != MHP_WHY_NONE))
			return frame_wrong(why, *why);
		if (word & PB_MIXED && !whole_let_go(m, pb))
			return frame_wrong(why, MHP_WHY_DOUBLE_FREE);
	} while (!mhp_port_cas(pb->word, &word, word & keep));
	pageblock_clear_nowhole(m, pb);
	return 0;
}

/* One of a chain that is ours to give back: nobody else lets go of its bad
 * pages. */
static void chain_give_one(struct mhp *m, const struct pageblock *pb)
{
	uint64_t word = mhp_port_load_seq(pb->word);
	uint64_t keep = PB_ISOLATED | PB_LASTING;

	do {
		if (word & PB_MIXED)
			(void)whole_let_go(m, pb);
	} while (!mhp_port_cas(pb->word, &word, word & keep));
	pageblock_clear_nowhole(m, pb);
}

void frame_chain_give(struct mhp *m, const struct pageblock *head, uint64_t nr)
{
	struct pageblock pb;

	while (nr--)
		if (frame_chain_at(m, head, nr, &pb))
			chain_give_one(m, &pb);
}

/* Whoever sets CLOSING gives the chain back. Between the look and that it may
 * have been freed and be part of another: so it is looked at once more. */
static enum mhp_why chain_close(struct mhp *m, const struct pageblock *head,
				uint64_t nr)
{
	uint64_t word = mhp_port_load_seq(head->word);

	do {
		enum mhp_why why = whole_check(head, word, PB_RUNS);

		if (why != MHP_WHY_NONE)
			return why;
		if (chain_length(m, head) != nr)
			return MHP_WHY_WRONG_ORDER;
	} while (!mhp_port_cas(head->word, &word, word | PB_CLOSING));
	if (chain_length(m, head) == nr)
		return MHP_WHY_NONE;
	mhp_port_and(head->word, ~PB_CLOSING);
	return MHP_WHY_WRONG_ORDER;
}

int frame_free_chain(struct mhp *m, const struct pageblock *head, uint64_t nr,
		     enum mhp_why *why)
{
	*why = chain_close(m, head, nr);
	if (*why != MHP_WHY_NONE)
		return frame_wrong(why, *why);
	frame_chain_give(m, head, nr);
	return 0;
}
