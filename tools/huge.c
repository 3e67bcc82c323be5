/* SPDX-License-Identifier: MIT */
/*
 * Huge pages: allocations of whole pageblocks that nobody moves, whose memmap
 * may be lent. Their content is nobody's business. A name is that of huge pages
 * or of a fill, not of both.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "mhp/lend.h"
#include "size.h"

struct huge {
	struct huge *next;
	char *name;
	mhp_pfn_t pfn;
	uint64_t nr_pages;
	bool is_split; /* into single pages */
};

static struct huge **huge_find(struct machine *machine, const char *name)
{
	struct huge **at = &machine->huges;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static void huge_destroy(struct huge *huge)
{
	free(huge->name);
	free(huge);
}

void huge_destroy_all(struct machine *machine)
{
	while (machine->huges) {
		struct huge *huge = machine->huges;

		machine->huges = huge->next;
		huge_destroy(huge);
	}
}

static int huge_alloc(struct machine *machine, struct huge *huge, bool lend,
		      struct outcome *o)
{
	const struct mhp_request request = {.flags = lend ? MHP_ALLOC_NO_TAILS
							  : 0};
	uint64_t nr = 0;
	int err = mhp_run_alloc(machine->mhp, &request, huge->nr_pages,
				&huge->pfn);

	if (err)
		return outcome_fail(o, err,
				    "no unmovable run of that size is free");
	if (!lend)
		return 0;
	/* It fails only for want of the mutex. */
	(void)!mhp_memmap_lend(machine->mhp, huge->pfn, huge->nr_pages, &nr,
			       NULL);
	snprintf(o->note, sizeof(o->note),
		 "%" PRIu64 " more pages of memmap are lent", nr);
	return 0;
}

bool machine_is_huge(struct machine *machine, const char *name)
{
	return *huge_find(machine, name) != NULL;
}

static int huge_check(struct machine *machine, const char *name,
		      uint64_t size_bytes, struct outcome *o)
{
	const struct mhp_geometry *g = &machine->layout.geometry;
	uint64_t unit = mhp_pageblock_pages(g) * mhp_page_bytes(g);
	char text[SIZE_TEXT_MAX];

	if (machine_is_huge(machine, name) || machine_is_filled(machine, name))
		return outcome_fail(o, MHP_ERR_EXIST, "%s is there already",
				    name);
	size_print(unit, text);
	if (!size_bytes || size_bytes % unit)
		return outcome_fail(o, MHP_ERR_INVAL,
				    "size=%" PRIu64 " must be whole pageblocks "
				    "of %s, at least one",
				    size_bytes, text);
	return 0;
}

int machine_huge(struct machine *machine, const char *name, uint64_t size_bytes,
		 bool lend, struct outcome *o)
{
	struct huge *huge;

	if (huge_check(machine, name, size_bytes, o))
		return o->rc;
	huge = calloc(1, sizeof(*huge));
	if (huge)
		huge->name = strdup(name);
	if (!huge || !huge->name) {
		free(huge);
		return outcome_fail(o, MHP_ERR_NOMEM, "the host has no memory");
	}
	huge->nr_pages = mhp_pages_from_bytes(&machine->layout.geometry,
					      size_bytes);
	if (huge_alloc(machine, huge, lend, o)) {
		huge_destroy(huge);
		return o->rc;
	}
	*huge_find(machine, name) = huge;
	return 0;
}

int machine_split(struct machine *machine, const char *name, struct outcome *o)
{
	struct mhp_report report = {.pfn = MHP_PFN_NONE};
	struct huge *huge = *huge_find(machine, name);
	int err;

	if (!huge)
		return outcome_fail(o, MHP_ERR_NOENT,
				    "there is no huge page %s", name);
	if (huge->is_split)
		return outcome_fail(o, MHP_ERR_INVAL, "%s is split already",
				    name);
	err = mhp_frame_split(machine->mhp, huge->pfn, huge->nr_pages, 0, 0,
			      MHP_NO_DEADLINE, &report);
	if (err)
		return machine_report(machine, err, &report, o);
	huge->is_split = true;
	return 0;
}

bool machine_drop_huge(struct machine *machine, const char *name)
{
	struct huge **at = huge_find(machine, name), *huge = *at;
	uint64_t i;

	if (!huge)
		return false;
	*at = huge->next;
	if (!huge->is_split)
		(void)mhp_run_free(machine->mhp, huge->pfn, huge->nr_pages);
	for (i = 0; huge->is_split && i < huge->nr_pages; i++)
		(void)mhp_frame_free(machine->mhp, huge->pfn + i, 0);
	huge_destroy(huge);
	return true;
}
