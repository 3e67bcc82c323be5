/* SPDX-License-Identifier: MIT */
/*
 * Front end for virtio-mem: a device of which the host asks that so and so much
 * of its region be plugged, and which plugs and unplugs blocks of its own size
 * on request.
 *
 *   region of the device (whole units of it are used)
 *   | unit | unit | unit | unit | ...
 *      |
 *      | sub-block mode: a unit is a memory block
 *      | sub | sub | sub | sub | ...    plugged and unplugged one by one
 *        ^ the first ones hold memmap and state of the block, if it carries
 *          its own: they are plugged first and leave with the block
 *      | big-block mode: a unit is one sub-block, of one or more memory blocks
 *
 * What of a block is not plugged is withheld (withhold.h). The transport, a
 * virtqueue and its interrupts, is the port's affair; so is calling
 * mhp_virtio_mem_run() when the configuration has changed or time has passed.
 * The device is not believed: what it says is checked, and memory that is in
 * use stays when it breaks its protocol.
 */
#ifndef MHP_VIRTIO_MEM_H
#define MHP_VIRTIO_MEM_H

#include "mhp/err.h"
#include "mhp/geometry.h"
#include "mhp/group.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/** What is asked of the device; the numbers are the device's. */
enum mhp_virtio_mem_request {
	MHP_VIRTIO_MEM_PLUG = 0,
	MHP_VIRTIO_MEM_UNPLUG,
	MHP_VIRTIO_MEM_UNPLUG_ALL, /* address and number are 0 */
	MHP_VIRTIO_MEM_STATE,
};

/** What it answers. */
enum mhp_virtio_mem_response {
	MHP_VIRTIO_MEM_ACK = 0,
	MHP_VIRTIO_MEM_NACK,  /* not now, such as more than is requested */
	MHP_VIRTIO_MEM_BUSY,  /* try again later */
	MHP_VIRTIO_MEM_ERROR, /* the request was wrong */
};

/** What it says of a range; only in an ACK of STATE. */
enum mhp_virtio_mem_state {
	MHP_VIRTIO_MEM_PLUGGED = 0,
	MHP_VIRTIO_MEM_UNPLUGGED,
	MHP_VIRTIO_MEM_MIXED,
};

/**
 * struct mhp_virtio_mem_config - what the device's configuration space says
 */
struct mhp_virtio_mem_config {
	uint64_t block_size;	     /* bytes; a power of two */
	uint16_t node;		     /* the port knows nodes by their numbers */
	uint64_t addr;		     /* physical address of the region */
	uint64_t region_size;	     /* bytes, all of them */
	uint64_t usable_region_size; /* bytes that may be plugged now */
	uint64_t plugged_size;
	uint64_t requested_size;
};

/** struct mhp_virtio_mem_answer - the device's response to a request */
struct mhp_virtio_mem_answer {
	uint16_t response; /* enum mhp_virtio_mem_response, if it is honest */
	uint16_t state;	   /* enum mhp_virtio_mem_state */
};

/**
 * struct mhp_virtio_mem_ops - the transport; constant
 */
struct mhp_virtio_mem_ops {
	uint32_t size_bytes; /* sizeof(struct mhp_virtio_mem_ops) */

	/**
	 * @read_config: read the configuration, all of it at one moment
	 *
	 * Context: of the driver's call, no lock held; may sleep.
	 * Return: 0; MHP_ERR_AGAIN (it changes all the time); another negative
	 *   errno value: the device is gone.
	 */
	int (*read_config)(void *ctx, struct mhp_virtio_mem_config *config);

	/**
	 * @request: send a request and wait for the answer
	 *
	 * An answer that comes after MHP_ERR_TIMEDOUT is the port's to drop;
	 * the driver asks the device what has become of the request.
	 *
	 * Context: as @read_config.
	 * Return: 0 and @answer; MHP_ERR_AGAIN (it was not sent);
	 *   MHP_ERR_TIMEDOUT (sent, but no answer has come); another negative
	 *   errno value: the device is gone.
	 */
	int (*request)(void *ctx, enum mhp_virtio_mem_request type,
		       mhp_pa_t start, uint16_t nr_blocks,
		       struct mhp_virtio_mem_answer *answer);
};

/** How the region is divided. */
enum mhp_virtio_mem_mode {
	MHP_VIRTIO_MEM_AUTO = 0, /* sub-blocks, if they are smaller */
	MHP_VIRTIO_MEM_SUB_BLOCK,
	MHP_VIRTIO_MEM_BIG_BLOCK,
};

/**
 * struct mhp_virtio_mem_setup - what the embedder chooses
 */
struct mhp_virtio_mem_setup {
	const struct mhp_virtio_mem_ops *ops; /* outlives the device */
	void *ops_ctx;
	enum mhp_virtio_mem_mode mode;
	/* Big-block mode: bytes of a unit, a power of two; it has at least a
	 * memory block and a block of the device. 0: not more than that. */
	uint64_t unit_bytes;
	/* For the memmaps; in a Linux profile it is existing memory. */
	enum mhp_placement placement;
	void *records; /* mhp_virtio_mem_size_needed(), aligned to 8 */
	size_t records_bytes;
};

