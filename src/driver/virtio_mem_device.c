/* SPDX-License-Identifier: MIT */
/*
 * The device side of the virtio-mem front end: reading and checking the
 * configuration, requests and their answers. It changes the plugged bits as the
 * device acknowledges, and knows nothing of memory blocks in use.
 *
 * What the device says is checked against what it said before and against what
 * it has acknowledged. A request without an answer leaves its sub-blocks
 * unsure; nothing else is asked before STATE has told what became of them.
 */
#include "virtio_mem.h"

static int vmem_break(struct mhp_virtio_mem *vm, struct mhp_report *report,
		      enum mhp_why why, const char *detail)
{
	vm->broken = true;
	return driver_refuse(report, MHP_ERR_IO, why, detail);
}

/* ---- sub-blocks ---- */

void vmem_bits_set(uint64_t *bits, struct vmem_span span, bool value)
{
	uint64_t i;

	for (i = span.first; i < span.first + span.nr; i++) {
		if (value)
			bits[i / 64] |= UINT64_C(1) << i % 64;
		else
			bits[i / 64] &= ~(UINT64_C(1) << i % 64);
	}
}

static bool vmem_alike(const struct mhp_virtio_mem *vm, uint64_t a, uint64_t b)
{
	return vmem_bit(vm->plugged, a) == vmem_bit(vm->plugged, b) &&
	       vmem_bit(vm->given, a) == vmem_bit(vm->given, b);
}

uint64_t vmem_run(const struct mhp_virtio_mem *vm, uint64_t sub, uint64_t end)
{
	uint64_t nr = 1;

	while (sub + nr < end && vmem_alike(vm, sub, sub + nr))
		nr++;
	return nr;
}

static void vmem_set_plugged(struct mhp_virtio_mem *vm, struct vmem_span span,
			     bool plugged)
{
	uint64_t sub;

	for (sub = span.first; sub < span.first + span.nr; sub++)
		if (vmem_bit(vm->plugged, sub) != plugged)
			vm->plugged_bytes += plugged ? vm->sub_bytes
						     : -vm->sub_bytes;
	vmem_bits_set(vm->plugged, span, plugged);
}

/* ---- division of the region ---- */

