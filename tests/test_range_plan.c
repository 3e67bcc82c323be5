/* SPDX-License-Identifier: MIT */
/*
 * Every geometry, with descriptors of many sizes, every placement, and ranges
 * of few and of many blocks: what mhp_plan() says is what comes of it. The
 * range is added, put online, filled with allocations of several orders, each
 * of which finds as many as fit between the memmaps, taken offline and removed.
 *
 * MHP_TEST_ROUNDS above 1 asks for every number of blocks, not for a few.
 */
#include "mhp/plan.h"
#include "range_support.h"

#include <stdlib.h>
#include <string.h>

#define GIB (UINT64_C(1) << 30)

/* Boot memory has room for all memmaps; it is another node than the range. */
#define NR_BOOT 12
#define FIRST 16
#define MOST 17
#define MOST_LARGE 9 /* blocks of the geometries that have a name */

/* No order is tried that this would not be enough for. */
#define MOST_ALLOCATIONS 3000

static const uint16_t descriptors[] = {8, 16, 32, 56, 64, 80, 96};

#define NR_DESCRIPTORS (sizeof(descriptors) / sizeof(descriptors[0]))

/* A range that is there, and the plan for it. */
struct trial {
	struct mhp *m;
	const struct mhp_geometry *g;
	uint64_t nr_blocks;
	struct mhp_range range;
	struct mhp_plan plan;
};

static mhp_pfn_t pfns[MOST_ALLOCATIONS];

static struct mhp_model *machine_of(const struct mhp_geometry *g)
{
	struct mhp_boot_range boot = {
		.range = mhp_range_make(0, NR_BOOT * mhp_block_pages(g)),
	};
	struct mhp_model_config config = {
		.geometry = *g,
		.boot = &boot,
		.nr_boot = 1,
		.max_pfn = (FIRST + MOST) * mhp_block_pages(g),
		/* Nobody is to pay for old content of large memmaps. */
		.flags = MHP_MODEL_REAL_CLOCK,
	};
	struct mhp_model *model = NULL;

	assert_int_equal(mhp_model_create(&config, &model, NULL), 0);
	return model;
}

/* ---- what is added ---- */

static void compare_blocks(const struct trial *t)
{
	uint64_t i, nr_memmap = 0, nr_hosts = 0;

	for (i = 0; i < t->nr_blocks; i++) {
		struct mhp_block_info b;

		assert_int_equal(mhp_block_query(t->m, FIRST + i, &b), 0);
		assert_int_equal(b.placement, t->plan.placement);
		nr_memmap += b.nr_memmap;
		nr_hosts += b.nr_memmap != 0;
	}
	assert_int_equal(nr_memmap, t->plan.nr_hosted_pages);
	assert_int_equal(nr_hosts, t->plan.nr_hosts);
}

static void compare_costs(const struct trial *t)
{
	uint64_t sections = t->range.nr_pages >>
			    (t->g->section_shift - t->g->page_shift);
	struct mhp_stat stat;

	assert_int_equal(mhp_stat_read(t->m, &stat), 0);
	assert_int_equal(stat.existing_memmap_bytes,
			 t->plan.existing_memmap_bytes);
	assert_int_equal(stat.existing_state_bytes,
			 t->plan.existing_state_bytes);
	assert_int_equal(stat.existing_record_bytes,
			 t->plan.existing_record_bytes);
	assert_int_equal(stat.hosted_memmap_bytes,
			 mhp_bytes_from_pages(t->g, t->plan.nr_hosted_pages));
	if (t->plan.placement != MHP_PLACEMENT_EXISTING)
		assert_true(stat.existing_bytes <= 64 * sections);
}

static void trial_add(struct trial *t, enum mhp_placement placement)
{
	struct mhp_plan_request request = {
		.geometry = t->g,
		.placement = placement,
		.range = t->range,
	};
	struct mhp_add_request add = {
		.range = t->range,
		.placement = placement,
		.node = 1,
	};
	struct mhp_report report;

	assert_int_equal(mhp_plan(&request, &t->plan, NULL), 0);
	assert_int_equal(t->plan.nr_blocks, t->nr_blocks);
	assert_int_equal(mhp_add(t->m, &add, &report), 0);
	assert_int_equal(report.why,
			 t->plan.rule ? MHP_WHY_FELL_BACK : MHP_WHY_NONE);
	if (t->plan.rule)
		assert_string_equal(report.detail, t->plan.rule);
	compare_blocks(t);
	compare_costs(t);
}

/* ---- what is usable ---- */

/* Naturally aligned runs between two pages. */
static uint64_t runs(mhp_pfn_t start, mhp_pfn_t end, unsigned int order)
{
	uint64_t size = UINT64_C(1) << order;

	start = (start + size - 1) / size * size;
	end = end / size * size;
	return end > start ? (end - start) / size : 0;
}

/* One unbroken run behind the memmap of a range; one in each block behind that
 * of a block. */
static uint64_t runs_left(const struct trial *t, unsigned int order)
{
	uint64_t nr_memmap = t->plan.nr_hosted_pages, nr = 0, i;
	uint64_t block = mhp_block_pages(t->g);
	mhp_pfn_t start = t->range.start_pfn;

	if (t->plan.placement != MHP_PLACEMENT_BLOCK)
		return runs(start + nr_memmap, mhp_range_end_pfn(t->range),
			    order);
	for (i = 0; i < t->nr_blocks; i++, start += block)
		nr += runs(start + nr_memmap / t->nr_blocks, start + block,
			   order);
	return nr;
}

