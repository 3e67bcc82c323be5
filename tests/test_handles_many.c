/* SPDX-License-Identifier: MIT */
/*
 * Small handles that move together: each is moved or not by itself, as its
 * entry says, and no more than an extent of them is in the way of others. The
 * engine's part is played by the test, so that it can say what each entry is.
 */
#include "posix_support.h"

#define MAX_MOVES 16
/* What no owner answers. */
#define UNSET 77

struct scene {
	struct mhp_posix_fault fault; /* first: the hook gets it */
	struct mhp_posix *p;
	struct mhp *m;
	mhp_handle_t handles[MAX_MOVES];
	struct mhp_move moves[MAX_MOVES];
	int codes[MAX_MOVES];
	unsigned int nr;
	unsigned int nr_looks;
	mhp_handle_t overtaken; /* at the first look */
};

static mhp_word_t *scene_word(struct scene *scene, mhp_handle_t handle)
{
	return &scene->p->handles.entries[(uint32_t)handle].word;
}

static void scene_look(struct mhp_posix_fault *fault)
{
	struct scene *scene = (struct scene *)(void *)fault;

	if (!scene->nr_looks++ && scene->overtaken)
		mhp_port_and(scene_word(scene, scene->overtaken),
			     ~HANDLE_MOVING);
}

static void value_write(struct scene *scene, mhp_handle_t handle,
			uint64_t size_bytes)
{
	uint64_t *words = mhp_handle_pin(scene->p, handle);

	assert_non_null(words);
	for (uint64_t i = 0; i < size_bytes / 8; i++)
		words[i] = handle + i;
	assert_int_equal(mhp_handle_unpin(scene->p, handle), 0);
}

static void value_look(struct scene *scene, mhp_handle_t handle,
		       uint64_t size_bytes)
{
	const uint64_t *words = mhp_handle_pin(scene->p, handle);

	assert_non_null(words);
	for (uint64_t i = 0; i < size_bytes / 8; i++)
		assert_int_equal(words[i], handle + i);
	assert_int_equal(mhp_handle_unpin(scene->p, handle), 0);
}

static uint64_t bytes_of(const struct mhp_move *move)
{
	return move->nr_pages * 4096;
}

static void scene_open(struct scene *scene)
{
	*scene = (struct scene){.fault = {.copied = scene_look}};
	scene->p = small_open_with(0, &scene->fault);
	scene->m = mhp_posix_mhp(scene->p);
	plug_blocks(scene->p, 1, MHP_PLACEMENT_BLOCK);
}

/* A handle, and a move of it to a target like the one the engine takes. */
static void scene_add(struct scene *scene, unsigned int order)
{
	struct mhp_move *move = &scene->moves[scene->nr];
	mhp_handle_t *handle = &scene->handles[scene->nr++];
	struct mhp_request request = {
		.order = (uint8_t)order,
		.mobility = MHP_MOVABLE,
		.owner = scene->p->owner,
	};
	struct mhp_handle_info info;

	assert_int_equal(
		mhp_handle_alloc(scene->p, UINT64_C(4096) << order, 0, handle),
		0);
	value_write(scene, *handle, UINT64_C(4096) << order);
	assert_int_equal(mhp_handle_query(scene->p, *handle, &info), 0);
	request.cookie = (uint32_t)*handle;
	*move = (struct mhp_move){
		.from_pfn = info.pfn,
		.order = (uint8_t)order,
		.nr_pages = UINT64_C(1) << order,
		.cookie = (uint32_t)*handle,
	};
	assert_int_equal(mhp_frame_alloc(scene->m, &request, &move->to_pfn), 0);
}

static void scene_move(struct scene *scene)
{
	for (unsigned int i = 0; i < scene->nr; i++)
		scene->codes[i] = UNSET;
	mhp_handle_owner.move_many(scene->p, scene->m, scene->moves, scene->nr,
				   scene->codes);
}

/* Frees what the engine would, and looks where each handle is. */
static void scene_settle(struct scene *scene)
{
	for (unsigned int i = 0; i < scene->nr; i++) {
		const struct mhp_move *move = &scene->moves[i];
		bool moved = !scene->codes[i];
		struct mhp_handle_info info;

		if (!scene->handles[i]) {
			assert_int_equal(scene->codes[i], MHP_ERR_AGAIN);
			assert_int_equal(
				mhp_frame_free(scene->m, move->to_pfn, 0), 0);
			continue;
		}
		assert_int_equal(
			mhp_handle_query(scene->p, scene->handles[i], &info),
			0);
		assert_int_equal(info.pfn,
				 moved ? move->to_pfn : move->from_pfn);
		assert_int_equal(
			mhp_port_load(scene_word(scene, scene->handles[i])) &
				HANDLE_MOVING,
			0);
		assert_int_equal(
			mhp_frame_free(scene->m,
				       moved ? move->from_pfn : move->to_pfn,
				       move->order),
			0);
		value_look(scene, scene->handles[i], bytes_of(move));
	}
}

