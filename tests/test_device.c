/* SPDX-License-Identifier: MIT */
/*
 * Device ranges: what is known of their pages, where their memmap is, what they
 * are in the way of, and that others beside them notice nothing.
 */
#include <string.h>

#include "device_support.h"

/* Enough for the memmap of a few sub-sections, whatever the geometry. */
#define NR_SUBS 8

static void expect_page(struct machine *mc, mhp_pfn_t pfn,
			enum mhp_page_use use, unsigned int node)
{
	struct mhp_page_info info = page_info(mc, pfn);

	assert_int_equal(info.use, use);
	assert_int_equal(info.zone, MHP_ZONE_DEVICE);
	assert_int_equal(info.node, node);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), MHP_ERR_INVAL);
}

/* Head, memmap and data are where the range says, and cover it. */
static void expect_layout(struct machine *mc, const struct mhp_device_info *d)
{
	mhp_pfn_t pfn = d->range.start_pfn;
	uint64_t i;

	assert_int_equal(d->data.start_pfn,
			 pfn + d->nr_reserved + d->nr_memmap);
	assert_int_equal(mhp_range_end_pfn(d->data),
			 mhp_range_end_pfn(d->range));
	for (i = 0; i < d->nr_reserved; i++)
		expect_page(mc, pfn++, MHP_PAGE_RESERVED, d->node);
	for (i = 0; i < d->nr_memmap; i++)
		expect_page(mc, pfn++, MHP_PAGE_MEMMAP, d->node);
	expect_page(mc, pfn, MHP_PAGE_DEVICE, d->node);
	expect_page(mc, mhp_range_end_pfn(d->data) - 1, MHP_PAGE_DEVICE,
		    d->node);
}

/* Every byte of descriptor and data that is the driver's: @value and the pfn,
 * written or looked at. */
static void touch(struct machine *mc, struct mhp_range range, uint8_t value,
		  bool write)
{
	uint64_t extra_bytes = mc->g->descriptor_bytes - MHP_DESC_ENGINE_BYTES;
	mhp_pfn_t pfn;

	for (pfn = range.start_pfn; pfn < mhp_range_end_pfn(range); pfn++) {
		uint8_t *page = mhp_frame_address(mc->m, pfn);
		uint8_t *extra = mhp_frame_extra(mc->m, pfn);
		uint8_t byte = (uint8_t)(value + pfn);

		assert_non_null(page);
		assert_int_equal(extra != NULL, extra_bytes != 0);
		if (write) {
			page[0] = byte;
			if (extra)
				memset(extra, byte, extra_bytes);
			continue;
		}
		assert_int_equal(page[0], byte);
		if (extra) {
			assert_int_equal(extra[0], byte);
			assert_int_equal(extra[extra_bytes - 1], byte);
		}
	}
}

static uint64_t expected_memmap(struct machine *mc, uint64_t nr_pages)
{
	uint64_t bytes = nr_pages * mc->g->descriptor_bytes;

	return (bytes + mhp_page_bytes(mc->g) - 1) >> mc->g->page_shift;
}

static void expect_costs(struct machine *mc, const struct mhp_stat *before,
			 const struct mhp_device_info *d)
{
	bool hosted = d->placement == MHP_PLACEMENT_RANGE;
	struct mhp_zone_info zone = zone_info(mc, d->node, MHP_ZONE_DEVICE);
	struct mhp_stat now = stat_now(mc);

	assert_int_equal(d->nr_memmap,
			 hosted ? expected_memmap(mc, d->range.nr_pages) : 0);
	assert_int_equal(now.hosted_memmap_bytes - before->hosted_memmap_bytes,
			 mhp_bytes_from_pages(mc->g, d->nr_memmap));
	assert_int_equal(now.existing_memmap_bytes >
				 before->existing_memmap_bytes,
			 !hosted);
	assert_int_equal(now.existing_state_bytes,
			 before->existing_state_bytes);
	assert_int_equal(now.nr_managed, before->nr_managed);
	assert_int_equal(zone.span.start_pfn, d->range.start_pfn);
	assert_int_equal(zone.span.nr_pages, d->range.nr_pages);
	assert_int_equal(zone.nr_present, d->range.nr_pages);
	assert_int_equal(zone.nr_managed, 0);
	assert_int_equal(zone.nr_free, 0);
}

