/* SPDX-License-Identifier: MIT */
/*
 * The front end for standby memory, on a model of what assigns storage: the
 * engine knows exactly the blocks that have some.
 */
#include "device_standby.h"
#include "mhp/policy.h"
#include "support.h"
#include "views.h"

#include <stdlib.h>
#include <sys/mman.h>

#define NR_STANDBY 6

/* The element and the front end; two increments to a block. */
struct bench {
	struct mhp_model_standby element;
	struct mhp_standby standby;
	struct machine *mc;
	bool guards; /* memory without storage cannot be touched */
};

static void bench_guard(struct bench *b, struct mhp_extent e, int protection)
{
	mhp_pa_t start = e.start;
	void *at;

	if (!b->guards)
		return;
	at = mhp_frame_address(b->mc->m, mhp_pfn_from_pa(b->mc->g, start));
	assert_int_equal(mprotect(at, (size_t)e.size_bytes, protection), 0);
}

static int bench_assign(void *ctx, struct mhp_extent increment)
{
	struct bench *b = ctx;
	int err = mhp_model_standby_ops.assign(&b->element, increment);

	if (!err)
		bench_guard(b, increment, PROT_READ | PROT_WRITE);
	return err;
}

static int bench_unassign(void *ctx, struct mhp_extent increment)
{
	struct bench *b = ctx;
	int err = mhp_model_standby_ops.unassign(&b->element, increment);

	if (!err)
		bench_guard(b, increment, PROT_NONE);
	return err;
}

static const struct mhp_standby_ops bench_ops = {
	.size_bytes = sizeof(bench_ops),
	.assign = bench_assign,
	.unassign = bench_unassign,
};

static void bench_make(struct machine *mc, struct bench *b, uint32_t flags)
{
	const struct mhp_extent extent = {
		.start = mhp_pa_from_pfn(mc->g, block_start(mc, FIRST_BLOCK)),
		.size_bytes = NR_STANDBY * mhp_block_bytes(mc->g),
	};

	*b = (struct bench){
		.element = {.model = mc->model,
			    .extent = extent,
			    .increment_bytes = mhp_block_bytes(mc->g) / 2},
		.standby = {.extent = extent,
			    .increment_bytes = mhp_block_bytes(mc->g) / 2,
			    .flags = flags,
			    .ops = &bench_ops,
			    .ctx = b,
			    .blocks = b->element.blocks,
			    .max_blocks = NR_STANDBY},
		.mc = mc,
	};
}

static void bench_open(struct machine *mc, struct bench *b, uint32_t flags)
{
	bench_make(mc, b, flags);
	assert_int_equal(mhp_standby_start(mc->m, &b->standby, NULL), 0);
}

static int configure(struct bench *b, uint64_t i, struct mhp_report *report)
{
	return mhp_standby_configure(b->mc->m, &b->standby, FIRST_BLOCK + i,
				     report);
}

static int deconfigure(struct bench *b, uint64_t i, struct mhp_report *report)
{
	return mhp_standby_deconfigure(b->mc->m, &b->standby, FIRST_BLOCK + i,
				       report);
}

static int set_memmap(struct bench *b, uint64_t i, bool on,
		      struct mhp_report *report)
{
	return mhp_standby_set_memmap_on_memory(b->mc->m, &b->standby,
						FIRST_BLOCK + i, on, report);
}

static int stop(struct bench *b)
{
	return mhp_standby_stop(b->mc->m, &b->standby, NULL);
}

/* Blocks that are known have storage, and no others have. */
static void check_storage(struct bench *b)
{
	struct mhp_block_info info;
	uint64_t i;

	for (i = 0; i < NR_STANDBY; i++) {
		bool known = !mhp_block_query(b->mc->m, FIRST_BLOCK + i, &info);

		assert_int_equal(b->element.assigned[2 * i], known);
		assert_int_equal(b->element.assigned[2 * i + 1], known);
		assert_int_equal(b->element.blocks[i].configured, known);
	}
	check_ok(b->mc);
}

static void test_life(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	struct bench b;

	bench_open(mc, &b, 0);
	check_storage(&b);
	unchanged(mc, before, 0);
	before = snapshot(mc, 0);
	assert_int_equal(configure(&b, 2, NULL), 0);
	assert_int_equal(configure(&b, 2, &report), MHP_ERR_ALREADY);
	check_storage(&b);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 2).placement,
			 MHP_PLACEMENT_BLOCK);
	assert_int_equal(
		online_blocks(mc, FIRST_BLOCK + 2, 1, MHP_ONLINE_MOVABLE), 0);
	assert_int_equal(deconfigure(&b, 2, &report), MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_WRONG_STATE);
	check_storage(&b);
	assert_int_equal(stop(&b), MHP_ERR_BUSY);
	assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK + 2,
					   MHP_NO_DEADLINE, NULL),
			 0);
	assert_int_equal(deconfigure(&b, 2, NULL), 0);
	assert_int_equal(deconfigure(&b, 2, &report), MHP_ERR_ALREADY);
	check_storage(&b);
	assert_int_equal(stop(&b), 0);
	assert_null(mhp_standby_block(&b.standby, FIRST_BLOCK));
	unchanged(mc, before, 0);
}

