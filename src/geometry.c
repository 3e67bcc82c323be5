/* SPDX-License-Identifier: MIT */
/* The rules of a geometry, and the geometries of known architectures. */
#include "mhp/geometry.h"

#include "err.h"
#include "text.h"

static const char *geometry_rule_1(const struct mhp_geometry *g)
{
	if (g->page_shift < 10 || g->page_shift > g->pmd_shift ||
	    g->page_shift > g->pageblock_shift)
		return "a page is at least 1 KiB, and no larger than a PMD "
		       "leaf "
		       "or a pageblock";
	return NULL;
}

static const char *geometry_rule_2(const struct mhp_geometry *g)
{
	if (g->pageblock_shift > g->section_shift ||
	    g->section_shift > g->block_shift ||
	    g->block_shift >= g->phys_bits || g->phys_bits > MHP_MAX_PHYS_BITS)
		return "pageblock <= section <= block < 2^phys_bits <= 2^52";
	return NULL;
}

static const char *geometry_rule_3(const struct mhp_geometry *g)
{
	unsigned int order = mhp_pageblock_order(g);

	if (order < 2 || order > 16 || g->block_shift - g->page_shift > 29)
		return "a pageblock has 4 to 65536 pages, a block at most 2^29";
	return NULL;
}

static const char *geometry_rule_4(const struct mhp_geometry *g)
{
	if (g->descriptor_bytes < 8 || g->descriptor_bytes > 96 ||
	    g->descriptor_bytes % 8)
		return "a descriptor has 8 to 96 bytes, a multiple of 8";
	return NULL;
}

static const char *geometry_rule_5(const struct mhp_geometry *g)
{
	if (g->nr_nodes < 1 || g->nr_nodes > MHP_MAX_NODES || g->nr_cpus < 1 ||
	    g->nr_cpus > 4096)
		return "1 to 64 nodes, 1 to 4096 processors";
	return NULL;
}

static const char *geometry_rule_6(const struct mhp_geometry *g)
{
	if (g->pud_shift &&
	    (g->pud_shift < g->pmd_shift || g->pud_shift < g->pageblock_shift ||
	     g->pud_shift - g->page_shift > 32))
		return "a gigantic page is no smaller than a PMD leaf or a "
		       "pageblock, and at most 2^32 pages";
	return NULL;
}

static const char *geometry_rule_7(const struct mhp_geometry *g)
{
	return g->arch > MHP_ARCH_LOONGARCH64 ? "arch is one of enum mhp_arch"
					      : NULL;
}

int mhp_geometry_check(const struct mhp_geometry *geometry,
		       struct mhp_report *report)
{
	static const char *(*const rules[])(const struct mhp_geometry *) = {
		geometry_rule_1, geometry_rule_2, geometry_rule_3,
		geometry_rule_4, geometry_rule_5, geometry_rule_6,
		geometry_rule_7,
	};
	uint32_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const char *wrong = rules[i](geometry);

		if (wrong)
			return report_rule(report, MHP_ERR_INVAL,
					   MHP_STAGE_INIT, MHP_WHY_GEOMETRY,
					   i + 1, wrong);
	}
	return 0;
}

struct geometry_entry {
	const char *name;
	enum mhp_arch arch;
	uint8_t page, pmd, pud, pageblock, section, block;
};

/* Shifts as Linux 7.2 has them, with the smallest memory block. */
static const struct geometry_entry geometry_table[] = {
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

#define NR_GEOMETRIES (sizeof(geometry_table) / sizeof(geometry_table[0]))

const char *mhp_geometry_name(uint32_t i)
{
	return i < NR_GEOMETRIES ? geometry_table[i].name : NULL;
}

int mhp_geometry_named(const char *name, struct mhp_geometry *geometry)
{
	size_t i;

	for (i = 0; i < NR_GEOMETRIES; i++) {
		const struct geometry_entry *e = &geometry_table[i];

		if (!text_equal(name, text_length(name), e->name))
			continue;
		*geometry = (struct mhp_geometry){
			.page_shift = e->page,
			.pmd_shift = e->pmd,
			.pud_shift = e->pud,
			.pageblock_shift = e->pageblock,
			.section_shift = e->section,
			.block_shift = e->block,
			.arch = (uint8_t)e->arch,
			.phys_bits = MHP_MAX_PHYS_BITS,
			.descriptor_bytes = 16,
			.nr_nodes = 1,
			.nr_cpus = 1,
		};
		return 0;
	}
	return MHP_ERR_NOENT;
}