static void scene_close(struct scene *scene)
{
	for (unsigned int i = 0; i < scene->nr; i++)
		if (scene->handles[i])
			assert_int_equal(
				mhp_handle_free(scene->p, scene->handles[i]),
				0);
	check_close(scene->p);
}

enum part {
	MOVES,
	PINNED,
	FREED,
	WANTED,
	TAKEN, /* moving already */
	OVERTAKEN,
	RESIZED, /* of another size by now */
	UNKNOWN, /* there never was such an entry */
	MOVES_TOO,
	NR_PARTS,
};

/* All that can be the matter with a handle, and one before and behind it that
 * moves. */
static void each_by_itself(void **state)
{
	static const int expected[NR_PARTS] = {
		[PINNED] = MHP_ERR_BUSY,     [FREED] = MHP_ERR_AGAIN,
		[WANTED] = MHP_ERR_AGAIN,    [TAKEN] = MHP_ERR_AGAIN,
		[OVERTAKEN] = MHP_ERR_AGAIN, [RESIZED] = MHP_ERR_AGAIN,
		[UNKNOWN] = MHP_ERR_AGAIN,
	};
	struct mhp_handle_entry *resized;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	for (unsigned int i = 0; i < NR_PARTS; i++)
		scene_add(&scene, 0);
	assert_non_null(mhp_handle_pin(scene.p, scene.handles[PINNED]));
	assert_int_equal(mhp_handle_free(scene.p, scene.handles[FREED]), 0);
	scene.handles[FREED] = MHP_HANDLE_NONE;
	mhp_port_or(scene_word(&scene, scene.handles[WANTED]), HANDLE_WAIT);
	mhp_port_or(scene_word(&scene, scene.handles[TAKEN]), HANDLE_MOVING);
	scene.overtaken = scene.handles[OVERTAKEN];
	resized = &scene.p->handles.entries[(uint32_t)scene.handles[RESIZED]];
	mhp_port_or(&resized->life, 1);
	scene.moves[UNKNOWN].cookie = MHP_COOKIE_MAX;

	scene_move(&scene);
	for (unsigned int i = 0; i < NR_PARTS; i++)
		assert_int_equal(scene.codes[i], expected[i]);
	assert_int_equal(stat_of(scene.p).nr_moves, 2);
	assert_int_equal(stat_of(scene.p).bytes_moved, 2 * 4096);
	assert_int_equal(stat_of(scene.p).nr_moves_pinned, 1);
	mhp_port_and(&resized->life, ~UINT64_C(1));
	mhp_port_and(scene_word(&scene, scene.handles[TAKEN]), ~HANDLE_MOVING);
	assert_int_equal(mhp_handle_unpin(scene.p, scene.handles[PINNED]), 0);
	scene_settle(&scene);
	scene_close(&scene);
}

/* Nobody waits for a pin when the operation shall end. */
static void pins_are_not_waited_for_when_late(void **state)
{
	struct mhp_offline op = {.deadline_ns = MHP_NO_DEADLINE};
	struct scene scene;

	(void)state;
	mhp_port_store(&op.cancelled, 1);
	scene_open(&scene);
	for (unsigned int i = 0; i < 3; i++) {
		scene_add(&scene, 0);
		scene.moves[i].op = &op;
	}
	assert_non_null(mhp_handle_pin(scene.p, scene.handles[0]));
	scene_move(&scene);
	assert_int_equal(scene.codes[0], MHP_ERR_AGAIN);
	assert_int_equal(scene.codes[1], 0);
	assert_int_equal(scene.codes[2], 0);
	assert_int_equal(stat_of(scene.p).nr_moves_pinned, 0);
	assert_int_equal(mhp_handle_unpin(scene.p, scene.handles[0]), 0);
	scene_settle(&scene);
	scene_close(&scene);
}

/* Never more than an extent at a time, 256 KiB; what is larger moves alone. */
static void no_more_than_an_extent(void **state)
{
	static const unsigned int orders[] = {4, 4, 4, 4, 4, 9, 0, 6, 5};
	/* Four of 64 KiB; one more; 2 MiB, which is looked at between its eight
	 * extents; 4 KiB; 256 KiB; 128 KiB. */
	const unsigned int nr_looks = 1 + 1 + 7 + 1 + 1 + 1;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	for (unsigned int i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		scene_add(&scene, orders[i]);
	scene_move(&scene);
	for (unsigned int i = 0; i < scene.nr; i++)
		assert_int_equal(scene.codes[i], 0);
	assert_int_equal(scene.nr_looks, nr_looks);
	scene_settle(&scene);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_by_itself),
		cmocka_unit_test(pins_are_not_waited_for_when_late),
		cmocka_unit_test(no_more_than_an_extent),
	};

	return cmocka_run_group_tests_name("handles_many", tests, NULL, NULL);
}
