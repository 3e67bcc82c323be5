/* SPDX-License-Identifier: MIT */
/*
 * Front end for the logical memory blocks (LMBs) of a partition: the
 * hypervisor asks for some more of them, or for some less, and which they are
 * is chosen here. Adding or removing several is all or nothing.
 *
 *   | LMB | LMB | LMB | LMB | ...   each one memory block, or several
 *     present     absent            known and online, or with the hypervisor
 */
#ifndef MHP_LMB_H
#define MHP_LMB_H

#include "mhp/err.h"
#include "mhp/extent.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/**
 * struct mhp_lmb_ops - what the hypervisor is asked
 */
struct mhp_lmb_ops {
	uint32_t size_bytes; /* sizeof(struct mhp_lmb_ops) */

	/** @acquire: get an LMB. Context: as mhp_lmb_add(). Return: 0, or a
	 * negative errno value: another one is tried. */
	int (*acquire)(void *ctx, uint32_t index);

	/** @release: give an LMB back. Context: as mhp_lmb_remove(). */
	void (*release)(void *ctx, uint32_t index);
};

/**
 * struct mhp_lmb - an LMB; owned by the caller
 */
struct mhp_lmb {
	mhp_pa_t start;
	uint16_t node;
	bool reserved; /* never removed: something relies on its place */
	bool present;  /* at first: boot memory; then the driver's */
	bool chosen;   /* the driver's, during a call */
	bool excluded; /* likewise */
};

/**
 * struct mhp_lmbs - the LMBs of a partition; owned by the caller
 */
struct mhp_lmbs {
	struct mhp_lmb *lmbs; /* by address */
	uint32_t nr;
	uint64_t size_bytes;	       /* of one: whole memory blocks */
	struct mhp_range *ranges;      /* room for nr, used during calls */
	enum mhp_placement placement;  /* for the memmaps */
	const struct mhp_lmb_ops *ops; /* NULL: nobody is asked */
	void *ctx;		       /* passed to every operation */
};

/**
 * mhp_lmb_add() - get some more
 *
 * Each is acquired, added and put online, whatever the policy says of going
 * online by itself. One that fails is left out and the next is tried.
 *
 * @count: how many
 * @report: optional; on failure why the first one failed that did
 *
 * Context: as mhp_add() and mhp_block_online(). One call at a time.
 * Return: 0; MHP_ERR_INVAL (none, more than there are, bad sizes, or too many
 *   failed); MHP_ERR_DEADLK. On failure those that were added are gone again;
 *   only what is in use by then and cannot move stays, and is present.
 */
MHP_MUST_CHECK MHP_API int mhp_lmb_add(struct mhp *m, struct mhp_lmbs *lmbs,
				       uint32_t count,
				       struct mhp_report *report);

/**
 * mhp_lmb_add_index() - get one
 *
 * @index: in lmbs
 * @report: optional
 *
 * Context: as mhp_lmb_add().
 * Return: 0; MHP_ERR_INVAL (no such LMB, present, reserved, or bad sizes); what
 *   acquire returned; others as mhp_add() and mhp_block_online(). On failure as
 *   mhp_lmb_add().
 */
MHP_MUST_CHECK MHP_API int mhp_lmb_add_index(struct mhp *m,
					     struct mhp_lmbs *lmbs,
					     uint32_t index,
					     struct mhp_report *report);

/**
 * mhp_lmb_remove() - do with some less
 *
 * Those are chosen that can leave. If one of them turns out not to, all are as
 * they were, and another takes its place.
 *
 * @count: how many
 * @deadline_ns: absolute; MHP_NO_DEADLINE
 * @flags: MHP_OFFLINE_*
 * @report: optional; on failure why the first one could not leave
 *
 * Context: as mhp_offline_and_remove(). One call at a time.
 * Return: 0; MHP_ERR_INVAL (none, or not so many can leave); MHP_ERR_TIMEDOUT;
 *   MHP_ERR_DEADLK. On failure all are as before.
 */
MHP_MUST_CHECK MHP_API int mhp_lmb_remove(struct mhp *m, struct mhp_lmbs *lmbs,
					  uint32_t count, uint64_t deadline_ns,
					  uint32_t flags,
					  struct mhp_report *report);

/**
 * mhp_lmb_remove_index() - give one back
 *
 * @index: in lmbs
 * @deadline_ns: absolute; MHP_NO_DEADLINE
 * @flags: MHP_OFFLINE_*
 * @report: optional
 *
 * Context: as mhp_lmb_remove().
 * Return: 0; MHP_ERR_INVAL (no such LMB, absent or reserved); others as
 *   mhp_offline_and_remove(). On failure it is as before.
 */
MHP_MUST_CHECK MHP_API int
mhp_lmb_remove_index(struct mhp *m, struct mhp_lmbs *lmbs, uint32_t index,
		     uint64_t deadline_ns, uint32_t flags,
		     struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
