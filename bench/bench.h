/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks: what all of them share. A case is measured several times; each
 * repetition measures the floor too, right beside the test, so that a machine
 * that is slow at the moment is slow for both. What is printed is the median of
 * the floors, and minimum, median and maximum of the figure.
 *
 * Where there is a target (targets.h), it is printed, and whether it was met.
 */
#ifndef MHP_BENCH_BENCH_H
#define MHP_BENCH_BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mhp/mhp.h"

#define BENCH_KIB (UINT64_C(1) << 10)
#define BENCH_MIB (UINT64_C(1) << 20)
#define BENCH_GIB (UINT64_C(1) << 30)

#define BENCH_MAX_REPEAT 99
/* A repetition may look at each block of a GiB. */
#define BENCH_MAX_SAMPLES (8 * BENCH_MAX_REPEAT)
#define BENCH_MAX_CPUS 1024

/** struct bench - how to measure, and on which processors */
struct bench {
	bool json;
	unsigned int repeat;
	const char *plot;    /* file to draw, or NULL */
	const char *only;    /* names of cases, with commas; NULL: all */
	uint64_t size_bytes; /* 0: each benchmark's own */
	unsigned int nr_cpus;
	int cpus[BENCH_MAX_CPUS]; /* those that we may run on */
};

/** struct bench_series - measurements of one thing */
struct bench_series {
	unsigned int nr;
	double values[BENCH_MAX_SAMPLES];
};

/** struct bench_case - one line of the output */
struct bench_case {
	const char *name;
	const char *unit;
	const char *port;      /* NULL: not shown */
	const char *placement; /* NULL: not shown */
	unsigned int threads;
	struct bench_series value;
	struct bench_series floor; /* nr 0: there is none */
};

/** bench_series_add() - one measurement; what has no room is forgotten */
void bench_series_add(struct bench_series *series, double value);

/** bench_sample() - one measurement; @floor 0: there is none */
void bench_sample(struct bench_case *c, double value, double floor);

/** bench_median() - of what there is, 0 if there is nothing */
double bench_median(const struct bench_series *series);

/** bench_now_ns() - a monotonic clock */
double bench_now_ns(void);

/** bench_fail() - say that @what failed and why; EXIT_FAILED */
int bench_fail(const char *what, int err, const struct mhp_report *report);

/** bench_array() - room for @nr things of @size bytes; says so on failure */
void *bench_array(uint64_t nr, size_t size);

/** bench_cases_new() - @nr cases to fill in, named as in @from */
struct bench_case *bench_cases_new(const struct bench_case *from, size_t nr);

/** bench_shuffle() - put @pfns in the order that @seed gives */
void bench_shuffle(mhp_pfn_t *pfns, uint64_t nr, uint64_t seed);

/** bench_pin() - keep the calling thread on the @i-th processor, if we may */
void bench_pin(const struct bench *b, unsigned int i);

/** struct bench_worker - one of several threads that measure together */
struct bench_worker {
	const struct bench *bench;
	unsigned int index;
	void *ctx;
	pthread_barrier_t *barrier; /* for bench_meet() */
	double floor;		    /* what it measured; its own */
	double value;
	int err; /* 0 or a negative errno value */
	void (*run)(struct bench_worker *worker);
};

/** bench_meet() - wait until all threads are here */
void bench_meet(struct bench_worker *worker);

/**
 * bench_threads() - run something in threads of their own, each pinned
 *
 * @first: processor of the first one
 * @average: receives the means of floor and value, and the first error
 */
void bench_threads(const struct bench *b, unsigned int first, unsigned int nr,
		   void (*run)(struct bench_worker *), void *ctx,
		   struct bench_worker *average);

/** bench_print_machine() - what the run is on, as text or JSON */
void bench_print_machine(const struct bench *b);

/** bench_wants() - whether a case of that name shall be shown */
bool bench_wants(const struct bench *b, const char *name);

/** bench_print() - print the cases of a benchmark that have measurements and
 * shall be shown */
void bench_print(const struct bench *b, const char *name,
		 const struct bench_case *cases, size_t nr);

/** bench_printed() - how many cases were printed until now */
size_t bench_printed(void);

/* The benchmarks: 0 or EXIT_FAILED, and then have said why. */
int bench_floors(const struct bench *b);
int bench_alloc(const struct bench *b);
int bench_hotplug(const struct bench *b);
int bench_evacuate(const struct bench *b);
int bench_bounds(const struct bench *b);
int bench_scale(const struct bench *b);
int bench_view(const struct bench *b);
int bench_gigantic(const struct bench *b);
int bench_move(const struct bench *b);

/** bench_plot() - measure and draw; 0 or EXIT_FAILED and has said why */
int bench_plot(const struct bench *b);

/** bench_alloc_list() - print the names of the cases of bench_alloc() */
void bench_alloc_list(void);

#endif
