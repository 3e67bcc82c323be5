/* SPDX-License-Identifier: MIT */
/*
 * Page descriptors: how they are reached, and the engine's word in them.
 *
 * The engine's word of a descriptor; it is valid only for the first page of a
 * live allocation, and nothing is decided by another (INV-03):
 *
 *   63    57   56    55     40 39                         0
 *   [ align ][moving][ owner  ][ cookie                   ]
 *
 * align: order of the alignment that was asked for beyond the natural one, or
 * 0: a move keeps it.
 */
#ifndef MHP_SRC_DESC_H
#define MHP_SRC_DESC_H

#include "engine.h"

#define DESC_OWNER_SHIFT 40
#define DESC_MOVING (UINT64_C(1) << 56)
#define DESC_ALIGN_SHIFT 57

static inline uint64_t desc_make(uint16_t owner, uint64_t cookie)
{
	return (uint64_t)owner << DESC_OWNER_SHIFT | cookie;
}

/** desc_aligned() - what a descriptor says beside, with an alignment */
static inline uint64_t desc_aligned(unsigned int order)
{
	return (uint64_t)order << DESC_ALIGN_SHIFT;
}

static inline unsigned int desc_align(uint64_t word)
{
	return (unsigned int)(word >> DESC_ALIGN_SHIFT);
}

static inline uint16_t desc_owner(uint64_t word)
{
	return (uint16_t)(word >> DESC_OWNER_SHIFT);
}

static inline uint64_t desc_cookie(uint64_t word)
{
	return word & MHP_COOKIE_MAX;
}

/** desc_word() - the engine's word of a page's descriptor */
static inline mhp_word_t *desc_word(const struct mhp *m,
				    const struct mhp_block *blk, mhp_pfn_t pfn)
{
	uint64_t index = pfn - blk->start_pfn;

	return (mhp_word_t *)(void *)(blk->memmap +
				      index * m->geometry.descriptor_bytes);
}

#endif
