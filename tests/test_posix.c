/* SPDX-License-Identifier: MIT */
/*
 * Real memory that is plugged into this process and unplugged: what is touched,
 * what is mapped where, and what the system gets back.
 */
#include "mhp/move.h"
#include "posix_support.h"

#include <stdlib.h>
#include <sys/mman.h>

static void open_close_leaves_nothing(void **state)
{
	unsigned int fds = nr_fds();
	struct mhp_posix *p = NULL;
	uint32_t id;

	(void)state;
	assert_int_equal(mhp_posix_open(NULL, &p, NULL), 0);
	assert_int_equal(mhp_geometry(mhp_posix_mhp(p))->block_shift, 27);
	assert_int_equal(stat_of(p).linear_bytes, 64 * GIB);
	id = plug_blocks(p, 2, MHP_PLACEMENT_BLOCK);
	assert_true(nr_memfd_maps() >= 2);
	assert_int_equal(region_of(p, id).range.start_pfn, 4 * GIB >> 12);
	check_close(p);
	assert_int_equal(nr_memfd_maps(), 0);
	assert_int_equal(nr_fds(), fds);
	mhp_posix_close(NULL);
}

static void open_refused(const struct mhp_posix_config *config, int code,
			 const char *word)
{
	unsigned int fds = nr_fds();
	struct mhp_report report = {0};
	struct mhp_posix *p = NULL;

	assert_int_equal(mhp_posix_open(config, &p, &report), code);
	assert_null(p);
	assert_int_equal(report.code, code);
	expect_text(&report, word);
	assert_int_equal(nr_fds(), fds);
	assert_int_equal(nr_memfd_maps(), 0);
}

static void open_says_what_is_wrong(void **state)
{
	struct mhp_geometry g = small_geometry();
	struct mhp_geometry tiny = g;
	struct mhp_posix_config config = {.size_bytes = 3};

	(void)state;
	open_refused(&config, MHP_ERR_INVAL, "size_bytes");
	config = (struct mhp_posix_config){
		.geometry = &g, .boot_bytes = 2 * GIB, .span_bytes = GIB};
	open_refused(&config, MHP_ERR_INVAL, "boot memory");
	config = (struct mhp_posix_config){.span_bytes = UINT64_C(1) << 60};
	open_refused(&config, MHP_ERR_INVAL, "span_bytes");
	assert_int_equal(mhp_geometry_named("x86_64", &g), 0);
	g.phys_bits = 52;
	config = (struct mhp_posix_config){.geometry = &g,
					   .span_bytes = UINT64_C(1) << 47};
	open_refused(&config, MHP_ERR_NOMEM, "span_bytes");
	tiny.page_shift = 10;
	config = (struct mhp_posix_config){.geometry = &tiny};
	open_refused(&config, MHP_ERR_INVAL, "larger");
	tiny.page_shift = 30;
	assert_int_equal(
		mhp_posix_open(&config, &(struct mhp_posix *){NULL}, NULL),
		MHP_ERR_INVAL);
}

static void plug_touches_nothing(void **state)
{
	struct mhp_posix *p = small_open(0);
	uint32_t id;

	(void)state;
	for (size_t i = 0; i < NR_PLACEMENTS; i++) {
		id = plug_blocks(p, 3, all_placements[i]);
		assert_int_equal(region_of(p, id).allocated_bytes, 0);
		assert_int_equal(unplug(p, id), 0);
	}
	check_close(p);
}

/* Device ranges smaller than a block, on memory that was provided; what is
 * beside them stays. */
