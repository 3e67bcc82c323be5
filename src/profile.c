/* SPDX-License-Identifier: MIT */
/*
 * The rules of the profiles; see profile.h.
 *
 *                       native     linux-6.1            linux-6.12
 *   range               any        exactly one block    any
 *   memmap fills        pages      PMDs                 PMDs
 *   rest fills          pages      pageblocks           pageblocks
 *   force               = on       unknown              pads to a pageblock
 *   online of bad       refused    forgets them         refused
 *   remove of bad       remembers  forgets them         forgets them
 */
#include "profile.h"

#include "altmap.h"

enum mhp_profile mhp_profile(const struct mhp *m)
{
	return m->profile;
}

const char *profile_check(const struct mhp_config *config)
{
	if ((unsigned int)config->profile > MHP_PROFILE_LINUX_6_12)
		return "no such profile";
	if ((unsigned int)config->memmap_on_memory > MHP_MEMMAP_FORCE)
		return "no such mode of memmap_on_memory";
	if (config->profile != MHP_PROFILE_NATIVE &&
	    config->memmap_on_memory == MHP_MEMMAP_AUTO)
		return "Linux has no mode auto of memmap_on_memory";
	if (config->profile == MHP_PROFILE_LINUX_6_1 &&
	    config->memmap_on_memory == MHP_MEMMAP_FORCE)
		return "Linux 6.1 has no mode force of memmap_on_memory";
	return NULL;
}

static bool profile_forces(const struct mhp *m)
{
	return m->profile == MHP_PROFILE_LINUX_6_12 &&
	       m->policy.memmap_on_memory == MHP_MEMMAP_FORCE;
}

/* Exactly the memmap, padded if forced. The state hides in the descriptors of
 * the memmap's own pages, else in the padding. */
void profile_layout(struct mhp *m)
{
	struct layout *l = &m->layout;
	uint64_t mask = l->pageblock_pages - 1;

	if (m->profile == MHP_PROFILE_NATIVE)
		return;
	l->hosted_pages = l->memmap_pages;
	if (profile_forces(m))
		l->hosted_pages = (l->hosted_pages + mask) & ~mask;
}

/* ppc64's radix tables map a memmap in base pages if those are 64 KiB. */
static bool profile_maps_pages(const struct mhp_geometry *g)
{
	return g->page_shift == 16 && g->pmd_shift == 21;
}

static bool profile_state_fits(const struct mhp *m)
{
	return m->layout.hosted_state_offset + m->layout.state_bytes <=
	       mhp_bytes_from_pages(&m->geometry, m->layout.hosted_pages);
}

static const char *profile_linux_hosts(const struct mhp *m)
{
	const struct mhp_geometry *g = &m->geometry;
	const struct layout *l = &m->layout;

	if (l->memmap_bytes % mhp_page_bytes(g))
		return "the memmap of a block is not whole pages";
	if (!profile_maps_pages(g) &&
	    l->memmap_bytes & ((UINT64_C(1) << g->pmd_shift) - 1))
		return "the memmap of a block is not whole PMDs";
	if (l->hosted_pages % l->pageblock_pages)
		return "what the memmap leaves is not whole pageblocks";
	if (l->hosted_pages >= l->block_pages)
		return "the memmap would fill the block";
	return profile_state_fits(m)
		       ? NULL
		       : "the allocator's state does not fit into "
			 "the memmap";
}

const char *profile_hosts(const struct mhp *m, struct mhp_range range)
{
	if (m->profile == MHP_PROFILE_NATIVE)
		return altmap_fits(&m->layout)
			       ? NULL
			       : "memmap and state would fill the block";
	if (m->policy.memmap_on_memory == MHP_MEMMAP_OFF)
		return "memmap_on_memory is off";
	if (m->profile == MHP_PROFILE_LINUX_6_1 &&
	    range.nr_pages != m->layout.block_pages)
		return "Linux 6.1 wants a range of one block";
	return profile_linux_hosts(m);
}

bool profile_online_forgets(const struct mhp *m)
{
	return m->profile == MHP_PROFILE_LINUX_6_1;
}

bool profile_remove_forgets(const struct mhp *m)
{
	return m->profile != MHP_PROFILE_NATIVE;
}
