/* SPDX-License-Identifier: MIT */
/*
 * port/posix: real memory inside a process.
 *
 * One struct mhp_posix is one instance of the engine whose physical memory is
 * files: memfds, hugetlbfs files, device-dax, or what the caller has. Two
 * pieces of address space are reserved when it opens, and nothing else is
 * taken:
 *
 *   linear map   physical address a is at base + a
 *   window       the descriptor of page n is at base + n * descriptor size
 *
 * Plugging maps a file into the linear map; with placement block the pages that
 * hold a block's memmap are mapped a second time, into the window. Neither add
 * nor online touches memory: a pageblock gets its memory from the system when
 * the first page of it is allocated. Unplugging gives all of it back.
 *
 * Handles are movable memory for programs: the content of a handle that nobody
 * has pinned may be elsewhere at any time, so memory can leave under a program
 * that runs. Pinning gives a pointer that stays good until unpinned.
 *
 * All calls may be made from any thread; threads need not register.
 */
#ifndef MHP_POSIX_H
#define MHP_POSIX_H

#include "mhp/err.h"
#include "mhp/geometry.h"
#include "mhp/mhp.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An instance of the engine on memory of this process. */
struct mhp_posix;

/** How a pageblock gets its memory when it is first used. */
enum mhp_posix_populate {
	MHP_POSIX_POPULATE_AUTO = 0, /* a huge page if possible, else SMALL */
	MHP_POSIX_POPULATE_SMALL,    /* at once, with the file's own pages */
	/*
	 * By page faults, as it is touched: the first allocation is quick, and
	 * memory that the system does not have is a signal instead of an error.
	 */
	MHP_POSIX_POPULATE_FAULT,
};

/**
 * Descriptors are reached through the linear map; there is no window. For
 * regions that cannot be mapped page by page: hugetlbfs and device-dax.
 */
#define MHP_POSIX_DIRECT (1u << 0)
/**
 * Nobody uses the embedder's bytes of descriptors (mhp_config.no_extra). Then
 * memmaps of memory that is in use can move (mhp/move.h).
 */
#define MHP_POSIX_NO_EXTRA (1u << 1)

/**
 * struct mhp_posix_config - how an instance opens
 *
 * Only read during mhp_posix_open(). Zero means the default in every field.
 */
struct mhp_posix_config {
	uint32_t size_bytes; /* sizeof(struct mhp_posix_config), or 0 */
	uint32_t flags;	     /* MHP_POSIX_DIRECT, NO_EXTRA */
	/*
	 * NULL: pages of the host, pageblocks of 2 MiB, sections and blocks of
	 * 128 MiB, descriptors of 16 bytes, twice as many allocation cursors as
	 * processors (hosts with larger pages: those of arm64).
	 */
	const struct mhp_geometry *geometry;
	/* Boot memory at physical address 0 on node 0; 0: one memory block. */
	uint64_t boot_bytes;
	/* Instead of boot_bytes: as in struct mhp_config. */
	const struct mhp_boot_range *boot;
	uint32_t nr_boot;
	/* Physical address space, boot included; 0: 64 GiB. */
	uint64_t span_bytes;
	mhp_pfn_t dma_end_pfn;	 /* as in struct mhp_config */
	mhp_pfn_t dma32_end_pfn; /* as in struct mhp_config */
	enum mhp_profile profile;
	enum mhp_memmap_mode memmap_on_memory; /* as in struct mhp_config */
	enum mhp_posix_populate populate;
	/* One line for a person; NULL: nobody reads them. Any thread. */
	void (*log)(void *ctx, int level, const char *line);
	void *log_ctx;
};

/**
 * mhp_posix_open() - reserve address space and start the engine
 *
 * @config: NULL: all defaults
 * @p: receives the instance
 * @report: optional; detail says what would be right
 *
 * Context: may sleep.
 * Return: 0; MHP_ERR_INVAL (geometry, boot memory, a span that is too small or
 *   too large); MHP_ERR_NOMEM (no address space or no memory); what mhp_init()
 *   returned, or a negative errno value of the system. On failure everything is
 *   given back.
 */
MHP_MUST_CHECK MHP_API int mhp_posix_open(const struct mhp_posix_config *config,
					  struct mhp_posix **p,
					  struct mhp_report *report);

/**
 * mhp_posix_close() - end the instance and give everything back
 *
 * Handles and pages need not be freed before. NULL is allowed.
 *
 * Context: may sleep; nobody else uses the instance any more.
 */
MHP_API void mhp_posix_close(struct mhp_posix *p);

