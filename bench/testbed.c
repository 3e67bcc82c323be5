/* SPDX-License-Identifier: MIT */
/*
 * Instances to measure: see testbed.h.
 *
 *   0 | boot memory (DMA32)      16 GiB | DIMM (Normal) ...
 */
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "testbed.h"

#define DIMM_START (16 * BENCH_GIB)

const char *testbed_port_name(enum testbed_port port)
{
	return port == TESTBED_MODEL ? "model" : "posix";
}

static int testbed_geometry(struct mhp_geometry *g, const struct bench *b)
{
	int err = mhp_geometry_named("x86_64", g);

	/* Cursors enough for threads that come and go. */
	g->nr_cpus = (uint16_t)(2 * b->nr_cpus);
	return err;
}

static int open_model(struct testbed *t, const struct mhp_geometry *g,
		      const struct mhp_boot_range *boot, uint64_t span_bytes,
		      struct mhp_report *report)
{
	struct mhp_model_config config = {
		.geometry = *g,
		.boot = boot,
		.nr_boot = 1,
		.max_pfn = mhp_pages_from_bytes(g, span_bytes),
		.dma32_end_pfn = mhp_pages_from_bytes(g, DIMM_START),
		.flags = MHP_MODEL_REAL_CLOCK | t->model_flags,
	};
	int err = mhp_model_create(&config, &t->model, report);

	if (!err)
		t->m = mhp_model_mhp(t->model);
	return err;
}

static int open_posix(struct testbed *t, const struct mhp_geometry *g,
		      const struct mhp_boot_range *boot, uint64_t span_bytes,
		      struct mhp_report *report)
{
	struct mhp_posix_config config = {
		.size_bytes = sizeof(config),
		.geometry = g,
		.boot = boot,
		.nr_boot = 1,
		.span_bytes = span_bytes,
		.dma32_end_pfn = mhp_pages_from_bytes(g, DIMM_START),
	};
	int err = mhp_posix_open(&config, &t->posix, report);

	if (!err)
		t->m = mhp_posix_mhp(t->posix);
	return err;
}

static int testbed_start(struct testbed *t, struct mhp_geometry *g,
			 uint64_t boot_bytes, uint64_t max_dimm_bytes)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct mhp_boot_range boot = {.node = 0};
	uint64_t span_bytes = DIMM_START + max_dimm_bytes;
	int err;

	boot.range = mhp_range_make(0, mhp_pages_from_bytes(g, boot_bytes));
	if (t->port == TESTBED_MODEL)
		err = open_model(t, g, &boot, span_bytes, &report);
	else
		err = open_posix(t, g, &boot, span_bytes, &report);
	return err ? bench_fail("start", err, &report) : 0;
}

int testbed_open(struct testbed *t, const struct bench *b,
		 enum testbed_port port, uint64_t boot_bytes,
		 uint64_t max_dimm_bytes)
{
	struct mhp_geometry g;
	int err = testbed_geometry(&g, b);

	*t = (struct testbed){.port = port};
	return err ? bench_fail("start", err, NULL)
		   : testbed_start(t, &g, boot_bytes, max_dimm_bytes);
}

int testbed_open_model(struct testbed *t, const struct bench *b,
		       uint16_t descriptor_bytes, uint64_t boot_bytes,
		       uint64_t max_dimm_bytes)
{
	struct mhp_geometry g;
	int err = testbed_geometry(&g, b);

	*t = (struct testbed){.port = TESTBED_MODEL};
	g.descriptor_bytes = descriptor_bytes;
	return err ? bench_fail("start", err, NULL)
		   : testbed_start(t, &g, boot_bytes, max_dimm_bytes);
}

int testbed_open_stale(struct testbed *t, const struct bench *b,
		       uint64_t boot_bytes, uint64_t max_dimm_bytes)
{
	struct mhp_geometry g;
	int err = testbed_geometry(&g, b);

	*t = (struct testbed){.port = TESTBED_MODEL,
			      .model_flags = MHP_MODEL_STALE};
	return err ? bench_fail("start", err, NULL)
		   : testbed_start(t, &g, boot_bytes, max_dimm_bytes);
}

