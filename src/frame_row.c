/* SPDX-License-Identifier: MIT */
/*
 * Taking and giving runs of pages inside one pageblock, by the rules of
 * pageblock.h. A run of order 0 to 6 lies in one row; a larger one is a number
 * of whole rows.
 */
#include "frame.h"

#include "bad.h"
#include "cursor.h"
#include "desc.h"
#include "frame_tight.h"
#include "section.h"

static uint32_t run_nr_rows(unsigned int order)
{
	return order > 6 ? UINT32_C(1) << (order - 6) : 1;
}

/* Rows at which a run may start are multiples of this. */
static uint32_t run_row_step(const struct search *s)
{
	return s->align > 6 ? UINT32_C(1) << (s->align - 6) : 1;
}

/* Where a run may begin in a row that looks like that. */
static inline uint64_t run_find(const struct search *s, uint64_t used)
{
	return frame_row_runs(used | ~s->m->layout.row_mask, s->order,
			      s->align);
}

/* Whether rows from @at to before @end look free. */
static inline bool run_rows_free(const mhp_word_t *at, const mhp_word_t *end)
{
	while (at < end)
		if (mhp_port_load(at++))
			return false;
	return true;
}

uint32_t frame_find_run(const struct search *s, const struct pageblock *pb)
{
	uint32_t row, step = run_row_step(s), nr_rows = pageblock_nr_rows(s->m);
	uint32_t nr = run_nr_rows(s->order);

	for (row = 0; row < nr_rows; row += step)
		if (s->order <= 6
			    ? run_find(s, mhp_port_load(&pb->rows[row])) != 0
			    : run_rows_free(&pb->rows[row],
					    &pb->rows[row + nr]))
			break;
	return row;
}

/* R2: the row bits are ours; is the pageblock still one we may use? The bit
 * that says "holds runs" is set only together with a grant, so that a pageblock
 * we lost is not marked. */
static bool run_granted(const struct search *s, const struct pageblock *pb)
{
	uint64_t word = mhp_port_load_seq(pb->word);

	for (;;) {
		if ((word & PB_GRANT_MASK) != s->expect)
			return false;
		if (s->order == 0 || word & PB_RUNS)
			return true;
		if (mhp_port_cas(pb->word, &word, word | PB_RUNS))
			return true;
	}
}

static mhp_pfn_t run_pfn(const struct search *s, const struct pageblock *pb,
			 uint32_t row, unsigned int bit)
{
	return pageblock_pfn(s->m, pb) +
	       ((uint64_t)row << s->m->layout.row_order) + bit;
}

/* R7: who holds the bits of rows from @row on, of the first of them @mask. */
static void run_set_tails(const struct search *s, const struct pageblock *pb,
			  uint32_t row, uint64_t mask)
{
	uint32_t end = row + run_nr_rows(s->order);

	frame_set_tails(&pb->tails[row], mask, mask & (mask - 1));
	while (++row < end)
		mhp_port_store_release(&pb->tails[row], UINT64_MAX);
}

/* R7, and the descriptor: what follows a grant. */
static enum frame_try run_finish(struct search *s, const struct pageblock *pb,
				 uint32_t row, uint64_t mask)
{
	unsigned int bit = (unsigned int)__builtin_ctzll(mask);
	mhp_pfn_t pfn = run_pfn(s, pb, row, 0);
	struct place place = {
		.pfn = pfn,
		.row = &pb->rows[row],
		.word = pb->word,
		.desc = (uint8_t *)desc_word(s->m, pb->blk, pfn),
		.epoch = s->epoch,
	};
	uint8_t *at = place.desc + bit * s->m->layout.descriptor_bytes;

	if (s->order)
		run_set_tails(s, pb, row, mask);
	s->pfn = pfn + bit;
	mhp_port_store((mhp_word_t *)(void *)at, s->desc);
	__builtin_prefetch(
		at + ((size_t)s->m->layout.descriptor_bytes << s->order), 1);
	if (s->cursor) {
		cursor_move(s->m, s->cursor, s->request, s->owner, &place);
		if (s->order)
			mhp_port_store(&s->cursor->order, s->order);
	}
	return FRAME_GOT;
}

