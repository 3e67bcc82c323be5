/* SPDX-License-Identifier: MIT */
/*
 * Moving the memmap of a block; see mhp/move.h, and gate.h for why its users
 * need not stop.
 *
 *   vacate   onto the block: empty its first pages
 *   prepare  the block moves; take the target; wait for readers; look whether
 *            descriptors can be copied; let the port prepare
 *   commit   copy and remap descriptors; freeze, switch the state, thaw; wait
 *            for readers; the block stands still; give the source back
 *
 * All that can fail is before commit, and is undone in reverse.
 */
#include "bad.h"
#include "block.h"
#include "desc.h"
#include "frame.h"
#include "gate.h"
#include "host.h"
#include "isolate.h"
#include "libc.h"
#include "profile.h"
#include "recast.h"
#include "vacate.h"
#include "withheld.h"
#include "zone.h"

/* A move that is going on. */
struct move {
	struct mhp_block *blk;
	bool onto; /* to placement block, else to existing memory */
	struct mhp_range piece; /* of a range's memmap that it comes from; or
				   empty */
	/* the target */
	struct span span;
	uint8_t *memmap;
	uint8_t *state;
	bool copies; /* pages are in use, so descriptors count */
};

static bool move_serves(const struct move *mv)
{
	return block_serves(block_status(mv->blk));
}

/* Whether it comes from the block itself. */
static bool move_is_hosted(const struct move *mv)
{
	return block_has(block_status(mv->blk), BLOCK_HOSTED);
}

/* Whether it comes from memory that was there. */
static bool move_is_existing(const struct move *mv)
{
	return !block_has(block_status(mv->blk), BLOCK_HOSTED | BLOCK_RANGE);
}

/* The pages of the block that hold memmap and state, before or after. */
static struct mhp_range move_own_pages(const struct mhp *m,
				       const struct move *mv)
{
	return mhp_range_make(mv->blk->start_pfn, m->layout.hosted_pages);
}

static int move_fail(const struct move *mv, int err, enum mhp_why why,
		     struct mhp_report *report)
{
	return report_set(report, err, MHP_STAGE_MOVE, why, mv->blk->start_pfn);
}

/* ---- checks ---- */

static int move_check_state(const struct move *mv, struct mhp_report *report)
{
	uint64_t status = block_status(mv->blk);
	enum mhp_block_state life = block_life(status);

	if (block_has(status, BLOCK_BOOT))
		return report_rule(report, MHP_ERR_OPNOTSUPP, MHP_STAGE_MOVE,
				   MHP_WHY_PLACEMENT_REFUSED, 0,
				   "the memmap of boot memory does not move");
	if (block_has(status, BLOCK_EJECTING) ||
	    (life != MHP_BLOCK_ONLINE && life != MHP_BLOCK_OFFLINE))
		return move_fail(mv, MHP_ERR_BUSY, MHP_WHY_TRANSITION, report);
	return 0;
}

/* The first block of a range says for the others where that is; and memmaps of
 * others stay where they are. */
static int move_check_range(struct mhp *m, const struct move *mv,
			    struct mhp_report *report)
{
	uint64_t status = block_status(mv->blk);
	const struct mhp_block *dependent;

	if (!block_has(status, BLOCK_RANGE))
		return 0;
	if (block_has(status, BLOCK_HOSTED))
		return report_rule(report, MHP_ERR_OPNOTSUPP, MHP_STAGE_MOVE,
				   MHP_WHY_PLACEMENT_REFUSED, 0,
				   "the first block of a range keeps its "
				   "memmap");
	dependent = host_next_dependent(m, mv->blk, 0);
	if (dependent)
		return report_set(report, MHP_ERR_BUSY, MHP_STAGE_MOVE,
				  MHP_WHY_DEPENDENT, dependent->start_pfn);
	if (block_memmap_pages(status))
		return report_rule(report, MHP_ERR_OPNOTSUPP, MHP_STAGE_MOVE,
				   MHP_WHY_PLACEMENT_REFUSED, 0,
				   "a part of the memmap is on the block");
	return 0;
}

/* Memory that cannot be touched now, or not always. */
static const char *move_inaccessible(struct mhp *m, const struct move *mv)
{
	if (!block_has(block_status(mv->blk), BLOCK_INACCESSIBLE))
		return NULL;
	if (!move_serves(mv))
		return "the block is not accessible while it is offline";
	if (mv->onto && withheld_in_block(m, mv->blk))
		return "what is withheld would be lost while it is offline";
	return NULL;
}

static int move_check_rules(struct mhp *m, const struct move *mv,
			    struct mhp_report *report)
{
	const char *rule = move_inaccessible(m, mv);
	struct profile_rules rules = profile_rules(m);

	if (mv->span.windowed && !m->ops->remap_memmap)
		return move_fail(mv, MHP_ERR_OPNOTSUPP, MHP_WHY_NO_REMAP,
				 report);
	if (!rule && mv->onto)
		rule = profile_hosts(&rules, m->layout.block_pages);
	return rule ? report_rule(report, MHP_ERR_OPNOTSUPP, MHP_STAGE_MOVE,
				  MHP_WHY_PLACEMENT_REFUSED, 0, rule)
		    : move_check_range(m, mv, report);
}

