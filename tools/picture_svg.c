/* SPDX-License-Identifier: MIT */
/*
 * The picture of a machine as SVG: complete in itself, without scripts or fonts
 * of its own, and bounded in size. Not an interface; it may change.
 *
 *   title
 *   scale          0         32M        64M        96M       128M
 *   node   +-----------------------------------------------------------+
 *          | group: device, state, zone, placement, addresses          |
 *          | id  address  [cells                                ]  | G |
 *          +-----------------------------------------------------------+
 *   legend
 *
 * Colours are those of Okabe and Ito, which people who see fewer colours can
 * tell apart; letters and hatching say the same again.
 */
#include <inttypes.h>
#include <string.h>

#include "picture.h"
#include "size.h"

/* All in pixels. */
#define SVG_WIDTH 940
#define SVG_BAR_X 190
#define SVG_BAR_WIDTH 640
#define SVG_GIGANTIC_X 840
#define SVG_GIGANTIC_WIDTH 10
#define SVG_COUNT_X 860
#define SVG_ROW 14
#define SVG_ROW_GAP 2
#define SVG_STACK 3 /* by which rows behind a row stick out */
#define SVG_HEAD 74 /* title and scale */
#define SVG_NODE_HEAD 20
#define SVG_GROUP_HEAD 19
#define SVG_GROUP_GAP 8
#define SVG_LEGEND_COLUMN 225
#define SVG_LEGEND_ROW 20
#define SVG_LETTER_WIDTH 9

/* More would be too large a file: each is at most 220 bytes. */
#define SVG_MAX_RUNS 1100
#define SVG_MAX_ROWS 96
#define SVG_CELLS 256
#define SVG_CELLS_MIN 64

struct style {
	const char *class;
	const char *fill;
	const char *letter; /* in runs that are wide enough, or "" */
	const char *ink;    /* of the letter */
};

static const struct style styles[PICTURE_NR_KINDS] = {
	[PICTURE_ABSENT] = {"a", "none", "", ""},
	[PICTURE_OFFLINE] = {"o", "url(#offline)", "", ""},
	[PICTURE_FREE] = {"f", "#f0f0f0", "", ""},
	[PICTURE_LITTLE] = {"l", "#a6dccb", "", ""},
	[PICTURE_MUCH] = {"h", "#53bd9f", "", ""},
	[PICTURE_FULL] = {"k", "#009e73", "", ""},
	[PICTURE_ISOLATED] = {"i", "url(#isolated)", "i", "#000"},
	[PICTURE_WITHHELD] = {"w", "url(#withheld)", "w", "#000"},
	[PICTURE_RESERVED] = {"r", "#999", "r", "#000"},
	[PICTURE_MEMMAP_PART] = {"n", "#56b4e9", "m", "#000"},
	[PICTURE_MEMMAP] = {"m", "#0072b2", "M", "#fff"},
	[PICTURE_UNMOVABLE] = {"u", "#e69f00", "u", "#000"},
	[PICTURE_POISONED] = {"x", "#000", "x", "#fff"},
	[PICTURE_PINNED] = {"p", "#d55e00", "P", "#fff"},
};

static const char *const svg_defs =
	"<defs>\n"
	"<pattern id=\"offline\" width=\"6\" height=\"6\" "
	"patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" "
	"fill=\"#fff\"/><path d=\"M-1 7L7 -1M-1 1L1 -1M5 7L7 5\" "
	"stroke=\"#aaa\"/></pattern>\n"
	"<pattern id=\"isolated\" width=\"6\" height=\"6\" "
	"patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" "
	"fill=\"#fff\"/><path d=\"M-1 -1L7 7M-1 5L1 7M5 -1L7 1\" "
	"stroke=\"#cc79a7\" stroke-width=\"2\"/></pattern>\n"
	"<pattern id=\"withheld\" width=\"6\" height=\"6\" "
	"patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" "
	"fill=\"#f0e442\"/><path d=\"M0 3H6\" stroke=\"#b8ac00\"/>"
	"</pattern>\n";

