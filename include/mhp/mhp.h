/* SPDX-License-Identifier: MIT */
/*
 * mhp: physical memory hotplug. The one header an embedder includes.
 *
 * An instance (struct mhp) manages the physical memory of one machine: boot
 * memory given at init, and ranges added and removed later, which carry their
 * own memmap unless asked otherwise. A process can hold many instances; they
 * share nothing.
 *
 * The life of a memory block:
 *
 *      add                 online                  offline            remove
 *   ---------> OFFLINE ---------------> ONLINE -----------> OFFLINE -------->
 *                       GOING_ONLINE        GOING_OFFLINE
 *                       (vetoed: back)      (refused, cancelled: back)
 *
 * Locking: one mutex of the embedder's (ops->mutex_lock) serialises lifecycle
 * calls. Allocation and queries take no lock. See docs/LOCKING.md.
 */
#ifndef MHP_MHP_H
#define MHP_MHP_H

#include "mhp/config.h"
#include "mhp/device.h"
#include "mhp/err.h"
#include "mhp/frame.h"
#include "mhp/geometry.h"
#include "mhp/group.h"
#include "mhp/lend.h"
#include "mhp/move.h"
#include "mhp/notify.h"
#include "mhp/offline.h"
#include "mhp/ops.h"
#include "mhp/owner.h"
#include "mhp/poison.h"
#include "mhp/types.h"
#include "mhp/withhold.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One instance. Lives in a buffer of the caller's. */
struct mhp;

/**
 * struct mhp_boot_range - memory that is there from the start
 */
struct mhp_boot_range {
	struct mhp_range range;
	uint16_t node;
};

/**
 * struct mhp_config - how an instance starts
 *
 * Only read during mhp_init(); ops must stay. Zero means the default.
 */
struct mhp_config {
	uint32_t size_bytes; /* sizeof(struct mhp_config) */
	const struct mhp_geometry *geometry;
	const struct mhp_ops *ops;
	void *ops_ctx; /* passed to every operation */
	/*
	 * Address of the vmemmap window: the descriptor of pfn n stands at
	 * window + n * descriptor_bytes. Room for max_pfn descriptors. NULL if
	 * ops->map_memmap is absent.
	 */
	void *window;
	mhp_pfn_t max_pfn; /* exclusive, whole blocks, inside phys_bits;
			      memory beyond is refused */
	/* Ascending, disjoint, any page boundaries; copied. */
	const struct mhp_boot_range *boot;
	uint32_t nr_boot;
	/* Parts of boot memory that the embedder keeps (its image); copied. */
	const struct mhp_range *reserved;
	uint32_t nr_reserved;
	/* Exclusive ends of the zones DMA and DMA32; 0: there is no such zone.
	 * Whole pageblocks. */
	mhp_pfn_t dma_end_pfn;
	mhp_pfn_t dma32_end_pfn;
	/* Linux's rules want mode ON or OFF, or FORCE from 6.12 on. */
	enum mhp_profile profile;
	enum mhp_memmap_mode memmap_on_memory; /* at first; see policy.h */
	/* Bad pages that can be remembered (poison.h), 8 bytes each;
	 * 0: MHP_BAD_PAGES_DEFAULT. */
	uint32_t max_bad_pages;
	/* Nobody will use the embedder's bytes of descriptors:
	 * mhp_frame_extra() gives NULL, and memmaps can move without
	 * ops->protect_memmap. */
	bool no_extra;
};

/**
 * mhp_size_needed() - bytes that an instance takes
 *
 * @config: as for mhp_init(); not checked
 *
 * Context: any.
 * Return: bytes for the buffer of mhp_init(): the instance, its root index for
 *   max_pfn, its allocation cursors, copies of the boot ranges, the table of
 *   bad pages.
 */
MHP_API size_t mhp_size_needed(const struct mhp_config *config);

/* The symbol carries the compile-time options, see config.h. */
#define mhp_init MHP_CONFIG_NAME(mhp_init)

/**
 * mhp_init() - start an instance
 *
 * @buffer: mhp_size_needed() bytes, aligned to 64; the instance's until
 *   mhp_fini()
 * @size_bytes: of @buffer
 * @config: how it starts
 * @m: receives the instance
 * @report: optional
 *
 * Boot memory is mapped, described and put online; its memmap and allocator
 * state are taken from the boot memory itself.
 *
 * Context: may sleep; nobody else uses the instance yet.
 * Return: 0; MHP_ERR_INVAL (geometry, ranges, a missing operation, a small
 *   buffer: see @report); MHP_ERR_NOMEM (boot memory or the port has no room);
 *   or what an operation returned. On failure everything is given back.
 */
