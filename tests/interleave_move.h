/* SPDX-License-Identifier: MIT */
/*
 * A memmap that moves while it is used (src/gate.h, src/move.c), as a small
 * machine: two users and a mover, one access of shared memory a step.
 *
 * A block has two pages, of each of which a bit says that it is in use and a
 * descriptor who has it, with a word of its holder's. Bits are reached by the
 * block's address of the state; descriptors by the window, page by page. All is
 * there twice, at either place; what is at a place that was given back must not
 * be touched.
 *
 * Memory is sequentially consistent. There is one block. What leads from one
 * into the next, offers to move data, and hosts are left out; and with the
 * hosts the mover's second wait, which is for those who ask them.
 */
#ifndef MHP_TESTS_INTERLEAVE_MOVE_H
#define MHP_TESTS_INTERLEAVE_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#define NR_THREADS 3
#define NR_OPS 3
#define NR_PAGES 2
#define NR_PLACES 2

enum op {
	OP_END = 0,
	OP_ALLOC,
	OP_FREE,   /* what it holds, if anything */
	OP_QUERY,  /* the same */
	OP_WRITE,  /* its word of what it holds, through a pointer it kept */
	OP_MOVE,   /* the memmap, to the other place */
	OP_CANCEL, /* a move that is prepared and then given up */
};

/* What can be wrong; each must be noticed. */
enum mutant {
	MUTANT_NONE = 0,
	NO_FIRST_WAIT, /* nobody is waited for before descriptors are copied */
	FREE_UNGATED,  /* a free does not pass the gate */
	QUERY_UNGATED, /* a query does not */
	FREEZE_HELD,   /* frozen with somebody inside */
	ENTER_FROZEN,  /* entered while it is frozen */
	THAW_FIRST,    /* thawed before the address is switched */
	CLEAR_EARLY,   /* it stands still before the state is copied */
	ALLOC_MOVING,  /* allocated from a block that moves */
	NO_PROTECT,    /* writers do not wait */
	MOVES_LATE,    /* the block moves before the number is odd */
	EVEN_EARLY,    /* the number is even while the block moves */
	AWAIT_BLIND,   /* an allocation gives up without a look at it */
	NR_MUTANTS,
};

enum wrong {
	WRONG_NOTHING = 0,
	WRONG_TWICE, /* a page is given to two */
	WRONG_LOST,  /* what is held is not said to be */
	WRONG_DESC,  /* a descriptor is not what its holder wrote */
	WRONG_GONE,  /* what was given back is touched */
	WRONG_NOMEM, /* an allocation fails though there is a page */
	WRONG_REST,  /* at rest: bits, gate or number */
	WRONG_STUCK, /* nobody can go on */
};

/* No padding: states are compared as bytes. */
struct thread {
	uint8_t pc, op;
	uint8_t place;	/* as it read it */
	uint8_t before; /* the number, before its search */
	uint8_t page;	/* it holds, + 1; or is about to */
	uint8_t i;	/* counts pages */
	uint8_t word;	/* that it wrote last */
	uint8_t inside; /* a section */
	uint8_t gated;
};

struct place {
	uint8_t bit[NR_PAGES];
	uint8_t desc[NR_PAGES]; /* who */
	uint8_t word[NR_PAGES]; /* and his word */
};

struct world {
	struct place places[NR_PLACES];
	uint8_t state;		  /* where the state is */
	uint8_t window[NR_PAGES]; /* where the window leads */
	uint8_t protects;	  /* page + 1 */
	uint8_t given;		  /* places given back, a bit each */
	uint8_t moving, moves;
	uint8_t within, frozen; /* the gate */
	uint8_t waiting;	/* threads that are waited for */
	uint8_t holder[NR_PAGES];
	uint8_t wrong;
	struct thread threads[NR_THREADS];
};

struct scenario {
	const char *name;
	uint8_t held[NR_THREADS]; /* page + 1 at the start */
	bool roomy;		  /* an allocation always finds a page */
	uint8_t script[NR_THREADS][NR_OPS];
};

/** move_start() - the world at the start of a scenario */
void move_start(const struct scenario *s, struct world *w);

/** move_step() - let thread @n take a step; false: it waits, or has ended */
bool move_step(const struct scenario *s, enum mutant mutant, struct world *w,
	       unsigned int n);

/** move_ended() - whether a thread has nothing more to do */
bool move_ended(const struct thread *t);

#endif
