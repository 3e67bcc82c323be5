/* SPDX-License-Identifier: MIT */
/*
 * Lending, taking back and splitting in any order, with all that may happen to
 * the memory meanwhile: pages and huge pages come and go and are pinned, blocks
 * go on- and offline, leave and come back, pages go bad and are withheld. After
 * each step the instance is sound, and now and then every item is where its
 * owner believes, with its content.
 *
 * MHP_TEST_SEED: where to start. MHP_TEST_ROUNDS: how many steps.
 */
#include <string.h>

#include "lend_support.h"
#include "mhp/poison.h"
#include "mhp/withhold.h"

#define NR_STEPS 400
#define NR_RANGE 4 /* blocks with one memmap, */
#define NR_OWN 3   /* and behind them some with their own */
#define NR_ADDED (NR_RANGE + NR_OWN)
#define NR_HUGE 32

/* An unmovable allocation of whole pageblocks. */
struct huge {
	mhp_pfn_t pfn;
	uint64_t nr_pages; /* 0: none */
};

struct party {
	struct machine *mc;
	struct shelf *shelf;
	struct dice dice;
	struct huge huges[NR_HUGE];
	mhp_pfn_t boot[NR_BLOCKS * 16]; /* whole pageblocks out of the way */
	unsigned int nr_boot;
	uint64_t nr_lent, nr_taken, nr_split, nr_refused;
};

static uint64_t below(struct party *p, uint64_t n)
{
	return dice_below(&p->dice, n);
}

static uint64_t pageblock_pages(const struct party *p)
{
	return mhp_pageblock_pages(p->mc->g);
}

static uint64_t any_block(struct party *p)
{
	return FIRST_BLOCK + below(p, NR_ADDED);
}

static mhp_pfn_t any_page(struct party *p)
{
	return block_start(p->mc, FIRST_BLOCK) +
	       below(p, NR_ADDED * mhp_block_pages(p->mc->g));
}

/* What may be in the way of a call that is right. */
static void expect(struct party *p, int err)
{
	assert_true(err == 0 || err == MHP_ERR_BUSY || err == MHP_ERR_NOMEM ||
		    err == MHP_ERR_HWPOISON || err == MHP_ERR_TIMEDOUT);
	p->nr_refused += err != 0;
}

/* ---- pages ---- */

static struct item *any_item(struct party *p)
{
	struct item *item = &p->shelf->items[below(p, NR_ITEMS)];
	unsigned int i;

	for (i = 0; i < NR_ITEMS && !item->live; i++)
		item = &p->shelf->items[below(p, NR_ITEMS)];
	return item->live ? item : NULL;
}

/* A shelf has an end: half of it goes when it comes near. */
static void make_room(struct party *p)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_ITEMS; i++)
		nr += p->shelf->items[i].live;
	for (i = 0; nr > NR_ITEMS - 64 && i < NR_ITEMS; i += 2)
		if (p->shelf->items[i].live)
			shelf_free(p->shelf, &p->shelf->items[i]);
}

static void step_item(struct party *p)
{
	struct mhp_request request = {.flags = below(p, 2) ? MHP_ALLOC_NO_TAILS
							   : 0};

	if (below(p, 3))
		request.order = (uint8_t)below(
			p, mhp_pageblock_order(p->mc->g) + 1);
	if (!below(p, 4)) {
		request.order = 0;
		(void)shelf_alloc_run(p->shelf, &request,
				      (1 + below(p, 3)) * pageblock_pages(p));
	} else {
		(void)shelf_alloc(p->shelf, &request);
	}
}

static void step_item_free(struct party *p)
{
	struct item *item = any_item(p);

	if (item)
		shelf_free(p->shelf, item);
}

static void step_pin(struct party *p)
{
	struct item *item = any_item(p);

	if (item)
		item->pins = !below(p, 4);
}

/* What is in the way of lending is items of one page: so there are many. */
static void step_many(struct party *p)
{
	uint64_t i, nr = below(p, 32);

	for (i = 0; i < nr; i++)
		(void)shelf_alloc(p->shelf, NULL);
}

static void step_huge(struct party *p)
{
	const struct mhp_request request = {
		.flags = below(p, 2) ? MHP_ALLOC_NO_TAILS : 0};
	struct huge *huge = &p->huges[below(p, NR_HUGE)];
	uint64_t nr = (1 + below(p, 3)) * pageblock_pages(p);

	if (!huge->nr_pages &&
	    !mhp_run_alloc(p->mc->m, &request, nr, &huge->pfn))
		huge->nr_pages = nr;
}

