/* SPDX-License-Identifier: MIT */
/*
 * Everything that port/posix asks of the system fails, one request after the
 * other: once, and from then on. After each failure the process has what it had
 * before, and the same call succeeds when the system has recovered.
 *
 * Each trial begins on an instance of its own, so that a number alone replays
 * it.
 */
#include "mhp/device.h"
#include "posix_support.h"

/* More than any call here makes. */
#define MANY_CALLS 500

#define NR_HANDLES 24

struct trial {
	struct mhp_posix_fault fault;
	struct mhp_posix *p;
	enum mhp_placement placement;
	uint64_t nr;
	uint32_t id;
	struct mhp_device *device;
	mhp_handle_t handles[NR_HANDLES];
	unsigned int fds;
};

static void fault_clear(struct trial *t)
{
	t->fault = (struct mhp_posix_fault){0};
}

static void fault_set(struct trial *t, enum mhp_posix_fault_how how, uint64_t k)
{
	t->fault = (struct mhp_posix_fault){.how = how, .k = k};
}

/* What must be as before: of the process, of the port, of the engine. */
struct look {
	unsigned int fds;
	unsigned int maps;
	struct mhp_posix_stat stat;
	struct mhp_stat engine;
};

static struct look look_now(struct trial *t)
{
	struct look look = {.fds = nr_fds(), .maps = nr_memfd_maps()};

	look.stat = stat_of(t->p);
	assert_int_equal(mhp_stat_read(mhp_posix_mhp(t->p), &look.engine), 0);
	return look;
}

static void look_same(const struct look *a, const struct look *b)
{
	assert_int_equal(a->fds, b->fds);
	assert_int_equal(a->maps, b->maps);
	assert_int_equal(a->stat.meta_bytes, b->stat.meta_bytes);
	assert_int_equal(a->stat.nr_mappings, b->stat.nr_mappings);
	assert_int_equal(a->stat.nr_handles, b->stat.nr_handles);
	assert_int_equal(a->engine.existing_bytes, b->engine.existing_bytes);
	assert_int_equal(a->engine.nr_present, b->engine.nr_present);
	assert_int_equal(a->engine.nr_managed, b->engine.nr_managed);
	assert_int_equal(a->engine.index_bytes, b->engine.index_bytes);
}

static int call_plug(struct trial *t)
{
	const struct mhp_posix_request request = {
		.capacity_bytes = t->nr * SMALL_BLOCK,
		.placement = t->placement,
		.add_flags = MHP_ADD_STRICT,
		.online = MHP_ONLINE_MOVABLE,
	};

	return mhp_posix_plug(t->p, &request, &t->id, NULL);
}

static void ready_plug(struct trial *t)
{
	(void)t;
}

static void ready_unplug(struct trial *t)
{
	assert_int_equal(call_plug(t), 0);
	for (unsigned int i = 0; i < NR_HANDLES; i++) {
		uint64_t *word;

		assert_int_equal(
			mhp_handle_alloc(t->p, 4096, 0, t->handles + i), 0);
		word = mhp_handle_pin(t->p, t->handles[i]);
		*word = i;
		mhp_handle_unpin(t->p, t->handles[i]);
	}
}

static int call_unplug(struct trial *t)
{
	return mhp_posix_unplug(t->p, t->id, MHP_NO_DEADLINE, 0, NULL);
}

static void ready_device(struct trial *t)
{
	const struct mhp_posix_request request = {
		.capacity_bytes = t->nr * SMALL_BLOCK};

	assert_int_equal(mhp_posix_provide(t->p, &request, &t->id, NULL), 0);
}

/* A range that begins and ends inside blocks. */
static int call_device(struct trial *t)
{
	struct mhp *m = mhp_posix_mhp(t->p);
	uint64_t nr = mhp_subsection_pages(mhp_geometry(m));
	struct mhp_range range = region_of(t->p, t->id).range;
	struct mhp_device_request request = {
		.placement = t->placement,
		.nr_reserved_pages = 1,
		.flags = MHP_ADD_STRICT,
	};

	request.range = mhp_range_make(range.start_pfn + nr,
				       range.nr_pages - 2 * nr);
	return mhp_device_add(m, &request, &t->device, NULL);
}

struct subject {
	const char *name;
	void (*ready)(struct trial *t);
	int (*call)(struct trial *t);
};

static const struct subject subjects[] = {
	{"plug", ready_plug, call_plug},
	{"unplug", ready_unplug, call_unplug},
	{"device add", ready_device, call_device},
};

static void content_check(struct trial *t)
{
	for (unsigned int i = 0; i < NR_HANDLES && t->handles[i]; i++) {
		uint64_t *word = mhp_handle_pin(t->p, t->handles[i]);

		assert_non_null(word);
		assert_int_equal(*word, i);
		mhp_handle_unpin(t->p, t->handles[i]);
	}
}

/* One trial; whether the fault was met. */
static bool trial_run(const struct subject *subject, struct trial *t,
		      enum mhp_posix_fault_how how, uint64_t k)
{
	struct look before, after;
	bool met;
	int err;

