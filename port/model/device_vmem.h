/* SPDX-License-Identifier: MIT */
/*
 * A model of a virtio-mem device: configuration, requests, a bit for each of
 * its blocks, and lies on demand.
 *
 * Honest, it answers as the real ones do: usable are the requested bytes and a
 * margin, nothing while nothing is requested; more than is requested is
 * NACK; a request that is wrong is ERROR. It counts those, so that a test can
 * tell that a driver makes none.
 */
#ifndef MHP_MODEL_DEVICE_VMEM_H
#define MHP_MODEL_DEVICE_VMEM_H

#include "mhp/virtio_mem.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How the device lies, at some requests or whenever it is read. */
enum mhp_model_vmem_lie {
	MHP_MODEL_VMEM_HONEST = 0,
	/* Answers to requests; nothing is done. */
	MHP_MODEL_VMEM_BUSY,
	MHP_MODEL_VMEM_NACK,
	MHP_MODEL_VMEM_ERROR,
	MHP_MODEL_VMEM_NONSENSE, /* a response that there is not */
	MHP_MODEL_VMEM_SILENT,	 /* no answer */
	MHP_MODEL_VMEM_UNSENT,	 /* the queue is full */
	MHP_MODEL_VMEM_DEAD,	 /* the transport fails */
	/* The request is done, but ... */
	MHP_MODEL_VMEM_SILENT_DONE, /* no answer */
	MHP_MODEL_VMEM_HALF_DONE,   /* half of it, and no answer */
	/* The configuration, from the next time it is read on. */
	MHP_MODEL_VMEM_USABLE_SHRINKS,
	MHP_MODEL_VMEM_PLUGGED_WRONG,
	MHP_MODEL_VMEM_REQUESTED_HUGE,
	MHP_MODEL_VMEM_ADDR_MOVES,
	MHP_MODEL_VMEM_BLOCK_GROWS,
	MHP_MODEL_VMEM_TORN,	/* one read is of two moments, the next not */
	MHP_MODEL_VMEM_CHANGES, /* it changes all the time */
	MHP_MODEL_VMEM_UNREADABLE,
};

struct mhp_model_vmem;

/**
 * mhp_model_vmem_create() - a device
 *
 * @config: as it shall be read at first; not checked, so that it may be wrong
 *
 * Return: the device; NULL without memory.
 */
struct mhp_model_vmem *
mhp_model_vmem_create(const struct mhp_virtio_mem_config *config);
void mhp_model_vmem_destroy(struct mhp_model_vmem *device);

/** mhp_model_vmem_set_margin() - how much more than requested is usable; 256
 * MiB at first */
void mhp_model_vmem_set_margin(struct mhp_model_vmem *device,
			       uint64_t size_bytes);

/** Its transport; the context is the device. */
extern const struct mhp_virtio_mem_ops mhp_model_vmem_ops;

/** mhp_model_vmem_config() - its configuration, which may be changed */
struct mhp_virtio_mem_config *
mhp_model_vmem_config(struct mhp_model_vmem *device);

/** mhp_model_vmem_set_requested() - the host wants so many bytes plugged */
void mhp_model_vmem_set_requested(struct mhp_model_vmem *device,
				  uint64_t size_bytes);

/**
 * mhp_model_vmem_lie() - be dishonest
 *
 * @after: requests that are still answered honestly
 * @times: requests that are not, from then on; lies about the configuration go
 *   on until another is told
 */
void mhp_model_vmem_lie(struct mhp_model_vmem *device,
			enum mhp_model_vmem_lie lie, unsigned int after,
			unsigned int times);

/** mhp_model_vmem_is_plugged() - whether the block at an address is plugged */
bool mhp_model_vmem_is_plugged(const struct mhp_model_vmem *device,
			       uint64_t addr);

/** mhp_model_vmem_nr_wrong() - requests that were wrong, whatever the answer */
uint64_t mhp_model_vmem_nr_wrong(const struct mhp_model_vmem *device);

/** mhp_model_vmem_nr_lies() - requests that were not answered honestly */
uint64_t mhp_model_vmem_nr_lies(const struct mhp_model_vmem *device);

/** mhp_model_vmem_nr_requests() - requests of all kinds */
uint64_t mhp_model_vmem_nr_requests(const struct mhp_model_vmem *device);

#ifdef __cplusplus
}
#endif

#endif
