/* SPDX-License-Identifier: MIT */
/*
 * Threads of a process as the engine sees them: the registry behind
 * port_hosted.h. Internal to the hosted library; the public part is
 * mhp/hosted.h.
 *
 * A thread is attached on its first use of the library and detached by a
 * destructor of thread-specific data when it ends. Attached, it has a record:
 * the lowest slot that no other thread has, and the word in which it says that
 * a section is open. Records are never freed, only used again, so that whoever
 * walks them needs no lock.
 */
#ifndef MHP_PORT_HOSTED_HOSTED_H
#define MHP_PORT_HOSTED_HOSTED_H

#include "mhp/hosted.h"

#define MHP_HOSTED_HIDDEN __attribute__((visibility("hidden")))
#define MHP_HOSTED_LIKELY(x) __builtin_expect(!!(x), 1)
#define MHP_HOSTED_UNLIKELY(x) __builtin_expect(!!(x), 0)

/*
 * The word of a section; only its thread writes it.
 *
 *        16   15  14             0
 *   [ round ][slow][ sections open ]
 *
 * round: grows with each outermost section that ends. slow: opening one takes
 * more than a store, so the inline path leaves it to mhp_hosted_enter().
 */
#define MHP_HOSTED_OPEN 0x7fffUL
#define MHP_HOSTED_SLOW 0x8000UL
#define MHP_HOSTED_ROUND 0x10000UL

/**
 * struct mhp_hosted_record - an attached thread
 */
struct mhp_hosted_record {
	unsigned long section;
	unsigned int slot;		/* constant */
	bool taken;			/* [registry] */
	struct mhp_hosted_record *next; /* set once, with release */
} __attribute__((aligned(64)));

/* What threads have that are not attached: slow, and never in a section. */
extern MHP_HOSTED_HIDDEN struct mhp_hosted_record mhp_hosted_nobody;

/* What a thread knows of itself. */
struct mhp_hosted_thread {
	struct mhp_hosted_record *record;
	unsigned int slot; /* that of the record: one load less */
};

/*
 * Of the calling thread. Initial-exec: an offset from the thread pointer, not a
 * call, also inside the shared library. It takes 16 bytes of the static space
 * for thread locals.
 */
extern MHP_HOSTED_HIDDEN __thread struct mhp_hosted_thread mhp_hosted_self
	__attribute__((tls_model("initial-exec")));

/* Opens a section in all cases; attaches the thread if need be. Panics without
 * memory. */
MHP_HOSTED_HIDDEN __attribute__((noinline)) void mhp_hosted_enter(void);

/* Closes a section in all cases. */
MHP_HOSTED_HIDDEN __attribute__((noinline)) void mhp_hosted_leave(void);

/* Prints where and what, and aborts. */
MHP_HOSTED_HIDDEN __attribute__((cold, noinline, noreturn)) void
mhp_hosted_panic(const char *file, int line, const char *what);

#endif
