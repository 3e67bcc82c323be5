/* SPDX-License-Identifier: MIT */
/*
 * DIMMs: plugged into the model of a virtual machine's device, and found there
 * by the front end for its registers.
 */
#include "devices.h"
#include "machine.h"

static uint32_t dimms_read(void *ctx, uint32_t offset, uint32_t size_bytes)
{
	struct machine *machine = ctx;

	return mhp_model_dimm_read(&machine->dimms.device, offset, size_bytes);
}

static void dimms_write(void *ctx, uint32_t offset, uint32_t size_bytes,
			uint32_t value)
{
	struct machine *machine = ctx;

	mhp_model_dimm_write(&machine->dimms.device, offset, size_bytes, value);
}

static void dimms_told(void *ctx, const struct mhp_dimm_event *event)
{
	struct machine *machine = ctx;

	machine->dimms.err = event->err;
	machine->dimms.report = *event->report;
}

static const struct mhp_dimm_bus_ops dimms_ops = {
	.size_bytes = sizeof(dimms_ops),
	.read = dimms_read,
	.write = dimms_write,
	.told = dimms_told,
};

void devices_start(struct machine *machine)
{
	struct dimms *dimms = &machine->dimms;

	dimms->device.nr_slots = SLOTS_MAX;
	dimms->bus = (struct mhp_dimm_bus){
		.ops = &dimms_ops,
		.ctx = machine,
		.slots = dimms->slots,
		.nr_slots = SLOTS_MAX,
	};
}

/* Have the system look; what came of the one event that there is. */
static int dimms_scan(struct machine *machine, struct mhp_report *report)
{
	struct dimms *dimms = &machine->dimms;
	int err;

	dimms->err = MHP_ERR_NODEV;
	err = mhp_dimm_bus_scan(machine->mhp, &dimms->bus, MHP_NO_DEADLINE,
				report);
	if (err)
		return err;
	*report = dimms->report;
	return dimms->err;
}

static uint32_t dimms_slot(const struct machine *machine,
			   const struct slot *slot)
{
	return (uint32_t)(slot - machine->slots.slots);
}

int machine_plug(struct machine *machine, const char *id,
		 struct mhp_extent extent, uint64_t node, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_place(machine, SLOT_DIMM, id, extent, node,
					 o);
	int err;

	if (!slot)
		return o->rc;
	mhp_model_dimm_plug(&machine->dimms.device, dimms_slot(machine, slot),
			    slot->extent, slot->node);
	/* A DIMM that the system refuses is in its slot all the same. */
	err = dimms_scan(machine, &report);
	return device_report(machine, err, &report, o);
}

/* As in Linux an eject that does not succeed is EBUSY, whatever the reason. */
int machine_unplug(struct machine *machine, const char *id, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_find(machine, SLOT_DIMM, id, o);

	if (!slot)
		return o->rc;
	mhp_model_dimm_unplug(&machine->dimms.device,
			      dimms_slot(machine, slot));
	if (dimms_scan(machine, &report))
		return machine_report(machine, MHP_ERR_BUSY, &report, o);
	device_leave(machine, slot);
	return 0;
}
