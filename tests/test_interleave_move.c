/* SPDX-License-Identifier: MIT */
/*
 * A memmap moves under those who use it: every order of the steps of two users
 * and a mover, what must hold in each, and that what could be wrong with the
 * gate is noticed. The threads are interleave_move.c's.
 */
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

static void machine_start(const void *scenario, void *state)
{
	move_start(scenario, state);
}

static bool machine_step(const void *scenario, int mutant, void *state,
			 unsigned int n)
{
	return move_step(scenario, (enum mutant)mutant, state, n);
}

static bool machine_ended(const void *scenario, const void *state,
			  unsigned int n)
{
	const struct world *w = state;

	(void)scenario;
	return move_ended(&w->threads[n]);
}

static int machine_wrong(const void *state)
{
	return ((const struct world *)state)->wrong;
}

static int machine_rest(const void *scenario, const void *state)
{
	(void)scenario;
	return (int)rest(state);
}

static const struct machine machine = {
	.scenarios = scenarios,
	.scenario_bytes = sizeof(scenarios[0]),
	.nr_scenarios = NR_SCENARIOS,
	.wrong_names = wrong_names,
	.stuck = WRONG_STUCK,
	.mutant_names = mutant_names,
	.nr_mutants = NR_MUTANTS,
	.least_states = 1000,
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
