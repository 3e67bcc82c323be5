/* SPDX-License-Identifier: MIT */
/* Mapping memmaps; see vmemmap.h. */
#include "vmemmap.h"

#include "altmap.h"
#include "bad.h"
#include "desc.h"
#include "frame.h"
#include "section.h"

/* Of the last piece of a chain the cookie is the first page that is described.
 * Memmaps ask for no alignment. */
#define CHAIN_END desc_aligned(1)

bool vmemmap_fills_window(const struct mhp *m, struct mhp_range range)
{
	uint64_t mask = mhp_page_bytes(&m->geometry) - 1;

	return vmemmap_maps(m) && !((range.start_pfn | range.nr_pages) *
					    m->geometry.descriptor_bytes &
				    mask);
}

/* Offset of a span's memmap in the window. */
static uint64_t vmemmap_offset(const struct mhp *m, const struct span *span)
{
	return span->range.start_pfn * m->geometry.descriptor_bytes;
}

static uint64_t vmemmap_pages(const struct mhp *m, const struct span *span)
{
	return altmap_memmap_pages(&m->geometry, span->range.nr_pages);
}

int vmemmap_map(struct mhp *m, struct span *span, mhp_pfn_t backing_pfn)
{
	uint64_t offset = vmemmap_offset(m, span);
	int err;

	err = m->ops->map_memmap(
		m->ops_ctx, offset,
		mhp_bytes_from_pages(&m->geometry, vmemmap_pages(m, span)),
		backing_pfn);
	if (err)
		return err;
	span->memmap = m->window + offset;
	return 0;
}

void vmemmap_unmap(struct mhp *m, const struct span *span)
{
	m->ops->unmap_memmap(
		m->ops_ctx, vmemmap_offset(m, span),
		mhp_bytes_from_pages(&m->geometry, vmemmap_pages(m, span)));
}

/* The next smaller order that is worth a try: a whole PMD or the whole memmap
 * first, then single pages. */
static unsigned int vmemmap_first_order(const struct mhp *m, uint64_t nr_pages)
{
	unsigned int most = mhp_pageblock_order(&m->geometry);
	unsigned int pmd = m->geometry.pmd_shift - m->geometry.page_shift;
	unsigned int order = 0;

	while (UINT64_C(2) << order <= nr_pages)
		order++;
	if (order > pmd)
		order = pmd;
	return order > most ? most : order;
}

/* Without a window the memmap is one allocation, rounded up. */
static unsigned int vmemmap_contiguous_order(uint64_t nr_pages)
{
	unsigned int order = 0;

	while (UINT64_C(1) << order < nr_pages)
		order++;
	return order;
}

static int vmemmap_alloc(struct mhp *m, unsigned int order, unsigned int node,
			 uint32_t flags, mhp_pfn_t *pfn)
{
	struct mhp_request request = {
		.order = (uint8_t)order,
		.mobility = MHP_UNMOVABLE,
		.flags = flags,
		.node_plus_1 = (uint16_t)(node + 1),
		.owner = OWNER_MEMMAP,
	};
	int err = frame_alloc(m, &request, pfn);

	if (!err)
		frame_keep(m, *pfn);
	return err;
}

static void vmemmap_count(struct mhp *m, const struct span *span,
			  unsigned int order, bool remote)
{
	if (remote)
		m->counters.nr_memmap_remote_pages += UINT64_C(1) << order;
	else if (order &&
		 order == vmemmap_first_order(m, vmemmap_pages(m, span)))
		m->counters.nr_memmap_pmd_chunks++;
	else
		m->counters.nr_memmap_base_pages += UINT64_C(1) << order;
}

/* One piece: as large as possible from the node, else a page of it, else a page
 * of another node. @order receives what it became. */
static int vmemmap_take(struct mhp *m, const struct span *span,
			unsigned int *order, mhp_pfn_t *pfn)
{
	if (!vmemmap_alloc(m, *order, span->node, MHP_ALLOC_THIS_NODE, pfn)) {
		vmemmap_count(m, span, *order, false);
		return 0;
	}
	*order = 0;
	if (!vmemmap_alloc(m, 0, span->node, MHP_ALLOC_THIS_NODE, pfn)) {
		vmemmap_count(m, span, 0, false);
		return 0;
	}
	if (vmemmap_alloc(m, 0, span->node, 0, pfn))
		return MHP_ERR_NOMEM;
	vmemmap_count(m, span, 0, true);
	return 0;
}

