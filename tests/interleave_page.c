/* SPDX-License-Identifier: MIT */
/* Steps below a pageblock: claim, grant, free, close, let go. */
#include "interleave_steps.h"

#include <string.h>

/* ---- allocating from an open pageblock ---- */

/* Which bit it is, of one. */
static unsigned int bit_of(uint8_t mask)
{
	return mask == 4 ? 2 : mask - 1u;
}

static bool grant(const struct step *p)
{
	unsigned int page = p->t->row * ROW_PAGES + bit_of(p->t->mask);

	if (p->w->holder[page])
		wrong(p, WRONG_TWICE);
	if (p->t->mask & kept(p, p->t->row))
		wrong(p, WRONG_KEPT);
	if (p->w->serves && p->t->mask & pieces(p->s, p->t->row))
		wrong(p, WRONG_KEPT);
	if (p->w->bad && page == p->s->bad_page)
		wrong(p, WRONG_BAD);
	if (p->w->drained)
		wrong(p, WRONG_ISOLATED);
	p->w->holder[page] = (uint8_t)(p->n + 1);
	p->t->held = (uint8_t)(page + 1);
	return go(p, PC_next);
}

bool step_alloc(const struct step *p)
{
	p->t->row = 0;
	p->t->all_rows = false;
	if (p->mutant != CLAIM_UNSEEN && (p->w->word & GRANT) != SMALL)
		return leave(p);
	return go(p, PC_claim);
}

bool step_claim(const struct step *p)
{
	uint8_t unused = (uint8_t)~p->w->row[p->t->row] & ROW_MASK;

	if (!unused) {
		if (!p->t->all_rows)
			return leave(p);
		return go(p, ++p->t->row < NR_ROWS ? PC_claim : PC_give_up);
	}
	p->t->mask = (uint8_t)(unused & -unused);
	p->w->row[p->t->row] |= p->t->mask;
	return go(p, PC_check);
}

bool step_check(const struct step *p)
{
	uint16_t word = p->w->word & GRANT;

	if (p->mutant == GRANT_MISSES_CLOSING)
		word &= (uint16_t)~CLOSING;
	if (word == SMALL || p->mutant == GRANT_UNSEEN)
		return grant(p);
	p->t->ret = p->t->all_rows ? PC_give_up : PC_next;
	return go(p, PC_undo);
}

/* ---- after a free or undo ---- */

static bool after_free(const struct step *p)
{
	p->t->then_end = false;
	if (p->t->was_full && p->mutant != FREE_KEEPS_FULL)
		return go(p, PC_full_look);
	return go(p, p->t->now ? PC_mixed_look : PC_close_look);
}

static void clear_row(const struct step *p)
{
	uint8_t *row = &p->w->row[p->t->row];

	p->t->was_full = *row == ROW_MASK;
	*row &= (uint8_t)~p->t->mask;
	p->t->now = *row;
}

bool step_undo(const struct step *p)
{
	clear_row(p);
	return after_free(p);
}

static bool full_done(const struct step *p)
{
	if (p->t->then_end)
		return leave(p);
	return go(p, p->t->now ? PC_mixed_look : PC_close_look);
}

bool step_full_look(const struct step *p)
{
	return p->w->full ? go(p, PC_full_clear) : full_done(p);
}

bool step_full_clear(const struct step *p)
{
	p->w->full = 0;
	return full_done(p);
}

bool step_mixed_look(const struct step *p)
{
	return p->w->word & MIXED ? go(p, PC_close_look) : leave(p);
}

static unsigned int free_place(const struct step *p)
{
	unsigned int page = p->t->held - 1u;

	p->t->row = (uint8_t)(page / ROW_PAGES);
	p->t->mask = (uint8_t)(1 << page % ROW_PAGES);
	return page;
}

static void free_give(const struct step *p)
{
	p->w->holder[free_place(p)] = 0;
	p->t->held = 0;
	clear_row(p);
}

bool step_free_page(const struct step *p)
{
	return go(p, p->w->word & MIXED ? PC_free_bad : PC_free_row);
}

bool step_free_row(const struct step *p)
{
	free_give(p);
	return p->t->now && !p->t->was_full ? leave(p) : go(p, PC_free_edge);
}

/* The long way: a bad page is let go of first, and then stays. */
bool step_free_bad(const struct step *p)
{
	unsigned int page = free_place(p);

	if (kept(p, p->t->row) & p->t->mask)
		wrong(p, WRONG_REFUSED);
	if (page == p->s->bad_page && p->w->bad == BAD_HELD)
		p->w->bad = BAD_KEPT;
	return go(p, PC_free_slow);
}

bool step_free_slow(const struct step *p)
{
	unsigned int page = free_place(p);

	p->w->holder[page] = 0;
	p->t->held = 0;
	if (p->mutant != FREE_KEEPS_HELD)
		p->t->mask &= (uint8_t)~kept(p, p->t->row);
	if (p->t->mask & ~p->w->row[p->t->row])
		wrong(p, WRONG_REFUSED);
	clear_row(p);
	return after_free(p);
}

bool step_free_edge(const struct step *p)
{
	if ((p->w->word & OWNER_MASK) != mine(p))
		return after_free(p);
	p->t->then_end = true;
	return p->t->was_full && p->mutant != OWN_FREE_KEEPS_FULL
		       ? go(p, PC_full_look)
		       : leave(p);
}

bool step_free_whole(const struct step *p)
{
	p->t->word = p->w->word;
	if (p->t->word & MIXED && p->mutant != WHOLE_FREE_BLIND)
		return go(p, PC_whole_bad);
	return go(p, PC_whole_end);
}

