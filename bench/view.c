/* SPDX-License-Identifier: MIT */
/*
 * How long the files of a large machine take to read: 1 TiB in blocks of
 * 128 MiB on the model. Those that count free pages are measured twice: when
 * nothing was ever used, and "worn", with every second 2 MiB page of all memory
 * free, which no hint helps with.
 */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "mhp/view.h"
#include "testbed.h"

#define SIZE_BYTES (1024 * BENCH_GIB)
#define BOOT_BYTES (4 * BENCH_GIB)
#define TEXT_BYTES (UINT64_C(1) << 20)
#define WHOLE_ORDER 9 /* 2 MiB of 4 KiB pages */

struct view_case {
	const char *fresh; /* names of the cases */
	const char *worn;
	const char *path;
};

static const struct view_case view_cases[] = {
	{"meminfo", "meminfo-worn", "/proc/meminfo"},
	{"zoneinfo", "zoneinfo-worn", "/proc/zoneinfo"},
	{"buddyinfo", "buddyinfo-worn", "/proc/buddyinfo"},
	{"vmstat", "vmstat-worn", "/proc/vmstat"},
	{"node-meminfo", "node-meminfo-worn",
	 "/sys/devices/system/node/node0/meminfo"},
	{"iomem", "iomem-worn", "/proc/iomem"},
	{"state", "state-worn", MHP_VIEW_MEMORY "/memory4000/state"},
	{"valid-zones", "valid-zones-worn",
	 MHP_VIEW_MEMORY "/memory4000/valid_zones"},
};

#define NR_VIEWS (sizeof(view_cases) / sizeof(view_cases[0]))

static int view_measure(struct testbed *t, const char *path, char *text,
			struct bench_case *c)
{
	double start = bench_now_ns();
	int n = mhp_view_read(t->m, path, text, TEXT_BYTES, NULL);

	c->unit = "us";
	c->port = "model";
	c->threads = 1;
	bench_sample(c, (bench_now_ns() - start) / 1000, 0);
	return n < 0 ? n : 0;
}

/* All files, once. */
static int view_round(struct testbed *t, char *text, struct bench_case *cases,
		      bool worn)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < NR_VIEWS; i++) {
		struct bench_case *c = &cases[2 * i + worn];

		c->name = worn ? view_cases[i].worn : view_cases[i].fresh;
		err = view_measure(t, view_cases[i].path, text, c);
	}
	return err;
}

/* Take all memory in 2 MiB pages, then give every second one back. */
static int view_wear(struct testbed *t)
{
	const struct mhp_request request = {.order = WHOLE_ORDER};
	uint64_t nr = 0, i, most = SIZE_BYTES / (2 * BENCH_MIB);
	mhp_pfn_t *pfns = bench_array(most, sizeof(*pfns));
	int err = 0;

	if (!pfns)
		return MHP_ERR_NOMEM;
	while (nr < most && !mhp_frame_alloc(t->m, &request, &pfns[nr]))
		nr++;
	for (i = 0; !err && i < nr; i += 2)
		err = mhp_frame_free(t->m, pfns[i], WHOLE_ORDER);
	free(pfns);
	return err;
}

static int view_run(const struct bench *b, struct testbed *t, char *text,
		    struct bench_case *cases)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < b->repeat; i++)
		err = view_round(t, text, cases, false);
	if (!err)
		err = view_wear(t);
	for (i = 0; !err && i < b->repeat; i++)
		err = view_round(t, text, cases, true);
	return err ? bench_fail("read a file", err, NULL) : 0;
}

int bench_view(const struct bench *b)
{
	struct bench_case *cases = bench_array(2 * NR_VIEWS, sizeof(*cases));
	char *text = malloc(TEXT_BYTES);
	struct testbed t;
	int err = EXIT_FAILED;

	if (!cases || !text)
		goto free_room;
	if (testbed_open(&t, b, TESTBED_MODEL, BOOT_BYTES, SIZE_BYTES))
		goto free_room;
	if (testbed_plug(&t, SIZE_BYTES, MHP_PLACEMENT_BLOCK))
		goto close;
	err = view_run(b, &t, text, cases);
	if (!err)
		bench_print(b, "view", cases, 2 * NR_VIEWS);
close:
	testbed_close(&t);
free_room:
	free(text);
	free(cases);
	return err;
}
