/* SPDX-License-Identifier: MIT */
/* The hotplug thread of test_stress.c; see stress.h. */
#include "stress.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

uint64_t stress_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

void stress_fail(const char *what, mhp_pfn_t pfn)
{
	fprintf(stderr, "stress: %s, pfn 0x%" PRIx64 "\n", what, pfn);
	abort();
}

void stress_stamp(struct stress *w, mhp_pfn_t pfn, unsigned int order,
		  uint32_t from, uint32_t to)
{
	uint64_t i;

	for (i = 0; i < UINT64_C(1) << order; i++) {
		uint32_t expect = from;

		if (!__atomic_compare_exchange_n(&w->stamps[pfn + i], &expect,
						 to, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			stress_fail(from ? "a stamp was overwritten"
					 : "a page was handed out twice",
				    pfn + i);
	}
}

static void pause_a_moment(uint64_t *random)
{
	struct timespec t = {.tv_nsec = (long)(stress_random(random) % 100000)};

	nanosleep(&t, NULL);
}

static void plug_offline(struct stress *w, uint64_t id, uint64_t *random)
{
	struct mhp_offline op;
	int err, steps = 0;

	if (mhp_offline_begin(w->mc.m, &op, id, MHP_NO_DEADLINE, 0, NULL)) {
		COUNT(w->nr_refused);
		return;
	}
	STORE(w->isolated_since[id],
	      __atomic_add_fetch(&w->clock, 1, __ATOMIC_SEQ_CST));
	pause_a_moment(random);
	/* A step may end in the block being online again. */
	STORE(w->isolated_since[id], 0);
	do {
		if (steps++ > 200)
			mhp_offline_cancel(w->mc.m, &op);
		err = mhp_offline_step(w->mc.m, &op, NULL);
	} while (err == MHP_ERR_AGAIN);
	if (err)
		COUNT(w->nr_refused);
	else
		COUNT(w->nr_offlines);
}

static void stamp_range(struct stress *w, struct mhp_range range, uint32_t from,
			uint32_t to)
{
	mhp_pfn_t pfn = range.start_pfn;

	for (; pfn < mhp_range_end_pfn(range); pfn++)
		stress_stamp(w, pfn, 0, from, to);
}

/* What holds the memmap of a block in a range with one for all. It is nobody's
 * before the block leaves, since anybody may get it then. */
static void stamp_piece(struct stress *w, uint64_t id, uint32_t from,
			uint32_t to)
{
	struct mhp_block_info info = block_info(&w->mc, id);

	if (info.placement == MHP_PLACEMENT_RANGE)
		stamp_range(w, mhp_range_make(info.memmap_pfn, w->nr_piece),
			    from, to);
}

static void stamp_pieces(struct stress *w, uint64_t id, uint64_t nr,
			 uint32_t from, uint32_t to)
{
	struct mhp_block_info info;

	for (; nr--; id++)
		if (!mhp_block_query(w->mc.m, id, &info))
			stamp_piece(w, id, from, to);
}

/* Nobody has a page of blocks that have left. */
static void plug_gone(struct stress *w, uint64_t id, uint64_t nr)
{
	struct mhp_range range = block_range(&w->mc, id, nr);
	mhp_pfn_t pfn = range.start_pfn;

	for (; nr--; id++)
		STORE(w->gone[id], 1);
	for (; pfn < mhp_range_end_pfn(range); pfn++)
		STORE(w->stamps[pfn], 0);
}

static void plug_remove(struct stress *w, uint64_t id)
{
	struct mhp_report report;
	int err;

	stamp_piece(w, id, MEMMAP, 0);
	err = mhp_remove(w->mc.m, block_range(&w->mc, id, 1), &report);
	if (err) {
		assert_int_equal(err, MHP_ERR_BUSY);
		assert_int_equal(report.why, MHP_WHY_DEPENDENT);
		stamp_piece(w, id, 0, MEMMAP);
		COUNT(w->nr_refused);
		return;
	}
	COUNT(w->nr_removes);
	plug_gone(w, id, 1);
}

/* All of a few blocks, or nothing. */
static void plug_eject(struct stress *w, uint64_t id, uint64_t nr)
{
	int err;

	stamp_pieces(w, id, nr, MEMMAP, 0);
	err = mhp_offline_and_remove(w->mc.m, block_range(&w->mc, id, nr),
				     MHP_NO_DEADLINE, 0, NULL);
	if (!err) {
		COUNT(w->nr_ejects);
		plug_gone(w, id, nr);
		return;
	}
	assert_true(err == MHP_ERR_BUSY || err == MHP_ERR_NOMEM ||
		    err == MHP_ERR_NOENT);
	stamp_pieces(w, id, nr, 0, MEMMAP);
	COUNT(w->nr_refused);
}

/* Blocks from @id on that are not there, at most @most. */
static uint64_t nr_absent(struct stress *w, uint64_t id, uint64_t most)
{
	uint64_t nr = 0;

	while (nr < most && id + nr < NR_BLOCKS && w->gone[id + nr])
		nr++;
	return nr;
}

static struct mhp_add_request random_add(struct stress *w, uint64_t id,
					 uint64_t r)
{
	struct mhp_add_request request = {
		.range = block_range(&w->mc, id, 1),
		.placement = r & 1 ? MHP_PLACEMENT_BLOCK
				   : MHP_PLACEMENT_EXISTING,
		.flags = MHP_ADD_MERGE | (r & 6 ? 0 : MHP_ADD_WITHHELD),
	};

	if (r & 8) {
		request.range = block_range(&w->mc, id,
					    nr_absent(w, id, 1 + (r >> 4) % 6));
		request.placement = MHP_PLACEMENT_RANGE;
	}
	return request;
}

static void plug_added(struct stress *w, uint64_t id)
{
	struct mhp_block_info info = block_info(&w->mc, id);

	COUNT(w->nr_blocks);
	stamp_piece(w, id, 0, MEMMAP);
	stamp_range(
		w,
		mhp_range_make(block_start(&w->mc, id + 1) - info.nr_withheld,
			       info.nr_withheld),
		0, WITHHELD);
}

static void plug_add(struct stress *w, uint64_t id, uint64_t r)
{
	struct mhp_add_request request = random_add(w, id, r);
	uint64_t nr = request.range.nr_pages / mhp_block_pages(w->mc.g), i;
	int err;

	for (i = 0; i < nr; i++)
		STORE(w->gone[id + i], 0);
	err = mhp_add(w->mc.m, &request, NULL);
	if (err)
		assert_int_equal(err, MHP_ERR_NOMEM);
	for (i = 0; i < nr; i++)
		if (err)
			STORE(w->gone[id + i], 1);
		else
			plug_added(w, id + i);
}

void stress_clear(struct stress *w, struct mhp_range range)
{
	mhp_pfn_t pfn = range.start_pfn;

	if (!mhp_poison_count(w->mc.m, range))
		return;
	for (; pfn < mhp_range_end_pfn(range); pfn++) {
		STORE(w->bad_since[pfn], 0);
		if (mhp_is_poisoned(w->mc.m, pfn))
			assert_int_equal(mhp_poison_clear(w->mc.m, pfn, NULL),
					 0);
	}
}

static void plug_poison(struct stress *w, uint64_t r)
{
	uint64_t end = block_start(&w->mc, NR_BLOCKS);
	mhp_pfn_t pfn = (r >> 8) % end;
	int err;

	/* Many at a time, and not the same ones for ever. */
	if (stat_now(&w->mc).nr_poisoned > 100)
		stress_clear(w, mhp_range_make(0, end));
	err = r & 1 ? mhp_poison_hard(w->mc.m, pfn, NULL)
		    : mhp_poison_soft(w->mc.m, pfn, NULL);
	if (err || LOAD(w->bad_since[pfn]))
		return;
	STORE(w->bad_since[pfn],
	      __atomic_add_fetch(&w->clock, 1, __ATOMIC_SEQ_CST));
	COUNT(w->nr_bad);
}

/* Some of the last pages of a pageblock, or all that can be. */
static void plug_withhold(struct stress *w, mhp_pfn_t pfn, mhp_pfn_t border,
			  uint64_t r)
{
	struct mhp_range range = mhp_range_make(pfn, border - pfn);

	if (r & 3) {
		range.nr_pages = 1 + (r >> 2) % range.nr_pages;
		range.start_pfn = border - range.nr_pages;
	}
	if (mhp_withhold(w->mc.m, range, MHP_NO_DEADLINE, NULL))
		return;
	stamp_range(w, range, 0, WITHHELD);
	COUNT(w->nr_withheld);
}

/* From here on anybody may get them, so the stamps go first. */
static void plug_release(struct stress *w, mhp_pfn_t border, mhp_pfn_t end,
			 uint64_t r)
{
	struct mhp_range range = mhp_range_make(border, end - border);

	if (r & 3)
		range.nr_pages = 1 + (r >> 2) % range.nr_pages;
	stamp_range(w, range, WITHHELD, 0);
	assert_int_equal(mhp_release(w->mc.m, range, NULL), 0);
	COUNT(w->nr_released);
}

static void plug_hold(struct stress *w, uint64_t r)
{
	uint64_t nr = mhp_pageblock_pages(w->mc.g);
	mhp_pfn_t pfn = (r >> 32) % block_start(&w->mc, NR_BLOCKS) & ~(nr - 1);
	mhp_pfn_t end = pfn + nr, border;
	struct mhp_block_info info;

	if (mhp_block_query(w->mc.m, mhp_block_id(w->mc.g, pfn), &info))
		return;
	border = end - mhp_withheld(w->mc.m, mhp_range_make(pfn, nr));
	/* What memmap there is in the pageblock stays. */
	if (!info.boot && pfn < block_start(&w->mc, info.id) + info.nr_memmap)
		pfn = block_start(&w->mc, info.id) + info.nr_memmap;
	if (border < end && (r & 1 || border == pfn))
		plug_release(w, border, end, r >> 1);
	else if (border > pfn)
		plug_withhold(w, pfn, border, r >> 1);
}

static void plug_online(struct stress *w, uint64_t id, bool movable)
{
	struct mhp_report report;
	int err;

	stress_clear(w, block_range(&w->mc, id, 1));
	err = mhp_block_online(w->mc.m, id,
			       movable ? MHP_ONLINE_MOVABLE : MHP_ONLINE_KERNEL,
			       &report);
	if (!err)
		return;
	assert_int_equal(err, MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_HOST_OFFLINE);
}

void stress_plug(struct stress *w, uint64_t *random)
{
	uint64_t r = stress_random(random);
	uint64_t id = FIRST_BLOCK + r % (NR_BLOCKS - FIRST_BLOCK);
	struct mhp_block_info info;

	if (!(r >> 50 & 3)) {
		plug_poison(w, stress_random(random));
		return;
	}
	if (r >> 52 & 1) {
		plug_hold(w, stress_random(random));
		return;
	}
	if (!(r >> 53 & 7)) {
		uint64_t nr = 1 + (r >> 42) % 4;

		plug_eject(w, id, id + nr < NR_BLOCKS ? nr : NR_BLOCKS - id);
		return;
	}
	if (mhp_block_query(w->mc.m, id, &info)) {
		plug_add(w, id, r >> 32);
		return;
	}
	if (info.state == MHP_BLOCK_ONLINE) {
		plug_offline(w, id, random);
		return;
	}
	assert_int_equal(info.state, MHP_BLOCK_OFFLINE);
	if (r >> 40 & 1) {
		plug_remove(w, id);
		return;
	}
	plug_online(w, id, r >> 41 & 1);
}
