/* SPDX-License-Identifier: MIT */
/*
 * Memory groups: blocks that come and go together, as the policy auto-movable
 * sees them.
 *
 * A static group is one device that is added as a whole, such as a DIMM: its
 * blocks shall all be movable or all not. A dynamic group is a device that
 * grows and shrinks in units: a unit shall be of one kind, and kernel memory in
 * the group makes room for movable memory in it.
 *
 *   static:   |------------ max_pages ------------|
 *   dynamic:  | unit | unit | unit |  ...  may go on
 */
#ifndef MHP_GROUP_H
#define MHP_GROUP_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/**
 * struct mhp_group - a memory group
 *
 * The caller's memory from registration until it is unregistered; the fields
 * are the engine's.
 */
struct mhp_group {
	struct mhp_group *next; /* [mutex] */
	uint64_t nr_pages;	/* most pages, or pages of a unit */
	uint64_t nr_blocks;	/* added; [mutex] */
	uint64_t nr_kernel;	/* present pages in kernel zones; [mutex] */
	uint64_t nr_movable;	/* present pages in MOVABLE; [mutex] */
	uint16_t id;		/* from 1 on */
	uint16_t node;
	bool dynamic;
};

/**
 * mhp_group_register_static() - a group for a device that is added as a whole
 *
 * @group: need not be initialised
 * @node: of the memory
 * @max_pages: pages that the device has
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (no pages, no such node); MHP_ERR_EXIST (it is
 *   registered, and stays as it is); MHP_ERR_NOSPC (65535 groups exist);
 *   MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int mhp_group_register_static(struct mhp *m,
						     struct mhp_group *group,
						     unsigned int node,
						     uint64_t max_pages);

/**
 * mhp_group_register_dynamic() - a group for a device that grows and shrinks
 *
 * @group: need not be initialised
 * @node: of the memory
 * @unit_pages: a power of two, at least a memory block
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (no such unit or node); MHP_ERR_EXIST (it is
 *   registered, and stays as it is); MHP_ERR_NOSPC (65535 groups exist);
 *   MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int mhp_group_register_dynamic(struct mhp *m,
						      struct mhp_group *group,
						      unsigned int node,
						      uint64_t unit_pages);

/**
 * mhp_group_unregister() - forget a group
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (not registered); MHP_ERR_BUSY (blocks are in it);
 *   MHP_ERR_DEADLK. It stays registered on failure.
 */
MHP_API int mhp_group_unregister(struct mhp *m, struct mhp_group *group);

#ifdef __cplusplus
}
#endif

#endif
