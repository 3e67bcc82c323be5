/* SPDX-License-Identifier: MIT */
/*
 * Taking the picture of a machine; see picture.h.
 *
 * Pages are counted by the engine, a cell at a time, so that a terabyte takes
 * no longer than its pageblocks. What is pinned only the tool knows: pages of
 * its fills.
 */
#include "picture.h"

#include <stdlib.h>
#include <string.h>

#include "mhp/device.h"

/* ---- what is pinned ---- */

static int pfn_compare(const void *a, const void *b)
{
	const mhp_pfn_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int take_pinned(struct picture *p)
{
	const struct machine *machine = p->machine;
	const struct fill *fill;
	uint64_t nr = 0, i;

	for (fill = machine->fills; fill; fill = fill->next)
		nr += fill->pins ? fill->nr_pages : 0;
	p->pinned = calloc(nr + 1, sizeof(*p->pinned));
	if (!p->pinned)
		return -1;
	for (fill = machine->fills; fill; fill = fill->next)
		for (i = 0; fill->pins && i < fill->nr_pages; i++)
			p->pinned[p->nr_pinned++] = machine->port->page_pfn(
				fill, i);
	qsort(p->pinned, p->nr_pinned, sizeof(*p->pinned), pfn_compare);
	return 0;
}

/* Pinned pages below @pfn. */
static size_t pinned_below(const struct picture *p, mhp_pfn_t pfn)
{
	size_t low = 0, high = p->nr_pinned;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->pinned[middle] < pfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t picture_nr_pinned(const struct picture *p, struct mhp_range range)
{
	return pinned_below(p, mhp_range_end_pfn(range)) -
	       pinned_below(p, range.start_pfn);
}

/* ---- cells ---- */

static enum picture_kind kind_by_use(const struct mhp_tally *t,
				     uint64_t nr_present)
{
	uint64_t used = t->nr[MHP_PAGE_ALLOCATED];

	if (used == nr_present)
		return PICTURE_FULL;
	if (used)
		return used >= nr_present / 2 ? PICTURE_MUCH : PICTURE_LITTLE;
	if (t->nr[MHP_PAGE_ISOLATED])
		return PICTURE_ISOLATED;
	return t->nr[MHP_PAGE_OFFLINE] > nr_present / 2 ? PICTURE_OFFLINE
							: PICTURE_FREE;
}

/* In a large cell a memmap that is less than this part of it is not shown. */
#define MEMMAP_SHARE 16

/* @fine: a cell is no more than a pageblock */
static enum picture_kind kind_of(const struct picture_cell *cell,
				 uint64_t nr_pages, bool fine)
{
	const struct mhp_tally *t = &cell->tally;
	uint64_t memmap = t->nr[MHP_PAGE_MEMMAP] + t->nr_memmap_elsewhere;
	uint64_t present = nr_pages - t->nr[MHP_PAGE_ABSENT] -
			   t->nr[MHP_PAGE_HOLE];

	if (!present)
		return PICTURE_ABSENT;
	if (cell->nr_pinned)
		return PICTURE_PINNED;
	if (t->nr[MHP_PAGE_POISONED])
		return PICTURE_POISONED;
	if (t->nr_unmovable > t->nr_memmap_elsewhere)
		return PICTURE_UNMOVABLE;
	if (memmap == present)
		return PICTURE_MEMMAP;
	if (memmap && (fine || memmap * MEMMAP_SHARE >= present))
		return PICTURE_MEMMAP_PART;
	if (t->nr[MHP_PAGE_RESERVED])
		return PICTURE_RESERVED;
	if (t->nr[MHP_PAGE_DEVICE])
		return PICTURE_DEVICE;
	if (t->nr[MHP_PAGE_WITHHELD])
		return PICTURE_WITHHELD;
	return kind_by_use(t, present);
}

struct mhp_range picture_cell_range(const struct picture *p,
				    const struct picture_row *row,
				    unsigned int i)
{
	uint64_t block_pages = mhp_block_pages(&p->machine->layout.geometry);
	uint64_t nr = (block_pages << p->shift) / p->nr_cells;

	return mhp_range_make(row->first_id * block_pages + i * nr, nr);
}

static int take_cells(struct picture *p, struct picture_row *row)
{
	uint64_t pageblock = mhp_pageblock_pages(&p->machine->layout.geometry);
	unsigned int i;

	row->cells = calloc(p->nr_cells, sizeof(*row->cells));
	if (!row->cells)
		return -1;
	for (i = 0; i < p->nr_cells; i++) {
		struct picture_cell *cell = &row->cells[i];
		struct mhp_range range = picture_cell_range(p, row, i);

		if (mhp_frame_tally(p->machine->mhp, range, &cell->tally))
			abort(); /* no address of a machine wraps around */
		if (p->nr_pinned)
			cell->nr_pinned = picture_nr_pinned(p, range);
		cell->kind = kind_of(cell, range.nr_pages,
				     range.nr_pages <= pageblock);
	}
	return 0;
}

/* ---- rows ---- */

const struct slot *picture_slot(const struct machine *machine, mhp_pfn_t pfn)
{
	mhp_pa_t pa = mhp_pa_from_pfn(&machine->layout.geometry, pfn);
	unsigned int i;

	for (i = 0; i < SLOTS_MAX; i++) {
		const struct slot *slot = &machine->slots.slots[i];

		if (slot->id && pa.bytes >= slot->extent.start.bytes &&
		    pa.bytes - slot->extent.start.bytes <
			    slot->extent.size_bytes)
			return slot;
	}
	return NULL;
}

static struct picture_facts block_facts(const struct picture *p,
					const struct mhp_block_info *info)
{
	uint64_t pages = mhp_block_pages(&p->machine->layout.geometry);

	return (struct picture_facts){
		.slot = info->boot ? NULL
				   : picture_slot(p->machine, info->id * pages),
		.boot = info->boot,
		.state = info->state,
		.placement = info->placement,
		.zone = info->zone,
		.node = info->node,
	};
}

static bool facts_same(const struct picture_facts *a,
		       const struct picture_facts *b)
{
	return a->slot == b->slot && a->boot == b->boot &&
	       a->state == b->state && a->placement == b->placement &&
	       a->zone == b->zone && a->node == b->node;
}

uint64_t picture_host_id(const struct picture *p, uint64_t block_id)
{
	struct mhp_block_info info;

	if (mhp_block_query(p->machine->mhp, block_id, &info) ||
	    info.memmap_pfn == MHP_PFN_NONE)
		return PICTURE_NO_HOST;
	return mhp_block_id(&p->machine->layout.geometry, info.memmap_pfn);
}

/* Leave what is true of both. */
static void facts_merge(struct picture_facts *facts,
			const struct picture_facts *block)
{
	if (facts->slot != block->slot)
		facts->slot = NULL;
	facts->boot &= block->boot;
	if (facts->state != block->state)
		facts->state = MHP_BLOCK_ABSENT;
	if (facts->placement != block->placement)
		facts->placement = MHP_PLACEMENT_AUTO;
	if (facts->zone != block->zone)
		facts->zone = MHP_ZONE_NONE;
	if (facts->node != block->node)
		facts->node = PICTURE_NODES;
}

/* A device range that is at @pfn, or the next one. */
static bool device_from(const struct picture *p, mhp_pfn_t pfn,
			struct mhp_device_info *info)
{
	return mhp_device_find(p->machine->mhp, pfn, info) == 0 ||
	       mhp_device_next(p->machine->mhp, pfn, info) == 0;
}

/* Of the device ranges of a row that has no blocks. */
static struct picture_facts
take_device_facts(struct picture *p, uint64_t first_id, uint64_t end_id)
{
	uint64_t pages = mhp_block_pages(&p->machine->layout.geometry);
	mhp_pfn_t pfn = first_id * pages;
	struct picture_facts facts = {0}, device;
	struct mhp_device_info info;
	bool any = false;

	for (; device_from(p, pfn, &info) &&
	       info.range.start_pfn < end_id * pages;
	     pfn = mhp_range_end_pfn(info.range)) {
		device = (struct picture_facts){
			.slot = picture_slot(p->machine, info.range.start_pfn),
			.placement = info.placement,
			.zone = MHP_ZONE_DEVICE,
			.node = (uint8_t)info.node,
		};
		if (any)
			facts_merge(&facts, &device);
		else
			facts = device;
		any = true;
	}
	return facts;
}

static struct picture_facts take_facts(struct picture *p, uint64_t first_id,
				       uint64_t end_id)
{
	struct picture_facts facts = {0}, block;
	struct mhp_block_info info;
	uint64_t id = first_id;
	bool any = false;

	while (mhp_block_next(p->machine->mhp, &id) == 0 && id < end_id) {
		if (mhp_block_query(p->machine->mhp, id++, &info))
			continue;
		block = block_facts(p, &info);
		if (any)
			facts_merge(&facts, &block);
		else
			facts = block;
		any = true;
	}
	return any ? facts : take_device_facts(p, first_id, end_id);
}

static bool rows_alike(const struct picture *p, const struct picture_row *a,
		       const struct picture_row *b)
{
	unsigned int i;

	if (a->last_id != b->first_id || a->gigantic != b->gigantic ||
	    !facts_same(&a->facts, &b->facts))
		return false;
	for (i = 0; i < p->nr_cells; i++)
		if (a->cells[i].kind != b->cells[i].kind)
			return false;
	return true;
}

static size_t row_runs(const struct picture *p, const struct picture_row *row)
{
	size_t nr = 1;
	unsigned int i;

	for (i = 1; i < p->nr_cells; i++)
		nr += row->cells[i].kind != row->cells[i - 1].kind;
	return nr;
}

static int take_row(struct picture *p, uint64_t first_id)
{
	struct picture_row *larger, *row, *before;

	larger = reallocarray(p->rows, p->nr_rows + 1, sizeof(*p->rows));
	if (!larger)
		return -1;
	p->rows = larger;
	row = &p->rows[p->nr_rows];
	*row = (struct picture_row){
		.first_id = first_id,
		.last_id = first_id + (UINT64_C(1) << p->shift),
		.nr_alike = 1,
	};
	row->facts = take_facts(p, first_id, row->last_id);
	row->host_id = picture_host_id(p, first_id);
	picture_gigantic_take(p, row);
	if (take_cells(p, row))
		return -1;
	before = p->nr_rows ? row - 1 : NULL;
	if (!before || !rows_alike(p, before, row)) {
		p->nr_rows++;
		return 0;
	}
	before->last_id = row->last_id;
	before->nr_alike++;
	free(row->cells);
	return 0;
}

/* ---- the whole ---- */

static void forget_rows(struct picture *p)
{
	while (p->nr_rows)
		free(p->rows[--p->nr_rows].cells);
	free(p->rows);
	p->rows = NULL;
	p->nr_gigantic_free = p->nr_gigantic_could_be = 0;
	p->judged_end_pfn = 0;
}

/* Go to the first block, from @id on, that is there or that a device range
 * reaches into; false: there is none. */
static bool next_id(const struct picture *p, uint64_t *id)
{
	const struct mhp_geometry *g = &p->machine->layout.geometry;
	uint64_t block_id = *id, device_id = UINT64_MAX;
	mhp_pfn_t pfn = *id * mhp_block_pages(g);
	struct mhp_device_info info;

	if (mhp_block_next(p->machine->mhp, &block_id))
		block_id = UINT64_MAX;
	if (device_from(p, pfn, &info))
		device_id = info.range.start_pfn < pfn
				    ? *id
				    : mhp_block_id(g, info.range.start_pfn);
	*id = block_id < device_id ? block_id : device_id;
	return *id != UINT64_MAX;
}

/* Take all rows. Return: 1 if it gets too large, 0, or -1. */
static int take_rows(struct picture *p, const struct picture_limits *limits)
{
	uint64_t id = 0, mask = (UINT64_C(1) << p->shift) - 1;
	size_t nr_runs = 0;

	while (next_id(p, &id)) {
		size_t before = p->nr_rows;

		id &= ~mask;
		if (take_row(p, id))
			return -1;
		if (p->nr_rows > before)
			nr_runs += row_runs(p, &p->rows[before]);
		if (p->nr_rows > limits->nr_rows || nr_runs > limits->nr_runs)
			return 1;
		id += mask + 1;
	}
	return 0;
}

/* Coarser: fewer cells as long as there are many, then more blocks a row. */
static void coarsen(struct picture *p, const struct picture_limits *limits,
		    bool rows_fit)
{
	if (rows_fit && p->nr_cells > limits->nr_cells_min)
		p->nr_cells /= 2;
	else
		p->shift++;
	forget_rows(p);
}

static void note_kinds(struct picture *p)
{
	unsigned int i;
	size_t r;

	for (r = 0; r < p->nr_rows; r++) {
		for (i = 0; i < p->nr_cells; i++)
			p->has[p->rows[r].cells[i].kind] = true;
		p->has_gigantic[p->rows[r].gigantic] = true;
	}
}

int picture_take(struct machine *machine, const struct picture_limits *limits,
		 struct picture *p)
{
	uint64_t block_pages = mhp_block_pages(&machine->layout.geometry);
	int status;

	*p = (struct picture){.machine = machine, .nr_cells = limits->nr_cells};
	while (p->nr_cells > block_pages)
		p->nr_cells /= 2;
	status = take_pinned(p);
	while (!status && (status = take_rows(p, limits)) > 0) {
		coarsen(p, limits, p->nr_rows <= limits->nr_rows);
		status = 0;
	}
	if (status) {
		picture_free(p);
		return -1;
	}
	note_kinds(p);
	return 0;
}

void picture_free(struct picture *p)
{
	forget_rows(p);
	free(p->pinned);
	p->pinned = NULL;
}

uint64_t picture_row_bytes(const struct picture *p)
{
	return mhp_block_bytes(&p->machine->layout.geometry) << p->shift;
}

bool picture_same_group(const struct picture *p, size_t i)
{
	const struct picture_row *row = &p->rows[i];

	return i && row[-1].last_id == row->first_id &&
	       facts_same(&row[-1].facts, &row->facts);
}

size_t picture_group_end(const struct picture *p, size_t i)
{
	do
		i++;
	while (i < p->nr_rows && picture_same_group(p, i));
	return i;
}
