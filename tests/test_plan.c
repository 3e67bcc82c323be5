/* SPDX-License-Identifier: MIT */
/*
 * Plans: against figures worked out by hand from the rules of Linux 7.2, and
 * against what adding the same range to a machine really takes, for every
 * geometry, descriptor, profile, mode and placement.
 */
#include <string.h>

#include "mhp/plan.h"
#include "mhp/policy.h"
#include "support.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static const uint16_t descriptors[] = {8, 16, 32, 56, 64, 80, 96};

#define NR_DESCRIPTORS (sizeof(descriptors) / sizeof(descriptors[0]))

/* The rules by their strings, which are in docs/SPEC.md. */
#define NO_PAGE "the memmap of a block is not whole pages"
#define NO_PAGEBLOCK "what the memmap leaves is not whole pageblocks"
#define NO_REST "the memmap would fill the block"
#define NO_PMD "the memmap of a block is not whole PMDs"
#define NO_ARCH "Linux has no memmap_on_memory on LoongArch"

struct row {
	const char *geometry;
	unsigned int block_shift;
	uint16_t descriptor_bytes;
	enum mhp_memmap_mode mode;
	const char *rule;   /* NULL: the memmap is on the block */
	uint64_t nr_memmap; /* pages of a block's memmap */
	uint64_t nr_wasted; /* pages of padding */
	uint64_t nr_usable; /* pages that are left */
};

#define ON MHP_MEMMAP_ON
#define FORCE MHP_MEMMAP_FORCE

/* Linux 7.2, a memory block of each kind. */
static const struct row linux_rows[] = {
	{"x86_64", 27, 64, ON, NULL, 512, 0, 32256},
	{"x86_64", 27, 64, FORCE, NULL, 512, 0, 32256},
	{"riscv64", 27, 64, ON, NULL, 512, 0, 32256},
	{"riscv64", 27, 64, FORCE, NULL, 512, 0, 32256},
	{"arm64-4k", 27, 64, ON, NULL, 512, 0, 32256},
	{"arm64-4k", 27, 64, FORCE, NULL, 512, 0, 32256},
	{"x86_64", 31, 64, ON, NULL, 8192, 0, 516096},
	{"x86_64", 31, 64, FORCE, NULL, 8192, 0, 516096},
	{"x86_64", 36, 64, ON, NULL, 262144, 0, 16515072},
	{"x86_64", 27, 56, ON, NO_PAGEBLOCK, 448, 0, 0},
	{"x86_64", 27, 72, ON, NO_PAGEBLOCK, 576, 0, 0},
	{"x86_64", 27, 80, ON, NO_PAGEBLOCK, 640, 0, 0},
	{"x86_64", 27, 88, ON, NO_PAGEBLOCK, 704, 0, 0},
	{"x86_64", 27, 96, ON, NO_PAGEBLOCK, 768, 0, 0},
	{"x86_64", 27, 56, FORCE, NO_PMD, 448, 0, 0},
	{"x86_64", 27, 72, FORCE, NO_PMD, 576, 0, 0},
	{"x86_64", 27, 80, FORCE, NO_PMD, 640, 0, 0},
	{"x86_64", 27, 88, FORCE, NO_PMD, 704, 0, 0},
	{"x86_64", 27, 96, FORCE, NO_PMD, 768, 0, 0},
	{"x86_64", 28, 96, ON, NULL, 1536, 0, 64000},
	{"x86_64", 28, 96, FORCE, NULL, 1536, 0, 64000},
	{"x86_64", 29, 80, ON, NULL, 2560, 0, 128512},
	{"x86_64", 29, 80, FORCE, NULL, 2560, 0, 128512},
	{"x86_64-nohuge", 27, 64, ON, NO_PAGEBLOCK, 512, 0, 0},
	{"x86_64-nohuge", 27, 64, FORCE, NULL, 512, 512, 31744},
	{"arm64-16k", 27, 64, ON, NO_PAGEBLOCK, 32, 0, 0},
	{"arm64-16k", 27, 64, FORCE, NO_PMD, 32, 0, 0},
	{"arm64-64k", 29, 64, ON, NO_PAGEBLOCK, 8, 0, 0},
	{"arm64-64k", 29, 64, FORCE, NO_REST, 8, 0, 0},
	{"s390x", 27, 64, ON, NULL, 512, 0, 32256},
	{"s390x", 27, 64, FORCE, NULL, 512, 0, 32256},
	{"ppc64-64k", 28, 64, ON, NO_PAGEBLOCK, 4, 0, 0},
	{"ppc64-64k", 28, 64, FORCE, NULL, 4, 28, 4064},
	{"ppc64-64k", 24, 64, ON, NO_PAGE, 1, 0, 0},
	{"ppc64-64k", 24, 64, FORCE, NO_PAGE, 1, 0, 0},
	{"ppc64-64k", 30, 64, ON, NO_PAGEBLOCK, 16, 0, 0},
	{"ppc64-64k", 30, 64, FORCE, NULL, 16, 16, 16352},
	{"ppc64-4k", 27, 64, ON, NULL, 512, 0, 32256},
	{"ppc64-4k", 27, 64, FORCE, NULL, 512, 0, 32256},
	{"ppc64-4k", 28, 64, ON, NULL, 1024, 0, 64512},
	{"ppc64-4k", 30, 64, FORCE, NULL, 4096, 0, 258048},
	{"loongarch64", 29, 64, ON, NO_ARCH, 128, 0, 0},
	{"loongarch64", 33, 64, FORCE, NO_ARCH, 2048, 0, 0},
};

