/* SPDX-License-Identifier: MIT */
/*
 * The model's address space: a linear map, a memmap window, and tables of what
 * is mapped.
 *
 *   linear   | block 0 | block 1 | ...      one byte a block: mapped or not,
 *                                           and a list of device ranges
 *   window   | page | page | page | ...     one bit a page: mapped or not
 *
 * Both are reserved without memory behind them (span.c); to map is to note it,
 * to unmap is to drop the content. A window piece that is backed by memory that
 * was in use before is filled with a pattern, as real memory would hold it.
 *
 * A piece whose memmap moves is made read-only while its descriptors are
 * copied: a writer faults, and whoever wants writers to wait catches that. Then
 * a copy of what the engine put at the new place comes to stand there, at once.
 *
 * What it does not do: put the window and the linear map on the same memory.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <string.h>
#include <sys/mman.h>

#include "span.h"

#define DIRTY_BYTE 0xFF
#define USED_BYTE 0xA5

static void model_protect(struct mhp_model *model, uint8_t *at,
			  uint64_t size_bytes, bool usable)
{
	if (!(model->flags & MHP_MODEL_STRICT) || !size_bytes)
		return;
	if (mprotect(at, (size_t)size_bytes,
		     usable ? PROT_READ | PROT_WRITE : PROT_NONE))
		mhp_model_die("the host cannot protect %llu bytes",
			      (unsigned long long)size_bytes);
}

/* Memory reads as zero afterwards and takes no room: pages of the host are
 * dropped, the rest of the range is overwritten. */
static void model_clear(struct mhp_model *model, uint8_t *at,
			uint64_t size_bytes)
{
	uintptr_t mask = (uintptr_t)model->host_page_bytes - 1;
	uint8_t *end = at + size_bytes;
	uint8_t *inner = (uint8_t *)(((uintptr_t)at + mask) & ~mask);
	uint8_t *inner_end = (uint8_t *)((uintptr_t)end & ~mask);

	if (inner >= inner_end) {
		memset(at, 0, (size_t)size_bytes);
		return;
	}
	memset(at, 0, (size_t)(inner - at));
	memset(inner_end, 0, (size_t)(end - inner_end));
	if (madvise(inner, (size_t)(inner_end - inner), MADV_DONTNEED))
		mhp_model_die("the host cannot drop memory");
}

static bool model_is_block(const struct mhp_model *model,
			   struct mhp_range range)
{
	uint64_t block_pages = mhp_block_pages(&model->geometry);

	return range.nr_pages == block_pages &&
	       !(range.start_pfn % block_pages);
}

/* The number of a block, of those that there are. */
static uint64_t model_block(struct mhp_model *model, struct mhp_range range,
			    const char *what)
{
	const struct mhp_geometry *g = &model->geometry;

	if (!model_is_block(model, range) ||
	    mhp_block_id(g, range.start_pfn) >= model_nr_blocks(model))
		mhp_model_die("%s: pfn %#llx + %#llx is not a block", what,
			      (unsigned long long)range.start_pfn,
			      (unsigned long long)range.nr_pages);
	return mhp_block_id(g, range.start_pfn);
}

static bool ranges_meet(struct mhp_range a, struct mhp_range b)
{
	return a.start_pfn < mhp_range_end_pfn(b) &&
	       b.start_pfn < mhp_range_end_pfn(a);
}

/* Whether all of a range is in a device range that is mapped. */
static bool model_in_device(const struct mhp_model *model,
			    struct mhp_range range)
{
	const struct mhp_model_range *d;

	for (d = model->devices; d; d = d->next)
		if (range.start_pfn >= d->range.start_pfn &&
		    mhp_range_end_pfn(range) <= mhp_range_end_pfn(d->range))
			return true;
	return false;
}

/* Where a page is in the linear map, counted in pages. */
static uint64_t model_place(const struct mhp_model *model, mhp_pfn_t pfn)
{
	uint64_t pair = 2 * mhp_block_pages(&model->geometry);
	mhp_pfn_t start = pfn - pfn % pair;
	uint32_t i;

	if (!(model->flags & MHP_MODEL_SCATTERED) ||
	    start + pair > model_nr_pages(model))
		return pfn;
	for (i = 0; i < model->nr_boot; i++)
		if (ranges_meet(model->boot[i].range,
				mhp_range_make(start, pair)))
			return pfn;
	return start + (pfn - start + pair / 2) % pair;
}

static uint8_t *model_linear(const struct mhp_model *model, mhp_pfn_t pfn)
{
	return model->linear.base +
	       (model_place(model, pfn) << model->geometry.page_shift);
}

