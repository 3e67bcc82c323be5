/* SPDX-License-Identifier: MIT */
/*
 * Plans against what adding the same range to a machine really takes, for every
 * geometry, profile, mode and placement, and several descriptors.
 */
#include <string.h>

#include "mhp/plan.h"
#include "mhp/policy.h"
#include "support.h"

#define GIB (UINT64_C(1) << 30)

static const uint16_t descriptors[] = {8, 16, 56, 64, 96};

#define NR_DESCRIPTORS (sizeof(descriptors) / sizeof(descriptors[0]))

static struct mhp_geometry geometry_of(const char *name,
				       unsigned int block_shift,
				       uint16_t descriptor_bytes)
{
	struct mhp_geometry g;

	assert_int_equal(mhp_geometry_named(name, &g), 0);
	if (block_shift)
		g.block_shift = (uint8_t)block_shift;
	g.descriptor_bytes = descriptor_bytes;
	return g;
}

#define NR_BOOT_BLOCKS 4
#define NR_ADDED_BLOCKS 3
#define NR_MACHINE_BLOCKS 16

struct asked {
	struct mhp_geometry geometry;
	enum mhp_profile profile;
	enum mhp_memmap_mode mode;
	enum mhp_placement placement;
};

static struct mhp_model *machine_of(const struct asked *a)
{
	struct mhp_boot_range boot = {
		.range = mhp_range_make(
			0, NR_BOOT_BLOCKS * mhp_block_pages(&a->geometry)),
	};
	struct mhp_model_config config = {
		.geometry = a->geometry,
		.boot = &boot,
		.nr_boot = 1,
		.max_pfn = NR_MACHINE_BLOCKS * mhp_block_pages(&a->geometry),
		.profile = a->profile,
		.memmap_on_memory = a->mode,
		/* Nobody is to pay for old content of large memmaps. */
		.flags = MHP_MODEL_REAL_CLOCK,
	};
	struct mhp_model *model = NULL;

	assert_int_equal(mhp_model_create(&config, &model, NULL), 0);
	return model;
}

static uint64_t count_memmap(struct mhp *m, struct mhp_range range,
			     enum mhp_placement placement, uint64_t *nr_hosts)
{
	uint64_t block = mhp_block_pages(mhp_geometry(m)), nr = 0;
	mhp_pfn_t pfn = range.start_pfn;

	for (*nr_hosts = 0; pfn < mhp_range_end_pfn(range); pfn += block) {
		struct mhp_block_info info;

		assert_int_equal(mhp_block_query(m, pfn / block, &info), 0);
		assert_int_equal(info.placement, placement);
		nr += info.nr_memmap;
		*nr_hosts += info.nr_memmap != 0;
	}
	return nr;
}

static void compare_costs(struct mhp *m, const struct mhp_plan *plan)
{
	struct mhp_stat stat;

	mhp_stat_read(m, &stat);
	assert_int_equal(stat.existing_memmap_bytes,
			 plan->existing_memmap_bytes);
	assert_int_equal(stat.existing_state_bytes, plan->existing_state_bytes);
	assert_int_equal(stat.existing_record_bytes,
			 plan->existing_record_bytes);
	assert_int_equal(
		stat.hosted_memmap_bytes,
		mhp_bytes_from_pages(mhp_geometry(m), plan->nr_hosted_pages));
}

static void compare(struct mhp *m, const struct asked *a, uint64_t nr_blocks)
{
	uint64_t block = mhp_block_pages(&a->geometry), nr_hosts;
	struct mhp_plan_request request = {
		.geometry = &a->geometry,
		.profile = a->profile,
		.mode = a->mode,
		.placement = a->placement,
		.range = mhp_range_make(8 * block, nr_blocks * block),
	};
	struct mhp_add_request add = {
		.range = request.range,
		.placement = a->placement,
	};
	struct mhp_report report;
	struct mhp_plan plan;

	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_int_equal(mhp_add(m, &add, &report), 0);
	assert_int_equal(report.why,
			 plan.rule ? MHP_WHY_FELL_BACK : MHP_WHY_NONE);
	if (plan.rule)
		assert_string_equal(report.detail, plan.rule);
	assert_int_equal(count_memmap(m, add.range, plan.placement, &nr_hosts),
			 plan.nr_hosted_pages);
	assert_int_equal(nr_hosts, plan.nr_hosts);
	compare_costs(m, &plan);
	assert_int_equal(mhp_remove(m, add.range, NULL), 0);
}

