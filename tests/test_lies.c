/* SPDX-License-Identifier: MIT */
/*
 * All front ends in one machine, over devices that say anything: they claim
 * each other's addresses, no addresses at all, change, refuse and come late,
 * while blocks go on- and offline, memory is used and pinned, and the port
 * fails. What holds after every step: the engine knows exactly the blocks that
 * one of the devices believes it has brought, and its invariants.
 *
 * MHP_TEST_STEPS is how many steps there are.
 */
#include <stdlib.h>

#include "device_dax.h"
#include "device_dimm.h"
#include "device_lmb.h"
#include "device_standby.h"
#include "support.h"

#define NR_SLOTS 4
#define NR_LMBS 5
#define NR_STANDBY 5
#define MAX_HELD 64

/* A world of devices, and who draws lots. */
struct world {
	struct machine *mc;
	struct dice dice;
	struct mhp_model_dimms dimms;
	struct mhp_dimm_bus bus;
	struct mhp_dimm_slot slots[NR_SLOTS];
	struct mhp_model_dax dax;
	struct mhp_kmem kmem;
	struct mhp_model_lmbs hv;
	struct mhp_lmbs lmbs;
	struct mhp_model_standby element;
	struct mhp_standby standby;
	struct shelf *shelf;
	struct item *held[MAX_HELD];
	unsigned int now; /* the step that is done */
	uint64_t nr_done[32], nr_refused[32];
};

static uint64_t draw(struct world *w, uint64_t n)
{
	return dice_below(&w->dice, n);
}

static const struct mhp_dimm_bus_ops bus_ops = {
	.size_bytes = sizeof(bus_ops),
	.read = mhp_model_dimm_read,
	.write = mhp_model_dimm_write,
};

static struct mhp_extent extent_at(struct world *w, uint64_t block_id,
				   uint64_t nr)
{
	return (struct mhp_extent){
		.start = mhp_pa_from_pfn(w->mc->g,
					 block_start(w->mc, block_id)),
		.size_bytes = nr * mhp_block_bytes(w->mc->g),
	};
}

/* Mostly something that could be. */
static struct mhp_extent extent_draw(struct world *w)
{
	uint64_t page_bytes = mhp_page_bytes(w->mc->g);
	struct mhp_extent e = extent_at(w, draw(w, NR_BLOCKS), 1 + draw(w, 4));

	switch (draw(w, 12)) {
	case 0:
		e.start.bytes += page_bytes;
		break;
	case 1:
		e.size_bytes -= page_bytes;
		break;
	case 2:
		e.size_bytes = 0;
		break;
	case 3:
		e.start.bytes = -mhp_block_bytes(w->mc->g);
		break;
	case 4:
		e.size_bytes = UINT64_MAX - draw(w, 3);
		break;
	default:
		break;
	}
	return e;
}

static void world_open(struct world *w, struct machine *mc)
{
	uint32_t i;

	w->mc = mc;
	w->dimms.nr_slots = NR_SLOTS;
	w->bus = (struct mhp_dimm_bus){
		.ops = &bus_ops,
		.ctx = &w->dimms,
		.slots = w->slots,
		.nr_slots = NR_SLOTS,
	};
	w->dax.model = mc->model;
	w->hv.model = mc->model;
	w->lmbs = (struct mhp_lmbs){
		.lmbs = w->hv.lmbs,
		.nr = NR_LMBS,
		.size_bytes = 2 * mhp_block_bytes(mc->g),
		.ranges = w->hv.ranges,
		.ops = &mhp_model_lmb_ops,
		.ctx = &w->hv,
	};
	/* They lie over each other by half. */
	for (i = 0; i < NR_LMBS; i++)
		w->hv.lmbs[i].start = extent_at(w, 12 + i, 1).start;
	w->element = (struct mhp_model_standby){
		.model = mc->model,
		.extent = extent_at(w, 10, NR_STANDBY),
		.increment_bytes = mhp_block_bytes(mc->g) / 2,
	};
	w->standby = (struct mhp_standby){
		.extent = w->element.extent,
		.increment_bytes = w->element.increment_bytes,
		.ops = &mhp_model_standby_ops,
		.ctx = &w->element,
		.blocks = w->element.blocks,
		.max_blocks = NR_STANDBY,
	};
	assert_int_equal(mhp_standby_start(mc->m, &w->standby, NULL), 0);
	w->shelf = shelf_open(mc);
}

/* ---- what a step does ---- */

/* All codes are allowed; what they left behind is what counts. */
static void any(struct world *w, int code)
{
	assert_true(code <= 0);
	w->nr_done[w->now] += !code;
	w->nr_refused[w->now] += !!code;
}

static void step_plug(struct world *w)
{
	uint32_t i = (uint32_t)draw(w, NR_SLOTS);

	if (w->dimms.slots[i].enabled || w->dimms.slots[i].delay)
		return;
	w->dimms.slots[i].lie = (enum mhp_model_dimm_lie)draw(
		w, MHP_MODEL_DIMM_VANISHES + 3);
	if (w->dimms.slots[i].lie > MHP_MODEL_DIMM_VANISHES)
		w->dimms.slots[i].lie = MHP_MODEL_DIMM_HONEST;
	mhp_model_dimm_plug(&w->dimms, i, extent_draw(w),
			    (uint32_t)draw(w, w->mc->g->nr_nodes + 1u));
}

