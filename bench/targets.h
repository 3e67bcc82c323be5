/* SPDX-License-Identifier: MIT */
/*
 * What we want the figures to be. One table, so that the output says which
 * targets are met. A test never looks at it: a machine may be busy.
 */
#ifndef MHP_BENCH_TARGETS_H
#define MHP_BENCH_TARGETS_H

#include "bench.h"

/** What a target is compared with. */
enum target_kind {
	TARGET_RATIO,	    /* median over floor: at most */
	TARGET_RATIO_LEAST, /* median over floor: at least */
	TARGET_MEDIAN,	    /* the figure itself: at most */
	TARGET_ONE_THREAD,  /* ratio over that of one thread: at most */
	TARGET_TIMES_LEAST, /* the figure over that of one thread: at least */
};

struct bench_target {
	const char *bench;
	const char *name;      /* of the case; a final '*' is any end */
	const char *port;      /* NULL: any */
	const char *placement; /* NULL: any */
	unsigned int threads;  /* 0: more than one */
	enum target_kind kind;
	double value;
};

/** target_is_of_one() - whether it compares several threads with one */
static inline bool target_is_of_one(const struct bench_target *target)
{
	return target->kind == TARGET_ONE_THREAD ||
	       target->kind == TARGET_TIMES_LEAST;
}

/** target_is_least() - whether it is a minimum; else it is a maximum */
static inline bool target_is_least(const struct bench_target *target)
{
	return target->kind == TARGET_RATIO_LEAST ||
	       target->kind == TARGET_TIMES_LEAST;
}

/** target_of() - that of a case, or NULL */
const struct bench_target *target_of(const char *bench,
				     const struct bench_case *c);

/** target_figure() - what the target of case @c among @cases is compared with;
 * 0 if that was not measured */
double target_figure(const struct bench_target *target,
		     const struct bench_case *c, const struct bench_case *cases,
		     size_t nr);

/** target_met() - whether such a figure meets it */
bool target_met(const struct bench_target *target, double figure);

#endif
