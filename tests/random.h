/* SPDX-License-Identifier: MIT */
/*
 * Random calls against a world, a group of them in each file: each makes one
 * call, or a few, compares the answer with what the world expects, and notes
 * what has changed. test_random.c mixes them.
 */
#ifndef MHP_TESTS_RANDOM_H
#define MHP_TESTS_RANDOM_H

#include "world.h"

/** Blocks that come and go, from FIRST_BLOCK on. */
#define NR_HOT 12

/** random_alloc() - something movable or not, of any order */
void random_alloc(struct world *w);

/** random_free() - a few of what is held, or many */
void random_free(struct world *w);

/** random_wrong_free() - any page with any order, but what is right */
void random_wrong_free(struct world *w);

/** random_lifecycle() - blocks come, go, or change their state */
void random_lifecycle(struct world *w);

/** random_remove() - block @id leaves, with others; all in one call, or none */
void random_remove(struct world *w, uint64_t id);

/** random_eject() - the same of blocks that are online */
void random_eject(struct world *w, uint64_t id);

/** random_step() - an offline that was begun goes on, or is called off */
void random_step(struct world *w);

/** random_complete() - owners finish moves that they have put off */
void random_complete(struct world *w);

/** random_hold() - pages are withheld or released */
void random_hold(struct world *w);

/** random_move() - the memmap of a block moves, or all that are on one */
void random_move(struct world *w);

/** random_device() - a device range comes or goes */
void random_device(struct world *w);

#endif
