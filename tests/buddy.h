/* SPDX-License-Identifier: MIT */
/*
 * A reference to compare with: the binary buddy allocator with grouping by
 * mobility, as it is described in the literature. Slow, for one thread.
 *
 * Free blocks of 2^order pages are in lists by order and mobility. A request
 * takes the smallest block of its mobility that will do and splits it; a block
 * that is freed joins its buddy as often as that is free, and goes to the list
 * of its pageblock's mobility. A request whose lists are empty takes the
 * largest block of the other mobility: the pageblock's free pages go along, if
 * the block is large or the request unmovable, and the pageblock changes its
 * mobility, if these are at least half of it.
 *
 * It has no zones, no nodes, no lists of processors, no reclaim, no compaction.
 */
#ifndef MHP_TESTS_BUDDY_H
#define MHP_TESTS_BUDDY_H

#include <stdbool.h>
#include <stdint.h>

#define BUDDY_NONE UINT32_MAX
#define BUDDY_PAGEBLOCK_ORDER 9
#define BUDDY_MAX_ORDER 10

struct buddy;

/** buddy_create() - of so many pages, all of them taken; NULL: no memory */
struct buddy *buddy_create(uint32_t nr_pages);
void buddy_destroy(struct buddy *b);

/** buddy_alloc() - a run of pages, or BUDDY_NONE */
uint32_t buddy_alloc(struct buddy *b, unsigned int order, bool movable);

/** buddy_free() - what was allocated, or is given for the first time */
void buddy_free(struct buddy *b, uint32_t page, unsigned int order);

/** buddy_nr_free() - free pages */
uint64_t buddy_nr_free(const struct buddy *b);

/** buddy_nr_runs() - how many runs of an order could be had now */
uint64_t buddy_nr_runs(const struct buddy *b, unsigned int order);

#endif
