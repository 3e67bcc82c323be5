/* SPDX-License-Identifier: MIT */
/*
 * Device ranges where it is narrow: in holes of boot blocks, among memory that
 * comes and goes by chance, under the eyes of readers; and what files say.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_support.h"
#include "mhp/port.h"
#include "mhp/view.h"

#define NR_STEPS 400
#define MOST_SUBS 4096

/* A machine whose boot memory ends in the middle of its second block, and has a
 * hole before that. */
static void start_with_holes(struct machine *mc, uint32_t flags)
{
	const struct machine_case *c = mc->c;
	uint64_t block = mhp_block_pages(&c->geometry);
	uint64_t sub = mhp_subsection_pages(&c->geometry);
	struct mhp_boot_range boot[2] = {
		{.range = {0, 4 * block + sub}},
		{.range = {4 * block + 2 * sub, sub}},
	};
	struct mhp_model_config config = {
		.geometry = c->geometry,
		.boot = boot,
		.nr_boot = 2,
		.max_pfn = NR_BLOCKS * block,
		.flags = c->flags | flags,
	};

	machine_end(mc);
	machine_start_config(mc, c, &config);
}

static void mark(struct machine *mc, struct mhp_range range, uint8_t byte)
{
	uint64_t nr = mc->g->descriptor_bytes - MHP_DESC_ENGINE_BYTES;
	mhp_pfn_t pfn;

	for (pfn = range.start_pfn; pfn < mhp_range_end_pfn(range); pfn++) {
		memset(mhp_frame_address(mc->m, pfn), byte,
		       mhp_page_bytes(mc->g));
		if (nr)
			memset(mhp_frame_extra(mc->m, pfn), byte, nr);
	}
}

static void marked(struct machine *mc, struct mhp_range range, uint8_t byte)
{
	uint64_t nr = mc->g->descriptor_bytes - MHP_DESC_ENGINE_BYTES;
	mhp_pfn_t pfn;

	for (pfn = range.start_pfn; pfn < mhp_range_end_pfn(range); pfn++) {
		const uint8_t *page = mhp_frame_address(mc->m, pfn);
		const uint8_t *extra = mhp_frame_extra(mc->m, pfn);

		assert_int_equal(page[0], byte);
		assert_int_equal(page[mhp_page_bytes(mc->g) - 1], byte);
		if (nr)
			assert_int_equal(extra[nr - 1], byte);
	}
}

/* One in the hole, one behind the memory and beyond the block. */
static void in_holes(struct machine *mc, enum mhp_placement placement)
{
	uint64_t subs = block_subsections(mc);
	struct mhp_device *hole, *tail, *none = NULL;
	char *before = snapshot(mc, 0);

	assert_int_equal(
		device_try(mc, subsections(mc, 4, 0, 2), placement, &none),
		MHP_ERR_EXIST);
	assert_int_equal(
		device_try(mc, subsections(mc, 4, 1, 2), placement, &none),
		MHP_ERR_EXIST);
	hole = device_new(mc, subsections(mc, 4, 1, 1), placement);
	tail = device_new(mc, subsections(mc, 4, 3, subs), placement);
	verify_tally(mc, block_range(mc, 3, 4));
	mark(mc, device_info(hole).data, 1);
	mark(mc, device_info(tail).data, 2);
	marked(mc, device_info(hole).data, 1);
	marked(mc, device_info(tail).data, 2);
	assert_int_equal(page_info(mc, device_info(hole).data.start_pfn).use,
			 MHP_PAGE_DEVICE);
	assert_int_equal(
		mhp_frame_free(mc->m, device_info(hole).data.start_pfn, 0),
		MHP_ERR_INVAL);
	assert_int_equal(add_blocks(mc, 5, 1, placement), MHP_ERR_EXIST);
	device_gone(mc, hole);
	marked(mc, device_info(tail).data, 2);
	device_gone(mc, tail);
	unchanged(mc, before, 0);
}

static void test_holes(struct machine *mc)
{
	static const uint32_t flags[] = {0, MHP_MODEL_NO_WINDOW,
					 MHP_MODEL_DIRTY, MHP_MODEL_STRICT};
	unsigned int i;

	if (block_subsections(mc) < 4) {
		print_message("blocks of fewer than four sub-sections\n");
		return;
	}
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (flags[i] & MHP_MODEL_STRICT &&
		    mhp_page_bytes(mc->g) < (uint64_t)sysconf(_SC_PAGESIZE))
			continue;
		start_with_holes(mc, flags[i]);
		in_holes(mc, MHP_PLACEMENT_RANGE);
		in_holes(mc, MHP_PLACEMENT_EXISTING);
	}
}

/* ---- by chance, beside blocks that come and go ---- */

struct chance {
	struct machine *mc;
	struct dice dice;
	struct mhp_device *of[MOST_SUBS]; /* by sub-section */
	bool block[NR_BLOCKS];
};

