/* SPDX-License-Identifier: MIT */
/*
 * Adding memory.
 *
 * It goes block by block: record, linear map, memmap and state, all of which
 * may fail and is undone in reverse; then all blocks are published at once,
 * which cannot fail. Removing is in remove.c.
 *
 * INV-06 after a failed add, and after add and remove, the state is what it
 * was, monotonic counters aside.
 */
#include "hotplug.h"
#include "altmap.h"
#include "block.h"
#include "describe.h"
#include "device.h"
#include "group.h"
#include "node.h"
#include "notify.h"
#include "placement.h"
#include "profile.h"
#include "resource.h"
#include "section.h"
#include "withheld.h"

#define ADD_FLAGS                                         \
	(MHP_ADD_STRICT | MHP_ADD_SCRUB | MHP_ADD_MERGE | \
	 MHP_ADD_INACCESSIBLE | MHP_ADD_WITHHELD)
/* What would touch memory that may not be touched: scrubbing at the end, and
 * words that say what is withheld. */
#define ADD_TOUCHES (MHP_ADD_SCRUB | MHP_ADD_WITHHELD)

bool range_is_blocks(const struct mhp *m, struct mhp_range range)
{
	return !((range.start_pfn | range.nr_pages) &
		 (m->layout.block_pages - 1));
}

static int add_check_blocks(const struct mhp *m, struct mhp_range range,
			    struct mhp_report *report)
{
	if (range_is_blocks(m, range))
		return 0;
	return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
			  MHP_WHY_UNALIGNED, range.start_pfn);
}

static int add_check_limit(const struct mhp *m, struct mhp_range range,
			   struct mhp_report *report)
{
	if (range.start_pfn <= m->max_pfn &&
	    range.nr_pages <= m->max_pfn - range.start_pfn)
		return 0;
	return report_set(report, MHP_ERR_2BIG, MHP_STAGE_ADD,
			  MHP_WHY_BEYOND_END, m->max_pfn);
}

static int add_check_overlap(struct mhp *m, struct mhp_range range,
			     struct mhp_report *report)
{
	struct mhp_block *blk = section_range_block(m, range, range.start_pfn);
	const struct mhp_device *dev = device_overlap(m, range);

	if (dev)
		return report_set(report, MHP_ERR_EXIST, MHP_STAGE_ADD,
				  MHP_WHY_OVERLAP, dev->range.start_pfn);
	if (!blk)
		return 0;
	return report_set(report, MHP_ERR_EXIST, MHP_STAGE_ADD, MHP_WHY_OVERLAP,
			  blk->start_pfn);
}

/* Linux enters a resource before it looks at the alignment, and takes an empty
 * range for one that wraps. */
static int add_check_range(struct mhp *m, struct mhp_range range,
			   struct mhp_report *report)
{
	bool native = m->profile == MHP_PROFILE_NATIVE;
	int err = 0;

	if (!range.nr_pages)
		return report_set(report, native ? MHP_ERR_INVAL : MHP_ERR_2BIG,
				  MHP_STAGE_ADD, MHP_WHY_EMPTY_RANGE,
				  range.start_pfn);
	if (native)
		err = add_check_blocks(m, range, report);
	if (!err)
		err = add_check_limit(m, range, report);
	if (!err)
		err = add_check_overlap(m, range, report);
	if (!err && !native)
		err = add_check_blocks(m, range, report);
	return err;
}

/* Which placement it becomes; a fall-back is reported, or refused. */
static int add_placement(struct mhp *m, const struct mhp_add_request *request,
			 const char *no_range, enum mhp_placement *placement,
			 struct mhp_report *report)
{
	struct profile_rules rules = profile_rules(m);
	const char *rule;

