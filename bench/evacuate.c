/* SPDX-License-Identifier: MIT */
/*
 * How fast memory in use leaves, on port/posix: a DIMM whose pages are in use
 * by handles, every second of them at random, is evacuated to another one.
 *
 *   half-full        the destination has memory already; floor: a copy past
 *                    the caches
 *   half-full-fresh  it gets its memory while it is filled; floor:
 *                    a copy that does the same
 *
 * By one thread, and by two that take every second block each, at the same
 * time: what they do is added up, and so are their floors.
 *
 * Handles are of 4 KiB; "-64k" and "-2m" are for comparison. The time is that
 * of taking all its blocks offline: they are isolated first, so nothing moves
 * within the DIMM. "unplug" goes on until its memory is the system's again.
 *
 * The floor is measured in pieces between the steps of the evacuation, on as
 * many bytes. Before both the caches are filled with something else.
 *
 * What it does not do: let anybody use the handles meanwhile (mhp demo does).
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "evacuation.h"
#include "floors.h"

#define SIZE_DEFAULT BENCH_GIB
/* Copied at once for the floor, at least. */
#define PIECE_BYTES (4 * BENCH_MIB)

enum {
	CASE_RESIDENT,
	CASE_RESIDENT_64K,
	CASE_RESIDENT_2M,
	CASE_FRESH,
	CASE_FRESH_64K,
	CASE_FRESH_2M,
	CASE_TWO,
	CASE_TWO_64K,
	CASE_TWO_2M,
	CASE_UNPLUG,
	NR_CASES,
};

#define MAX_THREADS 2
#define NR_SIZES 3

#define EVACUATE_CASE(text, nr)                                  \
	{                                                        \
		.name = (text), .unit = "GB/s", .port = "posix", \
		.threads = (nr)                                  \
	}

static const struct bench_case case_names[NR_CASES] = {
	EVACUATE_CASE("half-full", 1),
	EVACUATE_CASE("half-full-64k", 1),
	EVACUATE_CASE("half-full-2m", 1),
	EVACUATE_CASE("half-full-fresh", 1),
	EVACUATE_CASE("half-full-fresh-64k", 1),
	EVACUATE_CASE("half-full-fresh-2m", 1),
	EVACUATE_CASE("half-full", 2),
	EVACUATE_CASE("half-full-64k", 2),
	EVACUATE_CASE("half-full-2m", 2),
	EVACUATE_CASE("half-full-unplug", 1),
};

static const uint64_t handle_sizes[] = {4 * BENCH_KIB, 64 * BENCH_KIB,
					2 * BENCH_MIB};

/* Empty one block. Now and then as much is copied for the floor as has moved,
 * so that both meet the same machine. */
static int offline_block(struct evacuation *e, struct mhp_offline *op,
			 struct floor_copy *f, struct mhp_report *report)
{
	uint64_t step_bytes = MHP_OFFLINE_BATCH * e->handle_bytes;
	uint64_t bytes = 0;
	int err;

	do {
		err = mhp_offline_step(e->m, op, report);
		bytes += step_bytes;
		if (bytes >= PIECE_BYTES) {
			floor_copy_piece(f, bytes);
			bytes = 0;
		}
	} while (err == MHP_ERR_AGAIN);
	return err;
}

/* An evacuation, and the floor of each thread that has a part in it. */
struct part {
	struct evacuation *e;
	struct floor_copy floors[MAX_THREADS];
	unsigned int nr_threads;
	bool resident;
};

/* Isolate all blocks, then empty one after the other: the part of a thread.
 * Its value is the time that it took, in ns. */
static void part_run(struct bench_worker *w)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct part *part = w->ctx;
	struct evacuation *e = part->e;
	unsigned int mine = w->index % part->nr_threads;
	struct floor_copy *f = &part->floors[mine];
	uint64_t i, nr = evacuation_nr_blocks(e);
	double start = bench_now_ns();

	for (i = mine; !w->err && i < nr; i += part->nr_threads)
		w->err = evacuation_begin(e, i, MHP_NO_DEADLINE, 0, &report);
	w->value = bench_now_ns() - start;
	bench_meet(w);
	start = bench_now_ns();
	for (i = mine; !w->err && i < nr; i += part->nr_threads)
		w->err = offline_block(e, &e->ops[i], f, &report);
	w->value += bench_now_ns() - start - f->ns;
	w->floor = floor_copy_gbs(f);
	if (w->err)
		bench_fail("evacuate", w->err, &report);
}