/**
 * mhp_posix_mhp() - the engine's instance, for all calls of mhp/mhp.h
 *
 * Context: any.
 * Return: the instance; never NULL.
 */
MHP_API struct mhp *mhp_posix_mhp(struct mhp_posix *p);

/** Where the memory of a region comes from. */
enum mhp_posix_source {
	MHP_POSIX_MEMFD = 0, /* anonymous memory of the system */
	MHP_POSIX_HUGETLB,   /* anonymous memory in reserved huge pages */
	MHP_POSIX_PATH,	     /* a hugetlbfs file, a device-dax, any file */
	MHP_POSIX_FD,	     /* an open file of the caller's */
};

/** The part of the file that is plugged reads as zero: nobody wrote to it. */
#define MHP_POSIX_READS_ZERO (1u << 0)
/** PATH, FD: do not deallocate that part of the file when it is unplugged. */
#define MHP_POSIX_KEEP_CONTENT (1u << 1)

/**
 * struct mhp_posix_request - memory to plug
 *
 * Zero means the default in every field but capacity_bytes.
 */
struct mhp_posix_request {
	uint32_t size_bytes;	 /* sizeof(struct mhp_posix_request), or 0 */
	uint32_t flags;		 /* MHP_POSIX_READS_ZERO, KEEP_CONTENT */
	uint64_t capacity_bytes; /* whole memory blocks */
	mhp_pa_t start;		 /* physical address; 0: the first that fits */
	uint16_t node;
	enum mhp_posix_source source;
	const char *path;	  /* PATH */
	int fd;			  /* FD: stays the caller's, who may close it */
	uint64_t offset_bytes;	  /* PATH, FD: first byte used of the file */
	uint64_t huge_page_bytes; /* HUGETLB: size of a page; 0: the system's */
	enum mhp_placement placement; /* for the memmap */
	uint32_t add_flags;	      /* MHP_ADD_* */
	enum mhp_online_type online;  /* 0: stay offline */
};

/**
 * mhp_posix_plug() - memory arrives: provide, add and online
 *
 * Hotplugged memory lies at 4 GiB and above, or at the next whole GiB above
 * boot memory, unless an address is given.
 *
 * @request: what to plug
 * @region_id: receives its number, from 1 on
 * @report: optional; on success as for mhp_add()
 *
 * Context: as mhp_posix_provide(), mhp_add() and mhp_block_online().
 * Return: as those. On failure nothing is plugged and *region_id is 0; unless
 *   memory of it is in use already and cannot move: then *region_id is what to
 *   unplug later.
 */
MHP_MUST_CHECK MHP_API int
mhp_posix_plug(struct mhp_posix *p, const struct mhp_posix_request *request,
	       uint32_t *region_id, struct mhp_report *report);

/**
 * mhp_posix_unplug() - memory leaves: offline, remove and withdraw
 *
 * Blocks of the region that are offline or removed already are no obstacle. If
 * other threads use handles meanwhile, some are always pinned for a moment:
 * pass MHP_OFFLINE_PATIENT and a deadline.
 *
 * @region_id: from mhp_posix_plug() or mhp_posix_provide()
 * @deadline_ns: absolute, on the clock of mhp_hosted_now_ns(); MHP_NO_DEADLINE
 * @flags: MHP_OFFLINE_*
 * @report: optional: which page refused, whose it is and how often it is pinned
 *
 * Context: as mhp_offline_and_remove().
 * Return: 0: all memory of the region is the system's again; MHP_ERR_NOENT (no
 *   such region); MHP_ERR_BUSY (also: boot memory; somebody else unplugs it);
 *   others as mhp_offline_and_remove(). On failure it is plugged as before.
 */
MHP_MUST_CHECK MHP_API int
mhp_posix_unplug(struct mhp_posix *p, uint32_t region_id, uint64_t deadline_ns,
		 uint32_t flags, struct mhp_report *report);

/**
 * mhp_posix_provide() - put memory behind a range of physical addresses
 *
 * The engine does not know of it yet: mhp_add() or a front end (acpi_dimm.h)
 * makes it known. placement, add_flags and online of the request are not used.
 *
 * @request: what to provide
 * @region_id: receives its number, from 1 on
 * @report: optional
 *
 * Context: takes a mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (capacity, address or offset are not whole memory
 *   blocks or not whole pages of the file; the file is smaller);
 *   MHP_ERR_EXIST (memory is provided there); MHP_ERR_NOSPC (no address range
 *   is free); MHP_ERR_2BIG (beyond the span); MHP_ERR_OPNOTSUPP (needs an
 *   instance opened with MHP_POSIX_DIRECT); MHP_ERR_NOMEM (the system has none,
 *   or no huge pages are reserved); or a negative errno value of the system. On
 *   failure nothing is provided.
 */
