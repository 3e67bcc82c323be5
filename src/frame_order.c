/* SPDX-License-Identifier: MIT */
/*
 * The fast paths of orders above 0: runs inside a row, runs of rows, and whole
 * pageblocks.
 *
 * A run costs two locked instructions, one on its row and one on its tails, or
 * one for each row that is all its own; a whole pageblock one on its word. The
 * rest is as in frame_fast.c.
 */
#include "frame_fast.h"

#include "desc.h"
#include "section.h"

/* ---- runs inside a row ---- */

/* How far ahead descriptors are fetched. */
#define RUNS_AHEAD 8u

/* The first 2^order bits. */
static const uint64_t order_mask[7] = {
	1, 3, 0xf, 0xff, 0xffff, 0xffffffff, UINT64_MAX,
};

/* The first aligned run of a row by one CAS; its bits, 0 if there is none. */
static inline uint64_t run_claim(const struct mhp *m, mhp_word_t *row,
				 unsigned int order)
{
	uint64_t old = mhp_port_load(row);
	uint64_t mask;

	do {
		uint64_t runs = frame_row_runs(old | ~m->layout.row_mask, order,
					       order);

		if (!runs)
			return 0;
		mask = order_mask[order] * (runs & -runs);
	} while (UNLIKELY(!mhp_port_cas(row, &old, old | mask)));
	return mask;
}

/* What follows a grant; @page: of the run, behind the place. */
static ALWAYS_INLINE void run_finish(struct mhp *m, const struct mhp_request *r,
				     const struct place *p, mhp_word_t *row,
				     uint64_t mask, uint32_t page,
				     mhp_pfn_t *pfn)
{
	frame_set_tails(row + m->layout.tails_from_row, mask,
			mask & (mask - 1));
	*pfn = p->pfn + page;
	mhp_port_store(place_desc(m, p, page), desc_make(r->owner, r->cookie));
	/* Those that follow are likely to be beside it. */
	__builtin_prefetch(place_desc(m, p, page + (RUNS_AHEAD << r->order)),
			   1);
}

/* Whether a pageblock grants runs to a request: after its row is claimed. */
static ALWAYS_INLINE bool run_granted(const struct mhp_request *r,
				      const struct place *p)
{
	return (mhp_port_load_seq(p->word) & (PB_GRANT_MASK | PB_RUNS)) ==
	       (frame_expect(r) | PB_RUNS);
}

/* One run of the cursor's pageblock; inside a section. */
static uint32_t run_take(struct mhp *m, const struct mhp_request *r,
			 mhp_pfn_t *pfn)
{
	struct cursor *c = cursor_of(m, cursor_cpu(m), r, CURSOR_RUN);
	struct place p;
	uint64_t mask;

	if (mhp_port_load(&c->order) != r->order || !frame_place(m, c, r, &p) ||
	    !(mhp_port_load(p.word) & PB_RUNS))
		return 0;
	while (!(mask = run_claim(m, p.row, r->order)))
		if (!cursor_next_row(m, c, r, &p))
			return 0;
	if (UNLIKELY(!run_granted(r, &p))) {
		frame_place_undo(m, p.pfn, mask);
		return 0;
	}
	run_finish(m, r, &p, p.row, mask, (uint32_t)__builtin_ctzll(mask), pfn);
	return 1;
}

/* The same, and the search if there is none; ends the section. */
static __attribute__((noinline)) int
run_else(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	uint32_t got = run_take(m, r, pfn);

	mhp_port_read_unlock();
	return got ? 0 : frame_alloc_searched(m, r, pfn);
}

/* A run of the row that the cursor leads to, or of those behind it. A row is
 * soon full of runs: looking on is cheaper than remembering the next. */