static void step_unplug(struct world *w)
{
	uint32_t i = (uint32_t)draw(w, NR_SLOTS);

	mhp_model_dimm_unplug(&w->dimms, i);
	if (w->dimms.slots[i].lie == MHP_MODEL_DIMM_STAYS && !draw(w, 3))
		w->dimms.slots[i].lie = MHP_MODEL_DIMM_HONEST;
}

static void step_scan(struct world *w)
{
	any(w, mhp_dimm_bus_scan(w->mc->m, &w->bus, MHP_NO_DEADLINE, NULL));
}

static void step_bind(struct world *w)
{
	uint32_t i;

	if (w->kmem.bound)
		return;
	w->dax.nr_asked = 0;
	w->dax.refuse = (uint32_t)draw(w, 4);
	for (i = 0; i < MHP_MODEL_DAX_EXTENTS; i++)
		w->dax.extents[i] = extent_draw(w);
	w->kmem = (struct mhp_kmem){
		.extents = w->dax.extents,
		.ranges = w->dax.ranges,
		.nr_extents = (uint32_t)draw(w, MHP_MODEL_DAX_EXTENTS + 1),
		.node = (int)draw(w, w->mc->g->nr_nodes + 1u),
		.ops = &mhp_model_dax_ops,
		.ctx = &w->dax,
	};
	any(w, mhp_kmem_bind(w->mc->m, &w->kmem, NULL));
}

static void step_unbind(struct world *w)
{
	any(w, mhp_kmem_unbind(w->mc->m, &w->kmem, MHP_NO_DEADLINE,
			       draw(w, 2) ? MHP_KMEM_OFFLINE : 0, NULL));
}

static void step_lmb_add(struct world *w)
{
	w->hv.refusals[draw(w, NR_LMBS)] = (uint8_t)draw(w, 2);
	if (draw(w, 2))
		any(w, mhp_lmb_add(w->mc->m, &w->lmbs, 1 + (uint32_t)draw(w, 3),
				   NULL));
	else
		any(w, mhp_lmb_add_index(w->mc->m, &w->lmbs,
					 (uint32_t)draw(w, NR_LMBS + 1), NULL));
}

static void step_lmb_remove(struct world *w)
{
	if (draw(w, 2))
		any(w,
		    mhp_lmb_remove(w->mc->m, &w->lmbs, 1 + (uint32_t)draw(w, 3),
				   MHP_NO_DEADLINE, 0, NULL));
	else
		any(w, mhp_lmb_remove_index(w->mc->m, &w->lmbs,
					    (uint32_t)draw(w, NR_LMBS + 1),
					    MHP_NO_DEADLINE, 0, NULL));
}

static void step_standby(struct world *w)
{
	uint64_t id = w->standby.first_block + draw(w, NR_STANDBY + 1);

	w->element.refuse_assign = (uint32_t)draw(w, 4);
	w->element.refuse_unassign = (uint32_t)draw(w, 6);
	switch (draw(w, 3)) {
	case 0:
		any(w, mhp_standby_configure(w->mc->m, &w->standby, id, NULL));
		break;
	case 1:
		any(w,
		    mhp_standby_deconfigure(w->mc->m, &w->standby, id, NULL));
		break;
	default:
		any(w, mhp_standby_set_memmap_on_memory(w->mc->m, &w->standby,
							id, draw(w, 2), NULL));
	}
}

static void step_online(struct world *w)
{
	uint64_t id = NR_BOOT_BLOCKS + draw(w, NR_BLOCKS - NR_BOOT_BLOCKS);

	any(w, mhp_block_online(w->mc->m, id,
				draw(w, 2) ? MHP_ONLINE_MOVABLE
					   : MHP_ONLINE_DEFAULT,
				NULL));
}

static void step_offline(struct world *w)
{
	uint64_t id = NR_BOOT_BLOCKS + draw(w, NR_BLOCKS - NR_BOOT_BLOCKS);

	any(w, mhp_block_offline(w->mc->m, id, MHP_NO_DEADLINE, NULL));
}

static void step_use(struct world *w)
{
	struct item **item = &w->held[draw(w, MAX_HELD)];

	if (*item)
		shelf_free(w->shelf, *item);
	*item = draw(w, 3) ? shelf_alloc(w->shelf, NULL) : NULL;
	if (*item)
		(*item)->pins = !draw(w, 8);
}

static void (*const steps[])(struct world *w) = {
	step_plug,    step_plug,    step_unplug, step_scan,    step_scan,
	step_scan,    step_bind,    step_unbind, step_lmb_add, step_lmb_remove,
	step_standby, step_standby, step_online, step_online,  step_offline,
	step_use,     step_use,
};

#define NR_STEPS (sizeof(steps) / sizeof(steps[0]))

/* ---- what holds ---- */

