/* SPDX-License-Identifier: MIT */
/*
 * What allocating and freeing pages costs, in locked instructions.
 *
 * Memory is a DIMM on port/model, all descriptors of which have been touched.
 * One thread allocates half of it, page after page, and frees it again: in the
 * same order or in a random one. It is done in pieces, with a look at the floor
 * before each; the median of the pieces is what counts. A pair is done beside
 * pages that stay, as in a system that has been running.
 *
 * Rows are measured in groups that share what it takes to set them up; a group
 * of which no row is wanted is left out. The rows of one thread in memory that
 * has room are here; alloc_full.c, alloc_threads.c and isolate.c have others.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "commands.h"

#define ROW(row_name, nr)                                         \
	{                                                         \
		.name = (row_name), .unit = "ns", .threads = (nr) \
	}

static const struct bench_case row_names[NR_ALLOC_ROWS] = {
	[ROW_4K_ALLOC] = ROW("4k-alloc", 1),
	[ROW_4K_FREE] = ROW("4k-free", 1),
	[ROW_4K_FREE_RANDOM] = ROW("4k-free-random", 1),
	[ROW_4K_ALLOC_BULK] = ROW("4k-alloc-bulk", 1),
	[ROW_4K_FREE_BULK] = ROW("4k-free-bulk", 1),
	[ROW_4K_ALLOC_BULK8] = ROW("4k-alloc-bulk8", 1),
	[ROW_4K_FREE_BULK8] = ROW("4k-free-bulk8", 1),
	[ROW_4K_PAIR] = ROW("4k-pair", 1),
	[ROW_4K_PAIR_EMPTY_ROW] = ROW("4k-pair-empty-row", 1),
	[ROW_ORDER3_PAIR] = ROW("order3-pair", 1),
	[ROW_2M_PAIR] = ROW("2m-pair", 1),
	[ROW_ORDER1_ALLOC] = ROW("order1-alloc", 1),
	ROW("order1-free", 1),
	ROW("order2-alloc", 1),
	ROW("order2-free", 1),
	ROW("order3-alloc", 1),
	ROW("order3-free", 1),
	ROW("order4-alloc", 1),
	ROW("order4-free", 1),
	ROW("order5-alloc", 1),
	ROW("order5-free", 1),
	ROW("order6-alloc", 1),
	ROW("order6-free", 1),
	ROW("order7-alloc", 1),
	ROW("order7-free", 1),
	ROW("order8-alloc", 1),
	ROW("order8-free", 1),
	[ROW_2M_ALLOC] = ROW("2m-alloc", 1),
	[ROW_2M_FREE] = ROW("2m-free", 1),
	[ROW_ISOLATE_FREE] = ROW("isolate-free", 1),
	[ROW_ISOLATE_HALF_USED] = ROW("isolate-half-used", 1),
	[ROW_FULL] = ROW("4k-alloc-99-percent-full", 1),
	[ROW_FULL_STEADY_ALLOC] = ROW("4k-alloc-99-percent-steady", 1),
	[ROW_FULL_STEADY_FREE] = ROW("4k-free-99-percent-steady", 1),
	[ROW_ALL_BUT_64] = ROW("all-but-64", 1),
	[ROW_FULL_PIECE] = ROW("4k-alloc-99-percent-piece", 1),
	[ROW_4K_FREE_REMOTE] = ROW("4k-free-remote", 1),
	[ROW_TWO_ALLOC] = ROW("4k-alloc", 2),
	[ROW_TWO_FREE] = ROW("4k-free", 2),
	[ROW_TWO_ORDER3_ALLOC] = ROW("order3-alloc", 2),
	[ROW_TWO_ORDER3_FREE] = ROW("order3-free", 2),
	[ROW_TWO_PAIR] = ROW("4k-pair", 2),
	[ROW_TWO_2M_PAIR] = ROW("2m-pair", 2),
	[ROW_TWO_FREE_SHUFFLED] = ROW("4k-free-shuffled", 2),
	[ROW_TWO_RING] = ROW("producer-consumer", 2),
	[ROW_ALL_BUT_64_1T] = ROW("all-but-64-1t", 1),
};

/* How to measure an allocation and the free after it. */
struct plan {
	int alloc_row, free_row; /* negative: not shown */
	alloc_many_fn alloc, free;
	unsigned int order;
	bool shuffled; /* free in a random order */
};

