/* SPDX-License-Identifier: MIT */
/*
 * Scenarios: lines of words, read one at a time and checked completely before
 * anything is done with them.
 *
 *   plug d0 size=128M node=1    # comment
 *   verb word option   option
 *
 * What is wrong with a line is said on standard error, as FILE:LINE: what is
 * wrong; what would be right. The reader knows the grammar of each command, but
 * not what a command does.
 */
#ifndef MHP_TOOLS_SCENARIO_H
#define MHP_TOOLS_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a line asks for. */
enum scenario_verb {
	SCENARIO_MACHINE = 0,
	SCENARIO_PLUG,
	SCENARIO_UNPLUG,
	SCENARIO_DAX,
	SCENARIO_BIND,
	SCENARIO_UNBIND,
	SCENARIO_PMEM,
	SCENARIO_UNPMEM,
	SCENARIO_LMB,
	SCENARIO_LMB_ADD,
	SCENARIO_LMB_REMOVE,
	SCENARIO_STANDBY,
	SCENARIO_CONFIGURE,
	SCENARIO_DECONFIGURE,
	SCENARIO_VMEM,
	SCENARIO_VMEM_REQUEST,
	SCENARIO_VMEM_REMOVE,
	SCENARIO_BALLOON,
	SCENARIO_BALLOON_BACK,
	SCENARIO_BALLOON_INFLATE,
	SCENARIO_BALLOON_DEFLATE,
	SCENARIO_BALLOON_REMOVE,
	SCENARIO_MOVE_MEMMAP,
	SCENARIO_EVICT_MEMMAPS,
	SCENARIO_WRITE,
	SCENARIO_CAT,
	SCENARIO_HUGE,
	SCENARIO_SPLIT,
	SCENARIO_FILL,
	SCENARIO_PIN,
	SCENARIO_UNPIN,
	SCENARIO_VERIFY,
	SCENARIO_DROP,
	SCENARIO_CHECK,
	SCENARIO_SNAPSHOT,
	SCENARIO_NR_VERBS,
};

/** Options of all commands; values are numbers or indices of choices. */
enum scenario_option {
	OPTION_BOOT = 0,
	OPTION_NODES,
	OPTION_GEOMETRY,      /* in machine_geometry_names */
	OPTION_DESCRIPTOR,    /* 0: that of the profile */
	OPTION_MEMMAP,	      /* enum scenario_memmap */
	OPTION_AUTO_ONLINE,   /* enum mhp_online_type */
	OPTION_ONLINE_POLICY, /* enum mhp_online_policy */
	OPTION_RATIO,
	OPTION_MOVABLE_NODE,
	OPTION_SPAN,
	OPTION_SIZE,
	OPTION_NODE, /* SCENARIO_NONE: not given */
	OPTION_ADDR, /* SCENARIO_NONE: not given */
	OPTION_COUNT,
	OPTION_BLOCK,
	OPTION_DEVICE_MEMMAP, /* enum device_memmap */
	OPTION_BLOCK_SIZE,
	OPTION_MODE, /* enum mhp_virtio_mem_mode */
	OPTION_BACKED,
	OPTION_PMEM_MEMMAP, /* enum pmem_memmap */
	OPTION_RESERVE,
	OPTION_TO, /* enum memmap_target */
	OPTION_LEND,
	SCENARIO_NR_OPTIONS,
};

/** Value of an option that was not given and has no default. */
#define SCENARIO_NONE UINT64_MAX

/** Choices of memmap_on_memory. */
enum scenario_memmap {
	SCENARIO_MEMMAP_OFF = 0,
	SCENARIO_MEMMAP_ON,
	SCENARIO_MEMMAP_FORCE,
	SCENARIO_MEMMAP_RANGE,
	SCENARIO_MEMMAP_AUTO,
};

/** Most words of a command that are no options. */
#define SCENARIO_MAX_WORDS 2

/**
 * struct scenario_line - one command, checked
 *
 * The strings are the reader's, until the next line is read.
 */
struct scenario_line {
	unsigned int number; /* in the file, from 1 on */
	const char *text;    /* as written, without comment and outer blanks */
	enum scenario_verb verb;
	const char *words[SCENARIO_MAX_WORDS]; /* NULL: not given */
	uint64_t options[SCENARIO_NR_OPTIONS];
};

struct scenario;

/**
 * scenario_open() - start reading
 *
 * @path: a file; "-" is standard input
 *
 * Return: the reader; NULL, and why on standard error.
 */
struct scenario *scenario_open(const char *path);

void scenario_close(struct scenario *s);

/**
 * scenario_next() - read one command
 *
 * @line: receives it
 *
 * Return: 1; 0 at the end; -1 if a line is wrong, and why on standard error.
 */
int scenario_next(struct scenario *s, struct scenario_line *line);

/**
 * scenario_wrong() - say what is wrong with the line that was just read
 *
 * Return: -1, to be returned on.
 */
int scenario_wrong(const struct scenario *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
