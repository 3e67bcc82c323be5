/* SPDX-License-Identifier: MIT */
/*
 * A range with one memmap, and every call of the port and every answer of a
 * notifier on its way: each fails, once and from then on. The state is as
 * before; every block is in the zone that it had, its allocations with it; and
 * the same call succeeds when nothing fails any more.
 *
 * The calls are walked through by number, as in test_faults.c, all on one
 * machine: what failed has left nothing, so the next may fail there, too.
 */
#include <stdlib.h>

#include "mhp/move.h"
#include "range_support.h"

/* More than any call here makes. */
#define MANY_CALLS 1000

static const enum mhp_model_fault hows[] = {MHP_MODEL_FAIL_ONCE,
					    MHP_MODEL_FAIL_FROM_THEN};

static uint64_t pages_used(struct machine *mc)
{
	uint64_t id = 0, nr = 0;

	for (; !mhp_block_next(mc->m, &id); id++)
		nr += block_info(mc, id).nr_allocated;
	return nr;
}

/* ---- add ---- */

static void add_walked(struct machine *mc, uint32_t flags,
		       enum mhp_model_fault how)
{
	struct mhp_add_request add = {
		.range = block_range(mc, FIRST_BLOCK, NR_RANGE),
		.placement = MHP_PLACEMENT_RANGE,
		.flags = flags | MHP_ADD_STRICT,
	};
	char *before = snapshot(mc, 0);
	uint64_t k = 1;
	int err;

	for (;; k++) {
		struct mhp_report report;
		char *after;

		mhp_model_fail(mc->model, how, k);
		err = mhp_add(mc->m, &add, &report);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		if (!err || k > MANY_CALLS)
			break;
		assert_int_equal(err, MHP_ERR_NOMEM);
		assert_int_equal(report.code, err);
		after = snapshot(mc, 0);
		check_ok(mc);
		assert_same(before, after);
		free(after);
	}
	assert_int_equal(err, 0);
	/* A record and a mapping for each block at least. */
	assert_true(k > 2 * NR_RANGE);
	assert_int_equal(mhp_remove(mc->m, add.range, NULL), 0);
	unchanged(mc, before, 0);
}

static void test_add(struct machine *mc)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		add_walked(mc, 0, hows[i]);
		add_walked(mc, MHP_ADD_WITHHELD, hows[i]);
	}
}

/* Nothing else asks the port for what it may refuse, as long as nobody has
 * anything of the range. */