MHP_MUST_CHECK MHP_API int
mhp_posix_provide(struct mhp_posix *p, const struct mhp_posix_request *request,
		  uint32_t *region_id, struct mhp_report *report);

/**
 * mhp_posix_withdraw() - undo mhp_posix_provide()
 *
 * Deallocates the memory (MHP_POSIX_KEEP_CONTENT: leaves it in the file) and
 * closes the port's file descriptor.
 *
 * @report: optional
 *
 * Context: takes a mutex and the engine's, waits for readers; may sleep.
 * Return: 0; MHP_ERR_NOENT (no such region); MHP_ERR_BUSY (the engine knows a
 *   block of it; boot memory; somebody else plugs or unplugs it). It stays
 *   provided on failure.
 */
MHP_MUST_CHECK MHP_API int mhp_posix_withdraw(struct mhp_posix *p,
					      uint32_t region_id,
					      struct mhp_report *report);

/**
 * struct mhp_posix_region - a region that is provided
 */
struct mhp_posix_region {
	uint32_t id; /* 0: boot memory */
	enum mhp_posix_source source;
	struct mhp_range range;	      /* its pages */
	uint16_t node;		      /* as in the request */
	uint64_t grain_bytes;	      /* page size of the file */
	uint64_t allocated_bytes;     /* memory that the system has given to the
				     whole file; device-dax: its capacity */
	uint32_t nr_pageblocks_huge;  /* first used as huge pages */
	uint32_t nr_pageblocks_small; /* first used otherwise */
};

/**
 * mhp_posix_region_query() - look at a region
 *
 * @region_id: 0: boot memory
 * @region: receives the answer
 *
 * Context: takes a mutex.
 * Return: 0; MHP_ERR_NOENT.
 */
MHP_MUST_CHECK MHP_API int
mhp_posix_region_query(struct mhp_posix *p, uint32_t region_id,
		       struct mhp_posix_region *region);

/**
 * mhp_posix_region_next() - the next region that is provided
 *
 * @region_id: where to look from, inclusive; receives the region found
 *
 * Context: takes a mutex.
 * Return: 0; MHP_ERR_NOENT (none from there on; @region_id is untouched).
 */
MHP_MUST_CHECK MHP_API int mhp_posix_region_next(struct mhp_posix *p,
						 uint32_t *region_id);

/**
 * mhp_posix_region_fd() - a region's file, to look at
 *
 * For fstat(2): st_blocks * 512 is the memory that it has, also after the
 * region is gone.
 *
 * Context: takes a mutex.
 * Return: a new file descriptor, the caller's to close; MHP_ERR_NOENT; or a
 *   negative errno value of the system.
 */
MHP_MUST_CHECK MHP_API int mhp_posix_region_fd(struct mhp_posix *p,
					       uint32_t region_id);

/**
 * mhp_posix_explain() - say more in the report of a failed engine call
 *
 * The engine passes the errors of the port on, but not their reason. If @report
 * speaks of one, and the port's last failure is what it speaks of, its detail
 * gets a text such as "vm.max_map_count is reached". mhp_posix_plug() does this
 * by itself; it is for callers of mhp_add().
 *
 * @report: of the failed call
 *
 * Context: any.
 */
MHP_API void mhp_posix_explain(struct mhp_posix *p, struct mhp_report *report);

/**
 * struct mhp_posix_stat - what the port costs, and what has happened
 */
struct mhp_posix_stat {
	/* now */
	uint64_t linear_bytes;	  /* address space of the linear map */
	uint64_t window_bytes;	  /* address space of the window */
	uint64_t allocated_bytes; /* of all regions, see mhp_posix_region */
	uint64_t meta_bytes;	  /* records given to the engine */
	uint64_t handle_bytes;	  /* table of handles, as far as ever used */
	/*
	 * Page tables, estimated: one table page for each pageblock that is not
	 * a huge page and for each piece of the window of a table's size.
	 */
	uint64_t pagetable_bytes;
	uint64_t nr_mappings; /* of both, as vm.max_map_count counts */
	uint64_t nr_handles;  /* that are not free */
	bool collapse_works;  /* pageblocks can become huge pages */
	/* since open; only grow */
	uint64_t nr_pageblocks_huge;  /* as in mhp_posix_region */
	uint64_t nr_pageblocks_small; /* as in mhp_posix_region */
	uint64_t populate_ns;	      /* spent in first use */
	uint64_t nr_moves;	      /* handles moved */
	uint64_t nr_moves_pinned;     /* not moved because pinned */
	uint64_t nr_moves_broken;     /* not moved because somebody waited too
				     long for it */
	uint64_t nr_moves_yielded;    /* given up for somebody who waited */
	uint64_t bytes_moved;
	uint64_t move_ns;	  /* spent copying */
	uint64_t nr_holds;	  /* calls that had to wait for a move */
	uint64_t longest_hold_ns; /* the longest of these */
};