/* All of an order that can be had, and back. */
static void fill(const struct trial *t, unsigned int order)
{
	const struct mhp_request request = {
		.order = (uint8_t)order,
		.flags = MHP_ALLOC_THIS_NODE,
		.node_plus_1 = 2,
	};
	uint64_t nr = 0, want = runs_left(t, order);

	if (want >= MOST_ALLOCATIONS)
		return;
	while (nr <= want && !mhp_frame_alloc(t->m, &request, &pfns[nr]))
		nr++;
	assert_int_equal(nr, want);
	while (nr--)
		assert_int_equal(mhp_frame_free(t->m, pfns[nr], order), 0);
}

static void trial_use(const struct trial *t)
{
	unsigned int whole = mhp_pageblock_order(t->g);
	unsigned int gigantic = mhp_gigantic_order(t->g);
	uint64_t i;

	for (i = 0; i < t->nr_blocks; i++)
		assert_int_equal(mhp_block_online(t->m, FIRST + i,
						  MHP_ONLINE_KERNEL, NULL),
				 0);
	/* The checker takes its time with memmaps in existing memory. */
	if (t->plan.placement != MHP_PLACEMENT_EXISTING)
		assert_int_equal(mhp_check(t->m, NULL), 0);
	assert_int_equal(runs_left(t, 0), t->plan.nr_usable_pages);
	assert_int_equal(runs_left(t, gigantic), t->plan.nr_gigantic);
	fill(t, gigantic);
	fill(t, whole);
	fill(t, whole < gigantic ? whole + 1 : whole);
	fill(t, whole - 1);
	fill(t, 0);
}

/* ---- all of them ---- */

static void trial_run(struct mhp *m, enum mhp_placement placement,
		      uint64_t nr_blocks)
{
	const struct mhp_geometry *g = mhp_geometry(m);
	uint64_t block = mhp_block_pages(g);
	struct trial t = {
		.m = m,
		.g = g,
		.nr_blocks = nr_blocks,
		.range = mhp_range_make(FIRST * block, nr_blocks * block),
	};
	struct mhp_stat stat;

	trial_add(&t, placement);
	trial_use(&t);
	assert_int_equal(
		mhp_offline_and_remove(m, t.range, MHP_NO_DEADLINE, 0, NULL),
		0);
	assert_int_equal(mhp_stat_read(m, &stat), 0);
	assert_int_equal(stat.existing_bytes, 0);
	assert_int_equal(stat.hosted_memmap_bytes, 0);
	assert_int_equal(mhp_check(m, NULL), 0);
}

/* Of small blocks hosts are full now and then. */
static bool every_number(const struct mhp_geometry *g)
{
	return mhp_block_pages(g) <= 32 || env_number("MHP_TEST_ROUNDS", 1) > 1;
}

static uint64_t next_number(const struct mhp_geometry *g, uint64_t nr)
{
	return nr < 3 || every_number(g) ? nr + 1 : nr * 2 - 1;
}

static void run_placements(struct mhp *m, uint64_t most)
{
	unsigned int placement;
	uint64_t nr;

	for (placement = 0; placement <= MHP_PLACEMENT_RANGE; placement++)
		for (nr = 1; nr <= most; nr = next_number(mhp_geometry(m), nr))
			trial_run(m, (enum mhp_placement)placement, nr);
}

static void run_descriptors(const char *name, struct mhp_geometry g,
			    uint64_t most)
{
	size_t i;

	/* A host of 32 bits has no addresses for large blocks. */
	if (sizeof(void *) == 4 && mhp_block_bytes(&g) * (FIRST + MOST) > GIB) {
		print_message("# %s: not on this host\n", name);
		return;
	}
	g.nr_nodes = 2;
	g.distances = NULL;
	for (i = 0; i < NR_DESCRIPTORS; i++) {
		struct mhp_model *model;

		g.descriptor_bytes = descriptors[i];
		print_message("# %s, %u\n", name, descriptors[i]);
		model = machine_of(&g);
		run_placements(mhp_model_mhp(model), most);
		mhp_model_destroy(model);
	}
}

/* These two have the sizes of x86_64. */
static bool is_double(const char *name)
{
	return !strcmp(name, "arm64-4k") || !strcmp(name, "riscv64");
}

static void test_named(void **state)
{
	const char *name;
	uint32_t i;

	(void)state;
	for (i = 0; (name = mhp_geometry_name(i)) != NULL; i++) {
		struct mhp_geometry g;

		assert_int_equal(mhp_geometry_named(name, &g), 0);
		if (!is_double(name))
			run_descriptors(name, g, MOST_LARGE);
	}
}

static void test_small(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < nr_machine_cases; i++)
		run_descriptors(machine_cases[i].name,
				machine_cases[i].geometry, MOST);
	for (i = 0; i < nr_range_cases; i++)
		run_descriptors(range_cases[i].name, range_cases[i].geometry,
				MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_small),
	};

	return cmocka_run_group_tests_name("range_plan", tests, NULL, NULL);
}
