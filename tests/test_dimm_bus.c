/* SPDX-License-Identifier: MIT */
/*
 * The register block of DIMM slots, with a model of the device behind it: what
 * the firmware is told, and devices that lie.
 */
#include "device_dimm.h"
#include "mhp/policy.h"
#include "support.h"

#include <stdlib.h>

#define NR_SLOTS 4

/* The registers, the front end, and what it told. */
struct bench {
	struct mhp_model_dimms device;
	struct mhp_dimm_bus bus;
	struct mhp_dimm_slot slots[NR_SLOTS];
	struct machine *mc;
	unsigned int nr_told;
	struct mhp_dimm_event last;
	struct mhp_report report;
};

static uint32_t bench_read(void *ctx, uint32_t offset, uint32_t size_bytes)
{
	struct bench *b = ctx;

	assert_true(offset + size_bytes <= MHP_DIMM_BUS_BYTES);
	return mhp_model_dimm_read(&b->device, offset, size_bytes);
}

static void bench_write(void *ctx, uint32_t offset, uint32_t size_bytes,
			uint32_t value)
{
	struct bench *b = ctx;

	/* The device obeys the lowest bit only. */
	if (offset == 0x14)
		assert_int_equal(value & (value - 1), 0);
	mhp_model_dimm_write(&b->device, offset, size_bytes, value);
}

static void bench_told(void *ctx, const struct mhp_dimm_event *event)
{
	struct bench *b = ctx;

	b->nr_told++;
	b->last = *event;
	b->report = *event->report;
}

static const struct mhp_dimm_bus_ops bench_ops = {
	.size_bytes = sizeof(bench_ops),
	.read = bench_read,
	.write = bench_write,
	.told = bench_told,
};

static void bench_open(struct bench *b, struct machine *mc)
{
	*b = (struct bench){.mc = mc, .device.nr_slots = NR_SLOTS};
	b->bus = (struct mhp_dimm_bus){
		.ops = &bench_ops,
		.ctx = b,
		.slots = b->slots,
		.nr_slots = NR_SLOTS,
	};
}

static struct mhp_extent extent_make(struct bench *b, uint64_t block_id,
				     uint64_t nr)
{
	return (struct mhp_extent){
		.start = mhp_pa_from_pfn(b->mc->g,
					 block_start(b->mc, block_id)),
		.size_bytes = nr * mhp_block_bytes(b->mc->g),
	};
}

static int scan(struct bench *b)
{
	int err = mhp_dimm_bus_scan(b->mc->m, &b->bus, MHP_NO_DEADLINE, NULL);

	check_ok(b->mc);
	return err;
}

/* One scan, of which one event comes. */
static void scan_one(struct bench *b, uint32_t slot, enum mhp_ost_event event,
		     int code)
{
	unsigned int nr_told = b->nr_told;

	assert_int_equal(scan(b), 0);
	assert_int_equal(b->nr_told, nr_told + 1);
	assert_int_equal(b->last.slot, slot);
	assert_int_equal(b->last.event, event);
	assert_int_equal(b->last.err, code);
	assert_int_equal(b->device.slots[slot].ost_event, event);
	assert_int_equal(b->device.slots[slot].ost_status,
			 mhp_dimm_ost(code, event));
}

static void assert_quiet(struct bench *b)
{
	unsigned int nr_told = b->nr_told;

	assert_int_equal(scan(b), 0);
	assert_int_equal(b->nr_told, nr_told);
}

static void assert_leaves(struct bench *b, uint32_t slot)
{
	mhp_model_dimm_unplug(&b->device, slot);
	scan_one(b, slot, MHP_OST_EJECTION, 0);
	assert_false(b->device.slots[slot].enabled);
	assert_int_equal(b->slots[slot].state, MHP_DIMM_SLOT_EMPTY);
}

