/* SPDX-License-Identifier: MIT */
/*
 * Looking at blocks and pages without a lock: what is read may be out of date
 * at once, but never of memory that is gone.
 */
#include "bad.h"
#include "block.h"
#include "boot_map.h"
#include "desc.h"
#include "device.h"
#include "frame.h"
#include "gate.h"
#include "host.h"
#include "lent.h"
#include "section.h"
#include "withheld.h"
#include "zone.h"

/* Count the pages of a block that serves. */
static void block_count(struct mhp *m, struct mhp_block *blk,
			struct mhp_block_info *info)
{
	uint32_t i;

	for (i = pageblock_first(m, blk); i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);
		uint64_t word = mhp_port_load_seq(pb.word);
		uint32_t free = pageblock_nr_free(m, &pb, word);

		info->nr_allocated += pageblock_nr_used(m, &pb, word);
		if (word & PB_ISOLATED)
			info->nr_isolated += free;
		else
			info->nr_free += free;
	}
}

/* Pages of a boot block that are memory, and of these memmap and state. */
static void block_count_boot(struct mhp *m, struct mhp_block *blk,
			     struct mhp_block_info *info)
{
	mhp_pfn_t pfn = blk->start_pfn;
	mhp_pfn_t end = pfn + m->layout.block_pages;
	unsigned int node, zone;

	for (node = 0; node < m->geometry.nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone < MHP_NR_ZONES; zone++) {
			struct zone_share share = zone_share(
				m, blk, node, (enum mhp_zone_type)zone);

			info->nr_present += share.nr_present;
		}
	for (pfn = pfn > m->boot_meta.start_pfn ? pfn : m->boot_meta.start_pfn;
	     pfn < end && pfn < mhp_range_end_pfn(m->boot_meta); pfn++)
		info->nr_memmap += boot_is_meta(m, pfn);
}

static enum mhp_placement block_placement(uint64_t status)
{
	if (block_has(status, BLOCK_RANGE))
		return MHP_PLACEMENT_RANGE;
	return block_has(status, BLOCK_HOSTED) ? MHP_PLACEMENT_BLOCK
					       : MHP_PLACEMENT_EXISTING;
}

static mhp_pfn_t block_first_memmap(const struct mhp *m,
				    const struct mhp_block *blk,
				    uint64_t status)
{
	if (block_has(status, BLOCK_RANGE))
		return host_piece(m, blk).start_pfn;
	return block_has(status, BLOCK_HOSTED) ? blk->start_pfn
					       : block_memmap_pfn(blk);
}

static void block_describe(struct mhp *m, struct mhp_block *blk,
			   struct mhp_block_info *info)
{
	uint64_t status = block_status(blk);

	*info = (struct mhp_block_info){
		.id = blk->start_pfn >> m->layout.block_order,
		.state = block_life(status),
		.zone = (uint8_t)block_zone(status),
		.node = (uint8_t)block_node(status),
		.boot = block_has(status, BLOCK_BOOT),
		.has_holes = block_has(status, BLOCK_HOLES),
		.placement = block_placement(status),
		.memmap_pfn = block_first_memmap(m, blk, status),
		.nr_poisoned = bad_count(
			m,
			mhp_range_make(blk->start_pfn, m->layout.block_pages)),
	};
	if (info->boot && block_serves(status)) {
		block_count_boot(m, blk, info);
	} else {
		info->nr_present = m->layout.block_pages;
		info->nr_memmap = block_memmap_pages(status);
	}
	info->nr_withheld = withheld_in_block(m, blk);
	info->nr_memmap_lent = lent_in_block(m, blk);
	if (block_serves(status))
		block_count(m, blk, info);
}

int mhp_block_query(struct mhp *m, uint64_t block_id,
		    struct mhp_block_info *info)
{
	struct mhp_block *blk;
	int err = MHP_ERR_NOENT;

	mhp_port_read_lock();
	blk = block_find(m, block_id);
	if (blk) {
		bool gated = gate_enter(m);

		block_describe(m, blk, info);
		gate_leave(m, gated);
		err = 0;
	}
	mhp_port_read_unlock();
	return err;
}

int mhp_block_next(struct mhp *m, uint64_t *block_id)
{
	struct mhp_block *blk;
	int err = MHP_ERR_NOENT;

	if (*block_id > m->max_pfn >> m->layout.block_order)
		return err;
	mhp_port_read_lock();
	blk = section_next_block(m, *block_id << m->layout.block_order);
	if (blk) {
		*block_id = blk->start_pfn >> m->layout.block_order;
		err = 0;
	}
	mhp_port_read_unlock();
	return err;
}

