/* SPDX-License-Identifier: MIT */
/*
 * Allocation of pages.
 *
 * Lock-free: any number of threads, and interrupt handlers (not NMIs), allocate
 * and free at once while blocks come and go. A request is a struct; zero means
 * the default in every field, so a request written today compiles and means the
 * same tomorrow.
 */
#ifndef MHP_FRAME_H
#define MHP_FRAME_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/** A cookie is what an owner knows a page by: 40 bits. */
#define MHP_COOKIE_BITS 40
#define MHP_COOKIE_MAX ((UINT64_C(1) << MHP_COOKIE_BITS) - 1)

/** Only the preferred node, if one is named: do not fall back to others. */
#define MHP_ALLOC_THIS_NODE (1u << 0)
/** Only the zone limit itself: do not fall back to lower zones. */
#define MHP_ALLOC_THIS_ZONE (1u << 1)
/** Of whole pageblocks: the caller will not touch mhp_frame_extra() of any page
 * but the first, so memory whose other descriptors are lent (lend.h) does. No
 * such promise is needed where mhp_config.no_extra makes it. */
#define MHP_ALLOC_NO_TAILS (1u << 2)

/**
 * struct mhp_request - what to allocate
 *
 * Zones: an allocation comes from the highest zone it may use that has a free
 * page: movable ones may use MOVABLE and everything below, unmovable ones
 * NORMAL and below, but for what a lower zone keeps for those who can use
 * nothing higher (policy.h). Nodes: the preferred one first, then by distance.
 * A pageblock that was begun is used up first, so memory that comes online in a
 * better zone serves from the next pageblock on.
 */
struct mhp_request {
	uint32_t size_bytes;  /* sizeof(struct mhp_request), or 0 */
	uint8_t order;	      /* 2^order pages, naturally aligned; at most the
				 gigantic order, mhp_gigantic_order() */
	uint8_t mobility;     /* enum mhp_mobility */
	uint8_t zone_limit;   /* highest zone allowed; MHP_ZONE_NONE: default */
	uint8_t align_order;  /* alignment beyond order, at most the gigantic
				 order; 0: natural. A move keeps it */
	uint32_t flags;	      /* MHP_ALLOC_* */
	uint16_t node_plus_1; /* preferred node + 1; 0: none preferred */
	uint16_t owner;	      /* from mhp_owner_register(); 0: none */
	uint64_t node_mask;   /* nodes allowed; 0: all */
	mhp_pfn_t limit_pfn;  /* exclusive end of the last page; 0: none */
	uint64_t cookie;      /* for the owner; at most MHP_COOKIE_MAX */
};

/**
 * mhp_frame_alloc() - allocate 2^order pages
 *
 * @request: what to allocate
 * @pfn: receives the first page; untouched on failure
 *
 * The content of the pages is whatever it was. What is larger than a pageblock
 * may reach over several memory blocks that were added in one piece and are
 * online in one zone; whether they are next to each other in the linear map,
 * too, is the port's business.
 *
 * Memory whose memmap just moves (move.h) is passed by. If there is no other,
 * ops->wait_move is asked; without it that counts as no memory.
 *
 * Context: any but NMI; lock-free; calls ops->first_use for a pageblock that
 *   was never used.
 * Return: 0; MHP_ERR_NOMEM (nothing free satisfies it); MHP_ERR_INVAL (order,
 *   zone, node or owner does not exist, or movable without a movable owner).
 *   Nothing is allocated on failure.
 */
MHP_MUST_CHECK MHP_API int mhp_frame_alloc(struct mhp *m,
					   const struct mhp_request *request,
					   mhp_pfn_t *pfn);

/**
 * mhp_frame_free() - give an allocation back
 *
 * @pfn: what mhp_frame_alloc() gave
 * @order: the order it was allocated with
 *
 * A wrong order, a second free and a pfn that is not memory are recognised
 * before anything is written. Bad pages of it (poison.h) stay behind.
 *
 * Context: any but NMI; lock-free.
 * Return: 0; MHP_ERR_ALREADY (it is free); MHP_ERR_INVAL (not allocated with
 *   that order, memmap, withheld, bad and taken out, or of a device range);
 *   MHP_ERR_FAULT (no memory of this instance, or offline). Nothing is freed on
 *   failure.
 */
MHP_API int mhp_frame_free(struct mhp *m, mhp_pfn_t pfn, unsigned int order);

/**
 * mhp_run_alloc() - allocate a run of whole pageblocks, of any length
 *
 * @request: as for mhp_frame_alloc(), with order 0; align_order is the
 *   alignment of the first page, at least that of a pageblock
 * @nr_pages: length, a multiple of a pageblock
 * @pfn: receives the first page; untouched on failure
 *
 * One allocation: it is freed, moved and reported as a whole. Where only an
 * order is told of it, that is the smallest one that holds it.
 *
 * Context: as mhp_frame_alloc().
 * Return: as mhp_frame_alloc(); MHP_ERR_INVAL also for an order, or a length
 *   that is 0 or not of whole pageblocks. Nothing is allocated on failure.
 */
MHP_MUST_CHECK MHP_API int mhp_run_alloc(struct mhp *m,
					 const struct mhp_request *request,
					 uint64_t nr_pages, mhp_pfn_t *pfn);

/**
 * mhp_run_free() - give a run of whole pageblocks back
 *
 * @pfn: what mhp_run_alloc() gave, or mhp_frame_alloc() of such an order
 * @nr_pages: all of it
 *
 * As mhp_frame_free(), with the length for the order.
 *
 * Context: any but NMI; lock-free.
 * Return: as mhp_frame_free(); MHP_ERR_INVAL also for a length that is 0 or not
 *   of whole pageblocks. Nothing is freed on failure.
 */
