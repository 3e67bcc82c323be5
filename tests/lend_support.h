/* SPDX-License-Identifier: MIT */
/*
 * Machines whose memmaps can lend, and what tests of lending share.
 *
 * A pageblock's descriptors are two or eight pages, a state stands behind the
 * memmap or hides in it, and in one case memmap fills a whole pageblock.
 */
#ifndef MHP_TESTS_LEND_SUPPORT_H
#define MHP_TESTS_LEND_SUPPORT_H

#include "mhp/lend.h"
#include "support.h"

extern const struct machine_case lend_cases[];
extern const unsigned int nr_lend_cases;

/** lend_run() - run tests on each of those machines */
int lend_run(const char *group, const struct machine_test *tests,
	     unsigned int nr_tests);

/** desc_pages() - pages that the descriptors of a pageblock fill */
uint64_t desc_pages(const struct machine *mc);

/** lend_could() - how many pages an allocation of whole pageblocks can lend, by
 * the rules alone: all but the first page of descriptors of each pageblock;
 * where the state hides among descriptors, not those that it hides in */
uint64_t lend_could(struct machine *mc, mhp_pfn_t pfn, uint64_t nr_pages);

/** lend() - lend all that an allocation can; must succeed. Return: pages. */
uint64_t lend(struct machine *mc, mhp_pfn_t pfn, uint64_t nr_pages);

/** lent_page() - page @i of those that a pageblock of @pfn could lend, from the
 * last one on */
mhp_pfn_t lent_page(struct machine *mc, mhp_pfn_t pfn, uint64_t i);

/** item_on() - an item of one page, at that page; others go back */
struct item *item_on(struct shelf *shelf, mhp_pfn_t pfn);

/** last_whole() - the last pageblock of a block: no state hides in it */
mhp_pfn_t last_whole(struct machine *mc, uint64_t block_id);

/** alloc_whole() - all of it, unmovable; whole_on() - as a movable item */
mhp_pfn_t alloc_whole(struct machine *mc, uint64_t block_id);
struct item *whole_on(struct shelf *shelf, uint64_t block_id);

#endif
