/* SPDX-License-Identifier: MIT */
/*
 * The summary above the blocks, for spin: a bit for each block says that it may
 * have room, and one above that a group of blocks may. Three processors make
 * room, take it and search, for ever; a manager takes a block offline and
 * brings it online, for ever. run.py runs it.
 *
 * The code is src/room.c. The rule is R6 on each level (R10). Who makes room
 * changes the level below first and looks at this one afterwards. Who has found
 * nothing clears the bit, looks below again, and sets it if that was wrong. A
 * bit that is set may be wrong; one that is not hides nothing at rest.
 *
 * Modelled: one kind of room, not the one whose bit a hint of the block stands
 * in for (doubt_whole()); two blocks in a group, one zone. What the hints
 * inside of a block say is one bit here, room (they are in pageblock.pml). A
 * step is one access of shared memory; memory is sequentially consistent. A bit
 * is set by a load, and an or if it was not set; it is cleared likewise.
 */

bit room[2];	     /* what the hints in a block say */
bit lower[2];	     /* each block may have room */
bit upper;	     /* one of them may */
bit serves[2];	     /* it is online */
byte inside;	     /* who is in a section, a bit each */
byte waited_for;     /* whom synchronize waits for */

/* room_set(): whoever sets the lower bit sets the upper one, too. */
inline room_set(b)
{
	if
	:: lower[b]
	:: else ->
		/* or: somebody else may have been quicker */
		if
		:: d_step { !lower[b] -> lower[b] = 1 };
#ifndef MUTANT_UPPER_FORGOTTEN
			if
			:: upper
			:: else -> upper = 1
			fi
#endif
		:: lower[b]
		fi
	fi
}

/* room_doubt(): nothing was found in a block */
inline room_doubt(b)
{
	if
	:: serves[b] && room[b]
	:: else ->
		if
		:: lower[b] -> lower[b] = 0
		:: else
		fi;
#ifndef MUTANT_LOWER_BLIND
		if
		:: serves[b] && room[b] -> room_set(b)
		:: else
		fi
#endif
	fi
}

/* Blocks of a group that a search would look at. */
#define some_block ((lower[0] && serves[0]) || (lower[1] && serves[1]))

/* leaf_doubt(): no block of the group may have room */
inline leaf_doubt()
{
	if
	:: upper -> upper = 0
	:: else
	fi;
#ifndef MUTANT_UPPER_BLIND
	if
	:: some_block ->
		if
		:: upper
		:: else -> upper = 1
		fi
	:: else
	fi
#endif
}

proctype processor(byte me)
{
	bit b;

idle:
	/* Room is made, or taken, or a search begins. */
	if
	:: d_step { serves[0] && !room[0] ->
		inside = inside | (1 << me); room[0] = 1; b = 0 };
		goto made
	:: d_step { !room[1] ->
		inside = inside | (1 << me); room[1] = 1; b = 1 };
		goto made
	:: d_step { serves[0] && room[0] -> room[0] = 0 }; goto idle
	:: d_step { room[1] -> room[1] = 0 }; goto idle
	:: d_step { upper -> inside = inside | (1 << me) }; goto search
	fi;

made:
#ifndef MUTANT_MADE_SILENT
	room_set(b);
#endif
	goto done;

search:	/* room_next(), leaf_next() */
	if
	:: lower[0] && serves[0] -> b = 0
	:: lower[1] && serves[1] -> b = 1
	:: !some_block -> leaf_doubt(); goto done
	fi;
	if
	:: d_step { serves[b] && room[b] -> room[b] = 0 }
	:: else -> room_doubt(b)
	fi;

done:
progress_done:
	atomic {
		inside = inside & ~(1 << me);
		waited_for = waited_for & ~(1 << me);
		b = 0
	};
	goto idle
}

/* Nobody is inside: nothing is hidden. */
inline rest()
{
	assert(!(serves[0] && room[0]) || (lower[0] && upper));
	assert(!room[1] || (lower[1] && upper))
}

proctype manager()
{
online:
	if
	:: d_step { inside == 0 -> rest() }; goto online
	:: d_step { true -> room[0] = 0; serves[0] = 0 }
	fi;
	/* room_close() */
	if
	:: lower[0] -> lower[0] = 0
	:: else
	fi;

	/* Online again, when latecomers have left. */
	waited_for = inside;
	waited_for == 0;
#ifndef MUTANT_OPEN_KEEPS
	if
	:: lower[0] -> lower[0] = 0
	:: else
	fi;
#endif
	d_step { room[0] = 1; serves[0] = 1 };
	room_set(0);
	goto online
}

init
{
	atomic {
		serves[0] = 1;
		serves[1] = 1;
		run processor(0);
		run processor(1);
		run processor(2);
		run manager()
	}
}
