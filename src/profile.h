/* SPDX-License-Identifier: MIT */
/*
 * Profiles: where a kernel's rules for the memmap, and for bad pages, differ
 * from ours. Natively whole pages are all that memmap and state take; Linux
 * wants whole PMDs and leaves whole pageblocks, and 6.1 only knows ranges of
 * one block, on two architectures. Bad pages are noted in Linux's memmap and
 * go with it; in 6.1 with every online.
 */
#ifndef MHP_SRC_PROFILE_H
#define MHP_SRC_PROFILE_H

#include "engine.h"

/* What decides where a memmap may live, with or without an instance. */
struct profile_rules {
	const struct mhp_geometry *geometry;
	const struct layout *layout; /* as profile_layout() left it */
	enum mhp_profile profile;
	enum mhp_memmap_mode mode;
	bool kernel; /* not an instance: no state has to fit anywhere */
};

/** profile_rules() - those of an instance, now. [mutex] */
static inline struct profile_rules profile_rules(const struct mhp *m)
{
	return (struct profile_rules){
		.geometry = &m->geometry,
		.layout = &m->layout,
		.profile = m->profile,
		.mode = m->policy.memmap_on_memory,
	};
}

/** profile_check() - whether a configuration's profile and mode exist, on its
 * architecture: NULL or what would be right */
const char *profile_check(const struct mhp_config *config);

/** profile_arch() - whether a profile's kernel plugs memory on an architecture:
 * NULL or that it does not */
const char *profile_arch(enum mhp_profile profile, enum mhp_arch arch);

/** profile_mode() - whether a profile knows a mode: NULL or what would be right
 */
const char *profile_mode(enum mhp_profile profile, enum mhp_memmap_mode mode);

/** profile_layout() - fit the layout of hosted memmaps to the profile */
void profile_layout(struct layout *layout, enum mhp_profile profile,
		    enum mhp_memmap_mode mode);

/** profile_hosts() - whether blocks of a range of @nr_pages may carry their own
 * memmap: NULL or the rule that says no */
const char *profile_hosts(const struct profile_rules *rules, uint64_t nr_pages);

/** profile_online_forgets() - whether going online forgets bad pages, instead
 * of being refused because of them */
bool profile_online_forgets(const struct mhp *m);

/** profile_remove_forgets() - whether bad pages of memory that leaves are
 * forgotten */
bool profile_remove_forgets(const struct mhp *m);

#endif
