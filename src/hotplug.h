/* SPDX-License-Identifier: MIT */
/* What other parts of the engine need of adding and removing. */
#ifndef MHP_SRC_HOTPLUG_H
#define MHP_SRC_HOTPLUG_H

#include "engine.h"

/** range_is_blocks() - whether a range is whole memory blocks */
bool range_is_blocks(const struct mhp *m, struct mhp_range range);

/** remove_check_ranges() - whether ranges are whole blocks, share none and have
 * any. [mutex] Return: 0; MHP_ERR_INVAL; MHP_ERR_NOENT. */
int remove_check_ranges(struct mhp *m, const struct mhp_range *ranges,
			uint32_t nr, struct mhp_report *report);

/** remove_check_hosts() - whether blocks outside @ranges do without those in
 * them. [mutex] Return: 0 or MHP_ERR_BUSY. */
int remove_check_hosts(struct mhp *m, const struct mhp_range *ranges,
		       uint32_t nr, struct mhp_report *report);

/** remove_locked() - mhp_remove_ranges() for a caller that holds the mutex.
 * @ejecting: for the eject that has the blocks; nobody else may remove them */
int remove_locked(struct mhp *m, const struct mhp_range *ranges, uint32_t nr,
		  bool ejecting, struct mhp_report *report);

/** remove_next() - of ranges that share no block, the lowest one that begins at
 * or behind @pfn, or NULL */
const struct mhp_range *remove_next(const struct mhp_range *ranges, uint32_t nr,
				    mhp_pfn_t pfn);

/** hotplug_fini() - forget all added memory, whatever its state */
void hotplug_fini(struct mhp *m);

#endif
