/* SPDX-License-Identifier: MIT */
/*
 * Where the memory of regions comes from: files of the caller's, huge pages,
 * devices; and what is said about files that cannot serve.
 */
#include "posix_support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

static int file_with(uint64_t size_bytes, int byte)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	uint8_t *map;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size_bytes), 0);
	if (byte) {
		map = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			   fd, 0);
		assert_ptr_not_equal(map, MAP_FAILED);
		memset(map, byte, size_bytes);
		munmap(map, size_bytes);
	}
	return fd;
}

/* Bytes of a file that are not @byte. */
static uint64_t file_differs(int fd, uint64_t offset, uint64_t size, int byte)
{
	uint8_t *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd,
			    (off_t)offset);
	uint64_t nr = 0;

	assert_ptr_not_equal(map, MAP_FAILED);
	for (uint64_t i = 0; i < size; i++)
		nr += map[i] != byte;
	munmap(map, size);
	return nr;
}

/* Memory that holds anything, in both placements, in and out. */
static void callers_file(void **state)
{
	struct mhp_posix *p = small_open(0);
	int fd = file_with(32 * MIB, 0xff);
	struct mhp_posix_request request = {
		.capacity_bytes = 16 * MIB,
		.source = MHP_POSIX_FD,
		.fd = fd,
		.offset_bytes = 8 * MIB,
		.online = MHP_ONLINE_MOVABLE,
	};
	mhp_handle_t handles[TRY_HANDLES];
	unsigned int nr;
	uint32_t id;

	(void)state;
	for (size_t i = 0; i < 2 * NR_PLACEMENTS; i++) {
		request.placement = all_placements[i % NR_PLACEMENTS];
		request.flags = i < NR_PLACEMENTS ? MHP_POSIX_KEEP_CONTENT : 0;
		assert_int_equal(mhp_posix_plug(p, &request, &id, NULL), 0);
		nr = fill(p, region_of(p, id).range, handles, TRY_HANDLES);
		assert_true(nr > 4);
		assert_int_equal(mhp_check(mhp_posix_mhp(p), NULL), 0);
		while (nr)
			mhp_handle_free(p, handles[--nr]);
		assert_int_equal(unplug(p, id), 0);
		if (i < NR_PLACEMENTS)
			assert_int_equal(fd_allocated(fd), 32 * MIB);
	}
	assert_int_equal(fd_allocated(fd), 16 * MIB);
	assert_int_equal(file_differs(fd, 0, 8 * MIB, 0xff), 0);
	assert_int_equal(file_differs(fd, 24 * MIB, 8 * MIB, 0xff), 0);
	close(fd);
	check_close(p);
}

