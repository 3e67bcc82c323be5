/* SPDX-License-Identifier: MIT */
/*
 * Filled memory: movable pages with content that is known from the name and the
 * offset, so that every byte can be compared wherever the page has gone.
 *
 * Page by page, as a program's memory is: a fill is not contiguous, and leaves
 * no large allocations that the machine might not find a place for.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* A mixing function: neighbouring numbers give unrelated results. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

static uint64_t seed_of_name(const char *name)
{
	uint64_t seed = 1;

	while (*name)
		seed = mix(seed + (unsigned char)*name++);
	return seed;
}

static uint64_t fill_page_bytes(const struct fill *fill)
{
	return mhp_page_bytes(&fill->machine->layout.geometry);
}

static uint64_t page_words(const struct fill *fill)
{
	return fill_page_bytes(fill) / sizeof(uint64_t);
}

static void page_write(const struct fill *fill, uint64_t i, uint64_t *to)
{
	uint64_t nr = page_words(fill), w;

	for (w = 0; w < nr; w++)
		to[w] = mix(fill->seed + i * nr + w);
}

/* First byte of page @i that is not what was written; page size: none. */
static uint64_t page_compare(const struct fill *fill, uint64_t i,
			     const uint64_t *from)
{
	uint64_t nr = page_words(fill), w, byte = 0;

	for (w = 0; w < nr; w++) {
		uint64_t want = mix(fill->seed + i * nr + w);

		if (from[w] == want)
			continue;
		while (((const char *)&from[w])[byte] ==
		       ((const char *)&want)[byte])
			byte++;
		break;
	}
	return w * sizeof(uint64_t) + byte;
}

static struct fill **fill_find(struct machine *machine, const char *name)
{
	struct fill **at = &machine->fills;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

bool machine_is_filled(struct machine *machine, const char *name)
{
	return *fill_find(machine, name) != NULL;
}

static struct fill *fill_get(struct machine *machine, const char *name,
			     struct outcome *o)
{
	struct fill *fill = *fill_find(machine, name);

	if (!fill)
		outcome_fail(o, MHP_ERR_NOENT, "nothing is filled as %s", name);
	return fill;
}

const struct fill *fill_of_pfn(const struct machine *machine, mhp_pfn_t pfn)
{
	const struct fill *fill;
	uint64_t i;

	for (fill = machine->fills; fill; fill = fill->next)
		for (i = 0; i < fill->nr_pages; i++)
			if (machine->port->page_pfn(fill, i) == pfn)
				return fill;
	return NULL;
}

static void fill_destroy(struct fill *fill)
{
	free(fill->pages);
	free(fill->name);
	free(fill);
}

void fill_destroy_all(struct machine *machine)
{
	while (machine->fills) {
		struct fill *fill = machine->fills;

		machine->fills = fill->next;
		fill_destroy(fill);
	}
}

/* The lowest number that no fill has. */
static uint32_t fill_new_number(const struct machine *machine)
{
	const struct fill *fill = machine->fills;
	uint32_t number = 0;

	while (fill) {
		if (fill->number == number) {
			number++;
			fill = machine->fills;
		} else {
			fill = fill->next;
		}
	}
	return number;
}

static struct fill *fill_create(struct machine *machine, const char *name,
				uint64_t nr_pages, struct outcome *o)
{
	struct fill *fill = calloc(1, sizeof(*fill));

	if (fill) {
		fill->machine = machine;
		fill->number = fill_new_number(machine);
		fill->name = strdup(name);
		fill->seed = seed_of_name(name);
		fill->pages = calloc(nr_pages, sizeof(*fill->pages));
		if (fill->name && fill->pages)
			return fill;
		fill_destroy(fill);
	}
	outcome_fail(o, MHP_ERR_NOMEM, "the host has no memory");
	return NULL;
}

static void fill_free_pages(struct fill *fill)
{
	while (fill->nr_pages)
		fill->machine->port->page_free(fill, --fill->nr_pages);
}

/* Allocate and write the next page. */
static int fill_grow(struct fill *fill, uint64_t node)
{
	const struct machine_port *port = fill->machine->port;
	uint64_t i = fill->nr_pages;
	int err = port->page_alloc(fill, i, node);
	void *to;

	if (err)
		return err;
	fill->nr_pages++;
	to = port->page_get(fill, i);
	if (!to)
		return MHP_ERR_FAULT;
	page_write(fill, i, to);
	port->page_put(fill, i);
	return 0;
}

static int fill_check(struct machine *machine, const char *name,
		      uint64_t size_bytes, uint64_t node, struct outcome *o)
{
	const struct mhp_geometry *g = &machine->layout.geometry;

	if (machine_is_filled(machine, name))
		return outcome_fail(o, MHP_ERR_EXIST, "%s is filled already",
				    name);
	if (machine_is_huge(machine, name))
		return outcome_fail(o, MHP_ERR_EXIST, "%s is a huge page",
				    name);
	if (size_bytes == 0 || size_bytes > machine->layout.span_bytes)
		return outcome_fail(o, MHP_ERR_INVAL,
				    "size=%" PRIu64 " must be at least 1 and "
				    "at most the machine's span",
				    size_bytes);
	if (node != UINT64_MAX && node >= g->nr_nodes)
		return outcome_fail(o, MHP_ERR_INVAL,
				    "there is no node %" PRIu64
				    "; the machine has nodes 0 to %u",
				    node, g->nr_nodes - 1u);
	return 0;
}

/* What is written takes the system's memory: as much as the machine has. */
static int fill_afford(struct machine *machine, uint64_t nr_pages,
		       struct outcome *o)
{
	uint64_t page_bytes = mhp_page_bytes(&machine->layout.geometry);
	struct mhp_stat stat;

