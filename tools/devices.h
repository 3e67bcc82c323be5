/* SPDX-License-Identifier: MIT */
/*
 * The memory devices of a machine: models of them, and the library's front ends
 * on top. Each command of a scenario that is about a device is one call here.
 *
 *   slot        where in the address space, and the memory behind it
 *   dimms.c     DIMMs, behind the registers of a virtual machine
 */
#ifndef MHP_TOOLS_DEVICES_H
#define MHP_TOOLS_DEVICES_H

#include "device_dimm.h"
#include "slots.h"

struct machine;

/** struct dimms - DIMMs: a slot of the machine is one of the same number */
struct dimms {
	struct mhp_model_dimms device;
	struct mhp_dimm_bus bus;
	struct mhp_dimm_slot slots[SLOTS_MAX];
	/* What came of the last event. */
	int err;
	struct mhp_report report;
};

/** devices_start() - devices of a machine that has just started: none */
void devices_start(struct machine *machine);

/**
 * device_place() - check a new device, and find a slot and memory for it
 *
 * @size_bytes, @node, @addr: as the scenario has them
 *
 * Return: the slot; NULL, see @o.
 */
struct slot *device_place(struct machine *machine, enum slot_kind kind,
			  const char *id, struct mhp_extent extent,
			  uint64_t node, struct outcome *o);

/** device_find() - the slot of a device of a kind; NULL: none, see @o */
struct slot *device_find(struct machine *machine, enum slot_kind kind,
			 const char *id, struct outcome *o);

/** device_leave() - withdraw its memory and free the slot */
void device_leave(struct machine *machine, struct slot *slot);

int machine_plug(struct machine *machine, const char *id,
		 struct mhp_extent extent, uint64_t node, struct outcome *o);
int machine_unplug(struct machine *machine, const char *id, struct outcome *o);

#endif
