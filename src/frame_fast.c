/* SPDX-License-Identifier: MIT */
/*
 * The fast paths of the allocator: plain requests that the cursor of their
 * processor can serve, and frees of what came from there.
 *
 * A single page costs one compare-and-swap on a row and a second look at the
 * pageblock's word (R2); freeing it costs one. A run inside a row costs one
 * more for its tails, a whole pageblock one on its word. What does not go like
 * this is left to frame.c, which begins anew: so each step here either grants,
 * or leaves everything as it was.
 */
#include "cursor.h"
#include "desc.h"
#include "frame.h"
#include "libc.h"
#include "section.h"

/* Where a function stands must not depend on what is before it: that alone can
 * make a pair of calls a sixth slower. */
#define HOT __attribute__((aligned(64)))

/* ---- requests ---- */

/* Every bit of what a plain request may say beside the cookie; its size is
 * looked at elsewhere. */
static const struct mhp_request plain_may = {
	.size_bytes = UINT32_MAX,
	.order = 0xff,
	.mobility = 1,
	.flags = MHP_ALLOC_NO_TAILS,
	.node_plus_1 = 0xffff,
	.owner = OWNER_MAX - 1,
};

_Static_assert((OWNER_MAX & (OWNER_MAX - 1)) == 0, "owners are a mask");

/* The same of one for a single page. */
static const struct mhp_request single_may = {
	.mobility = 1,
	.flags = MHP_ALLOC_NO_TAILS,
	.node_plus_1 = 0xffff,
	.owner = OWNER_MAX - 1,
};

/* What it has to say. */
static const struct mhp_request plain_must = {
	.size_bytes = sizeof(struct mhp_request),
};

_Static_assert(offsetof(struct mhp_request, node_mask) == 16,
	       "what a plain request may say is in two words");

static inline uint64_t request_word(const struct mhp_request *request, int i)
{
	uint64_t word;

	memcpy(&word, (const uint8_t *)request + i * (int)sizeof(word),
	       sizeof(word));
	return word;
}

/* Whether a request has no constraint but a preferred node, and is valid but
 * for its order. Two words say most of it at once. */
static inline __attribute__((always_inline)) bool
request_is_plain(const struct mhp *m, const struct mhp_request *r,
		 const struct mhp_request *may)
{
	uint64_t not_plain =
		((request_word(r, 0) ^ request_word(&plain_must, 0)) &
		 ~request_word(may, 0)) |
		(request_word(r, 1) & ~request_word(may, 1)) | r->node_mask |
		r->limit_pfn | r->cookie >> MHP_COOKIE_BITS;

	return LIKELY(!not_plain) && r->node_plus_1 <= m->geometry.nr_nodes &&
	       frame_owner_may(m, r);
}

/* ---- places ---- */

/* Where the cursor leads to, if to anything. */
static inline bool place_get(const struct mhp *m, struct cursor *c,
			     uint64_t expect, struct place *p)
{
	/* A pageblock that nobody has opened in this life of its block has not
	 * set its kept bits: so the word comes first (R2). */
	if (LIKELY(cursor_place(m, c, p)))
		return (mhp_port_load_seq(p->word) & PB_GRANT_MASK) == expect;
	return cursor_find(m, c, expect, p);
}

static void place_undo(struct mhp *m, mhp_pfn_t row_pfn, uint64_t mask)
{
	struct mhp_block *blk = section_block(m, row_pfn);
	struct pageblock pb = pageblock_of(m, blk, row_pfn);
	uint64_t index = (row_pfn - pageblock_pfn(m, &pb)) >>
			 m->layout.row_order;

	pageblock_undo(m, &pb, (uint32_t)index, mask);
}

static inline mhp_word_t *place_desc(const struct mhp *m, const struct place *p,
				     uint32_t page)
{
	return (mhp_word_t *)(void *)(p->desc +
				      (size_t)page *
					      m->geometry.descriptor_bytes);
}

/* ---- single pages ---- */

