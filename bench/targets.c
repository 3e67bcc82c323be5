/* SPDX-License-Identifier: MIT */
/* What we want the figures to be: see targets.h. */
#include "targets.h"

#include <string.h>

#define ONE_THREAD(row)                                             \
	{                                                           \
		"alloc", row, NULL, NULL, 0, TARGET_ONE_THREAD, 1.1 \
	}
#define LOCKED(row, value)                                       \
	{                                                        \
		"alloc", row, NULL, NULL, 1, TARGET_RATIO, value \
	}
#define MODEL_US(row, value)                                           \
	{                                                              \
		"hotplug", row, "model", NULL, 1, TARGET_MEDIAN, value \
	}

/* The first that fits counts. */
static const struct bench_target targets[] = {
	LOCKED("4k-alloc", 1.5),
	LOCKED("4k-free", 1.4),
	LOCKED("4k-free-random", 1.6),
	LOCKED("4k-free-remote", 2),
	LOCKED("4k-alloc-bulk", 0.3),
	LOCKED("4k-free-bulk", 0.3),
	LOCKED("4k-pair", 2.6),
	LOCKED("2m-pair", 3.1),
	LOCKED("order1-alloc", 3.7),
	LOCKED("order2-alloc", 3.7),
	LOCKED("order3-alloc", 3.7),
	LOCKED("order4-alloc", 3.7),
	LOCKED("order5-alloc", 3.7),
	LOCKED("order6-alloc", 3.7),
	LOCKED("order7-alloc", 3.7),
	LOCKED("order8-alloc", 3.7),
	LOCKED("isolate-*", 3),
	LOCKED("4k-alloc-99-percent-*", 10),
	LOCKED("4k-free-99-percent-*", 10),
	LOCKED("all-but-64", 20),
	LOCKED("all-but-64-1t", 30),
	{"alloc", "producer-consumer", NULL, NULL, 2, TARGET_RATIO, 10},
	ONE_THREAD("4k-alloc"),
	ONE_THREAD("4k-free"),
	ONE_THREAD("4k-pair"),
	ONE_THREAD("2m-pair"),
	ONE_THREAD("order3-*"),
	{"scale", "4k-pair", NULL, NULL, 0, TARGET_ONE_THREAD, 1.1},
	MODEL_US("add-online-1g", 20),
	MODEL_US("add-online-1t", 10000),
	MODEL_US("offline-1g*", 20),
	MODEL_US("remove-1g*", 20),
	{"hotplug", "add-online-1g", "posix", NULL, 1, TARGET_MEDIAN, 1000},
	MODEL_US("forecast-empty", 5),
	MODEL_US("forecast-full", 100),
	{"hotplug", "offline-block", NULL, NULL, 1, TARGET_MEDIAN, 50},
	{"hotplug", "existing-bytes", NULL, "block", 1, TARGET_MEDIAN, 64},
	{"hotplug", "existing-bytes", NULL, "range", 1, TARGET_MEDIAN, 64},
	{"evacuate", "half-full*", NULL, NULL, 1, TARGET_RATIO_LEAST, 0.7},
	{"evacuate", "half-full*", NULL, NULL, 0, TARGET_TIMES_LEAST, 1.4},
	{"bounds", "deadline-*", NULL, NULL, 1, TARGET_MEDIAN, 1000},
	{"bounds", "cancel-*", NULL, NULL, 2, TARGET_MEDIAN, 1000},
};

static bool name_fits(const char *pattern, const char *name)
{
	size_t length = strlen(pattern);

	if (length && pattern[length - 1] == '*')
		return strncmp(pattern, name, length - 1) == 0;
	return strcmp(pattern, name) == 0;
}

/* Where the target does not care, anything does. */
static bool word_fits(const char *wanted, const char *word)
{
	return !wanted || (word && strcmp(wanted, word) == 0);
}

static bool target_fits(const struct bench_target *t, const char *bench,
			const struct bench_case *c)
{
	return strcmp(t->bench, bench) == 0 && name_fits(t->name, c->name) &&
	       word_fits(t->port, c->port) &&
	       word_fits(t->placement, c->placement) &&
	       (t->threads ? c->threads == t->threads : c->threads > 1);
}

const struct bench_target *target_of(const char *bench,
				     const struct bench_case *c)
{
	size_t i;

	for (i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (target_fits(&targets[i], bench, c))
			return &targets[i];
	return NULL;
}

static double ratio_of(const struct bench_case *c)
{
	double floor = bench_median(&c->floor);

	return floor > 0 ? bench_median(&c->value) / floor : 0;
}

/* The case of that name and one thread, or NULL. */
static const struct bench_case *case_of_one(const struct bench_case *c,
					    const struct bench_case *cases,
					    size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (cases[i].threads == 1 && cases[i].value.nr &&
		    strcmp(cases[i].name, c->name) == 0)
			return &cases[i];
	return NULL;
}

/* What several threads do beside what one does; 0 if that is not known. */
static double figure_of_one(const struct bench_target *target,
			    const struct bench_case *c,
			    const struct bench_case *one)
{
	bool times = target->kind == TARGET_TIMES_LEAST;
	double all = times ? bench_median(&c->value) : ratio_of(c), of_one;

	if (!one)
		return 0;
	of_one = times ? bench_median(&one->value) : ratio_of(one);
	return of_one > 0 ? all / of_one : 0;
}

double target_figure(const struct bench_target *target,
		     const struct bench_case *c, const struct bench_case *cases,
		     size_t nr)
{
	if (target->kind == TARGET_MEDIAN)
		return bench_median(&c->value);
	if (!target_is_of_one(target))
		return ratio_of(c);
	return figure_of_one(target, c, case_of_one(c, cases, nr));
}

bool target_met(const struct bench_target *target, double figure)
{
	return target_is_least(target) ? figure >= target->value
				       : figure <= target->value;
}
