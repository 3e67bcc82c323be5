/* SPDX-License-Identifier: MIT */
/*
 * The public calls of the allocator and their fast paths.
 *
 * A single page costs one compare-and-swap on a row and a second look at the
 * pageblock's word (R2); freeing it costs one. A cursor is a word that holds
 * the pfn of a row: nobody owns it, it is looked up anew at each use, and a
 * stale one only leads to the search.
 */
#include "frame.h"

#include "bad.h"
#include "boot_map.h"
#include "desc.h"
#include "device.h"
#include "gate.h"
#include "host.h"
#include "lent.h"
#include "section.h"
#include "withheld.h"

static uint64_t frame_expect(const struct mhp_request *request)
{
	return PB_SMALL | (request->mobility == MHP_MOVABLE ? 0 : PB_UNMOVABLE);
}

static unsigned int frame_cpu(const struct mhp *m)
{
	unsigned int cpu = mhp_port_cpu();

	/* A division costs more than the rest of the fast path. */
	return LIKELY(cpu < m->geometry.nr_cpus) ? cpu
						 : cpu % m->geometry.nr_cpus;
}

static unsigned int frame_class(const struct mhp *m, unsigned int order)
{
	if (order == 0)
		return CURSOR_SINGLE;
	return order < m->layout.pageblock_order ? CURSOR_RUN : CURSOR_WHOLE;
}

/* Requests that a cursor serves: no constraint but a preferred node. */
static bool frame_is_plain(const struct mhp_request *request)
{
	return !((request->flags & ~MHP_ALLOC_NO_TAILS) | request->zone_limit |
		 request->align_order) &&
	       !(request->node_mask | request->limit_pfn);
}

static mhp_word_t *frame_cursor(struct mhp *m, unsigned int cpu,
				const struct mhp_request *request)
{
	uint64_t index = (uint64_t)cpu * (m->geometry.nr_nodes + 1u) +
			 request->node_plus_1;

	return &m->cursors[index].row_pfn[request->mobility]
					 [frame_class(m, request->order)];
}

/* Find the row of a cursor: NULL if it leads nowhere. */
static inline __attribute__((always_inline)) struct mhp_block *
frame_row(const struct mhp *m, mhp_pfn_t pfn, mhp_word_t **row,
	  mhp_word_t **word)
{
	const struct layout *l = &m->layout;
	struct mhp_block *blk = section_block(m, pfn);
	uint64_t off = pfn & (l->block_pages - 1);

	if (UNLIKELY(!blk || !block_grants(block_status(blk))))
		return NULL;
	*row = (mhp_word_t *)(void *)(blk->state + l->row_offset +
				      (off >> l->row_order) * 8);
	*word = (mhp_word_t *)(void *)(blk->state + l->word_offset +
				       (off >> l->pageblock_order) * 8);
	return blk;
}

/* Up to @nr free pages of a row by one CAS; their bits, 0 if there are none. */
static inline __attribute__((always_inline)) uint64_t
frame_claim(const struct mhp *m, mhp_word_t *row, uint32_t nr)
{
	uint64_t old = mhp_port_load(row);
	uint64_t mask;

	do {
		uint64_t free = ~old & m->layout.row_mask;
		uint32_t i;

		mask = free & -free;
		for (i = 1, free &= free - 1; i < nr && free;
		     i++, free &= free - 1)
			mask |= free & -free;
		if (!mask)
			return 0;
	} while (UNLIKELY(!mhp_port_cas(row, &old, old | mask)));
	return mask;
}

static __attribute__((noinline)) void frame_undo(struct mhp *m,
						 struct mhp_block *blk,
						 mhp_pfn_t row_pfn,
						 uint64_t mask)
{
	struct pageblock pb = pageblock_of(m, blk, row_pfn);
	uint64_t index = (row_pfn - pageblock_pfn(m, &pb)) >>
			 m->layout.row_order;

	pageblock_undo(m, &pb, (uint32_t)index, mask);
}

