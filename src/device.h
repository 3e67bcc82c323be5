/* SPDX-License-Identifier: MIT */
/*
 * Device ranges, and how they are found from a pfn.
 *
 * They stand in one list, by address. Readers take no lock: a range is entered
 * with release, and freed after synchronize when it was taken out. The list is
 * asked only where the index of sections has no memory: no block, or a boot
 * block with holes.
 *
 * INV-26 device ranges are whole sub-sections below max_pfn, ascending, share
 * no page with each other nor with memory, and leave a page behind head and
 * memmap; zone DEVICE of a node has what they sum up to and manages nothing.
 */
#ifndef MHP_SRC_DEVICE_H
#define MHP_SRC_DEVICE_H

#include "altmap.h"
#include "mhp/device.h"
#include "mhp/frame.h"
#include "vmemmap.h"

struct mhp_device {
	struct mhp_range range;	 /* [const] */
	uint8_t *linear;	 /* [const] address of its first byte */
	uint8_t *memmap;	 /* [const] descriptor of its first page */
	mhp_pfn_t memmap_pfn;	 /* [const] first piece of a memmap in existing
				    memory, or MHP_PFN_NONE */
	struct altmap altmap;	 /* [const] head, and memmap on the range */
	struct mhp_device *next; /* [rcu] */
	uint16_t node;		 /* [const] */
	bool hosted;		 /* [const] the memmap is on the range */
	void *ctx;		 /* [const] the driver's */
	char name[MHP_NAME_MAX]; /* [const] */
};

/** device_lookup() - the range that holds @pfn, or NULL; inside a section or
 * under the mutex */
struct mhp_device *device_lookup(const struct mhp *m, mhp_pfn_t pfn);

/** device_beside() - the same, where @blk is what the index has there: most
 * often a block without holes, and there can be none */
static inline struct mhp_device *
device_beside(const struct mhp *m, const struct mhp_block *blk, mhp_pfn_t pfn)
{
	if (LIKELY(blk && !block_has(block_status(blk), BLOCK_HOLES)))
		return NULL;
	return device_lookup(m, pfn);
}

/** device_overlap() - the first range that has a page of @range, or NULL.
 * [mutex] */
struct mhp_device *device_overlap(const struct mhp *m, struct mhp_range range);

/** device_memory() - where the first block, or piece of boot memory, begins
 * that is in the way of a device range; MHP_PFN_NONE. [mutex] */
mhp_pfn_t device_memory(struct mhp *m, struct mhp_range range);

/** device_desc() - descriptor of a page of the range */
uint8_t *device_desc(const struct mhp *m, const struct mhp_device *dev,
		     mhp_pfn_t pfn);

/** device_use() - what a page of the range is */
enum mhp_page_use device_use(const struct mhp_device *dev, mhp_pfn_t pfn);

/** device_tally() - add what the pages of a range are that is in no block:
 * those of device ranges, and absent ones; inside a section */
void device_tally(const struct mhp *m, struct mhp_range range,
		  uint64_t nr[MHP_NR_PAGE_USES]);

/** device_publish() - into the list, its pages into the accounts. [mutex] */
void device_publish(struct mhp *m, struct mhp_device *dev);

/** device_unpublish() - undo it; readers may still see it. [mutex] */
void device_unpublish(struct mhp *m, struct mhp_device *dev);

/** device_sum() - what zone DEVICE of a node spans, and its pages. [mutex] */
uint64_t device_sum(const struct mhp *m, unsigned int node,
		    struct mhp_range *span);

/** device_span() - what the memmap of a range has to describe: all of it, or
 * what the window does not show anyway. [mutex] */
struct span device_span(const struct mhp *m, const struct mhp_device *dev);

/** device_fini() - forget all device ranges, at the end. [mutex] */
void device_fini(struct mhp *m);

#endif
