/* SPDX-License-Identifier: MIT */
/*
 * The floors, and the benchmark that shows them.
 *
 * A locked instruction here is an addition: the cheapest there is. Copies are
 * past the caches where the processor has instructions for that, from start to
 * end, between two pieces of shared memory.
 *
 * What it does not do: copy by several threads, since an evacuation is one.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "commands.h"
#include "floors.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define NR_LOCKED 10000
#define NR_BATCHES 5
#define COPY_BYTES (256 * BENCH_MIB)
#define HUGE_BYTES ((size_t)2 << 20)

/* Put a value into an ascending array of @nr that has room for it. */
static void insert_sorted(double *values, unsigned int nr, double value)
{
	for (; nr > 0 && values[nr - 1] > value; nr--)
		values[nr] = values[nr - 1];
	values[nr] = value;
}

/* In batches, of which the median counts: one that was interrupted does not. */
double floor_locked_ns(void)
{
	/* A cache line of its own. */
	_Alignas(128) uint64_t word[16] = {0};
	double batches[NR_BATCHES];
	unsigned int i, batch;

	for (batch = 0; batch < NR_BATCHES; batch++) {
		double start = bench_now_ns();

		for (i = 0; i < NR_LOCKED / NR_BATCHES; i++)
			__atomic_fetch_add(&word[0], 1, __ATOMIC_SEQ_CST);
		insert_sorted(batches, batch, bench_now_ns() - start);
	}
	return batches[NR_BATCHES / 2] / (NR_LOCKED / NR_BATCHES);
}

static double swap_ns(void)
{
	_Alignas(128) uint64_t word[16] = {0};
	double start = bench_now_ns();
	uint64_t old = 0;
	int i;

	for (i = 0; i < NR_LOCKED; i++)
		if (__atomic_compare_exchange_n(&word[0], &old, old + 1, false,
						__ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			old++;
	return (bench_now_ns() - start) / NR_LOCKED;
}

#ifdef __SSE2__

static void copy_past_caches(uint8_t *to, const uint8_t *from, size_t nr_bytes)
{
	const __m128i *source = (const void *)from;
	__m128i *target = (void *)to;
	size_t i;

	for (i = 0; i < nr_bytes / sizeof(*source); i += 4) {
		__m128i a = _mm_load_si128(source + i);
		__m128i b = _mm_load_si128(source + i + 1);
		__m128i c = _mm_load_si128(source + i + 2);
		__m128i d = _mm_load_si128(source + i + 3);

		_mm_stream_si128(target + i, a);
		_mm_stream_si128(target + i + 1, b);
		_mm_stream_si128(target + i + 2, c);
		_mm_stream_si128(target + i + 3, d);
	}
	_mm_sfence();
}

#else

static void copy_past_caches(uint8_t *to, const uint8_t *from, size_t nr_bytes)
{
	memcpy(to, from, nr_bytes);
}

#endif

/* Have the system make a huge page, or small ones, resident. */
static void populate(uint8_t *at)
{
	size_t i;

	*(volatile uint8_t *)at = 0;
	if (!madvise(at, HUGE_BYTES, MADV_COLLAPSE) ||
	    !madvise(at, HUGE_BYTES, MADV_POPULATE_WRITE))
		return;
	for (i = 0; i < HUGE_BYTES; i += 4096)
		((volatile uint8_t *)at)[i] = 0;
}

static int map_fresh(uint8_t *at, size_t size_bytes)
{
	int fd = memfd_create("mhp-bench", MFD_CLOEXEC);
	void *map = MAP_FAILED;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)size_bytes))
		map = mmap(at, size_bytes, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	return map == MAP_FAILED ? MHP_ERR_NOMEM : 0;
}

static int copy_fill(struct floor_copy *f)
{
	size_t i;
	int err = map_fresh(f->from, 2 * f->size_bytes);

	for (i = 0; !err && i < 2 * f->size_bytes; i += HUGE_BYTES)
		populate(f->from + i);
	if (!err)
		memset(f->from, 1, 2 * f->size_bytes);
	return err;
}

