/* SPDX-License-Identifier: MIT */
/*
 * Allocation: every order, every constraint of a request, zones and nodes in
 * their order, and that what is freed can be had again in one piece.
 *
 * What it does not test: several threads, and random sequences of all calls.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* All that a request can get. */
struct loot {
	struct machine *mc;
	mhp_pfn_t *pfns;
	uint64_t nr;
	unsigned int order;
};

static uint64_t nr_all_pages(const struct machine *mc)
{
	return block_start(mc, NR_BLOCKS);
}

static struct loot loot_start(struct machine *mc, unsigned int order)
{
	struct loot loot = {.mc = mc, .order = order};

	loot.pfns = calloc(nr_all_pages(mc), sizeof(*loot.pfns));
	assert_non_null(loot.pfns);
	return loot;
}

static struct loot loot_take(struct machine *mc,
			     const struct mhp_request *request)
{
	struct loot loot = loot_start(mc, request->order);
	mhp_pfn_t pfn;

	while (!mhp_frame_alloc(mc->m, request, &pfn)) {
		assert_int_equal(pfn & ((UINT64_C(1) << request->order) - 1),
				 0);
		loot.pfns[loot.nr++] = pfn;
	}
	check_ok(mc);
	return loot;
}

static void loot_return(struct loot *loot)
{
	uint64_t i;

	for (i = 0; i < loot->nr; i++)
		assert_int_equal(
			mhp_frame_free(loot->mc->m, loot->pfns[i], loot->order),
			0);
	check_ok(loot->mc);
	free(loot->pfns);
}

/* Aligned runs of free pages inside a pageblock, as the queries show them. */
static uint64_t count_runs(struct machine *mc, unsigned int order,
			   enum mhp_zone_type limit)
{
	uint64_t run = UINT64_C(1) << order, nr = 0, i;
	mhp_pfn_t pfn = 0;

	for (; pfn < nr_all_pages(mc); pfn += run) {
		for (i = 0; i < run; i++) {
			struct mhp_page_info p = page_info(mc, pfn + i);

			if (p.use != MHP_PAGE_FREE || p.zone > limit)
				break;
		}
		nr += i == run;
	}
	return nr;
}

