/* SPDX-License-Identifier: MIT */
/*
 * The act in which DIMM 1 leaves, in three parts:
 *
 *   ask        what would be in the way? A value that is pinned for a while
 *   evacuate   isolate all its blocks, then move what is in them, in steps
 *   release    remove the blocks, and give their memory back
 *
 * mhp_posix_unplug() does the last two in one call. Here they are taken apart,
 * to show how far it is and to measure the release alone: the values that have
 * moved take memory elsewhere, so the whole process does not shrink by more.
 *
 * Work goes on all the time, with two exceptions that keep the figures clean:
 * values on DIMM 1 are not put with another size (else they would leave by
 * themselves), and while the release is measured the cache does not grow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "demo.h"
#include "mhp/hosted.h"

#define DEADLINE_NS UINT64_C(120000000000)
#define STUCK_US 50
#define LIVE_NS UINT64_C(100000000)
/* Blockers that are listed; workers pin some for a moment. */
#define BLOCKERS_MAX 64

/* An evacuation. */
struct evacuation {
	struct mhp_offline *ops; /* one for each block */
	uint64_t nr_blocks;
	uint64_t half_pages;  /* when the map half-way is taken */
	uint64_t done_pages;  /* moved out of blocks that are offline */
	uint64_t seen_pages;  /* moved out of the block, after the last step */
	uint64_t live_ns;     /* when the live line was renewed */
	uint64_t not_ours_ns; /* spent on maps */
};

/* ---- ask ---- */

/* Sums over all blocks of a range; whether @pfn is among what is in the way. */
static bool eject_forecast(struct demo *d, mhp_pfn_t pfn,
			   struct mhp_forecast *sum,
			   struct mhp_blocker *blocker)
{
	struct mhp_blocker blockers[BLOCKERS_MAX];
	struct mhp_range range = d->dimms[DEMO_FIRST].range;
	const struct mhp_geometry *g = &d->plan.geometry;
	uint64_t end = mhp_block_id(g, mhp_range_end_pfn(range));
	uint64_t id = mhp_block_id(g, range.start_pfn);
	struct mhp_forecast forecast;
	bool found = false;
	int i, nr;

	for (; id < end; id++) {
		nr = mhp_forecast(d->mhp, id, &forecast, blockers, BLOCKERS_MAX,
				  NULL);
		if (nr < 0)
			continue;
		sum->bytes_to_move += forecast.bytes_to_move;
		sum->nr_allocations_to_move += forecast.nr_allocations_to_move;
		for (i = 0; i < nr; i++) {
			if (blockers[i].pfn != pfn)
				continue;
			*blocker = blockers[i];
			found = true;
		}
	}
	return found;
}

/* Pin a value as I/O would, and see that the forecast names it. */
static void eject_ask(struct demo *d)
{
	struct mhp_forecast sum = {0};
	struct mhp_handle_info info;
	struct mhp_blocker blocker;
	mhp_handle_t handle;
	bool found;

	if (!cache_pin_in(d->cache, d->dimms[DEMO_FIRST].range, &handle, &info))
		return;
	found = eject_forecast(d, info.pfn, &sum, &blocker);
	demo_map_take(d, &d->maps[DEMO_BEFORE], "before the eject", info.pfn);
	mhp_handle_unpin(d->p, handle);
	screen_say(&d->screen, "forecast for DIMM 1: %s values to move, %s",
		   COUNT(sum.nr_allocations_to_move), BYTES(sum.bytes_to_move));
	if (found)
		screen_say(&d->screen,
			   "in its way: page 0x%llx of '%s', pinned by I/O; "
			   "it ends",
			   (unsigned long long)blocker.pfn, blocker.owner_name);
}

/* ---- evacuate ---- */

static int evacuation_begin(struct demo *d, struct evacuation *e,
			    uint64_t deadline_ns)
{
	uint64_t first = mhp_block_id(&d->plan.geometry,
				      d->dimms[DEMO_FIRST].range.start_pfn);
	struct mhp_report report;
	uint64_t i;

	for (i = 0; i < e->nr_blocks; i++) {
		if (!mhp_offline_begin(d->mhp, &e->ops[i], first + i,
				       deadline_ns, MHP_OFFLINE_PATIENT,
				       &report))
			continue;
		while (i--)
			mhp_offline_cancel(d->mhp, &e->ops[i]);
		return demo_fail(d, "DIMM 1 cannot leave", &report);
	}
	return EXIT_DONE;
}

/* Maps and the live line, which the evacuation is not charged for. */
static void evacuation_look(struct demo *d, struct evacuation *e, uint64_t i)
{
	struct mhp_progress progress;
	uint64_t start_ns;

	mhp_offline_progress(d->mhp, &e->ops[i], &progress);
	if (progress.nr_pages_moved == e->seen_pages)
		usleep(STUCK_US);
	e->seen_pages = progress.nr_pages_moved;
	start_ns = mhp_hosted_now_ns();
	if (e->half_pages &&
	    e->done_pages + progress.nr_pages_moved >= e->half_pages) {
		e->half_pages = 0;
		demo_map_take(d, &d->maps[DEMO_HALF_WAY], "half-way",
			      MHP_PFN_NONE);
	}
	if (start_ns - e->live_ns >= LIVE_NS) {
		e->live_ns = start_ns;
		demo_live(d);
	}
	e->not_ours_ns += mhp_hosted_now_ns() - start_ns;
}

