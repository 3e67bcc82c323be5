/* SPDX-License-Identifier: MIT */
/*
 * The forecast: what it says is what an offlining then meets, and it changes
 * nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define NR_BLOCKERS 16

static int forecast(struct machine *mc, struct mhp_forecast *f,
		    struct mhp_blocker *blockers, uint32_t room)
{
	char *before = snapshot(mc, 0);
	int nr;

	memset(f, 0x5a, sizeof(*f));
	nr = mhp_forecast(mc->m, FIRST_BLOCK, f, blockers, room, NULL);
	unchanged(mc, before, 0);
	return nr;
}

/* Movable pages of several orders: counted, moved, and nothing else. */
static void test_moves(struct machine *mc)
{
	struct mhp_forecast f;
	struct shelf *shelf;
	struct mhp_stat before;
	uint64_t used;

	plug(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	shelf = shelf_open(mc);
	assert_int_equal(forecast(mc, &f, NULL, 0), 0);
	assert_int_equal(f.nr_pages_to_move, 0);
	assert_int_equal(f.nr_allocations_to_move, 0);
	shelf_fill(shelf, FIRST_BLOCK, 0, 7);
	shelf_fill(shelf, FIRST_BLOCK, 1, 3);
	shelf_fill(shelf, FIRST_BLOCK, 2, 2);
	used = 7 + 3 * 2 + 2 * 4;
	assert_int_equal(forecast(mc, &f, NULL, 0), 0);
	assert_int_equal(f.nr_pages_to_move, used);
	assert_int_equal(f.bytes_to_move, used * mhp_page_bytes(mc->g));
	assert_int_equal(f.nr_allocations_to_move, 12);
	assert_int_equal(f.nr_blockers, 0);
	assert_int_equal(f.nr_blocked_pages, 0);
	assert_int_equal(f.nr_free_elsewhere, used);
	before = stat_now(mc);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	assert_int_equal(shelf->nr_moved, f.nr_allocations_to_move);
	assert_int_equal(stat_now(mc).nr_pages_moved - before.nr_pages_moved,
			 f.nr_pages_to_move);
	shelf_close(shelf);
}

/* The free pages of all blocks but one. */
static uint64_t free_beside(struct machine *mc, uint64_t block_id)
{
	uint64_t id = 0, nr = 0;

	for (; !mhp_block_next(mc->m, &id); id++)
		if (id != block_id)
			nr += block_info(mc, id).nr_free;
	return nr;
}

/* Free pages elsewhere are counted as far as they are needed: with more free
 * pages than that, with fewer, with none. */
static void test_elsewhere(struct machine *mc)
{
	struct mhp_request request = {0};
	struct mhp_forecast f;
	struct shelf *shelf;
	uint64_t nr, left;
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	shelf = shelf_open(mc);
	assert_int_equal(forecast(mc, &f, NULL, 0), 0);
	assert_int_equal(f.nr_free_elsewhere, 0);
	shelf_fill(shelf, FIRST_BLOCK, 0, 8);
	nr = free_beside(mc, FIRST_BLOCK);
	for (left = nr; left > 4; left--)
		assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfn), 0);
	while (left < UINT64_MAX) {
		assert_int_equal(free_beside(mc, FIRST_BLOCK), left);
		assert_int_equal(forecast(mc, &f, NULL, 0), 0);
		assert_int_equal(f.nr_pages_to_move, 8);
		assert_int_equal(f.nr_free_elsewhere, left);
		if (left--)
			assert_int_equal(mhp_frame_alloc(mc->m, &request, &pfn),
					 0);
	}
	shelf_close(shelf);
}

static int compare_pfns(const void *a, const void *b)
{
	mhp_pfn_t x = *(const mhp_pfn_t *)a, y = *(const mhp_pfn_t *)b;

	return (x > y) - (x < y);
}

static void keep_unmovable(struct machine *mc, mhp_pfn_t *kept, unsigned int nr)
{
	struct mhp_request request = {0};

	while (nr--)
		kept[nr] = alloc_in_block(mc, &request, FIRST_BLOCK);
}

