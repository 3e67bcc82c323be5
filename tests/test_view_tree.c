/* SPDX-License-Identifier: MIT */
/*
 * The tree of views: what is listed can be read and written as it says, what is
 * not listed does not exist, and whatever is written wrongly changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mhp/policy.h"
#include "views.h"

/* A block online, one offline, and one of another node if there is one. */
static void plug_some(struct machine *mc)
{
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_AUTO, MHP_ONLINE_MOVABLE);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_AUTO),
			 0);
	if (mc->g->nr_nodes > 1) {
		struct mhp_add_request request = {
			.range = block_range(mc, FIRST_BLOCK + 4, 1),
			.node = 2};

		assert_int_equal(mhp_add(mc->m, &request, NULL), 0);
	}
}

static void assert_same_entry(const struct mhp_view_entry *a,
			      const struct mhp_view_entry *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->target, b->target);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->size_bytes, b->size_bytes);
}

struct tally {
	unsigned int nr[3]; /* by enum mhp_view_kind */
	unsigned int nr_written;
};

static void visit_file(struct mhp *m, const char *path,
		       const struct mhp_view_entry *entry)
{
	bool proc = !strncmp(path, "/proc/", 6);
	uint64_t cursor = 0;
	struct mhp_view_entry none;

	assert_int_equal(entry->size_bytes, proc ? 0 : 4096);
	assert_string_equal(entry->target, "");
	if (entry->mode & 0444)
		free(views_read(m, path));
	else
		assert_int_equal(views_error(m, path), MHP_ERR_ACCES);
	if (!(entry->mode & 0200))
		assert_int_equal(views_put(m, path, "1"), MHP_ERR_ACCES);
	assert_int_equal(mhp_view_list(m, path, &cursor, &none),
			 MHP_ERR_NOTDIR);
}

static void visit_directory(struct mhp *m, const char *path)
{
	assert_int_equal(views_error(m, path), MHP_ERR_ISDIR);
	assert_int_equal(views_put(m, path, "1"), MHP_ERR_ISDIR);
}

/* Where a link leads to, as a path: the target goes up from its directory. */
static void link_path(char *room, size_t size_bytes, const char *path,
		      const char *target)
{
	snprintf(room, size_bytes, "%s", path);
	*strrchr(room, '/') = '\0';
	while (!strncmp(target, "../", 3)) {
		*strrchr(room, '/') = '\0';
		target += 3;
	}
	snprintf(room + strlen(room), size_bytes - strlen(room), "/%s", target);
}

static void visit_link(struct mhp *m, const char *path,
		       const struct mhp_view_entry *entry)
{
	struct mhp_view_entry there, through, a, b;
	uint64_t cursor = 0, same = 0;
	char to[512], behind[512];

	link_path(to, sizeof(to), path, entry->target);
	snprintf(behind, sizeof(behind), "%s/", path);
	assert_int_equal(mhp_view_stat(m, to, &there), 0);
	assert_int_equal(there.kind, MHP_VIEW_DIRECTORY);
	assert_int_equal(mhp_view_stat(m, behind, &through), 0);
	assert_int_equal(through.kind, MHP_VIEW_DIRECTORY);
	assert_int_equal(views_error(m, path), MHP_ERR_ISDIR);
	while (mhp_view_list(m, to, &cursor, &a) == 1) {
		assert_int_equal(mhp_view_list(m, path, &same, &b), 1);
		assert_same_entry(&a, &b);
	}
	assert_int_equal(mhp_view_list(m, path, &same, &b), 0);
}

static void visit(struct mhp *m, const char *path,
		  const struct mhp_view_entry *entry, void *ctx)
{
	struct tally *tally = ctx;
	struct mhp_view_entry again;

	memset(&again, 0xff, sizeof(again));
	assert_int_equal(mhp_view_stat(m, path, &again), 0);
	assert_same_entry(&again, entry);
	tally->nr[entry->kind]++;
	switch (entry->kind) {
	case MHP_VIEW_FILE:
		visit_file(m, path, entry);
		break;
	case MHP_VIEW_DIRECTORY:
		assert_int_equal(entry->mode, 0755);
		visit_directory(m, path);
		break;
	case MHP_VIEW_LINK:
		assert_int_equal(entry->mode, 0777);
		visit_link(m, path, entry);
		break;
	}
}

