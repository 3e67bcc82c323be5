/* SPDX-License-Identifier: MIT */
/*
 * Boot memory: holes, reserved parts, zones and nodes inside a block, and what
 * init refuses.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* The default case, with boot memory of the test's own. */
struct own {
	struct mhp_boot_range boot[4];
	struct mhp_range reserved[2];
	struct mhp_model_config config;
	uint64_t block;	    /* pages */
	uint64_t pageblock; /* pages */
};

static void own_start(struct own *own)
{
	const struct machine_case *c = machine_case_default();

	memset(own, 0, sizeof(*own));
	own->config = machine_config(c, own->boot);
	own->config.boot = own->boot;
	own->block = mhp_block_pages(&c->geometry);
	own->pageblock = mhp_pageblock_pages(&c->geometry);
}

static void own_range(struct own *own, uint32_t i, mhp_pfn_t start,
		      mhp_pfn_t end)
{
	own->boot[i].range = mhp_range_make(start, end - start);
	own->boot[i].node = 0;
	own->config.nr_boot = i + 1;
}

static void own_run(struct own *own, struct machine *mc)
{
	machine_start_config(mc, machine_case_default(), &own->config);
}

static uint64_t count_use(struct machine *mc, struct mhp_range range,
			  enum mhp_page_use use)
{
	uint64_t nr = 0, i;

	for (i = 0; i < range.nr_pages; i++)
		nr += page_info(mc, range.start_pfn + i).use == use;
	return nr;
}

/* Nothing of the range is memory, and no allocation ever comes from it. */
static void assert_hole(struct machine *mc, mhp_pfn_t start, mhp_pfn_t end)
{
	struct mhp_range hole = mhp_range_make(start, end - start);

	assert_int_equal(count_use(mc, hole, MHP_PAGE_HOLE), hole.nr_pages);
	assert_int_equal(mhp_frame_free(mc->m, start, 0), MHP_ERR_FAULT);
}

static void test_whole(void **state)
{
	struct machine mc;
	struct mhp_stat s;
	uint64_t id = 0;
	struct own own;

	(void)state;
	own_start(&own);
	own_range(&own, 0, 0, NR_BOOT_BLOCKS * own.block);
	own_run(&own, &mc);
	s = stat_now(&mc);
	assert_int_equal(s.nr_present, NR_BOOT_BLOCKS * own.block);
	assert_true(s.nr_managed < s.nr_present);
	assert_int_equal(s.existing_bytes, 0);
	assert_int_equal(
		count_use(&mc, mhp_range_make(0, NR_BOOT_BLOCKS * own.block),
			  MHP_PAGE_FREE),
		s.nr_managed);
	for (id = 0; id < NR_BOOT_BLOCKS; id++) {
		struct mhp_block_info b = block_info(&mc, id);

		assert_true(b.boot);
		assert_false(b.has_holes);
		assert_int_equal(b.state, MHP_BLOCK_ONLINE);
		assert_int_equal(b.zone, MHP_ZONE_NORMAL);
		assert_int_equal(b.nr_present, own.block);
	}
	machine_end(&mc);
}

/* Boot memory begins and ends in the middle of a block, and has a hole. */
static void test_holes(void **state)
{
	mhp_pfn_t hole, hole_end, end;
	struct machine mc;
	struct own own;

	(void)state;
	own_start(&own);
	hole = own.block + own.pageblock + 3;
	hole_end = 2 * own.block + 5;
	end = 4 * own.block - own.pageblock - 1;
	own_range(&own, 0, 1, hole);
	own_range(&own, 1, hole_end, end);
	own_run(&own, &mc);
	assert_hole(&mc, 0, 1);
	assert_hole(&mc, hole, hole_end);
	assert_hole(&mc, end, 4 * own.block);
	assert_int_equal(stat_now(&mc).nr_present, hole - 1 + end - hole_end);
	assert_true(block_info(&mc, 0).has_holes);
	assert_true(block_info(&mc, 1).has_holes);
	assert_int_equal(block_info(&mc, 1).nr_present, own.pageblock + 3);
	assert_int_equal(zone_info(&mc, 0, MHP_ZONE_NORMAL).span.start_pfn, 1);
	assert_int_equal(zone_info(&mc, 0, MHP_ZONE_NORMAL).span.nr_pages,
			 end - 1);
	machine_end(&mc);
}

