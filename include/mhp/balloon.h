/* SPDX-License-Identifier: MIT */
/*
 * Front end for balloons: memory that the host backs, or takes back, a few
 * pages at a time.
 *
 *   range of the balloon (whole memory blocks)
 *   | backed, the engine's ............ | not backed ................. |
 *   | block | block | block |...withheld| not known yet                |
 *                               border ^  hot_add, deflate: upwards
 *                                         inflate: downwards
 *
 * Two styles. The host adds: it announces a range of which a part is backed,
 * and later backs more (mhp_balloon_hot_add()). Or the guest asks: what is not
 * backed is a reserve, of which it has pages populated (deflate) and to which
 * it gives pages back (inflate). When no more can be taken from the end of the
 * range, inflating goes on with pages from anywhere, which the balloon then
 * holds. Those do not keep memory from leaving: in place of such a page another
 * one is given to the host.
 *
 * A block is added when its first page is backed. It carries its own memmap if
 * what is backed covers that, and leaves when none of its pages is backed.
 */
#ifndef MHP_BALLOON_H
#define MHP_BALLOON_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/**
 * struct mhp_balloon_ops - what is asked of the host; constant
 *
 * Both are called without locks held and may sleep; also by a thread that takes
 * memory offline, so by several at once, for different pages.
 */
struct mhp_balloon_ops {
	uint32_t size_bytes; /* sizeof(struct mhp_balloon_ops) */

	/**
	 * @populate: have pages backed
	 *
	 * Pages that are backed already count as done.
	 *
	 * Return: how many, from the first page of @range on; or a negative
	 *   errno value, and none is.
	 */
	int64_t (*populate)(void *ctx, struct mhp_range range);

	/**
	 * @release: give pages back; their content is lost
	 *
	 * Return: how many the host took, the last pages of @range; or a
	 *   negative errno value, and it took none.
	 */
	int64_t (*release)(void *ctx, struct mhp_range range);
};

/**
 * struct mhp_balloon_setup - a balloon as the embedder wants it
 */
struct mhp_balloon_setup {
	/* Outlives the balloon; NULL: only mhp_balloon_hot_add() is used. */
	const struct mhp_balloon_ops *ops;
	void *ops_ctx;
	struct mhp_range range; /* whole memory blocks; may be empty */
	uint16_t node;
	/* For the memmaps; in a Linux profile it is existing memory. */
	enum mhp_placement placement;
	/* A word for each page that the balloon may hold; or NULL and 0. */
	mhp_word_t *held;
	uint32_t max_held;
};

/**
 * struct mhp_balloon - a balloon; owned by the caller from init to fini
 *
 * The fields are the driver's; those of the first group may be read between
 * calls.
 */
struct mhp_balloon {
	uint64_t nr_backed; /* pages, from the start of the range on */
	mhp_word_t nr_held; /* pages, wherever they are */
	mhp_word_t broken;  /* not 0: the host answered what cannot be */
	bool closed;	    /* hot-add met other memory: no more of it */

	struct mhp_balloon_setup setup;
	uint64_t nr_known; /* pages of blocks that are added, from there on */
	uint32_t end_held; /* no entry from here on is in use */
	uint16_t owner;
};

/**
 * mhp_balloon_init() - a balloon without a page
 *
 * @b: need not be initialised
 * @setup: copied
 * @report: optional
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (an operation is missing, not whole blocks, no such
 *   node or placement); MHP_ERR_2BIG (beyond max_pfn); MHP_ERR_NOSPC (too many
 *   owners); MHP_ERR_DEADLK. Nothing is known of it on failure.
 */
MHP_MUST_CHECK MHP_API int
mhp_balloon_init(struct mhp *m, struct mhp_balloon *b,
		 const struct mhp_balloon_setup *setup,
		 struct mhp_report *report);

/**
 * mhp_balloon_fini() - all of it leaves
 *
 * Offlines and removes its blocks and gives their pages to the host; has the
 * pages populated that it holds, and frees them.
 *
 * @deadline_ns: for moving what is in use; MHP_NO_DEADLINE
 * @report: optional
 *
 * Context: as mhp_offline_and_remove(). No other call for @b.
 * Return: 0: @b is the caller's; MHP_ERR_NOMEM (the host does not populate what
 *   is held); MHP_ERR_IO (@b is broken and holds pages); others as
 *   mhp_offline_and_remove(). On failure @b can go on.
 */
MHP_MUST_CHECK MHP_API int mhp_balloon_fini(struct mhp *m,
					    struct mhp_balloon *b,
					    uint64_t deadline_ns,
					    struct mhp_report *report);

/**
 * mhp_balloon_hot_add() - the host has backed more of the range
 *
 * Adds the blocks that are new, releases the backed pages and puts new blocks
 * online as the policy says. The rest of the last block is withheld.
 *
 * @backed: what it has backed; begins where the backed pages end
 * @report: optional
 *
 * Context: takes the mutex; may sleep. One call for a balloon at a time.
 * Return: 0; MHP_ERR_INVAL (empty, does not continue what is backed, beyond the
 *   range); MHP_ERR_EXIST (there is other memory: as in Linux, from then on
 *   every hot-add is refused so); MHP_ERR_IO (@b is broken); MHP_ERR_BUSY (the
 *   last block is in transition); MHP_ERR_NOMEM and others as mhp_add(). On
 *   failure everything is as before.
 */
MHP_MUST_CHECK MHP_API int mhp_balloon_hot_add(struct mhp *m,
					       struct mhp_balloon *b,
					       struct mhp_range backed,
					       struct mhp_report *report);

/**
 * mhp_balloon_deflate() - take pages from the balloon
 *
 * Frees pages that it holds, then has pages of the reserve populated.
 *
 * @nr_pages: how many
 * @nr_done: receives how many it were, also on failure
 * @report: optional
 *
 * Context: as mhp_balloon_hot_add().
 * Return: 0; MHP_ERR_NOMEM (the host gave fewer, or as mhp_add());
 *   MHP_ERR_NOSPC (there are no more); MHP_ERR_OPNOTSUPP (no operations);
 *   MHP_ERR_IO (the host answered what cannot be; @b is broken); others as
 *   mhp_balloon_hot_add().
 */
MHP_MUST_CHECK MHP_API int
mhp_balloon_deflate(struct mhp *m, struct mhp_balloon *b, uint64_t nr_pages,
		    uint64_t *nr_done, struct mhp_report *report);

/**
 * mhp_balloon_inflate() - give pages to the balloon
 *
 * From the end of the backed pages of the range first, as far as what is used
 * there can move, then any.
 *
 * @nr_pages: how many
 * @deadline_ns: for moving what is in use; MHP_NO_DEADLINE
 * @nr_done: receives how many it were, also on failure
 * @report: optional
 *
 * Context: as mhp_offline_and_remove(). One call for a balloon at a time.
 * Return: 0; MHP_ERR_NOMEM (no page is free); MHP_ERR_NOSPC (it holds as many
 *   pages as it may); MHP_ERR_AGAIN (the host took fewer); MHP_ERR_OPNOTSUPP
 *   (no operations); MHP_ERR_IO (the host answered what cannot be; @b is
 *   broken); MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int
mhp_balloon_inflate(struct mhp *m, struct mhp_balloon *b, uint64_t nr_pages,
		    uint64_t deadline_ns, uint64_t *nr_done,
		    struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
