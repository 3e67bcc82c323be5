/* SPDX-License-Identifier: MIT */
/* What came of a command; see outcome.h. */
#include "outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int outcome_fail(struct outcome *o, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(o->why, sizeof(o->why), format, args);
	va_end(args);
	o->rc = rc;
	return rc;
}

int outcome_grow(struct outcome *o)
{
	size_t room = o->value_bytes ? 4 * o->value_bytes : 4096;
	char *larger = realloc(o->value, room);

	if (!larger)
		return outcome_fail(o, MHP_ERR_NOMEM, "the host has no memory");
	o->value = larger;
	o->value_bytes = room;
	return 0;
}

void outcome_free(struct outcome *o)
{
	free(o->value);
	o->value = NULL;
	o->value_bytes = 0;
}

int outcome_report(struct outcome *o, int rc, const struct mhp_report *report)
{
	mhp_report_text(report, o->why, sizeof(o->why));
	o->rc = rc;
	return rc;
}
