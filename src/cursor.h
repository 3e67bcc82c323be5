/* SPDX-License-Identifier: MIT */
/*
 * Cursors: where each processor looks first when it allocates.
 *
 * A cursor is a hint. It names a row by its pfn, anybody may use any row at any
 * time, and a stale cursor only leads to the search. Each processor has one for
 * each preferred node, mobility and class of sizes.
 *
 * So that the common case need not go through the index of sections, a cursor
 * also remembers the addresses that belong to a row. They are good until the
 * engine begins to wait for readers: memory that goes away, or moves, does so
 * only behind such a wait (grace.h). With them it remembers what the request
 * said for which they were found: one that says the same is valid, too, and
 * need not be checked again. Where an owner goes an epoch ends.
 *
 *   version is even and stays ─► epoch is still that of the engine ─► use them
 *
 * Who remembers makes the version odd by compare-and-swap; if somebody else has
 * it, nothing is remembered. So an interrupt handler does not wait for whom it
 * interrupted.
 *
 * Where memory is almost full, a page that was just freed is the one that is
 * found without a search: so the last ones are remembered, too. The older one
 * is used, since its descriptor, asked for when it was freed, has come.
 *
 * What it does not do: own pages. Nothing has to be given back when a pageblock
 * is isolated.
 */
#ifndef MHP_SRC_CURSOR_H
#define MHP_SRC_CURSOR_H

#include "frame.h"
#include "grace.h"
#include "libc.h"

struct cursor {
	mhp_word_t version; /* of this line; odd: somebody writes it */
	mhp_word_t epoch;
	mhp_word_t start_pfn; /* of the row */
	void *row;
	void *word;	       /* of its pageblock */
	void *desc;	       /* of start_pfn */
	mhp_word_t request[2]; /* how a valid one begins */

	mhp_word_t row_pfn; /* a row of the pageblock that it prefers;
			       MHP_PFN_NONE: nowhere */
	union {
		/* single pages: those that this processor freed last in rows
		 * that were full, the older one behind; MHP_PFN_NONE: none, or
		 * used again */
		mhp_word_t freed_pfn[2];
		struct {
			/* runs: of the last one that a search found there:
			 * others are searched for, not taken next to it */
			mhp_word_t order;
			/* pages behind start_pfn, in whole rows, where there
			 * was no room */
			mhp_word_t skip;
		};
	};
} __attribute__((aligned(64)));

_Static_assert(sizeof(void *) != 8 || offsetof(struct cursor, row_pfn) == 64,
	       "what fast paths read is one cache line");

/* Those of a processor for a preferred node. Powers of two, here and in their
 * number: finding one takes shifts. */
struct cursors {
	struct cursor of[2][4]; /* by mobility and class */
};

_Static_assert(NR_CURSORS <= 4, "a place for each class");

/* Words of pageblocks that a cursor of whole ones looks at: one cache line. */
#define CURSOR_WORDS 8u

/* A row, and where its words are. */
struct place {
	mhp_pfn_t pfn; /* of its first page */
	mhp_word_t *row;
	mhp_word_t *word;
	uint8_t *desc;
	uint64_t epoch;
};

/** cursor_init() - it leads nowhere */
void cursor_init(struct cursor *c);

/** cursor_cpu() - number of the cursors to use */
static inline unsigned int cursor_cpu(const struct mhp *m)
{
	return mhp_port_cpu() & m->cpu_mask;
}

/** cursor_of() - the one for a request of a class; of an invalid one, any */
static inline struct cursor *cursor_of(const struct mhp *m, unsigned int cpu,
				       const struct mhp_request *request,
				       unsigned int class)
{
	uint64_t index = ((uint64_t)cpu << m->cursors_order) +
			 (request->node_plus_1 & m->node_mask);

	return &m->cursors[index].of[request->mobility & 1][class];
}

/** cursor_word() - word @i of what a request says */
static inline uint64_t cursor_word(const struct mhp_request *request, int i)
{
	uint64_t word;

	memcpy(&word, (const uint8_t *)request + i * (int)sizeof(word),
	       sizeof(word));
	return word;
}

