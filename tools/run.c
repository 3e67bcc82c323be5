/* SPDX-License-Identifier: MIT */
/*
 * mhp run: a scenario, line by line, on a machine.
 *
 * A command that fails is a result like any other, and the run goes on (unless
 * it is strict). What stops it is a line that is wrong, or a machine that does
 * not start.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "act.h"
#include "commands.h"
#include "run.h"

static const struct machine_port *const run_ports[] = {
	&machine_port_model,
	&machine_port_posix,
};

static const char *const run_help =
	"usage: mhp run [OPTION...] FILE|-\n\n"
	"Runs a scenario, one command a line; - reads standard input.\n\n"
	"  --json             print one JSON object a line for each command\n"
	"  --strict           stop at the first command that fails, status 1\n"
	"  --uevents          show what each command tells user space\n"
	"  --profile PROFILE  native: the best there is (default); linux-6.1,\n"
	"                     linux-6.12: answers as these kernels\n"
	"  --port PORT        model: a machine of numbers (default);\n"
	"                     posix: real memory of this process\n"
	"  --help             this text\n";

/* Bytes of a page descriptor in all Linux kernels that the profiles follow. */
#define RUN_LINUX_DESCRIPTOR_BYTES 64

/* Linux 6.1 refuses the word force at boot and leaves the parameter off. */
static enum mhp_memmap_mode run_force(const struct run *r)
{
	return r->profile == MHP_PROFILE_LINUX_6_1 ? MHP_MEMMAP_OFF
						   : MHP_MEMMAP_FORCE;
}

/* What a line of machine asks for, or -1 if it cannot be had. */
static int run_memmap(const struct run *r, uint64_t word,
		      enum mhp_memmap_mode *mode)
{
	bool linux_like = r->profile != MHP_PROFILE_NATIVE;

	if (word == SCENARIO_NONE)
		word = linux_like ? SCENARIO_MEMMAP_OFF : SCENARIO_MEMMAP_AUTO;
	if (word == SCENARIO_MEMMAP_OFF)
		*mode = MHP_MEMMAP_OFF;
	else if (word == SCENARIO_MEMMAP_ON)
		*mode = MHP_MEMMAP_ON;
	else if (word == SCENARIO_MEMMAP_FORCE)
		*mode = run_force(r);
	else if (linux_like)
		return scenario_wrong(
			r->scenario, "the linux profiles have no "
				     "memmap_on_memory=range or auto; expected "
				     "off, on or force");
	else if (word == SCENARIO_MEMMAP_RANGE)
		*mode = MHP_MEMMAP_RANGE;
	else
		*mode = MHP_MEMMAP_AUTO;
	return 0;
}

static int run_machine(struct run *r, const struct scenario_line *line,
		       struct outcome *o)
{
	const uint64_t *opt = line->options;
	struct machine_config config = {
		.port = r->port,
		.geometry = machine_geometry_names[opt[OPTION_GEOMETRY]],
		.profile = r->profile,
		.boot_bytes = opt[OPTION_BOOT],
		.span_bytes = opt[OPTION_SPAN],
		.nr_nodes = (uint16_t)opt[OPTION_NODES],
		.descriptor_bytes = (uint16_t)opt[OPTION_DESCRIPTOR],
		.policy =
			{
				.auto_online = (enum mhp_online_type)
					opt[OPTION_AUTO_ONLINE],
				.online_policy = (enum mhp_online_policy)
					opt[OPTION_ONLINE_POLICY],
				.auto_movable_ratio =
					(uint32_t)opt[OPTION_RATIO],
				.auto_movable_numa_aware = true,
				.movable_node = opt[OPTION_MOVABLE_NODE] != 0,
			},
	};

	if (r->profile != MHP_PROFILE_NATIVE && !config.descriptor_bytes)
		config.descriptor_bytes = RUN_LINUX_DESCRIPTOR_BYTES;
	if (r->machine)
		return scenario_wrong(r->scenario,
				      "a second machine; expected one, in the "
				      "first line");
	if (config.descriptor_bytes % 8)
		return scenario_wrong(r->scenario,
				      "descriptor cannot be %u; expected a "
				      "multiple of 8 from 8 to 96",
				      config.descriptor_bytes);
	if (run_memmap(r, opt[OPTION_MEMMAP], &config.policy.memmap_on_memory))
		return -1;
	r->machine = machine_start(&config, o);
	if (r->machine && r->uevents &&
	    uevent_log_start(&r->log, r->machine->mhp))
		outcome_fail(o, MHP_ERR_NOMEM, "the host has no memory");
	return 0;
}

