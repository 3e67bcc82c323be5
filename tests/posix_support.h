/* SPDX-License-Identifier: MIT */
/*
 * What the tests of port/posix share: small instances, and what the system says
 * about this process.
 *
 * A small instance has memory blocks of 8 MiB and boot memory of two, so that a
 * test plugs and fills many of them in no time; the geometry is x86_64's in all
 * else.
 */
#ifndef MHP_TESTS_POSIX_SUPPORT_H
#define MHP_TESTS_POSIX_SUPPORT_H

/* cmocka wants these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix_internal.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define SMALL_BLOCK (8 * MIB)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/* Handles of a pageblock's size that fill() may need. */
#define TRY_HANDLES 64

static const enum mhp_placement all_placements[] = {
	MHP_PLACEMENT_EXISTING, MHP_PLACEMENT_BLOCK, MHP_PLACEMENT_RANGE};
#define NR_PLACEMENTS (sizeof(all_placements) / sizeof(all_placements[0]))

static inline void expect_text(const struct mhp_report *report,
			       const char *word)
{
	assert_non_null(report->detail);
	if (!strstr(report->detail, word))
		fail_msg("\"%s\" does not speak of \"%s\"", report->detail,
			 word);
}

static inline struct mhp_geometry small_geometry(void)
{
	struct mhp_geometry g;

	assert_int_equal(mhp_geometry_named("x86_64", &g), 0);
	g.section_shift = 23;
	g.block_shift = 23;
	g.nr_cpus = 4;
	g.nr_nodes = 2;
	return g;
}

static inline struct mhp_posix *small_open_with(uint32_t flags,
						struct mhp_posix_fault *fault)
{
	struct mhp_geometry g = small_geometry();
	const struct mhp_posix_config config = {
		.flags = flags,
		.geometry = &g,
		.boot_bytes = 2 * SMALL_BLOCK,
		.span_bytes = 6 * GIB,
	};
	struct mhp_posix *p = NULL;

	assert_int_equal(mhp_posix_open_with(&config, fault, &p, NULL), 0);
	assert_non_null(p);
	return p;
}

static inline struct mhp_posix *small_open(uint32_t flags)
{
	return small_open_with(flags, NULL);
}

/* Closes an instance that is sound. */
static inline void check_close(struct mhp_posix *p)
{
	struct mhp_report report = {0};
	char text[256];

	if (mhp_check(mhp_posix_mhp(p), &report)) {
		mhp_report_text(&report, text, sizeof(text));
		fail_msg("%s", text);
	}
	mhp_posix_close(p);
}

static inline uint32_t plug_blocks(struct mhp_posix *p, uint64_t nr,
				   enum mhp_placement placement)
{
	const struct mhp_posix_request request = {
		.capacity_bytes = nr * mhp_block_bytes(
					       mhp_geometry(mhp_posix_mhp(p))),
		.placement = placement,
		.online = MHP_ONLINE_MOVABLE,
	};
	struct mhp_report report = {0};
	uint32_t id = 0;
	char text[256];
	int err;

	err = mhp_posix_plug(p, &request, &id, &report);
	if (err) {
		mhp_report_text(&report, text, sizeof(text));
		fail_msg("plug: %d: %s", err, text);
	}
	assert_int_not_equal(id, 0);
	return id;
}

static inline int unplug(struct mhp_posix *p, uint32_t id)
{
	return mhp_posix_unplug(p, id, MHP_NO_DEADLINE, 0, NULL);
}

static inline struct mhp_posix_region region_of(struct mhp_posix *p,
						uint32_t id)
{
	struct mhp_posix_region region;

	assert_int_equal(mhp_posix_region_query(p, id, &region), 0);
	return region;
}

static inline struct mhp_posix_stat stat_of(struct mhp_posix *p)
{
	struct mhp_posix_stat stat;

	mhp_posix_stat_read(p, &stat);
	return stat;
}

static inline bool handle_in(struct mhp_posix *p, mhp_handle_t handle,
			     struct mhp_range range)
{
	struct mhp_handle_info info;

	assert_int_equal(mhp_handle_query(p, handle, &info), 0);
	return info.pfn >= range.start_pfn &&
	       info.pfn < mhp_range_end_pfn(range);
}

/*
 * Fills a region with handles of pageblock size, and writes to each: how many
 * fit in it. Those that land elsewhere are freed again.
 */
static inline unsigned int fill(struct mhp_posix *p, struct mhp_range range,
				mhp_handle_t *handles, unsigned int max)
{
	mhp_handle_t elsewhere[TRY_HANDLES], handle;
	unsigned int nr = 0, nr_elsewhere = 0;

	while (nr < max && nr_elsewhere < TRY_HANDLES &&
	       !mhp_handle_alloc(p, 2 * MIB, 0, &handle)) {
		if (!handle_in(p, handle, range)) {
			elsewhere[nr_elsewhere++] = handle;
			continue;
		}
		memset(mhp_handle_pin(p, handle), 0x5a, 2 * MIB);
		assert_int_equal(mhp_handle_unpin(p, handle), 0);
		handles[nr++] = handle;
	}
	while (nr_elsewhere)
		assert_int_equal(mhp_handle_free(p, elsewhere[--nr_elsewhere]),
				 0);
	return nr;
}

/* Memory that the system has given to a file. */
static inline uint64_t fd_allocated(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* Descriptors that this process has. */
static inline unsigned int nr_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	assert_non_null(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

/* Mappings of files that the port makes. */
static inline unsigned int nr_memfd_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned int nr = 0;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		nr += strstr(line, "memfd:mhp") != NULL;
	fclose(maps);
	return nr;
}

/* Proportional set size of this process. */
static inline uint64_t pss_bytes(void)
{
	FILE *rollup = fopen("/proc/self/smaps_rollup", "re");
	uint64_t kib = 0;
	char line[256];

	assert_non_null(rollup);
	while (fgets(line, sizeof(line), rollup))
		if (sscanf(line, "Pss: %" SCNu64, &kib) == 1)
			break;
	fclose(rollup);
	return kib << 10;
}

#endif
