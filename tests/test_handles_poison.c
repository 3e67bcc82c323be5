/* SPDX-License-Identifier: MIT */
/* Handles whose memory breaks, or is taken out while it can still be read. */
#include "posix_support.h"

static mhp_handle_t handle_of(struct mhp_posix *p, uint64_t size_bytes,
			      struct mhp_handle_info *info)
{
	mhp_handle_t handle = MHP_HANDLE_NONE;

	assert_int_equal(mhp_handle_alloc(p, size_bytes, 0, &handle), 0);
	assert_int_equal(mhp_handle_query(p, handle, info), 0);
	assert_false(info->lost);
	return handle;
}

static void content_is_lost(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp *m = mhp_posix_mhp(p);
	uint64_t size_bytes;

	(void)state;
	for (size_bytes = 1; size_bytes <= 2 * MIB; size_bytes *= 8) {
		struct mhp_handle_info info, again;
		mhp_handle_t handle = handle_of(p, size_bytes, &info), other;
		mhp_pfn_t bad = info.pfn + info.size_bytes / 4096 - 1;

		assert_non_null(mhp_handle_pin(p, handle));
		assert_int_equal(mhp_poison_hard(m, bad, NULL), 0);
		assert_int_equal(mhp_handle_query(p, handle, &info), 0);
		assert_true(info.lost);
		assert_int_equal(info.pins, 1);
		assert_null(mhp_handle_pin(p, handle));
		assert_int_equal(mhp_handle_query(p, handle, &info), 0);
		assert_int_equal(info.pins, 1);
		assert_int_equal(mhp_handle_free(p, handle), MHP_ERR_BUSY);
		assert_int_equal(mhp_handle_unpin(p, handle), 0);
		assert_int_equal(mhp_handle_free(p, handle), 0);
		assert_null(mhp_handle_pin(p, handle));
		assert_true(mhp_is_poisoned(m, bad));
		/* Its entry serves another handle, which is sound. */
		other = handle_of(p, size_bytes, &again);
		assert_true(bad - again.pfn >= again.size_bytes / 4096);
		assert_non_null(mhp_handle_pin(p, other));
		assert_int_equal(mhp_handle_unpin(p, other), 0);
		assert_int_equal(mhp_handle_free(p, other), 0);
	}
	check_close(p);
}

static void content_is_moved(void **state)
{
	struct mhp_posix *p = small_open(0);
	struct mhp *m = mhp_posix_mhp(p);
	uint64_t size_bytes;

	(void)state;
	for (size_bytes = 1; size_bytes <= MIB; size_bytes *= 8) {
		struct mhp_handle_info info;
		mhp_handle_t handle = handle_of(p, size_bytes, &info);
		mhp_pfn_t worn = info.pfn;
		struct mhp_report report;
		uint8_t *bytes = mhp_handle_pin(p, handle);

		assert_non_null(bytes);
		memset(bytes, 0x5a, info.size_bytes);
		assert_int_equal(mhp_poison_soft(m, worn, &report),
				 MHP_ERR_BUSY);
		assert_int_equal(report.why, MHP_WHY_PINNED);
		assert_int_equal(report.pins, 1);
		assert_int_equal(mhp_handle_unpin(p, handle), 0);
		assert_int_equal(mhp_poison_soft(m, worn, NULL), 0);
		assert_int_equal(mhp_handle_query(p, handle, &info), 0);
		assert_false(info.lost);
		assert_true(info.pfn != worn);
		bytes = mhp_handle_pin(p, handle);
		assert_non_null(bytes);
		for (uint64_t i = 0; i < info.size_bytes; i++)
			assert_int_equal(bytes[i], 0x5a);
		assert_int_equal(mhp_handle_unpin(p, handle), 0);
		assert_int_equal(mhp_handle_free(p, handle), 0);
		assert_true(mhp_is_poisoned(m, worn));
	}
	check_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_is_lost),
		cmocka_unit_test(content_is_moved),
	};

	return cmocka_run_group_tests_name("handles_poison", tests, NULL, NULL);
}
