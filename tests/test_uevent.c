/* SPDX-License-Identifier: MIT */
/*
 * Uevents: their text, their order, and that failures send none.
 */
#include <stdio.h>
#include <string.h>

#include "mhp/policy.h"
#include "mhp/uevent.h"
#include "support.h"

struct wire {
	struct mhp_uevents uevents;
	char heads[1024]; /* "add@memory8 ..." */
	char last[MHP_UEVENT_MAX];
	size_t last_bytes;
};

static void wire_send(void *ctx, const char *text, size_t size_bytes)
{
	struct wire *w = (struct wire *)ctx;
	size_t used = strlen(w->heads);
	const char *name = strrchr(text, '/') + 1;

	assert_true(size_bytes <= sizeof(w->last));
	memcpy(w->last, text, size_bytes);
	w->last_bytes = size_bytes;
	snprintf(w->heads + used, sizeof(w->heads) - used, "%s%.*s%s",
		 used ? " " : "", (int)(strchr(text, '@') - text + 1), text,
		 name);
}

static void wire_start(struct machine *mc, struct wire *w)
{
	memset(w, 0, sizeof(*w));
	assert_int_equal(mhp_uevents_start(mc->m, &w->uevents), MHP_ERR_INVAL);
	w->uevents.send = wire_send;
	w->uevents.ctx = w;
	assert_int_equal(mhp_uevents_start(mc->m, &w->uevents), 0);
	w->uevents.nr_sent = 7;
	assert_int_equal(mhp_uevents_start(mc->m, &w->uevents), MHP_ERR_EXIST);
	assert_int_equal(w->uevents.nr_sent, 7);
	w->uevents.nr_sent = 0;
}

static void assert_sent(struct wire *w, const char *heads)
{
	assert_string_equal(w->heads, heads);
	w->heads[0] = '\0';
}

static void test_text(struct machine *mc)
{
	static const char expected[] =
		"online@/devices/system/memory/memory8\0"
		"ACTION=online\0"
		"DEVPATH=/devices/system/memory/memory8\0"
		"SUBSYSTEM=memory\0"
		"SEQNUM=2";
	struct wire w;

	wire_start(mc, &w);
	plug(mc, 8, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	assert_int_equal(w.last_bytes, sizeof(expected));
	assert_memory_equal(w.last, expected, sizeof(expected));
	assert_int_equal(mhp_uevents_stop(mc->m, &w.uevents), 0);
	assert_int_equal(mhp_uevents_stop(mc->m, &w.uevents), MHP_ERR_NOENT);
}

static int veto(struct mhp_notifier *self, struct mhp *m,
		const struct mhp_notice *notice)
{
	(void)self;
	(void)m;
	return notice->event == MHP_EVENT_GOING_ONLINE ||
			       notice->event == MHP_EVENT_GOING_OFFLINE
		       ? MHP_ERR_PERM
		       : 0;
}

static void test_order(struct machine *mc)
{
	struct mhp_notifier no = {.notify = veto};
	struct wire w;

	wire_start(mc, &w);
	plug(mc, 8, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	assert_sent(&w, "add@memory8 add@memory9 online@memory8 "
			"online@memory9");
	assert_int_equal(mhp_notifier_register(mc->m, &no), 0);
	assert_int_equal(mhp_block_offline(mc->m, 8, MHP_NO_DEADLINE, NULL),
			 MHP_ERR_PERM);
	assert_sent(&w, "");
	assert_int_equal(mhp_notifier_unregister(mc->m, &no), 0);
	assert_int_equal(mhp_offline_and_remove(mc->m, block_range(mc, 8, 2),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_sent(&w, "offline@memory8 offline@memory9 remove@memory8 "
			"remove@memory9");
	assert_int_equal(mhp_uevents_stop(mc->m, &w.uevents), 0);
}

static void add_on_node_2(struct machine *mc)
{
	struct mhp_add_request request = {.range = block_range(mc, 8, 2),
					  .node = 2};

	assert_false(mhp_node_is_alive(mc->m, 2));
	assert_int_equal(mhp_add(mc->m, &request, NULL), 0);
	assert_true(mhp_node_is_alive(mc->m, 2));
}

/* A node comes alive with its first block and goes with its last. */
static void node(struct machine *mc, const char *added)
{
	struct wire w;

	wire_start(mc, &w);
	assert_true(mhp_node_is_alive(mc->m, 0));
	assert_true(mhp_node_is_alive(mc->m, 1));
	assert_false(mhp_node_is_alive(mc->m, mc->g->nr_nodes));
	add_on_node_2(mc);
	assert_sent(&w, added);
	assert_int_equal(mhp_remove(mc->m, block_range(mc, 8, 1), NULL), 0);
	assert_sent(&w, "remove@memory8");
	assert_true(mhp_node_is_alive(mc->m, 2));
	assert_int_equal(mhp_remove(mc->m, block_range(mc, 9, 1), NULL), 0);
	assert_sent(&w, "remove@memory9 remove@node2");
	assert_false(mhp_node_is_alive(mc->m, 2));
	assert_int_equal(mhp_uevents_stop(mc->m, &w.uevents), 0);
}

static void test_node(struct machine *mc)
{
	node(mc, "add@node2 add@memory8 add@memory9");
}

static void test_node_linux(struct machine *mc)
{
	struct mhp_boot_range boot[2];
	struct mhp_model_config config = machine_config(mc->c, boot);

	config.profile = MHP_PROFILE_LINUX_6_12;
	config.memmap_on_memory = MHP_MEMMAP_OFF;
	machine_end(mc);
	machine_start_config(mc, mc->c, &config);
	node(mc, "add@memory8 add@memory9 add@node2");
}

int main(void)
{
	static const struct machine_test on_small[] = {
		{"text", test_text},
		{"order", test_order},
	};
	static const struct machine_test on_nodes[] = {
		{"node", test_node},
		{"node_linux", test_node_linux},
	};

	return machine_run_on("uevent", on_small, 2, "small") +
	       machine_run_on("uevent-nodes", on_nodes, 2, "nodes");
}
