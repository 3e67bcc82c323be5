/* SPDX-License-Identifier: MIT */
/*
 * One unit of the virtio-mem front end: plug and add, fill up, shrink, drop.
 *
 *   | keep .... | the other sub-blocks ............ |
 *   | memmap,   | plugged and released, or withheld |
 *   | some use  |
 *
 * Memory is plugged before the engine gets it and unplugged after the engine
 * has let go of it, so that at no moment it uses what is not plugged. If the
 * engine does not take what was plugged, that is unplugged again; where the
 * device does not do that at once, it stays idle for a later round.
 */
#include "mhp/policy.h"
#include "mhp/withhold.h"
#include "virtio_mem.h"

/* Remember the first refusal of a round. */
static void round_refused(struct vmem_round *r, const struct mhp_report *report)
{
	if (!r->refusal.code)
		r->refusal = *report;
}

/* Whether an error of the engine's concerns one unit only. */
static bool error_is_soft(int err)
{
	return err != MHP_ERR_DEADLK && err != MHP_ERR_TIMEDOUT;
}

/* End the round with an error of the engine's, or go on. */
static int round_failed(struct vmem_round *r, int err,
			const struct mhp_report *report)
{
	if (error_is_soft(err)) {
		round_refused(r, report);
		return 0;
	}
	driver_copy(r->report, report);
	return err;
}

static struct mhp_range unit_range(const struct mhp_virtio_mem *vm,
				   uint64_t unit)
{
	return vmem_span_range(vm, vmem_unit_span(vm, unit));
}

/* Whether there is a memory block in a unit. */
static bool unit_is_known(struct mhp *m, const struct mhp_virtio_mem *vm,
			  uint64_t unit)
{
	struct mhp_range range = unit_range(vm, unit);
	uint64_t id = mhp_block_id(mhp_geometry(m), range.start_pfn);

	return !mhp_block_next(m, &id) &&
	       mhp_block_range(mhp_geometry(m), id).start_pfn <
		       mhp_range_end_pfn(range);
}

void vmem_unit_sync(struct mhp *m, struct mhp_virtio_mem *vm, uint64_t unit)
{
	if (!vmem_bit(vm->added, unit) || unit_is_known(m, vm, unit))
		return;
	vmem_bits_set(vm->added, vmem_span_make(unit, 1), false);
	vmem_bits_set(vm->given, vmem_unit_span(vm, unit), false);
}

/* How many first sub-blocks come and go with the unit, if @nr_hosted pages hold
 * memmap and state: those, and some memory to use. */
static uint64_t unit_keep(const struct mhp_virtio_mem *vm, uint64_t nr_hosted)
{
	return vm->subs_per_unit == 1 ? 1 : nr_hosted / vm->sub_pages + 1;
}

static uint64_t unit_keep_added(const struct vmem_round *r, uint64_t unit)
{
	struct mhp_range range = unit_range(r->vm, unit);
	struct mhp_block_info info;

	if (mhp_block_query(r->m,
			    mhp_block_id(mhp_geometry(r->m), range.start_pfn),
			    &info) ||
	    info.placement != MHP_PLACEMENT_BLOCK)
		return unit_keep(r->vm, 0);
	return unit_keep(r->vm, info.nr_memmap);
}

static uint64_t unit_nr_given(const struct mhp_virtio_mem *vm, uint64_t unit)
{
	struct vmem_span span = vmem_unit_span(vm, unit);
	uint64_t i, nr = 0;

	for (i = span.first; i < span.first + span.nr; i++)
		nr += vmem_bit(vm->given, i);
	return nr;
}

bool vmem_unit_is_bare(const struct vmem_round *r, uint64_t unit)
{
	return unit_nr_given(r->vm, unit) <= unit_keep_added(r, unit);
}

/* ---- plug ---- */

/* Give a run of sub-blocks, all idle or all unplugged, to an added unit. */
static int unit_give(struct vmem_round *r, struct vmem_span run)
{
	struct mhp_virtio_mem *vm = r->vm;
	bool was_plugged = vmem_bit(vm->plugged, run.first);
	struct mhp_report report;
	int err = vmem_plug(vm, run, r->report);

	if (err)
		goto unplug;
	err = mhp_release(r->m, vmem_span_range(vm, run), &report);
	if (!err) {
		vmem_bits_set(vm->given, run, true);
		return 0;
	}
	err = round_failed(r, err, &report);
unplug:
	if (!was_plugged && !vm->broken && !vm->nr_unsure)
		(void)vmem_unplug(vm, run, NULL);
	return err;
}

int vmem_unit_fill(struct vmem_round *r, uint64_t unit, uint64_t nr_usable,
		   uint64_t nr)
{
	struct mhp_virtio_mem *vm = r->vm;
	struct vmem_span run = vmem_unit_span(vm, unit);
	uint64_t end = run.first + nr_usable;
	int err = 0;

	for (; run.first < end && !err; run.first += run.nr) {
		run.nr = vmem_run(vm, run.first, end);
		if (vmem_bit(vm->given, run.first))
			continue;
		if (!vmem_bit(vm->plugged, run.first)) {
			if (!nr)
				continue;
			if (run.nr > nr)
				run.nr = nr;
			nr -= run.nr;
		}
		err = unit_give(r, run);
	}
	return err;
}

static enum mhp_placement vmem_placement(const struct vmem_round *r)
{
	/* Linux's driver never asks for a memmap on the memory. */
	return mhp_profile(r->m) == MHP_PROFILE_NATIVE ? r->vm->setup.placement
						       : MHP_PLACEMENT_EXISTING;
}

