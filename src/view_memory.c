/* SPDX-License-Identifier: MIT */
/*
 * /sys/devices/system/memory: what holds for all memory blocks, and a directory
 * for each.
 */
#include "mhp/poison.h"
#include "online.h"
#include "view.h"

/* block_size_bytes: hex without 0x */
static int view_block_size_read(const struct view_at *at, struct text *t)
{
	text_hex(t, mhp_block_bytes(mhp_geometry(at->m)), 1);
	return 0;
}

static int view_auto_online_read(const struct view_at *at, struct text *t)
{
	struct mhp_policy policy;
	int err = mhp_policy_get(at->m, &policy);

	if (err)
		return view_pass(at, err);
	text_string(t, view_online_words[policy.auto_online]);
	return 0;
}

static int view_auto_online_write(const struct view_at *at, const char *value,
				  size_t n)
{
	struct mhp_policy policy;
	enum mhp_online_type type;
	int err = view_parse_online(at, value, n, &type);

	if (err)
		return err;
	err = mhp_policy_get(at->m, &policy);
	if (err)
		return view_pass(at, err);
	policy.auto_online = type;
	err = mhp_policy_set(at->m, &policy);
	return err ? view_pass(at, err) : 0;
}

/* A block that is going online reads as offline, as in Linux. */
static int view_state_read(const struct view_at *at, struct text *t)
{
	static const char *const words[] = {
		[MHP_BLOCK_ABSENT] = "offline",
		[MHP_BLOCK_OFFLINE] = "offline",
		[MHP_BLOCK_GOING_ONLINE] = "offline",
		[MHP_BLOCK_ONLINE] = "online",
		[MHP_BLOCK_GOING_OFFLINE] = "going-offline",
	};
	struct mhp_block_info info;
	int err = mhp_block_query(at->m, at->block_id, &info);

	if (err)
		return view_pass(at, err);
	text_string(t, words[info.state]);
	return 0;
}

static int view_state_change(const struct view_at *at,
			     enum mhp_online_type type)
{
	if (type == MHP_ONLINE_OFFLINE)
		return mhp_block_offline(at->m, at->block_id, MHP_NO_DEADLINE,
					 at->report);
	return mhp_block_online(at->m, at->block_id, type, at->report);
}

static int view_state_write(const struct view_at *at, const char *value,
			    size_t n)
{
	enum mhp_online_type type;
	int err = view_parse_online(at, value, n, &type);

	return err ? err : view_state_change(at, type);
}

/* online: that of Linux's device core, 1 until the block really is offline */
static int view_up_read(const struct view_at *at, struct text *t)
{
	struct mhp_block_info info;
	int err = mhp_block_query(at->m, at->block_id, &info);

	if (err)
		return view_pass(at, err);
	text_char(t, info.state == MHP_BLOCK_ONLINE ||
				     info.state == MHP_BLOCK_GOING_OFFLINE
			     ? '1'
			     : '0');
	return 0;
}

/* Other than with state, asking for what is there already succeeds. */
static int view_up_write(const struct view_at *at, const char *value, size_t n)
{
	struct mhp_block_info info;
	bool yes;
	int err = view_parse_bool(at, value, n, &yes);

	if (err)
		return err;
	err = mhp_block_query(at->m, at->block_id, &info);
	if (err)
		return view_pass(at, err);
	if (yes == (info.state == MHP_BLOCK_ONLINE))
		return 0;
	return yes ? online_as_device(at->m, at->block_id, at->report)
		   : view_state_change(at, MHP_ONLINE_OFFLINE);
}

static int view_zones_read(const struct view_at *at, struct text *t)
{
	enum mhp_zone_type zones[2];
	int nr = mhp_policy_zones(at->m, at->block_id, zones);
	int i;

	if (nr < 0)
		return view_pass(at, nr);
	if (nr == 0)
		text_string(t, "none");
	for (i = 0; i < nr; i++) {
		if (i)
			text_char(t, ' ');
		text_string(t, mhp_zone_name(zones[i]));
	}
	return 0;
}

/* removable: whether this system can take memory offline at all */
static int view_removable_read(const struct view_at *at, struct text *t)
{
	(void)at;
	text_char(t, '1');
	return 0;
}

