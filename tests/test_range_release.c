/* SPDX-License-Identifier: MIT */
/*
 * What held the memmap of a block that left comes back to its host: now if that
 * is online, else when it goes online, whatever is going on in the host.
 */
#include "mhp/move.h"
#include "mhp/poison.h"
#include "mhp/withhold.h"
#include "range_support.h"

#include <stdlib.h>
#include <string.h>

/* Of a page that was taken: enough to spoil a descriptor. */
#define WRITTEN_BYTES 256

/* Pages that a test has taken, each once. */
struct taken {
	struct machine *mc;
	mhp_pfn_t *pfns;
	uint64_t nr, nr_pages;
	bool *is_taken;
};

static void taken_start(struct taken *t, struct machine *mc)
{
	memset(t, 0, sizeof(*t));
	t->mc = mc;
	t->nr_pages = block_start(mc, NR_BLOCKS);
	t->pfns = calloc(t->nr_pages, sizeof(*t->pfns));
	t->is_taken = calloc(t->nr_pages, sizeof(*t->is_taken));
	assert_non_null(t->pfns);
	assert_non_null(t->is_taken);
}

/* Up to @most pages; none that is taken, and none that holds a memmap. */
static void take(struct taken *t, const struct range *r, uint64_t most)
{
	const struct mhp_request request = {.mobility = MHP_UNMOVABLE};
	mhp_pfn_t pfn;

	for (; most && !mhp_frame_alloc(t->mc->m, &request, &pfn); most--) {
		assert_false(t->is_taken[pfn]);
		if (r && pfn >= block_start(t->mc, FIRST_BLOCK))
			assert_false(range_serves(r, pfn));
		memset(mhp_frame_address(t->mc->m, pfn), 0xA5, WRITTEN_BYTES);
		t->is_taken[pfn] = true;
		t->pfns[t->nr++] = pfn;
	}
}

static void give(struct taken *t)
{
	while (t->nr) {
		mhp_pfn_t pfn = t->pfns[--t->nr];

		t->is_taken[pfn] = false;
		assert_int_equal(mhp_frame_free(t->mc->m, pfn, 0), 0);
	}
}

static void taken_end(struct taken *t)
{
	give(t);
	free(t->pfns);
	free(t->is_taken);
}

/* A block that nobody depends on and that another one hosts. */
#define LAST (NR_RANGE - 1)

/* Take a block away; what is left is as it should be. */
static void shed(struct range *r, uint64_t i)
{
	if (r->online[i])
		range_offline(r, i);
	range_remove(r, i);
	assert_false(r->known[i]);
	range_verify(r);
}

/* The machine is full but for what comes back: just that can be had. */
static void test_to_a_full_host(struct machine *mc)
{
	struct taken t;
	struct range r;
	uint64_t i;

	taken_start(&t, mc);
	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
	for (i = NR_RANGE; i-- > NR_RANGE - 3;) {
		uint64_t before;

		range_offline(&r, i);
		take(&t, &r, UINT64_MAX);
		before = t.nr;
		check_ok(mc);
		range_remove(&r, i);
		check_ok(mc);
		take(&t, &r, UINT64_MAX);
		assert_int_equal(t.nr - before, r.nr_piece);
		range_verify(&r);
		/* The next must be empty to leave. */
		give(&t);
	}
	taken_end(&t);
	range_remove_all(&r);
}

/* A page here and there is in use next to what comes back. */
static void test_beside_allocations(struct machine *mc)
{
	struct taken t;
	struct range r;
	uint64_t i;

	taken_start(&t, mc);
	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
	range_offline(&r, LAST);
	take(&t, &r, UINT64_MAX);
	for (i = 0; i < t.nr; i += 2) {
		assert_int_equal(mhp_frame_free(mc->m, t.pfns[i], 0), 0);
		t.is_taken[t.pfns[i]] = false;
		t.pfns[i] = t.pfns[--t.nr];
	}
	shed(&r, LAST);
	check_ok(mc);
	take(&t, &r, UINT64_MAX);
	taken_end(&t);
	range_remove_all(&r);
}

/* What somebody allocates when he is told that pages came back. */
struct greedy {
	struct mhp_notifier notifier;
	struct taken taken;
	struct mhp_range pages[NR_RANGE * 2];
	uint64_t nr;
	uint64_t nr_pages;
	bool online;
	bool takes;
};

