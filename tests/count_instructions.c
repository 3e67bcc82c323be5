/* SPDX-License-Identifier: MIT */
/*
 * Operations to count the instructions of; see test_count_instructions.py.
 *
 * Each is a loop in a function of its own, count_*(), and nothing else is: a
 * tool that counts what happens in those functions, and what they call, knows
 * what an operation takes. The loop and the array of pfns are included. What is
 * printed is a line for each: its name, its function, how many operations.
 *
 * The engine it is linked with is compiled with the same options in every
 * build.
 *
 * What it does not do: count, or measure a time.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "model.h"
#include "src/block.h"
#include "src/isolate.h"

#define GIB (UINT64_C(1) << 30)
#define BOOT_BYTES (GIB / 4)
#define DIMM_START (16 * GIB)
#define DIMM_BYTES (4 * GIB)
#define BULK 64
#define NR_STAY 1000
/* Of a block or more: one of its pageblocks holds memmap, too. */
#define NR_SMALL (UINT64_C(1) << 15)
#define NR_ORDER1 (UINT64_C(1) << 14)
#define NR_ORDER3 (UINT64_C(1) << 12)
#define NR_ORDER8 512
#define NR_WHOLE 1024
#define NR_EXCHANGES 1024
#define NR_LEFT 64
#define WHOLE_ORDER 9

struct bed {
	struct mhp_model *model;
	struct mhp *m;
	struct mhp_range dimm;	/* online */
	struct mhp_range plug;	/* a block behind it: comes and goes */
	uint64_t nr_pages;	/* of it that can be allocated */
	mhp_pfn_t *pfns;	/* room for them */
	struct mhp_block *blk;	/* of the pageblock to isolate */
	struct mhp_range whole; /* that pageblock */
	int err;		/* the first */
};

static void note(struct bed *bed, int err)
{
	if (!bed->err)
		bed->err = err;
}

/* -- What is counted. -- */

#define COUNTED __attribute__((noinline, noclone, noipa)) static void
#define LOOP __attribute__((always_inline)) static inline void

LOOP alloc_loop(struct bed *bed, uint64_t nr, unsigned int order)
{
	struct mhp_request request = {
		.size_bytes = sizeof(request),
		.order = (uint8_t)order,
	};
	uint64_t i;

	for (i = 0; i < nr; i++)
		bed->err |= mhp_frame_alloc(bed->m, &request, &bed->pfns[i]);
}

LOOP free_loop(struct bed *bed, uint64_t nr, unsigned int order)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		bed->err |= mhp_frame_free(bed->m, bed->pfns[i], order);
}

LOOP pair_loop(struct bed *bed, uint64_t nr, unsigned int order)
{
	struct mhp_request request = {
		.size_bytes = sizeof(request),
		.order = (uint8_t)order,
	};
	mhp_pfn_t pfn = MHP_PFN_NONE;
	uint64_t i;

	for (i = 0; i < nr; i++) {
		bed->err |= mhp_frame_alloc(bed->m, &request, &pfn);
		bed->err |= mhp_frame_free(bed->m, pfn, order);
	}
}

/* An allocation, a free, both in turn. */
#define COUNTED_ORDER(name, nr, order)              \
	COUNTED count_alloc_##name(struct bed *bed) \
	{                                           \
		alloc_loop(bed, nr, order);         \
	}                                           \
	COUNTED count_free_##name(struct bed *bed)  \
	{                                           \
		free_loop(bed, nr, order);          \
	}                                           \
	COUNTED count_pair_##name(struct bed *bed)  \
	{                                           \
		pair_loop(bed, nr, order);          \
	}

COUNTED_ORDER(4k, NR_SMALL, 0)
COUNTED_ORDER(order1, NR_ORDER1, 1)
COUNTED_ORDER(order3, NR_ORDER3, 3)
COUNTED_ORDER(order6, NR_ORDER8, 6)
COUNTED_ORDER(order8, NR_ORDER8, 8)
COUNTED_ORDER(2m, NR_WHOLE, WHOLE_ORDER)

COUNTED count_alloc_bulk(struct bed *bed)
{
	struct mhp_request request = {.size_bytes = sizeof(request)};
	uint64_t i;

	for (i = 0; i < NR_SMALL; i += BULK)
		if (mhp_frame_alloc_bulk(bed->m, &request, BULK,
					 bed->pfns + i) != BULK)
			bed->err = MHP_ERR_NOMEM;
}

COUNTED count_free_bulk(struct bed *bed)
{
	uint64_t i;

	for (i = 0; i < NR_SMALL; i += BULK)
		bed->err |= mhp_frame_free_bulk(bed->m, 0, BULK, bed->pfns + i);
}

