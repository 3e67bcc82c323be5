/* SPDX-License-Identifier: MIT */
/*
 * The invariant checker: every rule of docs/SPEC.md that can be seen in the
 * data, by its number. It reads only, and of descriptors only those of live
 * allocations.
 *
 * Called at rest: allocations that are under way would look like broken rules.
 */
#include "block.h"
#include "boot_map.h"
#include "check_bad.h"
#include "check_device.h"
#include "check_host.h"
#include "check_pageblock.h"
#include "desc.h"
#include "device.h"
#include "gate.h"
#include "group.h"
#include "lent.h"
#include "node.h"
#include "phase.h"
#include "resource.h"
#include "section.h"
#include "stat.h"
#include "zone.h"

/* What a walk over all blocks adds up. */
struct check_sums {
	uint64_t nr_added;
	uint64_t hosted_pages;
	uint64_t existing_state_bytes;
	uint64_t existing_memmap_bytes;
	uint64_t nr_lent;
};

static int check_broken(struct mhp_report *report, uint32_t rule, mhp_pfn_t pfn)
{
	report_set(report, MHP_ERR_UCLEAN, MHP_STAGE_CHECK, MHP_WHY_INVARIANT,
		   pfn);
	if (report)
		report->rule = rule;
	return MHP_ERR_UCLEAN;
}

/* INV-01, INV-02: the index leads every section of a block to it. */
static int check_index(struct mhp *m, const struct mhp_block *blk,
		       struct mhp_report *report)
{
	uint64_t step = mhp_section_pages(&m->geometry), off;

	if (blk->start_pfn & (m->layout.block_pages - 1))
		return check_broken(report, 1, blk->start_pfn);
	for (off = 0; off < m->layout.block_pages; off += step)
		if (section_block(m, blk->start_pfn + off) != blk)
			return check_broken(report, 2, blk->start_pfn + off);
	return 0;
}

static bool check_is_linked(struct mhp *m, const struct mhp_block *blk)
{
	unsigned int i;
	const struct mhp_block *at;

	for (i = 0; i < m->geometry.nr_nodes * MHP_NR_ZONES; i++)
		for (at = m->zones[i].blocks; at; at = at->next)
			if (at == blk)
				return true;
	return false;
}

/* Pages of a block that hold memmap or state. */
static uint64_t check_memmap_pages(const struct mhp *m,
				   const struct mhp_block *blk)
{
	uint64_t status = block_status(blk);

	return block_has(status, BLOCK_RANGE | BLOCK_HOSTED)
		       ? check_host_pages(m, blk)
		       : 0;
}

/* INV-14: the record's state, zone and list agree. */
static int check_record(struct mhp *m, const struct mhp_block *blk,
			struct mhp_report *report)
{
	uint64_t status = block_status(blk);
	bool serves = block_serves(status);
	bool zoned = block_zone(status) != MHP_ZONE_NONE;

	if (block_life(status) == MHP_BLOCK_ABSENT ||
	    block_node(status) >= m->geometry.nr_nodes ||
	    block_grants(status) != (serves && !block_moves(status)))
		return check_broken(report, 14, blk->start_pfn);
	if (zoned != (serves && !block_has(status, BLOCK_MANY)))
		return check_broken(report, 14, blk->start_pfn);
	if (!serves && check_is_linked(m, blk))
		return check_broken(report, 15, blk->start_pfn);
	if (!block_has(status, BLOCK_BOOT) &&
	    block_memmap_pages(status) != check_memmap_pages(m, blk))
		return check_broken(report, 9, blk->start_pfn);
	return 0;
}

/* INV-27: no memmap moves. */
static int check_still(const struct mhp_block *blk, struct mhp_report *report)
{
	return block_moves(block_status(blk))
		       ? check_broken(report, 27, blk->start_pfn)
		       : 0;
}

/* INV-27: nobody is in the gate, nor keeps others out. */
static int check_gate(const struct mhp *m, struct mhp_report *report)
{
	return mhp_port_load(&m->gate) || gate_moves(m) & 1
		       ? check_broken(report, 27, MHP_PFN_NONE)
		       : 0;
}

/* INV-20: a resource is of one kind. */
static int check_resource(struct mhp *m, const struct mhp_block *blk,
			  struct mhp_report *report)
{
	const struct mhp_block *before;

