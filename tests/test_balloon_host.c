/* SPDX-License-Identifier: MIT */
/*
 * The front end for balloons with a host that refuses, does a part, or says
 * what cannot be, and with a port that fails: at every call, one after the
 * other. The engine is sound and uses only what is backed; a call that failed
 * can be made again.
 */
#include <stdlib.h>

#include "balloon_support.h"

#define MANY_CALLS 3000
#define NR_STEPS 200

/* What a balloon does: from where, to where, in thirds of memory blocks. */
struct subject {
	uint64_t from;
	uint64_t to;
};

static const struct subject subjects[] = {{0, 2}, {2, 7}, {7, 5}, {8, 0}};

static uint64_t thirds(const struct balloon_rig *rig, uint64_t nr)
{
	return nr * mhp_block_pages(rig->mc->g) / 3;
}

/* Pages more than none that the guest has. */
static uint64_t balance(const struct balloon_rig *rig)
{
	return rig->b.nr_backed - balloon_nr_held(rig);
}

/* Go on to where the balloon shall be. */
static int step_to(struct balloon_rig *rig, uint64_t nr_pages, uint64_t *done,
		   struct mhp_report *report)
{
	uint64_t now = balance(rig);

	if (nr_pages >= now)
		return balloon_deflate(rig, nr_pages - now, done, report);
	return balloon_inflate(rig, now - nr_pages, done, report);
}

/* The host is told to lie at a call; returns whether it did. */
static bool lie_once(struct machine *mc, const struct subject *s,
		     enum mhp_model_host_lie lie, unsigned int after)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_EXISTING);
	struct mhp_report report = {.code = 0};
	uint64_t done, before, moved;
	bool told;
	int err;

	assert_int_equal(step_to(rig, thirds(rig, s->from), &done, NULL), 0);
	before = balance(rig);
	mhp_model_host_lie(rig->host, lie, after, 1);
	err = step_to(rig, thirds(rig, s->to), &done, &report);
	told = mhp_model_host_nr_lies(rig->host);
	moved = before > balance(rig) ? before - balance(rig)
				      : balance(rig) - before;
	if (err)
		assert_int_equal(report.code, err);
	assert_int_equal(err == MHP_ERR_IO, told && lie == MHP_MODEL_HOST_MORE);
	if (err != MHP_ERR_IO) {
		assert_int_equal(done, moved);
		assert_int_equal(step_to(rig, thirds(rig, s->to), &done, NULL),
				 0);
		balloon_close(rig);
		return told;
	}
	/* It is not asked again, and what is not held can leave. */
	assert_int_equal(balloon_deflate(rig, 1, &done, NULL), MHP_ERR_IO);
	assert_int_equal(balloon_inflate(rig, 1, &done, NULL), MHP_ERR_IO);
	assert_int_equal(balloon_hot_add(rig, 1, NULL), MHP_ERR_IO);
	assert_int_equal(balloon_nr_held(rig), 0);
	balloon_close(rig);
	return told;
}

static void test_lies(struct machine *mc)
{
	unsigned int i, lie, after;

	for (i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		for (lie = MHP_MODEL_HOST_REFUSES; lie <= MHP_MODEL_HOST_MORE;
		     lie++)
			for (after = 0;
			     lie_once(mc, &subjects[i],
				      (enum mhp_model_host_lie)lie, after);
			     after++)
				assert_true(after < MANY_CALLS);
}

/* A host that says too much about a page that is held keeps it for ever. */
static void test_broken_while_held(struct machine *mc)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	struct mhp_report report;
	uint64_t done;

	assert_int_equal(balloon_inflate(rig, 3, &done, NULL), 0);
	mhp_model_host_lie(rig->host, MHP_MODEL_HOST_MORE, 0, 1);
	assert_int_equal(balloon_deflate(rig, 1, &done, &report), MHP_ERR_IO);
	assert_int_equal(report.why, MHP_WHY_DEVICE_ANSWER);
	assert_int_equal(done, 0);
	assert_int_equal(balloon_nr_held(rig), 3);
	assert_int_equal(
		mhp_balloon_fini(mc->m, &rig->b, MHP_NO_DEADLINE, NULL),
		MHP_ERR_IO);
	check_ok(mc);
	balloon_forget(rig);
}

static void test_gives_fewer(struct machine *mc)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	uint64_t block = mhp_block_pages(mc->g), done;
	struct mhp_report report;

	mhp_model_host_set_budget(rig->host, block / 2);
	assert_int_equal(balloon_deflate(rig, block, &done, &report),
			 MHP_ERR_NOMEM);
	assert_int_equal(done, block / 2);
	assert_int_equal(rig->b.nr_backed, block / 2);
	assert_int_equal(report.why, MHP_WHY_DEVICE_BUSY);
	assert_int_equal(balloon_deflate(rig, block, &done, NULL),
			 MHP_ERR_NOMEM);
	assert_int_equal(done, 0);
	balloon_close(rig);
}

/* ---- setups that are wrong ---- */

