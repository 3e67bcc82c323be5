/* SPDX-License-Identifier: MIT */
/*
 * Runs as text for people: each command with its line number, what went wrong
 * below it, and tables for a snapshot. Not an interface; it may change.
 */
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "picture.h"
#include "size.h"

#define INDENT "      "

static void text_begin(const struct scenario_line *line)
{
	printf("%4u  %s\n", line->number, line->text);
	fflush(stdout);
}

/* Columns of a table: a name, and whether it holds numbers. */
struct column {
	const char *name;
	bool is_number;
};

static const struct column block_columns[] = {
	{"BLOCK", true},     {"STATE", false},	{"ZONES", false},
	{"NODE", true},	     {"MEMMAP", false}, {"MEMMAP-PAGES", true},
	{"ALLOCATED", true}, {"FREE", true},	{NULL, false},
};

static const struct column zone_columns[] = {
	{"NODE", true},	   {"ZONE", false},   {"SPANNED", true},
	{"PRESENT", true}, {"MANAGED", true}, {"FREE", true},
	{NULL, false},
};

static struct libscols_table *table_new(const struct column *columns)
{
	struct libscols_table *table = scols_new_table();

	if (!table)
		return NULL;
	for (; columns->name; columns++)
		scols_table_new_column(table, columns->name, 0,
				       columns->is_number ? SCOLS_FL_RIGHT : 0);
	return table;
}

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

/* Print a table with an indent, and free it. */
static void table_print(struct libscols_table *table)
{
	char *text = NULL, *rest = NULL, *row;

	if (scols_print_table_to_string(table, &text) == 0 && text)
		for (row = strtok_r(text, "\n", &rest); row;
		     row = strtok_r(NULL, "\n", &rest))
			printf(INDENT "%s\n", row);
	free(text);
	scols_unref_table(table);
}

/* Whether a block can be said of in one line with the one before it. */
static bool is_alike(const struct snapshot_block *a,
		     const struct snapshot_block *b)
{
	return a->info.id == b->info.id + 1 && a->info.node == b->info.node &&
	       strcmp(a->state, b->state) == 0 &&
	       strcmp(a->zones, b->zones) == 0 &&
	       a->info.placement == b->info.placement &&
	       a->info.nr_memmap == b->info.nr_memmap &&
	       a->info.nr_allocated == b->info.nr_allocated &&
	       a->info.nr_free == b->info.nr_free;
}

/* One line for blocks @b and the @nr - 1 that follow it. */
static void print_alike(struct libscols_line *row,
			const struct snapshot_block *b, size_t nr)
{
	if (nr > 1)
		cell(row, 0, "%" PRIu64 "-%" PRIu64, b->info.id,
		     b->info.id + nr - 1);
	else
		cell(row, 0, "%" PRIu64, b->info.id);
	cell(row, 1, "%s", b->state);
	cell(row, 2, "%s", b->zones);
	cell(row, 3, "%u", b->info.node);
	cell(row, 4, "%s", snapshot_memmap_word(b));
	cell(row, 5, "%" PRIu64, b->info.nr_memmap);
	cell(row, 6, "%" PRIu64, b->info.nr_allocated);
	cell(row, 7, "%" PRIu64, b->info.nr_free);
}

static void print_blocks(const struct snapshot *snap)
{
	struct libscols_table *table = table_new(block_columns);
	const struct snapshot_block *blocks = snap->blocks;
	size_t i, nr;

	for (i = 0; table && i < snap->nr_blocks; i += nr) {
		struct libscols_line *row = scols_table_new_line(table, NULL);

		if (!row)
			break;
		for (nr = 1; i + nr < snap->nr_blocks &&
			     is_alike(&blocks[i + nr], &blocks[i + nr - 1]);)
			nr++;
		print_alike(row, &blocks[i], nr);
	}
	if (table)
		table_print(table);
}

static void print_zones(const struct snapshot *snap)
{
	struct libscols_table *table = table_new(zone_columns);
	size_t i;

	for (i = 0; table && i < snap->nr_zones; i++) {
		const struct snapshot_zone *z = &snap->zones[i];
		struct libscols_line *row = scols_table_new_line(table, NULL);

		if (!row)
			break;
		cell(row, 0, "%u", z->node);
		cell(row, 1, "%s", mhp_zone_name(z->zone));
		cell(row, 2, "%" PRIu64, z->info.span.nr_pages);
		cell(row, 3, "%" PRIu64, z->info.nr_present);
		cell(row, 4, "%" PRIu64, z->info.nr_managed);
		cell(row, 5, "%" PRIu64, z->info.nr_free);
	}
	if (table)
		table_print(table);
}

static void print_costs(const struct snapshot *snap)
{
	printf(INDENT "memory since boot: %+" PRId64 " KiB\n",
	       snap->memtotal_delta_kb);
	printf(INDENT "bytes: existing %" PRIu64 ", index %" PRIu64
		      ", page tables %" PRIu64 ", handles %" PRIu64 "\n",
	       snap->stat.existing_bytes, snap->stat.index_bytes,
	       snap->stat.pagetable_bytes, snap->handle_bytes);
}

static void print_snapshot(const struct snapshot *snap)
{
	if (snap->nr_blocks)
		print_blocks(snap);
	else
		printf(INDENT "no hot-plugged memory blocks\n");
	if (snap->nr_zones)
		print_zones(snap);
	print_costs(snap);
}

static void text_end(const struct scenario_line *line, const struct outcome *o,
		     const struct snapshot *snap, const struct uevent_log *log)
{
	size_t i;

	for (i = 0; log && i < log->nr; i++)
		printf(INDENT "uevent: %s\n", log->heads[i]);
	if (o->rc)
		printf(INDENT "%s: %s\n", mhp_errname(o->rc), o->why);
	else if (o->note[0])
		printf(INDENT "note: %s\n", o->note);
	if (line->verb == SCENARIO_CAT && o->rc == 0)
		printf(INDENT "%s\n", o->value);
	if (snap)
		print_snapshot(snap);
	fflush(stdout);
}

static int text_draw(struct machine *machine)
{
	int status;

	putchar('\n');
	status = picture_print(machine, PICTURE_COLUMNS);

	fflush(stdout);
	return status;
}

const struct output output_text = {
	.begin = text_begin,
	.end = text_end,
	.draw = text_draw,
};
