/* SPDX-License-Identifier: MIT */
/*
 * Every operation of the port that may fail fails, one after the other: once,
 * and from then on. After each failure the instance is as before, and the same
 * call succeeds when the port has recovered.
 *
 * The calls are walked through by number: the first that the call makes fails,
 * then the second, until the call passes without meeting the failure. Each
 * trial begins on a machine of its own, so that a number alone replays it.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* More than any call here makes. */
#define MANY_CALLS 5000

/* Items that the blocks hold that shall leave. */
#define NR_HELD 12

struct trial {
	struct machine mc;
	struct shelf *shelf;
	enum mhp_placement placement;
	uint64_t nr; /* blocks */
	enum mhp_model_fault how;
	uint64_t k;
	unsigned int leave_out; /* of the comparison */
	struct mhp_device *device;
};

/* A call that can fail: how the machine gets ready, and the call itself. */
struct subject {
	const char *name;
	void (*ready)(struct trial *t);
	int (*call)(struct trial *t);
	unsigned int leave_out;
};

static void ready_nothing(struct trial *t)
{
	(void)t;
}

static int call_add(struct trial *t)
{
	return add_blocks(&t->mc, FIRST_BLOCK, t->nr, t->placement);
}

static void ready_added(struct trial *t)
{
	assert_int_equal(call_add(t), 0);
}

static int call_online(struct trial *t)
{
	uint64_t id = FIRST_BLOCK;
	int err = 0;

	/* Blocks that are online already are so since the first try. */
	for (; !err && id < FIRST_BLOCK + t->nr; id++)
		if (block_info(&t->mc, id).state == MHP_BLOCK_OFFLINE)
			err = mhp_block_online(t->mc.m, id, MHP_ONLINE_MOVABLE,
					       NULL);
	return err;
}

static void ready_online(struct trial *t)
{
	uint64_t i;

	ready_added(t);
	assert_int_equal(call_online(t), 0);
	for (i = 0; i < t->nr; i++)
		shelf_fill(t->shelf, FIRST_BLOCK + i, 0,
			   (unsigned int)(NR_HELD / t->nr));
	shelf_fill(t->shelf, FIRST_BLOCK, 1, 2);
}

static int call_offline(struct trial *t)
{
	return mhp_block_offline(t->mc.m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL);
}

static int call_remove(struct trial *t)
{
	return mhp_remove(t->mc.m, block_range(&t->mc, FIRST_BLOCK, t->nr),
			  NULL);
}

static int call_offline_and_remove(struct trial *t)
{
	return mhp_offline_and_remove(t->mc.m,
				      block_range(&t->mc, FIRST_BLOCK, t->nr),
				      MHP_NO_DEADLINE, 0, NULL);
}

/* The same blocks, the last one first, each as a range of its own. */
static int call_ranges(struct trial *t)
{
	struct mhp_range ranges[5];
	uint32_t i;

	for (i = 0; i < t->nr; i++)
		ranges[i] = block_range(&t->mc, FIRST_BLOCK + t->nr - 1 - i, 1);
	return mhp_offline_and_remove_ranges(t->mc.m, ranges, (uint32_t)t->nr,
					     MHP_NO_DEADLINE, MHP_OFFLINE_TWICE,
					     NULL);
}

static int call_add_withheld(struct trial *t)
{
	struct mhp_add_request add = {
		.range = block_range(&t->mc, FIRST_BLOCK, t->nr),
		.placement = t->placement,
		.flags = MHP_ADD_WITHHELD,
	};

	return mhp_add(t->mc.m, &add, NULL);
}

/* All of the first block but its memmap. */
static struct mhp_range withheld_range(struct trial *t)
{
	struct mhp_range range = block_range(&t->mc, FIRST_BLOCK, 1);
	uint64_t memmap = block_info(&t->mc, FIRST_BLOCK).nr_memmap;

	return mhp_range_make(range.start_pfn + memmap,
			      range.nr_pages - memmap);
}