/* Up to @nr free pages of a row by one CAS; their bits, 0 if there are none. */
static inline __attribute__((always_inline)) uint64_t
single_claim(const struct mhp *m, mhp_word_t *row, uint32_t nr)
{
	uint64_t old = mhp_port_load(row);
	uint64_t mask;

	do {
		uint64_t free = ~old & m->layout.row_mask;
		uint32_t i;

		mask = nr >= 64 ? free : free & -free;
		for (i = 1, free &= free - 1; nr < 64 && i < nr && free;
		     i++, free &= free - 1)
			mask |= free & -free;
		if (UNLIKELY(!mask))
			return 0;
	} while (UNLIKELY(!mhp_port_cas(row, &old, old | mask)));
	return mask;
}

/* Write down pages of one row, run by run: theirs and the caller's copy. */
static uint32_t single_finish(const struct mhp *m, const struct place *p,
			      uint64_t mask, uint64_t desc, mhp_pfn_t *pfns)
{
	uint32_t got = 0, page = 0;

	for (; page < 64 && mask >> page; page++) {
		uint8_t *at;

		page += (uint32_t)__builtin_ctzll(mask >> page);
		at = (uint8_t *)place_desc(m, p, page);
		for (; page < 64 && mask >> page & 1; page++) {
			pfns[got++] = p->pfn + page;
			mhp_port_store((mhp_word_t *)(void *)at, desc);
			at += m->layout.descriptor_bytes;
		}
	}
	return got;
}

/* Bits of free pages, and where they are. First the row that the cursor leads
 * to, then what was just freed, then the rest of the cursor's pageblock. */
static uint64_t single_find(struct mhp *m, struct cursor *c, uint64_t expect,
			    uint32_t nr, struct place *p)
{
	bool led = place_get(m, c, expect, p);
	uint64_t mask = led ? single_claim(m, p->row, nr) : 0;
	struct place freed;

	if (mask)
		return mask;
	if (cursor_freed(m, c, expect, &freed)) {
		mask = single_claim(m, freed.row, nr);
		if (mask) {
			*p = freed;
			return mask;
		}
	}
	while (led && !mask && cursor_next_row(m, c, 0, p))
		mask = single_claim(m, p->row, nr);
	return mask;
}

/* Up to @nr single pages without a search; inside a section. */
static uint32_t single_take(struct mhp *m, const struct mhp_request *r,
			    uint32_t nr, mhp_pfn_t *pfns)
{
	struct cursor *c = cursor_of(m, cursor_cpu(m), r, CURSOR_SINGLE);
	uint64_t expect = frame_expect(r), mask;
	struct place p;

	mask = single_find(m, c, expect, nr, &p);
	if (!mask)
		return 0;
	if ((mhp_port_load_seq(p.word) & PB_GRANT_MASK) != expect) {
		place_undo(m, p.pfn, mask);
		return 0;
	}
	return single_finish(m, &p, mask, desc_make(r->owner, r->cookie), pfns);
}

/* ---- runs inside a row ---- */

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
		mask = pageblock_order_mask(order) * (runs & -runs);
	} while (UNLIKELY(!mhp_port_cas(row, &old, old | mask)));
	return mask;
}

/* One run of the cursor's pageblock; inside a section. */
static uint32_t run_take(struct mhp *m, const struct mhp_request *r,
			 mhp_pfn_t *pfn)
{
	const struct layout *l = &m->layout;
	struct cursor *c = cursor_of(m, cursor_cpu(m), r, CURSOR_RUN);
	uint64_t expect = frame_expect(r), mask;
	struct place p;
	uint32_t bit;

	if (mhp_port_load(&c->order) != r->order ||
	    !place_get(m, c, expect, &p) || !(mhp_port_load(p.word) & PB_RUNS))
		return 0;
	while (!(mask = run_claim(m, p.row, r->order)))
		if (!cursor_next_row(m, c, r->order, &p))
			return 0;
	if (UNLIKELY((mhp_port_load_seq(p.word) & (PB_GRANT_MASK | PB_RUNS)) !=
		     (expect | PB_RUNS))) {
		place_undo(m, p.pfn, mask);
		return 0;
	}
	frame_set_tails(p.row + (l->tail_offset - l->row_offset) / 8, mask,
			mask & (mask - 1));
	bit = (uint32_t)__builtin_ctzll(mask);
	*pfn = p.pfn + bit;
	mhp_port_store(place_desc(m, &p, bit), desc_make(r->owner, r->cookie));
	/* The next one is likely to be beside it. */
	__builtin_prefetch(place_desc(m, &p, bit + (1u << r->order)), 1);
	return 1;
}

