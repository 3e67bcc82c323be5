/* SPDX-License-Identifier: MIT */
/*
 * Removing memory: everything that can be refused is asked first; then blocks
 * are unpublished, readers waited for, and what they had is given back, which
 * cannot fail.
 *
 * INV-06 after add and remove the state is what it was, monotonic counters
 * aside.
 */
#include "bad.h"
#include "block.h"
#include "describe.h"
#include "grace.h"
#include "group.h"
#include "host.h"
#include "hotplug.h"
#include "lent.h"
#include "node.h"
#include "notify.h"
#include "profile.h"
#include "resource.h"
#include "section.h"
#include "vmemmap.h"

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

/* A host leaves with its dependents or behind them. */
int remove_check_hosts(struct mhp *m, const struct mhp_range *ranges,
		       uint32_t nr, struct mhp_report *report)
{
	uint32_t i;
	int err = 0;

	for (i = 0; i < nr; i++) {
		struct mhp_block *blk = section_range_block(
			m, ranges[i], ranges[i].start_pfn);

		for (; blk && !err; blk = range_block_after(m, ranges[i], blk))
			err = host_check_leave(m, blk, ranges, nr, report);
	}
	return err;
}

static void scrub_block(struct mhp *m, const struct mhp_block *blk)
{
	if (block_has(block_status(blk), BLOCK_SCRUB) && m->ops->scrub)
		m->ops->scrub(
			m->ops_ctx,
			mhp_range_make(blk->start_pfn, m->layout.block_pages));
}

/* Say which blocks leave, while all that is asked about them is as it was. */
static void remove_tell(struct mhp *m, struct mhp_range range)
{
	struct mhp_block *blk = section_range_block(m, range, range.start_pfn);

	for (; blk; blk = range_block_after(m, range, blk)) {
		notify_done(m, blk, MHP_EVENT_REMOVED, MHP_ZONE_NONE);
		if (node_leave(m, blk))
			notify_done(m, blk, MHP_EVENT_NODE_GONE, MHP_ZONE_NONE);
	}
}

/* Nobody finds the blocks of a range any more. They are put before @gone, the
 * last one first. */
static struct mhp_block *remove_unpublish(struct mhp *m, struct mhp_range range,
					  struct mhp_block *gone)
{
	struct mhp_block *blk, *next;

	for (blk = section_range_block(m, range, range.start_pfn); blk;
	     blk = next) {
		next = range_block_after(m, range, blk);
		section_unpublish(m, blk);
		blk->prev = gone;
		gone = blk;
	}
	return gone;
}

const struct mhp_range *remove_next(const struct mhp_range *ranges, uint32_t nr,
				    mhp_pfn_t pfn)
{
	const struct mhp_range *next = NULL;
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (ranges[i].start_pfn >= pfn &&
		    (!next || ranges[i].start_pfn < next->start_pfn))
			next = &ranges[i];
	return next;
}

/* From when they are unpublished on, nobody says of the pages in their hosts
 * that they are kept, nor that they are lent. */
static void remove_hold(struct mhp *m, struct mhp_range range)
{
	struct mhp_block *blk = section_range_block(m, range, range.start_pfn);

	for (; blk; blk = range_block_after(m, range, blk)) {
		host_hold(m, host_piece(m, blk));
		m->nr_lent -= lent_in_block(m, blk);
	}
}

static struct mhp_block *
remove_unpublish_all(struct mhp *m, const struct mhp_range *ranges, uint32_t nr)
{
	const struct mhp_range *range = remove_next(ranges, nr, 0);
	struct mhp_block *gone = NULL;
	uint32_t i;

	for (; range;
	     range = remove_next(ranges, nr, mhp_range_end_pfn(*range)))
		remove_tell(m, *range);
	for (i = 0; i < nr; i++)
		remove_hold(m, ranges[i]);
	for (range = remove_next(ranges, nr, 0); range;
	     range = remove_next(ranges, nr, mhp_range_end_pfn(*range)))
		gone = remove_unpublish(m, *range, gone);
	grace_wait(m);
	return gone;
}

/* Give back memmap and state of all, then the pages that held them, then the
 * blocks: from the last to the first, as hosts are before their dependents.
 * Scrubbing takes long, and until pages are back what they share a pageblock
 * with may be out of reach. */
static void remove_release(struct mhp *m, struct mhp_block *gone)
{
	struct mhp_block *blk, *before;

	for (blk = gone; blk; blk = blk->prev)
		undescribe_block(m, blk);
	host_release_all(m, gone);
	for (blk = gone; blk; blk = before) {
		before = blk->prev;
		scrub_block(m, blk);
		group_leave(m, blk);
		block_delete(m, blk);
		m->nr_blocks_added--;
	}
}

/* Unpublish all, wait once, then give all back. */
static void remove_commit(struct mhp *m, const struct mhp_range *ranges,
			  uint32_t nr)
{
	uint32_t i;

	remove_release(m, remove_unpublish_all(m, ranges, nr));
	for (i = 0; i < nr; i++) {
		resource_removed(m, ranges[i]);
		if (profile_remove_forgets(m))
			bad_forget(m, ranges[i]);
		section_release(m, ranges[i]);
	}
	m->counters.nr_removes++;
}

int remove_locked(struct mhp *m, const struct mhp_range *ranges, uint32_t nr,
		  bool ejecting, struct mhp_report *report)
{
	int err = remove_check_ranges(m, ranges, nr, report);
	uint32_t i;

	for (i = 0; !err && i < nr; i++)
		err = remove_check_blocks(m, ranges[i], ejecting, report);
	if (!err)
		err = remove_check_hosts(m, ranges, nr, report);
	if (!err)
		remove_commit(m, ranges, nr);
	return err;
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

/* Memmaps first: what they stand in goes as well. */
static void fini_undescribe(struct mhp *m, struct mhp_block *blk)
{
	struct span span = block_span(m, blk, 0);

	if (span.windowed)
		vmemmap_unmap(m, &span);
	if (!block_has(block_status(blk), BLOCK_HOSTED | BLOCK_RANGE))
		m->ops->meta_free(m->ops_ctx, blk->state,
				  m->layout.state_bytes);
}

static void fini_delete(struct mhp *m, struct mhp_block *blk)
{
	struct mhp_range range = mhp_range_make(blk->start_pfn,
						m->layout.block_pages);

	section_unpublish(m, blk);
	scrub_block(m, blk);
	block_delete(m, blk);
	section_release(m, range);
}

static void fini_added(struct mhp *m,
		       void (*act)(struct mhp *m, struct mhp_block *blk))
{
	struct mhp_block *blk = section_next_block(m, 0), *next;

	for (; blk; blk = next) {
		next = section_next_block(m, blk->start_pfn +
						     m->layout.block_pages);
		if (!block_has(block_status(blk), BLOCK_BOOT))
			act(m, blk);
	}
}

void hotplug_fini(struct mhp *m)
{
	fini_added(m, fini_undescribe);
	fini_added(m, fini_delete);
}