static const char *const svg_css =
	"text{font-family:sans-serif;font-size:11px;fill:#222}\n"
	".t{font-size:16px;font-weight:bold}\n"
	".s{fill:#555}\n"
	".d{font-family:monospace;font-size:10px;text-anchor:end}\n"
	".b{font-weight:bold}\n"
	".c{text-anchor:middle}\n"
	".q{font-size:10px;text-anchor:middle;font-weight:bold;"
	"pointer-events:none}\n"
	".box{fill:none;stroke:#888}\n"
	".node{fill:none;stroke:#444;stroke-width:1.5}\n"
	".bar{fill:none;stroke:#666;stroke-width:.6;pointer-events:none}\n"
	".stack{fill:#fff;stroke:#888;stroke-width:.6}\n"
	".tick{stroke:#888;stroke-width:.6}\n"
	".G{fill:#cc79a7}\n"
	".g{fill:#fff;stroke:#cc79a7;stroke-dasharray:2 1}\n";

struct svg {
	const struct picture *p;
	FILE *to;
	unsigned int y;
};

/* ---- text ---- */

/* Of a file's name, which may be any bytes. */
static void put_text(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", to);
		else if (*text == '<')
			fputs("&lt;", to);
		else if (*text == '>')
			fputs("&gt;", to);
		else
			putc(*text >= ' ' && *text <= '~' ? *text : '?', to);
	}
}

static void svg_text(const struct svg *svg, unsigned int x, unsigned int y,
		     const char *class, const char *text)
{
	fprintf(svg->to, "<text x=\"%u\" y=\"%u\" class=\"%s\">", x, y, class);
	put_text(svg->to, text);
	fputs("</text>\n", svg->to);
}

static void cell_add(struct picture_cell *sum, const struct picture_cell *cell)
{
	unsigned int use;

	for (use = 0; use < MHP_NR_PAGE_USES; use++)
		sum->tally.nr[use] += cell->tally.nr[use];
	sum->tally.nr_memmap_elsewhere += cell->tally.nr_memmap_elsewhere;
	sum->nr_pinned += cell->nr_pinned;
}

/* What is where in a run of cells, for whoever points at it. */
static void svg_tooltip(const struct svg *svg, const struct picture_row *row,
			unsigned int from, unsigned int end)
{
	static const char *const names[MHP_NR_PAGE_USES] = {
		[MHP_PAGE_HOLE] = "hole",
		[MHP_PAGE_OFFLINE] = "offline",
		[MHP_PAGE_MEMMAP] = "memmap",
		[MHP_PAGE_RESERVED] = "reserved",
		[MHP_PAGE_FREE] = "free",
		[MHP_PAGE_ISOLATED] = "isolated",
		[MHP_PAGE_ALLOCATED] = "allocated",
		[MHP_PAGE_POISONED] = "bad",
		[MHP_PAGE_WITHHELD] = "withheld",
	};
	const struct mhp_geometry *g = &svg->p->machine->layout.geometry;
	struct mhp_range first = picture_cell_range(svg->p, row, from);
	struct picture_cell sum = {.nr_pinned = 0};
	char size[SIZE_TEXT_MAX];
	unsigned int i, use;

	size_print(mhp_bytes_from_pages(g, first.nr_pages * (end - from)),
		   size);
	fprintf(svg->to, "<title>0x%" PRIx64 ", %s; pages:",
		mhp_pa_from_pfn(g, first.start_pfn).bytes, size);
	for (i = from; i < end; i++)
		cell_add(&sum, &row->cells[i]);
	for (use = 0; use < MHP_NR_PAGE_USES; use++)
		if (sum.tally.nr[use] && names[use])
			fprintf(svg->to, " %" PRIu64 " %s", sum.tally.nr[use],
				names[use]);
	if (sum.tally.nr_memmap_elsewhere)
		fprintf(svg->to, "; %" PRIu64 " of them memmap of other blocks",
			sum.tally.nr_memmap_elsewhere);
	if (sum.nr_pinned)
		fprintf(svg->to, "; %" PRIu64 " of them pinned", sum.nr_pinned);
	fputs("</title>", svg->to);
}

