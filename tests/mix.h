/* SPDX-License-Identifier: MIT */
/*
 * A party: everything that test_mix_random.c has going on, and the steps of it
 * that are in mix_pages.c.
 */
#ifndef MHP_TESTS_MIX_H
#define MHP_TESTS_MIX_H

#include "lend_support.h"
#include "mhp/device.h"
#include "mhp/notify.h"

#define NR_ADDED 15
#define NR_HUGE 32
#define NR_DEVICES 3
#define NR_OPS 2
#define NR_NOTED 16
#define MOST_DEEP 2

/* An unmovable allocation of whole pageblocks. */
struct huge {
	mhp_pfn_t pfn;
	uint64_t nr_pages; /* 0: none */
	bool busy;	   /* a call is about it */
};

struct op {
	struct mhp_offline offline;
	bool open;
	bool steps;
};

struct party {
	struct machine *mc;
	struct shelf *shelf;
	struct dice dice;
	struct mhp_notifier notifier;
	struct huge huges[NR_HUGE];
	mhp_pfn_t noted[NR_NOTED]; /* allocated in events */
	struct mhp_device *devices[NR_DEVICES];
	struct op ops[NR_OPS];
	unsigned int deep;
	bool later; /* owners may put off a move: nobody waits for it */
	uint64_t nr_calls[2], nr_refused[2];
};

static inline uint64_t below(struct party *p, uint64_t n)
{
	return dice_below(&p->dice, n);
}

static inline uint64_t pageblock_pages(const struct party *p)
{
	return mhp_pageblock_pages(p->mc->g);
}

static inline uint64_t any_block(struct party *p)
{
	if (!below(p, 20))
		return below(p, NR_BLOCKS);
	return FIRST_BLOCK + below(p, NR_ADDED);
}

static inline mhp_pfn_t any_page(struct party *p)
{
	return block_start(p->mc, any_block(p)) +
	       below(p, mhp_block_pages(p->mc->g));
}

static inline void expect(struct party *p, int err)
{
	assert_int_not_equal(err, MHP_ERR_DEADLK);
	p->nr_calls[p->deep > 0]++;
	p->nr_refused[p->deep > 0] += err != 0;
}

/* Nobody waits for what owners have put off. */
static inline uint64_t any_deadline(struct party *p)
{
	unsigned int i;

	for (i = 0; i < NR_ITEMS; i++)
		if (p->shelf->items[i].live &&
		    p->shelf->items[i].to_pfn != MHP_PFN_NONE)
			return 0;
	return p->later || !below(p, 8) ? 0 : MHP_NO_DEADLINE;
}

/** mix_make_room() - a shelf has an end: half of it goes when it comes near */
void mix_make_room(struct party *p);

/* Steps: one call, or a few. */
void mix_item(struct party *p);
void mix_item_free(struct party *p);
void mix_pin(struct party *p);
void mix_many(struct party *p);
void mix_huge(struct party *p);
void mix_huge_free(struct party *p);
void mix_lend(struct party *p);
void mix_take_back(struct party *p);
void mix_split(struct party *p);
void mix_split_item(struct party *p);

#endif
