/* SPDX-License-Identifier: MIT */
/*
 * A pageblock as a small machine: its words, and threads that take one step at
 * a time. What a thread does is what src/pageblock.c and src/frame*.c do, one
 * access of shared memory a step; rules R1 to R8 of src/pageblock.h.
 *
 *   interleave_page.c        steps below a pageblock
 *   interleave_open.c        steps of a whole one
 *   interleave_bad.c         steps of a page that goes bad
 *   interleave_hold.c        steps that withhold pages and release them
 *   interleave_host.c        steps in which pages come back that held memmaps
 *   interleave.c             threads that take them
 *   interleave_scenarios.c   what these are told to do, from where
 *   test_interleave.c        all orders of the steps, and what must hold
 *   explore.c                how all orders are tried
 *
 * The pageblock has two rows of three pages. An operation is a read-side
 * section. Memory is sequentially consistent, so what weaker processors do is
 * not seen here (docs/LOCKING.md).
 */
#ifndef MHP_TESTS_INTERLEAVE_H
#define MHP_TESTS_INTERLEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NR_THREADS 3
#define NR_ROWS 2
#define ROW_PAGES 3
#define ROW_MASK 7
#define NR_PAGES 6
#define NR_PIECES 2
#define NR_OPS 4 /* of a thread, one after the other */

/* Bits of the word; the owner is a processor's number. */
#define SMALL 1
#define HUGE 2
#define ISOLATED 4
#define CLOSING 8
#define OPENING 16
#define UNMOVABLE 32
#define USED 64
#define MIXED 128
#define OWNER_SHIFT 8
#define OWNER(cpu) ((cpu) << OWNER_SHIFT)
#define OWNER_MASK OWNER(3)
#define DEAD 1024
#define COUNT_SHIFT 11 /* of withheld pages */
#define COUNT(nr) ((nr) << COUNT_SHIFT)
#define COUNT_MASK COUNT(7)

/* The entry of the scenario's bad page in the table. */
#define BAD_HELD 1
#define BAD_KEPT 2

/* A page held in no thread of the scenario. */
#define SOMEBODY 9
/* Held is a page + 1, or everything. */
#define HELD_WHOLE 9

/* What a thread can be told to do. */
enum op {
	OP_END = 0,
	OP_ALLOC,	 /* by a cursor that points to row 0 */
	OP_PARTIAL,	 /* find it by the hints, prefer it, allocate */
	OP_OPEN,	 /* find it free, open and prefer it, allocate */
	OP_OPEN_BARE,	 /* the same without a cursor */
	OP_WHOLE,	 /* find it free, take all of it */
	OP_EMPTIED,	 /* close it though preferred, take all of it */
	OP_FREE,	 /* what it holds, if anything */
	OP_LET_GO,	 /* the cursor goes elsewhere */
	OP_ISOLATE,	 /* and look whether it is empty */
	OP_ISOLATE_UNDO, /* and then take it back */
	OP_POISON,	 /* the scenario's page is bad */
	OP_CLEAR,	 /* it is good after all */
	OP_WITHHOLD,	 /* the last page that is not, if it is free */
	OP_WITHHOLD_ALL,
	OP_RELEASE, /* the first page that is withheld */
	OP_RELEASE_ALL,
	OP_LEAVE, /* those leave whose memmaps are here */
};

/* What can be wrong with the rules; each must be noticed. */
enum mutant {
	MUTANT_NONE = 0,
	CLAIM_UNSEEN,	       /* R2: row bits taken without a look before */
	GRANT_UNSEEN,	       /* R2: granted without a look after */
	GRANT_MISSES_CLOSING,  /* R2, R4: it does not look for CLOSING */
	ISOLATE_LOOKS_FIRST,   /* R3: rows read before the flag is set */
	DRAIN_MISSES_OPENING,  /* R3: OPENING counts as empty */
	OPEN_DROPS_ISOLATED,   /* R3: the end of OPENING overwrites the flag */
	CLOSE_BLIND,	       /* R4: no look after CLOSING is set */
	CLOSE_GIVES_UP,	       /* R4: no look after it is taken back */
	MARK_BLIND,	       /* R6: full is set and not verified */
	FREE_KEEPS_FULL,       /* R6: a free does not look at full */
	OWN_FREE_KEEPS_FULL,   /* R6: a free by the owner does not */
	NOWHOLE_BLIND,	       /* R6: nowhole is set and not verified */
	CLOSE_KEEPS_NOWHOLE,   /* R6: closing does not look at nowhole */
	FAIL_KEEPS_NOWHOLE,    /* R6: nor does a first use that fails */
	SMALL_BLIND,	       /* R6: small is set and not verified */
	SMALL_KEEPS_NOWHOLE,   /* R6: taking small back does not look */
	LET_GO_BLIND,	       /* R8: whoever lets go does not look */
	POISON_HASTE,	       /* no wait before the row is read */
	POISON_LATE_MIXED,     /* MIXED is set when the pageblock is opened */
	OPEN_DROPS_MIXED,      /* the end of OPENING overwrites MIXED */
	WHOLE_FREE_FIRST,      /* free value before the bits of bad pages */
	WHOLE_FREE_BLIND,      /* a whole pageblock is freed without a look */
	FREE_KEEPS_HELD,       /* a free clears the bad page too */
	CLEAR_HASTE,	       /* no wait before the entry is removed */
	CLEAR_BIT_FIRST,       /* the bit is cleared before the entry */
	CLEAR_STALE,	       /* no wait again if it was let go of meanwhile */
	CLOSE_DROPS_COUNT,     /* closing does not keep what is withheld */
	OPEN_DROPS_COUNT,      /* nor does first use */
	WITHHOLD_HASTE,	       /* no wait between isolation and the look */
	WITHHOLD_LEAVES,       /* no wait before it is un-isolated */
	WITHHOLD_KEEPS_FULL,   /* R6: no look at full when all are withheld */
	RELEASE_ROWS_FIRST,    /* bits cleared before the count falls */
	RELEASE_HASTE,	       /* first use is not waited for */
	RELEASE_FREES_BAD,     /* bits of bad pages cleared too */
	RELEASE_KEEPS_FULL,    /* R6: no look at full */
	RELEASE_LEAVES_OPEN,   /* R4: no look whether it is empty */
	RELEASE_KEEPS_NOWHOLE, /* R6: no look at nowhole */
	REVIVE_BITS_LAST,      /* DEAD goes before bits are set */
	REVIVE_KEEPS_NOWHOLE,  /* R6: no look at nowhole */
	HOST_NO_HOLD,	       /* pageblocks that were never used not held */
	HOST_HASTE,	       /* first use is not waited for */
	HOST_BY_PIECE,	       /* one piece is back before the next is noted */
	HOST_ROWS_FIRST,       /* bits cleared while they are memmap */
	HOST_SHOWS_LATE,       /* gaps are noted before DEAD */
	HOST_DROPS_ISOLATED,   /* DEAD is not isolated in a block that leaves */
	HOST_FREES_BAD,	       /* bits of bad pages cleared too */
	HOST_KEEPS_FULL,       /* R6: no look at full */
	HOST_LEAVES_OPEN,      /* R4: no look whether it is empty */
	HOST_KEEPS_NOWHOLE,    /* R6: no look at nowhole when it is reopened */
	HOST_KEEPS_MIXED,      /* nothing is kept, and it says so */
	NR_MUTANTS,
};

