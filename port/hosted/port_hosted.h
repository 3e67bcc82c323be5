/* SPDX-License-Identifier: MIT */
/*
 * Leaf primitives (mhp/port.h) for a process. Compile src/ with
 *
 *     -DMHP_PORT_HEADER='"port_hosted.h"' -D_GNU_SOURCE
 *
 * A read-side section is two plain stores to a word of the thread's own. What
 * has to be ordered with reads of data inside is ordered by who waits, with
 * membarrier(): rare and slow there, free here. Where the system has none, or
 * with MHP_HOSTED_FENCE_SECTION (what ThreadSanitizer understands), opening one
 * costs a locked instruction. Sections nest, and the thread may sleep inside.
 *
 * Invariants:
 * 1. A thread is attached in its first section (hosted.h).
 * 2. A section that did not see what was written before
 *    mhp_hosted_synchronize() was called has ended when it returns.
 *
 * Why 2 holds: a writer writes data, then puts a full barrier into all threads
 * (or itself, when readers have their own), then looks at the words. A reader
 * that opened its section before the barrier is seen, and waited for until its
 * round is over. One that opens it later reads data after the barrier.
 *
 * A signal handler may use sections: it leaves the word as it found it but for
 * the round, and if that is written back, the writer waits for longer.
 *
 * What it does not do: name processors. A thread keeps its slot as long as it
 * lives, and the engine takes it for the hint it is.
 */
#ifndef MHP_PORT_HOSTED_H
#define MHP_PORT_HOSTED_H

#include "hosted.h"
#include "mhp/port_atomic.h"

static inline void mhp_port_read_lock(void)
{
	struct mhp_hosted_record *self = mhp_hosted_self.record;
	unsigned long section = __atomic_load_n(&self->section,
						__ATOMIC_RELAXED);

	if (MHP_HOSTED_UNLIKELY(section & (MHP_HOSTED_OPEN | MHP_HOSTED_SLOW)))
		mhp_hosted_enter();
	else
		__atomic_store_n(&self->section, section + 1, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void mhp_port_read_unlock(void)
{
	struct mhp_hosted_record *self = mhp_hosted_self.record;
	unsigned long section = __atomic_load_n(&self->section,
						__ATOMIC_RELAXED);

	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (MHP_HOSTED_UNLIKELY(
		    (section & (MHP_HOSTED_OPEN | MHP_HOSTED_SLOW)) != 1))
		mhp_hosted_leave();
	else
		__atomic_store_n(&self->section, section - 1 + MHP_HOSTED_ROUND,
				 __ATOMIC_RELEASE);
}

#ifndef MHP_HOSTED_FENCE_SECTION

/* Only its thread writes the word, so the addition need not be locked; but it
 * should be one instruction. */
static inline void mhp_hosted_add(unsigned long *word, unsigned long by)
{
#if defined(__x86_64__)
	__asm__ volatile("addq %1, %0"
			 : "+m"(*word)
			 : "er"(by)
			 : "cc", "memory");
#else
	__atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + by,
			 __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}

static inline bool mhp_port_read_try(void **section)
{
	struct mhp_hosted_record *self = mhp_hosted_self.record;
	unsigned long word = __atomic_load_n(&self->section, __ATOMIC_RELAXED);

	if (MHP_HOSTED_UNLIKELY(word & (MHP_HOSTED_OPEN | MHP_HOSTED_SLOW)))
		return false;
	mhp_hosted_add(&self->section, 1);
	*section = self;
	return true;
}

static inline void mhp_port_read_done(void *section)
{
	struct mhp_hosted_record *self = section;

	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	mhp_hosted_add(&self->section, MHP_HOSTED_ROUND - 1);
}

#define MHP_PORT_READ_TRY 1

#endif

static inline bool mhp_hosted_in_section(void)
{
	return mhp_hosted_self.record->section & MHP_HOSTED_OPEN;
}

/* That of nobody is 0, or was that of this thread: a hint. */
static inline unsigned int mhp_port_cpu(void)
{
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
