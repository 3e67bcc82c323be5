/* SPDX-License-Identifier: MIT */
/*
 * The model's address space: a linear map, a memmap window, and tables of what
 * is mapped.
 *
 *   linear   | block 0 | block 1 | ...      one byte a block: mapped or not
 *   window   | page | page | page | ...     one bit a page: mapped or not
 *
 * Both are reserved once, for the whole span, without memory behind them; to
 * map is to note it, to unmap is to drop the content. A window piece that is
 * backed by memory that was in use before is filled with a pattern, as real
 * memory would hold it.
 *
 * What it does not do: put the window and the linear map on the same memory.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

#define DIRTY_BYTE 0xFF
#define USED_BYTE 0xA5
/* Alignment of the linear map: as good as that of real memory for most. */
#define SPAN_ALIGN_BYTES (UINT64_C(2) << 20)

static bool span_create(struct mhp_model_span *span, uint64_t size_bytes,
			int protection)
{
	uint64_t raw_bytes = size_bytes + SPAN_ALIGN_BYTES;
	uintptr_t start;
	void *raw;

	if (raw_bytes < size_bytes || raw_bytes != (size_t)raw_bytes)
		return false;
	raw = mmap(NULL, (size_t)raw_bytes, protection,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED)
		return false;
	/* Only advice: a core file or a huge page would hold the empty span. */
	(void)madvise(raw, (size_t)raw_bytes, MADV_DONTDUMP);
	(void)madvise(raw, (size_t)raw_bytes, MADV_NOHUGEPAGE);
	start = ((uintptr_t)raw + SPAN_ALIGN_BYTES - 1) &
		~(uintptr_t)(SPAN_ALIGN_BYTES - 1);
	span->raw = raw;
	span->raw_bytes = raw_bytes;
	span->base = (uint8_t *)start;
	span->size_bytes = size_bytes;
	return true;
}

static void span_destroy(struct mhp_model_span *span)
{
	if (span->raw)
		munmap(span->raw, (size_t)span->raw_bytes);
	span->raw = NULL;
}

static uint64_t model_nr_blocks(const struct mhp_model *model)
{
	uint64_t block_pages = mhp_block_pages(&model->geometry);

	return (model->max_pfn + block_pages - 1) / block_pages;
}

static uint64_t model_nr_pages(const struct mhp_model *model)
{
	return model_nr_blocks(model) * mhp_block_pages(&model->geometry);
}

static uint64_t model_window_pages(const struct mhp_model *model)
{
	uint64_t page_bytes = mhp_page_bytes(&model->geometry);
	uint64_t size_bytes = model_nr_pages(model) *
			      model->geometry.descriptor_bytes;

	return (size_bytes + page_bytes - 1) / page_bytes;
}

static uint64_t bits_bytes(uint64_t nr)
{
	return (nr + 63) / 64 * 8;
}

static bool spans_create_strict(struct mhp_model *model)
{
	if (!(model->flags & MHP_MODEL_STRICT))
		return true;
	return span_create(&model->backs, bits_bytes(model_nr_pages(model)),
			   PROT_READ | PROT_WRITE) &&
	       span_create(&model->backing, model_window_pages(model) * 8,
			   PROT_READ | PROT_WRITE);
}

static bool spans_create_window(struct mhp_model *model, int protection)
{
	uint64_t nr_pages = model_window_pages(model);

	if (model->flags & MHP_MODEL_NO_WINDOW)
		return true;
	return span_create(&model->window,
			   nr_pages << model->geometry.page_shift,
			   protection) &&
	       span_create(&model->window_mapped, bits_bytes(nr_pages),
			   PROT_READ | PROT_WRITE);
}

static bool spans_create_linear(struct mhp_model *model, int protection)
{
	const struct mhp_geometry *g = &model->geometry;
	uint64_t nr_blocks = model_nr_blocks(model);

	return span_create(&model->linear, nr_blocks << g->block_shift,
			   protection) &&
	       span_create(&model->block_mapped, nr_blocks,
			   PROT_READ | PROT_WRITE) &&
	       span_create(&model->used,
			   bits_bytes(nr_blocks * mhp_block_pageblocks(g)),
			   PROT_READ | PROT_WRITE);
}

int mhp_model_spans_create(struct mhp_model *model)
{
	int protection = model->flags & MHP_MODEL_STRICT
				 ? PROT_NONE
				 : PROT_READ | PROT_WRITE;

	if (spans_create_linear(model, protection) &&
	    spans_create_window(model, protection) &&
	    spans_create_strict(model))
		return 0;
	mhp_model_spans_destroy(model);
	return MHP_ERR_NOMEM;
}

void mhp_model_spans_destroy(struct mhp_model *model)
{
	span_destroy(&model->linear);
	span_destroy(&model->block_mapped);
	span_destroy(&model->used);
	span_destroy(&model->window);
	span_destroy(&model->window_mapped);
	span_destroy(&model->backing);
	span_destroy(&model->backs);
}

/* The part of [first, end) that is in word @word of a bitmap. */
static uint64_t bits_mask(uint64_t word, uint64_t first, uint64_t end)
{
	uint64_t mask = UINT64_MAX;

	if (first > word * 64)
		mask &= UINT64_MAX << (first - word * 64);
	if (end < word * 64 + 64)
		mask &= UINT64_MAX >> (word * 64 + 64 - end);
	return mask;
}

