/* SPDX-License-Identifier: MIT */
/*
 * A memmap in memory that is already online: where it comes from, what it costs
 * and in which pieces, and that whoever lends it cannot leave.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* The number under which the engine owns pages itself. */
#define OWNER_OF_MEMMAPS 1

static uint64_t memmap_pages(const struct machine *mc)
{
	uint64_t bytes = mhp_block_pages(mc->g) * mc->g->descriptor_bytes;

	return (bytes + mhp_page_bytes(mc->g) - 1) / mhp_page_bytes(mc->g);
}

/* Without a window the memmap is one piece, a power of two. */
static bool in_one_piece(const struct machine *mc)
{
	return mc->c->flags & MHP_MODEL_NO_WINDOW ||
	       mhp_block_pages(mc->g) * mc->g->descriptor_bytes %
		       mhp_page_bytes(mc->g);
}

static uint64_t taken_pages(struct machine *mc)
{
	mhp_pfn_t pfn = 0, end = block_start(mc, NR_BLOCKS);
	uint64_t nr = 0;

	for (; pfn < end; pfn++) {
		struct mhp_page_info p = page_info(mc, pfn);

		nr += p.use == MHP_PAGE_ALLOCATED &&
		      p.owner == OWNER_OF_MEMMAPS;
	}
	return nr;
}

/* Every page of memory that unmovable pages can have. */
struct grip {
	mhp_pfn_t *pfns;
	uint64_t nr;
};

static struct grip grip_all(struct machine *mc, uint64_t node_mask)
{
	struct mhp_request request = {.node_mask = node_mask};
	struct grip grip = {.nr = 0};
	mhp_pfn_t pfn;

	grip.pfns = calloc(block_start(mc, NR_BLOCKS), sizeof(*grip.pfns));
	assert_non_null(grip.pfns);
	while (!mhp_frame_alloc(mc->m, &request, &pfn))
		grip.pfns[grip.nr++] = pfn;
	return grip;
}

static void grip_release(struct machine *mc, struct grip *grip)
{
	uint64_t i;

	for (i = 0; i < grip->nr; i++)
		if (grip->pfns[i] != MHP_PFN_NONE)
			assert_int_equal(
				mhp_frame_free(mc->m, grip->pfns[i], 0), 0);
	free(grip->pfns);
}

/* Free every second page: plenty of memory, but in single pages. */
static void grip_fragment(struct machine *mc, struct grip *grip)
{
	uint64_t i;

	for (i = 0; i < grip->nr; i++) {
		if (grip->pfns[i] % 2)
			continue;
		assert_int_equal(mhp_frame_free(mc->m, grip->pfns[i], 0), 0);
		grip->pfns[i] = MHP_PFN_NONE;
	}
}

/* With plenty of memory: large pieces, on the node, and all comes back. */
static void test_plenty(struct machine *mc)
{
	uint64_t nr = memmap_pages(mc);
	struct mhp_stat before = stat_now(mc), s;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_MOVABLE);
	s = stat_now(mc);
	assert_true(taken_pages(mc) >= nr);
	assert_int_equal(s.existing_memmap_bytes,
			 taken_pages(mc) * mhp_page_bytes(mc->g));
	if (nr > 1)
		assert_true(s.nr_memmap_pmd_chunks >
			    before.nr_memmap_pmd_chunks);
	else
		assert_int_equal(s.nr_memmap_base_pages -
					 before.nr_memmap_base_pages,
				 1);
	assert_int_equal(s.nr_memmap_remote_pages,
			 before.nr_memmap_remote_pages);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, FIRST_BLOCK, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_int_equal(taken_pages(mc), 0);
}

static int add_one(struct machine *mc, struct mhp_report *report)
{
	struct mhp_add_request request = {
		.range = block_range(mc, FIRST_BLOCK, 1),
		.placement = MHP_PLACEMENT_EXISTING,
	};

	return mhp_add(mc->m, &request, report);
}

/* With single pages only: base pages where there is a window; no memmap at all
 * where it has to be in one piece. */
static void test_fragments(struct machine *mc)
{
	struct grip grip = grip_all(mc, 0);
	uint64_t nr = memmap_pages(mc);
	struct mhp_stat before = stat_now(mc);
	struct mhp_report report;
	char *snap;

	grip_fragment(mc, &grip);
	snap = snapshot(mc, 0);
	if (in_one_piece(mc) && nr > 1) {
		assert_int_equal(add_one(mc, &report), MHP_ERR_NOMEM);
		assert_int_equal(report.why, MHP_WHY_NO_MEMMAP_MEMORY);
	} else {
		assert_int_equal(add_one(mc, NULL), 0);
		check_ok(mc);
		assert_int_equal(stat_now(mc).nr_memmap_base_pages -
					 before.nr_memmap_base_pages,
				 nr);
		assert_int_equal(stat_now(mc).nr_memmap_pmd_chunks,
				 before.nr_memmap_pmd_chunks);
		assert_int_equal(mhp_remove(mc->m,
					    block_range(mc, FIRST_BLOCK, 1),
					    NULL),
				 0);
	}
	unchanged(mc, snap, 0);
	grip_release(mc, &grip);
}

/* With nothing: refused, though there is free memory that must stay movable;
 * a block that brings its own does not mind. */
