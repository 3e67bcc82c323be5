/* SPDX-License-Identifier: MIT */
/*
 * The slots behind the register block of mhp/dimm_bus.h.
 *
 *             insert                  eject            gone
 *   EMPTY ------------> ENABLED ------------> LEAVING ------> EMPTY
 *     |      refused       |   changes
 *     +----> REFUSED       +--------> WRONG ----> LEAVING
 *
 * The selector is written anew before each use: others may use the registers
 * while a DIMM is emptied. A DIMM whose device answers late is looked at again
 * in the next scan; nothing is waited for here.
 */
#include "mhp/dimm_bus.h"

#include "driver.h"

enum {
	REG_ADDRESS_LOW = 0x00,
	REG_ADDRESS_HIGH = 0x04,
	REG_SIZE_LOW = 0x08,
	REG_SIZE_HIGH = 0x0c,
	REG_DOMAIN = 0x10,
	REG_STATUS = 0x14,
	REG_BEHIND = 0x15, /* 0xff in a slot that there is */
	REG_SELECT = 0x00,
	REG_OST_EVENT = 0x04,
	REG_OST_STATUS = 0x08,
};

#define STATUS_ENABLED 1u
#define STATUS_INSERTED 2u
#define STATUS_REMOVE 4u
#define STATUS_EJECT 8u

/* What a slot says at one moment. */
struct reading {
	struct mhp_extent extent;
	uint32_t domain;
	uint32_t status;
};

static uint32_t bus_read(const struct mhp_dimm_bus *bus, uint32_t offset,
			 uint32_t size_bytes)
{
	return bus->ops->read(bus->ctx, offset, size_bytes);
}

static uint64_t bus_read_pair(const struct mhp_dimm_bus *bus, uint32_t offset)
{
	return bus_read(bus, offset, 4) | (uint64_t)bus_read(bus, offset + 4, 4)
						  << 32;
}

static void bus_select(const struct mhp_dimm_bus *bus, uint32_t slot)
{
	bus->ops->write(bus->ctx, REG_SELECT, 4, slot);
}

/* One bit at a time: the device looks at the lowest only. */
static void bus_status_write(const struct mhp_dimm_bus *bus, uint32_t slot,
			     uint32_t bit)
{
	bus_select(bus, slot);
	bus->ops->write(bus->ctx, REG_STATUS, 1, bit);
}

static uint32_t bus_status(const struct mhp_dimm_bus *bus, uint32_t slot)
{
	bus_select(bus, slot);
	return bus_read(bus, REG_STATUS, 1);
}

static struct reading bus_reading(const struct mhp_dimm_bus *bus, uint32_t slot)
{
	struct reading r;

	bus_select(bus, slot);
	r.extent.start.bytes = bus_read_pair(bus, REG_ADDRESS_LOW);
	r.extent.size_bytes = bus_read_pair(bus, REG_SIZE_LOW);
	r.domain = bus_read(bus, REG_DOMAIN, 4);
	r.status = bus_read(bus, REG_STATUS, 1);
	return r;
}

static bool extent_same(struct mhp_extent a, struct mhp_extent b)
{
	return a.start.bytes == b.start.bytes && a.size_bytes == b.size_bytes;
}

/* ---- telling ---- */

static uint32_t slot_ost(const struct mhp_dimm_bus *bus, uint32_t slot,
			 enum mhp_ost_event event, int err)
{
	uint32_t status = mhp_dimm_ost(err, event);

	bus_select(bus, slot);
	bus->ops->write(bus->ctx, REG_OST_EVENT, 4, (uint32_t)event);
	bus->ops->write(bus->ctx, REG_OST_STATUS, 4, status);
	return status;
}

static void slot_tell(const struct mhp_dimm_bus *bus, uint32_t slot,
		      enum mhp_ost_event event, int err,
		      const struct mhp_report *report)
{
	const struct mhp_dimm_event what = {
		.slot = slot,
		.event = event,
		.err = err,
		.ost_status = slot_ost(bus, slot, event, err),
		.report = report,
	};

	if (bus->ops->told)
		bus->ops->told(bus->ctx, &what);
}

