/* SPDX-License-Identifier: MIT */
/* The register block of DIMM slots; see device_dimm.h. */
#include "device_dimm.h"

/* How many readings of the status a late device lets pass. */
#define DIMM_LATE_READINGS 3

void mhp_model_dimm_plug(struct mhp_model_dimms *device, uint32_t slot,
			 struct mhp_extent extent, uint32_t domain)
{
	struct mhp_model_dimm *dimm = &device->slots[slot];

	dimm->extent = extent;
	dimm->domain = domain;
	dimm->enabled = true;
	dimm->inserted = true;
	dimm->remove = false;
	dimm->delay = dimm->lie == MHP_MODEL_DIMM_LATE ? DIMM_LATE_READINGS : 0;
}

void mhp_model_dimm_unplug(struct mhp_model_dimms *device, uint32_t slot)
{
	if (device->slots[slot].enabled)
		device->slots[slot].remove = true;
}

/* Whether it is there, as it says now. A change shows after its delay. */
static bool dimm_shows(struct mhp_model_dimm *dimm)
{
	if (!dimm->delay)
		return dimm->enabled;
	dimm->delay--;
	return !dimm->enabled;
}

static uint32_t dimm_status(struct mhp_model_dimm *dimm)
{
	uint32_t status = dimm_shows(dimm) ? 1 : 0;

	dimm->nr_readings++;
	if (dimm->inserted)
		status |= 2;
	if (dimm->remove)
		status |= 4;
	return status;
}

static uint64_t dimm_address(struct mhp_model_dimm *dimm)
{
	if (dimm->lie == MHP_MODEL_DIMM_UNSTEADY)
		return dimm->extent.start.bytes +
		       dimm->nr_readings * dimm->extent.size_bytes;
	return dimm->extent.start.bytes;
}

static uint32_t dimm_register(struct mhp_model_dimm *dimm, uint32_t offset)
{
	if (!dimm->enabled && !dimm->delay && offset < 0x14)
		return 0;
	switch (offset) {
	case 0x00:
		return (uint32_t)dimm_address(dimm);
	case 0x04:
		return (uint32_t)(dimm_address(dimm) >> 32);
	case 0x08:
		return (uint32_t)dimm->extent.size_bytes;
	case 0x0c:
		return (uint32_t)(dimm->extent.size_bytes >> 32);
	case 0x10:
		return dimm->domain;
	case 0x14:
		return dimm_status(dimm);
	default:
		return UINT32_MAX;
	}
}

uint32_t mhp_model_dimm_read(void *ctx, uint32_t offset, uint32_t size_bytes)
{
	struct mhp_model_dimms *device = ctx;
	uint32_t mask = size_bytes == 1 ? 0xff : UINT32_MAX;

	if (!device->nr_slots)
		return mask;
	if (device->selector >= device->nr_slots)
		return 0;
	return dimm_register(&device->slots[device->selector], offset) & mask;
}

/* What some devices do once they are in use. */
static void dimm_taken(struct mhp_model_dimm *dimm)
{
	if (dimm->lie == MHP_MODEL_DIMM_INSISTS)
		return;
	dimm->inserted = false;
}

static void dimm_ejected(struct mhp_model_dimm *dimm)
{
	if (!dimm->enabled || dimm->lie == MHP_MODEL_DIMM_STAYS)
		return;
	dimm->enabled = false;
	dimm->delay = dimm->lie == MHP_MODEL_DIMM_LATE ? DIMM_LATE_READINGS : 0;
}

static void dimm_told(struct mhp_model_dimm *dimm, uint32_t status)
{
	dimm->ost_status = status;
	dimm->nr_ost++;
	if (dimm->ost_event != MHP_OST_INSERTION || status != MHP_OST_SUCCESS)
		return;
	if (dimm->lie == MHP_MODEL_DIMM_SHRINKS)
		dimm->extent.size_bytes /= 2;
	if (dimm->lie == MHP_MODEL_DIMM_VANISHES)
		dimm->enabled = false;
}

void mhp_model_dimm_write(void *ctx, uint32_t offset, uint32_t size_bytes,
			  uint32_t value)
{
	struct mhp_model_dimms *device = ctx;
	struct mhp_model_dimm *dimm = &device->slots[device->selector];

	(void)size_bytes;
	if (offset == 0) {
		device->selector = value < device->nr_slots ? value
							    : device->nr_slots;
		return;
	}
	if (device->selector >= device->nr_slots)
		return;
	if (offset == 0x04)
		dimm->ost_event = value;
	else if (offset == 0x08)
		dimm_told(dimm, value);
	else if (offset == 0x14 && value & 2)
		dimm_taken(dimm);
	else if (offset == 0x14 && value & 4)
		dimm->remove = false;
	else if (offset == 0x14 && value & 8)
		dimm_ejected(dimm);
}