/* Whether a run would reach beyond what the request wants. */
static inline bool run_beyond(const struct search *s,
			      const struct pageblock *pb, uint32_t row,
			      unsigned int bit)
{
	return s->limit_pfn != MHP_PFN_NONE &&
	       run_pfn(s, pb, row, bit) + (UINT64_C(1) << s->order) >
		       s->limit_pfn;
}

static enum frame_try run_try_row(struct search *s, const struct pageblock *pb,
				  uint32_t row)
{
	uint64_t old = mhp_port_load(&pb->rows[row]), mask;

	do {
		uint64_t runs = old | ~s->m->layout.row_mask;
		unsigned int bit, hole;

		/* Below a limit the lowest is as good as any. */
		runs = s->limit_pfn == MHP_PFN_NONE
			       ? tight_row(runs, s->order, s->align, &hole)
			       : frame_row_runs(runs, s->order, s->align);
		if (!runs)
			return FRAME_FULL;
		bit = (unsigned int)__builtin_ctzll(runs);
		if (run_beyond(s, pb, row, bit))
			return FRAME_FULL;
		mask = pageblock_order_mask(s->order) << bit;
	} while (!mhp_port_cas(&pb->rows[row], &old, old | mask));
	if (run_granted(s, pb))
		return run_finish(s, pb, row, mask);
	pageblock_undo(s->m, pb, row, mask);
	return FRAME_REFUSED;
}

static enum frame_try run_try_rows(struct search *s, const struct pageblock *pb,
				   uint32_t row)
{
	enum frame_try result = FRAME_FULL;
	mhp_word_t *first = &pb->rows[row], *at;
	mhp_word_t *end = first + run_nr_rows(s->order);

	/* Rows that are taken and undone would close a pageblock that was just
	 * opened, if all that is in it is kept. */
	if (!run_rows_free(first, end) || run_beyond(s, pb, row, 0))
		return FRAME_FULL;
	for (at = first; at < end; at++) {
		uint64_t none = 0;

		if (!mhp_port_cas(at, &none, UINT64_MAX))
			goto undo;
	}
	if (run_granted(s, pb))
		return run_finish(s, pb, row, UINT64_MAX);
	result = FRAME_REFUSED;
undo:
	while (at-- > first)
		pageblock_undo(s->m, pb, (uint32_t)(at - pb->rows), UINT64_MAX);
	return result;
}

void frame_prefetch(const struct search *s, const struct pageblock *pb)
{
	uint32_t row, nr_rows = pageblock_nr_rows(s->m);
	const mhp_word_t *desc = desc_word(s->m, pb->blk,
					   pageblock_pfn(s->m, pb));

	for (row = 0; row < nr_rows; row++) {
		uint64_t free = ~mhp_port_load(&pb->rows[row]) &
				s->m->layout.row_mask;
		uint64_t page = (uint64_t)row << s->m->layout.row_order;

		if (!free)
			continue;
		page += (uint64_t)__builtin_ctzll(free);
		__builtin_prefetch((const uint8_t *)desc +
					   page * s->m->layout.descriptor_bytes,
				   1);
	}
}

enum frame_try frame_try_pageblock(struct search *s, const struct pageblock *pb,
				   uint32_t row)
{
	uint32_t nr_rows = pageblock_nr_rows(s->m);
	uint32_t step = run_row_step(s);
	uint32_t i;

	row &= ~(step - 1);
	for (i = 0; i < nr_rows; i += step) {
		uint32_t at = (row + i) & (nr_rows - 1);
		enum frame_try result = s->order <= 6 ? run_try_row(s, pb, at)
						      : run_try_rows(s, pb, at);

		if (result != FRAME_FULL)
			return result;
	}
	return FRAME_FULL;
}

int frame_wrong(enum mhp_why *why, enum mhp_why what)
{
	*why = what;
	return what == MHP_WHY_DOUBLE_FREE ? MHP_ERR_ALREADY : MHP_ERR_INVAL;
}