static int evacuation_run(struct demo *d, struct evacuation *e)
{
	struct mhp_progress progress;
	struct mhp_report report;
	uint64_t i, j;
	int err;

	for (i = 0; i < e->nr_blocks; i++) {
		do {
			err = mhp_offline_step(d->mhp, &e->ops[i], &report);
			if (err == MHP_ERR_AGAIN)
				evacuation_look(d, e, i);
		} while (err == MHP_ERR_AGAIN);
		if (err)
			break;
		mhp_offline_progress(d->mhp, &e->ops[i], &progress);
		e->done_pages += progress.nr_pages_moved;
	}
	if (i == e->nr_blocks)
		return EXIT_DONE;
	for (j = i + 1; j < e->nr_blocks; j++)
		mhp_offline_cancel(d->mhp, &e->ops[j]);
	return demo_fail(d, "DIMM 1 cannot be emptied", &report);
}

/* The evacuation, with what it took and what it moved. */
static int eject_evacuate(struct demo *d, struct evacuation *e)
{
	struct demo_result *r = &d->result;
	struct mhp_posix_stat before, after;
	uint64_t served, start_ns;
	int status;

	mhp_posix_stat_read(d->p, &before);
	served = crew_look(d->crew).nr_served;
	start_ns = mhp_hosted_now_ns();
	status = evacuation_begin(d, e, start_ns + DEADLINE_NS);
	if (status == EXIT_DONE)
		status = evacuation_run(d, e);
	r->evacuate_ns = mhp_hosted_now_ns() - start_ns - e->not_ours_ns;
	r->nr_served_meanwhile = crew_look(d->crew).nr_served - served;
	mhp_posix_stat_read(d->p, &after);
	r->moved_bytes = after.bytes_moved - before.bytes_moved;
	r->nr_moves = after.nr_moves - before.nr_moves;
	r->copy_ns = after.move_ns - before.move_ns;
	r->populate_ns = after.populate_ns - before.populate_ns;
	return status;
}

static int eject_empty(struct demo *d)
{
	struct demo_result *r = &d->result;
	struct mhp_range range = d->dimms[DEMO_FIRST].range;
	struct evacuation e = {
		.nr_blocks = range.nr_pages /
			     mhp_block_pages(&d->plan.geometry),
	};
	int status;

	e.ops = calloc(e.nr_blocks, sizeof(*e.ops));
	if (!e.ops)
		return EXIT_FAILED;
	r->leaving = demo_fill_of(d->mhp, range);
	r->in_use_bytes = mhp_bytes_from_pages(&d->plan.geometry,
					       r->leaving.nr_used);
	e.half_pages = r->leaving.nr_used / 2;
	screen_say(&d->screen, "eject of DIMM 1, which is %.1f %% occupied",
		   demo_share(r->leaving));
	status = eject_evacuate(d, &e);
	free(e.ops);
	if (status == EXIT_DONE)
		screen_say(&d->screen,
			   "DIMM 1 is empty: %s moved in %s, while %s values "
			   "were served",
			   BYTES(r->moved_bytes), TIME(r->evacuate_ns),
			   COUNT(r->nr_served_meanwhile));
	return status;
}

/* ---- release ---- */

static int eject_unplug(struct demo *d, int fd)
{
	struct demo_dimm *dimm = &d->dimms[DEMO_FIRST];
	struct demo_result *r = &d->result;
	struct mhp_report report;
	uint64_t start_ns;

	cache_calm(d->cache, true);
	crew_settle(d->crew);
	r->file_before_bytes = demo_file_bytes(fd);
	r->pss_before_bytes = demo_pss();
	start_ns = mhp_hosted_now_ns();
	if (mhp_posix_unplug(d->p, dimm->region_id, MHP_NO_DEADLINE, 0,
			     &report))
		return demo_fail(d, "DIMM 1 cannot be unplugged", &report);
	r->unplug_ns = mhp_hosted_now_ns() - start_ns;
	r->pss_after_bytes = demo_pss();
	r->file_after_bytes = demo_file_bytes(fd);
	cache_calm(d->cache, false);
	dimm->region_id = 0;
	return EXIT_DONE;
}

static int eject_release(struct demo *d)
{
	int fd = mhp_posix_region_fd(d->p, d->dimms[DEMO_FIRST].region_id);
	struct demo_result *r = &d->result;
	int status;

	if (fd < 0)
		return EXIT_FAILED;
	status = eject_unplug(d, fd);
	close(fd);
	if (status != EXIT_DONE)
		return status;
	screen_say(&d->screen,
		   "DIMM 1 unplugged in %s: its file had %s, now has %s",
		   TIME(r->unplug_ns), BYTES(r->file_before_bytes),
		   BYTES(r->file_after_bytes));
	demo_map_take(d, &d->maps[DEMO_AFTER], "after", MHP_PFN_NONE);
	return EXIT_DONE;
}

int demo_eject(struct demo *d)
{
	int status;

	cache_keep(d->cache, d->dimms[DEMO_FIRST].range);
	crew_settle(d->crew);
	eject_ask(d);
	crew_mood(d->crew, CREW_EJECT);
	status = eject_empty(d);
	if (status == EXIT_DONE)
		status = eject_release(d);
	crew_mood(d->crew, CREW_USUAL);
	cache_keep(d->cache, mhp_range_make(0, 0));
	return status;
}
