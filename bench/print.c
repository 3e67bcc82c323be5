/* SPDX-License-Identifier: MIT */
/*
 * Figures as a table for people, or as JSON, one object a line. The names of
 * the keys and of the cases are an interface; the table is not.
 */
#include <jansson.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "targets.h"

/* What is printed of a case. */
struct figures {
	double floor, floor_max, min, median, max;
	double ratio; /* 0: there is no floor */
};

/* 0: there are none. */
static double series_max(const struct bench_series *series)
{
	double max = 0;
	unsigned int i;

	for (i = 0; i < series->nr; i++)
		if (series->values[i] > max)
			max = series->values[i];
	return max;
}

static struct figures figures_of(const struct bench_case *c)
{
	struct figures f = {
		.floor = bench_median(&c->floor),
		.floor_max = series_max(&c->floor),
		.median = bench_median(&c->value),
		.min = c->value.values[0],
		.max = series_max(&c->value),
	};
	unsigned int i;

	for (i = 1; i < c->value.nr; i++)
		if (c->value.values[i] < f.min)
			f.min = c->value.values[i];
	if (f.floor > 0)
		f.ratio = f.median / f.floor;
	return f;
}

/* What a target says of a case. */
struct verdict {
	const struct bench_target *target; /* or NULL */
	double figure;			   /* 0: was not measured */
	bool met;
};

static struct verdict verdict_of(const char *name, const struct bench_case *c,
				 const struct bench_case *cases, size_t nr)
{
	struct verdict v = {.target = target_of(name, c)};

	if (v.target)
		v.figure = target_figure(v.target, c, cases, nr);
	v.met = v.figure > 0 && target_met(v.target, v.figure);
	return v;
}

static json_t *real_or_null(double value)
{
	return value > 0 ? json_real(value) : json_null();
}

static const char *target_of_what(const struct bench_target *target)
{
	if (target->kind == TARGET_MEDIAN)
		return "median";
	return target_is_of_one(target) ? "one-thread" : "ratio";
}

/* Null where there is no target, the last two also where it could not be told.
 */
static void print_json_target(json_t *object, const struct verdict *v)
{
	const struct bench_target *t = v->target;

	json_object_set_new(object, "target",
			    t ? json_real(t->value) : json_null());
	json_object_set_new(object, "target_of",
			    t ? json_string(target_of_what(t)) : json_null());
	json_object_set_new(object, "target_least",
			    t ? json_boolean(target_is_least(t)) : json_null());
	json_object_set_new(object, "target_figure", real_or_null(v->figure));
	json_object_set_new(object, "met",
			    v->figure > 0 ? json_boolean(v->met) : json_null());
}

