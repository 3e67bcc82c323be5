/* SPDX-License-Identifier: MIT */
/*
 * Reserves of zones: what those who may use higher zones leave to those who may
 * not, to the pageblock; by one thread and by two, while memory comes and goes.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mhp/poison.h"
#include "mhp/policy.h"
#include "mhp/withhold.h"

#include "support.h"

/* Kernel memory is plugged here, movable memory behind it. */
#define NR_KERNEL 4
#define FIRST_MOVABLE (FIRST_BLOCK + NR_KERNEL)
#define NR_MOVABLE 6

#define RATIO 8
#define NR_THREADS 2
#define NR_ROUNDS 40

/* Whatever somebody got. */
struct haul {
	struct machine *mc;
	mhp_pfn_t *pfns;
	uint64_t nr;
	struct mhp_request request;
	pthread_t thread;
};

static struct haul haul_start(struct machine *mc,
			      const struct mhp_request *request)
{
	struct haul haul = {.mc = mc, .request = *request};

	haul.pfns = calloc(block_start(mc, NR_BLOCKS), sizeof(*haul.pfns));
	assert_non_null(haul.pfns);
	return haul;
}

/* Until there is no more. No cmocka here: threads run it. */
static void *haul_fill(void *arg)
{
	struct haul *haul = arg;

	while (!mhp_frame_alloc(haul->mc->m, &haul->request,
				&haul->pfns[haul->nr]))
		haul->nr++;
	return NULL;
}

static struct haul haul_all(struct machine *mc,
			    const struct mhp_request *request)
{
	struct haul haul = haul_start(mc, request);

	haul_fill(&haul);
	check_ok(mc);
	return haul;
}

static void haul_free_one(struct haul *haul, uint64_t i)
{
	assert_int_equal(
		mhp_frame_free(haul->mc->m, haul->pfns[i], haul->request.order),
		0);
	haul->pfns[i] = haul->pfns[--haul->nr];
}

static void haul_end(struct haul *haul)
{
	while (haul->nr)
		haul_free_one(haul, haul->nr - 1);
	check_ok(haul->mc);
	free(haul->pfns);
}

/* ---- what should be, and what is ---- */

static uint64_t kept(struct machine *mc, unsigned int node,
		     enum mhp_zone_type zone, enum mhp_zone_type limit)
{
	return zone_info(mc, node, zone).nr_reserve[limit] >>
	       mhp_pageblock_order(mc->g);
}

static bool is_free(struct machine *mc, mhp_pfn_t pfn, unsigned int node,
		    enum mhp_zone_type zone)
{
	uint64_t i;

	for (i = 0; i < mhp_pageblock_pages(mc->g); i++) {
		struct mhp_page_info info = page_info(mc, pfn + i);

		if (info.use != MHP_PAGE_FREE || info.zone != zone ||
		    info.node != node)
			return false;
	}
	return true;
}

/* Pageblocks of a zone of which every page is free. */
static uint64_t nr_whole(struct machine *mc, unsigned int node,
			 enum mhp_zone_type zone)
{
	uint64_t nr = 0;
	mhp_pfn_t pfn;

	for (pfn = 0; pfn < block_start(mc, NR_BLOCKS);
	     pfn += mhp_pageblock_pages(mc->g))
		nr += is_free(mc, pfn, node, zone);
	return nr;
}

/* Entirely free pageblocks of all zones, before. */
struct before {
	uint64_t nr[MHP_MAX_NODES][MHP_NR_ZONES];
};

static void before_note(struct machine *mc, struct before *before)
{
	unsigned int node, zone;

	for (node = 0; node < mc->g->nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone <= MHP_ZONE_NORMAL; zone++)
			before->nr[node][zone] = nr_whole(
				mc, node, (enum mhp_zone_type)zone);
}

/* Of every zone below a limit, what is kept from it is still there, and no more
 * than @more pageblocks beside it or @less of it gone. Return: how many. */
static uint64_t assert_kept(struct machine *mc, const struct before *before,
			    enum mhp_zone_type limit, uint64_t more,
			    uint64_t less)
{
	unsigned int node, zone;
	uint64_t sum = 0;

	for (node = 0; node < mc->g->nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone < limit; zone++) {
			enum mhp_zone_type type = (enum mhp_zone_type)zone;
			uint64_t want = kept(mc, node, type, limit);
			uint64_t is = nr_whole(mc, node, type);

			if (want > before->nr[node][zone])
				want = before->nr[node][zone];
			assert_true(is + less >= want);
			assert_true(is <= want + more);
			sum += is;
		}
	return sum;
}

static void plug_kernel(struct machine *mc)
{
	plug(mc, FIRST_BLOCK, NR_KERNEL, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_KERNEL);
}

static void plug_movable(struct machine *mc)
{
	plug(mc, FIRST_MOVABLE, NR_MOVABLE, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_MOVABLE);
}