static unsigned int vmemmap_order_of(struct mhp *m, mhp_pfn_t pfn)
{
	struct mhp_page_info info;

	mhp_frame_query(m, pfn, &info);
	MHP_ASSERT(info.use == MHP_PAGE_ALLOCATED &&
		   info.owner == OWNER_MEMMAP);
	return info.order;
}

static uint64_t vmemmap_word(struct mhp *m, mhp_pfn_t pfn)
{
	return mhp_port_load(desc_word(m, section_block(m, pfn), pfn));
}

mhp_pfn_t vmemmap_next(struct mhp *m, mhp_pfn_t pfn)
{
	uint64_t word = vmemmap_word(m, pfn);

	return word & CHAIN_END ? MHP_PFN_NONE : desc_cookie(word);
}

mhp_pfn_t vmemmap_described(struct mhp *m, mhp_pfn_t pfn)
{
	mhp_pfn_t next;

	while ((next = vmemmap_next(m, pfn)) != MHP_PFN_NONE)
		pfn = next;
	return desc_cookie(vmemmap_word(m, pfn));
}

static void vmemmap_free_chain(struct mhp *m, struct span *span)
{
	mhp_pfn_t pfn = span->memmap_pfn;

	while (pfn != MHP_PFN_NONE) {
		mhp_pfn_t next = vmemmap_next(m, pfn);
		unsigned int order = vmemmap_order_of(m, pfn);
		int err = frame_free(m, pfn, order);

		MHP_FATAL(!err);
		m->existing_memmap_bytes -= mhp_bytes_from_pages(
			&m->geometry, UINT64_C(1) << order);
		pfn = next;
	}
	span->memmap_pfn = MHP_PFN_NONE;
}

static void vmemmap_chain(struct mhp *m, struct span *span, mhp_pfn_t pfn,
			  unsigned int order)
{
	uint64_t word = span->memmap_pfn == MHP_PFN_NONE
				? desc_make(OWNER_MEMMAP,
					    span->range.start_pfn) |
					  CHAIN_END
				: desc_make(OWNER_MEMMAP, span->memmap_pfn);

	mhp_port_store(desc_word(m, section_block(m, pfn), pfn), word);
	span->memmap_pfn = pfn;
	m->existing_memmap_bytes += mhp_bytes_from_pages(&m->geometry,
							 UINT64_C(1) << order);
}

static int vmemmap_populate_contiguous(struct mhp *m, struct span *span)
{
	unsigned int order = vmemmap_contiguous_order(vmemmap_pages(m, span));
	struct mhp_block *backing;
	mhp_pfn_t pfn;

	if (order > mhp_pageblock_order(&m->geometry))
		return MHP_ERR_NOMEM;
	if (!vmemmap_alloc(m, order, span->node, MHP_ALLOC_THIS_NODE, &pfn))
		vmemmap_count(m, span, order, false);
	else if (!vmemmap_alloc(m, order, span->node, 0, &pfn))
		vmemmap_count(m, span, order, true);
	else
		return MHP_ERR_NOMEM;
	vmemmap_chain(m, span, pfn, order);
	backing = section_block(m, pfn);
	span->memmap = backing->linear +
		       mhp_bytes_from_pages(&m->geometry,
					    pfn - backing->start_pfn);
	return 0;
}

/* Take the piece behind the @done pages taken so far. */
static int vmemmap_take_next(struct mhp *m, const struct span *span,
			     uint64_t done, unsigned int *order, mhp_pfn_t *pfn,
			     struct mhp_report *report)
{
	uint64_t nr_pages = vmemmap_pages(m, span);
	int err;

	*order = vmemmap_first_order(m, nr_pages);
	while (done + (UINT64_C(1) << *order) > nr_pages)
		--*order;
	err = vmemmap_take(m, span, order, pfn);
	return err ? report_set(report, err, MHP_STAGE_ADD,
				MHP_WHY_NO_MEMMAP_MEMORY, span->range.start_pfn)
		   : 0;
}

