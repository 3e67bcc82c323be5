/* SPDX-License-Identifier: MIT */
/* What a test knows of a machine; see world.h. */
#include "world.h"
#include "mhp/move.h"

#include <stdlib.h>
#include <string.h>

uint64_t world_below(struct world *w, uint64_t n)
{
	return dice_below(&w->dice, n);
}

static uint64_t world_block(const struct world *w, mhp_pfn_t pfn)
{
	return mhp_block_id(w->mc.g, pfn);
}

/* What boot memory keeps is only known by asking, once. */
static void world_read_boot(struct world *w)
{
	mhp_pfn_t pfn;
	uint64_t id = 0;

	for (; !mhp_block_next(w->mc.m, &id); id++)
		w->life[id] = MHP_BLOCK_ONLINE;
	for (pfn = 0; pfn < w->nr_pages; pfn++) {
		switch (page_info(&w->mc, pfn).use) {
		case MHP_PAGE_ABSENT:
			break;
		case MHP_PAGE_FREE:
			w->map[pfn] = MAP_FREE;
			break;
		case MHP_PAGE_MEMMAP:
		case MHP_PAGE_RESERVED:
			w->map[pfn] = MAP_KEPT;
			break;
		default:
			fail_msg("boot memory is in use");
		}
	}
}

struct world *world_start(const struct machine_case *c, uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned int i;

	assert_non_null(w);
	machine_start(&w->mc, c, 0);
	dice_start(&w->dice, seed);
	w->shelf = shelf_open(&w->mc);
	w->nr_pages = block_start(&w->mc, NR_BLOCKS);
	w->map = calloc(w->nr_pages, 1);
	w->bad = calloc(w->nr_pages, sizeof(*w->bad));
	assert_non_null(w->map);
	assert_non_null(w->bad);
	for (i = 0; i < NR_ITEMS; i++)
		w->item_at[i] = w->item_to[i] = MHP_PFN_NONE;
	assert_int_equal(mhp_hosted_pages(w->mc.m,
					  block_range(&w->mc, FIRST_BLOCK, 1),
					  MHP_PLACEMENT_BLOCK, &w->nr_piece),
			 0);
	world_read_boot(w);
	return w;
}

static void world_settle(struct world *w)
{
	unsigned int i;

	for (i = 0; i < NR_OPS; i++) {
		if (w->open[i])
			mhp_offline_cancel(w->mc.m, &w->ops[i]);
		w->open[i] = false;
	}
	for (i = 0; i < NR_ITEMS; i++)
		if (w->shelf->items[i].live &&
		    w->shelf->items[i].to_pfn != MHP_PFN_NONE)
			assert_int_equal(shelf_complete(w->shelf,
							&w->shelf->items[i],
							i % 2),
					 0);
	for (i = 0; i < NR_HELD; i++)
		if (w->held[i].live)
			assert_int_equal(mhp_frame_free(w->mc.m, w->held[i].pfn,
							w->held[i].order),
					 0);
}

/* Memmaps have moved onto pages of blocks whose own are on those: none of them
 * can leave so. Return: whether any goes back to its block. */
static bool world_untie(struct world *w)
{
	uint64_t before = stat_now(&w->mc).nr_memmaps_moved, id;

	for (id = FIRST_BLOCK; id < NR_BLOCKS; id++)
		(void)!mhp_memmap_move(w->mc.m, id, MHP_PLACEMENT_BLOCK,
				       MHP_NO_DEADLINE, NULL);
	return stat_now(&w->mc).nr_memmaps_moved > before;
}

