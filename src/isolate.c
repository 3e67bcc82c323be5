/* SPDX-License-Identifier: MIT */
/* Isolation of pageblocks; see isolate.h. */
#include "isolate.h"

/* Numbers of the pageblocks that a range touches, all memmap left out. */
struct span {
	uint32_t first;
	uint32_t end;
};

static struct span span_of(const struct mhp *m, const struct mhp_block *blk,
			   struct mhp_range range)
{
	uint32_t first = pageblock_index(m, blk, range.start_pfn);
	uint32_t least = pageblock_first(m, blk);

	return (struct span){
		.first = first > least ? first : least,
		.end = pageblock_index(m, blk, mhp_range_end_pfn(range) - 1) +
		       1,
	};
}

/* Most that is in use is, by a look at the first row. */
static bool isolate_may_be_empty(const struct pageblock *pb, uint64_t word)
{
	return word & PB_SMALL && !(word & PB_OWNER) &&
	       (word & PB_MIXED || !mhp_port_load_seq(&pb->rows[0]));
}

static void isolate_undo_span(struct mhp *m, struct mhp_block *blk,
			      struct span span)
{
	while (span.end-- > span.first) {
		struct pageblock pb = pageblock_at(m, blk, span.end);
		uint64_t old = mhp_port_and(pb.word, ~PB_ISOLATED);

		if (pageblock_is_free(old & ~PB_ISOLATED))
			pageblock_clear_nowhole(m, &pb);
		else if (isolate_may_be_empty(&pb, old))
			pageblock_close(m, &pb, false);
	}
}

int isolate_range(struct mhp *m, struct mhp_block *blk, struct mhp_range range,
		  mhp_pfn_t *pfn)
{
	struct span span = span_of(m, blk, range);
	uint32_t i;

	for (i = span.first; i < span.end; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		if (!(mhp_port_or(pb.word, PB_ISOLATED) & PB_ISOLATED))
			continue;
		*pfn = pageblock_pfn(m, &pb);
		span.end = i;
		isolate_undo_span(m, blk, span);
		return MHP_ERR_BUSY;
	}
	return 0;
}

void isolate_undo(struct mhp *m, struct mhp_block *blk, struct mhp_range range)
{
	isolate_undo_span(m, blk, span_of(m, blk, range));
}

/* Pages of a pageblock that are used and in a range. */
static uint64_t isolate_used_in(const struct mhp *m, const struct pageblock *pb,
				uint64_t word, struct mhp_range range)
{
	mhp_pfn_t start = pageblock_pfn(m, pb);
	uint64_t from = range.start_pfn > start ? range.start_pfn - start : 0;
	uint64_t end = mhp_range_end_pfn(range) - start;

	if (word & PB_OPENING)
		return 1;
	if (end > m->layout.pageblock_pages)
		end = m->layout.pageblock_pages;
	return pageblock_nr_used_in(m, pb, word, (uint32_t)from, (uint32_t)end);
}

/* R4: as long as a page is in use its pageblock is SMALL or HUGE, so of most
 * pageblocks of an empty block the word is enough. */
uint64_t isolate_used(struct mhp *m, struct mhp_block *blk,
		      struct mhp_range range)
{
	const mhp_word_t *words = pageblock_at(m, blk, 0).word;
	struct span span = span_of(m, blk, range);
	uint64_t used = 0;

	for (; span.first < span.end; span.first++) {
		uint64_t word = mhp_port_load_seq(&words[span.first]);
		struct pageblock pb;

		if (!(word & (PB_SMALL | PB_HUGE | PB_OPENING)))
			continue;
		pb = pageblock_at(m, blk, span.first);
		used += isolate_used_in(m, &pb, word, range);
	}
	return used;
}