MHP_API int mhp_run_free(struct mhp *m, mhp_pfn_t pfn, uint64_t nr_pages);

/**
 * mhp_frame_alloc_bulk() - allocate up to @nr allocations of one request
 *
 * @request: as for mhp_frame_alloc(), for each of them
 * @nr: how many are wanted
 * @pfns: receives the first page of each
 *
 * Context: as mhp_frame_alloc().
 * Return: the number allocated, 0 to @nr: fewer when memory ran out; or
 *   MHP_ERR_INVAL, and nothing is allocated.
 */
MHP_MUST_CHECK MHP_API int
mhp_frame_alloc_bulk(struct mhp *m, const struct mhp_request *request,
		     uint32_t nr, mhp_pfn_t *pfns);

/**
 * mhp_frame_free_bulk() - give several allocations of one order back
 *
 * @order: the order of all of them
 * @nr: how many
 * @pfns: the first page of each
 *
 * Context: as mhp_frame_free().
 * Return: 0; or the first error of mhp_frame_free(). The others are freed all
 *   the same.
 */
MHP_API int mhp_frame_free_bulk(struct mhp *m, unsigned int order, uint32_t nr,
				const mhp_pfn_t *pfns);

/** What a page is at the moment. */
enum mhp_page_use {
	MHP_PAGE_ABSENT = 0, /* no memory of this instance */
	MHP_PAGE_HOLE,	     /* inside a boot block, but no memory */
	MHP_PAGE_OFFLINE,    /* its block is offline */
	MHP_PAGE_MEMMAP,     /* holds memmap or allocator state */
	MHP_PAGE_RESERVED,   /* boot memory kept by the embedder, or the head of
				a device range */
	MHP_PAGE_FREE,
	MHP_PAGE_ISOLATED, /* free, in an isolated pageblock */
	MHP_PAGE_ALLOCATED,
	MHP_PAGE_POISONED, /* bad, and taken out */
	MHP_PAGE_WITHHELD, /* kept from the allocator, see withhold.h */
	MHP_PAGE_DEVICE,   /* of a device range, see device.h */
	MHP_NR_PAGE_USES,
};

/**
 * struct mhp_page_info - what is known of a page
 */
struct mhp_page_info {
	enum mhp_page_use use;
	mhp_pfn_t head_pfn; /* first page of its allocation, if allocated */
	uint8_t order;	    /* of the allocation: the smallest that holds it */
	uint8_t zone;	    /* enum mhp_zone_type */
	uint8_t mobility;   /* enum mhp_mobility of the pageblock, if opened */
	uint8_t node;
	uint16_t owner;	   /* 0: none */
	bool poisoned;	   /* bad, whatever its use is */
	uint64_t nr_pages; /* of the allocation */
	uint64_t cookie;   /* the owner's */
};

/**
 * mhp_frame_query() - what a page is at the moment
 *
 * @info: receives the answer, which may be out of date at once
 *
 * Context: any but NMI; lock-free.
 * Return: 0; always (absent memory is an answer too).
 */
MHP_API int mhp_frame_query(struct mhp *m, mhp_pfn_t pfn,
			    struct mhp_page_info *info);

/**
 * struct mhp_tally - how many pages of a range are what
 */
struct mhp_tally {
	uint64_t nr[MHP_NR_PAGE_USES]; /* pages, by enum mhp_page_use */
	/* Of those allocated: for unmovable requests, and of these by the
	 * engine itself, for memmaps of blocks elsewhere. */
	uint64_t nr_unmovable;
	uint64_t nr_memmap_elsewhere;
};

/**
 * mhp_frame_tally() - how many pages of a range are what
 *
 * As many calls of mhp_frame_query() would say, but fast: most pageblocks are
 * told at a glance.
 *
 * @range: any pages, also where no memory is
 * @tally: receives the answer, which may be out of date at once; untouched on
 *   failure
 *
 * Context: any but NMI; lock-free; time proportional to the pageblocks in it,
 *   and to the pages of those that are partly used.
 * Return: 0; MHP_ERR_INVAL (@range wraps around).
 */
MHP_MUST_CHECK MHP_API int
mhp_frame_tally(struct mhp *m, struct mhp_range range, struct mhp_tally *tally);

/**
 * mhp_frame_extra() - the embedder's bytes of a page's descriptor
 *
 * @pfn: a page that the caller holds, or of a device range of its own
 *
 * The bytes behind the engine's first MHP_DESC_ENGINE_BYTES of the descriptor
 * belong to whoever holds the page. They hold anything at allocation, and when
 * a device range is added.
 *
 * Context: any; the pointer is good as long as the page is held, or the device
 *   range is there.
 * Return: the bytes; NULL if the descriptor has no more than the engine's, or
 *   mhp_config.no_extra says that nobody uses them, or the descriptor is lent
 *   (lend.h), or @pfn is neither online memory nor of a device range.
 */
MHP_API void *mhp_frame_extra(struct mhp *m, mhp_pfn_t pfn);

/**
 * mhp_frame_address() - address of a page in the linear map
 *
 * @pfn: a page that the caller holds, or of a device range of its own
 *
 * Context: any.
 * Return: its address, from ops->map_linear; NULL if no block and no device
 *   range is there (a hole of a boot block has an address, but no memory).
 */
MHP_API void *mhp_frame_address(struct mhp *m, mhp_pfn_t pfn);

#ifdef __cplusplus
}
#endif

#endif
