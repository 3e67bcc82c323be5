/* SPDX-License-Identifier: MIT */
/*
 * Offline and remove, all or nothing, of one range or of several. First every
 * online block is isolated and looked at, so that nothing moves if one cannot
 * be emptied, and so that what moves out of one block does not move into the
 * next. Then they go offline one by one. Each remembers its zone; if one fails,
 * all go back to where they were.
 *
 * With a second pass the look decides nothing, and a block that refuses is
 * tried again when all others have been: it may hold what one of those needed.
 *
 * A notifier that vetoes the way back leaves that block offline, and with it
 * those whose memmaps it holds; so does a host that went offline meanwhile. It
 * is logged.
 */
#include "block.h"
#include "boot_map.h"
#include "host.h"
#include "hotplug.h"
#include "isolate.h"
#include "offline.h"
#include "online.h"
#include "policy.h"
#include "section.h"

#define EJECT_FLAGS \
	(MHP_OFFLINE_PATIENT | MHP_OFFLINE_TWICE | MHP_OFFLINE_BACK_BY_POLICY)

static struct mhp_range eject_block(const struct mhp *m,
				    const struct mhp_block *blk)
{
	return mhp_range_make(blk->start_pfn, m->layout.block_pages);
}

/* What one eject is about: ranges that share no block, also with those of
 * others that run. */
struct eject {
	struct eject *next;
	const struct mhp_range *ranges;
	uint32_t nr;
	uint32_t flags;
};

/* Where a walk over the blocks of an eject is. */
struct eject_at {
	uint32_t range;
	mhp_pfn_t pfn; /* 0: at the start of the range */
	bool waits;    /* a host was passed over whose dependents are online */
};

/* The next block of a walk, or NULL. [mutex] */
static struct mhp_block *eject_walk(struct mhp *m, const struct eject *e,
				    struct eject_at *at)
{
	for (; at->range < e->nr; at->range++, at->pfn = 0) {
		struct mhp_range range = e->ranges[at->range];
		struct mhp_block *blk = section_range_block(
			m, range,
			at->pfn > range.start_pfn ? at->pfn : range.start_pfn);

		if (!blk)
			continue;
		at->pfn = blk->start_pfn + m->layout.block_pages;
		return blk;
	}
	return NULL;
}

static int eject_check_block(const struct mhp_block *blk,
			     struct mhp_report *report)
{
	uint64_t status = block_status(blk);

	if (block_has(status, BLOCK_BOOT))
		return report_set(report, MHP_ERR_BUSY, MHP_STAGE_REMOVE,
				  MHP_WHY_BOOT_MEMORY, blk->start_pfn);
	if (block_has(status, BLOCK_EJECTING) ||
	    (block_life(status) != MHP_BLOCK_ONLINE &&
	     block_life(status) != MHP_BLOCK_OFFLINE))
		return report_set(report, MHP_ERR_BUSY, MHP_STAGE_REMOVE,
				  MHP_WHY_TRANSITION, blk->start_pfn);
	return 0;
}

/* Whether a range is one that another eject is about, blocks or not: blocks
 * that come while it runs must not be taken for one's own. */
static bool eject_overlaps(const struct mhp *m, struct mhp_range range)
{
	const struct eject *e;
	uint32_t i;

	for (e = m->ejects; e; e = e->next)
		for (i = 0; i < e->nr; i++)
			if (range_cut(e->ranges[i], range).nr_pages)
				return true;
	return false;
}

static int eject_check_others(const struct mhp *m, const struct eject *e,
			      struct mhp_report *report)
{
	uint32_t i;

	for (i = 0; i < e->nr; i++)
		if (eject_overlaps(m, e->ranges[i]))
			return report_set(report, MHP_ERR_BUSY,
					  MHP_STAGE_REMOVE, MHP_WHY_TRANSITION,
					  e->ranges[i].start_pfn);
	return 0;
}

/* What would make the removal fail is said before anything goes offline. */
static int eject_check(struct mhp *m, const struct eject *e,
		       struct mhp_report *report)
{
	struct eject_at at = {0};
	struct mhp_block *blk;
	int err = remove_check_ranges(m, e->ranges, e->nr, report);

