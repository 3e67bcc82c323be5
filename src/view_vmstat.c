/* SPDX-License-Identifier: MIT */
/*
 * The counters of vmstat and zoneinfo, in Linux's order and by its names. What
 * has no meaning here (there is no page cache, no swap, no reclaim) reads 0, so
 * that programs that look for a name find it.
 *
 * A name that begins with + is not in Linux 6.1, one with - only there.
 */
#include "view.h"

static const char *const vmstat_zone[] = {
	"nr_zone_inactive_anon",
	"nr_zone_active_anon",
	"nr_zone_inactive_file",
	"nr_zone_active_file",
	"nr_zone_unevictable",
	"nr_zone_write_pending",
	"nr_mlock",
	"nr_bounce",
	"nr_zspages",
	"nr_free_cma",
	"+nr_unaccepted",
	"numa_hit",
	"numa_miss",
	"numa_foreign",
	"numa_interleave",
	"numa_local",
	"numa_other",
};

static const char *const vmstat_node[] = {
	"nr_inactive_anon",
	"nr_active_anon",
	"nr_inactive_file",
	"nr_active_file",
	"nr_unevictable",
	"nr_slab_reclaimable",
	"nr_slab_unreclaimable",
	"nr_isolated_anon",
	"nr_isolated_file",
	"workingset_nodes",
	"workingset_refault_anon",
	"workingset_refault_file",
	"workingset_activate_anon",
	"workingset_activate_file",
	"workingset_restore_anon",
	"workingset_restore_file",
	"workingset_nodereclaim",
	"nr_anon_pages",
	"nr_mapped",
	"nr_file_pages",
	"nr_dirty",
	"nr_writeback",
	"nr_writeback_temp",
	"nr_shmem",
	"nr_shmem_hugepages",
	"nr_shmem_pmdmapped",
	"nr_file_hugepages",
	"nr_file_pmdmapped",
	"nr_anon_transparent_hugepages",
	"nr_vmscan_write",
	"nr_vmscan_immediate_reclaim",
	"nr_dirtied",
	"nr_written",
	"nr_throttled_written",
	"nr_kernel_misc_reclaimable",
	"nr_foll_pin_acquired",
	"nr_foll_pin_released",
	"nr_kernel_stack",
	"nr_page_table_pages",
	"nr_sec_page_table_pages",
	"+nr_iommu_pages",
	"nr_swapcached",
	"pgpromote_success",
	"pgpromote_candidate",
	"+pgdemote_kswapd",
	"+pgdemote_direct",
	"+pgdemote_khugepaged",
};

