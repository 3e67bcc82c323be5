/* SPDX-License-Identifier: MIT */
/*
 * Add, online, offline, remove: what each does, and that the way back leads to
 * where it began. On every geometry.
 *
 * What it does not test: wrong arguments (test_arguments), notifiers
 * (test_notify), pages in use (test_offline), failing operations (test_faults).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

static const enum mhp_placement placements[] = {MHP_PLACEMENT_BLOCK,
						MHP_PLACEMENT_EXISTING};
static const uint64_t counts[] = {1, 5};

static void assert_added(struct machine *mc, uint64_t id,
			 enum mhp_placement placement)
{
	struct mhp_block_info b = block_info(mc, id);
	mhp_pfn_t pfn = block_start(mc, id);

	assert_int_equal(b.id, id);
	assert_int_equal(b.state, MHP_BLOCK_OFFLINE);
	assert_int_equal(b.zone, MHP_ZONE_NONE);
	assert_int_equal(b.placement, placement);
	assert_false(b.boot);
	assert_false(b.has_holes);
	assert_int_equal(b.nr_present, mhp_block_pages(mc->g));
	assert_int_equal(b.nr_free, 0);
	assert_int_equal(b.nr_allocated, 0);
	if (placement == MHP_PLACEMENT_BLOCK)
		assert_in_range(b.nr_memmap, 1, mhp_block_pages(mc->g) - 1);
	else
		assert_int_equal(b.nr_memmap, 0);
	pfn += mhp_block_pages(mc->g) - 1;
	assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_OFFLINE);
}

static void assert_online(struct machine *mc, uint64_t id,
			  enum mhp_zone_type zone)
{
	struct mhp_block_info b = block_info(mc, id);
	struct mhp_page_info page;
	mhp_pfn_t pfn;
	uint64_t i;

	assert_int_equal(b.state, MHP_BLOCK_ONLINE);
	assert_int_equal(b.zone, zone);
	assert_int_equal(b.nr_allocated, 0);
	assert_int_equal(b.nr_isolated, 0);
	assert_int_equal(b.nr_free, b.nr_present - b.nr_memmap);
	for (i = 0; i < b.nr_present; i++) {
		pfn = block_start(mc, id) + i;
		page = page_info(mc, pfn);
		assert_int_equal(page.use, i < b.nr_memmap ? MHP_PAGE_MEMMAP
							   : MHP_PAGE_FREE);
		assert_int_equal(page.zone, zone);
		assert_int_equal(page.node, b.node);
	}
}

static void assert_absent(struct machine *mc, uint64_t id)
{
	struct mhp_block_info b;
	uint64_t next = id;

	assert_int_equal(mhp_block_query(mc->m, id, &b), MHP_ERR_NOENT);
	if (!mhp_block_next(mc->m, &next))
		assert_true(next > id);
	assert_int_equal(page_info(mc, block_start(mc, id)).use,
			 MHP_PAGE_ABSENT);
	assert_null(mhp_frame_address(mc->m, block_start(mc, id)));
}

/* There and back again with blocks of one kind; the instance is as before. */
static void round_trip(struct machine *mc, enum mhp_placement placement,
		       uint64_t nr, enum mhp_online_type type)
{
	enum mhp_zone_type zone = type == MHP_ONLINE_MOVABLE ? MHP_ZONE_MOVABLE
							     : MHP_ZONE_NORMAL;
	char *before = snapshot(mc, 0), *added;
	uint64_t i;

	assert_int_equal(add_blocks(mc, FIRST_BLOCK, nr, placement), 0);
	check_ok(mc);
	for (i = 0; i < nr; i++)
		assert_added(mc, FIRST_BLOCK + i, placement);
	added = snapshot(mc, 0);
	for (i = 0; i < nr; i++) {
		assert_int_equal(online_blocks(mc, FIRST_BLOCK + i, 1, type),
				 0);
		assert_online(mc, FIRST_BLOCK + i, zone);
		check_ok(mc);
	}
	/* The middle one first, so that spans shrink from inside. */
	for (i = nr / 2; i < nr + nr / 2; i++) {
		assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK + i % nr,
						   MHP_NO_DEADLINE, NULL),
				 0);
		check_ok(mc);
	}
	unchanged(mc, added, 0);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK, nr), NULL), 0);
	assert_absent(mc, FIRST_BLOCK);
	unchanged(mc, before, 0);
}