/* Whether the rows and tails say: one allocation of exactly that order. */
static int run_check(struct mhp *m, const struct pageblock *pb,
		     unsigned int index, unsigned int order, uint64_t mask,
		     enum mhp_why *why)
{
	uint32_t i, row = index >> m->layout.row_order;
	unsigned int next = index + (1u << order);
	unsigned int bits = (1u << m->layout.row_order) - 1;

	if (!(mhp_port_load(&pb->rows[row]) & mask & -mask))
		return frame_wrong(why, MHP_WHY_DOUBLE_FREE);
	for (i = 0; i < run_nr_rows(order); i++) {
		uint64_t tails = mhp_port_load(&pb->tails[row + i]) & mask;
		uint64_t first = i ? 0 : mask & -mask;

		if ((mhp_port_load(&pb->rows[row + i]) & mask) != mask ||
		    tails != (mask & ~first))
			return frame_wrong(why, MHP_WHY_WRONG_ORDER);
	}
	if (next < m->layout.pageblock_pages &&
	    mhp_port_load(&pb->tails[next >> m->layout.row_order]) >>
			    (next & bits) &
		    1)
		return frame_wrong(why, MHP_WHY_WRONG_ORDER);
	return 0;
}

/* Clear the row bits; all or none of a row. Bad pages stay: if there are any,
 * PB_MIXED has been set, and the allocation has let go of them. */
static bool run_clear(struct mhp *m, const struct pageblock *pb, uint32_t row,
		      uint64_t mask)
{
	uint64_t old = mhp_port_load(&pb->rows[row]);

	mask &= ~bad_kept(m, pageblock_pfn(m, pb) + (uint64_t)row * 64);
	do {
		if ((old & mask) != mask)
			return false;
	} while (!mhp_port_cas(&pb->rows[row], &old, old & ~mask));
	pageblock_after_free(m, pb, old, old & ~mask);
	return true;
}

int frame_free_run(struct mhp *m, const struct pageblock *pb, mhp_pfn_t pfn,
		   unsigned int order, enum mhp_why *why)
{
	unsigned int index = (unsigned int)(pfn - pageblock_pfn(m, pb));
	uint32_t i, row = index >> m->layout.row_order;
	unsigned int bit = index & ((1u << m->layout.row_order) - 1);
	uint64_t mask = pageblock_order_mask(order) << bit;
	uint64_t word = mhp_port_load_seq(pb->word);
	int err;

	if (!(word & PB_SMALL))
		return frame_wrong(why, word & PB_HUGE ? MHP_WHY_WRONG_ORDER
						       : MHP_WHY_DOUBLE_FREE);
	if (word & PB_MIXED && pageblock_kept(m, pb, row) & mask)
		return frame_wrong(why, MHP_WHY_NOT_OURS);
	err = run_check(m, pb, index, order, mask, why);
	if (err)
		return err;
	if (!bad_let_go(m, mhp_range_make(pfn, UINT64_C(1) << order)))
		return frame_wrong(why, MHP_WHY_DOUBLE_FREE);
	for (i = 0; order && i < run_nr_rows(order); i++)
		frame_clear_tails(&pb->tails[row + i], mask);
	for (i = 0; i < run_nr_rows(order); i++)
		if (!run_clear(m, pb, row + i, mask))
			return frame_wrong(why, MHP_WHY_DOUBLE_FREE);
	return 0;
}

/* Order of the run that starts at @index, by its tail bits. */
static unsigned int head_order(struct mhp *m, const struct pageblock *pb,
			       unsigned int index)
{
	unsigned int bits = (1u << m->layout.row_order) - 1;
	unsigned int n = 1, order = 0, next = (index & bits) + 1;

	/* Most are single pages. */
	if (next <= bits &&
	    !(mhp_port_load(&pb->tails[index >> m->layout.row_order]) >> next &
	      1))
		return 0;
	while (index + n < m->layout.pageblock_pages &&
	       mhp_port_load(&pb->tails[(index + n) >> m->layout.row_order]) >>
			       ((index + n) & bits) &
		       1)
		n++;
	while (2u << order <= n)
		order++;
	return order;
}

