/* SPDX-License-Identifier: MIT */
/*
 * A range with one memmap at its start, and what a test knows of it: which of
 * its blocks are there, which are online, and so which of its pages hold memmap
 * or state. The engine is asked for one number alone, the pages that a block's
 * memmap and state take.
 *
 * The cases beside the standard ones have hosts that are all memmap, pieces
 * that lie across the border of two hosts, and several pieces in a pageblock.
 */
#ifndef MHP_TESTS_RANGE_SUPPORT_H
#define MHP_TESTS_RANGE_SUPPORT_H

#include "support.h"

/** Blocks of the range that the tests add. */
#define NR_RANGE 12

extern const struct machine_case range_cases[];
extern const unsigned int nr_range_cases;

/** struct range - a range at FIRST_BLOCK */
struct range {
	struct machine *mc;
	uint64_t nr_blocks;
	uint64_t nr_piece; /* pages that serve each block */
	uint64_t block_pages;
	uint64_t boot_managed; /* pages */
	bool known[NR_BLOCKS];
	bool online[NR_BLOCKS];
};

/** range_run() - run tests on the standard cases and on those above */
int range_run(const char *group, const struct machine_test *tests,
	      unsigned int nr_tests);

/** range_can() - whether a machine's memory can behave as @flags say: a host
 * protects its own pages, no smaller ones, and does not fill large blocks for
 * nothing */
bool range_can(const struct machine *mc, uint32_t flags);

/** range_add() - add @nr blocks with one memmap */
void range_add(struct range *r, struct machine *mc, uint64_t nr,
	       uint32_t flags);

/** range_plug() - the same, and put them online as @type */
void range_plug(struct range *r, struct machine *mc, uint64_t nr,
		enum mhp_online_type type);

/** range_id() - number of block @i */
uint64_t range_id(const struct range *r, uint64_t i);

/** range_piece() - pages that serve block @i */
struct mhp_range range_piece(const struct range *r, uint64_t i);

/** range_first_host() - the first and the last block that hold the piece of
 * @i */
uint64_t range_first_host(const struct range *r, uint64_t i);
uint64_t range_last_host(const struct range *r, uint64_t i);

/** range_depends() - whether @i depends on @host, another block */
bool range_depends(const struct range *r, uint64_t i, uint64_t host);

/** range_serves() - whether a page holds memmap or state of a known block */
bool range_serves(const struct range *r, mhp_pfn_t pfn);

/** range_nr_memmap() - how many pages of block @i do */
uint64_t range_nr_memmap(const struct range *r, uint64_t i);

/** range_online() - put block @i online, or be refused, as the rules say */
void range_online(struct range *r, uint64_t i, enum mhp_online_type type);

/** range_offline() - likewise offline; range_remove() - likewise away */
void range_offline(struct range *r, uint64_t i);
void range_remove(struct range *r, uint64_t i);

/** range_remove_all() - all offline and away, the last block first */
void range_remove_all(struct range *r);

/** range_verify() - pages, blocks, zones and sums are as the rules say */
void range_verify(struct range *r);

#endif
