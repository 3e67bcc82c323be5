/* SPDX-License-Identifier: MIT */
/* Machines for tests, and the short forms of calls; see support.h. */
#include "support.h"

#include "mhp/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t three_nodes[] = {10, 20, 30, 20, 10, 15, 30, 15, 10};

#define GEOMETRY(page, pmd, pageblock, section, block, descriptor)          \
	{                                                                   \
		.page_shift = (page), .pmd_shift = (pmd),                   \
		.pageblock_shift = (pageblock), .section_shift = (section), \
		.block_shift = (block), .pud_shift = (block) + 1,           \
		.phys_bits = 40, .descriptor_bytes = (descriptor),          \
		.nr_nodes = 1, .nr_cpus = 1,                                \
	}

/* The default one first, the odd one second. */
const struct machine_case machine_cases[] = {
	/* A page of memmap for each block, rows of 16 pages. */
	{.name = "small", .geometry = GEOMETRY(12, 16, 16, 18, 20, 16)},
	/* Large pages, Linux-sized descriptors. */
	{.name = "odd", .geometry = GEOMETRY(16, 22, 22, 24, 26, 64)},
	/* Less than a page of memmap: no window can map that. */
	{.name = "tiny", .geometry = GEOMETRY(12, 16, 16, 18, 19, 16)},
	/* The engine's word is all there is; small pages. */
	{.name = "desc8", .geometry = GEOMETRY(10, 15, 15, 18, 19, 8)},
	/* Large descriptors: the state hides among them. */
	{.name = "desc96", .geometry = GEOMETRY(12, 17, 17, 18, 20, 96)},
	/* Descriptors in the linear map, four pages of them in one piece. */
	{.name = "nowindow",
	 .geometry = GEOMETRY(12, 17, 17, 20, 20, 64),
	 .flags = MHP_MODEL_NO_WINDOW},
	/* A block of eight sections; zones DMA and DMA32. */
	{.name = "sections",
	 .geometry = GEOMETRY(12, 18, 18, 18, 21, 16),
	 .zones = true},
	/* Pageblocks of eight rows, as on x86. */
	{.name = "rows", .geometry = GEOMETRY(12, 21, 21, 22, 23, 16)},
	/* The smallest pageblocks, all state shared by few pages. */
	{.name = "four", .geometry = GEOMETRY(12, 14, 14, 16, 18, 64)},
	{.name = "nodes",
	 .geometry = {.page_shift = 12,
		      .pmd_shift = 17,
		      .pageblock_shift = 17,
		      .section_shift = 19,
		      .block_shift = 20,
		      .pud_shift = 21,
		      .phys_bits = 40,
		      .descriptor_bytes = 16,
		      .nr_nodes = 3,
		      .nr_cpus = 4,
		      .distances = three_nodes}},
};

const unsigned int nr_machine_cases = sizeof(machine_cases) /
				      sizeof(machine_cases[0]);

static const struct machine_case *machine_case_named(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_machine_cases; i++)
		if (!strcmp(machine_cases[i].name, name))
			return &machine_cases[i];
	fprintf(stderr, "no geometry \"%s\"\n", name);
	exit(2);
}

const struct machine_case *machine_case_default(void)
{
	const char *name = getenv("MHP_TEST_GEOMETRY");

	return name && *name ? machine_case_named(name) : &machine_cases[0];
}

struct mhp_model_config machine_config(const struct machine_case *c,
				       struct mhp_boot_range boot[2])
{
	uint64_t block = mhp_block_pages(&c->geometry);
	bool two = c->geometry.nr_nodes > 1;
	uint64_t first = two ? NR_BOOT_BLOCKS / 2 : NR_BOOT_BLOCKS;

	boot[0].range = mhp_range_make(0, first * block);
	boot[0].node = 0;
	boot[1].range = mhp_range_make(first * block,
				       (NR_BOOT_BLOCKS - first) * block);
	boot[1].node = 1;
	return (struct mhp_model_config){
		.geometry = c->geometry,
		.boot = boot,
		.nr_boot = two ? 2 : 1,
		.max_pfn = NR_BLOCKS * block,
		.dma_end_pfn = c->zones ? block : 0,
		.dma32_end_pfn = c->zones ? 2 * block : 0,
		.flags = c->flags,
	};
}