/* ---- insertion ---- */

static int slot_node(const struct mhp_dimm_bus *bus, uint32_t domain,
		     uint16_t *node, struct mhp_report *report)
{
	int answer = domain > (uint32_t)UINT16_MAX ? MHP_ERR_INVAL
						   : (int)domain;

	if (bus->ops->node)
		answer = bus->ops->node(bus->ctx, domain);
	if (answer < 0 || answer > (int)UINT16_MAX)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_BAD_NODE,
				     "the proximity domain has no node");
	*node = (uint16_t)answer;
	return 0;
}

static void slot_prepare(const struct mhp_dimm_bus *bus,
			 struct mhp_dimm_slot *slot, uint16_t node)
{
	slot->dimm = (struct mhp_dimm){
		.extents = &slot->extent,
		.ranges = &slot->range,
		.nr_extents = 1,
		.node = node,
		.placement = bus->placement,
		.add_flags = bus->add_flags,
	};
}

static int slot_insert(struct mhp *m, struct mhp_dimm_bus *bus, uint32_t i,
		       const struct reading *first, struct mhp_report *report)
{
	struct mhp_dimm_slot *slot = &bus->slots[i];
	struct reading again = bus_reading(bus, i);
	uint16_t node;
	int err;

	if (slot->state == MHP_DIMM_SLOT_ENABLED)
		return driver_refuse(report, MHP_ERR_ALREADY,
				     MHP_WHY_DEVICE_STATE,
				     "the slot is enabled already");
	if (slot->state == MHP_DIMM_SLOT_WRONG)
		return driver_refuse(report, MHP_ERR_IO, MHP_WHY_DEVICE_STATE,
				     "memory of what was there is still known");
	if (!extent_same(first->extent, again.extent) ||
	    first->domain != again.domain)
		return driver_refuse(report, MHP_ERR_IO, MHP_WHY_HOST_FAILED,
				     "the slot says other things each time");
	err = slot_node(bus, again.domain, &node, report);
	if (err)
		return err;
	slot->extent = again.extent;
	slot_prepare(bus, slot, node);
	return mhp_dimm_insert(m, &slot->dimm, report);
}

static void slot_handle_insert(struct mhp *m, struct mhp_dimm_bus *bus,
			       uint32_t i, const struct reading *r)
{
	struct mhp_dimm_slot *slot = &bus->slots[i];
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	int err;

	if (r->status & STATUS_INSERTED)
		bus_status_write(bus, i, STATUS_INSERTED);
	err = slot_insert(m, bus, i, r, &report);
	if (err != MHP_ERR_ALREADY && slot->state != MHP_DIMM_SLOT_WRONG)
		slot->state = err ? MHP_DIMM_SLOT_REFUSED
				  : MHP_DIMM_SLOT_ENABLED;
	slot_tell(bus, i, MHP_OST_INSERTION, err, &report);
}

/* ---- ejection ---- */

/* The memory is free: have the device taken away. */
static int slot_let_go(struct mhp_dimm_bus *bus, uint32_t i)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};

	if (bus_status(bus, i) & STATUS_ENABLED)
		bus_status_write(bus, i, STATUS_EJECT);
	if (bus_status(bus, i) & STATUS_ENABLED)
		return MHP_ERR_AGAIN;
	bus->slots[i].state = MHP_DIMM_SLOT_EMPTY;
	slot_tell(bus, i, MHP_OST_EJECTION, 0, &report);
	return 0;
}

static int slot_handle_remove(struct mhp *m, struct mhp_dimm_bus *bus,
			      uint32_t i, uint64_t deadline_ns)
{
	struct mhp_dimm_slot *slot = &bus->slots[i];
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	int err;

	bus_status_write(bus, i, STATUS_REMOVE);
	slot_ost(bus, i, MHP_OST_EJECTION, MHP_ERR_INPROGRESS);
	err = mhp_dimm_eject(m, &slot->dimm, deadline_ns, bus->eject_flags,
			     &report);
	if (err) {
		slot_tell(bus, i, MHP_OST_EJECTION, err, &report);
		return 0;
	}
	slot->state = MHP_DIMM_SLOT_LEAVING;
	return slot_let_go(bus, i);
}

