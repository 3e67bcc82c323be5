/* SPDX-License-Identifier: MIT */
/*
 * /sys/firmware/memory: memory blocks that can be configured and deconfigured,
 * with and without their own memmap. Those of a driver are its affair; other
 * blocks are there as long as they are known.
 *
 * The pointer to the driver's functions is the only thing that a view keeps.
 */
#include "engine.h"
#include "view.h"

static const struct mhp_view_firmware *firmware_now(const struct view_at *at)
{
	return (const struct mhp_view_firmware *)mhp_port_load_ptr(
		&at->m->firmware);
}

/* The driver's functions, if the block is one of its. */
static const struct mhp_view_firmware *firmware_of(const struct view_at *at)
{
	const struct mhp_view_firmware *fw = firmware_now(at);

	/* Wraps to something large below the first one. */
	return fw && at->block_id - fw->first_block < fw->nr_blocks ? fw : NULL;
}

static bool firmware_configured(const struct view_at *at)
{
	const struct mhp_view_firmware *fw = firmware_of(at);

	return !fw || fw->configured(fw->ctx, at->block_id);
}

static int firmware_memmap(const struct view_at *at, bool *yes)
{
	const struct mhp_view_firmware *fw = firmware_of(at);
	struct mhp_block_info info;
	int err;

	if (fw) {
		*yes = fw->memmap(fw->ctx, at->block_id);
		return 0;
	}
	err = mhp_block_query(at->m, at->block_id, &info);
	if (err)
		return view_pass(at, err);
	*yes = info.placement == MHP_PLACEMENT_BLOCK;
	return 0;
}

static int view_configured_read(const struct view_at *at, struct text *t)
{
	text_char(t, firmware_configured(at) ? '1' : '0');
	return 0;
}

static int view_memmap_read(const struct view_at *at, struct text *t)
{
	bool yes = false;
	int err = firmware_memmap(at, &yes);

	if (!err)
		text_char(t, yes ? '1' : '0');
	return err;
}

/* As in Linux, asking for what is so already succeeds. */
static int view_configured_write(const struct view_at *at, const char *value,
				 size_t n)
{
	const struct mhp_view_firmware *fw = firmware_of(at);
	bool want;
	int err = view_parse_bool(at, value, n, &want);

	if (err || want == firmware_configured(at))
		return err;
	if (fw)
		return fw->configure(fw->ctx, at->m, at->block_id, want,
				     at->report);
	return mhp_remove(at->m,
			  mhp_block_range(mhp_geometry(at->m), at->block_id),
			  at->report);
}

static int view_memmap_write(const struct view_at *at, const char *value,
			     size_t n)
{
	const struct mhp_view_firmware *fw = firmware_of(at);
	bool want;
	int err = view_parse_bool(at, value, n, &want);

	if (err)
		return err;
	if (firmware_configured(at))
		return view_refuse(at, MHP_ERR_BUSY, MHP_WHY_WRONG_STATE,
				   "the block is configured");
	return fw->set_memmap(fw->ctx, at->m, at->block_id, want, at->report);
}

/* The driver's blocks, and those that are known. */
static bool view_next_firmware(const struct view_at *at, uint64_t *number)
{
	const struct mhp_view_firmware *fw = firmware_now(at);
	uint64_t from = *number, known = from;
	bool any = !mhp_block_next(at->m, &known);

	*number = known;
	if (!fw || from >= fw->first_block + fw->nr_blocks)
		return any;
	if (from < fw->first_block)
		from = fw->first_block;
	if (!any || from < known)
		*number = from;
	return true;
}

static const struct view_entry view_block_entries[] = {
	{.name = "config",
	 .read = view_configured_read,
	 .write = view_configured_write},
	{.name = "memmap_on_memory",
	 .read = view_memmap_read,
	 .write = view_memmap_write},
};
static const struct view_dir view_dir_config = VIEW_DIR(view_block_entries,
							VIEW_SYSFS_BYTES);

static const struct view_entry view_memory_entries[] = {
	{.name = "memory#",
	 .number = VIEW_BLOCK,
	 .next = view_next_firmware,
	 .dir = &view_dir_config},
};
static const struct view_dir view_dir_blocks = VIEW_DIR(view_memory_entries,
							VIEW_SYSFS_BYTES);

static const struct view_entry view_firmware_entries[] = {
	{.name = "memory", .dir = &view_dir_blocks},
};
const struct view_dir view_dir_firmware = VIEW_DIR(view_firmware_entries,
						   VIEW_SYSFS_BYTES);

/* Linux has it on s390x, which is the one with segments of 1 MiB. */
bool view_has_firmware(const struct view_at *at)
{
	const struct mhp_geometry *g = mhp_geometry(at->m);

	return view_is_native(at) ||
	       (g->page_shift == 12 && g->pmd_shift == 20);
}

static bool firmware_is_whole(const struct mhp_view_firmware *fw)
{
	return fw->nr_blocks && fw->configured && fw->configure && fw->memmap &&
	       fw->set_memmap;
}

int mhp_view_set_firmware(struct mhp *m, struct mhp_view_firmware *firmware)
{
	int err;

	if (firmware && !firmware_is_whole(firmware))
		return MHP_ERR_INVAL;
	err = mhp_lock(m);
	if (err)
		return err;
	if (firmware && m->firmware)
		err = MHP_ERR_BUSY;
	else
		mhp_port_store_ptr(&m->firmware, firmware);
	mhp_unlock(m);
	return err;
}