/* Not as bytes: there is padding. */
static void expect_same(const struct mhp_device_info *a,
			const struct mhp_device_info *b)
{
	assert_ptr_equal(a->device, b->device);
	assert_int_equal(a->range.start_pfn, b->range.start_pfn);
	assert_int_equal(a->range.nr_pages, b->range.nr_pages);
	assert_int_equal(a->data.start_pfn, b->data.start_pfn);
	assert_int_equal(a->data.nr_pages, b->data.nr_pages);
	assert_int_equal(a->node, b->node);
	assert_int_equal(a->placement, b->placement);
	assert_int_equal(a->nr_reserved, b->nr_reserved);
	assert_int_equal(a->nr_memmap, b->nr_memmap);
	assert_string_equal(a->name, b->name);
	assert_ptr_equal(a->ctx, b->ctx);
}

static void add_and_remove(struct machine *mc, enum mhp_placement placement,
			   uint64_t nr_subs, uint64_t nr_reserved)
{
	char *before = snapshot(mc, 0);
	struct mhp_stat stat = stat_now(mc);
	struct mhp_device_request request = {
		.size_bytes = sizeof(request),
		.range = subsections(mc, FIRST_BLOCK, 1, nr_subs),
		.node = (uint16_t)(mc->g->nr_nodes - 1),
		.placement = placement,
		.nr_reserved_pages = nr_reserved,
		.name = "pmem0",
		.ctx = mc,
	};
	struct mhp_device_info info, found;
	struct mhp_device *device;
	struct mhp_report report;

	assert_int_equal(mhp_device_add(mc->m, &request, &device, &report), 0);
	assert_int_equal(report.why, MHP_WHY_NONE);
	check_ok(mc);
	info = device_info(device);
	assert_ptr_equal(info.device, device);
	assert_ptr_equal(info.ctx, mc);
	assert_string_equal(info.name, "pmem0");
	assert_int_equal(info.placement, placement);
	assert_int_equal(info.nr_reserved, nr_reserved);
	expect_layout(mc, &info);
	expect_costs(mc, &stat, &info);
	assert_int_equal(mhp_device_find(mc->m, info.data.start_pfn, &found),
			 0);
	expect_same(&found, &info);
	verify_tally(mc, subsections(mc, FIRST_BLOCK, 0, nr_subs + 2));
	verify_tally(mc, mhp_range_make(info.range.start_pfn + 1,
					info.range.nr_pages - 2));
	touch(mc, info.data, 7, true);
	touch(mc, mhp_range_make(info.range.start_pfn, nr_reserved), 9, true);
	touch(mc, info.data, 7, false);
	touch(mc, mhp_range_make(info.range.start_pfn, nr_reserved), 9, false);
	device_gone(mc, device);
	assert_int_equal(mhp_device_find(mc->m, info.data.start_pfn, &found),
			 MHP_ERR_NOENT);
	unchanged(mc, before, 0);
}

static void test_life(struct machine *mc)
{
	static const uint32_t flags[] = {0, MHP_MODEL_NO_WINDOW,
					 MHP_MODEL_DIRTY, MHP_MODEL_STALE};
	unsigned int i, nr_reserved;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		machine_again(mc, flags[i]);
		for (nr_reserved = 0; nr_reserved < 4; nr_reserved++) {
			add_and_remove(mc, MHP_PLACEMENT_RANGE, 1, nr_reserved);
			add_and_remove(mc, MHP_PLACEMENT_RANGE, 3, nr_reserved);
			add_and_remove(mc, MHP_PLACEMENT_EXISTING, 2,
				       nr_reserved);
		}
	}
}

