/* SPDX-License-Identifier: MIT */
/*
 * The front end for balloons with an honest host: a range that is backed bit by
 * bit, a reserve that gives and takes, and pages that are held, which do not
 * keep memory from leaving.
 */
#include <stdlib.h>

#include "balloon_support.h"
#include "mhp/policy.h"

static void life_hot_add(struct machine *mc, enum mhp_placement placement,
			 uint64_t step)
{
	struct balloon_rig *rig;
	char *before = snapshot(mc, 0);
	uint64_t nr, all;

	rig = balloon_open(mc, placement);
	all = balloon_range_pages(rig);
	while (rig->b.nr_backed < all) {
		nr = all - rig->b.nr_backed < step ? all - rig->b.nr_backed
						   : step;
		assert_int_equal(balloon_hot_add(rig, nr, NULL), 0);
		assert_int_equal(balloon_nr_used(rig), rig->b.nr_backed);
	}
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_ONLINE);
	balloon_close(rig);
	unchanged(mc, before, 0);
}

static void test_hot_add(struct machine *mc)
{
	uint64_t block = mhp_block_pages(mc->g);

	life_hot_add(mc, MHP_PLACEMENT_AUTO, block);
	life_hot_add(mc, MHP_PLACEMENT_AUTO, block / 2);
	life_hot_add(mc, MHP_PLACEMENT_AUTO, block / 3);
	life_hot_add(mc, MHP_PLACEMENT_AUTO, block + 7);
	life_hot_add(mc, MHP_PLACEMENT_EXISTING, block / 3);
	life_hot_add(mc, MHP_PLACEMENT_BLOCK, block / 3);
}

/* A block carries its memmap if what is backed covers it. */
static void test_placement(struct machine *mc)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_BLOCK);
	uint64_t block = mhp_block_pages(mc->g), nr_hosted;

	assert_int_equal(mhp_hosted_pages(mc->m, rig->b.setup.range,
					  MHP_PLACEMENT_BLOCK, &nr_hosted),
			 0);
	assert_true(nr_hosted > 0);
	assert_int_equal(balloon_hot_add(rig, nr_hosted, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK).placement,
			 MHP_PLACEMENT_EXISTING);
	assert_int_equal(balloon_hot_add(rig, block + 1, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).placement,
			 MHP_PLACEMENT_BLOCK);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).nr_memmap, nr_hosted);
	balloon_close(rig);
}

static void assert_refused(struct balloon_rig *rig, mhp_pfn_t start,
			   uint64_t nr_pages)
{
	struct mhp_report report;
	char *before = snapshot(rig->mc, 0);

	assert_int_equal(mhp_balloon_hot_add(rig->mc->m, &rig->b,
					     mhp_range_make(start, nr_pages),
					     &report),
			 MHP_ERR_INVAL);
	assert_int_equal(report.code, MHP_ERR_INVAL);
	assert_int_equal(report.stage, MHP_STAGE_DEVICE);
	unchanged(rig->mc, before, 0);
}

/* A host that announces what does not follow. */
static void test_hot_add_refused(struct machine *mc)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	uint64_t block = mhp_block_pages(mc->g);
	mhp_pfn_t start = rig->b.setup.range.start_pfn;

	assert_refused(rig, start + 1, block);
	assert_refused(rig, start - 1, block);
	assert_refused(rig, start, 0);
	assert_refused(rig, start, balloon_range_pages(rig) + 1);
	assert_refused(rig, start, UINT64_MAX);
	assert_int_equal(balloon_hot_add(rig, block / 2, NULL), 0);
	assert_refused(rig, start, block);
	assert_refused(rig, start + block / 2 - 1, block);
	assert_refused(rig, start + block, block);
	assert_refused(rig, start + block / 2, UINT64_MAX);
	balloon_close(rig);
}

static void test_hot_add_meets_other(struct machine *mc)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	uint64_t block = mhp_block_pages(mc->g);
	struct mhp_report report;
	char *before;

	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_EXISTING), 0);
	assert_int_equal(balloon_hot_add(rig, block / 2, NULL), 0);
	before = snapshot(mc, 0);
	assert_int_equal(balloon_hot_add(rig, block, &report), MHP_ERR_EXIST);
	assert_int_equal(report.why, MHP_WHY_OVERLAP);
	assert_int_equal(rig->b.nr_backed, block / 2);
	assert_true(rig->b.closed);
	unchanged(mc, before, 0);
	/* For good. */
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK + 1, 1), NULL),
		0);
	assert_int_equal(balloon_hot_add(rig, block, &report), MHP_ERR_EXIST);
	balloon_close(rig);
}