static void test_memmap(struct machine *mc)
{
	struct mhp_report report;
	struct bench b;

	bench_open(mc, &b, 0);
	assert_true(mhp_standby_block(&b.standby, FIRST_BLOCK)->memmap);
	assert_int_equal(set_memmap(&b, 0, false, NULL), 0);
	assert_int_equal(configure(&b, 0, NULL), 0);
	assert_int_equal(configure(&b, 1, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK).placement,
			 MHP_PLACEMENT_EXISTING);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).placement,
			 MHP_PLACEMENT_BLOCK);
	assert_int_equal(set_memmap(&b, 0, true, &report), MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_WRONG_STATE);
	assert_int_equal(deconfigure(&b, 0, NULL), 0);
	assert_int_equal(set_memmap(&b, 0, true, NULL), 0);
	assert_int_equal(configure(&b, 0, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK).placement,
			 MHP_PLACEMENT_BLOCK);
	assert_int_equal(set_memmap(&b, NR_STANDBY, true, NULL), MHP_ERR_NOENT);
	assert_int_equal(deconfigure(&b, 0, NULL), 0);
	assert_int_equal(deconfigure(&b, 1, NULL), 0);
	assert_int_equal(stop(&b), 0);
}

static void test_memmap_off(struct machine *mc)
{
	struct mhp_boot_range boot[2];
	struct mhp_model_config config = machine_config(mc->c, boot);
	struct bench b;

	machine_end(mc);
	config.profile = MHP_PROFILE_LINUX_6_12;
	config.memmap_on_memory = MHP_MEMMAP_OFF;
	machine_start_config(mc, mc->c, &config);
	bench_open(mc, &b, 0);
	assert_false(mhp_standby_block(&b.standby, FIRST_BLOCK)->memmap);
	assert_int_equal(set_memmap(&b, 0, true, NULL), MHP_ERR_OPNOTSUPP);
	assert_int_equal(set_memmap(&b, 0, false, NULL), 0);
	assert_int_equal(stop(&b), 0);
}

static void assert_no_start(struct bench *b, int code)
{
	char *before = snapshot(b->mc, 0);
	struct mhp_report report;

	assert_int_equal(mhp_standby_start(b->mc->m, &b->standby, &report),
			 code);
	assert_int_equal(report.code, code);
	assert_int_equal(configure(b, 0, NULL), MHP_ERR_NOENT);
	unchanged(b->mc, before, 0);
}

static void test_wrong(struct machine *mc)
{
	static const struct mhp_standby_ops no_ops = {.assign = bench_assign};
	struct bench b;

	bench_make(mc, &b, 0);
	b.standby.extent.size_bytes += 1;
	assert_no_start(&b, MHP_ERR_INVAL);
	bench_make(mc, &b, 0);
	b.standby.extent.start.bytes += mhp_page_bytes(mc->g);
	assert_no_start(&b, MHP_ERR_INVAL);
	bench_make(mc, &b, 0);
	b.standby.increment_bytes = mhp_block_bytes(mc->g) - 1;
	assert_no_start(&b, MHP_ERR_INVAL);
	b.standby.increment_bytes = 2 * mhp_block_bytes(mc->g);
	assert_no_start(&b, MHP_ERR_INVAL);
	bench_make(mc, &b, 0);
	b.standby.node = mc->g->nr_nodes;
	assert_no_start(&b, MHP_ERR_INVAL);
	bench_make(mc, &b, 0);
	b.standby.max_blocks--;
	assert_no_start(&b, MHP_ERR_NOSPC);
	bench_make(mc, &b, 0);
	b.standby.extent.size_bytes *= NR_BLOCKS;
	b.standby.max_blocks = NR_BLOCKS * NR_STANDBY;
	assert_no_start(&b, MHP_ERR_2BIG);
	bench_make(mc, &b, 0);
	b.standby.ops = &no_ops;
	assert_no_start(&b, MHP_ERR_INVAL);
}

