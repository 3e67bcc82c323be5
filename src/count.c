/* SPDX-License-Identifier: MIT */
/*
 * What is free in a zone; see count.h.
 *
 * Blocks are walked by the zone's list, so blocks of other zones and offline
 * ones cost nothing. A pageblock that was never used has no row bits, not even
 * those of pages that are not the allocator's. Where such pages can be, it is
 * asked for them; where they cannot, its word is enough.
 */
#include "count.h"

#include "bad.h"
#include "boot_map.h"
#include "libc.h"
#include "pageblock.h"
#include "zone.h"

/* The largest run that Linux's allocator knows, if pageblocks are smaller. */
#define COUNT_MAX_ORDER 10

/* A walk over the pageblocks of a zone. */
struct census {
	struct mhp *m;
	unsigned int node;
	enum mhp_zone_type zone;
	bool any_bad;		 /* there are bad pages, anywhere */
	bool bad;		 /* this block has some */
	struct zone_share share; /* of this block */
	uint32_t kept_end; /* pageblocks of this block from here on are all the
			      allocator's */
	void (*visit)(struct census *c, const struct pageblock *pb,
		      uint64_t word);
	/* Count a fresh block as a whole; false: look at its pageblocks. */
	bool (*fresh)(struct census *c, const struct mhp_block *blk);
	uint64_t nr_free;
	/* for the runs: one that is growing, in pages */
	mhp_pfn_t run_pfn;
	mhp_pfn_t run_end_pfn;
	unsigned int max_order;
	uint64_t *nr_runs;
};

/* Whether no page of a pageblock is taken or kept, by its word alone. */
static bool count_is_whole(const struct census *c, const struct pageblock *pb,
			   uint64_t word)
{
	return pageblock_is_free(word) && !(word & PB_MIXED) &&
	       (word & PB_USED || pb->index >= c->kept_end);
}

/* Whether no page of it is free, by its word alone. */
static bool count_is_none(uint64_t word)
{
	return word & (PB_ISOLATED | PB_HUGE | PB_DEAD);
}

static bool count_belongs(const struct census *c, const struct pageblock *pb)
{
	unsigned int node = 0;

	return boot_pageblock_zone(c->m, pageblock_pfn(c->m, pb), &node) ==
		       c->zone &&
	       node == c->node;
}

/*
 * A block that nobody ever allocated from is counted by its account. Blocks
 * that are just leaving are not: what they have is withdrawn bit by bit.
 */
static bool count_is_fresh(struct census *c, const struct mhp_block *blk)
{
	uint64_t status = block_status(blk);

	return !c->bad && block_life(status) == MHP_BLOCK_ONLINE &&
	       block_former_zone(status) == MHP_ZONE_NONE &&
	       pageblock_never_used(c->m, blk);
}

/* Which pageblocks of a block can have pages that are not the allocator's. */
static uint32_t count_kept_end(const struct census *c,
			       const struct mhp_block *blk)
{
	const struct layout *l = &c->m->layout;
	uint64_t status = block_status(blk);
	uint32_t memmap = block_memmap_pages(status);

	if (block_has(status, BLOCK_GAPS) || c->bad ||
	    l->block_pages - c->share.nr_managed != memmap)
		return l->nr_pageblocks;
	return (memmap + l->pageblock_pages - 1) >> l->pageblock_order;
}

static void count_pageblocks(struct census *c, struct mhp_block *blk)
{
	struct mhp *m = c->m;
	uint64_t status = block_status(blk);
	uint32_t i;

	for (i = pageblock_first(m, blk); i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		if (!block_has(status, BLOCK_MANY) || count_belongs(c, &pb))
			c->visit(c, &pb, mhp_port_load_seq(pb.word));
	}
}

static void count_block(struct census *c, struct mhp_block *blk)
{
	c->bad = c->any_bad &&
		 bad_count(c->m, mhp_range_make(blk->start_pfn,
						c->m->layout.block_pages));
	c->share = zone_share(c->m, blk, c->node, c->zone);
	c->kept_end = count_kept_end(c, blk);
	if (count_is_fresh(c, blk) && c->fresh(c, blk))
		return;
	count_pageblocks(c, blk);
}

static void count_zone(struct census *c)
{
	struct mhp_block *blk;

	c->any_bad = bad_count(c->m, mhp_range_make(0, c->m->max_pfn));
	for (blk = zone_of(c->m, c->node, c->zone)->blocks; blk;
	     blk = blk->next)
		count_block(c, blk);
	for (blk = c->m->many; blk; blk = blk->next)
		count_block(c, blk);
}

/* Free pages of a pageblock without kept ones. Most rows are all or nothing. */
static uint32_t count_rows(const struct mhp *m, const struct pageblock *pb)
{
	uint32_t row, nr = m->layout.pageblock_pages;

	for (row = 0; row < pageblock_nr_rows(m); row++) {
		uint64_t used = mhp_port_load_seq(&pb->rows[row]);

		if (used == UINT64_MAX)
			nr -= 64;
		else if (used)
			nr -= word_popcount(used);
	}
	return nr;
}