void machine_start_config(struct machine *mc, const struct machine_case *c,
			  const struct mhp_model_config *config)
{
	struct mhp_report report;
	int err = mhp_model_create(config, &mc->model, &report);

	if (err) {
		char text[256];

		mhp_report_text(&report, text, sizeof(text));
		fail_msg("%s: %s", c->name, text);
	}
	mc->c = c;
	mc->m = mhp_model_mhp(mc->model);
	mc->g = mhp_geometry(mc->m);
	check_ok(mc);
}

void machine_start(struct machine *mc, const struct machine_case *c,
		   uint32_t flags)
{
	struct mhp_boot_range boot[2];
	struct mhp_model_config config = machine_config(c, boot);

	config.flags |= flags;
	machine_start_config(mc, c, &config);
}

void machine_end(struct machine *mc)
{
	check_ok(mc);
	mhp_model_destroy(mc->model);
	mc->model = NULL;
}

void machine_again(struct machine *mc, uint32_t flags)
{
	machine_end(mc);
	machine_start(mc, mc->c, flags);
}

/* What a test that was made from a machine_test needs to run. */
struct machine_run {
	const struct machine_case *c;
	const struct machine_test *test;
	struct machine mc;
};

static int run_setup(void **state)
{
	struct machine_run *run = *state;

	machine_start(&run->mc, run->c, 0);
	return 0;
}

static void run_on_machine(void **state)
{
	struct machine_run *run = *state;

	run->test->run(&run->mc);
}

static int run_teardown(void **state)
{
	struct machine_run *run = *state;

	if (run->mc.model)
		machine_end(&run->mc);
	return 0;
}

static void run_fill(struct CMUnitTest *unit, struct machine_run *run,
		     const struct machine_test *test,
		     const struct machine_case *c)
{
	size_t room = strlen(test->name) + strlen(c->name) + 2;
	char *name = malloc(room);

	if (!name)
		abort();
	snprintf(name, room, "%s/%s", test->name, c->name);
	run->c = c;
	run->test = test;
	*unit = (struct CMUnitTest){
		.name = name,
		.test_func = run_on_machine,
		.setup_func = run_setup,
		.teardown_func = run_teardown,
		.initial_state = run,
	};
}

int machine_run_cases(const char *group, const struct machine_test *tests,
		      unsigned int nr_tests, const struct machine_case *cases,
		      unsigned int nr_cases)
{
	unsigned int nr = nr_tests * nr_cases, i;
	struct CMUnitTest *units = calloc(nr, sizeof(*units));
	struct machine_run *runs = calloc(nr, sizeof(*runs));
	int failed;

	if (!units || !runs)
		abort();
	for (i = 0; i < nr; i++)
		run_fill(&units[i], &runs[i], &tests[i / nr_cases],
			 &cases[i % nr_cases]);
	failed = _cmocka_run_group_tests(group, units, nr, NULL, NULL);
	for (i = 0; i < nr; i++)
		free((void *)(uintptr_t)units[i].name);
	free(units);
	free(runs);
	return failed;
}

int machine_run(const char *group, const struct machine_test *tests,
		unsigned int nr_tests, bool all)
{
	const char *chosen = getenv("MHP_TEST_GEOMETRY");

	if (all && !(chosen && *chosen))
		return machine_run_cases(group, tests, nr_tests, machine_cases,
					 nr_machine_cases);
	return machine_run_cases(group, tests, nr_tests, machine_case_default(),
				 1);
}

int machine_run_on(const char *group, const struct machine_test *tests,
		   unsigned int nr_tests, const char *case_name)
{
	return machine_run_cases(group, tests, nr_tests,
				 machine_case_named(case_name), 1);
}

struct mhp_range block_range(const struct machine *mc, uint64_t block_id,
			     uint64_t nr)
{
	return mhp_range_make(block_start(mc, block_id),
			      nr * mhp_block_pages(mc->g));
}

