/* SPDX-License-Identifier: MIT */
/*
 * The demo's workers: threads that put, get and verify values as fast as they
 * can, from start to stop, whatever happens to the memory meanwhile.
 *
 * What it does not do: know of memory blocks. Workers are not told that memory
 * arrives or leaves; they are only told to which of two records the time of
 * their gets belongs.
 */
#ifndef MHP_TOOLS_DEMO_WORKER_H
#define MHP_TOOLS_DEMO_WORKER_H

#include "demo_cache.h"
#include "demo_latency.h"

struct crew;

/** What gets are measured for. */
enum crew_mood {
	CREW_USUAL,
	CREW_EJECT, /* memory leaves meanwhile */
	CREW_NR_MOODS,
};

/** What all workers have done so far. */
struct crew_work {
	uint64_t nr_served;	 /* gets, each verified */
	uint64_t nr_puts;	 /* new versions in place */
	uint64_t nr_resized;	 /* new versions of another size */
	uint64_t nr_new;	 /* values of new keys */
	uint64_t nr_turned_away; /* new or resized: no memory */
};

/**
 * crew_start() - start workers
 *
 * @resize_every_ns: time between two resizes of one worker
 *
 * Return: NULL if the system cannot start that many threads.
 */
struct crew *crew_start(struct cache *cache, unsigned int nr_workers,
			uint64_t resize_every_ns);

/** crew_stop() - have them end, and wait for that; what was measured stays */
void crew_stop(struct crew *crew);

/** crew_free() - after crew_stop() */
void crew_free(struct crew *crew);

/** crew_mood() - what gets are measured for from now on */
void crew_mood(struct crew *crew, enum crew_mood mood);

/** crew_settle() - wait until nobody is in a call that began before */
void crew_settle(struct crew *crew);

/** crew_look() - what they have done so far */
struct crew_work crew_look(struct crew *crew);

/** crew_latency() - times of their gets, after crew_stop() */
void crew_latency(struct crew *crew, enum crew_mood mood,
		  struct latency *latency);

#endif
