/* SPDX-License-Identifier: MIT */
/*
 * A memmap moves under those who use it: every order of the steps of two users
 * and a mover, what must hold in each, and that what could be wrong with the
 * gate is noticed. The threads are interleave_move.c's.
 */
/* cmocka wants these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "explore.h"
#include "interleave_move.h"

_Static_assert(sizeof(struct world) ==
		       NR_PLACES * 3 * NR_PAGES + 2 * NR_PAGES + 9 +
			       NR_THREADS * sizeof(struct thread),
	       "states are compared as bytes");

static const char *const wrong_names[] = {
	[WRONG_NOTHING] = "nothing",
	[WRONG_TWICE] = "a page is given to two",
	[WRONG_LOST] = "what is held is not said to be",
	[WRONG_DESC] = "a descriptor is not what its holder wrote",
	[WRONG_GONE] = "what was given back is touched",
	[WRONG_NOMEM] = "an allocation fails though there is a page",
	[WRONG_REST] = "at rest bits, gate or number are not as they should be",
	[WRONG_STUCK] = "nobody can go on",
};

static const struct scenario scenarios[] = {
	{.name = "pages are taken and freed, there and back",
	 .roomy = true,
	 .script = {{OP_ALLOC, OP_QUERY, OP_FREE},
		    {OP_ALLOC, OP_FREE, OP_ALLOC},
		    {OP_MOVE, OP_MOVE}}},
	{.name = "what is held is freed and taken by others",
	 .held = {1, 2},
	 .script = {{OP_FREE, OP_ALLOC, OP_QUERY},
		    {OP_QUERY, OP_FREE, OP_ALLOC},
		    {OP_MOVE}}},
	{.name = "words are written through pointers",
	 .held = {1, 2},
	 .script = {{OP_WRITE, OP_WRITE, OP_QUERY},
		    {OP_WRITE, OP_QUERY, OP_FREE},
		    {OP_MOVE, OP_MOVE}}},
	{.name = "one page is held, the other changes hands",
	 .held = {1},
	 .roomy = true,
	 .script = {{OP_QUERY, OP_WRITE, OP_QUERY},
		    {OP_ALLOC, OP_WRITE, OP_FREE},
		    {OP_MOVE, OP_MOVE}}},
	{.name = "a move that is given up, and one that is not",
	 .held = {1},
	 .roomy = true,
	 .script = {{OP_FREE, OP_ALLOC, OP_QUERY},
		    {OP_ALLOC, OP_QUERY, OP_FREE},
		    {OP_CANCEL, OP_MOVE}}},
};

#define NR_SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static const char *const mutant_names[NR_MUTANTS] = {
	[NO_FIRST_WAIT] = "descriptors copied without a wait",
	[FREE_UNGATED] = "freed outside the gate",
	[QUERY_UNGATED] = "looked at outside the gate",
	[FREEZE_HELD] = "frozen with somebody inside",
	[ENTER_FROZEN] = "entered while it is frozen",
	[THAW_FIRST] = "thawed before the switch",
	[CLEAR_EARLY] = "still before the state is copied",
	[ALLOC_MOVING] = "allocated while it moves",
	[NO_PROTECT] = "writers do not wait",
	[MOVES_LATE] = "it moves before the number is odd",
	[EVEN_EARLY] = "the number is even before it is still",
	[AWAIT_BLIND] = "given up without a look at the number",
};

static enum wrong rest(const struct world *w)
{
	const struct place *place = &w->places[w->state];
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		if (!place->bit[i] != !w->holder[i])
			return WRONG_REST;
	if (w->moves & 1 || w->moving || w->within || w->frozen || w->protects)
		return WRONG_REST;
	return w->given == 1 << !w->state ? WRONG_NOTHING : WRONG_REST;
}

/* ---- all orders ---- */

static bool machine_step(const struct machine *machine, void *state,
			 unsigned int n)
{
	return move_step(machine->scenario, (enum mutant)machine->mutant, state,
			 n);
}

static bool machine_ended(const struct machine *machine, const void *state,
			  unsigned int n)
{
	const struct world *w = state;

	(void)machine;
	return move_ended(&w->threads[n]);
}

static int machine_wrong(const struct machine *machine, const void *state)
{
	const struct world *w = state;

	(void)machine;
	return w->wrong;
}

static int machine_rest(const struct machine *machine, const void *state)
{
	(void)machine;
	return (int)rest(state);
}

static enum wrong explore_move(const struct scenario *s, enum mutant mutant,
			       uint32_t *nr_states)
{
	const struct machine machine = {
		.scenario = s,
		.mutant = (int)mutant,
		.nr_threads = NR_THREADS,
		.state_bytes = sizeof(struct world),
		.step = machine_step,
		.ended = machine_ended,
		.wrong = machine_wrong,
		.rest = machine_rest,
		.stuck = WRONG_STUCK,
	};
	struct world w;

	move_start(s, &w);
	return (enum wrong)explore(&machine, &w, nr_states);
}

static void rules_hold(void **state)
{
	uint32_t nr, sum = 0;
	size_t i;

	(void)state;
	for (i = 0; i < NR_SCENARIOS; i++) {
		enum wrong what = explore_move(&scenarios[i], MUTANT_NONE, &nr);

		print_message("# %s: %u states\n", scenarios[i].name, nr);
		if (what)
			fail_msg("%s: %s", scenarios[i].name,
				 wrong_names[what]);
		assert_true(nr > 1000);
		sum += nr;
	}
	print_message("# %u states\n", sum);
}

static void mutants_are_noticed(void **state)
{
	int mutant;

	(void)state;
	for (mutant = MUTANT_NONE + 1; mutant < NR_MUTANTS; mutant++) {
		enum wrong what = WRONG_NOTHING;
		uint32_t nr;
		size_t i;

		for (i = 0; i < NR_SCENARIOS && !what; i++)
			what = explore_move(&scenarios[i], (enum mutant)mutant,
					    &nr);
		if (!what)
			fail_msg("nobody notices: %s", mutant_names[mutant]);
		print_message("# %s: %s (%s)\n", mutant_names[mutant],
			      wrong_names[what], scenarios[i - 1].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_hold),
		cmocka_unit_test(mutants_are_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
