/* SPDX-License-Identifier: MIT */
/* Blocks that may have room; see room.h. */
#include "room.h"

#include "section.h"

/* One bit: a word, and which of it. */
struct bit {
	mhp_word_t *word;
	uint64_t mask;
};

static bool bit_is_set(struct bit bit)
{
	return mhp_port_load_seq(bit.word) & bit.mask;
}

/* Return: whether it was not set before. */
static bool bit_set(struct bit bit)
{
	if (bit_is_set(bit))
		return false;
	return !(mhp_port_or(bit.word, bit.mask) & bit.mask);
}

static void bit_clear(struct bit bit)
{
	if (bit_is_set(bit))
		mhp_port_and(bit.word, ~bit.mask);
}

/* Words of a kind in a leaf, one bit for each section. */
static mhp_word_t *leaf_words(const struct mhp *m, void **leaf, bool movable,
			      enum room_kind kind)
{
	mhp_word_t *words = (mhp_word_t *)(void *)&leaf[m->leaf_mask + 1];
	uint64_t nr = kind + (movable ? NR_ROOM : 0);

	return words + (nr << (m->leaf_order - 6));
}

static void **leaf_at(const struct mhp *m, uint64_t root)
{
	return (void **)mhp_port_load_ptr(&m->root[root]);
}

/* The bit of a block in its leaf: of its first section. */
static struct bit leaf_bit_of(const struct mhp *m, const struct mhp_block *blk,
			      bool movable, enum room_kind kind)
{
	uint64_t section = blk->start_pfn >> m->section_order & m->leaf_mask;
	void **leaf = leaf_at(m, blk->start_pfn >> m->root_order);
	mhp_word_t *words = leaf_words(m, leaf, movable, kind);

	return (struct bit){&words[section / 64], UINT64_C(1) << section % 64};
}

/* The same, of the zone that it is in. */
static struct bit leaf_bit(const struct mhp *m, const struct mhp_block *blk,
			   enum room_kind kind)
{
	return leaf_bit_of(m, blk,
			   block_zone(block_status(blk)) == MHP_ZONE_MOVABLE,
			   kind);
}

static mhp_word_t *zone_words(const struct mhp *m, const struct zone *zone,
			      enum room_kind kind)
{
	return zone->room + (uint64_t)kind * room_zone_words(m->nr_root);
}

/* The bit of a leaf in a zone. */
static struct bit zone_bit(const struct mhp *m, const struct zone *zone,
			   uint64_t root, enum room_kind kind)
{
	return (struct bit){&zone_words(m, zone, kind)[root / 64],
			    UINT64_C(1) << root % 64};
}

/* Order of the sections of a block. */
static unsigned int block_section_order(const struct mhp *m)
{
	return (unsigned int)m->layout.block_order - m->section_order;
}

/* A block with memmap on it is never all free, and no bit says so. So nothing
 * need be written into its state, which may never have been touched. */
static bool never_all(uint64_t status)
{
	return block_memmap_pages(status) != 0;
}

static struct zone *zone_of_block(struct mhp *m, uint64_t status)
{
	return zone_of(m, block_node(status), block_zone(status));
}

bool room_is_whole(const struct mhp *m, const struct pageblock *pb,
		   uint64_t word)
{
	if (!pageblock_is_free(word))
		return false;
	if (word & PB_USED)
		return !(word & PB_MIXED);
	return pageblock_nr_kept(m, pb) == 0;
}

/* ---- setting and clearing ---- */

void room_set(struct mhp *m, const struct mhp_block *blk, enum room_kind kind)
{
	uint64_t root = blk->start_pfn >> m->root_order;
	uint64_t status = block_status(blk);

	/* A latecomer's block may be on its way out, and its leaf with it. */
	if (block_has(status, BLOCK_MANY) || UNLIKELY(!leaf_at(m, root)) ||
	    (kind == ROOM_ALL && never_all(status)))
		return;
	/* Who sets the lower one sets the upper one, too: of the zone that the
	 * block is in by then, it may have come back in another one. */
	if (bit_set(leaf_bit(m, blk, kind)))
		bit_set(zone_bit(m, zone_of_block(m, block_status(blk)), root,
				 kind));
}

/* From one kind to the next. */
static uint64_t leaf_step(const struct mhp *m)
{
	return UINT64_C(1) << (m->leaf_order - 6);
}

