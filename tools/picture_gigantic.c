/* SPDX-License-Identifier: MIT */
/*
 * Where gigantic pages are, and could be: naturally aligned ranges, in one zone
 * of one node and of one device, all free, or free once the movable pages of it
 * have moved elsewhere.
 */
#include "picture.h"

/* All pages of it must be of one zone and node; pageblocks are. */
static bool is_in_one_zone(struct machine *machine, struct mhp_range range)
{
	uint64_t step = mhp_pageblock_pages(&machine->layout.geometry);
	struct mhp_page_info first, info;
	mhp_pfn_t pfn = range.start_pfn;

	mhp_frame_query(machine->mhp, pfn, &first);
	for (; pfn < mhp_range_end_pfn(range); pfn += step) {
		mhp_frame_query(machine->mhp, pfn, &info);
		if (info.zone != first.zone || info.node != first.node)
			return false;
	}
	return picture_slot(machine, range.start_pfn) ==
	       picture_slot(machine, mhp_range_end_pfn(range) - 1);
}

static enum picture_gigantic judge(const struct picture *p,
				   struct mhp_range range)
{
	struct mhp_tally tally;
	uint64_t movable;

	if (mhp_frame_tally(p->machine->mhp, range, &tally))
		return PICTURE_NO_GIGANTIC;
	movable = tally.nr[MHP_PAGE_ALLOCATED] - tally.nr_unmovable;
	if (tally.nr[MHP_PAGE_FREE] + movable != range.nr_pages ||
	    picture_nr_pinned(p, range) || !is_in_one_zone(p->machine, range))
		return PICTURE_NO_GIGANTIC;
	return movable ? PICTURE_COULD_BE : PICTURE_IS_FREE;
}

/* Rows come in ascending order, and several may share a gigantic page: each is
 * judged and counted once. */
static enum picture_gigantic judge_once(struct picture *p,
					struct mhp_range range)
{
	if (p->judged_end_pfn == mhp_range_end_pfn(range))
		return p->judged;
	p->judged_end_pfn = mhp_range_end_pfn(range);
	p->judged = judge(p, range);
	p->nr_gigantic_free += p->judged == PICTURE_IS_FREE;
	p->nr_gigantic_could_be += p->judged == PICTURE_COULD_BE;
	return p->judged;
}

void picture_gigantic_take(struct picture *p, struct picture_row *row)
{
	const struct mhp_geometry *g = &p->machine->layout.geometry;
	uint64_t nr = UINT64_C(1) << mhp_gigantic_order(g);
	mhp_pfn_t pfn = row->first_id * mhp_block_pages(g) & ~(nr - 1);
	mhp_pfn_t end = row->last_id * mhp_block_pages(g);
	bool any = false, all = true;

	for (; pfn < end; pfn += nr) {
		enum picture_gigantic what = judge_once(
			p, mhp_range_make(pfn, nr));

		any |= what != PICTURE_NO_GIGANTIC;
		all &= what == PICTURE_IS_FREE;
	}
	row->gigantic = all   ? PICTURE_IS_FREE
			: any ? PICTURE_COULD_BE
			      : PICTURE_NO_GIGANTIC;
}
