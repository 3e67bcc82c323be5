/* SPDX-License-Identifier: MIT */
/*
 * Handles: what they promise one thread, and what they promise many while the
 * memory below them is unplugged.
 *
 * A worker thread allocates, verifies and frees values in handles. The first
 * word of a value is the handle itself, all others are derived from it, so that
 * a value that is lost, torn or somebody else's is recognised by whoever looks.
 *
 * MHP_TEST_SECONDS is how long the long tests may take together (default 4).
 */
#include "posix_support.h"

#include <stdlib.h>

static unsigned int seconds(void)
{
	const char *text = getenv("MHP_TEST_SECONDS");
	int number = text ? atoi(text) : 4;

	return number > 0 ? (unsigned int)number : 1;
}

static void one_handle(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp_handle_info info;
	mhp_handle_t handle = MHP_HANDLE_NONE;
	void *at;

	(void)state;
	assert_int_equal(mhp_handle_alloc(p, 5000, 0, &handle), 0);
	assert_int_not_equal(handle, MHP_HANDLE_NONE);
	assert_int_equal(mhp_handle_query(p, handle, &info), 0);
	assert_int_equal(info.size_bytes, 8192);
	assert_int_equal(info.pins, 0);
	at = mhp_handle_pin(p, handle);
	assert_ptr_equal(at, mhp_frame_address(mhp_posix_mhp(p), info.pfn));
	assert_int_equal(mhp_handle_free(p, handle), MHP_ERR_BUSY);
	assert_int_equal(mhp_handle_query(p, handle, &info), 0);
	assert_int_equal(info.pins, 1);
	assert_int_equal(stat_of(p).nr_handles, 1);
	assert_int_equal(mhp_handle_unpin(p, handle), 0);
	assert_int_equal(mhp_handle_unpin(p, handle), MHP_ERR_INVAL);
	assert_int_equal(mhp_handle_free(p, handle), 0);
	assert_int_equal(stat_of(p).nr_handles, 0);
	assert_int_equal(stat_of(p).handle_bytes, 4096);
	check_close(p);
}

static void sizes_and_flags(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp_handle_info info;
	mhp_handle_t handle = 77;
	uint8_t *bytes;

	(void)state;
	assert_int_equal(mhp_handle_alloc(p, 0, 0, &handle), MHP_ERR_INVAL);
	assert_int_equal(mhp_handle_alloc(p, 2 * MIB + 1, 0, &handle),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_handle_alloc(p, UINT64_MAX, 0, &handle),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_handle_alloc(p, 1, 1u << 1, &handle),
			 MHP_ERR_INVAL);
	assert_int_equal(mhp_handle_alloc(p, 1, MHP_HANDLE_NODE(2), &handle),
			 MHP_ERR_INVAL);
	assert_int_equal(handle, 77);
	for (uint64_t size = 1; size <= 2 * MIB; size *= 4) {
		assert_int_equal(mhp_handle_alloc(p, size, 0, &handle), 0);
		assert_int_equal(mhp_handle_query(p, handle, &info), 0);
		assert_true(info.size_bytes >= size &&
			    info.size_bytes < 2 * size + 4096);
		memset(mhp_handle_pin(p, handle), 0xaa, info.size_bytes);
		mhp_handle_unpin(p, handle);
		assert_int_equal(mhp_handle_free(p, handle), 0);
		assert_int_equal(
			mhp_handle_alloc(p, size,
					 MHP_HANDLE_ZERO | MHP_HANDLE_NODE(0),
					 &handle),
			0);
		bytes = mhp_handle_pin(p, handle);
		for (uint64_t i = 0; i < info.size_bytes; i++)
			assert_int_equal(bytes[i], 0);
		mhp_handle_unpin(p, handle);
		assert_int_equal(mhp_handle_free(p, handle), 0);
	}
	check_close(p);
}

