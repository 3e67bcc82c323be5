/* SPDX-License-Identifier: MIT */
/*
 * An owner of movable pages that answers as the test tells it; see support.h.
 *
 * The number of an item stands in each of its pages, so that a page that moved
 * without its content, or that somebody else got too, is found when it is
 * looked at next.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

static uint64_t item_number(const struct shelf *shelf, const struct item *item)
{
	return (uint64_t)(item - shelf->items);
}

static uint64_t *item_page(struct shelf *shelf, mhp_pfn_t pfn, uint64_t i)
{
	uint64_t *page = mhp_frame_address(shelf->mc->m, pfn + i);

	assert_non_null(page);
	return page;
}

static void item_write(struct shelf *shelf, const struct item *item)
{
	uint64_t i;

	for (i = 0; i < item->nr_pages; i++)
		*item_page(shelf, item->pfn, i) = item_number(shelf, item);
}

static void item_verify(struct shelf *shelf, const struct item *item)
{
	struct mhp_page_info info = page_info(shelf->mc, item->pfn);
	uint64_t i;

	assert_int_equal(info.use, MHP_PAGE_ALLOCATED);
	assert_int_equal(info.head_pfn, item->pfn);
	assert_int_equal(info.order, item->order);
	assert_int_equal(info.nr_pages, item->nr_pages);
	assert_int_equal(info.owner, shelf->owner);
	assert_int_equal(info.cookie, item_number(shelf, item));
	for (i = 0; i < item->nr_pages; i++)
		assert_int_equal(*item_page(shelf, item->pfn, i),
				 item_number(shelf, item));
}

static void item_copy(struct shelf *shelf, const struct item *item,
		      mhp_pfn_t to_pfn)
{
	uint64_t i;

	for (i = 0; i < item->nr_pages; i++)
		memcpy(item_page(shelf, to_pfn, i),
		       item_page(shelf, item->pfn, i),
		       mhp_page_bytes(shelf->mc->g));
}

static int shelf_answer(struct shelf *shelf, struct item *item,
			const struct mhp_move *move)
{
	switch (item->answer) {
	case ANSWER_REFUSED_ONCE:
		if (item->nr_asked == 1)
			return MHP_ERR_BUSY;
		break;
	case ANSWER_REFUSED:
		return MHP_ERR_BUSY;
	case ANSWER_AGAIN:
		return MHP_ERR_AGAIN;
	case ANSWER_BROKEN:
		return MHP_ERR_IO;
	case ANSWER_LATER:
		assert_true(item->to_pfn == MHP_PFN_NONE);
		item->to_pfn = move->to_pfn;
		return MHP_ERR_INPROGRESS;
	case ANSWER_MOVED:
		break;
	}
	item_copy(shelf, item, move->to_pfn);
	item->pfn = move->to_pfn;
	shelf->nr_moved++;
	return 0;
}

static int shelf_move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	struct shelf *shelf = ctx;
	struct mhp_page_info target;
	struct item *item;

	assert_ptr_equal(m, shelf->mc->m);
	assert_true(move->cookie < NR_ITEMS);
	if (shelf->at_move)
		shelf->at_move(shelf, move);
	item = &shelf->items[move->cookie];
	if (!item->live || item->pfn != move->from_pfn)
		return MHP_ERR_AGAIN;
	assert_int_equal(move->order, item->order);
	assert_int_equal(move->nr_pages, item->nr_pages);
	target = page_info(shelf->mc, move->to_pfn);
	assert_int_equal(target.use, MHP_PAGE_ALLOCATED);
	assert_int_equal(target.order, item->order);
	assert_int_equal(target.nr_pages, item->nr_pages);
	assert_int_equal(target.owner, shelf->owner);
	assert_int_equal(target.cookie, move->cookie);
	item->nr_asked++;
	return shelf_answer(shelf, item, move);
}

/* One after the other; what is AGAIN is left as it is. */
static void shelf_move_many(void *ctx, struct mhp *m,
			    const struct mhp_move *moves, unsigned int nr,
			    int *codes)
{
	struct shelf *shelf = ctx;
	mhp_pfn_t pfn = 0;
	uint64_t nr_pages = 0;
	unsigned int i;

	assert_in_range(nr, 1, MHP_OFFLINE_BATCH);
	shelf->nr_many++;
	if (nr > shelf->most_together)
		shelf->most_together = nr;
	for (i = 0; i < nr; i++) {
		int err = shelf_move(shelf, m, &moves[i]);

		assert_true(moves[i].from_pfn >= pfn);
		pfn = moves[i].from_pfn + moves[i].nr_pages;
		nr_pages += moves[i].nr_pages;
		if (err != MHP_ERR_AGAIN)
			codes[i] = err;
	}
	assert_in_range(nr_pages, 1, 64);
}

static uint32_t shelf_pins(void *ctx, struct mhp *m, mhp_pfn_t pfn,
			   unsigned int order, uint64_t cookie)
{
	struct shelf *shelf = ctx;

	(void)m;
	assert_true(cookie < NR_ITEMS);
	if (shelf->at_pins)
		shelf->at_pins(shelf, pfn);
	if (!shelf->items[cookie].live || shelf->items[cookie].pfn != pfn ||
	    shelf->items[cookie].order != order)
		return 0;
	return shelf->items[cookie].pins;
}

