/* SPDX-License-Identifier: MIT */
/* The uevents that a command causes, kept until it is shown. */
#ifndef MHP_TOOLS_UEVENTS_H
#define MHP_TOOLS_UEVENTS_H

#include "mhp/uevent.h"

struct uevent_log {
	struct mhp_uevents source;
	char **heads; /* "add@/devices/system/memory/memory32" */
	size_t nr;
	size_t room;
	size_t nr_lost; /* the host had no memory for them */
};

/** uevent_log_start() - keep the uevents of an instance: 0 or an error */
int uevent_log_start(struct uevent_log *log, struct mhp *m);

/** uevent_log_clear() - forget those kept so far */
void uevent_log_clear(struct uevent_log *log);

/** uevent_log_free() - give its memory back; the instance may be gone */
void uevent_log_free(struct uevent_log *log);

#endif
