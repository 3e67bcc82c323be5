/* SPDX-License-Identifier: MIT */
/*
 * Counts of withheld pages, and the bits that go with them; see withheld.h.
 * Why the steps come in this order is argued in docs/LOCKING.md.
 */
#include "withheld.h"

#include "block.h"
#include "cramped.h"
#include "grace.h"
#include "libc.h"

static uint64_t withheld_words(uint32_t nr)
{
	return (uint64_t)nr << PB_WITHHELD_SHIFT;
}

static uint32_t withheld_of(const struct mhp *m, struct mhp_block *blk,
			    uint32_t i)
{
	struct pageblock pb = pageblock_at(m, blk, i);

	return pageblock_withheld(mhp_port_load_seq(pb.word));
}

/* Withheld pages of pageblock @i that are in the range. */
static uint64_t withheld_cut(const struct mhp *m, struct mhp_block *blk,
			     uint32_t i, struct mhp_range range)
{
	mhp_pfn_t end = blk->start_pfn +
			((i + UINT64_C(1)) << m->layout.pageblock_order);
	mhp_pfn_t start = end - withheld_of(m, blk, i);

	if (start < range.start_pfn)
		start = range.start_pfn;
	if (end > mhp_range_end_pfn(range))
		end = mhp_range_end_pfn(range);
	return end > start ? end - start : 0;
}

uint64_t withheld_in(const struct mhp *m, struct mhp_block *blk,
		     struct mhp_range range)
{
	uint64_t nr = 0;
	uint32_t i, last;

	if (!block_has(block_status(blk), BLOCK_WITHHELD) || !range.nr_pages)
		return 0;
	i = pageblock_index(m, blk, range.start_pfn);
	last = pageblock_index(m, blk, mhp_range_end_pfn(range) - 1);
	if (i < pageblock_first(m, blk))
		i = pageblock_first(m, blk);
	for (; i <= last; i++)
		nr += withheld_cut(m, blk, i, range);
	return nr;
}

uint64_t withheld_in_block(const struct mhp *m, struct mhp_block *blk)
{
	return withheld_in(
		m, blk, mhp_range_make(blk->start_pfn, m->layout.block_pages));
}

bool withheld_has(const struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn)
{
	return withheld_in(m, blk, mhp_range_make(pfn, 1));
}

/* Words keep their counts, what "all pages are kept" says, and what is lent. */
static void clear_words(const struct mhp *m, struct mhp_block *blk)
{
	uint32_t i;

	for (i = 0; i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		mhp_port_store(pb.word,
			       mhp_port_load(pb.word) &
				       (PB_WITHHELD | PB_DEAD | PB_LENT));
	}
}

/* All-zero state means "free and never used". A latecomer of an earlier life
 * may still be about to undo a bit (R5), so readers are waited for first. */
void withheld_clear_rest(struct mhp *m, struct mhp_block *blk)
{
	const struct layout *l = &m->layout;
	uint64_t status = block_status(blk);

	if (block_has(status, BLOCK_CLEAN))
		return;
	grace_wait(m);
	if (block_has(status, BLOCK_WITHHELD)) {
		memset(blk->state, 0, l->word_offset);
		clear_words(m, blk);
		memset(blk->state + l->row_offset, 0,
		       l->state_bytes - l->row_offset);
	} else {
		memset(blk->state, 0, l->state_bytes);
	}
	block_set_flag(blk, BLOCK_CLEAN);
}

/* Pages of a pageblock that can be withheld. */
static uint32_t withheld_most(const struct mhp *m, const struct pageblock *pb)
{
	uint32_t row, nr = m->layout.pageblock_pages;

	for (row = 0; row < pageblock_nr_rows(m); row++)
		nr -= word_popcount(pageblock_fixed(m, pb, row));
	return nr;
}

bool withheld_covers(const struct mhp *m, const struct pageblock *pb,
		     uint64_t word)
{
	return pageblock_withheld(word) == withheld_most(m, pb);
}

void withheld_all(struct mhp *m, struct mhp_block *blk)
{
	uint32_t i;

	if (!block_has(block_status(blk), BLOCK_CLEAN))
		memset(blk->state, 0, m->layout.state_bytes);
	block_set_flag(blk, BLOCK_CLEAN);
	block_set_flag(blk, BLOCK_WITHHELD);
	for (i = pageblock_first(m, blk); i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		mhp_port_store(pb.word,
			       PB_DEAD | withheld_words(withheld_most(m, &pb)));
	}
}

/* ---- withhold ---- */

/* Count them. First use sets the row bits by itself. Return: the word. */
static uint64_t raise_count(const struct pageblock *pb, uint32_t nr)
{
	uint64_t word = mhp_port_load_seq(pb->word), next;

	do {
		next = word + withheld_words(nr);
		if (word & PB_USED)
			next |= PB_MIXED;
	} while (!mhp_port_cas(pb->word, &word, next));
	return next;
}

