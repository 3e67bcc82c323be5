/* SPDX-License-Identifier: MIT */
/*
 * A machine with a virtio-mem device, for tests: the region begins at
 * FIRST_BLOCK, blocks go online by themselves, to MOVABLE.
 */
#ifndef MHP_TESTS_VMEM_SUPPORT_H
#define MHP_TESTS_VMEM_SUPPORT_H

#include "device_vmem.h"
#include "support.h"

/** Memory blocks of the region. */
#define VMEM_NR_BLOCKS 6

struct vmem_rig {
	struct machine *mc;
	struct mhp_model_vmem *device;
	struct mhp_virtio_mem vm;
	void *records;
	uint64_t block_size; /* the device's */
};

/** vmem_config() - what such a device says at first; nothing is requested */
struct mhp_virtio_mem_config vmem_config(struct machine *mc,
					 uint64_t block_size);

/** vmem_open() - a device with blocks of @block_size, probed */
void vmem_open(struct vmem_rig *rig, struct machine *mc, uint64_t block_size);

/** vmem_open_mode() - likewise, with all that can be chosen */
void vmem_open_mode(struct vmem_rig *rig, struct machine *mc,
		    uint64_t block_size, enum mhp_virtio_mem_mode mode,
		    enum mhp_placement placement);

/** vmem_close() - remove it, which must succeed, and forget it */
void vmem_close(struct vmem_rig *rig);

/** vmem_forget() - forget it; it is removed already */
void vmem_forget(struct vmem_rig *rig);

/** vmem_check() - the engine is sound, uses only what is plugged, and the
 * driver knows what is; it has made no wrong request */
void vmem_check(struct vmem_rig *rig);

/** vmem_follow() - request bytes and run once; checked */
int vmem_follow(struct vmem_rig *rig, uint64_t size_bytes,
		struct mhp_report *report);

/** vmem_usable_pages() - pages that the engine uses in the region: free,
 * allocated, memmap */
uint64_t vmem_usable_pages(struct vmem_rig *rig);

#endif
