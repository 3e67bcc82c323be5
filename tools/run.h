/* SPDX-License-Identifier: MIT */
/*
 * A scenario that is run, for the subcommands that run one: what they choose,
 * and the machine that is there in the end.
 */
#ifndef MHP_TOOLS_RUN_H
#define MHP_TOOLS_RUN_H

#include "machine.h"
#include "output.h"
#include "scenario.h"

struct run {
	const char *command; /* for what is said of the command line */
	const struct machine_port *port;
	const struct output *output;
	enum mhp_profile profile;
	bool strict;
	bool uevents; /* show them */
	struct uevent_log log;
	struct scenario *scenario;
	struct machine *machine; /* NULL: none was started */
};

/** run_choose_port() - an exit status; EXIT_DONE is to go on */
int run_choose_port(struct run *r, const char *name);

/** run_choose_profile() - likewise */
int run_choose_profile(struct run *r, const char *name);

/**
 * run_scenario() - run the one scenario that is left on the command line
 *
 * Return: an exit status. The machine, if there is one, stays until run_end().
 */
int run_scenario(struct run *r, int argc, char **argv);

/** run_end() - stop the machine */
void run_end(struct run *r);

#endif
