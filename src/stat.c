/* SPDX-License-Identifier: MIT */
/* Statistics and zones as numbers. Counting is done by those who change things;
 * here it is only read. */
#include "stat.h"
#include "boot_map.h"
#include "pageblock.h"
#include "section.h"
#include "zone.h"

const char *mhp_zone_name(enum mhp_zone_type zone)
{
	static const char *const names[MHP_NR_ZONES] = {
		"none", "DMA", "DMA32", "Normal", "Movable", "Device",
	};

	return (unsigned int)zone < MHP_NR_ZONES ? names[zone] : "none";
}

uint64_t stat_record_bytes(const struct mhp *m)
{
	return m->nr_blocks_added * sizeof(struct mhp_block);
}

static uint64_t stat_index_bytes(const struct mhp *m)
{
	return m->nr_root * sizeof(void *) +
	       m->nr_leaves * section_leaf_bytes(m);
}

static void stat_sum_zones(struct mhp *m, struct mhp_stat *stat)
{
	unsigned int i;

	for (i = 0; i < m->geometry.nr_nodes * MHP_NR_ZONES; i++) {
		stat->nr_present += m->zones[i].nr_present;
		stat->nr_managed += m->zones[i].nr_managed;
	}
}

static void stat_fill(struct mhp *m, struct mhp_stat *stat)
{
	const struct counters *c = &m->counters;

	*stat = (struct mhp_stat){
		.existing_memmap_bytes = m->existing_memmap_bytes,
		.existing_state_bytes = m->existing_state_bytes,
		.existing_record_bytes = stat_record_bytes(m),
		.index_bytes = stat_index_bytes(m),
		.hosted_memmap_bytes = m->hosted_bytes,
		.nr_poisoned = m->nr_bad,
		.nr_adds = c->nr_adds,
		.nr_removes = c->nr_removes,
		.nr_onlines = c->nr_onlines,
		.nr_offlines = c->nr_offlines,
		.nr_pages_moved = mhp_port_load(&c->nr_pages_moved),
		.nr_moves_refused = mhp_port_load(&c->nr_moves_refused),
		.nr_memmap_pmd_chunks = c->nr_memmap_pmd_chunks,
		.nr_memmap_base_pages = c->nr_memmap_base_pages,
		.nr_memmap_remote_pages = c->nr_memmap_remote_pages,
	};
	stat->existing_bytes = stat->existing_memmap_bytes +
			       stat->existing_state_bytes +
			       stat->existing_record_bytes;
	if (m->ops->pagetable_bytes)
		stat->pagetable_bytes = m->ops->pagetable_bytes(m->ops_ctx);
	stat_sum_zones(m, stat);
}

int mhp_stat_read(struct mhp *m, struct mhp_stat *stat)
{
	int err = mhp_lock(m);

	if (err)
		return err;
	stat_fill(m, stat);
	mhp_unlock(m);
	return 0;
}

/* Free pages of a block that belong to a zone of a node. */
static uint64_t zone_block_free(struct mhp *m, struct mhp_block *blk,
				unsigned int node, enum mhp_zone_type zone)
{
	bool many = block_has(block_status(blk), BLOCK_MANY);
	uint64_t nr = 0;
	uint32_t i;

	if (!zone_share(m, blk, node, zone).nr_present)
		return 0;
	for (i = pageblock_first(m, blk); i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);
		uint64_t word = mhp_port_load_seq(pb.word);
		unsigned int of = 0;

		if (many && (boot_pageblock_zone(m, pageblock_pfn(m, &pb),
						 &of) != zone ||
			     of != node))
			continue;
		if (!(word & PB_ISOLATED))
			nr += pageblock_nr_free(m, &pb, word);
	}
	return nr;
}

static uint64_t zone_free(struct mhp *m, unsigned int node,
			  enum mhp_zone_type zone)
{
	struct mhp_range span = zone_of(m, node, zone)->span;
	struct mhp_block *blk = section_next_block(m, span.start_pfn);
	uint64_t nr = 0;

	while (blk && blk->start_pfn < mhp_range_end_pfn(span)) {
		nr += zone_block_free(m, blk, node, zone);
		blk = section_next_block(m, blk->start_pfn +
						    m->layout.block_pages);
	}
	return nr;
}

int mhp_zone_query(struct mhp *m, unsigned int node, enum mhp_zone_type zone,
		   struct mhp_zone_info *info)
{
	const struct zone *z;
	int err;

	if (node >= m->geometry.nr_nodes || zone <= MHP_ZONE_NONE ||
	    zone >= MHP_NR_ZONES)
		return MHP_ERR_INVAL;
	err = mhp_lock(m);
	if (err)
		return err;
	z = zone_of(m, node, zone);
	*info = (struct mhp_zone_info){
		.span = z->span,
		.nr_present = z->nr_present,
		.nr_managed = z->nr_managed,
		.nr_free = zone_free(m, node, zone),
	};
	mhp_unlock(m);
	return 0;
}
