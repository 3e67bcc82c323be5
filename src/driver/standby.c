/* SPDX-License-Identifier: MIT */
/*
 * Front end for standby memory. A block has storage from before it is added
 * until after it was removed; or, if all blocks are added at the start, from
 * before it goes online until after it has gone offline.
 */
#include "mhp/standby.h"

#include "driver.h"
#include "mhp/policy.h"

static struct mhp_standby_block *standby_at(struct mhp_standby *dev,
					    uint64_t block_id)
{
	/* Wraps to something large below the first one. */
	uint64_t i = block_id - dev->first_block;

	return i < dev->nr_blocks ? &dev->blocks[i] : NULL;
}

const struct mhp_standby_block *mhp_standby_block(const struct mhp_standby *dev,
						  uint64_t block_id)
{
	uint64_t i = block_id - dev->first_block;

	return i < dev->nr_blocks ? &dev->blocks[i] : NULL;
}

/* ---- storage ---- */

static struct mhp_extent standby_increment(const struct mhp *m,
					   const struct mhp_standby *dev,
					   uint64_t block_id, uint64_t i)
{
	uint64_t block_bytes = mhp_block_bytes(mhp_geometry(m));

	return (struct mhp_extent){
		.start = {block_id * block_bytes + i * dev->increment_bytes},
		.size_bytes = dev->increment_bytes,
	};
}

static uint64_t standby_nr_increments(const struct mhp *m,
				      const struct mhp_standby *dev)
{
	return mhp_block_bytes(mhp_geometry(m)) / dev->increment_bytes;
}

/* Take the first @nr increments away again; whether all went. */
static bool standby_unassign_some(const struct mhp *m,
				  const struct mhp_standby *dev,
				  uint64_t block_id, uint64_t nr)
{
	bool all = true;

	while (nr--)
		if (dev->ops->unassign(dev->ctx,
				       standby_increment(m, dev, block_id, nr)))
			all = false;
	return all;
}

/* Whatever the device says: to the caller it is MHP_ERR_IO. An increment that
 * could not be unassigned before may have storage still; it keeps it. */
static int standby_assign(const struct mhp *m, struct mhp_standby *dev,
			  uint64_t block_id)
{
	struct mhp_standby_block *block = standby_at(dev, block_id);
	uint64_t i;

	for (i = 0; i < standby_nr_increments(m, dev); i++) {
		if (!dev->ops->assign(dev->ctx,
				      standby_increment(m, dev, block_id, i)))
			continue;
		(void)standby_unassign_some(m, dev, block_id, i);
		return MHP_ERR_IO;
	}
	block->assigned = true;
	return 0;
}

static int standby_unassign(const struct mhp *m, struct mhp_standby *dev,
			    uint64_t block_id)
{
	struct mhp_standby_block *block = standby_at(dev, block_id);

	if (!standby_unassign_some(m, dev, block_id,
				   standby_nr_increments(m, dev)))
		return MHP_ERR_IO;
	block->assigned = false;
	return 0;
}

/* ---- all blocks at once ---- */

static int standby_told(struct mhp_notifier *self, struct mhp *m,
			const struct mhp_notice *notice)
{
	struct mhp_standby *dev =
		(struct mhp_standby *)(void *)((char *)self -
					       offsetof(struct mhp_standby,
							notifier));
	const struct mhp_standby_block *block = standby_at(dev,
							   notice->block_id);

	if (!block || block->existing)
		return 0;
	if (notice->event == MHP_EVENT_PREPARE_ONLINE)
		return standby_assign(m, dev, notice->block_id);
	if (notice->event == MHP_EVENT_FINISH_OFFLINE)
		(void)standby_unassign(m, dev, notice->block_id);
	return 0;
}

static struct mhp_add_request standby_request(const struct mhp *m,
					      const struct mhp_standby *dev,
					      uint64_t block_id)
{
	const struct mhp_standby_block *block = mhp_standby_block(dev,
								  block_id);

	return (struct mhp_add_request){
		.size_bytes = sizeof(struct mhp_add_request),
		.range = mhp_block_range(mhp_geometry(m), block_id),
		.node = dev->node,
		.placement = block->memmap ? MHP_PLACEMENT_BLOCK
					   : MHP_PLACEMENT_EXISTING,
	};
}

/* Adjacent blocks of this driver, from @i on: the range of the next such
 * run. @i receives where to go on. */
static bool standby_run(const struct mhp *m, const struct mhp_standby *dev,
			uint32_t *i, struct mhp_range *range)
{
	const struct mhp_geometry *g = mhp_geometry(m);

	while (*i < dev->nr_blocks && dev->blocks[*i].existing)
		(*i)++;
	*range = mhp_range_make(
		mhp_block_range(g, dev->first_block + *i).start_pfn, 0);
	for (; *i < dev->nr_blocks && !dev->blocks[*i].existing; (*i)++)
		range->nr_pages += mhp_block_pages(g);
	return range->nr_pages;
}

