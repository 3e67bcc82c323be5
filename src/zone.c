/* SPDX-License-Identifier: MIT */
/* Zones and their accounts; see zone.h. */
#include "zone.h"

#include "boot_map.h"
#include "group.h"
#include "reserve.h"
#include "section.h"
#include "withheld.h"

static void store_next(struct mhp_block **link, struct mhp_block *blk)
{
	mhp_port_store_ptr((void **)(void *)link, blk);
}

struct zone_share zone_share(struct mhp *m, struct mhp_block *blk,
			     unsigned int node, enum mhp_zone_type zone)
{
	struct zone_share share = {{0, 0}, 0, 0};
	uint64_t status = block_status(blk);

	if (!block_serves(status) &&
	    block_life(status) != MHP_BLOCK_GOING_ONLINE)
		return share;
	if (!block_has(status, BLOCK_MANY) &&
	    (block_zone(status) != zone || block_node(status) != node))
		return share;
	if (block_has(status, BLOCK_BOOT)) {
		/* A block of one zone may be in another one than at boot. */
		boot_share(
			m,
			mhp_range_make(blk->start_pfn, m->layout.block_pages),
			node,
			block_has(status, BLOCK_MANY) ? zone : MHP_ZONE_NONE,
			&share);
		share.nr_managed -= withheld_in_block(m, blk);
		return share;
	}
	share.extent = mhp_range_make(blk->start_pfn, m->layout.block_pages);
	share.nr_present = m->layout.block_pages;
	share.nr_managed = m->layout.block_pages - block_memmap_pages(status) -
			   withheld_in_block(m, blk);
	return share;
}

/* The smallest range that holds both; either may be empty. */
static struct mhp_range range_hull(struct mhp_range a, struct mhp_range b)
{
	mhp_pfn_t start, end;

	if (!a.nr_pages)
		return b;
	if (!b.nr_pages)
		return a;
	start = a.start_pfn < b.start_pfn ? a.start_pfn : b.start_pfn;
	end = mhp_range_end_pfn(a) > mhp_range_end_pfn(b)
		      ? mhp_range_end_pfn(a)
		      : mhp_range_end_pfn(b);
	return mhp_range_make(start, end - start);
}

static void zone_add(struct mhp *m, struct mhp_block *blk, unsigned int node,
		     enum mhp_zone_type type)
{
	struct zone_share share = zone_share(m, blk, node, type);
	struct zone *zone = zone_of(m, node, type);

	zone->span = range_hull(zone->span, share.extent);
	zone->nr_present += share.nr_present;
	if (block_has(block_status(blk), BLOCK_BOOT))
		zone->nr_early_present += share.nr_present;
	group_account(m, blk, type, (int64_t)share.nr_present);
	zone->nr_managed += share.nr_managed;
	if (share.nr_present)
		zone->in_leaf[section_leaf(m, blk->start_pfn)]++;
	reserve_update(m, node);
}

/* A part of the addresses, and the zone that is looked for in it. */
struct zone_walk {
	mhp_pfn_t start_pfn;
	mhp_pfn_t end_pfn;
	unsigned int node;
	enum mhp_zone_type type;
	bool all; /* look into leaves, whatever is said of them */
};

/* Cut what there is nothing of the zone in off the start. */
static void walk_skip_up(struct mhp *m, struct zone_walk *w)
{
	const uint32_t *in_leaf = zone_of(m, w->node, w->type)->in_leaf;
	uint64_t first = section_leaf(m, w->start_pfn), leaf = first;
	uint64_t last = section_leaf(m, w->end_pfn - 1);

	while (!w->all && leaf <= last && !in_leaf[leaf])
		leaf++;
	if (leaf > first)
		w->start_pfn = section_leaf_start(m, leaf);
}

/* Likewise off the end. */
static void walk_skip_down(struct mhp *m, struct zone_walk *w)
{
	const uint32_t *in_leaf = zone_of(m, w->node, w->type)->in_leaf;
	uint64_t first = section_leaf(m, w->start_pfn);
	uint64_t last = section_leaf(m, w->end_pfn - 1), end = last + 1;

	while (!w->all && end > first && !in_leaf[end - 1])
		end--;
	if (end <= last)
		w->end_pfn = section_leaf_start(m, end);
}

