/* SPDX-License-Identifier: MIT */
/* A range with one memmap, and its rules once more; see range_support.h. */
#include "range_support.h"

#include <stdlib.h>
#include <string.h>

#define GEOMETRY(page, pageblock, block, descriptor)                           \
	{                                                                      \
		.page_shift = (page), .pmd_shift = (pageblock),                \
		.pageblock_shift = (pageblock), .section_shift = (block),      \
		.block_shift = (block), .phys_bits = 40,                       \
		.descriptor_bytes = (descriptor), .nr_nodes = 1, .nr_cpus = 1, \
	}

const struct machine_case range_cases[] = {
	/* Blocks of four pages, one of which describes a block. */
	{.name = "fourth", .geometry = GEOMETRY(12, 14, 14, 96)},
	/* Four pageblocks of four pages each, two for a block. */
	{.name = "eighth", .geometry = GEOMETRY(10, 12, 14, 96)},
	/* Three pages of 32: pieces across borders. */
	{.name = "across", .geometry = GEOMETRY(10, 12, 15, 80)},
	/* The same, and a window that can map it. */
	{.name = "window", .geometry = GEOMETRY(10, 12, 14, 64)},
	/* A pageblock holds several pieces and usable pages. */
	{.name = "shared", .geometry = GEOMETRY(10, 15, 15, 80)},
	/* Six pages describe a pageblock; pieces across borders. */
	{.name = "lending", .geometry = GEOMETRY(10, 16, 17, 96)},
};

const unsigned int nr_range_cases = sizeof(range_cases) /
				    sizeof(range_cases[0]);

int range_run(const char *group, const struct machine_test *tests,
	      unsigned int nr_tests)
{
	int failed = machine_run(group, tests, nr_tests, true);

	return failed + machine_run_cases(group, tests, nr_tests, range_cases,
					  nr_range_cases);
}

bool range_can(const struct machine *mc, uint32_t flags)
{
	if (flags & MHP_MODEL_STRICT && mc->g->page_shift < 12)
		return false;
	return !(flags & MHP_MODEL_DIRTY) || mc->g->block_shift < 23;
}

uint64_t range_id(const struct range *r, uint64_t i)
{
	(void)r;
	return FIRST_BLOCK + i;
}

/* Pages of boot memory that the allocator has. */
static uint64_t boot_managed(struct machine *mc)
{
	uint64_t nr = 0, id = 0;

	for (; !mhp_block_next(mc->m, &id); id++) {
		struct mhp_block_info b = block_info(mc, id);
		mhp_pfn_t pfn = block_start(mc, id);
		uint64_t i;

		for (i = 0; b.boot && i < mhp_block_pages(mc->g); i++) {
			enum mhp_page_use use = page_info(mc, pfn + i).use;

			nr += use != MHP_PAGE_MEMMAP &&
			      use != MHP_PAGE_RESERVED &&
			      use != MHP_PAGE_ABSENT;
		}
	}
	return nr;
}

void range_add(struct range *r, struct machine *mc, uint64_t nr, uint32_t flags)
{
	struct mhp_add_request add = {
		.range = block_range(mc, FIRST_BLOCK, nr),
		.placement = MHP_PLACEMENT_RANGE,
		.flags = flags | MHP_ADD_STRICT,
	};
	uint64_t i;

	*r = (struct range){
		.mc = mc,
		.nr_blocks = nr,
		.block_pages = mhp_block_pages(mc->g),
		.boot_managed = boot_managed(mc),
	};
	assert_int_equal(mhp_hosted_pages(mc->m,
					  block_range(mc, FIRST_BLOCK, 1),
					  MHP_PLACEMENT_BLOCK, &r->nr_piece),
			 0);
	assert_int_equal(mhp_add(mc->m, &add, NULL), 0);
	for (i = 0; i < nr; i++)
		r->known[i] = true;
}

void range_plug(struct range *r, struct machine *mc, uint64_t nr,
		enum mhp_online_type type)
{
	uint64_t i;

	range_add(r, mc, nr, 0);
	for (i = 0; i < nr; i++)
		range_online(r, i, type);
}

struct mhp_range range_piece(const struct range *r, uint64_t i)
{
	return mhp_range_make(block_start(r->mc, FIRST_BLOCK) + i * r->nr_piece,
			      r->nr_piece);
}

uint64_t range_first_host(const struct range *r, uint64_t i)
{
	return i * r->nr_piece / r->block_pages;
}

uint64_t range_last_host(const struct range *r, uint64_t i)
{
	return ((i + 1) * r->nr_piece - 1) / r->block_pages;
}

bool range_depends(const struct range *r, uint64_t i, uint64_t host)
{
	return i != host && r->known[i] && host >= range_first_host(r, i) &&
	       host <= range_last_host(r, i);
}

bool range_serves(const struct range *r, mhp_pfn_t pfn)
{
	uint64_t i = (pfn - block_start(r->mc, FIRST_BLOCK)) / r->nr_piece;

	return i < r->nr_blocks && r->known[i];
}

uint64_t range_nr_memmap(const struct range *r, uint64_t i)
{
	mhp_pfn_t pfn = block_start(r->mc, range_id(r, i));
	mhp_pfn_t end = pfn + r->block_pages;
	uint64_t nr = 0;

	for (; pfn < end; pfn++)
		nr += range_serves(r, pfn);
	return nr;
}

/* The first of its hosts that is not online, or its own number. */
static uint64_t range_missing(const struct range *r, uint64_t i)
{
	uint64_t host;

	for (host = 0; host < r->nr_blocks; host++)
		if (range_depends(r, i, host) && !r->online[host])
			return host;
	return i;
}

