/* SPDX-License-Identifier: MIT */
/*
 * A machine with a balloon, for tests: its range begins at FIRST_BLOCK and is
 * not backed; everything else is. Blocks go online by themselves, to MOVABLE.
 */
#ifndef MHP_TESTS_BALLOON_SUPPORT_H
#define MHP_TESTS_BALLOON_SUPPORT_H

#include "device_balloon.h"
#include "support.h"

/** Memory blocks of the range; most pages that it may hold. */
#define BALLOON_NR_BLOCKS 4
#define BALLOON_MAX_HELD 300

struct balloon_rig {
	struct machine *mc;
	struct mhp_model_host *host;
	struct mhp_balloon b;
	mhp_word_t held[BALLOON_MAX_HELD];
};

/** balloon_open() - a balloon without a page */
struct balloon_rig *balloon_open(struct machine *mc,
				 enum mhp_placement placement);

/** balloon_close() - end it, which must succeed, and forget it */
void balloon_close(struct balloon_rig *rig);

/** balloon_forget() - forget it; it has ended already */
void balloon_forget(struct balloon_rig *rig);

/** balloon_check() - the engine is sound; what it uses is backed, what the
 * balloon holds is not */
void balloon_check(struct balloon_rig *rig);

/** balloon_hot_add() - the host backs @nr_pages more and says so; checked */
int balloon_hot_add(struct balloon_rig *rig, uint64_t nr_pages,
		    struct mhp_report *report);

/** balloon_deflate(), balloon_inflate() - checked */
int balloon_deflate(struct balloon_rig *rig, uint64_t nr_pages,
		    uint64_t *nr_done, struct mhp_report *report);
int balloon_inflate(struct balloon_rig *rig, uint64_t nr_pages,
		    uint64_t *nr_done, struct mhp_report *report);

/** balloon_range_pages() - pages of the range, backed or not */
uint64_t balloon_range_pages(const struct balloon_rig *rig);

/** balloon_nr_used() - pages of the range that the engine uses */
uint64_t balloon_nr_used(struct balloon_rig *rig);

/** balloon_nr_held() - pages that the balloon holds */
uint64_t balloon_nr_held(const struct balloon_rig *rig);

#endif
