/* SPDX-License-Identifier: MIT */
/* The smallest hole that will do; see frame_tight.h. */
#include "frame_tight.h"

#include "cramped.h"
#include "cursor.h"
#include "room.h"
#include "section.h"

/* Pageblocks that are looked at when there is a hole, but not of that size. */
#define TIGHT_LOOKS 64

/* Log2 bits of a row. */
#define ROW_ORDER 6u

/* Where runs of 2^@order begin inside of runs of 2^@to, by the first places of
 * these. */
static uint64_t tight_spread(uint64_t runs, unsigned int order, unsigned int to)
{
	for (; order < to; order++)
		runs |= runs << (UINT64_C(1) << order);
	return runs;
}

uint64_t tight_row(uint64_t used, unsigned int order, unsigned int align,
		   unsigned int *hole)
{
	uint64_t runs = frame_row_runs(used, order, align);
	unsigned int o;

	if (!align && frame_row_lone(runs)) {
		*hole = 0;
		return frame_row_lone(runs);
	}
	*hole = runs ? order : TIGHT_NONE;
	if (!runs || align > order)
		return runs;
	if (!used) {
		*hole = ROW_ORDER;
		return runs;
	}
	for (o = order; o < ROW_ORDER; o++) {
		uint64_t larger = frame_row_runs(used, o + 1, o + 1);

		*hole = o;
		larger = tight_spread(larger, order, o + 1);
		if (runs & ~larger)
			return runs & ~larger;
	}
	*hole = ROW_ORDER;
	return runs;
}

/* 64 rows of a pageblock, from @first on, as if they were pages of one: a bit
 * for each in use. */
static uint64_t tight_rows_used(const struct search *s,
				const struct pageblock *pb, uint32_t first)
{
	uint32_t i, nr = pageblock_nr_rows(s->m) - first;
	uint64_t used = nr < 64 ? UINT64_MAX << nr : 0;

	for (i = 0; i < nr && i < 64; i++)
		used |= (uint64_t) !!mhp_port_load(&pb->rows[first + i]) << i;
	return used;
}

/* The smallest hole of whole rows. Where pages are so small, or pageblocks so
 * large, that a run fills more than 64 rows, the first one. */
static unsigned int tight_rows(const struct search *s,
			       const struct pageblock *pb, uint32_t *row)
{
	unsigned int order = s->order > ROW_ORDER ? s->order - ROW_ORDER : 0;
	unsigned int align = s->align > ROW_ORDER ? s->align - ROW_ORDER : 0;
	unsigned int best = TIGHT_NONE, hole;
	uint32_t first, nr = pageblock_nr_rows(s->m);

	if (order > ROW_ORDER || align > ROW_ORDER) {
		*row = frame_find_run(s, pb);
		return *row < nr ? s->order : TIGHT_NONE;
	}
	for (first = 0; first < nr && best > order; first += 64) {
		uint64_t runs = tight_row(tight_rows_used(s, pb, first), order,
					  align, &hole);

		if (!runs || hole >= best)
			continue;
		best = hole;
		*row = first + (uint32_t)__builtin_ctzll(runs);
	}
	return best == TIGHT_NONE ? best : ROW_ORDER + best;
}

/* The smallest hole of a pageblock, and the row that it begins in. */
static unsigned int tight_hole(const struct search *s,
			       const struct pageblock *pb, uint32_t *row)
{
	unsigned int best = TIGHT_NONE, hole;
	uint32_t i;

	if (s->order > ROW_ORDER || s->align > ROW_ORDER)
		return tight_rows(s, pb, row);
	for (i = 0; i < pageblock_nr_rows(s->m) && best > s->order; i++) {
		uint64_t used = mhp_port_load(&pb->rows[i]) |
				~s->m->layout.row_mask;

		if (used == UINT64_MAX)
			continue;
		(void)tight_row(used, s->order, s->align, &hole);
		if (hole >= best)
			continue;
		best = hole;
		*row = i;
	}
	return best == ROW_ORDER ? tight_rows(s, pb, row) : best;
}

void tight_none(const struct search *s, const struct pageblock *pb,
		uint64_t word)
{
	if (word & PB_OWNER)
		return;
	if (pageblock_full(s->m, pb))
		pageblock_mark_full(s->m, pb);
	else if (s->align == s->order)
		cramped_say(s->m, pb, word, s->order);
}

static void tight_try(const struct search *s, struct mhp_block *blk,
		      uint32_t index, struct tight *t)
{
	const mhp_word_t *at = pageblock_word(s->m, blk, index);
	uint64_t word = mhp_port_load(at), kind = PB_SMALL | PB_UNMOVABLE;
	struct pageblock pb;
	unsigned int hole;
	uint32_t row = 0;

	t->met |= (word & kind) == (s->expect & kind);
	if (!frame_serves(s, word))
		return;
	t->nr++;
	if (cramped_for(word, s->order) || at == t->spent)
		return;
	pb = pageblock_at(s->m, blk, index);
	if (!frame_in_zone(s, &pb))
		return;
	hole = tight_hole(s, &pb, &row);
	if (hole == TIGHT_NONE)
		tight_none(s, &pb, word);
	if (hole >= t->order)
		return;
	t->pb = pb;
	t->word = word;
	t->row = row;
	t->order = hole;
}

