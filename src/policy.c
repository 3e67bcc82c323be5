/* SPDX-License-Identifier: MIT */
/*
 * Zones by policy. The rules are Linux's: contig-zones looks which zones' spans
 * the block falls into; auto-movable compares the node's and the machine's
 * MOVABLE pages with the kernel memory there was at boot, and decides once for
 * a whole static group and for each unit of a dynamic one.
 */
#include "policy.h"

#include "block.h"
#include "group.h"
#include "reserve.h"
#include "section.h"

void policy_init(struct mhp_policy *policy)
{
	*policy = (struct mhp_policy){
		.auto_online = MHP_ONLINE_OFFLINE,
		.online_policy = MHP_POLICY_CONTIG_ZONES,
		.auto_movable_ratio = MHP_AUTO_MOVABLE_RATIO_DEFAULT,
		.auto_movable_numa_aware = true,
		.reserve_ratio = {[MHP_ZONE_DMA] = MHP_RESERVE_RATIO_DMA,
				  [MHP_ZONE_DMA32] = MHP_RESERVE_RATIO_DMA,
				  [MHP_ZONE_NORMAL] = MHP_RESERVE_RATIO_NORMAL},
	};
}

static bool policy_in_span(struct mhp *m, const struct mhp_block *blk,
			   enum mhp_zone_type type)
{
	unsigned int node = block_node(block_status(blk));
	struct mhp_range span = zone_of(m, node, type)->span;

	return span.nr_pages && blk->start_pfn < mhp_range_end_pfn(span) &&
	       blk->start_pfn + m->layout.block_pages > span.start_pfn;
}

/* The first kernel zone below NORMAL whose span the block falls into, else
 * NORMAL. */
static enum mhp_zone_type policy_kernel_zone(struct mhp *m,
					     const struct mhp_block *blk)
{
	if (policy_in_span(m, blk, MHP_ZONE_DMA))
		return MHP_ZONE_DMA;
	if (policy_in_span(m, blk, MHP_ZONE_DMA32))
		return MHP_ZONE_DMA32;
	return MHP_ZONE_NORMAL;
}

static enum mhp_zone_type policy_contig(struct mhp *m,
					const struct mhp_block *blk)
{
	enum mhp_zone_type kernel = policy_kernel_zone(m, blk);
	bool in_kernel = policy_in_span(m, blk, kernel);
	bool in_movable = policy_in_span(m, blk, MHP_ZONE_MOVABLE);

	if (in_kernel != in_movable)
		return in_kernel ? kernel : MHP_ZONE_MOVABLE;
	return m->policy.movable_node ? MHP_ZONE_MOVABLE : kernel;
}

/* What auto-movable weighs: pages of MOVABLE against kernel pages of boot. */
struct policy_sums {
	uint64_t movable;
	uint64_t kernel;
};

static void policy_add_node(struct mhp *m, unsigned int node,
			    struct policy_sums *sums)
{
	unsigned int zone;

	sums->movable += zone_of(m, node, MHP_ZONE_MOVABLE)->nr_present;
	for (zone = MHP_ZONE_DMA; zone <= MHP_ZONE_NORMAL; zone++)
		sums->kernel += zone_of(m, node, (enum mhp_zone_type)zone)
					->nr_early_present;
}

uint64_t policy_percent(uint64_t pages, uint64_t times, uint64_t by)
{
	if (times && pages / by >= UINT64_MAX / times)
		return UINT64_MAX;
	return pages / by * times + pages % by * times / by;
}

/* A dynamic group of somebody else lives on its own kernel memory, and on as
 * much of the boot memory as that does not suffice. False: none is left. */
static bool policy_discount(const struct mhp *m, const struct mhp_group *group,
			    struct policy_sums *sums)
{
	uint64_t required = policy_percent(group->nr_movable, 100,
					   m->policy.auto_movable_ratio);

	sums->movable -= group->nr_movable;
	if (required <= group->nr_kernel)
		return true;
	required -= group->nr_kernel;
	if (required >= sums->kernel)
		return false;
	sums->kernel -= required;
	return true;
}

/* Whether @nr_pages more movable pages fit the ratio on the nodes of a mask. */
static bool policy_ratio_allows(struct mhp *m, uint64_t node_mask,
				const struct mhp_group *own, uint64_t nr_pages)
{
	struct policy_sums sums = {0, 0};
	const struct mhp_group *group;
	unsigned int node;

	for (node = 0; node < m->geometry.nr_nodes; node++)
		if (node_mask >> node & 1)
			policy_add_node(m, node, &sums);
	for (group = m->groups; group; group = group->next)
		if (group->dynamic && group != own &&
		    node_mask >> group->node & 1 &&
		    !policy_discount(m, group, &sums))
			return false;
	if (own && own->dynamic)
		sums.kernel += own->nr_kernel;
	return sums.movable + nr_pages <=
	       policy_percent(sums.kernel, m->policy.auto_movable_ratio, 100);
}

/* Pages of the unit around a block that are still to come, if what is online of
 * it is movable; 0 if it is not. */
