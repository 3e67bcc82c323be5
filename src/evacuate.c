/* SPDX-License-Identifier: MIT */
/*
 * Moving what is in use out of a range, a batch at a time; see evacuate.h. What
 * moves is decided by the owners: pages are theirs until they say "moved".
 */
#include "evacuate.h"

#include "desc.h"
#include "offline.h"
#include "owner.h"
#include "section.h"

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

void evacuate_collect(struct mhp *m, struct mhp_block *blk,
		      struct mhp_range range, struct mhp_offline *op,
		      struct evacuate_batch *batch)
{
	*batch = (struct evacuate_batch){.node = block_node(block_status(blk))};
	while (batch->nr < MHP_OFFLINE_BATCH) {
		struct frame_head *head = &batch->heads[batch->nr];

		if (!collect_next(m, blk, range, op, head)) {
			batch->end_of_range = true;
			return;
		}
		batch->descs[batch->nr] = mhp_port_load(head->desc);
		if (batch->descs[batch->nr] & DESC_MOVING)
			batch->nr_pending++;
		else
			batch->nr++;
	}
}

/* Lack of a target outweighs what an owner said. */
static void move_refused(struct mhp *m, struct evacuate_batch *batch,
			 unsigned int i, enum mhp_why why)
{
	const struct frame_head *head = &batch->heads[i];
	struct owner_answer answer = owner_ask(m, head, batch->descs[i]);

	batch->nr_refused++;
	if (batch->refusal.why != MHP_WHY_NONE && why != MHP_WHY_NO_TARGET)
		return;
	if (answer.pins && why == MHP_WHY_REFUSED)
		why = MHP_WHY_PINNED;
	report_set(&batch->refusal, MHP_ERR_BUSY, MHP_STAGE_OFFLINE, why,
		   head->pfn);
	owner_report(m, head, batch->descs[i], answer.pins, &batch->refusal);
}

static int move_target(struct mhp *m, const struct frame_head *head,
		       uint64_t desc, unsigned int node, mhp_pfn_t *to)
{
	struct mhp_request request = {
		.size_bytes = sizeof(request),
		.mobility = MHP_MOVABLE,
		.align_order = (uint8_t)desc_align(desc),
		.node_plus_1 = (uint16_t)(node + 1),
		.owner = desc_owner(desc),
		.cookie = desc_cookie(desc),
		/* Its holder has promised that. */
		.flags = head->lends ? MHP_ALLOC_NO_TAILS : 0,
	};

	if (head->nr_pages > m->layout.pageblock_pages)
		return mhp_run_alloc(m, &request, head->nr_pages, to);
	request.order = (uint8_t)head->order;
	return mhp_frame_alloc(m, &request, to);
}

/* Where the descriptor of a collected allocation is now, or NULL. It may begin
 * in a block before this one, which nobody keeps: that can go, if somebody else
 * has moved the allocation, and its memmap can move. */
static mhp_word_t *desc_now(struct mhp *m, mhp_pfn_t pfn, bool marking)
{
	struct mhp_block *blk = section_block(m, pfn);
	uint64_t status;

	if (!blk)
		return NULL;
	/* A memmap that moves has been looked at for marks, or will be once
	 * this section has ended. */
	status = block_status(blk);
	return (marking ? block_grants(status) : block_serves(status))
		       ? desc_word(m, blk, pfn)
		       : NULL;
}

/* Set or clear "moving" in a descriptor that has not changed meanwhile. */
static bool desc_mark(struct mhp *m, mhp_pfn_t pfn, uint64_t desc, bool moving)
{
	uint64_t from = moving ? desc : desc | DESC_MOVING;
	uint64_t to = moving ? desc | DESC_MOVING : desc;
	mhp_word_t *word;
	bool done;

	mhp_port_read_lock();
	word = desc_now(m, pfn, moving);
	done = word && mhp_port_cas(word, &from, to);
	mhp_port_read_unlock();
	return done;
}