static struct mhp_request movable(struct shelf *shelf, unsigned int order)
{
	return (struct mhp_request){.order = (uint8_t)order,
				    .mobility = MHP_MOVABLE,
				    .owner = shelf->owner};
}

/* ---- settings ---- */

static void test_policy(struct machine *mc)
{
	static const enum mhp_zone_type others[] = {
		MHP_ZONE_NONE, MHP_ZONE_MOVABLE, MHP_ZONE_DEVICE};
	struct mhp_policy policy, now;
	size_t i;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	assert_int_equal(policy.reserve_ratio[MHP_ZONE_DMA], 256);
	assert_int_equal(policy.reserve_ratio[MHP_ZONE_DMA32], 256);
	assert_int_equal(policy.reserve_ratio[MHP_ZONE_NORMAL], 32);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		now = policy;
		now.reserve_ratio[MHP_ZONE_NORMAL] = 1;
		now.reserve_ratio[others[i]] = 1;
		assert_int_equal(mhp_policy_set(mc->m, &now), MHP_ERR_INVAL);
	}
	assert_int_equal(mhp_policy_get(mc->m, &now), 0);
	assert_memory_equal(now.reserve_ratio, policy.reserve_ratio,
			    sizeof(now.reserve_ratio));
}

/* All pages above by the ratio, on each node by itself. */
static void assert_sums(struct machine *mc, uint64_t ratio)
{
	unsigned int node, zone, limit;

	for (node = 0; node < mc->g->nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone < MHP_ZONE_MOVABLE; zone++) {
			struct mhp_zone_info info = zone_info(
				mc, node, (enum mhp_zone_type)zone);
			uint64_t above = 0;

			for (limit = zone + 1; limit < MHP_NR_ZONES; limit++) {
				above += zone_info(mc, node,
						   (enum mhp_zone_type)limit)
						 .nr_managed;
				assert_int_equal(info.nr_reserve[limit],
						 ratio && info.nr_managed
							 ? above / ratio
							 : 0);
			}
			assert_int_equal(info.nr_reserve[zone], 0);
		}
}

static void test_sums(struct machine *mc)
{
	struct mhp_range some;
	uint64_t nr = mhp_pageblock_pages(mc->g);

	set_reserves(mc, RATIO);
	assert_sums(mc, RATIO);
	plug_kernel(mc);
	plug_movable(mc);
	assert_sums(mc, RATIO);
	some = mhp_range_make(block_start(mc, FIRST_MOVABLE + 1) - nr, nr);
	assert_int_equal(mhp_withhold(mc->m, some, MHP_NO_DEADLINE, NULL), 0);
	assert_sums(mc, RATIO);
	assert_int_equal(mhp_release(mc->m, some, NULL), 0);
	assert_sums(mc, RATIO);
	set_reserves(mc, 3);
	assert_sums(mc, 3);
	assert_int_equal(mhp_block_offline(mc->m, FIRST_MOVABLE + 1,
					   MHP_NO_DEADLINE, NULL),
			 0);
	assert_sums(mc, 3);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_sums(mc, 3);
	set_reserves(mc, 0);
	assert_sums(mc, 0);
}

/* ---- what is left ---- */

/* Movable data fills all there is but the reserve, whatever it comes in, and
 * unmovable data finds that. */
static void test_movable(struct machine *mc)
{
	unsigned int top = mhp_pageblock_order(mc->g), order;
	const struct mhp_request whole = {.order = (uint8_t)top};
	struct shelf *shelf = shelf_open(mc);
	struct before before;

	plug_kernel(mc);
	plug_movable(mc);
	set_reserves(mc, RATIO);
	assert_true(kept(mc, 0, MHP_ZONE_NORMAL, MHP_ZONE_MOVABLE) > 0);
	before_note(mc, &before);
	for (order = 0; order <= top; order++) {
		struct mhp_request request = movable(shelf, order);
		struct haul haul = haul_all(mc, &request), rest;
		uint64_t left = assert_kept(mc, &before, MHP_ZONE_MOVABLE, 0,
					    0);

		rest = haul_all(mc, &whole);
		/* Below NORMAL it is unmovable data that is kept out. */
		assert_true(rest.nr <= left);
		left = assert_kept(mc, &before, MHP_ZONE_NORMAL, 0, 0);
		if (!mc->c->zones)
			assert_int_equal(left, 0);
		haul_end(&rest);
		haul_end(&haul);
	}
	shelf_close(shelf);
}