static void test_asks_nothing(struct machine *mc)
{
	struct range r;
	uint64_t i;

	range_add(&r, mc, NR_RANGE, 0);
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_FROM_THEN, 1);
	for (i = 0; i < NR_RANGE; i++)
		range_online(&r, i, MHP_ONLINE_KERNEL);
	for (i = NR_RANGE; i-- > NR_RANGE / 2;) {
		range_offline(&r, i);
		range_remove(&r, i);
	}
	check_ok(mc);
	assert_int_equal(mhp_offline_and_remove(
				 mc->m,
				 block_range(mc, FIRST_BLOCK, NR_RANGE / 2),
				 MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(mhp_model_calls(mc->model), 0);
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
}

/* ---- a range that is in use ---- */

/* Ways to name all of a range. */
#define NR_ORDERS 3

static uint32_t name_ranges(struct machine *mc, unsigned int order,
			    struct mhp_range *ranges)
{
	uint32_t i;

	if (!order) {
		ranges[0] = block_range(mc, FIRST_BLOCK, NR_RANGE);
		return 1;
	}
	for (i = 0; i < NR_RANGE; i++)
		ranges[i] = block_range(mc,
					FIRST_BLOCK +
						(order == 1 ? NR_RANGE - 1 - i
							    : i * 7 % NR_RANGE),
					1);
	return NR_RANGE;
}

static int eject(struct machine *mc, unsigned int order, uint32_t flags,
		 struct mhp_report *report)
{
	struct mhp_range ranges[NR_RANGE];
	uint32_t nr = name_ranges(mc, order, ranges);

	return mhp_offline_and_remove_ranges(mc->m, ranges, nr, MHP_NO_DEADLINE,
					     flags, report);
}

/* Blocks beside the range. */
#define ELSEWHERE (FIRST_BLOCK + NR_RANGE)
#define NR_ELSEWHERE (NR_BLOCKS - ELSEWHERE)

#define MOST_HELD 1024

static struct {
	mhp_pfn_t pfn;
	unsigned int order;
} held[MOST_HELD];
static unsigned int nr_held;

/* All that is free, in pieces as large as can be had. */
static void hold_all(struct machine *mc)
{
	struct mhp_request request = {.mobility = MHP_UNMOVABLE};
	unsigned int order = mhp_pageblock_order(mc->g) + 1;

	while (order--) {
		request.order = (uint8_t)order;
		while (!mhp_frame_alloc(mc->m, &request, &held[nr_held].pfn)) {
			held[nr_held].order = order;
			assert_true(++nr_held < MOST_HELD);
		}
	}
}

static void hold_none(struct machine *mc)
{
	while (nr_held--)
		assert_int_equal(mhp_frame_free(mc->m, held[nr_held].pfn,
						held[nr_held].order),
				 0);
	nr_held = 0;
}

static uint64_t nr_free(struct machine *mc, uint64_t id, uint64_t nr)
{
	uint64_t free_pages = 0;

	for (; nr; nr--, id++)
		free_pages += block_info(mc, id).nr_free;
	return free_pages;
}

/* Blocks of two zones, hosts and dependents, of which @nr are in use: an item
 * of that order in each. */
static struct shelf *range_use(struct range *r, struct machine *mc, uint64_t nr,
			       unsigned int order)
{
	uint64_t i, size = UINT64_C(1) << order;
	struct shelf *shelf;

	range_add(r, mc, NR_RANGE, 0);
	for (i = 0; i < NR_RANGE; i++)
		range_online(r, i,
			     i % 3 ? MHP_ONLINE_MOVABLE : MHP_ONLINE_KERNEL);
	shelf = shelf_open(mc);
	for (i = 0; i < NR_RANGE && nr; i++) {
		if (range_nr_memmap(r, i) + size > r->block_pages)
			continue;
		shelf_fill(shelf, range_id(r, i), order, 1);
		nr--;
	}
	range_verify(r);
	return shelf;
}

/* The same, and what leaves goes to boot memory. */
static struct shelf *range_in_use(struct range *r, struct machine *mc)
{
	return range_use(r, mc, nr_free(mc, 0, NR_BOOT_BLOCKS) / 2, 0);
}

/* The same, and what leaves must go to memory that was never used. A pageblock
 * has room for two items: the port is asked again and again. */
static struct shelf *range_hemmed_in(struct range *r, struct machine *mc)
{
	unsigned int order = mhp_pageblock_order(mc->g) - 1;
	struct shelf *shelf;
	uint64_t nr;

	plug(mc, ELSEWHERE, NR_ELSEWHERE, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_KERNEL);
	nr = nr_free(mc, ELSEWHERE, NR_ELSEWHERE) / 2 >> order;
	assert_int_equal(
		mhp_offline_and_remove(mc->m,
				       block_range(mc, ELSEWHERE, NR_ELSEWHERE),
				       MHP_NO_DEADLINE, 0, NULL),
		0);
	hold_all(mc);
	shelf = range_use(r, mc, nr, order);
	plug(mc, ELSEWHERE, NR_ELSEWHERE, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_MOVABLE);
	return shelf;
}

static void hem_out(struct machine *mc, struct shelf *shelf)
{
	shelf_close(shelf);
	hold_none(mc);
	assert_int_equal(
		mhp_offline_and_remove(mc->m,
				       block_range(mc, ELSEWHERE, NR_ELSEWHERE),
				       MHP_NO_DEADLINE, 0, NULL),
		0);
}

/* It is as it was; what moved stays moved. */
static void still_there(struct range *r, struct shelf *shelf,
			const char *before, uint64_t used)
{
	char *after = snapshot(r->mc, SNAP_NO_PAGES);

	check_ok(r->mc);
	assert_same(before, after);
	free(after);
	assert_int_equal(pages_used(r->mc), used);
	shelf_verify(shelf);
}

/* ---- the port fails while a range leaves ---- */

struct walk {
	struct machine *mc;
	unsigned int order;
	uint32_t flags;
	enum mhp_model_fault how;
	uint64_t nr_failed, nr_in_the_middle;
};

static uint64_t nr_gone_offline(struct machine *mc)
{
	return stat_now(mc).nr_offlines;
}

/* Call @k fails: all is as before, and then it works. Without a pageblock the
 * allocator takes another one, so failing once may do no harm. */
static bool eject_failing(struct walk *w, uint64_t k)
{
	char *empty = snapshot(w->mc, 0), *before;
	struct range r;
	struct shelf *shelf = range_hemmed_in(&r, w->mc);
	uint64_t used = pages_used(w->mc), nr_before, nr_faults;
	int err;

	before = snapshot(w->mc, SNAP_NO_PAGES);
	nr_before = nr_gone_offline(w->mc);
	mhp_model_fail(w->mc->model, w->how, k);
	err = eject(w->mc, w->order, w->flags, NULL);
	nr_faults = mhp_model_faults(w->mc->model);
	mhp_model_fail(w->mc->model, MHP_MODEL_FAIL_NEVER, 0);
	if (err) {
		assert_int_equal(err, MHP_ERR_NOMEM);
		assert_true(nr_faults > 0);
		w->nr_failed++;
		w->nr_in_the_middle += nr_gone_offline(w->mc) > nr_before;
		still_there(&r, shelf, before, used);
		assert_int_equal(eject(w->mc, w->order, w->flags, NULL), 0);
	}
	free(before);
	shelf_verify(shelf);
	hem_out(w->mc, shelf);
	unchanged(w->mc, empty, 0);
	return nr_faults;
}

static void test_eject(struct machine *mc)
{
	/* Large blocks cost time. */
	unsigned int step = mc->g->block_shift < 23 ? 1 : 5, i;
	struct walk w = {.mc = mc};
	uint64_t k;

	for (i = 0; i < NR_ORDERS * 4; i += step) {
		w.order = i % NR_ORDERS;
		w.how = hows[i / NR_ORDERS & 1];
		w.flags = i / NR_ORDERS & 2 ? MHP_OFFLINE_TWICE : 0;
		for (k = 1; eject_failing(&w, k); k++)
			assert_true(k < MANY_CALLS);
	}
	print_message("# %u times, %u in the middle\n",
		      (unsigned int)w.nr_failed,
		      (unsigned int)w.nr_in_the_middle);
	assert_true(w.nr_failed >= 2 * NR_ORDERS / step);
	assert_true(w.nr_in_the_middle > 0);
}

/* ---- notifiers refuse ---- */

/* Refuses the k-th event that it may, of those that it cares about. */
struct refuser {
	struct mhp_notifier notifier;
	uint64_t k, nr_asked, nr_refused;
	enum mhp_model_fault how;
	bool online_too;
};

static bool refuser_cares(const struct refuser *r, enum mhp_event event)
{
	switch (event) {
	case MHP_EVENT_GOING_OFFLINE:
	case MHP_EVENT_NODE_REMOVING_LAST:
		return true;
	case MHP_EVENT_GOING_ONLINE:
	case MHP_EVENT_NODE_ADDING_FIRST:
		return r->online_too;
	default:
		return false;
	}
}

static int refuse(struct mhp_notifier *self, struct mhp *m,
		  const struct mhp_notice *notice)
{
	struct refuser *r = (struct refuser *)(void *)self;

	(void)m;
	if (r->how == MHP_MODEL_FAIL_NEVER || !refuser_cares(r, notice->event))
		return 0;
	r->nr_asked++;
	if (r->nr_asked != r->k &&
	    !(r->how == MHP_MODEL_FAIL_FROM_THEN && r->nr_asked > r->k))
		return 0;
	r->nr_refused++;
	return MHP_ERR_PERM;
}

static void refuser_set(struct refuser *r, enum mhp_model_fault how, uint64_t k)
{
	r->how = how;
	r->k = k;
	r->nr_asked = r->nr_refused = 0;
}

static void veto_walked(struct machine *mc, unsigned int order, uint32_t flags,
			enum mhp_model_fault how)
{
	struct refuser refuser = {.notifier = {.notify = refuse}};
	char *empty = snapshot(mc, 0), *before;
	struct range r;
	struct shelf *shelf = range_in_use(&r, mc);
	uint64_t used = pages_used(mc), k;

	before = snapshot(mc, SNAP_NO_PAGES);
	assert_int_equal(mhp_notifier_register(mc->m, &refuser.notifier), 0);
	for (k = 1;; k++) {
		int err;

		refuser_set(&refuser, how, k);
		err = eject(mc, order, flags, NULL);
		if (!err)
			break;
		assert_int_equal(err, MHP_ERR_PERM);
		still_there(&r, shelf, before, used);
	}
	/* One for each block at least, unless what refuses once is asked
	 * again. */
	assert_true(k > NR_RANGE);
	assert_int_equal(mhp_notifier_unregister(mc->m, &refuser.notifier), 0);
	free(before);
	shelf_verify(shelf);
	shelf_close(shelf);
	unchanged(mc, empty, 0);
}

static void test_veto(struct machine *mc)
{
	unsigned int order;

	for (order = 0; order < NR_ORDERS; order++) {
		veto_walked(mc, order, 0, MHP_MODEL_FAIL_ONCE);
		veto_walked(mc, order, 0, MHP_MODEL_FAIL_FROM_THEN);
		veto_walked(mc, order, MHP_OFFLINE_TWICE,
			    MHP_MODEL_FAIL_FROM_THEN);
	}
}

/* Whatever is asked from some moment on is refused, the way back as well: what
 * cannot come back stays offline, with all that needs it, and can come back
 * later, in order. */
static void test_no_way_back(struct machine *mc)
{
	struct refuser refuser = {.notifier = {.notify = refuse},
				  .online_too = true};
	struct range r;
	struct shelf *shelf = range_in_use(&r, mc);
	uint64_t used = pages_used(mc), k;

	assert_int_equal(mhp_notifier_register(mc->m, &refuser.notifier), 0);
	for (k = 1; k <= NR_RANGE; k++) {
		uint64_t i;

		refuser_set(&refuser, MHP_MODEL_FAIL_FROM_THEN, k);
		assert_int_equal(
			eject(mc, (unsigned int)k % NR_ORDERS, 0, NULL),
			MHP_ERR_PERM);
		refuser_set(&refuser, MHP_MODEL_FAIL_NEVER, 0);
		check_ok(mc);
		for (i = 0; i < NR_RANGE; i++)
			r.online[i] = block_info(mc, range_id(&r, i)).state ==
				      MHP_BLOCK_ONLINE;
		range_verify(&r);
		assert_int_equal(pages_used(mc), used);
		shelf_verify(shelf);
		for (i = 0; i < NR_RANGE; i++)
			if (!r.online[i])
				range_online(&r, i,
					     i % 3 ? MHP_ONLINE_MOVABLE
						   : MHP_ONLINE_KERNEL);
	}
	range_verify(&r);
	assert_int_equal(mhp_notifier_unregister(mc->m, &refuser.notifier), 0);
	assert_int_equal(eject(mc, 0, 0, NULL), 0);
	shelf_verify(shelf);
	shelf_close(shelf);
}

/* ---- the deadline passes in the middle ---- */

#define LATE_NS 1000

static void at_move_wait(struct shelf *shelf, const struct mhp_move *move)
{
	(void)move;
	mhp_model_advance(shelf->mc->model, LATE_NS / 8);
}

/* After so many moves it is late: blocks that are empty by then come back. */
static void test_late(struct machine *mc)
{
	char *empty = snapshot(mc, 0), *before;
	struct range r;
	struct shelf *shelf = range_in_use(&r, mc);
	uint64_t used = pages_used(mc), now = 0, deadline;
	int err;

	before = snapshot(mc, SNAP_NO_PAGES);
	shelf->at_move = at_move_wait;
	/* Less and less is left to move, as what moved stays moved. */
	for (deadline = LATE_NS / 8; deadline < 100 * LATE_NS;
	     deadline += LATE_NS) {
		err = mhp_offline_and_remove(
			mc->m, block_range(mc, FIRST_BLOCK, NR_RANGE), deadline,
			0, NULL);
		now++;
		if (!err)
			break;
		assert_int_equal(err, MHP_ERR_TIMEDOUT);
		still_there(&r, shelf, before, used);
	}
	assert_int_equal(err, 0);
	assert_true(now > 1);
	free(before);
	shelf_verify(shelf);
	shelf_close(shelf);
	unchanged(mc, empty, 0);
}

/* ---- a memmap moves out of its host ---- */

/* A dependent that holds no memmap, its own or others'. */
#define LAST (NR_RANGE - 1)

static void move_walked(struct machine *mc, enum mhp_placement placement,
			enum mhp_model_fault how, bool online)
{
	char *empty = snapshot(mc, 0), *before;
	struct range r;
	uint64_t k = 0;
	int err;

	range_add(&r, mc, NR_RANGE, 0);
	for (k = 0; online && k < NR_RANGE; k++)
		range_online(&r, k, MHP_ONLINE_MOVABLE);
	before = snapshot(mc, 0);
	for (k = 1;; k++) {
		char *after;

		mhp_model_fail(mc->model, how, k);
		err = mhp_memmap_move(mc->m, range_id(&r, LAST), placement,
				      MHP_NO_DEADLINE, NULL);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		if (err != MHP_ERR_NOMEM || k > MANY_CALLS)
			break;
		after = snapshot(mc, 0);
		check_ok(mc);
		assert_same(before, after);
		free(after);
	}
	free(before);
	check_ok(mc);
	/* Not every block can hold its own. */
	assert_int_equal(err, 0);
	assert_int_equal(block_info(mc, range_id(&r, LAST)).placement,
			 placement);
	assert_int_equal(eject(mc, 1, 0, NULL), 0);
	unchanged(mc, empty, 0);
}

static void test_move(struct machine *mc)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		move_walked(mc, MHP_PLACEMENT_EXISTING, hows[i & 1], i & 2);
		move_walked(mc, MHP_PLACEMENT_BLOCK, hows[i & 1], i & 2);
	}
}

static const struct machine_test tests[] = {
	{"add", test_add},
	{"asks_nothing", test_asks_nothing},
	{"eject", test_eject},
	{"veto", test_veto},
	{"no_way_back", test_no_way_back},
	{"late", test_late},
	{"move", test_move},
};

int main(void)
{
	return range_run("range_faults", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
