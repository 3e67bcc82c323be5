/* SPDX-License-Identifier: MIT */
/*
 * The front end for LMBs: so many more, so many less, or none. The hypervisor
 * is a model that refuses as it is told.
 */
#include <stdlib.h>

#include "device_lmb.h"
#include "support.h"

#define NR_LMBS 6

/* A hypervisor and the front end; LMBs from FIRST_BLOCK on. */
struct bench {
	struct mhp_model_lmbs hv;
	struct mhp_lmbs lmbs;
	struct machine *mc;
	uint64_t blocks; /* of an LMB */
};

static void bench_open(struct machine *mc, struct bench *b, uint64_t blocks)
{
	uint32_t i;

	*b = (struct bench){
		.hv = {.model = mc->model},
		.lmbs = {.lmbs = b->hv.lmbs,
			 .nr = NR_LMBS,
			 .size_bytes = blocks * mhp_block_bytes(mc->g),
			 .ranges = b->hv.ranges,
			 .ops = &mhp_model_lmb_ops,
			 .ctx = &b->hv},
		.mc = mc,
		.blocks = blocks,
	};
	for (i = 0; i < NR_LMBS; i++)
		b->hv.lmbs[i].start = mhp_pa_from_pfn(
			mc->g, block_start(mc, FIRST_BLOCK + i * blocks));
}

/* What is present is acquired and online; what is not, is neither. */
static uint32_t count_present(struct bench *b)
{
	uint32_t i, nr = 0;
	uint64_t j;

	for (i = 0; i < NR_LMBS; i++) {
		for (j = 0; j < b->blocks; j++) {
			struct mhp_block_info info = {.id = 0};

			(void)!mhp_block_query(b->mc->m,
					       FIRST_BLOCK + i * b->blocks + j,
					       &info);
			assert_int_equal(info.state == MHP_BLOCK_ONLINE,
					 b->hv.lmbs[i].present);
		}
		assert_int_equal(b->hv.acquired[i], b->hv.lmbs[i].present);
		nr += b->hv.lmbs[i].present;
	}
	check_ok(b->mc);
	return nr;
}

static int add(struct bench *b, uint32_t count, struct mhp_report *report)
{
	return mhp_lmb_add(b->mc->m, &b->lmbs, count, report);
}

static int take(struct bench *b, uint32_t count, struct mhp_report *report)
{
	return mhp_lmb_remove(b->mc->m, &b->lmbs, count, MHP_NO_DEADLINE, 0,
			      report);
}

static void count_up_and_down(struct machine *mc, uint64_t blocks)
{
	char *before = snapshot(mc, 0);
	struct bench b;

	bench_open(mc, &b, blocks);
	assert_int_equal(add(&b, 3, NULL), 0);
	assert_int_equal(count_present(&b), 3);
	assert_int_equal(take(&b, 2, NULL), 0);
	assert_int_equal(count_present(&b), 1);
	assert_int_equal(add(&b, 5, NULL), 0);
	assert_int_equal(count_present(&b), NR_LMBS);
	assert_int_equal(take(&b, NR_LMBS, NULL), 0);
	assert_int_equal(count_present(&b), 0);
	unchanged(mc, before, 0);
}

static void test_count(struct machine *mc)
{
	count_up_and_down(mc, 1);
}

static void test_large(struct machine *mc)
{
	count_up_and_down(mc, 2);
}

static void test_wrong(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	struct bench b;

	bench_open(mc, &b, 1);
	assert_int_equal(add(&b, 0, NULL), MHP_ERR_INVAL);
	assert_int_equal(add(&b, NR_LMBS + 1, &report), MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_NO_SLOT);
	assert_int_equal(take(&b, 1, NULL), MHP_ERR_INVAL);
	assert_int_equal(mhp_lmb_add_index(mc->m, &b.lmbs, NR_LMBS, NULL),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_lmb_remove_index(mc->m, &b.lmbs, 0,
					      MHP_NO_DEADLINE, 0, NULL),
			 MHP_ERR_INVAL);
	/* LMBs that are no memory blocks, or lie where something is. */
	b.lmbs.size_bytes += 1;
	assert_int_equal(add(&b, 1, &report), MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_UNALIGNED);
	bench_open(mc, &b, 1);
	b.hv.lmbs[2].start.bytes = UINT64_MAX - 7;
	assert_int_equal(mhp_lmb_add_index(mc->m, &b.lmbs, 2, &report),
			 MHP_ERR_INVAL);
	b.hv.lmbs[2].start.bytes = 0;
	assert_int_equal(mhp_lmb_add_index(mc->m, &b.lmbs, 2, &report),
			 MHP_ERR_EXIST);
	b.hv.lmbs[2].reserved = true;
	assert_int_equal(mhp_lmb_add_index(mc->m, &b.lmbs, 2, NULL),
			 MHP_ERR_INVAL);
	assert_int_equal(b.hv.nr_acquired, 0);
	unchanged(mc, before, 0);
}

