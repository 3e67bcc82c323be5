/* SPDX-License-Identifier: MIT */
/*
 * Front end for LMBs.
 *
 * Several are removed as one: the engine takes them offline together and
 * removes them only if all are, so nothing has to be added again. Which one
 * stood in the way is in the report; it is excluded, and the next choice is
 * made without it. Each try excludes one, so there are at most as many tries as
 * LMBs.
 */
#include "mhp/lmb.h"

#include "driver.h"
#include "mhp/policy.h"

static struct mhp_range lmb_range(const struct mhp *m,
				  const struct mhp_lmbs *lmbs, uint32_t i)
{
	const struct mhp_geometry *g = mhp_geometry(m);

	return mhp_range_make(mhp_pfn_from_pa(g, lmbs->lmbs[i].start),
			      mhp_pages_from_bytes(g, lmbs->size_bytes));
}

/* Blocks are named by pages, so bytes are checked before. */
static int lmb_check(const struct mhp *m, const struct mhp_lmbs *lmbs,
		     uint32_t i, struct mhp_report *report)
{
	const struct mhp_extent extent = {lmbs->lmbs[i].start,
					  lmbs->size_bytes};
	struct mhp_range range;

	return mhp_extent_range(mhp_geometry(m), extent, &range, report);
}

static int lmb_acquire(const struct mhp_lmbs *lmbs, uint32_t i,
		       struct mhp_report *report)
{
	int err = 0;

	if (lmbs->ops && lmbs->ops->acquire)
		err = lmbs->ops->acquire(lmbs->ctx, i);
	if (err)
		driver_refuse(report, err, MHP_WHY_HOST_FAILED,
			      "the hypervisor kept the LMB");
	return err;
}

static void lmb_release(const struct mhp_lmbs *lmbs, uint32_t i)
{
	if (lmbs->ops && lmbs->ops->release)
		lmbs->ops->release(lmbs->ctx, i);
}

/* ---- adding ---- */

/* As the policy says, and online if it says nothing. */
static enum mhp_online_type lmb_online_type(struct mhp *m)
{
	struct mhp_policy policy;

	if (mhp_policy_get(m, &policy) ||
	    policy.auto_online == MHP_ONLINE_OFFLINE)
		return MHP_ONLINE_DEFAULT;
	return policy.auto_online;
}

static int lmb_online(struct mhp *m, struct mhp_range range,
		      struct mhp_report *report)
{
	const struct mhp_geometry *g = mhp_geometry(m);
	enum mhp_online_type type = lmb_online_type(m);
	uint64_t id = mhp_block_id(g, range.start_pfn);
	uint64_t end = mhp_block_id(g, mhp_range_end_pfn(range));
	int err = 0;

	for (; !err && id < end; id++)
		err = mhp_block_online(m, id, type, report);
	return err;
}

static int lmb_enter(struct mhp *m, struct mhp_lmbs *lmbs, uint32_t i,
		     struct mhp_report *report)
{
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.range = lmb_range(m, lmbs, i),
		.node = lmbs->lmbs[i].node,
		.placement = lmbs->placement,
	};
	int err = mhp_add(m, &request, report);

	if (err)
		return err;
	err = lmb_online(m, request.range, report);
	if (!err)
		return 0;
	if (mhp_offline_and_remove(m, request.range, MHP_NO_DEADLINE, 0, NULL))
		lmbs->lmbs[i].present = true;
	return err;
}

static int lmb_bring(struct mhp *m, struct mhp_lmbs *lmbs, uint32_t i,
		     struct mhp_report *report)
{
	int err = lmb_check(m, lmbs, i, report);

	if (err)
		return err;
	err = lmb_acquire(lmbs, i, report);
	if (err)
		return err;
	err = lmb_enter(m, lmbs, i, report);
	if (!err)
		lmbs->lmbs[i].present = true;
	else if (!lmbs->lmbs[i].present)
		lmb_release(lmbs, i);
	return err;
}

static bool lmb_is_absent(const struct mhp_lmb *lmb)
{
	return !lmb->present && !lmb->reserved;
}

static bool lmb_is_present(const struct mhp_lmb *lmb)
{
	return lmb->present && !lmb->reserved;
}

/* How many are of a kind; nobody has been chosen or excluded yet. */
static uint32_t lmb_start(struct mhp_lmbs *lmbs,
			  bool (*is)(const struct mhp_lmb *))
{
	uint32_t i, nr = 0;

	for (i = 0; i < lmbs->nr; i++) {
		lmbs->lmbs[i].chosen = false;
		lmbs->lmbs[i].excluded = false;
		nr += is(&lmbs->lmbs[i]);
	}
	return nr;
}

/* The ranges of those that are chosen; neighbours become one. */
static uint32_t lmb_gather(const struct mhp *m, struct mhp_lmbs *lmbs)
{
	uint32_t i, nr = 0;

	for (i = 0; i < lmbs->nr; i++) {
		struct mhp_range range = lmb_range(m, lmbs, i);

		if (!lmbs->lmbs[i].chosen)
			continue;
		if (nr &&
		    mhp_range_end_pfn(lmbs->ranges[nr - 1]) == range.start_pfn)
			lmbs->ranges[nr - 1].nr_pages += range.nr_pages;
		else
			lmbs->ranges[nr++] = range;
	}
	return nr;
}

