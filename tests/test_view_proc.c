/* SPDX-License-Identifier: MIT */
/*
 * Views below /proc: exact texts of small machines, and a machine of a
 * terabyte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mhp/policy.h"
#include "views.h"

/* What the tests expect is put together from lines. */
struct want {
	char text[16384];
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void
want_add(struct want *want, const char *format, ...)
{
	size_t room = sizeof(want->text) - want->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(want->text + want->used, room, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < room);
	want->used += (size_t)n;
}

static const char *const meminfo_zeros[] = {
	"Buffers",
	"Cached",
	"SwapCached",
	"Active",
	"Inactive",
	"Active(anon)",
	"Inactive(anon)",
	"Active(file)",
	"Inactive(file)",
	"Unevictable",
	"Mlocked",
	"SwapTotal",
	"SwapFree",
	"Zswap",
	"Zswapped",
	"Dirty",
	"Writeback",
	"AnonPages",
	"Mapped",
	"Shmem",
	"KReclaimable",
	"Slab",
	"SReclaimable",
	"SUnreclaim",
	"KernelStack",
	"PageTables",
	"SecPageTables",
	"NFS_Unstable",
	"Bounce",
	"WritebackTmp",
	"CommitLimit",
	"Committed_AS",
	"VmallocTotal",
	"VmallocUsed",
	"VmallocChunk",
	"Percpu",
	"HardwareCorrupted",
	"AnonHugePages",
	"ShmemHugePages",
	"ShmemPmdMapped",
	"FileHugePages",
	"FilePmdMapped",
	"Unaccepted",
};

/* A name and a colon, and a number that ends in column 24. */
static void want_kb(struct want *want, const char *name, uint64_t kb)
{
	want_add(want, "%s:%*" PRIu64 " kB\n", name,
		 (int)(24 - strlen(name) - 1), kb);
}

static void test_meminfo(struct machine *mc)
{
	struct want *want = calloc(1, sizeof(*want));
	struct mhp_stat stat = stat_now(mc);
	uint64_t page_kb_shift = mc->g->page_shift - 10u, nr_free = 0;
	unsigned int node, zone;
	size_t i;

	for (node = 0; node < mc->g->nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone < MHP_NR_ZONES; zone++)
			nr_free += zone_info(mc, node, (enum mhp_zone_type)zone)
					   .nr_free;
	assert_non_null(want);
	want_kb(want, "MemTotal", stat.nr_managed << page_kb_shift);
	want_kb(want, "MemFree", nr_free << page_kb_shift);
	want_kb(want, "MemAvailable", nr_free << page_kb_shift);
	for (i = 0; i < sizeof(meminfo_zeros) / sizeof(char *); i++)
		want_kb(want, meminfo_zeros[i], 0);
	want_add(want, "HugePages_Total:       0\n"
		       "HugePages_Free:        0\n"
		       "HugePages_Rsvd:        0\n"
		       "HugePages_Surp:        0\n");
	want_kb(want, "Hugepagesize", UINT64_C(1) << mc->g->pmd_shift >> 10);
	want_add(want, "Hugetlb:               0 kB\n");
	views_assert(mc->m, "/proc/meminfo", want->text);
	free(want);
}

/* The line of a zone and its runs, without the counts that are 0. */
static void test_buddyinfo(struct machine *mc)
{
	struct want *want = calloc(1, sizeof(*want));
	uint64_t nr_runs[MHP_MAX_RUN_ORDERS];
	unsigned int node, zone;
	int order, nr;

	assert_non_null(want);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_AUTO, MHP_ONLINE_MOVABLE);
	for (node = 0; node < mc->g->nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone < MHP_NR_ZONES; zone++) {
			enum mhp_zone_type type = (enum mhp_zone_type)zone;

			nr = mhp_zone_runs(mc->m, node, type, nr_runs);
			if (!zone_info(mc, node, type).nr_present)
				continue;
			want_add(want, "Node %u, zone %8s ", node,
				 mhp_zone_name(type));
			for (order = 0; order < nr; order++)
				want_add(want, "%6" PRIu64 " ", nr_runs[order]);
			want_add(want, "\n");
		}
	views_assert(mc->m, "/proc/buddyinfo", want->text);
	free(want);
}

