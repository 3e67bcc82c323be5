/* SPDX-License-Identifier: MIT */
/*
 * Memory groups: who may join, what they count, and how the policy auto-movable
 * decides for them. The expected zones follow from Linux's rules, by hand: in
 * blocks, K is the boot memory in kernel zones and R the ratio; movable memory
 * must be at most K x R / 100.
 */
#include "mhp/policy.h"

#include "support.h"

#define K NR_BOOT_BLOCKS

static int add_in(struct machine *mc, uint64_t id, uint64_t nr,
		  struct mhp_group *group)
{
	struct mhp_add_request request = {
		.range = block_range(mc, id, nr),
		.node = group ? group->node : 0,
		.group = group,
	};

	return mhp_add(mc->m, &request, NULL);
}

static void ratio(struct machine *mc, uint32_t percent)
{
	struct mhp_policy policy;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	policy.online_policy = MHP_POLICY_AUTO_MOVABLE;
	policy.auto_movable_ratio = percent;
	assert_int_equal(mhp_policy_set(mc->m, &policy), 0);
}

/* Put blocks online by policy: 'M' or 'N' for each. */
static void expect(struct machine *mc, uint64_t id, const char *zones)
{
	for (; *zones; zones++, id++) {
		assert_int_equal(online_blocks(mc, id, 1, MHP_ONLINE_DEFAULT),
				 0);
		assert_int_equal(block_info(mc, id).zone,
				 *zones == 'M' ? MHP_ZONE_MOVABLE
					       : MHP_ZONE_NORMAL);
	}
}

static uint64_t blocks(struct machine *mc, uint64_t nr)
{
	return nr * mhp_block_pages(mc->g);
}

static void test_register(struct machine *mc)
{
	static struct mhp_group a, b, c;
	uint64_t block = blocks(mc, 1);

	assert_int_equal(mhp_group_register_static(mc->m, &a, 0, 0),
			 MHP_ERR_INVAL);
	assert_int_equal(
		mhp_group_register_static(mc->m, &a, mc->g->nr_nodes, block),
		MHP_ERR_INVAL);
	assert_int_equal(mhp_group_register_dynamic(mc->m, &a, 0, 0),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_group_register_dynamic(mc->m, &a, 0, block / 2),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_group_register_dynamic(mc->m, &a, 0, block * 3),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_group_register_static(mc->m, &a, 0, 3), 0);
	assert_int_equal(mhp_group_register_dynamic(mc->m, &b, 0, block), 0);
	assert_int_equal(a.id, 1);
	assert_int_equal(b.id, 2);
	assert_int_equal(mhp_group_register_static(mc->m, &a, 0, 4),
			 MHP_ERR_EXIST);
	assert_int_equal(mhp_group_register_dynamic(mc->m, &b, 0, block),
			 MHP_ERR_EXIST);
	assert_int_equal(a.nr_pages, 3);
	check_ok(mc);
	assert_int_equal(mhp_group_unregister(mc->m, &a), 0);
	assert_int_equal(mhp_group_unregister(mc->m, &a), MHP_ERR_INVAL);
	/* A number that was given back is used again. */
	assert_int_equal(mhp_group_register_dynamic(mc->m, &c, 0, block * 4),
			 0);
	assert_int_equal(c.id, 1);
}

static void test_join(struct machine *mc)
{
	static struct mhp_group group;
	struct mhp_group stranger = {.id = 1};

	assert_int_equal(add_in(mc, FIRST_BLOCK, 1, &stranger), MHP_ERR_INVAL);
	assert_int_equal(
		mhp_group_register_static(mc->m, &group, 0, blocks(mc, 3)), 0);
	stranger.id = group.id;
	assert_int_equal(add_in(mc, FIRST_BLOCK, 1, &stranger), MHP_ERR_INVAL);
	assert_int_equal(add_in(mc, FIRST_BLOCK, 3, &group), 0);
	assert_int_equal(group.nr_blocks, 3);
	assert_int_equal(mhp_group_unregister(mc->m, &group), MHP_ERR_BUSY);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_KERNEL),
			 0);
	assert_int_equal(
		online_blocks(mc, FIRST_BLOCK + 1, 1, MHP_ONLINE_MOVABLE), 0);
	assert_int_equal(group.nr_kernel, blocks(mc, 1));
	assert_int_equal(group.nr_movable, blocks(mc, 1));
	check_ok(mc);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 2),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(group.nr_blocks, 1);
	assert_int_equal(group.nr_kernel + group.nr_movable, 0);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK + 2, 1), NULL),
		0);
	assert_int_equal(mhp_group_unregister(mc->m, &group), 0);
}

/* A group's node is that of its memory. */
static void test_node(struct machine *mc)
{
	static struct mhp_group group;
	struct mhp_add_request request = {
		.range = block_range(mc, FIRST_BLOCK, 1),
		.group = &group,
	};

	assert_int_equal(mhp_group_register_static(mc->m, &group, 1, 1), 0);
	assert_int_equal(mhp_add(mc->m, &request, NULL), MHP_ERR_INVAL);
	request.node = 1;
	assert_int_equal(mhp_add(mc->m, &request, NULL), 0);
}

