/* SPDX-License-Identifier: MIT */
/* Memmap and state of blocks that are added; see describe.h. */
#include "describe.h"

#include "altmap.h"
#include "block.h"
#include "boot_map.h"
#include "libc.h"
#include "vmemmap.h"

static uint64_t describe_index(const struct mhp *m, const struct mhp_block *blk,
			       const struct describe *how)
{
	return (blk->start_pfn - how->range.start_pfn) >> m->layout.block_order;
}

/* Map the memmap to pages of the memory that is added. */
static int describe_map(struct mhp *m, struct mhp_block *blk, uint8_t *memmap,
			mhp_pfn_t pfn, struct mhp_report *report)
{
	struct span span = block_span(m, blk, 0);
	int err;

	span.memmap = memmap;
	if (span.windowed) {
		err = vmemmap_map(m, &span, pfn);
		if (err)
			return report_set(report, err, MHP_STAGE_ADD,
					  MHP_WHY_MAP_FAILED, blk->start_pfn);
	}
	blk->memmap = span.memmap;
	return 0;
}

/* By the linear map, so that the state is reached the same way whether or not
 * there is a window. */
static int describe_hosted(struct mhp *m, struct mhp_block *blk,
			   struct mhp_report *report)
{
	int err = describe_map(m, blk, blk->linear, blk->start_pfn, report);

	if (!err)
		blk->state = blk->linear + m->layout.hosted_state_offset;
	return err;
}

/* Pieces may lie across the border of two hosts. */
static bool describe_is_apart(const struct mhp *m, const struct mhp_block *blk,
			      const struct describe *how)
{
	uint64_t off = mhp_bytes_from_pages(
		&m->geometry, blk->start_pfn - how->range.start_pfn);

	return describe_pages(m, blk, how) && blk->linear != how->linear + off;
}

static int describe_in_range(struct mhp *m, struct mhp_block *blk,
			     struct describe *how, struct mhp_report *report)
{
	const struct layout *l = &m->layout;
	uint64_t i = describe_index(m, blk, how);
	int err;

	if (!i)
		how->linear = blk->linear;
	if (describe_is_apart(m, blk, how)) {
		how->no_range = "the linear map of the range is not one piece";
		return report_rule(report, MHP_ERR_OPNOTSUPP, MHP_STAGE_ADD,
				   MHP_WHY_PLACEMENT_REFUSED, 0, how->no_range);
	}
	err = describe_map(m, blk, how->linear + altmap_range_memmap(l, i),
			   how->range.start_pfn + altmap_range_pages(l, i),
			   report);
	if (err)
		return err;
	blk->state = how->linear + altmap_range_state(l, i);
	block_set_memmap_pfn(blk, i ? how->range.start_pfn
				    : how->range.nr_pages >> l->block_order);
	return 0;
}

/* Memmap and state in memory that is online already. */
static int describe_existing(struct mhp *m, struct mhp_block *blk,
			     unsigned int node, struct mhp_report *report)
{
	struct span span = block_span(m, blk, node);
	int err;

	blk->state = (uint8_t *)m->ops->meta_alloc(
		m->ops_ctx, m->layout.state_bytes, (int)node);
	if (!blk->state)
		return report_set(report, MHP_ERR_NOMEM, MHP_STAGE_ADD,
				  MHP_WHY_NO_META, blk->start_pfn);
	err = vmemmap_populate_existing(m, &span, report);
	if (err) {
		m->ops->meta_free(m->ops_ctx, blk->state,
				  m->layout.state_bytes);
		return err;
	}
	block_set_span(blk, &span);
	memset(blk->state, 0, m->layout.state_bytes);
	m->existing_state_bytes += m->layout.state_bytes;
	return 0;
}

int describe_block(struct mhp *m, struct mhp_block *blk, struct describe *how,
		   struct mhp_report *report)
{
	int err;

	if (how->placement == MHP_PLACEMENT_EXISTING)
		return describe_existing(m, blk, how->node, report);
	err = how->placement == MHP_PLACEMENT_BLOCK
		      ? describe_hosted(m, blk, report)
		      : describe_in_range(m, blk, how, report);
	if (!err)
		m->hosted_bytes += mhp_bytes_from_pages(
			&m->geometry, describe_pages(m, blk, how));
	return err;
}

unsigned int describe_flags(const struct mhp_block *blk,
			    const struct describe *how)
{
	bool first = blk->start_pfn == how->range.start_pfn;

	switch (how->placement) {
	case MHP_PLACEMENT_BLOCK:
		return BLOCK_HOSTED;
	case MHP_PLACEMENT_RANGE:
		return BLOCK_RANGE | (first ? BLOCK_HOSTED : 0);
	default:
		return 0;
	}
}

uint32_t describe_pages(const struct mhp *m, const struct mhp_block *blk,
			const struct describe *how)
{
	uint64_t nr = m->layout.hosted_pages, start = blk->start_pfn;

	if (how->placement == MHP_PLACEMENT_EXISTING)
		return 0;
	if (how->placement == MHP_PLACEMENT_RANGE) {
		nr *= how->range.nr_pages >> m->layout.block_order;
		start = how->range.start_pfn;
	}
	return (uint32_t)range_cut(
		       mhp_range_make(start, nr),
		       mhp_range_make(blk->start_pfn, m->layout.block_pages))
		.nr_pages;
}

static void undescribe_hosted(struct mhp *m, struct mhp_block *blk)
{
	struct span span = block_span(m, blk, 0);

	if (span.windowed)
		vmemmap_unmap(m, &span);
	m->hosted_bytes -= mhp_bytes_from_pages(
		&m->geometry, block_memmap_pages(block_status(blk)));
}

static void undescribe_existing(struct mhp *m, struct mhp_block *blk)
{
	struct span span = block_span(m, blk, 0);

	vmemmap_depopulate_existing(m, &span);
	m->ops->meta_free(m->ops_ctx, blk->state, m->layout.state_bytes);
	m->existing_state_bytes -= m->layout.state_bytes;
}

void undescribe_block(struct mhp *m, struct mhp_block *blk)
{
	if (block_has(block_status(blk), BLOCK_HOSTED | BLOCK_RANGE))
		undescribe_hosted(m, blk);
	else
		undescribe_existing(m, blk);
}
