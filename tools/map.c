/* SPDX-License-Identifier: MIT */
/*
 * mhp map: the picture of a machine at the end of a scenario, as text or SVG.
 *
 * What the commands of the scenario say is not shown, and what fails is a
 * result; mhp run shows it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "picture.h"
#include "run.h"

struct map {
	struct run run;
	const char *svg; /* path, or NULL */
	unsigned int columns;
	bool help;
};

static const char *const map_help =
	"usage: mhp map [OPTION...] FILE|-\n\n"
	"Runs a scenario and draws the memory of its machine at the end.\n\n"
	"  --svg FILE         write the picture to FILE, as SVG\n"
	"  --width COLUMNS    of the text, 32 to 1000; default 80\n"
	"  --profile PROFILE  native, linux-6.1 or linux-6.12, as in mhp run\n"
	"  --port PORT        model or posix, as in mhp run\n"
	"  --help             this text\n";

/* Only a machine that does not start keeps the picture from being drawn. */
static void map_end(const struct scenario_line *line, const struct outcome *o,
		    const struct snapshot *snap, const struct uevent_log *log)
{
	(void)snap;
	(void)log;
	if (line->verb == SCENARIO_MACHINE && o->rc)
		fprintf(stderr, "mhp map: line %u: no machine: %s\n",
			line->number, o->why);
}

static const struct output map_output = {.end = map_end};

static int map_choose_width(struct map *map, const char *word)
{
	char *end;
	unsigned long columns;

	errno = 0;
	columns = strtoul(word, &end, 10);
	if (word[0] < '0' || word[0] > '9' || *end || errno ||
	    columns < PICTURE_COLUMNS_MIN || columns > PICTURE_COLUMNS_MAX)
		return command_wrong("map",
				     "--width cannot be '%s'; expected %d to "
				     "%d",
				     word, PICTURE_COLUMNS_MIN,
				     PICTURE_COLUMNS_MAX);
	map->columns = (unsigned int)columns;
	return EXIT_DONE;
}

static int map_option(struct map *map, int opt, char *const *argv)
{
	switch (opt) {
	case 's':
		map->svg = optarg;
		return EXIT_DONE;
	case 'w':
		return map_choose_width(map, optarg);
	case 'P':
		return run_choose_profile(&map->run, optarg);
	case 'p':
		return run_choose_port(&map->run, optarg);
	case 'h':
		map->help = true;
		return EXIT_DONE;
	default:
		return command_wrong_option("map", opt, argv);
	}
}

static int map_options(struct map *map, int argc, char **argv)
{
	static const struct option options[] = {
		{"svg", required_argument, NULL, 's'},
		{"width", required_argument, NULL, 'w'},
		{"profile", required_argument, NULL, 'P'},
		{"port", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = EXIT_DONE, opt;

	while (status == EXIT_DONE &&
	       (opt = getopt_long(argc, argv, ":h", options, NULL)) != -1)
		status = map_option(map, opt, argv);
	return status;
}

/* The scenario, as a title: its file without directories. */
static const char *map_title(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (strcmp(path, "-") == 0)
		return "standard input";
	return slash ? slash + 1 : path;
}

static int map_write(const struct map *map, const char *scenario)
{
	FILE *to = fopen(map->svg, "w");
	int err = 0;

	if (!to) {
		fprintf(stderr, "mhp map: cannot write %s: %s\n", map->svg,
			strerror(errno));
		return EXIT_FAILED;
	}
	if (picture_write_svg(map->run.machine, map_title(scenario), to)) {
		fclose(to);
		return EXIT_FAILED;
	}
	if (fflush(to) || ferror(to))
		err = errno;
	if (fclose(to) && !err)
		err = errno;
	if (!err)
		return EXIT_DONE;
	fprintf(stderr, "mhp map: cannot write %s: %s\n", map->svg,
		strerror(err));
	return EXIT_FAILED;
}

static int map_draw(const struct map *map, const char *scenario)
{
	if (!map->run.machine)
		return command_wrong("map",
				     "%s starts no machine; expected machine "
				     "boot=... in its first line",
				     scenario);
	if (map->svg)
		return map_write(map, scenario);
	return picture_print(map->run.machine, map->columns) ? EXIT_FAILED
							     : EXIT_DONE;
}

int command_map(int argc, char **argv)
{
	struct map map = {
		.run = {.command = "map",
			.port = &machine_port_model,
			.output = &map_output},
		.columns = PICTURE_COLUMNS,
	};
	int status = map_options(&map, argc, argv);

	if (status != EXIT_DONE)
		return status;
	if (map.help) {
		fputs(map_help, stdout);
		return command_finish(EXIT_DONE);
	}
	status = run_scenario(&map.run, argc, argv);
	if (status == EXIT_DONE)
		status = map_draw(&map, argv[optind]);
	run_end(&map.run);
	return command_finish(status);
}