static uint64_t policy_unit_rest(struct mhp *m, const struct mhp_block *blk,
				 const struct mhp_group *group)
{
	struct mhp_range unit = mhp_range_make(
		blk->start_pfn & ~(group->nr_pages - 1), group->nr_pages);
	uint64_t rest = unit.nr_pages;
	struct mhp_block *at;

	for (at = section_range_block(m, unit, unit.start_pfn); at;
	     at = section_range_block(m, unit,
				      at->start_pfn + m->layout.block_pages)) {
		uint64_t status = block_status(at);

		if (!block_serves(status))
			continue;
		if (block_zone(status) != MHP_ZONE_MOVABLE)
			return 0;
		rest -= m->layout.block_pages;
	}
	return rest;
}

/* Movable pages that a decision for @blk decides about; 0: it is made, for the
 * kernel. */
static uint64_t policy_stake(struct mhp *m, const struct mhp_block *blk,
			     const struct mhp_group *group)
{
	if (!group)
		return m->layout.block_pages;
	if (group->dynamic)
		return policy_unit_rest(m, blk, group);
	if (group->nr_kernel)
		return 0;
	return group->nr_pages > group->nr_movable
		       ? group->nr_pages - group->nr_movable
		       : m->layout.block_pages;
}

static enum mhp_zone_type policy_auto_movable(struct mhp *m,
					      const struct mhp_block *blk)
{
	const struct mhp_group *group = group_find(m, block_group(blk));
	unsigned int node = block_node(block_status(blk));
	uint64_t stake = 0;

	if (m->policy.auto_movable_ratio)
		stake = policy_stake(m, blk, group);
	if (!stake || !policy_ratio_allows(m, UINT64_MAX, group, stake) ||
	    (m->policy.auto_movable_numa_aware &&
	     !policy_ratio_allows(m, UINT64_C(1) << node, group, stake)))
		return policy_kernel_zone(m, blk);
	return MHP_ZONE_MOVABLE;
}

enum mhp_zone_type policy_zone(struct mhp *m, const struct mhp_block *blk,
			       enum mhp_online_type type)
{
	if (type == MHP_ONLINE_KERNEL)
		return policy_kernel_zone(m, blk);
	if (type == MHP_ONLINE_MOVABLE)
		return MHP_ZONE_MOVABLE;
	if (m->policy.online_policy == MHP_POLICY_AUTO_MOVABLE)
		return policy_auto_movable(m, blk);
	return policy_contig(m, blk);
}

int mhp_policy_get(struct mhp *m, struct mhp_policy *policy)
{
	int err = mhp_lock(m);

	if (err)
		return err;
	*policy = m->policy;
	mhp_unlock(m);
	return 0;
}

static bool policy_valid(const struct mhp_policy *policy)
{
	const uint32_t *ratio = policy->reserve_ratio;

	return (unsigned int)policy->auto_online <= MHP_ONLINE_MOVABLE &&
	       (unsigned int)policy->online_policy <= MHP_POLICY_AUTO_MOVABLE &&
	       (unsigned int)policy->memmap_on_memory <= MHP_MEMMAP_RANGE &&
	       !(ratio[MHP_ZONE_NONE] | ratio[MHP_ZONE_MOVABLE] |
		 ratio[MHP_ZONE_DEVICE]);
}

static void policy_change(struct mhp *m, const struct mhp_policy *policy)
{
	unsigned int node;

	m->policy = *policy;
	for (node = 0; node < m->geometry.nr_nodes; node++)
		reserve_update(m, node);
}

int mhp_policy_set(struct mhp *m, const struct mhp_policy *policy)
{
	int err;

	if (!policy_valid(policy))
		return MHP_ERR_INVAL;
	err = mhp_lock(m);
	if (err)
		return err;
	if (m->profile != MHP_PROFILE_NATIVE &&
	    policy->memmap_on_memory != m->policy.memmap_on_memory)
		err = MHP_ERR_ACCES;
	else
		policy_change(m, policy);
	mhp_unlock(m);
	return err;
}

static int policy_zones_locked(struct mhp *m, uint64_t block_id,
			       enum mhp_zone_type zones[2])
{
	struct mhp_block *blk = block_find(m, block_id);
	enum mhp_zone_type kernel;
	uint64_t status;

	zones[0] = zones[1] = MHP_ZONE_NONE;
	if (!blk)
		return MHP_ERR_NOENT;
	status = block_status(blk);
	if (block_serves(status)) {
		zones[0] = block_zone(status);
		return zones[0] != MHP_ZONE_NONE;
	}
	kernel = policy_kernel_zone(m, blk);
	zones[0] = policy_zone(m, blk, MHP_ONLINE_DEFAULT);
	zones[1] = zones[0] == MHP_ZONE_MOVABLE ? kernel : MHP_ZONE_MOVABLE;
	return 2;
}

int mhp_policy_zones(struct mhp *m, uint64_t block_id,
		     enum mhp_zone_type zones[2])
{
	int nr = mhp_lock(m);

	if (nr)
		return nr;
	nr = policy_zones_locked(m, block_id, zones);
	mhp_unlock(m);
	return nr;
}
