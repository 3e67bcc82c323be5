/* SPDX-License-Identifier: MIT */
/*
 * Adding and removing device ranges: as hotplug.c does with memory blocks, but
 * for one range with one memmap and no allocator state.
 *
 * What it does not do: states, notifiers, nodes coming alive; a device range
 * has none of these.
 */
#include "device.h"
#include "grace.h"
#include "libc.h"
#include "section.h"

#define DEVICE_NAME "Device Memory"

static bool device_request_is_sound(const struct mhp_device_request *request)
{
	if (request->size_bytes && request->size_bytes != sizeof(*request))
		return false;
	return !(request->flags & ~MHP_ADD_STRICT);
}

static int device_check_request(const struct mhp *m,
				const struct mhp_device_request *request,
				struct mhp_report *report)
{
	if (!device_request_is_sound(request))
		return report_rule(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				   MHP_WHY_BAD_REQUEST, 0,
				   "size_bytes is wrong, or a flag unknown");
	if (request->node >= m->geometry.nr_nodes)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				  MHP_WHY_BAD_NODE, MHP_PFN_NONE);
	if ((unsigned int)request->placement > MHP_PLACEMENT_RANGE)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				  MHP_WHY_BAD_PLACEMENT, MHP_PFN_NONE);
	return 0;
}

static int device_check_range(const struct mhp *m, struct mhp_range range,
			      struct mhp_report *report)
{
	uint64_t mask = mhp_subsection_pages(&m->geometry) - 1;

	if (!range.nr_pages)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				  MHP_WHY_EMPTY_RANGE, range.start_pfn);
	if ((range.start_pfn | range.nr_pages) & mask)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				  MHP_WHY_NOT_SUBSECTIONS, range.start_pfn);
	if (range.start_pfn > m->max_pfn ||
	    range.nr_pages > m->max_pfn - range.start_pfn)
		return report_set(report, MHP_ERR_2BIG, MHP_STAGE_ADD,
				  MHP_WHY_BEYOND_END, m->max_pfn);
	return 0;
}

static int device_check_room(struct mhp *m, struct mhp_range range,
			     struct mhp_report *report)
{
	const struct mhp_device *dev = device_overlap(m, range);
	mhp_pfn_t pfn = dev ? dev->range.start_pfn : device_memory(m, range);

	return pfn == MHP_PFN_NONE
		       ? 0
		       : report_set(report, MHP_ERR_EXIST, MHP_STAGE_ADD,
				    MHP_WHY_OVERLAP, pfn);
}

/* Boot blocks begin and end in whole pages of the window, and theirs are
 * mapped: only the first and the last block of the range can be such. */
static struct mhp_range device_cut_boot(const struct mhp *m,
					struct mhp_range range)
{
	mhp_pfn_t start = range.start_pfn, end = mhp_range_end_pfn(range);
	const struct mhp_block *first = section_block(m, start);
	const struct mhp_block *last = section_block(m, end - 1);

	if (first)
		start = first->start_pfn + m->layout.block_pages;
	if (last)
		end = last->start_pfn;
	return mhp_range_make(start, end > start ? end - start : 0);
}

struct span device_span(const struct mhp *m, const struct mhp_device *dev)
{
	struct span span = {
		.range = dev->range,
		.node = dev->node,
		.windowed = vmemmap_fills_window(m, dev->range),
		.memmap_pfn = dev->memmap_pfn,
	};

	if (span.windowed)
		span.range = device_cut_boot(m, dev->range);
	return span;
}

/* Where the memmap goes; a fall-back is reported, or refused. */
static int device_place(const struct mhp *m, struct mhp_device *dev,
			const struct mhp_device_request *request,
			struct mhp_report *report)
{
	static const char rule[] = "head and memmap would fill the range";

	if (!altmap_leaves(&dev->altmap, dev->range.nr_pages))
		return report_rule(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				   MHP_WHY_BAD_REQUEST, 0,
				   "the reserved head must leave a page");
	if (request->placement == MHP_PLACEMENT_EXISTING)
		return 0;
	dev->hosted = true;
	dev->altmap.nr_memmap = altmap_memmap_pages(
		&m->geometry, device_span(m, dev).range.nr_pages);
	if (altmap_leaves(&dev->altmap, dev->range.nr_pages))
		return 0;
	dev->hosted = false;
	dev->altmap.nr_memmap = 0;
	if (request->flags & MHP_ADD_STRICT)
		return report_rule(report, MHP_ERR_OPNOTSUPP, MHP_STAGE_ADD,
				   MHP_WHY_PLACEMENT_REFUSED, 0, rule);
	report_rule(report, 0, MHP_STAGE_ADD, MHP_WHY_FELL_BACK, 0, rule);
	if (report)
		report->pfn = dev->range.start_pfn;
	return 0;
}

/* Its memmap on the range, behind the head. */
static int device_describe_hosted(struct mhp *m, struct mhp_device *dev,
				  struct span *span, struct mhp_report *report)
{
	mhp_pfn_t backing = dev->range.start_pfn + dev->altmap.nr_reserved;
	int err;

