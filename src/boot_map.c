/* SPDX-License-Identifier: MIT */
/* The map of boot memory; see boot_map.h. */
#include "boot_map.h"

static bool range_holds(struct mhp_range range, mhp_pfn_t pfn)
{
	return pfn >= range.start_pfn && pfn - range.start_pfn < range.nr_pages;
}

struct mhp_range range_cut(struct mhp_range a, struct mhp_range b)
{
	mhp_pfn_t start = a.start_pfn > b.start_pfn ? a.start_pfn : b.start_pfn;
	mhp_pfn_t end = mhp_range_end_pfn(a) < mhp_range_end_pfn(b)
				? mhp_range_end_pfn(a)
				: mhp_range_end_pfn(b);

	return end > start ? mhp_range_make(start, end - start)
			   : mhp_range_make(start, 0);
}

/* Those of the 64 pages from @pfn on that lie in the range. */
static uint64_t range_bits(struct mhp_range range, mhp_pfn_t pfn)
{
	struct mhp_range cut = range_cut(range, mhp_range_make(pfn, 64));
	uint64_t bits;

	if (!cut.nr_pages)
		return 0;
	bits = cut.nr_pages == 64 ? UINT64_MAX
				  : (UINT64_C(1) << cut.nr_pages) - 1;
	return bits << (cut.start_pfn - pfn);
}

bool boot_is_present(const struct mhp *m, mhp_pfn_t pfn, unsigned int *node)
{
	uint32_t i;

	for (i = 0; i < m->nr_boot; i++)
		if (range_holds(m->boot[i].range, pfn)) {
			*node = m->boot[i].node;
			return true;
		}
	return false;
}

uint64_t boot_kept(const struct mhp *m, mhp_pfn_t pfn)
{
	uint64_t present = 0, kept = range_bits(m->boot_meta, pfn);
	uint32_t i;

	for (i = 0; i < m->nr_boot; i++)
		present |= range_bits(m->boot[i].range, pfn);
	for (i = 0; i < m->nr_reserved; i++)
		kept |= range_bits(m->reserved[i], pfn);
	return kept | ~present;
}

static bool boot_is_reserved(const struct mhp *m, mhp_pfn_t pfn)
{
	uint32_t i;

	for (i = 0; i < m->nr_reserved; i++)
		if (range_holds(m->reserved[i], pfn))
			return true;
	return false;
}

bool boot_is_meta(const struct mhp *m, mhp_pfn_t pfn)
{
	unsigned int node;

	return range_holds(m->boot_meta, pfn) &&
	       boot_is_present(m, pfn, &node) && !boot_is_reserved(m, pfn);
}

enum mhp_zone_type boot_zone(const struct mhp *m, mhp_pfn_t pfn)
{
	if (pfn < m->dma_end_pfn)
		return MHP_ZONE_DMA;
	return pfn < m->dma32_end_pfn ? MHP_ZONE_DMA32 : MHP_ZONE_NORMAL;
}

enum mhp_zone_type boot_pageblock_zone(const struct mhp *m, mhp_pfn_t start_pfn,
				       unsigned int *node)
{
	struct mhp_range pageblock = mhp_range_make(start_pfn,
						    m->layout.pageblock_pages);
	uint32_t i;

	for (i = 0; i < m->nr_boot; i++)
		if (range_cut(m->boot[i].range, pageblock).nr_pages) {
			*node = m->boot[i].node;
			return boot_zone(m, start_pfn);
		}
	return MHP_ZONE_NONE;
}

static struct mhp_range boot_zone_limits(const struct mhp *m,
					 enum mhp_zone_type zone)
{
	mhp_pfn_t dma = m->dma_end_pfn;
	mhp_pfn_t dma32 = m->dma32_end_pfn > dma ? m->dma32_end_pfn : dma;

	switch (zone) {
	case MHP_ZONE_DMA:
		return mhp_range_make(0, dma);
	case MHP_ZONE_DMA32:
		return mhp_range_make(dma, dma32 - dma);
	case MHP_ZONE_NORMAL:
		return mhp_range_make(dma32, m->max_pfn - dma32);
	case MHP_ZONE_NONE: /* any */
		return mhp_range_make(0, m->max_pfn);
	default:
		return mhp_range_make(0, 0);
	}
}

/* Pages of a piece of one boot range that the allocator does not get. */
static uint64_t boot_nr_kept(const struct mhp *m, struct mhp_range piece)
{
	struct mhp_range meta = range_cut(piece, m->boot_meta);
	uint64_t nr = meta.nr_pages;
	uint32_t i;

	for (i = 0; i < m->nr_reserved; i++) {
		struct mhp_range kept = range_cut(piece, m->reserved[i]);

		nr += kept.nr_pages - range_cut(kept, m->boot_meta).nr_pages;
	}
	return nr;
}

void boot_share(const struct mhp *m, struct mhp_range range, unsigned int node,
		enum mhp_zone_type zone, struct zone_share *share)
{
	struct mhp_range limits = boot_zone_limits(m, zone);
	uint32_t i;

	for (i = 0; i < m->nr_boot; i++) {
		struct mhp_range piece = range_cut(
			range_cut(m->boot[i].range, range), limits);

		if (m->boot[i].node != node || !piece.nr_pages)
			continue;
		if (!share->nr_present)
			share->extent.start_pfn = piece.start_pfn;
		share->extent.nr_pages = mhp_range_end_pfn(piece) -
					 share->extent.start_pfn;
		share->nr_present += piece.nr_pages;
		share->nr_managed += piece.nr_pages - boot_nr_kept(m, piece);
	}
}
