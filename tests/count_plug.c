/* SPDX-License-Identifier: MIT */
/*
 * What is done with one block, beside a number of others, for a tool that
 * counts: below valgrind's callgrind each step is a dump of its own, which is
 * named after it. test_count_plug.py compares the counts.
 *
 *   count_plug NR [MOST]   NR blocks, in a machine that has room for MOST
 *
 * The lower half of the blocks is online in Normal, the upper half in Movable.
 * What is operated on is a block far behind them, one in the middle of Movable,
 * and one before them all.
 *
 * What it does not do: gigantic pages, see count_gigantic.c, which comes last.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "count_bed.h"
#include "mhp/device.h"
#include "mhp/group.h"
#include "mhp/lend.h"
#include "mhp/move.h"
#include "mhp/poison.h"
#include "mhp/policy.h"
#include "mhp/withhold.h"

#define GAP 100	   /* blocks between them and the one behind */
#define ROOM 400   /* blocks of the machine behind them */
#define NR_RANGE 4 /* blocks of a range */

/* valgrind has no room for blocks of 128 MiB: these are of 128 KiB, so that
 * 500000 of them, which would be 61 TiB, still fit. */
static const struct mhp_geometry count_geometry = {
	.page_shift = 10,
	.pmd_shift = 15,
	.pageblock_shift = 15,
	.section_shift = 17,
	.block_shift = 17,
	.pud_shift = 18,
	.phys_bits = 40,
	.descriptor_bytes = 64,
	.nr_nodes = 1,
	.nr_cpus = 1,
};

static void bed_open(struct bed *b, uint64_t nr, uint64_t most)
{
	struct mhp_boot_range boot = {.node = 0};
	struct mhp_model_config config = {
		.geometry = count_geometry,
		.boot = &boot,
		.nr_boot = 1,
		.max_bad_pages = 16,
		.flags = MHP_MODEL_REAL_CLOCK,
	};

	memset(b, 0, sizeof(*b));
	boot.range.nr_pages = NR_BOOT * mhp_block_pages(&count_geometry);
	config.max_pfn = (FIRST_ID + most + ROOM) *
			 mhp_block_pages(&count_geometry);
	assert_int_equal(mhp_model_create(&config, &b->mc.model, NULL), 0);
	b->mc.m = mhp_model_mhp(b->mc.model);
	b->mc.g = mhp_geometry(b->mc.m);
	b->nr = nr;
	b->shelf = shelf_open(&b->mc);
}

/* All that is just there, in one piece. */
static void plug_all(void *arg)
{
	struct bed *b = arg;
	uint64_t half = b->nr - b->nr / 2;

	assert_int_equal(
		add_blocks(&b->mc, FIRST_ID, b->nr, MHP_PLACEMENT_BLOCK), 0);
	assert_int_equal(
		online_blocks(&b->mc, FIRST_ID, half, MHP_ONLINE_KERNEL), 0);
	assert_int_equal(online_blocks(&b->mc, FIRST_ID + half, b->nr / 2,
				       MHP_ONLINE_MOVABLE),
			 0);
}

static void unplug_all(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(mhp_offline_and_remove(
				 b->mc.m, block_range(&b->mc, FIRST_ID, b->nr),
				 MHP_NO_DEADLINE, 0, NULL),
			 0);
}

static void bed_close(struct bed *b)
{
	shelf_close(b->shelf);
	mhp_model_destroy(b->mc.model);
}

/* ---- steps ---- */

static void add(struct bed *b, uint64_t nr, enum mhp_placement placement,
		struct mhp_group *group)
{
	struct mhp_add_request request = {
		.range = block_range(&b->mc, b->id, nr),
		.placement = placement,
		.flags = MHP_ADD_STRICT,
		.group = group,
	};

	assert_int_equal(mhp_add(b->mc.m, &request, NULL), 0);
}

static void step_add(void *arg)
{
	struct bed *b = arg;

	add(b, 1, b->places, NULL);
}

