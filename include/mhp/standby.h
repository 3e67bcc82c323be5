/* SPDX-License-Identifier: MIT */
/*
 * Front end for standby memory: addresses that a partition may have memory at,
 * once it has been assigned storage there. Memory blocks are configured and
 * deconfigured one by one at run time; before and after, there is nothing
 * behind their addresses.
 *
 *   configure:     assign storage, add        (fails: unassign)
 *   deconfigure:   remove, unassign storage   (the block is offline)
 *
 * Storage is there as long as anything of the block is known, so its memmap may
 * be on it.
 *
 * The other way to use such memory: with MHP_STANDBY_ALL all blocks are added
 * at the start, as memory that is not accessible; storage is assigned when one
 * goes online, and unassigned when it has gone offline.
 */
#ifndef MHP_STANDBY_H
#define MHP_STANDBY_H

#include "mhp/err.h"
#include "mhp/extent.h"
#include "mhp/notify.h"
#include "mhp/types.h"
#include "mhp/view.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/**
 * struct mhp_standby_ops - storage comes in increments
 */
struct mhp_standby_ops {
	uint32_t size_bytes; /* sizeof(struct mhp_standby_ops) */

	/** @assign: put storage behind an increment; one that has some keeps
	 * it. Context: as mhp_standby_configure(), or [mutex] with
	 * MHP_STANDBY_ALL; may sleep. Return: 0, or a negative errno value. */
	int (*assign)(void *ctx, struct mhp_extent increment);

	/** @unassign: take it away. Context: as assign. Return: 0, or a
	 * negative errno value: it is still there. */
	int (*unassign)(void *ctx, struct mhp_extent increment);
};

/**
 * struct mhp_standby_block - a memory block; owned by the caller, the driver's
 * to write
 */
struct mhp_standby_block {
	bool configured; /* it is known to the engine */
	bool existing;	 /* it was known before, and is not this driver's */
	bool assigned;	 /* storage is behind it */
	bool memmap;	 /* it carries its own memmap once it is configured */
};

/** All blocks are added at the start. */
#define MHP_STANDBY_ALL (1u << 0)

/**
 * struct mhp_standby - standby memory; owned by the caller
 *
 * Zero it, fill in the first part, and keep it where it is until it is stopped.
 */
struct mhp_standby {
	struct mhp_extent extent; /* whole memory blocks */
	uint64_t increment_bytes; /* divides a block; 0: a block */
	uint16_t node;
	uint32_t flags; /* MHP_STANDBY_* */
	const struct mhp_standby_ops *ops;
	void *ctx;			  /* passed to every operation */
	struct mhp_standby_block *blocks; /* room for one of each block */
	uint32_t max_blocks;		  /* that room */
	/* The driver's, to be read. */
	uint64_t first_block; /* index in blocks */
	uint32_t nr_blocks;
	struct mhp_notifier notifier;
	struct mhp_view_firmware firmware;
};

/**
 * mhp_standby_start() - there is standby memory
 *
 * Blocks that are known already count as configured and stay what they are.
 * With MHP_STANDBY_ALL all others are added, and go online by policy.
 *
 * @report: optional
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (not whole blocks, bad increment, an operation is
 *   missing, no such node); MHP_ERR_2BIG (beyond max_pfn); MHP_ERR_NOSPC (more
 *   blocks than room); with MHP_STANDBY_ALL also as mhp_add(). On failure
 *   nothing is known of it; but if somebody has put a block online before the
 *   last was added, those stay, and nr_blocks is not 0: stop it.
 */
MHP_MUST_CHECK MHP_API int mhp_standby_start(struct mhp *m,
					     struct mhp_standby *dev,
					     struct mhp_report *report);

/**
 * mhp_standby_stop() - there is no more
 *
 * @report: optional
 *
 * Context: takes the mutex; may sleep.
 * Return: 0: @dev and its blocks are the caller's; MHP_ERR_BUSY (a block of it
 *   is configured; with MHP_STANDBY_ALL: online); MHP_ERR_DEADLK. On failure
 *   it goes on; blocks below one that somebody else had added in between may be
 *   gone with MHP_STANDBY_ALL.
 */
MHP_MUST_CHECK MHP_API int mhp_standby_stop(struct mhp *m,
					    struct mhp_standby *dev,
					    struct mhp_report *report);

/**
 * mhp_standby_configure() - make a block known
 *
 * @block_id: index in blocks
 * @report: optional; on success as mhp_add(), or MHP_WHY_LEFT_OFFLINE if the
 *   policy could not put it online
 *
 * What is added goes online by policy.
 *
 * Context: as mhp_add() and mhp_block_online(). One call for a device at a
 *   time.
 * Return: 0; MHP_ERR_NOENT (no block of it); MHP_ERR_ALREADY (configured);
 *   MHP_ERR_OPNOTSUPP (MHP_STANDBY_ALL); MHP_ERR_IO (no storage was assigned);
 *   others as mhp_add(). On failure it is not known, and has no storage that it
 *   had not before.
 */
MHP_MUST_CHECK MHP_API int mhp_standby_configure(struct mhp *m,
						 struct mhp_standby *dev,
						 uint64_t block_id,
						 struct mhp_report *report);

/**
 * mhp_standby_deconfigure() - forget a block
 *
 * @block_id: index in blocks
 * @report: optional
 *
 * Context: as mhp_remove(). One call for a device at a time.
 * Return: 0; MHP_ERR_NOENT (no block of it); MHP_ERR_ALREADY (not configured);
 *   MHP_ERR_OPNOTSUPP (MHP_STANDBY_ALL); MHP_ERR_BUSY (not offline, or it was
 *   there before): it is as before; MHP_ERR_IO (it is not configured any more,
 *   but the storage could not be unassigned and is used the next time).
 */
MHP_MUST_CHECK MHP_API int mhp_standby_deconfigure(struct mhp *m,
						   struct mhp_standby *dev,
						   uint64_t block_id,
						   struct mhp_report *report);

/**
 * mhp_standby_set_memmap_on_memory() - whether a block carries its own memmap
 *
 * At first it does if it can.
 *
 * @block_id: index in blocks
 * @on: it does; else its memmap is in existing memory
 * @report: optional
 *
 * Context: takes the mutex; may sleep. One call for a device at a time.
 * Return: 0; MHP_ERR_NOENT (no block of it); MHP_ERR_BUSY (it is configured);
 *   MHP_ERR_OPNOTSUPP (@on, and no block could); MHP_ERR_DEADLK. On failure it
 *   is as before.
 */
MHP_MUST_CHECK MHP_API int
mhp_standby_set_memmap_on_memory(struct mhp *m, struct mhp_standby *dev,
				 uint64_t block_id, bool on,
				 struct mhp_report *report);

/**
 * mhp_standby_show() - show the blocks below /sys/firmware/memory
 *
 * For one device of an instance. mhp_view_set_firmware() with NULL ends it,
 * before the device is stopped.
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (not started); MHP_ERR_BUSY (another's are shown);
 *   MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int mhp_standby_show(struct mhp *m,
					    struct mhp_standby *dev);

/**
 * mhp_standby_block() - a block of a device
 *
 * @block_id: index in blocks
 *
 * Context: any, as long as no call changes it.
 * Return: the block; NULL if it is not of this device.
 */
MHP_API const struct mhp_standby_block *
mhp_standby_block(const struct mhp_standby *dev, uint64_t block_id);

#ifdef __cplusplus
}
#endif

#endif
