/* SPDX-License-Identifier: MIT */
/*
 * The demo: what its parts share.
 *
 *   demo.c         options
 *   demo_plan.c    how large everything is, and whether the system has it
 *   demo_story.c   what happens, in order
 *   demo_eject.c   the act in which DIMM 1 leaves
 *   demo_screen.c  what is said while it happens
 *   demo_measure.c what is measured from outside
 *   demo_map.c     pictures of the memory
 *   demo_report.c  the summary
 *   demo_cache.c, demo_value.c, demo_worker.c, demo_latency.c
 *                  the program whose memory comes and goes
 */
#ifndef MHP_TOOLS_DEMO_H
#define MHP_TOOLS_DEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "demo_cache.h"
#include "demo_map.h"
#include "demo_screen.h"
#include "demo_worker.h"
#include "mhp/posix.h"

/** What the command line asks for. */
struct demo_options {
	uint64_t size_bytes;
	unsigned int seconds;
	unsigned int nr_workers;
	bool json;
};

#define DEMO_SIZE_MIN (UINT64_C(256) << 20)
#define DEMO_SIZE_MAX (UINT64_C(16) << 40)

/** DIMMs, as indices; people count from 1. */
enum {
	DEMO_FIRST,
	DEMO_SECOND,
	DEMO_NR_DIMMS,
};

/** How large everything is. */
struct demo_plan {
	struct mhp_geometry geometry;
	uint64_t boot_bytes;
	uint64_t dimm_bytes[DEMO_NR_DIMMS];
	uint64_t needed_bytes; /* memory of the system, at most */
};

/** demo_plan_make() - sizes for the options; 0 or an error with its report */
int demo_plan_make(const struct demo_options *options, struct demo_plan *plan,
		   struct mhp_report *report);

/** A DIMM while it is plugged. */
struct demo_dimm {
	uint32_t region_id; /* 0: not plugged */
	struct mhp_range range;
};

/** Pages of some blocks. */
struct demo_fill {
	uint64_t nr_used; /* allocated */
	uint64_t nr_free; /* isolated ones too */
};

/** What the summary says. */
struct demo_result {
	struct crew_work work;
	struct cache_proof proof;
	uint64_t served_ns; /* from the first worker to the last */

	uint64_t plug_ns[DEMO_NR_DIMMS];
	uint64_t hosted_bytes; /* memmap and state on the DIMMs */
	uint64_t plugged_bytes;
	uint64_t existing_block_bytes;	  /* for both DIMMs, placement block */
	uint64_t existing_existing_bytes; /* the same, placement existing */

	struct demo_fill leaving; /* DIMM 1 when its eject starts */
	uint64_t in_use_bytes;
	uint64_t moved_bytes;
	uint64_t nr_moves;
	uint64_t evacuate_ns; /* from isolation to the last block offline */
	uint64_t copy_ns;     /* of these */
	uint64_t populate_ns; /* taking memory from the system meanwhile */
	uint64_t nr_served_meanwhile;
	uint64_t nr_holds; /* workers that came upon a value being moved */
	uint64_t longest_hold_ns;
	struct latency latency[CREW_NR_MOODS];

	uint64_t unplug_ns;	    /* remove, and give the memory back */
	uint64_t file_before_bytes; /* memory in the file of DIMM 1 */
	uint64_t file_after_bytes;
	uint64_t pss_before_bytes; /* of the process; 0: the system keeps it */
	uint64_t pss_after_bytes;  /* to itself */
};

/** Moments of which there is a map. */
enum {
	DEMO_BEFORE,
	DEMO_HALF_WAY,
	DEMO_AFTER,
	DEMO_NR_MAPS,
};

/** The demo, running. */
struct demo {
	struct demo_options options;
	struct demo_plan plan;
	struct demo_screen screen;
	struct mhp_posix *p;
	struct mhp *mhp;
	struct cache *cache;
	struct crew *crew;
	struct demo_dimm dimms[DEMO_NR_DIMMS];
	struct demo_map maps[DEMO_NR_MAPS];
	struct demo_result result;
};

/** demo_story() - what happens: an exit status */
int demo_story(struct demo *d);

/** demo_eject() - evacuate DIMM 1 and unplug it: an exit status */
int demo_eject(struct demo *d);

/** demo_fail() - say on stderr what failed and why; EXIT_FAILED */
int demo_fail(struct demo *d, const char *what,
	      const struct mhp_report *report);

/** demo_live() - renew the line that lives */
void demo_live(struct demo *d);

/** demo_fill_of() - pages of the blocks in @range */
struct demo_fill demo_fill_of(struct mhp *m, struct mhp_range range);

/** demo_share() - percent of pages that are used */
double demo_share(struct demo_fill fill);

/** demo_pss() - memory that counts as this process's; 0: unknown */
uint64_t demo_pss(void);

/** demo_file_bytes() - memory that a file has */
uint64_t demo_file_bytes(int fd);

/** demo_plug_request() - how the demo asks for a DIMM */
struct mhp_posix_request demo_plug_request(const struct demo_plan *plan,
					   unsigned int dimm,
					   enum mhp_placement placement);

/** demo_open() - an instance of the size that the plan says */
int demo_open(const struct demo_plan *plan, struct mhp_posix **p,
	      struct mhp_report *report);

/**
 * demo_existing_bytes() - what the same DIMMs cost the memory that was there
 *
 * Plugs them into another instance, with placement existing.
 */
int demo_existing_bytes(const struct demo_plan *plan, uint64_t *existing_bytes,
			struct mhp_report *report);

/** demo_map_take() - a map of all memory now; @pinned_pfn or MHP_PFN_NONE */
void demo_map_take(struct demo *d, struct demo_map *map, const char *title,
		   mhp_pfn_t pinned_pfn);

/** demo_report() - the summary: EXIT_FAILED if a value was lost */
int demo_report(struct demo *d);

#endif