static int view_phys_index_read(const struct view_at *at, struct text *t)
{
	text_hex(t, at->block_id, 8);
	return 0;
}

static int view_phys_device_read(const struct view_at *at, struct text *t)
{
	(void)at;
	text_char(t, '0');
	return 0;
}

/* probe: one memory block at an address; distributions' kernels are built
 * without it */
static int view_probe_write(const struct view_at *at, const char *value,
			    size_t n)
{
	const struct mhp_geometry *g = mhp_geometry(at->m);
	struct mhp_add_request request = {.placement = MHP_PLACEMENT_EXISTING};
	mhp_pa_t pa;
	int err = view_parse_number(at, value, n, UINT64_MAX, &pa.bytes);

	if (err)
		return err;
	if (pa.bytes & (mhp_block_bytes(g) - 1))
		return view_refuse(at, MHP_ERR_INVAL, MHP_WHY_UNALIGNED, NULL);
	request.range = mhp_range_make(mhp_pfn_from_pa(g, pa),
				       mhp_block_pages(g));
	err = mhp_add(at->m, &request, at->report);
	/* As in Linux: what is added stays, whether it goes online or not. */
	if (!err)
		mhp_auto_online(at->m, request.range);
	return err;
}

/* The page that a physical address is in. */
static int view_parse_page(const struct view_at *at, const char *value,
			   size_t n, mhp_pfn_t *pfn)
{
	mhp_pa_t pa;
	int err = view_parse_number(at, value, n, UINT64_MAX, &pa.bytes);

	if (!err)
		*pfn = mhp_pfn_from_pa(mhp_geometry(at->m), pa);
	return err;
}

static int view_soft_write(const struct view_at *at, const char *value,
			   size_t n)
{
	mhp_pfn_t pfn;
	int err = view_parse_page(at, value, n, &pfn);

	return err ? err : mhp_poison_soft(at->m, pfn, at->report);
}

static int view_hard_write(const struct view_at *at, const char *value,
			   size_t n)
{
	mhp_pfn_t pfn;
	int err = view_parse_page(at, value, n, &pfn);

	return err ? err : mhp_poison_hard(at->m, pfn, at->report);
}

static bool view_next_block(const struct view_at *at, uint64_t *number)
{
	return !mhp_block_next(at->m, number);
}

/* The nodes of the block, as links. */
static bool view_next_node(const struct view_at *at, uint64_t *number)
{
	uint64_t nodes = mhp_block_nodes(at->m, at->block_id);
	uint64_t node = *number;

	while (node < MHP_MAX_NODES && !(nodes >> node & 1))
		node++;
	*number = node;
	return node < MHP_MAX_NODES;
}

static const struct view_entry view_block_entries[] = {
	{.name = "state", .read = view_state_read, .write = view_state_write},
	{.name = "online", .read = view_up_read, .write = view_up_write},
	{.name = "valid_zones", .read = view_zones_read},
	{.name = "removable", .read = view_removable_read},
	{.name = "phys_index", .read = view_phys_index_read},
	{.name = "phys_device", .read = view_phys_device_read},
	{.name = "node#",
	 .number = VIEW_NODE,
	 .next = view_next_node,
	 .dir = &view_dir_node,
	 .link = "../../node/node"},
};

const struct view_dir view_dir_block = VIEW_DIR(view_block_entries,
						VIEW_SYSFS_BYTES);

static const struct view_entry view_memory_entries[] = {
	{.name = "block_size_bytes", .read = view_block_size_read},
	{.name = "auto_online_blocks",
	 .read = view_auto_online_read,
	 .write = view_auto_online_write},
	{.name = "probe", .present = view_is_native, .write = view_probe_write},
	{.name = "soft_offline_page", .write = view_soft_write},
	{.name = "hard_offline_page", .write = view_hard_write},
	{.name = "memory#",
	 .number = VIEW_BLOCK,
	 .next = view_next_block,
	 .dir = &view_dir_block},
};

const struct view_dir view_dir_memory = VIEW_DIR(view_memory_entries,
						 VIEW_SYSFS_BYTES);