/* What Linux keeps in a zone from those who may use higher ones. */
static void want_protection(struct want *want, struct machine *mc,
			    enum mhp_zone_type type)
{
	const uint64_t ratio = type < MHP_ZONE_NORMAL ? 256 : 32;
	uint64_t above = 0;
	unsigned int limit;

	want_add(want, "        protection: ");
	for (limit = MHP_ZONE_DMA; limit < MHP_NR_ZONES; limit++) {
		if (limit > type && type < MHP_ZONE_MOVABLE &&
		    zone_info(mc, 0, type).nr_managed)
			above += zone_info(mc, 0, (enum mhp_zone_type)limit)
					 .nr_managed;
		want_add(want, "%s%" PRIu64, limit == MHP_ZONE_DMA ? "(" : ", ",
			 above / ratio);
	}
	want_add(want, ")\n");
}

/* A zone's lines up to its last watermark and from its sizes on. */
static void want_pages(struct want *want, struct machine *mc,
		       enum mhp_zone_type type)
{
	const struct mhp_zone_info info = zone_info(mc, 0, type), *z = &info;

	want_add(want,
		 "  pages free     %" PRIu64 "\n"
		 "        boost    0\n"
		 "        min      0\n"
		 "        low      0\n"
		 "        high     0\n"
		 "        promo    0\n"
		 "        spanned  %" PRIu64 "\n"
		 "        present  %" PRIu64 "\n"
		 "        managed  %" PRIu64 "\n"
		 "        cma      0\n",
		 z->nr_free, z->span.nr_pages, z->nr_present, z->nr_managed);
	want_protection(want, mc, type);
}

static void has_text(struct machine *mc, const char *path, const char *want)
{
	char *text = views_read(mc->m, path);

	if (!strstr(text, want))
		fail_msg("%s has not\n%s\nbut is\n%s", path, want, text);
	free(text);
}

static void test_zoneinfo(struct machine *mc)
{
	static const enum mhp_zone_type zones[] = {
		MHP_ZONE_NORMAL, MHP_ZONE_MOVABLE, MHP_ZONE_DEVICE};
	struct want *want = calloc(1, sizeof(*want));
	unsigned int i;

	assert_non_null(want);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_AUTO, MHP_ONLINE_MOVABLE);
	/* With DMA that is the first zone, and has the stats of the node. */
	for (i = mc->c->zones; i < 3; i++) {
		struct mhp_zone_info z = zone_info(mc, 0, zones[i]);

		want->used = 0;
		want_add(want, "Node 0, zone %8s\n", mhp_zone_name(zones[i]));
		if (i == 0) {
			want_add(want, "  per-node stats\n"
				       "      nr_inactive_anon 0\n"
				       "      nr_active_anon 0\n");
			has_text(mc, "/proc/zoneinfo", want->text);
			want->used = 0;
			want_add(want, "      nr_dirty     0\n");
			has_text(mc, "/proc/zoneinfo", want->text);
			want->used = 0;
			want_add(want, "      pgdemote_khugepaged 0\n");
		}
		want_pages(want, mc, zones[i]);
		if (z.nr_present) {
			want_add(want,
				 "      nr_free_pages %" PRIu64 "\n"
				 "      nr_zone_inactive_anon 0\n",
				 z.nr_free);
			has_text(mc, "/proc/zoneinfo", want->text);
			want->used = 0;
			want_add(want,
				 "      numa_other   0\n"
				 "  pagesets\n"
				 "  node_unreclaimable:  0\n"
				 "  start_pfn:           %" PRIu64 "\n",
				 z.span.start_pfn);
		}
		has_text(mc, "/proc/zoneinfo", want->text);
	}
	free(want);
}

