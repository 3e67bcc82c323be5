/* SPDX-License-Identifier: MIT */
/*
 * Gigantic pages of a terabyte that is plugged into x86_64: how many can really
 * be allocated with each placement of its memmap, that the planner agrees,
 * and what the placement costs in existing memory.
 *
 *   placement   block    16 bytes  64 bytes   existing memory
 *   range       128 MiB  1019      1008       none but records
 *   block       128 MiB  0         0          none but records
 *   block       64 GiB   1008      1008       the same, but nothing smaller
 *                                             than 64 GiB can be taken offline
 *   existing    128 MiB  1024      1024       4 and 16 GiB
 */
#include <stdlib.h>

#include "mhp/plan.h"
#include "support.h"

#define GIB_PAGES (UINT64_C(1) << 18)
#define TIB_PAGES (1024 * GIB_PAGES)
#define GIB_ORDER 18

struct terabyte {
	struct mhp_model *model;
	struct mhp *m;
	struct mhp_range range;
};

static void terabyte_open(struct terabyte *t, unsigned int descriptor_bytes,
			  unsigned int block_shift)
{
	struct mhp_boot_range boot = {.range = {0, 64 * GIB_PAGES}};
	struct mhp_model_config config = {
		.boot = &boot,
		.nr_boot = 1,
		.max_pfn = 3 * TIB_PAGES,
		/* Nobody is to pay for old content of 16 GiB of memmap. */
		.flags = MHP_MODEL_REAL_CLOCK,
	};

	assert_int_equal(mhp_geometry_named("x86_64", &config.geometry), 0);
	config.geometry.descriptor_bytes = (uint16_t)descriptor_bytes;
	config.geometry.block_shift = (uint8_t)block_shift;
	assert_int_equal(mhp_model_create(&config, &t->model, NULL), 0);
	t->m = mhp_model_mhp(t->model);
	t->range = mhp_range_make(TIB_PAGES, TIB_PAGES);
}

static void terabyte_plug(struct terabyte *t, enum mhp_placement placement)
{
	struct mhp_add_request request = {.range = t->range,
					  .placement = placement,
					  .flags = MHP_ADD_STRICT};
	uint64_t id = mhp_block_id(mhp_geometry(t->m), t->range.start_pfn);
	uint64_t nr = t->range.nr_pages / mhp_block_pages(mhp_geometry(t->m));

	assert_int_equal(mhp_add(t->m, &request, NULL), 0);
	for (; nr; nr--, id++)
		assert_int_equal(
			mhp_block_online(t->m, id, MHP_ONLINE_KERNEL, NULL), 0);
}

/* Allocate gigantic pages until there are no more. Return: those that are in
 * the range. */
static uint64_t terabyte_fill(struct terabyte *t)
{
	struct mhp_request request = {.order = GIB_ORDER};
	uint64_t nr = 0;
	mhp_pfn_t pfn;

	while (!mhp_frame_alloc(t->m, &request, &pfn)) {
		assert_int_equal(pfn % GIB_PAGES, 0);
		nr += pfn >= t->range.start_pfn;
	}
	return nr;
}

static uint64_t terabyte_planned(const struct terabyte *t,
				 enum mhp_placement placement)
{
	struct mhp_plan_request request = {.geometry = mhp_geometry(t->m),
					   .placement = placement,
					   .range = t->range};
	struct mhp_plan plan;

	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_int_equal(plan.placement, placement);
	return plan.nr_gigantic;
}

static void expect(enum mhp_placement placement, unsigned int descriptor_bytes,
		   unsigned int block_shift, uint64_t nr, uint64_t memmap_gib)
{
	struct terabyte t;
	struct mhp_stat stat;
	uint64_t sections = TIB_PAGES >> (27 - 12);

	terabyte_open(&t, descriptor_bytes, block_shift);
	terabyte_plug(&t, placement);
	assert_int_equal(mhp_stat_read(t.m, &stat), 0);
	assert_int_equal(stat.existing_memmap_bytes >> 30, memmap_gib);
	if (placement != MHP_PLACEMENT_EXISTING)
		assert_true(stat.existing_bytes <= 64 * sections);
	assert_int_equal(terabyte_planned(&t, placement), nr);
	assert_int_equal(terabyte_fill(&t), nr);
	assert_int_equal(mhp_check(t.m, NULL), 0);
	mhp_model_destroy(t.model);
}

static void no_terabyte(void)
{
	if (sizeof(void *) < 8)
		print_message(
			"a host of 32 bits has no address space for it\n");
	else if (getenv("MHP_TEST_EMULATED"))
		print_message("the emulator keeps a record of each page of "
			      "address space: that takes 20 GiB\n");
	else
		return;
	skip();
}

static void test_range(void **state)
{
	(void)state;
	no_terabyte();
	expect(MHP_PLACEMENT_RANGE, 16, 27, 1019, 0);
	expect(MHP_PLACEMENT_RANGE, 64, 27, 1008, 0);
}

static void test_block(void **state)
{
	(void)state;
	no_terabyte();
	expect(MHP_PLACEMENT_BLOCK, 16, 27, 0, 0);
	expect(MHP_PLACEMENT_BLOCK, 64, 27, 0, 0);
	expect(MHP_PLACEMENT_BLOCK, 16, 36, 1008, 0);
	expect(MHP_PLACEMENT_BLOCK, 64, 36, 1008, 0);
}

static void test_existing(void **state)
{
	(void)state;
	no_terabyte();
	expect(MHP_PLACEMENT_EXISTING, 16, 27, 1024, 4);
	expect(MHP_PLACEMENT_EXISTING, 64, 27, 1024, 16);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_existing),
	};

	return cmocka_run_group_tests_name("terabyte", tests, NULL, NULL);
}