	span->memmap = dev->linear +
		       mhp_bytes_from_pages(&m->geometry,
					    dev->altmap.nr_reserved);
	if (span->windowed && span->range.nr_pages) {
		err = vmemmap_map(m, span, backing);
		if (err)
			return report_set(report, err, MHP_STAGE_ADD,
					  MHP_WHY_MAP_FAILED, backing);
	}
	m->hosted_bytes += mhp_bytes_from_pages(&m->geometry,
						dev->altmap.nr_memmap);
	return 0;
}

static int device_describe(struct mhp *m, struct mhp_device *dev,
			   struct mhp_report *report)
{
	struct span span = device_span(m, dev);
	int err = 0;

	if (dev->hosted)
		err = device_describe_hosted(m, dev, &span, report);
	else if (span.range.nr_pages)
		err = vmemmap_populate_existing(m, &span, report);
	if (err)
		return err;
	dev->memmap_pfn = span.memmap_pfn;
	dev->memmap = span.windowed
			      ? m->window + dev->range.start_pfn *
						    m->geometry.descriptor_bytes
			      : span.memmap;
	return 0;
}

static void device_undescribe(struct mhp *m, struct mhp_device *dev)
{
	struct span span = device_span(m, dev);

	if (!dev->hosted) {
		if (span.range.nr_pages)
			vmemmap_depopulate_existing(m, &span);
		return;
	}
	if (span.windowed && span.range.nr_pages)
		vmemmap_unmap(m, &span);
	m->hosted_bytes -= mhp_bytes_from_pages(&m->geometry,
						dev->altmap.nr_memmap);
}

static void device_fill(struct mhp_device *dev,
			const struct mhp_device_request *request)
{
	const char *name = request->name ? request->name : DEVICE_NAME;
	uint32_t i;

	memset(dev, 0, sizeof(*dev));
	dev->range = request->range;
	dev->node = request->node;
	dev->altmap.nr_reserved = request->nr_reserved_pages;
	dev->memmap_pfn = MHP_PFN_NONE;
	dev->ctx = request->ctx;
	for (i = 0; i < MHP_NAME_MAX - 1 && name[i]; i++)
		dev->name[i] = name[i];
}

/* Map the range and its memmap; all of it is undone if something fails. */
static int device_prepare(struct mhp *m, struct mhp_device *dev,
			  struct mhp_report *report)
{
	void *linear;
	int err;

	err = m->ops->map_linear(m->ops_ctx, dev->range, &linear);
	if (err)
		return report_set(report, err, MHP_STAGE_ADD,
				  MHP_WHY_MAP_FAILED, dev->range.start_pfn);
	dev->linear = (uint8_t *)linear;
	err = device_describe(m, dev, report);
	if (err)
		m->ops->unmap_linear(m->ops_ctx, dev->range);
	return err;
}

static int device_add_locked(struct mhp *m,
			     const struct mhp_device_request *request,
			     struct mhp_device **device,
			     struct mhp_report *report)
{
	struct mhp_device *dev;
	int err;

	err = device_check_request(m, request, report);
	if (!err)
		err = device_check_range(m, request->range, report);
	if (!err)
		err = device_check_room(m, request->range, report);
	if (err)
		return err;
	dev = (struct mhp_device *)m->ops->meta_alloc(m->ops_ctx, sizeof(*dev),
						      MHP_NODE_ANY);
	if (!dev)
		return report_set(report, MHP_ERR_NOMEM, MHP_STAGE_ADD,
				  MHP_WHY_NO_META, request->range.start_pfn);
	device_fill(dev, request);
	err = device_place(m, dev, request, report);
	if (!err)
		err = device_prepare(m, dev, report);
	if (err) {
		m->ops->meta_free(m->ops_ctx, dev, sizeof(*dev));
		return err;
	}
	device_publish(m, dev);
	*device = dev;
	return 0;
}

int mhp_device_add(struct mhp *m, const struct mhp_device_request *request,
		   struct mhp_device **device, struct mhp_report *report)
{
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_ADD, MHP_WHY_REENTERED,
				  MHP_PFN_NONE);
	report_set(report, 0, MHP_STAGE_ADD, MHP_WHY_NONE, MHP_PFN_NONE);
	err = device_add_locked(m, request, device, report);
	mhp_unlock(m);
	return err;
}

static void device_remove(struct mhp *m, struct mhp_device *dev)
{
	device_unpublish(m, dev);
	grace_wait(m);
	device_undescribe(m, dev);
	m->ops->unmap_linear(m->ops_ctx, dev->range);
	m->ops->meta_free(m->ops_ctx, dev, sizeof(*dev));
}

int mhp_device_remove(struct mhp *m, struct mhp_device *device)
{
	const struct mhp_device *dev;
	int err = mhp_lock(m);

	if (err)
		return err;
	for (dev = m->devices; dev && dev != device; dev = dev->next)
		;
	if (dev)
		device_remove(m, device);
	mhp_unlock(m);
	return dev ? 0 : MHP_ERR_NOENT;
}

void device_fini(struct mhp *m)
{
	while (m->devices)
		device_remove(m, m->devices);
}