/* An element that refuses: half of a block, and later to take it back. */
static void test_refusals(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	struct bench b;

	bench_open(mc, &b, 0);
	b.element.refuse_assign = 2;
	assert_int_equal(configure(&b, 1, &report), MHP_ERR_IO);
	assert_int_equal(report.why, MHP_WHY_HOST_FAILED);
	check_storage(&b);
	/* One increment goes, the other stays. */
	assert_int_equal(configure(&b, 1, NULL), 0);
	b.element.refuse_unassign = 1;
	assert_int_equal(deconfigure(&b, 1, &report), MHP_ERR_IO);
	assert_false(
		mhp_standby_block(&b.standby, FIRST_BLOCK + 1)->configured);
	assert_int_equal(b.element.nr_assigned, 1);
	/* The block gets all of its storage again. */
	assert_int_equal(configure(&b, 1, NULL), 0);
	check_storage(&b);
	assert_int_equal(deconfigure(&b, 1, NULL), 0);
	check_storage(&b);
	assert_int_equal(stop(&b), 0);
	unchanged(mc, before, 0);
}

/* The element lies about where its memory is: something is there. */
static void test_existing(struct machine *mc)
{
	struct mhp_report report;
	struct bench b;

	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 3, 1, MHP_PLACEMENT_BLOCK), 0);
	bench_open(mc, &b, 0);
	assert_true(mhp_standby_block(&b.standby, FIRST_BLOCK + 3)->configured);
	assert_false(mhp_standby_block(&b.standby, FIRST_BLOCK + 3)->memmap);
	assert_int_equal(configure(&b, 3, NULL), MHP_ERR_ALREADY);
	assert_int_equal(deconfigure(&b, 3, &report), MHP_ERR_BUSY);
	/* Somebody comes in between. */
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 4, 1, MHP_PLACEMENT_BLOCK), 0);
	assert_int_equal(configure(&b, 4, &report), MHP_ERR_EXIST);
	assert_int_equal(b.element.nr_assigned, 0);
	assert_int_equal(stop(&b), 0);
	check_ok(mc);
	bench_open(mc, &b, MHP_STANDBY_ALL);
	assert_int_equal(stop(&b), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 4).state,
			 MHP_BLOCK_OFFLINE);
}

/* All blocks from the start: memory is there while one is online only. */
static void test_all(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct shelf *shelf = shelf_open(mc);
	struct bench b;
	uint64_t i;

	bench_open(mc, &b, MHP_STANDBY_ALL);
	b.guards = !(mhp_page_bytes(mc->g) % 4096);
	for (i = 0; i < 2 * NR_STANDBY; i++)
		bench_guard(&b,
			    (struct mhp_extent){{b.standby.extent.start.bytes +
						 i * b.standby.increment_bytes},
						b.standby.increment_bytes},
			    PROT_NONE);
	assert_int_equal(configure(&b, 0, NULL), MHP_ERR_OPNOTSUPP);
	assert_int_equal(set_memmap(&b, 0, false, NULL), MHP_ERR_OPNOTSUPP);
	assert_int_equal(b.element.nr_assigned, 0);
	b.element.refuse_assign = 2;
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 MHP_ERR_IO);
	assert_int_equal(b.element.nr_assigned, 0);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 2, MHP_ONLINE_MOVABLE),
			 0);
	assert_int_equal(b.element.nr_assigned, 4);
	shelf_fill(shelf, FIRST_BLOCK, 0, 3);
	assert_int_equal(stop(&b), MHP_ERR_BUSY);
	for (i = FIRST_BLOCK; i < FIRST_BLOCK + 2; i++)
		assert_int_equal(
			mhp_block_offline(mc->m, i, MHP_NO_DEADLINE, NULL), 0);
	assert_int_equal(b.element.nr_assigned, 0);
	check_ok(mc);
	assert_int_equal(stop(&b), 0);
	shelf_verify(shelf);
	shelf_close(shelf);
	unchanged(mc, before, 0);
}

/* What is added goes online if the policy says so, either way. */
static void test_auto_online(struct machine *mc)
{
	struct mhp_policy policy;
	struct bench b;
	uint64_t i;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	policy.auto_online = MHP_ONLINE_MOVABLE;
	assert_int_equal(mhp_policy_set(mc->m, &policy), 0);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 3, 1, MHP_PLACEMENT_BLOCK), 0);
	bench_open(mc, &b, 0);
	assert_int_equal(configure(&b, 1, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).state,
			 MHP_BLOCK_ONLINE);
	assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK + 1,
					   MHP_NO_DEADLINE, NULL),
			 0);
	assert_int_equal(deconfigure(&b, 1, NULL), 0);
	assert_int_equal(stop(&b), 0);
	bench_open(mc, &b, MHP_STANDBY_ALL);
	assert_int_equal(b.element.nr_assigned, 2 * (NR_STANDBY - 1));
	assert_int_equal(block_info(mc, FIRST_BLOCK + 3).state,
			 MHP_BLOCK_OFFLINE);
	for (i = FIRST_BLOCK; i < FIRST_BLOCK + NR_STANDBY; i++)
		if (i != FIRST_BLOCK + 3)
			assert_int_equal(mhp_block_offline(mc->m, i,
							   MHP_NO_DEADLINE,
							   NULL),
					 0);
	assert_int_equal(b.element.nr_assigned, 0);
	assert_int_equal(stop(&b), 0);
}

