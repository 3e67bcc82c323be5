/* SPDX-License-Identifier: MIT */
/*
 * Notifiers: what they are told, in which order, who may object, and what they
 * may call.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* A notifier that keeps a diary, shared with others. */
struct witness {
	struct mhp_notifier notifier; /* first: the callback gets this */
	char name;
	enum mhp_event veto; /* which event it refuses */
	int code;	     /* and with what */
	char *diary;	     /* "A:going-online8 B:…" */
	struct mhp_notice last;
};

static const char *const event_name[] = {
	[MHP_EVENT_NONE] = "none",
	[MHP_EVENT_GOING_ONLINE] = "going-on",
	[MHP_EVENT_ONLINE] = "on",
	[MHP_EVENT_CANCEL_ONLINE] = "cancel-on",
	[MHP_EVENT_GOING_OFFLINE] = "going-off",
	[MHP_EVENT_OFFLINE] = "off",
	[MHP_EVENT_CANCEL_OFFLINE] = "cancel-off",
	[MHP_EVENT_ADDED] = "added",
	[MHP_EVENT_REMOVED] = "removed",
	[MHP_EVENT_PREPARE_ONLINE] = "prepare",
	[MHP_EVENT_FINISH_OFFLINE] = "finish",
	[MHP_EVENT_NODE_ADDING_FIRST] = "adding",
	[MHP_EVENT_NODE_ADDED_FIRST] = "added-first",
	[MHP_EVENT_NODE_CANCEL_ADDING] = "cancel-adding",
	[MHP_EVENT_NODE_REMOVING_LAST] = "removing",
	[MHP_EVENT_NODE_REMOVED_LAST] = "removed-last",
	[MHP_EVENT_NODE_CANCEL_REMOVING] = "cancel-removing",
};

#define DIARY_BYTES 2048

static int witness_notify(struct mhp_notifier *self, struct mhp *m,
			  const struct mhp_notice *notice)
{
	struct witness *w = (struct witness *)(void *)self;
	size_t used = strlen(w->diary);

	(void)m;
	snprintf(w->diary + used, DIARY_BYTES - used, "%c:%s:%d ", w->name,
		 event_name[notice->event], (int)notice->block_id);
	w->last = *notice;
	return notice->event == w->veto ? w->code : 0;
}

static void witness_start(struct machine *mc, struct witness *w, char name,
			  int priority, char *diary)
{
	memset(w, 0, sizeof(*w));
	w->notifier.notify = witness_notify;
	w->notifier.priority = priority;
	w->name = name;
	w->diary = diary;
	assert_int_equal(mhp_notifier_register(mc->m, &w->notifier), 0);
}

static void assert_diary(char *diary, const char *expected)
{
	assert_string_equal(diary, expected);
	diary[0] = '\0';
}

/* Three witnesses, registered out of order; C is told first. */
struct trial {
	char diary[DIARY_BYTES];
	struct witness a, b, c;
};

static void trial_start(struct machine *mc, struct trial *t)
{
	t->diary[0] = '\0';
	witness_start(mc, &t->b, 'B', 20, t->diary);
	witness_start(mc, &t->a, 'A', 10, t->diary);
	witness_start(mc, &t->c, 'C', 30, t->diary);
}

static void trial_end(struct machine *mc, struct trial *t)
{
	assert_int_equal(mhp_notifier_unregister(mc->m, &t->a.notifier), 0);
	assert_int_equal(mhp_notifier_unregister(mc->m, &t->c.notifier), 0);
	assert_int_equal(mhp_notifier_unregister(mc->m, &t->b.notifier), 0);
	assert_int_equal(mhp_notifier_unregister(mc->m, &t->b.notifier),
			 MHP_ERR_NOENT);
}

