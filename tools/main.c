/* SPDX-License-Identifier: MIT */
/*
 * mhp: the command line tool. Here is the table of its subcommands and what
 * they have in common; each subcommand parses its own options.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"

#ifndef MHP_VERSION
#define MHP_VERSION "unknown"
#endif

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{"run", "run a scenario on a machine", command_run},
	{"map", "draw the memory at the end of a scenario", command_map},
	{"plan", "what plugging memory would cost", command_plan},
	{"demo", "a cache in memory that comes and goes", command_demo},
	{"bench", "measure, beside what the machine allows", command_bench},
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

int command_wrong(const char *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "mhp%s%s: ", *command ? " " : "", command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; see mhp%s%s --help\n", *command ? " " : "", command);
	return EXIT_WRONG;
}

int command_wrong_option(const char *command, int opt, char *const *argv)
{
	const char *word = argv[optind - 1];

	/* Of "-xyz" getopt is still inside the word. */
	if (optopt && strncmp(word, "--", 2) != 0)
		return command_wrong(command, "option -%c %s", optopt,
				     opt == ':' ? "lacks its value"
						: "is unknown");
	return command_wrong(command, "option %s %s", word,
			     opt == ':' ? "lacks its value"
			     : optopt	? "takes no value"
					: "is unknown");
}

int command_finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "mhp: cannot write the output: %s\n", strerror(errno));
	return status == EXIT_DONE ? EXIT_FAILED : status;
}

static int print_help(void)
{
	size_t i;

	printf("mhp - physical memory hotplug, to try, plan and measure\n\n"
	       "usage: mhp COMMAND [OPTION...]\n\n");
	for (i = 0; i < NR_COMMANDS; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].summary);
	printf("\n  --help     this text; mhp COMMAND --help says more\n"
	       "  --version  the version\n\n"
	       "Exit status: 0 done, 1 the work failed, 2 the command line or "
	       "the scenario is\nwrong. Sizes accept K, M, G and T.\n");
	return command_finish(EXIT_DONE);
}

static int print_version(void)
{
	printf("mhp %s\n", MHP_VERSION);
	return command_finish(EXIT_DONE);
}

static int wrong_command(const char *name)
{
	char list[256] = "";
	size_t i, n = 0;

	for (i = 0; i < NR_COMMANDS && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
				      i ? ", " : "", commands[i].name);
	return command_wrong("", "unknown command '%s'; expected one of %s",
			     name, list);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	size_t i;
	int opt;

	/* "+": options behind the subcommand are the subcommand's. */
	while ((opt = getopt_long(argc, argv, "+:hV", options, NULL)) != -1) {
		if (opt == 'h')
			return print_help();
		if (opt == 'V')
			return print_version();
		return command_wrong_option("", opt, argv);
	}
	if (optind == argc)
		return command_wrong("", "a command is missing");
	argc -= optind;
	argv += optind;
	optind = 0;
	for (i = 0; i < NR_COMMANDS; i++)
		if (strcmp(commands[i].name, argv[0]) == 0)
			return commands[i].run(argc, argv);
	return wrong_command(argv[0]);
}
