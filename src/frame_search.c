/* SPDX-License-Identifier: MIT */
/*
 * Finding a pageblock for a request whose cursor has none.
 *
 * Nodes by distance, in each the zones from the highest allowed one down; in
 * each zone: the smallest hole in partly used pageblocks of the same mobility
 * nearby, an entirely free pageblock, a partly used one anywhere, one that
 * another cursor prefers. If no zone has any: pageblocks that are empty but
 * kept by a cursor; last, for movable requests, unmovable pageblocks. Unmovable
 * requests never enter movable ones.
 *
 * A request that has fallen to a zone below its limit leaves a reserve there,
 * free pageblocks; while that is not whole it gets no page of what those could
 * use whom it is for (reserve.h).
 *
 * Hints only save looking; the words and rows decide (pageblock.h).
 */
#include "boot_map.h"
#include "cramped.h"
#include "cursor.h"
#include "desc.h"
#include "frame.h"
#include "frame_tight.h"
#include "reserve.h"
#include "room.h"
#include "section.h"

/* How a block is searched. */
enum search_mode {
	SEARCH_PARTIAL, /* partly used, nobody's */
	SEARCH_FREE,	/* entirely free */
	SEARCH_SHARED,	/* partly used, also somebody's */
	SEARCH_EMPTIED, /* empty but kept by a cursor: close and open */
};

bool frame_in_zone(const struct search *s, const struct pageblock *pb)
{
	unsigned int node = 0;

	if (s->align > s->m->layout.pageblock_order &&
	    pageblock_pfn(s->m, pb) & ((UINT64_C(1) << s->align) - 1))
		return false;
	if (!block_has(block_status(pb->blk), BLOCK_MANY))
		return true;
	return boot_pageblock_zone(s->m, pageblock_pfn(s->m, pb), &node) ==
		       s->zone &&
	       node == s->node;
}

/* Give the pageblock in a word's candidates a number in its block. */
static struct pageblock search_candidate(const struct search *s,
					 struct mhp_block *blk, uint32_t i,
					 uint64_t candidates)
{
	return pageblock_at(s->m, blk,
			    i * 64 + (uint32_t)__builtin_ctzll(candidates));
}

/* Pageblocks of hint word @i that exist and are not all memmap. */
static uint64_t search_all(const struct search *s, const struct mhp_block *blk,
			   uint32_t i)
{
	uint32_t nr = s->m->layout.nr_pageblocks - i * 64;
	uint32_t first = pageblock_first(s->m, blk);
	uint64_t all = nr >= 64 ? UINT64_MAX : (UINT64_C(1) << nr) - 1;

	if (first >= (i + 1) * 64)
		return 0;
	return first > i * 64 ? all & UINT64_MAX << (first - i * 64) : all;
}

static uint64_t search_owner_bits(const struct search *s)
{
	return s->cursor ? s->owner << PB_OWNER_SHIFT : 0;
}

bool frame_own(const struct search *s, const struct pageblock *pb,
	       uint64_t word)
{
	if (!s->cursor || word & PB_OWNER)
		return true;
	return mhp_port_cas(pb->word, &word,
			    (word & ~PB_CRAMPED) | search_owner_bits(s));
}

bool frame_try(struct search *s, const struct pageblock *pb, uint32_t row)
{
	if (frame_try_pageblock(s, pb, row) == FRAME_GOT)
		return true;
	if (s->cursor)
		pageblock_let_go(s->m, pb, s->owner);
	else
		pageblock_close(s->m, pb, false);
	return false;
}

/* One that is partly used, if it is for us. A full one is marked, so that it is
 * not met again. */
