/* SPDX-License-Identifier: MIT */
/* The picture of a machine as text, and the words that both forms share; see
 * picture.h. Not an interface; it may change. */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "size.h"
#include "snapshot.h"

/* Before the cells of a row: its blocks, and a border. */
#define TEXT_PREFIX 14
/* And behind: a border, and what is said of gigantic pages. */
#define TEXT_SUFFIX 2

struct look {
	char symbol;
	const char *meaning;
};

static const struct look looks[PICTURE_NR_KINDS] = {
	[PICTURE_ABSENT] = {' ', "no memory"},
	[PICTURE_OFFLINE] = {'-', "offline"},
	[PICTURE_FREE] = {'.', "free"},
	[PICTURE_LITTLE] = {':', "movable, less than half"},
	[PICTURE_MUCH] = {'+', "movable, half or more"},
	[PICTURE_FULL] = {'#', "movable, full"},
	[PICTURE_ISOLATED] = {'i', "isolated"},
	[PICTURE_WITHHELD] = {'w', "withheld"},
	[PICTURE_DEVICE] = {'d', "device"},
	[PICTURE_RESERVED] = {'r', "reserved"},
	[PICTURE_MEMMAP_PART] = {'m', "memmap and other pages"},
	[PICTURE_MEMMAP] = {'M', "memmap"},
	[PICTURE_UNMOVABLE] = {'u', "unmovable"},
	[PICTURE_POISONED] = {'x', "bad pages"},
	[PICTURE_PINNED] = {'P', "pinned"},
};

const char *picture_meaning(enum picture_kind kind)
{
	return looks[kind].meaning;
}

static const struct look gigantic_looks[PICTURE_NR_GIGANTIC] = {
	[PICTURE_NO_GIGANTIC] = {' ', "no gigantic page"},
	[PICTURE_COULD_BE] = {'g', "gigantic partly, or once moved"},
	[PICTURE_IS_FREE] = {'G', "in a free gigantic page"},
};

const char *picture_gigantic_meaning(enum picture_gigantic what)
{
	return gigantic_looks[what].meaning;
}

/* ---- words that both forms share ---- */

/* Add to a text as much as it has room for. */
__attribute__((format(printf, 2, 3))) static void
add(char text[PICTURE_TEXT_MAX], const char *format, ...)
{
	size_t n = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + n, PICTURE_TEXT_MAX - n, format, args);
	va_end(args);
}

static void add_size(char text[PICTURE_TEXT_MAX], uint64_t size_bytes)
{
	char size[SIZE_TEXT_MAX];

	size_print(size_bytes, size);
	add(text, "%s", size);
}

void picture_machine_text(const struct picture *p, char text[PICTURE_TEXT_MAX])
{
	const struct mhp_geometry *g = &p->machine->layout.geometry;

	text[0] = '\0';
	add(text, "%s, ", p->machine->config.geometry);
	add_size(text, mhp_page_bytes(g));
	add(text, " pages, pageblocks of ");
	add_size(text, mhp_page_bytes(g) << mhp_pageblock_order(g));
	add(text, ", memory blocks of ");
	add_size(text, mhp_block_bytes(g));
}

static const char *state_word(enum mhp_block_state state)
{
	static const char *const words[] = {
		[MHP_BLOCK_ABSENT] = "on- and offline",
		[MHP_BLOCK_OFFLINE] = "offline",
		[MHP_BLOCK_GOING_ONLINE] = "going online",
		[MHP_BLOCK_ONLINE] = "online",
		[MHP_BLOCK_GOING_OFFLINE] = "going offline",
	};

	return words[state];
}

static void add_zone(char text[PICTURE_TEXT_MAX],
		     const struct picture_facts *facts)
{
	if (facts->zone != MHP_ZONE_NONE)
		add(text, ", %s",
		    mhp_zone_name((enum mhp_zone_type)facts->zone));
	else if (facts->state != MHP_BLOCK_OFFLINE)
		add(text, ", several zones");
}

/* Device ranges have no state. */
static void add_state(char text[PICTURE_TEXT_MAX],
		      const struct picture_facts *facts)
{
	if (facts->zone != MHP_ZONE_DEVICE)
		add(text, ", %s", state_word(facts->state));
	add_zone(text, facts);
}

static const char *placement_word(const struct picture_facts *facts)
{
	struct snapshot_block block = {.info.placement = facts->placement};

	if (facts->placement == MHP_PLACEMENT_AUTO)
		return "mixed";
	return facts->zone == MHP_ZONE_DEVICE &&
			       facts->placement == MHP_PLACEMENT_RANGE
		       ? "device"
		       : snapshot_memmap_word(&block);
}