static void devices_share_a_block(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp *m = mhp_posix_mhp(p);
	const struct mhp_geometry *g = mhp_geometry(m);
	uint64_t pages = mhp_subsection_pages(g);
	struct mhp_posix_request request = {
		.size_bytes = sizeof(request),
		.capacity_bytes = mhp_block_bytes(g),
	};
	struct mhp_device *devices[2];
	struct mhp_device_info info[2];
	uint32_t id;

	(void)state;
	assert_int_equal(mhp_posix_provide(p, &request, &id, NULL), 0);
	for (unsigned int i = 0; i < 2; i++) {
		struct mhp_device_request device = {
			.range = {region_of(p, id).range.start_pfn + i * pages,
				  pages},
			.placement = all_placements[i],
			.nr_reserved_pages = 1,
		};

		assert_int_equal(mhp_device_add(m, &device, &devices[i], NULL),
				 0);
		mhp_device_query(devices[i], &info[i]);
		assert_int_equal(info[i].range.nr_pages, pages);
		memset(mhp_frame_address(m, info[i].data.start_pfn), (int)i + 1,
		       mhp_page_bytes(g));
		*(uint64_t *)mhp_frame_extra(m, info[i].data.start_pfn) = i;
	}
	assert_int_equal(mhp_posix_withdraw(p, id, NULL), MHP_ERR_BUSY);
	assert_int_equal(mhp_device_remove(m, devices[0]), 0);
	assert_int_equal(mhp_posix_withdraw(p, id, NULL), MHP_ERR_BUSY);
	assert_int_equal(
		*(uint8_t *)mhp_frame_address(m, info[1].data.start_pfn), 2);
	assert_int_equal(
		*(uint64_t *)mhp_frame_extra(m, info[1].data.start_pfn), 1);
	assert_int_equal(mhp_device_remove(m, devices[1]), 0);
	assert_int_equal(region_of(p, id).allocated_bytes, 0);
	assert_int_equal(mhp_posix_withdraw(p, id, NULL), 0);
	check_close(p);
}

/* A descriptor that is written through the window is seen in the linear map. */
static void memmap_is_on_the_block_itself(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp *m = mhp_posix_mhp(p);
	uint32_t id = plug_blocks(p, 2, MHP_PLACEMENT_BLOCK);
	struct mhp_range range = region_of(p, id).range;
	struct mhp_handle_info info;
	uint64_t *extra, *seen;
	mhp_handle_t handle;
	mhp_pfn_t block;

	(void)state;
	assert_int_equal(mhp_handle_alloc(p, 4096, 0, &handle), 0);
	assert_non_null(mhp_handle_pin(p, handle));
	assert_int_equal(mhp_handle_query(p, handle, &info), 0);
	assert_true(info.pfn >= range.start_pfn &&
		    info.pfn < mhp_range_end_pfn(range));
	extra = mhp_frame_extra(m, info.pfn);
	assert_non_null(extra);
	assert_true((uint8_t *)extra >= p->window.base &&
		    (uint8_t *)extra < p->window.base + p->window.size_bytes);
	*extra = UINT64_C(0x1122334455667788);
	block = info.pfn / 2048 * 2048;
	seen = (uint64_t *)((uint8_t *)mhp_posix_address(p, block) +
			    (info.pfn - block) * 16 + 8);
	assert_int_equal(*seen, UINT64_C(0x1122334455667788));
	assert_int_equal(mhp_handle_unpin(p, handle), 0);
	assert_int_equal(mhp_handle_free(p, handle), 0);
	assert_int_equal(unplug(p, id), 0);
	check_close(p);
}

static void unplug_gives_memory_back(void **state)
{
	struct mhp_posix *p = small_open(0);
	mhp_handle_t handles[TRY_HANDLES];
	uint64_t had, before, after;
	unsigned int nr;
	uint32_t id;
	int fd;

	(void)state;
	for (size_t i = 0; i < NR_PLACEMENTS; i++) {
		id = plug_blocks(p, 8, all_placements[i]);
		fd = mhp_posix_region_fd(p, id);
		assert_true(fd >= 0);
		nr = fill(p, region_of(p, id).range, handles, TRY_HANDLES);
		assert_true(nr >= 20);
		had = fd_allocated(fd);
		assert_true(had >= nr * 2 * MIB);
		while (nr)
			mhp_handle_free(p, handles[--nr]);
		before = pss_bytes();
		assert_int_equal(unplug(p, id), 0);
		after = pss_bytes();
		assert_int_equal(fd_allocated(fd), 0);
		if (!SANITIZED)
			assert_true(before - after > had - MIB &&
				    before > after);
		close(fd);
		assert_int_equal(mhp_posix_region_query(
					 p, id, &(struct mhp_posix_region){0}),
				 MHP_ERR_NOENT);
	}
	check_close(p);
}