static void step_huge_free(struct party *p)
{
	struct huge *huge = &p->huges[below(p, NR_HUGE)];

	if (!huge->nr_pages)
		return;
	assert_int_equal(mhp_run_free(p->mc->m, huge->pfn, huge->nr_pages), 0);
	huge->nr_pages = 0;
}

/* ---- lending ---- */

static void step_lend(struct party *p)
{
	struct huge *huge = &p->huges[below(p, NR_HUGE)];
	struct item *item = any_item(p);
	uint64_t nr = 0;

	if (huge->nr_pages)
		assert_int_equal(mhp_memmap_lend(p->mc->m, huge->pfn,
						 huge->nr_pages, &nr, NULL),
				 0);
	p->nr_lent += nr;
	nr = 0;
	check_ok(p->mc);
	if (item && item->nr_pages >= pageblock_pages(p))
		assert_int_equal(mhp_memmap_lend(p->mc->m, item->pfn,
						 item->nr_pages, &nr, NULL),
				 0);
	p->nr_lent += nr;
}

static void step_take_back(struct party *p)
{
	uint64_t before = stat_now(p->mc).nr_memmap_lent;
	uint32_t flags = below(p, 2) ? MHP_TAKE_BACK_FREE : 0;
	mhp_pfn_t pfn = any_page(p);
	int err = mhp_memmap_take_back(
		p->mc->m,
		mhp_range_make(pfn, below(p, 2 * mhp_block_pages(p->mc->g))),
		flags, below(p, 8) ? MHP_NO_DEADLINE : 0, NULL);

	expect(p, err);
	p->nr_taken += before - stat_now(p->mc).nr_memmap_lent;
}

static void step_split(struct party *p)
{
	struct huge *huge = &p->huges[below(p, NR_HUGE)];
	unsigned int order = (unsigned int)below(
		p, mhp_pageblock_order(p->mc->g) + 1);
	uint64_t before = stat_now(p->mc).nr_memmap_lent, i;
	int err;

	if (!huge->nr_pages || huge->nr_pages >> order < 2)
		return;
	err = mhp_frame_split(p->mc->m, huge->pfn, huge->nr_pages, order, 0,
			      MHP_NO_DEADLINE, NULL);
	expect(p, err);
	if (err) {
		assert_int_equal(stat_now(p->mc).nr_memmap_lent, before);
		assert_int_equal(page_info(p->mc, huge->pfn).nr_pages,
				 huge->nr_pages);
		return;
	}
	p->nr_split++;
	check_ok(p->mc);
	for (i = 0; i < huge->nr_pages; i += UINT64_C(1) << order)
		assert_int_equal(mhp_frame_free(p->mc->m, huge->pfn + i, order),
				 0);
	huge->nr_pages = 0;
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
		       mhp_block_offline(p->mc->m, id, MHP_NO_DEADLINE, NULL));
	else
		expect(p, mhp_block_online(p->mc->m, id,
					   below(p, 2) ? MHP_ONLINE_KERNEL
						       : MHP_ONLINE_MOVABLE,
					   NULL));
}

static void step_remove(struct party *p)
{
	uint64_t id = any_block(p);
	struct mhp_block_info info;

	if (!mhp_block_query(p->mc->m, id, &info) &&
	    info.state == MHP_BLOCK_OFFLINE)
		expect(p,
		       mhp_remove(p->mc->m, block_range(p->mc, id, 1), NULL));
}

/* All blocks with one memmap together, others by themselves. */
static void step_add(struct party *p)
{
	uint64_t id = any_block(p);
	struct mhp_block_info info;

	if (mhp_block_query(p->mc->m, id, &info) != MHP_ERR_NOENT)
		return;
	if (id == FIRST_BLOCK &&
	    !add_blocks(p->mc, id, NR_RANGE, MHP_PLACEMENT_RANGE))
		return;
	(void)add_blocks(p->mc, id, 1, MHP_PLACEMENT_BLOCK);
}

static void step_eject(struct party *p)
{
	int err = mhp_offline_and_remove(p->mc->m,
					 block_range(p->mc, any_block(p), 1),
					 MHP_NO_DEADLINE, 0, NULL);

	if (err != MHP_ERR_NOENT)
		expect(p, err);
}

/* ---- bad and withheld ---- */

static void step_poison(struct party *p)
{
	mhp_pfn_t pfn = any_page(p);

	if (below(p, 2) && !mhp_poison_soft(p->mc->m, pfn, NULL)) {
		check_ok(p->mc);
		assert_int_equal(mhp_poison_clear(p->mc->m, pfn, NULL), 0);
	}
}

