/* SPDX-License-Identifier: MIT */
/*
 * port/model: a machine that is only numbers.
 *
 * Any geometry, up to 52 physical address bits, and a clock that only moves
 * when told. Address space is reserved for the span a machine asks for; content
 * and memmap exist only where they were touched. A fault plan makes the k-th
 * fallible operation fail, once or from then on. One model is one instance of
 * the engine.
 *
 * What it does not do: the memmap window and the linear map are different
 * memory (port/posix has them on the same pages).
 */
#ifndef MHP_MODEL_H
#define MHP_MODEL_H

#include "mhp/mhp.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp_model;

/** Leave map_memmap out: descriptors are reached through the linear map. */
#define MHP_MODEL_NO_WINDOW (1u << 0)
/** Memory that is mapped reads as 0xFF, not as zero, and reads_zero says so. */
#define MHP_MODEL_DIRTY (1u << 1)
/** Memory keeps its content over unmap and map; reads_zero is false. */
#define MHP_MODEL_STALE (1u << 2)
/** Memory that is not mapped cannot be touched: small machines only. */
#define MHP_MODEL_STRICT (1u << 3)
/** now_ns is the host's clock, for benchmarks; else mhp_model_advance(). */
#define MHP_MODEL_REAL_CLOCK (1u << 4)
/** Nobody uses the embedder's bytes of descriptors (mhp_config.no_extra). */
#define MHP_MODEL_NO_EXTRA (1u << 5)
/** Behind boot memory each two blocks have changed places in the linear map: no
 * block follows the one before it. No device range is in two of them. */
#define MHP_MODEL_SCATTERED (1u << 6)

/** How the fault plan fails. */
enum mhp_model_fault {
	MHP_MODEL_FAIL_NEVER = 0,
	MHP_MODEL_FAIL_ONCE,	  /* call k fails, later ones do not */
	MHP_MODEL_FAIL_FROM_THEN, /* call k and all later ones fail */
};

/**
 * struct mhp_model_config - the machine
 */
struct mhp_model_config {
	struct mhp_geometry geometry;
	const struct mhp_boot_range *boot; /* as in mhp_config */
	uint32_t nr_boot;
	const struct mhp_range *reserved;
	uint32_t nr_reserved;
	mhp_pfn_t max_pfn; /* span of the machine, exclusive */
	mhp_pfn_t dma_end_pfn;
	mhp_pfn_t dma32_end_pfn;
	enum mhp_profile profile;
	enum mhp_memmap_mode memmap_on_memory;
	uint32_t max_bad_pages;
	uint32_t flags; /* MHP_MODEL_* */
	/* The fault plan while the instance starts; it ends with the start. */
	enum mhp_model_fault fail_how;
	uint64_t fail_call;
	/* Asked before a memmap in memory that was in use is written: whether
	 * the host has so much; else mapping fails. NULL: it has. */
	bool (*afford)(void *ctx, uint64_t size_bytes);
	void *afford_ctx;
};

/**
 * mhp_model_create() - build a machine and start the engine on it
 *
 * @model: receives it
 * @report: optional, from mhp_init() or why = MHP_WHY_HOST_FAILED
 *
 * Return: 0; MHP_ERR_NOMEM (no address space); what mhp_init() returned.
 */
MHP_MUST_CHECK int mhp_model_create(const struct mhp_model_config *config,
				    struct mhp_model **model,
				    struct mhp_report *report);

/** mhp_model_destroy() - end the instance and give everything back */
void mhp_model_destroy(struct mhp_model *model);

/** mhp_model_mhp() - the instance */
struct mhp *mhp_model_mhp(struct mhp_model *model);

/** mhp_model_advance() - move the model's clock */
void mhp_model_advance(struct mhp_model *model, uint64_t ns);

/**
 * mhp_model_fail() - set the fault plan
 *
 * Counts the fallible operations (map_linear, map_memmap, meta_alloc,
 * first_use) from now on, from 1. A failing meta_alloc returns NULL, the others
 * MHP_ERR_NOMEM.
 *
 * @k: which call fails
 */
void mhp_model_fail(struct mhp_model *model, enum mhp_model_fault how,
		    uint64_t k);

/**
 * mhp_model_at_call() - do something in the middle of the engine's calls
 *
 * @at_call: called at each fallible operation, under the mutex or not; NULL: no
 *   more
 */
void mhp_model_at_call(struct mhp_model *model, void (*at_call)(void *arg),
		       void *arg);

/** mhp_model_faults() - how many calls have failed since mhp_model_fail() */
uint64_t mhp_model_faults(const struct mhp_model *model);

/** mhp_model_calls() - fallible calls counted since mhp_model_fail() */
uint64_t mhp_model_calls(const struct mhp_model *model);

/**
 * mhp_model_meta_bytes() - bytes of meta_alloc() that are not given back, and
 * in @nr_mapped the blocks of the linear map and pages of the window that are
 * mapped: for leak tests
 */
uint64_t mhp_model_meta_bytes(const struct mhp_model *model,
			      uint64_t *nr_mapped);

#ifdef __cplusplus
}
#endif

#endif
