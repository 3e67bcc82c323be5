/* SPDX-License-Identifier: MIT */
/*
 * A memmap that moves to existing memory goes to no block that depends on the
 * one that it leaves, however many these are; and afterwards all of them serve
 * as before.
 */
#include <stdlib.h>
#include <string.h>

#include "mhp/move.h"
#include "support.h"

#define NR_MACHINE 600
#define HOST 8	      /* has the memmaps of the others */
#define FIRST 16      /* of those */
#define ELSEWHERE 590 /* depends on nobody */
#define NR_PAGES 512  /* of a block */

/* A page holds the memmap of a block. */
static const struct machine_case one_page[] = {
	{.name = "one-page",
	 .geometry = {.page_shift = 12,
		      .pmd_shift = 16,
		      .pageblock_shift = 16,
		      .section_shift = 21,
		      .block_shift = 21,
		      .pud_shift = 22,
		      .phys_bits = 40,
		      .descriptor_bytes = 8,
		      .nr_nodes = 1,
		      .nr_cpus = 1}},
};

static uint64_t memmap_block(struct machine *mc, uint64_t id)
{
	return mhp_block_id(mc->g, block_info(mc, id).memmap_pfn);
}

static void hold(struct machine *mc, mhp_pfn_t *pfns, unsigned int nr)
{
	struct mhp_request request = {.order = 0};

	while (nr--)
		assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfns[nr]),
				 0);
}

/* Pages of a block that an allocation can get. */
static uint64_t usable(struct machine *mc, uint64_t id)
{
	struct mhp_request request = {
		.order = 0,
		.limit_pfn = block_start(mc, id + 1),
	};
	static mhp_pfn_t pfns[8 * NR_PAGES];
	uint64_t nr = 0, here = 0;

	while (!mhp_frame_alloc(mc->m, &request, &pfns[nr])) {
		here += mhp_block_id(mc->g, pfns[nr]) == id;
		assert_true(++nr < 8 * NR_PAGES);
	}
	while (nr--)
		assert_int_equal(mhp_frame_free(mc->m, pfns[nr], 0), 0);
	return here;
}

static void avoids(struct machine *mc, uint64_t nr)
{
	static mhp_pfn_t boot[NR_BOOT_BLOCKS * NR_PAGES];
	unsigned int nr_boot = 0;
	uint64_t id;

	for (id = 0; id < NR_BOOT_BLOCKS; id++)
		nr_boot += (unsigned int)block_info(mc, id).nr_free;
	hold(mc, boot, nr_boot);
	plug(mc, HOST, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	assert_int_equal(add_blocks(mc, FIRST, nr, MHP_PLACEMENT_EXISTING), 0);
	for (id = FIRST; id < FIRST + nr; id++)
		assert_int_equal(memmap_block(mc, id), HOST);
	assert_int_equal(online_blocks(mc, FIRST, 2, MHP_ONLINE_KERNEL), 0);
	assert_int_equal(
		online_blocks(mc, FIRST + nr - 1, 1, MHP_ONLINE_KERNEL), 0);
	assert_int_equal(mhp_memmap_move(mc->m, HOST, MHP_PLACEMENT_EXISTING,
					 MHP_NO_DEADLINE, NULL),
			 MHP_ERR_NOMEM);
	check_ok(mc);
	assert_int_equal(usable(mc, FIRST), NR_PAGES);
	plug(mc, ELSEWHERE, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	assert_int_equal(mhp_memmap_move(mc->m, HOST, MHP_PLACEMENT_EXISTING,
					 MHP_NO_DEADLINE, NULL),
			 0);
	assert_int_equal(memmap_block(mc, HOST), ELSEWHERE);
	check_ok(mc);
	assert_int_equal(usable(mc, FIRST), NR_PAGES);
	assert_int_equal(usable(mc, FIRST + 1), NR_PAGES);
	assert_int_equal(usable(mc, FIRST + nr - 1), NR_PAGES);
	assert_int_equal(mhp_frame_free_bulk(mc->m, 0, nr_boot, boot), 0);
}

static void start(struct machine *mc)
{
	struct mhp_boot_range boot[2];
	struct mhp_model_config config = machine_config(one_page, boot);

	config.max_pfn = NR_MACHINE * mhp_block_pages(&one_page->geometry);
	machine_start_config(mc, one_page, &config);
}

static void test_few(void **state)
{
	struct machine mc;

	(void)state;
	start(&mc);
	avoids(&mc, 20);
	machine_end(&mc);
}

/* More than the walk over dependents has room for. */
static void test_many(void **state)
{
	struct machine mc;

	(void)state;
	start(&mc);
	avoids(&mc, 400);
	machine_end(&mc);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("move_avoid", tests, NULL, NULL);
}
