/* SPDX-License-Identifier: MIT */
/* A book of storage increments; see device_standby.h. */
#include "device_standby.h"

#include "internal.h"

static uint64_t standby_index(const struct mhp_model_standby *s,
			      struct mhp_extent increment)
{
	uint64_t offset = increment.start.bytes - s->extent.start.bytes;
	uint64_t i = offset / s->increment_bytes;

	if (increment.size_bytes != s->increment_bytes ||
	    offset % s->increment_bytes || offset >= s->extent.size_bytes ||
	    i >= MHP_MODEL_MAX_INCREMENTS)
		mhp_model_die("%#llx + %#llx is no increment",
			      (unsigned long long)increment.start.bytes,
			      (unsigned long long)increment.size_bytes);
	return i;
}

/* Whether this is the call that shall be refused. */
static bool standby_counts_down(uint32_t *calls)
{
	return *calls && !--*calls;
}

static int standby_assign(void *ctx, struct mhp_extent increment)
{
	struct mhp_model_standby *s = ctx;
	uint64_t i = standby_index(s, increment);

	if (s->model && mhp_model_fails(s->model))
		return MHP_ERR_NOMEM;
	if (standby_counts_down(&s->refuse_assign))
		return MHP_ERR_BUSY;
	s->nr_assigned += !s->assigned[i];
	s->assigned[i] = true;
	return 0;
}

static int standby_unassign(void *ctx, struct mhp_extent increment)
{
	struct mhp_model_standby *s = ctx;
	uint64_t i = standby_index(s, increment);

	if (standby_counts_down(&s->refuse_unassign))
		return MHP_ERR_BUSY;
	s->nr_assigned -= s->assigned[i];
	s->assigned[i] = false;
	return 0;
}

const struct mhp_standby_ops mhp_model_standby_ops = {
	.size_bytes = sizeof(mhp_model_standby_ops),
	.assign = standby_assign,
	.unassign = standby_unassign,
};
