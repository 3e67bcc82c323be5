/* SPDX-License-Identifier: MIT */
/* Events around going on- and offline; see phase.h. */
#include "phase.h"

#include "block.h"
#include "grace.h"
#include "notify.h"
#include "zone.h"

static uint64_t node_bit(const struct mhp_block *blk)
{
	return UINT64_C(1) << block_node(block_status(blk));
}

static bool node_is_empty(struct mhp *m, unsigned int node)
{
	unsigned int zone;

	/* Device ranges are no memory to allocate. */
	for (zone = MHP_ZONE_DMA; zone < MHP_ZONE_DEVICE; zone++)
		if (zone_of(m, node, (enum mhp_zone_type)zone)->nr_present)
			return false;
	return true;
}

/* Boot blocks in several zones or nodes never leave, and count as present. */
bool phase_node_is_leaving(struct mhp *m, unsigned int node)
{
	uint64_t nr_present = 0, nr_going = 0;
	unsigned int zone;

	for (zone = MHP_ZONE_DMA; zone < MHP_ZONE_DEVICE; zone++) {
		const struct zone *z = zone_of(m, node,
					       (enum mhp_zone_type)zone);

		nr_present += z->nr_present;
		nr_going += z->nr_going;
	}
	return nr_present && nr_present == nr_going;
}

static bool block_is_inaccessible(const struct mhp_block *blk)
{
	return block_has(block_status(blk), BLOCK_INACCESSIBLE);
}

/* Memory that stays or comes: who was asked about the last of the node is told
 * that it is not. */
static void node_stays(struct mhp *m, struct mhp_block *blk,
		       enum mhp_zone_type zone)
{
	if (!(m->nodes_removing & node_bit(blk)))
		return;
	m->nodes_removing &= ~node_bit(blk);
	notify_cancel(m, blk, MHP_EVENT_NODE_CANCEL_REMOVING, zone);
}

int phase_going_online(struct mhp *m, struct mhp_block *blk,
		       enum mhp_zone_type zone)
{
	bool first = node_is_empty(m, block_node(block_status(blk)));
	int err;

	if (block_is_inaccessible(blk)) {
		err = notify_going(m, blk, MHP_EVENT_PREPARE_ONLINE, zone);
		if (err)
			return err;
	}
	if (first) {
		err = notify_going(m, blk, MHP_EVENT_NODE_ADDING_FIRST, zone);
		if (err)
			goto finish;
	}
	err = notify_going(m, blk, MHP_EVENT_GOING_ONLINE, zone);
	if (err)
		goto node;
	if (first)
		m->nodes_adding |= node_bit(blk);
	return 0;
node:
	if (first)
		notify_cancel(m, blk, MHP_EVENT_NODE_CANCEL_ADDING, zone);
finish:
	if (block_is_inaccessible(blk))
		notify_cancel(m, blk, MHP_EVENT_FINISH_OFFLINE, zone);
	return err;
}

void phase_online(struct mhp *m, struct mhp_block *blk, enum mhp_zone_type zone)
{
	node_stays(m, blk, zone);
	if (m->nodes_adding & node_bit(blk)) {
		m->nodes_adding &= ~node_bit(blk);
		notify_done(m, blk, MHP_EVENT_NODE_ADDED_FIRST, zone);
	}
	notify_done(m, blk, MHP_EVENT_ONLINE, zone);
}

int phase_going_offline(struct mhp *m, struct mhp_block *blk)
{
	uint64_t status = block_status(blk);
	enum mhp_zone_type zone = block_zone(status);
	bool last = phase_node_is_leaving(m, block_node(status));
	int err;

	if (last) {
		err = notify_going(m, blk, MHP_EVENT_NODE_REMOVING_LAST, zone);
		if (err)
			return err;
	}
	err = notify_going(m, blk, MHP_EVENT_GOING_OFFLINE, zone);
	if (err && last)
		notify_cancel(m, blk, MHP_EVENT_NODE_CANCEL_REMOVING, zone);
	if (!err && last)
		m->nodes_removing |= node_bit(blk);
	return err;
}

void phase_cancel_offline(struct mhp *m, struct mhp_block *blk)
{
	enum mhp_zone_type zone = block_zone(block_status(blk));

	notify_cancel(m, blk, MHP_EVENT_CANCEL_OFFLINE, zone);
	node_stays(m, blk, zone);
}

void phase_offline(struct mhp *m, struct mhp_block *blk,
		   enum mhp_zone_type zone)
{
	unsigned int node = block_node(block_status(blk));

	if (m->nodes_removing & node_bit(blk) && node_is_empty(m, node)) {
		m->nodes_removing &= ~node_bit(blk);
		notify_done(m, blk, MHP_EVENT_NODE_REMOVED_LAST, zone);
	}
	notify_done(m, blk, MHP_EVENT_OFFLINE, zone);
	if (!block_is_inaccessible(blk))
		return;
	/* Who saw it online may be looking at the state that it holds. */
	grace_wait(m);
	notify_done(m, blk, MHP_EVENT_FINISH_OFFLINE, zone);
}
