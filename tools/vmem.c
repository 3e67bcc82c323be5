/* SPDX-License-Identifier: MIT */
/*
 * virtio-mem devices of a scenario: a model of the device, whose requested size
 * the scenario changes, and the front end that follows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "device_vmem.h"
#include "devices.h"
#include "machine.h"

/* Rounds without progress, after which no more are made. */
#define IDLE_ROUNDS 2

struct vmem {
	struct mhp_model_vmem *device;
	struct mhp_virtio_mem vm;
	void *records;
};

static void vmem_forget(void *device)
{
	struct vmem *vmem = device;

	if (vmem->device)
		mhp_model_vmem_destroy(vmem->device);
	free(vmem->records);
}

/* Models and records; they are forgotten with the slot. */
static int vmem_make(struct machine *machine, struct slot *slot,
		     const struct vmem_options *options,
		     struct mhp_virtio_mem_setup *setup, struct outcome *o)
{
	struct mhp_virtio_mem_config config = {
		.block_size = options->block_bytes,
		.node = slot->node,
		.addr = slot->extent.start.bytes,
		.region_size = slot->extent.size_bytes,
	};
	struct vmem *vmem = slot->device;

	slot->forget = vmem_forget;
	vmem->device = mhp_model_vmem_create(&config);
	*setup = (struct mhp_virtio_mem_setup){
		.ops = &mhp_model_vmem_ops,
		.ops_ctx = vmem->device,
		.mode = options->mode,
	};
	setup->records_bytes = mhp_virtio_mem_size_needed(machine->mhp, &config,
							  setup);
	/* Without a unit probe says what is wrong. */
	vmem->records = malloc(setup->records_bytes + 1);
	setup->records = vmem->records;
	if (!vmem->device || !vmem->records)
		return outcome_fail(o, MHP_ERR_NOMEM, "the host has no memory");
	return 0;
}

int machine_vmem(struct machine *machine, const char *id,
		 struct mhp_extent extent, uint64_t node,
		 const struct vmem_options *options, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_place(machine, SLOT_VMEM, id, extent, node,
					 o);
	struct vmem *vmem = slot ? device_new(machine, slot, sizeof(*vmem), o)
				 : NULL;
	struct mhp_virtio_mem_setup setup;
	int err;

	if (!vmem)
		return o->rc;
	if (vmem_make(machine, slot, options, &setup, o)) {
		device_leave(machine, slot);
		return o->rc;
	}
	err = mhp_virtio_mem_probe(machine->mhp, &vmem->vm, &setup, &report);
	if (!err)
		return 0;
	device_leave(machine, slot);
	return machine_report(machine, err, &report, o);
}

/* What the host itself refuses. */
static int vmem_check(const struct vmem *vmem, uint64_t size_bytes,
		      struct outcome *o)
{
	const struct mhp_virtio_mem_config *config = mhp_model_vmem_config(
		vmem->device);

	if (size_bytes > config->region_size || size_bytes % config->block_size)
		return outcome_fail(o, MHP_ERR_INVAL,
				    "size=%" PRIu64 " must be blocks of "
				    "%" PRIu64 " bytes, at most %" PRIu64,
				    size_bytes, config->block_size,
				    config->region_size);
	return 0;
}

/* Rounds until the size is reached or nothing changes any more. */
static int vmem_follow(struct machine *machine, struct vmem *vmem,
		       struct mhp_report *report)
{
	unsigned int idle = 0;
	uint64_t before;
	int err;

	do {
		before = vmem->vm.plugged_bytes;
		err = mhp_virtio_mem_run(machine->mhp, &vmem->vm,
					 MHP_NO_DEADLINE, report);
		idle = vmem->vm.plugged_bytes == before ? idle + 1 : 0;
	} while (err == MHP_ERR_AGAIN && idle < IDLE_ROUNDS);
	return err;
}

int machine_vmem_request(struct machine *machine, const char *id,
			 uint64_t size_bytes, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_find(machine, SLOT_VMEM, id, o);
	struct vmem *vmem = slot ? slot->device : NULL;
	int err;

	if (!vmem || vmem_check(vmem, size_bytes, o))
		return o->rc;
	mhp_model_vmem_set_requested(vmem->device, size_bytes);
	err = vmem_follow(machine, vmem, &report);
	if (err)
		return machine_report(machine, err, &report, o);
	if (vmem->vm.plugged_bytes != size_bytes)
		snprintf(o->note, sizeof(o->note),
			 "%" PRIu64 " bytes are plugged; steps are of %" PRIu64,
			 vmem->vm.plugged_bytes, vmem->vm.sub_bytes);
	return 0;
}

int machine_vmem_remove(struct machine *machine, const char *id,
			struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_find(machine, SLOT_VMEM, id, o);
	struct vmem *vmem = slot ? slot->device : NULL;
	int err;

	if (!vmem)
		return o->rc;
	err = mhp_virtio_mem_remove(machine->mhp, &vmem->vm, MHP_NO_DEADLINE,
				    &report);
	if (err)
		return machine_report(machine, err, &report, o);
	device_leave(machine, slot);
	return 0;
}
