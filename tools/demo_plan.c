/* SPDX-License-Identifier: MIT */
/*
 * How large everything in the demo is, and whether the system has that much.
 *
 *   boot memory  an eighth of the size, 64 MiB at least
 *   DIMM 1       three eighths
 *   DIMM 2       five eighths: it takes what DIMM 1 held, and room to grow
 *
 * Memory blocks are those of the machine at hand, or smaller ones if the size
 * would not make eight of them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "demo.h"

#define MIB (UINT64_C(1) << 20)
/* Parts that the size is cut into, and how many of them DIMM 1 gets. */
#define NR_PARTS 8
#define FIRST_PARTS 3
#define BOOT_MIN (64 * MIB)
/* What the program takes besides: stacks, libraries, page tables. */
#define PROGRAM_BYTES (32 * MIB)

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

/* The geometry of an instance that is left to choose. */
static int geometry_here(struct mhp_geometry *geometry,
			 struct mhp_report *report)
{
	struct mhp_posix *p;
	int err = mhp_posix_open(NULL, &p, report);

	if (err)
		return err;
	*geometry = *mhp_geometry(mhp_posix_mhp(p));
	mhp_posix_close(p);
	return 0;
}

/* Smaller blocks for small sizes; each has four pageblocks at least. */
static void geometry_shrink(struct mhp_geometry *geometry, uint64_t size_bytes)
{
	while (mhp_block_bytes(geometry) > size_bytes / NR_PARTS &&
	       geometry->block_shift > geometry->pageblock_shift + 2)
		geometry->block_shift--;
	if (geometry->section_shift > geometry->block_shift)
		geometry->section_shift = geometry->block_shift;
}

int demo_plan_make(const struct demo_options *options, struct demo_plan *plan,
		   struct mhp_report *report)
{
	uint64_t block, nr_blocks, nr_first, all_bytes;
	int err = geometry_here(&plan->geometry, report);

	if (err)
		return err;
	geometry_shrink(&plan->geometry, options->size_bytes);
	block = mhp_block_bytes(&plan->geometry);
	nr_blocks = round_up(options->size_bytes, block) / block;
	if (nr_blocks < NR_PARTS)
		nr_blocks = NR_PARTS;
	nr_first = nr_blocks * FIRST_PARTS / NR_PARTS;
	plan->dimm_bytes[DEMO_FIRST] = nr_first * block;
	plan->dimm_bytes[DEMO_SECOND] = (nr_blocks - nr_first) * block;
	plan->boot_bytes = options->size_bytes / NR_PARTS;
	if (plan->boot_bytes < BOOT_MIN)
		plan->boot_bytes = BOOT_MIN;
	plan->boot_bytes = round_up(plan->boot_bytes, block);
	all_bytes = plan->boot_bytes + nr_blocks * block;
	plan->needed_bytes = all_bytes + cache_index_bytes(all_bytes) +
			     PROGRAM_BYTES;
	return 0;
}

/* A number behind a word in a file; 0 if it is not there. */
static uint64_t file_number(const char *path, const char *word)
{
	FILE *file = fopen(path, "re");
	uint64_t number = 0, found = 0;
	char line[256], name[64];

	if (!file)
		return 0;
	while (!found && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %" SCNu64, name, &number) == 2 &&
		    strcmp(name, word) == 0)
			found = number;
	fclose(file);
	return found;
}

/* A file that is one number; UINT64_MAX if it is none, or "max". */
static uint64_t file_value(const char *directory, const char *name)
{
	uint64_t value = UINT64_MAX;
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "re");
	if (!file)
		return UINT64_MAX;
	if (fscanf(file, "%" SCNu64, &value) != 1)
		value = UINT64_MAX;
	fclose(file);
	return value;
}

/* What one control group leaves; files that can be dropped do not count. */
static uint64_t group_available(const char *directory)
{
	uint64_t most = file_value(directory, "memory.max");
	uint64_t used = file_value(directory, "memory.current");
	uint64_t idle;
	char path[512];

	if (most == UINT64_MAX || used == UINT64_MAX)
		return UINT64_MAX;
	snprintf(path, sizeof(path), "%s/memory.stat", directory);
	idle = file_number(path, "inactive_file");
	used -= idle < used ? idle : used;
	return used < most ? most - used : 0;
}

/* The least that a control group of this process or one above it leaves. */
static uint64_t groups_available(void)
{
	char line[256], path[400], *slash;
	uint64_t least = UINT64_MAX, here;
	FILE *file = fopen("/proc/self/cgroup", "re");
	bool found = false;

	if (!file)
		return UINT64_MAX;
	while (!found && fgets(line, sizeof(line), file))
		found = strncmp(line, "0::/", 4) == 0;
	fclose(file);
	if (!found)
		return UINT64_MAX;
	line[strcspn(line, "\n")] = '\0';
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s", line + 3);
	do {
		here = group_available(path);
		least = here < least ? here : least;
		slash = strrchr(path, '/');
		*slash = '\0';
	} while (strlen(path) >= strlen("/sys/fs/cgroup"));
	return least;
}

uint64_t demo_plan_available(void)
{
	uint64_t system = file_number("/proc/meminfo", "MemAvailable:") * 1024;
	uint64_t groups = groups_available();

	if (!system)
		return groups;
	return system < groups ? system : groups;
}
