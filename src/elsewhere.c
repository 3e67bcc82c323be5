/* SPDX-License-Identifier: MIT */
/* Room for what has to leave a block; see elsewhere.h. */
#include "elsewhere.h"

#include "pageblock.h"
#include "section.h"

/* Blocks that are looked at in a zone before the rest of it counts as full. */
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

/* The block where a search of a zone begins, if it is in its list. */
static struct mhp_block *elsewhere_first(struct mhp *m, struct zone *zone)
{
	struct mhp_block *blk = section_block(m,
					      mhp_port_load(&zone->free_from));
	uint64_t status;

	if (!blk)
		return zone->blocks;
	status = block_status(blk);
	return block_serves(status) && !block_has(status, BLOCK_MANY) &&
			       zone_of(m, block_node(status),
				       block_zone(status)) == zone
		       ? blk
		       : zone->blocks;
}

/* Once round the list of a zone. */
static void elsewhere_zone(struct mhp *m, struct zone *zone,
			   struct elsewhere *e)
{
	struct mhp_block *first = elsewhere_first(m, zone), *blk = first;
	unsigned int looks = ELSEWHERE_LOOKS;

	while (blk && looks-- && e->nr_free < e->nr_needed) {
		if (blk != e->leaves)
			e->nr_free += block_nr_free(m, blk);
		blk = blk->next ? blk->next : zone->blocks;
		if (blk == first)
			return;
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
	unsigned int node, type;

	for (type = MHP_ZONE_DEVICE; type-- > MHP_ZONE_DMA;)
		for (node = 0; node < m->geometry.nr_nodes; node++)
			elsewhere_zone(
				m, zone_of(m, node, (enum mhp_zone_type)type),
				&e);
	elsewhere_many(m, &e);
	return e.nr_free < nr_needed ? e.nr_free : nr_needed;
}
