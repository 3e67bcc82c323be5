/* SPDX-License-Identifier: MIT */
/*
 * Front end for virtio-mem: probe, the round that follows the requested size,
 * and removal. One unit is virtio_mem_unit.c's, the device
 * virtio_mem_device.c's.
 *
 * A round goes on as long as it can: a unit that cannot change now is left for
 * the next round, a device that cannot answer ends this one. It keeps no state
 * beside the records, so every round begins anew from what is there.
 */
#include "virtio_mem.h"

static size_t vmem_words(uint64_t nr_bits)
{
	return (size_t)((nr_bits + 63) / 64);
}

static size_t vmem_records_bytes(const struct mhp_virtio_mem *vm)
{
	return (2 * vmem_words(vm->nr_subs) + vmem_words(vm->nr_units)) *
	       sizeof(uint64_t);
}

size_t mhp_virtio_mem_size_needed(const struct mhp *m,
				  const struct mhp_virtio_mem_config *config,
				  const struct mhp_virtio_mem_setup *setup)
{
	struct mhp_virtio_mem vm;

	if (!config->block_size || vmem_divide(m, &vm, config, setup))
		return 0;
	return vmem_records_bytes(&vm);
}

static bool setup_is_right(const struct mhp_virtio_mem_setup *setup)
{
	return setup->ops && setup->ops->size_bytes == sizeof(*setup->ops) &&
	       setup->ops->read_config && setup->ops->request &&
	       (unsigned int)setup->mode <= MHP_VIRTIO_MEM_BIG_BLOCK &&
	       !(setup->unit_bytes & (setup->unit_bytes - 1)) &&
	       (unsigned int)setup->placement <= MHP_PLACEMENT_BLOCK;
}

/* The records are the caller's memory: bits of sub-blocks, bits of units. */
static void vmem_start(struct mhp_virtio_mem *vm,
		       const struct mhp_virtio_mem_config *config)
{
	size_t words = vmem_words(vm->nr_subs), i;

	vm->block_bytes = config->block_size;
	vm->addr = config->addr;
	vm->region_bytes = config->region_size;
	vm->node = config->node;
	vm->unplug_all = config->plugged_size != 0;
	vm->plugged = vm->setup.records;
	vm->given = vm->plugged + words;
	vm->added = vm->given + words;
	for (i = 0; i < vmem_records_bytes(vm) / sizeof(uint64_t); i++)
		vm->plugged[i] = 0;
}

int mhp_virtio_mem_probe(struct mhp *m, struct mhp_virtio_mem *vm,
			 const struct mhp_virtio_mem_setup *setup,
			 struct mhp_report *report)
{
	struct mhp_virtio_mem_config config;
	const char *wrong;
	int err;

	if (!setup_is_right(setup))
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST,
				     "ops, mode or placement is wrong");
	err = vmem_config_first(m, setup, &config, report);
	if (err)
		return err;
	*vm = (struct mhp_virtio_mem){.setup = *setup};
	wrong = vmem_divide(m, vm, &config, setup);
	if (wrong)
		return driver_refuse(report, MHP_ERR_IO, MHP_WHY_DEVICE_CONFIG,
				     wrong);
	if (!setup->records || setup->records_bytes < vmem_records_bytes(vm))
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST,
				     "the records are smaller than "
				     "mhp_virtio_mem_size_needed()");
	vmem_start(vm, &config);
	err = mhp_group_register_dynamic(m, &vm->group, vm->node,
					 vm->subs_per_unit * vm->sub_pages);
	return err ? driver_refuse(report, err, MHP_WHY_BAD_GROUP, NULL) : 0;
}

/* Sub-blocks that are missing, or if @over are too many. */
static uint64_t vmem_nr_missing(const struct mhp_virtio_mem *vm)
{
	return vm->plugged_bytes >= vm->requested_bytes
		       ? 0
		       : (vm->requested_bytes - vm->plugged_bytes) /
				 vm->sub_bytes;
}

