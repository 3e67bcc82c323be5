/* SPDX-License-Identifier: MIT */
/* Threads that take, free and isolate chains, step by step. */
#include <string.h>

#include "interleave_chain.h"

enum pc {
	PC_BEGIN = 0,
	PC_LOOK,
	PC_TAKE,
	PC_GRANT,
	PC_GIVE,
	PC_FREE_LOOK,
	PC_FREE_COUNT,
	PC_FREE_CLOSE,
	PC_FREE_AGAIN,
	PC_FREE_REFUSE,
	PC_FREE_ONE,
	PC_ISOLATE_WAIT,
	PC_ISOLATE_LOOK,
	PC_ISOLATE_BACK,
	PC_ISOLATE_UNDO,
	PC_DONE,
};

/* Everything a step needs. */
struct step {
	const struct scenario *s;
	enum mutant mutant;
	struct world *w;
	struct thread *t;
	unsigned int n;
};

static bool go(const struct step *p, enum pc pc)
{
	p->t->pc = (uint8_t)pc;
	return true;
}

static void wrong(const struct step *p, enum wrong what)
{
	if (!p->w->wrong)
		p->w->wrong = (uint8_t)what;
}

static enum op op_of(const struct step *p)
{
	return p->t->op < NR_OPS ? (enum op)p->s->script[p->n][p->t->op]
				 : OP_END;
}

/* Each operation of each thread is another taking. */
static uint8_t tag_of(const struct step *p)
{
	return (uint8_t)(1 + NR_THREADS + p->n * NR_OPS + p->t->op);
}

static bool end_op(const struct step *p)
{
	p->t->inside = 0;
	p->w->waiting &= (uint8_t) ~(1 << p->n);
	p->t->op++;
	p->t->at = p->t->nr = p->t->i = p->t->word = 0;
	return go(p, op_of(p) == OP_END ? PC_DONE : PC_BEGIN);
}

/* ---- taking ---- */

static bool is_chain(const struct step *p)
{
	return op_of(p) == OP_CHAIN2 || op_of(p) == OP_CHAIN3;
}

/* What pageblock @i of it gets. */
static uint8_t grant_word(const struct step *p, unsigned int i)
{
	if (op_of(p) == OP_PAGE)
		return SMALL;
	if (op_of(p) == OP_ONE)
		return HUGE;
	if (i)
		return HUGE | CONT;
	return HUGE | RUNS | (p->mutant == TAKE_OPEN ? 0 : CLOSING);
}

static bool look_from(const struct step *p, unsigned int at)
{
	p->t->at = (uint8_t)at;
	p->t->i = 0;
	return at + p->t->nr > NR_PB ? end_op(p) : go(p, PC_LOOK);
}

static bool step_look(const struct step *p)
{
	if (p->w->word[p->t->at + p->t->i])
		return look_from(p, p->t->at + p->t->i + 1u);
	if (++p->t->i < p->t->nr)
		return true;
	p->t->i = 0;
	return go(p, PC_TAKE);
}

static bool granted(const struct step *p)
{
	unsigned int i;

	for (i = p->t->at; i < p->t->at + p->t->nr; i++) {
		if (p->w->holder[i])
			wrong(p, WRONG_TWICE);
		if (p->w->drained >> i & 1)
			wrong(p, WRONG_ISOLATED);
		p->w->holder[i] = tag_of(p);
	}
	p->t->held_at = p->t->at;
	p->t->held = p->t->nr;
	p->w->got |= p->t->nr > 1;
	return end_op(p);
}

static bool take_failed(const struct step *p)
{
	p->t->then = (uint8_t)(p->t->at + p->t->i + 1);
	if (!p->t->i || p->mutant == TAKE_KEEPS)
		return look_from(p, p->t->then);
	return go(p, PC_GIVE);
}

static bool step_take(const struct step *p)
{
	unsigned int i = p->mutant == TAKE_DOWN ? p->t->nr - 1u - p->t->i
						: p->t->i;
	unsigned int at = p->t->at + i;

	if (p->w->word[at] && p->mutant != TAKE_BLIND)
		return take_failed(p);
	p->w->word[at] |= grant_word(p, i);
	p->w->taker[at] = tag_of(p);
	if (++p->t->i < p->t->nr)
		return true;
	return is_chain(p) && p->mutant != TAKE_OPEN ? go(p, PC_GRANT)
						     : granted(p);
}

static bool step_grant(const struct step *p)
{
	p->w->word[p->t->at] &= (uint8_t)~CLOSING;
	return granted(p);
}

/* ---- giving back ---- */

static void give(const struct step *p, unsigned int at)
{
	p->w->word[at] &= p->mutant == GIVE_OPENS ? 0 : ISOLATED;
	p->w->taker[at] = 0;
}

