/* SPDX-License-Identifier: MIT */
/*
 * What happens in the demo, in order. Workers run from the first act to the
 * last and are never stopped.
 *
 *   boot    the cache fills the boot memory; values are turned away
 *   first   DIMM 1 is plugged, and the cache fills that too
 *   second  DIMM 2 is plugged; the cache grows on, but leaves room
 *   eject   DIMM 1 is evacuated and unplugged
 *   after   work goes on; then every value is compared
 *
 * An act lasts for its share of the time, and for as long as it takes to fill
 * the memory if that is longer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "demo.h"
#include "mhp/hosted.h"

#define SECOND UINT64_C(1000000000)
#define TICK_US 20000
#define LIVE_TICKS 5
/* Full enough: a value in a hundred pages is on its way somewhere. */
#define FULL_PERCENT 99.0
/* An act that fills memory may take so much longer than planned. */
#define LATE_NS (20 * SECOND)
/* In the course of a run one value in so many is put with another size. */
#define RESIZE_SHARE 10
/* Pages of a value, roughly, to reckon how often that is. */
#define VALUE_PAGES 4
/* Of what remains without DIMM 1 the cache may take so much. */
#define TAKE_PERCENT 90

/* Ends of the acts, in percent of the time. */
enum {
	END_BOOT = 15,
	END_FIRST = 50,
	END_SECOND = 70,
	END_AFTER = 96,
};

int demo_fail(struct demo *d, const char *what, const struct mhp_report *report)
{
	char text[256];

	mhp_report_text(report, text, sizeof(text));
	screen_live(&d->screen, "");
	fflush(stdout);
	fprintf(stderr, "mhp demo: %s: %s\n", what, text);
	return EXIT_FAILED;
}

/* ---- what is seen meanwhile ---- */

static struct mhp_range boot_range(const struct demo *d)
{
	return mhp_range_make(
		0, mhp_pages_from_bytes(&d->plan.geometry, d->plan.boot_bytes));
}

void demo_live(struct demo *d)
{
	struct crew_work work = crew_look(d->crew);
	char text[256];
	unsigned int i;
	int n;

	if (!d->screen.columns)
		return;
	n = snprintf(text, sizeof(text), "boot %3.0f %%  ",
		     demo_share(demo_fill_of(d->mhp, boot_range(d))));
	for (i = 0; i < DEMO_NR_DIMMS; i++) {
		if (!d->dimms[i].region_id)
			continue;
		n += snprintf(
			text + n, sizeof(text) - (size_t)n,
			"DIMM %u %3.0f %%  ", i + 1,
			demo_share(demo_fill_of(d->mhp, d->dimms[i].range)));
	}
	snprintf(text + n, sizeof(text) - (size_t)n, "%s served, %s lost",
		 COUNT(work.nr_served), COUNT(cache_size(d->cache).nr_lost));
	screen_live(&d->screen, text);
}

/* ---- acts of growing ---- */

/* How the cache grows in an act: from one limit to another, then no more. */
struct growth {
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t from_bytes;
	uint64_t to_bytes;
};

static uint64_t act_end_ns(const struct demo *d, unsigned int end_percent)
{
	return d->options.seconds * SECOND / 100 * end_percent;
}

static uint64_t growth_at(const struct growth *g, uint64_t ns)
{
	double share;

	if (ns >= g->end_ns || g->end_ns <= g->start_ns)
		return g->to_bytes;
	share = (double)(ns - g->start_ns) / (double)(g->end_ns - g->start_ns);
	return g->from_bytes +
	       (uint64_t)(share * (double)(g->to_bytes - g->from_bytes));
}

/* Growth from what there is now, over @share percent of the time to @end_ns. */
static struct growth growth_make(struct demo *d, uint64_t to_bytes,
				 uint64_t end_ns, unsigned int share)
{
	uint64_t now_ns = screen_elapsed_ns(&d->screen);
	uint64_t used_bytes = cache_size(d->cache).used_bytes;

	return (struct growth){
		.start_ns = now_ns,
		.end_ns = end_ns > now_ns
				  ? now_ns + (end_ns - now_ns) / 100 * share
				  : now_ns,
		.from_bytes = used_bytes,
		.to_bytes = to_bytes > used_bytes ? to_bytes : used_bytes,
	};
}

