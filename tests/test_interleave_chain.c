/* SPDX-License-Identifier: MIT */
/*
 * Rule R9 of src/pageblock.h, chains of pageblocks: every order of the steps of
 * a few threads, what must hold in each, and that what could be wrong with the
 * rules is noticed. The threads are interleave_chain.c's.
 */
#include "explore.h"
#include "interleave_chain.h"

_Static_assert(sizeof(struct world) ==
		       3 * NR_PB + 4 + NR_THREADS * sizeof(struct thread),
	       "states are compared as bytes");

static const char *const wrong_names[] = {
	[WRONG_NOTHING] = "nothing",
	[WRONG_TWICE] = "a pageblock is granted twice",
	[WRONG_ISOLATED] = "granted behind isolation",
	[WRONG_CHAIN] = "a pageblock continues what is not its own",
	[WRONG_FREED] = "a free that is wrong is accepted",
	[WRONG_REFUSED] = "a free that is right is refused",
	[WRONG_NONE] = "nobody got a chain",
	[WRONG_REST] = "at rest the words are not what is held",
	[WRONG_STUCK] = "nobody can go on",
};

static const struct scenario scenarios[] = {
	{.name = "three chains of three in four pageblocks",
	 .must_get = true,
	 .script = {{OP_CHAIN3}, {OP_CHAIN3}, {OP_CHAIN3}}},
	{.name = "two chains that overlap, and free again",
	 .must_get = true,
	 .script = {{OP_CHAIN3, OP_FREE}, {OP_CHAIN2, OP_FREE}}},
	{.name = "a chain, a page and a whole one",
	 .script = {{OP_CHAIN3, OP_FREE},
		    {OP_PAGE, OP_FREE},
		    {OP_ONE, OP_FREE}}},
	{.name = "a chain is freed while others want a part",
	 .held = {3},
	 .script = {{OP_FREE}, {OP_CHAIN2, OP_FREE}, {OP_ONE, OP_FREE}}},
	{.name = "a chain is freed twice at once",
	 .held = {3},
	 .script = {{OP_FREE}, {OP_STALE}, {OP_CHAIN2}}},
	{.name = "freed twice, and a shorter one in its place",
	 .held = {3},
	 .script = {{OP_FREE, OP_CHAIN2, OP_FREE}, {OP_STALE}, {OP_ONE}}},
	{.name = "freed with another length, and one of that in its place",
	 .held = {3},
	 .script = {{OP_FREE, OP_PAGE}, {OP_STALE_2}, {OP_STALE_1}}},
	{.name = "freed twice while a longer one is put together",
	 .held = {2},
	 .script = {{OP_FREE}, {OP_STALE}, {OP_CHAIN3}}},
	{.name = "a single one is freed twice while a chain is taken",
	 .held = {1},
	 .script = {{OP_FREE}, {OP_STALE_1}, {OP_CHAIN3, OP_FREE}}},
	{.name = "the first of a chain is isolated",
	 .held = {2, 1},
	 .held_at = {0, 3},
	 .isolates = 0,
	 .script = {{OP_FREE, OP_CHAIN2}, {OP_FREE}, {OP_ISOLATE}}},
	{.name = "the last of a chain is isolated",
	 .held = {3},
	 .isolates = 2,
	 .script = {{OP_FREE}, {OP_CHAIN2, OP_FREE}, {OP_ISOLATE}}},
	{.name = "isolated while chains are taken",
	 .isolates = 1,
	 .script = {{OP_CHAIN3, OP_FREE}, {OP_CHAIN2}, {OP_ISOLATE}}},
};

#define NR_SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static const char *const mutant_names[NR_MUTANTS] = {
	[TAKE_DOWN] = "taken from the last on",
	[TAKE_OPEN] = "taken without closing",
	[TAKE_BLIND] = "taken without a comparison",
	[TAKE_KEEPS] = "not given back when one could not be had",
	[GIVE_UP_FIRST] = "given back from the first on",
	[GIVE_OPENS] = "given back without isolation",
	[FREE_OPEN] = "freed without closing",
	[FREE_SECOND] = "freed though it is closing",
	[FREE_ONCE] = "freed without a second look at the length",
	[FREE_SHORT] = "freed without a look at the length",
	[ONE_BLIND] = "a single one freed without a look at runs",
	[ISOLATE_FIRST] = "isolated after the look",
};

static enum wrong rest(const struct scenario *s, const struct world *w)
{
	unsigned int i;

	for (i = 0; i < NR_PB; i++)
		if (!w->word[i] != !w->holder[i] ||
		    w->holder[i] != w->taker[i] ||
		    w->word[i] & (CLOSING | ISOLATED))
			return WRONG_REST;
	return s->must_get && !w->got ? WRONG_NONE : WRONG_NOTHING;
}

/* ---- all orders ---- */

static void machine_start(const void *scenario, void *state)
{
	chain_start(scenario, state);
}

static bool machine_step(const void *scenario, int mutant, void *state,
			 unsigned int n)
{
	return chain_step(scenario, (enum mutant)mutant, state, n);
}

static bool machine_ended(const void *scenario, const void *state,
			  unsigned int n)
{
	const struct world *w = state;

	(void)scenario;
	return chain_ended(&w->threads[n]);
}

static int machine_wrong(const void *state)
{
	return ((const struct world *)state)->wrong;
}

static int machine_rest(const void *scenario, const void *state)
{
	return (int)rest(scenario, state);
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
