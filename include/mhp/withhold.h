/* SPDX-License-Identifier: MIT */
/*
 * Withheld pages: memory of a block that the allocator does not get.
 *
 * A balloon, or a device that backs only part of a block, keeps pages back:
 * they are present and not managed, never handed out, and no obstacle when
 * their block goes offline. They stay withheld over offline and online, until
 * they are released or the block is removed. The engine touches neither them
 * nor what describes them.
 *
 * In each pageblock the withheld pages are its last ones: memory is released
 * upwards and withheld downwards. With MHP_ADD_WITHHELD (mhp.h) a block comes
 * with all pages withheld, memmap and state aside.
 *
 *      pageblock  | memmap? | managed ........ | withheld ...... |
 *                            release --> moves the border up
 *                            <-- withhold moves it down
 */
#ifndef MHP_WITHHOLD_H
#define MHP_WITHHOLD_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/**
 * mhp_release() - give withheld pages to the allocator
 *
 * @range: inside one memory block; every page of it is withheld, and in each
 *   of its pageblocks it begins with the first withheld page
 * @report: optional
 *
 * Of a block that is offline the pages become managed when it goes online.
 *
 * Context: takes the mutex, may wait for readers; may sleep.
 * Return: 0; MHP_ERR_INVAL (empty, more than a block, not withheld, or not the
 *   first withheld pages, or the block's pages are in several zones);
 *   MHP_ERR_NOENT (no such block); MHP_ERR_BUSY (the block is in transition, or
 *   a pageblock of the range is isolated: more is being withheld there, or a
 *   page is taken out); MHP_ERR_DEADLK. On failure nothing has changed.
 */
MHP_MUST_CHECK MHP_API int mhp_release(struct mhp *m, struct mhp_range range,
				       struct mhp_report *report);

/**
 * mhp_withhold() - take pages from the allocator
 *
 * Isolates the pageblocks of the range, asks owners to move what is in use
 * there, and keeps the pages. Until that is done nothing of these pageblocks is
 * handed out, and the block goes neither offline nor away. Of a block that is
 * offline the pages are merely marked.
 *
 * @range: inside one memory block, without its memmap; in each of its
 *   pageblocks it ends where the withheld pages begin, or with the pageblock
 * @deadline_ns: absolute; MHP_NO_DEADLINE: as long as pages move
 * @report: optional: the first page that refused
 *
 * Context: takes the mutex, waits for readers; may sleep; owners move without
 *   the mutex.
 * Return: 0; MHP_ERR_INVAL (empty, more than a block, memmap, holes, a gap
 *   before the withheld pages, or the block's pages are in several zones);
 *   MHP_ERR_NOENT (no such block); MHP_ERR_BUSY (a page is pinned, unmovable or
 *   lent (lend.h), the block is in transition, or a pageblock is isolated by
 *   somebody else);
 *   MHP_ERR_NOMEM (nowhere to move to); MHP_ERR_TIMEDOUT; MHP_ERR_OPNOTSUPP
 *   (the block holds its own state and is not always accessible, see
 *   MHP_ADD_INACCESSIBLE); MHP_ERR_DEADLK. On failure no page is withheld by
 *   this call; what has moved stays moved.
 */
MHP_MUST_CHECK MHP_API int mhp_withhold(struct mhp *m, struct mhp_range range,
					uint64_t deadline_ns,
					struct mhp_report *report);

/**
 * mhp_withheld() - how many pages of a range are withheld
 *
 * @range: any; pages that are not memory count as not withheld
 *
 * Context: any but NMI.
 * Return: pages.
 */
MHP_API uint64_t mhp_withheld(struct mhp *m, struct mhp_range range);

#ifdef __cplusplus
}
#endif

#endif
