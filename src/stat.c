/* SPDX-License-Identifier: MIT */
/* Statistics and zones as numbers. Counting is done by those who change things;
 * here it is only read. */
#include "stat.h"
#include "count.h"
#include "device.h"
#include "reserve.h"
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
	return m->nr_blocks_added * sizeof(struct mhp_block) +
	       m->nr_devices * sizeof(struct mhp_device);
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
		.nr_memmap_lent = m->nr_lent,
		.nr_adds = c->nr_adds,
		.nr_removes = c->nr_removes,
		.nr_onlines = c->nr_onlines,
		.nr_offlines = c->nr_offlines,
		.nr_pages_moved = mhp_port_load(&c->nr_pages_moved),
		.nr_moves_refused = mhp_port_load(&c->nr_moves_refused),
		.nr_memmap_pmd_chunks = c->nr_memmap_pmd_chunks,
		.nr_memmap_base_pages = c->nr_memmap_base_pages,
		.nr_memmap_remote_pages = c->nr_memmap_remote_pages,
		.nr_memmaps_moved = c->nr_memmaps_moved,
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

static int zone_describe(struct mhp *m, unsigned int node,
			 enum mhp_zone_type zone, bool count,
			 struct mhp_zone_info *info)
{
	const struct zone *z;
	unsigned int limit;
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
		.nr_free = count ? count_zone_free(m, node, zone) : 0,
	};
	for (limit = MHP_ZONE_DMA; limit < MHP_NR_ZONES; limit++)
		info->nr_reserve[limit] = reserve_pages(
			z, (enum mhp_zone_type)limit);
	mhp_unlock(m);
	return 0;
}

int mhp_zone_query(struct mhp *m, unsigned int node, enum mhp_zone_type zone,
		   struct mhp_zone_info *info)
{
	return zone_describe(m, node, zone, true, info);
}

int mhp_zone_sizes(struct mhp *m, unsigned int node, enum mhp_zone_type zone,
		   struct mhp_zone_info *info)
{
	return zone_describe(m, node, zone, false, info);
}
