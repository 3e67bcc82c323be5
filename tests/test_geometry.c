/* SPDX-License-Identifier: MIT */
/*
 * The rules of a geometry, the named ones, and the conversions.
 */
#include <string.h>

#include "support.h"

static const struct mhp_geometry good = {
	.page_shift = 12,
	.pmd_shift = 21,
	.pageblock_shift = 21,
	.section_shift = 27,
	.block_shift = 27,
	.phys_bits = 46,
	.descriptor_bytes = 16,
	.nr_nodes = 1,
	.nr_cpus = 1,
};

static void test_good(void **state)
{
	struct mhp_report report;

	(void)state;
	memset(&report, 0x5a, sizeof(report));
	assert_int_equal(mhp_geometry_check(&good, &report), 0);
	/* A report is written by a failing call only. */
	assert_int_equal(report.rule, 0x5a5a5a5a);
	assert_int_equal(mhp_geometry_check(&good, NULL), 0);
}

static void assert_breaks(const struct mhp_geometry *g, uint32_t rule)
{
	struct mhp_report report;

	assert_int_equal(mhp_geometry_check(g, NULL), MHP_ERR_INVAL);
	assert_int_equal(mhp_geometry_check(g, &report), MHP_ERR_INVAL);
	assert_int_equal(report.code, MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_GEOMETRY);
	assert_int_equal(report.rule, rule);
	assert_non_null(report.detail);
	assert_true(report.pfn == MHP_PFN_NONE);
}

/* Sets one field of the good geometry. */
#define BREAKS(rule, field, value)             \
	do {                                   \
		struct mhp_geometry g_ = good; \
		g_.field = (value);            \
		assert_breaks(&g_, (rule));    \
	} while (0)
#define HOLDS(field, value)                                         \
	do {                                                        \
		struct mhp_geometry g_ = good;                      \
		g_.field = (value);                                 \
		assert_int_equal(mhp_geometry_check(&g_, NULL), 0); \
	} while (0)

static void test_rule_1(void **state)
{
	struct mhp_geometry g = good;

	(void)state;
	BREAKS(1, page_shift, 9);
	BREAKS(1, page_shift, 22);
	BREAKS(1, pmd_shift, 11);
	BREAKS(1, pageblock_shift, 11);
	HOLDS(pmd_shift, 12);
	HOLDS(pmd_shift, 30);
	g.page_shift = 10;
	g.pageblock_shift = 12;
	assert_int_equal(mhp_geometry_check(&g, NULL), 0);
}

static void test_rule_2(void **state)
{
	(void)state;
	BREAKS(2, pageblock_shift, 28);
	BREAKS(2, section_shift, 20);
	BREAKS(2, section_shift, 28);
	BREAKS(2, block_shift, 26);
	BREAKS(2, phys_bits, 27);
	BREAKS(2, phys_bits, 53);
	HOLDS(phys_bits, 28);
	HOLDS(phys_bits, 52);
	HOLDS(section_shift, 21);
}

static void test_rule_3(void **state)
{
	struct mhp_geometry g = good;

	(void)state;
	BREAKS(3, pageblock_shift, 13);
	HOLDS(pageblock_shift, 14);
	g.pageblock_shift = g.section_shift = g.block_shift = 28;
	assert_int_equal(mhp_geometry_check(&g, NULL), 0);
	g.pageblock_shift = g.section_shift = g.block_shift = 29;
	assert_breaks(&g, 3);
	g = good;
	g.block_shift = 41;
	assert_int_equal(mhp_geometry_check(&g, NULL), 0);
	g.block_shift = 42;
	assert_breaks(&g, 3);
}

static void test_rule_4(void **state)
{
	unsigned int bytes;

	(void)state;
	for (bytes = 0; bytes <= 200; bytes++) {
		if (bytes >= 8 && bytes <= 96 && bytes % 8 == 0)
			HOLDS(descriptor_bytes, (uint16_t)bytes);
		else
			BREAKS(4, descriptor_bytes, (uint16_t)bytes);
	}
}

static void test_rule_5(void **state)
{
	(void)state;
	BREAKS(5, nr_nodes, 0);
	BREAKS(5, nr_nodes, MHP_MAX_NODES + 1);
	BREAKS(5, nr_cpus, 0);
	BREAKS(5, nr_cpus, 4097);
	HOLDS(nr_nodes, MHP_MAX_NODES);
	HOLDS(nr_cpus, 4096);
}

static void test_rule_6(void **state)
{
	(void)state;
	BREAKS(6, pud_shift, 20);
	HOLDS(pud_shift, 21);
	HOLDS(pud_shift, 44);
	BREAKS(6, pud_shift, 45);
	HOLDS(pud_shift, 0);
}

static void test_rule_7(void **state)
{
	(void)state;
	HOLDS(arch, MHP_ARCH_ANY);
	HOLDS(arch, MHP_ARCH_LOONGARCH64);
	BREAKS(7, arch, MHP_ARCH_LOONGARCH64 + 1);
}

static void test_gigantic(void **state)
{
	struct mhp_geometry g = good;

	(void)state;
	g.pud_shift = 30;
	assert_int_equal(mhp_gigantic_order(&g), 18);
	g.pud_shift = 0;
	assert_int_equal(mhp_gigantic_order(&g), 18);
	g.page_shift = 14;
	g.pmd_shift = g.pageblock_shift = 25;
	assert_int_equal(mhp_gigantic_order(&g), 22);
	g.pageblock_shift = 40;
	assert_int_equal(mhp_gigantic_order(&g), 26);
}