/* t->i of them, the last one first. */
static bool step_give(const struct step *p)
{
	unsigned int at = p->t->at + p->t->i - 1u;

	if (p->mutant == GIVE_UP_FIRST)
		at = p->t->at + p->t->nr - p->t->i;
	if (at < NR_PB)
		give(p, at);
	if (--p->t->i)
		return true;
	return is_chain(p) ? look_from(p, p->t->then) : end_op(p);
}

static bool step_free_look(const struct step *p)
{
	uint8_t mask = HUGE | RUNS | CONT |
		       (p->mutant == FREE_SECOND ? 0 : CLOSING);

	p->t->word = p->w->word[p->t->at];
	p->t->i = 1;
	if ((p->t->word & mask) != (HUGE | RUNS))
		return go(p, PC_FREE_REFUSE);
	return go(p, p->mutant == FREE_SHORT ? PC_FREE_CLOSE : PC_FREE_COUNT);
}

/* Count what continues; one step a word. Return: whether it is at the end. */
static bool count_on(const struct step *p)
{
	unsigned int at = p->t->at + p->t->i;

	if (at == NR_PB || !(p->w->word[at] & CONT))
		return true;
	p->t->i++;
	return false;
}

static bool step_free_count(const struct step *p)
{
	if (!count_on(p))
		return true;
	return go(p, p->t->i == p->t->nr ? PC_FREE_CLOSE : PC_FREE_REFUSE);
}

/* It is the engine's from here on: somebody held just that. */
static bool free_accepted(const struct step *p)
{
	unsigned int i, at = p->t->at, end = at + p->t->nr;
	uint8_t holder = p->w->holder[at];

	if (!holder || (end < NR_PB && p->w->holder[end] == holder))
		wrong(p, WRONG_FREED);
	for (i = at; i < end; i++) {
		if (p->w->holder[i] != holder)
			wrong(p, WRONG_FREED);
		p->w->holder[i] = 0;
	}
	p->t->i = p->t->nr;
	if (op_of(p) == OP_FREE)
		p->t->held = 0;
	return go(p, PC_GIVE);
}

static bool step_free_close(const struct step *p)
{
	if (p->w->word[p->t->at] != p->t->word)
		return go(p, PC_FREE_LOOK);
	if (p->mutant != FREE_OPEN)
		p->w->word[p->t->at] |= CLOSING;
	p->t->i = 1;
	if (p->mutant == FREE_ONCE || p->mutant == FREE_SHORT)
		return free_accepted(p);
	return go(p, PC_FREE_AGAIN);
}

static bool step_free_again(const struct step *p)
{
	if (!count_on(p))
		return true;
	if (p->t->i == p->t->nr)
		return free_accepted(p);
	p->w->word[p->t->at] &= (uint8_t)~CLOSING;
	return go(p, PC_FREE_REFUSE);
}

/* Right is who holds it, unless a second free was quicker, or is about to be:
 * that has CLOSING. */
static bool step_free_refuse(const struct step *p)
{
	uint8_t held = p->t->held;

	if (op_of(p) == OP_FREE) {
		p->t->held = 0;
		if (held && p->w->holder[p->t->at] &&
		    p->w->holder[p->t->at] == p->w->taker[p->t->at] &&
		    !(p->w->word[p->t->at] & CLOSING) &&
		    p->s->script[1][0] != OP_STALE &&
		    p->s->script[1][0] != OP_STALE_1)
			wrong(p, WRONG_REFUSED);
	}
	return end_op(p);
}

/* A single pageblock, or one with a page in use: one step. */
static bool step_free_one(const struct step *p)
{
	uint8_t word = p->w->word[p->t->at];
	uint8_t mask = HUGE | CONT | CLOSING |
		       (p->mutant == ONE_BLIND ? 0 : RUNS);

	if ((word & mask) != HUGE && !(word & SMALL && op_of(p) == OP_FREE))
		return go(p, PC_FREE_REFUSE);
	return free_accepted(p) && step_give(p);
}

/* ---- isolation ---- */

static bool isolate_begin(const struct step *p)
{
	unsigned int n;

	p->t->at = p->s->isolates;
	if (p->mutant == ISOLATE_FIRST)
		return go(p, PC_ISOLATE_LOOK);
	p->w->word[p->t->at] |= ISOLATED;
	for (n = 0; n < NR_THREADS; n++)
		if (n != p->n && p->w->threads[n].inside)
			p->w->waiting |= (uint8_t)(1 << n);
	return go(p, PC_ISOLATE_WAIT);
}

static bool step_isolate_wait(const struct step *p)
{
	return !p->w->waiting && go(p, PC_ISOLATE_LOOK);
}

static bool step_isolate_look(const struct step *p)
{
	unsigned int at = p->s->isolates;

	p->t->word = p->w->word[at];
	if (p->mutant == ISOLATE_FIRST)
		p->t->word |= ISOLATED;
	if (p->t->word & (HUGE | SMALL))
		return go(p, p->t->word & CONT ? PC_ISOLATE_BACK
					       : PC_ISOLATE_UNDO);
	if (p->w->holder[at])
		wrong(p, WRONG_ISOLATED);
	p->w->drained |= (uint8_t)(1 << at);
	return go(p, PC_ISOLATE_UNDO);
}