void world_end(struct world *w)
{
	struct mhp_range hot = block_range(&w->mc, FIRST_BLOCK,
					   NR_BLOCKS - FIRST_BLOCK);
	uint64_t id = 0;
	int err;

	world_settle(w);
	world_device_end(w);
	world_clear(w, mhp_range_make(0, w->nr_pages));
	shelf_close(w->shelf);
	check_ok(&w->mc);
	for (; !mhp_block_next(w->mc.m, &id) && id < FIRST_BLOCK; id++)
		if (block_info(&w->mc, id).state == MHP_BLOCK_OFFLINE)
			assert_int_equal(
				online_blocks(&w->mc, id, 1, MHP_ONLINE_KERNEL),
				0);
	/* Blocks with memmaps of others leave after those. */
	for (id = NR_BLOCKS; id-- > FIRST_BLOCK;) {
		if (w->life[id] == MHP_BLOCK_OFFLINE)
			assert_int_equal(mhp_remove(w->mc.m,
						    block_range(&w->mc, id, 1),
						    NULL),
					 0);
	}
	do {
		uint64_t before = stat_now(&w->mc).nr_removes;

		for (id = NR_BLOCKS; id-- > FIRST_BLOCK;)
			(void)!mhp_offline_and_remove(
				w->mc.m, block_range(&w->mc, id, 1),
				MHP_NO_DEADLINE, 0, NULL);
		err = mhp_remove(w->mc.m, hot, NULL);
		if (err == MHP_ERR_BUSY)
			assert_true(stat_now(&w->mc).nr_removes > before ||
				    world_untie(w));
	} while (err == MHP_ERR_BUSY);
	assert_int_equal(err, MHP_ERR_NOENT);
	assert_int_equal(stat_now(&w->mc).existing_bytes, 0);
	machine_end(&w->mc);
	free(w->map);
	free(w->bad);
	free(w);
}

bool world_run_is_free(const struct world *w, mhp_pfn_t pfn, unsigned int order)
{
	uint64_t i;

	if (pfn + (UINT64_C(1) << order) > w->nr_pages)
		return false;
	for (i = 0; i < UINT64_C(1) << order; i++)
		if (w->life[world_block(w, pfn + i)] != MHP_BLOCK_ONLINE ||
		    w->map[pfn + i] != MAP_FREE || w->bad[pfn + i])
			return false;
	return true;
}

static void world_put(struct world *w, mhp_pfn_t pfn, unsigned int order)
{
	memset(w->map + pfn, MAP_TAIL, (size_t)1 << order);
	w->map[pfn] = (uint8_t)(MAP_HEAD + order);
}

void world_take(struct world *w, mhp_pfn_t pfn, unsigned int order)
{
	assert_true(pfn + (UINT64_C(1) << order) <= w->nr_pages);
	assert_int_equal(pfn & ((UINT64_C(1) << order) - 1), 0);
	assert_true(world_run_is_free(w, pfn, order));
	world_put(w, pfn, order);
}

void world_give(struct world *w, mhp_pfn_t pfn, unsigned int order)
{
	mhp_pfn_t end = pfn + (UINT64_C(1) << order);

	for (; pfn < end; pfn++)
		w->map[pfn] = w->life[world_block(w, pfn)] == MHP_BLOCK_OFFLINE
				      ? MAP_OFFLINE
				      : MAP_FREE;
}

/* An item that stays where it was is no new allocation: its block may be
 * leaving, or a page of it bad. */
static void world_stays(struct world *w, mhp_pfn_t pfn, unsigned int order)
{
	uint64_t i;

	for (i = 0; i < UINT64_C(1) << order; i++)
		assert_int_equal(w->map[pfn + i], MAP_FREE);
	world_put(w, pfn, order);
}

void world_sync_items(struct world *w)
{
	const struct item *items = w->shelf->items;
	mhp_pfn_t at[NR_ITEMS], to[NR_ITEMS];
	unsigned int i;

	memcpy(at, w->item_at, sizeof(at));
	memcpy(to, w->item_to, sizeof(to));
	for (i = 0; i < NR_ITEMS; i++) {
		if (at[i] != MHP_PFN_NONE)
			world_give(w, at[i], items[i].order);
		if (to[i] != MHP_PFN_NONE)
			world_give(w, to[i], items[i].order);
		w->item_at[i] = items[i].live ? items[i].pfn : MHP_PFN_NONE;
		w->item_to[i] = items[i].live ? items[i].to_pfn : MHP_PFN_NONE;
	}
	for (i = 0; i < NR_ITEMS; i++) {
		mhp_pfn_t now[2] = {w->item_at[i], w->item_to[i]};
		unsigned int k;

		for (k = 0; k < 2; k++) {
			if (now[k] == MHP_PFN_NONE)
				continue;
			if (now[k] == at[i] || now[k] == to[i])
				world_stays(w, now[k], items[i].order);
			else
				world_take(w, now[k], items[i].order);
		}
	}
}

