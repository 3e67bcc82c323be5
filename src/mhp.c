/* SPDX-License-Identifier: MIT */
/*
 * An instance: its buffer, its start and end, its mutex.
 *
 *   buffer: | struct mhp | root index | cursors | zones | blocks of nodes |
 *           | node order | boot ranges | reserved ranges | bad pages |
 */
#include "altmap.h"
#include "boot.h"
#include "cursor.h"
#include "device.h"
#include "engine.h"
#include "hotplug.h"
#include "libc.h"
#include "owner.h"
#include "policy.h"
#include "profile.h"
#include "section.h"

#define LINE_BYTES 64

/* Sizes and offsets of the parts of the buffer. */
struct plan {
	uint64_t section_order;
	uint64_t leaf_order;
	uint64_t nr_root;
	uint64_t root_offset;
	uint64_t cursors_offset;
	uint64_t cursors_bytes;
	uint32_t cursors_order;
	uint32_t nr_cpus; /* rounded up to a power of two */
	uint64_t zones_offset;
	uint64_t zones_bytes;
	uint64_t in_leaf_offset;
	uint64_t room_offset;
	uint64_t node_blocks_offset;
	uint64_t order_offset;
	uint64_t boot_offset;
	uint64_t reserved_offset;
	uint64_t bad_offset;
	uint64_t max_bad;
	uint64_t total_bytes;
};

static uint64_t plan_part(uint64_t *at, uint64_t size_bytes)
{
	uint64_t offset = *at;

	*at += (size_bytes + LINE_BYTES - 1) & ~(uint64_t)(LINE_BYTES - 1);
	return offset;
}

/* Root and leaves of about the same size; a leaf covers at least 64 sections
 * and at least a memory block. */
static void plan_index(const struct mhp_config *config, struct plan *plan)
{
	const struct mhp_geometry *g = config->geometry;
	uint64_t nr_sections, block_sections, bits = 0;

	plan->section_order = (uint64_t)(g->section_shift - g->page_shift);
	block_sections = (uint64_t)(g->block_shift - g->section_shift);
	nr_sections = config->max_pfn >> plan->section_order;
	while (bits < 63 && UINT64_C(1) << bits < nr_sections)
		bits++;
	plan->leaf_order = bits / 2 < 6 ? 6 : bits / 2;
	if (plan->leaf_order < block_sections)
		plan->leaf_order = block_sections;
	plan->nr_root = (nr_sections >> plan->leaf_order) + 1;
}

static struct plan plan_make(const struct mhp_config *config)
{
	const struct mhp_geometry *g = config->geometry;
	uint64_t nr_nodes = g->nr_nodes, at = 0;
	struct plan plan = {.nr_cpus = 1};

	plan_index(config, &plan);
	plan_part(&at, sizeof(struct mhp));
	plan.root_offset = plan_part(&at, plan.nr_root * sizeof(void *));
	while (UINT64_C(1) << plan.cursors_order < nr_nodes + 1)
		plan.cursors_order++;
	while (plan.nr_cpus < g->nr_cpus)
		plan.nr_cpus *= 2;
	plan.cursors_bytes = ((uint64_t)plan.nr_cpus << plan.cursors_order) *
			     sizeof(struct cursors);
	plan.cursors_offset = plan_part(&at, plan.cursors_bytes);
	plan.zones_bytes = nr_nodes * MHP_NR_ZONES * sizeof(struct zone);
	plan.zones_offset = plan_part(&at, plan.zones_bytes);
	plan.in_leaf_offset = plan_part(
		&at, nr_nodes * MHP_NR_ZONES * plan.nr_root * sizeof(uint32_t));
	plan.room_offset = plan_part(&at,
				     nr_nodes * MHP_NR_ZONES * NR_ROOM *
					     room_zone_words(plan.nr_root) *
					     sizeof(mhp_word_t));
	plan.node_blocks_offset = plan_part(&at, nr_nodes * sizeof(mhp_word_t));
	plan.order_offset = plan_part(&at, nr_nodes * nr_nodes);
	plan.boot_offset = plan_part(
		&at, config->nr_boot * sizeof(struct mhp_boot_range));
	plan.reserved_offset = plan_part(&at, config->nr_reserved *
						      sizeof(struct mhp_range));
	plan.max_bad = config->max_bad_pages ? config->max_bad_pages
					     : MHP_BAD_PAGES_DEFAULT;
	plan.bad_offset = plan_part(&at, plan.max_bad * sizeof(mhp_word_t));
	plan.total_bytes = at;
	return plan;
}