/* ---- rows ---- */

static bool row_is_stack(const struct picture_row *row)
{
	return row->nr_alike > 1;
}

static unsigned int row_height(const struct picture_row *row)
{
	return SVG_ROW + SVG_ROW_GAP + (row_is_stack(row) ? 2 * SVG_STACK : 0);
}

/* In tenths of a pixel, which is exact for 64 cells and more. */
static unsigned int cell_x(const struct svg *svg, unsigned int i)
{
	return SVG_BAR_X * 10 + i * (SVG_BAR_WIDTH * 10 / svg->p->nr_cells);
}

static void svg_run(const struct svg *svg, const struct picture_row *row,
		    unsigned int from, unsigned int end)
{
	const struct style *style = &styles[row->cells[from].kind];
	unsigned int x = cell_x(svg, from), width = cell_x(svg, end) - x;

	fprintf(svg->to,
		"<rect class=\"%s\" x=\"%u.%u\" y=\"%u\" width=\"%u.%u\" "
		"height=\"%u\">",
		style->class, x / 10, x % 10, svg->y, width / 10, width % 10,
		SVG_ROW);
	svg_tooltip(svg, row, from, end);
	fputs("</rect>\n", svg->to);
	if (*style->letter && width >= SVG_LETTER_WIDTH * 10)
		fprintf(svg->to,
			"<text class=\"q\" x=\"%u\" y=\"%u\" "
			"style=\"fill:%s\">%s</text>\n",
			(x + width / 2) / 10, svg->y + SVG_ROW - 3, style->ink,
			style->letter);
}

static void svg_cells(const struct svg *svg, const struct picture_row *row)
{
	unsigned int from = 0, i;

	for (i = 1; i <= svg->p->nr_cells; i++) {
		if (i < svg->p->nr_cells &&
		    row->cells[i].kind == row->cells[from].kind)
			continue;
		if (row->cells[from].kind != PICTURE_ABSENT)
			svg_run(svg, row, from, i);
		from = i;
	}
}

/* Rows that are alike lie behind the one that is drawn. */
static void svg_stack(const struct svg *svg, const struct picture_row *row)
{
	unsigned int i, nr = row->nr_alike > 2 ? 2 : 1;

	for (i = nr; i; i--)
		fprintf(svg->to,
			"<rect class=\"stack\" x=\"%u\" y=\"%u\" "
			"width=\"%u\" height=\"%u\"/>\n",
			SVG_BAR_X + i * SVG_STACK, svg->y + i * SVG_STACK,
			SVG_BAR_WIDTH, SVG_ROW);
	fprintf(svg->to,
		"<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" "
		"fill=\"#fff\"/>\n",
		SVG_BAR_X, svg->y, SVG_BAR_WIDTH, SVG_ROW);
}

static void svg_labels(const struct svg *svg, const struct picture_row *row)
{
	uint64_t bytes = mhp_block_bytes(&svg->p->machine->layout.geometry);
	unsigned int y = svg->y + SVG_ROW - 3;
	char text[64];

	if (row->last_id == row->first_id + 1)
		snprintf(text, sizeof(text), "%" PRIu64, row->first_id);
	else
		snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64,
			 row->first_id, row->last_id - 1);
	svg_text(svg, SVG_BAR_X - 90, y, "d", text);
	snprintf(text, sizeof(text), "0x%" PRIx64, row->first_id * bytes);
	svg_text(svg, SVG_BAR_X - 6, y, "d s", text);
	if (!row_is_stack(row))
		return;
	snprintf(text, sizeof(text), "\xc3\x97 %" PRIu64, row->nr_alike);
	fprintf(svg->to, "<text x=\"%u\" y=\"%u\" class=\"b\">%s</text>\n",
		SVG_COUNT_X, y, text);
}

