/* SPDX-License-Identifier: MIT */
/*
 * Handles that are larger than an extent, while they move: who waits for one
 * waits until the extent that is being copied is done and not longer, and a
 * deadline or a cancel ends the move there, too. Extents are counted; the clock
 * of the engine is the test's.
 */
#include "posix_support.h"

#include <sched.h>
#include <stdlib.h>

/* Of a pageblock of 2 MiB; after the last one nobody looks. */
#define LOOKS_A_MOVE 7
#define MAX_HANDLES 8
#define AT_LOOK 3
#define LATE_NS 1000

struct scene {
	struct mhp_posix_fault fault; /* first: the hook gets it */
	struct mhp_posix *p;
	uint64_t block_id;
	mhp_handle_t handles[MAX_HANDLES];
	unsigned int nr_handles;
	struct mhp_offline op;
	unsigned int nr_looks;
	/* what happens at look AT_LOOK */
	void (*act)(struct scene *scene);
	pthread_t waiter;
	mhp_handle_t wanted;
	bool torn;
};

/* What the engine takes for the time; a test runs alone. */
static uint64_t fake_ns;

static uint64_t fake_now_ns(void *ctx)
{
	(void)ctx;
	return fake_ns;
}

static void scene_look(struct mhp_posix_fault *fault)
{
	struct scene *scene = (struct scene *)(void *)fault;

	if (++scene->nr_looks == AT_LOOK && scene->act)
		scene->act(scene);
}

/* Whether a handle has what fill() wrote. */
static bool handle_is_whole(struct mhp_posix *p, mhp_handle_t handle)
{
	const uint8_t *bytes = mhp_handle_pin(p, handle);
	bool whole = bytes != NULL;

	for (uint64_t i = 0; whole && i < 2 * MIB; i++)
		whole = bytes[i] == 0x5a;
	return !mhp_handle_unpin(p, handle) && whole;
}

/* A block full of large handles, and another one for them to go to. */
static void scene_open(struct scene *scene, void (*act)(struct scene *scene))
{
	struct mhp_range range;
	uint32_t id;

	*scene = (struct scene){.act = act, .fault = {.copied = scene_look}};
	fake_ns = 0;
	scene->p = small_open_with(0, &scene->fault);
	scene->p->ops.now_ns = fake_now_ns;
	id = plug_blocks(scene->p, 1, MHP_PLACEMENT_BLOCK);
	range = region_of(scene->p, id).range;
	scene->block_id = mhp_block_id(mhp_geometry(mhp_posix_mhp(scene->p)),
				       range.start_pfn);
	scene->nr_handles = fill(scene->p, range, scene->handles, MAX_HANDLES);
	assert_true(scene->nr_handles > 1);
	plug_blocks(scene->p, 1, MHP_PLACEMENT_BLOCK);
}

static int scene_offline(struct scene *scene, uint64_t deadline_ns,
			 struct mhp_report *report)
{
	struct mhp *m = mhp_posix_mhp(scene->p);
	int err;

	assert_int_equal(mhp_offline_begin(m, &scene->op, scene->block_id,
					   deadline_ns, MHP_OFFLINE_PATIENT,
					   NULL),
			 0);
	do
		err = mhp_offline_step(m, &scene->op, report);
	while (err == MHP_ERR_AGAIN);
	return err;
}

static void scene_close(struct scene *scene)
{
	for (unsigned int i = 0; i < scene->nr_handles; i++)
		assert_true(handle_is_whole(scene->p, scene->handles[i]));
	assert_false(scene->torn);
	check_close(scene->p);
}

/* All moves of a scene, none of which was disturbed. */
static unsigned int scene_all_looks(const struct scene *scene)
{
	return scene->nr_handles * LOOKS_A_MOVE;
}

static mhp_word_t *scene_word(struct scene *scene, mhp_handle_t handle)
{
	return &scene->p->handles.entries[(uint32_t)handle].word;
}

static void *waiter_run(void *arg)
{
	struct scene *scene = arg;

	scene->torn = !handle_is_whole(scene->p, scene->wanted);
	return NULL;
}

/* Somebody wants the handle that is just being moved, and sleeps for it. */
static void act_wait(struct scene *scene)
{
	uint64_t word;

	for (unsigned int i = 0; i < scene->nr_handles; i++)
		if (mhp_port_load(scene_word(scene, scene->handles[i])) &
		    HANDLE_MOVING)
			scene->wanted = scene->handles[i];
	assert_true(scene->wanted != MHP_HANDLE_NONE);
	assert_int_equal(
		pthread_create(&scene->waiter, NULL, waiter_run, scene), 0);
	/* On a busy machine he may have given it up for the mover by then. */
	do {
		sched_yield();
		word = mhp_port_load(scene_word(scene, scene->wanted));
	} while ((word & (HANDLE_MOVING | HANDLE_WAIT)) == HANDLE_MOVING);
}

