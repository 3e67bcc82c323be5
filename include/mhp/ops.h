/* SPDX-License-Identifier: MIT */
/*
 * What the engine asks of its embedder at run time: rare operations that may
 * fail or sleep. Leaf primitives (atomics, read-side section) are in port.h.
 *
 * Rules that hold for all operations:
 * 1. Operations that take something may fail; operations that give something
 *    back return void. What giving back may need is taken beforehand.
 * 2. A failing operation leaves nothing behind.
 * 3. No operation is called with a spinlock of the engine held.
 * 4. Those marked [mutex] run under the instance's mutex and must not call back
 *    into the lifecycle (add, remove, online, offline): that gives
 *    MHP_ERR_DEADLK. They may allocate and free pages.
 */
#ifndef MHP_OPS_H
#define MHP_OPS_H

#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct mhp_ops - the embedder's operations
 *
 * Constant, shared by any number of instances. Zero the whole struct first: new
 * operations are added behind, and NULL means "absent". Operations without
 * "Optional:" are checked for NULL at init.
 */
struct mhp_ops {
	/* sizeof(struct mhp_ops) */
	uint32_t size_bytes;

	/**
	 * @map_linear: make a range addressable
	 *
	 * Called once for each memory block, added or boot, and for each device
	 * range (device.h), before anything of it is touched. Stores in @va the
	 * address of its first byte; the range's bytes follow one another. For
	 * a boot block the engine touches nothing in its holes, but a device
	 * range, of whole sub-sections, may be in one. Of a device range it
	 * touches what holds the memmap, and nothing else.
	 *
	 * Context: [mutex], may sleep. Return: 0 or a negative errno value.
	 */
	int (*map_linear)(void *ctx, struct mhp_range range, void **va);

	/**
	 * @unmap_linear: undo map_linear() of exactly that range
	 *
	 * Nothing of the range is touched by the engine afterwards.
	 * Context: [mutex], may sleep.
	 */
	void (*unmap_linear)(void *ctx, struct mhp_range range);

	/**
	 * @map_memmap: map a piece of the vmemmap window
	 *
	 * Maps [@offset_bytes, @offset_bytes + @size_bytes) of the window
	 * (mhp_config.window) to the physical pages from @backing_pfn on.
	 * Offset and size are whole pages. Never covers descriptors of two
	 * memory blocks or device ranges.
	 *
	 * Optional: without it (and without unmap_memmap) descriptors are
	 * reached through the linear map, and a memmap in existing memory must
	 * be contiguous.
	 *
	 * Context: [mutex], may sleep. Return: 0 or a negative errno value.
	 */
	int (*map_memmap)(void *ctx, uint64_t offset_bytes, uint64_t size_bytes,
			  mhp_pfn_t backing_pfn);

	/**
	 * @unmap_memmap: undo map_memmap() of one or several adjacent pieces
	 *
	 * Context: [mutex], may sleep.
	 */
	void (*unmap_memmap)(void *ctx, uint64_t offset_bytes,
			     uint64_t size_bytes);

	/**
	 * @meta_alloc: a small object in existing memory
	 *
	 * For records (64 bytes a block, a few more for a device range), index
	 * leaves, and the allocator state
	 * of blocks whose memmap is in existing memory (for those @node is the
	 * block's, else MHP_NODE_ANY). Aligned to 64 bytes; need not be zeroed.
	 *
	 * Context: [mutex], may sleep. Return: the object, or NULL.
	 */
	void *(*meta_alloc)(void *ctx, uint64_t size_bytes, int node);

	/** @meta_free: give an object of meta_alloc() back. Context: [mutex] */
	void (*meta_free)(void *ctx, void *object, uint64_t size_bytes);

	/**
	 * @reads_zero: whether fresh memory of a range reads as zero
	 *
	 * Asked when the range is added. If true, add and online write nothing
	 * to it.
	 *
	 * Optional: without it memory is taken to hold anything.
	 * Context: [mutex].
	 */
	bool (*reads_zero)(void *ctx, struct mhp_range range);

	/**
	 * @first_use: a pageblock is about to be used for the first time
	 *
	 * Called once for each pageblock after its block went online, by the
	 * allocation that opens it, before anything of it is touched: the place
	 * to populate it. A failure leaves the pageblock as it was; the
	 * allocation looks elsewhere.
	 *
	 * Optional: without it nothing is done.
	 * Context: inside a read-side section, so it may sleep only where the
	 * port's section allows it. Return: 0 or a negative errno value.
	 */
	int (*first_use)(void *ctx, struct mhp_range pageblock);