/* Pages of the cursor's row, if it has any that we may have. */
static inline __attribute__((always_inline)) uint32_t
frame_alloc_row(struct mhp *m, const mhp_word_t *cursor,
		const struct mhp_request *request, uint32_t nr, mhp_pfn_t *pfns)
{
	mhp_pfn_t at = mhp_port_load(cursor);
	uint64_t desc = desc_make(request->owner, request->cookie);
	mhp_word_t *row, *word;
	struct mhp_block *blk = frame_row(m, at, &row, &word);
	uint64_t mask;
	uint32_t got = 0;

	if (UNLIKELY(!blk))
		return 0;
	/* A stale cursor may lead to a pageblock that nobody has opened in this
	 * life of its block: its kept bits are not set yet (R2). */
	if (UNLIKELY((mhp_port_load_seq(word) & PB_GRANT_MASK) !=
		     frame_expect(request)))
		return 0;
	mask = frame_claim(m, row, nr);
	if (UNLIKELY(!mask))
		return 0;
	if (UNLIKELY((mhp_port_load_seq(word) & PB_GRANT_MASK) !=
		     frame_expect(request))) {
		frame_undo(m, blk, at, mask);
		return 0;
	}
	do {
		pfns[got] = at + (unsigned int)__builtin_ctzll(mask);
		mhp_port_store(desc_word(m, blk, pfns[got++]), desc);
		mask &= mask - 1;
	} while (nr > 1 && mask);
	return got;
}

/* Pageblocks of an allocation, if they are more than one. */
static uint64_t frame_nr_pageblocks(const struct mhp *m, unsigned int order)
{
	return order > m->layout.pageblock_order
		       ? UINT64_C(1) << (order - m->layout.pageblock_order)
		       : 1;
}

static struct search frame_begin(struct mhp *m,
				 const struct mhp_request *request)
{
	unsigned int cpu = frame_cpu(m);
	struct search s = {
		.m = m,
		.request = request,
		.expect = frame_expect(request),
		.desc = desc_make(request->owner, request->cookie),
		.owner = cpu + 1u,
		.order = request->order,
		.align = request->align_order > request->order
				 ? request->align_order
				 : request->order,
		.limit_pfn = request->limit_pfn ? request->limit_pfn
						: MHP_PFN_NONE,
		.nr_pageblocks = frame_nr_pageblocks(m, request->order),
		.no_tails = request->flags & MHP_ALLOC_NO_TAILS || m->no_extra,
	};

	/* A chain may be longer than its alignment. */
	if (request->align_order || s.nr_pageblocks > 1)
		s.desc |= desc_aligned(s.align);
	if (s.nr_pageblocks == 1 && frame_is_plain(request))
		s.cursor = frame_cursor(m, cpu, request);
	return s;
}

/* Search, and search again if that failed because a memmap moves. Inside a
 * read-side section; ends it. */
static int frame_search_slow(struct search *s, mhp_pfn_t *pfn)
{
	struct mhp *m = s->m;

	for (;;) {
		uint64_t moves = gate_moves(m);

		if (LIKELY(!frame_search(s)))
			break;
		mhp_port_read_unlock();
		if (LIKELY(!gate_await(m, moves)))
			return MHP_ERR_NOMEM;
		mhp_port_read_lock();
	}
	mhp_port_read_unlock();
	*pfn = s->pfn;
	return 0;
}

static __attribute__((noinline)) int
frame_alloc_slow(struct mhp *m, const struct mhp_request *request,
		 mhp_pfn_t *pfn)
{
	struct search s = frame_begin(m, request);

	return frame_search_slow(&s, pfn);
}

int frame_alloc(struct mhp *m, const struct mhp_request *request,
		mhp_pfn_t *pfn)
{
	mhp_port_read_lock();
	if (LIKELY(request->order == 0 && frame_is_plain(request))) {
		mhp_word_t *cursor = frame_cursor(m, frame_cpu(m), request);

		if (LIKELY(frame_alloc_row(m, cursor, request, 1, pfn))) {
			mhp_port_read_unlock();
			return 0;
		}
	}
	return frame_alloc_slow(m, request, pfn);
}