/* Strict: what no boot range covers of a boot block is a hole, and not
 * memory. */
static void model_protect_holes(struct mhp_model *model, struct mhp_range range)
{
	mhp_pfn_t at = range.start_pfn, end = mhp_range_end_pfn(range);
	bool boot = false;
	uint32_t i;

	for (i = 0; i < model->nr_boot; i++) {
		struct mhp_range memory = model->boot[i].range;

		if (mhp_range_end_pfn(memory) <= range.start_pfn ||
		    memory.start_pfn >= end)
			continue;
		boot = true;
		if (memory.start_pfn > at)
			model_protect(model, model_linear(model, at),
				      (memory.start_pfn - at)
					      << model->geometry.page_shift,
				      false);
		at = mhp_range_end_pfn(memory);
	}
	if (boot && at < end)
		model_protect(model, model_linear(model, at),
			      (end - at) << model->geometry.page_shift, false);
}

/* What is mapped for the first time, or again, can be touched and is fresh. */
static void model_appear(struct mhp_model *model, struct mhp_range range)
{
	uint64_t size_bytes = range.nr_pages << model->geometry.page_shift;
	uint8_t *at = model_linear(model, range.start_pfn);

	model_protect(model, at, size_bytes, true);
	if (!(model->flags & MHP_MODEL_DIRTY))
		return;
	/* All of it takes room now, so large pages of the host do no harm, and
	 * save most of the time that this takes. */
	(void)madvise(at, (size_t)size_bytes, MADV_HUGEPAGE);
	memset(at, DIRTY_BYTE, (size_t)size_bytes);
}

static void model_vanish(struct mhp_model *model, struct mhp_range range)
{
	uint64_t size_bytes = range.nr_pages << model->geometry.page_shift;
	uint8_t *at = model_linear(model, range.start_pfn);

	if (model->backs.base &&
	    bits_count(&model->backs, range.start_pfn, range.nr_pages))
		mhp_model_die("unmap_linear: pfn %#llx + %#llx still backs a "
			      "memmap",
			      (unsigned long long)range.start_pfn,
			      (unsigned long long)range.nr_pages);
	model_protect(model, at, size_bytes, true);
	if (!(model->flags & MHP_MODEL_STALE))
		model_clear(model, at, size_bytes);
	model_protect(model, at, size_bytes, false);
}

/* A device range is whole sub-sections where no memory is: other device ranges,
 * blocks that were added, boot memory itself. */
static void model_check_device(struct mhp_model *model, struct mhp_range range)
{
	const struct mhp_geometry *g = &model->geometry;
	const struct mhp_model_range *d;
	mhp_pfn_t mask = mhp_subsection_pages(g) - 1;
	uint32_t i;

	if (!range.nr_pages || (range.start_pfn | range.nr_pages) & mask ||
	    mhp_range_end_pfn(range) > model_nr_pages(model))
		mhp_model_die("map_linear: pfn %#llx + %#llx is neither a "
			      "block nor a device range",
			      (unsigned long long)range.start_pfn,
			      (unsigned long long)range.nr_pages);
	for (d = model->devices; d; d = d->next)
		if (ranges_meet(d->range, range))
			mhp_model_die("map_linear: a device range is mapped at "
				      "pfn %#llx already",
				      (unsigned long long)range.start_pfn);
	for (i = 0; i < model->nr_boot; i++)
		if (ranges_meet(model->boot[i].range, range))
			mhp_model_die("map_linear: pfn %#llx + %#llx has boot "
				      "memory",
				      (unsigned long long)range.start_pfn,
				      (unsigned long long)range.nr_pages);
}

static int model_map_device(struct mhp_model *model, struct mhp_range range,
			    void **va)
{
	struct mhp_model_range *d;

	model_check_device(model, range);
	if (mhp_model_fails(model))
		return MHP_ERR_NOMEM;
	d = malloc(sizeof(*d));
	if (!d)
		return MHP_ERR_NOMEM;
	*d = (struct mhp_model_range){.range = range, .next = model->devices};
	model->devices = d;
	model->nr_mapped++;
	model_appear(model, range);
	*va = model_linear(model, range.start_pfn);
	return 0;
}

int mhp_model_map_linear(void *ctx, struct mhp_range range, void **va)
{
	struct mhp_model *model = ctx;
	uint64_t block;

	if (!model_is_block(model, range))
		return model_map_device(model, range, va);
	block = model_block(model, range, "map_linear");
	if (model->block_mapped.base[block])
		mhp_model_die("map_linear: block %llu is mapped already",
			      (unsigned long long)block);
	if (mhp_model_fails(model))
		return MHP_ERR_NOMEM;
	model->block_mapped.base[block] = 1;
	model->nr_mapped++;
	model_appear(model, range);
	model_protect_holes(model, range);
	*va = model_linear(model, range.start_pfn);
	return 0;
}