MHP_MUST_CHECK MHP_API int mhp_init(void *buffer, size_t size_bytes,
				    const struct mhp_config *config,
				    struct mhp **m, struct mhp_report *report);

/**
 * mhp_fini() - end an instance
 *
 * Unmaps everything and gives all records back, whatever is allocated.
 *
 * Context: may sleep; nobody else uses the instance any more.
 */
MHP_API void mhp_fini(struct mhp *m);

/**
 * mhp_geometry() - the geometry of an instance
 *
 * Context: any.
 * Return: its copy; constant as long as the instance lives.
 */
MHP_API const struct mhp_geometry *mhp_geometry(const struct mhp *m);

/**
 * mhp_profile() - whose rules an instance follows
 *
 * Context: any.
 * Return: as in its configuration.
 */
MHP_API enum mhp_profile mhp_profile(const struct mhp *m);

/**
 * mhp_max_pfn() - where an instance ends
 *
 * Context: any.
 * Return: mhp_config.max_pfn; exclusive.
 */
MHP_API mhp_pfn_t mhp_max_pfn(const struct mhp *m);

/** Refuse with MHP_ERR_OPNOTSUPP rather than fall back to another placement:
 * range to block, as a range of one block does, or block to existing. */
#define MHP_ADD_STRICT (1u << 0)
/** ops->scrub is called when the memory is removed. */
#define MHP_ADD_SCRUB (1u << 1)
/** The resource becomes one with neighbours of its kind that may merge too. */
#define MHP_ADD_MERGE (1u << 2)
/** The memory is not accessible before PREPARE_ONLINE and after FINISH_OFFLINE
 * (notify.h), and not touched then. */
#define MHP_ADD_INACCESSIBLE (1u << 3)
/** All pages are withheld at first (withhold.h), but for memmap and state. Not
 * together with MHP_ADD_INACCESSIBLE. */
#define MHP_ADD_WITHHELD (1u << 4)

/**
 * struct mhp_add_request - memory to add
 */
struct mhp_add_request {
	uint32_t size_bytes;	/* sizeof(struct mhp_add_request), or 0 */
	struct mhp_range range; /* whole memory blocks */
	uint16_t node;
	enum mhp_placement placement;
	uint32_t flags; /* MHP_ADD_* */
	enum mhp_resource_kind resource;
	struct mhp_group *group; /* that the blocks join, or NULL */
};

/**
 * mhp_add() - make a range of memory known
 *
 * Creates its memory blocks, offline. With placement block each carries its
 * memmap and allocator state at its start. With placement range all of that is
 * at the start of the range: a block whose pages hold those of others, a host,
 * goes online before them, offline after them, and leaves with them or behind
 * them; pages that held those of a block that left become usable. A range of
 * one block carries its own, as with placement block.
 *
 * @request: what to add
 * @report: optional; on success its why is MHP_WHY_FELL_BACK if the placement
 *   asked for could not be had, else MHP_WHY_NONE
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (empty, not whole blocks, bad node or placement,
 *   unknown flag, a group that is not registered or of another node);
 *   MHP_ERR_2BIG (beyond max_pfn; empty, in a Linux profile); MHP_ERR_EXIST
 *   (memory is known there); MHP_ERR_OPNOTSUPP (MHP_ADD_STRICT and the
 *   placement is impossible); MHP_ERR_NOMEM; MHP_ERR_DEADLK; or what an
 *   operation returned. On failure nothing of the range is known, and
 *   everything is as before.
 */
MHP_MUST_CHECK MHP_API int mhp_add(struct mhp *m,
				   const struct mhp_add_request *request,
				   struct mhp_report *report);

/**
 * mhp_hosted_pages() - what memmap and state would take of each block
 *
 * For a driver whose memory is not all there yet: these first pages of each
 * block, or of the range if the placement becomes MHP_PLACEMENT_RANGE, must be,
 * before it is added.
 *
 * @range: whole memory blocks, as it would be added
 * @placement: as it would be asked for
 * @nr_pages: receives the pages; 0: memmap and state would not be in the block
 *
 * Context: takes the mutex; may sleep; changes nothing.
 * Return: 0; MHP_ERR_INVAL (no such placement); MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int mhp_hosted_pages(struct mhp *m,
					    struct mhp_range range,
					    enum mhp_placement placement,
					    uint64_t *nr_pages);

/**
 * mhp_remove() - forget a range of memory
 *
 * @range: whole memory blocks, all offline; blocks that are not there are
 *   skipped, but one must be
 * @report: optional
 *
 * Context: takes the mutex, waits for readers; may sleep.
 * Return: 0; MHP_ERR_INVAL (empty, not whole blocks); MHP_ERR_NOENT (no block
 *   there); MHP_ERR_BUSY (a block is not offline, is boot memory, or holds
 *   the memmap of one that stays);
 *   MHP_ERR_DEADLK. On failure nothing is removed.
 */