static struct mhp_range chance_range(const struct chance *c, uint64_t first,
				     uint64_t nr)
{
	return subsections(c->mc, FIRST_BLOCK, first, nr);
}

static bool chance_is_free(const struct chance *c, uint64_t first, uint64_t nr)
{
	uint64_t subs = block_subsections(c->mc), i;

	for (i = first; i < first + nr; i++)
		if (c->of[i] || c->block[FIRST_BLOCK + i / subs])
			return false;
	return true;
}

static void chance_add(struct chance *c, uint64_t nr_subs)
{
	static const enum mhp_placement placements[] = {
		MHP_PLACEMENT_AUTO, MHP_PLACEMENT_EXISTING, MHP_PLACEMENT_BLOCK,
		MHP_PLACEMENT_RANGE};
	uint64_t first = dice_below(&c->dice, nr_subs), i;
	uint64_t nr = 1 + dice_below(&c->dice, 4);
	struct mhp_device *device = NULL;
	int err;

	if (nr > nr_subs - first)
		nr = nr_subs - first;
	err = device_try(c->mc, chance_range(c, first, nr),
			 placements[dice_below(&c->dice, 4)], &device);
	if (!chance_is_free(c, first, nr)) {
		assert_int_equal(err, MHP_ERR_EXIST);
		return;
	}
	/* In one piece there may be no memory for it. */
	if (err == MHP_ERR_NOMEM)
		return;
	assert_int_equal(err, 0);
	for (i = first; i < first + nr; i++)
		c->of[i] = device;
	mark(c->mc, device_info(device).data, (uint8_t)first);
}

static void chance_remove(struct chance *c, uint64_t nr_subs)
{
	uint64_t i = dice_below(&c->dice, nr_subs), first;
	struct mhp_device *device;

	while (i < nr_subs && !c->of[i])
		i++;
	if (i == nr_subs)
		return;
	device = c->of[i];
	for (first = i; first && c->of[first - 1] == device;)
		first--;
	marked(c->mc, device_info(device).data, (uint8_t)first);
	assert_int_equal(mhp_device_remove(c->mc->m, device), 0);
	for (; first < nr_subs && c->of[first] == device; first++)
		c->of[first] = NULL;
}

static void chance_block(struct chance *c, uint64_t nr_subs)
{
	uint64_t subs = block_subsections(c->mc);
	uint64_t id = FIRST_BLOCK + dice_below(&c->dice, nr_subs / subs);
	bool busy = false;
	uint64_t i;
	int err;

	for (i = 0; i < subs; i++)
		busy |= c->of[(id - FIRST_BLOCK) * subs + i] != NULL;
	if (c->block[id]) {
		assert_int_equal(mhp_offline_and_remove(
					 c->mc->m, block_range(c->mc, id, 1),
					 MHP_NO_DEADLINE, 0, NULL),
				 0);
		c->block[id] = false;
		return;
	}
	err = add_blocks(c->mc, id, 1, MHP_PLACEMENT_BLOCK);
	assert_int_equal(err, busy ? MHP_ERR_EXIST : 0);
	c->block[id] = !err;
}

static void test_chance(struct machine *mc)
{
	uint64_t nr_subs = 4 * block_subsections(mc);
	struct chance *c = calloc(1, sizeof(*c));
	unsigned int i;

	assert_non_null(c);
	assert_true(nr_subs <= MOST_SUBS);
	c->mc = mc;
	dice_start(&c->dice, 26);
	for (i = 0; i < NR_STEPS; i++) {
		switch (dice_below(&c->dice, 5)) {
		case 0:
		case 1:
			chance_add(c, nr_subs);
			break;
		case 2:
		case 3:
			chance_remove(c, nr_subs);
			break;
		default:
			chance_block(c, nr_subs);
		}
		check_ok(mc);
	}
	verify_tally(mc, block_range(mc, FIRST_BLOCK, 4));
	free(c);
}

/* ---- readers ---- */

struct reader {
	struct machine *mc;
	mhp_pfn_t pfn;
	uint64_t inside; /* [atomic] */
	uint64_t leave;	 /* [atomic] */
	uint64_t left;	 /* [atomic] set last thing inside */
};

/* Holds a section open over what it found. */
static void *reader_run(void *arg)
{
	struct reader *r = arg;
	uint8_t *page, *extra;

	mhp_port_read_lock();
	page = mhp_frame_address(r->mc->m, r->pfn);
	extra = mhp_frame_extra(r->mc->m, r->pfn);
	__atomic_store_n(&r->inside, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&r->leave, __ATOMIC_ACQUIRE))
		usleep(100);
	/* Taken out by now, and still there for us. */
	page[0]++;
	if (extra)
		extra[0]++;
	__atomic_store_n(&r->left, 1, __ATOMIC_RELAXED);
	mhp_port_read_unlock();
	return NULL;
}

