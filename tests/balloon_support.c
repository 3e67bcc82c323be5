/* SPDX-License-Identifier: MIT */
/* A machine with a balloon; see balloon_support.h. */
#include "balloon_support.h"

#include <stdlib.h>

#include "mhp/policy.h"

static void auto_online_movable(struct machine *mc)
{
	struct mhp_policy policy;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	policy.auto_online = MHP_ONLINE_MOVABLE;
	assert_int_equal(mhp_policy_set(mc->m, &policy), 0);
}

struct balloon_rig *balloon_open(struct machine *mc,
				 enum mhp_placement placement)
{
	struct balloon_rig *rig = calloc(1, sizeof(*rig));
	struct mhp_balloon_setup setup = {
		.ops = &mhp_model_host_ops,
		.range = block_range(mc, FIRST_BLOCK, BALLOON_NR_BLOCKS),
		.placement = placement,
		.max_held = BALLOON_MAX_HELD,
	};

	assert_non_null(rig);
	auto_online_movable(mc);
	rig->mc = mc;
	rig->host = mhp_model_host_create(NR_BLOCKS * mhp_block_pages(mc->g));
	assert_non_null(rig->host);
	mhp_model_host_back(rig->host, setup.range, false);
	setup.ops_ctx = rig->host;
	setup.held = rig->held;
	assert_int_equal(mhp_balloon_init(mc->m, &rig->b, &setup, NULL), 0);
	return rig;
}

void balloon_forget(struct balloon_rig *rig)
{
	mhp_model_host_destroy(rig->host);
	free(rig);
}

void balloon_close(struct balloon_rig *rig)
{
	assert_int_equal(
		mhp_balloon_fini(rig->mc->m, &rig->b, MHP_NO_DEADLINE, NULL),
		0);
	balloon_forget(rig);
}

static bool page_is_used(enum mhp_page_use use)
{
	return use == MHP_PAGE_FREE || use == MHP_PAGE_ISOLATED ||
	       use == MHP_PAGE_ALLOCATED || use == MHP_PAGE_MEMMAP;
}

/* Look at the pages of a range; returns how many the balloon holds. */
static uint64_t check_range(struct balloon_rig *rig, struct mhp_range range,
			    uint64_t *nr_used)
{
	mhp_pfn_t pfn = range.start_pfn;
	uint64_t nr_held = 0;

	for (; pfn < mhp_range_end_pfn(range); pfn++) {
		struct mhp_page_info info = page_info(rig->mc, pfn);
		bool backs = mhp_model_host_backs(rig->host, pfn);
		bool holds = info.use == MHP_PAGE_ALLOCATED && info.owner &&
			     info.owner == rig->b.owner;

		if (holds && backs && !rig->b.broken.value)
			fail_msg("page 0x%" PRIx64 " is held, and backed", pfn);
		if (!holds && page_is_used(info.use) && !backs)
			fail_msg("page 0x%" PRIx64 " is used, not backed", pfn);
		nr_held += holds;
		*nr_used += page_is_used(info.use);
	}
	return nr_held;
}

void balloon_check(struct balloon_rig *rig)
{
	uint64_t id = 0, nr_held = 0, nr_used = 0;

	check_ok(rig->mc);
	for (; !mhp_block_next(rig->mc->m, &id); id++)
		nr_held += check_range(rig, block_range(rig->mc, id, 1),
				       &nr_used);
	assert_int_equal(nr_held, balloon_nr_held(rig));
}

int balloon_hot_add(struct balloon_rig *rig, uint64_t nr_pages,
		    struct mhp_report *report)
{
	struct mhp_range range = rig->b.setup.range;
	int err;

	range.start_pfn += rig->b.nr_backed;
	range.nr_pages = nr_pages;
	mhp_model_host_back(rig->host, range, true);
	err = mhp_balloon_hot_add(rig->mc->m, &rig->b, range, report);
	balloon_check(rig);
	return err;
}

int balloon_deflate(struct balloon_rig *rig, uint64_t nr_pages,
		    uint64_t *nr_done, struct mhp_report *report)
{
	int err = mhp_balloon_deflate(rig->mc->m, &rig->b, nr_pages, nr_done,
				      report);

	balloon_check(rig);
	return err;
}

int balloon_inflate(struct balloon_rig *rig, uint64_t nr_pages,
		    uint64_t *nr_done, struct mhp_report *report)
{
	int err = mhp_balloon_inflate(rig->mc->m, &rig->b, nr_pages,
				      MHP_NO_DEADLINE, nr_done, report);

	balloon_check(rig);
	return err;
}

uint64_t balloon_range_pages(const struct balloon_rig *rig)
{
	return rig->b.setup.range.nr_pages;
}

uint64_t balloon_nr_used(struct balloon_rig *rig)
{
	uint64_t nr_used = 0;

	(void)check_range(rig, rig->b.setup.range, &nr_used);
	return nr_used;
}

uint64_t balloon_nr_held(const struct balloon_rig *rig)
{
	return rig->b.nr_held.value;
}
