/* SPDX-License-Identifier: MIT */
/*
 * Front end for DIMMs: an insert request becomes add and auto-online, an eject
 * request becomes offline and remove of everything or of nothing.
 *
 * It keeps in the device what of it the engine knows, and at ejection believes
 * nothing else: what a device says then may be anything. A device that was
 * refused stays where it is in the machine; it merely has nothing to give up
 * when it leaves.
 */
#include "mhp/acpi_dimm.h"

#include "driver.h"
#include "mhp/policy.h"

/* Whether a range is boot memory in all its blocks. */
static bool dimm_is_boot(struct mhp *m, struct mhp_range range)
{
	const struct mhp_geometry *g = mhp_geometry(m);
	uint64_t id = mhp_block_id(g, range.start_pfn);
	uint64_t nr = range.nr_pages / mhp_block_pages(g);
	struct mhp_block_info info;

	for (; nr; nr--, id++)
		if (mhp_block_query(m, id, &info) || !info.boot)
			return false;
	return true;
}

static int dimm_add(struct mhp *m, struct mhp_dimm *dimm,
		    struct mhp_extent extent, struct mhp_report *report)
{
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.node = dimm->node,
		.placement = dimm->placement,
		.flags = dimm->add_flags,
		.group = dimm->grouped ? &dimm->group : NULL,
	};
	int err;

	err = mhp_extent_range(mhp_geometry(m), extent, &request.range, report);
	if (err)
		return err;
	err = mhp_add(m, &request, report);
	if (err == MHP_ERR_EXIST && dimm_is_boot(m, request.range)) {
		dimm->nr_existing++;
		return 0;
	}
	if (err)
		return err;
	dimm->ranges[dimm->nr_ranges++] = request.range;
	return 0;
}

/* Add what can be added; the first of what is worth telling is kept. */
static void dimm_add_all(struct mhp *m, struct mhp_dimm *dimm,
			 struct mhp_report *first)
{
	uint32_t i;

	first->why = MHP_WHY_NONE;
	for (i = 0; i < dimm->nr_extents; i++) {
		struct mhp_report report = {.why = MHP_WHY_NONE};
		uint32_t nr_existing = dimm->nr_existing;
		int err = dimm_add(m, dimm, dimm->extents[i], &report);

		if (first->why != MHP_WHY_NONE ||
		    dimm->nr_existing != nr_existing)
			continue;
		if (err || report.why != MHP_WHY_NONE)
			*first = report;
	}
}

/* Pages of all extents that could be added; what is nonsense counts nothing. */
static uint64_t dimm_pages(const struct mhp *m, const struct mhp_dimm *dimm)
{
	uint64_t max_pages = mhp_max_pfn(m), sum = 0;
	uint32_t i;

	for (i = 0; i < dimm->nr_extents; i++) {
		struct mhp_range range;

		if (mhp_extent_range(mhp_geometry(m), dimm->extents[i], &range,
				     NULL) ||
		    range.nr_pages > max_pages - sum)
			continue;
		sum += range.nr_pages;
	}
	return sum;
}

/* A device of which nothing could be added needs no group: adding says why. */
static int dimm_group(struct mhp *m, struct mhp_dimm *dimm,
		      struct mhp_report *report)
{
	uint64_t nr_pages = dimm_pages(m, dimm);
	int err;

	dimm->grouped = false;
	if (!nr_pages)
		return 0;
	err = mhp_group_register_static(m, &dimm->group, dimm->node, nr_pages);
	if (err)
		return driver_no_group(report, err);
	dimm->grouped = true;
	return 0;
}

static void dimm_ungroup(struct mhp *m, struct mhp_dimm *dimm)
{
	if (dimm->grouped)
		(void)mhp_group_unregister(m, &dimm->group);
	dimm->grouped = false;
}

/* Nothing of it could be had: hand the first reason on. */
static int dimm_failed(struct mhp *m, struct mhp_dimm *dimm,
		       struct mhp_report *first, struct mhp_report *report)
{
	dimm_ungroup(m, dimm);
	if (mhp_profile(m) != MHP_PROFILE_NATIVE)
		first->code = MHP_ERR_INVAL;
	driver_copy(report, first);
	return first->code;
}

