/* SPDX-License-Identifier: MIT */
/*
 * The picture of a machine's memory: what mhp map draws, and a snapshot in text
 * form.
 *
 *   group    blocks beside each other of which the same can be said
 *   row      a memory block, or the place of one in which there are device
 *            ranges, or as many as it takes to have few rows; rows that are
 *            alike are one
 *   cell     some pages of a row, by what matters most in them
 *
 * picture.c takes it, picture_text.c and picture_svg.c draw it. Nothing here
 * changes the machine.
 */
#ifndef MHP_TOOLS_PICTURE_H
#define MHP_TOOLS_PICTURE_H

#include <stdio.h>

#include "machine.h"

/** What a cell shows: the last of these that is in it. */
enum picture_kind {
	PICTURE_ABSENT = 0,
	PICTURE_OFFLINE,
	PICTURE_FREE,
	PICTURE_LITTLE,	  /* movable pages in less than half of it */
	PICTURE_MUCH,	  /* in half of it, or more */
	PICTURE_FULL,	  /* in all of it */
	PICTURE_ISOLATED, /* free pages that nobody gets */
	PICTURE_WITHHELD,
	PICTURE_DEVICE, /* of a device range, never given to anybody */
	PICTURE_RESERVED,
	PICTURE_MEMMAP_PART, /* memmap or allocator state, and other pages */
	PICTURE_MEMMAP,
	PICTURE_UNMOVABLE,
	PICTURE_POISONED,
	PICTURE_PINNED,
	PICTURE_NR_KINDS,
};

/** What can become of the gigantic pages that a row has a part of. */
enum picture_gigantic {
	PICTURE_NO_GIGANTIC = 0,
	PICTURE_COULD_BE, /* of some: they are free, or will be once what is
			     movable has moved */
	PICTURE_IS_FREE,  /* all are */
	PICTURE_NR_GIGANTIC,
};

struct picture_cell {
	struct mhp_tally tally;
	uint64_t nr_pinned;
	enum picture_kind kind;
};

/** On blocks of several nodes. */
#define PICTURE_NODES 0xff

/** What can be said of all blocks of a row; if it has none, of all its device
 * ranges: they have zone DEVICE and no state. */
struct picture_facts {
	const struct slot *slot; /* the device; NULL: boot memory, or several */
	bool boot;
	enum mhp_block_state state;   /* ABSENT: several */
	enum mhp_placement placement; /* AUTO: several */
	uint8_t zone; /* enum mhp_zone_type; NONE: in none or several */
	uint8_t node; /* or PICTURE_NODES */
};

struct picture_row {
	uint64_t first_id;
	uint64_t last_id; /* exclusive; rows that are alike are in here */
	uint64_t nr_alike;
	struct picture_facts facts;
	uint64_t host_id; /* block that the memmap of its first one begins in */
	unsigned int y;	  /* for who draws it */
	enum picture_gigantic gigantic;
	struct picture_cell *cells; /* nr_cells */
};

struct picture {
	struct machine *machine;
	unsigned int nr_cells; /* of a row: a power of two */
	unsigned int shift;    /* log2 blocks of a row */
	struct picture_row *rows;
	size_t nr_rows;
	bool has[PICTURE_NR_KINDS]; /* for legends */
	bool has_gigantic[PICTURE_NR_GIGANTIC];
	uint64_t nr_gigantic_free;
	uint64_t nr_gigantic_could_be;
	/* The last gigantic page that was looked at. */
	mhp_pfn_t judged_end_pfn;
	enum picture_gigantic judged;
	mhp_pfn_t *pinned; /* pages, ascending */
	size_t nr_pinned;
};

/** struct picture_limits - how large it may get */
struct picture_limits {
	unsigned int nr_cells;	   /* of a row, at most; a power of two */
	unsigned int nr_cells_min; /* before rows get more blocks */
	size_t nr_rows;
	size_t nr_runs; /* of cells beside each other that are of a kind */
};

/** picture_take() - look at the machine; 0, or -1: no memory */
int picture_take(struct machine *machine, const struct picture_limits *limits,
		 struct picture *p);

void picture_free(struct picture *p);

/** picture_row_bytes() - what is drawn as one row */
uint64_t picture_row_bytes(const struct picture *p);

/** picture_cell_range() - the pages of a cell */
struct mhp_range picture_cell_range(const struct picture *p,
				    const struct picture_row *row,
				    unsigned int i);

/** picture_same_group() - whether row @i belongs to the same group as the one
 * before it */
bool picture_same_group(const struct picture *p, size_t i);

/** picture_host_id() - the block that the memmap of a block begins in;
 * PICTURE_NO_HOST: none that is known */
uint64_t picture_host_id(const struct picture *p, uint64_t block_id);
#define PICTURE_NO_HOST UINT64_MAX

/** picture_group_end() - index behind the last row of the group of row @i */
size_t picture_group_end(const struct picture *p, size_t i);

/** Room for any of the texts below. */
#define PICTURE_TEXT_MAX 256

/** picture_group_text() - what can be said of a group: "DIMM d0, node 0 ..." */
void picture_group_text(const struct picture *p, size_t i,
			char text[PICTURE_TEXT_MAX]);

/** picture_machine_text() - geometry and sizes */
void picture_machine_text(const struct picture *p, char text[PICTURE_TEXT_MAX]);

/** picture_gigantic_text() - how many there are, and could be */
void picture_gigantic_text(const struct picture *p,
			   char text[PICTURE_TEXT_MAX]);

/** picture_pinned_text() - a fill that is pinned: how much, and where */
void picture_pinned_text(const struct picture *p, const struct fill *fill,
			 char text[PICTURE_TEXT_MAX]);

/** picture_meaning() - of a kind, for legends */
const char *picture_meaning(enum picture_kind kind);

/** picture_gigantic_meaning() - likewise */
const char *picture_gigantic_meaning(enum picture_gigantic what);

/** picture_gigantic_take() - look for those that a row has a part of; rows in
 * ascending order; for picture_take() */
void picture_gigantic_take(struct picture *p, struct picture_row *row);

/** picture_nr_pinned() - pinned pages of a range */
uint64_t picture_nr_pinned(const struct picture *p, struct mhp_range range);

/** picture_slot() - the device that has a page; NULL: none */
const struct slot *picture_slot(const struct machine *machine, mhp_pfn_t pfn);

/** As wide as a terminal. */
#define PICTURE_COLUMNS 80
#define PICTURE_COLUMNS_MIN 32
#define PICTURE_COLUMNS_MAX 1000

/** picture_print() - as text; 0, or -1: the host has no memory, which is said
 */
int picture_print(struct machine *machine, unsigned int columns);

/** picture_write_svg() - as SVG, titled; 0, or -1 likewise. Errors of @to are
 * the caller's to see. */
int picture_write_svg(struct machine *machine, const char *title, FILE *to);

#endif
