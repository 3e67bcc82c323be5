/* SPDX-License-Identifier: MIT */
/* What the parts of interleave.c share: the names of all steps. */
#ifndef MHP_TESTS_INTERLEAVE_STEPS_H
#define MHP_TESTS_INTERLEAVE_STEPS_H

#include "interleave.h"

/* What a word must not show, SMALL aside, to whoever allocates below it. */
#define GRANT (SMALL | HUGE | ISOLATED | CLOSING | OPENING | UNMOVABLE)

/* Everything a step needs. */
struct step {
	const struct scenario *s;
	enum mutant mutant;
	struct world *w;
	struct thread *t;
	unsigned int n; /* number of the thread */
};

/* Each is one access of shared memory and decides where to go from there. */
#define STEPS(XX)         \
	XX(end)           \
	XX(next)          \
	XX(give_up)       \
	XX(claim)         \
	XX(check)         \
	XX(undo)          \
	XX(alloc)         \
	XX(full_look)     \
	XX(full_clear)    \
	XX(mixed_look)    \
	XX(close_look)    \
	XX(close_row)     \
	XX(close_begin)   \
	XX(close_again)   \
	XX(close_small)   \
	XX(close_full)    \
	XX(close_end)     \
	XX(close_retract) \
	XX(nowhole_look)  \
	XX(nowhole_clear) \
	XX(free_page)     \
	XX(free_row)      \
	XX(free_edge)     \
	XX(free_bad)      \
	XX(free_slow)     \
	XX(free_whole)    \
	XX(whole_bad)     \
	XX(whole_kept)    \
	XX(whole_end)     \
	XX(let_go)        \
	XX(let_go_row)    \
	XX(mark_set)      \
	XX(mark_row)      \
	XX(partial_hints) \
	XX(partial_word)  \
	XX(partial_row)   \
	XX(partial_own)   \
	XX(open_hint)     \
	XX(open_small)    \
	XX(open_word)     \
	XX(open_take)     \
	XX(open_begin)    \
	XX(open_table)    \
	XX(open_first)    \
	XX(open_fail)     \
	XX(open_end)      \
	XX(open_say)      \
	XX(small_set)     \
	XX(small_look)    \
	XX(small_take)    \
	XX(small_again)   \
	XX(emptied_look)  \
	XX(emptied_row)   \
	XX(isolate_set)   \
	XX(isolate_word)  \
	XX(isolate_row)   \
	XX(isolate_undo)  \
	XX(bad_close)     \
	XX(bad_enter)     \
	XX(bad_seen)      \
	XX(bad_wait)      \
	XX(bad_waiting)   \
	XX(bad_look)      \
	XX(bad_row)       \
	XX(bad_keep)      \
	XX(bad_bit)       \
	XX(bad_remove)    \
	XX(bad_free)      \
	XX(bad_mixed)     \
	XX(bad_open)      \
	XX(hold_isolate)  \
	XX(hold_wait)     \
	XX(hold_look)     \
	XX(hold_count)    \
	XX(hold_rows)     \
	XX(hold_close)    \
	XX(hold_dead)     \
	XX(hold_clear)    \
	XX(hold_full)     \
	XX(hold_leave)    \
	XX(hold_again)    \
	XX(drop_rows)     \
	XX(drop_count)    \
	XX(drop_mixed)    \
	XX(drop_full)     \
	XX(revive_rows)   \
	XX(revive_word)   \
	XX(host_hold)     \
	XX(host_leave)    \
	XX(host_wait)     \
	XX(host_show)     \
	XX(host_note)     \
	XX(host_late)     \
	XX(host_look)     \
	XX(host_row)      \
	XX(host_mixed)    \
	XX(host_full)     \
	XX(host_nowhole)  \
	XX(host_reopen)   \
	XX(host_revive)

enum pc {
#define STEP_PC(name) PC_##name,
	STEPS(STEP_PC)
#undef STEP_PC
};

#define STEP_FUNCTION(name) bool step_##name(const struct step *p);
STEPS(STEP_FUNCTION)
#undef STEP_FUNCTION

