/* SPDX-License-Identifier: MIT */
/* Sizes as people write them; see size.h. */
#include "size.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char size_suffixes[] = "KMGT";

/* Shift of a suffix, 0 of none, -1 of one that is not known. */
static int size_shift(const char *suffix)
{
	const char *found;

	if (*suffix == '\0')
		return 0;
	found = strchr(size_suffixes, toupper((unsigned char)*suffix));
	if (!found || suffix[1] != '\0')
		return -1;
	return 10 * (int)(found - size_suffixes + 1);
}

bool size_parse(const char *text, uint64_t *size_bytes)
{
	bool hex = strncasecmp(text, "0x", 2) == 0;
	unsigned long long value;
	char *end;
	int shift;

	/* strtoull() would skip blanks and take signs. */
	if (hex ? !isxdigit((unsigned char)text[2])
		: !isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	value = strtoull(text, &end, hex ? 16 : 10);
	shift = size_shift(end);
	if (errno || shift < 0 || value > UINT64_MAX >> shift)
		return false;
	*size_bytes = (uint64_t)value << shift;
	return true;
}

void size_print(uint64_t size_bytes, char text[SIZE_TEXT_MAX])
{
	unsigned int i = 0;

	while (size_bytes && size_bytes % 1024 == 0 && i < 4) {
		size_bytes /= 1024;
		i++;
	}
	if (i)
		snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 "%c", size_bytes,
			 size_suffixes[i - 1]);
	else
		snprintf(text, SIZE_TEXT_MAX, "%" PRIu64, size_bytes);
}
