/* SPDX-License-Identifier: MIT */
/*
 * Two threads take memory offline at the same time, each every second block of
 * one region, while a third looks at the handles in it: nothing is lost, and
 * the region can be unplugged then. Handles are of all three kinds that move
 * differently: many together, a few together, and alone in extents.
 */
#include "posix_support.h"

#include <pthread.h>

#define NR_ROUNDS 5
#define NR_BLOCKS 4
#define NR_EACH 120
#define NR_HANDLES (NR_EACH + NR_EACH / 8 + NR_EACH / 20)
#define NR_MOVERS 2
#define LONG_NS UINT64_C(60000000000)

struct crowd {
	struct mhp_posix *p;
	mhp_handle_t handles[NR_HANDLES];
	uint64_t sizes[NR_HANDLES];
	uint64_t first_block;
	uint64_t nr_torn;
	bool stop; /* [atomic] */
};

struct mover {
	struct crowd *crowd;
	uint64_t first;
	int err;
};

/* The number of the handle is all over it. */
static void value_write(struct crowd *c, unsigned int i)
{
	uint64_t *words = mhp_handle_pin(c->p, c->handles[i]);

	assert_non_null(words);
	for (uint64_t n = 0; n < c->sizes[i] / 8; n++)
		words[n] = c->handles[i] + n;
	assert_int_equal(mhp_handle_unpin(c->p, c->handles[i]), 0);
}

static bool value_is_torn(struct crowd *c, unsigned int i, uint64_t step)
{
	const uint64_t *words = mhp_handle_pin(c->p, c->handles[i]);
	bool torn = !words;

	for (uint64_t n = 0; !torn && n < c->sizes[i] / 8; n += step)
		torn = words[n] != c->handles[i] + n;
	return mhp_handle_unpin(c->p, c->handles[i]) || torn;
}

static void crowd_fill(struct crowd *c)
{
	for (unsigned int i = 0; i < NR_HANDLES; i++) {
		c->sizes[i] = i < NR_EACH		  ? 4096
			      : i < NR_EACH + NR_EACH / 8 ? 65536
							  : 2 * MIB;
		assert_int_equal(
			mhp_handle_alloc(c->p, c->sizes[i], 0, &c->handles[i]),
			0);
		value_write(c, i);
	}
}

static void *mover_run(void *arg)
{
	struct mover *mover = arg;
	struct crowd *c = mover->crowd;
	struct mhp *m = mhp_posix_mhp(c->p);

	for (uint64_t i = mover->first; !mover->err && i < NR_BLOCKS;
	     i += NR_MOVERS) {
		struct mhp_offline op;

		mover->err = mhp_offline_begin(m, &op, c->first_block + i,
					       mhp_hosted_now_ns() + LONG_NS,
					       MHP_OFFLINE_PATIENT, NULL);
		if (mover->err)
			continue;
		do
			mover->err = mhp_offline_step(m, &op, NULL);
		while (mover->err == MHP_ERR_AGAIN);
	}
	return NULL;
}

static void *looker_run(void *arg)
{
	struct crowd *c = arg;

	for (unsigned int i = 0; !__atomic_load_n(&c->stop, __ATOMIC_RELAXED);
	     i = (i + 7) % NR_HANDLES) {
		c->nr_torn += value_is_torn(c, i, 4096);
		/* A large one needs a pause to move. */
		usleep(100);
	}
	return NULL;
}

static void movers_run(struct crowd *c)
{
	pthread_t threads[NR_MOVERS];
	struct mover movers[NR_MOVERS];

	for (unsigned int i = 0; i < NR_MOVERS; i++) {
		movers[i] = (struct mover){.crowd = c, .first = i};
		assert_int_equal(pthread_create(&threads[i], NULL, mover_run,
						&movers[i]),
				 0);
	}
	for (unsigned int i = 0; i < NR_MOVERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(movers[i].err, 0);
	}
}

static void two_take_blocks_offline(void **state)
{
	struct crowd c = {.p = small_open(0)};
	uint32_t id = plug_blocks(c.p, NR_BLOCKS, MHP_PLACEMENT_BLOCK), next;
	pthread_t looker;

	(void)state;
	crowd_fill(&c);
	assert_int_equal(pthread_create(&looker, NULL, looker_run, &c), 0);
	for (unsigned int round = 0; round < NR_ROUNDS; round++) {
		next = plug_blocks(c.p, NR_BLOCKS, all_placements[round % 2]);
		c.first_block = mhp_block_id(
			mhp_geometry(mhp_posix_mhp(c.p)),
			region_of(c.p, id).range.start_pfn);
		movers_run(&c);
		assert_int_equal(mhp_check(mhp_posix_mhp(c.p), NULL), 0);
		assert_int_equal(unplug(c.p, id), 0);
		id = next;
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(looker, NULL), 0);
	assert_int_equal(c.nr_torn, 0);
	for (unsigned int i = 0; i < NR_HANDLES; i++) {
		assert_false(value_is_torn(&c, i, 1));
		assert_int_equal(mhp_handle_free(c.p, c.handles[i]), 0);
	}
	assert_true(stat_of(c.p).nr_moves >= NR_HANDLES);
	check_close(c.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_take_blocks_offline),
	};

	return cmocka_run_group_tests_name("handles_two", tests, NULL, NULL);
}