static void expect_stale(struct mhp_posix *p, mhp_handle_t handle)
{
	struct mhp_handle_info info;

	assert_null(mhp_handle_pin(p, handle));
	assert_int_equal(mhp_handle_unpin(p, handle), MHP_ERR_NOENT);
	assert_int_equal(mhp_handle_free(p, handle), MHP_ERR_NOENT);
	assert_int_equal(mhp_handle_query(p, handle, &info), MHP_ERR_NOENT);
}

static void stale_handles(void **state)
{
	struct mhp_posix *p = small_open(0);
	uint64_t noise = UINT64_C(0x9e3779b97f4a7c15);
	mhp_handle_t old, handle;

	(void)state;
	expect_stale(p, MHP_HANDLE_NONE);
	assert_int_equal(mhp_handle_alloc(p, 1, 0, &old), 0);
	assert_int_equal(mhp_handle_free(p, old), 0);
	expect_stale(p, old);
	/* Longer than the generation bits of the word count. */
	for (int i = 0; i < 1500; i++) {
		assert_int_equal(mhp_handle_alloc(p, 1, 0, &handle), 0);
		assert_int_equal((uint32_t)handle, (uint32_t)old);
		assert_int_not_equal(handle, old);
		expect_stale(p, old);
		assert_non_null(mhp_handle_pin(p, handle));
		expect_stale(p, old);
		assert_int_equal(mhp_handle_unpin(p, handle), 0);
		assert_int_equal(mhp_handle_free(p, handle), 0);
	}
	for (int i = 0; i < 10000; i++) {
		noise ^= noise << 13;
		noise ^= noise >> 7;
		noise ^= noise << 17;
		expect_stale(p, noise);
		expect_stale(p, noise & UINT32_MAX);
	}
	check_close(p);
}

static void pins_have_a_limit(void **state)
{
	struct mhp_posix *p = small_open(0);
	mhp_handle_t handle;

	(void)state;
	assert_int_equal(mhp_handle_alloc(p, 1, 0, &handle), 0);
	for (int i = 0; i < MHP_HANDLE_PINS_MAX; i++)
		assert_non_null(mhp_handle_pin(p, handle));
	assert_null(mhp_handle_pin(p, handle));
	assert_int_equal(mhp_handle_free(p, handle), MHP_ERR_BUSY);
	for (int i = 0; i < MHP_HANDLE_PINS_MAX; i++)
		assert_int_equal(mhp_handle_unpin(p, handle), 0);
	assert_int_equal(mhp_handle_free(p, handle), 0);
	check_close(p);
}

static void memory_runs_out(void **state)
{
	struct mhp_posix *p = small_open(0);
	uint64_t room = 2 * SMALL_BLOCK / 4096, nr = 0;
	mhp_handle_t *handles = calloc(room, sizeof(*handles));
	int err;

	(void)state;
	assert_non_null(handles);
	while (!(err = mhp_handle_alloc(p, 1, 0, handles + nr)))
		assert_true(++nr < room);
	assert_int_equal(err, MHP_ERR_NOMEM);
	assert_true(nr > room * 9 / 10);
	assert_int_equal(stat_of(p).nr_handles, nr);
	for (uint64_t i = 0; i < nr; i += 2)
		assert_int_equal(mhp_handle_free(p, handles[i]), 0);
	for (uint64_t i = 0; i < nr; i += 2)
		assert_int_equal(mhp_handle_alloc(p, 1, 0, handles + i), 0);
	assert_int_equal(mhp_handle_alloc(p, 1, 0, handles), MHP_ERR_NOMEM);
	for (uint64_t i = 0; i < nr; i++)
		assert_int_equal(mhp_handle_free(p, handles[i]), 0);
	free(handles);
	check_close(p);
}

/* Threads. */

#define NR_WORKERS 2
#define NR_VALUES 400
#define VALUE_BYTES 8192
#define VALUE_WORDS (VALUE_BYTES / 8)