static int greedy_notify(struct mhp_notifier *self, struct mhp *m,
			 const struct mhp_notice *notice)
{
	struct greedy *g = (struct greedy *)(void *)self;

	if (notice->event != MHP_EVENT_MEMMAP_RELEASED)
		return 0;
	assert_true(g->nr < NR_RANGE * 2);
	assert_ptr_equal(m, g->taken.mc->m);
	assert_int_equal(
		notice->block_id,
		mhp_block_id(g->taken.mc->g, notice->usable.start_pfn));
	g->pages[g->nr++] = notice->usable;
	g->nr_pages += notice->usable.nr_pages;
	if (g->takes)
		take(&g->taken, NULL, UINT64_MAX);
	return 0;
}

static void greedy_start(struct greedy *g, struct machine *mc, bool takes)
{
	memset(g, 0, sizeof(*g));
	taken_start(&g->taken, mc);
	g->takes = takes;
	g->notifier.notify = greedy_notify;
	assert_int_equal(mhp_notifier_register(mc->m, &g->notifier), 0);
}

static void greedy_end(struct greedy *g)
{
	assert_int_equal(mhp_notifier_unregister(g->taken.mc->m, &g->notifier),
			 0);
	taken_end(&g->taken);
}

/* Pages of the pieces of @nr blocks from @first on that are before these. */
static uint64_t pages_below(const struct range *r, uint64_t first, uint64_t nr)
{
	mhp_pfn_t pfn = range_piece(r, first).start_pfn;
	mhp_pfn_t end = pfn + nr * r->nr_piece;
	mhp_pfn_t border = block_start(r->mc, range_id(r, first));

	return (end < border ? end : border) - pfn;
}

/* Who is told that pages came back may take them at once, and more: pages of
 * the other pieces that are just about to come back. None is given twice. */
static void told_and_taken(struct machine *mc, uint64_t nr, bool gaps)
{
	struct greedy g;
	struct range r;
	uint64_t i;

	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
	if (gaps)
		shed(&r, LAST);
	for (i = 0; i < nr; i++)
		range_offline(&r, LAST - gaps - i);
	greedy_start(&g, mc, true);
	assert_int_equal(
		mhp_remove(
			mc->m,
			block_range(mc, range_id(&r, NR_RANGE - gaps - nr), nr),
			NULL),
		0);
	/* What is in hosts that left as well comes back to nobody. */
	assert_int_equal(g.nr_pages, pages_below(&r, NR_RANGE - gaps - nr, nr));
	for (i = 0; i < nr; i++)
		r.known[LAST - gaps - i] = false;
	check_ok(mc);
	range_verify(&r);
	take(&g.taken, &r, UINT64_MAX);
	check_ok(mc);
	greedy_end(&g);
	range_remove_all(&r);
}

static void test_told_and_taken(struct machine *mc)
{
	uint64_t nr;

	for (nr = 1; nr < NR_RANGE - 2; nr += 4) {
		told_and_taken(mc, nr, false);
		told_and_taken(mc, nr, true);
	}
}

