/* SPDX-License-Identifier: MIT */
/*
 * What processors prefer is nobody's: with the cursors of many parked in a
 * block, its pages are all there when it is isolated, it goes offline and
 * leaves without anybody allocating or freeing, and the cursors lead nowhere
 * then. The same with pages in hand, and with bulks in flight. What all keep
 * empty is had in one piece by who needs it. And a processor that frees a whole
 * row of what it prefers hides nothing.
 *
 * A thread is a processor here (port/hosted).
 */
#include "src/pageblock.h"
#include "src/section.h"

#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define NR_MEMBERS 8
#define NR_CPUS 16
#define NR_NODES 3
#define NR_HANDS 32
#define NR_BULK 48
#define NR_ROUNDS 300
#define KERNEL_BLOCK FIRST_BLOCK
#define MOVABLE_BLOCK (FIRST_BLOCK + 1)

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)

struct crowd;

/* A thread, and what it has. */
struct member {
	struct crowd *crowd;
	pthread_t thread;
	unsigned int number;
	unsigned int nr;
	mhp_pfn_t pfns[NR_HANDS];
	unsigned int orders[NR_HANDS];
	uint64_t nr_wrong, nr_got;
};

/* Threads that do the same, whenever they are told. */
struct crowd {
	struct machine *mc;
	uint16_t owner;
	pthread_barrier_t begin, end;
	void (*what)(struct member *me); /* NULL: that was all */
	struct member members[NR_MEMBERS];
	uint32_t stop;
	uint32_t gone; /* whether the movable block is offline for certain */
	mhp_pfn_t *boot;
	uint64_t nr_boot;
};

static void *member_run(void *arg)
{
	struct member *me = arg;
	struct crowd *crowd = me->crowd;

	for (;;) {
		pthread_barrier_wait(&crowd->begin);
		if (!crowd->what)
			return NULL;
		crowd->what(me);
		pthread_barrier_wait(&crowd->end);
	}
}

static void crowd_do(struct crowd *crowd, void (*what)(struct member *me))
{
	unsigned int i;

	crowd->what = what;
	pthread_barrier_wait(&crowd->begin);
	pthread_barrier_wait(&crowd->end);
	for (i = 0; i < NR_MEMBERS; i++)
		assert_int_equal(crowd->members[i].nr_wrong, 0);
}

/* All boot memory is taken: who allocates does so in what is plugged. */
static void crowd_take_boot(struct crowd *crowd)
{
	struct machine *mc = crowd->mc;
	const struct mhp_request one = {
		.limit_pfn = block_start(mc, NR_BOOT_BLOCKS)};

	crowd->boot = calloc(block_start(mc, NR_BOOT_BLOCKS),
			     sizeof(*crowd->boot));
	assert_non_null(crowd->boot);
	while (!mhp_frame_alloc(mc->m, &one, &crowd->boot[crowd->nr_boot]))
		crowd->nr_boot++;
	assert_true(crowd->nr_boot > 0);
}

static struct crowd *crowd_start(struct machine *mc)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	unsigned int i;

	assert_non_null(crowd);
	crowd->mc = mc;
	assert_int_equal(mhp_owner_register(mc->m, &busy_owner_ops, crowd,
					    &crowd->owner),
			 0);
	crowd_take_boot(crowd);
	pthread_barrier_init(&crowd->begin, NULL, NR_MEMBERS + 1);
	pthread_barrier_init(&crowd->end, NULL, NR_MEMBERS + 1);
	for (i = 0; i < NR_MEMBERS; i++) {
		struct member *me = &crowd->members[i];

		me->crowd = crowd;
		me->number = i;
		assert_int_equal(
			pthread_create(&me->thread, NULL, member_run, me), 0);
	}
	return crowd;
}

