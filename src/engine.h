/* SPDX-License-Identifier: MIT */
/*
 * The engine's data: one instance, its zones, its memory blocks.
 *
 *   struct mhp ─ root index ─ leaf ─ struct mhp_block ─┬─ memmap (descriptors)
 *       │                                              └─ state  (allocator)
 *       └ nodes × zones ─ list of online blocks
 *
 * A block record is 64 bytes of existing memory, whatever the size of the
 * block. Memmap and state stand where the placement says. Nothing here is
 * global.
 *
 * Field notes: [mutex] written under the instance's mutex; [rcu] also read
 * inside read-side sections, so written with release and freed after
 * synchronize; [const] not written after init; [gate] changed only while a
 * memmap moves, see gate.h.
 */
#ifndef MHP_SRC_ENGINE_H
#define MHP_SRC_ENGINE_H

#include "assert.h"
#include "err.h"
#include "mhp/mhp.h"
#include "mhp/policy.h"
#include "mhp/port.h"

/** Owners an instance can have; number 0 is nobody, 1 the engine itself. */
#define OWNER_MAX 64
#define OWNER_NONE 0
#define OWNER_MEMMAP 1

_Static_assert(OWNER_MAX <= 64, "a set of owners is one word");

/** Allocation classes of a cursor: single pages, and larger ones. */
#define CURSOR_SINGLE 0
#define CURSOR_RUN 1
#define CURSOR_WHOLE 2
#define NR_CURSORS 3

/*
 * The status word of a block, one load for all that lock-free readers ask:
 *
 *   63   48 47  42 41    39 38  36 35      34   33    32  30 29           0
 *   [flags ][ node ][former ][ zone ][resource][moving][ life ][memmap pages]
 *
 * "former" is the zone to go back to if an eject fails; "memmap pages" are
 * those in it that hold memmap or state, its own or that of others. "moving"
 * says that the memmap is (gate.h). Every store of a status goes through
 * block.c, which sees to BLOCK_GRANTS.
 */
#define BLOCK_MEMMAP_BITS 30
#define BLOCK_LIFE_SHIFT 30
#define BLOCK_MOVING_SHIFT 33
#define BLOCK_RESOURCE_SHIFT 34
#define BLOCK_RESOURCE_BITS 2
#define BLOCK_ZONE_SHIFT 36
#define BLOCK_FORMER_SHIFT 39
#define BLOCK_NODE_SHIFT 42
#define BLOCK_FLAGS_SHIFT 48
#define BLOCK_FLAGS_BITS 16

_Static_assert(MHP_NR_ZONES <= 8, "a zone is three bits");
_Static_assert(MHP_NR_RESOURCES <= 1 << BLOCK_RESOURCE_BITS,
	       "a resource is two bits");
_Static_assert(MHP_MAX_NODES <= 64, "a node is six bits");

#define BLOCK_BOOT (1u << 0)	 /* was there at init */
#define BLOCK_HOLES (1u << 1)	 /* not all of it is memory */
#define BLOCK_HOSTED (1u << 2)	 /* memmap and state on itself */
#define BLOCK_CLEAN (1u << 3)	 /* its state is zero, or counts of pages */
#define BLOCK_SCRUB (1u << 4)	 /* overwrite when removed */
#define BLOCK_MANY (1u << 5)	 /* pages in several zones or nodes */
#define BLOCK_EJECTING (1u << 6) /* an eject has it: others keep off */
#define BLOCK_WITHHELD \
	(1u << 7)	      /* its words hold, or have held, what outlives
				    offline: withheld pages, lent ones */
#define BLOCK_MERGE (1u << 8) /* its resource may grow into neighbours */
#define BLOCK_FIRST (1u << 9) /* a resource begins here */
#define BLOCK_INACCESSIBLE (1u << 10) /* touched while it is online only */
#define BLOCK_LATE_KERNEL (1u << 11)  /* see online_late_type() */
#define BLOCK_LATE_MOVABLE (1u << 12)
#define BLOCK_RANGE \
	(1u << 13) /* memmap and state in those of a range; with
				  HOSTED: the first block of that range */
