/* SPDX-License-Identifier: MIT */
/*
 * How allocation scales: the same work in 1, 2, 4 ... threads, each on its own
 * processor. The figure is what one operation takes in one thread, so that a
 * perfect allocator shows the same figure in every row. The floor is measured
 * in all threads at once. How hotplug scales with memory is in plug_scale.c.
 */
#include <stdlib.h>

#include "alloc.h"
#include "commands.h"
#include "floors.h"
#include "plug_scale.h"

#define MAX_ROWS 9
#define NR_OPS (UINT64_C(1) << 18)

static void pairs(struct bench_worker *worker)
{
	const struct alloc_bed *bed = worker->ctx;
	mhp_pfn_t *stay = bed->pfns + (uint64_t)worker->index * ALLOC_STAY;
	mhp_pfn_t pfn;
	double start;
	int err = alloc_many(bed, stay, ALLOC_STAY, 0);

	bench_meet(worker);
	worker->floor = floor_locked_ns();
	bench_meet(worker);
	start = bench_now_ns();
	if (!err)
		err = pair_many(bed, &pfn, NR_OPS, 0);
	worker->value = (bench_now_ns() - start) / NR_OPS;
	bench_meet(worker);
	if (!err)
		err = free_many(bed, stay, ALLOC_STAY, 0);
	worker->err = err;
}

/* 1, 2, 4 ... and all processors. */
static size_t scale_rows(const struct bench *b, struct bench_case *cases)
{
	unsigned int threads = 1;
	size_t nr = 0;

	for (; nr < MAX_ROWS && threads < b->nr_cpus; threads *= 2)
		cases[nr++].threads = threads;
	if (nr < MAX_ROWS)
		cases[nr++].threads = b->nr_cpus < 256 ? b->nr_cpus : 256;
	return nr;
}

static int scale_measure(const struct bench *b, struct alloc_bed *bed,
			 struct bench_case *c)
{
	struct bench_worker worker;

	c->name = "4k-pair";
	c->unit = "ns";
	bench_threads(b, 0, c->threads, pairs, bed, &worker);
	bench_sample(c, worker.value, worker.floor);
	return worker.err;
}

int bench_scale(const struct bench *b)
{
	struct bench_case *cases = bench_array(MAX_ROWS, sizeof(*cases));
	struct alloc_bed bed;
	unsigned int i;
	size_t row, nr;
	int err;

	if (!cases || alloc_open(&bed, b)) {
		free(cases);
		return EXIT_FAILED;
	}
	nr = scale_rows(b, cases);
	err = alloc_touch(&bed);
	for (i = 0; !err && i < b->repeat; i++)
		for (row = 0; !err && row < nr; row++)
			err = scale_measure(b, &bed, &cases[row]);
	if (!err)
		bench_print(b, "scale", cases, nr);
	alloc_close(&bed);
	free(cases);
	return err ? bench_fail("scale", err, NULL) : bench_plug_scale(b);
}