	if (!err)
		err = eject_check_others(m, e, report);
	if (!err)
		err = remove_check_hosts(m, e->ranges, e->nr, report);
	if (err)
		return err;
	while ((blk = eject_walk(m, e, &at))) {
		err = eject_check_block(blk, report);
		if (err)
			return err;
	}
	return 0;
}

/* Put a block back online in the zone that it had, or by policy. */
static void eject_back(struct mhp *m, const struct eject *e,
		       struct mhp_block *blk, enum mhp_zone_type zone)
{
	int err = host_check_online(m, blk, NULL);

	if (!err && e->flags & MHP_OFFLINE_BACK_BY_POLICY) {
		zone = policy_zone(m, blk, online_late_type(blk));
		online_note_type(m, blk, MHP_ONLINE_DEFAULT);
		err = online_check_bad(m, blk, NULL);
	}
	if (!err)
		err = online_locked(m, blk, zone, NULL);
	if (err && m->ops->log)
		m->ops->log(m->ops_ctx, 0, "a block could not go back online");
}

/* Let go of a block: un-isolated if it is online still, back online if not.
 * [mutex] */
static void eject_undo_block(struct mhp *m, const struct eject *e,
			     struct mhp_block *blk)
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
		isolate_undo(m, blk, eject_block(m, blk));
	else if (block_life(status) == MHP_BLOCK_OFFLINE)
		eject_back(m, e, blk, zone);
}

/* By address, whatever the order of the ranges: hosts come back before their
 * dependents. */
static void eject_undo(struct mhp *m, const struct eject *e)
{
	const struct mhp_range *range = remove_next(e->ranges, e->nr, 0);
	struct mhp_block *blk;
	mhp_pfn_t pfn;

	for (; range; range = remove_next(e->ranges, e->nr, pfn)) {
		pfn = range->start_pfn;
		while ((blk = section_range_block(m, *range, pfn))) {
			eject_undo_block(m, e, blk);
			pfn = blk->start_pfn + m->layout.block_pages;
		}
		pfn = mhp_range_end_pfn(*range);
	}
}

/* Take every block for this eject; isolate those that are online and remember
 * their zone. [mutex] */
static int eject_isolate(struct mhp *m, const struct eject *e,
			 struct mhp_report *report)
{
	struct eject_at at = {0};
	struct mhp_block *blk;

	while ((blk = eject_walk(m, e, &at))) {
		uint64_t status = block_status(blk);
		mhp_pfn_t pfn = MHP_PFN_NONE;

		if (block_life(status) == MHP_BLOCK_ONLINE &&
		    isolate_range(m, blk, eject_block(m, blk), &pfn))
			return report_set(report, MHP_ERR_BUSY,
					  MHP_STAGE_OFFLINE, MHP_WHY_ISOLATED,
					  pfn);
		block_set_former_zone(blk, block_zone(status));
		block_set_flag(blk, BLOCK_EJECTING);
	}
	return 0;
}

