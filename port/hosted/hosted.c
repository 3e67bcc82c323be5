/* SPDX-License-Identifier: MIT */
/*
 * The registry of threads and the grace period of the hosted library. The only
 * global state that mhp has: threads belong to the process, not to an instance.
 *
 * Invariants:
 * 1. Records form a list in the order of their slots, are appended under the
 *    registry mutex and never leave it.
 * 2. A thread has reader != NULL exactly while its record is taken (and, with
 *    liburcu, while it is registered there).
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
#include <time.h>

#include "mhp/port.h"

#include "hosted.h"
#include "port_hosted.h"

/* Looks at a record that still is in an old section, before it sleeps. */
#define WAIT_SPINS 256
#define WAIT_YIELDS 64
#define WAIT_SLEEP_NS 20000

__thread struct mhp_hosted_thread mhp_hosted_self
	__attribute__((tls_model("initial-exec")));
uint64_t mhp_hosted_round __attribute__((aligned(64))) = 1;

static struct mhp_hosted_record *registry_head; /* [registry], then release */
static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t registry_once = PTHREAD_ONCE_INIT;
static pthread_key_t registry_key;

#ifdef MHP_HOSTED_C11_SECTION

static void *section_register(struct mhp_hosted_record *record)
{
	return record;
}

static void section_unregister(void)
{
}

static void section_wait(const struct mhp_hosted_record *record, uint64_t round)
{
	const struct timespec nap = {.tv_nsec = WAIT_SLEEP_NS};
	unsigned int looks = 0;
	uint64_t seen;

	for (;;) {
		seen = __atomic_load_n(&record->section, __ATOMIC_SEQ_CST);
		if (!seen || seen >= round)
			return;
		if (++looks < WAIT_SPINS)
			mhp_port_relax();
		else if (looks < WAIT_SPINS + WAIT_YIELDS)
			sched_yield();
		else
			nanosleep(&nap, NULL);
	}
}

static void section_synchronize(void)
{
	const struct mhp_hosted_record *record;
	uint64_t round;

	round = __atomic_add_fetch(&mhp_hosted_round, 1, __ATOMIC_SEQ_CST);
	mhp_hosted_fence();
	record = __atomic_load_n(&registry_head, __ATOMIC_SEQ_CST);
	while (record) {
		section_wait(record, round);
		record = __atomic_load_n(&record->next, __ATOMIC_SEQ_CST);
	}
}

const char *mhp_hosted_section(void)
{
	return "c11";
}

void mhp_hosted_wake(void)
{
}

#else

static void *section_register(struct mhp_hosted_record *record)
{
	(void)record;
	urcu_memb_register_thread();
	return &URCU_TLS(urcu_memb_reader);
}

static void section_unregister(void)
{
	urcu_memb_unregister_thread();
}

static void section_synchronize(void)
{
	urcu_memb_synchronize_rcu();
}

const char *mhp_hosted_section(void)
{
	return "urcu";
}

void mhp_hosted_wake(void)
{
	urcu_common_wake_up_gp(&urcu_memb_gp);
}

#endif

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

	section_unregister();
	mhp_hosted_self.reader = NULL;
	mhp_hosted_self.record = NULL;
	registry_lock();
	record->taken = false;
	registry_unlock();
}

static void registry_init(void)
{
	if (pthread_key_create(&registry_key, thread_detach))
		mhp_hosted_panic(__FILE__, __LINE__, "no thread-specific key");
}

static struct mhp_hosted_record *
record_append_locked(struct mhp_hosted_record **link, unsigned int slot)
{
	struct mhp_hosted_record *record;

	record = aligned_alloc(64, sizeof(*record));
	if (!record)
		mhp_hosted_panic(__FILE__, __LINE__, "no memory for a thread");
	*record = (struct mhp_hosted_record){.slot = slot};
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

void *mhp_hosted_attach(void)
{
	struct mhp_hosted_record *record;

	pthread_once(&registry_once, registry_init);
	record = record_take();
	if (pthread_setspecific(registry_key, record))
		mhp_hosted_panic(__FILE__, __LINE__, "no memory for a thread");
	mhp_hosted_self.record = record;
	mhp_hosted_self.slot = record->slot;
	mhp_hosted_self.reader = section_register(record);
	return mhp_hosted_self.reader;
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
