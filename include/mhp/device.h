/* SPDX-License-Identifier: MIT */
/*
 * Device ranges: memory that has descriptors and is never given to the
 * allocator. What ZONE_DEVICE is in Linux: persistent memory, memory of an
 * accelerator, that a driver hands out itself.
 *
 *   | head of the driver | memmap | data ................................ |
 *   |<--- reserved ----->|        |<- mhp_device_info.data
 *
 * A range is whole sub-sections (mhp_subsection_pages()), not whole memory
 * blocks: several may share a section, also with boot memory, in whose holes
 * they may be. It is in no memory block, has no states, and is in zone DEVICE
 * of its node, which manages nothing. Its memmap stands on the range itself,
 * behind a head that the driver keeps, or in existing memory. Of the rest of
 * the range the engine touches nothing: what a device remembers stays.
 *
 * The descriptors' bytes behind the engine's own are the driver's, see
 * mhp_frame_extra(). They hold anything at first.
 */
#ifndef MHP_DEVICE_H
#define MHP_DEVICE_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/** A device range. Its record is the engine's. */
struct mhp_device;

/**
 * struct mhp_device_request - a device range to add
 */
struct mhp_device_request {
	uint32_t size_bytes;	/* sizeof(struct mhp_device_request), or 0 */
	struct mhp_range range; /* whole sub-sections */
	uint16_t node;		/* need not be alive, nor gets so by this */
	/* EXISTING; RANGE, or BLOCK, since there are no blocks: on the range
	 * itself; AUTO: likewise, if that can be. */
	enum mhp_placement placement;
	uint64_t nr_reserved_pages; /* the driver's head, before the memmap */
	uint32_t flags;		    /* MHP_ADD_STRICT or 0 */
	/* What /proc/iomem calls it; copied, cut to MHP_NAME_MAX. NULL: "Device
	 * Memory". */
	const char *name;
	void *ctx; /* for the driver: whoever looks the range up gets it */
};

/**
 * struct mhp_device_info - a device range
 */
struct mhp_device_info {
	struct mhp_device *device;
	struct mhp_range range;
	struct mhp_range data; /* what is behind head and memmap */
	uint16_t node;
	enum mhp_placement placement; /* EXISTING or RANGE: what it became */
	uint64_t nr_reserved;	      /* pages of the head */
	uint64_t nr_memmap;	      /* pages of it that hold its memmap */
	char name[MHP_NAME_MAX];
	void *ctx; /* the driver's */
};

/**
 * mhp_device_add() - make a device range known
 *
 * Where a boot block with holes has descriptors in the window for part of the
 * range, those serve, and the memmap is as much smaller.
 *
 * @request: what to add
 * @device: receives the range, which stays until mhp_device_remove()
 * @report: optional; on success its why is MHP_WHY_FELL_BACK if the memmap
 *   should have been on the range and could not be, else MHP_WHY_NONE
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (empty, not whole sub-sections, bad node or
 *   placement, unknown flag, a head that leaves no page); MHP_ERR_2BIG (beyond
 *   max_pfn); MHP_ERR_EXIST (memory or a device range is known there);
 *   MHP_ERR_OPNOTSUPP (MHP_ADD_STRICT and head and memmap leave no page);
 *   MHP_ERR_NOMEM; MHP_ERR_DEADLK; or what an operation returned. On failure
 *   everything is as before.
 */
MHP_MUST_CHECK MHP_API int
mhp_device_add(struct mhp *m, const struct mhp_device_request *request,
	       struct mhp_device **device, struct mhp_report *report);

/**
 * mhp_device_remove() - forget a device range
 *
 * The driver has no page of it in use any more, and no pointer to a
 * descriptor.
 *
 * @device: from mhp_device_add(); gone afterwards
 *
 * Context: takes the mutex, waits for readers; may sleep.
 * Return: 0; MHP_ERR_NOENT (no such device range); MHP_ERR_DEADLK. Nothing is
 *   removed on failure.
 */
MHP_MUST_CHECK MHP_API int mhp_device_remove(struct mhp *m,
					     struct mhp_device *device);

/**
 * mhp_device_query() - look at a device range
 *
 * @device: a range that nobody removes meanwhile
 * @info: receives the answer, which does not change
 *
 * Context: any.
 */
MHP_API void mhp_device_query(const struct mhp_device *device,
			      struct mhp_device_info *info);

/**
 * mhp_device_find() - the device range that a page is in
 *
 * @pfn: any
 * @info: receives the range; its device is good while nobody removes it
 *
 * Context: any but NMI; lock-free; time proportional to the device ranges
 *   before it.
 * Return: 0; MHP_ERR_NOENT (in none; @info is untouched).
 */
MHP_MUST_CHECK MHP_API int mhp_device_find(struct mhp *m, mhp_pfn_t pfn,
					   struct mhp_device_info *info);

/**
 * mhp_device_next() - the next device range
 *
 * @pfn: where to look from: a range that begins there or behind
 * @info: receives the range, as from mhp_device_find()
 *
 * Context: as mhp_device_find().
 * Return: 0; MHP_ERR_NOENT (none from there on; @info is untouched).
 */
MHP_MUST_CHECK MHP_API int mhp_device_next(struct mhp *m, mhp_pfn_t pfn,
					   struct mhp_device_info *info);

#ifdef __cplusplus
}
#endif

#endif