/* With memory that is not mapped out of reach. */
static void test_strict(struct machine *mc)
{
	if (mhp_page_bytes(mc->g) < 4096) {
		print_message("pages smaller than the host's: not strict\n");
		return;
	}
	machine_again(mc, MHP_MODEL_STRICT | MHP_MODEL_DIRTY);
	add_and_remove(mc, MHP_PLACEMENT_RANGE, 2, 1);
	add_and_remove(mc, MHP_PLACEMENT_EXISTING, 2, 1);
}

/* A range of several blocks, of which the engine makes one memmap. */
static void test_large(struct machine *mc)
{
	uint64_t nr = 3 * block_subsections(mc);

	add_and_remove(mc, MHP_PLACEMENT_RANGE, nr, 2);
	add_and_remove(mc, MHP_PLACEMENT_RANGE, nr, 0);
}

/* What a device remembers outlives the range. */
static void test_persistent(struct machine *mc)
{
	struct mhp_range range = subsections(mc, FIRST_BLOCK, 0, 2);
	struct mhp_device *device;
	mhp_pfn_t pfn;

	machine_again(mc, MHP_MODEL_STALE);
	device = device_new(mc, range, MHP_PLACEMENT_RANGE);
	pfn = device_info(device).data.start_pfn;
	memset(mhp_frame_address(mc->m, pfn), 0x5A, mhp_page_bytes(mc->g));
	device_gone(mc, device);
	device = device_new(mc, range, MHP_PLACEMENT_RANGE);
	assert_int_equal(*(uint8_t *)mhp_frame_address(mc->m, pfn), 0x5A);
	assert_null(mhp_frame_address(mc->m, mhp_range_end_pfn(range)));
}

/* Ranges of a sub-section each, side by side, leave in any order. */
static void test_neighbours(struct machine *mc)
{
	struct mhp_device *devices[NR_SUBS];
	unsigned int i, k;

	for (i = 0; i < NR_SUBS; i++) {
		devices[i] = device_new(mc, subsections(mc, FIRST_BLOCK, i, 1),
					i % 3 ? MHP_PLACEMENT_RANGE
					      : MHP_PLACEMENT_EXISTING);
		touch(mc, device_info(devices[i]).data, (uint8_t)i, true);
	}
	assert_int_equal(zone_info(mc, 0, MHP_ZONE_DEVICE).nr_present,
			 NR_SUBS * mhp_subsection_pages(mc->g));
	for (i = 0; i < NR_SUBS; i++) {
		unsigned int gone = i * 5 % NR_SUBS;

		touch(mc, device_info(devices[gone]).data, (uint8_t)gone,
		      false);
		device_gone(mc, devices[gone]);
		devices[gone] = NULL;
		for (k = 0; k < NR_SUBS; k++)
			if (devices[k])
				touch(mc, device_info(devices[k]).data,
				      (uint8_t)k, false);
	}
	assert_int_equal(zone_info(mc, 0, MHP_ZONE_DEVICE).span.nr_pages, 0);
}

static void expect_exist(struct machine *mc, uint64_t first, uint64_t nr)
{
	struct mhp_device *device = NULL;

	assert_int_equal(device_try(mc, subsections(mc, 0, first, nr),
				    MHP_PLACEMENT_RANGE, &device),
			 MHP_ERR_EXIST);
	assert_null(device);
	check_ok(mc);
}

