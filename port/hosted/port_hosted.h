/* SPDX-License-Identifier: MIT */
/*
 * Leaf primitives (mhp/port.h) for a process. Compile src/ with
 *
 *     -DMHP_PORT_HEADER='"port_hosted.h"' -D_GNU_SOURCE
 *
 * The read-side section is liburcu's "memb" flavour, or, with
 * MHP_HOSTED_C11_SECTION, one of C11 atomics alone: slower by one locked
 * instruction, but understood by ThreadSanitizer. Both nest, and both let the
 * thread sleep inside.
 *
 * Invariants:
 * 1. A thread is attached before its first section (hosted.h).
 * 2. A section that did not see what was written before
 *    mhp_hosted_synchronize() was called has ended when it returns.
 *
 * Why 2 holds for the C11 section: a reader writes the round that it read into
 * its record, then reads data, a full barrier between. A writer writes data,
 * then takes a new round, then looks at the records. If it finds none open, the
 * reader's write of the record is later than the look, and so its reads of data
 * are later than the writer's writes. If it finds an old round, it waits. If it
 * finds the new one, the reader read it after the writer's writes.
 *
 * What it does not do: name processors. A thread keeps its slot as long as it
 * lives, and the engine takes it for the hint it is.
 */
#ifndef MHP_PORT_HOSTED_H
#define MHP_PORT_HOSTED_H

#include "hosted.h"
#include "mhp/port_atomic.h"

/* The calling thread's reader; attaches it if need be. */
static inline void *mhp_hosted_reader(void)
{
	void *reader = mhp_hosted_self.reader;

	if (MHP_HOSTED_UNLIKELY(!reader))
		reader = mhp_hosted_attach();
	return reader;
}

#ifdef MHP_HOSTED_C11_SECTION

#if defined(__SANITIZE_THREAD__)
#define MHP_HOSTED_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MHP_HOSTED_TSAN 1
#endif
#endif

/*
 * Orders the exchange before it with plain loads after it. The exchange does so
 * itself on x86; ThreadSanitizer neither needs nor understands a fence.
 */
#if defined(MHP_HOSTED_TSAN) || defined(__x86_64__) || defined(__i386__)
static inline void mhp_hosted_fence(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}
#else
static inline void mhp_hosted_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
#endif

static inline void mhp_port_read_lock(void)
{
	struct mhp_hosted_record *record =
		(struct mhp_hosted_record *)mhp_hosted_reader();
	uint64_t round;

	if (mhp_hosted_self.nesting++)
		return;
	round = __atomic_load_n(&mhp_hosted_round, __ATOMIC_SEQ_CST);
	(void)__atomic_exchange_n(&record->section, round, __ATOMIC_SEQ_CST);
	mhp_hosted_fence();
}

static inline void mhp_port_read_unlock(void)
{
	if (--mhp_hosted_self.nesting)
		return;
	__atomic_store_n(&mhp_hosted_self.record->section, 0, __ATOMIC_RELEASE);
}

static inline bool mhp_hosted_in_section(void)
{
	return mhp_hosted_self.nesting != 0;
}

#else /* liburcu */

#ifndef _LGPL_SOURCE
#define _LGPL_SOURCE
#endif
#include <urcu/urcu-memb.h>

/*
 * liburcu's own inline functions, with two differences: the reader is found
 * through a pointer in our thread-local record (the library's thread local
 * would cost a call from a shared library), and the wake-up of a writer is out
 * of line.
 */
static inline void mhp_port_read_lock(void)
{
	struct urcu_reader *reader = (struct urcu_reader *)mhp_hosted_reader();
	unsigned long ctr;

	cmm_barrier();
	ctr = reader->ctr;
	if (MHP_HOSTED_LIKELY(!(ctr & URCU_GP_CTR_NEST_MASK))) {
		CMM_STORE_SHARED(reader->ctr,
				 CMM_LOAD_SHARED(urcu_memb_gp.ctr));
		urcu_memb_smp_mb_slave();
	} else {
		CMM_STORE_SHARED(reader->ctr, ctr + URCU_GP_COUNT);
	}
}

static inline void mhp_port_read_unlock(void)
{
	struct urcu_reader *reader =
		(struct urcu_reader *)mhp_hosted_self.reader;
	unsigned long ctr = reader->ctr;

	/* A nested one passes through the barriers too: rare, and right. */
	urcu_memb_smp_mb_slave();
	CMM_STORE_SHARED(reader->ctr, ctr - URCU_GP_COUNT);
	urcu_memb_smp_mb_slave();
	if (MHP_HOSTED_UNLIKELY(CMM_LOAD_SHARED(urcu_memb_gp.futex) == -1))
		mhp_hosted_wake();
	cmm_barrier();
}

static inline bool mhp_hosted_in_section(void)
{
	struct urcu_reader *reader =
		(struct urcu_reader *)mhp_hosted_self.reader;

	return reader && (reader->ctr & URCU_GP_CTR_NEST_MASK);
}

#endif

static inline unsigned int mhp_port_cpu(void)
{
	(void)mhp_hosted_reader();
	return mhp_hosted_self.slot;
}

static inline uintptr_t mhp_port_self(void)
{
	return (uintptr_t)&mhp_hosted_self;
}

#if defined(__x86_64__) || defined(__i386__)
static inline void mhp_port_relax(void)
{
	__builtin_ia32_pause();
}
#elif defined(__aarch64__)
static inline void mhp_port_relax(void)
{
	__asm__ __volatile__("yield" ::: "memory");
}
#else
static inline void mhp_port_relax(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}
#endif

__attribute__((noreturn)) static inline void
mhp_port_panic(const char *file, int line, const char *what)
{
	mhp_hosted_panic(file, line, what);
}

#endif