static inline bool go(const struct step *p, enum pc pc)
{
	p->t->pc = (uint8_t)pc;
	return true;
}

/* The end of a part that others use. */
static inline bool leave(const struct step *p)
{
	p->t->pc = p->t->ret;
	p->t->ret = PC_next;
	return true;
}

static inline enum op op_of(const struct step *p)
{
	return (enum op)p->s->script[p->n][p->t->op];
}

static inline bool is_whole(const struct step *p)
{
	return op_of(p) == OP_WHOLE || op_of(p) == OP_EMPTIED;
}

static inline bool has_cursor(const struct step *p)
{
	return op_of(p) != OP_OPEN_BARE;
}

static inline uint16_t mine(const struct step *p)
{
	return (uint16_t)OWNER(p->s->cpu[p->n]);
}

static inline bool is_free(uint16_t word)
{
	return !(word & ~(USED | MIXED | COUNT_MASK));
}

/* The bad page's row, and its bit there. */
static inline unsigned int bad_row(const struct step *p)
{
	return p->s->bad_page / ROW_PAGES;
}

static inline uint8_t bad_bit(const struct step *p)
{
	return (uint8_t)(1 << p->s->bad_page % ROW_PAGES);
}

/* Pages of a row that are withheld, by a word. */
static inline uint8_t withheld(uint16_t word, unsigned int row)
{
	unsigned int border = NR_PAGES - ((word & COUNT_MASK) >> COUNT_SHIFT);
	uint8_t bits = 0;
	unsigned int i;

	for (i = 0; i < ROW_PAGES; i++)
		if (ROW_PAGES * row + i >= border)
			bits |= (uint8_t)(1 << i);
	return bits;
}

/* Pages of a row that hold memmaps, whoever knows it. */
static inline uint8_t pieces(const struct scenario *s, unsigned int row)
{
	return (uint8_t)((s->piece[0] | s->piece[1]) >> row * ROW_PAGES) &
	       ROW_MASK;
}

/* What the host's record says of them, and the index if there are gaps. */
static inline uint8_t fixed(const struct scenario *s, const struct world *w,
			    unsigned int row)
{
	return (row ? 0 : s->kept) |
	       (w->gaps && !w->known ? 0 : pieces(s, row));
}

/* Kept pages of a row, as table, word and records are now. */
static inline uint8_t kept(const struct step *p, unsigned int row)
{
	uint8_t bits = fixed(p->s, p->w, row) | withheld(p->w->word, row);

	if (p->w->bad == BAD_KEPT && row == bad_row(p))
		bits |= bad_bit(p);
	return bits;
}

/* Allocated pages of a row. */
static inline uint8_t used(const struct step *p, unsigned int row,
			   uint16_t word)
{
	uint8_t bits = p->w->row[row];

	return word & MIXED ? bits & (uint8_t)~kept(p, row) : bits;
}

/* Whether no search looks at it, as the record says that it is all memmap. */
static inline bool hidden(const struct step *p)
{
	return !p->w->gaps &&
	       (fixed(p->s, p->w, 0) & fixed(p->s, p->w, 1)) == ROW_MASK;
}

/* Wait for the sections that are open now. */
static inline bool wait_begin(const struct step *p, enum pc pc)
{
	unsigned int n;

	for (n = 0; n < NR_THREADS; n++)
		if (n != p->n && p->w->threads[n].inside)
			p->w->waiting |= (uint8_t)(1 << n);
	return go(p, pc);
}

/* Whether row t->i was the last one; counts. */
static inline bool last_row(struct thread *t)
{
	return ++t->i == NR_ROWS;
}

static inline void wrong(const struct step *p, enum wrong what)
{
	if (!p->w->wrong)
		p->w->wrong = (uint8_t)what;
}

/* Take a page of any row; if there is none, give up properly. */
static inline bool try_rows(const struct step *p)
{
	p->t->row = 0;
	p->t->all_rows = true;
	return go(p, PC_claim);
}

#endif
