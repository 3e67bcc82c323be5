/* SPDX-License-Identifier: MIT */
/*
 * Pages of hosts that come back when a dependent leaves or its memmap moves
 * away; see host.h.
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
#include "notify.h"
#include "pageblock.h"
#include "section.h"
#include "withheld.h"
#include "zone.h"

/* Pageblocks that are all memmap are DEAD: no search looks at them. */
void host_online(struct mhp *m, struct mhp_block *blk)
{
	uint32_t i;

	if (!block_has(block_status(blk), BLOCK_GAPS))
		return;
	for (i = 0; i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);
		uint64_t word = mhp_port_load(pb.word) & ~PB_DEAD;

		if (withheld_covers(m, &pb, word))
			word |= PB_DEAD;
		mhp_port_store(pb.word, word);
	}
}

/* For the part of a piece in each host that is known. */
static void host_walk(struct mhp *m, struct mhp_range piece,
		      void (*act)(struct mhp *m, struct mhp_block *host,
				  struct mhp_range run))
{
	mhp_pfn_t pfn = piece.start_pfn, end = mhp_range_end_pfn(piece), next;

	for (; piece.nr_pages && pfn < end; pfn = next) {
		struct mhp_block *host = section_block(m, pfn);

		next = (pfn | (m->layout.block_pages - 1)) + 1;
		next = next < end ? next : end;
		if (host)
			act(m, host, mhp_range_make(pfn, next - pfn));
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
		if (pb.index >= pageblock_first(m, host))
			act(m, &pb, (uint32_t)(pfn - start), (uint32_t)to);
		pfn = start + to;
	}
}

static void hold_pages(struct mhp *m, const struct pageblock *pb, uint32_t from,
		       uint32_t end)
{
	(void)from;
	(void)end;
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
 * are zero. */
static void host_show(struct mhp *m, struct mhp_block *blk)
{
	uint64_t status = block_status(blk);
	bool leaves = block_life(status) == MHP_BLOCK_GOING_OFFLINE ||
		      block_former_zone(status) != MHP_ZONE_NONE;
	uint32_t i;

	for (i = 0; i < pageblock_first(m, blk); i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		mhp_port_store(pb.word, PB_DEAD | (leaves ? PB_ISOLATED : 0));
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
	m->hosted_bytes -= mhp_bytes_from_pages(&m->geometry, run.nr_pages);
	zone_released(m, host, run.nr_pages);
}

static void regain_run(struct mhp *m, struct mhp_block *host,
		       struct mhp_range run)
{
	run_walk(m, host, run, withheld_regain);
}

static void reopen_pages(struct mhp *m, const struct pageblock *pb,
			 uint32_t from, uint32_t end)
{
	(void)from;
	(void)end;
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

static void (*const host_steps[])(struct mhp *m, struct mhp_block *host,
				  struct mhp_range run) = {
	note_run,
	regain_run,
	reopen_run,
	tell_run,
};

#define NR_STEPS (sizeof(host_steps) / sizeof(host_steps[0]))

void host_release(struct mhp *m, const struct mhp_range *pieces, uint32_t nr)
{
	size_t i;
	uint32_t k;

	for (i = 0; i < NR_STEPS; i++)
		for (k = 0; k < nr; k++)
			host_walk(m, pieces[k], host_steps[i]);
}

void host_release_all(struct mhp *m, const struct mhp_block *gone)
{
	const struct mhp_block *blk;
	size_t i;

	for (i = 0; i < NR_STEPS; i++)
		for (blk = gone; blk; blk = blk->prev)
			host_walk(m, host_piece(m, blk), host_steps[i]);
}