static void standby_mark(const struct mhp *m, struct mhp_standby *dev,
			 struct mhp_range range, bool configured)
{
	const struct mhp_geometry *g = mhp_geometry(m);
	uint64_t id = mhp_block_id(g, range.start_pfn);

	for (; id < mhp_block_id(g, mhp_range_end_pfn(range)); id++)
		standby_at(dev, id)->configured = configured;
}

static int standby_remove_all(struct mhp *m, struct mhp_standby *dev,
			      struct mhp_report *report)
{
	struct mhp_range range;
	uint32_t i = 0;

	while (standby_run(m, dev, &i, &range)) {
		int err = mhp_remove(m, range, report);

		if (err && err != MHP_ERR_NOENT)
			return err;
		standby_mark(m, dev, range, false);
	}
	return 0;
}

static int standby_add_all(struct mhp *m, struct mhp_standby *dev,
			   struct mhp_report *report)
{
	struct mhp_range range;
	uint32_t i = 0;

	while (standby_run(m, dev, &i, &range)) {
		struct mhp_add_request request = standby_request(
			m, dev, mhp_block_id(mhp_geometry(m), range.start_pfn));
		int err;

		request.range = range;
		request.flags = MHP_ADD_INACCESSIBLE;
		err = mhp_add(m, &request, report);
		if (err)
			return err;
		standby_mark(m, dev, range, true);
	}
	return 0;
}

static void standby_online_all(struct mhp *m, const struct mhp_standby *dev)
{
	struct mhp_range range;
	uint32_t i = 0;

	while (standby_run(m, dev, &i, &range))
		(void)mhp_auto_online(m, range);
}

static int standby_start_all(struct mhp *m, struct mhp_standby *dev,
			     struct mhp_report *report)
{
	int err;

	dev->notifier = (struct mhp_notifier){.notify = standby_told};
	err = mhp_notifier_register(m, &dev->notifier);
	if (err)
		return driver_refuse(report, err, MHP_WHY_REENTERED, NULL);
	err = standby_add_all(m, dev, report);
	/* What somebody has put online meanwhile needs the notifier. */
	if (err && !standby_remove_all(m, dev, NULL)) {
		(void)mhp_notifier_unregister(m, &dev->notifier);
		dev->nr_blocks = 0;
	}
	if (!err)
		standby_online_all(m, dev);
	return err;
}

/* ---- start and stop ---- */

static int standby_check(struct mhp *m, struct mhp_standby *dev,
			 struct mhp_range *range, struct mhp_report *report)
{
	const struct mhp_geometry *g = mhp_geometry(m);
	uint64_t block_bytes = mhp_block_bytes(g);
	int err = mhp_extent_range(g, dev->extent, range, report);

	if (err)
		return err;
	if (!dev->ops || !dev->ops->assign || !dev->ops->unassign)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_OPS_MISSING,
				     "assign and unassign");
	if (!dev->increment_bytes)
		dev->increment_bytes = block_bytes;
	if (block_bytes % dev->increment_bytes)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_UNALIGNED,
				     "an increment that divides a block");
	if (dev->node >= g->nr_nodes)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_BAD_NODE,
				     NULL);
	if (mhp_range_end_pfn(*range) > mhp_max_pfn(m))
		return driver_refuse(report, MHP_ERR_2BIG, MHP_WHY_BEYOND_END,
				     NULL);
	if (range->nr_pages / mhp_block_pages(g) > dev->max_blocks)
		return driver_refuse(report, MHP_ERR_NOSPC, MHP_WHY_NO_SLOT,
				     "room for more blocks");
	return 0;
}

/* What is there already is not ours to take away. */
static void standby_look(struct mhp *m, struct mhp_standby *dev, bool hosts)
{
	struct mhp_block_info info;
	uint32_t i;

	for (i = 0; i < dev->nr_blocks; i++) {
		bool known = !mhp_block_query(m, dev->first_block + i, &info);

		dev->blocks[i] = (struct mhp_standby_block){
			.configured = known,
			.existing = known,
			.assigned = known,
			.memmap = hosts && !known,
		};
	}
}

int mhp_standby_start(struct mhp *m, struct mhp_standby *dev,
		      struct mhp_report *report)
{
	struct mhp_range range;
	int hosts, err = standby_check(m, dev, &range, report);

	if (err)
		return err;
	hosts = driver_hosts(m, MHP_PLACEMENT_BLOCK);
	if (hosts < 0)
		return driver_refuse(report, hosts, MHP_WHY_REENTERED, NULL);
	dev->first_block = mhp_block_id(mhp_geometry(m), range.start_pfn);
	dev->nr_blocks = (uint32_t)(range.nr_pages /
				    mhp_block_pages(mhp_geometry(m)));
	standby_look(m, dev, hosts);
	return dev->flags & MHP_STANDBY_ALL ? standby_start_all(m, dev, report)
					    : 0;
}