static void unplug_moves_content(void **state)
{
	struct mhp_posix *p = small_open(0);
	uint32_t id = plug_blocks(p, 2, MHP_PLACEMENT_BLOCK);
	uint32_t other = plug_blocks(p, 4, MHP_PLACEMENT_BLOCK);
	mhp_handle_t handles[TRY_HANDLES];
	uint64_t *words;

	(void)state;
	for (uint64_t i = 0; i < TRY_HANDLES; i++) {
		assert_int_equal(mhp_handle_alloc(p, 16384, MHP_HANDLE_ZERO,
						  handles + i),
				 0);
		words = mhp_handle_pin(p, handles[i]);
		for (unsigned int j = 0; j < 2048; j++)
			assert_int_equal(words[j], 0);
		words[0] = words[2047] = i;
		mhp_handle_unpin(p, handles[i]);
	}
	assert_int_equal(unplug(p, id), 0);
	assert_int_equal(unplug(p, other), 0);
	assert_true(stat_of(p).bytes_moved >= TRY_HANDLES * 16384);
	for (uint64_t i = 0; i < TRY_HANDLES; i++) {
		words = mhp_handle_pin(p, handles[i]);
		assert_true(words[0] == i && words[2047] == i);
		mhp_handle_unpin(p, handles[i]);
		assert_int_equal(mhp_handle_free(p, handles[i]), 0);
	}
	check_close(p);
}

static void pinned_memory_stays(void **state)
{
	struct mhp_posix *p = small_open(0);
	uint32_t id = plug_blocks(p, 2, MHP_PLACEMENT_BLOCK);
	struct mhp_report report = {0};
	struct mhp_handle_info info;
	mhp_handle_t handle;

	(void)state;
	assert_int_equal(mhp_handle_alloc(p, 8192, 0, &handle), 0);
	assert_ptr_equal(mhp_handle_pin(p, handle), mhp_handle_pin(p, handle));
	assert_int_equal(mhp_handle_query(p, handle, &info), 0);
	assert_int_equal(mhp_posix_unplug(p, id, MHP_NO_DEADLINE, 0, &report),
			 MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_PINNED);
	assert_int_equal(report.pfn, info.pfn);
	assert_int_equal(report.order, 1);
	assert_int_equal(report.pins, 2);
	assert_string_equal(report.owner_name, "handles");
	mhp_handle_unpin(p, handle);
	mhp_handle_unpin(p, handle);
	assert_int_equal(mhp_handle_unpin(p, handle), MHP_ERR_INVAL);
	assert_int_equal(unplug(p, id), 0);
	assert_int_equal(mhp_handle_free(p, handle), 0);
	check_close(p);
}

static int provide_at(struct mhp_posix *p, uint64_t start, uint64_t size_bytes,
		      uint16_t node, struct mhp_report *report)
{
	const struct mhp_posix_request request = {
		.capacity_bytes = size_bytes,
		.start = {start},
		.node = node,
	};
	uint32_t id;
	int err = mhp_posix_provide(p, &request, &id, report);

	return err ? err : (int)id;
}