static bool frame_owner_moves(const struct mhp *m, uint16_t owner)
{
	const struct mhp_owner_ops *ops;

	if (owner <= OWNER_MEMMAP || owner >= OWNER_MAX)
		return false;
	ops = (const struct mhp_owner_ops *)mhp_port_load_ptr(
		(void *const *)(const void *)&m->owners[owner].ops);
	return ops && ops->move;
}

static bool frame_owner_known(const struct mhp *m, uint16_t owner)
{
	return owner == OWNER_NONE ||
	       (owner > OWNER_MEMMAP && owner < OWNER_MAX &&
		mhp_port_load_ptr(
			(void *const *)(const void *)&m->owners[owner].ops));
}

static bool frame_valid(const struct mhp *m, const struct mhp_request *r)
{
	if (UNLIKELY((r->size_bytes && r->size_bytes != sizeof(*r)) ||
		     r->flags & ~(MHP_ALLOC_THIS_NODE | MHP_ALLOC_THIS_ZONE |
				  MHP_ALLOC_NO_TAILS) ||
		     r->order > m->layout.max_order ||
		     r->align_order > m->layout.max_order ||
		     r->mobility > MHP_MOVABLE ||
		     r->zone_limit > MHP_ZONE_MOVABLE ||
		     r->node_plus_1 > m->geometry.nr_nodes ||
		     r->cookie > MHP_COOKIE_MAX))
		return false;
	if (r->mobility == MHP_MOVABLE)
		return frame_owner_moves(m, r->owner);
	return r->zone_limit != MHP_ZONE_MOVABLE &&
	       frame_owner_known(m, r->owner);
}

int mhp_frame_alloc(struct mhp *m, const struct mhp_request *request,
		    mhp_pfn_t *pfn)
{
	if (UNLIKELY(!frame_valid(m, request)))
		return MHP_ERR_INVAL;
	return frame_alloc(m, request, pfn);
}

/* A run of one pageblock is an allocation like any other. */
static int frame_alloc_run(struct mhp *m, const struct mhp_request *request,
			   uint64_t nr_pageblocks, mhp_pfn_t *pfn)
{
	struct mhp_request whole = *request;
	struct search s;

	whole.order = (uint8_t)m->layout.pageblock_order;
	if (whole.align_order < whole.order)
		whole.align_order = whole.order;
	mhp_port_read_lock();
	s = frame_begin(m, &whole);
	s.nr_pageblocks = nr_pageblocks;
	return frame_search_slow(&s, pfn);
}

int mhp_run_alloc(struct mhp *m, const struct mhp_request *request,
		  uint64_t nr_pages, mhp_pfn_t *pfn)
{
	if (!frame_valid(m, request) || request->order || !nr_pages ||
	    nr_pages & (m->layout.pageblock_pages - 1))
		return MHP_ERR_INVAL;
	if (nr_pages > m->max_pfn)
		return MHP_ERR_NOMEM;
	return frame_alloc_run(m, request,
			       nr_pages >> m->layout.pageblock_order, pfn);
}

int mhp_frame_alloc_bulk(struct mhp *m, const struct mhp_request *request,
			 uint32_t nr, mhp_pfn_t *pfns)
{
	bool rows = request->order == 0 && frame_is_plain(request);
	uint32_t got = 0;

	if (!frame_valid(m, request) || nr > INT32_MAX)
		return MHP_ERR_INVAL;
	while (got < nr) {
		uint32_t more = 0;

		if (rows) {
			mhp_port_read_lock();
			more = frame_alloc_row(
				m, frame_cursor(m, frame_cpu(m), request),
				request, nr - got, pfns + got);
			mhp_port_read_unlock();
		}
		if (!more) {
			if (frame_alloc(m, request, &pfns[got]))
				break;
			more = 1;
		}
		got += more;
	}
	return (int)got;
}

/* What it is to free a page that is no memory. */
static int frame_free_nowhere(const struct mhp *m, mhp_pfn_t pfn)
{
	return device_lookup(m, pfn) ? MHP_ERR_INVAL : MHP_ERR_FAULT;
}

/* Whether an allocation of so many pages may begin at a page: natural alignment
 * below a pageblock, else that of a pageblock. */
