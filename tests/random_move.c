/* SPDX-License-Identifier: MIT */
/* Memmaps that move; see random.h. */
#include "mhp/move.h"
#include "random.h"

static bool is_there(const struct world *w, uint64_t id, enum mhp_placement to)
{
	return w->homes[id].placement == to;
}

/* Whether pages that are in use must leave first; @o: what that would meet. */
static bool must_vacate(const struct world *w, uint64_t id,
			enum mhp_placement to, struct outlook *o)
{
	struct mhp_range own = mhp_range_make(block_start(&w->mc, id),
					      w->nr_piece);

	*o = (struct outlook){0};
	if (to != MHP_PLACEMENT_BLOCK || !w->nr_piece || is_there(w, id, to) ||
	    w->life[id] != MHP_BLOCK_ONLINE)
		return false;
	*o = world_outlook(w, own);
	return true;
}

/* What can stand against a move that the map does not say: the geometry, bad
 * pages, memory for the target, pageblocks that others isolated. */
static bool may_fail_so(int err)
{
	return err == MHP_ERR_BUSY || err == MHP_ERR_NOMEM ||
	       err == MHP_ERR_OPNOTSUPP || err == MHP_ERR_HWPOISON;
}

static int move_one(struct world *w, uint64_t id, enum mhp_placement to)
{
	int err = mhp_memmap_move(w->mc.m, id, to, MHP_NO_DEADLINE, NULL);

	world_sync_items(w);
	if (!err && !is_there(w, id, to))
		world_move(w, id, to);
	world_sync_engine(w);
	return err;
}

static void random_one(struct world *w, uint64_t id, enum mhp_placement to)
{
	bool keeps = world_has_dependent(w, id, 0);
	struct outlook o;
	int err;

	if (must_vacate(w, id, to, &o) && o.later && !o.blocked)
		return;
	err = move_one(w, id, to);
	if (w->life[id] == MHP_BLOCK_ABSENT)
		assert_int_equal(err, MHP_ERR_NOENT);
	else if (w->life[id] == MHP_BLOCK_GOING_OFFLINE)
		assert_int_equal(err, MHP_ERR_BUSY);
	else if (keeps || o.blocked || o.refused)
		assert_true(err && may_fail_so(err));
	else
		assert_true(!err || may_fail_so(err));
}

/* All that depend on a block; any of them may stand against it. */
static void random_evict(struct world *w, uint64_t host, enum mhp_placement to)
{
	bool stands = false;
	struct outlook o;
	uint64_t id;
	int err;

	for (id = FIRST_BLOCK; id < NR_BLOCKS; id++) {
		if (!world_depends(w, id, host))
			continue;
		if (must_vacate(w, id, to, &o) && o.later && !o.blocked)
			return;
		stands |= o.blocked || o.refused ||
			  world_has_dependent(w, id, 0);
	}
	err = mhp_memmap_evict(w->mc.m, host, to, MHP_NO_DEADLINE, NULL);
	world_sync_items(w);
	if (w->life[host] == MHP_BLOCK_ABSENT) {
		assert_int_equal(err, MHP_ERR_NOENT);
		return;
	}
	assert_true(stands ? err && may_fail_so(err)
			   : !err || may_fail_so(err));
	for (id = NR_BLOCKS; !err && id-- > FIRST_BLOCK;)
		if (world_depends(w, id, host))
			world_move(w, id, to);
	assert_true(err || !world_has_dependent(w, host, 0));
	world_sync_engine(w);
}

void random_move(struct world *w)
{
	uint64_t id = FIRST_BLOCK + world_below(w, NR_HOT);
	enum mhp_placement to = world_below(w, 2) ? MHP_PLACEMENT_BLOCK
						  : MHP_PLACEMENT_EXISTING;

	if (world_below(w, 2))
		random_evict(w, id, to);
	else
		random_one(w, id, to);
}