/* ---- scanning ---- */

/* A device that holds memory in use went away, or is not what it was. There is
 * no way to undo that; what the engine knows stays. */
static void slot_suspect(struct mhp_dimm_bus *bus, uint32_t i,
			 const struct reading *r)
{
	struct mhp_dimm_slot *slot = &bus->slots[i];
	bool there = r->status & STATUS_ENABLED;
	struct mhp_report report;

	if (there && extent_same(r->extent, slot->extent))
		return;
	driver_refuse(&report, MHP_ERR_IO, MHP_WHY_HOST_FAILED,
		      there ? "the slot has other memory than it had"
			    : "the device left without having been asked");
	slot->state = MHP_DIMM_SLOT_WRONG;
	slot_tell(bus, i, MHP_OST_INSERTION, MHP_ERR_IO, &report);
}

/* What has changed without an event. */
static void slot_look(struct mhp_dimm_bus *bus, uint32_t i,
		      const struct reading *r)
{
	struct mhp_dimm_slot *slot = &bus->slots[i];

	if (slot->state == MHP_DIMM_SLOT_ENABLED)
		slot_suspect(bus, i, r);
	if (slot->state == MHP_DIMM_SLOT_REFUSED &&
	    !(r->status & STATUS_ENABLED))
		slot->state = MHP_DIMM_SLOT_EMPTY;
}

static bool slot_may_insert(const struct mhp_dimm_slot *slot,
			    const struct reading *r)
{
	return r->status & STATUS_INSERTED ||
	       (r->status & STATUS_ENABLED &&
		slot->state == MHP_DIMM_SLOT_EMPTY);
}

static int slot_scan(struct mhp *m, struct mhp_dimm_bus *bus, uint32_t i,
		     uint64_t deadline_ns)
{
	struct reading r = bus_reading(bus, i);

	if (bus->slots[i].state == MHP_DIMM_SLOT_LEAVING)
		return slot_let_go(bus, i);
	slot_look(bus, i, &r);
	if (slot_may_insert(&bus->slots[i], &r)) {
		/* Announced, and not there yet. */
		if (!(r.status & STATUS_ENABLED))
			return MHP_ERR_AGAIN;
		slot_handle_insert(m, bus, i, &r);
	}
	if (r.status & STATUS_REMOVE)
		return slot_handle_remove(m, bus, i, deadline_ns);
	return 0;
}

/* A byte that no register has reads as ones in a slot that there is; where no
 * device answers, everything does. */
static int bus_count(struct mhp_dimm_bus *bus, struct mhp_report *report)
{
	uint32_t nr = 0;

	for (; nr < MHP_DIMM_BUS_MAX_SLOTS; nr++) {
		bus_select(bus, nr);
		if (bus_read(bus, REG_BEHIND, 1) != 0xff)
			break;
	}
	if (!nr || (nr == MHP_DIMM_BUS_MAX_SLOTS && bus_status(bus, 0) == 0xff))
		return driver_refuse(report, MHP_ERR_NODEV, MHP_WHY_NO_SLOT,
				     "no slots behind these registers");
	if (nr > bus->nr_slots)
		return driver_refuse(report, MHP_ERR_NOSPC, MHP_WHY_NO_SLOT,
				     "room for more slots");
	bus->nr_found = nr;
	return 0;
}

int mhp_dimm_bus_scan(struct mhp *m, struct mhp_dimm_bus *bus,
		      uint64_t deadline_ns, struct mhp_report *report)
{
	uint32_t i;
	int err = 0;

	if (!bus->ops || !bus->ops->read || !bus->ops->write || !bus->slots)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_OPS_MISSING,
				     "read, write and slots");
	if (!bus->nr_found)
		err = bus_count(bus, report);
	if (err)
		return err;
	for (i = 0; i < bus->nr_found; i++)
		if (slot_scan(m, bus, i, deadline_ns) && !err)
			err = driver_refuse(report, MHP_ERR_AGAIN,
					    MHP_WHY_HOST_FAILED,
					    "a device is not ready");
	return err;
}