static uint64_t vmem_nr_over(const struct mhp_virtio_mem *vm)
{
	return vm->plugged_bytes <= vm->requested_bytes
		       ? 0
		       : (vm->plugged_bytes - vm->requested_bytes +
			  vm->sub_bytes - 1) /
				 vm->sub_bytes;
}

/* ---- growing ---- */

/* Sub-blocks of a unit, from its start on, that may be plugged now. */
static uint64_t unit_nr_usable(const struct vmem_round *r, uint64_t unit)
{
	const struct mhp_virtio_mem *vm = r->vm;
	uint64_t start = (vm->start_pfn << mhp_geometry(r->m)->page_shift) -
			 vm->addr + unit * vm->unit_bytes;

	if (vm->usable_bytes <= start)
		return 0;
	start = (vm->usable_bytes - start) / vm->sub_bytes;
	return start < vm->subs_per_unit ? start : vm->subs_per_unit;
}

/* How many sub-blocks of an unused unit to plug. */
static uint64_t unit_nr_to_add(const struct vmem_round *r, uint64_t unit)
{
	uint64_t usable = unit_nr_usable(r, unit);
	uint64_t missing = vmem_nr_missing(r->vm);

	return usable < missing ? usable : missing;
}

/* Units that are there become full, first to last. */
static int round_fill(struct vmem_round *r)
{
	struct mhp_virtio_mem *vm = r->vm;
	uint64_t unit;
	int err = 0;

	for (unit = 0; unit < vm->nr_units && !err; unit++)
		if (vmem_bit(vm->added, unit))
			err = vmem_unit_fill(r, unit, unit_nr_usable(r, unit),
					     vmem_nr_missing(vm));
	return err;
}

static int round_add(struct vmem_round *r)
{
	struct mhp_virtio_mem *vm = r->vm;
	uint64_t unit, nr;
	int err = 0;

	for (unit = 0; unit < vm->nr_units && !err; unit++) {
		nr = unit_nr_to_add(r, unit);
		if (nr && !vmem_bit(vm->added, unit))
			err = vmem_unit_add(r, unit, nr);
	}
	return err;
}

/* ---- shrinking ---- */

/* Unplug what is idle, the last first: in units that are not there, and up to
 * what is too much in those that are. */
static int round_unplug_idle(struct vmem_round *r)
{
	struct mhp_virtio_mem *vm = r->vm;
	uint64_t sub = vm->nr_subs;
	int err = 0;

	while (sub-- && !err) {
		if (!vmem_bit(vm->plugged, sub) || vmem_bit(vm->given, sub))
			continue;
		if (vmem_bit(vm->added, sub / vm->subs_per_unit) &&
		    !vmem_nr_over(vm))
			continue;
		err = vmem_unplug(vm, vmem_span_make(sub, 1), r->report);
	}
	return err;
}

static int round_shrink(struct vmem_round *r)
{
	struct mhp_virtio_mem *vm = r->vm;
	uint64_t unit;
	int err = 0;

	for (unit = vm->nr_units; unit-- && vmem_nr_over(vm) && !err;)
		if (vmem_bit(vm->added, unit))
			err = vmem_unit_shrink(r, unit, vmem_nr_over(vm));
	/* What is left may have to leave at once, though it is more. */
	for (unit = vm->nr_units; unit-- && vmem_nr_over(vm) && !err;)
		if (vmem_bit(vm->added, unit) && vmem_unit_is_bare(r, unit))
			err = vmem_unit_drop(r, unit);
	return err;
}

/* ---- rounds ---- */

static int round_follow(struct vmem_round *r)
{
	int err = round_unplug_idle(r);

	if (!err && vmem_nr_over(r->vm))
		return round_shrink(r);
	r->grows = true;
	if (!err)
		err = round_fill(r);
	if (!err && vmem_nr_missing(r->vm))
		err = round_add(r);
	return err;
}

