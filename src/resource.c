/* SPDX-License-Identifier: MIT */
/* Resources; see resource.h. */
#include "resource.h"

#include "block.h"
#include "section.h"

unsigned int resource_flags(const struct mhp_add_request *request,
			    mhp_pfn_t pfn)
{
	unsigned int flags = 0;

	if (request->flags & MHP_ADD_MERGE)
		flags |= BLOCK_MERGE;
	if (pfn == request->range.start_pfn)
		flags |= BLOCK_FIRST;
	return flags;
}

/* The added block right before @pfn, or NULL. */
static struct mhp_block *resource_before(struct mhp *m, mhp_pfn_t pfn)
{
	struct mhp_block *blk = pfn ? section_block(m, pfn - 1) : NULL;

	return blk && !block_has(block_status(blk), BLOCK_BOOT) ? blk : NULL;
}

/* If what meets at @pfn may become one resource, it does. */
static void resource_merge(struct mhp *m, mhp_pfn_t pfn)
{
	struct mhp_block *before = resource_before(m, pfn);
	struct mhp_block *blk = section_block(m, pfn);
	uint64_t a, b;

	if (!before || !blk)
		return;
	a = block_status(before);
	b = block_status(blk);
	if (block_has(a, BLOCK_MERGE) && block_has(b, BLOCK_MERGE) &&
	    block_resource(a) == block_resource(b))
		block_clear_flag(blk, BLOCK_FIRST);
}

void resource_added(struct mhp *m, struct mhp_range range)
{
	resource_merge(m, range.start_pfn);
	resource_merge(m, mhp_range_end_pfn(range));
}

void resource_removed(struct mhp *m, struct mhp_range range)
{
	struct mhp_block *blk = section_block(m, mhp_range_end_pfn(range));

	if (blk)
		block_set_flag(blk, BLOCK_FIRST);
}

bool resource_continues(struct mhp *m, const struct mhp_block *blk)
{
	uint64_t status = block_status(blk);

	return !block_has(status, BLOCK_BOOT | BLOCK_FIRST) &&
	       resource_before(m, blk->start_pfn);
}

static bool resource_is_boot(const struct mhp_block *blk)
{
	return block_has(block_status(blk), BLOCK_BOOT);
}

/* The first range of boot memory that begins at or behind @pfn. */
static bool resource_next_boot(const struct mhp *m, mhp_pfn_t pfn,
			       struct mhp_resource *found)
{
	uint32_t i;

	for (i = 0; i < m->nr_boot; i++) {
		if (m->boot[i].range.start_pfn < pfn)
			continue;
		*found = (struct mhp_resource){.range = m->boot[i].range,
					       .boot = true};
		return true;
	}
	return false;
}

static struct mhp_range resource_extent(struct mhp *m, struct mhp_block *blk)
{
	struct mhp_range range = mhp_range_make(blk->start_pfn,
						m->layout.block_pages);

	for (;;) {
		blk = section_block(m, mhp_range_end_pfn(range));
		if (!blk || !resource_continues(m, blk))
			return range;
		range.nr_pages += m->layout.block_pages;
	}
}

/* The first added resource that begins at or behind @pfn, below @end_pfn. */
static bool resource_next_added(struct mhp *m, mhp_pfn_t pfn, mhp_pfn_t end_pfn,
				struct mhp_resource *found)
{
	struct mhp_block *blk = section_next_block(m, pfn);

	while (blk && blk->start_pfn < end_pfn &&
	       (blk->start_pfn < pfn || resource_is_boot(blk) ||
		resource_continues(m, blk)))
		blk = section_next_block(m, blk->start_pfn +
						    m->layout.block_pages);
	if (!blk || blk->start_pfn >= end_pfn)
		return false;
	*found = (struct mhp_resource){
		.range = resource_extent(m, blk),
		.kind = block_resource(block_status(blk)),
	};
	return true;
}

int mhp_resource_next(struct mhp *m, mhp_pfn_t pfn,
		      struct mhp_resource *resource)
{
	struct mhp_resource boot, added;
	mhp_pfn_t end = MHP_PFN_NONE;
	bool has_boot;
	int err = mhp_lock(m);

	if (err)
		return err;
	has_boot = resource_next_boot(m, pfn, &boot);
	if (has_boot)
		end = boot.range.start_pfn;
	if (resource_next_added(m, pfn, end, &added))
		*resource = added;
	else if (has_boot)
		*resource = boot;
	else
		err = MHP_ERR_NOENT;
	mhp_unlock(m);
	return err;
}

const char *mhp_resource_name(enum mhp_resource_kind kind)
{
	if (kind == MHP_RESOURCE_KMEM)
		return "System RAM (kmem)";
	if (kind == MHP_RESOURCE_VIRTIO_MEM)
		return "System RAM (virtio_mem)";
	return "System RAM";
}