static void online(struct bed *b, enum mhp_online_type type)
{
	assert_int_equal(mhp_block_online(b->mc.m, b->id, type, NULL), 0);
}

static void step_online(void *arg)
{
	online(arg, MHP_ONLINE_MOVABLE);
}

static void step_online_default(void *arg)
{
	online(arg, MHP_ONLINE_DEFAULT);
}

static void step_query(void *arg)
{
	struct bed *b = arg;
	struct mhp_block_info info;

	assert_int_equal(mhp_block_query(b->mc.m, b->id, &info), 0);
}

static void step_zones(void *arg)
{
	struct bed *b = arg;
	enum mhp_zone_type zones[2];

	assert_true(mhp_policy_zones(b->mc.m, b->id, zones) > 0);
}

static void policy(struct bed *b, enum mhp_online_policy which)
{
	struct mhp_policy p;

	assert_int_equal(mhp_policy_get(b->mc.m, &p), 0);
	p.online_policy = which;
	assert_int_equal(mhp_policy_set(b->mc.m, &p), 0);
}

static void set_auto_movable(void *arg)
{
	policy(arg, MHP_POLICY_AUTO_MOVABLE);
}

static void set_contig_zones(void *arg)
{
	policy(arg, MHP_POLICY_CONTIG_ZONES);
}

static void step_forecast(void *arg)
{
	struct bed *b = arg;
	struct mhp_forecast f;

	assert_int_equal(mhp_forecast(b->mc.m, b->id, &f, NULL, 0, NULL), 0);
}

static void step_offline(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(
		mhp_block_offline(b->mc.m, b->id, MHP_NO_DEADLINE, NULL), 0);
}

