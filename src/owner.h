/* SPDX-License-Identifier: MIT */
/*
 * Owners inside the engine: who an allocation belongs to and whether it can
 * move.
 */
#ifndef MHP_SRC_OWNER_H
#define MHP_SRC_OWNER_H

#include "frame.h"
#include "mhp/owner.h"

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

/** An owner that was looked up, for as long as the mutex is held, or in a
 * step. */
struct owner_ref {
	uint16_t owner;
	const struct mhp_owner_ops *ops; /* NULL: nobody, or who never moves */
	void *ctx;
};

/** owner_look_up() - who a number is. [mutex], or in a step */
void owner_look_up(const struct mhp *m, uint16_t owner, struct owner_ref *ref);

/** owner_ask_page() - owner_ask() for a single page. [mutex] */
static inline struct owner_answer owner_ask_page(struct mhp *m,
						 const struct owner_ref *ref,
						 mhp_pfn_t pfn, uint64_t cookie)
{
	struct owner_answer answer = {.moves = ref->ops != NULL};

	if (answer.moves && ref->ops->pins)
		answer.pins = ref->ops->pins(ref->ctx, m, pfn, 0, cookie);
	return answer;
}

/** owner_report() - put an allocation and its owner into a report; likewise */
void owner_report(struct mhp *m, const struct frame_head *head, uint64_t desc,
		  uint32_t pins, struct mhp_report *report);

/** owner_poisoned() - tell the owner that content is lost, if it wants to know;
 * likewise. Without the mutex. */
void owner_poisoned(struct mhp *m, const struct frame_head *head, uint64_t desc,
		    mhp_pfn_t bad_pfn);

#endif
