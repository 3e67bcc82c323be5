/* SPDX-License-Identifier: MIT */
/* What the tests of device ranges share. */
#ifndef MHP_TESTS_DEVICE_SUPPORT_H
#define MHP_TESTS_DEVICE_SUPPORT_H

#include "support.h"

/** subsections() - @nr sub-sections, from the @first of block @block_id on */
static inline struct mhp_range subsections(const struct machine *mc,
					   uint64_t block_id, uint64_t first,
					   uint64_t nr)
{
	uint64_t pages = mhp_subsection_pages(mc->g);

	return mhp_range_make(block_start(mc, block_id) + first * pages,
			      nr * pages);
}

/** block_subsections() - sub-sections of a block */
static inline uint64_t block_subsections(const struct machine *mc)
{
	return mhp_block_pages(mc->g) / mhp_subsection_pages(mc->g);
}

/** device_try() - add a range without a head */
static inline int device_try(struct machine *mc, struct mhp_range range,
			     enum mhp_placement placement,
			     struct mhp_device **device)
{
	struct mhp_device_request request = {.range = range,
					     .placement = placement};

	return mhp_device_add(mc->m, &request, device, NULL);
}

/** device_new() - the same; must succeed */
static inline struct mhp_device *device_new(struct machine *mc,
					    struct mhp_range range,
					    enum mhp_placement placement)
{
	struct mhp_device *device = NULL;

	assert_int_equal(device_try(mc, range, placement, &device), 0);
	assert_non_null(device);
	check_ok(mc);
	return device;
}

static inline void device_gone(struct machine *mc, struct mhp_device *device)
{
	assert_int_equal(mhp_device_remove(mc->m, device), 0);
	check_ok(mc);
}

static inline struct mhp_device_info device_info(struct mhp_device *device)
{
	struct mhp_device_info info;

	mhp_device_query(device, &info);
	return info;
}

#endif
