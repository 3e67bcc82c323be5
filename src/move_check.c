/* SPDX-License-Identifier: MIT */
/* What stands against a move of a memmap; see move.h. */
#include "bad.h"
#include "block.h"
#include "desc.h"
#include "frame.h"
#include "host.h"
#include "lent.h"
#include "move.h"
#include "pageblock.h"
#include "profile.h"
#include "withheld.h"

struct mhp_range move_own_pages(const struct mhp *m, const struct move *mv)
{
	return mhp_range_make(mv->blk->start_pfn, m->layout.hosted_pages);
}

int move_fail(const struct move *mv, int err, enum mhp_why why,
	      struct mhp_report *report)
{
	return report_set(report, err, MHP_STAGE_MOVE, why, mv->blk->start_pfn);
}

int move_check_state(const struct move *mv, struct mhp_report *report)
{
	uint64_t status = block_status(mv->blk);
	enum mhp_block_state life = block_life(status);

	if (block_has(status, BLOCK_BOOT))
		return report_rule(report, MHP_ERR_OPNOTSUPP, MHP_STAGE_MOVE,
				   MHP_WHY_BOOT_MEMORY, 0,
				   "nor does its memmap move");
	if (block_has(status, BLOCK_EJECTING) ||
	    (life != MHP_BLOCK_ONLINE && life != MHP_BLOCK_OFFLINE))
		return move_fail(mv, MHP_ERR_BUSY, MHP_WHY_TRANSITION, report);
	return 0;
}

/* Memmaps of others stay where they are, and the first block of a range says
 * for the others where that is. */
static int move_check_range(struct mhp *m, const struct move *mv,
			    struct mhp_report *report)
{
	uint64_t status = block_status(mv->blk);
	const struct mhp_block *dependent;

	if (!block_has(status, BLOCK_RANGE))
		return 0;
	dependent = host_next_dependent(m, mv->blk, 0);
	if (dependent)
		return report_set(report, MHP_ERR_BUSY, MHP_STAGE_MOVE,
				  MHP_WHY_DEPENDENT, dependent->start_pfn);
	if (!mv->hosted && block_memmap_pages(status))
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

	if (mv->span.windowed && !m->ops->remap_memmap && !move_stays(mv))
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
	if (bad == MHP_PFN_NONE && (mv->onto || mv->hosted))
		bad = bad_next(m, own);
	if (bad != MHP_PFN_NONE)
		return report_set(report, MHP_ERR_HWPOISON, MHP_STAGE_MOVE,
				  MHP_WHY_POISON, bad);
	if (lent_in_block(m, mv->blk))
		return move_fail(mv, MHP_ERR_BUSY, MHP_WHY_LENT, report);
	if (mv->onto && withheld_in(m, mv->blk, own))
		return move_fail(mv, MHP_ERR_BUSY, MHP_WHY_WITHHELD, report);
	return 0;
}

/* Isolated by somebody: descriptors are being written, by offers to move what
 * they describe. */
int move_check_others(struct mhp *m, const struct move *mv,
		      struct mhp_report *report)
{
	uint32_t i = pageblock_first(m, mv->blk);

	if (!move_serves(mv))
		return 0;
	if (mv->vacated)
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
bool move_has_writers(const struct mhp *m)
{
	return !m->no_extra &&
	       m->geometry.descriptor_bytes > MHP_DESC_ENGINE_BYTES;
}

/* A move that an owner has put off ends by writing a descriptor, whenever he
 * likes. After the wait for readers all descriptors in use are written. */
int move_check_use(struct mhp *m, struct move *mv, struct mhp_report *report)
{
	mhp_pfn_t pfn = mv->blk->start_pfn;
	mhp_pfn_t end = pfn + m->layout.block_pages;
	struct frame_head head;

	mv->copies = false;
	if (!move_serves(mv) || move_stays(mv))
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

int move_check(struct mhp *m, const struct move *mv, struct mhp_report *report)
{
	int err = move_check_state(mv, report);

	if (!err)
		err = move_check_rules(m, mv, report);
	return err ? err : move_check_pages(m, mv, report);
}
