/* SPDX-License-Identifier: MIT */
/*
 * Front end for DIMMs: an insert request becomes add and auto-online, an eject
 * request becomes offline and remove of everything or of nothing.
 *
 * It keeps no state but the device's enabled flag, and knows of no registers: a
 * port reads those and calls here. A device that was refused stays where it is
 * in the machine; it merely has nothing to give up when it leaves.
 */
#include "mhp/acpi_dimm.h"

#include "mhp/mhp.h"
#include "mhp/policy.h"

static int dimm_refuse(struct mhp_report *report, int err, enum mhp_why why,
		       const char *detail)
{
	if (report)
		*report = (struct mhp_report){
			.code = err,
			.stage = MHP_STAGE_DEVICE,
			.why = why,
			.pfn = MHP_PFN_NONE,
			.detail = detail,
		};
	return err;
}

static struct mhp_range dimm_range(const struct mhp *m,
				   const struct mhp_dimm *dimm)
{
	const struct mhp_geometry *g = mhp_geometry(m);

	return mhp_range_make(mhp_pfn_from_pa(g, dimm->start),
			      mhp_pages_from_bytes(g, dimm->size_bytes));
}

/* Conversion to pages would hide an odd address, so bytes are checked here. */
static bool dimm_is_whole_blocks(const struct mhp *m,
				 const struct mhp_dimm *dimm)
{
	uint64_t mask = mhp_block_bytes(mhp_geometry(m)) - 1;

	return dimm->size_bytes != 0 &&
	       ((dimm->start.bytes | dimm->size_bytes) & mask) == 0;
}

int mhp_dimm_insert(struct mhp *m, struct mhp_dimm *dimm,
		    struct mhp_report *report)
{
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.node = dimm->node,
		.placement = dimm->placement,
		.flags = dimm->add_flags,
	};
	int err;

	if (dimm->enabled)
		return dimm_refuse(report, MHP_ERR_ALREADY, MHP_WHY_WRONG_STATE,
				   "the device is enabled already");
	if (!dimm_is_whole_blocks(m, dimm))
		return dimm_refuse(report, MHP_ERR_INVAL, MHP_WHY_UNALIGNED,
				   NULL);
	request.range = dimm_range(m, dimm);
	err = mhp_add(m, &request, report);
	if (err)
		return err;
	dimm->enabled = true;
	/* As in Linux the memory counts as added if it cannot go online. */
	(void)mhp_auto_online(m, request.range);
	return 0;
}

int mhp_dimm_eject(struct mhp *m, struct mhp_dimm *dimm, uint64_t deadline_ns,
		   uint32_t flags, struct mhp_report *report)
{
	int err;

	if (!dimm->enabled)
		return 0;
	err = mhp_offline_and_remove(m, dimm_range(m, dimm), deadline_ns, flags,
				     report);
	if (err)
		return err;
	dimm->enabled = false;
	return 0;
}
