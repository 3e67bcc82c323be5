/* SPDX-License-Identifier: MIT */
/*
 * mhp demo: options, and whether the system has what they ask for. The story is
 * in demo_story.c; demo.h lists the other parts.
 */
#include "demo.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "available.h"
#include "commands.h"
#include "size.h"

#define SECONDS_MIN 2
#define SECONDS_MAX 86400
/* With more threads for each processor nobody gets anywhere. */
#define WORKERS_PER_PROCESSOR 8

static const char demo_help[] =
	"usage: mhp demo [--size SIZE] [--seconds N] [--workers N] [--json]\n"
	"\n"
	"A cache in memory that comes and goes: workers put, get and verify\n"
	"values in real memory of this process. The boot memory fills up, a\n"
	"DIMM is plugged and fills up too, a larger one is plugged, and the\n"
	"first is evacuated and unplugged, while the workers never stop. At\n"
	"the end every value is compared.\n"
	"\n"
	"  --size SIZE   memory of both DIMMs; default 1G, at least 256M\n"
	"  --seconds N   how long it goes on, roughly; default 20\n"
	"  --workers N   threads; default: one for each processor\n"
	"  --json        print one JSON object, the summary, and nothing else\n"
	"\n"
	"Exit status: 0 all values were there, 1 a value was lost or the work\n"
	"failed, 2 the command line is wrong. Sizes accept K, M, G and T.\n";

static unsigned int processors(void)
{
	cpu_set_t set;
	long nr;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned int)CPU_COUNT(&set);
	nr = sysconf(_SC_NPROCESSORS_ONLN);
	return nr < 1 ? 1 : (unsigned int)nr;
}

static int option_size(const char *text, uint64_t *size_bytes)
{
	if (!size_parse(text, size_bytes))
		return command_wrong("demo",
				     "--size '%s' is no size; expected "
				     "%s",
				     text, SIZE_EXPECTED);
	if (*size_bytes < DEMO_SIZE_MIN || *size_bytes > DEMO_SIZE_MAX)
		return command_wrong(
			"demo", "--size %s is too %s; expected 256M to 16T",
			text, *size_bytes < DEMO_SIZE_MIN ? "small" : "large");
	return EXIT_DONE;
}

static int option_number(const char *name, const char *text, unsigned int least,
			 unsigned int most, unsigned int *number)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || value < least ||
	    value > most)
		return command_wrong("demo",
				     "--%s '%s' is wrong; expected %u "
				     "to %u",
				     name, text, least, most);
	*number = (unsigned int)value;
	return EXIT_DONE;
}

/* Parse the options: an exit status; EXIT_DONE is to go on. */
static int demo_parse(struct demo_options *o, int argc, char **argv, bool *help)
{
	static const struct option options[] = {
		{"size", required_argument, NULL, 's'},
		{"seconds", required_argument, NULL, 't'},
		{"workers", required_argument, NULL, 'w'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = EXIT_DONE, opt;

	while (status == EXIT_DONE &&
	       (opt = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (opt == 's')
			status = option_size(optarg, &o->size_bytes);
		else if (opt == 't')
			status = option_number("seconds", optarg, SECONDS_MIN,
					       SECONDS_MAX, &o->seconds);
		else if (opt == 'w')
			status = option_number("workers", optarg, 1,
					       processors() *
						       WORKERS_PER_PROCESSOR,
					       &o->nr_workers);
		else if (opt == 'j')
			o->json = true;
		else if (opt == 'h')
			*help = true;
		else
			status = command_wrong_option("demo", opt, argv);
	}
	if (status == EXIT_DONE && !*help && optind < argc)
		return command_wrong("demo",
				     "'%s' is too much; expected "
				     "options only",
				     argv[optind]);
	return status;
}

/* Say beforehand if the system is short of memory. */
static int demo_afford(const struct demo *d)
{
	uint64_t available = available_bytes();

	if (available >= d->plan.needed_bytes)
		return EXIT_DONE;
	fprintf(stderr,
		"mhp demo: --size %s takes %s of memory, the system has %s "
		"available; use a smaller --size",
		BYTES(d->options.size_bytes), BYTES(d->plan.needed_bytes),
		BYTES(available));
	fprintf(stderr, "%s\n",
		d->options.size_bytes == DEMO_SIZE_MIN
			? " (this is the smallest)"
			: ", at least 256M");
	return EXIT_FAILED;
}

static void demo_say_plan(const struct demo *d)
{
	printf("mhp demo: a cache in memory that comes and goes\n"
	       "workers %u on %u processors, %u seconds; boot memory %s, DIMM "
	       "1 "
	       "%s, DIMM 2 %s\n\n",
	       d->options.nr_workers, processors(), d->options.seconds,
	       BYTES(d->plan.boot_bytes), BYTES(d->plan.dimm_bytes[DEMO_FIRST]),
	       BYTES(d->plan.dimm_bytes[DEMO_SECOND]));
	fflush(stdout);
}

static int demo_run(struct demo *d)
{
	struct mhp_report report;
	int status;

	if (demo_plan_make(&d->options, &d->plan, &report))
		return demo_fail(d, "cannot start", &report);
	status = demo_afford(d);
	if (status != EXIT_DONE)
		return status;
	if (!d->options.json)
		demo_say_plan(d);
	screen_open(&d->screen, d->options.json);
	status = demo_story(d);
	if (status == EXIT_DONE || d->result.proof.nr_lost)
		status |= demo_report(d);
	return status;
}

int command_demo(int argc, char **argv)
{
	struct demo *d = calloc(1, sizeof(*d));
	bool help = false;
	int status;

	if (!d) {
		fprintf(stderr, "mhp demo: no memory\n");
		return EXIT_FAILED;
	}
	d->options = (struct demo_options){
		.size_bytes = UINT64_C(1) << 30,
		.seconds = 20,
		.nr_workers = processors(),
	};
	status = demo_parse(&d->options, argc, argv, &help);
	if (status == EXIT_DONE && help)
		fputs(demo_help, stdout);
	else if (status == EXIT_DONE)
		status = demo_run(d);
	free(d);
	return command_finish(status);
}
