/* SPDX-License-Identifier: MIT */
/*
 * Front end for DIMMs as ACPI announces them: an insert request becomes add
 * and, by policy, online; an eject request becomes offline and remove of
 * everything, or of nothing. A device has one or several ranges of memory. What
 * the platform's registers look like is the affair of who calls: dimm_bus.h for
 * one kind of them.
 *
 *   extents   what the device says it has          caller's, only read
 *   ranges    what of it is known because of it    caller's room, driver's
 */
#ifndef MHP_ACPI_DIMM_H
#define MHP_ACPI_DIMM_H

#include "mhp/err.h"
#include "mhp/extent.h"
#include "mhp/group.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/** What _OST speaks of. */
enum mhp_ost_event {
	MHP_OST_INSERTION = 1,
	MHP_OST_EJECTION = 3,
};

/** What _OST says of it. The numbers from 0x80 on mean different things for
 * insertion and ejection. */
enum mhp_ost_status {
	MHP_OST_SUCCESS = 0,
	MHP_OST_FAILURE = 1,
	MHP_OST_INSERT_IN_PROGRESS = 0x80,
	MHP_OST_INSERT_DRIVER_FAILED = 0x81,
	MHP_OST_INSERT_NOT_SUPPORTED = 0x82,
	MHP_OST_EJECT_NOT_SUPPORTED = 0x80,
	MHP_OST_EJECT_IN_USE = 0x81,
	MHP_OST_EJECT_BUSY = 0x82,
	MHP_OST_EJECT_DEPENDENCY_BUSY = 0x83,
	MHP_OST_EJECT_IN_PROGRESS = 0x84,
};

/**
 * struct mhp_dimm - one device; owned by the caller
 *
 * Zero it, fill in the first part, and keep it where it is while it is enabled.
 */
struct mhp_dimm {
	const struct mhp_extent *extents; /* nr_extents of them */
	struct mhp_range *ranges;	  /* room for nr_extents */
	uint32_t nr_extents;
	uint16_t node;
	enum mhp_placement placement; /* for its memmap */
	uint32_t add_flags;	      /* MHP_ADD_* */
	/* The driver's, to be read. */
	bool enabled;		/* its memory is known to the engine */
	bool grouped;		/* the group is registered */
	uint32_t nr_ranges;	/* that were added because of it */
	uint32_t nr_existing;	/* extents that are boot memory */
	struct mhp_group group; /* static, as large as all extents together */
};

/**
 * mhp_dimm_insert() - a DIMM has been plugged
 *
 * Each extent is added for itself. One that is boot memory counts as there. One
 * that cannot be added is left out; the device fails only if nothing of it
 * could be had. What was added goes online by policy.
 *
 * @dimm: extents, ranges, node, placement and add_flags filled in
 * @report: optional; on success its why says why the first extent that was left
 *   out, or whose placement fell back, was; or MHP_WHY_LEFT_OFFLINE if the
 *   policy could not put all of it online; else MHP_WHY_NONE
 *
 * Context: as mhp_add() and mhp_block_online().
 * Return: 0 (memory is added, and online as far as the policy could);
 *   MHP_ERR_INVAL (not whole memory blocks, no such node); MHP_ERR_ALREADY
 *   (enabled); MHP_ERR_NOSPC (too many groups); others as mhp_add(), of the
 *   first extent; in a Linux profile these are all MHP_ERR_INVAL. On
 *   failure nothing is known and @dimm is as before.
 */
MHP_MUST_CHECK MHP_API int mhp_dimm_insert(struct mhp *m, struct mhp_dimm *dimm,
					   struct mhp_report *report);

/**
 * mhp_dimm_eject() - a DIMM shall leave
 *
 * A page that is pinned ends it before anything moves. One that cannot move, or
 * whose owner refuses, is looked at twice: it may be gone when other blocks of
 * the device are offline. A DIMM that was refused at insertion has nothing to
 * give up.
 *
 * @deadline_ns: absolute; MHP_NO_DEADLINE
 * @flags: MHP_OFFLINE_*
 * @report: optional
 *
 * Context: as mhp_offline_and_remove().
 * Return: 0: it may be pulled; MHP_ERR_BUSY also if some of it is boot memory;
 *   others as mhp_offline_and_remove(): each block is as before, in the zone
 *   that it had, and @dimm is still enabled.
 */
MHP_MUST_CHECK MHP_API int mhp_dimm_eject(struct mhp *m, struct mhp_dimm *dimm,
					  uint64_t deadline_ns, uint32_t flags,
					  struct mhp_report *report);

/**
 * mhp_dimm_ost() - what to tell the firmware
 *
 * @err: what mhp_dimm_insert() or mhp_dimm_eject() returned;
 *   MHP_ERR_INPROGRESS while it is under way
 * @event: which of them
 *
 * Context: any.
 * Return: enum mhp_ost_status.
 */
MHP_API uint32_t mhp_dimm_ost(int err, enum mhp_ost_event event);

#ifdef __cplusplus
}
#endif

#endif
