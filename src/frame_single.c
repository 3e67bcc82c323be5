/* SPDX-License-Identifier: MIT */
/*
 * Single pages where memory is almost full: a pageblock has few, so there is a
 * search for every few. The block that the cursor is in is looked at for a free
 * page whose buddy is not, which is the smallest hole there is (frame_tight.h):
 * that is what the long way would come to.
 *
 * What it does not do: zones below the one that is asked for, other blocks,
 * larger holes, pageblocks that somebody else prefers. The search goes on with
 * all of these.
 */
#include "cursor.h"
#include "frame.h"
#include "section.h"

/* The block of the cursor, if a search would come to it first. */
static struct mhp_block *single_block(const struct search *s, mhp_pfn_t at)
{
	struct mhp_block *blk = section_block(s->m, at);
	unsigned int node = s->request->node_plus_1
				    ? s->request->node_plus_1 - 1u
				    : 0;
	uint64_t status;

	if (!blk)
		return NULL;
	status = block_status(blk);
	return block_grants(status) && !block_has(status, BLOCK_MANY) &&
			       block_node(status) == node &&
			       block_zone(status) == frame_limit(s->request)
		       ? blk
		       : NULL;
}

/* The first row with a free page whose buddy is not; or the number of rows. */
static uint32_t single_row(const struct search *s, const struct pageblock *pb)
{
	uint32_t row, nr_rows = pageblock_nr_rows(s->m);
	uint64_t mask = s->m->layout.row_mask;

	for (row = 0; row < nr_rows; row++) {
		uint64_t free = ~mhp_port_load(&pb->rows[row]) & mask;

		if (free && frame_row_lone(free))
			break;
	}
	return row;
}

/* Whether a pageblock was the next one for the search before, which has had its
 * descriptors fetched: @todo are those that may have room. */
static bool single_is_fetched(uint32_t index, uint32_t from, uint64_t todo)
{
	return from < index && from / 64 == index / 64 &&
	       !(todo & ((UINT64_C(1) << index % 64) - 1) &
		 UINT64_MAX << from % 64 << 1);
}

/* The cursor goes to that pageblock, then to the next one of @todo. */
static void single_fetch(const struct search *s, const struct pageblock *pb,
			 mhp_pfn_t at, uint64_t todo)
{
	uint32_t from = pageblock_index(s->m, pb->blk, at);
	uint64_t behind = todo & UINT64_MAX << pb->index % 64 << 1;
	struct pageblock next;

	if (!single_is_fetched(pb->index, from, todo))
		frame_prefetch(s, pb);
	if (!behind)
		return;
	next = pageblock_at(s->m, pb->blk,
			    pb->index / 64 * 64 +
				    (uint32_t)__builtin_ctzll(behind));
	frame_prefetch(s, &next);
}

/* One that may have room. */
static bool single_try(struct search *s, struct mhp_block *blk, uint32_t index,
		       mhp_pfn_t at, uint64_t todo)
{
	uint64_t word = mhp_port_load(pageblock_word(s->m, blk, index));
	struct pageblock pb;
	uint32_t row;

	if (!frame_serves(s, word))
		return false;
	pb = pageblock_at(s->m, blk, index);
	row = single_row(s, &pb);
	if (row < pageblock_nr_rows(s->m)) {
		if (!frame_own(s, &pb, word))
			return false;
		single_fetch(s, &pb, at, todo);
		return frame_try(s, &pb, row);
	}
	if (!(word & PB_OWNER) && pageblock_full(s->m, &pb))
		pageblock_mark_full(s->m, &pb);
	return false;
}

/* Those of hint word @i that may have room, without the cursor's own if that
 * was looked through before it came to this. */
static uint64_t single_todo(const struct search *s, struct mhp_block *blk,
			    mhp_pfn_t at, uint32_t i)
{
	uint64_t todo = pageblock_hint_room(s->m, blk, i);
	uint32_t own = pageblock_index(s->m, blk, at);

	/* The engine's own, which do not say their size, come here at once. */
	if (own / 64 == i && s->request->size_bytes)
		todo &= ~(UINT64_C(1) << own % 64);
	return todo;
}

bool frame_single(struct search *s)
{
	struct mhp_block *blk;
	mhp_pfn_t at;
	uint32_t i;

	if (s->order || !s->cursor)
		return false;
	at = mhp_port_load(&s->cursor->row_pfn);
	blk = single_block(s, at);
	for (i = 0; blk && i < s->m->layout.nr_hint_words; i++) {
		uint64_t all = single_todo(s, blk, at, i), todo = all;

		for (; todo; todo &= todo - 1)
			if (single_try(s, blk,
				       i * 64 + (uint32_t)__builtin_ctzll(todo),
				       at, all))
				return true;
	}
	return false;
}
