/* SPDX-License-Identifier: MIT */
/*
 * The memory operations of port.h by the builtins of gcc and clang, for ports
 * that have no better. 64-bit words must be lock-free: a processor that would
 * need a library call for them is refused here.
 */
#ifndef MHP_PORT_ATOMIC_H
#define MHP_PORT_ATOMIC_H

#include "mhp/port.h"

static inline uint64_t mhp_port_load(const mhp_word_t *w)
{
	return __atomic_load_n(&w->value, __ATOMIC_RELAXED);
}

static inline uint64_t mhp_port_load_acquire(const mhp_word_t *w)
{
	return __atomic_load_n(&w->value, __ATOMIC_ACQUIRE);
}

static inline uint64_t mhp_port_load_seq(const mhp_word_t *w)
{
	return __atomic_load_n(&w->value, __ATOMIC_SEQ_CST);
}

static inline void mhp_port_store(mhp_word_t *w, uint64_t v)
{
	__atomic_store_n(&w->value, v, __ATOMIC_RELAXED);
}

static inline void mhp_port_store_release(mhp_word_t *w, uint64_t v)
{
	__atomic_store_n(&w->value, v, __ATOMIC_RELEASE);
}

static inline bool mhp_port_cas(mhp_word_t *w, uint64_t *expect, uint64_t v)
{
	return __atomic_compare_exchange_n(&w->value, expect, v, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static inline uint64_t mhp_port_or(mhp_word_t *w, uint64_t v)
{
	return __atomic_fetch_or(&w->value, v, __ATOMIC_SEQ_CST);
}

static inline uint64_t mhp_port_and(mhp_word_t *w, uint64_t v)
{
	return __atomic_fetch_and(&w->value, v, __ATOMIC_SEQ_CST);
}

static inline uint64_t mhp_port_add(mhp_word_t *w, uint64_t v)
{
	return __atomic_fetch_add(&w->value, v, __ATOMIC_RELAXED);
}

static inline void *mhp_port_load_ptr(void *const *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void mhp_port_store_ptr(void **p, void *v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

#endif
