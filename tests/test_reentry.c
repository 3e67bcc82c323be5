/* SPDX-License-Identifier: MIT */
/*
 * Front ends called from inside a callback that runs under the mutex: each says
 * so and has changed nothing.
 */
#include "device_dax.h"
#include "device_dimm.h"
#include "device_lmb.h"
#include "device_standby.h"
#include "support.h"

/* A device of each kind, and somebody who calls them when he may not. */
struct crowd {
	struct mhp_notifier notifier; /* first: the callback gets this */
	struct mhp_extent extent;
	struct mhp_range range;
	struct mhp_dimm dimm;
	struct mhp_model_dax dax;
	struct mhp_kmem kmem;
	struct mhp_model_lmbs hv;
	struct mhp_lmbs lmbs;
	struct mhp_model_standby element;
	struct mhp_standby standby;
	unsigned int nr_called;
};

static void crowd_refused(struct crowd *c, int code,
			  const struct mhp_report *report)
{
	c->nr_called++;
	assert_int_equal(code, MHP_ERR_DEADLK);
	assert_int_equal(report->code, MHP_ERR_DEADLK);
	assert_int_equal(report->why, MHP_WHY_REENTERED);
}

static int crowd_told(struct mhp_notifier *self, struct mhp *m,
		      const struct mhp_notice *notice)
{
	struct crowd *c = (struct crowd *)(void *)self;
	struct mhp_report r;

	if (notice->event != MHP_EVENT_GOING_ONLINE)
		return 0;
	crowd_refused(c, mhp_dimm_insert(m, &c->dimm, &r), &r);
	crowd_refused(c, mhp_kmem_bind(m, &c->kmem, &r), &r);
	crowd_refused(c, mhp_kmem_set_memmap_on_memory(m, &c->kmem, true, &r),
		      &r);
	crowd_refused(c, mhp_lmb_add(m, &c->lmbs, 1, &r), &r);
	crowd_refused(c, mhp_lmb_add_index(m, &c->lmbs, 0, &r), &r);
	crowd_refused(c, mhp_standby_start(m, &c->standby, &r), &r);
	return 0;
}

/* Now all of them are there, and shall go. */
static int crowd_told_later(struct mhp_notifier *self, struct mhp *m,
			    const struct mhp_notice *notice)
{
	struct crowd *c = (struct crowd *)(void *)self;
	uint64_t none = MHP_NO_DEADLINE;
	struct mhp_report r;

	if (notice->event != MHP_EVENT_GOING_OFFLINE)
		return 0;
	crowd_refused(c, mhp_dimm_eject(m, &c->dimm, none, 0, &r), &r);
	crowd_refused(c, mhp_kmem_unbind(m, &c->kmem, none, 0, &r), &r);
	crowd_refused(c,
		      mhp_kmem_unbind(m, &c->kmem, none, MHP_KMEM_OFFLINE, &r),
		      &r);
	crowd_refused(c, mhp_lmb_remove(m, &c->lmbs, 1, none, 0, &r), &r);
	crowd_refused(c, mhp_lmb_remove_index(m, &c->lmbs, 0, none, 0, &r), &r);
	crowd_refused(
		c, mhp_standby_deconfigure(m, &c->standby, FIRST_BLOCK + 6, &r),
		&r);
	crowd_refused(
		c, mhp_standby_configure(m, &c->standby, FIRST_BLOCK + 7, &r),
		&r);
	return 0;
}

static struct mhp_extent crowd_extent(struct machine *mc, uint64_t i)
{
	return (struct mhp_extent){
		.start = mhp_pa_from_pfn(mc->g,
					 block_start(mc, FIRST_BLOCK + i)),
		.size_bytes = 2 * mhp_block_bytes(mc->g),
	};
}

