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
 * After isolation the set of allocated pages only shrinks (rule R3), so
 * "nothing used" is final; and after the wait every descriptor of an allocated
 * page is written. What moves is decided by the owners: pages are theirs until
 * they say "moved".
 */
#include "offline.h"

#include "block.h"
#include "desc.h"
#include "isolate.h"
#include "libc.h"
#include "notify.h"
#include "section.h"
#include "zone.h"

/* Passes without any progress after which a refusal ends an operation. */
#define OFFLINE_IDLE_PASSES 4
/* The same if pages were only between two owners. */
#define OFFLINE_RACING_PASSES 4096

/* One step's work. */
struct batch {
	struct frame_head heads[MHP_OFFLINE_BATCH];
	uint64_t descs[MHP_OFFLINE_BATCH];
	unsigned int nr;
	unsigned int nr_pending; /* seen, but moving already */
	unsigned int node;	 /* of the block */
	bool end_of_block;
	/* what came of it */
	uint64_t nr_moved;
	uint64_t nr_pages_moved;
	uint64_t nr_pages_settled; /* by owners, and counted by them */
	uint64_t nr_refused;
	uint64_t unsettled;	   /* owners that put moves off, a bit each */
	struct mhp_report refusal; /* the first */
};

static struct mhp_block *offline_block(struct mhp *m,
				       const struct mhp_offline *op)
{
	return block_find(m, op->block_id);
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

		if (pageblock_nr_kept(m, &pb))
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
	int err = isolate_block(m, blk, &pfn);

	return err ? report_set(report, err, MHP_STAGE_OFFLINE,
				MHP_WHY_ISOLATED, pfn)
		   : 0;
}

int offline_foresee(struct mhp *m, struct mhp_block *blk, uint32_t flags,
		    struct mhp_report *report)
{
	struct mhp_report first = {.why = MHP_WHY_NONE};
	struct mhp_forecast forecast;

	if (!isolate_used(m, blk))
		return 0;
	(void)forecast_walk(m, blk, &forecast, NULL, 0,
			    flags & MHP_OFFLINE_PATIENT, &first);
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
	if (err)
		return err;
	if (!(op->flags & OFFLINE_ISOLATED)) {
		err = offline_isolate(m, blk, report);
		if (err)
			return err;
	}
	err = offline_foresee(m, blk, op->flags, report);
	if (err)
		goto unisolate;
	op->progress.nr_pages = block_usable(m, blk).nr_pages;
	op->progress.nr_pages_used = isolate_used(m, blk);
	block_set_life(blk, MHP_BLOCK_GOING_OFFLINE);
	err = notify_going(m, blk, MHP_EVENT_GOING_OFFLINE,
			   block_zone(block_status(blk)));
	if (err) {
		report_set(report, err, MHP_STAGE_OFFLINE, MHP_WHY_VETO,
			   blk->start_pfn);
		goto online;
	}
	return 0;
online:
	block_set_life(blk, MHP_BLOCK_ONLINE);
unisolate:
	if (!(op->flags & OFFLINE_ISOLATED))
		isolate_undo(m, blk);
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
	op->scan_pfn = blk->start_pfn;
	op->progress.nr_passes = 1;
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
		isolate_undo(m, blk);
	block_set_life(blk, MHP_BLOCK_ONLINE);
	notify_cancel(m, blk, MHP_EVENT_CANCEL_OFFLINE,
		      block_zone(block_status(blk)));
	op->active = 0;
}

static void offline_commit(struct mhp *m, struct mhp_offline *op)
{
	struct mhp_block *blk = offline_block(m, op);
	enum mhp_zone_type zone = block_zone(block_status(blk));

	zone_unlink(m, blk);
	zone_unaccount(m, blk);
	block_set_life(blk, MHP_BLOCK_OFFLINE);
	notify_done(m, blk, MHP_EVENT_OFFLINE, zone);
	block_set_zone(blk, MHP_ZONE_NONE);
	m->counters.nr_offlines++;
	op->active = 0;
}

/* End an operation. The report names the last page that was in the way, if any,
 * and says @why, or if that is NONE what was wrong with the page. */
static int offline_fail(struct mhp *m, struct mhp_offline *op, int err,
			enum mhp_why why, struct mhp_report *report)
{
	if (report && op->refusal.why != MHP_WHY_NONE)
		*report = op->refusal;
	else
		report_set(report, err, MHP_STAGE_OFFLINE, why, MHP_PFN_NONE);
	if (report) {
		report->code = err;
		report->why = why == MHP_WHY_NONE ? report->why : why;
	}
	offline_undo(m, op);
	return err;
}

/* ---- step ---- */

