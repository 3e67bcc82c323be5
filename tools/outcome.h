/* SPDX-License-Identifier: MIT */
/*
 * What came of a command: a code as the library's, and why it failed, as a
 * sentence.
 */
#ifndef MHP_TOOLS_OUTCOME_H
#define MHP_TOOLS_OUTCOME_H

#include "mhp/err.h"

/** Longest reason. */
#define OUTCOME_WHY_MAX 512

struct outcome {
	int rc;			    /* 0 or a negative errno value */
	char why[OUTCOME_WHY_MAX];  /* if rc is not 0 */
	char note[OUTCOME_WHY_MAX]; /* if rc is 0: what a person may want to
				       know, or empty */
	char *value;		    /* of cat, or NULL; outcome_free() */
	size_t value_bytes;	    /* room in it */
};

/** outcome_fail() - a failure of the tool's own; returns @rc */
int outcome_fail(struct outcome *o, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** outcome_grow() - make room for a longer value; 0 or MHP_ERR_NOMEM, said */
int outcome_grow(struct outcome *o);

/** outcome_free() - give the value's memory back */
void outcome_free(struct outcome *o);

/** outcome_report() - a failure of the library's; returns @rc */
int outcome_report(struct outcome *o, int rc, const struct mhp_report *report);

#endif
