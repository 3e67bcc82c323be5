/* SPDX-License-Identifier: MIT */
/*
 * Where a memmap may live by Linux's rules: one row for each combination of
 * geometry, mode and profile that decides differently. The numbers of pages
 * follow from the rules: block / page x descriptor bytes, whole PMDs, and the
 * rest whole pageblocks, to which force pads.
 */
#include "mhp/policy.h"
#include "support.h"

#define NR_ADDED 2

struct row {
	const char *name;
	const char *geometry;
	uint8_t block_shift; /* 0: the geometry's */
	uint8_t pageblock_shift;
	uint16_t descriptor_bytes;
	enum mhp_profile profile;
	enum mhp_memmap_mode mode;
	uint64_t one; /* memmap pages in a block added alone */
	uint64_t two; /* in each of two that are added together */
};

#define V61 MHP_PROFILE_LINUX_6_1
#define V612 MHP_PROFILE_LINUX_6_12

static const struct row rows[] = {
	{"6.12 on", "x86_64", 0, 0, 64, V612, MHP_MEMMAP_ON, 512, 512},
	{"6.12 off", "x86_64", 0, 0, 64, V612, MHP_MEMMAP_OFF, 0, 0},
	{"6.1 on", "x86_64", 0, 0, 64, V61, MHP_MEMMAP_ON, 512, 0},
	{"6.1 off", "x86_64", 0, 0, 64, V61, MHP_MEMMAP_OFF, 0, 0},
	{"2 GiB", "x86_64", 31, 0, 64, V612, MHP_MEMMAP_ON, 8192, 8192},
	{"56", "x86_64", 0, 0, 56, V612, MHP_MEMMAP_ON, 0, 0},
	{"80", "x86_64", 0, 0, 80, V612, MHP_MEMMAP_ON, 0, 0},
	{"96", "x86_64", 0, 0, 96, V612, MHP_MEMMAP_FORCE, 0, 0},
	{"256M/96", "x86_64", 28, 0, 96, V612, MHP_MEMMAP_ON, 1536, 1536},
	{"512M/80", "x86_64", 29, 0, 80, V612, MHP_MEMMAP_ON, 2560, 2560},
	{"4M", "x86_64", 0, 22, 64, V612, MHP_MEMMAP_ON, 0, 0},
	{"4M force", "x86_64", 0, 22, 64, V612, MHP_MEMMAP_FORCE, 1024, 1024},
	{"16K", "arm64-16k", 0, 0, 64, V612, MHP_MEMMAP_FORCE, 0, 0},
	{"64K", "arm64-64k", 0, 0, 64, V612, MHP_MEMMAP_FORCE, 0, 0},
	{"s390x", "s390x", 0, 0, 64, V612, MHP_MEMMAP_ON, 512, 512},
	{"riscv64", "riscv64", 0, 0, 64, V612, MHP_MEMMAP_ON, 512, 512},
	{"6.1 arm64", "arm64-4k", 0, 0, 64, V61, MHP_MEMMAP_ON, 512, 0},
	{"6.1 s390x", "s390x", 0, 0, 64, V61, MHP_MEMMAP_ON, 0, 0},
	{"ppc on", "ppc64-64k", 28, 0, 64, V612, MHP_MEMMAP_ON, 0, 0},
	{"ppc force", "ppc64-64k", 28, 0, 64, V612, MHP_MEMMAP_FORCE, 32, 32},
	{"ppc 1G", "ppc64-64k", 30, 0, 64, V612, MHP_MEMMAP_FORCE, 32, 32},
	{"ppc 16M", "ppc64-64k", 24, 0, 64, V612, MHP_MEMMAP_FORCE, 0, 0},
	{"native", "x86_64", 0, 0, 64, MHP_PROFILE_NATIVE, MHP_MEMMAP_ON, 512,
	 512},
	{"native off", "x86_64", 0, 0, 64, MHP_PROFILE_NATIVE, MHP_MEMMAP_OFF,
	 0, 0},
};

#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

/* Blocks of a machine here, with boot memory. */
#define NR_MACHINE_BLOCKS 16

/* A host of 32 bits has no addresses for the machines with large blocks. */
static bool row_fits_host(const struct row *row)
{
	struct mhp_geometry g;

	assert_int_equal(mhp_geometry_named(row->geometry, &g), 0);
	if (row->block_shift)
		g.block_shift = row->block_shift;
	return sizeof(void *) > 4 ||
	       NR_MACHINE_BLOCKS * mhp_block_bytes(&g) <= UINT64_C(2) << 30;
}

