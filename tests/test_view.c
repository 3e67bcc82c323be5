/* SPDX-License-Identifier: MIT */
/*
 * Views: what each file reads, which words it takes, and what it refuses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mhp/policy.h"
#include "mhp/view.h"
#include "support.h"

/* Read a file below the directory of memory blocks; its length or an error. */
static int view_read(struct machine *mc, const char *file, char *text,
		     size_t size_bytes)
{
	char path[128];
	struct mhp_report report = {.code = 1};
	int n;

	snprintf(path, sizeof(path), "%s/%s", MHP_VIEW_MEMORY, file);
	n = mhp_view_read(mc->m, path, text, size_bytes, &report);
	assert_int_equal(report.code, n < 0 ? n : 1);
	return n;
}

static void assert_reads(struct machine *mc, const char *file, const char *want)
{
	char text[128];
	int n = view_read(mc, file, text, sizeof(text));

	assert_int_equal(n, (int)strlen(want));
	assert_string_equal(text, want);
}

static int view_write(struct machine *mc, const char *file, const char *value,
		      size_t size_bytes)
{
	char path[128];
	struct mhp_report report = {.code = 1};
	int err;

	snprintf(path, sizeof(path), "%s/%s", MHP_VIEW_MEMORY, file);
	err = mhp_view_write(mc->m, path, value, size_bytes, &report);
	assert_int_equal(report.code, err < 0 ? err : 1);
	return err;
}

static int view_put(struct machine *mc, const char *file, const char *value)
{
	return view_write(mc, file, value, strlen(value));
}

/* The files of the first block that is plugged. */
#define BLOCK(file) "memory8/" file

_Static_assert(FIRST_BLOCK == 8, "BLOCK() names it");

static void plug_one(struct machine *mc)
{
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_AUTO), 0);
}

static void test_texts(struct machine *mc)
{
	char want[64];

	snprintf(want, sizeof(want), "%" PRIx64 "\n", mhp_block_bytes(mc->g));
	assert_reads(mc, "block_size_bytes", want);
	assert_reads(mc, "auto_online_blocks", "offline\n");
	plug_one(mc);
	assert_reads(mc, BLOCK("state"), "offline\n");
	assert_reads(mc, BLOCK("online"), "0\n");
	assert_reads(mc, BLOCK("valid_zones"), "Normal Movable\n");
	assert_reads(mc, BLOCK("removable"), "1\n");
	assert_reads(mc, BLOCK("phys_index"), "00000008\n");
	assert_reads(mc, BLOCK("phys_device"), "0\n");
	assert_int_equal(view_put(mc, BLOCK("state"), "online_movable"), 0);
	assert_reads(mc, BLOCK("state"), "online\n");
	assert_reads(mc, BLOCK("online"), "1\n");
	assert_reads(mc, BLOCK("valid_zones"), "Movable\n");
}

static void test_room(struct machine *mc)
{
	char text[16];

	plug_one(mc);
	memset(text, 'x', sizeof(text));
	assert_int_equal(view_read(mc, BLOCK("state"), text, 0), MHP_ERR_NOSPC);
	assert_int_equal(text[0], 'x');
	assert_int_equal(view_read(mc, BLOCK("state"), text, 1), MHP_ERR_NOSPC);
	assert_int_equal(view_read(mc, BLOCK("state"), text, 8), MHP_ERR_NOSPC);
	assert_int_equal(text[8], 'x');
	assert_int_equal(view_read(mc, BLOCK("state"), text, 9), 8);
	assert_string_equal(text, "offline\n");
	assert_int_equal(text[9], 'x');
}

static void test_ends(struct machine *mc)
{
	static const struct {
		const char *value;
		size_t size_bytes;
		int rc;
	} ends[] = {
		{"online_movable", 14, 0},
		{"offline\n", 8, 0},
		{"online_kernel\0", 14, 0},
		{"offline\n\0", 9, 0},
		{"online\n\n", 8, MHP_ERR_INVAL},
		{"online\0x", 8, MHP_ERR_INVAL},
		{" online", 7, MHP_ERR_INVAL},
		{"Online", 6, MHP_ERR_INVAL},
		{"onlin", 5, MHP_ERR_INVAL},
		{"online_", 7, MHP_ERR_INVAL},
		{"\n", 1, MHP_ERR_INVAL},
		{"", 0, MHP_ERR_INVAL},
	};
	size_t i;

	plug_one(mc);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		assert_int_equal(view_write(mc, BLOCK("state"), ends[i].value,
					    ends[i].size_bytes),
				 ends[i].rc);
	assert_reads(mc, BLOCK("state"), "offline\n");
}