	if (request->flags & MHP_ADD_INACCESSIBLE)
		no_range = "memory that is touched only while it is online "
			   "cannot hold the memmap of other blocks";
	if ((unsigned int)request->placement > PLACEMENT_LAST)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				  MHP_WHY_BAD_PLACEMENT, MHP_PFN_NONE);
	rule = placement_choose(&rules, request->placement, request->range,
				no_range, placement);
	if (!rule)
		return 0;
	if (request->flags & MHP_ADD_STRICT)
		return report_rule(report, MHP_ERR_OPNOTSUPP, MHP_STAGE_ADD,
				   MHP_WHY_PLACEMENT_REFUSED, 0, rule);
	report_rule(report, 0, MHP_STAGE_ADD, MHP_WHY_FELL_BACK, 0, rule);
	if (report)
		report->pfn = request->range.start_pfn;
	return 0;
}

static bool range_reads_zero(struct mhp *m, struct mhp_range range)
{
	return m->ops->reads_zero && m->ops->reads_zero(m->ops_ctx, range);
}

static unsigned int add_block_flags(struct mhp *m,
				    const struct mhp_add_request *request,
				    const struct mhp_block *blk,
				    const struct describe *how)
{
	unsigned int flags = resource_flags(request, blk->start_pfn) |
			     describe_flags(blk, how);

	if (request->flags & MHP_ADD_SCRUB)
		flags |= BLOCK_SCRUB;
	if (request->flags & MHP_ADD_INACCESSIBLE)
		flags |= BLOCK_INACCESSIBLE;
	if (how->placement == MHP_PLACEMENT_EXISTING)
		return flags | BLOCK_CLEAN;
	/* What the memory will hold when it is accessible, nobody knows. */
	if (!(flags & BLOCK_INACCESSIBLE) &&
	    range_reads_zero(m, request->range))
		flags |= BLOCK_CLEAN;
	return flags;
}

static int add_block(struct mhp *m, const struct mhp_add_request *request,
		     struct describe *how, mhp_pfn_t pfn,
		     struct mhp_block **out, struct mhp_report *report)
{
	struct mhp_block *blk;
	int err;

	err = block_new(m, pfn, &blk, report);
	if (err)
		return err;
	err = describe_block(m, blk, how, report);
	if (err)
		goto delete;
	block_set(blk, MHP_BLOCK_OFFLINE, MHP_ZONE_NONE, request->node,
		  add_block_flags(m, request, blk, how),
		  describe_pages(m, blk, how));
	block_set_resource(blk, request->resource);
	block_set_group(blk, request->group ? request->group->id : 0);
	if (request->flags & MHP_ADD_WITHHELD)
		withheld_all(m, blk);
	*out = blk;
	return 0;
	delete : block_delete(m, blk);
	return err;
}

/* Blocks that are prepared but not published hang on their next pointers, the
 * last one first. */
static void add_cancel(struct mhp *m, struct mhp_block *prepared)
{
	while (prepared) {
		struct mhp_block *blk = prepared;

		prepared = blk->next;
		undescribe_block(m, blk);
		block_delete(m, blk);
	}
}

static int add_prepare(struct mhp *m, const struct mhp_add_request *request,
		       struct describe *how, struct mhp_block **prepared,
		       struct mhp_report *report)
{
	mhp_pfn_t pfn = request->range.start_pfn;
	int err;

	*prepared = NULL;
	err = section_reserve(m, request->range);
	if (err)
		return report_set(report, err, MHP_STAGE_ADD, MHP_WHY_NO_META,
				  pfn);
	for (; pfn < mhp_range_end_pfn(request->range);
	     pfn += m->layout.block_pages) {
		struct mhp_block *blk;

		err = add_block(m, request, how, pfn, &blk, report);
		if (err)
			goto cancel;
		blk->next = *prepared;
		*prepared = blk;
	}
	return 0;
cancel:
	add_cancel(m, *prepared);
	section_release(m, request->range);
	return err;
}

/* Publish a block. Return: whether its node came alive with it. */
static bool add_publish(struct mhp *m, struct mhp_block *blk)
{
	section_publish(m, blk);
	group_join(m, blk);
	m->nr_blocks_added++;
	return node_join(m, blk);
}