/* A value that all workers may look at; 0: none at the moment. */
struct slot {
	uint64_t handle; /* [atomic] */
};

struct worker {
	struct mhp_posix *p;
	struct slot *slots; /* of all workers */
	unsigned int number;
	uint64_t noise;
	uint64_t *stop; /* [atomic] */
	uint64_t nr_looks;
	uint64_t nr_stale;
	uint64_t nr_torn;
	uint64_t nr_busy;
	uint64_t nr_full;
};

static uint64_t worker_dice(struct worker *w, uint64_t n)
{
	w->noise ^= w->noise << 13;
	w->noise ^= w->noise >> 7;
	w->noise ^= w->noise << 17;
	return w->noise % n;
}

static uint64_t value_word(mhp_handle_t handle, unsigned int i)
{
	return handle ^ i * UINT64_C(0x9e3779b97f4a7c15);
}

static void value_make(struct worker *w, struct slot *slot)
{
	mhp_handle_t handle;
	uint64_t *words;

	if (mhp_handle_alloc(w->p, VALUE_BYTES, 0, &handle)) {
		w->nr_full++;
		return;
	}
	words = mhp_handle_pin(w->p, handle);
	for (unsigned int i = 0; i < VALUE_WORDS; i++)
		words[i] = value_word(handle, i);
	mhp_handle_unpin(w->p, handle);
	__atomic_store_n(&slot->handle, handle, __ATOMIC_RELEASE);
}

/* Looks at anybody's value; it may be freed meanwhile, but never be another. */
static void value_look(struct worker *w, struct slot *slot)
{
	mhp_handle_t handle = __atomic_load_n(&slot->handle, __ATOMIC_ACQUIRE);
	unsigned int step = 1 + (unsigned int)worker_dice(w, 64);
	uint64_t *words;

	if (!handle)
		return;
	words = mhp_handle_pin(w->p, handle);
	if (!words) {
		w->nr_stale++;
		return;
	}
	for (unsigned int i = 0; i < VALUE_WORDS; i += step)
		w->nr_torn += words[i] != value_word(handle, i);
	if (mhp_handle_unpin(w->p, handle))
		w->nr_torn++;
	w->nr_looks++;
}

/* Only the owner of a slot frees its value; others may have it pinned. */
static void value_drop(struct worker *w, struct slot *slot)
{
	mhp_handle_t handle = __atomic_load_n(&slot->handle, __ATOMIC_RELAXED);

	if (!handle)
		return;
	if (mhp_handle_free(w->p, handle)) {
		w->nr_busy++;
		return;
	}
	__atomic_store_n(&slot->handle, 0, __ATOMIC_RELEASE);
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	struct slot *own = w->slots + w->number * NR_VALUES;

	while (!__atomic_load_n(w->stop, __ATOMIC_RELAXED)) {
		struct slot *slot = own + worker_dice(w, NR_VALUES);

		if (!slot->handle)
			value_make(w, slot);
		else if (!worker_dice(w, 8))
			value_drop(w, slot);
		for (int i = 0; i < 4; i++)
			value_look(w, w->slots + worker_dice(
							 w, NR_WORKERS *
								    NR_VALUES));
	}
	return NULL;
}

/* Plugs, waits until it is used, unplugs: how many rounds in the time. */
static unsigned int come_and_go(struct mhp_posix *p, uint64_t until_ns)
{
	unsigned int rounds = 0;
	uint32_t id = plug_blocks(p, 1, MHP_PLACEMENT_BLOCK), next;
	uint64_t deadline;
	int err;

	while (mhp_hosted_now_ns() < until_ns) {
		next = plug_blocks(p, 1, all_placements[rounds % 2]);
		usleep(2000);
		deadline = mhp_hosted_now_ns() + UINT64_C(20000000000);
		err = mhp_posix_unplug(p, id, deadline, MHP_OFFLINE_PATIENT,
				       NULL);
		if (err)
			fail_msg("unplug under load: %d", err);
		id = next;
		rounds++;
	}
	return rounds;
}

