/* SPDX-License-Identifier: MIT */
/*
 * Lending as a small machine (docs/LOCKING.md, "Lent pages"): one pageblock
 * that lends, one page that it lends, and threads that take one step at a time.
 * Every order of the steps is tried, and each rule is broken once.
 *
 *   lender   word: SMALL, HUGE, CLOSING, LENT; one row bit
 *   page     ISOLATED of its pageblock, which is SMALL; its row bit
 *
 * Who has a page of the lender alone, or has split it, writes descriptors onto
 * the page. An operation is a read-side section, but for those with the mutex.
 * First use, hints, DEAD and blocks that leave are left out.
 */
#include <stdbool.h>

#include "explore.h"

#define NR_THREADS 3
#define NR_OPS 3

#define SMALL 1
#define HUGE 2
#define CLOSING 4
#define LENT 8
#define USES (SMALL | HUGE | CLOSING)

enum op {
	OP_END = 0,
	OP_PAGE,      /* allocate the page that may be lent */
	OP_PAGE_FREE, /* free it, if this thread has it */
	OP_HUGE,      /* take the lender whole, with a promise */
	OP_SMALL,     /* take a page of it: open it, if it must be */
	OP_WHOLE,     /* close it if it is open and empty, and take it whole */
	OP_FREE,      /* free what it has of the lender */
	OP_LEND,
	OP_TAKE_BACK,
	OP_SPLIT, /* and free all parts */
};

enum mutant {
	MUTANT_NONE = 0,
	LEND_EARLY, /* row cleared before the word says LENT */
	LEND_BLIND, /* whatever the lender is by then */
	OPEN_BLIND, /* opened for pages though it lends */
	FREE_FORGETS,
	TAKE_STALE,	/* taken whole without a comparison */
	BACK_OPEN,	/* without isolation */
	BACK_NO_WAIT,	/* latecomers are not waited for */
	BACK_UNISOLATE, /* before the row bit is set */
	SPLIT_NO_WAIT,
	NR_MUTANTS,
};

enum wrong {
	WRONG_NOTHING = 0,
	WRONG_WRITTEN, /* descriptors onto a page that somebody has */
	WRONG_KEPT,    /* memmap is handed out */
	WRONG_TWICE,
	WRONG_REST,
	WRONG_STUCK,
};

static const char *const wrong_names[] = {
	"nothing",
	"a descriptor is written onto a page that somebody has",
	"a page of a memmap is handed out",
	"a page is given to two",
	"at rest bits are not what they should be",
	"nobody can go on",
};

struct thread {
	uint8_t op, pc, word, inside;
	uint8_t has_page, has; /* of the lender: SMALL, HUGE, or 0 */
};

struct world {
	uint8_t word, row;	/* of the lender */
	uint8_t isolated, used; /* the page's pageblock, and row bit */
	uint8_t mutex, waiting; /* threads that are waited for, a bit each */
	uint8_t wrong, pad;
	struct thread threads[NR_THREADS];
};

_Static_assert(sizeof(struct world) == 8 + 6 * NR_THREADS,
	       "states are compared as bytes");

struct scenario {
	const char *name;
	uint8_t word, row, used; /* at the start */
	uint8_t has[NR_THREADS]; /* of the lender */
	uint8_t has_page;	 /* thread + 1 */
	uint8_t script[NR_THREADS][NR_OPS + 1];
};

struct step {
	const struct scenario *s;
	struct world *w;
	struct thread *t;
	unsigned int n;
	enum mutant mutant;
};

static bool go(const struct step *p, unsigned int pc)
{
	p->t->pc = (uint8_t)pc;
	return true;
}

static bool end_op(const struct step *p)
{
	p->w->waiting &= (uint8_t) ~(1u << p->n);
	p->t->inside = 0;
	p->t->op++;
	p->t->word = 0;
	return go(p, 0);
}

static void wrong(const struct step *p, enum wrong what)
{
	if (!p->w->wrong)
		p->w->wrong = (uint8_t)what;
}

static bool page_is_held(const struct world *w)
{
	unsigned int i;

	for (i = 0; i < NR_THREADS; i++)
		if (w->threads[i].has_page)
			return true;
	return false;
}