/* How many of @nr bits from @first on are set. */
static uint64_t bits_count(const struct mhp_model_span *span, uint64_t first,
			   uint64_t nr)
{
	const uint64_t *words = (const void *)span->base;
	uint64_t end = first + nr, sum = 0, i;

	for (i = first / 64; nr && i <= (end - 1) / 64; i++)
		sum += (uint64_t)__builtin_popcountll(
			__atomic_load_n(&words[i], __ATOMIC_RELAXED) &
			bits_mask(i, first, end));
	return sum;
}

/* Bits of one word may belong to blocks that others use meanwhile. */
static void bits_fill(struct mhp_model_span *span, uint64_t first, uint64_t nr,
		      bool value)
{
	uint64_t *words = (void *)span->base;
	uint64_t end = first + nr, i;

	for (i = first / 64; nr && i <= (end - 1) / 64; i++) {
		uint64_t mask = bits_mask(i, first, end);

		if (value)
			__atomic_fetch_or(&words[i], mask, __ATOMIC_RELAXED);
		else
			__atomic_fetch_and(&words[i], ~mask, __ATOMIC_RELAXED);
	}
}

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

static uint64_t model_block(struct mhp_model *model, struct mhp_range range,
			    const char *what)
{
	const struct mhp_geometry *g = &model->geometry;

	if (range.nr_pages != mhp_block_pages(g) ||
	    range.start_pfn % range.nr_pages ||
	    mhp_block_id(g, range.start_pfn) >= model_nr_blocks(model))
		mhp_model_die("%s: pfn %#llx + %#llx is not a block", what,
			      (unsigned long long)range.start_pfn,
			      (unsigned long long)range.nr_pages);
	return mhp_block_id(g, range.start_pfn);
}

static uint8_t *model_linear(const struct mhp_model *model, mhp_pfn_t pfn)
{
	return model->linear.base + (pfn << model->geometry.page_shift);
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

int mhp_model_map_linear(void *ctx, struct mhp_range range, void **va)
{
	struct mhp_model *model = ctx;
	uint64_t block = model_block(model, range, "map_linear");
	uint64_t size_bytes = mhp_block_bytes(&model->geometry);
	uint8_t *at = model_linear(model, range.start_pfn);

	if (model->block_mapped.base[block])
		mhp_model_die("map_linear: block %llu is mapped already",
			      (unsigned long long)block);
	if (mhp_model_fails(model))
		return MHP_ERR_NOMEM;
	model->block_mapped.base[block] = 1;
	model->nr_mapped++;
	model_protect(model, at, size_bytes, true);
	if (model->flags & MHP_MODEL_DIRTY)
		memset(at, DIRTY_BYTE, (size_t)size_bytes);
	model_protect_holes(model, range);
	*va = at;
	return 0;
}

void mhp_model_unmap_linear(void *ctx, struct mhp_range range)
{
	struct mhp_model *model = ctx;
	uint64_t block = model_block(model, range, "unmap_linear");
	uint64_t nr = mhp_block_pageblocks(&model->geometry);
	uint64_t size_bytes = mhp_block_bytes(&model->geometry);
	uint8_t *at = model_linear(model, range.start_pfn);

	if (!model->block_mapped.base[block])
		mhp_model_die("unmap_linear: block %llu is not mapped",
			      (unsigned long long)block);
	if (model->backs.base &&
	    bits_count(&model->backs, range.start_pfn, range.nr_pages))
		mhp_model_die("unmap_linear: block %llu still backs a memmap",
			      (unsigned long long)block);
	model->block_mapped.base[block] = 0;
	model->nr_mapped--;
	bits_fill(&model->used, block * nr, nr, false);
	model_protect(model, at, size_bytes, true);
	if (!(model->flags & MHP_MODEL_STALE))
		model_clear(model, at, size_bytes);
	model_protect(model, at, size_bytes, false);
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

/* A piece describes pages of one block and stands in memory that is there. */
static void model_check_piece(struct mhp_model *model, uint64_t offset_bytes,
			      uint64_t size_bytes, mhp_pfn_t backing_pfn)
{
	const struct mhp_geometry *g = &model->geometry;
	uint64_t nr = size_bytes >> g->page_shift;
	uint64_t block_bytes = mhp_block_pages(g) * g->descriptor_bytes;
	uint64_t id;

	if (offset_bytes / block_bytes !=
	    (offset_bytes + size_bytes - 1) / block_bytes)
		mhp_model_die("map_memmap: %#llx + %#llx are of two blocks",
			      (unsigned long long)offset_bytes,
			      (unsigned long long)size_bytes);
	if (backing_pfn + nr > model_nr_pages(model))
		mhp_model_die("map_memmap: pfn %#llx is beyond the machine",
			      (unsigned long long)backing_pfn);
	for (id = mhp_block_id(g, backing_pfn);
	     id <= mhp_block_id(g, backing_pfn + nr - 1); id++)
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
	model_check_piece(model, offset_bytes, size_bytes, backing_pfn);
	if (bits_count(&model->window_mapped, page, nr))
		mhp_model_die("map_memmap: %#llx + %#llx is mapped already",
			      (unsigned long long)offset_bytes,
			      (unsigned long long)size_bytes);
	if (mhp_model_fails(model))
		return MHP_ERR_NOMEM;
	model_back(model, page, nr, backing_pfn);
	bits_fill(&model->window_mapped, page, nr, true);
	model->nr_mapped += nr;
	model_protect(model, at, size_bytes, true);
	byte = model_backing_byte(model, backing_pfn, nr);
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