/* Whether a block may have pages in the zone; most others do not. */
static bool walk_wants(const struct zone_walk *w, uint64_t status)
{
	return block_has(status, BLOCK_MANY) ||
	       (block_zone(status) == w->type && block_node(status) == w->node);
}

/* Extent of the first block in a leaf, or of the last one, that has pages in
 * the zone. */
static struct mhp_range walk_leaf(struct mhp *m, const struct zone_walk *w,
				  uint64_t leaf, bool up)
{
	struct mhp_block *const *entries =
		(struct mhp_block *const *)(void *)m->root[leaf];
	mhp_pfn_t start = section_leaf_start(m, leaf);
	mhp_pfn_t end = section_leaf_start(m, leaf + 1);
	uint64_t first, nr, i;

	start = start > w->start_pfn ? start : w->start_pfn;
	end = end < w->end_pfn ? end : w->end_pfn;
	first = start >> m->section_order;
	nr = entries ? ((end - 1) >> m->section_order) - first + 1 : 0;
	for (i = 0; i < nr; i++) {
		uint64_t section = up ? first + i : first + nr - 1 - i;
		struct mhp_block *blk = entries[section & m->leaf_mask];
		struct zone_share share;

		if (!blk || !walk_wants(w, block_status(blk)))
			continue;
		share = zone_share(m, blk, w->node, w->type);
		if (share.nr_present)
			return share.extent;
	}
	return mhp_range_make(0, 0);
}

/* Extent of the first block that has pages in the zone. */
static struct mhp_range zone_first(struct mhp *m, struct zone_walk w)
{
	struct mhp_range extent = mhp_range_make(0, 0);

	while (!extent.nr_pages && w.start_pfn < w.end_pfn) {
		uint64_t leaf;

		walk_skip_up(m, &w);
		if (w.start_pfn >= w.end_pfn)
			break;
		leaf = section_leaf(m, w.start_pfn);
		extent = walk_leaf(m, &w, leaf, true);
		w.start_pfn = section_leaf_start(m, leaf + 1);
	}
	return extent;
}

/* Extent of the last block that has pages in the zone. */
static struct mhp_range zone_last(struct mhp *m, struct zone_walk w)
{
	struct mhp_range extent = mhp_range_make(0, 0);

	while (!extent.nr_pages && w.end_pfn > w.start_pfn) {
		uint64_t leaf;

		walk_skip_down(m, &w);
		if (w.end_pfn <= w.start_pfn)
			break;
		leaf = section_leaf(m, w.end_pfn - 1);
		extent = walk_leaf(m, &w, leaf, false);
		w.end_pfn = section_leaf_start(m, leaf);
	}
	return extent;
}

/* The block does not count any more: draw the ends of the span in. */
static void zone_shrink(struct mhp *m, struct mhp_range gone, unsigned int node,
			enum mhp_zone_type type)
{
	struct zone *zone = zone_of(m, node, type);
	mhp_pfn_t start = zone->span.start_pfn;
	mhp_pfn_t end = mhp_range_end_pfn(zone->span);
	struct zone_walk w = {.end_pfn = end, .node = node, .type = type};

	if (!zone->nr_present) {
		zone->span = mhp_range_make(0, 0);
		return;
	}
	if (gone.start_pfn == start) {
		w.start_pfn = mhp_range_end_pfn(gone);
		start = zone_first(m, w).start_pfn;
	}
	if (mhp_range_end_pfn(gone) == end) {
		w.start_pfn = start;
		w.end_pfn = gone.start_pfn;
		end = mhp_range_end_pfn(zone_last(m, w));
	}
	zone->span = mhp_range_make(start, end - start);
}

static void zone_add_all(struct mhp *m, struct mhp_block *blk)
{
	unsigned int node, type;

	for (node = 0; node < m->geometry.nr_nodes; node++)
		for (type = MHP_ZONE_DMA; type < MHP_NR_ZONES; type++)
			zone_add(m, blk, node, (enum mhp_zone_type)type);
}

