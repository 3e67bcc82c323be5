/* SPDX-License-Identifier: MIT */
/*
 * Wrong arguments and wrong states: each gets the documented error and reason,
 * and changes nothing.
 */
#include <string.h>

#include "support.h"

/* The call failed as it should, said why, and left no trace. */
#define REFUSED(mc, call, expected, reason)                \
	do {                                               \
		struct mhp_report report;                  \
		char *before_ = snapshot(mc, 0);           \
		memset(&report, 0x5a, sizeof(report));     \
		assert_int_equal((call), (expected));      \
		assert_int_equal(report.code, (expected)); \
		assert_int_equal(report.why, (reason));    \
		unchanged(mc, before_, 0);                 \
	} while (0)

static struct mhp_add_request add_request(struct machine *mc)
{
	return (struct mhp_add_request){
		.size_bytes = sizeof(struct mhp_add_request),
		.range = block_range(mc, FIRST_BLOCK, 2),
		.placement = MHP_PLACEMENT_BLOCK,
	};
}

static void refuse_add(struct machine *mc,
		       const struct mhp_add_request *request, int err,
		       enum mhp_why why)
{
	REFUSED(mc, mhp_add(mc->m, request, &report), err, why);
	assert_int_equal(mhp_add(mc->m, request, NULL), err);
}

static void test_add_range(struct machine *mc)
{
	struct mhp_add_request r = add_request(mc);

	r.range.nr_pages = 0;
	refuse_add(mc, &r, MHP_ERR_INVAL, MHP_WHY_EMPTY_RANGE);
	r = add_request(mc);
	r.range.start_pfn++;
	refuse_add(mc, &r, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	r = add_request(mc);
	r.range.nr_pages--;
	refuse_add(mc, &r, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	r = add_request(mc);
	r.range.start_pfn += mhp_block_pages(mc->g) / 2;
	refuse_add(mc, &r, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
}

static void test_add_beyond(struct machine *mc)
{
	struct mhp_add_request r = add_request(mc);

	r.range = block_range(mc, NR_BLOCKS - 1, 2);
	refuse_add(mc, &r, MHP_ERR_2BIG, MHP_WHY_BEYOND_END);
	r.range = block_range(mc, NR_BLOCKS, 1);
	refuse_add(mc, &r, MHP_ERR_2BIG, MHP_WHY_BEYOND_END);
	/* Behind the end, and its own end wraps. */
	r.range.start_pfn = UINT64_MAX - mhp_block_pages(mc->g) + 1;
	r.range.nr_pages = 2 * mhp_block_pages(mc->g);
	refuse_add(mc, &r, MHP_ERR_2BIG, MHP_WHY_BEYOND_END);
	r.range.start_pfn = block_start(mc, FIRST_BLOCK);
	r.range.nr_pages = UINT64_MAX - mhp_block_pages(mc->g) + 1;
	refuse_add(mc, &r, MHP_ERR_2BIG, MHP_WHY_BEYOND_END);
	/* The last one that there is room for. */
	assert_int_equal(add_blocks(mc, NR_BLOCKS - 1, 1, MHP_PLACEMENT_BLOCK),
			 0);
}

static void test_add_known(struct machine *mc)
{
	struct mhp_add_request r = add_request(mc);

	r.range = block_range(mc, NR_BOOT_BLOCKS - 1, 2);
	refuse_add(mc, &r, MHP_ERR_EXIST, MHP_WHY_OVERLAP);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 2, 1, MHP_PLACEMENT_BLOCK), 0);
	r.range = block_range(mc, FIRST_BLOCK, 5);
	refuse_add(mc, &r, MHP_ERR_EXIST, MHP_WHY_OVERLAP);
	r.range = block_range(mc, FIRST_BLOCK + 2, 1);
	refuse_add(mc, &r, MHP_ERR_EXIST, MHP_WHY_OVERLAP);
}

static void test_add_other(struct machine *mc)
{
	struct mhp_add_request r = add_request(mc);

	r.node = mc->g->nr_nodes;
	refuse_add(mc, &r, MHP_ERR_INVAL, MHP_WHY_BAD_NODE);
	r.node = UINT16_MAX;
	refuse_add(mc, &r, MHP_ERR_INVAL, MHP_WHY_BAD_NODE);
	r = add_request(mc);
	r.placement = (enum mhp_placement)77;
	refuse_add(mc, &r, MHP_ERR_INVAL, MHP_WHY_BAD_PLACEMENT);
	r = add_request(mc);
	r.flags = 1u << 31;
	refuse_add(mc, &r, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST);
	r = add_request(mc);
	r.size_bytes++;
	refuse_add(mc, &r, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST);
	/* The size may be left out. */
	r = add_request(mc);
	r.size_bytes = 0;
	assert_int_equal(mhp_add(mc->m, &r, NULL), 0);
}

static void refuse_online(struct machine *mc, uint64_t id,
			  enum mhp_online_type type, int err, enum mhp_why why)
{
	REFUSED(mc, mhp_block_online(mc->m, id, type, &report), err, why);
	assert_int_equal(mhp_block_online(mc->m, id, type, NULL), err);
}

static void test_online(struct machine *mc)
{
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK),
			 0);
	refuse_online(mc, FIRST_BLOCK + 1, MHP_ONLINE_DEFAULT, MHP_ERR_NOENT,
		      MHP_WHY_NO_BLOCK);
	refuse_online(mc, NR_BLOCKS, MHP_ONLINE_DEFAULT, MHP_ERR_NOENT,
		      MHP_WHY_NO_BLOCK);
	refuse_online(mc, UINT64_MAX, MHP_ONLINE_DEFAULT, MHP_ERR_NOENT,
		      MHP_WHY_NO_BLOCK);
	refuse_online(mc, FIRST_BLOCK, (enum mhp_online_type)99, MHP_ERR_INVAL,
		      MHP_WHY_BAD_TYPE);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_DEFAULT),
			 0);
	refuse_online(mc, FIRST_BLOCK, MHP_ONLINE_DEFAULT, MHP_ERR_INVAL,
		      MHP_WHY_WRONG_STATE);
	refuse_online(mc, 0, MHP_ONLINE_MOVABLE, MHP_ERR_INVAL,
		      MHP_WHY_WRONG_STATE);
}

