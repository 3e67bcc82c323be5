/* SPDX-License-Identifier: MIT */
/*
 * What is drawn: costs over the size of memory, and over the number of threads.
 * plot_data.c measures, plot.c draws.
 */
#ifndef MHP_BENCH_PLOT_H
#define MHP_BENCH_PLOT_H

#include "bench.h"

#define PLOT_MAX_SIZES 8
#define PLOT_MAX_THREADS 10

/* Curves over the size. */
enum plot_curve {
	PLOT_4K_ALLOC,
	PLOT_4K_PAIR,
	PLOT_2M_PAIR,
	PLOT_ALL_BUT_64,
	NR_PLOT_CURVES,
};

struct plot_size {
	uint64_t size_bytes;
	double floor_ns;
	double ns[NR_PLOT_CURVES];
	double plug_us_per_gib; /* add and online */
};

struct plot_threads {
	unsigned int threads;
	double floor_ns, alloc_ns, pair_ns;
};

struct plot_data {
	size_t nr_sizes, nr_threads;
	struct plot_size sizes[PLOT_MAX_SIZES];
	struct plot_threads threads[PLOT_MAX_THREADS];
};

/** plot_measure() - 0, or EXIT_FAILED and has said why */
int plot_measure(const struct bench *b, struct plot_data *data);

#endif
