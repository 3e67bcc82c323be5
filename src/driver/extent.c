/* SPDX-License-Identifier: MIT */
/* From what a device says of its memory to pages; see mhp/extent.h. */
#include "mhp/extent.h"

#include "driver.h"

static bool extent_wraps(struct mhp_extent extent)
{
	return extent.start.bytes + extent.size_bytes < extent.start.bytes;
}

static struct mhp_range extent_pages(const struct mhp_geometry *g,
				     uint64_t start_bytes, uint64_t end_bytes)
{
	mhp_pa_t start = {start_bytes};

	return mhp_range_make(mhp_pfn_from_pa(g, start),
			      mhp_pages_from_bytes(g, end_bytes - start_bytes));
}

int mhp_extent_range(const struct mhp_geometry *g, struct mhp_extent extent,
		     struct mhp_range *range, struct mhp_report *report)
{
	uint64_t mask = mhp_block_bytes(g) - 1;

	if (!extent.size_bytes)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_EMPTY_RANGE,
				     NULL);
	if (extent_wraps(extent))
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_BEYOND_END,
				     "start and size exceed 64 bits");
	if ((extent.start.bytes | extent.size_bytes) & mask)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_UNALIGNED,
				     NULL);
	*range = extent_pages(g, extent.start.bytes,
			      extent.start.bytes + extent.size_bytes);
	return 0;
}

int mhp_extent_shrink(const struct mhp_geometry *g, struct mhp_extent extent,
		      struct mhp_range *range, struct mhp_report *report)
{
	uint64_t mask = mhp_block_bytes(g) - 1;
	uint64_t start = extent.start.bytes & ~mask;
	uint64_t end = (extent.start.bytes + extent.size_bytes) & ~mask;

	if (extent_wraps(extent))
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_BEYOND_END,
				     "start and size exceed 64 bits");
	if (extent.start.bytes & mask)
		start += mask + 1;
	/* In the last block of all rounding up comes out at zero. */
	if (start < extent.start.bytes || start >= end)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_UNALIGNED,
				     "no whole memory block is inside");
	*range = extent_pages(g, start, end);
	return 0;
}
