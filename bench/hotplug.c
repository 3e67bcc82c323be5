/* SPDX-License-Identifier: MIT */
/*
 * What it costs that memory comes and goes, on both ports and in all
 * placements of the memmap. The memory is empty: 1 GiB or 1 TiB in blocks of
 * 128 MiB.
 *
 *   add-online    from nothing to memory that can be allocated: on port/posix
 *                 with the file behind it
 *   offline       all its blocks; offline-block: each of them
 *   remove        until its memory is the system's again
 *   add-use-free  the same as add-online, then each page is allocated and
 *                 freed, so what add and online put off is in here; the
 *                 "-used" figures are of memory that has been through this
 *
 *   first-touch   a page of each of its blocks: what of offline is the
 *                 system's, where that is the first to touch the block's state
 *   forecast      of one block: empty, and full of single pages whose owner is
 *                 asked for pins
 *   -resident     the same on port model whose memory stays resident and is not
 *                 zero when it comes back: what the engine itself takes
 *
 * "existing-bytes" is not a time: it is the memory that was there before and
 * describes the DIMM, for each section of it.
 *
 * What it does not do: move anything (that is evacuate).
 */
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "testbed.h"

#define BOOT_SMALL (256 * BENCH_MIB)
/* The memmap of 1 TiB may have to find room in it. */
#define BOOT_LARGE (8 * BENCH_GIB)
#define TIB (1024 * BENCH_GIB)

enum {
	CASE_ADD_ONLINE_1G,
	CASE_OFFLINE_1G,
	CASE_OFFLINE_BLOCK,
	CASE_REMOVE_1G,
	CASE_ADD_USE_FREE_1G,
	CASE_OFFLINE_1G_USED,
	CASE_REMOVE_1G_USED,
	CASE_ADD_ONLINE_1T,
	CASE_FIRST_TOUCH,
	CASE_FORECAST_EMPTY,
	CASE_FORECAST_FULL,
	CASE_ADD_ONLINE_RESIDENT,
	CASE_OFFLINE_RESIDENT,
	CASE_REMOVE_RESIDENT,
	CASE_OFFLINE_USED_RESIDENT,
	CASE_REMOVE_USED_RESIDENT,
	CASE_EXISTING,
	NR_CASES,
};

static const struct bench_case case_names[NR_CASES] = {
	{.name = "add-online-1g", .unit = "us", .threads = 1},
	{.name = "offline-1g", .unit = "us", .threads = 1},
	{.name = "offline-block", .unit = "us", .threads = 1},
	{.name = "remove-1g", .unit = "us", .threads = 1},
	{.name = "add-use-free-1g", .unit = "us", .threads = 1},
	{.name = "offline-1g-used", .unit = "us", .threads = 1},
	{.name = "remove-1g-used", .unit = "us", .threads = 1},
	{.name = "add-online-1t", .unit = "us", .threads = 1},
	{.name = "first-touch-1g", .unit = "us", .threads = 1},
	{.name = "forecast-empty", .unit = "us", .threads = 1},
	{.name = "forecast-full", .unit = "us", .threads = 1},
	{.name = "add-online-1g-resident", .unit = "us", .threads = 1},
	{.name = "offline-1g-resident", .unit = "us", .threads = 1},
	{.name = "remove-1g-resident", .unit = "us", .threads = 1},
	{.name = "offline-1g-used-resident", .unit = "us", .threads = 1},
	{.name = "remove-1g-used-resident", .unit = "us", .threads = 1},
	{.name = "existing-bytes", .unit = "bytes", .threads = 1},
};

/* One port, one placement. */
struct hotplug {
	struct testbed t;
	enum mhp_placement placement;
	struct bench_case *cases;
	mhp_pfn_t *pfns; /* of a GiB */
};

static void sample_us(struct hotplug *h, int i, double start_ns)
{
	bench_sample(&h->cases[i], (bench_now_ns() - start_ns) / 1e3, 0);
}

static void sample_existing(struct hotplug *h)
{
	const struct mhp_geometry *g = mhp_geometry(h->t.m);
	double sections = (double)h->t.dimm.nr_pages /
			  (double)mhp_section_pages(g);

	bench_sample(&h->cases[CASE_EXISTING],
		     testbed_existing(&h->t) / sections, 0);
}

static int measure_add_online(struct hotplug *h, uint64_t size_bytes, int i)
{
	double start = bench_now_ns();

	if (testbed_plug(&h->t, size_bytes, h->placement))
		return EXIT_FAILED;
	sample_us(h, i, start);
	return 0;
}

static int measure_offline(struct hotplug *h, int all, int each)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	uint64_t i, nr = testbed_nr_blocks(&h->t);
	double start = bench_now_ns();

	for (i = 0; i < nr; i++) {
		uint64_t id = testbed_leaves(&h->t, i);
		double block_start = bench_now_ns();
		int err = mhp_block_offline(h->t.m, id, MHP_NO_DEADLINE,
					    &report);

		if (err)
			return bench_fail("offline", err, &report);
		if (each >= 0)
			sample_us(h, each, block_start);
	}
	sample_us(h, all, start);
	return 0;
}

