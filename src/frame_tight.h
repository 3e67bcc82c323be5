/* SPDX-License-Identifier: MIT */
/*
 * Holes: free runs of partly used pageblocks, and which of them to use.
 *
 * A request gets the smallest one nearby that it fits into, so that larger ones
 * stay whole for those who need them; that is what keeps pageblocks from being
 * begun while others have room (tests/test_fragmentation.c). The size of a hole
 * is the order of the aligned run that it is: below a row by the bits of the
 * row, above by the rows as bits.
 *
 * What is found is a hint, as all that a search looks at before it claims.
 */
#ifndef MHP_SRC_FRAME_TIGHT_H
#define MHP_SRC_FRAME_TIGHT_H

#include "frame.h"

/** No hole will do. */
#define TIGHT_NONE 64u

/** The smallest hole so far, and where. */
struct tight {
	struct pageblock pb;
	uint64_t word;		 /* of the pageblock */
	uint32_t row;		 /* in which it begins */
	unsigned int order;	 /* of the hole, TIGHT_NONE: none yet */
	uint32_t nr;		 /* pageblocks that were looked at */
	const mhp_word_t *spent; /* of a pageblock that has none; or NULL */
	bool met; /* in the block: what its bit of room.h stands for */
};

/** tight_row() - of the places in a row with @used bits where an aligned run
 * fits, those in the smallest holes. @hole: receives their order, or
 * TIGHT_NONE */
uint64_t tight_row(uint64_t used, unsigned int order, unsigned int align,
		   unsigned int *hole);

/** Blocks that are looked at before an entirely free pageblock is opened. */
#define TIGHT_NEAR 8u

/** tight_find() - look for the smallest hole in pageblocks that nobody else
 * prefers: of the first TIGHT_NEAR blocks that may have room, from @from_pfn on
 * and round, then of blocks of several zones */
void tight_find(const struct search *s, mhp_pfn_t from_pfn, struct tight *t);

/** tight_none() - a pageblock whose word was @word has no place for a request:
 * have the hints say so */
void tight_none(const struct search *s, const struct pageblock *pb,
		uint64_t word);

/** tight_fetch() - the cursor is going to the pageblock of that hole, and then
 * to the one behind it: have descriptors fetched */
void tight_fetch(const struct search *s, const struct tight *t);

#endif