static void test_walk(struct machine *mc)
{
	struct tally tally = {{0}, 0};
	unsigned int nr_links = 2 * (NR_BOOT_BLOCKS + 2);
	char *before;

	plug_some(mc);
	before = snapshot(mc, 0);
	views_walk(mc->m, "/", visit, &tally);
	if (mc->g->nr_nodes > 1)
		nr_links += 2;
	assert_int_equal(tally.nr[MHP_VIEW_LINK], nr_links);
	assert_true(tally.nr[MHP_VIEW_FILE] > 50);
	unchanged(mc, before, 0);
}

/* Every name that any directory has, and some that none has. */
struct names {
	char name[64][MHP_VIEW_NAME_MAX];
	unsigned int nr;
	unsigned int nr_absent;
};

static void collect(struct mhp *m, const char *path,
		    const struct mhp_view_entry *entry, void *ctx)
{
	struct names *names = ctx;
	unsigned int i;

	(void)m;
	(void)path;
	for (i = 0; i < names->nr; i++)
		if (!strcmp(names->name[i], entry->name))
			return;
	assert_true(names->nr < 64);
	snprintf(names->name[names->nr++], MHP_VIEW_NAME_MAX, "%s",
		 entry->name);
}

static bool is_listed(struct mhp *m, const char *path, const char *name)
{
	struct mhp_view_entry entry;
	uint64_t cursor = 0;

	while (mhp_view_list(m, path, &cursor, &entry) == 1)
		if (!strcmp(entry.name, name))
			return true;
	return false;
}

static void assert_no_path(struct mhp *m, const char *path, int err)
{
	struct mhp_view_entry entry;
	uint64_t cursor = 0;

	assert_int_equal(views_error(m, path), err);
	assert_int_equal(views_put(m, path, "1"), err);
	assert_int_equal(mhp_view_stat(m, path, &entry), err);
	assert_int_equal(mhp_view_list(m, path, &cursor, &entry), err);
}

static void assert_absent(struct mhp *m, const char *path)
{
	assert_no_path(m, path, MHP_ERR_NOENT);
}

static void try_names(struct mhp *m, const char *path,
		      const struct mhp_view_entry *entry, void *ctx)
{
	struct names *names = ctx;
	char below[512];
	unsigned int i;

	for (i = 0; i < names->nr; i++) {
		snprintf(below, sizeof(below), "%s/%s", path, names->name[i]);
		if (entry->kind != MHP_VIEW_FILE &&
		    is_listed(m, path, names->name[i]))
			continue;
		assert_no_path(m, below,
			       entry->kind == MHP_VIEW_FILE ? MHP_ERR_NOTDIR
							    : MHP_ERR_NOENT);
		names->nr_absent++;
	}
}

static void test_absent(struct machine *mc)
{
	static const char *const others[] = {
		"",	    ".",
		"..",	    "uevent",
		"memory",   "memory#",
		"memory08", "memory007",
		"memory8 ", "memory-8",
		"node00",   "node64",
		"node#",    "node4294967296",
		"State",
	};
	struct names names = {.nr = 0};
	unsigned int i;

	plug_some(mc);
	views_walk(mc->m, "/", collect, &names);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct mhp_view_entry entry = {.kind = MHP_VIEW_FILE};

		/* "X/" is the directory X itself. */
		if (!i)
			continue;
		snprintf(entry.name, sizeof(entry.name), "%s", others[i]);
		collect(mc->m, "", &entry, &names);
	}
	views_walk(mc->m, "/", try_names, &names);
	assert_true(names.nr_absent > 500);
	assert_absent(mc->m, "");
	assert_absent(mc->m, "proc/meminfo");
	assert_absent(mc->m, "//proc/meminfo");
	assert_absent(mc->m, "/proc//meminfo");
	assert_no_path(mc->m, "/proc/meminfo/", MHP_ERR_NOTDIR);
}