static void test_order(struct machine *mc)
{
	struct trial t;

	trial_start(mc, &t);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK),
			 0);
	assert_diary(t.diary, "C:added:8 B:added:8 A:added:8 "
			      "C:added:9 B:added:9 A:added:9 ");
	assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_MOVABLE), 0);
	assert_diary(t.diary, "C:going-on:8 B:going-on:8 A:going-on:8 "
			      "C:on:8 B:on:8 A:on:8 ");
	assert_int_equal(mhp_block_offline(mc->m, 8, MHP_NO_DEADLINE, NULL), 0);
	assert_diary(t.diary, "C:going-off:8 B:going-off:8 A:going-off:8 "
			      "C:off:8 B:off:8 A:off:8 ");
	assert_int_equal(mhp_remove(mc->m, block_range(mc, 8, 1), NULL), 0);
	assert_diary(t.diary, "C:removed:8 B:removed:8 A:removed:8 ");
	trial_end(mc, &t);
	assert_int_equal(mhp_remove(mc->m, block_range(mc, 9, 1), NULL), 0);
	assert_diary(t.diary, "");
}

/* What a notice says of the block. */
static void test_notice(struct machine *mc)
{
	struct trial t;
	uint64_t memmap;

	trial_start(mc, &t);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	memmap = block_info(mc, FIRST_BLOCK).nr_memmap;
	assert_int_equal(t.a.last.event, MHP_EVENT_ONLINE);
	assert_int_equal(t.a.last.block_id, FIRST_BLOCK);
	assert_int_equal(t.a.last.zone, MHP_ZONE_MOVABLE);
	assert_int_equal(t.a.last.node, 0);
	assert_int_equal(t.a.last.usable.start_pfn,
			 block_start(mc, FIRST_BLOCK) + memmap);
	assert_int_equal(t.a.last.usable.nr_pages,
			 mhp_block_pages(mc->g) - memmap);
	plug(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	assert_int_equal(t.a.last.zone, MHP_ZONE_NORMAL);
	assert_int_equal(t.a.last.usable.start_pfn,
			 block_start(mc, FIRST_BLOCK + 1));
	assert_int_equal(t.a.last.usable.nr_pages, mhp_block_pages(mc->g));
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_int_equal(t.a.last.event, MHP_EVENT_OFFLINE);
	assert_int_equal(t.a.last.zone, MHP_ZONE_MOVABLE);
	trial_end(mc, &t);
}

static void veto_online(struct machine *mc, struct trial *t,
			struct witness *who, const char *expected)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;

	who->veto = MHP_EVENT_GOING_ONLINE;
	who->code = MHP_ERR_PERM;
	assert_int_equal(mhp_block_online(mc->m, FIRST_BLOCK,
					  MHP_ONLINE_MOVABLE, &report),
			 MHP_ERR_PERM);
	assert_int_equal(report.code, MHP_ERR_PERM);
	assert_int_equal(report.why, MHP_WHY_VETO);
	assert_int_equal(report.stage, MHP_STAGE_ONLINE);
	assert_diary(t->diary, expected);
	who->veto = MHP_EVENT_NONE;
	unchanged(mc, before, 0);
}

/* Only those that saw it and agreed hear that it is off, backwards. */
static void test_veto_online(struct machine *mc)
{
	struct trial t;

	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK),
			 0);
	trial_start(mc, &t);
	veto_online(mc, &t, &t.c, "C:going-on:8 ");
	veto_online(mc, &t, &t.b, "C:going-on:8 B:going-on:8 C:cancel-on:8 ");
	veto_online(mc, &t, &t.a,
		    "C:going-on:8 B:going-on:8 A:going-on:8 "
		    "B:cancel-on:8 C:cancel-on:8 ");
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 0);
	trial_end(mc, &t);
}

static void veto_offline(struct machine *mc, struct trial *t,
			 struct witness *who, const char *expected)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;

	who->veto = MHP_EVENT_GOING_OFFLINE;
	who->code = MHP_ERR_NODEV;
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, &report),
		MHP_ERR_NODEV);
	assert_int_equal(report.why, MHP_WHY_VETO);
	assert_int_equal(report.stage, MHP_STAGE_OFFLINE);
	assert_diary(t->diary, expected);
	who->veto = MHP_EVENT_NONE;
	unchanged(mc, before, 0);
}

static void test_veto_offline(struct machine *mc)
{
	struct trial t;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	trial_start(mc, &t);
	veto_offline(mc, &t, &t.c, "C:going-off:8 ");
	veto_offline(mc, &t, &t.b,
		     "C:going-off:8 B:going-off:8 C:cancel-off:8 ");
	veto_offline(mc, &t, &t.a,
		     "C:going-off:8 B:going-off:8 A:going-off:8 "
		     "B:cancel-off:8 C:cancel-off:8 ");
	trial_end(mc, &t);
}