void world_sync_engine(struct world *w)
{
	mhp_pfn_t pfn;

	for (pfn = 0; pfn < w->nr_pages; pfn++) {
		struct mhp_page_info info;

		if (w->map[pfn] != MAP_FREE && w->map[pfn] != MAP_ENGINE)
			continue;
		info = page_info(&w->mc, pfn);
		w->map[pfn] = info.use == MHP_PAGE_ALLOCATED && info.owner == 1
				      ? MAP_ENGINE
				      : MAP_FREE;
	}
}

void world_set_life(struct world *w, uint64_t id, enum mhp_block_state life)
{
	mhp_pfn_t pfn = block_start(&w->mc, id);
	mhp_pfn_t end = pfn + mhp_block_pages(w->mc.g);
	uint8_t now = MAP_ABSENT;

	if (life == MHP_BLOCK_OFFLINE)
		now = MAP_OFFLINE;
	if (life == MHP_BLOCK_ONLINE)
		now = MAP_FREE;
	w->life[id] = life;
	for (; pfn < end; pfn++)
		if (life == MHP_BLOCK_ONLINE && world_serves(w, pfn))
			w->map[pfn] = MAP_KEPT;
		else if (w->map[pfn] != MAP_WITHHELD || now == MAP_ABSENT)
			w->map[pfn] = now;
}

void world_add_withheld(struct world *w, uint64_t id)
{
	mhp_pfn_t pfn = block_start(&w->mc, id);
	mhp_pfn_t end = pfn + mhp_block_pages(w->mc.g);

	for (; pfn < end; pfn++)
		if (!world_serves(w, pfn))
			w->map[pfn] = MAP_WITHHELD;
}

void world_withhold(struct world *w, struct mhp_range range, bool withheld)
{
	bool online = w->life[world_block(w, range.start_pfn)] ==
		      MHP_BLOCK_ONLINE;
	uint8_t from = online ? MAP_FREE : MAP_OFFLINE;
	uint64_t i;

	for (i = 0; i < range.nr_pages; i++) {
		uint8_t *page = &w->map[range.start_pfn + i];

		assert_int_equal(*page, withheld ? from : MAP_WITHHELD);
		*page = withheld ? MAP_WITHHELD : from;
	}
}

mhp_pfn_t world_border(const struct world *w, mhp_pfn_t pfn)
{
	uint64_t nr = mhp_pageblock_pages(w->mc.g);
	mhp_pfn_t start = pfn & ~(nr - 1), border = start + nr;

	while (border > start && w->map[border - 1] == MAP_WITHHELD)
		border--;
	return border;
}

static bool in_range(struct mhp_range range, mhp_pfn_t pfn, unsigned int order)
{
	return pfn < mhp_range_end_pfn(range) &&
	       pfn + (UINT64_C(1) << order) > range.start_pfn;
}

static void outlook_item(const struct item *item, struct mhp_range range,
			 struct outlook *o)
{
	/* The target of a move in flight is there to stay a while. */
	if (item->to_pfn != MHP_PFN_NONE)
		o->later |= in_range(range, item->to_pfn, item->order);
	if (!in_range(range, item->pfn, item->order))
		return;
	o->blocked |= item->pins > 0;
	o->refused |= item->answer == ANSWER_REFUSED;
	o->later |= item->answer == ANSWER_LATER ||
		    item->to_pfn != MHP_PFN_NONE;
}

struct outlook world_outlook(const struct world *w, struct mhp_range range)
{
	uint64_t id = mhp_block_id(w->mc.g, range.start_pfn);
	mhp_pfn_t pfn = range.start_pfn;
	struct outlook o = {0};
	unsigned int i;

