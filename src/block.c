/* SPDX-License-Identifier: MIT */
/* Records of memory blocks; see block.h. */
#include "block.h"

#include "host.h"
#include "libc.h"
#include "section.h"

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
	mhp_port_store(&b->links, BLOCK_LINKS_PFN);
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

/* All fields but one are given; the sign follows. */
static void block_set_status(struct mhp_block *blk, uint64_t status)
{
	uint64_t grants = (uint64_t)BLOCK_GRANTS << BLOCK_FLAGS_SHIFT;

	if (block_serves(status) && !block_moves(status))
		status |= grants;
	else
		status &= ~grants;
	mhp_port_store_release(&blk->status, status);
}

void block_set(struct mhp_block *blk, enum mhp_block_state life,
	       enum mhp_zone_type zone, unsigned int node, unsigned int flags,
	       uint32_t memmap_pages)
{
	block_set_status(blk, (uint64_t)life << BLOCK_LIFE_SHIFT |
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
	block_set_status(blk, status | value << shift);
}

void block_set_life(struct mhp_block *blk, enum mhp_block_state life)
{
	block_set_field(blk, BLOCK_LIFE_SHIFT, 3, life);
}

void block_set_zone(struct mhp_block *blk, enum mhp_zone_type zone)
{
	block_set_field(blk, BLOCK_ZONE_SHIFT, 3, zone);
}

void block_set_former_zone(struct mhp_block *blk, enum mhp_zone_type zone)
{
	block_set_field(blk, BLOCK_FORMER_SHIFT, 3, zone);
}

void block_set_memmap_pages(struct mhp_block *blk, uint32_t nr)
{
	block_set_field(blk, 0, BLOCK_MEMMAP_BITS, nr);
}

void block_set_flag(struct mhp_block *blk, unsigned int flag)
{
	uint64_t status = mhp_port_load(&blk->status);

	block_set_field(blk, BLOCK_FLAGS_SHIFT, BLOCK_FLAGS_BITS,
			(status >> BLOCK_FLAGS_SHIFT) | flag);
}

void block_clear_flag(struct mhp_block *blk, unsigned int flag)
{
	uint64_t status = mhp_port_load(&blk->status);

	block_set_field(blk, BLOCK_FLAGS_SHIFT, BLOCK_FLAGS_BITS,
			(status >> BLOCK_FLAGS_SHIFT) & ~(uint64_t)flag);
}

void block_set_moving(struct mhp_block *blk, bool moving)
{
	block_set_field(blk, BLOCK_MOVING_SHIFT, 1, moving);
}

void block_set_resource(struct mhp_block *blk, enum mhp_resource_kind kind)
{
	block_set_field(blk, BLOCK_RESOURCE_SHIFT, BLOCK_RESOURCE_BITS, kind);
}

void block_set_memmap_pfn(struct mhp_block *blk, mhp_pfn_t pfn)
{
	uint64_t links = mhp_port_load(&blk->links);

	mhp_port_store(&blk->links,
		       (links & ~BLOCK_LINKS_PFN) | (pfn & BLOCK_LINKS_PFN));
}

void block_set_group(struct mhp_block *blk, uint32_t group)
{
	uint64_t links = mhp_port_load(&blk->links);

	mhp_port_store(&blk->links,
		       (links & BLOCK_LINKS_PFN) |
			       (uint64_t)group << BLOCK_GROUP_SHIFT);
}

struct span block_span(const struct mhp *m, const struct mhp_block *blk,
		       unsigned int node)
{
	return (struct span){
		.range = mhp_range_make(blk->start_pfn, m->layout.block_pages),
		.node = node,
		.windowed = vmemmap_maps(m),
		.memmap = blk->memmap,
		.memmap_pfn = block_memmap_pfn(blk),
	};
}

void block_set_span(struct mhp_block *blk, const struct span *span)
{
	blk->memmap = span->memmap;
	block_set_memmap_pfn(blk, span->memmap_pfn);
}

struct mhp_range block_usable(const struct mhp *m, const struct mhp_block *blk)
{
	uint64_t status = block_status(blk), off = 0, kept;

	if (!block_has(status, BLOCK_GAPS))
		off = block_memmap_pages(status);
	else
		while ((kept = host_kept(m, blk, blk->start_pfn + off))) {
			if (kept != UINT64_MAX) {
				off += (unsigned int)__builtin_ctzll(~kept);
				break;
			}
			off += 64;
		}
	return mhp_range_make(blk->start_pfn + off,
			      m->layout.block_pages - off);
}