static void test_nothing(struct machine *mc)
{
	struct mhp_report report;
	struct grip grip;
	char *before;

	plug(mc, FIRST_BLOCK + 2, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	grip = grip_all(mc, 0);
	before = snapshot(mc, 0);
	assert_int_equal(add_one(mc, &report), MHP_ERR_NOMEM);
	assert_int_equal(report.code, MHP_ERR_NOMEM);
	assert_int_equal(report.stage, MHP_STAGE_ADD);
	assert_int_equal(report.why, MHP_WHY_NO_MEMMAP_MEMORY);
	unchanged(mc, before, 0);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	/* Relief: now there is room for the memmap of another. */
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_EXISTING), 0);
	check_ok(mc);
	grip_release(mc, &grip);
}

static void assert_lent(struct machine *mc, uint64_t lender)
{
	struct mhp_forecast forecast;
	struct mhp_blocker blocker;
	struct mhp_report report;

	assert_int_equal(
		mhp_block_offline(mc->m, lender, MHP_NO_DEADLINE, &report),
		MHP_ERR_BUSY);
	assert_int_equal(report.why, MHP_WHY_UNMOVABLE);
	assert_int_equal(report.owner, OWNER_OF_MEMMAPS);
	assert_true(report.owner_name[0] != '\0');
	assert_int_equal(
		mhp_forecast(mc->m, lender, &forecast, &blocker, 1, NULL), 1);
	assert_int_equal(blocker.pfn, report.pfn);
	assert_int_equal(blocker.owner, OWNER_OF_MEMMAPS);
	assert_string_equal(blocker.owner_name, report.owner_name);
	check_ok(mc);
}

/* The block that lends its pages stays until the borrower has left, whether the
 * borrower is online or not. */
static void test_lender(struct machine *mc)
{
	struct grip grip = grip_all(mc, 0);
	uint64_t lender = FIRST_BLOCK, borrower = FIRST_BLOCK + 3;

	plug(mc, lender, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	assert_int_equal(add_blocks(mc, borrower, 1, MHP_PLACEMENT_EXISTING),
			 0);
	assert_lent(mc, lender);
	assert_int_equal(online_blocks(mc, borrower, 1, MHP_ONLINE_MOVABLE), 0);
	assert_lent(mc, lender);
	assert_int_equal(
		mhp_block_offline(mc->m, borrower, MHP_NO_DEADLINE, NULL), 0);
	assert_lent(mc, lender);
	assert_int_equal(mhp_remove(mc->m, block_range(mc, borrower, 1), NULL),
			 0);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, lender, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
	grip_release(mc, &grip);
}

/* The memmap of others is nobody's to free, whoever guesses where it is. */
static void test_kept(struct machine *mc)
{
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 2);
	unsigned int nr_tried = 0;
	mhp_pfn_t pfn;
	char *before;

	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 2, MHP_PLACEMENT_EXISTING),
			 0);
	before = snapshot(mc, 0);
	for (pfn = 0; pfn < range.start_pfn; pfn++) {
		struct mhp_page_info info = page_info(mc, pfn);

		if (info.use != MHP_PAGE_ALLOCATED || info.owner != 1 ||
		    info.head_pfn != pfn)
			continue;
		assert_int_equal(mhp_frame_free(mc->m, pfn, info.order),
				 MHP_ERR_INVAL);
		nr_tried++;
	}
	assert_true(nr_tried > 0);
	unchanged(mc, before, 0);
	assert_int_equal(mhp_remove(mc->m, range, NULL), 0);
}

/* A chain of lenders leaves in the reverse of the order it came in. */
static void test_chain(struct machine *mc)
{
	struct grip grip = grip_all(mc, 0);
	struct mhp_range last = block_range(mc, FIRST_BLOCK + 2, 1);
	char *before;

	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	before = snapshot(mc, 0);
	plug(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	plug(mc, FIRST_BLOCK + 2, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	check_ok(mc);
	assert_int_equal(
		mhp_offline_and_remove(mc->m, last, MHP_NO_DEADLINE, 0, NULL),
		0);
	last = block_range(mc, FIRST_BLOCK + 1, 1);
	assert_int_equal(
		mhp_offline_and_remove(mc->m, last, MHP_NO_DEADLINE, 0, NULL),
		0);
	unchanged(mc, before, 0);
	grip_release(mc, &grip);
}

/* From another node when its own has none left. */
static void test_remote(struct machine *mc)
{
	struct grip grip = grip_all(mc, 1);
	struct mhp_stat before = stat_now(mc), s;

	assert_int_equal(add_one(mc, NULL), 0);
	s = stat_now(mc);
	assert_int_equal(s.nr_memmap_remote_pages -
				 before.nr_memmap_remote_pages,
			 memmap_pages(mc));
	assert_int_equal(s.nr_memmap_base_pages, before.nr_memmap_base_pages);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK, 1), NULL), 0);
	grip_release(mc, &grip);
}

static const struct machine_test tests[] = {
	{"plenty", test_plenty},   {"fragments", test_fragments},
	{"nothing", test_nothing}, {"lender", test_lender},
	{"kept", test_kept},	   {"chain", test_chain},
};

static const struct machine_test node_tests[] = {
	{"remote", test_remote},
};

int main(void)
{
	return machine_run("existing", tests, sizeof(tests) / sizeof(tests[0]),
			   true) +
	       machine_run_on("existing-nodes", node_tests, 1, "nodes");
}
