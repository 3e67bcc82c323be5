/* SPDX-License-Identifier: MIT */
/*
 * The fast paths of single pages: plain requests that the cursor of their
 * processor can serve, and frees of what came from there.
 *
 * A page costs one compare-and-swap on a row and a second look at the
 * pageblock's word (R2); freeing it costs one. What does not go like this is
 * left to frame_order.c and frame.c, which begin anew: so each step here either
 * grants, or leaves everything as it was.
 */
#include "frame_fast.h"

#include "desc.h"
#include "section.h"

/* ---- taking ---- */

void frame_place_undo(struct mhp *m, mhp_pfn_t row_pfn, uint64_t mask)
{
	struct mhp_block *blk = section_block(m, row_pfn);
	struct pageblock pb = pageblock_of(m, blk, row_pfn);
	uint64_t index = (row_pfn - pageblock_pfn(m, &pb)) >>
			 m->layout.row_order;

	pageblock_undo(m, &pb, (uint32_t)index, mask);
}

/* The lowest @nr bits of a row's free pages, or all. */
static ALWAYS_INLINE uint64_t single_lowest(uint64_t free, uint32_t nr)
{
	uint64_t rest = free;

	if (nr == 1)
		return free & -free;
	if (nr >= word_popcount(free))
		return free;
	while (nr--)
		rest &= rest - 1;
	return free & ~rest;
}

/* Up to @nr free pages of a row by one CAS; their bits, 0 if there are none. */
static ALWAYS_INLINE uint64_t single_claim(const struct mhp *m, mhp_word_t *row,
					   uint32_t nr)
{
	uint64_t old = mhp_port_load(row);
	uint64_t mask;

	do {
		mask = single_lowest(~old & m->layout.row_mask, nr);
		if (UNLIKELY(!mask))
			return 0;
	} while (UNLIKELY(!mhp_port_cas(row, &old, old | mask)));
	return mask;
}

/* Write down @nr pages from @page of a row on: theirs and the caller's copy. */
static ALWAYS_INLINE void single_write(const struct mhp *m,
				       const struct place *p, uint32_t page,
				       uint32_t nr, uint64_t desc,
				       mhp_pfn_t *pfns)
{
	uint8_t *at = (uint8_t *)place_desc(m, p, page);
	size_t descriptor_bytes = m->layout.descriptor_bytes;
	mhp_pfn_t pfn = p->pfn + page, end_pfn = pfn + nr;

	for (; pfn < end_pfn; pfn++, at += descriptor_bytes) {
		*pfns++ = pfn;
		mhp_port_store((mhp_word_t *)(void *)at, desc);
	}
}

/* The pages of @mask, run by run. */
static uint32_t single_finish(const struct mhp *m, const struct place *p,
			      uint64_t mask, uint64_t desc, mhp_pfn_t *pfns)
{
	uint32_t got = 0, page = 0;

	while (page < 64 && mask >> page) {
		uint64_t rest;
		uint32_t nr;

		page += (uint32_t)__builtin_ctzll(mask >> page);
		rest = ~(mask >> page);
		nr = rest ? (uint32_t)__builtin_ctzll(rest) : 64;
		single_write(m, p, page, nr, desc, pfns + got);
		got += nr;
		page += nr;
	}
	return got;
}

/* Whether more than four pages are free: a row with fewer is soon full, and
 * looking on is cheaper than remembering it. */
static inline bool single_many(uint64_t free)
{
	int i;

	for (i = 0; i < 4; i++)
		free &= free - 1;
	return free;
}

/* The first of the rows @from to before @end_row that has free pages. */
static ALWAYS_INLINE uint32_t single_room(const struct mhp *m,
					  const mhp_word_t *rows, uint32_t from,
					  uint32_t end_row)
{
	while (from < end_row &&
	       mhp_port_load(&rows[from]) == m->layout.row_mask)
		from++;
	return from;
}

/* Bits of another row with free pages of the pageblock of @p, which becomes
 * that row; 0: none has. */
