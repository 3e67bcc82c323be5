/* SPDX-License-Identifier: MIT */
/* What the front ends share. */
#ifndef MHP_SRC_DRIVER_H
#define MHP_SRC_DRIVER_H

#include "mhp/mhp.h"
#include "mhp/policy.h"

/** driver_refuse() - a refusal of the front end's own: fills the report and
 * returns @err. @detail: static text, or NULL */
static inline int driver_refuse(struct mhp_report *report, int err,
				enum mhp_why why, const char *detail)
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

/** driver_copy() - hand a report on, if somebody wants it */
static inline void driver_copy(struct mhp_report *to,
			       const struct mhp_report *from)
{
	if (to)
		*to = *from;
}

/** driver_online() - what follows an add, by policy. As in Linux memory counts
 * as added if it cannot go online; a report that has nothing else to say says
 * so. */
static inline void driver_online(struct mhp *m, struct mhp_range range,
				 struct mhp_report *report)
{
	if (!mhp_auto_online(m, range) || !report ||
	    report->why != MHP_WHY_NONE)
		return;
	driver_refuse(report, 0, MHP_WHY_LEFT_OFFLINE, NULL);
	report->pfn = range.start_pfn;
}

/** driver_no_group() - a group could not be registered; returns @err */
static inline int driver_no_group(struct mhp_report *report, int err)
{
	if (err == MHP_ERR_DEADLK)
		return driver_refuse(report, err, MHP_WHY_REENTERED, NULL);
	if (err == MHP_ERR_INVAL)
		return driver_refuse(report, err, MHP_WHY_BAD_NODE, NULL);
	return driver_refuse(report, err, MHP_WHY_NO_SLOT,
			     "there are too many memory groups");
}

/** driver_hosts() - whether a block could carry its own memmap, if it were
 * asked for so: 1, 0, or an error */
static inline int driver_hosts(struct mhp *m, enum mhp_placement placement)
{
	uint64_t nr_pages = 0;
	int err = mhp_hosted_pages(m, mhp_block_range(mhp_geometry(m), 0),
				   placement, &nr_pages);

	return err ? err : nr_pages > 0;
}

#endif
