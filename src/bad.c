/* SPDX-License-Identifier: MIT */
/* The table of bad pages; see bad.h. */
#include "bad.h"

static bool bad_is_in(uint64_t entry, struct mhp_range range)
{
	return entry & BAD_LIVE &&
	       (entry & BAD_PFN) - range.start_pfn < range.nr_pages;
}

static uint64_t bad_top(const struct mhp *m)
{
	return mhp_port_load_seq(&m->bad_top);
}

uint64_t bad_kept(const struct mhp *m, mhp_pfn_t pfn)
{
	uint64_t top = bad_top(m), bits = 0, i;

	for (i = 0; i < top; i++) {
		uint64_t entry = mhp_port_load_seq(&m->bad[i]);

		if (bad_is_in(entry, mhp_range_make(pfn, 64)) &&
		    !(entry & BAD_HELD))
			bits |= UINT64_C(1) << ((entry & BAD_PFN) - pfn);
	}
	return bits;
}

/* Clear held in one entry; false if somebody else did so just now. */
static bool bad_let_go_entry(mhp_word_t *entry, struct mhp_range range)
{
	uint64_t was = mhp_port_load_seq(entry);

	while (was & BAD_HELD && bad_is_in(was, range)) {
		uint64_t pfn = was & BAD_PFN;

		if (mhp_port_cas(entry, &was, was & ~BAD_HELD))
			return true;
		if ((was & (BAD_PFN | BAD_LIVE | BAD_HELD)) == (pfn | BAD_LIVE))
			return false;
	}
	return true;
}

bool bad_let_go(struct mhp *m, struct mhp_range range)
{
	uint64_t top = bad_top(m), i;

	for (i = 0; i < top; i++)
		if (!bad_let_go_entry(&m->bad[i], range))
			return false;
	return true;
}

mhp_word_t *bad_find(const struct mhp *m, mhp_pfn_t pfn)
{
	uint64_t top = bad_top(m), i;

	for (i = 0; i < top; i++)
		if (bad_is_in(mhp_port_load_seq(&m->bad[i]),
			      mhp_range_make(pfn, 1)))
			return &m->bad[i];
	return NULL;
}

mhp_pfn_t bad_next(const struct mhp *m, struct mhp_range range)
{
	uint64_t top = bad_top(m), i;
	mhp_pfn_t lowest = MHP_PFN_NONE;

	for (i = 0; i < top; i++) {
		uint64_t entry = mhp_port_load_seq(&m->bad[i]);

		if (bad_is_in(entry, range) && (entry & BAD_PFN) < lowest)
			lowest = entry & BAD_PFN;
	}
	return lowest;
}

uint64_t bad_count(const struct mhp *m, struct mhp_range range)
{
	uint64_t top = bad_top(m), nr = 0, i;

	for (i = 0; i < top; i++)
		nr += bad_is_in(mhp_port_load_seq(&m->bad[i]), range);
	return nr;
}

bool bad_has_room(const struct mhp *m)
{
	return m->nr_bad < m->max_bad;
}

mhp_word_t *bad_enter(struct mhp *m, mhp_pfn_t pfn, uint64_t flags)
{
	uint64_t i = 0;

	MHP_ASSERT(bad_has_room(m));
	while (mhp_port_load(&m->bad[i]))
		i++;
	mhp_port_store_release(&m->bad[i], BAD_LIVE | flags | pfn);
	if (i >= mhp_port_load(&m->bad_top))
		mhp_port_store_release(&m->bad_top, i + 1);
	m->nr_bad++;
	return &m->bad[i];
}

void bad_forget(struct mhp *m, struct mhp_range range)
{
	uint64_t i;

	for (i = mhp_port_load(&m->bad_top); i--;) {
		uint64_t entry = mhp_port_load(&m->bad[i]);

		if (bad_is_in(entry, range))
			(void)bad_remove(m, &m->bad[i], entry);
	}
}

bool bad_remove(struct mhp *m, mhp_word_t *entry, uint64_t was)
{
	uint64_t top = mhp_port_load(&m->bad_top);

	if (!mhp_port_cas(entry, &was, 0))
		return false;
	/* So that nothing is scanned when nothing is bad. */
	while (top && !mhp_port_load(&m->bad[top - 1]))
		top--;
	mhp_port_store_release(&m->bad_top, top);
	m->nr_bad--;
	return true;
}
