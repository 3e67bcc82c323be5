/* SPDX-License-Identifier: MIT */
/*
 * Tail sharing: memory of a memmap whose descriptors nobody needs is lent out.
 *
 * An allocation of a whole pageblock, or of a run of them, uses the descriptor
 * of its first page. The others describe tails. Of the descriptors of each
 * pageblock the first page stays, and the rest of the pages become managed
 * memory like any other, for movable data:
 *
 *   memmap  | first, tails | tails | tails | tails | first, tails | tails | ..
 *           |    stays     |         lent          |    stays     |
 *
 * What is lent is said by the allocator's own word for the pageblock, in no
 * descriptor. So freeing the allocation gives nothing back and cannot fail, and
 * neither does taking its block, or the block that holds its memmap, offline.
 * Memory that was freed so serves requests that promise not to touch tails
 * (MHP_ALLOC_NO_TAILS) as it is, and all others when its pages have been taken
 * back. An allocation is taken apart by mhp_frame_split(), which takes them
 * back first.
 *
 * For memmaps on added memory (MHP_PLACEMENT_BLOCK, MHP_PLACEMENT_RANGE), where
 * the descriptors of a pageblock are several whole pages.
 */
#ifndef MHP_LEND_H
#define MHP_LEND_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/**
 * mhp_memmap_lend() - lend what describes the tails of an allocation
 *
 * The caller promises not to touch mhp_frame_extra() of any page but the first,
 * and not to have kept such a pointer. What stood there is lost.
 *
 * @pfn: first page of an allocation of whole pageblocks that the caller holds
 * @nr_pages: all of it
 * @nr_lent: optional: receives how many pages are lent now that were not; 0 if
 *   none can be: the memmap is in existing memory, descriptors of a pageblock
 *   are no whole pages, what is beside them does not move or is bad, or their
 *   block is in transition or not always accessible. Untouched on failure.
 * @report: optional
 *
 * Context: takes the mutex, may wait for readers; may sleep.
 * Return: 0; MHP_ERR_INVAL (no such allocation, or not of whole pageblocks);
 *   MHP_ERR_DEADLK. On failure nothing is lent.
 */
MHP_MUST_CHECK MHP_API int mhp_memmap_lend(struct mhp *m, mhp_pfn_t pfn,
					   uint64_t nr_pages, uint64_t *nr_lent,
					   struct mhp_report *report);

/** Only for pageblocks that are free: what is allocated goes on as it is. */
#define MHP_TAKE_BACK_FREE (1u << 0)

/**
 * mhp_memmap_take_back() - take lent pages back: they are memmap again
 *
 * What is in use on them is moved by its owners, as at mhp_withhold(). With
 * MHP_TAKE_BACK_FREE this is for when memory is short: a request found none,
 * but pageblocks are free whose descriptors are lent.
 *
 * @range: of described memory, any; pageblocks that it touches
 * @flags: MHP_TAKE_BACK_*
 * @deadline_ns: absolute; MHP_NO_DEADLINE: as long as pages move
 * @report: optional: the first page that refused
 *
 * Context: takes the mutex, waits for readers; may sleep; owners move without
 *   the mutex.
 * Return: 0, also if nothing was lent; MHP_ERR_INVAL (unknown flag, or @range
 *   wraps around); MHP_ERR_BUSY (a page is pinned, a block that has lent pages,
 *   or one between such blocks of a range, is not online or in transition, or a
 *   pageblock there is isolated by somebody else); MHP_ERR_HWPOISON (a lent
 *   page is bad); MHP_ERR_NOMEM (nowhere to move to); MHP_ERR_TIMEDOUT;
 *   MHP_ERR_DEADLK. On failure all that belongs to one range of placement
 *   range, or one block of placement block, is lent as before or all is taken
 *   back; what has moved stays moved.
 */
MHP_MUST_CHECK MHP_API int
mhp_memmap_take_back(struct mhp *m, struct mhp_range range, uint32_t flags,
		     uint64_t deadline_ns, struct mhp_report *report);

/**
 * mhp_frame_split() - take an allocation apart
 *
 * It becomes allocations of a smaller order, of the same owner, which are freed
 * and moved one by one. Below a pageblock they need all descriptors: what is
 * lent is taken back first. The embedder's bytes of the first descriptor stay,
 * others hold anything.
 *
 * @pfn: first page of an allocation that the caller holds, and that nobody
 *   frees meanwhile
 * @nr_pages: all of it
 * @new_order: order of the parts, which divide it
 * @cookie_step: part i has the cookie of the whole, plus i times this
 * @deadline_ns: for taking back, absolute; MHP_NO_DEADLINE: as long as pages
 *   move
 * @report: optional: what was in the way
 *
 * Context: takes the mutex, waits for readers; may sleep. While lent pages move
 *   the mutex is free: the owner may be asked to move the allocation itself,
 *   which the split then finds gone.
 * Return: 0; MHP_ERR_INVAL (no such allocation, or the engine's; order or
 *   cookies do not fit); MHP_ERR_BUSY (a lent page is pinned or cannot be taken
 *   back now, as mhp_memmap_take_back() says; the allocation is being moved, or
 *   isolated); MHP_ERR_HWPOISON; MHP_ERR_NOMEM; MHP_ERR_TIMEDOUT;
 *   MHP_ERR_OPNOTSUPP (its memmap is in too many places); MHP_ERR_DEADLK. On
 *   failure it is one allocation as before and lends what it lent; what has
 *   moved out of lent pages stays moved.
 */
MHP_MUST_CHECK MHP_API int
mhp_frame_split(struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages,
		unsigned int new_order, uint64_t cookie_step,
		uint64_t deadline_ns, struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
