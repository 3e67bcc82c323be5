/* SPDX-License-Identifier: MIT */
/*
 * The memory devices of a machine: models of them, and the library's front ends
 * on top. Each command of a scenario that is about a device is one call here.
 *
 *   slot        where in the address space, and the memory behind it
 *   dimms.c     DIMMs, behind the registers of a virtual machine
 *   dax.c       DAX devices
 *   pmem.c      persistent memory
 *   lmbs.c      rows of LMBs
 *   standby.c   standby memory
 *   vmem.c      virtio-mem devices
 *   balloons.c  balloons
 */
#ifndef MHP_TOOLS_DEVICES_H
#define MHP_TOOLS_DEVICES_H

#include "device_dimm.h"
#include "mhp/virtio_mem.h"
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

/** device_new() - room for a device of a slot, zeroed; NULL: the slot is free
 * again, see @o */
void *device_new(struct machine *machine, struct slot *slot, size_t size_bytes,
		 struct outcome *o);

/** device_report() - what came of adding memory: a failure, or a note of what a
 * person may want to know */
int device_report(struct machine *machine, int err, struct mhp_report *report,
		  struct outcome *o);

/** device_leave() - withdraw its memory and free the slot */
void device_leave(struct machine *machine, struct slot *slot);

int machine_plug(struct machine *machine, const char *id,
		 struct mhp_extent extent, uint64_t node, struct outcome *o);
int machine_unplug(struct machine *machine, const char *id, struct outcome *o);

/** Whether a device's memory carries its own memmap. */
enum device_memmap {
	DEVICE_MEMMAP_OFF = 0,
	DEVICE_MEMMAP_ON,
	DEVICE_MEMMAP_DEFAULT, /* as the device or the policy has it */
};

int machine_dax(struct machine *machine, const char *id,
		struct mhp_extent extent, uint64_t node,
		enum device_memmap memmap, struct outcome *o);
int machine_bind(struct machine *machine, const char *id, struct outcome *o);
int machine_unbind(struct machine *machine, const char *id, struct outcome *o);

/** Where the memmap of persistent memory is. */
enum pmem_memmap {
	PMEM_MEMMAP_DEVICE = 0,
	PMEM_MEMMAP_EXISTING,
	PMEM_MEMMAP_DEFAULT, /* on the device if it fits */
};

/** machine_pmem() - @reserve_bytes are rounded up to pages */
int machine_pmem(struct machine *machine, const char *id,
		 struct mhp_extent extent, uint64_t node,
		 enum pmem_memmap memmap, uint64_t reserve_bytes,
		 struct outcome *o);
int machine_unpmem(struct machine *machine, const char *id, struct outcome *o);

/** machine_lmb() - @extent is the first of @count LMBs */
int machine_lmb(struct machine *machine, const char *id,
		struct mhp_extent extent, uint64_t node, uint64_t count,
		struct outcome *o);
int machine_lmb_add(struct machine *machine, const char *id, uint64_t count,
		    struct outcome *o);
int machine_lmb_remove(struct machine *machine, const char *id, uint64_t count,
		       struct outcome *o);

int machine_standby(struct machine *machine, const char *id,
		    struct mhp_extent extent, uint64_t node, struct outcome *o);
int machine_configure(struct machine *machine, const char *id,
		      uint64_t block_id, enum device_memmap memmap,
		      struct outcome *o);
int machine_deconfigure(struct machine *machine, const char *id,
			uint64_t block_id, struct outcome *o);

/** struct vmem_options - of a virtio-mem device */
struct vmem_options {
	uint64_t block_bytes;
	enum mhp_virtio_mem_mode mode;
};

/** machine_vmem() - @extent is its region; nothing of it is requested yet */
int machine_vmem(struct machine *machine, const char *id,
		 struct mhp_extent extent, uint64_t node,
		 const struct vmem_options *options, struct outcome *o);
int machine_vmem_request(struct machine *machine, const char *id,
			 uint64_t size_bytes, struct outcome *o);
int machine_vmem_remove(struct machine *machine, const char *id,
			struct outcome *o);

/** machine_balloon() - @extent is its range, @backed bytes of which are there
 */
int machine_balloon(struct machine *machine, const char *id,
		    struct mhp_extent extent, uint64_t node, uint64_t backed,
		    struct outcome *o);
int machine_balloon_back(struct machine *machine, const char *id,
			 uint64_t size_bytes, struct outcome *o);
int machine_balloon_inflate(struct machine *machine, const char *id,
			    uint64_t size_bytes, struct outcome *o);
int machine_balloon_deflate(struct machine *machine, const char *id,
			    uint64_t size_bytes, struct outcome *o);
int machine_balloon_remove(struct machine *machine, const char *id,
			   struct outcome *o);

#endif
