/* SPDX-License-Identifier: MIT */
/*
 * One memmap for a range of real memory: the window is mapped to the first
 * pages of its file, for all blocks of it.
 *
 * What it does not do: what is alike with all placements (test_posix.c).
 */
#include "posix_support.h"

#include <stdlib.h>

#define BLOCK_PAGES (SMALL_BLOCK >> 12)

/* Memmap and state of a block. */
static uint64_t piece_pages(struct mhp_posix *p)
{
	uint64_t nr;

	assert_int_equal(mhp_hosted_pages(mhp_posix_mhp(p),
					  mhp_range_make(0, BLOCK_PAGES),
					  MHP_PLACEMENT_BLOCK, &nr),
			 0);
	return nr;
}

/* What is written to a page's descriptor through the window stands in the first
 * block, in the order of the pages. */
static void window_is_at_the_start(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp *m = mhp_posix_mhp(p);
	uint32_t id = plug_blocks(p, 6, MHP_PLACEMENT_RANGE);
	struct mhp_range range = region_of(p, id).range;
	uint64_t *at = mhp_posix_address(p, range.start_pfn);

	(void)state;
	for (uint64_t i = 1; i < 6; i++) {
		mhp_pfn_t pfn = range.start_pfn + i * BLOCK_PAGES + 77;
		uint64_t *extra = mhp_frame_extra(m, pfn);
		uint64_t word = i * piece_pages(p) * 4096 / 8 + 77 * 2 + 1;

		assert_true((uint8_t *)extra >= p->window.base &&
			    (uint8_t *)extra <
				    p->window.base + p->window.size_bytes);
		*extra = UINT64_C(0xfeed) + i;
		assert_int_equal(at[word], UINT64_C(0xfeed) + i);
	}
	assert_int_equal(unplug(p, id), 0);
	check_close(p);
}

static struct mhp_posix *large_descriptors_open(void)
{
	struct mhp_geometry g = small_geometry();
	const struct mhp_posix_config config = {
		.geometry = &g,
		.boot_bytes = 2 * SMALL_BLOCK,
		.span_bytes = 6 * GIB,
	};
	struct mhp_posix *p = NULL;

	g.descriptor_bytes = 64;
	assert_int_equal(mhp_posix_open(&config, &p, NULL), 0);
	return p;
}

/* With the state among the descriptors, memmaps are neighbours in the window
 * and in the file: the system makes one mapping of them. */
static void one_mapping_for_all(void **state)
{
	struct mhp_posix *p = large_descriptors_open();
	unsigned int none = nr_memfd_maps();
	uint32_t id = plug_blocks(p, 32, MHP_PLACEMENT_BLOCK);

	(void)state;
	assert_true(nr_memfd_maps() - none >= 32);
	assert_int_equal(unplug(p, id), 0);
	assert_int_equal(nr_memfd_maps(), none);
	id = plug_blocks(p, 32, MHP_PLACEMENT_RANGE);
	assert_int_equal(nr_memfd_maps() - none, 2);
	assert_int_equal(unplug(p, id), 0);
	assert_int_equal(nr_memfd_maps(), none);
	check_close(p);
}

/* Blocks go from the last on; what held their memmap is used, written to, and
 * spoils nothing. */
static void pages_come_back(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp *m = mhp_posix_mhp(p);
	uint32_t id = plug_blocks(p, 6, MHP_PLACEMENT_RANGE);
	struct mhp_range range = region_of(p, id).range;
	uint64_t first = range.start_pfn / BLOCK_PAGES, nr_back = 0;
	struct mhp_block_info before, after;

	(void)state;
	assert_int_equal(mhp_block_query(m, first, &before), 0);
	assert_int_equal(before.nr_memmap, 6 * piece_pages(p));
	for (uint64_t i = 5; i; i--) {
		mhp_handle_t handles[256];
		unsigned int nr = 0;

		assert_int_equal(mhp_offline_and_remove(
					 m,
					 mhp_range_make(range.start_pfn +
								i * BLOCK_PAGES,
							BLOCK_PAGES),
					 MHP_NO_DEADLINE, 0, NULL),
				 0);
		assert_int_equal(mhp_block_query(m, first, &after), 0);
		nr_back += piece_pages(p);
		assert_int_equal(after.nr_memmap, before.nr_memmap - nr_back);
		assert_int_equal(mhp_check(m, NULL), 0);
		while (nr < 256 &&
		       !mhp_handle_alloc(p, 4096, 0, &handles[nr])) {
			memset(mhp_handle_pin(p, handles[nr]), 0xa5, 4096);
			mhp_handle_unpin(p, handles[nr++]);
		}
		assert_int_equal(mhp_check(m, NULL), 0);
		while (nr)
			assert_int_equal(mhp_handle_free(p, handles[--nr]), 0);
	}
	assert_int_equal(mhp_check(m, NULL), 0);
	assert_int_equal(unplug(p, id), 0);
	check_close(p);
}