static void refuse_offline(struct machine *mc, uint64_t id, int err,
			   enum mhp_why why)
{
	struct mhp_offline op;

	REFUSED(mc, mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, &report), err,
		why);
	REFUSED(mc,
		mhp_offline_begin(mc->m, &op, id, MHP_NO_DEADLINE, 0, &report),
		err, why);
	assert_int_equal(mhp_offline_step(mc->m, &op, NULL), MHP_ERR_INVAL);
	assert_int_equal(mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, NULL),
			 err);
}

static void test_offline(struct machine *mc)
{
	refuse_offline(mc, FIRST_BLOCK, MHP_ERR_NOENT, MHP_WHY_NO_BLOCK);
	refuse_offline(mc, NR_BLOCKS, MHP_ERR_NOENT, MHP_WHY_NO_BLOCK);
	refuse_offline(mc, UINT64_MAX, MHP_ERR_NOENT, MHP_WHY_NO_BLOCK);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK),
			 0);
	refuse_offline(mc, FIRST_BLOCK, MHP_ERR_INVAL, MHP_WHY_WRONG_STATE);
}

static void refuse_remove(struct machine *mc, struct mhp_range range, int err,
			  enum mhp_why why)
{
	REFUSED(mc, mhp_remove(mc->m, range, &report), err, why);
	assert_int_equal(mhp_remove(mc->m, range, NULL), err);
}

