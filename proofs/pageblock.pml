/* SPDX-License-Identifier: MIT */
/*
 * The protocol of a pageblock, for spin: two processors that allocate and free
 * for ever, and a manager that isolates, un-isolates, takes offline, removes,
 * adds and brings online, for ever. Written from the rules R1 to R8 of
 * src/pageblock.h and docs/LOCKING.md; run.py says with which options and
 * mutants it is run.
 *
 * Modelled: a block with one pageblock; its word, rows of two pages, tails and
 * hints; whether the index has the block and whether it serves; a cursor for
 * each processor; allocations of order 0, 1 and of the whole pageblock;
 * read-side sections, and synchronize, which waits for those that were open.
 * There is no bound on how often anything is done.
 *
 * A step is one access of shared memory. A loop of load and compare-and-swap
 * that decides by the word it swaps is one step, its last one. A
 * compare-and-swap of what was read earlier, with other accesses in between, is
 * a step of its own. Memory is sequentially consistent.
 *
 * More happens here than in C: a search is any one way of looking (C tries them
 * in a fixed order), a cursor may point to any row, a block is found as long as
 * the index has it, and what is allocated is anybody's to free, once.
 *
 * Left out: runs of several rows, bulk, chains (R9), bad, withheld and lent
 * pages, memmaps that move, several pageblocks and blocks (summary.pml), the
 * cursor of each class of orders: a processor has one.
 *
 * All at once are too many states. So each run has some of these:
 *   STAYS     the block does, and is not isolated
 *   NR_ROWS   1 or 2
 *   WHOLES    whole pageblocks are asked for, too
 *   RUNS      order 1 is
 *   HINTS     partly used pageblocks are looked for by the hints
 *   CURSORS   processors have one; without, nobody prefers a pageblock, but
 *             old cursors lead there at any time
 *   PLACES    the late processor also uses addresses that it remembers
 *   BARE      with CURSORS: some requests have none
 *   EMPTIEDS  empty pageblocks that somebody prefers are closed
 *   NEXTS     whole pageblocks are taken by a cursor
 *   FAILS     a first use may fail
 *   KEPT      page 0 is not the allocator's: the pageblock is mixed
 *   MOBILITY  the second processor asks for unmovable memory
 *   ONE_CPU   both are threads on one processor
 *   APART     one processor comes late, by old cursors and hints; the other one
 *             opens pageblocks
 *   WRONG     what is held is freed with a wrong order, too
 *   ENDS      anybody may stop: who waits for him then is stuck
 *   ALONE     there is no manager
 *
 * parts.pml has what is shared, and the parts; processor.pml the processors;
 * here are the manager, and what must hold at rest.
 */
#include "parts.pml"
#include "processor.pml"

/* ---- at rest ---- */

#define is_held(p) (held[p] != NOBODY)
/* Bits of row i that there should be: these pages, or the kept one. */
#define held_bits(i) (is_held(2 * i) | is_held(2 * i + 1) << 1)
#define has_tail(i) (held[2 * i + 1] == BEHIND)
#define should_be(i) \
	((word & SMALL) -> held_bits(i) | KEPT_BITS(i) : \
	 ((word & USED) -> KEPT_BITS(i) : 0))
#define should_be_tail(i) (((word & SMALL) && has_tail(i)) << 1)

/* The words say what is held and nothing else. */
inline rest_words()
{
	assert(!(word & (CLOSING | OPENING)));
	assert((word & (SMALL | HUGE)) != (SMALL | HUGE));
	assert(((word & HUGE) != 0) == (held[0] == WHOLE));
	assert(row[0] == should_be(0) && row[1] == should_be(1));
	assert(tail[0] == should_be_tail(0) && tail[1] == should_be_tail(1))
}

