/* SPDX-License-Identifier: MIT */
/*
 * A day of mixed allocations, of the engine and of a reference (buddy.h), on
 * the same pages by the same trace: orders 0 to 9, movable and not, that live
 * short, as long as the others of their group, or long; memory fills and
 * empties in phases. How much of what is free can be had as pages of 2 MiB is
 * measured at the end of each phase, and how many requests fail. The engine
 * must be as good as the reference.
 *
 * The trace does not depend on what either of them does: a request that fails
 * is missing in that one alone.
 *
 * MHP_TEST_ROUNDS: operations of a day; with 2000000 of them days are long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buddy.h"
#include "support.h"

#define NR_SEEDS 5
#define NR_OPS 400000
#define NR_PAGES (UINT64_C(1) << 18) /* 1 GiB */
#define NR_ORDERS 10
#define TOP 9
#define HIGH 4 /* orders from here on are high */
#define NR_RECENT 256
#define NR_GROUPS 64
#define NOBODY UINT32_MAX

/* What one of the two allocators has done. */
struct score {
	/* Pages that were free at the ends of phases, and how many of them in
	 * free pageblocks; and the share of these at the end. */
	uint64_t nr_free, nr_large;
	double share_at_end;
	uint64_t nr_failed[NR_ORDERS];
	uint64_t nr_failed_unmovable;
};

/* An allocation of the trace. */
struct life {
	uint32_t next, prev; /* of its group */
	uint32_t live_at;    /* its place among those that live */
	uint32_t page[2];    /* of the engine, of the reference */
	uint8_t order;
	bool movable, live;
};

struct day {
	struct machine mc;
	struct buddy *buddy;
	uint16_t owner;
	struct dice dice;
	struct life *lives;
	uint32_t *live; /* numbers of those that live */
	uint32_t nr_live, nr_lives;
	uint32_t recent[NR_RECENT];
	uint32_t groups[NR_GROUPS]; /* the first of each */
	uint64_t nr_managed, nr_used;
	uint64_t nr_requests[NR_ORDERS];
	struct score scores[2];
};

enum who { ENGINE, REFERENCE };

/* ---- the two ---- */

static uint32_t engine_alloc(struct day *d, const struct life *l)
{
	const struct mhp_request request = {
		.size_bytes = sizeof(request), /* the fast paths, too */
		.order = l->order,
		.mobility = l->movable ? MHP_MOVABLE : MHP_UNMOVABLE,
		.owner = l->movable ? d->owner : 0,
	};
	mhp_pfn_t pfn;

	if (mhp_frame_alloc(d->mc.m, &request, &pfn))
		return BUDDY_NONE;
	return (uint32_t)pfn;
}

static void day_alloc(struct day *d, struct life *l)
{
	int who;

	l->page[ENGINE] = engine_alloc(d, l);
	l->page[REFERENCE] = buddy_alloc(d->buddy, l->order, l->movable);
	d->nr_requests[l->order]++;
	for (who = ENGINE; who <= REFERENCE; who++)
		if (l->page[who] == BUDDY_NONE) {
			d->scores[who].nr_failed[l->order]++;
			d->scores[who].nr_failed_unmovable += !l->movable;
		}
}

static void day_free(struct day *d, struct life *l)
{
	if (l->page[ENGINE] != BUDDY_NONE)
		assert_int_equal(
			mhp_frame_free(d->mc.m, l->page[ENGINE], l->order), 0);
	if (l->page[REFERENCE] != BUDDY_NONE)
		buddy_free(d->buddy, l->page[REFERENCE], l->order);
}

/* Free pages of the engine, and those in free pageblocks. */
static uint64_t engine_free(struct day *d, uint64_t *nr_large)
{
	uint64_t nr_runs[MHP_MAX_RUN_ORDERS], nr_free = 0;
	int order, nr = mhp_zone_runs(d->mc.m, 0, MHP_ZONE_NORMAL, nr_runs);

	assert_true(nr > TOP);
	*nr_large = 0;
	for (order = 0; order < nr; order++) {
		nr_free += nr_runs[order] << order;
		if (order >= TOP)
			*nr_large += nr_runs[order] << order;
	}
	return nr_free;
}

static double score_add(struct score *s, uint64_t nr_free, uint64_t nr_large)
{
	s->nr_free += nr_free;
	s->nr_large += nr_large;
	s->share_at_end = nr_free ? (double)nr_large / (double)nr_free : 1;
	return s->share_at_end * 100;
}

static double score_share(const struct score *s)
{
	return (double)s->nr_large / (double)s->nr_free;
}

static void day_measure(struct day *d, unsigned int percent)
{
	uint64_t nr_large, nr_free = engine_free(d, &nr_large);
	double engine = score_add(&d->scores[ENGINE], nr_free, nr_large);
	double reference = score_add(&d->scores[REFERENCE],
				     buddy_nr_free(d->buddy),
				     buddy_nr_runs(d->buddy, TOP) << TOP);

	print_message("  %u%% full: %5.1f%% of what is free in pages of 2 MiB, "
		      "reference %5.1f%%\n",
		      percent, engine, reference);
}