/* ---- the page ---- */

static bool step_page(const struct step *p)
{
	switch (p->t->pc) {
	case 0:
		p->t->inside = 1;
		return p->w->isolated ? end_op(p) : go(p, 1);
	case 1:
		if (p->w->used)
			return end_op(p);
		p->w->used = 1;
		return go(p, 2);
	case 2:
		if (p->w->isolated)
			return go(p, 3);
		if (page_is_held(p->w))
			wrong(p, WRONG_TWICE);
		if (!(p->w->word & LENT))
			wrong(p, WRONG_KEPT);
		p->t->has_page = 1;
		return end_op(p);
	default:
		p->w->used = 0;
		return end_op(p);
	}
}

static bool step_page_free(const struct step *p)
{
	p->t->inside = 1;
	if (p->t->has_page)
		p->w->used = 0;
	p->t->has_page = 0;
	return end_op(p);
}

/* ---- the lender ---- */

static bool got(const struct step *p, uint8_t what)
{
	unsigned int i;

	for (i = 0; i < NR_THREADS; i++)
		if (p->w->threads[i].has)
			wrong(p, WRONG_TWICE);
	p->t->has = what;
	if (what == SMALL && page_is_held(p->w))
		wrong(p, WRONG_WRITTEN);
	return end_op(p);
}

static bool step_huge(const struct step *p)
{
	if (p->t->pc == 0) {
		p->t->inside = 1;
		p->t->word = p->w->word;
		return p->t->word & USES ? end_op(p) : go(p, 1);
	}
	if (p->w->word != p->t->word &&
	    (p->mutant != TAKE_STALE || p->w->word & USES))
		return end_op(p);
	p->w->word = p->t->word | HUGE;
	return got(p, HUGE);
}

/* Open it, or find it open; then a row bit, and a second look (R2). */
static bool step_small(const struct step *p)
{
	switch (p->t->pc) {
	case 0:
		p->t->inside = 1;
		p->t->word = p->w->word;
		if (p->t->word == SMALL)
			return go(p, 2);
		return p->t->word & USES || (p->t->word & LENT &&
					     p->mutant != OPEN_BLIND)
			       ? end_op(p)
			       : go(p, 1);
	case 1:
		if (p->w->word != p->t->word)
			return end_op(p);
		p->w->word |= SMALL;
		return go(p, 2);
	case 2:
		if (p->w->row)
			return end_op(p);
		p->w->row = 1;
		return go(p, 3);
	case 3:
		if ((p->w->word & USES) == SMALL)
			return got(p, SMALL);
		return go(p, 4);
	default:
		p->w->row = 0;
		return end_op(p);
	}
}

static bool step_whole(const struct step *p)
{
	switch (p->t->pc) {
	case 0:
		p->t->inside = 1;
		if (p->w->word != SMALL || p->w->row)
			return end_op(p);
		p->w->word |= CLOSING;
		return go(p, 1);
	case 1:
		if (p->w->row) {
			p->w->word &= (uint8_t)~CLOSING;
			return end_op(p);
		}
		return go(p, 2);
	case 2:
		p->w->word &= LENT;
		return go(p, 3);
	default:
		if (p->w->word & USES)
			return end_op(p);
		p->w->word |= HUGE;
		return got(p, HUGE);
	}
}

static bool step_free(const struct step *p)
{
	p->t->inside = 1;
	if (p->t->has == HUGE)
		p->w->word &= p->mutant == FREE_FORGETS ? 0 : LENT;
	if (p->t->has == SMALL)
		p->w->row = 0;
	p->t->has = 0;
	return end_op(p);
}

/* ---- with the mutex ---- */

static bool lock(const struct step *p, unsigned int next)
{
	if (p->w->mutex)
		return false;
	p->w->mutex = 1;
	return go(p, next);
}

static bool unlock(const struct step *p)
{
	p->w->mutex = 0;
	return end_op(p);
}

