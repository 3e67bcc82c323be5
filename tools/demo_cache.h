/* SPDX-License-Identifier: MIT */
/*
 * The demo's cache: values by key, each in a movable handle.
 *
 * The index is ordinary memory of the program; only values live in memory that
 * comes and goes. A value is pinned for as long as it is read or written and no
 * longer, so it can be moved at any other time.
 *
 * It never evicts. When memory is full, new values are turned away until there
 * is more; what it has once taken it keeps. A value that cannot be served, or
 * is not what was put, is lost, and there is no other word for it.
 *
 * Invariants:
 * 1. An entry changes under its lock, held for writing; its content may change
 *    then too. Whoever holds it for reading finds what the entry says.
 * 2. used_bytes is what the handles of all entries take, but for those that are
 *    just being changed.
 *
 * What it does not do: decide what is put and got (demo_worker.c).
 */
#ifndef MHP_TOOLS_DEMO_CACHE_H
#define MHP_TOOLS_DEMO_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "mhp/posix.h"

struct cache;

/** What came of a call. */
enum cache_answer {
	CACHE_DONE,
	CACHE_NOTHING, /* no value of that key, or not now */
	CACHE_FULL,    /* no memory: turned away */
	CACHE_LOST,    /* what was promised is not there */
};

/** No key. */
#define CACHE_NO_KEY UINT64_MAX
/** Values take 2^0 to 2^CACHE_ORDER_MAX pages. */
#define CACHE_ORDER_MAX 4

/** cache_new() - an empty cache that may grow to @most_bytes; NULL: no memory
 */
struct cache *cache_new(struct mhp_posix *p, uint64_t most_bytes);

/** cache_index_bytes() - what the index for @most_bytes of values takes */
uint64_t cache_index_bytes(uint64_t most_bytes);

/** cache_free() - forget the cache; its handles end with their instance */
void cache_free(struct cache *cache);

/** cache_pick() - a key that may have a value, at random; CACHE_NO_KEY */
uint64_t cache_pick(struct cache *cache, uint64_t *random);

/** cache_get() - serve a value, which verifies it */
enum cache_answer cache_get(struct cache *cache, uint64_t key);

/** cache_put() - put a new version where the old one is */
enum cache_answer cache_put(struct cache *cache, uint64_t key,
			    uint64_t *random);

/** cache_resize() - put a new version of another size, in new memory */
enum cache_answer cache_resize(struct cache *cache, uint64_t key,
			       uint64_t *random);

/**
 * struct cache_grower - how a worker puts values of new keys
 */
struct cache_grower {
	uint64_t key; /* has no value yet, and is this worker's */
	/* Orders to choose from are below: there was no room for more. */
	unsigned int below_order;
};

/** CACHE_GROWER - one that has put nothing yet */
#define CACHE_GROWER ((struct cache_grower){CACHE_NO_KEY, CACHE_ORDER_MAX + 1})

/** cache_grow() - put a value of a new key, if the limit allows it */
enum cache_answer cache_grow(struct cache *cache, struct cache_grower *grower,
			     uint64_t *random);

/** cache_limit() - grow to this many bytes of memory and no further */
void cache_limit(struct cache *cache, uint64_t limit_bytes);

/** cache_calm() - neither grow nor resize from now on, or again */
void cache_calm(struct cache *cache, bool calm);

/**
 * cache_keep() - resize no value that lives in @range
 *
 * What is there stays there until somebody else moves it. An empty range ends
 * it.
 */
void cache_keep(struct cache *cache, struct mhp_range range);

/** cache_pin_in() - pin some value that lives in @range; false: there is none
 */
bool cache_pin_in(struct cache *cache, struct mhp_range range,
		  mhp_handle_t *handle, struct mhp_handle_info *info);

/** What a cache holds. */
struct cache_size {
	uint64_t nr_values;
	uint64_t nr_lost;    /* of them, so far */
	uint64_t used_bytes; /* memory that they take */
};

/** cache_size() - what it holds now */
struct cache_size cache_size(struct cache *cache);

/** What a look at every value found. */
struct cache_proof {
	uint64_t nr_values;
	uint64_t nr_lost;     /* now, or at any time before */
	uint64_t value_bytes; /* headers and content */
};

/** cache_prove() - compare every byte of every value; nobody else is at work
 */
struct cache_proof cache_prove(struct cache *cache);

#endif
