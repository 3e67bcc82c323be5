/* SPDX-License-Identifier: MIT */
/*
 * Taking an allocation apart; see mhp/lend.h.
 *
 *   prepare  take back what is lent, if parts need it; look again, as the mutex
 *            was let go of
 *   commit   wait for readers: a latecomer's undo would clear row bits (R5);
 *            then pageblock by pageblock, from the last one on (R9)
 *
 * While the mutex is held nobody isolates it, so nobody begins to move it. That
 * its holder does not free it meanwhile is up to him.
 */
#include "desc.h"
#include "frame.h"
#include "grace.h"
#include "recall.h"
#include "section.h"

struct split {
	mhp_pfn_t pfn;
	uint64_t nr_pages;
	unsigned int order; /* of the parts */
	uint64_t step;	    /* of cookies */
	uint64_t desc;	    /* of the whole */
};

static int split_fail(const struct split *s, int err, enum mhp_why why,
		      struct mhp_report *report)
{
	return report_set(report, err, MHP_STAGE_SPLIT, why, s->pfn);
}

/* ---- checks ---- */

/* Whether the parts fit, and their cookies. */
static bool split_fits(const struct mhp *m, const struct split *s)
{
	uint64_t mask, nr;

	if (s->order > m->layout.max_order)
		return false;
	mask = (UINT64_C(1) << s->order) - 1;
	nr = s->nr_pages >> s->order;
	if ((s->pfn | s->nr_pages) & mask || nr < 2)
		return false;
	/* The product is too large then, or fits 64 bits. */
	if (s->step > MHP_COOKIE_MAX || (s->step >> 20 && nr >> 20))
		return false;
	return s->step * (nr - 1) <= MHP_COOKIE_MAX - desc_cookie(s->desc);
}

static bool split_is_isolated(struct mhp *m, const struct split *s)
{
	mhp_pfn_t pfn = s->pfn;

	for (; pfn < s->pfn + s->nr_pages; pfn += m->layout.pageblock_pages) {
		struct pageblock pb = pageblock_of(m, section_block(m, pfn),
						   pfn);

		if (mhp_port_load_seq(pb.word) & PB_ISOLATED)
			return true;
	}
	return false;
}

static int split_check(struct mhp *m, struct split *s,
		       struct mhp_report *report)
{
	struct frame_head head;

	if (!frame_is_at(m, s->pfn, s->nr_pages, &head))
		return split_fail(s, MHP_ERR_INVAL, MHP_WHY_WRONG_ORDER,
				  report);
	s->desc = mhp_port_load(head.desc);
	if (!split_fits(m, s))
		return split_fail(s, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST,
				  report);
	if (s->desc & DESC_MOVING)
		return split_fail(s, MHP_ERR_BUSY, MHP_WHY_IN_FLIGHT, report);
	if (split_is_isolated(m, s))
		return split_fail(s, MHP_ERR_BUSY, MHP_WHY_ISOLATED, report);
	return 0;
}

/* ---- commit ---- */

/* The descriptor of the part that begins at a page. */
static uint64_t split_desc(const struct mhp *m, const struct split *s,
			   mhp_pfn_t pfn)
{
	uint64_t i = (pfn - s->pfn) >> s->order;
	uint64_t desc = desc_make(desc_owner(s->desc),
				  desc_cookie(s->desc) + i * s->step);

	return s->order > m->layout.pageblock_order
		       ? desc | desc_aligned(s->order)
		       : desc;
}

static void split_describe(struct mhp *m, const struct split *s,
			   struct mhp_block *blk, mhp_pfn_t pfn, mhp_pfn_t end)
{
	for (; pfn < end; pfn += UINT64_C(1) << s->order)
		mhp_port_store(desc_word(m, blk, pfn), split_desc(m, s, pfn));
}

/* Bits of a row at which parts begin. */
static uint64_t split_heads(const struct mhp *m, const struct split *s,
			    uint32_t row)
{
	uint64_t heads = 1;
	unsigned int bit;

	if (s->order >= 6)
		return !(row & ((1u << (s->order - 6)) - 1));
	for (bit = 1u << s->order; bit < 64; bit <<= 1)
		heads |= heads << bit;
	return heads & m->layout.row_mask;
}

/* The word that says what a pageblock is from now on. */
static void split_word(const struct pageblock *pb, uint64_t is)
{
	uint64_t keep = PB_ISOLATED | PB_UNMOVABLE | PB_LASTING;
	uint64_t word = mhp_port_load_seq(pb->word);

	while (!mhp_port_cas(pb->word, &word, (word & keep) | is))
		mhp_port_relax();
}