/* Take and map one piece of the window. */
static int vmemmap_populate_piece(struct mhp *m, struct span *span,
				  uint64_t *done, struct mhp_report *report)
{
	const struct mhp_geometry *g = &m->geometry;
	unsigned int order;
	mhp_pfn_t pfn;
	int err;

	err = vmemmap_take_next(m, span, *done, &order, &pfn, report);
	if (err)
		return err;
	err = m->ops->map_memmap(
		m->ops_ctx,
		vmemmap_offset(m, span) + mhp_bytes_from_pages(g, *done),
		mhp_bytes_from_pages(g, UINT64_C(1) << order), pfn);
	if (err) {
		MHP_FATAL(!frame_free(m, pfn, order));
		return report_set(report, err, MHP_STAGE_ADD,
				  MHP_WHY_MAP_FAILED, pfn);
	}
	vmemmap_chain(m, span, pfn, order);
	*done += UINT64_C(1) << order;
	return 0;
}

static int vmemmap_populate_window(struct mhp *m, struct span *span,
				   struct mhp_report *report)
{
	uint64_t done = 0;
	int err = 0;

	while (!err && done < vmemmap_pages(m, span))
		err = vmemmap_populate_piece(m, span, &done, report);
	if (!err) {
		span->memmap = m->window + vmemmap_offset(m, span);
		return 0;
	}
	if (done)
		m->ops->unmap_memmap(m->ops_ctx, vmemmap_offset(m, span),
				     mhp_bytes_from_pages(&m->geometry, done));
	vmemmap_free_chain(m, span);
	return err;
}

static int vmemmap_populate_linear(struct mhp *m, struct span *span,
				   struct mhp_report *report)
{
	int err = vmemmap_populate_contiguous(m, span);

	return err ? report_set(report, err, MHP_STAGE_ADD,
				MHP_WHY_NO_MEMMAP_MEMORY, span->range.start_pfn)
		   : 0;
}

int vmemmap_populate_existing(struct mhp *m, struct span *span,
			      struct mhp_report *report)
{
	span->memmap_pfn = MHP_PFN_NONE;
	return span->windowed ? vmemmap_populate_window(m, span, report)
			      : vmemmap_populate_linear(m, span, report);
}

void vmemmap_depopulate_existing(struct mhp *m, struct span *span)
{
	if (span->windowed)
		vmemmap_unmap(m, span);
	vmemmap_free_chain(m, span);
}

/* ---- moving ---- */

static int vmemmap_reserve_window(struct mhp *m, struct span *span,
				  struct mhp_report *report)
{
	uint64_t done = 0;
	int err = 0;

	while (!err && done < vmemmap_pages(m, span)) {
		unsigned int order;
		mhp_pfn_t pfn;

		err = vmemmap_take_next(m, span, done, &order, &pfn, report);
		if (err)
			break;
		vmemmap_chain(m, span, pfn, order);
		done += UINT64_C(1) << order;
	}
	if (err)
		vmemmap_free_chain(m, span);
	return err;
}

int vmemmap_reserve_existing(struct mhp *m, struct span *span,
			     struct mhp_report *report)
{
	span->memmap_pfn = MHP_PFN_NONE;
	return span->windowed ? vmemmap_reserve_window(m, span, report)
			      : vmemmap_populate_linear(m, span, report);
}

void vmemmap_release_existing(struct mhp *m, struct span *span)
{
	vmemmap_free_chain(m, span);
}

mhp_pfn_t vmemmap_bad(struct mhp *m, const struct span *span)
{
	mhp_pfn_t pfn = span->memmap_pfn;

	for (; pfn != MHP_PFN_NONE; pfn = vmemmap_next(m, pfn)) {
		uint64_t nr = UINT64_C(1) << vmemmap_order_of(m, pfn);
		mhp_pfn_t bad = bad_next(m, mhp_range_make(pfn, nr));

		if (bad != MHP_PFN_NONE)
			return bad;
	}
	return MHP_PFN_NONE;
}