static void batch_collect(struct mhp *m, struct mhp_offline *op,
			  struct batch *batch)
{
	struct mhp_block *blk = offline_block(m, op);
	mhp_pfn_t end = blk->start_pfn + m->layout.block_pages;

	*batch = (struct batch){.node = block_node(block_status(blk))};
	while (batch->nr < MHP_OFFLINE_BATCH) {
		struct frame_head *head = &batch->heads[batch->nr];

		if (op->scan_pfn >= end ||
		    !frame_next_head(m, blk, op->scan_pfn, head)) {
			batch->end_of_block = true;
			return;
		}
		op->scan_pfn = head->pfn + (UINT64_C(1) << head->order);
		batch->descs[batch->nr] = mhp_port_load(head->desc);
		if (batch->descs[batch->nr] & DESC_MOVING)
			batch->nr_pending++;
		else
			batch->nr++;
	}
}

/* Lack of a target outweighs what an owner said. */
static void move_refused(struct mhp *m, struct batch *batch,
			 const struct frame_head *head, enum mhp_why why)
{
	struct owner_answer answer = owner_ask(m, head);

	batch->nr_refused++;
	if (batch->refusal.why != MHP_WHY_NONE && why != MHP_WHY_NO_TARGET)
		return;
	if (answer.pins && why == MHP_WHY_REFUSED)
		why = MHP_WHY_PINNED;
	report_set(&batch->refusal, MHP_ERR_BUSY, MHP_STAGE_OFFLINE, why,
		   head->pfn);
	owner_report(m, head, answer.pins, &batch->refusal);
}

static int move_target(struct mhp *m, const struct frame_head *head,
		       uint64_t desc, unsigned int node, mhp_pfn_t *to)
{
	struct mhp_request request = {
		.order = (uint8_t)head->order,
		.mobility = MHP_MOVABLE,
		.node_plus_1 = (uint16_t)(node + 1),
		.owner = desc_owner(desc),
		.cookie = desc_cookie(desc),
	};

	return mhp_frame_alloc(m, &request, to);
}

/* Set or clear "moving" in a descriptor that has not changed meanwhile. */
static bool desc_mark(mhp_word_t *word, uint64_t desc, bool moving)
{
	uint64_t from = moving ? desc : desc | DESC_MOVING;

	return mhp_port_cas(word, &from, moving ? desc | DESC_MOVING : desc);
}

static void move_done(struct mhp *m, struct batch *batch,
		      const struct frame_head *head)
{
	/* An owner that freed it itself, against the rules, does no harm: the
	 * page is isolated, so it is nobody else's. */
	(void)mhp_frame_free(m, head->pfn, head->order);
	batch->nr_moved++;
	batch->nr_pages_moved += UINT64_C(1) << head->order;
}

/* Ask the owner. @desc is the descriptor as collected. */
static void move_ask(struct mhp *m, struct batch *batch,
		     const struct frame_head *head, uint64_t desc,
		     mhp_pfn_t to_pfn)
{
	struct owner *owner = &m->owners[desc_owner(desc)];
	struct mhp_move move = {.from_pfn = head->pfn,
				.to_pfn = to_pfn,
				.order = (uint8_t)head->order,
				.cookie = desc_cookie(desc)};
	int err = MHP_ERR_AGAIN;

	if (desc_mark(head->desc, desc, true)) {
		err = owner->ops->move(owner->ctx, m, &move);
		if (!err) {
			move_done(m, batch, head);
			return;
		}
		if (err == MHP_ERR_INPROGRESS) {
			batch->unsettled |= UINT64_C(1) << desc_owner(desc);
			return;
		}
		(void)desc_mark(head->desc, desc, false);
	}
	(void)mhp_frame_free(m, to_pfn, head->order);
	if (err != MHP_ERR_AGAIN)
		move_refused(m, batch, head, MHP_WHY_REFUSED);
}

/* Move one allocation. Return: 0, also if it stays for now; MHP_ERR_NOMEM. */
static int offline_move(struct mhp *m, struct batch *batch, unsigned int i)
{
	const struct frame_head *head = &batch->heads[i];
	uint64_t desc = batch->descs[i];
	mhp_pfn_t to_pfn;
	int err;

	if (!owner_ask(m, head).moves) {
		move_refused(m, batch, head, MHP_WHY_UNMOVABLE);
		return 0;
	}
	err = move_target(m, head, desc, batch->node, &to_pfn);
	if (err == MHP_ERR_NOMEM)
		move_refused(m, batch, head, MHP_WHY_NO_TARGET);
	else if (!err)
		move_ask(m, batch, head, desc, to_pfn);
	return err == MHP_ERR_NOMEM ? err : 0;
}