static void addresses(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp_report report;

	(void)state;
	assert_int_equal(provide_at(p, 0, 16 * MIB, 0, NULL), 1);
	assert_int_equal(provide_at(p, 5 * GIB, 16 * MIB, 1, NULL), 2);
	assert_int_equal(provide_at(p, 0, 8 * MIB, 0, NULL), 3);
	assert_int_equal(region_of(p, 3).range.start_pfn,
			 (4 * GIB + 16 * MIB) >> 12);
	assert_int_equal(region_of(p, 2).node, 1);
	assert_int_equal(mhp_posix_withdraw(p, 1, NULL), 0);
	assert_int_equal(provide_at(p, 0, 8 * MIB, 0, NULL), 4);
	assert_int_equal(region_of(p, 4).range.start_pfn, 4 * GIB >> 12);
	assert_int_equal(provide_at(p, 5 * GIB + 8 * MIB, 8 * MIB, 0, &report),
			 MHP_ERR_EXIST);
	expect_text(&report, "provided");
	assert_int_equal(provide_at(p, 8 * MIB, 8 * MIB, 0, NULL),
			 MHP_ERR_EXIST);
	assert_int_equal(provide_at(p, 5 * GIB + MIB, 8 * MIB, 0, NULL),
			 MHP_ERR_INVAL);
	assert_int_equal(provide_at(p, 5 * GIB + 1, 8 * MIB, 0, NULL),
			 MHP_ERR_INVAL);
	assert_int_equal(provide_at(p, 6 * GIB - 8 * MIB, 16 * MIB, 0, NULL),
			 MHP_ERR_2BIG);
	assert_int_equal(provide_at(p, 0, 0, 0, NULL), MHP_ERR_INVAL);
	assert_int_equal(provide_at(p, 0, 9 * MIB, 0, NULL), MHP_ERR_INVAL);
	assert_int_equal(provide_at(p, 0, 8 * MIB, 2, NULL), MHP_ERR_INVAL);
	assert_int_equal(provide_at(p, 0, 2 * GIB, 0, &report), MHP_ERR_NOSPC);
	expect_text(&report, "span_bytes");
	assert_int_equal(provide_at(p, 0, 64 * GIB, 0, NULL), MHP_ERR_NOSPC);
	check_close(p);
}

static void provide_and_withdraw(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp *m = mhp_posix_mhp(p);
	struct mhp_add_request add = {.placement = MHP_PLACEMENT_BLOCK};
	struct mhp_report report = {0};
	uint32_t next = 1;
	int id;

	(void)state;
	add.range = mhp_range_make(4 * GIB >> 12, 4096);
	assert_int_equal(mhp_add(m, &add, &report), MHP_ERR_FAULT);
	mhp_posix_explain(p, &report);
	expect_text(&report, "mhp_posix_provide");
	id = provide_at(p, 0, 16 * MIB, 0, NULL);
	assert_int_equal(id, 1);
	assert_int_equal(mhp_posix_region_next(p, &next), 0);
	assert_int_equal(next, 1);
	next = 2;
	assert_int_equal(mhp_posix_region_next(p, &next), MHP_ERR_NOENT);
	assert_int_equal(mhp_add(m, &add, NULL), 0);
	assert_int_equal(mhp_posix_withdraw(p, 1, NULL), MHP_ERR_BUSY);
	assert_int_equal(
		mhp_remove(m, mhp_range_make(4 * GIB >> 12, 2048), NULL), 0);
	assert_int_equal(mhp_posix_withdraw(p, 1, NULL), MHP_ERR_BUSY);
	assert_int_equal(unplug(p, 1), 0);
	assert_int_equal(unplug(p, 1), MHP_ERR_NOENT);
	assert_int_equal(mhp_posix_withdraw(p, 1, NULL), MHP_ERR_NOENT);
	assert_int_equal(mhp_posix_region_fd(p, 1), MHP_ERR_NOENT);
	assert_int_equal(mhp_posix_withdraw(p, 0, NULL), MHP_ERR_BUSY);
	assert_int_equal(unplug(p, 0), MHP_ERR_BUSY);
	check_close(p);
}