/* Every zone of every node that is there, once and in order; per-node stats
 * with the first that has memory. */
static void test_zone_order(struct machine *mc)
{
	char *text = views_read(mc->m, "/proc/zoneinfo"), *at, *end;
	struct want *want = calloc(1, sizeof(*want));
	struct want *have = calloc(1, sizeof(*have));
	unsigned int node, nr_stats = 0, nr_alive = 0;

	for (node = 0; node < mc->g->nr_nodes; node++) {
		if (!mhp_node_is_alive(mc->m, node))
			continue;
		nr_alive++;
		if (mc->c->zones)
			want_add(want,
				 "Node %u, zone      DMA\n"
				 "Node %u, zone    DMA32\n",
				 node, node);
		want_add(want,
			 "Node %u, zone   Normal\n"
			 "Node %u, zone  Movable\n"
			 "Node %u, zone   Device\n",
			 node, node, node);
	}
	for (at = text; *at; at = end + 1) {
		end = strchr(at, '\n');
		assert_non_null(end);
		if (!strncmp(at, "Node ", 5))
			want_add(have, "%.*s\n", (int)(end - at), at);
		nr_stats += !strncmp(at, "  per-node stats\n", 17);
	}
	assert_string_equal(have->text, want->text);
	assert_int_equal(nr_stats, nr_alive);
	free(text);
	free(want);
	free(have);
}

static void test_vmstat(struct machine *mc)
{
	struct shelf *shelf;
	char line[64], *text, *at;
	uint64_t nr_free = 0;
	unsigned int node, zone, nr = 0;

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_AUTO, MHP_ONLINE_MOVABLE);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK, 0, 3);
	shelf->items[0].answer = ANSWER_REFUSED_ONCE;
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_int_equal(stat_now(mc).nr_pages_moved, 3);
	views_has_line(mc->m, "/proc/vmstat", "pgmigrate_success 3");
	views_has_line(mc->m, "/proc/vmstat", "pgmigrate_fail 1");
	for (node = 0; node < mc->g->nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone < MHP_NR_ZONES; zone++)
			nr_free += zone_info(mc, node, (enum mhp_zone_type)zone)
					   .nr_free;
	snprintf(line, sizeof(line), "nr_free_pages %" PRIu64, nr_free);
	views_has_line(mc->m, "/proc/vmstat", line);
	/* What vmstat(8) and others look for. */
	views_has_line(mc->m, "/proc/vmstat", "pgpgin 0");
	views_has_line(mc->m, "/proc/vmstat", "pswpout 0");
	views_has_line(mc->m, "/proc/vmstat", "oom_kill 0");
	text = views_read(mc->m, "/proc/vmstat");
	for (at = text; *at; at = strchr(at, '\n') + 1, nr++) {
		char name[64];
		uint64_t value;

		assert_int_equal(
			sscanf(at, "%63[a-z0-9_] %" SCNu64 "\n", name, &value),
			2);
	}
	assert_true(nr > 150);
	free(text);
	shelf_close(shelf);
}

static unsigned int count_lines(struct machine *mc, const char *path,
				const char *line)
{
	char *text = views_read(mc->m, path), *at = text;
	unsigned int nr = 0;

	while ((at = strstr(at, line))) {
		nr++;
		at++;
	}
	free(text);
	return nr;
}

