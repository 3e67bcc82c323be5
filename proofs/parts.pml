/* SPDX-License-Identifier: MIT */
/*
 * What the processes of pageblock.pml share, and the parts that they consist
 * of.
 *
 * Where an access decides where to go on, it is the guard of an option: one
 * step. An inline is the C function of its name in src/pageblock.c; it uses w,
 * the word as the process has read it, and look, what a look has told.
 */

#ifndef NR_ROWS
#define NR_ROWS 2
#endif
#define NR_PAGES (2 * NR_ROWS)
#define FULL_ROW 3
#define WHOLE_ORDER 2

/* Bits of the word; who prefers it is a cpu, from 1 on. */
#define SMALL 1
#define HUGE 2
#define ISOLATED 4
#define CLOSING 8
#define OPENING 16
#define UNMOVABLE 32
#define USED 64
#define MIXED 128
#define HAS_RUNS 256
#define OWNER 1536
#define OWNER_OF(cpu) ((cpu) << 9)
#define GRANT (SMALL | HUGE | ISOLATED | CLOSING | OPENING | UNMOVABLE)
#define LASTING (USED | MIXED)

#ifdef KEPT
#define KEPT_BITS(r) ((r) == 0)
#else
#define KEPT_BITS(r) 0
#endif

/* ---- what is shared ---- */

short word;
byte row[2];
byte tail[2];
bit hint_small, hint_full, hint_nowhole;
bit published = 1; /* the index has the block */
bit serves = 1;	   /* its life: ONLINE or GOING_OFFLINE */
bit cursor[2];	   /* points to this pageblock */
/* Epochs are compared for being the same, so it is enough to know whether what
 * was read, and what is remembered with a place, is that of the engine. */
bit fresh[2]; /* the epoch that a processor has read, by me */
bit place[2]; /* a cursor remembers addresses, found in this epoch */

/* ---- what is there to judge by ---- */

/* What is held, by its first page. */
#define NOBODY 0
#define SINGLE 1 /* order 0 */
#define RUN 2	 /* order 1 */
#define WHOLE 3
#define BEHIND 4 /* behind the first page */
#define BUSY 5	 /* being given or freed */

byte held[4];
bit usable = 1;	 /* the state may be looked at */
bit drained;	 /* found isolated and empty, for good */
byte inside;	 /* who is in a section, a bit each */
byte found;	 /* who has found the block in this section */
byte waited_for; /* whom synchronize waits for */

#define is_free(w) (((w) & ~LASTING) == 0)
/* Allocated pages of a row, as it is now, by a word that was read. */
#define used(w, r) (row[r] & ~(((w & MIXED) != 0) * KEPT_BITS(r)))
#define is_full(r) (row[r] == FULL_ROW)

/* ---- looking at rows, one after the other; look is the answer ---- */

/* pageblock_empty() by the word w: a row after the other */
inline pageblock_empty()
{
	if
	:: used(w, 0) -> look = 0
	:: used(w, 0) == 0 ->
#if NR_ROWS == 1
		look = 1
#else
		if
		:: used(w, 1) -> look = 0
		:: used(w, 1) == 0 -> look = 1
		fi
#endif
	fi
}

/* pageblock_full() */
inline pageblock_full()
{
	if
	:: !is_full(0) -> look = 0
	:: is_full(0) ->
#if NR_ROWS == 1
		look = 1
#else
		if
		:: !is_full(1) -> look = 0
		:: is_full(1) -> look = 1
		fi
#endif
	fi
}

/* ---- hints (R6) ---- */

inline pageblock_clear_nowhole()
{
	if
	:: hint_nowhole -> hint_nowhole = 0
	:: else
	fi
}

inline pageblock_clear_full()
{
	if
	:: hint_full -> hint_full = 0
	:: else
	fi
}

inline pageblock_mark_full()
{
	hint_full = 1;
#ifndef MUTANT_MARK_BLIND
	pageblock_full();
	if
	:: look
	:: else -> pageblock_clear_full()
	fi
#endif
}

