/* SPDX-License-Identifier: MIT */
/*
 * Steps in which blocks leave whose memmaps are in this pageblock, a piece of
 * each, and their pages come back: what src/host_release.c does under the
 * mutex, with src/withheld.c.
 */
#include "interleave_steps.h"

static uint8_t piece_bits(const struct step *p, unsigned int row)
{
	return (uint8_t)(p->s->piece[p->t->now] >> row * ROW_PAGES) & ROW_MASK;
}

/* Whether no page of it is the allocator's. */
static bool covered(const struct step *p)
{
	return (fixed(p->s, p->w, 0) | withheld(p->w->word, 0)) == ROW_MASK &&
	       (fixed(p->s, p->w, 1) | withheld(p->w->word, 1)) == ROW_MASK;
}

/* ---- before they leave ---- */

bool step_host_hold(const struct step *p)
{
	p->t->now = 0; /* the piece that comes back next */
	if (p->mutant == HOST_ROWS_FIRST) {
		p->w->row[0] &= (uint8_t)~piece_bits(p, 0);
		p->w->row[1] &= (uint8_t)~piece_bits(p, 1);
	}
	if (p->w->word & (USED | DEAD) || hidden(p) ||
	    p->mutant == HOST_NO_HOLD)
		return go(p, PC_host_leave);
	if (p->w->word & OPENING)
		return p->mutant == HOST_HASTE && go(p, PC_host_leave);
	p->w->word |= DEAD;
	return go(p, PC_host_leave);
}

bool step_host_leave(const struct step *p)
{
	p->w->known = false;
	return wait_begin(p, PC_host_wait);
}

bool step_host_wait(const struct step *p)
{
	if (p->w->waiting)
		return false;
	p->w->serves = false;
	if (!hidden(p))
		return go(p, PC_host_note);
	return go(p,
		  p->mutant == HOST_SHOWS_LATE ? PC_host_late : PC_host_show);
}

/* ---- the record ---- */

static void show(const struct step *p)
{
	p->w->word = DEAD;
	if (p->s->leaves && p->mutant != HOST_DROPS_ISOLATED)
		p->w->word |= ISOLATED;
}

bool step_host_show(const struct step *p)
{
	show(p);
	return go(p, p->w->gaps ? PC_host_look : PC_host_note);
}

bool step_host_note(const struct step *p)
{
	p->w->gaps = true;
	return go(p, PC_host_look);
}

bool step_host_late(const struct step *p)
{
	p->w->gaps = true;
	return go(p, PC_host_show);
}

/* ---- pages come back, piece by piece ---- */

static bool more_pieces(const struct step *p)
{
	p->t->now++;
	return p->t->now < NR_PIECES && p->s->piece[p->t->now];
}

static bool piece_done(const struct step *p)
{
	if (p->mutant == HOST_BY_PIECE)
		return go(p, PC_host_reopen);
	return go(p, more_pieces(p) ? PC_host_look : PC_host_reopen);
}

bool step_host_look(const struct step *p)
{
	p->t->i = 0;
	if (p->w->word & DEAD || !(p->w->word & USED))
		return piece_done(p);
	return go(p, PC_host_row);
}

bool step_host_row(const struct step *p)
{
	uint8_t bits = piece_bits(p, p->t->i);

	if (p->mutant != HOST_FREES_BAD)
		bits &= (uint8_t)~kept(p, p->t->i);
	p->w->row[p->t->i] &= (uint8_t)~bits;
	return go(p, last_row(p->t) ? PC_host_mixed : PC_host_row);
}

bool step_host_mixed(const struct step *p)
{
	if (!kept(p, 0) && !kept(p, 1) && !p->w->bad &&
	    p->mutant != HOST_KEEPS_MIXED)
		p->w->word &= (uint16_t)~MIXED;
	return go(p, PC_host_full);
}

bool step_host_full(const struct step *p)
{
	if (p->mutant != HOST_KEEPS_FULL)
		p->w->full = 0;
	p->t->ret = PC_host_nowhole;
	return p->mutant == HOST_LEAVES_OPEN ? leave(p) : go(p, PC_close_look);
}

bool step_host_nowhole(const struct step *p)
{
	p->w->nowhole = 0;
	return piece_done(p);
}

/* ---- what is dead without need ---- */

static bool reopen_done(const struct step *p)
{
	if (p->mutant == HOST_BY_PIECE && more_pieces(p))
		return go(p, PC_host_look);
	return p->mutant == HOST_KEEPS_NOWHOLE ? leave(p)
					       : go(p, PC_nowhole_look);
}

bool step_host_reopen(const struct step *p)
{
	if (!(p->w->word & DEAD) || covered(p))
		return reopen_done(p);
	if (p->w->word & USED) {
		p->w->row[0] |= kept(p, 0);
		p->w->row[1] |= kept(p, 1);
	}
	return go(p, PC_host_revive);
}

bool step_host_revive(const struct step *p)
{
	p->w->word &= (uint16_t)~DEAD;
	if (p->w->word & USED && (kept(p, 0) || kept(p, 1)))
		p->w->word |= MIXED;
	return reopen_done(p);
}
