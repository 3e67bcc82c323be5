/* SPDX-License-Identifier: MIT */
/*
 * Taking memory out of use step by step, and taking whole ranges away.
 *
 *   begin -> step, step, ... -> offline       one block, at the caller's pace
 *              |  \- cancel -> online again
 *   offline_and_remove                        ranges, all of them or none
 *
 * mhp_block_offline() (mhp.h) is begin and all steps in one call.
 */
#ifndef MHP_OFFLINE_H
#define MHP_OFFLINE_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/** Most allocations that one step of an offlining moves. */
#define MHP_OFFLINE_BATCH 32

/** Keep trying refused pages until the deadline. */
#define MHP_OFFLINE_PATIENT (1u << 0)
/** Removal only: try a block that refused once more when all others have been
 * taken offline. */
#define MHP_OFFLINE_TWICE (1u << 1)
/** Removal only: when it fails, what went offline goes back online where the
 * policy puts it then, as Linux does it for devices, not in the zone that it
 * had; a block with bad pages stays offline. */
#define MHP_OFFLINE_BACK_BY_POLICY (1u << 2)

/**
 * struct mhp_progress - how far an offlining is
 */
struct mhp_progress {
	uint64_t nr_pages;	   /* usable pages of the block */
	uint64_t nr_pages_used;	   /* still allocated, at the last look */
	uint64_t nr_pages_moved;   /* moved by this operation */
	uint64_t nr_moves_refused; /* by owners, retries counted */
	uint64_t nr_passes;	   /* walks over the block that were begun */
};

/**
 * struct mhp_offline - an offlining in progress
 *
 * Owned by the caller from begin until a step returns something else than
 * MHP_ERR_AGAIN or cancel returns. The fields are the engine's.
 */
struct mhp_offline {
	uint64_t block_id;
	uint64_t deadline_ns;
	uint32_t flags;
	uint32_t active;	 /* between begin and the end; [mutex] */
	uint32_t stepping;	 /* a step runs; [mutex] */
	uint32_t nr_idle_passes; /* passes in a row without a move; [mutex] */
	mhp_word_t cancelled;	 /* not 0: end at the next occasion */
	mhp_pfn_t scan_pfn;	 /* where the next step looks; [mutex] */
	uint64_t nr_pass_moved;	 /* in this pass; [mutex] */
	uint64_t nr_pass_refused;
	uint64_t nr_pass_pending;     /* moves that complete later */
	struct mhp_progress progress; /* [mutex] */
	struct mhp_report refusal; /* the first refusal of this pass; [mutex] */
};

/**
 * mhp_offline_begin() - start taking a block out of use
 *
 * Isolates the block and asks the notifiers. Unmovable or pinned pages end it
 * here, before anything has moved.
 *
 * @op: the operation; need not be initialised
 * @block_id: index in blocks
 * @deadline_ns: absolute; MHP_NO_DEADLINE
 * @flags: MHP_OFFLINE_*
 * @report: optional
 *
 * Context: takes the mutex; may sleep.
 * Return: 0: step it; MHP_ERR_INVAL also for an unknown flag; others as
 *   mhp_block_offline(), the block is online then and @op is not active.
 */
MHP_MUST_CHECK MHP_API int
mhp_offline_begin(struct mhp *m, struct mhp_offline *op, uint64_t block_id,
		  uint64_t deadline_ns, uint32_t flags,
		  struct mhp_report *report);

/**
 * mhp_offline_step() - do a bounded part of the work
 *
 * Moves at most MHP_OFFLINE_BATCH allocations; the mutex is not held while an
 * owner moves.
 *
 * @op: from mhp_offline_begin()
 * @report: optional
 *
 * Context: takes the mutex; may sleep. One step of an operation at a time.
 * Return: 0: the block is offline, @op has ended; MHP_ERR_AGAIN: call again;
 *   MHP_ERR_BUSY with @op still active (another step of it runs);
 *   MHP_ERR_INVAL (@op is not active); others as mhp_block_offline(): the block
 *   is online again and @op has ended.
 */
MHP_MUST_CHECK MHP_API int mhp_offline_step(struct mhp *m,
					    struct mhp_offline *op,
					    struct mhp_report *report);

/**
 * mhp_offline_progress() - how far it is
 *
 * @progress: receives the numbers
 *
 * Context: takes the mutex; any thread, while a step runs too.
 */
MHP_API void mhp_offline_progress(struct mhp *m, struct mhp_offline *op,
				  struct mhp_progress *progress);

/**
 * mhp_offline_cancel() - give up
 *
 * The block goes back online as it was; what has moved stays moved. If a step
 * runs in another thread, that step ends the operation before it moves the next
 * allocation, or the next few that an owner moves together, and returns
 * MHP_ERR_CANCELED. Harmless when @op has ended.
 *
 * Context: takes the mutex; may sleep.
 */
MHP_API void mhp_offline_cancel(struct mhp *m, struct mhp_offline *op);

/**
 * mhp_offline_and_remove() - take a range out of use and forget it
 *
 * @range: whole memory blocks
 * @deadline_ns: for all of it; MHP_NO_DEADLINE
 * @flags: MHP_OFFLINE_*
 * @report: optional
 *
 * Context: as mhp_block_offline() and mhp_remove().
 * Return: as those. On failure every block that was online is online again, in
 *   the zone that it had, and nothing is removed.
 */
MHP_MUST_CHECK MHP_API int mhp_offline_and_remove(struct mhp *m,
						  struct mhp_range range,
						  uint64_t deadline_ns,
						  uint32_t flags,
						  struct mhp_report *report);

/**
 * mhp_offline_and_remove_ranges() - the same for several ranges, or none
 *
 * What moves out of one of them moves into none of the others.
 *
 * @ranges: as for mhp_remove_ranges()
 * @nr_ranges: as there
 * @deadline_ns: for all of it; MHP_NO_DEADLINE
 * @flags: MHP_OFFLINE_*
 * @report: optional
 *
 * Context: as mhp_offline_and_remove().
 * Return: as mhp_offline_and_remove() and mhp_remove_ranges(); MHP_ERR_BUSY
 *   also if another call is about a part of a range. On failure every block of
 *   every range is as before.
 */
MHP_MUST_CHECK MHP_API int
mhp_offline_and_remove_ranges(struct mhp *m, const struct mhp_range *ranges,
			      uint32_t nr_ranges, uint64_t deadline_ns,
			      uint32_t flags, struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
