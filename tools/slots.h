/* SPDX-License-Identifier: MIT */
/*
 * The slots of a machine: which memory device is where in the physical address
 * space.
 *
 * First fit, aligned to 2 MiB, as QEMU places its DIMMs. A slot says nothing of
 * whether the system could use the device: one that was refused keeps its slot
 * and its addresses until it leaves.
 */
#ifndef MHP_TOOLS_SLOTS_H
#define MHP_TOOLS_SLOTS_H

#include "mhp/extent.h"
#include "outcome.h"

/** As many as QEMU's machines can have. */
#define SLOTS_MAX 256

#define SLOTS_ALIGN_BYTES (UINT64_C(2) << 20)

/** Any address. */
#define SLOTS_ADDR_ANY UINT64_MAX

/** What is in a slot. */
enum slot_kind {
	SLOT_DIMM = 0,
	SLOT_DAX,
	SLOT_LMB,
	SLOT_STANDBY,
	SLOT_VMEM,
	SLOT_BALLOON,
	SLOT_PMEM,
};

struct slot {
	char *id; /* NULL: free */
	enum slot_kind kind;
	struct mhp_extent extent;
	uint16_t node;
	void *device; /* of kinds with one of their own, or NULL */
	void (*forget)(void *device); /* what it holds on the host, or NULL */
	struct mhp_extent backed;     /* port/posix: what of it has memory */
	uint32_t region_id;	      /* port/posix: its memory; 0: none */
};

struct slots {
	uint64_t window_bytes; /* address where devices may begin */
	uint64_t end_bytes;    /* exclusive */
	struct slot slots[SLOTS_MAX];
};

/** slot_kind_name() - for messages */
const char *slot_kind_name(enum slot_kind kind);

/** slots_find() - the slot with an ID, or NULL */
struct slot *slots_find(struct slots *s, const char *id);

/**
 * slots_take() - find a slot and an address for a device
 *
 * @extent: its size, and where it shall be, or SLOTS_ADDR_ANY
 * @align_bytes: what its address is a multiple of: a power of two, at least
 *   SLOTS_ALIGN_BYTES
 * @o: on failure, why
 *
 * Return: the slot, with ID and extent filled in; NULL.
 */
struct slot *slots_take(struct slots *s, const char *id,
			struct mhp_extent extent, uint64_t align_bytes,
			struct outcome *o);

/** slots_release() - the slot is free again */
void slots_release(struct slot *slot);

#endif