static void test_life(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct bench b;

	bench_open(&b, mc);
	assert_quiet(&b);
	assert_int_equal(b.bus.nr_found, NR_SLOTS);
	mhp_model_dimm_plug(&b.device, 2, extent_make(&b, FIRST_BLOCK, 2), 0);
	scan_one(&b, 2, MHP_OST_INSERTION, 0);
	assert_false(b.device.slots[2].inserted);
	assert_int_equal(block_info(mc, FIRST_BLOCK + 1).state,
			 MHP_BLOCK_OFFLINE);
	assert_quiet(&b);
	/* The first thing that it hears of an ejection is that it is under
	 * way. */
	b.device.slots[2].nr_ost = 0;
	assert_leaves(&b, 2);
	assert_int_equal(b.device.slots[2].nr_ost, 2);
	assert_quiet(&b);
	unchanged(mc, before, 0);
}

static void test_refused_ejection(struct machine *mc)
{
	struct bench b;
	mhp_pfn_t pfn;
	const struct mhp_request request = {.size_bytes = sizeof(request)};
	char *before;

	bench_open(&b, mc);
	mhp_model_dimm_plug(&b.device, 0, extent_make(&b, FIRST_BLOCK, 2), 0);
	scan_one(&b, 0, MHP_OST_INSERTION, 0);
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 2, MHP_ONLINE_KERNEL),
			 0);
	pfn = alloc_in_block(mc, &request, FIRST_BLOCK + 1);
	before = snapshot(mc, 0);
	mhp_model_dimm_unplug(&b.device, 0);
	scan_one(&b, 0, MHP_OST_EJECTION, MHP_ERR_BUSY);
	assert_int_equal(b.report.pfn, pfn);
	assert_int_equal(b.device.slots[0].ost_status, MHP_OST_EJECT_BUSY);
	assert_true(b.device.slots[0].enabled);
	unchanged(mc, before, 0);
	/* It is not asked again by itself. */
	assert_quiet(&b);
	assert_int_equal(mhp_frame_free(mc->m, pfn, 0), 0);
	assert_leaves(&b, 0);
}

/* A device that nobody announced, one that was refused, and both events at
 * once. */
static void test_odd_events(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct bench b;

	bench_open(&b, mc);
	mhp_model_dimm_plug(&b.device, 1, extent_make(&b, FIRST_BLOCK, 1), 0);
	b.device.slots[1].inserted = false;
	scan_one(&b, 1, MHP_OST_INSERTION, 0);
	/* The same addresses once more. */
	mhp_model_dimm_plug(&b.device, 3, extent_make(&b, FIRST_BLOCK, 1), 0);
	scan_one(&b, 3, MHP_OST_INSERTION, MHP_ERR_EXIST);
	assert_int_equal(b.slots[3].state, MHP_DIMM_SLOT_REFUSED);
	assert_quiet(&b);
	assert_leaves(&b, 3);
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_OFFLINE);
	assert_leaves(&b, 1);
	mhp_model_dimm_plug(&b.device, 0, extent_make(&b, FIRST_BLOCK, 1), 0);
	mhp_model_dimm_unplug(&b.device, 0);
	assert_int_equal(scan(&b), 0);
	assert_int_equal(b.last.event, MHP_OST_EJECTION);
	assert_int_equal(b.last.err, 0);
	unchanged(mc, before, 0);
}

static void assert_bad(struct bench *b, struct mhp_extent extent,
		       uint32_t domain, int code)
{
	char *before = snapshot(b->mc, 0);

	mhp_model_dimm_plug(&b->device, 0, extent, domain);
	scan_one(b, 0, MHP_OST_INSERTION, code);
	assert_int_equal(b->device.slots[0].ost_status, MHP_OST_FAILURE);
	assert_int_equal(b->report.code, code);
	assert_int_not_equal(b->report.why, MHP_WHY_NONE);
	unchanged(b->mc, before, 0);
	assert_quiet(b);
	assert_leaves(b, 0);
}