static void leaf_clear(const struct mhp *m, const struct mhp_block *blk,
		       bool movable)
{
	struct bit bit = leaf_bit_of(m, blk, movable, ROOM_FREE);
	unsigned int kind;

	for (kind = 0; kind < NR_ROOM; kind++, bit.word += leaf_step(m))
		bit_clear(bit);
}

void room_open(struct mhp *m, const struct mhp_block *blk)
{
	uint64_t status = block_status(blk);
	uint64_t root = blk->start_pfn >> m->root_order;
	bool movable = block_zone(status) == MHP_ZONE_MOVABLE;
	struct bit bit = leaf_bit_of(m, blk, movable, ROOM_FREE);
	struct bit top = zone_bit(m, zone_of_block(m, status), root, ROOM_FREE);
	unsigned int kind;

	/* A latecomer of its last life may have set bits of the leaf, under
	 * another zone. Those that are of no use are passed by. */
	for (kind = 0; kind < NR_ROOM; kind++) {
		if (kind < ROOM_ALL || (kind == ROOM_ALL && !never_all(status)))
			bit_set(bit);
		bit_set(top);
		bit.word += leaf_step(m);
		top.word += room_zone_words(m->nr_root);
	}
}

/* Who has just cleared the bit, as there was memmap, looks at the status again:
 * either that is behind what is written here, or it sees the new status. */
void room_gain(struct mhp *m, const struct mhp_block *blk)
{
	uint64_t status = block_status(blk);
	uint64_t root = blk->start_pfn >> m->root_order;
	struct bit bit;

	if (!block_serves(status) || block_has(status, BLOCK_MANY) ||
	    never_all(status))
		return;
	bit = leaf_bit(m, blk, ROOM_ALL);
	mhp_port_or(bit.word, bit.mask);
	bit_set(zone_bit(m, zone_of_block(m, status), root, ROOM_ALL));
}

void room_close(struct mhp *m, const struct mhp_block *blk)
{
	leaf_clear(m, blk, false);
	leaf_clear(m, blk, true);
}

static bool has_free(const struct mhp *m, const struct mhp_block *blk)
{
	uint32_t i;

	for (i = 0; i < m->layout.nr_hint_words; i++)
		if (!pageblock_hint_nowhole(m, blk, i))
			return true;
	return false;
}

static bool has_whole(const struct mhp *m, struct mhp_block *blk)
{
	uint32_t i;

	for (i = pageblock_first(m, blk); i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		if (pageblock_hint_nowhole(m, blk, i / 64))
			i |= 63;
		else if (room_is_whole(m, &pb, mhp_port_load_seq(pb.word)))
			return true;
	}
	return false;
}

static bool has_all(const struct mhp *m, struct mhp_block *blk)
{
	uint32_t i;

	if (never_all(block_status(blk)))
		return false;
	for (i = 0; i < m->layout.nr_pageblocks; i++) {
		struct pageblock pb = pageblock_at(m, blk, i);

		if (!room_is_whole(m, &pb, mhp_port_load_seq(pb.word)))
			return false;
	}
	return true;
}

/* One that is closing, or isolated, may be there again in a moment. */
static bool has_partial(const struct mhp *m, struct mhp_block *blk,
			enum room_kind kind)
{
	uint32_t i;

	for (i = 0; i < m->layout.nr_hint_words; i++) {
		uint64_t todo = pageblock_hint_room(m, blk, i);

		for (; todo; todo &= todo - 1) {
			struct pageblock pb = pageblock_at(
				m, blk,
				i * 64 + (uint32_t)__builtin_ctzll(todo));
			uint64_t word = mhp_port_load_seq(pb.word);

			if (word & PB_SMALL && room_of(word) == kind)
				return true;
		}
	}
	return false;
}

bool room_has(struct mhp *m, struct mhp_block *blk, enum room_kind kind)
{
	if (!block_serves(block_status(blk)))
		return false;
	switch (kind) {
	case ROOM_FREE:
		return has_free(m, blk);
	case ROOM_WHOLE:
		return has_whole(m, blk);
	case ROOM_ALL:
		return has_all(m, blk);
	case ROOM_MOVABLE:
	case ROOM_UNMOVABLE:
		break;
	}
	return has_partial(m, blk, kind);
}

/*
 * A pageblock that becomes free asks only the hint of its block. So that hint
 * is set before the bit goes. Who clears it sets the bit afterwards; if that
 * was before the bit went, the hint is gone now.
 */
static void doubt_whole(struct mhp *m, struct mhp_block *blk,
			enum room_kind kind)
{
	uint64_t hint = kind == ROOM_ALL ? HINT_NOT_ALL : HINT_NONE_WHOLE;