	if (!resource_continues(m, blk))
		return 0;
	before = section_block(m, blk->start_pfn - 1);
	return block_resource(block_status(before)) ==
			       block_resource(block_status(blk))
		       ? 0
		       : check_broken(report, 20, blk->start_pfn);
}

/* INV-16: a memmap in existing memory is a chain of the engine's own pages, in
 * memory that serves, and large enough. */
static int check_chain(struct mhp *m, const struct span *span,
		       struct check_sums *sums, struct mhp_report *report)
{
	uint64_t nr_needed = altmap_memmap_pages(&m->geometry,
						 span->range.nr_pages);
	mhp_pfn_t pfn = span->memmap_pfn;
	uint64_t nr_pages = 0;

	while (pfn != MHP_PFN_NONE) {
		struct mhp_block *backing = section_block(m, pfn);
		struct mhp_page_info info;

		mhp_frame_query(m, pfn, &info);
		if (!backing || info.use != MHP_PAGE_ALLOCATED ||
		    info.owner != OWNER_MEMMAP || info.head_pfn != pfn)
			return check_broken(report, 16, pfn);
		nr_pages += UINT64_C(1) << info.order;
		if (nr_pages > 2 * nr_needed)
			break;
		pfn = vmemmap_next(m, pfn);
		if (pfn == MHP_PFN_NONE && info.cookie != span->range.start_pfn)
			return check_broken(report, 16, span->range.start_pfn);
	}
	if (nr_pages < nr_needed || (nr_pages && nr_pages >= 2 * nr_needed))
		return check_broken(report, 16, span->range.start_pfn);
	sums->existing_memmap_bytes += mhp_bytes_from_pages(&m->geometry,
							    nr_pages);
	return 0;
}

static int check_placement(struct mhp *m, struct mhp_block *blk,
			   struct check_sums *sums, struct mhp_report *report)
{
	struct span span = block_span(m, blk, 0);
	uint64_t status = block_status(blk);

	if (block_has(status, BLOCK_BOOT))
		return 0;
	sums->nr_added++;
	sums->nr_lent += lent_in_block(m, blk);
	sums->hosted_pages += block_memmap_pages(status);
	if (block_has(status, BLOCK_RANGE))
		return check_host(m, blk)
			       ? 0
			       : check_broken(report, 28, blk->start_pfn);
	if (!block_has(status, BLOCK_HOSTED)) {
		sums->existing_state_bytes += m->layout.state_bytes;
		return check_chain(m, &span, sums, report);
	}
	if (block_memmap_pfn(blk) != MHP_PFN_NONE ||
	    blk->state != blk->linear + m->layout.hosted_state_offset)
		return check_broken(report, 16, blk->start_pfn);
	return 0;
}

/* INV-03: the owner a live descriptor names exists. */
static int check_owners(struct mhp *m, struct mhp_block *blk,
			struct mhp_report *report)
{
	mhp_pfn_t pfn = blk->start_pfn;
	mhp_pfn_t end = pfn + m->layout.block_pages;
	struct frame_head head;

	for (; pfn < end && frame_next_head(m, blk, pfn, &head);
	     pfn = head.pfn + head.nr_pages) {
		uint16_t owner = desc_owner(mhp_port_load(head.desc));

		if (owner >= OWNER_MAX ||
		    (owner != OWNER_NONE && !m->owners[owner].ops))
			return check_broken(report, 3, head.pfn);
	}
	return 0;
}

/* INV-19: what the words say is free, isolated or allocated are the pages that
 * the zones count as managed. */
static int check_partition(struct mhp *m, struct mhp_block *blk,
			   struct mhp_report *report)
{
	uint64_t nr = 0, nr_managed = 0;
	unsigned int node, zone;
	uint32_t i;

	for (node = 0; node < m->geometry.nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone < MHP_NR_ZONES; zone++)
			nr_managed += zone_share(m, blk, node,
						 (enum mhp_zone_type)zone)
					      .nr_managed;
	for (i = pageblock_first(m, blk); i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);
		uint64_t word = mhp_port_load_seq(pb.word);

		nr += pageblock_nr_used(m, &pb, word) +
		      pageblock_nr_free(m, &pb, word) +
		      pageblock_nr_taken_out(m, &pb);
	}
	return nr == nr_managed ? 0 : check_broken(report, 19, blk->start_pfn);
}