mhp_pfn_t block_start(const struct machine *mc, uint64_t block_id)
{
	return block_id * mhp_block_pages(mc->g);
}

int add_blocks(struct machine *mc, uint64_t block_id, uint64_t nr,
	       enum mhp_placement placement)
{
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.range = block_range(mc, block_id, nr),
		.placement = placement,
	};

	return mhp_add(mc->m, &request, NULL);
}

int online_blocks(struct machine *mc, uint64_t block_id, uint64_t nr,
		  enum mhp_online_type type)
{
	int err = 0;

	for (; nr && !err; nr--, block_id++)
		err = mhp_block_online(mc->m, block_id, type, NULL);
	return err;
}

void plug(struct machine *mc, uint64_t block_id, uint64_t nr,
	  enum mhp_placement placement, enum mhp_online_type type)
{
	assert_int_equal(add_blocks(mc, block_id, nr, placement), 0);
	assert_int_equal(online_blocks(mc, block_id, nr, type), 0);
}

struct mhp_block_info block_info(struct machine *mc, uint64_t block_id)
{
	struct mhp_block_info info;

	assert_int_equal(mhp_block_query(mc->m, block_id, &info), 0);
	return info;
}

struct mhp_page_info page_info(struct machine *mc, mhp_pfn_t pfn)
{
	struct mhp_page_info info;

	assert_int_equal(mhp_frame_query(mc->m, pfn, &info), 0);
	return info;
}

/* The engine's number as an owner. */
#define OWNER_ENGINE 1

void verify_tally(struct machine *mc, struct mhp_range range)
{
	struct mhp_tally tally, want = {{0}, 0, 0};
	mhp_pfn_t pfn = range.start_pfn;
	unsigned int use;

	for (; pfn < mhp_range_end_pfn(range); pfn++) {
		struct mhp_page_info info = page_info(mc, pfn);

		want.nr[info.use]++;
		if (info.use != MHP_PAGE_ALLOCATED)
			continue;
		want.nr_unmovable += info.mobility == MHP_UNMOVABLE;
		want.nr_memmap_elsewhere += info.owner == OWNER_ENGINE;
	}
	assert_int_equal(mhp_frame_tally(mc->m, range, &tally), 0);
	for (use = 0; use < MHP_NR_PAGE_USES; use++)
		assert_int_equal(tally.nr[use], want.nr[use]);
	assert_int_equal(tally.nr_unmovable, want.nr_unmovable);
	assert_int_equal(tally.nr_memmap_elsewhere, want.nr_memmap_elsewhere);
}

void set_reserves(struct machine *mc, uint32_t ratio)
{
	struct mhp_policy policy;
	unsigned int zone;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	for (zone = MHP_ZONE_DMA; zone <= MHP_ZONE_NORMAL; zone++)
		policy.reserve_ratio[zone] = ratio;
	assert_int_equal(mhp_policy_set(mc->m, &policy), 0);
}

bool border_at(struct machine *mc, mhp_pfn_t pfn)
{
	uint64_t id = mhp_block_id(mc->g, pfn);
	struct mhp_resource resource;

	if (pfn & (mhp_block_pages(mc->g) - 1))
		return false;
	if (block_info(mc, id).boot != block_info(mc, id - 1).boot)
		return true;
	return !mhp_resource_next(mc->m, pfn, &resource) && !resource.boot &&
	       resource.range.start_pfn == pfn;
}

struct mhp_zone_info zone_info(struct machine *mc, unsigned int node,
			       enum mhp_zone_type zone)
{
	struct mhp_zone_info info;

	assert_int_equal(mhp_zone_query(mc->m, node, zone, &info), 0);
	return info;
}

struct mhp_stat stat_now(struct machine *mc)
{
	struct mhp_stat stat;

	assert_int_equal(mhp_stat_read(mc->m, &stat), 0);
	return stat;
}

