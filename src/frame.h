/* SPDX-License-Identifier: MIT */
/*
 * Allocation inside the engine: one request on its way, and the parts of the
 * allocator that call each other.
 *
 *   frame_fast.c     the public calls, and the fast paths of single pages
 *   frame_order.c    the same of runs and whole pageblocks
 *   frame.c          all that is not as simple
 *   frame_row.c      taking and giving bits of one pageblock
 *   frame_whole.c    giving whole pageblocks, and chains of them
 *   frame_chain.c    finding and taking a chain
 *   frame_emptied.c  closing what is empty but preferred by a cursor
 *   frame_open.c     opening a pageblock
 *   frame_search.c   finding a pageblock when the cursor has none
 *   frame_single.c   the same for single pages where memory is almost full
 *   frame_tight.c    finding a place in those that are partly used
 */
#ifndef MHP_SRC_FRAME_H
#define MHP_SRC_FRAME_H

#include "pageblock.h"

struct cursor;

/* A request that is being served. */
struct search {
	struct mhp *m;
	const struct mhp_request *request;
	uint64_t expect;       /* word bits of a pageblock it may use */
	uint64_t desc;	       /* what goes into the descriptor */
	struct cursor *cursor; /* where to remember the place; or NULL */
	uint64_t epoch;	       /* when the search began, see grace.h */
	uint64_t owner;	       /* of pageblocks that cursor prefers */
	unsigned int order;
	unsigned int align;	/* order of the alignment, at least order */
	uint64_t nr_pageblocks; /* above 1: a chain of so many; else order
				   counts */
	bool lost;		/* of a chain: somebody was quicker */
	bool met;      /* in the block that was searched: what a bit of room.h
			  stands for, though not for us */
	bool no_tails; /* pageblocks that have lent descriptors do, too */
	mhp_pfn_t limit_pfn; /* exclusive, MHP_PFN_NONE: none */
	unsigned int node;   /* of the zone that is being searched */
	enum mhp_zone_type zone;
	mhp_pfn_t pfn; /* the result */
};

/** frame_set_tails() - the pages of @mask in a row are ours, and @tails of them
 * are not the first (R7). Nobody else has tails in a row that is all ours. */
static inline void frame_set_tails(mhp_word_t *row, uint64_t mask,
				   uint64_t tails)
{
	if (mask == UINT64_MAX)
		mhp_port_store_release(row, tails);
	else
		mhp_port_or(row, tails);
}

/** frame_clear_tails() - they are single pages from now on */
static inline void frame_clear_tails(mhp_word_t *row, uint64_t mask)
{
	if (mask == UINT64_MAX)
		mhp_port_store_release(row, 0);
	else
		mhp_port_and(row, ~mask);
}

/** frame_expect() - word bits of the pageblocks that serve a request for less
 * than a pageblock */
static inline uint64_t frame_expect(const struct mhp_request *request)
{
	_Static_assert(MHP_MOVABLE == 1, "no branch where all pass");
	return (PB_SMALL | PB_UNMOVABLE) ^
	       (request->mobility & 1u) * PB_UNMOVABLE;
}

/** frame_owner_may() - whether the owner of a request, below OWNER_MAX, exists
 * and can move what it asks for */
static inline bool frame_owner_may(const struct mhp *m,
				   const struct mhp_request *request)
{
	return mhp_port_load(&m->owners_for[request->mobility]) >>
		       (request->owner & (OWNER_MAX - 1)) &
	       1;
}

/** frame_row_runs() - where in a row with @used bits an aligned run of 2^order
 * free pages starts */
static inline uint64_t frame_row_runs(uint64_t used, unsigned int order,
				      unsigned int align)
{
	/* Positions that are multiples of 2^align. */
	static const uint64_t aligned[7] = {
		UINT64_C(0xffffffffffffffff), UINT64_C(0x5555555555555555),
		UINT64_C(0x1111111111111111), UINT64_C(0x0101010101010101),
		UINT64_C(0x0001000100010001), UINT64_C(0x0000000100000001),
		UINT64_C(0x0000000000000001),
	};
	uint64_t free = ~used;

	if (order > 0)
		free &= free >> 1;
	if (order > 1)
		free &= free >> 2;
	if (order > 2)
		free &= free >> 4;
	if (order > 3)
		free &= free >> 8;
	if (order > 4)
		free &= free >> 16;
	if (order > 5)
		free &= free >> 32;
	return free & aligned[align < 6 ? align : 6];
}

