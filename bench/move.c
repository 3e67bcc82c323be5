/* SPDX-License-Identifier: MIT */
/*
 * What moving the memmap of a memory block of 128 MiB takes, and how long it
 * holds up somebody who uses its pages; on port model, all pages in use.
 *
 * The user, a thread of his own, does two things again and again that a move
 * can delay: he asks for a page, which passes the gate, and he writes to its
 * descriptor through a pointer, which faults while that piece is copied. The
 * figure is the longest time that one round took during a move; beside it, as
 * the floor, the longest in about as much time without one.
 *
 * Both threads take a processor each. A round or a move in which one of them
 * was taken off his does not count, unless there is no other: an embedder keeps
 * the processor (ops->hold_cpu), a process cannot.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "commands.h"
#include "mhp/move.h"
#include "testbed.h"

#define BOOT_BYTES (256 * BENCH_MIB)
#define BLOCK_BYTES (128 * BENCH_MIB)
#define SLOW_NS 5000.0
#define MOST_MOVES 100 /* for one that counts */

enum {
	CASE_EXISTING,
	CASE_BLOCK,
	CASE_HOLD_UP,
	NR_CASES_EACH,
};

#define NR_CASES (2 * NR_CASES_EACH)

static const struct bench_case case_names[NR_CASES] = {
	{
		.name = "move-16",
		.unit = "us",
		.placement = "existing",
		.threads = 1,
	},
	{.name = "move-16", .unit = "us", .placement = "block", .threads = 1},
	{.name = "hold-up-16", .unit = "us", .threads = 2},
	{
		.name = "move-64",
		.unit = "us",
		.placement = "existing",
		.threads = 1,
	},
	{.name = "move-64", .unit = "us", .placement = "block", .threads = 1},
	{.name = "hold-up-64", .unit = "us", .threads = 2},
};

struct user {
	pthread_t thread;
	const struct bench *bench;
	struct mhp *m;
	mhp_pfn_t *pfns;
	uint64_t nr;
	uint64_t started;    /* [atomic] */
	uint64_t stop;	     /* [atomic] */
	uint64_t longest_ns; /* [atomic] of a round */
};

/* Somebody writes to what is just being copied: he tries again. */
static void write_again(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if (info->si_code != SEGV_ACCERR)
		abort();
}

