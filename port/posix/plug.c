/* SPDX-License-Identifier: MIT */
/*
 * Memory arrives and leaves: plug and unplug, each made of what region.c and
 * the engine do, and undone as far as it got if a part fails. And what it all
 * costs.
 *
 * A region is busy while it is plugged or unplugged, so that two threads cannot
 * do that to one region at the same time; no mutex is held meanwhile.
 *
 * What it does not do: wait for memory that is pinned. That is the deadline's
 * and MHP_OFFLINE_PATIENT's affair.
 */
#include "posix_internal.h"

/* Adds and onlines; what was added is removed again if that fails. */
static int region_start(struct mhp_posix *p,
			const struct mhp_posix_request *request,
			struct mhp_range range, struct mhp_report *report)
{
	const struct mhp_add_request add = {
		.range = range,
		.node = request->node,
		.placement = request->placement,
		.flags = request->add_flags,
	};
	uint64_t first = mhp_block_id(&p->geometry, range.start_pfn);
	uint64_t end = mhp_block_id(&p->geometry, mhp_range_end_pfn(range));
	struct mhp_report of_online;
	int err;

	err = mhp_add(p->mhp, &add, report);
	if (err || request->online == MHP_ONLINE_OFFLINE)
		return err;
	for (uint64_t id = first; id < end && !err; id++)
		err = mhp_block_online(p->mhp, id, request->online, &of_online);
	if (!err)
		return 0;
	if (report)
		*report = of_online;
	/* If even this fails, the memory is in use and stays. */
	if (mhp_offline_and_remove(p->mhp, range, MHP_NO_DEADLINE, 0, NULL))
		p->ops.log(p, 1, "posix: a region stays that failed to plug");
	return err;
}

int mhp_posix_plug(struct mhp_posix *p, const struct mhp_posix_request *request,
		   uint32_t *region_id, struct mhp_report *report)
{
	struct mhp_posix_region region;
	uint32_t id;
	int err;

	*region_id = 0;
	err = mhp_posix_region_provide(p, request, &id, report);
	if (err)
		return err;
	err = mhp_posix_region_query(p, id, &region);
	if (!err)
		err = region_start(p, request, region.range, report);
	if (!err) {
		mhp_posix_region_release(p, id);
		*region_id = id;
		return 0;
	}
	if (report)
		mhp_posix_explain(p, report);
	if (mhp_posix_region_withdraw(p, id, NULL))
		*region_id = id;
	return err;
}

int mhp_posix_unplug(struct mhp_posix *p, uint32_t region_id,
		     uint64_t deadline_ns, uint32_t flags,
		     struct mhp_report *report)
{
	struct mhp_range range;
	int err;

	err = mhp_posix_region_take(p, region_id, &range, report);
	if (err)
		return err;
	err = mhp_offline_and_remove(p->mhp, range, deadline_ns, flags, report);
	/* Somebody may have removed its blocks before. */
	if (err && err != MHP_ERR_NOENT) {
		mhp_posix_region_release(p, region_id);
		return err;
	}
	return mhp_posix_region_withdraw(p, region_id, report);
}

void mhp_posix_stat_read(struct mhp_posix *p, struct mhp_posix_stat *stat)
{
	struct mhp_posix_region region;

	*stat = (struct mhp_posix_stat){
		.linear_bytes = p->linear.size_bytes,
		.window_bytes = p->window.size_bytes,
		.meta_bytes = __atomic_load_n(&p->meta_bytes, __ATOMIC_RELAXED),
		.pagetable_bytes = p->ops.pagetable_bytes(p),
		.nr_mappings = mhp_posix_nr_mappings(p),
		.collapse_works = p->collapse_bytes != 0,
		.nr_pageblocks_huge = __atomic_load_n(&p->nr_huge,
						      __ATOMIC_RELAXED),
		.nr_pageblocks_small = __atomic_load_n(&p->nr_small,
						       __ATOMIC_RELAXED),
		.populate_ns = __atomic_load_n(&p->populate_ns,
					       __ATOMIC_RELAXED),
	};
	for (uint32_t id = 0; !mhp_posix_region_next(p, &id); id++) {
		if (!mhp_posix_region_query(p, id, &region))
			stat->allocated_bytes += region.allocated_bytes;
	}
	mhp_posix_handles_stat(p, stat);
}