/* Each blocker is named: who, where, how often pinned; ascending. */
static void test_blockers(struct machine *mc)
{
	struct mhp_blocker b[NR_BLOCKERS];
	struct shelf *shelf = shelf_open(mc);
	struct mhp_report report;
	struct mhp_forecast f;
	mhp_pfn_t expected[3];
	mhp_pfn_t kept[2];
	struct item *item;
	int i;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	keep_unmovable(mc, kept, 2);
	shelf_fill(shelf, FIRST_BLOCK, 1, 2);
	for (item = shelf->items; !item->live; item++)
		;
	item->pins = 5;
	memcpy(expected, kept, sizeof(kept));
	expected[2] = item->pfn;
	qsort(expected, 3, sizeof(expected[0]), compare_pfns);
	assert_int_equal(forecast(mc, &f, b, NR_BLOCKERS), 3);
	assert_int_equal(f.nr_blockers, 3);
	assert_int_equal(f.nr_blocked_pages, 4);
	assert_int_equal(f.nr_pages_to_move, 2);
	assert_int_equal(f.nr_allocations_to_move, 1);
	for (i = 0; i < 3; i++) {
		bool pinned = b[i].pfn == item->pfn;

		assert_int_equal(b[i].pfn, expected[i]);
		assert_int_equal(b[i].order, pinned ? 1 : 0);
		assert_int_equal(b[i].pins, pinned ? 5 : 0);
		assert_int_equal(b[i].owner, pinned ? shelf->owner : 0);
		assert_string_equal(b[i].owner_name, pinned ? SHELF_NAME : "");
	}
	/* An offlining ends at the first of them. */
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, &report),
		MHP_ERR_BUSY);
	assert_int_equal(report.pfn, expected[0]);
	assert_int_equal(report.pins, b[0].pins);
	assert_int_equal(report.owner, b[0].owner);
	assert_int_equal(shelf->nr_moved, 0);

	/* And once they are gone, at none. */
	item->pins = 0;
	assert_int_equal(mhp_frame_free_bulk(mc->m, 0, 2, kept), 0);
	assert_int_equal(forecast(mc, &f, b, NR_BLOCKERS), 0);
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, NULL),
		0);
	shelf_close(shelf);
}

/* More blockers than room: all are counted, the first are listed. */
static void test_room(struct machine *mc)
{
	struct mhp_blocker b[5];
	struct mhp_forecast f;
	mhp_pfn_t kept[9];
	unsigned int i;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	keep_unmovable(mc, kept, 9);
	qsort(kept, 9, sizeof(kept[0]), compare_pfns);
	memset(b, 0x5a, sizeof(b));
	assert_int_equal(forecast(mc, &f, b, 4), 4);
	assert_int_equal(f.nr_blockers, 9);
	assert_int_equal(f.nr_blocked_pages, 9);
	for (i = 0; i < 4; i++)
		assert_int_equal(b[i].pfn, kept[i]);
	assert_int_equal(b[4].order, 0x5a);
	assert_int_equal(forecast(mc, &f, NULL, 0), 0);
	assert_int_equal(f.nr_blockers, 9);
	assert_int_equal(mhp_frame_free_bulk(mc->m, 0, 9, kept), 0);
}

static void keeper_get(struct machine *mc, uint16_t *owner)
{
	static const struct mhp_owner_ops keeper = {
		.size_bytes = sizeof(keeper), .name = "keeper"};

	assert_int_equal(mhp_owner_register(mc->m, &keeper, NULL, owner), 0);
}

/* An owner that cannot move is named all the same. */
static void test_keeper(struct machine *mc)
{
	struct mhp_request request = {0};
	struct mhp_blocker b[2];
	struct mhp_report report;
	struct mhp_forecast f;
	mhp_pfn_t pfn;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	keeper_get(mc, &request.owner);
	pfn = alloc_in_block(mc, &request, FIRST_BLOCK);
	assert_int_equal(forecast(mc, &f, b, 2), 1);
	assert_int_equal(b[0].pfn, pfn);
	assert_int_equal(b[0].owner, request.owner);
	assert_string_equal(b[0].owner_name, "keeper");
	assert_int_equal(
		mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE, &report),
		MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_UNMOVABLE);
	assert_string_equal(report.owner_name, "keeper");
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	assert_int_equal(mhp_owner_unregister(mc->m, request.owner), 0);
}

static const struct machine_test tests[] = {
	{"moves", test_moves},	     {"elsewhere", test_elsewhere},
	{"blockers", test_blockers}, {"room", test_room},
	{"keeper", test_keeper},
};

int main(void)
{
	return machine_run("forecast", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
