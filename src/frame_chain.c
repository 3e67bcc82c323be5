/* SPDX-License-Identifier: MIT */
/*
 * Finding and taking a chain: several pageblocks next to each other, all of
 * them free (R9).
 *
 * A zone is walked once, by address, from block to block that may have room
 * (R10): what is full costs nothing but its bits. At each place where a chain
 * might begin the words are looked at until one is in the way; the next place
 * is behind that one. So no pageblock is looked at twice, and where the first
 * word says no, the rest of it costs nothing. Only what looks free as a whole
 * is taken, pageblock by pageblock; if somebody is quicker, what has been taken
 * goes back, and the search goes on.
 *
 * A chain stays in one zone, and in memory that was added in one piece, or in
 * boot memory. It does not use blocks that are in several zones.
 */
#include "desc.h"
#include "frame.h"
#include "room.h"
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

/* Whether all pageblocks of a chain from @pfn on look free. @next: else where
 * the next one might begin at the earliest. */
static bool look_chain(const struct search *s, mhp_pfn_t pfn, mhp_pfn_t *next)
{
	uint64_t left = s->nr_pageblocks,
		 block_pages = s->m->layout.block_pages;
	struct mhp_block *blk = section_block(s->m, pfn);

	while (blk) {
		uint32_t i = pageblock_index(s->m, blk, pfn), end;
		uint64_t nr = look_block(s, blk, i, left, &end);

		left -= nr;
		*next = blk->start_pfn +
			((uint64_t)end << s->m->layout.pageblock_order);
		if (!left || i + nr < s->m->layout.nr_pageblocks)
			break;
		pfn = blk->start_pfn + block_pages;
		blk = section_block(s->m, pfn);
	}
	return !left;
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
static bool take_chain(struct search *s, mhp_pfn_t pfn, mhp_pfn_t *next)
{
	struct mhp_block *blk = section_block(s->m, pfn);
	struct pageblock head;
	uint64_t nr;

	if (!blk)
		return false;
	head = pageblock_of(s->m, blk, pfn);
	nr = take_all(s, &head);
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

/*
 * A walk over the blocks of a zone, by what the bits above them say (R10).
 *
 * A chain that has all of a block wherever it begins is looked for at such
 * blocks, or at groups of them; any other at blocks where one pageblock may be
 * had.
 */
struct walk {
	struct search *s;
	bool all;	    /* of a group of blocks; else one pageblock */
	unsigned int group; /* order of such a group */
	uint64_t unit;	    /* pages of the group, or of a block */
	uint64_t before;    /* how much before that the chain may begin */
	mhp_pfn_t joined;   /* from the last place that was tried to here blocks
			       belong together */
	mhp_pfn_t doubted;  /* the last block that had nothing for us */
};

static mhp_pfn_t align_up(mhp_pfn_t pfn, unsigned int order)
{
	uint64_t mask = (UINT64_C(1) << order) - 1;

	return (pfn + mask) & ~mask;
}

/* Whether all of an aligned group is in the chain, wherever that begins. */
static bool chain_has_group(const struct search *s, unsigned int order)
{
	uint64_t nr = (uint64_t)s->m->layout.nr_pageblocks << order;

	return s->nr_pageblocks >= 2 * nr - 1 ||
	       (s->nr_pageblocks >= nr &&
		s->align >= s->m->layout.block_order + order);
}

static struct walk walk_make(struct search *s)
{
	const struct layout *l = &s->m->layout;
	struct walk w = {.s = s,
			 .all = chain_has_group(s, 0),
			 .unit = l->block_pages,
			 .doubted = MHP_PFN_NONE};

	while (w.all && w.group < room_group_max(s->m) &&
	       chain_has_group(s, w.group + 1))
		w.group++;
	w.unit <<= w.group;
	if (w.all)
		w.before = w.unit - l->pageblock_pages;
	return w;
}

/* The first page from @pfn on at which the bits let a chain begin, aligned or
 * not; MHP_PFN_NONE. */
static mhp_pfn_t walk_next(const struct walk *w, mhp_pfn_t pfn)
{
	const struct search *s = w->s;
	mhp_pfn_t from = pfn + (w->all ? w->unit - 1 : 0), end = s->m->max_pfn;
	const struct mhp_block *blk;

	from &= ~(w->unit - 1);
	blk = w->all ? room_next_group(s->m, s->node, s->zone, w->group, from,
				       end)
		     : room_next(s->m, s->node, s->zone, ROOM_WHOLE, from, end);
	if (!blk)
		return MHP_PFN_NONE;
	return blk->start_pfn > pfn + w->before ? blk->start_pfn - w->before
						: pfn;
}

/* Whether the blocks of a chain that begins at a page are all of the zone, and
 * belong together. @next: else the page behind those that do. */
static bool walk_joins(struct walk *w, mhp_pfn_t pfn, mhp_pfn_t *next)
{
	const struct search *s = w->s;
	uint64_t block_pages = s->m->layout.block_pages, before = 0;
	mhp_pfn_t first = pfn & ~(block_pages - 1), at = first;
	mhp_pfn_t end = pfn +
			(s->nr_pageblocks << s->m->layout.pageblock_order);

	if (w->joined > first)
		at = w->joined - block_pages;
	for (; at < end; at += block_pages) {
		const struct mhp_block *blk = section_block(s->m, at);
		uint64_t status = blk ? block_status(blk) : 0;

		*next = before ? at : at + block_pages;
		if (before ? !chain_joins(s, before, status)
			   : !chain_in_zone(s, status))
			return false;
		before = status;
		w->joined = at + block_pages;
	}
	return true;
}

/* Something was in the way in a block: once for each, look whether the bit is
 * right. */
static void walk_doubt(struct walk *w, mhp_pfn_t pfn)
{
	enum room_kind kind = w->all ? ROOM_ALL : ROOM_WHOLE;
	struct mhp_block *blk = section_block(w->s->m, pfn);

	if (!blk || blk->start_pfn == w->doubted ||
	    !room_is_set(w->s->m, blk, kind))
		return;
	w->doubted = blk->start_pfn;
	room_doubt(w->s->m, blk, kind);
}

/* Take a chain that begins at a page. @next: else where the next one might
 * begin at the earliest. */
static bool walk_try(struct walk *w, mhp_pfn_t pfn, mhp_pfn_t *next)
{
	if (!walk_joins(w, pfn, next))
		return false;
	if (look_chain(w->s, pfn, next))
		return take_chain(w->s, pfn, next);
	walk_doubt(w, w->all ? *next - 1 : pfn);
	return false;
}

static bool chain_walk(struct search *s)
{
	uint64_t nr_pages = s->nr_pageblocks << s->m->layout.pageblock_order;
	struct walk w = walk_make(s);
	mhp_pfn_t next = 0;

	for (;;) {
		mhp_pfn_t near = walk_next(&w, next);

		if (near == MHP_PFN_NONE)
			return false;
		next = align_up(near, s->align);
		if (next + nr_pages > s->limit_pfn)
			return false;
		if (next == near && walk_try(&w, near, &next))
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