/* Whatever is allocated from memory with holes is memory, and only once. */
static void test_alloc_all(void **state)
{
	struct mhp_request request = {0};
	struct machine mc;
	struct own own;
	uint64_t nr, i;
	mhp_pfn_t *pfns;

	(void)state;
	own_start(&own);
	own_range(&own, 0, 1, own.block + 3);
	own_range(&own, 1, own.block + 9, 4 * own.block - 1);
	own.config.flags |= MHP_MODEL_DIRTY;
	own_run(&own, &mc);
	nr = stat_now(&mc).nr_managed;
	pfns = calloc(nr + 1, sizeof(*pfns));
	assert_non_null(pfns);
	assert_int_equal(
		mhp_frame_alloc_bulk(mc.m, &request, (uint32_t)nr + 1, pfns),
		nr);
	for (i = 0; i < nr; i++)
		*(uint64_t *)mhp_frame_address(mc.m, pfns[i]) = i;
	for (i = 0; i < nr; i++)
		assert_int_equal(*(uint64_t *)mhp_frame_address(mc.m, pfns[i]),
				 i);
	check_ok(&mc);
	assert_int_equal(mhp_frame_free_bulk(mc.m, 0, (uint32_t)nr, pfns), 0);
	free(pfns);
	machine_end(&mc);
}

static void test_offline_holes(void **state)
{
	struct mhp_report report;
	struct machine mc;
	struct own own;

	(void)state;
	own_start(&own);
	own_range(&own, 0, 0, 2 * own.block - 1);
	own_range(&own, 1, 2 * own.block, 8 * own.block);
	own_run(&own, &mc);
	assert_int_equal(mhp_block_offline(mc.m, 1, MHP_NO_DEADLINE, &report),
			 MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_HOLES);
	machine_end(&mc);
}

