/* SPDX-License-Identifier: MIT */
/*
 * Plans. The decision, the layout and the policy's arithmetic are those of an
 * instance; here they are only asked, and multiplied by the number of blocks.
 */
#include "mhp/plan.h"

#include "altmap.h"
#include "placement.h"
#include "policy.h"
#include "profile.h"

static int plan_wrong(struct mhp_report *report, const char *what)
{
	return report_rule(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
			   MHP_WHY_BAD_REQUEST, 0, what);
}

static int plan_check_range(const struct mhp_plan_request *request,
			    struct mhp_report *report)
{
	const struct mhp_geometry *g = request->geometry;
	mhp_pfn_t end = UINT64_C(1) << (g->phys_bits - g->page_shift);
	struct mhp_range range = request->range;

	if (!range.nr_pages ||
	    (range.start_pfn | range.nr_pages) & (mhp_block_pages(g) - 1))
		return report_set(report, MHP_ERR_INVAL, MHP_STAGE_ADD,
				  range.nr_pages ? MHP_WHY_UNALIGNED
						 : MHP_WHY_EMPTY_RANGE,
				  range.start_pfn);
	if (range.start_pfn > end || range.nr_pages > end - range.start_pfn)
		return report_set(report, MHP_ERR_2BIG, MHP_STAGE_ADD,
				  MHP_WHY_BEYOND_END, end);
	return 0;
}

static int plan_check(const struct mhp_plan_request *request,
		      struct mhp_report *report)
{
	const char *wrong;
	int err;

	if (request->size_bytes && request->size_bytes != sizeof(*request))
		return plan_wrong(report, "size_bytes is wrong");
	err = mhp_geometry_check(request->geometry, report);
	if (err)
		return err;
	if ((unsigned int)request->profile > MHP_PROFILE_LINUX_7_2)
		return plan_wrong(report, "no such profile");
	if ((unsigned int)request->placement > PLACEMENT_LAST)
		return plan_wrong(report, "no such placement");
	wrong = profile_arch(request->profile,
			     (enum mhp_arch)request->geometry->arch);
	if (!wrong)
		wrong = profile_mode(request->profile, request->mode);
	return wrong ? plan_wrong(report, wrong)
		     : plan_check_range(request, report);
}

/* Whether it is about the kernel itself, without what only we have. */
static bool plan_is_kernel(const struct mhp_plan_request *request)
{
	return request->profile == MHP_PROFILE_LINUX_7_2 ||
	       (request->kernel && request->profile != MHP_PROFILE_NATIVE);
}

/* Without what pads it: what the memmap needs, and natively its state. */
static uint64_t plan_needed_pages(const struct mhp_plan_request *request,
				  const struct layout *l)
{
	return request->profile == MHP_PROFILE_NATIVE ? l->hosted_pages
						      : l->memmap_pages;
}

/* Pieces of a window are whole pages; a memmap that does not fill them is one
 * allocation. */
static uint64_t plan_existing_pages(const struct mhp_geometry *g,
				    const struct layout *l)
{
	uint64_t nr_pages = 1;

	if (!(l->memmap_bytes & (mhp_page_bytes(g) - 1)))
		return l->memmap_pages;
	while (nr_pages < l->memmap_pages)
		nr_pages *= 2;
	return nr_pages;
}

static void plan_existing(const struct mhp_plan_request *request,
			  const struct layout *l, struct mhp_plan *plan)
{
	const struct mhp_geometry *g = request->geometry;

	plan->nr_memmap_pages = plan->nr_blocks * l->memmap_pages;
	plan->existing_memmap_bytes = mhp_bytes_from_pages(
		g, plan->nr_blocks * plan_existing_pages(g, l));
	if (!plan_is_kernel(request))
		plan->existing_state_bytes = plan->nr_blocks * l->state_bytes;
}

static void plan_hosted(const struct mhp_plan_request *request,
			const struct layout *l, struct mhp_plan *plan)
{
	uint64_t needed = plan_needed_pages(request, l);

	plan->nr_memmap_pages = plan->nr_blocks * needed;
	plan->nr_wasted_pages = plan->nr_blocks * (l->hosted_pages - needed);
	plan->nr_hosts = placement_hosts(l, plan->placement, plan->nr_blocks);
}

static void plan_movable(const struct mhp_plan_request *request,
			 const struct layout *l, struct mhp_plan *plan)
{
	uint64_t most = policy_percent(request->nr_boot_pages,
				       request->auto_movable_ratio, 100);
	uint64_t nr_pages = request->range.nr_pages;

	plan->nr_movable_group_pages = nr_pages <= most ? nr_pages : 0;
	most &= ~(l->block_pages - 1);
	plan->nr_movable_pages = nr_pages < most ? nr_pages : most;
}

static struct mhp_plan plan_compute(const struct mhp_plan_request *request)
{
	uint64_t nr_pages = request->range.nr_pages;
	struct profile_rules rules = {
		.geometry = request->geometry,
		.profile = request->profile,
		.mode = request->mode,
		.kernel = plan_is_kernel(request),
	};
	struct mhp_plan plan = {0};
	struct layout l;

	altmap_layout(request->geometry, &l);
	profile_layout(&l, request->profile, request->mode);
	rules.layout = &l;
	plan.rule = placement_choose(&rules, request->placement, request->range,
				     NULL, &plan.placement);
	plan.on_memory = plan.placement != MHP_PLACEMENT_EXISTING;
	plan.nr_blocks = nr_pages >> l.block_order;
	plan.nr_hosted_pages = placement_hosted_pages(&l, plan.placement,
						      plan.nr_blocks);
	plan.nr_usable_pages = nr_pages - plan.nr_hosted_pages;
	plan.nr_gigantic = placement_gigantic(&rules, plan.placement,
					      request->range);
	if (!plan_is_kernel(request))
		plan.existing_record_bytes = plan.nr_blocks *
					     sizeof(struct mhp_block);
	if (plan.on_memory)
		plan_hosted(request, &l, &plan);
	else
		plan_existing(request, &l, &plan);
	plan_movable(request, &l, &plan);
	return plan;
}

int mhp_plan(const struct mhp_plan_request *request, struct mhp_plan *plan,
	     struct mhp_report *report)
{
	int err = plan_check(request, report);

	if (!err)
		*plan = plan_compute(request);
	return err;
}