	mhp_stat_read(machine->mhp, &stat);
	if (nr_pages > stat.nr_managed)
		nr_pages = stat.nr_managed;
	if (machine_afford(machine, nr_pages * page_bytes))
		return 0;
	machine->short_of_memory = false;
	return outcome_fail(o, MHP_ERR_NOMEM, "%s", MACHINE_SHORT);
}

int machine_fill(struct machine *machine, const char *name, uint64_t size_bytes,
		 uint64_t node, struct outcome *o)
{
	uint64_t page_bytes = mhp_page_bytes(&machine->layout.geometry);
	uint64_t nr_pages = (size_bytes + page_bytes - 1) / page_bytes;
	struct fill *fill;
	int err = 0;

	if (fill_check(machine, name, size_bytes, node, o) ||
	    fill_afford(machine, nr_pages, o))
		return o->rc;
	fill = fill_create(machine, name, nr_pages, o);
	if (!fill)
		return o->rc;
	while (!err && fill->nr_pages < nr_pages)
		err = fill_grow(fill, node);
	if (!err) {
		*fill_find(machine, name) = fill;
		return 0;
	}
	outcome_fail(o, err,
		     "%s after %" PRIu64 " of %" PRIu64
		     " pages; all are free again",
		     mhp_strerror(err), fill->nr_pages, nr_pages);
	fill_free_pages(fill);
	fill_destroy(fill);
	return err;
}

/* Whether page @i is bad, which is why it cannot be reached. */
static bool fill_page_is_bad(struct fill *fill, uint64_t i, int rc,
			     struct outcome *o)
{
	mhp_pfn_t pfn = fill->machine->port->page_pfn(fill, i);

	if (pfn == MHP_PFN_NONE || !mhp_is_poisoned(fill->machine->mhp, pfn))
		return false;
	outcome_fail(o, rc, "a page of %s is bad; pfn 0x%" PRIx64, fill->name,
		     pfn);
	return true;
}

static int pin_too_far(struct fill *fill, uint64_t nr_held, struct outcome *o)
{
	bool bad = fill_page_is_bad(fill, nr_held, MHP_ERR_HWPOISON, o);

	while (nr_held)
		fill->machine->port->page_put(fill, --nr_held);
	if (bad)
		return o->rc;
	return outcome_fail(o, MHP_ERR_NOSPC, "%s is pinned %u times already",
			    fill->name, fill->pins);
}

int machine_pin(struct machine *machine, const char *name, struct outcome *o)
{
	struct fill *fill = fill_get(machine, name, o);
	uint64_t i;

	if (!fill)
		return o->rc;
	for (i = 0; i < fill->nr_pages; i++)
		if (!machine->port->page_get(fill, i))
			return pin_too_far(fill, i, o);
	fill->pins++;
	return 0;
}

int machine_unpin(struct machine *machine, const char *name, struct outcome *o)
{
	struct fill *fill = fill_get(machine, name, o);
	uint64_t i;

	if (!fill)
		return o->rc;
	if (!fill->pins)
		return outcome_fail(o, MHP_ERR_INVAL, "%s is not pinned", name);
	fill->pins--;
	for (i = 0; i < fill->nr_pages; i++)
		machine->port->page_put(fill, i);
	return 0;
}

/* Compare page @i: 0 or an error, and then why. */
static int verify_page(struct fill *fill, uint64_t i, struct outcome *o)
{
	const struct machine_port *port = fill->machine->port;
	uint64_t page_bytes = fill_page_bytes(fill), byte;
	void *from = port->page_get(fill, i);

	if (!from && fill_page_is_bad(fill, i, MHP_ERR_IO, o))
		return o->rc;
	if (!from)
		return outcome_fail(o, MHP_ERR_IO,
				    "page %" PRIu64 " of %s cannot be reached",
				    i, fill->name);
	byte = page_compare(fill, i, from);
	port->page_put(fill, i);
	if (byte == page_bytes)
		return 0;
	return outcome_fail(
		o, MHP_ERR_IO, "%s differs at byte %" PRIu64 "; pfn 0x%" PRIx64,
		fill->name, i * page_bytes + byte, port->page_pfn(fill, i));
}

int machine_verify(struct machine *machine, const char *name, struct outcome *o)
{
	struct fill *fill = fill_get(machine, name, o);
	uint64_t i;

	if (!fill)
		return o->rc;
	for (i = 0; i < fill->nr_pages; i++)
		if (verify_page(fill, i, o))
			return o->rc;
	return 0;
}

int machine_drop(struct machine *machine, const char *name, struct outcome *o)
{
	struct fill **at = fill_find(machine, name);
	struct fill *fill = fill_get(machine, name, o);

	if (!fill)
		return o->rc;
	if (fill->pins)
		return outcome_fail(o, MHP_ERR_BUSY,
				    "%s is pinned %u times; unpin it first",
				    name, fill->pins);
	*at = fill->next;
	fill_free_pages(fill);
	fill_destroy(fill);
	return 0;
}
