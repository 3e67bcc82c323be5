/* SPDX-License-Identifier: MIT */
/* A DAX device's book of reservations; see device_dax.h. */
#include "device_dax.h"

#include "internal.h"

static int dax_reserve(void *ctx, struct mhp_range range)
{
	struct mhp_model_dax *dax = ctx;

	dax->nr_asked++;
	if (dax->model && mhp_model_fails(dax->model))
		return MHP_ERR_NOMEM;
	if (dax->nr_asked == dax->refuse ||
	    dax->nr_reserved == MHP_MODEL_DAX_EXTENTS)
		return MHP_ERR_BUSY;
	dax->reserved[dax->nr_reserved++] = range;
	return 0;
}

static void dax_release(void *ctx, struct mhp_range range)
{
	struct mhp_model_dax *dax = ctx;
	uint32_t i;

	for (i = 0; i < dax->nr_reserved; i++) {
		if (dax->reserved[i].start_pfn != range.start_pfn ||
		    dax->reserved[i].nr_pages != range.nr_pages)
			continue;
		dax->reserved[i] = dax->reserved[--dax->nr_reserved];
		return;
	}
	mhp_model_die("pfn %#llx of a DAX device was not reserved",
		      (unsigned long long)range.start_pfn);
}

const struct mhp_kmem_ops mhp_model_dax_ops = {
	.size_bytes = sizeof(mhp_model_dax_ops),
	.reserve = dax_reserve,
	.release = dax_release,
};
