/* SPDX-License-Identifier: MIT */
/*
 * Steps that withhold pages and release them: what src/withheld.c and
 * src/withhold.c do under the mutex. No scenario has two holders of it.
 */
#include "interleave_steps.h"

#include <string.h>

static unsigned int count_of(uint16_t word)
{
	return (word & COUNT_MASK) >> COUNT_SHIFT;
}

static unsigned int nr_fixed(const struct step *p)
{
	return (p->s->kept & 1) + (p->s->kept >> 1 & 1) + (p->s->kept >> 2);
}

static unsigned int nr_wanted(const struct step *p)
{
	unsigned int count = count_of(p->w->word);

	if (op_of(p) == OP_WITHHOLD_ALL)
		return NR_PAGES - nr_fixed(p) - count;
	return op_of(p) == OP_RELEASE_ALL ? count : 1;
}

/* Bits of a row that are withheld with @nr pages more, and are not now. */
static uint8_t more(const struct step *p, unsigned int row, unsigned int nr)
{
	return withheld((uint16_t)(p->w->word + COUNT(nr)), row) &
	       (uint8_t)~withheld(p->w->word, row);
}

static bool any_kept(const struct step *p)
{
	return kept(p, 0) | kept(p, 1);
}

/* ---- withhold ---- */

bool step_hold_isolate(const struct step *p)
{
	p->w->word |= ISOLATED;
	if (p->mutant == WITHHOLD_HASTE)
		return go(p, PC_hold_look);
	return wait_begin(p, PC_hold_wait);
}

bool step_hold_wait(const struct step *p)
{
	return !p->w->waiting && go(p, PC_hold_look);
}

/* Nobody moves anything here: what is in use stays. */
bool step_hold_look(const struct step *p)
{
	unsigned int row, nr = nr_wanted(p);

	for (row = 0; row < NR_ROWS; row++)
		if (p->w->word & HUGE ||
		    used(p, row, p->w->word) & more(p, row, nr))
			return go(p, PC_isolate_undo);
	return go(p, PC_hold_count);
}

bool step_hold_count(const struct step *p)
{
	p->w->word += (uint16_t)COUNT(nr_wanted(p));
	if (p->w->word & USED)
		p->w->word |= MIXED;
	if (count_of(p->w->word) + nr_fixed(p) == NR_PAGES)
		return go(p, PC_hold_close);
	return go(p, p->w->word & USED ? PC_hold_rows : PC_hold_leave);
}

bool step_hold_rows(const struct step *p)
{
	p->w->row[0] |= kept(p, 0);
	p->w->row[1] |= kept(p, 1);
	return go(p, PC_hold_leave);
}

bool step_hold_close(const struct step *p)
{
	if (p->w->word & CLOSING)
		return false;
	if (!(p->w->word & SMALL))
		return go(p, PC_hold_dead);
	p->t->ret = PC_hold_close;
	return go(p, PC_close_look);
}

bool step_hold_dead(const struct step *p)
{
	p->w->word = (p->w->word & (ISOLATED | USED | COUNT_MASK)) | DEAD;
	return go(p, PC_hold_clear);
}

bool step_hold_clear(const struct step *p)
{
	memset(p->w->row, 0, sizeof(p->w->row));
	return go(p, p->mutant == WITHHOLD_KEEPS_FULL ? PC_hold_leave
						      : PC_hold_full);
}

bool step_hold_full(const struct step *p)
{
	p->w->full = 0;
	return go(p, PC_hold_leave);
}

bool step_hold_leave(const struct step *p)
{
	return p->mutant == WITHHOLD_LEAVES ? go(p, PC_isolate_undo)
					    : wait_begin(p, PC_hold_again);
}

bool step_hold_again(const struct step *p)
{
	return !p->w->waiting && go(p, PC_isolate_undo);
}

/* ---- release ---- */

bool step_drop_count(const struct step *p)
{
	if (p->w->word & OPENING && p->mutant != RELEASE_HASTE)
		return false;
	/* A row at a time, bits as they are after the count. */
	p->t->mask = (uint8_t)nr_wanted(p);
	p->t->i = 0;
	p->w->word -= (uint16_t)COUNT(p->t->mask);
	if (p->w->word & DEAD)
		return go(p, p->mutant == REVIVE_BITS_LAST ? PC_revive_word
							   : PC_revive_rows);
	if (!(p->w->word & USED))
		return p->mutant == RELEASE_KEEPS_NOWHOLE
			       ? leave(p)
			       : go(p, PC_nowhole_look);
	return go(p, p->mutant == RELEASE_ROWS_FIRST ? PC_drop_mixed
						     : PC_drop_rows);
}

static bool drop_rows_early(const struct step *p)
{
	unsigned int row, nr = nr_wanted(p);
	uint16_t after = (uint16_t)(p->w->word - COUNT(nr));

	for (row = 0; row < NR_ROWS; row++)
		p->w->row[row] &= (uint8_t) ~(withheld(p->w->word, row) &
					      ~withheld(after, row));
	return go(p, PC_drop_count);
}

bool step_drop_rows(const struct step *p)
{
	uint8_t bits;

	if (p->mutant == RELEASE_ROWS_FIRST)
		return drop_rows_early(p);
	bits = more(p, p->t->i, p->t->mask);
	if (p->mutant != RELEASE_FREES_BAD)
		bits &= (uint8_t)~kept(p, p->t->i);
	p->w->row[p->t->i] &= (uint8_t)~bits;
	return go(p, last_row(p->t) ? PC_drop_mixed : PC_drop_rows);
}

bool step_drop_mixed(const struct step *p)
{
	if (!any_kept(p) && !p->w->bad)
		p->w->word &= (uint16_t)~MIXED;
	return go(p, PC_drop_full);
}

bool step_drop_full(const struct step *p)
{
	if (p->mutant != RELEASE_KEEPS_FULL)
		p->w->full = 0;
	if (p->mutant != RELEASE_KEEPS_NOWHOLE)
		p->t->ret = PC_nowhole_look;
	return p->mutant == RELEASE_LEAVES_OPEN ? leave(p)
						: go(p, PC_close_look);
}

bool step_revive_rows(const struct step *p)
{
	if (p->w->word & USED) {
		p->w->row[0] |= kept(p, 0);
		p->w->row[1] |= kept(p, 1);
	}
	return p->mutant == REVIVE_BITS_LAST ? leave(p) : go(p, PC_revive_word);
}

bool step_revive_word(const struct step *p)
{
	p->w->word &= (uint16_t)~DEAD;
	if (p->w->word & USED && any_kept(p))
		p->w->word |= MIXED;
	if (p->mutant == REVIVE_BITS_LAST)
		return go(p, PC_revive_rows);
	return p->mutant == REVIVE_KEEPS_NOWHOLE ? leave(p)
						 : go(p, PC_nowhole_look);
}