static void crowd_end(struct crowd *crowd)
{
	struct mhp *m = crowd->mc->m;
	unsigned int i;

	crowd->what = NULL;
	pthread_barrier_wait(&crowd->begin);
	for (i = 0; i < NR_MEMBERS; i++)
		pthread_join(crowd->members[i].thread, NULL);
	pthread_barrier_destroy(&crowd->begin);
	pthread_barrier_destroy(&crowd->end);
	while (crowd->nr_boot)
		assert_int_equal(
			mhp_frame_free(m, crowd->boot[--crowd->nr_boot], 0), 0);
	assert_int_equal(mhp_owner_unregister(m, crowd->owner), 0);
	free(crowd->boot);
	free(crowd);
}

/* ---- what they do ---- */

/* A request for each cursor of a processor. */
static struct mhp_request nth_request(const struct member *me, unsigned int n)
{
	const uint8_t orders[] = {
		0, 2, (uint8_t)mhp_pageblock_order(me->crowd->mc->g)};
	struct mhp_request request = {
		.order = orders[n % 3],
		.mobility = n / 3 % 2 ? MHP_MOVABLE : MHP_UNMOVABLE,
		.node_plus_1 = (uint16_t)(n / 6),
	};

	if (request.mobility == MHP_MOVABLE)
		request.owner = me->crowd->owner;
	return request;
}

#define NR_REQUESTS (6 * (NR_NODES + 1))

/* Leave each cursor where it got something that is free again. */
static void do_park(struct member *me)
{
	struct mhp *m = me->crowd->mc->m;
	mhp_pfn_t pfn;
	unsigned int n;

	for (n = 0; n < NR_REQUESTS; n++) {
		struct mhp_request request = nth_request(me, n);

		if (mhp_frame_alloc(m, &request, &pfn))
			continue;
		me->nr_got++;
		me->nr_wrong += !!mhp_frame_free(m, pfn, request.order);
	}
}

/* Nothing is there: not where the cursors are, and nowhere else. */
static void do_find_nothing(struct member *me)
{
	mhp_pfn_t pfn;
	unsigned int n;

	for (n = 0; n < NR_REQUESTS; n++) {
		struct mhp_request request = nth_request(me, n);

		me->nr_wrong += mhp_frame_alloc(me->crowd->mc->m, &request,
						&pfn) != MHP_ERR_NOMEM;
	}
}

/* The blocks have changed places: each finds the one of its zone. */
static void do_find_other(struct member *me)
{
	struct machine *mc = me->crowd->mc;
	mhp_pfn_t pfn;
	unsigned int n;

	for (n = 0; n < NR_REQUESTS; n++) {
		struct mhp_request request = nth_request(me, n);
		uint64_t want = request.mobility == MHP_MOVABLE ? KERNEL_BLOCK
								: MOVABLE_BLOCK;

		request.flags = MHP_ALLOC_THIS_ZONE;
		if (mhp_frame_alloc(mc->m, &request, &pfn))
			continue;
		me->nr_wrong += mhp_block_id(mc->g, pfn) != want;
		me->nr_wrong += !!mhp_frame_free(mc->m, pfn, request.order);
		request.flags = 0;
		if (mhp_frame_alloc(mc->m, &request, &pfn))
			continue;
		me->nr_wrong += mhp_block_id(mc->g, pfn) != want &&
				request.mobility == MHP_UNMOVABLE;
		me->nr_wrong += !!mhp_frame_free(mc->m, pfn, request.order);
	}
}

/* Movable pages and runs, which stay in hand. */
static void do_take(struct member *me)
{
	unsigned int n;

	for (n = 0; n < NR_REQUESTS; n++) {
		struct mhp_request request = nth_request(me, n);

		if (request.mobility == MHP_UNMOVABLE || n % 3 == 2)
			continue;
		request.flags = MHP_ALLOC_THIS_ZONE;
		if (mhp_frame_alloc(me->crowd->mc->m, &request,
				    &me->pfns[me->nr]))
			continue;
		me->orders[me->nr++] = request.order;
	}
}