static bool search_candidate_try(struct search *s, const struct pageblock *pb,
				 bool shared)
{
	uint64_t word = mhp_port_load(pb->word), kind = PB_SMALL | PB_UNMOVABLE;
	uint32_t row;

	s->met |= (word & kind) == (s->expect & kind);
	if ((word & PB_GRANT_MASK) != s->expect ||
	    (!shared && word & PB_OWNER) || cramped_for(word, s->order) ||
	    !frame_in_zone(s, pb))
		return false;
	row = frame_find_run(s, pb);
	if (row < pageblock_nr_rows(s->m)) {
		if (s->order == 0)
			frame_prefetch(s, pb);
		return frame_own(s, pb, word) && frame_try(s, pb, row);
	}
	tight_none(s, pb, word);
	return false;
}

static bool search_partial(struct search *s, struct mhp_block *blk, bool shared)
{
	uint32_t i;

	for (i = 0; i < s->m->layout.nr_hint_words; i++) {
		uint64_t todo = pageblock_hint_room(s->m, blk, i);

		for (; todo; todo &= todo - 1) {
			struct pageblock pb = search_candidate(s, blk, i, todo);

			if (search_candidate_try(s, &pb, shared))
				return true;
		}
	}
	return false;
}

/* What a free pageblock's word becomes when it is taken for @s. */
static uint64_t open_grant(const struct search *s)
{
	if (s->order == s->m->layout.pageblock_order)
		return PB_HUGE | (s->expect & PB_UNMOVABLE);
	return s->expect | (s->order ? PB_RUNS | PB_FOR_RUNS : 0) |
	       search_owner_bits(s);
}

static bool search_whole(const struct search *s)
{
	return s->order == s->m->layout.pageblock_order;
}

/* Whether such requests need not ask for the pageblocks beside one that they
 * got whole: they are in the same zone, and it keeps nothing from them. */
static bool search_need_not_ask(const struct search *s,
				const struct mhp_block *blk)
{
	enum mhp_zone_type limit = frame_limit(s->request);

	return !block_has(block_status(blk), BLOCK_MANY) &&
	       (s->zone == limit ||
		!reserve_pages(zone_of(s->m, s->node, s->zone), limit));
}

/* Whether the zone has @nr free pageblocks for us beside its reserve. */
static bool search_spares(const struct search *s, uint64_t nr)
{
	enum mhp_zone_type limit = frame_limit(s->request);

	return s->zone == limit || reserve_spares(s, limit, nr);
}

static bool open_try(struct search *s, const struct pageblock *pb,
		     bool *remains)
{
	uint64_t word = mhp_port_load_seq(pb->word);

	if (!pageblock_is_free(word))
		return false;
	if (!frame_in_zone(s, pb) || !frame_may_open(s, word) ||
	    pageblock_pfn(s->m, pb) + (UINT64_C(1) << s->order) >
		    s->limit_pfn ||
	    (search_whole(s) && !frame_is_whole(s, pb, word))) {
		*remains = true;
		return false;
	}
	if (!frame_open(s, pb, word, open_grant(s), remains))
		return false;
	if (!search_whole(s)) {
		pageblock_set_small(s->m, pb);
		return frame_try(s, pb, 0);
	}
	s->pfn = pageblock_pfn(s->m, pb);
	mhp_port_store(desc_word(s->m, pb->blk, s->pfn), s->desc);
	if (s->cursor)
		cursor_move_whole(s->m, s->cursor, s->request, pb,
				  search_need_not_ask(s, pb->blk)
					  ? s->epoch
					  : GRACE_NEVER);
	return true;
}

/* Processors that take whole pageblocks begin in lines of words of their own:
 * the candidates of those come first. */
static uint64_t search_own_line(const struct search *s, uint64_t candidates)
{
	uint64_t line = s->owner * CURSOR_WORDS % 64;
	uint64_t own = candidates & UINT64_C(0xff) << line;

	_Static_assert(CURSOR_WORDS == 8, "a line is eight bits");
	return s->cursor && search_whole(s) && own ? own : candidates;
}