int floor_copy_open(struct floor_copy *f, uint64_t size_bytes)
{
	int err;

	*f = (struct floor_copy){
		.size_bytes = (size_t)size_bytes,
		.raw_bytes = 2 * (size_t)size_bytes + HUGE_BYTES,
	};
	f->raw = mmap(NULL, f->raw_bytes, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (f->raw == MAP_FAILED)
		return -errno;
	f->from = f->raw + (HUGE_BYTES - (uintptr_t)f->raw % HUGE_BYTES);
	f->to = f->from + f->size_bytes;
	err = copy_fill(f);
	if (err)
		floor_copy_close(f);
	return err;
}

void floor_copy_close(struct floor_copy *f)
{
	munmap(f->raw, f->raw_bytes);
}

/* Back to the start; a target that shall be fresh is emptied. */
static void copy_rewind(struct floor_copy *f)
{
	f->at = 0;
	if (f->fresh && map_fresh(f->to, f->size_bytes)) {
		perror("mhp bench: memory for the floor");
		exit(EXIT_FAILED);
	}
}

void floor_copy_begin(struct floor_copy *f, bool fresh)
{
	size_t i;

	/* What was fresh before has memory in part. */
	for (i = 0; f->fresh && !fresh && i < f->size_bytes; i += HUGE_BYTES)
		populate(f->to + i);
	f->fresh = fresh;
	f->bytes = 0;
	f->ns = 0;
	copy_rewind(f);
}

void floor_copy_sweep(const struct floor_copy *f)
{
	const volatile uint8_t *at = f->from;
	size_t i;

	/* Of a fresh target only the source is there. */
	for (i = 0; i < (f->fresh ? 1 : 2) * f->size_bytes; i += 64)
		(void)at[i];
}

void floor_copy_piece(struct floor_copy *f, uint64_t size_bytes)
{
	size_t i;

	for (i = 0; i < size_bytes; i += HUGE_BYTES) {
		double start;

		if (f->at == f->size_bytes)
			copy_rewind(f);
		start = bench_now_ns();
		if (f->fresh)
			populate(f->to + f->at);
		copy_past_caches(f->to + f->at, f->from + f->at, HUGE_BYTES);
		f->ns += bench_now_ns() - start;
		f->bytes += (double)HUGE_BYTES;
		f->at += HUGE_BYTES;
	}
}

double floor_copy_gbs(const struct floor_copy *f)
{
	return f->bytes / f->ns;
}

static double copy_gbs(struct floor_copy *f, bool fresh)
{
	floor_copy_begin(f, fresh);
	floor_copy_piece(f, f->size_bytes);
	return floor_copy_gbs(f);
}

/* As an evacuation would: every second page, visible before the next. */
static double pages_gbs(const struct floor_copy *f)
{
	const size_t page_bytes = 4096, nr = f->size_bytes / page_bytes / 2;
	uint64_t x = 1, shared = 0;
	double start = bench_now_ns();
	size_t i;

	for (i = 0; i < nr; i++) {
		x = x * UINT64_C(6364136223846793005) + 1;
		copy_past_caches(f->to + i * page_bytes,
				 f->from + (2 * i + (x >> 63)) * page_bytes,
				 page_bytes);
		__atomic_fetch_add(&shared, 1, __ATOMIC_SEQ_CST);
	}
	return (double)(nr * page_bytes) / (bench_now_ns() - start);
}

static double memcpy_gbs(const struct floor_copy *f)
{
	double start = bench_now_ns();

	memcpy(f->to, f->from, f->size_bytes);
	__asm__ __volatile__("" : : "r"(f->to) : "memory");
	return (double)f->size_bytes / (bench_now_ns() - start);
}

static double clock_ns(void)
{
	double start = bench_now_ns();
	int i;

	for (i = 0; i < 1000; i++)
		(void)bench_now_ns();
	return (bench_now_ns() - start) / 1000;
}

enum {
	CASE_LOCKED,
	CASE_SWAP,
	CASE_CLOCK,
	CASE_COPY,
	CASE_PAGES,
	CASE_MEMCPY,
	CASE_FRESH,
	NR_CASES,
};

static const struct bench_case case_names[NR_CASES] = {
	{.name = "locked-instruction", .unit = "ns", .threads = 1},
	{.name = "compare-and-swap", .unit = "ns", .threads = 1},
	{.name = "clock", .unit = "ns", .threads = 1},
	{.name = "copy-non-temporal", .unit = "GB/s", .threads = 1},
	{.name = "copy-4k-pages", .unit = "GB/s", .threads = 1},
	{.name = "copy-memcpy", .unit = "GB/s", .threads = 1},
	{.name = "copy-fresh", .unit = "GB/s", .threads = 1},
};

static void measure(struct bench_case *cases, struct floor_copy *f)
{
	bench_sample(&cases[CASE_LOCKED], floor_locked_ns(), 0);
	bench_sample(&cases[CASE_SWAP], swap_ns(), 0);
	bench_sample(&cases[CASE_CLOCK], clock_ns(), 0);
	bench_sample(&cases[CASE_COPY], copy_gbs(f, false), 0);
	bench_sample(&cases[CASE_PAGES], pages_gbs(f), 0);
	bench_sample(&cases[CASE_MEMCPY], memcpy_gbs(f), 0);
	bench_sample(&cases[CASE_FRESH], copy_gbs(f, true), 0);
}

int bench_floors(const struct bench *b)
{
	struct bench_case *cases = bench_cases_new(case_names, NR_CASES);
	struct floor_copy f;
	unsigned int i;
	int err;

	if (!cases)
		return EXIT_FAILED;
	bench_pin(b, 0);
	err = floor_copy_open(&f, COPY_BYTES);
	for (i = 0; !err && i < b->repeat; i++)
		measure(cases, &f);
	if (!err) {
		floor_copy_close(&f);
		bench_print(b, "floors", cases, NR_CASES);
	}
	free(cases);
	return err ? bench_fail("floors", err, NULL) : EXIT_DONE;
}
