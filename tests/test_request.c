/* SPDX-License-Identifier: MIT */
/*
 * A cursor remembers what the request said that it served last, and does not
 * check the same words again. So what follows such a request is tried here:
 * the same one with something wrong or another constraint in it, owners who
 * take turns, and those who are gone. Each on single pages, runs and whole
 * pageblocks.
 */
#include "support.h"

#include <pthread.h>
#include <sched.h>

#include "src/grace.h"

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)
#define NR_ROUNDS 100
#define NR_GOING 10

/* A request, and what it got last. */
struct served {
	struct machine *mc;
	struct mhp_request request;
	mhp_pfn_t pfn;
};

static void serve(struct served *s)
{
	assert_int_equal(mhp_frame_alloc(s->mc->m, &s->request, &s->pfn), 0);
	assert_int_equal(mhp_frame_free(s->mc->m, s->pfn, s->request.order), 0);
}

/* Served, twice: so the second time by the cursor alone. */
static void serve_well(struct served *s)
{
	serve(s);
	serve(s);
}

/* Like the one that was served, but for what @spoil does to it. */
static int serve_spoiled(struct served *s,
			 void (*spoil)(struct served *s, struct mhp_request *r))
{
	struct mhp_request r = s->request;
	mhp_pfn_t pfn;
	int err;

	serve_well(s);
	spoil(s, &r);
	err = mhp_frame_alloc(s->mc->m, &r, &pfn);
	if (!err)
		assert_int_equal(mhp_frame_free(s->mc->m, pfn, r.order), 0);
	return err;
}

static void spoil_node(struct served *s, struct mhp_request *r)
{
	r->node_plus_1 = (uint16_t)(s->mc->c->geometry.nr_nodes + 1);
}

/* Nodes that may look like another one in fewer bits. */
static void spoil_node_bits(struct served *s, struct mhp_request *r)
{
	(void)s;
	r->node_plus_1 |= 0x4000;
}

static void spoil_mobility(struct served *s, struct mhp_request *r)
{
	(void)s;
	r->mobility += 2;
}

static void spoil_flags(struct served *s, struct mhp_request *r)
{
	(void)s;
	r->flags |= 0x8000;
}

static void spoil_size(struct served *s, struct mhp_request *r)
{
	(void)s;
	r->size_bytes++;
}

static void spoil_cookie(struct served *s, struct mhp_request *r)
{
	(void)s;
	r->cookie = MHP_COOKIE_MAX + 1;
}

static void spoil_owner(struct served *s, struct mhp_request *r)
{
	(void)s;
	r->owner = 63;
}

static void spoil_owner_bits(struct served *s, struct mhp_request *r)
{
	(void)s;
	r->owner |= 0x100;
}

static void spoil_zone(struct served *s, struct mhp_request *r)
{
	(void)s;
	r->zone_limit = MHP_ZONE_MOVABLE + 1;
}

static void spoil_align(struct served *s, struct mhp_request *r)
{
	(void)s;
	r->align_order = 63;
}

/* These are valid, and nothing can serve them. */
static void limit_to_nothing(struct served *s, struct mhp_request *r)
{
	(void)s;
	r->limit_pfn = 1;
	r->order = r->order ? r->order : 1;
}

static void no_node(struct served *s, struct mhp_request *r)
{
	(void)s;
	r->node_mask = UINT64_C(1) << 63;
}

static void check_spoiled(struct served *s)
{
	static void (*const invalid[])(struct served *,
				       struct mhp_request *) = {
		spoil_node, spoil_node_bits, spoil_mobility, spoil_flags,
		spoil_size, spoil_cookie,    spoil_owner,    spoil_owner_bits,
		spoil_zone, spoil_align,
	};
	unsigned int i;

	for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		assert_int_equal(serve_spoiled(s, invalid[i]), MHP_ERR_INVAL);
	assert_int_equal(serve_spoiled(s, limit_to_nothing), MHP_ERR_NOMEM);
	assert_int_equal(serve_spoiled(s, no_node), MHP_ERR_NOMEM);
}

/* Each order once, from single pages to a chain of pageblocks. */
static void for_orders(struct machine *mc, const struct mhp_request *request,
		       void (*check)(struct served *s))
{
	unsigned int top = mhp_pageblock_order(&mc->c->geometry);
	struct served s = {.mc = mc, .request = *request};
	unsigned int order;

	for (order = 0; order <= top; order++) {
		s.request.order = (uint8_t)order;
		check(&s);
	}
}

