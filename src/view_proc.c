/* SPDX-License-Identifier: MIT */
/*
 * /proc: meminfo, zoneinfo, buddyinfo, vmstat and iomem, in Linux's layout.
 * What has no meaning here reads 0; a line whose absence says more (the sets of
 * pages that processors keep) is left out.
 */
#include "mhp/poison.h"
#include "view.h"

uint64_t view_kb(const struct view_at *at, uint64_t nr_pages)
{
	return mhp_bytes_from_pages(mhp_geometry(at->m), nr_pages) >> 10;
}

int view_sum_node(const struct view_at *at, unsigned int node,
		  struct view_sum *sum)
{
	unsigned int zone;

	for (zone = MHP_ZONE_DMA; zone < MHP_NR_ZONES; zone++) {
		struct mhp_zone_info info;
		int err = mhp_zone_query(at->m, node, (enum mhp_zone_type)zone,
					 &info);

		if (err)
			return view_pass(at, err);
		sum->nr_present += info.nr_present;
		sum->nr_managed += info.nr_managed;
		sum->nr_free += info.nr_free;
	}
	return 0;
}

int view_sum_all(const struct view_at *at, struct view_sum *sum)
{
	unsigned int node;
	int err = 0;

	for (node = 0; !err && node < mhp_geometry(at->m)->nr_nodes; node++)
		err = view_sum_node(at, node, sum);
	return err;
}

/* What a line of meminfo says. */
enum meminfo_value {
	MEMINFO_ZERO = 0,
	MEMINFO_TOTAL,
	MEMINFO_FREE,
	MEMINFO_CORRUPTED,
	MEMINFO_COUNT, /* 0, without a unit */
	MEMINFO_HUGE,  /* size of a large page-table leaf */
};

static const struct {
	const char *name;
	enum meminfo_value value;
} meminfo_lines[] = {
	{"MemTotal:", MEMINFO_TOTAL},
	{"MemFree:", MEMINFO_FREE},
	{"MemAvailable:", MEMINFO_FREE},
	{"Buffers:", MEMINFO_ZERO},
	{"Cached:", MEMINFO_ZERO},
	{"SwapCached:", MEMINFO_ZERO},
	{"Active:", MEMINFO_ZERO},
	{"Inactive:", MEMINFO_ZERO},
	{"Active(anon):", MEMINFO_ZERO},
	{"Inactive(anon):", MEMINFO_ZERO},
	{"Active(file):", MEMINFO_ZERO},
	{"Inactive(file):", MEMINFO_ZERO},
	{"Unevictable:", MEMINFO_ZERO},
	{"Mlocked:", MEMINFO_ZERO},
	{"SwapTotal:", MEMINFO_ZERO},
	{"SwapFree:", MEMINFO_ZERO},
	{"Zswap:", MEMINFO_ZERO},
	{"Zswapped:", MEMINFO_ZERO},
	{"Dirty:", MEMINFO_ZERO},
	{"Writeback:", MEMINFO_ZERO},
	{"AnonPages:", MEMINFO_ZERO},
	{"Mapped:", MEMINFO_ZERO},
	{"Shmem:", MEMINFO_ZERO},
	{"KReclaimable:", MEMINFO_ZERO},
	{"Slab:", MEMINFO_ZERO},
	{"SReclaimable:", MEMINFO_ZERO},
	{"SUnreclaim:", MEMINFO_ZERO},
	{"KernelStack:", MEMINFO_ZERO},
	{"PageTables:", MEMINFO_ZERO},
	{"SecPageTables:", MEMINFO_ZERO},
	{"NFS_Unstable:", MEMINFO_ZERO},
	{"Bounce:", MEMINFO_ZERO},
	{"WritebackTmp:", MEMINFO_ZERO},
	{"CommitLimit:", MEMINFO_ZERO},
	{"Committed_AS:", MEMINFO_ZERO},
	{"VmallocTotal:", MEMINFO_ZERO},
	{"VmallocUsed:", MEMINFO_ZERO},
	{"VmallocChunk:", MEMINFO_ZERO},
	{"Percpu:", MEMINFO_ZERO},
	{"HardwareCorrupted:", MEMINFO_CORRUPTED},
	{"AnonHugePages:", MEMINFO_ZERO},
	{"ShmemHugePages:", MEMINFO_ZERO},
	{"ShmemPmdMapped:", MEMINFO_ZERO},
	{"FileHugePages:", MEMINFO_ZERO},
	{"FilePmdMapped:", MEMINFO_ZERO},
	{"+Unaccepted:", MEMINFO_ZERO},
	{"HugePages_Total:", MEMINFO_COUNT},
	{"HugePages_Free:", MEMINFO_COUNT},
	{"HugePages_Rsvd:", MEMINFO_COUNT},
	{"HugePages_Surp:", MEMINFO_COUNT},
	{"Hugepagesize:", MEMINFO_HUGE},
	{"Hugetlb:", MEMINFO_ZERO},
};