/** frame_row_lone() - of the @free pages of a row those whose buddies are not
 */
static inline uint64_t frame_row_lone(uint64_t free)
{
	uint64_t pairs = free & free >> 1 & UINT64_C(0x5555555555555555);

	return free & ~(pairs | pairs << 1);
}

/** frame_limit() - the highest zone that a request may have */
static inline enum mhp_zone_type frame_limit(const struct mhp_request *request)
{
	if (request->zone_limit)
		return (enum mhp_zone_type)request->zone_limit;
	return request->mobility == MHP_MOVABLE ? MHP_ZONE_MOVABLE
						: MHP_ZONE_NORMAL;
}

/** frame_serves() - whether the word of a partly used pageblock says that it
 * may serve a request without taking it from somebody else */
static inline bool frame_serves(const struct search *s, uint64_t word)
{
	uint64_t owner = word & PB_OWNER;

	return (word & PB_GRANT_MASK) == s->expect &&
	       (!owner || (s->cursor && owner == s->owner << PB_OWNER_SHIFT));
}

/** frame_valid() - whether there can be such a request */
bool frame_valid(const struct mhp *m, const struct mhp_request *request);

/** frame_alloc_searched() - serve a checked request by the search */
int frame_alloc_searched(struct mhp *m, const struct mhp_request *request,
			 mhp_pfn_t *pfn);

/** frame_free_checked() - mhp_frame_free() of anything */
int frame_free_checked(struct mhp *m, mhp_pfn_t pfn, unsigned int order);

/** frame_alloc() - mhp_frame_alloc() for a checked request; the engine's own
 * owner is allowed */
int frame_alloc(struct mhp *m, const struct mhp_request *request,
		mhp_pfn_t *pfn);

/** frame_keep() - an allocation of the engine's own: nobody else may free it */
void frame_keep(struct mhp *m, mhp_pfn_t pfn);

/** frame_free() - mhp_frame_free() for what frame_keep() has kept too */
int frame_free(struct mhp *m, mhp_pfn_t pfn, unsigned int order);

/** frame_free_head() - mhp_frame_free() or mhp_run_free() of so many pages */
int frame_free_head(struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages);

/** frame_search() - serve a request the long way; inside a read-side section.
 * Return: 0, or MHP_ERR_NOMEM; then @s may be searched for again. */
int frame_search(struct search *s);

/** frame_single() - serve a request for a single page, if it is one, from the
 * block that its cursor is in, likewise. Return: whether it could. */
bool frame_single(struct search *s);

/** frame_search_chain() - take a chain in the zone that is being searched */
bool frame_search_chain(struct search *s);

/** frame_close_emptied() - close the pageblocks that cursors keep open though
 * they are empty; inside a read-side section. Return: whether there was any */
bool frame_close_emptied(struct mhp *m);

/** frame_has_cursor() - whether a cursor of that owner leads to a pageblock */
bool frame_has_cursor(const struct mhp *m, const struct pageblock *pb,
		      uint64_t owner);

/** frame_in_zone() - whether a pageblock begins where the request wants it, and
 * in the zone that is being searched */
bool frame_in_zone(const struct search *s, const struct pageblock *pb);

/** frame_may_open() - whether a request may take a pageblock with that word, a
 * free value: not everybody may where something is lent (lent.h) */
bool frame_may_open(const struct search *s, uint64_t word);

/** frame_is_whole() - whether a free pageblock, never used or not, can be part
 * of an allocation of all of it */
bool frame_is_whole(const struct search *s, const struct pageblock *pb,
		    uint64_t word);

/** frame_open() - take a pageblock whose word was @word, a free value; it gets
 * @grant. @failed: set if the port could not prepare it.
 * Return: whether it was taken. */