static void test_remove_range(struct machine *mc)
{
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 1);

	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK),
			 0);
	range.nr_pages = 0;
	refuse_remove(mc, range, MHP_ERR_INVAL, MHP_WHY_EMPTY_RANGE);
	range = block_range(mc, FIRST_BLOCK, 1);
	range.start_pfn--;
	refuse_remove(mc, range, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	range = block_range(mc, FIRST_BLOCK, 1);
	range.nr_pages++;
	refuse_remove(mc, range, MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	refuse_remove(mc, block_range(mc, FIRST_BLOCK + 1, 4), MHP_ERR_NOENT,
		      MHP_WHY_NO_BLOCK);
}

static void test_remove_busy(struct machine *mc)
{
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 4, MHP_PLACEMENT_BLOCK),
			 0);
	assert_int_equal(
		online_blocks(mc, FIRST_BLOCK + 3, 1, MHP_ONLINE_MOVABLE), 0);
	refuse_remove(mc, block_range(mc, FIRST_BLOCK, 4), MHP_ERR_BUSY,
		      MHP_WHY_WRONG_STATE);
	refuse_remove(mc, block_range(mc, 0, 1), MHP_ERR_BUSY,
		      MHP_WHY_BOOT_MEMORY);
	/* All offline but boot memory: nothing goes. */
	assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK + 3,
					   MHP_NO_DEADLINE, NULL),
			 0);
	refuse_remove(mc, block_range(mc, 0, NR_BLOCKS), MHP_ERR_BUSY,
		      MHP_WHY_BOOT_MEMORY);
}

static void test_offline_and_remove(struct machine *mc)
{
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 2);

	REFUSED(mc,
		mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE, 0,
				       &report),
		MHP_ERR_NOENT, MHP_WHY_NO_BLOCK);
	range.nr_pages--;
	REFUSED(mc,
		mhp_offline_and_remove(mc->m, range, MHP_NO_DEADLINE, 0,
				       &report),
		MHP_ERR_INVAL, MHP_WHY_UNALIGNED);
	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	REFUSED(mc,
		mhp_offline_and_remove(mc->m, block_range(mc, 0, NR_BLOCKS),
				       MHP_NO_DEADLINE, 0, &report),
		MHP_ERR_BUSY, MHP_WHY_BOOT_MEMORY);
	/* A range of which only a part is online, and a part is there. */
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 3),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
}

static void test_forecast(struct machine *mc)
{
	struct mhp_forecast forecast;

	REFUSED(mc,
		mhp_forecast(mc->m, FIRST_BLOCK, &forecast, NULL, 0, &report),
		MHP_ERR_NOENT, MHP_WHY_NO_BLOCK);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK),
			 0);
	REFUSED(mc,
		mhp_forecast(mc->m, FIRST_BLOCK, &forecast, NULL, 0, &report),
		MHP_ERR_INVAL, MHP_WHY_WRONG_STATE);
}

static void refuse_alloc(struct machine *mc, const struct mhp_request *request)
{
	mhp_pfn_t pfn = 4711, pfns[2] = {4711, 4711};
	char *before = snapshot(mc, 0);

	assert_int_equal(mhp_frame_alloc(mc->m, request, &pfn), MHP_ERR_INVAL);
	assert_int_equal(pfn, 4711);
	assert_int_equal(mhp_frame_alloc_bulk(mc->m, request, 2, pfns),
			 MHP_ERR_INVAL);
	unchanged(mc, before, 0);
}