MHP_MUST_CHECK MHP_API int mhp_remove(struct mhp *m, struct mhp_range range,
				      struct mhp_report *report);

/**
 * mhp_remove_ranges() - forget several ranges of memory, or none
 *
 * @ranges: each as for mhp_remove(); they share no block; any order. Ranges
 *   without a block are skipped, but one must have some
 * @nr_ranges: few: each is compared with each
 * @report: optional
 *
 * Context: as mhp_remove().
 * Return: as mhp_remove(); MHP_ERR_INVAL also if two share a block. On failure
 *   nothing is removed.
 */
MHP_MUST_CHECK MHP_API int mhp_remove_ranges(struct mhp *m,
					     const struct mhp_range *ranges,
					     uint32_t nr_ranges,
					     struct mhp_report *report);

/**
 * mhp_block_online() - put a memory block to use
 *
 * @block_id: index in blocks (not sections, not pfns)
 * @type: which zone: by policy, kernel, or movable
 * @report: optional
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_NOENT (no such block); MHP_ERR_INVAL (not offline, or bad
 *   type); MHP_ERR_BUSY (in transition, or the block that holds its memmap
 *   is not online); MHP_ERR_HWPOISON (it has bad pages,
 *   @report says which is the first); MHP_ERR_DEADLK; or a notifier's veto.
 *   On failure the block is offline as before.
 */
MHP_MUST_CHECK MHP_API int mhp_block_online(struct mhp *m, uint64_t block_id,
					    enum mhp_online_type type,
					    struct mhp_report *report);

/**
 * mhp_block_offline() - take a memory block out of use
 *
 * Isolates every pageblock, asks owners to move what is in use, and withdraws
 * the free pages. The block's own memmap stays until mhp_remove().
 *
 * @block_id: index in blocks
 * @deadline_ns: absolute, on the clock of ops->now_ns; MHP_NO_DEADLINE: as long
 *   as pages move; a page that is refused repeatedly ends it
 * @report: optional: the first page that refused
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_NOENT; MHP_ERR_INVAL (not online, has holes, in several
 *   zones); MHP_ERR_BUSY (pinned or unmovable page, in transition, it holds
 *   the memmap of a block that is not offline, or a
 *   pageblock is isolated: pages are being withheld, or one taken out);
 *   MHP_ERR_NOMEM (nowhere to move to); MHP_ERR_TIMEDOUT; MHP_ERR_DEADLK; or a
 *   notifier's veto. On any failure the block is online as before (what has
 *   moved stays moved).
 */
MHP_MUST_CHECK MHP_API int mhp_block_offline(struct mhp *m, uint64_t block_id,
					     uint64_t deadline_ns,
					     struct mhp_report *report);

/**
 * struct mhp_blocker - an allocation that would stop an offlining
 */
struct mhp_blocker {
	mhp_pfn_t pfn;	   /* of its first page, perhaps in a block before */
	uint64_t nr_pages; /* all of it */
	uint8_t order;	   /* the smallest that holds them */
	uint16_t owner;	   /* 0: nobody */
	uint32_t pins;	   /* 0: not pinned but unmovable */
	char owner_name[MHP_NAME_MAX];
};

/**
 * struct mhp_forecast - what offlining a block would meet
 */
struct mhp_forecast {
	uint64_t nr_pages_to_move;
	uint64_t bytes_to_move;
	uint64_t nr_allocations_to_move;
	uint64_t nr_blockers; /* all of them, also those not listed */
	uint64_t nr_blocked_pages;
	/* Free pages that these could go to: nr_pages_to_move if there are as
	 * many, else what was found. A zone that is all but full is not looked
	 * through to its end. */
	uint64_t nr_free_elsewhere;
};

