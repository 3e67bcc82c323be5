/* SPDX-License-Identifier: MIT */
/*
 * Cramped pageblocks: which orders a partly used one was found to have no room
 * for, so that the next search passes it by without a look at its rows.
 *
 * It stands in the word, as an order: no aligned free run of that order or of a
 * larger one. A hint (R6): who has looked for one in vain sets it and looks
 * again; whoever frees pages looks at it afterwards, and takes it away if there
 * is such a run now. At rest it hides nothing (INV-11).
 *
 * Not all frees look. That of a single page in a pageblock of single pages sees
 * to it only if a row was full or becomes empty; so there the hint speaks of
 * whole rows, and of less only where all frees are of the other kind from the
 * start (PB_FOR_RUNS). And a free in a pageblock that its processor prefers
 * leaves all to its owner: so who comes to prefer a pageblock takes the hint
 * away in the same step, and nobody sets it there.
 */
#ifndef MHP_SRC_CRAMPED_H
#define MHP_SRC_CRAMPED_H

#include "pageblock.h"

/** cramped_for() - whether a word says that no run of an order is there */
static inline bool cramped_for(uint64_t word, unsigned int order)
{
	/* 0, nothing is known, becomes the largest. */
	return (uint32_t)(word >> PB_CRAMPED_SHIFT) - 1u < order;
}

/** cramped_has_run() - whether a pageblock has an aligned free run of an order,
 * less than a pageblock */
bool cramped_has_run(const struct mhp *m, const struct pageblock *pb,
		     unsigned int order);

/** cramped_say() - no run of @order was found in a pageblock whose word was
 * @word: set the hint, if it can speak of that, then verify it */
void cramped_say(const struct mhp *m, const struct pageblock *pb, uint64_t word,
		 unsigned int order);

/** cramped_after_free() - a row of a pageblock that is cramped by @word is @now
 */
void cramped_after_free(const struct mhp *m, const struct pageblock *pb,
			uint64_t word, uint64_t now);

/** cramped_forget() - pages of it became free, anywhere */
void cramped_forget(const struct pageblock *pb);

/** cramped_is_right() - whether the hint may stand there, and is right */
bool cramped_is_right(const struct mhp *m, const struct pageblock *pb,
		      uint64_t word);

#endif