/* What Linux gives up, or wastes, natively: whole pages of memmap and state. */
static const struct row native_rows[] = {
	{"x86_64", 27, 64, ON, NULL, 512, 0, 32256},
	{"x86_64", 27, 80, ON, NULL, 640, 0, 32128},
	{"x86_64", 27, 16, ON, NULL, 131, 0, 32637},
	{"x86_64-nohuge", 27, 64, ON, NULL, 512, 0, 32256},
	{"arm64-16k", 27, 64, ON, NULL, 33, 0, 8159},
	{"arm64-16k", 27, 16, ON, NULL, 9, 0, 8183},
	{"arm64-64k", 29, 64, ON, NULL, 9, 0, 8183},
	{"arm64-64k", 29, 16, ON, NULL, 3, 0, 8189},
	{"ppc64-64k", 28, 64, ON, NULL, 5, 0, 4091},
	{"ppc64-64k", 28, 16, ON, NULL, 2, 0, 4094},
	{"ppc64-64k", 24, 64, ON, NULL, 1, 0, 255},
	{"loongarch64", 29, 64, ON, NULL, 129, 0, 32639},
};

static struct mhp_geometry geometry_of(const char *name,
				       unsigned int block_shift,
				       uint16_t descriptor_bytes)
{
	struct mhp_geometry g;

	assert_int_equal(mhp_geometry_named(name, &g), 0);
	if (block_shift)
		g.block_shift = (uint8_t)block_shift;
	g.descriptor_bytes = descriptor_bytes;
	return g;
}

/* One block, and a range of three. */
static void check_row(const struct row *row, enum mhp_profile profile)
{
	struct mhp_geometry g = geometry_of(row->geometry, row->block_shift,
					    row->descriptor_bytes);
	struct mhp_plan_request request = {
		.geometry = &g, .profile = profile, .mode = row->mode};
	uint64_t nr, block = mhp_block_pages(&g);
	struct mhp_plan plan;

	print_message("# %s %u %u\n", row->geometry, row->block_shift,
		      row->descriptor_bytes);
	for (nr = 1; nr <= 3; nr += 2) {
		request.range = mhp_range_make(4 * block, nr * block);
		assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
		assert_int_equal(plan.nr_blocks, nr);
		assert_int_equal(plan.nr_memmap_pages, nr * row->nr_memmap);
		assert_int_equal(plan.nr_wasted_pages, nr * row->nr_wasted);
		assert_int_equal(plan.on_memory, !row->rule);
		if (row->rule) {
			assert_string_equal(plan.rule, row->rule);
			assert_int_equal(plan.placement,
					 MHP_PLACEMENT_EXISTING);
			assert_int_equal(plan.nr_usable_pages, nr * block);
			assert_true(plan.existing_memmap_bytes != 0);
			continue;
		}
		assert_null(plan.rule);
		assert_int_equal(plan.placement, MHP_PLACEMENT_BLOCK);
		assert_int_equal(plan.nr_hosts, nr);
		assert_int_equal(plan.nr_usable_pages, nr * row->nr_usable);
		assert_int_equal(plan.nr_hosted_pages + plan.nr_usable_pages,
				 nr * block);
		assert_int_equal(plan.existing_memmap_bytes, 0);
		assert_int_equal(plan.existing_state_bytes, 0);
	}
}