size_t mhp_size_needed(const struct mhp_config *config)
{
	return (size_t)plan_make(config).total_bytes;
}

const struct mhp_geometry *mhp_geometry(const struct mhp *m)
{
	return &m->geometry;
}

mhp_pfn_t mhp_max_pfn(const struct mhp *m)
{
	return m->max_pfn;
}

/* ---- checks of the configuration ---- */

static int config_check_ops(const struct mhp_ops *ops,
			    struct mhp_report *report)
{
	const char *missing = NULL;

	if (ops->size_bytes != sizeof(*ops))
		missing = "ops->size_bytes must be sizeof(struct mhp_ops)";
	else if (!ops->map_linear || !ops->unmap_linear)
		missing = "map_linear and unmap_linear";
	else if (!ops->map_memmap != !ops->unmap_memmap)
		missing = "map_memmap and unmap_memmap come together";
	else if (ops->remap_memmap && !ops->map_memmap)
		missing = "remap_memmap needs map_memmap";
	else if ((ops->remap_prepare || ops->protect_memmap) &&
		 !ops->remap_memmap)
		missing = "remap_prepare and protect_memmap need remap_memmap";
	else if (ops->remap_cancel && !ops->remap_prepare)
		missing = "remap_cancel needs remap_prepare";
	else if (!ops->hold_cpu != !ops->release_cpu)
		missing = "hold_cpu and release_cpu come together";
	else if (!ops->meta_alloc || !ops->meta_free)
		missing = "meta_alloc and meta_free";
	else if (!ops->synchronize)
		missing = "synchronize";
	else if (!ops->mutex_lock || !ops->mutex_unlock)
		missing = "mutex_lock and mutex_unlock";
	else if (!ops->now_ns)
		missing = "now_ns";
	return missing ? report_rule(report, MHP_ERR_INVAL, MHP_STAGE_INIT,
				     MHP_WHY_OPS_MISSING, 0, missing)
		       : 0;
}

/* Zone limits are whole pageblocks, boot ranges ascending, disjoint and below
 * max_pfn, and no pageblock has boot memory of two nodes. */
static const char *config_check_boot(const struct mhp_config *c)
{
	mhp_pfn_t mask = mhp_pageblock_pages(c->geometry) - 1;
	uint32_t i;

	if ((c->dma_end_pfn | c->dma32_end_pfn) & mask)
		return "zone limits must be whole pageblocks";
	if (!c->nr_boot)
		return "there must be boot memory";
	for (i = 0; i < c->nr_boot; i++) {
		const struct mhp_boot_range *b = &c->boot[i];
		mhp_pfn_t end = mhp_range_end_pfn(b->range);

		if (!b->range.nr_pages || end < b->range.start_pfn ||
		    end > c->max_pfn)
			return "a boot range is empty or beyond max_pfn";
		if (b->node >= c->geometry->nr_nodes)
			return "a boot range is on a node that does not exist";
		if (!i)
			continue;
		end = mhp_range_end_pfn(b[-1].range);
		if (b->range.start_pfn < end)
			return "boot ranges must be ascending and disjoint";
		if (b->node != b[-1].node &&
		    ((end - 1) & ~mask) == (b->range.start_pfn & ~mask))
			return "two nodes must not share a pageblock";
	}
	return NULL;
}

