/* SPDX-License-Identifier: MIT */
/*
 * Views that set or do something: the parameters of memory hotplug, probe, bad
 * pages, and blocks that are configured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mhp/poison.h"
#include "mhp/policy.h"
#include "views.h"

#define PARAM(name) VIEWS_PARAM "/" name

/* What a file takes, what it reads then; rc 0, or it reads as before. */
struct exchange {
	const char *write;
	int rc;
	const char *reads;
};

static void exchange(struct machine *mc, const char *path,
		     const struct exchange *list, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		assert_int_equal(views_put(mc->m, path, list[i].write),
				 list[i].rc);
		views_assert(mc->m, path, list[i].reads);
	}
}

#define EXCHANGE(mc, path, list) \
	exchange(mc, path, list, sizeof(list) / sizeof((list)[0]))

static void test_online_policy(struct machine *mc)
{
	static const struct exchange list[] = {
		{"auto-movable\n", 0, "auto-movable\n"},
		{"contig", MHP_ERR_INVAL, "auto-movable\n"},
		{"contig-zones", 0, "contig-zones\n"},
		{"Auto-movable", MHP_ERR_INVAL, "contig-zones\n"},
	};
	struct mhp_policy policy;

	views_assert(mc->m, PARAM("online_policy"), "contig-zones\n");
	EXCHANGE(mc, PARAM("online_policy"), list);
	assert_int_equal(
		views_put(mc->m, PARAM("online_policy"), "auto-movable"), 0);
	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	assert_int_equal(policy.online_policy, MHP_POLICY_AUTO_MOVABLE);
}

static void test_ratio(struct machine *mc)
{
	static const struct exchange list[] = {
		{"0\n", 0, "0\n"},
		{"50", 0, "50\n"},
		{"010", 0, "8\n"},
		{"0x1F", 0, "31\n"},
		{"0Xa", 0, "10\n"},
		{"+7", 0, "7\n"},
		{"4294967295", 0, "4294967295\n"},
		{"4294967296", MHP_ERR_RANGE, "4294967295\n"},
		{"18446744073709551615", MHP_ERR_RANGE, "4294967295\n"},
		{"18446744073709551616", MHP_ERR_RANGE, "4294967295\n"},
		{"0x10000000000000000", MHP_ERR_RANGE, "4294967295\n"},
		{"301\n", 0, "301\n"},
		{"-1", MHP_ERR_INVAL, "301\n"},
		{"++1", MHP_ERR_INVAL, "301\n"},
		{"08", MHP_ERR_INVAL, "301\n"},
		{"0x", MHP_ERR_INVAL, "301\n"},
		{"0xg", MHP_ERR_INVAL, "301\n"},
		{"1 ", MHP_ERR_INVAL, "301\n"},
		{"1\n\n", MHP_ERR_INVAL, "301\n"},
		{"3.5", MHP_ERR_INVAL, "301\n"},
		{"ten", MHP_ERR_INVAL, "301\n"},
	};

	views_assert(mc->m, PARAM("auto_movable_ratio"), "301\n");
	EXCHANGE(mc, PARAM("auto_movable_ratio"), list);
}

static void test_numa_aware(struct machine *mc)
{
	static const struct exchange list[] = {
		{"n", 0, "N\n"},
		{"1\n", 0, "Y\n"},
		{"off", 0, "N\n"},
		{"on", 0, "Y\n"},
		{"False", 0, "N\n"},
		{"maybe", MHP_ERR_INVAL, "N\n"},
		{"2", MHP_ERR_INVAL, "N\n"},
	};

	views_assert(mc->m, PARAM("auto_movable_numa_aware"), "Y\n");
	EXCHANGE(mc, PARAM("auto_movable_numa_aware"), list);
}

/* Natively it can be switched, and counts for what is added from then on. */
static void test_memmap(struct machine *mc)
{
	static const struct exchange list[] = {
		{"force\n", 0, "force\n"}, {"maybe", MHP_ERR_INVAL, "force\n"},
		{"Force", 0, "N\n"}, /* the first letter decides */
		{"FORCE", 0, "force\n"},   {"1", 0, "Y\n"},
	};

	views_assert(mc->m, PARAM("memmap_on_memory"), "Y\n");
	EXCHANGE(mc, PARAM("memmap_on_memory"), list);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_AUTO), 0);
	assert_int_equal(views_put(mc->m, PARAM("memmap_on_memory"), "N"), 0);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_AUTO),
			 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK).placement,
			 MHP_PLACEMENT_BLOCK);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).placement,
			 MHP_PLACEMENT_EXISTING);
}

