/* SPDX-License-Identifier: MIT */
/*
 * The tree of views, as tables: what view.c and the files of its subtrees
 * share.
 *
 *   view.c            the walk, the directories above the subtrees, the calls
 *   view_memory.c     /sys/devices/system/memory
 *   view_node.c       /sys/devices/system/node
 *   view_proc.c       /proc
 *   view_vmstat.c     the counters of vmstat and zoneinfo
 *   view_param.c      /sys/module/memory_hotplug/parameters
 *   view_firmware.c   /sys/firmware/memory
 *   view_parse.c      what is written, taken apart
 *
 * A directory is a table of entries. An entry whose name ends in '#' stands for
 * many, one for each number that its function next() finds; what the number
 * means is noted in struct view_at while the path is walked. A new file is a
 * row and a function or two.
 *
 * Everything goes through the public interface: a view shows nothing that a
 * caller of the library could not ask for, and decides nothing by itself.
 */
#ifndef MHP_SRC_VIEW_H
#define MHP_SRC_VIEW_H

#include "mhp/mhp.h"
#include "mhp/policy.h"
#include "mhp/view.h"
#include "text.h"

/* Where a path has come to. */
struct view_at {
	struct mhp *m;
	struct mhp_report *report; /* may be NULL */
	uint64_t block_id;	   /* of the last memory# of the path */
	unsigned int node;	   /* of the last node# of the path */
};

/* What the number of a name is. */
enum view_number { VIEW_NO_NUMBER = 0, VIEW_BLOCK, VIEW_NODE };

struct view_dir;

/*
 * An entry is a directory if it has one, a link if it has that too (to a
 * directory of that kind), else a file.
 */
struct view_entry {
	const char *name;
	enum view_number number;
	/* The next number that exists, from *number on; false: none. */
	bool (*next)(const struct view_at *at, uint64_t *number);
	/* Whether it is there in this instance; NULL: always. */
	bool (*present)(const struct view_at *at);
	/* The content; a final newline is added where there is none. */
	int (*read)(const struct view_at *at, struct text *t);
	/* Obey; a final zero and newline are taken away. */
	int (*write)(const struct view_at *at, const char *value, size_t n);
	/* Whether write() is allowed here; NULL: always. */
	bool (*writable)(const struct view_at *at);
	const struct view_dir *dir;
	const char *link; /* where it leads to; its number follows */
};

struct view_dir {
	const struct view_entry *entries;
	uint32_t nr_entries;
	uint32_t file_bytes; /* size that its files report */
};

#define VIEW_SYSFS_BYTES 4096
#define VIEW_PROC_BYTES 0

#define VIEW_DIR(table, file_size)                                \
	{                                                         \
		.entries = (table),                               \
		.nr_entries = sizeof(table) / sizeof((table)[0]), \
		.file_bytes = (file_size)                         \
	}

extern const struct view_dir view_dir_memory;
extern const struct view_dir view_dir_block; /* memory# in there */
extern const struct view_dir view_dir_nodes;
extern const struct view_dir view_dir_node; /* node# in there */
extern const struct view_dir view_dir_proc;
extern const struct view_dir view_dir_param;
extern const struct view_dir view_dir_firmware;

/** view_has_firmware() - whether there is a directory /sys/firmware */
bool view_has_firmware(const struct view_at *at);

/** view_refuse() - report why, and return @err */
int view_refuse(const struct view_at *at, int err, enum mhp_why why,
		const char *detail);

/** view_pass() - the same for a query of the library, which writes no report */
int view_pass(const struct view_at *at, int err);

/** view_parse_word() - which of @nr words it is; else refused with @detail */
int view_parse_word(const struct view_at *at, const char *value, size_t n,
		    const char *const *words, unsigned int nr,
		    const char *detail, unsigned int *which);

/**
 * view_parse_bool() - Linux's idea of a boolean
 *
 * The first letter decides, of "on" and "off" the second one.
 */
int view_parse_bool(const struct view_at *at, const char *value, size_t n,
		    bool *yes);

/** view_parse_number() - a number in Linux's forms, at most @max */
int view_parse_number(const struct view_at *at, const char *value, size_t n,
		      uint64_t max, uint64_t *number);

/** view_is_native() - whether the instance follows no kernel's rules */
bool view_is_native(const struct view_at *at);

/** The words of enum mhp_online_type. */
extern const char *const view_online_words[4];

/** view_parse_online() - one of them */
int view_parse_online(const struct view_at *at, const char *value, size_t n,
		      enum mhp_online_type *type);

/**
 * view_kernel_name() - a name that not every kernel has
 *
 * @name: begins with + if Linux 6.1 has it not, with - if only Linux 6.1 has it
 *
 * Return: the name without that; NULL if the profile's kernel has it not.
 */
const char *view_kernel_name(const struct view_at *at, const char *name);

/** view_zone_items() - the counters of a zone, one on each line
 *
 * @indent: as in zoneinfo, else as in vmstat
 */
void view_zone_items(const struct view_at *at, struct text *t, uint64_t nr_free,
		     bool indent);

/** view_node_items() - the counters of a node, likewise */
void view_node_items(const struct view_at *at, struct text *t, bool indent);

/** view_event_items() - the events of the whole system, as in vmstat */
void view_event_items(const struct view_at *at, struct text *t,
		      const struct mhp_stat *stat);

/* What a node, or all of them, have. */
struct view_sum {
	uint64_t nr_present, nr_managed, nr_free;
};

/** view_sum_node() - add up the zones of a node; 0 or MHP_ERR_DEADLK */
int view_sum_node(const struct view_at *at, unsigned int node,
		  struct view_sum *sum);

/** view_sum_all() - of every node */
int view_sum_all(const struct view_at *at, struct view_sum *sum);

/** view_kb() - pages as KiB */
uint64_t view_kb(const struct view_at *at, uint64_t nr_pages);

#endif