static void *leave_run(void *arg)
{
	struct reader *r = arg;
	struct mhp_device_info info;

	while (!mhp_device_find(r->mc->m, r->pfn, &info))
		usleep(100);
	__atomic_store_n(&r->leave, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Removing takes the range out, and waits for whoever found it before. */
static void test_readers(struct machine *mc)
{
	struct reader r = {.mc = mc};
	struct mhp_device *device;
	pthread_t reader, leaver;

	device = device_new(mc, subsections(mc, FIRST_BLOCK, 0, 2),
			    MHP_PLACEMENT_RANGE);
	r.pfn = device_info(device).data.start_pfn;
	assert_int_equal(pthread_create(&reader, NULL, reader_run, &r), 0);
	while (!__atomic_load_n(&r.inside, __ATOMIC_ACQUIRE))
		usleep(100);
	assert_int_equal(pthread_create(&leaver, NULL, leave_run, &r), 0);
	assert_int_equal(mhp_device_remove(mc->m, device), 0);
	assert_int_equal(__atomic_load_n(&r.left, __ATOMIC_RELAXED), 1);
	pthread_join(reader, NULL);
	pthread_join(leaver, NULL);
	check_ok(mc);
}

struct looker {
	struct machine *mc;
	uint64_t end; /* [atomic] */
	uint64_t nr_seen;
};

static void *looker_run(void *arg)
{
	struct looker *l = arg;
	struct mhp_range range = subsections(l->mc, FIRST_BLOCK, 0, 4);
	struct mhp_device_info info;
	struct mhp_tally tally;
	mhp_pfn_t pfn = range.start_pfn;

	while (!__atomic_load_n(&l->end, __ATOMIC_RELAXED)) {
		if (!mhp_device_find(l->mc->m, pfn, &info)) {
			assert_true(pfn - info.range.start_pfn <
				    info.range.nr_pages);
			l->nr_seen++;
		}
		assert_int_equal(mhp_frame_tally(l->mc->m, range, &tally), 0);
		mhp_port_read_lock();
		(void)mhp_frame_extra(l->mc->m, pfn);
		(void)mhp_frame_address(l->mc->m, pfn);
		mhp_port_read_unlock();
		if (++pfn == mhp_range_end_pfn(range))
			pfn = range.start_pfn;
	}
	return NULL;
}

/* Two look while ranges come and go. */
static void test_lookers(struct machine *mc)
{
	struct looker lookers[2] = {{.mc = mc}, {.mc = mc}};
	struct mhp_device *devices[4];
	pthread_t threads[2];
	unsigned int i, k;

	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, looker_run,
						&lookers[i]),
				 0);
	for (i = 0; i < 50; i++) {
		for (k = 0; k < 4; k++)
			assert_int_equal(
				device_try(mc,
					   subsections(mc, FIRST_BLOCK,
						       (k + i) % 4, 1),
					   i % 2 ? MHP_PLACEMENT_RANGE
						 : MHP_PLACEMENT_EXISTING,
					   &devices[k]),
				0);
		for (k = 0; k < 4; k++)
			assert_int_equal(mhp_device_remove(mc->m, devices[k]),
					 0);
	}
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&lookers[i].end, 1, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
	}
	check_ok(mc);
}

/* ---- files ---- */

static void read_file(struct machine *mc, const char *path, char *text,
		      size_t room)
{
	int length = mhp_view_read(mc->m, path, text, room, NULL);

	assert_true(length >= 0);
}

static void test_views(struct machine *mc)
{
	struct mhp_device_request request = {
		.range = subsections(mc, FIRST_BLOCK, 1, 2),
		.name = "namespace0.0"};
	static char text[1 << 16];
	struct mhp_device *device;
	char line[128];
	char *zone;

	assert_int_equal(mhp_device_add(mc->m, &request, &device, NULL), 0);
	read_file(mc, "/proc/iomem", text, sizeof(text));
	snprintf(
		line, sizeof(line), "%08" PRIx64 "-%08" PRIx64 " : %s\n",
		mhp_pa_from_pfn(mc->g, request.range.start_pfn).bytes,
		mhp_pa_from_pfn(mc->g, mhp_range_end_pfn(request.range)).bytes -
			1,
		"namespace0.0");
	assert_non_null(strstr(text, line));
	read_file(mc, "/proc/zoneinfo", text, sizeof(text));
	zone = strstr(text, "zone   Device");
	assert_non_null(zone);
	snprintf(line, sizeof(line),
		 "spanned  %" PRIu64 "\n        present  0\n"
		 "        managed  0\n",
		 request.range.nr_pages);
	assert_non_null(strstr(zone, line));
	read_file(mc, "/proc/buddyinfo", text, sizeof(text));
	assert_null(strstr(text, "Device"));
}

static const struct machine_test tests[] = {
	{"holes", test_holes},	   {"chance", test_chance},
	{"readers", test_readers}, {"lookers", test_lookers},
	{"views", test_views},
};

int main(void)
{
	return machine_run("device_place", tests,
			   sizeof(tests) / sizeof(tests[0]), true);
}
