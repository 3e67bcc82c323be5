/* SPDX-License-Identifier: MIT */
/*
 * Every order in which two or three threads can take the steps of interleave.h,
 * from a number of beginnings: no page is granted twice or behind isolation,
 * nobody is stuck, and when all have ended nothing is hidden or left open.
 *
 * So that this is known to see anything, every rule is broken once (a mutant),
 * and at least one scenario has to notice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "explore.h"
#include "interleave.h"

_Static_assert(sizeof(struct thread) == 16 &&
		       sizeof(struct world) == 18 + NR_THREADS * 16,
	       "states are compared as bytes");

#define OPEN_WORD (USED | SMALL)
#define NEVER_USED 0

static const struct scenario scenarios[] = {
	{.name = "isolation, a free and two allocations",
	 .word = OPEN_WORD | OWNER(1),
	 .small = 1,
	 .held = {1},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE, OP_ALLOC}, {OP_ALLOC, OP_FREE}, {OP_ISOLATE}}},
	{.name = "isolation, taken back, and two allocations",
	 .word = OPEN_WORD,
	 .small = 1,
	 .held = {1},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE, OP_ALLOC},
		    {OP_PARTIAL, OP_FREE},
		    {OP_ISOLATE_UNDO}}},
	{.name = "isolation and first use",
	 .word = NEVER_USED,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN, OP_FREE}, {OP_ALLOC}, {OP_ISOLATE}}},
	{.name = "isolation, taken back, and first use",
	 .word = NEVER_USED,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN_BARE, OP_FREE}, {OP_OPEN}, {OP_ISOLATE_UNDO}}},
	{.name = "isolation and a whole pageblock",
	 .word = USED,
	 .cpu = {1, 2, 3},
	 .script = {{OP_WHOLE, OP_FREE}, {OP_OPEN}, {OP_ISOLATE}}},
	{.name = "two frees empty it, one allocates",
	 .word = OPEN_WORD,
	 .small = 1,
	 .held = {1, 4},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE}, {OP_FREE}, {OP_ALLOC, OP_FREE}}},
	{.name = "a free empties it, somebody takes all of it",
	 .word = OPEN_WORD,
	 .small = 1,
	 .held = {1},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE}, {OP_ALLOC, OP_FREE}, {OP_WHOLE, OP_FREE}}},
	{.name = "preferred and empty, somebody takes all of it",
	 .word = OPEN_WORD | OWNER(1),
	 .small = 1,
	 .cpu = {1, 2, 3},
	 .script = {{OP_ALLOC, OP_FREE}, {OP_EMPTIED, OP_FREE}, {OP_OPEN}}},
	{.name = "the owner lets go while others free",
	 .word = OPEN_WORD | OWNER(1),
	 .small = 1,
	 .held = {0, 1, 4},
	 .cpu = {1, 1, 2},
	 .script = {{OP_LET_GO}, {OP_FREE}, {OP_FREE, OP_ALLOC}}},
	{.name = "full, and somebody frees",
	 .word = OPEN_WORD,
	 .small = 1,
	 .held = {1, 0, 2},
	 .others = 60,
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE}, {OP_PARTIAL}, {OP_FREE}}},
	{.name = "full, and the owner lets go while somebody frees",
	 .word = OPEN_WORD | OWNER(1),
	 .small = 1,
	 .held = {0, 1},
	 .others = 62,
	 .cpu = {1, 2, 3},
	 .script = {{OP_LET_GO}, {OP_FREE}, {OP_PARTIAL}}},
	{.name = "hinted full, and somebody frees",
	 .word = OPEN_WORD,
	 .small = 1,
	 .full = 1,
	 .held = {1, 2},
	 .others = 60,
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE, OP_PARTIAL}, {OP_FREE}, {OP_PARTIAL}}},
	{.name = "full, freed, preferred, full and freed again",
	 .word = OPEN_WORD,
	 .small = 1,
	 .held = {1},
	 .others = 62,
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE, OP_PARTIAL, OP_FREE}, {OP_PARTIAL}}},
	{.name = "a whole one is freed while others search",
	 .word = USED | HUGE,
	 .held = {HELD_WHOLE},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE}, {OP_WHOLE}, {OP_OPEN_BARE}}},
	{.name = "one is closed while others search",
	 .word = OPEN_WORD,
	 .small = 1,
	 .held = {1},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE}, {OP_WHOLE}, {OP_OPEN}}},
	{.name = "a first use fails while others search",
	 .word = NEVER_USED,
	 .fails = 1,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN}, {OP_OPEN, OP_FREE}, {OP_WHOLE}}},
	{.name = "opened and closed at once while others search",
	 .word = USED,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN_BARE}, {OP_ISOLATE_UNDO}, {OP_WHOLE}}},
	{.name = "opened twice and closed",
	 .word = USED,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN_BARE, OP_FREE},
		    {OP_OPEN_BARE, OP_END},
		    {OP_ISOLATE_UNDO}}},
	{.name = "first use of a mixed one and two old cursors",
	 .word = NEVER_USED,
	 .kept = 1,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN, OP_FREE}, {OP_ALLOC}, {OP_ALLOC}}},
	{.name = "a mixed one empties",
	 .word = OPEN_WORD | MIXED,
	 .small = 1,
	 .kept = 1,
	 .held = {2, 4},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE}, {OP_FREE}, {OP_ALLOC, OP_FREE}}},
	{.name = "a page goes bad while two allocate",
	 .word = OPEN_WORD | OWNER(1),
	 .small = 1,
	 .cpu = {1, 2, 3},
	 .script = {{OP_ALLOC, OP_FREE}, {OP_ALLOC, OP_FREE}, {OP_POISON}}},
	{.name = "a page goes bad while it is freed",
	 .word = OPEN_WORD,
	 .small = 1,
	 .held = {1},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE, OP_ALLOC}, {OP_PARTIAL, OP_FREE}, {OP_POISON}}},
	{.name = "a page goes bad while the last ones are freed",
	 .word = OPEN_WORD,
	 .small = 1,
	 .held = {1, 4},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE}, {OP_FREE, OP_OPEN}, {OP_POISON}}},
	{.name = "a page of a mixed one goes bad and good again",
	 .word = OPEN_WORD | MIXED,
	 .small = 1,
	 .kept = 1,
	 .bad_page = 1,
	 .held = {2},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE, OP_OPEN}, {OP_ALLOC}, {OP_POISON, OP_CLEAR}}},
	{.name = "a page of a whole one goes bad while that is freed",
	 .word = USED | HUGE,
	 .bad_page = 3,
	 .held = {HELD_WHOLE},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE, OP_WHOLE}, {OP_OPEN_BARE}, {OP_POISON}}},
	{.name = "a bad page of a whole one, freed and opened",
	 .word = USED | HUGE | MIXED,
	 .bad_page = 3,
	 .bad = BAD_HELD,
	 .held = {HELD_WHOLE},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE}, {OP_OPEN, OP_ALLOC}, {OP_OPEN_BARE, OP_ALLOC}}},
	{.name = "a page goes bad at first use",
	 .word = NEVER_USED,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN, OP_FREE}, {OP_WHOLE, OP_FREE}, {OP_POISON}}},
	{.name = "a page goes bad at a first use that fails",
	 .word = NEVER_USED,
	 .fails = 1,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN}, {OP_OPEN, OP_FREE}, {OP_POISON}}},
	{.name = "a bad page becomes good at first use",
	 .word = NEVER_USED,
	 .bad_page = 1,
	 .bad = BAD_KEPT,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN, OP_FREE}, {OP_WHOLE, OP_FREE}, {OP_CLEAR}}},
	{.name = "a bad page becomes good while others search",
	 .word = USED | MIXED,
	 .bad_page = 1,
	 .bad = BAD_KEPT,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN_BARE, OP_FREE}, {OP_WHOLE}, {OP_CLEAR}}},
	{.name = "a bad page becomes good while it is freed",
	 .word = OPEN_WORD | MIXED,
	 .small = 1,
	 .bad = BAD_HELD,
	 .held = {1},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE}, {OP_ALLOC, OP_FREE}, {OP_CLEAR}}},
	{.name = "released, a free and two allocations",
	 .word = OPEN_WORD | MIXED | COUNT(2),
	 .small = 1,
	 .held = {1},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE}, {OP_PARTIAL, OP_FREE}, {OP_RELEASE}}},
	{.name = "all released, somebody takes all of it",
	 .word = OPEN_WORD | MIXED | COUNT(1),
	 .small = 1,
	 .held = {1},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE}, {OP_WHOLE, OP_FREE}, {OP_RELEASE_ALL}}},
	{.name = "hinted full, and released",
	 .word = OPEN_WORD | MIXED | COUNT(2),
	 .small = 1,
	 .full = 1,
	 .held = {0, 1},
	 .others = 14,
	 .cpu = {1, 2, 3},
	 .script = {{OP_PARTIAL, OP_FREE}, {OP_FREE}, {OP_RELEASE}}},
	{.name = "full and preferred, let go, and released",
	 .word = OPEN_WORD | MIXED | COUNT(1) | OWNER(1),
	 .small = 1,
	 .others = 31,
	 .cpu = {1, 2, 3},
	 .script = {{OP_LET_GO}, {OP_PARTIAL, OP_FREE}, {OP_RELEASE_ALL}}},
	{.name = "released in its first use",
	 .word = NEVER_USED | COUNT(2),
	 .fails = 2,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN, OP_FREE}, {OP_OPEN}, {OP_RELEASE}}},
	{.name = "a bad page is withheld, and released",
	 .word = OPEN_WORD | MIXED | COUNT(2),
	 .small = 1,
	 .held = {4},
	 .bad_page = 4,
	 .bad = BAD_KEPT,
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE, OP_OPEN}, {OP_PARTIAL}, {OP_RELEASE_ALL}}},
	{.name = "all are withheld, and one is released",
	 .word = USED | DEAD | COUNT(5),
	 .kept = 1,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN, OP_FREE}, {OP_OPEN_BARE}, {OP_RELEASE}}},
	{.name = "all are withheld, never used, and are released",
	 .word = DEAD | COUNT(6),
	 .cpu = {1, 2, 3},
	 .script = {{OP_WHOLE, OP_FREE}, {OP_OPEN}, {OP_RELEASE_ALL}}},
	{.name = "one withheld, a free and allocations",
	 .word = OPEN_WORD,
	 .small = 1,
	 .held = {5},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE, OP_ALLOC}, {OP_ALLOC, OP_FREE}, {OP_WITHHOLD}}},
	{.name = "one withheld while two frees empty it",
	 .word = OPEN_WORD | OWNER(1),
	 .small = 1,
	 .held = {1, 5},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE, OP_LET_GO}, {OP_FREE}, {OP_WITHHOLD}}},
	{.name = "one withheld, others search",
	 .word = USED,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN_BARE, OP_FREE}, {OP_WHOLE}, {OP_WITHHOLD}}},
	{.name = "withheld in its first use",
	 .word = NEVER_USED,
	 .cpu = {1, 2, 3},
	 .script = {{OP_OPEN, OP_FREE}, {OP_ALLOC}, {OP_WITHHOLD}}},
	{.name = "all withheld while it empties",
	 .word = OPEN_WORD | OWNER(1),
	 .small = 1,
	 .held = {1},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE, OP_LET_GO},
		    {OP_PARTIAL, OP_FREE},
		    {OP_WITHHOLD_ALL}}},
	{.name = "all withheld and released",
	 .word = OPEN_WORD,
	 .small = 1,
	 .held = {1},
	 .cpu = {1, 2, 3},
	 .script = {{OP_FREE},
		    {OP_OPEN, OP_FREE},
		    {OP_WITHHOLD_ALL, OP_RELEASE}}},
};

#define FIRST_WITHHELD 31
#define NR_SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static const char *const mutant_names[NR_MUTANTS] = {
	[CLAIM_UNSEEN] = "bits taken without a look before",
	[GRANT_UNSEEN] = "granted without a look after",
	[GRANT_MISSES_CLOSING] = "granted while it is closing",
	[ISOLATE_LOOKS_FIRST] = "isolated after the look",
	[DRAIN_MISSES_OPENING] = "opening counts as empty",
	[OPEN_DROPS_ISOLATED] = "opening ends isolation",
	[CLOSE_BLIND] = "closed without a second look",
	[CLOSE_GIVES_UP] = "closing given up without a third look",
	[MARK_BLIND] = "full not verified",
	[FREE_KEEPS_FULL] = "full not cleared by a free",
	[OWN_FREE_KEEPS_FULL] = "full not cleared by the owner's free",
	[NOWHOLE_BLIND] = "nowhole not verified",
	[CLOSE_KEEPS_NOWHOLE] = "nowhole not cleared by closing",
	[FAIL_KEEPS_NOWHOLE] = "nowhole not cleared by a failed first use",
	[SMALL_BLIND] = "small not verified",
	[SMALL_KEEPS_NOWHOLE] = "nowhole not cleared with small",
	[LET_GO_BLIND] = "let go without a look",
	[POISON_HASTE] = "bad without a wait",
	[POISON_LATE_MIXED] = "mixed only after a wait",
	[OPEN_DROPS_MIXED] = "opening ends mixed",
	[WHOLE_FREE_FIRST] = "a whole one freed before its bits are set",
	[WHOLE_FREE_BLIND] = "a whole one freed without a look",
	[FREE_KEEPS_HELD] = "a bad page freed with the rest",
	[CLEAR_HASTE] = "good without a wait",
	[CLEAR_BIT_FIRST] = "good before it is removed",
	[CLEAR_STALE] = "good while a free lets go of it",
	[CLOSE_DROPS_COUNT] = "closing forgets what is withheld",
	[OPEN_DROPS_COUNT] = "first use forgets what is withheld",
	[WITHHOLD_HASTE] = "withheld without a wait",
	[WITHHOLD_LEAVES] = "un-isolated without a wait",
	[RELEASE_ROWS_FIRST] = "bits cleared before the count falls",
	[RELEASE_HASTE] = "released in its first use",
	[RELEASE_FREES_BAD] = "a bad page released with the rest",
	[RELEASE_KEEPS_FULL] = "full not cleared by a release",
	[RELEASE_LEAVES_OPEN] = "not closed by a release",
	[RELEASE_KEEPS_NOWHOLE] = "nowhole not cleared by a release",
	[REVIVE_BITS_LAST] = "not dead any more before bits are set",
	[REVIVE_KEEPS_NOWHOLE] = "nowhole not cleared by the first release",
};

static const char *const wrong_names[] = {
	[WRONG_NOTHING] = "nothing",
	[WRONG_TWICE] = "a page is granted twice",
	[WRONG_ISOLATED] = "a page is granted behind isolation",
	[WRONG_KEPT] = "a page that is not the allocator's is granted",
	[WRONG_PREPARED] = "it is found empty while it is prepared",
	[WRONG_STUCK] = "nobody can go on",
	[WRONG_WORD] = "at rest the word is between two states",
	[WRONG_ROWS] = "at rest the rows are not what is held",
	[WRONG_HINT] = "at rest a hint hides something",
	[WRONG_OPEN] = "at rest it is empty and open",
	[WRONG_REFUSED] = "a free that is right is refused",
	[WRONG_BAD] = "a bad page is granted, or not noted",
};

/* ---- what must hold at rest ---- */

