/* SPDX-License-Identifier: MIT */
/*
 * Cramped pageblocks, for spin: one of two pages, in which somebody looks for a
 * run of both. Processors allocate and free single pages, search for the run,
 * and come to prefer the pageblock and let go of it, for ever. run.py runs it.
 *
 * The code is src/cramped.c, pageblock_after_free(), frame_own() and
 * tight_try(). The rule is R6: who has looked in vain sets the hint and looks
 * again; who makes a run looks at it afterwards. The free of a page in a
 * pageblock that its own processor prefers looks at nothing else, so there is
 * no hint where there is an owner.
 *
 * Modelled: all frees look at the word (FOR_RUNS, or the run is a row); what
 * closing and full do is in pageblock.pml. A step is one access of shared
 * memory; memory is sequentially consistent.
 */

#define NONE 3

bit used[2];	   /* the row */
byte owner = NONE; /* the word: who prefers it */
bit cramped;	   /* the word */
byte busy;	   /* how many are inside */

#define is_run (!used[0] && !used[1])

/* cramped_forget() */
inline forget()
{
	if
	:: cramped -> cramped = 0
	:: else
	fi
}

proctype processor(byte me)
{
	bit i, was;

idle:
	atomic { busy++; was = 0 };
	if
	:: i = 0
	:: i = 1
	fi;
	if
	:: d_step { !used[i] -> used[i] = 1 }; goto done
	:: d_step { used[i] -> used[i] = 0; was = is_run }; goto freed
	:: goto look
	:: d_step { owner == NONE -> owner = me;
#ifndef MUTANT_OWN_KEEPS_CRAMPED
		cramped = 0
#endif
		}; goto done
	:: d_step { owner == me -> owner = NONE }; goto done
	fi;

freed:	/* single_edge() leaves it to ourselves; pageblock_after_free() */
#ifdef MUTANT_FREE_KEEPS_CRAMPED
	goto done;
#endif
	if
	:: owner != me && cramped && was -> forget()
	:: else
	fi;
	goto done;

look:	/* tight_try(), cramped_say() */
	if
	:: cramped -> goto done
	:: else
	fi;
	if
	:: is_run -> goto done
	:: else
	fi;
	if
#ifdef MUTANT_SAY_OWNED
	:: cramped = 1
#else
	:: d_step { owner == NONE -> cramped = 1 }
#endif
	:: else -> goto done
	fi;
#ifndef MUTANT_SAY_BLIND
	if
	:: is_run -> forget()
	:: else
	fi;
#endif

done:
progress_done:
	busy--;
	goto idle
}

/* Nobody is inside: nothing is hidden. */
active proctype rest()
{
end:
	do
	:: d_step { busy == 0 ->
		assert(!cramped || (!is_run && owner == NONE)) }
	od
}

init
{
	/* Two threads of one processor, and another one. */
	atomic {
		run processor(0);
		run processor(0);
		run processor(1)
	}
}
