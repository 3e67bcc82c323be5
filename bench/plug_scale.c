/* SPDX-License-Identifier: MIT */
/*
 * How hotplug scales: a machine on port model is plugged up to a size, used
 * here and there, and unplugged. Times are for a GiB, so that they are the same
 * in every row if nothing costs in proportion to what is there.
 *
 *   add-online, offline, remove   of all of it, for each GiB; blocks ascending
 *   beside       a GiB more is added, goes online, is asked about, goes offline
 *                and is removed, beside all of it
 *   resident     what the process has more at most than before, in MiB
 *   page-tables  the same of the system's tables for it
 *
 * Most of offline and remove is the system's: the first touch of a page of each
 * block, and giving it back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "plug_scale.h"
#include "testbed.h"

#define TIB (1024 * BENCH_GIB)
#define BOOT (256 * BENCH_MIB)
#define NR_SIZES 4
/* A repetition with the largest takes seconds. */
#define REPEAT_LARGE 3
/* Allocations that are live at once, for each TiB. */
#define USED_OF_TIB 2048
#define NR_ROUNDS 4
#define SEED UINT64_C(0x9e3779b97f4a7c15)

enum {
	CASE_ADD_ONLINE,
	CASE_OFFLINE,
	CASE_REMOVE,
	CASE_BESIDE,
	CASE_RESIDENT,
	CASE_TABLES,
	NR_CASES,
};

static const struct plug_size {
	uint64_t size_bytes;
	const char *names[NR_CASES];
} sizes[NR_SIZES] = {
	{16 * BENCH_GIB,
	 {"add-online-16g", "offline-16g", "remove-16g", "beside-16g",
	  "resident-16g", "page-tables-16g"}},
	{256 * BENCH_GIB,
	 {"add-online-256g", "offline-256g", "remove-256g", "beside-256g",
	  "resident-256g", "page-tables-256g"}},
	{4 * TIB,
	 {"add-online-4t", "offline-4t", "remove-4t", "beside-4t",
	  "resident-4t", "page-tables-4t"}},
	{64 * TIB,
	 {"add-online-64t", "offline-64t", "remove-64t", "beside-64t",
	  "resident-64t", "page-tables-64t"}},
};

/* A machine of one size. */
struct plug {
	struct testbed t;
	const struct plug_size *size;
	struct bench_case *cases;
	mhp_pfn_t *pfns; /* of allocations */
	uint8_t *orders;
	uint64_t nr_used;
	uint64_t room;
	uint64_t random;
	double resident, tables; /* MiB, the most */
};

/* ---- what the process has ---- */

static double status_mib(const char *field)
{
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			kib = strtoull(line + strlen(field), NULL, 10);
	if (f)
		fclose(f);
	return (double)kib / 1024;
}

static void plug_look(struct plug *p)
{
	double resident = status_mib("VmRSS:"), tables = status_mib("VmPTE:");

	if (resident > p->resident)
		p->resident = resident;
	if (tables > p->tables)
		p->tables = tables;
}

/* ---- use ---- */

static uint64_t plug_below(struct plug *p, uint64_t n)
{
	p->random = p->random * UINT64_C(6364136223846793005) + 1;
	return (p->random >> 33) % n;
}

static int plug_take(struct plug *p)
{
	struct mhp_request request = {.order = (uint8_t)plug_below(p, 10)};
	int err = mhp_frame_alloc(p->t.m, &request, &p->pfns[p->nr_used]);

	if (!err)
		p->orders[p->nr_used++] = request.order;
	return err;
}

static int plug_give(struct plug *p)
{
	uint64_t i = plug_below(p, p->nr_used);
	int err = mhp_frame_free(p->t.m, p->pfns[i], p->orders[i]);

	p->pfns[i] = p->pfns[--p->nr_used];
	p->orders[i] = p->orders[p->nr_used];
	return err;
}

/* Allocations of all orders come and go. */
static int plug_use(struct plug *p)
{
	int err = 0, round;

	for (round = 0; !err && round < NR_ROUNDS; round++) {
		while (!err && p->nr_used < p->room)
			err = plug_take(p);
		while (!err && p->nr_used > p->room / 2)
			err = plug_give(p);
	}
	plug_look(p);
	while (!err && p->nr_used)
		err = plug_give(p);
	return err ? bench_fail("use", err, NULL) : 0;
}

/* ---- what is measured ---- */

