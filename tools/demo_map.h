/* SPDX-License-Identifier: MIT */
/*
 * Pictures of the memory: a row is a memory block, or several where there are
 * many; a character is 1/64 of a row.
 *
 * What it does not do: stop anybody. A map that is taken while threads allocate
 * shows each page at its own moment.
 */
#ifndef MHP_TOOLS_DEMO_MAP_H
#define MHP_TOOLS_DEMO_MAP_H

#include <stdbool.h>
#include <stdint.h>

#define MAP_COLUMNS 64
/* Rows of one region; more blocks share rows. */
#define MAP_REGION_ROWS 12
#define MAP_REGIONS 3

/** What a character shows: of its pages, what matters most. */
enum map_cell {
	MAP_NOTHING, /* no memory */
	MAP_OFFLINE,
	MAP_FREE,
	MAP_ISOLATED, /* free, and nobody gets it */
	MAP_PARTLY,   /* used, less than half of it */
	MAP_MOSTLY,
	MAP_USED,   /* but for a sixteenth */
	MAP_MEMMAP, /* some of it */
	MAP_PINNED, /* a page of it */
	MAP_NR_CELLS,
};

struct map_row {
	const char *region;
	uint64_t block_id; /* first */
	bool is_there;
	unsigned int used_percent; /* of what the allocator has */
	unsigned char cells[MAP_COLUMNS];
};

struct demo_map {
	const char *title; /* NULL: was not taken */
	unsigned int nr_rows;
	struct map_row rows[MAP_REGIONS * MAP_REGION_ROWS];
};

/** map_print() - to stdout */
void map_print(const struct demo_map *map, bool colour, bool utf8);

/** map_print_legend() - what the characters mean */
void map_print_legend(bool colour, bool utf8);

#endif