static void write_wrong(struct mhp *m, const char *path,
			const struct mhp_view_entry *entry, void *ctx)
{
	static char long_text[5000];
	static const struct {
		const char *value;
		size_t size_bytes;
	} wrong[] = {
		{"", 0},	   {"\n", 1},	      {"\0", 1},
		{"\n\0", 2},	   {"?", 1},	      {"?\n", 2},
		{" 1", 2},	   {"-", 1},	      {"wrong", 5},
		{"wrong\n", 6},	   {"wrong\0", 6},    {"\377\376", 2},
		{"+", 1},	   {"x1", 2},	      {"\n\n", 2},
		{long_text, 1},	   {long_text, 4095}, {long_text, 4096},
		{long_text, 4097}, {long_text, 5000},
	};
	struct tally *tally = ctx;
	struct mhp_report report;
	size_t i;

	if (!(entry->mode & 0200) || entry->kind != MHP_VIEW_FILE)
		return;
	memset(long_text, 'x', sizeof(long_text));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		report = (struct mhp_report){.code = 1};
		assert_int_equal(mhp_view_write(m, path, wrong[i].value,
						wrong[i].size_bytes, &report),
				 MHP_ERR_INVAL);
		assert_int_equal(report.code, MHP_ERR_INVAL);
		assert_non_null(report.detail);
	}
	/* Longer than a page of it is refused, however it begins. */
	memset(long_text, '1', sizeof(long_text));
	assert_int_equal(mhp_view_write(m, path, long_text, 4097, NULL),
			 MHP_ERR_INVAL);
	tally->nr_written++;
}

static void test_wrong(struct machine *mc)
{
	struct tally tally = {{0}, 0};
	struct mhp_policy policy, after;
	char *before;

	plug_some(mc);
	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	before = snapshot(mc, 0);
	views_walk(mc->m, "/sys", write_wrong, &tally);
	assert_true(tally.nr_written > 2 * (NR_BOOT_BLOCKS + 2));
	unchanged(mc, before, 0);
	assert_int_equal(mhp_policy_get(mc->m, &after), 0);
	assert_int_equal(after.auto_online, policy.auto_online);
	assert_int_equal(after.online_policy, policy.online_policy);
	assert_int_equal(after.auto_movable_ratio, policy.auto_movable_ratio);
	assert_int_equal(after.auto_movable_numa_aware,
			 policy.auto_movable_numa_aware);
	assert_int_equal(after.memmap_on_memory, policy.memmap_on_memory);
}

/* Entries come one by one; a cursor may be used again, or be too large. */
static void test_cursor(struct machine *mc)
{
	struct mhp_view_entry first, again;
	uint64_t cursor = 0, other = 0;

	assert_int_equal(mhp_view_list(mc->m, "/", &cursor, &first), 1);
	assert_int_equal(mhp_view_list(mc->m, "/", &other, &again), 1);
	assert_same_entry(&first, &again);
	assert_string_equal(first.name, "proc");
	assert_int_equal(mhp_view_list(mc->m, "/", &cursor, &again), 1);
	assert_string_equal(again.name, "sys");
	assert_int_equal(mhp_view_list(mc->m, "/", &cursor, &again), 0);
	assert_int_equal(mhp_view_list(mc->m, "/", &cursor, &again), 0);
	cursor = UINT64_MAX;
	assert_int_equal(mhp_view_list(mc->m, "/", &cursor, &again), 0);
	assert_int_equal(mhp_view_stat(mc->m, "/", &again), 0);
	assert_int_equal(again.kind, MHP_VIEW_DIRECTORY);
	assert_string_equal(again.name, "");
}

/* A block that goes is not listed any more, and the walk goes on. */
static void test_going(struct machine *mc)
{
	struct mhp_view_entry entry;
	uint64_t cursor = 0;
	unsigned int nr = 0;

	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 3, MHP_PLACEMENT_AUTO), 0);
	while (mhp_view_list(mc->m, MHP_VIEW_MEMORY, &cursor, &entry) == 1) {
		nr += entry.kind == MHP_VIEW_DIRECTORY;
		if (strcmp(entry.name, "memory8"))
			continue;
		assert_int_equal(mhp_remove(mc->m,
					    block_range(mc, FIRST_BLOCK, 2),
					    NULL),
				 0);
	}
	assert_int_equal(nr, NR_BOOT_BLOCKS + 2);
}

static const struct machine_test tests[] = {
	{"walk", test_walk},	 {"absent", test_absent}, {"wrong", test_wrong},
	{"cursor", test_cursor}, {"going", test_going},
};

int main(void)
{
	return machine_run("view_tree", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
