/* SPDX-License-Identifier: MIT */
/*
 * The sizes that describe a machine, as data.
 *
 *   page  <=  pageblock  <=  section  <=  memory block
 *
 * All are powers of two and given as log2 of bytes. A pageblock is the unit of
 * isolation, and larger allocations are made of whole ones: a gigantic page, or
 * a run of any length. A section has one entry in the index; a memory block is
 * the unit of online and offline. Nothing else in the engine shifts by a
 * constant: conversions live here.
 */
#ifndef MHP_GEOMETRY_H
#define MHP_GEOMETRY_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Highest number of physical address bits. */
#define MHP_MAX_PHYS_BITS 52

/** The engine's own bytes at the start of each descriptor. */
#define MHP_DESC_ENGINE_BYTES 8

/**
 * enum mhp_arch - whose sizes they are
 *
 * Only the Linux profiles ask: what a kernel offers depends on it.
 */
enum mhp_arch {
	MHP_ARCH_ANY = 0, /* none of these, or not said: all is offered */
	MHP_ARCH_X86_64,
	MHP_ARCH_ARM64,
	MHP_ARCH_S390X,
	MHP_ARCH_PPC64, /* with the radix MMU */
	MHP_ARCH_RISCV64,
	MHP_ARCH_LOONGARCH64,
};

/**
 * struct mhp_geometry - the sizes of one machine
 *
 * Copied at init; may be temporary. Rules that mhp_geometry_check() verifies:
 * 1. 10 <= page_shift <= pmd_shift, pageblock_shift
 * 2. pageblock_shift <= section_shift <= block_shift < phys_bits <= 52
 * 3. a pageblock has 4 to 65536 pages; a block at most 2^29
 * 4. descriptor_bytes is a multiple of 8 from 8 to 96
 * 5. 1 <= nr_nodes <= MHP_MAX_NODES, 1 <= nr_cpus <= 4096
 * 6. pud_shift is 0, or at least pmd_shift and pageblock_shift and at most
 *    page_shift + 32
 * 7. arch is one of enum mhp_arch
 */
struct mhp_geometry {
	uint8_t page_shift;	 /* log2 bytes of a page */
	uint8_t pmd_shift;	 /* log2 bytes of a large page-table leaf */
	uint8_t pageblock_shift; /* log2 bytes of a pageblock */
	uint8_t section_shift;	 /* log2 bytes of a section */
	uint8_t block_shift;	 /* log2 bytes of a memory block */
	uint8_t phys_bits;	 /* bits of a physical address */
	uint8_t pud_shift; /* log2 bytes of a gigantic page; 0: as many PMDs as
			      a page holds entries of 8 bytes */
	uint8_t arch;	   /* enum mhp_arch */
	uint16_t descriptor_bytes; /* bytes per page descriptor */
	uint16_t nr_nodes;	   /* NUMA nodes */
	uint16_t nr_cpus; /* processors: number of sets of allocation cursors,
			     rounded up to a power of two */
	/*
	 * nr_nodes x nr_nodes distances, row by row, 10 is local. NULL: 10 on
	 * the diagonal, 20 elsewhere. Must outlive the instance.
	 */
	const uint8_t *distances;
};

/**
 * mhp_geometry_check() - whether a geometry obeys the rules above
 *
 * @geometry: what to check
 * @report: if not NULL, says on failure which rule is broken (rule, detail)
 *
 * Context: any.
 * Return: 0; MHP_ERR_INVAL.
 */
MHP_MUST_CHECK MHP_API int
mhp_geometry_check(const struct mhp_geometry *geometry,
		   struct mhp_report *report);

/**
 * mhp_geometry_named() - the geometry of a known architecture
 *
 * @name: "x86_64", "x86_64-nohuge" (a kernel without huge pages: pageblocks of
 *   4 MiB), "arm64-4k", "arm64-16k", "arm64-64k", "s390x", "ppc64-4k",
 *   "ppc64-64k", "riscv64", "loongarch64"
 * @geometry: receives it: one node, one processor, 16-byte descriptors, the
 *   smallest memory block of the architecture
 *
 * Context: any.
 * Return: 0; MHP_ERR_NOENT (unknown name; @geometry is untouched).
 */
MHP_MUST_CHECK MHP_API int mhp_geometry_named(const char *name,
					      struct mhp_geometry *geometry);

/**
 * mhp_geometry_name() - the name of a known architecture
 *
 * @i: which, from 0 on
 *
 * Context: any.
 * Return: a name that mhp_geometry_named() knows; NULL if there are not so
 *   many.
 */
