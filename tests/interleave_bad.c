/* SPDX-License-Identifier: MIT */
/*
 * Steps of a page that goes bad, and of one that is good again: src/poison.c.
 * The thread that takes them has the mutex, so it is one in a scenario.
 */
#include "interleave_steps.h"

static bool is_clear(const struct step *p)
{
	return op_of(p) == OP_CLEAR;
}

bool step_bad_close(const struct step *p)
{
	p->t->isolated = !(p->w->word & ISOLATED);
	p->w->word |= ISOLATED;
	if (p->mutant != POISON_LATE_MIXED)
		p->w->word |= MIXED;
	return go(p, is_clear(p) ? PC_bad_seen : PC_bad_enter);
}

bool step_bad_enter(const struct step *p)
{
	p->w->bad = BAD_HELD;
	return go(p, PC_bad_wait);
}

bool step_bad_seen(const struct step *p)
{
	p->t->word = p->w->bad;
	return go(p, PC_bad_wait);
}

/* Sections that are open are waited for; each says when it ends. */
bool step_bad_wait(const struct step *p)
{
	bool haste = p->mutant == (is_clear(p) ? CLEAR_HASTE : POISON_HASTE);
	unsigned int n;

	for (n = 0; n < NR_THREADS && !haste; n++)
		if (n != p->n && p->w->threads[n].inside)
			p->w->waiting |= (uint8_t)(1 << n);
	return go(p, PC_bad_waiting);
}

bool step_bad_waiting(const struct step *p)
{
	if (p->w->waiting)
		return false;
	if (!is_clear(p))
		return go(p, PC_bad_look);
	return go(p, p->mutant == CLEAR_BIT_FIRST && p->w->bad == BAD_KEPT
			     ? PC_bad_free
			     : PC_bad_remove);
}

bool step_bad_look(const struct step *p)
{
	p->t->word = p->w->word;
	if (p->w->bad != BAD_HELD || p->t->word & HUGE)
		return go(p, PC_bad_mixed);
	return go(p, p->t->word & USED ? PC_bad_row : PC_bad_keep);
}

bool step_bad_row(const struct step *p)
{
	return go(p, p->w->row[bad_row(p)] & bad_bit(p) ? PC_bad_mixed
							: PC_bad_keep);
}

bool step_bad_keep(const struct step *p)
{
	p->w->bad = BAD_KEPT;
	return go(p, p->t->word & USED ? PC_bad_bit : PC_bad_mixed);
}

bool step_bad_bit(const struct step *p)
{
	p->w->row[bad_row(p)] |= bad_bit(p);
	return go(p, PC_bad_mixed);
}

bool step_bad_remove(const struct step *p)
{
	uint8_t was = p->w->bad;

	if (was != p->t->word && p->mutant != CLEAR_STALE &&
	    p->mutant != CLEAR_BIT_FIRST)
		return go(p, PC_bad_seen);
	p->w->bad = 0;
	if (p->mutant == CLEAR_BIT_FIRST)
		return go(p, PC_bad_mixed);
	return go(p, was == BAD_KEPT && p->w->word & USED ? PC_bad_free
							  : PC_bad_mixed);
}

/* As an undo does. */
bool step_bad_free(const struct step *p)
{
	p->t->row = (uint8_t)bad_row(p);
	p->t->mask = bad_bit(p);
	p->t->ret = p->mutant == CLEAR_BIT_FIRST ? PC_bad_remove : PC_bad_mixed;
	return go(p, PC_undo);
}

bool step_bad_mixed(const struct step *p)
{
	p->t->ret = PC_next;
	if (!(p->w->word & USED) || !(p->s->kept || p->w->bad))
		p->w->word &= (uint16_t)~MIXED;
	else if (p->mutant == POISON_LATE_MIXED)
		p->w->word |= MIXED;
	return go(p, p->t->isolated ? PC_bad_open : PC_next);
}

bool step_bad_open(const struct step *p)
{
	p->w->word &= (uint16_t)~ISOLATED;
	return go(p, is_free(p->w->word) ? PC_nowhole_look : PC_close_look);
}