/* Run one line: an exit status; EXIT_DONE is to go on. */
static int run_line(struct run *r, const struct scenario_line *line)
{
	struct outcome o = {.rc = 0};
	struct snapshot snap = {0};
	int status = EXIT_DONE;
	bool has_snap;

	if (line->verb != SCENARIO_MACHINE && !r->machine) {
		scenario_wrong(
			r->scenario,
			"%s without a machine; expected machine boot=... "
			"in the first line",
			line->text);
		return EXIT_WRONG;
	}
	if (r->output->begin)
		r->output->begin(line);
	if (line->verb != SCENARIO_MACHINE)
		act(r->machine, line, &snap, &o);
	else if (run_machine(r, line, &o))
		return EXIT_WRONG;
	has_snap = line->verb == SCENARIO_SNAPSHOT && o.rc == 0;
	r->output->end(line, &o, has_snap ? &snap : NULL,
		       r->uevents ? &r->log : NULL);
	if (has_snap && r->output->draw && r->output->draw(r->machine))
		status = EXIT_FAILED;
	uevent_log_clear(&r->log);
	snapshot_free(&snap);
	outcome_free(&o);
	if (o.rc && (r->strict || !r->machine))
		status = EXIT_FAILED;
	return status;
}

static int run_all(struct run *r)
{
	struct scenario_line line;
	int status = EXIT_DONE, more = 1;

	while (status == EXIT_DONE && more > 0) {
		more = scenario_next(r->scenario, &line);
		if (more < 0)
			status = EXIT_WRONG;
		else if (more > 0)
			status = run_line(r, &line);
	}
	return status;
}

int run_choose_port(struct run *r, const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(run_ports) / sizeof(run_ports[0]); i++) {
		if (strcmp(run_ports[i]->name, name) != 0)
			continue;
		r->port = run_ports[i];
		return 0;
	}
	if (strcmp(name, "qemu") == 0)
		return command_wrong(r->command,
				     "this version has no port qemu; expected "
				     "model or posix");
	return command_wrong(
		r->command, "unknown port '%s'; expected model or posix", name);
}

static const char *const run_profiles[] = {
	[MHP_PROFILE_NATIVE] = "native",
	[MHP_PROFILE_LINUX_6_1] = "linux-6.1",
	[MHP_PROFILE_LINUX_6_12] = "linux-6.12",
};

int run_choose_profile(struct run *r, const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(run_profiles) / sizeof(run_profiles[0]); i++) {
		if (strcmp(run_profiles[i], name) != 0)
			continue;
		r->profile = (enum mhp_profile)i;
		return 0;
	}
	return command_wrong(r->command,
			     "unknown profile '%s'; expected native, "
			     "linux-6.1 or linux-6.12",
			     name);
}

/* Parse the options: an exit status; EXIT_DONE is to go on. */
static int run_options(struct run *r, int argc, char **argv, bool *help)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"strict", no_argument, NULL, 's'},
		{"uevents", no_argument, NULL, 'u'},
		{"profile", required_argument, NULL, 'P'},
		{"port", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = EXIT_DONE, opt;

	while (status == EXIT_DONE &&
	       (opt = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (opt == 'j')
			r->output = &output_json;
		else if (opt == 's')
			r->strict = true;
		else if (opt == 'u')
			r->uevents = true;
		else if (opt == 'P')
			status = run_choose_profile(r, optarg);
		else if (opt == 'p')
			status = run_choose_port(r, optarg);
		else if (opt == 'h')
			*help = true;
		else
			status = command_wrong_option("run", opt, argv);
	}
	return status;
}

int run_scenario(struct run *r, int argc, char **argv)
{
	int status;

	if (optind == argc)
		return command_wrong(r->command,
				     "a FILE is missing, or - for standard "
				     "input");
	if (optind + 1 < argc)
		return command_wrong(r->command,
				     "'%s' is too much; expected one FILE",
				     argv[optind + 1]);
	r->scenario = scenario_open(argv[optind]);
	if (!r->scenario)
		return EXIT_WRONG;
	status = run_all(r);
	scenario_close(r->scenario);
	return status;
}

void run_end(struct run *r)
{
	machine_stop(r->machine);
	uevent_log_free(&r->log);
}

int command_run(int argc, char **argv)
{
	struct run r = {.command = "run",
			.port = &machine_port_model,
			.output = &output_text};
	bool help = false;
	int status = run_options(&r, argc, argv, &help);

	if (status != EXIT_DONE)
		return status;
	if (help) {
		fputs(run_help, stdout);
		return command_finish(EXIT_DONE);
	}
	status = run_scenario(&r, argc, argv);
	run_end(&r);
	return command_finish(status);
}