static HOT __attribute__((noinline)) int
run_alloc(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	struct cursor *c;
	struct place p;
	uint64_t mask, version;
	uint32_t page, left;
	mhp_word_t *row;
	void *section;

	if (UNLIKELY(!mhp_port_read_try(&section)))
		return frame_alloc_any(m, r, pfn);
	c = cursor_of(m, cursor_cpu(m), r, CURSOR_RUN);
	__asm__("" : "+r"(c));
	if (UNLIKELY(!cursor_is_fresh(m, c, &version)))
		goto elsewhere;
	if (UNLIKELY(cursor_differs(c, r) | request_rest(r)) ||
	    UNLIKELY(!cursor_read(c, version, &p)))
		goto elsewhere;
	left = m->layout.pageblock_pages -
	       (p.pfn & (m->layout.pageblock_pages - 1));
	page = (uint32_t)mhp_port_load(&c->skip);
	for (;;) {
		if (UNLIKELY(page >= left))
			return run_else(m, r, pfn);
		row = p.row + (page >> m->layout.row_order);
		mask = run_claim(m, row, r->order);
		if (LIKELY(mask))
			break;
		page += 1u << m->layout.row_order;
		mhp_port_store(&c->skip, page);
	}
	if (UNLIKELY(!run_granted(r, &p)))
		return frame_refused(m, r, pfn, p.pfn + page, mask);
	run_finish(m, r, &p, row, mask, page + (uint32_t)__builtin_ctzll(mask),
		   pfn);
	mhp_port_read_done(section);
	return 0;
elsewhere:
	mhp_port_read_done(section);
	return frame_alloc_any(m, r, pfn);
}

/* ---- runs of rows ---- */

/* @nr rows, all of them free, by a CAS each; @pfn: of the first. */
static bool rows_claim(struct mhp *m, mhp_word_t *row, uint32_t nr,
		       mhp_pfn_t pfn)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (mhp_port_load(row + i))
			return false;
	for (i = 0; i < nr; i++) {
		uint64_t none = 0;

		if (!mhp_port_cas(row + i, &none, UINT64_MAX))
			goto undo;
	}
	return true;
undo:
	while (i--)
		frame_place_undo(m, pfn + ((mhp_pfn_t)i << m->layout.row_order),
				 UINT64_MAX);
	return false;
}

/* What follows a grant; all of the rows are ours (R7). */
static void rows_finish(struct mhp *m, const struct mhp_request *r,
			const struct place *p, uint32_t nr, mhp_pfn_t *pfn)
{
	mhp_word_t *tails = p->row + m->layout.tails_from_row;
	uint32_t i;

	mhp_port_store_release(tails, UINT64_MAX - 1);
	for (i = 1; i < nr; i++)
		mhp_port_store_release(tails + i, UINT64_MAX);
	*pfn = p->pfn;
	mhp_port_store(place_desc(m, p, 0), desc_make(r->owner, r->cookie));
	__builtin_prefetch(place_desc(m, p, 1u << r->order), 1);
}

/* A run of the pageblock of @p, from @page behind its start on. */
static bool rows_take(struct mhp *m, const struct mhp_request *r,
		      struct place *p, uint32_t page, mhp_pfn_t *pfn)
{
	uint32_t order = r->order, row_order = m->layout.row_order;
	uint32_t nr = 1u << (order - row_order), step = 1u << order;
	uint32_t at = (uint32_t)(p->pfn & (m->layout.pageblock_pages - 1));

	for (page = (page + step - 1) & ~(step - 1);
	     page < m->layout.pageblock_pages; page += step) {
		cursor_go(m, p, ((int64_t)page - at) >> row_order);
		at = page;
		if (!rows_claim(m, p->row, nr, p->pfn))
			continue;
		if (run_granted(r, p)) {
			rows_finish(m, r, p, nr, pfn);
			return true;
		}
		while (nr--)
			frame_place_undo(m,
					 p->pfn + ((mhp_pfn_t)nr << row_order),
					 UINT64_MAX);
		return false;
	}
	return false;
}

/* What is left of the pageblock that the cursor leads to. */
static __attribute__((noinline)) int
rows_alloc(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	const struct cursor *c = cursor_of(m, cursor_cpu(m), r, CURSOR_RUN);
	uint64_t version;
	struct place p;
	void *section;
	bool got;

	if (UNLIKELY(!mhp_port_read_try(&section)))
		return frame_alloc_any(m, r, pfn);
	got = cursor_is_fresh(m, c, &version) &&
	      !(cursor_differs(c, r) | request_rest(r)) &&
	      cursor_read(c, version, &p) &&
	      rows_take(m, r, &p,
			(uint32_t)(p.pfn & (m->layout.pageblock_pages - 1)),
			pfn);
	mhp_port_read_done(section);
	return LIKELY(got) ? 0 : frame_alloc_any(m, r, pfn);
}

/* ---- whole pageblocks ---- */