static uint64_t block_nodes(struct mhp *m, struct mhp_block *blk)
{
	uint64_t status = block_status(blk), nodes = 0;
	struct mhp_range range = mhp_range_make(blk->start_pfn,
						m->layout.block_pages);
	uint32_t i;

	if (!block_has(status, BLOCK_MANY))
		return UINT64_C(1) << block_node(status);
	for (i = 0; i < m->nr_boot; i++)
		if (range_cut(m->boot[i].range, range).nr_pages)
			nodes |= UINT64_C(1) << m->boot[i].node;
	return nodes;
}

uint64_t mhp_block_nodes(struct mhp *m, uint64_t block_id)
{
	struct mhp_block *blk;
	uint64_t nodes;

	mhp_port_read_lock();
	blk = block_find(m, block_id);
	nodes = blk ? block_nodes(m, blk) : 0;
	mhp_port_read_unlock();
	return nodes;
}

/* What a page of a block that serves is, by words and rows. */
static void page_describe(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
			  struct mhp_page_info *info)
{
	struct pageblock pb = pageblock_of(m, blk, pfn);
	uint64_t word = mhp_port_load_seq(pb.word);
	struct frame_head head;

	info->use = word & PB_ISOLATED ? MHP_PAGE_ISOLATED : MHP_PAGE_FREE;
	info->mobility = word & PB_UNMOVABLE ? MHP_UNMOVABLE : MHP_MOVABLE;
	if (bad_kept(m, pfn) & 1)
		info->use = MHP_PAGE_POISONED;
	if (!frame_head_of(m, blk, pfn, &head))
		return;
	info->use = MHP_PAGE_ALLOCATED;
	info->head_pfn = head.pfn;
	info->order = (uint8_t)head.order;
	info->nr_pages = head.nr_pages;
	info->owner = desc_owner(mhp_port_load(head.desc));
	info->cookie = desc_cookie(mhp_port_load(head.desc));
}

/* Pages that are not the allocator's: what are they? */
static bool page_describe_kept(struct mhp *m, struct mhp_block *blk,
			       mhp_pfn_t pfn, struct mhp_page_info *info)
{
	uint64_t status = block_status(blk);
	unsigned int node;

	if (withheld_has(m, blk, pfn)) {
		info->use = MHP_PAGE_WITHHELD;
		return true;
	}
	if (!block_has(status, BLOCK_BOOT)) {
		if (!host_has(m, blk, pfn))
			return false;
		info->use = MHP_PAGE_MEMMAP;
		return true;
	}
	if (!boot_is_present(m, pfn, &node))
		info->use = MHP_PAGE_HOLE;
	else if (boot_is_meta(m, pfn))
		info->use = MHP_PAGE_MEMMAP;
	else if (boot_kept(m, pfn) & 1)
		info->use = MHP_PAGE_RESERVED;
	else
		return false;
	return true;
}

static void page_query(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
		       struct mhp_page_info *info)
{
	uint64_t status = block_status(blk);
	unsigned int node = block_node(status);

	info->zone = (uint8_t)block_zone(status);
	if (block_has(status, BLOCK_MANY))
		info->zone = (uint8_t)boot_pageblock_zone(
			m, pfn & ~(mhp_pfn_t)(m->layout.pageblock_pages - 1),
			&node);
	info->node = (uint8_t)node;
	info->poisoned = bad_find(m, pfn);
	if (page_describe_kept(m, blk, pfn, info))
		return;
	if (block_serves(status))
		page_describe(m, blk, pfn, info);
	else
		info->use = MHP_PAGE_OFFLINE;
}

/* A page of a device range, whose zone it is in whatever it holds. */
static void page_query_device(struct mhp *m, mhp_pfn_t pfn,
			      struct mhp_page_info *info)
{
	const struct mhp_device *dev = device_lookup(m, pfn);

	if (!dev)
		return;
	info->use = device_use(dev, pfn);
	info->zone = MHP_ZONE_DEVICE;
	info->node = (uint8_t)dev->node;
	info->poisoned = bad_find(m, pfn);
}

int mhp_frame_query(struct mhp *m, mhp_pfn_t pfn, struct mhp_page_info *info)
{
	struct mhp_block *blk;

	*info = (struct mhp_page_info){.use = MHP_PAGE_ABSENT,
				       .head_pfn = MHP_PFN_NONE};
	mhp_port_read_lock();
	blk = section_block(m, pfn);
	if (blk) {
		bool gated = gate_enter(m);

		page_query(m, blk, pfn, info);
		gate_leave(m, gated);
	}
	if (!blk || info->use == MHP_PAGE_HOLE)
		page_query_device(m, pfn, info);
	mhp_port_read_unlock();
	return 0;
}
