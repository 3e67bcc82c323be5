/* SPDX-License-Identifier: MIT */
/*
 * Leaf primitives (mhp/port.h), to be copied. This one is for a machine with
 * one thread of control and no interrupts that use the engine; each comment
 * says what a machine with more needs instead. Compile src/ with
 *
 *     -DMHP_PORT_HEADER='"port_template.h"'
 *
 * docs/PORTING.md has the contract and the order in which to fill this in.
 */
#ifndef MHP_PORT_TEMPLATE_H
#define MHP_PORT_TEMPLATE_H

/*
 * Memory operations on 64-bit words, by the builtins of gcc and clang: right
 * for every processor on which these are lock-free. Replace them only if the
 * compiler has none, and then keep their order: mhp_port_cas(), _or(), _and()
 * and _load_seq() are sequentially consistent, and all of the argument in
 * docs/LOCKING.md rests on that.
 */
#include "mhp/port_atomic.h"

/*
 * A read-side section: memory that was unpublished while one is open stays
 * until it has ended, since ops->synchronize waits for it. It nests, never
 * waits, and is entered for each allocation and each free, so it must be cheap.
 *
 * Several processors: disable preemption, and let synchronize wait until every
 * processor has been preemptible once. A process: RCU. Here the compiler only
 * must not move memory accesses across.
 */
static inline void mhp_port_read_lock(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void mhp_port_read_unlock(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * Which cursor to allocate by. Any number; the engine takes it modulo nr_cpus.
 * Several processors: the number of this one. It is a hint, so that it may
 * change at any time.
 */
static inline unsigned int mhp_port_cpu(void)
{
	return 0;
}

/*
 * Who is running: different for what can hold the instance's mutex at the same
 * time, never 0. Threads: the address of the thread's control block. By this a
 * callback that calls back into the lifecycle is told MHP_ERR_DEADLK instead of
 * waiting for itself.
 */
static inline uintptr_t mhp_port_self(void)
{
	return 1;
}

/* Inside a loop that waits for another processor: its pause instruction. */
static inline void mhp_port_relax(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * A broken invariant, or an operation that broke its contract: to go on would
 * write to memory that is not ours. Does not return.
 */
__attribute__((noreturn)) void mhp_port_panic(const char *file, int line,
					      const char *what);

#endif
