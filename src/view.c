/* SPDX-License-Identifier: MIT */
/*
 * Views: Linux's files of memory hotplug, from one table of paths.
 *
 * A row of the table is a path with '#' for a number, a function that renders
 * the file and one that obeys what is written to it. Without the first it is
 * write-only, without the second read-only. A new file is a row and a function
 * or two.
 *
 * Everything goes through the public interface: a view shows nothing that a
 * caller of the library could not ask for, and decides nothing by itself. There
 * are no directories here: a front end that lists them walks the blocks.
 */
#include "mhp/view.h"
#include "err.h"
#include "mhp/mhp.h"
#include "mhp/policy.h"
#include "text.h"

/* The file that is meant: which block, if its path names one. */
struct view_at {
	struct mhp *m;
	struct mhp_block_info block; /* of a path with a number */
	struct mhp_report *report;   /* may be NULL */
};

struct view_file {
	const char *path; /* '#' stands for a decimal number */
	int (*read)(const struct view_at *at, struct text *t);
	int (*write)(const struct view_at *at, const char *value, size_t n);
};

/* The words of struct mhp_policy.auto_online and of a block's state. */
static const char *const view_online_words[] = {
	[MHP_ONLINE_OFFLINE] = "offline",
	[MHP_ONLINE_DEFAULT] = "online",
	[MHP_ONLINE_KERNEL] = "online_kernel",
	[MHP_ONLINE_MOVABLE] = "online_movable",
};

#define VIEW_NR_WORDS (sizeof(view_online_words) / sizeof(char *))

static const char view_online_choice[] =
	"expected offline, online, online_kernel or online_movable";

static int view_refuse(const struct view_at *at, int err, enum mhp_why why,
		       const char *detail)
{
	report_rule(at->report, err, MHP_STAGE_VIEW, why, 0, detail);
	return err;
}

/* A query of the library that failed by itself: it writes no report. */
static int view_pass(const struct view_at *at, int err)
{
	if (err == MHP_ERR_NOENT)
		return view_refuse(at, err, MHP_WHY_NO_BLOCK, NULL);
	if (err == MHP_ERR_DEADLK)
		return view_refuse(at, err, MHP_WHY_REENTERED, NULL);
	return view_refuse(at, err, MHP_WHY_NONE, NULL);
}

static int view_parse_online(const struct view_at *at, const char *value,
			     size_t n, enum mhp_online_type *type)
{
	size_t i;

	for (i = 0; i < VIEW_NR_WORDS; i++) {
		if (!text_equal(value, n, view_online_words[i]))
			continue;
		*type = (enum mhp_online_type)i;
		return 0;
	}
	return view_refuse(at, MHP_ERR_INVAL, MHP_WHY_BAD_TYPE,
			   view_online_choice);
}

static bool view_is_one_of(char c, const char *set)
{
	while (*set && *set != c)
		set++;
	return *set != '\0';
}

/*
 * Linux's idea of a boolean: the first letter decides, of "on" and "off" the
 * second one.
 */
static int view_parse_bool(const struct view_at *at, const char *value,
			   size_t n, bool *yes)
{
	bool is_o = n > 1 && view_is_one_of(value[0], "oO");
	char letter = '?';

	if (n)
		letter = value[is_o];
	*yes = view_is_one_of(letter, is_o ? "nN" : "1yYtT");
	if (*yes || view_is_one_of(letter, is_o ? "fF" : "0nNfF"))
		return 0;
	return view_refuse(at, MHP_ERR_INVAL, MHP_WHY_BAD_TYPE,
			   "expected 0 or 1");
}

/* block_size_bytes: hex without 0x */
static int view_block_size_read(const struct view_at *at, struct text *t)
{
	text_hex(t, mhp_block_bytes(mhp_geometry(at->m)), 1);
	return 0;
}

static int view_auto_online_read(const struct view_at *at, struct text *t)
{
	struct mhp_policy policy;
	int err = mhp_policy_get(at->m, &policy);

	if (err)
		return view_pass(at, err);
	text_string(t, view_online_words[policy.auto_online]);
	return 0;
}

static int view_auto_online_write(const struct view_at *at, const char *value,
				  size_t n)
{
	struct mhp_policy policy;
	enum mhp_online_type type;
	int err = view_parse_online(at, value, n, &type);

	if (err)
		return err;
	err = mhp_policy_get(at->m, &policy);
	if (err)
		return view_pass(at, err);
	policy.auto_online = type;
	err = mhp_policy_set(at->m, &policy);
	return err ? view_pass(at, err) : 0;
}

/* A block that is going online reads as offline, as in Linux. */
static int view_state_read(const struct view_at *at, struct text *t)
{
	static const char *const words[] = {
		[MHP_BLOCK_ABSENT] = "offline",
		[MHP_BLOCK_OFFLINE] = "offline",
		[MHP_BLOCK_GOING_ONLINE] = "offline",
		[MHP_BLOCK_ONLINE] = "online",
		[MHP_BLOCK_GOING_OFFLINE] = "going-offline",
	};

	text_string(t, words[at->block.state]);
	return 0;
}

static int view_state_change(const struct view_at *at,
			     enum mhp_online_type type)
{
	if (type == MHP_ONLINE_OFFLINE)
		return mhp_block_offline(at->m, at->block.id, MHP_NO_DEADLINE,
					 at->report);
	return mhp_block_online(at->m, at->block.id, type, at->report);
}

static int view_state_write(const struct view_at *at, const char *value,
			    size_t n)
{
	enum mhp_online_type type;
	int err = view_parse_online(at, value, n, &type);

	return err ? err : view_state_change(at, type);
}

