/* SPDX-License-Identifier: MIT */
/*
 * A model of the element that assigns storage to standby memory: a book of
 * increments, and refusals.
 */
#ifndef MHP_MODEL_DEVICE_STANDBY_H
#define MHP_MODEL_DEVICE_STANDBY_H

#include "mhp/standby.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Most increments, and most blocks. */
#define MHP_MODEL_MAX_INCREMENTS 4096

/** struct mhp_model_standby - the element; zero it, and set the first part */
struct mhp_model_standby {
	struct mhp_model *model; /* of whose fault plan assigning is; or NULL */
	struct mhp_extent extent;
	uint64_t increment_bytes;
	struct mhp_standby_block blocks[MHP_MODEL_MAX_INCREMENTS]; /* room */
	bool assigned[MHP_MODEL_MAX_INCREMENTS];
	uint32_t nr_assigned;
	/* which call is refused, counted from now on; 0: none */
	uint32_t refuse_assign, refuse_unassign;
};

/** mhp_model_standby_ops - struct mhp_standby.ops; ctx is the element */
extern const struct mhp_standby_ops mhp_model_standby_ops;

#ifdef __cplusplus
}
#endif

#endif
