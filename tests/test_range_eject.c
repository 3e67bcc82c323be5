/* SPDX-License-Identifier: MIT */
/*
 * Ranges with one memmap that are taken offline and away in one call: the order
 * is found whatever the caller's is, and a failure in the middle puts every
 * block back where it was, hosts before their dependents.
 */
#include "mhp/move.h"
#include "range_support.h"

#include <stdlib.h>

/* Refuses one event of one block, and looks whether hosts come back first. */
struct refuser {
	struct mhp_notifier notifier;
	const struct range *range;
	enum mhp_event event;
	uint64_t block_id;
	unsigned int nr_left; /* refusals to come */
	uint64_t nr_online, nr_offline;
};

static void assert_hosts_online(const struct range *r, uint64_t i)
{
	uint64_t host;

	for (host = 0; host < NR_RANGE; host++)
		if (range_depends(r, i, host))
			assert_int_equal(
				block_info(r->mc, range_id(r, host)).state,
				MHP_BLOCK_ONLINE);
}

static int refuse(struct mhp_notifier *self, struct mhp *m,
		  const struct mhp_notice *notice)
{
	struct refuser *refuser = (struct refuser *)(void *)self;

	(void)m;
	if (notice->event == MHP_EVENT_ONLINE)
		assert_hosts_online(refuser->range,
				    notice->block_id - FIRST_BLOCK);
	refuser->nr_online += notice->event == MHP_EVENT_ONLINE;
	refuser->nr_offline += notice->event == MHP_EVENT_OFFLINE;
	if (notice->event != refuser->event ||
	    notice->block_id != refuser->block_id || !refuser->nr_left)
		return 0;
	refuser->nr_left--;
	return MHP_ERR_PERM;
}

static void refuser_start(struct refuser *refuser, const struct range *r,
			  enum mhp_event event, uint64_t block_id)
{
	*refuser = (struct refuser){
		.notifier = {.notify = refuse},
		.range = r,
		.event = event,
		.block_id = block_id,
		.nr_left = 1,
	};
	assert_int_equal(mhp_notifier_register(r->mc->m, &refuser->notifier),
			 0);
}

static void refuser_stop(struct refuser *refuser, struct machine *mc)
{
	assert_int_equal(mhp_notifier_unregister(mc->m, &refuser->notifier), 0);
}

/* The range in one piece, or block by block in descending or mixed order. */
static uint32_t make_ranges(const struct range *r, unsigned int how,
			    struct mhp_range *ranges)
{
	uint32_t i;

	if (!how) {
		ranges[0] = block_range(r->mc, FIRST_BLOCK, NR_RANGE);
		return 1;
	}
	for (i = 0; i < NR_RANGE; i++)
		ranges[i] = block_range(r->mc,
					FIRST_BLOCK +
						(how == 1 ? NR_RANGE - 1 - i
							  : i * 5 % NR_RANGE),
					1);
	return NR_RANGE;
}

static int eject(struct machine *mc, const struct mhp_range *ranges,
		 uint32_t nr, uint32_t flags)
{
	return mhp_offline_and_remove_ranges(mc->m, ranges, nr, MHP_NO_DEADLINE,
					     flags, NULL);
}

/* Block @at refuses to leave: all that left before come back, to the zones that
 * they had; then it leaves as well. */
static void refused_in_the_middle(struct machine *mc, uint64_t at,
				  unsigned int how, uint32_t flags)
{
	char *before = snapshot(mc, 0), *online;
	struct mhp_range ranges[NR_RANGE];
	struct refuser refuser;
	struct range r;
	uint32_t nr;
	uint64_t i;

	range_add(&r, mc, NR_RANGE, 0);
	for (i = 0; i < NR_RANGE; i++)
		range_online(&r, i,
			     i % 3 ? MHP_ONLINE_MOVABLE : MHP_ONLINE_KERNEL);
	nr = make_ranges(&r, how, ranges);
	online = snapshot(mc, 0);
	refuser_start(&refuser, &r, MHP_EVENT_GOING_OFFLINE, range_id(&r, at));
	/* With two passes what refuses once is asked again. */
	refuser.nr_left = flags & MHP_OFFLINE_TWICE ? 2 : 1;
	assert_int_equal(eject(mc, ranges, nr, flags), MHP_ERR_PERM);
	assert_int_equal(refuser.nr_online, refuser.nr_offline);
	refuser_stop(&refuser, mc);
	unchanged(mc, online, 0);
	range_verify(&r);
	assert_int_equal(eject(mc, ranges, nr, flags), 0);
	unchanged(mc, before, 0);
}

