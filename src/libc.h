/* SPDX-License-Identifier: MIT */
/*
 * The four functions of a C library that the engine needs, and that a compiler
 * may call by itself even in freestanding code.
 */
#ifndef MHP_SRC_LIBC_H
#define MHP_SRC_LIBC_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#endif
