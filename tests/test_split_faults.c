/* SPDX-License-Identifier: MIT */
/*
 * The port cannot prepare memory that data on lent pages should move to: what
 * takes them back fails, and nothing has changed.
 */
#include <stdlib.h>

#include "lend_support.h"

#define LAST (FIRST_BLOCK + 2)

static uint64_t pageblock_pages(const struct machine *mc)
{
	return mhp_pageblock_pages(mc->g);
}

static int call_split(struct machine *mc, mhp_pfn_t pfn)
{
	return mhp_frame_split(mc->m, pfn, pageblock_pages(mc), 0, 0,
			       MHP_NO_DEADLINE, NULL);
}

static int call_take_back(struct machine *mc, mhp_pfn_t pfn)
{
	return mhp_memmap_take_back(mc->m,
				    mhp_range_make(pfn, pageblock_pages(mc)), 0,
				    MHP_NO_DEADLINE, NULL);
}

/* All memory is full but for what was never used, and the port cannot prepare
 * that: call @k, or all from then on. Return: whether the call met a
 * failure. */
static bool fail_one(struct machine *mc, enum mhp_model_fault how, uint64_t k,
		     int (*call)(struct machine *mc, mhp_pfn_t pfn))
{
	const struct mhp_request whole = {
		.order = (uint8_t)mhp_pageblock_order(mc->g)};
	struct shelf *shelf = shelf_open(mc);
	mhp_pfn_t pfn;
	char *before;
	bool met;
	int err;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	pfn = alloc_whole(mc, FIRST_BLOCK);
	assert_true(lend(mc, pfn, pageblock_pages(mc)));
	while (shelf_alloc(shelf, &whole))
		;
	while (shelf_alloc(shelf, NULL))
		;
	plug(mc, LAST, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	before = snapshot(mc, 0);
	mhp_model_fail(mc->model, how, k);
	err = call(mc, pfn);
	met = mhp_model_faults(mc->model) > 0;
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	assert_true(err == 0 || (met && err == MHP_ERR_NOMEM));
	if (err && !shelf->nr_moved)
		unchanged(mc, before, 0);
	else
		free(before);
	check_ok(mc);
	if (err)
		assert_int_equal(call(mc, pfn), 0);
	check_ok(mc);
	assert_int_equal(stat_now(mc).nr_memmap_lent, 0);
	shelf_verify(shelf);
	shelf_close(shelf);
	return met;
}

static void test_faults(struct machine *mc)
{
	static const enum mhp_model_fault hows[] = {MHP_MODEL_FAIL_ONCE,
						    MHP_MODEL_FAIL_FROM_THEN};
	int (*const calls[])(struct machine * mc,
			     mhp_pfn_t pfn) = {call_split, call_take_back};
	unsigned int i;
	uint64_t k;

	for (i = 0; i < 4; i++) {
		bool met = true;

		for (k = 1; met; k++) {
			machine_again(mc, 0);
			met = fail_one(mc, hows[i / 2], k, calls[i % 2]);
			assert_true(k > 1 || met);
		}
	}
}

static const struct machine_test tests[] = {
	{"faults", test_faults},
};

int main(void)
{
	return lend_run("split_faults", tests,
			sizeof(tests) / sizeof(tests[0]));
}