static void workers_under_unplug(unsigned int for_seconds)
{
	struct mhp_posix *p = small_open(0);
	struct slot *slots = calloc(NR_WORKERS * NR_VALUES, sizeof(*slots));
	struct worker workers[NR_WORKERS] = {{0}};
	pthread_t threads[NR_WORKERS];
	struct mhp_posix_stat stat;
	struct worker last;
	unsigned int rounds;
	uint64_t stop = 0;

	assert_non_null(slots);
	for (unsigned int i = 0; i < NR_WORKERS; i++) {
		workers[i] = (struct worker){.p = p,
					     .slots = slots,
					     .number = i,
					     .noise = i + 12345,
					     .stop = &stop};
		assert_int_equal(pthread_create(&threads[i], NULL, worker_run,
						&workers[i]),
				 0);
	}
	rounds = come_and_go(p, mhp_hosted_now_ns() +
					for_seconds * UINT64_C(1000000000));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < NR_WORKERS; i++)
		pthread_join(threads[i], NULL);
	last = workers[0];
	for (unsigned int i = 0; i < NR_WORKERS; i++) {
		assert_int_equal(workers[i].nr_torn, 0);
		assert_true(workers[i].nr_looks > 100);
	}
	last.nr_looks = 0;
	for (unsigned int i = 0; i < NR_WORKERS * NR_VALUES; i++)
		value_look(&last, slots + i);
	assert_int_equal(last.nr_torn, 0);
	assert_int_equal(last.nr_looks, stat_of(p).nr_handles);
	stat = stat_of(p);
	print_message("%u rounds, %" PRIu64 " moves, %" PRIu64
		      " pinned, %" PRIu64 " holds, longest %" PRIu64 " us\n",
		      rounds, stat.nr_moves, stat.nr_moves_pinned,
		      stat.nr_holds, stat.longest_hold_ns / 1000);
	assert_true(rounds > 0 && stat.nr_moves > 0);
	free(slots);
	check_close(p);
}

static void values_survive_unplug(void **state)
{
	(void)state;
	workers_under_unplug(seconds());
}

/* Two threads pin one handle in turn, so that it is hardly ever unpinned. */

struct turn {
	struct mhp_posix *p;
	mhp_handle_t handle;
	uint64_t *stop;
	uint64_t nr_lost;
};

static void *turn_run(void *arg)
{
	struct turn *turn = arg;

	while (!__atomic_load_n(turn->stop, __ATOMIC_RELAXED)) {
		uint64_t *word = mhp_handle_pin(turn->p, turn->handle);

		if (!word || *word != 4711)
			turn->nr_lost++;
		for (int i = 0; i < 200; i++)
			mhp_port_relax();
		if (word)
			mhp_handle_unpin(turn->p, turn->handle);
	}
	return NULL;
}

static void short_pins_do_not_stop_a_move(void **state)
{
	struct mhp_posix *p = small_open(0);
	uint32_t id = plug_blocks(p, 1, MHP_PLACEMENT_BLOCK), next;
	struct turn turn = {.p = p};
	pthread_t threads[2];
	uint64_t *word, stop = 0;

	(void)state;
	turn.stop = &stop;
	assert_int_equal(mhp_handle_alloc(p, 1, 0, &turn.handle), 0);
	word = mhp_handle_pin(p, turn.handle);
	*word = 4711;
	mhp_handle_unpin(p, turn.handle);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, turn_run, &turn), 0);
	for (int i = 0; i < 20; i++) {
		next = plug_blocks(p, 1, MHP_PLACEMENT_BLOCK);
		assert_int_equal(mhp_posix_unplug(p, id,
						  mhp_hosted_now_ns() +
							  UINT64_C(10000000000),
						  MHP_OFFLINE_PATIENT, NULL),
				 0);
		id = next;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(turn.nr_lost, 0);
	assert_int_equal(mhp_handle_free(p, turn.handle), 0);
	check_close(p);
}