static bool offline_late(struct mhp *m, const struct mhp_offline *op)
{
	return op->deadline_ns != MHP_NO_DEADLINE &&
	       m->ops->now_ns(m->ops_ctx) >= op->deadline_ns;
}

static bool offline_cancelled(const struct mhp_offline *op)
{
	return mhp_port_load_acquire(&op->cancelled);
}

/* Let the owners finish what they have put off. */
static void batch_settle(struct mhp *m, struct batch *batch)
{
	for (; batch->unsettled; batch->unsettled &= batch->unsettled - 1) {
		struct owner *owner =
			&m->owners[__builtin_ctzll(batch->unsettled)];

		if (owner->ops->settle)
			batch->nr_pages_settled += owner->ops->settle(
				owner->ctx, m);
	}
}

/* Without the mutex: the block stays GOING_OFFLINE, so nobody removes it. */
static int batch_move(struct mhp *m, const struct mhp_offline *op,
		      struct batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->nr; i++) {
		int err;

		if (offline_late(m, op) || offline_cancelled(op)) {
			batch->end_of_block = false;
			return 0;
		}
		err = offline_move(m, batch, i);
		if (err)
			return err;
	}
	return 0;
}

/* Enter what a batch did into the operation's accounts. */
static void batch_account(struct mhp *m, struct mhp_offline *op,
			  const struct batch *batch)
{
	op->nr_pass_moved += batch->nr_moved + batch->nr_pages_settled;
	op->nr_pass_refused += batch->nr_refused;
	op->nr_pass_pending += batch->nr_pending;
	op->progress.nr_pages_moved += batch->nr_pages_moved +
				       batch->nr_pages_settled;
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

static void offline_next_pass(struct mhp *m, struct mhp_offline *op)
{
	op->scan_pfn = offline_block(m, op)->start_pfn;
	op->nr_pass_moved = 0;
	op->nr_pass_refused = 0;
	op->nr_pass_pending = 0;
	op->progress.nr_passes++;
}

/* Whether another pass would be like this one. */
static bool offline_hopeless(const struct mhp_offline *op)
{
	if (op->flags & MHP_OFFLINE_PATIENT || op->nr_pass_pending)
		return false;
	return op->nr_idle_passes >= (op->nr_pass_refused
					      ? OFFLINE_IDLE_PASSES
					      : OFFLINE_RACING_PASSES);
}

/* A whole walk is done: finished, hopeless, or once more? */
static int offline_end_of_pass(struct mhp *m, struct mhp_offline *op,
			       struct mhp_report *report)
{
	op->progress.nr_pages_used = isolate_used(m, offline_block(m, op));
	if (!op->progress.nr_pages_used) {
		offline_commit(m, op);
		return 0;
	}
	op->nr_idle_passes = op->nr_pass_moved ? 0 : op->nr_idle_passes + 1;
	if (offline_hopeless(op))
		return offline_fail(m, op, MHP_ERR_BUSY,
				    op->nr_pass_refused ? MHP_WHY_NONE
							: MHP_WHY_IN_FLIGHT,
				    report);
	offline_next_pass(m, op);
	return MHP_ERR_AGAIN;
}

static int offline_step_end(struct mhp *m, struct mhp_offline *op,
			    const struct batch *batch, int err,
			    struct mhp_report *report)
{
	op->stepping = 0;
	m->nr_steps--;
	batch_account(m, op, batch);
	if (offline_cancelled(op))
		return offline_fail(m, op, MHP_ERR_CANCELED, MHP_WHY_CANCELLED,
				    report);
	if (err)
		return offline_fail(m, op, err, MHP_WHY_NONE, report);
	if (batch->end_of_block) {
		err = offline_end_of_pass(m, op, report);
		if (err != MHP_ERR_AGAIN)
			return err;
	}
	if (offline_late(m, op))
		return offline_fail(m, op, MHP_ERR_TIMEDOUT, MHP_WHY_DEADLINE,
				    report);
	return MHP_ERR_AGAIN;
}

static int offline_step_begin(struct mhp *m, struct mhp_offline *op,
			      struct batch *batch, struct mhp_report *report)
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
	batch_collect(m, op, batch);
	mhp_unlock(m);
	return 0;
}

int mhp_offline_step(struct mhp *m, struct mhp_offline *op,
		     struct mhp_report *report)
{
	struct batch batch;
	int err;

	err = offline_step_begin(m, op, &batch, report);
	if (err)
		return err;
	err = batch_move(m, op, &batch);
	batch_settle(m, &batch);
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
		op->progress.nr_pages_used = isolate_used(m,
							  offline_block(m, op));
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
