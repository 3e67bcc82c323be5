/* SPDX-License-Identifier: MIT */
/*
 * Front end for balloons: init, fini, and what host and guest want of it. The
 * range is balloon_range.c's, pages from elsewhere are balloon_held.c's.
 *
 * The host is not believed: what it says it has done can be no more than was
 * asked. One that says otherwise is not asked again.
 */
#include "balloon.h"

/* ---- the host ---- */

/* What an answer means; @wrong if it cannot be. */
static uint64_t balloon_answer(struct mhp_balloon *b, int64_t answer,
			       uint64_t nr_pages, uint64_t wrong)
{
	if (answer <= 0)
		return 0;
	if ((uint64_t)answer <= nr_pages)
		return (uint64_t)answer;
	mhp_port_store(&b->broken, 1);
	return wrong;
}

uint64_t balloon_populate(struct mhp_balloon *b, struct mhp_range range)
{
	if (balloon_broken(b))
		return 0;
	return balloon_answer(b,
			      b->setup.ops->populate(b->setup.ops_ctx, range),
			      range.nr_pages, 0);
}

uint64_t balloon_release(struct mhp_balloon *b, struct mhp_range range)
{
	if (balloon_broken(b))
		return 0;
	return balloon_answer(b, b->setup.ops->release(b->setup.ops_ctx, range),
			      range.nr_pages, range.nr_pages);
}

static int balloon_is_broken(struct mhp_report *report)
{
	return driver_refuse(report, MHP_ERR_IO, MHP_WHY_DEVICE_ANSWER,
			     "the host did more than it was asked for");
}

/* ---- life ---- */

static int setup_check(const struct mhp *m,
		       const struct mhp_balloon_setup *setup,
		       struct mhp_report *report)
{
	uint64_t mask = mhp_block_pages(mhp_geometry(m)) - 1;
	struct mhp_range range = setup->range;

	if (setup->ops && (setup->ops->size_bytes != sizeof(*setup->ops) ||
			   !setup->ops->populate || !setup->ops->release))
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_OPS_MISSING,
				     "populate and release");
	if (setup->max_held && (!setup->held || !setup->ops))
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST,
				     "pages are held with words for them and "
				     "operations only");
	if ((range.start_pfn | range.nr_pages) & mask)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_UNALIGNED,
				     NULL);
	if (range.start_pfn > mhp_max_pfn(m) ||
	    range.nr_pages > mhp_max_pfn(m) - range.start_pfn)
		return driver_refuse(report, MHP_ERR_2BIG, MHP_WHY_BEYOND_END,
				     NULL);
	if (setup->node >= mhp_geometry(m)->nr_nodes)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_BAD_NODE,
				     NULL);
	if ((unsigned int)setup->placement > MHP_PLACEMENT_BLOCK)
		return driver_refuse(report, MHP_ERR_INVAL,
				     MHP_WHY_BAD_PLACEMENT, NULL);
	return 0;
}

int mhp_balloon_init(struct mhp *m, struct mhp_balloon *b,
		     const struct mhp_balloon_setup *setup,
		     struct mhp_report *report)
{
	int err = setup_check(m, setup, report);
	uint32_t i;

	if (err)
		return err;
	*b = (struct mhp_balloon){.setup = *setup};
	for (i = 0; i < setup->max_held; i++)
		mhp_port_store(&setup->held[i], 0);
	if (!setup->max_held)
		return 0;
	err = mhp_owner_register(m, &balloon_owner_ops, b, &b->owner);
	return err ? driver_refuse(report, err, MHP_WHY_BAD_OWNER, NULL) : 0;
}

int mhp_balloon_fini(struct mhp *m, struct mhp_balloon *b, uint64_t deadline_ns,
		     struct mhp_report *report)
{
	int err;

	(void)balloon_let_go(m, b, UINT64_MAX);
	if (mhp_port_load(&b->nr_held))
		return balloon_broken(b)
			       ? balloon_is_broken(report)
			       : driver_refuse(report, MHP_ERR_NOMEM,
					       MHP_WHY_DEVICE_BUSY,
					       "the host does not populate "
					       "what is held");
	err = balloon_leave(m, b, deadline_ns, report);
	if (err || !b->setup.max_held)
		return err;
	err = mhp_owner_unregister(m, b->owner);
	return err ? driver_refuse(report, err, MHP_WHY_BAD_OWNER, NULL) : 0;
}