static double plug_gib(const struct plug *p)
{
	return (double)p->size->size_bytes / (double)BENCH_GIB;
}

static void plug_sample(struct plug *p, int i, double start_ns)
{
	bench_sample(&p->cases[i],
		     (bench_now_ns() - start_ns) / 1e3 / plug_gib(p), 0);
}

/* A GiB behind all others, from nothing to nothing. */
static int plug_beside(struct plug *p)
{
	struct mhp_range all = p->t.dimm;
	struct mhp_forecast forecast;
	double start;
	int err;

	p->t.dimm.start_pfn = mhp_range_end_pfn(all);
	start = bench_now_ns();
	err = testbed_plug_at(&p->t, BENCH_GIB, MHP_PLACEMENT_BLOCK);
	if (!err)
		err = mhp_forecast(p->t.m, testbed_leaves(&p->t, 0), &forecast,
				   NULL, 0, NULL);
	if (!err)
		err = testbed_offline(&p->t);
	if (!err)
		err = testbed_remove(&p->t);
	bench_sample(&p->cases[CASE_BESIDE], (bench_now_ns() - start) / 1e3, 0);
	p->t.dimm = all;
	return err ? EXIT_FAILED : 0;
}

static int plug_life(struct plug *p)
{
	double start = bench_now_ns();
	int err = testbed_plug(&p->t, p->size->size_bytes, MHP_PLACEMENT_BLOCK);

	if (err)
		return err;
	plug_sample(p, CASE_ADD_ONLINE, start);
	plug_look(p);
	err = plug_beside(p);
	if (!err)
		err = plug_use(p);
	if (err)
		return err;
	start = bench_now_ns();
	err = testbed_offline(&p->t);
	plug_sample(p, CASE_OFFLINE, start);
	plug_look(p);
	start = bench_now_ns();
	if (!err)
		err = testbed_remove(&p->t);
	plug_sample(p, CASE_REMOVE, start);
	return err;
}

static int plug_repeat(struct plug *p, const struct bench *b)
{
	unsigned int i, repeat = b->repeat;
	double resident = status_mib("VmRSS:"), tables = status_mib("VmPTE:");
	int err = 0;

	if (p->size->size_bytes > 4 * TIB && repeat > REPEAT_LARGE)
		repeat = REPEAT_LARGE;
	for (i = 0; !err && i < repeat; i++) {
		p->resident = p->tables = 0;
		p->random = SEED;
		err = plug_life(p);
		bench_sample(&p->cases[CASE_RESIDENT], p->resident - resident,
			     0);
		bench_sample(&p->cases[CASE_TABLES], p->tables - tables, 0);
	}
	return err;
}

static int plug_measure(struct plug *p, const struct bench *b)
{
	int err;

	p->room = 64 + p->size->size_bytes / TIB * USED_OF_TIB;
	p->pfns = bench_array(p->room, sizeof(*p->pfns));
	p->orders = bench_array(p->room, sizeof(*p->orders));
	if (!p->pfns || !p->orders)
		return EXIT_FAILED;
	err = testbed_open(&p->t, b, TESTBED_MODEL, BOOT,
			   p->size->size_bytes + BENCH_GIB);
	if (err)
		return err;
	err = plug_repeat(p, b);
	testbed_close(&p->t);
	return err;
}

static void plug_name(struct bench_case *cases, const struct plug_size *size)
{
	int i;

	for (i = 0; i < NR_CASES; i++) {
		cases[i].name = size->names[i];
		cases[i].unit = i < CASE_RESIDENT ? "us" : "MiB";
		cases[i].port = "model";
		cases[i].placement = "block";
		cases[i].threads = 1;
	}
}

int bench_plug_scale(const struct bench *b)
{
	struct bench_case *cases = bench_array(NR_SIZES * NR_CASES,
					       sizeof(*cases));
	size_t i, nr = b->size_bytes ? 1 : NR_SIZES;
	int err = cases ? 0 : EXIT_FAILED;

	bench_pin(b, 0);
	for (i = 0; !err && i < nr; i++) {
		struct plug p = {.size = &sizes[i],
				 .cases = &cases[i * NR_CASES]};

		plug_name(p.cases, p.size);
		err = plug_measure(&p, b);
		free(p.pfns);
		free(p.orders);
	}
	if (!err)
		bench_print(b, "scale", cases, nr * NR_CASES);
	free(cases);
	return err;
}
