/* SPDX-License-Identifier: MIT */
/* The demo's cache; see demo_cache.h. */
#include "demo_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "demo_value.h"

/* Values take 3.6 pages on average; keys are for 2. */
#define PAGES_PER_KEY 2

struct entry {
	pthread_rwlock_t lock;
	mhp_handle_t handle; /* [lock] */
	uint32_t version;    /* [lock] 0: the key has no value */
	uint32_t length;     /* [lock] */
	unsigned int order;  /* [lock] of its pages */
	_Atomic bool lost;   /* once and for all */
};

struct cache {
	struct mhp_posix *p;
	uint64_t page_bytes;
	struct entry *entries; /* by key */
	uint64_t max_keys;
	_Atomic uint64_t nr_keys; /* that were given out */
	_Atomic uint64_t nr_values;
	_Atomic uint64_t used_bytes;
	_Atomic uint64_t nr_lost; /* values, not attempts to get them */
	_Atomic uint64_t limit_bytes;
	_Atomic bool calm;
	/* cache_keep(); empty if equal */
	_Atomic mhp_pfn_t keep_start_pfn;
	_Atomic mhp_pfn_t keep_end_pfn;
};

/* ---- life ---- */

uint64_t cache_index_bytes(uint64_t most_bytes)
{
	return most_bytes / (PAGES_PER_KEY * 4096) * sizeof(struct entry);
}

struct cache *cache_new(struct mhp_posix *p, uint64_t most_bytes)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	uint64_t i;

	if (!cache)
		return NULL;
	cache->p = p;
	cache->page_bytes = mhp_page_bytes(mhp_geometry(mhp_posix_mhp(p)));
	cache->max_keys = most_bytes / (PAGES_PER_KEY * cache->page_bytes);
	cache->entries = calloc(cache->max_keys, sizeof(*cache->entries));
	if (!cache->entries) {
		free(cache);
		return NULL;
	}
	for (i = 0; i < cache->max_keys; i++)
		pthread_rwlock_init(&cache->entries[i].lock, NULL);
	return cache;
}

void cache_free(struct cache *cache)
{
	uint64_t i;

	if (!cache)
		return;
	for (i = 0; i < cache->max_keys; i++)
		pthread_rwlock_destroy(&cache->entries[i].lock);
	free(cache->entries);
	free(cache);
}

/* ---- sizes ---- */

/* Small values are many, large ones take most of the memory. */
static unsigned int order_pick(uint64_t *random, unsigned int below)
{
	static const unsigned char orders[16] = {0, 0, 0, 0, 0, 0, 1, 1,
						 1, 1, 2, 2, 2, 3, 3, 4};
	unsigned int order = orders[random_next(random) >> 60];

	return order < below ? order : below - 1;
}

/* More than the next smaller order would have room for. */
static uint32_t length_pick(const struct cache *cache, unsigned int order,
			    uint64_t *random)
{
	uint32_t most = value_room(cache->page_bytes << order);
	uint32_t least = order ? value_room(cache->page_bytes << (order - 1))
			       : VALUE_LENGTH_MIN;

	return most - (uint32_t)(random_next(random) >> 32) % (most - least);
}

static struct value_name entry_name(const struct cache *cache,
				    const struct entry *entry)
{
	return (struct value_name){
		.key = (uint64_t)(entry - cache->entries),
		.version = entry->version,
		.length = entry->length,
	};
}

/* ---- get and put ---- */

/* A value counts once, however often it is asked for. */
__attribute__((cold, noinline)) static enum cache_answer
entry_lose(struct cache *cache, struct entry *entry)
{
	if (!atomic_exchange(&entry->lost, true))
		atomic_fetch_add(&cache->nr_lost, 1);
	return CACHE_LOST;
}

uint64_t cache_pick(struct cache *cache, uint64_t *random)
{
	uint64_t nr = atomic_load(&cache->nr_keys);

	return nr ? random_next(random) % nr : CACHE_NO_KEY;
}

static bool entry_holds(const struct cache *cache, const struct entry *entry,
			bool (*is)(const void *, const struct value_name *))
{
	const struct value_name name = entry_name(cache, entry);
	const void *at = mhp_handle_pin(cache->p, entry->handle);
	bool holds;

	if (!at)
		return false;
	holds = is(at, &name);
	return !mhp_handle_unpin(cache->p, entry->handle) && holds;
}

enum cache_answer cache_get(struct cache *cache, uint64_t key)
{
	struct entry *entry = &cache->entries[key];
	enum cache_answer answer = CACHE_NOTHING;