static void step_begin(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(mhp_offline_begin(b->mc.m, &b->op, b->id,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
}

static void step_cancel(void *arg)
{
	struct bed *b = arg;

	mhp_offline_cancel(b->mc.m, &b->op);
}

static void step_remove(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(
		mhp_remove(b->mc.m, block_range(&b->mc, b->id, 1), NULL), 0);
}

static void step_eject(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(mhp_offline_and_remove(b->mc.m,
						block_range(&b->mc, b->id, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
}

static void move(struct bed *b, enum mhp_placement placement)
{
	assert_int_equal(mhp_memmap_move(b->mc.m, b->id, placement,
					 MHP_NO_DEADLINE, NULL),
			 0);
}

static void step_move_off(void *arg)
{
	move(arg, MHP_PLACEMENT_EXISTING);
}

static void step_move_on(void *arg)
{
	move(arg, MHP_PLACEMENT_BLOCK);
}

static void range_on(void *arg)
{
	struct bed *b = arg;

	add(b, NR_RANGE, MHP_PLACEMENT_RANGE, NULL);
	assert_int_equal(
		online_blocks(&b->mc, b->id, NR_RANGE, MHP_ONLINE_KERNEL), 0);
}

static void step_evict(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(mhp_memmap_evict(b->mc.m, b->id,
					  MHP_PLACEMENT_EXISTING,
					  MHP_NO_DEADLINE, NULL),
			 0);
}

static void step_range_eject(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(mhp_offline_and_remove(
				 b->mc.m, block_range(&b->mc, b->id, NR_RANGE),
				 MHP_NO_DEADLINE, 0, NULL),
			 0);
}

static bool is_last(const struct bed *b, const struct item *item)
{
	return !((item->pfn + item->nr_pages) & (mhp_block_pages(b->mc.g) - 1));
}

/* The last pageblock of a block: the state hides in the memmap of the others,
 * which lend nothing then. */
static void take_huge(void *arg)
{
	struct bed *b = arg;
	struct mhp_request request = {.order = 5, .flags = MHP_ALLOC_NO_TAILS};
	struct item *others[4];
	unsigned int nr = 0;

	b->item = shelf_alloc(b->shelf, &request);
	while (b->item && !is_last(b, b->item)) {
		assert_true(nr < 4);
		others[nr++] = b->item;
		b->item = shelf_alloc(b->shelf, &request);
	}
	while (nr)
		shelf_free(b->shelf, others[--nr]);
	assert_non_null(b->item);
	b->id = mhp_block_id(b->mc.g, b->item->pfn);
}

static void take_page(void *arg)
{
	struct bed *b = arg;

	b->item = shelf_alloc(b->shelf, NULL);
	assert_non_null(b->item);
	b->id = mhp_block_id(b->mc.g, b->item->pfn);
}

static void give_item(void *arg)
{
	struct bed *b = arg;

	shelf_free(b->shelf, b->item);
}

static void step_lend(void *arg)
{
	struct bed *b = arg;
	uint64_t nr;

	assert_int_equal(mhp_memmap_lend(b->mc.m, b->item->pfn,
					 b->item->nr_pages, &nr, NULL),
			 0);
	assert_true(nr > 0);
}

static void step_take_back(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(mhp_memmap_take_back(b->mc.m,
					      mhp_range_make(b->item->pfn,
							     b->item->nr_pages),
					      0, MHP_NO_DEADLINE, NULL),
			 0);
}

static void step_group(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(mhp_group_register_dynamic(b->mc.m, &b->group, 0,
						    mhp_block_pages(b->mc.g)),
			 0);
}

static void step_group_add(void *arg)
{
	struct bed *b = arg;

	add(b, 1, MHP_PLACEMENT_BLOCK, &b->group);
}

static void step_group_end(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(mhp_group_unregister(b->mc.m, &b->group), 0);
}

static struct mhp_range withheld(const struct bed *b)
{
	return mhp_range_make(block_range(&b->mc, b->id + 1, 1).start_pfn - 32,
			      32);
}

static void step_withhold(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(
		mhp_withhold(b->mc.m, withheld(b), MHP_NO_DEADLINE, NULL), 0);
}

static void step_release(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(mhp_release(b->mc.m, withheld(b), NULL), 0);
}

static void step_poison(void *arg)
{
	struct bed *b = arg;

	b->pfn = block_range(&b->mc, b->id + 1, 1).start_pfn - 1;
	assert_int_equal(mhp_poison_hard(b->mc.m, b->pfn, NULL), 0);
}

static void step_poison_end(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(mhp_poison_clear(b->mc.m, b->pfn, NULL), 0);
}

static void step_device(void *arg)
{
	struct bed *b = arg;
	struct mhp_device_request request = {
		.range = block_range(&b->mc, b->id, 1),
		.placement = MHP_PLACEMENT_RANGE,
	};

	assert_int_equal(mhp_device_add(b->mc.m, &request, &b->device, NULL),
			 0);
}

static void step_device_find(void *arg)
{
	struct bed *b = arg;
	struct mhp_device_info info;

	assert_int_equal(
		mhp_device_find(b->mc.m,
				block_range(&b->mc, b->id, 1).start_pfn, &info),
		0);
}

static void step_device_remove(void *arg)
{
	struct bed *b = arg;

	assert_int_equal(mhp_device_remove(b->mc.m, b->device), 0);
}

static void step_resource(void *arg)
{
	struct bed *b = arg;
	struct mhp_resource r;

	assert_int_equal(
		mhp_resource_next(b->mc.m,
				  block_range(&b->mc, b->id, 1).start_pfn, &r),
		0);
}

/* Which block comes next. */
static void at_behind(void *arg)
{
	struct bed *b = arg;

	b->id = FIRST_ID + b->nr + GAP;
	b->places = MHP_PLACEMENT_BLOCK;
}

static void at_behind_existing(void *arg)
{
	struct bed *b = arg;

	at_behind(b);
	b->places = MHP_PLACEMENT_EXISTING;
}

static void at_middle(void *arg)
{
	struct bed *b = arg;

	b->id = FIRST_ID + b->nr - b->nr / 4 - 1;
	b->places = MHP_PLACEMENT_BLOCK;
}

static void at_first(void *arg)
{
	struct bed *b = arg;

	b->id = FIRST_ID - 2;
	b->places = MHP_PLACEMENT_BLOCK;
}

static const struct step steps[] = {
	{NULL, at_behind},
	{"add", step_add},
	{"zones of an offline block", step_zones},
	{NULL, set_auto_movable},
	{"the same, auto-movable", step_zones},
	{"online, auto-movable", step_online_default},
	{NULL, step_offline},
	{NULL, set_contig_zones},
	{"online again", step_online},
	{"query", step_query},
	{"resource", step_resource},
	{"forecast", step_forecast},
	{"withhold", step_withhold},
	{"release", step_release},
	{"poison", step_poison},
	{"poison clear", step_poison_end},
	{"offline begin", step_begin},
	{"offline cancel", step_cancel},
	{"offline", step_offline},
	{"remove", step_remove},
	{NULL, step_add},
	{"online", step_online},
	{"memmap move off", step_move_off},
	{"memmap move on", step_move_on},
	{"eject", step_eject},
	{NULL, range_on},
	{"evict", step_evict},
	{"range eject", step_range_eject},
	{"group register", step_group},
	{"group add", step_group_add},
	{NULL, set_auto_movable},
	{"group online, auto-movable", step_online_default},
	{NULL, set_contig_zones},
	{"group eject", step_eject},
	{"group unregister", step_group_end},
	{"device add", step_device},
	{"device find", step_device_find},
	{"device remove", step_device_remove},
	{NULL, at_behind_existing},
	{"existing add", step_add},
	{"existing online", step_online},
	{"existing eject", step_eject},
	{NULL, at_middle},
	{"middle offline", step_offline},
	{"middle remove", step_remove},
	{"middle add", step_add},
	{"middle online", step_online},
	{"middle eject", step_eject},
	{NULL, step_add},
	{NULL, step_online},
	{NULL, at_first},
	{"first add", step_add},
	{"first online", step_online},
	{"first offline", step_offline},
	{"first remove", step_remove},
	{NULL, take_huge},
	{"lend", step_lend},
	{"take back", step_take_back},
	{NULL, give_item},
	{NULL, take_page},
	{"forecast, a page in use", step_forecast},
	{"offline, a page moves", step_offline},
	{NULL, step_online},
	{NULL, give_item},
};

#define NR_STEPS (sizeof(steps) / sizeof(steps[0]))

static void count_step(struct bed *b, const struct step *step)
{
	if (!step->name) {
		step->run(b);
		return;
	}
	printf("%s\n", step->name);
	CALLGRIND_ZERO_STATS;
	step->run(b);
	CALLGRIND_DUMP_STATS_AT(step->name);
}

/* The first round is for what is done once: looking up functions of libraries,
 * asking the system for the first pages. */
static void count_steps(struct bed *b)
{
	size_t i;

	for (i = 0; i < NR_STEPS; i++)
		steps[i].run(b);
	for (i = 0; i < NR_STEPS; i++)
		count_step(b, &steps[i]);
}

int main(int argc, char **argv)
{
	static struct bed b;
	uint64_t nr, most;
	unsigned int i;

	if (argc < 2) {
		fprintf(stderr, "count_plug NR [MOST]\n");
		return 2;
	}
	nr = strtoull(argv[1], NULL, 0);
	most = argc > 2 ? strtoull(argv[2], NULL, 0) : nr;
	bed_open(&b, nr, most);
	plug_all(&b);
	unplug_all(&b);
	CALLGRIND_START_INSTRUMENTATION;
	count_step(&b, &(struct step){"plug all", plug_all});
	count_steps(&b);
	count_step(&b, &(struct step){"unplug all", unplug_all});
	for (i = 0; i < nr_gigantic_steps; i++)
		count_step(&b, &gigantic_steps[i]);
	CALLGRIND_STOP_INSTRUMENTATION;
	unplug_all(&b);
	bed_close(&b);
	return 0;
}