/* As many of each order as there are runs: nothing is lost to neighbours. */
static void test_orders(struct machine *mc)
{
	unsigned int order, largest = mhp_pageblock_order(mc->g);

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	plug(mc, FIRST_BLOCK + 2, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	for (order = 0; order <= largest; order++) {
		struct mhp_request request = {.order = (uint8_t)order};
		uint64_t nr = count_runs(mc, order, MHP_ZONE_NORMAL);
		struct loot loot = loot_take(mc, &request);

		assert_int_equal(loot.nr, nr);
		assert_int_equal(count_runs(mc, order, MHP_ZONE_NORMAL), 0);
		loot_return(&loot);
		assert_int_equal(count_runs(mc, order, MHP_ZONE_NORMAL), nr);
	}
}

static void shuffle(struct dice *dice, struct loot *loot)
{
	uint64_t i;

	for (i = loot->nr; i > 1; i--) {
		uint64_t k = dice_below(dice, i);
		mhp_pfn_t pfn = loot->pfns[k];

		loot->pfns[k] = loot->pfns[i - 1];
		loot->pfns[i - 1] = pfn;
	}
}

/* Single pages, freed in any order, make whole pageblocks again. */
static void test_whole_again(struct machine *mc)
{
	struct mhp_request one = {0};
	struct mhp_request whole = {
		.order = (uint8_t)mhp_pageblock_order(mc->g)};
	struct loot loot;
	struct dice dice;
	uint64_t nr;

	dice_start(&dice, 1);
	loot = loot_take(mc, &whole);
	nr = loot.nr;
	loot_return(&loot);
	assert_true(nr > 0);
	loot = loot_take(mc, &one);
	shuffle(&dice, &loot);
	loot_return(&loot);
	loot = loot_take(mc, &whole);
	assert_int_equal(loot.nr, nr);
	loot_return(&loot);
}

/* Zone after zone from the highest allowed one down, each to its last page. */
static void assert_falls(struct machine *mc, const struct mhp_request *request,
			 enum mhp_zone_type first)
{
	struct loot loot = loot_start(mc, 0);
	unsigned int zone = first, now;
	mhp_pfn_t pfn;

	while (!mhp_frame_alloc(mc->m, request, &pfn)) {
		loot.pfns[loot.nr++] = pfn;
		now = page_info(mc, pfn).zone;
		assert_true(now <= zone);
		for (; zone > now; zone--)
			assert_int_equal(
				zone_info(mc, 0, (enum mhp_zone_type)zone)
					.nr_free,
				0);
	}
	for (; zone >= MHP_ZONE_DMA; zone--)
		assert_int_equal(
			zone_info(mc, 0, (enum mhp_zone_type)zone).nr_free, 0);
	loot_return(&loot);
}

static void test_zones(struct machine *mc)
{
	struct mhp_request request = {.node_mask = 1};
	struct shelf *shelf = shelf_open(mc);

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	assert_falls(mc, &request, MHP_ZONE_NORMAL);
	request.zone_limit = MHP_ZONE_DMA32;
	assert_falls(mc, &request, MHP_ZONE_DMA32);
	request.zone_limit = MHP_ZONE_NONE;
	request.mobility = MHP_MOVABLE;
	request.owner = shelf->owner;
	assert_falls(mc, &request, MHP_ZONE_MOVABLE);
	request.zone_limit = MHP_ZONE_NORMAL;
	assert_falls(mc, &request, MHP_ZONE_NORMAL);
	shelf_close(shelf);
}

static void test_this_zone(struct machine *mc)
{
	struct mhp_request request = {.zone_limit = MHP_ZONE_MOVABLE,
				      .flags = MHP_ALLOC_THIS_ZONE,
				      .mobility = MHP_MOVABLE};
	struct shelf *shelf = shelf_open(mc);
	struct loot loot;

	request.owner = shelf->owner;
	loot = loot_take(mc, &request);
	assert_int_equal(loot.nr, 0);
	loot_return(&loot);
	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	loot = loot_take(mc, &request);
	assert_int_equal(loot.nr, 2 * (mhp_block_pages(mc->g) -
				       block_info(mc, 8).nr_memmap));
	loot_return(&loot);
	shelf_close(shelf);
}

/* A place that the allocator remembers is in another zone now. */
static void test_place_moves(struct machine *mc)
{
	unsigned int order, largest = mhp_pageblock_order(mc->g);

	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK),
			 0);
	for (order = 0; order <= largest; order++) {
		struct mhp_request request = {.order = (uint8_t)order};
		mhp_pfn_t pfn;

		assert_int_equal(
			online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_KERNEL),
			0);
		pfn = alloc_in_block(mc, &request, FIRST_BLOCK);
		assert_int_equal(mhp_frame_free(mc->m, pfn, order), 0);
		assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK,
						   MHP_NO_DEADLINE, NULL),
				 0);
		assert_int_equal(
			online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			0);
		pfn = alloc_unmovable(mc, order);
		assert_true(page_info(mc, pfn).zone <= MHP_ZONE_NORMAL);
		assert_int_equal(mhp_frame_free(mc->m, pfn, order), 0);
		assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK,
						   MHP_NO_DEADLINE, NULL),
				 0);
	}
}

/* Unmovable pages keep out of pageblocks with movable ones: those must stay
 * movable as a whole. */
static void test_mobility(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct mhp_request low = {.zone_limit = MHP_ZONE_NORMAL};
	uint64_t nr = mhp_pageblock_pages(mc->g);
	struct item *item = shelf_alloc(shelf, &low);
	mhp_pfn_t first;
	struct loot loot;
	uint64_t i;

	assert_non_null(item);
	first = item->pfn & ~(nr - 1);
	loot = loot_take(mc, &low);
	for (i = 0; i < loot.nr; i++)
		assert_true(loot.pfns[i] < first || loot.pfns[i] >= first + nr);
	assert_true(zone_info(mc, page_info(mc, first).node,
			      (enum mhp_zone_type)page_info(mc, first).zone)
			    .nr_free > 0);
	loot_return(&loot);
	shelf_close(shelf);
}

static void test_limit(struct machine *mc)
{
	mhp_pfn_t limit = 2 * mhp_block_pages(mc->g) + 3;
	unsigned int order;

	for (order = 0; order <= 2; order++) {
		struct mhp_request request = {.order = (uint8_t)order,
					      .limit_pfn = limit};
		struct loot loot = loot_take(mc, &request);
		uint64_t i;

		assert_true(loot.nr > 0);
		for (i = 0; i < loot.nr; i++)
			assert_true(loot.pfns[i] + (UINT64_C(1) << order) <=
				    limit);
		/* And none is left below it. */
		for (i = 0; i < limit && !order; i++)
			assert_int_not_equal(page_info(mc, i).use,
					     MHP_PAGE_FREE);
		loot_return(&loot);
	}
}

