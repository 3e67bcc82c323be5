/* SPDX-License-Identifier: MIT */
/*
 * What allocating and freeing gigantic pages costs, on port model: in 64 GiB
 * that are empty, and in 1 TiB. Of that, each gigantic page is in use or not
 * by the throw of a coin ("half-full"); and then each piece of 2 MiB, so that
 * there is not one gigantic page, and the search has to find that out
 * ("none").
 *
 * Every pageblock has been used before. The memmap is at the start of the
 * range, so what is behind it is one piece; how many gigantic pages 1 TiB
 * gives then, and with a memmap on each block, is counted, too.
 */
#include <stdlib.h>

#include "commands.h"
#include "testbed.h"

#define EMPTY_BYTES (64 * BENCH_GIB)
#define LARGE_BYTES (1024 * BENCH_GIB)
#define BOOT_BYTES (256 * BENCH_MIB)
#define MOST_WHOLE (LARGE_BYTES / (2 * BENCH_MIB))

enum {
	CASE_ALLOC,
	CASE_FREE,
	CASE_HALF_ALLOC,
	CASE_HALF_FREE,
	CASE_NONE,
	CASE_COUNT_RANGE,
	CASE_COUNT_BLOCK,
	NR_CASES,
};

static const struct bench_case case_names[NR_CASES] = {
	{.name = "1g-alloc", .unit = "us", .threads = 1},
	{.name = "1g-free", .unit = "us", .threads = 1},
	{.name = "1g-alloc-half-full", .unit = "us", .threads = 1},
	{.name = "1g-free-half-full", .unit = "us", .threads = 1},
	{.name = "1g-alloc-none", .unit = "us", .threads = 1},
	{.name = "1g-pages",
	 .unit = "pages",
	 .placement = "range",
	 .threads = 1},
	{.name = "1g-pages",
	 .unit = "pages",
	 .placement = "block",
	 .threads = 1},
};

struct gigantic_bed {
	struct testbed t;
	unsigned int giant; /* orders */
	unsigned int whole;
	uint64_t nr;
	mhp_pfn_t *pfns;
};

static int gigantic_open(struct gigantic_bed *bed, const struct bench *b,
			 uint64_t size_bytes, enum mhp_placement placement)
{
	if (testbed_open(&bed->t, b, TESTBED_MODEL, BOOT_BYTES, size_bytes))
		return EXIT_FAILED;
	bed->giant = mhp_gigantic_order(mhp_geometry(bed->t.m));
	bed->whole = mhp_pageblock_order(mhp_geometry(bed->t.m));
	bed->nr = 0;
	bed->pfns = bench_array(MOST_WHOLE, sizeof(*bed->pfns));
	if (bed->pfns && !testbed_plug(&bed->t, size_bytes, placement))
		return 0;
	free(bed->pfns);
	testbed_close(&bed->t);
	return EXIT_FAILED;
}

static void gigantic_close(struct gigantic_bed *bed)
{
	free(bed->pfns);
	testbed_close(&bed->t);
}

/* All that there are of an order. Return: time of one, in us; 0: there was
 * none. */
static double take_all(struct gigantic_bed *bed, unsigned int order)
{
	const struct mhp_request request = {.order = (uint8_t)order,
					    .flags = MHP_ALLOC_THIS_ZONE};
	double start = bench_now_ns();
	uint64_t first = bed->nr;

	while (bed->nr < MOST_WHOLE &&
	       !mhp_frame_alloc(bed->t.m, &request, &bed->pfns[bed->nr]))
		bed->nr++;
	if (bed->nr == first)
		return 0;
	return (bench_now_ns() - start) / 1000 / (double)(bed->nr - first);
}

/* Give all back but the first @keep. Return: time of one, in us, or -1. */
static double give_back(struct gigantic_bed *bed, uint64_t keep,
			unsigned int order)
{
	double start = bench_now_ns();
	uint64_t nr = bed->nr - keep;

	while (bed->nr > keep)
		if (mhp_frame_free(bed->t.m, bed->pfns[--bed->nr], order))
			return -1;
	return nr ? (bench_now_ns() - start) / 1000 / (double)nr : 0;
}