struct named {
	const char *name;
	enum mhp_arch arch;
	uint8_t page, pmd, pud, pageblock, section, block;
};

/* From the sources of Linux, by hand. */
static const struct named named[] = {
	{"x86_64", MHP_ARCH_X86_64, 12, 21, 30, 21, 27, 27},
	{"x86_64-nohuge", MHP_ARCH_X86_64, 12, 21, 30, 22, 27, 27},
	{"arm64-4k", MHP_ARCH_ARM64, 12, 21, 30, 21, 27, 27},
	{"arm64-16k", MHP_ARCH_ARM64, 14, 25, 36, 25, 27, 27},
	{"arm64-64k", MHP_ARCH_ARM64, 16, 29, 42, 29, 29, 29},
	{"s390x", MHP_ARCH_S390X, 12, 20, 31, 20, 27, 27},
	{"ppc64-4k", MHP_ARCH_PPC64, 12, 21, 30, 21, 24, 28},
	{"ppc64-64k", MHP_ARCH_PPC64, 16, 21, 30, 21, 24, 28},
	{"riscv64", MHP_ARCH_RISCV64, 12, 21, 30, 21, 27, 27},
	{"loongarch64", MHP_ARCH_LOONGARCH64, 14, 25, 36, 25, 29, 29},
};

static void test_named(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		struct mhp_geometry g;

		memset(&g, 0x5a, sizeof(g));
		assert_int_equal(mhp_geometry_named(named[i].name, &g), 0);
		assert_int_equal(mhp_geometry_check(&g, NULL), 0);
		assert_int_equal(g.arch, named[i].arch);
		assert_int_equal(g.page_shift, named[i].page);
		assert_int_equal(g.pmd_shift, named[i].pmd);
		assert_int_equal(g.pud_shift, named[i].pud);
		assert_int_equal(g.pageblock_shift, named[i].pageblock);
		assert_int_equal(g.section_shift, named[i].section);
		assert_int_equal(g.block_shift, named[i].block);
		assert_int_equal(g.descriptor_bytes, 16);
		assert_int_equal(g.nr_nodes, 1);
		assert_int_equal(g.nr_cpus, 1);
		assert_null(g.distances);
		assert_string_equal(mhp_geometry_name((uint32_t)i),
				    named[i].name);
	}
	assert_null(mhp_geometry_name((uint32_t)i));
	assert_null(mhp_geometry_name(UINT32_MAX));
}

static void test_unknown(void **state)
{
	static const char *const unknown[] = {"", "x86", "x86_64 ", "X86_64",
					      "arm64"};
	struct mhp_geometry g, untouched;
	size_t i;

	(void)state;
	memset(&g, 0x5a, sizeof(g));
	memset(&untouched, 0x5a, sizeof(untouched));
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_int_equal(mhp_geometry_named(unknown[i], &g),
				 MHP_ERR_NOENT);
		assert_memory_equal(&g, &untouched, sizeof(g));
	}
}

static void test_conversions(void **state)
{
	const struct mhp_geometry *g = &good;
	mhp_pa_t pa = {.bytes = UINT64_C(0x1234567890)};
	struct mhp_range range;

	(void)state;
	assert_int_equal(mhp_page_bytes(g), 4096);
	assert_int_equal(mhp_pageblock_order(g), 9);
	assert_int_equal(mhp_pageblock_pages(g), 512);
	assert_int_equal(mhp_section_pages(g), 32768);
	assert_int_equal(mhp_block_pages(g), 32768);
	assert_int_equal(mhp_block_bytes(g), 128 << 20);
	assert_int_equal(mhp_block_sections(g), 1);
	assert_int_equal(mhp_block_pageblocks(g), 64);
	assert_int_equal(mhp_pages_from_bytes(g, 8191), 1);
	assert_int_equal(mhp_bytes_from_pages(g, 3), 12288);
	assert_int_equal(mhp_pfn_from_pa(g, pa), 0x1234567);
	assert_int_equal(mhp_pa_from_pfn(g, 0x1234567).bytes, 0x1234567000);
	assert_int_equal(mhp_block_id(g, 0x1234567), 0x1234567 / 32768);
	range = mhp_block_range(g, 5);
	assert_int_equal(range.start_pfn, 5 * 32768);
	assert_int_equal(range.nr_pages, 32768);
	assert_int_equal(mhp_range_end_pfn(range), 6 * 32768);
}

/* The cases of all other tests are sound, and different in what they say. */
static void test_cases(void **state)
{
	unsigned int i;

	(void)state;
	assert_true(nr_machine_cases >= 5);
	for (i = 0; i < nr_machine_cases; i++)
		assert_int_equal(
			mhp_geometry_check(&machine_cases[i].geometry, NULL),
			0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_rule_1),
		cmocka_unit_test(test_rule_2),
		cmocka_unit_test(test_rule_3),
		cmocka_unit_test(test_rule_4),
		cmocka_unit_test(test_rule_5),
		cmocka_unit_test(test_rule_6),
		cmocka_unit_test(test_rule_7),
		cmocka_unit_test(test_gigantic),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_conversions),
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests_name("geometry", tests, NULL, NULL);
}