int vmemmap_remap_prepare(struct mhp *m, const struct span *span)
{
	if (!span->windowed || !m->ops->remap_prepare)
		return 0;
	return m->ops->remap_prepare(
		m->ops_ctx, vmemmap_offset(m, span),
		mhp_bytes_from_pages(&m->geometry, vmemmap_pages(m, span)));
}

void vmemmap_remap_cancel(struct mhp *m, const struct span *span)
{
	if (!span->windowed || !m->ops->remap_cancel)
		return;
	m->ops->remap_cancel(
		m->ops_ctx, vmemmap_offset(m, span),
		mhp_bytes_from_pages(&m->geometry, vmemmap_pages(m, span)));
}

/* Word by word: others read the words meanwhile, and a compiler's copy need not
 * be whole words. */
static void vmemmap_copy(uint8_t *to, const uint8_t *from, uint64_t size_bytes)
{
	mhp_word_t *into = (mhp_word_t *)(void *)to;
	const mhp_word_t *out = (const mhp_word_t *)(const void *)from;
	uint64_t i;

	for (i = 0; i < size_bytes / sizeof(*into); i++)
		mhp_port_store(&into[i], mhp_port_load(&out[i]));
}

/* Descriptors in [@at, @end) of the span's bytes, but for those that do not
 * count. */
static void vmemmap_copy_part(const struct remap *r, uint64_t at, uint64_t end,
			      uint8_t *to)
{
	uint64_t from = at < r->skip_bytes ? r->skip_bytes : at;

	if (r->copies && from < end)
		vmemmap_copy(to + (from - at), r->span->memmap + from,
			     end - from);
}

static uint8_t *vmemmap_linear(struct mhp *m, mhp_pfn_t pfn)
{
	const struct mhp_block *blk = section_block(m, pfn);

	return blk->linear +
	       mhp_bytes_from_pages(&m->geometry, pfn - blk->start_pfn);
}

/* How much at once: writers wait for all of it. */
static uint64_t vmemmap_step_bytes(const struct mhp *m, const struct remap *r,
				   uint64_t size_bytes)
{
	uint64_t most = REMAP_PROTECTED_BYTES;

	if (!r->protects)
		return size_bytes;
	if (most < mhp_page_bytes(&m->geometry))
		most = mhp_page_bytes(&m->geometry);
	return size_bytes < most ? size_bytes : most;
}

/* Put @nr_pages from @backing_pfn on behind page @page of the memmap. */
static void vmemmap_remap_piece(struct mhp *m, const struct remap *r,
				uint64_t page, uint64_t nr_pages,
				mhp_pfn_t backing_pfn)
{
	const struct mhp_geometry *g = &m->geometry;
	uint64_t at = mhp_bytes_from_pages(g, page);
	uint64_t end = at + mhp_bytes_from_pages(g, nr_pages);

	while (at < end) {
		uint64_t size = vmemmap_step_bytes(m, r, end - at);
		uint64_t offset = vmemmap_offset(m, r->span) + at;

		if (r->protects)
			m->ops->protect_memmap(m->ops_ctx, offset, size);
		vmemmap_copy_part(r, at, at + size,
				  vmemmap_linear(m, backing_pfn));
		m->ops->remap_memmap(m->ops_ctx, offset, size, backing_pfn);
		backing_pfn += size >> g->page_shift;
		at += size;
	}
}

/* The chain begins with the last piece. */
static void vmemmap_remap_chain(struct mhp *m, const struct remap *r)
{
	uint64_t page = vmemmap_pages(m, r->span);
	mhp_pfn_t pfn = r->span->memmap_pfn;

	for (; pfn != MHP_PFN_NONE; pfn = vmemmap_next(m, pfn)) {
		uint64_t nr = UINT64_C(1) << vmemmap_order_of(m, pfn);

		page -= nr;
		vmemmap_remap_piece(m, r, page, nr, pfn);
	}
}

void vmemmap_remap(struct mhp *m, const struct remap *r)
{
	if (!r->span->windowed)
		vmemmap_copy_part(r, 0, m->layout.memmap_bytes, r->to);
	else if (r->span->memmap_pfn != MHP_PFN_NONE)
		vmemmap_remap_chain(m, r);
	else
		vmemmap_remap_piece(m, r, 0, vmemmap_pages(m, r->span),
				    r->backing_pfn);
}