static int measure_remove(struct hotplug *h, int i)
{
	double start = bench_now_ns();

	if (testbed_remove(&h->t))
		return EXIT_FAILED;
	sample_us(h, i, start);
	return 0;
}

static int measure_empty(struct hotplug *h)
{
	if (measure_add_online(h, BENCH_GIB, CASE_ADD_ONLINE_1G))
		return EXIT_FAILED;
	sample_existing(h);
	if (measure_offline(h, CASE_OFFLINE_1G, CASE_OFFLINE_BLOCK))
		return EXIT_FAILED;
	return measure_remove(h, CASE_REMOVE_1G);
}

static int use_and_free(struct hotplug *h, uint64_t nr)
{
	struct mhp_request request = {.size_bytes = sizeof(request)};
	uint64_t i;
	int err = 0;

	for (i = 0; !err && i < nr; i++)
		err = mhp_frame_alloc(h->t.m, &request, &h->pfns[i]);
	for (i = 0; !err && i < nr; i++)
		err = mhp_frame_free(h->t.m, h->pfns[i], 0);
	return err ? bench_fail("allocate and free", err, NULL) : 0;
}

static int measure_used(struct hotplug *h)
{
	double start = bench_now_ns(), pause;
	uint64_t nr;

	if (testbed_plug(&h->t, BENCH_GIB, h->placement))
		return EXIT_FAILED;
	pause = bench_now_ns();
	nr = testbed_nr_free(&h->t);
	start += bench_now_ns() - pause;
	if (use_and_free(h, nr))
		return EXIT_FAILED;
	sample_us(h, CASE_ADD_USE_FREE_1G, start);
	sample_existing(h);
	if (measure_offline(h, CASE_OFFLINE_1G_USED, -1))
		return EXIT_FAILED;
	return measure_remove(h, CASE_REMOVE_1G_USED);
}

/* ---- forecasts ---- */

static int never_moves(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	(void)ctx;
	(void)m;
	(void)move;
	return MHP_ERR_BUSY;
}

static uint32_t no_pins(void *ctx, struct mhp *m, mhp_pfn_t pfn,
			unsigned int order, uint64_t cookie)
{
	(void)ctx;
	(void)m;
	(void)pfn;
	(void)order;
	(void)cookie;
	return 0;
}

static uint64_t forecast_block(struct hotplug *h)
{
	return testbed_leaves(&h->t, testbed_nr_blocks(&h->t) / 2);
}

static int look_at_block(struct hotplug *h)
{
	struct mhp_block_info info;

	return mhp_block_query(h->t.m, forecast_block(h), &info);
}

static int measure_forecast(struct hotplug *h, int i)
{
	uint64_t id = forecast_block(h);
	struct mhp_forecast forecast;
	double start = bench_now_ns();
	int err = mhp_forecast(h->t.m, id, &forecast, NULL, 0, NULL);

	sample_us(h, i, start);
	return err ? bench_fail("forecast", err, NULL) : 0;
}

/* Three quarters of a GiB hold single pages; the block is among them. */
static int measure_forecast_full(struct hotplug *h, uint16_t owner)
{
	struct mhp_request request = {.mobility = MHP_MOVABLE, .owner = owner};
	uint64_t want = testbed_nr_free(&h->t) / 4 * 3, i, nr = 0;
	int err = 0;

	while (!err && nr < want)
		err = mhp_frame_alloc(h->t.m, &request, &h->pfns[nr++]);
	if (!err)
		err = measure_forecast(h, CASE_FORECAST_FULL);
	for (i = 0; !err && i < nr; i++)
		err = mhp_frame_free(h->t.m, h->pfns[i], 0);
	return err ? bench_fail("use", err, NULL) : 0;
}

static int measure_forecasts(struct hotplug *h)
{
	static const struct mhp_owner_ops ops = {
		.size_bytes = sizeof(ops),
		.name = "bench",
		.move = never_moves,
		.pins = no_pins,
	};
	uint16_t owner;
	int err = mhp_owner_register(h->t.m, &ops, NULL, &owner);

	if (err)
		return bench_fail("register an owner", err, NULL);
	err = testbed_plug(&h->t, BENCH_GIB, h->placement);
	/* The first look is the first touch of the block's state. */
	if (!err)
		err = look_at_block(h);
	if (!err)
		err = measure_forecast(h, CASE_FORECAST_EMPTY);
	if (!err)
		err = measure_forecast_full(h, owner);
	if (!err)
		err = testbed_offline(&h->t);
	if (!err)
		err = testbed_remove(&h->t);
	return err ? err : mhp_owner_unregister(h->t.m, owner);
}

/* ---- what the system takes of it ---- */

