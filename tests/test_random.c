/* SPDX-License-Identifier: MIT */
/*
 * Random calls against a map of one byte for each page, on every geometry: what
 * is allocated was free, what is refused could not be had, what is freed
 * wrongly changes nothing, and what moves arrives.
 *
 * Environment: MHP_TEST_SEED, printed by each test, replays it; MHP_TEST_STEPS
 * is the number of steps of each.
 */
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define STEPS_DEFAULT 3000
/* A look at everything once in so many steps; the checker runs after each. */
#define VERIFY_EVERY 37
/* Blocks that come and go, from FIRST_BLOCK on. */
#define NR_HOT 10

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

static void do_alloc(struct world *w)
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

/* A burst, so that whole pageblocks become free now and then. */
static void do_free(struct world *w)
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
static void do_wrong_free(struct world *w)
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

static void do_add(struct world *w, uint64_t id)
{
	struct mhp_add_request add = {
		.node = (uint16_t)world_below(w, w->mc.g->nr_nodes),
		/* Blocks of a range that has one memmap for all of it do not
		 * come and go one by one. */
		.placement = world_below(w, 3) ? MHP_PLACEMENT_BLOCK
					       : MHP_PLACEMENT_EXISTING,
	};
	uint64_t nr = 1 + world_below(w, 3), i;
	bool known = false;
	int err;

	add.range = block_range(&w->mc, id, nr);
	if (!world_below(w, 4))
		add.flags = MHP_ADD_WITHHELD;
	for (i = 0; i < nr; i++)
		known |= w->life[id + i] != MHP_BLOCK_ABSENT;
	err = mhp_add(w->mc.m, &add, NULL);
	if (known) {
		assert_int_equal(err, MHP_ERR_EXIST);
		return;
	}
	if (add.placement != MHP_PLACEMENT_EXISTING || err != MHP_ERR_NOMEM)
		assert_int_equal(err, 0);
	world_sync_engine(w);
	for (i = 0; !err && i < nr; i++) {
		world_set_life(w, id + i, MHP_BLOCK_OFFLINE);
		if (add.flags)
			world_add_withheld(w, id + i);
	}
}

static void do_online(struct world *w, uint64_t id)
{
	enum mhp_online_type type = (enum mhp_online_type)(MHP_ONLINE_DEFAULT +
							   world_below(w, 3));

	/* What boot memory keeps is known no more once it is MOVABLE. */
	if (id < FIRST_BLOCK)
		type = MHP_ONLINE_KERNEL;
	if (world_nr_bad(w, block_range(&w->mc, id, 1))) {
		assert_int_equal(mhp_block_online(w->mc.m, id, type, NULL),
				 MHP_ERR_HWPOISON);
		if (world_below(w, 2))
			world_clear(w, block_range(&w->mc, id, 1));
		return;
	}
	assert_int_equal(mhp_block_online(w->mc.m, id, type, NULL), 0);
	world_set_life(w, id, MHP_BLOCK_ONLINE);
}

static void do_remove(struct world *w, uint64_t id)
{
	int err = mhp_remove(w->mc.m, block_range(&w->mc, id, 1), NULL);

	if (id < FIRST_BLOCK) {
		assert_int_equal(err, MHP_ERR_BUSY);
		return;
	}
	assert_int_equal(err, 0);
	world_set_life(w, id, MHP_BLOCK_ABSENT);
	world_sync_engine(w);
}

/* The operation has ended with @err: note what became of the block. */
static void offline_ended(struct world *w, uint64_t id, int err,
			  struct outlook o)
{
	if (err == MHP_ERR_NOMEM)
		assert_false(o.blocked);
	else if (o.blocked || o.refused)
		assert_int_equal(err, MHP_ERR_BUSY);
	else
		assert_int_equal(err, 0);
	w->life[id] = MHP_BLOCK_ONLINE;
	world_sync_items(w);
	if (!err)
		world_set_life(w, id, MHP_BLOCK_OFFLINE);
}

static void do_offline(struct world *w, uint64_t id)
{
	struct outlook o = world_outlook(w, block_range(&w->mc, id, 1));
	int err;

	/* It would wait for an owner who is not going to come. */
	if (o.later && !o.blocked)
		return;
	err = mhp_block_offline(w->mc.m, id, MHP_NO_DEADLINE, NULL);
	offline_ended(w, id, err, o);
}