/* One look at hint word @i. @remains: a free pageblock was left behind. */
static bool search_free_word(struct search *s, struct mhp_block *blk,
			     uint32_t i, bool *remains)
{
	uint64_t todo = search_all(s, blk, i) &
			~pageblock_hint_small(s->m, blk, i);

	while (todo) {
		struct pageblock pb = search_candidate(
			s, blk, i, search_own_line(s, todo));

		if (open_try(s, &pb, remains))
			return true;
		todo &= ~(UINT64_C(1) << pb.index % 64);
	}
	return false;
}

/* R6: say that there is none, then look again. If that finds one there may be
 * more: several can have become free before the hint was set. */
static bool search_free_again(struct search *s, struct mhp_block *blk,
			      uint32_t i)
{
	struct pageblock pb = pageblock_at(s->m, blk, i * 64);
	bool remains = false, found;

	pageblock_set_nowhole(s->m, blk, i);
	found = search_free_word(s, blk, i, &remains);
	if (found || remains)
		pageblock_clear_nowhole(s->m, &pb);
	return found;
}

static bool search_free(struct search *s, struct mhp_block *blk)
{
	uint32_t i;

	for (i = 0; i < s->m->layout.nr_hint_words; i++) {
		bool remains = false;

		if (pageblock_hint_nowhole(s->m, blk, i))
			continue;
		if (search_free_word(s, blk, i, &remains))
			return true;
		s->met |= remains && !search_whole(s);
		if (remains)
			continue;
		if (search_free_again(s, blk, i))
			return true;
	}
	return false;
}

/* Cursors may keep empty pageblocks; now somebody needs them. */
static bool search_emptied(struct search *s, struct mhp_block *blk)
{
	uint32_t i;

	for (i = 0; i < s->m->layout.nr_hint_words; i++) {
		uint64_t todo = pageblock_hint_small(s->m, blk, i);

		for (; todo; todo &= todo - 1) {
			struct pageblock pb = search_candidate(s, blk, i, todo);
			uint64_t word = mhp_port_load_seq(pb.word);
			bool remains;

			if (!(word & PB_OWNER) ||
			    !pageblock_empty(s->m, &pb, word))
				continue;
			pageblock_close(s->m, &pb, true);
			if (open_try(s, &pb, &remains))
				return true;
		}
	}
	return false;
}

static bool search_block(struct search *s, struct mhp_block *blk,
			 enum search_mode mode)
{
	if (!block_grants(block_status(blk)) || blk->start_pfn >= s->limit_pfn)
		return false;
	switch (mode) {
	case SEARCH_PARTIAL:
		return search_partial(s, blk, false);
	case SEARCH_SHARED:
		return search_partial(s, blk, true);
	case SEARCH_FREE:
		return search_free(s, blk);
	case SEARCH_EMPTIED:
		return search_emptied(s, blk);
	}
	return false;
}

/* A mode, and where the blocks are that it looks for. */
struct search_way {
	enum search_mode mode;
	enum room_kind kind;
	uint32_t left; /* blocks to look at */
};

static bool search_range(struct search *s, struct search_way *way,
			 mhp_pfn_t pfn, mhp_pfn_t end_pfn)
{
	while (way->left) {
		struct mhp_block *blk = room_next(s->m, s->node, s->zone,
						  way->kind, pfn, end_pfn);

		if (!blk)
			return false;
		s->met = false;
		if (search_block(s, blk, way->mode))
			return true;
		if (!s->met)
			room_doubt(s->m, blk, way->kind);
		pfn = blk->start_pfn + s->m->layout.block_pages;
		way->left--;
	}
	return false;
}

/* Boot blocks that are in several zones. */
static bool search_many(struct search *s, enum search_mode mode)
{
	struct mhp_block *blk = s->m->many;

	for (; blk; blk = blk->next)
		if (search_block(s, blk, mode))
			return true;
	return false;
}

/* Partly used pageblocks are looked for near the cursor; free ones from the
 * lowest address on, so that what was used and is free again comes before what
 * never was. */
