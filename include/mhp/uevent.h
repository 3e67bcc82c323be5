/* SPDX-License-Identifier: MIT */
/*
 * Uevents: what Linux's kernel tells user space of memory blocks and nodes.
 *
 * A notifier that turns notices into these messages, in Linux's order: "add"
 * and "remove" for each block as it becomes known and is forgotten, "online"
 * and "offline" after everybody else was told, and "add" and "remove" of a node
 * that comes alive or goes. A failure sends none.
 */
#ifndef MHP_UEVENT_H
#define MHP_UEVENT_H

#include "mhp/notify.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Longest message, with its terminating zeros. */
#define MHP_UEVENT_MAX 192

/**
 * struct mhp_uevents - one who wants the messages
 *
 * The caller's memory from mhp_uevents_start() to mhp_uevents_stop(). @send and
 * @ctx are the caller's to fill in, the rest is the engine's.
 */
struct mhp_uevents {
	struct mhp_notifier notifier; /* first */
	uint64_t nr_sent;	      /* SEQNUM of the last one */
	/**
	 * @send: a message
	 *
	 * @text: "ACTION@DEVPATH", then the lines "ACTION=...", "DEVPATH=...",
	 *   "SUBSYSTEM=..." and "SEQNUM=..."; each ends with a zero byte, as in
	 *   a netlink message of Linux
	 *
	 * Context: as a notifier's.
	 */
	void (*send)(void *ctx, const char *text, size_t size_bytes);
	void *ctx;
};

/**
 * mhp_uevents_start() - start sending
 *
 * @u: send and ctx filled in
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (nobody to send to); MHP_ERR_EXIST (started
 *   already); MHP_ERR_DEADLK. Nothing is sent after a failure.
 */
MHP_MUST_CHECK MHP_API int mhp_uevents_start(struct mhp *m,
					     struct mhp_uevents *u);

/**
 * mhp_uevents_stop() - stop sending
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_NOENT (not started); MHP_ERR_DEADLK.
 */
MHP_API int mhp_uevents_stop(struct mhp *m, struct mhp_uevents *u);

#ifdef __cplusplus
}
#endif

#endif
