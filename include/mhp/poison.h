/* SPDX-License-Identifier: MIT */
/*
 * Poison: pages whose memory is bad.
 *
 * A bad page is never handed out again. It is remembered by its address, not
 * in its descriptor: so it stays bad when its block goes offline, online, or
 * leaves and comes back. A block with bad pages does not go online
 * (MHP_ERR_HWPOISON); one that is online when a page goes bad stays so, and may
 * go offline: bad pages are no obstacle.
 *
 *   the page is     hard (it is broken)            soft (it may break soon)
 *   free            taken out                      taken out
 *   allocated       owner is told; taken out       content is moved away, then
 *                   when it is freed               taken out; BUSY if it
 *                                                  cannot move
 *   memmap, state,  remembered, and BUSY: nobody   BUSY, not remembered
 *   embedder's      can do without it
 *   withheld, or    remembered                     IO: nothing to move there
 *   offline
 *   no memory       NXIO                           NXIO
 *
 * The Linux profiles forget bad pages when their memory leaves, and 6.1 when it
 * goes online, which it does not refuse.
 *
 * Taking a page out changes no account: it stays present and managed, and is
 * not free any more.
 */
#ifndef MHP_POISON_H
#define MHP_POISON_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/** Bad pages that an instance can remember if its configuration does not
 * say. */
#define MHP_BAD_PAGES_DEFAULT 256

/**
 * mhp_poison_hard() - the memory of a page is broken
 *
 * A free page is taken out. Of an allocation the content is lost: its owner is
 * told (owner->poisoned, after the page has been remembered), and when it is
 * freed the bad page stays behind. A page that the engine or the embedder keeps
 * is remembered, which matters when it is memory of another kind later.
 *
 * @pfn: the page
 * @report: optional
 *
 * Context: takes the mutex, waits for readers; may sleep; the owner's callback
 *   runs without it.
 * Return: 0; MHP_ERR_BUSY (memmap, state, or kept by the embedder: it is
 *   remembered, and in use all the same); MHP_ERR_HWPOISON (it is known
 *   already); MHP_ERR_NXIO (no memory there); MHP_ERR_NOSPC (no room for one
 *   more, see mhp_config.max_bad_pages); MHP_ERR_DEADLK. Nothing has changed
 *   with any but the first two.
 */
MHP_MUST_CHECK MHP_API int mhp_poison_hard(struct mhp *m, mhp_pfn_t pfn,
					   struct mhp_report *report);

/**
 * mhp_poison_soft() - take a page out of use that can still be read
 *
 * Isolates the pageblock of the page meanwhile. The allocation that the page is
 * part of is moved by its owner.
 *
 * @pfn: the page
 * @report: optional: who holds the page
 *
 * Context: takes the mutex, waits for readers; may sleep; owners' callbacks run
 *   without it.
 * Return: 0, also if it is bad already; MHP_ERR_BUSY (unmovable, pinned,
 *   refused, still between two places, memmap, state or the embedder's, or the
 *   block is just leaving); MHP_ERR_NOMEM (nowhere to move to); MHP_ERR_NXIO
 *   (no memory there); MHP_ERR_IO (not online, or in a Linux profile a memmap);
 *   MHP_ERR_NOSPC; MHP_ERR_DEADLK. On failure the page is what it was.
 */
MHP_MUST_CHECK MHP_API int mhp_poison_soft(struct mhp *m, mhp_pfn_t pfn,
					   struct mhp_report *report);

/**
 * mhp_poison_clear() - a page is good after all
 *
 * A page that was taken out is free again; one that is still allocated is freed
 * like any other.
 *
 * @pfn: the page
 * @report: optional
 *
 * Context: takes the mutex, waits for readers; may sleep.
 * Return: 0; MHP_ERR_NOENT (it is not bad); MHP_ERR_BUSY (a soft offline of it
 *   is going on); MHP_ERR_DEADLK. On failure nothing has changed.
 */
MHP_MUST_CHECK MHP_API int mhp_poison_clear(struct mhp *m, mhp_pfn_t pfn,
					    struct mhp_report *report);

/**
 * mhp_is_poisoned() - whether a page is known to be bad
 *
 * @pfn: any
 *
 * Context: any but NMI; lock-free.
 * Return: true if it is, memory or not, free or still allocated.
 */
MHP_API bool mhp_is_poisoned(struct mhp *m, mhp_pfn_t pfn);

/**
 * mhp_poison_count() - how many pages of a range are known to be bad
 *
 * @range: any
 *
 * Context: any but NMI; lock-free.
 * Return: pages.
 */
MHP_API uint64_t mhp_poison_count(struct mhp *m, struct mhp_range range);

#ifdef __cplusplus
}
#endif

#endif
