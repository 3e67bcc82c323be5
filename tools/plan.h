/* SPDX-License-Identifier: MIT */
/*
 * mhp plan: rows of a table, one for each geometry, block size, descriptor size
 * and placement that was asked for, and the two ways to print them. Each number
 * is mhp_plan()'s, or follows from it and from boot memory here.
 */
#ifndef MHP_TOOLS_PLAN_H
#define MHP_TOOLS_PLAN_H

#include "mhp/mhp.h"
#include "mhp/plan.h"

/** struct plan_options - what is asked for */
struct plan_options {
	enum mhp_profile profile;
	const char *profile_name;
	const char *geometry; /* a name, or "all" */
	uint64_t size_bytes;
	uint64_t boot_bytes;	   /* 0: not given */
	uint64_t addr_bytes;	   /* of the plug, if has_addr */
	uint64_t block_bytes;	   /* 0: the geometry's, or all */
	uint64_t advice_bytes;	   /* of memory blocks, by firmware; 0: none */
	uint64_t descriptor_bytes; /* 0: the profile's, or all */
	uint64_t auto_movable_ratio;
	bool has_addr;
	bool hypervisor;
	bool all_blocks;
	bool all_descriptors;
};

/** struct plan_way - a way to place a memmap, as it is called */
struct plan_way {
	const char *name; /* a placement, or a word of memmap_on_memory */
	enum mhp_memmap_mode mode;
	enum mhp_placement placement;
};

/** struct plan_row - one line of the answer */
struct plan_row {
	const char *geometry_name;
	struct mhp_geometry geometry;
	const struct plan_way *way;
	bool refused;	 /* such a range cannot be added at all */
	const char *why; /* why so, or why it is not as it was asked for */
	uint64_t addr_bytes;
	struct mhp_plan plan;
	/* What of existing memory the plug takes: natively memmap, state and
	 * records, in the Linux profiles what that kernel has, memmap. */
	uint64_t existing_bytes;
	double overhead_percent; /* of the size: not usable, and existing */
	/* With boot memory only. */
	uint64_t boot_left_bytes; /* of it, without its own memmap */
	bool boot_has_it;	  /* those are enough */
};

/** struct plan_rows - all rows, in order */
struct plan_rows {
	struct plan_row *rows;
	size_t nr;
	size_t room;
};

/** plan_print_table(), plan_print_json() - print all rows */
void plan_print_table(const struct plan_options *options,
		      const struct plan_rows *rows);
void plan_print_json(const struct plan_options *options,
		     const struct plan_rows *rows);

/** plan_row_make() - work out a row; its first three fields are set */
void plan_row_make(struct plan_row *row, const struct plan_options *options);

/** plan_placement_name() - existing, block or range */
const char *plan_placement_name(enum mhp_placement placement);

/** plan_kernel_block() - memory blocks that Linux makes on x86_64, by where
 * boot memory ends; 0: not that kernel, or a size is given */
uint64_t plan_kernel_block(const struct plan_options *options,
			   const struct mhp_geometry *geometry);

/** plan_block_wrong() - why there are no memory blocks of that size, or NULL */
const char *plan_block_wrong(const struct plan_options *options,
			     const struct mhp_geometry *geometry);

/** plan_boot_end() - the address at which boot memory ends on x86_64 */
uint64_t plan_boot_end(const struct plan_options *options);

/** The end of boot memory from which on Linux makes larger memory blocks. */
#define PLAN_LARGE_BYTES (UINT64_C(64) << 30)

/** plan_is_one() - whether all rows differ in their placement only */
bool plan_is_one(const struct plan_options *options);

#endif