static void test_linux_7_2(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(linux_rows) / sizeof(linux_rows[0]); i++)
		check_row(&linux_rows[i], MHP_PROFILE_LINUX_7_2);
}

static void test_native(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(native_rows) / sizeof(native_rows[0]); i++)
		check_row(&native_rows[i], MHP_PROFILE_NATIVE);
}

/* A DIMM of 12 GiB: 192 MiB of memmap that was not there before. */
static void test_off(void **state)
{
	struct mhp_geometry g = geometry_of("x86_64", 0, 64);
	struct mhp_plan_request request = {
		.geometry = &g,
		.profile = MHP_PROFILE_LINUX_7_2,
		.mode = MHP_MEMMAP_OFF,
		.range = mhp_range_make(4 * GIB >> 12, 12 * GIB >> 12),
	};
	struct mhp_plan plan;

	(void)state;
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_null(plan.rule);
	assert_false(plan.on_memory);
	assert_int_equal(plan.existing_memmap_bytes, 192 * MIB);
	assert_int_equal(plan.existing_state_bytes, 0);
	assert_int_equal(plan.existing_record_bytes, 0);
	assert_int_equal(plan.nr_gigantic, 12);
	request.mode = MHP_MEMMAP_ON;
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_int_equal(plan.existing_memmap_bytes, 0);
	assert_int_equal(plan.nr_memmap_pages, 192 * MIB >> 12);
	assert_int_equal(plan.nr_gigantic, 0);
}

/* Gigantic pages, counted by looking at every block. */
static uint64_t count_gigantic(const struct mhp_geometry *g,
			       struct mhp_range range, uint64_t nr_block_hosted)
{
	uint64_t order = mhp_gigantic_order(g), pages = UINT64_C(1) << order;
	mhp_pfn_t pfn = (range.start_pfn + pages - 1) & ~(pages - 1), at;
	uint64_t nr = 0;

	for (; pfn + pages <= mhp_range_end_pfn(range); pfn += pages) {
		mhp_pfn_t mask = mhp_block_pages(g) - 1;

		nr++;
		/* The pages that begin each block it touches. */
		for (at = pfn & ~mask; at < pfn + pages; at += mask + 1)
			if (nr_block_hosted && at + nr_block_hosted > pfn) {
				nr--;
				break;
			}
	}
	return nr;
}

static void test_gigantic(void **state)
{
	unsigned int shift, start;

	(void)state;
	for (shift = 27; shift <= 33; shift++)
		for (start = 0; start < 4; start++) {
			struct mhp_geometry g = geometry_of("x86_64", shift,
							    64);
			uint64_t block = mhp_block_pages(&g);
			struct mhp_plan_request request = {
				.geometry = &g,
				.mode = MHP_MEMMAP_ON,
				.range = mhp_range_make(start * block,
							(32 * GIB >> 12)),
			};
			struct mhp_plan plan;

			assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
			assert_int_equal(
				plan.nr_gigantic,
				count_gigantic(&g, request.range, block / 64));
			request.placement = MHP_PLACEMENT_EXISTING;
			assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
			assert_int_equal(plan.nr_gigantic,
					 count_gigantic(&g, request.range, 0));
		}
}