/* Whether a page is kept for good, or withheld. */
static bool rest_kept(const struct scenario *s, const struct world *w,
		      unsigned int page)
{
	unsigned int count = (w->word & COUNT_MASK) >> COUNT_SHIFT;

	return page >= NR_PAGES - count ||
	       (page < ROW_PAGES && s->kept >> page & 1);
}

/* Dead if all are; else mixed if it was used and some are, or one is bad. */
static enum wrong rest_word(const struct scenario *s, const struct world *w)
{
	unsigned int page, nr = 0;

	for (page = 0; page < NR_PAGES; page++)
		nr += rest_kept(s, w, page);
	if (!(w->word & DEAD) == (nr == NR_PAGES))
		return WRONG_WORD;
	if (w->word & DEAD)
		return w->word & ~(DEAD | USED | COUNT_MASK) ? WRONG_WORD
							     : WRONG_NOTHING;
	return !(w->word & MIXED) == (w->word & USED && (nr || w->bad))
		       ? WRONG_BAD
		       : WRONG_NOTHING;
}

static bool rest_rows(const struct scenario *s, const struct world *w)
{
	bool bits = w->word & USED && !(w->word & DEAD);
	unsigned int page;

	for (page = 0; page < NR_PAGES; page++) {
		bool held = w->holder[page] && !(w->word & HUGE);
		bool kept = bits &&
			    (rest_kept(s, w, page) ||
			     (page == s->bad_page && w->bad == BAD_KEPT));

		if ((w->row[page / ROW_PAGES] >> page % ROW_PAGES & 1) !=
		    (held || kept))
			return false;
	}
	return true;
}

