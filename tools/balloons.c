/* SPDX-License-Identifier: MIT */
/*
 * Balloons of a scenario: the host backs what it is asked for, and takes what
 * it is given. The memory behind the addresses is the port's.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "devices.h"
#include "machine.h"
#include "mhp/balloon.h"

/* Most pages that a balloon holds: 1 GiB in pages of 4 KiB. */
#define BALLOON_MAX_HELD (1u << 18)

struct balloon {
	struct mhp_balloon b;
	mhp_word_t *held;
};

static int64_t balloon_all(void *ctx, struct mhp_range range)
{
	(void)ctx;
	return (int64_t)range.nr_pages;
}

static const struct mhp_balloon_ops balloon_ops = {
	.size_bytes = sizeof(balloon_ops),
	.populate = balloon_all,
	.release = balloon_all,
};

static void balloon_forget(void *device)
{
	struct balloon *balloon = device;

	free(balloon->held);
}

static struct balloon *balloon_find(struct machine *machine, const char *id,
				    struct outcome *o)
{
	struct slot *slot = device_find(machine, SLOT_BALLOON, id, o);

	return slot ? slot->device : NULL;
}

/* Pages of a size that a scenario names; 0: it is none, see @o. */
static uint64_t balloon_pages(const struct machine *machine,
			      uint64_t size_bytes, struct outcome *o)
{
	const struct mhp_geometry *g = &machine->layout.geometry;

	if (!size_bytes || size_bytes % mhp_page_bytes(g)) {
		outcome_fail(o, MHP_ERR_INVAL,
			     "size=%" PRIu64 " must be whole pages of "
			     "%" PRIu64 " bytes, at least one",
			     size_bytes, mhp_page_bytes(g));
		return 0;
	}
	return mhp_pages_from_bytes(g, size_bytes);
}

static int balloon_start(struct machine *machine, struct slot *slot,
			 struct mhp_report *report)
{
	const struct mhp_geometry *g = &machine->layout.geometry;
	struct balloon *balloon = slot->device;
	struct mhp_balloon_setup setup = {
		.ops = &balloon_ops,
		.node = slot->node,
		.max_held = BALLOON_MAX_HELD,
	};
	int err = mhp_extent_range(g, slot->extent, &setup.range, report);

	if (err)
		return err;
	slot->forget = balloon_forget;
	balloon->held = calloc(BALLOON_MAX_HELD, sizeof(*balloon->held));
	if (!balloon->held) {
		*report = (struct mhp_report){.code = MHP_ERR_NOMEM,
					      .stage = MHP_STAGE_DEVICE,
					      .why = MHP_WHY_HOST_FAILED,
					      .pfn = MHP_PFN_NONE};
		return MHP_ERR_NOMEM;
	}
	setup.held = balloon->held;
	return mhp_balloon_init(machine->mhp, &balloon->b, &setup, report);
}

/* The host backs more, behind what it backs. */
static int balloon_back(struct machine *machine, struct balloon *balloon,
			uint64_t nr_pages, struct mhp_report *report)
{
	struct mhp_range range = balloon->b.setup.range;

	range.start_pfn += balloon->b.nr_backed;
	range.nr_pages = nr_pages;
	return mhp_balloon_hot_add(machine->mhp, &balloon->b, range, report);
}

int machine_balloon(struct machine *machine, const char *id,
		    struct mhp_extent extent, uint64_t node, uint64_t backed,
		    struct outcome *o)
{
	uint64_t nr_pages = backed ? balloon_pages(machine, backed, o) : 0;
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct balloon *balloon;
	struct slot *slot;
	int err;

	if (o->rc)
		return o->rc;
	slot = device_place(machine, SLOT_BALLOON, id, extent, node, o);
	balloon = slot ? device_new(machine, slot, sizeof(*balloon), o) : NULL;
	if (!balloon)
		return o->rc;
	err = balloon_start(machine, slot, &report);
	if (err)
		goto leave;
	if (nr_pages)
		err = balloon_back(machine, balloon, nr_pages, &report);
	if (!err)
		return 0;
	/* It has no page yet, so nothing can keep it. */
	if (mhp_balloon_fini(machine->mhp, &balloon->b, 0, NULL))
		abort();
leave:
	device_leave(machine, slot);
	return machine_report(machine, err, &report, o);
}

int machine_balloon_back(struct machine *machine, const char *id,
			 uint64_t size_bytes, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct balloon *balloon = balloon_find(machine, id, o);
	uint64_t nr_pages;
	int err;

	nr_pages = balloon ? balloon_pages(machine, size_bytes, o) : 0;
	if (!nr_pages)
		return o->rc;
	err = balloon_back(machine, balloon, nr_pages, &report);
	return err ? machine_report(machine, err, &report, o) : 0;
}

int machine_balloon_inflate(struct machine *machine, const char *id,
			    uint64_t size_bytes, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct balloon *balloon = balloon_find(machine, id, o);
	uint64_t nr_pages, nr_done;
	int err;

	nr_pages = balloon ? balloon_pages(machine, size_bytes, o) : 0;
	if (!nr_pages)
		return o->rc;
	err = mhp_balloon_inflate(machine->mhp, &balloon->b, nr_pages,
				  MHP_NO_DEADLINE, &nr_done, &report);
	return err ? machine_report(machine, err, &report, o) : 0;
}

int machine_balloon_deflate(struct machine *machine, const char *id,
			    uint64_t size_bytes, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct balloon *balloon = balloon_find(machine, id, o);
	uint64_t nr_pages, nr_done;
	int err;

	nr_pages = balloon ? balloon_pages(machine, size_bytes, o) : 0;
	if (!nr_pages)
		return o->rc;
	err = mhp_balloon_deflate(machine->mhp, &balloon->b, nr_pages, &nr_done,
				  &report);
	return err ? machine_report(machine, err, &report, o) : 0;
}

int machine_balloon_remove(struct machine *machine, const char *id,
			   struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct slot *slot = device_find(machine, SLOT_BALLOON, id, o);
	struct balloon *balloon = slot ? slot->device : NULL;
	int err;

	if (!balloon)
		return o->rc;
	err = mhp_balloon_fini(machine->mhp, &balloon->b, MHP_NO_DEADLINE,
			       &report);
	if (err)
		return machine_report(machine, err, &report, o);
	device_leave(machine, slot);
	return 0;
}