static void test_overlap(struct machine *mc)
{
	uint64_t subs = block_subsections(mc), at = FIRST_BLOCK * subs;
	struct mhp_device *device;
	char *before;

	device = device_new(mc, subsections(mc, FIRST_BLOCK, 2, 2),
			    MHP_PLACEMENT_EXISTING);
	plug(mc, FIRST_BLOCK + 8, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	before = snapshot(mc, 0);
	expect_exist(mc, 0, 1);		    /* boot memory */
	expect_exist(mc, at + 2, 2);	    /* itself */
	expect_exist(mc, at + 2, 1);	    /* its first half */
	expect_exist(mc, at + 3, 1);	    /* its second half */
	expect_exist(mc, at + 1, 2);	    /* from before */
	expect_exist(mc, at + 3, 4);	    /* to behind */
	expect_exist(mc, at, 7);	    /* around it */
	expect_exist(mc, at + 8 * subs, 1); /* a block that was added */
	expect_exist(mc, at + 8 * subs - 1, 2);
	expect_exist(mc, at + 9 * subs - 1, 2);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 2 / subs, 1, MHP_PLACEMENT_RANGE),
		MHP_ERR_EXIST);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK - 1, 5, MHP_PLACEMENT_EXISTING),
		MHP_ERR_EXIST);
	unchanged(mc, before, 0);
	device_gone(mc, device);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK - 1, 5, MHP_PLACEMENT_RANGE), 0);
	expect_exist(mc, at, 1);
}