/* Where the memmaps of a group are, if not on its own blocks. */
static void add_hosts(char text[PICTURE_TEXT_MAX], const struct picture *p,
		      const struct picture_row *row, uint64_t end_id)
{
	uint64_t first = row->host_id, last = picture_host_id(p, end_id - 1);

	if (row->facts.boot || row->facts.placement == MHP_PLACEMENT_BLOCK ||
	    first == PICTURE_NO_HOST || last == PICTURE_NO_HOST)
		return;
	add(text, " in %" PRIu64, first < last ? first : last);
	if (first != last)
		add(text, "-%" PRIu64, first < last ? last : first);
}

/* The blocks of a group, or the persistent memory that it is. */
static void add_place(char text[PICTURE_TEXT_MAX], const struct picture *p,
		      const struct picture_row *row, uint64_t end_id)
{
	uint64_t bytes = mhp_block_bytes(&p->machine->layout.geometry);
	uint64_t start = row->first_id * bytes, end = end_id * bytes;
	const struct slot *slot = row->facts.slot;

	if (row->facts.zone == MHP_ZONE_DEVICE && slot) {
		start = slot->extent.start.bytes;
		end = start + slot->extent.size_bytes;
	}
	add(text, ": 0x%" PRIx64 ", ", start);
	add_size(text, end - start);
}

void picture_group_text(const struct picture *p, size_t i,
			char text[PICTURE_TEXT_MAX])
{
	const struct picture_row *row = &p->rows[i];
	const struct picture_facts *facts = &row->facts;
	uint64_t end = p->rows[picture_group_end(p, i) - 1].last_id;

	text[0] = '\0';
	if (facts->slot)
		add(text, "%s %s", slot_kind_name(facts->slot->kind),
		    facts->slot->id);
	else
		add(text, facts->boot ? "boot" : "several devices");
	if (facts->node == PICTURE_NODES)
		add(text, ", several nodes");
	else
		add(text, ", node %u", facts->node);
	add_state(text, facts);
	add(text, ", memmap %s", placement_word(facts));
	add_hosts(text, p, row, end);
	add_place(text, p, row, end);
}

void picture_gigantic_text(const struct picture *p, char text[PICTURE_TEXT_MAX])
{
	const struct mhp_geometry *g = &p->machine->layout.geometry;

	text[0] = '\0';
	add(text, "gigantic pages of ");
	add_size(text, mhp_page_bytes(g) << mhp_gigantic_order(g));
	add(text,
	    ": %" PRIu64 " free, %" PRIu64
	    " more once what is movable has moved",
	    p->nr_gigantic_free, p->nr_gigantic_could_be);
}

static int id_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Runs of blocks that are named; of more it is only said that there are. */
#define MAX_NAMED 8

/* @ids: ascending, with repetitions */
static void add_blocks(char text[PICTURE_TEXT_MAX], const uint64_t *ids,
		       uint64_t nr)
{
	const char *before = ids[0] == ids[nr - 1] ? " in block "
						   : " in blocks ";
	uint64_t i = 0, first;
	unsigned int named;

	for (named = 0; i < nr && named < MAX_NAMED; named++) {
		first = i++;
		while (i < nr && ids[i] - ids[i - 1] <= 1)
			i++;
		add(text, "%s%" PRIu64, before, ids[first]);
		if (ids[i - 1] != ids[first])
			add(text, "-%" PRIu64, ids[i - 1]);
		before = ", ";
	}
	if (i < nr)
		add(text, " and others");
}

void picture_pinned_text(const struct picture *p, const struct fill *fill,
			 char text[PICTURE_TEXT_MAX])
{
	const struct mhp_geometry *g = &p->machine->layout.geometry;
	uint64_t *ids = calloc(fill->nr_pages, sizeof(*ids));
	uint64_t i;

	text[0] = '\0';
	add(text, "%s is pinned: ", fill->name);
	add_size(text, mhp_bytes_from_pages(g, fill->nr_pages));
	if (!ids)
		return;
	for (i = 0; i < fill->nr_pages; i++)
		ids[i] = mhp_block_id(g, p->machine->port->page_pfn(fill, i));
	qsort(ids, fill->nr_pages, sizeof(*ids), id_compare);
	add_blocks(text, ids, fill->nr_pages);
	free(ids);
}

/* ---- drawing ---- */

/* Where to go on with the next line: behind a colon, if the rest has room
 * there, else at the last blank that leaves no more than @columns. */
static size_t line_end(const char *text, size_t columns)
{
	const char *colon = strstr(text, ": ");
	size_t n = columns;

	if (colon && colon + 1 - text <= (ptrdiff_t)columns &&
	    strlen(colon) <= columns)
		return (size_t)(colon + 1 - text);
	while (n && text[n] != ' ')
		n--;
	return n ? n : strcspn(text, " ");
}