static const char *config_check_reserved(const struct mhp_config *c)
{
	mhp_pfn_t end = 0;
	uint32_t i;

	for (i = 0; i < c->nr_reserved; i++) {
		if (c->reserved[i].start_pfn < end)
			return "reserved ranges must be ascending and disjoint";
		end = mhp_range_end_pfn(c->reserved[i]);
		if (end < c->reserved[i].start_pfn)
			return "a reserved range wraps";
	}
	return NULL;
}

static int config_check(const struct mhp_config *config, size_t size_bytes,
			struct mhp_report *report)
{
	const struct mhp_geometry *g = config->geometry;
	const char *wrong = NULL;
	int err;

	if (config->size_bytes != sizeof(*config))
		return report_rule(report, MHP_ERR_INVAL, MHP_STAGE_INIT,
				   MHP_WHY_BAD_REQUEST, 0,
				   "config->size_bytes must be sizeof(struct "
				   "mhp_config)");
	err = mhp_geometry_check(g, report);
	if (err)
		return err;
	err = config_check_ops(config->ops, report);
	if (err)
		return err;
	if (config->max_pfn & (mhp_block_pages(g) - 1) || !config->max_pfn ||
	    config->max_pfn > UINT64_C(1) << (g->phys_bits - g->page_shift))
		wrong = "max_pfn must be whole blocks inside phys_bits";
	else if (config->ops->map_memmap && !config->window)
		wrong = "map_memmap needs a window";
	else
		wrong = profile_check(config);
	if (!wrong)
		wrong = config_check_boot(config);
	if (!wrong)
		wrong = config_check_reserved(config);
	if (wrong)
		return report_rule(report, MHP_ERR_INVAL, MHP_STAGE_INIT,
				   MHP_WHY_GEOMETRY, 0, wrong);
	if (size_bytes < mhp_size_needed(config))
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_INIT,
				  MHP_WHY_BUFFER_SMALL, MHP_PFN_NONE);
	return 0;
}

/* ---- init ---- */

static unsigned int node_distance(const struct mhp_geometry *g,
				  unsigned int from, unsigned int to)
{
	if (g->distances)
		return g->distances[from * g->nr_nodes + to];
	return from == to ? 10 : 20;
}

/* For each node, all nodes by distance; itself first, ties by number. */
static void init_node_order(struct mhp *m)
{
	unsigned int nr = m->geometry.nr_nodes, from, i, k;

	for (from = 0; from < nr; from++) {
		uint8_t *order = m->node_order + from * nr;

		order[0] = (uint8_t)from;
		for (i = 0, k = 1; i < nr; i++)
			if (i != from)
				order[k++] = (uint8_t)i;
		for (i = 2; i < nr; i++) {
			uint8_t node = order[i];

			for (k = i;
			     k > 1 &&
			     node_distance(&m->geometry, from, order[k - 1]) >
				     node_distance(&m->geometry, from, node);
			     k--)
				order[k] = order[k - 1];
			order[k] = node;
		}
	}
}

static void init_cursors(struct mhp *m, uint64_t nr)
{
	uint64_t i;
	unsigned int mobility, class;

	for (i = 0; i < nr; i++)
		for (mobility = 0; mobility < 2; mobility++)
			for (class = 0; class < NR_CURSORS; class ++)
				cursor_init(&m->cursors[i].of[mobility][class]);
}

static void init_zones(struct mhp *m, uint32_t *in_leaf, mhp_word_t *room)
{
	uint64_t i;

	for (i = 0; i < (uint64_t)m->geometry.nr_nodes * MHP_NR_ZONES; i++) {
		m->zones[i].in_leaf = in_leaf + i * m->nr_root;
		m->zones[i].room = room +
				   i * NR_ROOM * room_zone_words(m->nr_root);
	}
}

