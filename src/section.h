/* SPDX-License-Identifier: MIT */
/*
 * The index: from a pfn to its memory block.
 *
 * Two levels, one entry for each section. The root stands in the instance's
 * buffer and covers max_pfn; leaves exist where memory is, so a hole costs
 * nothing. Readers take no lock: entries are published with release, and a
 * block or leaf that was unpublished is freed after synchronize.
 *
 * INV-01 an entry is NULL or the block whose range holds the section;
 * INV-02 all sections of a block have the same entry.
 */
#ifndef MHP_SRC_SECTION_H
#define MHP_SRC_SECTION_H

#include "engine.h"
#include "room.h"

/** section_block() - the block that holds @pfn, or NULL; inside a section */
static inline struct mhp_block *section_block(const struct mhp *m,
					      mhp_pfn_t pfn)
{
	uint64_t root = pfn >> m->root_order;
	void **leaf;

	if (UNLIKELY(root >= m->nr_root))
		return NULL;
	leaf = (void **)mhp_port_load_ptr(&m->root[root]);
	if (UNLIKELY(!leaf))
		return NULL;
	return (struct mhp_block *)mhp_port_load_ptr(
		&leaf[pfn >> m->section_order & m->leaf_mask]);
}

/** section_leaf() - number of the leaf that a page is in, below nr_root */
static inline uint64_t section_leaf(const struct mhp *m, mhp_pfn_t pfn)
{
	return pfn >> m->root_order;
}

/** section_leaf_start() - the first page of a leaf */
static inline mhp_pfn_t section_leaf_start(const struct mhp *m, uint64_t leaf)
{
	return leaf << m->root_order;
}

/** section_leaf_bytes() - size of a leaf */
static inline uint64_t section_leaf_bytes(const struct mhp *m)
{
	return (sizeof(void *) << m->leaf_order) +
	       room_leaf_bytes(m->leaf_order);
}

/** section_reserve() - make the leaves for a range; 0 or MHP_ERR_NOMEM, and
 * then nothing was made. [mutex] */
int section_reserve(struct mhp *m, struct mhp_range range);

/** section_release() - free those leaves of a range that are empty. Waits for
 * readers if there are any. [mutex] */
void section_release(struct mhp *m, struct mhp_range range);

/** section_publish() - enter a block; its leaves exist. [mutex] */
void section_publish(struct mhp *m, struct mhp_block *blk);

/** section_unpublish() - take a block out; readers may still see it. [mutex] */
void section_unpublish(struct mhp *m, struct mhp_block *blk);

/** section_next_block() - the first block at or behind @pfn, or NULL; inside a
 * section or under the mutex */
struct mhp_block *section_next_block(struct mhp *m, mhp_pfn_t pfn);

/** section_range_block() - the first block that begins in a range, at or behind
 * @pfn, or NULL; looks no further than the range. Inside a section or under the
 * mutex */
struct mhp_block *section_range_block(struct mhp *m, struct mhp_range range,
				      mhp_pfn_t pfn);

/** section_prev_block() - the last block at or before @pfn, or NULL */
struct mhp_block *section_prev_block(struct mhp *m, mhp_pfn_t pfn);

#endif
