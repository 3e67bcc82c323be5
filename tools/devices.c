/* SPDX-License-Identifier: MIT */
/* Where the devices of a machine are, and the memory behind them. */
#include "devices.h"

#include <inttypes.h>
#include <stdlib.h>

#include "machine.h"

/* What the machine itself refuses: such a device gets no slot. */
static int device_check(struct machine *machine, const char *id,
			uint64_t size_bytes, uint64_t node, struct outcome *o)
{
	const struct mhp_geometry *g = &machine->layout.geometry;
	const struct slot *slot = slots_find(&machine->slots, id);

	if (slot)
		return outcome_fail(o, MHP_ERR_EXIST,
				    "a %s %s is plugged already",
				    slot_kind_name(slot->kind), id);
	if (size_bytes == 0 || size_bytes % mhp_page_bytes(g))
		return outcome_fail(o, MHP_ERR_INVAL,
				    "size=%" PRIu64 " must be whole pages of "
				    "%" PRIu64 " bytes, at least one",
				    size_bytes, mhp_page_bytes(g));
	if (node >= g->nr_nodes)
		return outcome_fail(o, MHP_ERR_INVAL,
				    "there is no node %" PRIu64
				    "; the machine has nodes 0 to %u",
				    node, g->nr_nodes - 1u);
	return 0;
}

/* Firmware puts LMBs and standby memory where memory blocks are. */
static uint64_t device_align(const struct machine *machine, enum slot_kind kind)
{
	uint64_t block_bytes = mhp_block_bytes(&machine->layout.geometry);

	if (kind == SLOT_DIMM || kind == SLOT_DAX || kind == SLOT_PMEM ||
	    block_bytes < SLOTS_ALIGN_BYTES)
		return SLOTS_ALIGN_BYTES;
	return block_bytes;
}

/* The whole memory blocks that an extent reaches into. */
static struct mhp_range device_blocks(const struct mhp_geometry *g,
				      struct mhp_extent extent)
{
	mhp_pfn_t mask = mhp_block_pages(g) - 1;
	mhp_pfn_t start = mhp_pfn_from_pa(g, extent.start);
	mhp_pfn_t end = start + mhp_pages_from_bytes(g, extent.size_bytes);

	start &= ~mask;
	return mhp_range_make(start, ((end + mask) & ~mask) - start);
}

/* Memory behind the device's addresses, as far as the engine can use it. */
static int device_provide(struct machine *machine, struct slot *slot,
			  struct mhp_report *report)
{
	const struct mhp_geometry *g = &machine->layout.geometry;
	struct mhp_range range;
	int err = 0;

	if (!machine->port->provide)
		return 0;
	/* Of a DIMM all is used or nothing. */
	if (slot->kind == SLOT_DIMM)
		err = mhp_extent_range(g, slot->extent, &range, NULL);
	else if (slot->kind == SLOT_PMEM)
		range = device_blocks(g, slot->extent);
	else
		err = mhp_extent_shrink(g, slot->extent, &range, NULL);
	if (err)
		return 0;
	slot->backed.start = mhp_pa_from_pfn(g, range.start_pfn);
	slot->backed.size_bytes = mhp_bytes_from_pages(g, range.nr_pages);
	return machine->port->provide(machine, slot, report);
}

struct slot *device_place(struct machine *machine, enum slot_kind kind,
			  const char *id, struct mhp_extent extent,
			  uint64_t node, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot;
	int err;

	if (device_check(machine, id, extent.size_bytes, node, o))
		return NULL;
	slot = slots_take(&machine->slots, id, extent,
			  device_align(machine, kind), o);
	if (!slot)
		return NULL;
	slot->kind = kind;
	slot->node = (uint16_t)node;
	err = device_provide(machine, slot, &report);
	if (!err)
		return slot;
	slots_release(slot);
	machine_report(machine, err, &report, o);
	return NULL;
}

struct slot *device_find(struct machine *machine, enum slot_kind kind,
			 const char *id, struct outcome *o)
{
	struct slot *slot = slots_find(&machine->slots, id);

	if (slot && slot->kind == kind)
		return slot;
	outcome_fail(o, MHP_ERR_NODEV, "no %s %s is plugged",
		     slot_kind_name(kind), id);
	return NULL;
}

void *device_new(struct machine *machine, struct slot *slot, size_t size_bytes,
		 struct outcome *o)
{
	slot->device = calloc(1, size_bytes);
	if (slot->device)
		return slot->device;
	device_leave(machine, slot);
	outcome_fail(o, MHP_ERR_NOMEM, "the host has no memory");
	return NULL;
}

int device_report(struct machine *machine, int err, struct mhp_report *report,
		  struct outcome *o)
{
	if (err)
		return machine_report(machine, err, report, o);
	if (report->why != MHP_WHY_NONE)
		mhp_report_text(report, o->note, sizeof(o->note));
	return 0;
}

void device_leave(struct machine *machine, struct slot *slot)
{
	if (slot->region_id)
		machine->port->withdraw(machine, slot);
	slots_release(slot);
}
