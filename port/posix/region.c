/* SPDX-License-Identifier: MIT */
/*
 * Regions: which file is behind which physical addresses.
 *
 * A region is whole memory blocks of physical address space and as much of one
 * file. Regions do not overlap. The table of blocks tells the region of any
 * address in one look; the list has them by address for whoever looks for room.
 *
 * Invariants:
 * 1. What is in the table is in the list; both change under regions_mutex,
 *    which is held for looks only: nothing else is waited for under it.
 * 2. A region is freed after it left the table, the engine knew none of its
 *    blocks, and a grace period passed: first use reads the table in read-side
 *    sections, all other operations under the engine's mutex.
 * 3. busy serialises what takes long (plug, unplug) without holding the mutex.
 *
 * What it does not do: tell the engine. That is mhp_add(), by whomever.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "posix_internal.h"

static int region_refuse(struct mhp_report *report, int code, enum mhp_why why,
			 const char *detail)
{
	return mhp_posix_refuse(report, code, why, detail);
}

struct mhp_posix_reg *mhp_posix_region_of(struct mhp_posix *p, mhp_pfn_t pfn)
{
	if (mhp_block_id(&p->geometry, pfn) >= p->nr_blocks)
		return NULL;
	return __atomic_load_n(&mhp_posix_block_of(p, pfn)->reg,
			       __ATOMIC_ACQUIRE);
}

struct mhp_posix_reg *mhp_posix_region_at(struct mhp_posix *p,
					  struct mhp_range range,
					  uint64_t *offset_bytes)
{
	struct mhp_posix_reg *reg = mhp_posix_region_of(p, range.start_pfn);

	if (!reg || mhp_range_end_pfn(range) > mhp_range_end_pfn(reg->range))
		return NULL;
	*offset_bytes = reg->offset_bytes +
			mhp_bytes_from_pages(&p->geometry,
					     range.start_pfn -
						     reg->range.start_pfn);
	return reg;
}

static struct mhp_posix_reg *region_find_locked(struct mhp_posix *p,
						uint32_t region_id)
{
	struct mhp_posix_reg *reg = p->regions;

	while (reg && reg->id != region_id)
		reg = reg->next;
	return reg;
}

/* Writes the table: @reg is there from now on, or with NULL is not. */
static void table_set_locked(struct mhp_posix *p, struct mhp_range range,
			     struct mhp_posix_reg *reg)
{
	uint64_t first = mhp_block_id(&p->geometry, range.start_pfn);
	uint64_t end = mhp_block_id(&p->geometry, mhp_range_end_pfn(range));

	for (uint64_t i = first; i < end; i++)
		__atomic_store_n(&p->blocks[i].reg, reg, __ATOMIC_RELEASE);
}

/* First fit, from the hotplug window's start on. */
static mhp_pfn_t address_find_locked(const struct mhp_posix *p,
				     uint64_t nr_pages)
{
	mhp_pfn_t pfn = mhp_pages_from_bytes(&p->geometry, p->hotplug_bytes);
	const struct mhp_posix_reg *reg;

	for (reg = p->regions; reg; reg = reg->next) {
		if (reg->range.start_pfn >= pfn + nr_pages)
			break;
		if (mhp_range_end_pfn(reg->range) > pfn)
			pfn = mhp_range_end_pfn(reg->range);
	}
	return pfn;
}

static int address_check_locked(const struct mhp_posix *p,
				struct mhp_range range,
				struct mhp_report *report)
{
	uint64_t block_pages = mhp_block_pages(&p->geometry);
	const struct mhp_posix_reg *reg;

	if (range.start_pfn % block_pages)
		return region_refuse(report, MHP_ERR_INVAL, MHP_WHY_UNALIGNED,
				     "the address is not a memory block's");
	if (mhp_range_end_pfn(range) > p->nr_blocks * block_pages)
		return region_refuse(report, MHP_ERR_2BIG, MHP_WHY_BEYOND_END,
				     "span_bytes of the configuration is the "
				     "end");
	for (reg = p->regions; reg; reg = reg->next) {
		if (reg->range.start_pfn < mhp_range_end_pfn(range) &&
		    mhp_range_end_pfn(reg->range) > range.start_pfn)
			return region_refuse(report, MHP_ERR_EXIST,
					     MHP_WHY_OVERLAP,
					     "a region is provided there");
	}
	return 0;
}

