/* SPDX-License-Identifier: MIT */
/* What the parts of the picture as SVG share: picture_svg.c, the whole, and
 * picture_svg_row.c, its rows. */
#ifndef MHP_TOOLS_PICTURE_SVG_H
#define MHP_TOOLS_PICTURE_SVG_H

#include "picture.h"

/* All in pixels. */
#define SVG_BAR_X 190
#define SVG_BAR_WIDTH 640
#define SVG_GIGANTIC_X 840
#define SVG_GIGANTIC_WIDTH 10
#define SVG_COUNT_X 860
#define SVG_ROW 14
#define SVG_ROW_GAP 2
#define SVG_STACK 3 /* by which rows behind a row stick out */
#define SVG_LETTER_WIDTH 9

/** struct svg_style - how a kind of cells looks */
struct svg_style {
	const char *class;
	const char *fill;
	const char *letter; /* in runs that are wide enough, or "" */
	const char *ink;    /* of the letter */
};

extern const struct svg_style svg_styles[PICTURE_NR_KINDS];

/** struct svg - a picture that is being drawn, from top to bottom */
struct svg {
	struct picture *p;
	FILE *to;
	unsigned int y;
};

/** svg_text() - text of a class, at a place */
void svg_text(const struct svg *svg, unsigned int x, unsigned int y,
	      const char *class, const char *text);

/** svg_row_height() - what a row takes, with the gap below it */
unsigned int svg_row_height(const struct picture_row *row);

/** svg_row() - draw row @i, and go below it */
void svg_row(struct svg *svg, size_t i);

#endif
