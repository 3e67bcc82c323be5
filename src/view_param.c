/* SPDX-License-Identifier: MIT */
/* /sys/module/memory_hotplug/parameters: the policy, by Linux's names. */
#include "view.h"

static const char *const view_policy_words[] = {
	[MHP_POLICY_CONTIG_ZONES] = "contig-zones",
	[MHP_POLICY_AUTO_MOVABLE] = "auto-movable",
};

static int view_get(const struct view_at *at, struct mhp_policy *policy)
{
	int err = mhp_policy_get(at->m, policy);

	return err ? view_pass(at, err) : 0;
}

static int view_set(const struct view_at *at, const struct mhp_policy *policy)
{
	int err = mhp_policy_set(at->m, policy);

	return err ? view_pass(at, err) : 0;
}

static int view_policy_read(const struct view_at *at, struct text *t)
{
	struct mhp_policy policy;
	int err = view_get(at, &policy);

	if (!err)
		text_string(t, view_policy_words[policy.online_policy]);
	return err;
}

static int view_policy_write(const struct view_at *at, const char *value,
			     size_t n)
{
	struct mhp_policy policy;
	unsigned int which;
	int err = view_parse_word(at, value, n, view_policy_words, 2,
				  "expected contig-zones or auto-movable",
				  &which);

	if (!err)
		err = view_get(at, &policy);
	if (err)
		return err;
	policy.online_policy = (enum mhp_online_policy)which;
	return view_set(at, &policy);
}

static int view_ratio_read(const struct view_at *at, struct text *t)
{
	struct mhp_policy policy;
	int err = view_get(at, &policy);

	if (!err)
		text_decimal(t, policy.auto_movable_ratio);
	return err;
}

static int view_ratio_write(const struct view_at *at, const char *value,
			    size_t n)
{
	struct mhp_policy policy;
	uint64_t ratio;
	int err = view_parse_number(at, value, n, UINT32_MAX, &ratio);

	if (!err)
		err = view_get(at, &policy);
	if (err)
		return err;
	policy.auto_movable_ratio = (uint32_t)ratio;
	return view_set(at, &policy);
}

static int view_numa_aware_read(const struct view_at *at, struct text *t)
{
	struct mhp_policy policy;
	int err = view_get(at, &policy);

	if (!err)
		text_char(t, policy.auto_movable_numa_aware ? 'Y' : 'N');
	return err;
}

static int view_numa_aware_write(const struct view_at *at, const char *value,
				 size_t n)
{
	struct mhp_policy policy;
	bool yes;
	int err = view_parse_bool(at, value, n, &yes);

	if (!err)
		err = view_get(at, &policy);
	if (err)
		return err;
	policy.auto_movable_numa_aware = yes;
	return view_set(at, &policy);
}

/* AUTO and RANGE are no words of Linux: it is on where it can be. */
static int view_memmap_read(const struct view_at *at, struct text *t)
{
	static const char *const words[] = {
		[MHP_MEMMAP_AUTO] = "Y",  [MHP_MEMMAP_OFF] = "N",
		[MHP_MEMMAP_ON] = "Y",	  [MHP_MEMMAP_FORCE] = "force",
		[MHP_MEMMAP_RANGE] = "Y",
	};
	struct mhp_policy policy;
	int err = view_get(at, &policy);

	if (!err)
		text_string(t, words[policy.memmap_on_memory]);
	return err;
}

static int view_memmap_write(const struct view_at *at, const char *value,
			     size_t n)
{
	struct mhp_policy policy;
	bool yes = true;
	bool force = text_equal(value, n, "force") ||
		     text_equal(value, n, "FORCE");
	int err;

	if (!force && view_parse_bool(at, value, n, &yes))
		return view_refuse(at, MHP_ERR_INVAL, MHP_WHY_BAD_TYPE,
				   "expected 0, 1 or force");
	err = view_get(at, &policy);
	if (err)
		return err;
	policy.memmap_on_memory = yes ? MHP_MEMMAP_ON : MHP_MEMMAP_OFF;
	if (force)
		policy.memmap_on_memory = MHP_MEMMAP_FORCE;
	return view_set(at, &policy);
}

static const struct view_entry view_param_entries[] = {
	{.name = "memmap_on_memory",
	 .read = view_memmap_read,
	 .write = view_memmap_write,
	 .writable = view_is_native},
	{.name = "online_policy",
	 .read = view_policy_read,
	 .write = view_policy_write},
	{.name = "auto_movable_ratio",
	 .read = view_ratio_read,
	 .write = view_ratio_write},
	{.name = "auto_movable_numa_aware",
	 .read = view_numa_aware_read,
	 .write = view_numa_aware_write},
};

const struct view_dir view_dir_param = VIEW_DIR(view_param_entries,
						VIEW_SYSFS_BYTES);
