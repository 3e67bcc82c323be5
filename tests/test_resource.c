/* SPDX-License-Identifier: MIT */
/*
 * The list of resources: what was added as one is one, what may merge merges,
 * and what is removed leaves two.
 */
#include <stdio.h>
#include <string.h>

#include "support.h"

#define MERGE MHP_ADD_MERGE

static void add_as(struct machine *mc, uint64_t id, uint64_t nr, uint32_t flags,
		   enum mhp_resource_kind kind)
{
	struct mhp_add_request request = {
		.range = block_range(mc, id, nr),
		.placement = MHP_PLACEMENT_BLOCK,
		.flags = flags,
		.resource = kind,
	};

	assert_int_equal(mhp_add(mc->m, &request, NULL), 0);
	check_ok(mc);
}

/* The list behind boot memory as text, such as "8+2 10+1v": first block and
 * number of blocks, k for kmem, v for virtio_mem. */
static void expect(struct machine *mc, const char *list)
{
	static const char *const letters[] = {"", "k", "v"};
	uint64_t block = mhp_block_pages(mc->g);
	struct mhp_resource r;
	char text[128] = "";
	mhp_pfn_t pfn = 0;

	for (; !mhp_resource_next(mc->m, pfn, &r); pfn = r.range.start_pfn + 1)
		if (!r.boot)
			snprintf(text + strlen(text),
				 sizeof(text) - strlen(text), "%s%d+%d%s",
				 *text ? " " : "",
				 (int)(r.range.start_pfn / block),
				 (int)(r.range.nr_pages / block),
				 letters[r.kind]);
	assert_string_equal(text, list);
}

static void test_boot(struct machine *mc)
{
	struct mhp_resource r;
	mhp_pfn_t end;

	assert_int_equal(mhp_resource_next(mc->m, 0, &r), 0);
	assert_true(r.boot);
	assert_int_equal(r.range.start_pfn, 0);
	end = mhp_range_end_pfn(r.range);
	assert_int_equal(end, block_start(mc, NR_BOOT_BLOCKS));
	assert_int_equal(mhp_resource_next(mc->m, 1, &r), MHP_ERR_NOENT);
	add_as(mc, NR_BOOT_BLOCKS, 1, MERGE, MHP_RESOURCE_RAM);
	/* Boot memory never grows. */
	assert_int_equal(mhp_resource_next(mc->m, 0, &r), 0);
	assert_int_equal(mhp_range_end_pfn(r.range), end);
	expect(mc, "4+1");
}

static void test_apart(struct machine *mc)
{
	add_as(mc, 8, 2, 0, MHP_RESOURCE_RAM);
	add_as(mc, 10, 1, 0, MHP_RESOURCE_RAM);
	add_as(mc, 12, 1, 0, MHP_RESOURCE_RAM);
	expect(mc, "8+2 10+1 12+1");
}

static void test_merge(struct machine *mc)
{
	add_as(mc, 8, 2, MERGE, MHP_RESOURCE_RAM);
	add_as(mc, 12, 1, MERGE, MHP_RESOURCE_RAM);
	add_as(mc, 10, 2, MERGE, MHP_RESOURCE_RAM);
	expect(mc, "8+5");
	/* Both have to want it, and be alike. */
	add_as(mc, 13, 1, 0, MHP_RESOURCE_RAM);
	add_as(mc, 14, 1, MERGE, MHP_RESOURCE_VIRTIO_MEM);
	add_as(mc, 15, 1, MERGE, MHP_RESOURCE_VIRTIO_MEM);
	add_as(mc, 16, 1, MERGE, MHP_RESOURCE_KMEM);
	expect(mc, "8+5 13+1 14+2v 16+1k");
}

static void remove_one(struct machine *mc, uint64_t id)
{
	assert_int_equal(mhp_remove(mc->m, block_range(mc, id, 1), NULL), 0);
	check_ok(mc);
}

static void test_split(struct machine *mc)
{
	add_as(mc, 8, 5, 0, MHP_RESOURCE_RAM);
	remove_one(mc, 10);
	expect(mc, "8+2 11+2");
	add_as(mc, 10, 1, 0, MHP_RESOURCE_RAM);
	expect(mc, "8+2 10+1 11+2");
	remove_one(mc, 8);
	remove_one(mc, 12);
	expect(mc, "9+1 10+1 11+1");
}

/* What was removed from the middle and comes back grows together again, if it
 * may. */
static void test_regrow(struct machine *mc)
{
	add_as(mc, 8, 3, MERGE, MHP_RESOURCE_VIRTIO_MEM);
	remove_one(mc, 9);
	expect(mc, "8+1v 10+1v");
	add_as(mc, 9, 1, MERGE, MHP_RESOURCE_VIRTIO_MEM);
	expect(mc, "8+3v");
}

static void test_bad(struct machine *mc)
{
	struct mhp_add_request request = {
		.range = block_range(mc, 8, 1),
		.resource = MHP_NR_RESOURCES,
	};

	assert_int_equal(mhp_add(mc->m, &request, NULL), MHP_ERR_INVAL);
	assert_string_equal(mhp_resource_name(MHP_RESOURCE_RAM), "System RAM");
	assert_string_equal(mhp_resource_name(MHP_RESOURCE_KMEM),
			    "System RAM (kmem)");
	assert_string_equal(mhp_resource_name(MHP_RESOURCE_VIRTIO_MEM),
			    "System RAM (virtio_mem)");
}

int main(void)
{
	static const struct machine_test tests[] = {
		{"boot", test_boot},	 {"apart", test_apart},
		{"merge", test_merge},	 {"split", test_split},
		{"regrow", test_regrow}, {"bad", test_bad},
	};

	return machine_run_on("resource", tests, 6, "small");
}