static void crowd_make(struct machine *mc, struct crowd *c)
{
	*c = (struct crowd){
		.notifier = {.notify = crowd_told},
		.extent = crowd_extent(mc, 0),
		.dimm = {.extents = &c->extent,
			 .ranges = &c->range,
			 .nr_extents = 1},
		.dax = {.extents = {crowd_extent(mc, 2)}},
		.kmem = {.extents = c->dax.extents,
			 .ranges = c->dax.ranges,
			 .nr_extents = 1,
			 .ops = &mhp_model_dax_ops,
			 .ctx = &c->dax},
		.lmbs = {.lmbs = c->hv.lmbs,
			 .nr = 1,
			 .size_bytes = 2 * mhp_block_bytes(mc->g),
			 .ranges = c->hv.ranges,
			 .ops = &mhp_model_lmb_ops,
			 .ctx = &c->hv},
		.element = {.extent = crowd_extent(mc, 6),
			    .increment_bytes = mhp_block_bytes(mc->g)},
		.standby = {.extent = crowd_extent(mc, 6),
			    .ops = &mhp_model_standby_ops,
			    .ctx = &c->element,
			    .blocks = c->element.blocks,
			    .max_blocks = 2},
	};
	c->hv.lmbs[0].start = crowd_extent(mc, 4).start;
}

static void crowd_come(struct machine *mc, struct crowd *c)
{
	assert_int_equal(mhp_dimm_insert(mc->m, &c->dimm, NULL), 0);
	assert_int_equal(mhp_kmem_bind(mc->m, &c->kmem, NULL), 0);
	assert_int_equal(mhp_lmb_add(mc->m, &c->lmbs, 1, NULL), 0);
	assert_int_equal(mhp_standby_start(mc->m, &c->standby, NULL), 0);
	assert_int_equal(mhp_standby_configure(mc->m, &c->standby,
					       FIRST_BLOCK + 6, NULL),
			 0);
}

static void crowd_go(struct machine *mc, struct crowd *c)
{
	uint64_t none = MHP_NO_DEADLINE;

	assert_int_equal(mhp_dimm_eject(mc->m, &c->dimm, none, 0, NULL), 0);
	assert_int_equal(mhp_kmem_unbind(mc->m, &c->kmem, none, 0, NULL), 0);
	assert_int_equal(mhp_lmb_remove(mc->m, &c->lmbs, 1, none, 0, NULL), 0);
	assert_int_equal(mhp_standby_deconfigure(mc->m, &c->standby,
						 FIRST_BLOCK + 6, NULL),
			 0);
	assert_int_equal(mhp_standby_stop(mc->m, &c->standby, NULL), 0);
}

static void test_reentry(struct machine *mc)
{
	uint64_t id = FIRST_BLOCK + 10;
	struct crowd c;
	char *before;

	crowd_make(mc, &c);
	before = snapshot(mc, 0);
	assert_int_equal(mhp_notifier_register(mc->m, &c.notifier), 0);
	plug(mc, id, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	assert_int_equal(c.nr_called, 6);
	assert_int_equal(c.dax.nr_reserved, 0);
	assert_int_equal(c.hv.nr_acquired, 0);
	assert_int_equal(mhp_notifier_unregister(mc->m, &c.notifier), 0);
	crowd_come(mc, &c);
	c.notifier.notify = crowd_told_later;
	assert_int_equal(mhp_notifier_register(mc->m, &c.notifier), 0);
	assert_int_equal(mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, NULL),
			 0);
	assert_int_equal(c.nr_called, 13);
	assert_int_equal(mhp_notifier_unregister(mc->m, &c.notifier), 0);
	assert_int_equal(mhp_remove(mc->m, block_range(mc, id, 1), NULL), 0);
	crowd_go(mc, &c);
	assert_int_equal(c.element.nr_assigned, 0);
	unchanged(mc, before, 0);
}

static const struct machine_test tests[] = {
	{"reentry", test_reentry},
};

int main(void)
{
	return machine_run("reentry", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