/**
 * struct mhp_virtio_mem - a device; owned by the caller from probe to remove
 *
 * The fields are the driver's; those of the first group may be read between
 * calls.
 */
struct mhp_virtio_mem {
	bool broken;		  /* it broke its protocol: nothing is asked */
	uint64_t requested_bytes; /* when the configuration was last read */
	uint64_t plugged_bytes;	  /* as the device has acknowledged */
	uint64_t unit_bytes;
	uint64_t sub_bytes; /* what is plugged at once; big-block: unit_bytes */

	struct mhp_virtio_mem_setup setup;
	struct mhp_group group;
	uint64_t block_bytes; /* of the device */
	uint64_t addr;
	uint64_t region_bytes;
	uint64_t usable_bytes;
	uint16_t node;
	mhp_pfn_t start_pfn; /* of the first unit */
	uint64_t sub_pages;
	uint64_t nr_units;
	uint64_t nr_subs;	/* of all units */
	uint64_t subs_per_unit; /* big-block: 1 */
	uint64_t *plugged;	/* a bit for each sub-block */
	uint64_t *given;	/* likewise: the engine may use it */
	uint64_t *added;	/* a bit for each unit: its blocks are known */
	bool unplug_all;	/* has to be sent before all else */
	/* A request without an answer; 0 sub-blocks: there is none. */
	uint64_t unsure_sub;
	uint64_t nr_unsure;
};

/**
 * mhp_virtio_mem_size_needed() - bytes for the records of a device
 *
 * @config: as the device says; checked by mhp_virtio_mem_probe() only
 * @setup: mode and unit_bytes filled in
 *
 * Context: any.
 * Return: bytes; 0 if the device can have no unit.
 */
MHP_API size_t mhp_virtio_mem_size_needed(
	const struct mhp *m, const struct mhp_virtio_mem_config *config,
	const struct mhp_virtio_mem_setup *setup);

/**
 * mhp_virtio_mem_probe() - a device is there
 *
 * Checks its configuration and makes its group. Whatever it has plugged is
 * unplugged by the first run, which also plugs what is requested.
 *
 * @vm: need not be initialised
 * @setup: copied
 * @report: optional
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (something of @setup is missing or wrong, the
 *   records are too small); MHP_ERR_IO (the configuration cannot be read or
 *   breaks a rule: a block_size that is no power of two, smaller than a page,
 *   or in sub-block mode not smaller than a memory block; a region that is not
 *   aligned, wraps, is beyond the highest address or without a whole unit; a
 *   node that does not exist; more usable, plugged or requested than there is);
 *   MHP_ERR_AGAIN (the configuration changes all the time); MHP_ERR_NOSPC (too
 *   many groups); MHP_ERR_DEADLK. On failure nothing is known of it.
 */
MHP_MUST_CHECK MHP_API int
mhp_virtio_mem_probe(struct mhp *m, struct mhp_virtio_mem *vm,
		     const struct mhp_virtio_mem_setup *setup,
		     struct mhp_report *report);

/**
 * mhp_virtio_mem_run() - come as near to the requested size as can be now
 *
 * Reads the configuration and walks over the units once. It plugs upwards,
 * first into units that are there, adds memory and puts it online as the policy
 * says; it unplugs downwards, whole units if they must go entirely, else
 * sub-blocks. At the end not more is plugged than requested, if that can be.
 *
 * @deadline_ns: for moving what is in use; MHP_NO_DEADLINE
 * @report: optional; with MHP_ERR_AGAIN it says what stands in the way
 *
 * Context: as mhp_offline_and_remove(). One call for a device at a time.
 * Return: 0: the size is reached, as near as units allow; MHP_ERR_AGAIN: call
 *   again later (the device was busy or did not answer, memory is in use);
 *   MHP_ERR_NOSPC (more is requested than the usable units have); MHP_ERR_IO
 *   (the device broke its protocol and is left alone from now on; its memory
 *   stays); MHP_ERR_NOMEM, MHP_ERR_EXIST and others as mhp_add() (that unit is
 *   as before); MHP_ERR_DEADLK. On failure each unit is sound, and what was
 *   reached stays.
 */
MHP_MUST_CHECK MHP_API int mhp_virtio_mem_run(struct mhp *m,
					      struct mhp_virtio_mem *vm,
					      uint64_t deadline_ns,
					      struct mhp_report *report);

/**
 * mhp_virtio_mem_remove() - a device shall leave
 *
 * Offlines and removes its memory, unplugs all, and forgets it. A device that
 * is broken is not asked.
 *
 * @deadline_ns: for moving what is in use; MHP_NO_DEADLINE
 * @report: optional
 *
 * Context: as mhp_offline_and_remove().
 * Return: 0: @vm and its records are the caller's; MHP_ERR_AGAIN: the memory is
 *   gone, but the device has not unplugged it yet; MHP_ERR_IO (it broke its
 *   protocol: call again); others as mhp_offline_and_remove(): what could go is
 *   gone, and the next run plugs again.
 */
MHP_MUST_CHECK MHP_API int mhp_virtio_mem_remove(struct mhp *m,
						 struct mhp_virtio_mem *vm,
						 uint64_t deadline_ns,
						 struct mhp_report *report);

#ifdef __cplusplus
}
#endif

#endif
