/* SPDX-License-Identifier: MIT */
/*
 * What the library has for a port inside a process. The hosted library is built
 * with read-side sections of its own choice; a port that is linked with it (a
 * struct mhp_ops of the embedder's) waits for them with these calls.
 *
 * Threads need not register: each is attached when it first calls the library
 * and detached when it ends. A child of fork() that does not exec must not use
 * the library, and a signal handler only in a thread that used it before.
 */
#ifndef MHP_HOSTED_H
#define MHP_HOSTED_H

#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * mhp_hosted_synchronize() - wait for every read-side section that is open now
 *
 * What ops->synchronize does in a process.
 *
 * Context: any thread, outside a read-side section (else it panics); may sleep.
 */
MHP_API void mhp_hosted_synchronize(void);

/**
 * mhp_hosted_now_ns() - the monotonic clock of the process
 *
 * What ops->now_ns does in a process.
 *
 * Context: any.
 * Return: nanoseconds since some moment.
 */
MHP_API uint64_t mhp_hosted_now_ns(void);

/**
 * mhp_hosted_wait_move() - give others a turn, if that can end a wait
 *
 * What ops->wait_move does in a process.
 *
 * Context: any.
 * Return: true; false inside a read-side section, also of a thread that a
 *   signal handler has interrupted, and then nothing was done.
 */
MHP_API bool mhp_hosted_wait_move(void);

/**
 * mhp_hosted_section() - which read-side section the library was built with
 *
 * Context: any.
 * Return: "membarrier": opening one is a store, and who waits has membarrier()
 *   put barriers into all threads (where the system refuses that, as "fence");
 *   or "fence": each has its own.
 */
MHP_API const char *mhp_hosted_section(void);

#ifdef __cplusplus
}
#endif

#endif
