/* SPDX-License-Identifier: MIT */
/*
 * Events of nodes and of memory that is not accessible before it is online:
 * their order, and that who was asked is told how it ended, whoever refuses.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "support.h"

/* A node without boot memory. */
#define EMPTY_NODE 2

static const char *const words[MHP_NR_EVENTS] = {
	[MHP_EVENT_GOING_ONLINE] = "going-on",
	[MHP_EVENT_ONLINE] = "on",
	[MHP_EVENT_CANCEL_ONLINE] = "cancel-on",
	[MHP_EVENT_GOING_OFFLINE] = "going-off",
	[MHP_EVENT_OFFLINE] = "off",
	[MHP_EVENT_CANCEL_OFFLINE] = "cancel-off",
	[MHP_EVENT_PREPARE_ONLINE] = "prepare",
	[MHP_EVENT_FINISH_OFFLINE] = "finish",
	[MHP_EVENT_NODE_ADDING_FIRST] = "adding",
	[MHP_EVENT_NODE_ADDED_FIRST] = "added",
	[MHP_EVENT_NODE_CANCEL_ADDING] = "cancel-adding",
	[MHP_EVENT_NODE_REMOVING_LAST] = "removing",
	[MHP_EVENT_NODE_REMOVED_LAST] = "removed",
	[MHP_EVENT_NODE_CANCEL_REMOVING] = "cancel-removing",
};

/* One that keeps a diary; the second of two refuses. */
struct witness {
	struct mhp_notifier notifier; /* first: the callback gets this */
	enum mhp_event veto;
	struct mhp_range range; /* accessible only while it may be */
	char diary[512];
};

static void witness_protect(struct witness *w, struct mhp *m, int protection)
{
	void *start = mhp_frame_address(m, w->range.start_pfn);

	assert_int_equal(mprotect(start,
				  mhp_bytes_from_pages(mhp_geometry(m),
						       w->range.nr_pages),
				  protection),
			 0);
}

static int witness_notify(struct mhp_notifier *self, struct mhp *m,
			  const struct mhp_notice *notice)
{
	struct witness *w = (struct witness *)(void *)self;
	size_t used = strlen(w->diary);

	if (!words[notice->event])
		return 0;
	snprintf(w->diary + used, sizeof(w->diary) - used, "%s%s",
		 used ? " " : "", words[notice->event]);
	if (w->range.nr_pages && notice->event == MHP_EVENT_PREPARE_ONLINE)
		witness_protect(w, m, PROT_READ | PROT_WRITE);
	if (w->range.nr_pages && notice->event == MHP_EVENT_FINISH_OFFLINE)
		witness_protect(w, m, PROT_NONE);
	return notice->event == w->veto ? MHP_ERR_NOMEM : 0;
}

struct trial {
	struct witness first;
	struct witness second;
};

static void trial_start(struct machine *mc, struct trial *t)
{
	*t = (struct trial){
		.first = {.notifier = {.notify = witness_notify,
				       .priority = 2}},
		.second = {.notifier = {.notify = witness_notify,
					.priority = 1}},
	};
	assert_int_equal(mhp_notifier_register(mc->m, &t->first.notifier), 0);
	assert_int_equal(mhp_notifier_register(mc->m, &t->second.notifier), 0);
}

static void trial_end(struct machine *mc, struct trial *t)
{
	assert_int_equal(mhp_notifier_unregister(mc->m, &t->first.notifier), 0);
	assert_int_equal(mhp_notifier_unregister(mc->m, &t->second.notifier),
			 0);
}

static void assert_told(struct trial *t, const char *first, const char *second)
{
	assert_string_equal(t->first.diary, first);
	assert_string_equal(t->second.diary, second);
	t->first.diary[0] = '\0';
	t->second.diary[0] = '\0';
}

static int add_on(struct machine *mc, uint64_t id, uint64_t nr,
		  unsigned int node, uint32_t flags)
{
	struct mhp_add_request request = {
		.range = block_range(mc, id, nr),
		.node = (uint16_t)node,
		.flags = flags,
	};

	return mhp_add(mc->m, &request, NULL);
}

static int offline(struct machine *mc, uint64_t id)
{
	return mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, NULL);
}

static void test_node(struct machine *mc)
{
	struct trial t;

	trial_start(mc, &t);
	assert_int_equal(add_on(mc, 8, 2, EMPTY_NODE, 0), 0);
	assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_MOVABLE), 0);
	assert_told(&t, "adding going-on added on", "adding going-on added on");
	assert_int_equal(online_blocks(mc, 9, 1, MHP_ONLINE_MOVABLE), 0);
	assert_told(&t, "going-on on", "going-on on");
	assert_int_equal(offline(mc, 8), 0);
	assert_told(&t, "going-off off", "going-off off");
	assert_int_equal(offline(mc, 9), 0);
	assert_told(&t, "removing going-off removed off",
		    "removing going-off removed off");
	trial_end(mc, &t);
}

