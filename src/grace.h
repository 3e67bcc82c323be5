/* SPDX-License-Identifier: MIT */
/*
 * Grace periods. All waits of the engine for readers begin here, and are
 * counted: addresses that were found in a read-side section can be kept for
 * later ones as long as no wait has begun since (cursor.h).
 */
#ifndef MHP_SRC_GRACE_H
#define MHP_SRC_GRACE_H

#include "engine.h"

/* A port need not have the short way into a section. */
#ifndef MHP_PORT_READ_TRY
static inline bool mhp_port_read_try(void **section)
{
	mhp_port_read_lock();
	*section = NULL;
	return true;
}

static inline void mhp_port_read_done(void *section)
{
	(void)section;
	mhp_port_read_unlock();
}
#endif

/** An epoch that never is. */
#define GRACE_NEVER UINT64_MAX

/** grace_epoch() - read before what is to be kept is looked up */
static inline uint64_t grace_epoch(const struct mhp *m)
{
	return mhp_port_load_acquire(&m->epoch);
}

/** grace_forget() - what was found before must not be used any more */
static inline void grace_forget(struct mhp *m)
{
	mhp_port_add(&m->epoch, 1);
}

/** grace_wait() - until all sections that are open now have ended; sections
 * opened from here on see another epoch. May sleep. */
static inline void grace_wait(struct mhp *m)
{
	grace_forget(m);
	m->ops->synchronize(m->ops_ctx);
}

#endif