MHP_API const char *mhp_geometry_name(uint32_t i);

/** mhp_page_bytes() - bytes of a page */
static inline uint64_t mhp_page_bytes(const struct mhp_geometry *g)
{
	return UINT64_C(1) << g->page_shift;
}

/** mhp_pageblock_order() - order of a pageblock */
static inline unsigned int mhp_pageblock_order(const struct mhp_geometry *g)
{
	return (unsigned int)(g->pageblock_shift - g->page_shift);
}

/** mhp_pageblock_pages() - pages of a pageblock */
static inline uint64_t mhp_pageblock_pages(const struct mhp_geometry *g)
{
	return UINT64_C(1) << (g->pageblock_shift - g->page_shift);
}

/** mhp_gigantic_order() - the largest order that can be allocated: that of a
 * gigantic page, at least a pageblock's */
static inline unsigned int mhp_gigantic_order(const struct mhp_geometry *g)
{
	unsigned int shift = g->pud_shift ? g->pud_shift
					  : g->pmd_shift + g->page_shift - 3u;

	return (shift > g->pageblock_shift ? shift : g->pageblock_shift) -
	       g->page_shift;
}

/** mhp_section_pages() - pages of a section */
static inline uint64_t mhp_section_pages(const struct mhp_geometry *g)
{
	return UINT64_C(1) << (g->section_shift - g->page_shift);
}

/**
 * mhp_subsection_pages() - pages of a sub-section, the grain of device ranges:
 * 2 MiB, but at least a page and at most a section
 */
static inline uint64_t mhp_subsection_pages(const struct mhp_geometry *g)
{
	unsigned int shift = g->page_shift > 21 ? g->page_shift : 21;

	if (shift > g->section_shift)
		shift = g->section_shift;
	return UINT64_C(1) << (shift - g->page_shift);
}

/** mhp_block_pages() - pages of a memory block */
static inline uint64_t mhp_block_pages(const struct mhp_geometry *g)
{
	return UINT64_C(1) << (g->block_shift - g->page_shift);
}

/** mhp_block_bytes() - bytes of a memory block */
static inline uint64_t mhp_block_bytes(const struct mhp_geometry *g)
{
	return UINT64_C(1) << g->block_shift;
}

/** mhp_block_sections() - sections of a memory block */
static inline uint64_t mhp_block_sections(const struct mhp_geometry *g)
{
	return UINT64_C(1) << (g->block_shift - g->section_shift);
}

/** mhp_block_pageblocks() - pageblocks of a memory block */
static inline uint32_t mhp_block_pageblocks(const struct mhp_geometry *g)
{
	return UINT32_C(1) << (g->block_shift - g->pageblock_shift);
}

/** mhp_pages_from_bytes() - whole pages in @size_bytes, rounded down */
static inline uint64_t mhp_pages_from_bytes(const struct mhp_geometry *g,
					    uint64_t size_bytes)
{
	return size_bytes >> g->page_shift;
}

/** mhp_bytes_from_pages() - bytes of @nr_pages pages */
static inline uint64_t mhp_bytes_from_pages(const struct mhp_geometry *g,
					    uint64_t nr_pages)
{
	return nr_pages << g->page_shift;
}

/** mhp_pfn_from_pa() - the page that holds physical address @pa */
static inline mhp_pfn_t mhp_pfn_from_pa(const struct mhp_geometry *g,
					mhp_pa_t pa)
{
	return pa.bytes >> g->page_shift;
}

/** mhp_pa_from_pfn() - physical address of the first byte of page @pfn */
static inline mhp_pa_t mhp_pa_from_pfn(const struct mhp_geometry *g,
				       mhp_pfn_t pfn)
{
	mhp_pa_t pa;

	pa.bytes = pfn << g->page_shift;
	return pa;
}

/** mhp_block_id() - number of the memory block that holds page @pfn */
static inline uint64_t mhp_block_id(const struct mhp_geometry *g, mhp_pfn_t pfn)
{
	return pfn >> (g->block_shift - g->page_shift);
}

/** mhp_block_range() - the pages of memory block @block_id */
static inline struct mhp_range mhp_block_range(const struct mhp_geometry *g,
					       uint64_t block_id)
{
	return mhp_range_make(block_id << (g->block_shift - g->page_shift),
			      mhp_block_pages(g));
}

#ifdef __cplusplus
}
#endif

#endif
