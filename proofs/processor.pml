/* SPDX-License-Identifier: MIT */
/*
 * A processor of pageblock.pml: it allocates and frees, one operation after the
 * other, each in a section. Labels are where C functions begin, and say which;
 * src/frame*.c, src/cursor.c.
 */

/* It has looked for a pageblock, and FREE is not done yet. */
#define SEARCHED (how != FAST && how != REST && how != PLACE && how != FREE)

/* A processor. me: its bit in inside; cpu: its number, from 1 on; mobility of
 * what it asks for: 0 or UNMOVABLE. */
proctype processor(byte me; byte cpu; short mobility)
{
	short w;      /* the word, as it was read */
	short expect; /* of a pageblock that it may use */
	byte order;
	byte r;	      /* a row, */
	byte mask;    /* bits of it, */
	bit was_full; /* how it was before, */
	bit emptied;  /* and is */
	byte page;
	bit look;    /* what a look has told */
	bit has_cursor;
	bit remains; /* a free pageblock was left behind */
	bit second;  /* the other row */
	bit again;   /* the second look of FREE */
	byte how;
	byte then;

idle:
	if
#ifdef ONE_CPU
	:: atomic { cursor[cpu - 1] -> ask(FAST); order = 0 }; goto by_index
#endif
	:: atomic { points_here && LATE -> ask(REST); ask_order() };
		goto by_index
#ifdef PLACES
	:: atomic { place[cpu - 1] && LATE -> ask(PLACE); order = 0 };
		goto by_place
#endif
#ifdef NEXTS
	:: atomic { true -> ask(NEXT); order = WHOLE_ORDER }; goto by_index
#endif
#ifdef HINTS
	:: atomic { true -> ask(SHARED); ask_order() }; goto by_index
#endif
#ifdef MOBILITY
	:: atomic {
		mobility == 0 ->
		ask(TOO);
		ask_order();
		expect = SMALL | UNMOVABLE;
		has_cursor = 0
	   };
		goto by_index
#endif
	:: atomic { OPENS -> ask(FREE); ask_any_order() }; goto by_index
#ifdef EMPTIEDS
	:: atomic { true -> ask(EMPTIED); ask_any_order() }; goto by_index
#endif
	:: atomic { pick(SINGLE) }; goto free_page
#ifdef RUNS
	:: atomic { pick(RUN); mask = 3 }; goto free_run
#endif
#ifdef WHOLES
	:: atomic { pick(WHOLE) }; goto free_whole
#endif
#ifdef WRONG
	:: atomic { held[0] == SINGLE -> take(0); mask = 3 }; goto free_wrong
	:: atomic { pick(RUN) }; goto free_wrong
	:: atomic { pick(RUN); mask = 2 }; goto free_wrong
#endif
#ifdef CURSORS
	:: d_step {
		cursor[cpu - 1] ->
		inside = inside | (1 << me);
		cursor[cpu - 1] = 0
	   };
		goto elsewhere
#endif
#ifdef ENDS
	:: goto stopped
#endif
	fi;

#ifdef PLACES
by_place: /* the epoch is compared; what granted in it is claimed unseen */
	if
	:: d_step { place[cpu - 1] -> find() }; goto claim
	:: else -> goto done
	fi;
#endif

/* section_block(), block_status(). Who comes by the zone's list may stand on a
 * block that left it: so he gets here as long as the index has the block. */
by_index:
#if defined(PLACES) && !defined(MUTANT_EPOCH_LATE)
	fresh[me] = 1;
#endif
#ifndef STAYS
	if
	:: published
	:: else -> goto done
	fi;
#endif
	if
	:: d_step { serves && how == REST -> find() }; goto search_rest
	:: d_step { serves && how == NEXT -> find() }; goto open_try
	:: d_step { serves && how == FREE -> find() }; goto search_free
	:: d_step { serves && how == EMPTIED -> find() }; goto search_emptied
#ifdef ONE_CPU
	:: d_step { serves && how == FAST -> find() }; goto search_rest
#endif
	:: d_step { serves && (how == SHARED || how == TOO) -> find() };
		goto search_partial
	:: else -> goto done
	fi;

search_rest: /* single_near(), search_cursor_rest() */
	if
#ifdef MUTANT_CLAIM_UNSEEN
	:: true
#else
	:: (word & GRANT) == expect
	:: else -> goto done
#endif
	fi;
claim:
#if NR_ROWS > 1
	if
	:: r = 0
	:: r = 1
	fi;
#endif
	goto try;

search_partial:
	if
	:: hint_small
	:: else -> goto done
	fi;
	if
	:: !hint_full
	:: else -> goto done
	fi;
	if
	:: d_step { (word & GRANT) == expect -> w = word }
	:: else -> goto done
	fi;
	/* frame_has_run() */
#if NR_ROWS == 1
	if
	:: has_run(0)
	:: else -> goto no_run
	fi;
#else
	if
	:: has_run(0)
	:: else ->
		if
		:: has_run(1)
		:: else -> goto no_run
		fi
	fi;
#endif
	/* frame_own() */
	if
	:: !has_cursor || (w & OWNER)
	:: else ->
		if
		:: d_step { word == w -> word = w | OWNER_OF(cpu) }
		:: else -> goto done
		fi
	fi;
	r = 0;
	second = 0;

try:	/* frame_try_pageblock(); by FAST only the row of the cursor */
	if
	:: d_step { has_run(r) -> mask = first_run(r); row[r] = row[r] | mask }
	:: else ->
		if
		:: how == FAST || second || NR_ROWS == 1 -> goto untaken
		:: else -> second = 1; r = 1 - r; goto try
		fi
	fi;
	/* run_granted() */
	if
#ifdef MUTANT_GRANT_UNSEEN
	:: d_step { true -> grant_row() }
#else
#ifdef GRANT_MISSES
	:: d_step {
		(word & GRANT & ~GRANT_MISSES) == expect -> grant_row()
	   }
#else
	:: d_step { (word & GRANT) == expect -> grant_row() }
#endif
#endif
	:: else -> then = UNTAKEN; goto undo
	fi;
	if
	:: how == FAST -> goto done
	:: order == 0 && how != FAST
	:: order == 1 && how != FAST -> /* run_finish(): R7 */
		d_step {
#ifndef MUTANT_TAILS_UNSET
			tail[r] = tail[r] | (mask & (mask - 1));
#endif
			held[low_page] = RUN;
			mask = 0;
			r = 0
		}
	fi;
#ifdef PLACES
#ifdef MUTANT_EPOCH_LATE
	fresh[me] = 1;
#endif
	if /* cursor_remember() */
	:: how == REST -> place[cpu - 1] = fresh[me]
	:: else
	fi;
#endif
	if
	:: has_cursor -> cursor[cpu - 1] = 1
	:: else
	fi;
taken:
	if /* by the second look: there may be more */
	:: how == FREE && again -> pageblock_clear_nowhole()
	:: else
	fi;
	goto done;

no_run:
	if
	:: w & OWNER -> goto done
	:: else
	fi;
	pageblock_full();
	if
	:: look -> pageblock_mark_full()
	:: else
	fi;
	goto done;

untaken: /* the end of frame_try() */
	if
	:: how == FAST || how == REST || how == PLACE -> goto done
	:: d_step { SEARCHED && has_cursor -> forget() };
		goto let_go
	:: d_step { SEARCHED && !has_cursor -> forget() };
		goto closing
	:: how == FREE && has_cursor -> then = NONE; goto let_go
	:: how == FREE && !has_cursor -> then = NONE; goto closing
	fi;

search_free:
	if
	:: hint_nowhole -> goto done
	:: else -> remains = 0; again = 0
	fi;
search_free_word:
	if
	:: hint_small -> goto none
	:: else
	fi;

open_try: /* and frame_open() */
	if
	:: d_step { is_free(word) -> w = word }
	:: else -> goto none
	fi;
	if
	:: order == WHOLE_ORDER && ((w & MIXED) || KEPT_BITS(0)) ->
		remains = 1;
		goto none
	:: else
	fi;
	if
	:: d_step {
		word == w && (w & USED) ->
		word = w | grant_bits;
		if
		:: order == WHOLE_ORDER -> grant_whole()
		:: else
		fi
	   };
		goto opened
	:: d_step { word == w && !(w & USED) -> word = w | OPENING }
	:: else -> goto none
	fi;
	/* open_first() */
	w = USED;
#ifdef FAILS
	if
	:: true
	:: w = 0
	fi;
#endif
#ifdef KEPT
	if
	:: w -> d_step { row[0] = row[0] | 1; w = USED | MIXED }
	:: else
	fi;
#endif
	/* open_finish() */
	if
#ifndef MUTANT_OPEN_DROPS_ISOLATED
	:: d_step {
		(word & ISOLATED) ->
		assert(word & OPENING);
		word = w | ISOLATED
	   };
		if
		:: w -> goto none
		:: else -> goto failed
		fi
	:: d_step {
		!(word & ISOLATED) ->
#else
	:: d_step {
		true ->
#endif
		assert(word & OPENING);
		word = (w -> w | grant_bits : 0);
		if
		:: order == WHOLE_ORDER && w -> grant_whole()
		:: else
		fi
	   };
		if
		:: w -> goto opened
		:: else -> goto failed
		fi
	fi;

failed:
	remains = 1;
#ifndef MUTANT_FAIL_KEEPS_NOWHOLE
	pageblock_clear_nowhole();
#endif
	goto none;

opened:
	if
	:: order == WHOLE_ORDER -> goto taken
	:: else
	fi;
	pageblock_set_small();
	r = 0;
	second = 0;
	goto try;

none:	/* the rest of search_free(), search_free_again() */
	if
	:: how != FREE -> goto done
	:: how == FREE && !again && remains -> goto done
	:: how == FREE && !again && !remains -> hint_nowhole = 1
	:: how == FREE && again && remains ->
		pageblock_clear_nowhole();
		goto done
	:: how == FREE && again && !remains -> goto done
	fi;
#ifdef MUTANT_NOWHOLE_BLIND
	goto done;
#else
	again = 1;
	goto search_free_word;
#endif

search_emptied:
	if
	:: hint_small
	:: else -> goto done
	fi;
	if
	:: d_step { (word & OWNER) != 0 -> w = word }
	:: else -> goto done
	fi;
	pageblock_empty();
	if
	:: look -> then = OPEN; goto closing
	:: else -> goto done
	fi;

elsewhere: /* cursor_move(), to another pageblock */
#ifndef STAYS
	if
	:: published
	:: else -> goto done
	fi;
#endif
	if
	:: d_step { serves -> find(); then = DONE }
	:: else -> goto done
	fi;

let_go:	/* pageblock_let_go(): R8 */
	if
	:: d_step { (word & OWNER) == OWNER_OF(cpu) -> word = word & ~OWNER }
	:: else
	fi;
#ifdef MUTANT_LET_GO_BLIND
	goto closed;
#endif
	pageblock_full();
	if
	:: look -> pageblock_mark_full()
	:: else -> pageblock_clear_full()
	fi;
	goto closing;

free_page: /* mhp_frame_free(), order 0 */
	atomic { assert(published && serves); find() };
	if
	:: !(word & (HAS_RUNS | MIXED)) -> assert(word & SMALL)
	:: true -> goto free_row /* also if the swap below fails */
	fi;
	d_step { clear_row() };
	if
	:: !emptied && !was_full -> goto done
	:: else
	fi;
	/* single_edge() */
	if
	:: (word & OWNER) != OWNER_OF(cpu) -> then = DONE; goto after_free
	:: else
	fi;
#ifndef MUTANT_OWN_FREE_KEEPS_FULL
	if
	:: !emptied -> pageblock_clear_full()
	:: else
	fi;
#endif
	goto done;

free_run: /* frame_free_run() */
	atomic { assert(published && serves); find() };
free_row:
	assert(word & SMALL);
	RUN_CHECK(wrong);
#ifndef MUTANT_TAILS_STAY
	if
	:: mask == 3 -> tail[r] = tail[r] & ~mask
	:: else
	fi;
#endif
	d_step { clear_row() };
	then = DONE;
	goto after_free;
wrong:
	assert(false); /* what is right was refused */

undo:	/* pageblock_undo(): R5 */
	atomic {
		was_full = is_full(r);
		row[r] = row[r] & ~mask;
		emptied = (row[r] == 0);
		mask = 0;
		r = 0;
		second = 0
	};
after_free: /* pageblock_after_free() */
#ifndef MUTANT_FREE_KEEPS_FULL
	if
	:: was_full -> pageblock_clear_full()
	:: else
	fi;
#endif
	if
	:: emptied -> goto closing
	:: !emptied && (word & MIXED) -> goto closing
	:: !emptied && !(word & MIXED) -> goto closed
	fi;

closing:
	pageblock_close(then == OPEN);
closed:
	if
	:: then == DONE -> goto done
	:: then == UNTAKEN -> goto untaken
	:: then == NONE -> goto none
	:: then == OPEN -> goto open_try
	fi;

#ifdef WRONG
free_wrong: /* by the holder: another order, or from the middle (R7) */
	atomic { assert(published && serves); find() };
	RUN_CHECK(refused);
	assert(false); /* what is wrong was accepted */
refused:
	atomic {
		page = low_page;
		if
		:: held[page] == BEHIND -> held[page - 1] = RUN
		:: held[page] == BUSY && held[page + 1] == BEHIND ->
			held[page] = RUN
		:: else -> held[page] = SINGLE
		fi
	};
	goto done;
#endif

free_whole: /* frame_free_whole() */
	atomic { assert(published && serves); find() };
	d_step {
		assert((word & HUGE) && held[0] == BUSY);
		word = word & (ISOLATED | LASTING);
		for (page : 0 .. NR_PAGES - 1) {
			held[page] = NOBODY
		}
		page = 0
	};
	pageblock_clear_nowhole();
	goto done;

done:
progress_done:
	atomic { /* the section ends, and with it what was known */
		inside = inside & ~(1 << me);
		found = found & ~(1 << me);
		waited_for = waited_for & ~(1 << me);
		fresh[me] = 0;
		forget()
	};
	goto idle;
stopped:
	skip
}
