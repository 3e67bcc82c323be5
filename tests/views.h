/* SPDX-License-Identifier: MIT */
/*
 * Views in tests: read, compare and write by absolute path, and a walk over the
 * whole tree.
 */
#ifndef MHP_TESTS_VIEWS_H
#define MHP_TESTS_VIEWS_H

#include "mhp/view.h"
#include "support.h"

#define VIEWS_NODE "/sys/devices/system/node"
#define VIEWS_PARAM "/sys/module/memory_hotplug/parameters"

/** views_read() - the text of a file that must be readable; to be freed */
char *views_read(struct mhp *m, const char *path);

/** views_error() - what reading a file answers, which must be an error */
int views_error(struct mhp *m, const char *path);

/** views_assert() - a file reads exactly so */
void views_assert(struct mhp *m, const char *path, const char *want);

/** views_has_line() - a file has this line, which has no newline here */
void views_has_line(struct mhp *m, const char *path, const char *line);

/** views_put() - write a string as it is; the report must fit the result */
int views_put(struct mhp *m, const char *path, const char *value);

/** views_walk() - call @visit for every entry below a directory; links are
 * visited, not followed */
void views_walk(struct mhp *m, const char *path,
		void (*visit)(struct mhp *m, const char *path,
			      const struct mhp_view_entry *entry, void *ctx),
		void *ctx);

#endif