/* Make the blocks of a unit known; @nr of its sub-blocks are plugged and shall
 * be given, of which the first @nr_hosted pages are memmap and state. */
static int unit_make_known(struct vmem_round *r, uint64_t unit, uint64_t *nr,
			   uint64_t nr_hosted, struct mhp_report *report)
{
	struct mhp_virtio_mem *vm = r->vm;
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.range = unit_range(vm, unit),
		.node = vm->node,
		.placement = vmem_placement(r),
		.flags = MHP_ADD_MERGE,
		.resource = MHP_RESOURCE_VIRTIO_MEM,
		.group = &vm->group,
	};
	struct mhp_range usable = request.range;
	int err;

	if (*nr == vm->subs_per_unit)
		return mhp_add(r->m, &request, report);
	request.flags |= MHP_ADD_WITHHELD;
	usable.start_pfn += nr_hosted;
	usable.nr_pages = *nr * vm->sub_pages - nr_hosted;
	err = mhp_add(r->m, &request, report);
	if (err)
		return err;
	err = mhp_release(r->m, usable, report);
	if (!err || !mhp_remove(r->m, request.range, NULL))
		return err;
	/* Somebody puts it online just now: it is there, the rest is idle. */
	*nr = unit_keep(vm, nr_hosted);
	return 0;
}

static int unit_add_plugged(struct vmem_round *r, uint64_t unit, uint64_t nr,
			    uint64_t nr_hosted)
{
	struct vmem_span span = vmem_unit_span(r->vm, unit);
	struct mhp_virtio_mem *vm = r->vm;
	int err = unit_make_known(r, unit, &nr, nr_hosted, r->report);

	if (err) {
		(void)vmem_unplug(vm, span, NULL);
		return err;
	}
	vmem_bits_set(vm->added, vmem_span_make(unit, 1), true);
	span.nr = nr;
	vmem_bits_set(vm->given, span, true);
	/* As in Linux the memory counts as plugged if it cannot go online. */
	(void)mhp_auto_online(r->m, unit_range(vm, unit));
	return 0;
}

int vmem_unit_add(struct vmem_round *r, uint64_t unit, uint64_t nr)
{
	struct mhp_virtio_mem *vm = r->vm;
	struct vmem_span span = vmem_unit_span(vm, unit);
	struct mhp_report report;
	uint64_t nr_hosted = 0;
	int err;

	if (unit_is_known(r->m, vm, unit)) {
		(void)driver_refuse(&report, MHP_ERR_EXIST, MHP_WHY_OVERLAP,
				    NULL);
		report.pfn = unit_range(vm, unit).start_pfn;
		round_refused(r, &report);
		return 0;
	}
	err = mhp_hosted_pages(r->m, unit_range(vm, unit), vmem_placement(r),
			       &nr_hosted);
	if (err)
		return driver_refuse(r->report, err, MHP_WHY_REENTERED, NULL);
	if (nr > span.nr)
		nr = span.nr;
	if (nr < unit_keep(vm, nr_hosted)) {
		r->too_small = true;
		return 0;
	}
	span.nr = nr;
	err = vmem_plug(vm, span, r->report);
	if (!err)
		return unit_add_plugged(r, unit, nr, nr_hosted);
	if (!vm->broken && !vm->nr_unsure)
		(void)vmem_unplug(vm, span, NULL);
	return err;
}

/* ---- unplug ---- */

int vmem_unit_drop(struct vmem_round *r, uint64_t unit)
{
	struct mhp_virtio_mem *vm = r->vm;
	struct vmem_span span = vmem_unit_span(vm, unit);
	struct mhp_report report;
	int err = mhp_offline_and_remove(r->m, vmem_span_range(vm, span),
					 r->deadline_ns, 0, &report);

	if (err && err != MHP_ERR_NOENT)
		return round_failed(r, err, &report);
	vmem_bits_set(vm->added, vmem_span_make(unit, 1), false);
	vmem_bits_set(vm->given, span, false);
	return vmem_unplug(vm, span, r->report);
}

/* Take one sub-block from the engine, then from the device. */
static int unit_take(struct vmem_round *r, uint64_t sub)
{
	struct vmem_span span = vmem_span_make(sub, 1);
	struct mhp_report report;
	int err = mhp_withhold(r->m, vmem_span_range(r->vm, span),
			       r->deadline_ns, &report);

	if (err)
		return round_failed(r, err, &report);
	vmem_bits_set(r->vm->given, span, false);
	return vmem_unplug(r->vm, span, r->report);
}

static int unit_shrink_subs(struct vmem_round *r, uint64_t unit, uint64_t nr)
{
	struct mhp_virtio_mem *vm = r->vm;
	uint64_t first = unit * vm->subs_per_unit;
	uint64_t stop = first + unit_keep_added(r, unit);
	uint64_t sub = first + vm->subs_per_unit;
	int err = 0;

	while (sub > stop && nr && !err) {
		sub--;
		if (!vmem_bit(vm->given, sub))
			continue;
		err = unit_take(r, sub);
		nr -= !vmem_bit(vm->given, sub);
	}
	return err;
}

int vmem_unit_shrink(struct vmem_round *r, uint64_t unit, uint64_t nr)
{
	int err;

	/* All at once, so that nothing moves to where it must leave again. */
	if (unit_nr_given(r->vm, unit) <= nr) {
		err = vmem_unit_drop(r, unit);
		if (err || !vmem_bit(r->vm->added, unit))
			return err;
	}
	return unit_shrink_subs(r, unit, nr);
}