/* What went wrong; 0 if nothing did. */
enum wrong {
	WRONG_NOTHING = 0,
	WRONG_TWICE,	/* a page granted to two */
	WRONG_ISOLATED, /* a page granted after the pageblock was found empty */
	WRONG_KEPT,	/* a page granted that is not the allocator's */
	WRONG_PREPARED, /* found empty while the port prepares it */
	WRONG_STUCK,	/* nobody can go on */
	WRONG_WORD,	/* at rest: the word */
	WRONG_ROWS,	/* at rest: rows are not what is held */
	WRONG_HINT,	/* at rest: a hint hides something */
	WRONG_OPEN,	/* at rest: empty, nobody's, and not closed */
	WRONG_REFUSED,	/* a free refused that is right */
	WRONG_BAD,	/* a bad page granted, or at rest: not noted */
};

struct thread {
	uint16_t word; /* as it read it */
	uint8_t pc;    /* its next step */
	uint8_t ret;   /* and where to go after a part that others use */
	uint8_t op;    /* index in its script */
	uint8_t held;  /* what it holds */
	uint8_t row;   /* that it allocates from or frees in */
	uint8_t mask;  /* bits of that row */
	uint8_t i;     /* counts rows */
	uint8_t now;   /* the row after a free; 0: may be the last */
	bool was_full; /* the row before */
	bool then_end; /* end after the hint full was cleared */
	bool all_rows; /* try the other row too, and give up properly */
	bool again;    /* second look behind nowhole */
	bool inside;   /* a section: something was read in this operation */
	bool isolated; /* the pageblock, by this thread */
};

/* No padding: states are compared as bytes. */
struct world {
	uint16_t word;
	uint8_t row[NR_ROWS];
	uint8_t small, full, nowhole;
	bool drained; /* was found isolated and empty */
	uint8_t holder[NR_PAGES];
	uint8_t wrong;	 /* enum wrong */
	uint8_t bad;	 /* entry of the bad page, 0: none */
	uint8_t waiting; /* threads whose sections are waited for, a bit each */
	bool gaps;	 /* the host's record says so */
	bool known;	 /* the index has those whose memmaps are here */
	bool serves;	 /* and somebody may read these */
	struct thread threads[NR_THREADS];
};

struct scenario {
	const char *name;
	uint16_t word;		  /* at the start */
	uint8_t small, full;	  /* hints at the start */
	uint8_t kept;		  /* bits of row 0 that are nobody's */
	uint8_t fails;		  /* threads whose first use fails */
	uint8_t held[NR_THREADS]; /* page + 1, or HELD_WHOLE */
	uint8_t others;		  /* pages that somebody else holds */
	uint8_t bad_page;	  /* that OP_POISON and OP_CLEAR are about */
	uint8_t bad;		  /* its entry at the start */
	uint8_t piece[NR_PIECES]; /* pages that hold memmaps until OP_LEAVE */
	bool gaps;		  /* at the start */
	bool leaves;		  /* the block is isolated, and found empty */
	uint8_t cpu[NR_THREADS];  /* 1 to 3 */
	uint8_t script[NR_THREADS][NR_OPS];
};

/** What they are tried from; those that withhold come behind the others, those
 * in which memmaps leave last. */
#define NR_INTERLEAVE_SCENARIOS 60
extern const struct scenario interleave_scenarios[NR_INTERLEAVE_SCENARIOS];

/** interleave_first() - the first scenario that may notice a mutant */
size_t interleave_first(int mutant);

/** interleave_start() - the world at the start of a scenario */
void interleave_start(const struct scenario *s, struct world *w);

/** interleave_ended() - whether a thread has nothing more to do */
bool interleave_ended(const struct thread *t);

/** interleave_step() - let thread @n take a step; false: it has to wait */
bool interleave_step(const struct scenario *s, enum mutant mutant,
		     struct world *w, unsigned int n);

#endif