/* A kernel shows the counters that it has. */
static void test_kernels(struct machine *mc)
{
	static const struct {
		const char *path, *line;
		unsigned int nr[3]; /* natively, in 6.1 and in 6.12 */
	} lines[] = {
		{"/proc/meminfo", "\nUnaccepted: ", {1, 0, 1}},
		{VIEWS_NODE "/node0/meminfo", "0 Unaccepted: ", {1, 0, 1}},
		{"/proc/vmstat", "\nnr_unaccepted 0\n", {1, 0, 1}},
		{"/proc/vmstat", "\npgdemote_khugepaged 0\n", {1, 0, 1}},
		{"/proc/vmstat", "\npgdemote_direct 0\nnr_", {0, 0, 0}},
		{"/proc/vmstat",
		 "\npgdemote_direct 0\npgdemote_khugepaged 0\n",
		 {1, 0, 1}},
		{"/proc/vmstat",
		 "\npgsteal_direct 0\npgdemote_kswapd 0\n"
		 "pgdemote_direct 0\npgscan_kswapd 0\n",
		 {0, 1, 0}},
		{"/proc/vmstat", "\npgsteal_khugepaged 0\n", {1, 0, 1}},
		{"/proc/vmstat", "\npgscan_direct 0\n", {1, 1, 1}},
		{"/proc/zoneinfo", "\n        high     0\n", {3, 3, 3}},
		{"/proc/zoneinfo", "\n        promo    0\n", {3, 0, 3}},
	};
	const struct machine_case *c = mc->c;
	struct mhp_boot_range boot[2];
	unsigned int k;
	size_t i;

	for (k = 0; k < 3; k++) {
		struct mhp_model_config config = machine_config(c, boot);

		machine_end(mc);
		config.profile = (enum mhp_profile)k;
		config.memmap_on_memory = k ? MHP_MEMMAP_OFF : MHP_MEMMAP_AUTO;
		machine_start_config(mc, c, &config);
		for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
			assert_int_equal(
				count_lines(mc, lines[i].path, lines[i].line),
				lines[i].nr[k]);
	}
}

static void test_iomem(struct machine *mc)
{
	struct mhp_add_request request = {.range = block_range(mc, 12, 2),
					  .resource = MHP_RESOURCE_KMEM};
	struct want *want = calloc(1, sizeof(*want));
	uint64_t bytes = mhp_block_bytes(mc->g);

	assert_non_null(want);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_AUTO), 0);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK + 1, 2, MHP_PLACEMENT_AUTO),
			 0);
	assert_int_equal(mhp_add(mc->m, &request, NULL), 0);
	if (mc->g->nr_nodes > 1)
		want_add(want,
			 "00000000-%08" PRIx64 " : System RAM\n%08" PRIx64
			 "-%08" PRIx64 " : System RAM\n",
			 2 * bytes - 1, 2 * bytes, 4 * bytes - 1);
	else
		want_add(want, "00000000-%08" PRIx64 " : System RAM\n",
			 4 * bytes - 1);
	want_add(want,
		 "%08" PRIx64 "-%08" PRIx64 " : System RAM\n"
		 "%08" PRIx64 "-%08" PRIx64 " : System RAM\n"
		 "%08" PRIx64 "-%08" PRIx64 " : System RAM (kmem)\n",
		 8 * bytes, 9 * bytes - 1, 9 * bytes, 11 * bytes - 1,
		 12 * bytes, 14 * bytes - 1);
	views_assert(mc->m, "/proc/iomem", want->text);
	free(want);
}

/* Addresses have as many digits as they need beyond eight. */
static void test_iomem_far(struct machine *mc)
{
	static struct machine_case c; /* lives as long as the machine */
	struct mhp_model_config config;
	struct mhp_boot_range boot[2];
	struct mhp_add_request request = {0};

	if (sizeof(void *) < 8) {
		print_message("# iomem_far: not on a host of 32 bits\n");
		return;
	}
	machine_end(mc);
	c = *mc->c;
	config = machine_config(&c, boot);
	config.max_pfn = UINT64_C(1) << (36 - c.geometry.page_shift);
	machine_start_config(mc, &c, &config);
	request.range = mhp_range_make(UINT64_C(1)
					       << (35 - c.geometry.page_shift),
				       mhp_block_pages(mc->g));
	assert_int_equal(mhp_add(mc->m, &request, NULL), 0);
	has_text(mc, "/proc/iomem", "\n800000000-8000fffff : System RAM\n");
}

