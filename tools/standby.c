/* SPDX-License-Identifier: MIT */
/* Standby memory of a machine: blocks that are configured one by one. */
#include <stdio.h>

#include "device_standby.h"
#include "devices.h"
#include "machine.h"

struct standby {
	struct mhp_model_standby element;
	struct mhp_standby standby;
};

static void standby_make(struct standby *s, const struct slot *slot,
			 uint64_t block_bytes)
{
	s->element.extent = slot->extent;
	s->element.increment_bytes = block_bytes;
	s->standby = (struct mhp_standby){
		.extent = slot->extent,
		.node = slot->node,
		.ops = &mhp_model_standby_ops,
		.ctx = &s->element,
		.blocks = s->element.blocks,
		.max_blocks = MHP_MODEL_MAX_INCREMENTS,
	};
}

int machine_standby(struct machine *machine, const char *id,
		    struct mhp_extent extent, uint64_t node, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_place(machine, SLOT_STANDBY, id, extent,
					 node, o);
	struct standby *s = slot ? device_new(machine, slot, sizeof(*s), o)
				 : NULL;
	int err;

	if (!s)
		return o->rc;
	standby_make(s, slot, mhp_block_bytes(&machine->layout.geometry));
	err = mhp_standby_start(machine->mhp, &s->standby, &report);
	if (err) {
		device_leave(machine, slot);
		return machine_report(machine, err, &report, o);
	}
	if (mhp_standby_show(machine->mhp, &s->standby))
		snprintf(o->note, sizeof(o->note),
			 "other standby memory is below /sys/firmware/memory");
	return 0;
}

static struct mhp_standby *standby_find(struct machine *machine, const char *id,
					struct outcome *o)
{
	struct slot *slot = device_find(machine, SLOT_STANDBY, id, o);
	struct standby *s = slot ? slot->device : NULL;

	return s ? &s->standby : NULL;
}

int machine_configure(struct machine *machine, const char *id,
		      uint64_t block_id, enum device_memmap memmap,
		      struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct mhp_standby *standby = standby_find(machine, id, o);
	int err = 0;

	if (!standby)
		return o->rc;
	if (memmap != DEVICE_MEMMAP_DEFAULT)
		err = mhp_standby_set_memmap_on_memory(
			machine->mhp, standby, block_id,
			memmap == DEVICE_MEMMAP_ON, &report);
	if (!err)
		err = mhp_standby_configure(machine->mhp, standby, block_id,
					    &report);
	return device_report(machine, err, &report, o);
}

int machine_deconfigure(struct machine *machine, const char *id,
			uint64_t block_id, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct mhp_standby *standby = standby_find(machine, id, o);
	int err;

	if (!standby)
		return o->rc;
	err = mhp_standby_deconfigure(machine->mhp, standby, block_id, &report);
	return err ? machine_report(machine, err, &report, o) : 0;
}
