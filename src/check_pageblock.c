/* SPDX-License-Identifier: MIT */
/*
 * INV-07 to INV-12, INV-24, INV-25, INV-29, INV-31, INV-32: words, rows, tails
 * and hints of pageblocks. Each function checks one rule and returns whether it
 * holds.
 */
#include "check_pageblock.h"

#include "cramped.h"
#include "frame.h"
#include "host.h"
#include "lent.h"
#include "room.h"
#include "section.h"
#include "withheld.h"

struct subject {
	struct mhp *m;
	struct pageblock pb;
	uint64_t word;
	uint64_t status; /* of the block */
};

/* INV-07, INV-12: isolated if and only if the block is going offline, or waits
 * for its turn in an eject. */
static bool check_isolation(const struct subject *s)
{
	bool leaving = block_life(s->status) == MHP_BLOCK_GOING_OFFLINE ||
		       block_former_zone(s->status) != MHP_ZONE_NONE;

	return !!(s->word & PB_ISOLATED) == leaving;
}

/* INV-08: at rest a word is free, SMALL, HUGE or DEAD, and nothing else. */
static bool check_word(const struct subject *s)
{
	uint64_t kind = s->word & (PB_SMALL | PB_HUGE | PB_DEAD);

	if (s->word & (PB_CLOSING | PB_OPENING) || kind & (kind - 1))
		return false;
	if (!kind)
		return pageblock_is_free(s->word & ~PB_ISOLATED);
	if (kind == PB_DEAD)
		return pageblock_nr_kept(s->m, &s->pb) ==
		       s->m->layout.pageblock_pages;
	return s->word & PB_USED;
}

/* INV-09: pages that are not the allocator's are never free; a pageblock
 * without any, and without bad ones that are allocated, is not called mixed. */
static bool check_kept(const struct subject *s)
{
	uint32_t row;

	if (!(s->word & PB_USED) || s->word & PB_DEAD)
		return !(s->word & PB_MIXED);
	for (row = 0; row < pageblock_nr_rows(s->m); row++) {
		uint64_t kept = pageblock_kept(s->m, &s->pb, row);

		if (kept & ~mhp_port_load(&s->pb.rows[row]))
			return false;
	}
	return pageblock_is_mixed(s->m, &s->pb) == !!(s->word & PB_MIXED);
}

/* INV-10: rows are in use under SMALL only, and never beyond the pageblock. */
static bool check_rows(const struct subject *s)
{
	uint32_t row;

	for (row = 0; row < pageblock_nr_rows(s->m); row++)
		if (mhp_port_load(&s->pb.rows[row]) & ~s->m->layout.row_mask)
			return false;
	return s->word & PB_SMALL || pageblock_empty(s->m, &s->pb, s->word);
}

/* INV-10: tails continue an allocation, and only where orders above 0 were. */
static bool check_tails(const struct subject *s)
{
	uint32_t row;

	for (row = 0; row < pageblock_nr_rows(s->m); row++) {
		uint64_t tails = mhp_port_load(&s->pb.tails[row]);

		if (tails & ~mhp_port_load(&s->pb.rows[row]) ||
		    (tails && !(s->word & PB_RUNS)))
			return false;
		if (tails && pageblock_kept(s->m, &s->pb, row) & tails)
			return false;
	}
	return true;
}

/* INV-25: where a chain begins, it goes on; and nowhere else. */
static bool check_chain_head(const struct subject *s)
{
	mhp_pfn_t pfn = pageblock_pfn(s->m, &s->pb) +
			s->m->layout.pageblock_pages;
	struct mhp_block *blk = section_block(s->m, pfn);
	struct pageblock next;
	bool goes_on = false;

	if (blk && block_serves(block_status(blk))) {
		next = pageblock_of(s->m, blk, pfn);
		goes_on = mhp_port_load_seq(next.word) & PB_CONT;
	}
	return goes_on == (s->word & PB_HUGE && s->word & PB_RUNS);
}

