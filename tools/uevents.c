/* SPDX-License-Identifier: MIT */
/* A list of uevents; see uevents.h. */
#include "uevents.h"

#include <stdlib.h>
#include <string.h>

static int log_grow(struct uevent_log *log)
{
	size_t room = log->room ? 2 * log->room : 16;
	char **heads = realloc(log->heads, room * sizeof(*heads));

	if (!heads)
		return -1;
	log->heads = heads;
	log->room = room;
	return 0;
}

static void log_add(void *ctx, const char *text, size_t size_bytes)
{
	struct uevent_log *log = ctx;
	char *head;

	(void)size_bytes;
	if (log->nr == log->room && log_grow(log)) {
		log->nr_lost++;
		return;
	}
	head = strdup(text);
	if (head)
		log->heads[log->nr++] = head;
	else
		log->nr_lost++;
}

int uevent_log_start(struct uevent_log *log, struct mhp *m)
{
	log->source.send = log_add;
	log->source.ctx = log;
	return mhp_uevents_start(m, &log->source);
}

void uevent_log_clear(struct uevent_log *log)
{
	while (log->nr)
		free(log->heads[--log->nr]);
	log->nr_lost = 0;
}

void uevent_log_free(struct uevent_log *log)
{
	uevent_log_clear(log);
	free(log->heads);
	log->heads = NULL;
	log->room = 0;
}
