/* SPDX-License-Identifier: MIT */
/*
 * A machine together with what a test knows of it: one byte for each page, kept
 * by the simplest rules there are, to be compared with the engine's answers.
 *
 *   map     | MEMMAP | FREE | HEAD + 2 | TAIL | TAIL | TAIL | FREE ...
 *   bad     whether the page is bad, whatever the map says of it
 *   life    state of each block, as the test believes
 *   homes   where the memmap of each added block is
 *
 * What it does not model: which pageblocks are for movable pages. It asks the
 * engine, and only to tell whether a refused allocation was refused rightly.
 */
#ifndef MHP_TESTS_WORLD_H
#define MHP_TESTS_WORLD_H

#include "mhp/device.h"
#include "support.h"

#define MAP_ABSENT 0
#define MAP_OFFLINE 1
#define MAP_KEPT 2 /* memmap, state, or kept by the embedder */
#define MAP_FREE 3
#define MAP_ENGINE 4 /* a memmap in existing memory */
#define MAP_TAIL 5
#define MAP_WITHHELD 6 /* also while its block is offline */
#define MAP_HEAD 16    /* + order */

#define NR_HELD 512
#define NR_OPS 2
#define NR_GADGETS 4

/* An unmovable allocation. */
struct held {
	bool live;
	uint8_t order;
	mhp_pfn_t pfn;
};

/* Where the memmap of an added block is. */
struct home {
	enum mhp_placement placement;
	uint64_t first; /* block of the range that begins with the memmap */
};

/* A device range; nr_pages 0: none. */
struct gadget {
	struct mhp_device *device;
	struct mhp_range range;
	uint64_t nr_reserved;
	uint16_t node;
};

struct world {
	struct machine mc;
	struct dice dice;
	struct shelf *shelf;
	uint64_t nr_pages;
	uint8_t *map;
	bool *bad;
	enum mhp_block_state life[NR_BLOCKS];
	struct home homes[NR_BLOCKS];
	uint64_t nr_piece; /* pages of memmap and state of a block that has
			      them on memory that was added */
	struct held held[NR_HELD];
	mhp_pfn_t item_at[NR_ITEMS]; /* where the map has an item, or NONE */
	mhp_pfn_t item_to[NR_ITEMS]; /* and the target of its move */
	struct mhp_offline ops[NR_OPS];
	bool open[NR_OPS];
	struct gadget gadgets[NR_GADGETS];
};

/** What emptying a range has to deal with, by the map. */
struct outlook {
	bool blocked; /* something that never moves, or is pinned */
	bool refused; /* an owner will refuse */
	bool later;   /* an owner will take its time */
};

/** world_start() - the standard machine of a case, and its map */
struct world *world_start(const struct machine_case *c, uint64_t seed);

/** world_end() - give everything back; all is as at the start */
void world_end(struct world *w);

/** world_below() - a random number from 0 to @n - 1 */
uint64_t world_below(struct world *w, uint64_t n);

/** world_verify() - every page, block and item is as the map says */
void world_verify(struct world *w);

/** world_run() - whether pages are free, in a block that hands out pages */
bool world_run_is_free(const struct world *w, mhp_pfn_t pfn,
		       unsigned int order);

/** world_take() - note an allocation; world_give() - note that it is free */
void world_take(struct world *w, mhp_pfn_t pfn, unsigned int order);
void world_give(struct world *w, mhp_pfn_t pfn, unsigned int order);

/** world_sync_items() - note where the movable pages are after moves */
void world_sync_items(struct world *w);

/** world_sync_engine() - note what the engine took for memmaps, or gave back */
void world_sync_engine(struct world *w);

/** world_set_life() - note that a block went on- or offline */
void world_set_life(struct world *w, uint64_t id, enum mhp_block_state life);

/** world_come() - note that @nr blocks from @id on were added by one call */
void world_come(struct world *w, uint64_t id, uint64_t nr,
		enum mhp_placement placement);

/** world_leave() - note that blocks, a bit each, are gone, and that what held
 * their memmaps is usable */
void world_leave(struct world *w, uint32_t blocks);

/** world_move() - note that the memmap of a block has moved */
void world_move(struct world *w, uint64_t id, enum mhp_placement placement);

/** world_depends() - whether pages of @host serve @id, which is another
 * block */
bool world_depends(const struct world *w, uint64_t id, uint64_t host);

/** world_serves() - whether a page holds memmap or state of a block that was
 * added */
bool world_serves(const struct world *w, mhp_pfn_t pfn);

/** world_missing_host() - a host of a block that is not online, or @id */
uint64_t world_missing_host(const struct world *w, uint64_t id);

/** world_has_dependent() - whether blocks depend on @host, other than those of
 * @blocks, a bit each */
bool world_has_dependent(const struct world *w, uint64_t host, uint32_t blocks);

/** world_hosts_in_use() - whether a block depends on @host that is not
 * offline */
bool world_hosts_in_use(const struct world *w, uint64_t host);

/** world_add_withheld() - note that a block came with all pages withheld */
void world_add_withheld(struct world *w, uint64_t id);

/** world_withhold() - note that pages are withheld, or released */
void world_withhold(struct world *w, struct mhp_range range, bool withheld);

/** world_border() - the first withheld page of the pageblock of @pfn, else its
 * end */
mhp_pfn_t world_border(const struct world *w, mhp_pfn_t pfn);

/** world_outlook() - what emptying a range would meet */
struct outlook world_outlook(const struct world *w, struct mhp_range range);

/** world_poison() - one page goes bad, or becomes good again */
void world_poison(struct world *w);

/** world_nr_bad() - bad pages of a range; world_clear() - make them good */
uint64_t world_nr_bad(const struct world *w, struct mhp_range range);
void world_clear(struct world *w, struct mhp_range range);

/** world_device_in() - a device range that has pages of a range, or NULL */
const struct gadget *world_device_in(const struct world *w,
				     struct mhp_range range);

/** world_device_fill() - write what world_device_verify() looks for */
void world_device_fill(struct world *w, const struct gadget *gadget);

/** world_device_verify() - all device ranges are as they were filled */
void world_device_verify(struct world *w);

/** world_device_gone() - one goes; world_device_end() - all do */
void world_device_gone(struct world *w, struct gadget *gadget);
void world_device_end(struct world *w);

/** world_could_serve() - whether a free run as requested exists */
bool world_could_serve(struct world *w, const struct mhp_request *request);

#endif