/* What a kernel fixes at boot is fixed; what distributions leave out is not
 * there, nor is what only s390x has. */
static void test_profile(struct machine *mc)
{
	static const enum mhp_memmap_mode modes[] = {
		MHP_MEMMAP_OFF, MHP_MEMMAP_ON, MHP_MEMMAP_FORCE};
	static const char *const words[] = {"N\n", "Y\n", "force\n"};
	const struct machine_case *c = mc->c;
	struct mhp_view_entry entry;
	struct mhp_boot_range boot[2];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct mhp_model_config config = machine_config(c, boot);

		machine_end(mc);
		config.profile = MHP_PROFILE_LINUX_6_12;
		config.memmap_on_memory = modes[i];
		machine_start_config(mc, c, &config);
		views_assert(mc->m, PARAM("memmap_on_memory"), words[i]);
		assert_int_equal(
			views_put(mc->m, PARAM("memmap_on_memory"), "Y"),
			MHP_ERR_ACCES);
		assert_int_equal(
			mhp_view_stat(mc->m, PARAM("memmap_on_memory"), &entry),
			0);
		assert_int_equal(entry.mode, 0444);
		assert_int_equal(
			mhp_view_stat(mc->m, PARAM("online_policy"), &entry),
			0);
		assert_int_equal(entry.mode, 0644);
	}
	assert_int_equal(views_error(mc->m, MHP_VIEW_MEMORY "/probe"),
			 MHP_ERR_NOENT);
	assert_int_equal(mhp_view_stat(mc->m, "/sys/firmware", &entry),
			 MHP_ERR_NOENT);
}

static int put_address(struct machine *mc, const char *file, mhp_pfn_t pfn,
		       unsigned int offset)
{
	char path[128], value[32];

	snprintf(path, sizeof(path), "%s/%s", MHP_VIEW_MEMORY, file);
	snprintf(value, sizeof(value), "0x%" PRIx64 "\n",
		 mhp_pa_from_pfn(mc->g, pfn).bytes + offset);
	return views_put(mc->m, path, value);
}

static void test_probe(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	mhp_pfn_t start = block_start(mc, FIRST_BLOCK);

	assert_int_equal(views_error(mc->m, MHP_VIEW_MEMORY "/probe"),
			 MHP_ERR_ACCES);
	assert_int_equal(put_address(mc, "probe", start + 1, 0), MHP_ERR_INVAL);
	assert_int_equal(put_address(mc, "probe", start, 1), MHP_ERR_INVAL);
	assert_int_equal(put_address(mc, "probe", 0, 0), MHP_ERR_EXIST);
	assert_int_equal(
		put_address(mc, "probe", block_start(mc, NR_BLOCKS), 0),
		MHP_ERR_2BIG);
	unchanged(mc, before, 0);
	assert_int_equal(put_address(mc, "probe", start, 0), 0);
	views_assert(mc->m, MHP_VIEW_MEMORY "/memory8/state", "offline\n");
	assert_int_equal(block_info(mc, FIRST_BLOCK).placement,
			 MHP_PLACEMENT_EXISTING);
	assert_int_equal(views_put(mc->m, MHP_VIEW_MEMORY "/auto_online_blocks",
				   "online_movable"),
			 0);
	assert_int_equal(put_address(mc, "probe", start, 0), MHP_ERR_EXIST);
	assert_int_equal(
		put_address(mc, "probe", block_start(mc, FIRST_BLOCK + 1), 0),
		0);
	views_assert(mc->m, MHP_VIEW_MEMORY "/memory9/valid_zones",
		     "Movable\n");
}

