/* SPDX-License-Identifier: MIT */
/*
 * Sizes as people write them: digits, or 0x and hex digits, and an optional K,
 * M, G or T for a power of 1024. No fractions, no signs.
 */
#ifndef MHP_TOOLS_SIZE_H
#define MHP_TOOLS_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What is right, for an error message. */
#define SIZE_EXPECTED "digits with an optional K, M, G or T"

/** size_parse() - read a size; false if it is none or exceeds 64 bits */
bool size_parse(const char *text, uint64_t *size_bytes);

/** Room that size_print() needs. */
#define SIZE_TEXT_MAX 32

/** size_print() - write a size with the largest suffix that keeps it whole */
void size_print(uint64_t size_bytes, char text[SIZE_TEXT_MAX]);

#endif
