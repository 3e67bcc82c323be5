/* SPDX-License-Identifier: MIT */
/*
 * Plans: what adding a range would cost and leave, without a machine. Pure
 * arithmetic by the rules that mhp_add() follows, for any geometry, and by
 * those of Linux 7.2, which no instance follows.
 */
#ifndef MHP_PLAN_H
#define MHP_PLAN_H

#include "mhp/err.h"
#include "mhp/geometry.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct mhp_plan_request - what to plan
 *
 * Zero means the default.
 */
struct mhp_plan_request {
	uint32_t size_bytes; /* sizeof(struct mhp_plan_request), or 0 */
	const struct mhp_geometry *geometry;
	enum mhp_profile profile;
	enum mhp_memmap_mode mode; /* as the parameter memmap_on_memory is */
	enum mhp_placement placement;
	struct mhp_range range; /* what would be added: whole blocks */
	/* For the policy auto-movable: pages of boot memory in kernel zones,
	 * and auto_movable_ratio in percent. */
	uint64_t nr_boot_pages;
	uint32_t auto_movable_ratio;
	/* Not an instance with that profile, but the kernel itself, which has
	 * no state beside its memmap and no records. Linux 7.2 always is. */
	bool kernel;
};

/**
 * struct mhp_plan - what would come of it
 *
 * Bytes in existing memory are those of struct mhp_stat. A machine that maps
 * memmaps through the window is assumed. A kernel has no state and no records.
 */
struct mhp_plan {
	enum mhp_placement placement; /* what the request becomes */
	bool on_memory;	  /* the memmap is on the memory that is added */
	const char *rule; /* why it is not what was asked for, or NULL */
	uint64_t nr_blocks;
	uint64_t nr_hosts; /* blocks that hold memmap or state of the range */
	uint64_t nr_memmap_pages; /* of memmap, and of state if that is on the
				     memory, wherever they are */
	uint64_t nr_hosted_pages; /* pages of the range that are not usable */
	uint64_t nr_wasted_pages; /* of these: padding */
	uint64_t nr_usable_pages; /* the rest of the range */
	uint64_t nr_gigantic;	  /* gigantic pages that can form in it */
	uint64_t existing_memmap_bytes;
	uint64_t existing_state_bytes;
	uint64_t existing_record_bytes;
	/* Pages of the range, whole blocks, that auto-movable lets go to
	 * MOVABLE on a machine that has none there. */
	uint64_t nr_movable_pages; /* if each block is decided for itself */
	uint64_t nr_movable_group_pages; /* in one static group: all or none */
};

/**
 * mhp_plan() - what adding a range would cost and leave
 *
 * @request: what to plan
 * @plan: receives the answer
 * @report: optional
 *
 * Context: any; touches nothing but its arguments.
 * Return: 0, also if it becomes another placement than asked for;
 *   MHP_ERR_INVAL (geometry, profile, mode or placement, the profile's kernel
 *   plugs no memory on that architecture, or the range is not whole blocks);
 *   MHP_ERR_2BIG (the range is not inside phys_bits). On failure @plan is
 *   untouched.
 */
MHP_MUST_CHECK MHP_API int mhp_plan(const struct mhp_plan_request *request,
				    struct mhp_plan *plan,
				    struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
