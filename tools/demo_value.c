/* SPDX-License-Identifier: MIT */
/* Values that prove themselves; see demo_value.h. */
#include "demo_value.h"

#include <stddef.h>

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)
#define PRIME UINT64_C(0xff51afd7ed558ccd)
/* Chains of the checksum that do not wait for each other. */
#define NR_LANES 4

uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

uint32_t value_room(uint64_t size_bytes)
{
	return (uint32_t)(size_bytes - sizeof(struct value));
}

static size_t value_nr_words(uint32_t length)
{
	return (length + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

static uint64_t value_seed(const struct value_name *name)
{
	return (name->key + 1) * PRIME ^ name->version * GOLDEN ^ name->length;
}

static uint64_t value_word(uint64_t seed, size_t i)
{
	uint64_t word = (seed + i) * GOLDEN;

	return word ^ word >> 31;
}

static uint64_t value_checksum(const uint64_t *words, size_t nr, uint64_t seed)
{
	uint64_t lanes[NR_LANES] = {seed, ~seed, seed * PRIME, seed + GOLDEN};
	size_t i;

	for (i = 0; i + NR_LANES <= nr; i += NR_LANES) {
		lanes[0] = (lanes[0] ^ words[i]) * PRIME;
		lanes[1] = (lanes[1] ^ words[i + 1]) * PRIME;
		lanes[2] = (lanes[2] ^ words[i + 2]) * PRIME;
		lanes[3] = (lanes[3] ^ words[i + 3]) * PRIME;
	}
	for (; i < nr; i++)
		lanes[0] = (lanes[0] ^ words[i]) * PRIME;
	for (i = 1; i < NR_LANES; i++)
		lanes[0] = (lanes[0] ^ lanes[i] >> 32 ^ lanes[i]) * PRIME;
	return lanes[0] ^ lanes[0] >> 32;
}

void value_write(void *at, const struct value_name *name)
{
	size_t nr = value_nr_words(name->length);
	uint64_t seed = value_seed(name);
	struct value *value = at;
	uint64_t *words = (uint64_t *)(value + 1);
	size_t i;

	for (i = 0; i < nr; i++)
		words[i] = value_word(seed, i);
	value->key = name->key;
	value->version = name->version;
	value->length = name->length;
	value->checksum = value_checksum(words, nr, seed);
}

/* The header first: a length that is not true must not be walked. */
static bool value_has_name(const struct value *value,
			   const struct value_name *name)
{
	return value->key == name->key && value->version == name->version &&
	       value->length == name->length;
}

bool value_is(const void *at, const struct value_name *name)
{
	const struct value *value = at;

	return value_has_name(value, name) &&
	       value->checksum == value_checksum((const uint64_t *)(value + 1),
						 value_nr_words(name->length),
						 value_seed(name));
}

bool value_is_exactly(const void *at, const struct value_name *name)
{
	const struct value *value = at;
	const uint64_t *words = (const uint64_t *)(value + 1);
	size_t nr = value_nr_words(name->length);
	uint64_t seed = value_seed(name);
	size_t i;

	if (!value_is(at, name))
		return false;
	for (i = 0; i < nr; i++)
		if (words[i] != value_word(seed, i))
			return false;
	return true;
}