/* One of those that the cursor remembers. */
static ALWAYS_INLINE bool whole_claim(const struct mhp *m,
				      const struct mhp_request *r,
				      const struct place *p, mhp_pfn_t *pfn)
{
	const struct layout *l = &m->layout;
	uint64_t grant = PB_USED | PB_HUGE | (frame_expect(r) & PB_UNMOVABLE);
	uint32_t i, nr = CURSOR_WORDS;

	if (nr > l->nr_pageblocks)
		nr = l->nr_pageblocks;
	for (i = 0; i < nr; i++) {
		uint64_t word = PB_USED; /* free, and nothing else to say */

		if (mhp_port_load(p->word + i) != word ||
		    !mhp_port_cas(p->word + i, &word, grant))
			continue;
		*pfn = p->pfn + ((uint64_t)i << l->pageblock_order);
		mhp_port_store(place_desc(m, p, i << l->pageblock_order),
			       desc_make(r->owner, r->cookie));
		return true;
	}
	return false;
}

/* The same for a request that was checked; inside a section. */
static uint32_t whole_take(struct mhp *m, const struct mhp_request *r,
			   mhp_pfn_t *pfn)
{
	const struct cursor *c = cursor_of(m, cursor_cpu(m), r, CURSOR_WHOLE);
	struct place p;

	return cursor_place(m, c, &p) && whole_claim(m, r, &p, pfn);
}

static HOT __attribute__((noinline)) int
whole_alloc(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	const struct cursor *c;
	struct place p;
	uint64_t version;
	void *section;
	bool got;

	if (UNLIKELY(!mhp_port_read_try(&section)))
		return frame_alloc_any(m, r, pfn);
	c = cursor_of(m, cursor_cpu(m), r, CURSOR_WHOLE);
	__asm__("" : "+r"(c));
	got = LIKELY(cursor_is_fresh(m, c, &version)) &&
	      LIKELY(!(cursor_differs(c, r) | request_rest(r))) &&
	      LIKELY(cursor_read(c, version, &p)) && whole_claim(m, r, &p, pfn);
	mhp_port_read_done(section);
	return LIKELY(got) ? 0 : frame_alloc_any(m, r, pfn);
}

/* ---- which is it ---- */

uint32_t frame_order_take(struct mhp *m, const struct mhp_request *r,
			  mhp_pfn_t *pfn)
{
	unsigned int order = r->order;

	if (order == m->layout.pageblock_order)
		return whole_take(m, r, pfn);
	return order <= m->layout.row_order ? run_take(m, r, pfn) : 0;
}

int frame_alloc_order(struct mhp *m, const struct mhp_request *r,
		      mhp_pfn_t *pfn)
{
	unsigned int order = r->order;

	if (order == m->layout.pageblock_order)
		return whole_alloc(m, r, pfn);
	if (order <= m->layout.row_order)
		return run_alloc(m, r, pfn);
	return order < m->layout.pageblock_order ? rows_alloc(m, r, pfn)
						 : frame_alloc_any(m, r, pfn);
}

/* ---- free ---- */

/* Its hint may say that there is none. Ends the section. */
static __attribute__((noinline)) int
whole_edge(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn)
{
	struct pageblock pb = pageblock_of(m, blk, pfn);

	pageblock_clear_nowhole(m, &pb);
	mhp_port_read_unlock();
	return 0;
}

HOT int frame_free_order(struct mhp *m, mhp_pfn_t pfn, unsigned int order)
{
	struct mhp_block *blk;
	struct pageblock pb;
	uint64_t word;
	void *section;

	if (order != m->layout.pageblock_order || !mhp_port_read_try(&section))
		return frame_free_checked(m, pfn, order);
	blk = section_block(m, pfn);
	if (UNLIKELY(!blk || !block_grants(block_status(blk)) ||
		     pfn & (m->layout.pageblock_pages - 1)))
		goto refuse;
	pb = pageblock_of(m, blk, pfn);
	word = mhp_port_load(pb.word);
	if (UNLIKELY((word | PB_UNMOVABLE) !=
			     (PB_HUGE | PB_USED | PB_UNMOVABLE) ||
		     !mhp_port_cas(pb.word, &word, PB_USED)))
		goto refuse;
	if (UNLIKELY(pageblock_hints_nowhole(m, &pb)))
		return whole_edge(m, blk, pfn);
	mhp_port_read_done(section);
	return 0;
refuse:
	mhp_port_read_done(section);
	return frame_free_checked(m, pfn, order);
}