static int range_choose_locked(const struct mhp_posix *p,
			       const struct mhp_posix_request *request,
			       struct mhp_range *range,
			       struct mhp_report *report)
{
	uint64_t nr_pages = mhp_pages_from_bytes(&p->geometry,
						 request->capacity_bytes);
	mhp_pfn_t pfn = mhp_pfn_from_pa(&p->geometry, request->start);

	if (request->start.bytes) {
		*range = mhp_range_make(pfn, nr_pages);
		if (request->start.bytes % mhp_page_bytes(&p->geometry))
			return region_refuse(report, MHP_ERR_INVAL,
					     MHP_WHY_UNALIGNED,
					     "the address is not a memory "
					     "block's");
		return address_check_locked(p, *range, report);
	}
	*range = mhp_range_make(address_find_locked(p, nr_pages), nr_pages);
	if (mhp_block_id(&p->geometry, mhp_range_end_pfn(*range)) >
	    p->nr_blocks)
		return region_refuse(report, MHP_ERR_NOSPC, MHP_WHY_NO_SLOT,
				     "span_bytes of the configuration leaves "
				     "no room of that size");
	return 0;
}

static void region_link_locked(struct mhp_posix *p, struct mhp_posix_reg *reg)
{
	struct mhp_posix_reg **link = &p->regions;

	while (*link && (*link)->range.start_pfn < reg->range.start_pfn)
		link = &(*link)->next;
	reg->next = *link;
	*link = reg;
	table_set_locked(p, reg->range, reg);
}

static void region_unlink_locked(struct mhp_posix *p, struct mhp_posix_reg *reg)
{
	struct mhp_posix_reg **link = &p->regions;

	while (*link != reg)
		link = &(*link)->next;
	*link = reg->next;
}

static void region_free(struct mhp_posix *p, struct mhp_posix_reg *reg)
{
	mhp_posix_source_close(
		reg, mhp_bytes_from_pages(&p->geometry, reg->range.nr_pages));
	free(reg);
}

static int capacity_check(const struct mhp_posix *p,
			  const struct mhp_posix_request *request,
			  struct mhp_report *report)
{
	uint64_t size_bytes = request->capacity_bytes;

	if (!size_bytes)
		return region_refuse(report, MHP_ERR_INVAL, MHP_WHY_EMPTY_RANGE,
				     "capacity_bytes is 0");
	if (size_bytes % mhp_block_bytes(&p->geometry))
		return region_refuse(report, MHP_ERR_INVAL, MHP_WHY_UNALIGNED,
				     "capacity_bytes is not whole memory "
				     "blocks");
	if (size_bytes > p->linear.size_bytes)
		return region_refuse(report, MHP_ERR_NOSPC, MHP_WHY_NO_SLOT,
				     "span_bytes of the configuration is "
				     "smaller");
	if (request->node >= p->geometry.nr_nodes)
		return region_refuse(report, MHP_ERR_INVAL, MHP_WHY_BAD_NODE,
				     "the geometry has fewer nodes");
	return 0;
}

static struct mhp_posix_reg *
region_make(struct mhp_posix *p, const struct mhp_posix_request *request,
	    int *code, struct mhp_report *report)
{
	struct mhp_posix_reg *reg;

	*code = capacity_check(p, request, report);
	if (*code)
		return NULL;
	reg = calloc(1, sizeof(*reg));
	if (!reg) {
		*code = region_refuse(report, MHP_ERR_NOMEM, MHP_WHY_NO_META,
				      "no memory for the region's record");
		return NULL;
	}
	reg->flags = request->flags;
	reg->source = request->source;
	reg->node = request->node;
	reg->busy = true;
	*code = mhp_posix_source_open(p, request, reg, report);
	if (!*code)
		return reg;
	free(reg);
	return NULL;
}