/* ---- the trace ---- */

/* Of a thousand requests: mostly pages, then what slabs and networks want. */
static uint8_t draw_order(struct day *d)
{
	static const unsigned int per_mille[NR_ORDERS] = {800, 60, 50, 50, 14,
							  7,   4,  3,  2,  10};
	uint64_t n = dice_below(&d->dice, 1000);
	uint8_t order = 0;

	while (n >= per_mille[order])
		n -= per_mille[order++];
	return order;
}

/* Pages are mostly of programs, as are the largest ones; what is between, of
 * the kernel. */
static bool draw_movable(struct day *d, unsigned int order)
{
	uint64_t percent = order == 0 || order == TOP ? 85
			   : order < HIGH	      ? 30
						      : 50;

	return dice_below(&d->dice, 100) < percent;
}

static void group_add(struct day *d, uint32_t n, uint32_t group)
{
	struct life *l = &d->lives[n];

	l->next = d->groups[group];
	l->prev = NOBODY - 1 - group; /* the head */
	if (l->next != NOBODY)
		d->lives[l->next].prev = n;
	d->groups[group] = n;
}

static void group_remove(struct day *d, uint32_t n)
{
	struct life *l = &d->lives[n];

	if (l->prev >= NOBODY - NR_GROUPS)
		d->groups[NOBODY - 1 - l->prev] = l->next;
	else
		d->lives[l->prev].next = l->next;
	if (l->next != NOBODY)
		d->lives[l->next].prev = l->prev;
}

static void life_begin(struct day *d)
{
	uint32_t n = d->nr_lives++;
	struct life *l = &d->lives[n];

	l->order = draw_order(d);
	l->movable = draw_movable(d, l->order);
	l->live = true;
	l->live_at = d->nr_live;
	d->live[d->nr_live++] = n;
	d->nr_used += UINT64_C(1) << l->order;
	d->recent[n % NR_RECENT] = n;
	/* Who comes at one time mostly goes at one time: a program. */
	group_add(d, n,
		  (uint32_t)(dice_below(&d->dice, 4)
				     ? n / 512 % NR_GROUPS
				     : dice_below(&d->dice, NR_GROUPS)));
	day_alloc(d, l);
}

static void life_end(struct day *d, uint32_t n)
{
	struct life *l = &d->lives[n];
	uint32_t last = d->live[--d->nr_live];

	day_free(d, l);
	d->live[l->live_at] = last;
	d->lives[last].live_at = l->live_at;
	l->live = false;
	d->nr_used -= UINT64_C(1) << l->order;
	group_remove(d, n);
}

/* A program ends. What is unmovable of it may stay: caches of the kernel. */
static void group_end(struct day *d)
{
	uint32_t n = d->groups[dice_below(&d->dice, NR_GROUPS)], next;

	for (; n != NOBODY; n = next) {
		next = d->lives[n].next;
		if (d->lives[n].movable || dice_below(&d->dice, 4))
			life_end(d, n);
	}
}

static void someone_ends(struct day *d)
{
	uint64_t what = dice_below(&d->dice, 1000);
	uint32_t n = d->recent[dice_below(&d->dice, NR_RECENT)];

	if (what < 2)
		group_end(d);
	else if (what < 550 && n != NOBODY && d->lives[n].live)
		life_end(d, n);
	else if (d->nr_live)
		life_end(d, d->live[dice_below(&d->dice, d->nr_live)]);
}

/* Memory goes to a level, and stays around it. */
static void phase(struct day *d, unsigned int percent, uint64_t nr_ops)
{
	uint64_t want = d->nr_managed * percent / 100;

	while (nr_ops--) {
		uint64_t leans = d->nr_used < want ? 70 : 30;

		if (dice_below(&d->dice, 100) < leans)
			life_begin(d);
		else
			someone_ends(d);
	}
	day_measure(d, percent);
}

/* ---- a day ---- */

static const struct machine_case day_case = {
	.name = "day",
	.geometry = {.page_shift = 12,
		     .pmd_shift = 21,
		     .pageblock_shift = 21,
		     .section_shift = 27,
		     .block_shift = 27,
		     .phys_bits = 40,
		     .descriptor_bytes = 16,
		     .nr_nodes = 1,
		     .nr_cpus = 1},
};

/* The reference gets the pages that the engine can give. */
static void day_share_pages(struct day *d)
{
	mhp_pfn_t pfn;

	d->buddy = buddy_create(NR_PAGES);
	assert_non_null(d->buddy);
	for (pfn = NR_PAGES; pfn-- > 0;)
		if (page_info(&d->mc, pfn).use == MHP_PAGE_FREE) {
			buddy_free(d->buddy, (uint32_t)pfn, 0);
			d->nr_managed++;
		}
	assert_int_equal(zone_info(&d->mc, 0, MHP_ZONE_NORMAL).nr_managed,
			 d->nr_managed);
}

