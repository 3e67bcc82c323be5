/* SPDX-License-Identifier: MIT */
/* Views in tests; see views.h. */
#include "views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (1 << 20)

char *views_read(struct mhp *m, const char *path)
{
	struct mhp_report report = {.code = 1};
	char *text = malloc(ROOM);
	int n;

	assert_non_null(text);
	n = mhp_view_read(m, path, text, ROOM, &report);
	if (n < 0)
		fail_msg("%s: %s", path, mhp_errname(n));
	assert_int_equal(report.code, 1);
	assert_int_equal(n, (int)strlen(text));
	assert_true(n > 0);
	assert_int_equal(text[n - 1], '\n');
	return text;
}

int views_error(struct mhp *m, const char *path)
{
	struct mhp_report report = {.code = 1};
	char text[64];
	int err = mhp_view_read(m, path, text, sizeof(text), &report);

	assert_true(err < 0);
	assert_int_equal(report.code, err);
	return err;
}

void views_assert(struct mhp *m, const char *path, const char *want)
{
	char *text = views_read(m, path);

	assert_string_equal(text, want);
	free(text);
}

void views_has_line(struct mhp *m, const char *path, const char *line)
{
	char *text = views_read(m, path), *at = text;
	size_t n = strlen(line);

	while (at && (strncmp(at, line, n) || at[n] != '\n')) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	if (!at)
		fail_msg("%s: no line \"%s\" in\n%s", path, line, text);
	free(text);
}

int views_put(struct mhp *m, const char *path, const char *value)
{
	struct mhp_report report = {.code = 1};
	int err = mhp_view_write(m, path, value, strlen(value), &report);

	/* A successful add reports too, with code 0. */
	assert_true(report.code == err || (!err && report.code == 1));
	return err;
}

void views_walk(struct mhp *m, const char *path,
		void (*visit)(struct mhp *m, const char *path,
			      const struct mhp_view_entry *entry, void *ctx),
		void *ctx)
{
	struct mhp_view_entry entry;
	uint64_t cursor = 0;
	char below[512];
	int rc;

	while ((rc = mhp_view_list(m, path, &cursor, &entry)) == 1) {
		snprintf(below, sizeof(below), "%s/%s",
			 strcmp(path, "/") ? path : "", entry.name);
		visit(m, below, &entry, ctx);
		if (entry.kind == MHP_VIEW_DIRECTORY)
			views_walk(m, below, visit, ctx);
	}
	assert_int_equal(rc, 0);
}
