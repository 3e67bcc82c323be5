/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of the tool: one function each, listed in main.c. argv[0] is
 * the subcommand's name; getopt starts afresh.
 */
#ifndef MHP_TOOLS_COMMANDS_H
#define MHP_TOOLS_COMMANDS_H

/** Exit statuses of all subcommands. */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* the work failed */
	EXIT_WRONG = 2,	 /* the command line or the scenario is wrong */
};

/** command_wrong() - say what is wrong with the command line: EXIT_WRONG */
int command_wrong(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** command_wrong_option() - the same of what getopt_long() refused */
int command_wrong_option(const char *command, int opt, char *const *argv);

/** command_finish() - @status, unless the output could not be written */
int command_finish(int status);

int command_run(int argc, char **argv);
int command_map(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_bench(int argc, char **argv);

#endif
