/* SPDX-License-Identifier: MIT */
/*
 * What the files of port/posix share: the instance, its regions, its faults.
 *
 *   posix.c     open and close, small operations
 *   plug.c      plug and unplug, statistics
 *   region.c    regions: provide, withdraw, look at
 *   source.c    the files that regions are made of
 *   mapping.c   linear map and window
 *   populate.c  first use, scrub
 *   copy.c      copying and zeroing past the caches
 *   handle.c    movable memory: allocate, pin, free
 *   move.c      movable memory: how it moves, who waits
 *
 * Locks: regions_mutex is the last that anybody takes, the engine's mutex may
 * be held. Field notes: [regions] under regions_mutex; [engine] under the
 * engine's mutex; [atomic] by __atomic builtins; [rcu] read inside read-side
 * sections too, freed after mhp_hosted_synchronize(); others constant after
 * open.
 */
#ifndef MHP_POSIX_INTERNAL_H
#define MHP_POSIX_INTERNAL_H

#include <pthread.h>

#include "mhp/posix.h"

#include "handle_table.h"
#include "hosted.h"

/** How a fault plan fails; for tests. */
enum mhp_posix_fault_how {
	MHP_POSIX_FAIL_NEVER = 0,
	MHP_POSIX_FAIL_ONCE,	  /* call k fails, later ones do not */
	MHP_POSIX_FAIL_FROM_THEN, /* call k and all later ones fail */
};

/**
 * struct mhp_posix_fault - a fault plan, owned by a test
 *
 * Counts everything that the port asks of the system and that may fail, from 1.
 * What fails, fails with MHP_ERR_NOMEM, or code if that is not 0.
 */
struct mhp_posix_fault {
	enum mhp_posix_fault_how how;
	int code;
	uint64_t k;
	uint64_t nr_calls;  /* [atomic] */
	uint64_t nr_faults; /* [atomic] */
	/* An extent, or small handles up to that, have been copied; next is a
	 * look at who waits, or was in the way; or NULL. */
	void (*copied)(struct mhp_posix_fault *fault);
};

/* A region; struct mhp_posix_region is what others see of it. */
struct mhp_posix_reg {
	struct mhp_posix_reg *next; /* [regions] by address */
	uint32_t id;
	uint32_t flags; /* of the request */
	enum mhp_posix_source source;
	uint16_t node;
	int fd;			/* the port's own */
	uint64_t offset_bytes;	/* of the region's first byte in the file */
	uint64_t grain_bytes;	/* page size of the file */
	struct mhp_range range; /* constant once it is linked */
	uint64_t device_bytes;	/* device-dax: its capacity, else 0 */
	bool owned;		/* the port made the file */
	bool shmem;		/* a huge page can be collapsed */
	bool busy;		/* [regions] somebody plugs or unplugs it */
	bool dirty;		/* [engine] does not read as zero */
};

/* A memory block's worth of physical address space. */
struct mhp_posix_block {
	struct mhp_posix_reg *reg; /* [rcu] written under [regions] */
	uint32_t nr_huge;	   /* [atomic] pageblocks in use now */
	uint32_t nr_small;	   /* [atomic] pageblocks in use now */
};

/* Reserved address space. */
struct mhp_posix_span {
	uint8_t *base;
	uint64_t size_bytes;
};

struct mhp_posix {
	struct mhp_geometry geometry;
	struct mhp_ops ops;
	uint32_t flags; /* MHP_POSIX_* */
	enum mhp_posix_populate populate;
	void (*log)(void *ctx, int level, const char *line);
	void *log_ctx;
	uint64_t host_page_bytes;
	uint64_t collapse_bytes; /* size of a huge page; 0: does not work */
	uint64_t hotplug_bytes;	 /* where plugged memory begins */
	struct mhp_posix_fault *fault;

	struct mhp *mhp;
	void *buffer; /* the instance's */
	pthread_mutex_t engine_mutex;

	pthread_mutex_t regions_mutex;
	struct mhp_posix_reg *regions;	/* [regions] */
	uint32_t last_id;		/* [regions] */
	struct mhp_posix_block *blocks; /* all of the span */
	uint64_t nr_blocks;

	struct mhp_posix_span linear;
	struct mhp_posix_span window;
	uint64_t window_mapped_bytes; /* [atomic] */
	uint64_t meta_bytes;	      /* [atomic] */

	int failure_code;	  /* [atomic] of the last failure of the port */
	const char *failure_text; /* [atomic] and what would be right */

	uint64_t nr_huge;     /* [atomic] since open */
	uint64_t nr_small;    /* [atomic] since open */
	uint64_t populate_ns; /* [atomic] */

	uint16_t owner; /* of handles */
	struct mhp_handle_table handles;
};

/** mhp_posix_open_with() - mhp_posix_open() under a fault plan, or NULL */
int mhp_posix_open_with(const struct mhp_posix_config *config,
			struct mhp_posix_fault *fault, struct mhp_posix **p,
			struct mhp_report *report);

/** mhp_posix_fails() - count a fallible call: its code if the plan fails it */
int mhp_posix_fails(struct mhp_posix *p);

/** mhp_posix_copied() - tell the fault plan, if there is one */
static inline void mhp_posix_copied(struct mhp_posix *p)
{
	if (p->fault && p->fault->copied)
		p->fault->copied(p->fault);
}

/** mhp_posix_failed() - remember why; returns @code */
int mhp_posix_failed(struct mhp_posix *p, int code, const char *text);

