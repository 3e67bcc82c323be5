/* SPDX-License-Identifier: MIT */
/* The forecast and offlining, as other parts of the engine use them. */
#ifndef MHP_SRC_OFFLINE_H
#define MHP_SRC_OFFLINE_H

#include "owner.h"

/** offline_is_late() - whether a deadline has passed */
static inline bool offline_is_late(const struct mhp *m, uint64_t deadline_ns)
{
	return deadline_ns != MHP_NO_DEADLINE &&
	       m->ops->now_ns(m->ops_ctx) >= deadline_ns;
}

/** forecast_walk() - look at every allocation with pages in a range of a block.
 * Waits for readers first. [mutex]
 *
 * @forecast: receives the sums
 * @blockers, @max_blockers: the first blockers
 * @first: receives the first blocker as a report; its why stays NONE if there
 *   is none. A pinned page counts only without @patient.
 * @deadline_ns: the walk ends early when it has passed
 * Return: number of blockers stored. */
uint32_t forecast_walk(struct mhp *m, struct mhp_block *blk,
		       struct mhp_range range, struct mhp_forecast *forecast,
		       struct mhp_blocker *blockers, uint32_t max_blockers,
		       bool patient, uint64_t deadline_ns,
		       struct mhp_report *first);

/** offline_foresee() - end before anything has moved if an isolated range of a
 * block cannot be emptied. What there is no time to look at is not in the way:
 * the first step will find that it is late. [mutex]
 * Return: 0, or what stands in the way. */
int offline_foresee(struct mhp *m, struct mhp_block *blk,
		    struct mhp_range range, uint32_t flags,
		    uint64_t deadline_ns, struct mhp_report *report);

/** Beside MHP_OFFLINE_*: the caller has isolated the block, and will undo
 * it. */
#define OFFLINE_ISOLATED (1u << 31)

/** offline_flagged() - mhp_block_offline() with flags */
int offline_flagged(struct mhp *m, uint64_t block_id, uint64_t deadline_ns,
		    uint32_t flags, struct mhp_report *report);

#endif
