/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the virtio-mem front end share.
 *
 *   virtio_mem.c         probe, run, remove: the rounds over all units
 *   virtio_mem_unit.c    one unit: add, fill, shrink, drop
 *   virtio_mem_device.c  the device: configuration, requests, which sub-blocks
 *                        are plugged
 *
 * Two bits of a sub-block say all: plugged (the device has acknowledged it) and
 * given (the engine may use it). Given implies plugged. Plugged and not given
 * is idle: left over where the device did not take memory back.
 */
#ifndef MHP_SRC_DRIVER_VIRTIO_MEM_H
#define MHP_SRC_DRIVER_VIRTIO_MEM_H

#include "driver.h"
#include "mhp/virtio_mem.h"

/** Sub-blocks that follow one another. */
struct vmem_span {
	uint64_t first;
	uint64_t nr;
};

/** A walk over the units. */
struct vmem_round {
	struct mhp *m;
	struct mhp_virtio_mem *vm;
	uint64_t deadline_ns;
	struct mhp_report *report;
	struct mhp_report refusal; /* the first; code 0: none */
	bool grows;		   /* or shrinks */
	bool too_small; /* what is missing is less than a unit takes */
};

static inline struct vmem_span vmem_span_make(uint64_t first, uint64_t nr)
{
	return (struct vmem_span){.first = first, .nr = nr};
}

/** vmem_unit_span() - the sub-blocks of a unit */
static inline struct vmem_span vmem_unit_span(const struct mhp_virtio_mem *vm,
					      uint64_t unit)
{
	return vmem_span_make(unit * vm->subs_per_unit, vm->subs_per_unit);
}

/** vmem_span_range() - the pages of sub-blocks */
static inline struct mhp_range vmem_span_range(const struct mhp_virtio_mem *vm,
					       struct vmem_span span)
{
	return mhp_range_make(vm->start_pfn + span.first * vm->sub_pages,
			      span.nr * vm->sub_pages);
}

static inline bool vmem_bit(const uint64_t *bits, uint64_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

/** vmem_bits_set() - set or clear the bits of a span */
void vmem_bits_set(uint64_t *bits, struct vmem_span span, bool value);

/** vmem_run() - how many sub-blocks from @sub on, below @end, have the same two
 * bits as @sub */
uint64_t vmem_run(const struct mhp_virtio_mem *vm, uint64_t sub, uint64_t end);

/* The device. Each returns 0; MHP_ERR_AGAIN; or MHP_ERR_IO, and the device is
 * broken then. */

/** vmem_divide() - how the region is divided; NULL, or what is wrong */
const char *vmem_divide(const struct mhp *m, struct mhp_virtio_mem *vm,
			const struct mhp_virtio_mem_config *config,
			const struct mhp_virtio_mem_setup *setup);

/** vmem_config_first() - read and check the configuration at probe */
int vmem_config_first(struct mhp *m, const struct mhp_virtio_mem_setup *setup,
		      struct mhp_virtio_mem_config *config,
		      struct mhp_report *report);

/** vmem_config_again() - read what is requested and what is usable */
int vmem_config_again(struct mhp *m, struct mhp_virtio_mem *vm,
		      struct mhp_report *report);

/** vmem_settle() - find out what became of a request without an answer */
int vmem_settle(struct mhp_virtio_mem *vm, struct mhp_report *report);

/** vmem_plug() - plug what of a span is not plugged */
int vmem_plug(struct mhp_virtio_mem *vm, struct vmem_span span,
	      struct mhp_report *report);

/** vmem_unplug() - unplug what of a span is plugged; none of it is given */
int vmem_unplug(struct mhp_virtio_mem *vm, struct vmem_span span,
		struct mhp_report *report);

/** vmem_unplug_all() - unplug the whole device; nothing is given */
int vmem_unplug_all(struct mhp_virtio_mem *vm, struct mhp_report *report);

/* Units. Each returns 0, also if it could not do all for now (that is in the
 * round's refusal), or an error that ends the round. */

/** vmem_unit_sync() - notice that somebody else removed a unit's blocks */
void vmem_unit_sync(struct mhp *m, struct mhp_virtio_mem *vm, uint64_t unit);

/** vmem_unit_fill() - plug and give up to @nr more sub-blocks of an added unit,
 * and give what is idle; only its first @nr_usable */
int vmem_unit_fill(struct vmem_round *r, uint64_t unit, uint64_t nr_usable,
		   uint64_t nr);

/** vmem_unit_add() - plug up to @nr sub-blocks of an unused unit and add it */
int vmem_unit_add(struct vmem_round *r, uint64_t unit, uint64_t nr);

/** vmem_unit_shrink() - unplug up to @nr sub-blocks of an added unit */
int vmem_unit_shrink(struct vmem_round *r, uint64_t unit, uint64_t nr);

/** vmem_unit_drop() - take an added unit out of use and unplug it */
int vmem_unit_drop(struct vmem_round *r, uint64_t unit);

/** vmem_unit_is_bare() - whether an added unit has no more sub-blocks than must
 * leave with it */
bool vmem_unit_is_bare(const struct vmem_round *r, uint64_t unit);

#endif