static void test_index(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct bench b;

	bench_open(mc, &b, 1);
	assert_int_equal(mhp_lmb_add_index(mc->m, &b.lmbs, 4, NULL), 0);
	assert_int_equal(mhp_lmb_add_index(mc->m, &b.lmbs, 4, NULL),
			 MHP_ERR_INVAL);
	assert_int_equal(count_present(&b), 1);
	assert_true(b.hv.lmbs[4].present);
	assert_int_equal(mhp_lmb_remove_index(mc->m, &b.lmbs, 4,
					      MHP_NO_DEADLINE, 0, NULL),
			 0);
	unchanged(mc, before, 0);
}

/* One that is refused is left out, as long as enough are left. */
static void test_refusals(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	struct bench b;

	bench_open(mc, &b, 1);
	b.hv.refusals[0] = 1;
	assert_int_equal(add(&b, 5, NULL), 0);
	assert_false(b.hv.lmbs[0].present);
	assert_int_equal(take(&b, 5, NULL), 0);
	b.hv.refusals[3] = 1;
	assert_int_equal(add(&b, NR_LMBS, &report), MHP_ERR_INVAL);
	assert_int_equal(report.code, MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_HOST_FAILED);
	assert_int_equal(count_present(&b), 0);
	/* Two that lie over each other. */
	b.hv.lmbs[2].start = b.hv.lmbs[1].start;
	assert_int_equal(add(&b, NR_LMBS, &report), MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_OVERLAP);
	assert_int_equal(b.hv.nr_acquired, 0);
	unchanged(mc, before, 0);
}

/* A notifier that lets some blocks go online only. */
struct porter {
	struct mhp_notifier notifier;
	uint64_t block_id;
};

static int porter_told(struct mhp_notifier *self, struct mhp *m,
		       const struct mhp_notice *notice)
{
	struct porter *porter = (struct porter *)(void *)self;

	(void)m;
	return notice->event == MHP_EVENT_GOING_ONLINE &&
			       notice->block_id == porter->block_id
		       ? MHP_ERR_PERM
		       : 0;
}

static void test_veto(struct machine *mc)
{
	struct porter porter = {.notifier = {.notify = porter_told},
				.block_id = FIRST_BLOCK + 3};
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	struct bench b;

	bench_open(mc, &b, 2);
	assert_int_equal(mhp_notifier_register(mc->m, &porter.notifier), 0);
	assert_int_equal(add(&b, NR_LMBS, &report), MHP_ERR_INVAL);
	assert_int_equal(report.why, MHP_WHY_VETO);
	assert_int_equal(count_present(&b), 0);
	unchanged(mc, before, 0);
	assert_int_equal(mhp_lmb_add_index(mc->m, &b.lmbs, 1, NULL),
			 MHP_ERR_PERM);
	assert_int_equal(add(&b, NR_LMBS - 1, NULL), 0);
	assert_int_equal(count_present(&b), NR_LMBS - 1);
	assert_int_equal(mhp_notifier_unregister(mc->m, &porter.notifier), 0);
	assert_int_equal(take(&b, NR_LMBS - 1, NULL), 0);
}

/* Those that cannot leave are passed over; if too few can, all stay, each in
 * its zone. */
static void test_pinned(struct machine *mc)
{
	struct mhp_report report;
	struct shelf *shelf;
	struct bench b;
	char *before;

	bench_open(mc, &b, 2);
	assert_int_equal(add(&b, NR_LMBS, NULL), 0);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK + 1, 0, 1);
	shelf_fill(shelf, FIRST_BLOCK + 8, 0, 1);
	shelf_fill(shelf, FIRST_BLOCK + 10, 0, 2);
	shelf->items[0].pins = 1;
	shelf->items[1].answer = ANSWER_REFUSED;
	before = snapshot(mc, SNAP_NO_PAGES);
	assert_int_equal(take(&b, NR_LMBS - 1, &report), MHP_ERR_INVAL);
	assert_int_equal(report.code, MHP_ERR_INVAL);
	assert_int_equal(report.pfn, shelf->items[0].pfn);
	assert_int_equal(count_present(&b), NR_LMBS);
	unchanged(mc, before, SNAP_NO_PAGES);
	assert_int_equal(mhp_lmb_remove_index(mc->m, &b.lmbs, 0,
					      MHP_NO_DEADLINE, 0, NULL),
			 MHP_ERR_BUSY);
	assert_int_equal(take(&b, NR_LMBS - 2, NULL), 0);
	assert_true(b.hv.lmbs[0].present);
	assert_true(b.hv.lmbs[4].present);
	assert_int_equal(count_present(&b), 2);
	shelf_verify(shelf);
	shelf_close(shelf);
	assert_int_equal(take(&b, 2, NULL), 0);
}

