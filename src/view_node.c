/* SPDX-License-Identifier: MIT */
/*
 * /sys/devices/system/node: lists of nodes, and a directory for each node that
 * is there. All processors are on node 0.
 */
#include "view.h"

/* A set of nodes as Linux writes it: "0-2,5" */
static void view_list(struct text *t, uint64_t set)
{
	unsigned int first, end;
	const char *comma = "";

	for (first = 0; first < 64; first = end) {
		end = first + 1;
		if (!(set >> first & 1))
			continue;
		while (end < 64 && set >> end & 1)
			end++;
		text_string(t, comma);
		text_decimal(t, first);
		if (end > first + 1) {
			text_char(t, '-');
			text_decimal(t, end - 1);
		}
		comma = ",";
	}
}

static uint64_t view_online_nodes(const struct view_at *at)
{
	unsigned int node;
	uint64_t set = 0;

	for (node = 0; node < MHP_MAX_NODES; node++)
		if (mhp_node_is_alive(at->m, node))
			set |= UINT64_C(1) << node;
	return set;
}

static int view_nodes_online_read(const struct view_at *at, struct text *t)
{
	view_list(t, view_online_nodes(at));
	return 0;
}

static int view_nodes_possible_read(const struct view_at *at, struct text *t)
{
	unsigned int nr = mhp_geometry(at->m)->nr_nodes;

	view_list(t, UINT64_MAX >> (MHP_MAX_NODES - nr));
	return 0;
}

static int view_nodes_cpu_read(const struct view_at *at, struct text *t)
{
	(void)at;
	view_list(t, 1);
	return 0;
}

static int view_nodes_none_read(const struct view_at *at, struct text *t)
{
	(void)at;
	view_list(t, 0);
	return 0;
}

/* The nodes that have online memory in a zone up to @last. */
static int view_nodes_with(const struct view_at *at, struct text *t,
			   enum mhp_zone_type last)
{
	unsigned int node, zone;
	uint64_t set = 0;

	for (node = 0; node < mhp_geometry(at->m)->nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone <= (unsigned int)last; zone++) {
			struct mhp_zone_info info;
			int err = mhp_zone_sizes(
				at->m, node, (enum mhp_zone_type)zone, &info);

			if (err)
				return view_pass(at, err);
			if (info.nr_present)
				set |= UINT64_C(1) << node;
		}
	view_list(t, set);
	return 0;
}

static int view_nodes_memory_read(const struct view_at *at, struct text *t)
{
	return view_nodes_with(at, t, MHP_ZONE_MOVABLE);
}

static int view_nodes_normal_read(const struct view_at *at, struct text *t)
{
	return view_nodes_with(at, t, MHP_ZONE_NORMAL);
}

/* The lines of a node's meminfo: what is known, and 0. */
static const char *const view_meminfo_zeros[] = {
	"SwapCached:",	   "Active:",	      "Inactive:",
	"Active(anon):",   "Inactive(anon):", "Active(file):",
	"Inactive(file):", "Unevictable:",    "Mlocked:",
	"Dirty:",	   "Writeback:",      "FilePages:",
	"Mapped:",	   "AnonPages:",      "Shmem:",
	"KernelStack:",	   "PageTables:",     "SecPageTables:",
	"NFS_Unstable:",   "Bounce:",	      "WritebackTmp:",
	"KReclaimable:",   "Slab:",	      "SReclaimable:",
	"SUnreclaim:",	   "AnonHugePages:",  "ShmemHugePages:",
	"ShmemPmdMapped:", "FileHugePages:",  "FilePmdMapped:",
	"+Unaccepted:",
};

static const char *const view_meminfo_huge[] = {
	"HugePages_Total:", "HugePages_Free:", "HugePages_Surp:"};

static void view_node_line(const struct view_at *at, struct text *t,
			   const char *name, uint64_t value, unsigned int width)
{
	text_string(t, "Node ");
	text_decimal(t, at->node);
	text_char(t, ' ');
	text_left(t, name, 16);
	text_right(t, value, width);
}

static void view_node_kb(const struct view_at *at, struct text *t,
			 const char *name, uint64_t nr_pages)
{
	view_node_line(at, t, name, view_kb(at, nr_pages), 8);
	text_string(t, " kB\n");
}

