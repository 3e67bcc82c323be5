/* SPDX-License-Identifier: MIT */
/*
 * Memory that the system has for this process.
 */
#ifndef MHP_TOOLS_AVAILABLE_H
#define MHP_TOOLS_AVAILABLE_H

#include <stdbool.h>
#include <stdint.h>

/** available_bytes() - how much it is; UINT64_MAX if the system does not say */
uint64_t available_bytes(void);

/** struct available - what is known of it; zero at first */
struct available {
	uint64_t known_bytes; /* there, and not looked for again */
	uint64_t keep_bytes;  /* left to others */
};

/** available_take() - whether so much more can be written without anybody being
 * killed for it */
bool available_take(struct available *a, uint64_t size_bytes);

#endif
