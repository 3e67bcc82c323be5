/* SPDX-License-Identifier: MIT */
/* A row of a plan; see plan.h. */
#include "plan.h"

#include <string.h>

/* DIMMs begin there or above. */
#define PLAN_WINDOW_BYTES (UINT64_C(4) << 30)

bool plan_is_one(const struct plan_options *options)
{
	return strcmp(options->geometry, "all") != 0 && !options->all_blocks &&
	       !options->all_descriptors;
}

const char *plan_placement_name(enum mhp_placement placement)
{
	switch (placement) {
	case MHP_PLACEMENT_BLOCK:
		return "block";
	case MHP_PLACEMENT_RANGE:
		return "range";
	case MHP_PLACEMENT_EXISTING:
	case MHP_PLACEMENT_AUTO:
	default:
		return "existing";
	}
}

static uint64_t plan_aligned(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/* Behind boot memory, aligned as well as helps: to its size's power of two, but
 * no more than a gigantic page. */
static mhp_pfn_t plan_start(const struct mhp_geometry *g,
			    const struct plan_options *options)
{
	uint64_t nr_pages = mhp_pages_from_bytes(g, options->size_bytes);
	uint64_t most = UINT64_C(1) << mhp_gigantic_order(g);
	uint64_t align = mhp_block_pages(g);
	uint64_t window = plan_boot_end(options);

	if (window < PLAN_WINDOW_BYTES)
		window = PLAN_WINDOW_BYTES;
	while (align < most && align * 2 <= nr_pages)
		align *= 2;
	return plan_aligned(mhp_pages_from_bytes(g, window), align);
}

static void plan_row_costs(struct plan_row *row,
			   const struct plan_options *options)
{
	const struct mhp_plan *plan = &row->plan;
	uint64_t lost = mhp_bytes_from_pages(&row->geometry,
					     plan->nr_hosted_pages);

	row->existing_bytes = plan->existing_memmap_bytes +
			      plan->existing_state_bytes +
			      plan->existing_record_bytes;
	lost += row->existing_bytes;
	row->overhead_percent = 100.0 * (double)lost /
				(double)options->size_bytes;
}

static void plan_row_boot(struct plan_row *row,
			  const struct plan_options *options)
{
	const struct mhp_geometry *g = &row->geometry;
	uint64_t memmap = plan_aligned(
		mhp_pages_from_bytes(g, options->boot_bytes) *
			g->descriptor_bytes,
		mhp_page_bytes(g));

	row->boot_left_bytes = memmap < options->boot_bytes
				       ? options->boot_bytes - memmap
				       : 0;
	row->boot_has_it = row->existing_bytes <= row->boot_left_bytes;
}

static uint64_t plan_addr(const struct plan_options *options,
			  const struct mhp_geometry *g)
{
	return options->has_addr
		       ? options->addr_bytes
		       : mhp_bytes_from_pages(g, plan_start(g, options));
}

/* What mhp_plan() would call not aligned, too. */
static const char *plan_misfit(const struct plan_options *options,
			       const struct plan_row *row)
{
	uint64_t mask = mhp_block_bytes(&row->geometry) - 1;

	if (options->size_bytes & mask)
		return "the size is not whole memory blocks";
	if (row->addr_bytes & mask)
		return "the address is not that of a memory block";
	return row->geometry.arch == MHP_ARCH_X86_64 && options->has_addr &&
			       row->addr_bytes < plan_boot_end(options)
		       ? "there is boot memory at that address"
		       : NULL;
}

static const char *plan_refusal(const struct mhp_report *report)
{
	if (report->why == MHP_WHY_BEYOND_END)
		return "there are not so many physical addresses";
	return report->detail ? report->detail : mhp_strerror(report->code);
}

void plan_row_make(struct plan_row *row, const struct plan_options *options)
{
	const struct mhp_geometry *g = &row->geometry;
	struct mhp_report report = {.code = 0};
	struct mhp_plan_request request = {
		.size_bytes = sizeof(request),
		.geometry = g,
		.profile = options->profile,
		.mode = row->way->mode,
		.placement = row->way->placement,
		.auto_movable_ratio = (uint32_t)options->auto_movable_ratio,
		.kernel = true,
	};

	row->why = plan_block_wrong(options, g);
	if (!row->why && mhp_geometry_check(g, &report))
		row->why = plan_refusal(&report);
	row->refused = row->why != NULL;
	if (row->refused)
		return;
	row->addr_bytes = plan_addr(options, g);
	row->why = plan_misfit(options, row);
	request.range = mhp_range_make(
		mhp_pages_from_bytes(g, row->addr_bytes),
		mhp_pages_from_bytes(g, options->size_bytes));
	request.nr_boot_pages = mhp_pages_from_bytes(g, options->boot_bytes);
	if (!row->why && mhp_plan(&request, &row->plan, &report))
		row->why = plan_refusal(&report);
	row->refused = row->why != NULL;
	if (row->refused)
		return;
	row->why = row->plan.rule;
	plan_row_costs(row, options);
	plan_row_boot(row, options);
}
