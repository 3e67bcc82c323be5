/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the model share: the machine and its address space.
 *
 *   model.c    life, fault plan, clock, mutex, small objects
 *   span.c     the address space for what follows
 *   mapping.c  linear map and memmap window
 *
 * A test port is strict: what an engine must never do (map twice, unmap what is
 * not mapped, give back another size) ends the process with a message.
 */
#ifndef MHP_MODEL_INTERNAL_H
#define MHP_MODEL_INTERNAL_H

#include <pthread.h>
#include <stdlib.h>

#include "model.h"

/** Reserved address space; backed only where it is touched. */
struct mhp_model_span {
	uint8_t *raw;	    /* what mmap() gave */
	uint64_t raw_bytes; /* its size */
	uint8_t *base;	    /* aligned start */
	uint64_t size_bytes;
};

/* An object of meta_alloc(): stands in the 64 bytes before it. */
struct mhp_model_object {
	uint64_t magic;
	uint64_t size_bytes;
};

/* A device range that is mapped. */
struct mhp_model_range {
	struct mhp_range range;
	struct mhp_model_range *next;
};

struct mhp_model {
	struct mhp_geometry geometry;
	uint32_t flags; /* MHP_MODEL_* */
	mhp_pfn_t max_pfn;
	uint64_t host_page_bytes;
	struct mhp_boot_range *boot; /* a copy, for the holes */
	uint32_t nr_boot;

	struct mhp *mhp;
	void *buffer; /* the instance's */
	pthread_mutex_t mutex;
	uint64_t clock_ns; /* [atomic] */

	struct mhp_model_span linear;
	struct mhp_model_span window;
	/* Tables, zero where untouched. */
	struct mhp_model_span block_mapped;  /* a byte for each block */
	struct mhp_model_span window_mapped; /* a bit for each window page */
	struct mhp_model_span used;	     /* a bit for each pageblock */
	struct mhp_model_span backing;	     /* strict: backing pfn + 1 of each
					  window page */
	struct mhp_model_span backs;	     /* strict: a bit for each page */
	struct mhp_model_range *devices;     /* [mutex] device ranges */
	struct mhp_model_span to_remap;	     /* a bit for each window page */
	uint64_t nr_to_remap;		     /* [mutex] of these: set */
	uint64_t protected_at; /* [mutex] a piece that is read-only */
	uint64_t protected_bytes;
	uint64_t nr_mapped; /* [mutex] blocks, device ranges, window pages */

	uint64_t meta_bytes; /* [mutex] given and not back */
	uint64_t nr_calls;   /* [atomic] fallible ones */
	uint64_t nr_faults;  /* [atomic] of these: failed */
	uint64_t fail_call;  /* which fails */
	enum mhp_model_fault fail_how;
	void (*at_call)(void *arg); /* or NULL */
	void *at_call_arg;
	bool (*afford)(void *ctx, uint64_t size_bytes);
	void *afford_ctx;
};

/** mhp_model_die() - the engine broke the contract: say how, and abort */
__attribute__((noreturn, format(printf, 1, 2))) void
mhp_model_die(const char *format, ...);

/** mhp_model_fails() - count a fallible call; whether the plan fails it */
bool mhp_model_fails(struct mhp_model *model);

/** mhp_model_spans_create() - reserve everything: 0 or MHP_ERR_NOMEM */
int mhp_model_spans_create(struct mhp_model *model);
void mhp_model_spans_destroy(struct mhp_model *model);

/* Operations of mapping.c, as in mhp/ops.h. */
int mhp_model_map_linear(void *ctx, struct mhp_range range, void **va);
void mhp_model_unmap_linear(void *ctx, struct mhp_range range);
int mhp_model_map_memmap(void *ctx, uint64_t offset_bytes, uint64_t size_bytes,
			 mhp_pfn_t backing_pfn);
void mhp_model_unmap_memmap(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes);
int mhp_model_remap_prepare(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes);
void mhp_model_remap_cancel(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes);
void mhp_model_protect_memmap(void *ctx, uint64_t offset_bytes,
			      uint64_t size_bytes);
void mhp_model_remap_memmap(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes, mhp_pfn_t backing_pfn);
int mhp_model_first_use(void *ctx, struct mhp_range pageblock);
void mhp_model_scrub(void *ctx, struct mhp_range range);

#endif