/**
 * mhp_posix_stat_read() - the numbers now
 *
 * Context: takes a mutex; reads /proc/self/maps and the table of handles.
 */
MHP_API void mhp_posix_stat_read(struct mhp_posix *p,
				 struct mhp_posix_stat *stat);

/** A piece of movable memory: a number that is never used again. */
typedef uint64_t mhp_handle_t;

/** No handle. */
#define MHP_HANDLE_NONE UINT64_C(0)

/** The content reads as zero; else it is whatever it was. */
#define MHP_HANDLE_ZERO (1u << 0)
/** Prefer a node. */
#define MHP_HANDLE_NODE(node) ((uint32_t)((node) + 1) << 16)

/** Most pins that a handle can have at once. */
#define MHP_HANDLE_PINS_MAX 65535

/**
 * mhp_handle_alloc() - allocate movable memory
 *
 * @size_bytes: 1 to a pageblock; rounded up to a power of two of pages
 * @flags: MHP_HANDLE_*
 * @handle: receives the handle; untouched on failure
 *
 * Context: any thread; lock-free but for memory taken from the system.
 * Return: 0; MHP_ERR_NOMEM (no memory); MHP_ERR_INVAL (size or node);
 *   MHP_ERR_NOSPC (no handle is left). Nothing is allocated on failure.
 */
MHP_MUST_CHECK MHP_API int mhp_handle_alloc(struct mhp_posix *p,
					    uint64_t size_bytes, uint32_t flags,
					    mhp_handle_t *handle);

/**
 * mhp_handle_pin() - keep the content where it is, and get at it
 *
 * Pins count. Memory that is pinned cannot leave: pin for as long as the
 * pointer is used and no longer.
 *
 * When a page of it breaks (mhp_poison_hard()), the content is lost: nobody can
 * pin it any more. A pointer from before is good until it is unpinned; what it
 * reads is not.
 *
 * Context: any thread; waits if this very handle is just being moved: for the
 *   copy of 256 KiB at most, then a move that has more to copy is given up.
 *   Should the mover have lost its processor: for half a millisecond.
 * Return: the memory, good until unpinned; NULL (freed or never allocated,
 *   content lost, or MHP_HANDLE_PINS_MAX pins already).
 */
MHP_MUST_CHECK MHP_API void *mhp_handle_pin(struct mhp_posix *p,
					    mhp_handle_t handle);

/**
 * mhp_handle_unpin() - end a pin
 *
 * Context: any thread; lock-free.
 * Return: 0; MHP_ERR_NOENT (no such handle); MHP_ERR_INVAL (not pinned).
 */
MHP_API int mhp_handle_unpin(struct mhp_posix *p, mhp_handle_t handle);

/**
 * mhp_handle_free() - give memory back
 *
 * Context: any thread; waits if this very handle is just being moved.
 * Return: 0; MHP_ERR_NOENT (no such handle, or freed already); MHP_ERR_BUSY (it
 *   is pinned). Nothing is freed on failure.
 */
MHP_API int mhp_handle_free(struct mhp_posix *p, mhp_handle_t handle);

/**
 * struct mhp_handle_info - what is known of a handle
 */
struct mhp_handle_info {
	uint64_t size_bytes; /* that can be used */
	mhp_pfn_t pfn;	     /* where it is at the moment */
	uint32_t pins;	     /* pins at the moment */
	bool lost;	     /* its memory broke: the content is gone */
};

/**
 * mhp_handle_query() - look at a handle
 *
 * @info: receives the answer; where an unpinned one is may be out of date at
 * once
 *
 * Context: any thread; lock-free.
 * Return: 0; MHP_ERR_NOENT (no such handle).
 */
MHP_MUST_CHECK MHP_API int mhp_handle_query(struct mhp_posix *p,
					    mhp_handle_t handle,
					    struct mhp_handle_info *info);

#ifdef __cplusplus
}
#endif

#endif