/* A bar goes on to the next row if a gigantic page does. */
static bool gigantic_goes_on(const struct svg *svg, size_t i)
{
	const struct mhp_geometry *g = &svg->p->machine->layout.geometry;
	const struct picture_row *row = &svg->p->rows[i];
	mhp_pfn_t end = row->last_id * mhp_block_pages(g);

	return i + 1 < picture_group_end(svg->p, i) &&
	       row[1].gigantic == row->gigantic &&
	       end & ((UINT64_C(1) << mhp_gigantic_order(g)) - 1);
}

static void svg_gigantic(const struct svg *svg, size_t i)
{
	const struct picture_row *row = &svg->p->rows[i];
	unsigned int height = SVG_ROW;

	if (row->gigantic == PICTURE_NO_GIGANTIC)
		return;
	if (gigantic_goes_on(svg, i))
		height = row_height(row);
	fprintf(svg->to,
		"<rect class=\"%s\" x=\"%u\" y=\"%u\" width=\"%u\" "
		"height=\"%u\"/>\n",
		row->gigantic == PICTURE_IS_FREE ? "G" : "g", SVG_GIGANTIC_X,
		svg->y, SVG_GIGANTIC_WIDTH, height);
}

static void svg_row(struct svg *svg, size_t i)
{
	const struct picture_row *row = &svg->p->rows[i];

	svg_labels(svg, row);
	if (row_is_stack(row))
		svg_stack(svg, row);
	svg_cells(svg, row);
	fprintf(svg->to,
		"<rect fill=\"url(#pageblocks)\" x=\"%u\" y=\"%u\" "
		"width=\"%u\" height=\"%u\" style=\"pointer-events:none\"/>"
		"<rect class=\"bar\" x=\"%u\" y=\"%u\" width=\"%u\" "
		"height=\"%u\"/>\n",
		SVG_BAR_X, svg->y, SVG_BAR_WIDTH, SVG_ROW, SVG_BAR_X, svg->y,
		SVG_BAR_WIDTH, SVG_ROW);
	svg_gigantic(svg, i);
	svg->y += row_height(row);
}

/* ---- groups and nodes ---- */

static size_t svg_group(struct svg *svg, size_t i)
{
	size_t end = picture_group_end(svg->p, i);
	unsigned int top = svg->y;
	char text[PICTURE_TEXT_MAX];

	picture_group_text(svg->p, i, text);
	svg_text(svg, 28, svg->y + 14, "b", text);
	svg->y += SVG_GROUP_HEAD;
	for (; i < end; i++)
		svg_row(svg, i);
	fprintf(svg->to,
		"<rect class=\"box\" x=\"20\" y=\"%u\" width=\"%u\" "
		"height=\"%u\" rx=\"3\"/>\n",
		top, SVG_WIDTH - 40, svg->y - top + 3);
	svg->y += SVG_GROUP_GAP + 3;
	return end;
}

static bool same_node(const struct picture *p, size_t a, size_t b)
{
	return p->rows[a].facts.node == p->rows[b].facts.node;
}

static size_t svg_node(struct svg *svg, size_t i)
{
	unsigned int top = svg->y;
	char text[32];
	size_t first = i;

	snprintf(text, sizeof(text), "node %u", svg->p->rows[i].facts.node);
	if (svg->p->rows[i].facts.node == PICTURE_NODES)
		snprintf(text, sizeof(text), "several nodes");
	svg_text(svg, 18, svg->y + 15, "b", text);
	svg->y += SVG_NODE_HEAD + 2;
	do
		i = svg_group(svg, i);
	while (i < svg->p->nr_rows && same_node(svg->p, first, i));
	fprintf(svg->to,
		"<rect class=\"node\" x=\"10\" y=\"%u\" width=\"%u\" "
		"height=\"%u\" rx=\"5\"/>\n",
		top, SVG_WIDTH - 20, svg->y - top);
	svg->y += SVG_GROUP_GAP;
	return i;
}

