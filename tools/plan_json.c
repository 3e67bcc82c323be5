/* SPDX-License-Identifier: MIT */
/*
 * Plans as JSON: one object a line for each row. The names of the keys are an
 * interface; more may be added. What a row that is refused would have to say is
 * null.
 */
#include <jansson.h>
#include <stdio.h>

#include "plan.h"

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

struct json_number {
	const char *key;
	uint64_t value;
};

static void set_numbers(json_t *object, const struct json_number *numbers,
			size_t nr, bool known)
{
	size_t i;

	for (i = 0; i < nr; i++)
		json_object_set_new(object, numbers[i].key,
				    known ? number(numbers[i].value)
					  : json_null());
}

#define SET_NUMBERS(object, numbers, known)                                  \
	set_numbers(object, numbers, sizeof(numbers) / sizeof((numbers)[0]), \
		    known)

static void set_asked(json_t *object, const struct plan_options *options,
		      const struct plan_row *row)
{
	const struct mhp_geometry *g = &row->geometry;
	const struct json_number numbers[] = {
		{"page_bytes", mhp_page_bytes(g)},
		{"pageblock_bytes", UINT64_C(1) << g->pageblock_shift},
		{"gigantic_bytes", mhp_page_bytes(g) << mhp_gigantic_order(g)},
		{"block_bytes", mhp_block_bytes(g)},
		{"descriptor_bytes", g->descriptor_bytes},
		{"size_bytes", options->size_bytes},
	};

	json_object_set_new(object, "profile",
			    json_string(options->profile_name));
	json_object_set_new(object, "geometry",
			    json_string(row->geometry_name));
	SET_NUMBERS(object, numbers, true);
	json_object_set_new(object, "addr_bytes",
			    row->refused ? json_null()
					 : number(row->addr_bytes));
	json_object_set_new(object, "placement", json_string(row->way->name));
}

static void set_answer(json_t *object, const struct plan_row *row)
{
	const struct mhp_plan *plan = &row->plan;
	const struct json_number numbers[] = {
		{"nr_blocks", plan->nr_blocks},
		{"nr_hosts", plan->nr_hosts},
		{"memmap_pages", plan->nr_memmap_pages},
		{"hosted_pages", plan->nr_hosted_pages},
		{"wasted_pages", plan->nr_wasted_pages},
		{"usable_pages", plan->nr_usable_pages},
		{"gigantic_pages", plan->nr_gigantic},
		{"existing_bytes", row->existing_bytes},
		{"existing_memmap_bytes", plan->existing_memmap_bytes},
		{"existing_state_bytes", plan->existing_state_bytes},
		{"existing_record_bytes", plan->existing_record_bytes},
	};

	json_object_set_new(object, "refused", json_boolean(row->refused));
	json_object_set_new(object, "becomes",
			    row->refused ? json_null()
					 : json_string(plan_placement_name(
						   plan->placement)));
	json_object_set_new(object, "on_memory",
			    json_boolean(!row->refused && plan->on_memory));
	json_object_set_new(object, "why",
			    row->why ? json_string(row->why) : json_null());
	SET_NUMBERS(object, numbers, !row->refused);
	json_object_set_new(object, "overhead_percent",
			    row->refused ? json_null()
					 : json_real(row->overhead_percent));
}

static void set_boot(json_t *object, const struct plan_options *options,
		     const struct plan_row *row)
{
	const struct mhp_geometry *g = &row->geometry;
	uint64_t movable = mhp_bytes_from_pages(g, row->plan.nr_movable_pages);
	const struct json_number numbers[] = {
		{"boot_left_bytes", row->boot_left_bytes},
		{"movable_bytes", movable},
		{"kernel_bytes", options->size_bytes - movable},
		{"movable_group_bytes",
		 mhp_bytes_from_pages(g, row->plan.nr_movable_group_pages)},
	};

	json_object_set_new(object, "boot_bytes", number(options->boot_bytes));
	json_object_set_new(object, "auto_movable_ratio",
			    number(options->auto_movable_ratio));
	json_object_set_new(object, "boot_has_it",
			    row->refused ? json_null()
					 : json_boolean(row->boot_has_it));
	SET_NUMBERS(object, numbers, !row->refused);
}

static void json_row(const struct plan_options *options,
		     const struct plan_row *row)
{
	json_t *object = json_object();

	set_asked(object, options, row);
	set_answer(object, row);
	if (options->boot_bytes)
		set_boot(object, options, row);
	json_dumpf(object, stdout,
		   JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(object);
}

void plan_print_json(const struct plan_options *options,
		     const struct plan_rows *rows)
{
	size_t i;

	for (i = 0; i < rows->nr; i++)
		json_row(options, &rows->rows[i]);
}
