/* SPDX-License-Identifier: MIT */
/* Notices as uevents; see mhp/uevent.h. */
#include "mhp/uevent.h"

#include "mhp/mhp.h"
#include "text.h"

/* Told last, as Linux tells user space after the kernel. */
#define UEVENT_PRIORITY INT32_MIN

struct uevent_kind {
	const char *action;
	const char *subsystem; /* NULL: no message */
};

static const struct uevent_kind uevent_kinds[MHP_NR_EVENTS] = {
	[MHP_EVENT_ADDED] = {"add", "memory"},
	[MHP_EVENT_REMOVED] = {"remove", "memory"},
	[MHP_EVENT_ONLINE] = {"online", "memory"},
	[MHP_EVENT_OFFLINE] = {"offline", "memory"},
	[MHP_EVENT_NODE_ALIVE] = {"add", "node"},
	[MHP_EVENT_NODE_GONE] = {"remove", "node"},
};

static void uevent_path(struct text *t, const struct uevent_kind *kind,
			uint64_t number)
{
	text_string(t, "/devices/system/");
	text_string(t, kind->subsystem);
	text_char(t, '/');
	text_string(t, kind->subsystem);
	text_decimal(t, number);
	text_char(t, '\0');
}

static void uevent_line(struct text *t, const char *name, const char *value)
{
	text_string(t, name);
	text_string(t, value);
	text_char(t, '\0');
}

static void uevent_render(struct text *t, const struct uevent_kind *kind,
			  uint64_t number, uint64_t seqnum)
{
	text_string(t, kind->action);
	text_char(t, '@');
	uevent_path(t, kind, number);
	uevent_line(t, "ACTION=", kind->action);
	text_string(t, "DEVPATH=");
	uevent_path(t, kind, number);
	uevent_line(t, "SUBSYSTEM=", kind->subsystem);
	text_string(t, "SEQNUM=");
	text_decimal(t, seqnum);
	text_char(t, '\0');
}

static int uevent_notify(struct mhp_notifier *self, struct mhp *m,
			 const struct mhp_notice *notice)
{
	struct mhp_uevents *u = (struct mhp_uevents *)(void *)self;
	const struct uevent_kind *kind = &uevent_kinds[notice->event];
	bool is_node = notice->event == MHP_EVENT_NODE_ALIVE ||
		       notice->event == MHP_EVENT_NODE_GONE;
	char room[MHP_UEVENT_MAX];
	struct text t;

	(void)m;
	if (!kind->subsystem)
		return 0;
	text_init(&t, room, sizeof(room));
	uevent_render(&t, kind, is_node ? notice->node : notice->block_id,
		      ++u->nr_sent);
	u->send(u->ctx, room, t.length);
	return 0;
}

int mhp_uevents_start(struct mhp *m, struct mhp_uevents *u)
{
	uint64_t nr_sent = u->nr_sent;
	int err;

	if (!u->send)
		return MHP_ERR_INVAL;
	u->nr_sent = 0;
	u->notifier.notify = uevent_notify;
	u->notifier.priority = UEVENT_PRIORITY;
	err = mhp_notifier_register(m, &u->notifier);
	/* It may be running: then it goes on counting. */
	if (err)
		u->nr_sent = nr_sent;
	return err;
}

int mhp_uevents_stop(struct mhp *m, struct mhp_uevents *u)
{
	return mhp_notifier_unregister(m, &u->notifier);
}
