/* SPDX-License-Identifier: MIT */
/*
 * Moving what is in use out of a range, a batch at a time; see evacuate.h: what
 * is collected, and what came of it. How it moves is evacuate_move.c's.
 */
#include "evacuate.h"

#include "desc.h"
#include "libc.h"
#include "offline.h"

/* Passes without any progress after which a refusal ends an operation. */
#define EVACUATE_IDLE_PASSES 4
/* The same if pages were only between two owners. */
#define EVACUATE_RACING_PASSES 4096

/* The next allocation with pages in the range, from where the pass is. One that
 * begins before the range may reach into it: a pass starts with the pageblock
 * that the range begins in. */
static bool collect_next(struct mhp *m, struct mhp_block *blk,
			 struct mhp_range range, struct mhp_offline *op,
			 struct frame_head *head)
{
	while (op->scan_pfn < mhp_range_end_pfn(range) &&
	       frame_next_head(m, blk, op->scan_pfn, head) &&
	       head->pfn < mhp_range_end_pfn(range)) {
		op->scan_pfn = head->pfn + head->nr_pages;
		if (op->scan_pfn > range.start_pfn)
			return true;
	}
	return false;
}

static void collect_add(struct evacuate_batch *batch,
			const struct mhp_offline *op,
			const struct frame_head *head)
{
	uint64_t desc = mhp_port_load(head->desc);

	if (desc & DESC_MOVING) {
		batch->nr_pending++;
		return;
	}
	batch->lends |= (uint64_t)head->lends << batch->nr;
	batch->descs[batch->nr] = desc;
	batch->moves[batch->nr++] = (struct mhp_move){
		.from_pfn = head->pfn,
		.to_pfn = MHP_PFN_NONE,
		.order = (uint8_t)head->order,
		.nr_pages = head->nr_pages,
		.cookie = desc_cookie(desc),
		.op = op,
	};
}

static mhp_pfn_t row_end(const struct mhp *m, mhp_pfn_t pfn)
{
	return (pfn | m->layout.row_index_mask) + 1;
}

/* Single pages of the row where the pass is; whether there were any. */
static bool collect_row(struct mhp *m, struct mhp_block *blk,
			struct mhp_range range, struct mhp_offline *op,
			struct evacuate_batch *batch)
{
	mhp_pfn_t pfn = op->scan_pfn, end = mhp_range_end_pfn(range);
	uint64_t bits;

	if (pfn < range.start_pfn || row_end(m, pfn) > end)
		return false;
	bits = frame_row_singles(m, blk, pfn);
	if (!bits)
		return false;
	for (; bits && batch->nr < MHP_OFFLINE_BATCH; bits &= bits - 1) {
		unsigned int page = (unsigned int)__builtin_ctzll(bits);
		struct frame_head head = {.pfn = pfn + page, .nr_pages = 1};

		head.desc = desc_word(m, blk, head.pfn);
		collect_add(batch, op, &head);
		op->scan_pfn = head.pfn + 1;
	}
	if (!bits)
		op->scan_pfn = row_end(m, pfn);
	return true;
}

/* What the next batch reads first is on its way while this one moves. */
static void collect_prefetch(struct mhp *m, struct mhp_block *blk,
			     struct mhp_range range, mhp_pfn_t pfn)
{
	uint64_t bits;

	pfn = row_end(m, pfn - 1);
	if (pfn >= mhp_range_end_pfn(range))
		return;
	for (bits = frame_row_singles(m, blk, pfn); bits; bits &= bits - 1)
		__builtin_prefetch(desc_word(
			m, blk, pfn + (unsigned int)__builtin_ctzll(bits)));
}

void evacuate_collect(struct mhp *m, struct mhp_block *blk,
		      struct mhp_range range, struct mhp_offline *op,
		      struct evacuate_batch *batch)
{
	memset(batch, 0, offsetof(struct evacuate_batch, moves));
	batch->node = block_node(block_status(blk));
	while (batch->nr < MHP_OFFLINE_BATCH) {
		struct frame_head head;

		if (collect_row(m, blk, range, op, batch))
			continue;
		if (!collect_next(m, blk, range, op, &head)) {
			batch->end_of_range = true;
			return;
		}
		collect_add(batch, op, &head);
	}
	collect_prefetch(m, blk, range, op->scan_pfn);
}

bool evacuate_late(struct mhp *m, const struct mhp_offline *op)
{
	return offline_is_late(m, op->deadline_ns);
}

bool evacuate_cancelled(const struct mhp_offline *op)
{
	return mhp_port_load_acquire(&op->cancelled);
}

bool evacuate_expired(struct mhp *m, const struct mhp_offline *op)
{
	return evacuate_cancelled(op) || evacuate_late(m, op);
}

bool mhp_move_expired(struct mhp *m, const struct mhp_move *move)
{
	return move->op && evacuate_expired(m, move->op);
}

void evacuate_account(struct mhp *m, struct mhp_offline *op,
		      const struct evacuate_batch *batch)
{
	op->nr_pass_moved += batch->nr_moved;
	op->nr_pass_refused += batch->nr_refused;
	op->nr_pass_pending += batch->nr_pending;
	op->progress.nr_pages_moved += batch->nr_pages_moved;
	op->progress.nr_moves_refused += batch->nr_refused;
	mhp_port_add(&m->counters.nr_pages_moved, batch->nr_pages_moved);
	mhp_port_add(&m->counters.nr_moves_refused, batch->nr_refused);
	if (batch->refusal.why == MHP_WHY_NO_TARGET ||
	    (batch->refusal.why != MHP_WHY_NONE &&
	     op->nr_pass_refused == batch->nr_refused))
		op->refusal = batch->refusal;
	else if (batch->nr_moved && !op->nr_pass_refused)
		op->refusal.why = MHP_WHY_NONE;
}

void evacuate_next_pass(const struct mhp *m, struct mhp_range range,
			struct mhp_offline *op)
{
	op->scan_pfn = range.start_pfn &
		       ~(mhp_pfn_t)(m->layout.pageblock_pages - 1);
	op->nr_pass_moved = 0;
	op->nr_pass_refused = 0;
	op->nr_pass_pending = 0;
	op->progress.nr_passes++;
}

bool evacuate_hopeless(struct mhp_offline *op)
{
	op->nr_idle_passes = op->nr_pass_moved ? 0 : op->nr_idle_passes + 1;
	if (op->flags & MHP_OFFLINE_PATIENT || op->nr_pass_pending)
		return false;
	return op->nr_idle_passes >= (op->nr_pass_refused
					      ? EVACUATE_IDLE_PASSES
					      : EVACUATE_RACING_PASSES);
}

void evacuate_report(const struct mhp_offline *op, int err, enum mhp_why why,
		     struct mhp_report *report)
{
	if (!report)
		return;
	if (op->refusal.why != MHP_WHY_NONE)
		*report = op->refusal;
	else
		report_set(report, err, MHP_STAGE_OFFLINE, why, MHP_PFN_NONE);
	report->code = err;
	report->why = why == MHP_WHY_NONE ? report->why : why;
}
