/* SPDX-License-Identifier: MIT */
/*
 * Pages of hosts that come back when a dependent leaves, its memmap moves away,
 * or they are lent; and lent ones that serve again; see host.h.
 *
 * Whoever opens a pageblock for the first time sets the row bits of the pages
 * that are kept then. Which these are changes when the dependent is found no
 * more there, or when its host notes that there are gaps. So pageblocks that
 * were never used are held before that, and given free when everything is as
 * it will be: of all blocks that leave together, as one pageblock can have
 * pages of several. Those that are told come last: they may allocate.
 */
#include "block.h"
#include "boot_map.h"
#include "host.h"
#include "lent.h"
#include "notify.h"
#include "pageblock.h"
#include "room.h"
#include "section.h"
#include "withheld.h"
#include "zone.h"

void host_refresh(struct mhp *m, struct mhp_block *blk)
{
	uint32_t i;

	for (i = pageblock_first(m, blk); i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);
		uint64_t word = mhp_port_load(pb.word) & ~(PB_DEAD | PB_GUESTS);

		if (withheld_covers(m, &pb, word))
			word |= PB_DEAD;
		if (host_has_guests(m, &pb))
			word |= PB_GUESTS;
		mhp_port_store(pb.word, word);
	}
}

/* Pageblocks that are all memmap are DEAD: no search looks at them. */
void host_online(struct mhp *m, struct mhp_block *blk)
{
	if (block_has(block_status(blk), BLOCK_GAPS))
		host_refresh(m, blk);
}

struct mhp_range host_part(const struct mhp *m, struct mhp_range run)
{
	uint64_t nr = m->layout.block_pages -
		      (run.start_pfn & (m->layout.block_pages - 1));

	return mhp_range_make(run.start_pfn,
			      nr < run.nr_pages ? nr : run.nr_pages);
}

/* For the part of a piece in each host that is known. */
static void host_walk(struct mhp *m, struct mhp_range piece,
		      void (*act)(struct mhp *m, struct mhp_block *host,
				  struct mhp_range run))
{
	while (piece.nr_pages) {
		struct mhp_range part = host_part(m, piece);
		struct mhp_block *host = section_block(m, part.start_pfn);

		if (host)
			act(m, host, part);
		piece = host_rest(piece, part);
	}
}

/* The part of a run in each pageblock of a host whose pages are in use. */
static void run_walk(struct mhp *m, struct mhp_block *host,
		     struct mhp_range run,
		     void (*act)(struct mhp *m, const struct pageblock *pb,
				 uint32_t from, uint32_t end))
{
	mhp_pfn_t pfn = run.start_pfn, end = mhp_range_end_pfn(run);

	if (!block_serves(block_status(host)))
		return;
	while (pfn < end) {
		struct pageblock pb = pageblock_of(m, host, pfn);
		mhp_pfn_t start = pageblock_pfn(m, &pb);
		uint64_t to = end - start;

		if (to > m->layout.pageblock_pages)
			to = m->layout.pageblock_pages;
		act(m, &pb, (uint32_t)(pfn - start), (uint32_t)to);
		pfn = start + to;
	}
}

static void hold_pages(struct mhp *m, const struct pageblock *pb, uint32_t from,
		       uint32_t end)
{
	(void)from;
	(void)end;
	if (pb->index >= pageblock_first(m, pb->blk))
		withheld_hold(m, pb);
}

static void hold_run(struct mhp *m, struct mhp_block *host,
		     struct mhp_range run)
{
	run_walk(m, host, run, hold_pages);
}

void host_hold(struct mhp *m, struct mhp_range piece)
{
	host_walk(m, piece, hold_run);
}

/* Until now nobody has looked at pageblocks that are all memmap; their words
 * are zero, but for what they were, or are about to be. */
static void host_show(struct mhp *m, struct mhp_block *blk)
{
	uint64_t status = block_status(blk);
	bool leaves = block_life(status) == MHP_BLOCK_GOING_OFFLINE ||
		      block_former_zone(status) != MHP_ZONE_NONE;
	uint32_t i;

	for (i = 0; i < pageblock_first(m, blk); i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		mhp_port_store(pb.word, (mhp_port_load(pb.word) &
					 (PB_USED | PB_GUESTS)) |
						PB_DEAD |
						(leaves ? PB_ISOLATED : 0));
	}
}

static void note_run(struct mhp *m, struct mhp_block *host,
		     struct mhp_range run)
{
	uint64_t status = block_status(host);

	if (block_serves(status) && !block_has(status, BLOCK_GAPS))
		host_show(m, host);
	block_set_flag(host, BLOCK_GAPS);
	block_set_memmap_pages(host, block_memmap_pages(status) -
					     (uint32_t)run.nr_pages);
	room_gain(m, host);
	m->hosted_bytes -= mhp_bytes_from_pages(&m->geometry, run.nr_pages);
	zone_released(m, host, run.nr_pages);
}

static void regain_run(struct mhp *m, struct mhp_block *host,
		       struct mhp_range run)
{
	run_walk(m, host, run, withheld_regain);
}

static void note_guests(struct mhp *m, const struct pageblock *pb)
{
	if (mhp_port_load(pb->word) & PB_GUESTS && !host_has_guests(m, pb))
		mhp_port_and(pb->word, ~PB_GUESTS);
}