/* What is done cannot be vetoed. */
static void test_no_veto(struct machine *mc)
{
	static const enum mhp_event late[] = {MHP_EVENT_ADDED, MHP_EVENT_ONLINE,
					      MHP_EVENT_OFFLINE,
					      MHP_EVENT_REMOVED};
	char *before = snapshot(mc, 0);
	struct trial t;
	unsigned int i;

	trial_start(mc, &t);
	for (i = 0; i < 4; i++) {
		t.b.veto = late[i];
		t.b.code = MHP_ERR_PERM;
		plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK,
		     MHP_ONLINE_MOVABLE);
		assert_int_equal(mhp_offline_and_remove(
					 mc->m, block_range(mc, FIRST_BLOCK, 1),
					 MHP_NO_DEADLINE, 0, NULL),
				 0);
	}
	t.diary[0] = '\0';
	trial_end(mc, &t);
	unchanged(mc, before, 0);
}

/* Refuses the offlining of one block only. */
static int refuse_second(struct mhp_notifier *self, struct mhp *m,
			 const struct mhp_notice *notice)
{
	(void)self;
	(void)m;
	return notice->event == MHP_EVENT_GOING_OFFLINE &&
			       notice->block_id == FIRST_BLOCK + 1
		       ? MHP_ERR_PERM
		       : 0;
}

/* The second block's veto brings the first one back, in the zone it had. */
static void test_veto_of_range(struct machine *mc)
{
	struct mhp_notifier second = {.notify = refuse_second};
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 3);
	char *before;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	plug(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 2, 1, MHP_PLACEMENT_BLOCK), 0);
	before = snapshot(mc, 0);
	assert_int_equal(mhp_notifier_register(mc->m, &second), 0);
	assert_int_equal(
		mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE, 0, NULL),
		MHP_ERR_PERM);
	unchanged(mc, before, 0);
	assert_int_equal(mhp_notifier_unregister(mc->m, &second), 0);
	assert_int_equal(
		mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE, 0, NULL),
		0);
}

static void test_register(struct machine *mc)
{
	struct mhp_notifier none = {0};
	struct trial t;

	trial_start(mc, &t);
	assert_int_equal(mhp_notifier_register(mc->m, &none), MHP_ERR_INVAL);
	assert_int_equal(mhp_notifier_register(mc->m, &t.b.notifier),
			 MHP_ERR_EXIST);
	assert_int_equal(mhp_notifier_unregister(mc->m, &none), MHP_ERR_NOENT);
	trial_end(mc, &t);
}

/* A notifier that tries every call that takes the mutex. */
struct caller {
	struct mhp_notifier notifier;
	struct machine *mc;
	unsigned int nr_calls;
	mhp_pfn_t pfn; /* allocated while memory was on its way */
};

static void caller_lifecycle(struct machine *mc)
{
	struct mhp_add_request add = {.range = block_range(mc, 12, 1)};
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 1);
	struct mhp_forecast forecast;
	struct mhp_offline op;
	struct mhp_report report;

	assert_int_equal(mhp_add(mc->m, &add, &report), MHP_ERR_DEADLK);
	assert_int_equal(report.why, MHP_WHY_REENTERED);
	assert_int_equal(mhp_remove(mc->m, range, NULL), MHP_ERR_DEADLK);
	assert_int_equal(
		mhp_block_online(mc->m, FIRST_BLOCK, MHP_ONLINE_DEFAULT, NULL),
		MHP_ERR_DEADLK);
	assert_int_equal(mhp_block_offline(mc->m, 0, MHP_NO_DEADLINE, &report),
			 MHP_ERR_DEADLK);
	assert_int_equal(report.why, MHP_WHY_REENTERED);
	assert_int_equal(
		mhp_offline_begin(mc->m, &op, 0, MHP_NO_DEADLINE, 0, NULL),
		MHP_ERR_DEADLK);
	assert_int_equal(
		mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE, 0, NULL),
		MHP_ERR_DEADLK);
	assert_int_equal(mhp_forecast(mc->m, 0, &forecast, NULL, 0, NULL),
			 MHP_ERR_DEADLK);
}

