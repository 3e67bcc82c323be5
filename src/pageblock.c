/* SPDX-License-Identifier: MIT */
/* Words, rows and hints of pageblocks; rules R1 to R9 in pageblock.h. */
#include "pageblock.h"

#include "cramped.h"
#include "room.h"

static mhp_word_t *hint_word(const struct mhp_block *blk, uint64_t offset,
			     uint32_t i)
{
	return (mhp_word_t *)(void *)(blk->state + offset + i * UINT64_C(8));
}

static mhp_word_t *hint_of(const struct pageblock *pb, uint64_t offset)
{
	return hint_word(pb->blk, offset, pb->index / 64);
}

static uint64_t hint_bit(const struct pageblock *pb)
{
	return UINT64_C(1) << pb->index % 64;
}

uint64_t pageblock_hint_small(const struct mhp *m, const struct mhp_block *blk,
			      uint32_t i)
{
	return mhp_port_load_seq(hint_word(blk, m->layout.small_offset, i));
}

uint64_t pageblock_hint_full(const struct mhp *m, const struct mhp_block *blk,
			     uint32_t i)
{
	return mhp_port_load(hint_word(blk, m->layout.full_offset, i));
}

bool pageblock_hint_nowhole(const struct mhp *m, const struct mhp_block *blk,
			    uint32_t i)
{
	return mhp_port_load(hint_word(blk, m->layout.nowhole_offset, i)) &
	       HINT_NONE_FREE;
}

void pageblock_set_nowhole(struct mhp *m, struct mhp_block *blk, uint32_t i)
{
	mhp_port_or(hint_word(blk, m->layout.nowhole_offset, i),
		    HINT_NONE_FREE);
}

void pageblock_set_hint(struct mhp *m, struct mhp_block *blk, uint64_t hint)
{
	uint32_t i;

	for (i = 0; i < m->layout.nr_hint_words; i++)
		mhp_port_or(hint_word(blk, m->layout.nowhole_offset, i), hint);
}

bool pageblock_has_hint(const struct mhp *m, const struct mhp_block *blk,
			uint64_t hint)
{
	uint32_t i;

	for (i = 0; i < m->layout.nr_hint_words; i++)
		hint &= mhp_port_load_seq(
			hint_word(blk, m->layout.nowhole_offset, i));
	return hint;
}

/* The word once nobody is closing the pageblock. A chain that is put together
 * there takes its time, and is not waited for. */
static uint64_t word_settled(const struct pageblock *pb)
{
	uint64_t closing = PB_SMALL | PB_CLOSING, word;

	while (((word = mhp_port_load_seq(pb->word)) & closing) == closing)
		mhp_port_relax();
	return word;
}

void pageblock_set_small(struct mhp *m, const struct pageblock *pb)
{
	mhp_word_t *hint = hint_of(pb, m->layout.small_offset);

	/* R6: it may have been closed, and opened again, in between. */
	do {
		uint64_t word;

		mhp_port_or(hint, hint_bit(pb));
		word = word_settled(pb);
		if (word & PB_SMALL) {
			room_set(m, pb->blk, room_of(word));
			return;
		}
		mhp_port_and(hint, ~hint_bit(pb));
	} while (word_settled(pb) & PB_SMALL);
	/* While the bit stood, a search may have taken it for in use. */
	pageblock_clear_nowhole(m, pb);
}

static mhp_word_t *used_end(struct mhp *m, const struct mhp_block *blk)
{
	uint64_t status = block_status(blk);

	return &zone_of(m, block_node(status), block_zone(status))->used_end;
}

void pageblock_raise_used(struct mhp *m, const struct mhp_block *blk)
{
	mhp_word_t *end = used_end(m, blk);
	uint64_t pfn = blk->start_pfn + m->layout.block_pages;
	uint64_t old = mhp_port_load(end);

	while (old < pfn && !mhp_port_cas(end, &old, pfn))
		mhp_port_relax();
}

bool pageblock_never_used(struct mhp *m, const struct mhp_block *blk)
{
	return !block_has(block_status(blk), BLOCK_MANY) &&
	       mhp_port_load_seq(used_end(m, blk)) <= blk->start_pfn;
}

void pageblock_clear_nowhole(struct mhp *m, const struct pageblock *pb)
{
	mhp_word_t *hint = hint_of(pb, m->layout.nowhole_offset);

	if (!mhp_port_load_seq(hint))
		return;
	mhp_port_and(hint, 0);
	room_set(m, pb->blk, ROOM_FREE);
	room_set(m, pb->blk, ROOM_WHOLE);
	room_set(m, pb->blk, ROOM_ALL);
}

void pageblock_forget(struct mhp *m, const struct pageblock *pb)
{
	mhp_port_and(hint_of(pb, m->layout.small_offset), ~hint_bit(pb));
	mhp_port_and(hint_of(pb, m->layout.full_offset), ~hint_bit(pb));
}

void pageblock_clear_full(struct mhp *m, const struct pageblock *pb)
{
	mhp_word_t *hint = hint_of(pb, m->layout.full_offset);

	if (!(mhp_port_load_seq(hint) & hint_bit(pb)))
		return;
	mhp_port_and(hint, ~hint_bit(pb));
	room_set(m, pb->blk, room_of(mhp_port_load_seq(pb->word)));
}

