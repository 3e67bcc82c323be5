/* SPDX-License-Identifier: MIT */
/*
 * Machines on port/posix: real memory of this process. A DIMM is a memfd, pages
 * of fills are handles, and pinning a fill pins each of its handles.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "mhp/posix.h"

static int posix_start(struct machine *machine, struct mhp_report *report)
{
	const struct machine_layout *l = &machine->layout;
	struct mhp_posix_config config = {
		.size_bytes = sizeof(config),
		.flags = MHP_POSIX_NO_EXTRA,
		.geometry = &l->geometry,
		.boot = l->boot,
		.nr_boot = l->nr_boot,
		.span_bytes = l->span_bytes,
		.dma_end_pfn = l->dma_end_pfn,
		.dma32_end_pfn = l->dma32_end_pfn,
		.profile = machine->config.profile,
		.memmap_on_memory = machine->config.policy.memmap_on_memory,
	};
	struct mhp_posix *p;
	int err = mhp_posix_open(&config, &p, report);

	if (err)
		return err;
	machine->port_data = p;
	machine->mhp = mhp_posix_mhp(p);
	return 0;
}

static void posix_stop(struct machine *machine)
{
	mhp_posix_close(machine->port_data);
}

static int posix_provide(struct machine *machine, struct slot *slot,
			 struct mhp_report *report)
{
	struct mhp_posix_request request = {
		.size_bytes = sizeof(request),
		.capacity_bytes = slot->backed.size_bytes,
		.start = slot->backed.start,
		.node = slot->node,
	};

	return mhp_posix_provide(machine->port_data, &request, &slot->region_id,
				 report);
}

static void posix_withdraw(struct machine *machine, struct slot *slot)
{
	/* It has been ejected, so nobody knows a block of it. */
	if (mhp_posix_withdraw(machine->port_data, slot->region_id, NULL))
		abort();
}

static void posix_explain(struct machine *machine, struct mhp_report *report)
{
	mhp_posix_explain(machine->port_data, report);
}

static int posix_page_alloc(struct fill *fill, uint64_t i, uint64_t node)
{
	struct machine *machine = fill->machine;
	uint32_t flags = 0;

	if (node != UINT64_MAX)
		flags |= MHP_HANDLE_NODE(node);
	return mhp_handle_alloc(machine->port_data,
				mhp_page_bytes(&machine->layout.geometry),
				flags, &fill->pages[i]);
}

static void posix_page_free(struct fill *fill, uint64_t i)
{
	mhp_handle_free(fill->machine->port_data, fill->pages[i]);
}

static void *posix_page_get(struct fill *fill, uint64_t i)
{
	return mhp_handle_pin(fill->machine->port_data, fill->pages[i]);
}

static void posix_page_put(struct fill *fill, uint64_t i)
{
	mhp_handle_unpin(fill->machine->port_data, fill->pages[i]);
}

static mhp_pfn_t posix_page_pfn(const struct fill *fill, uint64_t i)
{
	struct mhp_handle_info info;

	if (mhp_handle_query(fill->machine->port_data, fill->pages[i], &info))
		return MHP_PFN_NONE;
	return info.pfn;
}

static uint64_t posix_handle_bytes(struct machine *machine)
{
	struct mhp_posix_stat stat;

	mhp_posix_stat_read(machine->port_data, &stat);
	return stat.handle_bytes;
}

const struct machine_port machine_port_posix = {
	.name = "posix",
	.start = posix_start,
	.stop = posix_stop,
	.provide = posix_provide,
	.withdraw = posix_withdraw,
	.explain = posix_explain,
	.page_alloc = posix_page_alloc,
	.page_free = posix_page_free,
	.page_get = posix_page_get,
	.page_put = posix_page_put,
	.page_pfn = posix_page_pfn,
	.handle_bytes = posix_handle_bytes,
};
