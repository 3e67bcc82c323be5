/* SPDX-License-Identifier: MIT */
/*
 * The memory blocks that there can be, and those that Linux makes. On x86_64:
 * small ones, unless boot memory ends far up; then as large as that end is a
 * multiple of. Without a hypervisor and advice the largest are taken without
 * looking. (The firmware of UV systems says a size itself: --block.)
 */
#include "plan.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define SMALLEST_BLOCK (128 * MIB)
#define LARGEST_BLOCK (2 * GIB)
#define LARGEST_UV_BLOCK (64 * GIB)

uint64_t plan_boot_end(const struct plan_options *o)
{
	/* Devices are between 3 and 4 GiB. */
	return o->boot_bytes > 3 * GIB ? o->boot_bytes + GIB : o->boot_bytes;
}

static uint64_t block_within(uint64_t advice_bytes)
{
	if (advice_bytes < SMALLEST_BLOCK)
		return SMALLEST_BLOCK;
	return advice_bytes < LARGEST_BLOCK ? advice_bytes : LARGEST_BLOCK;
}

uint64_t plan_kernel_block(const struct plan_options *o,
			   const struct mhp_geometry *g)
{
	uint64_t end = plan_boot_end(o), block = LARGEST_BLOCK;

	if (o->profile == MHP_PROFILE_NATIVE || g->arch != MHP_ARCH_X86_64 ||
	    o->block_bytes || o->all_blocks)
		return 0;
	if (end < PLAN_LARGE_BYTES)
		return SMALLEST_BLOCK;
	if (!o->advice_bytes && !o->hypervisor)
		return LARGEST_BLOCK;
	if (o->advice_bytes)
		block = block_within(o->advice_bytes);
	while (block > SMALLEST_BLOCK && end % block)
		block /= 2;
	return block;
}

/* Whether Linux has no other blocks there. */
static bool block_is_section(const struct mhp_geometry *g)
{
	return g->arch == MHP_ARCH_ARM64 || g->arch == MHP_ARCH_RISCV64 ||
	       g->arch == MHP_ARCH_LOONGARCH64;
}

static const char *block_too_small(const struct mhp_geometry *g)
{
	switch (g->section_shift) {
	case 24:
		return "a memory block is at least a section, 16M";
	case 27:
		return "a memory block is at least a section, 128M";
	default:
		return "a memory block is at least a section, 512M";
	}
}

const char *plan_block_wrong(const struct plan_options *o,
			     const struct mhp_geometry *g)
{
	if (g->block_shift < g->section_shift)
		return block_too_small(g);
	if (o->profile == MHP_PROFILE_NATIVE)
		return NULL;
	if (block_is_section(g) && g->block_shift != g->section_shift)
		return "on this architecture Linux's memory blocks are "
		       "sections";
	if (g->arch == MHP_ARCH_X86_64 && mhp_block_bytes(g) > LARGEST_UV_BLOCK)
		return "on x86-64 Linux's memory blocks have at most 64G";
	return NULL;
}