COUNTED count_isolate(struct bed *bed)
{
	mhp_pfn_t pfn;
	unsigned int i;

	for (i = 0; i < NR_WHOLE; i++) {
		bed->err |= isolate_range(bed->m, bed->blk, bed->whole, &pfn);
		isolate_undo(bed->m, bed->blk, bed->whole);
	}
}

/* All is in use but a random hundredth. */
COUNTED count_alloc_full(struct bed *bed)
{
	alloc_loop(bed, NR_ORDER3, 0);
}

/* All is in use but 64 pages that are scattered. */
COUNTED count_exchange(struct bed *bed)
{
	struct mhp_request request = {.size_bytes = sizeof(request)};
	mhp_pfn_t *pfns = bed->pfns + NR_LEFT;
	uint64_t i;

	for (i = 0; i < NR_EXCHANGES; i++) {
		bed->err |= mhp_frame_free(bed->m, pfns[i], 0);
		bed->err |= mhp_frame_alloc(bed->m, &request, &pfns[i]);
	}
}

COUNTED count_add_block(struct bed *bed)
{
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.range = bed->plug,
		.placement = MHP_PLACEMENT_BLOCK,
	};

	note(bed, mhp_add(bed->m, &request, NULL));
}

COUNTED count_online_block(struct bed *bed)
{
	uint64_t id = mhp_block_id(mhp_geometry(bed->m), bed->plug.start_pfn);

	note(bed, mhp_block_online(bed->m, id, MHP_ONLINE_KERNEL, NULL));
}

COUNTED count_offline_block(struct bed *bed)
{
	uint64_t id = mhp_block_id(mhp_geometry(bed->m), bed->plug.start_pfn);

	note(bed, mhp_block_offline(bed->m, id, MHP_NO_DEADLINE, NULL));
}

COUNTED count_remove_block(struct bed *bed)
{
	note(bed, mhp_remove(bed->m, bed->plug, NULL));
}

/* -- In which states. -- */

static void say(const char *name, const char *function, uint64_t nr)
{
	printf("%s %s %" PRIu64 "\n", name, function, nr);
}

