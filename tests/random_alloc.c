/* SPDX-License-Identifier: MIT */
/* Allocations and frees, right and wrong; see random.h. */
#include "random.h"

static struct mhp_request random_request(struct world *w)
{
	unsigned int largest = mhp_pageblock_order(w->mc.g);
	struct mhp_request r = {0};

	/* A few that are larger than a pageblock. */
	if (!world_below(w, 16))
		largest = mhp_gigantic_order(w->mc.g);
	if (world_below(w, 2))
		r.order = (uint8_t)world_below(w, largest + 1);
	r.mobility = (uint8_t)world_below(w, 2);
	if (r.mobility == MHP_MOVABLE)
		r.owner = w->shelf->owner;
	if (!world_below(w, 8))
		r.zone_limit = (uint8_t)(MHP_ZONE_DMA + world_below(w, 3));
	if (!world_below(w, 16))
		r.flags |= MHP_ALLOC_THIS_ZONE;
	if (!world_below(w, 8))
		r.align_order = (uint8_t)world_below(w, largest + 1);
	if (!world_below(w, 12))
		r.limit_pfn = 1 + world_below(w, w->nr_pages);
	if (!world_below(w, 4))
		r.node_plus_1 = (uint16_t)(1 +
					   world_below(w, w->mc.g->nr_nodes));
	if (!world_below(w, 16))
		r.node_mask = 1 + world_below(w, (1u << w->mc.g->nr_nodes) - 1);
	if (r.node_plus_1 && !world_below(w, 4))
		r.flags |= MHP_ALLOC_THIS_NODE;
	return r;
}

static void assert_as_requested(struct world *w, const struct mhp_request *r,
				mhp_pfn_t pfn)
{
	struct mhp_page_info info = page_info(&w->mc, pfn);
	unsigned int limit = r->zone_limit;

	if (!limit)
		limit = r->mobility ? MHP_ZONE_MOVABLE : MHP_ZONE_NORMAL;
	assert_in_range(info.zone, MHP_ZONE_DMA, limit);
	if (r->flags & MHP_ALLOC_THIS_ZONE)
		assert_int_equal(info.zone, limit);
	if (r->mobility == MHP_UNMOVABLE)
		assert_int_not_equal(info.zone, MHP_ZONE_MOVABLE);
	assert_int_equal(pfn & ((UINT64_C(1) << r->align_order) - 1), 0);
	if (r->limit_pfn)
		assert_true(pfn + (UINT64_C(1) << r->order) <= r->limit_pfn);
	if (r->node_mask)
		assert_true(r->node_mask >> info.node & 1);
	if (r->flags & MHP_ALLOC_THIS_NODE)
		assert_int_equal(info.node + 1, r->node_plus_1);
}

static void alloc_done(struct world *w, const struct mhp_request *r,
		       mhp_pfn_t pfn)
{
	world_take(w, pfn, r->order);
	assert_as_requested(w, r, pfn);
}

static void do_alloc_movable(struct world *w, const struct mhp_request *r)
{
	struct item *item = shelf_alloc(w->shelf, r);

	if (!item) {
		assert_false(world_could_serve(w, r));
		return;
	}
	alloc_done(w, r, item->pfn);
	w->item_at[item - w->shelf->items] = item->pfn;
	if (!world_below(w, 40))
		item->pins = 1 + (uint32_t)world_below(w, 9);
	else if (!world_below(w, 40))
		item->answer = ANSWER_REFUSED;
	else if (!world_below(w, 10))
		item->answer = ANSWER_LATER;
	else if (!world_below(w, 10))
		item->answer = ANSWER_REFUSED_ONCE;
}

static void do_alloc_unmovable(struct world *w, const struct mhp_request *r)
{
	struct held *held = w->held;
	int err;

	while (held < w->held + NR_HELD && held->live)
		held++;
	if (held == w->held + NR_HELD)
		return;
	err = mhp_frame_alloc(w->mc.m, r, &held->pfn);
	if (err) {
		assert_int_equal(err, MHP_ERR_NOMEM);
		assert_false(world_could_serve(w, r));
		return;
	}
	held->live = true;
	held->order = r->order;
	alloc_done(w, r, held->pfn);
	*(uint64_t *)mhp_frame_address(w->mc.m, held->pfn) = ~held->pfn;
}

static unsigned int nr_live_items(const struct world *w)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_ITEMS; i++)
		nr += w->shelf->items[i].live;
	return nr;
}

void random_alloc(struct world *w)
{
	struct mhp_request r = random_request(w);

	if (r.mobility == MHP_UNMOVABLE)
		do_alloc_unmovable(w, &r);
	else if (nr_live_items(w) < NR_ITEMS)
		do_alloc_movable(w, &r);
}

static void do_free_held(struct world *w)
{
	struct held *held = &w->held[world_below(w, NR_HELD)];

	if (!held->live)
		return;
	assert_int_equal(*(uint64_t *)mhp_frame_address(w->mc.m, held->pfn),
			 ~held->pfn);
	assert_int_equal(mhp_frame_free(w->mc.m, held->pfn, held->order), 0);
	world_give(w, held->pfn, held->order);
	held->live = false;
}

static void do_free_item(struct world *w)
{
	unsigned int i = (unsigned int)world_below(w, NR_ITEMS);
	struct item *item = &w->shelf->items[i];

	if (!item->live || item->to_pfn != MHP_PFN_NONE)
		return;
	shelf_free(w->shelf, item);
	world_give(w, item->pfn, item->order);
	w->item_at[i] = MHP_PFN_NONE;
}

/* A burst now and then, so that whole pageblocks become free. */
void random_free(struct world *w)
{
	unsigned int nr = world_below(w, 30) ? 8 : 2000;

	while (nr--) {
		do_free_held(w);
		do_free_item(w);
	}
}

static int wrong_free_error(const struct world *w, mhp_pfn_t pfn,
			    unsigned int order)
{
	switch (w->map[pfn]) {
	case MAP_ABSENT:
		return world_device_in(w, mhp_range_make(pfn, 1))
			       ? MHP_ERR_INVAL
			       : MHP_ERR_FAULT;
	case MAP_OFFLINE:
		return MHP_ERR_FAULT;
	case MAP_FREE:
		if (w->bad[pfn])
			return MHP_ERR_INVAL;
		return order ? 0 : MHP_ERR_ALREADY;
	case MAP_WITHHELD:
		return w->life[mhp_block_id(w->mc.g, pfn)] == MHP_BLOCK_OFFLINE
			       ? MHP_ERR_FAULT
			       : MHP_ERR_INVAL;
	default:
		return MHP_ERR_INVAL;
	}
}

/* Any page with any order; only what is right is left out. */
void random_wrong_free(struct world *w)
{
	unsigned int largest = mhp_gigantic_order(w->mc.g);
	unsigned int order = (unsigned int)world_below(w, largest + 2);
	mhp_pfn_t pfn = world_below(w, w->nr_pages);
	int err, expected;

	if (world_below(w, 2))
		order = 0;
	if (world_below(w, 2))
		pfn &= ~((UINT64_C(1) << order) - 1);
	if (w->map[pfn] == MAP_HEAD + order || w->map[pfn] == MAP_ENGINE)
		return;
	expected = wrong_free_error(w, pfn, order);
	err = mhp_frame_free(w->mc.m, pfn, order);
	if (expected)
		assert_int_equal(err, expected);
	else
		assert_true(err == MHP_ERR_ALREADY || err == MHP_ERR_INVAL);
}