#define BLOCK_GAPS \
	(1u << 14) /* pages of it that held memmaps are, or were, usable
				  again */
#define BLOCK_GRANTS \
	(1u << 15) /* block_grants(): follows from life and moving, and is
				  the sign, so that a free asks one bit */

struct mhp_block {
	mhp_pfn_t start_pfn;	/* [const] */
	uint8_t *linear;	/* [const] address of its first byte */
	uint8_t *memmap;	/* [gate] descriptor of start_pfn */
	uint8_t *state;		/* [gate] allocator state, altmap.h */
	mhp_word_t links;	/* [rcu] where it belongs, below */
	struct mhp_block *next; /* [rcu] in its zone, or in the list of many */
	struct mhp_block *prev; /* [mutex] */
	mhp_word_t status;	/* [rcu] see above */
};

_Static_assert(sizeof(void *) != 8 || sizeof(struct mhp_block) == 64,
	       "a block record is one cache line");

/*
 * In links, below: the first piece of a memmap in existing memory; or, with
 * BLOCK_RANGE, the first page of the range that its memmap is in; or, for that
 * range's first block, how many blocks it had when it was added; all ones if
 * none of these. Above: the number of the memory group, 0 if in none.
 */
#define BLOCK_LINKS_PFN ((UINT64_C(1) << 44) - 1)
#define BLOCK_GROUP_SHIFT 44
#define BLOCK_GROUP_MAX 0xffff

static inline enum mhp_block_state block_life(uint64_t status)
{
	return (enum mhp_block_state)(status >> BLOCK_LIFE_SHIFT & 7);
}

static inline enum mhp_zone_type block_zone(uint64_t status)
{
	return (enum mhp_zone_type)(status >> BLOCK_ZONE_SHIFT & 7);
}

/** block_former_zone() - the zone it had before an eject that is going on */
static inline enum mhp_zone_type block_former_zone(uint64_t status)
{
	return (enum mhp_zone_type)(status >> BLOCK_FORMER_SHIFT & 7);
}

static inline enum mhp_resource_kind block_resource(uint64_t status)
{
	return (enum mhp_resource_kind)(status >> BLOCK_RESOURCE_SHIFT &
					((1u << BLOCK_RESOURCE_BITS) - 1));
}

static inline unsigned int block_node(uint64_t status)
{
	return (unsigned int)(status >> BLOCK_NODE_SHIFT & 0x3f);
}

static inline bool block_has(uint64_t status, unsigned int flag)
{
	return status >> BLOCK_FLAGS_SHIFT & flag;
}

/** block_memmap_pfn() - the first piece of its memmap in existing memory, or
 * MHP_PFN_NONE. [mutex] */
static inline mhp_pfn_t block_memmap_pfn(const struct mhp_block *blk)
{
	uint64_t status = mhp_port_load(&blk->status);
	mhp_pfn_t pfn = mhp_port_load(&blk->links) & BLOCK_LINKS_PFN;

	if (pfn == BLOCK_LINKS_PFN || block_has(status, BLOCK_RANGE))
		return MHP_PFN_NONE;
	return pfn;
}

/** block_group() - number of its memory group, 0: none. [mutex] */
static inline uint32_t block_group(const struct mhp_block *blk)
{
	return (uint32_t)(mhp_port_load(&blk->links) >> BLOCK_GROUP_SHIFT &
			  BLOCK_GROUP_MAX);
}

/** block_memmap_pages() - pages in it that hold memmap and state; the first
 * ones, unless BLOCK_GAPS */
static inline uint32_t block_memmap_pages(uint64_t status)
{
	return (uint32_t)(status & ((UINT64_C(1) << BLOCK_MEMMAP_BITS) - 1));
}

static inline uint64_t block_status(const struct mhp_block *blk)
{
	return mhp_port_load_acquire(&blk->status);
}

/** block_moves() - whether its memmap is just moving */
static inline bool block_moves(uint64_t status)
{
	return status >> BLOCK_MOVING_SHIFT & 1;
}

