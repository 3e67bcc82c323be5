/* SPDX-License-Identifier: MIT */
/*
 * Everything in any order, and in the middle of each other: memmaps are lent,
 * moved, and evicted, allocations split, blocks plugged and ejected, pages
 * withheld and bad, device ranges come and go. While an owner is asked to move
 * a page the mutex is free: then another call is made, of any kind. After each
 * step the instance is sound, and every item where its owner believes.
 *
 * What it does not do: say which calls must succeed.
 *
 * MHP_TEST_SEED: where to start. MHP_TEST_ROUNDS: how many steps.
 */
#include <stddef.h>
#include <string.h>

#include "mhp/move.h"
#include "mhp/poison.h"
#include "mhp/withhold.h"
#include "mix.h"

#define NR_STEPS 1000
/* ---- memmaps ---- */

static enum mhp_placement any_placement(struct party *p)
{
	return below(p, 2) ? MHP_PLACEMENT_EXISTING : MHP_PLACEMENT_BLOCK;
}

static void step_move(struct party *p)
{
	expect(p, mhp_memmap_move(p->mc->m, any_block(p), any_placement(p),
				  any_deadline(p), NULL));
}

static void step_evict(struct party *p)
{
	expect(p, mhp_memmap_evict(p->mc->m, any_block(p), any_placement(p),
				   any_deadline(p), NULL));
}

/* ---- blocks ---- */

static void step_life(struct party *p)
{
	uint64_t id = any_block(p);
	struct mhp_block_info info;

	if (mhp_block_query(p->mc->m, id, &info))
		return;
	if (info.state == MHP_BLOCK_ONLINE)
		expect(p,
		       mhp_block_offline(p->mc->m, id, any_deadline(p), NULL));
	else
		expect(p, mhp_block_online(p->mc->m, id,
					   below(p, 2) || id < FIRST_BLOCK
						   ? MHP_ONLINE_KERNEL
						   : MHP_ONLINE_MOVABLE,
					   NULL));
}

static void step_online(struct party *p)
{
	uint64_t id;

	for (id = FIRST_BLOCK; id < FIRST_BLOCK + NR_ADDED; id++)
		(void)!mhp_block_online(p->mc->m, id,
					below(p, 2) ? MHP_ONLINE_KERNEL
						    : MHP_ONLINE_MOVABLE,
					NULL);
}

static void step_begin(struct party *p)
{
	struct op *op = &p->ops[below(p, NR_OPS)];

	if (op->open)
		return;
	op->open = !mhp_offline_begin(p->mc->m, &op->offline, any_block(p),
				      MHP_NO_DEADLINE, 0, NULL);
}

static void step_step(struct party *p)
{
	struct op *op = &p->ops[below(p, NR_OPS)];
	int err;

	if (!op->open || op->steps)
		return;
	if (!below(p, 6)) {
		mhp_offline_cancel(p->mc->m, &op->offline);
		op->open = false;
		return;
	}
	op->steps = true;
	err = mhp_offline_step(p->mc->m, &op->offline, NULL);
	op->steps = false;
	expect(p, err);
	op->open = err == MHP_ERR_AGAIN;
}

static void step_remove(struct party *p)
{
	expect(p, mhp_remove(p->mc->m,
			     block_range(p->mc, any_block(p), 1 + below(p, 2)),
			     NULL));
}

static void step_add(struct party *p)
{
	static const enum mhp_placement placements[] = {
		MHP_PLACEMENT_RANGE, MHP_PLACEMENT_RANGE, MHP_PLACEMENT_BLOCK,
		MHP_PLACEMENT_EXISTING};
	uint64_t id = FIRST_BLOCK + below(p, NR_ADDED);
	struct mhp_add_request add = {
		.range = block_range(p->mc, id,
				     1 + below(p, FIRST_BLOCK + NR_ADDED - id)),
		.placement = placements[below(p, 4)],
		.flags = below(p, 8) ? 0 : MHP_ADD_WITHHELD,
	};

	if (!below(p, 8))
		add.flags = MHP_ADD_INACCESSIBLE;
	expect(p, mhp_add(p->mc->m, &add, NULL));
}

