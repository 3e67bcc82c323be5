/* SPDX-License-Identifier: MIT */
/*
 * Runs as JSON: one object a line, its keys in a fixed order. The names of the
 * keys are an interface; more may be added.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "output.h"

/* A number of bytes or pages: below 2^63, as memory has at most 2^52 bytes. */
static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *block_object(const struct snapshot_block *b)
{
	json_t *object = json_object();

	json_object_set_new(object, "id", number(b->info.id));
	json_object_set_new(object, "state", json_string(b->state));
	json_object_set_new(object, "zones", json_string(b->zones));
	json_object_set_new(object, "memmap_pages", number(b->info.nr_memmap));
	json_object_set_new(object, "memmap",
			    json_string(snapshot_memmap_word(b)));
	json_object_set_new(object, "node", number(b->info.node));
	json_object_set_new(object, "free", number(b->info.nr_free));
	json_object_set_new(object, "allocated", number(b->info.nr_allocated));
	return object;
}

static json_t *zone_object(const struct snapshot_zone *z)
{
	json_t *object = json_object();

	json_object_set_new(object, "node", number(z->node));
	json_object_set_new(object, "zone",
			    json_string(mhp_zone_name(z->zone)));
	json_object_set_new(object, "spanned", number(z->info.span.nr_pages));
	json_object_set_new(object, "present", number(z->info.nr_present));
	json_object_set_new(object, "managed", number(z->info.nr_managed));
	json_object_set_new(object, "free", number(z->info.nr_free));
	return object;
}

static void set_snapshot(json_t *object, const struct snapshot *snap)
{
	json_t *blocks = json_array(), *zones = json_array();
	size_t i;

	for (i = 0; i < snap->nr_blocks; i++)
		json_array_append_new(blocks, block_object(&snap->blocks[i]));
	for (i = 0; i < snap->nr_zones; i++)
		json_array_append_new(zones, zone_object(&snap->zones[i]));
	json_object_set_new(object, "blocks", blocks);
	json_object_set_new(object, "zones", zones);
	json_object_set_new(object, "memtotal_delta_kb",
			    json_integer(snap->memtotal_delta_kb));
	json_object_set_new(object, "existing_bytes",
			    number(snap->stat.existing_bytes));
	json_object_set_new(object, "index_bytes",
			    number(snap->stat.index_bytes));
	json_object_set_new(object, "pagetable_bytes",
			    number(snap->stat.pagetable_bytes));
	json_object_set_new(object, "handle_bytes", number(snap->handle_bytes));
}

static void set_outcome(json_t *object, const struct scenario_line *line,
			const struct outcome *o)
{
	json_object_set_new(object, "rc", json_integer(o->rc));
	if (o->rc) {
		json_object_set_new(object, "errno",
				    json_string(mhp_errname(o->rc)));
		json_object_set_new(object, "why", json_string(o->why));
	} else if (o->note[0]) {
		json_object_set_new(object, "note", json_string(o->note));
	}
	if (line->verb == SCENARIO_CAT && o->rc == 0)
		json_object_set_new(object, "value", json_string(o->value));
}

static void set_uevents(json_t *object, const struct uevent_log *log)
{
	json_t *heads = json_array();
	size_t i;

	for (i = 0; i < log->nr; i++)
		json_array_append_new(heads, json_string(log->heads[i]));
	json_object_set_new(object, "uevents", heads);
	if (log->nr_lost)
		json_object_set_new(object, "uevents_lost",
				    number(log->nr_lost));
}

static void json_end(const struct scenario_line *line, const struct outcome *o,
		     const struct snapshot *snap, const struct uevent_log *log)
{
	json_t *object = json_object();

	json_object_set_new(object, "line", json_integer(line->number));
	json_object_set_new(object, "cmd", json_string(line->text));
	set_outcome(object, line, o);
	if (snap)
		set_snapshot(object, snap);
	if (log)
		set_uevents(object, log);
	json_dumpf(object, stdout, JSON_PRESERVE_ORDER);
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

const struct output output_json = {.end = json_end};
