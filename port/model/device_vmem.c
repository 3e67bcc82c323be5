/* SPDX-License-Identifier: MIT */
/*
 * The model of a virtio-mem device; see device_vmem.h.
 *
 * The usable region follows the requested size upwards, with a margin, and
 * shrinks when everything is unplugged, as that of the real devices does.
 */
#include "device_vmem.h"

#include <stdlib.h>

#define MARGIN_BYTES (UINT64_C(256) << 20)

struct mhp_model_vmem {
	struct mhp_virtio_mem_config config;
	uint8_t *plugged; /* a byte for each block */
	uint64_t nr_blocks;
	uint64_t margin_bytes; /* usable beyond what is requested */
	enum mhp_model_vmem_lie lie;
	unsigned int after;
	unsigned int times;
	uint64_t nr_wrong;
	uint64_t nr_requests;
	uint64_t nr_lies;
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t vmem_usable(const struct mhp_model_vmem *device)
{
	const struct mhp_virtio_mem_config *c = &device->config;
	uint64_t room = c->region_size - c->requested_size;

	if (!c->requested_size)
		return 0;
	return c->requested_size + smaller(room, device->margin_bytes);
}

struct mhp_model_vmem *
mhp_model_vmem_create(const struct mhp_virtio_mem_config *config)
{
	struct mhp_model_vmem *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->config = *config;
	device->margin_bytes = MARGIN_BYTES;
	if (config->block_size)
		device->nr_blocks = config->region_size / config->block_size;
	device->plugged = calloc(device->nr_blocks + 1, 1);
	if (!device->plugged) {
		free(device);
		return NULL;
	}
	return device;
}

void mhp_model_vmem_destroy(struct mhp_model_vmem *device)
{
	free(device->plugged);
	free(device);
}

struct mhp_virtio_mem_config *
mhp_model_vmem_config(struct mhp_model_vmem *device)
{
	return &device->config;
}

void mhp_model_vmem_set_margin(struct mhp_model_vmem *device,
			       uint64_t size_bytes)
{
	device->margin_bytes = size_bytes;
}

void mhp_model_vmem_set_requested(struct mhp_model_vmem *device,
				  uint64_t size_bytes)
{
	struct mhp_virtio_mem_config *c = &device->config;
	uint64_t usable;

	c->requested_size = size_bytes;
	usable = vmem_usable(device);
	if (usable > c->usable_region_size)
		c->usable_region_size = usable;
}

void mhp_model_vmem_lie(struct mhp_model_vmem *device,
			enum mhp_model_vmem_lie lie, unsigned int after,
			unsigned int times)
{
	device->lie = lie;
	device->after = after;
	device->times = times;
}

bool mhp_model_vmem_is_plugged(const struct mhp_model_vmem *device,
			       uint64_t addr)
{
	uint64_t offset = addr - device->config.addr;

	return addr >= device->config.addr &&
	       offset / device->config.block_size < device->nr_blocks &&
	       device->plugged[offset / device->config.block_size];
}

uint64_t mhp_model_vmem_nr_wrong(const struct mhp_model_vmem *device)
{
	return device->nr_wrong;
}

uint64_t mhp_model_vmem_nr_lies(const struct mhp_model_vmem *device)
{
	return device->nr_lies;
}

uint64_t mhp_model_vmem_nr_requests(const struct mhp_model_vmem *device)
{
	return device->nr_requests;
}

/* ---- the configuration ---- */

static void vmem_distort(struct mhp_model_vmem *device,
			 struct mhp_virtio_mem_config *c)
{
	switch (device->lie) {
	case MHP_MODEL_VMEM_USABLE_SHRINKS:
		c->usable_region_size = c->block_size;
		return;
	case MHP_MODEL_VMEM_PLUGGED_WRONG:
		c->plugged_size += c->block_size;
		return;
	case MHP_MODEL_VMEM_REQUESTED_HUGE:
		c->requested_size = c->region_size + c->block_size;
		return;
	case MHP_MODEL_VMEM_ADDR_MOVES:
		c->addr += c->region_size;
		return;
	case MHP_MODEL_VMEM_BLOCK_GROWS:
		c->block_size *= 2;
		return;
	case MHP_MODEL_VMEM_TORN:
		c->requested_size = c->region_size + c->block_size;
		device->lie = MHP_MODEL_VMEM_HONEST;
		return;
	default:
		return;
	}
}

static int vmem_read_config(void *ctx, struct mhp_virtio_mem_config *config)
{
	struct mhp_model_vmem *device = ctx;

	if (device->lie == MHP_MODEL_VMEM_CHANGES)
		return MHP_ERR_AGAIN;
	if (device->lie == MHP_MODEL_VMEM_UNREADABLE)
		return MHP_ERR_NODEV;
	*config = device->config;
	vmem_distort(device, config);
	return 0;
}

/* ---- requests ---- */

/* Whether a range is whole blocks inside what is usable. */
static bool vmem_range_is_right(const struct mhp_model_vmem *device,
				uint64_t start, uint64_t nr)
{
	const struct mhp_virtio_mem_config *c = &device->config;
	uint64_t offset = start - c->addr;

	return nr && start >= c->addr && !(offset & (c->block_size - 1)) &&
	       offset <= c->usable_region_size &&
	       nr <= (c->usable_region_size - offset) / c->block_size;
}

static uint16_t vmem_state(const struct mhp_model_vmem *device, uint64_t first,
			   uint64_t nr)
{
	uint64_t i, sum = 0;

	for (i = first; i < first + nr; i++)
		sum += device->plugged[i];
	if (sum == nr)
		return MHP_VIRTIO_MEM_PLUGGED;
	return sum ? MHP_VIRTIO_MEM_MIXED : MHP_VIRTIO_MEM_UNPLUGGED;
}

static void vmem_set(struct mhp_model_vmem *device, uint64_t first, uint64_t nr,
		     bool plugged)
{
	uint64_t i;

	for (i = first; i < first + nr; i++) {
		if (device->plugged[i] == plugged)
			continue;
		device->plugged[i] = plugged;
		if (plugged)
			device->config.plugged_size +=
				device->config.block_size;
		else
			device->config.plugged_size -=
				device->config.block_size;
	}
}

static uint16_t vmem_unplug_all(struct mhp_model_vmem *device)
{
	vmem_set(device, 0, device->nr_blocks, false);
	device->config.plugged_size = 0;
	device->config.usable_region_size = vmem_usable(device);
	return MHP_VIRTIO_MEM_ACK;
}

/* Do what is asked, as an honest device does. */
static uint16_t vmem_do(struct mhp_model_vmem *device,
			enum mhp_virtio_mem_request type, uint64_t start,
			uint64_t nr, struct mhp_virtio_mem_answer *answer)
{
	const struct mhp_virtio_mem_config *c = &device->config;
	uint64_t first = (start - c->addr) / c->block_size;
	bool plug = type == MHP_VIRTIO_MEM_PLUG;

	if (type == MHP_VIRTIO_MEM_UNPLUG_ALL)
		return vmem_unplug_all(device);
	if (!vmem_range_is_right(device, start, nr))
		return MHP_VIRTIO_MEM_ERROR;
	if (type == MHP_VIRTIO_MEM_STATE) {
		answer->state = vmem_state(device, first, nr);
		return MHP_VIRTIO_MEM_ACK;
	}
	if (vmem_state(device, first, nr) !=
	    (plug ? MHP_VIRTIO_MEM_UNPLUGGED : MHP_VIRTIO_MEM_PLUGGED))
		return MHP_VIRTIO_MEM_ERROR;
	if (plug &&
	    (c->plugged_size > c->requested_size ||
	     nr > (c->requested_size - c->plugged_size) / c->block_size))
		return MHP_VIRTIO_MEM_NACK;
	vmem_set(device, first, nr, plug);
	return MHP_VIRTIO_MEM_ACK;
}

/* Whether the request is one of those that shall not be honest. */
static bool vmem_lies(struct mhp_model_vmem *device)
{
	if (device->lie == MHP_MODEL_VMEM_HONEST || !device->times)
		return false;
	if (device->after) {
		device->after--;
		return false;
	}
	device->times--;
	device->nr_lies++;
	return true;
}

static int vmem_answer_falsely(struct mhp_model_vmem *device,
			       enum mhp_virtio_mem_request type, uint64_t start,
			       uint64_t nr,
			       struct mhp_virtio_mem_answer *answer)
{
	switch (device->lie) {
	case MHP_MODEL_VMEM_BUSY:
		answer->response = MHP_VIRTIO_MEM_BUSY;
		return 0;
	case MHP_MODEL_VMEM_NACK:
		answer->response = MHP_VIRTIO_MEM_NACK;
		return 0;
	case MHP_MODEL_VMEM_ERROR:
		answer->response = MHP_VIRTIO_MEM_ERROR;
		return 0;
	case MHP_MODEL_VMEM_NONSENSE:
		answer->response = 77;
		return 0;
	case MHP_MODEL_VMEM_UNSENT:
		return MHP_ERR_AGAIN;
	case MHP_MODEL_VMEM_DEAD:
		return MHP_ERR_IO;
	case MHP_MODEL_VMEM_SILENT_DONE:
		(void)vmem_do(device, type, start, nr, answer);
		return MHP_ERR_TIMEDOUT;
	case MHP_MODEL_VMEM_HALF_DONE:
		(void)vmem_do(device, type, start, nr / 2, answer);
		return MHP_ERR_TIMEDOUT;
	case MHP_MODEL_VMEM_SILENT:
	default:
		return MHP_ERR_TIMEDOUT;
	}
}

static int vmem_request(void *ctx, enum mhp_virtio_mem_request type,
			mhp_pa_t start, uint16_t nr_blocks,
			struct mhp_virtio_mem_answer *answer)
{
	struct mhp_model_vmem *device = ctx;

	device->nr_requests++;
	/* What the answer does not say holds anything. */
	*answer = (struct mhp_virtio_mem_answer){UINT16_MAX, UINT16_MAX};
	if (vmem_lies(device))
		return vmem_answer_falsely(device, type, start.bytes, nr_blocks,
					   answer);
	answer->response = vmem_do(device, type, start.bytes, nr_blocks,
				   answer);
	device->nr_wrong += answer->response == MHP_VIRTIO_MEM_ERROR;
	return 0;
}

const struct mhp_virtio_mem_ops mhp_model_vmem_ops = {
	.size_bytes = sizeof(struct mhp_virtio_mem_ops),
	.read_config = vmem_read_config,
	.request = vmem_request,
};