/* Between devices and beside them memory comes and goes. */
static void test_blocks_beside(struct machine *mc)
{
	uint64_t subs = block_subsections(mc);
	struct mhp_device *low, *high;

	low = device_new(mc, subsections(mc, FIRST_BLOCK, subs - 1, 1),
			 MHP_PLACEMENT_RANGE);
	high = device_new(mc, subsections(mc, FIRST_BLOCK + 2, 0, 1),
			  MHP_PLACEMENT_EXISTING);
	touch(mc, device_info(low).data, 1, true);
	touch(mc, device_info(high).data, 2, true);
	plug(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	check_ok(mc);
	assert_int_equal(mhp_offline_and_remove(
				 mc->m, block_range(mc, FIRST_BLOCK + 1, 1),
				 MHP_NO_DEADLINE, 0, NULL),
			 0);
	touch(mc, device_info(low).data, 1, false);
	touch(mc, device_info(high).data, 2, false);
	check_ok(mc);
}

static void test_list(struct machine *mc)
{
	static const unsigned int order[] = {3, 0, 5, 1};
	static const unsigned int sorted[] = {0, 1, 3, 5};
	struct mhp_device_info d = {.range = {0, 0}};
	struct mhp_device *devices[4];
	unsigned int i;

	assert_int_equal(mhp_device_next(mc->m, 0, &d), MHP_ERR_NOENT);
	for (i = 0; i < 4; i++)
		devices[i] = device_new(
			mc, subsections(mc, FIRST_BLOCK, order[i], 1),
			MHP_PLACEMENT_RANGE);
	for (i = 0; i < 4; i++) {
		assert_int_equal(
			mhp_device_next(mc->m, mhp_range_end_pfn(d.range), &d),
			0);
		assert_int_equal(
			d.range.start_pfn,
			subsections(mc, FIRST_BLOCK, sorted[i], 1).start_pfn);
	}
	assert_int_equal(mhp_device_next(mc->m, mhp_range_end_pfn(d.range), &d),
			 MHP_ERR_NOENT);
	device_gone(mc, devices[1]);
	assert_int_equal(mhp_device_next(mc->m, 0, &d), 0);
	assert_ptr_equal(d.device, devices[3]);
	assert_int_equal(mhp_device_remove(mc->m, devices[1]), MHP_ERR_NOENT);
	/* The others are left to the end of the machine. */
}

static void refuse(struct machine *mc, struct mhp_device_request request,
		   int err, enum mhp_why why)
{
	struct mhp_device *device = NULL;
	struct mhp_report report;

	assert_int_equal(mhp_device_add(mc->m, &request, &device, &report),
			 err);
	assert_int_equal(report.why, why);
	assert_int_equal(report.code, err);
	assert_null(device);
}

static void test_arguments(struct machine *mc)
{
	const struct mhp_device_request good = {
		.range = subsections(mc, FIRST_BLOCK, 0, 1)};
	struct mhp_device_request r = good;
	char *before = snapshot(mc, 0);

	r.size_bytes = 1;
	refuse(mc, r, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST);
	r = good;
	r.flags = MHP_ADD_SCRUB;
	refuse(mc, r, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST);
	r = good;
	r.node = mc->g->nr_nodes;
	refuse(mc, r, MHP_ERR_INVAL, MHP_WHY_BAD_NODE);
	r = good;
	r.placement = (enum mhp_placement)77;
	refuse(mc, r, MHP_ERR_INVAL, MHP_WHY_BAD_PLACEMENT);
	r = good;
	r.range.nr_pages = 0;
	refuse(mc, r, MHP_ERR_INVAL, MHP_WHY_EMPTY_RANGE);
	r = good;
	r.range.start_pfn++;
	refuse(mc, r, MHP_ERR_INVAL, MHP_WHY_NOT_SUBSECTIONS);
	r = good;
	r.range.nr_pages--;
	refuse(mc, r, MHP_ERR_INVAL, MHP_WHY_NOT_SUBSECTIONS);
	r = good;
	r.range = subsections(mc, NR_BLOCKS, 0, 1);
	r.range.start_pfn -= r.range.nr_pages;
	r.range.nr_pages *= 2;
	refuse(mc, r, MHP_ERR_2BIG, MHP_WHY_BEYOND_END);
	r.range.nr_pages = 0 - r.range.start_pfn;
	refuse(mc, r, MHP_ERR_2BIG, MHP_WHY_BEYOND_END);
	r = good;
	r.nr_reserved_pages = r.range.nr_pages;
	refuse(mc, r, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST);
	r.nr_reserved_pages = UINT64_MAX;
	refuse(mc, r, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST);
	r.nr_reserved_pages = r.range.nr_pages - 1;
	r.flags = MHP_ADD_STRICT;
	refuse(mc, r, MHP_ERR_OPNOTSUPP, MHP_WHY_PLACEMENT_REFUSED);
	unchanged(mc, before, 0);
}

/* Head and memmap would fill the range: the memmap goes elsewhere. */
static void test_falls_back(struct machine *mc)
{
	struct mhp_device_request r = {
		.range = subsections(mc, FIRST_BLOCK, 0, 1)};
	struct mhp_device *device;
	struct mhp_report report;

	r.nr_reserved_pages = r.range.nr_pages - 1;
	assert_int_equal(mhp_device_add(mc->m, &r, &device, &report), 0);
	assert_int_equal(report.why, MHP_WHY_FELL_BACK);
	assert_int_equal(device_info(device).placement, MHP_PLACEMENT_EXISTING);
	assert_int_equal(device_info(device).data.nr_pages, 1);
	check_ok(mc);
	device_gone(mc, device);
}

/* No page of a device range is ever given away. */
static void test_never_given(struct machine *mc)
{
	struct mhp_device *device = device_new(
		mc, subsections(mc, FIRST_BLOCK, 0, 2), MHP_PLACEMENT_RANGE);
	struct mhp_range range = device_info(device).range;
	struct mhp_request request = {.order = 0};
	mhp_pfn_t pfn;

	while (!mhp_frame_alloc(mc->m, &request, &pfn))
		assert_false(pfn - range.start_pfn < range.nr_pages);
	check_ok(mc);
}

static const struct machine_test tests[] = {
	{"life", test_life},
	{"strict", test_strict},
	{"large", test_large},
	{"persistent", test_persistent},
	{"neighbours", test_neighbours},
	{"overlap", test_overlap},
	{"blocks_beside", test_blocks_beside},
	{"list", test_list},
	{"arguments", test_arguments},
	{"falls_back", test_falls_back},
	{"never_given", test_never_given},
};

int main(void)
{
	return machine_run("device", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
