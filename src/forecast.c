/* SPDX-License-Identifier: MIT */
/*
 * The forecast: what offlining a block would meet, without doing it. The same
 * walk starts every offlining, so that what cannot succeed ends before anything
 * has moved.
 */
#include "block.h"
#include "desc.h"
#include "elsewhere.h"
#include "grace.h"
#include "isolate.h"
#include "libc.h"
#include "offline.h"
#include "text.h"

/* Passes over a block whose pages are being freed all the time. */
#define FORECAST_TRIES 8

static void blocker_fill(struct mhp *m, const struct frame_head *head,
			 uint32_t pins, struct mhp_blocker *blocker)
{
	struct mhp_report report = {.pfn = 0};

	owner_report(m, head, mhp_port_load(head->desc), pins, &report);
	*blocker = (struct mhp_blocker){
		.pfn = head->pfn,
		.order = (uint8_t)head->order,
		.nr_pages = head->nr_pages,
		.owner = report.owner,
		.pins = pins,
	};
	memcpy(blocker->owner_name, report.owner_name,
	       sizeof(blocker->owner_name));
}

static void forecast_first(struct mhp *m, const struct frame_head *head,
			   const struct owner_answer *answer,
			   struct mhp_report *first)
{
	if (!first || first->why != MHP_WHY_NONE)
		return;
	report_set(first, MHP_ERR_BUSY, MHP_STAGE_OFFLINE,
		   answer->moves ? MHP_WHY_PINNED : MHP_WHY_UNMOVABLE,
		   head->pfn);
	owner_report(m, head, mhp_port_load(head->desc), answer->pins, first);
}

/* What one pass over a block looks for, and what it found. */
struct forecast_pass {
	struct mhp_range range;
	struct mhp_blocker *blockers;
	uint32_t max_blockers;
	bool patient;
	uint64_t deadline_ns;
	struct mhp_report *first;
	struct mhp_forecast sums;
	uint32_t nr_stored;
	bool unmovable;		/* saw pages without an owner that moves */
	uint64_t digest;	/* of where they are */
	struct owner_ref asked; /* the last one */
};

static void forecast_block(struct mhp *m, const struct frame_head *head,
			   const struct owner_answer *answer,
			   struct forecast_pass *pass)
{
	pass->sums.nr_blockers++;
	pass->sums.nr_blocked_pages += head->nr_pages;
	if (!answer->moves) {
		pass->unmovable = true;
		pass->digest = (pass->digest ^ head->pfn) *
				       UINT64_C(0x9e3779b97f4a7c15) +
			       head->order;
	}
	forecast_first(m, head, answer, pass->first);
	if (pass->nr_stored < pass->max_blockers)
		blocker_fill(m, head, answer->pins,
			     &pass->blockers[pass->nr_stored++]);
}

static bool forecast_moves(const struct forecast_pass *pass,
			   const struct owner_answer *answer)
{
	return answer->moves && (!answer->pins || pass->patient);
}

static void forecast_head(struct mhp *m, const struct frame_head *head,
			  struct forecast_pass *pass)
{
	struct owner_answer answer = owner_ask(m, head,
					       mhp_port_load(head->desc));

	if (!forecast_moves(pass, &answer)) {
		forecast_block(m, head, &answer, pass);
		return;
	}
	pass->sums.nr_allocations_to_move++;
	pass->sums.nr_pages_to_move += head->nr_pages;
}

/* ---- single pages, of which there can be many ---- */

/* Pages in a row of a pageblock that holds nothing but single pages. Most
 * belong to the owner of the one before. */
static void forecast_row(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
			 uint64_t bits, struct forecast_pass *pass)
{
	uint64_t nr = 0;

	for (; bits; bits &= bits - 1) {
		struct frame_head head = {
			.pfn = pfn + (unsigned int)__builtin_ctzll(bits),
			.nr_pages = 1,
		};
		struct owner_answer answer;
		uint64_t desc;

		head.desc = desc_word(m, blk, head.pfn);
		desc = mhp_port_load(head.desc);
		if (desc_owner(desc) != pass->asked.owner)
			owner_look_up(m, desc_owner(desc), &pass->asked);
		answer = owner_ask_page(m, &pass->asked, head.pfn,
					desc_cookie(desc));
		if (forecast_moves(pass, &answer))
			nr++;
		else
			forecast_block(m, &head, &answer, pass);
	}
	pass->sums.nr_allocations_to_move += nr;
	pass->sums.nr_pages_to_move += nr;
}

/* Whether a pageblock is all in the range. */
static bool forecast_is_whole(const struct mhp *m, mhp_pfn_t pfn,
			      const struct forecast_pass *pass)
{
	return !(pfn & (m->layout.pageblock_pages - 1)) &&
	       pfn >= pass->range.start_pfn &&
	       pfn + m->layout.pageblock_pages <=
		       mhp_range_end_pfn(pass->range);
}

/* The pageblock that begins at @pfn, if it holds nothing, or single pages only,
 * so that its rows say all that there is to say. Return: whether that is so. */
static bool forecast_plain(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
			   struct forecast_pass *pass)
{
	struct pageblock pb = pageblock_of(m, blk, pfn);
	uint64_t word = mhp_port_load_seq(pb.word);
	uint32_t row;