static bool begin_wait(const struct step *p, unsigned int next)
{
	unsigned int i;

	for (i = 0; i < NR_THREADS; i++)
		if (p->w->threads[i].inside)
			p->w->waiting |= (uint8_t)(1u << i);
	return go(p, next);
}

/* Somebody else lends what a thread has, which may free it meanwhile. */
static bool step_lend(const struct step *p)
{
	switch (p->t->pc) {
	case 0:
		return lock(p, 1);
	case 1:
		p->t->word = p->w->word;
		return (p->t->word & USES) == HUGE && !(p->t->word & LENT) &&
				       !p->w->isolated
			       ? go(p, 2)
			       : unlock(p);
	case 2:
		if (p->mutant == LEND_EARLY) {
			p->w->used = 0;
			return go(p, 3);
		}
		if (p->w->word != p->t->word && p->mutant != LEND_BLIND)
			return unlock(p);
		p->w->word |= LENT;
		return go(p, 3);
	default:
		if (p->mutant != LEND_EARLY)
			p->w->used = 0;
		else if (p->w->word == p->t->word)
			p->w->word |= LENT;
		return unlock(p);
	}
}

/* Return: in pc 20 the lender does not lend, or else nothing has changed. */
static bool step_back(const struct step *p)
{
	switch (p->t->pc) {
	case 1:
		if (!(p->w->word & LENT))
			return go(p, 20);
		if (p->mutant != BACK_OPEN)
			p->w->isolated = 1;
		return p->mutant == BACK_NO_WAIT ? go(p, 3) : begin_wait(p, 2);
	case 2:
		return !p->w->waiting && go(p, 3);
	case 3:
		if (!p->w->used)
			return go(p, 4);
		p->w->isolated = 0;
		return unlock(p);
	case 4:
		p->w->word &= (uint8_t)~LENT;
		if (p->mutant == BACK_UNISOLATE)
			p->w->isolated = 0;
		return go(p, 5);
	case 5:
		p->w->used = 1;
		return begin_wait(p, 6);
	case 6:
		return !p->w->waiting && go(p, 7);
	default:
		p->w->isolated = 0;
		return go(p, 20);
	}
}

static bool step_take_back(const struct step *p)
{
	if (p->t->pc == 0)
		return lock(p, 1);
	return p->t->pc == 20 ? unlock(p) : step_back(p);
}

static bool step_split(const struct step *p)
{
	switch (p->t->pc) {
	case 0:
		return p->t->has == HUGE ? lock(p, 1) : end_op(p);
	case 20:
		return p->mutant == SPLIT_NO_WAIT ? go(p, 22)
						  : begin_wait(p, 21);
	case 21:
		return !p->w->waiting && go(p, 22);
	case 22:
		p->w->row = 1;
		return go(p, 23);
	case 23:
		p->w->word = SMALL;
		p->t->has = 0;
		(void)got(p, SMALL);
		p->w->mutex = 0;
		return true;
	default:
		return step_back(p);
	}
}

static bool (*const op_steps[])(const struct step *p) = {
	[OP_PAGE] = step_page,	 [OP_PAGE_FREE] = step_page_free,
	[OP_HUGE] = step_huge,	 [OP_SMALL] = step_small,
	[OP_WHOLE] = step_whole, [OP_FREE] = step_free,
	[OP_LEND] = step_lend,	 [OP_TAKE_BACK] = step_take_back,
	[OP_SPLIT] = step_split,
};

/* ---- what they do ---- */