/* A boot block can go offline and come back, but not go away. */
static void test_offline_boot(void **state)
{
	uint64_t id = 0;
	struct machine mc;
	struct own own;
	char *before;

	(void)state;
	own_start(&own);
	own_range(&own, 0, 0, 8 * own.block);
	own_run(&own, &mc);
	before = snapshot(&mc, 0);
	while (id < 8 && count_use(&mc, block_range(&mc, id, 1),
				   MHP_PAGE_FREE) != own.block)
		id++;
	assert_true(id < 8);
	assert_int_equal(mhp_block_offline(mc.m, id, MHP_NO_DEADLINE, NULL), 0);
	check_ok(&mc);
	assert_int_equal(mhp_remove(mc.m, block_range(&mc, id, 1), NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(online_blocks(&mc, id, 1, MHP_ONLINE_KERNEL), 0);
	unchanged(&mc, before, 0);
	machine_end(&mc);
}

static void test_reserved(void **state)
{
	struct mhp_page_info page;
	struct machine mc;
	struct own own;
	uint64_t nr;

	(void)state;
	own_start(&own);
	own_range(&own, 0, 0, 4 * own.block);
	own.reserved[0] = mhp_range_make(0, 3);
	own.reserved[1] = mhp_range_make(own.block - 2, 7);
	own.config.reserved = own.reserved;
	own.config.nr_reserved = 2;
	own_run(&own, &mc);
	nr = count_use(&mc, block_range(&mc, 0, 4), MHP_PAGE_RESERVED);
	assert_int_equal(nr, 10);
	page = page_info(&mc, own.block);
	assert_int_equal(page.use, MHP_PAGE_RESERVED);
	assert_int_equal(mhp_frame_free(mc.m, own.block, 0), MHP_ERR_INVAL);
	check_ok(&mc);
	machine_end(&mc);
}

/* A block across a zone boundary is in several zones, and stays. */
static void test_zones(void **state)
{
	struct mhp_report report;
	struct mhp_request dma = {.zone_limit = MHP_ZONE_DMA};
	struct machine mc;
	mhp_pfn_t pfn;
	struct own own;

	(void)state;
	own_start(&own);
	own_range(&own, 0, 0, 4 * own.block);
	own.config.dma_end_pfn = own.block - own.pageblock;
	own.config.dma32_end_pfn = 2 * own.block;
	own_run(&own, &mc);
	assert_int_equal(block_info(&mc, 0).zone, MHP_ZONE_NONE);
	assert_int_equal(block_info(&mc, 1).zone, MHP_ZONE_DMA32);
	assert_int_equal(block_info(&mc, 2).zone, MHP_ZONE_NORMAL);
	assert_int_equal(page_info(&mc, 0).zone, MHP_ZONE_DMA);
	assert_int_equal(page_info(&mc, own.block - 1).zone, MHP_ZONE_DMA32);
	assert_int_equal(zone_info(&mc, 0, MHP_ZONE_DMA).nr_present,
			 own.block - own.pageblock);
	assert_int_equal(zone_info(&mc, 0, MHP_ZONE_DMA32).nr_present,
			 own.block + own.pageblock);
	assert_int_equal(mhp_block_offline(mc.m, 0, MHP_NO_DEADLINE, &report),
			 MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_MANY_ZONES);
	/* Zone limits are kept to the page. */
	while (!mhp_frame_alloc(mc.m, &dma, &pfn))
		assert_true(pfn < own.config.dma_end_pfn);
	assert_int_equal(zone_info(&mc, 0, MHP_ZONE_DMA).nr_free, 0);
	assert_true(zone_info(&mc, 0, MHP_ZONE_DMA32).nr_free > 0);
	machine_end(&mc);
}

/* Refused with a sentence about what would be right. */
static void refuse_init(const struct own *own)
{
	struct mhp_model *model = NULL;
	struct mhp_report report;

	memset(&report, 0, sizeof(report));
	assert_int_equal(mhp_model_create(&own->config, &model, &report),
			 MHP_ERR_INVAL);
	assert_null(model);
	assert_int_equal(report.stage, MHP_STAGE_INIT);
	assert_int_equal(report.code, MHP_ERR_INVAL);
	assert_int_not_equal(report.why, MHP_WHY_NONE);
	assert_non_null(report.detail);
}

static void test_bad_ranges(void **state)
{
	struct own own;

	(void)state;
	own_start(&own);
	own_range(&own, 0, 0, 0);
	refuse_init(&own);
	own_start(&own);
	own_range(&own, 0, 0, own.block);
	own_range(&own, 1, own.block - 1, 2 * own.block);
	refuse_init(&own);
	own_start(&own);
	own_range(&own, 0, 2 * own.block, 3 * own.block);
	own_range(&own, 1, 0, own.block);
	refuse_init(&own);
	own_start(&own);
	own_range(&own, 0, 0, own.config.max_pfn + 1);
	refuse_init(&own);
	own_start(&own);
	own_range(&own, 0, UINT64_MAX - 5, 20);
	refuse_init(&own);
}

static void test_bad_config(void **state)
{
	struct own own;

	(void)state;
	own_start(&own);
	own_range(&own, 0, 0, 4 * own.block);
	own.boot[0].node = own.config.geometry.nr_nodes;
	refuse_init(&own);
	own_start(&own);
	own.config.dma_end_pfn = own.pageblock + 1;
	refuse_init(&own);
	own_start(&own);
	own.config.dma32_end_pfn = own.block - 1;
	refuse_init(&own);
	own_start(&own);
	own.config.memmap_on_memory = (enum mhp_memmap_mode)9;
	refuse_init(&own);
	own_start(&own);
	own.config.profile = (enum mhp_profile)9;
	refuse_init(&own);
	own_start(&own);
	own.config.profile = MHP_PROFILE_LINUX_6_12;
	refuse_init(&own); /* Linux has no mode auto */
	own_start(&own);
	own.config.profile = MHP_PROFILE_LINUX_6_1;
	own.config.memmap_on_memory = MHP_MEMMAP_FORCE;
	refuse_init(&own);
}

/* Boot memory that cannot hold its own memmap, and none at all. */
static void test_small(void **state)
{
	struct mhp_model *model;
	struct mhp_report report;
	struct own own;

	(void)state;
	own_start(&own);
	own_range(&own, 0, 0, 1);
	assert_int_equal(mhp_model_create(&own.config, &model, &report),
			 MHP_ERR_NOMEM);
	assert_int_equal(report.stage, MHP_STAGE_INIT);
}

/* Starting fails at any operation and leaves nothing: the model looks. */
static void test_init_faults(void **state)
{
	const struct machine_case *c = machine_case_default();
	enum mhp_model_fault how;
	struct mhp_boot_range boot[2];
	struct mhp_model *model;
	uint64_t k;

	(void)state;
	for (how = MHP_MODEL_FAIL_ONCE; how <= MHP_MODEL_FAIL_FROM_THEN;
	     how++) {
		struct mhp_model_config config = machine_config(c, boot);
		int err = MHP_ERR_NOMEM;

		config.fail_how = how;
		for (k = 1; err; k++) {
			config.fail_call = k;
			err = mhp_model_create(&config, &model, NULL);
			assert_true(!err || err == MHP_ERR_NOMEM);
			assert_true(k < 10000);
		}
		assert_true(k > NR_BOOT_BLOCKS);
		mhp_model_destroy(model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_alloc_all),
		cmocka_unit_test(test_offline_holes),
		cmocka_unit_test(test_offline_boot),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_bad_ranges),
		cmocka_unit_test(test_bad_config),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_init_faults),
	};

	return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