static uint64_t meminfo_number(const struct view_at *at,
			       const struct view_sum *sum,
			       enum meminfo_value value)
{
	struct mhp_range everything = mhp_range_make(0, MHP_PFN_NONE);

	switch (value) {
	case MEMINFO_TOTAL:
		return view_kb(at, sum->nr_managed);
	case MEMINFO_FREE:
		return view_kb(at, sum->nr_free);
	case MEMINFO_CORRUPTED:
		return view_kb(at, mhp_poison_count(at->m, everything));
	case MEMINFO_HUGE:
		return UINT64_C(1) << mhp_geometry(at->m)->pmd_shift >> 10;
	default:
		return 0;
	}
}

static int meminfo_read(const struct view_at *at, struct text *t)
{
	struct view_sum sum = {0};
	int err = view_sum_all(at, &sum);
	size_t i;

	if (err)
		return err;
	for (i = 0; i < sizeof(meminfo_lines) / sizeof(meminfo_lines[0]); i++) {
		const char *name = view_kernel_name(at, meminfo_lines[i].name);
		enum meminfo_value value = meminfo_lines[i].value;

		if (!name)
			continue;
		/* The only name that is longer than its column. */
		text_left(t, name, 16);
		text_right(t, meminfo_number(at, &sum, value),
			   value == MEMINFO_CORRUPTED ? 6 : 8);
		text_string(t, value == MEMINFO_COUNT ? "\n" : " kB\n");
	}
	return 0;
}

/* A walk over the zones of all nodes. */
struct zone_walk {
	const struct view_at *at;
	struct text *t;
	bool built[MHP_NR_ZONES];
	unsigned int node;
	enum mhp_zone_type zone;
	struct mhp_zone_info info;
	bool told_node; /* the counters of this node were written */
};

/*
 * Linux has as many zones as it was built for, whether they have memory or not.
 * Those for old devices are there if any node has memory in them.
 */
static int zone_walk_start(struct zone_walk *w)
{
	unsigned int node, zone;

	for (zone = MHP_ZONE_NORMAL; zone < MHP_NR_ZONES; zone++)
		w->built[zone] = true;
	for (node = 0; node < mhp_geometry(w->at->m)->nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone < MHP_ZONE_NORMAL; zone++) {
			int err = mhp_zone_sizes(w->at->m, node,
						 (enum mhp_zone_type)zone,
						 &w->info);

			if (err)
				return view_pass(w->at, err);
			if (w->info.nr_present)
				w->built[zone] = true;
		}
	return 0;
}

/* Call @visit for every zone of every node that is there. */
static int zone_walk(const struct view_at *at, struct text *t,
		     int (*visit)(struct zone_walk *w))
{
	struct zone_walk w = {.at = at, .t = t};
	unsigned int zone;
	int err = zone_walk_start(&w);

	for (; !err && w.node < mhp_geometry(at->m)->nr_nodes; w.node++) {
		if (!mhp_node_is_alive(at->m, w.node))
			continue;
		w.told_node = false;
		for (zone = MHP_ZONE_DMA; !err && zone < MHP_NR_ZONES; zone++) {
			w.zone = (enum mhp_zone_type)zone;
			if (w.built[zone])
				err = visit(&w);
		}
	}
	return err;
}

/* "Node 0, zone   Normal" */
static void zone_title(struct zone_walk *w)
{
	const char *name = mhp_zone_name(w->zone);
	size_t n = text_length(name);

	text_string(w->t, "Node ");
	text_decimal(w->t, w->node);
	text_string(w->t, ", zone ");
	for (; n < 8; n++)
		text_char(w->t, ' ');
	text_string(w->t, name);
}

/* By the highest zone that a request may use, built or not. */
static void zone_protection(struct zone_walk *w)
{
	unsigned int limit;

	text_string(w->t, "        protection: ");
	for (limit = MHP_ZONE_DMA; limit < MHP_NR_ZONES; limit++) {
		text_string(w->t, limit == MHP_ZONE_DMA ? "(" : ", ");
		text_decimal(w->t, w->info.nr_reserve[limit]);
	}
	text_string(w->t, ")\n");
}

static void zone_pages(struct zone_walk *w)
{
	const struct {
		const char *name;
		uint64_t value;
	} lines[] = {
		{"  pages free     ", w->info.nr_free},
		{"        boost    ", 0},
		{"        min      ", 0},
		{"        low      ", 0},
		{"        high     ", 0},
		{"+        promo    ", 0},
		{"        spanned  ", w->info.span.nr_pages},
		{"        present  ", w->info.nr_present},
		{"        managed  ", w->info.nr_managed},
		{"        cma      ", 0},
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *name = view_kernel_name(w->at, lines[i].name);

		if (!name)
			continue;
		text_string(w->t, name);
		text_decimal(w->t, lines[i].value);
		text_char(w->t, '\n');
	}
	zone_protection(w);
}

