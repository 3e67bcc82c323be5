/* SPDX-License-Identifier: MIT */
/*
 * Taking a block out of use, in steps.
 *
 *   begin: isolate, wait for allocations in flight, forecast, ask notifiers
 *   step:  collect a batch of allocations under the mutex, move them without it
 *   end:   commit when nothing is left, or undo: un-isolate, CANCEL, online
 *
 * INV-07 a block is GOING_OFFLINE exactly while one operation on it is active;
 * it is isolated as a whole then.
 *
 * What moves, and how, is evacuate.h's.
 */
#include "offline.h"

#include "block.h"
#include "evacuate.h"
#include "host.h"
#include "isolate.h"
#include "phase.h"
#include "room.h"
#include "zone.h"

static struct mhp_block *offline_block(struct mhp *m,
				       const struct mhp_offline *op)
{
	return block_find(m, op->block_id);
}

static struct mhp_range offline_range(const struct mhp *m,
				      const struct mhp_block *blk)
{
	return mhp_range_make(blk->start_pfn, m->layout.block_pages);
}

/* ---- begin ---- */

static int offline_check(const struct mhp_block *blk, uint32_t flags,
			 struct mhp_report *report)
{
	uint64_t status;

	if (!blk)
		return report_set(report, MHP_ERR_NOENT, MHP_STAGE_OFFLINE,
				  MHP_WHY_NO_BLOCK, MHP_PFN_NONE);
	status = block_status(blk);
	if (block_life(status) == MHP_BLOCK_OFFLINE)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_OFFLINE,
				  MHP_WHY_WRONG_STATE, blk->start_pfn);
	if (block_life(status) != MHP_BLOCK_ONLINE ||
	    block_has(status, BLOCK_EJECTING) != !!(flags & OFFLINE_ISOLATED))
		return report_set(report, MHP_ERR_BUSY, MHP_STAGE_OFFLINE,
				  MHP_WHY_TRANSITION, blk->start_pfn);
	if (block_has(status, BLOCK_MANY))
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_OFFLINE,
				  MHP_WHY_MANY_ZONES, blk->start_pfn);
	if (block_has(status, BLOCK_HOLES))
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_OFFLINE,
				  MHP_WHY_HOLES, blk->start_pfn);
	return 0;
}

/* Pages of a boot block that the engine or the embedder keeps never leave. */
static int offline_check_kept(struct mhp *m, struct mhp_block *blk,
			      struct mhp_report *report)
{
	uint32_t i;

	if (!block_has(block_status(blk), BLOCK_BOOT))
		return 0;
	for (i = 0; i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		if (pageblock_has_fixed(m, &pb))
			return report_set(report, MHP_ERR_BUSY,
					  MHP_STAGE_OFFLINE, MHP_WHY_UNMOVABLE,
					  pageblock_pfn(m, &pb));
	}
	return 0;
}

static int offline_isolate(struct mhp *m, struct mhp_block *blk,
			   struct mhp_report *report)
{
	mhp_pfn_t pfn = MHP_PFN_NONE;
	int err = isolate_range(m, blk, offline_range(m, blk), &pfn);

	return err ? report_set(report, err, MHP_STAGE_OFFLINE,
				MHP_WHY_ISOLATED, pfn)
		   : 0;
}

int offline_foresee(struct mhp *m, struct mhp_block *blk,
		    struct mhp_range range, uint32_t flags,
		    uint64_t deadline_ns, struct mhp_report *report)
{
	struct mhp_report first = {.why = MHP_WHY_NONE};
	struct mhp_forecast forecast;

	if (!isolate_used(m, blk, range))
		return 0;
	(void)forecast_walk(m, blk, range, &forecast, NULL, 0,
			    flags & MHP_OFFLINE_PATIENT, deadline_ns, &first);
	if (first.why == MHP_WHY_NONE)
		return 0;
	if (report)
		*report = first;
	return first.code;
}

static int offline_prepare(struct mhp *m, struct mhp_block *blk,
			   struct mhp_offline *op, struct mhp_report *report)
{
	int err;

