/* SPDX-License-Identifier: MIT */
/* One row of the picture as SVG: cells, what they are for whoever points at
 * them, and what is said beside them. */
#include <inttypes.h>

#include "picture_svg.h"
#include "size.h"

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
		[MHP_PAGE_DEVICE] = "device",
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

unsigned int svg_row_height(const struct picture_row *row)
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
	const struct svg_style *style = &svg_styles[row->cells[from].kind];
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
		height = svg_row_height(row);
	fprintf(svg->to,
		"<rect class=\"%s\" x=\"%u\" y=\"%u\" width=\"%u\" "
		"height=\"%u\"/>\n",
		row->gigantic == PICTURE_IS_FREE ? "G" : "g", SVG_GIGANTIC_X,
		svg->y, SVG_GIGANTIC_WIDTH, height);
}

void svg_row(struct svg *svg, size_t i)
{
	struct picture_row *row = &svg->p->rows[i];

	row->y = svg->y + SVG_ROW / 2;
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
	svg->y += svg_row_height(row);
}
