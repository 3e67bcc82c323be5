/* SPDX-License-Identifier: MIT */
/* Users of a memmap and its mover, step by step; see interleave_move.h. */
#include <string.h>

#include "interleave_move.h"

enum pc {
	PC_BEGIN = 0,
	/* allocation */
	PC_ALLOC_STATUS,
	PC_ALLOC_PLACE,
	PC_ALLOC_BIT,
	PC_ALLOC_DESC,
	PC_ALLOC_WORD,
	PC_AWAIT,
	/* free and query */
	PC_NUMBER,
	PC_ENTER,
	PC_PLACE,
	PC_BIT,
	PC_DESC,
	PC_LEAVE,
	/* the mover */
	PC_ODD,
	PC_MOVING,
	PC_WAIT_BEGIN,
	PC_WAIT,
	PC_PROTECT,
	PC_COPY_DESC,
	PC_COPY_WORD,
	PC_REMAP,
	PC_FREEZE,
	PC_COPY_BIT,
	PC_SWITCH,
	PC_THAW,
	PC_STILL,
	PC_EVEN,
	PC_GIVE,
	PC_DONE,
};

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

static uint8_t tag_of(const struct step *p)
{
	return (uint8_t)(p->n + 1);
}

static bool end_op(const struct step *p)
{
	p->w->waiting &= (uint8_t) ~(1 << p->n);
	p->t->inside = p->t->gated = 0;
	p->t->place = p->t->before = p->t->i = 0;
	p->t->op++;
	return go(p, op_of(p) == OP_END ? PC_DONE : PC_BEGIN);
}

/* A place is touched. */
static struct place *touch(const struct step *p, unsigned int place)
{
	if (p->w->given >> place & 1)
		wrong(p, WRONG_GONE);
	return &p->w->places[place];
}

static unsigned int page_of(const struct step *p)
{
	return p->t->page - 1u;
}

/* ---- allocation ---- */

/* The section ends. */
static bool not_found(const struct step *p)
{
	p->w->waiting &= (uint8_t) ~(1 << p->n);
	p->t->inside = 0;
	return go(p, PC_AWAIT);
}

static bool step_alloc_status(const struct step *p)
{
	if (!p->w->moving || p->mutant == ALLOC_MOVING)
		return go(p, PC_ALLOC_PLACE);
	return not_found(p);
}

static bool step_alloc_bit(const struct step *p)
{
	struct place *place = touch(p, p->t->place);
	unsigned int i;

	for (i = 0; i < NR_PAGES && place->bit[i]; i++)
		;
	if (i == NR_PAGES)
		return not_found(p);
	place->bit[i] = 1;
	p->t->page = (uint8_t)(i + 1);
	return go(p, PC_ALLOC_DESC);
}

static bool step_alloc_desc(const struct step *p)
{
	unsigned int i = page_of(p);

	if (p->w->protects == p->t->page)
		return false;
	touch(p, p->w->window[i])->desc[i] = tag_of(p);
	if (p->w->holder[i])
		wrong(p, WRONG_TWICE);
	p->w->holder[i] = tag_of(p);
	return go(p, PC_ALLOC_WORD);
}

/* The holder's own, in no section. */
static bool step_write(const struct step *p)
{
	unsigned int i = page_of(p);

	if (p->w->protects == p->t->page)
		return false;
	p->t->word ^= (uint8_t)(16 | p->n);
	touch(p, p->w->window[i])->word[i] = p->t->word;
	return end_op(p);
}

/* Was it because the memmap moves? */
static bool step_await(const struct step *p)
{
	if (p->mutant != AWAIT_BLIND && p->w->moves & 1)
		return false;
	if (p->mutant != AWAIT_BLIND && p->w->moves != p->t->before)
		return go(p, PC_BEGIN);
	if (p->s->roomy)
		wrong(p, WRONG_NOMEM);
	return end_op(p);
}

/* ---- free and query ---- */

/* The fast path of a free. */
static bool step_free_status(const struct step *p)
{
	return go(p, p->w->moving ? PC_NUMBER : PC_PLACE);
}

static bool is_gated(const struct step *p)
{
	if (op_of(p) == OP_FREE)
		return p->mutant != FREE_UNGATED;
	return p->mutant != QUERY_UNGATED;
}

static bool step_number(const struct step *p)
{
	return go(p, p->w->moves & 1 && is_gated(p) ? PC_ENTER : PC_PLACE);
}