static void test_bad_extents(struct machine *mc)
{
	struct mhp_extent e;
	struct bench b;

	bench_open(&b, mc);
	e = extent_make(&b, FIRST_BLOCK, 0);
	assert_bad(&b, e, 0, MHP_ERR_INVAL);
	e = extent_make(&b, FIRST_BLOCK, 1);
	e.start.bytes = -mhp_block_bytes(mc->g);
	e.size_bytes *= 2;
	assert_bad(&b, e, 0, MHP_ERR_INVAL);
	e = extent_make(&b, FIRST_BLOCK, 1);
	e.start.bytes += mhp_page_bytes(mc->g);
	assert_bad(&b, e, 0, MHP_ERR_INVAL);
	assert_bad(&b, extent_make(&b, NR_BLOCKS, 1), 0, MHP_ERR_2BIG);
	assert_bad(&b, extent_make(&b, NR_BOOT_BLOCKS - 1, 2), 0,
		   MHP_ERR_EXIST);
	e = extent_make(&b, FIRST_BLOCK, 1);
	assert_bad(&b, e, mc->g->nr_nodes, MHP_ERR_INVAL);
	assert_bad(&b, e, UINT32_MAX, MHP_ERR_INVAL);
}

static void test_unsteady(struct machine *mc)
{
	struct bench b;

	bench_open(&b, mc);
	b.device.slots[0].lie = MHP_MODEL_DIMM_UNSTEADY;
	assert_bad(&b, extent_make(&b, FIRST_BLOCK, 1), 0, MHP_ERR_IO);
}

/* What is removed is what was added, whatever the device says then. */
static void test_shrinks(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct mhp_block_info info;
	struct bench b;

	bench_open(&b, mc);
	b.device.slots[0].lie = MHP_MODEL_DIMM_SHRINKS;
	mhp_model_dimm_plug(&b.device, 0, extent_make(&b, FIRST_BLOCK, 2), 0);
	scan_one(&b, 0, MHP_OST_INSERTION, 0);
	scan_one(&b, 0, MHP_OST_INSERTION, MHP_ERR_IO);
	assert_int_equal(b.slots[0].state, MHP_DIMM_SLOT_WRONG);
	assert_quiet(&b);
	assert_leaves(&b, 0);
	assert_int_equal(mhp_block_query(mc->m, FIRST_BLOCK + 1, &info),
			 MHP_ERR_NOENT);
	unchanged(mc, before, 0);
}

static void test_vanishes(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct bench b;

	bench_open(&b, mc);
	b.device.slots[0].lie = MHP_MODEL_DIMM_VANISHES;
	mhp_model_dimm_plug(&b.device, 0, extent_make(&b, FIRST_BLOCK, 1), 0);
	scan_one(&b, 0, MHP_OST_INSERTION, 0);
	scan_one(&b, 0, MHP_OST_INSERTION, MHP_ERR_IO);
	assert_quiet(&b);
	/* Nobody can say what became of it: it is still known, and in the way
	 * of another one. */
	assert_int_equal(block_info(mc, FIRST_BLOCK).state, MHP_BLOCK_OFFLINE);
	b.device.slots[0].lie = MHP_MODEL_DIMM_HONEST;
	mhp_model_dimm_plug(&b.device, 0, extent_make(&b, FIRST_BLOCK + 4, 1),
			    0);
	scan_one(&b, 0, MHP_OST_INSERTION, MHP_ERR_IO);
	assert_int_equal(b.report.why, MHP_WHY_DEVICE_STATE);
	assert_quiet(&b);
	assert_leaves(&b, 0);
	unchanged(mc, before, 0);
}

static void scan_until(struct bench *b, unsigned int most)
{
	while (scan(b) == MHP_ERR_AGAIN)
		assert_true(most-- > 0);
}

static void test_late(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct bench b;

	bench_open(&b, mc);
	b.device.slots[0].lie = MHP_MODEL_DIMM_LATE;
	mhp_model_dimm_plug(&b.device, 0, extent_make(&b, FIRST_BLOCK, 1), 0);
	assert_int_equal(scan(&b), MHP_ERR_AGAIN);
	assert_int_equal(b.nr_told, 0);
	scan_until(&b, 10);
	assert_int_equal(b.slots[0].state, MHP_DIMM_SLOT_ENABLED);
	mhp_model_dimm_unplug(&b.device, 0);
	assert_int_equal(scan(&b), MHP_ERR_AGAIN);
	assert_int_equal(b.device.slots[0].ost_status,
			 MHP_OST_EJECT_IN_PROGRESS);
	assert_int_equal(b.slots[0].state, MHP_DIMM_SLOT_LEAVING);
	scan_until(&b, 10);
	assert_int_equal(b.last.event, MHP_OST_EJECTION);
	assert_int_equal(b.slots[0].state, MHP_DIMM_SLOT_EMPTY);
	unchanged(mc, before, 0);
}

