/* SPDX-License-Identifier: MIT */
/* How large the model's spans are, and tables of bits that stand in such. */
#ifndef MHP_MODEL_SPAN_H
#define MHP_MODEL_SPAN_H

#include "internal.h"

static inline uint64_t model_nr_blocks(const struct mhp_model *model)
{
	uint64_t block_pages = mhp_block_pages(&model->geometry);

	return (model->max_pfn + block_pages - 1) / block_pages;
}

static inline uint64_t model_nr_pages(const struct mhp_model *model)
{
	return model_nr_blocks(model) * mhp_block_pages(&model->geometry);
}

/* The part of [first, end) that is in word @word of a bitmap. */
static inline uint64_t bits_mask(uint64_t word, uint64_t first, uint64_t end)
{
	uint64_t mask = UINT64_MAX;

	if (first > word * 64)
		mask &= UINT64_MAX << (first - word * 64);
	if (end < word * 64 + 64)
		mask &= UINT64_MAX >> (word * 64 + 64 - end);
	return mask;
}

/* How many of @nr bits from @first on are set. */
static inline uint64_t bits_count(const struct mhp_model_span *span,
				  uint64_t first, uint64_t nr)
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
static inline void bits_fill(struct mhp_model_span *span, uint64_t first,
			     uint64_t nr, bool value)
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

#endif