static void scrub_overwrites(void **state)
{
	struct mhp_posix *p = small_open(0);
	int fd = file_with(16 * MIB, 0xee);
	struct mhp_posix_request request = {
		.capacity_bytes = 16 * MIB,
		.flags = MHP_POSIX_KEEP_CONTENT,
		.source = MHP_POSIX_FD,
		.fd = fd,
		.placement = MHP_PLACEMENT_BLOCK,
		.add_flags = MHP_ADD_SCRUB,
		.online = MHP_ONLINE_MOVABLE,
	};
	uint32_t id;

	(void)state;
	assert_int_equal(lseek(fd, 77, SEEK_SET), 77);
	assert_int_equal(mhp_posix_plug(p, &request, &id, NULL), 0);
	assert_true(file_differs(fd, 0, 16 * MIB, 0) > 15 * MIB);
	assert_int_equal(unplug(p, id), 0);
	assert_int_equal(file_differs(fd, 0, 16 * MIB, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 77);
	/* What has no memory gets none by being scrubbed; the engine's own
	 * state has a page in each block. */
	assert_int_equal(fallocate(fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   0, 16 * MIB),
			 0);
	request.flags |= MHP_POSIX_READS_ZERO;
	assert_int_equal(mhp_posix_plug(p, &request, &id, NULL), 0);
	assert_int_equal(unplug(p, id), 0);
	assert_true(fd_allocated(fd) <= 8 * 4096);
	close(fd);
	check_close(p);
}

static void plug_refused(struct mhp_posix *p,
			 const struct mhp_posix_request *request, int code,
			 const char *word)
{
	unsigned int fds = nr_fds();
	struct mhp_report report = {0};
	uint32_t id = 99;

	assert_int_equal(mhp_posix_plug(p, request, &id, &report), code);
	assert_int_equal(report.code, code);
	expect_text(&report, word);
	assert_int_equal(id, 0);
	assert_int_equal(nr_fds(), fds);
}

static void bad_files(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp_posix_request r = {.capacity_bytes = 16 * MIB,
				      .source = MHP_POSIX_FD};
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	r.fd = pipes[0];
	plug_refused(p, &r, MHP_ERR_INVAL, "regular file");
	r.fd = 12345;
	plug_refused(p, &r, -EBADF, "descriptor");
	r.fd = file_with(8 * MIB, 0);
	plug_refused(p, &r, MHP_ERR_INVAL, "ends before");
	r.offset_bytes = UINT64_MAX - MIB;
	plug_refused(p, &r, MHP_ERR_INVAL, "offset_bytes");
	r.offset_bytes = 100;
	r.capacity_bytes = 8 * MIB;
	assert_int_equal(ftruncate(r.fd, 9 * MIB), 0);
	plug_refused(p, &r, MHP_ERR_INVAL, "whole pages");
	close(r.fd);
	r = (struct mhp_posix_request){.capacity_bytes = 8 * MIB,
				       .source = MHP_POSIX_PATH};
	plug_refused(p, &r, MHP_ERR_INVAL, "path");
	r.path = "/nonexistent/dax0.0";
	plug_refused(p, &r, MHP_ERR_NOENT, "open");
	r.path = "/dev/null";
	plug_refused(p, &r, MHP_ERR_NODEV, "device-dax");
	r.source = MHP_POSIX_FD + 1;
	plug_refused(p, &r, MHP_ERR_INVAL, "source");
	r.source = MHP_POSIX_MEMFD;
	r.flags = MHP_POSIX_KEEP_CONTENT;
	plug_refused(p, &r, MHP_ERR_INVAL, "caller");
	close(pipes[0]);
	close(pipes[1]);
	check_close(p);
}

/* A file without write permission maps, but not for writing. */
static void read_only_file(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp_posix_request r = {.capacity_bytes = 8 * MIB,
				      .source = MHP_POSIX_FD,
				      .placement = MHP_PLACEMENT_BLOCK};
	struct mhp_report report = {0};
	int fd = file_with(8 * MIB, 0);
	char path[64];
	uint32_t id;

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r.fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(r.fd >= 0);
	assert_int_equal(mhp_posix_plug(p, &r, &id, &report), MHP_ERR_ACCES);
	expect_text(&report, "map");
	close(r.fd);
	close(fd);
	check_close(p);
}

/* Where there are no huge pages, what is missing is said; else they serve. */
static void huge_pages(void **state)
{
	struct mhp_posix_request r = {.capacity_bytes = 16 * MIB,
				      .source = MHP_POSIX_HUGETLB,
				      .online = MHP_ONLINE_MOVABLE};
	struct mhp_posix *p = small_open(0);
	struct mhp_report report = {0};
	uint32_t id;
	int err;

	(void)state;
	err = mhp_posix_plug(p, &r, &id, &report);
	assert_int_not_equal(err, 0);
	expect_text(&report, err == MHP_ERR_OPNOTSUPP ? "DIRECT" : "huge");
	r.huge_page_bytes = 12345;
	plug_refused(p, &r, MHP_ERR_INVAL, "power of two");
	r.huge_page_bytes = 64 * GIB;
	err = mhp_posix_plug(p, &r, &id, &report);
	assert_int_not_equal(err, 0);
	expect_text(&report, "huge");
	check_close(p);
	p = small_open(MHP_POSIX_DIRECT);
	r.huge_page_bytes = 0;
	err = mhp_posix_plug(p, &r, &id, &report);
	if (err) {
		expect_text(&report, "huge");
		print_message("no huge pages here: %s\n", report.detail);
	} else {
		assert_int_equal(unplug(p, id), 0);
	}
	check_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(callers_file),
		cmocka_unit_test(scrub_overwrites),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(read_only_file),
		cmocka_unit_test(huge_pages),
	};

	return cmocka_run_group_tests_name("posix_sources", tests, NULL, NULL);
}
