/* SPDX-License-Identifier: MIT */
/* Device ranges that come and go between memory blocks; see random.h. */
#include "device_support.h"
#include "random.h"

#define NR_RESERVED_MOST 3

/* A few sub-sections, anywhere; some reach over a block, or into memory. */
static struct mhp_range random_subsections(struct world *w)
{
	uint64_t subs = block_subsections(&w->mc), all = NR_BLOCKS * subs;
	uint64_t first = world_below(w, all);
	uint64_t nr = 1 + world_below(w, world_below(w, 4) ? subs : 3 * subs);

	return subsections(&w->mc, 0, first,
			   nr < all - first ? nr : all - first);
}

static struct mhp_device_request random_request(struct world *w)
{
	static const enum mhp_placement placements[] = {
		MHP_PLACEMENT_AUTO, MHP_PLACEMENT_RANGE, MHP_PLACEMENT_BLOCK,
		MHP_PLACEMENT_EXISTING};

	return (struct mhp_device_request){
		.range = random_subsections(w),
		.node = (uint16_t)world_below(w, w->mc.g->nr_nodes),
		.placement = placements[world_below(w, 4)],
		.nr_reserved_pages = world_below(w, NR_RESERVED_MOST + 1),
	};
}

/* Whether memory or a device range is in the way. */
static bool is_in_the_way(const struct world *w, struct mhp_range range)
{
	uint64_t id = mhp_block_id(w->mc.g, range.start_pfn);
	uint64_t last = mhp_block_id(w->mc.g, mhp_range_end_pfn(range) - 1);

	for (; id <= last; id++)
		if (w->life[id] != MHP_BLOCK_ABSENT)
			return true;
	return world_device_in(w, range);
}

/* Whether the memmap has to be in other memory. */
static bool goes_elsewhere(const struct world *w,
			   const struct mhp_device_request *request)
{
	uint64_t nr = request->range.nr_pages, nr_memmap;

	nr_memmap = mhp_pages_from_bytes(w->mc.g,
					 nr * w->mc.g->descriptor_bytes +
						 mhp_page_bytes(w->mc.g) - 1);
	return request->placement == MHP_PLACEMENT_EXISTING ||
	       request->nr_reserved_pages + nr_memmap >= nr;
}

static void do_add(struct world *w, struct gadget *gadget)
{
	struct mhp_device_request request = random_request(w);
	struct mhp_report report;
	int err;

	err = mhp_device_add(w->mc.m, &request, &gadget->device, &report);
	if (is_in_the_way(w, request.range)) {
		assert_int_equal(err, MHP_ERR_EXIST);
		assert_int_equal(report.why, MHP_WHY_OVERLAP);
		return;
	}
	if (err == MHP_ERR_NOMEM)
		assert_true(goes_elsewhere(w, &request));
	else
		assert_int_equal(err, 0);
	world_sync_engine(w);
	if (err)
		return;
	assert_int_equal(device_info(gadget->device).placement,
			 goes_elsewhere(w, &request) ? MHP_PLACEMENT_EXISTING
						     : MHP_PLACEMENT_RANGE);
	gadget->range = request.range;
	gadget->nr_reserved = request.nr_reserved_pages;
	gadget->node = request.node;
	world_device_fill(w, gadget);
}

void random_device(struct world *w)
{
	struct gadget *gadget = &w->gadgets[world_below(w, NR_GADGETS)];

	if (!gadget->range.nr_pages)
		do_add(w, gadget);
	else
		world_device_gone(w, gadget);
}
