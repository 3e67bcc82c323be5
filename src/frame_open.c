/* SPDX-License-Identifier: MIT */
/*
 * Opening a pageblock: from a free word to one that grants, or to one that all
 * of it is allocated. On its first use the port is asked, and the bits of pages
 * that are not the allocator's are set, before anybody looks at its rows.
 */
#include "frame.h"

/* First use: the word was a free value and is OPENING now. Returns what else it
 * gets, or 0 if the port could not. */
static uint64_t open_first(struct search *s, const struct pageblock *pb)
{
	struct mhp *m = s->m;
	struct mhp_range range = mhp_range_make(pageblock_pfn(m, pb),
						m->layout.pageblock_pages);

	if (m->ops->first_use && m->ops->first_use(m->ops_ctx, range))
		return 0;
	pageblock_raise_used(m, pb->blk);
	/* Bits of pages that are not the allocator's, before anybody looks. */
	return PB_USED | pageblock_set_kept(m, pb);
}

/* End OPENING: the word becomes @word, unless it was isolated meanwhile. How
 * many pages are withheld, and what is lent, stays as it is. */
static bool open_finish(const struct pageblock *pb, uint64_t word,
			uint64_t grant)
{
	uint64_t old = mhp_port_load(pb->word);
	uint64_t next;

	do {
		next = old & PB_ISOLATED
			       ? word | (old & (PB_ISOLATED | PB_MIXED))
			       : word | grant;
		next |= old & (PB_WITHHELD | PB_LENT | PB_GUESTS);
	} while (!mhp_port_cas(pb->word, &old, next));
	return !(old & PB_ISOLATED);
}

bool frame_open(struct search *s, const struct pageblock *pb, uint64_t word,
		uint64_t grant, bool *failed)
{
	uint64_t used;

	if (word & PB_USED)
		return mhp_port_cas(pb->word, &word, word | grant);
	if (!mhp_port_cas(pb->word, &word, word | PB_OPENING))
		return false;
	used = open_first(s, pb);
	if (open_finish(pb, used, used ? grant : 0) && used)
		return true;
	if (!used) {
		*failed = true;
		/* R6: a search that saw OPENING may have given up on it. */
		pageblock_clear_nowhole(s->m, pb);
	}
	return false;
}

bool frame_may_open(const struct search *s, uint64_t word)
{
	bool whole = s->order >= s->m->layout.pageblock_order ||
		     s->nr_pageblocks > 1;

	if (LIKELY(!(word & (PB_LENT | PB_GUESTS))))
		return true;
	if (word & PB_GUESTS && s->expect & PB_UNMOVABLE)
		return false;
	return !(word & PB_LENT) || (whole && s->no_tails);
}

bool frame_is_whole(const struct search *s, const struct pageblock *pb,
		    uint64_t word)
{
	if (word & PB_USED)
		return !(word & PB_MIXED);
	return pageblock_nr_kept(s->m, pb) == 0;
}