static bool frame_is_head(const struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages)
{
	uint64_t unit = nr_pages < m->layout.pageblock_pages
				? nr_pages
				: m->layout.pageblock_pages;

	return nr_pages && !((pfn | nr_pages) & (unit - 1));
}

/* Whether there can be an allocation of so many pages at that page. */
static int frame_free_check(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
			    uint64_t nr_pages)
{
	uint64_t status = block_status(blk);
	unsigned int node;

	if (!frame_is_head(m, pfn, nr_pages) || withheld_has(m, blk, pfn) ||
	    bad_kept(m, pfn) & 1)
		return MHP_ERR_INVAL;
	if (!block_has(status, BLOCK_BOOT))
		return host_has(m, blk, pfn) ? MHP_ERR_INVAL : 0;
	if (!boot_is_present(m, pfn, &node))
		return frame_free_nowhere(m, pfn);
	return boot_kept(m, pfn) & 1 ? MHP_ERR_INVAL : 0;
}

/* Whether a page is the first of an allocation of the engine's own. */
static bool frame_is_kept(struct mhp *m, const struct pageblock *pb,
			  mhp_pfn_t pfn)
{
	struct frame_head head;

	return mhp_port_load(pb->word) & PB_ENGINE &&
	       frame_next_head(m, pb->blk, pfn, &head) && head.pfn == pfn &&
	       desc_owner(mhp_port_load(head.desc)) == OWNER_MEMMAP;
}

void frame_keep(struct mhp *m, mhp_pfn_t pfn)
{
	struct pageblock pb = pageblock_of(m, section_block(m, pfn), pfn);

	/* The allocation keeps the pageblock from being closed. */
	mhp_port_or(pb.word, PB_ENGINE);
}

static int frame_free_checked(struct mhp *m, const struct pageblock *pb,
			      mhp_pfn_t pfn, uint64_t nr_pages)
{
	enum mhp_why why;

	if (nr_pages < m->layout.pageblock_pages)
		return frame_free_run(m, pb, pfn,
				      (unsigned int)__builtin_ctzll(nr_pages),
				      &why);
	if (nr_pages == m->layout.pageblock_pages)
		return frame_free_whole(m, pb, &why);
	return frame_free_chain(m, pb, nr_pages >> m->layout.pageblock_order,
				&why);
}

/* In the gate, if there is need. */
static int frame_free_in(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
			 uint64_t nr_pages, bool engine)
{
	struct pageblock pb;
	int err;

	if (!blk)
		return frame_free_nowhere(m, pfn);
	if (!block_serves(block_status(blk)))
		return MHP_ERR_FAULT;
	err = frame_free_check(m, blk, pfn, nr_pages);
	if (err)
		return err;
	pb = pageblock_of(m, blk, pfn);
	if (!engine && frame_is_kept(m, &pb, pfn))
		return MHP_ERR_INVAL;
	return frame_free_checked(m, &pb, pfn, nr_pages);
}

/* Everything but the common case; inside a read-side section. */
static __attribute__((noinline)) int
frame_free_slow(struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages, bool engine)
{
	bool gated = gate_enter(m);
	int err = frame_free_in(m, section_block(m, pfn), pfn, nr_pages,
				engine);

	gate_leave(m, gated);
	mhp_port_read_unlock();
	return err;
}

/* Pages of an allocation of an order at a page; 0 if there can be none. */
static uint64_t frame_nr_pages(const struct mhp *m, mhp_pfn_t pfn,
			       unsigned int order)
{
	uint64_t nr_pages = order <= m->layout.max_order ? UINT64_C(1) << order
							 : 0;

	return pfn & (nr_pages - 1) ? 0 : nr_pages;
}

static __attribute__((noinline)) int
frame_free_order(struct mhp *m, mhp_pfn_t pfn, unsigned int order)
{
	return frame_free_slow(m, pfn, frame_nr_pages(m, pfn, order), false);
}

int frame_free(struct mhp *m, mhp_pfn_t pfn, unsigned int order)
{
	mhp_port_read_lock();
	return frame_free_slow(m, pfn, frame_nr_pages(m, pfn, order), true);
}