static void step_eject(struct party *p)
{
	uint64_t id = FIRST_BLOCK + below(p, NR_ADDED);

	expect(p, mhp_offline_and_remove(
			  p->mc->m,
			  block_range(p->mc, id,
				      1 + below(p, below(p, 3) ? 2 : 8)),
			  any_deadline(p), below(p, 2) ? MHP_OFFLINE_TWICE : 0,
			  NULL));
}

static void step_device(struct party *p)
{
	struct mhp_device **device = &p->devices[below(p, NR_DEVICES)];
	struct mhp_device_request request = {
		.range = block_range(p->mc,
				     FIRST_BLOCK + below(p, NR_ADDED + 1), 1),
		.placement = below(p, 2) ? MHP_PLACEMENT_EXISTING
					 : MHP_PLACEMENT_RANGE,
	};

	if (*device) {
		assert_int_equal(mhp_device_remove(p->mc->m, *device), 0);
		*device = NULL;
	} else {
		expect(p, mhp_device_add(p->mc->m, &request, device, NULL));
	}
}

/* ---- bad and withheld ---- */

static void step_poison(struct party *p)
{
	mhp_pfn_t pfn = any_page(p), at;

	/* The table is small. */
	if (below(p, 2)) {
		for (at = 0; at < block_start(p->mc, NR_BLOCKS); at++)
			if (!mhp_poison_clear(p->mc->m, at, NULL))
				return;
	} else if (below(p, 2)) {
		expect(p, mhp_poison_hard(p->mc->m, pfn, NULL));
	} else if (any_deadline(p) == MHP_NO_DEADLINE && !p->deep) {
		expect(p, mhp_poison_soft(p->mc->m, pfn, NULL));
	}
}

static struct mhp_range any_tail(struct party *p)
{
	mhp_pfn_t pfn = any_page(p);
	mhp_pfn_t end = (pfn | (pageblock_pages(p) - 1)) + 1;

	if (!below(p, 3))
		pfn &= ~(pageblock_pages(p) - 1);
	return mhp_range_make(pfn, end - pfn);
}

static void step_withhold(struct party *p)
{
	expect(p, mhp_withhold(p->mc->m, any_tail(p), any_deadline(p), NULL));
}

static void step_release(struct party *p)
{
	mhp_pfn_t pfn;

	for (pfn = block_start(p->mc, FIRST_BLOCK);
	     pfn < block_start(p->mc, FIRST_BLOCK + NR_ADDED);
	     pfn += pageblock_pages(p)) {
		uint64_t nr = mhp_withheld(
			p->mc->m, mhp_range_make(pfn, pageblock_pages(p)));

		if (nr && below(p, 2))
			expect(p, mhp_release(
					  p->mc->m,
					  mhp_range_make(
						  pfn + pageblock_pages(p) - nr,
						  nr),
					  NULL));
	}
}

static void step_complete(struct party *p)
{
	unsigned int i;

	for (i = 0; i < NR_ITEMS; i++)
		if (p->shelf->items[i].live &&
		    p->shelf->items[i].to_pfn != MHP_PFN_NONE && below(p, 2))
			assert_int_equal(shelf_complete(p->shelf,
							&p->shelf->items[i],
							below(p, 2)),
					 0);
}

static void step_later(struct party *p)
{
	if (!p->deep)
		p->later = !below(p, 5);
}

/* ---- all of it ---- */

static const struct {
	void (*run)(struct party *p);
	unsigned int weight;
} steps[] = {
	{mix_item, 12},	     {mix_many, 4},	 {mix_item_free, 14},
	{mix_pin, 3},	     {mix_huge, 8},	 {mix_huge_free, 8},
	{mix_lend, 14},	     {mix_take_back, 4}, {mix_split, 4},
	{mix_split_item, 2}, {step_life, 4},	 {step_online, 3},
	{step_remove, 2},    {step_add, 6},	 {step_eject, 2},
	{step_poison, 3},    {step_withhold, 3}, {step_release, 2},
	{step_move, 4},	     {step_evict, 3},	 {step_device, 2},
	{step_begin, 2},     {step_step, 4},	 {step_complete, 4},
	{step_later, 1},
};

