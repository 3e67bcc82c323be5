/* SPDX-License-Identifier: MIT */
/* The part of the checker that looks at device ranges. */
#ifndef MHP_SRC_CHECK_DEVICE_H
#define MHP_SRC_CHECK_DEVICE_H

#include "engine.h"

/** check_devices() - whether INV-26 is broken; @pfn receives where. [mutex] */
bool check_devices(struct mhp *m, mhp_pfn_t *pfn);

#endif