static ALWAYS_INLINE uint64_t single_scan(const struct mhp *m, struct cursor *c,
					  const struct mhp_request *r,
					  uint32_t nr, struct place *p)
{
	uint32_t nr_rows = pageblock_nr_rows(m);
	uint32_t first = (uint32_t)(p->pfn & (m->layout.pageblock_pages - 1)) >>
			 m->layout.row_order;
	const mhp_word_t *rows = p->row - first;
	uint32_t row = single_room(m, rows, first + 1, nr_rows);
	uint64_t mask;

	if (row == nr_rows)
		row = single_room(m, rows, 0, first);
	if (row == first)
		return 0;
	cursor_go(m, p, (int64_t)row - first);
	mask = single_claim(m, p->row, nr);
	if (mask && single_many(m->layout.row_mask & ~mhp_port_load(p->row)))
		cursor_remember(m, c, r, p);
	return mask;
}

/* Bits of free pages, and where they are. First the row that the cursor leads
 * to, then what was just freed, then the rest of the cursor's pageblock. */
static ALWAYS_INLINE uint64_t single_find(struct mhp *m, struct cursor *c,
					  const struct mhp_request *r,
					  uint32_t nr, struct place *p)
{
	bool led = frame_place(m, c, r, p);
	uint64_t mask = led ? single_claim(m, p->row, nr) : 0;
	struct place freed;

	if (mask)
		return mask;
	if (cursor_freed(m, c, frame_expect(r), &freed)) {
		mask = single_claim(m, freed.row, nr);
		if (mask) {
			*p = freed;
			return mask;
		}
	}
	return led ? single_scan(m, c, r, nr, p) : 0;
}

/* Up to @nr single pages without a search; inside a section. */
static ALWAYS_INLINE uint32_t single_take(struct mhp *m,
					  const struct mhp_request *r,
					  uint32_t nr, mhp_pfn_t *pfns)
{
	struct cursor *c = cursor_of(m, cursor_cpu(m), r, CURSOR_SINGLE);
	uint64_t mask, desc = desc_make(r->owner, r->cookie);
	struct place p;

	mask = single_find(m, c, r, nr, &p);
	if (!mask)
		return 0;
	if (UNLIKELY((mhp_port_load_seq(p.word) & PB_GRANT_MASK) !=
		     frame_expect(r))) {
		frame_place_undo(m, p.pfn, mask);
		return 0;
	}
	if (nr > 1)
		return single_finish(m, &p, mask, desc, pfns);
	single_write(m, &p, (uint32_t)__builtin_ctzll(mask), 1, desc, pfns);
	return 1;
}

/* ---- allocation ---- */

/* The row is full: what was just freed, or is near, or the search. Ends the
 * section. */
static __attribute__((noinline)) int
single_else(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	uint32_t got = single_take(m, r, 1, pfn);

	mhp_port_read_unlock();
	return LIKELY(got) ? 0 : frame_alloc_searched(m, r, pfn);
}

static __attribute__((noinline)) int
plain_alloc(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	uint32_t got;

	mhp_port_read_lock();
	if (!r->order)
		return single_else(m, r, pfn);
	got = frame_order_take(m, r, pfn);
	mhp_port_read_unlock();
	return got ? 0 : frame_alloc_searched(m, r, pfn);
}

int frame_alloc(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	return request_is_plain(m, r, &checked_may)
		       ? plain_alloc(m, r, pfn)
		       : frame_alloc_searched(m, r, pfn);
}

int frame_alloc_any(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	if (LIKELY(r->order <= m->layout.max_order &&
		   request_is_plain(m, r, &plain_may)))
		return plain_alloc(m, r, pfn);
	return frame_valid(m, r) ? frame_alloc(m, r, pfn) : MHP_ERR_INVAL;
}

int frame_refused(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn,
		  mhp_pfn_t row_pfn, uint64_t mask)
{
	frame_place_undo(m, row_pfn, mask);
	mhp_port_read_unlock();
	return frame_alloc_any(m, r, pfn);
}

/* One by the cursor. @known: only if the request begins as one that was
 * checked. */
