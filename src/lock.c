/* SPDX-License-Identifier: MIT */
/*
 * The instance's mutex, and who holds it: a callback that runs under it and
 * calls back into the lifecycle gets an error instead of waiting for itself.
 */
#include "engine.h"

int mhp_lock(struct mhp *m)
{
	uintptr_t self = mhp_port_self();

	if (mhp_port_load(&m->holder) == self)
		return MHP_ERR_DEADLK;
	m->ops->mutex_lock(m->ops_ctx);
	mhp_port_store(&m->holder, self);
	return 0;
}

void mhp_unlock(struct mhp *m)
{
	mhp_port_store(&m->holder, 0);
	m->ops->mutex_unlock(m->ops_ctx);
}
