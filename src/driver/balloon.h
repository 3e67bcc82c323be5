/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the balloon share.
 *
 *   balloon.c        init, fini and the calls
 *   balloon_range.c  the range: its border goes up and down
 *   balloon_held.c   pages that it holds, wherever they are
 */
#ifndef MHP_SRC_DRIVER_BALLOON_H
#define MHP_SRC_DRIVER_BALLOON_H

#include "driver.h"
#include "mhp/balloon.h"
#include "mhp/port.h"

/** balloon_broken() - whether the host is not asked any more */
static inline bool balloon_broken(const struct mhp_balloon *b)
{
	return mhp_port_load(&b->broken);
}

/** balloon_populate() - as the operation, errors are 0. An answer that cannot
 * be breaks the balloon, and nobody may use the pages: none is populated. */
uint64_t balloon_populate(struct mhp_balloon *b, struct mhp_range range);

/** balloon_release() - likewise, but then all are released */
uint64_t balloon_release(struct mhp_balloon *b, struct mhp_range range);

/** balloon_border() - first page of the range that is not backed */
static inline mhp_pfn_t balloon_border(const struct mhp_balloon *b)
{
	return b->setup.range.start_pfn + b->nr_backed;
}

/** balloon_extend() - @nr_pages more are backed: 0, or everything is as before;
 * @nr_pages fit into the range */
int balloon_extend(struct mhp *m, struct mhp_balloon *b, uint64_t nr_pages,
		   struct mhp_report *report);

/** balloon_retract() - give up to @nr_pages to the host; returns how many */
uint64_t balloon_retract(struct mhp *m, struct mhp_balloon *b,
			 uint64_t nr_pages, uint64_t deadline_ns);

/** balloon_leave() - remove all blocks; 0, or what failed */
int balloon_leave(struct mhp *m, struct mhp_balloon *b, uint64_t deadline_ns,
		  struct mhp_report *report);

/** balloon_owner_ops - of the pages that are held; its context is the balloon
 */
extern const struct mhp_owner_ops balloon_owner_ops;

/** balloon_hold() - allocate up to @nr_pages and give them to the host */
int balloon_hold(struct mhp *m, struct mhp_balloon *b, uint64_t nr_pages,
		 uint64_t *nr_done, struct mhp_report *report);

/** balloon_let_go() - have up to @nr_pages populated and free them; returns how
 * many */
uint64_t balloon_let_go(struct mhp *m, struct mhp_balloon *b,
			uint64_t nr_pages);

#endif
