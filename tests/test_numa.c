/* SPDX-License-Identifier: MIT */
/*
 * Nodes: where an allocation comes from when its node has nothing, by distance,
 * by the mask of nodes, and by what a request insists on; and a node without
 * memory that gets some and loses it.
 *
 * The machine has three nodes; 0 and 1 have two blocks of boot memory each.
 * From 0 the distances are 10, 20, 30; from 1: 20, 10, 15; from 2: 30, 15, 10.
 */
#include <stdlib.h>

#include "support.h"

#define NR_NODES 3

/* The others by distance. */
static const unsigned int nearest[NR_NODES][NR_NODES] = {
	{0, 1, 2}, {1, 2, 0}, {2, 1, 0}};

/* A zone of a node. */
struct spot {
	unsigned int node;
	enum mhp_zone_type zone;
};

static void plug_node(struct machine *mc, uint64_t id, uint16_t node,
		      enum mhp_online_type type)
{
	struct mhp_add_request add = {.range = block_range(mc, id, 1),
				      .node = node};

	assert_int_equal(mhp_add(mc->m, &add, NULL), 0);
	assert_int_equal(online_blocks(mc, id, 1, type), 0);
}

static void unplug(struct machine *mc, uint64_t id)
{
	assert_int_equal(mhp_offline_and_remove(mc->m, block_range(mc, id, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
}

static uint64_t nr_free(struct machine *mc, struct spot spot)
{
	return zone_info(mc, spot.node, spot.zone).nr_free;
}

static uint64_t nr_free_all(struct machine *mc)
{
	unsigned int node, zone;
	uint64_t nr = 0;

	for (node = 0; node < NR_NODES; node++)
		for (zone = MHP_ZONE_DMA; zone <= MHP_ZONE_MOVABLE; zone++)
			nr += nr_free(
				mc,
				(struct spot){node, (enum mhp_zone_type)zone});
	return nr;
}

/* All that a request gets comes from these places, one after the other, each to
 * the last run that it has; nothing else is touched. */
static void assert_order(struct machine *mc, const struct mhp_request *request,
			 const struct spot *spots, unsigned int nr_spots)
{
	mhp_pfn_t *pfns = calloc(block_start(mc, NR_BLOCKS), sizeof(*pfns));
	uint64_t nr = 0, all = nr_free_all(mc), sum = 0;
	unsigned int at = 0, i;

	assert_non_null(pfns);
	for (i = 0; i < nr_spots; i++)
		sum += nr_free(mc, spots[i]);
	for (; !mhp_frame_alloc(mc->m, request, &pfns[nr]); nr++) {
		struct mhp_page_info info = page_info(mc, pfns[nr]);

		while (info.node != spots[at].node ||
		       info.zone != spots[at].zone) {
			if (!request->order)
				assert_int_equal(nr_free(mc, spots[at]), 0);
			assert_true(++at < nr_spots);
		}
	}
	if (!request->order) {
		assert_int_equal(nr, sum);
		assert_int_equal(nr_free_all(mc), all - sum);
	}
	while (nr)
		assert_int_equal(
			mhp_frame_free(mc->m, pfns[--nr], request->order), 0);
	check_ok(mc);
	free(pfns);
}

/* ---- masks ---- */

/* The nodes of a mask by distance from @from. */
static unsigned int spots_of(unsigned int from, uint64_t mask,
			     struct spot *spots)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_NODES; i++)
		if (mask >> nearest[from][i] & 1)
			spots[nr++] = (struct spot){nearest[from][i],
						    MHP_ZONE_NORMAL};
	return nr;
}

/* Every mask from every node, and from none, which is from the first. */
static void test_masks(struct machine *mc)
{
	const unsigned int top = mhp_pageblock_order(mc->g);
	const uint8_t orders[] = {0, 2, (uint8_t)top, (uint8_t)(top + 1)};
	struct spot spots[NR_NODES];
	unsigned int from, i;
	uint64_t mask;

	plug_node(mc, FIRST_BLOCK, 2, MHP_ONLINE_KERNEL);
	for (from = 0; from <= NR_NODES; from++)
		for (mask = 0; mask < 1u << NR_NODES; mask++)
			for (i = 0; i < sizeof(orders); i++) {
				struct mhp_request request = {
					.order = orders[i],
					.node_plus_1 = (uint16_t)from,
					.node_mask = mask};
				unsigned int nr = spots_of(from ? from - 1 : 0,
							   mask ? mask : 7,
							   spots);

				assert_order(mc, &request, spots, nr);
			}
}

/* ---- what a request insists on ---- */

/* Zones of a node come before the next node; this zone, or this node, or both
 * alone if the request says so. */
static void test_insists(struct machine *mc)
{
	static const struct spot all[] = {
		{1, MHP_ZONE_MOVABLE}, {1, MHP_ZONE_NORMAL},
		{2, MHP_ZONE_MOVABLE}, {2, MHP_ZONE_NORMAL},
		{0, MHP_ZONE_MOVABLE}, {0, MHP_ZONE_NORMAL}};
	static const struct spot zone[] = {{1, MHP_ZONE_MOVABLE},
					   {2, MHP_ZONE_MOVABLE},
					   {0, MHP_ZONE_MOVABLE}};
	struct shelf *shelf = shelf_open(mc);
	struct mhp_request request = {.mobility = MHP_MOVABLE,
				      .owner = shelf->owner,
				      .node_plus_1 = 2};
	uint16_t node;

	for (node = 0; node < NR_NODES; node++)
		plug_node(mc, FIRST_BLOCK + node, node, MHP_ONLINE_MOVABLE);
	plug_node(mc, FIRST_BLOCK + NR_NODES, 2, MHP_ONLINE_KERNEL);
	assert_order(mc, &request, all, 6);
	request.flags = MHP_ALLOC_THIS_NODE;
	assert_order(mc, &request, all, 2);
	request.flags = MHP_ALLOC_THIS_ZONE;
	assert_order(mc, &request, zone, 3);
	request.flags = MHP_ALLOC_THIS_ZONE | MHP_ALLOC_THIS_NODE;
	assert_order(mc, &request, zone, 1);
	/* A node that is not among those allowed has nothing. */
	request.node_mask = 5;
	assert_order(mc, &request, zone, 0);
	request.flags = MHP_ALLOC_THIS_ZONE;
	assert_order(mc, &request, zone + 1, 2);
	/* No node is named: any will do. */
	request = (struct mhp_request){.flags = MHP_ALLOC_THIS_NODE,
				       .node_mask = 4};
	assert_order(mc, &request, all + 3, 1);
	shelf_close(shelf);
}

/* ---- a node that comes and goes ---- */

static unsigned int node_of_one(struct machine *mc,
				const struct mhp_request *request)
{
	unsigned int node;
	mhp_pfn_t pfn;

	if (mhp_frame_alloc(mc->m, request, &pfn))
		return NR_NODES;
	node = page_info(mc, pfn).node;
	assert_int_equal(mhp_frame_free(mc->m, pfn, request->order), 0);
	return node;
}

/* What is near node 2 comes from node 1 while 2 has no memory. The pageblock
 * that was begun there is used up first. */
static void test_comes_and_goes(struct machine *mc)
{
	static const struct spot before[] = {{1, MHP_ZONE_NORMAL},
					     {0, MHP_ZONE_NORMAL}};
	static const struct spot with[] = {{2, MHP_ZONE_NORMAL},
					   {1, MHP_ZONE_NORMAL},
					   {0, MHP_ZONE_NORMAL}};
	const struct mhp_request near = {.node_plus_1 = 3, .node_mask = 7};
	const struct mhp_request there = {.node_plus_1 = 3,
					  .flags = MHP_ALLOC_THIS_NODE};
	unsigned int round;

	for (round = 0; round < 3; round++) {
		assert_int_equal(mhp_node_is_alive(mc->m, 2), false);
		assert_int_equal(node_of_one(mc, &near), 1);
		assert_int_equal(node_of_one(mc, &there), NR_NODES);
		assert_order(mc, &near, before, 2);
		plug_node(mc, FIRST_BLOCK, 2, MHP_ONLINE_KERNEL);
		assert_true(mhp_node_is_alive(mc->m, 2));
		assert_int_equal(node_of_one(mc, &near), 2);
		assert_int_equal(node_of_one(mc, &there), 2);
		assert_order(mc, &near, with, 3);
		assert_order(mc, &there, with, 1);
		unplug(mc, FIRST_BLOCK);
	}
	assert_false(mhp_node_is_alive(mc->m, 2));
}

/* The cursor of a node that has lost its memory, and got other. */
static void test_cursor_of_node(struct machine *mc)
{
	const struct mhp_request near = {.size_bytes = sizeof(near),
					 .node_plus_1 = 3};
	unsigned int i, nr = 0;

	plug_node(mc, FIRST_BLOCK, 2, MHP_ONLINE_KERNEL);
	assert_int_equal(node_of_one(mc, &near), 2);
	unplug(mc, FIRST_BLOCK);
	assert_int_equal(node_of_one(mc, &near), 1);
	plug_node(mc, FIRST_BLOCK + 1, 2, MHP_ONLINE_KERNEL);
	/* At most a pageblock's pages come from where it was. */
	for (i = 0; i <= mhp_pageblock_pages(mc->g); i++) {
		mhp_pfn_t pfn;

		assert_int_equal(mhp_frame_alloc(mc->m, &near, &pfn), 0);
		nr += page_info(mc, pfn).node != 2;
	}
	assert_true(nr <= mhp_pageblock_pages(mc->g));
}

/* What is moved off a node goes to the nearest that has room. */
static void test_moves_near(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	const struct mhp_request near = {.node_plus_1 = 3,
					 .flags = MHP_ALLOC_THIS_NODE};
	struct item *items[8];
	unsigned int i;

	plug_node(mc, FIRST_BLOCK, 2, MHP_ONLINE_MOVABLE);
	for (i = 0; i < 8; i++) {
		items[i] = shelf_alloc(shelf, &near);
		assert_non_null(items[i]);
		assert_int_equal(page_info(mc, items[i]->pfn).node, 2);
	}
	unplug(mc, FIRST_BLOCK);
	for (i = 0; i < 8; i++)
		assert_int_equal(page_info(mc, items[i]->pfn).node, 1);
	shelf_close(shelf);
}

int main(void)
{
	static const struct machine_test tests[] = {
		{.name = "masks", .run = test_masks},
		{.name = "insists", .run = test_insists},
		{.name = "comes_and_goes", .run = test_comes_and_goes},
		{.name = "cursor_of_node", .run = test_cursor_of_node},
		{.name = "moves_near", .run = test_moves_near},
	};

	return machine_run_on("numa", tests, sizeof(tests) / sizeof(tests[0]),
			      "nodes");
}
