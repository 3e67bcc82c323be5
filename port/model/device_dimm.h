/* SPDX-License-Identifier: MIT */
/*
 * A model of the device behind mhp/dimm_bus.h: slots with DIMMs in them, as a
 * virtual machine has, and the lies that a broken one might tell.
 *
 * It has no memory, only numbers: what is at an address is the machine's
 * affair.
 */
#ifndef MHP_MODEL_DEVICE_DIMM_H
#define MHP_MODEL_DEVICE_DIMM_H

#include "mhp/dimm_bus.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a slot lies. */
enum mhp_model_dimm_lie {
	MHP_MODEL_DIMM_HONEST = 0,
	MHP_MODEL_DIMM_UNSTEADY, /* another address at each reading */
	MHP_MODEL_DIMM_SHRINKS,	 /* half the size once it is inserted */
	MHP_MODEL_DIMM_LATE,	 /* is there, or gone, three readings later */
	MHP_MODEL_DIMM_STAYS,	 /* does not let itself be ejected */
	MHP_MODEL_DIMM_INSISTS,	 /* its insert event cannot be cleared */
	MHP_MODEL_DIMM_VANISHES, /* leaves by itself once it is inserted */
};

/** struct mhp_model_dimm - a slot; lie may be set at any time */
struct mhp_model_dimm {
	struct mhp_extent extent;
	uint32_t domain;
	bool enabled;
	bool inserted;	/* event pending */
	bool remove;	/* request pending */
	uint32_t delay; /* readings of the status until it is as said */
	enum mhp_model_dimm_lie lie;
	uint32_t nr_readings;
	/* _OST, the last */
	uint32_t ost_event, ost_status;
	uint32_t nr_ost;
};

/** struct mhp_model_dimms - the device; zero it first */
struct mhp_model_dimms {
	struct mhp_model_dimm slots[MHP_DIMM_BUS_MAX_SLOTS];
	uint32_t nr_slots; /* 0: nobody answers */
	uint32_t selector;
};

/** mhp_model_dimm_plug() - put a DIMM into an empty slot */
void mhp_model_dimm_plug(struct mhp_model_dimms *device, uint32_t slot,
			 struct mhp_extent extent, uint32_t domain);

/** mhp_model_dimm_unplug() - ask for a DIMM */
void mhp_model_dimm_unplug(struct mhp_model_dimms *device, uint32_t slot);

/** mhp_model_dimm_read() - struct mhp_dimm_bus_ops.read; ctx is the device */
uint32_t mhp_model_dimm_read(void *ctx, uint32_t offset, uint32_t size_bytes);

/** mhp_model_dimm_write() - struct mhp_dimm_bus_ops.write */
void mhp_model_dimm_write(void *ctx, uint32_t offset, uint32_t size_bytes,
			  uint32_t value);

#ifdef __cplusplus
}
#endif

#endif