/* Back to the first one. What is not being given back is somebody's, and all of
 * one piece. */
static bool step_isolate_back(const struct step *p)
{
	unsigned int at = --p->t->at, from = p->s->isolates;
	uint8_t word = p->w->word[at];

	if (word & CONT)
		return true;
	if (p->w->word[from] & CONT && word & HUGE && !(word & CLOSING) &&
	    p->w->taker[from] == p->w->taker[at] &&
	    (!p->w->holder[at] || p->w->holder[at] != p->w->holder[from]) &&
	    p->mutant != FREE_OPEN)
		wrong(p, WRONG_CHAIN);
	return go(p, PC_ISOLATE_UNDO);
}

static bool step_isolate_undo(const struct step *p)
{
	p->w->drained &= (uint8_t) ~(1 << p->s->isolates);
	p->w->word[p->s->isolates] &= (uint8_t)~ISOLATED;
	return end_op(p);
}

/* ---- threads ---- */

static bool free_begin(const struct step *p, unsigned int at, unsigned int nr)
{
	if (!nr)
		return end_op(p);
	p->t->at = (uint8_t)at;
	p->t->nr = (uint8_t)nr;
	return go(p, nr > 1 ? PC_FREE_LOOK : PC_FREE_ONE);
}

/* Local: the first access is the next step's. */
static bool step_begin(const struct step *p)
{
	switch (op_of(p)) {
	case OP_CHAIN2:
	case OP_CHAIN3:
		p->t->nr = op_of(p) == OP_CHAIN2 ? 2 : 3;
		return p->t->held ? end_op(p) : look_from(p, 0);
	case OP_ONE:
	case OP_PAGE:
		p->t->nr = 1;
		return p->t->held ? end_op(p) : look_from(p, 0);
	case OP_FREE:
		return free_begin(p, p->t->held_at, p->t->held);
	case OP_STALE:
		return free_begin(p, p->s->held_at[0], p->s->held[0]);
	case OP_STALE_2:
		return free_begin(p, p->s->held_at[0], 2);
	case OP_STALE_1:
		return free_begin(p, p->s->held_at[0], 1);
	case OP_ISOLATE:
		return isolate_begin(p);
	case OP_END:
		break;
	}
	return go(p, PC_DONE);
}

static bool step_done(const struct step *p)
{
	(void)p;
	return false;
}

static bool (*const steps[])(const struct step *) = {
	[PC_BEGIN] = step_begin,
	[PC_LOOK] = step_look,
	[PC_TAKE] = step_take,
	[PC_GRANT] = step_grant,
	[PC_GIVE] = step_give,
	[PC_FREE_LOOK] = step_free_look,
	[PC_FREE_COUNT] = step_free_count,
	[PC_FREE_CLOSE] = step_free_close,
	[PC_FREE_AGAIN] = step_free_again,
	[PC_FREE_REFUSE] = step_free_refuse,
	[PC_FREE_ONE] = step_free_one,
	[PC_ISOLATE_WAIT] = step_isolate_wait,
	[PC_ISOLATE_LOOK] = step_isolate_look,
	[PC_ISOLATE_BACK] = step_isolate_back,
	[PC_ISOLATE_UNDO] = step_isolate_undo,
	[PC_DONE] = step_done,
};

/* INV-25, which holds at every moment: what continues follows its own. */
static bool chains_hold(const struct world *w)
{
	unsigned int i;

	for (i = 0; i < NR_PB; i++)
		if (w->word[i] & CONT && (!i || !(w->word[i - 1] & HUGE) ||
					  w->taker[i] != w->taker[i - 1]))
			return false;
	return true;
}

bool chain_step(const struct scenario *s, enum mutant mutant, struct world *w,
		unsigned int n)
{
	struct step p = {s, mutant, w, &w->threads[n], n};
	uint8_t op = p.t->op;

	if (!steps[p.t->pc](&p))
		return false;
	p.t->inside = p.t->op == op && p.t->pc != PC_DONE;
	if (!chains_hold(w))
		wrong(&p, WRONG_CHAIN);
	return true;
}

void chain_start(const struct scenario *s, struct world *w)
{
	unsigned int n, i;

	memset(w, 0, sizeof(*w));
	for (n = 0; n < NR_THREADS; n++) {
		struct thread *t = &w->threads[n];

		t->held = s->held[n];
		t->held_at = s->held_at[n];
		for (i = 0; i < t->held; i++) {
			unsigned int at = t->held_at + i;

			w->word[at] = HUGE | (i ? CONT : 0);
			if (!i && t->held > 1)
				w->word[at] |= RUNS;
			w->taker[at] = w->holder[at] = (uint8_t)(1 + n);
		}
		t->pc = s->script[n][0] ? PC_BEGIN : PC_DONE;
	}
}

bool chain_ended(const struct thread *t)
{
	return t->pc == PC_DONE;
}