bool frame_open(struct search *s, const struct pageblock *pb, uint64_t word,
		uint64_t grant, bool *failed);

/** What came of trying a pageblock. */
enum frame_try {
	FRAME_FULL,    /* no run of free pages as wanted */
	FRAME_REFUSED, /* the pageblock is not for us any more */
	FRAME_GOT,     /* s->pfn is it */
};

/** frame_try_pageblock() - take a run below a pageblock, rows from @row on */
enum frame_try frame_try_pageblock(struct search *s, const struct pageblock *pb,
				   uint32_t row);

/** frame_own() - prefer a pageblock, whose word was @word, from now on, if
 * nobody does; false: it changed meanwhile */
bool frame_own(const struct search *s, const struct pageblock *pb,
	       uint64_t word);

/** frame_try() - frame_try_pageblock(), of one that is let go of if that
 * fails */
bool frame_try(struct search *s, const struct pageblock *pb, uint32_t row);

/** frame_prefetch() - single pages of it will be allocated: where memory is
 * almost full, most of the time goes by waiting for descriptors, so those that
 * will be written are fetched all at once */
void frame_prefetch(const struct search *s, const struct pageblock *pb);

/** frame_find_run() - the first row where that looks possible, or the number of
 * rows */
uint32_t frame_find_run(const struct search *s, const struct pageblock *pb);

/** frame_free_run() - free an allocation below a pageblock, checked.
 * Return: 0 or a negative errno value. Inside a read-side section. */
int frame_free_run(struct mhp *m, const struct pageblock *pb, mhp_pfn_t pfn,
		   unsigned int order, enum mhp_why *why);

/** frame_wrong() - refuse a free: note why.
 * Return: the error that goes with it. */
int frame_wrong(enum mhp_why *why, enum mhp_why what);

/** frame_free_whole() - the same for a whole pageblock */
int frame_free_whole(struct mhp *m, const struct pageblock *pb,
		     enum mhp_why *why);

/** frame_free_chain() - the same for a chain of pageblocks, more than one */
int frame_free_chain(struct mhp *m, const struct pageblock *head, uint64_t nr,
		     enum mhp_why *why);

/** frame_chain_at() - pageblock @i of a chain; false: its block is gone */
bool frame_chain_at(struct mhp *m, const struct pageblock *head, uint64_t i,
		    struct pageblock *pb);

/** frame_chain_give() - give back the first @nr pageblocks, all that there
 * are, of a chain whose first has CLOSING */
void frame_chain_give(struct mhp *m, const struct pageblock *head, uint64_t nr);

/** An allocation, as frame_next_head() finds it. */
struct frame_head {
	mhp_pfn_t pfn;
	uint64_t nr_pages;
	unsigned int order; /* the smallest that holds them */
	mhp_word_t *desc;   /* valid descriptor, if nothing is in flight; for
			       this section, or as long as the mutex is held */
	bool lends;	    /* its first pageblock does, see lent.h */
};

/** frame_whole_head() - the allocation that a HUGE pageblock is part of.
 * Return: false if it has just been freed. */
bool frame_whole_head(struct mhp *m, const struct pageblock *pb,
		      struct frame_head *head);

/** frame_next_head() - the first allocation at or behind @pfn in its block; or,
 * if a chain continues in the pageblock of @pfn, that chain, which may begin in
 * a block before. Return: false if there is none. Inside a read-side section or
 * with the block kept by the mutex. */
bool frame_next_head(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
		     struct frame_head *head);

/** frame_row_singles() - allocated pages from @pfn on to the end of its row, if
 * its pageblock holds single pages and nothing else; bit 0 is @pfn. Likewise.
 * Return: 0 also if it holds others: ask frame_next_head(). */
uint64_t frame_row_singles(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn);

/** frame_is_at() - whether exactly these pages are an allocation, and not of
 * the engine. [mutex] */
bool frame_is_at(struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages,
		 struct frame_head *head);

/** frame_head_of() - the allocation that a page is part of; likewise */
bool frame_head_of(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
		   struct frame_head *head);

#endif
