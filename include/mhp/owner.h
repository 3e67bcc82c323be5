/* SPDX-License-Identifier: MIT */
/*
 * Owners: who can move movable memory.
 *
 * A movable allocation names an owner. When its memory block is to leave, the
 * engine allocates a target and asks the owner to move the content there. The
 * owner may be done at once, refuse, or finish in its own time.
 */
#ifndef MHP_OWNER_H
#define MHP_OWNER_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;
struct mhp_offline;

/**
 * struct mhp_move - one allocation that has to move
 */
struct mhp_move {
	mhp_pfn_t from_pfn; /* the allocation */
	mhp_pfn_t to_pfn;   /* the target: as long, same owner and cookie */
	uint8_t order;	    /* the smallest that holds nr_pages */
	uint64_t nr_pages;  /* 2^order, but for runs (mhp_run_alloc()) */
	uint64_t cookie;    /* given at allocation */
	/* For mhp_move_expired(), as long as move() runs; NULL: never. */
	const struct mhp_offline *op;
};

/**
 * struct mhp_owner_ops - what an owner can do
 *
 * Constant. move() runs without the engine's mutex, so it may call
 * everything but the owner's own unregistration; calls about the block that is
 * leaving give MHP_ERR_BUSY.
 */
struct mhp_owner_ops {
	uint32_t size_bytes; /* sizeof(struct mhp_owner_ops) */
	const char *name;    /* shown in reports; copied, cut to MHP_NAME_MAX */

	/**
	 * @move: move the content of an allocation
	 *
	 * The owner checks that @move->cookie still is at @move->from_pfn, with
	 * as many pages, since it may just have freed it.
	 *
	 * Optional: an owner without it holds unmovable memory under a name.
	 *
	 * Context: thread of the offlining call, may sleep. A call that
	 *   empties memory, made from here, needs a deadline: it waits for what
	 *   is being moved if that lies in its way.
	 * Return: 0: moved, the owner now uses to_pfn, and from_pfn is the
	 *   engine's to free. MHP_ERR_BUSY: refused (pinned). MHP_ERR_AGAIN:
	 *   not there any more, or not yet. MHP_ERR_INPROGRESS: the owner keeps
	 *   to_pfn and will call mhp_move_complete().
	 *   In all but the first and the last case to_pfn is the engine's.
	 *   A move that takes more than a fraction of a millisecond looks at
	 *   mhp_move_expired() meanwhile, and ends with MHP_ERR_AGAIN if so.
	 */
	int (*move)(void *ctx, struct mhp *m, const struct mhp_move *move);

	/**
	 * @pins: how often an allocation is pinned, 0 if it can move
	 *
	 * Optional: without it allocations count as unpinned until a move is
	 * refused. Context: any thread, perhaps under the mutex (lifecycle
	 * calls give MHP_ERR_DEADLK), must not sleep.
	 */
	uint32_t (*pins)(void *ctx, struct mhp *m, mhp_pfn_t pfn,
			 unsigned int order, uint64_t cookie);

	/**
	 * @move_many: move the contents of several small allocations at once
	 *
	 * As move() for each of them, for an owner that can do better with many
	 * than with one: copy all, then make all copies visible together. They
	 * are of at most 64 pages together, and MHP_OFFLINE_BATCH at most.
	 *
	 * @moves: the allocations, in the order of their pages
	 * @nr: how many, 1 at least
	 * @codes: receives for each what move() would have returned; those that
	 *   are left as they are count as MHP_ERR_AGAIN
	 *
	 * Each is moved or not by itself. A call that waits for one of them
	 * looks at mhp_move_expired() before it waits for the next.
	 *
	 * Optional: without it move() is asked for each, as it always is for
	 * larger ones.
	 * Context: as move().
	 */
	void (*move_many)(void *ctx, struct mhp *m,
			  const struct mhp_move *moves, unsigned int nr,
			  int *codes);

	/**
	 * @poisoned: a page of an allocation is broken, its content lost
	 *
	 * The allocation stays the owner's until it is freed; then the bad page
	 * stays behind. @bad_pfn is in it, @pfn and @order are the allocation.
	 * The owner checks that @cookie still is at @pfn, since it may just
	 * have freed or moved it.
	 *
	 * Optional: without it the owner is not told.
	 * Context: thread of mhp_poison_hard(), without the mutex; may sleep
	 *   and call everything but the owner's own unregistration.
	 */
	void (*poisoned)(void *ctx, struct mhp *m, mhp_pfn_t pfn,
			 unsigned int order, uint64_t cookie,
			 mhp_pfn_t bad_pfn);
};

/**
 * mhp_owner_register() - make an owner known
 *
 * @ops: must outlive the registration
 * @ctx: passed to the callbacks
 * @owner: receives its number, from 1 on
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (no name, or a wrong size_bytes); MHP_ERR_NOSPC (too
 *   many owners); MHP_ERR_DEADLK. Nothing is registered on failure.
 */
MHP_MUST_CHECK MHP_API int mhp_owner_register(struct mhp *m,
					      const struct mhp_owner_ops *ops,
					      void *ctx, uint16_t *owner);

/**
 * mhp_owner_unregister() - forget an owner
 *
 * The caller has freed everything of this owner and has no move in flight.
 *
 * Context: takes the mutex, waits for readers; may sleep.
 * Return: 0; MHP_ERR_NOENT (no such owner); MHP_ERR_BUSY (it has pages of this
 *   instance still, or a step of an offlining runs that might ask it: try
 *   again); MHP_ERR_DEADLK. It stays registered on failure.
 */
MHP_MUST_CHECK MHP_API int mhp_owner_unregister(struct mhp *m, uint16_t owner);

/**
 * mhp_move_complete() - end a move that returned MHP_ERR_INPROGRESS
 *
 * @from_pfn, @to_pfn, @order: as in the struct mhp_move; a run is completed
 *   as a whole, too
 * @moved: true: the owner uses to_pfn now; false: it stays at from_pfn
 *
 * Frees the page that is not used any more. With @moved, to_pfn is not looked
 * at: it is the owner's, who may have freed it already.
 *
 * Context: any but NMI; lock-free.
 * Return: 0; MHP_ERR_INVAL (no such move is in flight; nothing is done).
 */
MHP_API int mhp_move_complete(struct mhp *m, mhp_pfn_t from_pfn,
			      mhp_pfn_t to_pfn, unsigned int order, bool moved);

/**
 * mhp_move_expired() - whether the operation that a move is part of shall end
 *
 * Because its deadline has passed, or it was cancelled. Nothing moves after;
 * how soon it ends is up to the owners that are moving: one that copies much
 * asks after each part of it.
 *
 * @move: as move() got it
 *
 * Context: owner->move; takes no lock, reads the clock (ops->now_ns).
 * Return: true: give the move up, if it is not nearly done.
 */
MHP_MUST_CHECK MHP_API bool mhp_move_expired(struct mhp *m,
					     const struct mhp_move *move);

#ifdef __cplusplus
}
#endif

#endif
