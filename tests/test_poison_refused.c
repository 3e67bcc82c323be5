/* SPDX-License-Identifier: MIT */
/* Reports of bad pages that are refused, and what the Linux profiles refuse. */
#include "support.h"

#include <stdlib.h>

static void no_memory_there(struct machine *mc)
{
	const mhp_pfn_t nowhere[] = {block_start(mc, FIRST_BLOCK),
				     block_start(mc, NR_BLOCKS),
				     MHP_PFN_NONE - 1, UINT64_C(1) << 62};
	struct mhp_report report;
	unsigned int i;
	char *snap = snapshot(mc, 0);

	for (i = 0; i < 4; i++) {
		mhp_pfn_t pfn = nowhere[i];

		assert_int_equal(mhp_poison_hard(mc->m, pfn, &report),
				 MHP_ERR_NXIO);
		assert_int_equal(report.stage, MHP_STAGE_POISON);
		assert_int_equal(report.why, MHP_WHY_NOT_MEMORY);
		assert_int_equal(mhp_poison_soft(mc->m, pfn, &report),
				 MHP_ERR_NXIO);
		assert_int_equal(report.why, MHP_WHY_NOT_MEMORY);
		assert_int_equal(mhp_poison_clear(mc->m, pfn, &report),
				 MHP_ERR_NOENT);
		assert_int_equal(report.why, MHP_WHY_NOT_BAD);
		assert_false(mhp_is_poisoned(mc->m, pfn));
	}
	unchanged(mc, snap, 0);
}

/* There is room for so many; one more is refused and nothing changes. */
static void table_is_full(struct machine *mc)
{
	struct mhp_boot_range boot[2];
	struct mhp_model_config config = machine_config(mc->c, boot);
	struct mhp_report report;
	mhp_pfn_t pfn, held;
	char *snap;

	machine_end(mc);
	config.max_bad_pages = 3;
	machine_start_config(mc, mc->c, &config);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	held = alloc_unmovable(mc, 0);
	pfn = block_start(mc, FIRST_BLOCK + 1) - 4;
	assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
	assert_int_equal(mhp_poison_hard(mc->m, pfn + 1, NULL), 0);
	assert_int_equal(mhp_poison_soft(mc->m, pfn + 2, NULL), 0);
	snap = snapshot(mc, 0);
	assert_int_equal(mhp_poison_hard(mc->m, pfn + 3, &report),
			 MHP_ERR_NOSPC);
	assert_int_equal(report.why, MHP_WHY_TABLE_FULL);
	assert_int_equal(mhp_poison_soft(mc->m, pfn + 3, &report),
			 MHP_ERR_NOSPC);
	assert_int_equal(mhp_poison_hard(mc->m, held, NULL), MHP_ERR_NOSPC);
	assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), MHP_ERR_HWPOISON);
	assert_int_equal(mhp_poison_soft(mc->m, pfn, NULL), 0);
	unchanged(mc, snap, 0);
	assert_int_equal(mhp_poison_clear(mc->m, pfn + 1, NULL), 0);
	assert_int_equal(mhp_poison_hard(mc->m, held, NULL), 0);
	assert_int_equal(mhp_frame_free(mc->m, held, 0), 0);
	assert_int_equal(page_info(mc, held).use, MHP_PAGE_POISONED);
	check_ok(mc);
}

/* From a callback that runs under the mutex nothing is possible but to ask. */
static int notified(struct mhp_notifier *self, struct mhp *m,
		    const struct mhp_notice *notice)
{
	struct mhp_report report;

	(void)self;
	(void)notice;
	assert_int_equal(mhp_poison_hard(m, 0, &report), MHP_ERR_DEADLK);
	assert_int_equal(report.why, MHP_WHY_REENTERED);
	assert_int_equal(mhp_poison_soft(m, 0, NULL), MHP_ERR_DEADLK);
	assert_int_equal(mhp_poison_clear(m, 0, NULL), MHP_ERR_DEADLK);
	assert_false(mhp_is_poisoned(m, 0));
	return 0;
}