/* What the next one has: freed by others than those who allocated. */
static void do_free_others(struct member *me)
{
	struct member *other =
		&me->crowd->members[(me->number + 1) % NR_MEMBERS];

	while (other->nr) {
		other->nr--;
		me->nr_wrong += !!mhp_frame_free(me->crowd->mc->m,
						 other->pfns[other->nr],
						 other->orders[other->nr]);
	}
}

static void do_bulk(struct member *me)
{
	struct crowd *crowd = me->crowd;
	struct machine *mc = crowd->mc;
	const struct mhp_request request = {.mobility = MHP_MOVABLE,
					    .owner = crowd->owner};
	mhp_pfn_t pfns[NR_BULK];

	while (!LOAD(crowd->stop)) {
		uint32_t gone = LOAD(crowd->gone);
		int i, nr = mhp_frame_alloc_bulk(mc->m, &request, NR_BULK,
						 pfns);

		/* Odd: offline since before the call, and still now. */
		for (i = 0; gone & 1 && i < nr; i++)
			me->nr_wrong += LOAD(crowd->gone) == gone &&
					mhp_block_id(mc->g, pfns[i]) ==
						MOVABLE_BLOCK;
		__atomic_add_fetch(&me->nr_got, (uint64_t)nr, __ATOMIC_SEQ_CST);
		me->nr_wrong += !!mhp_frame_free_bulk(mc->m, 0, (uint32_t)nr,
						      pfns);
		sched_yield();
	}
}

/* ---- what is looked at ---- */

/* Pageblocks of a block that are empty and open, since a cursor is there. */
static unsigned int nr_parked(struct machine *mc, uint64_t block_id)
{
	struct mhp_block *blk = section_block(mc->m, block_start(mc, block_id));
	unsigned int nr = 0;
	uint32_t i;

	for (i = 0; i < mhp_block_pageblocks(mc->g); i++) {
		struct pageblock pb = pageblock_at(mc->m, blk, i);
		uint64_t word = mhp_port_load(pb.word);

		nr += word & PB_SMALL && word & PB_OWNER &&
		      pageblock_empty(mc->m, &pb, word);
	}
	return nr;
}

static void assert_accounted(struct machine *mc, uint64_t block_id)
{
	struct mhp_block_info info = block_info(mc, block_id);

	assert_int_equal(info.nr_free, 0);
	assert_int_equal(info.nr_isolated + info.nr_allocated + info.nr_memmap,
			 mhp_block_pages(mc->g));
}

