/* SPDX-License-Identifier: MIT */
/*
 * The memory blocks that Linux makes on x86_64: small ones, unless boot memory
 * ends far up; then as large as that end is a multiple of. Without a hypervisor
 * and advice the largest are taken without looking. What it does not do: know
 * the firmware of UV systems, which says a size itself.
 */
#include "plan.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define SMALLEST_BLOCK (128 * MIB)
#define LARGEST_BLOCK (2 * GIB)

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