/* ---- whole pageblocks ---- */

/* One of those that the cursor remembers; inside a section. */
static uint32_t whole_take(struct mhp *m, const struct mhp_request *r,
			   mhp_pfn_t *pfn)
{
	const struct layout *l = &m->layout;
	const struct cursor *c = cursor_of(m, cursor_cpu(m), r, CURSOR_WHOLE);
	uint64_t grant = PB_HUGE | (frame_expect(r) & PB_UNMOVABLE);
	uint32_t i, nr = CURSOR_WORDS;
	struct place p;

	if (UNLIKELY(!cursor_place(m, c, &p)))
		return 0;
	if (nr > l->nr_pageblocks)
		nr = l->nr_pageblocks;
	for (i = 0; i < nr; i++) {
		uint64_t word = PB_USED; /* free, and nothing else to say */

		if (mhp_port_load(p.word + i) != word ||
		    !mhp_port_cas(p.word + i, &word, word | grant))
			continue;
		*pfn = p.pfn + ((uint64_t)i << l->pageblock_order);
		mhp_port_store(place_desc(m, &p, i << l->pageblock_order),
			       desc_make(r->owner, r->cookie));
		return 1;
	}
	return 0;
}

/* ---- allocation ---- */

static uint32_t plain_take(struct mhp *m, const struct mhp_request *r,
			   mhp_pfn_t *pfn)
{
	unsigned int order = r->order;

	if (order == 0)
		return single_take(m, r, 1, pfn);
	if (order <= m->layout.row_order && order < m->layout.pageblock_order)
		return run_take(m, r, pfn);
	return order == m->layout.pageblock_order ? whole_take(m, r, pfn) : 0;
}

static __attribute__((noinline)) int
plain_alloc(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	uint32_t got;

	mhp_port_read_lock();
	got = plain_take(m, r, pfn);
	mhp_port_read_unlock();
	return LIKELY(got) ? 0 : frame_alloc_searched(m, r, pfn);
}

/* By the cursor if that can be, else by the search. */
int frame_alloc(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	return request_is_plain(m, r, &plain_may)
		       ? plain_alloc(m, r, pfn)
		       : frame_alloc_searched(m, r, pfn);
}

static __attribute__((noinline)) int
any_alloc(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn)
{
	if (LIKELY(r->size_bytes == sizeof(*r) &&
		   r->order <= m->layout.max_order &&
		   request_is_plain(m, r, &plain_may)))
		return plain_alloc(m, r, pfn);
	return frame_valid(m, r) ? frame_alloc(m, r, pfn) : MHP_ERR_INVAL;
}

/* The row's pageblock is not for us any more: undo, end the section, and
 * allocate elsewhere. */
static __attribute__((noinline)) int
single_refused(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn,
	       mhp_pfn_t row_pfn, uint64_t mask)
{
	place_undo(m, row_pfn, mask);
	mhp_port_read_unlock();
	return any_alloc(m, r, pfn);
}

/*
 * A function that calls nothing on its way, and needs few registers, saves
 * none: all stores have to be through before a locked instruction. So whatever
 * is out of the ordinary is the last thing it does, and begins anew.
 */
