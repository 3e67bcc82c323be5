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
 * Where one memmap is for a range, arrows lead from the row that holds it to
 * those that it is of.
 *
 * Colours are those of Okabe and Ito, which people who see fewer colours can
 * tell apart; letters and hatching say the same again.
 */
#include <inttypes.h>
#include <string.h>

#include "picture_svg.h"
#include "size.h"

/* All in pixels. */
#define SVG_WIDTH 940
#define SVG_ARROW_X 15
#define SVG_ARROW_END 38
#define SVG_HEAD 74 /* title and scale */
#define SVG_NODE_HEAD 20
#define SVG_GROUP_HEAD 19
#define SVG_GROUP_GAP 8
#define SVG_LEGEND_COLUMN 225
#define SVG_LEGEND_ROW 20

/* More would be too large a file: each is at most 220 bytes. */
#define SVG_MAX_RUNS 1100
#define SVG_MAX_ROWS 96
#define SVG_CELLS 256
#define SVG_CELLS_MIN 64

const struct svg_style svg_styles[PICTURE_NR_KINDS] = {
	[PICTURE_ABSENT] = {"a", "none", "", ""},
	[PICTURE_OFFLINE] = {"o", "url(#offline)", "", ""},
	[PICTURE_FREE] = {"f", "#f0f0f0", "", ""},
	[PICTURE_LITTLE] = {"l", "#a6dccb", "", ""},
	[PICTURE_MUCH] = {"h", "#53bd9f", "", ""},
	[PICTURE_FULL] = {"k", "#009e73", "", ""},
	[PICTURE_ISOLATED] = {"i", "url(#isolated)", "i", "#000"},
	[PICTURE_WITHHELD] = {"w", "url(#withheld)", "w", "#000"},
	[PICTURE_DEVICE] = {"v", "#ccb3d9", "d", "#000"},
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
	".arrow{fill:none;stroke:#0072b2;stroke-width:1.2}\n"
	".tip{fill:#0072b2}\n"
	".G{fill:#cc79a7}\n"
	".g{fill:#fff;stroke:#cc79a7;stroke-dasharray:2 1}\n";

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

void svg_text(const struct svg *svg, unsigned int x, unsigned int y,
	      const char *class, const char *text)
{
	fprintf(svg->to, "<text x=\"%u\" y=\"%u\" class=\"%s\">", x, y, class);
	put_text(svg->to, text);
	fputs("</text>\n", svg->to);
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

/* ---- who describes whom ---- */

/* The row of a block, or NULL. */
static const struct picture_row *row_of(const struct picture *p, uint64_t id)
{
	size_t i;

	for (i = 0; i < p->nr_rows; i++)
		if (id >= p->rows[i].first_id && id < p->rows[i].last_id)
			return &p->rows[i];
	return NULL;
}

/* From the row that holds a memmap to one that it is of. */
static void svg_arrow(const struct svg *svg, const struct picture_row *host,
		      const struct picture_row *row)
{
	fprintf(svg->to,
		"<path class=\"arrow\" d=\"M%u %uH%uV%uH%u\"/>"
		"<path class=\"tip\" d=\"M%u %ul-6 -3v6z\"/>\n",
		SVG_ARROW_END, host->y, SVG_ARROW_X, row->y, SVG_ARROW_END - 5,
		SVG_ARROW_END, row->y);
}

/* The row that holds the memmap of another one's range, or NULL. */
static const struct picture_row *arrow_from(const struct picture *p,
					    const struct picture_row *row)
{
	const struct picture_row *host = row_of(p, row->host_id);

	return host != row && row->facts.placement == MHP_PLACEMENT_RANGE
		       ? host
		       : NULL;
}

static bool has_arrows(const struct picture *p)
{
	size_t i;

	for (i = 0; i < p->nr_rows; i++)
		if (arrow_from(p, &p->rows[i]))
			return true;
	return false;
}

static void svg_arrows(const struct svg *svg)
{
	size_t i;

	for (i = 0; i < svg->p->nr_rows; i++) {
		const struct picture_row *row = &svg->p->rows[i];
		const struct picture_row *host = arrow_from(svg->p, row);

		if (host)
			svg_arrow(svg, host, row);
	}
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
		const struct svg_style *s = &svg_styles[kind];

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
	if (has_arrows(svg->p)) {
		svg_text(svg, 14, svg->y + 8, "s",
			 "arrows: from the block that holds a memmap to those "
			 "that it is of");
		svg->y += 16;
	}
	for (fill = svg->p->machine->fills; fill; fill = fill->next) {
		if (!fill->pins)
			continue;
		picture_pinned_text(svg->p, fill, text);
		svg_text(svg, 14, svg->y + 8, "s", text);
		svg->y += 16;
	}
}

/* ---- the whole ---- */

static void svg_css_print(const struct svg *svg)
{
	unsigned int kind;

	fputs("<style>\n", svg->to);
	fputs(svg_css, svg->to);
	for (kind = 0; kind < PICTURE_NR_KINDS; kind++)
		fprintf(svg->to, ".%s{fill:%s}\n", svg_styles[kind].class,
			svg_styles[kind].fill);
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
		height += svg_row_height(&p->rows[i]);
	}
	nr_entries = p->has_gigantic[PICTURE_IS_FREE] +
		     p->has_gigantic[PICTURE_COULD_BE];
	for (kind = PICTURE_ABSENT + 1; kind < PICTURE_NR_KINDS; kind++)
		nr_entries += p->has[kind];
	for (fill = p->machine->fills; fill; fill = fill->next)
		nr_lines += fill->pins != 0;
	nr_lines += has_arrows(p);
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
	svg_css_print(svg);
	svg_patterns(svg);
	fputs("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
	      svg->to);
	svg_head(svg, title);
	while (i < svg->p->nr_rows)
		i = svg_node(svg, i);
	svg_arrows(svg);
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
