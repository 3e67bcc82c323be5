/* SPDX-License-Identifier: MIT */
/*
 * The rules of the profiles; see profile.h. Those of linux-7.2 are of 6.12, as
 * far as plans need any.
 *
 *                       native     linux-6.1            linux-6.12
 *   architecture        any        x86-64, arm64        all but LoongArch
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

const char *profile_mode(enum mhp_profile profile, enum mhp_memmap_mode mode)
{
	if ((unsigned int)mode > MHP_MEMMAP_RANGE)
		return "no such mode of memmap_on_memory";
	if (profile != MHP_PROFILE_NATIVE && mode == MHP_MEMMAP_AUTO)
		return "Linux has no mode auto of memmap_on_memory";
	if (profile != MHP_PROFILE_NATIVE && mode == MHP_MEMMAP_RANGE)
		return "Linux has no mode range of memmap_on_memory";
	if (profile == MHP_PROFILE_LINUX_6_1 && mode == MHP_MEMMAP_FORCE)
		return "Linux 6.1 has no mode force of memmap_on_memory";
	return NULL;
}

const char *profile_arch(enum mhp_profile profile, enum mhp_arch arch)
{
	return profile == MHP_PROFILE_LINUX_6_1 && arch == MHP_ARCH_RISCV64
		       ? "Linux 6.1 has no memory hotplug on RISC-V"
		       : NULL;
}

const char *profile_check(const struct mhp_config *config)
{
	const char *wrong;

	if (config->profile == MHP_PROFILE_LINUX_7_2)
		return "the profile linux-7.2 is for plans only";
	if ((unsigned int)config->profile > MHP_PROFILE_LINUX_7_2)
		return "no such profile";
	wrong = profile_arch(config->profile,
			     (enum mhp_arch)config->geometry->arch);
	return wrong ? wrong
		     : profile_mode(config->profile, config->memmap_on_memory);
}

/* Exactly the memmap, padded if forced. The state hides in the descriptors of
 * the memmap's own pages, else in the padding. */
void profile_layout(struct layout *l, enum mhp_profile profile,
		    enum mhp_memmap_mode mode)
{
	uint64_t mask = l->pageblock_pages - 1;

	if (profile == MHP_PROFILE_NATIVE)
		return;
	l->hosted_pages = l->memmap_pages;
	if (profile != MHP_PROFILE_LINUX_6_1 && mode == MHP_MEMMAP_FORCE)
		l->hosted_pages = (l->hosted_pages + mask) & ~mask;
}

/* What the kernel was built with. */
static const char *profile_is_built(const struct profile_rules *r)
{
	enum mhp_arch arch = (enum mhp_arch)r->geometry->arch;

	if (arch == MHP_ARCH_LOONGARCH64)
		return "Linux has no memmap_on_memory on LoongArch";
	if (r->profile == MHP_PROFILE_LINUX_6_1 && arch != MHP_ARCH_ANY &&
	    arch != MHP_ARCH_X86_64 && arch != MHP_ARCH_ARM64)
		return "Linux 6.1 has memmap_on_memory on x86-64 and arm64 "
		       "only";
	return NULL;
}

static const char *profile_fills_pages(const struct profile_rules *r)
{
	return r->layout->memmap_bytes & (mhp_page_bytes(r->geometry) - 1)
		       ? "the memmap of a block is not whole pages"
		       : NULL;
}

static const char *profile_leaves_pageblocks(const struct profile_rules *r)
{
	return r->layout->hosted_pages & (r->layout->pageblock_pages - 1)
		       ? "what the memmap leaves is not whole pageblocks"
		       : NULL;
}

static const char *profile_leaves_some(const struct profile_rules *r)
{
	return r->layout->hosted_pages >= r->layout->block_pages
		       ? "the memmap would fill the block"
		       : NULL;
}

/* Without what force pads. ppc64 maps a memmap in base pages if those are
 * 64 KiB. */
static const char *profile_fills_pmds(const struct profile_rules *r)
{
	const struct mhp_geometry *g = r->geometry;

	if (g->arch == MHP_ARCH_PPC64 && g->page_shift == 16)
		return NULL;
	return r->layout->memmap_bytes & ((UINT64_C(1) << g->pmd_shift) - 1)
		       ? "the memmap of a block is not whole PMDs"
		       : NULL;
}

/* Ours, not Linux's, which keeps what is free in the descriptors. */
static const char *profile_holds_state(const struct profile_rules *r)
{
	const struct layout *l = r->layout;

	if (r->kernel ||
	    l->hosted_state_offset + l->state_bytes <=
		    mhp_bytes_from_pages(r->geometry, l->hosted_pages))
		return NULL;
	return "the allocator's state does not fit into the memmap";
}

typedef const char *profile_rule(const struct profile_rules *);

/* In the order in which each kernel asks: which of several rules is named. */
static profile_rule *const profile_6_1[] = {
	profile_fills_pmds,
	profile_leaves_pageblocks,
	profile_holds_state,
	NULL,
};

static profile_rule *const profile_6_12[] = {
	profile_fills_pages, profile_leaves_pageblocks, profile_leaves_some,
	profile_fills_pmds,  profile_holds_state,	NULL,
};

static const char *profile_linux_hosts(const struct profile_rules *r)
{
	profile_rule *const *rule = r->profile == MHP_PROFILE_LINUX_6_1
					    ? profile_6_1
					    : profile_6_12;
	const char *wrong = NULL;

	while (!wrong && *rule)
		wrong = (*rule++)(r);
	return wrong;
}

const char *profile_hosts(const struct profile_rules *r, uint64_t nr_pages)
{
	const char *wrong;

	if (r->profile == MHP_PROFILE_NATIVE)
		return altmap_fits(r->layout)
			       ? NULL
			       : "memmap and state would fill the block";
	if (r->mode == MHP_MEMMAP_OFF)
		return "memmap_on_memory is off";
	wrong = profile_is_built(r);
	if (wrong)
		return wrong;
	if (r->profile == MHP_PROFILE_LINUX_6_1 &&
	    nr_pages != r->layout->block_pages)
		return "Linux 6.1 wants a range of one block";
	return profile_linux_hosts(r);
}

bool profile_online_forgets(const struct mhp *m)
{
	return m->profile == MHP_PROFILE_LINUX_6_1;
}

bool profile_remove_forgets(const struct mhp *m)
{
	return m->profile != MHP_PROFILE_NATIVE;
}
