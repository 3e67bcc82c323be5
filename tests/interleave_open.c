/* SPDX-License-Identifier: MIT */
/* Steps of a whole pageblock: open it, take all of it, isolate it. */
#include "interleave_steps.h"

/* ---- opening ---- */

bool step_open_hint(const struct step *p)
{
	p->t->again = false;
	return p->w->nowhole ? leave(p) : go(p, PC_open_small);
}

static bool open_none(const struct step *p)
{
	if (op_of(p) == OP_EMPTIED)
		return leave(p);
	return p->t->again ? leave(p) : go(p, PC_open_say);
}

bool step_open_say(const struct step *p)
{
	p->w->nowhole = 1;
	p->t->again = true;
	return p->mutant == NOWHOLE_BLIND ? leave(p) : go(p, PC_open_small);
}

bool step_open_small(const struct step *p)
{
	return p->w->small || hidden(p) ? open_none(p) : go(p, PC_open_word);
}

bool step_open_word(const struct step *p)
{
	p->t->word = p->w->word;
	if (!is_free(p->t->word))
		return open_none(p);
	/* One that serves smaller requests only is left behind. */
	if (is_whole(p) &&
	    (p->t->word & USED ? p->t->word & MIXED : kept(p, 0) | kept(p, 1)))
		return go(p, PC_nowhole_look);
	return go(p, p->t->word & USED ? PC_open_take : PC_open_begin);
}

static uint16_t open_grant(const struct step *p)
{
	if (is_whole(p))
		return HUGE;
	return has_cursor(p) ? SMALL | mine(p) : SMALL;
}

static bool opened(const struct step *p)
{
	unsigned int page;

	if (!is_whole(p))
		return go(p, PC_small_set);
	if (p->w->bad)
		wrong(p, WRONG_BAD);
	if (p->w->serves)
		wrong(p, WRONG_KEPT);
	for (page = 0; page < NR_PAGES; page++) {
		if (p->w->holder[page])
			wrong(p, WRONG_TWICE);
		p->w->holder[page] = (uint8_t)(p->n + 1);
	}
	if (p->w->drained)
		wrong(p, WRONG_ISOLATED);
	p->t->held = HELD_WHOLE;
	return go(p, PC_next);
}

bool step_open_take(const struct step *p)
{
	if (p->w->word != p->t->word)
		return open_none(p);
	p->w->word |= open_grant(p);
	return opened(p);
}

bool step_open_begin(const struct step *p)
{
	if (p->w->word != p->t->word)
		return open_none(p);
	p->w->word |= OPENING;
	return go(p, p->s->fails >> p->n & 1 ? PC_open_fail : PC_open_table);
}

/* Kept bits of both rows, as they are set then. */
bool step_open_table(const struct step *p)
{
	p->t->mask = (uint8_t)(kept(p, 0) | kept(p, 1) << ROW_PAGES);
	return go(p, PC_open_first);
}

bool step_open_first(const struct step *p)
{
	p->w->row[0] |= p->t->mask & ROW_MASK;
	p->w->row[1] |= (uint8_t)(p->t->mask >> ROW_PAGES);
	return go(p, PC_open_end);
}

/* The caller knows that one remains: it clears nowhole if it had set it. */
bool step_open_fail(const struct step *p)
{
	p->w->word &= ISOLATED | MIXED | COUNT_MASK;
	if (p->mutant == FAIL_KEEPS_NOWHOLE && !p->t->again)
		return leave(p);
	return go(p, PC_nowhole_look);
}

bool step_open_end(const struct step *p)
{
	uint16_t isolated = p->w->word & ISOLATED;
	uint16_t count = p->w->word & COUNT_MASK;
	uint16_t mixed = isolated ? p->w->word & MIXED : 0;

	if (p->mutant == OPEN_DROPS_ISOLATED)
		isolated = 0;
	if (p->mutant == OPEN_DROPS_MIXED)
		mixed = 0;
	p->w->word = USED | mixed | (p->t->mask ? MIXED : 0);
	p->w->word |= p->mutant == OPEN_DROPS_COUNT ? 0 : count;
	p->w->word |= isolated ? isolated : open_grant(p);
	return isolated ? open_none(p) : opened(p);
}

bool step_small_set(const struct step *p)
{
	p->w->small = 1;
	return p->mutant == SMALL_BLIND ? try_rows(p) : go(p, PC_small_look);
}

bool step_small_look(const struct step *p)
{
	if (p->w->word & CLOSING)
		return false;
	return p->w->word & SMALL ? try_rows(p) : go(p, PC_small_take);
}

bool step_small_take(const struct step *p)
{
	p->w->small = 0;
	return go(p, PC_small_again);
}

bool step_small_again(const struct step *p)
{
	if (p->w->word & CLOSING)
		return false;
	if (p->w->word & SMALL)
		return go(p, PC_small_set);
	if (p->mutant == SMALL_KEEPS_NOWHOLE)
		return try_rows(p);
	try_rows(p);
	p->t->ret = PC_claim;
	return go(p, PC_nowhole_look);
}

bool step_emptied_look(const struct step *p)
{
	p->t->word = p->w->word;
	p->t->i = 0;
	p->t->ret = PC_open_word;
	return p->t->word & OWNER_MASK ? go(p, PC_emptied_row) : go(p, PC_next);
}

bool step_emptied_row(const struct step *p)
{
	if (used(p, p->t->i, p->t->word)) {
		p->t->ret = PC_next;
		return go(p, PC_next);
	}
	return go(p, last_row(p->t) ? PC_close_look : PC_emptied_row);
}

/* ---- isolation ---- */

static bool isolated_done(const struct step *p, bool empty)
{
	unsigned int page;

	for (page = 0; empty && page < NR_PAGES; page++)
		if (p->w->holder[page])
			wrong(p, WRONG_ISOLATED);
	if (empty && p->w->word & OPENING)
		wrong(p, WRONG_PREPARED);
	p->w->drained = empty;
	if (p->mutant == ISOLATE_LOOKS_FIRST)
		p->w->word |= ISOLATED;
	return op_of(p) == OP_ISOLATE ? leave(p) : go(p, PC_isolate_undo);
}

bool step_isolate_set(const struct step *p)
{
	if (p->mutant != ISOLATE_LOOKS_FIRST)
		p->w->word |= ISOLATED;
	return go(p, PC_isolate_word);
}

bool step_isolate_word(const struct step *p)
{
	p->t->word = p->w->word;
	p->t->i = 0;
	if (p->t->word & OPENING && p->mutant != DRAIN_MISSES_OPENING)
		return isolated_done(p, false);
	if (p->t->word & HUGE)
		return isolated_done(p, false);
	if (!(p->t->word & USED))
		return isolated_done(p, true);
	return go(p, PC_isolate_row);
}

bool step_isolate_row(const struct step *p)
{
	if (used(p, p->t->i, p->t->word))
		return isolated_done(p, false);
	return last_row(p->t) ? isolated_done(p, true) : go(p, PC_isolate_row);
}

bool step_isolate_undo(const struct step *p)
{
	p->w->drained = false;
	p->w->word &= (uint16_t)~ISOLATED;
	return go(p, is_free(p->w->word) ? PC_nowhole_look : PC_close_look);
}