	/**
	 * @synchronize: wait until every read-side section that is now open
	 * has ended
	 *
	 * Context: [mutex] or none, may sleep; never inside a read-side
	 * section.
	 */
	void (*synchronize)(void *ctx);

	/** @mutex_lock: take the instance's mutex. Context: may sleep. */
	void (*mutex_lock)(void *ctx);
	/** @mutex_unlock: release it. */
	void (*mutex_unlock)(void *ctx);

	/** @now_ns: a clock that does not go backwards, in ns. Context: any. */
	uint64_t (*now_ns)(void *ctx);

	/**
	 * @scrub: overwrite memory that leaves
	 *
	 * Called for the whole range of a block at removal, after its last user
	 * and before it is unmapped, if the block was added with
	 * MHP_ADD_SCRUB. Optional. Context: [mutex], may sleep.
	 */
	void (*scrub)(void *ctx, struct mhp_range range);

	/**
	 * @pagetable_bytes: bytes of page tables that the mappings of added
	 * memory take now; for statistics only. Optional. Context: any.
	 */
	uint64_t (*pagetable_bytes)(void *ctx);

	/**
	 * @log: one line for a person, without a newline; @level 0 is an error,
	 * 1 a warning, 2 information. Optional. Context: any, must not block.
	 */
	void (*log)(void *ctx, int level, const char *line);

	/**
	 * @remap_memmap: put other pages behind a piece of the window
	 *
	 * The piece is mapped, by map_memmap() or by this; from the return on
	 * no access finds the old pages. The engine has copied what counts.
	 * Others read the piece meanwhile, and see either pages. Writers that
	 * protect_memmap() made wait go on. Pieces come in any order, cover a
	 * block's memmap once, and need not be those it was mapped in.
	 *
	 * Optional: without it memmaps in a window do not move.
	 * Context: [mutex], may sleep. Cannot fail: see remap_prepare.
	 */
	void (*remap_memmap)(void *ctx, uint64_t offset_bytes,
			     uint64_t size_bytes, mhp_pfn_t backing_pfn);

	/**
	 * @remap_prepare: all of a block's piece will be remapped, and
	 * protected if there is protect_memmap; take what that may need
	 *
	 * Optional: without it nothing is needed. Pieces of several blocks may
	 * be prepared before the first is remapped. Those that will not be
	 * remapped after all, as one could not be prepared, go to
	 * remap_cancel().
	 *
	 * Context: [mutex], may sleep. Return: 0 or a negative errno value.
	 */
	int (*remap_prepare)(void *ctx, uint64_t offset_bytes,
			     uint64_t size_bytes);

	/**
	 * @remap_cancel: undo remap_prepare(); optional
	 *
	 * Context: [mutex], may sleep.
	 */
	void (*remap_cancel)(void *ctx, uint64_t offset_bytes,
			     uint64_t size_bytes);

	/**
	 * @protect_memmap: make writers of a piece wait
	 *
	 * From the return on nothing is written to the piece, at most 64 KiB
	 * or a page, until remap_memmap() of exactly that piece comes: a
	 * writer faults and waits. Reading goes on. Called only for memory
	 * that is online.
	 *
	 * Optional: without it a memmap moves while pages are in use only if
	 * mhp_config.no_extra says that nobody but the engine writes to it.
	 * Context: [mutex], may sleep. Cannot fail.
	 */
	void (*protect_memmap)(void *ctx, uint64_t offset_bytes,
			       uint64_t size_bytes);

	/**
	 * @hold_cpu: from here on the caller keeps its processor
	 *
	 * Until release_cpu() neither an interrupt handler nor another thread
	 * that uses the instance runs on it: they would wait for what they
	 * keep from running. For microseconds, in which nothing sleeps.
	 *
	 * Optional, together with release_cpu: where there are no interrupts
	 * and threads get their turn.
	 * Context: [mutex].
	 */
	void (*hold_cpu)(void *ctx);
	/** @release_cpu: undo hold_cpu(). */
	void (*release_cpu)(void *ctx);

	/**
	 * @wait_move: an allocation found nothing, but a memmap moves, and so
	 * its block was passed by
	 *
	 * Waits a moment, at best by giving the processor to somebody else. The
	 * thread that moves may be waiting for read-side sections to end, or
	 * for this processor: who is in an interrupt handler, in a section, or
	 * cannot be preempted, must not wait.
	 *
	 * Optional: without it such an allocation gets MHP_ERR_NOMEM.
	 * Context: any but NMI; outside the engine's own sections.
	 * Return: true: search again; false: cannot wait.
	 */
	bool (*wait_move)(void *ctx);
};

#ifdef __cplusplus
}
#endif

#endif