/* Half of the memory, allocated and freed as often as it takes. */
static int measure(struct alloc_run *run, const struct plan *plan)
{
	const struct alloc_bed *bed = &run->bed;
	uint64_t nr = (bed->nr_pages >> plan->order) / 2;
	uint64_t i, rounds = ALLOC_MIN_OPS / nr + 1;
	struct alloc_cost alloc = {0}, freeing = {0};
	int err = 0;

	for (i = 0; !err && i < rounds; i++) {
		err = alloc_timed(bed, plan->alloc, bed->pfns, nr, plan->order,
				  &alloc);
		if (plan->shuffled)
			bench_shuffle(bed->pfns, nr, i);
		if (!err)
			err = alloc_timed(bed, plan->free, bed->pfns, nr,
					  plan->order, &freeing);
	}
	if (plan->alloc_row >= 0)
		alloc_sample(&run->rows[plan->alloc_row], &alloc);
	if (plan->free_row >= 0)
		alloc_sample(&run->rows[plan->free_row], &freeing);
	return err;
}

static int measure_4k(struct alloc_run *run)
{
	static const struct plan in_order = {
		ROW_4K_ALLOC, ROW_4K_FREE, alloc_many, free_many, 0, false,
	};
	static const struct plan random = {
		-1, ROW_4K_FREE_RANDOM, alloc_many, free_many, 0, true,
	};
	int err = measure(run, &in_order);

	return err ? err : measure(run, &random);
}

static int measure_bulk(struct alloc_run *run)
{
	static const struct plan of_64 = {
		ROW_4K_ALLOC_BULK,
		ROW_4K_FREE_BULK,
		alloc_bulk64,
		free_bulk64,
		0,
		false,
	};
	static const struct plan of_8 = {
		ROW_4K_ALLOC_BULK8,
		ROW_4K_FREE_BULK8,
		alloc_bulk8,
		free_bulk8,
		0,
		false,
	};
	int err = measure(run, &of_64);

	return err ? err : measure(run, &of_8);
}

/* Pages that stay, up to the end of a row of 64 if @whole_rows. Never as many
 * as would end a pageblock. */
static int hold_pages(const struct alloc_bed *bed, bool whole_rows,
		      uint64_t *nr)
{
	mhp_pfn_t *pfns = bed->pfns;
	int err = alloc_many(bed, pfns, ALLOC_STAY, 0);

	*nr = ALLOC_STAY;
	while (!err && whole_rows &&
	       ((pfns[*nr - 1] + 1) % 64 || (pfns[*nr - 1] + 1) % 512 == 0))
		err = alloc_many(bed, &pfns[(*nr)++], 1, 0);
	return err;
}

static int measure_pair(struct alloc_run *run, int row, unsigned int order,
			bool empty_row)
{
	const struct alloc_bed *bed = &run->bed;
	struct alloc_cost cost = {0};
	uint64_t i, nr_stay;
	int err = hold_pages(bed, empty_row, &nr_stay);

	if (err)
		return err;
	for (i = 0; !err && i < ALLOC_MIN_OPS / ALLOC_PIECE; i++)
		err = alloc_timed(bed, pair_many, bed->pfns + nr_stay,
				  ALLOC_PIECE, order, &cost);
	alloc_sample(&run->rows[row], &cost);
	return err ? err : free_many(bed, bed->pfns, nr_stay, 0);
}

static unsigned int whole_order(const struct alloc_run *run)
{
	return mhp_pageblock_order(mhp_geometry(run->bed.m));
}

static int measure_pairs(struct alloc_run *run)
{
	int err = measure_pair(run, ROW_4K_PAIR, 0, false);

	if (!err)
		err = measure_pair(run, ROW_4K_PAIR_EMPTY_ROW, 0, true);
	if (!err)
		err = measure_pair(run, ROW_ORDER3_PAIR, 3, false);
	return err ? err
		   : measure_pair(run, ROW_2M_PAIR, whole_order(run), false);
}