int mhp_posix_region_provide(struct mhp_posix *p,
			     const struct mhp_posix_request *request,
			     uint32_t *region_id, struct mhp_report *report)
{
	struct mhp_posix_reg *reg;
	struct mhp_range range;
	int err;

	reg = region_make(p, request, &err, report);
	if (!reg)
		return err;
	pthread_mutex_lock(&p->regions_mutex);
	err = range_choose_locked(p, request, &range, report);
	if (!err) {
		reg->range = range;
		reg->id = ++p->last_id;
		*region_id = reg->id;
		region_link_locked(p, reg);
	}
	pthread_mutex_unlock(&p->regions_mutex);
	if (err) {
		/* Nothing was written: a caller's file keeps what it holds. */
		close(reg->fd);
		free(reg);
	}
	return err;
}

int mhp_posix_region_boot(struct mhp_posix *p, uint64_t size_bytes,
			  struct mhp_report *report)
{
	const struct mhp_posix_request request = {.capacity_bytes = size_bytes};
	struct mhp_posix_reg *reg;
	int err;

	reg = region_make(p, &request, &err, report);
	if (!reg)
		return err;
	reg->range = mhp_range_make(
		0, mhp_pages_from_bytes(&p->geometry, size_bytes));
	pthread_mutex_lock(&p->regions_mutex);
	region_link_locked(p, reg);
	pthread_mutex_unlock(&p->regions_mutex);
	return 0;
}

void mhp_posix_region_free_all(struct mhp_posix *p)
{
	struct mhp_posix_reg *reg;

	while ((reg = p->regions)) {
		p->regions = reg->next;
		region_free(p, reg);
	}
}

int mhp_posix_region_take(struct mhp_posix *p, uint32_t region_id,
			  struct mhp_range *range, struct mhp_report *report)
{
	struct mhp_posix_reg *reg;
	int err = 0;

	pthread_mutex_lock(&p->regions_mutex);
	reg = region_find_locked(p, region_id);
	if (!reg) {
		err = region_refuse(report, MHP_ERR_NOENT, MHP_WHY_NO_SLOT,
				    "no region of that number");
	} else if (reg->busy) {
		err = region_refuse(
			report, MHP_ERR_BUSY,
			reg->id ? MHP_WHY_TRANSITION : MHP_WHY_BOOT_MEMORY,
			reg->id ? "somebody plugs or unplugs the region"
				: "region 0 stays as long as the instance");
	} else {
		reg->busy = true;
		*range = reg->range;
	}
	pthread_mutex_unlock(&p->regions_mutex);
	return err;
}

void mhp_posix_region_release(struct mhp_posix *p, uint32_t region_id)
{
	struct mhp_posix_reg *reg;

	pthread_mutex_lock(&p->regions_mutex);
	reg = region_find_locked(p, region_id);
	if (reg)
		reg->busy = false;
	pthread_mutex_unlock(&p->regions_mutex);
}

/* Whether the engine knows a block or a device range of it. */
static bool region_known(struct mhp_posix *p, struct mhp_range range)
{
	struct mhp_device_info device;
	uint64_t block_id = mhp_block_id(&p->geometry, range.start_pfn);
	uint64_t end_id = mhp_block_id(&p->geometry, mhp_range_end_pfn(range));

	if (!mhp_device_next(p->mhp, range.start_pfn, &device) &&
	    device.range.start_pfn < mhp_range_end_pfn(range))
		return true;
	return !mhp_block_next(p->mhp, &block_id) && block_id < end_id;
}

static void table_set(struct mhp_posix *p, struct mhp_range range,
		      struct mhp_posix_reg *reg)
{
	pthread_mutex_lock(&p->regions_mutex);
	table_set_locked(p, range, reg);
	pthread_mutex_unlock(&p->regions_mutex);
}

/*
 * Takes a region out of the table unless the engine knows some of it;
 * whether it is out. An add that began before is waited for, a later one finds
 * nothing to map.
 */
static bool region_hide(struct mhp_posix *p, struct mhp_posix_reg *reg)
{
	if (region_known(p, reg->range))
		return false;
	table_set(p, reg->range, NULL);
	pthread_mutex_lock(&p->engine_mutex);
	pthread_mutex_unlock(&p->engine_mutex);
	if (!region_known(p, reg->range))
		return true;
	table_set(p, reg->range, reg);
	return false;
}

