/* SPDX-License-Identifier: MIT */
/*
 * A balloon that takes and gives pages while the block where most of them are
 * goes offline and online: pages that it holds are moved and let go of at the
 * same time. The host notes of each page whether it is backed, and that nobody
 * gives a page away twice.
 */
#include <pthread.h>
#include <stdlib.h>

#include "mhp/balloon.h"
#include "support.h"

#define NR_OFFLINES 30
#define NR_HELD 200
#define MAX_PAGES 65536

struct world {
	struct machine *mc;
	struct mhp_balloon b;
	mhp_word_t held[NR_HELD];
	uint32_t released[MAX_PAGES]; /* not backed; by pfn */
	uint32_t nr_wrong;
	uint32_t ending;
	uint64_t nr_rounds;
};

static void mark(struct world *w, mhp_pfn_t pfn, uint32_t from, uint32_t to)
{
	if (!__atomic_compare_exchange_n(&w->released[pfn], &from, to, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		__atomic_fetch_add(&w->nr_wrong, 1, __ATOMIC_RELAXED);
}

static int64_t host_populate(void *ctx, struct mhp_range range)
{
	mark(ctx, range.start_pfn, 1, 0);
	return 1;
}

static int64_t host_release(void *ctx, struct mhp_range range)
{
	mark(ctx, range.start_pfn, 0, 1);
	return 1;
}

static const struct mhp_balloon_ops host_ops = {
	.size_bytes = sizeof(host_ops),
	.populate = host_populate,
	.release = host_release,
};

static void *breathe(void *arg)
{
	struct world *w = arg;
	uint64_t done, nr = 1;

	while (!__atomic_load_n(&w->ending, __ATOMIC_ACQUIRE)) {
		nr = nr * 7 % 101;
		(void)!mhp_balloon_inflate(w->mc->m, &w->b, nr, MHP_NO_DEADLINE,
					   &done, NULL);
		nr = nr * 5 % 103 + 1;
		(void)!mhp_balloon_deflate(w->mc->m, &w->b, nr, &done, NULL);
		__atomic_fetch_add(&w->nr_rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Offline and online again, with some rounds of the other in between. */
static void come_and_go(struct world *w)
{
	uint64_t rounds;
	int i, err;

	for (i = 0; i < NR_OFFLINES; i++) {
		err = mhp_block_offline(w->mc->m, FIRST_BLOCK, MHP_NO_DEADLINE,
					NULL);
		assert_true(!err || err == MHP_ERR_BUSY ||
			    err == MHP_ERR_NOMEM);
		if (!err)
			assert_int_equal(online_blocks(w->mc, FIRST_BLOCK, 1,
						       MHP_ONLINE_MOVABLE),
					 0);
		rounds = __atomic_load_n(&w->nr_rounds, __ATOMIC_ACQUIRE);
		while (__atomic_load_n(&w->nr_rounds, __ATOMIC_ACQUIRE) <
		       rounds + 2)
			mhp_model_advance(w->mc->model, 1);
	}
}

/* Pages that are not backed are those that the balloon holds. */
static void compare(struct world *w)
{
	uint64_t nr_held = 0, pfn;

	assert_int_equal(w->nr_wrong, 0);
	for (pfn = 0; pfn < NR_BLOCKS * mhp_block_pages(w->mc->g); pfn++) {
		struct mhp_page_info info = page_info(w->mc, pfn);
		bool holds = info.use == MHP_PAGE_ALLOCATED &&
			     info.owner == w->b.owner;

		assert_int_equal(holds, w->released[pfn]);
		nr_held += holds;
	}
	assert_int_equal(nr_held, w->b.nr_held.value);
}

static void test_move_and_let_go(struct machine *mc)
{
	struct world *w = calloc(1, sizeof(*w));
	struct mhp_balloon_setup setup = {
		.ops = &host_ops,
		.ops_ctx = w,
		.max_held = NR_HELD,
	};
	pthread_t thread;
	uint64_t done;

	assert_non_null(w);
	assert_true(NR_BLOCKS * mhp_block_pages(mc->g) <= MAX_PAGES);
	w->mc = mc;
	setup.held = w->held;
	assert_int_equal(mhp_balloon_init(mc->m, &w->b, &setup, NULL), 0);
	plug(mc, FIRST_BLOCK, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_MOVABLE);
	/* The first offline has pages to move for certain. */
	assert_int_equal(mhp_balloon_inflate(mc->m, &w->b, 40, MHP_NO_DEADLINE,
					     &done, NULL),
			 0);
	assert_int_equal(block_info(mc, FIRST_BLOCK).nr_allocated, 40);
	pthread_create(&thread, NULL, breathe, w);
	come_and_go(w);
	__atomic_store_n(&w->ending, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	compare(w);
	assert_int_equal(mhp_balloon_fini(mc->m, &w->b, MHP_NO_DEADLINE, NULL),
			 0);
	compare(w);
	free(w);
}

static const struct machine_test tests[] = {
	{"move_and_let_go", test_move_and_let_go},
};

int main(void)
{
	return machine_run("balloon_threads", tests, 1, true);
}
