/* SPDX-License-Identifier: MIT */
/* The index of sections; see section.h. */
#include "section.h"

#include "grace.h"
#include "libc.h"

static uint64_t section_leaf_pages(const struct mhp *m)
{
	return UINT64_C(1) << m->root_order;
}

/* First pfn of the leaf behind the one that holds @pfn. */
static mhp_pfn_t section_leaf_end(const struct mhp *m, mhp_pfn_t pfn)
{
	return (pfn & ~(section_leaf_pages(m) - 1)) + section_leaf_pages(m);
}

static uint64_t section_root(const struct mhp *m, mhp_pfn_t pfn)
{
	return pfn >> m->root_order;
}

static bool section_leaf_empty(const struct mhp *m, void *const *leaf)
{
	uint64_t i;

	for (i = 0; i < UINT64_C(1) << m->leaf_order; i++)
		if (leaf[i])
			return false;
	return true;
}

static void section_free_leaf(struct mhp *m, void *leaf)
{
	m->ops->meta_free(m->ops_ctx, leaf, section_leaf_bytes(m));
	m->nr_leaves--;
}

void section_release(struct mhp *m, struct mhp_range range)
{
	mhp_pfn_t pfn = range.start_pfn;

	for (; pfn < mhp_range_end_pfn(range); pfn = section_leaf_end(m, pfn)) {
		void **leaf = (void **)m->root[section_root(m, pfn)];

		if (!leaf || !section_leaf_empty(m, leaf))
			continue;
		mhp_port_store_ptr(&m->root[section_root(m, pfn)], NULL);
		grace_wait(m);
		section_free_leaf(m, leaf);
	}
}

int section_reserve(struct mhp *m, struct mhp_range range)
{
	mhp_pfn_t pfn = range.start_pfn;

	for (; pfn < mhp_range_end_pfn(range); pfn = section_leaf_end(m, pfn)) {
		void *leaf;

		if (m->root[section_root(m, pfn)])
			continue;
		leaf = m->ops->meta_alloc(m->ops_ctx, section_leaf_bytes(m),
					  MHP_NODE_ANY);
		if (!leaf)
			goto release;
		memset(leaf, 0, section_leaf_bytes(m));
		m->nr_leaves++;
		mhp_port_store_ptr(&m->root[section_root(m, pfn)], leaf);
	}
	return 0;
release:
	section_release(m,
			mhp_range_make(range.start_pfn, pfn - range.start_pfn));
	return MHP_ERR_NOMEM;
}

static void section_set(struct mhp *m, struct mhp_block *blk, void *entry)
{
	uint64_t nr = mhp_block_sections(&m->geometry);
	uint64_t section = blk->start_pfn >> m->section_order;

	for (; nr; nr--, section++) {
		void **leaf = (void **)m->root[section >> m->leaf_order];

		MHP_ASSERT(leaf && !leaf[section & m->leaf_mask] == !!entry);
		mhp_port_store_ptr(&leaf[section & m->leaf_mask], entry);
	}
}

void section_publish(struct mhp *m, struct mhp_block *blk)
{
	section_set(m, blk, blk);
}

void section_unpublish(struct mhp *m, struct mhp_block *blk)
{
	section_set(m, blk, NULL);
}

/* The block of the first entry from section @section on, before @end, in its
 * leaf. */
static struct mhp_block *section_in_leaf(struct mhp *m, uint64_t section,
					 uint64_t end)
{
	void **leaf = (void **)mhp_port_load_ptr(
		&m->root[section >> m->leaf_order]);
	uint64_t last = section | m->leaf_mask;

	for (; leaf && section <= last && section < end; section++) {
		void *entry = mhp_port_load_ptr(&leaf[section & m->leaf_mask]);

		if (entry)
			return (struct mhp_block *)entry;
	}
	return NULL;
}

/* The first block from the section of @pfn on, before section @end. */
static struct mhp_block *section_first(struct mhp *m, mhp_pfn_t pfn,
				       uint64_t end)
{
	uint64_t section = pfn >> m->section_order;
	uint64_t known = m->nr_root << m->leaf_order;
	struct mhp_block *blk = NULL;

	if (end > known)
		end = known;
	for (; !blk && section < end; section = (section | m->leaf_mask) + 1)
		blk = section_in_leaf(m, section, end);
	return blk;
}

struct mhp_block *section_next_block(struct mhp *m, mhp_pfn_t pfn)
{
	return section_first(m, pfn, UINT64_MAX);
}

struct mhp_block *section_range_block(struct mhp *m, struct mhp_range range,
				      mhp_pfn_t pfn)
{
	mhp_pfn_t end = mhp_range_end_pfn(range);
	struct mhp_block *blk;

	if (pfn >= end)
		return NULL;
	blk = section_first(m, pfn, ((end - 1) >> m->section_order) + 1);
	return blk && blk->start_pfn < end ? blk : NULL;
}

struct mhp_block *section_prev_block(struct mhp *m, mhp_pfn_t pfn)
{
	uint64_t step = mhp_section_pages(&m->geometry);
	uint64_t section = pfn / step + 1;

	while (section) {
		mhp_pfn_t at = (section - 1) * step;
		struct mhp_block *blk;

		if (section_root(m, at) >= m->nr_root ||
		    !mhp_port_load_ptr(&m->root[section_root(m, at)])) {
			section = section_root(m, at) << m->leaf_order;
			continue;
		}
		blk = section_block(m, at);
		if (blk)
			return blk;
		section--;
	}
	return NULL;
}
