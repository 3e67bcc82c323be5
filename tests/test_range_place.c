/* SPDX-License-Identifier: MIT */
/*
 * Placement range and what comes with a request: linear maps that are not one
 * piece, groups, resources, the zone that a block enters; what is said of
 * blocks that are all memmap, and what notifiers are told.
 */
#include "mhp/group.h"
#include "mhp/policy.h"
#include "range_support.h"

#include <stdlib.h>

static void set_mode(struct machine *mc, enum mhp_memmap_mode mode)
{
	struct mhp_policy policy;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	policy.memmap_on_memory = mode;
	assert_int_equal(mhp_policy_set(mc->m, &policy), 0);
}

/* ---- a linear map in pieces ---- */

static uint64_t nr_hosts(struct machine *mc)
{
	struct range r;
	uint64_t nr;

	range_add(&r, mc, NR_RANGE, 0);
	nr = range_last_host(&r, NR_RANGE - 1) + 1;
	range_remove_all(&r);
	return nr;
}

static struct mhp_add_request
request_for(struct machine *mc, enum mhp_placement placement, uint32_t flags)
{
	return (struct mhp_add_request){
		.range = block_range(mc, FIRST_BLOCK, NR_RANGE),
		.placement = placement,
		.flags = flags,
	};
}

/* Said if it was asked for, and not if the engine was to choose. */
static void falls_back(struct machine *mc, enum mhp_placement placement,
		       uint32_t flags)
{
	struct mhp_add_request add = request_for(mc, placement, flags);
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	uint64_t i;

	assert_int_equal(mhp_add(mc->m, &add, &report), 0);
	assert_int_equal(report.code, 0);
	assert_int_equal(report.why, placement == MHP_PLACEMENT_AUTO
					     ? MHP_WHY_NONE
					     : MHP_WHY_FELL_BACK);
	assert_int_equal(report.detail == NULL,
			 placement == MHP_PLACEMENT_AUTO);
	for (i = FIRST_BLOCK; i < FIRST_BLOCK + NR_RANGE; i++) {
		assert_int_equal(block_info(mc, i).placement,
				 MHP_PLACEMENT_BLOCK);
		assert_int_equal(
			mhp_block_online(mc->m, i, MHP_ONLINE_KERNEL, NULL), 0);
		check_ok(mc);
	}
	assert_int_equal(mhp_offline_and_remove(mc->m, add.range,
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	unchanged(mc, before, 0);
}

static void test_apart(struct machine *mc)
{
	struct mhp_add_request add = request_for(mc, MHP_PLACEMENT_RANGE,
						 MHP_ADD_STRICT);
	struct mhp_report report;
	char *before;

	/* What only depends may be anywhere. */
	if (nr_hosts(mc) == 1) {
		struct range r;

		machine_again(mc, MHP_MODEL_SCATTERED);
		range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
		range_verify(&r);
		range_remove_all(&r);
		return;
	}
	machine_again(mc, MHP_MODEL_SCATTERED);
	before = snapshot(mc, 0);
	assert_int_equal(mhp_add(mc->m, &add, &report), MHP_ERR_OPNOTSUPP);
	assert_int_equal(report.code, MHP_ERR_OPNOTSUPP);
	assert_int_equal(report.why, MHP_WHY_PLACEMENT_REFUSED);
	assert_non_null(report.detail);
	unchanged(mc, before, 0);
	falls_back(mc, MHP_PLACEMENT_RANGE, 0);
	falls_back(mc, MHP_PLACEMENT_RANGE, MHP_ADD_SCRUB);
	set_mode(mc, MHP_MEMMAP_RANGE);
	falls_back(mc, MHP_PLACEMENT_AUTO, 0);
	falls_back(mc, MHP_PLACEMENT_AUTO, MHP_ADD_STRICT);
	set_mode(mc, MHP_MEMMAP_AUTO);
}

/* The port fails while the range is tried, and while it is tried block by
 * block: nothing is left. */
static void apart_and_failing(struct machine *mc, enum mhp_model_fault how)
{
	struct mhp_add_request add = request_for(mc, MHP_PLACEMENT_RANGE,
						 MHP_ADD_WITHHELD);
	uint64_t k = 1;
	int err;

	do {
		char *before = snapshot(mc, 0);
		struct mhp_report report;

		mhp_model_fail(mc->model, how, k++);
		err = mhp_add(mc->m, &add, &report);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		assert_int_equal(report.code, err);
		if (err)
			assert_int_equal(err, MHP_ERR_NOMEM);
		else
			assert_int_equal(mhp_remove(mc->m, add.range, NULL), 0);
		unchanged(mc, before, 0);
	} while (err);
	assert_true(k > NR_RANGE);
}

static void test_apart_and_failing(struct machine *mc)
{
	machine_again(mc, MHP_MODEL_SCATTERED);
	apart_and_failing(mc, MHP_MODEL_FAIL_ONCE);
	apart_and_failing(mc, MHP_MODEL_FAIL_FROM_THEN);
}

/* ---- groups and resources ---- */

static void expect_group(const struct mhp_group *group, const struct range *r)
{
	uint64_t i, nr_known = 0, nr_online = 0;

	for (i = 0; i < r->nr_blocks; i++) {
		nr_known += r->known[i];
		nr_online += r->online[i];
	}
	assert_int_equal(group->nr_blocks, nr_known);
	assert_int_equal(group->nr_movable, nr_online * r->block_pages);
	assert_int_equal(group->nr_kernel, 0);
}

static void test_group(struct machine *mc)
{
	struct mhp_add_request add = request_for(mc, MHP_PLACEMENT_RANGE, 0);
	struct mhp_group group;
	struct range r;
	uint64_t i;

	/* To know its layout. */
	range_add(&r, mc, NR_RANGE, 0);
	assert_int_equal(mhp_remove(mc->m, add.range, NULL), 0);
	assert_int_equal(
		mhp_group_register_static(mc->m, &group, 0, add.range.nr_pages),
		0);
	add.group = &group;
	assert_int_equal(mhp_add(mc->m, &add, NULL), 0);
	expect_group(&group, &r);
	for (i = 0; i < NR_RANGE; i++) {
		range_online(&r, i, MHP_ONLINE_MOVABLE);
		expect_group(&group, &r);
	}
	range_verify(&r);
	for (i = NR_RANGE; i--;) {
		range_offline(&r, i);
		assert_int_equal(mhp_group_unregister(mc->m, &group),
				 MHP_ERR_BUSY);
		range_remove(&r, i);
		expect_group(&group, &r);
		check_ok(mc);
	}
	assert_int_equal(mhp_group_unregister(mc->m, &group), 0);
}

static void test_resource(struct machine *mc)
{
	struct mhp_resource resource;
	struct range r;

	range_add(&r, mc, NR_RANGE, 0);
	assert_int_equal(mhp_resource_next(mc->m, block_start(mc, FIRST_BLOCK),
					   &resource),
			 0);
	assert_int_equal(resource.range.start_pfn,
			 block_start(mc, FIRST_BLOCK));
	assert_int_equal(resource.range.nr_pages, NR_RANGE * r.block_pages);
	/* From the middle of it, and from its end. */
	range_remove(&r, NR_RANGE - 3);
	range_remove(&r, NR_RANGE - 1);
	range_verify(&r);
	assert_int_equal(mhp_resource_next(mc->m, block_start(mc, FIRST_BLOCK),
					   &resource),
			 0);
	assert_int_equal(resource.range.nr_pages,
			 (NR_RANGE - 3) * r.block_pages);
	assert_int_equal(mhp_resource_next(mc->m, resource.range.start_pfn + 1,
					   &resource),
			 0);
	assert_int_equal(resource.range.start_pfn,
			 block_start(mc, FIRST_BLOCK + NR_RANGE - 2));
	assert_int_equal(resource.range.nr_pages, r.block_pages);
	range_remove_all(&r);
}

/* ---- zones, and blocks that are all memmap ---- */

/* Pages present and managed in MOVABLE. */
static void expect_zone(const struct range *r)
{
	struct mhp_zone_info zone = zone_info(r->mc, 0, MHP_ZONE_MOVABLE);
	uint64_t i, nr_online = 0, nr_memmap = 0, first = 0, end = 0;

	for (i = 0; i < r->nr_blocks; i++) {
		if (!r->online[i])
			continue;
		if (!nr_online++)
			first = block_start(r->mc, range_id(r, i));
		end = block_start(r->mc, range_id(r, i) + 1);
		nr_memmap += range_nr_memmap(r, i);
	}
	assert_int_equal(zone.nr_present, nr_online * r->block_pages);
	assert_int_equal(zone.nr_managed,
			 nr_online * r->block_pages - nr_memmap);
	assert_int_equal(zone.nr_free, zone.nr_managed);
	assert_int_equal(zone.span.start_pfn, first);
	assert_int_equal(zone.span.nr_pages, end - first);
}

static void test_zone(struct machine *mc)
{
	struct range r;
	uint64_t i;

	range_add(&r, mc, NR_RANGE, 0);
	for (i = 0; i < NR_RANGE; i++) {
		range_online(&r, i, MHP_ONLINE_MOVABLE);
		expect_zone(&r);
	}
	/* What comes back is managed while the host is online. */
	for (i = NR_RANGE; i-- > 1;) {
		range_offline(&r, i);
		expect_zone(&r);
		range_remove(&r, i);
		expect_zone(&r);
	}
	range_offline(&r, 0);
	expect_zone(&r);
	range_remove(&r, 0);
	expect_zone(&r);
}

/* Online, present, in its zone, and without a page to give. */
static void test_all_memmap(struct machine *mc)
{
	struct range r;
	uint64_t i, nr = 0;

	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_MOVABLE);
	for (i = 0; i < NR_RANGE; i++) {
		struct mhp_block_info b = block_info(mc, range_id(&r, i));

		if (b.nr_memmap != r.block_pages)
			continue;
		nr++;
		assert_int_equal(b.state, MHP_BLOCK_ONLINE);
		assert_int_equal(b.zone, MHP_ZONE_MOVABLE);
		assert_int_equal(b.nr_present, r.block_pages);
		assert_int_equal(b.nr_free, 0);
		assert_int_equal(b.nr_allocated, 0);
		assert_int_equal(b.nr_isolated, 0);
	}
	/* The smallest machine has three of them, the next one. */
	if (r.block_pages == 4)
		assert_int_equal(nr, 3);
	else if (r.nr_piece * NR_RANGE >= r.block_pages)
		assert_true(nr > 0);
	range_remove_all(&r);
}

/* ---- what notifiers are told ---- */

struct listener {
	struct mhp_notifier notifier;
	const struct range *r;
	uint64_t nr[MHP_NR_EVENTS];
};

/* From the first page on that holds no memmap, as far as anyone knows it: what
 * left earlier in the same call still counts. */
static int listen(struct mhp_notifier *self, struct mhp *m,
		  const struct mhp_notice *notice)
{
	struct listener *l = (struct listener *)(void *)self;
	mhp_pfn_t pfn = block_start(l->r->mc, notice->block_id);
	mhp_pfn_t end = pfn + l->r->block_pages;

	(void)m;
	l->nr[notice->event]++;
	if (notice->event == MHP_EVENT_MEMMAP_RELEASED)
		return 0;
	while (pfn < end && range_serves(l->r, pfn))
		pfn++;
	assert_int_equal(notice->usable.start_pfn, pfn);
	assert_int_equal(mhp_range_end_pfn(notice->usable), end);
	return 0;
}

static void test_told(struct machine *mc)
{
	struct mhp_range all = block_range(mc, FIRST_BLOCK, NR_RANGE);
	struct listener l = {.notifier = {.notify = listen}};
	struct range r;
	uint64_t i, round;

	for (round = 0; round < 3; round++) {
		range_add(&r, mc, NR_RANGE, 0);
		l.r = &r;
		assert_int_equal(mhp_notifier_register(mc->m, &l.notifier), 0);
		/* Gaps in the first host, or in the last one. */
		if (round)
			range_remove(&r,
				     round == 1 ? NR_RANGE - 1 : NR_RANGE / 2);
		for (i = 0; i < NR_RANGE; i++)
			if (r.known[i])
				range_online(&r, i, MHP_ONLINE_KERNEL);
		assert_int_equal(mhp_offline_and_remove(
					 mc->m, all, MHP_NO_DEADLINE, 0, NULL),
				 0);
		assert_int_equal(mhp_notifier_unregister(mc->m, &l.notifier),
				 0);
	}
	assert_int_equal(l.nr[MHP_EVENT_ONLINE], 3 * NR_RANGE - 2);
	assert_int_equal(l.nr[MHP_EVENT_OFFLINE], 3 * NR_RANGE - 2);
	assert_int_equal(l.nr[MHP_EVENT_REMOVED], 3 * NR_RANGE);
	assert_int_equal(l.nr[MHP_EVENT_MEMMAP_RELEASED], 0);
}

static const struct machine_test tests[] = {
	{"apart", test_apart}, {"apart_and_failing", test_apart_and_failing},
	{"group", test_group}, {"resource", test_resource},
	{"zone", test_zone},   {"all_memmap", test_all_memmap},
	{"told", test_told},
};

int main(void)
{
	return range_run("range_place", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