/* A row that was full or becomes empty: the hint, and perhaps closing, unless
 * this processor's cursor prefers the pageblock and will see to it (R8). */
static __attribute__((noinline)) void
frame_free_edge(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
		uint64_t old, uint64_t now)
{
	struct pageblock pb = pageblock_of(m, blk, pfn);
	uint64_t owner = frame_cpu(m) + 1u;
	uint64_t word = mhp_port_load_seq(pb.word);

	if ((word & PB_OWNER) != owner << PB_OWNER_SHIFT)
		pageblock_after_free(m, &pb, old, now);
	else if (now)
		pageblock_clear_full(m, &pb);
	mhp_port_read_unlock();
}

int mhp_frame_free(struct mhp *m, mhp_pfn_t pfn, unsigned int order)
{
	mhp_word_t *row, *word;
	struct mhp_block *blk;
	uint64_t old, now;

	mhp_port_read_lock();
	if (UNLIKELY(order))
		return frame_free_order(m, pfn, order);
	blk = frame_row(m, pfn, &row, &word);
	if (UNLIKELY(!blk ||
		     (mhp_port_load(word) &
		      (PB_SMALL | PB_RUNS | PB_MIXED | PB_ENGINE)) != PB_SMALL))
		return frame_free_slow(m, pfn, 1, false);
	old = mhp_port_load(row);
	now = old & ~(UINT64_C(1)
		      << (pfn & ((UINT64_C(1) << m->layout.row_order) - 1)));
	if (UNLIKELY(now == old || !mhp_port_cas(row, &old, now)))
		return frame_free_slow(m, pfn, 1, false);
	if (UNLIKELY(now == 0 ||
		     (old & m->layout.row_mask) == m->layout.row_mask)) {
		frame_free_edge(m, blk, pfn, old, now);
		return 0;
	}
	mhp_port_read_unlock();
	return 0;
}

int frame_free_head(struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages)
{
	if (nr_pages == 1)
		return mhp_frame_free(m, pfn, 0);
	mhp_port_read_lock();
	return frame_free_slow(m, pfn, nr_pages, false);
}

int mhp_run_free(struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages)
{
	if (nr_pages & (m->layout.pageblock_pages - 1))
		nr_pages = 0;
	return frame_free_head(m, pfn, nr_pages);
}

int mhp_frame_free_bulk(struct mhp *m, unsigned int order, uint32_t nr,
			const mhp_pfn_t *pfns)
{
	int first = 0;
	uint32_t i;

	for (i = 0; i < nr; i++) {
		int err = mhp_frame_free(m, pfns[i], order);

		if (err && !first)
			first = err;
	}
	return first;
}

void *mhp_frame_extra(struct mhp *m, mhp_pfn_t pfn)
{
	const struct mhp_device *dev;
	struct mhp_block *blk;
	void *extra = NULL;

	if (m->geometry.descriptor_bytes <= MHP_DESC_ENGINE_BYTES ||
	    m->no_extra)
		return NULL;
	mhp_port_read_lock();
	blk = section_block(m, pfn);
	dev = device_beside(m, blk, pfn);
	if (dev)
		extra = device_desc(m, dev, pfn) + MHP_DESC_ENGINE_BYTES;
	else if (blk && block_serves(block_status(blk)) &&
		 !lent_hides(m, blk, pfn))
		extra = desc_word(m, blk, pfn) + 1;
	mhp_port_read_unlock();
	return extra;
}

void *mhp_frame_address(struct mhp *m, mhp_pfn_t pfn)
{
	const struct mhp_device *dev;
	struct mhp_block *blk;
	void *address = NULL;

	mhp_port_read_lock();
	blk = section_block(m, pfn);
	dev = device_beside(m, blk, pfn);
	if (dev)
		address = dev->linear +
			  mhp_bytes_from_pages(&m->geometry,
					       pfn - dev->range.start_pfn);
	else if (blk)
		address = blk->linear +
			  mhp_bytes_from_pages(&m->geometry,
					       pfn - blk->start_pfn);
	mhp_port_read_unlock();
	return address;
}