static void test_align(struct machine *mc)
{
	unsigned int largest = mhp_pageblock_order(mc->g), align;

	for (align = 0; align <= largest; align++) {
		struct mhp_request request = {.align_order = (uint8_t)align};
		struct loot loot = loot_take(mc, &request);
		mhp_pfn_t pfn = 0;
		uint64_t i;

		for (i = 0; i < loot.nr; i++)
			assert_int_equal(
				loot.pfns[i] & ((UINT64_C(1) << align) - 1), 0);
		for (; pfn < nr_all_pages(mc); pfn += UINT64_C(1) << align)
			assert_int_not_equal(page_info(mc, pfn).use,
					     MHP_PAGE_FREE);
		loot_return(&loot);
	}
}

static void test_bulk(struct machine *mc)
{
	struct mhp_request request = {.order = 1};
	struct loot all = loot_take(mc, &request), loot;
	uint64_t nr = all.nr;
	char *before;

	loot_return(&all);
	before = snapshot(mc, 0);
	loot = loot_start(mc, 1);
	assert_int_equal(mhp_frame_alloc_bulk(mc->m, &request, 0, loot.pfns),
			 0);
	assert_int_equal(mhp_frame_alloc_bulk(mc->m, &request, 5, loot.pfns),
			 5);
	assert_int_equal(mhp_frame_alloc_bulk(mc->m, &request, (uint32_t)nr + 7,
					      loot.pfns + 5),
			 nr - 5);
	assert_int_equal(
		mhp_frame_alloc_bulk(mc->m, &request, 3, loot.pfns + nr), 0);
	assert_int_equal(mhp_frame_free_bulk(mc->m, 1, (uint32_t)nr, loot.pfns),
			 0);
	unchanged(mc, before, 0);
	free(loot.pfns);
}

/* What an owner gave is what the page says, up to the largest cookie. */
static void test_query(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct mhp_request request = {.order = 2,
				      .mobility = MHP_MOVABLE,
				      .owner = shelf->owner,
				      .cookie = MHP_COOKIE_MAX};
	mhp_pfn_t pfn, i;

	assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfn), 0);
	for (i = pfn; i < pfn + 4; i++) {
		struct mhp_page_info p = page_info(mc, i);

		assert_int_equal(p.use, MHP_PAGE_ALLOCATED);
		assert_int_equal(p.head_pfn, pfn);
		assert_int_equal(p.order, 2);
		assert_int_equal(p.owner, shelf->owner);
		assert_int_equal(p.mobility, MHP_MOVABLE);
		assert_true(p.cookie == MHP_COOKIE_MAX);
	}
	assert_int_equal(mhp_frame_free(mc->m, pfn, 2), 0);
	shelf_close(shelf);
}

/* A block's pages follow one another in the linear map. */
static void test_address(struct machine *mc)
{
	uint8_t *base;
	uint64_t i;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	base = mhp_frame_address(mc->m, block_start(mc, FIRST_BLOCK));
	assert_non_null(base);
	for (i = 0; i < mhp_block_pages(mc->g); i++)
		assert_ptr_equal(
			mhp_frame_address(mc->m,
					  block_start(mc, FIRST_BLOCK) + i),
			base + i * mhp_page_bytes(mc->g));
}

static uint64_t calls_of_loot(struct machine *mc,
			      const struct mhp_request *request)
{
	struct loot loot;
	uint64_t nr;

	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	loot = loot_take(mc, request);
	nr = mhp_model_calls(mc->model);
	loot_return(&loot);
	return nr;
}

/* The port hears of each pageblock once after its block went online. */
static void test_first_use(struct machine *mc)
{
	struct mhp_request request = {.zone_limit = MHP_ZONE_MOVABLE,
				      .flags = MHP_ALLOC_THIS_ZONE,
				      .mobility = MHP_MOVABLE};
	struct shelf *shelf = shelf_open(mc);
	uint64_t nr = mhp_block_pageblocks(mc->g);

	request.owner = shelf->owner;
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_MOVABLE);
	assert_int_equal(calls_of_loot(mc, &request), nr);
	assert_int_equal(calls_of_loot(mc, &request), 0);
	plug(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_EXISTING,
	     MHP_ONLINE_MOVABLE);
	assert_int_equal(calls_of_loot(mc, &request), nr);
	shelf_close(shelf);
}

