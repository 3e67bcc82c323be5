/* SPDX-License-Identifier: MIT */
/*
 * Moving the memmaps of blocks; see mhp/move.h, and gate.h for why their users
 * need not stop.
 *
 *   vacate   onto the block: empty its first pages
 *   prepare  the blocks move; take the targets; wait for readers; look whether
 *            descriptors can be copied; let the port prepare
 *   commit   each: copy and remap descriptors; freeze, switch the state, thaw.
 *            Wait for readers; the blocks stand still; give the sources back
 *
 * All that can fail is before commit, and is undone in reverse.
 */
#include "move.h"

#include "block.h"
#include "gate.h"
#include "grace.h"
#include "host.h"
#include "isolate.h"
#include "libc.h"
#include "recast.h"
#include "room.h"
#include "vacate.h"
#include "withheld.h"
#include "zone.h"

/* Whether it comes from memory that was there. */
static bool move_is_existing(const struct move *mv)
{
	return !block_has(block_status(mv->blk), BLOCK_HOSTED | BLOCK_RANGE);
}

/* ---- the target, and the source ---- */

static int move_take(struct mhp *m, struct move *mv, struct mhp_report *report)
{
	int err;

	if (mv->onto) {
		mv->span.memmap_pfn = MHP_PFN_NONE;
		mv->memmap = mv->blk->linear;
		mv->state = mv->blk->linear + m->layout.hosted_state_offset;
		return 0;
	}
	mv->state = (uint8_t *)m->ops->meta_alloc(
		m->ops_ctx, m->layout.state_bytes, (int)mv->span.node);
	if (!mv->state)
		return move_fail(mv, MHP_ERR_NOMEM, MHP_WHY_NO_META, report);
	err = vmemmap_reserve_existing(m, &mv->span, report);
	if (err)
		m->ops->meta_free(m->ops_ctx, mv->state, m->layout.state_bytes);
	/* Without a window that is where it is. */
	mv->memmap = mv->span.memmap;
	mv->span.memmap = mv->blk->memmap;
	return err;
}

static void move_give(struct mhp *m, struct span *span, uint8_t *state)
{
	vmemmap_release_existing(m, span);
	m->ops->meta_free(m->ops_ctx, state, m->layout.state_bytes);
}

/* The first @nr targets. */
static void moves_give(struct mhp *m, const struct moves *all, uint32_t nr)
{
	while (nr--) {
		struct move *mv = &all->moves[nr];

		if (!mv->onto)
			move_give(m, &mv->span, mv->state);
	}
}

static int moves_take(struct mhp *m, const struct moves *all,
		      struct mhp_report *report)
{
	uint32_t i;
	int err = 0;

	moves_avoid(m, all);
	for (i = 0; !err && i < all->nr; i++)
		err = move_take(m, &all->moves[i], report);
	moves_avoid_end(m, all);
	if (err)
		moves_give(m, all, i - 1);
	return err;
}

/* ---- prepare ---- */

/* From here on the allocator takes nothing of these blocks. */
static void moves_begin(struct mhp *m, const struct moves *all)
{
	uint32_t i;

	gate_move_begin(m);
	for (i = 0; i < all->nr; i++)
		block_set_moving(all->moves[i].blk, true);
}

static void moves_end(struct mhp *m, const struct moves *all)
{
	uint32_t i;

	for (i = 0; i < all->nr; i++)
		block_set_moving(all->moves[i].blk, false);
	gate_move_end(m);
}

/* The first @nr of them will not be remapped after all. */
static void moves_cancel_port(struct mhp *m, const struct moves *all,
			      uint32_t nr)
{
	while (nr--)
		if (!move_stays(&all->moves[nr]))
			vmemmap_remap_cancel(m, &all->moves[nr].span);
}

static int moves_prepare_port(struct mhp *m, const struct moves *all,
			      struct mhp_report *report)
{
	uint32_t i;

	for (i = 0; i < all->nr; i++) {
		const struct move *mv = &all->moves[i];
		int err = move_stays(mv) ? 0
					 : vmemmap_remap_prepare(m, &mv->span);

		if (err) {
			moves_cancel_port(m, all, i);
			return move_fail(mv, err, MHP_WHY_MAP_FAILED, report);
		}
	}
	return 0;
}

/* Wait for readers, then see that nobody writes to descriptors. */
static int moves_check_use(struct mhp *m, const struct moves *all,
			   struct mhp_report *report)
{
	uint32_t i;
	int err = 0;

