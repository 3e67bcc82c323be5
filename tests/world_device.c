/* SPDX-License-Identifier: MIT */
/*
 * Device ranges of the world; see world.h. Their pages are absent in its map:
 * no memory. Each page of the driver's has its number in it, and its last byte
 * in the embedder's part of its descriptor.
 */
#include "world.h"

#include <string.h>

const struct gadget *world_device_in(const struct world *w,
				     struct mhp_range range)
{
	const struct gadget *gadget;

	for (gadget = w->gadgets; gadget < w->gadgets + NR_GADGETS; gadget++)
		if (gadget->range.start_pfn < mhp_range_end_pfn(range) &&
		    mhp_range_end_pfn(gadget->range) > range.start_pfn)
			return gadget;
	return NULL;
}

/* What the driver may write: not the memmap. */
static bool gadget_has(const struct gadget *gadget,
		       const struct mhp_device_info *info, mhp_pfn_t pfn)
{
	return pfn < gadget->range.start_pfn + gadget->nr_reserved ||
	       pfn >= info->data.start_pfn;
}

void world_device_fill(struct world *w, const struct gadget *gadget)
{
	uint64_t nr_extra = w->mc.g->descriptor_bytes - MHP_DESC_ENGINE_BYTES;
	mhp_pfn_t pfn = gadget->range.start_pfn;
	struct mhp_device_info info;

	mhp_device_query(gadget->device, &info);
	for (; pfn < mhp_range_end_pfn(gadget->range); pfn++) {
		if (gadget_has(gadget, &info, pfn))
			*(uint64_t *)mhp_frame_address(w->mc.m, pfn) = pfn;
		if (nr_extra)
			memset(mhp_frame_extra(w->mc.m, pfn), (uint8_t)pfn,
			       nr_extra);
	}
}

static void verify_gadget_page(struct world *w, const struct gadget *gadget,
			       const struct mhp_device_info *d, mhp_pfn_t pfn)
{
	uint64_t nr_extra = w->mc.g->descriptor_bytes - MHP_DESC_ENGINE_BYTES;
	struct mhp_page_info info = page_info(&w->mc, pfn);
	const uint8_t *extra = mhp_frame_extra(w->mc.m, pfn);

	assert_int_equal(info.zone, MHP_ZONE_DEVICE);
	assert_int_equal(info.node, gadget->node);
	if (pfn >= d->data.start_pfn)
		assert_int_equal(info.use, MHP_PAGE_DEVICE);
	else if (gadget_has(gadget, d, pfn))
		assert_int_equal(info.use, MHP_PAGE_RESERVED);
	else
		assert_int_equal(info.use, MHP_PAGE_MEMMAP);
	if (gadget_has(gadget, d, pfn))
		assert_int_equal(*(uint64_t *)mhp_frame_address(w->mc.m, pfn),
				 pfn);
	if (!nr_extra)
		return;
	assert_int_equal(extra[0], (uint8_t)pfn);
	assert_int_equal(extra[nr_extra - 1], (uint8_t)pfn);
}

static void verify_gadget(struct world *w, const struct gadget *gadget)
{
	mhp_pfn_t pfn = gadget->range.start_pfn;
	struct mhp_device_info d;

	assert_int_equal(mhp_device_find(w->mc.m, pfn, &d), 0);
	assert_ptr_equal(d.device, gadget->device);
	assert_int_equal(d.nr_reserved, gadget->nr_reserved);
	assert_int_equal(d.data.start_pfn, pfn + d.nr_reserved + d.nr_memmap);
	for (; pfn < mhp_range_end_pfn(gadget->range); pfn++)
		verify_gadget_page(w, gadget, &d, pfn);
	verify_tally(&w->mc, gadget->range);
}

void world_device_verify(struct world *w)
{
	unsigned int i;

	for (i = 0; i < NR_GADGETS; i++)
		if (w->gadgets[i].range.nr_pages)
			verify_gadget(w, &w->gadgets[i]);
}

void world_device_gone(struct world *w, struct gadget *gadget)
{
	verify_gadget(w, gadget);
	assert_int_equal(mhp_device_remove(w->mc.m, gadget->device), 0);
	*gadget = (struct gadget){0};
	world_sync_engine(w);
}

void world_device_end(struct world *w)
{
	unsigned int i;

	for (i = 0; i < NR_GADGETS; i++)
		if (w->gadgets[i].range.nr_pages)
			world_device_gone(w, &w->gadgets[i]);
}
