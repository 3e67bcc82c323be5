/* SPDX-License-Identifier: MIT */
/*
 * An instance as text, to compare before and after: what a call that failed
 * must not have changed. Only public calls are used, so that it cannot share a
 * mistake with the engine's own checker.
 *
 * What it leaves out: which pageblocks are opened and for what, and counters
 * that only grow. Both are allowed to differ.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

struct text {
	char *at;
	size_t used;
	size_t room;
};

__attribute__((format(printf, 2, 3))) static void
text_add(struct text *text, const char *format, ...)
{
	va_list args;
	int length;

	if (text->room - text->used < 512) {
		text->room = text->room * 2 + 4096;
		text->at = realloc(text->at, text->room);
		if (!text->at)
			abort();
	}
	va_start(args, format);
	length = vsnprintf(text->at + text->used, text->room - text->used,
			   format, args);
	va_end(args);
	text->used += (size_t)length;
}

static bool page_alike(const struct mhp_page_info *a,
		       const struct mhp_page_info *b)
{
	if (a->use != b->use || a->poisoned != b->poisoned ||
	    a->zone != b->zone || a->node != b->node)
		return false;
	return a->use != MHP_PAGE_ALLOCATED ||
	       (a->head_pfn == b->head_pfn && a->order == b->order &&
		a->nr_pages == b->nr_pages && a->owner == b->owner &&
		a->cookie == b->cookie);
}

static void snapshot_run(struct text *text, mhp_pfn_t first, mhp_pfn_t end,
			 const struct mhp_page_info *info)
{
	text_add(text,
		 "  pfn %" PRIu64 " to %" PRIu64 " use %d zone %u node %u",
		 first, end, (int)info->use, info->zone, info->node);
	if (info->poisoned)
		text_add(text, " poisoned");
	if (info->use == MHP_PAGE_ALLOCATED)
		text_add(text,
			 " head %" PRIu64 " + %" PRIu64
			 " order %u owner %u cookie %" PRIu64,
			 info->head_pfn, info->nr_pages, info->order,
			 info->owner, info->cookie);
	text_add(text, "\n");
}

static void snapshot_pages(struct machine *mc, struct text *text,
			   struct mhp_range range)
{
	mhp_pfn_t first = range.start_pfn, pfn = first;
	struct mhp_page_info run, info;

	run = page_info(mc, first);
	while (++pfn < mhp_range_end_pfn(range)) {
		info = page_info(mc, pfn);
		if (page_alike(&run, &info))
			continue;
		snapshot_run(text, first, pfn, &run);
		run = info;
		first = pfn;
	}
	snapshot_run(text, first, pfn, &run);
}

static void snapshot_blocks(struct machine *mc, struct text *text,
			    unsigned int leave_out)
{
	uint64_t id = 0;

	for (; !mhp_block_next(mc->m, &id); id++) {
		struct mhp_block_info b = block_info(mc, id);

		text_add(text,
			 "block %" PRIu64 " state %d zone %u node %u boot %d "
			 "holes %d placement %d present %" PRIu64
			 " memmap %" PRIu64 " poisoned %" PRIu64
			 " withheld %" PRIu64 " lent %" PRIu64 "\n",
			 b.id, (int)b.state, b.zone, b.node, b.boot,
			 b.has_holes, (int)b.placement, b.nr_present,
			 b.nr_memmap, b.nr_poisoned, b.nr_withheld,
			 b.nr_memmap_lent);
		assert_int_equal(b.id, id);
		if (leave_out & SNAP_NO_PAGES)
			continue;
		text_add(text,
			 "  free %" PRIu64 " allocated %" PRIu64
			 " isolated %" PRIu64 "\n",
			 b.nr_free, b.nr_allocated, b.nr_isolated);
		snapshot_pages(mc, text, block_range(mc, id, 1));
	}
}

static void snapshot_devices(struct machine *mc, struct text *text)
{
	struct mhp_device_info d = {.range = {0, 0}};

	while (!mhp_device_next(mc->m, mhp_range_end_pfn(d.range), &d)) {
		text_add(text,
			 "device %" PRIu64 " + %" PRIu64
			 " node %u placement %d reserved %" PRIu64
			 " memmap %" PRIu64 " data %" PRIu64 " + %" PRIu64
			 " name %s\n",
			 d.range.start_pfn, d.range.nr_pages, d.node,
			 (int)d.placement, d.nr_reserved, d.nr_memmap,
			 d.data.start_pfn, d.data.nr_pages, d.name);
		snapshot_pages(mc, text, d.range);
	}
}

static void snapshot_zones(struct machine *mc, struct text *text,
			   unsigned int leave_out)
{
	unsigned int node;
	int zone;

	for (node = 0; node < mc->g->nr_nodes; node++) {
		for (zone = MHP_ZONE_DMA; zone < MHP_NR_ZONES; zone++) {
			struct mhp_zone_info z = zone_info(
				mc, node, (enum mhp_zone_type)zone);

			text_add(text,
				 "node %u zone %s span %" PRIu64 " + %" PRIu64
				 " present %" PRIu64 " managed %" PRIu64,
				 node, mhp_zone_name((enum mhp_zone_type)zone),
				 z.span.start_pfn, z.span.nr_pages,
				 z.nr_present, z.nr_managed);
			if (!(leave_out & SNAP_NO_PAGES))
				text_add(text, " free %" PRIu64, z.nr_free);
			text_add(text, "\n");
		}
	}
}

static void snapshot_costs(struct machine *mc, struct text *text)
{
	struct mhp_stat s = stat_now(mc);
	uint64_t nr_mapped, meta_bytes;

	meta_bytes = mhp_model_meta_bytes(mc->model, &nr_mapped);
	text_add(text,
		 "existing %" PRIu64 " memmap %" PRIu64 " state %" PRIu64
		 " record %" PRIu64 "\n",
		 s.existing_bytes, s.existing_memmap_bytes,
		 s.existing_state_bytes, s.existing_record_bytes);
	text_add(text,
		 "index %" PRIu64 " pagetable %" PRIu64 " hosted %" PRIu64 "\n",
		 s.index_bytes, s.pagetable_bytes, s.hosted_memmap_bytes);
	text_add(text, "model meta %" PRIu64 " mapped %" PRIu64 "\n",
		 meta_bytes, nr_mapped);
}

char *snapshot(struct machine *mc, unsigned int leave_out)
{
	struct text text = {0};
	struct mhp_stat s = stat_now(mc);

	snapshot_blocks(mc, &text, leave_out);
	snapshot_devices(mc, &text);
	snapshot_zones(mc, &text, leave_out);
	text_add(&text,
		 "present %" PRIu64 " managed %" PRIu64 " poisoned %" PRIu64
		 "\n",
		 s.nr_present, s.nr_managed, s.nr_poisoned);
	if (!(leave_out & SNAP_NO_COSTS))
		snapshot_costs(mc, &text);
	return text.at;
}

void assert_same(const char *before, const char *after)
{
	const char *line = before;
	const char *other = after;

	if (!strcmp(before, after))
		return;
	while (*before && *before == *after) {
		if (*before == '\n') {
			line = before + 1;
			other = after + 1;
		}
		before++;
		after++;
	}
	fail_msg("was: %.*s\nis:  %.*s", (int)strcspn(line, "\n"), line,
		 (int)strcspn(other, "\n"), other);
}

void unchanged(struct machine *mc, char *before, unsigned int leave_out)
{
	char *after = snapshot(mc, leave_out);

	check_ok(mc);
	assert_same(before, after);
	free(before);
	free(after);
}
