/* SPDX-License-Identifier: MIT */
/*
 * The figures of a plot. For each size a machine of its own, with descriptors
 * of 8 bytes, so that a tebibyte of used pages takes 2 GiB of the host: it is
 * plugged, some of it is allocated and freed, then all but 64 pages are in use.
 */
#include <stdlib.h>

#include "alloc.h"
#include "commands.h"
#include "floors.h"
#include "plot.h"

#define SIZE_DEFAULT (16 * BENCH_GIB)
#define SIZE_LEAST (128 * BENCH_MIB)
#define SIZE_MOST (1024 * BENCH_GIB)
#define BOOT_BYTES (256 * BENCH_MIB)
/* The sizes are so many times the one before. */
#define STEP 4
#define NR_ALLOCS (UINT64_C(1) << 17)
/* Pairs are measured in so many pieces a repetition. */
#define NR_PIECES 4

/* The costs of a size, over all repetitions. */
struct size_costs {
	struct alloc_cost costs[NR_PLOT_CURVES];
	struct bench_series plug_us;
};

/* It comes, and goes again but for the last time. */
static int measure_plug(struct alloc_bed *bed, unsigned int repeat,
			uint64_t size_bytes, struct bench_series *us)
{
	struct testbed *t = &bed->testbed;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < repeat; i++) {
		double start = bench_now_ns();

		err = testbed_plug(t, size_bytes, MHP_PLACEMENT_BLOCK);
		bench_series_add(us, (bench_now_ns() - start) / 1e3);
		if (!err && i + 1 < repeat)
			err = testbed_offline(t) ? EXIT_FAILED
						 : testbed_remove(t);
	}
	return err;
}

/* In memory that has room. */
static int measure_room(const struct alloc_bed *bed, uint64_t nr,
			struct alloc_cost *costs)
{
	unsigned int order = mhp_pageblock_order(mhp_geometry(bed->m));
	unsigned int i;
	mhp_pfn_t pfn;
	int err = alloc_timed(bed, alloc_many, bed->pfns, nr, 0,
			      &costs[PLOT_4K_ALLOC]);

	if (!err)
		err = free_many(bed, bed->pfns, nr, 0);
	if (!err)
		err = alloc_many(bed, bed->pfns, ALLOC_STAY, 0);
	for (i = 0; !err && i < NR_PIECES; i++) {
		err = alloc_timed(bed, pair_many, &pfn, ALLOC_PIECE, 0,
				  &costs[PLOT_4K_PAIR]);
		if (!err)
			err = alloc_timed(bed, pair_many, &pfn, ALLOC_PIECE,
					  order, &costs[PLOT_2M_PAIR]);
	}
	return err ? err : free_many(bed, bed->pfns, ALLOC_STAY, 0);
}

static int measure_allocs(const struct alloc_bed *bed, unsigned int repeat,
			  uint64_t nr, struct alloc_cost *costs)
{
	unsigned int i;
	uint64_t nr_in_use;
	int err = alloc_many(bed, bed->pfns, nr, 0);

	/* No page of those is used for the first time afterwards. */
	if (!err)
		err = free_many(bed, bed->pfns, nr, 0);
	for (i = 0; !err && i < repeat; i++)
		err = measure_room(bed, nr, costs);
	if (!err)
		err = alloc_fill_but_64(bed, &nr_in_use);
	for (i = 0; !err && i < repeat; i++)
		err = alloc_exchange(bed, i, bed->pfns, nr_in_use,
				     &costs[PLOT_ALL_BUT_64]);
	return err;
}

static int measure_bed(const struct bench *b, struct alloc_bed *bed,
		       uint64_t size_bytes, struct size_costs *costs)
{
	uint64_t nr, room;
	int err;

	if (measure_plug(bed, b->repeat, size_bytes, &costs->plug_us))
		return EXIT_FAILED;
	bed->m = bed->testbed.m;
	bed->nr_pages = testbed_nr_free(&bed->testbed);
	nr = bed->nr_pages / 2 < NR_ALLOCS ? bed->nr_pages / 2 : NR_ALLOCS;
	room = bed->nr_pages / ALLOC_SAMPLED;
	bed->pfns = bench_array(room > nr ? room : nr, sizeof(*bed->pfns));
	if (!bed->pfns)
		return EXIT_FAILED;
	err = measure_allocs(bed, b->repeat, nr, costs->costs);
	free(bed->pfns);
	return err ? bench_fail("plot", err, NULL) : 0;
}