void pageblock_mark_full(struct mhp *m, const struct pageblock *pb)
{
	mhp_port_or(hint_of(pb, m->layout.full_offset), hint_bit(pb));
	if (!pageblock_full(m, pb))
		pageblock_clear_full(m, pb);
}

bool pageblock_empty(const struct mhp *m, const struct pageblock *pb,
		     uint64_t word)
{
	uint32_t row;

	for (row = 0; row < pageblock_nr_rows(m); row++) {
		uint64_t used = mhp_port_load_seq(&pb->rows[row]);

		if (used && word & PB_MIXED)
			used &= ~pageblock_kept(m, pb, row);
		if (used)
			return false;
	}
	return true;
}

bool pageblock_full(const struct mhp *m, const struct pageblock *pb)
{
	const mhp_word_t *row = pb->rows, *end = row + pageblock_nr_rows(m);
	uint64_t mask = m->layout.row_mask, used = mask;

	/* Few are not: so no branch for each. */
	for (; row < end; row++)
		used &= mhp_port_load_seq(row);
	return used == mask;
}

uint32_t pageblock_nr_used_in(const struct mhp *m, const struct pageblock *pb,
			      uint64_t word, uint32_t from, uint32_t end)
{
	uint32_t row, nr = 0;

	if (word & PB_HUGE)
		return end - from;
	if (!(word & PB_USED))
		return 0;
	for (row = 0; row < pageblock_nr_rows(m); row++) {
		uint64_t used = mhp_port_load_seq(&pb->rows[row]);

		if (word & PB_MIXED)
			used &= ~pageblock_kept(m, pb, row);
		used &= pageblock_bits_below(end, row) &
			~pageblock_bits_below(from, row);
		nr += word_popcount(used);
	}
	return nr;
}

uint32_t pageblock_nr_used(const struct mhp *m, const struct pageblock *pb,
			   uint64_t word)
{
	return pageblock_nr_used_in(m, pb, word, 0, m->layout.pageblock_pages);
}

uint32_t pageblock_nr_free(const struct mhp *m, const struct pageblock *pb,
			   uint64_t word)
{
	uint32_t taken = pageblock_nr_used(m, pb, word);

	if (word & (PB_HUGE | PB_DEAD))
		return 0;
	if (!(word & PB_USED) || word & PB_MIXED)
		taken += pageblock_nr_kept(m, pb);
	/* A bad page that is being freed may be in both. */
	return taken < m->layout.pageblock_pages
		       ? m->layout.pageblock_pages - taken
		       : 0;
}

/* SMALL|CLOSING becomes free. Bits that outlive the closing stay. */
static void close_finish(struct mhp *m, const struct pageblock *pb)
{
	uint64_t keep = PB_ISOLATED | PB_LASTING;
	uint64_t word = mhp_port_load(pb->word);

	pageblock_forget(m, pb);
	while (!mhp_port_cas(pb->word, &word, word & keep))
		mhp_port_relax();
	if (!(word & PB_ISOLATED))
		pageblock_clear_nowhole(m, pb);
}

void pageblock_close(struct mhp *m, const struct pageblock *pb, bool owned_too)
{
	for (;;) {
		uint64_t word = mhp_port_load_seq(pb->word);

		if ((word & (PB_SMALL | PB_CLOSING)) != PB_SMALL)
			return;
		if (!owned_too && word & PB_OWNER)
			return;
		if (!pageblock_empty(m, pb, word))
			return;
		if (!mhp_port_cas(pb->word, &word, word | PB_CLOSING))
			continue;
		/* From here on every grant sees CLOSING and is undone. */
		if (pageblock_empty(m, pb, word)) {
			close_finish(m, pb);
			return;
		}
		/* A free that saw CLOSING has left the rest to us: look
		 * again. */
		mhp_port_and(pb->word, ~PB_CLOSING);
	}
}

void pageblock_after_free(struct mhp *m, const struct pageblock *pb,
			  uint64_t old, uint64_t now)
{
	uint64_t word;

	if ((old & m->layout.row_mask) == m->layout.row_mask)
		pageblock_clear_full(m, pb);
	word = mhp_port_load_seq(pb->word);
	if (word & PB_CRAMPED)
		cramped_after_free(m, pb, word, now);
	if (now == 0 || word & PB_MIXED)
		pageblock_close(m, pb, false);
}

void pageblock_undo(struct mhp *m, const struct pageblock *pb, uint32_t row,
		    uint64_t mask)
{
	uint64_t old = mhp_port_and(&pb->rows[row], ~mask);

	pageblock_after_free(m, pb, old, old & ~mask);
}

void pageblock_let_go(struct mhp *m, const struct pageblock *pb, uint64_t owner)
{
	uint64_t word = mhp_port_load(pb->word);

	while ((word & PB_OWNER) == owner << PB_OWNER_SHIFT &&
	       !mhp_port_cas(pb->word, &word, word & ~PB_OWNER))
		mhp_port_relax();
	if (pageblock_full(m, pb)) {
		pageblock_mark_full(m, pb);
		/* Where all pages are kept or bad, full is empty too. */
		if (LIKELY(!(word & PB_MIXED)))
			return;
	} else {
		pageblock_clear_full(m, pb);
	}
	pageblock_close(m, pb, false);
}