static bool rest_empty(const struct world *w)
{
	unsigned int page;

	for (page = 0; page < NR_PAGES; page++)
		if (w->holder[page])
			return false;
	return true;
}

static enum wrong rest(const struct scenario *s, const struct world *w)
{
	bool small = w->word & SMALL;
	bool all = w->row[0] == ROW_MASK && w->row[1] == ROW_MASK;

	if (w->word & (CLOSING | OPENING) || (small && w->word & HUGE))
		return WRONG_WORD;
	if (!rest_rows(s, w))
		return WRONG_ROWS;
	if (w->bad == BAD_HELD && !w->holder[s->bad_page])
		return WRONG_BAD;
	if (rest_word(s, w))
		return rest_word(s, w);
	if (w->small != small || (w->full && !all) ||
	    (w->nowhole && !(w->word & ~(USED | MIXED | COUNT_MASK))))
		return WRONG_HINT;
	if (small && !(w->word & OWNER_MASK) && rest_empty(w))
		return WRONG_OPEN;
	return WRONG_NOTHING;
}

/* ---- all orders ---- */

static bool machine_step(const struct machine *machine, void *state,
			 unsigned int n)
{
	return interleave_step(machine->scenario, (enum mutant)machine->mutant,
			       state, n);
}

static bool machine_ended(const struct machine *machine, const void *state,
			  unsigned int n)
{
	const struct world *w = state;

	(void)machine;
	return interleave_ended(&w->threads[n]);
}