static int measure_size(const struct bench *b, struct plot_size *point)
{
	struct size_costs costs = {0};
	struct alloc_bed bed = {0};
	double gib = (double)point->size_bytes / (double)BENCH_GIB;
	int i, err = testbed_open_model(&bed.testbed, b, MHP_DESC_ENGINE_BYTES,
					BOOT_BYTES, point->size_bytes);

	if (err)
		return err;
	err = measure_bed(b, &bed, point->size_bytes, &costs);
	testbed_close(&bed.testbed);
	for (i = 0; i < NR_PLOT_CURVES; i++)
		point->ns[i] = bench_median(&costs.costs[i].ns);
	point->floor_ns = bench_median(&costs.costs[PLOT_4K_PAIR].floor);
	point->plug_us_per_gib = bench_median(&costs.plug_us) / gib;
	return err;
}

/* From a sixteenth of the usual memory to 64 times as much. */
static int measure_sizes(const struct bench *b, struct plot_data *data)
{
	uint64_t usual = b->size_bytes ? b->size_bytes : SIZE_DEFAULT;
	uint64_t size = usual / 16 / SIZE_LEAST * SIZE_LEAST;
	uint64_t most = usual > SIZE_MOST / 64 ? SIZE_MOST : usual * 64;
	int err = 0;

	if (size < SIZE_LEAST)
		size = SIZE_LEAST;
	for (; !err && size <= most && data->nr_sizes < PLOT_MAX_SIZES;
	     size *= STEP) {
		struct plot_size *point = &data->sizes[data->nr_sizes++];

		point->size_bytes = size;
		err = measure_size(b, point);
	}
	return err;
}

/* What threads do at once, and one repetition of it cost. */
struct together {
	struct alloc_bed *bed;
	uint64_t nr; /* that each allocates */
	bool pairs;
};

static void together_work(struct bench_worker *worker)
{
	const struct together *t = worker->ctx;
	mhp_pfn_t *pfns = t->bed->pfns + worker->index * t->nr;
	struct alloc_cost cost = {0};
	int err = t->pairs ? alloc_many(t->bed, pfns, ALLOC_STAY, 0) : 0;
	unsigned int i;
	mhp_pfn_t pfn;

	bench_meet(worker);
	for (i = 0; !err && t->pairs && i < NR_PIECES; i++)
		err = alloc_timed(t->bed, pair_many, &pfn, ALLOC_PIECE, 0,
				  &cost);
	if (!err && !t->pairs)
		err = alloc_timed(t->bed, alloc_many, pfns, t->nr, 0, &cost);
	bench_meet(worker);
	worker->floor = bench_median(&cost.floor);
	worker->value = bench_median(&cost.ns);
	worker->err = err ? err
			  : free_many(t->bed, pfns,
				      t->pairs ? ALLOC_STAY : t->nr, 0);
}

static int measure_together(const struct bench *b, struct alloc_bed *bed,
			    struct plot_threads *point)
{
	struct bench_series floor = {0}, alloc = {0}, pair = {0};
	struct bench_worker average = {0};
	unsigned int i;

	for (i = 0; !average.err && i < 2 * b->repeat; i++) {
		struct together t = {.bed = bed, .pairs = i % 2};

		t.nr = bed->nr_pages / 2 / point->threads;

		bench_threads(b, 0, point->threads, together_work, &t,
			      &average);
		bench_series_add(&floor, average.floor);
		bench_series_add(t.pairs ? &pair : &alloc, average.value);
	}
	point->floor_ns = bench_median(&floor);
	point->alloc_ns = bench_median(&alloc);
	point->pair_ns = bench_median(&pair);
	return average.err;
}

/* 1, 2, 4 ... and all processors, as many as have memory. */
static int measure_threads(const struct bench *b, struct plot_data *data)
{
	struct alloc_bed bed;
	uint64_t most;
	unsigned int nr;
	int err;

	if (alloc_open(&bed, b))
		return EXIT_FAILED;
	err = alloc_touch(&bed);
	most = bed.nr_pages / 2 / ALLOC_STAY;
	if (most > b->nr_cpus)
		most = b->nr_cpus;
	for (nr = 1; !err && nr <= most && data->nr_threads < PLOT_MAX_THREADS;
	     nr = nr < most && 2 * nr > most ? (unsigned int)most : 2 * nr) {
		struct plot_threads *point = &data->threads[data->nr_threads++];

		point->threads = nr;
		err = measure_together(b, &bed, point);
	}
	alloc_close(&bed);
	return err ? bench_fail("plot", err, NULL) : 0;
}

int plot_measure(const struct bench *b, struct plot_data *data)
{
	int err;

	bench_pin(b, 0);
	err = measure_sizes(b, data);
	return err ? err : measure_threads(b, data);
}