/* How often the calling thread was taken off its processor. */
static long times_preempted(void)
{
	struct rusage usage = {0};

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

static void note_longest(struct user *u, uint64_t ns)
{
	uint64_t longest = __atomic_load_n(&u->longest_ns, __ATOMIC_RELAXED);

	while (ns > longest &&
	       !__atomic_compare_exchange_n(&u->longest_ns, &longest, ns, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static double take_longest_us(struct user *u)
{
	return (double)__atomic_exchange_n(&u->longest_ns, 0,
					   __ATOMIC_RELAXED) /
	       1000;
}

/* Return: how long it took. */
static double user_round(struct user *u, uint64_t i)
{
	mhp_pfn_t pfn = u->pfns[i * 7919 % u->nr];
	volatile uint64_t *extra = mhp_frame_extra(u->m, pfn);
	double start = bench_now_ns();
	struct mhp_page_info info;

	mhp_frame_query(u->m, pfn, &info);
	*extra = i;
	return bench_now_ns() - start;
}

static void *user_run(void *arg)
{
	struct user *u = arg;
	long before = 0;
	uint64_t i;

	bench_pin(u->bench, 1);
	__atomic_store_n(&u->started, 1, __ATOMIC_RELEASE);
	for (i = 0; !__atomic_load_n(&u->stop, __ATOMIC_RELAXED); i++) {
		double ns = user_round(u, i);

		/* Asking each time would be most of the round. */
		if (ns > SLOW_NS) {
			long now = times_preempted();

			note_longest(u, now == before ? (uint64_t)ns : 0);
			before = now;
		} else {
			note_longest(u, (uint64_t)ns);
		}
	}
	return NULL;
}

/* All pages of the block that is free. */
static int user_fill(struct user *u, struct testbed *t)
{
	const struct mhp_request request = {.flags = MHP_ALLOC_THIS_ZONE};
	uint64_t most = t->dimm.nr_pages;

	u->pfns = bench_array(most, sizeof(*u->pfns));
	while (u->pfns && u->nr < most &&
	       !mhp_frame_alloc(t->m, &request, &u->pfns[u->nr]))
		u->nr++;
	return u->nr ? 0 : EXIT_FAILED;
}

/* Return: 0 or EXIT_FAILED. @us receives how long it took; less than 0: it was
 * interrupted. */
static int move_once(struct user *u, struct testbed *t, enum mhp_placement to,
		     double *us)
{
	uint64_t id = mhp_block_id(mhp_geometry(t->m), t->dimm.start_pfn);
	long before = times_preempted();
	double start = bench_now_ns();
	struct mhp_report report;
	int err = mhp_memmap_move(u->m, id, to, MHP_NO_DEADLINE, &report);

	if (err)
		return bench_fail("move", err, &report);
	*us = (bench_now_ns() - start) / 1000;
	if (times_preempted() != before)
		*us = -*us;
	return 0;
}

static void pass_time(double us)
{
	double end = bench_now_ns() + us * 1000;

	while (bench_now_ns() < end)
		;
}

/* One move there or back. @any: also if it was interrupted, so that there is a
 * figure. */
static int measure_move(struct user *u, struct testbed *t, bool onto, bool any,
			struct bench_case *cases)
{
	struct bench_case *c = &cases[onto ? CASE_BLOCK : CASE_EXISTING];
	struct bench_case *held = &cases[CASE_HOLD_UP];
	double us = 0, hold_up, floor;
	bool clean;

	(void)take_longest_us(u);
	if (move_once(u, t, onto ? MHP_PLACEMENT_BLOCK : MHP_PLACEMENT_EXISTING,
		      &us))
		return EXIT_FAILED;
	hold_up = take_longest_us(u);
	clean = us > 0;
	us = clean ? us : -us;
	if (clean || (any && !c->value.nr))
		bench_sample(c, us, 0);
	pass_time(us);
	floor = take_longest_us(u);
	if (hold_up > 0 && floor > 0 && (clean || (any && !held->value.nr)))
		bench_sample(held, hold_up, floor);
	return 0;
}

static bool measured(const struct bench *b, const struct bench_case *cases)
{
	return cases[CASE_EXISTING].value.nr >= b->repeat &&
	       cases[CASE_BLOCK].value.nr >= b->repeat &&
	       cases[CASE_HOLD_UP].value.nr >= b->repeat;
}

static int measure_moves(const struct bench *b, struct user *u,
			 struct testbed *t, struct bench_case *cases)
{
	unsigned int i;

	for (i = 0; i < MOST_MOVES * b->repeat && !measured(b, cases); i++)
		if (measure_move(u, t, i % 2, i >= MOST_MOVES * b->repeat / 2,
				 cases))
			return EXIT_FAILED;
	return 0;
}

static int measure_with_user(const struct bench *b, struct testbed *t,
			     struct bench_case *cases)
{
	struct sigaction action = {.sa_sigaction = write_again,
				   .sa_flags = SA_SIGINFO};
	struct user u = {.bench = b, .m = t->m};
	struct sigaction before;
	int err = user_fill(&u, t);

	sigaction(SIGSEGV, &action, &before);
	if (!err && pthread_create(&u.thread, NULL, user_run, &u))
		err = bench_fail("a thread", MHP_ERR_AGAIN, NULL);
	if (!err) {
		while (!__atomic_load_n(&u.started, __ATOMIC_ACQUIRE))
			sched_yield();
		err = measure_moves(b, &u, t, cases);
		__atomic_store_n(&u.stop, 1, __ATOMIC_RELAXED);
		pthread_join(u.thread, NULL);
	}
	sigaction(SIGSEGV, &before, NULL);
	while (u.nr)
		(void)!mhp_frame_free(t->m, u.pfns[--u.nr], 0);
	free(u.pfns);
	return err;
}

static int measure(const struct bench *b, uint16_t descriptor_bytes,
		   struct bench_case *cases)
{
	struct testbed t;
	int err;

	if (testbed_open_model(&t, b, descriptor_bytes, BOOT_BYTES,
			       BLOCK_BYTES))
		return EXIT_FAILED;
	err = testbed_plug(&t, BLOCK_BYTES, MHP_PLACEMENT_BLOCK);
	if (!err)
		err = measure_with_user(b, &t, cases);
	testbed_close(&t);
	return err;
}

int bench_move(const struct bench *b)
{
	struct bench_case *cases = bench_cases_new(case_names, NR_CASES);
	int err;

	bench_pin(b, 0);
	if (!cases)
		return EXIT_FAILED;
	err = measure(b, 16, cases);
	if (!err)
		err = measure(b, 64, cases + NR_CASES_EACH);
	if (!err)
		bench_print(b, "move", cases, NR_CASES);
	free(cases);
	return err ? EXIT_FAILED : EXIT_DONE;
}
