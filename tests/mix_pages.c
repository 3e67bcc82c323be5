/* SPDX-License-Identifier: MIT */
/* Pages that come and go, are lent, taken back and split; see mix.h. */
#include "mix.h"

/* ---- pages ---- */

static struct item *any_item(struct party *p)
{
	unsigned int i, at = (unsigned int)below(p, NR_ITEMS);

	for (i = 0; i < NR_ITEMS; i++) {
		struct item *item = &p->shelf->items[(at + i) % NR_ITEMS];

		if (item->live && item->to_pfn == MHP_PFN_NONE)
			return item;
	}
	return NULL;
}

void mix_make_room(struct party *p)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_ITEMS; i++)
		nr += p->shelf->items[i].live;
	for (i = 0; nr > NR_ITEMS - 64 && i < NR_ITEMS; i += 2)
		if (p->shelf->items[i].live &&
		    p->shelf->items[i].to_pfn == MHP_PFN_NONE)
			shelf_free(p->shelf, &p->shelf->items[i]);
}

void mix_item(struct party *p)
{
	struct mhp_request request = {.flags = below(p, 2) ? MHP_ALLOC_NO_TAILS
							   : 0};

	if (below(p, 3))
		request.order = (uint8_t)below(
			p, mhp_pageblock_order(p->mc->g) + 1);
	if (!below(p, 4)) {
		request.order = 0;
		(void)shelf_alloc_run(p->shelf, &request,
				      (1 + below(p, 3)) * pageblock_pages(p));
	} else {
		(void)shelf_alloc(p->shelf, &request);
	}
}

void mix_item_free(struct party *p)
{
	struct item *item = any_item(p);
	unsigned int nr = 1 + (below(p, 8) ? 0 : 100);

	while (nr-- && (item = any_item(p)))
		shelf_free(p->shelf, item);
}

void mix_pin(struct party *p)
{
	struct item *item = any_item(p);

	if (item)
		item->pins = !below(p, 4);
}

void mix_many(struct party *p)
{
	uint64_t i, nr = below(p, 64);

	for (i = 0; i < nr; i++)
		(void)shelf_alloc(p->shelf, NULL);
}

void mix_huge(struct party *p)
{
	const struct mhp_request request = {
		.flags = below(p, 2) ? MHP_ALLOC_NO_TAILS : 0};
	struct huge *huge = &p->huges[below(p, NR_HUGE)];
	uint64_t nr = (1 + below(p, 3)) * pageblock_pages(p);

	if (!huge->nr_pages && !huge->busy &&
	    !mhp_run_alloc(p->mc->m, &request, nr, &huge->pfn))
		huge->nr_pages = nr;
}

void mix_huge_free(struct party *p)
{
	struct huge *huge = &p->huges[below(p, NR_HUGE)];

	if (!huge->nr_pages || huge->busy)
		return;
	assert_int_equal(mhp_run_free(p->mc->m, huge->pfn, huge->nr_pages), 0);
	huge->nr_pages = 0;
}

/* ---- lending ---- */

void mix_lend(struct party *p)
{
	struct huge *huge = &p->huges[below(p, NR_HUGE)];
	struct item *item = any_item(p);

	if (huge->nr_pages && !huge->busy)
		assert_int_equal(mhp_memmap_lend(p->mc->m, huge->pfn,
						 huge->nr_pages, NULL, NULL),
				 0);
	if (item && item->nr_pages >= pageblock_pages(p))
		assert_int_equal(mhp_memmap_lend(p->mc->m, item->pfn,
						 item->nr_pages, NULL, NULL),
				 0);
}

void mix_take_back(struct party *p)
{
	uint32_t flags = below(p, 2) ? MHP_TAKE_BACK_FREE : 0;
	mhp_pfn_t pfn = any_page(p);

	expect(p, mhp_memmap_take_back(
			  p->mc->m,
			  mhp_range_make(
				  pfn, below(p, 5 * mhp_block_pages(p->mc->g))),
			  flags, any_deadline(p), NULL));
}

void mix_split(struct party *p)
{
	struct huge *huge = &p->huges[below(p, NR_HUGE)];
	unsigned int order = (unsigned int)below(
		p, mhp_pageblock_order(p->mc->g) + 1);
	uint64_t i;
	int err;

	if (!huge->nr_pages || huge->nr_pages >> order < 2 || huge->busy)
		return;
	huge->busy = true;
	err = mhp_frame_split(p->mc->m, huge->pfn, huge->nr_pages, order, 0,
			      any_deadline(p), NULL);
	huge->busy = false;
	expect(p, err);
	if (err)
		return;
	for (i = 0; i < huge->nr_pages; i += UINT64_C(1) << order)
		assert_int_equal(mhp_frame_free(p->mc->m, huge->pfn + i, order),
				 0);
	huge->nr_pages = 0;
}

/* A movable one may be moved itself meanwhile: then it is not split. */
void mix_split_item(struct party *p)
{
	struct item *item = any_item(p);
	unsigned int order;
	mhp_pfn_t pfn;
	uint64_t i;

	if (!item || item->nr_pages < 2 || p->deep)
		return;
	order = (unsigned int)below(p, item->order);
	pfn = item->pfn;
	if (item->nr_pages & ((UINT64_C(1) << order) - 1))
		return;
	if (mhp_frame_split(p->mc->m, pfn, item->nr_pages, order, 0,
			    any_deadline(p), NULL))
		return;
	assert_true(item->live && item->pfn == pfn);
	for (i = 0; i < item->nr_pages; i += UINT64_C(1) << order)
		assert_int_equal(mhp_frame_free(p->mc->m, pfn + i, order), 0);
	item->live = false;
}