/* What left comes again, to the same memory, and carries its own. */
static void comes_again(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp *m = mhp_posix_mhp(p);
	uint32_t id = plug_blocks(p, 6, MHP_PLACEMENT_RANGE);
	struct mhp_range range = region_of(p, id).range;
	struct mhp_add_request add = {
		.range = mhp_range_make(range.start_pfn + 3 * BLOCK_PAGES,
					3 * BLOCK_PAGES),
	};
	mhp_handle_t handles[TRY_HANDLES];
	unsigned int nr;

	(void)state;
	for (size_t i = 0; i < NR_PLACEMENTS; i++) {
		assert_int_equal(mhp_offline_and_remove(m, add.range,
							MHP_NO_DEADLINE, 0,
							NULL),
				 0);
		add.placement = all_placements[i];
		assert_int_equal(mhp_add(m, &add, NULL), 0);
		for (uint64_t k = 0; k < 3; k++)
			assert_int_equal(
				mhp_block_online(
					m,
					add.range.start_pfn / BLOCK_PAGES + k,
					MHP_ONLINE_MOVABLE, NULL),
				0);
		nr = fill(p, range, handles, TRY_HANDLES);
		assert_true(nr > 10);
		assert_int_equal(mhp_check(m, NULL), 0);
		while (nr)
			assert_int_equal(mhp_handle_free(p, handles[--nr]), 0);
	}
	assert_int_equal(unplug(p, id), 0);
	check_close(p);
}

/* A pinned page in the first block, or in the last one: nothing has left. */
static void pinned_range_stays(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp *m = mhp_posix_mhp(p);
	uint32_t id = plug_blocks(p, 6, MHP_PLACEMENT_RANGE);
	struct mhp_range range = region_of(p, id).range;
	mhp_handle_t handles[TRY_HANDLES];
	unsigned int nr = fill(p, range, handles, TRY_HANDLES);

	(void)state;
	assert_true(nr > 10);
	for (unsigned int i = 0; i < 2; i++) {
		struct mhp_report report = {0};
		unsigned int at = i ? nr - 1 : 0;

		for (unsigned int k = nr; i && k > 12; k--)
			mhp_handle_free(p, handles[--nr]);
		at = i ? nr - 1 : 0;
		assert_non_null(mhp_handle_pin(p, handles[at]));
		assert_int_equal(
			mhp_posix_unplug(p, id, MHP_NO_DEADLINE, 0, &report),
			MHP_ERR_BUSY);
		mhp_handle_unpin(p, handles[at]);
		for (uint64_t k = 0; k < 6; k++) {
			struct mhp_block_info info;

			assert_int_equal(
				mhp_block_query(
					m, range.start_pfn / BLOCK_PAGES + k,
					&info),
				0);
			assert_int_equal(info.state, MHP_BLOCK_ONLINE);
			assert_int_equal(info.zone, MHP_ZONE_MOVABLE);
		}
		assert_int_equal(mhp_check(m, NULL), 0);
	}
	while (nr)
		assert_int_equal(mhp_handle_free(p, handles[--nr]), 0);
	assert_int_equal(unplug(p, id), 0);
	check_close(p);
}

/* An instance that ends gives all back, whatever its blocks are doing. */
static void ends_with_a_range(void **state)
{
	unsigned int fds = nr_fds();

	(void)state;
	for (uint32_t flags = 0; flags < 2; flags++) {
		struct mhp_posix *p = small_open(flags ? MHP_POSIX_DIRECT : 0);
		uint32_t id = plug_blocks(p, 6, MHP_PLACEMENT_RANGE);
		uint64_t first = region_of(p, id).range.start_pfn / BLOCK_PAGES;

		assert_int_equal(mhp_block_offline(mhp_posix_mhp(p), first + 5,
						   MHP_NO_DEADLINE, NULL),
				 0);
		check_close(p);
		assert_int_equal(nr_memfd_maps(), 0);
		assert_int_equal(nr_fds(), fds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_is_at_the_start),
		cmocka_unit_test(one_mapping_for_all),
		cmocka_unit_test(pages_come_back),
		cmocka_unit_test(comes_again),
		cmocka_unit_test(pinned_range_stays),
		cmocka_unit_test(ends_with_a_range),
	};

	return cmocka_run_group_tests_name("posix_range", tests, NULL, NULL);
}
