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
	const void *scenario;
	int mutant; /* what is wrong with it on purpose; 0: nothing */
	unsigned int nr_threads;
	size_t state_bytes;
	/* Let a thread take a step; false: it has to wait, or has ended. */
	bool (*step)(const struct machine *machine, void *state,
		     unsigned int thread);
	bool (*ended)(const struct machine *machine, const void *state,
		      unsigned int thread);
	/* What went wrong on the way here, or 0. */
	int (*wrong)(const struct machine *machine, const void *state);
	/* The same once all have ended. */
	int (*rest)(const struct machine *machine, const void *state);
	int stuck; /* what it is called if nobody can go on */
};

/** explore() - visit all states that can come after one.
 * @nr_states: receives how many were seen
 * Return: what went wrong first, or 0. */
int explore(const struct machine *machine, const void *start,
	    uint32_t *nr_states);

#endif