/* While somebody closes, it waits: word_settled(). */
#define is_closing ((word & (SMALL | CLOSING)) == (SMALL | CLOSING))

inline pageblock_set_small()
{
	do
	:: hint_small = 1;
#ifdef MUTANT_SMALL_BLIND
	   break;
#endif
	   if
	   :: (word & SMALL) && !is_closing -> break
	   :: !(word & SMALL)
	   fi;
	   hint_small = 0;
	   if
	   :: (word & SMALL) && !is_closing
	   :: !(word & SMALL) ->
#ifndef MUTANT_SMALL_KEEPS_NOWHOLE
		pageblock_clear_nowhole();
#endif
		break
	   fi
	od
}

/* ---- closing (R4) ---- */

inline close_finish()
{
	hint_small = 0;
	hint_full = 0;
	d_step {
		assert(is_closing);
		w = word;
		word = w & (ISOLATED | LASTING)
	};
#ifndef MUTANT_CLOSE_KEEPS_NOWHOLE
	if
	:: !(w & ISOLATED) -> pageblock_clear_nowhole()
	:: else
	fi
#endif
}

inline pageblock_close(owned_too)
{
	do
	:: d_step {
		(word & (SMALL | CLOSING)) == SMALL &&
		(owned_too || !(word & OWNER)) ->
		w = word
	   };
	   pageblock_empty();
#ifndef MUTANT_CLOSE_PERSISTS
	   if
	   :: !look -> break
	   :: else
	   fi;
#endif
	   if
	   :: d_step { word == w -> word = w | CLOSING };
#ifndef MUTANT_CLOSE_BLIND
		pageblock_empty();
#endif
		if
		:: look -> close_finish(); break
		:: else -> word = word & ~CLOSING
		fi;
#ifdef MUTANT_CLOSE_GIVES_UP
		break
#endif
	   :: else
	   fi
	:: else -> break
	od
}

/* ---- claim, grant, free (R1, R2, R7) ---- */

#ifdef MUTANT_GRANT_MISSES_CLOSING
#define GRANT_MISSES CLOSING
#endif
#ifdef MUTANT_GRANT_MISSES_ISOLATED
#define GRANT_MISSES ISOLATED
#endif

/* The page of the lowest bit of mask. */
#define low_page (2 * r + (mask == 2))

/* Whether a row has a run of the order, and its first one. */
#define has_run(r) (order == 0 -> !is_full(r) : row[r] == 0)
#define first_run(r) (order == 0 -> (~row[r] & (row[r] + 1) & FULL_ROW) : 3)

/* What opening gives a free word. */
#define grant_bits \
	(order == WHOLE_ORDER -> HUGE | (expect & UNMOVABLE) : \
	 expect | order * HAS_RUNS | has_cursor * OWNER_OF(cpu))

/* The block was found: from here to the end of the section its state is
 * looked at. */
inline find()
{
	assert(usable);
	found = found | (1 << me)
}

/* R2: what is granted is nobody's, not kept, and not behind isolation. */
inline grant_row()
{
	page = low_page;
	assert(!drained);
	assert(!(mask & KEPT_BITS(r)));
	assert(!(tail[r] & mask)); /* R7 */
	assert(held[page] == NOBODY);
	held[page] = SINGLE;
#ifdef RUNS
	if
	:: order == 1 ->
		word = word | HAS_RUNS;
		assert(held[page + 1] == NOBODY);
		held[page] = BUSY;
		held[page + 1] = BEHIND
	:: else -> mask = 0; r = 0
	fi;
#else
	mask = 0;
	r = 0;
#endif
	page = 0
}

inline grant_whole()
{
	assert(!drained && !KEPT_BITS(0));
	for (page : 0 .. NR_PAGES - 1) {
		assert(held[page] == NOBODY);
		held[page] = BEHIND
	}
	held[0] = WHOLE;
	page = 0
}