/* A line, continued on others if it has more than @columns. */
static void print_line(const char *text, unsigned int columns)
{
	size_t indent = 0, end;

	while (indent + strlen(text) > columns) {
		end = line_end(text, columns - indent);
		if (!text[end])
			break; /* one long word */
		printf("%*s%.*s\n", (int)indent, "", (int)end, text);
		text += end + 1;
		indent = 2;
	}
	printf("%*s%s\n", (int)indent, "", text);
}

/* Where the columns are: at their start, their half and their end. */
static void print_scale(const struct picture *p)
{
	char half[SIZE_TEXT_MAX], whole[SIZE_TEXT_MAX];

	size_print(picture_row_bytes(p) / 2, half);
	size_print(picture_row_bytes(p), whole);
	printf("%*s%-*s%-*s%s\n", TEXT_PREFIX, "", (int)p->nr_cells / 2, "0",
	       (int)p->nr_cells / 2 - (int)strlen(whole) + 1, half, whole);
}

static void print_row(const struct picture *p, const struct picture_row *row)
{
	char ids[48], cells[PICTURE_COLUMNS_MAX + 1];
	unsigned int i;

	snprintf(ids, sizeof(ids), "%" PRIu64, row->first_id);
	if (row->last_id > row->first_id + 1)
		snprintf(ids, sizeof(ids), "%" PRIu64 "-%" PRIu64,
			 row->first_id, row->last_id - 1);
	for (i = 0; i < p->nr_cells; i++)
		cells[i] = looks[row->cells[i].kind].symbol;
	cells[i] = '\0';
	printf("%*s|%s|", TEXT_PREFIX - 1, ids, cells);
	if (row->gigantic != PICTURE_NO_GIGANTIC)
		putchar(gigantic_looks[row->gigantic].symbol);
	putchar('\n');
}

static void print_rows(const struct picture *p, unsigned int columns)
{
	char text[PICTURE_TEXT_MAX];
	size_t i;

	for (i = 0; i < p->nr_rows; i++) {
		if (!picture_same_group(p, i)) {
			picture_group_text(p, i, text);
			putchar('\n');
			print_line(text, columns);
		}
		print_row(p, &p->rows[i]);
	}
}

/* Words of a legend, as many a line as fit. */
static void print_entry(unsigned int *column, unsigned int columns, char symbol,
			const char *meaning)
{
	unsigned int n = (unsigned int)strlen(meaning) + 2;

	if (*column && *column + 3 + n > columns) {
		putchar('\n');
		*column = 0;
	}
	*column += (unsigned int)printf("%s%c %s", *column ? "   " : "", symbol,
					meaning);
}

static void print_legend(const struct picture *p, unsigned int columns)
{
	unsigned int column = 0, kind;

	putchar('\n');
	for (kind = PICTURE_NR_KINDS - 1; kind > PICTURE_ABSENT; kind--)
		if (p->has[kind])
			print_entry(&column, columns, looks[kind].symbol,
				    looks[kind].meaning);
	for (kind = PICTURE_IS_FREE; kind > PICTURE_NO_GIGANTIC; kind--)
		if (p->has_gigantic[kind])
			print_entry(&column, columns,
				    gigantic_looks[kind].symbol,
				    gigantic_looks[kind].meaning);
	putchar('\n');
}

static void print_remarks(const struct picture *p, unsigned int columns)
{
	const struct fill *fill;
	char text[PICTURE_TEXT_MAX];

	picture_gigantic_text(p, text);
	print_line(text, columns);
	for (fill = p->machine->fills; fill; fill = fill->next)
		if (fill->pins) {
			picture_pinned_text(p, fill, text);
			print_line(text, columns);
		}
}

static void print_head(const struct picture *p, unsigned int columns)
{
	char text[PICTURE_TEXT_MAX];

	picture_machine_text(p, text);
	print_line(text, columns);
	text[0] = '\0';
	add(text, "a column is ");
	add_size(text, picture_row_bytes(p) / p->nr_cells);
	if (p->shift)
		add(text, ", a row %u blocks or more", 1u << p->shift);
	add(text, "; rows that are alike are one");
	print_line(text, columns);
	print_scale(p);
}

/* The largest power of two that leaves room for the rest of a row. */
static unsigned int cells_of(unsigned int columns)
{
	unsigned int nr = 1;

	while (2 * nr + TEXT_PREFIX + TEXT_SUFFIX <= columns)
		nr *= 2;
	return nr;
}

int picture_print(struct machine *machine, unsigned int columns)
{
	struct picture_limits limits = {
		.nr_cells = cells_of(columns),
		.nr_cells_min = cells_of(columns),
		.nr_rows = 128,
		.nr_runs = SIZE_MAX,
	};
	struct picture p;

	if (picture_take(machine, &limits, &p)) {
		fprintf(stderr, "mhp: the host has no memory\n");
		return -1;
	}
	print_head(&p, columns);
	print_rows(&p, columns);
	print_legend(&p, columns);
	print_remarks(&p, columns);
	picture_free(&p);
	return 0;
}
