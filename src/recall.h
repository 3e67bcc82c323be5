/* SPDX-License-Identifier: MIT */
/*
 * Taking lent pages back, in two parts: what can fail, and what cannot.
 *
 *   prepare: isolate the pages of memmaps that describe a range, and empty them
 *   commit:  words say no more that they are lent; they are kept; un-isolate
 *
 * The caller looks between the two whether everything is still as it was, as
 * the mutex is let go of while owners move.
 */
#ifndef MHP_SRC_RECALL_H
#define MHP_SRC_RECALL_H

#include "engine.h"

/** Places that the memmap of one allocation can be in: hosts beside each other,
 * and what was removed between them and added again. */
#define RECALL_PLACES 4

struct recall_place {
	mhp_pfn_t range_pfn;   /* of the range whose memmap is there */
	struct mhp_range span; /* pages of it, all isolated */
};

/* Lent pages that are being taken back. */
struct recall {
	struct mhp_range range; /* what they describe */
	uint32_t flags;		/* MHP_TAKE_BACK_* */
	struct recall_place places[RECALL_PLACES];
	uint32_t nr;
	bool full; /* there are more places */
};

/** recall_prepare() - have the lent pages that describe a range isolated and
 * empty. [mutex], which is let go of while owners move.
 * Return: 0; or a negative errno value, and nothing is isolated. */
int recall_prepare(struct mhp *m, struct recall *r, uint64_t deadline_ns,
		   struct mhp_report *report);

/** recall_commit() - they serve again. [mutex] */
void recall_commit(struct mhp *m, const struct recall *r);

/** recall_cancel() - undo prepare. [mutex] */
void recall_cancel(struct mhp *m, const struct recall *r);

#endif
