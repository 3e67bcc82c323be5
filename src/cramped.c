/* SPDX-License-Identifier: MIT */
/* What pageblocks have no room for; see cramped.h. */
#include "cramped.h"

#include "frame.h"

/* Log2 bits of a row. */
#define ROW_ORDER 6u

static bool rows_empty(const struct pageblock *pb, uint32_t row, uint32_t nr)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (mhp_port_load_seq(&pb->rows[row + i]))
			return false;
	return true;
}

bool cramped_has_run(const struct mhp *m, const struct pageblock *pb,
		     unsigned int order)
{
	uint32_t step = order > ROW_ORDER ? 1u << (order - ROW_ORDER) : 1, row;

	for (row = 0; row < pageblock_nr_rows(m); row += step) {
		uint64_t used = mhp_port_load_seq(&pb->rows[row]) |
				~m->layout.row_mask;

		if (order < ROW_ORDER ? frame_row_runs(used, order, order) != 0
				      : rows_empty(pb, row, step))
			return true;
	}
	return false;
}

static unsigned int cramped_order(uint64_t word)
{
	return (unsigned int)(word >> PB_CRAMPED_SHIFT);
}

/* Whether all who make such a run look at the hint afterwards. */
static bool cramped_is_heeded(uint64_t word, unsigned int order)
{
	return !(word & PB_OWNER) && (order >= ROW_ORDER || word & PB_FOR_RUNS);
}

void cramped_say(const struct mhp *m, const struct pageblock *pb, uint64_t word,
		 unsigned int order)
{
	uint64_t next = (word & ~PB_CRAMPED) | (uint64_t)order
						       << PB_CRAMPED_SHIFT;

	if (!cramped_is_heeded(word, order) ||
	    !mhp_port_cas(pb->word, &word, next))
		return;
	if (cramped_has_run(m, pb, order))
		cramped_forget(pb);
}

void cramped_after_free(const struct mhp *m, const struct pageblock *pb,
			uint64_t word, uint64_t now)
{
	unsigned int order = cramped_order(word);

	if (now == 0 ||
	    (order < ROW_ORDER &&
	     frame_row_runs(now | ~m->layout.row_mask, order, order)))
		cramped_forget(pb);
}

void cramped_forget(const struct pageblock *pb)
{
	if (mhp_port_load_seq(pb->word) & PB_CRAMPED)
		mhp_port_and(pb->word, ~PB_CRAMPED);
}

bool cramped_is_right(const struct mhp *m, const struct pageblock *pb,
		      uint64_t word)
{
	unsigned int order = cramped_order(word);

	return !order || (word & PB_SMALL && cramped_is_heeded(word, order) &&
			  !cramped_has_run(m, pb, order));
}