static void test_refused(struct machine *mc)
{
	unsigned int how;

	for (how = 0; how < 3; how++) {
		refused_in_the_middle(mc, 0, how, 0);
		refused_in_the_middle(mc, 1, how, 0);
		refused_in_the_middle(mc, NR_RANGE / 2, how, 0);
		refused_in_the_middle(mc, NR_RANGE - 1, how, 0);
		refused_in_the_middle(mc, 1, how, MHP_OFFLINE_TWICE);
	}
}

/* A host cannot come back: neither can those whose memmaps it has. */
static void host_stays_away(struct machine *mc, unsigned int how)
{
	struct mhp_range ranges[NR_RANGE];
	struct refuser leaving, coming;
	struct range r;
	uint32_t nr;
	uint64_t i;

	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
	nr = make_ranges(&r, how, ranges);
	/* Block 0 goes last and is refused; before it went all the others, of
	 * which one that hosts, if there are any, does not come back. */
	refuser_start(&leaving, &r, MHP_EVENT_GOING_OFFLINE, FIRST_BLOCK);
	refuser_start(&coming, &r, MHP_EVENT_GOING_ONLINE, FIRST_BLOCK + 1);
	assert_int_equal(eject(mc, ranges, nr, 0), MHP_ERR_PERM);
	refuser_stop(&leaving, mc);
	refuser_stop(&coming, mc);
	check_ok(mc);
	for (i = 0; i < NR_RANGE; i++)
		r.online[i] = block_info(mc, range_id(&r, i)).state ==
			      MHP_BLOCK_ONLINE;
	assert_true(r.online[0]);
	assert_false(r.online[1]);
	range_verify(&r);
	for (i = 2; i < NR_RANGE; i++) {
		uint64_t host;
		bool can = true;

		for (host = 0; host < NR_RANGE; host++)
			can &= !range_depends(&r, i, host) || r.online[host];
		assert_int_equal(r.online[i], can);
	}
	range_remove_all(&r);
}

static void test_host_stays_away(struct machine *mc)
{
	unsigned int how;

	for (how = 0; how < 3; how++)
		host_stays_away(mc, how);
}

/* What the owner of a page does while an eject is about to move it. */
struct gap {
	uint64_t nr;
	int code; /* of the attempt to take the host offline */
};

static void at_gap(struct shelf *shelf, const struct mhp_move *move)
{
	struct gap *gap = shelf->at_move_arg;

	(void)move;
	if (gap->nr++)
		return;
	gap->code = mhp_block_offline(shelf->mc->m, FIRST_BLOCK,
				      MHP_NO_DEADLINE, NULL);
}

/* The eject of a dependent and of another block, whose pages refuse when the
 * dependent is offline already. Its host, which nobody needs then, goes offline
 * in between: the dependent cannot come back. */
static void test_host_leaves_meanwhile(struct machine *mc)
{
	struct mhp_range ranges[2];
	struct shelf *shelf;
	struct gap gap = {0};
	struct range r;
	uint64_t other = FIRST_BLOCK + 5;

	range_add(&r, mc, 2, 0);
	if (range_last_host(&r, 1) != 0) {
		range_remove_all(&r);
		return;
	}
	range_online(&r, 0, MHP_ONLINE_KERNEL);
	range_online(&r, 1, MHP_ONLINE_KERNEL);
	plug(mc, other, 1, MHP_PLACEMENT_BLOCK, MHP_ONLINE_KERNEL);
	shelf = shelf_open(mc);
	shelf_fill(shelf, other, 0, 2);
	shelf->at_move = at_gap;
	shelf->at_move_arg = &gap;
	shelf->items[0].answer = ANSWER_BROKEN;
	shelf->items[1].answer = ANSWER_BROKEN;
	ranges[0] = block_range(mc, FIRST_BLOCK + 1, 1);
	ranges[1] = block_range(mc, other, 1);
	assert_int_not_equal(eject(mc, ranges, 2, 0), 0);
	assert_true(gap.nr > 0);
	check_ok(mc);
	r.online[0] = block_info(mc, FIRST_BLOCK).state == MHP_BLOCK_ONLINE;
	r.online[1] = block_info(mc, FIRST_BLOCK + 1).state == MHP_BLOCK_ONLINE;
	assert_int_equal(gap.code == 0, !r.online[0]);
	/* What cannot be brought back stays offline. */
	if (!r.online[0])
		assert_false(r.online[1]);
	range_remove_all(&r);
	shelf->items[0].answer = shelf->items[1].answer = ANSWER_MOVED;
	shelf_close(shelf);
	assert_int_equal(mhp_offline_and_remove(mc->m,
						block_range(mc, other, 1),
						MHP_NO_DEADLINE, 0, NULL),
			 0);
}

