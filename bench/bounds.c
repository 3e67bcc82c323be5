/* SPDX-License-Identifier: MIT */
/*
 * How long others wait for an evacuation, on port/posix: from half-full memory
 * to resident memory, as in evacuate.c, by one thread.
 *
 *   deadline  how late an offlining ends that does not end in time
 *   cancel    how long after mhp_offline_cancel() was called, by a thread on
 *             another processor, its step has returned
 *   hold-up   the longest time that a thread on another processor takes
 *             meanwhile to pin and unpin a handle at random; floor:
 *             the copy of an extent, which is what it waits for
 *
 * Each of the first two is measured some times for each block, after 100 us to
 * 1 ms of work; a block that is empty by then is no measurement. hold-up is one
 * measurement for a DIMM.
 *
 * What it does not do: leave out what a hypervisor, or the system, takes: a
 * maximum is theirs as often as ours.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "evacuation.h"
#include "floors.h"
#include "mhp/hosted.h"

#define SIZE_DEFAULT (512 * BENCH_MIB)
#define EXTENT_BYTES (256 * BENCH_KIB)
#define MOST_NS 900000
#define LEAST_NS 100000
/* What a user of handles does between two of them. */
#define WORK_NS 10000
#define NR_SIZES 2

enum { BOUND_DEADLINE, BOUND_CANCEL, BOUND_HOLD, NR_BOUNDS };

#define BOUND_CASE(text, nr)                                                   \
	{                                                                      \
		.name = (text), .unit = "us", .port = "posix", .threads = (nr) \
	}

static const struct bench_case case_names[NR_BOUNDS * NR_SIZES] = {
	BOUND_CASE("deadline-4k", 1), BOUND_CASE("deadline-2m", 1),
	BOUND_CASE("cancel-4k", 2),   BOUND_CASE("cancel-2m", 2),
	BOUND_CASE("hold-up-4k", 2),  BOUND_CASE("hold-up-2m", 2),
};

static const uint64_t handle_sizes[NR_SIZES] = {4 * BENCH_KIB, 2 * BENCH_MIB};

/* What is measured, and what two threads tell each other. */
struct bounds {
	struct evacuation *e;
	struct bench_case *c;
	uint64_t dice;
	struct mhp_offline *op; /* [atomic] to be cancelled, or NULL */
	double after_ns;	/* when */
	double cancelled_ns;	/* [atomic] that was when it was; 0: not yet */
	bool done;		/* [atomic] */
	double longest_ns;	/* of pinning */
};

static uint64_t dice_throw(struct bounds *s, uint64_t n)
{
	s->dice ^= s->dice << 13;
	s->dice ^= s->dice >> 7;
	s->dice ^= s->dice << 17;
	return s->dice % n;
}

static double some_ns(struct bounds *s)
{
	return (double)(LEAST_NS + dice_throw(s, MOST_NS));
}

static int step_all(struct evacuation *e, struct mhp_offline *op,
		    struct mhp_report *report)
{
	int err;

	do
		err = mhp_offline_step(e->m, op, report);
	while (err == MHP_ERR_AGAIN);
	return err;
}

/* ---- deadline ---- */

static int try_deadline(struct bounds *s, uint64_t i, struct mhp_report *report)
{
	uint64_t deadline_ns = mhp_hosted_now_ns() + (uint64_t)some_ns(s);
	int err = evacuation_begin(s->e, i, deadline_ns, 0, report);

	if (!err)
		err = step_all(s->e, &s->e->ops[i], report);
	if (err == MHP_ERR_TIMEDOUT)
		bench_sample(s->c,
			     (double)(mhp_hosted_now_ns() - deadline_ns) / 1e3,
			     0);
	return err == MHP_ERR_TIMEDOUT ? MHP_ERR_AGAIN : err;
}

/* ---- cancel ---- */

static void canceller_run(struct bounds *s)
{
	while (!__atomic_load_n(&s->done, __ATOMIC_ACQUIRE)) {
		struct mhp_offline *op = __atomic_load_n(&s->op,
							 __ATOMIC_ACQUIRE);
		double now = bench_now_ns();

		if (!op || now < s->after_ns)
			continue;
		mhp_offline_cancel(s->e->m, op);
		s->cancelled_ns = now;
		__atomic_store_n(&s->op, NULL, __ATOMIC_RELEASE);
	}
}

/* It may be cancelled when it has ended by itself, which does no harm. */
static int try_cancel(struct bounds *s, uint64_t i, struct mhp_report *report)
{
	int err = evacuation_begin(s->e, i, MHP_NO_DEADLINE, 0, report);
	double ended_ns;

	if (err)
		return err;
	s->after_ns = bench_now_ns() + some_ns(s);
	__atomic_store_n(&s->op, &s->e->ops[i], __ATOMIC_RELEASE);
	err = step_all(s->e, &s->e->ops[i], report);
	ended_ns = bench_now_ns();
	while (__atomic_load_n(&s->op, __ATOMIC_ACQUIRE))
		;
	/* Cancelled between two steps it has ended, and a step finds no
	 * operation. */
	if (err == MHP_ERR_INVAL)
		err = MHP_ERR_CANCELED;
	if (err == MHP_ERR_CANCELED && ended_ns > s->cancelled_ns)
		bench_sample(s->c, (ended_ns - s->cancelled_ns) / 1e3, 0);
	return err == MHP_ERR_CANCELED ? MHP_ERR_AGAIN : err;
}