/* A terabyte in blocks of 128 MiB, on two nodes. */
static struct mhp_model *terabyte(struct mhp **m)
{
	struct mhp_boot_range boot = {.range = {0, 32 * 32768}};
	struct mhp_model_config config = {
		.boot = &boot, .nr_boot = 1, .max_pfn = 8192 * 32768};
	struct mhp_add_request request = {.placement = MHP_PLACEMENT_BLOCK};
	struct mhp_model *model;

	assert_int_equal(mhp_geometry_named("x86_64", &config.geometry), 0);
	config.geometry.nr_nodes = 2;
	config.dma32_end_pfn = boot.range.nr_pages;
	assert_int_equal(mhp_model_create(&config, &model, NULL), 0);
	*m = mhp_model_mhp(model);
	request.range = mhp_range_make(32 * 32768, 4064 * 32768);
	assert_int_equal(mhp_add(*m, &request, NULL), 0);
	request.range = mhp_range_make(4096 * 32768, 4096 * 32768);
	request.node = 1;
	assert_int_equal(mhp_add(*m, &request, NULL), 0);
	return model;
}

static void count_entry(struct mhp *m, const char *path,
			const struct mhp_view_entry *entry, void *ctx)
{
	unsigned int *nr = ctx;

	(void)m;
	(void)path;
	nr[entry->kind]++;
}

static void test_terabyte(void **state)
{
	static const char *const views[] = {
		"/proc/meminfo",
		"/proc/zoneinfo",
		"/proc/buddyinfo",
		"/proc/vmstat",
		"/proc/iomem",
		VIEWS_NODE "/has_memory",
		VIEWS_NODE "/node1/meminfo",
		VIEWS_NODE "/node1/vmstat",
		VIEWS_NODE "/node1/memory8191/valid_zones",
		MHP_VIEW_MEMORY "/memory8191/state",
	};
	struct mhp_block_info info;
	unsigned int nr[3] = {0};
	struct mhp_model *model;
	struct mhp *m;
	uint64_t id, kb;
	char line[64];
	size_t i;

	(void)state;
	if (sizeof(void *) < 8)
		skip();
	model = terabyte(&m);
	for (id = 32; id < 8192; id++)
		assert_int_equal(
			mhp_block_online(m, id, MHP_ONLINE_MOVABLE, NULL), 0);
	for (i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		free(views_read(m, views[i]));
	/* Nothing is in use: all but the memmap is free. */
	assert_int_equal(mhp_block_query(m, 8191, &info), 0);
	kb = 4096 * (32768 - info.nr_memmap) * 4;
	snprintf(line, sizeof(line), "Node 1 MemTotal:       %" PRIu64 " kB",
		 kb);
	views_has_line(m, VIEWS_NODE "/node1/meminfo", line);
	snprintf(line, sizeof(line), "Node 1 MemFree:        %" PRIu64 " kB",
		 kb);
	views_has_line(m, VIEWS_NODE "/node1/meminfo", line);
	views_walk(m, VIEWS_NODE, count_entry, nr);
	assert_int_equal(nr[MHP_VIEW_LINK], 8192);
	mhp_model_destroy(model);
}

static const struct machine_test tests[] = {
	{"meminfo", test_meminfo},   {"buddyinfo", test_buddyinfo},
	{"zoneinfo", test_zoneinfo}, {"zone_order", test_zone_order},
	{"vmstat", test_vmstat},     {"iomem", test_iomem},
};

static const struct machine_test one_tests[] = {
	{"iomem_far", test_iomem_far},
	{"kernels", test_kernels},
};

int main(void)
{
	static const struct CMUnitTest big[] = {
		cmocka_unit_test(test_terabyte),
	};
	int nr = machine_run("view_proc", tests,
			     sizeof(tests) / sizeof(tests[0]), true);

	nr += machine_run_on("view_proc_one", one_tests,
			     sizeof(one_tests) / sizeof(one_tests[0]), "small");
	return nr +
	       cmocka_run_group_tests_name("view_proc_big", big, NULL, NULL);
}