int mhp_dimm_insert(struct mhp *m, struct mhp_dimm *dimm,
		    struct mhp_report *report)
{
	struct mhp_report first;
	uint32_t i;
	int err;

	if (dimm->enabled)
		return driver_refuse(report, MHP_ERR_ALREADY,
				     MHP_WHY_DEVICE_STATE,
				     "the device is enabled already");
	if (!dimm->nr_extents)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_EMPTY_RANGE,
				     "the device has no memory");
	dimm->nr_ranges = 0;
	dimm->nr_existing = 0;
	err = dimm_group(m, dimm, report);
	if (err)
		return err;
	dimm_add_all(m, dimm, &first);
	if (!dimm->nr_ranges && !dimm->nr_existing)
		return dimm_failed(m, dimm, &first, report);
	dimm->enabled = true;
	first.code = 0;
	for (i = 0; i < dimm->nr_ranges; i++)
		driver_online(m, dimm->ranges[i], &first);
	driver_copy(report, &first);
	return 0;
}

/* What may be gone when other blocks of the device have left. */
static bool dimm_may_pass(int err, enum mhp_why why)
{
	return err == MHP_ERR_BUSY &&
	       (why == MHP_WHY_UNMOVABLE || why == MHP_WHY_REFUSED);
}

static int dimm_remove(struct mhp *m, struct mhp_dimm *dimm,
		       uint64_t deadline_ns, uint32_t flags,
		       struct mhp_report *report)
{
	struct mhp_report refusal;
	int err;

	if (mhp_profile(m) != MHP_PROFILE_NATIVE)
		flags |= MHP_OFFLINE_TWICE | MHP_OFFLINE_BACK_BY_POLICY;
	err = mhp_offline_and_remove_ranges(m, dimm->ranges, dimm->nr_ranges,
					    deadline_ns, flags, &refusal);
	if (!(flags & MHP_OFFLINE_TWICE) && dimm_may_pass(err, refusal.why))
		err = mhp_offline_and_remove_ranges(
			m, dimm->ranges, dimm->nr_ranges, deadline_ns,
			flags | MHP_OFFLINE_TWICE, &refusal);
	/* Somebody else may have removed all of it. */
	if (!err || err == MHP_ERR_NOENT)
		return 0;
	driver_copy(report, &refusal);
	return err;
}

int mhp_dimm_eject(struct mhp *m, struct mhp_dimm *dimm, uint64_t deadline_ns,
		   uint32_t flags, struct mhp_report *report)
{
	int err;

	if (!dimm->enabled)
		return 0;
	if (dimm->nr_existing)
		return driver_refuse(report, MHP_ERR_BUSY, MHP_WHY_BOOT_MEMORY,
				     NULL);
	err = dimm_remove(m, dimm, deadline_ns, flags, report);
	if (err)
		return err;
	dimm_ungroup(m, dimm);
	dimm->nr_ranges = 0;
	dimm->enabled = false;
	return 0;
}

static uint32_t dimm_ost_insertion(int err)
{
	switch (err) {
	case 0:
	case MHP_ERR_ALREADY:
		return MHP_OST_SUCCESS;
	case MHP_ERR_INPROGRESS:
		return MHP_OST_INSERT_IN_PROGRESS;
	case MHP_ERR_OPNOTSUPP:
		return MHP_OST_INSERT_NOT_SUPPORTED;
	default:
		return MHP_OST_FAILURE;
	}
}

static uint32_t dimm_ost_ejection(int err)
{
	switch (err) {
	case 0:
		return MHP_OST_SUCCESS;
	case MHP_ERR_INPROGRESS:
		return MHP_OST_EJECT_IN_PROGRESS;
	case MHP_ERR_PERM:
	case MHP_ERR_OPNOTSUPP:
		return MHP_OST_EJECT_NOT_SUPPORTED;
	case MHP_ERR_BUSY:
	case MHP_ERR_TIMEDOUT:
		return MHP_OST_EJECT_BUSY;
	case MHP_ERR_NOMEM:
		return MHP_OST_EJECT_IN_USE;
	default:
		return MHP_OST_FAILURE;
	}
}

uint32_t mhp_dimm_ost(int err, enum mhp_ost_event event)
{
	return event == MHP_OST_INSERTION ? dimm_ost_insertion(err)
					  : dimm_ost_ejection(err);
}