static void test_movable(void **state)
{
	struct mhp_geometry g = geometry_of("x86_64", 0, 64);
	struct mhp_plan_request request = {
		.geometry = &g,
		.range = mhp_range_make(4 * GIB >> 12, 12 * GIB >> 12),
		.nr_boot_pages = 256 * MIB >> 12,
		.auto_movable_ratio = MHP_AUTO_MOVABLE_RATIO_DEFAULT,
	};
	struct mhp_plan plan;

	(void)state;
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_int_equal(plan.nr_movable_pages, 768 * MIB >> 12);
	assert_int_equal(plan.nr_movable_group_pages, 0);
	request.range.nr_pages = 768 * MIB >> 12;
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_int_equal(plan.nr_movable_pages, 768 * MIB >> 12);
	assert_int_equal(plan.nr_movable_group_pages, 768 * MIB >> 12);
	request.auto_movable_ratio = 0;
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_int_equal(plan.nr_movable_pages, 0);
	assert_int_equal(plan.nr_movable_group_pages, 0);
	request.nr_boot_pages = UINT64_MAX;
	request.auto_movable_ratio = UINT32_MAX;
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_int_equal(plan.nr_movable_pages, 768 * MIB >> 12);
}

static void assert_refused(const struct mhp_plan_request *request, int code,
			   enum mhp_why why)
{
	struct mhp_report report = {.code = 1};
	struct mhp_plan plan, untouched;

	memset(&plan, 0x5a, sizeof(plan));
	memcpy(&untouched, &plan, sizeof(plan));
	assert_int_equal(mhp_plan(request, &plan, &report), code);
	assert_memory_equal(&plan, &untouched, sizeof(plan));
	assert_int_equal(report.code, code);
	assert_int_equal(report.why, why);
	assert_int_equal(mhp_plan(request, &plan, NULL), code);
}

/* One field of a request that is right. */
#define REFUSED(code, why, field, value)                  \
	do {                                              \
		struct mhp_plan_request wrong_ = request; \
		wrong_.field = value;                     \
		assert_refused(&wrong_, code, why);       \
	} while (0)

static void test_errors(void **state)
{
	struct mhp_geometry g = geometry_of("x86_64", 0, 64), bad = g;
	struct mhp_plan_request request = {
		.size_bytes = sizeof(request),
		.geometry = &g,
		.range = mhp_range_make(32768, 32768),
	};
	uint64_t end = UINT64_C(1) << (52 - 12);
	struct mhp_plan plan;

	(void)state;
	bad.descriptor_bytes = 12;
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	REFUSED(MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST, size_bytes, 8);
	REFUSED(MHP_ERR_INVAL, MHP_WHY_GEOMETRY, geometry, &bad);
	REFUSED(MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST, profile,
		(enum mhp_profile)(MHP_PROFILE_LINUX_7_2 + 1));
	REFUSED(MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST, profile,
		MHP_PROFILE_LINUX_7_2); /* Linux has no mode auto */
	REFUSED(MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST, mode,
		(enum mhp_memmap_mode)9);
	REFUSED(MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST, placement,
		(enum mhp_placement)9);
	REFUSED(MHP_ERR_INVAL, MHP_WHY_EMPTY_RANGE, range.nr_pages, 0);
	REFUSED(MHP_ERR_INVAL, MHP_WHY_UNALIGNED, range.nr_pages, 1);
	REFUSED(MHP_ERR_INVAL, MHP_WHY_UNALIGNED, range.start_pfn, 1);
	REFUSED(MHP_ERR_2BIG, MHP_WHY_BEYOND_END, range.start_pfn, end);
	REFUSED(MHP_ERR_2BIG, MHP_WHY_BEYOND_END, range.nr_pages, end);
	REFUSED(MHP_ERR_2BIG, MHP_WHY_BEYOND_END, range.start_pfn,
		UINT64_MAX & ~UINT64_C(32767));
}

/* ---- against a machine ---- */