/* Orders 1 to 8, and 9, which is a whole pageblock. */
static int measure_orders(struct alloc_run *run)
{
	struct plan plan = {.alloc = alloc_many, .free = free_many};
	int err = 0;

	for (plan.order = 1; !err && plan.order <= 9; plan.order++) {
		plan.alloc_row = ROW_ORDER1_ALLOC + 2 * (int)(plan.order - 1);
		plan.free_row = plan.alloc_row + 1;
		if (bench_wants(run->b, row_names[plan.alloc_row].name) ||
		    bench_wants(run->b, row_names[plan.free_row].name))
			err = measure(run, &plan);
	}
	return err;
}

/* Rows that one function measures. */
struct group {
	int first, last;
	int (*measure)(struct alloc_run *run);
};

static const struct group groups[] = {
	{ROW_4K_ALLOC, ROW_4K_FREE_RANDOM, measure_4k},
	{ROW_4K_ALLOC_BULK, ROW_4K_FREE_BULK8, measure_bulk},
	{ROW_4K_PAIR, ROW_2M_PAIR, measure_pairs},
	{ROW_ORDER1_ALLOC, ROW_2M_FREE, measure_orders},
	{ROW_ISOLATE_FREE, ROW_ISOLATE_HALF_USED, alloc_isolate},
	{ROW_FULL, ROW_ALL_BUT_64, alloc_full},
	{ROW_FULL_PIECE, ROW_FULL_PIECE, alloc_full_piece},
	{ROW_4K_FREE_REMOTE, ROW_4K_FREE_REMOTE, alloc_remote},
	{ROW_TWO_ALLOC, ROW_TWO_ORDER3_FREE, alloc_two_orders},
	{ROW_TWO_PAIR, ROW_TWO_2M_PAIR, alloc_two_pairs},
	{ROW_TWO_FREE_SHUFFLED, ROW_TWO_FREE_SHUFFLED, alloc_two_shuffled},
	{ROW_TWO_RING, ROW_TWO_RING, alloc_two_ring},
};

/* The one that has memory of its own. */
static const struct group group_1t = {ROW_ALL_BUT_64_1T, ROW_ALL_BUT_64_1T,
				      alloc_full_1t};

static bool group_wanted(const struct bench *b, const struct group *g)
{
	int i;

	if (row_names[g->first].threads > b->nr_cpus)
		return false;
	for (i = g->first; i <= g->last; i++)
		if (bench_wants(b, row_names[i].name))
			return true;
	return false;
}

static int measure_all(struct alloc_run *run)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < sizeof(groups) / sizeof(groups[0]); i++)
		if (group_wanted(run->b, &groups[i]))
			err = groups[i].measure(run);
	return err;
}

/* What the memory of one bed is for: all groups but the last. */
static int measure_bed(struct alloc_run *run)
{
	unsigned int *i = &run->repetition;
	int err = alloc_touch(&run->bed);

	for (*i = 0; !err && *i < run->b->repeat; (*i)++)
		err = measure_all(run);
	alloc_close(&run->bed);
	return err;
}

static int run_groups(struct alloc_run *run)
{
	int err;

	bench_pin(run->b, 0);
	if (alloc_open(&run->bed, run->b))
		return EXIT_FAILED;
	err = measure_bed(run);
	if (!err && group_wanted(run->b, &group_1t))
		err = group_1t.measure(run);
	if (err)
		return bench_fail("alloc", err, NULL);
	bench_print(run->b, "alloc", run->rows, NR_ALLOC_ROWS);
	return EXIT_DONE;
}

int bench_alloc(const struct bench *b)
{
	struct alloc_run run = {.b = b};
	int status = EXIT_FAILED;

	run.rows = bench_cases_new(row_names, NR_ALLOC_ROWS);
	if (run.rows)
		status = run_groups(&run);
	free(run.rows);
	return status;
}

void bench_alloc_list(void)
{
	size_t i;

	for (i = 0; i < NR_ALLOC_ROWS; i++)
		if (row_names[i].threads == 1)
			puts(row_names[i].name);
		else
			printf("%s (%u threads)\n", row_names[i].name,
			       row_names[i].threads);
}
