/* SPDX-License-Identifier: MIT */
/* The checker's look at the table of bad pages. */
#ifndef MHP_SRC_CHECK_BAD_H
#define MHP_SRC_CHECK_BAD_H

#include "engine.h"

/** check_bad() - number of the first broken rule, 0 if all hold; @pfn: where.
 * [mutex] */
uint32_t check_bad(struct mhp *m, mhp_pfn_t *pfn);

#endif