static bool step_enter(const struct step *p)
{
	if (p->w->frozen && p->mutant != ENTER_FROZEN)
		return false;
	p->w->within++;
	p->t->gated = 1;
	return go(p, PC_PLACE);
}

static bool step_bit(const struct step *p)
{
	struct place *place = touch(p, p->t->place);
	unsigned int i = page_of(p);

	if (!place->bit[i])
		wrong(p, WRONG_LOST);
	if (op_of(p) == OP_QUERY)
		return go(p, PC_DESC);
	p->w->holder[i] = 0;
	p->t->page = 0;
	place->bit[i] = 0;
	return go(p, PC_LEAVE);
}

static bool step_desc(const struct step *p)
{
	unsigned int i = page_of(p);
	const struct place *place = touch(p, p->w->window[i]);

	if (place->desc[i] != tag_of(p) || place->word[i] != p->t->word)
		wrong(p, WRONG_DESC);
	return go(p, PC_LEAVE);
}

static bool step_leave(const struct step *p)
{
	if (p->t->gated)
		p->w->within--;
	return end_op(p);
}

/* ---- the mover ---- */

static unsigned int target_of(const struct step *p)
{
	return !p->t->place;
}

/* The target is taken: it holds anything. */
static bool mover_begins(const struct step *p)
{
	p->t->place = p->w->state;
	p->w->given &= (uint8_t) ~(1 << target_of(p));
	memset(&p->w->places[target_of(p)], 0xee, sizeof(struct place));
	return go(p, p->mutant == MOVES_LATE ? PC_MOVING : PC_ODD);
}

static bool step_odd(const struct step *p)
{
	p->w->moves++;
	return go(p, p->mutant == MOVES_LATE ? PC_WAIT_BEGIN : PC_MOVING);
}

static bool step_moving(const struct step *p)
{
	p->w->moving = 1;
	return go(p, p->mutant == MOVES_LATE ? PC_ODD : PC_WAIT_BEGIN);
}

/* Whoever is in a section now. */
static void wait_begin(const struct step *p)
{
	unsigned int i;

	for (i = 0; i < NR_THREADS; i++)
		if (p->w->threads[i].inside)
			p->w->waiting |= (uint8_t)(1 << i);
}

static bool step_wait_begin(const struct step *p)
{
	if (p->mutant != NO_FIRST_WAIT)
		wait_begin(p);
	p->t->i = 0;
	return go(p, PC_WAIT);
}

static bool step_wait(const struct step *p)
{
	if (p->w->waiting)
		return false;
	if (op_of(p) == OP_CANCEL)
		return go(p, PC_STILL);
	return go(p, PC_PROTECT);
}

static bool step_protect(const struct step *p)
{
	if (p->mutant != NO_PROTECT)
		p->w->protects = (uint8_t)(p->t->i + 1);
	return go(p, PC_COPY_DESC);
}

static bool step_copy_desc(const struct step *p)
{
	unsigned int i = p->t->i;

	touch(p, target_of(p))->desc[i] = touch(p, p->t->place)->desc[i];
	return go(p, PC_COPY_WORD);
}

static bool step_copy_word(const struct step *p)
{
	unsigned int i = p->t->i;

	touch(p, target_of(p))->word[i] = touch(p, p->t->place)->word[i];
	return go(p, PC_REMAP);
}

static bool step_remap(const struct step *p)
{
	p->w->window[p->t->i] = (uint8_t)target_of(p);
	p->w->protects = 0;
	if (++p->t->i < NR_PAGES)
		return go(p, PC_PROTECT);
	p->t->i = 0;
	return go(p, p->mutant == CLEAR_EARLY ? PC_STILL : PC_FREEZE);
}

static bool step_freeze(const struct step *p)
{
	if (p->w->within && p->mutant != FREEZE_HELD)
		return false;
	p->w->frozen = 1;
	return go(p, PC_COPY_BIT);
}

static bool step_copy_bit(const struct step *p)
{
	unsigned int i = p->t->i;

	touch(p, target_of(p))->bit[i] = touch(p, p->t->place)->bit[i];
	if (++p->t->i < NR_PAGES)
		return true;
	return go(p, p->mutant == THAW_FIRST ? PC_THAW : PC_SWITCH);
}

static bool step_switch(const struct step *p)
{
	p->w->state = (uint8_t)target_of(p);
	return go(p, p->mutant == THAW_FIRST ? PC_STILL : PC_THAW);
}

