/* SPDX-License-Identifier: MIT */
/*
 * Every order in which two or three threads can take the steps of interleave.h,
 * from a number of beginnings: no page is granted twice or behind isolation,
 * nobody is stuck, and when all have ended nothing is hidden or left open.
 *
 * So that this is known to see anything, every rule is broken once (a mutant),
 * and at least one scenario has to notice.
 */
#include "explore.h"
#include "interleave_steps.h"

_Static_assert(sizeof(struct thread) == 16 &&
		       sizeof(struct world) == 20 + NR_THREADS * 16,
	       "states are compared as bytes");

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
	[WITHHOLD_KEEPS_FULL] = "full not cleared when all are withheld",
	[RELEASE_ROWS_FIRST] = "bits cleared before the count falls",
	[RELEASE_HASTE] = "released in its first use",
	[RELEASE_FREES_BAD] = "a bad page released with the rest",
	[RELEASE_KEEPS_FULL] = "full not cleared by a release",
	[RELEASE_LEAVES_OPEN] = "not closed by a release",
	[RELEASE_KEEPS_NOWHOLE] = "nowhole not cleared by a release",
	[REVIVE_BITS_LAST] = "not dead any more before bits are set",
	[REVIVE_KEEPS_NOWHOLE] = "nowhole not cleared by the first release",
	[HOST_NO_HOLD] = "memmap leaves without a hold",
	[HOST_HASTE] = "memmap leaves in its first use",
	[HOST_BY_PIECE] = "one piece comes back before the next is noted",
	[HOST_ROWS_FIRST] = "bits cleared while they are memmap",
	[HOST_SHOWS_LATE] = "gaps are noted before it is dead",
	[HOST_DROPS_ISOLATED] = "what was all memmap is not isolated",
	[HOST_FREES_BAD] = "a bad page comes back with the rest",
	[HOST_KEEPS_FULL] = "full not cleared when memmap leaves",
	[HOST_LEAVES_OPEN] = "not closed when memmap leaves",
	[HOST_KEEPS_NOWHOLE] = "nowhole not cleared when it is reopened",
	[HOST_KEEPS_MIXED] = "mixed though nothing is kept",
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
	       fixed(s, w, page / ROW_PAGES) >> page % ROW_PAGES & 1;
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

static void machine_start(const void *scenario, void *state)
{
	interleave_start(scenario, state);
}

static bool machine_step(const void *scenario, int mutant, void *state,
			 unsigned int n)
{
	return interleave_step(scenario, (enum mutant)mutant, state, n);
}

static bool machine_ended(const void *scenario, const void *state,
			  unsigned int n)
{
	const struct world *w = state;

	(void)scenario;
	return interleave_ended(&w->threads[n]);
}

static int machine_wrong(const void *state)
{
	return ((const struct world *)state)->wrong;
}

static int machine_rest(const void *scenario, const void *state)
{
	return (int)rest(scenario, state);
}

static const struct machine machine = {
	.scenarios = interleave_scenarios,
	.scenario_bytes = sizeof(interleave_scenarios[0]),
	.nr_scenarios = NR_INTERLEAVE_SCENARIOS,
	.wrong_names = wrong_names,
	.stuck = WRONG_STUCK,
	.mutant_names = mutant_names,
	.nr_mutants = NR_MUTANTS,
	.least_states = 20,
	.nr_threads = NR_THREADS,
	.state_bytes = sizeof(struct world),
	.start = machine_start,
	.step = machine_step,
	.ended = machine_ended,
	.wrong = machine_wrong,
	.rest = machine_rest,
	.first = interleave_first,
};

int main(void)
{
	return explore_main(&machine);
}