/* Pages in use, and elsewhere only pageblocks that were never used. */
static void ready_used(struct trial *t)
{
	unsigned int i;

	ready_added(t);
	assert_int_equal(call_online(t), 0);
	for (i = 0; i < NR_HELD; i++)
		assert_non_null(shelf_alloc(t->shelf, NULL));
}

static int call_withhold(struct trial *t)
{
	return mhp_withhold(t->mc.m, withheld_range(t), MHP_NO_DEADLINE, NULL);
}

static void ready_withheld(struct trial *t)
{
	ready_online(t);
	assert_int_equal(call_withhold(t), 0);
}

static int call_release(struct trial *t)
{
	return mhp_release(t->mc.m, withheld_range(t), NULL);
}

static int call_alloc(struct trial *t)
{
	struct mhp_request request = {.order = 1};
	mhp_pfn_t pfn = MHP_PFN_NONE;
	int err = mhp_frame_alloc(t->mc.m, &request, &pfn);

	assert_int_equal(err != 0, pfn == MHP_PFN_NONE);
	return err;
}

/* As many sub-sections as blocks, behind a head of a page. */
static int call_device_add(struct trial *t)
{
	struct mhp_device_request request = {
		.range = {block_start(&t->mc, FIRST_BLOCK),
			  t->nr * mhp_subsection_pages(t->mc.g)},
		.placement = t->placement,
		.nr_reserved_pages = 1,
	};

	return mhp_device_add(t->mc.m, &request, &t->device, NULL);
}

static void ready_device(struct trial *t)
{
	assert_int_equal(call_device_add(t), 0);
}

static int call_device_remove(struct trial *t)
{
	return mhp_device_remove(t->mc.m, t->device);
}

static const struct subject subjects[] = {
	{"add", ready_nothing, call_add, 0},
	{"online", ready_added, call_online, 0},
	/* What has moved stays moved, so pages differ. */
	{"offline", ready_online, call_offline, SNAP_NO_PAGES},
	{"remove", ready_added, call_remove, 0},
	{"offline_and_remove", ready_online, call_offline_and_remove,
	 SNAP_NO_PAGES},
	{"alloc", ready_nothing, call_alloc, 0},
	{"add_withheld", ready_nothing, call_add_withheld, 0},
	{"withhold", ready_used, call_withhold, SNAP_NO_PAGES},
	{"release", ready_withheld, call_release, 0},
	{"ranges", ready_online, call_ranges, SNAP_NO_PAGES},
	{"device_add", ready_nothing, call_device_add, 0},
	{"device_remove", ready_device, call_device_remove, 0},
};

/* Pages in use, wherever they are: none gets lost, none is left over. */
static uint64_t pages_used(struct machine *mc)
{
	uint64_t id = 0, nr = 0;

	for (; !mhp_block_next(mc->m, &id); id++)
		nr += block_info(mc, id).nr_allocated;
	return nr;
}

static void trial_failed(struct trial *t, const struct subject *s, int err,
			 char *before, uint64_t used)
{
	assert_int_equal(err, MHP_ERR_NOMEM);
	assert_true(mhp_model_faults(t->mc.model) > 0);
	mhp_model_fail(t->mc.model, MHP_MODEL_FAIL_NEVER, 0);
	unchanged(&t->mc, before, s->leave_out);
	assert_int_equal(pages_used(&t->mc), used);
	shelf_verify(t->shelf);
	assert_int_equal(s->call(t), 0);
}

/* Returns whether the call met the failure. */
static bool trial_run(struct trial *t, const struct subject *s,
		      const struct machine_case *c)
{
	uint64_t used, faults;
	char *before;
	int err;

	machine_start(&t->mc, c, 0);
	t->shelf = shelf_open(&t->mc);
	s->ready(t);
	before = snapshot(&t->mc, s->leave_out);
	used = pages_used(&t->mc);
	mhp_model_fail(t->mc.model, t->how, t->k);
	err = s->call(t);
	faults = mhp_model_faults(t->mc.model);
	if (err)
		trial_failed(t, s, err, before, used);
	else
		free(before);
	mhp_model_fail(t->mc.model, MHP_MODEL_FAIL_NEVER, 0);
	check_ok(&t->mc);
	shelf_verify(t->shelf);
	shelf_close(t->shelf);
	machine_end(&t->mc);
	return faults > 0;
}