static const struct scenario scenarios[] = {
	{.name = "taken back while the page is taken and freed",
	 .word = LENT,
	 .script = {{OP_TAKE_BACK}, {OP_PAGE, OP_PAGE_FREE}, {OP_PAGE}}},
	{.name = "taken back while the lender is taken whole and freed",
	 .word = LENT,
	 .script = {{OP_TAKE_BACK, OP_SMALL},
		    {OP_HUGE, OP_FREE},
		    {OP_PAGE, OP_PAGE_FREE}}},
	{.name = "lent, freed, opened",
	 .word = HUGE,
	 .used = 1,
	 .has = {0, HUGE},
	 .script = {{OP_LEND}, {OP_FREE, OP_SMALL}, {OP_PAGE}}},
	{.name = "lent, taken back and opened",
	 .word = HUGE,
	 .used = 1,
	 .has = {0, HUGE},
	 .script = {{OP_LEND, OP_TAKE_BACK},
		    {OP_FREE, OP_SMALL, OP_FREE},
		    {OP_PAGE, OP_PAGE_FREE}}},
	{.name = "split while the page is in use and freed",
	 .word = HUGE | LENT,
	 .used = 1,
	 .has = {HUGE},
	 .has_page = 2,
	 .script = {{OP_SPLIT, OP_FREE},
		    {OP_PAGE_FREE, OP_PAGE},
		    {OP_TAKE_BACK}}},
	{.name = "closed, taken whole and split while a latecomer undoes",
	 .word = SMALL,
	 .used = 1,
	 .script = {{OP_WHOLE, OP_SPLIT}, {OP_SMALL, OP_FREE}, {OP_SMALL}}},
};

#define NR_SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static const char *const mutant_names[NR_MUTANTS] = {
	[LEND_EARLY] = "the row bit is cleared before the word says so",
	[LEND_BLIND] = "lent whatever has become of it",
	[OPEN_BLIND] = "opened for pages though it lends",
	[FREE_FORGETS] = "freed, and nothing said of what it lends",
	[TAKE_STALE] = "taken whole without a comparison",
	[BACK_OPEN] = "taken back without isolation",
	[BACK_NO_WAIT] = "taken back without a wait",
	[BACK_UNISOLATE] = "un-isolated before the row bit is set",
	[SPLIT_NO_WAIT] = "split without a wait",
};

/* ---- all orders ---- */

static void machine_start(const void *scenario, void *state)
{
	const struct scenario *s = scenario;
	struct world *w = state;
	unsigned int i;

	w->word = s->word;
	w->row = s->row;
	w->used = s->used;
	for (i = 0; i < NR_THREADS; i++) {
		w->threads[i].has = s->has[i];
		w->threads[i].has_page = s->has_page == i + 1;
	}
}

static bool machine_step(const void *scenario, int mutant, void *state,
			 unsigned int n)
{
	const struct scenario *s = scenario;
	struct world *w = state;
	struct step p = {.s = s,
			 .w = w,
			 .t = &w->threads[n],
			 .n = n,
			 .mutant = (enum mutant)mutant};
	uint8_t op = s->script[n][p.t->op];

	return op == OP_END ? false : op_steps[op](&p);
}

static bool machine_ended(const void *scenario, const void *state,
			  unsigned int n)
{
	const struct world *w = state;
	const struct scenario *s = scenario;

	return s->script[n][w->threads[n].op] == OP_END;
}

static int machine_wrong(const void *state)
{
	return ((const struct world *)state)->wrong;
}

/* The page is kept, or in use as somebody has it; the lender likewise. */
static int machine_rest(const void *scenario, const void *state)
{
	const struct world *w = state;
	uint8_t has = 0;
	unsigned int i;

	(void)scenario;
	for (i = 0; i < NR_THREADS; i++)
		has |= w->threads[i].has;
	if (w->isolated || w->mutex || w->word & CLOSING)
		return WRONG_REST;
	if (w->used != (!(w->word & LENT) || page_is_held(w)))
		return WRONG_REST;
	if (!(w->word & HUGE) != (has != HUGE))
		return WRONG_REST;
	return w->row == (has == SMALL) ? 0 : WRONG_REST;
}

static const struct machine machine = {
	.scenarios = scenarios,
	.scenario_bytes = sizeof(scenarios[0]),
	.nr_scenarios = NR_SCENARIOS,
	.wrong_names = wrong_names,
	.stuck = WRONG_STUCK,
	.mutant_names = mutant_names,
	.nr_mutants = NR_MUTANTS,
	.least_states = 20,
	.nr_threads = NR_THREADS,
	.state_bytes = sizeof(struct world),
	.start = machine_start,
	.step = machine_step,
	.ended = machine_ended,
	.wrong = machine_wrong,
	.rest = machine_rest,
};

int main(void)
{
	return explore_main(&machine);
}
