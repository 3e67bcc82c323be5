/* SPDX-License-Identifier: MIT */
/*
 * Threads of a process as the engine sees them: the registry behind
 * port_hosted.h. Internal to the hosted library; the public part is
 * mhp/hosted.h.
 *
 * A thread is attached on its first use of the library and detached by a
 * destructor of thread-specific data when it ends. Attached, it has a record:
 * the lowest slot that no other thread has, and, with the C11 read-side
 * section, the word in which it says that a section is open. Records are never
 * freed, only used again, so that whoever walks them needs no lock.
 */
#ifndef MHP_PORT_HOSTED_HOSTED_H
#define MHP_PORT_HOSTED_HOSTED_H

#include "mhp/hosted.h"

#define MHP_HOSTED_HIDDEN __attribute__((visibility("hidden")))
#define MHP_HOSTED_LIKELY(x) __builtin_expect(!!(x), 1)
#define MHP_HOSTED_UNLIKELY(x) __builtin_expect(!!(x), 0)

/**
 * struct mhp_hosted_record - an attached thread, as others see it
 */
struct mhp_hosted_record {
	uint64_t section;  /* C11: round of the open section; 0: none */
	unsigned int slot; /* constant */
	bool taken;	   /* [registry] */
	struct mhp_hosted_record *next; /* set once, with release */
} __attribute__((aligned(64)));

/**
 * struct mhp_hosted_thread - a thread, as it sees itself; zero: not attached
 *
 * reader is a struct urcu_reader with liburcu, else the record.
 */
struct mhp_hosted_thread {
	void *reader;
	unsigned int slot;
	unsigned int nesting; /* C11: sections open */
	struct mhp_hosted_record *record;
};

/*
 * Initial-exec: an offset from the thread pointer, not a call, also inside the
 * shared library. It takes 24 bytes of the static space for thread locals.
 */
extern MHP_HOSTED_HIDDEN __thread struct mhp_hosted_thread mhp_hosted_self
	__attribute__((tls_model("initial-exec")));

/* Rounds of the C11 section; starts at 1 and only grows. */
extern MHP_HOSTED_HIDDEN uint64_t mhp_hosted_round __attribute__((aligned(64)));

/* Attaches the calling thread; returns its reader. Panics without memory. */
MHP_HOSTED_HIDDEN __attribute__((cold, noinline)) void *mhp_hosted_attach(void);

/* Wakes a waiting synchronize of liburcu. */
MHP_HOSTED_HIDDEN __attribute__((cold, noinline)) void mhp_hosted_wake(void);

/* Prints where and what, and aborts. */
MHP_HOSTED_HIDDEN __attribute__((cold, noinline, noreturn)) void
mhp_hosted_panic(const char *file, int line, const char *what);

#endif
