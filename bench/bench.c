/* SPDX-License-Identifier: MIT */
/*
 * mhp bench: options, and which benchmarks to run.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "commands.h"
#include "size.h"

#define REPEAT_DEFAULT 7
#define SIZE_MIN (128 * BENCH_MIB)
#define SIZE_MAX_BYTES (1024 * BENCH_GIB)

struct bench_entry {
	const char *name;
	int (*run)(const struct bench *b);
};

/* In the order in which they run. */
static const struct bench_entry entries[] = {
	{"floors", bench_floors},   {"alloc", bench_alloc},
	{"hotplug", bench_hotplug}, {"evacuate", bench_evacuate},
	{"bounds", bench_bounds},   {"scale", bench_scale},
	{"view", bench_view},	    {"gigantic", bench_gigantic},
	{"move", bench_move},
};

#define NR_ENTRIES (sizeof(entries) / sizeof(entries[0]))

static const char *const bench_help =
	"usage: mhp bench [OPTION...] [BENCH...]\n\n"
	"Measures, beside its floor: what the machine itself needs for the "
	"least of it.\nWithout a BENCH all of them:\n\n"
	"  floors    the floors themselves\n"
	"  alloc     allocation of pages; floor: one locked instruction\n"
	"  hotplug   add, online, offline, remove\n"
	"  evacuate  memory that is in use leaves; floor: a copy of it\n"
	"  bounds    how long others wait for that, and how late it ends\n"
	"  scale     allocation by several threads; hotplug up to 64 TiB\n"
	"  view      files of a machine of 1 TiB\n"
	"  gigantic  allocation of pages of 1 GiB\n"
	"  move      the memmap of memory that is in use moves\n\n"
	"  --json      print one JSON object a line\n"
	"  --list      print the names of the cases of alloc\n"
	"  --only NAME[,NAME...]\n"
	"              only these cases; alloc does not even measure others\n"
	"  --plot FILE.svg\n"
	"              draw costs over the size of memory and over threads "
	"instead\n"
	"              (2.1 GiB are used; needs gnuplot)\n"
	"  --repeat N  repetitions, 1 to 99; default 7\n"
	"  --size S    memory of alloc and scale (default 16G), and memory "
	"that evacuate\n"
	"              moves half of (default 1G); whole 128M\n"
	"  --help      this text\n";

static void find_cpus(struct bench *b)
{
	cpu_set_t set;
	int cpu;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set))
		CPU_SET(0, &set);
	for (cpu = 0; cpu < CPU_SETSIZE && b->nr_cpus < BENCH_MAX_CPUS; cpu++)
		if (CPU_ISSET(cpu, &set))
			b->cpus[b->nr_cpus++] = cpu;
}

static const struct bench_entry *find_entry(const char *name)
{
	size_t i;

	for (i = 0; i < NR_ENTRIES; i++)
		if (strcmp(entries[i].name, name) == 0)
			return &entries[i];
	return NULL;
}

static bool parse_repeat(struct bench *b, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	b->repeat = (unsigned int)n;
	return *text >= '0' && *text <= '9' && !*end && n >= 1 &&
	       n <= BENCH_MAX_REPEAT;
}

static bool parse_size(struct bench *b, const char *text)
{
	return size_parse(text, &b->size_bytes) && b->size_bytes >= SIZE_MIN &&
	       b->size_bytes <= SIZE_MAX_BYTES && b->size_bytes % SIZE_MIN == 0;
}

static int run_entries(const struct bench *b, int argc, char **argv)
{
	int i, status = EXIT_DONE;

	bench_print_machine(b);
	for (i = 0; i < argc; i++)
		if (status == EXIT_DONE)
			status = find_entry(argv[i])->run(b);
	for (i = 0; argc == 0 && i < (int)NR_ENTRIES; i++)
		if (status == EXIT_DONE)
			status = entries[i].run(b);
	if (status == EXIT_DONE && b->only && !bench_printed()) {
		fprintf(stderr, "mhp bench: no case is named %s\n", b->only);
		status = EXIT_FAILED;
	}
	return command_finish(status);
}

static int parse_options(struct bench *b, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"list", no_argument, NULL, 'l'},
		{"only", required_argument, NULL, 'o'},
		{"repeat", required_argument, NULL, 'r'},
		{"size", required_argument, NULL, 's'},
		{"plot", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, ":hj", options, NULL)) != -1) {
		if (opt == 'h') {
			fputs(bench_help, stdout);
			return -1;
		}
		if (opt == 'l') {
			bench_alloc_list();
			return -1;
		}
		if (opt == 'j')
			b->json = true;
		else if (opt == 'o')
			b->only = optarg;
		else if (opt == 'r' && !parse_repeat(b, optarg))
			return command_wrong("bench",
					     "--repeat %s is not a number from "
					     "1 to %d",
					     optarg, BENCH_MAX_REPEAT);
		else if (opt == 's' && !parse_size(b, optarg))
			return command_wrong("bench",
					     "--size %s is not a multiple of "
					     "128M up to 1T",
					     optarg);
		else if (opt == 'p')
			b->plot = optarg;
		else if (opt == '?' || opt == ':')
			return command_wrong_option("bench", opt, argv);
	}
	return 0;
}

int command_bench(int argc, char **argv)
{
	struct bench *b = calloc(1, sizeof(*b));
	int i, status;

	if (!b)
		return bench_fail("start", MHP_ERR_NOMEM, NULL);
	b->repeat = REPEAT_DEFAULT;
	find_cpus(b);
	status = parse_options(b, argc, argv);
	for (i = optind; !status && i < argc; i++)
		if (!find_entry(argv[i]))
			status = command_wrong(
				"bench", "there is no benchmark '%s'", argv[i]);
	if (!status && b->plot)
		status = optind < argc ? command_wrong("bench",
						       "--plot draws what it "
						       "measures, without a "
						       "benchmark")
				       : bench_plot(b);
	else if (!status)
		status = run_entries(b, argc - optind, argv + optind);
	else if (status < 0)
		status = command_finish(EXIT_DONE);
	free(b);
	return status;
}
