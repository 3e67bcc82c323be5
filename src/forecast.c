/* SPDX-License-Identifier: MIT */
/*
 * The forecast: what offlining a block would meet, without doing it. The same
 * walk starts every offlining, so that what cannot succeed ends before anything
 * has moved.
 */
#include "block.h"
#include "desc.h"
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

/* What one pass over a block found. */
struct forecast_pass {
	struct mhp_forecast sums;
	uint32_t nr_stored;
	bool unmovable;	 /* saw pages without an owner that moves */
	uint64_t digest; /* of where they are */
};

static void forecast_block(struct mhp *m, const struct frame_head *head,
			   const struct owner_answer *answer,
			   struct mhp_blocker *blockers, uint32_t max_blockers,
			   struct mhp_report *first, struct forecast_pass *pass)
{
	pass->sums.nr_blockers++;
	pass->sums.nr_blocked_pages += head->nr_pages;
	if (!answer->moves) {
		pass->unmovable = true;
		pass->digest = (pass->digest ^ head->pfn) *
				       UINT64_C(0x9e3779b97f4a7c15) +
			       head->order;
	}
	forecast_first(m, head, answer, first);
	if (pass->nr_stored < max_blockers)
		blocker_fill(m, head, answer->pins,
			     &blockers[pass->nr_stored++]);
}

/* An allocation that begins before the range may reach into it. */
static struct forecast_pass forecast_look(struct mhp *m, struct mhp_block *blk,
					  struct mhp_range range,
					  struct mhp_blocker *blockers,
					  uint32_t max_blockers, bool patient,
					  struct mhp_report *first)
{
	struct forecast_pass pass = {.nr_stored = 0};
	mhp_pfn_t pfn = range.start_pfn &
			~(mhp_pfn_t)(m->layout.pageblock_pages - 1);
	mhp_pfn_t end = mhp_range_end_pfn(range);
	struct frame_head head;

	while (pfn < end && frame_next_head(m, blk, pfn, &head) &&
	       head.pfn < end) {
		struct owner_answer answer;

		pfn = head.pfn + head.nr_pages;
		if (pfn <= range.start_pfn)
			continue;
		answer = owner_ask(m, &head, mhp_port_load(head.desc));
		if (!answer.moves || (answer.pins && !patient)) {
			forecast_block(m, &head, &answer, blockers,
				       max_blockers, first, &pass);
			continue;
		}
		pass.sums.nr_allocations_to_move++;
		pass.sums.nr_pages_to_move += head.nr_pages;
	}
	return pass;
}

/* A page that looks unmovable may be in the middle of being freed, its
 * descriptor stale. So what two passes with a wait between them agree on is
 * believed. */
uint32_t forecast_walk(struct mhp *m, struct mhp_block *blk,
		       struct mhp_range range, struct mhp_forecast *forecast,
		       struct mhp_blocker *blockers, uint32_t max_blockers,
		       bool patient, struct mhp_report *first)
{
	struct forecast_pass pass, before;
	unsigned int tries = FORECAST_TRIES;

	m->ops->synchronize(m->ops_ctx);
	pass = forecast_look(m, blk, range, blockers, max_blockers, patient,
			     first);
	do {
		before = pass;
		if (!pass.unmovable)
			break;
		if (first)
			first->why = MHP_WHY_NONE;
		m->ops->synchronize(m->ops_ctx);
		pass = forecast_look(m, blk, range, blockers, max_blockers,
				     patient, first);
	} while (pass.digest != before.digest && --tries);
	pass.sums.bytes_to_move = mhp_bytes_from_pages(
		&m->geometry, pass.sums.nr_pages_to_move);
	*forecast = pass.sums;
	return pass.nr_stored;
}

static uint64_t forecast_free_elsewhere(struct mhp *m, uint64_t block_id)
{
	struct mhp_block_info info;
	uint64_t id = 0, nr = 0;

	for (; !mhp_block_next(m, &id); id++)
		if (id != block_id && !mhp_block_query(m, id, &info))
			nr += info.nr_free;
	return nr;
}

static int forecast_locked(struct mhp *m, uint64_t block_id,
			   struct mhp_forecast *forecast,
			   struct mhp_blocker *blockers, uint32_t max_blockers,
			   struct mhp_report *report)
{
	struct mhp_block *blk = block_find(m, block_id);
	enum mhp_block_state life;
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
	nr = forecast_walk(
		m, blk, mhp_range_make(blk->start_pfn, m->layout.block_pages),
		forecast, blockers, max_blockers, false, NULL);
	forecast->nr_free_elsewhere = forecast_free_elsewhere(m, block_id);
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
