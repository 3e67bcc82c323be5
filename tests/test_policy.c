/* SPDX-License-Identifier: MIT */
/*
 * Which zone a block gets that is put online without naming one, and whether it
 * goes online by itself. The expected zones follow from Linux's rules, by hand.
 */
#include "mhp/policy.h"

#include "support.h"

static struct mhp_policy policy_now(struct machine *mc)
{
	struct mhp_policy policy;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	return policy;
}

static void policy_be(struct machine *mc, const struct mhp_policy *policy)
{
	assert_int_equal(mhp_policy_set(mc->m, policy), 0);
}

static void test_defaults(struct machine *mc)
{
	struct mhp_policy p = policy_now(mc);

	assert_int_equal(p.auto_online, MHP_ONLINE_OFFLINE);
	assert_int_equal(p.online_policy, MHP_POLICY_CONTIG_ZONES);
	assert_int_equal(p.auto_movable_ratio, 301);
	assert_true(p.auto_movable_numa_aware);
	assert_false(p.movable_node);
}

static void test_set(struct machine *mc)
{
	struct mhp_policy p = policy_now(mc), bad = p;

	bad.auto_online = (enum mhp_online_type)4;
	assert_int_equal(mhp_policy_set(mc->m, &bad), MHP_ERR_INVAL);
	bad = p;
	bad.online_policy = (enum mhp_online_policy)2;
	assert_int_equal(mhp_policy_set(mc->m, &bad), MHP_ERR_INVAL);
	p.auto_movable_ratio = 42;
	p.movable_node = true;
	policy_be(mc, &p);
	assert_int_equal(policy_now(mc).auto_movable_ratio, 42);
	assert_true(policy_now(mc).movable_node);
	assert_int_equal(policy_now(mc).auto_online, MHP_ONLINE_OFFLINE);
}

static void assert_zones(struct machine *mc, uint64_t id,
			 enum mhp_zone_type first, enum mhp_zone_type second)
{
	enum mhp_zone_type zones[2];
	int nr = mhp_policy_zones(mc->m, id, zones);

	assert_int_equal(nr, second == MHP_ZONE_NONE ? 1 : 2);
	assert_int_equal(zones[0], first);
	assert_int_equal(zones[1], second);
}

/* What the policy says and what a plain online then does are the same. */
static void assert_goes(struct machine *mc, uint64_t id,
			enum mhp_zone_type zone)
{
	assert_zones(mc, id, zone,
		     zone == MHP_ZONE_MOVABLE ? MHP_ZONE_NORMAL
					      : MHP_ZONE_MOVABLE);
	assert_int_equal(online_blocks(mc, id, 1, MHP_ONLINE_DEFAULT), 0);
	assert_int_equal(block_info(mc, id).zone, zone);
	assert_zones(mc, id, zone, MHP_ZONE_NONE);
}

static void add(struct machine *mc, uint64_t nr)
{
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, nr, MHP_PLACEMENT_BLOCK),
			 0);
}

/* contig-zones: where the neighbours' spans are, a kernel zone if undecided. */
static void test_contig(struct machine *mc)
{
	add(mc, 8);
	assert_goes(mc, 10, MHP_ZONE_NORMAL);
	assert_int_equal(online_blocks(mc, 12, 1, MHP_ONLINE_MOVABLE), 0);
	assert_int_equal(online_blocks(mc, 14, 1, MHP_ONLINE_MOVABLE), 0);
	/* Between the two: inside the span of MOVABLE alone. */
	assert_goes(mc, 13, MHP_ZONE_MOVABLE);
	/* Beside it, in no span, and in that of NORMAL. */
	assert_goes(mc, 15, MHP_ZONE_NORMAL);
	assert_goes(mc, 9, MHP_ZONE_NORMAL);
	/* In both: 11 is below 15 and above 8. */
	assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_MOVABLE), 0);
	assert_goes(mc, 11, MHP_ZONE_NORMAL);
}

