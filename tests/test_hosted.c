/* SPDX-License-Identifier: MIT */
/*
 * Leaf primitives of a process: sections that nest and are waited for, threads
 * that come and go.
 *
 * What it does not do: look for a section that is too weak by luck alone. Each
 * thing that a grace period promises is made to happen, and the reader says
 * what it saw.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mhp/port.h"

#include "hosted.h"

static void sections_nest(void **state)
{
	(void)state;
	assert_false(mhp_hosted_in_section());
	mhp_port_read_lock();
	mhp_port_read_lock();
	mhp_port_read_unlock();
	assert_true(mhp_hosted_in_section());
	mhp_port_read_unlock();
	assert_false(mhp_hosted_in_section());
	mhp_hosted_synchronize();
}

static void clock_and_self(void **state)
{
	uint64_t before = mhp_hosted_now_ns();

	(void)state;
	assert_true(mhp_hosted_now_ns() >= before);
	assert_true(mhp_port_self() != 0);
	assert_true(mhp_port_self() == mhp_port_self());
	assert_true(!strcmp(mhp_hosted_section(), "membarrier") ||
		    !strcmp(mhp_hosted_section(), "fence"));
}

/* A reader that stays inside until it is told to leave. */
struct reader {
	uint64_t inside; /* [atomic] */
	uint64_t leave;	 /* [atomic] */
	uint64_t left;	 /* [atomic] set last thing inside */
	unsigned int nesting;
};

static void *reader_run(void *arg)
{
	struct reader *r = arg;

	for (unsigned int i = 0; i <= r->nesting; i++)
		mhp_port_read_lock();
	for (unsigned int i = 0; i < r->nesting; i++)
		mhp_port_read_unlock();
	__atomic_store_n(&r->inside, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&r->leave, __ATOMIC_ACQUIRE))
		usleep(100);
	__atomic_store_n(&r->left, 1, __ATOMIC_RELAXED);
	mhp_port_read_unlock();
	return NULL;
}

static void *writer_run(void *arg)
{
	uint64_t *done = arg;

	mhp_hosted_synchronize();
	__atomic_store_n(done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void synchronize_waits(void **state)
{
	pthread_t reader, writer;

	(void)state;
	for (unsigned int nesting = 0; nesting < 3; nesting++) {
		struct reader r = {.nesting = nesting};
		uint64_t done = 0;

		pthread_create(&reader, NULL, reader_run, &r);
		while (!__atomic_load_n(&r.inside, __ATOMIC_ACQUIRE))
			usleep(100);
		pthread_create(&writer, NULL, writer_run, &done);
		usleep(20000);
		assert_int_equal(__atomic_load_n(&done, __ATOMIC_ACQUIRE), 0);
		__atomic_store_n(&r.leave, 1, __ATOMIC_RELEASE);
		pthread_join(writer, NULL);
		assert_int_equal(__atomic_load_n(&r.left, __ATOMIC_RELAXED), 1);
		pthread_join(reader, NULL);
	}
}

/* Readers follow a pointer; the writer replaces, waits and scribbles. */

struct chase {
	void *object;	     /* [atomic] */
	uint64_t stop;	     /* [atomic] */
	uint64_t nr_readers; /* [atomic] that have begun */
	uint64_t nr_bad;
};

#define GOOD UINT64_C(0x600d600d600d600d)
#define NR_READERS 3
#define NR_REPLACED 400

static void *chase_run(void *arg)
{
	struct chase *chase = arg;
	uint64_t bad = 0;
	bool begun = false;

	while (!__atomic_load_n(&chase->stop, __ATOMIC_RELAXED)) {
		uint64_t *object;

		mhp_port_read_lock();
		object = mhp_port_load_ptr(&chase->object);
		mhp_port_read_lock();
		bad += *object != GOOD;
		mhp_port_read_unlock();
		bad += *object != GOOD;
		mhp_port_read_unlock();
		if (!begun)
			__atomic_fetch_add(&chase->nr_readers, 1,
					   __ATOMIC_RELAXED);
		begun = true;
	}
	__atomic_fetch_add(&chase->nr_bad, bad, __ATOMIC_RELAXED);
	return NULL;
}

static uint64_t *object_make(void)
{
	uint64_t *object = malloc(sizeof(*object));

	assert_non_null(object);
	*object = GOOD;
	return object;
}

static void nothing_is_used_after_synchronize(void **state)
{
	struct chase chase = {.object = object_make()};
	pthread_t readers[NR_READERS];
	uint64_t *old;

	(void)state;
	for (int i = 0; i < NR_READERS; i++)
		pthread_create(&readers[i], NULL, chase_run, &chase);
	while (__atomic_load_n(&chase.nr_readers, __ATOMIC_RELAXED) <
	       NR_READERS)
		usleep(100);
	for (int i = 0; i < NR_REPLACED; i++) {
		old = chase.object;
		mhp_port_store_ptr(&chase.object, object_make());
		mhp_hosted_synchronize();
		*old = 0;
		free(old);
		if (i % 16 == 0)
			sched_yield();
	}
	__atomic_store_n(&chase.stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < NR_READERS; i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(chase.nr_bad, 0);
	free(chase.object);
}

static void *slot_run(void *arg)
{
	unsigned int *slot = arg;

	mhp_port_read_lock(); /* attaches it */
	mhp_port_read_unlock();
	*slot = mhp_port_cpu();
	assert_int_equal(mhp_port_cpu(), *slot);
	return NULL;
}

/* A slot is free again when its thread has ended: few threads, small
 * numbers. */
static void slots_are_used_again(void **state)
{
	unsigned int slot;
	pthread_t thread;

	(void)state;
	mhp_port_read_lock();
	mhp_port_read_unlock();
	for (int i = 0; i < 100; i++) {
		pthread_create(&thread, NULL, slot_run, &slot);
		pthread_join(thread, NULL);
		assert_true(slot < 2 * (NR_READERS + 2));
		assert_int_not_equal(slot, mhp_port_cpu());
	}
}

/* Uses the library in a destructor that may run after the library's own. */
static pthread_key_t late_key;
static uint64_t nr_late;

static void late_destructor(void *value)
{
	uintptr_t left = (uintptr_t)value - 1;

	mhp_port_read_lock();
	mhp_port_read_unlock();
	nr_late++;
	if (left)
		pthread_setspecific(late_key, (void *)left);
}

static void *late_run(void *arg)
{
	mhp_port_read_lock();
	mhp_port_read_unlock();
	pthread_setspecific(late_key, arg);
	return NULL;
}

static void used_in_the_last_moments_of_a_thread(void **state)
{
	pthread_t thread;
	uintptr_t rounds = 2;

	(void)state;
	assert_int_equal(pthread_key_create(&late_key, late_destructor), 0);
	pthread_create(&thread, NULL, late_run, (void *)rounds);
	pthread_join(thread, NULL);
	assert_int_equal(nr_late, rounds);
	mhp_hosted_synchronize();
	pthread_key_delete(late_key);
}

/* Waiting for oneself is a mistake that is said, not one that hangs. */
static void synchronize_inside_panics(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		close(STDERR_FILENO);
		mhp_port_read_lock();
		mhp_hosted_synchronize();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections_nest),
		cmocka_unit_test(clock_and_self),
		cmocka_unit_test(synchronize_waits),
		cmocka_unit_test(nothing_is_used_after_synchronize),
		cmocka_unit_test(slots_are_used_again),
		cmocka_unit_test(used_in_the_last_moments_of_a_thread),
		cmocka_unit_test(synchronize_inside_panics),
	};

	return cmocka_run_group_tests_name("hosted", tests, NULL, NULL);
}