static void any_step(struct party *p)
{
	unsigned int sum = 0, at;
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		sum += steps[i].weight;
	at = (unsigned int)below(p, sum);
	for (i = 0; at >= steps[i].weight; i++)
		at -= steps[i].weight;
	mix_make_room(p);
	steps[i].run(p);
}

/* The mutex is free: somebody else comes. He keeps off the pageblock of what is
 * being moved, but not off all of a run that is longer: he might wait for it
 * for ever. */
static void at_move(struct shelf *shelf, const struct mhp_move *move)
{
	static const enum answer answers[] = {ANSWER_REFUSED, ANSWER_AGAIN,
					      ANSWER_BROKEN,
					      ANSWER_REFUSED_ONCE};
	struct party *p = shelf->at_move_arg;
	struct item *item = &shelf->items[move->cookie];

	if (p->deep < MOST_DEEP && move->nr_pages <= pageblock_pages(p) &&
	    !below(p, 4)) {
		p->deep++;
		any_step(p);
		p->deep--;
	}
	if (!item->live || item->pfn != move->from_pfn ||
	    item->to_pfn != MHP_PFN_NONE)
		return;
	item->answer = ANSWER_MOVED;
	if (!below(p, 16))
		item->answer = answers[below(p, 4)];
	if (p->later && !below(p, 8))
		item->answer = ANSWER_LATER;
}

/* Whoever is told may allocate, and give back. */
static int at_event(struct mhp_notifier *self, struct mhp *m,
		    const struct mhp_notice *notice)
{
	struct party *p = (struct party *)((char *)self -
					   offsetof(struct party, notifier));
	mhp_pfn_t *pfn = &p->noted[below(p, NR_NOTED)];
	const struct mhp_request request = {
		.order = (uint8_t)below(p, mhp_pageblock_order(p->mc->g) + 1)};

	(void)notice;
	if (*pfn != MHP_PFN_NONE) {
		assert_int_equal(
			mhp_frame_free(m, *pfn, page_info(p->mc, *pfn).order),
			0);
		*pfn = MHP_PFN_NONE;
	} else if (mhp_frame_alloc(m, &request, pfn)) {
		*pfn = MHP_PFN_NONE;
	}
	return below(p, 20) ? 0 : MHP_ERR_BUSY;
}

static void party_start(struct party *p, struct machine *mc)
{
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->mc = mc;
	p->shelf = shelf_open(mc);
	p->shelf->at_move = at_move;
	p->shelf->at_move_arg = p;
	p->notifier.notify = at_event;
	for (i = 0; i < NR_NOTED; i++)
		p->noted[i] = MHP_PFN_NONE;
	dice_start(&p->dice, 1);
	assert_int_equal(mhp_notifier_register(mc->m, &p->notifier), 0);
}

/* Return: false: blocks stay, as they hold the memmaps of each other. */
static bool party_leave(struct party *p)
{
	struct mhp_block_info info;
	struct machine *mc = p->mc;
	unsigned int i, tries;
	mhp_pfn_t pfn;

	for (pfn = 0; pfn < block_start(mc, NR_BLOCKS); pfn++)
		(void)!mhp_poison_clear(mc->m, pfn, NULL);
	check_ok(mc);
	for (i = 0; i < NR_BOOT_BLOCKS; i++)
		(void)!mhp_block_online(mc->m, i, MHP_ONLINE_KERNEL, NULL);
	for (tries = 0; tries < NR_ADDED; tries++)
		for (i = NR_BLOCKS; i-- > FIRST_BLOCK;) {
			(void)!mhp_memmap_move(mc->m, i, MHP_PLACEMENT_BLOCK,
					       MHP_NO_DEADLINE, NULL);
			(void)!mhp_offline_and_remove(mc->m,
						      block_range(mc, i, 1),
						      MHP_NO_DEADLINE, 0, NULL);
		}
	for (i = FIRST_BLOCK; i < NR_BLOCKS; i++)
		if (!mhp_block_query(mc->m, i, &info))
			return false;
	return true;
}