/** mhp_posix_refuse() - write a report, if there is one; returns @code */
int mhp_posix_refuse(struct mhp_report *report, int code, enum mhp_why why,
		     const char *detail);

/** mhp_posix_system() - the error code of errno; @text is remembered */
int mhp_posix_system(struct mhp_posix *p, const char *text);

/* source.c */

/** mhp_posix_source_open() - open or make the file of a region: fd, grain, … */
int mhp_posix_source_open(struct mhp_posix *p,
			  const struct mhp_posix_request *request,
			  struct mhp_posix_reg *reg, struct mhp_report *report);
/** mhp_posix_source_close() - deallocate, unless it shall be kept, and close */
void mhp_posix_source_close(struct mhp_posix_reg *reg, uint64_t size_bytes);
/** mhp_posix_source_punch() - deallocate part of the file; whether it worked */
bool mhp_posix_source_punch(const struct mhp_posix_reg *reg,
			    uint64_t offset_bytes, uint64_t size_bytes);
/** mhp_posix_source_allocated() - bytes that the system gave to the file */
uint64_t mhp_posix_source_allocated(const struct mhp_posix_reg *reg);

/* region.c */

/** mhp_posix_region_boot() - make the region of boot memory, id 0 */
int mhp_posix_region_boot(struct mhp_posix *p, uint64_t size_bytes,
			  struct mhp_report *report);
/** mhp_posix_region_free_all() - at close; nothing is mapped any more */
void mhp_posix_region_free_all(struct mhp_posix *p);
/** mhp_posix_block_of() - the entry of the block that holds a page of ours */
static inline struct mhp_posix_block *mhp_posix_block_of(struct mhp_posix *p,
							 mhp_pfn_t pfn)
{
	return &p->blocks[mhp_block_id(&p->geometry, pfn)];
}

/** mhp_posix_region_of() - the region of a page, or NULL [engine] or [rcu] */
struct mhp_posix_reg *mhp_posix_region_of(struct mhp_posix *p, mhp_pfn_t pfn);
/** mhp_posix_region_at() - region and place in its file of a range, or NULL */
struct mhp_posix_reg *mhp_posix_region_at(struct mhp_posix *p,
					  struct mhp_range range,
					  uint64_t *offset_bytes);
/** mhp_posix_region_take() - make it busy: 0, MHP_ERR_NOENT or MHP_ERR_BUSY */
int mhp_posix_region_take(struct mhp_posix *p, uint32_t region_id,
			  struct mhp_range *range, struct mhp_report *report);
/** mhp_posix_region_release() - not busy any more */
void mhp_posix_region_release(struct mhp_posix *p, uint32_t region_id);
/** mhp_posix_region_provide() - mhp_posix_provide() of a region that is busy */
int mhp_posix_region_provide(struct mhp_posix *p,
			     const struct mhp_posix_request *request,
			     uint32_t *region_id, struct mhp_report *report);
/** mhp_posix_region_withdraw() - withdraw a region that the caller has taken */
int mhp_posix_region_withdraw(struct mhp_posix *p, uint32_t region_id,
			      struct mhp_report *report);

/* mapping.c: spans, and operations as in mhp/ops.h */

int mhp_posix_spans_reserve(struct mhp_posix *p, uint64_t linear_bytes,
			    uint64_t window_bytes);
void mhp_posix_spans_release(struct mhp_posix *p);
int mhp_posix_map_linear(void *ctx, struct mhp_range range, void **va);
void mhp_posix_unmap_linear(void *ctx, struct mhp_range range);
int mhp_posix_map_memmap(void *ctx, uint64_t offset_bytes, uint64_t size_bytes,
			 mhp_pfn_t backing_pfn);
int mhp_posix_remap_prepare(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes);
void mhp_posix_remap_memmap(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes, mhp_pfn_t backing_pfn);
void mhp_posix_unmap_memmap(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes);

/** mhp_posix_address() - of a page in the linear map */
static inline void *mhp_posix_address(const struct mhp_posix *p, mhp_pfn_t pfn)
{
	return p->linear.base + mhp_pa_from_pfn(&p->geometry, pfn).bytes;
}

/** mhp_posix_nr_mappings() - that the system counts, in the reservations */
uint64_t mhp_posix_nr_mappings(const struct mhp_posix *p);

/* populate.c */

/** mhp_posix_probe_collapse() - size of a huge page, 0 if it does not work */
uint64_t mhp_posix_probe_collapse(const struct mhp_posix *p);
int mhp_posix_first_use(void *ctx, struct mhp_range pageblock);
void mhp_posix_scrub(void *ctx, struct mhp_range range);

/* copy.c */

/** mhp_posix_copy() - copy whole cache lines, aligned, past the caches; others
 * see it after mhp_posix_fence(). @next: where the next copy reads, or NULL */
void mhp_posix_copy(void *to, const void *from, size_t size_bytes,
		    const void *next);
/** mhp_posix_fetch() - ask for one of @nr_parts parts of what a copy from there
 * reads first; does not wait */
void mhp_posix_fetch(const void *from, unsigned int part,
		     unsigned int nr_parts);
/** mhp_posix_fence() - what this thread has copied comes before what it does
 * next */
void mhp_posix_fence(void);
/** mhp_posix_zero() - zero whole cache lines, aligned, past the caches */
void mhp_posix_zero(void *to, size_t size_bytes);

/* handle.c and move.c */

int mhp_posix_handles_open(struct mhp_posix *p);
void mhp_posix_handles_close(struct mhp_posix *p);
void mhp_posix_handles_stat(struct mhp_posix *p, struct mhp_posix_stat *stat);

#endif