bool step_whole_bad(const struct step *p)
{
	if (p->w->bad == BAD_HELD)
		p->w->bad = BAD_KEPT;
	return go(p,
		  p->mutant == WHOLE_FREE_FIRST ? PC_whole_end : PC_whole_kept);
}

bool step_whole_kept(const struct step *p)
{
	p->w->row[bad_row(p)] |= kept(p, bad_row(p));
	if (p->mutant == WHOLE_FREE_FIRST)
		return go(p, PC_nowhole_look);
	return go(p, PC_whole_end);
}

bool step_whole_end(const struct step *p)
{
	if (p->w->word != p->t->word)
		return go(p, PC_free_whole);
	memset(p->w->holder, 0, sizeof(p->w->holder));
	p->t->held = 0;
	p->w->word &= ISOLATED | USED | MIXED;
	if (p->mutant == WHOLE_FREE_FIRST && p->t->word & MIXED)
		return go(p, PC_whole_kept);
	return go(p, PC_nowhole_look);
}

/* ---- closing ---- */

bool step_close_look(const struct step *p)
{
	p->t->word = p->w->word;
	p->t->i = 0;
	if ((p->t->word & (SMALL | CLOSING)) != SMALL ||
	    (p->t->word & OWNER_MASK && op_of(p) != OP_EMPTIED &&
	     p->t->ret != PC_hold_close))
		return leave(p);
	return go(p, PC_close_row);
}

bool step_close_row(const struct step *p)
{
	if (used(p, p->t->i, p->t->word))
		return leave(p);
	return go(p, last_row(p->t) ? PC_close_begin : PC_close_row);
}

bool step_close_begin(const struct step *p)
{
	if (p->w->word != p->t->word)
		return go(p, PC_close_look);
	p->w->word |= CLOSING;
	p->t->i = 0;
	return go(p,
		  p->mutant == CLOSE_BLIND ? PC_close_small : PC_close_again);
}

bool step_close_again(const struct step *p)
{
	if (used(p, p->t->i, p->t->word))
		return go(p, PC_close_retract);
	return go(p, last_row(p->t) ? PC_close_small : PC_close_again);
}

bool step_close_retract(const struct step *p)
{
	p->w->word &= (uint16_t)~CLOSING;
	return p->mutant == CLOSE_GIVES_UP ? leave(p) : go(p, PC_close_look);
}

bool step_close_small(const struct step *p)
{
	p->w->small = 0;
	return go(p, PC_close_full);
}

bool step_close_full(const struct step *p)
{
	p->w->full = 0;
	return go(p, PC_close_end);
}

bool step_close_end(const struct step *p)
{
	p->w->word &= ISOLATED | USED | MIXED |
		      (p->mutant == CLOSE_DROPS_COUNT ? 0 : COUNT_MASK);
	if (p->w->word & ISOLATED || p->mutant == CLOSE_KEEPS_NOWHOLE)
		return leave(p);
	return go(p, PC_nowhole_look);
}

bool step_nowhole_look(const struct step *p)
{
	return p->w->nowhole ? go(p, PC_nowhole_clear) : leave(p);
}

bool step_nowhole_clear(const struct step *p)
{
	p->w->nowhole = 0;
	return leave(p);
}

/* ---- preferring, and letting go ---- */

bool step_give_up(const struct step *p)
{
	return go(p, has_cursor(p) ? PC_let_go : PC_close_look);
}

bool step_let_go(const struct step *p)
{
	if ((p->w->word & OWNER_MASK) == mine(p))
		p->w->word &= (uint16_t)~OWNER_MASK;
	p->t->i = 0;
	return p->mutant == LET_GO_BLIND ? leave(p) : go(p, PC_let_go_row);
}

bool step_let_go_row(const struct step *p)
{
	if (p->w->row[p->t->i] == ROW_MASK) {
		/* What is full of kept pages is empty too. */
		p->t->ret = last_row(p->t) ? PC_close_look : PC_next;
		return go(p,
			  p->t->ret == PC_next ? PC_let_go_row : PC_mark_set);
	}
	p->t->now = 0;
	p->t->then_end = false;
	return go(p, PC_full_look);
}

bool step_mark_set(const struct step *p)
{
	p->w->full = 1;
	p->t->i = 0;
	return p->mutant == MARK_BLIND ? leave(p) : go(p, PC_mark_row);
}

bool step_mark_row(const struct step *p)
{
	p->t->then_end = true;
	if (p->w->row[p->t->i] != ROW_MASK)
		return go(p, PC_full_look);
	return last_row(p->t) ? leave(p) : go(p, PC_mark_row);
}

bool step_partial_hints(const struct step *p)
{
	return p->w->small && !p->w->full ? go(p, PC_partial_word) : leave(p);
}

bool step_partial_word(const struct step *p)
{
	p->t->word = p->w->word;
	p->t->i = 0;
	if ((p->t->word & GRANT) != SMALL || p->t->word & OWNER_MASK)
		return leave(p);
	return go(p, PC_partial_row);
}

bool step_partial_row(const struct step *p)
{
	if (p->w->row[p->t->i] != ROW_MASK)
		return go(p, PC_partial_own);
	return go(p, last_row(p->t) ? PC_mark_set : PC_partial_row);
}

bool step_partial_own(const struct step *p)
{
	if (p->w->word != p->t->word)
		return leave(p);
	p->w->word |= mine(p);
	return try_rows(p);
}