static int check_block(struct mhp *m, struct mhp_block *blk,
		       struct check_sums *sums, struct mhp_report *report)
{
	mhp_pfn_t pfn = MHP_PFN_NONE;
	uint32_t rule;
	int err;

	err = check_index(m, blk, report);
	if (!err)
		err = check_record(m, blk, report);
	if (!err)
		err = check_still(blk, report);
	if (!err)
		err = check_placement(m, blk, sums, report);
	if (!err)
		err = check_resource(m, blk, report);
	if (err || !block_serves(block_status(blk)))
		return err;
	rule = check_pageblocks(m, blk, &pfn);
	if (rule)
		return check_broken(report, rule, pfn);
	err = check_partition(m, blk, report);
	return err ? err : check_owners(m, blk, report);
}

/* INV-14: a zone's list is sound and holds blocks of that zone only. */
static int check_list(struct mhp *m, unsigned int node, unsigned int type,
		      struct mhp_report *report)
{
	const struct zone *zone = zone_of(m, node, (enum mhp_zone_type)type);
	const struct mhp_block *blk, *prev = NULL;

	for (blk = zone->blocks; blk; prev = blk, blk = blk->next) {
		uint64_t status = block_status(blk);

		if (blk->prev != prev || block_zone(status) != type ||
		    block_node(status) != node || !block_serves(status))
			return check_broken(report, 14, blk->start_pfn);
	}
	return 0;
}

/* INV-04, INV-05: the accounts of a zone are the sums over its blocks. */
static int check_zone(struct mhp *m, unsigned int node, unsigned int type,
		      struct mhp_report *report)
{
	const struct zone *zone = zone_of(m, node, (enum mhp_zone_type)type);
	struct mhp_range extent = zone_extent(m, node,
					      (enum mhp_zone_type)type);
	uint64_t nr_present = 0, nr_managed = 0, nr_early = 0, nr_going = 0;
	struct mhp_block *blk = section_next_block(m, 0);

	for (; blk; blk = section_next_block(
			    m, blk->start_pfn + m->layout.block_pages)) {
		struct zone_share share = zone_share(m, blk, node,
						     (enum mhp_zone_type)type);

		if (block_has(block_status(blk), BLOCK_BOOT))
			nr_early += share.nr_present;
		if (block_life(block_status(blk)) == MHP_BLOCK_GOING_OFFLINE)
			nr_going += share.nr_present;
		nr_present += share.nr_present;
		nr_managed += share.nr_managed;
	}
	if (extent.nr_pages != zone->span.nr_pages ||
	    (extent.nr_pages && extent.start_pfn != zone->span.start_pfn))
		return check_broken(report, 4, zone->span.start_pfn);
	if (nr_present != zone->nr_present || nr_managed != zone->nr_managed ||
	    nr_early != zone->nr_early_present || nr_going != zone->nr_going ||
	    nr_managed > nr_present)
		return check_broken(report, 5, zone->span.start_pfn);
	return check_list(m, node, type, report);
}

/* INV-26, and INV-16 for the memmaps of device ranges. */
static int check_device_ranges(struct mhp *m, struct check_sums *sums,
			       struct mhp_report *report)
{
	const struct mhp_device *dev;
	mhp_pfn_t pfn = MHP_PFN_NONE;
	int err = 0;

	if (check_devices(m, &pfn))
		return check_broken(report, 26, pfn);
	for (dev = m->devices; dev && !err; dev = dev->next) {
		struct span span = device_span(m, dev);

		sums->hosted_pages += dev->altmap.nr_memmap;
		if (!dev->hosted)
			err = check_chain(m, &span, sums, report);
	}
	return err;
}

/* INV-13, INV-29: the accounts of memory taken, and lent, are the sums over the
 * blocks. */
static int check_accounts(struct mhp *m, const struct check_sums *sums,
			  struct mhp_report *report)
{
	if (sums->nr_added != m->nr_blocks_added ||
	    sums->existing_state_bytes != m->existing_state_bytes ||
	    sums->existing_memmap_bytes != m->existing_memmap_bytes ||
	    mhp_bytes_from_pages(&m->geometry, sums->hosted_pages) !=
		    m->hosted_bytes)
		return check_broken(report, 13, MHP_PFN_NONE);
	return sums->nr_lent == m->nr_lent
		       ? 0
		       : check_broken(report, 29, MHP_PFN_NONE);
}