/* Who refuses hears no more of it; who agreed hears how it ended. */
static void test_node_veto(struct machine *mc)
{
	char *before;
	struct trial t;

	trial_start(mc, &t);
	assert_int_equal(add_on(mc, 8, 1, EMPTY_NODE, 0), 0);
	before = snapshot(mc, 0);
	t.second.veto = MHP_EVENT_NODE_ADDING_FIRST;
	assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_MOVABLE),
			 MHP_ERR_NOMEM);
	assert_told(&t, "adding cancel-adding", "adding");
	t.second.veto = MHP_EVENT_GOING_ONLINE;
	assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_MOVABLE),
			 MHP_ERR_NOMEM);
	assert_told(&t, "adding going-on cancel-on cancel-adding",
		    "adding going-on cancel-adding");
	unchanged(mc, before, 0);
	t.second.veto = MHP_EVENT_NODE_REMOVING_LAST;
	assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_MOVABLE), 0);
	assert_told(&t, "adding going-on added on", "adding going-on added on");
	before = snapshot(mc, 0);
	assert_int_equal(offline(mc, 8), MHP_ERR_NOMEM);
	assert_told(&t, "removing cancel-removing", "removing");
	t.second.veto = MHP_EVENT_GOING_OFFLINE;
	assert_int_equal(offline(mc, 8), MHP_ERR_NOMEM);
	assert_told(&t, "removing going-off cancel-off cancel-removing",
		    "removing going-off cancel-removing");
	unchanged(mc, before, 0);
	trial_end(mc, &t);
}

/* Two leave at the same time: the second to start is asked for the node, and
 * whoever ends last tells. */
static void test_node_together(struct machine *mc)
{
	struct mhp_offline a, b;
	struct trial t;

	trial_start(mc, &t);
	assert_int_equal(add_on(mc, 8, 2, EMPTY_NODE, 0), 0);
	assert_int_equal(online_blocks(mc, 8, 2, MHP_ONLINE_MOVABLE), 0);
	t.first.diary[0] = t.second.diary[0] = '\0';
	assert_int_equal(
		mhp_offline_begin(mc->m, &a, 8, MHP_NO_DEADLINE, 0, NULL), 0);
	assert_int_equal(
		mhp_offline_begin(mc->m, &b, 9, MHP_NO_DEADLINE, 0, NULL), 0);
	check_ok(mc);
	assert_told(&t, "going-off removing going-off",
		    "going-off removing going-off");
	assert_int_equal(mhp_offline_step(mc->m, &b, NULL), 0);
	check_ok(mc);
	assert_told(&t, "off", "off");
	assert_int_equal(mhp_offline_step(mc->m, &a, NULL), 0);
	assert_told(&t, "removed off", "removed off");
	trial_end(mc, &t);
}

/* One of two stays after all, or another comes: the node stays. */
static void test_node_stays(struct machine *mc)
{
	struct mhp_offline a, b;
	struct trial t;

	trial_start(mc, &t);
	assert_int_equal(add_on(mc, 8, 3, EMPTY_NODE, 0), 0);
	assert_int_equal(online_blocks(mc, 8, 2, MHP_ONLINE_MOVABLE), 0);
	assert_int_equal(
		mhp_offline_begin(mc->m, &a, 8, MHP_NO_DEADLINE, 0, NULL), 0);
	assert_int_equal(
		mhp_offline_begin(mc->m, &b, 9, MHP_NO_DEADLINE, 0, NULL), 0);
	t.first.diary[0] = t.second.diary[0] = '\0';
	mhp_offline_cancel(mc->m, &a);
	assert_told(&t, "cancel-off cancel-removing",
		    "cancel-off cancel-removing");
	check_ok(mc);
	assert_int_equal(
		mhp_offline_begin(mc->m, &a, 8, MHP_NO_DEADLINE, 0, NULL), 0);
	assert_told(&t, "removing going-off", "removing going-off");
	assert_int_equal(online_blocks(mc, 10, 1, MHP_ONLINE_MOVABLE), 0);
	assert_told(&t, "going-on cancel-removing on",
		    "going-on cancel-removing on");
	check_ok(mc);
	mhp_offline_cancel(mc->m, &a);
	mhp_offline_cancel(mc->m, &b);
	trial_end(mc, &t);
}

