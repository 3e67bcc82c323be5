/* SPDX-License-Identifier: MIT */
/*
 * Machines on port/model: memory that exists where it is touched. Pages of
 * fills have an owner of the tool's, which copies them when they move.
 *
 *   cookie = number of the fill << 28 | number of the page
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "model.h"

/* Bits of a cookie for the page; those above number the fill. */
#define COOKIE_PAGE_BITS 28
#define COOKIE_MAX_PAGES (UINT64_C(1) << COOKIE_PAGE_BITS)
#define COOKIE_MAX_FILLS (1u << (MHP_COOKIE_BITS - COOKIE_PAGE_BITS))

/* The allocator's state takes less than the 2^13th part of memory. */
#define STATE_SHIFT 13

struct model_data {
	struct mhp_model *model;
	uint16_t owner;
};

static const struct fill *model_fill(const struct machine *machine,
				     uint64_t cookie)
{
	const struct fill *fill = machine->fills;

	while (fill && fill->number != cookie >> COOKIE_PAGE_BITS)
		fill = fill->next;
	return fill;
}

/* The fill and its page that a cookie means, if it is at @pfn; else NULL. */
static const struct fill *model_fill_at(const struct machine *machine,
					uint64_t cookie, mhp_pfn_t pfn,
					uint64_t *i)
{
	const struct fill *fill = model_fill(machine, cookie);

	*i = cookie & (COOKIE_MAX_PAGES - 1);
	if (!fill || *i >= fill->nr_pages || fill->pages[*i] != pfn)
		return NULL;
	return fill;
}

static int model_move(void *ctx, struct mhp *m, const struct mhp_move *move)
{
	struct machine *machine = ctx;
	uint64_t i;
	const struct fill *fill = model_fill_at(machine, move->cookie,
						move->from_pfn, &i);

	if (!fill)
		return MHP_ERR_AGAIN;
	if (fill->pins)
		return MHP_ERR_BUSY;
	memcpy(mhp_frame_address(m, move->to_pfn),
	       mhp_frame_address(m, move->from_pfn),
	       mhp_bytes_from_pages(mhp_geometry(m), move->nr_pages));
	fill->pages[i] = move->to_pfn;
	return 0;
}

static uint32_t model_pins(void *ctx, struct mhp *m, mhp_pfn_t pfn,
			   unsigned int order, uint64_t cookie)
{
	uint64_t i;
	const struct fill *fill = model_fill_at(ctx, cookie, pfn, &i);

	(void)m;
	(void)order;
	return fill ? fill->pins : 0;
}

static const struct mhp_owner_ops model_owner_ops = {
	.size_bytes = sizeof(struct mhp_owner_ops),
	.name = "fill",
	.move = model_move,
	.pins = model_pins,
};

static bool model_afford(void *ctx, uint64_t size_bytes)
{
	return machine_afford(ctx, size_bytes);
}

static int model_create(struct machine *machine, struct mhp_model **model,
			struct mhp_report *report)
{
	const struct machine_layout *l = &machine->layout;
	struct mhp_model_config config = {
		.geometry = l->geometry,
		.boot = l->boot,
		.nr_boot = l->nr_boot,
		.max_pfn = l->span_bytes >> l->geometry.page_shift,
		.dma_end_pfn = l->dma_end_pfn,
		.dma32_end_pfn = l->dma32_end_pfn,
		.profile = machine->config.profile,
		.memmap_on_memory = machine->config.policy.memmap_on_memory,
		.afford = model_afford,
		.afford_ctx = machine,
	};

	return mhp_model_create(&config, model, report);
}

static int model_start(struct machine *machine, struct mhp_report *report)
{
	struct model_data *data = calloc(1, sizeof(*data));
	int err = MHP_ERR_NOMEM;

	if (!data)
		goto fail;
	/* What the allocator knows of boot memory. */
	if (!machine_afford(machine, machine->config.boot_bytes >> STATE_SHIFT))
		goto free_data;
	err = model_create(machine, &data->model, report);
	if (err)
		goto free_data;
	err = mhp_owner_register(mhp_model_mhp(data->model), &model_owner_ops,
				 machine, &data->owner);
	if (err)
		goto destroy_model;
	machine->port_data = data;
	machine->mhp = mhp_model_mhp(data->model);
	return 0;
destroy_model:
	mhp_model_destroy(data->model);
free_data:
	free(data);
fail:
	if (!report->code)
		*report = (struct mhp_report){.code = err,
					      .stage = MHP_STAGE_INIT,
					      .why = MHP_WHY_HOST_FAILED,
					      .pfn = MHP_PFN_NONE};
	machine_explain_short(machine, report);
	return err;
}

static void model_stop(struct machine *machine)
{
	struct model_data *data = machine->port_data;

	mhp_model_destroy(data->model);
	free(data);
}

static int model_page_alloc(struct fill *fill, uint64_t i, uint64_t node)
{
	struct model_data *data = fill->machine->port_data;
	struct mhp_request request = {
		.size_bytes = sizeof(request),
		.mobility = MHP_MOVABLE,
		.owner = data->owner,
		.cookie = (uint64_t)fill->number << COOKIE_PAGE_BITS | i,
	};

	if (i >= COOKIE_MAX_PAGES || fill->number >= COOKIE_MAX_FILLS)
		return MHP_ERR_NOSPC;
	if (node != UINT64_MAX)
		request.node_plus_1 = (uint16_t)(node + 1);
	return mhp_frame_alloc(fill->machine->mhp, &request, &fill->pages[i]);
}

static void model_page_free(struct fill *fill, uint64_t i)
{
	mhp_frame_free(fill->machine->mhp, fill->pages[i], 0);
}

/*
 * Nothing moves while nobody offlines, so there is nothing to hold. The content
 * of a bad page is lost, as it is in a process.
 */
static void *model_page_get(struct fill *fill, uint64_t i)
{
	if (mhp_is_poisoned(fill->machine->mhp, fill->pages[i]))
		return NULL;
	return mhp_frame_address(fill->machine->mhp, fill->pages[i]);
}

static void model_page_put(struct fill *fill, uint64_t i)
{
	(void)fill;
	(void)i;
}

static mhp_pfn_t model_page_pfn(const struct fill *fill, uint64_t i)
{
	return fill->pages[i];
}

static uint64_t model_handle_bytes(struct machine *machine)
{
	(void)machine;
	return 0;
}

const struct machine_port machine_port_model = {
	.name = "model",
	.start = model_start,
	.stop = model_stop,
	.page_alloc = model_page_alloc,
	.page_free = model_page_free,
	.page_get = model_page_get,
	.page_put = model_page_put,
	.page_pfn = model_page_pfn,
	.handle_bytes = model_handle_bytes,
};