/* INV-17: leaves that exist have an entry. */
static int check_leaves(struct mhp *m, struct mhp_report *report)
{
	uint64_t i, k, nr = 0;

	for (i = 0; i < m->nr_root; i++) {
		void **leaf = (void **)m->root[i];

		if (!leaf)
			continue;
		nr++;
		for (k = 0; k < UINT64_C(1) << m->leaf_order && !leaf[k]; k++)
			;
		if (k == UINT64_C(1) << m->leaf_order)
			return check_broken(
				report, 17,
				i << (m->leaf_order + m->section_order));
	}
	return nr == m->nr_leaves ? 0 : check_broken(report, 17, MHP_PFN_NONE);
}

/* INV-21: the accounts of a group are the sums over the blocks that name it. */
static int check_group(struct mhp *m, const struct mhp_group *group,
		       struct mhp_report *report)
{
	uint64_t nr_blocks = 0, nr_kernel = 0, nr_movable = 0;
	struct mhp_block *blk = section_next_block(m, 0);

	for (; blk; blk = section_next_block(
			    m, blk->start_pfn + m->layout.block_pages)) {
		uint64_t status = block_status(blk);

		if (block_group(blk) != group->id)
			continue;
		nr_blocks++;
		if (!block_serves(status))
			continue;
		if (block_zone(status) == MHP_ZONE_MOVABLE)
			nr_movable += m->layout.block_pages;
		else
			nr_kernel += m->layout.block_pages;
	}
	return nr_blocks == group->nr_blocks && nr_kernel == group->nr_kernel &&
			       nr_movable == group->nr_movable
		       ? 0
		       : check_broken(report, 21, MHP_PFN_NONE);
}

static int check_groups(struct mhp *m, struct mhp_report *report)
{
	const struct mhp_group *group;
	struct mhp_block *blk = section_next_block(m, 0);
	int err = 0;

	for (group = m->groups; group && !err; group = group->next)
		err = check_group(m, group, report);
	for (; blk && !err; blk = section_next_block(
				    m, blk->start_pfn + m->layout.block_pages))
		if (block_group(blk) && !group_find(m, block_group(blk)))
			err = check_broken(report, 21, blk->start_pfn);
	return err;
}

/* INV-22: a node was asked about its last memory only while that is going.
 * INV-23: the blocks of each node are counted. */
static int check_nodes(struct mhp *m, struct mhp_report *report)
{
	unsigned int node;

	if (m->nodes_adding)
		return check_broken(report, 22, MHP_PFN_NONE);
	for (node = 0; node < m->geometry.nr_nodes; node++)
		if (mhp_port_load(&m->node_blocks[node]) != node_count(m, node))
			return check_broken(report, 23, MHP_PFN_NONE);
	for (node = 0; node < m->geometry.nr_nodes; node++)
		if (m->nodes_removing >> node & 1 &&
		    !phase_node_is_leaving(m, node))
			return check_broken(report, 22, MHP_PFN_NONE);
	return 0;
}

static int check_locked(struct mhp *m, struct mhp_report *report)
{
	struct mhp_block *blk = section_next_block(m, 0);
	struct check_sums sums = {0};
	mhp_pfn_t pfn = MHP_PFN_NONE;
	unsigned int node, type;
	uint32_t rule;
	int err = 0;

	for (; blk && !err; blk = section_next_block(
				    m, blk->start_pfn + m->layout.block_pages))
		err = check_block(m, blk, &sums, report);
	for (node = 0; node < m->geometry.nr_nodes; node++)
		for (type = MHP_ZONE_DMA; !err && type < MHP_ZONE_DEVICE;
		     type++)
			err = check_zone(m, node, type, report);
	if (!err)
		err = check_device_ranges(m, &sums, report);
	if (!err)
		err = check_accounts(m, &sums, report);
	if (!err)
		err = check_gate(m, report);
	if (!err)
		err = check_leaves(m, report);
	if (!err)
		err = check_groups(m, report);
	if (!err)
		err = check_nodes(m, report);
	if (!err) {
		rule = check_bad(m, &pfn);
		err = rule ? check_broken(report, rule, pfn) : 0;
	}
	return err;
}

int mhp_check(struct mhp *m, struct mhp_report *report)
{
	int err = mhp_lock(m);

	if (err)
		return report_set(report, err, MHP_STAGE_CHECK,
				  MHP_WHY_REENTERED, MHP_PFN_NONE);
	err = check_locked(m, report);
	mhp_unlock(m);
	return err;
}