static void model_unmap_device(struct mhp_model *model, struct mhp_range range)
{
	struct mhp_model_range **link = &model->devices, *d;

	while (*link && ((*link)->range.start_pfn != range.start_pfn ||
			 (*link)->range.nr_pages != range.nr_pages))
		link = &(*link)->next;
	d = *link;
	if (!d)
		mhp_model_die("unmap_linear: pfn %#llx + %#llx is not mapped",
			      (unsigned long long)range.start_pfn,
			      (unsigned long long)range.nr_pages);
	*link = d->next;
	free(d);
	model->nr_mapped--;
	model_vanish(model, range);
}

void mhp_model_unmap_linear(void *ctx, struct mhp_range range)
{
	struct mhp_model *model = ctx;
	uint64_t nr = mhp_block_pageblocks(&model->geometry);
	uint64_t block;

	if (!model_is_block(model, range)) {
		model_unmap_device(model, range);
		return;
	}
	block = model_block(model, range, "unmap_linear");
	if (!model->block_mapped.base[block])
		mhp_model_die("unmap_linear: block %llu is not mapped",
			      (unsigned long long)block);
	model->block_mapped.base[block] = 0;
	model->nr_mapped--;
	bits_fill(&model->used, block * nr, nr, false);
	model_vanish(model, range);
}

void mhp_model_scrub(void *ctx, struct mhp_range range)
{
	struct mhp_model *model = ctx;
	uint64_t block = model_block(model, range, "scrub");

	if (!model->block_mapped.base[block])
		mhp_model_die("scrub: block %llu is not mapped",
			      (unsigned long long)block);
	model_clear(model, model_linear(model, range.start_pfn),
		    mhp_block_bytes(&model->geometry));
}

/* First page of a piece of the window, which must be whole pages. */
static uint64_t model_window_page(struct mhp_model *model,
				  uint64_t offset_bytes, uint64_t size_bytes,
				  const char *what)
{
	uint64_t mask = mhp_page_bytes(&model->geometry) - 1;

	if (!size_bytes || (offset_bytes & mask) || (size_bytes & mask) ||
	    offset_bytes + size_bytes > model->window.size_bytes)
		mhp_model_die("%s: %#llx + %#llx are not pages of the window",
			      what, (unsigned long long)offset_bytes,
			      (unsigned long long)size_bytes);
	return offset_bytes >> model->geometry.page_shift;
}

/* A piece describes pages of one block, or of one device range. */
static void model_check_described(struct mhp_model *model,
				  uint64_t offset_bytes, uint64_t size_bytes)
{
	const struct mhp_geometry *g = &model->geometry;
	uint64_t block_bytes = mhp_block_pages(g) * g->descriptor_bytes;
	mhp_pfn_t first = offset_bytes / g->descriptor_bytes;
	mhp_pfn_t end = (offset_bytes + size_bytes) / g->descriptor_bytes;

	if (offset_bytes / block_bytes ==
		    (offset_bytes + size_bytes - 1) / block_bytes ||
	    model_in_device(model, mhp_range_make(first, end - first)))
		return;
	mhp_model_die("map_memmap: %#llx + %#llx are of two blocks",
		      (unsigned long long)offset_bytes,
		      (unsigned long long)size_bytes);
}

/* It stands in memory that is there. */
static void model_check_backing(struct mhp_model *model,
				struct mhp_range backing)
{
	const struct mhp_geometry *g = &model->geometry;
	mhp_pfn_t end = mhp_range_end_pfn(backing);
	uint64_t id;

	if (end > model_nr_pages(model))
		mhp_model_die("map_memmap: pfn %#llx is beyond the machine",
			      (unsigned long long)backing.start_pfn);
	if (model_in_device(model, backing))
		return;
	for (id = mhp_block_id(g, backing.start_pfn);
	     id <= mhp_block_id(g, end - 1); id++)
		if (!model->block_mapped.base[id])
			mhp_model_die("map_memmap: backing block %llu is not "
				      "mapped",
				      (unsigned long long)id);
}

/* Strict: a page of memory backs one page of the window at most. */
static void model_back(struct mhp_model *model, uint64_t page, uint64_t nr,
		       mhp_pfn_t backing_pfn)
{
	uint64_t *backing = (void *)model->backing.base;
	uint64_t i;

	if (!backing)
		return;
	if (bits_count(&model->backs, backing_pfn, nr))
		mhp_model_die("map_memmap: pfn %#llx + %llu backs another "
			      "memmap",
			      (unsigned long long)backing_pfn,
			      (unsigned long long)nr);
	bits_fill(&model->backs, backing_pfn, nr, true);
	for (i = 0; i < nr; i++)
		backing[page + i] = backing_pfn + i;
}

