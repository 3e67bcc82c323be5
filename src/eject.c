/* SPDX-License-Identifier: MIT */
/*
 * Offline and remove, all or nothing. First every online block of the range is
 * isolated and looked at, so that nothing moves if one cannot be emptied, and
 * so that what moves out of one block does not move into the next. Then they go
 * offline one by one. Each remembers its zone; if one fails, all go back to
 * where they were.
 *
 * A notifier that vetoes the way back leaves that block offline; it is logged.
 */
#include "block.h"
#include "hotplug.h"
#include "isolate.h"
#include "offline.h"
#include "online.h"
#include "section.h"

static mhp_pfn_t eject_end(const struct mhp *m, const struct mhp_block *blk)
{
	return blk->start_pfn + m->layout.block_pages;
}

/* What would make the removal fail is said before anything goes offline. */
static int eject_check(struct mhp *m, struct mhp_range range,
		       struct mhp_report *report)
{
	struct mhp_block *blk = NULL;
	int err = remove_check_range(m, range, report);

	if (err)
		return err;
	for (blk = section_range_block(m, range, range.start_pfn); blk;
	     blk = section_range_block(m, range, eject_end(m, blk))) {
		uint64_t status = block_status(blk);

		if (block_has(status, BLOCK_BOOT))
			return report_set(report, MHP_ERR_BUSY,
					  MHP_STAGE_REMOVE, MHP_WHY_BOOT_MEMORY,
					  blk->start_pfn);
		if (block_has(status, BLOCK_EJECTING) ||
		    (block_life(status) != MHP_BLOCK_ONLINE &&
		     block_life(status) != MHP_BLOCK_OFFLINE))
			return report_set(report, MHP_ERR_BUSY,
					  MHP_STAGE_REMOVE, MHP_WHY_TRANSITION,
					  blk->start_pfn);
	}
	return 0;
}

/* Let go of a block: un-isolated if it is online still, back online in the zone
 * that it had if not. [mutex] */
static void eject_undo_block(struct mhp *m, struct mhp_block *blk)
{
	uint64_t status = block_status(blk);
	enum mhp_zone_type zone = block_former_zone(status);

	if (!block_has(status, BLOCK_EJECTING))
		return;
	block_set_former_zone(blk, MHP_ZONE_NONE);
	block_clear_flag(blk, BLOCK_EJECTING);
	if (zone == MHP_ZONE_NONE)
		return;
	if (block_life(status) == MHP_BLOCK_ONLINE)
		isolate_undo(m, blk);
	else if (block_life(status) == MHP_BLOCK_OFFLINE &&
		 online_locked(m, blk, zone, NULL) && m->ops->log)
		m->ops->log(m->ops_ctx, 0, "a block could not go back online");
}

static void eject_undo(struct mhp *m, struct mhp_range range)
{
	struct mhp_block *blk;

	for (blk = section_range_block(m, range, range.start_pfn); blk;
	     blk = section_range_block(m, range, eject_end(m, blk)))
		eject_undo_block(m, blk);
}

/* Take every block for this eject; isolate those that are online and remember
 * their zone. [mutex] */
static int eject_isolate(struct mhp *m, struct mhp_range range,
			 struct mhp_report *report)
{
	struct mhp_block *blk;

	for (blk = section_range_block(m, range, range.start_pfn); blk;
	     blk = section_range_block(m, range, eject_end(m, blk))) {
		uint64_t status = block_status(blk);
		mhp_pfn_t pfn = MHP_PFN_NONE;

		if (block_life(status) == MHP_BLOCK_ONLINE &&
		    isolate_block(m, blk, &pfn))
			return report_set(report, MHP_ERR_BUSY,
					  MHP_STAGE_OFFLINE, MHP_WHY_ISOLATED,
					  pfn);
		block_set_former_zone(blk, block_zone(status));
		block_set_flag(blk, BLOCK_EJECTING);
	}
	return 0;
}

/* Isolate all, look at all; on failure all are as before. [mutex] */
static int eject_prepare(struct mhp *m, struct mhp_range range, uint32_t flags,
			 struct mhp_report *report)
{
	struct mhp_block *blk = section_range_block(m, range, range.start_pfn);
	int err = eject_isolate(m, range, report);

	for (; blk && !err;
	     blk = section_range_block(m, range, eject_end(m, blk)))
		if (block_former_zone(block_status(blk)))
			err = offline_foresee(m, blk, flags, report);
	if (err)
		eject_undo(m, range);
	return err;
}

/* Whether a block is this eject's to take offline. One that came into the range
 * since is not: the removal then finds it and all is undone. */
static bool eject_has_online(const struct mhp_block *blk)
{
	uint64_t status = block_status(blk);

	return block_has(status, BLOCK_EJECTING) &&
	       block_life(status) == MHP_BLOCK_ONLINE;
}

/* Number of the next such block of a range, from @pfn on. */
static bool eject_next_online(struct mhp *m, struct mhp_range range,
			      mhp_pfn_t *pfn, uint64_t *block_id)
{
	struct mhp_block *blk;

	MHP_FATAL(!mhp_lock(m));
	blk = section_range_block(m, range, *pfn);
	while (blk && !eject_has_online(blk))
		blk = section_range_block(m, range, eject_end(m, blk));
	if (blk) {
		*block_id = blk->start_pfn >> m->layout.block_order;
		*pfn = eject_end(m, blk);
	}
	mhp_unlock(m);
	return blk;
}

static int eject_offline(struct mhp *m, struct mhp_range range,
			 uint64_t deadline_ns, uint32_t flags,
			 struct mhp_report *report)
{
	mhp_pfn_t pfn = range.start_pfn;
	uint64_t id;
	int err = 0;

	while (!err && eject_next_online(m, range, &pfn, &id))
		err = offline_flagged(m, id, deadline_ns,
				      flags | OFFLINE_ISOLATED, report);
	return err;
}

int mhp_offline_and_remove(struct mhp *m, struct mhp_range range,
			   uint64_t deadline_ns, uint32_t flags,
			   struct mhp_report *report)
{
	int err;

	if (flags & ~MHP_OFFLINE_PATIENT)
		return report_rule(report, MHP_ERR_INVAL, MHP_STAGE_REMOVE,
				   MHP_WHY_BAD_REQUEST, 0, "unknown flag");
	err = mhp_lock(m);
	if (err)
		return report_set(report, err, MHP_STAGE_REMOVE,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	err = eject_check(m, range, report);
	if (!err)
		err = eject_prepare(m, range, flags, report);
	mhp_unlock(m);
	if (err)
		return err;
	err = eject_offline(m, range, deadline_ns, flags, report);
	MHP_FATAL(!mhp_lock(m));
	if (!err)
		err = remove_locked(m, range, true, report);
	if (err)
		eject_undo(m, range);
	mhp_unlock(m);
	return err;
}
