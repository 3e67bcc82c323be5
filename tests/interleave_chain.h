/* SPDX-License-Identifier: MIT */
/*
 * Rule R9 of src/pageblock.h, chains of pageblocks, as a small machine: a few
 * threads take, free and isolate, one access of shared memory a step. What they
 * do is what src/frame_chain.c and src/frame_whole.c do.
 *
 * A pageblock is its word: free, one page of it in use (small), all of it, or a
 * part of a chain. Everything below that is interleave.h's. Memory is
 * sequentially consistent, all pageblocks have been used before, and no block
 * comes or goes.
 */
#ifndef MHP_TESTS_INTERLEAVE_CHAIN_H
#define MHP_TESTS_INTERLEAVE_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#define NR_THREADS 3
#define NR_OPS 3
#define NR_PB 4

#define SMALL 1
#define HUGE 2
#define RUNS 4
#define CONT 8
#define CLOSING 16
#define ISOLATED 32

enum op {
	OP_END = 0,
	OP_CHAIN2, /* take two pageblocks, wherever they are */
	OP_CHAIN3,
	OP_ONE,	    /* take a whole one */
	OP_PAGE,    /* open one for a page */
	OP_FREE,    /* what it holds */
	OP_STALE,   /* what thread 0 held at the start, a second time */
	OP_STALE_2, /* the same with a length of two */
	OP_STALE_1, /* the same as one pageblock */
	OP_ISOLATE, /* the scenario's pageblock, and look */
};

enum mutant {
	MUTANT_NONE = 0,
	TAKE_DOWN,     /* from the last on */
	TAKE_OPEN,     /* the first has no CLOSING meanwhile */
	TAKE_BLIND,    /* stored, not compared and swapped */
	TAKE_KEEPS,    /* what was taken is not given back */
	GIVE_UP_FIRST, /* given back from the first on */
	GIVE_OPENS,    /* what is given back is not isolated any more */
	FREE_OPEN,     /* CLOSING is not set */
	FREE_SECOND,   /* CLOSING is not looked at */
	FREE_ONCE,     /* no second look at the length */
	FREE_SHORT,    /* no look at the length at all */
	ONE_BLIND,     /* a single one without a look at RUNS */
	ISOLATE_FIRST, /* the look comes before the flag */
	NR_MUTANTS,
};

enum wrong {
	WRONG_NOTHING = 0,
	WRONG_TWICE,
	WRONG_ISOLATED,
	WRONG_CHAIN,
	WRONG_FREED,
	WRONG_REFUSED,
	WRONG_NONE,
	WRONG_REST,
	WRONG_STUCK,
};

/* No padding: states are compared as bytes. */
struct thread {
	uint8_t pc, op;
	uint8_t at, nr;	       /* what it is about */
	uint8_t i;	       /* how far it is */
	uint8_t word;	       /* as it read it */
	uint8_t held_at, held; /* pageblocks that it holds; 0: none */
	uint8_t then;	       /* after giving back: PC_LOOK, or PC_BEGIN */
	uint8_t inside;	       /* a read-side section */
};

struct world {
	uint8_t word[NR_PB];
	uint8_t taker[NR_PB];  /* which taking the pageblock is part of */
	uint8_t holder[NR_PB]; /* the same, once it is granted */
	uint8_t drained;       /* found isolated and empty, a bit each */
	uint8_t waiting;       /* threads that are waited for */
	uint8_t wrong;
	uint8_t got; /* a chain was granted */
	struct thread threads[NR_THREADS];
};

struct scenario {
	const char *name;
	uint8_t held[NR_THREADS]; /* pageblocks at the start */
	uint8_t held_at[NR_THREADS];
	uint8_t isolates; /* the pageblock */
	bool must_get;	  /* somebody gets a chain */
	uint8_t script[NR_THREADS][NR_OPS];
};

/** chain_start() - the world at the start of a scenario */
void chain_start(const struct scenario *s, struct world *w);

/** chain_step() - let thread @n take a step; false: it waits, or has ended */
bool chain_step(const struct scenario *s, enum mutant mutant, struct world *w,
		unsigned int n);

/** chain_ended() - whether a thread has nothing more to do */
bool chain_ended(const struct thread *t);

#endif
