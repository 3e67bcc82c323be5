/* SPDX-License-Identifier: MIT */
/*
 * Persistent memory of a scenario: a device range, which is described and never
 * given to the allocator.
 */
#include "devices.h"
#include "machine.h"
#include "mhp/device.h"

struct pmem {
	struct mhp_device *range;
};

static enum mhp_placement pmem_placement(enum pmem_memmap memmap)
{
	if (memmap == PMEM_MEMMAP_DEFAULT)
		return MHP_PLACEMENT_AUTO;
	return memmap == PMEM_MEMMAP_DEVICE ? MHP_PLACEMENT_RANGE
					    : MHP_PLACEMENT_EXISTING;
}

int machine_pmem(struct machine *machine, const char *id,
		 struct mhp_extent extent, uint64_t node,
		 enum pmem_memmap memmap, uint64_t reserve_bytes,
		 struct outcome *o)
{
	const struct mhp_geometry *g = &machine->layout.geometry;
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_place(machine, SLOT_PMEM, id, extent, node,
					 o);
	struct pmem *pmem = slot ? device_new(machine, slot, sizeof(*pmem), o)
				 : NULL;
	struct mhp_device_request request;
	int err;

	if (!pmem)
		return o->rc;
	request = (struct mhp_device_request){
		.range = {mhp_pfn_from_pa(g, slot->extent.start),
			  mhp_pages_from_bytes(g, slot->extent.size_bytes)},
		.node = (uint16_t)node,
		.placement = pmem_placement(memmap),
		.nr_reserved_pages = mhp_pages_from_bytes(
			g, reserve_bytes + mhp_page_bytes(g) - 1),
		.name = id,
	};
	err = mhp_device_add(machine->mhp, &request, &pmem->range, &report);
	if (err)
		device_leave(machine, slot);
	return device_report(machine, err, &report, o);
}

int machine_unpmem(struct machine *machine, const char *id, struct outcome *o)
{
	struct slot *slot = device_find(machine, SLOT_PMEM, id, o);
	struct pmem *pmem = slot ? slot->device : NULL;
	int err;

	if (!pmem)
		return o->rc;
	err = mhp_device_remove(machine->mhp, pmem->range);
	if (err)
		return outcome_fail(o, err, "%s is not there", id);
	device_leave(machine, slot);
	return 0;
}