/* The first dependent that is in the way, or its own number. */
static uint64_t range_in_way(const struct range *r, uint64_t host,
			     bool online_only)
{
	uint64_t i;

	for (i = 0; i < r->nr_blocks; i++)
		if (range_depends(r, i, host) && (r->online[i] || !online_only))
			return i;
	return host;
}

static void assert_busy(const struct range *r, const struct mhp_report *report,
			enum mhp_why why, uint64_t i)
{
	assert_int_equal(report->code, MHP_ERR_BUSY);
	assert_int_equal(report->why, why);
	assert_int_equal(report->pfn, block_start(r->mc, range_id(r, i)));
}

void range_online(struct range *r, uint64_t i, enum mhp_online_type type)
{
	uint64_t missing = range_missing(r, i);
	struct mhp_report report;
	int err = mhp_block_online(r->mc->m, range_id(r, i), type, &report);

	if (missing != i) {
		assert_int_equal(err, MHP_ERR_BUSY);
		assert_busy(r, &report, MHP_WHY_HOST_OFFLINE, missing);
		return;
	}
	assert_int_equal(err, 0);
	r->online[i] = true;
}

void range_offline(struct range *r, uint64_t i)
{
	uint64_t other = range_in_way(r, i, true);
	struct mhp_report report;
	int err = mhp_block_offline(r->mc->m, range_id(r, i), MHP_NO_DEADLINE,
				    &report);

	if (other != i) {
		assert_int_equal(err, MHP_ERR_BUSY);
		assert_busy(r, &report, MHP_WHY_DEPENDENT, other);
		return;
	}
	assert_int_equal(err, 0);
	r->online[i] = false;
}

void range_remove(struct range *r, uint64_t i)
{
	uint64_t other = range_in_way(r, i, false);
	struct mhp_report report;
	int err = mhp_remove(r->mc->m, block_range(r->mc, range_id(r, i), 1),
			     &report);

	if (r->online[i] || other != i) {
		assert_int_equal(err, MHP_ERR_BUSY);
		if (!r->online[i])
			assert_busy(r, &report, MHP_WHY_DEPENDENT, other);
		return;
	}
	assert_int_equal(err, 0);
	r->known[i] = false;
}

void range_remove_all(struct range *r)
{
	uint64_t i = r->nr_blocks;

	while (i--) {
		if (r->online[i])
			range_offline(r, i);
		if (r->known[i])
			range_remove(r, i);
	}
}

static void verify_pages(const struct range *r, uint64_t i)
{
	mhp_pfn_t pfn = block_start(r->mc, range_id(r, i));
	mhp_pfn_t end = pfn + r->block_pages;

	for (; pfn < end; pfn++) {
		enum mhp_page_use use = page_info(r->mc, pfn).use;

		assert_int_equal(use == MHP_PAGE_MEMMAP, range_serves(r, pfn));
		assert_int_equal(use == MHP_PAGE_OFFLINE,
				 !r->online[i] && use != MHP_PAGE_WITHHELD &&
					 !range_serves(r, pfn));
	}
	verify_tally(r->mc, block_range(r->mc, range_id(r, i), 1));
}

static void verify_block(const struct range *r, uint64_t i)
{
	struct mhp_block_info b;
	int err = mhp_block_query(r->mc->m, range_id(r, i), &b);

	if (!r->known[i]) {
		assert_int_equal(err, MHP_ERR_NOENT);
		return;
	}
	assert_int_equal(err, 0);
	assert_int_equal(b.state,
			 r->online[i] ? MHP_BLOCK_ONLINE : MHP_BLOCK_OFFLINE);
	assert_int_equal(b.placement, MHP_PLACEMENT_RANGE);
	assert_int_equal(b.memmap_pfn, range_piece(r, i).start_pfn);
	assert_int_equal(b.nr_memmap, range_nr_memmap(r, i));
	assert_int_equal(b.nr_present, r->block_pages);
	if (r->online[i])
		assert_int_equal(b.nr_free + b.nr_allocated + b.nr_poisoned +
					 b.nr_withheld + b.nr_isolated,
				 r->block_pages - b.nr_memmap);
	verify_pages(r, i);
}

/* Managed pages of the zones of MOVABLE and NORMAL, but for boot memory. */
static uint64_t managed_pages(struct machine *mc)
{
	uint64_t nr = 0, id = 0;

	for (; !mhp_block_next(mc->m, &id); id++) {
		struct mhp_block_info b = block_info(mc, id);

		if (!b.boot && b.state == MHP_BLOCK_ONLINE)
			nr += b.nr_present - b.nr_memmap - b.nr_withheld;
	}
	return nr;
}

static void verify_sums(const struct range *r)
{
	struct mhp_stat stat = stat_now(r->mc);
	uint64_t i, nr = 0, sections;

	for (i = 0; i < r->nr_blocks; i++)
		nr += r->known[i];
	assert_int_equal(stat.hosted_memmap_bytes,
			 nr * r->nr_piece * mhp_page_bytes(r->mc->g));
	assert_int_equal(stat.existing_memmap_bytes, 0);
	assert_int_equal(stat.existing_state_bytes, 0);
	sections = nr << (r->mc->g->block_shift - r->mc->g->section_shift);
	assert_true(stat.existing_bytes <= 64 * sections);
}

void range_verify(struct range *r)
{
	uint64_t i;

	check_ok(r->mc);
	for (i = 0; i < r->nr_blocks; i++)
		verify_block(r, i);
	verify_sums(r);
	assert_int_equal(stat_now(r->mc).nr_managed,
			 r->boot_managed + managed_pages(r->mc));
}
