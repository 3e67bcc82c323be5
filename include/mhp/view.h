/* SPDX-License-Identifier: MIT */
/*
 * Views: the state of an instance as Linux's files, to read and to write.
 *
 * A path is absolute ("/sys/devices/system/memory/memory32/state"). The texts
 * and the errors are those of the kernel's files. Every front end (the tool's
 * cat and write, a mounted file system, a console) goes through here.
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
 * Return: length of the content; MHP_ERR_NOENT (no such file); MHP_ERR_ACCES
 *   (write-only); MHP_ERR_NOSPC (@text is too small).
 */
MHP_MUST_CHECK MHP_API int mhp_view_read(struct mhp *m, const char *path,
					 char *text, size_t size_bytes,
					 struct mhp_report *report);

/**
 * mhp_view_write() - write to a file
 *
 * @path: absolute
 * @value: what is written; a final newline or zero is ignored
 * @size_bytes: of @value
 * @report: optional
 *
 * Context: that of what the file does: may offline a block.
 * Return: 0; MHP_ERR_NOENT (no such file); MHP_ERR_ACCES (read-only);
 *   MHP_ERR_INVAL (unknown word, or the state it has already); or the error of
 *   the operation.
 */
MHP_MUST_CHECK MHP_API int mhp_view_write(struct mhp *m, const char *path,
					  const char *value, size_t size_bytes,
					  struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