	pthread_rwlock_rdlock(&entry->lock);
	if (entry->version)
		answer = entry_holds(cache, entry, value_is)
				 ? CACHE_DONE
				 : entry_lose(cache, entry);
	pthread_rwlock_unlock(&entry->lock);
	return answer;
}

static enum cache_answer entry_write(struct cache *cache, struct entry *entry)
{
	const struct value_name name = entry_name(cache, entry);
	void *at = mhp_handle_pin(cache->p, entry->handle);

	if (!at)
		return entry_lose(cache, entry);
	value_write(at, &name);
	if (mhp_handle_unpin(cache->p, entry->handle))
		return entry_lose(cache, entry);
	return CACHE_DONE;
}

enum cache_answer cache_put(struct cache *cache, uint64_t key, uint64_t *random)
{
	struct entry *entry = &cache->entries[key];
	enum cache_answer answer = CACHE_NOTHING;

	pthread_rwlock_wrlock(&entry->lock);
	if (entry->version) {
		entry->version++;
		entry->length = length_pick(cache, entry->order, random);
		answer = entry_write(cache, entry);
	}
	pthread_rwlock_unlock(&entry->lock);
	return answer;
}

/* ---- growing and resizing ---- */

void cache_limit(struct cache *cache, uint64_t limit_bytes)
{
	atomic_store(&cache->limit_bytes, limit_bytes);
}

void cache_calm(struct cache *cache, bool calm)
{
	atomic_store(&cache->calm, calm);
}

void cache_keep(struct cache *cache, struct mhp_range range)
{
	atomic_store(&cache->keep_start_pfn, range.start_pfn);
	atomic_store(&cache->keep_end_pfn, mhp_range_end_pfn(range));
}

static void entry_give_back(struct cache *cache, const struct entry *entry)
{
	atomic_fetch_sub(&cache->used_bytes, cache->page_bytes << entry->order);
}

/* Memory for a new version, with the version in it. The entry is as before
 * unless that succeeded. [entry's lock] */
static enum cache_answer entry_renew(struct cache *cache, struct entry *entry,
				     unsigned int order, uint64_t *random)
{
	uint64_t size_bytes = cache->page_bytes << order;
	struct entry next = {
		.version = entry->version + 1,
		.length = length_pick(cache, order, random),
		.order = order,
	};
	struct value_name name = entry_name(cache, entry);
	void *at;

	if (mhp_handle_alloc(cache->p, size_bytes, 0, &next.handle))
		return CACHE_FULL;
	at = mhp_handle_pin(cache->p, next.handle);
	if (!at)
		return entry_lose(cache, entry);
	name.version = next.version;
	name.length = next.length;
	value_write(at, &name);
	if (mhp_handle_unpin(cache->p, next.handle))
		return entry_lose(cache, entry);
	entry->handle = next.handle;
	entry->version = next.version;
	entry->length = next.length;
	entry->order = next.order;
	return CACHE_DONE;
}

/* Whether a value is to stay where it is. */
static bool entry_kept(struct cache *cache, const struct entry *entry)
{
	mhp_pfn_t start_pfn = atomic_load(&cache->keep_start_pfn);
	mhp_pfn_t end_pfn = atomic_load(&cache->keep_end_pfn);
	struct mhp_handle_info info;

	if (start_pfn == end_pfn)
		return false;
	return mhp_handle_query(cache->p, entry->handle, &info) ||
	       (info.pfn >= start_pfn && info.pfn < end_pfn);
}

static enum cache_answer entry_resize(struct cache *cache, struct entry *entry,
				      uint64_t *random)
{
	const struct entry before = {.handle = entry->handle,
				     .order = entry->order};
	unsigned int order = order_pick(random, CACHE_ORDER_MAX + 1);
	enum cache_answer answer;

	answer = entry_renew(cache, entry, order, random);
	if (answer != CACHE_DONE)
		return answer;
	atomic_fetch_add(&cache->used_bytes, cache->page_bytes << order);
	entry_give_back(cache, &before);
	if (mhp_handle_free(cache->p, before.handle))
		return entry_lose(cache, entry);
	return CACHE_DONE;
}

enum cache_answer cache_resize(struct cache *cache, uint64_t key,
			       uint64_t *random)
{
	struct entry *entry = &cache->entries[key];
	enum cache_answer answer = CACHE_NOTHING;

	if (atomic_load(&cache->calm))
		return CACHE_NOTHING;
	pthread_rwlock_wrlock(&entry->lock);
	if (entry->version && !entry_kept(cache, entry))
		answer = entry_resize(cache, entry, random);
	pthread_rwlock_unlock(&entry->lock);
	return answer;
}