static mhp_pfn_t search_from(const struct search *s, enum search_mode mode)
{
	mhp_pfn_t from = 0;

	if (mode != SEARCH_FREE && s->cursor)
		from = mhp_port_load(&s->cursor->row_pfn);
	return from < s->m->max_pfn ? from & ~(s->m->layout.block_pages - 1)
				    : 0;
}

/* Once round, if nothing stops us; @most blocks at most. */
static bool search_blocks(struct search *s, enum search_mode mode,
			  enum room_kind kind, uint32_t most)
{
	struct search_way way = {mode, kind, most};
	mhp_pfn_t from = search_from(s, mode);

	return search_range(s, &way, from, s->m->max_pfn) ||
	       search_range(s, &way, 0, from) ||
	       (way.left && search_many(s, mode));
}

/* Partly used pageblocks of the mobility that is asked for. */
static bool search_own_kind(struct search *s, enum search_mode mode,
			    uint32_t most)
{
	return !search_whole(s) &&
	       search_blocks(s, mode, room_of(s->expect), most);
}

/* The smallest hole nearby. */
static bool search_tight(struct search *s)
{
	struct tight t = {.order = TIGHT_NONE};

	tight_find(s, search_from(s, SEARCH_PARTIAL), &t);
	if (t.order == TIGHT_NONE || !frame_own(s, &t.pb, t.word))
		return false;
	if (!s->order)
		tight_fetch(s, &t);
	return frame_try_pageblock(s, &t.pb, t.row) == FRAME_GOT ||
	       frame_try(s, &t.pb, 0);
}

static bool search_near(struct search *s)
{
	/* Below a limit not every hole will do. */
	return s->limit_pfn == MHP_PFN_NONE
		       ? !search_whole(s) && search_tight(s)
		       : search_own_kind(s, SEARCH_PARTIAL, TIGHT_NEAR);
}

static bool search_zone_free(struct search *s)
{
	return search_spares(s, 1) &&
	       search_blocks(s, SEARCH_FREE,
			     search_whole(s) ? ROOM_WHOLE : ROOM_FREE,
			     UINT32_MAX);
}

static bool search_zone(struct search *s)
{
	if (s->expect & PB_UNMOVABLE && !search_spares(s, 0))
		return false;
	return search_near(s) || search_zone_free(s) ||
	       search_own_kind(s, SEARCH_PARTIAL, UINT32_MAX) ||
	       search_own_kind(s, SEARCH_SHARED, UINT32_MAX);
}

static bool search_zone_emptied(struct search *s)
{
	return search_spares(s, 0) &&
	       (search_blocks(s, SEARCH_EMPTIED, ROOM_MOVABLE, UINT32_MAX) ||
		search_blocks(s, SEARCH_EMPTIED, ROOM_UNMOVABLE, UINT32_MAX));
}

/* Last: movable data in pageblocks of unmovable data. */
static bool search_zone_unmovable(struct search *s)
{
	struct cursor *cursor = s->cursor;
	bool got;

	if (search_whole(s) || s->expect & PB_UNMOVABLE || !search_spares(s, 0))
		return false;
	s->expect |= PB_UNMOVABLE;
	s->cursor = NULL; /* it is for movable pageblocks */
	got = search_own_kind(s, SEARCH_SHARED, UINT32_MAX);
	s->cursor = cursor;
	s->expect &= ~PB_UNMOVABLE;
	return got;
}

static bool search_node(struct search *s, unsigned int node,
			bool (*search)(struct search *))
{
	const struct mhp_request *request = s->request;
	enum mhp_zone_type limit = frame_limit(request);
	unsigned int zone = limit;

	s->node = node;
	for (; zone > MHP_ZONE_NONE; zone--) {
		s->zone = (enum mhp_zone_type)zone;
		if (search(s))
			return true;
		if (request->flags & MHP_ALLOC_THIS_ZONE)
			break;
	}
	return false;
}

