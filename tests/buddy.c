/* SPDX-License-Identifier: MIT */
/* The reference allocator; see buddy.h. */
#include "buddy.h"

#include <stdlib.h>
#include <string.h>

#define NR_ORDERS (BUDDY_MAX_ORDER + 1)
#define PAGEBLOCK_PAGES (1u << BUDDY_PAGEBLOCK_ORDER)
#define NOT_FREE UINT8_MAX

/* What is kept of a page; it counts where a free block begins. */
struct page {
	uint32_t next, prev;
	uint8_t order; /* of the free block, or NOT_FREE */
	bool movable;  /* which list it is in */
};

struct buddy {
	uint32_t nr_pages;
	struct page *pages;
	bool *movable; /* pageblocks */
	uint32_t heads[2][NR_ORDERS];
	uint64_t nr_blocks[NR_ORDERS];
};

struct buddy *buddy_create(uint32_t nr_pages)
{
	struct buddy *b = calloc(1, sizeof(*b));
	uint32_t i;

	if (!b)
		return NULL;
	b->nr_pages = nr_pages;
	b->pages = calloc(nr_pages, sizeof(*b->pages));
	b->movable = calloc(nr_pages / PAGEBLOCK_PAGES + 1, 1);
	if (!b->pages || !b->movable) {
		buddy_destroy(b);
		return NULL;
	}
	for (i = 0; i < nr_pages; i++)
		b->pages[i].order = NOT_FREE;
	/* Everything is for movable data until others need it. */
	memset(b->movable, 1, nr_pages / PAGEBLOCK_PAGES + 1);
	memset(b->heads, 0xff, sizeof(b->heads));
	return b;
}

void buddy_destroy(struct buddy *b)
{
	if (!b)
		return;
	free(b->pages);
	free(b->movable);
	free(b);
}

static void list_add(struct buddy *b, uint32_t page, unsigned int order,
		     bool movable)
{
	uint32_t *head = &b->heads[movable][order];

	b->pages[page] = (struct page){.next = *head,
				       .prev = BUDDY_NONE,
				       .order = (uint8_t)order,
				       .movable = movable};
	if (*head != BUDDY_NONE)
		b->pages[*head].prev = page;
	*head = page;
	b->nr_blocks[order]++;
}

static void list_remove(struct buddy *b, uint32_t page)
{
	struct page *p = &b->pages[page];

	if (p->prev == BUDDY_NONE)
		b->heads[p->movable][p->order] = p->next;
	else
		b->pages[p->prev].next = p->next;
	if (p->next != BUDDY_NONE)
		b->pages[p->next].prev = p->prev;
	b->nr_blocks[p->order]--;
	p->order = NOT_FREE;
}

/* Take a free block; what is too much goes back, half by half. */
static uint32_t take(struct buddy *b, uint32_t page, unsigned int order,
		     bool movable)
{
	unsigned int has = b->pages[page].order;

	list_remove(b, page);
	while (has > order) {
		has--;
		list_add(b, page + (1u << has), has, movable);
	}
	return page;
}

static uint32_t take_own(struct buddy *b, unsigned int order, bool movable)
{
	unsigned int o;

	for (o = order; o < NR_ORDERS; o++)
		if (b->heads[movable][o] != BUDDY_NONE)
			return take(b, b->heads[movable][o], order, movable);
	return BUDDY_NONE;
}

/* All free pages of a pageblock go to the lists of a mobility. Return: how many
 * these are. */
static uint32_t move_pageblock(struct buddy *b, uint32_t first, bool movable)
{
	uint32_t page = first, nr = 0;

	while (page < first + PAGEBLOCK_PAGES && page < b->nr_pages) {
		unsigned int order = b->pages[page].order;

		if (order == NOT_FREE) {
			page++;
			continue;
		}
		list_remove(b, page);
		list_add(b, page, order, movable);
		nr += 1u << order;
		page += 1u << order;
	}
	return nr;
}

/* A block of the other mobility is taken. */
static uint32_t steal(struct buddy *b, uint32_t page, unsigned int order,
		      bool movable)
{
	unsigned int has = b->pages[page].order;
	uint32_t first = page & ~(PAGEBLOCK_PAGES - 1), i;

	if (has >= BUDDY_PAGEBLOCK_ORDER) {
		for (i = 0; i < 1u << has; i += PAGEBLOCK_PAGES)
			b->movable[(page + i) / PAGEBLOCK_PAGES] = movable;
		return take(b, page, order, movable);
	}
	if (movable && has < BUDDY_PAGEBLOCK_ORDER / 2)
		return take(b, page, order, !movable);
	if (move_pageblock(b, first, movable) >= PAGEBLOCK_PAGES / 2)
		b->movable[first / PAGEBLOCK_PAGES] = movable;
	return take_own(b, order, movable);
}

uint32_t buddy_alloc(struct buddy *b, unsigned int order, bool movable)
{
	uint32_t page = take_own(b, order, movable);
	unsigned int o;

	for (o = NR_ORDERS; page == BUDDY_NONE && o-- > order;)
		if (b->heads[!movable][o] != BUDDY_NONE)
			page = steal(b, b->heads[!movable][o], order, movable);
	return page;
}

void buddy_free(struct buddy *b, uint32_t page, unsigned int order)
{
	for (; order < BUDDY_MAX_ORDER; order++) {
		uint32_t other = page ^ 1u << order;

		if (other >= b->nr_pages || b->pages[other].order != order)
			break;
		list_remove(b, other);
		if (other < page)
			page = other;
	}
	list_add(b, page, order, b->movable[page / PAGEBLOCK_PAGES]);
}

uint64_t buddy_nr_free(const struct buddy *b)
{
	return buddy_nr_runs(b, 0);
}

uint64_t buddy_nr_runs(const struct buddy *b, unsigned int order)
{
	uint64_t nr = 0;
	unsigned int o;

	for (o = order; o < NR_ORDERS; o++)
		nr += b->nr_blocks[o] << (o - order);
	return nr;
}
