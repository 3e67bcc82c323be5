/* SPDX-License-Identifier: MIT */
/* The memory of benchmarks of evacuation; see evacuation.h. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "evacuation.h"

#define BOOT_BYTES (128 * BENCH_MIB)
#define MAX_BLOCKS 8192

int evacuation_alloc(struct evacuation *e, uint64_t handle_bytes)
{
	e->max_handles = 2 * e->size_bytes / handle_bytes;
	e->handles = bench_array(e->max_handles, sizeof(*e->handles));
	e->ops = bench_array(MAX_BLOCKS, sizeof(*e->ops));
	return e->handles && e->ops ? 0 : EXIT_FAILED;
}

void evacuation_free(struct evacuation *e)
{
	free(e->ops);
	free(e->handles);
}

int evacuation_open(struct evacuation *e)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct mhp_posix_config config = {
		.size_bytes = sizeof(config),
		.boot_bytes = BOOT_BYTES,
		.span_bytes = 8 * BENCH_GIB + 2 * e->size_bytes,
	};
	int err = mhp_posix_open(&config, &e->p, &report);

	if (err)
		return bench_fail("start", err, &report);
	e->m = mhp_posix_mhp(e->p);
	return 0;
}

static int evacuation_plug(struct evacuation *e, uint32_t *id,
			   struct mhp_range *range)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct mhp_posix_request request = {
		.size_bytes = sizeof(request),
		.capacity_bytes = e->size_bytes,
		.placement = MHP_PLACEMENT_BLOCK,
		.online = MHP_ONLINE_MOVABLE,
	};
	struct mhp_posix_region region;
	int err = mhp_posix_plug(e->p, &request, id, &report);

	if (!err)
		err = mhp_posix_region_query(e->p, *id, &region);
	if (err)
		return bench_fail("plug", err, &report);
	*range = region.range;
	return 0;
}

static bool handle_inside(struct evacuation *e, mhp_handle_t handle,
			  struct mhp_range range)
{
	struct mhp_handle_info info;

	return !mhp_handle_query(e->p, handle, &info) &&
	       info.pfn >= range.start_pfn &&
	       info.pfn < mhp_range_end_pfn(range);
}

/* How many handles a DIMM has room for. Small ones also go beside the memmap,
 * at the start of each block. */
static uint64_t nr_handles_of(const struct evacuation *e,
			      struct mhp_range range)
{
	const struct mhp_geometry *g = mhp_geometry(e->m);
	uint64_t nr_blocks = range.nr_pages / mhp_block_pages(g);
	struct mhp_block_info info;

	if (mhp_block_query(e->m, mhp_block_id(g, range.start_pfn), &info))
		return 0;
	if (e->handle_bytes > mhp_page_bytes(g))
		info.nr_memmap = mhp_pageblock_pages(g);
	return nr_blocks *
	       mhp_bytes_from_pages(g, info.nr_present - info.nr_memmap) /
	       e->handle_bytes;
}

static int fill_one(struct evacuation *e, int byte, mhp_handle_t *handle)
{
	int err = mhp_handle_alloc(e->p, e->handle_bytes, 0, handle);

	if (err)
		return bench_fail("fill", err, NULL);
	memset(mhp_handle_pin(e->p, *handle), byte, e->handle_bytes);
	return mhp_handle_unpin(e->p, *handle);
}

/* Fill a DIMM; handles from @nr on. Not one may be allocated that it has no
 * room for: the allocator would go on where that one is. */
static int fill(struct evacuation *e, struct mhp_range range, uint64_t *nr)
{
	uint64_t todo = nr_handles_of(e, range);

	for (; todo; ++*nr) {
		if (*nr == e->max_handles ||
		    fill_one(e, (int)*nr, &e->handles[*nr]))
			return EXIT_FAILED;
		if (handle_inside(e, e->handles[*nr], range))
			todo--;
	}
	return 0;
}

static void free_handles(struct evacuation *e, uint64_t first, uint64_t end)
{
	for (; first < end; first++)
		mhp_handle_free(e->p, e->handles[first]);
}

int evacuation_prepare(struct evacuation *e, bool resident)
{
	uint32_t id;
	uint64_t nr = 0, all;

	if (evacuation_plug(e, &e->leaving_id, &e->leaving) ||
	    fill(e, e->leaving, &nr) || evacuation_plug(e, &id, &e->target))
		return EXIT_FAILED;
	all = nr;
	if (resident && fill(e, e->target, &all))
		return EXIT_FAILED;
	free_handles(e, nr, all);
	bench_shuffle(e->handles, nr, e->handle_bytes);
	e->nr_handles = nr / 2;
	free_handles(e, e->nr_handles, nr);
	return 0;
}

/* A hypervisor takes pages out of a guest's page tables now and then; the next
 * access to each of 2 MiB takes it 40 to 70 us, and the system does not see it.
 * So there is one before the clock starts. */
static void touch(const struct evacuation *e, struct mhp_range range)
{
	uint64_t *word = mhp_frame_address(e->m, range.start_pfn);
	uint64_t i;

	for (i = 0; i < e->size_bytes / 8; i += 2 * BENCH_MIB / 8)
		__atomic_fetch_or(word + i, 0, __ATOMIC_RELAXED);
}

void evacuation_touch(struct evacuation *e, bool resident)
{
	touch(e, e->leaving);
	if (resident)
		touch(e, e->target);
}

uint64_t evacuation_nr_blocks(const struct evacuation *e)
{
	return e->size_bytes / mhp_block_bytes(mhp_geometry(e->m));
}

int evacuation_begin(struct evacuation *e, uint64_t i, uint64_t deadline_ns,
		     uint32_t flags, struct mhp_report *report)
{
	uint64_t first = mhp_block_id(mhp_geometry(e->m), e->leaving.start_pfn);

	return mhp_offline_begin(e->m, &e->ops[i], first + i, deadline_ns,
				 flags, report);
}
