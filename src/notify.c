/* SPDX-License-Identifier: MIT */
/*
 * Notifiers. The list is sorted by priority and only changes under the mutex,
 * so a walk sees the same notifiers in both phases.
 */
#include "notify.h"

#include "block.h"

static struct mhp_notice notice_make(struct mhp *m, struct mhp_block *blk,
				     enum mhp_event event,
				     enum mhp_zone_type zone)
{
	return (struct mhp_notice){
		.event = event,
		.block_id = blk->start_pfn >> m->layout.block_order,
		.usable = block_usable(m, blk),
		.zone = (uint8_t)zone,
		.node = (uint8_t)block_node(block_status(blk)),
	};
}

/* Tell those before @end, the last of them first. */
static void notify_reverse(struct mhp *m, const struct mhp_notice *notice,
			   struct mhp_notifier *end)
{
	while (end != m->notifiers) {
		struct mhp_notifier *n = m->notifiers;

		while (n->next != end)
			n = n->next;
		(void)n->notify(n, m, notice);
		end = n;
	}
}

/* What those hear that have agreed when another one refuses. */
static const enum mhp_event notify_cancel_of[] = {
	[MHP_EVENT_GOING_ONLINE] = MHP_EVENT_CANCEL_ONLINE,
	[MHP_EVENT_GOING_OFFLINE] = MHP_EVENT_CANCEL_OFFLINE,
	[MHP_EVENT_PREPARE_ONLINE] = MHP_EVENT_FINISH_OFFLINE,
	[MHP_EVENT_NODE_ADDING_FIRST] = MHP_EVENT_NODE_CANCEL_ADDING,
	[MHP_EVENT_NODE_REMOVING_LAST] = MHP_EVENT_NODE_CANCEL_REMOVING,
};

int notify_going(struct mhp *m, struct mhp_block *blk, enum mhp_event going,
		 enum mhp_zone_type zone)
{
	struct mhp_notice notice = notice_make(m, blk, going, zone);
	struct mhp_notifier *n;

	for (n = m->notifiers; n; n = n->next) {
		int err = n->notify(n, m, &notice);

		if (!err)
			continue;
		notice.event = notify_cancel_of[going];
		notify_reverse(m, &notice, n);
		return err < 0 ? err : MHP_ERR_PERM;
	}
	return 0;
}

void notify_cancel(struct mhp *m, struct mhp_block *blk, enum mhp_event cancel,
		   enum mhp_zone_type zone)
{
	struct mhp_notice notice = notice_make(m, blk, cancel, zone);

	notify_reverse(m, &notice, NULL);
}

void notify_done(struct mhp *m, struct mhp_block *blk, enum mhp_event event,
		 enum mhp_zone_type zone)
{
	struct mhp_notice notice = notice_make(m, blk, event, zone);
	struct mhp_notifier *n;

	for (n = m->notifiers; n; n = n->next)
		(void)n->notify(n, m, &notice);
}

void notify_pages(struct mhp *m, struct mhp_block *blk, enum mhp_event event,
		  struct mhp_range pages)
{
	struct mhp_notice notice = notice_make(m, blk, event,
					       block_zone(block_status(blk)));
	struct mhp_notifier *n;

	notice.usable = pages;
	for (n = m->notifiers; n; n = n->next)
		(void)n->notify(n, m, &notice);
}

static struct mhp_notifier **notifier_find(struct mhp *m,
					   const struct mhp_notifier *notifier)
{
	struct mhp_notifier **link = &m->notifiers;

	while (*link && *link != notifier)
		link = &(*link)->next;
	return link;
}

int mhp_notifier_register(struct mhp *m, struct mhp_notifier *notifier)
{
	struct mhp_notifier **link;
	int err;

	if (!notifier->notify)
		return MHP_ERR_INVAL;
	err = mhp_lock(m);
	if (err)
		return err;
	if (*notifier_find(m, notifier)) {
		mhp_unlock(m);
		return MHP_ERR_EXIST;
	}
	link = &m->notifiers;
	while (*link && (*link)->priority >= notifier->priority)
		link = &(*link)->next;
	notifier->next = *link;
	*link = notifier;
	mhp_unlock(m);
	return 0;
}

int mhp_notifier_unregister(struct mhp *m, struct mhp_notifier *notifier)
{
	struct mhp_notifier **link;
	int err;

	err = mhp_lock(m);
	if (err)
		return err;
	link = notifier_find(m, notifier);
	if (!*link)
		err = MHP_ERR_NOENT;
	else
		*link = notifier->next;
	mhp_unlock(m);
	return err;
}