static ALWAYS_INLINE int single_alloc(
	struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn, bool known,
	int (*other)(struct mhp *, const struct mhp_request *, mhp_pfn_t *))
{
	struct cursor *c;
	uint32_t page;
	uint64_t old, version;
	struct place p;
	void *section;

	if (UNLIKELY(!mhp_port_read_try(&section)))
		return frame_alloc_any(m, r, pfn);
	c = cursor_of(m, cursor_cpu(m), r, CURSOR_SINGLE);
	/* One address, not the three that it is the sum of. */
	__asm__("" : "+r"(c));
	if (UNLIKELY(!cursor_is_fresh(m, c, &version)) ||
	    UNLIKELY(known ? cursor_differs(c, r) | request_rest(r)
			   : !request_is_plain(m, r, &plain_may)) ||
	    UNLIKELY(!cursor_read(c, version, &p)))
		goto elsewhere;
	old = mhp_port_load(p.row);
	do {
		if (UNLIKELY(old == m->layout.row_mask))
			return single_else(m, r, pfn);
	} while (UNLIKELY(!mhp_port_cas(p.row, &old, old | (old + 1))));
	page = (uint32_t)__builtin_ctzll(~old);
	if (UNLIKELY((mhp_port_load_seq(p.word) & PB_GRANT_MASK) !=
		     frame_expect(r)))
		return frame_refused(m, r, pfn, p.pfn, UINT64_C(1) << page);
	*pfn = p.pfn + page;
	mhp_port_store(place_desc(m, &p, page), desc_make(r->owner, r->cookie));
	mhp_port_read_done(section);
	return 0;
elsewhere:
	mhp_port_read_done(section);
	return other(m, r, pfn);
}

/* Where requests of several owners take turns. */
static HOT __attribute__((noinline)) int
single_alloc_checked(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	return single_alloc(m, r, pfn, false, frame_alloc_any);
}

HOT int mhp_frame_alloc(struct mhp *m, const struct mhp_request *request,
			mhp_pfn_t *pfn)
{
	if (UNLIKELY(request->order))
		return frame_alloc_order(m, request, pfn);
	return single_alloc(m, request, pfn, true, single_alloc_checked);
}

/* ---- free ---- */

static inline mhp_word_t *state_word(const struct mhp_block *blk,
				     uint64_t offset, uint64_t index)
{
	return (mhp_word_t *)(void *)(blk->state + offset + index * 8);
}

/* It was in a full row: this processor may want it back soon. */
static void single_note_freed(struct mhp *m, const struct mhp_block *blk,
			      mhp_pfn_t pfn, uint64_t word)
{
	const struct mhp_request likely = {
		.mobility = word & PB_UNMOVABLE ? MHP_UNMOVABLE : MHP_MOVABLE,
	};

	cursor_note_freed(cursor_of(m, cursor_cpu(m), &likely, CURSOR_SINGLE),
			  pfn);
	__builtin_prefetch(desc_word(m, blk, pfn), 1);
}

/* A row that was full or becomes empty: the hint, and perhaps closing, unless
 * this processor's cursor prefers the pageblock and will see to it (R8). Ends
 * the section. */
static __attribute__((noinline)) int single_edge(struct mhp *m,
						 struct mhp_block *blk,
						 mhp_pfn_t pfn, uint64_t old,
						 uint64_t now)
{
	struct pageblock pb = pageblock_of(m, blk, pfn);
	uint64_t owner = cursor_cpu(m) + UINT64_C(1);
	uint64_t word = mhp_port_load_seq(pb.word);

	if (now)
		single_note_freed(m, blk, pfn, word);
	if ((word & PB_OWNER) != owner << PB_OWNER_SHIFT)
		pageblock_after_free(m, &pb, old, now);
	else if ((~old & m->layout.row_mask) == 0)
		pageblock_clear_full(m, &pb);
	mhp_port_read_unlock();
	return 0;
}

/* Free pages of one row, @mask their bits; @one: it is one. */
static inline __attribute__((always_inline)) int
single_give(struct mhp *m, mhp_pfn_t pfn, uint64_t mask, bool one,
	    int (*slow)(struct mhp *, mhp_pfn_t))
{
	const struct layout *l = &m->layout;
	mhp_word_t *row, *word;
	struct mhp_block *blk;
	uint64_t index, old, now;
	void *section;

	if (UNLIKELY(!mhp_port_read_try(&section)))
		return slow(m, pfn);
	blk = section_block(m, pfn);
	if (UNLIKELY(!blk || !block_grants(block_status(blk))))
		goto refuse;
	index = (pfn & l->block_mask) >> l->row_order;
	row = state_word(blk, l->row_offset, index);
	word = state_word(blk, l->word_offset, index >> l->rows_shift);
	if (UNLIKELY((mhp_port_load(word) &
		      (PB_SMALL | PB_RUNS | PB_MIXED | PB_ENGINE)) != PB_SMALL))
		goto refuse;
	old = mhp_port_load(row);
	now = old ^ mask;
	if (UNLIKELY((one ? !(old & mask) : (old & mask) != mask) ||
		     !mhp_port_cas(row, &old, now)))
		goto refuse;
	if (UNLIKELY(now == 0 || old == l->row_mask))
		return single_edge(m, blk, pfn, old, now);
	mhp_port_read_done(section);
	return 0;
refuse:
	mhp_port_read_done(section);
	return slow(m, pfn);
}

