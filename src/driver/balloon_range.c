/* SPDX-License-Identifier: MIT */
/*
 * The range of a balloon: its border goes up when more is backed, and down when
 * pages go back to the host.
 *
 *                  nr_backed      nr_known
 *   | block | block | block       |                   the range
 *   |   the engine's     |withheld| unknown to it
 *
 * nr_known is whole blocks and at least nr_backed; in between is at most one
 * block. Pages are backed before the engine gets them, and the host gets none
 * before the engine has let go of it.
 */
#include "balloon.h"
#include "mhp/policy.h"
#include "mhp/withhold.h"

/* What a step upwards does: blocks that are new and wholly backed, one that is
 * new and partly backed, pages of one that is there. */
struct extension {
	struct mhp_range known; /* to be released */
	struct mhp_range whole;
	struct mhp_range partial; /* of a block: what is backed */
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static mhp_pfn_t balloon_known_end(const struct mhp_balloon *b)
{
	return b->setup.range.start_pfn + b->nr_known;
}

static struct extension extension_make(const struct mhp *m,
				       const struct mhp_balloon *b,
				       uint64_t nr_pages)
{
	uint64_t block_pages = mhp_block_pages(mhp_geometry(m));
	uint64_t in_known = smaller(nr_pages, b->nr_known - b->nr_backed);
	uint64_t rest = nr_pages - in_known;
	uint64_t whole = rest - rest % block_pages;
	mhp_pfn_t known_end = balloon_known_end(b);

	return (struct extension){
		.known = mhp_range_make(balloon_border(b), in_known),
		.whole = mhp_range_make(known_end, whole),
		.partial = mhp_range_make(known_end + whole, rest - whole),
	};
}

/* Linux's drivers never ask for a memmap on the memory. */
static enum mhp_placement balloon_placement(const struct mhp *m,
					    const struct mhp_balloon *b)
{
	return mhp_profile(m) == MHP_PROFILE_NATIVE ? b->setup.placement
						    : MHP_PLACEMENT_EXISTING;
}

static int balloon_add(struct mhp *m, const struct mhp_balloon *b,
		       struct mhp_range range, enum mhp_placement placement,
		       uint32_t flags, struct mhp_report *report)
{
	struct mhp_add_request request = {
		.size_bytes = sizeof(request),
		.range = range,
		.node = b->setup.node,
		.placement = placement,
		.flags = flags | MHP_ADD_MERGE,
	};

	return range.nr_pages ? mhp_add(m, &request, report) : 0;
}

static struct mhp_range block_of(const struct mhp *m, mhp_pfn_t pfn)
{
	const struct mhp_geometry *g = mhp_geometry(m);

	return mhp_block_range(g, mhp_block_id(g, pfn));
}

/* Pages at the start of a block that hold memmap and state. */
static uint64_t block_nr_hosted(struct mhp *m, mhp_pfn_t pfn)
{
	struct mhp_block_info info;

	if (mhp_block_query(m, mhp_block_id(mhp_geometry(m), pfn), &info) ||
	    info.placement == MHP_PLACEMENT_EXISTING)
		return 0;
	return info.nr_memmap;
}

/* Forget blocks that the same call has added. If somebody put them to use
 * meanwhile they stay, and the next call meets them. */
static void balloon_forget(struct mhp *m, struct mhp_range range)
{
	if (!range.nr_pages || !mhp_remove(m, range, NULL))
		return;
	if (mhp_offline_and_remove(m, range, MHP_NO_DEADLINE, 0, NULL))
		return;
}

/* Add a block of which only the first pages are backed. */
static int balloon_add_partial(struct mhp *m, const struct mhp_balloon *b,
			       struct mhp_range backed,
			       struct mhp_report *report)
{
	struct mhp_range block = block_of(m, backed.start_pfn);
	enum mhp_placement placement = balloon_placement(m, b);
	uint64_t nr_hosted;
	int err = mhp_hosted_pages(m, block, placement, &nr_hosted);

	if (err)
		return driver_refuse(report, err, MHP_WHY_REENTERED, NULL);
	if (nr_hosted >= backed.nr_pages) {
		placement = MHP_PLACEMENT_EXISTING;
		nr_hosted = 0;
	}
	err = balloon_add(m, b, block, placement, MHP_ADD_WITHHELD, report);
	if (err)
		return err;
	backed.start_pfn += nr_hosted;
	backed.nr_pages -= nr_hosted;
	err = mhp_release(m, backed, report);
	if (err)
		balloon_forget(m, block);
	return err;
}

static int balloon_release_known(struct mhp *m, struct mhp_range range,
				 struct mhp_report *report)
{
	return range.nr_pages ? mhp_release(m, range, report) : 0;
}

int balloon_extend(struct mhp *m, struct mhp_balloon *b, uint64_t nr_pages,
		   struct mhp_report *report)
{
	struct extension e = extension_make(m, b, nr_pages);
	struct mhp_range fresh = mhp_range_make(e.whole.start_pfn,
						e.whole.nr_pages);
	int err = balloon_add(m, b, e.whole, balloon_placement(m, b), 0,
			      report);

