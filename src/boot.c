/* SPDX-License-Identifier: MIT */
/* Boot memory; see boot.h. */
#include "boot.h"

#include "block.h"
#include "boot_map.h"
#include "libc.h"
#include "node.h"
#include "pageblock.h"
#include "room.h"
#include "section.h"
#include "vmemmap.h"
#include "zone.h"

/* Carve @nr_pages below @end_pfn out of boot memory, inside one block and clear
 * of what the embedder keeps. */
static mhp_pfn_t boot_carve(const struct mhp *m, mhp_pfn_t end_pfn,
			    uint64_t nr_pages)
{
	uint64_t block_mask = m->layout.block_pages - 1;
	uint32_t i = m->nr_boot, k;

	while (i--) {
		struct mhp_range range = m->boot[i].range;
		mhp_pfn_t end = mhp_range_end_pfn(range);

		if (end > end_pfn)
			end = end_pfn;
		while (end >= range.start_pfn + nr_pages) {
			mhp_pfn_t start = end - nr_pages;

			if ((start & ~block_mask) !=
			    ((end - 1) & ~block_mask)) {
				end = (end - 1) & ~block_mask;
				continue;
			}
			for (k = 0; k < m->nr_reserved; k++)
				if (range_cut(m->reserved[k],
					      mhp_range_make(start, nr_pages))
					    .nr_pages)
					break;
			if (k == m->nr_reserved)
				return start;
			end = m->reserved[k].start_pfn;
		}
	}
	return MHP_PFN_NONE;
}

static uint8_t *boot_address(struct mhp *m, mhp_pfn_t pfn)
{
	struct mhp_block *blk = section_block(m, pfn);

	return blk->linear +
	       mhp_bytes_from_pages(&m->geometry, pfn - blk->start_pfn);
}

/* Take the pages for one piece from the end of what is left. */
static mhp_pfn_t boot_take(struct mhp *m, uint64_t nr_pages)
{
	mhp_pfn_t end = mhp_range_end_pfn(m->boot_meta);
	mhp_pfn_t pfn = boot_carve(
		m,
		m->boot_meta.nr_pages ? m->boot_meta.start_pfn : MHP_PFN_NONE,
		nr_pages);

	if (pfn == MHP_PFN_NONE)
		return pfn;
	if (!m->boot_meta.nr_pages)
		end = pfn + nr_pages;
	m->boot_meta = mhp_range_make(pfn, end - pfn);
	return pfn;
}

static int boot_describe(struct mhp *m, struct mhp_block *blk)
{
	uint64_t page_bytes = mhp_page_bytes(&m->geometry);
	uint64_t state_pages = (m->layout.state_bytes + page_bytes - 1) /
			       page_bytes;
	mhp_pfn_t memmap = boot_take(m, m->layout.memmap_pages);
	mhp_pfn_t state = boot_take(m, state_pages);
	struct span span = block_span(m, blk, 0);
	int err = 0;

	if (memmap == MHP_PFN_NONE || state == MHP_PFN_NONE)
		return MHP_ERR_NOMEM;
	blk->state = boot_address(m, state);
	memset(blk->state, 0, m->layout.state_bytes);
	span.memmap = NULL;
	if (!span.windowed)
		span.memmap = boot_address(m, memmap);
	else
		err = vmemmap_map(m, &span, memmap);
	block_set_span(blk, &span);
	return err;
}

/* Zone and node of a boot block; MANY if there is more than one. */
static void boot_set_status(struct mhp *m, struct mhp_block *blk)
{
	unsigned int flags = BLOCK_BOOT, node, zone, in_zone = 0, in_node = 0;
	unsigned int nr = 0;
	uint64_t nr_present = 0;

	for (node = 0; node < m->geometry.nr_nodes; node++)
		for (zone = MHP_ZONE_DMA; zone <= MHP_ZONE_NORMAL; zone++) {
			struct zone_share share = {{0, 0}, 0, 0};

			boot_share(m,
				   mhp_range_make(blk->start_pfn,
						  m->layout.block_pages),
				   node, (enum mhp_zone_type)zone, &share);
			if (!share.nr_present)
				continue;
			nr_present += share.nr_present;
			in_zone = zone;
			in_node = node;
			nr++;
		}
	if (nr > 1) {
		flags |= BLOCK_MANY;
		in_zone = MHP_ZONE_NONE;
	}
	if (nr_present < m->layout.block_pages)
		flags |= BLOCK_HOLES;
	block_set(blk, MHP_BLOCK_ONLINE, (enum mhp_zone_type)in_zone, in_node,
		  flags, 0);
}