/* What a round that came to its end has come to. */
static int round_result(struct vmem_round *r)
{
	const struct mhp_report *refusal = &r->refusal;

	if (refusal->code == MHP_ERR_EXIST && vmem_nr_missing(r->vm)) {
		driver_copy(r->report, refusal);
		return refusal->code;
	}
	if (refusal->code && (vmem_nr_over(r->vm) || vmem_nr_missing(r->vm))) {
		if (r->report) {
			*r->report = *refusal;
			r->report->code = MHP_ERR_AGAIN;
		}
		return MHP_ERR_AGAIN;
	}
	if (vmem_nr_over(r->vm))
		return driver_refuse(r->report, MHP_ERR_AGAIN,
				     MHP_WHY_DEVICE_BUSY, NULL);
	if (r->grows && vmem_nr_missing(r->vm) && !r->too_small)
		return driver_refuse(r->report, MHP_ERR_NOSPC,
				     MHP_WHY_DEVICE_BUSY,
				     "its usable region has no room for more");
	return 0;
}

/* What stands before everything else: broken, or still something to settle. */
static int vmem_ready(struct mhp_virtio_mem *vm, struct mhp_report *report)
{
	if (vm->broken)
		return driver_refuse(report, MHP_ERR_IO, MHP_WHY_DEVICE_ANSWER,
				     "it broke its protocol before");
	return vmem_settle(vm, report);
}

int mhp_virtio_mem_run(struct mhp *m, struct mhp_virtio_mem *vm,
		       uint64_t deadline_ns, struct mhp_report *report)
{
	struct vmem_round r = {
		.m = m, .vm = vm, .deadline_ns = deadline_ns, .report = report};
	uint64_t unit;
	int err = vmem_ready(vm, report);

	if (!err)
		err = vmem_config_again(m, vm, report);
	for (unit = 0; unit < vm->nr_units && !err; unit++)
		vmem_unit_sync(m, vm, unit);
	if (!err)
		err = round_follow(&r);
	if (err == MHP_ERR_TIMEDOUT) {
		if (report)
			report->code = MHP_ERR_AGAIN;
		return MHP_ERR_AGAIN;
	}
	if (vm->broken && err != MHP_ERR_IO)
		return driver_refuse(report, MHP_ERR_IO, MHP_WHY_DEVICE_ANSWER,
				     "it did not take memory back");
	return err ? err : round_result(&r);
}

/* ---- removal ---- */

/* The first added units from @unit on that follow one another. */
static uint64_t vmem_added_run(const struct mhp_virtio_mem *vm, uint64_t *unit)
{
	uint64_t nr = 0;

	while (*unit < vm->nr_units && !vmem_bit(vm->added, *unit))
		++*unit;
	while (*unit + nr < vm->nr_units && vmem_bit(vm->added, *unit + nr))
		nr++;
	return nr;
}

static int vmem_remove_memory(struct mhp *m, struct mhp_virtio_mem *vm,
			      uint64_t deadline_ns, struct mhp_report *report)
{
	uint64_t unit = 0, nr;
	int err;

	for (; (nr = vmem_added_run(vm, &unit)) != 0; unit += nr) {
		struct vmem_span span = vmem_unit_span(vm, unit);

		span.nr *= nr;
		err = mhp_offline_and_remove(m, vmem_span_range(vm, span),
					     deadline_ns, 0, report);
		if (err && err != MHP_ERR_NOENT)
			return err;
		vmem_bits_set(vm->given, span, false);
		vmem_bits_set(vm->added, vmem_span_make(unit, nr), false);
	}
	return 0;
}

int mhp_virtio_mem_remove(struct mhp *m, struct mhp_virtio_mem *vm,
			  uint64_t deadline_ns, struct mhp_report *report)
{
	uint64_t unit;
	int err;

	for (unit = 0; unit < vm->nr_units; unit++)
		vmem_unit_sync(m, vm, unit);
	err = vmem_remove_memory(m, vm, deadline_ns, report);
	if (!err && !vm->broken &&
	    (vm->plugged_bytes || vm->nr_unsure || vm->unplug_all))
		err = vmem_unplug_all(vm, report);
	if (err)
		return err;
	err = mhp_group_unregister(m, &vm->group);
	return err ? driver_refuse(report, err, MHP_WHY_BAD_GROUP, NULL) : 0;
}
