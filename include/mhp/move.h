/* SPDX-License-Identifier: MIT */
/*
 * Moving a memmap: descriptors and allocator state of a memory block go to
 * other memory while its pages are in use.
 *
 * After a plug in need, onto memory that was there: onto the block itself, so
 * that the memory that was there gets its pages back. From a block onto memory
 * that was there: the block gets its first pages, and is one unbroken run.
 *
 * Off the start of a range that has one memmap (MHP_PLACEMENT_RANGE): the
 * blocks that hold it can leave although the others stay. mhp_memmap_evict()
 * moves all that one block holds. If several blocks hold memmaps begin with the
 * last: a block that holds memmaps of others keeps its own. When nobody else
 * has his there the first block moves like any other.
 *
 * Memmaps that were moved to existing memory can be on each other's blocks;
 * then neither block can leave until one of the memmaps is moved again.
 *
 * Descriptors keep their address if there is a window. Users of pages notice at
 * most a short wait: nothing is allocated from the block meanwhile, and frees
 * and queries wait while the state is copied, a few microseconds.
 */
#ifndef MHP_MOVE_H
#define MHP_MOVE_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/**
 * mhp_memmap_move() - move the memmap and the state of a memory block
 *
 * To MHP_PLACEMENT_EXISTING: memory is taken as at mhp_add(), but not from the
 * block itself, nor from those that its memmap is on, nor from blocks that
 * could leave only after it because their memmap is on it, or on one of those:
 * two blocks that hold each other's memmaps could never leave. To
 * MHP_PLACEMENT_BLOCK: if the block is online its first pages are emptied
 * first, by their owners, as mhp_withhold() does. They then count as memmap,
 * and no longer as managed; the other way round they become managed and free.
 * The block may be on- or offline.
 *
 * @block_id: index in blocks
 * @placement: where to: MHP_PLACEMENT_EXISTING or MHP_PLACEMENT_BLOCK
 * @deadline_ns: for emptying, absolute, on the clock of ops->now_ns;
 *   MHP_NO_DEADLINE: as long as pages move
 * @report: optional: what was in the way
 *
 * Context: takes the mutex, waits for readers, lets go of the mutex while
 *   owners move pages; may sleep.
 * Return: 0, also if it is there already, and then nothing was done;
 *   MHP_ERR_NOENT (no such block); MHP_ERR_INVAL (no such placement, or not one
 *   that can be moved to); MHP_ERR_BUSY (in transition; pageblocks isolated by
 *   others; a move of data in flight; a page in the way that is pinned or does
 *   not move, or is withheld; the block holds memmaps of others; pages
 *   of its memmap are lent, see lend.h);
 *   MHP_ERR_OPNOTSUPP (boot memory; the port cannot; the block cannot hold its
 *   memmap, or part of it is there by chance: @report says which rule);
 *   MHP_ERR_HWPOISON (a page that would hold it, or holds it, is bad);
 *   MHP_ERR_NOMEM; MHP_ERR_TIMEDOUT; MHP_ERR_DEADLK; or what an operation
 *   returned. On failure the old memmap is in force and everything is as
 *   before, but for data that has moved.
 */
MHP_MUST_CHECK MHP_API int mhp_memmap_move(struct mhp *m, uint64_t block_id,
					   enum mhp_placement placement,
					   uint64_t deadline_ns,
					   struct mhp_report *report);

/**
 * mhp_memmap_evict() - move all memmaps of others off a memory block
 *
 * Of all blocks whose memmap or state is on @block_id, all or in part: as
 * mhp_memmap_move() does each of them, but all or none. Afterwards the block
 * can go offline and leave. Its own memmap stays where it is.
 *
 * Meanwhile nothing is allocated from any of the blocks whose memmaps move.
 *
 * @block_id: index in blocks of the one to be rid of them
 * @placement: where to: MHP_PLACEMENT_EXISTING or MHP_PLACEMENT_BLOCK
 * @deadline_ns: for emptying all, as in mhp_memmap_move()
 * @report: optional: what was in the way, and of which block
 *
 * Context: as mhp_memmap_move().
 * Return: 0, also if it has none; or as mhp_memmap_move(), for the first of the
 *   blocks that cannot move. On failure every memmap is where it was, and
 *   everything as before, but for data that has moved.
 */
MHP_MUST_CHECK MHP_API int mhp_memmap_evict(struct mhp *m, uint64_t block_id,
					    enum mhp_placement placement,
					    uint64_t deadline_ns,
					    struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
