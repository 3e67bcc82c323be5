/* SPDX-License-Identifier: MIT */
/*
 * Adding and removing memory.
 *
 * Adding goes block by block: record, linear map, memmap and state, all of
 * which may fail and is undone in reverse; then all blocks are published at
 * once, which cannot fail. Removing unpublishes first, waits for readers, and
 * then gives back what cannot be refused.
 *
 * INV-06 after a failed add, and after add and remove, the state is what it
 * was, monotonic counters aside.
 */
#include "hotplug.h"
#include "bad.h"
#include "block.h"
#include "group.h"
#include "libc.h"
#include "node.h"
#include "notify.h"
#include "placement.h"
#include "profile.h"
#include "resource.h"
#include "section.h"
#include "vmemmap.h"
#include "withheld.h"

#define ADD_FLAGS                                         \
	(MHP_ADD_STRICT | MHP_ADD_SCRUB | MHP_ADD_MERGE | \
	 MHP_ADD_INACCESSIBLE | MHP_ADD_WITHHELD)
/* What would touch memory that may not be touched: scrubbing at the end, and
 * words that say what is withheld. */
#define ADD_TOUCHES (MHP_ADD_SCRUB | MHP_ADD_WITHHELD)

static bool range_is_blocks(const struct mhp *m, struct mhp_range range)
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
	struct mhp_block *blk = section_next_block(m, range.start_pfn);

	if (!blk || blk->start_pfn >= mhp_range_end_pfn(range))
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
			 enum mhp_placement *placement,
			 struct mhp_report *report)
{
	struct profile_rules rules = profile_rules(m);
	const char *rule;

	if (request->placement > PLACEMENT_LAST)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				  MHP_WHY_BAD_PLACEMENT, MHP_PFN_NONE);
	rule = placement_choose(&rules, request->placement,
				request->range.nr_pages, placement);
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

/* Memmap and state on the block itself. */
static int describe_hosted(struct mhp *m, struct mhp_block *blk,
			   struct mhp_report *report)
{
	struct span span = block_span(m, blk, 0);
	int err;

	span.memmap = blk->linear;
	if (span.windowed) {
		err = vmemmap_map(m, &span, blk->start_pfn);
		if (err)
			return report_set(report, err, MHP_STAGE_ADD,
					  MHP_WHY_MAP_FAILED, blk->start_pfn);
	}
	block_set_span(blk, &span);
	/* By the linear map, so that the state is reached the same way whether
	 * or not there is a window. */
	blk->state = blk->linear + m->layout.hosted_state_offset;
	m->hosted_bytes += mhp_bytes_from_pages(&m->geometry,
						m->layout.hosted_pages);
	return 0;
}

static void undescribe_hosted(struct mhp *m, struct mhp_block *blk)
{
	struct span span = block_span(m, blk, 0);

	if (span.windowed)
		vmemmap_unmap(m, &span);
	m->hosted_bytes -= mhp_bytes_from_pages(&m->geometry,
						m->layout.hosted_pages);
}

/* Memmap and state in memory that is online already. */
static int describe_existing(struct mhp *m, struct mhp_block *blk,
			     unsigned int node, struct mhp_report *report)
{
	struct span span = block_span(m, blk, node);
	int err;

	blk->state = (uint8_t *)m->ops->meta_alloc(
		m->ops_ctx, m->layout.state_bytes, (int)node);
	if (!blk->state)
		return report_set(report, MHP_ERR_NOMEM, MHP_STAGE_ADD,
				  MHP_WHY_NO_META, blk->start_pfn);
	err = vmemmap_populate_existing(m, &span, report);
	if (err) {
		m->ops->meta_free(m->ops_ctx, blk->state,
				  m->layout.state_bytes);
		return err;
	}
	block_set_span(blk, &span);
	memset(blk->state, 0, m->layout.state_bytes);
	m->existing_state_bytes += m->layout.state_bytes;
	return 0;
}

static void undescribe_existing(struct mhp *m, struct mhp_block *blk)
{
	struct span span = block_span(m, blk, 0);

	vmemmap_depopulate_existing(m, &span);
	m->ops->meta_free(m->ops_ctx, blk->state, m->layout.state_bytes);
	m->existing_state_bytes -= m->layout.state_bytes;
}

static void undescribe(struct mhp *m, struct mhp_block *blk)
{
	if (block_has(block_status(blk), BLOCK_HOSTED))
		undescribe_hosted(m, blk);
	else
		undescribe_existing(m, blk);
}

static bool range_reads_zero(struct mhp *m, struct mhp_range range)
{
	return m->ops->reads_zero && m->ops->reads_zero(m->ops_ctx, range);
}