static void caller_others(struct machine *mc, struct mhp_notifier *self)
{
	static const struct mhp_owner_ops ops = {.size_bytes = sizeof(ops),
						 .name = "late"};
	struct mhp_zone_info zone;
	struct mhp_stat stat;
	uint16_t owner;

	assert_int_equal(mhp_notifier_register(mc->m, self), MHP_ERR_DEADLK);
	assert_int_equal(mhp_notifier_unregister(mc->m, self), MHP_ERR_DEADLK);
	assert_int_equal(mhp_owner_register(mc->m, &ops, NULL, &owner),
			 MHP_ERR_DEADLK);
	assert_int_equal(mhp_owner_unregister(mc->m, 2), MHP_ERR_DEADLK);
	assert_int_equal(mhp_zone_query(mc->m, 0, MHP_ZONE_NORMAL, &zone),
			 MHP_ERR_DEADLK);
	assert_int_equal(mhp_stat_read(mc->m, &stat), MHP_ERR_DEADLK);
	assert_int_equal(mhp_check(mc->m, NULL), MHP_ERR_DEADLK);
}

static int caller_notify(struct mhp_notifier *self, struct mhp *m,
			 const struct mhp_notice *notice)
{
	struct caller *c = (struct caller *)(void *)self;
	struct mhp_request request = {0};
	struct mhp_page_info page;

	(void)notice;
	caller_lifecycle(c->mc);
	caller_others(c->mc, self);
	/* Allocation, freeing and lock-free queries go on. */
	if (c->pfn != MHP_PFN_NONE)
		assert_int_equal(mhp_frame_free(m, c->pfn, 0), 0);
	assert_int_equal(mhp_frame_alloc(m, &request, &c->pfn), 0);
	assert_int_equal(mhp_frame_query(m, c->pfn, &page), 0);
	assert_int_equal(page.use, MHP_PAGE_ALLOCATED);
	assert_int_equal(block_info(c->mc, 0).state, MHP_BLOCK_ONLINE);
	c->nr_calls++;
	return 0;
}

static void test_reentry(struct machine *mc)
{
	struct caller c = {.notifier = {.notify = caller_notify},
			   .mc = mc,
			   .pfn = MHP_PFN_NONE};
	char *before = snapshot(mc, 0);

	assert_int_equal(mhp_notifier_register(mc->m, &c.notifier), 0);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(c.nr_calls, 6);
	assert_int_equal(mhp_notifier_unregister(mc->m, &c.notifier), 0);
	assert_int_equal(mhp_frame_free(mc->m, c.pfn, 0), 0);
	unchanged(mc, before, 0);
}

/* A notifier that takes what there is while a block is about to leave. */
struct greedy {
	struct mhp_notifier notifier;
	struct shelf *shelf;
	unsigned int nr_got;
};

static int greedy_notify(struct mhp_notifier *self, struct mhp *m,
			 const struct mhp_notice *notice)
{
	struct greedy *g = (struct greedy *)(void *)self;
	struct mhp_request request = {.zone_limit = MHP_ZONE_MOVABLE,
				      .flags = MHP_ALLOC_THIS_ZONE};

	(void)m;
	if (notice->event == MHP_EVENT_GOING_OFFLINE)
		while (g->nr_got < 64 && shelf_alloc(g->shelf, &request))
			g->nr_got++;
	return 0;
}

/* At GOING_OFFLINE the block is isolated: nobody gets a page of it any more. */
static void test_isolated(struct machine *mc)
{
	struct greedy g = {.notifier = {.notify = greedy_notify}};

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	g.shelf = shelf_open(mc);
	assert_int_equal(mhp_notifier_register(mc->m, &g.notifier), 0);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_int_equal(g.nr_got, 0);
	assert_int_equal(mhp_notifier_unregister(mc->m, &g.notifier), 0);
	shelf_close(g.shelf);
}

static const struct machine_test tests[] = {
	{"order", test_order},
	{"notice", test_notice},
	{"veto_online", test_veto_online},
	{"veto_offline", test_veto_offline},
	{"no_veto", test_no_veto},
	{"veto_of_range", test_veto_of_range},
	{"register", test_register},
	{"reentry", test_reentry},
	{"isolated", test_isolated},
};

int main(void)
{
	return machine_run("notify", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