/* Isolate all, look at all; on failure all are as before. [mutex] */
static int eject_prepare(struct mhp *m, const struct eject *e,
			 uint64_t deadline_ns, struct mhp_report *report)
{
	bool look = !(e->flags & MHP_OFFLINE_TWICE);
	struct eject_at at = {0};
	struct mhp_block *blk;
	int err = eject_isolate(m, e, report);

	while (look && !err && (blk = eject_walk(m, e, &at)))
		if (block_former_zone(block_status(blk)))
			err = offline_foresee(m, blk, eject_block(m, blk),
					      e->flags, deadline_ns, report);
	if (err)
		eject_undo(m, e);
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

/* The next such block of a walk whose dependents are all offline. Those passed
 * over get their turn when the walk begins again. */
static struct mhp_block *eject_walk_online(struct mhp *m, const struct eject *e,
					   struct eject_at *at)
{
	struct mhp_block *blk;

	while ((blk = eject_walk(m, e, at))) {
		if (!eject_has_online(blk))
			continue;
		if (!host_check_offline(m, blk, NULL))
			return blk;
		at->waits = true;
	}
	return NULL;
}

/* Number of the next block to take offline; false: none is left that could
 * be. @again: those that had to wait have their turn. */
static bool eject_next_online(struct mhp *m, const struct eject *e,
			      struct eject_at *at, bool again,
			      uint64_t *block_id)
{
	struct mhp_block *blk;

	MHP_FATAL(!mhp_lock(m));
	blk = eject_walk_online(m, e, at);
	if (!blk && at->waits && again) {
		*at = (struct eject_at){0};
		blk = eject_walk_online(m, e, at);
	}
	if (blk)
		*block_id = blk->start_pfn >> m->layout.block_order;
	mhp_unlock(m);
	return blk;
}

/* What another block of the same eject may still change. */
static bool eject_may_pass(int err)
{
	return err == MHP_ERR_BUSY || err == MHP_ERR_NOMEM;
}

/* Blocks that refuse are passed over, for the second pass, and so are hosts. */
static int eject_first_pass(struct mhp *m, const struct eject *e,
			    uint64_t deadline_ns, struct mhp_report *report)
{
	uint32_t flags = (e->flags & MHP_OFFLINE_PATIENT) | OFFLINE_ISOLATED;
	struct mhp_report refusal;
	struct eject_at at = {0};
	uint64_t id;

	while (eject_next_online(m, e, &at, false, &id)) {
		int err = offline_flagged(m, id, deadline_ns, flags, &refusal);

		if (!err || eject_may_pass(err))
			continue;
		if (report)
			*report = refusal;
		return err;
	}
	return 0;
}

static int eject_last_pass(struct mhp *m, const struct eject *e,
			   uint64_t deadline_ns, struct mhp_report *report)
{
	uint32_t flags = (e->flags & MHP_OFFLINE_PATIENT) | OFFLINE_ISOLATED;
	struct eject_at at = {0};
	uint64_t id;
	int err = 0;

	while (!err && eject_next_online(m, e, &at, true, &id))
		err = offline_flagged(m, id, deadline_ns, flags, report);
	return err;
}

static int eject_offline(struct mhp *m, const struct eject *e,
			 uint64_t deadline_ns, struct mhp_report *report)
{
	int err = 0;

	if (e->flags & MHP_OFFLINE_TWICE)
		err = eject_first_pass(m, e, deadline_ns, report);
	return err ? err : eject_last_pass(m, e, deadline_ns, report);
}

/* From here on others keep off its ranges. [mutex] */
static void eject_enter(struct mhp *m, struct eject *e)
{
	e->next = m->ejects;
	m->ejects = e;
}

static void eject_leave(struct mhp *m, const struct eject *e)
{
	struct eject **link = &m->ejects;

	while (*link != e)
		link = &(*link)->next;
	*link = e->next;
}

static int eject_run(struct mhp *m, struct eject *e, uint64_t deadline_ns,
		     struct mhp_report *report)
{
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_REMOVE,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	err = eject_check(m, e, report);
	if (!err)
		err = eject_prepare(m, e, deadline_ns, report);
	if (!err)
		eject_enter(m, e);
	mhp_unlock(m);
	if (err)
		return err;
	err = eject_offline(m, e, deadline_ns, report);
	MHP_FATAL(!mhp_lock(m));
	eject_leave(m, e);
	if (!err)
		err = remove_locked(m, e->ranges, e->nr, true, report);
	if (err)
		eject_undo(m, e);
	mhp_unlock(m);
	return err;
}

int mhp_offline_and_remove_ranges(struct mhp *m, const struct mhp_range *ranges,
				  uint32_t nr_ranges, uint64_t deadline_ns,
				  uint32_t flags, struct mhp_report *report)
{
	struct eject e = {.ranges = ranges, .nr = nr_ranges, .flags = flags};

	if (flags & ~EJECT_FLAGS)
		return report_rule(report, MHP_ERR_INVAL, MHP_STAGE_REMOVE,
				   MHP_WHY_BAD_REQUEST, 0, "unknown flag");
	return eject_run(m, &e, deadline_ns, report);
}

int mhp_offline_and_remove(struct mhp *m, struct mhp_range range,
			   uint64_t deadline_ns, uint32_t flags,
			   struct mhp_report *report)
{
	return mhp_offline_and_remove_ranges(m, &range, 1, deadline_ns, flags,
					     report);
}