static bool standby_has_configured(const struct mhp_standby *dev)
{
	uint32_t i;

	for (i = 0; i < dev->nr_blocks; i++)
		if (dev->blocks[i].configured && !dev->blocks[i].existing)
			return true;
	return false;
}

static int standby_stop_all(struct mhp *m, struct mhp_standby *dev,
			    struct mhp_report *report)
{
	int err = standby_remove_all(m, dev, report);

	if (err)
		return err;
	err = mhp_notifier_unregister(m, &dev->notifier);
	return err ? driver_refuse(report, err, MHP_WHY_REENTERED, NULL) : 0;
}

int mhp_standby_stop(struct mhp *m, struct mhp_standby *dev,
		     struct mhp_report *report)
{
	int err = 0;

	if (dev->flags & MHP_STANDBY_ALL && dev->nr_blocks)
		err = standby_stop_all(m, dev, report);
	else if (standby_has_configured(dev))
		err = driver_refuse(report, MHP_ERR_BUSY, MHP_WHY_WRONG_STATE,
				    "all blocks deconfigured");
	if (!err)
		dev->nr_blocks = 0;
	return err;
}

/* ---- one by one ---- */

static int standby_find(struct mhp_standby *dev, uint64_t block_id,
			struct mhp_standby_block **block,
			struct mhp_report *report)
{
	*block = standby_at(dev, block_id);
	if (!*block)
		return driver_refuse(report, MHP_ERR_NOENT, MHP_WHY_NO_BLOCK,
				     "the standby memory has no such block");
	if (dev->flags & MHP_STANDBY_ALL)
		return driver_refuse(report, MHP_ERR_OPNOTSUPP,
				     MHP_WHY_WRONG_STATE,
				     "all blocks are configured at once");
	return 0;
}

int mhp_standby_configure(struct mhp *m, struct mhp_standby *dev,
			  uint64_t block_id, struct mhp_report *report)
{
	struct mhp_standby_block *block;
	struct mhp_add_request request;
	bool had;
	int err = standby_find(dev, block_id, &block, report);

	if (err)
		return err;
	if (block->configured)
		return driver_refuse(report, MHP_ERR_ALREADY,
				     MHP_WHY_WRONG_STATE,
				     "the block is configured already");
	had = block->assigned;
	err = standby_assign(m, dev, block_id);
	if (err)
		return driver_refuse(report, err, MHP_WHY_HOST_FAILED,
				     "no storage was assigned");
	request = standby_request(m, dev, block_id);
	err = mhp_add(m, &request, report);
	if (err) {
		if (!had)
			(void)standby_unassign(m, dev, block_id);
		return err;
	}
	block->configured = true;
	driver_online(m, request.range, report);
	return 0;
}

int mhp_standby_deconfigure(struct mhp *m, struct mhp_standby *dev,
			    uint64_t block_id, struct mhp_report *report)
{
	struct mhp_standby_block *block;
	int err = standby_find(dev, block_id, &block, report);

	if (err)
		return err;
	if (!block->configured)
		return driver_refuse(report, MHP_ERR_ALREADY,
				     MHP_WHY_WRONG_STATE,
				     "the block is not configured");
	if (block->existing)
		return driver_refuse(report, MHP_ERR_BUSY, MHP_WHY_BOOT_MEMORY,
				     "the block was there before");
	err = mhp_remove(m, mhp_block_range(mhp_geometry(m), block_id), report);
	/* Somebody else may have removed it. */
	if (err && err != MHP_ERR_NOENT)
		return err;
	block->configured = false;
	if (standby_unassign(m, dev, block_id))
		return driver_refuse(report, MHP_ERR_IO, MHP_WHY_HOST_FAILED,
				     "the storage stays assigned");
	return 0;
}

int mhp_standby_set_memmap_on_memory(struct mhp *m, struct mhp_standby *dev,
				     uint64_t block_id, bool on,
				     struct mhp_report *report)
{
	struct mhp_standby_block *block;
	int hosts, err = standby_find(dev, block_id, &block, report);

	if (err)
		return err;
	hosts = driver_hosts(m, MHP_PLACEMENT_BLOCK);
	if (hosts < 0)
		return driver_refuse(report, hosts, MHP_WHY_REENTERED, NULL);
	if (on && !hosts)
		return driver_refuse(report, MHP_ERR_OPNOTSUPP,
				     MHP_WHY_PLACEMENT_REFUSED, NULL);
	if (block->configured)
		return driver_refuse(report, MHP_ERR_BUSY, MHP_WHY_WRONG_STATE,
				     "the block is configured");
	block->memmap = on;
	return 0;
}