/* online: that of Linux's device core, 1 until the block really is offline */
static bool view_is_online(const struct view_at *at)
{
	return at->block.state == MHP_BLOCK_ONLINE ||
	       at->block.state == MHP_BLOCK_GOING_OFFLINE;
}

static int view_online_read(const struct view_at *at, struct text *t)
{
	text_char(t, view_is_online(at) ? '1' : '0');
	return 0;
}

/* Other than with state, asking for what is there already succeeds. */
static int view_online_write(const struct view_at *at, const char *value,
			     size_t n)
{
	bool yes;
	int err = view_parse_bool(at, value, n, &yes);

	if (err || yes == (at->block.state == MHP_BLOCK_ONLINE))
		return err;
	return view_state_change(at,
				 yes ? MHP_ONLINE_DEFAULT : MHP_ONLINE_OFFLINE);
}

static int view_zones_read(const struct view_at *at, struct text *t)
{
	enum mhp_zone_type zones[2];
	int nr = mhp_policy_zones(at->m, at->block.id, zones);
	int i;

	if (nr < 0)
		return view_pass(at, nr);
	if (nr == 0)
		text_string(t, "none");
	for (i = 0; i < nr; i++) {
		if (i)
			text_char(t, ' ');
		text_string(t, mhp_zone_name(zones[i]));
	}
	return 0;
}

/* removable: whether this system can take memory offline at all */
static int view_removable_read(const struct view_at *at, struct text *t)
{
	(void)at;
	text_char(t, '1');
	return 0;
}

static int view_phys_index_read(const struct view_at *at, struct text *t)
{
	text_hex(t, at->block.id, 8);
	return 0;
}

static int view_phys_device_read(const struct view_at *at, struct text *t)
{
	(void)at;
	text_char(t, '0');
	return 0;
}

#define VIEW_BLOCK MHP_VIEW_MEMORY "/memory#/"

static const struct view_file view_files[] = {
	{MHP_VIEW_MEMORY "/block_size_bytes", view_block_size_read, NULL},
	{MHP_VIEW_MEMORY "/auto_online_blocks", view_auto_online_read,
	 view_auto_online_write},
	{VIEW_BLOCK "state", view_state_read, view_state_write},
	{VIEW_BLOCK "online", view_online_read, view_online_write},
	{VIEW_BLOCK "valid_zones", view_zones_read, NULL},
	{VIEW_BLOCK "removable", view_removable_read, NULL},
	{VIEW_BLOCK "phys_index", view_phys_index_read, NULL},
	{VIEW_BLOCK "phys_device", view_phys_device_read, NULL},
};

#define VIEW_NR_FILES (sizeof(view_files) / sizeof(view_files[0]))

/*
 * Whether @path is that of a row. A number is decimal and written as Linux
 * writes it, without leading zeros, so that each file has one name.
 */
static bool view_match(const char *pattern, const char *path, uint64_t *number)
{
	while (*pattern) {
		size_t n;

		if (*pattern != '#') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		n = text_parse_decimal(path, text_length(path), number);
		if (n == 0 || (n > 1 && path[0] == '0'))
			return false;
		path += n;
		pattern++;
	}
	return *path == '\0';
}

static bool view_has_number(const char *pattern)
{
	while (*pattern && *pattern != '#')
		pattern++;
	return *pattern == '#';
}

/* Find the file, and the block that its path names: 0 or MHP_ERR_NOENT. */
static int view_open(struct view_at *at, const char *path,
		     const struct view_file **file)
{
	uint64_t number = 0;
	size_t i = 0;

	while (i < VIEW_NR_FILES &&
	       !view_match(view_files[i].path, path, &number))
		i++;
	if (i == VIEW_NR_FILES)
		return view_refuse(at, MHP_ERR_NOENT, MHP_WHY_NO_FILE, NULL);
	*file = &view_files[i];
	if (view_has_number(view_files[i].path) &&
	    mhp_block_query(at->m, number, &at->block))
		return view_refuse(at, MHP_ERR_NOENT, MHP_WHY_NO_BLOCK, NULL);
	return 0;
}

int mhp_view_read(struct mhp *m, const char *path, char *text,
		  size_t size_bytes, struct mhp_report *report)
{
	struct view_at at = {.m = m, .report = report};
	const struct view_file *file;
	struct text t;
	int err = view_open(&at, path, &file);

	if (err)
		return err;
	if (!file->read)
		return view_refuse(&at, MHP_ERR_ACCES, MHP_WHY_READ_ONLY,
				   "it can only be written");
	if (size_bytes == 0)
		return view_refuse(&at, MHP_ERR_NOSPC, MHP_WHY_BUFFER_SMALL,
				   NULL);
	text_init(&t, text, size_bytes);
	err = file->read(&at, &t);
	if (err)
		return err;
	text_char(&t, '\n');
	if (t.length >= size_bytes || t.length > INT32_MAX)
		return view_refuse(&at, MHP_ERR_NOSPC, MHP_WHY_BUFFER_SMALL,
				   NULL);
	return (int)t.length;
}

int mhp_view_write(struct mhp *m, const char *path, const char *value,
		   size_t size_bytes, struct mhp_report *report)
{
	struct view_at at = {.m = m, .report = report};
	const struct view_file *file;
	int err = view_open(&at, path, &file);

	if (err)
		return err;
	if (!file->write)
		return view_refuse(&at, MHP_ERR_ACCES, MHP_WHY_READ_ONLY, NULL);
	if (size_bytes && value[size_bytes - 1] == '\0')
		size_bytes--;
	if (size_bytes && value[size_bytes - 1] == '\n')
		size_bytes--;
	return file->write(&at, value, size_bytes);
}
