/* SPDX-License-Identifier: MIT */
/* Blocks that come, go on- and offline, and leave; see random.h. */
#include "random.h"

/* Most ask for one memmap for all: only several blocks can have that. */
static enum mhp_placement random_placement(struct world *w)
{
	static const enum mhp_placement placements[] = {
		MHP_PLACEMENT_RANGE,	MHP_PLACEMENT_RANGE,
		MHP_PLACEMENT_RANGE,	MHP_PLACEMENT_BLOCK,
		MHP_PLACEMENT_EXISTING, MHP_PLACEMENT_AUTO,
	};

	return placements[world_below(w, sizeof(placements) /
						 sizeof(placements[0]))];
}

static struct mhp_add_request random_add(struct world *w, uint64_t id,
					 uint64_t nr)
{
	struct mhp_add_request add = {
		.range = block_range(&w->mc, id, nr),
		.node = (uint16_t)world_below(w, w->mc.g->nr_nodes),
		.placement = random_placement(w),
	};

	if (!world_below(w, 4))
		add.flags = MHP_ADD_WITHHELD;
	return add;
}

/* Blocks from @id on that are not there, nor a device range, at most @most. */
static uint64_t nr_absent(const struct world *w, uint64_t id, uint64_t most)
{
	uint64_t nr = 0;

	while (nr < most && id + nr < NR_BLOCKS &&
	       w->life[id + nr] == MHP_BLOCK_ABSENT &&
	       !world_device_in(w, block_range(&w->mc, id + nr, 1)))
		nr++;
	return nr;
}

static void do_add(struct world *w, uint64_t id)
{
	uint64_t most = 1 + world_below(w, 7);
	uint64_t nr = world_below(w, 8) ? nr_absent(w, id, most) : most, i;
	struct mhp_add_request add;
	int err;

	if (id + nr > NR_BLOCKS)
		nr = NR_BLOCKS - id;
	nr += !nr; /* a device range is there */
	add = random_add(w, id, nr);
	err = mhp_add(w->mc.m, &add, NULL);
	if (nr_absent(w, id, nr) < nr) {
		assert_int_equal(err, MHP_ERR_EXIST);
		return;
	}
	if (add.placement != MHP_PLACEMENT_EXISTING || err != MHP_ERR_NOMEM)
		assert_int_equal(err, 0);
	world_sync_engine(w);
	if (err)
		return;
	world_come(w, id, nr, block_info(&w->mc, id).placement);
	for (i = 0; add.flags && i < nr; i++)
		world_add_withheld(w, id + i);
}

static void do_online(struct world *w, uint64_t id)
{
	enum mhp_online_type type = (enum mhp_online_type)(MHP_ONLINE_DEFAULT +
							   world_below(w, 3));
	int err;

	/* What boot memory keeps is known no more once it is MOVABLE. */
	if (id < FIRST_BLOCK)
		type = MHP_ONLINE_KERNEL;
	if (world_nr_bad(w, block_range(&w->mc, id, 1))) {
		assert_int_equal(mhp_block_online(w->mc.m, id, type, NULL),
				 MHP_ERR_HWPOISON);
		if (world_below(w, 2))
			world_clear(w, block_range(&w->mc, id, 1));
		return;
	}
	err = mhp_block_online(w->mc.m, id, type, NULL);
	if (world_missing_host(w, id) != id) {
		assert_int_equal(err, MHP_ERR_BUSY);
		return;
	}
	assert_int_equal(err, 0);
	world_set_life(w, id, MHP_BLOCK_ONLINE);
}

/* The operation has ended with @err: note what became of the block. */
static void offline_ended(struct world *w, uint64_t id, int err,
			  struct outlook o)
{
	if (err == MHP_ERR_NOMEM)
		assert_false(o.blocked);
	else if (o.blocked || o.refused)
		assert_int_equal(err, MHP_ERR_BUSY);
	else
		assert_int_equal(err, 0);
	w->life[id] = MHP_BLOCK_ONLINE;
	world_sync_items(w);
	if (!err)
		world_set_life(w, id, MHP_BLOCK_OFFLINE);
}