static void reentered(struct machine *mc)
{
	struct mhp_notifier notifier = {.notify = notified};

	assert_int_equal(mhp_notifier_register(mc->m, &notifier), 0);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	assert_int_equal(mhp_notifier_unregister(mc->m, &notifier), 0);
	assert_int_equal(stat_now(mc).nr_poisoned, 0);
}

/* Linux finds no page in memory that is offline, and says that it cannot help
 * where nothing moves; it remembers all the same. */
static void as_linux_says(struct machine *mc)
{
	struct mhp_boot_range boot[2];
	struct mhp_model_config config = machine_config(mc->c, boot);
	mhp_pfn_t held, pfn = block_start(mc, FIRST_BLOCK + 1) - 1;

	machine_end(mc);
	config.profile = MHP_PROFILE_LINUX_6_12;
	config.memmap_on_memory = MHP_MEMMAP_OFF;
	machine_start_config(mc, mc->c, &config);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING),
			 0);
	assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), MHP_ERR_NXIO);
	assert_false(mhp_is_poisoned(mc->m, pfn));
	assert_int_equal(online_blocks(mc, FIRST_BLOCK, 1, MHP_ONLINE_KERNEL),
			 0);
	assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
	held = alloc_unmovable(mc, 0);
	assert_int_equal(mhp_poison_hard(mc->m, held, NULL), MHP_ERR_BUSY);
	assert_true(mhp_is_poisoned(mc->m, held));
	assert_int_equal(mhp_frame_free(mc->m, held, 0), 0);
	assert_int_equal(page_info(mc, held).use, MHP_PAGE_POISONED);
}

/* Linux forgets bad pages when their memory leaves, and 6.1 already when it
 * goes online again, which later kernels refuse. */
static void as_linux_forgets(struct machine *mc)
{
	mhp_pfn_t pfn = block_start(mc, FIRST_BLOCK + 1) - 1;
	int profile;

	machine_end(mc);
	for (profile = MHP_PROFILE_LINUX_6_1; profile <= MHP_PROFILE_LINUX_6_12;
	     profile++) {
		bool old = profile == MHP_PROFILE_LINUX_6_1;
		struct mhp_boot_range boot[2];
		struct mhp_model_config config = machine_config(mc->c, boot);

		config.profile = (enum mhp_profile)profile;
		config.memmap_on_memory = MHP_MEMMAP_OFF;
		machine_start_config(mc, mc->c, &config);
		plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_EXISTING,
		     MHP_ONLINE_MOVABLE);
		assert_int_equal(mhp_poison_hard(mc->m, pfn, NULL), 0);
		assert_int_equal(mhp_block_offline(mc->m, FIRST_BLOCK,
						   MHP_NO_DEADLINE, NULL),
				 0);
		assert_true(mhp_is_poisoned(mc->m, pfn));
		assert_int_equal(mhp_block_online(mc->m, FIRST_BLOCK,
						  MHP_ONLINE_MOVABLE, NULL),
				 old ? 0 : MHP_ERR_HWPOISON);
		assert_int_equal(mhp_is_poisoned(mc->m, pfn), !old);
		if (old)
			assert_int_equal(page_info(mc, pfn).use, MHP_PAGE_FREE);
		(void)!mhp_block_offline(mc->m, FIRST_BLOCK, MHP_NO_DEADLINE,
					 NULL);
		assert_int_equal(mhp_remove(mc->m,
					    block_range(mc, FIRST_BLOCK, 1),
					    NULL),
				 0);
		assert_false(mhp_is_poisoned(mc->m, pfn));
		assert_int_equal(stat_now(mc).nr_poisoned, 0);
		machine_end(mc);
	}
}

int main(void)
{
	const struct machine_test tests[] = {
		{"no_memory_there", no_memory_there},
		{"table_is_full", table_is_full},
		{"reentered", reentered},
		{"as_linux_says", as_linux_says},
		{"as_linux_forgets", as_linux_forgets},
	};

	return machine_run("poison_refused", tests,
			   sizeof(tests) / sizeof(tests[0]), true);
}