static unsigned int add_block_flags(struct mhp *m,
				    const struct mhp_add_request *request,
				    bool hosted, mhp_pfn_t pfn)
{
	unsigned int flags = resource_flags(request, pfn);

	if (request->flags & MHP_ADD_SCRUB)
		flags |= BLOCK_SCRUB;
	if (request->flags & MHP_ADD_INACCESSIBLE)
		flags |= BLOCK_INACCESSIBLE;
	if (!hosted)
		return flags | BLOCK_CLEAN;
	flags |= BLOCK_HOSTED;
	/* What the memory will hold when it is accessible, nobody knows. */
	if (!(flags & BLOCK_INACCESSIBLE) &&
	    range_reads_zero(m, request->range))
		flags |= BLOCK_CLEAN;
	return flags;
}

static int add_block(struct mhp *m, const struct mhp_add_request *request,
		     enum mhp_placement placement, mhp_pfn_t pfn,
		     struct mhp_block **out, struct mhp_report *report)
{
	bool hosted = placement == MHP_PLACEMENT_BLOCK;
	struct mhp_block *blk;
	int err;

	err = block_new(m, pfn, &blk, report);
	if (err)
		return err;
	err = hosted ? describe_hosted(m, blk, report)
		     : describe_existing(m, blk, request->node, report);
	if (err)
		goto delete;
	block_set(blk, MHP_BLOCK_OFFLINE, MHP_ZONE_NONE, request->node,
		  add_block_flags(m, request, hosted, pfn),
		  hosted ? (uint32_t)m->layout.hosted_pages : 0);
	block_set_resource(blk, request->resource);
	block_set_group(blk, request->group ? request->group->id : 0);
	if (request->flags & MHP_ADD_WITHHELD)
		withheld_all(m, blk);
	*out = blk;
	return 0;
	delete : block_delete(m, blk);
	return err;
}

static void remove_block(struct mhp *m, struct mhp_block *blk)
{
	undescribe(m, blk);
	block_delete(m, blk);
}

/* Blocks that are prepared but not published hang on their next pointers, the
 * last one first. */
static void add_cancel(struct mhp *m, struct mhp_block *prepared)
{
	while (prepared) {
		struct mhp_block *blk = prepared;

		prepared = blk->next;
		remove_block(m, blk);
	}
}

static int add_prepare(struct mhp *m, const struct mhp_add_request *request,
		       enum mhp_placement placement,
		       struct mhp_block **prepared, struct mhp_report *report)
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

		err = add_block(m, request, placement, pfn, &blk, report);
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

static int add_locked(struct mhp *m, const struct mhp_add_request *request,
		      struct mhp_report *report)
{
	enum mhp_placement placement = MHP_PLACEMENT_EXISTING;
	struct mhp_block *prepared;
	int err;

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
	err = add_check_range(m, request->range, report);
	if (err)
		return err;
	err = add_placement(m, request, &placement, report);
	if (err)
		return err;
	err = add_prepare(m, request, placement, &prepared, report);
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
	err = add_placement(m, &request, &chosen, NULL);
	if (!err)
		*nr_pages = chosen == MHP_PLACEMENT_BLOCK
				    ? m->layout.hosted_pages
				    : 0;
	mhp_unlock(m);
	return err;
}

static struct mhp_block *range_block_after(struct mhp *m,
					   struct mhp_range range,
					   const struct mhp_block *blk)
{
	return section_range_block(m, range,
				   blk->start_pfn + m->layout.block_pages);
}

/* @ejecting: the caller is the eject that the blocks must be in. */
static int remove_check_block(const struct mhp_block *blk, bool ejecting,
			      struct mhp_report *report)
{
	uint64_t status = block_status(blk);

	if (block_has(status, BLOCK_BOOT))
		return report_set(report, MHP_ERR_BUSY, MHP_STAGE_REMOVE,
				  MHP_WHY_BOOT_MEMORY, blk->start_pfn);
	if (block_life(status) != MHP_BLOCK_OFFLINE ||
	    block_has(status, BLOCK_EJECTING) != ejecting)
		return report_set(report, MHP_ERR_BUSY, MHP_STAGE_REMOVE,
				  block_life(status) == MHP_BLOCK_ONLINE
					  ? MHP_WHY_WRONG_STATE
					  : MHP_WHY_TRANSITION,
				  blk->start_pfn);
	return 0;
}

static int remove_check_range(struct mhp *m, struct mhp_range range,
			      struct mhp_report *report)
{
	if (range.nr_pages && range_is_blocks(m, range) &&
	    range.start_pfn + range.nr_pages >= range.start_pfn)
		return 0;
	return report_set(report, MHP_ERR_INVAL, MHP_STAGE_REMOVE,
			  range.nr_pages ? MHP_WHY_UNALIGNED
					 : MHP_WHY_EMPTY_RANGE,
			  range.start_pfn);
}

