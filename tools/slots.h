/* SPDX-License-Identifier: MIT */
/*
 * The slots of a machine: which DIMM is where in the physical address space.
 *
 * First fit, aligned to 2 MiB, as QEMU places its DIMMs. A slot says nothing of
 * whether the system could use the DIMM: one that was refused keeps its slot
 * and its addresses until it is unplugged.
 */
#ifndef MHP_TOOLS_SLOTS_H
#define MHP_TOOLS_SLOTS_H

#include "mhp/acpi_dimm.h"
#include "outcome.h"

/** As many as QEMU's machines can have. */
#define SLOTS_MAX 256

#define SLOTS_ALIGN_BYTES (UINT64_C(2) << 20)

/** Any address. */
#define SLOTS_ADDR_ANY UINT64_MAX

struct slot {
	char *id; /* NULL: free */
	struct mhp_dimm dimm;
	uint32_t region_id; /* port/posix: its memory; 0: none */
};

struct slots {
	uint64_t window_bytes; /* address where DIMMs may begin */
	uint64_t end_bytes;    /* exclusive */
	struct slot slots[SLOTS_MAX];
};

/** slots_find() - the slot with an ID, or NULL */
struct slot *slots_find(struct slots *s, const char *id);

/**
 * slots_take() - find a slot and an address for a DIMM
 *
 * @addr: where it shall be, or SLOTS_ADDR_ANY
 * @o: on failure, why
 *
 * Return: the slot, with ID, start and size filled in; NULL.
 */
struct slot *slots_take(struct slots *s, const char *id, uint64_t size_bytes,
			uint64_t addr, struct outcome *o);

/** slots_release() - the slot is free again */
void slots_release(struct slot *slot);

#endif
