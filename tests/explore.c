/* SPDX-License-Identifier: MIT */
/* All orders of steps: states in a row, and a table of hashes to know them. */
/* cmocka wants these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "explore.h"

struct explorer {
	const struct machine *machine;
	const void *scenario;
	int mutant;
	uint8_t *states; /* all that were seen; those from next on wait */
	uint32_t *table; /* index in states + 1 */
	uint32_t nr, next, room;
	uint8_t *from, *to; /* a step; from is one of states, copied */
};

static uint8_t *state_at(const struct explorer *e, uint32_t i)
{
	return e->states + i * e->machine->state_bytes;
}

static uint32_t state_hash(const struct explorer *e, const uint8_t *state)
{
	size_t left = e->machine->state_bytes, nr;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; left; left -= nr, state += nr) {
		uint64_t word = 0;

		nr = left < sizeof(word) ? left : sizeof(word);
		memcpy(&word, state, nr);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return (uint32_t)hash;
}

static void explorer_insert(struct explorer *e, uint32_t index)
{
	uint32_t at = state_hash(e, state_at(e, index)) & (4 * e->room - 1);

	while (e->table[at])
		at = (at + 1) & (4 * e->room - 1);
	e->table[at] = index + 1;
}

static void explorer_grow(struct explorer *e)
{
	uint32_t i;

	e->room = e->room ? 2 * e->room : 4096;
	e->states = realloc(e->states, e->room * e->machine->state_bytes);
	free(e->table);
	e->table = calloc(4 * (size_t)e->room, sizeof(*e->table));
	assert_non_null(e->states);
	assert_non_null(e->table);
	for (i = 0; i < e->nr; i++)
		explorer_insert(e, i);
}

static void explorer_add(struct explorer *e, const uint8_t *state)
{
	size_t bytes = e->machine->state_bytes;
	uint32_t at;

	if (e->nr == e->room)
		explorer_grow(e);
	for (at = state_hash(e, state) & (4 * e->room - 1); e->table[at];
	     at = (at + 1) & (4 * e->room - 1))
		if (!memcmp(state_at(e, e->table[at] - 1), state, bytes))
			return;
	memcpy(state_at(e, e->nr), state, bytes);
	e->table[at] = ++e->nr;
}

/* All that can come after a state. */
static int explorer_follow(struct explorer *e)
{
	const struct machine *machine = e->machine;
	unsigned int n, nr_ended = 0, nr_went = 0;

	for (n = 0; n < machine->nr_threads; n++) {
		int wrong;

		memcpy(e->to, e->from, machine->state_bytes);
		nr_ended += machine->ended(e->scenario, e->to, n);
		if (!machine->step(e->scenario, e->mutant, e->to, n))
			continue;
		nr_went++;
		wrong = machine->wrong(e->to);
		if (wrong)
			return wrong;
		explorer_add(e, e->to);
	}
	if (nr_ended == machine->nr_threads)
		return machine->rest(e->scenario, e->from);
	return nr_went ? 0 : machine->stuck;
}

static int explorer_run(struct explorer *e)
{
	size_t bytes = e->machine->state_bytes;
	int wrong = 0;

	e->machine->start(e->scenario, e->to);
	explorer_add(e, e->to);
	while (e->next < e->nr && !wrong) {
		memcpy(e->from, state_at(e, e->next++), bytes);
		wrong = explorer_follow(e);
	}
	return wrong;
}

static const void *scenario_at(const struct machine *machine, size_t i)
{
	return (const uint8_t *)machine->scenarios +
	       i * machine->scenario_bytes;
}

static const char *scenario_name(const struct machine *machine, size_t i)
{
	return *(const char *const *)scenario_at(machine, i);
}

/* Visit all states that can come of a scenario. Return: what went wrong first,
 * or 0. */
static int explore(const struct machine *machine, size_t i, int mutant,
		   uint32_t *nr_states)
{
	struct explorer e = {
		.machine = machine,
		.scenario = scenario_at(machine, i),
		.mutant = mutant,
		.from = calloc(1, machine->state_bytes),
		.to = calloc(1, machine->state_bytes),
	};
	int wrong;

	assert_non_null(e.from);
	assert_non_null(e.to);
	wrong = explorer_run(&e);
	*nr_states = e.nr;
	free(e.states);
	free(e.table);
	free(e.from);
	free(e.to);
	return wrong;
}

static void rules_hold(void **state)
{
	const struct machine *machine = *state;
	uint32_t nr, sum = 0;
	size_t i;

	for (i = 0; i < machine->nr_scenarios; i++) {
		const char *name = scenario_name(machine, i);
		int wrong = explore(machine, i, 0, &nr);

		print_message("# %s: %u states\n", name, nr);
		if (wrong)
			fail_msg("%s: %s", name, machine->wrong_names[wrong]);
		assert_true(nr > machine->least_states);
		sum += nr;
	}
	print_message("# %u states\n", sum);
}

static void explore_mutant(const struct machine *machine, int mutant)
{
	size_t i = machine->first ? machine->first(mutant) : 0;
	int wrong = 0;
	uint32_t nr;

	for (; i < machine->nr_scenarios && !wrong; i++)
		wrong = explore(machine, i, mutant, &nr);
	if (!wrong)
		fail_msg("nobody notices: %s", machine->mutant_names[mutant]);
	print_message("# %s: %s (%s)\n", machine->mutant_names[mutant],
		      machine->wrong_names[wrong],
		      scenario_name(machine, i - 1));
}

static void mutants_are_noticed(void **state)
{
	const struct machine *machine = *state;
	int mutant;

	for (mutant = 1; mutant < machine->nr_mutants; mutant++)
		explore_mutant(machine, mutant);
}

int explore_main(const struct machine *machine)
{
	struct machine copy = *machine;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(rules_hold, &copy),
		cmocka_unit_test_prestate(mutants_are_noticed, &copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
