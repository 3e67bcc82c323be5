/* SPDX-License-Identifier: MIT */
/*
 * Views: Linux's files of memory hotplug. The walk from a path to an entry of
 * the tables, the directories above the subtrees, and the public calls.
 *
 * Each file has one path: numbers without leading zeros, single slashes, no
 * "..". A link stands for the directory it leads to when a path goes through
 * it.
 */
#include "view.h"

static const struct view_entry view_system_entries[] = {
	{.name = "memory", .dir = &view_dir_memory},
	{.name = "node", .dir = &view_dir_nodes},
};
static const struct view_dir view_dir_system = VIEW_DIR(view_system_entries,
							VIEW_SYSFS_BYTES);

static const struct view_entry view_devices_entries[] = {
	{.name = "system", .dir = &view_dir_system},
};
static const struct view_dir view_dir_devices = VIEW_DIR(view_devices_entries,
							 VIEW_SYSFS_BYTES);

static const struct view_entry view_hotplug_entries[] = {
	{.name = "parameters", .dir = &view_dir_param},
};
static const struct view_dir view_dir_hotplug = VIEW_DIR(view_hotplug_entries,
							 VIEW_SYSFS_BYTES);

static const struct view_entry view_module_entries[] = {
	{.name = "memory_hotplug", .dir = &view_dir_hotplug},
};
static const struct view_dir view_dir_module = VIEW_DIR(view_module_entries,
							VIEW_SYSFS_BYTES);

static const struct view_entry view_sys_entries[] = {
	{.name = "devices", .dir = &view_dir_devices},
	{.name = "firmware",
	 .present = view_has_firmware,
	 .dir = &view_dir_firmware},
	{.name = "module", .dir = &view_dir_module},
};
static const struct view_dir view_dir_sys = VIEW_DIR(view_sys_entries,
						     VIEW_SYSFS_BYTES);

static const struct view_entry view_root_entries[] = {
	{.name = "proc", .dir = &view_dir_proc},
	{.name = "sys", .dir = &view_dir_sys},
};
static const struct view_dir view_dir_root = VIEW_DIR(view_root_entries,
						      VIEW_SYSFS_BYTES);

static const struct view_entry view_root = {.name = "", .dir = &view_dir_root};

/* What a path leads to. */
struct view_found {
	const struct view_entry *entry;
	const struct view_dir *in; /* the directory that it stands in */
	uint64_t number;	   /* in its name */
	bool through; /* the path goes on behind it, with a slash */
};

/* Whether the @n characters at @name are the name of an entry. */
static bool view_match(const struct view_entry *entry, const char *name,
		       size_t n, uint64_t *number)
{
	const char *pattern = entry->name;
	size_t digits;

	if (!entry->number)
		return text_equal(name, n, pattern);
	for (; *pattern != '#'; pattern++, name++, n--)
		if (!n || *name != *pattern)
			return false;
	digits = text_parse_decimal(name, n, number);
	return digits && digits == n && (n == 1 || name[0] != '0');
}

static void view_note(struct view_at *at, const struct view_entry *entry,
		      uint64_t number)
{
	if (entry->number == VIEW_BLOCK)
		at->block_id = number;
	if (entry->number == VIEW_NODE)
		at->node = (unsigned int)number;
}

static bool view_exists(const struct view_at *at,
			const struct view_entry *entry, uint64_t number)
{
	uint64_t next = number;

	if (entry->present && !entry->present(at))
		return false;
	return !entry->number || (entry->next(at, &next) && next == number);
}

/* Go to the entry of a directory that has this name. */
static int view_enter(struct view_at *at, struct view_found *f,
		      const char *name, size_t n)
{
	const struct view_dir *dir = f->entry->dir;
	enum mhp_why why = MHP_WHY_NO_FILE;
	uint32_t i;

	if (!dir)
		return view_refuse(at, MHP_ERR_NOTDIR, MHP_WHY_NO_FILE, NULL);
	for (i = 0; i < dir->nr_entries; i++) {
		f->entry = &dir->entries[i];
		f->in = dir;
		f->number = 0;
		if (!view_match(f->entry, name, n, &f->number))
			continue;
		if (view_exists(at, f->entry, f->number)) {
			view_note(at, f->entry, f->number);
			return 0;
		}
		if (f->entry->number)
			why = f->entry->number == VIEW_BLOCK ? MHP_WHY_NO_BLOCK
							     : MHP_WHY_BAD_NODE;
	}
	return view_refuse(at, MHP_ERR_NOENT, why, NULL);
}

/* Walk along a path: 0, MHP_ERR_NOENT or MHP_ERR_NOTDIR. */
static int view_walk(struct view_at *at, const char *path, struct view_found *f)
{
	*f = (struct view_found){.entry = &view_root, .in = &view_dir_root};
	if (*path != '/')
		return view_refuse(at, MHP_ERR_NOENT, MHP_WHY_NO_FILE, NULL);
	while (*path == '/' && path[1]) {
		size_t n = 0;
		int err;

		path++;
		while (path[n] && path[n] != '/')
			n++;
		err = view_enter(at, f, path, n);
		if (err)
			return err;
		path += n;
	}
	f->through = *path == '/';
	if (f->through && !f->entry->dir)
		return view_refuse(at, MHP_ERR_NOTDIR, MHP_WHY_NO_FILE, NULL);
	return 0;
}

/* The same for a path that must be that of a file. */
static int view_open(struct view_at *at, const char *path,
		     const struct view_entry **file)
{
	struct view_found f;
	int err = view_walk(at, path, &f);

	if (err)
		return err;
	if (f.entry->dir)
		return view_refuse(at, MHP_ERR_ISDIR, MHP_WHY_DIRECTORY, NULL);
	*file = f.entry;
	return 0;
}

