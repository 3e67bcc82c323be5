/* SPDX-License-Identifier: MIT */
/*
 * Pages that a balloon holds: allocated from the engine as movable pages of an
 * owner, and not backed by the host.
 *
 *   held[i] = 0                       nothing
 *   held[i] = (pfn + 1) << 1          holds this page; its cookie is i
 *   held[i] = (pfn + 1) << 1 | TAKEN  somebody moves it or lets go of it
 *
 * Calls for one balloon come one at a time, but pages are moved by whoever
 * takes memory offline, at any time. Who changes an entry that holds a page
 * takes it first. To move a page is to give another one to the host in its
 * place, so nothing is copied.
 */
#include "balloon.h"

#define HELD_TAKEN UINT64_C(1)

static uint64_t held_entry(mhp_pfn_t pfn)
{
	return (pfn + 1) << 1;
}

static mhp_pfn_t held_pfn(uint64_t entry)
{
	return (entry >> 1) - 1;
}

/* Make an entry ours, if it holds a page and is nobody's. */
static bool held_take(mhp_word_t *held, uint64_t entry)
{
	return entry && !(entry & HELD_TAKEN) &&
	       mhp_port_cas(held, &entry, entry | HELD_TAKEN);
}

static void held_forget(struct mhp_balloon *b, uint32_t i)
{
	mhp_port_store_release(&b->setup.held[i], 0);
	(void)mhp_port_add(&b->nr_held, UINT64_MAX);
}

/* ---- moving ---- */

static int held_move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	struct mhp_balloon *b = ctx;
	uint32_t i = (uint32_t)move->cookie;
	mhp_word_t *held = &b->setup.held[i];

	if (move->order || !held_take(held, held_entry(move->from_pfn)))
		return MHP_ERR_AGAIN;
	/* It becomes the engine's, so it must be backed again. */
	if (balloon_populate(b, mhp_range_make(move->from_pfn, 1)) != 1) {
		mhp_port_store_release(held, held_entry(move->from_pfn));
		return MHP_ERR_BUSY;
	}
	if (balloon_release(b, mhp_range_make(move->to_pfn, 1)) == 1) {
		mhp_port_store_release(held, held_entry(move->to_pfn));
		return 0;
	}
	/* Nobody needs to hold a page that the host does not take. */
	held_forget(b, i);
	(void)mhp_frame_free(m, move->to_pfn, 0);
	return 0;
}

const struct mhp_owner_ops balloon_owner_ops = {
	.size_bytes = sizeof(struct mhp_owner_ops),
	.name = "balloon",
	.move = held_move,
};

/* ---- taking and giving ---- */

/* An entry that holds nothing; max_held: there is none. */
static uint32_t held_free_entry(struct mhp_balloon *b)
{
	uint32_t i;

	if (b->end_held < b->setup.max_held)
		return b->end_held++;
	for (i = 0; i < b->setup.max_held; i++)
		if (!mhp_port_load(&b->setup.held[i]))
			return i;
	return b->setup.max_held;
}

static int balloon_hold_page(struct mhp *m, struct mhp_balloon *b, uint32_t i,
			     struct mhp_report *report)
{
	struct mhp_request request = {
		.mobility = MHP_MOVABLE,
		.node_plus_1 = (uint16_t)(b->setup.node + 1),
		.owner = b->owner,
		.cookie = i,
	};
	mhp_pfn_t pfn;
	int err = mhp_frame_alloc(m, &request, &pfn);

	if (err)
		return driver_refuse(report, err, MHP_WHY_EXHAUSTED, NULL);
	if (balloon_release(b, mhp_range_make(pfn, 1)) != 1) {
		(void)mhp_frame_free(m, pfn, 0);
		return driver_refuse(report, MHP_ERR_AGAIN, MHP_WHY_DEVICE_BUSY,
				     "the host took no page");
	}
	(void)mhp_port_add(&b->nr_held, 1);
	mhp_port_store_release(&b->setup.held[i], held_entry(pfn));
	return 0;
}

int balloon_hold(struct mhp *m, struct mhp_balloon *b, uint64_t nr_pages,
		 uint64_t *nr_done, struct mhp_report *report)
{
	uint32_t i;
	int err = 0;

	for (; nr_pages && !err; nr_pages--) {
		i = held_free_entry(b);
		if (i == b->setup.max_held)
			return driver_refuse(report, MHP_ERR_NOSPC,
					     MHP_WHY_DEVICE_BUSY,
					     "the balloon holds as many pages "
					     "as it may");
		err = balloon_hold_page(m, b, i, report);
		*nr_done += !err;
	}
	return err;
}

/* Return: 1: the page is free; 0: somebody has it; -1: the host refused. */
static int balloon_let_go_page(struct mhp *m, struct mhp_balloon *b, uint32_t i)
{
	mhp_word_t *held = &b->setup.held[i];
	uint64_t entry = mhp_port_load_acquire(held);

	if (!held_take(held, entry))
		return 0;
	if (balloon_populate(b, mhp_range_make(held_pfn(entry), 1)) != 1) {
		mhp_port_store_release(held, entry);
		return -1;
	}
	/* Unknown before it is freed: the page may be somebody's at once. */
	held_forget(b, i);
	(void)mhp_frame_free(m, held_pfn(entry), 0);
	return 1;
}

uint64_t balloon_let_go(struct mhp *m, struct mhp_balloon *b, uint64_t nr_pages)
{
	uint64_t nr_done = 0;
	uint32_t i = b->end_held;
	int done = 0;

	while (i && nr_done < nr_pages && done >= 0) {
		done = balloon_let_go_page(m, b, --i);
		nr_done += done > 0;
	}
	while (b->end_held && !mhp_port_load(&b->setup.held[b->end_held - 1]))
		b->end_held--;
	return nr_done;
}