/* Not of a zone or a node. */
static const char *const vmstat_events[] = {
	"nr_dirty_threshold",
	"nr_dirty_background_threshold",
	"pgpgin",
	"pgpgout",
	"pswpin",
	"pswpout",
	"pgalloc_dma",
	"pgalloc_dma32",
	"pgalloc_normal",
	"pgalloc_movable",
	"pgalloc_device",
	"allocstall_dma",
	"allocstall_dma32",
	"allocstall_normal",
	"allocstall_movable",
	"allocstall_device",
	"pgskip_dma",
	"pgskip_dma32",
	"pgskip_normal",
	"pgskip_movable",
	"pgskip_device",
	"pgfree",
	"pgactivate",
	"pgdeactivate",
	"pglazyfree",
	"pgfault",
	"pgmajfault",
	"pglazyfreed",
	"pgrefill",
	"pgreuse",
	"pgsteal_kswapd",
	"pgsteal_direct",
	"-pgdemote_kswapd",
	"-pgdemote_direct",
	"+pgsteal_khugepaged",
	"pgscan_kswapd",
	"pgscan_direct",
	"+pgscan_khugepaged",
	"pgscan_direct_throttle",
	"pgscan_anon",
	"pgscan_file",
	"pgsteal_anon",
	"pgsteal_file",
	"+zone_reclaim_success",
	"zone_reclaim_failed",
	"pginodesteal",
	"slabs_scanned",
	"kswapd_inodesteal",
	"kswapd_low_wmark_hit_quickly",
	"kswapd_high_wmark_hit_quickly",
	"pageoutrun",
	"pgrotated",
	"drop_pagecache",
	"drop_slab",
	"oom_kill",
	"numa_pte_updates",
	"numa_huge_pte_updates",
	"numa_hint_faults",
	"numa_hint_faults_local",
	"numa_pages_migrated",
	"pgmigrate_success",
	"pgmigrate_fail",
	"thp_migration_success",
	"thp_migration_fail",
	"thp_migration_split",
	"compact_migrate_scanned",
	"compact_free_scanned",
	"compact_isolated",
	"compact_stall",
	"compact_fail",
	"compact_success",
	"compact_daemon_wake",
	"compact_daemon_migrate_scanned",
	"compact_daemon_free_scanned",
	"htlb_buddy_alloc_success",
	"htlb_buddy_alloc_fail",
	"unevictable_pgs_culled",
	"unevictable_pgs_scanned",
	"unevictable_pgs_rescued",
	"unevictable_pgs_mlocked",
	"unevictable_pgs_munlocked",
	"unevictable_pgs_cleared",
	"unevictable_pgs_stranded",
	"thp_fault_alloc",
	"thp_fault_fallback",
	"thp_fault_fallback_charge",
	"thp_collapse_alloc",
	"thp_collapse_alloc_failed",
	"thp_file_alloc",
	"thp_file_fallback",
	"thp_file_fallback_charge",
	"thp_file_mapped",
	"thp_split_page",
	"thp_split_page_failed",
	"thp_deferred_split_page",
	"+thp_underused_split_page",
	"thp_split_pmd",
	"thp_scan_exceed_none_pte",
	"thp_scan_exceed_swap_pte",
	"thp_scan_exceed_share_pte",
	"thp_split_pud",
	"thp_zero_page_alloc",
	"thp_zero_page_alloc_failed",
	"thp_swpout",
	"thp_swpout_fallback",
	"balloon_inflate",
	"balloon_deflate",
	"balloon_migrate",
	"swap_ra",
	"swap_ra_hit",
	"+swpin_zero",
	"+swpout_zero",
	"ksm_swpin_copy",
	"cow_ksm",
	"zswpin",
	"zswpout",
	"+zswpwb",
	"direct_map_level2_splits",
	"direct_map_level3_splits",
	"nr_unstable",
};

const char *view_kernel_name(const struct view_at *at, const char *name)
{
	bool old = mhp_profile(at->m) == MHP_PROFILE_LINUX_6_1;

	if (*name != '+' && *name != '-')
		return name;
	return old == (*name == '-') ? name + 1 : NULL;
}

static void vmstat_line(struct text *t, const char *name, uint64_t value,
			bool indent)
{
	if (indent) {
		text_string(t, "      ");
		text_left(t, name, 12);
	} else {
		text_string(t, name);
	}
	text_char(t, ' ');
	text_decimal(t, value);
	text_char(t, '\n');
}

static void vmstat_zeros(const struct view_at *at, struct text *t,
			 const char *const *names, size_t nr, bool indent)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		const char *name = view_kernel_name(at, names[i]);

		if (name)
			vmstat_line(t, name, 0, indent);
	}
}

void view_zone_items(const struct view_at *at, struct text *t, uint64_t nr_free,
		     bool indent)
{
	vmstat_line(t, "nr_free_pages", nr_free, indent);
	vmstat_zeros(at, t, vmstat_zone, sizeof(vmstat_zone) / sizeof(char *),
		     indent);
}

void view_node_items(const struct view_at *at, struct text *t, bool indent)
{
	vmstat_zeros(at, t, vmstat_node, sizeof(vmstat_node) / sizeof(char *),
		     indent);
}

static uint64_t vmstat_event(const char *name, const struct mhp_stat *stat)
{
	size_t n = text_length(name);

	if (text_equal(name, n, "pgmigrate_success"))
		return stat->nr_pages_moved;
	if (text_equal(name, n, "pgmigrate_fail"))
		return stat->nr_moves_refused;
	return 0;
}

void view_event_items(const struct view_at *at, struct text *t,
		      const struct mhp_stat *stat)
{
	size_t i;

	for (i = 0; i < sizeof(vmstat_events) / sizeof(char *); i++) {
		const char *name = view_kernel_name(at, vmstat_events[i]);

		if (name)
			vmstat_line(t, name, vmstat_event(name, stat), false);
	}
}
