/* SPDX-License-Identifier: MIT */
/*
 * What the tests share: small machines of many geometries, snapshots of an
 * instance, and an owner of movable pages that behaves as it is told.
 *
 * A machine is 24 memory blocks: boot memory from block 0 on, nothing from
 * FIRST_BLOCK on, where the tests plug. A gigantic page is two blocks. A test
 * that takes a machine is run once for each geometry, as a test of its own
 * whose name says which.
 *
 * What it does not do: machines with holes and several boot nodes in one block;
 * tests that need those configure a model themselves.
 */
#ifndef MHP_TESTS_SUPPORT_H
#define MHP_TESTS_SUPPORT_H

/* cmocka wants these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdbool.h>

#include "model.h"

/** Blocks of a machine, of its boot memory, and the first that is not there. */
#define NR_BLOCKS 24
#define NR_BOOT_BLOCKS 4
#define FIRST_BLOCK 8

/**
 * struct machine_case - a machine to run a test on
 */
struct machine_case {
	const char *name;
	struct mhp_geometry geometry;
	uint32_t flags; /* MHP_MODEL_* */
	bool zones;	/* the first boot blocks are DMA and DMA32 */
};

extern const struct machine_case machine_cases[];
extern const unsigned int nr_machine_cases;

/** machine_case_default() - what MHP_TEST_GEOMETRY names; unset: the first */
const struct machine_case *machine_case_default(void);

/**
 * struct machine - a machine that a test runs on
 */
struct machine {
	const struct machine_case *c;
	struct mhp_model *model;
	struct mhp *m;
	const struct mhp_geometry *g;
};

/**
 * machine_config() - the configuration of a case's standard machine
 *
 * @boot: receives its boot ranges
 */
struct mhp_model_config machine_config(const struct machine_case *c,
				       struct mhp_boot_range boot[2]);

/** machine_start() - the standard machine, with @flags beside the case's own */
void machine_start(struct machine *mc, const struct machine_case *c,
		   uint32_t flags);

/** machine_start_config() - a machine of the test's own */
void machine_start_config(struct machine *mc, const struct machine_case *c,
			  const struct mhp_model_config *config);

/** machine_end() - check it, end it; the model looks for what is left. A host
 * of 32 bits has room for one machine at a time. */
void machine_end(struct machine *mc);

/** machine_again() - end it and start the same machine with @flags */
void machine_again(struct machine *mc, uint32_t flags);

/** struct machine_test - a test that takes a struct machine */
struct machine_test {
	const char *name;
	void (*run)(struct machine *mc);
};

/**
 * machine_run() - run tests, each on every case, or on the default one alone
 *
 * @all: every case; but only that of MHP_TEST_GEOMETRY, if it is set
 *
 * Return: number of failed tests, for main().
 */
int machine_run(const char *group, const struct machine_test *tests,
		unsigned int nr_tests, bool all);

/** machine_run_on() - run tests on the case that they are about */
int machine_run_on(const char *group, const struct machine_test *tests,
		   unsigned int nr_tests, const char *case_name);

/** machine_run_cases() - run tests, each on every one of @cases */
int machine_run_cases(const char *group, const struct machine_test *tests,
		      unsigned int nr_tests, const struct machine_case *cases,
		      unsigned int nr_cases);

/** block_range() - @nr memory blocks from @block_id on */
struct mhp_range block_range(const struct machine *mc, uint64_t block_id,
			     uint64_t nr);

/** block_start() - first pfn of a block */
mhp_pfn_t block_start(const struct machine *mc, uint64_t block_id);

/* Short forms of the calls that tests make all the time. */
int add_blocks(struct machine *mc, uint64_t block_id, uint64_t nr,
	       enum mhp_placement placement);
int online_blocks(struct machine *mc, uint64_t block_id, uint64_t nr,
		  enum mhp_online_type type);
void plug(struct machine *mc, uint64_t block_id, uint64_t nr,
	  enum mhp_placement placement, enum mhp_online_type type);
struct mhp_block_info block_info(struct machine *mc, uint64_t block_id);
struct mhp_page_info page_info(struct machine *mc, mhp_pfn_t pfn);
/** border_at() - whether memory that was added begins at a page, or boot memory
 * ends: no allocation reaches over that */
bool border_at(struct machine *mc, mhp_pfn_t pfn);
struct mhp_zone_info zone_info(struct machine *mc, unsigned int node,
			       enum mhp_zone_type zone);

/** verify_tally() - the tally of a range is what its pages say, one by one */
void verify_tally(struct machine *mc, struct mhp_range range);

struct mhp_stat stat_now(struct machine *mc);

/** set_reserves() - mhp_policy.reserve_ratio of every kernel zone; 0: none is
 * kept, and what may use all zones gets all memory */
void set_reserves(struct machine *mc, uint32_t ratio);

/** alloc_unmovable() - a page or run that nobody can move; must succeed */
mhp_pfn_t alloc_unmovable(struct machine *mc, unsigned int order);

