/* SPDX-License-Identifier: MIT */
/*
 * On what a run of the benchmarks was: processor, system, compiler, options of
 * the build, and what a locked instruction takes.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench.h"
#include "floors.h"
#include "mhp/hosted.h"

#define NR_LOCKED 15
#define LINE_BYTES 512

#ifdef __clang__
#define COMPILER "clang"
#else
#define COMPILER "gcc"
#endif

/* The value of the first line of /proc/cpuinfo that says what it is. */
static void processor_name(char *name, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[LINE_BYTES];

	snprintf(name, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !value)
			continue;
		value += 1 + strspn(value + 1, " \t");
		value[strcspn(value, "\n")] = 0;
		snprintf(name, size, "%s", value);
		break;
	}
	if (file)
		fclose(file);
}

static double locked_ns(void)
{
	struct bench_series series = {0};
	unsigned int i;

	for (i = 0; i < NR_LOCKED; i++)
		bench_series_add(&series, floor_locked_ns());
	return bench_median(&series);
}

static void print_json(const struct bench *b, const struct utsname *name,
		       const char *processor)
{
	json_t *object = json_pack(
		"{s{ss ss si ss ss sf} s{ss ss ss ss si ss} si}", "machine",
		"processor", processor, "arch", name->machine, "processors",
		(int)b->nr_cpus, "system", name->sysname, "release",
		name->release, "locked_ns", locked_ns(), "build", "version",
		MHP_VERSION, "compiler", COMPILER, "compiler_version",
		__VERSION__, "options", MHP_BENCH_OPTIONS, "debug", MHP_DEBUG,
		"section", mhp_hosted_section(), "repeat", (int)b->repeat);

	json_dumpf(object, stdout,
		   JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

void bench_print_machine(const struct bench *b)
{
	struct utsname name;
	char processor[LINE_BYTES];

	if (uname(&name))
		memset(&name, 0, sizeof(name));
	processor_name(processor, sizeof(processor));
	if (b->json) {
		print_json(b, &name, processor);
		return;
	}
	printf("%s %s, %s, %u processors: %s\n", name.sysname, name.release,
	       name.machine, b->nr_cpus, processor);
	printf("%s %s, %s; debug level %d, section %s\n", COMPILER, __VERSION__,
	       MHP_BENCH_OPTIONS, MHP_DEBUG, mhp_hosted_section());
	printf("%u repetitions; a locked instruction takes %.2f ns\n",
	       b->repeat, locked_ns());
}
