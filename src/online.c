/* SPDX-License-Identifier: MIT */
/*
 * Putting a block online: choose the zone, ask the notifiers, clear the
 * allocator's state if it may hold anything, count the block in, offer it.
 *
 * Descriptors are not written: they are valid from the first allocation of
 * their page on. So the time does not depend on what the block holds.
 */
#include "online.h"

#include "bad.h"
#include "block.h"
#include "grace.h"
#include "host.h"
#include "phase.h"
#include "policy.h"
#include "profile.h"
#include "room.h"
#include "withheld.h"
#include "zone.h"

static void online_commit(struct mhp *m, struct mhp_block *blk,
			  enum mhp_zone_type zone)
{
	withheld_clear_rest(m, blk);
	host_online(m, blk);
	if (profile_online_forgets(m))
		bad_forget(m, mhp_range_make(blk->start_pfn,
					     m->layout.block_pages));
	block_clear_flag(blk, BLOCK_CLEAN);
	block_set_zone(blk, zone);
	/* What cursors remember of its last life is not to be used. */
	grace_forget(m);
	block_set_life(blk, MHP_BLOCK_ONLINE);
	room_open(m, blk);
	zone_account(m, blk);
	zone_link(m, blk);
	m->counters.nr_onlines++;
}

int online_locked(struct mhp *m, struct mhp_block *blk, enum mhp_zone_type zone,
		  struct mhp_report *report)
{
	int err;

	MHP_ASSERT(block_life(block_status(blk)) == MHP_BLOCK_OFFLINE);
	block_set_life(blk, MHP_BLOCK_GOING_ONLINE);
	err = phase_going_online(m, blk, zone);
	if (err) {
		block_set_life(blk, MHP_BLOCK_OFFLINE);
		return report_set(report, err, MHP_STAGE_ONLINE, MHP_WHY_VETO,
				  blk->start_pfn);
	}
	online_commit(m, blk, zone);
	phase_online(m, blk, zone);
	return 0;
}

int online_check_bad(struct mhp *m, const struct mhp_block *blk,
		     struct mhp_report *report)
{
	mhp_pfn_t pfn = bad_next(
		m, mhp_range_make(blk->start_pfn, m->layout.block_pages));

	if (pfn == MHP_PFN_NONE || profile_online_forgets(m))
		return 0;
	return report_set(report, MHP_ERR_HWPOISON, MHP_STAGE_ONLINE,
			  MHP_WHY_POISON, pfn);
}

static int online_check(struct mhp *m, uint64_t block_id,
			enum mhp_online_type type, struct mhp_block **blk,
			struct mhp_report *report)
{
	enum mhp_block_state life;

	if (type <= MHP_ONLINE_OFFLINE || type > MHP_ONLINE_MOVABLE)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ONLINE,
				  MHP_WHY_BAD_TYPE, MHP_PFN_NONE);
	*blk = block_find(m, block_id);
	if (!*blk)
		return report_set(report, MHP_ERR_NOENT, MHP_STAGE_ONLINE,
				  MHP_WHY_NO_BLOCK, MHP_PFN_NONE);
	life = block_life(block_status(*blk));
	if (life == MHP_BLOCK_OFFLINE &&
	    !block_has(block_status(*blk), BLOCK_EJECTING)) {
		int err = online_check_bad(m, *blk, report);

		return err ? err : host_check_online(m, *blk, report);
	}
	if (life == MHP_BLOCK_ONLINE)
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ONLINE,
				  MHP_WHY_WRONG_STATE, (*blk)->start_pfn);
	return report_set(report, MHP_ERR_BUSY, MHP_STAGE_ONLINE,
			  MHP_WHY_TRANSITION, (*blk)->start_pfn);
}

enum mhp_online_type online_late_type(const struct mhp_block *blk)
{
	uint64_t status = block_status(blk);

	if (block_has(status, BLOCK_LATE_KERNEL))
		return MHP_ONLINE_KERNEL;
	return block_has(status, BLOCK_LATE_MOVABLE) ? MHP_ONLINE_MOVABLE
						     : MHP_ONLINE_DEFAULT;
}

void online_note_type(struct mhp *m, struct mhp_block *blk,
		      enum mhp_online_type type)
{
	bool late = m->profile != MHP_PROFILE_NATIVE &&
		    block_life(block_status(blk)) == MHP_BLOCK_ONLINE;

	block_clear_flag(blk, BLOCK_LATE_KERNEL | BLOCK_LATE_MOVABLE);
	if (late && type == MHP_ONLINE_KERNEL)
		block_set_flag(blk, BLOCK_LATE_KERNEL);
	if (late && type == MHP_ONLINE_MOVABLE)
		block_set_flag(blk, BLOCK_LATE_MOVABLE);
}

/* [mutex] */
static int online_typed(struct mhp *m, uint64_t block_id,
			enum mhp_online_type type, struct mhp_report *report)
{
	struct mhp_block *blk = NULL;
	int err = online_check(m, block_id, type, &blk, report);

	if (blk)
		online_note_type(m, blk, type);
	return err ? err
		   : online_locked(m, blk, policy_zone(m, blk, type), report);
}

int online_as_device(struct mhp *m, uint64_t block_id,
		     struct mhp_report *report)
{
	const struct mhp_block *blk;
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_ONLINE,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	blk = block_find(m, block_id);
	err = online_typed(m, block_id,
			   blk ? online_late_type(blk) : MHP_ONLINE_DEFAULT,
			   report);
	mhp_unlock(m);
	return err;
}

int mhp_block_online(struct mhp *m, uint64_t block_id,
		     enum mhp_online_type type, struct mhp_report *report)
{
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_ONLINE,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	err = online_typed(m, block_id, type, report);
	mhp_unlock(m);
	return err;
}

int mhp_auto_online(struct mhp *m, struct mhp_range range)
{
	struct mhp_policy policy;
	uint64_t id;
	int err = mhp_policy_get(m, &policy);

	if (err || policy.auto_online == MHP_ONLINE_OFFLINE)
		return err;
	id = mhp_block_id(&m->geometry, range.start_pfn);
	while (!mhp_block_next(m, &id) &&
	       mhp_block_range(&m->geometry, id).start_pfn <
		       mhp_range_end_pfn(range)) {
		err = mhp_block_online(m, id, policy.auto_online, NULL);
		if (err)
			return err;
		id++;
	}
	return 0;
}