static int measure(const struct bench *b, struct gigantic_bed *bed,
		   uint64_t keep, struct bench_case *cases)
{
	unsigned int i;

	for (i = 0; i < b->repeat; i++) {
		double alloc = take_all(bed, bed->giant), freeing;

		freeing = give_back(bed, keep, bed->giant);
		if (alloc <= 0 || freeing < 0)
			return bench_fail("gigantic", MHP_ERR_NOMEM, NULL);
		bench_sample(&cases[0], alloc, 0);
		bench_sample(&cases[1], freeing, 0);
	}
	return 0;
}

static int measure_empty(const struct bench *b, struct bench_case *cases)
{
	struct gigantic_bed bed;
	int err;

	if (gigantic_open(&bed, b, EMPTY_BYTES, MHP_PLACEMENT_RANGE))
		return EXIT_FAILED;
	(void)take_all(&bed, bed.giant);
	err = give_back(&bed, 0, bed.giant) < 0;
	if (!err)
		err = measure(b, &bed, 0, cases);
	gigantic_close(&bed);
	return err ? EXIT_FAILED : 0;
}

/* Half of the pieces stay, anywhere. */
static int fill_half(struct gigantic_bed *bed, unsigned int order,
		     unsigned int seed)
{
	(void)take_all(bed, order);
	bench_shuffle(bed->pfns, bed->nr, seed);
	return give_back(bed, bed->nr / 2, order) < 0;
}

static int measure_none(const struct bench *b, struct gigantic_bed *bed,
			struct bench_case *c)
{
	const struct mhp_request request = {.order = (uint8_t)bed->giant,
					    .flags = MHP_ALLOC_THIS_ZONE};
	unsigned int i;
	mhp_pfn_t pfn;

	for (i = 0; i < b->repeat; i++) {
		double start = bench_now_ns();

		if (mhp_frame_alloc(bed->t.m, &request, &pfn) != MHP_ERR_NOMEM)
			return bench_fail("gigantic", MHP_ERR_EXIST, NULL);
		bench_sample(c, (bench_now_ns() - start) / 1000, 0);
	}
	return 0;
}

static int measure_large(const struct bench *b, struct bench_case *cases)
{
	struct gigantic_bed bed;
	int err;

	if (gigantic_open(&bed, b, LARGE_BYTES, MHP_PLACEMENT_RANGE))
		return EXIT_FAILED;
	(void)take_all(&bed, bed.giant);
	bench_sample(&cases[CASE_COUNT_RANGE], (double)bed.nr, 0);
	err = give_back(&bed, 0, bed.giant) < 0 ||
	      fill_half(&bed, bed.giant, 1);
	if (!err)
		err = measure(b, &bed, bed.nr, cases + CASE_HALF_ALLOC);
	if (!err)
		err = give_back(&bed, 0, bed.giant) < 0 ||
		      fill_half(&bed, bed.whole, 2);
	if (!err)
		err = measure_none(b, &bed, &cases[CASE_NONE]);
	gigantic_close(&bed);
	return err ? EXIT_FAILED : 0;
}

/* None, if a memory block is smaller. */
static int count_block(const struct bench *b, struct bench_case *cases)
{
	struct gigantic_bed bed;

	if (gigantic_open(&bed, b, LARGE_BYTES, MHP_PLACEMENT_BLOCK))
		return EXIT_FAILED;
	(void)take_all(&bed, bed.giant);
	bench_sample(&cases[CASE_COUNT_BLOCK], (double)bed.nr, 0);
	gigantic_close(&bed);
	return 0;
}

int bench_gigantic(const struct bench *b)
{
	struct bench_case *cases = bench_cases_new(case_names, NR_CASES);
	int err;

	bench_pin(b, 0);
	if (!cases)
		return EXIT_FAILED;
	err = measure_empty(b, cases);
	if (!err)
		err = measure_large(b, cases);
	if (!err)
		err = count_block(b, cases);
	if (!err)
		bench_print(b, "gigantic", cases, NR_CASES);
	free(cases);
	return err ? EXIT_FAILED : EXIT_DONE;
}
