/* SPDX-License-Identifier: MIT */
/* Bounded text; see text.h. */
#include "text.h"

void text_init(struct text *t, char *start, size_t size_bytes)
{
	t->start = start;
	t->size_bytes = size_bytes;
	t->length = 0;
	start[0] = '\0';
}

void text_char(struct text *t, char c)
{
	if (t->length + 1 < t->size_bytes) {
		t->start[t->length] = c;
		t->start[t->length + 1] = '\0';
	}
	t->length++;
}

void text_string(struct text *t, const char *s)
{
	while (*s)
		text_char(t, *s++);
}

static void text_digits(struct text *t, uint64_t value, unsigned int base,
			unsigned int min_digits)
{
	char digits[20];
	unsigned int n = 0;

	while (value || n < min_digits || n == 0) {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	}
	while (n)
		text_char(t, digits[--n]);
}

void text_decimal(struct text *t, uint64_t value)
{
	text_digits(t, value, 10, 1);
}

void text_hex(struct text *t, uint64_t value, unsigned int min_digits)
{
	text_digits(t, value, 16, min_digits);
}

size_t text_length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool text_equal(const char *a, size_t n, const char *b)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (a[i] != b[i] || !b[i])
			return false;
	return b[n] == '\0';
}

void text_copy(char *to, size_t size_bytes, const char *from)
{
	size_t i = 0;

	for (; from[i] && i + 1 < size_bytes; i++)
		to[i] = from[i];
	to[i] = '\0';
}

size_t text_parse_decimal(const char *s, size_t n, uint64_t *value)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
		unsigned int digit = (unsigned int)(s[i] - '0');

		if (v > (UINT64_MAX - digit) / 10)
			return 0;
		v = v * 10 + digit;
	}
	if (i)
		*value = v;
	return i;
}
