/* SPDX-License-Identifier: MIT */
/*
 * Pageblocks that are empty but still open, since a cursor prefers them (R8).
 * Who needs pageblocks whole, and finds none, has them closed.
 *
 * They are found through the cursors, since each of them has one (INV-32): that
 * costs in proportion to processors and nodes, not to memory.
 */
#include "cursor.h"
#include "frame.h"
#include "section.h"

/* Whether a cursor leads to a pageblock. */
static bool cursor_has(const struct mhp *m, const struct cursor *c,
		       const struct pageblock *pb)
{
	return (mhp_port_load(&c->row_pfn) ^ pageblock_pfn(m, pb)) >>
		       m->layout.pageblock_order ==
	       0;
}

bool frame_has_cursor(const struct mhp *m, const struct pageblock *pb,
		      uint64_t owner)
{
	uint64_t nr = UINT64_C(1) << m->cursors_order, i;
	const struct cursors *all;
	unsigned int mobility;

	if (owner > m->cpu_mask + UINT64_C(1))
		return false;
	all = &m->cursors[(owner - 1) * nr];
	for (i = 0; i < nr; i++)
		for (mobility = 0; mobility < 2; mobility++) {
			const struct cursor *of = all[i].of[mobility];

			if (cursor_has(m, &of[CURSOR_SINGLE], pb) ||
			    cursor_has(m, &of[CURSOR_RUN], pb))
				return true;
		}
	return false;
}

/* Return: whether there was one to be closed. */
static bool emptied_close(struct mhp *m, const struct cursor *c)
{
	mhp_pfn_t pfn = mhp_port_load(&c->row_pfn);
	struct mhp_block *blk = section_block(m, pfn);
	struct pageblock pb;
	uint64_t word;

	if (!blk || !block_grants(block_status(blk)))
		return false;
	pb = pageblock_of(m, blk, pfn);
	word = mhp_port_load_seq(pb.word);
	if ((word & (PB_SMALL | PB_ISOLATED | PB_MIXED)) != PB_SMALL ||
	    !(word & PB_OWNER) || !pageblock_empty(m, &pb, word))
		return false;
	pageblock_close(m, &pb, true);
	return true;
}

bool frame_close_emptied(struct mhp *m)
{
	uint64_t nr = (m->cpu_mask + UINT64_C(1)) << m->cursors_order, i;
	unsigned int mobility;
	bool any = false;

	for (i = 0; i < nr; i++)
		for (mobility = 0; mobility < 2; mobility++) {
			const struct cursor *of = m->cursors[i].of[mobility];

			any |= emptied_close(m, &of[CURSOR_SINGLE]);
			any |= emptied_close(m, &of[CURSOR_RUN]);
		}
	return any;
}
