/* SPDX-License-Identifier: MIT */
/*
 * All memmaps off a block; see mhp/move.h. How one moves is in move.c.
 *
 * While pages are emptied the mutex is let go of, and blocks may go on- or
 * offline, or leave; so the list is made anew after each. It only gets shorter:
 * nothing is added to a range, and a block of which pages are isolated stays
 * and stays online.
 */
#include "block.h"
#include "host.h"
#include "move.h"

/* One that is going on. */
struct evict {
	uint64_t block_id;
	bool onto;
	uint64_t deadline_ns;
	struct moves all;
	uint32_t room;
};

/* ---- the list, in one piece of memory ---- */

static struct mhp_block *evict_next(struct mhp *m, const struct evict *e,
				    mhp_pfn_t pfn)
{
	const struct mhp_block *host = block_find(m, e->block_id);

	return host ? host_next_dependent(m, host, pfn) : NULL;
}

static struct mhp_block *evict_after(struct mhp *m, const struct evict *e,
				     const struct mhp_block *blk)
{
	return evict_next(m, e, blk->start_pfn + m->layout.block_pages);
}

static uint64_t evict_bytes(const struct evict *e)
{
	return e->room *
	       (uint64_t)(sizeof(*e->all.moves) + sizeof(*e->all.pieces));
}

static int evict_alloc(struct mhp *m, struct evict *e,
		       struct mhp_report *report)
{
	const struct mhp_block *blk;

	for (blk = evict_next(m, e, 0); blk; blk = evict_after(m, e, blk))
		e->room++;
	if (!e->room)
		return 0;
	e->all.moves = (struct move *)m->ops->meta_alloc(m->ops_ctx,
							 evict_bytes(e), 0);
	if (!e->all.moves)
		return report_set(report, MHP_ERR_NOMEM, MHP_STAGE_MOVE,
				  MHP_WHY_NO_META, MHP_PFN_NONE);
	e->all.pieces = (struct mhp_range *)(void *)(e->all.moves + e->room);
	return 0;
}

static void evict_free(struct mhp *m, struct evict *e)
{
	if (e->room)
		m->ops->meta_free(m->ops_ctx, e->all.moves, evict_bytes(e));
}

/* Whether pages of a block were emptied; @at: where to begin to look. Entries
 * of blocks that have gone are never read. */
static bool evict_was_vacated(const struct evict *e,
			      const struct mhp_block *blk, uint32_t *at)
{
	for (; *at < e->all.nr; ++*at)
		if (e->all.moves[*at].span.range.start_pfn == blk->start_pfn)
			return e->all.moves[(*at)++].vacated;
	return false;
}

/* Those that depend on the block now, by address. */
static void evict_list(struct mhp *m, struct evict *e)
{
	struct mhp_block *blk = evict_next(m, e, 0);
	uint32_t at = 0, nr = 0;

	for (; blk; blk = evict_after(m, e, blk)) {
		bool vacated = evict_was_vacated(e, blk, &at);

		move_init(m, blk, e->onto, &e->all.moves[nr]);
		e->all.moves[nr++].vacated = vacated;
	}
	e->all.nr = nr;
}

static int evict_check(struct mhp *m, const struct evict *e,
		       struct mhp_report *report)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < e->all.nr; i++)
		err = move_check(m, &e->all.moves[i], report);
	return err;
}

/* ---- all of it ---- */

static struct move *evict_to_vacate(const struct evict *e)
{
	uint32_t i;

	for (i = 0; i < e->all.nr; i++)
		if (move_must_vacate(&e->all.moves[i]))
			return &e->all.moves[i];
	return NULL;
}

/* Return: 0: all is ready, and the mutex was not let go of since. */
static int evict_vacate(struct mhp *m, struct evict *e,
			struct mhp_report *report)
{
	for (;;) {
		struct move *mv;
		int err;

		evict_list(m, e);
		err = evict_check(m, e, report);
		mv = evict_to_vacate(e);
		if (err || !mv)
			return err;
		err = move_vacate(m, mv, e->deadline_ns, report);
		if (err)
			return err;
	}
}

static void evict_vacate_undo(struct mhp *m, const struct evict *e)
{
	uint32_t i;

	for (i = 0; i < e->all.nr; i++)
		move_vacate_undo(m, &e->all.moves[i]);
}

static int evict_locked(struct mhp *m, struct evict *e,
			struct mhp_report *report)
{
	int err;

	if (!block_find(m, e->block_id))
		return report_set(report, MHP_ERR_NOENT, MHP_STAGE_MOVE,
				  MHP_WHY_NO_BLOCK, MHP_PFN_NONE);
	err = evict_alloc(m, e, report);
	if (err || !e->room)
		return err;
	err = evict_vacate(m, e, report);
	if (!err)
		err = moves_run(m, &e->all, report);
	evict_vacate_undo(m, e);
	evict_free(m, e);
	return err;
}

int mhp_memmap_evict(struct mhp *m, uint64_t block_id,
		     enum mhp_placement placement, uint64_t deadline_ns,
		     struct mhp_report *report)
{
	struct evict e = {.block_id = block_id,
			  .onto = placement == MHP_PLACEMENT_BLOCK,
			  .deadline_ns = deadline_ns};
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_MOVE,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	err = move_check_placement(placement, report);
	if (!err)
		err = evict_locked(m, &e, report);
	mhp_unlock(m);
	if (err && report)
		report->stage = MHP_STAGE_MOVE;
	return err;
}
