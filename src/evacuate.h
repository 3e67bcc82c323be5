/* SPDX-License-Identifier: MIT */
/*
 * Evacuation: what is in use in a range of one block is moved out of it by its
 * owners. The range is isolated and stays so until the operation ends, and with
 * it the block stays where it is.
 *
 * After isolation the set of allocated pages only shrinks (rule R3), so a range
 * that was seen empty is. After a wait for readers every descriptor of an
 * allocated page is written: begin with that.
 *
 *   loop:  collect a batch [mutex], move it without the mutex, account [mutex];
 *          at the end of the range: empty? hopeless? else the next pass
 */
#ifndef MHP_SRC_EVACUATE_H
#define MHP_SRC_EVACUATE_H

#include "frame.h"
#include "mhp/owner.h"

/* One step's work. */
struct evacuate_batch {
	unsigned int nr;
	unsigned int nr_pending; /* seen, but moving already */
	unsigned int node;	 /* of the block */
	bool end_of_range;
	/* what came of it */
	uint64_t nr_moved;
	uint64_t nr_pages_moved;
	uint64_t nr_refused;
	struct mhp_report refusal; /* the first */
	uint64_t lends;		   /* which do, a bit each; see lent.h */
	/* Of each; behind all else, since only the first nr are written. At
	 * first without targets. */
	struct mhp_move moves[MHP_OFFLINE_BATCH];
	uint64_t descs[MHP_OFFLINE_BATCH];
};

/** evacuate_next_pass() - begin, or begin again, at the start of the range */
void evacuate_next_pass(const struct mhp *m, struct mhp_range range,
			struct mhp_offline *op);

/** evacuate_collect() - the next allocations of the range. [mutex] */
void evacuate_collect(struct mhp *m, struct mhp_block *blk,
		      struct mhp_range range, struct mhp_offline *op,
		      struct evacuate_batch *batch);

/** evacuate_move() - ask the owners to move what was collected. Without the
 * mutex.
 * Return: 0, also if some stay for now; MHP_ERR_NOMEM: nowhere to go. */
int evacuate_move(struct mhp *m, const struct mhp_offline *op,
		  struct evacuate_batch *batch);

/** evacuate_account() - enter what a batch did into the operation. [mutex] */
void evacuate_account(struct mhp *m, struct mhp_offline *op,
		      const struct evacuate_batch *batch);

/** evacuate_hopeless() - a pass has ended and pages are left: whether another
 * one would be like it. [mutex] */
bool evacuate_hopeless(struct mhp_offline *op);

/** evacuate_report() - say how an operation failed: the last page that was in
 * the way, if any, and @why, or if that is NONE what was wrong with the page */
void evacuate_report(const struct mhp_offline *op, int err, enum mhp_why why,
		     struct mhp_report *report);

/** evacuate_late() - whether the deadline has passed */
bool evacuate_late(struct mhp *m, const struct mhp_offline *op);

/** evacuate_expired() - whether the operation shall end, for either reason */
bool evacuate_expired(struct mhp *m, const struct mhp_offline *op);

/** evacuate_cancelled() - whether somebody has cancelled the operation */
bool evacuate_cancelled(const struct mhp_offline *op);

#endif