/* What several do at once is added up. */
static int evacuate(const struct bench *b, struct part *part,
		    struct bench_case *c, struct bench_case *unplug)
{
	struct evacuation *e = part->e;
	double bytes = (double)(e->nr_handles * e->handle_bytes), start;
	struct bench_worker w;
	double floor;
	int err;

	bench_threads(b, 0, part->nr_threads, part_run, part, &w);
	if (w.err)
		return EXIT_FAILED;
	floor = w.floor * part->nr_threads;
	bench_sample(c, bytes / w.value, floor);
	start = bench_now_ns();
	err = mhp_posix_unplug(e->p, e->leaving_id, MHP_NO_DEADLINE, 0, NULL);
	if (err)
		return bench_fail("unplug", err, NULL);
	if (unplug)
		bench_sample(unplug, bytes / (w.value + bench_now_ns() - start),
			     floor);
	return 0;
}

static int measure(const struct bench *b, struct part *part,
		   struct bench_case *cases, size_t size_index)
{
	struct evacuation *e = part->e;
	size_t i = CASE_FRESH + size_index;
	unsigned int t;
	int err;

	if (part->resident)
		i = (part->nr_threads > 1 ? CASE_TWO : CASE_RESIDENT) +
		    size_index;
	e->handle_bytes = handle_sizes[size_index];
	if (evacuation_open(e))
		return EXIT_FAILED;
	err = evacuation_prepare(e, part->resident);
	for (t = 0; t < part->nr_threads; t++) {
		floor_copy_begin(&part->floors[t], !part->resident);
		floor_copy_sweep(&part->floors[t]);
	}
	if (!err) {
		evacuation_touch(e, part->resident);
		err = evacuate(b, part, &cases[i],
			       i == CASE_RESIDENT ? &cases[CASE_UNPLUG] : NULL);
	}
	mhp_posix_close(e->p);
	return err;
}

static int measure_all(const struct bench *b, struct part *part,
		       struct bench_case *cases)
{
	/* Threads, and whether the target is resident. */
	static const struct {
		unsigned int nr_threads;
		bool resident;
	} ways[] = {{1, true}, {1, false}, {2, true}};
	unsigned int i, way;
	size_t size;
	int err = 0;

	for (i = 0; i < b->repeat; i++)
		for (size = 0; size < NR_SIZES; size++)
			for (way = 0; !err && way < 3; way++) {
				part->nr_threads = ways[way].nr_threads;
				part->resident = ways[way].resident;
				err = measure(b, part, cases, size);
			}
	return err;
}

static int floors_open(struct part *part)
{
	unsigned int t;
	int err = 0;

	for (t = 0; !err && t < MAX_THREADS; t++)
		err = floor_copy_open(&part->floors[t],
				      part->e->size_bytes / 2);
	while (err && --t)
		floor_copy_close(&part->floors[t - 1]);
	return err ? bench_fail("floor", err, NULL) : 0;
}

int bench_evacuate(const struct bench *b)
{
	struct bench_case *cases = bench_cases_new(case_names, NR_CASES);
	struct evacuation e = {
		.size_bytes = b->size_bytes ? b->size_bytes : SIZE_DEFAULT,
	};
	struct part part = {.e = &e};
	unsigned int t;
	int err = EXIT_FAILED;

	bench_pin(b, 0);
	if (cases && !evacuation_alloc(&e, handle_sizes[0]) &&
	    !floors_open(&part)) {
		err = measure_all(b, &part, cases);
		for (t = 0; t < MAX_THREADS; t++)
			floor_copy_close(&part.floors[t]);
	}
	if (!err)
		bench_print(b, "evacuate", cases, NR_CASES);
	evacuation_free(&e);
	free(cases);
	return err;
}