/* Not one further extent is copied while somebody waits. */
static void who_waits_waits_for_one_extent(void **state)
{
	struct mhp_posix_stat stat;
	struct scene scene;

	(void)state;
	scene_open(&scene, act_wait);
	assert_int_equal(scene_offline(&scene, MHP_NO_DEADLINE, NULL), 0);
	assert_int_equal(pthread_join(scene.waiter, NULL), 0);
	assert_int_equal(scene.nr_looks, scene_all_looks(&scene) + AT_LOOK);
	stat = stat_of(scene.p);
	assert_int_equal(stat.nr_moves, scene.nr_handles);
	assert_int_equal(stat.nr_moves_yielded + stat.nr_moves_broken, 1);
	assert_true(stat.nr_holds >= 1);
	scene_close(&scene);
}

/* A handle that somebody has waited for stays until it was pinned, or cannot
 * be. */
static void who_waited_is_first(void **state)
{
	struct mhp_move move = {.op = NULL};
	struct mhp_handle_info info;
	struct scene scene;
	mhp_word_t *word;

	(void)state;
	scene_open(&scene, NULL);
	word = scene_word(&scene, scene.handles[0]);
	assert_int_equal(mhp_handle_query(scene.p, scene.handles[0], &info), 0);
	move.from_pfn = move.to_pfn = info.pfn;
	move.cookie = (uint32_t)scene.handles[0];
	move.nr_pages = 2 * MIB / 4096;
	move.order = (uint8_t)__builtin_ctzll(move.nr_pages);
	mhp_port_or(word, HANDLE_WAIT);
	assert_int_equal(
		mhp_handle_owner.move(scene.p, mhp_posix_mhp(scene.p), &move),
		MHP_ERR_AGAIN);
	assert_int_equal(scene.nr_looks, 0);
	assert_true(mhp_port_load(word) & HANDLE_WAIT);
	assert_non_null(mhp_handle_pin(scene.p, scene.handles[0]));
	assert_int_equal(mhp_handle_unpin(scene.p, scene.handles[0]), 0);
	assert_false(mhp_port_load(word) & HANDLE_WAIT);

	mhp_port_or(word, HANDLE_WAIT | HANDLE_PIN_MASK);
	assert_null(mhp_handle_pin(scene.p, scene.handles[0]));
	assert_false(mhp_port_load(word) & HANDLE_WAIT);
	mhp_port_and(word, ~HANDLE_PIN_MASK);
	assert_int_equal(scene_offline(&scene, MHP_NO_DEADLINE, NULL), 0);
	scene_close(&scene);
}

static void act_late(struct scene *scene)
{
	(void)scene;
	fake_ns = LATE_NS;
}

static void act_cancel(struct scene *scene)
{
	mhp_offline_cancel(mhp_posix_mhp(scene->p), &scene->op);
}

static void ends_with_the_extent(void (*act)(struct scene *scene),
				 uint64_t deadline_ns, int expected)
{
	struct mhp_posix_stat stat;
	struct mhp_report report;
	struct scene scene;

	scene_open(&scene, act);
	assert_int_equal(scene_offline(&scene, deadline_ns, &report), expected);
	assert_int_equal(report.code, expected);
	assert_int_equal(scene.nr_looks, AT_LOOK);
	stat = stat_of(scene.p);
	assert_int_equal(stat.nr_moves, 0);
	assert_int_equal(stat.nr_moves_yielded, 0);
	assert_int_equal(mhp_check(mhp_posix_mhp(scene.p), NULL), 0);
	/* And with time it goes on where it began. */
	assert_int_equal(scene_offline(&scene, MHP_NO_DEADLINE, NULL), 0);
	assert_int_equal(scene.nr_looks, scene_all_looks(&scene) + AT_LOOK);
	scene_close(&scene);
}

static void a_deadline_ends_with_the_extent(void **state)
{
	(void)state;
	ends_with_the_extent(act_late, LATE_NS, MHP_ERR_TIMEDOUT);
}

static void a_cancel_ends_with_the_extent(void **state)
{
	(void)state;
	ends_with_the_extent(act_cancel, MHP_NO_DEADLINE, MHP_ERR_CANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_waits_for_one_extent),
		cmocka_unit_test(who_waited_is_first),
		cmocka_unit_test(a_deadline_ends_with_the_extent),
		cmocka_unit_test(a_cancel_ends_with_the_extent),
	};

	return cmocka_run_group_tests_name("handles_extent", tests, NULL, NULL);
}
