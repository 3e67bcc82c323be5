/* SPDX-License-Identifier: MIT */
/* Pageblocks under a memmap that comes or goes; see recast.h. */
#include "recast.h"

#include "withheld.h"

/* No page of it is the allocator's. */
static void recast_to_none(struct mhp *m, const struct pageblock *pb,
			   uint64_t word)
{
	uint32_t row;

	for (row = 0; row < pageblock_nr_rows(m); row++) {
		mhp_port_store(&pb->rows[row], 0);
		mhp_port_store(&pb->tails[row], 0);
	}
	mhp_port_store(pb->word, word);
	pageblock_forget(m, pb);
}

/* Its first @nr pages are kept as everything says now, or free. */
static void recast_rows(struct mhp *m, const struct pageblock *pb, uint64_t nr)
{
	uint32_t row;

	for (row = 0; row < pageblock_nr_rows(m); row++) {
		uint64_t used = mhp_port_load(&pb->rows[row]) &
				~pageblock_bits_below(nr, row);

		mhp_port_store(&pb->rows[row],
			       used | pageblock_kept(m, pb, row));
	}
}

static void recast_to_some(struct mhp *m, const struct pageblock *pb,
			   uint64_t nr, uint64_t word)
{
	word &= ~(PB_DEAD | PB_MIXED | PB_CRAMPED);
	if (word & PB_USED) {
		recast_rows(m, pb, nr);
		word |= pageblock_is_mixed(m, pb) ? PB_MIXED : 0;
	}
	mhp_port_store(pb->word, word);
	pageblock_clear_full(m, pb);
	pageblock_clear_nowhole(m, pb);
}

/* That it was used once is remembered: the port has prepared it. Then it has to
 * be mixed, or it would look as if it could be taken whole. */
static void recast_pageblock(struct mhp *m, const struct pageblock *pb,
			     uint64_t nr)
{
	uint64_t word = mhp_port_load(pb->word);

	if (pb->index < pageblock_first(m, pb->blk))
		recast_to_none(m, pb, word & PB_USED ? PB_USED | PB_MIXED : 0);
	else if (withheld_covers(m, pb, word))
		recast_to_none(m, pb,
			       (word & (PB_ISOLATED | PB_USED | PB_WITHHELD)) |
				       PB_DEAD);
	else
		recast_to_some(m, pb, nr, word);
}

void recast_block(struct mhp *m, struct mhp_block *blk, uint64_t nr_pages)
{
	uint64_t first = 0;
	uint32_t i;

	for (i = 0; first < nr_pages; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		recast_pageblock(m, &pb, nr_pages - first);
		first += m->layout.pageblock_pages;
	}
}
