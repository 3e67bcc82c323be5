/* SPDX-License-Identifier: MIT */
/* The list of device ranges, and what is known of their pages; device.h. */
#include "device.h"

#include "boot_map.h"
#include "libc.h"
#include "section.h"

static struct mhp_device *device_load(struct mhp_device *const *link)
{
	return (struct mhp_device *)mhp_port_load_ptr(
		(void *const *)(const void *)link);
}

static void device_store(struct mhp_device **link, struct mhp_device *dev)
{
	mhp_port_store_ptr((void **)(void *)link, dev);
}

struct mhp_device *device_lookup(const struct mhp *m, mhp_pfn_t pfn)
{
	struct mhp_device *dev = device_load(&m->devices);

	while (dev && mhp_range_end_pfn(dev->range) <= pfn)
		dev = device_load(&dev->next);
	return dev && dev->range.start_pfn <= pfn ? dev : NULL;
}

struct mhp_device *device_overlap(const struct mhp *m, struct mhp_range range)
{
	struct mhp_device *dev = m->devices;

	while (dev && mhp_range_end_pfn(dev->range) <= range.start_pfn)
		dev = dev->next;
	return dev && dev->range.start_pfn < mhp_range_end_pfn(range) ? dev
								      : NULL;
}

mhp_pfn_t device_memory(struct mhp *m, struct mhp_range range)
{
	const struct mhp_block *blk;
	uint32_t i;

	/* In the holes of a boot block there is room. */
	for (blk = section_range_block(m, range, range.start_pfn); blk;
	     blk = section_range_block(m, range,
				       blk->start_pfn + m->layout.block_pages))
		if (!block_has(block_status(blk), BLOCK_HOLES))
			return blk->start_pfn;
	for (i = 0; i < m->nr_boot; i++)
		if (range_cut(m->boot[i].range, range).nr_pages)
			return m->boot[i].range.start_pfn;
	return MHP_PFN_NONE;
}

uint8_t *device_desc(const struct mhp *m, const struct mhp_device *dev,
		     mhp_pfn_t pfn)
{
	uint64_t index = pfn - dev->range.start_pfn;

	return dev->memmap + index * m->geometry.descriptor_bytes;
}

enum mhp_page_use device_use(const struct mhp_device *dev, mhp_pfn_t pfn)
{
	uint64_t index = pfn - dev->range.start_pfn;

	if (index < dev->altmap.nr_reserved)
		return MHP_PAGE_RESERVED;
	return index < altmap_offset(&dev->altmap) ? MHP_PAGE_MEMMAP
						   : MHP_PAGE_DEVICE;
}

/* The pages of a device range that are in a range: by what they are. */
static uint64_t device_tally_one(const struct mhp_device *dev,
				 struct mhp_range range, uint64_t *nr)
{
	const struct altmap *altmap = &dev->altmap;
	struct mhp_range reserved = mhp_range_make(dev->range.start_pfn,
						   altmap->nr_reserved);
	struct mhp_range memmap = mhp_range_make(mhp_range_end_pfn(reserved),
						 altmap->nr_memmap);
	uint64_t nr_pages = range_cut(dev->range, range).nr_pages;

	nr[MHP_PAGE_DEVICE] += nr_pages;
	reserved = range_cut(reserved, range);
	memmap = range_cut(memmap, range);
	nr[MHP_PAGE_RESERVED] += reserved.nr_pages;
	nr[MHP_PAGE_MEMMAP] += memmap.nr_pages;
	nr[MHP_PAGE_DEVICE] -= reserved.nr_pages + memmap.nr_pages;
	return nr_pages;
}

void device_tally(const struct mhp *m, struct mhp_range range,
		  uint64_t nr[MHP_NR_PAGE_USES])
{
	const struct mhp_device *dev = device_load(&m->devices);
	uint64_t nr_absent = range.nr_pages;

	for (; dev && dev->range.start_pfn < mhp_range_end_pfn(range);
	     dev = device_load(&dev->next))
		nr_absent -= device_tally_one(dev, range, nr);
	nr[MHP_PAGE_ABSENT] += nr_absent;
}

uint64_t device_sum(const struct mhp *m, unsigned int node,
		    struct mhp_range *span)
{
	const struct mhp_device *dev;
	uint64_t nr_present = 0;

	*span = mhp_range_make(0, 0);
	for (dev = m->devices; dev; dev = dev->next) {
		if (dev->node != node)
			continue;
		if (!nr_present)
			span->start_pfn = dev->range.start_pfn;
		span->nr_pages = mhp_range_end_pfn(dev->range) -
				 span->start_pfn;
		nr_present += dev->range.nr_pages;
	}
	return nr_present;
}

static void device_account(struct mhp *m, unsigned int node)
{
	struct zone *zone = zone_of(m, node, MHP_ZONE_DEVICE);

	zone->nr_present = device_sum(m, node, &zone->span);
}

void device_publish(struct mhp *m, struct mhp_device *dev)
{
	struct mhp_device **link = &m->devices;

	while (*link && (*link)->range.start_pfn < dev->range.start_pfn)
		link = &(*link)->next;
	dev->next = *link;
	device_store(link, dev);
	m->nr_devices++;
	device_account(m, dev->node);
}

void device_unpublish(struct mhp *m, struct mhp_device *dev)
{
	struct mhp_device **link = &m->devices;

	while (*link != dev)
		link = &(*link)->next;
	device_store(link, dev->next);
	m->nr_devices--;
	device_account(m, dev->node);
}

void mhp_device_query(const struct mhp_device *device,
		      struct mhp_device_info *info)
{
	uint64_t offset = altmap_offset(&device->altmap);

	*info = (struct mhp_device_info){
		.device = (struct mhp_device *)(uintptr_t)device,
		.range = device->range,
		.data = mhp_range_make(device->range.start_pfn + offset,
				       device->range.nr_pages - offset),
		.node = device->node,
		.placement = device->hosted ? MHP_PLACEMENT_RANGE
					    : MHP_PLACEMENT_EXISTING,
		.nr_reserved = device->altmap.nr_reserved,
		.nr_memmap = device->altmap.nr_memmap,
		.ctx = device->ctx,
	};
	memcpy(info->name, device->name, sizeof(info->name));
}

int mhp_device_find(struct mhp *m, mhp_pfn_t pfn, struct mhp_device_info *info)
{
	const struct mhp_device *dev;

	mhp_port_read_lock();
	dev = device_lookup(m, pfn);
	if (dev)
		mhp_device_query(dev, info);
	mhp_port_read_unlock();
	return dev ? 0 : MHP_ERR_NOENT;
}

int mhp_device_next(struct mhp *m, mhp_pfn_t pfn, struct mhp_device_info *info)
{
	const struct mhp_device *dev;

	mhp_port_read_lock();
	dev = device_load(&m->devices);
	while (dev && dev->range.start_pfn < pfn)
		dev = device_load(&dev->next);
	if (dev)
		mhp_device_query(dev, info);
	mhp_port_read_unlock();
	return dev ? 0 : MHP_ERR_NOENT;
}