static int zone_visit_info(struct zone_walk *w)
{
	int err = mhp_zone_query(w->at->m, w->node, w->zone, &w->info);

	if (err)
		return view_pass(w->at, err);
	/* Linux counts pages as present when they go online. */
	if (w->zone == MHP_ZONE_DEVICE)
		w->info.nr_present = 0;
	zone_title(w);
	text_char(w->t, '\n');
	if (w->info.nr_present && !w->told_node) {
		w->told_node = true;
		text_string(w->t, "  per-node stats\n");
		view_node_items(w->at, w->t, true);
	}
	zone_pages(w);
	if (!w->info.nr_present)
		return 0;
	view_zone_items(w->at, w->t, w->info.nr_free, true);
	text_string(w->t, "  pagesets\n"
			  "  node_unreclaimable:  0\n"
			  "  start_pfn:           ");
	text_decimal(w->t, w->info.span.start_pfn);
	text_char(w->t, '\n');
	return 0;
}

static int zoneinfo_read(const struct view_at *at, struct text *t)
{
	return zone_walk(at, t, zone_visit_info);
}

static int zone_visit_buddy(struct zone_walk *w)
{
	uint64_t nr_runs[MHP_MAX_RUN_ORDERS];
	int order, nr;

	nr = mhp_zone_sizes(w->at->m, w->node, w->zone, &w->info);
	if (!nr && (!w->info.nr_present || w->zone == MHP_ZONE_DEVICE))
		return 0;
	if (!nr)
		nr = mhp_zone_runs(w->at->m, w->node, w->zone, nr_runs);
	if (nr < 0)
		return view_pass(w->at, nr);
	zone_title(w);
	text_char(w->t, ' ');
	for (order = 0; order < nr; order++) {
		text_right(w->t, nr_runs[order], 6);
		text_char(w->t, ' ');
	}
	text_char(w->t, '\n');
	return 0;
}

static int buddyinfo_read(const struct view_at *at, struct text *t)
{
	return zone_walk(at, t, zone_visit_buddy);
}

static int vmstat_read(const struct view_at *at, struct text *t)
{
	struct view_sum sum = {0};
	struct mhp_stat stat;
	int err = view_sum_all(at, &sum);

	if (err)
		return err;
	err = mhp_stat_read(at->m, &stat);
	if (err)
		return view_pass(at, err);
	view_zone_items(at, t, sum.nr_free, false);
	view_node_items(at, t, false);
	view_event_items(at, t, &stat);
	return 0;
}

static void iomem_line(const struct view_at *at, struct text *t,
		       struct mhp_range range, const char *name)
{
	const struct mhp_geometry *g = mhp_geometry(at->m);

	text_hex(t, mhp_pa_from_pfn(g, range.start_pfn).bytes, 8);
	text_char(t, '-');
	text_hex(t, mhp_pa_from_pfn(g, mhp_range_end_pfn(range)).bytes - 1, 8);
	text_string(t, " : ");
	text_string(t, name);
	text_char(t, '\n');
}

/* Device ranges from @pfn on that begin before @end_pfn. */
static void iomem_devices(const struct view_at *at, struct text *t,
			  mhp_pfn_t pfn, mhp_pfn_t end_pfn)
{
	struct mhp_device_info device;

	while (!mhp_device_next(at->m, pfn, &device) &&
	       device.range.start_pfn < end_pfn) {
		iomem_line(at, t, device.range, device.name);
		pfn = mhp_range_end_pfn(device.range);
	}
}

static int iomem_read(const struct view_at *at, struct text *t)
{
	struct mhp_resource resource = {.range = {0, 0}};
	mhp_pfn_t pfn = 0;
	int err;

	while (!(err = mhp_resource_next(at->m, pfn, &resource))) {
		iomem_devices(at, t, pfn, resource.range.start_pfn);
		iomem_line(at, t, resource.range,
			   mhp_resource_name(resource.kind));
		pfn = mhp_range_end_pfn(resource.range);
	}
	if (err != MHP_ERR_NOENT)
		return view_pass(at, err);
	iomem_devices(at, t, pfn, MHP_PFN_NONE);
	return 0;
}

static const struct view_entry view_proc_entries[] = {
	{.name = "meminfo", .read = meminfo_read},
	{.name = "zoneinfo", .read = zoneinfo_read},
	{.name = "buddyinfo", .read = buddyinfo_read},
	{.name = "vmstat", .read = vmstat_read},
	{.name = "iomem", .read = iomem_read},
};

const struct view_dir view_dir_proc = VIEW_DIR(view_proc_entries,
					       VIEW_PROC_BYTES);
