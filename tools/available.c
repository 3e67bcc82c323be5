/* SPDX-License-Identifier: MIT */
/*
 * Memory that the system has for this process: what the kernel says is
 * available, or what a control group leaves if that is less.
 */
#include "available.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Left to others, so that nobody is killed when all else is taken: so much, or
 * such a part of a system that has little. */
#define KEEP_BYTES (UINT64_C(512) << 20)
#define KEEP_PART 16
/* Looking takes a while: it is done once for so much. */
#define STEP_BYTES (UINT64_C(64) << 20)

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

uint64_t available_bytes(void)
{
	uint64_t system = file_number("/proc/meminfo", "MemAvailable:") * 1024;
	uint64_t groups = groups_available();

	if (!system)
		return groups;
	return system < groups ? system : groups;
}

bool available_take(struct available *a, uint64_t size_bytes)
{
	uint64_t there;

	if (a->known_bytes >= size_bytes) {
		a->known_bytes -= size_bytes;
		return true;
	}
	there = available_bytes();
	if (!a->keep_bytes)
		a->keep_bytes = there / KEEP_PART < KEEP_BYTES
					? there / KEEP_PART
					: KEEP_BYTES;
	if (there < a->keep_bytes || there - a->keep_bytes < size_bytes)
		return false;
	there -= a->keep_bytes + size_bytes;
	a->known_bytes = there < STEP_BYTES ? there : STEP_BYTES;
	return true;
}