	for (i = 0; i < all->nr; i++)
		if (!move_serves(&all->moves[i]))
			withheld_clear_rest(m, all->moves[i].blk);
	grace_wait(m);
	for (i = 0; !err && i < all->nr; i++)
		err = move_check_use(m, &all->moves[i], report);
	return err;
}

static int moves_prepare(struct mhp *m, const struct moves *all,
			 struct mhp_report *report)
{
	int err;

	moves_begin(m, all);
	err = moves_take(m, all, report);
	if (err)
		goto end;
	err = moves_check_use(m, all, report);
	if (!err)
		err = moves_prepare_port(m, all, report);
	if (!err)
		return 0;
	moves_give(m, all, all->nr);
end:
	moves_end(m, all);
	return err;
}

/* ---- commit ---- */

/* A memmap's own pages are never allocated, and the state may stand in their
 * descriptors. */
static uint64_t move_skip_bytes(const struct mhp *m, const struct move *mv)
{
	return mv->onto || mv->hosted
		       ? m->layout.hosted_pages * m->geometry.descriptor_bytes
		       : 0;
}

static void move_descriptors(struct mhp *m, const struct move *mv)
{
	struct remap remap = {
		.span = &mv->span,
		.backing_pfn = mv->blk->start_pfn,
		.to = mv->memmap,
		.skip_bytes = move_skip_bytes(m, mv),
		.copies = mv->copies,
		.protects = mv->copies && move_has_writers(m),
	};

	if (!move_stays(mv))
		vmemmap_remap(m, &remap);
}

/* Whose pages hold it is in the status, which all look at. */
static void move_set_status(struct mhp *m, const struct move *mv)
{
	uint64_t before = block_status(mv->blk);

	block_clear_flag(mv->blk, BLOCK_HOSTED | BLOCK_RANGE | BLOCK_GAPS);
	if (mv->onto)
		block_set_flag(mv->blk, BLOCK_HOSTED);
	if (!mv->onto && !mv->hosted)
		return;
	block_set_memmap_pages(mv->blk,
			       mv->onto ? (uint32_t)m->layout.hosted_pages : 0);
	recast_block(m, mv->blk, m->layout.hosted_pages);
	room_gain(m, mv->blk);
	/* Pages that were given back while it was offline are in no word yet;
	 * coming online would see to that if there still were gaps. */
	if (block_has(before, BLOCK_GAPS) && !block_serves(before))
		host_refresh(m, mv->blk);
}

/* The gate is frozen: nobody else looks, but for what is lent (lent.c). */
static void move_switch(struct mhp *m, const struct move *mv)
{
	struct mhp_block *blk = mv->blk;

	if (blk->state != mv->state)
		memcpy(mv->state, blk->state, m->layout.state_bytes);
	mhp_port_store_ptr((void **)(void *)&blk->state, mv->state);
	if (!mv->span.windowed)
		blk->memmap = mv->memmap;
	move_set_status(m, mv);
}

static void move_account(struct mhp *m, const struct move *mv)
{
	uint64_t hosted_bytes = mhp_bytes_from_pages(&m->geometry,
						     m->layout.hosted_pages);

	block_set_memmap_pfn(mv->blk, mv->span.memmap_pfn);
	if (mv->old_state)
		m->existing_state_bytes -= m->layout.state_bytes;
	if (!mv->onto)
		m->existing_state_bytes += m->layout.state_bytes;
	if (mv->hosted) {
		m->hosted_bytes -= hosted_bytes;
		zone_released(m, mv->blk, m->layout.hosted_pages);
	}
	if (mv->onto) {
		m->hosted_bytes += hosted_bytes;
		zone_withheld(m, mv->blk, m->layout.hosted_pages);
	}
	m->counters.nr_memmaps_moved++;
}

/* Others wait only while the gate is frozen. */
static void move_commit(struct mhp *m, struct move *mv)
{
	mv->old_span = block_span(m, mv->blk, mv->span.node);
	mv->old_state = move_is_existing(mv) ? mv->blk->state : NULL;
	move_descriptors(m, mv);
	gate_freeze(m);
	move_switch(m, mv);
	gate_thaw(m);
	move_account(m, mv);
}

