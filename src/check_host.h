/* SPDX-License-Identifier: MIT */
/* The checker's part that looks at hosts and dependents: INV-28. */
#ifndef MHP_SRC_CHECK_HOST_H
#define MHP_SRC_CHECK_HOST_H

#include "engine.h"

/** check_host_pages() - pages of a block of a range that should hold memmap or
 * state. [mutex] */
uint64_t check_host_pages(const struct mhp *m, const struct mhp_block *blk);

/** check_host() - whether a block that has its memmap in a range's agrees with
 * its hosts. [mutex] */
bool check_host(struct mhp *m, const struct mhp_block *blk);

#endif