/**
 * mhp_forecast() - what offlining a block would meet, if nothing changed
 *
 * @block_id: index in blocks
 * @forecast: receives the sums
 * @blockers: receives the first @max_blockers blockers, by pfn; NULL if 0
 * @max_blockers: room in @blockers
 * @report: optional
 *
 * Context: takes the mutex; may sleep; changes nothing.
 * Return: the number of blockers listed; MHP_ERR_NOENT; MHP_ERR_INVAL (not
 *   online); MHP_ERR_BUSY (in transition); MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int mhp_forecast(struct mhp *m, uint64_t block_id,
					struct mhp_forecast *forecast,
					struct mhp_blocker *blockers,
					uint32_t max_blockers,
					struct mhp_report *report);

/**
 * struct mhp_block_info - a memory block
 */
struct mhp_block_info {
	uint64_t id;
	enum mhp_block_state state;
	uint8_t zone; /* enum mhp_zone_type; NONE: offline, or several zones */
	uint8_t node;
	bool boot;		      /* boot memory */
	bool has_holes;		      /* boot block that is not all memory */
	enum mhp_placement placement; /* where its own memmap lives */
	mhp_pfn_t memmap_pfn; /* first page of that, or MHP_PFN_NONE: boot */
	uint64_t nr_present;  /* pages that are memory */
	uint64_t nr_memmap;   /* pages in it that hold memmap or state */
	uint64_t nr_free;     /* pages that can be allocated */
	uint64_t nr_allocated;
	uint64_t nr_isolated; /* free pages in isolated pageblocks */
	/* Bad pages: those taken out, and those that are still allocated, or
	 * memmap, which count there as well. */
	uint64_t nr_poisoned;
	uint64_t nr_withheld;	 /* withheld pages, offline or not */
	uint64_t nr_memmap_lent; /* pages of its memmap that are lent */
};

/**
 * mhp_block_query() - look at a memory block
 *
 * @block_id: index in blocks
 * @info: receives the answer
 *
 * Context: any but NMI; counts pages: time proportional to the block's state.
 * Return: 0; MHP_ERR_NOENT.
 */
MHP_MUST_CHECK MHP_API int mhp_block_query(struct mhp *m, uint64_t block_id,
					   struct mhp_block_info *info);

/**
 * mhp_block_next() - the next memory block that exists
 *
 * @block_id: where to look from, inclusive; receives the block found
 *
 * Context: any but NMI.
 * Return: 0; MHP_ERR_NOENT (none from there on; @block_id is untouched).
 */
MHP_MUST_CHECK MHP_API int mhp_block_next(struct mhp *m, uint64_t *block_id);

/**
 * mhp_block_nodes() - the nodes that a memory block has pages of
 *
 * @block_id: index in blocks
 *
 * Context: any but NMI.
 * Return: a mask, bit n for node n; 0 if there is no such block. More than one
 *   bit only for boot memory.
 */
MHP_API uint64_t mhp_block_nodes(struct mhp *m, uint64_t block_id);

/**
 * struct mhp_zone_info - a zone of a node
 */
struct mhp_zone_info {
	struct mhp_range span; /* from its first to its last page, holes too */
	uint64_t nr_present;   /* pages that are memory, memmap included */
	uint64_t nr_managed;   /* pages given to the allocator, so without
				  withheld ones */
	uint64_t nr_free;      /* counted now */
	/* Pages that are left to others by requests with that zone limit, see
	 * struct mhp_policy; not rounded down to pageblocks yet. */
	uint64_t nr_reserve[MHP_NR_ZONES];
};

/**
 * mhp_zone_query() - look at a zone
 *
 * @node: its node
 * @zone: which of its zones
 * @info: receives the answer
 *
 * Context: takes the mutex; costs in proportion to the zone, as free pages are
 * counted pageblock by pageblock.
 * Return: 0; MHP_ERR_INVAL (no such node or zone); MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int mhp_zone_query(struct mhp *m, unsigned int node,
					  enum mhp_zone_type zone,
					  struct mhp_zone_info *info);

/**
 * mhp_node_is_alive() - whether a node is there
 *
 * Node 0 is, with the processors; others are while a memory block is known that
 * has memory of them.
 *
 * @node: its number
 *
 * Context: any but NMI.
 * Return: whether; false if there is no such node.
 */
MHP_API bool mhp_node_is_alive(const struct mhp *m, unsigned int node);

/**
 * mhp_zone_sizes() - look at a zone without counting what is free
 *
 * @node: its node
 * @zone: which of its zones
 * @info: receives the answer; nr_free is 0
 *
 * Context: takes the mutex.
 * Return: 0; MHP_ERR_INVAL (no such node or zone); MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int mhp_zone_sizes(struct mhp *m, unsigned int node,
					  enum mhp_zone_type zone,
					  struct mhp_zone_info *info);

/** Orders of free runs that mhp_zone_runs() tells apart, at most. */
#define MHP_MAX_RUN_ORDERS 17