/* A mover that never comes back is overtaken (rule 8 of handle_table.h). */
static void a_lost_mover_holds_nobody_up(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp_handle_info info;
	mhp_handle_t handle;
	uint64_t start_ns;
	mhp_word_t *word;
	struct mhp_move move = {.order = 0};

	(void)state;
	assert_int_equal(mhp_handle_alloc(p, 1, 0, &handle), 0);
	assert_int_equal(mhp_handle_query(p, handle, &info), 0);
	word = &p->handles.entries[(uint32_t)handle].word;
	mhp_port_or(word, HANDLE_MOVING | HANDLE_WAIT);
	/* The page is being moved already: nobody else may. */
	move.from_pfn = move.to_pfn = info.pfn;
	move.cookie = (uint32_t)handle;
	assert_int_equal(mhp_handle_owner.move(p, mhp_posix_mhp(p), &move),
			 MHP_ERR_AGAIN);
	start_ns = mhp_hosted_now_ns();
	assert_non_null(mhp_handle_pin(p, handle));
	assert_true(mhp_hosted_now_ns() - start_ns >= 400000);
	assert_int_equal(mhp_port_load(word) & (HANDLE_MOVING | HANDLE_WAIT),
			 0);
	assert_int_equal(stat_of(p).nr_moves_broken, 1);
	assert_int_equal(stat_of(p).nr_holds, 1);
	assert_true(stat_of(p).longest_hold_ns >= 400000);
	assert_int_equal(mhp_handle_unpin(p, handle), 0);
	mhp_port_or(word, HANDLE_MOVING);
	assert_int_equal(mhp_handle_free(p, handle), 0);
	assert_int_equal(mhp_handle_owner.move(p, mhp_posix_mhp(p), &move),
			 MHP_ERR_AGAIN);
	check_close(p);
}

/* Everybody frees every handle: each is freed once. */

struct race {
	struct mhp_posix *p;
	mhp_handle_t *handles; /* [atomic] */
	uint64_t nr;
	uint64_t nr_freed;
	uint64_t nr_wrong;
};

static void *race_run(void *arg)
{
	struct race *race = arg;

	for (uint64_t i = 0; i < race->nr; i++) {
		int err;

		do
			err = mhp_handle_free(race->p, race->handles[i]);
		while (err == MHP_ERR_BUSY);
		if (!err)
			race->nr_freed++;
		else if (err != MHP_ERR_NOENT)
			race->nr_wrong++;
	}
	return NULL;
}

static void free_happens_once(void **state)
{
	struct mhp_posix *p = small_open(0);
	mhp_handle_t handles[1000];
	struct race races[NR_WORKERS];
	pthread_t threads[NR_WORKERS];

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 1000; i++)
			assert_int_equal(mhp_handle_alloc(p, 1, 0, handles + i),
					 0);
		for (int i = 0; i < NR_WORKERS; i++) {
			races[i] = (struct race){
				.p = p, .handles = handles, .nr = 1000};
			assert_int_equal(pthread_create(&threads[i], NULL,
							race_run, &races[i]),
					 0);
		}
		for (int i = 0; i < NR_WORKERS; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(races[0].nr_freed + races[1].nr_freed, 1000);
		assert_int_equal(races[0].nr_wrong + races[1].nr_wrong, 0);
		assert_int_equal(stat_of(p).nr_handles, 0);
	}
	check_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_handle),
		cmocka_unit_test(sizes_and_flags),
		cmocka_unit_test(stale_handles),
		cmocka_unit_test(pins_have_a_limit),
		cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(a_lost_mover_holds_nobody_up),
		cmocka_unit_test(free_happens_once),
		cmocka_unit_test(short_pins_do_not_stop_a_move),
		cmocka_unit_test(values_survive_unplug),
	};

	return cmocka_run_group_tests_name("handles", tests, NULL, NULL);
}