/* A key that nobody has; false if there are none. */
static bool grower_take_key(struct cache *cache, struct cache_grower *grower)
{
	uint64_t nr = atomic_load(&cache->nr_keys);

	do {
		if (nr >= cache->max_keys)
			return false;
	} while (!atomic_compare_exchange_weak(&cache->nr_keys, &nr, nr + 1));
	grower->key = nr;
	return true;
}

static enum cache_answer grower_put(struct cache *cache,
				    struct cache_grower *grower,
				    unsigned int order, uint64_t *random)
{
	struct entry *entry = &cache->entries[grower->key];
	enum cache_answer answer;

	pthread_rwlock_wrlock(&entry->lock);
	answer = entry_renew(cache, entry, order, random);
	pthread_rwlock_unlock(&entry->lock);
	if (answer == CACHE_DONE) {
		grower->key = CACHE_NO_KEY;
		atomic_fetch_add(&cache->nr_values, 1);
	}
	return answer;
}

enum cache_answer cache_grow(struct cache *cache, struct cache_grower *grower,
			     uint64_t *random)
{
	unsigned int order = order_pick(random, grower->below_order);
	uint64_t size_bytes = cache->page_bytes << order;
	enum cache_answer answer;

	if (atomic_load(&cache->used_bytes) + size_bytes >
		    atomic_load(&cache->limit_bytes) ||
	    atomic_load(&cache->calm))
		return CACHE_NOTHING;
	if (grower->key == CACHE_NO_KEY && !grower_take_key(cache, grower))
		return CACHE_NOTHING;
	answer = grower_put(cache, grower, order, random);
	if (answer == CACHE_DONE)
		atomic_fetch_add(&cache->used_bytes, size_bytes);
	/* Smaller ones until none fits, then from the start. */
	if (answer == CACHE_FULL)
		grower->below_order = order ? order : CACHE_ORDER_MAX + 1;
	return answer;
}

/* ---- looking ---- */

static bool entry_pin_in(struct cache *cache, struct entry *entry,
			 struct mhp_range range, mhp_handle_t *handle,
			 struct mhp_handle_info *info)
{
	bool in;

	if (!entry->version || !mhp_handle_pin(cache->p, entry->handle))
		return false;
	in = !mhp_handle_query(cache->p, entry->handle, info) &&
	     info->pfn >= range.start_pfn &&
	     info->pfn < mhp_range_end_pfn(range);
	*handle = entry->handle;
	if (!in)
		mhp_handle_unpin(cache->p, entry->handle);
	return in;
}

bool cache_pin_in(struct cache *cache, struct mhp_range range,
		  mhp_handle_t *handle, struct mhp_handle_info *info)
{
	uint64_t nr = atomic_load(&cache->nr_keys);
	bool found = false;
	uint64_t i;

	for (i = 0; i < nr && !found; i++) {
		/* From the middle on: not just the oldest. */
		struct entry *entry = &cache->entries[(nr / 2 + i) % nr];

		pthread_rwlock_rdlock(&entry->lock);
		found = entry_pin_in(cache, entry, range, handle, info);
		pthread_rwlock_unlock(&entry->lock);
	}
	return found;
}

struct cache_size cache_size(struct cache *cache)
{
	return (struct cache_size){
		.nr_values = atomic_load(&cache->nr_values),
		.nr_lost = atomic_load(&cache->nr_lost),
		.used_bytes = atomic_load(&cache->used_bytes),
	};
}

struct cache_proof cache_prove(struct cache *cache)
{
	uint64_t nr = atomic_load(&cache->nr_keys);
	struct cache_proof proof = {0};
	uint64_t i;

	for (i = 0; i < nr; i++) {
		struct entry *entry = &cache->entries[i];

		pthread_rwlock_rdlock(&entry->lock);
		if (entry->version) {
			proof.nr_values++;
			proof.value_bytes += sizeof(struct value) +
					     entry->length;
			if (!entry_holds(cache, entry, value_is_exactly))
				(void)entry_lose(cache, entry);
		}
		pthread_rwlock_unlock(&entry->lock);
	}
	/* What its entry has forgotten is lost too. */
	proof.nr_lost = atomic_load(&cache->nr_lost);
	if (proof.nr_values < atomic_load(&cache->nr_values))
		proof.nr_lost += atomic_load(&cache->nr_values) -
				 proof.nr_values;
	return proof;
}
