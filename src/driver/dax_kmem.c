/* SPDX-License-Identifier: MIT */
/*
 * Front end for DAX devices. Binding adds what of the device is whole memory
 * blocks, unbinding removes it; what is known because of the device stands in
 * its ranges and nowhere else.
 */
#include "mhp/dax_kmem.h"

#include "driver.h"
#include "mhp/policy.h"

static int kmem_reserve(struct mhp_kmem *dev, struct mhp_range range,
			struct mhp_report *report)
{
	int err = 0;

	if (dev->ops && dev->ops->reserve)
		err = dev->ops->reserve(dev->ctx, range);
	if (err)
		driver_refuse(report, err, MHP_WHY_HOST_FAILED,
			      "the device's pages are reserved");
	return err;
}

static void kmem_release(struct mhp_kmem *dev, struct mhp_range range)
{
	if (dev->ops && dev->ops->release)
		dev->ops->release(dev->ctx, range);
}

static int kmem_add(struct mhp *m, struct mhp_kmem *dev, struct mhp_range range,
		    struct mhp_report *report)
{
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.range = range,
		.node = dev->group.node,
		.placement = dev->placement,
		.resource = MHP_RESOURCE_KMEM,
		.group = &dev->group,
	};
	int err;

	err = kmem_reserve(dev, range, report);
	if (err)
		return err;
	err = mhp_add(m, &request, report);
	if (err) {
		kmem_release(dev, range);
		return err;
	}
	dev->ranges[dev->nr_ranges++] = range;
	return 0;
}

/* Add all that can be added. @first receives the first reason that is worth
 * telling. The first failure counts only if nothing was added before it. */
static int kmem_add_all(struct mhp *m, struct mhp_kmem *dev,
			struct mhp_report *first)
{
	uint32_t i;

	for (i = 0; i < dev->nr_extents; i++) {
		struct mhp_report report = {.why = MHP_WHY_NONE};
		struct mhp_range range;
		int err, too_small;

		too_small = mhp_extent_shrink(mhp_geometry(m), dev->extents[i],
					      &range, &report);
		err = too_small ? 0 : kmem_add(m, dev, range, &report);
		if (err && !dev->nr_ranges) {
			*first = report;
			return err;
		}
		if (first->why == MHP_WHY_NONE)
			*first = report;
	}
	return 0;
}

/* Pages of all extents that could be added; lies cannot make it wrap. */
static uint64_t kmem_pages(const struct mhp *m, const struct mhp_kmem *dev)
{
	uint64_t max_pages = mhp_max_pfn(m), sum = 0;
	uint32_t i;

	for (i = 0; i < dev->nr_extents; i++) {
		struct mhp_range range;

		if (mhp_extent_shrink(mhp_geometry(m), dev->extents[i], &range,
				      NULL))
			continue;
		sum += range.nr_pages < max_pages - sum ? range.nr_pages
							: max_pages - sum;
	}
	return sum;
}

static int kmem_check(const struct mhp *m, const struct mhp_kmem *dev,
		      struct mhp_report *report)
{
	if (dev->bound)
		return driver_refuse(report, MHP_ERR_ALREADY,
				     MHP_WHY_DEVICE_STATE,
				     "the device is bound already");
	if (dev->node < 0 || dev->node >= mhp_geometry(m)->nr_nodes)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_BAD_NODE,
				     "the device's target node");
	if (!kmem_pages(m, dev))
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_UNALIGNED,
				     "no whole memory block is inside");
	return 0;
}

int mhp_kmem_bind(struct mhp *m, struct mhp_kmem *dev,
		  struct mhp_report *report)
{
	struct mhp_report first = {.why = MHP_WHY_NONE};
	uint32_t i;
	int err = kmem_check(m, dev, report);

	if (err)
		return err;
	err = mhp_group_register_static(m, &dev->group, (unsigned int)dev->node,
					kmem_pages(m, dev));
	if (err)
		return driver_no_group(report, err);
	dev->nr_ranges = 0;
	err = kmem_add_all(m, dev, &first);
	first.code = err;
	if (err) {
		driver_copy(report, &first);
		(void)mhp_group_unregister(m, &dev->group);
		return err;
	}
	dev->bound = true;
	for (i = 0; i < dev->nr_ranges; i++)
		driver_online(m, dev->ranges[i], &first);
	driver_copy(report, &first);
	return 0;
}

static int kmem_remove(struct mhp *m, struct mhp_kmem *dev,
		       uint64_t deadline_ns, uint32_t flags,
		       struct mhp_report *report)
{
	struct mhp_report refusal;
	int err;

	if (flags & MHP_KMEM_OFFLINE)
		err = mhp_offline_and_remove_ranges(
			m, dev->ranges, dev->nr_ranges, deadline_ns,
			flags & ~MHP_KMEM_OFFLINE, &refusal);
	else
		err = mhp_remove_ranges(m, dev->ranges, dev->nr_ranges,
					&refusal);
	/* Somebody else may have removed all of it. */
	if (!err || err == MHP_ERR_NOENT)
		return 0;
	driver_copy(report, &refusal);
	return err;
}

int mhp_kmem_unbind(struct mhp *m, struct mhp_kmem *dev, uint64_t deadline_ns,
		    uint32_t flags, struct mhp_report *report)
{
	uint32_t i;
	int err;

	if (!dev->bound)
		return 0;
	err = kmem_remove(m, dev, deadline_ns, flags, report);
	if (err)
		return err;
	for (i = 0; i < dev->nr_ranges; i++)
		kmem_release(dev, dev->ranges[i]);
	(void)mhp_group_unregister(m, &dev->group);
	dev->nr_ranges = 0;
	dev->bound = false;
	return 0;
}

int mhp_kmem_set_memmap_on_memory(struct mhp *m, struct mhp_kmem *dev, bool on,
				  struct mhp_report *report)
{
	enum mhp_placement placement = on ? MHP_PLACEMENT_BLOCK
					  : MHP_PLACEMENT_EXISTING;
	int hosts = driver_hosts(m, placement);

	if (hosts < 0)
		return driver_refuse(report, hosts, MHP_WHY_REENTERED, NULL);
	if (on && !hosts)
		return driver_refuse(report, MHP_ERR_OPNOTSUPP,
				     MHP_WHY_PLACEMENT_REFUSED, NULL);
	if (dev->bound && dev->placement != placement)
		return driver_refuse(report, MHP_ERR_BUSY, MHP_WHY_DEVICE_STATE,
				     "the device is bound");
	dev->placement = placement;
	return 0;
}

int mhp_kmem_memmap_on_memory(struct mhp *m, const struct mhp_kmem *dev)
{
	return driver_hosts(m, dev->placement);
}