/** alloc_in_block() - serve @request from block @block_id; the pages that come
 * first are given back. @request says what is movable. Must succeed. */
mhp_pfn_t alloc_in_block(struct machine *mc, const struct mhp_request *request,
			 uint64_t block_id);

/** An owner whose pages are movable, though never now. */
extern const struct mhp_owner_ops busy_owner_ops;

/** check_ok() - mhp_check() says that all is well, or the test fails */
void check_ok(struct machine *mc);

/** What a snapshot leaves out. */
#define SNAP_NO_PAGES (1u << 0) /* which page is what: pages may have moved */
#define SNAP_NO_COSTS (1u << 1) /* memory that the records take */

/**
 * snapshot() - an instance as text, through the public interface alone
 *
 * Blocks, runs of alike pages, zones, statistics that do not only grow, and
 * what the model has given. To be freed by the caller.
 */
char *snapshot(struct machine *mc, unsigned int leave_out);

/** assert_same() - two snapshots agree; prints the first lines that do not */
void assert_same(const char *before, const char *after);

/** unchanged() - the instance is as in @before, which is freed, and sound */
void unchanged(struct machine *mc, char *before, unsigned int leave_out);

/** A pseudo-random generator: xorshift64*, so that a seed says all. */
struct dice {
	uint64_t state;
};

/** dice_start() - from MHP_TEST_SEED, or @seed; printed */
void dice_start(struct dice *dice, uint64_t seed);

/** dice_below() - a number from 0 to @n - 1; @n is not 0 */
uint64_t dice_below(struct dice *dice, uint64_t n);

/** env_number() - a number from the environment, or @other */
uint64_t env_number(const char *name, uint64_t other);

/** What an owner answers when it shall move an item. */
enum answer {
	ANSWER_MOVED = 0,
	ANSWER_REFUSED,
	ANSWER_REFUSED_ONCE, /* then it moves */
	ANSWER_AGAIN,
	ANSWER_LATER,  /* keeps the target; see shelf_complete() */
	ANSWER_BROKEN, /* some other error */
};

#define NR_ITEMS 2048

/** struct item - an allocation on a shelf; its index is its cookie */
struct item {
	bool live;
	uint8_t order;	   /* the smallest that holds it */
	uint64_t nr_pages; /* of it */
	enum answer answer;
	uint32_t pins;
	mhp_pfn_t pfn;
	mhp_pfn_t to_pfn; /* target of a move in flight, or MHP_PFN_NONE */
	uint32_t nr_asked;
};

/**
 * struct shelf - an owner of movable pages, and what it owns
 *
 * The first eight bytes of each page hold the item's number, and move with it.
 */
struct shelf {
	struct machine *mc;
	uint16_t owner;
	uint64_t nr_moved;
	uint64_t nr_lost;  /* items it was told are lost */
	mhp_pfn_t bad_pfn; /* the page that was bad, of the last */
	/* How often it was asked to move many, and how many at most. */
	unsigned int nr_many;
	unsigned int most_together;
	/* Called at the start of each move, if set. */
	void (*at_move)(struct shelf *shelf, const struct mhp_move *move);
	/* Likewise when it is asked for pins. */
	void (*at_pins)(struct shelf *shelf, mhp_pfn_t pfn);
	void *at_move_arg;
	struct item items[NR_ITEMS];
};

/** The name under which a shelf registers. */
#define SHELF_NAME "shelf"

/** shelf_open() - register an owner; shelf_close() frees all and unregisters */
struct shelf *shelf_open(struct machine *mc);
/** shelf_open_many() - the same of an owner that can move many at once */
struct shelf *shelf_open_many(struct machine *mc);
void shelf_close(struct shelf *shelf);

/**
 * shelf_alloc() - allocate an item as @request says, movable
 *
 * @request: owner, mobility and cookie are filled in; NULL: one page
 *
 * Return: the item, or NULL without memory.
 */
struct item *shelf_alloc(struct shelf *shelf,
			 const struct mhp_request *request);

/** shelf_alloc_run() - the same for a run of whole pageblocks */
struct item *shelf_alloc_run(struct shelf *shelf,
			     const struct mhp_request *request,
			     uint64_t nr_pages);

/** shelf_fill() - @nr items of @order in block @block_id */
void shelf_fill(struct shelf *shelf, uint64_t block_id, unsigned int order,
		unsigned int nr);

/** shelf_free() - free an item, after a look at its content */
void shelf_free(struct shelf *shelf, struct item *item);

/** shelf_complete() - end the item's move in flight */
int shelf_complete(struct shelf *shelf, struct item *item, bool moved);

/** shelf_verify() - every item is where it believes, with its content */
void shelf_verify(struct shelf *shelf);

/** shelf_in_block() - items that are in a block */
unsigned int shelf_in_block(struct shelf *shelf, uint64_t block_id);

#endif
