/* SPDX-License-Identifier: MIT */
/* Hosts and dependents against each other; see check_host.h and host.h. */
#include "check_host.h"

#include "block.h"
#include "host.h"
#include "pageblock.h"
#include "section.h"
#include "vmemmap.h"

uint64_t check_host_pages(const struct mhp *m, const struct mhp_block *blk)
{
	uint64_t off, nr = 0;

	for (off = 0; off < m->layout.block_pages; off += 64)
		nr += word_popcount(host_kept(m, blk, blk->start_pfn + off));
	return nr;
}

/* The first block of the range, and the range as it was added, agree. */
static bool check_host_range(const struct mhp *m, const struct mhp_block *blk,
			     const struct host_range *range)
{
	uint64_t i = (blk->start_pfn - range->start_pfn) >>
		     m->layout.block_order;

	return blk->start_pfn >= range->start_pfn && i < range->nr_blocks &&
	       altmap_range_fits(&m->layout, range->nr_blocks);
}

/* Memmap and state stand in the piece of the block. */
static bool check_host_pointers(const struct mhp *m,
				const struct mhp_block *blk,
				const struct host_range *range)
{
	const struct mhp_block *head = section_block(m, range->start_pfn);
	uint64_t i = (blk->start_pfn - range->start_pfn) >>
		     m->layout.block_order;
	const uint8_t *memmap = head->linear +
				altmap_range_memmap(&m->layout, i);

	if (vmemmap_maps(m))
		memmap = m->window +
			 blk->start_pfn * m->geometry.descriptor_bytes;
	return blk->memmap == memmap &&
	       blk->state == head->linear + altmap_range_state(&m->layout, i);
}

/* Gaps are noted if there are any; or if there were, of lent pages. */
static bool check_host_gaps(const struct mhp *m, const struct mhp_block *blk,
			    const struct host_range *range)
{
	uint64_t status = block_status(blk);
	uint64_t nr = altmap_range_pages(&m->layout, range->nr_blocks);
	uint64_t off = blk->start_pfn - range->start_pfn;

	nr = nr > off ? nr - off : 0;
	if (nr > m->layout.block_pages)
		nr = m->layout.block_pages;
	return block_has(status, BLOCK_GAPS) ||
	       block_memmap_pages(status) == nr;
}

/* Known, adjacent in the linear map, and online if the block is. */
static bool check_host_hosts(struct mhp *m, const struct mhp_block *blk)
{
	struct mhp_range piece = host_piece(m, blk);
	mhp_pfn_t pfn = piece.start_pfn;
	bool serves = block_serves(block_status(blk));

	for (; pfn < mhp_range_end_pfn(piece); pfn++) {
		const struct mhp_block *host = section_block(m, pfn);

		if (!host ||
		    (!host_has(m, host, pfn) && !host_lends(m, host, pfn)))
			return false;
		if (serves && !block_serves(block_status(host)))
			return false;
	}
	return true;
}

bool check_host(struct mhp *m, const struct mhp_block *blk)
{
	struct host_range range;

	return host_range_of(m, blk, &range) &&
	       check_host_range(m, blk, &range) &&
	       check_host_pointers(m, blk, &range) &&
	       check_host_gaps(m, blk, &range) && check_host_hosts(m, blk);
}
