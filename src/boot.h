/* SPDX-License-Identifier: MIT */
/*
 * Boot memory: what is there from the start, holes and all.
 *
 * Its memmap and allocator state are carved from the end of a boot range, in
 * pieces that do not cross a block. Boot blocks are online from init on and are
 * never removed; one with holes, or in several zones, never goes offline
 * either.
 */
#ifndef MHP_SRC_BOOT_H
#define MHP_SRC_BOOT_H

#include "engine.h"

/** boot_init() - bring boot memory up. Context: init. Return: 0 or a negative
 * errno value, and then nothing is left. */
int boot_init(struct mhp *m, struct mhp_report *report);

/** boot_fini() - undo it */
void boot_fini(struct mhp *m);

#endif