/* Pageblocks of which nothing can be allocated are never looked at. */
static void boot_mark_dead(struct mhp *m, struct mhp_block *blk)
{
	uint32_t i;

	for (i = 0; i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		if (pageblock_nr_kept(m, &pb) == m->layout.pageblock_pages)
			mhp_port_store(pb.word, PB_DEAD);
	}
}

static void boot_offer(struct mhp *m, struct mhp_block *blk)
{
	boot_mark_dead(m, blk);
	zone_account(m, blk);
	if (!block_has(block_status(blk), BLOCK_MANY)) {
		zone_link(m, blk);
		room_open(m, blk);
		return;
	}
	blk->next = m->many;
	m->many = blk;
}

/* Call @visit for each block that has boot memory, in ascending order. */
static int boot_each(struct mhp *m,
		     int (*visit)(struct mhp *, mhp_pfn_t, struct mhp_report *),
		     struct mhp_report *report)
{
	uint64_t mask = m->layout.block_pages - 1;
	mhp_pfn_t next = 0;
	uint32_t i;

	for (i = 0; i < m->nr_boot; i++) {
		mhp_pfn_t pfn = m->boot[i].range.start_pfn & ~mask;

		for (pfn = pfn < next ? next : pfn;
		     pfn < mhp_range_end_pfn(m->boot[i].range);
		     pfn += m->layout.block_pages) {
			int err = visit(m, pfn, report);

			if (err)
				return err;
			next = pfn + m->layout.block_pages;
		}
	}
	return 0;
}

static int boot_visit_map(struct mhp *m, mhp_pfn_t pfn,
			  struct mhp_report *report)
{
	struct mhp_range range = mhp_range_make(pfn, m->layout.block_pages);
	struct mhp_block *blk;
	int err;

	err = section_reserve(m, range);
	if (err)
		return report_set(report, err, MHP_STAGE_INIT, MHP_WHY_NO_META,
				  pfn);
	err = block_new(m, pfn, &blk, report);
	if (err) {
		section_release(m, range);
		return err;
	}
	section_publish(m, blk);
	return 0;
}

static int boot_visit_describe(struct mhp *m, mhp_pfn_t pfn,
			       struct mhp_report *report)
{
	int err = boot_describe(m, section_block(m, pfn));

	return err ? report_set(report, err, MHP_STAGE_INIT,
				MHP_WHY_NO_MEMMAP_MEMORY, pfn)
		   : 0;
}

static int boot_visit_offer(struct mhp *m, mhp_pfn_t pfn,
			    struct mhp_report *report)
{
	struct mhp_block *blk = section_block(m, pfn);

	(void)report;
	boot_set_status(m, blk);
	node_join_boot(m, blk);
	boot_offer(m, blk);
	return 0;
}

static int boot_visit_undo(struct mhp *m, mhp_pfn_t pfn,
			   struct mhp_report *report)
{
	struct mhp_block *blk = section_block(m, pfn);
	struct span span;

	(void)report;
	if (!blk)
		return 0;
	span = block_span(m, blk, 0);
	if (span.memmap && span.windowed)
		vmemmap_unmap(m, &span);
	section_unpublish(m, blk);
	block_delete(m, blk);
	section_release(m, mhp_range_make(pfn, m->layout.block_pages));
	return 0;
}

int boot_init(struct mhp *m, struct mhp_report *report)
{
	int err;

	err = boot_each(m, boot_visit_map, report);
	if (!err)
		err = boot_each(m, boot_visit_describe, report);
	if (!err)
		err = boot_each(m, boot_visit_offer, report);
	if (err)
		boot_fini(m);
	return err;
}

void boot_fini(struct mhp *m)
{
	(void)!boot_each(m, boot_visit_undo, NULL);
}
