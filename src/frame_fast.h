/* SPDX-License-Identifier: MIT */
/*
 * What the fast paths of the allocator share: which requests go there, and the
 * places that cursors remember.
 *
 * A function that calls nothing on its way, and needs few registers, saves
 * none: all stores have to be through before a locked instruction. So whatever
 * is out of the ordinary is the last thing that such a function does, and
 * begins anew.
 */
#ifndef MHP_SRC_FRAME_FAST_H
#define MHP_SRC_FRAME_FAST_H

#include "cursor.h"
#include "frame.h"

/* Where a function stands must not depend on what is before it: that alone can
 * make a pair of calls a sixth slower. */
#define HOT __attribute__((aligned(64)))
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Every bit of what a plain request may say beside the cookie. Its size is
 * looked at elsewhere. */
static const struct mhp_request checked_may = {
	.size_bytes = UINT32_MAX,
	.order = 0xff,
	.mobility = 1,
	.flags = MHP_ALLOC_NO_TAILS,
	.node_plus_1 = 0xffff,
	.owner = OWNER_MAX - 1,
};

/* The same of one that nobody has looked at. */
static const struct mhp_request plain_may = {
	.order = 0xff,
	.mobility = 1,
	.flags = MHP_ALLOC_NO_TAILS,
	.node_plus_1 = 0xffff,
	.owner = OWNER_MAX - 1,
};

/* What it has to say. */
static const struct mhp_request plain_must = {
	.size_bytes = sizeof(struct mhp_request),
};

_Static_assert((OWNER_MAX & (OWNER_MAX - 1)) == 0, "owners are a mask");
_Static_assert(offsetof(struct mhp_request, node_mask) == 16,
	       "what a plain request may say is in two words");

/* What else a plain request must not say: 0 if it does not. */
static ALWAYS_INLINE uint64_t request_rest(const struct mhp_request *r)
{
	return r->node_mask | r->limit_pfn | r->cookie >> MHP_COOKIE_BITS;
}

/* Whether a request has no constraint but a preferred node, and is valid but
 * for its order. Two words say most of it at once. */
static ALWAYS_INLINE bool request_is_plain(const struct mhp *m,
					   const struct mhp_request *r,
					   const struct mhp_request *may)
{
	uint64_t not_plain =
		((cursor_word(r, 0) ^ cursor_word(&plain_must, 0)) &
		 ~cursor_word(may, 0)) |
		(cursor_word(r, 1) & ~cursor_word(may, 1)) | request_rest(r);

	return LIKELY(!not_plain) && r->node_plus_1 <= m->geometry.nr_nodes &&
	       frame_owner_may(m, r);
}

static inline mhp_word_t *place_desc(const struct mhp *m, const struct place *p,
				     uint32_t page)
{
	return (mhp_word_t *)(void *)(p->desc +
				      (size_t)page *
					      m->geometry.descriptor_bytes);
}

/** frame_place() - where a cursor leads to, if to anything; inside a section */
static inline bool frame_place(const struct mhp *m, struct cursor *c,
			       const struct mhp_request *r, struct place *p)
{
	/* A pageblock that nobody has opened in this life of its block has not
	 * set its kept bits: so the word comes first (R2). */
	if (LIKELY(cursor_place(m, c, p)))
		return (mhp_port_load_seq(p->word) & PB_GRANT_MASK) ==
		       frame_expect(r);
	return cursor_find(m, c, r, p);
}

/** frame_place_undo() - bits of a row that were not granted */
void frame_place_undo(struct mhp *m, mhp_pfn_t row_pfn, uint64_t mask);

/** frame_singles() - up to @nr single pages without a search; inside a section.
 * @r: valid and plain. Return: how many */
uint32_t frame_singles(struct mhp *m, const struct mhp_request *r, uint32_t nr,
		       mhp_pfn_t *pfns);

/** frame_alloc_any() - serve any request, valid or not. Return: as
 * mhp_frame_alloc() */
__attribute__((noinline)) int
frame_alloc_any(struct mhp *m, const struct mhp_request *r, mhp_pfn_t *pfn);

/** frame_refused() - bits of a row were claimed, and its pageblock is not for
 * us any more: undo, end the section, and allocate elsewhere.
 * Return: likewise */
__attribute__((noinline)) int frame_refused(struct mhp *m,
					    const struct mhp_request *r,
					    mhp_pfn_t *pfn, mhp_pfn_t row_pfn,
					    uint64_t mask);

/** frame_alloc_order() - of an order above 0; likewise */
int frame_alloc_order(struct mhp *m, const struct mhp_request *r,
		      mhp_pfn_t *pfn);

/** frame_order_take() - a run inside a row, or a whole pageblock, without a
 * search; inside a section. Return: how many, 1 or 0 */
uint32_t frame_order_take(struct mhp *m, const struct mhp_request *r,
			  mhp_pfn_t *pfn);

/** frame_free_order() - mhp_frame_free() of an order above 0 */
int frame_free_order(struct mhp *m, mhp_pfn_t pfn, unsigned int order);

#endif