/* ---- what the host does ---- */

int mhp_balloon_hot_add(struct mhp *m, struct mhp_balloon *b,
			struct mhp_range backed, struct mhp_report *report)
{
	int err;

	if (balloon_broken(b))
		return balloon_is_broken(report);
	if (b->closed)
		return driver_refuse(report, MHP_ERR_EXIST, MHP_WHY_OVERLAP,
				     "hot-add has met other memory before");
	if (!backed.nr_pages)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_EMPTY_RANGE,
				     NULL);
	if (backed.start_pfn != balloon_border(b))
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST,
				     "it must begin where the backed pages "
				     "end");
	if (backed.nr_pages > b->setup.range.nr_pages - b->nr_backed)
		return driver_refuse(report, MHP_ERR_INVAL, MHP_WHY_BAD_REQUEST,
				     "it must end inside the range");
	err = balloon_extend(m, b, backed.nr_pages, report);
	if (err == MHP_ERR_EXIST)
		b->closed = true;
	return err;
}

/* ---- what the guest does ---- */

static int balloon_usable(const struct mhp_balloon *b,
			  struct mhp_report *report)
{
	if (!b->setup.ops)
		return driver_refuse(report, MHP_ERR_OPNOTSUPP,
				     MHP_WHY_OPS_MISSING, "populate, release");
	return balloon_broken(b) ? balloon_is_broken(report) : 0;
}

/* Have up to @nr_pages of the reserve populated; returns how many in
 * @nr_done. */
static int balloon_deflate_reserve(struct mhp *m, struct mhp_balloon *b,
				   uint64_t nr_pages, uint64_t *nr_done,
				   struct mhp_report *report)
{
	uint64_t room = b->setup.range.nr_pages - b->nr_backed;
	struct mhp_range range = mhp_range_make(balloon_border(b), nr_pages);
	int err;

	if (range.nr_pages > room)
		range.nr_pages = room;
	if (!range.nr_pages)
		return 0;
	range.nr_pages = balloon_populate(b, range);
	if (!range.nr_pages)
		return 0;
	err = balloon_extend(m, b, range.nr_pages, report);
	if (err) {
		(void)balloon_release(b, range);
		return err;
	}
	*nr_done += range.nr_pages;
	return 0;
}

int mhp_balloon_deflate(struct mhp *m, struct mhp_balloon *b, uint64_t nr_pages,
			uint64_t *nr_done, struct mhp_report *report)
{
	int err = balloon_usable(b, report);

	*nr_done = 0;
	if (err)
		return err;
	*nr_done = balloon_let_go(m, b, nr_pages);
	if (*nr_done < nr_pages)
		err = balloon_deflate_reserve(m, b, nr_pages - *nr_done,
					      nr_done, report);
	if (balloon_broken(b))
		return balloon_is_broken(report);
	if (err || *nr_done == nr_pages)
		return err;
	if (!mhp_port_load(&b->nr_held) &&
	    b->nr_backed == b->setup.range.nr_pages)
		return driver_refuse(report, MHP_ERR_NOSPC, MHP_WHY_DEVICE_BUSY,
				     "the balloon is empty");
	return driver_refuse(report, MHP_ERR_NOMEM, MHP_WHY_DEVICE_BUSY,
			     "the host gave fewer pages");
}

int mhp_balloon_inflate(struct mhp *m, struct mhp_balloon *b, uint64_t nr_pages,
			uint64_t deadline_ns, uint64_t *nr_done,
			struct mhp_report *report)
{
	int err = balloon_usable(b, report);

	*nr_done = 0;
	if (err)
		return err;
	*nr_done = balloon_retract(m, b, nr_pages, deadline_ns);
	if (!balloon_broken(b))
		err = balloon_hold(m, b, nr_pages - *nr_done, nr_done, report);
	return balloon_broken(b) ? balloon_is_broken(report) : err;
}