HOT int mhp_frame_alloc(struct mhp *m, const struct mhp_request *request,
			mhp_pfn_t *pfn)
{
	struct cursor *c;
	uint32_t page;
	uint64_t old;
	struct place p;
	void *section;

	if (UNLIKELY(!request_is_plain(m, request, &single_may) ||
		     !mhp_port_read_try(&section)))
		return any_alloc(m, request, pfn);
	c = cursor_of(m, cursor_cpu(m), request, CURSOR_SINGLE);
	/* One address, not the three that it is the sum of. */
	__asm__("" : "+r"(c));
	if (UNLIKELY(!cursor_place(m, c, &p)))
		goto elsewhere;
	old = mhp_port_load(p.row);
	do {
		if (UNLIKELY(old == m->layout.row_mask))
			goto elsewhere;
	} while (UNLIKELY(!mhp_port_cas(p.row, &old, old | (old + 1))));
	page = (uint32_t)__builtin_ctzll(~old);
	if (UNLIKELY((mhp_port_load_seq(p.word) & PB_GRANT_MASK) !=
		     frame_expect(request)))
		return single_refused(m, request, pfn, p.pfn,
				      UINT64_C(1) << page);
	*pfn = p.pfn + page;
	mhp_port_store(place_desc(m, &p, page),
		       desc_make(request->owner, request->cookie));
	mhp_port_read_done(section);
	return 0;
elsewhere:
	mhp_port_read_done(section);
	return any_alloc(m, request, pfn);
}

int mhp_frame_alloc_bulk(struct mhp *m, const struct mhp_request *request,
			 uint32_t nr, mhp_pfn_t *pfns)
{
	bool singles = request->order == 0 &&
		       request_is_plain(m, request, &plain_may);
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
			if (any_alloc(m, request, &pfns[got]))
				break;
			more = 1;
		}
		got += more;
	}
	return (int)got;
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

	mhp_port_store(
		&cursor_of(m, cursor_cpu(m), &likely, CURSOR_SINGLE)->freed_pfn,
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
	uint64_t off = pfn & (l->block_pages - 1), old, now;
	void *section;

	if (UNLIKELY(!mhp_port_read_try(&section)))
		return slow(m, pfn);
	blk = section_block(m, pfn);
	if (UNLIKELY(!blk || !block_grants(block_status(blk))))
		goto refuse;
	row = state_word(blk, l->row_offset, off >> l->row_order);
	word = state_word(blk, l->word_offset, off >> l->pageblock_order);
	if (UNLIKELY((mhp_port_load(word) &
		      (PB_SMALL | PB_RUNS | PB_MIXED | PB_ENGINE)) != PB_SMALL))
		goto refuse;
	old = mhp_port_load(row);
	now = old & ~mask;
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

static bool whole_give(struct mhp *m, mhp_pfn_t pfn)
{
	struct mhp_block *blk = section_block(m, pfn);
	struct pageblock pb;
	uint64_t word;

	if (UNLIKELY(!blk || !block_grants(block_status(blk)) ||
		     pfn & (m->layout.pageblock_pages - 1)))
		return false;
	pb = pageblock_of(m, blk, pfn);
	word = mhp_port_load(pb.word);
	if (UNLIKELY((word | PB_UNMOVABLE) !=
			     (PB_HUGE | PB_USED | PB_UNMOVABLE) ||
		     !mhp_port_cas(pb.word, &word, PB_USED)))
		return false;
	pageblock_clear_nowhole(m, &pb);
	return true;
}

static __attribute__((noinline)) int order_free(struct mhp *m, mhp_pfn_t pfn,
						unsigned int order)
{
	bool given;

	if (order != m->layout.pageblock_order)
		return frame_free_checked(m, pfn, order);
	mhp_port_read_lock();
	given = whole_give(m, pfn);
	mhp_port_read_unlock();
	return given ? 0 : frame_free_checked(m, pfn, order);
}

static inline uint64_t page_bit(const struct mhp *m, mhp_pfn_t pfn)
{
	return UINT64_C(1) << (pfn & m->layout.row_index_mask);
}

HOT int mhp_frame_free(struct mhp *m, mhp_pfn_t pfn, unsigned int order)
{
	if (UNLIKELY(order))
		return order_free(m, pfn, order);
	return single_give(m, pfn, page_bit(m, pfn), true, single_free_slow);
}

/* ---- free, many at once ---- */

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
