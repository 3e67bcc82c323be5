/* SPDX-License-Identifier: MIT */
/*
 * port/template is what a new port is copied from, so it has to work: the
 * engine, compiled with it alone, boots, and a block of memory is plugged,
 * filled, evacuated and unplugged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mhp/port.h"
#include "template.h"

#define NR_MOVABLE 100

static mhp_pfn_t places[NR_MOVABLE];

void mhp_port_panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

static int move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	(void)ctx;
	if (places[move->cookie] != move->from_pfn)
		return MHP_ERR_AGAIN;
	memcpy(mhp_frame_address(m, move->to_pfn),
	       mhp_frame_address(m, move->from_pfn), 4096);
	places[move->cookie] = move->to_pfn;
	return 0;
}

static const struct mhp_owner_ops owner_ops = {
	.size_bytes = sizeof(owner_ops),
	.name = "test",
	.move = move,
};

static struct mhp *start(void)
{
	struct mhp_report report = {.code = 0};
	struct mhp *m = NULL;

	if (template_start(&m, &report))
		fail_msg("template_start: %s",
			 report.detail ? report.detail : "?");
	assert_int_equal(mhp_check(m, NULL), 0);
	return m;
}

static struct mhp_range block(struct mhp *m, uint64_t id)
{
	return mhp_block_range(mhp_geometry(m), id);
}

static void plug(struct mhp *m, uint64_t id, enum mhp_placement placement)
{
	const struct mhp_add_request request = {.range = block(m, id),
						.placement = placement};

	assert_int_equal(mhp_add(m, &request, NULL), 0);
	assert_int_equal(mhp_block_online(m, id, MHP_ONLINE_MOVABLE, NULL), 0);
	assert_int_equal(mhp_check(m, NULL), 0);
}

static void fill(struct mhp *m, uint16_t owner)
{
	struct mhp_request request = {.mobility = MHP_MOVABLE, .owner = owner};
	uint32_t i;

	for (i = 0; i < NR_MOVABLE; i++) {
		request.cookie = i;
		assert_int_equal(mhp_frame_alloc(m, &request, &places[i]), 0);
		memset(mhp_frame_address(m, places[i]), (int)i, 4096);
	}
}

static void verify_and_free(struct mhp *m)
{
	uint32_t i;

	for (i = 0; i < NR_MOVABLE; i++) {
		const uint8_t *at = mhp_frame_address(m, places[i]);

		assert_int_equal(at[0], i);
		assert_int_equal(at[4095], i);
		assert_int_equal(mhp_frame_free(m, places[i], 0), 0);
	}
}

/* Plug one block, fill it, plug another, unplug the first, then both are gone
 * and the machine is what it was. */
static void one_cycle(enum mhp_placement placement)
{
	struct mhp *m = start();
	uint64_t meta_bytes = template_meta_bytes();
	uint16_t owner;
	uint32_t i;

	assert_int_equal(mhp_owner_register(m, &owner_ops, NULL, &owner), 0);
	plug(m, 1, placement);
	fill(m, owner);
	plug(m, 3, placement);
	assert_int_equal(template_nr_mapped(), 3);
	assert_int_equal(mhp_offline_and_remove(m, block(m, 1), MHP_NO_DEADLINE,
						0, NULL),
			 0);
	assert_int_equal(template_nr_mapped(), 2);
	for (i = 0; i < NR_MOVABLE; i++)
		assert_int_not_equal(mhp_block_id(mhp_geometry(m), places[i]),
				     1);
	assert_int_equal(mhp_check(m, NULL), 0);
	verify_and_free(m);
	assert_int_equal(mhp_offline_and_remove(m, block(m, 3), MHP_NO_DEADLINE,
						0, NULL),
			 0);
	assert_int_equal(template_meta_bytes(), meta_bytes);
	mhp_fini(m);
	assert_int_equal(template_meta_bytes(), 0);
	assert_int_equal(template_nr_mapped(), 0);
}

static void memmap_on_the_block(void **state)
{
	(void)state;
	one_cycle(MHP_PLACEMENT_BLOCK);
}

static void memmap_in_existing_memory(void **state)
{
	(void)state;
	one_cycle(MHP_PLACEMENT_EXISTING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memmap_on_the_block),
		cmocka_unit_test(memmap_in_existing_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