static void do_begin(struct world *w, uint64_t id)
{
	struct outlook o = world_outlook(w, block_range(&w->mc, id, 1));
	unsigned int i = (unsigned int)world_below(w, NR_OPS);
	int err;

	if (w->open[i])
		return;
	err = mhp_offline_begin(w->mc.m, &w->ops[i], id, MHP_NO_DEADLINE,
				MHP_OFFLINE_PATIENT, NULL);
	if (err) {
		assert_int_equal(err, MHP_ERR_BUSY);
		assert_true(o.blocked);
		return;
	}
	w->life[id] = MHP_BLOCK_GOING_OFFLINE;
	w->open[i] = true;
}

static void do_step(struct world *w)
{
	unsigned int i = (unsigned int)world_below(w, NR_OPS);
	uint64_t id = w->ops[i].block_id;
	int err;

	if (!w->open[i])
		return;
	if (!world_below(w, 12)) {
		mhp_offline_cancel(w->mc.m, &w->ops[i]);
		w->open[i] = false;
		w->life[id] = MHP_BLOCK_ONLINE;
		return;
	}
	err = mhp_offline_step(w->mc.m, &w->ops[i], NULL);
	if (err == MHP_ERR_AGAIN) {
		world_sync_items(w);
		return;
	}
	assert_true(err == 0 || err == MHP_ERR_NOMEM);
	w->open[i] = false;
	w->life[id] = MHP_BLOCK_ONLINE;
	world_sync_items(w);
	if (!err)
		world_set_life(w, id, MHP_BLOCK_OFFLINE);
}

static void do_complete(struct world *w)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_ITEMS && nr < 3; i++) {
		struct item *item = &w->shelf->items[i];

		if (!item->live || item->to_pfn == MHP_PFN_NONE ||
		    !world_below(w, 2))
			continue;
		item->answer = ANSWER_MOVED;
		assert_int_equal(
			shelf_complete(w->shelf, item, world_below(w, 2)), 0);
		nr++;
	}
	world_sync_items(w);
}

static void do_lifecycle(struct world *w)
{
	uint64_t id = FIRST_BLOCK + world_below(w, NR_HOT);

	if (!world_below(w, 10))
		id = 1 + world_below(w, NR_BOOT_BLOCKS - 1);
	switch (w->life[id]) {
	case MHP_BLOCK_ABSENT:
		do_add(w, id);
		break;
	case MHP_BLOCK_OFFLINE:
		if (world_below(w, 3))
			do_online(w, id);
		else
			do_remove(w, id);
		break;
	case MHP_BLOCK_ONLINE:
		if (world_below(w, 2))
			do_offline(w, id);
		else
			do_begin(w, id);
		break;
	default:
		assert_int_equal(
			mhp_block_offline(w->mc.m, id, MHP_NO_DEADLINE, NULL),
			MHP_ERR_BUSY);
		break;
	}
}

/* Most of the time pages at the border of one pageblock, else any. */
static struct mhp_range random_pages(struct world *w, uint64_t id, bool release)
{
	uint64_t nr = mhp_pageblock_pages(w->mc.g), n;
	mhp_pfn_t pfn = block_start(&w->mc, id) +
			world_below(w, mhp_block_pages(w->mc.g));
	mhp_pfn_t border = world_border(w, pfn);
	mhp_pfn_t start = pfn & ~(nr - 1);

	if (!world_below(w, 4))
		return mhp_range_make(pfn, world_below(w, 3 * nr));
	n = release ? start + nr - border : border - start;
	if (!n)
		return mhp_range_make(start, nr);
	/* All of it now and then, so that it is dead or whole again. */
	n = world_below(w, 3) ? 1 + world_below(w, n) : n;
	return mhp_range_make(release ? border : border - n, n);
}

/* Whether a page can be withheld or released as one of a range. */
static bool page_is_right(struct world *w, uint64_t id, mhp_pfn_t pfn,
			  bool release)
{
	struct mhp_block_info b = block_info(&w->mc, id);

	if (release)
		return w->map[pfn] == MAP_WITHHELD;
	return w->map[pfn] != MAP_WITHHELD && w->map[pfn] != MAP_KEPT &&
	       (b.boot || pfn - block_start(&w->mc, id) >= b.nr_memmap);
}