/* Offline in one step, if nobody has anything there. */
static void leave(struct machine *mc, uint64_t block_id)
{
	struct mhp_offline op;

	assert_int_equal(mhp_offline_begin(mc->m, &op, block_id,
					   MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_accounted(mc, block_id);
	assert_int_equal(block_info(mc, block_id).nr_allocated, 0);
	assert_int_equal(mhp_offline_step(mc->m, &op, NULL), 0);
	assert_int_equal(mhp_remove(mc->m, block_range(mc, block_id, 1), NULL),
			 0);
}

static void plug_both(struct machine *mc, uint64_t kernel, uint64_t movable)
{
	plug(mc, kernel, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	plug(mc, movable, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
}

/* Allocate until a pageblock that this processor prefers is full. */
static struct pageblock fill_preferred(struct machine *mc)
{
	const struct mhp_request one = {.size_bytes = sizeof(one)};
	struct pageblock pb;
	uint64_t word;

	do {
		mhp_pfn_t pfn;

		assert_int_equal(mhp_frame_alloc(mc->m, &one, &pfn), 0);
		pb = pageblock_of(mc->m, section_block(mc->m, pfn), pfn);
		word = mhp_port_load(pb.word);
	} while (!(word & PB_OWNER) || word & PB_MIXED ||
		 !pageblock_full(mc->m, &pb));
	return pb;
}

/* Somebody calls the pageblock full, having seen it when it was nobody's. The
 * one who prefers it frees a row, all of it at once. */
static void test_full_row(struct machine *mc)
{
	struct pageblock pb = fill_preferred(mc);
	uint32_t i, nr = UINT32_C(1) << mc->m->layout.row_order;
	mhp_pfn_t pfns[64];

	pageblock_mark_full(mc->m, &pb);
	for (i = 0; i < nr; i++)
		pfns[i] = pageblock_pfn(mc->m, &pb) + i;
	assert_int_equal(mhp_frame_free_bulk(mc->m, 0, nr, pfns), 0);
	check_ok(mc);
	assert_false(pageblock_hint_full(mc->m, pb.blk, pb.index / 64) >>
			     pb.index % 64 &
		     1);
}

static void test_parked(struct machine *mc)
{
	struct crowd *crowd = crowd_start(mc);

	plug_both(mc, KERNEL_BLOCK, MOVABLE_BLOCK);
	crowd_do(crowd, do_park);
	assert_true(nr_parked(mc, KERNEL_BLOCK) > 1);
	assert_true(nr_parked(mc, MOVABLE_BLOCK) > 1);
	leave(mc, KERNEL_BLOCK);
	leave(mc, MOVABLE_BLOCK);
	crowd_do(crowd, do_find_nothing);
	/* The same addresses, another life: other zones. */
	plug_both(mc, MOVABLE_BLOCK, KERNEL_BLOCK);
	crowd_do(crowd, do_find_other);
	leave(mc, KERNEL_BLOCK);
	leave(mc, MOVABLE_BLOCK);
	crowd_end(crowd);
}

/* What others keep empty is no loss to who needs it in one piece. */
static void test_one_piece(struct machine *mc)
{
	const struct mhp_request request = {
		.align_order = (uint8_t)mhp_pageblock_order(mc->g)};
	uint64_t nr_pages = mhp_block_pages(mc->g);
	struct crowd *crowd;
	mhp_pfn_t pfn;

	plug(mc, KERNEL_BLOCK, 1, MHP_PLACEMENT_EXISTING, MHP_ONLINE_KERNEL);
	crowd = crowd_start(mc);
	crowd_do(crowd, do_park);
	assert_true(nr_parked(mc, KERNEL_BLOCK) > 1);
	check_ok(mc);
	assert_int_equal(mhp_run_alloc(mc->m, &request, nr_pages, &pfn), 0);
	assert_int_equal(pfn, block_start(mc, KERNEL_BLOCK));
	crowd_do(crowd, do_find_nothing);
	assert_int_equal(mhp_run_alloc(mc->m, &request, nr_pages, &pfn),
			 MHP_ERR_NOMEM);
	assert_int_equal(mhp_run_free(mc->m, pfn, nr_pages), 0);
	check_ok(mc);
	crowd_end(crowd);
}

/* The checker finds a pageblock that no cursor leads to. */
static void test_lost(struct machine *mc)
{
	struct pageblock pb = fill_preferred(mc);
	struct mhp_report report;

	check_ok(mc);
	mhp_port_or(pb.word, PB_OWNER);
	assert_int_equal(mhp_check(mc->m, &report), MHP_ERR_UCLEAN);
	assert_int_equal(report.rule, 32);
	assert_int_equal(report.pfn, pageblock_pfn(mc->m, &pb));
	mhp_port_and(pb.word, ~PB_OWNER);
	check_ok(mc);
}

static void test_in_hand(struct machine *mc)
{
	struct crowd *crowd = crowd_start(mc);
	struct mhp_offline op;
	uint64_t nr = 0;
	unsigned int i, k;

	plug_both(mc, KERNEL_BLOCK, MOVABLE_BLOCK);
	crowd_do(crowd, do_take);
	for (i = 0; i < NR_MEMBERS; i++)
		for (k = 0; k < crowd->members[i].nr; k++)
			nr += UINT64_C(1) << crowd->members[i].orders[k];
	assert_true(nr > NR_MEMBERS);
	assert_int_equal(mhp_offline_begin(mc->m, &op, MOVABLE_BLOCK,
					   MHP_NO_DEADLINE, MHP_OFFLINE_PATIENT,
					   NULL),
			 0);
	assert_accounted(mc, MOVABLE_BLOCK);
	assert_int_equal(block_info(mc, MOVABLE_BLOCK).nr_allocated, nr);
	crowd_do(crowd, do_free_others);
	assert_accounted(mc, MOVABLE_BLOCK);
	assert_int_equal(block_info(mc, MOVABLE_BLOCK).nr_allocated, 0);
	assert_int_equal(mhp_offline_step(mc->m, &op, NULL), 0);
	assert_int_equal(
		mhp_remove(mc->m, block_range(mc, MOVABLE_BLOCK, 1), NULL), 0);
	leave(mc, KERNEL_BLOCK);
	crowd_end(crowd);
}

/* Offline, while those who allocate there go on. */
static void leave_under_load(struct crowd *crowd)
{
	struct machine *mc = crowd->mc;
	struct mhp_offline op;
	int err;

	assert_int_equal(mhp_offline_begin(mc->m, &op, MOVABLE_BLOCK,
					   MHP_NO_DEADLINE, MHP_OFFLINE_PATIENT,
					   NULL),
			 0);
	assert_accounted(mc, MOVABLE_BLOCK);
	while ((err = mhp_offline_step(mc->m, &op, NULL)) == MHP_ERR_AGAIN)
		sched_yield();
	assert_int_equal(err, 0);
	__atomic_add_fetch(&crowd->gone, 1, __ATOMIC_SEQ_CST);
	sched_yield();
	__atomic_add_fetch(&crowd->gone, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(
		online_blocks(mc, MOVABLE_BLOCK, 1, MHP_ONLINE_MOVABLE), 0);
}

static void test_bulk(struct machine *mc)
{
	struct crowd *crowd = crowd_start(mc);
	unsigned int i;
	uint64_t nr = 0;
	char *before;

	plug_both(mc, KERNEL_BLOCK, MOVABLE_BLOCK);
	before = snapshot(mc, 0);
	crowd->what = do_bulk;
	pthread_barrier_wait(&crowd->begin);
	for (i = 0; i < NR_ROUNDS; i++)
		leave_under_load(crowd);
	/* Rounds may be over before anybody has had the processor. */
	while (!LOAD(crowd->members[0].nr_got))
		sched_yield();
	STORE(crowd->stop, 1);
	pthread_barrier_wait(&crowd->end);
	for (i = 0; i < NR_MEMBERS; i++) {
		assert_int_equal(crowd->members[i].nr_wrong, 0);
		nr += crowd->members[i].nr_got;
	}
	assert_true(nr > 0);
	unchanged(mc, before, 0);
	leave(mc, KERNEL_BLOCK);
	leave(mc, MOVABLE_BLOCK);
	crowd_end(crowd);
}

/* ---- the machine: what is plugged is near node 0 ---- */

static const struct machine_case crowd_case = {
	.name = "crowd",
	.geometry = {.page_shift = 12,
		     .pmd_shift = 17,
		     .pageblock_shift = 17,
		     .section_shift = 19,
		     .block_shift = 21,
		     .pud_shift = 22,
		     .phys_bits = 40,
		     .descriptor_bytes = 16,
		     .nr_nodes = NR_NODES,
		     .nr_cpus = NR_CPUS},
};

int main(void)
{
	static const struct machine_test tests[] = {
		{.name = "full_row", .run = test_full_row},
		{.name = "parked", .run = test_parked},
		{.name = "one_piece", .run = test_one_piece},
		{.name = "lost", .run = test_lost},
		{.name = "in_hand", .run = test_in_hand},
		{.name = "bulk", .run = test_bulk},
	};

	return machine_run_cases("cursors", tests,
				 sizeof(tests) / sizeof(tests[0]), &crowd_case,
				 1);
}