/* The address of any byte of a page is that of the page. */
static void test_bad_pages(struct machine *mc)
{
	mhp_pfn_t pfn = alloc_unmovable(mc, 0), free_pfn;
	char line[64];

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_AUTO, MHP_ONLINE_MOVABLE);
	free_pfn = block_start(mc, FIRST_BLOCK + 1) - 1;
	assert_int_equal(
		views_error(mc->m, MHP_VIEW_MEMORY "/soft_offline_page"),
		MHP_ERR_ACCES);
	assert_int_equal(put_address(mc, "soft_offline_page", pfn, 0),
			 MHP_ERR_BUSY);
	assert_int_equal(put_address(mc, "soft_offline_page", free_pfn, 3), 0);
	assert_true(mhp_is_poisoned(mc->m, free_pfn));
	assert_int_equal(put_address(mc, "hard_offline_page", pfn, 7), 0);
	assert_true(mhp_is_poisoned(mc->m, pfn));
	assert_int_equal(put_address(mc, "hard_offline_page",
				     block_start(mc, NR_BLOCKS), 0),
			 MHP_ERR_NXIO);
	assert_int_equal(put_address(mc, "soft_offline_page",
				     block_start(mc, NR_BLOCKS), 0),
			 MHP_ERR_NXIO);
	snprintf(line, sizeof(line), "HardwareCorrupted: %5" PRIu64 " kB",
		 2 * mhp_page_bytes(mc->g) / 1024);
	views_has_line(mc->m, "/proc/meminfo", line);
	mhp_frame_free(mc->m, pfn, 0);
}

/* ---- /sys/firmware/memory ---- */

#define CONFIG(n, file) "/sys/firmware/memory/memory" n "/" file

/* Without a driver: what is known is configured. */
static void test_firmware(struct machine *mc)
{
	assert_int_equal(views_error(mc->m, CONFIG("8", "config")),
			 MHP_ERR_NOENT);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK),
			 0);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_EXISTING), 0);
	views_assert(mc->m, CONFIG("0", "config"), "1\n");
	views_assert(mc->m, CONFIG("0", "memmap_on_memory"), "0\n");
	views_assert(mc->m, CONFIG("8", "memmap_on_memory"), "1\n");
	views_assert(mc->m, CONFIG("9", "memmap_on_memory"), "0\n");
	assert_int_equal(views_put(mc->m, CONFIG("8", "memmap_on_memory"), "0"),
			 MHP_ERR_BUSY);
	assert_int_equal(views_put(mc->m, CONFIG("8", "memmap_on_memory"), "1"),
			 MHP_ERR_BUSY);
	assert_int_equal(views_put(mc->m, CONFIG("8", "config"), "1"), 0);
	assert_int_equal(views_put(mc->m, CONFIG("0", "config"), "0"),
			 MHP_ERR_BUSY);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 0);
	assert_int_equal(views_put(mc->m, CONFIG("8", "config"), "0"),
			 MHP_ERR_BUSY);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_int_equal(views_put(mc->m, CONFIG("8", "config"), "0\n"), 0);
	assert_int_equal(views_error(mc->m, CONFIG("8", "config")),
			 MHP_ERR_NOENT);
	assert_int_equal(views_error(mc->m, MHP_VIEW_MEMORY "/memory8/state"),
			 MHP_ERR_NOENT);
}

/* Linux has it on s390x. */
static void test_s390x(struct machine *mc)
{
	static struct machine_case c; /* lives as long as the machine */
	struct mhp_model_config config;
	struct mhp_boot_range boot[2];

	machine_end(mc);
	c = *mc->c;
	assert_int_equal(mhp_geometry_named("s390x", &c.geometry), 0);
	c.geometry.nr_nodes = 3;
	c.geometry.section_shift = c.geometry.block_shift = 24;
	config = machine_config(&c, boot);
	config.profile = MHP_PROFILE_LINUX_6_12;
	config.memmap_on_memory = MHP_MEMMAP_OFF;
	machine_start_config(mc, &c, &config);
	views_assert(mc->m, CONFIG("0", "config"), "1\n");
}

/* A driver that only notes what it is asked. */
struct pretender {
	struct mhp_view_firmware firmware;
	bool configured[4], memmap[4];
	int answer;
};

static bool pretend_configured(void *ctx, uint64_t block_id)
{
	return ((struct pretender *)ctx)->configured[block_id - FIRST_BLOCK];
}

