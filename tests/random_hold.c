/* SPDX-License-Identifier: MIT */
/* Pages that are withheld and released; see random.h. */
#include "random.h"

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
static bool page_is_right(struct world *w, mhp_pfn_t pfn, bool release)
{
	if (release)
		return w->map[pfn] == MAP_WITHHELD;
	return w->map[pfn] != MAP_WITHHELD && w->map[pfn] != MAP_KEPT &&
	       !world_serves(w, pfn);
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

		if (!page_is_right(w, pfn, release))
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

void random_hold(struct world *w)
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