static void step_withhold(struct party *p)
{
	mhp_pfn_t pfn = any_page(p);
	mhp_pfn_t end = (pfn | (pageblock_pages(p) - 1)) + 1;
	struct mhp_range range = mhp_range_make(pfn, end - pfn);

	if (mhp_withhold(p->mc->m, range, MHP_NO_DEADLINE, NULL))
		return;
	check_ok(p->mc);
	if (below(p, 2))
		step_life(p);
	check_ok(p->mc);
	expect(p, mhp_release(p->mc->m, range, NULL));
}

/* ---- all of it ---- */

static const struct {
	void (*run)(struct party *p);
	unsigned int weight;
} steps[] = {
	{step_item, 12}, {step_many, 2},      {step_item_free, 12},
	{step_pin, 3},	 {step_huge, 6},      {step_huge_free, 6},
	{step_lend, 12}, {step_take_back, 4}, {step_split, 4},
	{step_life, 4},	 {step_remove, 2},    {step_add, 4},
	{step_eject, 1}, {step_poison, 2},    {step_withhold, 2},
};

static void party_step(struct party *p)
{
	unsigned int sum = 0, at;
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		sum += steps[i].weight;
	at = (unsigned int)below(p, sum);
	for (i = 0; at >= steps[i].weight; i++)
		at -= steps[i].weight;
	make_room(p);
	steps[i].run(p);
	check_ok(p->mc);
}

/* So that all goes on in what was added. */
static void party_start(struct party *p, struct machine *mc)
{
	const struct mhp_request whole = {
		.order = (uint8_t)mhp_pageblock_order(mc->g)};

	memset(p, 0, sizeof(*p));
	p->mc = mc;
	while (!mhp_frame_alloc(mc->m, &whole, &p->boot[p->nr_boot]))
		p->nr_boot++;
	p->shelf = shelf_open(mc);
	dice_start(&p->dice, 1);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK, NR_RANGE, MHP_PLACEMENT_RANGE), 0);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK + NR_RANGE, NR_OWN,
				    MHP_PLACEMENT_BLOCK),
			 0);
	assert_int_equal(
		online_blocks(mc, FIRST_BLOCK, NR_ADDED, MHP_ONLINE_KERNEL), 0);
}

static void party_end(struct party *p)
{
	unsigned int i;

	shelf_verify(p->shelf);
	shelf_close(p->shelf);
	for (i = 0; i < NR_HUGE; i++)
		if (p->huges[i].nr_pages)
			assert_int_equal(mhp_run_free(p->mc->m, p->huges[i].pfn,
						      p->huges[i].nr_pages),
					 0);
	for (i = NR_ADDED; i--;) {
		int err = mhp_offline_and_remove(
			p->mc->m, block_range(p->mc, FIRST_BLOCK + i, 1),
			MHP_NO_DEADLINE, 0, NULL);

		assert_true(err == 0 || err == MHP_ERR_NOENT);
	}
	for (i = 0; i < p->nr_boot; i++)
		assert_int_equal(mhp_frame_free(p->mc->m, p->boot[i],
						mhp_pageblock_order(p->mc->g)),
				 0);
	check_ok(p->mc);
	assert_int_equal(stat_now(p->mc).nr_memmap_lent, 0);
}

static void random_steps(struct machine *mc)
{
	uint64_t i, nr = env_number("MHP_TEST_ROUNDS", NR_STEPS);
	char *before = snapshot(mc, 0);
	struct party p;

	party_start(&p, mc);
	for (i = 0; i < nr; i++) {
		party_step(&p);
		if (i % 16 == 0)
			shelf_verify(p.shelf);
	}
	print_message("# lent %" PRIu64 " pages, taken back %" PRIu64
		      ", split %" PRIu64 ", refused %" PRIu64 "\n",
		      p.nr_lent, p.nr_taken, p.nr_split, p.nr_refused);
	party_end(&p);
	unchanged(mc, before, 0);
}

static void test_random(struct machine *mc)
{
	random_steps(mc);
}

/* Memory that is full of bits when it comes. */
static void test_dirty(struct machine *mc)
{
	machine_again(mc, MHP_MODEL_DIRTY);
	random_steps(mc);
}

static const struct machine_test tests[] = {
	{"random", test_random},
	{"dirty", test_dirty},
};

int main(void)
{
	return lend_run("lend_random", tests, sizeof(tests) / sizeof(tests[0]));
}
