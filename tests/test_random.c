/* SPDX-License-Identifier: MIT */
/*
 * Random calls against a map of one byte for each page, on every geometry: what
 * is allocated was free, what is refused could not be had, what is freed
 * wrongly changes nothing, and what moves arrives.
 *
 * Environment: MHP_TEST_SEED, printed by each test, replays it; MHP_TEST_STEPS
 * is the number of steps of each.
 */
#include "random.h"
#include "range_support.h"

#define STEPS_DEFAULT 3000
#define RESERVES_EVERY 500
/* A look at everything once in so many steps; the checker runs after each. */
#define VERIFY_EVERY 37

static void do_something(struct world *w)
{
	uint64_t what = world_below(w, 100);

	if (what < 53)
		random_alloc(w);
	else if (what < 55)
		random_device(w);
	else if (what < 75)
		random_free(w);
	else if (what < 80)
		random_wrong_free(w);
	else if (what < 85)
		world_poison(w);
	else if (what < 91)
		random_lifecycle(w);
	else if (what < 93)
		random_move(w);
	else if (what < 95)
		random_step(w);
	else if (what < 98)
		random_hold(w);
	else
		random_complete(w);
}

static void test_random(struct machine *mc)
{
	uint64_t steps = env_number("MHP_TEST_STEPS", STEPS_DEFAULT), i;
	struct world *w;

	machine_end(mc); /* the world has its own */
	w = world_start(mc->c, 1);
	for (i = 0; i < steps; i++) {
		/* By turns with reserves, and with what is free for all. */
		if (i % RESERVES_EVERY == 0)
			set_reserves(&w->mc, i / RESERVES_EVERY % 2 ? 32 : 0);
		do_something(w);
		check_ok(&w->mc);
		if (i % VERIFY_EVERY == 0)
			world_verify(w);
	}
	world_verify(w);
	world_end(w);
}

static const struct machine_test tests[] = {
	{"random", test_random},
};

int main(void)
{
	return range_run("random", tests, 1);
}