	err = offline_check_kept(m, blk, report);
	if (!err)
		err = host_check_offline(m, blk, report);
	if (err)
		return err;
	if (!(op->flags & OFFLINE_ISOLATED)) {
		err = offline_isolate(m, blk, report);
		if (err)
			return err;
	}
	err = offline_foresee(m, blk, offline_range(m, blk), op->flags,
			      op->deadline_ns, report);
	if (err)
		goto unisolate;
	op->progress.nr_pages = m->layout.block_pages -
				block_memmap_pages(block_status(blk));
	op->progress.nr_pages_used = isolate_used(m, blk,
						  offline_range(m, blk));
	block_set_life(blk, MHP_BLOCK_GOING_OFFLINE);
	zone_going(m, blk, true);
	err = phase_going_offline(m, blk);
	if (err) {
		report_set(report, err, MHP_STAGE_OFFLINE, MHP_WHY_VETO,
			   blk->start_pfn);
		goto online;
	}
	return 0;
online:
	zone_going(m, blk, false);
	block_set_life(blk, MHP_BLOCK_ONLINE);
unisolate:
	if (!(op->flags & OFFLINE_ISOLATED))
		isolate_undo(m, blk, offline_range(m, blk));
	return err;
}

static int offline_begin_locked(struct mhp *m, struct mhp_offline *op,
				struct mhp_report *report)
{
	struct mhp_block *blk = offline_block(m, op);
	int err = offline_check(blk, op->flags, report);

	if (!err)
		err = offline_prepare(m, blk, op, report);
	if (err)
		return err;
	evacuate_next_pass(m, offline_range(m, blk), op);
	op->active = 1;
	return 0;
}

