/* SPDX-License-Identifier: MIT */
/*
 * What benchmarks are made of: clocks, samples, threads that stay on their
 * processor.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "commands.h"

#define MAX_THREADS 256

double bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

void bench_series_add(struct bench_series *series, double value)
{
	if (series->nr < BENCH_MAX_SAMPLES)
		series->values[series->nr++] = value;
}

void bench_sample(struct bench_case *c, double value, double floor)
{
	bench_series_add(&c->value, value);
	if (floor > 0)
		bench_series_add(&c->floor, floor);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(const struct bench_series *series)
{
	struct bench_series sorted = *series;
	unsigned int half = sorted.nr / 2;

	if (!sorted.nr)
		return 0;
	qsort(sorted.values, sorted.nr, sizeof(double), compare_doubles);
	return sorted.nr % 2
		       ? sorted.values[half]
		       : (sorted.values[half - 1] + sorted.values[half]) / 2;
}

int bench_fail(const char *what, int err, const struct mhp_report *report)
{
	char why[256] = "";

	if (report && report->code)
		mhp_report_text(report, why, sizeof(why));
	fprintf(stderr, "mhp bench: %s: %s%s%s\n", what, mhp_strerror(err),
		why[0] ? ": " : "", why);
	return EXIT_FAILED;
}

void *bench_array(uint64_t nr, size_t size)
{
	void *array = calloc(nr ? (size_t)nr : 1, size);

	if (!array)
		bench_fail("the host", MHP_ERR_NOMEM, NULL);
	return array;
}

struct bench_case *bench_cases_new(const struct bench_case *from, size_t nr)
{
	struct bench_case *cases = bench_array(nr, sizeof(*cases));

	if (cases)
		memcpy(cases, from, nr * sizeof(*cases));
	return cases;
}

bool bench_wants(const struct bench *b, const char *name)
{
	size_t length = strlen(name);
	const char *at = b->only;

	if (!at)
		return true;
	for (;;) {
		size_t end = strcspn(at, ",");

		if (end == length && memcmp(at, name, length) == 0)
			return true;
		if (!at[end])
			return false;
		at += end + 1;
	}
}

void bench_shuffle(mhp_pfn_t *pfns, uint64_t nr, uint64_t seed)
{
	uint64_t i, x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (i = nr; i > 1; i--) {
		mhp_pfn_t pfn = pfns[i - 1];
		uint64_t other;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		other = x % i;
		pfns[i - 1] = pfns[other];
		pfns[other] = pfn;
	}
}

void bench_pin(const struct bench *b, unsigned int i)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(b->cpus[i % b->nr_cpus], &set);
	/* A thread that wanders measures worse, but it measures. */
	(void)sched_setaffinity(0, sizeof(set), &set);
}

void bench_meet(struct bench_worker *worker)
{
	pthread_barrier_wait(worker->barrier);
}

static void *worker_main(void *arg)
{
	struct bench_worker *worker = arg;

	bench_pin(worker->bench, worker->index);
	worker->run(worker);
	return NULL;
}

static void workers_start(struct bench_worker *workers, pthread_t *threads,
			  unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (pthread_create(&threads[i], NULL, worker_main,
				   &workers[i])) {
			/* Those that run wait for it at the barrier. */
			bench_fail("the host has no threads", MHP_ERR_AGAIN,
				   NULL);
			exit(EXIT_FAILED);
		}
}

void bench_threads(const struct bench *b, unsigned int first, unsigned int nr,
		   void (*run)(struct bench_worker *), void *ctx,
		   struct bench_worker *average)
{
	struct bench_worker workers[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	pthread_barrier_t barrier;
	unsigned int i;

	nr = nr < MAX_THREADS ? nr : MAX_THREADS;
	memset(average, 0, sizeof(*average));
	pthread_barrier_init(&barrier, NULL, nr);
	for (i = 0; i < nr; i++)
		workers[i] = (struct bench_worker){
			.bench = b,
			.index = first + i,
			.ctx = ctx,
			.barrier = &barrier,
			.run = run,
		};
	workers_start(workers, threads, nr);
	for (i = 0; i < nr; i++) {
		pthread_join(threads[i], NULL);
		average->floor += workers[i].floor / nr;
		average->value += workers[i].value / nr;
		if (!average->err)
			average->err = workers[i].err;
	}
	pthread_barrier_destroy(&barrier);
}