/* ---- head and legend ---- */

static void svg_head(struct svg *svg, const char *title)
{
	char text[PICTURE_TEXT_MAX], size[SIZE_TEXT_MAX];
	unsigned int i;

	svg_text(svg, 10, 24, "t", title);
	picture_machine_text(svg->p, text);
	svg_text(svg, 10, 42, "s", text);
	for (i = 0; i <= 4; i++) {
		unsigned int x = SVG_BAR_X + i * SVG_BAR_WIDTH / 4;

		size_print(picture_row_bytes(svg->p) / 4 * i, size);
		svg_text(svg, x, SVG_HEAD - 10, "c s", size);
		fprintf(svg->to, "<path class=\"tick\" d=\"M%u %uv5\"/>\n", x,
			SVG_HEAD - 7);
	}
	svg_text(svg, SVG_BAR_X - 90, SVG_HEAD - 10, "d s", "block");
	svg_text(svg, SVG_BAR_X - 26, SVG_HEAD - 10, "d s", "address");
	svg->y = SVG_HEAD;
}

/* One entry of the legend; @i counts them. */
static void svg_entry(const struct svg *svg, unsigned int *i, const char *class,
		      const char *letter, const char *ink, const char *meaning)
{
	unsigned int x = 14 + *i % 4 * SVG_LEGEND_COLUMN;
	unsigned int y = svg->y + *i / 4 * SVG_LEGEND_ROW;

	fprintf(svg->to,
		"<rect class=\"%s\" x=\"%u\" y=\"%u\" width=\"20\" "
		"height=\"14\"/><rect class=\"bar\" x=\"%u\" y=\"%u\" "
		"width=\"20\" height=\"14\"/>\n",
		class, x, y, x, y);
	if (*letter)
		fprintf(svg->to,
			"<text class=\"q\" x=\"%u\" y=\"%u\" "
			"style=\"fill:%s\">%s</text>\n",
			x + 10, y + 11, ink, letter);
	svg_text(svg, x + 26, y + 11, "", meaning);
	(*i)++;
}

static void svg_legend(struct svg *svg)
{
	const struct picture *p = svg->p;
	unsigned int kind, i = 0;

	for (kind = PICTURE_NR_KINDS - 1; kind > PICTURE_ABSENT; kind--) {
		const struct style *s = &styles[kind];

		if (p->has[kind])
			svg_entry(svg, &i, s->class, s->letter, s->ink,
				  picture_meaning((enum picture_kind)kind));
	}
	if (p->has_gigantic[PICTURE_IS_FREE])
		svg_entry(svg, &i, "G", "", "",
			  picture_gigantic_meaning(PICTURE_IS_FREE));
	if (p->has_gigantic[PICTURE_COULD_BE])
		svg_entry(svg, &i, "g", "", "",
			  picture_gigantic_meaning(PICTURE_COULD_BE));
	svg->y += (i + 3) / 4 * SVG_LEGEND_ROW + 6;
}

static void svg_remarks(struct svg *svg)
{
	const struct fill *fill;
	char text[PICTURE_TEXT_MAX];

	picture_gigantic_text(svg->p, text);
	svg_text(svg, 14, svg->y + 8, "s", text);
	svg->y += 16;
	for (fill = svg->p->machine->fills; fill; fill = fill->next) {
		if (!fill->pins)
			continue;
		picture_pinned_text(svg->p, fill, text);
		svg_text(svg, 14, svg->y + 8, "s", text);
		svg->y += 16;
	}
}

/* ---- the whole ---- */