static struct day *day_begin(uint64_t seed, uint64_t nr_ops)
{
	const struct mhp_boot_range boot = {.range = {0, NR_PAGES}};
	const struct mhp_model_config config = {.geometry = day_case.geometry,
						.boot = &boot,
						.nr_boot = 1,
						.max_pfn = NR_PAGES};
	struct day *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	machine_start_config(&d->mc, &day_case, &config);
	assert_int_equal(
		mhp_owner_register(d->mc.m, &busy_owner_ops, d, &d->owner), 0);
	dice_start(&d->dice, seed);
	d->lives = calloc(nr_ops, sizeof(*d->lives));
	d->live = calloc(nr_ops, sizeof(*d->live));
	assert_non_null(d->lives);
	assert_non_null(d->live);
	memset(d->recent, 0xff, sizeof(d->recent));
	memset(d->groups, 0xff, sizeof(d->groups));
	day_share_pages(d);
	return d;
}

/* Nothing was lost on the way, by either. */
static void day_end(struct day *d)
{
	uint64_t nr_large;

	while (d->nr_live)
		life_end(d, d->live[d->nr_live - 1]);
	assert_int_equal(buddy_nr_free(d->buddy), d->nr_managed);
	assert_int_equal(engine_free(d, &nr_large), d->nr_managed);
	assert_int_equal(nr_large, buddy_nr_runs(d->buddy, TOP) << TOP);
	assert_int_equal(mhp_owner_unregister(d->mc.m, d->owner), 0);
	machine_end(&d->mc);
	buddy_destroy(d->buddy);
	free(d->lives);
	free(d->live);
	free(d);
}

static uint64_t failed(const struct score *score, unsigned int from,
		       unsigned int end)
{
	uint64_t nr = 0;

	for (; from < end; from++)
		nr += score->nr_failed[from];
	return nr;
}

static void day_print(const struct day *d)
{
	static const char *const names[] = {"engine", "reference"};
	int who;

	for (who = ENGINE; who <= REFERENCE; who++) {
		const struct score *s = &d->scores[who];

		print_message("  %-9s %5.1f%% of all, %5.1f%% at the end; "
			      "failed: %" PRIu64 " of orders 0 to 3, %" PRIu64
			      " of 4 to 8, %" PRIu64 " of 9\n",
			      names[who], score_share(s) * 100,
			      s->share_at_end * 100, failed(s, 0, HIGH),
			      failed(s, HIGH, TOP), failed(s, TOP, NR_ORDERS));
	}
}

/* Fill and empty, more than once; the last is the evening. */
static void day_run(struct day *d, uint64_t nr_ops)
{
	static const unsigned int percent[] = {60, 90, 70, 96, 50,
					       92, 75, 98, 40, 20};
	const unsigned int nr = sizeof(percent) / sizeof(percent[0]);
	unsigned int i;

	for (i = 0; i < nr; i++)
		phase(d, percent[i], nr_ops / nr);
	day_print(d);
}

/* As few requests fail as with the reference, but for one in a hundred. */
static void assert_served(const struct day *d)
{
	unsigned int order;

	for (order = 0; order < NR_ORDERS; order++)
		assert_true(d->scores[ENGINE].nr_failed[order] <=
			    d->scores[REFERENCE].nr_failed[order] +
				    d->nr_requests[order] / 100);
}

/* ---- days ---- */

/* Shares of the two, summed over the seeds. */
struct sums {
	double all[2], at_end[2];
};

/* A day may be a little worse, all of them together may not. */
#define TOLERANCE 0.03

static void sums_add(struct sums *sums, const struct day *d)
{
	int who;

	for (who = ENGINE; who <= REFERENCE; who++) {
		sums->all[who] += score_share(&d->scores[who]);
		sums->at_end[who] += d->scores[who].share_at_end;
	}
	assert_true(score_share(&d->scores[ENGINE]) >=
		    score_share(&d->scores[REFERENCE]) - TOLERANCE);
}

static void test_days(void **state)
{
	uint64_t nr_ops = env_number("MHP_TEST_ROUNDS", NR_OPS), seed;
	struct sums sums = {{0}, {0}};

	(void)state;
	for (seed = 1; seed <= NR_SEEDS; seed++) {
		struct day *d = day_begin(seed, nr_ops);

		day_run(d, nr_ops);
		assert_served(d);
		sums_add(&sums, d);
		day_end(d);
	}
	print_message("all days: %5.1f%% of what was free in pages of 2 MiB, "
		      "reference %5.1f%%; at the end %5.1f%%, reference "
		      "%5.1f%%\n",
		      sums.all[ENGINE] * 100 / NR_SEEDS,
		      sums.all[REFERENCE] * 100 / NR_SEEDS,
		      sums.at_end[ENGINE] * 100 / NR_SEEDS,
		      sums.at_end[REFERENCE] * 100 / NR_SEEDS);
	assert_true(sums.all[ENGINE] >= sums.all[REFERENCE]);
	assert_true(sums.at_end[ENGINE] >= sums.at_end[REFERENCE]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_days)};

	return cmocka_run_group_tests_name("fragmentation", tests, NULL, NULL);
}
