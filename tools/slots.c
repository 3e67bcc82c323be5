/* SPDX-License-Identifier: MIT */
/* The slots of a machine; see slots.h. */
#include "slots.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const slot_kind_names[] = {
	[SLOT_DIMM] = "DIMM",
	[SLOT_DAX] = "DAX device",
	[SLOT_LMB] = "row of LMBs",
	[SLOT_STANDBY] = "standby memory",
	[SLOT_VMEM] = "virtio-mem device",
	[SLOT_BALLOON] = "balloon",
	[SLOT_PMEM] = "persistent memory",
};

const char *slot_kind_name(enum slot_kind kind)
{
	return slot_kind_names[kind];
}

struct slot *slots_find(struct slots *s, const char *id)
{
	unsigned int i;

	for (i = 0; i < SLOTS_MAX; i++)
		if (s->slots[i].id && strcmp(s->slots[i].id, id) == 0)
			return &s->slots[i];
	return NULL;
}

static uint64_t slot_end(const struct slot *slot)
{
	return slot->extent.start.bytes + slot->extent.size_bytes;
}

/* A device in [start, start + size_bytes), or NULL; no sum here can wrap. */
static const struct slot *slots_overlap(const struct slots *s, uint64_t start,
					uint64_t size_bytes)
{
	unsigned int i;

	for (i = 0; i < SLOTS_MAX; i++) {
		const struct slot *slot = &s->slots[i];

		if (slot->id && start < slot_end(slot) &&
		    slot->extent.start.bytes < start + size_bytes)
			return slot;
	}
	return NULL;
}

static bool slots_fits(const struct slots *s, uint64_t start,
		       uint64_t size_bytes)
{
	return start >= s->window_bytes && start <= s->end_bytes &&
	       size_bytes <= s->end_bytes - start;
}

/* First fit: behind whatever is in the way. SLOTS_ADDR_ANY: no room. */
static uint64_t slots_first_fit(const struct slots *s, uint64_t size_bytes,
				uint64_t align_bytes)
{
	uint64_t start = (s->window_bytes + align_bytes - 1) &
			 ~(align_bytes - 1);

	while (slots_fits(s, start, size_bytes)) {
		const struct slot *other = slots_overlap(s, start, size_bytes);

		if (!other)
			return start;
		start = (slot_end(other) + align_bytes - 1) &
			~(align_bytes - 1);
	}
	return SLOTS_ADDR_ANY;
}

/* Whether a device can be where it shall be. */
static int slots_check(const struct slots *s, struct mhp_extent extent,
		       uint64_t align_bytes, struct outcome *o)
{
	uint64_t start = extent.start.bytes;
	const struct slot *other;

	if (start % align_bytes)
		return outcome_fail(o, MHP_ERR_INVAL,
				    "addr=0x%" PRIx64
				    " is not a multiple of %" PRIu64 " MiB",
				    start, align_bytes >> 20);
	if (!slots_fits(s, start, extent.size_bytes))
		return outcome_fail(
			o, MHP_ERR_NOSPC,
			"0x%" PRIx64 " bytes at 0x%" PRIx64
			" are not within the DIMM window, 0x%" PRIx64
			" to 0x%" PRIx64,
			extent.size_bytes, start, s->window_bytes,
			s->end_bytes - 1);
	other = slots_overlap(s, start, extent.size_bytes);
	if (other)
		return outcome_fail(
			o, MHP_ERR_EXIST,
			"%s %s is there, from 0x%" PRIx64 " to 0x%" PRIx64,
			slot_kind_name(other->kind), other->id,
			other->extent.start.bytes, slot_end(other) - 1);
	return 0;
}

static int slots_place(const struct slots *s, struct mhp_extent *extent,
		       uint64_t align_bytes, struct outcome *o)
{
	if (extent->start.bytes != SLOTS_ADDR_ANY)
		return slots_check(s, *extent, align_bytes, o);
	extent->start.bytes = slots_first_fit(s, extent->size_bytes,
					      align_bytes);
	if (extent->start.bytes != SLOTS_ADDR_ANY)
		return 0;
	return outcome_fail(o, MHP_ERR_NOSPC,
			    "no room for 0x%" PRIx64 " bytes in the DIMM "
			    "window, 0x%" PRIx64 " to 0x%" PRIx64
			    "; machine span= makes it larger",
			    extent->size_bytes, s->window_bytes,
			    s->end_bytes - 1);
}

static struct slot *slots_free_one(struct slots *s)
{
	unsigned int i;

	for (i = 0; i < SLOTS_MAX; i++)
		if (!s->slots[i].id)
			return &s->slots[i];
	return NULL;
}

struct slot *slots_take(struct slots *s, const char *id,
			struct mhp_extent extent, uint64_t align_bytes,
			struct outcome *o)
{
	struct slot *slot = slots_free_one(s);

	if (!slot) {
		outcome_fail(o, MHP_ERR_NOSPC, "all %d slots are in use",
			     SLOTS_MAX);
		return NULL;
	}
	if (slots_place(s, &extent, align_bytes, o))
		return NULL;
	*slot = (struct slot){.id = strdup(id), .extent = extent};
	if (!slot->id) {
		outcome_fail(o, MHP_ERR_NOMEM, "the host has no memory");
		return NULL;
	}
	return slot;
}

void slots_release(struct slot *slot)
{
	if (slot->device && slot->forget)
		slot->forget(slot->device);
	free(slot->id);
	free(slot->device);
	*slot = (struct slot){.id = NULL};
}