static void add_commit(struct mhp *m, struct mhp_block *prepared)
{
	/* Linux tells of a new node before its blocks since 7, behind them
	 * before. */
	bool node_first = m->profile == MHP_PROFILE_NATIVE;
	struct mhp_block *ascending = NULL, *alive = NULL;

	while (prepared) {
		struct mhp_block *blk = prepared;

		prepared = blk->next;
		blk->next = ascending;
		ascending = blk;
	}
	while (ascending) {
		struct mhp_block *blk = ascending;

		ascending = blk->next;
		blk->next = NULL;
		if (add_publish(m, blk))
			alive = blk;
		if (alive == blk && node_first)
			notify_done(m, blk, MHP_EVENT_NODE_ALIVE,
				    MHP_ZONE_NONE);
		notify_done(m, blk, MHP_EVENT_ADDED, MHP_ZONE_NONE);
	}
	if (alive && !node_first)
		notify_done(m, alive, MHP_EVENT_NODE_ALIVE, MHP_ZONE_NONE);
	m->counters.nr_adds++;
}

static bool add_request_is_sound(const struct mhp_add_request *request)
{
	if (request->size_bytes && request->size_bytes != sizeof(*request))
		return false;
	if (request->flags & MHP_ADD_INACCESSIBLE &&
	    request->flags & ADD_TOUCHES)
		return false;
	return !(request->flags & ~ADD_FLAGS) &&
	       (unsigned int)request->resource < MHP_NR_RESOURCES;
}

static int add_check(struct mhp *m, const struct mhp_add_request *request,
		     struct mhp_report *report)
{
	if (!add_request_is_sound(request))
		return report_rule(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				   MHP_WHY_BAD_REQUEST, 0,
				   "size_bytes is wrong, or a flag or the "
				   "resource unknown");
	if (request->node >= m->geometry.nr_nodes)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				  MHP_WHY_BAD_NODE, MHP_PFN_NONE);
	if (request->group && (!group_is_registered(m, request->group) ||
			       request->group->node != request->node))
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				  MHP_WHY_BAD_GROUP, MHP_PFN_NONE);
	return add_check_range(m, request->range, report);
}

/* Choose the placement and prepare; once more if the port's linear map turns
 * out to stand against one memmap for all. */
static int add_place(struct mhp *m, const struct mhp_add_request *request,
		     struct mhp_block **prepared, struct mhp_report *report)
{
	struct describe how = {.range = request->range, .node = request->node};
	int err;

	err = add_placement(m, request, NULL, &how.placement, report);
	if (err)
		return err;
	err = add_prepare(m, request, &how, prepared, report);
	if (!how.no_range)
		return err;
	report_set(report, 0, MHP_STAGE_ADD, MHP_WHY_NONE, MHP_PFN_NONE);
	err = add_placement(m, request, how.no_range, &how.placement, report);
	return err ? err : add_prepare(m, request, &how, prepared, report);
}

static int add_locked(struct mhp *m, const struct mhp_add_request *request,
		      struct mhp_report *report)
{
	struct mhp_block *prepared;
	int err = add_check(m, request, report);

	if (!err)
		err = add_place(m, request, &prepared, report);
	if (err)
		return err;
	add_commit(m, prepared);
	resource_added(m, request->range);
	return 0;
}

int mhp_add(struct mhp *m, const struct mhp_add_request *request,
	    struct mhp_report *report)
{
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_ADD, MHP_WHY_REENTERED,
				  MHP_PFN_NONE);
	report_set(report, 0, MHP_STAGE_ADD, MHP_WHY_NONE, MHP_PFN_NONE);
	err = add_locked(m, request, report);
	mhp_unlock(m);
	return err;
}

int mhp_hosted_pages(struct mhp *m, struct mhp_range range,
		     enum mhp_placement placement, uint64_t *nr_pages)
{
	struct mhp_add_request request = {.range = range,
					  .placement = placement};
	enum mhp_placement chosen;
	int err = mhp_lock(m);

	if (err)
		return err;
	err = add_placement(m, &request, NULL, &chosen, NULL);
	if (!err)
		*nr_pages = chosen == MHP_PLACEMENT_RANGE
				    ? altmap_range_pages(
					      &m->layout,
					      range.nr_pages >>
						      m->layout.block_order)
				    : placement_hosted_pages(&m->layout, chosen,
							     1);
	mhp_unlock(m);
	return err;
}
