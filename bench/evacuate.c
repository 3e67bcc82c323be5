/* SPDX-License-Identifier: MIT */
/*
 * How fast memory in use leaves, on port/posix: a DIMM whose pages are in use
 * by handles, every second of them at random, is evacuated to another one by a
 * single thread.
 *
 *   half-full        the destination has memory already; floor: a copy past
 *                    the caches
 *   half-full-fresh  the destination gets its memory while it is filled; floor:
 *                    a copy that does the same
 *
 * Handles are of 4 KiB; "-64k" and "-2m" are for comparison. The time is that
 * of taking all its blocks offline: they are isolated first, so nothing moves
 * within the DIMM. "unplug" goes on until its memory is the system's again.
 *
 * The floor is measured in pieces between the steps of the evacuation, on as
 * many bytes. Before both the caches are filled with something else.
 *
 * What it does not do: let anybody use the handles meanwhile (mhp demo does).
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "floors.h"
#include "testbed.h"

#define SIZE_DEFAULT BENCH_GIB
#define BOOT_BYTES (128 * BENCH_MIB)
#define MAX_BLOCKS 8192
/* Copied at once for the floor, at least. */
#define PIECE_BYTES (4 * BENCH_MIB)

enum {
	CASE_RESIDENT,
	CASE_RESIDENT_64K,
	CASE_RESIDENT_2M,
	CASE_FRESH,
	CASE_FRESH_64K,
	CASE_FRESH_2M,
	CASE_UNPLUG,
	NR_CASES,
};

#define EVACUATE_CASE(text)                                                   \
	{                                                                     \
		.name = (text), .unit = "GB/s", .port = "posix", .threads = 1 \
	}

static const struct bench_case case_names[NR_CASES] = {
	EVACUATE_CASE("half-full"),
	EVACUATE_CASE("half-full-64k"),
	EVACUATE_CASE("half-full-2m"),
	EVACUATE_CASE("half-full-fresh"),
	EVACUATE_CASE("half-full-fresh-64k"),
	EVACUATE_CASE("half-full-fresh-2m"),
	EVACUATE_CASE("half-full-unplug"),
};

static const uint64_t handle_sizes[] = {4 * BENCH_KIB, 64 * BENCH_KIB,
					2 * BENCH_MIB};

/* One evacuation: two DIMMs and the handles that fill them. */
struct evacuation {
	struct mhp_posix *p;
	struct mhp *m;
	uint64_t size_bytes; /* of a DIMM */
	uint64_t handle_bytes;
	struct mhp_range leaving;
	struct mhp_range target;
	uint32_t leaving_id;
	mhp_handle_t *handles;
	uint64_t max_handles; /* room in it */
	uint64_t nr_handles;
	struct mhp_offline *ops; /* one a block */
};

static int evacuation_open(struct evacuation *e)
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

/* A DIMM that is half full, and another one with room. */
static int prepare(struct evacuation *e, bool resident)
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

/* Empty one block. Now and then as much is copied for the floor as has moved,
 * so that both meet the same machine. */
static int offline_block(struct evacuation *e, struct mhp_offline *op,
			 struct floor_copy *f, struct mhp_report *report)
{
	uint64_t step_bytes = MHP_OFFLINE_BATCH * e->handle_bytes;
	uint64_t bytes = 0;
	int err;

	do {
		err = mhp_offline_step(e->m, op, report);
		bytes += step_bytes;
		if (bytes >= PIECE_BYTES) {
			floor_copy_piece(f, bytes);
			bytes = 0;
		}
	} while (err == MHP_ERR_AGAIN);
	return err;
}

/* Isolate all blocks, then empty one after the other. */
static int offline_all(struct evacuation *e, struct floor_copy *f,
		       struct mhp_report *report)
{
	const struct mhp_geometry *g = mhp_geometry(e->m);
	uint64_t i, first = mhp_block_id(g, e->leaving.start_pfn);
	uint64_t nr = e->size_bytes / mhp_block_bytes(g);
	int err = 0;