static uint32_t claims_of(struct world *w, const struct mhp_range *ranges,
			  uint32_t nr, uint64_t id)
{
	mhp_pfn_t pfn = block_start(w->mc, id);
	uint32_t i, claims = 0;

	for (i = 0; i < nr; i++)
		claims += pfn >= ranges[i].start_pfn &&
			  pfn < mhp_range_end_pfn(ranges[i]);
	return claims;
}

/* How many devices believe that they have brought a block. */
static uint32_t claims(struct world *w, uint64_t id)
{
	const struct mhp_standby_block *block = mhp_standby_block(&w->standby,
								  id);
	uint32_t i, nr = 0;

	for (i = 0; i < NR_SLOTS; i++)
		nr += claims_of(w, &w->slots[i].range,
				w->slots[i].dimm.nr_ranges, id);
	nr += claims_of(w, w->dax.ranges, w->kmem.nr_ranges, id);
	for (i = 0; i < NR_LMBS; i++)
		nr += w->hv.lmbs[i].present && (id == 12 + i || id == 13 + i);
	return nr + (block && block->configured);
}

static void world_check(struct world *w)
{
	struct mhp_block_info info;
	uint64_t id;
	uint32_t i;

	for (id = NR_BOOT_BLOCKS; id < NR_BLOCKS; id++)
		assert_int_equal(claims(w, id),
				 !mhp_block_query(w->mc->m, id, &info));
	for (i = 0; i < NR_LMBS; i++)
		assert_int_equal(w->hv.acquired[i], w->hv.lmbs[i].present);
	for (i = 0; i < NR_STANDBY; i++)
		if (w->element.blocks[i].configured)
			assert_true(w->element.assigned[2 * i] &&
				    w->element.assigned[2 * i + 1]);
	assert_int_equal(w->dax.nr_reserved, w->kmem.nr_ranges);
	check_ok(w->mc);
	shelf_verify(w->shelf);
}

static void close_slots(struct world *w)
{
	struct mhp *m = w->mc->m;
	uint32_t i;

	for (i = 0; i < NR_SLOTS; i++) {
		struct mhp_dimm *dimm = &w->slots[i].dimm;

		/* One that counts boot memory as its own never leaves. */
		dimm->nr_existing = 0;
		any(w, mhp_dimm_eject(m, dimm, MHP_NO_DEADLINE, 0, NULL));
	}
}

static void close_standby(struct world *w)
{
	struct mhp *m = w->mc->m;
	uint32_t i;

	w->element.refuse_unassign = 0;
	for (i = 0; i < NR_STANDBY; i++) {
		uint64_t id = w->standby.first_block + i;

		if (!w->element.blocks[i].configured)
			continue;
		any(w, mhp_block_offline(m, id, MHP_NO_DEADLINE, NULL));
		any(w, mhp_standby_deconfigure(m, &w->standby, id, NULL));
	}
}

/* Everybody tells the truth and lets go. The memmap of one may be in memory of
 * another one, so it may take some rounds. */
static void world_close(struct world *w)
{
	uint64_t none = MHP_NO_DEADLINE, id;
	struct mhp *m = w->mc->m;
	uint32_t i, round;

	shelf_close(w->shelf);
	for (round = 0; round < NR_BLOCKS; round++) {
		close_standby(w);
		close_slots(w);
		any(w,
		    mhp_kmem_unbind(m, &w->kmem, none, MHP_KMEM_OFFLINE, NULL));
		for (i = 0; i < NR_LMBS; i++)
			any(w, mhp_lmb_remove_index(m, &w->lmbs, i, none, 0,
						    NULL));
	}
	for (id = NR_BOOT_BLOCKS; id < NR_BLOCKS; id++)
		assert_int_equal(claims(w, id), 0);
	assert_int_equal(mhp_standby_stop(m, &w->standby, NULL), 0);
}

/* The lots fell so that much was done, and much refused. */
static void assert_varied(const struct world *w, uint64_t nr)
{
	uint64_t done = 0, refused = 0;
	unsigned int i;

	for (i = 0; i < NR_STEPS; i++) {
		done += w->nr_done[i];
		refused += w->nr_refused[i];
	}
	assert_true(done > nr / 20);
	assert_true(refused > nr / 20);
}

static void test_lies(struct machine *mc)
{
	struct world *w = calloc(1, sizeof(*w));
	uint64_t nr = env_number("MHP_TEST_STEPS", 2500), i;
	char *before = snapshot(mc, SNAP_NO_PAGES);

	assert_non_null(w);
	dice_start(&w->dice, 20);
	world_open(w, mc);
	for (i = 0; i < nr; i++) {
		/* The port is out of order now and then, for one step. */
		if (!draw(w, 8))
			mhp_model_fail(mc->model, MHP_MODEL_FAIL_FROM_THEN,
				       1 + draw(w, 12));
		w->now = (unsigned int)draw(w, NR_STEPS);
		steps[w->now](w);
		mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
		world_check(w);
	}
	if (nr >= 1000)
		assert_varied(w, nr);
	world_close(w);
	unchanged(mc, before, SNAP_NO_PAGES);
	free(w);
}

static const struct machine_test tests[] = {
	{"lies", test_lies},
};

int main(void)
{
	return machine_run("lies", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
