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
	uint64_t word;	    /* of the pageblock */
	uint32_t row;	    /* in which it begins */
	unsigned int order; /* of the hole, TIGHT_NONE: none yet */
	uint32_t nr;	    /* pageblocks that were looked at */
};

/** tight_row() - of the places in a row with @used bits where an aligned run
 * fits, those in the smallest holes. @hole: receives their order, or
 * TIGHT_NONE */
uint64_t tight_row(uint64_t used, unsigned int order, unsigned int align,
		   unsigned int *hole);

/** tight_find() - look for the smallest hole in the first @most blocks that may
 * have room, from @from_pfn on and round, in pageblocks that nobody else
 * prefers; then in blocks of several zones */
void tight_find(const struct search *s, mhp_pfn_t from_pfn, uint32_t most,
		struct tight *t);

/** tight_fetch() - the cursor is going to the pageblock of that hole, and then
 * to the one behind it: have descriptors fetched */
void tight_fetch(const struct search *s, const struct tight *t);

#endif