static void assert_no_init(struct machine *mc,
			   const struct mhp_balloon_setup *setup, int code)
{
	struct mhp_report report;
	struct mhp_balloon b;

	assert_int_equal(mhp_balloon_init(mc->m, &b, setup, &report), code);
	assert_int_equal(report.code, code);
}

static void test_init(struct machine *mc)
{
	struct mhp_balloon_ops ops = mhp_model_host_ops;
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	const struct mhp_balloon_setup right = rig->b.setup;
	struct mhp_balloon_setup setup = right;
	struct mhp_balloon b;
	uint64_t done;

	setup.range.start_pfn++;
	assert_no_init(mc, &setup, MHP_ERR_INVAL);
	setup = right;
	setup.range.nr_pages--;
	assert_no_init(mc, &setup, MHP_ERR_INVAL);
	setup = right;
	setup.range = block_range(mc, NR_BLOCKS - 1, 2);
	assert_no_init(mc, &setup, MHP_ERR_2BIG);
	setup.range = mhp_range_make(block_start(mc, FIRST_BLOCK),
				     0 - mhp_block_pages(mc->g));
	assert_no_init(mc, &setup, MHP_ERR_2BIG);
	setup = right;
	setup.node = mc->g->nr_nodes;
	assert_no_init(mc, &setup, MHP_ERR_INVAL);
	setup = right;
	setup.placement = (enum mhp_placement)77;
	assert_no_init(mc, &setup, MHP_ERR_INVAL);
	setup = right;
	setup.held = NULL;
	assert_no_init(mc, &setup, MHP_ERR_INVAL);
	setup = right;
	setup.ops = &ops;
	ops.release = NULL;
	assert_no_init(mc, &setup, MHP_ERR_INVAL);
	/* Without operations only the host acts. */
	setup.ops = NULL;
	setup.max_held = 0;
	assert_int_equal(mhp_balloon_init(mc->m, &b, &setup, NULL), 0);
	assert_int_equal(mhp_balloon_deflate(mc->m, &b, 1, &done, NULL),
			 MHP_ERR_OPNOTSUPP);
	assert_int_equal(mhp_balloon_inflate(mc->m, &b, 1, 0, &done, NULL),
			 MHP_ERR_OPNOTSUPP);
	assert_int_equal(mhp_balloon_fini(mc->m, &b, 0, NULL), 0);
	balloon_close(rig);
}

/* ---- a port that fails ---- */

/* Returns whether the call met the failure. */
static bool fault_once(struct machine *mc, const struct subject *s, bool add,
		       enum mhp_model_fault how, uint64_t k)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	struct mhp_report report = {.code = 0};
	uint64_t nr = thirds(rig, s->to) - thirds(rig, s->from), done = 0;
	char *before;
	bool met;
	int err;

	assert_int_equal(balloon_hot_add(rig, thirds(rig, s->from) + 1, NULL),
			 0);
	before = snapshot(mc, 0);
	mhp_model_fail(mc->model, how, k);
	err = add ? balloon_hot_add(rig, nr, &report)
		  : balloon_deflate(rig, nr, &done, &report);
	met = mhp_model_faults(mc->model) > 0;
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	if (err) {
		assert_true(met);
		assert_int_equal(report.code, err);
		assert_int_equal(done, 0);
		assert_true(add ||
			    !mhp_model_host_backs(rig->host,
						  rig->b.setup.range.start_pfn +
							  rig->b.nr_backed));
		unchanged(mc, before, 0);
		assert_int_equal(balloon_hot_add(rig, nr, NULL), 0);
	} else {
		free(before);
	}
	balloon_close(rig);
	return met;
}

/* Likewise of giving pages back, and of the end: they give what they can. */
static bool fault_shrink_once(struct machine *mc, bool end,
			      enum mhp_model_fault how, uint64_t k)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	struct shelf *shelf = shelf_open(mc);
	uint64_t done = 0, all = thirds(rig, 7);
	bool met;
	int err;

	assert_int_equal(balloon_hot_add(rig, all, NULL), 0);
	/* In the range, so that its move opens a pageblock elsewhere. */
	assert_non_null(shelf_alloc(shelf, NULL));
	mhp_model_fail(mc->model, how, k);
	err = end ? mhp_balloon_fini(mc->m, &rig->b, MHP_NO_DEADLINE, NULL)
		  : balloon_inflate(rig, all, &done, NULL);
	met = mhp_model_faults(mc->model) > 0;
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	shelf_verify(shelf);
	assert_true(!err || met);
	if (!end)
		assert_int_equal(balance(rig), all - done);
	else if (err)
		assert_int_equal(rig->b.nr_backed, all);
	if (err || !end) {
		balloon_check(rig);
		balloon_close(rig);
	} else {
		check_ok(mc);
		balloon_forget(rig);
	}
	shelf_close(shelf);
	return met;
}

static void test_faults(struct machine *mc)
{
	unsigned int i, how, add;
	uint64_t k, nr = 0;

	for (i = 0; i < 2; i++)
		for (how = MHP_MODEL_FAIL_ONCE; how <= MHP_MODEL_FAIL_FROM_THEN;
		     how++)
			for (add = 0; add < 2; add++)
				for (k = 1;
				     fault_once(mc, &subjects[i], add,
						(enum mhp_model_fault)how, k);
				     k++)
					nr++;
	assert_true(nr >= 2 * 2 * 2);
}