/* Hints hide nothing (R6), and what is empty is not left open (R4, R8). */
inline rest_hints()
{
	assert(!(word & ISOLATED));
	assert(hint_small == ((word & SMALL) != 0));
	assert(!hint_full || (is_full(0) && (NR_ROWS == 1 || is_full(1))));
	assert(!hint_nowhole || !is_free(word));
	assert(!(word & SMALL) || (word & OWNER) ||
	       (row[0] & ~KEPT_BITS(0)) || row[1]);
#ifndef ONE_CPU
	/* None is preferred without a cursor. */
	assert((word & OWNER) != OWNER_OF(1) || cursor[0]);
	assert((word & OWNER) != OWNER_OF(2) || cursor[1])
#endif
}

/* ---- the manager ---- */

/* What was found before is not to be used any more: the epoch changes. */
inline grace_forget()
{
	d_step {
		fresh[0] = 0;
		fresh[1] = 0;
		place[0] = 0;
		place[1] = 0
	}
}

inline grace_wait()
{
#if defined(PLACES) && !defined(MUTANT_WAIT_FORGETS_NOT)
	grace_forget();
#endif
	waited_for = inside;
	waited_for == 0
}

/* The state is cleared; nobody is looking at it. */
inline clear_state()
{
	assert(!found);
	usable = 0;
	word = 0;
	row[0] = 0;
	row[1] = 0;
	tail[0] = 0;
	tail[1] = 0;
	hint_small = 0;
	hint_full = 0;
	hint_nowhole = 0
}

proctype manager()
{
	short w;
	bit look;
	byte page;

online:
	if
	:: d_step { inside == 0 -> rest_words(); rest_hints() }; goto online
#ifndef STAYS
#ifndef MUTANT_ISOLATE_LATE
	:: word = word | ISOLATED /* offline_prepare() */
#else
	:: true
#endif
#endif
#ifdef ENDS
	:: goto stopped
#endif
	fi;

isolated: /* isolate_used(), as often as it likes */
	if
	:: d_step { inside == 0 && (word & ISOLATED) -> rest_words() };
		goto isolated
	/* offline_undo(), isolate_undo_span() */
	:: d_step { is_free(word & ~ISOLATED) -> word = word & ~ISOLATED };
		pageblock_clear_nowhole();
		goto online
	:: d_step { !is_free(word & ~ISOLATED) -> word = word & ~ISOLATED };
		pageblock_close(false);
		atomic { true -> w = 0; look = 0; goto online }
#ifndef MUTANT_DRAIN_MISSES_OPENING
	:: d_step { !(word & (HUGE | OPENING)) -> w = word }
#else
	:: d_step { !(word & HUGE) -> w = word }
#endif
	fi;
	if
	:: !(w & SMALL)
	:: w & SMALL ->
		pageblock_empty();
		if
		:: look -> look = 0
		:: else -> w = 0; goto isolated
		fi
	fi;
	d_step { /* that is final (R3) */
		w = 0;
#ifdef MUTANT_ISOLATE_LATE
		word = word | ISOLATED;
#endif
		drained = 1;
		for (page : 0 .. NR_PAGES - 1) {
			assert(!is_held(page))
		}
		page = 0;
		assert(!(word & OPENING))
	};
	serves = 0; /* offline_commit() */

	if
	:: d_step { inside == 0 -> rest_words() }
	:: true
	fi;
	if
	:: published = 0; /* remove_commit() */
#ifndef MUTANT_REMOVE_HASTE
		grace_wait();
#endif
		d_step { clear_state() };
		published = 1 /* mhp_add() */
	:: true -> /* withheld_clear_rest() */
#ifndef MUTANT_ONLINE_HASTE
		grace_wait();
#endif
		d_step { clear_state() }
	fi;
#ifdef PLACES
	grace_forget();
#endif
	d_step { usable = 1; drained = 0; serves = 1 }; /* online_commit() */
	goto online;
stopped:
	skip
}

#ifndef ONE_CPU
#define CPU_2 2
#else
#define CPU_2 1
#endif
#ifdef MOBILITY
#define MOBILITY_2 UNMOVABLE
#else
#define MOBILITY_2 0
#endif

init
{
	atomic {
		run processor(0, 1, 0);
		run processor(1, CPU_2, MOBILITY_2);
#ifndef ALONE
		run manager()
#endif
	}
}