	for (i = 0; i < NR_HELD; i++)
		if (w->held[i].live &&
		    in_range(range, w->held[i].pfn, w->held[i].order))
			o.blocked = true;
	for (; pfn < mhp_range_end_pfn(range); pfn++)
		o.blocked |= w->map[pfn] == MAP_ENGINE ||
			     (w->map[pfn] == MAP_KEPT && id < FIRST_BLOCK);
	for (i = 0; i < NR_ITEMS; i++)
		if (w->shelf->items[i].live)
			outlook_item(&w->shelf->items[i], range, &o);
	return o;
}

/* Whether unmovable pages may go to the pageblock of @pfn: it is empty, or
 * holds unmovable pages already. */
static bool pageblock_takes_unmovable(struct world *w, mhp_pfn_t pfn)
{
	mhp_pfn_t end = pfn + mhp_pageblock_pages(w->mc.g);

	for (; pfn < end; pfn++)
		if (w->map[pfn] >= MAP_HEAD || w->map[pfn] == MAP_ENGINE)
			return page_info(&w->mc, pfn).mobility == MHP_UNMOVABLE;
	return true;
}

static bool zone_allowed(const struct mhp_request *r, unsigned int zone)
{
	unsigned int limit = r->zone_limit;

	if (!limit)
		limit = r->mobility == MHP_MOVABLE ? MHP_ZONE_MOVABLE
						   : MHP_ZONE_NORMAL;
	if (r->flags & MHP_ALLOC_THIS_ZONE)
		return zone == limit;
	return zone <= limit;
}

/* Whether the zone may keep for others what looks as if it would do: how much
 * of its reserve is there is not looked at here. */
static bool zone_keeps(struct world *w, const struct mhp_request *r,
		       const struct mhp_page_info *info)
{
	unsigned int limit = r->zone_limit;

	if (!limit)
		limit = r->mobility == MHP_MOVABLE ? MHP_ZONE_MOVABLE
						   : MHP_ZONE_NORMAL;
	return zone_info(&w->mc, info->node, (enum mhp_zone_type)info->zone)
		       .nr_reserve[limit] >= mhp_pageblock_pages(w->mc.g);
}

static bool node_allowed(const struct mhp_request *r, unsigned int node)
{
	if (r->node_mask && !(r->node_mask >> node & 1))
		return false;
	return !(r->flags & MHP_ALLOC_THIS_NODE) || !r->node_plus_1 ||
	       r->node_plus_1 == node + 1;
}

/* Whether what is larger than a pageblock stays in one zone, and in memory that
 * came at once. */
static bool chain_belongs_together(struct world *w, mhp_pfn_t pfn,
				   unsigned int order)
{
	uint64_t step = mhp_pageblock_pages(w->mc.g), i;
	struct mhp_page_info first = page_info(&w->mc, pfn);

	for (i = step; i < UINT64_C(1) << order; i += step) {
		struct mhp_page_info info = page_info(&w->mc, pfn + i);

		if (info.zone != first.zone || info.node != first.node ||
		    border_at(&w->mc, pfn + i))
			return false;
	}
	return true;
}

static bool pageblock_could_serve(struct world *w, mhp_pfn_t start,
				  const struct mhp_request *r)
{
	unsigned int align = r->align_order > r->order ? r->align_order
						       : r->order;
	mhp_pfn_t end = start + mhp_pageblock_pages(w->mc.g), pfn;
	struct mhp_page_info info = page_info(&w->mc, start);

	if (!zone_allowed(r, info.zone) || !node_allowed(r, info.node) ||
	    (start & ((UINT64_C(1) << align) - 1) &&
	     align >= mhp_pageblock_order(w->mc.g)))
		return false;
	if (r->mobility == MHP_UNMOVABLE &&
	    !pageblock_takes_unmovable(w, start))
		return false;
	if (zone_keeps(w, r, &info))
		return false;
	for (pfn = start; pfn < end; pfn += UINT64_C(1) << align) {
		if (r->limit_pfn &&
		    pfn + (UINT64_C(1) << r->order) > r->limit_pfn)
			return false;
		if (world_run_is_free(w, pfn, r->order) &&
		    chain_belongs_together(w, pfn, r->order))
			return true;
	}
	return false;
}