#define NR_BOOT_BLOCKS 4
#define NR_ADDED_BLOCKS 3
#define NR_MACHINE_BLOCKS 16

struct asked {
	struct mhp_geometry geometry;
	enum mhp_profile profile;
	enum mhp_memmap_mode mode;
	enum mhp_placement placement;
};

static struct mhp_model *machine_of(const struct asked *a)
{
	struct mhp_boot_range boot = {
		.range = mhp_range_make(
			0, NR_BOOT_BLOCKS * mhp_block_pages(&a->geometry)),
	};
	struct mhp_model_config config = {
		.geometry = a->geometry,
		.boot = &boot,
		.nr_boot = 1,
		.max_pfn = NR_MACHINE_BLOCKS * mhp_block_pages(&a->geometry),
		.profile = a->profile,
		.memmap_on_memory = a->mode,
	};
	struct mhp_model *model = NULL;

	assert_int_equal(mhp_model_create(&config, &model, NULL), 0);
	return model;
}

static uint64_t count_memmap(struct mhp *m, struct mhp_range range,
			     enum mhp_placement placement, uint64_t *nr_hosts)
{
	uint64_t block = mhp_block_pages(mhp_geometry(m)), nr = 0;
	mhp_pfn_t pfn = range.start_pfn;

	for (*nr_hosts = 0; pfn < mhp_range_end_pfn(range); pfn += block) {
		struct mhp_block_info info;

		assert_int_equal(mhp_block_query(m, pfn / block, &info), 0);
		assert_int_equal(info.placement, placement);
		nr += info.nr_memmap;
		*nr_hosts += info.nr_memmap != 0;
	}
	return nr;
}

static void compare_costs(struct mhp *m, const struct mhp_plan *plan)
{
	struct mhp_stat stat;

	mhp_stat_read(m, &stat);
	assert_int_equal(stat.existing_memmap_bytes,
			 plan->existing_memmap_bytes);
	assert_int_equal(stat.existing_state_bytes, plan->existing_state_bytes);
	assert_int_equal(stat.existing_record_bytes,
			 plan->existing_record_bytes);
	assert_int_equal(
		stat.hosted_memmap_bytes,
		mhp_bytes_from_pages(mhp_geometry(m), plan->nr_hosted_pages));
}

static void compare(struct mhp *m, const struct asked *a, uint64_t nr_blocks)
{
	uint64_t block = mhp_block_pages(&a->geometry), nr_hosts;
	struct mhp_plan_request request = {
		.geometry = &a->geometry,
		.profile = a->profile,
		.mode = a->mode,
		.placement = a->placement,
		.range = mhp_range_make(8 * block, nr_blocks * block),
	};
	struct mhp_add_request add = {
		.range = request.range,
		.placement = a->placement,
	};
	struct mhp_report report;
	struct mhp_plan plan;

	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_int_equal(mhp_add(m, &add, &report), 0);
	assert_int_equal(report.why,
			 plan.rule ? MHP_WHY_FELL_BACK : MHP_WHY_NONE);
	if (plan.rule)
		assert_string_equal(report.detail, plan.rule);
	assert_int_equal(count_memmap(m, add.range, plan.placement, &nr_hosts),
			 plan.nr_hosted_pages);
	assert_int_equal(nr_hosts, plan.nr_hosts);
	compare_costs(m, &plan);
	assert_int_equal(mhp_remove(m, add.range, NULL), 0);
}

static void compare_placements(struct mhp *m, struct asked *a)
{
	unsigned int placement;

	for (placement = 0; placement <= MHP_PLACEMENT_BLOCK; placement++) {
		a->placement = (enum mhp_placement)placement;
		compare(m, a, NR_ADDED_BLOCKS);
		if (a->profile != MHP_PROFILE_LINUX_6_12)
			compare(m, a, 1);
	}
}

/* The mode of a Linux profile is fixed when its machine starts. */
static void compare_linux(struct asked *a, enum mhp_memmap_mode first,
			  enum mhp_memmap_mode last)
{
	for (a->mode = first; a->mode <= last; a->mode++) {
		struct mhp_model *model = machine_of(a);

		compare_placements(mhp_model_mhp(model), a);
		mhp_model_destroy(model);
	}
}