static void model_unback(struct mhp_model *model, uint64_t page, uint64_t nr)
{
	const uint64_t *backing = (const void *)model->backing.base;
	uint64_t i;

	for (i = 0; backing && i < nr; i++)
		bits_fill(&model->backs, backing[page + i], 1, false);
}

/* What the backing memory would hold; benchmarks do not pay for it. */
static int model_backing_byte(struct mhp_model *model, mhp_pfn_t backing_pfn,
			      uint64_t nr)
{
	unsigned int order = mhp_pageblock_order(&model->geometry);
	uint64_t first = backing_pfn >> order;
	uint64_t last = (backing_pfn + nr - 1) >> order;

	if (model->flags & MHP_MODEL_DIRTY)
		return DIRTY_BYTE;
	if (!(model->flags & MHP_MODEL_REAL_CLOCK) &&
	    bits_count(&model->used, first, last - first + 1))
		return USED_BYTE;
	return 0;
}

int mhp_model_map_memmap(void *ctx, uint64_t offset_bytes, uint64_t size_bytes,
			 mhp_pfn_t backing_pfn)
{
	struct mhp_model *model = ctx;
	uint64_t nr = size_bytes >> model->geometry.page_shift;
	uint8_t *at = model->window.base + offset_bytes;
	uint64_t page;
	int byte;

	page = model_window_page(model, offset_bytes, size_bytes, "map_memmap");
	model_check_described(model, offset_bytes, size_bytes);
	model_check_backing(model, mhp_range_make(backing_pfn, nr));
	if (bits_count(&model->window_mapped, page, nr))
		mhp_model_die("map_memmap: %#llx + %#llx is mapped already",
			      (unsigned long long)offset_bytes,
			      (unsigned long long)size_bytes);
	byte = model_backing_byte(model, backing_pfn, nr);
	if (mhp_model_fails(model) ||
	    (byte && model->afford &&
	     !model->afford(model->afford_ctx, size_bytes)))
		return MHP_ERR_NOMEM;
	model_back(model, page, nr, backing_pfn);
	bits_fill(&model->window_mapped, page, nr, true);
	model->nr_mapped += nr;
	model_protect(model, at, size_bytes, true);
	if (byte)
		memset(at, byte, (size_t)size_bytes);
	return 0;
}

void mhp_model_unmap_memmap(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes)
{
	struct mhp_model *model = ctx;
	uint64_t nr = size_bytes >> model->geometry.page_shift;
	uint8_t *at = model->window.base + offset_bytes;
	uint64_t page;

	page = model_window_page(model, offset_bytes, size_bytes,
				 "unmap_memmap");
	if (bits_count(&model->window_mapped, page, nr) != nr)
		mhp_model_die("unmap_memmap: %#llx + %#llx is not mapped",
			      (unsigned long long)offset_bytes,
			      (unsigned long long)size_bytes);
	model_unback(model, page, nr);
	bits_fill(&model->window_mapped, page, nr, false);
	model->nr_mapped -= nr;
	if (!(model->flags & MHP_MODEL_STALE))
		model_clear(model, at, size_bytes);
	model_protect(model, at, size_bytes, false);
}

/* ---- moving ---- */

int mhp_model_remap_prepare(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes)
{
	struct mhp_model *model = ctx;
	uint64_t nr = size_bytes >> model->geometry.page_shift;
	uint64_t page;

	page = model_window_page(model, offset_bytes, size_bytes,
				 "remap_prepare");
	if (bits_count(&model->window_mapped, page, nr) != nr)
		mhp_model_die("remap_prepare: %#llx + %#llx is not mapped",
			      (unsigned long long)offset_bytes,
			      (unsigned long long)size_bytes);
	if (bits_count(&model->to_remap, page, nr))
		mhp_model_die("remap_prepare: %#llx + %#llx is prepared "
			      "already",
			      (unsigned long long)offset_bytes,
			      (unsigned long long)size_bytes);
	if (mhp_model_fails(model))
		return MHP_ERR_NOMEM;
	bits_fill(&model->to_remap, page, nr, true);
	model->nr_to_remap += nr;
	return 0;
}

