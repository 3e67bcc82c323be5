/* SPDX-License-Identifier: MIT */
/*
 * Plans for people: a table whose columns are those that differ, notes that say
 * why a memmap cannot be on the memory, and for one machine what a plug means
 * to it, in sentences. Not an interface; it may change.
 */
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "size.h"

/* Room for a size as a person reads it. */
#define HUMAN_MAX 32

/* With one digit behind the point where that is needed, and a unit. */
static const char *human(uint64_t size_bytes, char text[HUMAN_MAX])
{
	static const char suffixes[] = "BKMGTP";
	double value = (double)size_bytes;
	unsigned int i = 0;

	while (value >= 1024 && i < 5) {
		value /= 1024;
		i++;
	}
	snprintf(text, HUMAN_MAX, "%.1f", value);
	if (strlen(text) > 2 && strcmp(text + strlen(text) - 2, ".0") == 0)
		text[strlen(text) - 2] = '\0';
	if (size_bytes)
		strncat(text, &suffixes[i], 1);
	return text;
}

enum column {
	COLUMN_GEOMETRY,
	COLUMN_BLOCK,
	COLUMN_DESCRIPTOR,
	COLUMN_MEMMAP,
	COLUMN_BECOMES,
	COLUMN_PAGES,
	COLUMN_WASTED,
	COLUMN_USABLE,
	COLUMN_OVERHEAD,
	COLUMN_GIGANTIC,
	COLUMN_EXISTING,
	COLUMN_BOOT,
	NR_COLUMNS,
};

static const char *const column_names[NR_COLUMNS] = {
	"GEOMETRY", "BLOCK",  "DESC",	  "MEMMAP",   "BECOMES",  "PAGES",
	"WASTED",   "USABLE", "OVERHEAD", "GIGANTIC", "EXISTING", "ENOUGH",
};

/* Reasons, each said once. */
#define MAX_NOTES 26

struct sheet {
	const struct plan_options *options;
	struct libscols_table *table;
	struct libscols_column *columns[NR_COLUMNS]; /* NULL: all the same */
	const char *notes[MAX_NOTES];
	size_t nr_notes;
};

static bool column_is_shown(const struct plan_options *o, enum column column)
{
	bool many = strcmp(o->geometry, "all") == 0;

	if (column == COLUMN_GEOMETRY)
		return many;
	if (column == COLUMN_BLOCK)
		return many || o->all_blocks;
	if (column == COLUMN_DESCRIPTOR)
		return o->all_descriptors;
	return column != COLUMN_BOOT || o->boot_bytes != 0;
}

static bool sheet_new(struct sheet *s, const struct plan_options *o)
{
	int i;

	*s = (struct sheet){.options = o, .table = scols_new_table()};
	if (!s->table)
		return false;
	for (i = 0; i < NR_COLUMNS; i++)
		if (column_is_shown(o, (enum column)i))
			s->columns[i] = scols_table_new_column(
				s->table, column_names[i], 0,
				i == COLUMN_GEOMETRY || i == COLUMN_MEMMAP ||
						i == COLUMN_BECOMES ||
						i == COLUMN_BOOT
					? 0
					: SCOLS_FL_RIGHT);
	return true;
}

__attribute__((format(printf, 4, 5))) static void
cell(const struct sheet *s, struct libscols_line *line, enum column column,
     const char *format, ...)
{
	char text[64];
	va_list args;

	if (!s->columns[column])
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	scols_line_set_column_data(line, s->columns[column], text);
}

/* A reason, as a letter behind a word. */
static const char *sheet_note(struct sheet *s, const char *why,
			      char text[HUMAN_MAX])
{
	size_t i = 0;

	while (i < s->nr_notes && strcmp(s->notes[i], why) != 0)
		i++;
	if (i == s->nr_notes && i < MAX_NOTES)
		s->notes[s->nr_notes++] = why;
	snprintf(text, HUMAN_MAX, " (%c)", (char)('a' + i));
	return text;
}