/* state refuses what is so already; online takes it. */
static void test_already(struct machine *mc)
{
	plug_one(mc);
	assert_int_equal(view_put(mc, BLOCK("state"), "offline"),
			 MHP_ERR_INVAL);
	assert_int_equal(view_put(mc, BLOCK("online"), "0"), 0);
	assert_int_equal(view_put(mc, BLOCK("online"), "1"), 0);
	assert_int_equal(view_put(mc, BLOCK("online"), "1"), 0);
	assert_int_equal(view_put(mc, BLOCK("state"), "online"), MHP_ERR_INVAL);
	assert_int_equal(view_put(mc, BLOCK("state"), "online_movable"),
			 MHP_ERR_INVAL);
	assert_reads(mc, BLOCK("valid_zones"), "Normal\n");
}

static void test_booleans(struct machine *mc)
{
	static const char *const yes[] = {"1", "y", "Yes", "true", "on", "ON"};
	static const char *const no[] = {"0", "n", "No", "false", "off", "OFF"};
	static const char *const neither[] = {"",  "\n",     "2",
					      "o", "online", "offline"};
	size_t i;

	plug_one(mc);
	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		assert_int_equal(view_put(mc, BLOCK("online"), yes[i]), 0);
		assert_reads(mc, BLOCK("online"), "1\n");
		assert_int_equal(view_put(mc, BLOCK("online"), no[i]), 0);
		assert_reads(mc, BLOCK("online"), "0\n");
	}
	/* As in Linux two letters decide of a word with o. */
	for (i = 0; i < sizeof(neither) / sizeof(neither[0]) - 2; i++)
		assert_int_equal(view_put(mc, BLOCK("online"), neither[i]),
				 MHP_ERR_INVAL);
	assert_int_equal(view_put(mc, BLOCK("online"), "online"), 0);
	assert_int_equal(view_put(mc, BLOCK("online"), "offline"), 0);
}

static void test_policy(struct machine *mc)
{
	static const char *const words[] = {"online", "online_kernel",
					    "online_movable", "offline"};
	struct mhp_policy policy;
	char want[32];
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_int_equal(view_put(mc, "auto_online_blocks", words[i]),
				 0);
		snprintf(want, sizeof(want), "%s\n", words[i]);
		assert_reads(mc, "auto_online_blocks", want);
	}
	assert_int_equal(view_put(mc, "auto_online_blocks", "online_kernel"),
			 0);
	assert_int_equal(view_put(mc, "auto_online_blocks", "auto"),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	assert_int_equal(policy.auto_online, MHP_ONLINE_KERNEL);
	assert_int_equal(policy.auto_movable_ratio,
			 MHP_AUTO_MOVABLE_RATIO_DEFAULT);
}

static void test_no_file(struct machine *mc)
{
	static const char *const paths[] = {
		"memory8/states",
		"memory08/state",
		"memory/state",
		"memory-1/state",
		"memory+8/state",
		"memory8x/state",
		"memory9/state",
		"memory18446744073709551615/state",
		"memory18446744073709551616/state",
		"memory99999999999999999999999/state",
		"../memory/memory8/state",
	};
	static const char *const beyond[] = {
		"memory8/state/",
		"memory8/state/state",
		"block_size_bytes/",
	};
	char text[64];
	size_t i;

	plug_one(mc);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(view_read(mc, paths[i], text, sizeof(text)),
				 MHP_ERR_NOENT);
		assert_int_equal(view_put(mc, paths[i], "online"),
				 MHP_ERR_NOENT);
	}
	for (i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		assert_int_equal(view_read(mc, beyond[i], text, sizeof(text)),
				 MHP_ERR_NOTDIR);
		assert_int_equal(view_put(mc, beyond[i], "online"),
				 MHP_ERR_NOTDIR);
	}
	assert_int_equal(mhp_view_read(mc->m, "", text, sizeof(text), NULL),
			 MHP_ERR_NOENT);
}