/** block_serves() - whether it has pages that are allocated, or may be */
static inline bool block_serves(uint64_t status)
{
	enum mhp_block_state life = block_life(status);

	return life == MHP_BLOCK_ONLINE || life == MHP_BLOCK_GOING_OFFLINE;
}

/** block_grants() - whether it serves and its memmap stands still: then state
 * and descriptors can be used without the gate */
static inline bool block_grants(uint64_t status)
{
	_Static_assert(BLOCK_GRANTS == 1u << (63 - BLOCK_FLAGS_SHIFT),
		       "it is the sign");
	return (int64_t)status < 0;
}

/** Kinds of room that are told apart, see room.h. */
#define NR_ROOM 5

/* A zone of a node. */
struct zone {
	mhp_word_t *room;    /* bits of leaves with blocks that may have room:
				 room.h; in the buffer */
	mhp_word_t used_end; /* a hint: pfn behind the highest block of which a
				pageblock was ever opened; only grows */
	struct mhp_block *blocks;  /* [rcu] online blocks wholly in this zone */
	struct mhp_range span;	   /* [mutex] first to last page, holes too */
	uint64_t nr_present;	   /* [mutex] pages */
	uint64_t nr_managed;	   /* [mutex] pages */
	uint64_t nr_early_present; /* [mutex] of these: of boot memory */
	uint64_t nr_going; /* [mutex] of these: of blocks going offline */
	uint32_t *in_leaf; /* [mutex] nr_root: blocks with pages of it, in each
			      leaf of the index; in the buffer */
	mhp_word_t reserve[MHP_NR_ZONES]; /* pages kept from requests, by their
					     limit; reserve.h */
};

struct owner {
	const struct mhp_owner_ops *ops; /* [rcu] NULL: free slot */
	void *ctx;
	char name[MHP_NAME_MAX];
};

/* Where the parts of a block's allocator state stand; all in bytes. */
struct layout {
	uint32_t nr_pageblocks; /* of a block */
	uint32_t pageblock_order;
	uint32_t pageblock_pages;
	uint32_t rows_shift; /* log2 rows of a pageblock */
	uint32_t row_order;  /* log2 pages of a row */
	uint32_t max_order;  /* the largest that can be asked for */
	uint32_t nr_hint_words;
	uint32_t page_shift;
	uint32_t descriptor_bytes;
	uint64_t row_mask;	 /* bits of a row that are pages */
	uint64_t row_index_mask; /* bits of a pfn that number them */
	uint64_t block_order;	 /* log2 pages of a block */
	uint64_t block_pages;
	uint64_t block_mask; /* bits of a pfn that number them */
	uint64_t small_offset;
	uint64_t full_offset;
	uint64_t nowhole_offset;
	uint64_t word_offset;
	uint64_t row_offset;
	uint64_t tail_offset;
	uint64_t tails_from_row;      /* words between those of a row */
	uint64_t state_bytes;	      /* of a whole block */
	uint64_t memmap_bytes;	      /* descriptors of a whole block */
	uint64_t memmap_pages;	      /* the same, rounded up */
	uint64_t hosted_pages;	      /* memmap and state of a block */
	uint64_t hosted_state_offset; /* from the block's first byte */
	uint32_t lend_pages; /* that the descriptors of a pageblock fill; 0:
				nothing can be lent */
	uint64_t lend_from;  /* first page of a piece that can be lent */
};

/* Monotonic counters and sums; [mutex] unless a word. */
struct counters {
	uint64_t nr_adds, nr_removes, nr_onlines, nr_offlines;
	mhp_word_t nr_pages_moved, nr_moves_refused;
	uint64_t nr_memmap_pmd_chunks, nr_memmap_base_pages;
	uint64_t nr_memmap_remote_pages;
	uint64_t nr_memmaps_moved;
};

struct cursors;