	fault_clear(t);
	t->p = small_open_with(0, &t->fault);
	subject->ready(t);
	before = look_now(t);
	fault_set(t, how, k);
	err = subject->call(t);
	met = t->fault.nr_faults != 0;
	fault_clear(t);
	if (!met)
		assert_int_equal(err, 0);
	content_check(t);
	/* A fault may be survived: an allocation looks elsewhere. */
	if (err) {
		assert_true(met);
		after = look_now(t);
		look_same(&before, &after);
		assert_int_equal(mhp_check(mhp_posix_mhp(t->p), NULL), 0);
		assert_int_equal(subject->call(t), 0);
		content_check(t);
	}
	check_close(t->p);
	return met;
}

static void subject_fails(const struct subject *subject)
{
	for (unsigned int i = 0; i < 4 * NR_PLACEMENTS; i++) {
		struct trial t = {.placement = all_placements[i >> 2],
				  .nr = i & 1 ? 3 : 1};
		enum mhp_posix_fault_how how = i & 2 ? MHP_POSIX_FAIL_FROM_THEN
						     : MHP_POSIX_FAIL_ONCE;
		uint64_t k = 1;

		/* One block is no range. */
		if (t.placement == MHP_PLACEMENT_RANGE)
			t.nr++;

		while (trial_run(subject, &t, how, k))
			assert_true(++k < MANY_CALLS);
		print_message("%s placement %d blocks %u how %d: %u calls\n",
			      subject->name, (int)t.placement,
			      (unsigned int)t.nr, (int)how,
			      (unsigned int)k - 1);
		assert_true(k > 1);
	}
}

static void every_request_of_plug(void **state)
{
	(void)state;
	subject_fails(&subjects[0]);
}

static void every_request_of_unplug(void **state)
{
	(void)state;
	subject_fails(&subjects[1]);
}

static void every_request_of_device_add(void **state)
{
	(void)state;
	subject_fails(&subjects[2]);
}

/* What is taken away is not asked for: a device range goes whatever fails. */
static void device_goes_while_all_fails(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct trial t = {.placement = all_placements[i], .nr = 3};
		struct look before, after;

		t.p = small_open_with(0, &t.fault);
		ready_device(&t);
		before = look_now(&t);
		assert_int_equal(call_device(&t), 0);
		fault_set(&t, MHP_POSIX_FAIL_FROM_THEN, 1);
		assert_int_equal(
			mhp_device_remove(mhp_posix_mhp(t.p), t.device), 0);
		fault_clear(&t);
		after = look_now(&t);
		look_same(&before, &after);
		assert_int_equal(mhp_check(mhp_posix_mhp(t.p), NULL), 0);
		assert_int_equal(mhp_posix_withdraw(t.p, t.id, NULL), 0);
		check_close(t.p);
	}
}

static void every_request_of_open(void **state)
{
	struct mhp_geometry g = small_geometry();
	const struct mhp_posix_config config = {.geometry = &g,
						.span_bytes = 5 * GIB};
	unsigned int fds = nr_fds(), maps = nr_memfd_maps();
	struct mhp_posix_fault fault;
	struct mhp_posix *p;
	uint64_t k = 0;
	int err;

	(void)state;
	do {
		p = NULL;
		fault = (struct mhp_posix_fault){.how = MHP_POSIX_FAIL_ONCE,
						 .k = ++k};
		err = mhp_posix_open_with(&config, &fault, &p, NULL);
		if (fault.nr_faults && err)
			assert_null(p);
		else
			check_close(p);
		assert_int_equal(nr_fds(), fds);
		assert_int_equal(nr_memfd_maps(), maps);
	} while (fault.nr_faults);
	assert_true(k > 6);
}

/* The fault's own number comes out, with the stage and a text. */
static void code_is_passed_on(void **state)
{
	struct mhp_posix_fault fault = {0};
	struct mhp_posix *p = small_open_with(0, &fault);
	const struct mhp_posix_request request = {
		.capacity_bytes = SMALL_BLOCK,
		.placement = MHP_PLACEMENT_BLOCK};
	struct mhp_report report = {0};
	uint32_t id;

	(void)state;
	fault = (struct mhp_posix_fault){
		.how = MHP_POSIX_FAIL_FROM_THEN, .code = MHP_ERR_IO, .k = 2};
	assert_int_not_equal(mhp_posix_plug(p, &request, &id, &report), 0);
	assert_int_equal(id, 0);
	assert_int_not_equal(report.why, MHP_WHY_NONE);
	fault.how = MHP_POSIX_FAIL_NEVER;
	check_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_of_open),
		cmocka_unit_test(every_request_of_plug),
		cmocka_unit_test(every_request_of_unplug),
		cmocka_unit_test(every_request_of_device_add),
		cmocka_unit_test(device_goes_while_all_fails),
		cmocka_unit_test(code_is_passed_on),
	};

	return cmocka_run_group_tests_name("posix_faults", tests, NULL, NULL);
}