	pageblock_set_hint(m, blk, hint);
	bit_clear(leaf_bit(m, blk, kind));
	if (room_has(m, blk, kind) || !pageblock_has_hint(m, blk, hint))
		room_set(m, blk, kind);
}

static void doubt_never_all(struct mhp *m, const struct mhp_block *blk)
{
	bit_clear(leaf_bit(m, blk, ROOM_ALL));
	room_set(m, blk, ROOM_ALL);
}

void room_doubt(struct mhp *m, struct mhp_block *blk, enum room_kind kind)
{
	uint64_t status = block_status(blk);

	/* Its state is out of reach for us: it stands, or is copied. */
	if (block_moves(status) || room_has(m, blk, kind))
		return;
	if (kind == ROOM_ALL && never_all(status)) {
		doubt_never_all(m, blk);
		return;
	}
	if ((kind == ROOM_WHOLE || kind == ROOM_ALL) && block_serves(status)) {
		doubt_whole(m, blk, kind);
		return;
	}
	bit_clear(leaf_bit(m, blk, kind));
	if (room_has(m, blk, kind))
		room_set(m, blk, kind);
}

/* Whether by their bits the blocks around one, all of its zone, are a group
 * that the zone has to know of. */
static bool group_is_set(struct mhp *m, const struct mhp_block *blk)
{
	const struct zone *zone = zone_of_block(m, block_status(blk));
	uint64_t nr_pages = m->layout.block_pages << room_group_max(m);
	mhp_pfn_t pfn = blk->start_pfn & ~(nr_pages - 1);
	mhp_pfn_t end = pfn + nr_pages;

	for (; pfn < end; pfn += m->layout.block_pages) {
		const struct mhp_block *at = section_block(m, pfn);

		if (!at || zone_of_block(m, block_status(at)) != zone ||
		    !bit_is_set(leaf_bit(m, at, ROOM_ALL)))
			return false;
	}
	return true;
}

bool room_is_set(struct mhp *m, const struct mhp_block *blk,
		 enum room_kind kind)
{
	uint64_t status = block_status(blk);

	if (block_has(status, BLOCK_MANY))
		return true;
	if (!bit_is_set(leaf_bit(m, blk, kind)))
		return false;
	return (kind == ROOM_ALL && !group_is_set(m, blk)) ||
	       bit_is_set(zone_bit(m, zone_of_block(m, status),
				   blk->start_pfn >> m->root_order, kind));
}

/* ---- looking ---- */

/* What is looked for. */
struct look {
	struct mhp *m;
	const struct zone *zone;
	bool movable; /* the zone is Movable */
	enum room_kind kind;
	unsigned int group; /* order of blocks side by side */
	uint64_t starts;    /* bits of a word where such a group may begin */
};

/* Of the bits of blocks those where a group of them begins. */
static uint64_t look_groups(const struct look *l, uint64_t word)
{
	unsigned int i = block_section_order(l->m), end = i + l->group;

	for (; i < end; i++)
		word &= word >> (1u << i);
	return word & l->starts;
}

/* The first bit from @from on, or @end. Groups are rare: for all else there is
 * code that knows nothing of them. */
static inline __attribute__((always_inline)) uint64_t
words_next(const mhp_word_t *words, uint64_t from, uint64_t end,
	   const struct look *groups)
{
	while (from < end) {
		uint64_t word = mhp_port_load(&words[from / 64]);

		if (groups)
			word = look_groups(groups, word);
		word >>= from % 64;
		if (word) {
			from += (uint64_t)__builtin_ctzll(word);
			break;
		}
		from = (from | 63) + 1;
	}
	return from < end ? from : end;
}

/* The block of the zone whose bit is the first one in a leaf from a section on,
 * or that of the first group; or NULL. */
static inline __attribute__((always_inline)) struct mhp_block *
leaf_next(const struct look *l, uint64_t root, uint64_t section,
	  const struct look *groups)
{
	const struct mhp *m = l->m;
	uint64_t end = m->leaf_mask + 1;
	void **leaf = leaf_at(m, root);
	const mhp_word_t *words;

	if (!leaf)
		return NULL;
	words = leaf_words(m, leaf, l->movable, l->kind);
	for (; (section = words_next(words, section, end, groups)) < end;
	     section++) {
		struct mhp_block *blk = (struct mhp_block *)mhp_port_load_ptr(
			&leaf[section]);

		if (blk && zone_of_block(l->m, block_status(blk)) == l->zone)
			return blk;
	}
	return NULL;
}

