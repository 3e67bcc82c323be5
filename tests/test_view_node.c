/* SPDX-License-Identifier: MIT */
/*
 * Views of nodes: which are there, what they have, and their memory blocks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "views.h"

/* The files of a node of this number; the machine has three, two with boot
 * memory. */
#define NODE(n, file) VIEWS_NODE "/node" n "/" file

static void add_on(struct machine *mc, uint64_t block_id, uint16_t node)
{
	struct mhp_add_request request = {.range = block_range(mc, block_id, 1),
					  .node = node,
					  .placement = MHP_PLACEMENT_BLOCK};

	assert_int_equal(mhp_add(mc->m, &request, NULL), 0);
}

static void test_lists(struct machine *mc)
{
	views_assert(mc->m, VIEWS_NODE "/possible", "0-2\n");
	views_assert(mc->m, VIEWS_NODE "/online", "0-1\n");
	views_assert(mc->m, VIEWS_NODE "/has_memory", "0-1\n");
	views_assert(mc->m, VIEWS_NODE "/has_normal_memory", "0-1\n");
	views_assert(mc->m, VIEWS_NODE "/has_cpu", "0\n");
	views_assert(mc->m, VIEWS_NODE "/has_generic_initiator", "\n");
	add_on(mc, FIRST_BLOCK, 2);
	views_assert(mc->m, VIEWS_NODE "/online", "0-2\n");
	views_assert(mc->m, VIEWS_NODE "/has_memory", "0-1\n");
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 0);
	views_assert(mc->m, VIEWS_NODE "/has_memory", "0-2\n");
	views_assert(mc->m, VIEWS_NODE "/has_normal_memory", "0-1\n");
}

/* A node comes with its first block and goes with its last. */
static void test_alive(struct machine *mc)
{
	struct mhp_view_entry entry;

	assert_int_equal(views_error(mc->m, NODE("2", "meminfo")),
			 MHP_ERR_NOENT);
	assert_int_equal(views_error(mc->m, NODE("3", "meminfo")),
			 MHP_ERR_NOENT);
	views_assert(mc->m, NODE("0", "distance"), "10 20\n");
	add_on(mc, FIRST_BLOCK, 2);
	add_on(mc, FIRST_BLOCK + 1, 2);
	views_assert(mc->m, NODE("2", "distance"), "30 15 10\n");
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK, 1), NULL), 0);
	assert_int_equal(mhp_view_stat(mc->m, VIEWS_NODE "/node2", &entry), 0);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK + 1, 1), NULL),
		0);
	assert_int_equal(mhp_view_stat(mc->m, VIEWS_NODE "/node2", &entry),
			 MHP_ERR_NOENT);
}

static void test_cpus(struct machine *mc)
{
	views_assert(mc->m, NODE("0", "cpulist"), "0-3\n");
	views_assert(mc->m, NODE("0", "cpumap"), "f\n");
	views_assert(mc->m, NODE("1", "cpulist"), "\n");
	views_assert(mc->m, NODE("1", "cpumap"), "0\n");
	views_assert(mc->m, NODE("1", "numastat"),
		     "numa_hit 0\nnuma_miss 0\nnuma_foreign 0\n"
		     "interleave_hit 0\nlocal_node 0\nother_node 0\n");
}

/* As many processors as do not fit in one word of the map, and one. */
static void test_many_cpus(struct machine *mc)
{
	static const struct {
		uint16_t nr;
		const char *map, *list;
	} cpus[] = {
		{1, "1\n", "0\n"},
		{5, "1f\n", "0-4\n"},
		{32, "ffffffff\n", "0-31\n"},
		{33, "1,ffffffff\n", "0-32\n"},
		{70, "3f,ffffffff,ffffffff\n", "0-69\n"},
	};
	static struct machine_case c; /* lives as long as the machine */
	size_t i;

	c = *mc->c;
	for (i = 0; i < sizeof(cpus) / sizeof(cpus[0]); i++) {
		machine_end(mc);
		c.geometry.nr_cpus = cpus[i].nr;
		machine_start(mc, &c, 0);
		views_assert(mc->m, NODE("0", "cpumap"), cpus[i].map);
		views_assert(mc->m, NODE("0", "cpulist"), cpus[i].list);
	}
	views_assert(mc->m, NODE("1", "cpumap"), "00,00000000,00000000\n");
}

