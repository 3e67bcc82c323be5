/* SPDX-License-Identifier: MIT */
/*
 * All orders in which a few threads can take their steps: every state that can
 * come about is visited once. What a state is and what a step does is the
 * machine's; states are compared as bytes, so they have no padding.
 */
#ifndef MHP_TESTS_EXPLORE_H
#define MHP_TESTS_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine {
	/* Beginnings: records whose first member is their name. */
	const void *scenarios;
	size_t scenario_bytes;
	size_t nr_scenarios;
	/* What can go wrong, by number; 0: nothing. */
	const char *const *wrong_names;
	int stuck; /* the number for when nobody can go on */
	/* What is made wrong on purpose, by number; 0: nothing. */
	const char *const *mutant_names;
	int nr_mutants;
	uint32_t least_states; /* of a scenario that deserves the name */
	unsigned int nr_threads;
	size_t state_bytes;
	/* @state: zero, to be filled */
	void (*start)(const void *scenario, void *state);
	/* Let a thread take a step; false: it has to wait, or has ended. */
	bool (*step)(const void *scenario, int mutant, void *state,
		     unsigned int thread);
	bool (*ended)(const void *scenario, const void *state,
		      unsigned int thread);
	/* What went wrong on the way here, or 0. */
	int (*wrong)(const void *state);
	/* The same once all have ended. */
	int (*rest)(const void *scenario, const void *state);
	/* Optional: the first scenario that can notice a mutant. */
	size_t (*first)(int mutant);
};

/** explore_main() - two tests: nothing goes wrong in any scenario, and every
 * mutant is noticed by one. Return: for main(). */
int explore_main(const struct machine *machine);

#endif