static void row_start(const struct row *row, struct mhp_model **model)
{
	struct mhp_boot_range boot = {.node = 0};
	struct mhp_model_config config = {
		.boot = &boot,
		.nr_boot = 1,
		.profile = row->profile,
		.memmap_on_memory = row->mode,
	};
	struct mhp_geometry *g = &config.geometry;

	assert_int_equal(mhp_geometry_named(row->geometry, g), 0);
	if (row->block_shift)
		g->block_shift = row->block_shift;
	if (row->pageblock_shift)
		g->pageblock_shift = row->pageblock_shift;
	g->descriptor_bytes = row->descriptor_bytes;
	boot.range = mhp_range_make(0, 2 * mhp_block_pages(g));
	config.max_pfn = NR_MACHINE_BLOCKS * mhp_block_pages(g);
	assert_int_equal(mhp_model_create(&config, model, NULL), 0);
	assert_int_equal(mhp_max_pfn(mhp_model_mhp(*model)), config.max_pfn);
}

/* Add @nr blocks in one request and look at what each holds. */
static void row_add(struct mhp *m, const struct row *row, uint64_t block_id,
		    uint64_t nr, uint64_t expect)
{
	uint64_t block_pages = mhp_block_pages(mhp_geometry(m)), i;
	struct mhp_add_request request = {
		.range = mhp_range_make(block_id * block_pages,
					nr * block_pages),
	};
	struct mhp_report report = {.why = MHP_WHY_NONE};
	bool wants = row->mode != MHP_MEMMAP_OFF;
	uint64_t nr_hosted;

	assert_int_equal(mhp_hosted_pages(m, request.range, request.placement,
					  &nr_hosted),
			 0);
	assert_int_equal(nr_hosted, expect);
	assert_int_equal(mhp_add(m, &request, &report), 0);
	assert_int_equal(report.why,
			 wants && !expect ? MHP_WHY_FELL_BACK : MHP_WHY_NONE);
	for (i = 0; i < nr; i++) {
		struct mhp_block_info info;

		assert_int_equal(mhp_block_query(m, block_id + i, &info), 0);
		assert_int_equal(info.nr_memmap, expect);
		assert_int_equal(info.placement,
				 expect ? MHP_PLACEMENT_BLOCK
					: MHP_PLACEMENT_EXISTING);
		assert_int_equal(mhp_block_online(m, block_id + i,
						  MHP_ONLINE_MOVABLE, NULL),
				 0);
	}
	assert_int_equal(mhp_check(m, NULL), 0);
}

static void row_strict(struct mhp *m, const struct row *row)
{
	uint64_t block_pages = mhp_block_pages(mhp_geometry(m));
	struct mhp_add_request request = {
		.range = mhp_range_make(12 * block_pages, 2 * block_pages),
		.placement = MHP_PLACEMENT_BLOCK,
		.flags = MHP_ADD_STRICT,
	};
	struct mhp_report report;
	bool can = row->two || row->profile == MHP_PROFILE_NATIVE;

	assert_int_equal(mhp_add(m, &request, &report),
			 can ? 0 : MHP_ERR_OPNOTSUPP);
	if (can)
		return;
	assert_int_equal(report.why, MHP_WHY_PLACEMENT_REFUSED);
	assert_non_null(report.detail);
}

static void test_rows(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < NR_ROWS; i++) {
		struct mhp_model *model = NULL;
		struct mhp *m;

		if (!row_fits_host(&rows[i])) {
			print_message("# %s: not on this host\n", rows[i].name);
			continue;
		}
		print_message("# %s\n", rows[i].name);
		row_start(&rows[i], &model);
		m = mhp_model_mhp(model);
		assert_int_equal(mhp_profile(m), rows[i].profile);
		row_add(m, &rows[i], 4, 1, rows[i].one);
		row_add(m, &rows[i], 6, NR_ADDED, rows[i].two);
		row_strict(m, &rows[i]);
		mhp_model_destroy(model);
	}
}

static int try_add(struct mhp *m, mhp_pfn_t start_pfn, uint64_t nr_pages)
{
	struct mhp_add_request request = {
		.range = mhp_range_make(start_pfn, nr_pages),
	};

	return mhp_add(m, &request, NULL);
}