/* An online host says so, an offline one has nothing to say. */
static void test_events(struct machine *mc)
{
	struct greedy g;
	struct range r;

	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
	greedy_start(&g, mc, false);
	shed(&r, LAST);
	assert_int_equal(g.nr_pages, r.nr_piece);
	assert_int_equal(g.pages[0].start_pfn, range_piece(&r, LAST).start_pfn);
	assert_int_equal(g.nr, range_last_host(&r, LAST) -
				       range_first_host(&r, LAST) + 1);
	/* All together: nothing comes back. */
	g.nr = g.nr_pages = 0;
	assert_int_equal(mhp_offline_and_remove(
				 mc->m, block_range(mc, FIRST_BLOCK, LAST),
				 MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(g.nr, 0);
	/* Hosts that are offline. */
	range_add(&r, mc, NR_RANGE, 0);
	shed(&r, LAST);
	assert_int_equal(g.nr, 0);
	range_remove_all(&r);
	assert_int_equal(g.nr, 0);
	greedy_end(&g);
}

/* Who watches a page of the block that leaves. */
struct watcher {
	struct mhp_notifier notifier;
	const uint64_t *page;
	uint64_t saw;
};

static int watcher_notify(struct mhp_notifier *self, struct mhp *m,
			  const struct mhp_notice *notice)
{
	struct watcher *w = (struct watcher *)(void *)self;

	(void)m;
	if (notice->event == MHP_EVENT_MEMMAP_RELEASED)
		w->saw = *w->page;
	return 0;
}

/* Pages are back before what leaves is scrubbed, which may take long. */
static void test_not_behind_scrubbing(struct machine *mc)
{
	struct watcher w = {.notifier.notify = watcher_notify};
	struct range r;
	uint64_t *page, i;

	range_add(&r, mc, NR_RANGE, MHP_ADD_SCRUB);
	for (i = 0; i < LAST; i++)
		range_online(&r, i, MHP_ONLINE_KERNEL);
	page = mhp_frame_address(mc->m,
				 block_start(mc, range_id(&r, LAST) + 1) - 1);
	assert_non_null(page);
	*page = 42;
	w.page = page;
	assert_int_equal(mhp_notifier_register(mc->m, &w.notifier), 0);
	range_remove(&r, LAST);
	assert_int_equal(w.saw, 42);
	range_verify(&r);
	assert_int_equal(mhp_notifier_unregister(mc->m, &w.notifier), 0);
	range_remove_all(&r);
}

/* What came back to an offline host is usable when that goes online; goes with
 * it when it goes offline; and so on. */
static void test_offline_host(struct machine *mc)
{
	struct range r;
	uint64_t round, i;

	for (round = 0; round < 2; round++) {
		machine_again(mc, round && range_can(mc, MHP_MODEL_DIRTY)
					  ? MHP_MODEL_DIRTY
					  : 0);
		range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
		for (i = NR_RANGE; i--;)
			range_offline(&r, i);
		range_remove(&r, LAST);
		range_remove(&r, LAST - 1);
		range_verify(&r);
		for (i = 0; i < NR_RANGE - 2; i++)
			range_online(&r, i, MHP_ONLINE_KERNEL);
		range_verify(&r);
		for (i = NR_RANGE - 2; i--;)
			range_offline(&r, i);
		range_verify(&r);
		range_remove_all(&r);
	}
}

/* The host is on its way offline by steps. With an item in it that is not
 * moved yet; all of it can go on, or be called off. */
static void host_going(struct machine *mc, bool cancel)
{
	struct mhp_offline op;
	struct range r;
	uint64_t i;
	int err;

	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
	for (i = LAST; i; i--)
		range_offline(&r, i);
	assert_int_equal(mhp_offline_begin(mc->m, &op, FIRST_BLOCK,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
	/* It is neither, for a while. */
	for (i = LAST; i; i--)
		if (i % 3)
			range_remove(&r, i);
	check_ok(mc);
	if (cancel) {
		mhp_offline_cancel(mc->m, &op);
		range_verify(&r);
	} else {
		do
			err = mhp_offline_step(mc->m, &op, NULL);
		while (err == MHP_ERR_AGAIN);
		assert_int_equal(err, 0);
		r.online[0] = false;
		range_verify(&r);
		range_online(&r, 0, MHP_ONLINE_MOVABLE);
		range_verify(&r);
	}
	range_remove_all(&r);
}

static void test_host_going(struct machine *mc)
{
	char *before = snapshot(mc, 0);

	host_going(mc, true);
	host_going(mc, false);
	unchanged(mc, before, 0);
}

/* Withheld pages at the end of the pageblock into which pages come back: now
 * and then they make it DEAD until then. */
static void withheld_host(struct machine *mc, bool online)
{
	uint64_t nr = mhp_pageblock_pages(mc->g), i;
	struct mhp_range free_pages;
	struct range r;
	mhp_pfn_t end;

	range_add(&r, mc, NR_RANGE, 0);
	for (i = 0; i < NR_RANGE; i++)
		range_online(&r, i, MHP_ONLINE_KERNEL);
	end = block_start(mc, FIRST_BLOCK) + NR_RANGE * r.nr_piece;
	free_pages = mhp_range_make(end, ((end + nr - 1) & ~(nr - 1)) - end);
	for (i = LAST; i; i--)
		range_offline(&r, i);
	if (!online)
		range_offline(&r, 0);
	if (free_pages.nr_pages && end < block_start(mc, FIRST_BLOCK + 1))
		assert_int_equal(
			mhp_withhold(mc->m, free_pages, MHP_NO_DEADLINE, NULL),
			0);
	check_ok(mc);
	for (i = LAST; i; i--) {
		range_remove(&r, i);
		check_ok(mc);
	}
	range_verify(&r);
	if (!online)
		range_online(&r, 0, MHP_ONLINE_KERNEL);
	range_verify(&r);
	if (free_pages.nr_pages && end < block_start(mc, FIRST_BLOCK + 1))
		assert_int_equal(mhp_release(mc->m, free_pages, NULL), 0);
	range_verify(&r);
	range_remove_all(&r);
}

static void test_withheld_host(struct machine *mc)
{
	withheld_host(mc, true);
	withheld_host(mc, false);
	if (!range_can(mc, MHP_MODEL_DIRTY))
		return;
	machine_again(mc, MHP_MODEL_DIRTY);
	withheld_host(mc, true);
	withheld_host(mc, false);
}

/* All that came back is withheld, released, withheld and kept so. */
static void test_withhold_what_came_back(struct machine *mc)
{
	uint64_t nr = mhp_pageblock_pages(mc->g), i, end, from;
	struct mhp_range pages;
	struct range r;

	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
	for (i = LAST; i; i--)
		range_offline(&r, i);
	for (i = LAST; i; i--)
		range_remove(&r, i);
	from = block_start(mc, FIRST_BLOCK) + r.nr_piece;
	end = (from + nr) & ~(nr - 1);
	if (end > block_start(mc, FIRST_BLOCK + 1))
		end = block_start(mc, FIRST_BLOCK + 1);
	pages = mhp_range_make(from, end - from);
	for (i = 0; i < 2; i++) {
		assert_int_equal(
			mhp_withhold(mc->m, pages, MHP_NO_DEADLINE, NULL), 0);
		range_verify(&r);
		if (i)
			break;
		assert_int_equal(mhp_release(mc->m, pages, NULL), 0);
		range_verify(&r);
	}
	range_offline(&r, 0);
	range_online(&r, 0, MHP_ONLINE_MOVABLE);
	range_verify(&r);
	range_remove_all(&r);
}

/* A bad page beside what comes back, and one that held a memmap: it is
 * remembered, and nobody gets it. */
static void test_bad_pages(struct machine *mc)
{
	mhp_pfn_t beside, piece;
	struct taken t;
	struct range r;

	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
	piece = range_piece(&r, LAST).start_pfn;
	beside = piece + r.nr_piece;
	while (range_serves(&r, beside))
		beside++;
	assert_int_equal(mhp_poison_hard(mc->m, beside, NULL), 0);
	assert_int_equal(mhp_poison_hard(mc->m, piece, NULL), MHP_ERR_BUSY);
	check_ok(mc);
	range_offline(&r, LAST);
	range_remove(&r, LAST);
	check_ok(mc);
	taken_start(&t, mc);
	take(&t, &r, UINT64_MAX);
	assert_false(t.is_taken[beside]);
	assert_false(t.is_taken[piece]);
	check_ok(mc);
	give(&t);
	assert_int_equal(mhp_poison_clear(mc->m, piece, NULL), 0);
	assert_int_equal(mhp_poison_clear(mc->m, beside, NULL), 0);
	range_verify(&r);
	take(&t, &r, UINT64_MAX);
	assert_true(t.is_taken[beside]);
	assert_true(t.is_taken[piece]);
	taken_end(&t);
	range_remove_all(&r);
}

/* A host that is all withheld, offline, and has got pages back moves its own
 * memmap: what was all memmap and withheld pages is no more. */
static void test_host_moves(struct machine *mc)
{
	struct range r;
	uint64_t i;
	int err;

	if (!range_can(mc, MHP_ADD_WITHHELD))
		return;
	range_add(&r, mc, NR_RANGE, MHP_ADD_WITHHELD);
	for (i = NR_RANGE - 1; i; i--)
		range_remove(&r, i);
	err = mhp_memmap_move(mc->m, FIRST_BLOCK, MHP_PLACEMENT_BLOCK,
			      MHP_NO_DEADLINE, NULL);
	assert_true(!err || err == MHP_ERR_OPNOTSUPP);
	assert_int_equal(
		mhp_block_online(mc->m, FIRST_BLOCK, MHP_ONLINE_MOVABLE, NULL),
		0);
	check_ok(mc);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK, 1), NULL), 0);
	check_ok(mc);
}

static const struct machine_test tests[] = {
	{"to_a_full_host", test_to_a_full_host},
	{"beside_allocations", test_beside_allocations},
	{"told_and_taken", test_told_and_taken},
	{"events", test_events},
	{"not_behind_scrubbing", test_not_behind_scrubbing},
	{"offline_host", test_offline_host},
	{"host_going", test_host_going},
	{"withheld_host", test_withheld_host},
	{"withhold_what_came_back", test_withhold_what_came_back},
	{"bad_pages", test_bad_pages},
	{"host_moves", test_host_moves},
};

int main(void)
{
	return range_run("range_release", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
