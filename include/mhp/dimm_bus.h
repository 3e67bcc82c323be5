/* SPDX-License-Identifier: MIT */
/*
 * The register block through which a virtual machine's firmware plugs DIMMs
 * (QEMU's ACPI memory hotplug), without an interpreter of ACPI's language. A
 * port supplies access to 24 bytes, as I/O ports or memory, and calls
 * mhp_dimm_bus_scan() when the event comes.
 *
 *   offset  read                           write
 *   0x00    address, low                   which slot the rest is about
 *   0x04    address, high                  _OST: event
 *   0x08    size, low                      _OST: status
 *   0x0c    size, high
 *   0x10    proximity domain
 *   0x14    status, a byte: 1 enabled,     one bit of these: 2 and 4 clear,
 *           2 inserted, 4 shall leave      8 ejects
 *
 * What a slot says is not believed: it is read twice, and looked at as any
 * request is. A slot that says other things later is told of as a failure, and
 * what is removed is always what was added.
 */
#ifndef MHP_DIMM_BUS_H
#define MHP_DIMM_BUS_H

#include "mhp/acpi_dimm.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of the register block. */
#define MHP_DIMM_BUS_BYTES 24

/** Most slots there can be. */
#define MHP_DIMM_BUS_MAX_SLOTS 256

/**
 * struct mhp_dimm_event - what came of an event of a slot
 */
struct mhp_dimm_event {
	uint32_t slot;
	enum mhp_ost_event event;
	int err;	     /* 0, or why it was refused */
	uint32_t ost_status; /* what the firmware was told */
	/* Of mhp_dimm_insert() or mhp_dimm_eject(). */
	const struct mhp_report *report;
};

/**
 * struct mhp_dimm_bus_ops - the registers
 */
struct mhp_dimm_bus_ops {
	uint32_t size_bytes; /* sizeof(struct mhp_dimm_bus_ops) */

	/** @read: a register of 1 or 4 bytes. Context: as the scan. */
	uint32_t (*read)(void *ctx, uint32_t offset, uint32_t size_bytes);

	/** @write: to a register of 1 or 4 bytes. Context: as the scan. */
	void (*write)(void *ctx, uint32_t offset, uint32_t size_bytes,
		      uint32_t value);

	/**
	 * @node: the node of a proximity domain
	 *
	 * Optional: without it the numbers are the same. Context: as the scan.
	 * Return: a node, or a negative errno value: the device is refused.
	 */
	int (*node)(void *ctx, uint32_t domain);

	/** @told: something came of an event. Optional. Context: as the
	 * scan. */
	void (*told)(void *ctx, const struct mhp_dimm_event *event);
};

/** What is known of a slot. */
enum mhp_dimm_slot_state {
	MHP_DIMM_SLOT_EMPTY = 0,
	MHP_DIMM_SLOT_REFUSED, /* there is a device, and nothing is known */
	MHP_DIMM_SLOT_ENABLED,
	MHP_DIMM_SLOT_LEAVING, /* ejected, and not yet gone */
	MHP_DIMM_SLOT_WRONG,   /* enabled, but it contradicts itself */
};

/**
 * struct mhp_dimm_slot - a slot; owned by the caller, the driver's to write
 */
struct mhp_dimm_slot {
	struct mhp_dimm dimm;
	struct mhp_extent extent; /* as it was when it was inserted */
	struct mhp_range range;
	enum mhp_dimm_slot_state state;
};

/**
 * struct mhp_dimm_bus - the slots of a machine; owned by the caller
 *
 * Zero it, fill in the first part, and keep it as long as memory of it is
 * there.
 */
struct mhp_dimm_bus {
	const struct mhp_dimm_bus_ops *ops;
	void *ctx; /* passed to every operation */
	struct mhp_dimm_slot *slots;
	uint32_t nr_slots;	      /* room in slots */
	enum mhp_placement placement; /* for the memmaps */
	uint32_t add_flags;	      /* MHP_ADD_* */
	uint32_t eject_flags;	      /* MHP_OFFLINE_* */
	/* The driver's. */
	uint32_t nr_found; /* slots that there are; 0: not yet counted */
};

/**
 * mhp_dimm_bus_scan() - look at all slots and do what they ask for
 *
 * A device that is there without having been announced is inserted too. A
 * request that is refused is answered, by _OST and by @told, and is no failure
 * of the scan.
 *
 * @deadline_ns: absolute, for what is to be ejected; MHP_NO_DEADLINE
 * @report: optional
 *
 * Context: as mhp_dimm_insert() and mhp_dimm_eject(); one scan at a time.
 * Return: 0; MHP_ERR_AGAIN (a device is not ready: scan again later);
 *   MHP_ERR_NODEV (no such registers there); MHP_ERR_NOSPC (more slots than
 *   room, nothing was done); MHP_ERR_INVAL (@bus is incomplete).
 */
MHP_MUST_CHECK MHP_API int mhp_dimm_bus_scan(struct mhp *m,
					     struct mhp_dimm_bus *bus,
					     uint64_t deadline_ns,
					     struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
