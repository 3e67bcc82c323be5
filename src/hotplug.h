/* SPDX-License-Identifier: MIT */
/* What the end of an instance needs of adding and removing. */
#ifndef MHP_SRC_HOTPLUG_H
#define MHP_SRC_HOTPLUG_H

#include "engine.h"

/** hotplug_fini() - forget all added memory, whatever its state */
void hotplug_fini(struct mhp *m);

#endif