static void test_movable_node(struct machine *mc)
{
	struct mhp_policy p = policy_now(mc);

	p.movable_node = true;
	policy_be(mc, &p);
	add(mc, 3);
	assert_goes(mc, 10, MHP_ZONE_MOVABLE);
	assert_int_equal(online_blocks(mc, 8, 1, MHP_ONLINE_KERNEL), 0);
	/* Only in NORMAL's span, which reaches from boot memory to block 8. */
	assert_int_equal(mhp_block_offline(mc->m, 8, MHP_NO_DEADLINE, NULL), 0);
	assert_goes(mc, 8, MHP_ZONE_MOVABLE);
	assert_zones(mc, 0, block_info(mc, 0).zone, MHP_ZONE_NONE);
}

/* A zone that lost its last block has no span to come back to. */
static void test_kernel(struct machine *mc)
{
	assert_int_equal(mhp_block_offline(mc->m, 1, MHP_NO_DEADLINE, NULL), 0);
	assert_int_equal(online_blocks(mc, 1, 1, MHP_ONLINE_MOVABLE), 0);
	assert_int_equal(block_info(mc, 1).zone, MHP_ZONE_MOVABLE);
	assert_int_equal(mhp_block_offline(mc->m, 1, MHP_NO_DEADLINE, NULL), 0);
	assert_int_equal(online_blocks(mc, 1, 1, MHP_ONLINE_KERNEL), 0);
	assert_int_equal(block_info(mc, 1).zone, MHP_ZONE_NORMAL);
}

/* MOVABLE as long as the ratio to the kernel's boot memory allows: with 4 boot
 * blocks and 150 percent, 6 of them. */
static void test_ratio(struct machine *mc)
{
	struct mhp_policy p = policy_now(mc);
	uint64_t id;

	p.online_policy = MHP_POLICY_AUTO_MOVABLE;
	p.auto_movable_ratio = 150;
	p.auto_movable_numa_aware = false;
	policy_be(mc, &p);
	add(mc, 10);
	for (id = 8; id < 14; id++)
		assert_goes(mc, id, MHP_ZONE_MOVABLE);
	assert_goes(mc, 14, MHP_ZONE_NORMAL);
	/* Kernel memory that was plugged makes no room for more. */
	assert_goes(mc, 15, MHP_ZONE_NORMAL);
	p.auto_movable_ratio = 175;
	policy_be(mc, &p);
	assert_goes(mc, 16, MHP_ZONE_MOVABLE);
	p.auto_movable_ratio = 0;
	policy_be(mc, &p);
	assert_goes(mc, 17, MHP_ZONE_NORMAL);
}

/* The ratio of the largest machine and the largest number does not wrap. */
static void test_ratio_large(struct machine *mc)
{
	struct mhp_policy p = policy_now(mc);

	p.online_policy = MHP_POLICY_AUTO_MOVABLE;
	p.auto_movable_ratio = UINT32_MAX;
	policy_be(mc, &p);
	add(mc, 1);
	assert_goes(mc, 8, MHP_ZONE_MOVABLE);
}

static void add_to(struct machine *mc, uint64_t id, uint16_t node)
{
	struct mhp_add_request request = {.range = block_range(mc, id, 1),
					  .node = node};

	assert_int_equal(mhp_add(mc->m, &request, NULL), 0);
}

/* On each node too: two boot blocks on nodes 0 and 1, none on 2. */
static void test_numa(struct machine *mc)
{
	struct mhp_policy p = policy_now(mc);

	p.online_policy = MHP_POLICY_AUTO_MOVABLE;
	p.auto_movable_ratio = 100;
	policy_be(mc, &p);
	add_to(mc, 8, 0);
	add_to(mc, 9, 0);
	add_to(mc, 10, 0);
	add_to(mc, 11, 1);
	add_to(mc, 12, 2);
	assert_goes(mc, 8, MHP_ZONE_MOVABLE);
	assert_goes(mc, 9, MHP_ZONE_MOVABLE);
	assert_goes(mc, 10, MHP_ZONE_NORMAL);
	assert_goes(mc, 11, MHP_ZONE_MOVABLE);
	assert_goes(mc, 12, MHP_ZONE_NORMAL);
	/* Regardless of nodes there is room for one more. */
	assert_int_equal(mhp_block_offline(mc->m, 12, MHP_NO_DEADLINE, NULL),
			 0);
	p.auto_movable_numa_aware = false;
	policy_be(mc, &p);
	assert_goes(mc, 12, MHP_ZONE_MOVABLE);
}