	if (pb.index < pageblock_first(m, blk) ||
	    !(word & (PB_SMALL | PB_HUGE | PB_OPENING)))
		return true;
	if (word & (PB_HUGE | PB_OPENING | PB_MIXED | PB_RUNS))
		return false;
	for (row = 0; row < pageblock_nr_rows(m); row++)
		forecast_row(m, blk, pfn + ((uint64_t)row * 64),
			     mhp_port_load_seq(&pb.rows[row]), pass);
	return true;
}

/* Whether there is no time for the pageblock that begins at @pfn. */
static bool forecast_is_late(const struct mhp *m, mhp_pfn_t pfn,
			     const struct forecast_pass *pass)
{
	return pfn > pass->range.start_pfn &&
	       !(pfn & (m->layout.pageblock_pages - 1)) &&
	       offline_is_late(m, pass->deadline_ns);
}

/* An allocation that begins before the range may reach into it. */
static void forecast_look(struct mhp *m, struct mhp_block *blk,
			  struct forecast_pass *pass)
{
	mhp_pfn_t mask = m->layout.pageblock_pages - 1;
	mhp_pfn_t pfn = pass->range.start_pfn & ~mask;
	mhp_pfn_t end = mhp_range_end_pfn(pass->range);
	struct frame_head head;

	while (pfn < end) {
		mhp_pfn_t next = (pfn | mask) + 1;

		if (forecast_is_late(m, pfn, pass))
			return;
		if (forecast_is_whole(m, pfn, pass) &&
		    forecast_plain(m, blk, pfn, pass)) {
			pfn = next;
			continue;
		}
		if (!frame_next_head(m, blk, pfn, &head) || head.pfn >= end)
			return;
		pfn = head.pfn < next ? head.pfn + head.nr_pages : next;
		if (head.pfn < next && pfn > pass->range.start_pfn)
			forecast_head(m, &head, pass);
	}
}

/* A page that looks unmovable may be in the middle of being freed, its
 * descriptor stale. So what two passes with a wait between them agree on is
 * believed. */
uint32_t forecast_walk(struct mhp *m, struct mhp_block *blk,
		       struct mhp_range range, struct mhp_forecast *forecast,
		       struct mhp_blocker *blockers, uint32_t max_blockers,
		       bool patient, uint64_t deadline_ns,
		       struct mhp_report *first)
{
	const struct forecast_pass ask = {
		.range = range,
		.blockers = blockers,
		.max_blockers = max_blockers,
		.patient = patient,
		.deadline_ns = deadline_ns,
		.first = first,
	};
	struct forecast_pass pass = ask, before;
	unsigned int tries = FORECAST_TRIES;

	grace_wait(m);
	forecast_look(m, blk, &pass);
	do {
		before = pass;
		if (!pass.unmovable)
			break;
		if (first)
			first->why = MHP_WHY_NONE;
		grace_wait(m);
		pass = ask;
		forecast_look(m, blk, &pass);
	} while (pass.digest != before.digest && --tries);
	pass.sums.bytes_to_move = mhp_bytes_from_pages(
		&m->geometry, pass.sums.nr_pages_to_move);
	*forecast = pass.sums;
	return pass.nr_stored;
}

static int forecast_locked(struct mhp *m, uint64_t block_id,
			   struct mhp_forecast *forecast,
			   struct mhp_blocker *blockers, uint32_t max_blockers,
			   struct mhp_report *report)
{
	struct mhp_block *blk = block_find(m, block_id);
	enum mhp_block_state life;
	struct mhp_range range;
	uint32_t nr;

	if (!blk)
		return report_set(report, MHP_ERR_NOENT, MHP_STAGE_FORECAST,
				  MHP_WHY_NO_BLOCK, MHP_PFN_NONE);
	life = block_life(block_status(blk));
	if (life == MHP_BLOCK_OFFLINE)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_FORECAST,
				  MHP_WHY_WRONG_STATE, blk->start_pfn);
	if (life != MHP_BLOCK_ONLINE)
		return report_set(report, MHP_ERR_BUSY, MHP_STAGE_FORECAST,
				  MHP_WHY_TRANSITION, blk->start_pfn);
	range = mhp_range_make(blk->start_pfn, m->layout.block_pages);
	*forecast = (struct mhp_forecast){.nr_blockers = 0};
	/* Without a page in use there is no descriptor to read. */
	if (!isolate_used(m, blk, range))
		return 0;
	nr = forecast_walk(m, blk, range, forecast, blockers, max_blockers,
			   false, MHP_NO_DEADLINE, NULL);
	forecast->nr_free_elsewhere = elsewhere_free(
		m, blk, forecast->nr_pages_to_move);
	return (int)nr;
}

int mhp_forecast(struct mhp *m, uint64_t block_id,
		 struct mhp_forecast *forecast, struct mhp_blocker *blockers,
		 uint32_t max_blockers, struct mhp_report *report)
{
	int nr = mhp_lock(m);

	if (nr)
		return report_set(report, nr, MHP_STAGE_FORECAST,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	nr = forecast_locked(m, block_id, forecast, blockers,
			     blockers ? max_blockers : 0, report);
	mhp_unlock(m);
	return nr;
}