static void move_done(struct mhp *m, struct evacuate_batch *batch,
		      const struct frame_head *head)
{
	/* An owner that freed it itself, against the rules, does no harm: some
	 * of it is isolated, so nothing of that length begins there now. */
	(void)frame_free_head(m, head->pfn, head->nr_pages);
	batch->nr_moved++;
	batch->nr_pages_moved += head->nr_pages;
}

/* Ask the owner. */
static void move_ask(struct mhp *m, const struct mhp_offline *op,
		     struct evacuate_batch *batch, unsigned int i,
		     mhp_pfn_t to_pfn)
{
	const struct frame_head *head = &batch->heads[i];
	uint64_t desc = batch->descs[i];
	struct owner *owner = &m->owners[desc_owner(desc)];
	struct mhp_move move = {.from_pfn = head->pfn,
				.to_pfn = to_pfn,
				.order = (uint8_t)head->order,
				.nr_pages = head->nr_pages,
				.cookie = desc_cookie(desc),
				.op = op};
	int err = MHP_ERR_AGAIN;

	if (desc_mark(m, head->pfn, desc, true)) {
		err = owner->ops->move(owner->ctx, m, &move);
		if (!err) {
			move_done(m, batch, head);
			return;
		}
		if (err == MHP_ERR_INPROGRESS) {
			batch->unsettled |= UINT64_C(1) << desc_owner(desc);
			return;
		}
		(void)desc_mark(m, head->pfn, desc, false);
	}
	(void)frame_free_head(m, to_pfn, head->nr_pages);
	if (err != MHP_ERR_AGAIN)
		move_refused(m, batch, i, MHP_WHY_REFUSED);
}

/* Move one allocation. Return: 0, also if it stays for now; MHP_ERR_NOMEM. */
static int move_one(struct mhp *m, const struct mhp_offline *op,
		    struct evacuate_batch *batch, unsigned int i)
{
	const struct frame_head *head = &batch->heads[i];
	uint64_t desc = batch->descs[i];
	mhp_pfn_t to_pfn;
	int err;

	if (!owner_ask(m, head, desc).moves) {
		move_refused(m, batch, i, MHP_WHY_UNMOVABLE);
		return 0;
	}
	err = move_target(m, head, desc, batch->node, &to_pfn);
	if (err == MHP_ERR_NOMEM)
		move_refused(m, batch, i, MHP_WHY_NO_TARGET);
	else if (!err)
		move_ask(m, op, batch, i, to_pfn);
	return err == MHP_ERR_NOMEM ? err : 0;
}

bool evacuate_late(struct mhp *m, const struct mhp_offline *op)
{
	return offline_is_late(m, op->deadline_ns);
}

bool evacuate_cancelled(const struct mhp_offline *op)
{
	return mhp_port_load_acquire(&op->cancelled);
}

static bool evacuate_expired(struct mhp *m, const struct mhp_offline *op)
{
	return evacuate_cancelled(op) || evacuate_late(m, op);
}

bool mhp_move_expired(struct mhp *m, const struct mhp_move *move)
{
	return move->op && evacuate_expired(m, move->op);
}

/* Let the owners finish what they have put off. */
static void batch_settle(struct mhp *m, struct evacuate_batch *batch)
{
	for (; batch->unsettled; batch->unsettled &= batch->unsettled - 1) {
		struct owner *owner =
			&m->owners[__builtin_ctzll(batch->unsettled)];

		if (owner->ops->settle)
			batch->nr_pages_settled += owner->ops->settle(
				owner->ctx, m);
	}
}

/* Ask for one allocation after the other, until it is late. */
static int batch_move(struct mhp *m, const struct mhp_offline *op,
		      struct evacuate_batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->nr; i++) {
		int err;

		if (evacuate_expired(m, op)) {
			batch->end_of_range = false;
			return 0;
		}
		err = move_one(m, op, batch, i);
		if (err)
			return err;
	}
	return 0;
}

int evacuate_move(struct mhp *m, const struct mhp_offline *op,
		  struct evacuate_batch *batch)
{
	int err = batch_move(m, op, batch);

	batch_settle(m, batch);
	return err;
}

void evacuate_account(struct mhp *m, struct mhp_offline *op,
		      const struct evacuate_batch *batch)
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