/* Nothing was found in all of a leaf: is there? */
static inline __attribute__((always_inline)) void
leaf_doubt(const struct look *l, uint64_t root, const struct look *groups)
{
	struct bit bit = zone_bit(l->m, l->zone, root, l->kind);

	bit_clear(bit);
	if (leaf_next(l, root, 0, groups))
		bit_set(bit);
}

static inline __attribute__((always_inline)) struct mhp_block *
look_next(const struct look *l, mhp_pfn_t pfn, mhp_pfn_t end_pfn,
	  const struct look *groups)
{
	const struct mhp *m = l->m;
	/* What is said of leaves is about the largest groups. */
	bool part = groups && groups->group < room_group_max(m);
	const mhp_word_t *words = zone_words(m, l->zone,
					     part ? ROOM_WHOLE : l->kind);
	uint64_t section = pfn >> m->section_order & m->leaf_mask;
	uint64_t root = pfn >> m->root_order, next;

	for (;; root = next + 1, section = 0) {
		struct mhp_block *blk;

		next = words_next(words, root, m->nr_root, NULL);
		if (next != root)
			section = 0;
		if (next == m->nr_root || next << m->root_order >= end_pfn)
			return NULL;
		blk = leaf_next(l, next, section, groups);
		if (blk)
			return blk->start_pfn < end_pfn ? blk : NULL;
		if (!section && !part)
			leaf_doubt(l, next, groups);
	}
}

struct mhp_block *room_next(struct mhp *m, unsigned int node,
			    enum mhp_zone_type type, enum room_kind kind,
			    mhp_pfn_t pfn, mhp_pfn_t end_pfn)
{
	const struct look l = {
		.m = m,
		.zone = zone_of(m, node, type),
		.movable = type == MHP_ZONE_MOVABLE,
		.kind = kind,
	};

	return look_next(&l, pfn, end_pfn, NULL);
}

struct mhp_block *room_next_group(struct mhp *m, unsigned int node,
				  enum mhp_zone_type type, unsigned int order,
				  mhp_pfn_t pfn, mhp_pfn_t end_pfn)
{
	unsigned int sections = block_section_order(m) + order;
	struct look l = {
		.m = m,
		.zone = zone_of(m, node, type),
		.movable = type == MHP_ZONE_MOVABLE,
		.kind = ROOM_ALL,
		.group = order,
		.starts = 1,
	};

	MHP_ASSERT(sections <= 6 || !order);
	for (; sections < 6; sections++)
		l.starts |= l.starts << (1u << sections);
	return look_next(&l, pfn, end_pfn, room_group_max(m) ? &l : NULL);
}

static inline bool block_is_in(uint64_t status, unsigned int node,
			       enum mhp_zone_type type)
{
	return block_node(status) == node && block_zone(status) == type;
}

uint32_t room_some(struct mhp *m, unsigned int node, enum mhp_zone_type type,
		   enum room_kind kind, mhp_pfn_t pfn, mhp_pfn_t end_pfn,
		   uint32_t most, struct mhp_block **blks)
{
	const struct look l = {
		.m = m,
		.zone = zone_of(m, node, type),
		.movable = type == MHP_ZONE_MOVABLE,
		.kind = kind,
	};
	struct mhp_block *blk;
	uint32_t nr = 0;

	/* The rest of a word is looked through at once: mostly that is all. */
	while (nr < most && (blk = look_next(&l, pfn, end_pfn, NULL))) {
		uint64_t at = blk->start_pfn >> m->section_order;
		void **leaf = leaf_at(m, blk->start_pfn >> m->root_order);
		uint64_t first = at & m->leaf_mask & ~UINT64_C(63);
		uint64_t bits = mhp_port_load(&leaf_words(m, leaf, l.movable,
							  kind)[first / 64]) &
				UINT64_MAX << at % 64 << 1;

		blks[nr++] = blk;
		for (; bits && nr < most; bits &= bits - 1) {
			blk = (struct mhp_block *)mhp_port_load_ptr(
				&leaf[first + (uint64_t)__builtin_ctzll(bits)]);
			if (!blk || !block_is_in(block_status(blk), node, type))
				continue;
			if (blk->start_pfn >= end_pfn)
				return nr;
			blks[nr++] = blk;
		}
		pfn = ((at | 63) + 1) << m->section_order;
	}
	return nr;
}