static bool tight_enough(const struct search *s, const struct tight *t)
{
	return t->order == s->order ||
	       (t->order < TIGHT_NONE && t->nr >= TIGHT_LOOKS);
}

/* Return: whether to make do with what there is. */
static bool tight_look(const struct search *s, struct mhp_block *blk,
		       struct tight *t)
{
	uint32_t i;

	t->met = false;
	if (!block_grants(block_status(blk)))
		return false;
	for (i = 0; i < s->m->layout.nr_hint_words; i++) {
		uint64_t todo = pageblock_hint_room(s->m, blk, i);

		for (; todo; todo &= todo - 1) {
			tight_try(s, blk,
				  i * 64 + (uint32_t)__builtin_ctzll(todo), t);
			if (tight_enough(s, t))
				return true;
		}
	}
	return false;
}

/* Return: how many more blocks to look at. */
static uint32_t tight_range(const struct search *s, mhp_pfn_t pfn,
			    mhp_pfn_t end_pfn, uint32_t most, struct tight *t)
{
	enum room_kind kind = room_of(s->expect);
	struct mhp_block *blks[TIGHT_NEAR];
	uint32_t i, nr = room_some(s->m, s->node, s->zone, kind, pfn, end_pfn,
				   most, blks);

	for (i = 0; i < nr; i++) {
		if (tight_look(s, blks[i], t))
			return 0;
		if (!t->met)
			room_doubt(s->m, blks[i], kind);
	}
	return most - nr;
}

/* The cursor's pageblock, if that was looked through before it came to this. */
static const mhp_word_t *tight_spent(const struct search *s,
				     struct mhp_block *blk)
{
	mhp_pfn_t pfn = mhp_port_load(&s->cursor->row_pfn);

	if (s->order <= s->m->layout.row_order ||
	    mhp_port_load(&s->cursor->order) != s->order ||
	    (pfn ^ blk->start_pfn) >> s->m->layout.block_order)
		return NULL;
	return pageblock_of(s->m, blk, pfn).word;
}

/* The block of the cursor, without asking which ones have room.
 * Return: whether to make do with what there is. */
static bool tight_own(const struct search *s, mhp_pfn_t *pfn, uint32_t *most,
		      struct tight *t)
{
	struct mhp_block *blk = s->cursor ? section_block(s->m, *pfn) : NULL;
	uint64_t status;

	if (!blk)
		return false;
	status = block_status(blk);
	if (block_has(status, BLOCK_MANY) || block_node(status) != s->node ||
	    block_zone(status) != s->zone)
		return false;
	t->spent = tight_spent(s, blk);
	if (tight_look(s, blk, t))
		return true;
	*most -= t->met;
	*pfn += s->m->layout.block_pages;
	return false;
}

void tight_find(const struct search *s, mhp_pfn_t from_pfn, struct tight *t)
{
	mhp_pfn_t pfn = from_pfn;
	uint32_t most = TIGHT_NEAR;
	struct mhp_block *blk;

	if (tight_own(s, &pfn, &most, t))
		return;
	most = tight_range(s, pfn, s->m->max_pfn, most, t);
	if (most)
		most = tight_range(s, 0, from_pfn, most, t);
	for (blk = s->m->many; most && blk; blk = blk->next)
		if (tight_look(s, blk, t))
			break;
}

/* Whether it was the next one for the pageblock that the cursor comes from. */
static bool tight_is_fetched(const struct search *s, const struct tight *t,
			     uint64_t todo)
{
	mhp_pfn_t pfn = mhp_port_load(&s->cursor->row_pfn);
	uint64_t from = (pfn - t->pb.blk->start_pfn) >>
			s->m->layout.pageblock_order;
	uint64_t before = (UINT64_C(1) << t->pb.index % 64) - 1;

	return from < t->pb.index && from / 64 == t->pb.index / 64 &&
	       !(todo & before & UINT64_MAX << from % 64 << 1);
}

void tight_fetch(const struct search *s, const struct tight *t)
{
	uint32_t i = t->pb.index / 64, bit = t->pb.index % 64;
	uint64_t todo = pageblock_hint_room(s->m, t->pb.blk, i);
	struct pageblock next;

	if (!s->cursor || !tight_is_fetched(s, t, todo))
		frame_prefetch(s, &t->pb);
	todo &= UINT64_MAX << bit << 1;
	if (!todo)
		return;
	next = pageblock_at(s->m, t->pb.blk,
			    i * 64 + (uint32_t)__builtin_ctzll(todo));
	frame_prefetch(s, &next);
}
