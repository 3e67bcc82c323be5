/* SPDX-License-Identifier: MIT */
/* Room for what has to leave a block; see elsewhere.h. */
#include "elsewhere.h"

#include "room.h"

/* Blocks with one kind of room that are looked at in a zone, before the rest of
 * it counts as full. */
#define ELSEWHERE_LOOKS 64

/* A count that is going on. */
struct elsewhere {
	const struct mhp_block *leaves;
	uint64_t nr_needed;
	uint64_t nr_free;
};

static uint64_t block_nr_free(struct mhp *m, struct mhp_block *blk)
{
	uint64_t nr = 0;
	uint32_t i;

	for (i = pageblock_first(m, blk); i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);
		uint64_t word = mhp_port_load_seq(pb.word);

		if (!(word & PB_ISOLATED))
			nr += pageblock_nr_free(m, &pb, word);
	}
	return nr;
}

/* Whether a block was met as one with another kind of room before. */
static bool elsewhere_was_met(struct mhp *m, const struct mhp_block *blk,
			      unsigned int kind)
{
	while (kind-- > 0)
		if (room_is_set(m, blk, (enum room_kind)kind))
			return true;
	return false;
}

static void elsewhere_kind(struct mhp *m, unsigned int node,
			   enum mhp_zone_type type, enum room_kind kind,
			   struct elsewhere *e)
{
	unsigned int looks = ELSEWHERE_LOOKS;
	struct mhp_block *blk;
	mhp_pfn_t pfn = 0;

	while (looks-- && e->nr_free < e->nr_needed &&
	       (blk = room_next(m, node, type, kind, pfn, m->max_pfn))) {
		if (blk != e->leaves && block_serves(block_status(blk)) &&
		    !elsewhere_was_met(m, blk, kind))
			e->nr_free += block_nr_free(m, blk);
		pfn = blk->start_pfn + m->layout.block_pages;
	}
}

static void elsewhere_many(struct mhp *m, struct elsewhere *e)
{
	struct mhp_block *blk;

	for (blk = m->many; blk && e->nr_free < e->nr_needed; blk = blk->next)
		if (blk != e->leaves)
			e->nr_free += block_nr_free(m, blk);
}

uint64_t elsewhere_free(struct mhp *m, const struct mhp_block *blk,
			uint64_t nr_needed)
{
	struct elsewhere e = {.leaves = blk, .nr_needed = nr_needed};
	unsigned int node, type, kind;

	for (type = MHP_ZONE_DEVICE; type-- > MHP_ZONE_DMA;)
		for (node = 0; node < m->geometry.nr_nodes; node++)
			for (kind = 0; kind < NR_ROOM; kind++)
				elsewhere_kind(m, node,
					       (enum mhp_zone_type)type,
					       (enum room_kind)kind, &e);
	elsewhere_many(m, &e);
	return e.nr_free < nr_needed ? e.nr_free : nr_needed;
}