static int remove_check_apart(const struct mhp_range *ranges, uint32_t i,
			      struct mhp_report *report)
{
	uint32_t j;

	for (j = 0; j < i; j++)
		if (ranges[i].start_pfn < mhp_range_end_pfn(ranges[j]) &&
		    ranges[j].start_pfn < mhp_range_end_pfn(ranges[i]))
			return report_set(report, MHP_ERR_INVAL,
					  MHP_STAGE_REMOVE, MHP_WHY_BAD_REQUEST,
					  ranges[i].start_pfn);
	return 0;
}

int remove_check_ranges(struct mhp *m, const struct mhp_range *ranges,
			uint32_t nr, struct mhp_report *report)
{
	bool any = false;
	uint32_t i;

	for (i = 0; i < nr; i++) {
		int err = remove_check_range(m, ranges[i], report);

		if (!err)
			err = remove_check_apart(ranges, i, report);
		if (err)
			return err;
		any |= section_range_block(m, ranges[i], ranges[i].start_pfn) !=
		       NULL;
	}
	return any ? 0
		   : report_set(report, MHP_ERR_NOENT, MHP_STAGE_REMOVE,
				MHP_WHY_NO_BLOCK,
				nr ? ranges[0].start_pfn : MHP_PFN_NONE);
}

static int remove_check_blocks(struct mhp *m, struct mhp_range range,
			       bool ejecting, struct mhp_report *report)
{
	struct mhp_block *blk = section_range_block(m, range, range.start_pfn);

	for (; blk; blk = range_block_after(m, range, blk)) {
		int err = remove_check_block(blk, ejecting, report);

		if (err)
			return err;
	}
	return 0;
}

static void scrub_block(struct mhp *m, const struct mhp_block *blk)
{
	if (block_has(block_status(blk), BLOCK_SCRUB) && m->ops->scrub)
		m->ops->scrub(
			m->ops_ctx,
			mhp_range_make(blk->start_pfn, m->layout.block_pages));
}

/* Unpublish all, wait once, then give all back. */
static void remove_commit(struct mhp *m, struct mhp_range range)
{
	struct mhp_block *gone = NULL, *blk, *next;

	for (blk = section_range_block(m, range, range.start_pfn); blk;
	     blk = next) {
		next = range_block_after(m, range, blk);
		notify_done(m, blk, MHP_EVENT_REMOVED, MHP_ZONE_NONE);
		if (node_leave(m, blk))
			notify_done(m, blk, MHP_EVENT_NODE_GONE, MHP_ZONE_NONE);
		section_unpublish(m, blk);
		blk->prev = gone;
		gone = blk;
	}
	m->ops->synchronize(m->ops_ctx);
	for (; gone; gone = blk) {
		blk = gone->prev;
		scrub_block(m, gone);
		group_leave(m, gone);
		remove_block(m, gone);
		m->nr_blocks_added--;
	}
	resource_removed(m, range);
	if (profile_remove_forgets(m))
		bad_forget(m, range);
	section_release(m, range);
	m->counters.nr_removes++;
}

int remove_locked(struct mhp *m, const struct mhp_range *ranges, uint32_t nr,
		  bool ejecting, struct mhp_report *report)
{
	int err = remove_check_ranges(m, ranges, nr, report);
	uint32_t i;

	for (i = 0; !err && i < nr; i++)
		err = remove_check_blocks(m, ranges[i], ejecting, report);
	if (err)
		return err;
	for (i = 0; i < nr; i++)
		if (section_range_block(m, ranges[i], ranges[i].start_pfn))
			remove_commit(m, ranges[i]);
	return 0;
}

int mhp_remove_ranges(struct mhp *m, const struct mhp_range *ranges,
		      uint32_t nr_ranges, struct mhp_report *report)
{
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_REMOVE,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	err = remove_locked(m, ranges, nr_ranges, false, report);
	mhp_unlock(m);
	return err;
}

int mhp_remove(struct mhp *m, struct mhp_range range, struct mhp_report *report)
{
	return mhp_remove_ranges(m, &range, 1, report);
}

void hotplug_fini(struct mhp *m)
{
	struct mhp_block *blk = section_next_block(m, 0), *next;

	for (; blk; blk = next) {
		struct mhp_range range = mhp_range_make(blk->start_pfn,
							m->layout.block_pages);

		next = section_next_block(m, mhp_range_end_pfn(range));
		if (block_has(block_status(blk), BLOCK_BOOT))
			continue;
		/* Where its memmap came from goes as well. */
		block_set_memmap_pfn(blk, MHP_PFN_NONE);
		section_unpublish(m, blk);
		scrub_block(m, blk);
		remove_block(m, blk);
		section_release(m, range);
	}
}