static void do_offline(struct world *w, uint64_t id)
{
	struct outlook o = world_outlook(w, block_range(&w->mc, id, 1));
	int err;

	o.blocked |= world_hosts_in_use(w, id);
	/* It would wait for an owner who is not going to come. */
	if (o.later && !o.blocked)
		return;
	err = mhp_block_offline(w->mc.m, id, MHP_NO_DEADLINE, NULL);
	offline_ended(w, id, err, o);
}

static void do_begin(struct world *w, uint64_t id)
{
	struct outlook o = world_outlook(w, block_range(&w->mc, id, 1));
	unsigned int i = (unsigned int)world_below(w, NR_OPS);
	int err;

	if (w->open[i])
		return;
	o.blocked |= world_hosts_in_use(w, id);
	err = mhp_offline_begin(w->mc.m, &w->ops[i], id, MHP_NO_DEADLINE,
				MHP_OFFLINE_PATIENT, NULL);
	if (err) {
		assert_int_equal(err, MHP_ERR_BUSY);
		assert_true(o.blocked);
		return;
	}
	w->life[id] = MHP_BLOCK_GOING_OFFLINE;
	w->open[i] = true;
}

void random_step(struct world *w)
{
	unsigned int i = (unsigned int)world_below(w, NR_OPS);
	uint64_t id = w->ops[i].block_id;
	int err;

	if (!w->open[i])
		return;
	if (!world_below(w, 12)) {
		mhp_offline_cancel(w->mc.m, &w->ops[i]);
		w->open[i] = false;
		w->life[id] = MHP_BLOCK_ONLINE;
		return;
	}
	err = mhp_offline_step(w->mc.m, &w->ops[i], NULL);
	if (err == MHP_ERR_AGAIN) {
		world_sync_items(w);
		return;
	}
	assert_true(err == 0 || err == MHP_ERR_NOMEM);
	w->open[i] = false;
	w->life[id] = MHP_BLOCK_ONLINE;
	world_sync_items(w);
	if (!err)
		world_set_life(w, id, MHP_BLOCK_OFFLINE);
}

void random_complete(struct world *w)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_ITEMS && nr < 3; i++) {
		struct item *item = &w->shelf->items[i];

		if (!item->live || item->to_pfn == MHP_PFN_NONE ||
		    !world_below(w, 2))
			continue;
		item->answer = ANSWER_MOVED;
		assert_int_equal(
			shelf_complete(w->shelf, item, world_below(w, 2)), 0);
		nr++;
	}
	world_sync_items(w);
}

static void life_of_one(struct world *w, uint64_t id)
{
	switch (w->life[id]) {
	case MHP_BLOCK_ABSENT:
		do_add(w, id);
		break;
	case MHP_BLOCK_OFFLINE:
		if (world_below(w, 4))
			do_online(w, id);
		else
			random_remove(w, id);
		break;
	case MHP_BLOCK_ONLINE:
		if (world_below(w, 2))
			do_offline(w, id);
		else
			do_begin(w, id);
		break;
	default:
		assert_int_equal(
			mhp_block_offline(w->mc.m, id, MHP_NO_DEADLINE, NULL),
			MHP_ERR_BUSY);
		break;
	}
}

/* All of a range that are not online come online, if they can. */
static void life_of_range(struct world *w, uint64_t id, uint64_t nr)
{
	for (; nr-- && id < NR_BLOCKS; id++)
		if (w->life[id] == MHP_BLOCK_OFFLINE)
			do_online(w, id);
}

void random_lifecycle(struct world *w)
{
	uint64_t id = FIRST_BLOCK + world_below(w, NR_HOT);

	if (!world_below(w, 10))
		id = 1 + world_below(w, NR_BOOT_BLOCKS - 1);
	switch (world_below(w, 8)) {
	case 0:
		random_eject(w, id);
		break;
	case 1:
		life_of_range(w, id, 1 + world_below(w, 6));
		break;
	default:
		life_of_one(w, id);
		break;
	}
}
