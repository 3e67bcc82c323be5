/* SPDX-License-Identifier: MIT */
/*
 * Front end for DAX devices: memory with addresses of its own (persistent, of
 * an accelerator, behind CXL) that becomes system memory while the device is
 * bound, and is the device's again when it is unbound.
 *
 *   extents   | .....|#######|#######|.... |   what the device has, any 2 MiB
 *   ranges           |<- whole blocks ->|      what of it is used
 */
#ifndef MHP_DAX_KMEM_H
#define MHP_DAX_KMEM_H

#include "mhp/err.h"
#include "mhp/extent.h"
#include "mhp/group.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/**
 * struct mhp_kmem_ops - what the device is asked
 */
struct mhp_kmem_ops {
	uint32_t size_bytes; /* sizeof(struct mhp_kmem_ops) */

	/** @reserve: nobody else may use these pages of the device. Optional.
	 * Context: as mhp_kmem_bind(). Return: 0, or a negative errno value. */
	int (*reserve)(void *ctx, struct mhp_range range);

	/** @release: undo reserve(). Optional. Context: as mhp_kmem_unbind() */
	void (*release)(void *ctx, struct mhp_range range);
};

/**
 * struct mhp_kmem - one device; owned by the caller
 *
 * Zero it, fill in the first part, and keep it where it is while it is bound.
 */
struct mhp_kmem {
	const struct mhp_extent *extents; /* nr_extents of them */
	struct mhp_range *ranges;	  /* room for nr_extents */
	uint32_t nr_extents;
	int node;			/* target node; negative: unknown */
	enum mhp_placement placement;	/* for its memmap; AUTO at first */
	const struct mhp_kmem_ops *ops; /* NULL: nobody is asked */
	void *ctx;			/* passed to every operation */
	/* The driver's, to be read. */
	bool bound;
	uint32_t nr_ranges;	/* that were added */
	struct mhp_group group; /* static, as large as all ranges together */
};

/** Of mhp_kmem_unbind(): take offline what is online. */
#define MHP_KMEM_OFFLINE (1u << 16)

/**
 * mhp_kmem_bind() - make a device's memory system memory
 *
 * Each extent is shrunk to whole memory blocks; one without any is left out. If
 * the first of the others cannot be reserved or added, that is the end; later
 * ones are left out then. What was added goes online by policy.
 *
 * @report: optional; on success its why says why the first extent that was left
 *   out, or whose placement fell back, was; or MHP_WHY_LEFT_OFFLINE if the
 *   policy could not put all of it online; else MHP_WHY_NONE
 *
 * Context: as mhp_add() and mhp_block_online(). One call for a device at a
 *   time.
 * Return: 0; MHP_ERR_INVAL (no such node, no whole memory block);
 *   MHP_ERR_ALREADY (bound); MHP_ERR_NOSPC (too many groups); what reserve
 *   returned; others as mhp_add(). On failure nothing is known, nothing is
 *   reserved and @dev is not bound.
 */
MHP_MUST_CHECK MHP_API int mhp_kmem_bind(struct mhp *m, struct mhp_kmem *dev,
					 struct mhp_report *report);

/**
 * mhp_kmem_unbind() - give the memory back to the device
 *
 * Without MHP_KMEM_OFFLINE its blocks must be offline already.
 *
 * @deadline_ns: absolute; MHP_NO_DEADLINE
 * @flags: MHP_OFFLINE_*, MHP_KMEM_OFFLINE
 * @report: optional
 *
 * Context: as mhp_offline_and_remove(). One call for a device at a time.
 * Return: 0, also if it was not bound; MHP_ERR_BUSY (a block is online); others
 *   as mhp_offline_and_remove(): each block is as before, and @dev is still
 *   bound.
 */
MHP_MUST_CHECK MHP_API int mhp_kmem_unbind(struct mhp *m, struct mhp_kmem *dev,
					   uint64_t deadline_ns, uint32_t flags,
					   struct mhp_report *report);

/**
 * mhp_kmem_set_memmap_on_memory() - whether its blocks carry their own memmap
 *
 * @on: they do; else their memmap is in existing memory
 * @report: optional
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_OPNOTSUPP (@on, and no block could); MHP_ERR_BUSY (bound,
 *   and it would change); MHP_ERR_DEADLK. On failure it is as before.
 */
MHP_MUST_CHECK MHP_API int
mhp_kmem_set_memmap_on_memory(struct mhp *m, struct mhp_kmem *dev, bool on,
			      struct mhp_report *report);

/**
 * mhp_kmem_memmap_on_memory() - whether its blocks would carry their own memmap
 *
 * Context: takes the mutex; may sleep.
 * Return: 1; 0; MHP_ERR_DEADLK.
 */
MHP_API int mhp_kmem_memmap_on_memory(struct mhp *m,
				      const struct mhp_kmem *dev);

#ifdef __cplusplus
}
#endif

#endif
