/* SPDX-License-Identifier: MIT */
/* Bounded text; see text.h. */
#include "text.h"
#include "mhp/err.h"

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

static void text_blanks(struct text *t, size_t n, unsigned int width)
{
	for (; n < width; n++)
		text_char(t, ' ');
}

void text_right(struct text *t, uint64_t value, unsigned int width)
{
	uint64_t rest = value / 10;
	unsigned int n = 1;

	for (; rest; rest /= 10)
		n++;
	text_blanks(t, n, width);
	text_decimal(t, value);
}

void text_left(struct text *t, const char *s, unsigned int width)
{
	text_string(t, s);
	text_blanks(t, text_length(s), width);
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

/* The value of a digit, or 16. */
static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	return c >= 'A' && c <= 'F' ? (unsigned int)(c - 'A') + 10 : 16;
}

/* Which base the prefix says, and how long it is. A single 0 is octal too. */
static unsigned int number_base(const char *s, size_t n, size_t *length)
{
	*length = 0;
	if (n < 1 || s[0] != '0')
		return 10;
	if (n < 3 || (s[1] != 'x' && s[1] != 'X') || digit_value(s[2]) > 15)
		return 8;
	*length = 2;
	return 16;
}

int text_parse_number(const char *s, size_t n, uint64_t max, uint64_t *value)
{
	size_t plus = n && s[0] == '+', i;
	unsigned int base = number_base(s + plus, n - plus, &i);
	size_t first = i += plus;
	bool fits = true;
	uint64_t v = 0;

	for (; i < n && digit_value(s[i]) < base; i++) {
		fits = fits && v <= (UINT64_MAX - digit_value(s[i])) / base;
		v = v * base + digit_value(s[i]);
	}
	if (!fits)
		return MHP_ERR_RANGE;
	if (i == first || i < n)
		return MHP_ERR_INVAL;
	if (v > max)
		return MHP_ERR_RANGE;
	*value = v;
	return 0;
}
