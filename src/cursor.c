/* SPDX-License-Identifier: MIT */
/* Where processors look first; see cursor.h. */
#include "cursor.h"

#include "desc.h"
#include "gate.h"
#include "section.h"

void cursor_init(struct cursor *c)
{
	mhp_port_store(&c->row_pfn, MHP_PFN_NONE);
	mhp_port_store(&c->freed_pfn[0], MHP_PFN_NONE);
	mhp_port_store(&c->freed_pfn[1], MHP_PFN_NONE);
	mhp_port_store(&c->epoch, GRACE_NEVER);
}

void cursor_remember(const struct mhp *m, struct cursor *c,
		     const struct mhp_request *request, const struct place *p)
{
	uint64_t version = mhp_port_load(&c->version);
	uint64_t epoch = p->epoch;

	if (version & 1 || !mhp_port_cas(&c->version, &version, version + 1))
		return;
	/* Looked at after the epoch: an owner who goes now ends that. What the
	 * engine asks for itself others must not. */
	if (UNLIKELY(!frame_owner_may(m, request)))
		epoch = GRACE_NEVER;
	/* Each behind the one before: nobody sees them with the old version. */
	mhp_port_store_release(&c->start_pfn, p->pfn);
	mhp_port_store_ptr(&c->row, p->row);
	mhp_port_store_ptr(&c->word, p->word);
	mhp_port_store_ptr(&c->desc, p->desc);
	mhp_port_store_release(&c->request[0], cursor_word(request, 0));
	mhp_port_store_release(&c->request[1], cursor_word(request, 1));
	mhp_port_store_release(&c->epoch, epoch);
	if (request->order)
		mhp_port_store(&c->skip, 0);
	mhp_port_store_release(&c->version, version + 2);
}

/* The place of a row, if its pageblock grants; its epoch is not set. */
static bool place_find(const struct mhp *m, mhp_pfn_t row_pfn, uint64_t expect,
		       struct place *p)
{
	const struct layout *l = &m->layout;
	struct mhp_block *blk = section_block(m, row_pfn);
	struct pageblock pb;

	if (!blk || !block_grants(block_status(blk)))
		return false;
	pb = pageblock_of(m, blk, row_pfn);
	if ((mhp_port_load_seq(pb.word) & PB_GRANT_MASK) != expect)
		return false;
	p->pfn = row_pfn;
	p->row = &pb.rows[(row_pfn & (l->pageblock_pages - 1)) >> l->row_order];
	p->word = pb.word;
	p->desc = (uint8_t *)desc_word(m, blk, row_pfn);
	return true;
}

bool cursor_find(const struct mhp *m, struct cursor *c,
		 const struct mhp_request *request, struct place *p)
{
	p->epoch = grace_epoch(m);
	if (!place_find(m, mhp_port_load(&c->row_pfn), frame_expect(request),
			p))
		return false;
	cursor_remember(m, c, request, p);
	return true;
}

bool cursor_freed(const struct mhp *m, struct cursor *c, uint64_t expect,
		  struct place *p)
{
	mhp_pfn_t pfn = mhp_port_load(&c->freed_pfn[1]);

	if (pfn == MHP_PFN_NONE)
		return false;
	mhp_port_store(&c->freed_pfn[1], MHP_PFN_NONE);
	return place_find(m, pfn & ~m->layout.row_index_mask, expect, p);
}

/* Runs of this order and above fill a row so fast that its place is not worth
 * remembering. */
#define CURSOR_LARGE 5

bool cursor_next_row(const struct mhp *m, struct cursor *c,
		     const struct mhp_request *request, struct place *p)
{
	const struct layout *l = &m->layout;
	unsigned int order = request->order;
	uint32_t nr_rows = pageblock_nr_rows(m), i;
	uint32_t row = (uint32_t)(p->pfn & (l->pageblock_pages - 1)) >>
		       l->row_order;

	for (i = 1; i < nr_rows; i++) {
		uint32_t to = (row + i) & (nr_rows - 1);
		int64_t by = (int64_t)to - row;

		uint64_t used = mhp_port_load(p->row + by) | ~l->row_mask;

		if (used == UINT64_MAX || !frame_row_runs(used, order, order))
			continue;
		cursor_go(m, p, by);
		/* A row is soon full of large runs: looking is cheaper. */
		if (order < CURSOR_LARGE)
			cursor_remember(m, c, request, p);
		return true;
	}
	return false;
}

void cursor_move_whole(const struct mhp *m, struct cursor *c,
		       const struct mhp_request *request,
		       const struct pageblock *pb, uint64_t epoch)
{
	struct pageblock first = pageblock_at(m, pb->blk,
					      pb->index & ~(CURSOR_WORDS - 1));
	mhp_pfn_t pfn = pageblock_pfn(m, &first);
	struct place p = {
		.pfn = pfn,
		.row = first.rows,
		.word = first.word,
		.desc = (uint8_t *)desc_word(m, pb->blk, pfn),
		.epoch = epoch,
	};

	cursor_remember(m, c, request, &p);
	mhp_port_store(&c->row_pfn, pageblock_pfn(m, pb));
}

static void cursor_let_go(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
			  uint64_t owner)
{
	bool gated = gate_enter(m);
	struct pageblock pb = pageblock_of(m, blk, pfn);

	pageblock_let_go(m, &pb, owner);
	gate_leave(m, gated);
}

void cursor_move(struct mhp *m, struct cursor *c,
		 const struct mhp_request *request, uint64_t owner,
		 const struct place *to)
{
	mhp_pfn_t old = mhp_port_load(&c->row_pfn);
	struct mhp_block *blk;

	cursor_remember(m, c, request, to);
	do {
		if (old == to->pfn)
			return;
	} while (!mhp_port_cas(&c->row_pfn, &old, to->pfn));
	if (old == MHP_PFN_NONE ||
	    (old ^ to->pfn) >> m->layout.pageblock_order == 0)
		return;
	blk = section_block(m, old);
	if (blk && block_serves(block_status(blk)))
		cursor_let_go(m, blk, old, owner);
}