/* The row bits go: from here on the page is nobody's. */
inline clear_row()
{
	page = low_page;
	assert((row[r] & mask) == mask && held[page] == BUSY);
	held[page] = NOBODY;
#ifdef RUNS
	if
	:: mask == 3 -> held[page + 1] = NOBODY
	:: else
	fi;
#endif
	was_full = is_full(r);
	row[r] = row[r] & ~mask;
	emptied = (row[r] == 0);
	assert(!(tail[r] & mask)); /* R7 */
	page = 0;
	mask = 0;
	r = 0
}

/* run_check(): goes on if rows and tails say that it is one allocation, with
 * the page behind it, if there is one; else it goes to the label. */
#define RUN_CHECK(refused) \
	if \
	:: (row[r] & mask) == mask \
	:: else -> goto refused \
	fi; \
	if \
	:: (tail[r] & mask) == (mask & (mask - 1)) \
	:: else -> goto refused \
	fi; \
	if \
	:: mask != 1 && r == NR_ROWS - 1 \
	:: mask != 1 && r < NR_ROWS - 1 && !(tail[1] & 1) \
	:: mask == 1 && !(tail[r] & 2) \
	:: else -> goto refused \
	fi

/* ---- what a processor does next ---- */

/* How a processor allocates, one way at a time. */
#define FAST 1	  /* frame_singles(): one row */
#define REST 2	  /* search_cursor_rest() */
#define SHARED 3  /* search_partial() */
#define TOO 4	  /* search_zone_unmovable() */
#define FREE 5	  /* search_free() */
#define EMPTIED 6 /* search_emptied() */
#define NEXT 7	  /* search_cursor_whole() */
#define GIVE 8	  /* it frees */
#define PLACE 9	  /* mhp_frame_alloc(), by cursor_read() */

/* Where to go on after closing. */
#define DONE 0
#define UNTAKEN 1
#define NONE 2
#define OPEN 3

/* Who does what, of two. */
#ifdef APART
#define LATE (me == 0)
#define OPENS (me == 1)
#else
#define LATE true
#define OPENS true
#endif

/* Without cursors there are still old ones, at any time. */
#if defined(CURSORS) && !defined(APART)
#define points_here cursor[cpu - 1]
#else
#define points_here true
#endif

/* What a processor knows only within an operation. Where it does not matter any
 * more it is taken back, so that states are the same. */
inline forget()
{
	w = 0;
	expect = 0;
	order = 0;
	r = 0;
	mask = 0;
	page = 0;
	was_full = 0;
	emptied = 0;
	look = 0;
	has_cursor = 0;
	remains = 0;
	second = 0;
	again = 0;
	how = 0;
	then = DONE
}

/* What is asked for by searches. */
inline ask(way)
{
	inside = inside | (1 << me);
	how = way;
	expect = SMALL | mobility;
#ifdef CURSORS
	if
	:: has_cursor = 1
#ifdef BARE
	:: has_cursor = 0
#endif
	fi
#else
	has_cursor = 0
#endif
}

inline ask_order()
{
	if
	:: order = 0
#ifdef RUNS
	:: order = 1
#endif
	fi
}

inline ask_any_order()
{
	if
#ifdef WHOLES
	:: order = WHOLE_ORDER
#endif
	:: order = 0
#ifdef RUNS
	:: order = 1
#endif
	fi
}

/* Begin to free what begins at that page. */
inline take(first)
{
	inside = inside | (1 << me);
	how = GIVE;
	r = first / 2;
	mask = 1 << (first % 2);
	held[first] = BUSY
}

/* The same, of any page that is held like that. */
inline pick(kind)
{
	if
	:: held[0] == kind -> page = 0
	:: held[1] == kind -> page = 1
#if NR_ROWS > 1
	:: held[2] == kind -> page = 2
	:: held[3] == kind -> page = 3
#endif
	fi;
	take(page);
	page = 0
}