static void test_auto_online(struct machine *mc)
{
	static const enum mhp_online_type types[] = {
		MHP_ONLINE_OFFLINE, MHP_ONLINE_DEFAULT, MHP_ONLINE_KERNEL,
		MHP_ONLINE_MOVABLE};
	static const enum mhp_zone_type zones[] = {
		MHP_ZONE_NONE, MHP_ZONE_NORMAL, MHP_ZONE_NORMAL,
		MHP_ZONE_MOVABLE};
	struct mhp_policy p = policy_now(mc);
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 3);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		p.auto_online = types[i];
		policy_be(mc, &p);
		add(mc, 3);
		assert_int_equal(mhp_auto_online(mc->m, range), 0);
		assert_int_equal(block_info(mc, 8).zone, zones[i]);
		assert_int_equal(block_info(mc, 10).zone, zones[i]);
		assert_int_equal(block_info(mc, 10).state,
				 i ? MHP_BLOCK_ONLINE : MHP_BLOCK_OFFLINE);
		assert_int_equal(mhp_offline_and_remove(mc->m, range,
							MHP_NO_DEADLINE, 0,
							NULL),
				 0);
	}
}

static int refuse_second(struct mhp_notifier *self, struct mhp *m,
			 const struct mhp_notice *notice)
{
	(void)self;
	(void)m;
	return notice->event == MHP_EVENT_GOING_ONLINE &&
			       notice->block_id == FIRST_BLOCK + 1
		       ? MHP_ERR_PERM
		       : 0;
}

/* The first failure ends it; what is online stays, and so does the add. */
static void test_auto_online_fails(struct machine *mc)
{
	struct mhp_notifier second = {.notify = refuse_second};
	struct mhp_policy p = policy_now(mc);

	p.auto_online = MHP_ONLINE_MOVABLE;
	policy_be(mc, &p);
	add(mc, 3);
	assert_int_equal(mhp_notifier_register(mc->m, &second), 0);
	assert_int_equal(mhp_auto_online(mc->m, block_range(mc, 8, 3)),
			 MHP_ERR_PERM);
	assert_int_equal(block_info(mc, 8).state, MHP_BLOCK_ONLINE);
	assert_int_equal(block_info(mc, 9).state, MHP_BLOCK_OFFLINE);
	assert_int_equal(block_info(mc, 10).state, MHP_BLOCK_OFFLINE);
	assert_int_equal(mhp_notifier_unregister(mc->m, &second), 0);
}

static void test_zones(struct machine *mc)
{
	enum mhp_zone_type zones[2];

	assert_int_equal(mhp_policy_zones(mc->m, FIRST_BLOCK, zones),
			 MHP_ERR_NOENT);
	assert_int_equal(mhp_policy_zones(mc->m, UINT64_MAX, zones),
			 MHP_ERR_NOENT);
	assert_zones(mc, 2, MHP_ZONE_NORMAL, MHP_ZONE_NONE);
}

static const struct machine_test tests[] = {
	{"defaults", test_defaults},
	{"set", test_set},
	{"contig", test_contig},
	{"movable_node", test_movable_node},
	{"kernel", test_kernel},
	{"ratio", test_ratio},
	{"ratio_large", test_ratio_large},
	{"auto_online", test_auto_online},
	{"auto_online_fails", test_auto_online_fails},
	{"zones", test_zones},
};

static const struct machine_test node_tests[] = {
	{"numa", test_numa},
};

int main(void)
{
	return machine_run("policy", tests, sizeof(tests) / sizeof(tests[0]),
			   true) +
	       machine_run_on("policy-numa", node_tests, 1, "nodes");
}