/* Which error wins when a range is wrong in several ways. */
static void test_errors(void **state)
{
	static const struct row native = {
		.name = "native", .geometry = "x86_64", .descriptor_bytes = 64};
	struct mhp_model *model;
	struct mhp *m;
	uint64_t block;

	(void)state;
	row_start(&rows[0], &model);
	m = mhp_model_mhp(model);
	block = mhp_block_pages(mhp_geometry(m));
	assert_int_equal(try_add(m, 8 * block, 0), MHP_ERR_2BIG);
	assert_int_equal(try_add(m, 1, 1), MHP_ERR_EXIST);
	assert_int_equal(try_add(m, 16 * block + 1, 1), MHP_ERR_2BIG);
	assert_int_equal(try_add(m, 8 * block + 1, block), MHP_ERR_INVAL);
	assert_int_equal(try_add(m, 8 * block, block), 0);
	assert_int_equal(try_add(m, 7 * block, 2 * block), MHP_ERR_EXIST);
	mhp_model_destroy(model);
	row_start(&native, &model);
	m = mhp_model_mhp(model);
	assert_int_equal(try_add(m, 8 * block, 0), MHP_ERR_INVAL);
	assert_int_equal(try_add(m, 1, 1), MHP_ERR_INVAL);
	assert_int_equal(try_add(m, 16 * block + 1, 1), MHP_ERR_INVAL);
	assert_int_equal(try_add(m, 0, block), MHP_ERR_EXIST);
	mhp_model_destroy(model);
}

/* Natively the parameter is switched at run time, and affects later adds. */
static void test_switch(void **state)
{
	static const struct row row = {
		"switch",	    "x86_64",	   0,	0,  64,
		MHP_PROFILE_NATIVE, MHP_MEMMAP_ON, 512, 512};
	struct row off = row;
	struct mhp_policy policy;
	struct mhp_model *model;
	struct mhp *m;

	(void)state;
	row_start(&row, &model);
	m = mhp_model_mhp(model);
	row_add(m, &row, 4, 1, row.one);
	assert_int_equal(mhp_policy_get(m, &policy), 0);
	assert_int_equal(policy.memmap_on_memory, MHP_MEMMAP_ON);
	policy.memmap_on_memory = off.mode = MHP_MEMMAP_OFF;
	assert_int_equal(mhp_policy_set(m, &policy), 0);
	row_add(m, &off, 5, 1, 0);
	policy.memmap_on_memory = (enum mhp_memmap_mode)7;
	assert_int_equal(mhp_policy_set(m, &policy), MHP_ERR_INVAL);
	mhp_model_destroy(model);
}

/* Where a kernel plugs no memory there is no machine by its rules. */
static void test_no_hotplug(void **state)
{
	struct mhp_boot_range boot = {.range = mhp_range_make(0, 65536)};
	struct mhp_model_config config = {
		.boot = &boot,
		.nr_boot = 1,
		.max_pfn = 1 << 19,
		.profile = V61,
		.memmap_on_memory = MHP_MEMMAP_OFF,
	};
	struct mhp_model *model = NULL;
	struct mhp_report report;

	(void)state;
	assert_int_equal(mhp_geometry_named("riscv64", &config.geometry), 0);
	assert_int_equal(mhp_model_create(&config, &model, &report),
			 MHP_ERR_INVAL);
	assert_string_equal(report.detail,
			    "Linux 6.1 has no memory hotplug on RISC-V");
	config.profile = V612;
	assert_int_equal(mhp_model_create(&config, &model, NULL), 0);
	mhp_model_destroy(model);
}

/* In a Linux profile it is fixed; the other settings are not. */
static void test_fixed(void **state)
{
	struct mhp_policy policy;
	struct mhp_model *model;
	struct mhp *m;

	(void)state;
	row_start(&rows[0], &model);
	m = mhp_model_mhp(model);
	assert_int_equal(mhp_policy_get(m, &policy), 0);
	policy.memmap_on_memory = MHP_MEMMAP_OFF;
	policy.auto_movable_ratio = 5;
	assert_int_equal(mhp_policy_set(m, &policy), MHP_ERR_ACCES);
	assert_int_equal(mhp_policy_get(m, &policy), 0);
	assert_int_equal(policy.auto_movable_ratio,
			 MHP_AUTO_MOVABLE_RATIO_DEFAULT);
	policy.auto_movable_ratio = 5;
	assert_int_equal(mhp_policy_set(m, &policy), 0);
	mhp_model_destroy(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_no_hotplug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
