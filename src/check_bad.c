/* SPDX-License-Identifier: MIT */
/*
 * INV-18: the table of bad pages. No page is in it twice; one that is held is
 * part of an allocation, in a pageblock whose frees look for it. That one which
 * is not held is kept is seen where pageblocks are checked (INV-09).
 */
#include "check_bad.h"

#include "bad.h"
#include "frame.h"
#include "section.h"

static bool check_held(struct mhp *m, mhp_pfn_t pfn)
{
	struct mhp_block *blk = section_block(m, pfn);
	struct frame_head head;
	struct pageblock pb;

	if (!blk || !block_serves(block_status(blk)) ||
	    !frame_head_of(m, blk, pfn, &head))
		return false;
	pb = pageblock_of(m, blk, pfn);
	return mhp_port_load(pb.word) & PB_MIXED;
}

static bool check_entry(struct mhp *m, uint64_t entry)
{
	mhp_pfn_t pfn = entry & BAD_PFN;

	if (!(entry & BAD_LIVE) || entry & BAD_SOFT ||
	    bad_count(m, mhp_range_make(pfn, 1)) != 1)
		return false;
	return !(entry & BAD_HELD) || check_held(m, pfn);
}

uint32_t check_bad(struct mhp *m, mhp_pfn_t *pfn)
{
	uint64_t i, nr = 0;

	for (i = 0; i < m->max_bad; i++) {
		uint64_t entry = mhp_port_load(&m->bad[i]);

		if (!entry)
			continue;
		nr++;
		*pfn = entry & BAD_PFN;
		if (i >= mhp_port_load(&m->bad_top) || !check_entry(m, entry))
			return 18;
	}
	*pfn = MHP_PFN_NONE;
	return nr == m->nr_bad ? 0 : 18;
}