static int offline_start(struct mhp *m, struct mhp_offline *op,
			 uint64_t block_id, uint64_t deadline_ns,
			 uint32_t flags, struct mhp_report *report)
{
	int err = mhp_lock(m);

	*op = (struct mhp_offline){
		.block_id = block_id,
		.deadline_ns = deadline_ns,
		.flags = flags,
	};
	if (err)
		return report_set(report, err, MHP_STAGE_OFFLINE,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	err = offline_begin_locked(m, op, report);
	mhp_unlock(m);
	return err;
}

int mhp_offline_begin(struct mhp *m, struct mhp_offline *op, uint64_t block_id,
		      uint64_t deadline_ns, uint32_t flags,
		      struct mhp_report *report)
{
	if (flags & ~MHP_OFFLINE_PATIENT) {
		*op = (struct mhp_offline){.block_id = block_id};
		return report_rule(report, MHP_ERR_INVAL, MHP_STAGE_OFFLINE,
				   MHP_WHY_BAD_REQUEST, 0, "unknown flag");
	}
	return offline_start(m, op, block_id, deadline_ns, flags, report);
}

/* ---- end ---- */

static void offline_undo(struct mhp *m, struct mhp_offline *op)
{
	struct mhp_block *blk = offline_block(m, op);

	if (!(op->flags & OFFLINE_ISOLATED))
		isolate_undo(m, blk, offline_range(m, blk));
	zone_going(m, blk, false);
	block_set_life(blk, MHP_BLOCK_ONLINE);
	phase_cancel_offline(m, blk);
	op->active = 0;
}

static void offline_commit(struct mhp *m, struct mhp_offline *op)
{
	struct mhp_block *blk = offline_block(m, op);
	enum mhp_zone_type zone = block_zone(block_status(blk));

	zone_unlink(m, blk);
	zone_going(m, blk, false);
	zone_unaccount(m, blk);
	block_set_life(blk, MHP_BLOCK_OFFLINE);
	room_close(m, blk);
	phase_offline(m, blk, zone);
	block_set_zone(blk, MHP_ZONE_NONE);
	m->counters.nr_offlines++;
	op->active = 0;
}

static int offline_fail(struct mhp *m, struct mhp_offline *op, int err,
			enum mhp_why why, struct mhp_report *report)
{
	evacuate_report(op, err, why, report);
	offline_undo(m, op);
	return err;
}

/* ---- step ---- */

static void offline_count_used(struct mhp *m, struct mhp_offline *op)
{
	struct mhp_block *blk = offline_block(m, op);

	op->progress.nr_pages_used = isolate_used(m, blk,
						  offline_range(m, blk));
}

/* A whole walk is done: finished, hopeless, or once more? */
static int offline_end_of_pass(struct mhp *m, struct mhp_offline *op,
			       struct mhp_report *report)
{
	offline_count_used(m, op);
	if (!op->progress.nr_pages_used) {
		offline_commit(m, op);
		return 0;
	}
	if (evacuate_hopeless(op))
		return offline_fail(m, op, MHP_ERR_BUSY,
				    op->nr_pass_refused ? MHP_WHY_NONE
							: MHP_WHY_IN_FLIGHT,
				    report);
	evacuate_next_pass(m, offline_range(m, offline_block(m, op)), op);
	return MHP_ERR_AGAIN;
}

static int offline_step_end(struct mhp *m, struct mhp_offline *op,
			    const struct evacuate_batch *batch, int err,
			    struct mhp_report *report)
{
	op->stepping = 0;
	m->nr_steps--;
	evacuate_account(m, op, batch);
	if (evacuate_cancelled(op))
		return offline_fail(m, op, MHP_ERR_CANCELED, MHP_WHY_CANCELLED,
				    report);
	if (err)
		return offline_fail(m, op, err, MHP_WHY_NONE, report);
	if (batch->end_of_range) {
		err = offline_end_of_pass(m, op, report);
		if (err != MHP_ERR_AGAIN)
			return err;
	}
	if (evacuate_late(m, op))
		return offline_fail(m, op, MHP_ERR_TIMEDOUT, MHP_WHY_DEADLINE,
				    report);
	return MHP_ERR_AGAIN;
}

/* Nothing to collect where nothing was in use: isolated and empty, a block
 * stays so (R3). */
static void offline_collect(struct mhp *m, struct mhp_offline *op,
			    struct evacuate_batch *batch)
{
	struct mhp_block *blk = offline_block(m, op);

	if (op->progress.nr_pages_used)
		evacuate_collect(m, blk, offline_range(m, blk), op, batch);
	else
		*batch = (struct evacuate_batch){.end_of_range = true};
}

static int offline_step_begin(struct mhp *m, struct mhp_offline *op,
			      struct evacuate_batch *batch,
			      struct mhp_report *report)
{
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_OFFLINE,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	if (!op->active || op->stepping) {
		err = op->active ? MHP_ERR_BUSY : MHP_ERR_INVAL;
		mhp_unlock(m);
		return report_set(report, err, MHP_STAGE_OFFLINE,
				  MHP_WHY_WRONG_STATE, MHP_PFN_NONE);
	}
	op->stepping = 1;
	m->nr_steps++;
	offline_collect(m, op, batch);
	mhp_unlock(m);
	return 0;
}

int mhp_offline_step(struct mhp *m, struct mhp_offline *op,
		     struct mhp_report *report)
{
	struct evacuate_batch batch;
	int err;

	err = offline_step_begin(m, op, &batch, report);
	if (err)
		return err;
	err = evacuate_move(m, op, &batch);
	MHP_FATAL(!mhp_lock(m));
	err = offline_step_end(m, op, &batch, err, report);
	mhp_unlock(m);
	return err;
}

void mhp_offline_progress(struct mhp *m, struct mhp_offline *op,
			  struct mhp_progress *progress)
{
	if (mhp_lock(m)) {
		*progress = op->progress;
		return;
	}
	if (op->active)
		offline_count_used(m, op);
	*progress = op->progress;
	mhp_unlock(m);
}

void mhp_offline_cancel(struct mhp *m, struct mhp_offline *op)
{
	mhp_port_or(&op->cancelled, 1);
	if (mhp_lock(m))
		return;
	if (op->active && !op->stepping)
		offline_undo(m, op);
	mhp_unlock(m);
}

/* ---- wrappers ---- */

/* Step to the end; pages between two owners get a while to settle. */
static int offline_run(struct mhp *m, struct mhp_offline *op,
		       struct mhp_report *report)
{
	int err;

	do {
		err = mhp_offline_step(m, op, report);
		if (err == MHP_ERR_AGAIN)
			mhp_port_relax();
	} while (err == MHP_ERR_AGAIN);
	return err;
}

int offline_flagged(struct mhp *m, uint64_t block_id, uint64_t deadline_ns,
		    uint32_t flags, struct mhp_report *report)
{
	struct mhp_offline op;
	int err;

	err = offline_start(m, &op, block_id, deadline_ns, flags, report);
	return err ? err : offline_run(m, &op, report);
}

int mhp_block_offline(struct mhp *m, uint64_t block_id, uint64_t deadline_ns,
		      struct mhp_report *report)
{
	return offline_flagged(m, block_id, deadline_ns, 0, report);
}