static void compare_placements(struct mhp *m, struct asked *a)
{
	unsigned int placement;

	for (placement = 0; placement <= MHP_PLACEMENT_RANGE; placement++) {
		a->placement = (enum mhp_placement)placement;
		compare(m, a, NR_ADDED_BLOCKS);
		if (a->profile != MHP_PROFILE_LINUX_6_12)
			compare(m, a, 1);
	}
}

/* The mode of a Linux profile is fixed when its machine starts. */
static void compare_linux(struct asked *a, enum mhp_memmap_mode first,
			  enum mhp_memmap_mode last)
{
	for (a->mode = first; a->mode <= last; a->mode++) {
		struct mhp_model *model = machine_of(a);

		compare_placements(mhp_model_mhp(model), a);
		mhp_model_destroy(model);
	}
}

static void compare_native(struct asked *a)
{
	struct mhp_model *model = machine_of(a);
	struct mhp *m = mhp_model_mhp(model);
	struct mhp_policy policy;

	mhp_policy_get(m, &policy);
	for (a->mode = MHP_MEMMAP_AUTO; a->mode <= MHP_MEMMAP_RANGE;
	     a->mode++) {
		policy.memmap_on_memory = a->mode;
		assert_int_equal(mhp_policy_set(m, &policy), 0);
		compare_placements(m, a);
	}
	assert_int_equal(mhp_check(m, NULL), 0);
	mhp_model_destroy(model);
}

static void compare_geometry(const char *name, unsigned int block_shift)
{
	size_t i;

	for (i = 0; i < NR_DESCRIPTORS; i++) {
		struct asked a = {.geometry = geometry_of(name, block_shift,
							  descriptors[i])};

		/* A host of 32 bits has no addresses for large blocks. */
		if (sizeof(void *) == 4 &&
		    mhp_block_bytes(&a.geometry) * NR_MACHINE_BLOCKS >
			    2 * GIB) {
			print_message("# %s: not on this host\n", name);
			return;
		}
		compare_native(&a);
		/* Linux builds with no smaller one. */
		if (a.geometry.descriptor_bytes < 56)
			continue;
		a.profile = MHP_PROFILE_LINUX_6_1;
		compare_linux(&a, MHP_MEMMAP_OFF, MHP_MEMMAP_ON);
		a.profile = MHP_PROFILE_LINUX_6_12;
		compare_linux(&a, MHP_MEMMAP_OFF, MHP_MEMMAP_FORCE);
	}
}

static void test_machines(void **state)
{
	const char *name;
	uint32_t i;

	(void)state;
	/* These two have the sizes of x86_64. */
	for (i = 0; (name = mhp_geometry_name(i)) != NULL; i++)
		if (strcmp(name, "arm64-4k") != 0 &&
		    strcmp(name, "riscv64") != 0)
			compare_geometry(name, 0);
	compare_geometry("x86_64", 28);
	compare_geometry("ppc64-64k", 24);
	compare_geometry("ppc64-64k", 30);
}

/* The policy that plans speak of: as many blocks go to MOVABLE, one by one. */
static void test_policy(void **state)
{
	struct asked a = {.geometry = geometry_of("s390x", 0, 64)};
	uint64_t block = mhp_block_pages(&a.geometry), i, nr = 0;
	struct mhp_plan_request request = {
		.geometry = &a.geometry,
		.range = mhp_range_make(8 * block, 8 * block),
		.nr_boot_pages = NR_BOOT_BLOCKS * block,
		.auto_movable_ratio = 130,
	};
	struct mhp_add_request add = {.range = request.range};
	struct mhp_model *model = machine_of(&a);
	struct mhp *m = mhp_model_mhp(model);
	struct mhp_policy policy;
	struct mhp_plan plan;

	(void)state;
	mhp_policy_get(m, &policy);
	policy.online_policy = MHP_POLICY_AUTO_MOVABLE;
	policy.auto_movable_ratio = request.auto_movable_ratio;
	assert_int_equal(mhp_policy_set(m, &policy), 0);
	assert_int_equal(mhp_plan(&request, &plan, NULL), 0);
	assert_int_equal(mhp_add(m, &add, NULL), 0);
	for (i = 8; i < 16; i++) {
		struct mhp_block_info info;

		assert_int_equal(
			mhp_block_online(m, i, MHP_ONLINE_DEFAULT, NULL), 0);
		assert_int_equal(mhp_block_query(m, i, &info), 0);
		nr += info.zone == MHP_ZONE_MOVABLE;
	}
	assert_int_equal(nr, 5);
	assert_int_equal(plan.nr_movable_pages, nr * block);
	assert_int_equal(mhp_check(m, NULL), 0);
	mhp_model_destroy(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_machines),
		cmocka_unit_test(test_policy),
	};

	return cmocka_run_group_tests_name("plan_machine", tests, NULL, NULL);
}
