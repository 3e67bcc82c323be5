/* SPDX-License-Identifier: MIT */
/* The state of a machine at one moment; see snapshot.h. */
#include "snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *snapshot_memmap_word(const struct snapshot_block *block)
{
	switch (block->info.placement) {
	case MHP_PLACEMENT_EXISTING:
		return "existing";
	case MHP_PLACEMENT_BLOCK:
		return "block";
	case MHP_PLACEMENT_RANGE:
		return "range";
	case MHP_PLACEMENT_AUTO:
	default:
		return "unknown";
	}
}

/* One word of a block's directory, as a person would read it. */
static int block_word(struct machine *machine, uint64_t id, const char *file,
		      char word[SNAPSHOT_WORD_MAX], struct outcome *o)
{
	char path[64];

	snprintf(path, sizeof(path), "memory%" PRIu64 "/%s", id, file);
	if (machine_cat(machine, path, o))
		return o->rc;
	snprintf(word, SNAPSHOT_WORD_MAX, "%.*s", SNAPSHOT_WORD_MAX - 1,
		 o->value);
	return 0;
}

/* Room for one more element behind @nr of them; NULL: the host has none. */
static void *grow(void *elements, size_t nr, size_t element_bytes,
		  struct outcome *o)
{
	void *larger = reallocarray(elements, nr + 1, element_bytes);

	if (!larger)
		outcome_fail(o, MHP_ERR_NOMEM, "the host has no memory");
	return larger;
}

static int take_block(struct machine *machine, struct snapshot *snap,
		      uint64_t id, struct outcome *o)
{
	struct snapshot_block *block;
	void *larger = grow(snap->blocks, snap->nr_blocks, sizeof(*block), o);

	if (!larger)
		return o->rc;
	snap->blocks = larger;
	block = &snap->blocks[snap->nr_blocks];
	if (mhp_block_query(machine->mhp, id, &block->info))
		return outcome_fail(o, MHP_ERR_NOENT,
				    "memory block %" PRIu64 " has gone", id);
	if (block->info.boot)
		return 0;
	snap->nr_blocks++;
	if (block_word(machine, id, "state", block->state, o))
		return o->rc;
	return block_word(machine, id, "valid_zones", block->zones, o);
}

static int take_blocks(struct machine *machine, struct snapshot *snap,
		       struct outcome *o)
{
	uint64_t id;

	for (id = 0; mhp_block_next(machine->mhp, &id) == 0; id++)
		if (take_block(machine, snap, id, o))
			return o->rc;
	return 0;
}

static int take_zone(struct machine *machine, struct snapshot *snap,
		     unsigned int node, enum mhp_zone_type zone,
		     struct outcome *o)
{
	struct snapshot_zone z = {.node = node, .zone = zone};
	int err = mhp_zone_query(machine->mhp, node, zone, &z.info);
	void *larger;

	if (err)
		return outcome_fail(o, err, "zone %s of node %u: %s",
				    mhp_zone_name(zone), node,
				    mhp_strerror(err));
	if (z.info.span.nr_pages == 0)
		return 0;
	larger = grow(snap->zones, snap->nr_zones, sizeof(z), o);
	if (!larger)
		return o->rc;
	snap->zones = larger;
	snap->zones[snap->nr_zones++] = z;
	return 0;
}

static int take_zones(struct machine *machine, struct snapshot *snap,
		      struct outcome *o)
{
	unsigned int node;

	for (node = 0; node < machine->layout.geometry.nr_nodes; node++)
		if (take_zone(machine, snap, node, MHP_ZONE_NORMAL, o) ||
		    take_zone(machine, snap, node, MHP_ZONE_MOVABLE, o))
			return o->rc;
	return 0;
}

static int take_costs(struct machine *machine, struct snapshot *snap,
		      struct outcome *o)
{
	int err = mhp_stat_read(machine->mhp, &snap->stat);
	uint64_t now = snap->stat.nr_managed;
	uint64_t boot = machine->nr_managed_at_boot;
	uint64_t page_kib = mhp_page_bytes(&machine->layout.geometry) >> 10;

	if (err)
		return outcome_fail(o, err, "statistics: %s",
				    mhp_strerror(err));
	snap->memtotal_delta_kb = now >= boot
					  ? (int64_t)((now - boot) * page_kib)
					  : -(int64_t)((boot - now) * page_kib);
	snap->handle_bytes = machine->port->handle_bytes(machine);
	return 0;
}

int snapshot_take(struct machine *machine, struct snapshot *snap,
		  struct outcome *o)
{
	*snap = (struct snapshot){0};
	if (take_blocks(machine, snap, o) || take_zones(machine, snap, o) ||
	    take_costs(machine, snap, o))
		snapshot_free(snap);
	outcome_free(o);
	return o->rc;
}

void snapshot_free(struct snapshot *snap)
{
	free(snap->blocks);
	free(snap->zones);
	*snap = (struct snapshot){0};
}