static uint64_t walk(const struct machine_case *c, const struct subject *s,
		     enum mhp_placement placement, uint64_t nr,
		     enum mhp_model_fault how)
{
	struct trial t = {.placement = placement, .nr = nr, .how = how};
	uint64_t k = 1;

	for (;; k++) {
		t.k = k;
		if (!trial_run(&t, s, c))
			return k - 1;
		assert_true(k < MANY_CALLS);
	}
}

static void walk_all(struct machine *mc, const struct subject *s)
{
	static const enum mhp_placement placements[] = {MHP_PLACEMENT_BLOCK,
							MHP_PLACEMENT_EXISTING};
	uint64_t sum = 0;
	unsigned int i;

	machine_end(mc); /* each trial has its own */
	for (i = 0; i < 2; i++) {
		sum += walk(mc->c, s, placements[i], 1, MHP_MODEL_FAIL_ONCE);
		sum += walk(mc->c, s, placements[i], 5, MHP_MODEL_FAIL_ONCE);
		sum += walk(mc->c, s, placements[i], 1,
			    MHP_MODEL_FAIL_FROM_THEN);
		sum += walk(mc->c, s, placements[i], 5,
			    MHP_MODEL_FAIL_FROM_THEN);
	}
	/* Removing and releasing must not need anything that could fail. */
	if (!strcmp(s->name, "remove") || !strcmp(s->name, "release") ||
	    !strcmp(s->name, "device_remove"))
		assert_int_equal(sum, 0);
	/* What moves may need a pageblock that was never used. */
	if (!strcmp(s->name, "withhold"))
		assert_true(sum > 0);
	/* Adding needs a mapping and a record for each block at least. */
	if (!strcmp(s->name, "device_add"))
		assert_true(sum >= 2 * 2 * 2 * 2);
	if (!strcmp(s->name, "add"))
		assert_true(sum >= 2 * 2 * 2 * (1 + 5));
}

static void test_add(struct machine *mc)
{
	walk_all(mc, &subjects[0]);
}

static void test_online(struct machine *mc)
{
	walk_all(mc, &subjects[1]);
}

static void test_offline(struct machine *mc)
{
	walk_all(mc, &subjects[2]);
}

static void test_remove(struct machine *mc)
{
	walk_all(mc, &subjects[3]);
}

static void test_offline_and_remove(struct machine *mc)
{
	walk_all(mc, &subjects[4]);
}

static void test_alloc(struct machine *mc)
{
	walk_all(mc, &subjects[5]);
}

static void test_add_withheld(struct machine *mc)
{
	walk_all(mc, &subjects[6]);
}

static void test_withhold(struct machine *mc)
{
	walk_all(mc, &subjects[7]);
}

static void test_release(struct machine *mc)
{
	walk_all(mc, &subjects[8]);
}

static void test_ranges(struct machine *mc)
{
	walk_all(mc, &subjects[9]);
}

static void test_device_add(struct machine *mc)
{
	walk_all(mc, &subjects[10]);
}

static void test_device_remove(struct machine *mc)
{
	walk_all(mc, &subjects[11]);
}

static const struct machine_test tests[] = {
	{"add", test_add},
	{"online", test_online},
	{"offline", test_offline},
	{"remove", test_remove},
	{"offline_and_remove", test_offline_and_remove},
	{"alloc", test_alloc},
	{"add_withheld", test_add_withheld},
	{"withhold", test_withhold},
	{"release", test_release},
	{"ranges", test_ranges},
	{"device_add", test_device_add},
	{"device_remove", test_device_remove},
};

int main(void)
{
	return machine_run("faults", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
