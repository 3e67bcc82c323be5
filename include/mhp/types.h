/* SPDX-License-Identifier: MIT */
/*
 * Scalar types, ranges and the enumerations that every part shares.
 *
 * A page frame number (pfn) counts pages from physical address zero. A physical
 * address counts bytes. They are different types on purpose: mhp_pfn_t is a
 * number, mhp_pa_t a one-member struct, so that bytes and pages cannot be mixed
 * without a conversion that names the page size (geometry.h).
 *
 * A range is half open and always validated once, where it enters.
 */
#ifndef MHP_TYPES_H
#define MHP_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MHP_MUST_CHECK __attribute__((warn_unused_result))
#define MHP_API __attribute__((visibility("default")))
#else
#define MHP_MUST_CHECK
#define MHP_API
#endif

/** A page frame number: physical address divided by the page size. */
typedef uint64_t mhp_pfn_t;

/** A physical address, in bytes. */
typedef struct {
	uint64_t bytes;
} mhp_pa_t;

/**
 * A word that processors share: 64 bits, naturally aligned everywhere. Only
 * through the operations of port.h.
 */
typedef struct {
	uint64_t value;
#if defined(__GNUC__)
} __attribute__((aligned(8))) mhp_word_t;
#else
} mhp_word_t;
#endif

/** No page: larger than every pfn (52 address bits and 4 KiB pages give 40). */
#define MHP_PFN_NONE UINT64_MAX

/** No deadline: wait for ever. */
#define MHP_NO_DEADLINE UINT64_MAX

/** A range of pages, half open: [start_pfn, start_pfn + nr_pages). */
struct mhp_range {
	mhp_pfn_t start_pfn; /* first page */
	uint64_t nr_pages;   /* pages; 0 is the empty range */
};

/** mhp_range_end_pfn() - first pfn behind the range */
static inline mhp_pfn_t mhp_range_end_pfn(struct mhp_range range)
{
	return range.start_pfn + range.nr_pages;
}

/** mhp_range_make() - the range of @nr_pages pages from @start_pfn on */
static inline struct mhp_range mhp_range_make(mhp_pfn_t start_pfn,
					      uint64_t nr_pages)
{
	struct mhp_range range;

	range.start_pfn = start_pfn;
	range.nr_pages = nr_pages;
	return range;
}

/**
 * Zones, lowest address limit first. 0 is "none": in a request it asks for the
 * default, in a block it means that the block is in no zone (offline), or that
 * its pages are in several (a boot block across a zone or node boundary).
 */
enum mhp_zone_type {
	MHP_ZONE_NONE = 0,
	MHP_ZONE_DMA,
	MHP_ZONE_DMA32,
	MHP_ZONE_NORMAL,
	MHP_ZONE_MOVABLE,
	MHP_ZONE_DEVICE, /* described, never allocated from */
	MHP_NR_ZONES,
};

/** Where the memmap of added memory lives (docs/DESIGN.md, "Placement"). */
enum mhp_placement {
	MHP_PLACEMENT_AUTO = 0, /* the engine chooses */
	MHP_PLACEMENT_EXISTING, /* in memory that is already online */
	MHP_PLACEMENT_BLOCK,	/* at the start of each memory block itself */
	MHP_PLACEMENT_RANGE,	/* all of it at the start of the range */
};

/** The parameter memmap_on_memory: what MHP_PLACEMENT_AUTO of a request means.
 */
enum mhp_memmap_mode {
	MHP_MEMMAP_AUTO = 0, /* on the memory if it can be: for the whole range
				if that leaves more gigantic pages, else on each
				block */
	MHP_MEMMAP_OFF,	     /* in existing memory */
	MHP_MEMMAP_ON,	     /* on the block if the rules allow it */
	MHP_MEMMAP_FORCE,    /* also where Linux's rules waste pages for it */
	MHP_MEMMAP_RANGE,    /* for the whole range, if it has several blocks */
};

/**
 * Whose rules and answers. A profile answers as that kernel does, also where we
 * could do better.
 */
enum mhp_profile {
	MHP_PROFILE_NATIVE = 0,
	MHP_PROFILE_LINUX_6_1,
	MHP_PROFILE_LINUX_6_12,
	MHP_PROFILE_LINUX_7_2, /* where memmaps live: for mhp_plan() only */
};

/** What a range of memory is called in the list of resources. */
enum mhp_resource_kind {
	MHP_RESOURCE_RAM = 0,	 /* "System RAM" */
	MHP_RESOURCE_KMEM,	 /* "System RAM (kmem)": of a DAX device */
	MHP_RESOURCE_VIRTIO_MEM, /* "System RAM (virtio_mem)" */
	MHP_NR_RESOURCES,
};

/** The states of a memory block. */
enum mhp_block_state {
	MHP_BLOCK_ABSENT = 0,
	MHP_BLOCK_OFFLINE,
	MHP_BLOCK_GOING_ONLINE,
	MHP_BLOCK_ONLINE,
	MHP_BLOCK_GOING_OFFLINE,
};

/** What becomes of a block when it is put online (Linux's four words). */
enum mhp_online_type {
	MHP_ONLINE_OFFLINE = 0, /* stay offline */
	MHP_ONLINE_DEFAULT,	/* "online": the policy chooses the zone */
	MHP_ONLINE_KERNEL,	/* "online_kernel" */
	MHP_ONLINE_MOVABLE,	/* "online_movable" */
};

/** Whether the content of an allocation may be moved to another page. */
enum mhp_mobility {
	MHP_UNMOVABLE = 0,
	MHP_MOVABLE, /* needs an owner that can move it */
};

/** Any node. */
#define MHP_NODE_ANY (-1)

/** Most nodes an instance can have: a node mask is one 64-bit word. */
#define MHP_MAX_NODES 64

#ifdef __cplusplus
}
#endif

#endif