static __attribute__((noinline)) int single_free_slow(struct mhp *m,
						      mhp_pfn_t pfn)
{
	return frame_free_checked(m, pfn, 0);
}

static inline uint64_t page_bit(const struct mhp *m, mhp_pfn_t pfn)
{
	return UINT64_C(1) << (pfn & m->layout.row_index_mask);
}

HOT int mhp_frame_free(struct mhp *m, mhp_pfn_t pfn, unsigned int order)
{
	if (UNLIKELY(order))
		return frame_free_order(m, pfn, order);
	return single_give(m, pfn, page_bit(m, pfn), true, single_free_slow);
}

/* ---- many at once ---- */

uint32_t frame_singles(struct mhp *m, const struct mhp_request *r, uint32_t nr,
		       mhp_pfn_t *pfns)
{
	return single_take(m, r, nr, pfns);
}

int mhp_frame_alloc_bulk(struct mhp *m, const struct mhp_request *request,
			 uint32_t nr, mhp_pfn_t *pfns)
{
	bool singles = request->order == 0 &&
		       request_is_plain(m, request, &checked_may);
	uint32_t got = 0;

	if (nr > INT32_MAX || !frame_valid(m, request))
		return MHP_ERR_INVAL;
	while (got < nr) {
		uint32_t more = 0;

		if (singles) {
			mhp_port_read_lock();
			more = single_take(m, request, nr - got, pfns + got);
			mhp_port_read_unlock();
		}
		if (!more) {
			if (frame_alloc_any(m, request, &pfns[got]))
				break;
			more = 1;
		}
		got += more;
	}
	return (int)got;
}

/* How many of the first of @nr pages, at least one, are in one row and next to
 * each other. */
static uint32_t row_run(const struct mhp *m, const mhp_pfn_t *pfns, uint32_t nr)
{
	uint64_t left = m->layout.row_index_mask -
			(pfns[0] & m->layout.row_index_mask) + 1;
	uint32_t i = 1;

	if (nr > left)
		nr = (uint32_t)left;
	while (i < nr && pfns[i] == pfns[0] + i)
		i++;
	return i;
}

/* The bits of the first of @nr pages that are in one row, none of them twice.
 * @nr_same: how many. */
static uint64_t row_bits(const struct mhp *m, const mhp_pfn_t *pfns,
			 uint32_t nr, uint32_t *nr_same)
{
	uint32_t i = row_run(m, pfns, nr);
	uint64_t mask = (UINT64_MAX >> (64 - i)) * page_bit(m, pfns[0]);

	for (; i < nr; i++) {
		uint64_t bit = page_bit(m, pfns[i]);

		if ((pfns[i] ^ pfns[0]) >> m->layout.row_order || mask & bit)
			break;
		mask |= bit;
	}
	*nr_same = i;
	return mask;
}

static int singles_free_slow(struct mhp *m, mhp_pfn_t pfn)
{
	(void)m;
	(void)pfn;
	return MHP_ERR_AGAIN;
}

/* Free pages of order 0 from the first on, at least one. @nr_done: how many
 * that were. Return: of the last one, as mhp_frame_free(). */
static int singles_free(struct mhp *m, const mhp_pfn_t *pfns, uint32_t nr,
			uint32_t *nr_done)
{
	uint64_t mask = row_bits(m, pfns, nr, nr_done);

	if (!single_give(m, pfns[0], mask, false, singles_free_slow))
		return 0;
	*nr_done = 1;
	return mhp_frame_free(m, pfns[0], 0);
}

int mhp_frame_free_bulk(struct mhp *m, unsigned int order, uint32_t nr,
			const mhp_pfn_t *pfns)
{
	uint32_t i = 0, nr_done = 1;
	int first = 0;

	while (i < nr) {
		int err = order ? mhp_frame_free(m, pfns[i], order)
				: singles_free(m, pfns + i, nr - i, &nr_done);

		if (err && !first)
			first = err;
		i += nr_done;
	}
	return first;
}