/* Pages of blocks that are offline are the engine's when those go online. */
static void test_offline(struct machine *mc)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	uint64_t block = mhp_block_pages(mc->g);
	struct mhp_policy policy;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	policy.auto_online = MHP_ONLINE_OFFLINE;
	assert_int_equal(mhp_policy_set(mc->m, &policy), 0);
	assert_int_equal(balloon_hot_add(rig, block / 2, NULL), 0);
	assert_int_equal(balloon_hot_add(rig, block / 4, NULL), 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_OFFLINE);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 0);
	balloon_check(rig);
	assert_int_equal(balloon_nr_used(rig), block / 2 + block / 4);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_int_equal(
		balloon_hot_add(rig, block - block / 2 - block / 4, NULL), 0);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 0);
	assert_int_equal(balloon_nr_used(rig), block);
	balloon_close(rig);
}

static void deflate_to(struct balloon_rig *rig, uint64_t nr_pages)
{
	uint64_t nr = nr_pages - rig->b.nr_backed, done;

	assert_int_equal(balloon_deflate(rig, nr, &done, NULL), 0);
	assert_int_equal(done, nr);
	assert_int_equal(rig->b.nr_backed, nr_pages);
	assert_int_equal(balloon_nr_used(rig), nr_pages);
}

static void inflate_to(struct balloon_rig *rig, uint64_t nr_pages)
{
	uint64_t nr = rig->b.nr_backed - nr_pages, done;

	assert_int_equal(balloon_inflate(rig, nr, &done, NULL), 0);
	assert_int_equal(done, nr);
	assert_int_equal(rig->b.nr_backed, nr_pages);
	assert_int_equal(balloon_nr_used(rig), nr_pages);
}

static void life_reserve(struct machine *mc, enum mhp_placement placement,
			 uint64_t step)
{
	struct balloon_rig *rig;
	char *before = snapshot(mc, 0);
	uint64_t nr, all, done;

	rig = balloon_open(mc, placement);
	all = balloon_range_pages(rig);
	for (nr = step; nr < all; nr += step)
		deflate_to(rig, nr);
	deflate_to(rig, all);
	assert_int_equal(balloon_deflate(rig, 1, &done, NULL), MHP_ERR_NOSPC);
	assert_int_equal(done, 0);
	for (nr = all - all % step; nr >= 2 * step; nr -= step)
		if (nr < rig->b.nr_backed)
			inflate_to(rig, nr);
	deflate_to(rig, all / 2 + 3);
	inflate_to(rig, 0);
	unchanged(mc, before, 0);
	before = snapshot(mc, 0);
	deflate_to(rig, all / 2 + 3);
	balloon_close(rig);
	free(before);
}

static void test_reserve(struct machine *mc)
{
	uint64_t block = mhp_block_pages(mc->g);

	life_reserve(mc, MHP_PLACEMENT_EXISTING, block);
	life_reserve(mc, MHP_PLACEMENT_EXISTING, block / 4);
	life_reserve(mc, MHP_PLACEMENT_EXISTING, block / 3);
	life_reserve(mc, MHP_PLACEMENT_AUTO, block);
}

/* Whatever is asked for, what is given and taken adds up. */
static void test_hosted_reserve(struct machine *mc)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_BLOCK);
	uint64_t all = balloon_range_pages(rig), done;
	uint64_t step = all / 7 + 1, balance = 0;

	while (balance + step <= all) {
		assert_int_equal(balloon_deflate(rig, step, &done, NULL), 0);
		balance += done;
		assert_int_equal(balance, rig->b.nr_backed);
	}
	while (balance >= step) {
		int err = balloon_inflate(rig, step, &done, NULL);

		assert_true(!err || err == MHP_ERR_NOSPC);
		balance -= done;
		assert_int_equal(balance,
				 rig->b.nr_backed - balloon_nr_held(rig));
		if (err)
			break;
	}
	balloon_close(rig);
}

/* Without a range it takes pages from anywhere. */
static void test_held(struct machine *mc)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	char *before = snapshot(mc, SNAP_NO_PAGES);
	uint64_t free_before, done;
	struct mhp_report report;

	free_before = block_info(mc, 0).nr_free +
		      block_info(mc, NR_BOOT_BLOCKS - 1).nr_free;
	assert_true(free_before > 0);
	assert_int_equal(balloon_inflate(rig, 5, &done, NULL), 0);
	assert_int_equal(done, 5);
	assert_int_equal(balloon_nr_held(rig), 5);
	assert_int_equal(mhp_owner_unregister(mc->m, rig->b.owner),
			 MHP_ERR_BUSY);
	assert_int_equal(balloon_deflate(rig, 2, &done, NULL), 0);
	assert_int_equal(balloon_nr_held(rig), 3);
	/* More than it may hold, or than there is. */
	(void)balloon_inflate(rig, BALLOON_MAX_HELD, &done, &report);
	assert_true(report.code == MHP_ERR_NOSPC ||
		    report.code == MHP_ERR_NOMEM);
	assert_int_equal(balloon_nr_held(rig), 3 + done);
	assert_int_equal(balloon_deflate(rig, done + 3, &done, NULL), 0);
	assert_int_equal(balloon_nr_held(rig), 0);
	unchanged(mc, before, SNAP_NO_PAGES);
	balloon_close(rig);
}