static int measure_first_touch(struct hotplug *h)
{
	uint64_t i, nr = testbed_nr_blocks(&h->t);
	mhp_pfn_t step = h->t.dimm.nr_pages / nr;
	double start;
	int err = testbed_plug(&h->t, BENCH_GIB, h->placement);

	if (err)
		return err;
	start = bench_now_ns();
	for (i = 1; i <= nr; i++)
		*(volatile char *)mhp_frame_address(
			h->t.m, h->t.dimm.start_pfn + i * step - 1) = 1;
	sample_us(h, CASE_FIRST_TOUCH, start);
	err = testbed_offline(&h->t);
	return err ? err : testbed_remove(&h->t);
}

static int measure_gib(struct hotplug *h, const struct bench *b,
		       enum testbed_port port)
{
	unsigned int i;
	int err = testbed_open(&h->t, b, port, BOOT_SMALL, BENCH_GIB);

	if (err)
		return err;
	for (i = 0; !err && i < b->repeat; i++) {
		err = measure_empty(h);
		if (!err)
			err = measure_used(h);
		if (!err && port == TESTBED_MODEL)
			err = measure_forecasts(h);
		if (!err && port == TESTBED_MODEL)
			err = measure_first_touch(h);
	}
	testbed_close(&h->t);
	return err;
}

static int measure_resident_used(struct hotplug *h, bool sampled)
{
	int err = testbed_plug(&h->t, BENCH_GIB, h->placement);

	if (!err)
		err = use_and_free(h, testbed_nr_free(&h->t));
	if (!err && sampled)
		err = measure_offline(h, CASE_OFFLINE_USED_RESIDENT, -1);
	else if (!err)
		err = testbed_offline(&h->t);
	if (err)
		return err;
	return sampled ? measure_remove(h, CASE_REMOVE_USED_RESIDENT)
		       : testbed_remove(&h->t);
}

static int measure_resident_empty(struct hotplug *h)
{
	int err = measure_add_online(h, BENCH_GIB, CASE_ADD_ONLINE_RESIDENT);

	if (!err)
		err = measure_offline(h, CASE_OFFLINE_RESIDENT, -1);
	return err ? err : measure_remove(h, CASE_REMOVE_RESIDENT);
}

static int measure_resident(struct hotplug *h, const struct bench *b)
{
	unsigned int i;
	int err = testbed_open_stale(&h->t, b, BOOT_SMALL, BENCH_GIB);

	if (err)
		return err;
	err = measure_resident_used(h, false);
	for (i = 0; !err && i < b->repeat; i++) {
		err = measure_resident_empty(h);
		if (!err)
			err = measure_resident_used(h, true);
	}
	testbed_close(&h->t);
	return err;
}

static int measure_tib(struct hotplug *h, const struct bench *b)
{
	unsigned int i;
	int err = testbed_open(&h->t, b, TESTBED_MODEL, BOOT_LARGE, TIB);

	if (err)
		return err;
	/* After the first repetition the memory of the states is resident, as
	 * that of a kernel is. */
	(void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
	for (i = 0; !err && i < b->repeat; i++) {
		err = measure_add_online(h, TIB, CASE_ADD_ONLINE_1T);
		if (!err)
			err = testbed_offline(&h->t);
		if (!err)
			err = testbed_remove(&h->t);
	}
	testbed_close(&h->t);
	return err;
}

static const char *placement_name(enum mhp_placement placement)
{
	if (placement == MHP_PLACEMENT_RANGE)
		return "range";
	return placement == MHP_PLACEMENT_BLOCK ? "block" : "existing";
}

static int measure_port(const struct bench *b, enum testbed_port port,
			enum mhp_placement placement, mhp_pfn_t *pfns)
{
	struct hotplug h = {.placement = placement, .pfns = pfns};
	unsigned int i;
	int err;

	h.cases = bench_cases_new(case_names, NR_CASES);
	if (!h.cases)
		return EXIT_FAILED;
	for (i = 0; i < NR_CASES; i++) {
		h.cases[i].port = testbed_port_name(port);
		h.cases[i].placement = placement_name(placement);
	}
	err = measure_gib(&h, b, port);
	if (!err && port == TESTBED_MODEL)
		err = measure_tib(&h, b);
	if (!err && port == TESTBED_MODEL)
		err = measure_resident(&h, b);
	if (!err)
		bench_print(b, "hotplug", h.cases, NR_CASES);
	free(h.cases);
	return err;
}

int bench_hotplug(const struct bench *b)
{
	mhp_pfn_t *pfns = bench_array(BENCH_GIB / 4096, sizeof(*pfns));
	int err = pfns ? EXIT_DONE : EXIT_FAILED;
	int port, placement;

	bench_pin(b, 0);
	/* The pages of the array itself are not what is measured. */
	if (pfns)
		memset(pfns, 0xff, BENCH_GIB / 4096 * sizeof(*pfns));
	for (port = TESTBED_MODEL; port <= TESTBED_POSIX; port++)
		for (placement = MHP_PLACEMENT_RANGE;
		     placement >= MHP_PLACEMENT_EXISTING; placement--)
			if (!err)
				err = measure_port(
					b, (enum testbed_port)port,
					(enum mhp_placement)placement, pfns);
	free(pfns);
	return err;
}