	for (i = 0; !err && i < nr; i++)
		err = mhp_offline_begin(e->m, &e->ops[i], first + i,
					MHP_NO_DEADLINE, 0, report);
	for (i = 0; !err && i < nr; i++)
		err = offline_block(e, &e->ops[i], f, report);
	return err;
}

/* A hypervisor takes pages out of a guest's page tables now and then; the next
 * access to each of 2 MiB takes it 40 to 70 us, and the system does not see it.
 * So there is one before the clock starts. */
static void touch(struct evacuation *e, struct mhp_range range)
{
	uint64_t *word = mhp_frame_address(e->m, range.start_pfn);
	uint64_t i;

	for (i = 0; i < e->size_bytes / 8; i += 2 * BENCH_MIB / 8)
		__atomic_fetch_or(word + i, 0, __ATOMIC_RELAXED);
}

/* GB/s of evacuating, and of all until the memory is given back. */
static int evacuate(struct evacuation *e, struct floor_copy *f, double *gbs,
		    double *unplug_gbs)
{
	double bytes = (double)(e->nr_handles * e->handle_bytes);
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	double start = bench_now_ns();
	int err = offline_all(e, f, &report);

	*gbs = bytes / (bench_now_ns() - start - f->ns);
	if (!err)
		err = mhp_posix_unplug(e->p, e->leaving_id, MHP_NO_DEADLINE, 0,
				       &report);
	*unplug_gbs = bytes / (bench_now_ns() - start - f->ns);
	return err ? bench_fail("evacuate", err, &report) : 0;
}

static int measure(struct evacuation *e, struct bench_case *cases,
		   struct floor_copy *f, size_t size_index, bool resident)
{
	int i = (resident ? CASE_RESIDENT : CASE_FRESH) + (int)size_index;
	double gbs, unplug_gbs;
	int err;

	e->handle_bytes = handle_sizes[size_index];
	if (evacuation_open(e))
		return EXIT_FAILED;
	err = prepare(e, resident);
	floor_copy_begin(f, !resident);
	floor_copy_sweep(f);
	if (!err)
		touch(e, e->leaving);
	if (!err && resident)
		touch(e, e->target);
	if (!err)
		err = evacuate(e, f, &gbs, &unplug_gbs);
	if (!err)
		bench_sample(&cases[i], gbs, floor_copy_gbs(f));
	if (!err && i == CASE_RESIDENT)
		bench_sample(&cases[CASE_UNPLUG], unplug_gbs,
			     floor_copy_gbs(f));
	mhp_posix_close(e->p);
	return err ? EXIT_FAILED : 0;
}

static int measure_all(const struct bench *b, struct evacuation *e,
		       struct bench_case *cases)
{
	struct floor_copy f;
	unsigned int i;
	size_t size;
	int err = floor_copy_open(&f, e->size_bytes / 2);

	if (err)
		return bench_fail("floor", err, NULL);
	for (i = 0; i < b->repeat; i++)
		for (size = 0; size < 3; size++) {
			if (!err)
				err = measure(e, cases, &f, size, true);
			if (!err)
				err = measure(e, cases, &f, size, false);
		}
	floor_copy_close(&f);
	return err;
}

int bench_evacuate(const struct bench *b)
{
	struct bench_case *cases = bench_cases_new(case_names, NR_CASES);
	struct evacuation e = {
		.size_bytes = b->size_bytes ? b->size_bytes : SIZE_DEFAULT,
	};
	int err = EXIT_FAILED;

	bench_pin(b, 0);
	e.max_handles = 2 * e.size_bytes / handle_sizes[0];
	e.handles = bench_array(e.max_handles, sizeof(*e.handles));
	e.ops = bench_array(MAX_BLOCKS, sizeof(*e.ops));
	if (cases && e.handles && e.ops)
		err = measure_all(b, &e, cases);
	if (!err)
		bench_print(b, "evacuate", cases, NR_CASES);
	free(e.ops);
	free(e.handles);
	free(cases);
	return err;
}
