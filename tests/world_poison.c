/* SPDX-License-Identifier: MIT */
/* Pages of the world that go bad, and become good again; see world.h. */
#include "world.h"

static bool table_is_full(struct world *w)
{
	return stat_now(&w->mc).nr_poisoned == MHP_BAD_PAGES_DEFAULT;
}

static int expect_hard(struct world *w, mhp_pfn_t pfn)
{
	if (w->bad[pfn])
		return MHP_ERR_HWPOISON;
	if (w->map[pfn] == MAP_ABSENT)
		return MHP_ERR_NXIO;
	if (table_is_full(w))
		return MHP_ERR_NOSPC;
	return w->map[pfn] == MAP_KEPT || w->map[pfn] == MAP_ENGINE
		       ? MHP_ERR_BUSY
		       : 0;
}

static void do_hard(struct world *w, mhp_pfn_t pfn)
{
	int expect = expect_hard(w, pfn);

	assert_int_equal(mhp_poison_hard(w->mc.m, pfn, NULL), expect);
	if (!expect || expect == MHP_ERR_BUSY)
		w->bad[pfn] = true;
}

/* The item that a page is part of, or NULL; @target: it is only the target of
 * its move. */
static struct item *item_of(struct world *w, mhp_pfn_t pfn, bool *target)
{
	mhp_pfn_t head = page_info(&w->mc, pfn).head_pfn;
	unsigned int i;

	for (i = 0; i < NR_ITEMS; i++) {
		struct item *item = &w->shelf->items[i];

		*target = item->to_pfn == head;
		if (item->live && (item->pfn == head || *target))
			return item;
	}
	return NULL;
}

/* What a soft offline of an allocated page gives; 1: it would wait for an owner
 * who is not going to come. */
static int expect_soft_allocated(struct world *w, mhp_pfn_t pfn)
{
	bool target;
	struct item *item = item_of(w, pfn, &target);

	if (w->life[mhp_block_id(w->mc.g, pfn)] == MHP_BLOCK_GOING_OFFLINE ||
	    !item || item->pins)
		return MHP_ERR_BUSY;
	if (target || item->to_pfn != MHP_PFN_NONE ||
	    item->answer == ANSWER_LATER)
		return 1;
	return item->answer == ANSWER_REFUSED ? MHP_ERR_BUSY : 0;
}

static int expect_soft(struct world *w, mhp_pfn_t pfn)
{
	if (w->bad[pfn])
		return 0;
	switch (w->map[pfn]) {
	case MAP_ABSENT:
		return MHP_ERR_NXIO;
	case MAP_OFFLINE:
	case MAP_WITHHELD:
		return MHP_ERR_IO;
	case MAP_KEPT:
		return MHP_ERR_BUSY;
	}
	if (table_is_full(w))
		return MHP_ERR_NOSPC;
	if (w->map[pfn] == MAP_ENGINE)
		return MHP_ERR_BUSY;
	return w->map[pfn] == MAP_FREE ? 0 : expect_soft_allocated(w, pfn);
}

static void do_soft(struct world *w, mhp_pfn_t pfn)
{
	int expect = expect_soft(w, pfn), err;

	if (expect == 1)
		return;
	err = mhp_poison_soft(w->mc.m, pfn, NULL);
	if (err == MHP_ERR_NOMEM)
		assert_true(w->map[pfn] == MAP_TAIL || w->map[pfn] >= MAP_HEAD);
	else
		assert_int_equal(err, expect);
	if (err)
		return;
	/* First, so that nothing is moved to where it was. */
	w->bad[pfn] = true;
	world_sync_items(w);
}

static void do_clear(struct world *w, mhp_pfn_t pfn)
{
	uint64_t most = 200;

	while (!w->bad[pfn] && --most)
		pfn = (pfn + 1) % w->nr_pages;
	assert_int_equal(mhp_poison_clear(w->mc.m, pfn, NULL),
			 w->bad[pfn] ? 0 : MHP_ERR_NOENT);
	w->bad[pfn] = false;
}

void world_poison(struct world *w)
{
	mhp_pfn_t pfn = world_below(w, w->nr_pages);

	switch (world_below(w, 5)) {
	case 0:
	case 1:
		do_hard(w, pfn);
		break;
	case 2:
	case 3:
		do_soft(w, pfn);
		break;
	default:
		do_clear(w, pfn);
		break;
	}
}

uint64_t world_nr_bad(const struct world *w, struct mhp_range range)
{
	mhp_pfn_t pfn = range.start_pfn;
	uint64_t nr = 0;

	for (; pfn < mhp_range_end_pfn(range); pfn++)
		nr += w->bad[pfn];
	return nr;
}

void world_clear(struct world *w, struct mhp_range range)
{
	mhp_pfn_t pfn = range.start_pfn;

	for (; pfn < mhp_range_end_pfn(range); pfn++) {
		if (w->bad[pfn])
			assert_int_equal(mhp_poison_clear(w->mc.m, pfn, NULL),
					 0);
		w->bad[pfn] = false;
	}
}