static void test_prepare(struct machine *mc)
{
	struct trial t;

	trial_start(mc, &t);
	assert_int_equal(
		add_on(mc, 8, 1, 0, MHP_ADD_INACCESSIBLE | MHP_ADD_SCRUB),
		MHP_ERR_INVAL);
	assert_int_equal(add_on(mc, 8, 1, 0, MHP_ADD_INACCESSIBLE), 0);
	assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_MOVABLE), 0);
	assert_told(&t, "prepare going-on on", "prepare going-on on");
	assert_int_equal(offline(mc, 8), 0);
	assert_told(&t, "going-off off finish", "going-off off finish");
	t.second.veto = MHP_EVENT_PREPARE_ONLINE;
	assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_MOVABLE),
			 MHP_ERR_NOMEM);
	assert_told(&t, "prepare finish", "prepare");
	t.second.veto = MHP_EVENT_GOING_ONLINE;
	assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_MOVABLE),
			 MHP_ERR_NOMEM);
	assert_told(&t, "prepare going-on cancel-on finish",
		    "prepare going-on finish");
	trial_end(mc, &t);
}

/* Nobody touches the memory while it must not be: it is taken away then. */
static void test_untouched(struct machine *mc)
{
	struct shelf *shelf = shelf_open(mc);
	struct mhp_request request = {.zone_limit = MHP_ZONE_MOVABLE,
				      .flags = MHP_ALLOC_THIS_ZONE};
	struct mhp_forecast forecast;
	struct mhp_zone_info zone;
	struct trial t;
	int round;

	trial_start(mc, &t);
	assert_int_equal(add_on(mc, 8, 1, 0, MHP_ADD_INACCESSIBLE), 0);
	t.first.range = block_range(mc, 8, 1);
	witness_protect(&t.first, mc->m, PROT_NONE);
	for (round = 0; round < 2; round++) {
		assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_MOVABLE),
				 0);
		assert_non_null(shelf_alloc(shelf, &request));
		assert_int_equal(offline(mc, 8), 0);
		check_ok(mc);
		zone = zone_info(mc, 0, MHP_ZONE_MOVABLE);
		assert_int_equal(zone.nr_present, 0);
		assert_int_equal(block_info(mc, 8).nr_present,
				 mhp_block_pages(mc->g));
		assert_int_equal(
			mhp_forecast(mc->m, 8, &forecast, NULL, 0, NULL),
			MHP_ERR_INVAL);
		t.first.diary[0] = t.second.diary[0] = '\0';
	}
	assert_int_equal(mhp_remove(mc->m, block_range(mc, 8, 1), NULL), 0);
	shelf_close(shelf);
	trial_end(mc, &t);
}

/* Looks at a block that comes and goes, until it is told to stop. */
struct looker {
	struct machine *mc;
	pthread_t thread;
	uint32_t stop;
	uint64_t nr_seen;
};

static void *looker_run(void *arg)
{
	struct looker *looker = arg;
	struct mhp_block_info info;

	while (!__atomic_load_n(&looker->stop, __ATOMIC_SEQ_CST))
		if (!mhp_block_query(looker->mc->m, 8, &info))
			__atomic_fetch_add(&looker->nr_seen, 1,
					   __ATOMIC_SEQ_CST);
	return NULL;
}

/* Who began to look while the block was online has ended when its memory is
 * taken away. */
static void test_latecomers(struct machine *mc)
{
	struct looker looker = {.mc = mc};
	struct mhp_add_request add = {
		.range = block_range(mc, 8, 1),
		.placement = MHP_PLACEMENT_BLOCK,
		.flags = MHP_ADD_INACCESSIBLE | MHP_ADD_STRICT,
	};
	struct trial t;
	int round;

	trial_start(mc, &t);
	assert_int_equal(mhp_add(mc->m, &add, NULL), 0);
	t.first.range = add.range;
	witness_protect(&t.first, mc->m, PROT_NONE);
	assert_int_equal(
		pthread_create(&looker.thread, NULL, looker_run, &looker), 0);
	for (round = 0; round < 30; round++) {
		uint64_t seen = __atomic_load_n(&looker.nr_seen,
						__ATOMIC_SEQ_CST);

		assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_MOVABLE),
				 0);
		while (__atomic_load_n(&looker.nr_seen, __ATOMIC_SEQ_CST) ==
		       seen)
			sched_yield();
		assert_int_equal(offline(mc, 8), 0);
		t.first.diary[0] = t.second.diary[0] = '\0';
	}
	__atomic_store_n(&looker.stop, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(pthread_join(looker.thread, NULL), 0);
	assert_int_equal(mhp_remove(mc->m, add.range, NULL), 0);
	trial_end(mc, &t);
}

int main(void)
{
	static const struct machine_test on_nodes[] = {
		{"node", test_node},
		{"node_veto", test_node_veto},
		{"node_together", test_node_together},
		{"node_stays", test_node_stays},
	};
	static const struct machine_test on_all[] = {
		{"prepare", test_prepare},
		{"untouched", test_untouched},
		{"latecomers", test_latecomers},
	};

	return machine_run_on("phase-nodes", on_nodes, 4, "nodes") +
	       machine_run("phase", on_all, 3, true);
}
