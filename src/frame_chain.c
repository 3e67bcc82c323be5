/* SPDX-License-Identifier: MIT */
/*
 * Finding and taking a chain: several pageblocks next to each other, all of
 * them free (R9).
 *
 * A zone is walked once, by address, since its list is in no order. At each
 * place where a chain might begin the words are looked at until one is in the
 * way; the next place is behind that one. So no pageblock is looked at twice,
 * and where the first word says no, the rest of it costs nothing. Only what
 * looks free as a whole is taken, pageblock by pageblock; if somebody is
 * quicker, what has been taken goes back, and the search goes on.
 *
 * A chain stays in one zone, and in memory that was added in one piece, or in
 * boot memory. It does not use blocks that are in several zones.
 */
#include "desc.h"
#include "frame.h"
#include "section.h"

/* Walks over a zone in which somebody was quicker. */
#define CHAIN_WALKS 8

/* ---- blocks ---- */

/* Whether pages of a block can be those of the zone that is searched. */
static bool chain_in_zone(const struct search *s, uint64_t status)
{
	return block_life(status) == MHP_BLOCK_ONLINE && !block_moves(status) &&
	       block_zone(status) == s->zone && block_node(status) == s->node &&
	       !block_has(status, BLOCK_MANY);
}

/* Whether a chain may go on from a block into the one behind it. */
static bool chain_joins(const struct search *s, uint64_t before,
			uint64_t status)
{
	return chain_in_zone(s, status) && !block_has(status, BLOCK_FIRST) &&
	       block_has(before, BLOCK_BOOT) == block_has(status, BLOCK_BOOT);
}

/* ---- looking ---- */

/* Whether a pageblock looks as if it could be taken. What is kept in one that
 * was never used does not change in this section without its being isolated. */
static bool look_one(const struct search *s, const struct pageblock *pb)
{
	uint64_t word = mhp_port_load_seq(pb->word);

	return pageblock_is_free(word) && frame_may_open(s, word) &&
	       frame_is_whole(s, pb, word);
}

/* How many of the first @nr pageblocks from @i of a block on look free. @next
 * receives the pageblock to go on with behind the one in the way. */
static uint32_t look_block(const struct search *s, struct mhp_block *blk,
			   uint32_t i, uint64_t nr, uint32_t *next)
{
	uint32_t at, end = s->m->layout.nr_pageblocks;

	if (nr < end - i)
		end = i + (uint32_t)nr;
	for (at = i; at < end; at++) {
		struct pageblock pb = pageblock_at(s->m, blk, at);

		if (!look_one(s, &pb))
			break;
	}
	*next = at + 1;
	/* With that hint there is none in the whole word, the last mostly. */
	if (at < end && pageblock_hint_nowhole(s->m, blk, at / 64))
		*next = (at / 64 + 1) * 64;
	if (*next > s->m->layout.nr_pageblocks)
		*next = s->m->layout.nr_pageblocks;
	return at - i;
}

/* Whether all pageblocks from @pfn of @blk on look free. @next: else where the
 * next chain might begin at the earliest. */
static bool look_chain(const struct search *s, struct mhp_block *blk,
		       mhp_pfn_t pfn, mhp_pfn_t *next)
{
	uint32_t i = pageblock_index(s->m, blk, pfn), end;
	uint64_t left = s->nr_pageblocks, before, nr;

	for (;;) {
		nr = look_block(s, blk, i, left, &end);
		left -= nr;
		if (!left)
			return true;
		if (i + nr < s->m->layout.nr_pageblocks) {
			*next = blk->start_pfn +
				((uint64_t)end << s->m->layout.pageblock_order);
			return false;
		}
		*next = blk->start_pfn + s->m->layout.block_pages;
		before = block_status(blk);
		blk = section_block(s->m, *next);
		if (!blk || !chain_joins(s, before, block_status(blk)))
			return false;
		i = 0;
	}
}

/* ---- taking ---- */

/* What pageblock @i gets. The first keeps CLOSING until all are ours. */
static uint64_t take_grant(const struct search *s, uint64_t i)
{
	return PB_HUGE | (s->expect & PB_UNMOVABLE) |
	       (i ? PB_CONT : PB_RUNS | PB_CLOSING);
}

static bool take_one(struct search *s, const struct pageblock *pb, uint64_t i)
{
	uint64_t word = mhp_port_load_seq(pb->word);
	bool failed = false, taken;

	taken = pageblock_is_free(word) && frame_may_open(s, word) &&
		!(word & PB_MIXED) &&
		frame_open(s, pb, word, take_grant(s, i), &failed);
	if (!taken && !failed)
		s->lost = true;
	return taken;
}

/* Take them from the first on. Return: how many could be had. */
static uint64_t take_all(struct search *s, const struct pageblock *head)
{
	struct pageblock pb;
	uint64_t i;

	for (i = 0; i < s->nr_pageblocks; i++)
		if (!frame_chain_at(s->m, head, i, &pb) || !take_one(s, &pb, i))
			break;
	return i;
}

/* @next: if that fails, where the next chain might begin at the earliest. */
static bool take_chain(struct search *s, struct mhp_block *blk, mhp_pfn_t pfn,
		       mhp_pfn_t *next)
{
	struct pageblock head = pageblock_of(s->m, blk, pfn);
	uint64_t nr = take_all(s, &head);

	if (nr < s->nr_pageblocks) {
		frame_chain_give(s->m, &head, nr);
		*next = pfn + ((nr + 1) << s->m->layout.pageblock_order);
		return false;
	}
	s->pfn = pfn;
	mhp_port_store(desc_word(s->m, blk, pfn), s->desc);
	mhp_port_and(head.word, ~PB_CLOSING);
	return true;
}

/* ---- a zone ---- */

/* Whether the zone has any block of its own. */
static bool zone_is_empty(const struct search *s)
{
	struct zone *zone = zone_of(s->m, s->node, s->zone);

	return !mhp_port_load_ptr((void *const *)(void *)&zone->blocks);
}

static bool chain_walk(struct search *s)
{
	uint64_t nr_pages = s->nr_pageblocks << s->m->layout.pageblock_order;
	uint64_t mask = (UINT64_C(1) << s->align) - 1;
	mhp_pfn_t pfn, next = 0;

	if (zone_is_empty(s))
		return false;
	for (;;) {
		struct mhp_block *blk;

		pfn = (next + mask) & ~mask;
		if (pfn + nr_pages > s->limit_pfn)
			return false;
		blk = section_next_block(s->m, pfn);
		if (!blk)
			return false;
		if (blk->start_pfn > pfn)
			next = blk->start_pfn;
		else if (!chain_in_zone(s, block_status(blk)))
			next = blk->start_pfn + s->m->layout.block_pages;
		else if (look_chain(s, blk, pfn, &next) &&
			 take_chain(s, blk, pfn, &next))
			return true;
	}
}

/* Two that want the same memory take it in the same direction, so the one who
 * is further gets it; the other one looks again, as what was taken and given
 * back meanwhile may be free. */
bool frame_search_chain(struct search *s)
{
	unsigned int walks = CHAIN_WALKS;

	do {
		s->lost = false;
		if (chain_walk(s))
			return true;
	} while (s->lost && --walks);
	return false;
}
