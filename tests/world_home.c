/* SPDX-License-Identifier: MIT */
/*
 * Where the memmaps of added blocks are, by the rules once more; see world.h.
 * The engine is asked for the pages of one block's memmap and state alone.
 */
#include "world.h"

/* The pages that serve a block. */
static struct mhp_range world_piece(const struct world *w, uint64_t id)
{
	const struct home *home = &w->homes[id];
	mhp_pfn_t pfn;

	if (w->life[id] == MHP_BLOCK_ABSENT || id < FIRST_BLOCK ||
	    home->placement == MHP_PLACEMENT_EXISTING)
		return mhp_range_make(0, 0);
	pfn = block_start(&w->mc, home->first) +
	      (id - home->first) * w->nr_piece;
	return mhp_range_make(pfn, w->nr_piece);
}

bool world_serves(const struct world *w, mhp_pfn_t pfn)
{
	uint64_t id;

	for (id = FIRST_BLOCK; id < NR_BLOCKS; id++) {
		struct mhp_range piece = world_piece(w, id);

		if (pfn >= piece.start_pfn && pfn < mhp_range_end_pfn(piece))
			return true;
	}
	return false;
}

bool world_depends(const struct world *w, uint64_t id, uint64_t host)
{
	struct mhp_range piece = world_piece(w, id);

	return id != host && piece.nr_pages &&
	       mhp_block_id(w->mc.g, piece.start_pfn) <= host &&
	       mhp_block_id(w->mc.g, mhp_range_end_pfn(piece) - 1) >= host;
}

uint64_t world_missing_host(const struct world *w, uint64_t id)
{
	uint64_t host;

	for (host = FIRST_BLOCK; host < NR_BLOCKS; host++)
		if (world_depends(w, id, host) &&
		    w->life[host] != MHP_BLOCK_ONLINE)
			return host;
	return id;
}

bool world_has_dependent(const struct world *w, uint64_t host, uint32_t blocks)
{
	uint64_t id;

	for (id = FIRST_BLOCK; id < NR_BLOCKS; id++)
		if (world_depends(w, id, host) && !(blocks >> id & 1))
			return true;
	return false;
}

bool world_hosts_in_use(const struct world *w, uint64_t host)
{
	uint64_t id;

	for (id = FIRST_BLOCK; id < NR_BLOCKS; id++)
		if (world_depends(w, id, host) &&
		    w->life[id] != MHP_BLOCK_OFFLINE)
			return true;
	return false;
}

void world_come(struct world *w, uint64_t id, uint64_t nr,
		enum mhp_placement placement)
{
	uint64_t i;

	for (i = id; i < id + nr; i++) {
		w->homes[i].placement = placement;
		w->homes[i].first = placement == MHP_PLACEMENT_RANGE ? id : i;
		world_set_life(w, i, MHP_BLOCK_OFFLINE);
	}
}

/* Pages of blocks in use that served one that serves no more. */
static void world_regain(struct world *w)
{
	mhp_pfn_t pfn = block_start(&w->mc, FIRST_BLOCK);

	for (; pfn < w->nr_pages; pfn++)
		if (w->map[pfn] == MAP_KEPT && !world_serves(w, pfn))
			w->map[pfn] = MAP_FREE;
}

void world_move(struct world *w, uint64_t id, enum mhp_placement placement)
{
	struct mhp_range piece;
	mhp_pfn_t pfn;

	w->homes[id].placement = placement;
	w->homes[id].first = id;
	piece = world_piece(w, id);
	for (pfn = piece.start_pfn; pfn < mhp_range_end_pfn(piece); pfn++)
		if (w->life[id] == MHP_BLOCK_ONLINE)
			w->map[pfn] = MAP_KEPT;
	world_regain(w);
}

void world_leave(struct world *w, uint32_t blocks)
{
	uint64_t id;

	for (id = FIRST_BLOCK; id < NR_BLOCKS; id++)
		if (blocks >> id & 1)
			world_set_life(w, id, MHP_BLOCK_ABSENT);
	world_regain(w);
}
