/* SPDX-License-Identifier: MIT */
/* What the tests of withheld pages share. */
#ifndef MHP_TESTS_WITHHOLD_SUPPORT_H
#define MHP_TESTS_WITHHOLD_SUPPORT_H

#include <stdlib.h>
#include <string.h>

#include "support.h"

static inline uint64_t pageblock_pages(const struct machine *mc)
{
	return mhp_pageblock_pages(mc->g);
}

/* The last pageblock of a block: no memmap in it. */
static inline mhp_pfn_t last_pageblock(const struct machine *mc, uint64_t id)
{
	return block_start(mc, id + 1) - pageblock_pages(mc);
}

static inline int add_withheld(struct machine *mc, uint64_t id,
			       enum mhp_placement placement)
{
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.range = block_range(mc, id, 1),
		.placement = placement,
		.flags = MHP_ADD_WITHHELD,
	};

	return mhp_add(mc->m, &request, NULL);
}

static inline uint64_t usable(struct machine *mc, uint64_t id)
{
	return mhp_block_pages(mc->g) - block_info(mc, id).nr_memmap;
}

static inline void withhold_ok(struct machine *mc, mhp_pfn_t pfn, uint64_t nr)
{
	struct mhp_report report;
	char text[256];

	if (mhp_withhold(mc->m, mhp_range_make(pfn, nr), MHP_NO_DEADLINE,
			 &report)) {
		mhp_report_text(&report, text, sizeof(text));
		fail_msg("%s", text);
	}
	check_ok(mc);
	assert_int_equal(mhp_withheld(mc->m, mhp_range_make(pfn, nr)), nr);
}

static inline void release_ok(struct machine *mc, mhp_pfn_t pfn, uint64_t nr)
{
	assert_int_equal(mhp_release(mc->m, mhp_range_make(pfn, nr), NULL), 0);
	check_ok(mc);
	assert_int_equal(mhp_withheld(mc->m, mhp_range_make(pfn, nr)), 0);
}

/* A call fails so, for that reason, and nothing changes. */
static inline void refused(struct machine *mc, bool release,
			   struct mhp_range range, int err, enum mhp_why why)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report = {0};

	assert_int_equal(
		release ? mhp_release(mc->m, range, &report)
			: mhp_withhold(mc->m, range, MHP_NO_DEADLINE, &report),
		err);
	assert_int_equal(report.code, err);
	assert_int_equal(report.why, why);
	assert_int_equal(report.stage,
			 release ? MHP_STAGE_RELEASE : MHP_STAGE_WITHHOLD);
	unchanged(mc, before, 0);
}

/* Free single pages. */
static inline void give_all(struct machine *mc, const mhp_pfn_t *pfns,
			    uint64_t nr)
{
	while (nr--)
		assert_int_equal(mhp_frame_free(mc->m, pfns[nr], 0), 0);
}

#endif
