/* SPDX-License-Identifier: MIT */
/* Emptying a range; see vacate.h. What moves is decided in evacuate.c. */
#include "vacate.h"

#include "evacuate.h"
#include "grace.h"
#include "isolate.h"
#include "offline.h"

/* One that is going on. */
struct vacate {
	struct mhp_block *blk;
	struct mhp_range range;
	struct mhp_offline op;
};

static int vacate_fail(struct mhp *m, struct vacate *v, int err,
		       enum mhp_why why, struct mhp_report *report)
{
	evacuate_report(&v->op, err, why, report);
	isolate_undo(m, v->blk, v->range);
	return err;
}

/* Return: 0: it is empty; MHP_ERR_AGAIN: go on; else nothing is isolated any
 * more. */
static int vacate_begin(struct mhp *m, struct vacate *v,
			struct mhp_report *report)
{
	mhp_pfn_t pfn = MHP_PFN_NONE;
	int err = isolate_range(m, v->blk, v->range, &pfn);

	if (err)
		return report_set(report, err, MHP_STAGE_OFFLINE,
				  MHP_WHY_ISOLATED, pfn);
	/* Undo bits of latecomers and unwritten descriptors are gone then. */
	grace_wait(m);
	err = offline_foresee(m, v->blk, v->range, 0, v->op.deadline_ns,
			      report);
	if (err) {
		isolate_undo(m, v->blk, v->range);
		return err;
	}
	if (!isolate_used(m, v->blk, v->range))
		return 0;
	v->op.active = 1;
	evacuate_next_pass(m, v->range, &v->op);
	return MHP_ERR_AGAIN;
}

/* A whole walk is done: finished, hopeless, or once more? */
static int vacate_end_of_pass(struct mhp *m, struct vacate *v,
			      struct mhp_report *report)
{
	if (!isolate_used(m, v->blk, v->range))
		return 0;
	if (evacuate_hopeless(&v->op))
		return vacate_fail(m, v, MHP_ERR_BUSY,
				   v->op.nr_pass_refused ? MHP_WHY_NONE
							 : MHP_WHY_IN_FLIGHT,
				   report);
	evacuate_next_pass(m, v->range, &v->op);
	return MHP_ERR_AGAIN;
}

static int vacate_step_end(struct mhp *m, struct vacate *v,
			   const struct evacuate_batch *batch, int err,
			   struct mhp_report *report)
{
	evacuate_account(m, &v->op, batch);
	if (err)
		return vacate_fail(m, v, err, MHP_WHY_NONE, report);
	if (batch->end_of_range) {
		err = vacate_end_of_pass(m, v, report);
		if (err != MHP_ERR_AGAIN)
			return err;
	}
	if (evacuate_late(m, &v->op))
		return vacate_fail(m, v, MHP_ERR_TIMEDOUT, MHP_WHY_DEADLINE,
				   report);
	return MHP_ERR_AGAIN;
}

/* One batch. Enters and leaves with the mutex. */
static int vacate_step(struct mhp *m, struct vacate *v,
		       struct mhp_report *report)
{
	struct evacuate_batch batch;
	int err;

	evacuate_collect(m, v->blk, v->range, &v->op, &batch);
	m->nr_steps++;
	mhp_unlock(m);
	err = evacuate_move(m, &v->op, &batch);
	mhp_port_relax();
	MHP_FATAL(!mhp_lock(m));
	m->nr_steps--;
	return vacate_step_end(m, v, &batch, err, report);
}

int vacate_range(struct mhp *m, struct mhp_block *blk, struct mhp_range range,
		 uint64_t deadline_ns, struct mhp_report *report)
{
	struct vacate v = {
		.blk = blk, .range = range, .op = {.deadline_ns = deadline_ns}};
	int err = vacate_begin(m, &v, report);

	while (err == MHP_ERR_AGAIN)
		err = vacate_step(m, &v, report);
	return err;
}