static void test_round_trip(struct machine *mc)
{
	enum mhp_online_type type;
	unsigned int i, j;

	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++)
			for (type = MHP_ONLINE_DEFAULT;
			     type <= MHP_ONLINE_MOVABLE; type++)
				round_trip(mc, placements[i], counts[j], type);
}

/* Each page that is said to be free can be had, once, and is real memory. */
static void use_all(struct machine *mc, enum mhp_zone_type zone)
{
	struct mhp_request request = {.flags = MHP_ALLOC_THIS_ZONE,
				      .zone_limit = (uint8_t)zone,
				      .node_mask = 1};
	uint64_t nr = zone_info(mc, 0, zone).nr_free, i;
	mhp_pfn_t *pfns = calloc(nr + 1, sizeof(*pfns));

	assert_non_null(pfns);
	assert_int_equal(
		mhp_frame_alloc_bulk(mc->m, &request, (uint32_t)nr + 1, pfns),
		nr);
	assert_int_equal(zone_info(mc, 0, zone).nr_free, 0);
	for (i = 0; i < nr; i++)
		memset(mhp_frame_address(mc->m, pfns[i]), (int)(i % 251), 64);
	for (i = 0; i < nr; i++) {
		const uint8_t *page = mhp_frame_address(mc->m, pfns[i]);

		assert_int_equal(page[0], i % 251);
		assert_int_equal(page[63], i % 251);
	}
	check_ok(mc);
	assert_int_equal(mhp_frame_free_bulk(mc->m, 0, (uint32_t)nr, pfns), 0);
	assert_int_equal(zone_info(mc, 0, zone).nr_free, nr);
	free(pfns);
}

static void test_usable(struct machine *mc)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		plug(mc, FIRST_BLOCK, 2, placements[i], MHP_ONLINE_KERNEL);
		use_all(mc, MHP_ZONE_NORMAL);
		assert_int_equal(mhp_offline_and_remove(
					 mc->m, block_range(mc, FIRST_BLOCK, 2),
					 MHP_NO_DEADLINE, 0, NULL),
				 0);
		check_ok(mc);
	}
}

/* Memory that holds anything, and memory that holds what it held before. */
static void test_dirty(struct machine *mc)
{
	static const uint32_t kinds[] = {MHP_MODEL_DIRTY, MHP_MODEL_STALE};
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 2);
	unsigned int i, j;

	for (i = 0; i < 2; i++) {
		machine_again(mc, kinds[i]);
		for (j = 0; j < 4; j++) {
			plug(mc, FIRST_BLOCK, 2, placements[j % 2],
			     MHP_ONLINE_KERNEL);
			assert_online(mc, FIRST_BLOCK, MHP_ZONE_NORMAL);
			use_all(mc, MHP_ZONE_NORMAL);
			assert_int_equal(mhp_offline_and_remove(mc->m, range,
								MHP_NO_DEADLINE,
								0, NULL),
					 0);
		}
	}
}

/* The host cannot protect less than its own page. */
static void strict_impossible(struct machine *mc)
{
	struct mhp_boot_range boot[2];
	struct mhp_model_config config = machine_config(mc->c, boot);
	struct mhp_model *model;
	struct mhp_report report;

	config.flags |= MHP_MODEL_STRICT;
	assert_int_equal(mhp_model_create(&config, &model, &report),
			 MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_HOST_FAILED);
	assert_non_null(report.detail);
}

/* Nothing is touched that is not mapped. */
static void test_strict(struct machine *mc)
{
	if (mhp_page_bytes(mc->g) < (uint64_t)sysconf(_SC_PAGESIZE)) {
		strict_impossible(mc);
		return;
	}
	machine_again(mc, MHP_MODEL_STRICT);
	round_trip(mc, MHP_PLACEMENT_BLOCK, 5, MHP_ONLINE_MOVABLE);
	round_trip(mc, MHP_PLACEMENT_EXISTING, 5, MHP_ONLINE_KERNEL);
}

static void test_never_online(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(add_blocks(mc, FIRST_BLOCK, 5, placements[i]),
				 0);
		assert_int_equal(mhp_remove(mc->m,
					    block_range(mc, FIRST_BLOCK, 5),
					    NULL),
				 0);
		check_ok(mc);
	}
	unchanged(mc, before, 0);
}