static void reopen_pages(struct mhp *m, const struct pageblock *pb,
			 uint32_t from, uint32_t end)
{
	(void)from;
	(void)end;
	note_guests(m, pb);
	withheld_reopen(m, pb);
}

static void reopen_run(struct mhp *m, struct mhp_block *host,
		       struct mhp_range run)
{
	run_walk(m, host, run, reopen_pages);
}

static void tell_run(struct mhp *m, struct mhp_block *host,
		     struct mhp_range run)
{
	if (block_serves(block_status(host)))
		notify_pages(m, host, MHP_EVENT_MEMMAP_RELEASED, run);
}

/* ---- blocks that leave ---- */

/*
 * For what of the piece of a block serves. Lent pages are in use by others.
 * What is lent is said by the block's state, which may be overwritten as soon
 * as the page that holds it is given, or described by it: so that one is last.
 */
static void serving_walk(struct mhp *m, struct mhp_block *blk,
			 void (*act)(struct mhp *m, struct mhp_block *host,
				     struct mhp_range run))
{
	struct mhp_range piece = host_piece(m, blk);
	mhp_pfn_t start = piece.start_pfn, from = start;
	uint32_t i;

	if (!piece.nr_pages)
		return;
	if (lent_any(m, blk))
		from += m->layout.lend_from;
	for (i = 0; lent_any(m, blk) && i < m->layout.nr_pageblocks; i++) {
		struct mhp_range lent = lent_of(m, blk, start, i);

		if (!lent.nr_pages)
			continue;
		host_walk(m, mhp_range_make(from, lent.start_pfn - from), act);
		from = mhp_range_end_pfn(lent);
	}
	host_walk(m, mhp_range_make(from, mhp_range_end_pfn(piece) - from),
		  act);
	if (lent_any(m, blk))
		host_walk(m, mhp_range_make(start, m->layout.lend_from), act);
}

static void gone_walk(struct mhp *m, struct mhp_block *gone,
		      void (*act)(struct mhp *m, struct mhp_block *host,
				  struct mhp_range run))
{
	for (; gone; gone = gone->prev)
		host_walk(m, host_piece(m, gone), act);
}

void host_release_all(struct mhp *m, struct mhp_block *gone)
{
	struct mhp_block *blk;

	for (blk = gone; blk; blk = blk->prev)
		serving_walk(m, blk, note_run);
	for (blk = gone; blk; blk = blk->prev)
		serving_walk(m, blk, regain_run);
	gone_walk(m, gone, reopen_run);
	gone_walk(m, gone, tell_run);
}

void host_release(struct mhp *m, const struct mhp_range *pieces, uint32_t nr)
{
	static void (*const steps[])(struct mhp * m, struct mhp_block * host,
				     struct mhp_range run) = {
		note_run,
		regain_run,
		reopen_run,
		tell_run,
	};
	size_t i;
	uint32_t k;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		for (k = 0; k < nr; k++)
			host_walk(m, pieces[k], steps[i]);
}

/* ---- lent pages ---- */

/* Say of the pageblocks of a run that they have lent pages; what is in them
 * must be able to move. */
static bool lend_mark(struct mhp *m, struct mhp_block *host,
		      struct mhp_range run)
{
	mhp_pfn_t pfn = run.start_pfn;

	while (pfn < mhp_range_end_pfn(run)) {
		struct pageblock pb = pageblock_of(m, host, pfn);
		uint64_t word = mhp_port_load_seq(pb.word);

		do {
			if (word & (PB_UNMOVABLE | PB_ISOLATED))
				return false;
		} while (!mhp_port_cas(pb.word, &word, word | PB_GUESTS));
		pfn = (pfn | (m->layout.pageblock_pages - 1)) + 1;
	}
	return true;
}

bool host_lend_begin(struct mhp *m, struct mhp_range run)
{
	struct mhp_range rest = run;

	host_hold(m, run);
	while (rest.nr_pages) {
		struct mhp_range part = host_part(m, rest);

		if (!lend_mark(m, section_block(m, part.start_pfn), part)) {
			host_lend_cancel(m, run);
			return false;
		}
		rest = host_rest(rest, part);
	}
	return true;
}

void host_lend_cancel(struct mhp *m, struct mhp_range run)
{
	host_walk(m, run, reopen_run);
}

void host_lend(struct mhp *m, struct mhp_range run)
{
	host_walk(m, run, note_run);
	host_walk(m, run, regain_run);
	host_walk(m, run, reopen_run);
}

static void recall_pages(struct mhp *m, const struct pageblock *pb,
			 uint32_t from, uint32_t end)
{
	(void)from;
	(void)end;
	withheld_raise(m, pb, 0);
	note_guests(m, pb);
}

static void recall_run(struct mhp *m, struct mhp_block *host,
		       struct mhp_range run)
{
	block_set_memmap_pages(host, block_memmap_pages(block_status(host)) +
					     (uint32_t)run.nr_pages);
	m->hosted_bytes += mhp_bytes_from_pages(&m->geometry, run.nr_pages);
	zone_withheld(m, host, run.nr_pages);
	run_walk(m, host, run, recall_pages);
}

void host_recall(struct mhp *m, struct mhp_range run)
{
	host_walk(m, run, recall_run);
}