/* No page of it is the allocator's any more, so it is not open: somebody may
 * be about to see that, too. */
static void raise_to_dead(struct mhp *m, const struct pageblock *pb)
{
	uint64_t keep = PB_ISOLATED | (PB_LASTING & ~PB_MIXED), word;
	uint32_t row;

	while (mhp_port_load_seq(pb->word) & (PB_SMALL | PB_CLOSING)) {
		pageblock_close(m, pb, true);
		mhp_port_relax();
	}
	word = mhp_port_load_seq(pb->word);
	while (!mhp_port_cas(pb->word, &word, (word & keep) | PB_DEAD))
		;
	for (row = 0; row < pageblock_nr_rows(m); row++)
		mhp_port_and(&pb->rows[row], 0);
	/* R6: who let go of it has seen rows that were full of kept pages. */
	pageblock_clear_full(m, pb);
}

void withheld_raise(struct mhp *m, const struct pageblock *pb, uint32_t nr)
{
	uint64_t word = raise_count(pb, nr);

	if (withheld_covers(m, pb, word))
		raise_to_dead(m, pb);
	else if (word & PB_USED)
		pageblock_set_kept(m, pb);
}

/* ---- release ---- */

/* Whoever prepares the first use is setting row bits by the count: it waits.
 * Return: the word. */
static uint64_t lower_count(struct mhp *m, const struct pageblock *pb,
			    uint32_t nr)
{
	for (;;) {
		uint64_t word = mhp_port_load_seq(pb->word);
		uint64_t next = word - withheld_words(nr);

		if (word & PB_OPENING)
			grace_wait(m);
		else if (mhp_port_cas(pb->word, &word, next))
			return next;
	}
}

/* Nobody looks at it while it is DEAD, so its bits come first. */
static void lower_from_dead(struct mhp *m, const struct pageblock *pb,
			    uint64_t word)
{
	uint64_t mixed = word & PB_USED ? pageblock_set_kept(m, pb) : 0;

	while (!mhp_port_cas(pb->word, &word, (word & ~PB_DEAD) | mixed))
		;
}

/* Clear the row bits of pages from @from to @end of it that nothing else
 * keeps. */
static void lower_rows(struct mhp *m, const struct pageblock *pb, uint32_t from,
		       uint32_t end)
{
	uint32_t row;

	for (row = 0; row < pageblock_nr_rows(m); row++) {
		uint64_t bits = pageblock_bits_below(end, row) &
				~pageblock_bits_below(from, row) &
				~pageblock_kept(m, pb, row) &
				m->layout.row_mask;

		if (bits)
			mhp_port_and(&pb->rows[row], ~bits);
	}
}

/* In use or free since it was used. Whoever looks at it meanwhile may have seen
 * pages that are nobody's: what he would have done is done here. */
static void lower_in_use(struct mhp *m, const struct pageblock *pb,
			 uint32_t from, uint32_t end)
{
	lower_rows(m, pb, from, end);
	if (!pageblock_is_mixed(m, pb))
		mhp_port_and(pb->word, ~PB_MIXED);
	pageblock_clear_full(m, pb);
	cramped_forget(pb);
	pageblock_close(m, pb, false);
}

void withheld_lower(struct mhp *m, const struct pageblock *pb, uint32_t nr)
{
	uint64_t word = lower_count(m, pb, nr);
	uint32_t end = m->layout.pageblock_pages - pageblock_withheld(word);

	if (word & PB_DEAD)
		lower_from_dead(m, pb, word);
	else if (word & PB_USED)
		lower_in_use(m, pb, end - nr, end);
	/* R6: it is free since now, or a search has given up on it because its
	 * word has just changed. */
	pageblock_clear_nowhole(m, pb);
}

/* ---- other reasons that end ---- */

void withheld_hold(struct mhp *m, const struct pageblock *pb)
{
	for (;;) {
		uint64_t word = mhp_port_load_seq(pb->word);

		if (word & (PB_USED | PB_DEAD))
			return;
		/* Whoever prepares the first use is setting row bits: wait. */
		if (word & PB_OPENING)
			grace_wait(m);
		else if (mhp_port_cas(pb->word, &word, word | PB_DEAD))
			return;
	}
}

void withheld_regain(struct mhp *m, const struct pageblock *pb, uint32_t from,
		     uint32_t end)
{
	uint64_t word = mhp_port_load_seq(pb->word);

	if (word & PB_DEAD || !(word & PB_USED))
		return;
	lower_in_use(m, pb, from, end);
	pageblock_clear_nowhole(m, pb);
}

void withheld_reopen(struct mhp *m, const struct pageblock *pb)
{
	uint64_t word = mhp_port_load_seq(pb->word);

	if (!(word & PB_DEAD) || withheld_covers(m, pb, word))
		return;
	lower_from_dead(m, pb, word);
	pageblock_clear_nowhole(m, pb);
}