/* Pages that it holds in a block, which is plugged for them. */
static struct balloon_rig *hold_in_block(struct machine *mc, uint64_t nr)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_AUTO);
	uint64_t done;

	plug(mc, FIRST_BLOCK + BALLOON_NR_BLOCKS, 1, MHP_PLACEMENT_BLOCK,
	     MHP_ONLINE_MOVABLE);
	assert_int_equal(balloon_inflate(rig, nr, &done, NULL), 0);
	assert_int_equal(
		block_info(mc, FIRST_BLOCK + BALLOON_NR_BLOCKS).nr_allocated,
		nr);
	return rig;
}

static int eject(struct machine *mc, struct mhp_report *report)
{
	return mhp_offline_and_remove(
		mc->m, block_range(mc, FIRST_BLOCK + BALLOON_NR_BLOCKS, 1),
		MHP_NO_DEADLINE, 0, report);
}

/* Held pages do not keep a block, and stay held. */
static void test_held_move(struct machine *mc)
{
	struct balloon_rig *rig = hold_in_block(mc, 6);

	assert_int_equal(eject(mc, NULL), 0);
	balloon_check(rig);
	assert_int_equal(balloon_nr_held(rig), 6);
	balloon_close(rig);
}

/* Memory that comes back to the engine must be backed first. */
static void test_held_not_populated(struct machine *mc)
{
	struct balloon_rig *rig = hold_in_block(mc, 6);
	struct mhp_report report;

	mhp_model_host_set_budget(rig->host, 0);
	/* The first page takes the place of its successor, and so on. */
	mhp_model_host_lie(rig->host, MHP_MODEL_HOST_REFUSES, 0, 10000);
	assert_int_equal(eject(mc, &report), MHP_ERR_BUSY);
	assert_string_equal(report.owner_name, "balloon");
	balloon_check(rig);
	assert_int_equal(balloon_nr_held(rig), 6);
	assert_int_equal(
		mhp_balloon_fini(mc->m, &rig->b, MHP_NO_DEADLINE, &report),
		MHP_ERR_NOMEM);
	assert_int_equal(report.code, MHP_ERR_NOMEM);
	mhp_model_host_lie(rig->host, MHP_MODEL_HOST_HONEST, 0, 0);
	mhp_model_host_set_budget(rig->host, 1);
	assert_int_equal(eject(mc, NULL), 0);
	balloon_check(rig);
	mhp_model_host_set_budget(rig->host, 100);
	balloon_close(rig);
}

/* A page that the host does not take need not be held. */
static void test_held_not_released(struct machine *mc)
{
	struct balloon_rig *rig = hold_in_block(mc, 6);

	mhp_model_host_lie(rig->host, MHP_MODEL_HOST_NOTHING, 1, 1);
	assert_int_equal(eject(mc, NULL), 0);
	balloon_check(rig);
	assert_int_equal(balloon_nr_held(rig), 5);
	balloon_close(rig);
}

/* Inflating goes around memory that cannot move. */
static void test_inflate_in_use(struct machine *mc)
{
	struct balloon_rig *rig = balloon_open(mc, MHP_PLACEMENT_EXISTING);
	uint64_t all = balloon_range_pages(rig), done;
	uint64_t block = mhp_block_pages(mc->g);
	struct shelf *shelf;

	deflate_to(rig, all);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK + 2, 0, 3);
	shelf->items[1].pins = 1;
	shelf->items[1].answer = ANSWER_REFUSED;
	assert_int_equal(balloon_inflate(rig, block, &done, NULL), 0);
	assert_int_equal(rig->b.nr_backed, all - block);
	(void)balloon_inflate(rig, block, &done, NULL);
	assert_true(rig->b.nr_backed >
		    shelf->items[1].pfn - rig->b.setup.range.start_pfn);
	assert_int_equal(done,
			 all - block - rig->b.nr_backed + balloon_nr_held(rig));
	shelf_verify(shelf);
	assert_int_equal(
		mhp_balloon_fini(mc->m, &rig->b, MHP_NO_DEADLINE, NULL),
		MHP_ERR_BUSY);
	balloon_check(rig);
	shelf_close(shelf);
	balloon_close(rig);
}

static const struct machine_test tests[] = {
	{"hot_add", test_hot_add},
	{"placement", test_placement},
	{"hot_add_refused", test_hot_add_refused},
	{"hot_add_meets_other", test_hot_add_meets_other},
	{"offline", test_offline},
	{"reserve", test_reserve},
	{"hosted_reserve", test_hosted_reserve},
	{"held", test_held},
	{"held_move", test_held_move},
	{"held_not_populated", test_held_not_populated},
	{"held_not_released", test_held_not_released},
	{"inflate_in_use", test_inflate_in_use},
};

int main(void)
{
	return machine_run("balloon", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