/* INV-25: a pageblock that continues an allocation is all in use, and follows
 * one of the same zone that is. */
static bool check_chain(const struct subject *s)
{
	mhp_pfn_t pfn = pageblock_pfn(s->m, &s->pb);
	struct mhp_block *blk;
	struct pageblock before;
	uint64_t status;

	if (!(s->word & PB_CONT))
		return check_chain_head(s);
	blk = pfn ? section_block(s->m, pfn - 1) : NULL;
	if (!(s->word & PB_HUGE) || !blk)
		return false;
	status = block_status(blk);
	if (!block_serves(status) || block_has(s->status, BLOCK_MANY) ||
	    block_zone(status) != block_zone(s->status) ||
	    block_node(status) != block_node(s->status))
		return false;
	before = pageblock_of(s->m, blk, pfn - 1);
	return mhp_port_load_seq(before.word) & PB_HUGE;
}

/* INV-10: allocations below a pageblock are powers of two, naturally
 * aligned. */
static bool check_heads(const struct subject *s)
{
	mhp_pfn_t pfn = pageblock_pfn(s->m, &s->pb);
	mhp_pfn_t end = pfn + s->m->layout.pageblock_pages;
	struct frame_head head;

	if (s->word & PB_HUGE)
		return true;
	while (pfn < end && frame_next_head(s->m, s->pb.blk, pfn, &head) &&
	       head.pfn < end) {
		uint64_t nr = UINT64_C(1) << head.order;
		uint32_t index = (uint32_t)(head.pfn -
					    pageblock_pfn(s->m, &s->pb));
		uint32_t next = index + (uint32_t)nr;
		uint32_t bits = (1u << s->m->layout.row_order) - 1;

		if (head.pfn & (nr - 1) || next > s->m->layout.pageblock_pages)
			return false;
		if (next < s->m->layout.pageblock_pages &&
		    mhp_port_load(
			    &s->pb.tails[next >> s->m->layout.row_order]) >>
				    (next & bits) &
			    1)
			return false;
		pfn = head.pfn + nr;
	}
	return true;
}

/* INV-11: no hint hides anything. */
static bool check_hints(const struct subject *s)
{
	uint32_t i = s->pb.index / 64;
	uint64_t bit = UINT64_C(1) << s->pb.index % 64;
	bool small = pageblock_hint_small(s->m, s->pb.blk, i) & bit;
	bool full = pageblock_hint_full(s->m, s->pb.blk, i) & bit;

	if (small != !!(s->word & PB_SMALL))
		return false;
	if (full && !pageblock_full(s->m, &s->pb))
		return false;
	if (!cramped_is_right(s->m, &s->pb, s->word))
		return false;
	if (s->word & PB_USED && pageblock_never_used(s->m, s->pb.blk))
		return false;
	return !pageblock_hint_nowhole(s->m, s->pb.blk, i) ||
	       !pageblock_is_free(s->word);
}

/* INV-31: if there is room in it, the levels above its block say so. */
static bool check_room(const struct subject *s)
{
	if (room_is_whole(s->m, &s->pb, s->word) &&
	    !room_is_set(s->m, s->pb.blk, ROOM_WHOLE))
		return false;
	if (pageblock_is_free(s->word))
		return room_is_set(s->m, s->pb.blk, ROOM_FREE);
	return !(s->word & PB_SMALL) || pageblock_full(s->m, &s->pb) ||
	       room_is_set(s->m, s->pb.blk, room_of(s->word));
}

/* INV-11: an empty pageblock that no cursor prefers is not kept open. */
static bool check_closed(const struct subject *s)
{
	return !(s->word & PB_SMALL) || s->word & PB_OWNER ||
	       !pageblock_empty(s->m, &s->pb, s->word);
}

/* INV-32: what a cursor prefers is found through the cursors. */
static bool check_owner(const struct subject *s)
{
	uint64_t owner = (s->word & PB_OWNER) >> PB_OWNER_SHIFT;

	return !owner || frame_has_cursor(s->m, &s->pb, owner);
}

