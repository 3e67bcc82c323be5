/* SPDX-License-Identifier: MIT */
/* Threads that run step by step; see interleave.h. */
#include "interleave_steps.h"

#include <string.h>

static enum pc op_begin(const struct step *p)
{
	switch (op_of(p)) {
	case OP_ALLOC:
		return PC_alloc;
	case OP_PARTIAL:
		return PC_partial_hints;
	case OP_OPEN:
	case OP_OPEN_BARE:
	case OP_WHOLE:
		return PC_open_hint;
	case OP_EMPTIED:
		return PC_emptied_look;
	case OP_FREE:
		if (!p->t->held)
			return PC_next;
		return p->t->held == HELD_WHOLE ? PC_free_whole : PC_free_page;
	case OP_LET_GO:
		return PC_let_go;
	case OP_ISOLATE:
	case OP_ISOLATE_UNDO:
		return PC_isolate_set;
	case OP_POISON:
	case OP_CLEAR:
		return PC_bad_close;
	case OP_WITHHOLD:
	case OP_WITHHOLD_ALL:
		return PC_hold_isolate;
	case OP_RELEASE:
	case OP_RELEASE_ALL:
		return p->mutant == RELEASE_ROWS_FIRST ? PC_drop_rows
						       : PC_drop_count;
	case OP_LEAVE:
		return PC_host_hold;
	case OP_END:
		break;
	}
	return PC_end;
}

bool step_next(const struct step *p)
{
	p->t->inside = false;
	p->w->waiting &= (uint8_t) ~(1 << p->n);
	p->t->op++;
	return go(p, op_begin(p));
}

bool step_end(const struct step *p)
{
	(void)p;
	return false;
}

static bool (*const steps[])(const struct step *) = {
#define STEP_FUNCTION(name) step_##name,
	STEPS(STEP_FUNCTION)
#undef STEP_FUNCTION
};

/* Steps that touch nothing shared are not worth an order of their own. */
static void run_local(const struct step *p)
{
	while (p->t->pc == PC_next || p->t->pc == PC_give_up)
		steps[p->t->pc](p);
}

bool interleave_step(const struct scenario *s, enum mutant mutant,
		     struct world *w, unsigned int n)
{
	struct step p = {s, mutant, w, &w->threads[n], n};

	if (!steps[p.t->pc](&p))
		return false;
	p.t->inside = true;
	run_local(&p);
	return true;
}

bool interleave_ended(const struct thread *t)
{
	return t->pc == PC_end;
}

static void hold(struct world *w, unsigned int page, unsigned int who)
{
	w->holder[page] = (uint8_t)who;
	if (!(w->word & HUGE))
		w->row[page / ROW_PAGES] |= (uint8_t)(1 << page % ROW_PAGES);
}

void interleave_start(const struct scenario *s, struct world *w)
{
	unsigned int n, page;

	memset(w, 0, sizeof(*w));
	w->word = s->word;
	w->small = s->small;
	w->full = s->full;
	w->bad = s->bad;
	w->gaps = s->gaps;
	w->known = w->serves = s->piece[0];
	w->drained = s->leaves;
	if (s->word & USED && !(s->word & DEAD)) {
		w->row[0] = fixed(s, w, 0) | withheld(s->word, 0);
		w->row[1] = fixed(s, w, 1) | withheld(s->word, 1);
	}
	if (s->word & USED && s->bad == BAD_KEPT)
		w->row[s->bad_page / ROW_PAGES] |=
			(uint8_t)(1 << s->bad_page % ROW_PAGES);
	for (page = 0; page < NR_PAGES; page++)
		if (s->others >> page & 1)
			hold(w, page, SOMEBODY);
	for (n = 0; n < NR_THREADS; n++) {
		struct step p = {s, MUTANT_NONE, w, &w->threads[n], n};

		p.t->held = s->held[n];
		for (page = 0; page < NR_PAGES; page++)
			if (p.t->held == HELD_WHOLE || p.t->held == page + 1)
				hold(w, page, n + 1);
		p.t->ret = PC_next;
		p.t->pc = (uint8_t)op_begin(&p);
		run_local(&p);
	}
}