bool world_could_serve(struct world *w, const struct mhp_request *request)
{
	mhp_pfn_t pfn = 0;

	for (; pfn < w->nr_pages; pfn += mhp_pageblock_pages(w->mc.g))
		if (w->life[world_block(w, pfn)] == MHP_BLOCK_ONLINE &&
		    pageblock_could_serve(w, pfn, request))
			return true;
	return false;
}

static void verify_page(struct world *w, mhp_pfn_t pfn, mhp_pfn_t *head)
{
	struct mhp_page_info info = page_info(&w->mc, pfn);
	bool leaving = w->life[world_block(w, pfn)] == MHP_BLOCK_GOING_OFFLINE;
	uint8_t what = w->map[pfn];

	assert_int_equal(info.poisoned, w->bad[pfn]);
	if (what >= MAP_HEAD)
		*head = pfn;
	if (what >= MAP_HEAD || what == MAP_TAIL) {
		assert_int_equal(info.use, MHP_PAGE_ALLOCATED);
		assert_int_equal(info.head_pfn, *head);
		assert_int_equal(info.order, w->map[*head] - MAP_HEAD);
	} else if (what == MAP_ENGINE) {
		assert_int_equal(info.use, MHP_PAGE_ALLOCATED);
		assert_int_equal(info.owner, 1);
	} else if (what == MAP_FREE && w->bad[pfn]) {
		assert_int_equal(info.use, MHP_PAGE_POISONED);
	} else if (what == MAP_FREE) {
		assert_int_equal(info.use,
				 leaving ? MHP_PAGE_ISOLATED : MHP_PAGE_FREE);
	} else if (what == MAP_WITHHELD) {
		assert_int_equal(info.use, MHP_PAGE_WITHHELD);
	} else if (what == MAP_KEPT) {
		assert_true(info.use == MHP_PAGE_MEMMAP ||
			    info.use == MHP_PAGE_RESERVED);
	} else if (what == MAP_OFFLINE) {
		assert_int_equal(info.use, world_serves(w, pfn)
						   ? MHP_PAGE_MEMMAP
						   : MHP_PAGE_OFFLINE);
	} else {
		assert_int_equal(info.use, MHP_PAGE_ABSENT);
	}
}

static void verify_block(struct world *w, uint64_t id)
{
	mhp_pfn_t pfn = block_start(&w->mc, id), head = pfn;
	uint64_t nr = mhp_block_pages(w->mc.g), nr_free = 0, nr_withheld = 0;
	struct mhp_block_info b;

	if (w->life[id] == MHP_BLOCK_ABSENT) {
		assert_int_equal(mhp_block_query(w->mc.m, id, &b),
				 MHP_ERR_NOENT);
		return;
	}
	/* One that begins in a block before may reach into this one. */
	while (head && w->map[head] == MAP_TAIL)
		head--;
	for (; nr; nr--, pfn++) {
		verify_page(w, pfn, &head);
		nr_free += w->map[pfn] == MAP_FREE && !w->bad[pfn];
		nr_withheld += w->map[pfn] == MAP_WITHHELD;
	}
	verify_tally(&w->mc, block_range(&w->mc, id, 1));
	b = block_info(&w->mc, id);
	assert_int_equal(b.nr_withheld, nr_withheld);
	assert_int_equal(b.nr_poisoned,
			 world_nr_bad(w, block_range(&w->mc, id, 1)));
	assert_int_equal(mhp_withheld(w->mc.m, block_range(&w->mc, id, 1)),
			 nr_withheld);
	assert_int_equal(b.state, w->life[id]);
	assert_int_equal(b.nr_free + b.nr_isolated, nr_free);
	if (b.state == MHP_BLOCK_ONLINE)
		assert_int_equal(b.nr_isolated, 0);
}

void world_verify(struct world *w)
{
	uint64_t id;

	for (id = 0; id < NR_BLOCKS; id++)
		verify_block(w, id);
	assert_int_equal(stat_now(&w->mc).nr_poisoned,
			 world_nr_bad(w, mhp_range_make(0, w->nr_pages)));
	world_device_verify(w);
	shelf_verify(w->shelf);
}
