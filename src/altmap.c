/* SPDX-License-Identifier: MIT */
/* Layout of memmap and state in a block; see altmap.h. */
#include "altmap.h"

#define LINE_BYTES 64

static uint64_t altmap_align(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) & ~(unit - 1);
}

static void altmap_layout_rows(const struct mhp_geometry *g, struct layout *l)
{
	l->page_shift = g->page_shift;
	l->descriptor_bytes = g->descriptor_bytes;
	l->pageblock_order = mhp_pageblock_order(g);
	l->pageblock_pages = 1u << l->pageblock_order;
	l->max_order = mhp_gigantic_order(g);
	l->nr_pageblocks = mhp_block_pageblocks(g);
	l->nr_hint_words = (l->nr_pageblocks + 63) / 64;
	l->rows_shift = l->pageblock_order > 6 ? l->pageblock_order - 6 : 0;
	l->row_order = l->pageblock_order < 6 ? l->pageblock_order : 6;
	l->row_index_mask = (UINT64_C(1) << l->row_order) - 1;
	l->row_mask = l->pageblock_order >= 6
			      ? UINT64_MAX
			      : (UINT64_C(1) << l->pageblock_pages) - 1;
	l->block_pages = mhp_block_pages(g);
	l->block_mask = l->block_pages - 1;
	l->block_order = (uint64_t)(g->block_shift - g->page_shift);
}

static void altmap_layout_state(struct layout *l)
{
	uint64_t hint_bytes = l->nr_hint_words * sizeof(uint64_t);
	uint64_t row_bytes = (uint64_t)l->nr_pageblocks << l->rows_shift;

	row_bytes *= sizeof(uint64_t);
	l->small_offset = 0;
	l->full_offset = l->small_offset + hint_bytes;
	l->nowhole_offset = l->full_offset + hint_bytes;
	l->word_offset = altmap_align(l->nowhole_offset + hint_bytes,
				      LINE_BYTES);
	l->row_offset = altmap_align(l->word_offset + l->nr_pageblocks *
							      sizeof(uint64_t),
				     LINE_BYTES);
	l->tail_offset = altmap_align(l->row_offset + row_bytes, LINE_BYTES);
	l->tails_from_row = (l->tail_offset - l->row_offset) /
			    sizeof(mhp_word_t);
	l->state_bytes = altmap_align(l->tail_offset + row_bytes, LINE_BYTES);
}

uint64_t altmap_memmap_pages(const struct mhp_geometry *g, uint64_t nr_pages)
{
	return altmap_align(nr_pages * g->descriptor_bytes,
			    mhp_page_bytes(g)) >>
	       g->page_shift;
}

/* What of a piece can be lent: where descriptors of a pageblock are several
 * whole pages; and not the pages in whose own descriptors a state hides. */
static void altmap_layout_lend(struct layout *l)
{
	uint64_t bytes = (uint64_t)l->pageblock_pages * l->descriptor_bytes;
	uint64_t nr_pages = bytes >> l->page_shift;

	l->lend_pages = bytes == nr_pages << l->page_shift && nr_pages > 1
				? (uint32_t)nr_pages
				: 0;
	l->lend_from = 0;
	if (!l->hosted_state_offset)
		l->lend_from = ((uint32_t)l->state_bytes + l->descriptor_bytes -
				1) /
			       l->descriptor_bytes;
}

void altmap_layout(const struct mhp_geometry *g, struct layout *layout)
{
	uint64_t page_bytes = mhp_page_bytes(g);

	altmap_layout_rows(g, layout);
	altmap_layout_state(layout);
	layout->memmap_bytes = layout->block_pages * g->descriptor_bytes;
	layout->memmap_pages = altmap_memmap_pages(g, layout->block_pages);
	if (layout->memmap_pages * g->descriptor_bytes >= layout->state_bytes) {
		layout->hosted_state_offset = 0;
		layout->hosted_pages = layout->memmap_pages;
		altmap_layout_lend(layout);
		return;
	}
	layout->hosted_state_offset = altmap_align(layout->memmap_bytes,
						   LINE_BYTES);
	layout->hosted_pages = altmap_align(layout->hosted_state_offset +
						    layout->state_bytes,
					    page_bytes) /
			       page_bytes;
	altmap_layout_lend(layout);
}

bool altmap_fits(const struct layout *layout)
{
	return layout->hosted_pages < layout->block_pages;
}

uint64_t altmap_range_pages(const struct layout *layout, uint64_t nr_blocks)
{
	return nr_blocks * layout->hosted_pages;
}

bool altmap_range_fits(const struct layout *layout, uint64_t nr_blocks)
{
	return nr_blocks <= UINT32_MAX / layout->hosted_pages;
}

uint64_t altmap_range_memmap(const struct layout *layout, uint64_t i)
{
	return altmap_range_pages(layout, i) << layout->page_shift;
}

/* Where the state hides in descriptors, pieces are nothing but descriptors, one
 * behind the other. */
uint64_t altmap_range_state(const struct layout *layout, uint64_t i)
{
	if (!layout->hosted_state_offset)
		return altmap_range_pages(layout, i) * layout->descriptor_bytes;
	return altmap_range_memmap(layout, i) + layout->hosted_state_offset;
}