/* What somebody tries with a block while it is ejected. */
static int meddle(struct machine *mc, uint64_t id, unsigned int how)
{
	switch (how) {
	case 0:
		return mhp_block_offline(mc->m, id, MHP_NO_DEADLINE, NULL);
	case 1:
		return mhp_remove(mc->m, block_range(mc, id, 1), NULL);
	case 2:
		return mhp_offline_and_remove(mc->m, block_range(mc, id, 1),
					      MHP_NO_DEADLINE, 0, NULL);
	case 3:
		return mhp_memmap_move(mc->m, id, MHP_PLACEMENT_EXISTING,
				       MHP_NO_DEADLINE, NULL);
	case 4:
		return mhp_memmap_evict(mc->m, FIRST_BLOCK,
					MHP_PLACEMENT_EXISTING, MHP_NO_DEADLINE,
					NULL);
	default:
		return add_blocks(mc, id, 1, MHP_PLACEMENT_BLOCK);
	}
}

#define NR_MEDDLES 6

static void at_move_meddle(struct shelf *shelf, const struct mhp_move *move)
{
	uint64_t *nr = shelf->at_move_arg, i;
	unsigned int how;

	(void)move;
	for (i = 0; i < NR_RANGE; i++)
		for (how = 0; how < NR_MEDDLES; how++)
			assert_true(meddle(shelf->mc, FIRST_BLOCK + i, how) <
				    0);
	/* Those that are offline already do not come back. */
	for (i = 0; i < NR_RANGE; i++) {
		int err = mhp_block_online(shelf->mc->m, FIRST_BLOCK + i,
					   MHP_ONLINE_KERNEL, NULL);

		assert_true(err == MHP_ERR_BUSY || err == MHP_ERR_INVAL);
	}
	check_ok(shelf->mc);
	++*nr;
}

/* A range waits for what is in its first host, when all others have gone: it is
 * left alone, and what was tried has changed nothing. */
static void test_left_alone(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct shelf *shelf;
	uint64_t nr = 0;
	struct range r;

	range_plug(&r, mc, NR_RANGE, MHP_ONLINE_MOVABLE);
	shelf = shelf_open(mc);
	shelf_fill(shelf, FIRST_BLOCK + NR_RANGE - 1, 0, 1);
	if (range_nr_memmap(&r, 0) < r.block_pages)
		shelf_fill(shelf, FIRST_BLOCK, 0, 1);
	shelf->at_move = at_move_meddle;
	shelf->at_move_arg = &nr;
	shelf->items[0].answer = ANSWER_BROKEN;
	assert_int_not_equal(
		mhp_offline_and_remove(mc->m,
				       block_range(mc, FIRST_BLOCK, NR_RANGE),
				       MHP_NO_DEADLINE, 0, NULL),
		0);
	range_verify(&r);
	shelf->items[0].answer = ANSWER_MOVED;
	assert_int_equal(mhp_offline_and_remove(
				 mc->m, block_range(mc, FIRST_BLOCK, NR_RANGE),
				 MHP_NO_DEADLINE, 0, NULL),
			 0);
	assert_true(nr > 1);
	shelf->at_move = NULL;
	shelf_close(shelf);
	unchanged(mc, before, 0);
}

/* A part of a range: only with all dependents of what is in it. */
static void test_parts(struct machine *mc)
{
	char *before = snapshot(mc, 0);
	struct mhp_report report;
	struct range r;
	uint64_t first, nr, i;

	for (first = 0; first < NR_RANGE; first += 2)
		for (nr = 1; first + nr <= NR_RANGE; nr += 3) {
			bool may = true;
			uint64_t k;
			int err;

			range_plug(&r, mc, NR_RANGE, MHP_ONLINE_KERNEL);
			for (i = first; i < first + nr; i++)
				for (k = 0; k < NR_RANGE; k++)
					may &= !range_depends(&r, k, i) ||
					       (k >= first && k < first + nr);
			err = mhp_offline_and_remove(
				mc->m, block_range(mc, FIRST_BLOCK + first, nr),
				MHP_NO_DEADLINE, 0, &report);
			assert_int_equal(err, may ? 0 : MHP_ERR_BUSY);
			if (err)
				assert_int_equal(report.why, MHP_WHY_DEPENDENT);
			for (i = first; !err && i < first + nr; i++)
				r.known[i] = r.online[i] = false;
			check_ok(mc);
			if (nr == 1)
				range_verify(&r);
			range_remove_all(&r);
		}
	unchanged(mc, before, 0);
}

static const struct machine_test tests[] = {
	{"refused", test_refused},
	{"host_stays_away", test_host_stays_away},
	{"host_leaves_meanwhile", test_host_leaves_meanwhile},
	{"left_alone", test_left_alone},
	{"parts", test_parts},
};

int main(void)
{
	return range_run("range_eject", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