static void walk_configure(struct machine *mc, bool memmap)
{
	char *before = snapshot(mc, 0);
	bool failed = true;
	struct bench b;
	uint64_t k;

	bench_open(mc, &b, 0);
	assert_int_equal(set_memmap(&b, 0, memmap, NULL), 0);
	for (k = 1; failed; k++) {
		int err;

		mhp_model_fail(mc->model, MHP_MODEL_FAIL_FROM_THEN, k);
		err = configure(&b, 0, NULL);
		failed = mhp_model_faults(mc->model) > 0;
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		/* The element's own failures come first. */
		assert_int_equal(err, !failed  ? 0
				      : k <= 2 ? MHP_ERR_IO
					       : MHP_ERR_NOMEM);
		check_storage(&b);
		if (failed) {
			char *after = snapshot(mc, 0);

			assert_same(before, after);
			free(after);
		}
	}
	assert_true(k > 5);
	assert_int_equal(deconfigure(&b, 0, NULL), 0);
	assert_int_equal(stop(&b), 0);
	unchanged(mc, before, 0);
}

static void test_faults(struct machine *mc)
{
	walk_configure(mc, true);
	walk_configure(mc, false);
}

static void test_faults_all(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	bool failed = true;
	struct bench b;
	uint64_t k;

	for (k = 1; failed; k++) {
		int err;

		bench_make(mc, &b, MHP_STANDBY_ALL);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_ONCE, k);
		err = mhp_standby_start(mc->m, &b.standby, NULL);
		failed = mhp_model_faults(mc->model) > 0;
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		assert_int_equal(err, failed ? MHP_ERR_NOMEM : 0);
		assert_int_equal(b.standby.nr_blocks, failed ? 0 : NR_STANDBY);
		check_ok(mc);
		if (failed) {
			char *after = snapshot(mc, 0);

			assert_same(before, after);
			free(after);
		}
	}
	assert_true(k > NR_STANDBY);
	assert_int_equal(stop(&b), 0);
	unchanged(mc, before, 0);
}

/* Through the files that tools use: memmap first, then configure. */
static void test_show(struct machine *mc)
{
	static const char config[] = "/sys/firmware/memory/memory8/config";
	static const char memmap[] =
		"/sys/firmware/memory/memory8/memmap_on_memory";
	struct bench b;

	bench_make(mc, &b, 0);
	assert_int_equal(mhp_standby_show(mc->m, &b.standby), MHP_ERR_INVAL);
	bench_open(mc, &b, 0);
	assert_int_equal(mhp_standby_show(mc->m, &b.standby), 0);
	views_assert(mc->m, config, "0\n");
	assert_int_equal(views_put(mc->m, memmap, "0"), 0);
	views_assert(mc->m, memmap, "0\n");
	assert_int_equal(views_put(mc->m, config, "1"), 0);
	views_assert(mc->m, config, "1\n");
	views_assert(mc->m, MHP_VIEW_MEMORY "/memory8/state", "offline\n");
	assert_int_equal(block_info(mc, FIRST_BLOCK).placement,
			 MHP_PLACEMENT_EXISTING);
	assert_int_equal(views_put(mc->m, memmap, "1"), MHP_ERR_BUSY);
	assert_int_equal(views_put(mc->m, config, "0"), 0);
	assert_int_equal(views_error(mc->m, MHP_VIEW_MEMORY "/memory8/state"),
			 MHP_ERR_NOENT);
	views_assert(mc->m, config, "0\n");
	assert_int_equal(mhp_view_set_firmware(mc->m, NULL), 0);
	assert_int_equal(views_error(mc->m, config), MHP_ERR_NOENT);
	assert_int_equal(stop(&b), 0);
}

static const struct machine_test tests[] = {
	{"show", test_show},
	{"life", test_life},
	{"memmap", test_memmap},
	{"memmap_off", test_memmap_off},
	{"wrong", test_wrong},
	{"refusals", test_refusals},
	{"existing", test_existing},
	{"all", test_all},
	{"faults", test_faults},
	{"faults_all", test_faults_all},
	{"auto_online", test_auto_online},
};

int main(void)
{
	return machine_run("standby", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