/* Those that are chosen are gone. */
static void lmb_settle(struct mhp_lmbs *lmbs)
{
	uint32_t i;

	for (i = 0; i < lmbs->nr; i++) {
		if (!lmbs->lmbs[i].chosen)
			continue;
		lmbs->lmbs[i].present = false;
		lmb_release(lmbs, i);
	}
}

static void lmb_keep_first(struct mhp_report *first,
			   const struct mhp_report *report)
{
	if (first->why == MHP_WHY_NONE)
		*first = *report;
}

/* Too few: say so, with the first reason that there was. */
static int lmb_fell_short(struct mhp_report *first, struct mhp_report *report)
{
	if (first->why == MHP_WHY_NONE)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_NO_SLOT,
				     "there are not so many LMBs of that kind");
	first->code = MHP_ERR_INVAL;
	driver_copy(report, first);
	return MHP_ERR_INVAL;
}

static void lmb_undo_add(struct mhp *m, struct mhp_lmbs *lmbs)
{
	uint32_t nr = lmb_gather(m, lmbs);

	if (nr && !mhp_offline_and_remove_ranges(m, lmbs->ranges, nr,
						 MHP_NO_DEADLINE, 0, NULL))
		lmb_settle(lmbs);
}

int mhp_lmb_add(struct mhp *m, struct mhp_lmbs *lmbs, uint32_t count,
		struct mhp_report *report)
{
	struct mhp_report first = {.why = MHP_WHY_NONE}, why;
	uint32_t i, nr = 0;

	if (!count || count > lmb_start(lmbs, lmb_is_absent))
		return lmb_fell_short(&first, report);
	for (i = 0; i < lmbs->nr && nr < count; i++) {
		int err;

		if (!lmb_is_absent(&lmbs->lmbs[i]))
			continue;
		err = lmb_bring(m, lmbs, i, &why);
		if (err == MHP_ERR_DEADLK) {
			driver_copy(report, &why);
			return err;
		}
		if (err)
			lmb_keep_first(&first, &why);
		lmbs->lmbs[i].chosen = !err;
		nr += !err;
	}
	if (nr == count)
		return 0;
	lmb_undo_add(m, lmbs);
	return lmb_fell_short(&first, report);
}

int mhp_lmb_add_index(struct mhp *m, struct mhp_lmbs *lmbs, uint32_t index,
		      struct mhp_report *report)
{
	if (index >= lmbs->nr || !lmb_is_absent(&lmbs->lmbs[index]))
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_NO_SLOT,
				     "an LMB that is absent");
	return lmb_bring(m, lmbs, index, report);
}

/* ---- removing ---- */

/* Choose the first @count that may leave; whether there are as many. */
static bool lmb_choose(struct mhp_lmbs *lmbs, uint32_t count)
{
	uint32_t i, nr = 0;

	for (i = 0; i < lmbs->nr; i++) {
		struct mhp_lmb *lmb = &lmbs->lmbs[i];

		lmb->chosen = nr < count && lmb_is_present(lmb) &&
			      !lmb->excluded;
		nr += lmb->chosen;
	}
	return nr == count;
}

/* Whether a page is in one that was chosen, which is then excluded. */
static bool lmb_exclude(const struct mhp *m, struct mhp_lmbs *lmbs,
			mhp_pfn_t pfn)
{
	uint32_t i;

	for (i = 0; i < lmbs->nr; i++) {
		struct mhp_range range = lmb_range(m, lmbs, i);

		if (!lmbs->lmbs[i].chosen || pfn < range.start_pfn ||
		    pfn >= mhp_range_end_pfn(range))
			continue;
		lmbs->lmbs[i].excluded = true;
		return true;
	}
	return false;
}

static bool lmb_gives_up(int err)
{
	return err == MHP_ERR_TIMEDOUT || err == MHP_ERR_DEADLK;
}

int mhp_lmb_remove(struct mhp *m, struct mhp_lmbs *lmbs, uint32_t count,
		   uint64_t deadline_ns, uint32_t flags,
		   struct mhp_report *report)
{
	struct mhp_report first = {.why = MHP_WHY_NONE}, why;

	if (!count || count > lmb_start(lmbs, lmb_is_present))
		return lmb_fell_short(&first, report);
	while (lmb_choose(lmbs, count)) {
		uint32_t nr = lmb_gather(m, lmbs);
		int err = mhp_offline_and_remove_ranges(
			m, lmbs->ranges, nr, deadline_ns, flags, &why);

		if (!err) {
			lmb_settle(lmbs);
			return 0;
		}
		if (lmb_gives_up(err)) {
			driver_copy(report, &why);
			return err;
		}
		lmb_keep_first(&first, &why);
		if (!lmb_exclude(m, lmbs, why.pfn))
			break;
	}
	return lmb_fell_short(&first, report);
}

int mhp_lmb_remove_index(struct mhp *m, struct mhp_lmbs *lmbs, uint32_t index,
			 uint64_t deadline_ns, uint32_t flags,
			 struct mhp_report *report)
{
	int err;

	if (index >= lmbs->nr || !lmb_is_present(&lmbs->lmbs[index]))
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_NO_SLOT,
				     "an LMB that is present");
	err = mhp_offline_and_remove(m, lmb_range(m, lmbs, index), deadline_ns,
				     flags, report);
	if (err)
		return err;
	lmbs->lmbs[index].present = false;
	lmb_release(lmbs, index);
	return 0;
}