/* A range is removed in any pieces; blocks that are not there are no error. */
static void test_remove_pieces(struct machine *mc)
{
	char *before = snapshot(mc, 0);

	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 5, MHP_PLACEMENT_BLOCK),
			 0);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK + 1, 2), NULL),
		0);
	assert_absent(mc, FIRST_BLOCK + 1);
	assert_absent(mc, FIRST_BLOCK + 2);
	assert_added(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK);
	check_ok(mc);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK, 5), NULL), 0);
	unchanged(mc, before, 0);
}

/* Auto is placement block, unless the instance was told otherwise. */
static void test_auto(struct machine *mc)
{
	struct mhp_boot_range boot[2];
	struct mhp_model_config config = machine_config(mc->c, boot);

	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_AUTO), 0);
	assert_added(mc, FIRST_BLOCK, MHP_PLACEMENT_BLOCK);
	config.memmap_on_memory = MHP_MEMMAP_OFF;
	machine_end(mc);
	machine_start_config(mc, mc->c, &config);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_AUTO), 0);
	assert_added(mc, FIRST_BLOCK, MHP_PLACEMENT_EXISTING);
}

/* What added memory costs the memory that was there. */
static void test_costs(struct machine *mc)
{
	uint64_t sections = 5 * mhp_block_sections(mc->g), memmap;
	struct mhp_stat before = stat_now(mc), s;

	assert_int_equal(before.existing_bytes, 0);
	plug(mc, FIRST_BLOCK, 5, MHP_PLACEMENT_BLOCK, MHP_ONLINE_DEFAULT);
	s = stat_now(mc);
	assert_in_range(s.existing_bytes, 1, 64 * sections);
	assert_int_equal(s.existing_memmap_bytes, 0);
	assert_int_equal(s.existing_state_bytes, 0);
	assert_int_equal(s.hosted_memmap_bytes,
			 5 * block_info(mc, FIRST_BLOCK).nr_memmap *
				 mhp_page_bytes(mc->g));
	assert_int_equal(s.nr_present,
			 before.nr_present + 5 * mhp_block_pages(mc->g));
	assert_int_equal(s.nr_managed,
			 before.nr_managed +
				 5 * (mhp_block_pages(mc->g) -
				      block_info(mc, FIRST_BLOCK).nr_memmap));
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 5),
						MHP_NO_DEADLINE, 0, NULL),
			 0);

	plug(mc, FIRST_BLOCK, 5, MHP_PLACEMENT_EXISTING, MHP_ONLINE_DEFAULT);
	s = stat_now(mc);
	memmap = mhp_block_pages(mc->g) * mc->g->descriptor_bytes;
	assert_true(s.existing_memmap_bytes >= 5 * memmap);
	assert_true(s.existing_state_bytes > 0);
	assert_int_equal(s.hosted_memmap_bytes, 0);
	assert_int_equal(s.existing_bytes, s.existing_memmap_bytes +
						   s.existing_state_bytes +
						   s.existing_record_bytes);
	assert_int_equal(s.nr_managed - before.nr_managed,
			 5 * mhp_block_pages(mc->g));
	assert_int_equal(s.nr_adds - before.nr_adds, 2);
	assert_int_equal(s.nr_onlines - before.nr_onlines, 10);
	assert_int_equal(s.nr_offlines - before.nr_offlines, 5);
}

static void assert_span(struct machine *mc, enum mhp_zone_type zone,
			uint64_t first_block, uint64_t end_block,
			uint64_t nr_blocks)
{
	struct mhp_zone_info z = zone_info(mc, 0, zone);

	assert_int_equal(z.span.nr_pages,
			 block_start(mc, end_block - first_block));
	if (z.span.nr_pages)
		assert_int_equal(z.span.start_pfn,
				 block_start(mc, first_block));
	assert_int_equal(z.nr_present, block_start(mc, nr_blocks));
	assert_true(z.nr_managed <= z.nr_present);
	assert_int_equal(z.nr_free, z.nr_managed);
}

static void offline(struct machine *mc, uint64_t id)
{
	assert_int_equal(mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, NULL),
			 0);
	check_ok(mc);
}

static void online(struct machine *mc, uint64_t id)
{
	assert_int_equal(online_blocks(mc, id, 1, MHP_ONLINE_MOVABLE), 0);
	check_ok(mc);
}

