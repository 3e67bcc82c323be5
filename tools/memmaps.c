/* SPDX-License-Identifier: MIT */
/* Memmaps that move. */
#include <stdio.h>

#include "machine.h"
#include "mhp/move.h"

static enum mhp_placement memmap_placement(enum memmap_target to)
{
	return to == MEMMAP_TO_BLOCK ? MHP_PLACEMENT_BLOCK
				     : MHP_PLACEMENT_EXISTING;
}

static uint64_t memmaps_moved(struct machine *machine)
{
	struct mhp_stat stat = {0};

	/* It fails only for want of the mutex. */
	(void)!mhp_stat_read(machine->mhp, &stat);
	return stat.nr_memmaps_moved;
}

int machine_move_memmap(struct machine *machine, uint64_t block_id,
			enum memmap_target to, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	int err = mhp_memmap_move(machine->mhp, block_id, memmap_placement(to),
				  MHP_NO_DEADLINE, &report);

	return err ? machine_report(machine, err, &report, o) : 0;
}

int machine_evict_memmaps(struct machine *machine, uint64_t block_id,
			  enum memmap_target to, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	uint64_t before = memmaps_moved(machine);
	int err = mhp_memmap_evict(machine->mhp, block_id, memmap_placement(to),
				   MHP_NO_DEADLINE, &report);

	if (err)
		return machine_report(machine, err, &report, o);
	snprintf(o->note, sizeof(o->note), "%llu memmaps have moved",
		 (unsigned long long)(memmaps_moved(machine) - before));
	return 0;
}
