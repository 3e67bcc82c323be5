/* SPDX-License-Identifier: MIT */
/* Sums that the checker recomputes. */
#ifndef MHP_SRC_STAT_H
#define MHP_SRC_STAT_H

#include "engine.h"

/** stat_record_bytes() - existing memory that block records take. [mutex] */
uint64_t stat_record_bytes(const struct mhp *m);

#endif
