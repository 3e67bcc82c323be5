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
		nr_ended += machine->ended(machine, e->to, n);
		if (!machine->step(machine, e->to, n))
			continue;
		nr_went++;
		wrong = machine->wrong(machine, e->to);
		if (wrong)
			return wrong;
		explorer_add(e, e->to);
	}
	if (nr_ended == machine->nr_threads)
		return machine->rest(machine, e->from);
	return nr_went ? 0 : machine->stuck;
}

int explore(const struct machine *machine, const void *start,
	    uint32_t *nr_states)
{
	size_t bytes = machine->state_bytes;
	struct explorer e = {
		.machine = machine, .from = malloc(bytes), .to = malloc(bytes)};
	int wrong = 0;

	assert_non_null(e.from);
	assert_non_null(e.to);
	explorer_add(&e, start);
	while (e.next < e.nr && !wrong) {
		memcpy(e.from, state_at(&e, e.next++), bytes);
		wrong = explorer_follow(&e);
	}
	*nr_states = e.nr;
	free(e.states);
	free(e.table);
	free(e.from);
	free(e.to);
	return wrong;
}
