/* SPDX-License-Identifier: MIT */
/* Telling notifiers, in phases; see mhp/notify.h. */
#ifndef MHP_SRC_NOTIFY_H
#define MHP_SRC_NOTIFY_H

#include "engine.h"

/** notify_going() - ask; on a veto those that agreed are told CANCEL. [mutex]
 * Return: 0 or the veto. */
int notify_going(struct mhp *m, struct mhp_block *blk, enum mhp_event going,
		 enum mhp_zone_type zone);

/** notify_cancel() - tell all, last first, that it does not happen. [mutex] */
void notify_cancel(struct mhp *m, struct mhp_block *blk, enum mhp_event cancel,
		   enum mhp_zone_type zone);

/** notify_done() - tell all that it has happened. [mutex] */
void notify_done(struct mhp *m, struct mhp_block *blk, enum mhp_event event,
		 enum mhp_zone_type zone);

/** notify_pages() - tell all that something has happened to some pages of a
 * block that is in a zone. [mutex] */
void notify_pages(struct mhp *m, struct mhp_block *blk, enum mhp_event event,
		  struct mhp_range pages);

#endif
