/* SPDX-License-Identifier: MIT */
/* What other parts of the engine need of adding and removing. */
#ifndef MHP_SRC_HOTPLUG_H
#define MHP_SRC_HOTPLUG_H

#include "engine.h"

/** remove_check_range() - whether a range is whole blocks and has any. [mutex]
 * Return: 0; MHP_ERR_INVAL; MHP_ERR_NOENT. */
int remove_check_range(struct mhp *m, struct mhp_range range,
		       struct mhp_report *report);

/** remove_locked() - mhp_remove() for a caller that holds the mutex. @ejecting:
 * for the eject that has the blocks; nobody else may remove them */
int remove_locked(struct mhp *m, struct mhp_range range, bool ejecting,
		  struct mhp_report *report);

/** hotplug_fini() - forget all added memory, whatever its state */
void hotplug_fini(struct mhp *m);

#endif