static void test_alloc(struct machine *mc)
{
	struct mhp_request r = {0};

	r.order = (uint8_t)(mhp_gigantic_order(mc->g) + 1);
	refuse_alloc(mc, &r);
	r = (struct mhp_request){
		.align_order = (uint8_t)(mhp_gigantic_order(mc->g) + 1)};
	refuse_alloc(mc, &r);
	r = (struct mhp_request){.order = 255};
	refuse_alloc(mc, &r);
	r = (struct mhp_request){.zone_limit = MHP_ZONE_DEVICE};
	refuse_alloc(mc, &r);
	r = (struct mhp_request){.zone_limit = MHP_NR_ZONES};
	refuse_alloc(mc, &r);
	r = (struct mhp_request){
		.node_plus_1 = (uint16_t)(mc->g->nr_nodes + 1)};
	refuse_alloc(mc, &r);
	r = (struct mhp_request){.owner = 63};
	refuse_alloc(mc, &r);
	r = (struct mhp_request){.owner = UINT16_MAX};
	refuse_alloc(mc, &r);
	/* Movable without somebody to move it. */
	r = (struct mhp_request){.mobility = MHP_MOVABLE};
	refuse_alloc(mc, &r);
	r = (struct mhp_request){.mobility = 2};
	refuse_alloc(mc, &r);
	/* The engine's own number is not for others. */
	r = (struct mhp_request){.owner = 1};
	refuse_alloc(mc, &r);
	r = (struct mhp_request){.cookie = MHP_COOKIE_MAX + 1};
	refuse_alloc(mc, &r);
	r = (struct mhp_request){.flags = 1u << 31};
	refuse_alloc(mc, &r);
	r = (struct mhp_request){.size_bytes = sizeof(r) - 1};
	refuse_alloc(mc, &r);
}

static void test_owner(struct machine *mc)
{
	static const struct mhp_owner_ops nameless = {
		.size_bytes = sizeof(nameless)};
	static const struct mhp_owner_ops sizeless = {.name = "sizeless"};
	static const struct mhp_owner_ops keeper = {
		.size_bytes = sizeof(keeper), .name = "keeper"};
	struct mhp_request r = {.mobility = MHP_MOVABLE};
	uint16_t owner = 4711;
	mhp_pfn_t pfn;

	assert_int_equal(mhp_owner_register(mc->m, &nameless, NULL, &owner),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_owner_register(mc->m, &sizeless, NULL, &owner),
			 MHP_ERR_INVAL);
	assert_int_equal(owner, 4711);
	assert_int_equal(mhp_owner_unregister(mc->m, 0), MHP_ERR_NOENT);
	assert_int_equal(mhp_owner_unregister(mc->m, 63), MHP_ERR_NOENT);
	assert_int_equal(mhp_owner_unregister(mc->m, UINT16_MAX),
			 MHP_ERR_NOENT);

	/* An owner that cannot move holds unmovable memory only. */
	assert_int_equal(mhp_owner_register(mc->m, &keeper, NULL, &owner), 0);
	r.owner = owner;
	refuse_alloc(mc, &r);
	r.mobility = MHP_UNMOVABLE;
	assert_int_equal(mhp_frame_alloc(mc->m, &r, &pfn), 0);
	assert_int_equal(page_info(mc, pfn).owner, owner);
	assert_int_equal(mhp_owner_unregister(mc->m, owner), MHP_ERR_BUSY);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	assert_int_equal(mhp_owner_unregister(mc->m, owner), 0);
	assert_int_equal(mhp_owner_unregister(mc->m, owner), MHP_ERR_NOENT);
	refuse_alloc(mc, &r);
}

/* As many owners as there are numbers, each with its own. */
static void test_many_owners(struct machine *mc)
{
	static const struct mhp_owner_ops keeper = {
		.size_bytes = sizeof(keeper), .name = "keeper"};
	uint16_t owners[1024], one;
	unsigned int nr = 0, i, j;
	int err;

	while (!(err = mhp_owner_register(mc->m, &keeper, NULL, &one))) {
		assert_true(nr < 1024);
		owners[nr++] = one;
	}
	assert_int_equal(err, MHP_ERR_NOSPC);
	assert_true(nr >= 16);
	for (i = 0; i < nr; i++)
		for (j = 0; j < i; j++)
			assert_int_not_equal(owners[i], owners[j]);
	for (i = 0; i < nr; i++)
		assert_int_equal(mhp_owner_unregister(mc->m, owners[i]), 0);
}

static void refuse_free(struct machine *mc, mhp_pfn_t pfn, unsigned int order,
			int err)
{
	char *before = snapshot(mc, 0);

	assert_int_equal(mhp_frame_free(mc->m, pfn, order), err);
	unchanged(mc, before, 0);
}

