/* SPDX-License-Identifier: MIT */
/*
 * Policies: whether memory goes online by itself when it is added, and which
 * zone a block gets that is put online without naming one.
 *
 * contig-zones keeps zones contiguous: a block goes where its neighbours are,
 * to a kernel zone when undecided. auto-movable gives MOVABLE as much as a
 * ratio of the boot-time kernel memory allows. Both are Linux's, by its names.
 *
 * And how much of a lower zone is kept for those who can use nothing higher.
 */
#ifndef MHP_POLICY_H
#define MHP_POLICY_H

#include "mhp/err.h"
#include "mhp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mhp;

/** How the zone of a block is chosen when none is named. */
enum mhp_online_policy {
	MHP_POLICY_CONTIG_ZONES = 0,
	MHP_POLICY_AUTO_MOVABLE,
};

/** Linux's default for auto_movable_ratio, in percent. */
#define MHP_AUTO_MOVABLE_RATIO_DEFAULT 301

/** Linux's defaults for lowmem_reserve_ratio: of DMA and DMA32, of NORMAL. */
#define MHP_RESERVE_RATIO_DMA 256
#define MHP_RESERVE_RATIO_NORMAL 32

/**
 * struct mhp_policy - the settings
 *
 * Reserves: a request may be served from zones below its limit, as it says or
 * as follows from its mobility (frame.h). In such a zone it leaves a reserve to
 * those who can use nothing higher: 1/reserve_ratio of the managed pages that
 * the zones above, up to its limit, have on that node; rounded down to
 * pageblocks. It is served from that zone only if as many entirely free
 * pageblocks remain, but may use up a pageblock that was begun, and, if it is
 * movable, pages of any movable one, which nobody of those could use. Each
 * further thread that does so at the same moment may take one pageblock, or
 * run, too much. The reserve is what is free: it does not make itself free
 * again, and taking memory offline does not ask for it.
 */
struct mhp_policy {
	enum mhp_online_type auto_online; /* what mhp_auto_online() does */
	enum mhp_online_policy online_policy;
	uint32_t auto_movable_ratio;  /* percent */
	bool auto_movable_numa_aware; /* the ratio holds on each node too */
	bool movable_node;	      /* undecided blocks go to MOVABLE */
	enum mhp_memmap_mode memmap_on_memory; /* for memory added from now on;
						  fixed in a Linux profile */
	/* By zone, of DMA, DMA32 and NORMAL; 0: no reserve. Others are 0. */
	uint32_t reserve_ratio[MHP_NR_ZONES];
};

/**
 * mhp_policy_get() - read the settings
 *
 * At first: auto_online offline, contig-zones, 301 percent, numa aware, not
 * movable_node, memmap_on_memory as configured, reserves by Linux's defaults.
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_DEADLK.
 */
MHP_API int mhp_policy_get(struct mhp *m, struct mhp_policy *policy);

/**
 * mhp_policy_set() - change the settings; what is online stays as it is
 *
 * Context: takes the mutex; may sleep.
 * Return: 0; MHP_ERR_INVAL (unknown enumerator, a reserve of another zone);
 *   MHP_ERR_ACCES (another memmap_on_memory in a Linux profile);
 *   MHP_ERR_DEADLK. On failure nothing
 *   changes.
 */
MHP_MUST_CHECK MHP_API int mhp_policy_set(struct mhp *m,
					  const struct mhp_policy *policy);

/**
 * mhp_policy_zones() - which zones a block can go to
 *
 * @block_id: index in blocks
 * @zones: receives, for an offline block, the zone of a plain online first,
 *   then the other one; for an online block its zone. Unused entries are
 *   MHP_ZONE_NONE.
 *
 * Context: takes the mutex; may sleep.
 * Return: the number of zones, 0 if the block is in several; MHP_ERR_NOENT;
 *   MHP_ERR_DEADLK.
 */
MHP_MUST_CHECK MHP_API int mhp_policy_zones(struct mhp *m, uint64_t block_id,
					    enum mhp_zone_type zones[2]);

/**
 * mhp_auto_online() - what follows an add
 *
 * Puts the offline blocks of a range online as the policy says, in ascending
 * order. As in Linux, the first failure stops it and the add still counts.
 *
 * @range: whole memory blocks
 *
 * Context: as mhp_block_online().
 * Return: 0 (also if the policy leaves them offline); the first error.
 */
MHP_API int mhp_auto_online(struct mhp *m, struct mhp_range range);

#ifdef __cplusplus
}
#endif

#endif