static bool is_power_of_two(uint64_t value)
{
	return value && !(value & (value - 1));
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Sizes of units and sub-blocks; NULL or what is wrong. */
static const char *divide_sizes(const struct mhp_geometry *g,
				struct mhp_virtio_mem *vm, uint64_t block_size,
				const struct mhp_virtio_mem_setup *setup)
{
	uint64_t block_bytes = mhp_block_bytes(g);
	uint64_t sub_bytes = larger(block_size, UINT64_C(1)
							<< g->pageblock_shift);

	if (setup->mode == MHP_VIRTIO_MEM_BIG_BLOCK ||
	    (setup->mode == MHP_VIRTIO_MEM_AUTO && sub_bytes >= block_bytes)) {
		vm->unit_bytes = larger(larger(block_size, block_bytes),
					setup->unit_bytes);
		vm->sub_bytes = vm->unit_bytes;
	} else {
		if (sub_bytes >= block_bytes)
			return "sub-blocks must be smaller than memory blocks";
		vm->unit_bytes = block_bytes;
		vm->sub_bytes = sub_bytes;
	}
	return vm->sub_bytes / block_size > UINT16_MAX
		       ? "too many blocks of the device for one request"
		       : NULL;
}

const char *vmem_divide(const struct mhp *m, struct mhp_virtio_mem *vm,
			const struct mhp_virtio_mem_config *config,
			const struct mhp_virtio_mem_setup *setup)
{
	const struct mhp_geometry *g = mhp_geometry(m);
	const char *wrong = divide_sizes(g, vm, config->block_size, setup);
	uint64_t skip, mask = vm->unit_bytes - 1;

	if (wrong)
		return wrong;
	/* Up to where a unit can begin. */
	skip = (vm->unit_bytes - (config->addr & mask)) & mask;
	vm->nr_units = config->region_size < skip
			       ? 0
			       : (config->region_size - skip) / vm->unit_bytes;
	vm->start_pfn = (config->addr + skip) >> g->page_shift;
	vm->sub_pages = vm->sub_bytes >> g->page_shift;
	vm->subs_per_unit = vm->unit_bytes / vm->sub_bytes;
	vm->nr_subs = vm->nr_units * vm->subs_per_unit;
	return vm->nr_units ? NULL : "the region holds no whole unit";
}

/* ---- configuration ---- */

/* What never changes; NULL or what is wrong. */
static const char *config_wrong_region(const struct mhp *m,
				       const struct mhp_virtio_mem_config *c)
{
	const struct mhp_geometry *g = mhp_geometry(m);
	uint64_t end_bytes = mhp_bytes_from_pages(g, mhp_max_pfn(m));

	if (!is_power_of_two(c->block_size) ||
	    c->block_size < mhp_page_bytes(g))
		return "block_size must be a power of two, at least a page";
	if ((c->addr | c->region_size) & (c->block_size - 1))
		return "addr and region_size must be whole blocks";
	if (c->addr > end_bytes || c->region_size > end_bytes - c->addr)
		return "the region reaches beyond the highest address";
	if (c->node >= g->nr_nodes)
		return "there is no such node";
	return NULL;
}

/* What may change; NULL or what is wrong. */
static const char *config_wrong_sizes(const struct mhp_virtio_mem_config *c)
{
	if (c->usable_region_size > c->region_size)
		return "usable_region_size must not exceed region_size";
	if (c->plugged_size > c->region_size)
		return "plugged_size must not exceed region_size";
	if (c->requested_size > c->region_size)
		return "requested_size must not exceed region_size";
	if ((c->plugged_size | c->requested_size) & (c->block_size - 1))
		return "plugged_size and requested_size must be whole blocks";
	return NULL;
}

int vmem_config_first(struct mhp *m, const struct mhp_virtio_mem_setup *setup,
		      struct mhp_virtio_mem_config *config,
		      struct mhp_report *report)
{
	const char *wrong;
	int err = setup->ops->read_config(setup->ops_ctx, config);

	if (err == MHP_ERR_AGAIN)
		return driver_refuse(report, err, MHP_WHY_DEVICE_BUSY,
				     "the configuration changes all the time");
	if (err)
		return driver_refuse(report, MHP_ERR_IO, MHP_WHY_DEVICE_CONFIG,
				     "the configuration cannot be read");
	wrong = config_wrong_region(m, config);
	if (!wrong)
		wrong = config_wrong_sizes(config);
	return wrong ? driver_refuse(report, MHP_ERR_IO, MHP_WHY_DEVICE_CONFIG,
				     wrong)
		     : 0;
}

/* The end of the last plugged sub-block, from the start of the region on. */
static uint64_t vmem_plugged_end(const struct mhp_geometry *g,
				 const struct mhp_virtio_mem *vm)
{
	uint64_t sub = vm->nr_subs;

	while (sub && !vmem_bit(vm->plugged, sub - 1))
		sub--;
	if (!sub)
		return 0;
	return (vm->start_pfn << g->page_shift) - vm->addr +
	       sub * vm->sub_bytes;
}

static const char *config_wrong_now(struct mhp *m,
				    const struct mhp_virtio_mem *vm,
				    const struct mhp_virtio_mem_config *c)
{
	const char *wrong = config_wrong_sizes(c);

	if (c->block_size != vm->block_bytes || c->addr != vm->addr ||
	    c->region_size != vm->region_bytes || c->node != vm->node)
		return "block_size, addr, region_size and node must not change";
	if (wrong)
		return wrong;
	if (c->plugged_size != vm->plugged_bytes)
		return "plugged_size must be what was acknowledged";
	if (c->usable_region_size < vmem_plugged_end(mhp_geometry(m), vm))
		return "plugged memory must stay usable";
	return NULL;
}

int vmem_config_again(struct mhp *m, struct mhp_virtio_mem *vm,
		      struct mhp_report *report)
{
	struct mhp_virtio_mem_config config;
	const char *wrong = NULL;
	int err, tries;

	/* Twice: a transport may give two halves that do not fit. */
	for (tries = 0; tries < 2; tries++) {
		err = vm->setup.ops->read_config(vm->setup.ops_ctx, &config);
		if (err == MHP_ERR_AGAIN)
			return driver_refuse(
				report, err, MHP_WHY_DEVICE_BUSY,
				"the configuration changes all the time");
		wrong = err ? "the configuration cannot be read"
			    : config_wrong_now(m, vm, &config);
		if (!wrong)
			break;
	}
	if (wrong)
		return vmem_break(vm, report, MHP_WHY_DEVICE_CONFIG, wrong);
	vm->requested_bytes = config.requested_size;
	vm->usable_bytes = config.usable_region_size;
	return 0;
}

/* ---- requests ---- */

static int vmem_ask(struct mhp_virtio_mem *vm, enum mhp_virtio_mem_request type,
		    struct vmem_span span, struct mhp_virtio_mem_answer *answer,
		    struct mhp_report *report)
{
	uint64_t nr_blocks = span.nr * (vm->sub_bytes / vm->block_bytes);
	mhp_pa_t start = {0};
	int err;

	if (span.nr)
		start.bytes = vm->sub_bytes *
			      (vm->start_pfn / vm->sub_pages + span.first);
	err = vm->setup.ops->request(vm->setup.ops_ctx, type, start,
				     (uint16_t)nr_blocks, answer);
	if (err == MHP_ERR_AGAIN)
		return driver_refuse(report, err, MHP_WHY_DEVICE_BUSY,
				     "the request could not be sent");
	if (err == MHP_ERR_TIMEDOUT) {
		vm->unsure_sub = span.first;
		vm->nr_unsure = span.nr;
		return driver_refuse(report, MHP_ERR_AGAIN, MHP_WHY_DEVICE_BUSY,
				     "it has not answered yet");
	}
	if (err)
		return vmem_break(vm, report, MHP_WHY_DEVICE_ANSWER,
				  "the transport failed");
	switch (answer->response) {
	case MHP_VIRTIO_MEM_ACK:
		return 0;
	case MHP_VIRTIO_MEM_NACK:
		return driver_refuse(report, MHP_ERR_AGAIN, MHP_WHY_DEVICE_BUSY,
				     "it answered NACK");
	case MHP_VIRTIO_MEM_BUSY:
		return driver_refuse(report, MHP_ERR_AGAIN, MHP_WHY_DEVICE_BUSY,
				     "it answered BUSY");
	case MHP_VIRTIO_MEM_ERROR:
		return vmem_break(vm, report, MHP_WHY_DEVICE_ANSWER,
				  "it answered ERROR to a right request");
	default:
		return vmem_break(vm, report, MHP_WHY_DEVICE_ANSWER,
				  "it gave an answer that there is not");
	}
}

/* Change the first run of sub-blocks of a span that are not as wanted; @span
 * becomes what is left behind it. */
static int vmem_change_run(struct mhp_virtio_mem *vm, struct vmem_span *span,
			   bool plug, struct mhp_report *report)
{
	uint64_t most = UINT16_MAX / (vm->sub_bytes / vm->block_bytes);
	struct vmem_span run = vmem_span_make(span->first, 0);
	struct mhp_virtio_mem_answer answer;
	int err = 0;

	while (run.nr < span->nr && run.nr < most &&
	       vmem_bit(vm->plugged, run.first + run.nr) != plug)
		run.nr++;
	if (run.nr)
		err = vmem_ask(
			vm, plug ? MHP_VIRTIO_MEM_PLUG : MHP_VIRTIO_MEM_UNPLUG,
			run, &answer, report);
	if (err)
		return err;
	vmem_set_plugged(vm, run, plug);
	if (!run.nr)
		run.nr = 1;
	span->first += run.nr;
	span->nr -= run.nr;
	return 0;
}

int vmem_plug(struct mhp_virtio_mem *vm, struct vmem_span span,
	      struct mhp_report *report)
{
	int err = 0;

	while (span.nr && !err)
		err = vmem_change_run(vm, &span, true, report);
	return err;
}

int vmem_unplug(struct mhp_virtio_mem *vm, struct vmem_span span,
		struct mhp_report *report)
{
	int err = 0;

	while (span.nr && !err)
		err = vmem_change_run(vm, &span, false, report);
	return err;
}

int vmem_unplug_all(struct mhp_virtio_mem *vm, struct mhp_report *report)
{
	struct mhp_virtio_mem_answer answer;
	int err;

	vm->unplug_all = true;
	err = vmem_ask(vm, MHP_VIRTIO_MEM_UNPLUG_ALL, vmem_span_make(0, 0),
		       &answer, report);
	if (err)
		return err;
	vm->unplug_all = false;
	vm->nr_unsure = 0;
	vmem_set_plugged(vm, vmem_span_make(0, vm->nr_subs), false);
	return 0;
}

static int vmem_settle_unsure(struct mhp_virtio_mem *vm,
			      struct mhp_report *report)
{
	struct vmem_span span = vmem_span_make(vm->unsure_sub, vm->nr_unsure);
	struct mhp_virtio_mem_answer answer;
	int err = vmem_ask(vm, MHP_VIRTIO_MEM_STATE, span, &answer, report);

	if (err)
		return err;
	if (answer.state > MHP_VIRTIO_MEM_UNPLUGGED)
		return vmem_break(vm, report, MHP_WHY_DEVICE_ANSWER,
				  "it did a part of a request");
	vmem_set_plugged(vm, span, answer.state == MHP_VIRTIO_MEM_PLUGGED);
	vm->nr_unsure = 0;
	return 0;
}

int vmem_settle(struct mhp_virtio_mem *vm, struct mhp_report *report)
{
	if (vm->unplug_all)
		return vmem_unplug_all(vm, report);
	return vm->nr_unsure ? vmem_settle_unsure(vm, report) : 0;
}