/* A part of what is to be remapped. */
static uint64_t model_remap_page(struct mhp_model *model, uint64_t offset_bytes,
				 uint64_t size_bytes, const char *what)
{
	uint64_t page = model_window_page(model, offset_bytes, size_bytes,
					  what);
	uint64_t nr = size_bytes >> model->geometry.page_shift;

	if (bits_count(&model->to_remap, page, nr) != nr)
		mhp_model_die("%s: %#llx + %#llx was not prepared", what,
			      (unsigned long long)offset_bytes,
			      (unsigned long long)size_bytes);
	return page;
}

static void model_remapped(struct mhp_model *model, uint64_t page, uint64_t nr)
{
	bits_fill(&model->to_remap, page, nr, false);
	model->nr_to_remap -= nr;
}

void mhp_model_remap_cancel(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes)
{
	struct mhp_model *model = ctx;

	model_remapped(model,
		       model_remap_page(model, offset_bytes, size_bytes,
					"remap_cancel"),
		       size_bytes >> model->geometry.page_shift);
}

/* Whether the host can protect and replace such a piece by itself. */
static bool model_is_host_pages(const struct mhp_model *model,
				uint64_t offset_bytes, uint64_t size_bytes)
{
	return !((offset_bytes | size_bytes) & (model->host_page_bytes - 1));
}

void mhp_model_protect_memmap(void *ctx, uint64_t offset_bytes,
			      uint64_t size_bytes)
{
	struct mhp_model *model = ctx;

	(void)model_remap_page(model, offset_bytes, size_bytes,
			       "protect_memmap");
	if (model->protected_bytes)
		mhp_model_die("protect_memmap: another piece is protected");
	model->protected_at = offset_bytes;
	model->protected_bytes = size_bytes;
	if (model_is_host_pages(model, offset_bytes, size_bytes) &&
	    mprotect(model->window.base + offset_bytes, (size_t)size_bytes,
		     PROT_READ))
		mhp_model_die("the host cannot protect memory");
}

/* Put a copy of @from at @at, as one step where the host can. */
static void model_replace(struct mhp_model *model, uint64_t offset_bytes,
			  uint64_t size_bytes, const uint8_t *from)
{
	uint8_t *at = model->window.base + offset_bytes;
	void *copy;

	if (!model_is_host_pages(model, offset_bytes, size_bytes)) {
		memcpy(at, from, (size_t)size_bytes);
		return;
	}
	copy = mmap(NULL, (size_t)size_bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (copy == MAP_FAILED)
		mhp_model_die("the host has no memory for a copy");
	memcpy(copy, from, (size_t)size_bytes);
	if (mremap(copy, (size_t)size_bytes, (size_t)size_bytes,
		   MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED)
		mhp_model_die("the host cannot replace memory");
}

void mhp_model_remap_memmap(void *ctx, uint64_t offset_bytes,
			    uint64_t size_bytes, mhp_pfn_t backing_pfn)
{
	struct mhp_model *model = ctx;
	uint64_t nr = size_bytes >> model->geometry.page_shift;
	uint64_t page;

	page = model_remap_page(model, offset_bytes, size_bytes,
				"remap_memmap");
	model_check_backing(model, mhp_range_make(backing_pfn, nr));
	if (model->protected_bytes && (model->protected_at != offset_bytes ||
				       model->protected_bytes != size_bytes))
		mhp_model_die("remap_memmap: not what is protected");
	model->protected_bytes = 0;
	model_remapped(model, page, nr);
	model_unback(model, page, nr);
	model_back(model, page, nr, backing_pfn);
	model_replace(model, offset_bytes, size_bytes,
		      model_linear(model, backing_pfn));
}

int mhp_model_first_use(void *ctx, struct mhp_range pageblock)
{
	struct mhp_model *model = ctx;
	const struct mhp_geometry *g = &model->geometry;
	unsigned int order = mhp_pageblock_order(g);
	uint64_t id = mhp_block_id(g, pageblock.start_pfn);
	uint64_t *words = (void *)model->used.base;
	uint64_t bit = pageblock.start_pfn >> order;

	if (pageblock.nr_pages != mhp_pageblock_pages(g) ||
	    pageblock.start_pfn % pageblock.nr_pages ||
	    id >= model_nr_blocks(model) || !model->block_mapped.base[id])
		mhp_model_die("first_use: pfn %#llx + %#llx is no pageblock",
			      (unsigned long long)pageblock.start_pfn,
			      (unsigned long long)pageblock.nr_pages);
	if (mhp_model_fails(model))
		return MHP_ERR_NOMEM;
	/* Called without the mutex, so others set their bits meanwhile. */
	__atomic_fetch_or(&words[bit / 64], UINT64_C(1) << bit % 64,
			  __ATOMIC_RELAXED);
	return 0;
}