/* Requests that no cursor serves, and bulks. */
static void test_other_ways(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct mhp_request request = movable(shelf, 0);
	struct before before;
	struct haul haul;
	int nr;

	plug_kernel(mc);
	plug_movable(mc);
	set_reserves(mc, RATIO);
	before_note(mc, &before);
	request.node_mask = UINT64_MAX;
	haul = haul_all(mc, &request);
	assert_kept(mc, &before, MHP_ZONE_MOVABLE, 0, 0);
	haul_end(&haul);
	request.node_mask = 0;
	haul = haul_start(mc, &request);
	nr = mhp_frame_alloc_bulk(mc->m, &request,
				  (uint32_t)block_start(mc, NR_BLOCKS),
				  haul.pfns);
	assert_true(nr > 0);
	haul.nr = (uint64_t)nr;
	assert_kept(mc, &before, MHP_ZONE_MOVABLE, 0, 0);
	haul_end(&haul);
	shelf_close(shelf);
}

/* A run leaves the reserve whole, and may leave more if that is in pieces. */
static void test_runs(struct machine *mc)
{
	uint64_t nr_pages = 2 * mhp_pageblock_pages(mc->g), nr = 0;
	struct shelf *shelf = shelf_open(mc);
	const struct mhp_request request = movable(shelf, 0);
	struct haul haul = haul_start(mc, &request);
	struct before before;

	plug_kernel(mc);
	plug_movable(mc);
	set_reserves(mc, RATIO);
	before_note(mc, &before);
	while (!mhp_run_alloc(mc->m, &request, nr_pages, &haul.pfns[nr]))
		nr++;
	assert_true(nr > 0);
	assert_kept(mc, &before, MHP_ZONE_MOVABLE, UINT64_MAX / 2, 0);
	while (nr)
		assert_int_equal(mhp_run_free(mc->m, haul.pfns[--nr], nr_pages),
				 0);
	haul_end(&haul);
	shelf_close(shelf);
}

/* Who names the zone as the highest one that will do gets all of it. */
static void test_named(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct mhp_request request = movable(shelf, 0);
	struct haul haul;

	plug_kernel(mc);
	plug_movable(mc);
	set_reserves(mc, RATIO);
	request.zone_limit = MHP_ZONE_NORMAL;
	haul = haul_all(mc, &request);
	assert_int_equal(zone_info(mc, 0, MHP_ZONE_NORMAL).nr_free, 0);
	haul_end(&haul);
	set_reserves(mc, 0);
	request.zone_limit = MHP_ZONE_NONE;
	haul = haul_all(mc, &request);
	assert_int_equal(zone_info(mc, 0, MHP_ZONE_NORMAL).nr_free, 0);
	haul_end(&haul);
	shelf_close(shelf);
}

/* Data without a limit leaves DMA and DMA32 to those that have one. */
static void test_dma(struct machine *mc)
{
	struct mhp_request low = {.flags = MHP_ALLOC_THIS_ZONE};
	const struct mhp_request any = {.order = 0};
	struct before before;
	struct haul haul, rest;
	unsigned int zone;

	plug_kernel(mc);
	set_reserves(mc, RATIO);
	before_note(mc, &before);
	haul = haul_all(mc, &any);
	assert_kept(mc, &before, MHP_ZONE_NORMAL, 0, 0);
	for (zone = MHP_ZONE_DMA; zone <= MHP_ZONE_DMA32; zone++) {
		uint64_t nr = nr_whole(mc, 0, (enum mhp_zone_type)zone);

		assert_true(nr > 0);
		low.zone_limit = (uint8_t)zone;
		rest = haul_all(mc, &low);
		assert_int_equal(rest.nr, nr * mhp_pageblock_pages(mc->g));
		haul_end(&rest);
	}
	haul_end(&haul);
}

/* Free what somebody has in the pageblock of one of his pages in a zone. */
static void free_pageblock(struct haul *haul, enum mhp_zone_type zone)
{
	uint64_t nr = mhp_pageblock_pages(haul->mc->g), i = 0;
	mhp_pfn_t first;

	while (page_info(haul->mc, haul->pfns[i]).zone != zone)
		assert_true(++i < haul->nr);
	first = haul->pfns[i] & ~(nr - 1);
	for (i = haul->nr; i-- > 0;)
		if (haul->pfns[i] - first < nr)
			haul_free_one(haul, i);
}

/* While the reserve is in use, pages next to what uses it are kept too. When
 * it is whole again they are not. */
static void test_in_use(struct machine *mc)
{
	const struct mhp_request one = {.order = 0};
	struct shelf *shelf = shelf_open(mc);
	const struct mhp_request request = movable(shelf, 0);
	struct before before;
	struct haul haul;
	mhp_pfn_t pfn, beside;

	plug_kernel(mc);
	plug_movable(mc);
	set_reserves(mc, RATIO);
	before_note(mc, &before);
	haul = haul_all(mc, &request);
	assert_int_equal(mhp_frame_alloc(mc->m, &one, &pfn), 0);
	assert_int_equal(mhp_frame_alloc(mc->m, &request, &beside),
			 MHP_ERR_NOMEM);
	/* Whatever becomes free now stays so until the reserve is whole. */
	free_pageblock(&haul, MHP_ZONE_NORMAL);
	assert_kept(mc, &before, MHP_ZONE_MOVABLE, 0, 0);
	assert_int_equal(mhp_frame_alloc(mc->m, &request, &beside), 0);
	assert_int_equal(beside & ~(mhp_pageblock_pages(mc->g) - 1),
			 pfn & ~(mhp_pageblock_pages(mc->g) - 1));
	assert_int_equal(mhp_frame_free(mc->m, beside, 0), 0);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	haul_end(&haul);
	shelf_close(shelf);
}