static void test_wrong_free(struct machine *mc)
{
	unsigned int largest = mhp_pageblock_order(mc->g);
	unsigned int order, other;
	mhp_pfn_t pfn;

	for (order = 0; order <= largest; order++) {
		pfn = alloc_unmovable(mc, order);
		for (other = 0; other <= largest + 1; other++)
			if (other != order)
				refuse_free(mc, pfn, other, MHP_ERR_INVAL);
		if (order)
			refuse_free(mc, pfn + 1, 0, MHP_ERR_INVAL);
		assert_int_equal(mhp_frame_free(mc->m, pfn, order), 0);
		refuse_free(mc, pfn, order, MHP_ERR_ALREADY);
	}
}

static void test_free_foreign(struct machine *mc)
{
	mhp_pfn_t last = block_start(mc, FIRST_BLOCK + 1) - 1;

	refuse_free(mc, last, 0, MHP_ERR_FAULT);
	refuse_free(mc, block_start(mc, NR_BLOCKS), 0, MHP_ERR_FAULT);
	refuse_free(mc, MHP_PFN_NONE, 0, MHP_ERR_FAULT);
	refuse_free(mc, UINT64_MAX / 2, 0, MHP_ERR_FAULT);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK),
			 0);
	refuse_free(mc, last, 0, MHP_ERR_FAULT);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_MOVABLE),
			 0);
	refuse_free(mc, last, 0, MHP_ERR_ALREADY);
	/* Its own memmap is not the caller's to free. */
	refuse_free(mc, block_start(mc, FIRST_BLOCK), 0, MHP_ERR_INVAL);
}

/* A bulk free goes on behind an error, and tells the first. */
static void test_free_bulk(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	mhp_pfn_t pfns[4];

	pfns[0] = alloc_unmovable(mc, 0);
	pfns[1] = pfns[0];
	pfns[2] = MHP_PFN_NONE;
	pfns[3] = alloc_unmovable(mc, 0);
	assert_int_equal(mhp_frame_free_bulk(mc->m, 0, 4, pfns),
			 MHP_ERR_ALREADY);
	unchanged(mc, before, 0);
}

static void test_queries(struct machine *mc)
{
	struct mhp_zone_info z;
	struct mhp_page_info p;
	uint64_t id = NR_BOOT_BLOCKS;

	assert_int_equal(
		mhp_zone_query(mc->m, mc->g->nr_nodes, MHP_ZONE_NORMAL, &z),
		MHP_ERR_INVAL);
	assert_int_equal(mhp_zone_query(mc->m, 0, MHP_ZONE_NONE, &z),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_zone_query(mc->m, 0, MHP_NR_ZONES, &z),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_block_next(mc->m, &id), MHP_ERR_NOENT);
	assert_int_equal(id, NR_BOOT_BLOCKS);
	id = UINT64_MAX;
	assert_int_equal(mhp_block_next(mc->m, &id), MHP_ERR_NOENT);
	assert_int_equal(mhp_frame_query(mc->m, MHP_PFN_NONE, &p), 0);
	assert_int_equal(p.use, MHP_PAGE_ABSENT);
	assert_null(mhp_frame_address(mc->m, MHP_PFN_NONE));
	assert_null(mhp_frame_extra(mc->m, MHP_PFN_NONE));
}

static const struct machine_test tests[] = {
	{"add_range", test_add_range},
	{"add_beyond", test_add_beyond},
	{"add_known", test_add_known},
	{"add_other", test_add_other},
	{"online", test_online},
	{"offline", test_offline},
	{"remove_range", test_remove_range},
	{"remove_busy", test_remove_busy},
	{"offline_and_remove", test_offline_and_remove},
	{"forecast", test_forecast},
	{"alloc", test_alloc},
	{"owner", test_owner},
	{"many_owners", test_many_owners},
	{"free", test_wrong_free},
	{"free_foreign", test_free_foreign},
	{"free_bulk", test_free_bulk},
	{"queries", test_queries},
};

int main(void)
{
	return machine_run("arguments", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
