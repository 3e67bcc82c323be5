/* SPDX-License-Identifier: MIT */
/*
 * The gate: how calls without the mutex use the state and the descriptors of a
 * block whose memmap moves.
 *
 * A block that moves says so in its status, and allocation passes it by
 * (block_grants()), as does the free of a single page. All others go through
 * the gate as long as any block moves: an allocation may reach from one block
 * into the next, and be looked at from there. It is one word for the instance:
 *
 *   63      62                            0
 *   [frozen][ how many are inside         ]
 *
 *   users:  section { moves? state }   section { moves? enter state leave }
 *   mover:  moves becomes odd | synchronize | copy descriptors | 0 -> frozen
 *           switch the state | thaw | synchronize | moves becomes even
 *
 * After the first wait every user of the block is in the gate or nowhere. The
 * mover gets in only when nobody is inside, and tries rather than waits: who is
 * inside may have been interrupted by one who would wait for the mover. So
 * nobody waits longer than one copy of the state takes.
 *
 * INV-27 at rest the gate is open and empty, and no block moves.
 *
 * Rules for users: pointers into state or descriptors are made inside and not
 * kept; nothing inside waits. Entering twice is allowed: with somebody inside
 * the gate cannot freeze. The holder of the mutex needs no gate, since the
 * mover holds it.
 */
#ifndef MHP_SRC_GATE_H
#define MHP_SRC_GATE_H

#include "engine.h"

#define GATE_FROZEN (UINT64_C(1) << 63)

/** gate_pass() - go in; waits while somebody copies */
void gate_pass(struct mhp *m);

/** gate_out() - undo it */
void gate_out(struct mhp *m);

/** gate_moves() - a number that is odd while a memmap moves, and grows */
static inline uint64_t gate_moves(const struct mhp *m)
{
	return mhp_port_load_seq(&m->moves);
}

/** gate_enter() - begin to use states of blocks. Inside a read-side section.
 * Return: for gate_leave(). */
static inline bool gate_enter(struct mhp *m)
{
	if (LIKELY(!(gate_moves(m) & 1)))
		return false;
	gate_pass(m);
	return true;
}

/** gate_leave() - end it */
static inline void gate_leave(struct mhp *m, bool entered)
{
	if (UNLIKELY(entered))
		gate_out(m);
}

/**
 * gate_move_begin() - memmaps begin to move
 *
 * Before their blocks say so: whoever passes a block by because it moves finds,
 * after his search, that a move has begun since, or still runs. [mutex]
 */
void gate_move_begin(struct mhp *m);

/** gate_move_end() - the blocks that moved say that they do no more. [mutex] */
void gate_move_end(struct mhp *m);

/** gate_freeze() - keep everybody out; readers were waited for since the move
 * began. Not to be followed by anything that waits. [mutex] */
void gate_freeze(struct mhp *m);

/** gate_thaw() - let them in. [mutex] */
void gate_thaw(struct mhp *m);

/**
 * gate_await() - nothing was found: was that because a memmap moves?
 *
 * @before: gate_moves() from before the search
 *
 * Context: outside read-side sections. Waits as far as the port allows it.
 * Return: whether to search again.
 */
bool gate_await(struct mhp *m, uint64_t before);

#endif
