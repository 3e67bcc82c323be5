/* SPDX-License-Identifier: MIT */
/*
 * The table of bad pages: words in the instance's buffer, one a page, in no
 * order. It knows pages by their address, so it outlives blocks, memmaps and
 * states.
 *
 *   63     62     61                           0
 *   [live ][held ][soft ][ pfn                 ]      0: nobody's
 *
 * live: the page is bad. held: it is still part of an allocation, and its row
 * bit, if it has one, is that allocation's; without held it is kept like a
 * memmap (pageblock_kept()). soft: somebody is just trying to move the
 * allocation away and takes the entry back if that fails.
 *
 * Entries are made and removed under the mutex; held is cleared by whoever
 * frees the allocation, by compare-and-swap. Readers scan without a lock. What
 * they may miss, and why that is safe, is in docs/LOCKING.md.
 */
#ifndef MHP_SRC_BAD_H
#define MHP_SRC_BAD_H

#include "engine.h"

#define BAD_LIVE (UINT64_C(1) << 63)
#define BAD_HELD (UINT64_C(1) << 62)
#define BAD_SOFT (UINT64_C(1) << 61)
#define BAD_PFN (BAD_SOFT - 1)

/** bad_kept() - of the 64 pages from @pfn on, the bad ones that are part of no
 * allocation */
uint64_t bad_kept(const struct mhp *m, mhp_pfn_t pfn);

/** bad_let_go() - the allocation of a range of pages ends: its bad pages are
 * kept from now on. Return: false if somebody else has ended it. */
bool bad_let_go(struct mhp *m, struct mhp_range range);

/** bad_find() - the entry of a page, or NULL; it may go at any time unless the
 * caller has the mutex */
mhp_word_t *bad_find(const struct mhp *m, mhp_pfn_t pfn);

/** bad_next() - the lowest bad page of a range, or MHP_PFN_NONE */
mhp_pfn_t bad_next(const struct mhp *m, struct mhp_range range);

/** bad_count() - bad pages of a range */
uint64_t bad_count(const struct mhp *m, struct mhp_range range);

/** bad_has_room() - whether there is room for one more. [mutex] */
bool bad_has_room(const struct mhp *m);

/** bad_enter() - note a page, for which there is room; @flags: BAD_HELD,
 * BAD_SOFT. [mutex] Return: its entry. */
mhp_word_t *bad_enter(struct mhp *m, mhp_pfn_t pfn, uint64_t flags);

/** bad_remove() - forget a page if its entry still is @was. [mutex]
 * Return: false if it is not. */
bool bad_remove(struct mhp *m, mhp_word_t *entry, uint64_t was);

/** bad_forget() - forget all pages of a range of which nobody has any.
 * [mutex] */
void bad_forget(struct mhp *m, struct mhp_range range);

#endif