/* The path of the directory itself is no file. */
static void test_directory(struct machine *mc)
{
	static const char *const paths[] = {"", "memory8", "memory8/"};
	char text[64];
	size_t i;

	plug_one(mc);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(view_read(mc, paths[i], text, sizeof(text)),
				 MHP_ERR_ISDIR);
		assert_int_equal(view_put(mc, paths[i], "online"),
				 MHP_ERR_ISDIR);
	}
	assert_int_equal(mhp_view_write(mc->m, "/", "1", 1, NULL),
			 MHP_ERR_ISDIR);
}

static void test_read_only(struct machine *mc)
{
	static const char *const files[] = {
		"block_size_bytes",  BLOCK("valid_zones"), BLOCK("removable"),
		BLOCK("phys_index"), BLOCK("phys_device"),
	};
	size_t i;

	plug_one(mc);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_int_equal(view_put(mc, files[i], "1"), MHP_ERR_ACCES);
}

/* One who reads and writes while a block is on its way. */
struct reader {
	struct mhp_notifier notifier; /* first: the callback gets this */
	struct machine *mc;
	unsigned int nr_told;
};

static int reader_notify(struct mhp_notifier *self, struct mhp *m,
			 const struct mhp_notice *notice)
{
	struct reader *r = (struct reader *)(void *)self;
	char text[64];

	(void)m;
	if (notice->event == MHP_EVENT_GOING_ONLINE) {
		assert_reads(r->mc, BLOCK("state"), "offline\n");
		assert_reads(r->mc, BLOCK("online"), "0\n");
	} else if (notice->event == MHP_EVENT_GOING_OFFLINE) {
		assert_reads(r->mc, BLOCK("state"), "going-offline\n");
		assert_reads(r->mc, BLOCK("online"), "1\n");
	} else {
		return 0;
	}
	r->nr_told++;
	assert_int_equal(view_put(r->mc, BLOCK("state"), "online"),
			 MHP_ERR_DEADLK);
	assert_int_equal(view_put(r->mc, "auto_online_blocks", "online"),
			 MHP_ERR_DEADLK);
	assert_int_equal(
		view_read(r->mc, BLOCK("valid_zones"), text, sizeof(text)),
		MHP_ERR_DEADLK);
	return 0;
}

static void test_on_its_way(struct machine *mc)
{
	struct reader r = {.notifier = {.notify = reader_notify}, .mc = mc};

	plug_one(mc);
	assert_int_equal(mhp_notifier_register(mc->m, &r.notifier), 0);
	assert_int_equal(view_put(mc, BLOCK("state"), "online"), 0);
	assert_int_equal(view_put(mc, BLOCK("state"), "offline"), 0);
	assert_int_equal(r.nr_told, 2);
	assert_int_equal(mhp_notifier_unregister(mc->m, &r.notifier), 0);
}

/* What the operation answers is what the file answers, with its report. */
static void test_refusal(struct machine *mc)
{
	struct mhp_report report;
	struct shelf *shelf;
	char *before;
	static const char path[] = MHP_VIEW_MEMORY "/" BLOCK("state");

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_AUTO, MHP_ONLINE_MOVABLE);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK, 0, 3);
	shelf->items[1].pins = 2;
	before = snapshot(mc, SNAP_NO_PAGES);
	assert_int_equal(mhp_view_write(mc->m, path, "offline\n", 8, &report),
			 MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_PINNED);
	assert_int_equal(report.pfn, shelf->items[1].pfn);
	assert_int_equal(report.pins, 2);
	assert_string_equal(report.owner_name, SHELF_NAME);
	unchanged(mc, before, SNAP_NO_PAGES);
	shelf->items[1].pins = 0;
	assert_int_equal(view_put(mc, BLOCK("state"), "offline"), 0);
	shelf_close(shelf);
}

static const struct machine_test tests[] = {
	{"texts", test_texts},	       {"room", test_room},
	{"ends", test_ends},	       {"already", test_already},
	{"booleans", test_booleans},   {"policy", test_policy},
	{"no_file", test_no_file},     {"directory", test_directory},
	{"read_only", test_read_only}, {"on_its_way", test_on_its_way},
	{"refusal", test_refusal},
};

int main(void)
{
	return machine_run("view", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