/* Blocks that come again, without the region being withdrawn, are as new. */
static void added_again_reads_zero(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp *m = mhp_posix_mhp(p);
	uint32_t id = plug_blocks(p, 2, MHP_PLACEMENT_BLOCK);
	struct mhp_range range = region_of(p, id).range;
	const struct mhp_add_request add = {.range = range,
					    .placement = MHP_PLACEMENT_BLOCK};
	mhp_handle_t handles[TRY_HANDLES];
	unsigned int nr;

	(void)state;
	nr = fill(p, range, handles, TRY_HANDLES);
	while (nr)
		mhp_handle_free(p, handles[--nr]);
	assert_int_equal(
		mhp_offline_and_remove(m, range, MHP_NO_DEADLINE, 0, NULL), 0);
	assert_int_equal(region_of(p, id).allocated_bytes, 0);
	assert_true(p->ops.reads_zero(p, range));
	assert_int_equal(mhp_add(m, &add, NULL), 0);
	assert_int_equal(mhp_block_online(m, range.start_pfn / 2048,
					  MHP_ONLINE_KERNEL, NULL),
			 0);
	assert_int_equal(region_of(p, id).allocated_bytes, 0);
	assert_int_equal(unplug(p, id), 0);
	check_close(p);
}

static void direct_instance(void **state)
{
	struct mhp_posix *p = small_open(MHP_POSIX_DIRECT);
	mhp_handle_t handles[TRY_HANDLES];
	unsigned int nr;
	uint32_t id;

	(void)state;
	assert_int_equal(stat_of(p).window_bytes, 0);
	for (size_t i = 0; i < NR_PLACEMENTS; i++) {
		id = plug_blocks(p, 4, all_placements[i]);
		nr = fill(p, region_of(p, id).range, handles, 4);
		assert_int_equal(nr, 4);
		assert_int_equal(mhp_check(mhp_posix_mhp(p), NULL), 0);
		assert_int_equal(unplug(p, id), 0);
		while (nr)
			assert_int_equal(mhp_handle_free(p, handles[--nr]), 0);
	}
	check_close(p);
}

/* Pages are in use, and pinned, while their memmap moves to and fro. */
static void memmaps_move(void **state)
{
	struct mhp_posix *p = small_open(MHP_POSIX_NO_EXTRA);
	struct mhp *m = mhp_posix_mhp(p);
	uint32_t id = plug_blocks(p, 2, MHP_PLACEMENT_BLOCK);
	uint64_t block = region_of(p, id).range.start_pfn / 2048;
	mhp_handle_t handles[TRY_HANDLES];
	unsigned int nr = fill(p, region_of(p, id).range, handles, 4), round;
	uint64_t *word = mhp_handle_pin(p, handles[0]);

	(void)state;
	assert_non_null(word);
	for (round = 0; round < 10; round++) {
		*word = round;
		assert_int_equal(mhp_memmap_move(m, block,
						 MHP_PLACEMENT_EXISTING,
						 MHP_NO_DEADLINE, NULL),
				 0);
		assert_int_equal(mhp_check(m, NULL), 0);
		assert_int_equal(*word, round);
		assert_int_equal(mhp_memmap_move(m, block, MHP_PLACEMENT_BLOCK,
						 MHP_NO_DEADLINE, NULL),
				 0);
		assert_int_equal(mhp_check(m, NULL), 0);
		assert_int_equal(*word, round);
	}
	assert_int_equal(mhp_handle_unpin(p, handles[0]), 0);
	while (nr)
		assert_int_equal(mhp_handle_free(p, handles[--nr]), 0);
	assert_int_equal(unplug(p, id), 0);
	check_close(p);
}