/* All of a pageblock, which is one that nobody else looks into. */
static void split_open(struct mhp *m, const struct split *s,
		       const struct pageblock *pb)
{
	mhp_pfn_t pfn = pageblock_pfn(m, pb);
	uint32_t row;

	for (row = 0; row < pageblock_nr_rows(m); row++) {
		mhp_port_or(&pb->rows[row], m->layout.row_mask);
		mhp_port_or(&pb->tails[row],
			    m->layout.row_mask & ~split_heads(m, s, row));
	}
	split_describe(m, s, pb->blk, pfn, pfn + m->layout.pageblock_pages);
	split_word(pb, PB_SMALL | (s->order ? PB_RUNS : 0));
	pageblock_set_small(m, pb);
	pageblock_mark_full(m, pb);
}

/* A pageblock in which a part begins, or which continues one. */
static void split_whole(struct mhp *m, const struct split *s,
			const struct pageblock *pb)
{
	mhp_pfn_t pfn = pageblock_pfn(m, pb);

	if ((pfn - s->pfn) & ((UINT64_C(1) << s->order) - 1))
		return;
	split_describe(m, s, pb->blk, pfn, pfn + 1);
	split_word(pb, PB_HUGE | (s->order > m->layout.pageblock_order ? PB_RUNS
								       : 0));
}

static void split_chain(struct mhp *m, const struct split *s,
			const struct pageblock *head)
{
	uint64_t i = s->nr_pages >> m->layout.pageblock_order;
	struct pageblock pb;

	/* Who frees it against the rules is told that somebody else does. */
	if (i > 1)
		mhp_port_or(head->word, PB_CLOSING);
	while (i--) {
		if (!frame_chain_at(m, head, i, &pb))
			continue;
		if (s->order < m->layout.pageblock_order)
			split_open(m, s, &pb);
		else
			split_whole(m, s, &pb);
	}
}

/* A run inside a pageblock: nothing but tails and descriptors. */
static void split_run(struct mhp *m, const struct split *s,
		      const struct pageblock *pb)
{
	mhp_pfn_t start = pageblock_pfn(m, pb);
	uint64_t from = s->pfn - start, end = from + s->nr_pages;
	uint32_t row;

	split_describe(m, s, pb->blk, s->pfn, s->pfn + s->nr_pages);
	for (row = 0; row < pageblock_nr_rows(m); row++)
		mhp_port_and(&pb->tails[row],
			     ~(split_heads(m, s, row) &
			       pageblock_bits_below(end, row) &
			       ~pageblock_bits_below(from, row)));
}

static void split_commit(struct mhp *m, const struct split *s)
{
	struct pageblock pb = pageblock_of(m, section_block(m, s->pfn), s->pfn);

	if (s->nr_pages < m->layout.pageblock_pages) {
		split_run(m, s, &pb);
		return;
	}
	grace_wait(m);
	split_chain(m, s, &pb);
}

/* ---- all of it ---- */

static int split_locked(struct mhp *m, struct split *s, uint64_t deadline_ns,
			struct mhp_report *report)
{
	struct recall r = {.range = mhp_range_make(s->pfn, s->nr_pages)};
	int err = split_check(m, s, report);

	if (err)
		return err;
	if (s->order >= m->layout.pageblock_order ||
	    s->nr_pages < m->layout.pageblock_pages) {
		split_commit(m, s);
		return 0;
	}
	err = recall_prepare(m, &r, deadline_ns, report);
	if (err)
		return err;
	err = split_check(m, s, report);
	if (err) {
		recall_cancel(m, &r);
		return err;
	}
	recall_commit(m, &r);
	split_commit(m, s);
	return 0;
}

int mhp_frame_split(struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages,
		    unsigned int new_order, uint64_t cookie_step,
		    uint64_t deadline_ns, struct mhp_report *report)
{
	struct split s = {.pfn = pfn,
			  .nr_pages = nr_pages,
			  .order = new_order,
			  .step = cookie_step};
	int err = mhp_lock(m);

	if (err)
		return split_fail(&s, err, MHP_WHY_REENTERED, report);
	err = split_locked(m, &s, deadline_ns, report);
	mhp_unlock(m);
	if (err && report)
		report->stage = MHP_STAGE_SPLIT;
	return err;
}
