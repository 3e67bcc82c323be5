/* SPDX-License-Identifier: MIT */
/*
 * The address space that a model reserves: once, for the whole machine, without
 * memory behind it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mman.h>

#include "span.h"

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
			   PROT_READ | PROT_WRITE) &&
	       span_create(&model->to_remap, bits_bytes(nr_pages),
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
	span_destroy(&model->to_remap);
	span_destroy(&model->backing);
	span_destroy(&model->backs);
}
