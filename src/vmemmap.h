/* SPDX-License-Identifier: MIT */
/*
 * The memmap of a span: mapped, reached, given back. A span is what comes and
 * goes with one memmap: a memory block, or a device range.
 *
 * With a window (ops->map_memmap), the descriptor of pfn n stands at
 * window + n * descriptor_bytes, and populating maps the span's piece of it.
 * Without, or if the span's descriptors do not fill whole pages of the window,
 * its memmap is contiguous in the linear map. Either way the record of the
 * block or the device points to the descriptor of its first page, and
 * desc_word() is the one accessor of a block's.
 *
 * A memmap in existing memory is a chain of allocations of the engine itself:
 * the cookie of each is the pfn of the next, that of the last the first page
 * that is described.
 */
#ifndef MHP_SRC_VMEMMAP_H
#define MHP_SRC_VMEMMAP_H

#include "engine.h"

/** vmemmap_maps() - whether descriptors are reached through the window */
static inline bool vmemmap_maps(const struct mhp *m)
{
	return m->window != NULL;
}

/* What one memmap describes, and where that is. */
struct span {
	struct mhp_range range;
	unsigned int node;
	bool windowed;	 /* descriptors are reached through the window */
	uint8_t *memmap; /* descriptor of the first page, once it is there */
	mhp_pfn_t memmap_pfn; /* first piece in existing memory, or
				 MHP_PFN_NONE */
};

/** vmemmap_fills_window() - whether there is a window, and the descriptors of a
 * range are whole pages of it */
bool vmemmap_fills_window(const struct mhp *m, struct mhp_range range);

/** vmemmap_map() - map a span's memmap from contiguous pages into the window.
 * [mutex] */
int vmemmap_map(struct mhp *m, struct span *span, mhp_pfn_t backing_pfn);

/** vmemmap_unmap() - undo it, or all that vmemmap_populate_existing() mapped.
 * [mutex] */
void vmemmap_unmap(struct mhp *m, const struct span *span);

/**
 * vmemmap_populate_existing() - a memmap in existing memory
 *
 * Takes the largest pieces it can get up to a PMD from the span's node, then
 * from others.
 *
 * Context: [mutex]; may sleep. Return: 0 or a negative errno value, and then
 * nothing is taken.
 */
int vmemmap_populate_existing(struct mhp *m, struct span *span,
			      struct mhp_report *report);

/** vmemmap_depopulate_existing() - undo it. [mutex] */
void vmemmap_depopulate_existing(struct mhp *m, struct span *span);

/* ---- moving ---- */

/** Most of a memmap that writers to it wait for at once. */
#define REMAP_PROTECTED_BYTES (UINT64_C(64) << 10)

/* A memmap that goes elsewhere. */
struct remap {
	const struct span *span; /* its target, not in force yet; memmap is
				    where it is read */
	mhp_pfn_t backing_pfn;	 /* of the target, if that is no chain */
	uint8_t *to;		 /* the target, if there is no window */
	uint64_t skip_bytes;	 /* descriptors that nobody needs, at its
				    start */
	bool copies;		 /* descriptors are in use */
	bool protects;		 /* others may write to them */
};

/** vmemmap_reserve_existing() - take a memmap in existing memory, but do not
 * map it. Like vmemmap_populate_existing(). [mutex] */
int vmemmap_reserve_existing(struct mhp *m, struct span *span,
			     struct mhp_report *report);

/** vmemmap_release_existing() - give it back: no window leads there. [mutex] */
void vmemmap_release_existing(struct mhp *m, struct span *span);

/** vmemmap_next() - the piece behind one of a memmap in existing memory, or
 * MHP_PFN_NONE. [mutex] */
mhp_pfn_t vmemmap_next(struct mhp *m, mhp_pfn_t pfn);

/** vmemmap_described() - the first page of the span that a piece of a memmap in
 * existing memory is for. [mutex] */
mhp_pfn_t vmemmap_described(struct mhp *m, mhp_pfn_t pfn);

/** vmemmap_bad() - a bad page of a memmap in existing memory, or
 * MHP_PFN_NONE. [mutex] */
mhp_pfn_t vmemmap_bad(struct mhp *m, const struct span *span);

/** vmemmap_remap_prepare() - take what vmemmap_remap() may need. [mutex] */
int vmemmap_remap_prepare(struct mhp *m, const struct span *span);

/** vmemmap_remap_cancel() - undo it. [mutex] */
void vmemmap_remap_cancel(struct mhp *m, const struct span *span);

/** vmemmap_remap() - copy descriptors, and have the window lead to the copy.
 * [mutex] */
void vmemmap_remap(struct mhp *m, const struct remap *r);

#endif
