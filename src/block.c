/* SPDX-License-Identifier: MIT */
/* Records of memory blocks; see block.h. Queries of them are here too. */
#include "block.h"

#include "boot.h"
#include "frame.h"
#include "libc.h"
#include "pageblock.h"
#include "section.h"
#include "vmemmap.h"

int block_new(struct mhp *m, mhp_pfn_t start_pfn, struct mhp_block **blk,
	      struct mhp_report *report)
{
	struct mhp_range range = mhp_range_make(start_pfn,
						m->layout.block_pages);
	struct mhp_block *b;
	void *linear;
	int err;

	b = (struct mhp_block *)m->ops->meta_alloc(m->ops_ctx, sizeof(*b),
						   MHP_NODE_ANY);
	if (!b)
		return report_set(report, MHP_ERR_NOMEM, MHP_STAGE_ADD,
				  MHP_WHY_NO_META, start_pfn);
	err = m->ops->map_linear(m->ops_ctx, range, &linear);
	if (err) {
		m->ops->meta_free(m->ops_ctx, b, sizeof(*b));
		return report_set(report, err, MHP_STAGE_ADD,
				  MHP_WHY_MAP_FAILED, start_pfn);
	}
	memset(b, 0, sizeof(*b));
	b->start_pfn = start_pfn;
	b->linear = (uint8_t *)linear;
	b->memmap_pfn = MHP_PFN_NONE;
	*blk = b;
	return 0;
}

void block_delete(struct mhp *m, struct mhp_block *blk)
{
	m->ops->unmap_linear(m->ops_ctx, mhp_range_make(blk->start_pfn,
							m->layout.block_pages));
	m->ops->meta_free(m->ops_ctx, blk, sizeof(*blk));
}

struct mhp_block *block_find(struct mhp *m, uint64_t block_id)
{
	if (block_id > m->max_pfn >> m->layout.block_order)
		return NULL;
	return section_block(m, block_id << m->layout.block_order);
}

void block_set(struct mhp_block *blk, enum mhp_block_state life,
	       enum mhp_zone_type zone, unsigned int node, unsigned int flags,
	       uint32_t memmap_pages)
{
	mhp_port_store_release(&blk->status,
			       (uint64_t)life << BLOCK_LIFE_SHIFT |
				       (uint64_t)zone << BLOCK_ZONE_SHIFT |
				       (uint64_t)node << BLOCK_NODE_SHIFT |
				       (uint64_t)flags << BLOCK_FLAGS_SHIFT |
				       memmap_pages);
}

/* Change a field of the status; only the holder of the mutex writes it. */
static void block_set_field(struct mhp_block *blk, unsigned int shift,
			    unsigned int nr_bits, uint64_t value)
{
	uint64_t status = mhp_port_load(&blk->status);

	status &= ~(((UINT64_C(1) << nr_bits) - 1) << shift);
	mhp_port_store_release(&blk->status, status | value << shift);
}

void block_set_life(struct mhp_block *blk, enum mhp_block_state life)
{
	block_set_field(blk, BLOCK_LIFE_SHIFT, 8, life);
}

void block_set_zone(struct mhp_block *blk, enum mhp_zone_type zone)
{
	block_set_field(blk, BLOCK_ZONE_SHIFT, 4, zone);
}

void block_set_former_zone(struct mhp_block *blk, enum mhp_zone_type zone)
{
	block_set_field(blk, BLOCK_FORMER_SHIFT, 4, zone);
}

void block_clear_flag(struct mhp_block *blk, unsigned int flag)
{
	uint64_t status = mhp_port_load(&blk->status);

	block_set_field(blk, BLOCK_FLAGS_SHIFT, 8,
			(status >> BLOCK_FLAGS_SHIFT) & ~(uint64_t)flag);
}

struct mhp_range block_usable(const struct mhp *m, const struct mhp_block *blk)
{
	uint32_t memmap = block_memmap_pages(block_status(blk));

	return mhp_range_make(blk->start_pfn + memmap,
			      m->layout.block_pages - memmap);
}

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
		.placement = block_has(status, BLOCK_HOSTED)
				     ? MHP_PLACEMENT_BLOCK
				     : MHP_PLACEMENT_EXISTING,
	};
	if (info->boot && block_serves(status)) {
		block_count_boot(m, blk, info);
	} else {
		info->nr_present = m->layout.block_pages;
		info->nr_memmap = block_memmap_pages(status);
	}
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
		block_describe(m, blk, info);
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

/* What a page of a block that serves is, by words and rows. */
static void page_describe(struct mhp *m, struct mhp_block *blk, mhp_pfn_t pfn,
			  struct mhp_page_info *info)
{
	struct pageblock pb = pageblock_of(m, blk, pfn);
	uint64_t word = mhp_port_load_seq(pb.word);
	mhp_pfn_t start = pageblock_pfn(m, &pb);
	struct frame_head head;

	info->use = word & PB_ISOLATED ? MHP_PAGE_ISOLATED : MHP_PAGE_FREE;
	info->mobility = word & PB_UNMOVABLE ? MHP_UNMOVABLE : MHP_MOVABLE;
	while (frame_next_head(m, blk, start, &head) && head.pfn <= pfn) {
		start = head.pfn + (UINT64_C(1) << head.order);
		if (start <= pfn)
			continue;
		info->use = MHP_PAGE_ALLOCATED;
		info->head_pfn = head.pfn;
		info->order = (uint8_t)head.order;
		info->owner = desc_owner(mhp_port_load(head.desc));
		info->cookie = desc_cookie(mhp_port_load(head.desc));
		return;
	}
}

/* Pages that are not the allocator's: what are they? */
static bool page_describe_kept(struct mhp *m, struct mhp_block *blk,
			       mhp_pfn_t pfn, struct mhp_page_info *info)
{
	uint64_t status = block_status(blk);
	unsigned int node;

	if (!block_has(status, BLOCK_BOOT)) {
		if (pfn - blk->start_pfn >= block_memmap_pages(status))
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
	if (page_describe_kept(m, blk, pfn, info))
		return;
	if (block_serves(status))
		page_describe(m, blk, pfn, info);
	else
		info->use = MHP_PAGE_OFFLINE;
}

int mhp_frame_query(struct mhp *m, mhp_pfn_t pfn, struct mhp_page_info *info)
{
	struct mhp_block *blk;

	*info = (struct mhp_page_info){.use = MHP_PAGE_ABSENT,
				       .head_pfn = MHP_PFN_NONE};
	mhp_port_read_lock();
	blk = section_block(m, pfn);
	if (blk)
		page_query(m, blk, pfn, info);
	mhp_port_read_unlock();
	return 0;
}
