/* SPDX-License-Identifier: MIT */
/*
 * How a run of a scenario is shown: as one JSON object a line for programs, or
 * as text for people. Both print the same facts.
 */
#ifndef MHP_TOOLS_OUTPUT_H
#define MHP_TOOLS_OUTPUT_H

#include "outcome.h"
#include "scenario.h"
#include "snapshot.h"
#include "uevents.h"

struct output {
	/** @begin: the command is about to run. Optional. */
	void (*begin)(const struct scenario_line *line);
	/** @end: this came of it; @snap is that of a snapshot, else NULL;
	 * @log: its uevents, NULL if nobody wants them */
	void (*end)(const struct scenario_line *line, const struct outcome *o,
		    const struct snapshot *snap, const struct uevent_log *log);
	/** @draw: a snapshot was shown: draw the machine below it; 0, or -1:
	 * the host has no memory, which was said. Optional. */
	int (*draw)(struct machine *machine);
};

extern const struct output output_json;
extern const struct output output_text;

#endif