int mhp_view_read(struct mhp *m, const char *path, char *text,
		  size_t size_bytes, struct mhp_report *report)
{
	struct view_at at = {.m = m, .report = report};
	const struct view_entry *file = NULL;
	struct text t;
	int err = view_open(&at, path, &file);

	if (err)
		return err;
	if (!file->read)
		return view_refuse(&at, MHP_ERR_ACCES, MHP_WHY_WRITE_ONLY,
				   NULL);
	if (size_bytes == 0)
		return view_refuse(&at, MHP_ERR_NOSPC, MHP_WHY_BUFFER_SMALL,
				   NULL);
	text_init(&t, text, size_bytes);
	err = file->read(&at, &t);
	if (err)
		return err;
	if (!t.length || t.length >= size_bytes || text[t.length - 1] != '\n')
		text_char(&t, '\n');
	if (t.length >= size_bytes || t.length > INT32_MAX)
		return view_refuse(&at, MHP_ERR_NOSPC, MHP_WHY_BUFFER_SMALL,
				   NULL);
	return (int)t.length;
}

bool view_is_native(const struct view_at *at)
{
	return mhp_profile(at->m) == MHP_PROFILE_NATIVE;
}

static bool view_is_writable(const struct view_at *at,
			     const struct view_entry *file)
{
	return file->write && (!file->writable || file->writable(at));
}

int mhp_view_write(struct mhp *m, const char *path, const char *value,
		   size_t size_bytes, struct mhp_report *report)
{
	struct view_at at = {.m = m, .report = report};
	const struct view_entry *file = NULL;
	int err = view_open(&at, path, &file);

	if (err)
		return err;
	if (!view_is_writable(&at, file))
		return view_refuse(&at, MHP_ERR_ACCES, MHP_WHY_READ_ONLY, NULL);
	if (size_bytes > VIEW_SYSFS_BYTES)
		return view_refuse(&at, MHP_ERR_INVAL, MHP_WHY_BAD_TYPE,
				   "expected at most 4096 bytes");
	if (size_bytes && value[size_bytes - 1] == '\0')
		size_bytes--;
	if (size_bytes && value[size_bytes - 1] == '\n')
		size_bytes--;
	return file->write(&at, value, size_bytes);
}

/* "memory#" and 8 to "memory8" */
static void view_name(struct text *t, const struct view_entry *entry,
		      uint64_t number)
{
	const char *name = entry->name;

	for (; *name && *name != '#'; name++)
		text_char(t, *name);
	if (entry->number)
		text_decimal(t, number);
}

static void view_describe(const struct view_at *at, const struct view_found *f,
			  struct mhp_view_entry *out)
{
	const struct view_entry *entry = f->entry;
	struct text t;

	*out = (struct mhp_view_entry){.kind = MHP_VIEW_FILE};
	text_init(&t, out->name, sizeof(out->name));
	view_name(&t, entry, f->number);
	if (entry->link && !f->through) {
		out->kind = MHP_VIEW_LINK;
		out->mode = 0777;
		text_init(&t, out->target, sizeof(out->target));
		text_string(&t, entry->link);
		text_decimal(&t, f->number);
	} else if (entry->dir) {
		out->kind = MHP_VIEW_DIRECTORY;
		out->mode = 0755;
	} else {
		out->mode = entry->read ? 0444 : 0;
		out->mode |= view_is_writable(at, entry) ? 0200 : 0;
		out->size_bytes = f->in->file_bytes;
	}
}

int mhp_view_stat(struct mhp *m, const char *path, struct mhp_view_entry *entry)
{
	struct view_at at = {.m = m};
	struct view_found f;
	int err = view_walk(&at, path, &f);

	if (!err)
		view_describe(&at, &f, entry);
	return err;
}

/* A cursor is the row that comes next, and the number to look from. */
#define VIEW_CURSOR_SHIFT 56
#define VIEW_CURSOR_NUMBER ((UINT64_C(1) << VIEW_CURSOR_SHIFT) - 1)

/* The first entry that exists, from a cursor on; the cursor goes behind it. */
static bool view_next(const struct view_at *at, const struct view_dir *dir,
		      uint64_t *cursor, struct view_found *f)
{
	uint64_t row = *cursor >> VIEW_CURSOR_SHIFT;
	uint64_t number = *cursor & VIEW_CURSOR_NUMBER;

	for (; row < dir->nr_entries; row++, number = 0) {
		const struct view_entry *entry = &dir->entries[row];

		if (entry->present && !entry->present(at))
			continue;
		if (entry->number && !entry->next(at, &number))
			continue;
		*f = (struct view_found){entry, dir, number, false};
		if (entry->number)
			*cursor = row << VIEW_CURSOR_SHIFT | (number + 1);
		else
			*cursor = (row + 1) << VIEW_CURSOR_SHIFT;
		return true;
	}
	return false;
}

int mhp_view_list(struct mhp *m, const char *path, uint64_t *cursor,
		  struct mhp_view_entry *entry)
{
	struct view_at at = {.m = m};
	struct view_found f;
	int err = view_walk(&at, path, &f);

	if (err)
		return err;
	if (!f.entry->dir)
		return MHP_ERR_NOTDIR;
	if (!view_next(&at, f.entry->dir, cursor, &f))
		return 0;
	view_note(&at, f.entry, f.number);
	view_describe(&at, &f, entry);
	return 1;
}
