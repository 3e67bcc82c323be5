/* SPDX-License-Identifier: MIT */
/*
 * Owners inside the engine: who an allocation belongs to and whether it can
 * move.
 */
#ifndef MHP_SRC_OWNER_H
#define MHP_SRC_OWNER_H

#include "frame.h"

/** What an allocation's owner says of it. */
struct owner_answer {
	bool moves;    /* can be moved, if not pinned */
	uint32_t pins; /* pins known of */
};

/** owner_init() - register the engine's own owner */
void owner_init(struct mhp *m);

/** owner_ask() - whether an allocation can move. Inside no spinlock; calls the
 * owner. @desc: the allocation's descriptor as it was seen */
struct owner_answer owner_ask(struct mhp *m, const struct frame_head *head,
			      uint64_t desc);

/** owner_report() - put an allocation and its owner into a report; likewise */
void owner_report(struct mhp *m, const struct frame_head *head, uint64_t desc,
		  uint32_t pins, struct mhp_report *report);

/** owner_poisoned() - tell the owner that content is lost, if it wants to know;
 * likewise. Without the mutex. */
void owner_poisoned(struct mhp *m, const struct frame_head *head, uint64_t desc,
		    mhp_pfn_t bad_pfn);

#endif