/* Bits of withheld pages that something else keeps, or that the block does not
 * speak of. */
static bool check_withheld_rows(const struct subject *s)
{
	uint32_t nr = pageblock_withheld(s->word), row;
	uint32_t border = s->m->layout.pageblock_pages - nr;

	if (nr > s->m->layout.pageblock_pages ||
	    (nr && !block_has(s->status, BLOCK_WITHHELD)))
		return false;
	for (row = 0; nr && row < pageblock_nr_rows(s->m); row++)
		if (pageblock_fixed(s->m, &s->pb, row) &
		    ~pageblock_bits_below(border, row))
			return false;
	return true;
}

/* INV-24: the count of withheld pages, and DEAD if it covers all. */
static bool check_withheld(const struct subject *s)
{
	uint32_t row;

	if (!check_withheld_rows(s) ||
	    !(s->word & PB_DEAD) == withheld_covers(s->m, &s->pb, s->word))
		return false;
	for (row = 0; s->word & PB_DEAD && row < pageblock_nr_rows(s->m); row++)
		if (mhp_port_load(&s->pb.rows[row]))
			return false;
	return true;
}

/* INV-29: who lends can, and is all free or all in use; what has lent pages
 * says so, and holds nothing that does not move. */
static bool check_lent(const struct subject *s)
{
	bool guests = s->word & PB_GUESTS;

	if (s->word & PB_LENT &&
	    (s->word & PB_SMALL || !lent_any(s->m, s->pb.blk) ||
	     !lent_of(s->m, s->pb.blk, 0, s->pb.index).nr_pages))
		return false;
	if (guests != host_has_guests(s->m, &s->pb))
		return false;
	return !guests || !(s->word & PB_UNMOVABLE);
}

static const struct {
	uint32_t rule;
	bool (*holds)(const struct subject *s);
} check_rules[] = {
	{7, check_isolation}, {8, check_word},	  {9, check_kept},
	{10, check_rows},     {10, check_tails},  {10, check_heads},
	{11, check_hints},    {11, check_closed}, {24, check_withheld},
	{25, check_chain},    {29, check_lent},	  {31, check_room},
	{32, check_owner},
};

/* INV-09: of pageblocks before @end no page is the allocator's. They are in no
 * search of the block, but whoever comes from another pageblock meets them:
 * their words must not look as if they could be taken. */
static bool check_all_memmap(struct mhp *m, struct mhp_block *blk, uint32_t end,
			     mhp_pfn_t *pfn)
{
	uint32_t i;

	for (i = 0; i < end; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);
		uint64_t word = mhp_port_load_seq(pb.word);

		*pfn = pageblock_pfn(m, &pb);
		if (word && word != (PB_USED | PB_MIXED))
			return false;
	}
	return true;
}

/* INV-31: the same of a block that is free as a whole. */
static bool check_room_all(struct mhp *m, struct mhp_block *blk)
{
	return !room_has(m, blk, ROOM_ALL) || room_is_set(m, blk, ROOM_ALL);
}

uint32_t check_pageblocks(struct mhp *m, struct mhp_block *blk, mhp_pfn_t *pfn)
{
	uint32_t i;
	size_t k;

	i = pageblock_first(m, blk);
	if (!check_all_memmap(m, blk, i, pfn))
		return 9;
	for (; i < m->layout.nr_pageblocks; i++) {
		struct subject s = {.m = m,
				    .pb = pageblock_at(m, blk, i),
				    .status = block_status(blk)};

		s.word = mhp_port_load_seq(s.pb.word);
		*pfn = pageblock_pfn(m, &s.pb);
		for (k = 0; k < sizeof(check_rules) / sizeof(check_rules[0]);
		     k++)
			if (!check_rules[k].holds(&s))
				return check_rules[k].rule;
	}
	*pfn = blk->start_pfn;
	return check_room_all(m, blk) ? 0 : 31;
}