static bool pretend_memmap(void *ctx, uint64_t block_id)
{
	return ((struct pretender *)ctx)->memmap[block_id - FIRST_BLOCK];
}

static int pretend_configure(void *ctx, struct mhp *m, uint64_t block_id,
			     bool on, struct mhp_report *report)
{
	struct pretender *p = ctx;

	(void)m;
	assert_true(p->configured[block_id - FIRST_BLOCK] != on);
	if (report && p->answer)
		report->code = p->answer;
	if (!p->answer)
		p->configured[block_id - FIRST_BLOCK] = on;
	return p->answer;
}

static int pretend_set_memmap(void *ctx, struct mhp *m, uint64_t block_id,
			      bool on, struct mhp_report *report)
{
	struct pretender *p = ctx;

	(void)m;
	if (report && p->answer)
		report->code = p->answer;
	if (!p->answer)
		p->memmap[block_id - FIRST_BLOCK] = on;
	return p->answer;
}

static unsigned int count_configs(struct machine *mc)
{
	struct mhp_view_entry entry;
	unsigned int nr = 0;
	uint64_t cursor = 0;

	while (mhp_view_list(mc->m, "/sys/firmware/memory", &cursor, &entry) ==
	       1)
		nr++;
	return nr;
}

static void test_driver(struct machine *mc)
{
	struct pretender p = {
		.firmware = {.first_block = FIRST_BLOCK,
			     .nr_blocks = 4,
			     .configured = pretend_configured,
			     .configure = pretend_configure,
			     .memmap = pretend_memmap,
			     .set_memmap = pretend_set_memmap,
			     .ctx = &p},
	};
	struct pretender other = p, broken = p;

	broken.firmware.memmap = NULL;
	assert_int_equal(mhp_view_set_firmware(mc->m, &broken.firmware),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_view_set_firmware(mc->m, &p.firmware), 0);
	assert_int_equal(mhp_view_set_firmware(mc->m, &other.firmware),
			 MHP_ERR_BUSY);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK + 6, 1, MHP_PLACEMENT_AUTO),
			 0);
	assert_int_equal(count_configs(mc), NR_BOOT_BLOCKS + 4 + 1);
	views_assert(mc->m, CONFIG("11", "config"), "0\n");
	assert_int_equal(views_error(mc->m, CONFIG("12", "config")),
			 MHP_ERR_NOENT);
	views_assert(mc->m, CONFIG("14", "config"), "1\n");
	assert_int_equal(views_put(mc->m, CONFIG("8", "memmap_on_memory"), "1"),
			 0);
	views_assert(mc->m, CONFIG("8", "memmap_on_memory"), "1\n");
	p.answer = MHP_ERR_IO;
	assert_int_equal(views_put(mc->m, CONFIG("8", "config"), "1"),
			 MHP_ERR_IO);
	assert_int_equal(views_put(mc->m, CONFIG("8", "memmap_on_memory"), "0"),
			 MHP_ERR_IO);
	p.answer = 0;
	assert_int_equal(views_put(mc->m, CONFIG("8", "config"), "1"), 0);
	assert_int_equal(views_put(mc->m, CONFIG("8", "config"), "1"), 0);
	views_assert(mc->m, CONFIG("8", "config"), "1\n");
	assert_int_equal(views_put(mc->m, CONFIG("8", "memmap_on_memory"), "0"),
			 MHP_ERR_BUSY);
	assert_int_equal(views_put(mc->m, CONFIG("8", "config"), "0"), 0);
	assert_int_equal(mhp_view_set_firmware(mc->m, NULL), 0);
	assert_int_equal(count_configs(mc), NR_BOOT_BLOCKS + 1);
}

static const struct machine_test tests[] = {
	{"online_policy", test_online_policy},
	{"ratio", test_ratio},
	{"numa_aware", test_numa_aware},
	{"memmap", test_memmap},
	{"profile", test_profile},
	{"probe", test_probe},
	{"bad_pages", test_bad_pages},
	{"firmware", test_firmware},
	{"s390x", test_s390x},
	{"driver", test_driver},
};

int main(void)
{
	return machine_run_on("view_param", tests,
			      sizeof(tests) / sizeof(tests[0]), "nodes");
}
