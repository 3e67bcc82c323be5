/* SPDX-License-Identifier: MIT */
/* Standby memory below /sys/firmware/memory; see mhp/standby.h. */
#include "mhp/standby.h"

#include "driver.h"

static bool show_configured(void *ctx, uint64_t block_id)
{
	const struct mhp_standby *dev = (const struct mhp_standby *)ctx;

	return mhp_standby_block(dev, block_id)->configured;
}

static int show_configure(void *ctx, struct mhp *m, uint64_t block_id, bool on,
			  struct mhp_report *report)
{
	struct mhp_standby *dev = (struct mhp_standby *)ctx;

	return on ? mhp_standby_configure(m, dev, block_id, report)
		  : mhp_standby_deconfigure(m, dev, block_id, report);
}

static bool show_memmap(void *ctx, uint64_t block_id)
{
	const struct mhp_standby *dev = (const struct mhp_standby *)ctx;

	return mhp_standby_block(dev, block_id)->memmap;
}

static int show_set_memmap(void *ctx, struct mhp *m, uint64_t block_id, bool on,
			   struct mhp_report *report)
{
	struct mhp_standby *dev = (struct mhp_standby *)ctx;

	return mhp_standby_set_memmap_on_memory(m, dev, block_id, on, report);
}

int mhp_standby_show(struct mhp *m, struct mhp_standby *dev)
{
	dev->firmware = (struct mhp_view_firmware){
		.first_block = dev->first_block,
		.nr_blocks = dev->nr_blocks,
		.configured = show_configured,
		.configure = show_configure,
		.memmap = show_memmap,
		.set_memmap = show_set_memmap,
		.ctx = dev,
	};
	return mhp_view_set_firmware(m, &dev->firmware);
}