static int machine_wrong(const struct machine *machine, const void *state)
{
	const struct world *w = state;

	(void)machine;
	return w->wrong;
}

static int machine_rest(const struct machine *machine, const void *state)
{
	return (int)rest(machine->scenario, state);
}

static enum wrong explore_pageblock(const struct scenario *s,
				    enum mutant mutant, uint32_t *nr_states)
{
	const struct machine machine = {
		.scenario = s,
		.mutant = (int)mutant,
		.nr_threads = NR_THREADS,
		.state_bytes = sizeof(struct world),
		.step = machine_step,
		.ended = machine_ended,
		.wrong = machine_wrong,
		.rest = machine_rest,
		.stuck = WRONG_STUCK,
	};
	struct world w;

	interleave_start(s, &w);
	return (enum wrong)explore(&machine, &w, nr_states);
}

/* ---- tests ---- */

static void rules_hold(void **state)
{
	uint32_t nr, sum = 0;
	size_t i;

	(void)state;
	for (i = 0; i < NR_SCENARIOS; i++) {
		enum wrong what = explore_pageblock(&scenarios[i], MUTANT_NONE,
						    &nr);

		print_message("# %s: %u states\n", scenarios[i].name, nr);
		if (what)
			fail_msg("%s: %s", scenarios[i].name,
				 wrong_names[what]);
		assert_true(nr > 20);
		sum += nr;
	}
	print_message("# %u states\n", sum);
}

static void mutants_are_noticed(void **state)
{
	int mutant;

	(void)state;
	for (mutant = MUTANT_NONE + 1; mutant < NR_MUTANTS; mutant++) {
		enum wrong what = WRONG_NOTHING;
		uint32_t nr;
		size_t i;

		/* The scenarios that withhold come last. */
		i = mutant < CLOSE_DROPS_COUNT ? 0 : FIRST_WITHHELD;
		for (; i < NR_SCENARIOS && !what; i++)
			what = explore_pageblock(&scenarios[i],
						 (enum mutant)mutant, &nr);
		if (!what)
			fail_msg("nobody notices: %s", mutant_names[mutant]);
		print_message("# %s: %s (%s)\n", mutant_names[mutant],
			      wrong_names[what], scenarios[i - 1].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_hold),
		cmocka_unit_test(mutants_are_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
