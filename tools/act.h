/* SPDX-License-Identifier: MIT */
/*
 * From a line of a scenario to what it does on the machine that is there: one
 * small function for each command, in a table.
 */
#ifndef MHP_TOOLS_ACT_H
#define MHP_TOOLS_ACT_H

#include "machine.h"
#include "scenario.h"
#include "snapshot.h"

/**
 * act() - do what a line says
 *
 * @line: any but machine
 * @snap: receives what snapshot took
 * @o: what came of it
 */
void act(struct machine *machine, const struct scenario_line *line,
	 struct snapshot *snap, struct outcome *o);

#endif