/* Nothing is put on bad pages, and nothing can be read from them. */
static int move_check_pages(struct mhp *m, const struct move *mv,
			    struct mhp_report *report)
{
	struct mhp_range own = move_own_pages(m, mv);
	struct span from = block_span(m, mv->blk, 0);
	mhp_pfn_t bad = bad_next(m, mv->piece);

	if (bad == MHP_PFN_NONE)
		bad = vmemmap_bad(m, &from);
	if (bad == MHP_PFN_NONE && (mv->onto || move_is_hosted(mv)))
		bad = bad_next(m, own);
	if (bad != MHP_PFN_NONE)
		return report_set(report, MHP_ERR_HWPOISON, MHP_STAGE_MOVE,
				  MHP_WHY_POISON, bad);
	if (mv->onto && withheld_in(m, mv->blk, own))
		return move_fail(mv, MHP_ERR_BUSY, MHP_WHY_WITHHELD, report);
	return 0;
}

/* Isolated by somebody: descriptors are being written, by offers to move what
 * they describe. */
static int move_check_others(struct mhp *m, const struct move *mv,
			     struct mhp_report *report)
{
	uint32_t i = pageblock_first(m, mv->blk);

	if (!move_serves(mv))
		return 0;
	if (mv->onto)
		i = pageblock_index(m, mv->blk,
				    mhp_range_end_pfn(move_own_pages(m, mv)) -
					    1) +
		    1;
	for (; i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, mv->blk, i);

		if (mhp_port_load_seq(pb.word) & PB_ISOLATED)
			return report_set(report, MHP_ERR_BUSY, MHP_STAGE_MOVE,
					  MHP_WHY_ISOLATED,
					  pageblock_pfn(m, &pb));
	}
	return 0;
}

/* Whether somebody else than the engine may write to descriptors. */
static bool move_has_writers(const struct mhp *m)
{
	return !m->no_extra &&
	       m->geometry.descriptor_bytes > MHP_DESC_ENGINE_BYTES;
}

/* A move that an owner has put off ends by writing a descriptor, whenever he
 * likes. After the wait for readers all descriptors in use are written. */
static int move_check_use(struct mhp *m, struct move *mv,
			  struct mhp_report *report)
{
	mhp_pfn_t pfn = mv->blk->start_pfn;
	mhp_pfn_t end = pfn + m->layout.block_pages;
	struct frame_head head;

	mv->copies = false;
	if (!move_serves(mv))
		return 0;
	for (; pfn < end && frame_next_head(m, mv->blk, pfn, &head);
	     pfn = head.pfn + head.nr_pages) {
		mv->copies = true;
		if (mhp_port_load(head.desc) & DESC_MOVING)
			return report_set(report, MHP_ERR_BUSY, MHP_STAGE_MOVE,
					  MHP_WHY_IN_FLIGHT, head.pfn);
	}
	if (mv->copies && move_has_writers(m) &&
	    !(mv->span.windowed && m->ops->protect_memmap))
		return move_fail(mv, MHP_ERR_OPNOTSUPP, MHP_WHY_NO_REMAP,
				 report);
	return 0;
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

/* ---- prepare ---- */

static int move_prepare_port(struct mhp *m, const struct move *mv,
			     struct mhp_report *report)
{
	int err = vmemmap_remap_prepare(m, &mv->span);

	return err ? move_fail(mv, err, MHP_WHY_MAP_FAILED, report) : 0;
}

static int move_prepare(struct mhp *m, struct move *mv,
			struct mhp_report *report)
{
	int err;