static void print_json(const char *name, const struct bench_case *c,
		       const struct verdict *verdict)
{
	struct figures f = figures_of(c);
	json_t *object = json_object();

	json_object_set_new(object, "bench", json_string(name));
	json_object_set_new(object, "case", json_string(c->name));
	json_object_set_new(object, "unit", json_string(c->unit));
	json_object_set_new(object, "floor", real_or_null(f.floor));
	json_object_set_new(object, "floor_max", real_or_null(f.floor_max));
	json_object_set_new(object, "min", json_real(f.min));
	json_object_set_new(object, "median", json_real(f.median));
	json_object_set_new(object, "max", json_real(f.max));
	json_object_set_new(object, "ratio", real_or_null(f.ratio));
	json_object_set_new(object, "threads", json_integer(c->threads));
	if (c->port)
		json_object_set_new(object, "port", json_string(c->port));
	if (c->placement)
		json_object_set_new(object, "placement",
				    json_string(c->placement));
	json_object_set_new(object, "samples", json_integer(c->value.nr));
	print_json_target(object, verdict);
	json_dumpf(object, stdout,
		   JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

enum column {
	COLUMN_CASE,
	COLUMN_PORT,
	COLUMN_PLACEMENT,
	COLUMN_THREADS,
	COLUMN_UNIT,
	COLUMN_FLOOR,
	COLUMN_MIN,
	COLUMN_MEDIAN,
	COLUMN_MAX,
	COLUMN_RATIO,
	COLUMN_TARGET,
	COLUMN_MET,
	NR_COLUMNS,
};

static const char *const column_names[NR_COLUMNS] = {
	"CASE", "PORT",	  "MEMMAP", "THREADS", "UNIT",	 "FLOOR",
	"MIN",	"MEDIAN", "MAX",    "RATIO",   "TARGET", "MET",
};

__attribute__((format(printf, 3, 4))) static void
cell(struct libscols_line *row, size_t i, const char *format, ...)
{
	char text[64];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	scols_line_set_data(row, i, text);
}

/* With as many digits as mean something. */
static void cell_number(struct libscols_line *row, size_t i, double value)
{
	if (value > 0)
		cell(row, i, "%.*f",
		     value < 10	   ? 2
		     : value < 100 ? 1
				   : 0,
		     value);
	else
		cell(row, i, value < 0 ? "?" : "-");
}

static void cell_target(struct libscols_line *row, const struct bench_case *c,
			const struct verdict *v)
{
	const struct bench_target *t = v->target;

	if (!t) {
		cell(row, COLUMN_TARGET, "-");
		cell(row, COLUMN_MET, "-");
		return;
	}
	if (t->kind == TARGET_MEDIAN)
		cell(row, COLUMN_TARGET, "%g %s", t->value, c->unit);
	else
		cell(row, COLUMN_TARGET, "%g%s", t->value,
		     target_is_of_one(t) ? " of one" : "");
	cell(row, COLUMN_MET, v->met ? "yes" : v->figure > 0 ? "no" : "?");
}

static void print_row(struct libscols_table *table, const struct bench_case *c,
		      const struct verdict *verdict)
{
	struct libscols_line *row = scols_table_new_line(table, NULL);
	struct figures f = figures_of(c);

	if (!row)
		return;
	cell(row, COLUMN_CASE, "%s", c->name);
	cell(row, COLUMN_PORT, "%s", c->port ? c->port : "-");
	cell(row, COLUMN_PLACEMENT, "%s", c->placement ? c->placement : "-");
	cell(row, COLUMN_THREADS, "%u", c->threads);
	cell(row, COLUMN_UNIT, "%s", c->unit);
	cell_number(row, COLUMN_FLOOR, f.floor);
	cell_number(row, COLUMN_MIN, f.min);
	cell_number(row, COLUMN_MEDIAN, f.median);
	cell_number(row, COLUMN_MAX, f.max);
	cell_number(row, COLUMN_RATIO, f.ratio);
	cell_target(row, c, verdict);
}

static bool shown(const struct bench *b, const struct bench_case *c)
{
	return c->value.nr && bench_wants(b, c->name);
}

static void print_table(const struct bench *b, const char *name,
			const struct bench_case *cases, size_t nr)
{
	struct libscols_table *table = scols_new_table();
	struct verdict verdict;
	size_t i;

	if (!table)
		return;
	for (i = 0; i < NR_COLUMNS; i++)
		scols_table_new_column(table, column_names[i], 0,
				       i >= COLUMN_FLOOR || i == COLUMN_THREADS
					       ? SCOLS_FL_RIGHT
					       : 0);
	for (i = 0; i < nr; i++)
		if (shown(b, &cases[i])) {
			verdict = verdict_of(name, &cases[i], cases, nr);
			print_row(table, &cases[i], &verdict);
		}
	printf("\n%s\n", name);
	fflush(stdout);
	scols_print_table(table);
	scols_unref_table(table);
}

/* By all benchmarks, to tell when none of the cases wanted exists. */
static size_t nr_printed;

size_t bench_printed(void)
{
	return nr_printed;
}

void bench_print(const struct bench *b, const char *name,
		 const struct bench_case *cases, size_t nr)
{
	size_t i, nr_shown = 0;
	struct verdict verdict;

	for (i = 0; i < nr; i++)
		if (shown(b, &cases[i]))
			nr_shown++;
	nr_printed += nr_shown;
	if (!b->json && nr_shown)
		print_table(b, name, cases, nr);
	for (i = 0; b->json && i < nr; i++)
		if (shown(b, &cases[i])) {
			verdict = verdict_of(name, &cases[i], cases, nr);
			print_json(name, &cases[i], &verdict);
		}
}