static uint64_t fault_shrink_walk(struct machine *mc, bool end,
				  enum mhp_model_fault how)
{
	bool met = true;
	uint64_t k;

	for (k = 0; met; k++) {
		/* Pageblocks that were never used. */
		machine_again(mc, 0);
		met = fault_shrink_once(mc, end, how, k + 1);
	}
	return k - 1;
}

static void test_faults_shrink(struct machine *mc)
{
	unsigned int how;

	for (how = MHP_MODEL_FAIL_ONCE; how <= MHP_MODEL_FAIL_FROM_THEN;
	     how++) {
		enum mhp_model_fault fault = (enum mhp_model_fault)how;

		assert_true(fault_shrink_walk(mc, false, fault) > 0);
		assert_true(fault_shrink_walk(mc, true, fault) > 0);
	}
}

/* ---- somebody else at work ---- */

/* A host at whose call somebody begins to take the first block offline. */
struct meanwhile {
	struct balloon_rig *rig;
	struct mhp_offline op;
};

static int64_t meanwhile_populate(void *ctx, struct mhp_range range)
{
	struct meanwhile *w = ctx;

	assert_int_equal(mhp_offline_begin(w->rig->mc->m, &w->op, FIRST_BLOCK,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
	return mhp_model_host_ops.populate(w->rig->host, range);
}

static int64_t meanwhile_release(void *ctx, struct mhp_range range)
{
	struct meanwhile *w = ctx;

	return mhp_model_host_ops.release(w->rig->host, range);
}

static const struct mhp_balloon_ops meanwhile_ops = {
	.size_bytes = sizeof(meanwhile_ops),
	.populate = meanwhile_populate,
	.release = meanwhile_release,
};

/* The new blocks are forgotten if the one before them cannot take its part. */
static void test_in_transition(struct machine *mc)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	const struct mhp_balloon_setup honest = rig->b.setup;
	struct meanwhile w = {.rig = rig};
	struct mhp_report report;
	uint64_t done;

	assert_int_equal(balloon_deflate(rig, thirds(rig, 2), &done, NULL), 0);
	rig->b.setup.ops = &meanwhile_ops;
	rig->b.setup.ops_ctx = &w;
	assert_int_equal(balloon_deflate(rig, thirds(rig, 6), &done, &report),
			 MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_TRANSITION);
	assert_int_equal(done, 0);
	assert_int_equal(rig->b.nr_backed, thirds(rig, 2));
	assert_int_equal(mhp_block_query(mc->m, FIRST_BLOCK + 1,
					 &(struct mhp_block_info){0}),
			 MHP_ERR_NOENT);
	assert_false(mhp_model_host_backs(rig->host, honest.range.start_pfn +
							     rig->b.nr_backed));
	mhp_offline_cancel(mc->m, &w.op);
	rig->b.setup = honest;
	assert_int_equal(balloon_deflate(rig, thirds(rig, 6), &done, NULL), 0);
	balloon_close(rig);
}

/* ---- everything at once ---- */

static void random_step(struct balloon_rig *rig, struct shelf *shelf,
			struct dice *dice)
{
	struct item *item = &shelf->items[dice_below(dice, NR_ITEMS)];
	uint64_t done;

	if (!item->live)
		(void)shelf_alloc(shelf, NULL);
	else if (!dice_below(dice, 3))
		shelf_free(shelf, item);
	else
		item->answer = dice_below(dice, 4) ? ANSWER_MOVED
						   : ANSWER_REFUSED;
	if (dice_below(dice, 4))
		return;
	mhp_model_host_lie(
		rig->host,
		(enum mhp_model_host_lie)dice_below(dice, MHP_MODEL_HOST_MORE),
		(unsigned int)dice_below(dice, 5),
		(unsigned int)dice_below(dice, 5));
	(void)step_to(rig, dice_below(dice, balloon_range_pages(rig)), &done,
		      NULL);
	mhp_model_host_lie(rig->host, MHP_MODEL_HOST_HONEST, 0, 0);
}

static void test_random(struct machine *mc)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	struct shelf *shelf = shelf_open(mc);
	struct dice dice;
	unsigned int i;

	dice_start(&dice, 3);
	for (i = 0; i < 2 * NR_STEPS; i++)
		random_step(rig, shelf, &dice);
	shelf_verify(shelf);
	shelf_close(shelf);
	balloon_close(rig);
}

static const struct machine_test tests[] = {
	{"lies", test_lies},
	{"broken_while_held", test_broken_while_held},
	{"gives_fewer", test_gives_fewer},
	{"init", test_init},
	{"faults", test_faults},
	{"faults_shrink", test_faults_shrink},
	{"in_transition", test_in_transition},
	{"random", test_random},
};

int main(void)
{
	return machine_run("balloon_host", tests,
			   sizeof(tests) / sizeof(tests[0]), true);
}
