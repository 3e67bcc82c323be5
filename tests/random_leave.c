/* SPDX-License-Identifier: MIT */
/*
 * Blocks that leave in one call, of one range or of two in any order, or stay:
 * hosts with their dependents, dependents alone; see random.h.
 */
#include "random.h"

/* What a call is about: ranges that share no block, and the blocks in them that
 * there are. */
struct leaving {
	struct mhp_range ranges[2];
	uint32_t nr_ranges;
	uint32_t blocks; /* a bit each */
	bool boot;
};

static void leaving_add(const struct world *w, struct leaving *l, uint64_t id,
			uint64_t nr)
{
	l->ranges[l->nr_ranges++] = block_range(&w->mc, id, nr);
	for (; nr--; id++) {
		l->boot |= id < FIRST_BLOCK;
		if (w->life[id] != MHP_BLOCK_ABSENT)
			l->blocks |= UINT32_C(1) << id;
	}
}

static uint64_t random_nr(struct world *w, uint64_t most)
{
	uint64_t nr = 1 + world_below(w, world_below(w, 3) ? 2 : 8);

	return nr < most ? nr : most;
}

/* Blocks from @id on; now and then also some before or behind these. */
static struct leaving random_leaving(struct world *w, uint64_t id)
{
	uint64_t nr = random_nr(w, NR_BLOCKS - id), end = id + nr;
	struct leaving l = {.nr_ranges = 0};
	uint64_t other;

	leaving_add(w, &l, id, nr);
	if (id < FIRST_BLOCK || world_below(w, 3))
		return l;
	if (world_below(w, 2) && end < NR_BLOCKS) {
		other = end + world_below(w, NR_BLOCKS - end);
		leaving_add(w, &l, other, random_nr(w, NR_BLOCKS - other));
	} else if (id > FIRST_BLOCK) {
		other = FIRST_BLOCK + world_below(w, id - FIRST_BLOCK);
		leaving_add(w, &l, other, random_nr(w, id - other));
	}
	return l;
}

static bool leaves_dependents(const struct world *w, const struct leaving *l)
{
	uint64_t id;

	for (id = FIRST_BLOCK; id < NR_BLOCKS; id++)
		if (l->blocks >> id & 1 &&
		    world_has_dependent(w, id, l->blocks))
			return true;
	return false;
}

/* Whether all blocks are offline, or online, if that is as good. */
static bool are_at_rest(const struct world *w, const struct leaving *l,
			bool online)
{
	uint64_t id;

	for (id = 0; id < NR_BLOCKS; id++)
		if (l->blocks >> id & 1 && w->life[id] != MHP_BLOCK_OFFLINE &&
		    (!online || w->life[id] != MHP_BLOCK_ONLINE))
			return false;
	return true;
}

/* What is answered before anything changes. */
static int expect_leave(const struct world *w, const struct leaving *l,
			bool online)
{
	if (!l->blocks)
		return MHP_ERR_NOENT;
	return l->boot || !are_at_rest(w, l, online) || leaves_dependents(w, l)
		       ? MHP_ERR_BUSY
		       : 0;
}

static void left(struct world *w, const struct leaving *l)
{
	world_leave(w, l->blocks);
	world_sync_engine(w);
}

void random_remove(struct world *w, uint64_t id)
{
	struct leaving l = random_leaving(w, id);
	int err = mhp_remove_ranges(w->mc.m, l.ranges, l.nr_ranges, NULL);

	assert_int_equal(err, expect_leave(w, &l, false));
	if (!err)
		left(w, &l);
}

static struct outlook eject_outlook(const struct world *w,
				    const struct leaving *l)
{
	struct outlook sum = {0};
	uint64_t id;

	for (id = 0; id < NR_BLOCKS; id++) {
		struct outlook o;

		if (!(l->blocks >> id & 1) || w->life[id] != MHP_BLOCK_ONLINE)
			continue;
		o = world_outlook(w, block_range(&w->mc, id, 1));
		sum.blocked |= o.blocked;
		sum.refused |= o.refused;
		sum.later |= o.later;
	}
	return sum;
}

/* One that is looked at twice may have found no room before it is refused. */
static void eject_ended(struct world *w, const struct leaving *l, int err,
			struct outlook o, bool twice)
{
	if (err == MHP_ERR_NOMEM)
		assert_true(twice || !o.blocked);
	else
		assert_int_equal(err,
				 o.blocked || o.refused ? MHP_ERR_BUSY : 0);
	world_sync_items(w);
	if (!err)
		left(w, l);
}

void random_eject(struct world *w, uint64_t id)
{
	uint32_t flags = world_below(w, 3) ? 0 : MHP_OFFLINE_TWICE;
	struct leaving l = random_leaving(w, id);
	struct outlook o = eject_outlook(w, &l);
	int expect = expect_leave(w, &l, true), err;

	/* It would wait for an owner who is not going to come. */
	if (!expect && o.later && (flags || !o.blocked))
		return;
	err = mhp_offline_and_remove_ranges(w->mc.m, l.ranges, l.nr_ranges,
					    MHP_NO_DEADLINE, flags, NULL);
	if (expect)
		assert_int_equal(err, expect);
	else
		eject_ended(w, &l, err, o, flags);
}