/* A pageblock with a bad page is no part of it. */
static void test_bad_page(struct machine *mc)
{
	uint64_t bad = block_start(mc, FIRST_BLOCK) + mhp_block_pages(mc->g) -
		       1;
	struct shelf *shelf = shelf_open(mc);
	const struct mhp_request request = movable(shelf, 0);
	struct before before;
	struct haul haul;

	plug_kernel(mc);
	plug_movable(mc);
	set_reserves(mc, RATIO);
	assert_int_equal(mhp_poison_hard(mc->m, bad, NULL), 0);
	before_note(mc, &before);
	haul = haul_all(mc, &request);
	assert_kept(mc, &before, MHP_ZONE_MOVABLE, 0, 0);
	haul_end(&haul);
	assert_int_equal(mhp_poison_clear(mc->m, bad, NULL), 0);
	shelf_close(shelf);
}

/* ---- memory that comes and goes ---- */

static void test_hotplug(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	const struct mhp_request request = movable(shelf, 0);
	struct before before;
	struct haul haul;
	unsigned int i;

	plug_kernel(mc);
	set_reserves(mc, RATIO);
	for (i = 0; i < 2; i++) {
		/* Nothing is above, so nothing is kept of it. */
		haul = haul_all(mc, &request);
		assert_int_equal(nr_whole(mc, 0, MHP_ZONE_NORMAL), 0);
		/* What is kept from now on is in use, and becomes free. */
		plug_movable(mc);
		assert_int_equal(nr_whole(mc, 0, MHP_ZONE_NORMAL), 0);
		haul_end(&haul);
		before_note(mc, &before);
		haul = haul_all(mc, &request);
		/* The cursor goes on in the pageblock that it was in. */
		assert_true(assert_kept(mc, &before, MHP_ZONE_MOVABLE, 0, 1) >
			    0);
		haul_end(&haul);
		assert_int_equal(
			mhp_offline_and_remove(
				mc->m,
				block_range(mc, FIRST_MOVABLE, NR_MOVABLE),
				MHP_NO_DEADLINE, 0, NULL),
			0);
	}
	shelf_close(shelf);
}

/* ---- two threads ---- */

/* Each may take the last one, if both have seen it. */
static void test_threads(struct machine *mc)
{
	unsigned int top = mhp_pageblock_order(mc->g), round, i;
	struct shelf *shelf = shelf_open(mc);
	struct before before;

	plug_kernel(mc);
	plug_movable(mc);
	set_reserves(mc, RATIO);
	before_note(mc, &before);
	for (round = 0; round < NR_ROUNDS; round++) {
		struct mhp_request request = movable(shelf,
						     round % 2 ? top : 0);
		struct haul hauls[NR_THREADS];

		for (i = 0; i < NR_THREADS; i++)
			hauls[i] = haul_start(mc, &request);
		for (i = 0; i < NR_THREADS; i++)
			assert_int_equal(pthread_create(&hauls[i].thread, NULL,
							haul_fill, &hauls[i]),
					 0);
		for (i = 0; i < NR_THREADS; i++)
			pthread_join(hauls[i].thread, NULL);
		assert_kept(mc, &before, MHP_ZONE_MOVABLE, 0, NR_THREADS - 1);
		for (i = 0; i < NR_THREADS; i++)
			haul_end(&hauls[i]);
	}
	shelf_close(shelf);
}

int main(void)
{
	static const struct machine_test tests[] = {
		{.name = "policy", .run = test_policy},
		{.name = "sums", .run = test_sums},
		{.name = "movable", .run = test_movable},
		{.name = "other_ways", .run = test_other_ways},
		{.name = "runs", .run = test_runs},
		{.name = "named", .run = test_named},
		{.name = "in_use", .run = test_in_use},
		{.name = "bad_page", .run = test_bad_page},
		{.name = "hotplug", .run = test_hotplug},
		{.name = "threads", .run = test_threads},
	};
	static const struct machine_test zones[] = {
		{.name = "dma", .run = test_dma},
	};
	int failed = machine_run("reserve", tests,
				 sizeof(tests) / sizeof(tests[0]), true);

	return failed + machine_run_on("reserve_dma", zones, 1, "sections");
}