static void party_end(struct party *p)
{
	bool left;
	unsigned int i;

	mhp_notifier_unregister(p->mc->m, &p->notifier);
	p->shelf->at_move = NULL;
	for (i = 0; i < NR_OPS; i++)
		if (p->ops[i].open)
			mhp_offline_cancel(p->mc->m, &p->ops[i].offline);
	for (i = 0; i < NR_ITEMS; i++)
		if (p->shelf->items[i].live &&
		    p->shelf->items[i].to_pfn != MHP_PFN_NONE)
			assert_int_equal(shelf_complete(p->shelf,
							&p->shelf->items[i],
							i % 2),
					 0);
	shelf_verify(p->shelf);
	shelf_close(p->shelf);
	for (i = 0; i < NR_DEVICES; i++)
		if (p->devices[i])
			assert_int_equal(
				mhp_device_remove(p->mc->m, p->devices[i]), 0);
	for (i = 0; i < NR_HUGE; i++)
		if (p->huges[i].nr_pages)
			assert_int_equal(mhp_run_free(p->mc->m, p->huges[i].pfn,
						      p->huges[i].nr_pages),
					 0);
	for (i = 0; i < NR_NOTED; i++)
		if (p->noted[i] != MHP_PFN_NONE)
			assert_int_equal(
				mhp_frame_free(
					p->mc->m, p->noted[i],
					page_info(p->mc, p->noted[i]).order),
				0);
	check_ok(p->mc);
	left = party_leave(p);
	check_ok(p->mc);
	if (!left)
		return;
	assert_int_equal(stat_now(p->mc).nr_memmap_lent, 0);
	assert_int_equal(stat_now(p->mc).existing_bytes, 0);
	assert_int_equal(stat_now(p->mc).hosted_memmap_bytes, 0);
}

static void test_mix(struct machine *mc)
{
	uint64_t i, nr = env_number("MHP_TEST_ROUNDS", NR_STEPS);
	struct party p;

	party_start(&p, mc);
	for (i = 0; i < nr; i++) {
		if (!below(&p, 8))
			mhp_model_fail(mc->model, MHP_MODEL_FAIL_ONCE,
				       1 + below(&p, 8));
		any_step(&p);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		check_ok(mc);
		if (i % 16 == 0)
			shelf_verify(p.shelf);
	}
	print_message("# %" PRIu64 " calls, refused %" PRIu64
		      "; inside %" PRIu64 ", refused %" PRIu64 "\n",
		      p.nr_calls[0], p.nr_refused[0], p.nr_calls[1],
		      p.nr_refused[1]);
	party_end(&p);
}

static const struct machine_test tests[] = {
	{"mix", test_mix},
};

#define GEOMETRY(page, pageblock, block, descriptor)                      \
	{                                                                 \
		.page_shift = (page), .pmd_shift = (pageblock),           \
		.pageblock_shift = (pageblock), .section_shift = (block), \
		.block_shift = (block), .pud_shift = (block) + 1,         \
		.phys_bits = 40, .descriptor_bytes = (descriptor),        \
		.nr_nodes = 1, .nr_cpus = 1,                              \
	}

static const struct machine_case more_cases[] = {
	{.name = "hosts", .geometry = GEOMETRY(10, 15, 16, 64)},
	{.name = "hosts_linear",
	 .geometry = GEOMETRY(10, 15, 16, 96),
	 .flags = MHP_MODEL_NO_WINDOW | MHP_MODEL_NO_EXTRA},
	{.name = "noextra",
	 .geometry = GEOMETRY(10, 15, 15, 64),
	 .flags = MHP_MODEL_NO_EXTRA},
	{.name = "large", .geometry = GEOMETRY(14, 23, 24, 64)},
	/* Last: gigabytes. */
	{.name = "odd", .geometry = GEOMETRY(16, 27, 28, 64)},
};

int main(void)
{
	size_t nr = sizeof(more_cases) / sizeof(more_cases[0]);

	if (sizeof(void *) < 8) {
		print_message("# a host of 32 bits has no room for mix/odd\n");
		nr--;
	}
	return machine_run_cases("mix", tests, 1, more_cases, nr) +
	       lend_run("mix_random", tests, 1);
}