static void svg_style(const struct svg *svg)
{
	unsigned int kind;

	fputs("<style>\n", svg->to);
	fputs(svg_css, svg->to);
	for (kind = 0; kind < PICTURE_NR_KINDS; kind++)
		fprintf(svg->to, ".%s{fill:%s}\n", styles[kind].class,
			styles[kind].fill);
	fputs("</style>\n", svg->to);
}

/* Lines between pageblocks, where they are not too near to each other. */
static void svg_patterns(const struct svg *svg)
{
	const struct mhp_geometry *g = &svg->p->machine->layout.geometry;
	uint64_t pageblock_bytes = mhp_page_bytes(g) << mhp_pageblock_order(g);
	uint64_t tenths = SVG_BAR_WIDTH * 10 * pageblock_bytes /
			  picture_row_bytes(svg->p);

	fputs(svg_defs, svg->to);
	fprintf(svg->to,
		"<pattern id=\"pageblocks\" x=\"%u\" width=\"%" PRIu64
		".%" PRIu64 "\" height=\"%u\" "
		"patternUnits=\"userSpaceOnUse\">%s</pattern>\n</defs>\n",
		SVG_BAR_X, tenths / 10, tenths % 10, SVG_ROW,
		tenths < 40 ? ""
			    : "<path d=\"M0 0V14\" stroke=\"#fff\" "
			      "stroke-width=\"1.2\"/>");
}

static unsigned int svg_height(const struct picture *p)
{
	unsigned int height = SVG_HEAD, nr_entries, nr_lines = 1, kind;
	const struct fill *fill;
	size_t i, first = 0;

	for (i = 0; i < p->nr_rows; i++) {
		bool group = !picture_same_group(p, i);

		if (i == 0 || (group && !same_node(p, first, i))) {
			height += SVG_NODE_HEAD + 2 + SVG_GROUP_GAP;
			first = i;
		}
		if (group)
			height += SVG_GROUP_HEAD + SVG_GROUP_GAP + 3;
		height += row_height(&p->rows[i]);
	}
	nr_entries = p->has_gigantic[PICTURE_IS_FREE] +
		     p->has_gigantic[PICTURE_COULD_BE];
	for (kind = PICTURE_ABSENT + 1; kind < PICTURE_NR_KINDS; kind++)
		nr_entries += p->has[kind];
	for (fill = p->machine->fills; fill; fill = fill->next)
		nr_lines += fill->pins != 0;
	return height + (nr_entries + 3) / 4 * SVG_LEGEND_ROW + 6 +
	       nr_lines * 16 + 10;
}

static void svg_draw(struct svg *svg, const char *title)
{
	unsigned int height = svg_height(svg->p);
	size_t i = 0;

	fprintf(svg->to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" "
		"height=\"%u\" viewBox=\"0 0 %u %u\">\n<title>",
		SVG_WIDTH, height, SVG_WIDTH, height);
	put_text(svg->to, title);
	fputs("</title>\n", svg->to);
	svg_style(svg);
	svg_patterns(svg);
	fputs("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
	      svg->to);
	svg_head(svg, title);
	while (i < svg->p->nr_rows)
		i = svg_node(svg, i);
	svg_legend(svg);
	svg_remarks(svg);
	fputs("</svg>\n", svg->to);
}

int picture_write_svg(struct machine *machine, const char *title, FILE *to)
{
	static const struct picture_limits limits = {
		.nr_cells = SVG_CELLS,
		.nr_cells_min = SVG_CELLS_MIN,
		.nr_rows = SVG_MAX_ROWS,
		.nr_runs = SVG_MAX_RUNS,
	};
	struct picture p;
	struct svg svg = {.p = &p, .to = to};

	if (picture_take(machine, &limits, &p)) {
		fprintf(stderr, "mhp: the host has no memory\n");
		return -1;
	}
	svg_draw(&svg, title);
	picture_free(&p);
	return 0;
}