/* A block is found through its node and through no other, by both ways. */
static void test_links(struct machine *mc)
{
	struct mhp_view_entry entry;

	add_on(mc, FIRST_BLOCK, 2);
	assert_int_equal(mhp_view_stat(mc->m, NODE("2", "memory8"), &entry), 0);
	assert_int_equal(entry.kind, MHP_VIEW_LINK);
	assert_string_equal(entry.target, "../../memory/memory8");
	assert_int_equal(
		mhp_view_stat(mc->m, MHP_VIEW_MEMORY "/memory8/node2", &entry),
		0);
	assert_int_equal(entry.kind, MHP_VIEW_LINK);
	assert_string_equal(entry.target, "../../node/node2");
	assert_int_equal(
		views_put(mc->m, NODE("2", "memory8/state"), "online_movable"),
		0);
	views_assert(mc->m, MHP_VIEW_MEMORY "/memory8/state", "online\n");
	views_assert(mc->m, NODE("2", "memory8/state"), "online\n");
	views_assert(mc->m, NODE("2", "memory8/node2/memory8/phys_index"),
		     "00000008\n");
	assert_int_equal(views_error(mc->m, NODE("0", "memory8/state")),
			 MHP_ERR_NOENT);
	assert_int_equal(views_error(mc->m, NODE("2", "memory0/state")),
			 MHP_ERR_NOENT);
	assert_int_equal(
		views_error(mc->m, MHP_VIEW_MEMORY "/memory8/node0/meminfo"),
		MHP_ERR_NOENT);
}

/* Boot memory of two nodes in one block: both have a link to it. */
static void test_shared(struct machine *mc)
{
	struct mhp_boot_range boot[2];
	struct mhp_model_config config = machine_config(mc->c, boot);
	uint64_t block = mhp_block_pages(mc->g);
	const struct machine_case *c = mc->c;

	machine_end(mc);
	boot[0].range = mhp_range_make(0, block + block / 2);
	boot[1].range = mhp_range_make(block + block / 2, 2 * block);
	machine_start_config(mc, c, &config);
	views_assert(mc->m, NODE("0", "memory1/state"), "online\n");
	views_assert(mc->m, NODE("1", "memory1/state"), "online\n");
	views_assert(mc->m, MHP_VIEW_MEMORY "/memory1/node0/distance",
		     "10 20\n");
	views_assert(mc->m, MHP_VIEW_MEMORY "/memory1/node1/distance",
		     "20 10\n");
	assert_int_equal(views_error(mc->m, NODE("1", "memory0/state")),
			 MHP_ERR_NOENT);
}

static void meminfo_has(struct machine *mc, const char *name, uint64_t nr_pages)
{
	char line[80];

	snprintf(line, sizeof(line), "Node 2 %-16s%8" PRIu64 " kB", name,
		 mhp_bytes_from_pages(mc->g, nr_pages) / 1024);
	views_has_line(mc->m, NODE("2", "meminfo"), line);
}

static void test_meminfo(struct machine *mc)
{
	struct mhp_request request = {.order = 1, .mobility = MHP_MOVABLE};
	struct mhp_zone_info z;
	struct shelf *shelf;
	char line[80];

	add_on(mc, FIRST_BLOCK, 2);
	meminfo_has(mc, "MemTotal:", 0);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 0);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK, request.order, 3);
	z = zone_info(mc, 2, MHP_ZONE_MOVABLE);
	assert_int_equal(z.nr_free + 6, z.nr_managed);
	meminfo_has(mc, "MemTotal:", z.nr_managed);
	meminfo_has(mc, "MemFree:", z.nr_free);
	meminfo_has(mc, "MemUsed:", 6);
	meminfo_has(mc, "Active(anon):", 0);
	meminfo_has(mc, "Unaccepted:", 0);
	views_has_line(mc->m, NODE("2", "meminfo"),
		       "Node 2 HugePages_Surp:      0");
	snprintf(line, sizeof(line), "nr_free_pages %" PRIu64, z.nr_free);
	views_has_line(mc->m, NODE("2", "vmstat"), line);
	views_has_line(mc->m, NODE("2", "vmstat"), "pgdemote_khugepaged 0");
	shelf_close(shelf);
}

static const struct machine_test tests[] = {
	{"lists", test_lists},	   {"alive", test_alive},
	{"cpus", test_cpus},	   {"many_cpus", test_many_cpus},
	{"links", test_links},	   {"shared", test_shared},
	{"meminfo", test_meminfo},
};

int main(void)
{
	return machine_run_on("view_node", tests,
			      sizeof(tests) / sizeof(tests[0]), "nodes");
}