/**
 * mhp_zone_runs() - the free memory of a zone, by the size of its runs
 *
 * A run is 2^order free pages, naturally aligned, not part of a larger one. A
 * run can be larger than a pageblock, and so than what can be allocated: up to
 * order 10, the pageblock's or the memory block's, whichever is between.
 *
 * @node: its node
 * @zone: which of its zones
 * @nr_runs: receives the number of runs of each order
 *
 * Context: takes the mutex; looks at every row of pageblocks in use.
 * Return: the number of orders, from 0 on, that there can be; MHP_ERR_INVAL (no
 *   such node or zone); MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int mhp_zone_runs(struct mhp *m, unsigned int node,
					 enum mhp_zone_type zone,
					 uint64_t nr_runs[MHP_MAX_RUN_ORDERS]);

/**
 * struct mhp_resource - memory that was added, or found at boot, as one
 */
struct mhp_resource {
	struct mhp_range range;
	enum mhp_resource_kind kind;
	bool boot;
};

/**
 * mhp_resource_next() - the next resource
 *
 * What one request added is one resource, until neighbours merge with it or
 * parts of it are removed. A range of boot memory is one.
 *
 * @pfn: where to look from: a resource that begins there or behind
 * @resource: receives it
 *
 * Context: takes the mutex; may sleep; time proportional to its blocks.
 * Return: 0; MHP_ERR_NOENT (none from there on; @resource is untouched);
 *   MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int mhp_resource_next(struct mhp *m, mhp_pfn_t pfn,
					     struct mhp_resource *resource);

/**
 * mhp_resource_name() - what Linux calls a kind of resource
 *
 * @kind: which
 *
 * Context: any.
 * Return: "System RAM", perhaps with the driver in parentheses; never NULL.
 */
MHP_API const char *mhp_resource_name(enum mhp_resource_kind kind);

/**
 * mhp_zone_name() - the name Linux gives a zone
 *
 * @zone: which
 *
 * Context: any.
 * Return: "DMA", "DMA32", "Normal", "Movable" or "Device"; "none" for others.
 */
MHP_API const char *mhp_zone_name(enum mhp_zone_type zone);

/**
 * struct mhp_stat - what it all costs, and what has happened
 */
struct mhp_stat {
	/* existing memory taken for added memory, now */
	uint64_t existing_bytes; /* records, memmap and state: all of it */
	uint64_t existing_memmap_bytes; /* of these: memmap */
	uint64_t existing_state_bytes;	/* of these: allocator state */
	uint64_t existing_record_bytes; /* of these: block records */
	uint64_t index_bytes;		/* root and leaves of the index */
	uint64_t pagetable_bytes;	/* from ops->pagetable_bytes */
	uint64_t hosted_memmap_bytes; /* memmap and state on the added memory */
	uint64_t nr_present;	      /* pages, all zones */
	uint64_t nr_managed;	      /* pages, all zones */
	uint64_t nr_poisoned;	      /* bad pages, of memory that left too */
	uint64_t nr_memmap_lent;      /* pages of memmaps, lend.h */
	/* since init; only grow */
	uint64_t nr_adds;
	uint64_t nr_removes;
	uint64_t nr_onlines;
	uint64_t nr_offlines;
	uint64_t nr_pages_moved;
	uint64_t nr_moves_refused;
	/* what placement existing found for memmaps: the three costs */
	uint64_t nr_memmap_pmd_chunks;	 /* PMD-sized (or whole), target node */
	uint64_t nr_memmap_base_pages;	 /* smaller pieces, target node */
	uint64_t nr_memmap_remote_pages; /* from another node, pages */
	uint64_t nr_memmaps_moved;	 /* mhp/move.h */
};

/**
 * mhp_stat_read() - the statistics now
 *
 * @stat: receives them
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_DEADLK.
 */
MHP_API int mhp_stat_read(struct mhp *m, struct mhp_stat *stat);

/**
 * mhp_check() - verify every invariant of docs/SPEC.md
 *
 * Reads only, and no descriptor whose pageblock is not initialised. Allocations
 * and frees by others meanwhile can make it report what is not so: call it at
 * rest.
 *
 * @report: optional; rule is the number of the first broken invariant, pfn
 * where
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_UCLEAN; MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int mhp_check(struct mhp *m, struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