static void compare_native(struct asked *a)
{
	struct mhp_model *model = machine_of(a);
	struct mhp *m = mhp_model_mhp(model);
	struct mhp_policy policy;

	mhp_policy_get(m, &policy);
	for (a->mode = MHP_MEMMAP_AUTO; a->mode <= MHP_MEMMAP_FORCE;
	     a->mode++) {
		policy.memmap_on_memory = a->mode;
		assert_int_equal(mhp_policy_set(m, &policy), 0);
		compare_placements(m, a);
	}
	assert_int_equal(mhp_check(m, NULL), 0);
	mhp_model_destroy(model);
}

static void compare_geometry(const char *name, unsigned int block_shift)
{
	size_t i;

	for (i = 0; i < NR_DESCRIPTORS; i++) {
		struct asked a = {.geometry = geometry_of(name, block_shift,
							  descriptors[i])};

		/* A host of 32 bits has no addresses for large blocks. */
		if (sizeof(void *) == 4 &&
		    mhp_block_bytes(&a.geometry) * NR_MACHINE_BLOCKS >
			    2 * GIB) {
			print_message("# %s: not on this host\n", name);
			return;
		}
		compare_native(&a);
		/* Linux builds with no smaller one. */
		if (a.geometry.descriptor_bytes < 56)
			continue;
		a.profile = MHP_PROFILE_LINUX_6_1;
		compare_linux(&a, MHP_MEMMAP_OFF, MHP_MEMMAP_ON);
		a.profile = MHP_PROFILE_LINUX_6_12;
		compare_linux(&a, MHP_MEMMAP_OFF, MHP_MEMMAP_FORCE);
	}
}

static void test_machines(void **state)
{
	const char *name;
	uint32_t i;

	(void)state;
	for (i = 0; (name = mhp_geometry_name(i)) != NULL; i++)
		compare_geometry(name, 0);
	compare_geometry("x86_64", 28);
	compare_geometry("ppc64-64k", 24);
	compare_geometry("ppc64-64k", 30);
}

/* The policy that plans speak of: as many blocks go to MOVABLE, one by one. */
static void test_policy(void **state)
{
	struct asked a = {.geometry = geometry_of("s390x", 0, 64)};
	uint64_t block = mhp_block_pages(&a.geometry), i, nr = 0;
	struct mhp_plan_request request = {
		.geometry = &a.geometry,
		.range = mhp_range_make(8 * block, 8 * block),
		.nr_boot_pages = NR_BOOT_BLOCKS * block,
		.auto_movable_ratio = 130,
	};
	struct mhp_add_request add = {.range = request.range};
	struct mhp_model *model = machine_of(&a);
	struct mhp *m = mhp_model_mhp(model);
	struct mhp_policy policy;
	struct mhp_plan plan;

	(void)state;
	mhp_policy_get(m, &policy);
	policy.online_policy = MHP_POLICY_AUTO_MOVABLE;
	policy.auto_movable_ratio = request.auto_movable_ratio;
	assert_int_equal(mhp_policy_set(m, &policy), 0);
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_int_equal(mhp_add(m, &add, NULL), 0);
	for (i = 8; i < 16; i++) {
		struct mhp_block_info info;

		assert_int_equal(
			mhp_block_online(m, i, MHP_ONLINE_DEFAULT, NULL), 0);
		assert_int_equal(mhp_block_query(m, i, &info), 0);
		nr += info.zone == MHP_ZONE_MOVABLE;
	}
	assert_int_equal(nr, 5);
	assert_int_equal(plan.nr_movable_pages, nr * block);
	assert_int_equal(mhp_check(m, NULL), 0);
	mhp_model_destroy(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linux_7_2),
		cmocka_unit_test(test_native),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_gigantic),
		cmocka_unit_test(test_movable),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_machines),
		cmocka_unit_test(test_policy),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
