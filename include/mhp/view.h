/* SPDX-License-Identifier: MIT */
/*
 * Views: the state of an instance as Linux's files, to read and to write.
 *
 * A path is absolute ("/sys/devices/system/memory/memory32/state") and has one
 * form: no "..", no double slash, numbers without leading zeros. The texts and
 * the errors are those of the kernel's files. Every front end (the tool's cat
 * and write, a mounted file system, a console) goes through here.
 *
 * docs/SPEC.md has the table of all files.
 */
#ifndef MHP_VIEW_H
#define MHP_VIEW_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/** Where relative paths of the tool begin. */
#define MHP_VIEW_MEMORY "/sys/devices/system/memory"

/**
 * mhp_view_read() - the content of a file
 *
 * @path: absolute
 * @text: receives the content, final newline included, always terminated
 * @size_bytes: room in @text
 * @report: optional
 *
 * Context: takes the mutex; may sleep.
 * Return: length of the content; MHP_ERR_NOENT (no such file); MHP_ERR_NOTDIR
 *   (a file where a directory must be); MHP_ERR_ISDIR (a directory, or a link
 *   to one); MHP_ERR_ACCES (write-only); MHP_ERR_NOSPC (@text is too small);
 *   MHP_ERR_DEADLK (from a callback, and the file needs the mutex).
 */
MHP_MUST_CHECK MHP_API int mhp_view_read(struct mhp *m, const char *path,
					 char *text, size_t size_bytes,
					 struct mhp_report *report);

/**
 * mhp_view_write() - write to a file
 *
 * @path: absolute
 * @value: what is written, at most 4096 bytes; a final newline or zero is
 *   ignored, also one behind the other
 * @size_bytes: of @value
 * @report: optional
 *
 * Context: that of what the file does: may offline a block.
 * Return: 0; MHP_ERR_NOENT (no such file); MHP_ERR_NOTDIR (a file where a
 *   directory must be); MHP_ERR_ISDIR (a directory);
 *   MHP_ERR_ACCES (read-only); MHP_ERR_INVAL (not what the file takes, too
 *   long, or the state it has already); MHP_ERR_RANGE (a number that is too
 *   large); or the error of the operation. What was wrong changes nothing.
 */
MHP_MUST_CHECK MHP_API int mhp_view_write(struct mhp *m, const char *path,
					  const char *value, size_t size_bytes,
					  struct mhp_report *report);

/** What an entry of a directory is. */
enum mhp_view_kind {
	MHP_VIEW_FILE = 0,
	MHP_VIEW_DIRECTORY,
	MHP_VIEW_LINK, /* to a directory */
};

/** Longest name, and longest target of a link, with their zeros. */
#define MHP_VIEW_NAME_MAX 32
#define MHP_VIEW_TARGET_MAX 64

/**
 * struct mhp_view_entry - a file, a directory or a link
 */
struct mhp_view_entry {
	char name[MHP_VIEW_NAME_MAX];	  /* without its directory; "" is "/" */
	char target[MHP_VIEW_TARGET_MAX]; /* of a link: a relative path */
	enum mhp_view_kind kind;
	uint16_t mode;	     /* permissions as in chmod: 0444, 0644, 0200 */
	uint32_t size_bytes; /* what stat says, not the length of the text */
};

/**
 * mhp_view_stat() - what a path is
 *
 * @path: absolute; a link is described itself, with a slash behind it the
 *   directory it leads to
 * @entry: receives the answer; untouched on failure
 *
 * Context: any but NMI.
 * Return: 0; MHP_ERR_NOENT; MHP_ERR_NOTDIR (a file where a directory must be).
 */
MHP_MUST_CHECK MHP_API int mhp_view_stat(struct mhp *m, const char *path,
					 struct mhp_view_entry *entry);

/**
 * mhp_view_list() - the next entry of a directory
 *
 * What comes or goes between the calls is seen or not; what stays is seen once.
 *
 * @path: of a directory, or a link to one
 * @cursor: 0 for the first entry; moves on
 * @entry: receives the entry, if there is one
 *
 * Context: any but NMI.
 * Return: 1; 0 (there are no more); MHP_ERR_NOENT (no such directory);
 *   MHP_ERR_NOTDIR (a file).
 */
MHP_MUST_CHECK MHP_API int mhp_view_list(struct mhp *m, const char *path,
					 uint64_t *cursor,
					 struct mhp_view_entry *entry);

/**
 * struct mhp_view_firmware - memory blocks that can be configured
 *
 * What a driver of standby memory shows below /sys/firmware/memory: a directory
 * for each of its blocks, whether the block is known or not, with the files
 * config and memmap_on_memory. Without a driver, and outside of its blocks,
 * there is one for each block that is known; configuring it is not possible,
 * and deconfiguring removes it.
 *
 * Owned by the driver, as long as it is set. Context of the functions: as
 * mhp_view_read() and mhp_view_write().
 */
struct mhp_view_firmware {
	uint64_t first_block; /* index in blocks */
	uint64_t nr_blocks;
	/** @configured: whether a block is known, as the driver sees it */
	bool (*configured)(void *ctx, uint64_t block_id);
	/** @configure: make it known (@on) or not; only if it is not so.
	 * Return: 0, or a negative errno value with @report. */
	int (*configure)(void *ctx, struct mhp *m, uint64_t block_id, bool on,
			 struct mhp_report *report);
	/** @memmap: whether it carries its own memmap once it is known */
	bool (*memmap)(void *ctx, uint64_t block_id);
	/** @set_memmap: whether it shall. Return: as configure. */
	int (*set_memmap)(void *ctx, struct mhp *m, uint64_t block_id, bool on,
			  struct mhp_report *report);
	void *ctx; /* passed to all of them */
};

/**
 * mhp_view_set_firmware() - show a driver's blocks below /sys/firmware/memory
 *
 * @firmware: what to show, all functions set; NULL: nothing any more. Nobody
 *   uses a view below there at that time.
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_BUSY (another driver's are shown; still are);
 *   MHP_ERR_INVAL (no blocks, or a function is missing); MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int
mhp_view_set_firmware(struct mhp *m, struct mhp_view_firmware *firmware);

#ifdef __cplusplus
}
#endif

#endif