/* Without a group each block is decided for itself. */
static void test_none(struct machine *mc)
{
	ratio(mc, 100 * 2 / K);
	assert_int_equal(add_in(mc, FIRST_BLOCK, 4, NULL), 0);
	expect(mc, FIRST_BLOCK, "MMNN");
}

/* A static group is decided as a whole: all of it fits, or none. */
static void test_static(struct machine *mc)
{
	static struct mhp_group small, large;

	ratio(mc, 100 * 3 / K);
	assert_int_equal(
		mhp_group_register_static(mc->m, &small, 0, blocks(mc, 2)), 0);
	assert_int_equal(
		mhp_group_register_static(mc->m, &large, 0, blocks(mc, 2)), 0);
	assert_int_equal(add_in(mc, FIRST_BLOCK, 2, &small), 0);
	assert_int_equal(add_in(mc, FIRST_BLOCK + 2, 2, &large), 0);
	expect(mc, FIRST_BLOCK, "MM");
	expect(mc, FIRST_BLOCK + 2, "NN");
}

/* Once a block of it is in a kernel zone the rest follows. */
static void test_static_kernel(struct machine *mc)
{
	static struct mhp_group group;

	ratio(mc, 1000);
	assert_int_equal(
		mhp_group_register_static(mc->m, &group, 0, blocks(mc, 3)), 0);
	assert_int_equal(add_in(mc, FIRST_BLOCK, 3, &group), 0);
	expect(mc, FIRST_BLOCK, "M");
	assert_int_equal(
		online_blocks(mc, FIRST_BLOCK + 1, 1, MHP_ONLINE_KERNEL), 0);
	expect(mc, FIRST_BLOCK + 2, "N");
}

/* A unit of a dynamic group is of one kind. */
static void test_unit(struct machine *mc)
{
	uint64_t id = (FIRST_BLOCK + 1) & ~UINT64_C(1);
	static struct mhp_group group;

	ratio(mc, 100 * 3 / K);
	assert_int_equal(
		mhp_group_register_dynamic(mc->m, &group, 0, blocks(mc, 2)), 0);
	assert_int_equal(add_in(mc, id, 4, &group), 0);
	/* 2 fit into 3; then 2 + 2 do not. */
	expect(mc, id, "MMNN");
	assert_int_equal(
		mhp_block_offline(mc->m, id + 1, MHP_NO_DEADLINE, NULL), 0);
	/* One is online in this unit, so one is at stake. */
	expect(mc, id + 1, "M");
}

/* Kernel memory of a dynamic group makes room in it, and in no other. */
static void test_dynamic(struct machine *mc)
{
	static struct mhp_group group;
	uint64_t id = FIRST_BLOCK;

	ratio(mc, 100);
	assert_int_equal(
		mhp_group_register_dynamic(mc->m, &group, 0, blocks(mc, 1)), 0);
	assert_int_equal(add_in(mc, id, 2, &group), 0);
	assert_int_equal(online_blocks(mc, id, 1, MHP_ONLINE_KERNEL), 0);
	assert_int_equal(add_in(mc, id + 2, K, NULL), 0);
	/* K blocks fill what boot memory allows. */
	assert_int_equal(online_blocks(mc, id + 2, K, MHP_ONLINE_DEFAULT), 0);
	assert_int_equal(block_info(mc, id + 1 + K).zone, MHP_ZONE_MOVABLE);
	expect(mc, id + 1, "M");
	check_ok(mc);
}

/* What is movable in somebody else's dynamic group and not covered by kernel
 * memory of that group takes away from the boot memory. */
static void test_other(struct machine *mc)
{
	static struct mhp_group group;
	uint64_t id = FIRST_BLOCK;

	ratio(mc, 100);
	assert_int_equal(
		mhp_group_register_dynamic(mc->m, &group, 0, blocks(mc, 1)), 0);
	assert_int_equal(add_in(mc, id, K, &group), 0);
	assert_int_equal(online_blocks(mc, id, K, MHP_ONLINE_MOVABLE), 0);
	assert_int_equal(add_in(mc, id + K, 1, NULL), 0);
	/* All of K is spoken for. */
	expect(mc, id + K, "N");
}

static void test_zero(struct machine *mc)
{
	ratio(mc, 0);
	assert_int_equal(add_in(mc, FIRST_BLOCK, 1, NULL), 0);
	expect(mc, FIRST_BLOCK, "N");
}

int main(void)
{
	static const struct machine_test on_small[] = {
		{"register", test_register},
		{"join", test_join},
		{"none", test_none},
		{"static", test_static},
		{"static_kernel", test_static_kernel},
		{"unit", test_unit},
		{"dynamic", test_dynamic},
		{"other", test_other},
		{"zero", test_zero},
	};
	static const struct machine_test on_nodes[] = {
		{"node", test_node},
	};
	int nr_failed;

	nr_failed = machine_run_on("group", on_small, 9, "small");
	nr_failed += machine_run_on("group", on_nodes, 1, "nodes");
	return nr_failed;
}
