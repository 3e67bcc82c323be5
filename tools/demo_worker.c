/* SPDX-License-Identifier: MIT */
/*
 * The demo's workers; see demo_worker.h. In each round a worker puts a value of
 * a new key if the cache may grow, one of another size if its time has come,
 * and serves or renews one value.
 *
 * Counters are written by their worker only; others may read them at any time.
 */
#include "demo_worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "demo_value.h"
#include "mhp/hosted.h"

/* One in so many is a put. */
#define PUT_EVERY 8
/* How long a worker that found no room at all does not ask again. */
#define FULL_PAUSE_NS UINT64_C(1000000)
#define SETTLE_US 100

enum count {
	COUNT_SERVED,
	COUNT_PUTS,
	COUNT_RESIZED,
	COUNT_NEW,
	COUNT_TURNED_AWAY,
	COUNT_ROUNDS,
	NR_COUNTS,
};

struct worker {
	_Alignas(64) _Atomic uint64_t counts[NR_COUNTS];
	struct crew *crew;
	pthread_t thread;
	uint64_t random;
	struct cache_grower grower;
	uint64_t grow_from_ns;	 /* not before */
	uint64_t resize_from_ns; /* not before */
	struct latency latency[CREW_NR_MOODS];
};

struct crew {
	struct cache *cache;
	unsigned int nr_workers;
	uint64_t resize_every_ns;
	_Atomic bool stop;
	_Atomic int mood;
	struct worker workers[];
};

static void count_add(struct worker *w, enum count count)
{
	uint64_t now = atomic_load_explicit(&w->counts[count],
					    memory_order_relaxed);

	atomic_store_explicit(&w->counts[count], now + 1, memory_order_release);
}

static void worker_count(struct worker *w, enum cache_answer answer,
			 enum count done)
{
	if (answer == CACHE_DONE)
		count_add(w, done);
	else if (answer == CACHE_FULL)
		count_add(w, COUNT_TURNED_AWAY);
}

static void worker_grow(struct worker *w, uint64_t now_ns)
{
	enum cache_answer answer;

	if (now_ns < w->grow_from_ns)
		return;
	answer = cache_grow(w->crew->cache, &w->grower, &w->random);
	worker_count(w, answer, COUNT_NEW);
	if (answer == CACHE_FULL && w->grower.below_order > CACHE_ORDER_MAX)
		w->grow_from_ns = now_ns + FULL_PAUSE_NS;
}

static void worker_resize(struct worker *w, uint64_t now_ns)
{
	uint64_t key;

	if (now_ns < w->resize_from_ns)
		return;
	w->resize_from_ns = now_ns + w->crew->resize_every_ns;
	key = cache_pick(w->crew->cache, &w->random);
	if (key != CACHE_NO_KEY)
		worker_count(w, cache_resize(w->crew->cache, key, &w->random),
			     COUNT_RESIZED);
}

static void worker_get(struct worker *w, uint64_t key)
{
	int mood = atomic_load(&w->crew->mood);
	uint64_t start_ns = mhp_hosted_now_ns();
	enum cache_answer answer = cache_get(w->crew->cache, key);

	latency_add(&w->latency[mood], mhp_hosted_now_ns() - start_ns);
	worker_count(w, answer, COUNT_SERVED);
}

static void worker_serve(struct worker *w)
{
	uint64_t key = cache_pick(w->crew->cache, &w->random);

	if (key == CACHE_NO_KEY)
		return;
	if (random_next(&w->random) >> 32 & (PUT_EVERY - 1))
		worker_get(w, key);
	else
		worker_count(w, cache_put(w->crew->cache, key, &w->random),
			     COUNT_PUTS);
}

static void *worker_run(void *argument)
{
	struct worker *w = argument;

	while (!atomic_load(&w->crew->stop)) {
		uint64_t now_ns = mhp_hosted_now_ns();

		worker_grow(w, now_ns);
		worker_resize(w, now_ns);
		worker_serve(w);
		count_add(w, COUNT_ROUNDS);
	}
	return NULL;
}

static void crew_join(struct crew *crew, unsigned int nr_started)
{
	unsigned int i;

	atomic_store(&crew->stop, true);
	for (i = 0; i < nr_started; i++)
		pthread_join(crew->workers[i].thread, NULL);
}

static void worker_prepare(struct crew *crew, unsigned int i)
{
	struct worker *w = &crew->workers[i];

	w->crew = crew;
	w->random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	w->grower = CACHE_GROWER;
	/* Not all at the same moment. */
	w->resize_from_ns = mhp_hosted_now_ns() +
			    crew->resize_every_ns * i / crew->nr_workers;
}

struct crew *crew_start(struct cache *cache, unsigned int nr_workers,
			uint64_t resize_every_ns)
{
	size_t size = sizeof(struct crew) + nr_workers * sizeof(struct worker);
	struct crew *crew;
	unsigned int i;

	if (posix_memalign((void **)&crew, 64, size))
		return NULL;
	*crew = (struct crew){.cache = cache,
			      .nr_workers = nr_workers,
			      .resize_every_ns = resize_every_ns};
	for (i = 0; i < nr_workers; i++) {
		crew->workers[i] = (struct worker){.crew = crew};
		worker_prepare(crew, i);
		if (pthread_create(&crew->workers[i].thread, NULL, worker_run,
				   &crew->workers[i])) {
			crew_join(crew, i);
			free(crew);
			return NULL;
		}
	}
	return crew;
}

void crew_stop(struct crew *crew)
{
	crew_join(crew, crew->nr_workers);
}

void crew_free(struct crew *crew)
{
	free(crew);
}

void crew_mood(struct crew *crew, enum crew_mood mood)
{
	atomic_store(&crew->mood, (int)mood);
}

static uint64_t worker_rounds(struct worker *w)
{
	return atomic_load(&w->counts[COUNT_ROUNDS]);
}

void crew_settle(struct crew *crew)
{
	unsigned int i;

	/* The round that is running may have begun before, the next did not. */
	for (i = 0; i < crew->nr_workers; i++) {
		struct worker *w = &crew->workers[i];
		uint64_t seen = worker_rounds(w);

		while (worker_rounds(w) < seen + 2)
			usleep(SETTLE_US);
	}
}

struct crew_work crew_look(struct crew *crew)
{
	uint64_t sums[NR_COUNTS] = {0};
	unsigned int i, j;

	for (i = 0; i < crew->nr_workers; i++)
		for (j = 0; j < NR_COUNTS; j++)
			sums[j] += atomic_load(&crew->workers[i].counts[j]);
	return (struct crew_work){
		.nr_served = sums[COUNT_SERVED],
		.nr_puts = sums[COUNT_PUTS],
		.nr_resized = sums[COUNT_RESIZED],
		.nr_new = sums[COUNT_NEW],
		.nr_turned_away = sums[COUNT_TURNED_AWAY],
	};
}

void crew_latency(struct crew *crew, enum crew_mood mood,
		  struct latency *latency)
{
	unsigned int i;

	*latency = (struct latency){.longest_ns = 0};
	for (i = 0; i < crew->nr_workers; i++)
		latency_merge(latency, &crew->workers[i].latency[mood]);
}