static bool step_thaw(const struct step *p)
{
	p->w->frozen = 0;
	if (p->mutant == THAW_FIRST)
		return go(p, PC_SWITCH);
	return go(p, p->mutant == CLEAR_EARLY ? PC_GIVE : PC_STILL);
}

static bool step_still(const struct step *p)
{
	if (p->mutant == EVEN_EARLY && p->w->moves & 1) {
		p->w->moves++;
		return true;
	}
	p->w->moving = 0;
	return go(p, PC_EVEN);
}

static bool step_even(const struct step *p)
{
	if (p->w->moves & 1)
		p->w->moves++;
	if (op_of(p) == OP_CANCEL) {
		p->w->given |= (uint8_t)(1 << target_of(p));
		return end_op(p);
	}
	return go(p, p->mutant == CLEAR_EARLY && p->w->state == p->t->place
			     ? PC_FREEZE
			     : PC_GIVE);
}

static bool step_give(const struct step *p)
{
	p->w->given |= (uint8_t)(1 << p->t->place);
	return end_op(p);
}

/* ---- all of them ---- */

static bool step_begin(const struct step *p)
{
	enum op op = op_of(p);

	if (op == OP_MOVE || op == OP_CANCEL)
		return mover_begins(p);
	if (op == OP_ALLOC && p->t->page)
		return end_op(p);
	if (op != OP_ALLOC && !p->t->page)
		return end_op(p);
	if (op == OP_WRITE)
		return step_write(p);
	p->t->inside = 1;
	if (op == OP_FREE)
		return step_free_status(p);
	if (op == OP_QUERY)
		return step_number(p);
	p->t->before = p->w->moves;
	return go(p, PC_ALLOC_STATUS);
}

static bool step_place(const struct step *p)
{
	p->t->place = p->w->state;
	return go(p, op_of(p) == OP_ALLOC ? PC_ALLOC_BIT : PC_BIT);
}

bool move_step(const struct scenario *s, enum mutant mutant, struct world *w,
	       unsigned int n)
{
	static bool (*const steps[])(const struct step *p) = {
		[PC_BEGIN] = step_begin,
		[PC_ALLOC_STATUS] = step_alloc_status,
		[PC_ALLOC_PLACE] = step_place,
		[PC_ALLOC_BIT] = step_alloc_bit,
		[PC_ALLOC_DESC] = step_alloc_desc,
		[PC_ALLOC_WORD] = step_write,
		[PC_AWAIT] = step_await,
		[PC_NUMBER] = step_number,
		[PC_ENTER] = step_enter,
		[PC_PLACE] = step_place,
		[PC_BIT] = step_bit,
		[PC_DESC] = step_desc,
		[PC_LEAVE] = step_leave,
		[PC_ODD] = step_odd,
		[PC_MOVING] = step_moving,
		[PC_WAIT_BEGIN] = step_wait_begin,
		[PC_WAIT] = step_wait,
		[PC_PROTECT] = step_protect,
		[PC_COPY_DESC] = step_copy_desc,
		[PC_COPY_WORD] = step_copy_word,
		[PC_REMAP] = step_remap,
		[PC_FREEZE] = step_freeze,
		[PC_COPY_BIT] = step_copy_bit,
		[PC_SWITCH] = step_switch,
		[PC_THAW] = step_thaw,
		[PC_STILL] = step_still,
		[PC_EVEN] = step_even,
		[PC_GIVE] = step_give,
	};
	struct step p = {s, mutant, w, &w->threads[n], n};

	return !move_ended(p.t) && steps[p.t->pc](&p);
}

bool move_ended(const struct thread *t)
{
	return t->pc == PC_DONE;
}

void move_start(const struct scenario *s, struct world *w)
{
	unsigned int n;

	memset(w, 0, sizeof(*w));
	w->given = 2;
	for (n = 0; n < NR_THREADS; n++) {
		struct thread *t = &w->threads[n];
		unsigned int i = s->held[n] - 1u;

		if (s->script[n][0] == OP_END)
			t->pc = PC_DONE;
		if (!s->held[n])
			continue;
		t->page = s->held[n];
		t->word = (uint8_t)(32 | n);
		w->holder[i] = (uint8_t)(n + 1);
		w->places[0].bit[i] = 1;
		w->places[0].desc[i] = w->holder[i];
		w->places[0].word[i] = t->word;
	}
}