static void story_tick(struct demo *d, const struct growth *growth,
		       unsigned int tick)
{
	cache_limit(d->cache, growth_at(growth, screen_elapsed_ns(&d->screen)));
	if (tick % LIVE_TICKS == 0)
		demo_live(d);
	usleep(TICK_US);
}

static void story_grow(struct demo *d, const struct growth *growth,
		       uint64_t end_ns)
{
	unsigned int tick;

	for (tick = 0; screen_elapsed_ns(&d->screen) < end_ns; tick++)
		story_tick(d, growth, tick);
}

/* A limit that memory sets before it is reached. */
static uint64_t more_than_all(struct demo *d)
{
	const struct mhp_range all = {0, MHP_PFN_NONE};
	struct demo_fill fill = demo_fill_of(d->mhp, all);
	uint64_t nr_pages = fill.nr_used + fill.nr_free;

	return mhp_bytes_from_pages(&d->plan.geometry,
				    nr_pages + nr_pages / 10);
}

/* Until the memory in @range is full and it is the act's end. */
static void story_fill(struct demo *d, struct mhp_range range, const char *what,
		       uint64_t end_ns)
{
	const struct growth growth = growth_make(d, more_than_all(d), end_ns,
						 60);
	struct demo_fill fill;
	bool full = false;
	unsigned int tick;
	uint64_t now_ns;

	for (tick = 0;; tick++) {
		now_ns = screen_elapsed_ns(&d->screen);
		if ((full && now_ns >= end_ns) || now_ns >= end_ns + LATE_NS)
			return;
		story_tick(d, &growth, tick);
		fill = demo_fill_of(d->mhp, range);
		if (full || demo_share(fill) < FULL_PERCENT)
			continue;
		full = true;
		screen_say(&d->screen,
			   "%s full: %s values in %s; more is turned away",
			   what, COUNT(cache_size(d->cache).nr_values),
			   BYTES(cache_size(d->cache).used_bytes));
	}
}

/* ---- plugging ---- */

static int story_plug(struct demo *d, unsigned int i)
{
	const struct mhp_posix_request request = demo_plug_request(
		&d->plan, i, MHP_PLACEMENT_BLOCK);
	struct demo_dimm *dimm = &d->dimms[i];
	struct mhp_posix_region region;
	struct mhp_report report;
	uint64_t start_ns = mhp_hosted_now_ns();

	if (mhp_posix_plug(d->p, &request, &dimm->region_id, &report))
		return demo_fail(d, "a DIMM cannot be plugged", &report);
	d->result.plug_ns[i] = mhp_hosted_now_ns() - start_ns;
	if (mhp_posix_region_query(d->p, dimm->region_id, &region))
		return EXIT_FAILED;
	dimm->range = region.range;
	screen_say(&d->screen,
		   "DIMM %u plugged: %s more in %s, described on itself", i + 1,
		   BYTES(d->plan.dimm_bytes[i]), TIME(d->result.plug_ns[i]));
	return EXIT_DONE;
}

static void story_read_costs(struct demo *d)
{
	struct mhp_stat stat;

	(void)mhp_stat_read(d->mhp, &stat);
	d->result.existing_block_bytes = stat.existing_bytes;
	d->result.hosted_bytes = stat.hosted_memmap_bytes;
	d->result.plugged_bytes = d->plan.dimm_bytes[DEMO_FIRST] +
				  d->plan.dimm_bytes[DEMO_SECOND];
}

/* ---- the story ---- */

/* The cache may take most of what there is without DIMM 1. */
static uint64_t second_limit(struct demo *d)
{
	struct demo_fill boot = demo_fill_of(d->mhp, boot_range(d));
	struct demo_fill second = demo_fill_of(d->mhp,
					       d->dimms[DEMO_SECOND].range);
	uint64_t nr_pages = boot.nr_used + boot.nr_free + second.nr_used +
			    second.nr_free;

	return mhp_bytes_from_pages(&d->plan.geometry,
				    nr_pages * TAKE_PERCENT / 100);
}

