/* SPDX-License-Identifier: MIT */
/*
 * Allocation and free when it is not as simple as in frame_fast.c: requests
 * with constraints, or that no cursor can serve; frees that have to be looked
 * at from all sides before anything is written.
 */
#include "frame.h"

#include "bad.h"
#include "boot_map.h"
#include "cursor.h"
#include "desc.h"
#include "device.h"
#include "gate.h"
#include "host.h"
#include "lent.h"
#include "section.h"
#include "withheld.h"

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

/* Pageblocks of an allocation, if they are more than one. */
static uint64_t frame_nr_pageblocks(const struct mhp *m, unsigned int order)
{
	return order > m->layout.pageblock_order
		       ? UINT64_C(1) << (order - m->layout.pageblock_order)
		       : 1;
}

static inline struct search frame_begin(struct mhp *m,
					const struct mhp_request *request)
{
	unsigned int cpu = cursor_cpu(m);
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
		s.cursor = cursor_of(m, cpu, request,
				     frame_class(m, request->order));
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

int frame_alloc_searched(struct mhp *m, const struct mhp_request *request,
			 mhp_pfn_t *pfn)
{
	struct search s;

	mhp_port_read_lock();
	s = frame_begin(m, request);
	return frame_search_slow(&s, pfn);
}

bool frame_valid(const struct mhp *m, const struct mhp_request *r)
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
	return (r->mobility == MHP_MOVABLE ||
		r->zone_limit != MHP_ZONE_MOVABLE) &&
	       r->owner < OWNER_MAX && frame_owner_may(m, r);
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

static int frame_free_in_pageblock(struct mhp *m, const struct pageblock *pb,
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
	return frame_free_in_pageblock(m, &pb, pfn, nr_pages);
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

int frame_free_checked(struct mhp *m, mhp_pfn_t pfn, unsigned int order)
{
	mhp_port_read_lock();
	return frame_free_slow(m, pfn, frame_nr_pages(m, pfn, order), false);
}

int frame_free(struct mhp *m, mhp_pfn_t pfn, unsigned int order)
{
	mhp_port_read_lock();
	return frame_free_slow(m, pfn, frame_nr_pages(m, pfn, order), true);
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
