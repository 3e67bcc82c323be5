/* SPDX-License-Identifier: MIT */
/*
 * DAX devices of a scenario: memory that can be bound and unbound as often as
 * one likes, and stays where it is.
 */
#include "device_dax.h"
#include "devices.h"
#include "machine.h"

struct dax {
	struct mhp_model_dax device;
	struct mhp_kmem kmem;
};

static void dax_make(struct dax *dax, const struct slot *slot)
{
	dax->device.extents[0] = slot->extent;
	dax->kmem = (struct mhp_kmem){
		.extents = dax->device.extents,
		.ranges = dax->device.ranges,
		.nr_extents = 1,
		.node = slot->node,
		.ops = &mhp_model_dax_ops,
		.ctx = &dax->device,
	};
}

/* Natively what is not said is left to the policy; Linux has it off. */
static int dax_set_memmap(struct machine *machine, struct dax *dax,
			  enum device_memmap memmap, struct mhp_report *report)
{
	if (memmap == DEVICE_MEMMAP_DEFAULT &&
	    machine->config.profile == MHP_PROFILE_NATIVE)
		return 0;
	return mhp_kmem_set_memmap_on_memory(
		machine->mhp, &dax->kmem, memmap == DEVICE_MEMMAP_ON, report);
}

int machine_dax(struct machine *machine, const char *id,
		struct mhp_extent extent, uint64_t node,
		enum device_memmap memmap, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_place(machine, SLOT_DAX, id, extent, node,
					 o);
	struct dax *dax = slot ? device_new(machine, slot, sizeof(*dax), o)
			       : NULL;
	int err;

	if (!dax)
		return o->rc;
	dax_make(dax, slot);
	err = dax_set_memmap(machine, dax, memmap, &report);
	if (!err)
		return 0;
	device_leave(machine, slot);
	return machine_report(machine, err, &report, o);
}

int machine_bind(struct machine *machine, const char *id, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_find(machine, SLOT_DAX, id, o);
	struct dax *dax = slot ? slot->device : NULL;
	int err;

	if (!dax)
		return o->rc;
	err = mhp_kmem_bind(machine->mhp, &dax->kmem, &report);
	return device_report(machine, err, &report, o);
}

/* Linux's driver takes nothing offline by itself. */
int machine_unbind(struct machine *machine, const char *id, struct outcome *o)
{
	uint32_t flags = machine->config.profile == MHP_PROFILE_NATIVE
				 ? MHP_KMEM_OFFLINE
				 : 0;
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_find(machine, SLOT_DAX, id, o);
	struct dax *dax = slot ? slot->device : NULL;
	int err;

	if (!dax)
		return o->rc;
	err = mhp_kmem_unbind(machine->mhp, &dax->kmem, MHP_NO_DEADLINE, flags,
			      &report);
	return err ? machine_report(machine, err, &report, o) : 0;
}
