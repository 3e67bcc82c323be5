/* SPDX-License-Identifier: MIT */
/*
 * What a terabyte takes of the memory that is there, when it was added, went
 * online, was used here and there, and went offline, on a port whose memory is
 * there when it is touched: at most 96 MiB, so that 64 TiB get by with 6 GiB.
 * `mhp bench scale` does the same with all 64.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

#define GIB_PAGES (UINT64_C(1) << 18)
#define NR_GIB 256
#define MOST_BYTES (NR_GIB * (UINT64_C(96) << 10))
#define NR_BLOCKS_ADDED (NR_GIB * 8)
#define NR_USED (NR_GIB * 4)

struct used {
	mhp_pfn_t pfn;
	uint8_t order;
};

struct footprint {
	struct machine mc;
	struct dice dice;
	uint16_t owner;
	uint64_t ids[NR_BLOCKS_ADDED];
	struct used used[NR_USED];
	size_t nr_used;
	uint64_t most_bytes;
};

static uint64_t resident_bytes(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*u %llu", &pages), 1);
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void look(struct footprint *f)
{
	uint64_t now = resident_bytes();

	if (now > f->most_bytes)
		f->most_bytes = now;
}

static void open_machine(struct footprint *f)
{
	static const struct mhp_boot_range boot = {.range = {0, GIB_PAGES}};
	struct mhp_model_config config = {
		.boot = &boot,
		.nr_boot = 1,
		.max_pfn = (8 + NR_GIB) * GIB_PAGES,
		.flags = MHP_MODEL_REAL_CLOCK,
	};

	assert_int_equal(mhp_geometry_named("x86_64", &config.geometry), 0);
	config.geometry.descriptor_bytes = 16;
	assert_int_equal(mhp_model_create(&config, &f->mc.model, NULL), 0);
	f->mc.m = mhp_model_mhp(f->mc.model);
	f->mc.g = mhp_geometry(f->mc.m);
}

static void shuffle(struct footprint *f)
{
	size_t i;

	for (i = NR_BLOCKS_ADDED; i > 1; i--) {
		size_t k = dice_below(&f->dice, i);
		uint64_t id = f->ids[i - 1];

		f->ids[i - 1] = f->ids[k];
		f->ids[k] = id;
	}
}

/* In any order, each to any zone. */
static void online_all(struct footprint *f)
{
	size_t i;

	shuffle(f);
	for (i = 0; i < NR_BLOCKS_ADDED; i++)
		assert_int_equal(mhp_block_online(f->mc.m, f->ids[i],
						  dice_below(&f->dice, 2)
							  ? MHP_ONLINE_KERNEL
							  : MHP_ONLINE_MOVABLE,
						  NULL),
				 0);
}

static void take(struct footprint *f)
{
	struct used *u = &f->used[f->nr_used++];
	struct mhp_request request = {.owner = f->owner};

	u->order = (uint8_t)dice_below(&f->dice, 10);
	request.order = u->order;
	request.mobility = dice_below(&f->dice, 2) ? MHP_MOVABLE
						   : MHP_UNMOVABLE;
	assert_int_equal(mhp_frame_alloc(f->mc.m, &request, &u->pfn), 0);
}

static void give(struct footprint *f)
{
	size_t i = dice_below(&f->dice, f->nr_used);
	struct used u = f->used[i];

	f->used[i] = f->used[--f->nr_used];
	assert_int_equal(mhp_frame_free(f->mc.m, u.pfn, u.order), 0);
}

/* Allocations of all orders come and go. */
static void use(struct footprint *f)
{
	int rounds;

	for (rounds = 0; rounds < 4; rounds++) {
		while (f->nr_used < NR_USED)
			take(f);
		while (f->nr_used > NR_USED / 2)
			give(f);
	}
	look(f);
	while (f->nr_used)
		give(f);
}

static int never_asked(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	(void)ctx;
	(void)m;
	(void)move;
	return MHP_ERR_BUSY;
}

static void take_offline(struct footprint *f)
{
	size_t i;

	shuffle(f);
	for (i = 0; i < NR_BLOCKS_ADDED; i++)
		assert_int_equal(mhp_block_offline(f->mc.m, f->ids[i],
						   MHP_NO_DEADLINE, NULL),
				 0);
	look(f);
}

static void test_footprint(void **state)
{
	static const struct mhp_owner_ops owner = {
		.size_bytes = sizeof(owner),
		.name = "footprint",
		.move = never_asked,
	};
	static struct footprint f;
	uint64_t before, i, first = 8 * 8;

	(void)state;
	if (sizeof(void *) < 8 || getenv("MHP_TEST_EMULATED")) {
		print_message("no address space, or an emulator's records\n");
		skip();
	}
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	print_message(
		"a sanitizer's records take more than what is measured\n");
	skip();
#endif
	dice_start(&f.dice, 1);
	open_machine(&f);
	assert_int_equal(mhp_owner_register(f.mc.m, &owner, NULL, &f.owner), 0);
	for (i = 0; i < NR_BLOCKS_ADDED; i++)
		f.ids[i] = first + i;
	before = resident_bytes();
	assert_int_equal(
		add_blocks(&f.mc, first, NR_BLOCKS_ADDED, MHP_PLACEMENT_BLOCK),
		0);
	online_all(&f);
	look(&f);
	use(&f);
	take_offline(&f);
	print_message("%u GiB took %" PRIu64 " KiB\n", NR_GIB,
		      (f.most_bytes - before) >> 10);
	assert_in_range(f.most_bytes - before, 1, MOST_BYTES);
	assert_int_equal(mhp_remove(f.mc.m,
				    block_range(&f.mc, first, NR_BLOCKS_ADDED),
				    NULL),
			 0);
	check_ok(&f.mc);
	mhp_model_destroy(f.mc.model);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_footprint),
	};

	return cmocka_run_group_tests_name("footprint", tests, NULL, NULL);
}
