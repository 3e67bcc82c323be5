/* SPDX-License-Identifier: MIT */
/*
 * Bounded text, without a libc: a builder that counts what did not fit, and a
 * few parsers. Nothing here allocates or fails; a builder that overflows keeps
 * a terminated prefix and the full length.
 */
#ifndef MHP_SRC_TEXT_H
#define MHP_SRC_TEXT_H

#include "mhp/types.h"

struct text {
	char *start;
	size_t size_bytes; /* room, terminator included; at least 1 */
	size_t length;	   /* wanted so far, may exceed the room */
};

/** text_init() - an empty text in @start */
void text_init(struct text *t, char *start, size_t size_bytes);

/** text_char() - append one character */
void text_char(struct text *t, char c);

/** text_string() - append a string */
void text_string(struct text *t, const char *s);

/** text_decimal() - append a number */
void text_decimal(struct text *t, uint64_t value);

/** text_right() - append a number, right-aligned in @width columns */
void text_right(struct text *t, uint64_t value, unsigned int width);

/** text_left() - append a string, filled with blanks to @width columns */
void text_left(struct text *t, const char *s, unsigned int width);

/** text_hex() - append a number in lower-case hex, at least @min_digits long */
void text_hex(struct text *t, uint64_t value, unsigned int min_digits);

/** text_length() - length of a string */
size_t text_length(const char *s);

/** text_equal() - whether @n characters at @a are the string @b */
bool text_equal(const char *a, size_t n, const char *b);

/** text_copy() - copy a string into a fixed field, cut and terminated */
void text_copy(char *to, size_t size_bytes, const char *from);

/**
 * text_parse_decimal() - read a decimal number
 *
 * Return: number of characters read, 0 if none or if it does not fit.
 */
size_t text_parse_decimal(const char *s, size_t n, uint64_t *value);

/**
 * text_parse_number() - read a whole text as a number, as Linux does
 *
 * Decimal; with a leading 0 octal, with 0x hex; one leading + is allowed.
 *
 * @max: largest number that is wanted
 * @value: receives it; untouched on failure
 *
 * Return: 0; MHP_ERR_INVAL (no number, or something behind it); MHP_ERR_RANGE
 *   (larger than @max).
 */
int text_parse_number(const char *s, size_t n, uint64_t max, uint64_t *value);

#endif
