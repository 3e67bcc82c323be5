/* SPDX-License-Identifier: MIT */
/*
 * Plans, against figures worked out by hand from the rules of Linux 6.1 and
 * 7.2 and from our own. Against machines: test_plan_machine.c.
 */
#include <string.h>

#include "mhp/plan.h"
#include "mhp/policy.h"
#include "support.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* The rules by their strings, which are in docs/SPEC.md. */
#define NO_PAGE "the memmap of a block is not whole pages"
#define NO_PAGEBLOCK "what the memmap leaves is not whole pageblocks"
#define NO_REST "the memmap would fill the block"
#define NO_PMD "the memmap of a block is not whole PMDs"
#define NO_ARCH "Linux has no memmap_on_memory on LoongArch"
#define OLD_ARCH "Linux 6.1 has memmap_on_memory on x86-64 and arm64 only"

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

/* Linux 6.1, which asks for whole PMDs before it asks for pageblocks. */
static const struct row old_rows[] = {
	{"x86_64", 27, 64, ON, NULL, 512, 0, 32256},
	{"x86_64", 31, 64, ON, NULL, 8192, 0, 516096},
	{"x86_64", 27, 56, ON, NO_PMD, 448, 0, 0},
	{"x86_64", 27, 80, ON, NO_PMD, 640, 0, 0},
	{"x86_64", 28, 96, ON, NULL, 1536, 0, 64000},
	{"x86_64-nohuge", 27, 64, ON, NO_PAGEBLOCK, 512, 0, 0},
	{"x86_64-nohuge", 27, 56, ON, NO_PMD, 448, 0, 0},
	{"arm64-4k", 27, 64, ON, NULL, 512, 0, 32256},
	{"arm64-16k", 27, 64, ON, NO_PMD, 32, 0, 0},
	{"arm64-64k", 29, 64, ON, NO_PMD, 8, 0, 0},
	{"s390x", 27, 64, ON, OLD_ARCH, 512, 0, 0},
	{"s390x", 30, 64, ON, OLD_ARCH, 4096, 0, 0},
	{"ppc64-4k", 28, 64, ON, OLD_ARCH, 1024, 0, 0},
	{"ppc64-64k", 28, 64, ON, OLD_ARCH, 4, 0, 0},
	{"ppc64-64k", 24, 64, ON, OLD_ARCH, 1, 0, 0},
	{"loongarch64", 29, 64, ON, NO_ARCH, 128, 0, 0},
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

/* One block, and up to @most. */
static void check_row(const struct row *row, enum mhp_profile profile,
		      uint64_t most)
{
	struct mhp_geometry g = geometry_of(row->geometry, row->block_shift,
					    row->descriptor_bytes);
	struct mhp_plan_request request = {
		.geometry = &g, .profile = profile, .mode = row->mode};
	uint64_t nr, block = mhp_block_pages(&g);
	struct mhp_plan plan;

	print_message("# %s %u %u\n", row->geometry, row->block_shift,
		      row->descriptor_bytes);
	for (nr = 1; nr <= most; nr += 2) {
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
		check_row(&linux_rows[i], MHP_PROFILE_LINUX_7_2, 3);
}

static void test_linux_6_1(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(old_rows) / sizeof(old_rows[0]); i++)
		check_row(&old_rows[i], MHP_PROFILE_LINUX_6_1, 1);
}

static void test_native(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(native_rows) / sizeof(native_rows[0]); i++)
		check_row(&native_rows[i], MHP_PROFILE_NATIVE, 3);
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

/* A memmap that is too small for our state does not stop the kernel itself. */
static void test_kernel(void **state)
{
	struct mhp_geometry g = geometry_of("ppc64-64k", 31, 64);
	struct mhp_plan_request request = {
		.geometry = &g,
		.profile = MHP_PROFILE_LINUX_6_12,
		.mode = MHP_MEMMAP_ON,
		.range = mhp_range_make(0, mhp_block_pages(&g)),
	};
	struct mhp_plan plan;

	(void)state;
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_string_equal(plan.rule,
			    "the allocator's state does not fit into the "
			    "memmap");
	assert_true(plan.existing_state_bytes != 0);
	request.kernel = true;
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_null(plan.rule);
	assert_int_equal(plan.placement, MHP_PLACEMENT_BLOCK);
	assert_int_equal(plan.nr_memmap_pages, 32);
	request.mode = MHP_MEMMAP_OFF;
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_int_equal(plan.existing_memmap_bytes, 2 * MIB);
	assert_int_equal(plan.existing_state_bytes, 0);
	assert_int_equal(plan.existing_record_bytes, 0);
	/* There is no kernel that is native. */
	request.profile = MHP_PROFILE_NATIVE;
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_true(plan.existing_state_bytes != 0);
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

/* One memmap for a terabyte in blocks of 128 MiB, beside what blocks leave. */
static void test_range(void **state)
{
	static const struct {
		const char *geometry;
		uint16_t descriptor_bytes;
		uint64_t size_bytes, nr_hosts, nr_gigantic;
	} ranges[] = {
		{"x86_64", 64, 1024 * GIB, 128, 1008},
		{"x86_64", 16, 1024 * GIB, 33, 1019},
		{"arm64-16k", 64, 1024 * GIB, 33, 15},
		{"arm64-64k", 64, 8192 * GIB, 18, 1},
		{"ppc64-64k", 64, 1024 * GIB, 5, 1022},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct mhp_geometry g = geometry_of(ranges[i].geometry, 0,
						    ranges[i].descriptor_bytes);
		struct mhp_plan_request request = {
			.geometry = &g,
			.range = mhp_range_make(
				0,
				mhp_pages_from_bytes(&g, ranges[i].size_bytes)),
		};
		struct mhp_plan plan;

		print_message("# %s\n", ranges[i].geometry);
		assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
		assert_null(plan.rule);
		assert_int_equal(plan.placement, MHP_PLACEMENT_RANGE);
		assert_int_equal(plan.nr_hosts, ranges[i].nr_hosts);
		assert_int_equal(plan.nr_gigantic, ranges[i].nr_gigantic);
		request.placement = MHP_PLACEMENT_BLOCK;
		assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
		assert_int_equal(plan.nr_gigantic, 0);
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
	struct mhp_geometry riscv = geometry_of("riscv64", 0, 64);
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
	request.mode = MHP_MEMMAP_ON;
	request.profile = MHP_PROFILE_LINUX_6_1;
	REFUSED(MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST, geometry, &riscv);
	request.mode = MHP_MEMMAP_AUTO;
	request.profile = MHP_PROFILE_NATIVE;
	REFUSED(MHP_ERR_INVAL, MHP_WHY_EMPTY_RANGE, range.nr_pages, 0);
	REFUSED(MHP_ERR_INVAL, MHP_WHY_UNALIGNED, range.nr_pages, 1);
	REFUSED(MHP_ERR_INVAL, MHP_WHY_UNALIGNED, range.start_pfn, 1);
	REFUSED(MHP_ERR_2BIG, MHP_WHY_BEYOND_END, range.start_pfn, end);
	REFUSED(MHP_ERR_2BIG, MHP_WHY_BEYOND_END, range.nr_pages, end);
	REFUSED(MHP_ERR_2BIG, MHP_WHY_BEYOND_END, range.start_pfn,
		UINT64_MAX & ~UINT64_C(32767));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linux_7_2),
		cmocka_unit_test(test_linux_6_1),
		cmocka_unit_test(test_native),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_gigantic),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_movable),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
