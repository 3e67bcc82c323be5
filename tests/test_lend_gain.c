/* SPDX-License-Identifier: MIT */
/*
 * How much of the memmap of x86_64 can be lent, with memory blocks of 128 MiB
 * that are all allocated as huge pages: pages of each block.
 *
 *   placement  huge pages  64 bytes     16 bytes
 *   block      2 MiB       329 of 512   63 of 131
 *   range      1 GiB       329 of 512   64 of 131
 *
 * With 64 bytes seven of eight could be, but the state of a block hides in the
 * descriptors of the first 137 pages of its memmap.
 */
#include "mhp/lend.h"
#include "support.h"

#define GIB_PAGES (UINT64_C(1) << 18)
#define NR_GIB 8
#define PMD_ORDER 9
#define GIB_ORDER 18

/* Return: lent pages, of blocks that are wholly allocated: of each. */
static uint64_t gain(unsigned int descriptor_bytes,
		     enum mhp_placement placement, unsigned int order,
		     uint64_t *nr_memmap)
{
	struct mhp_boot_range boot = {.range = {0, GIB_PAGES}};
	struct mhp_model_config config = {
		.boot = &boot, .nr_boot = 1, .max_pfn = 2 * NR_GIB * GIB_PAGES};
	struct mhp_add_request add = {
		.range = {NR_GIB * GIB_PAGES, NR_GIB * GIB_PAGES},
		.placement = placement,
		.flags = MHP_ADD_STRICT};
	struct mhp_request request = {.order = (uint8_t)order};
	uint64_t nr_blocks = 0, id, nr_lent = 0;
	struct mhp_block_info info;
	struct mhp_model *model;
	struct mhp_stat stat;
	struct mhp *m;
	mhp_pfn_t pfn;

	assert_int_equal(mhp_geometry_named("x86_64", &config.geometry), 0);
	config.geometry.descriptor_bytes = (uint16_t)descriptor_bytes;
	config.geometry.block_shift = 27;
	assert_int_equal(mhp_model_create(&config, &model, NULL), 0);
	m = mhp_model_mhp(model);
	assert_int_equal(mhp_add(m, &add, NULL), 0);
	assert_int_equal(mhp_stat_read(m, &stat), 0);
	*nr_memmap = (stat.hosted_memmap_bytes >> 12) / (NR_GIB * 8);
	id = mhp_block_id(mhp_geometry(m), add.range.start_pfn);
	for (; nr_blocks < NR_GIB * 8; nr_blocks++)
		assert_int_equal(mhp_block_online(m, id + nr_blocks,
						  MHP_ONLINE_KERNEL, NULL),
				 0);
	while (!mhp_frame_alloc(m, &request, &pfn))
		assert_int_equal(mhp_memmap_lend(m, pfn, UINT64_C(1) << order,
						 NULL, NULL),
				 0);
	assert_int_equal(mhp_check(m, NULL), 0);
	for (; nr_blocks--; nr_lent += info.nr_memmap_lent)
		assert_int_equal(mhp_block_query(m, id + nr_blocks, &info), 0);
	assert_int_equal(mhp_stat_read(m, &stat), 0);
	assert_int_equal(stat.nr_memmap_lent, nr_lent);
	/* In the last block no page is memmap of others. */
	assert_int_equal(mhp_block_query(m, id + NR_GIB * 8 - 1, &info), 0);
	mhp_model_destroy(model);
	return info.nr_memmap_lent;
}

static void test_gain(void **state)
{
	uint64_t nr;

	(void)state;
	if (sizeof(void *) < 8) {
		print_message("a host of 32 bits has no room for 16 GiB\n");
		skip();
	}
	assert_int_equal(gain(64, MHP_PLACEMENT_BLOCK, PMD_ORDER, &nr), 329);
	assert_int_equal(nr, 512);
	assert_int_equal(gain(64, MHP_PLACEMENT_RANGE, GIB_ORDER, &nr), 329);
	assert_int_equal(nr, 512);
	assert_int_equal(gain(16, MHP_PLACEMENT_BLOCK, PMD_ORDER, &nr), 63);
	assert_int_equal(nr, 131);
	assert_int_equal(gain(16, MHP_PLACEMENT_RANGE, GIB_ORDER, &nr), 64);
	assert_int_equal(nr, 131);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