void testbed_close(struct testbed *t)
{
	if (t->model)
		mhp_model_destroy(t->model);
	mhp_posix_close(t->posix);
}

static int online_blocks(struct testbed *t, struct mhp_report *report)
{
	const struct mhp_geometry *g = mhp_geometry(t->m);
	uint64_t id = mhp_block_id(g, t->dimm.start_pfn);
	uint64_t end = mhp_block_id(g, mhp_range_end_pfn(t->dimm));
	int err = 0;

	for (; !err && id < end; id++)
		err = mhp_block_online(t->m, id, MHP_ONLINE_KERNEL, report);
	return err;
}

static int plug_model(struct testbed *t, enum mhp_placement placement,
		      struct mhp_report *report)
{
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.range = t->dimm,
		.placement = placement,
		.flags = MHP_ADD_STRICT,
	};
	int err = mhp_add(t->m, &request, report);

	return err ? err : online_blocks(t, report);
}

static int plug_posix(struct testbed *t, enum mhp_placement placement,
		      struct mhp_report *report)
{
	const struct mhp_geometry *g = mhp_geometry(t->m);
	struct mhp_posix_request request = {
		.size_bytes = sizeof(request),
		.capacity_bytes = mhp_bytes_from_pages(g, t->dimm.nr_pages),
		.start = mhp_pa_from_pfn(g, t->dimm.start_pfn),
		.placement = placement,
		.add_flags = MHP_ADD_STRICT,
		.online = MHP_ONLINE_KERNEL,
	};

	return mhp_posix_plug(t->posix, &request, &t->region_id, report);
}

int testbed_plug(struct testbed *t, uint64_t size_bytes,
		 enum mhp_placement placement)
{
	const struct mhp_geometry *g = mhp_geometry(t->m);

	t->dimm.start_pfn = mhp_pages_from_bytes(g, DIMM_START);
	return testbed_plug_at(t, size_bytes, placement);
}

int testbed_plug_at(struct testbed *t, uint64_t size_bytes,
		    enum mhp_placement placement)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	const struct mhp_geometry *g = mhp_geometry(t->m);
	int err;

	t->dimm.nr_pages = mhp_pages_from_bytes(g, size_bytes);
	/* It is strict: what was asked for is what it becomes. */
	t->descends = placement == MHP_PLACEMENT_RANGE;
	err = t->model ? plug_model(t, placement, &report)
		       : plug_posix(t, placement, &report);
	return err ? bench_fail("plug", err, &report) : 0;
}

uint64_t testbed_nr_blocks(const struct testbed *t)
{
	return t->dimm.nr_pages / mhp_block_pages(mhp_geometry(t->m));
}

uint64_t testbed_leaves(const struct testbed *t, uint64_t i)
{
	uint64_t id = mhp_block_id(mhp_geometry(t->m), t->dimm.start_pfn);

	return id + (t->descends ? testbed_nr_blocks(t) - 1 - i : i);
}

int testbed_offline(struct testbed *t)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	uint64_t i, nr = testbed_nr_blocks(t);
	int err = 0;

	for (i = 0; !err && i < nr; i++)
		err = mhp_block_offline(t->m, testbed_leaves(t, i),
					MHP_NO_DEADLINE, &report);
	return err ? bench_fail("offline", err, &report) : 0;
}

int testbed_remove(struct testbed *t)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	int err = mhp_remove(t->m, t->dimm, &report);

	if (!err && t->posix)
		err = mhp_posix_withdraw(t->posix, t->region_id, &report);
	return err ? bench_fail("remove", err, &report) : 0;
}

uint64_t testbed_nr_free(struct testbed *t)
{
	struct mhp_zone_info info;

	if (mhp_zone_query(t->m, 0, MHP_ZONE_NORMAL, &info))
		return 0;
	return info.nr_free;
}

double testbed_existing(struct testbed *t)
{
	struct mhp_stat stat;

	mhp_stat_read(t->m, &stat);
	return (double)stat.existing_bytes;
}
