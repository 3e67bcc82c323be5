/* SPDX-License-Identifier: MIT */
/*
 * A model of the hypervisor that LMBs come from: a book of who has which, and
 * refusals.
 */
#ifndef MHP_MODEL_DEVICE_LMB_H
#define MHP_MODEL_DEVICE_LMB_H

#include "mhp/lmb.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MHP_MODEL_MAX_LMBS 1024

/** struct mhp_model_lmbs - the hypervisor; zero it first */
struct mhp_model_lmbs {
	struct mhp_model *model; /* of whose fault plan acquiring is; or NULL */
	struct mhp_lmb lmbs[MHP_MODEL_MAX_LMBS];     /* the driver's */
	struct mhp_range ranges[MHP_MODEL_MAX_LMBS]; /* its room */
	bool acquired[MHP_MODEL_MAX_LMBS];
	uint8_t refusals[MHP_MODEL_MAX_LMBS]; /* times that it is refused */
	uint32_t nr_acquired;
};

/** mhp_model_lmb_ops - struct mhp_lmbs.ops; ctx is the hypervisor */
extern const struct mhp_lmb_ops mhp_model_lmb_ops;

#ifdef __cplusplus
}
#endif

#endif