static void test_deadline(struct machine *mc)
{
	struct mhp_report report;
	struct shelf *shelf;
	struct bench b;
	char *before;

	bench_open(mc, &b, 1);
	assert_int_equal(add(&b, 2, NULL), 0);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK, 0, 1);
	shelf->items[0].answer = ANSWER_AGAIN;
	before = snapshot(mc, 0);
	assert_int_equal(mhp_lmb_remove(mc->m, &b.lmbs, 1, 0, 0, &report),
			 MHP_ERR_TIMEDOUT);
	assert_int_equal(report.why, MHP_WHY_DEADLINE);
	unchanged(mc, before, 0);
	shelf_close(shelf);
	assert_int_equal(take(&b, 2, NULL), 0);
}

/* Boot memory that is said to be an LMB never leaves. */
static void test_boot(struct machine *mc)
{
	struct bench b;

	bench_open(mc, &b, 1);
	b.hv.lmbs[0].start = mhp_pa_from_pfn(mc->g, block_start(mc, 1));
	b.hv.lmbs[0].present = true;
	assert_int_equal(add(&b, 1, NULL), 0);
	assert_int_equal(take(&b, 2, NULL), MHP_ERR_INVAL);
	assert_true(b.hv.lmbs[1].present);
	assert_int_equal(take(&b, 1, NULL), 0);
	assert_true(b.hv.lmbs[0].present);
	assert_false(b.hv.lmbs[1].present);
}

static void test_faults(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	bool failed = true;
	uint64_t k;

	for (k = 1; failed; k++) {
		struct bench b;
		int err;

		bench_open(mc, &b, 1);
		mhp_model_fail(mc->model,
			       k % 2 ? MHP_MODEL_FAIL_ONCE
				     : MHP_MODEL_FAIL_FROM_THEN,
			       (k + 1) / 2);
		err = add(&b, NR_LMBS, NULL);
		failed = mhp_model_faults(mc->model) > 0;
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		assert_int_equal(err, failed ? MHP_ERR_INVAL : 0);
		assert_int_equal(count_present(&b), failed ? 0 : NR_LMBS);
		if (failed) {
			char *after = snapshot(mc, 0);

			assert_same(before, after);
			free(after);
			assert_int_equal(add(&b, NR_LMBS, NULL), 0);
		}
		assert_int_equal(take(&b, NR_LMBS, NULL), 0);
	}
	assert_true(k > 2 * 2 * NR_LMBS);
	unchanged(mc, before, 0);
}

/* What is moved away needs memory that is used for the first time: one LMB
 * that fails is replaced by another, or all stay. */
static void test_faults_remove(struct machine *mc)
{
	bool failed = true;
	uint64_t k;

	for (k = 1; failed; k++) {
		struct shelf *shelf;
		struct bench b;
		char *before;
		uint32_t i;
		int err;

		bench_open(mc, &b, 1);
		assert_int_equal(add(&b, NR_LMBS, NULL), 0);
		shelf = shelf_open(mc);
		for (i = 0; i < NR_LMBS; i++)
			shelf_fill(shelf, FIRST_BLOCK + i, 0, 2);
		before = snapshot(mc, SNAP_NO_PAGES);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_FROM_THEN, k);
		err = take(&b, NR_LMBS - 1, NULL);
		failed = mhp_model_faults(mc->model) > 0;
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		assert_true(!err || (failed && err == MHP_ERR_INVAL));
		assert_int_equal(count_present(&b), err ? NR_LMBS : 1);
		if (err)
			unchanged(mc, before, SNAP_NO_PAGES);
		else
			free(before);
		shelf_verify(shelf);
		shelf_close(shelf);
		assert_int_equal(take(&b, err ? NR_LMBS : 1, NULL), 0);
		/* So that pageblocks are used for the first time again. */
		machine_again(mc, 0);
	}
}

static const struct machine_test tests[] = {
	{"count", test_count},
	{"large", test_large},
	{"wrong", test_wrong},
	{"index", test_index},
	{"refusals", test_refusals},
	{"veto", test_veto},
	{"pinned", test_pinned},
	{"deadline", test_deadline},
	{"boot", test_boot},
	{"faults", test_faults},
	{"faults_remove", test_faults_remove},
};

int main(void)
{
	return machine_run("lmb", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
