/* SPDX-License-Identifier: MIT */
/*
 * port/template: a port to copy. A machine whose memory is one static array:
 * the first block is there at boot, the others can be plugged.
 *
 * What it does not do: more than one thread of control, more than one node, a
 * window for memmaps, memory that is known to be zero.
 */
#ifndef MHP_PORT_TEMPLATE_TEMPLATE_H
#define MHP_PORT_TEMPLATE_TEMPLATE_H

#include "mhp/mhp.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Memory blocks of the machine; block 0 is boot memory. */
#define TEMPLATE_NR_BLOCKS 4

/**
 * template_start() - describe the machine and start the engine on it
 *
 * @m: receives the instance
 * @report: optional
 *
 * Context: once; nobody else runs.
 * Return: 0; what mhp_init() returned, and then nothing is started.
 */
MHP_MUST_CHECK int template_start(struct mhp **m, struct mhp_report *report);

/** template_meta_bytes() - bytes of meta_alloc() that are not given back */
uint64_t template_meta_bytes(void);

/** template_nr_mapped() - blocks that map_linear() was called for */
unsigned int template_nr_mapped(void);

#ifdef __cplusplus
}
#endif

#endif
