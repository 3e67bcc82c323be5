/* SPDX-License-Identifier: MIT */
/* Isolation of blocks; see isolate.h. */
#include "isolate.h"

static void isolate_undo_from(struct mhp *m, struct mhp_block *blk, uint32_t i)
{
	while (i-- > pageblock_first(m, blk)) {
		struct pageblock pb = pageblock_at(m, blk, i);
		uint64_t old = mhp_port_and(pb.word, ~PB_ISOLATED);

		if (pageblock_is_free(old & ~PB_ISOLATED))
			pageblock_clear_nowhole(m, &pb);
		else
			pageblock_close(m, &pb, false);
	}
}

int isolate_block(struct mhp *m, struct mhp_block *blk, mhp_pfn_t *pfn)
{
	uint32_t i;

	for (i = pageblock_first(m, blk); i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		if (!(mhp_port_or(pb.word, PB_ISOLATED) & PB_ISOLATED))
			continue;
		*pfn = pageblock_pfn(m, &pb);
		isolate_undo_from(m, blk, i);
		return MHP_ERR_BUSY;
	}
	return 0;
}

void isolate_undo(struct mhp *m, struct mhp_block *blk)
{
	isolate_undo_from(m, blk, m->layout.nr_pageblocks);
}

uint64_t isolate_used(struct mhp *m, struct mhp_block *blk)
{
	uint64_t used = 0;
	uint32_t i;

	for (i = pageblock_first(m, blk); i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);
		uint64_t word = mhp_port_load_seq(pb.word);

		if (word & PB_OPENING)
			used++;
		else
			used += pageblock_nr_used(m, &pb, word);
	}
	return used;
}