static void populate_modes(void **state)
{
	struct mhp_geometry g = small_geometry();
	struct mhp_posix_config config = {.geometry = &g,
					  .span_bytes = 5 * GIB};
	struct mhp_posix_region region;
	mhp_handle_t handle;
	struct mhp_posix *p;
	uint32_t id;

	(void)state;
	for (int mode = 0; mode <= MHP_POSIX_POPULATE_FAULT; mode++) {
		config.populate = (enum mhp_posix_populate)mode;
		assert_int_equal(mhp_posix_open(&config, &p, NULL), 0);
		id = plug_blocks(p, 1, MHP_PLACEMENT_EXISTING);
		assert_int_equal(mhp_handle_alloc(p, 4096, 0, &handle), 0);
		region = region_of(p, id);
		if (mode == MHP_POSIX_POPULATE_FAULT)
			assert_true(region.allocated_bytes < MIB);
		else
			assert_int_equal(region.allocated_bytes, 2 * MIB);
		assert_int_equal(region.nr_pageblocks_huge +
					 region.nr_pageblocks_small,
				 1);
		if (mode != MHP_POSIX_POPULATE_AUTO)
			assert_int_equal(region.nr_pageblocks_small, 1);
		else if (!region.nr_pageblocks_huge)
			print_message("pageblocks do not collapse here\n");
		check_close(p);
	}
}

/* Uses up mappings until the system refuses one; what to unmap. */
static uint8_t *maps_exhaust(size_t nr_pages)
{
	uint8_t *at = mmap(NULL, nr_pages * 4096, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	for (size_t i = 0; i + 1 < nr_pages; i += 2)
		if (mprotect(at + i * 4096, 4096, PROT_READ))
			return at;
	munmap(at, nr_pages * 4096);
	return NULL;
}

#define MANY_PAGES (UINT64_C(1) << 18)

static void too_many_mappings(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp_posix_request r = {.capacity_bytes = 64 * MIB,
				      .placement = MHP_PLACEMENT_BLOCK,
				      .online = MHP_ONLINE_MOVABLE};
	struct mhp_report report = {0};
	uint32_t id, other = 99;
	uint8_t *maps;
	int err, fd, undone;

	(void)state;
	if (SANITIZED) {
		/* The sanitizers cannot work without a mapping either. */
		mhp_posix_close(p);
		skip();
	}
	id = plug_blocks(p, 8, MHP_PLACEMENT_BLOCK);
	fd = mhp_posix_region_fd(p, id);
	maps = maps_exhaust(MANY_PAGES);
	err = mhp_posix_plug(p, &r, &other, &report);
	undone = unplug(p, id);
	if (maps)
		munmap(maps, MANY_PAGES * 4096);
	if (!maps) {
		print_message("vm.max_map_count is too large to be reached\n");
		mhp_posix_close(p);
		skip();
	}
	assert_int_equal(err, MHP_ERR_NFILE);
	expect_text(&report, "max_map_count");
	assert_int_equal(other, 0);
	assert_int_equal(undone, 0);
	assert_int_equal(fd_allocated(fd), 0);
	close(fd);
	assert_int_equal(unplug(p, plug_blocks(p, 8, MHP_PLACEMENT_BLOCK)), 0);
	check_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_close_leaves_nothing),
		cmocka_unit_test(open_says_what_is_wrong),
		cmocka_unit_test(plug_touches_nothing),
		cmocka_unit_test(devices_share_a_block),
		cmocka_unit_test(memmap_is_on_the_block_itself),
		cmocka_unit_test(unplug_gives_memory_back),
		cmocka_unit_test(unplug_moves_content),
		cmocka_unit_test(pinned_memory_stays),
		cmocka_unit_test(addresses),
		cmocka_unit_test(provide_and_withdraw),
		cmocka_unit_test(added_again_reads_zero),
		cmocka_unit_test(memmaps_move),
		cmocka_unit_test(direct_instance),
		cmocka_unit_test(populate_modes),
		cmocka_unit_test(too_many_mappings),
	};

	return cmocka_run_group_tests_name("posix", tests, NULL, NULL);
}
