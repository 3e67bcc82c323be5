/* SPDX-License-Identifier: MIT */
/*
 * How large everything in the demo is.
 *
 *   boot memory  an eighth of the size, 64 MiB at least
 *   DIMM 1       three eighths
 *   DIMM 2       five eighths: it takes what DIMM 1 held, and room to grow
 *
 * Memory blocks are those of the machine at hand, or smaller ones if the size
 * would not make eight of them.
 */
#include "demo.h"

#define MIB (UINT64_C(1) << 20)
/* Parts that the size is cut into, and how many of them DIMM 1 gets. */
#define NR_PARTS 8
#define FIRST_PARTS 3
#define BOOT_MIN (64 * MIB)
/* What the program takes besides: stacks, libraries, page tables. */
#define PROGRAM_BYTES (32 * MIB)

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

/* The geometry of an instance that is left to choose. */
static int geometry_here(struct mhp_geometry *geometry,
			 struct mhp_report *report)
{
	struct mhp_posix *p;
	int err = mhp_posix_open(NULL, &p, report);

	if (err)
		return err;
	*geometry = *mhp_geometry(mhp_posix_mhp(p));
	mhp_posix_close(p);
	return 0;
}

/* Smaller blocks for small sizes; each has four pageblocks at least. */
static void geometry_shrink(struct mhp_geometry *geometry, uint64_t size_bytes)
{
	while (mhp_block_bytes(geometry) > size_bytes / NR_PARTS &&
	       geometry->block_shift > geometry->pageblock_shift + 2)
		geometry->block_shift--;
	if (geometry->section_shift > geometry->block_shift)
		geometry->section_shift = geometry->block_shift;
}

int demo_plan_make(const struct demo_options *options, struct demo_plan *plan,
		   struct mhp_report *report)
{
	uint64_t block, nr_blocks, nr_first, all_bytes;
	int err = geometry_here(&plan->geometry, report);

	if (err)
		return err;
	geometry_shrink(&plan->geometry, options->size_bytes);
	block = mhp_block_bytes(&plan->geometry);
	nr_blocks = round_up(options->size_bytes, block) / block;
	if (nr_blocks < NR_PARTS)
		nr_blocks = NR_PARTS;
	nr_first = nr_blocks * FIRST_PARTS / NR_PARTS;
	plan->dimm_bytes[DEMO_FIRST] = nr_first * block;
	plan->dimm_bytes[DEMO_SECOND] = (nr_blocks - nr_first) * block;
	plan->boot_bytes = options->size_bytes / NR_PARTS;
	if (plan->boot_bytes < BOOT_MIN)
		plan->boot_bytes = BOOT_MIN;
	plan->boot_bytes = round_up(plan->boot_bytes, block);
	all_bytes = plan->boot_bytes + nr_blocks * block;
	plan->needed_bytes = all_bytes + cache_index_bytes(all_bytes) +
			     PROGRAM_BYTES;
	return 0;
}
