/* SPDX-License-Identifier: MIT */
/*
 * Notifiers: who wants to know that memory goes on- or offline, and may object.
 *
 * Each transition has two phases: GOING_x, which any notifier may veto, then x.
 * If a GOING_x is vetoed or the transition fails later, CANCEL_x goes to those
 * that saw GOING_x without refusing it, and to nobody else, in reverse order.
 */
#ifndef MHP_NOTIFY_H
#define MHP_NOTIFY_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/** What happens. */
enum mhp_event {
	MHP_EVENT_NONE = 0,
	MHP_EVENT_GOING_ONLINE, /* may be vetoed */
	MHP_EVENT_ONLINE,
	MHP_EVENT_CANCEL_ONLINE,
	MHP_EVENT_GOING_OFFLINE, /* may be vetoed; pages are isolated already */
	MHP_EVENT_OFFLINE,	 /* its zone is named for the last time */
	MHP_EVENT_CANCEL_OFFLINE,
	MHP_EVENT_ADDED,   /* a block became known (offline) */
	MHP_EVENT_REMOVED, /* a block is about to be forgotten */
};

/**
 * struct mhp_notice - an event
 */
struct mhp_notice {
	enum mhp_event event;
	uint64_t block_id;
	struct mhp_range usable; /* the block's pages without its own memmap */
	uint8_t zone;		 /* enum mhp_zone_type it enters or leaves */
	uint8_t node;
};

/**
 * struct mhp_notifier - one that is told
 *
 * Owned by the caller from registration until it is unregistered.
 */
struct mhp_notifier {
	/**
	 * @notify: told of each event
	 *
	 * Context: under the mutex; may sleep, allocate, free and query.
	 * Lifecycle calls give MHP_ERR_DEADLK. Return: 0, or for GOING_x a
	 * negative errno value to veto; ignored for all others.
	 */
	int (*notify)(struct mhp_notifier *self, struct mhp *m,
		      const struct mhp_notice *notice);
	int priority;		   /* higher is told first */
	struct mhp_notifier *next; /* [mutex] the engine's */
};

/**
 * mhp_notifier_register() - start telling
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (no callback); MHP_ERR_EXIST (registered already);
 *   MHP_ERR_DEADLK. Not registered on failure.
 */
MHP_MUST_CHECK MHP_API int mhp_notifier_register(struct mhp *m,
						 struct mhp_notifier *notifier);

/**
 * mhp_notifier_unregister() - stop telling
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_NOENT (not registered); MHP_ERR_DEADLK.
 */
MHP_API int mhp_notifier_unregister(struct mhp *m,
				    struct mhp_notifier *notifier);

#ifdef __cplusplus
}
#endif

#endif