static bool head_in_pageblock(struct mhp *m, const struct pageblock *pb,
			      unsigned int index, struct frame_head *head)
{
	uint64_t word = mhp_port_load_seq(pb->word);
	uint32_t row = index >> m->layout.row_order;
	uint64_t bits = UINT64_MAX
			<< (index & ((1u << m->layout.row_order) - 1));

	if (word & PB_HUGE && index == 0)
		return frame_whole_head(m, pb, head);
	if (!(word & PB_SMALL))
		return false;
	for (; row < pageblock_nr_rows(m); row++, bits = UINT64_MAX) {
		uint64_t heads = mhp_port_load_seq(&pb->rows[row]) & bits &
				 ~mhp_port_load(&pb->tails[row]);

		if (heads && word & PB_MIXED)
			heads &= ~pageblock_kept(m, pb, row);
		if (!heads)
			continue;
		index = (row << m->layout.row_order) +
			(unsigned int)__builtin_ctzll(heads);
		head->lends = false;
		head->pfn = pageblock_pfn(m, pb) + index;
		head->order = head_order(m, pb, index);
		head->nr_pages = UINT64_C(1) << head->order;
		head->desc = desc_word(m, pb->blk, head->pfn);
		return true;
	}
	return false;
}

bool frame_head_of(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
		   struct frame_head *head)
{
	mhp_pfn_t at = pfn & ~(mhp_pfn_t)(m->layout.pageblock_pages - 1);

	while (frame_next_head(m, blk, at, head) && head->pfn <= pfn) {
		at = head->pfn + head->nr_pages;
		if (at > pfn)
			return true;
	}
	return false;
}

bool frame_is_at(struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages,
		 struct frame_head *head)
{
	struct mhp_block *blk = section_block(m, pfn);

	return blk && block_serves(block_status(blk)) &&
	       frame_head_of(m, blk, pfn, head) && head->pfn == pfn &&
	       head->nr_pages == nr_pages &&
	       desc_owner(mhp_port_load(head->desc)) != OWNER_MEMMAP;
}

static bool next_head(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
		      struct frame_head *head)
{
	uint32_t i = pageblock_index(m, blk, pfn);
	unsigned int index = (unsigned int)(pfn &
					    (m->layout.pageblock_pages - 1));

	if (i < pageblock_first(m, blk)) {
		i = pageblock_first(m, blk);
		index = 0;
	}
	for (; i < m->layout.nr_pageblocks; i++, index = 0) {
		struct pageblock pb = pageblock_at(m, blk, i);

		if (head_in_pageblock(m, &pb, index, head))
			return true;
	}
	return false;
}

uint64_t frame_row_singles(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn)
{
	const uint64_t kinds = PB_SMALL | PB_HUGE | PB_OPENING | PB_MIXED |
			       PB_RUNS;
	struct pageblock pb = pageblock_of(m, blk, pfn);
	uint64_t off = pfn & (m->layout.pageblock_pages - 1);
	uint64_t bit = off & m->layout.row_index_mask;
	uint64_t bits;

	if ((mhp_port_load_seq(pb.word) & kinds) != PB_SMALL)
		return 0;
	bits = mhp_port_load_seq(&pb.rows[off >> m->layout.row_order]) >> bit;
	/* The first run says so in the word before it is granted. */
	return (mhp_port_load_seq(pb.word) & kinds) == PB_SMALL ? bits : 0;
}

/* What most walks meet most of the time. */
static inline bool head_in_row(struct mhp *m, struct mhp_block *blk,
			       mhp_pfn_t pfn, struct frame_head *head)
{
	uint64_t bits = frame_row_singles(m, blk, pfn);

	if (!bits)
		return false;
	head->pfn = pfn + (unsigned int)__builtin_ctzll(bits);
	head->nr_pages = 1;
	head->order = 0;
	head->desc = desc_word(m, blk, head->pfn);
	head->lends = false;
	return true;
}

bool frame_next_head(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
		     struct frame_head *head)
{
	return (pfn < blk->start_pfn + m->layout.block_pages &&
		head_in_row(m, blk, pfn, head)) ||
	       next_head(m, blk, pfn, head);
}
