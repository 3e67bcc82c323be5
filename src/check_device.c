/* SPDX-License-Identifier: MIT */
/* INV-26: device ranges and their zone; see device.h. */
#include "check_device.h"

#include "device.h"

/* @end_pfn: of the range before it */
static bool check_device(struct mhp *m, const struct mhp_device *dev,
			 mhp_pfn_t end_pfn)
{
	uint64_t mask = mhp_subsection_pages(&m->geometry) - 1;
	struct mhp_range range = dev->range;

	if (!range.nr_pages || (range.start_pfn | range.nr_pages) & mask)
		return false;
	if (range.start_pfn < end_pfn || mhp_range_end_pfn(range) > m->max_pfn)
		return false;
	if (!altmap_leaves(&dev->altmap, range.nr_pages) ||
	    (dev->altmap.nr_memmap && !dev->hosted) ||
	    (dev->hosted && dev->memmap_pfn != MHP_PFN_NONE))
		return false;
	return dev->node < m->geometry.nr_nodes &&
	       device_memory(m, range) == MHP_PFN_NONE;
}

static bool check_device_zone(struct mhp *m, unsigned int node)
{
	const struct zone *zone = zone_of(m, node, MHP_ZONE_DEVICE);
	struct mhp_range span;
	uint64_t nr_present = device_sum(m, node, &span);

	return zone->nr_present == nr_present && !zone->nr_managed &&
	       !zone->blocks && zone->span.nr_pages == span.nr_pages &&
	       zone->span.start_pfn == span.start_pfn;
}

bool check_devices(struct mhp *m, mhp_pfn_t *pfn)
{
	const struct mhp_device *dev;
	mhp_pfn_t end_pfn = 0;
	uint64_t nr = 0;
	unsigned int node;

	for (dev = m->devices; dev; dev = dev->next) {
		*pfn = dev->range.start_pfn;
		if (!check_device(m, dev, end_pfn))
			return true;
		end_pfn = mhp_range_end_pfn(dev->range);
		nr++;
	}
	*pfn = MHP_PFN_NONE;
	for (node = 0; node < m->geometry.nr_nodes; node++)
		if (!check_device_zone(m, node))
			return true;
	return nr != m->nr_devices;
}
