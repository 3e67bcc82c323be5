/* SPDX-License-Identifier: MIT */
/*
 * The port of last resort: one thread of control, or an embedder who serialises
 * all calls. No read-side section is needed then. The embedder provides
 * mhp_port_panic() and nothing else.
 */
#ifndef MHP_PORT_DEFAULT_H
#define MHP_PORT_DEFAULT_H

#include "mhp/port_atomic.h"

static inline void mhp_port_read_lock(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void mhp_port_read_unlock(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline unsigned int mhp_port_cpu(void)
{
	return 0;
}

static inline uintptr_t mhp_port_self(void)
{
	return 1;
}

static inline void mhp_port_relax(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* The embedder's; see port.h. */
__attribute__((noreturn)) void mhp_port_panic(const char *file, int line,
					      const char *what);

#endif
