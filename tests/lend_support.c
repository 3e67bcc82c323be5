/* SPDX-License-Identifier: MIT */
/* What tests of lending share; see lend_support.h. */
#include "lend_support.h"

#define GEOMETRY(page, pageblock, section, block, descriptor)               \
	{                                                                   \
		.page_shift = (page), .pmd_shift = (pageblock),             \
		.pageblock_shift = (pageblock), .section_shift = (section), \
		.block_shift = (block), .pud_shift = (block) + 1,           \
		.phys_bits = 40, .descriptor_bytes = (descriptor),          \
		.nr_nodes = 1, .nr_cpus = 1,                                \
	}

const struct machine_case lend_cases[] = {
	/* As on x86: eight pages, seven are lent; the state hides. */
	{.name = "eight", .geometry = GEOMETRY(12, 21, 22, 23, 64)},
	/* Descriptors of 16 bytes: two pages, one is lent. */
	{.name = "two", .geometry = GEOMETRY(12, 21, 22, 23, 16)},
	/* All of pageblock 0 is memmap. */
	{.name = "full", .geometry = GEOMETRY(10, 15, 18, 19, 64)},
	/* Without a window. */
	{.name = "linear",
	 .geometry = GEOMETRY(10, 17, 18, 20, 16),
	 .flags = MHP_MODEL_NO_WINDOW},
};

const unsigned int nr_lend_cases = sizeof(lend_cases) / sizeof(lend_cases[0]);

int lend_run(const char *group, const struct machine_test *tests,
	     unsigned int nr_tests)
{
	return machine_run_cases(group, tests, nr_tests, lend_cases,
				 nr_lend_cases);
}

uint64_t desc_pages(const struct machine *mc)
{
	return mhp_pageblock_pages(mc->g) * mc->g->descriptor_bytes >>
	       mc->g->page_shift;
}

/* First page of the memmap of a block. */
static mhp_pfn_t memmap_pfn(struct machine *mc, mhp_pfn_t pfn)
{
	return block_info(mc, mhp_block_id(mc->g, pfn)).memmap_pfn;
}

/* Pages of the memmap of a block in whose descriptors its state hides: none if
 * it has pages of its own. That they hide is seen by the size. */
static uint64_t hidden_pages(const struct machine *mc)
{
	uint64_t memmap = mhp_block_pages(mc->g) * mc->g->descriptor_bytes >>
			  mc->g->page_shift;
	uint64_t nr = mhp_block_pages(mc->g) / mhp_pageblock_pages(mc->g);
	uint64_t rows = (mhp_pageblock_pages(mc->g) + 63) / 64;
	uint64_t bytes;

	/* Hints, words, rows and tails, each on lines of its own. */
	bytes = 3 * 8 * ((nr + 63) / 64);
	bytes = (bytes + 63) / 64 * 64 + (nr * 8 + 63) / 64 * 64;
	bytes += 2 * ((nr * rows * 8 + 63) / 64 * 64);
	if (memmap * mc->g->descriptor_bytes < bytes)
		return 0;
	return (bytes + mc->g->descriptor_bytes - 1) / mc->g->descriptor_bytes;
}

/* The pages that the pageblock of @pfn could lend. */
static struct mhp_range lendable(struct machine *mc, mhp_pfn_t pfn)
{
	uint64_t i = (pfn - block_start(mc, mhp_block_id(mc->g, pfn))) /
		     mhp_pageblock_pages(mc->g);
	uint64_t from = i * desc_pages(mc) + 1, end = (i + 1) * desc_pages(mc);

	if (from < hidden_pages(mc))
		from = hidden_pages(mc);
	return mhp_range_make(memmap_pfn(mc, pfn) + from,
			      end > from ? end - from : 0);
}

uint64_t lend_could(struct machine *mc, mhp_pfn_t pfn, uint64_t nr_pages)
{
	uint64_t i, nr = 0;

	for (i = 0; i < nr_pages; i += mhp_pageblock_pages(mc->g))
		nr += lendable(mc, pfn + i).nr_pages;
	return nr;
}

mhp_pfn_t lent_page(struct machine *mc, mhp_pfn_t pfn, uint64_t i)
{
	struct mhp_range range = lendable(mc, pfn);

	assert_true(i < range.nr_pages);
	return mhp_range_end_pfn(range) - 1 - i;
}

uint64_t lend(struct machine *mc, mhp_pfn_t pfn, uint64_t nr_pages)
{
	uint64_t nr = UINT64_MAX;

	assert_int_equal(mhp_memmap_lend(mc->m, pfn, nr_pages, &nr, NULL), 0);
	check_ok(mc);
	return nr;
}

struct item *item_on(struct shelf *shelf, mhp_pfn_t pfn)
{
	const struct mhp_request whole = {
		.order = (uint8_t)mhp_pageblock_order(shelf->mc->g)};
	struct item *others[NR_ITEMS], *item;
	unsigned int nr = 0;

	/* Lent pages are in pageblocks that are never whole. */
	while ((item = shelf_alloc(shelf, &whole)))
		others[nr++] = item;
	while ((item = shelf_alloc(shelf, NULL)) && item->pfn != pfn)
		others[nr++] = item;
	while (nr--)
		shelf_free(shelf, others[nr]);
	assert_non_null(item);
	return item;
}

mhp_pfn_t last_whole(struct machine *mc, uint64_t block_id)
{
	return block_start(mc, block_id + 1) - mhp_pageblock_pages(mc->g);
}

mhp_pfn_t alloc_whole(struct machine *mc, uint64_t block_id)
{
	const struct mhp_request request = {
		.mobility = MHP_UNMOVABLE,
		.order = (uint8_t)mhp_pageblock_order(mc->g),
	};
	mhp_pfn_t pfns[NR_BLOCKS * 16], wanted = last_whole(mc, block_id);
	unsigned int nr = 0;
	bool got = false;

	while (!mhp_frame_alloc(mc->m, &request, &pfns[nr])) {
		got |= pfns[nr] == wanted;
		nr += pfns[nr] != wanted;
	}
	while (nr--)
		assert_int_equal(mhp_frame_free(mc->m, pfns[nr], request.order),
				 0);
	assert_true(got);
	return wanted;
}

struct item *whole_on(struct shelf *shelf, uint64_t block_id)
{
	const struct mhp_request request = {
		.order = (uint8_t)mhp_pageblock_order(shelf->mc->g)};
	mhp_pfn_t wanted = last_whole(shelf->mc, block_id);
	struct item *others[NR_ITEMS], *item, *found = NULL;
	unsigned int nr = 0;

	while ((item = shelf_alloc(shelf, &request)))
		if (item->pfn == wanted)
			found = item;
		else
			others[nr++] = item;
	while (nr--)
		shelf_free(shelf, others[nr]);
	assert_non_null(found);
	return found;
}