	/* From here on the allocator takes nothing of the block, also not for
	 * the memmap itself. */
	gate_move_begin(m, mv->blk);
	err = move_take(m, mv, report);
	if (err)
		goto end;
	if (!move_serves(mv))
		withheld_clear_rest(m, mv->blk);
	m->ops->synchronize(m->ops_ctx);
	err = move_check_use(m, mv, report);
	if (!err)
		err = move_prepare_port(m, mv, report);
	if (!err)
		return 0;
	if (!mv->onto)
		move_give(m, &mv->span, mv->state);
end:
	gate_move_end(m, mv->blk);
	return err;
}

/* ---- commit ---- */

/* A memmap's own pages are never allocated, and the state may stand in their
 * descriptors. */
static uint64_t move_skip_bytes(const struct mhp *m, const struct move *mv)
{
	return mv->onto || move_is_hosted(mv)
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

	vmemmap_remap(m, &remap);
}

/* Whose pages hold it is in the status, which all look at. */
static void move_set_status(struct mhp *m, const struct move *mv)
{
	bool hosted = move_is_hosted(mv);

	block_clear_flag(mv->blk, BLOCK_HOSTED | BLOCK_RANGE | BLOCK_GAPS);
	if (mv->onto)
		block_set_flag(mv->blk, BLOCK_HOSTED);
	if (mv->onto == hosted)
		return;
	block_set_memmap_pages(mv->blk,
			       mv->onto ? (uint32_t)m->layout.hosted_pages : 0);
	recast_block(m, mv->blk, m->layout.hosted_pages);
}

/* The gate is frozen: nobody else looks. */
static void move_switch(struct mhp *m, const struct move *mv)
{
	struct mhp_block *blk = mv->blk;

	memcpy(mv->state, blk->state, m->layout.state_bytes);
	blk->state = mv->state;
	if (!mv->span.windowed)
		blk->memmap = mv->memmap;
	move_set_status(m, mv);
}

static void move_account(struct mhp *m, const struct move *mv, bool existing,
			 bool hosted)
{
	uint64_t hosted_bytes = mhp_bytes_from_pages(&m->geometry,
						     m->layout.hosted_pages);

	block_set_memmap_pfn(mv->blk, mv->span.memmap_pfn);
	if (existing)
		m->existing_state_bytes -= m->layout.state_bytes;
	if (!mv->onto)
		m->existing_state_bytes += m->layout.state_bytes;
	if (hosted) {
		m->hosted_bytes -= hosted_bytes;
		zone_released(m, mv->blk, m->layout.hosted_pages);
	}
	if (mv->onto) {
		m->hosted_bytes += hosted_bytes;
		zone_withheld(m, mv->blk, m->layout.hosted_pages);
	}
}

static void move_commit(struct mhp *m, const struct move *mv)
{
	struct span from = block_span(m, mv->blk, mv->span.node);
	bool existing = move_is_existing(mv), hosted = move_is_hosted(mv);
	uint8_t *old_state = mv->blk->state;

	host_hold(m, mv->piece);
	move_descriptors(m, mv);
	gate_freeze(m);
	move_switch(m, mv);
	gate_thaw(m);
	move_account(m, mv, existing, hosted);
	/* The source is handed out again only when all who may have seen it
	 * have left. */
	m->ops->synchronize(m->ops_ctx);
	gate_move_end(m, mv->blk);
	if (existing)
		move_give(m, &from, old_state);
	host_release(m, mv->piece);
	m->counters.nr_memmaps_moved++;
}

/* ---- all of it ---- */

static int move_find(struct mhp *m, uint64_t block_id,
		     enum mhp_placement placement, struct move *mv,
		     struct mhp_report *report)
{
	if (placement != MHP_PLACEMENT_EXISTING &&
	    placement != MHP_PLACEMENT_BLOCK)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_MOVE,
				  MHP_WHY_BAD_PLACEMENT, MHP_PFN_NONE);
	mv->blk = block_find(m, block_id);
	if (!mv->blk)
		return report_set(report, MHP_ERR_NOENT, MHP_STAGE_MOVE,
				  MHP_WHY_NO_BLOCK, MHP_PFN_NONE);
	mv->onto = placement == MHP_PLACEMENT_BLOCK;
	mv->piece = block_has(block_status(mv->blk), BLOCK_RANGE)
			    ? host_piece(m, mv->blk)
			    : mhp_range_make(MHP_PFN_NONE, 0);
	mv->span = block_span(m, mv->blk, block_node(block_status(mv->blk)));
	return move_check_state(mv, report);
}

static int move_check(struct mhp *m, const struct move *mv,
		      struct mhp_report *report)
{
	int err = move_check_rules(m, mv, report);

	return err ? err : move_check_pages(m, mv, report);
}

/* The mutex was let go of: pages may have gone bad. */
static int move_vacated(struct mhp *m, struct move *mv,
			struct mhp_report *report)
{
	int err = move_check_pages(m, mv, report);

	if (!err)
		err = move_check_others(m, mv, report);
	if (!err)
		err = move_prepare(m, mv, report);
	if (!err)
		move_commit(m, mv);
	return err;
}

/* Onto pages of the block that are in use, or may come to be. */
static int move_onto(struct mhp *m, struct move *mv, uint64_t deadline_ns,
		     struct mhp_report *report)
{
	int err = vacate_range(m, mv->blk, move_own_pages(m, mv), deadline_ns,
			       report);

	if (err)
		return err;
	err = move_vacated(m, mv, report);
	isolate_undo(m, mv->blk, move_own_pages(m, mv));
	return err;
}

static int move_locked(struct mhp *m, uint64_t block_id,
		       enum mhp_placement placement, uint64_t deadline_ns,
		       struct mhp_report *report)
{
	struct move mv;
	int err = move_find(m, block_id, placement, &mv, report);

	if (err || (!mv.piece.nr_pages && move_is_hosted(&mv) == mv.onto))
		return err;
	err = move_check(m, &mv, report);
	if (err)
		return err;
	return mv.onto && move_serves(&mv)
		       ? move_onto(m, &mv, deadline_ns, report)
		       : move_vacated(m, &mv, report);
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
