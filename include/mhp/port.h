/* SPDX-License-Identifier: MIT */
/*
 * Leaf primitives: what the engine needs so often that it must be inline.
 *
 * An embedder replaces them by compiling src/ with
 *
 *     -DMHP_PORT_HEADER='"my_port.h"'
 *
 * where my_port.h defines the functions listed below, and may include
 * mhp/port_atomic.h for the atomics of any gcc or clang. Without it
 * mhp/port_default.h is used: one processor, or a caller that serialises. Only
 * src/ includes this header; users of the library need not care.
 *
 * What a port header defines:
 *
 * uint64_t mhp_port_load(const mhp_word_t *w)            relaxed
 * uint64_t mhp_port_load_acquire(const mhp_word_t *w)
 * uint64_t mhp_port_load_seq(const mhp_word_t *w)        sequentially
 * consistent void mhp_port_store(mhp_word_t *w, uint64_t v)         relaxed
 * void mhp_port_store_release(mhp_word_t *w, uint64_t v)
 * bool mhp_port_cas(mhp_word_t *w, uint64_t *expect, uint64_t v)    seq. cst.,
 *	relaxed on failure, which stores what was read in *expect
 * uint64_t mhp_port_or(mhp_word_t *w, uint64_t v)        seq. cst., old value
 * uint64_t mhp_port_and(mhp_word_t *w, uint64_t v)       seq. cst., old value
 * uint64_t mhp_port_add(mhp_word_t *w, uint64_t v)       relaxed, old value
 * void *mhp_port_load_ptr(void *const *p)                acquire
 * void mhp_port_store_ptr(void **p, void *v)             release
 *	the memory operations; words are 64 bits and naturally aligned
 *
 * void mhp_port_read_lock(void)
 * void mhp_port_read_unlock(void)
 *	a read-side section: nests, does not block; ops->synchronize waits for
 *	all that were open. Preemption off in a kernel, RCU in a process.
 *
 * bool mhp_port_read_try(void **section)
 * void mhp_port_read_done(void *section)
 *	optional, with MHP_PORT_READ_TRY defined: the same for a section that
 *	opens no other; may refuse. What it stores in section is for _done. For
 *	those who open one with fewer instructions if that need not call a
 *	function
 *
 * unsigned int mhp_port_cpu(void)
 *	a hint which cursor to use; any number; need not be stable
 *
 * uintptr_t mhp_port_self(void)
 *	identifies the running thread of control, never 0: tells a callback that
 *	re-enters from another thread that waits
 *
 * void mhp_port_relax(void)
 *	inside a spin loop
 *
 * void mhp_port_panic(const char *file, int line, const char *what)
 *	does not return
 */
#ifndef MHP_PORT_H
#define MHP_PORT_H

#include "mhp/config.h"
#include "mhp/types.h"

#ifdef MHP_PORT_HEADER
#include MHP_PORT_HEADER
#else
#include "mhp/port_default.h"
#endif

#endif