/** cursor_is_fresh() - whether what a cursor remembers is of this epoch; inside
 * a section. @version: receives what cursor_read() needs */
static inline bool cursor_is_fresh(const struct mhp *m, const struct cursor *c,
				   uint64_t *version)
{
	*version = mhp_port_load_acquire(&c->version);
	return mhp_port_load_acquire(&c->epoch) == grace_epoch(m) &&
	       !(*version & 1);
}

/** cursor_differs() - not 0 if a request does not begin as the one for which a
 * place was found; behind cursor_is_fresh() */
static inline uint64_t cursor_differs(const struct cursor *c,
				      const struct mhp_request *request)
{
	return (mhp_port_load_acquire(&c->request[0]) ^
		cursor_word(request, 0)) |
	       (mhp_port_load_acquire(&c->request[1]) ^
		cursor_word(request, 1));
}

/** cursor_read() - what it remembers, but for the epoch; behind those.
 * Return: whether all that was read belongs together. */
static inline bool cursor_read(const struct cursor *c, uint64_t version,
			       struct place *p)
{
	p->pfn = mhp_port_load_acquire(&c->start_pfn);
	p->desc = mhp_port_load_ptr(&c->desc);
	p->word = mhp_port_load_ptr(&c->word);
	p->row = mhp_port_load_ptr(&c->row);
	return LIKELY(version == mhp_port_load(&c->version));
}

/** cursor_place() - what a cursor remembers; inside a section.
 * Return: whether it is good, for this section. */
static inline bool cursor_place(const struct mhp *m, const struct cursor *c,
				struct place *p)
{
	uint64_t version;

	if (UNLIKELY(!cursor_is_fresh(m, c, &version)))
		return false;
	p->epoch = grace_epoch(m);
	return cursor_read(c, version, p);
}

/** cursor_go() - to the row @by rows further on, of the same pageblock */
static inline void cursor_go(const struct mhp *m, struct place *p, int64_t by)
{
	int64_t nr_pages = by * ((int64_t)1 << m->layout.row_order);

	p->row += by;
	p->pfn += (uint64_t)nr_pages;
	p->desc += nr_pages * m->geometry.descriptor_bytes;
}

/** cursor_remember() - the cursor leads there, for a request that was checked;
 * @p->epoch is from before it was found */
void cursor_remember(const struct mhp *m, struct cursor *c,
		     const struct mhp_request *request, const struct place *p);

/** cursor_find() - look up what the cursor's pfn leads to, and remember it;
 * inside a section.
 * Return: false if it leads nowhere, or there is nothing for us. */
bool cursor_find(const struct mhp *m, struct cursor *c,
		 const struct mhp_request *request, struct place *p);

/** cursor_note_freed() - a page of a row that was full was freed */
static inline void cursor_note_freed(struct cursor *c, mhp_pfn_t pfn)
{
	mhp_port_store(&c->freed_pfn[1], mhp_port_load(&c->freed_pfn[0]));
	mhp_port_store(&c->freed_pfn[0], pfn);
}

/** cursor_freed() - the row of the page that was freed last but one, once;
 * inside a section. The cursor does not go there. @p: without epoch */
bool cursor_freed(const struct mhp *m, struct cursor *c, uint64_t expect,
		  struct place *p);

/** cursor_next_row() - from a row to another one of the same pageblock that has
 * room for what is asked for, at most a row, and remember it.
 * Return: false if there is none. */
bool cursor_next_row(const struct mhp *m, struct cursor *c,
		     const struct mhp_request *request, struct place *p);

/** cursor_move_whole() - a cursor of whole pageblocks goes to one that was just
 * taken; it remembers the line of words that this one is in.
 * @epoch: GRACE_NEVER: it does not, since the next one has to be asked for */
void cursor_move_whole(const struct mhp *m, struct cursor *c,
		       const struct mhp_request *request,
		       const struct pageblock *pb, uint64_t epoch);

/** cursor_move() - it goes to another row; lets go of the pageblock that it
 * leaves (R8), so that none is kept without a cursor. @owner: who that is */
void cursor_move(struct mhp *m, struct cursor *c,
		 const struct mhp_request *request, uint64_t owner,
		 const struct place *to);

#endif
