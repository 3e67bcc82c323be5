/* SPDX-License-Identifier: MIT */
/*
 * A value of the demo's cache: what it is, so that nobody has to be believed.
 *
 *   +-----+---------+--------+----------+---------------------------+
 *   | key | version | length | checksum | content, length bytes ... |
 *   +-----+---------+--------+----------+---------------------------+
 *
 * The content follows from key and version. So a value that was mixed up with
 * another, or is an older one, is found out as surely as one that was damaged.
 *
 * What it does not do: know where values are, or lock them.
 */
#ifndef MHP_TOOLS_DEMO_VALUE_H
#define MHP_TOOLS_DEMO_VALUE_H

#include <stdbool.h>
#include <stdint.h>

struct value {
	uint64_t key;
	uint32_t version;  /* how often the key was put */
	uint32_t length;   /* bytes of content */
	uint64_t checksum; /* of all the others and the content */
};

/** What a value is expected to be: all but its content. */
struct value_name {
	uint64_t key;
	uint32_t version;
	uint32_t length;
};

/** Least bytes of content. */
#define VALUE_LENGTH_MIN 256

/** value_room() - most bytes of content in @size_bytes, whole words */
uint32_t value_room(uint64_t size_bytes);

/** value_write() - make a value at @at, aligned to 8 */
void value_write(void *at, const struct value_name *name);

/** value_is() - whether @at holds that value, by its checksum */
bool value_is(const void *at, const struct value_name *name);

/** value_is_exactly() - whether each byte of it is what it should be */
bool value_is_exactly(const void *at, const struct value_name *name);

/** random_next() - a number that looks random; @state is any but 0 */
uint64_t random_next(uint64_t *state);

#endif
