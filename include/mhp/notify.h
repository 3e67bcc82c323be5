/* SPDX-License-Identifier: MIT */
/*
 * Notifiers: who wants to know that memory goes on- or offline, and may object.
 *
 * Each transition has two phases: GOING_x, which any notifier may veto, then x.
 * If a GOING_x is vetoed or the transition fails later, CANCEL_x goes to those
 * that saw GOING_x without refusing it, and to nobody else, in reverse order.
 * The same holds for PREPARE_ONLINE, whose end is FINISH_OFFLINE, and for a
 * node's ADDING_FIRST and REMOVING_LAST.
 *
 *   online:   [PREPARE_ONLINE] [NODE_ADDING_FIRST] GOING_ONLINE
 *             the block goes online, [NODE_ADDED_FIRST] ONLINE
 *   offline:  [NODE_REMOVING_LAST] GOING_OFFLINE, pages move,
 *             the block goes offline, [NODE_REMOVED_LAST] OFFLINE
 *             [FINISH_OFFLINE]
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
	/* of memory added with MHP_ADD_INACCESSIBLE */
	MHP_EVENT_PREPARE_ONLINE, /* make it accessible; may be vetoed */
	MHP_EVENT_FINISH_OFFLINE, /* it is not touched any more; also if going
				     online failed after PREPARE_ONLINE */
	/* of the node: its first and its last memory */
	MHP_EVENT_NODE_ADDING_FIRST, /* may be vetoed */
	MHP_EVENT_NODE_ADDED_FIRST,
	MHP_EVENT_NODE_CANCEL_ADDING,
	MHP_EVENT_NODE_REMOVING_LAST, /* may be vetoed */
	MHP_EVENT_NODE_REMOVED_LAST,
	MHP_EVENT_NODE_CANCEL_REMOVING,
	/* of the node: its first block became known, its last was forgotten */
	MHP_EVENT_NODE_ALIVE,
	MHP_EVENT_NODE_GONE,
	/* pages of an online block, "usable" says which, that held the memmap
	 * of a block that left are usable since now: as an ONLINE of them.
	 * Those that were lent (mhp/lend.h), of which nobody was told, are
	 * named as well */
	MHP_EVENT_MEMMAP_RELEASED,
	MHP_NR_EVENTS,
};

/**
 * struct mhp_notice - an event
 */
struct mhp_notice {
	enum mhp_event event;
	uint64_t block_id;
	struct mhp_range usable; /* the block's pages, from the first one that
				    holds no memmap on */
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
	 * Lifecycle calls give MHP_ERR_DEADLK. Return: 0, or for an event
	 * that may be vetoed a negative errno value to veto; ignored for all
	 * others.
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