int mhp_posix_region_withdraw(struct mhp_posix *p, uint32_t region_id,
			      struct mhp_report *report)
{
	struct mhp_posix_reg *reg;

	pthread_mutex_lock(&p->regions_mutex);
	reg = region_find_locked(p, region_id);
	pthread_mutex_unlock(&p->regions_mutex);
	/* It is busy: nobody else frees it. */
	if (!region_hide(p, reg)) {
		mhp_posix_region_release(p, region_id);
		return region_refuse(report, MHP_ERR_BUSY, MHP_WHY_WRONG_STATE,
				     "remove its memory blocks and device "
				     "ranges first");
	}
	pthread_mutex_lock(&p->regions_mutex);
	region_unlink_locked(p, reg);
	pthread_mutex_unlock(&p->regions_mutex);
	mhp_hosted_synchronize();
	region_free(p, reg);
	return 0;
}

static void region_describe_locked(struct mhp_posix *p,
				   const struct mhp_posix_reg *reg,
				   struct mhp_posix_region *region)
{
	uint64_t first = mhp_block_id(&p->geometry, reg->range.start_pfn);
	uint64_t end = mhp_block_id(&p->geometry,
				    mhp_range_end_pfn(reg->range));

	*region = (struct mhp_posix_region){
		.id = reg->id,
		.source = reg->source,
		.range = reg->range,
		.node = reg->node,
		.grain_bytes = reg->grain_bytes,
		.allocated_bytes = mhp_posix_source_allocated(reg),
	};
	for (uint64_t i = first; i < end; i++) {
		region->nr_pageblocks_huge += __atomic_load_n(
			&p->blocks[i].nr_huge, __ATOMIC_RELAXED);
		region->nr_pageblocks_small += __atomic_load_n(
			&p->blocks[i].nr_small, __ATOMIC_RELAXED);
	}
}

int mhp_posix_region_query(struct mhp_posix *p, uint32_t region_id,
			   struct mhp_posix_region *region)
{
	const struct mhp_posix_reg *reg;

	pthread_mutex_lock(&p->regions_mutex);
	reg = region_find_locked(p, region_id);
	if (reg)
		region_describe_locked(p, reg, region);
	pthread_mutex_unlock(&p->regions_mutex);
	return reg ? 0 : MHP_ERR_NOENT;
}

int mhp_posix_region_next(struct mhp_posix *p, uint32_t *region_id)
{
	const struct mhp_posix_reg *best = NULL;
	const struct mhp_posix_reg *reg;

	pthread_mutex_lock(&p->regions_mutex);
	for (reg = p->regions; reg; reg = reg->next) {
		if (reg->id >= *region_id && (!best || reg->id < best->id))
			best = reg;
	}
	if (best)
		*region_id = best->id;
	pthread_mutex_unlock(&p->regions_mutex);
	return best ? 0 : MHP_ERR_NOENT;
}

int mhp_posix_region_fd(struct mhp_posix *p, uint32_t region_id)
{
	const struct mhp_posix_reg *reg;
	int fd = MHP_ERR_NOENT;

	pthread_mutex_lock(&p->regions_mutex);
	reg = region_find_locked(p, region_id);
	if (reg) {
		fd = fcntl(reg->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			fd = -errno;
	}
	pthread_mutex_unlock(&p->regions_mutex);
	return fd;
}

int mhp_posix_withdraw(struct mhp_posix *p, uint32_t region_id,
		       struct mhp_report *report)
{
	struct mhp_range range;
	int err = mhp_posix_region_take(p, region_id, &range, report);

	if (err)
		return err;
	return mhp_posix_region_withdraw(p, region_id, report);
}

int mhp_posix_provide(struct mhp_posix *p,
		      const struct mhp_posix_request *request,
		      uint32_t *region_id, struct mhp_report *report)
{
	int err = mhp_posix_region_provide(p, request, region_id, report);

	if (!err)
		mhp_posix_region_release(p, *region_id);
	return err;
}
