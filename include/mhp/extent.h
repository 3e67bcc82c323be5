/* SPDX-License-Identifier: MIT */
/*
 * Extents: memory as devices tell of it, in bytes, before anybody has looked
 * whether it is whole memory blocks, or anything sensible at all.
 */
#ifndef MHP_EXTENT_H
#define MHP_EXTENT_H

#include "mhp/geometry.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct mhp_extent - some bytes of physical memory
 */
struct mhp_extent {
	mhp_pa_t start;
	uint64_t size_bytes;
};

/**
 * mhp_extent_range() - the pages of an extent that is whole memory blocks
 *
 * @g: the machine's sizes
 * @extent: any
 * @range: receives the pages
 * @report: optional
 *
 * Context: any.
 * Return: 0; MHP_ERR_INVAL (empty, reaches beyond the last address, or not
 *   whole blocks; @range is untouched).
 */
MHP_MUST_CHECK MHP_API int mhp_extent_range(const struct mhp_geometry *g,
					    struct mhp_extent extent,
					    struct mhp_range *range,
					    struct mhp_report *report);

/**
 * mhp_extent_shrink() - the whole memory blocks in an extent
 *
 * @g: the machine's sizes
 * @extent: any
 * @range: receives the pages of the blocks that are wholly inside
 * @report: optional
 *
 * Context: any.
 * Return: 0; MHP_ERR_INVAL (no whole block inside, or reaches beyond the last
 *   address; @range is untouched).
 */
MHP_MUST_CHECK MHP_API int mhp_extent_shrink(const struct mhp_geometry *g,
					     struct mhp_extent extent,
					     struct mhp_range *range,
					     struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