/* ---- hold-up ---- */

static void user_run(struct bounds *s)
{
	struct evacuation *e = s->e;
	uint64_t x = 88172645463325252;

	while (!__atomic_load_n(&s->done, __ATOMIC_ACQUIRE)) {
		mhp_handle_t handle;
		double start;

		x = x * UINT64_C(6364136223846793005) + 1;
		handle = e->handles[(x >> 33) % e->nr_handles];
		start = bench_now_ns();
		if (mhp_handle_pin(e->p, handle))
			(void)mhp_handle_unpin(e->p, handle);
		start = bench_now_ns() - start;
		if (start > s->longest_ns)
			s->longest_ns = start;
		for (start = bench_now_ns(); bench_now_ns() - start < WORK_NS;)
			;
	}
}

static int try_hold(struct bounds *s, uint64_t i, struct mhp_report *report)
{
	int err = evacuation_begin(s->e, i, MHP_NO_DEADLINE,
				   MHP_OFFLINE_PATIENT, report);

	return err ? err : step_all(s->e, &s->e->ops[i], report);
}

/* ---- all of them ---- */

static const struct {
	int (*attempt)(struct bounds *s, uint64_t i, struct mhp_report *report);
	void (*beside)(struct bounds *s); /* on another processor */
} bounds[NR_BOUNDS] = {
	{try_deadline, NULL},
	{try_cancel, canceller_run},
	{try_hold, user_run},
};

struct pair {
	struct bounds *s;
	int bound;
};

static void pair_run(struct bench_worker *w)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct pair *pair = w->ctx;
	struct bounds *s = pair->s;
	uint64_t i, nr = evacuation_nr_blocks(s->e);

	bench_meet(w);
	if (w->index) {
		bounds[pair->bound].beside(s);
		return;
	}
	for (i = 0; !w->err && i < nr; i++)
		do
			w->err = bounds[pair->bound].attempt(s, i, &report);
		while (w->err == MHP_ERR_AGAIN);
	__atomic_store_n(&s->done, true, __ATOMIC_RELEASE);
	if (w->err)
		bench_fail("offline", w->err, &report);
}

/* The copy of an extent, in us; pieces of the floor are larger. */
static double floor_us(struct floor_copy *f)
{
	floor_copy_begin(f, false);
	floor_copy_piece(f, f->size_bytes);
	return (double)EXTENT_BYTES / floor_copy_gbs(f) / 1e3;
}

static int measure(const struct bench *b, struct evacuation *e,
		   struct bench_case *c, int bound, struct floor_copy *f)
{
	struct bounds s = {.e = e, .c = c, .dice = 1 + c->value.nr};
	struct pair pair = {.s = &s, .bound = bound};
	struct bench_worker w;
	int err = EXIT_FAILED;

	if (evacuation_open(e))
		return EXIT_FAILED;
	if (!evacuation_prepare(e, true)) {
		evacuation_touch(e, true);
		bench_threads(b, 0, bounds[bound].beside ? 2 : 1, pair_run,
			      &pair, &w);
		err = w.err ? EXIT_FAILED : 0;
	}
	if (!err && bound == BOUND_HOLD)
		bench_sample(c, s.longest_ns / 1e3, floor_us(f));
	mhp_posix_close(e->p);
	return err;
}

static int measure_all(const struct bench *b, struct evacuation *e,
		       struct bench_case *cases)
{
	struct floor_copy f;
	int err = floor_copy_open(&f, e->size_bytes / 2);

	if (err)
		return bench_fail("floor", err, NULL);
	for (unsigned int i = 0; i < b->repeat; i++)
		for (int c = 0; !err && c < NR_BOUNDS * NR_SIZES; c++) {
			e->handle_bytes = handle_sizes[c % NR_SIZES];
			err = measure(b, e, &cases[c], c / NR_SIZES, &f);
		}
	floor_copy_close(&f);
	return err;
}

int bench_bounds(const struct bench *b)
{
	struct bench_case *cases = bench_cases_new(case_names,
						   NR_BOUNDS * NR_SIZES);
	struct evacuation e = {
		.size_bytes = b->size_bytes ? b->size_bytes : SIZE_DEFAULT,
	};
	int err = EXIT_FAILED;

	bench_pin(b, 0);
	if (cases && !evacuation_alloc(&e, handle_sizes[0]))
		err = measure_all(b, &e, cases);
	if (!err)
		bench_print(b, "bounds", cases, NR_BOUNDS * NR_SIZES);
	evacuation_free(&e);
	free(cases);
	return err;
}