void zone_account(struct mhp *m, struct mhp_block *blk)
{
	uint64_t status = block_status(blk);

	if (block_has(status, BLOCK_MANY))
		zone_add_all(m, blk);
	else
		zone_add(m, blk, block_node(status), block_zone(status));
}

void zone_unaccount(struct mhp *m, struct mhp_block *blk)
{
	uint64_t status = block_status(blk);
	unsigned int node = block_node(status);
	enum mhp_zone_type type = block_zone(status);
	struct zone *zone = zone_of(m, node, type);
	struct zone_share share = zone_share(m, blk, node, type);

	MHP_ASSERT(!block_has(status, BLOCK_MANY));
	MHP_ASSERT(zone->nr_present >= share.nr_present);
	zone->nr_present -= share.nr_present;
	if (block_has(status, BLOCK_BOOT))
		zone->nr_early_present -= share.nr_present;
	group_account(m, blk, type, -(int64_t)share.nr_present);
	zone->nr_managed -= share.nr_managed;
	if (share.nr_present)
		zone->in_leaf[section_leaf(m, blk->start_pfn)]--;
	reserve_update(m, node);
	zone_shrink(m, share.extent, node, type);
}

void zone_going(struct mhp *m, struct mhp_block *blk, bool going)
{
	uint64_t status = block_status(blk);
	unsigned int node = block_node(status);
	enum mhp_zone_type type = block_zone(status);
	uint64_t nr = zone_share(m, blk, node, type).nr_present;
	struct zone *zone = zone_of(m, node, type);

	MHP_ASSERT(going || zone->nr_going >= nr);
	zone->nr_going += going ? nr : -nr;
}

/* Managed pages of a block of one zone come or go. */
static void zone_manage(struct mhp *m, const struct mhp_block *blk,
			int64_t nr_more)
{
	uint64_t status = block_status(blk);

	if (!block_serves(status))
		return;
	zone_of(m, block_node(status), block_zone(status))->nr_managed +=
		(uint64_t)nr_more;
	reserve_update(m, block_node(status));
}

void zone_withheld(struct mhp *m, const struct mhp_block *blk, uint64_t nr)
{
	zone_manage(m, blk, -(int64_t)nr);
}

void zone_released(struct mhp *m, const struct mhp_block *blk, uint64_t nr)
{
	zone_manage(m, blk, (int64_t)nr);
}

/* The online block of the same zone just before, if it is a neighbour. */
static struct mhp_block *zone_neighbour(struct mhp *m, struct mhp_block *blk)
{
	uint64_t status = block_status(blk), other;
	struct mhp_block *near;

	if (!blk->start_pfn)
		return NULL;
	near = section_prev_block(m, blk->start_pfn - 1);
	if (!near)
		return NULL;
	other = block_status(near);
	return block_serves(other) && !block_has(other, BLOCK_MANY) &&
			       block_zone(other) == block_zone(status) &&
			       block_node(other) == block_node(status)
		       ? near
		       : NULL;
}

void zone_link(struct mhp *m, struct mhp_block *blk)
{
	uint64_t status = block_status(blk);
	struct zone *zone = zone_of(m, block_node(status), block_zone(status));
	struct mhp_block *near = zone_neighbour(m, blk);
	struct mhp_block **link = near ? &near->next : &zone->blocks;

	blk->prev = near;
	store_next(&blk->next, *link);
	if (blk->next)
		blk->next->prev = blk;
	store_next(link, blk);
}

void zone_unlink(struct mhp *m, struct mhp_block *blk)
{
	uint64_t status = block_status(blk);
	struct zone *zone = zone_of(m, block_node(status), block_zone(status));

	store_next(blk->prev ? &blk->prev->next : &zone->blocks, blk->next);
	if (blk->next)
		blk->next->prev = blk->prev;
}

struct mhp_range zone_extent(struct mhp *m, unsigned int node,
			     enum mhp_zone_type zone)
{
	const struct zone_walk w = {
		.end_pfn = m->max_pfn,
		.node = node,
		.type = zone,
		.all = true,
	};
	mhp_pfn_t start = zone_first(m, w).start_pfn;

	return mhp_range_make(start,
			      mhp_range_end_pfn(zone_last(m, w)) - start);
}
