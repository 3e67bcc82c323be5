/* SPDX-License-Identifier: MIT */
/*
 * The registry of threads and the grace period of the hosted library. The only
 * global state that mhp has: threads belong to the process, not to an instance.
 *
 * Invariants:
 * 1. Records form a list in the order of their slots, are appended under the
 *    registry mutex and never leave it.
 * 2. A thread that is attached has a record that is taken and no other thread
 *    has; all others have mhp_hosted_nobody.
 *
 * What it does not do: outlive an unmapped library. The destructor of a thread
 * is code of the library, so the shared library is linked with -z nodelete.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__) && !defined(MHP_HOSTED_FENCE_SECTION)
#include <linux/membarrier.h>
#endif

#include "mhp/port.h"

#include "hosted.h"
#include "port_hosted.h"

/* Looks at a record that still is in an old section, before it sleeps. */
#define WAIT_SPINS 256
#define WAIT_YIELDS 64
#define WAIT_SLEEP_NS 20000

struct mhp_hosted_record mhp_hosted_nobody = {.section = MHP_HOSTED_SLOW};
__thread struct mhp_hosted_thread mhp_hosted_self
	__attribute__((tls_model("initial-exec"))) = {
		.record = &mhp_hosted_nobody,
};

static struct mhp_hosted_record *registry_head; /* [registry], then release */
static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t registry_once = PTHREAD_ONCE_INIT;
static pthread_key_t registry_key;

/* ---- barriers ---- */

/* [const] after registry_init(): whether a writer can put barriers into
 * readers; else they have their own. */
static bool barrier_remote;

#if defined(__SANITIZE_THREAD__)
#define BARRIER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BARRIER_TSAN 1
#endif
#endif

