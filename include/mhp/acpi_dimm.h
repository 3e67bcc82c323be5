/* SPDX-License-Identifier: MIT */
/*
 * Front end for DIMMs as ACPI announces them: an insert request becomes add
 * and, by policy, online; an eject request becomes offline and remove of
 * everything, or of nothing. What the platform's registers look like is the
 * port's affair.
 */
#ifndef MHP_ACPI_DIMM_H
#define MHP_ACPI_DIMM_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/**
 * struct mhp_dimm - one device; owned by the caller
 */
struct mhp_dimm {
	mhp_pa_t start;	     /* physical address of its first byte */
	uint64_t size_bytes; /* its capacity */
	uint16_t node;
	enum mhp_placement placement; /* for its memmap */
	uint32_t add_flags;	      /* MHP_ADD_* */
	bool enabled; /* its memory is known to the engine; the driver's */
};

/**
 * mhp_dimm_insert() - a DIMM has been plugged
 *
 * @dimm: start, size_bytes, node, placement and add_flags filled in
 * @report: optional, as mhp_add()
 *
 * Context: as mhp_add() and mhp_block_online().
 * Return: 0 (memory is added, and online as far as the policy could);
 *   MHP_ERR_INVAL (not whole memory blocks); MHP_ERR_ALREADY (enabled); others
 *   as mhp_add(). On failure nothing is known and @dimm is not enabled.
 */
MHP_MUST_CHECK MHP_API int mhp_dimm_insert(struct mhp *m, struct mhp_dimm *dimm,
					   struct mhp_report *report);

/**
 * mhp_dimm_eject() - a DIMM shall leave
 *
 * A DIMM that was refused at insertion has nothing to give up.
 *
 * @deadline_ns: absolute; MHP_NO_DEADLINE
 * @flags: MHP_OFFLINE_*
 * @report: optional
 *
 * Context: as mhp_offline_and_remove().
 * Return: 0: it may be pulled; others as mhp_offline_and_remove(): everything
 *   is as before, @dimm is still enabled.
 */
MHP_MUST_CHECK MHP_API int mhp_dimm_eject(struct mhp *m, struct mhp_dimm *dimm,
					  uint64_t deadline_ns, uint32_t flags,
					  struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
