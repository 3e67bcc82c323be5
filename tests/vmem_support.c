/* SPDX-License-Identifier: MIT */
/* A machine with a virtio-mem device; see vmem_support.h. */
#include "vmem_support.h"

#include <stdlib.h>

#include "mhp/policy.h"

struct mhp_virtio_mem_config vmem_config(struct machine *mc,
					 uint64_t block_size)
{
	return (struct mhp_virtio_mem_config){
		.block_size = block_size,
		.addr = FIRST_BLOCK * mhp_block_bytes(mc->g),
		.region_size = VMEM_NR_BLOCKS * mhp_block_bytes(mc->g),
	};
}

static void auto_online_movable(struct machine *mc)
{
	struct mhp_policy policy;

	assert_int_equal(mhp_policy_get(mc->m, &policy), 0);
	policy.auto_online = MHP_ONLINE_MOVABLE;
	assert_int_equal(mhp_policy_set(mc->m, &policy), 0);
}

void vmem_open_mode(struct vmem_rig *rig, struct machine *mc,
		    uint64_t block_size, enum mhp_virtio_mem_mode mode,
		    enum mhp_placement placement)
{
	struct mhp_virtio_mem_config config = vmem_config(mc, block_size);
	struct mhp_virtio_mem_setup setup = {
		.ops = &mhp_model_vmem_ops,
		.mode = mode,
		.placement = placement,
	};

	auto_online_movable(mc);
	rig->mc = mc;
	rig->block_size = block_size;
	rig->device = mhp_model_vmem_create(&config);
	assert_non_null(rig->device);
	setup.ops_ctx = rig->device;
	setup.records_bytes = mhp_virtio_mem_size_needed(mc->m, &config,
							 &setup);
	assert_true(setup.records_bytes > 0);
	rig->records = malloc(setup.records_bytes);
	assert_non_null(rig->records);
	setup.records = rig->records;
	assert_int_equal(mhp_virtio_mem_probe(mc->m, &rig->vm, &setup, NULL),
			 0);
}

void vmem_open(struct vmem_rig *rig, struct machine *mc, uint64_t block_size)
{
	vmem_open_mode(rig, mc, block_size, MHP_VIRTIO_MEM_AUTO,
		       MHP_PLACEMENT_AUTO);
}

void vmem_forget(struct vmem_rig *rig)
{
	mhp_model_vmem_destroy(rig->device);
	free(rig->records);
}

void vmem_close(struct vmem_rig *rig)
{
	assert_int_equal(mhp_virtio_mem_remove(rig->mc->m, &rig->vm,
					       MHP_NO_DEADLINE, NULL),
			 0);
	vmem_forget(rig);
}

static bool page_is_used(enum mhp_page_use use)
{
	return use == MHP_PAGE_FREE || use == MHP_PAGE_ISOLATED ||
	       use == MHP_PAGE_ALLOCATED || use == MHP_PAGE_MEMMAP;
}

uint64_t vmem_usable_pages(struct vmem_rig *rig)
{
	struct machine *mc = rig->mc;
	struct mhp_range range = block_range(mc, FIRST_BLOCK, VMEM_NR_BLOCKS);
	mhp_pfn_t pfn = range.start_pfn;
	uint64_t nr = 0;

	for (; pfn < mhp_range_end_pfn(range); pfn++) {
		bool used = page_is_used(page_info(mc, pfn).use);

		if (used &&
		    !mhp_model_vmem_is_plugged(
			    rig->device, mhp_pa_from_pfn(mc->g, pfn).bytes))
			fail_msg("page 0x%" PRIx64 " is used, not plugged",
				 pfn);
		nr += used;
	}
	return nr;
}

void vmem_check(struct vmem_rig *rig)
{
	check_ok(rig->mc);
	(void)vmem_usable_pages(rig);
	assert_int_equal(mhp_model_vmem_nr_wrong(rig->device), 0);
	if (!rig->vm.nr_unsure && !rig->vm.unplug_all && !rig->vm.broken)
		assert_int_equal(
			mhp_model_vmem_config(rig->device)->plugged_size,
			rig->vm.plugged_bytes);
}

int vmem_follow(struct vmem_rig *rig, uint64_t size_bytes,
		struct mhp_report *report)
{
	int err;

	mhp_model_vmem_set_requested(rig->device, size_bytes);
	err = mhp_virtio_mem_run(rig->mc->m, &rig->vm, MHP_NO_DEADLINE, report);
	vmem_check(rig);
	return err;
}