/* Their size, too, where the table has several. */
static void sheet_gigantic(const struct sheet *s, struct libscols_line *line,
			   const struct plan_row *row)
{
	const struct mhp_geometry *g = &row->geometry;
	char text[HUMAN_MAX];

	if (strcmp(s->options->geometry, "all") == 0)
		cell(s, line, COLUMN_GIGANTIC, "%" PRIu64 " x %s",
		     row->plan.nr_gigantic,
		     human(mhp_page_bytes(g) << mhp_gigantic_order(g), text));
	else
		cell(s, line, COLUMN_GIGANTIC, "%" PRIu64,
		     row->plan.nr_gigantic);
}

static void sheet_answer(const struct sheet *s, struct libscols_line *line,
			 const struct plan_row *row)
{
	const struct mhp_plan *plan = &row->plan;
	char text[HUMAN_MAX];

	cell(s, line, COLUMN_PAGES, "%" PRIu64, plan->nr_memmap_pages);
	cell(s, line, COLUMN_WASTED, "%" PRIu64, plan->nr_wasted_pages);
	cell(s, line, COLUMN_USABLE, "%" PRIu64, plan->nr_usable_pages);
	cell(s, line, COLUMN_OVERHEAD, "%.2f%%", row->overhead_percent);
	sheet_gigantic(s, line, row);
	cell(s, line, COLUMN_EXISTING, "%s", human(row->existing_bytes, text));
	cell(s, line, COLUMN_BOOT, "%s", row->boot_has_it ? "yes" : "no");
}

static void sheet_row(struct sheet *s, const struct plan_row *row)
{
	struct libscols_line *line = scols_table_new_line(s->table, NULL);
	char text[HUMAN_MAX];

	if (!line)
		return;
	cell(s, line, COLUMN_GEOMETRY, "%s", row->geometry_name);
	cell(s, line, COLUMN_BLOCK, "%s",
	     human(mhp_block_bytes(&row->geometry), text));
	cell(s, line, COLUMN_DESCRIPTOR, "%u", row->geometry.descriptor_bytes);
	cell(s, line, COLUMN_MEMMAP, "%s", row->way->name);
	cell(s, line, COLUMN_BECOMES, "%s%s",
	     row->refused ? "refused"
			  : plan_placement_name(row->plan.placement),
	     row->why ? sheet_note(s, row->why, text) : "");
	if (!row->refused)
		sheet_answer(s, line, row);
}

/* Why Linux makes memory blocks of that size, where that is not plain. */
static void print_block_reason(const struct plan_options *o,
			       const struct plan_row *row)
{
	char text[HUMAN_MAX];

	if (!plan_kernel_block(o, &row->geometry))
		return;
	if (!o->boot_bytes) {
		printf(", as with less than 63G of boot memory");
		return;
	}
	if (plan_boot_end(o) < PLAN_LARGE_BYTES)
		return;
	printf(": boot memory ends at %s", human(plan_boot_end(o), text));
	if (o->advice_bytes)
		printf(", and %s is advised", human(o->advice_bytes, text));
	else
		printf(", %s a hypervisor", o->hypervisor ? "with" : "without");
}

static void print_geometry(const struct plan_options *o,
			   const struct plan_row *row)
{
	const struct mhp_geometry *g = &row->geometry;
	char text[HUMAN_MAX];

	printf("%s: pages of %s", row->geometry_name,
	       human(mhp_page_bytes(g), text));
	printf(", gigantic pages of %s\n",
	       human(mhp_page_bytes(g) << mhp_gigantic_order(g), text));
	if (o->all_blocks)
		return;
	printf("memory blocks of %s", human(mhp_block_bytes(g), text));
	print_block_reason(o, row);
	putchar('\n');
}

static void print_head(const struct plan_options *o, const struct plan_row *row)
{
	char text[SIZE_TEXT_MAX];

	size_print(o->size_bytes, text);
	printf("Plugging %s", text);
	if (o->has_addr || plan_is_one(o)) {
		size_print(row->addr_bytes, text);
		printf(" at %s", text);
	}
	printf(", by the rules of %s\n", o->profile_name);
	if (strcmp(o->geometry, "all") != 0)
		print_geometry(o, row);
	if (!o->all_descriptors)
		printf("descriptors of %u bytes\n",
		       row->geometry.descriptor_bytes);
	putchar('\n');
	fflush(stdout);
}