mhp_pfn_t alloc_unmovable(struct machine *mc, unsigned int order)
{
	struct mhp_request request = {
		.size_bytes = sizeof(request),
		.order = (uint8_t)order,
	};
	mhp_pfn_t pfn;

	assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfn), 0);
	return pfn;
}

/* Allocations that are in the way, to be given back. */
struct hoard {
	mhp_pfn_t *pfns;
	uint8_t *orders;
	uint64_t nr;
};

static void hoard_start(struct machine *mc, struct hoard *hoard)
{
	uint64_t most = NR_BLOCKS * mhp_block_pages(mc->g);

	hoard->pfns = calloc(most, sizeof(*hoard->pfns));
	hoard->orders = calloc(most, 1);
	hoard->nr = 0;
	assert_non_null(hoard->pfns);
	assert_non_null(hoard->orders);
}

static void hoard_put(struct hoard *hoard, mhp_pfn_t pfn, unsigned int order)
{
	hoard->orders[hoard->nr] = (uint8_t)order;
	hoard->pfns[hoard->nr++] = pfn;
}

/* Give back what is in a block, or all of it. */
static void hoard_release(struct machine *mc, struct hoard *hoard,
			  const uint64_t *block_id)
{
	uint64_t i, kept = 0;

	for (i = 0; i < hoard->nr; i++) {
		mhp_pfn_t pfn = hoard->pfns[i];
		uint8_t order = hoard->orders[i];

		if (block_id && mhp_block_id(mc->g, pfn) != *block_id) {
			hoard->orders[kept] = order;
			hoard->pfns[kept++] = pfn;
			continue;
		}
		assert_int_equal(mhp_frame_free(mc->m, pfn, order), 0);
	}
	hoard->nr = kept;
	if (block_id)
		return;
	free(hoard->pfns);
	free(hoard->orders);
}

mhp_pfn_t alloc_in_block(struct machine *mc, const struct mhp_request *request,
			 uint64_t block_id)
{
	struct mhp_request whole = *request;
	struct hoard hoard;
	mhp_pfn_t pfn;

	/* Take all that is elsewhere: whole pageblocks, then single ones. */
	hoard_start(mc, &hoard);
	whole.order = (uint8_t)mhp_pageblock_order(mc->g);
	whole.cookie = MHP_COOKIE_MAX;
	while (!mhp_frame_alloc(mc->m, &whole, &pfn))
		hoard_put(&hoard, pfn, whole.order);
	hoard_release(mc, &hoard, &block_id);
	for (;;) {
		assert_int_equal(mhp_frame_alloc(mc->m, request, &pfn), 0);
		if (mhp_block_id(mc->g, pfn) == block_id)
			break;
		hoard_put(&hoard, pfn, request->order);
	}
	hoard_release(mc, &hoard, NULL);
	return pfn;
}

static int busy_move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	(void)ctx;
	(void)m;
	(void)move;
	return MHP_ERR_BUSY;
}

const struct mhp_owner_ops busy_owner_ops = {
	.size_bytes = sizeof(busy_owner_ops),
	.name = "busy",
	.move = busy_move,
};

void check_ok(struct machine *mc)
{
	struct mhp_report report;
	char text[256];

	if (!mhp_check(mc->m, &report))
		return;
	mhp_report_text(&report, text, sizeof(text));
	fail_msg("%s: invariant %" PRIu32 ": %s", mc->c->name, report.rule,
		 text);
}

uint64_t env_number(const char *name, uint64_t other)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : other;
}

void dice_start(struct dice *dice, uint64_t seed)
{
	seed = env_number("MHP_TEST_SEED", seed);
	print_message("# MHP_TEST_SEED=%" PRIu64 "\n", seed);
	/* The generator stays at zero, and similar seeds shall differ. */
	dice->state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	if (!dice->state)
		dice->state = 1;
}

uint64_t dice_below(struct dice *dice, uint64_t n)
{
	dice->state ^= dice->state >> 12;
	dice->state ^= dice->state << 25;
	dice->state ^= dice->state >> 27;
	return (dice->state * UINT64_C(2685821657736338717) >> 11) % n;
}