static void test_spoiled(struct machine *mc)
{
	const struct mhp_request sized = {.size_bytes = sizeof(sized)};
	const struct mhp_request unsized = {.size_bytes = 0};
	const struct mhp_request near = {.size_bytes = sizeof(near),
					 .node_plus_1 = 1};

	for_orders(mc, &sized, check_spoiled);
	for_orders(mc, &unsized, check_spoiled);
	for_orders(mc, &near, check_spoiled);
}

/* -- Owners. -- */

static uint16_t owner_come(struct machine *mc)
{
	uint16_t owner;

	assert_int_equal(
		mhp_owner_register(mc->m, &busy_owner_ops, NULL, &owner), 0);
	return owner;
}

static void owner_go(struct machine *mc, uint16_t owner)
{
	assert_int_equal(mhp_owner_unregister(mc->m, owner), 0);
}

static struct mhp_request owned(uint16_t owner)
{
	return (struct mhp_request){.size_bytes = sizeof(struct mhp_request),
				    .mobility = MHP_MOVABLE,
				    .owner = owner};
}

/* Nothing is granted to who is gone; who comes has the same number. */
static void check_gone(struct served *s)
{
	uint16_t owner = owner_come(s->mc);
	mhp_pfn_t pfn;

	s->request.owner = owner;
	serve_well(s);
	owner_go(s->mc, owner);
	assert_int_equal(mhp_frame_alloc(s->mc->m, &s->request, &pfn),
			 MHP_ERR_INVAL);
	assert_int_equal(owner_come(s->mc), owner);
	serve_well(s);
	owner_go(s->mc, owner);
}

static void test_gone(struct machine *mc)
{
	const struct mhp_request request = owned(0);

	for_orders(mc, &request, check_gone);
}

/* A thread that allocates and frees for an owner. */
struct worker {
	struct served *s;
	pthread_t thread;
	uint32_t gone, stop;
	uint64_t nr_wrong; /* allocations that began when the owner was gone */
};

static void *work(void *arg)
{
	struct worker *w = arg;
	const struct served *s = w->s;

	while (!LOAD(w->stop)) {
		bool gone = LOAD(w->gone);
		mhp_pfn_t pfn;
		unsigned int i;

		if (mhp_frame_alloc(s->mc->m, &s->request, &pfn))
			continue;
		w->nr_wrong += gone;
		(void)mhp_frame_free(s->mc->m, pfn, s->request.order);
		for (i = 0; i < 100; i++)
			mhp_port_relax();
	}
	return NULL;
}

/* The owner goes while somebody allocates for it. */
static void check_gone_meanwhile(struct served *s)
{
	struct worker w = {.s = s};
	unsigned int i;

	for (i = 0; i < NR_GOING; i++) {
		uint16_t owner = owner_come(s->mc);

		s->request.owner = owner;
		serve_well(s);
		w.gone = w.stop = 0;
		assert_int_equal(pthread_create(&w.thread, NULL, work, &w), 0);
		while (mhp_owner_unregister(s->mc->m, owner))
			sched_yield();
		STORE(w.gone, 1);
		sched_yield();
		STORE(w.stop, 1);
		assert_int_equal(pthread_join(w.thread, NULL), 0);
		assert_int_equal(w.nr_wrong, 0);
	}
}

static void test_gone_meanwhile(struct machine *mc)
{
	const struct mhp_request request = owned(0);

	for_orders(mc, &request, check_gone_meanwhile);
}

/* Who takes turns gets pages of his own. */
static void check_turns(struct served *s)
{
	uint16_t owners[2] = {owner_come(s->mc), owner_come(s->mc)};
	unsigned int i;

	for (i = 0; i < NR_ROUNDS; i++) {
		struct mhp_request r = owned(owners[i % 2]);
		mhp_pfn_t pfn;

		r.order = s->request.order;
		r.cookie = i;
		assert_int_equal(mhp_frame_alloc(s->mc->m, &r, &pfn), 0);
		assert_int_equal(page_info(s->mc, pfn).owner, r.owner);
		assert_int_equal(page_info(s->mc, pfn).cookie, i);
		assert_int_equal(mhp_frame_free(s->mc->m, pfn, r.order), 0);
	}
	owner_go(s->mc, owners[0]);
	owner_go(s->mc, owners[1]);
}

static void test_turns(struct machine *mc)
{
	const struct mhp_request request = owned(0);

	for_orders(mc, &request, check_turns);
}

int main(void)
{
	static const struct machine_test tests[] = {
		{.name = "spoiled", .run = test_spoiled},
		{.name = "gone", .run = test_gone},
		{.name = "gone_meanwhile", .run = test_gone_meanwhile},
		{.name = "turns", .run = test_turns},
	};

	return machine_run("request", tests, sizeof(tests) / sizeof(tests[0]),
			   true);
}