struct mhp {
	struct mhp_geometry geometry; /* [const] */
	struct layout layout;	      /* [const] */
	const struct mhp_ops *ops;    /* [const] */
	void *ops_ctx;		      /* [const] */
	uint8_t *window;	      /* [const] NULL: descriptors are reached
					   through the linear map */
	mhp_pfn_t max_pfn;	      /* [const] */
	mhp_pfn_t dma_end_pfn;	      /* [const] */
	mhp_pfn_t dma32_end_pfn;      /* [const] */
	enum mhp_profile profile;     /* [const] */
	uint32_t section_order;	      /* [const] log2 pages of a section */
	uint32_t leaf_order;	      /* [const] log2 sections of a leaf */
	uint32_t root_order;	      /* [const] log2 pages of a leaf */
	uint64_t leaf_mask;	      /* [const] sections of a leaf, less 1 */
	uint64_t nr_root;	      /* [const] entries of the root */
	mhp_word_t moves;	      /* of memmaps: begun and ended; gate.h */
	void **root;		      /* [rcu] leaves, in the buffer */
	mhp_word_t epoch;	      /* waits for readers so far: grace.h */
	struct cursors *cursors;      /* in the buffer, those of a processor
					 together: cursor.h */
	uint32_t cpu_mask;	      /* [const] nr_cpus, rounded up to a power
					 of two, less 1 */
	uint32_t cursors_order;	      /* [const] log2 of those of a processor:
					 at least nr_nodes + 1 */
	uint64_t node_mask;	      /* [const] so many, less 1 */
	mhp_word_t owners_for[2];     /* by mobility: owners, a bit each, whose
					 requests are valid */
	struct zone *zones;	      /* nr_nodes x MHP_NR_ZONES */
	mhp_word_t *node_blocks;      /* [rcu] known blocks of each node */
	uint8_t *node_order;	      /* [const] nr_nodes x nr_nodes, nearest
					   first */
	struct mhp_boot_range *boot;  /* [const] */
	uint32_t nr_boot;
	struct mhp_range *reserved; /* [const] embedder's, then the memmap
					   and state of boot memory */
	uint32_t nr_reserved;	    /* without the last */
	struct mhp_range boot_meta; /* [const] memmap and state of boot
					   memory */
	mhp_word_t *bad;	    /* max_bad words, in the buffer; bad.h */
	mhp_word_t bad_top;	    /* [mutex] words behind it are 0 */
	uint64_t nr_bad;	    /* [mutex] words that are not 0 */
	uint64_t max_bad;	    /* [const] */
	struct mhp_block *many;	    /* [const] boot blocks in several zones */
	struct owner owners[OWNER_MAX]; /* [mutex][rcu] */
	struct mhp_notifier *notifiers; /* [mutex] by priority */
	uint64_t nodes_adding;	  /* [mutex] nodes that are getting their first
				    memory, a bit each */
	uint64_t nodes_removing;  /* [mutex] nodes whose last memory is going,
				    and that were asked */
	struct mhp_group *groups; /* [mutex] by number */
	struct eject *ejects;	  /* [mutex] those that run */
	struct mhp_policy policy; /* [mutex] */
	mhp_word_t holder;	  /* who runs under the mutex; 0: nobody */
	mhp_word_t gate;	  /* gate.h */
	bool no_extra;		  /* [const] nobody uses the embedder's bytes */
	struct mhp_device *devices; /* [rcu] device ranges, by address */
	uint64_t nr_devices;	    /* [mutex] */
	uint64_t nr_blocks_added;   /* [mutex] records of added blocks */
	uint64_t nr_steps;	    /* [mutex] steps of offlinings that run */
	uint64_t nr_leaves;	    /* [mutex] */
	uint64_t existing_memmap_bytes; /* [mutex] */
	uint64_t existing_state_bytes;	/* [mutex] */
	uint64_t hosted_bytes;		/* [mutex] */
	uint64_t nr_lent;		/* [mutex] pages of memmaps */
	struct counters counters;
	void *firmware; /* [rcu] what view_firmware.c shows, or NULL */
};

/** mhp_lock() - enter the lifecycle: 0, or MHP_ERR_DEADLK from a callback */
int mhp_lock(struct mhp *m);
void mhp_unlock(struct mhp *m);

static inline struct zone *zone_of(struct mhp *m, unsigned int node,
				   enum mhp_zone_type zone)
{
	return &m->zones[node * MHP_NR_ZONES + zone];
}

#endif