static int view_node_meminfo_read(const struct view_at *at, struct text *t)
{
	struct view_sum sum = {0};
	int err = view_sum_node(at, at->node, &sum);
	size_t i;

	if (err)
		return err;
	view_node_kb(at, t, "MemTotal:", sum.nr_managed);
	view_node_kb(at, t, "MemFree:", sum.nr_free);
	view_node_kb(at, t, "MemUsed:", sum.nr_managed - sum.nr_free);
	for (i = 0; i < sizeof(view_meminfo_zeros) / sizeof(char *); i++) {
		const char *name = view_kernel_name(at, view_meminfo_zeros[i]);

		if (name)
			view_node_kb(at, t, name, 0);
	}
	for (i = 0; i < sizeof(view_meminfo_huge) / sizeof(char *); i++) {
		view_node_line(at, t, view_meminfo_huge[i], 0, 6);
		text_char(t, '\n');
	}
	return 0;
}

static int view_node_vmstat_read(const struct view_at *at, struct text *t)
{
	struct view_sum sum = {0};
	int err = view_sum_node(at, at->node, &sum);

	if (err)
		return err;
	view_zone_items(at, t, sum.nr_free, false);
	view_node_items(at, t, false);
	return 0;
}

static int view_numastat_read(const struct view_at *at, struct text *t)
{
	(void)at;
	text_string(t, "numa_hit 0\nnuma_miss 0\nnuma_foreign 0\n"
		       "interleave_hit 0\nlocal_node 0\nother_node 0\n");
	return 0;
}

static unsigned int view_distance(const struct mhp_geometry *g,
				  unsigned int from, unsigned int to)
{
	if (g->distances)
		return g->distances[from * g->nr_nodes + to];
	return from == to ? 10 : 20;
}

/* distance: to each node that is there */
static int view_distance_read(const struct view_at *at, struct text *t)
{
	const struct mhp_geometry *g = mhp_geometry(at->m);
	const char *blank = "";
	unsigned int node;

	for (node = 0; node < g->nr_nodes; node++) {
		if (!mhp_node_is_alive(at->m, node))
			continue;
		text_string(t, blank);
		text_decimal(t, view_distance(g, at->node, node));
		blank = " ";
	}
	return 0;
}

static int view_cpulist_read(const struct view_at *at, struct text *t)
{
	unsigned int nr = mhp_geometry(at->m)->nr_cpus;

	if (at->node)
		return 0;
	text_string(t, nr > 1 ? "0-" : "0");
	if (nr > 1)
		text_decimal(t, nr - 1);
	return 0;
}

/* cpumap: a hex digit for four processors, a comma between each 32 */
static int view_cpumap_read(const struct view_at *at, struct text *t)
{
	unsigned int nr = mhp_geometry(at->m)->nr_cpus;
	unsigned int word = (nr + 31) / 32;
	unsigned int bits = nr - (word - 1) * 32;

	for (; word; word--, bits = 32) {
		uint32_t all = UINT32_MAX >> (32 - bits);

		text_hex(t, at->node ? 0 : all, (bits + 3) / 4);
		if (word > 1)
			text_char(t, ',');
	}
	return 0;
}

static bool view_next_node(const struct view_at *at, uint64_t *number)
{
	while (*number < MHP_MAX_NODES &&
	       !mhp_node_is_alive(at->m, (unsigned int)*number))
		++*number;
	return *number < MHP_MAX_NODES;
}

/* The blocks of the node, as links. */
static bool view_next_block(const struct view_at *at, uint64_t *number)
{
	while (!mhp_block_next(at->m, number)) {
		if (mhp_block_nodes(at->m, *number) >> at->node & 1)
			return true;
		++*number;
	}
	return false;
}

static const struct view_entry view_node_entries[] = {
	{.name = "meminfo", .read = view_node_meminfo_read},
	{.name = "vmstat", .read = view_node_vmstat_read},
	{.name = "numastat", .read = view_numastat_read},
	{.name = "distance", .read = view_distance_read},
	{.name = "cpulist", .read = view_cpulist_read},
	{.name = "cpumap", .read = view_cpumap_read},
	{.name = "memory#",
	 .number = VIEW_BLOCK,
	 .next = view_next_block,
	 .dir = &view_dir_block,
	 .link = "../../memory/memory"},
};

const struct view_dir view_dir_node = VIEW_DIR(view_node_entries,
					       VIEW_SYSFS_BYTES);

static const struct view_entry view_nodes_entries[] = {
	{.name = "online", .read = view_nodes_online_read},
	{.name = "possible", .read = view_nodes_possible_read},
	{.name = "has_memory", .read = view_nodes_memory_read},
	{.name = "has_normal_memory", .read = view_nodes_normal_read},
	{.name = "has_cpu", .read = view_nodes_cpu_read},
	{.name = "has_generic_initiator", .read = view_nodes_none_read},
	{.name = "node#",
	 .number = VIEW_NODE,
	 .next = view_next_node,
	 .dir = &view_dir_node},
};

const struct view_dir view_dir_nodes = VIEW_DIR(view_nodes_entries,
						VIEW_SYSFS_BYTES);