static void test_spans(struct machine *mc)
{
	const enum mhp_zone_type zone = MHP_ZONE_MOVABLE;

	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 8, MHP_PLACEMENT_BLOCK),
			 0);
	assert_span(mc, zone, 0, 0, 0);
	online(mc, 11);
	assert_span(mc, zone, 11, 12, 1);
	online(mc, 14);
	assert_span(mc, zone, 11, 15, 2);
	online(mc, 9);
	assert_span(mc, zone, 9, 15, 3);
	offline(mc, 11);
	assert_span(mc, zone, 9, 15, 2);
	offline(mc, 14);
	assert_span(mc, zone, 9, 10, 1);
	online(mc, 10);
	offline(mc, 9);
	assert_span(mc, zone, 10, 11, 1);
	offline(mc, 10);
	assert_span(mc, zone, 0, 0, 0);
}

static void scribble(struct machine *mc, mhp_pfn_t pfn, uint64_t nr)
{
	for (; nr; nr--, pfn++) {
		void *extra = mhp_frame_extra(mc->m, pfn);
		size_t room = mc->g->descriptor_bytes - MHP_DESC_ENGINE_BYTES;

		if (!room) {
			assert_null(extra);
			continue;
		}
		assert_non_null(extra);
		memset(extra, 0xc3, room);
	}
}

/* An embedder may write all over its own bytes of the pages that it holds. */
static void test_extra(struct machine *mc)
{
	unsigned int largest = mhp_pageblock_order(mc->g), order;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		mhp_pfn_t pfns[17];

		plug(mc, FIRST_BLOCK, 2, placements[i], MHP_ONLINE_KERNEL);
		for (order = 0; order <= largest; order++) {
			pfns[order] = alloc_unmovable(mc, order);
			scribble(mc, pfns[order], UINT64_C(1) << order);
		}
		for (order = 0; order <= largest; order++) {
			assert_int_equal(page_info(mc, pfns[order]).order,
					 order);
			assert_int_equal(
				mhp_frame_free(mc->m, pfns[order], order), 0);
		}
		check_ok(mc);
		assert_int_equal(mhp_offline_and_remove(
					 mc->m, block_range(mc, FIRST_BLOCK, 2),
					 MHP_NO_DEADLINE, 0, NULL),
				 0);
	}
	assert_null(mhp_frame_extra(mc->m, block_start(mc, FIRST_BLOCK)));
}

static int add_scrubbed(struct machine *mc, uint32_t flags)
{
	struct mhp_add_request request = {
		.range = block_range(mc, FIRST_BLOCK, 1),
		.flags = flags,
	};

	return mhp_add(mc->m, &request, NULL);
}

/* Memory that is to be scrubbed keeps nothing; other memory is left alone. */
static void test_scrub(struct machine *mc)
{
	uint32_t flags[] = {MHP_ADD_SCRUB, 0};
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 1);
	unsigned int i;

	machine_again(mc, MHP_MODEL_STALE);
	for (i = 0; i < 2; i++) {
		uint64_t *page;

		assert_int_equal(add_scrubbed(mc, flags[i]), 0);
		page = mhp_frame_address(mc->m, mhp_range_end_pfn(range) - 1);
		*page = 42;
		assert_int_equal(mhp_remove(mc->m, range, NULL), 0);
		assert_int_equal(*page, flags[i] ? 0 : 42);
	}
}

/* However often a block changes between zones, nothing is left of it. */
static void test_cycles(struct machine *mc)
{
	char *before;
	int i;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	before = snapshot(mc, 0);
	for (i = 0; i < 12; i++) {
		enum mhp_online_type type = i % 2 ? MHP_ONLINE_MOVABLE
						  : MHP_ONLINE_KERNEL;

		offline(mc, FIRST_BLOCK);
		assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, type), 0);
		use_all(mc, MHP_ZONE_NORMAL);
	}
	unchanged(mc, before, 0);
}

static const struct machine_test tests[] = {
	{"round_trip", test_round_trip},
	{"usable", test_usable},
	{"dirty", test_dirty},
	{"strict", test_strict},
	{"never_online", test_never_online},
	{"remove_pieces", test_remove_pieces},
	{"auto", test_auto},
	{"costs", test_costs},
	{"spans", test_spans},
	{"extra", test_extra},
	{"scrub", test_scrub},
	{"cycles", test_cycles},
};

int main(void)
{
	return machine_run("lifecycle", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