	if (err)
		return err;
	if (e.partial.nr_pages) {
		err = balloon_add_partial(m, b, e.partial, report);
		if (err)
			goto forget_whole;
		fresh.nr_pages += mhp_block_pages(mhp_geometry(m));
	}
	err = balloon_release_known(m, e.known, report);
	if (err)
		goto forget_all;
	b->nr_backed += nr_pages;
	b->nr_known += fresh.nr_pages;
	/* As in Linux memory counts as added if it cannot go online. */
	if (fresh.nr_pages)
		(void)mhp_auto_online(m, fresh);
	return 0;
forget_all:
	balloon_forget(m, fresh);
	return err;
forget_whole:
	balloon_forget(m, e.whole);
	return err;
}

/* ---- downwards ---- */

/* Remove the last block; what is backed of it is nobody's then. */
static bool balloon_remove_block(struct mhp *m, struct mhp_balloon *b,
				 uint64_t deadline_ns)
{
	struct mhp_range block = block_of(m, balloon_known_end(b) - 1);

	if (mhp_offline_and_remove(m, block, deadline_ns, 0, NULL))
		return false;
	b->nr_known -= block.nr_pages;
	if (b->nr_backed > b->nr_known)
		b->nr_backed = b->nr_known;
	return true;
}

/* Give the backed pages of a block that was removed to the host; returns
 * whether all of them went. */
static bool balloon_give_block(struct mhp *m, struct mhp_balloon *b,
			       struct mhp_range backed, uint64_t *nr_done)
{
	uint64_t taken;

	if (!backed.nr_pages)
		return true;
	taken = balloon_release(b, backed);
	*nr_done += taken;
	if (taken == backed.nr_pages)
		return true;
	/* If what it left cannot be added again, it is as good as given. */
	if (balloon_extend(m, b, backed.nr_pages - taken, NULL))
		*nr_done += backed.nr_pages - taken;
	return false;
}

/* Withhold the last @nr_pages backed pages, or if that cannot be done fewer;
 * returns how many, 0 for none. */
static uint64_t balloon_withhold(struct mhp *m, struct mhp_balloon *b,
				 uint64_t nr_pages, uint64_t deadline_ns)
{
	for (; nr_pages; nr_pages /= 2) {
		struct mhp_range range = mhp_range_make(
			balloon_border(b) - nr_pages, nr_pages);

		if (!mhp_withhold(m, range, deadline_ns, NULL))
			break;
	}
	return nr_pages;
}

/* Give the last @nr_pages backed pages, of one pageblock, to the host; returns
 * whether all of them went. */
static bool balloon_retract_pages(struct mhp *m, struct mhp_balloon *b,
				  uint64_t nr_pages, uint64_t deadline_ns,
				  uint64_t *nr_done)
{
	uint64_t nr = balloon_withhold(m, b, nr_pages, deadline_ns), taken;
	struct mhp_range range = mhp_range_make(balloon_border(b) - nr, nr);

	if (!nr)
		return false;
	taken = balloon_release(b, range);
	b->nr_backed -= taken;
	*nr_done += taken;
	if (taken == nr)
		return nr == nr_pages;
	range.nr_pages -= taken;
	/* Only a transition by somebody else can be in the way; then they stay
	 * withheld, and are as good as given. */
	if (mhp_release(m, range, NULL)) {
		b->nr_backed -= range.nr_pages;
		*nr_done += range.nr_pages;
	}
	return false;
}

/* A step downwards in the last block; whether there may be another one. */
static bool balloon_retract_step(struct mhp *m, struct mhp_balloon *b,
				 uint64_t nr_pages, uint64_t deadline_ns,
				 uint64_t *nr_done)
{
	uint64_t pageblock_pages = mhp_pageblock_pages(mhp_geometry(m));
	mhp_pfn_t border = balloon_border(b), start, floor;
	uint64_t nr_here;

	start = block_of(m, balloon_known_end(b) - 1).start_pfn;
	nr_here = border - start;
	/* All at once, so that nothing moves to where it must leave again. */
	if (nr_here <= nr_pages && balloon_remove_block(m, b, deadline_ns))
		return balloon_give_block(m, b, mhp_range_make(start, nr_here),
					  nr_done);
	start += block_nr_hosted(m, start);
	if (border <= start)
		return false;
	floor = (border - 1) & ~(pageblock_pages - 1);
	if (floor < start)
		floor = start;
	return balloon_retract_pages(m, b, smaller(nr_pages, border - floor),
				     deadline_ns, nr_done);
}

uint64_t balloon_retract(struct mhp *m, struct mhp_balloon *b,
			 uint64_t nr_pages, uint64_t deadline_ns)
{
	uint64_t nr_done = 0;

	while (nr_done < nr_pages && b->nr_known && !balloon_broken(b) &&
	       balloon_retract_step(m, b, nr_pages - nr_done, deadline_ns,
				    &nr_done))
		;
	return nr_done;
}

int balloon_leave(struct mhp *m, struct mhp_balloon *b, uint64_t deadline_ns,
		  struct mhp_report *report)
{
	struct mhp_range range = mhp_range_make(b->setup.range.start_pfn,
						b->nr_known);
	int err;

	if (!b->nr_known)
		return 0;
	err = mhp_offline_and_remove(m, range, deadline_ns, 0, report);
	if (err && err != MHP_ERR_NOENT)
		return err;
	range.nr_pages = b->nr_backed;
	b->nr_known = 0;
	b->nr_backed = 0;
	if (b->setup.ops && !balloon_broken(b) && range.nr_pages)
		(void)balloon_release(b, range);
	return 0;
}
