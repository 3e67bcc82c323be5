/* SPDX-License-Identifier: MIT */
/*
 * A model of a DAX device: extents that it says it has, which may be any, and a
 * book of what is reserved.
 */
#ifndef MHP_MODEL_DEVICE_DAX_H
#define MHP_MODEL_DEVICE_DAX_H

#include "mhp/dax_kmem.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MHP_MODEL_DAX_EXTENTS 4

/** struct mhp_model_dax - the device; zero it first */
struct mhp_model_dax {
	struct mhp_model *model; /* of whose fault plan reserving is; or NULL */
	struct mhp_extent extents[MHP_MODEL_DAX_EXTENTS];
	struct mhp_range ranges[MHP_MODEL_DAX_EXTENTS]; /* the driver's room */
	uint32_t nr_extents;
	uint32_t refuse; /* which reservation is refused, from 1 on; 0: none */
	/* what is reserved */
	uint32_t nr_asked;
	struct mhp_range reserved[MHP_MODEL_DAX_EXTENTS];
	uint32_t nr_reserved;
};

/** mhp_model_dax_ops - struct mhp_kmem.ops; ctx is the device */
extern const struct mhp_kmem_ops mhp_model_dax_ops;

#ifdef __cplusplus
}
#endif

#endif
