/* SPDX-License-Identifier: MIT */
/* A hypervisor's book of LMBs; see device_lmb.h. */
#include "device_lmb.h"

#include "internal.h"

static int lmb_acquire(void *ctx, uint32_t index)
{
	struct mhp_model_lmbs *hv = ctx;

	if (index >= MHP_MODEL_MAX_LMBS || hv->acquired[index])
		mhp_model_die("LMB %u is acquired already", index);
	if (hv->model && mhp_model_fails(hv->model))
		return MHP_ERR_NOMEM;
	if (hv->refusals[index]) {
		hv->refusals[index]--;
		return MHP_ERR_BUSY;
	}
	hv->acquired[index] = true;
	hv->nr_acquired++;
	return 0;
}

static void lmb_release(void *ctx, uint32_t index)
{
	struct mhp_model_lmbs *hv = ctx;

	if (index >= MHP_MODEL_MAX_LMBS || !hv->acquired[index])
		mhp_model_die("LMB %u is not acquired", index);
	hv->acquired[index] = false;
	hv->nr_acquired--;
}

const struct mhp_lmb_ops mhp_model_lmb_ops = {
	.size_bytes = sizeof(mhp_model_lmb_ops),
	.acquire = lmb_acquire,
	.release = lmb_release,
};