static bool search_nodes(struct search *s, bool (*search)(struct search *))
{
	const struct mhp_request *request = s->request;
	unsigned int nr = s->m->geometry.nr_nodes;
	unsigned int from = request->node_plus_1 ? request->node_plus_1 - 1u
						 : 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		unsigned int node = s->m->node_order[from * nr + i];
		bool allowed = !request->node_mask ||
			       request->node_mask >> node & 1;

		if (allowed && search_node(s, node, search))
			return true;
		if (request->flags & MHP_ALLOC_THIS_NODE &&
		    request->node_plus_1)
			break;
	}
	return false;
}

/* The block that the cursor points into, or NULL. */
static struct mhp_block *search_cursor_block(const struct search *s,
					     mhp_pfn_t at)
{
	struct mhp_block *blk;

	if (at == MHP_PFN_NONE)
		return NULL;
	blk = section_block(s->m, at);
	return blk && block_grants(block_status(blk)) ? blk : NULL;
}

/* Pageblocks behind the one that the cursor went to last: those that it
 * remembers, which were never used, and the one behind them. */
static bool search_cursor_whole(struct search *s, mhp_pfn_t at)
{
	struct mhp_block *blk = search_cursor_block(s, at);
	uint32_t i, end = s->m->layout.nr_pageblocks;
	uint64_t status;
	bool remains;

	if (!blk)
		return false;
	/* The block may have come back in another zone since. */
	status = block_status(blk);
	if (block_has(status, BLOCK_MANY) ||
	    block_zone(status) > frame_limit(s->request))
		return false;
	s->zone = block_zone(status);
	s->node = block_node(status);
	if (!search_spares(s, 1))
		return false;
	i = pageblock_index(s->m, blk, at);
	if (end > (i | (CURSOR_WORDS - 1)) + 2)
		end = (i | (CURSOR_WORDS - 1)) + 2;
	while (++i < end) {
		struct pageblock pb = pageblock_at(s->m, blk, i);

		if (open_try(s, &pb, &remains))
			return true;
	}
	return false;
}

/* The rest of the pageblock that the cursor points into. */
static bool search_cursor_rest(struct search *s, mhp_pfn_t at)
{
	struct mhp_block *blk = search_cursor_block(s, at);
	struct pageblock pb;
	uint32_t row;

	if (!blk)
		return false;
	pb = pageblock_of(s->m, blk, at);
	row = (uint32_t)(at & (s->m->layout.pageblock_pages - 1)) >>
	      s->m->layout.row_order;
	return (mhp_port_load_seq(pb.word) & PB_GRANT_MASK) == s->expect &&
	       frame_try_pageblock(s, &pb, row) == FRAME_GOT;
}

static bool search_cursor(struct search *s)
{
	mhp_pfn_t at;

	if (!s->cursor)
		return false;
	at = mhp_port_load(&s->cursor->row_pfn);
	if (search_whole(s))
		return search_cursor_whole(s, at);
	/* Runs inside a row were looked for before it came to a search. What
	 * was begun for a large run is not for small ones behind it. */
	return s->order > s->m->layout.row_order &&
	       mhp_port_load(&s->cursor->order) == s->order &&
	       search_cursor_rest(s, at);
}

static bool search_zone_chain(struct search *s)
{
	return search_spares(s, s->nr_pageblocks) && frame_search_chain(s);
}

/* A chain: what is free, and then also what cursors keep empty. */
static bool search_chain(struct search *s)
{
	return search_nodes(s, search_zone_chain) ||
	       (frame_close_emptied(s->m) &&
		search_nodes(s, search_zone_chain));
}

int frame_search(struct search *s)
{
	s->epoch = grace_epoch(s->m);
	if (s->nr_pageblocks > 1)
		return search_chain(s) ? 0 : MHP_ERR_NOMEM;
	if (search_cursor(s) || frame_single(s) ||
	    search_nodes(s, search_zone) ||
	    search_nodes(s, search_zone_emptied) ||
	    search_nodes(s, search_zone_unmovable))
		return 0;
	return MHP_ERR_NOMEM;
}
