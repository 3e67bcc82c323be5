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

/**
 * available_take() - whether so much can be written without anybody being
 * killed for it
 *
 * @known_bytes: what is known to be there of what was asked for before; 0 at
 *   first
 */
bool available_take(uint64_t *known_bytes, uint64_t size_bytes);

#endif