static void test_stays(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct bench b;

	bench_open(&b, mc);
	b.device.slots[0].lie = MHP_MODEL_DIMM_STAYS;
	mhp_model_dimm_plug(&b.device, 0, extent_make(&b, FIRST_BLOCK, 1), 0);
	scan_one(&b, 0, MHP_OST_INSERTION, 0);
	mhp_model_dimm_unplug(&b.device, 0);
	assert_int_equal(scan(&b), MHP_ERR_AGAIN);
	assert_int_equal(scan(&b), MHP_ERR_AGAIN);
	/* Its memory is not taken again. */
	unchanged(mc, before, 0);
	b.device.slots[0].lie = MHP_MODEL_DIMM_HONEST;
	scan_one(&b, 0, MHP_OST_EJECTION, 0);
}

static void test_insists(struct machine *mc)
{
	struct bench b;

	bench_open(&b, mc);
	b.device.slots[0].lie = MHP_MODEL_DIMM_INSISTS;
	mhp_model_dimm_plug(&b.device, 0, extent_make(&b, FIRST_BLOCK, 1), 0);
	scan_one(&b, 0, MHP_OST_INSERTION, 0);
	scan_one(&b, 0, MHP_OST_INSERTION, MHP_ERR_ALREADY);
	assert_int_equal(b.slots[0].state, MHP_DIMM_SLOT_ENABLED);
	b.device.slots[0].lie = MHP_MODEL_DIMM_HONEST;
	b.device.slots[0].inserted = false;
	assert_leaves(&b, 0);
}

static void test_no_device(struct machine *mc)
{
	struct mhp_report report;
	struct bench b;

	bench_open(&b, mc);
	b.device.nr_slots = 0;
	assert_int_equal(scan(&b), MHP_ERR_NODEV);
	b.device.nr_slots = NR_SLOTS + 1;
	assert_int_equal(
		mhp_dimm_bus_scan(mc->m, &b.bus, MHP_NO_DEADLINE, &report),
		MHP_ERR_NOSPC);
	assert_int_equal(report.why, MHP_WHY_NO_SLOT);
	b.bus.slots = NULL;
	assert_int_equal(scan(&b), MHP_ERR_INVAL);
}

/* The port fails somewhere in the insertion: the slot is refused, and the same
 * device can come again. */
static void test_faults(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	bool failed = true;
	struct bench b;
	uint64_t k;

	bench_open(&b, mc);
	for (k = 1; failed; k++) {
		mhp_model_dimm_plug(&b.device, 0,
				    extent_make(&b, FIRST_BLOCK, 3), 0);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_ONCE, k);
		assert_int_equal(scan(&b), 0);
		failed = mhp_model_faults(mc->model) > 0;
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		assert_int_equal(b.last.err, failed ? MHP_ERR_NOMEM : 0);
		assert_int_equal(b.slots[0].state,
				 failed ? MHP_DIMM_SLOT_REFUSED
					: MHP_DIMM_SLOT_ENABLED);
		if (failed) {
			char *after = snapshot(mc, 0);

			assert_same(before, after);
			free(after);
		}
		assert_leaves(&b, 0);
	}
	assert_true(k > 6);
	unchanged(mc, before, 0);
}

static const struct machine_test tests[] = {
	{"life", test_life},
	{"refused_ejection", test_refused_ejection},
	{"odd_events", test_odd_events},
	{"bad_extents", test_bad_extents},
	{"unsteady", test_unsteady},
	{"shrinks", test_shrinks},
	{"vanishes", test_vanishes},
	{"late", test_late},
	{"stays", test_stays},
	{"insists", test_insists},
	{"no_device", test_no_device},
	{"faults", test_faults},
};

int main(void)
{
	return machine_run("dimm_bus", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
