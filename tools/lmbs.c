/* SPDX-License-Identifier: MIT */
/* Rows of LMBs that a hypervisor has for the machine. */
#include <inttypes.h>

#include "device_lmb.h"
#include "devices.h"
#include "machine.h"

struct lmb_row {
	struct mhp_model_lmbs hypervisor;
	struct mhp_lmbs lmbs;
};

static void lmb_make(struct lmb_row *row, const struct slot *slot,
		     uint64_t size_bytes, uint32_t count)
{
	uint32_t i;

	row->lmbs = (struct mhp_lmbs){
		.lmbs = row->hypervisor.lmbs,
		.nr = count,
		.size_bytes = size_bytes,
		.ranges = row->hypervisor.ranges,
		.ops = &mhp_model_lmb_ops,
		.ctx = &row->hypervisor,
	};
	for (i = 0; i < count; i++) {
		struct mhp_lmb *lmb = &row->hypervisor.lmbs[i];

		lmb->start.bytes = slot->extent.start.bytes + i * size_bytes;
		lmb->node = slot->node;
	}
}

int machine_lmb(struct machine *machine, const char *id,
		struct mhp_extent extent, uint64_t node, uint64_t count,
		struct outcome *o)
{
	uint64_t block_bytes = mhp_block_bytes(&machine->layout.geometry);
	uint64_t size_bytes = extent.size_bytes;
	struct lmb_row *row;
	struct slot *slot;

	if (count == 0 || count > MHP_MODEL_MAX_LMBS)
		return outcome_fail(o, MHP_ERR_INVAL,
				    "count=%" PRIu64 " must be from 1 to %d",
				    count, MHP_MODEL_MAX_LMBS);
	if (size_bytes == 0 || size_bytes % block_bytes ||
	    size_bytes > machine->layout.span_bytes)
		return outcome_fail(o, MHP_ERR_INVAL,
				    "size=%" PRIu64 " must be whole memory "
				    "blocks of %" PRIu64 " bytes",
				    size_bytes, block_bytes);
	extent.size_bytes *= count;
	slot = device_place(machine, SLOT_LMB, id, extent, node, o);
	row = slot ? device_new(machine, slot, sizeof(*row), o) : NULL;
	if (row)
		lmb_make(row, slot, size_bytes, (uint32_t)count);
	return o->rc;
}

/* No row has so many; the front end says so. */
static uint32_t lmb_count(uint64_t count)
{
	return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

int machine_lmb_add(struct machine *machine, const char *id, uint64_t count,
		    struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_find(machine, SLOT_LMB, id, o);
	struct lmb_row *row = slot ? slot->device : NULL;
	int err;

	if (!row)
		return o->rc;
	err = mhp_lmb_add(machine->mhp, &row->lmbs, lmb_count(count), &report);
	return err ? machine_report(machine, err, &report, o) : 0;
}

int machine_lmb_remove(struct machine *machine, const char *id, uint64_t count,
		       struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_find(machine, SLOT_LMB, id, o);
	struct lmb_row *row = slot ? slot->device : NULL;
	int err;

	if (!row)
		return o->rc;
	err = mhp_lmb_remove(machine->mhp, &row->lmbs, lmb_count(count),
			     MHP_NO_DEADLINE, 0, &report);
	return err ? machine_report(machine, err, &report, o) : 0;
}
