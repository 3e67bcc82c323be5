/* SPDX-License-Identifier: MIT */
/* What came of a command; see outcome.h. */
#include "outcome.h"

#include <stdarg.h>
#include <stdio.h>

int outcome_fail(struct outcome *o, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(o->why, sizeof(o->why), format, args);
	va_end(args);
	o->rc = rc;
	return rc;
}

int outcome_report(struct outcome *o, int rc, const struct mhp_report *report)
{
	mhp_report_text(report, o->why, sizeof(o->why));
	o->rc = rc;
	return rc;
}