/* ThreadSanitizer neither needs nor understands a fence. */
static void barrier_own(void)
{
#ifdef BARRIER_TSAN
	static uint64_t word;

	__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#if defined(__linux__) && !defined(MHP_HOSTED_FENCE_SECTION)

static bool barrier_call(int command)
{
	return syscall(SYS_membarrier, command, 0) == 0;
}

static bool barrier_register(void)
{
	return barrier_call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

/* A child of fork() may have to register anew. */
static void barrier_all(void)
{
	if (!barrier_call(MEMBARRIER_CMD_PRIVATE_EXPEDITED) &&
	    !(barrier_register() &&
	      barrier_call(MEMBARRIER_CMD_PRIVATE_EXPEDITED)))
		mhp_hosted_panic(__FILE__, __LINE__, "membarrier");
}

#else

static bool barrier_register(void)
{
	return false;
}

static void barrier_all(void)
{
}

#endif

const char *mhp_hosted_section(void)
{
#ifdef MHP_HOSTED_FENCE_SECTION
	return "fence";
#else
	return "membarrier";
#endif
}

/* ---- threads ---- */

static void registry_lock(void)
{
	if (pthread_mutex_lock(&registry_mutex))
		mhp_hosted_panic(__FILE__, __LINE__, "registry mutex");
}

static void registry_unlock(void)
{
	pthread_mutex_unlock(&registry_mutex);
}

/* Runs in a thread that ends; if it uses the library later, once more. */
static void thread_detach(void *record_of_thread)
{
	struct mhp_hosted_record *record = record_of_thread;

	mhp_hosted_self.record = &mhp_hosted_nobody;
	registry_lock();
	record->taken = false;
	registry_unlock();
}

static void registry_init(void)
{
	if (pthread_key_create(&registry_key, thread_detach))
		mhp_hosted_panic(__FILE__, __LINE__, "no thread-specific key");
	barrier_remote = barrier_register();
}

static struct mhp_hosted_record *
record_append_locked(struct mhp_hosted_record **link, unsigned int slot)
{
	struct mhp_hosted_record *record;

	record = aligned_alloc(64, sizeof(*record));
	if (!record)
		mhp_hosted_panic(__FILE__, __LINE__, "no memory for a thread");
	*record = (struct mhp_hosted_record){
		.section = barrier_remote ? 0 : MHP_HOSTED_SLOW,
		.slot = slot,
	};
	__atomic_store_n(link, record, __ATOMIC_SEQ_CST);
	return record;
}

static struct mhp_hosted_record *record_take(void)
{
	struct mhp_hosted_record **link = &registry_head;
	unsigned int slot = 0;

	registry_lock();
	while (*link && (*link)->taken) {
		link = &(*link)->next;
		slot++;
	}
	if (!*link)
		record_append_locked(link, slot);
	(*link)->taken = true;
	registry_unlock();
	return *link;
}

static struct mhp_hosted_record *thread_attach(void)
{
	struct mhp_hosted_record *record;

	pthread_once(&registry_once, registry_init);
	record = record_take();
	if (pthread_setspecific(registry_key, record))
		mhp_hosted_panic(__FILE__, __LINE__, "no memory for a thread");
	mhp_hosted_self.record = record;
	mhp_hosted_self.slot = record->slot;
	return record;
}

/* ---- sections ---- */

static void section_write(struct mhp_hosted_record *self, unsigned long section)
{
	__atomic_store_n(&self->section, section, __ATOMIC_RELEASE);
}

void mhp_hosted_enter(void)
{
	struct mhp_hosted_record *self = mhp_hosted_self.record;
	unsigned long section;

	if (self == &mhp_hosted_nobody)
		self = thread_attach();
	section = __atomic_load_n(&self->section, __ATOMIC_RELAXED);
	if (section & MHP_HOSTED_OPEN || !(section & MHP_HOSTED_SLOW)) {
		section_write(self, section + 1);
		return;
	}
	(void)__atomic_exchange_n(&self->section, section + 1,
				  __ATOMIC_SEQ_CST);
	barrier_own();
}

void mhp_hosted_leave(void)
{
	struct mhp_hosted_record *self = mhp_hosted_self.record;
	unsigned long section = __atomic_load_n(&self->section,
						__ATOMIC_RELAXED);

	if ((section & MHP_HOSTED_OPEN) == 1)
		section += MHP_HOSTED_ROUND;
	section_write(self, section - 1);
}

/* Until a section that was open is not. */
static void section_wait(const struct mhp_hosted_record *record)
{
	const struct timespec nap = {.tv_nsec = WAIT_SLEEP_NS};
	unsigned long was = __atomic_load_n(&record->section, __ATOMIC_ACQUIRE);
	unsigned long now = was;
	unsigned int looks = 0;

	while (now & MHP_HOSTED_OPEN &&
	       now / MHP_HOSTED_ROUND == was / MHP_HOSTED_ROUND) {
		if (++looks < WAIT_SPINS)
			mhp_port_relax();
		else if (looks < WAIT_SPINS + WAIT_YIELDS)
			sched_yield();
		else
			nanosleep(&nap, NULL);
		now = __atomic_load_n(&record->section, __ATOMIC_ACQUIRE);
	}
}

static void section_synchronize(void)
{
	const struct mhp_hosted_record *record;

	pthread_once(&registry_once, registry_init);
	if (barrier_remote)
		barrier_all();
	else
		barrier_own();
	record = __atomic_load_n(&registry_head, __ATOMIC_SEQ_CST);
	while (record) {
		section_wait(record);
		record = __atomic_load_n(&record->next, __ATOMIC_SEQ_CST);
	}
}

void mhp_hosted_synchronize(void)
{
	if (mhp_hosted_in_section())
		mhp_hosted_panic(__FILE__, __LINE__,
				 "synchronize inside a read-side section");
	section_synchronize();
}

bool mhp_hosted_wait_move(void)
{
	if (mhp_hosted_in_section())
		return false;
	sched_yield();
	return true;
}

uint64_t mhp_hosted_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)now.tv_nsec;
}

void mhp_hosted_panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "mhp: panic at %s:%d: %s\n", file, line, what);
	abort();
}