static void moves_commit(struct mhp *m, const struct moves *all)
{
	uint32_t i;

	for (i = 0; i < all->nr; i++) {
		all->pieces[i] = all->moves[i].piece;
		host_hold(m, all->pieces[i]);
	}
	for (i = 0; i < all->nr; i++)
		move_commit(m, &all->moves[i]);
	/* The sources are handed out again only when all who may have seen
	 * them have left. */
	grace_wait(m);
	moves_end(m, all);
	for (i = 0; i < all->nr; i++)
		if (all->moves[i].old_state)
			move_give(m, &all->moves[i].old_span,
				  all->moves[i].old_state);
	host_release(m, all->pieces, all->nr);
}

/* ---- all of it ---- */

int move_check_placement(enum mhp_placement placement,
			 struct mhp_report *report)
{
	if (placement == MHP_PLACEMENT_EXISTING ||
	    placement == MHP_PLACEMENT_BLOCK)
		return 0;
	return report_set(report, MHP_ERR_INVAL, MHP_STAGE_MOVE,
			  MHP_WHY_BAD_PLACEMENT, MHP_PFN_NONE);
}

void move_init(struct mhp *m, struct mhp_block *blk, bool onto, struct move *mv)
{
	uint64_t status = block_status(blk);

	*mv = (struct move){
		.blk = blk,
		.onto = onto,
		.hosted = block_has(status, BLOCK_HOSTED),
		.piece = mhp_range_make(MHP_PFN_NONE, 0),
		.span = block_span(m, blk, block_node(status)),
	};
	if (block_has(status, BLOCK_RANGE) && !mv->hosted)
		mv->piece = host_piece(m, blk);
}

bool move_must_vacate(const struct move *mv)
{
	return mv->onto && !mv->hosted && !mv->vacated && move_serves(mv);
}

int move_vacate(struct mhp *m, struct move *mv, uint64_t deadline_ns,
		struct mhp_report *report)
{
	int err = vacate_range(m, mv->blk, move_own_pages(m, mv), deadline_ns,
			       report);

	mv->vacated = !err;
	return err;
}

void move_vacate_undo(struct mhp *m, const struct move *mv)
{
	if (mv->vacated)
		isolate_undo(m, mv->blk, move_own_pages(m, mv));
}

int moves_run(struct mhp *m, const struct moves *all, struct mhp_report *report)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < all->nr; i++)
		err = move_check_others(m, &all->moves[i], report);
	if (!err)
		err = moves_prepare(m, all, report);
	if (!err)
		moves_commit(m, all);
	return err;
}

/* Pages in use are emptied first. Meanwhile the mutex is let go of, and pages
 * may go bad, or be withheld. */
static int move_one(struct mhp *m, struct move *mv, uint64_t deadline_ns,
		    struct mhp_report *report)
{
	struct mhp_range piece;
	struct moves all = {.moves = mv, .pieces = &piece, .nr = 1};
	int err = 0;

	if (move_must_vacate(mv)) {
		err = move_vacate(m, mv, deadline_ns, report);
		if (!err)
			err = move_check(m, mv, report);
	}
	if (!err)
		err = moves_run(m, &all, report);
	move_vacate_undo(m, mv);
	return err;
}

static bool move_is_there(const struct move *mv)
{
	uint64_t status = block_status(mv->blk);

	return !block_has(status, BLOCK_RANGE) && mv->hosted == mv->onto;
}

static int move_locked(struct mhp *m, uint64_t block_id,
		       enum mhp_placement placement, uint64_t deadline_ns,
		       struct mhp_report *report)
{
	struct mhp_block *blk = block_find(m, block_id);
	struct move mv;
	int err = move_check_placement(placement, report);

	if (err)
		return err;
	if (!blk)
		return report_set(report, MHP_ERR_NOENT, MHP_STAGE_MOVE,
				  MHP_WHY_NO_BLOCK, MHP_PFN_NONE);
	move_init(m, blk, placement == MHP_PLACEMENT_BLOCK, &mv);
	err = move_check_state(&mv, report);
	if (err || move_is_there(&mv))
		return err;
	err = move_check(m, &mv, report);
	return err ? err : move_one(m, &mv, deadline_ns, report);
}

int mhp_memmap_move(struct mhp *m, uint64_t block_id,
		    enum mhp_placement placement, uint64_t deadline_ns,
		    struct mhp_report *report)
{
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_MOVE,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	err = move_locked(m, block_id, placement, deadline_ns, report);
	mhp_unlock(m);
	if (err && report)
		report->stage = MHP_STAGE_MOVE;
	return err;
}
