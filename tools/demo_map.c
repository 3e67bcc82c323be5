/* SPDX-License-Identifier: MIT */
/* Pictures of the memory; see demo_map.h. */
#include "demo_map.h"

#include <inttypes.h>
#include <stdio.h>

#include "demo.h"

/* How a cell looks. */
struct look {
	const char *ascii;
	const char *utf8;
	const char *colour; /* of a terminal; "" is its own */
	const char *meaning;
};

static const struct look looks[MAP_NR_CELLS] = {
	[MAP_NOTHING] = {" ", " ", "", NULL},
	[MAP_OFFLINE] = {"-", "-", "\033[2m", "offline"},
	[MAP_FREE] = {".", "\u00b7", "\033[2m", "free"},
	[MAP_ISOLATED] = {"x", "\u00d7", "\033[33m", "isolated"},
	[MAP_PARTLY] = {":", "\u2591", "\033[32m", "less"},
	[MAP_MOSTLY] = {"+", "\u2593", "\033[32m", "half used"},
	[MAP_USED] = {"#", "\u2588", "\033[32m", "used"},
	[MAP_MEMMAP] = {"M", "M", "\033[1;34m", "memmap"},
	[MAP_PINNED] = {"P", "P", "\033[1;31m", "pinned"},
};

/* ---- taking ---- */

static bool is_within(mhp_pfn_t pfn, mhp_pfn_t start_pfn, uint64_t nr_pages)
{
	return pfn >= start_pfn && pfn - start_pfn < nr_pages;
}

static struct mhp_tally tally_pages(struct mhp *m, struct mhp_range range)
{
	struct mhp_tally tally = {{0}, 0, 0};

	(void)!mhp_frame_tally(m, range, &tally);
	return tally;
}

static enum map_cell cell_level(const struct mhp_tally *tally)
{
	uint64_t used = tally->nr[MHP_PAGE_ALLOCATED];
	uint64_t left = tally->nr[MHP_PAGE_FREE] + tally->nr[MHP_PAGE_ISOLATED];

	if (used > 15 * left)
		return MAP_USED;
	if (used)
		return used < left ? MAP_PARTLY : MAP_MOSTLY;
	if (tally->nr[MHP_PAGE_ISOLATED])
		return MAP_ISOLATED;
	if (tally->nr[MHP_PAGE_FREE])
		return MAP_FREE;
	return tally->nr[MHP_PAGE_OFFLINE] ? MAP_OFFLINE : MAP_NOTHING;
}

static enum map_cell cell_of(struct mhp_range range,
			     const struct mhp_tally *tally,
			     mhp_pfn_t pinned_pfn)
{
	if (is_within(pinned_pfn, range.start_pfn, range.nr_pages))
		return MAP_PINNED;
	if (tally->nr[MHP_PAGE_MEMMAP] + tally->nr[MHP_PAGE_RESERVED])
		return MAP_MEMMAP;
	return cell_level(tally);
}

/* How many memory blocks share a row. */
static uint64_t row_blocks(uint64_t nr_blocks)
{
	return (nr_blocks + MAP_REGION_ROWS - 1) / MAP_REGION_ROWS;
}

/* One row: @range, which is drawn as wide as @row_pages would be. */
static void row_take(struct mhp *m, struct map_row *row, struct mhp_range range,
		     uint64_t row_pages, mhp_pfn_t pinned_pfn)
{
	struct mhp_range cell = {range.start_pfn, row_pages / MAP_COLUMNS};
	uint64_t used = 0, all = 0;
	unsigned int i;

	row->block_id = mhp_block_id(mhp_geometry(m), range.start_pfn);
	for (i = 0; i < MAP_COLUMNS; i++, cell.start_pfn += cell.nr_pages) {
		struct mhp_tally tally;

		row->cells[i] = MAP_NOTHING;
		if (cell.start_pfn >= mhp_range_end_pfn(range))
			continue;
		tally = tally_pages(m, cell);
		row->cells[i] = (unsigned char)cell_of(cell, &tally,
						       pinned_pfn);
		used += tally.nr[MHP_PAGE_ALLOCATED];
		all += tally.nr[MHP_PAGE_ALLOCATED] + tally.nr[MHP_PAGE_FREE] +
		       tally.nr[MHP_PAGE_ISOLATED];
		row->is_there |= !tally.nr[MHP_PAGE_ABSENT];
	}
	row->used_percent = all ? (unsigned int)(used * 100 / all) : 0;
}

static void map_region(struct demo *d, struct demo_map *map, const char *name,
		       struct mhp_range range, mhp_pfn_t pinned_pfn)
{
	uint64_t block_pages = mhp_block_pages(&d->plan.geometry);
	uint64_t row_pages = row_blocks(range.nr_pages / block_pages) *
			     block_pages;
	mhp_pfn_t end = mhp_range_end_pfn(range);

	for (; range.start_pfn < end; range.start_pfn += row_pages) {
		struct map_row *row = &map->rows[map->nr_rows++];
		uint64_t left = end - range.start_pfn;

		*row = (struct map_row){.region = name};
		range.nr_pages = left < row_pages ? left : row_pages;
		row_take(d->mhp, row, range, row_pages, pinned_pfn);
	}
}

void demo_map_take(struct demo *d, struct demo_map *map, const char *title,
		   mhp_pfn_t pinned_pfn)
{
	const struct mhp_geometry *g = &d->plan.geometry;
	struct mhp_range boot = {0,
				 mhp_pages_from_bytes(g, d->plan.boot_bytes)};

	*map = (struct demo_map){.title = title};
	map_region(d, map, "boot", boot, pinned_pfn);
	map_region(d, map, "DIMM 1", d->dimms[DEMO_FIRST].range, pinned_pfn);
	map_region(d, map, "DIMM 2", d->dimms[DEMO_SECOND].range, pinned_pfn);
}

/* ---- printing ---- */

static void cell_print(enum map_cell cell, enum map_cell before, bool colour,
		       bool utf8)
{
	const struct look *look = &looks[cell];

	if (colour && cell != before)
		printf("\033[m%s", look->colour);
	fputs(utf8 ? look->utf8 : look->ascii, stdout);
}

static void row_print(const struct map_row *row, bool colour, bool utf8)
{
	enum map_cell before = MAP_NR_CELLS;
	unsigned int i;

	printf("%-6s%5" PRIu64 " ", row->region, row->block_id);
	if (!row->is_there) {
		printf("unplugged\n");
		return;
	}
	for (i = 0; i < MAP_COLUMNS; i++) {
		cell_print(row->cells[i], before, colour, utf8);
		before = row->cells[i];
	}
	printf("%s %3u\n", colour ? "\033[m" : "", row->used_percent);
}

void map_print(const struct demo_map *map, bool colour, bool utf8)
{
	unsigned int i;

	if (!map->title)
		return;
	printf("%-*s%% used\n", 12 + MAP_COLUMNS - 2, map->title);
	for (i = 0; i < map->nr_rows; i++)
		row_print(&map->rows[i], colour, utf8);
	putchar('\n');
}

void map_print_legend(bool colour, bool utf8)
{
	unsigned int i;

	for (i = MAP_NR_CELLS - 1; i > MAP_NOTHING; i--) {
		cell_print(i, MAP_NR_CELLS, colour, utf8);
		printf("%s %s%s", colour ? "\033[m" : "", looks[i].meaning,
		       i > MAP_NOTHING + 1 ? "  " : "\n");
	}
}