/* Memory that was used and freed is used again before fresh memory is. */
static void test_used_first(struct machine *mc)
{
	struct mhp_request request = {0};
	uint32_t nr = (uint32_t)(2 * mhp_pageblock_pages(mc->g) + 1), i;
	mhp_pfn_t *pfns = calloc(nr, sizeof(*pfns));

	assert_non_null(pfns);
	for (i = 0; i < 5; i++) {
		assert_int_equal(
			mhp_frame_alloc_bulk(mc->m, &request, nr, pfns), nr);
		assert_int_equal(mhp_frame_free_bulk(mc->m, 0, nr, pfns), 0);
		if (i)
			assert_int_equal(mhp_model_calls(mc->model), 0);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	}
	free(pfns);
}

/* A pageblock that the port cannot prepare is passed over, and tried again. */
static void test_first_use_fails(struct machine *mc)
{
	struct mhp_request request = {0};
	char *before = snapshot(mc, 0);
	struct loot loot;
	mhp_pfn_t pfn;
	uint64_t nr;

	loot = loot_take(mc, &request);
	nr = loot.nr;
	loot_return(&loot);
	machine_end(mc);
	machine_start(mc, mc->c, 0);
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_FROM_THEN, 1);
	assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfn), MHP_ERR_NOMEM);
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	unchanged(mc, before, 0);
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_ONCE, 1);
	loot = loot_take(mc, &request);
	assert_int_equal(mhp_model_faults(mc->model), 1);
	assert_int_equal(loot.nr, nr);
	loot_return(&loot);
}

/* Nodes: the preferred one, then by distance, each to its last page. */
static void assert_nodes(struct machine *mc, uint16_t preferred,
			 const unsigned int *order, unsigned int nr_nodes)
{
	struct mhp_request request = {.node_plus_1 = (uint16_t)(preferred + 1)};
	struct loot loot = loot_start(mc, 0);
	unsigned int at = 0, node;
	mhp_pfn_t pfn;

	while (!mhp_frame_alloc(mc->m, &request, &pfn)) {
		loot.pfns[loot.nr++] = pfn;
		for (node = page_info(mc, pfn).node; order[at] != node; at++) {
			assert_true(at + 1 < nr_nodes);
			assert_int_equal(
				zone_info(mc, order[at], MHP_ZONE_NORMAL)
					.nr_free,
				0);
		}
	}
	assert_int_equal(at, nr_nodes - 1);
	loot_return(&loot);
}

static void plug_node(struct machine *mc, uint64_t id, uint16_t node)
{
	struct mhp_add_request add = {.range = block_range(mc, id, 1),
				      .node = node};

	assert_int_equal(mhp_add(mc->m, &add, NULL), 0);
	assert_int_equal(online_blocks(mc, id, 1, MHP_ONLINE_KERNEL), 0);
	assert_int_equal(block_info(mc, id).node, node);
}

static void test_nodes(struct machine *mc)
{
	static const unsigned int orders[3][3] = {
		{0, 1, 2}, {1, 2, 0}, {2, 1, 0}};
	struct mhp_request request = {.node_plus_1 = 3,
				      .flags = MHP_ALLOC_THIS_NODE};
	uint16_t node;
	mhp_pfn_t pfn;

	/* A node without memory, that gets some. */
	assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfn), MHP_ERR_NOMEM);
	plug_node(mc, FIRST_BLOCK, 2);
	plug_node(mc, FIRST_BLOCK + 1, 0);
	assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfn), 0);
	assert_int_equal(page_info(mc, pfn).node, 2);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	for (node = 0; node < 3; node++)
		assert_nodes(mc, node, orders[node], 3);
	/* The preferred node is not among those allowed. */
	request.node_mask = 3;
	assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfn), MHP_ERR_NOMEM);
}

static const struct machine_test tests[] = {
	{"orders", test_orders},
	{"whole_again", test_whole_again},
	{"zones", test_zones},
	{"this_zone", test_this_zone},
	{"place_moves", test_place_moves},
	{"mobility", test_mobility},
	{"limit", test_limit},
	{"align", test_align},
	{"bulk", test_bulk},
	{"query", test_query},
	{"address", test_address},
	{"first_use", test_first_use},
	{"used_first", test_used_first},
	{"first_use_fails", test_first_use_fails},
};

static const struct machine_test node_tests[] = {
	{"nodes", test_nodes},
};

int main(void)
{
	return machine_run("alloc", tests, sizeof(tests) / sizeof(tests[0]),
			   true) +
	       machine_run_on("nodes", node_tests, 1, "nodes");
}