static void print_notes(const struct sheet *s)
{
	size_t i;

	if (s->nr_notes)
		putchar('\n');
	for (i = 0; i < s->nr_notes; i++)
		printf("(%c) %s\n", (char)('a' + i), s->notes[i]);
}

/* Gigantic pages, of as many as there could be at any address. */
static void print_gigantic(const struct plan_options *o,
			   const struct plan_row *row)
{
	const struct mhp_geometry *g = &row->geometry;
	uint64_t page = mhp_page_bytes(g) << mhp_gigantic_order(g);
	char text[HUMAN_MAX];

	human(page, text);
	if (o->size_bytes < page)
		printf("too small for a page of %s\n", text);
	else
		printf("%" PRIu64 " of %" PRIu64 " pages of %s can form\n",
		       row->plan.nr_gigantic, o->size_bytes / page, text);
}

/* What each way to place the memmap means to the memory that is there. */
static void print_way(const struct plan_options *o, const struct plan_row *row)
{
	const char *of = o->boot_bytes ? "it" : "existing memory";
	char need[HUMAN_MAX];

	printf("  %-9s ", row->way->name);
	if (!row->existing_bytes)
		printf("needs none of %s", of);
	else
		printf("needs %s of %s%s", human(row->existing_bytes, need), of,
		       !o->boot_bytes || row->boot_has_it ? "" : ": too much");
	printf("; ");
	print_gigantic(o, row);
}

/* An address that costs gigantic pages. */
static void print_addr(const struct plan_options *o, const struct plan_row *row)
{
	const struct mhp_geometry *g = &row->geometry;
	uint64_t page = mhp_page_bytes(g) << mhp_gigantic_order(g);
	char text[HUMAN_MAX], addr[SIZE_TEXT_MAX];

	if (o->size_bytes < page || row->addr_bytes % page == 0)
		return;
	size_print(row->addr_bytes, addr);
	printf("%s is not a multiple of %s: what is before the first one, and "
	       "behind the\nlast, is in no such page.\n",
	       addr, human(page, text));
}

static void print_movable(const struct plan_options *o,
			  const struct plan_row *row)
{
	const struct mhp_geometry *g = &row->geometry;
	uint64_t movable = mhp_bytes_from_pages(g, row->plan.nr_movable_pages);
	bool group = row->plan.nr_movable_group_pages != 0;
	char text[HUMAN_MAX];

	printf("\nonline_policy=auto-movable with auto_movable_ratio=%" PRIu64
	       " and all boot\nmemory in kernel zones:\n",
	       o->auto_movable_ratio);
	printf("  block by block  %s may go to ZONE_MOVABLE, ",
	       human(movable, text));
	printf("%s to kernel zones\n", human(o->size_bytes - movable, text));
	printf("  as one DIMM     all of it to %s (a static memory group)\n",
	       group ? "ZONE_MOVABLE" : "kernel zones");
	if (!group)
		printf("All of it may go to ZONE_MOVABLE from "
		       "auto_movable_ratio=%" PRIu64 " on.\n",
		       (o->size_bytes * 100 + o->boot_bytes - 1) /
			       o->boot_bytes);
}

static void print_ways(const struct plan_options *o,
		       const struct plan_rows *rows)
{
	char boot[HUMAN_MAX], left[HUMAN_MAX];
	size_t i;

	putchar('\n');
	if (o->boot_bytes)
		printf("Of %s of boot memory %s are left by its own memmap; "
		       "what else the kernel\nuses is not known here. ",
		       human(o->boot_bytes, boot),
		       human(rows->rows[0].boot_left_bytes, left));
	printf("The plug\n");
	for (i = 0; i < rows->nr; i++)
		print_way(o, &rows->rows[i]);
	print_addr(o, &rows->rows[0]);
}

void plan_print_table(const struct plan_options *o,
		      const struct plan_rows *rows)
{
	struct sheet s;
	size_t i;

	if (!sheet_new(&s, o))
		return;
	for (i = 0; i < rows->nr; i++)
		sheet_row(&s, &rows->rows[i]);
	print_head(o, &rows->rows[0]);
	scols_print_table(s.table);
	scols_unref_table(s.table);
	print_notes(&s);
	if (!plan_is_one(o))
		return;
	print_ways(o, rows);
	if (o->boot_bytes)
		print_movable(o, &rows->rows[0]);
}
