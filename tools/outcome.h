/* SPDX-License-Identifier: MIT */
/*
 * What came of a command: a code as the library's, and why it failed, as a
 * sentence.
 */
#ifndef MHP_TOOLS_OUTCOME_H
#define MHP_TOOLS_OUTCOME_H

#include "mhp/err.h"

/** Longest file that can be read through a view, and longest reason. */
#define OUTCOME_VALUE_MAX 4096
#define OUTCOME_WHY_MAX 512

struct outcome {
	int rc;			       /* 0 or a negative errno value */
	char why[OUTCOME_WHY_MAX];     /* if rc is not 0 */
	char note[OUTCOME_WHY_MAX];    /* if rc is 0: what a person may want
					  to know, or empty */
	char value[OUTCOME_VALUE_MAX]; /* of cat */
};

/** outcome_fail() - a failure of the tool's own; returns @rc */
int outcome_fail(struct outcome *o, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** outcome_report() - a failure of the library's; returns @rc */
int outcome_report(struct outcome *o, int rc, const struct mhp_report *report);

#endif