#define RUN(bed, name, function, nr)        \
	do {                                \
		function(bed);              \
		say(name, #function, (nr)); \
	} while (0)

static void run_orders(struct bed *bed)
{
	RUN(bed, "4k-alloc", count_alloc_4k, NR_SMALL);
	RUN(bed, "4k-free", count_free_4k, NR_SMALL);
	RUN(bed, "4k-alloc-bulk", count_alloc_bulk, NR_SMALL);
	RUN(bed, "4k-free-bulk", count_free_bulk, NR_SMALL);
	RUN(bed, "order1-alloc", count_alloc_order1, NR_ORDER1);
	RUN(bed, "order1-free", count_free_order1, NR_ORDER1);
	RUN(bed, "order3-alloc", count_alloc_order3, NR_ORDER3);
	RUN(bed, "order3-free", count_free_order3, NR_ORDER3);
	RUN(bed, "order6-alloc", count_alloc_order6, NR_ORDER8);
	RUN(bed, "order6-free", count_free_order6, NR_ORDER8);
	RUN(bed, "order8-alloc", count_alloc_order8, NR_ORDER8);
	RUN(bed, "order8-free", count_free_order8, NR_ORDER8);
	RUN(bed, "2m-alloc", count_alloc_2m, NR_WHOLE);
	RUN(bed, "2m-free", count_free_2m, NR_WHOLE);
}

/* Beside pages that stay. */
static void run_pairs(struct bed *bed)
{
	alloc_loop(bed, NR_STAY, 0);
	RUN(bed, "4k-pair", count_pair_4k, NR_SMALL);
	RUN(bed, "order1-pair", count_pair_order1, NR_ORDER1);
	RUN(bed, "order3-pair", count_pair_order3, NR_ORDER3);
	RUN(bed, "order6-pair", count_pair_order6, NR_ORDER8);
	RUN(bed, "order8-pair", count_pair_order8, NR_ORDER8);
	RUN(bed, "2m-pair", count_pair_2m, NR_WHOLE);
	free_loop(bed, NR_STAY, 0);
}

static void run_isolate(struct bed *bed)
{
	mhp_pfn_t end = mhp_range_end_pfn(bed->dimm);
	uint64_t id = mhp_block_id(mhp_geometry(bed->m), end - 1);

	note(bed, mhp_lock(bed->m));
	bed->blk = block_find(bed->m, id);
	bed->whole = mhp_range_make(end - (1 << WHOLE_ORDER), 1 << WHOLE_ORDER);
	RUN(bed, "isolate", count_isolate, NR_WHOLE);
	mhp_unlock(bed->m);
}

static void shuffle(struct bed *bed)
{
	uint64_t i, x = 1;

	for (i = bed->nr_pages; i > 1; i--) {
		mhp_pfn_t pfn = bed->pfns[i - 1];

		x = x * UINT64_C(6364136223846793005) + 1;
		bed->pfns[i - 1] = bed->pfns[(x >> 32) % i];
		bed->pfns[(x >> 32) % i] = pfn;
	}
}

/* All of it, in bulk; what does not fill a batch goes one by one. */
static void alloc_all(struct bed *bed)
{
	struct mhp_request request = {.size_bytes = sizeof(request)};
	uint64_t i;

	for (i = 0; i + BULK <= bed->nr_pages; i += BULK)
		if (mhp_frame_alloc_bulk(bed->m, &request, BULK,
					 bed->pfns + i) != BULK)
			bed->err = MHP_ERR_NOMEM;
	for (; i < bed->nr_pages; i++)
		note(bed, mhp_frame_alloc(bed->m, &request, &bed->pfns[i]));
}

static void run_full(struct bed *bed)
{
	uint64_t i, hundredth = bed->nr_pages / 100;
	struct mhp_request request = {.size_bytes = sizeof(request)};

	alloc_all(bed);
	shuffle(bed);
	free_loop(bed, hundredth, 0);
	RUN(bed, "4k-alloc-99-percent-full", count_alloc_full, NR_ORDER3);
	for (i = NR_ORDER3; i < hundredth; i++)
		note(bed, mhp_frame_alloc(bed->m, &request, &bed->pfns[i]));
	shuffle(bed);
	free_loop(bed, NR_LEFT, 0);
	RUN(bed, "all-but-64", count_exchange, NR_EXCHANGES);
	for (i = NR_LEFT; i < bed->nr_pages; i++)
		note(bed, mhp_frame_free(bed->m, bed->pfns[i], 0));
}

static void run_block(struct bed *bed)
{
	RUN(bed, "add-block", count_add_block, 1);
	RUN(bed, "online-block", count_online_block, 1);
	RUN(bed, "offline-block", count_offline_block, 1);
	RUN(bed, "remove-block", count_remove_block, 1);
}

static void start(struct bed *bed)
{
	struct mhp_model_config config = {.nr_boot = 1};
	struct mhp_boot_range boot = {.node = 0};
	struct mhp_geometry *g = &config.geometry;
	uint64_t block_pages;

	note(bed, mhp_geometry_named("x86_64", g));
	block_pages = mhp_block_pages(g);
	boot.range = mhp_range_make(0, mhp_pages_from_bytes(g, BOOT_BYTES));
	bed->dimm = mhp_range_make(mhp_pages_from_bytes(g, DIMM_START),
				   mhp_pages_from_bytes(g, DIMM_BYTES));
	bed->plug = mhp_range_make(mhp_range_end_pfn(bed->dimm), block_pages);
	config.boot = &boot;
	config.max_pfn = mhp_range_end_pfn(bed->plug);
	config.dma32_end_pfn = bed->dimm.start_pfn;
	note(bed, mhp_model_create(&config, &bed->model, NULL));
	if (!bed->err)
		bed->m = mhp_model_mhp(bed->model);
}

static void plug(struct bed *bed)
{
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.range = bed->dimm,
		.placement = MHP_PLACEMENT_BLOCK,
	};
	const struct mhp_geometry *g = mhp_geometry(bed->m);
	uint64_t id = mhp_block_id(g, bed->dimm.start_pfn);
	uint64_t end = mhp_block_id(g, mhp_range_end_pfn(bed->dimm));
	struct mhp_zone_info info = {.nr_free = 0};

	note(bed, mhp_add(bed->m, &request, NULL));
	for (; !bed->err && id < end; id++)
		note(bed,
		     mhp_block_online(bed->m, id, MHP_ONLINE_KERNEL, NULL));
	note(bed, mhp_zone_query(bed->m, 0, MHP_ZONE_NORMAL, &info));
	bed->nr_pages = info.nr_free;
	bed->pfns = calloc(bed->nr_pages, sizeof(*bed->pfns));
	if (!bed->pfns)
		note(bed, MHP_ERR_NOMEM);
}

int main(void)
{
	struct bed bed = {.err = 0};

	printf("compiler %s\n", __VERSION__);
	start(&bed);
	if (!bed.err)
		plug(&bed);
	if (!bed.err) {
		/* Nothing is used for the first time while it counts. */
		alloc_all(&bed);
		free_loop(&bed, bed.nr_pages, 0);
		run_orders(&bed);
		run_pairs(&bed);
		run_isolate(&bed);
		run_full(&bed);
		run_block(&bed);
	}
	if (bed.err)
		fprintf(stderr, "count_instructions: %s\n",
			mhp_strerror(bed.err));
	free(bed.pfns);
	if (bed.model)
		mhp_model_destroy(bed.model);
	return bed.err ? 1 : 0;
}