static void init_parts(struct mhp *m, uint8_t *buffer,
		       const struct mhp_config *config)
{
	struct plan plan = plan_make(config);

	memset(buffer, 0, plan.total_bytes);
	m->geometry = *config->geometry;
	m->section_order = (uint32_t)plan.section_order;
	m->leaf_order = (uint32_t)plan.leaf_order;
	m->root_order = m->section_order + m->leaf_order;
	m->leaf_mask = (UINT64_C(1) << m->leaf_order) - 1;
	m->nr_root = plan.nr_root;
	m->root = (void **)(void *)(buffer + plan.root_offset);
	m->cursors = (struct cursors *)(void *)(buffer + plan.cursors_offset);
	m->cursors_order = plan.cursors_order;
	m->node_mask = (UINT64_C(1) << plan.cursors_order) - 1;
	m->cpu_mask = plan.nr_cpus - 1;
	m->zones = (struct zone *)(void *)(buffer + plan.zones_offset);
	m->node_blocks = (mhp_word_t *)(void *)(buffer +
						plan.node_blocks_offset);
	m->node_order = buffer + plan.order_offset;
	m->boot = (struct mhp_boot_range *)(void *)(buffer + plan.boot_offset);
	m->reserved = (struct mhp_range *)(void *)(buffer +
						   plan.reserved_offset);
	m->bad = (mhp_word_t *)(void *)(buffer + plan.bad_offset);
	m->max_bad = plan.max_bad;
	init_cursors(m, plan.cursors_bytes / sizeof(struct cursors));
	init_zones(m, (uint32_t *)(void *)(buffer + plan.in_leaf_offset),
		   (mhp_word_t *)(void *)(buffer + plan.room_offset));
}

static void init_config(struct mhp *m, const struct mhp_config *config)
{
	const struct mhp_geometry *g = &m->geometry;

	altmap_layout(g, &m->layout);
	m->ops = config->ops;
	m->ops_ctx = config->ops_ctx;
	m->max_pfn = config->max_pfn;
	m->no_extra = config->no_extra;
	m->dma_end_pfn = config->dma_end_pfn;
	m->dma32_end_pfn = config->dma32_end_pfn;
	m->profile = config->profile;
	m->nr_boot = config->nr_boot;
	m->nr_reserved = config->nr_reserved;
	memcpy(m->boot, config->boot, m->nr_boot * sizeof(*m->boot));
	if (m->nr_reserved)
		memcpy(m->reserved, config->reserved,
		       m->nr_reserved * sizeof(*m->reserved));
	/* A page of the window must not hold descriptors of two blocks: where
	 * it would, descriptors are reached through the linear map. */
	if (config->ops->map_memmap &&
	    m->layout.memmap_bytes % mhp_page_bytes(g) == 0)
		m->window = (uint8_t *)config->window;
	policy_init(&m->policy);
	m->policy.memmap_on_memory = config->memmap_on_memory;
	profile_layout(&m->layout, m->profile, config->memmap_on_memory);
	init_node_order(m);
	owner_init(m);
}

int mhp_init(void *buffer, size_t size_bytes, const struct mhp_config *config,
	     struct mhp **m, struct mhp_report *report)
{
	struct mhp *instance = (struct mhp *)buffer;
	int err;

	err = config_check(config, size_bytes, report);
	if (err)
		return err;
	if ((uintptr_t)buffer % LINE_BYTES)
		return report_rule(report, MHP_ERR_INVAL, MHP_STAGE_INIT,
				   MHP_WHY_BUFFER_SMALL, 0,
				   "the buffer must be aligned to 64 bytes");
	init_parts(instance, (uint8_t *)buffer, config);
	init_config(instance, config);
	/* Operations are promised the mutex, also now. */
	err = mhp_lock(instance);
	if (err)
		return err;
	err = boot_init(instance, report);
	mhp_unlock(instance);
	if (err)
		return err;
	*m = instance;
	return 0;
}

void mhp_fini(struct mhp *m)
{
	MHP_FATAL(!mhp_lock(m));
	device_fini(m);
	hotplug_fini(m);
	boot_fini(m);
	mhp_unlock(m);
}
