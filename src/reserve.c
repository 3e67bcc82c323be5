/* SPDX-License-Identifier: MIT */
/* The reserves of zones; see reserve.h. */
#include "reserve.h"

#include "boot_map.h"
#include "grace.h"
#include "room.h"

/* ---- how much ---- */

/* By Linux's rule: all that a request could have had above, by the ratio. No
 * request has the limit DEVICE; it is there to be shown. */
static void reserve_update_zone(struct mhp *m, unsigned int node,
				enum mhp_zone_type type)
{
	struct zone *zone = zone_of(m, node, type);
	uint32_t ratio = zone->nr_managed ? m->policy.reserve_ratio[type] : 0;
	unsigned int limit = type + 1u;
	uint64_t above = 0;

	for (; limit < MHP_NR_ZONES; limit++) {
		above +=
			zone_of(m, node, (enum mhp_zone_type)limit)->nr_managed;
		mhp_port_store(&zone->reserve[limit],
			       ratio ? above / ratio : 0);
	}
}

void reserve_update(struct mhp *m, unsigned int node)
{
	unsigned int type;

	for (type = MHP_ZONE_DMA; type < MHP_ZONE_MOVABLE; type++)
		reserve_update_zone(m, node, (enum mhp_zone_type)type);
	/* Cursors of whole pageblocks do not ask. */
	grace_forget(m);
}

uint64_t reserve_pages(const struct zone *zone, enum mhp_zone_type limit)
{
	return mhp_port_load(&zone->reserve[limit]);
}

/* ---- how much is there ---- */

/* A count that ends where it is enough. */
struct count {
	const struct search *s;
	uint64_t found;
	uint64_t enough;
};

/* Whether a pageblock that was never used has pages that are not the
 * allocator's. */
static bool count_has_fixed(const struct mhp *m, const struct pageblock *pb)
{
	uint64_t status = block_status(pb->blk);

	if (block_has(status, BLOCK_BOOT | BLOCK_GAPS))
		return pageblock_has_fixed(m, pb);
	return (uint64_t)pb->index << m->layout.pageblock_order <
	       block_memmap_pages(status);
}

static bool count_in_zone(const struct search *s, const struct pageblock *pb)
{
	unsigned int node = 0;

	return !block_has(block_status(pb->blk), BLOCK_MANY) ||
	       (boot_pageblock_zone(s->m, pageblock_pfn(s->m, pb), &node) ==
			s->zone &&
		node == s->node);
}

/* Free, all of it, and for everybody. */
static bool count_takes(const struct search *s, const struct pageblock *pb)
{
	uint64_t word = mhp_port_load_seq(pb->word);

	return !(word & ~PB_USED) && count_in_zone(s, pb) &&
	       (word & PB_USED || !count_has_fixed(s->m, pb));
}

static void count_block(struct count *c, struct mhp_block *blk)
{
	const struct mhp *m = c->s->m;
	uint32_t i;

	if (!block_grants(block_status(blk)))
		return;
	for (i = pageblock_first(m, blk);
	     i < m->layout.nr_pageblocks && c->found < c->enough; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		if (pageblock_hint_nowhole(m, blk, i / 64))
			i |= 63;
		else
			c->found += count_takes(c->s, &pb);
	}
}

bool reserve_spares(const struct search *s, enum mhp_zone_type limit,
		    uint64_t nr)
{
	const struct zone *zone = zone_of(s->m, s->node, s->zone);
	uint64_t pages = reserve_pages(zone, limit);
	uint64_t kept = pages >> s->m->layout.pageblock_order;
	struct count c = {.s = s, .enough = kept + nr};
	struct mhp_block *blk;
	mhp_pfn_t pfn = 0;

	if (!kept)
		return true;
	while (c.found < c.enough &&
	       (blk = room_next(s->m, s->node, s->zone, ROOM_WHOLE, pfn,
				s->m->max_pfn))) {
		count_block(&c, blk);
		pfn = blk->start_pfn + s->m->layout.block_pages;
	}
	for (blk = s->m->many; blk && c.found < c.enough; blk = blk->next)
		count_block(&c, blk);
	return c.found >= c.enough;
}