static void count_visit_free(struct census *c, const struct pageblock *pb,
			     uint64_t word)
{
	if (count_is_whole(c, pb, word))
		c->nr_free += c->m->layout.pageblock_pages;
	else if (count_is_none(word))
		return;
	else if ((word & (PB_USED | PB_MIXED)) == PB_USED)
		c->nr_free += count_rows(c->m, pb);
	else
		c->nr_free += pageblock_nr_free(c->m, pb, word);
}

static bool count_fresh_free(struct census *c, const struct mhp_block *blk)
{
	(void)blk;
	c->nr_free += c->share.nr_managed;
	return true;
}

uint64_t count_zone_free(struct mhp *m, unsigned int node,
			 enum mhp_zone_type zone)
{
	struct census c = {.m = m,
			   .node = node,
			   .zone = zone,
			   .visit = count_visit_free,
			   .fresh = count_fresh_free};

	count_zone(&c);
	return c.nr_free;
}

/* The run that was growing is as long as it gets: split it, aligned. */
static void count_run_end(struct census *c)
{
	mhp_pfn_t pfn = c->run_pfn, end = c->run_end_pfn;

	while (pfn < end) {
		unsigned int order = c->max_order;
		uint64_t nr = 1;

		if (pfn && order > (unsigned int)__builtin_ctzll(pfn))
			order = (unsigned int)__builtin_ctzll(pfn);
		while (UINT64_C(1) << order > end - pfn)
			order--;
		if (order == c->max_order)
			nr = (end - pfn) >> order;
		c->nr_runs[order] += nr;
		pfn += nr << order;
	}
	c->run_pfn = c->run_end_pfn = 0;
}

static void count_run(struct census *c, mhp_pfn_t pfn, uint64_t nr_pages)
{
	if (c->run_end_pfn != pfn) {
		count_run_end(c);
		c->run_pfn = pfn;
	}
	c->run_end_pfn = pfn + nr_pages;
}

/*
 * The runs of a row that is partly free. Pairs of free pages are moved to the
 * place of their first one, then pairs of pairs, and so on.
 */
static void count_row(struct census *c, uint64_t free)
{
	static const uint64_t first[] = {
		UINT64_C(0x5555555555555555), UINT64_C(0x1111111111111111),
		UINT64_C(0x0101010101010101), UINT64_C(0x0001000100010001),
		UINT64_C(0x0000000100000001),
	};
	unsigned int order;

	for (order = 0; free && order < 5; order++) {
		unsigned int step = 1u << order;
		uint64_t pairs = free & free >> step & first[order];

		c->nr_runs[order] += word_popcount(free &
						   ~(pairs | pairs << step));
		free = pairs;
	}
	c->nr_runs[order] += word_popcount(free);
}

static void count_visit_runs(struct census *c, const struct pageblock *pb,
			     uint64_t word)
{
	struct mhp *m = c->m;
	mhp_pfn_t pfn = pageblock_pfn(m, pb);
	uint32_t row;

	if (count_is_none(word))
		return;
	if (count_is_whole(c, pb, word)) {
		count_run(c, pfn, m->layout.pageblock_pages);
		return;
	}
	for (row = 0; row < pageblock_nr_rows(m); row++) {
		uint64_t used = mhp_port_load_seq(&pb->rows[row]);
		uint64_t free;

		if (!(word & PB_USED) || word & PB_MIXED)
			used |= pageblock_kept(m, pb, row);
		free = ~used & m->layout.row_mask;
		if (!free)
			continue;
		if (free == m->layout.row_mask)
			count_run(c,
				  pfn + ((uint64_t)row << m->layout.row_order),
				  UINT64_C(1) << m->layout.row_order);
		else
			count_row(c, free);
	}
}

/* Without holes, what is free begins behind the memmap. */
static bool count_fresh_runs(struct census *c, const struct mhp_block *blk)
{
	uint32_t memmap = block_memmap_pages(block_status(blk));

	if (c->kept_end == c->m->layout.nr_pageblocks)
		return false;
	count_run(c, blk->start_pfn + memmap, c->share.nr_managed);
	return true;
}

static unsigned int count_max_order(const struct mhp *m)
{
	unsigned int order = COUNT_MAX_ORDER;

	if (order < m->layout.pageblock_order)
		order = m->layout.pageblock_order;
	return order < m->layout.block_order
		       ? order
		       : (unsigned int)m->layout.block_order;
}

_Static_assert(MHP_MAX_RUN_ORDERS > 16 && MHP_MAX_RUN_ORDERS > COUNT_MAX_ORDER,
	       "a pageblock has at most 2^16 pages");

int mhp_zone_runs(struct mhp *m, unsigned int node, enum mhp_zone_type zone,
		  uint64_t nr_runs[MHP_MAX_RUN_ORDERS])
{
	struct census c = {.m = m,
			   .node = node,
			   .zone = zone,
			   .visit = count_visit_runs,
			   .fresh = count_fresh_runs,
			   .max_order = count_max_order(m),
			   .nr_runs = nr_runs};
	int err;

	if (node >= m->geometry.nr_nodes || zone <= MHP_ZONE_NONE ||
	    zone >= MHP_NR_ZONES)
		return MHP_ERR_INVAL;
	err = mhp_lock(m);
	if (err)
		return err;
	memset(nr_runs, 0, MHP_MAX_RUN_ORDERS * sizeof(nr_runs[0]));
	count_zone(&c);
	count_run_end(&c);
	mhp_unlock(m);
	return (int)c.max_order + 1;
}