/* Nothing else is lost in a test: the memory of the model is good. */
static void shelf_poisoned(void *ctx, struct mhp *m, mhp_pfn_t pfn,
			   unsigned int order, uint64_t cookie,
			   mhp_pfn_t bad_pfn)
{
	struct shelf *shelf = ctx;

	(void)m;
	assert_true(cookie < NR_ITEMS);
	if (!shelf->items[cookie].live || shelf->items[cookie].pfn != pfn)
		return;
	assert_int_equal(shelf->items[cookie].order, order);
	assert_true(bad_pfn - pfn < shelf->items[cookie].nr_pages);
	shelf->nr_lost++;
	shelf->bad_pfn = bad_pfn;
}

static const struct mhp_owner_ops shelf_ops = {
	.size_bytes = sizeof(shelf_ops),
	.name = SHELF_NAME,
	.move = shelf_move,
	.pins = shelf_pins,
	.poisoned = shelf_poisoned,
};

static const struct mhp_owner_ops shelf_many_ops = {
	.size_bytes = sizeof(shelf_many_ops),
	.name = SHELF_NAME,
	.move = shelf_move,
	.move_many = shelf_move_many,
	.pins = shelf_pins,
	.poisoned = shelf_poisoned,
};

static struct shelf *shelf_register(struct machine *mc,
				    const struct mhp_owner_ops *ops)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));

	assert_non_null(shelf);
	shelf->mc = mc;
	assert_int_equal(mhp_owner_register(mc->m, ops, shelf, &shelf->owner),
			 0);
	assert_true(shelf->owner > 0);
	return shelf;
}

struct shelf *shelf_open(struct machine *mc)
{
	return shelf_register(mc, &shelf_ops);
}

struct shelf *shelf_open_many(struct machine *mc)
{
	return shelf_register(mc, &shelf_many_ops);
}

void shelf_close(struct shelf *shelf)
{
	unsigned int i;

	for (i = 0; i < NR_ITEMS; i++)
		if (shelf->items[i].live)
			shelf_free(shelf, &shelf->items[i]);
	assert_int_equal(mhp_owner_unregister(shelf->mc->m, shelf->owner), 0);
	free(shelf);
}

/* A place for a new item, and the request for it. */
static struct item *item_new(struct shelf *shelf, struct mhp_request *request)
{
	struct item *item = shelf->items;

	while (item < shelf->items + NR_ITEMS && item->live)
		item++;
	assert_true(item < shelf->items + NR_ITEMS);
	request->size_bytes = sizeof(*request);
	request->mobility = MHP_MOVABLE;
	request->owner = shelf->owner;
	request->cookie = item_number(shelf, item);
	memset(item, 0, sizeof(*item));
	item->order = request->order;
	item->nr_pages = UINT64_C(1) << request->order;
	item->to_pfn = MHP_PFN_NONE;
	return item;
}

struct item *shelf_alloc(struct shelf *shelf, const struct mhp_request *wanted)
{
	struct mhp_request request = {0};
	struct item *item;
	int err;

	if (wanted)
		request = *wanted;
	item = item_new(shelf, &request);
	err = mhp_frame_alloc(shelf->mc->m, &request, &item->pfn);
	if (err == MHP_ERR_NOMEM)
		return NULL;
	assert_int_equal(err, 0);
	item->live = true;
	item_write(shelf, item);
	return item;
}

struct item *shelf_alloc_run(struct shelf *shelf,
			     const struct mhp_request *wanted,
			     uint64_t nr_pages)
{
	struct mhp_request request = *wanted;
	struct item *item = item_new(shelf, &request);

	if (mhp_run_alloc(shelf->mc->m, &request, nr_pages, &item->pfn))
		return NULL;
	item->nr_pages = nr_pages;
	while (UINT64_C(1) << item->order < nr_pages)
		item->order++;
	item->live = true;
	item_write(shelf, item);
	return item;
}

void shelf_free(struct shelf *shelf, struct item *item)
{
	assert_true(item->live);
	item_verify(shelf, item);
	if (item->nr_pages > mhp_pageblock_pages(shelf->mc->g))
		assert_int_equal(
			mhp_run_free(shelf->mc->m, item->pfn, item->nr_pages),
			0);
	else
		assert_int_equal(
			mhp_frame_free(shelf->mc->m, item->pfn, item->order),
			0);
	item->live = false;
}

static bool item_in_block(struct shelf *shelf, const struct item *item,
			  uint64_t block_id)
{
	return item->live && mhp_block_id(shelf->mc->g, item->pfn) == block_id;
}

unsigned int shelf_in_block(struct shelf *shelf, uint64_t block_id)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_ITEMS; i++)
		nr += item_in_block(shelf, &shelf->items[i], block_id);
	return nr;
}

void shelf_fill(struct shelf *shelf, uint64_t block_id, unsigned int order,
		unsigned int nr)
{
	while (nr--) {
		struct mhp_request request = {.order = (uint8_t)order};
		struct item *item = item_new(shelf, &request);

		item->pfn = alloc_in_block(shelf->mc, &request, block_id);
		item->live = true;
		item_write(shelf, item);
	}
}

int shelf_complete(struct shelf *shelf, struct item *item, bool moved)
{
	mhp_pfn_t from_pfn = item->pfn, to_pfn = item->to_pfn;
	int err;

	assert_true(to_pfn != MHP_PFN_NONE);
	if (moved) {
		item_copy(shelf, item, to_pfn);
		item->pfn = to_pfn;
		shelf->nr_moved++;
	}
	item->to_pfn = MHP_PFN_NONE;
	err = mhp_move_complete(shelf->mc->m, from_pfn, to_pfn, item->order,
				moved);
	return err;
}

void shelf_verify(struct shelf *shelf)
{
	unsigned int i;

	for (i = 0; i < NR_ITEMS; i++)
		if (shelf->items[i].live)
			item_verify(shelf, &shelf->items[i]);
}
