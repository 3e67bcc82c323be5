/* SPDX-License-Identifier: MIT */
/*
 * The model itself: machines of any size, what fresh memory holds, the fault
 * plan, and that touching what is not there ends the process.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

static struct mhp_model_config large_config(uint64_t size_bytes,
					    struct mhp_boot_range *boot)
{
	struct mhp_model_config config = {.boot = boot, .nr_boot = 1};

	assert_int_equal(mhp_geometry_named("x86_64", &config.geometry), 0);
	config.max_pfn = size_bytes >> config.geometry.page_shift;
	boot->range = mhp_range_make(0, 4 * mhp_block_pages(&config.geometry));
	boot->node = 0;
	return config;
}

/* Plug and unplug the last blocks of a machine. */
static void use_end(struct mhp_model *model, uint64_t nr_blocks)
{
	struct mhp *m = mhp_model_mhp(model);
	uint64_t block = mhp_block_pages(mhp_geometry(m)), id, nr_mapped;
	struct mhp_add_request add = {
		.range = mhp_range_make((nr_blocks - 100) * block,
					100 * block)};

	assert_int_equal(mhp_add(m, &add, NULL), 0);
	for (id = nr_blocks - 100; id < nr_blocks; id++)
		assert_int_equal(
			mhp_block_online(m, id, MHP_ONLINE_MOVABLE, NULL), 0);
	assert_int_equal(mhp_check(m, NULL), 0);
	assert_int_equal(
		mhp_offline_and_remove(m, add.range, MHP_NO_DEADLINE, 0, NULL),
		0);
	assert_int_equal(mhp_check(m, NULL), 0);
	assert_int_equal(mhp_model_meta_bytes(model, &nr_mapped) > 0, 1);
	assert_true(nr_mapped > 0);
}

/* As large as the host has address space; else a clear answer. Processors that
 * are likely emulated are spared: an emulator pays for empty address space. */
#if defined(__x86_64__) || defined(__aarch64__)
#define LARGEST (64 * TIB)
#else
#define LARGEST (2 * GIB)
#endif

static void test_sizes(void **state)
{
	const uint64_t sizes[] = {LARGEST, LARGEST / 2, GIB};
	struct mhp_boot_range boot;
	struct mhp_report report;
	struct mhp_model *model;
	unsigned int i, nr_worked = 0;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct mhp_model_config config = large_config(sizes[i], &boot);
		int err = mhp_model_create(&config, &model, &report);

		if (err) {
			assert_int_equal(err, MHP_ERR_NOMEM);
			assert_int_equal(report.why, MHP_WHY_HOST_FAILED);
			assert_non_null(report.detail);
			continue;
		}
		nr_worked++;
		if (sizes[i] >= TIB)
			use_end(model, sizes[i] >> config.geometry.block_shift);
		mhp_model_destroy(model);
	}
	assert_true(nr_worked > 0);
	if (LARGEST >= TIB)
		assert_int_equal(nr_worked, 3);
}

/* No host has that much address space. */
static void test_too_large(void **state)
{
	struct mhp_boot_range boot;
	struct mhp_model_config config = large_config(4096 * TIB, &boot);
	struct mhp_model *model = NULL;
	struct mhp_report report;

	(void)state;
	assert_int_equal(mhp_model_create(&config, &model, &report),
			 MHP_ERR_NOMEM);
	assert_null(model);
	assert_int_equal(report.code, MHP_ERR_NOMEM);
	assert_int_equal(report.stage, MHP_STAGE_INIT);
	assert_int_equal(report.why, MHP_WHY_HOST_FAILED);
	assert_non_null(report.detail);
	assert_int_equal(mhp_model_create(&config, &model, NULL),
			 MHP_ERR_NOMEM);
	config.max_pfn *= 2;
	assert_int_equal(mhp_model_create(&config, &model, &report),
			 MHP_ERR_INVAL);
	config.max_pfn = 0;
	assert_int_equal(mhp_model_create(&config, &model, &report),
			 MHP_ERR_INVAL);
}

/* A call fails once, or from then on; calls are counted from the plan on. */
static void test_faults(struct machine *mc)
{
	uint64_t needs;

	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 1);
	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK),
			 0);
	needs = mhp_model_calls(mc->model);
	assert_int_equal(mhp_model_faults(mc->model), 0);
	assert_true(needs >= 2);
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_ONCE, needs + 1);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 1, 1, MHP_PLACEMENT_BLOCK), 0);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 2, 1, MHP_PLACEMENT_BLOCK),
		MHP_ERR_NOMEM);
	assert_int_equal(mhp_model_calls(mc->model), needs + 1);
	assert_int_equal(mhp_model_faults(mc->model), 1);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 2, 1, MHP_PLACEMENT_BLOCK), 0);
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_FROM_THEN, 1);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 3, 1, MHP_PLACEMENT_BLOCK),
		MHP_ERR_NOMEM);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 3, 1, MHP_PLACEMENT_BLOCK),
		MHP_ERR_NOMEM);
	assert_int_equal(mhp_model_faults(mc->model), 2);
	mhp_model_fail(mc->model, MHP_MODEL_FAIL_NEVER, 0);
	assert_int_equal(
		add_blocks(mc, FIRST_BLOCK + 3, 1, MHP_PLACEMENT_BLOCK), 0);
}

/* Fresh memory reads as the machine was told. */
static void test_content(struct machine *mc)
{
	static const struct {
		uint32_t flags;
		uint8_t first, again;
	} kinds[] = {{0, 0, 0},
		     {MHP_MODEL_DIRTY, 0xFF, 0xFF},
		     {MHP_MODEL_STALE, 0, 42}};
	struct mhp_range range = block_range(mc, FIRST_BLOCK, 1);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		uint8_t *byte;

		machine_again(mc, kinds[i].flags);
		assert_int_equal(
			add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK), 0);
		byte = mhp_frame_address(mc->m, mhp_range_end_pfn(range) - 1);
		assert_int_equal(*byte, kinds[i].first);
		*byte = 42;
		assert_int_equal(mhp_remove(mc->m, range, NULL), 0);
		assert_int_equal(
			add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK), 0);
		assert_int_equal(*byte, kinds[i].again);
	}
}

/* Run in a child: what must not return. */
static void touch_unmapped(struct machine *mc)
{
	volatile uint8_t *byte;

	assert_int_equal(add_blocks(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK),
			 0);
	byte = mhp_frame_address(mc->m, block_start(mc, FIRST_BLOCK));
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, FIRST_BLOCK, 1), NULL), 0);
	*byte = 1;
}

/* A strict machine ends whoever touches memory that is not there. The first of
 * the tests: a child must not use the library if its parent has. */
static void test_strict(void **state)
{
	const struct machine_case *c = &machine_cases[0];
	struct machine mc;
	int status = 0;
	pid_t child;

	(void)state;
	if (mhp_page_bytes(&c->geometry) < (uint64_t)sysconf(_SC_PAGESIZE))
		skip();
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		/* No handler of a test framework or sanitizer. */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		machine_start(&mc, c, MHP_MODEL_STRICT);
		touch_unmapped(&mc);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_true(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

static const struct machine_test machine_tests[] = {
	{"faults", test_faults},
	{"content", test_content},
};

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL) +
	       machine_run("model-machines", machine_tests, 2, true);
}
