/* SPDX-License-Identifier: MIT */
/*
 * What it takes to find that there is no gigantic page, beside a number of
 * blocks: steps of count_plug. All the blocks are one range, with the memmap at
 * its start, so that there is one if nothing is in use. The first two searches
 * are not counted: one remembers of blocks what it has seen, one of leaves.
 */
#include <stdlib.h>

#include "count_bed.h"

static const struct mhp_request whole_request = {
	.order = 5,
	.flags = MHP_ALLOC_THIS_ZONE,
};

static void range_all(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(
		add_blocks(&b->mc, FIRST_ID, b->nr, MHP_PLACEMENT_RANGE), 0);
	assert_int_equal(
		online_blocks(&b->mc, FIRST_ID, b->nr, MHP_ONLINE_KERNEL), 0);
}

static void take_all(void *arg)
{
	struct bed *b = arg;
	uint64_t most = (NR_BOOT + b->nr) * mhp_block_pageblocks(b->mc.g);

	b->pfns = calloc(most, sizeof(*b->pfns));
	assert_non_null(b->pfns);
	while (!mhp_frame_alloc(b->mc.m, &whole_request, &b->pfns[b->nr_pfns]))
		b->nr_pfns++;
}

static void give_whole(struct bed *b, uint64_t i)
{
	assert_int_equal(mhp_frame_free(b->mc.m, b->pfns[i], 5), 0);
	b->pfns[i] = MHP_PFN_NONE;
}

static void give_half(void *arg)
{
	struct bed *b = arg;
	uint64_t i;

	for (i = 0; i < b->nr_pfns; i++)
		if (b->pfns[i] >> 5 & 1)
			give_whole(b, i);
}

/* One that was in use in the middle. */
static void give_one(void *arg)
{
	struct bed *b = arg;
	uint64_t i = b->nr_pfns / 2;

	while (b->pfns[i] == MHP_PFN_NONE)
		i++;
	give_whole(b, i);
}

static void give_rest(void *arg)
{
	struct bed *b = arg;
	uint64_t i;

	for (i = 0; i < b->nr_pfns; i++)
		if (b->pfns[i] != MHP_PFN_NONE)
			give_whole(b, i);
	free(b->pfns);
}

static void no_gigantic(void *arg)
{
	struct bed *b = arg;
	struct mhp_request request = {
		.order = (uint8_t)mhp_gigantic_order(b->mc.g)};
	mhp_pfn_t pfn;

	assert_int_equal(mhp_frame_alloc(b->mc.m, &request, &pfn),
			 MHP_ERR_NOMEM);
}

const struct step gigantic_steps[] = {
	{NULL, range_all},
	{NULL, take_all},
	{NULL, no_gigantic},
	{NULL, no_gigantic},
	{"gigantic, all in use", no_gigantic},
	{NULL, give_half},
	{NULL, no_gigantic},
	{NULL, no_gigantic},
	{"gigantic, half in use", no_gigantic},
	{NULL, give_one},
	{"gigantic, one was freed", no_gigantic},
	{NULL, give_rest},
};

const unsigned int nr_gigantic_steps = sizeof(gigantic_steps) /
				       sizeof(gigantic_steps[0]);
