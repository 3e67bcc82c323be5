/* SPDX-License-Identifier: MIT */
/*
 * Error numbers are Linux's, each has a name and a text, and a report is one
 * sentence that says everything it holds.
 */
#include <errno.h>
#include <string.h>

#include "support.h"

struct number {
	int err;
	int host;
	const char *name;
};

#ifdef __linux__
/* The host's own numbers: these tests run where they are Linux's. */
static const struct number numbers[] = {
	{MHP_ERR_PERM, EPERM, "EPERM"},
	{MHP_ERR_NOENT, ENOENT, "ENOENT"},
	{MHP_ERR_INTR, EINTR, "EINTR"},
	{MHP_ERR_IO, EIO, "EIO"},
	{MHP_ERR_2BIG, E2BIG, "E2BIG"},
	{MHP_ERR_AGAIN, EAGAIN, "EAGAIN"},
	{MHP_ERR_NOMEM, ENOMEM, "ENOMEM"},
	{MHP_ERR_ACCES, EACCES, "EACCES"},
	{MHP_ERR_FAULT, EFAULT, "EFAULT"},
	{MHP_ERR_BUSY, EBUSY, "EBUSY"},
	{MHP_ERR_EXIST, EEXIST, "EEXIST"},
	{MHP_ERR_NODEV, ENODEV, "ENODEV"},
	{MHP_ERR_NOTDIR, ENOTDIR, "ENOTDIR"},
	{MHP_ERR_ISDIR, EISDIR, "EISDIR"},
	{MHP_ERR_INVAL, EINVAL, "EINVAL"},
	{MHP_ERR_NFILE, ENFILE, "ENFILE"},
	{MHP_ERR_NOSPC, ENOSPC, "ENOSPC"},
	{MHP_ERR_RANGE, ERANGE, "ERANGE"},
	{MHP_ERR_DEADLK, EDEADLK, "EDEADLK"},
	{MHP_ERR_NAMETOOLONG, ENAMETOOLONG, "ENAMETOOLONG"},
	{MHP_ERR_NOSYS, ENOSYS, "ENOSYS"},
	{MHP_ERR_OPNOTSUPP, EOPNOTSUPP, "EOPNOTSUPP"},
	{MHP_ERR_TIMEDOUT, ETIMEDOUT, "ETIMEDOUT"},
	{MHP_ERR_ALREADY, EALREADY, "EALREADY"},
	{MHP_ERR_INPROGRESS, EINPROGRESS, "EINPROGRESS"},
	{MHP_ERR_UCLEAN, EUCLEAN, "EUCLEAN"},
	{MHP_ERR_CANCELED, ECANCELED, "ECANCELED"},
};

static void test_numbers(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_int_equal(numbers[i].err, -numbers[i].host);
		assert_string_equal(mhp_errname(numbers[i].err),
				    numbers[i].name);
	}
}
#endif

/* Every error of the list, so that a new one is tested too. */
static const int all[] = {
#define ALL_ERR(name, value, text) MHP_ERR_##name,
	MHP_ERR_MAP(ALL_ERR)
#undef ALL_ERR
};

static void test_texts(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_true(all[i] < 0);
		assert_true(strlen(mhp_strerror(all[i])) > 0);
		for (j = 0; j < i; j++) {
			assert_int_not_equal(all[i], all[j]);
			assert_string_not_equal(mhp_strerror(all[i]),
						mhp_strerror(all[j]));
			assert_string_not_equal(mhp_errname(all[i]),
						mhp_errname(all[j]));
		}
	}
	assert_non_null(mhp_strerror(0));
	assert_string_not_equal(mhp_errname(0), "E?");
}

static void test_unknown(void **state)
{
	static const int unknown[] = {1, 22, -3, -4096, INT32_MIN, INT32_MAX};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_string_equal(mhp_errname(unknown[i]), "E?");
		assert_non_null(mhp_strerror(unknown[i]));
	}
}

static const struct mhp_report full = {
	.code = MHP_ERR_BUSY,
	.stage = MHP_STAGE_OFFLINE,
	.why = MHP_WHY_PINNED,
	.pfn = 0x12ab,
	.order = 3,
	.owner = 7,
	.pins = 42,
	.owner_name = "cache",
};

static void test_report(void **state)
{
	char text[256];
	size_t length;

	(void)state;
	length = mhp_report_text(&full, text, sizeof(text));
	assert_int_equal(length, strlen(text));
	assert_non_null(strstr(text, "offline"));
	assert_non_null(strstr(text, "pinned"));
	assert_non_null(strstr(text, "12ab"));
	assert_non_null(strstr(text, "cache"));
	assert_non_null(strstr(text, "42"));
	assert_null(strchr(text, '\n'));
}

static void test_report_rule(void **state)
{
	struct mhp_geometry g = {.page_shift = 1};
	struct mhp_report report;
	char text[256];

	(void)state;
	assert_int_equal(mhp_geometry_check(&g, &report), MHP_ERR_INVAL);
	mhp_report_text(&report, text, sizeof(text));
	assert_non_null(strstr(text, "rule 1"));
	assert_non_null(strstr(text, report.detail));
	/* Fields that do not apply are not mentioned. */
	assert_null(strstr(text, "pfn"));
	assert_null(strstr(text, "owner"));
}

/* Whatever the room: a terminated prefix, and the length of the whole. */
static void test_report_cut(void **state)
{
	char whole[256], text[256];
	size_t length, room;

	(void)state;
	length = mhp_report_text(&full, whole, sizeof(whole));
	for (room = 1; room <= length + 1; room++) {
		memset(text, 0x5a, sizeof(text));
		assert_int_equal(mhp_report_text(&full, text, room), length);
		assert_int_equal(strlen(text), room - 1);
		assert_memory_equal(text, whole, room - 1);
		assert_int_equal(text[room], 0x5a);
	}
}

/* All stages and reasons have a text of their own. */
static void test_report_all(void **state)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	char text[256], before[256] = "";
	int i;

	(void)state;
	for (i = 0; i <= MHP_WHY_HOST_FAILED; i++) {
		report.why = (enum mhp_why)i;
		mhp_report_text(&report, text, sizeof(text));
		assert_string_not_equal(text, before);
		strcpy(before, text);
	}
	for (i = 0; i <= MHP_STAGE_DEVICE; i++) {
		report.stage = (enum mhp_stage)i;
		mhp_report_text(&report, text, sizeof(text));
		assert_int_equal(strlen(text) > 10, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __linux__
		cmocka_unit_test(test_numbers),
#endif
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_report_rule),
		cmocka_unit_test(test_report_cut),
		cmocka_unit_test(test_report_all),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