/* Whether a range is one that can be withheld or released, by the map. */
static bool range_is_right(struct world *w, uint64_t id, struct mhp_range range,
			   bool release)
{
	uint64_t nr = mhp_pageblock_pages(w->mc.g);
	mhp_pfn_t pfn = range.start_pfn, end = mhp_range_end_pfn(range);

	if (!range.nr_pages || mhp_block_id(w->mc.g, end - 1) != id)
		return false;
	for (; pfn < end; pfn++) {
		mhp_pfn_t border = world_border(w, pfn);

		if (!page_is_right(w, id, pfn, release))
			return false;
		if (release && border < range.start_pfn)
			return false;
		if (release && border < pfn && !(pfn & (nr - 1)))
			return false;
		if (!release && border > end)
			return false;
		if (!release && border <= pfn)
			return false;
	}
	return true;
}

static void do_release(struct world *w, uint64_t id, struct mhp_range range)
{
	int err = mhp_release(w->mc.m, range, NULL);

	if (!range_is_right(w, id, range, true)) {
		assert_int_equal(err, MHP_ERR_INVAL);
		return;
	}
	assert_int_equal(err, 0);
	world_withhold(w, range, false);
}

static void do_withhold(struct world *w, uint64_t id, struct mhp_range range)
{
	bool right = range_is_right(w, id, range, false);
	struct outlook o = world_outlook(w, range);
	int err;

	if (o.later && !o.blocked)
		return;
	err = mhp_withhold(w->mc.m, range, MHP_NO_DEADLINE, NULL);
	world_sync_items(w);
	if (!right)
		assert_int_equal(err, MHP_ERR_INVAL);
	else if (w->life[id] == MHP_BLOCK_ONLINE && (o.blocked || o.refused))
		assert_int_equal(
			err == MHP_ERR_NOMEM && !o.blocked ? MHP_ERR_BUSY : err,
			MHP_ERR_BUSY);
	else if (err != MHP_ERR_NOMEM || w->life[id] != MHP_BLOCK_ONLINE)
		assert_int_equal(err, 0);
	if (!err)
		world_withhold(w, range, true);
}

static void do_hold(struct world *w)
{
	uint64_t id = world_below(w, FIRST_BLOCK + NR_HOT);
	bool release = world_below(w, 2);
	struct mhp_range range = random_pages(w, id, release);

	if (!range.nr_pages)
		range.nr_pages = 1;
	switch (w->life[id]) {
	case MHP_BLOCK_ABSENT:
		assert_int_equal(mhp_release(w->mc.m, range, NULL),
				 MHP_ERR_NOENT);
		break;
	case MHP_BLOCK_ONLINE:
	case MHP_BLOCK_OFFLINE:
		if (release)
			do_release(w, id, range);
		else
			do_withhold(w, id, range);
		break;
	default:
		if (mhp_block_id(w->mc.g, mhp_range_end_pfn(range) - 1) == id)
			assert_int_equal(mhp_withhold(w->mc.m, range, 0, NULL),
					 MHP_ERR_BUSY);
		break;
	}
}

static void do_something(struct world *w)
{
	uint64_t what = world_below(w, 100);

	if (what < 55)
		do_alloc(w);
	else if (what < 75)
		do_free(w);
	else if (what < 80)
		do_wrong_free(w);
	else if (what < 85)
		world_poison(w);
	else if (what < 92)
		do_lifecycle(w);
	else if (what < 95)
		do_step(w);
	else if (what < 98)
		do_hold(w);
	else
		do_complete(w);
}

static void test_random(struct machine *mc)
{
	uint64_t steps = env_number("MHP_TEST_STEPS", STEPS_DEFAULT), i;
	struct world *w;

	machine_end(mc); /* the world has its own */
	w = world_start(mc->c, 1);
	for (i = 0; i < steps; i++) {
		do_something(w);
		check_ok(&w->mc);
		if (i % VERIFY_EVERY == 0)
			world_verify(w);
	}
	world_verify(w);
	world_end(w);
}

static const struct machine_test tests[] = {
	{"random", test_random},
};

int main(void)
{
	return machine_run("random", tests, 1, true);
}