static int story_grow_up(struct demo *d)
{
	story_fill(d, boot_range(d), "boot memory", act_end_ns(d, END_BOOT));
	if (story_plug(d, DEMO_FIRST))
		return EXIT_FAILED;
	story_fill(d, d->dimms[DEMO_FIRST].range, "DIMM 1",
		   act_end_ns(d, END_FIRST));
	return story_plug(d, DEMO_SECOND);
}

static int story_replace(struct demo *d)
{
	/* It goes on growing while memory leaves, and after that. */
	const struct growth growth = growth_make(d, second_limit(d),
						 act_end_ns(d, END_AFTER), 90);
	int status;

	story_read_costs(d);
	story_grow(d, &growth, act_end_ns(d, END_SECOND));
	status = demo_eject(d);
	if (status == EXIT_DONE)
		story_grow(d, &growth, act_end_ns(d, END_AFTER));
	return status;
}

static void story_end(struct demo *d)
{
	struct demo_result *r = &d->result;
	struct mhp_posix_stat stat;
	unsigned int i;

	crew_stop(d->crew);
	r->served_ns = screen_elapsed_ns(&d->screen);
	r->work = crew_look(d->crew);
	for (i = 0; i < CREW_NR_MOODS; i++)
		crew_latency(d->crew, i, &r->latency[i]);
	mhp_posix_stat_read(d->p, &stat);
	/* All of the eject; some are only over when it is. */
	r->nr_holds = stat.nr_holds;
	r->longest_hold_ns = stat.longest_hold_ns;
	screen_say(&d->screen, "workers stop; every value is compared");
	r->proof = cache_prove(d->cache);
	screen_say(&d->screen, "%s values, %s, compared byte by byte: %s lost",
		   COUNT(r->proof.nr_values), BYTES(r->proof.value_bytes),
		   COUNT(r->proof.nr_lost));
}

static int story_end_check(struct demo *d)
{
	struct mhp_report report;

	if (mhp_check(d->mhp, &report))
		return demo_fail(d, "the checker", &report);
	if (demo_existing_bytes(&d->plan, &d->result.existing_existing_bytes,
				&report))
		return demo_fail(d, "placement existing", &report);
	return EXIT_DONE;
}

static int story_run(struct demo *d)
{
	uint64_t all_pages = (d->plan.boot_bytes +
			      d->plan.dimm_bytes[DEMO_FIRST]) >>
			     d->plan.geometry.page_shift;
	uint64_t nr_resizes = all_pages / VALUE_PAGES / RESIZE_SHARE + 1;
	int status, end_status;

	d->crew = crew_start(d->cache, d->options.nr_workers,
			     d->options.seconds * SECOND / nr_resizes *
				     d->options.nr_workers);
	if (!d->crew) {
		fprintf(stderr,
			"mhp demo: cannot start %u threads; use "
			"--workers\n",
			d->options.nr_workers);
		return EXIT_FAILED;
	}
	screen_say(&d->screen, "boot memory %s; the cache starts",
		   BYTES(d->plan.boot_bytes));
	status = story_grow_up(d);
	if (status == EXIT_DONE)
		status = story_replace(d);
	story_end(d);
	end_status = story_end_check(d);
	return status == EXIT_DONE ? end_status : status;
}

int demo_story(struct demo *d)
{
	struct mhp_report report;
	int status = EXIT_FAILED;

	if (demo_open(&d->plan, &d->p, &report))
		return demo_fail(d, "no memory to start with", &report);
	d->mhp = mhp_posix_mhp(d->p);
	d->cache = cache_new(d->p, d->plan.boot_bytes +
					   d->plan.dimm_bytes[DEMO_FIRST] +
					   d->plan.dimm_bytes[DEMO_SECOND]);
	if (d->cache)
		status = story_run(d);
	else
		fprintf(stderr, "mhp demo: no memory for the index\n");
	crew_free(d->crew);
	cache_free(d->cache);
	mhp_posix_close(d->p);
	return status;
}
